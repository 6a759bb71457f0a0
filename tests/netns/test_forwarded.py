#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TCP connections that pass a router (flow.tcp_connections): what their rows know from packets alone.
The sockets are in namespaces that the daemon is not told of."""
import os
import re
import socket
import unittest

import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Routed, wait_until
from witness import Key

TCP = socket.IPPROTO_TCP


class Daemons(unittest.TestCase):
    """One lab and one daemon a class; a port of its own for each test."""
    settings = {}
    knows_sockets = False

    @classmethod
    def setUpClass(cls):
        cls.lab = Routed()
        cls.addClassCleanup(cls.lab.close)
        for device in ("client", "server"):  # a router asks for neighbours from such an address
            cls.lab.node.ip("addr", "add", "fe80::1/64", "dev", device, "nodad")
        settings = {"flow.active_timeout": "1s", "flow.tcp_connections": "1024", **cls.settings}
        if not cls.knows_sockets:
            settings["events.namespaces"] = str(os.fstat(cls.lab.node.fd).st_ino)
        cls.daemon = Daemon(cls.lab, cls.lab.node, ["client", "server"], settings).ready()

    def setUp(self):
        self.addCleanup(self.lab.node.run, "nft", "flush", "ruleset")

    def rows(self, key):
        return [facts(flow)["tcp"] for flow in self.daemon.flows() if key_of(flow) == key]

    def total(self, key, name):
        return sum(row.get(name, 0) for row in self.rows(key))

    def pair(self, port, server=Routed.SERVER4, client=Routed.CLIENT4):
        pair = traffic.TcpPair(self.lab.client, self.lab.server, server, port)
        self.addCleanup(pair.client.close)
        self.addCleanup(pair.server.close)
        return pair, Key(client, server, TCP, pair.port, port)

    def counts(self, key, counted):
        """The rows of the flow tell of so many retransmissions."""
        try:
            wait_until(f"{counted} retransmissions in the rows",
                       lambda: self.total(key, "retransmits") == counted, 10 * TIME_SCALE)
        except AssertionError as error:
            ledger = {name: value for name, value in self.daemon.status()["ledger"].items()
                      if name.startswith(("events_", "tcp_", "drops", "troubles_"))}
            raise AssertionError(f"{error}; rows: {self.rows(key)}; {ledger}") from error

    def sent_again(self, port):
        """What the client's socket says."""
        shown = self.lab.client.run("ss", "-Htin", f"sport = :{port}").stdout
        found = re.search(r"retrans:\d+/(\d+)", shown)
        return int(found.group(1)) if found else 0


class Passing(Daemons):
    def arrived(self):
        """Packets to port 7201 that came to the router, by its firewall's count."""
        shown = self.lab.node.run("nft", "list", "table", "inet", "arrived").stdout
        return int(re.search(r"packets (\d+)", shown).group(1))

    def acknowledged(self, pair):
        wait_until("acknowledged", lambda: self.lab.client.run(
            "ss", "-Htn", f"sport = :{pair.port}").stdout.split()[2] == "0", 30 * TIME_SCALE)

    def test_retransmits(self):
        """segments sent again: each that comes here, and no more than the sender's socket counts"""
        self.lab.node.run("nft", "add table inet arrived; add chain inet arrived c "
                          "{ type filter hook prerouting priority -300; }; "
                          "add rule inet arrived c tcp dport 7201 counter")
        for server, client in ((self.lab.SERVER4, self.lab.CLIENT4),
                               (self.lab.SERVER6, self.lab.CLIENT6)):
            pair, key = self.pair(7201, server, client)
            pair.say(5000)
            self.acknowledged(pair)
            before = self.arrived()
            self.lab.node.drop("tcp dport 7201", "forward")
            pair.client.send(bytes(1000))
            wait_until("three retransmissions", lambda p=before: self.arrived() - p >= 4,
                       30 * TIME_SCALE)
            self.lab.node.run("nft", "delete", "table", "inet", "lab")
            self.acknowledged(pair)
            again = self.arrived() - before - 1
            self.counts(key, again)
            self.assertLessEqual(again, self.sent_again(pair.port))
        self.assertEqual(self.daemon.incidents("--all", "-t", "tcp"), [])

    def test_round_trips(self):
        """round trips by the timestamps option, both ways; no retransmission where there was none"""
        pair, key = self.pair(7202)
        def talked():
            pair.say(2000)
            pair.answer(2000)
            row = self.rows(key)[-1:] or [{}]
            return row[0].get("srtt_ns") and row[0]
        row = wait_until("round trips", talked, 20 * TIME_SCALE)
        self.assertGreater(int(row["rtt_min_ns"]), 0)
        self.assertLessEqual(int(row["rtt_min_ns"]), int(row["srtt_ns"]["max"]))
        self.assertLess(int(row["srtt_ns"]["max"]), 1e9)
        back = Key(self.lab.SERVER4, self.lab.CLIENT4, TCP, 7202, pair.port)
        wait_until("round trips of the answers", lambda: talked() and any(
            "srtt_ns" in other for other in self.rows(back)), 20 * TIME_SCALE)
        for way in (key, back):
            self.assertEqual(self.total(way, "retransmits"), 0)

    def test_closed_window(self):
        """a receiver that does not read: its closed window, in the row of its direction"""
        pair, key = self.pair(7203)
        pair.client.setblocking(False)
        try:
            while True:
                pair.client.send(bytes(65536))
        except BlockingIOError:
            pass
        back = Key(key.dst, key.src, TCP, key.dport, key.sport)
        try:
            wait_until("closed window", lambda: self.total(back, "zero_windows"), 20 * TIME_SCALE)
        except AssertionError as error:
            raise AssertionError(f"{error}; rows: {self.rows(back)}; " + self.lab.server.run(
                "ss", "-tinm", f"sport = :{key.dport}").stdout) from error
        self.assertEqual(self.total(key, "zero_windows"), 0)


class Known(Daemons):
    knows_sockets = True

    def test_both_know(self):
        """a socket of this machine tells of the same segments: they are counted once"""
        pair, key = self.pair(7204)
        self.lab.node.drop("tcp dport 7204", "forward")
        pair.client.send(bytes(1000))
        wait_until("retransmissions", lambda: self.sent_again(pair.port) >= 3,
                   20 * TIME_SCALE)
        self.lab.node.run("nft", "flush", "ruleset")
        wait_until("acknowledged", lambda: self.lab.client.run(
            "ss", "-Htn", f"sport = :{pair.port}").stdout.split()[2] == "0", 30 * TIME_SCALE)
        wait_until("as many in the rows as were told", lambda: self.told() >= 3 and
                   self.total(key, "retransmits") == self.told(), 10 * TIME_SCALE)

    def told(self):
        """Retransmissions that the sockets' events tell of."""
        return len([flow for flow in self.daemon.incidents("--all", "-t", "tcp")
                    if facts(flow)["kind"] == "tcp_retransmit"])


class Crowd(Daemons):
    settings = {"flow.tcp_connections": "8"}

    def test_crowd(self):
        """more connections than there are places: those beyond are counted"""
        held = [self.pair(7205)[0] for _ in range(24)]
        def ledger(name):
            return int(self.daemon.status()["ledger"].get(name, 0))
        before = ledger("tcp_unwatched_packets")
        self.assertGreater(before, 0)
        for pair in held:
            pair.say(100)
        self.assertGreater(ledger("tcp_unwatched_packets"), before)
        self.assertGreater(ledger("tcp_watched_packets"), 0)


if __name__ == "__main__":
    tap.main()
