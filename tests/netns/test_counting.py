#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which device counts a packet (docs/decisions/ownership.md), with the real daemon: the totals of
all flows are the counters of the device that owns the packets, whatever else they cross."""
import socket
import unittest

import tap
import traffic
from counters import (SOON, SilentLab, cut, ledger, minus, points, received, sent, settled,
                      tcp_segments, total, total_of, with_header)
from daemon import Daemon, facts, sums
from witness import Count, Key

TCP, UDP, ICMP = socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP
POD, GATEWAY, NODE, PEER = "10.99.0.2", "10.99.0.1", "10.98.0.1", "10.98.0.2"
TAGGED_POD, TAGGED_PEER = "10.77.0.2", "10.77.0.3"
MACVLAN = "10.98.0.9"
BULK = 3_000_000
UDP_SEGMENT = 103


class Node(SilentLab):
    """pod - eth0/pod - bridge `pods` - routed - uplink/eth0 - peer."""

    def __init__(self):
        super().__init__()
        self.node, self.pod, self.peer = self.silent(), self.silent(), self.silent()
        self.node.set_sysctl("net/ipv4/ip_forward", 1)
        self.pair(self.node, "pod", self.pod)
        self.pair(self.node, "uplink", self.peer)
        self.node.ip("link", "add", "pods", "type", "bridge", "mcast_snooping", "0")
        self.node.ip("link", "set", "pod", "master", "pods")
        self.up(self.node, "pod")
        self.up(self.node, "pods", f"{GATEWAY}/24")
        self.up(self.node, "uplink", f"{NODE}/24")
        self.up(self.pod, "eth0", f"{POD}/24")
        self.up(self.peer, "eth0", f"{PEER}/24")
        self.acquaint((self.node, "pods", GATEWAY), (self.pod, "eth0", POD))
        self.acquaint((self.node, "uplink", NODE), (self.peer, "eth0", PEER))
        self.pod.ip("route", "add", "default", "via", GATEWAY)
        self.peer.ip("route", "add", "10.99.0.0/24", "via", NODE)

    def whole_packets(self):
        """No super-packets: what a device counts is what is on the wire."""
        for namespace in (self.pod, self.peer):
            namespace.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off")


class Counting(unittest.TestCase):
    def setUp(self):
        self.lab = Node()
        self.addCleanup(self.lab.close)

    def watch(self, *devices, **settings):
        self.daemon = Daemon(self.lab, self.lab.node, devices, {
            **SOON, **{name.replace("__", "."): value for name, value in settings.items()}})
        return self.daemon.ready()

    def flows(self):
        """All records, when no packet is missing in them and all packets were understood."""
        seen = settled(self.daemon)
        flows = self.daemon.flows("--all")
        self.assertEqual((total_of(flows).packets, total_of(flows).bytes),
                         (seen["seen_packets"], seen["seen_bytes"]))
        self.assertIs(self.daemon.status()["complete"], True)
        return flows

    def make(self, namespace, lower, name, *kind):
        made = namespace.run("ip", "link", "add", "link", lower, "name", name, "type", *kind,
                             check=False)
        if made.returncode:
            self.skipTest(f"no {kind[0]} devices in this kernel: {made.stderr.strip()}")

    def talk(self, client, server, address):
        traffic.tcp(client, server, address, 8080, 100, BULK)
        traffic.udp(client, server, address, 9000, count=7, size=300)
        client.run("ping", "-q", "-c", 5, "-i", "0.01", "-W", 2, address)

    def crosses(self, flows, source, *wanted):
        """Every flow from an address was counted at the first point, and seen at the others."""
        mine = [flow for flow in flows if flow["IP"]["source"] == source]
        self.assertEqual({facts(flow)["protocol"] for flow in mine}, {TCP, UDP, ICMP})
        for flow in mine:
            self.assertEqual(points(flow)[0], wanted[0])
            self.assertEqual(set(points(flow)), set(wanted))

    # ---- the way of a pod's packet ----

    def test_bridge_and_uplink(self):
        """veth, bridge and uplink: counted once, where it enters; all points are listed"""
        self.lab.whole_packets()
        self.watch("pod", "pods", "uplink")
        self.talk(self.lab.pod, self.lab.peer, PEER)
        flows, node = self.flows(), self.lab.node
        self.crosses(flows, POD, ("pod", "INGRESS"), ("pods", "INGRESS"), ("uplink", "EGRESS"))
        self.crosses(flows, PEER, ("uplink", "INGRESS"), ("pods", "EGRESS"), ("pod", "EGRESS"))
        for source, device in ((POD, "pod"), (PEER, "uplink")):
            mine = [flow for flow in flows if flow["IP"]["source"] == source]
            self.assertEqual(total_of(mine), received(node, device))
        self.assertEqual(total_of(flows), total([received(node, "pod"), received(node, "uplink")]))

    def test_made_here(self):
        """packets from and to the node itself: counted at the uplink, both ways"""
        self.lab.node.run("ethtool", "-K", "uplink", "tso", "off", "gso", "off")
        self.lab.whole_packets()
        self.watch("pod", "pods", "uplink")
        self.talk(self.lab.node, self.lab.peer, PEER)
        flows, node = self.flows(), self.lab.node
        self.crosses(flows, NODE, ("uplink", "EGRESS"))
        self.crosses(flows, PEER, ("uplink", "INGRESS"))
        self.assertEqual(total_of(flows), total([sent(node, "uplink"), received(node, "uplink")]))

    def test_vlan_in_bridge(self):
        """a VLAN on the uplink as a port of the bridge: counted once, with the tag where it has it"""
        for namespace, lower in ((self.lab.node, "uplink"), (self.lab.peer, "eth0")):
            self.make(namespace, lower, "tagged", "vlan", "id", 7)
            # the tag in the packet, so that the device's bytes have it as the wire has
            namespace.run("ethtool", "-K", lower, "txvlan", "off")
        self.lab.whole_packets()
        self.lab.node.ip("link", "set", "tagged", "master", "pods")
        self.lab.up(self.lab.node, "tagged")
        self.lab.up(self.lab.peer, "tagged", f"{TAGGED_PEER}/24")
        self.lab.pod.ip("addr", "add", f"{TAGGED_POD}/24", "dev", "eth0")
        self.lab.acquaint((self.lab.pod, "eth0", TAGGED_POD), (self.lab.peer, "tagged", TAGGED_PEER))
        self.watch("pod", "pods", "uplink", "tagged")
        self.talk(self.lab.pod, self.lab.peer, TAGGED_PEER)
        flows, node = self.flows(), self.lab.node
        self.crosses(flows, TAGGED_POD, ("pod", "INGRESS"), ("tagged", "EGRESS"),
                     ("uplink", "EGRESS"))
        self.crosses(flows, TAGGED_PEER, ("uplink", "INGRESS"), ("tagged", "INGRESS"),
                     ("pod", "EGRESS"))
        self.assertEqual({tuple(facts(flow)["vlan"]) for flow in flows
                          if flow["IP"]["source"] == TAGGED_PEER}, {(7,)})
        self.assertEqual(total_of(flows), total([received(node, "pod"), received(node, "uplink")]))

    def macvlan(self, holder):
        self.make(self.lab.node, "uplink", "mv", "macvlan", "mode", "bridge")
        if holder is not self.lab.node:
            self.lab.node.ip("link", "set", "mv", "netns", holder.path)
        self.lab.up(holder, "mv", f"{MACVLAN}/24")
        # the same network as the uplink's: answers and requests of this address go by the macvlan
        holder.ip("route", "add", f"{PEER}/32", "dev", "mv", "src", MACVLAN)
        cut(self.lab.node, "uplink")  # a macvlan's own super-packets cannot be switched off
        self.lab.acquaint((holder, "mv", MACVLAN), (self.lab.peer, "eth0", PEER))
        self.lab.whole_packets()
        self.watch("uplink", "mv")
        self.talk(self.lab.peer, holder, MACVLAN)
        flows, node = self.flows(), self.lab.node
        self.assertEqual(total_of(flows), total([sent(node, "uplink"), received(node, "uplink")]))
        return flows

    def test_macvlan(self):
        """a macvlan over the uplink observes"""
        flows = self.macvlan(self.lab.node)
        self.crosses(flows, MACVLAN, ("uplink", "EGRESS"), ("mv", "EGRESS"))
        self.crosses(flows, PEER, ("uplink", "INGRESS"), ("mv", "INGRESS"))

    def test_macvlan_of_a_pod(self):
        """a macvlan that was given to a pod: counted at the uplink"""
        flows = self.macvlan(self.lab.pod)
        self.crosses(flows, MACVLAN, ("uplink", "EGRESS"))
        self.crosses(flows, PEER, ("uplink", "INGRESS"))

    # ---- offloads ----

    def segmented(self):
        """Totals of both ways equal what the kernel cut super-packets into; all flows."""
        before = [sent(self.lab.node, device) for device in ("uplink", "pod")]
        counted = ledger(self.daemon)
        segments = tcp_segments(self.lab.pod) + tcp_segments(self.lab.peer)
        self.talk(self.lab.pod, self.lab.peer, PEER)
        seen, after = settled(self.daemon), [sent(self.lab.node, device)
                                             for device in ("uplink", "pod")]
        on_wire = total(map(minus, after, before))
        self.assertEqual(Count(*(seen[name] - counted[name]
                                 for name in ("seen_packets", "seen_bytes"))), on_wire)
        # 7 datagrams and 5 echo requests, each answered
        segments = tcp_segments(self.lab.pod) + tcp_segments(self.lab.peer) - segments
        self.assertEqual(on_wire.packets, segments + 2 * (7 + 5))
        self.assertGreater(segments, BULK // 1500)

    def test_gso(self):
        """TCP super-packets: totals are those of the wire, in packets and bytes"""
        cut(self.lab.node, "uplink", "pod")
        before = received(self.lab.node, "uplink")
        self.watch("pod", "pods", "uplink")
        self.segmented()
        arrived = minus(received(self.lab.node, "uplink"), before)
        self.assertLess(arrived.packets, BULK // 1500, "there were no super-packets to count")
        self.flows()

    def test_udp_gso(self):
        """UDP super-packets (UDP_SEGMENT): 10 datagrams and the rest of one"""
        cut(self.lab.node, "uplink", "pod")
        self.watch("pod", "pods", "uplink")
        with self.lab.peer, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind((PEER, 9000))
            server.settimeout(5)
            with self.lab.pod, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.setsockopt(socket.SOL_UDP, UDP_SEGMENT, 1000)
                client.sendto(bytes(10_500), (PEER, 9000))
                port = client.getsockname()[1]
            sizes = [len(server.recv(65536)) for _ in range(11)]
        self.assertEqual(sizes, 10 * [1000] + [500])
        count = Count(11, 10_500 + 11 * (14 + 20 + 8))
        self.assertEqual(sums(self.flows()), {Key(POD, PEER, UDP, port, 9000): count})
        self.assertEqual(sent(self.lab.node, "uplink"), count)

    def test_gro(self):
        """packets that GRO merges before flowd sees them count as they came"""
        self.lab.whole_packets()
        cut(self.lab.node, "uplink", "pod")
        for device in ("uplink", "pod"):
            self.lab.node.run("ethtool", "-K", device, "gro", "on")
        self.watch("pod", "pods", "uplink")
        self.segmented()
        flows, node = self.flows(), self.lab.node
        self.assertEqual(total_of(flows), total(
            with_header(received(node, device)) for device in ("pod", "uplink")))

    def test_checksum_offload(self):
        """checksums made by the card or by the kernel: the totals are those of the wire"""
        cut(self.lab.node, "uplink", "pod")
        self.watch("pod", "pods", "uplink")
        for namespace, devices in ((self.lab.node, ("uplink", "pod")), (self.lab.pod, ("eth0",)),
                                   (self.lab.peer, ("eth0",))):
            for device in devices:
                namespace.run("ethtool", "-K", device, "tx", "off", "rx", "off")
        self.segmented()
        self.flows()

    # ---- lo ----

    def test_loopback(self):
        """packets to self count once, over both address families and to its own other address"""
        node = self.lab.node
        node.run("ethtool", "-K", "lo", "tso", "off", "gso", "off")
        self.watch("lo", "uplink")
        before = received(node, "lo")
        for address in ("127.0.0.1", "::1", NODE):
            self.talk(node, node, address)
        flows = self.flows()
        self.assertEqual(total_of(flows), with_header(minus(received(node, "lo"), before)))
        pings = sums(flows)[Key("127.0.0.1", "127.0.0.1", ICMP, 8, 0)]
        self.assertEqual(pings, Count(5, 5 * 98))
        self.assertEqual({points(flow)[0] for flow in flows}, {("lo", "INGRESS")})

    def test_loopback_gso(self):
        """super-packets to self count as their segments"""
        before = tcp_segments(self.lab.node)
        self.watch("lo")
        traffic.tcp(self.lab.node, self.lab.node, "127.0.0.1", 8080, 100, BULK)
        flows = self.flows()
        self.assertEqual(total_of(flows).packets, tcp_segments(self.lab.node) - before)

    # ---- XDP ----

    def xdp(self, mode):
        self.lab.whole_packets()
        self.watch("pod", "pods", "uplink", interfaces__modes__uplink=mode)
        attached = {row["name"]: row["mode"] for row in self.daemon.status()["interfaces"]}
        self.assertEqual(attached["uplink"], mode)
        self.assertIn(attached["pod"], ("tcx", "clsact"))
        self.talk(self.lab.pod, self.lab.peer, PEER)
        flows, uplink = self.flows(), received(self.lab.node, "uplink")
        if mode == "xdp":
            uplink = with_header(uplink)
        self.assertEqual(total_of(flows), total([received(self.lab.node, "pod"), uplink]))
        hooks = {(point["interface"], point["direction"], point["hook"])
                 for flow in flows for point in facts(flow)["observed"]}
        self.assertEqual({hook for hook in hooks if hook[0] == "uplink"},
                         {("uplink", "INGRESS", "xdp"), ("uplink", "EGRESS", "tc")})

    def test_xdp(self):
        """XDP and tc on one device: what enters is XDP's, what leaves is tc's, nothing is both's"""
        self.xdp("xdp")

    def test_xdp_generic(self):
        """generic XDP and tc on one device: nothing is both's"""
        self.xdp("xdp-generic")


if __name__ == "__main__":
    tap.main()
