#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who both ends of a flow are: processes, units."""
import os
import socket
import subprocess
import unittest

import engines
import schema
import tap
import traffic
from counters import ledger
from daemon import FLOWD, TIME_SCALE, facts, key_of
from ends import Case, as_a_service, hexadecimal, process
from lab import wait_until


class Processes(Case):
    def test_short_process(self):
        """a program of milliseconds is named at both ends, with pid and user"""
        lab, daemon = self.lab, self.daemon()
        server = lab.start(lab.web, "python3", "-m", "http.server", "-b", lab.WEB4, "8000",
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("server", lambda: traffic.refused(lab.client, lab.WEB4, 8000) is False,
                   10 * TIME_SCALE)
        lab.client.run("curl", "-s", "-o", "/dev/null", f"http://{lab.WEB4}:8000/")
        there, back = self.flow_to(
            daemon, 8000, lambda flow: "curl" in (process(flow, "source").get("comm"),
                                                  process(flow, "destination").get("comm")))
        self.assertEqual(process(there, "source")["comm"], "curl")
        self.assertEqual(process(there, "source")["uid"], 0)
        for flow, side in ((there, "destination"), (back, "source")):
            self.assertEqual(process(flow, side)["pid"], server.pid, facts(flow))
            self.assertTrue(process(flow, side)["comm"].startswith("python3"))
        self.assertEqual(process(there, "source"), process(back, "destination"))
        self.assertEqual(facts(there)["identity_source"],
                         {"source": "socket", "destination": "socket"})
        lines = daemon.cli("observe", "--all", "-o", "json").stdout.splitlines()
        for line in lines:
            self.assertEqual(schema.complaints(line), [], line)

    def test_connected_udp(self):
        """a UDP socket that was only connected, and one that was only bound, have owners"""
        lab, daemon = self.lab, self.daemon()
        traffic.udp(lab.client, lab.web, lab.WEB4, 5300)
        there, back = self.flow_to(daemon, 5300)
        for flow in (there, back):
            for side in ("source", "destination"):
                self.assertEqual(process(flow, side)["pid"], os.getpid(), facts(flow))

    def test_ping(self):
        """an echo names who asked; the answer says that the kernel sent it"""
        lab, daemon = self.lab, self.daemon()
        lab.client.run("ping", "-c", "1", "-W", "2", lab.WEB4)
        flows = wait_until("echo and answer", lambda: (lambda found: found if len(found) == 2
                                                       else None)(
            [flow for flow in daemon.flows("--all", "--protocol", "icmp", "-4")
             if facts(flow)["kind"] == "flow_start"]))
        echo, = [flow for flow in flows if flow["l4"]["ICMPv4"].get("type") == 8]
        answer, = [flow for flow in flows if flow is not echo]
        self.assertEqual(process(echo, "source")["comm"], "ping")
        self.assertEqual(process(answer, "destination")["comm"], "ping")
        self.assertEqual(facts(answer)["identity_missing_reason"]["source"], "sent_by_the_kernel")

    def test_unanswered(self):
        """a connection that nobody answers is named all the same"""
        lab, daemon = self.lab, self.daemon()
        lab.web.drop("tcp dport 81")
        self.assertTrue(traffic.dropped(lab.client, lab.WEB4, 81))
        flow = wait_until("the flow", lambda: next(iter(daemon.flows("--all", "--to-port", "81")),
                                                   None))
        self.assertEqual(process(flow, "source")["pid"], os.getpid())

    def test_before_start(self):
        """sockets that were open before the daemon: their owners are found at its start"""
        lab = self.lab
        pair = traffic.TcpPair(lab.client, lab.web, lab.WEB4, 8090)
        daemon = self.daemon()
        pair.say(1000)
        there, back = self.flow_to(daemon, 8090)
        for flow in (there, back):
            for side in ("source", "destination"):
                self.assertEqual(process(flow, side).get("pid"), os.getpid(), facts(flow))
        pair.close()

    @unittest.skipIf(engines.CGROUPS is None, "no cgroup v2 hierarchy")
    def test_hooks(self):
        """--check names each hook and what it tells; the daemon has attached what it says it can"""
        report = self.lab.node.run(FLOWD, "--check").stdout
        part = report.split("Owners of sockets\n")[1].split("\n\n")[0]
        rows = {line.split()[1]: line.split() for line in part.splitlines()}
        self.assertEqual(set(rows), {"cgroup/sock_create", "cgroup/post_bind4",
                                     "cgroup/post_bind6", "sockops", "cgroup_mkdir",
                                     "cgroup_rmdir"}, part)
        self.assertTrue(all(len(row) > 3 for row in rows.values()), part)
        refused = sum(row[0] != "yes" for row in rows.values())
        self.assertEqual(ledger(self.daemon())["sockets_missing"], refused)

    @unittest.skipIf(engines.CGROUPS is None, "no cgroup v2 hierarchy")
    def test_units(self):
        """services and scopes of systemd by the paths of their cgroups, at both ends"""
        lab, daemon = self.lab, self.daemon()
        service, scope = f"flowd-test-{hexadecimal(8)}.service", "flowd\\x2dtest-1.scope"
        slices = f"flowd{hexadecimal(8)}.slice"
        self.addCleanup(engines.remove_cgroups, slices)
        self.addCleanup(lab.close)
        listen = ("import socket\nserver = socket.create_server(('" + lab.WEB4 + "', 8150))\n"
                  "while True: server.accept()[0].recv(1)")
        with engines.cgroup(f"{slices}/{service}"):
            lab.start(lab.web, "python3", "-c", listen)
        wait_until("the server", lambda: not traffic.refused(lab.client, lab.WEB4, 8150),
                   10 * TIME_SCALE)
        with engines.cgroup(f"{slices}/{scope}"):
            lab.client.run("curl", "-s", "-m", "1", f"http://{lab.WEB4}:8150/", check=False)
        there, back = self.flow_to(daemon, 8150, lambda flow: "curl" in (
            process(flow, "source").get("comm"), process(flow, "destination").get("comm")))
        for flow, server, client in ((there, "destination", "source"),
                                     (back, "source", "destination")):
            self.assertEqual(process(flow, server)["unit"], service)
            self.assertEqual(process(flow, client)["unit"], "flowd-test-1.scope")
        self.assertTrue(daemon.flows("--all", "--unit", service))

    def test_privileges(self):
        """with the capabilities of the systemd unit alone: nothing is refused, old sockets are found"""
        lab = self.lab
        pair = traffic.TcpPair(lab.client, lab.web, lab.WEB4, 8160)
        daemon = self.daemon(wrapper=as_a_service())
        pair.say(1000)
        there, back = self.flow_to(daemon, 8160)
        for flow in (there, back):
            for side in ("source", "destination"):
                self.assertEqual(process(flow, side).get("pid"), os.getpid(), facts(flow))
        pair.close()
        self.assertNotIn("identity: rtnetlink", daemon.messages())
        self.assertEqual(ledger(daemon)["sockets_missing"], 0)

    def test_filters(self):
        """--process, --pid, --uid, --identity choose by who it is"""
        lab, daemon = self.lab, self.daemon()
        traffic.tcp(lab.client, lab.web, lab.WEB4, 8080)
        self.flow_to(daemon, 8080)
        me = str(os.getpid())
        for filters, found in ((["--pid", me], True), (["--pid", "1"], False),
                               (["--uid", "0"], True), (["--process", "pyth*"], True),
                               (["--from-process", "curl"], False),
                               (["--identity", "host"], True), (["--identity", "world"], False)):
            flows = daemon.flows("--all", "--port", "8080", *filters)
            self.assertEqual(bool(flows), found, filters)

    def test_many(self):
        """1,000 short connections in a second: at least 99.9 % have a process at both ends"""
        lab, daemon = self.lab, self.daemon(**{"flow.active_timeout": "15s"})
        server = lab.start(lab.web, "python3", "-c", (
            "import socket\nserver = socket.create_server(('" + lab.WEB4 + "', 8100), "
            "backlog=4096)\nwhile True: server.accept()[0].close()"))
        wait_until("the server", lambda: not traffic.refused(lab.client, lab.WEB4, 8100))
        ports = set()
        for _ in range(1000):
            with lab.client:
                client = socket.create_connection((lab.WEB4, 8100))
            ports.add(client.getsockname()[1])
            client.close()
        flows = wait_until("all flows", lambda: (lambda found: found if len(
            {key_of(flow).sport for flow in found}) == len(ports) else None)(
                [flow for flow in daemon.flows("--all", "--to-port", "8100")
                 if facts(flow)["kind"] == "flow_start" and key_of(flow).sport in ports]),
            10 * TIME_SCALE)
        named = [flow for flow in flows if process(flow, "source").get("pid") == os.getpid()
                 and process(flow, "destination").get("pid") == server.pid]
        others = [flow for flow in flows if flow not in named]
        self.assertGreaterEqual(len(named), 0.999 * len(flows),
                                [facts(flow).get("identity_missing_reason") for flow in others[:5]])


if __name__ == "__main__":
    tap.main()
