#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The commands that make sense of trouble, as their users see them: why, drops, tcp, and the filters
of observe."""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import tap
import traffic
from daemon import FLOWCLI, TIME_SCALE, Daemon, facts, key_of
from lab import Cluster, wait_until

QUICK = {"flow.drain_interval": "100ms", "flow.active_timeout": "1s", "dns.timeout": "1s"}
SLOW_S = 1.2


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


class NameServer:
    """Answers in the namespace: fast.test with the address, slow.test with it and late, nope.test
    with NXDOMAIN, and others not at all."""

    def __init__(self, namespace, address):
        with namespace:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.address = address
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            if not query:
                return
            if b"\4slow" in query or b"\4fast" in query:
                time.sleep(SLOW_S * TIME_SCALE * (b"\4slow" in query))  # this is what is measured
                record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 30, 4) + socket.inet_aton(self.address)
                answer = query[:2] + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + query[12:] + record
            elif b"\4nope" in query:
                answer = query[:2] + struct.pack(">5H", 0x8183, 1, 0, 0, 0) + query[12:]
            else:
                continue
            self.socket.sendto(answer, client)

    def close(self):
        self.socket.sendto(b"", (self.address, 53))
        self.thread.join()
        self.socket.close()


class Case(unittest.TestCase):
    NOBODY4 = "10.99.0.77"

    @classmethod
    def setUpClass(cls):
        cls.lab = Cluster()
        cls.addClassCleanup(cls.lab.close)
        hosts = os.path.join(cls.lab.directory, "hosts")
        with open(hosts, "w", encoding="ascii") as file:
            file.write(f"{cls.NOBODY4} printer\n")
        cls.daemon = Daemon(cls.lab, cls.lab.node, ["web", "client"],
                            {**QUICK, "identity.hosts": hosts}).ready()

    def ask(self, name, seconds):
        with self.lab.client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(seconds * TIME_SCALE)
            client.sendto(question(name), (self.lab.WEB4, 53))
            try:
                return client.recv(512)
            except socket.timeout:
                return None

    def says(self, status, wanted, *arguments):
        """`flowcli why` exits with the status and says what is wanted; returns its output."""
        done = None
        def look():
            nonlocal done
            done = self.daemon.cli("why", "-q", *arguments)
            return done.returncode == status and re.search(wanted, done.stdout) and done.stdout
        try:
            return wait_until(f"why {arguments} says {wanted}", look, 10 * TIME_SCALE)
        except AssertionError as error:
            raise AssertionError(f"{error}: {done}") from None


class Why(Case):
    def test_dns(self):
        """the time that DNS took, by the name and by the address; and names that have none"""
        server = NameServer(self.lab.web, self.lab.WEB4)
        self.addCleanup(server.close)
        self.assertTrue(self.ask("slow.test", 5))
        traffic.tcp(self.lab.client, self.lab.web, self.lab.WEB4, 8080)
        took = r"DNS took (\d+\.\d+)s of the (\d+\.\d+)s until the connection was open: slow.test, " \
            "answered by 10.99.0.2"
        for destination in ("slow.test", "slow.test:8080", f"{self.lab.WEB4}:8080"):
            told = self.says(0, took, self.lab.CLIENT4, destination)
            dns, total = map(float, re.search(took, told).groups())
            self.assertTrue(SLOW_S <= dns <= total, told)
            self.assertIn("DNS Answer", told)
        self.assertTrue(self.ask("nope.test", 5))
        self.says(0, "said NXDOMAIN to .* question for nope.test, 1 time", self.lab.CLIENT4, "nope.test")
        self.assertIsNone(self.ask("mute.test", 0.1))
        self.says(0, "did not answer .* question for mute.test", self.lab.CLIENT4, "mute.test")
        self.says(0, r"did not answer \d of \d questions", self.lab.CLIENT4, f"{self.lab.WEB4}:53")

    def test_processes(self):
        """programs by their names: well first, then dropped by the server's firewall"""
        lab = self.lab
        lab.start(lab.web, "python3", "-m", "http.server", "-b", lab.WEB4, "8000",
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("server", lambda: traffic.refused(lab.web, lab.WEB4, 8000) is False)
        lab.client.run("curl", "-s", "-o", "/dev/null", f"http://{lab.WEB4}:8000/")
        told = self.says(3, "nothing wrong seen", "process=curl", "process=python3*:8000")
        self.assertRegex(told, r"Source: process curl \(10.99.0.3\)\n")
        self.assertRegex(told, r"Destination: process python3\S* \(10.99.0.2\)\n")
        self.addCleanup(lab.web.run, "nft", "flush", "ruleset")
        lab.web.drop("tcp dport 8000")
        done = lab.client.run("curl", "-s", "--connect-timeout", 1, f"http://{lab.WEB4}:8000/",
                              check=False)
        self.assertNotEqual(done.returncode, 0)
        told = self.says(0, r"SYNs? .*from curl dropped in 10.99.0.2's network namespace \d+ at eth0 by "
                         r"(nftables|netfilter) \(hook input", "curl", "10.99.0.2:8000")
        drops = json.loads(self.says(0, "found", "-o", "json", "curl", "10.99.0.2:8000"))["evidence"]["drops"]
        self.assertIn("NETFILTER_DROP", [drop["reason"] for drop in drops])

    def test_host(self):
        """a name of the hosts file, whose address nobody has"""
        for name, value in (("mcast_solicit", 1), ("retrans_time_ms", 100)):
            self.lab.client.set_sysctl(f"net/ipv4/neigh/eth0/{name}", value)
        with self.lab.client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"?", (self.NOBODY4, 9))
        told = self.says(0, "NEIGH_FAILED .*the next hop does not answer", self.lab.CLIENT4, "printer:9")
        self.assertIn(f"Destination: host printer ({self.NOBODY4})\n", told)

    def test_nothing(self):
        """no record: another exit status, and it says of what"""
        self.says(4, "no record of traffic between 192.0.2.1 and 192.0.2.2:80", "192.0.2.1",
                  "192.0.2.2:80")


