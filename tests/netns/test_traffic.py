#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real traffic between two pods on a bridge: what the user sees is what was on the wire."""
import shutil
import socket
import subprocess
import time
import unittest

import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts, key_of, sums
from lab import Cluster, wait_until
from witness import Count, Key, Witness

TCP, UDP, ICMP, ICMPV6 = (socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP,
                          socket.IPPROTO_ICMPV6)


# Records soon, so that what was counted is told soon.
SOON = {"flow.active_timeout": "1s", "flow.udp_idle_timeout": "1s", "flow.icmp_idle_timeout": "1s"}


class Traffic(unittest.TestCase):
    """One cluster and one daemon; a witness of its own for each test."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Cluster()
        cls.addClassCleanup(cls.lab.close)
        cls.daemon = Daemon(cls.lab, cls.lab.node, ["web", "client"], SOON).ready()

    def setUp(self):
        self.witness = Witness(self.lab.web, "eth0")
        self.begun = time.time()

    def flows(self):
        """The records of flows that began during this test."""
        return self.daemon.flows("--all", "--since", time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.begun)))

    def same_as_witness(self, keys):
        """Waits until the records of these flows add up to what the witness saw of them."""
        self.witness.stop()
        seen = {key: self.witness.flows.get(key) for key in keys}
        def told():
            counts = sums(self.flows())
            return {key: counts.get(key) for key in keys}
        wait_until(f"records add up to {seen}", lambda: told() == seen, 10 * TIME_SCALE)
        return seen

    def conversation(self, address, client, request, response):
        """A TCP conversation from client to web, and all its records."""
        port = traffic.tcp(self.lab.client, self.lab.web, address, 8080, request, response)
        there = Key(client, address, TCP, port, 8080)
        back = Key(address, client, TCP, 8080, port)
        flows = self.daemon.ended(there) + self.daemon.ended(back)
        for flow in flows:
            self.assertEqual(flow.get("is_reply"), key_of(flow) == back)
        ends = [facts(flow) for flow in flows if facts(flow)["kind"] == "flow_end"]
        self.assertEqual([end["end_reason"] for end in ends], ["fin", "fin"])
        return flows, self.same_as_witness([there, back])

    def test_tcp_ipv4(self):
        """TCP over IPv4: both directions, exact packets and bytes, ended by FIN"""
        self.conversation(self.lab.WEB4, self.lab.CLIENT4, 100, 5000)

    def test_tcp_ipv6(self):
        """TCP over IPv6: both directions, exact packets and bytes, ended by FIN"""
        self.conversation(self.lab.WEB6, self.lab.CLIENT6, 100, 5000)

    def test_segmentation(self):
        """super-packets count as the segments and headers of the wire"""
        _, seen = self.conversation(self.lab.WEB4, self.lab.CLIENT4, 100, 5_000_000)
        self.assertGreater(max(count.packets for count in seen.values()), 3000)

    def test_points(self):
        """a packet that crosses three devices is counted once, and the points are listed"""
        flows, _ = self.conversation(self.lab.WEB6, self.lab.CLIENT6, 10, 10)
        for flow in flows:
            there = not flow["is_reply"]
            observed = facts(flow)["observed"]
            self.assertEqual((observed[0]["interface"], observed[0]["direction"]),
                             ("client" if there else "web", "INGRESS"))
            self.assertEqual(flow["interface"]["name"], observed[0]["interface"])
            self.assertIn(("web" if there else "client", "EGRESS"),
                          [(point["interface"], point["direction"]) for point in observed[1:]])

    def test_udp(self):
        """UDP: both directions over both address families"""
        expected = {}
        for address, client, header in ((self.lab.WEB4, self.lab.CLIENT4, 20),
                                        (self.lab.WEB6, self.lab.CLIENT6, 40)):
            port = traffic.udp(self.lab.client, self.lab.web, address, 9000, count=7, size=300)
            count = Count(7, 7 * (14 + header + 8 + 300))
            expected[Key(client, address, UDP, port, 9000)] = count
            expected[Key(address, client, UDP, 9000, port)] = count
        self.assertEqual(self.same_as_witness(expected), expected)

    def test_ping(self):
        """ping over both address families: request and reply, type and code"""
        self.lab.client.run("ping", "-c", 2, "-i", "0.2", "-W", 2, self.lab.WEB4)
        self.lab.client.run("ping", "-c", 2, "-i", "0.2", "-W", 2, self.lab.WEB6)
        wanted = [Key(self.lab.CLIENT4, self.lab.WEB4, ICMP, 8, 0),
                  Key(self.lab.WEB4, self.lab.CLIENT4, ICMP, 0, 0),
                  Key(self.lab.CLIENT6, self.lab.WEB6, ICMPV6, 128, 0),
                  Key(self.lab.WEB6, self.lab.CLIENT6, ICMPV6, 129, 0)]
        seen = self.same_as_witness(wanted)
        self.assertEqual([count.packets for count in seen.values()], [2, 2, 2, 2])

    def test_refused(self):
        """a refused port: one packet each way, ended by RST"""
        self.assertTrue(traffic.refused(self.lab.client, self.lab.WEB4, 81))
        there, = [key for key in self.witness_keys(dport=81)]
        flows = self.daemon.ended(there)
        back = self.daemon.ended(Key(there.dst, there.src, TCP, there.dport, there.sport))
        self.assertEqual({facts(flow).get("end_reason", "rst") for flow in flows + back}, {"rst"})
        self.same_as_witness([there])

    def witness_keys(self, dport):
        return wait_until("packet at the witness", lambda: [
            key for key in self.witness.flows if key.dport == dport])

    def test_dropped(self):
        """a port that nftables drops: seen to go, nothing comes back"""
        self.lab.web.drop("tcp dport 82")
        self.assertTrue(traffic.dropped(self.lab.client, self.lab.WEB4, 82))
        there, = self.witness_keys(dport=82)
        self.same_as_witness([there])
        self.assertEqual(self.daemon.flows("--all", "--from-port", "82"), [])

    def test_dns(self):
        """DNS to a real server on the node: answer and NXDOMAIN"""
        self.lab.start(self.lab.node, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
                       "--pid-file=", "--user=root", "--no-hosts", "--no-resolv",
                       "--local=/test/", "--host-record=web.test,10.99.0.2",
                       "--bind-interfaces", f"--listen-address={self.lab.NODE4}",
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("dnsmasq listens", lambda: self.lab.node.run(
            "ss", "-Hlun", "sport = :53").stdout, 10)
        client = Witness(self.lab.client, "eth0")
        for name, rcode in (("web.test", "NOERROR"), ("nowhere.test", "NXDOMAIN")):
            answer = self.lab.client.run("drill", "-u", f"@{self.lab.NODE4}", name, "A").stdout
            self.assertIn(f"rcode: {rcode}", answer)
        seen = {key: count for key, count in client.stop().flows.items()
                if 53 in (key.sport, key.dport)}
        self.assertEqual(len(seen), 4)
        wait_until(f"records equal to {seen}", lambda: {
            key: count for key, count in sums(self.daemon.flows()).items()
            if 53 in (key.sport, key.dport)} == seen, 10 * TIME_SCALE)

    def test_vlan(self):
        """a VLAN device on a port observes; the flow is counted at the port, with its tag"""
        for namespace, lower, number in ((self.lab.node, "client", 1), (self.lab.client, "eth0", 3)):
            made = namespace.run("ip", "link", "add", "link", lower, "name", "tagged", "type",
                                 "vlan", "id", 7, check=False)
            if made.returncode:
                self.skipTest(f"no VLAN devices in this kernel: {made.stderr.strip()}")
            namespace.ip("addr", "add", f"10.77.0.{number}/24", "dev", "tagged")
            namespace.ip("link", "set", "tagged", "up")
        self.lab.node.ip("link", "set", "client", "nomaster")
        self.lab.node.ip("addr", "add", "10.98.0.1/24", "dev", "client")
        port = traffic.udp(self.lab.client, self.lab.node, "10.77.0.1", 9001, count=3, size=50)
        keys = [Key("10.77.0.3", "10.77.0.1", UDP, port, 9001),
                Key("10.77.0.1", "10.77.0.3", UDP, 9001, port)]
        def told():
            flows = [flow for flow in self.daemon.flows() if key_of(flow) in keys]
            return flows if len(sums(flows)) == 2 else None
        flows = wait_until("both directions", told, 10 * TIME_SCALE)
        self.assertEqual([facts(flow)["vlan"] for flow in flows], [[7]] * len(flows))
        wait_until("exact counts", lambda: sums(told()) == {
            key: Count(3, 3 * (50 + 8 + 20 + 18)) for key in keys}, 10 * TIME_SCALE)

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not here")
    def test_tshark(self):
        """tshark, reading tcpdump's capture of the pod's end, counts the same"""
        for pod in (self.lab.web, self.lab.client):
            pod.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off")
        capture = f"{self.lab.directory}/pod.pcap"
        tcpdump = self.lab.start(self.lab.client, "tcpdump", "-i", "eth0", "-U", "--immediate-mode",
                                 "-w", capture, "-s", 128, stderr=subprocess.PIPE, text=True)
        wait_until("tcpdump listens", lambda: "listening" in tcpdump.stderr.readline())
        _, told = self.conversation(self.lab.WEB4, self.lab.CLIENT4, 1000, 300_000)
        wait_until(f"tshark counts {told}", lambda: self.tshark_counts(capture) == told,
                   10 * TIME_SCALE)

    @staticmethod
    def tshark_counts(capture):
        """Of the TCP flows of a capture that is still being written."""
        shown = subprocess.run(["tshark", "-r", capture, "-Y", "tcp", "-T", "fields", "-e",
                                "ip.src", "-e", "ip.dst", "-e", "tcp.srcport", "-e", "tcp.dstport",
                                "-e", "frame.len"], capture_output=True, text=True, check=False)
        counts = {}
        for line in shown.stdout.splitlines():
            src, dst, sport, dport, length = line.split()
            counts.setdefault(Key(src, dst, TCP, int(sport), int(dport)), Count()).add(
                1, int(length))
        return counts


if __name__ == "__main__":
    tap.main()
