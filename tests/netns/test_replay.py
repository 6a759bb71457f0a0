#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The captures, live: each Ethernet frame goes over a veth pair to the real flowd, whose records are
compared with what tshark says of the same frames. Where there are no captures or no tshark, this
says so and is skipped."""
import os
import socket
import sys
import unittest

import tap
from counters import SOON, settled
from daemon import Daemon
from lab import Lab, wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tshark"))
import differences  # pylint: disable=wrong-import-position
import judge  # pylint: disable=wrong-import-position

FOLDERS = ("tcpdump", "pcapplusplus")
ETHERNET, HEADER, TAGGED, TAG = 1, 14, (b"\x81\x00", b"\x88\xa8"), 4
MTU = 65535
BURST = 64  # frames on their way; a veth's ring has 256 places
DOCUMENT = os.path.join(judge.ROOT, "docs/differences.md")


def frames_of(mtu):
    """What can be sent: no shorter than an Ethernet header (packet(7) refuses such), no longer than
    the device takes, and no tag cut in two, which the kernel drops before tc sees it. As long on
    the wire as they are here."""
    for folder in FOLDERS:
        for path in judge.captures(folder):
            for link, stamp, _, data in judge.packets(path):
                least = HEADER + TAG * (data[12:14] in TAGGED)
                if link == ETHERNET and least <= len(data) <= mtu + HEADER:
                    yield link, stamp, len(data), data


class ReplayLab(Lab):
    """sender eth0 - wire node. The node says nothing itself."""

    def __init__(self, mtu):
        super().__init__()
        self.node, self.sender = self.namespace(), self.namespace()
        self.node.ip("link", "add", "wire", "mtu", mtu, "type", "veth", "peer", "name", "eth0",
                     "mtu", mtu, "netns", self.sender.path)
        for namespace, device in ((self.node, "wire"), (self.sender, "eth0")):
            namespace.set_sysctl("net/ipv6/conf/all/disable_ipv6", 1)
            namespace.drop("meta mark != 1", hook="output")
            namespace.ip("link", "set", device, "arp", "off", "multicast", "off", "up")

    def arrived(self):
        with self.node, open("/proc/thread-self/net/dev", encoding="ascii") as file:
            line = next(line for line in file if line.strip().startswith("wire:"))
        return int(line.split(":")[1].split()[1])

    def send(self, frames):
        with self.sender, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            for number, (_, _, _, data) in enumerate(frames, 1):
                wire.send(data)
                if number % BURST == 0 or number == len(frames):
                    wait_until(f"{number} frames arrive", lambda: self.arrived() >= number)


@unittest.skipIf(judge.missing(), judge.missing())
class Replay(unittest.TestCase):
    def replay(self, mode, mtu):
        """Of all frames: tshark's verdict, flowd's ledger and {Flow: Count} of its records."""
        lab = ReplayLab(mtu)
        self.addCleanup(lab.close)
        frames = list(frames_of(mtu))
        verdict = judge.ask({"all": frames}, os.path.join(lab.directory, "all.pcapng"))["all"]
        daemon = Daemon(lab, lab.node, ["wire"],
                        {**SOON, "interfaces.modes.wire": mode, "events.drops": "false",
                         "events.tcp": "false"}).ready()
        lab.send(frames)
        wait_until("all frames are seen", lambda: settled(daemon)["seen_packets"] >= len(frames))
        ledger = settled(daemon)
        self.assertEqual(ledger["seen_packets"], len(frames))
        self.assertEqual(ledger["seen_bytes"], sum(len(data) for _, _, _, data in frames))
        done = daemon.cli("observe", "--all", "-o", "json")
        self.assertIn("complete", done.stderr.splitlines()[-1].split(":")[0])
        return verdict, ledger, judge.flows_of_lines(done.stdout.splitlines())

    def compare(self, mode, mtu):
        verdict, ledger, flowd = self.replay(mode, mtu)
        tshark, unsure = judge.flows_of_verdict(verdict)
        sure = [flow for flow in tshark if flow not in unsure]
        exact = sum(flowd.get(flow) == tshark[flow] for flow in sure)
        print(f"# {mode}: {verdict['frames']} frames, {exact} of {len(sure)} judged flows exact in "
              f"packets and bytes, {len(unsure)} not judged; {ledger['emitted_packets']} packets in "
              f"records, tshark reads IP in {verdict['ip_packets']}", flush=True)
        self.assertEqual(set(differences.of_flows(differences.LIVE, tshark, flowd)),
                         set(differences.read(DOCUMENT, live=True)))
        self.assertEqual(ledger["emitted_packets"], verdict["ip_packets"])
        self.assertGreaterEqual(100 * exact, judge.EXACT_MIN * len(sure))

    def test_tc(self):
        """every capture, live, by tc: flows equal tshark's"""
        self.compare("tc", MTU)

    def test_xdp(self):
        """every capture, live, by XDP: flows equal tshark's"""
        self.compare("xdp", 1500)


if __name__ == "__main__":
    tap.main()
