#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Drops that become no packet's event: what queues and devices count, by interface and network
namespace, in `flowcli status`."""
import os
import re
import unittest

import tap
from daemon import TIME_SCALE, Daemon
from lab import Routed, wait_until
from traffic import send_udp

FOREIGN = os.environ.get("FLOWD_FOREIGN_BPF", "")


class Counters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Routed()
        cls.addClassCleanup(cls.lab.close)
        for namespace in (cls.lab.client, cls.lab.server):
            cls.lab.start(namespace, "sleep", 600)  # namespaces are found by their processes
        cls.daemon = Daemon(cls.lab, cls.lab.node, ["client", "server"]).ready()

    def counter(self, namespace, name):
        inode = os.fstat(namespace.fd).st_ino
        return int(self.daemon.status()["ledger"].get(f"netns.{inode}.{name}", 0))

    def equals(self, namespace, name, wanted):
        wait_until(f"{name} is {wanted}", lambda: self.counter(namespace, name) == wanted,
                   15 * TIME_SCALE)

    def kernel_says(self, namespace, kind):
        """Drops of the qdiscs of this kind at eth0."""
        shown = namespace.run("tc", "-s", "qdisc", "show", "dev", "eth0").stdout
        return int(re.search(rf"qdisc {kind} .*?dropped (\d+)", shown, re.DOTALL).group(1))

    def test_queue(self):
        """a queue that runs over: its kind's drops, at this device of this namespace alone"""
        added = self.lab.client.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate",
                                    "8kbit", "burst", "2000", "limit", "4000", check=False)
        if added.returncode:
            self.skipTest(f"no tbf in this kernel: {added.stderr.strip()}")
        self.addCleanup(self.lab.client.run, "tc", "qdisc", "del", "dev", "eth0", "root")
        send_udp(self.lab.client, self.lab.SERVER4, 9, size=1000, count=20)
        dropped = self.kernel_says(self.lab.client, "tbf")
        self.assertGreater(dropped, 10)
        self.equals(self.lab.client, "eth0.qdisc.tbf.drops", dropped)
        self.assertEqual(self.counter(self.lab.server, "eth0.qdisc.tbf.drops"), 0)

    @unittest.skipUnless(FOREIGN, "FLOWD_FOREIGN_BPF does not name the programs of drop_all.bpf.c")
    def test_ingress(self):
        """what a tc program drops on ingress, as its qdisc counts it"""
        self.lab.server.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
        self.addCleanup(self.lab.server.run, "tc", "qdisc", "del", "dev", "eth0", "clsact")
        self.lab.server.run("tc", "filter", "add", "dev", "eth0", "ingress", "bpf", "da", "obj",
                            FOREIGN, "sec", "tc")
        send_udp(self.lab.client, self.lab.SERVER4, 9, count=7)
        dropped = self.kernel_says(self.lab.server, "clsact")
        self.assertGreaterEqual(dropped, 7)
        self.equals(self.lab.server, "eth0.qdisc.clsact.drops",
                    self.kernel_says(self.lab.server, "clsact"))

    def test_device(self):
        """what is too long for the other end of a link, as the sending device counts it"""
        self.lab.server.ip("link", "set", "eth0", "mtu", "1000")
        self.addCleanup(self.lab.server.ip, "link", "set", "eth0", "mtu", "1500")
        before = self.counter(self.lab.node, "server.tx_dropped")
        send_udp(self.lab.client, self.lab.SERVER4, 9, size=1400, count=5)
        self.equals(self.lab.node, "server.tx_dropped", before + 5)
        self.assertEqual(self.counter(self.lab.client, "eth0.tx_dropped"), 0)


if __name__ == "__main__":
    tap.main()
