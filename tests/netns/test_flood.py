#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""As many drops as this machine can make: what is told of them stays within its budget, what is not
told is counted, and a rare reason among them is told all the same."""
import os
import socket
import subprocess
import time
import unittest

import tap
from daemon import BUILD, TIME_SCALE, Daemon, facts, key_of
from lab import Routed, wait_until
from traffic import send_udp
from witness import Key

FLOOD = os.environ.get("FLOWD_SEND_UDP") or os.path.join(BUILD, "tests/bench/send_udp")
RATE = 1000  # events a second of one reason on one CPU, as is the default
SECONDS = 2
ENDLESS = 1 << 40
FLOWS = 64
CPU_SHARE = 0.5  # of one CPU, for the daemon: a fraction of what the flood costs


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Flood(unittest.TestCase):
    def setUp(self):
        self.lab = Routed()
        self.addCleanup(self.lab.close)
        self.lab.node.run("nft", "-f", "-", input=(
            "table inet lab {\n chain c {\n  type filter hook prerouting priority -300;\n"
            "  ip daddr 10.98.2.0/24 counter name flood drop\n }\n"
            " counter flood { }\n}\n"))
        self.daemon = Daemon(self.lab, self.lab.node, ["client", "server"],
                             {"flow.active_timeout": "1s", "events.rate": str(RATE)}).ready()

    def ledger(self, name):
        return int(self.daemon.status()["ledger"].get(name, 0))

    def closed_ports(self):
        """Datagrams that came to the router's own address and found no socket, as it counts."""
        with self.lab.node, open("/proc/thread-self/net/snmp", encoding="ascii") as file:
            names, values = [line.split() for line in file if line.startswith("Udp:")]
        return int(values[names.index("NoPorts")])

    def flooded(self):
        shown = self.lab.node.run("nft", "list", "counter", "inet", "lab", "flood").stdout
        return int(shown.split("packets")[1].split()[0])

    def test_flood(self):
        """the budget holds, a rare reason is told each time, the rest is counted and published"""
        before, used, began = self.closed_ports(), cpu_seconds(self.daemon.process), time.monotonic()
        senders = [self.lab.start(self.lab.client, FLOOD, FLOWS, ENDLESS, 1, self.lab.SERVER4,
                                  stdout=subprocess.DEVNULL) for _ in range(os.cpu_count())]
        rare = []
        while time.monotonic() < began + SECONDS:
            port = 20000 + len(rare)  # each a flow of its own, whatever its source port
            rare.append(Key(self.lab.CLIENT4, "10.98.1.1", socket.IPPROTO_UDP,
                            send_udp(self.lab.client, "10.98.1.1", port), port))
            try:
                senders[0].wait(0.02)
            except subprocess.TimeoutExpired:
                pass
        for sender in senders:
            sender.kill()
            sender.wait()
        seconds = time.monotonic() - began
        used = cpu_seconds(self.daemon.process) - used
        dropped, found = self.flooded(), self.closed_ports() - before
        print(f"# {dropped / seconds / 1e6:.2f} million drops a second for {seconds:.1f} s; "
              f"the daemon used {100 * used / seconds:.1f} % of a CPU; {found} rare drops among them")
        self.assertGreater(found, 0)
        self.told(rare, found)
        self.within_budget(dropped, seconds)
        self.assertLess(used / seconds, CPU_SHARE)

    def told(self, rare, found):
        """Each rare drop that happened, as event and in the row of its flow."""
        def events():
            return {key_of(flow) for flow in self.daemon.incidents(
                "--all", "-t", "drop", "--drop-reason", "NO_SOCKET")} & set(rare)
        wait_until(f"{found} rare events", lambda: len(events()) == found, 10 * TIME_SCALE)
        def rows():
            return {key_of(flow) for flow in self.daemon.flows("--all", "--to-ip", "10.98.1.1")
                    if any(drop.get("reason") == "NO_SOCKET"
                           for drop in facts(flow).get("drops", []))}
        wait_until(f"{found} rare rows", lambda: rows() >= events(), 10 * TIME_SCALE)

    def within_budget(self, dropped, seconds):
        """Reported or suppressed, and nothing else; a bucket holds a second's events at first."""
        names = ("events_seen", "events_suppressed", "events_lost", "events_taken")
        def settled():
            ledger = self.daemon.status()["ledger"]
            counts = [int(ledger[name]) for name in names]
            return counts[0] == sum(counts[1:]) and counts
        seen, suppressed, lost, _ = wait_until("every event is taken, suppressed or lost", settled,
                                               10 * TIME_SCALE)
        self.assertGreaterEqual(seen, dropped)
        self.assertGreater(suppressed, dropped / 2)
        self.assertEqual(lost, 0)
        self.assertLessEqual(seen - suppressed, RATE * os.cpu_count() * (seconds + 2) + 1000)
        def published():
            return "limited: " in self.daemon.cli("observe", "--all").stderr
        wait_until("the suppressed are told with the answer", published, 5 * TIME_SCALE)


if __name__ == "__main__":
    tap.main()