class Sums(Case):
    """drops, tcp and the filters, over the same trouble: 7 dropped datagrams, a connection that
    loses data, one that is refused, and one that is well."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = cls.lab
        lab.web.drop("udp dport 7001")
        cls.addClassCleanup(lab.web.run, "nft", "flush", "ruleset")
        cls.spray(7)
        traffic.tcp(lab.client, lab.web, lab.WEB4, 7002, 5000, 500000)
        assert traffic.refused(lab.client, lab.WEB4, 7003)
        cls.lossy = traffic.TcpPair(lab.client, lab.web, lab.WEB4, 7004)
        cls.addClassCleanup(cls.lossy.server.close)
        cls.addClassCleanup(cls.lossy.client.close)
        lab.web.run("nft", "add", "rule", "inet", "lab", "c", "tcp", "dport", "7004", "drop")
        cls.lossy.client.send(bytes(1000))
        wait_until("row with retransmissions",
                   lambda: cls.daemon.flows("--all", "--to-port", "7004", "--retransmits", "2"),
                   10 * TIME_SCALE)

    @classmethod
    def spray(cls, count):
        with cls.lab.client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(count):
                sender.sendto(b"?", (cls.lab.WEB4, 7001))

    def ports(self, *arguments):
        """Destination ports of what observe shows."""
        return {key_of(flow).dport for flow in self.daemon.records("--all", *arguments)}

    def drops(self, *arguments):
        done = self.daemon.cli("drops", "-q", "-o", "json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    # ---- observe

    def test_filters(self):
        """verdict, type and reason, each as a filter of its own and together"""
        self.assertIn(7001, self.ports("--verdict", "DROPPED"))
        self.assertNotIn(7002, self.ports("--verdict", "DROPPED"))
        self.assertEqual(self.ports("-t", "drop", "--drop-reason", "NETFILTER_DROP") & {7003}, set())
        self.assertIn(7001, self.ports("--type", "drop", "--drop-reason", "NETFILTER_DROP"))
        self.assertEqual(self.ports("--drop-reason", "NO_SOCKET") & {7001, 7002, 7003}, {7003})
        self.assertEqual(self.ports("--drop-reason", "NONE_SUCH"), set())
        kinds = {facts(flow)["kind"] for flow in self.daemon.records("--all", "-t", "tcp")}
        self.assertTrue({"tcp_retransmit", "tcp_connect"} <= kinds, kinds)
        self.assertFalse([kind for kind in kinds if not kind.startswith("tcp_")])
        kinds = {facts(flow)["kind"] for flow in self.daemon.records("--all", "-t", "trace")}
        self.assertTrue(kinds <= {"flow_start", "flow_update", "flow_end"}, kinds)
        self.assertEqual(self.daemon.records("--all", "-t", "l7"), [])

    def test_thresholds(self):
        """--retransmits and --min-rtt: that much, and not one more"""
        row = self.daemon.flows("--all", "--to-port", "7004")[-1]
        total, flow_id = facts(row)["tcp"]["total_retransmits"], facts(row)["flow_id"]
        def ids(*arguments):
            return {facts(flow)["flow_id"] for flow in self.daemon.flows("--all", *arguments)}
        self.assertIn(flow_id, ids("--retransmits", str(total)))
        self.assertNotIn(flow_id, ids("--retransmits", "1000000"))
        self.assertEqual(self.ports("--retransmits", "1") & {7001, 7002, 7003, 7004}, {7004})
        well = self.daemon.flows("--all", "--to-port", "7002")
        tcp = [facts(flow)["tcp"] for flow in well if "handshake_rtt_ns" in facts(flow)["tcp"]][-1]
        rtt = max(int(tcp["handshake_rtt_ns"]), int(tcp.get("srtt_ns", {}).get("max", 0)))
        at_least = self.ports("--to-port", "7002", "--min-rtt", f"{rtt}ns")
        self.assertEqual(at_least, {7002})
        self.assertEqual(self.ports("--to-port", "7002", "--min-rtt", f"{rtt + 1000}ns"), set())

    def test_completion(self):
        """the reasons of the running kernel are offered for --drop-reason"""
        done = self.daemon.cli("complete", "--", "observe", "--drop-reason", "NETFILTER_D")
        self.assertEqual(done.stdout.split(), ["NETFILTER_DROP"])

    # ---- drops

    def test_drops(self):
        """by reason, site, flow and pod: every packet is counted once"""
        def look():
            rows = self.drops("--where", "destination.port=7001")
            return rows if rows and int(rows[0]["packets"]) == 7 else None
        row, = wait_until("7 drops", look, 10 * TIME_SCALE)
        self.assertEqual(row["drop.reason"], "NETFILTER_DROP")
        self.assertTrue(row["drop.site"])
        self.assertGreater(row["rate"], 0)
        for by in ("reason", "site", "flow", "pod", "hook", "netns", "source,destination", "interface"):
            rows = self.drops("--by", by, "--drop-reason", "NETFILTER_DROP", "--port", "7001")
            self.assertEqual([row["packets"] for row in rows], ["7"], by)
        flow, = self.drops("--by", "flow", "--port", "7001")
        self.assertEqual((flow["source.ip"], flow["destination.ip"], flow["destination.port"]),
                         (self.lab.CLIENT4, self.lab.WEB4, "7001"))
        self.assertEqual(self.drops("--not", "--where", "drop.reason=*"), [])

    def test_follow(self):
        """drops -f: the sums again as drops come, with the rate of the moment"""
        process = self.lab.start(self.lab.node, FLOWCLI, "drops", "-f", "-q", "--by", "destination.port",
                                 "--port", "7005", env=self.daemon.environment, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))
        reader.start()
        self.lab.web.run("nft", "add", "rule", "inet", "lab", "c", "udp", "dport", "7005", "drop")
        def shown(count):
            with self.lab.client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"?", (self.lab.WEB4, 7005))
            rows = [line.split() for line in lines if line.endswith(" 7005\n") or "  7005 " in line]
            return len(rows) >= count and rows
        rows = wait_until("two tables", lambda: shown(2), 15 * TIME_SCALE)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10 * TIME_SCALE), 0)
        reader.join()
        self.assertIn("NOW", lines[0])
        self.assertEqual(rows[0][2], "-")
        self.assertRegex(rows[1][2], r"^\d+\.\d/s$")
        self.assertGreater(int(rows[1][0]), int(rows[0][0]))

    # ---- tcp

    def worst(self, sort):
        """The row that `flowcli tcp` puts first."""
        done = self.daemon.cli("tcp", "-q", "--all", "--sort", sort, "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return rows[0], rows

    def test_tcp(self):
        """the connection that fares worst comes first, whatever worst means"""
        for sort in ("retransmits", "ratio"):
            first, _ = self.worst(sort)
            self.assertEqual(first["destination"], f"{self.lab.WEB4}:7004", sort)
            self.assertGreaterEqual(int(first["retransmits"]), 2)
        first, _ = self.worst("failures")
        self.assertEqual((first["destination"], first["error"], first["connect_failures"]),
                         (f"{self.lab.WEB4}:7003", "ECONNREFUSED", "1"))
        first, _ = self.worst("resets")
        self.assertEqual((first["source"], first["resets"]), (f"{self.lab.WEB4}:7003", "1"))
        for sort, key in (("rtt", "rtt_max_ns"), ("handshake", "handshake_ns"), ("packets", "packets")):
            first, rows = self.worst(sort)
            self.assertGreater(int(first[key]), 0, sort)
            self.assertEqual(int(first[key]), max(int(row[key]) for row in rows), sort)
        troubled = self.daemon.cli("tcp", "-q").stdout
        self.assertNotIn(":7002", troubled)
        self.assertIn("ECONNREFUSED", troubled)


class BlackBox(Case):
    """capture --on: the packets that led to it, both ways, with what happened as their comment."""

    def setUp(self):
        if not shutil.which("tshark"):
            self.skipTest("tshark is not here")
        server = NameServer(self.lab.web, self.lab.WEB4)
        self.addCleanup(server.close)

    def capture(self, trigger, trouble, *fields):
        """What the file has after the trouble, a list of the fields for each packet."""
        path = os.path.join(self.lab.directory, f"{trigger}.pcapng")
        process = self.lab.start(self.lab.node, FLOWCLI, "capture", "-i", "client", "--on", trigger, "-c",
                                 "1", "--duration", "20s", "-w", path, env=self.daemon.environment,
                                 stderr=subprocess.PIPE, text=True)
        self.assertIn("capturing on", process.stderr.readline())
        trouble()
        self.assertEqual(process.wait(30 * TIME_SCALE), 0)
        self.assertRegex(process.stderr.read(), r"^complete: \d+ packets, \d+ bytes written, of 1 event")
        shown = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", *(
            word for field in ("frame.comment", *fields) for word in ("-e", field))],
            capture_output=True, text=True, check=False)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return [line.split("\t") for line in shown.stdout.splitlines()]

    def test_reset(self):
        """a reset: the SYN and its answer, by the name that was looked up"""
        def trouble():
            traffic.tcp(self.lab.client, self.lab.web, self.lab.WEB4, 7020)  # is well, and is not told
            self.assertTrue(traffic.refused(self.lab.client, self.lab.WEB4, 7021))
        self.assertTrue(self.ask("fast.test", 5))
        packets = self.capture("rst", trouble, "tcp.flags.syn", "tcp.flags.reset")
        self.assertEqual([packet[1:] for packet in packets], [["1", "0"], ["0", "1"]])
        for packet in packets:
            self.assertRegex(packet[0], r"^flowd: (TRACED|FORWARDED|DROPPED), rst at 20")
            self.assertIn("fast.test:7021", packet[0])

    def test_dns(self):
        """a question that nobody answers"""
        def trouble():
            self.assertTrue(self.ask("fast.test", 5))
            self.assertIsNone(self.ask("mute.test", 0.1))
        packet, = self.capture("dns-fail", trouble, "dns.qry.name")
        self.assertEqual(packet[1], "mute.test")
        self.assertRegex(packet[0], r"^flowd: ERROR, dns-fail at 20.*mute.test. A; no answer")


if __name__ == "__main__":
    tap.main()
