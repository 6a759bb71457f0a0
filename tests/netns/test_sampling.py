#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`sampling:` with the real daemon: each record tells its rate, what is left out is counted, and no
connection's beginning or end is left out."""
import os
import socket
import unittest

import tap
import traffic
from counters import SOON, SilentLab, received, sent, settled, total
from daemon import Daemon, facts, key_of

UDP, TCP = socket.IPPROTO_UDP, socket.IPPROTO_TCP
ENDS = {"one": ("10.98.1.1", "10.98.1.2"), "two": ("10.98.2.1", "10.98.2.2")}
RATE = 10


class SamplingLab(SilentLab):
    """node - one, two / eth1, eth2 - peer."""

    def __init__(self):
        super().__init__()
        self.node, self.peer = self.silent(), self.silent()
        for number, (device, (here, there)) in enumerate(ENDS.items(), 1):
            self.pair(self.node, device, self.peer, f"eth{number}")
            self.up(self.node, device, f"{here}/24")
            self.up(self.peer, f"eth{number}", f"{there}/24")
            self.acquaint((self.node, device, here), (self.peer, f"eth{number}", there))
            self.node.run("ethtool", "-K", device, "tso", "off", "gso", "off")
            self.peer.run("ethtool", "-K", f"eth{number}", "tso", "off", "gso", "off")


class Sampling(unittest.TestCase):
    def setUp(self):
        self.lab = SamplingLab()
        self.addCleanup(self.lab.close)

    def watch(self, **settings):
        self.daemon = Daemon(self.lab, self.lab.node, list(ENDS), {
            **SOON, **{name.replace("__", "."): value for name, value in settings.items()}}).ready()

    def flows(self):
        """All records; the packets that are in none of them are in sampled_packets."""
        seen = settled(self.daemon)
        wire = total([count(self.lab.node, device) for device in ENDS for count in (sent, received)])
        self.assertEqual((seen["seen_packets"], seen["seen_bytes"]), (wire.packets, wire.bytes))
        self.assertEqual(seen["emitted_packets"] + seen["sampled_packets"], wire.packets)
        self.assertIs(self.daemon.status()["complete"], True)
        return self.daemon.flows("--all"), seen

    def packets(self, flows, wanted):
        return sum(int(facts(flow).get("packets", 0)) for flow in flows if wanted(key_of(flow)))

    def estimate(self, flows):
        """As a reader scales: what is certain stands for itself."""
        result = 0
        for flow in flows:
            told = facts(flow)
            certain = int(told.get("certain_packets", 0))
            result += certain + (int(told.get("packets", 0)) - certain) * told.get("sampling", 1)
        return result

    def test_packets(self):
        """1 in 10 packets: the records say so, and scaled they come to what was sent"""
        self.watch(sampling__rate=str(RATE))
        traffic.udp(self.lab.node, self.lab.peer, ENDS["one"][1], 9000, 5000)
        flows, seen = self.flows()
        self.assertEqual({facts(flow).get("sampling") for flow in flows}, {RATE})
        # 10,000 packets: 1,000 are chosen, with a standard deviation of 30
        self.assertAlmostEqual(seen["emitted_packets"], 1000, delta=150)
        self.assertAlmostEqual(self.estimate(flows), 10000, delta=1500)

    def test_connections(self):
        """every connection's SYN and FIN are counted, both ways"""
        self.watch(sampling__rate="65535")
        ports = [traffic.tcp(self.lab.node, self.lab.peer, ENDS["one"][1], 8080, 100, 20000)
                 for _ in range(20)]
        flows, _ = self.flows()
        for port in ports:
            mine = [flow for flow in flows if port in (key_of(flow).sport, key_of(flow).dport)]
            both = {key_of(flow).sport for flow in mine}
            self.assertEqual(both, {port, 8080})
            for sender in both:
                flags = [flow["l4"]["TCP"]["flags"] for flow in mine if key_of(flow).sport == sender]
                self.assertTrue(any(one.get("SYN") for one in flags))
                self.assertTrue(any(one.get("FIN") for one in flags))

    def test_conversations(self):
        """1 in 10 conversations: the same ones both ways; the others have their first packet only"""
        self.watch(sampling__rate=str(RATE), sampling__by="flow")
        ports = [traffic.udp(self.lab.node, self.lab.peer, ENDS["one"][1], 9000, 8)
                 for _ in range(200)]
        flows, _ = self.flows()
        counts = {port: (self.packets(flows, lambda key, port=port: key.sport == port),
                         self.packets(flows, lambda key, port=port: key.dport == port))
                  for port in set(ports) if ports.count(port) == 1}
        # a first packet on each CPU that the conversation came to
        others = [max(count) for count in counts.values() if count != (8, 8)]
        self.assertLessEqual(max(others), os.cpu_count())
        chosen = [port for port, count in counts.items() if count == (8, 8)]
        # of about 200, 20 are chosen, with a standard deviation of 4
        self.assertTrue(1 <= len(chosen) <= 50, f"{len(chosen)} of {len(counts)}")

    def test_interfaces(self):
        """a rate of its own for one device; the other counts everything"""
        self.watch(sampling__interfaces__one="1000")
        for _, there in ENDS.values():
            traffic.udp(self.lab.node, self.lab.peer, there, 9000, 500)
        flows, _ = self.flows()
        by_end = {device: [flow for flow in flows
                           if flow["IP"]["source"] in ends] for device, ends in ENDS.items()}
        self.assertEqual(self.estimate(by_end["two"]), 1000)
        self.assertEqual({facts(flow).get("sampling", 1) for flow in by_end["two"]}, {1})
        self.assertEqual({facts(flow).get("sampling", 1) for flow in by_end["one"]}, {1000})
        self.assertLess(sum(int(facts(flow).get("packets", 0)) for flow in by_end["one"]), 50)


if __name__ == "__main__":
    tap.main()
