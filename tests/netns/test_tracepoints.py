#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The same events whichever way the programs hang at the tracepoints: by the kernel's BTF, or raw for
kernels that have none; and what the daemon says of it."""
import os
import socket
import unittest

import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Routed, wait_until
from witness import Key


class Tracepoints(unittest.TestCase):
    def setUp(self):
        self.lab = Routed()
        self.addCleanup(self.lab.close)

    def events(self, manner):
        """Daemon after a drop, a retransmission and a refused connect: all were told."""
        daemon = Daemon(self.lab, self.lab.node, ["client", "server"],
                        {"events.tracepoints": manner}).ready()
        pair = traffic.TcpPair(self.lab.client, self.lab.server, self.lab.SERVER4, 7001)
        self.lab.node.drop("tcp dport 7001", "forward")
        pair.client.send(bytes(1000))
        self.assertTrue(traffic.refused(self.lab.client, self.lab.SERVER4, 7002))
        key = Key(self.lab.CLIENT4, self.lab.SERVER4, socket.IPPROTO_TCP, pair.port, 7001)

        def told():
            return {(facts(flow)["kind"], flow["l4"]["TCP"].get("destination_port"))
                    for flow in daemon.incidents("--all")}
        wanted = {("drop", 7001), ("drop", 7002), ("tcp_retransmit", 7001), ("tcp_connect", 7002)}
        wait_until(f"{wanted} of {told()}", lambda: wanted <= told(), 15 * TIME_SCALE)
        drop = next(facts(flow) for flow in daemon.incidents("--all", "-t", "drop")
                    if key_of(flow) == key)
        self.assertEqual((drop["drop"]["reason"], drop["drop"]["hook"]), ("NETFILTER_DROP", "forward"))
        self.assertEqual(drop["netns"]["inode"], os.fstat(self.lab.node.fd).st_ino)
        pair.client.close()
        pair.server.close()
        return daemon.status()["ledger"]

    def test_raw(self):
        """raw tracepoints tell drops with reason, hook and namespace, retransmissions and connects"""
        ledger = self.events("raw")
        self.assertEqual(int(ledger.get("tracepoints_btf", 0)), 0)
        self.assertGreater(int(ledger["tracepoints_raw"]), 5)

    def test_auto(self):
        """by BTF where the kernel takes it"""
        if not os.path.exists("/sys/kernel/btf/vmlinux"):
            self.skipTest("this kernel has no BTF")
        ledger = self.events("auto")
        self.assertGreater(int(ledger["tracepoints_btf"]), 5)
        self.assertEqual(int(ledger.get("tracepoints_raw", 0)), 0)


if __name__ == "__main__":
    tap.main()
