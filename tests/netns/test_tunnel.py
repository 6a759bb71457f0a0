#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tunnels: each packet is one, inside and outside of its tunnel, and `tunnel:` says which of the two
is the flow."""
import socket
import unittest

import tap
import traffic
from counters import SOON, SilentLab, points, received, sent, settled, total, total_of
from daemon import Daemon, facts, key_of, sums
from witness import Count, Key

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
OUTER4, OUTER6 = ("10.98.0.1", "10.98.0.2"), ("fd98::1", "fd98::2")
INNER4, INNER6 = ("10.66.0.1", "10.66.0.2"), ("fd66::1", "fd66::2")
POD, GATEWAY = "10.99.0.2", "10.99.0.1"
DATAGRAMS, SIZE = 7, 300


class Kind:
    """How to make a tunnel device of a kind; {local} and {remote} are outer addresses."""

    def __init__(self, options, outer=OUTER4, inner=INNER4, ethernet=False, number=None):
        self.options, self.outer, self.inner = options.split(), outer, inner
        self.ethernet, self.number = ethernet, number

    def arguments(self, kind, end):
        places = {"local": self.outer[end], "remote": self.outer[1 - end]}
        return ["type", kind, *(word.format(**places) for word in self.options)]


ENDS4 = "local {local} remote {remote}"
KINDS = {
    "vxlan": Kind(f"id 100 {ENDS4} dstport 4789", ethernet=True, number="100"),
    "geneve": Kind("id 100 remote {remote}", ethernet=True, number="100"),
    "gre": Kind(f"{ENDS4} key 100", number="100"),
    "gretap": Kind(f"{ENDS4} key 100", ethernet=True, number="100"),
    "ipip": Kind(ENDS4),
    "sit": Kind(ENDS4, inner=INNER6),
    "ip6tnl": Kind(f"mode any {ENDS4}", outer=OUTER6),
    "ip6gre": Kind(f"{ENDS4} key 100", outer=OUTER6, number="100"),
}


class TunnelLab(SilentLab):
    """node (uplink, tun0) - peer (eth0, tun0), and on demand a pod behind a bridge of the node."""

    def __init__(self):
        super().__init__()
        self.node, self.peer = self.silent(), self.silent()
        self.pair(self.node, "uplink", self.peer)
        self.ends = (self.node, "uplink"), (self.peer, "eth0")
        for (namespace, device), *addresses in zip(self.ends, OUTER4, OUTER6):
            self.up(namespace, device, f"{addresses[0]}/24", f"{addresses[1]}/64")
            namespace.run("ethtool", "-K", device, "tso", "off", "gso", "off")
        self.meet("uplink", "eth0", OUTER4)
        self.meet("uplink", "eth0", OUTER6)

    def meet(self, device, peer_device, addresses):
        self.acquaint((self.node, device, addresses[0]), (self.peer, peer_device, addresses[1]))

    def tunnel(self, name):
        """"" or why this kernel cannot."""
        kind = KINDS[name]
        for end, (namespace, _) in enumerate(self.ends):
            made = namespace.run("ip", "link", "add", "name", "tun0", *kind.arguments(name, end),
                                 check=False)
            if made.returncode:
                return f"no {name} devices in this kernel: {made.stderr.strip()}"
            namespace.ip("link", "set", "tun0", "mtu", 1400)  # or the outer packets are cut
            self.up(namespace, "tun0", f"{kind.inner[end]}/{64 if ':' in kind.inner[end] else 24}")
        if kind.ethernet:
            self.meet("tun0", "tun0", kind.inner)
        return ""

    def pod(self):
        """pod - eth0/pod - bridge `pods` - routed - tun0."""
        pod = self.silent()
        self.pair(self.node, "pod", pod)
        self.node.ip("link", "add", "pods", "type", "bridge", "mcast_snooping", "0")
        self.node.ip("link", "set", "pod", "master", "pods")
        self.up(self.node, "pod")
        self.up(self.node, "pods", f"{GATEWAY}/24")
        self.up(pod, "eth0", f"{POD}/24")
        self.acquaint((self.node, "pods", GATEWAY), (pod, "eth0", POD))
        self.node.set_sysctl("net/ipv4/ip_forward", 1)
        pod.ip("route", "add", "default", "via", GATEWAY)
        self.peer.ip("route", "add", "10.99.0.0/24", "via", INNER4[0])
        return pod


class Tunnel(unittest.TestCase):
    def setUp(self):
        self.lab = TunnelLab()
        self.addCleanup(self.lab.close)

    def watch(self, mode, *devices):
        self.daemon = Daemon(self.lab, self.lab.node, devices or ["uplink", "tun0"],
                             {**SOON, **({"tunnel": mode} if mode else {})}).ready()

    def make(self, kind):
        reason = self.lab.tunnel(kind)
        if reason:
            self.skipTest(reason)

    def talk(self, client, server, source, address):
        """UDP and TCP; the keys of the UDP flow, there and back."""
        port = traffic.udp(client, server, address, 9000, count=DATAGRAMS, size=SIZE)
        traffic.tcp(client, server, address, 8080, 100, 100_000)
        return [Key(source, address, UDP, port, 9000), Key(address, source, UDP, 9000, port)]

    def settled(self):
        """All records; together they are the packets that the uplink counted, each once."""
        seen = settled(self.daemon)
        flows = self.daemon.flows("--all")
        on_wire = total([sent(self.lab.node, "uplink"), received(self.lab.node, "uplink")])
        self.assertEqual(seen["seen_packets"], on_wire.packets)
        self.assertEqual(int(self.daemon.status()["packets_accounted"]), on_wire.packets)
        return flows, on_wire

    def inner(self, kind, mode=None):
        """`tunnel: inner`, the default."""
        self.make(kind)
        self.watch(mode)
        here, there = KINDS[kind].inner
        keys = self.talk(self.lab.node, self.lab.peer, here, there)
        flows, on_wire = self.settled()
        self.assertEqual(total_of(flows), on_wire)
        self.assertEqual({flow["IP"]["source"] for flow in flows}, {here, there})
        self.assertEqual([sums(flows)[key].packets for key in keys], [DATAGRAMS, DATAGRAMS])
        for flow in flows:
            self.assertEqual({device for device, _ in points(flow)}, {"uplink", "tun0"})
            self.outer_is_attached(kind, flow)
        roles = {row["name"]: row["counts_ingress"] or row["counts_egress"]
                 for row in self.daemon.status()["interfaces"]}
        self.assertEqual(roles, {"uplink": True, "tun0": False})

    def outer_is_attached(self, kind, flow):
        outer = KINDS[kind].outer
        if flow["IP"]["source"] != KINDS[kind].inner[0]:
            outer = outer[::-1]
        tunnel = facts(flow)["tunnel"]
        self.assertEqual((tunnel["outer"]["source"], tunnel["outer"]["destination"]), outer)
        self.assertEqual(tunnel.get("id"), KINDS[kind].number)
        if kind in ("vxlan", "geneve"):
            self.assertEqual(tunnel["type"], kind)
            self.assertEqual(flow["tunnel"]["protocol"], kind.upper())

    def test_vxlan(self):
        """vxlan: inner packets counted once, at the uplink; the tunnel device observes"""
        self.inner("vxlan")

    def test_geneve(self):
        """geneve: likewise"""
        self.inner("geneve")

    def test_gre(self):
        """gre: likewise"""
        self.inner("gre")

    def test_gretap(self):
        """gretap: likewise"""
        self.inner("gretap")

    def test_ipip(self):
        """ipip: likewise"""
        self.inner("ipip")

    def test_sit(self):
        """sit: likewise"""
        self.inner("sit")

    def test_ip6tnl(self):
        """ip6tnl: likewise"""
        self.inner("ip6tnl")

    def test_ip6gre(self):
        """ip6gre: likewise"""
        self.inner("ip6gre")

    def test_outer(self):
        """tunnel: outer: the outer flow is counted; the inner one has no packets"""
        self.make("vxlan")
        self.watch("outer")
        self.talk(self.lab.node, self.lab.peer, *INNER4)
        flows, on_wire = self.settled()
        outside = [flow for flow in flows if flow["IP"]["source"] in OUTER4]
        self.assertEqual(total_of(outside), on_wire)
        self.assertEqual({(key.protocol, key.dport) for key in map(key_of, outside)},
                         {(UDP, 4789)})
        self.assertEqual(total_of(flow for flow in flows if flow not in outside), Count())

    def test_both(self):
        """tunnel: both: records of both, the outer ones marked as carriers; each packet once"""
        self.make("vxlan")
        self.watch("both")
        self.talk(self.lab.node, self.lab.peer, *INNER4)
        flows, on_wire = self.settled()
        carriers = [flow for flow in flows if facts(flow).get("carrier")]
        self.assertEqual({flow["IP"]["source"] for flow in carriers}, set(OUTER4))
        self.assertEqual(total_of(carriers), on_wire)
        self.assertEqual(total_of(flow for flow in flows if flow not in carriers), on_wire)

    def test_tunnel_alone(self):
        """nothing below it is monitored: the tunnel device counts"""
        self.make("vxlan")
        self.watch(None, "tun0")
        keys = self.talk(self.lab.node, self.lab.peer, *INNER4)
        seen, flows = settled(self.daemon), self.daemon.flows("--all")
        count = Count(DATAGRAMS, DATAGRAMS * (SIZE + 8 + 20 + 14))
        self.assertEqual([sums(flows).get(key) for key in keys], [count, count])
        self.assertEqual(seen["seen_packets"], total([
            sent(self.lab.node, "tun0"), received(self.lab.node, "tun0")]).packets)

    def test_pod(self):
        """pod, bridge, tunnel and uplink: each inner packet counted once, both ways"""
        self.make("vxlan")
        pod = self.lab.pod()
        self.watch(None, "pod", "pods", "tun0", "uplink")
        keys = self.talk(pod, self.lab.peer, POD, INNER4[1])
        flows, _ = self.settled()
        self.assertEqual([sums(flows)[key].packets for key in keys], [DATAGRAMS, DATAGRAMS])
        for flow in flows:
            self.assertEqual({device for device, _ in points(flow)},
                             {"pod", "pods", "tun0", "uplink"})


if __name__ == "__main__":
    tap.main()
