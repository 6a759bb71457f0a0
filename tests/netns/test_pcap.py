#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`filter.pcap` with the real daemon: a pcap-filter(7) expression, run in the kernel at every hook and
replaced while packets are on their way."""
import socket

import tap
import test_filter
import traffic
from counters import settled
from daemon import TIME_SCALE, Daemon, key_of
from test_filter import EXCLUDED, KEPT, THERE4, THERE6

UDP = socket.IPPROTO_UDP


class Pcap(test_filter.Filtering):
    EXPRESSION = f"filter:\n  pcap: \"host {THERE4} and udp port {KEPT}\"\n"

    def test_pcap(self):
        """an expression, both ways: its packets only; the others are counted"""
        self.watch(self.EXPRESSION)
        self.lab.udp(KEPT, 7)
        self.lab.udp(KEPT, 2, THERE6)
        self.lab.udp(EXCLUDED, 5)
        self.assertEqual(self.ports(filtered=14), {KEPT})
        self.assertEqual({flow["IP"]["ipVersion"] for flow in self.daemon.flows("--all")}, {"IPv4"})

    def test_pcap_and_rules(self):
        """both: a packet must pass the expression, then the rules"""
        self.watch("filter:\n  pcap: udp\n  rules:\n  - {action: deny, port: 9001}\n")
        self.lab.udp(KEPT, 7)
        self.lab.udp(EXCLUDED, 5)
        traffic.tcp(self.lab.node, self.lab.peer, THERE4, KEPT)
        seen = settled(self.daemon)
        flows = self.daemon.flows("--all")
        self.assertEqual({(key.protocol, min(key.sport, key.dport)) for key in map(key_of, flows)},
                         {(UDP, KEPT)})
        self.assertEqual(seen["filtered_packets"], seen["seen_packets"] - 14)

    def test_pcap_at_xdp(self):
        """XDP asks it, too"""
        self.watch(self.EXPRESSION, interfaces__modes__uplink="xdp")
        self.lab.udp(KEPT, 7)
        self.lab.udp(EXCLUDED, 5)
        self.assertEqual(self.ports(filtered=10), {KEPT})
        self.assertEqual(self.daemon.status()["interfaces"][0]["mode"], "xdp")

    def test_refused_expression(self):
        """a mistake: flowd says where, and does not start"""
        daemon = Daemon(self.lab, self.lab.node, ["uplink"], file="filter:\n  pcap: udp prot 9\n")
        self.assertEqual(daemon.process.wait(10 * TIME_SCALE), 1)
        self.assertIn("filter.pcap: pcap filter \"udp prot 9\": ", daemon.messages())

    def test_reload(self):
        """SIGHUP: the new filter holds, and a refused one leaves the old one in force"""
        self.watch(self.EXPRESSION)
        self.lab.udp(EXCLUDED, 1)
        self.daemon.reload("filter:\n  rules:\n  - {action: deny, port: 9000}\n")
        self.lab.udp(KEPT, 3)
        self.lab.udp(EXCLUDED + 1, 2)
        said = self.daemon.reload("filter:\n  pcap: udp prot 9\n")
        self.assertIn("filter.pcap: pcap filter \"udp prot 9\": ", said)
        self.daemon.reload(self.EXPRESSION)
        self.lab.udp(KEPT, 2)
        self.lab.udp(EXCLUDED, 1)
        self.daemon.reload("")
        self.lab.udp(EXCLUDED, 4)
        self.assertEqual(self.ports(filtered=2 + 6 + 2), {KEPT, EXCLUDED, EXCLUDED + 1})

    def test_reload_under_way(self):
        """changed while packets are on their way: each is in a flow or in filtered_packets"""
        self.reload_under_way("filter:\n  pcap: udp dst portrange 1024-1030\n",
                              "filter:\n  rules:\n  - {action: deny, port: 1030-1040}\n", "")


if __name__ == "__main__":
    tap.main()
