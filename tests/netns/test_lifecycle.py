#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What flowd leaves, refuses and picks up: devices that come and go, ends good and bad, a second
instance."""
import os
import signal
import unittest

import tap
import traffic
from attachment import has_tcx, programs
from daemon import TIME_SCALE, Daemon, facts, key_of, sums
from lab import Cluster, unperturbed, wait_until
from witness import Witness


def attached(namespace):
    return set(programs(namespace))


class Lifecycle(unittest.TestCase):
    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)

    def daemon(self, interfaces=("web", "client"), settings=None, run_dir=None):
        return Daemon(self.lab, self.lab.node, interfaces, settings, run_dir).ready()

    def nothing_left(self):
        self.assertEqual(attached(self.lab.node), set())
        for device in ("web", "client", "pods"):
            self.assertNotIn("clsact", self.lab.node.run("tc", "qdisc", "show", "dev",
                                                         device).stdout)

    def test_attached_where_asked(self):
        """programs sit on the devices that were asked for, and on no other"""
        self.daemon()
        self.assertEqual(attached(self.lab.node), {"web", "client"})

    def test_memory(self):
        """at rest it is below 40 MB, rings, tables and libraries in it"""
        with unperturbed():
            daemon = self.daemon()
        resident = wait_until("below 40 MB", lambda: (lambda now: now if now < 40e6 else None)(
            int(daemon.status()["rss_bytes"])), 20 * TIME_SCALE)
        print(f"# {resident / 1e6:.1f} MB resident")

    def test_sigterm(self):
        """SIGTERM: what was held is published with the reason shutdown, nothing stays attached"""
        daemon = self.daemon()
        follower = daemon.follow()
        witness = Witness(self.lab.web, "eth0")
        pair = traffic.TcpPair(self.lab.client, self.lab.web, self.lab.WEB4, 8080)
        pair.say(1000)
        follower.wait_for("the connection", lambda flow: flow.get("l4", {}).get("TCP"))
        pair.answer(2000)
        seen = {key: count for key, count in witness.stop().flows.items()
                if 8080 in (key.sport, key.dport)}
        self.assertEqual(daemon.stop(), 0, daemon.messages())
        wait_until("all counts told", lambda: {
            key: count for key, count in sums(follower.records()).items() if key in seen} == seen,
            5 * TIME_SCALE)
        ends = [flow for flow in follower.records()
                if key_of(flow) in seen and facts(flow)["kind"] == "flow_end"]
        self.assertEqual([facts(end)["end_reason"] for end in ends], ["shutdown", "shutdown"])
        self.nothing_left()

    def test_sigkill(self):
        """SIGKILL: what tcx attached is gone; the next instance takes over sockets and devices"""
        daemon = self.daemon()
        daemon.stop(signal.SIGKILL)
        if has_tcx():
            wait_until("programs gone", lambda: not attached(self.lab.node), 5 * TIME_SCALE)
        again = self.daemon(run_dir=daemon.run_dir)
        self.assertEqual(programs(self.lab.node), {"web": 2, "client": 2})
        port = traffic.tcp(self.lab.client, self.lab.web, self.lab.WEB4, 8080)
        wait_until("flows of the next instance", lambda: [
            flow for flow in again.flows("--all", "--port", str(port))], 5 * TIME_SCALE)
        self.assertEqual(again.stop(), 0, again.messages())
        # a clsact that was there before is somebody else's, whoever that was: it stays
        self.assertEqual(attached(self.lab.node), set())

    def refused(self, second):
        code = second.process.wait(10 * TIME_SCALE)
        self.assertNotEqual(code, 0)
        return second.messages()

    def test_second_on_socket(self):
        """a second instance on the same socket refuses, and the first goes on"""
        first = self.daemon(["web"])
        second = Daemon(self.lab, self.lab.node, ["client"], run_dir=first.run_dir)
        self.assertIn(str(first.process.pid), self.refused(second))
        self.assertEqual(first.cli("status").returncode, 0)
        self.assertEqual(attached(self.lab.node), {"web"})

    def test_second_on_interface(self):
        """a second instance on the same device refuses and names it"""
        first = self.daemon(["web"])
        second = Daemon(self.lab, self.lab.node, ["web", "client"])
        self.assertIn("web", self.refused(second))
        self.assertEqual(attached(self.lab.node), {"web"})
        self.assertEqual(first.cli("status").returncode, 0)

    def test_device_appears(self):
        """a device that appears is watched within a second, and let go when it goes"""
        daemon = self.daemon(["web", "client", "late*"])
        for name in ("late1", "late2"):
            self.lab.node.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-peer")
            wait_until(f"{name} attached", lambda: name in attached(self.lab.node),
                       1.0 * TIME_SCALE)
        self.lab.node.ip("link", "del", "late1")
        self.lab.node.ip("link", "set", "late2", "name", "later")
        wait_until("late1 gone from status", lambda: "late1" not in daemon.cli("status").stdout)
        self.assertEqual(daemon.stop(), 0, daemon.messages())
        self.nothing_left()

    def test_device_flaps(self):
        """a device made and removed many times is attached once in the end"""
        daemon = self.daemon(["web", "client", "flap"])
        for _ in range(20):
            self.lab.node.ip("link", "add", "flap", "type", "veth", "peer", "name", "flap-peer")
            self.lab.node.ip("link", "del", "flap")
        self.lab.node.ip("link", "add", "flap", "type", "veth", "peer", "name", "flap-peer")
        wait_until("flap attached", lambda: "flap" in attached(self.lab.node), 2 * TIME_SCALE)
        wait_until("both programs", lambda: programs(self.lab.node)["flap"] >= 2, 2 * TIME_SCALE)
        self.assertEqual(programs(self.lab.node)["flap"], 2)
        self.assertEqual(daemon.stop(), 0, daemon.messages())

    def test_foreign_program(self):
        """somebody else's qdisc and filter stay"""
        self.lab.node.run("tc", "qdisc", "add", "dev", "web", "clsact")
        self.lab.node.run("tc", "filter", "add", "dev", "web", "ingress", "prio", "1000",
                          "protocol", "ip", "u32", "match", "u32", "0", "0")
        before = self.lab.node.run("tc", "filter", "show", "dev", "web", "ingress").stdout
        self.assertIn("u32", before)
        daemon = self.daemon()
        port = traffic.tcp(self.lab.client, self.lab.web, self.lab.WEB4, 8080)
        wait_until("the flow", lambda: daemon.flows("--all", "--port", str(port)))
        self.assertEqual(daemon.stop(), 0, daemon.messages())
        self.assertIn("clsact", self.lab.node.run("tc", "qdisc", "show", "dev", "web").stdout)
        after = self.lab.node.run("tc", "filter", "show", "dev", "web", "ingress").stdout
        self.assertEqual(after, before)

    def test_sockets(self):
        """the socket directory is 0750, the sockets are 0660"""
        run_dir = os.path.join(self.lab.directory, "fresh")
        self.daemon(run_dir=run_dir)
        self.assertEqual(os.stat(run_dir).st_mode & 0o777, 0o750)
        for name in ("flowd.sock", "events.sock"):
            self.assertEqual(os.stat(os.path.join(run_dir, name)).st_mode & 0o777, 0o660)


if __name__ == "__main__":
    tap.main()
