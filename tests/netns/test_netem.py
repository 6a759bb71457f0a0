#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A line that delays, loses, repeats and reorders (netem): what the row says of retransmissions and
round trips, against the socket's own account (ss -ti) and a parallel capture."""
import json
import os
import re
import subprocess
import unittest

import tap
import traffic
from daemon import FLOWCLI, TIME_SCALE, Daemon, facts, key_of
from lab import Routed, wait_until
from witness import Key

TCP = 6
BYTES = 300_000
RTT_SLACK = 0.10


class Netem(unittest.TestCase):
    def setUp(self):
        self.lab = Routed()
        self.addCleanup(self.lab.close)
        added = self.lab.node.run("tc", "qdisc", "add", "dev", "server", "root", "netem", "delay",
                                  "1ms", check=False)
        if added.returncode:
            self.skipTest(f"no netem in this kernel: {added.stderr.strip()}")
        self.daemon = Daemon(self.lab, self.lab.node, ["client", "server"],
                             {"flow.active_timeout": "1s", "events.rate": "100000"}).ready()

    def netem(self, device, *what):
        self.lab.node.run("tc", "qdisc", "replace", "dev", device, "root", "netem", *what)

    def socket_account(self, port):
        """(retransmissions, srtt in ms, minimum in ms) of the client's socket."""
        shown = self.lab.client.run("ss", "-Htin", f"sport = :{port}").stdout
        retrans = re.search(r"retrans:\d+/(\d+)", shown)
        rtt = re.search(r"\brtt:([\d.]+)/", shown)
        minimum = re.search(r"minrtt:([\d.]+)", shown)
        self.assertTrue(rtt, shown)
        return int(retrans.group(1)) if retrans else 0, float(rtt.group(1)), \
            float(minimum.group(1)) if minimum else 0

    def send_all(self, seconds):
        """A connection that has sent BYTES and had them acknowledged; still open."""
        pair = traffic.TcpPair(self.lab.client, self.lab.server, self.lab.SERVER4, 8080)
        for end in (pair.client, pair.server):
            end.settimeout(seconds)
        pair.say(BYTES)
        def acknowledged():
            shown = self.lab.client.run("ss", "-Htn", f"sport = :{pair.port}").stdout
            return shown.split()[2] == "0"  # Send-Q
        wait_until("all acknowledged", acknowledged, seconds)
        return pair

    def rows(self, key):
        return [facts(flow)["tcp"] for flow in self.daemon.flows() if key_of(flow) == key]

    def retransmits(self, key):
        return sum(row.get("retransmits", 0) for row in self.rows(key))

    def test_delay(self):
        """delay: handshake and smoothed round trip within a tenth of the socket's"""
        self.netem("server", "delay", "40ms")
        pair = self.send_all(60 * TIME_SCALE)
        key = Key(self.lab.CLIENT4, self.lab.SERVER4, TCP, pair.port, 8080)
        _, srtt, minimum = self.socket_account(pair.port)
        pair.client.close()
        pair.server.close()
        def told():
            rows = [row for row in self.rows(key) if "srtt_ns" in row and "handshake_rtt_ns" in row
                    and int(row["srtt_ns"]["min"]) <= srtt * (1 + RTT_SLACK) * 1e6]
            return rows and rows[-1]
        row = wait_until(f"row with round trips, srtt {srtt} ms: {self.rows(key)}", told,
                         20 * TIME_SCALE)
        self.assertGreaterEqual(int(row["handshake_rtt_ns"]), 39_000_000)
        self.assertGreaterEqual(int(row["srtt_ns"]["max"]) / 1e6, srtt * (1 - RTT_SLACK))
        self.assertAlmostEqual(int(row["rtt_min_ns"]) / 1e6, minimum, delta=minimum * RTT_SLACK)

    def test_loss(self):
        """loss, reordering and duplicates: as many retransmissions as the socket counts, and as the
        capture of the sender's end shows"""
        self.netem("server", "loss", "10%", "delay", "10ms", "reorder", "20%", "duplicate", "5%")
        for host in (self.lab.client, self.lab.server):  # a segment a packet
            host.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off")
        path = os.path.join(self.lab.directory, "sender.pcapng")
        capture = self.lab.start(self.lab.client, FLOWCLI, "capture", "-w", path, "-i", "eth0",
                                 "--snaplen", "128", "tcp", stderr=subprocess.PIPE, text=True)
        self.assertIn("capturing", capture.stderr.readline())
        pair = self.send_all(120 * TIME_SCALE)
        key = Key(self.lab.CLIENT4, self.lab.SERVER4, TCP, pair.port, 8080)
        counted, _, _ = self.socket_account(pair.port)
        self.assertGreater(counted, 0)
        try:
            wait_until(f"{counted} retransmissions in the rows",
                       lambda: self.retransmits(key) == counted, 20 * TIME_SCALE)
        except AssertionError as error:
            raise AssertionError(f"{error}; rows: {self.rows(key)}") from error
        capture.terminate()
        capture.wait(10 * TIME_SCALE)
        shown = subprocess.run([FLOWCLI, "tcp", "-q", "--all", "-o", "json", "--pcap", path],
                               capture_output=True, text=True, check=True).stdout
        seen = [json.loads(line) for line in shown.splitlines()]
        ours, = [row for row in seen if row["source"] == f"{self.lab.CLIENT4}:{pair.port}"]
        repeated = subprocess.run([FLOWCLI, "observe", "-q", "--all", "-o", "json", "--pcap", path,
                                   "--from-port", str(pair.port)], capture_output=True, text=True,
                                  check=True).stdout
        late = sum(facts(json.loads(line)["flow"])["tcp"].get("out_of_order", 0)
                   for line in repeated.splitlines())
        # what comes again within a round trip looks out of order, to tshark too
        self.assertEqual(int(ours["retransmits"]) + late, counted, f"{late} of them within an RTT")
        pair.client.close()
        pair.server.close()


if __name__ == "__main__":
    tap.main()
