#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Table and chain of what nftables drops, by its own trace: as on kernels whose functions cannot be
traced (events.firewalls is off here)."""
import socket
import unittest

import tap
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Routed, wait_until
from traffic import send_udp
from witness import Key

MARK = "meta nftrace set 1"


class Trace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Routed()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start(cls.lab.server, "sleep", 600)  # namespaces are found by their processes
        cls.daemon = Daemon(cls.lab, cls.lab.node, ["client", "server"],
                            {"events.firewalls": "false", "events.nftrace": "true"}).ready()

    def rules(self, namespace, hook, policy, *rules):
        self.addCleanup(namespace.run, "nft", "flush", "ruleset")
        text = ";\n  ".join((f"type filter hook {hook} priority 0; policy {policy}", *rules))
        namespace.run("nft", "-f", "-", input=(
            f"table inet guard {{\n chain before {{\n  type filter hook prerouting priority -300;\n"
            f"  {MARK}\n }}\n chain wall {{\n  {text}\n }}\n}}\n"))

    def dropped(self, address, port, source):
        sender = send_udp(self.lab.client, address, port)
        key = Key(source, address, socket.IPPROTO_UDP, sender, port)
        def look():
            return next((facts(flow)["drop"] for flow in self.daemon.incidents("--all", "-t", "drop")
                         if key_of(flow) == key), None)
        found = wait_until(f"drop of {key}", look, 10 * TIME_SCALE)
        self.assertEqual(found["reason"], "NETFILTER_DROP")
        return found

    def named(self, found, hook):
        self.assertEqual((found["hook"], found["table"], found["chain"]), (hook, "guard", "wall"))

    def test_rule(self):
        """a rule of the router's forward chain"""
        self.rules(self.lab.node, "forward", "accept", "udp dport 7101 drop")
        self.named(self.dropped(self.lab.SERVER4, 7101, self.lab.CLIENT4), "forward")
        done = self.daemon.cli("why", "-q", self.lab.CLIENT4, f"{self.lab.SERVER4}:7101")
        self.assertRegex(done.stdout, r"hook forward, table guard, chain wall")

    def test_ipv6(self):
        """the same of an IPv6 packet, whose ports the trace tells apart from its header"""
        self.rules(self.lab.node, "forward", "accept", "udp dport 7102 drop")
        self.named(self.dropped(self.lab.SERVER6, 7102, self.lab.CLIENT6), "forward")

    def test_policy(self):
        """the policy of a chain, in another namespace than the daemon's"""
        self.rules(self.lab.server, "input", "drop", "udp dport 9 accept")
        self.named(self.dropped(self.lab.SERVER4, 7103, self.lab.CLIENT4), "input")

    def test_unmarked(self):
        """a packet that no rule marks is not traced: the hook alone is told"""
        self.addCleanup(self.lab.node.run, "nft", "flush", "ruleset")
        self.lab.node.drop("udp dport 7104", "forward")
        found = self.dropped(self.lab.SERVER4, 7104, self.lab.CLIENT4)
        self.assertEqual((found["hook"], found.get("table"), found.get("chain")),
                         ("forward", None, None))
        ledger = self.daemon.status()["ledger"]
        self.assertGreaterEqual(int(ledger["nftrace_namespaces"]), 2)
        self.assertEqual(int(ledger.get("nftrace_lost", 0)), 0)


if __name__ == "__main__":
    tap.main()
