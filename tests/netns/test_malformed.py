#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packets that are not understood: at level debug the log shows what they look like, each kind at a
rate, and what it does not show is counted; at any other level it costs and says nothing."""
import re
import socket
import unittest

import tap
from counters import ledger
from daemon import TIME_SCALE, Daemon
from lab import Cluster, wait_until

ETHERNET = bytes.fromhex("02000000000a" "02000000000b")
CUT_IPV4 = ETHERNET + bytes.fromhex("0800" "4500002000010000")
SHORT_IHL = ETHERNET + bytes.fromhex("0800" "43000014") + bytes(16)
LABELS = ETHERNET + bytes.fromhex("8847" + "00001040" * 9 + "00001140") + bytes(20)
CUT_UDP = ETHERNET + bytes.fromhex("0800" "45000016000100004011" "0000" "0a630003" "0a630002"
                                   "1f90")
LINE = re.compile(r"packet: (\w+) \(.*\), (\w+) \((\d+)\) (tc ingress|XDP), (\d+) bytes: ([0-9a-f]*)")
SENT = 40


def send(namespace, device, frame, count=1):
    with namespace, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((device, 0))
        for _ in range(count):
            wire.send(frame)


def samples(daemon, name):
    return [found.groups()[1:] for found in LINE.finditer(daemon.messages())
            if found.group(1) == name]


class Malformed(unittest.TestCase):
    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)

    def daemon(self, **settings):
        return Daemon(self.lab, self.lab.node, ["client"], settings).ready()

    def count(self, daemon, counter, more):
        wait_until(f"{more} in {counter}", lambda: ledger(daemon)[counter] >= more, 5 * TIME_SCALE)

    def show(self, mode, hook):
        """Every kind of packet, what is shown of it, and that shown + suppressed = sent."""
        daemon = self.daemon(log_level="debug", **{"interfaces.modes.client": mode})
        cases = [("l3_truncated", CUT_IPV4), ("ip_bad_header", SHORT_IHL),
                 ("encap_too_deep", LABELS), ("l4_short", CUT_UDP)]
        for name, frame in cases:
            send(self.lab.client, "eth0", frame, SENT)
            self.count(daemon, f"{name}_packets", SENT)
        with self.lab.node:
            index = str(socket.if_nametoindex("client"))
        for name, frame in cases:
            found = wait_until(f"a sample of {name}", lambda: samples(daemon, name),
                               5 * TIME_SCALE)
            self.assertEqual(set(found), {("client", index, hook, str(len(frame)), frame.hex())})
        wait_until("all shown or suppressed", lambda: sum(
            len(samples(daemon, name)) for name, _ in cases) + ledger(daemon)[
                "malformed_suppressed"] == SENT * len(cases), 5 * TIME_SCALE)
        self.assertGreater(ledger(daemon)["malformed_suppressed"], 0)
        self.assertEqual(ledger(daemon)["events_unknown"], 0)

    def test_tc(self):
        """tc: name, device, hook, length and bytes of each kind; the rest is counted"""
        self.show("tc", "tc ingress")

    def test_xdp(self):
        """XDP: the same"""
        self.show("xdp", "XDP")

    def test_switched_while_running(self):
        """not at level info; SIGHUP switches it on, and off again"""
        daemon = self.daemon()
        send(self.lab.client, "eth0", CUT_IPV4, SENT)
        self.count(daemon, "l3_truncated_packets", SENT)
        daemon.reload("log_level: debug\n")
        send(self.lab.client, "eth0", SHORT_IHL, SENT)
        wait_until("a sample", lambda: samples(daemon, "ip_bad_header"), 5 * TIME_SCALE)
        suppressed = ledger(daemon)["malformed_suppressed"]
        daemon.reload("log_level: info\n")
        send(self.lab.client, "eth0", LABELS, SENT)
        self.count(daemon, "encap_too_deep_packets", SENT)
        self.assertEqual(samples(daemon, "l3_truncated") + samples(daemon, "encap_too_deep"), [])
        self.assertEqual(ledger(daemon)["malformed_suppressed"], suppressed)


if __name__ == "__main__":
    tap.main()
