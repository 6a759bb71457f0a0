#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sockets under rough hands: garbage, readers that stop reading, the live publication."""
import os
import signal
import subprocess
import unittest

import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts
from lab import Cluster, wait_until


class Bus(unittest.TestCase):
    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)

    def daemon(self, **settings):
        return Daemon(self.lab, self.lab.node, ["web", "client"], {
            "flow.active_timeout": "1s", "flow.udp_idle_timeout": "1s",
            **{name.replace("__", "."): value for name, value in settings.items()}}).ready()

    @staticmethod
    def ask(daemon, data):
        """What the query service answers to these bytes."""
        path = os.path.join(daemon.lab.directory, "request")
        with open(path, "wb") as file:
            file.write(data)
        return subprocess.run(["nngcat", "--req", "--dial", daemon.url, "--file", path, "--raw",
                               "--recv-timeout", "5", "--send-timeout", "5"], check=False,
                              capture_output=True, timeout=30 * TIME_SCALE)

    def test_garbage(self):
        """garbage gets an error for an answer, and the daemon goes on"""
        daemon = self.daemon()
        for data in (b"garbage", b"\xff" * 1000, b"\x08\x01\x12", bytes(5000),
                     b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"):
            done = self.ask(daemon, data)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout, data)
        self.assertEqual(daemon.cli("status").returncode, 0)

    def test_oversized(self):
        """an oversized request does not stop the daemon"""
        daemon = self.daemon()
        self.ask(daemon, bytes(8 << 20))
        self.assertEqual(daemon.cli("status").returncode, 0)

    def test_publication(self):
        """nngcat on the topic `flow.` receives batches"""
        daemon = self.daemon()
        reader = self.lab.start(self.lab.node, "nngcat", "--sub", "--dial", daemon.events_url,
                                "--subscribe", "flow.", "--raw", "--count", 1,
                                stdout=subprocess.PIPE)
        wait_until("nngcat is connected", lambda: daemon.events_url.removeprefix("ipc://")
                   in self.lab.node.run("ss", "-Hx", "state", "connected").stdout)
        def published():
            traffic.udp(self.lab.client, self.lab.web, self.lab.WEB4, 5000)
            return reader.poll() is not None
        wait_until("a batch", published, 10 * TIME_SCALE)
        batch = reader.stdout.read()
        self.assertTrue(batch.startswith(b"flow."), batch[:40])
        self.assertIn(b"lab", batch)

    def test_slow_reader(self):
        """a reader that stopped longer than history lasts is told what it missed"""
        daemon = self.daemon(history__records="256")
        follower = daemon.follow("--protocol", "udp")
        traffic.udp(self.lab.client, self.lab.web, self.lab.WEB4, 5000)
        follower.wait_for("a first flow", lambda flow: True)
        follower.process.send_signal(signal.SIGSTOP)
        for _ in range(4):
            traffic.udp_spray(self.lab.client, self.lab.WEB4, 250)
        wait_until("history turned over", lambda: int(daemon.status()["seen_flows"]) > 1000,
                   15 * TIME_SCALE)
        follower.process.send_signal(signal.SIGCONT)
        def seen():
            """One flow alone may be passed over too: the sprayed ones' ends fill history."""
            traffic.udp(self.lab.client, self.lab.web, self.lab.WEB4, 5001)
            return any(5001 in flow["l4"]["UDP"].values() for flow in follower.records())
        wait_until("a new flow", seen, 10 * TIME_SCALE)
        self.assertIn(follower.stop(), (0, 130))
        self.assertRegex(follower.process.stderr.read(), r"(missed|lost|not complete|incomplete)")

    def test_reconnect(self):
        """a follower outlives a restart of the daemon and says that it happened"""
        daemon = self.daemon()
        follower = daemon.follow("--protocol", "udp")
        traffic.udp(self.lab.client, self.lab.web, self.lab.WEB4, 5000)
        follower.wait_for("a flow before", lambda flow: facts(flow)["kind"] == "flow_start")
        self.assertEqual(daemon.stop(), 0, daemon.messages())
        again = Daemon(self.lab, self.lab.node, ["web", "client"], run_dir=daemon.run_dir).ready()
        port = traffic.udp(self.lab.client, self.lab.web, self.lab.WEB4, 5001)
        follower.wait_for("a flow after", lambda flow: str(port) in str(flow), 15)
        self.assertIn(follower.stop(), (0, 130))
        self.assertTrue(follower.process.stderr.read())
        self.assertEqual(again.stop(), 0)


if __name__ == "__main__":
    tap.main()
