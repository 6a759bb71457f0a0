#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`filter.rules` with the real daemon: what they exclude is in no flow, but counted; they change
while packets are on their way, and each of them is in a flow or in filtered_packets."""
import os
import socket
import threading
import unittest

import tap
import traffic
from counters import SOON, SilentLab, received, sent, settled, total
from daemon import Daemon, key_of

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


class Filtering(unittest.TestCase):
    def setUp(self):
        self.lab = FilterLab()
        self.addCleanup(self.lab.close)

    def watch(self, file, **settings):
        self.daemon = Daemon(self.lab, self.lab.node, ["uplink"], {
            **SOON, **{name.replace("__", "."): value for name, value in settings.items()}},
            file=file).ready()

    def reload_under_way(self, *files):
        """While packets are on their way: each is in a flow or in filtered_packets."""
        self.watch("")
        stop = threading.Event()

        def flood():
            while not stop.is_set():
                traffic.udp_spray(self.lab.node, THERE4, 50, 20)
        sender = threading.Thread(target=flood)
        sender.start()
        try:
            for file in 4 * files:
                self.daemon.reload(file)
        finally:
            stop.set()
            sender.join()
        seen = settled(self.daemon)
        on_wire = total([sent(self.lab.node, "uplink"), received(self.lab.node, "uplink")])
        self.assertEqual(seen["seen_packets"], on_wire.packets)
        self.assertEqual(seen["emitted_packets"] + seen["filtered_packets"], on_wire.packets)
        self.assertGreater(seen["filtered_packets"], 0)

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


class Rules(Filtering):
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

    def test_reload_under_way(self):
        """changed while packets are on their way: each is in a flow or in filtered_packets"""
        self.reload_under_way("filter:\n  rules:\n  - {action: deny, port: 1030-1040}\n", "")


if __name__ == "__main__":
    tap.main()
