#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`filter:` with the real daemon: what it excludes is in no flow, but counted; it changes while
packets are on their way, and each of them is in a flow or in filtered_packets."""
import os
import socket
import threading
import unittest

import tap
import traffic
from counters import SOON, SilentLab, received, sent, settled, total
from daemon import TIME_SCALE, Daemon, key_of

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
HERE4, THERE4, HERE6, THERE6 = "10.98.0.1", "10.98.0.2", "fd98::1", "fd98::2"
KEPT, EXCLUDED = 9000, 9001


def cgroup2_root():
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        for line in mounts:
            _, path, kind, *_ = line.split()
            if kind == "cgroup2":
                return path
    return None


class FilterLab(SilentLab):
    """node - uplink/eth0 - peer."""

    def __init__(self):
        super().__init__()
        self.node, self.peer = self.silent(), self.silent()
        self.pair(self.node, "uplink", self.peer)
        self.up(self.node, "uplink", f"{HERE4}/24", f"{HERE6}/64")
        self.up(self.peer, "eth0", f"{THERE4}/24", f"{THERE6}/64")
        for addresses in ((HERE4, THERE4), (HERE6, THERE6)):
            self.acquaint((self.node, "uplink", addresses[0]), (self.peer, "eth0", addresses[1]))
        for namespace, device in ((self.node, "uplink"), (self.peer, "eth0")):
            namespace.run("ethtool", "-K", device, "tso", "off", "gso", "off")

    def udp(self, port, count=1, address=THERE4):
        return traffic.udp(self.node, self.peer, address, port, count)


class Filter(unittest.TestCase):
    def setUp(self):
        self.lab = FilterLab()
        self.addCleanup(self.lab.close)

    def watch(self, file, **settings):
        self.daemon = Daemon(self.lab, self.lab.node, ["uplink"], {
            **SOON, **{name.replace("__", "."): value for name, value in settings.items()}},
            file=file).ready()

    def ports(self, filtered):
        """The service ports that have flows; `filtered` packets were kept out, and none is missing."""
        seen = settled(self.daemon)
        on_wire = total([sent(self.lab.node, "uplink"), received(self.lab.node, "uplink")])
        self.assertEqual(seen["seen_packets"], on_wire.packets)
        self.assertEqual(seen["filtered_packets"], filtered)
        self.assertEqual(seen["emitted_packets"] + filtered, on_wire.packets)
        self.assertIs(self.daemon.status()["complete"], True)
        keys = [key_of(flow) for flow in self.daemon.flows("--all")]
        return {min(key.sport, key.dport) for key in keys}

    # ---- rules ----

    def test_deny(self):
        """a denied port: its packets are in no flow, and in filtered_packets"""
        self.watch("filter:\n  rules:\n  - {action: deny, protocol: udp, port: 9001}\n")
        self.lab.udp(KEPT, 7)
        self.lab.udp(EXCLUDED, 5)
        self.lab.udp(EXCLUDED, 3, THERE6)
        self.assertEqual(self.ports(filtered=16), {KEPT})

    def test_allow(self):
        """only what a rule allows: a network of IPv6, and TCP of a range of ports"""
        self.watch("filter:\n  default: deny\n  rules:\n"
                   "  - {action: deny, destination_port: 8081, protocol: tcp}\n"
                   "  - {action: allow, protocol: tcp, port: 8000-8099}\n"
                   "  - {action: allow, cidr: fd98::/64}\n")
        traffic.tcp(self.lab.node, self.lab.peer, THERE4, 8080)
        self.lab.udp(KEPT, 4, THERE6)
        self.lab.udp(EXCLUDED, 4)
        self.assertEqual(self.ports(filtered=8), {8080, KEPT})

    def test_interface(self):
        """a rule for one device leaves the other alone"""
        self.lab.node.ip("link", "set", "lo", "up")
        self.watch("filter:\n  rules:\n  - {action: deny, interface: \"up*\"}\n",
                   interfaces__include="uplink,lo")
        traffic.udp(self.lab.node, self.lab.node, "127.0.0.1", KEPT, 3)
        self.lab.udp(EXCLUDED, 5)
        seen = settled(self.daemon)
        self.assertEqual(seen["filtered_packets"], 10)
        self.assertEqual({min(key.sport, key.dport) for key in
                          map(key_of, self.daemon.flows("--all"))}, {KEPT})

    def test_cgroup(self):
        """packets that sockets below a cgroup send"""
        root = cgroup2_root()
        if not root:
            self.skipTest("no cgroup2 hierarchy is mounted")
        name = f"flowd-test-{os.getpid()}"
        inside = os.path.join(root, name, "below")
        os.makedirs(inside)
        self.addCleanup(os.removedirs, inside)
        self.watch(f"filter:\n  rules:\n  - {{action: deny, cgroup: /{name}}}\n")
        self.lab.udp(KEPT, 2)
        self.lab.node.run("sh", "-c", "echo $$ > \"$0/cgroup.procs\"; exec \"$@\"", inside,
                          "/usr/bin/python3", "-c",
                          "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                          f"[s.sendto(b'x', ('{THERE4}', {EXCLUDED})) for _ in range(6)]")
        seen = settled(self.daemon)
        self.assertEqual(seen["filtered_packets"], 6)
        self.assertFalse([flow for flow in self.daemon.flows("--all")
                          if key_of(flow).dport == EXCLUDED and key_of(flow).protocol == UDP])

    # ---- pcap ----

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

    # ---- reload ----

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
        self.watch("")
        stop = threading.Event()

        def flood():
            while not stop.is_set():
                traffic.udp_spray(self.lab.node, THERE4, 50, 20)
        sender = threading.Thread(target=flood)
        sender.start()
        try:
            for _ in range(4):
                self.daemon.reload("filter:\n  pcap: udp dst portrange 1024-1030\n")
                self.daemon.reload("filter:\n  rules:\n  - {action: deny, port: 1030-1040}\n")
                self.daemon.reload("")
        finally:
            stop.set()
            sender.join()
        seen = settled(self.daemon)
        on_wire = total([sent(self.lab.node, "uplink"), received(self.lab.node, "uplink")])
        self.assertEqual(seen["seen_packets"], on_wire.packets)
        self.assertEqual(seen["emitted_packets"] + seen["filtered_packets"], on_wire.packets)
        self.assertGreater(seen["filtered_packets"], 0)


if __name__ == "__main__":
    tap.main()
