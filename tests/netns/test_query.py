#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Questions to a running flowd: filters, history, following, what a line looks like, how soon."""
import os
import subprocess
import time
import unittest

import schema
import tap
import traffic
from daemon import FLOWCLI, TIME_SCALE, Daemon, facts, key_of
from lab import Cluster, wait_until


class Query(unittest.TestCase):
    """One daemon that has seen one conversation of each kind."""

    @classmethod
    def setUpClass(cls):
        cls.lab = lab = Cluster()
        cls.addClassCleanup(lab.close)
        cls.daemon = Daemon(lab, lab.node, ["web", "client"],
                            {"flow.active_timeout": "1s", "flow.udp_idle_timeout": "1s"}).ready()
        cls.tcp4 = traffic.tcp(lab.client, lab.web, lab.WEB4, 8080)
        cls.tcp6 = traffic.tcp(lab.client, lab.web, lab.WEB6, 8081)
        cls.udp4 = traffic.udp(lab.client, lab.web, lab.WEB4, 5000)
        assert traffic.refused(lab.client, lab.WEB4, 81)
        ports = {8080, 8081, 5000, 81}
        wait_until("both ways of every flow ended", lambda: len({
            key_of(flow) for flow in cls.daemon.flows() if facts(flow)["kind"] == "flow_end"
            and ports & {key_of(flow).sport, key_of(flow).dport}}) == 8, 10 * TIME_SCALE)

    def services(self, *filters):
        """The service ports of the flows that match."""
        found = set()
        for flow in self.daemon.flows("--all", *filters):
            key = key_of(flow)
            found |= {key.sport, key.dport} & {8080, 8081, 5000, 81}
        return found

    def test_filters(self):
        """each flag chooses the right flows; same flag OR, different flags AND, --not alone"""
        lab = self.lab
        for filters, expected in (
                (["--protocol", "tcp"], {8080, 8081, 81}),
                (["--protocol", "udp"], {5000}),
                (["--protocol", "udp", "--protocol", "tcp"], {8080, 8081, 5000, 81}),
                (["--port", "8080"], {8080}),
                (["--port", "8080-8081"], {8080, 8081}),
                (["--port", "81,5000"], {81, 5000}),
                (["--to-port", "8080", "--protocol", "udp"], set()),
                (["--ip", lab.WEB6], {8081}),
                (["--ip", "10.99.0.0/24", "--protocol", "tcp"], {8080, 81}),
                (["--from-ip", lab.CLIENT4, "--to-port", "5000"], {5000}),
                (["-6", "--protocol", "tcp"], {8081}),
                (["-4", "--protocol", "tcp"], {8080, 81}),
                (["--protocol", "tcp", "--not", "--port", "81"], {8080, 8081}),
                (["--protocol", "tcp", "--not", "--port", "81", "--not", "--port", "8080"],
                 {8081}),
                (["--tcp-flags", "RST", "--not", "--port", "8080"], {81}),
                (["--interface", "cli*", "--from-port", "8080"], {8080}),
                (["--interface", "pods"], set()),
                (["--interface", "web", "--port", "8080"], {8080}),
                (["--traffic-direction", "egress", "--protocol", "tcp"], set()),
                (["--verdict", "FORWARDED", "--port", "5000"], {5000}),
                (["--verdict", "DROPPED"], {81})):  # NO_SOCKET
            self.assertEqual(self.services(*filters), expected, filters)

    def test_last_and_first(self):
        """--last and --first give the ends of history, in order"""
        everything = [facts(flow) for flow in self.daemon.flows("--all", "--port", "8080")]
        for option, expected in (("--last", everything[-2:]), ("--first", everything[:2])):
            flows = self.daemon.flows(option, "2", "--port", "8080")
            self.assertEqual([facts(flow) for flow in flows], expected)

    def test_since_and_until(self):
        """--since and --until cut history by time"""
        self.assertEqual(self.services("--since", "1h"), {8080, 8081, 5000, 81})
        self.assertEqual(self.services("--until", "1h"), set())
        moment = self.daemon.flows("--all", "--port", "5000")[0]["time"]
        for flow in self.daemon.flows("--all", "--since", moment):
            self.assertGreaterEqual(flow["time"], moment)

    def test_lines(self):
        """every JSON line keeps to the schema"""
        lines = self.daemon.cli("observe", "--all", "-o", "json").stdout.splitlines()
        self.assertGreater(len(lines), 8)
        for line in lines:
            self.assertEqual(schema.complaints(line), [], line)

    def test_outputs(self):
        """each output format tells of each flow"""
        for output in ("compact", "table", "dict", "json", "csv"):
            text = self.daemon.cli("observe", "--all", "-o", output, "--port", "5000").stdout
            self.assertIn(str(self.udp4), text, output)

    def test_completeness(self):
        """every answer ends by saying, on stderr, that it is complete"""
        self.assertRegex(self.daemon.cli("observe", "--last", "1").stderr, r"complete")

    def test_closed_pipe(self):
        """a reader that goes away ends it quietly"""
        done = subprocess.run(["bash", "-c", f"{FLOWCLI} observe --all -o json | head -n 1; "
                               "test ${PIPESTATUS[0]} -ne 1"], env=self.daemon.environment,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 1), done.stderr)
        self.assertNotIn("pipe", done.stderr.lower())

    @unittest.skipIf(TIME_SCALE > 1, "an emulated CPU: times say nothing")
    def test_soon(self):
        """a new flow is seen within 1.2 s of its first packet, its end within 2 s"""
        lab = Cluster()
        self.addCleanup(lab.close)
        daemon = Daemon(lab, lab.node, ["web", "client"]).ready()
        follower = daemon.follow("--port", "8090")
        wait_until("the follower asks", lambda: self.asking(daemon))
        begun = time.monotonic()
        pair = traffic.TcpPair(lab.client, lab.web, lab.WEB4, 8090)
        seen, _ = follower.wait_for("the flow", lambda flow: key_of(flow).sport == pair.port)
        self.assertLess(seen - begun, 1.2)
        ended = time.monotonic()
        pair.close()
        seen, _ = follower.wait_for("its end", lambda flow: facts(flow)["kind"] == "flow_end")
        self.assertLess(seen - ended, 2.0)
        self.assertIn(follower.stop(), (0, 130))

    @staticmethod
    def asking(daemon):
        """True while somebody is connected to the query socket."""
        shown = daemon.namespace.run("ss", "-Hx", "state", "connected").stdout
        return os.path.join(daemon.run_dir, "flowd.sock") in shown

    def test_dead_daemon(self):
        """no daemon: one line with a remedy, exit not 0"""
        done = subprocess.run([FLOWCLI, "observe", "--last", "1"], capture_output=True, text=True,
                              env=dict(os.environ, FLOWCLI_SERVER="ipc:///nowhere/flowd.sock"),
                              check=False, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


if __name__ == "__main__":
    tap.main()
