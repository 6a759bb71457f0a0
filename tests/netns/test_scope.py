#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lists of what the daemon knows, and its scope: only what it names is looked at, the rest is
counted; set by the configuration and live by `flowcli scope`."""
import json
import os
import socket
import subprocess
import unittest

import engines
import tap
import traffic
from counters import settled
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Cluster, wait_until

QUICK = {"flow.drain_interval": "100ms", "flow.active_timeout": "1s", "interfaces.include": "web,client"}
SEND = ("import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "[s.sendto(b'x', (sys.argv[1], int(sys.argv[2]))) for _ in range(int(sys.argv[3]))]")


def inode(namespace):
    return os.fstat(namespace.fd).st_ino


class Case(unittest.TestCase):
    """A node with two pods and a daemon that watches their ports."""

    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)

    def watch(self, **settings):
        return Daemon(self.lab, self.lab.node, ["web", "client"], {**QUICK, **{
            name.replace("__", "."): value for name, value in settings.items()}}).ready()

    def cgroup(self):
        """A cgroup of ours with one below it; the path from the hierarchy's root."""
        if not engines.CGROUPS:
            self.skipTest("no cgroup v2 hierarchy is mounted")
        name = f"flowd-scope-{os.getpid()}"
        os.makedirs(f"{engines.CGROUPS}/{name}/below", exist_ok=True)
        self.addCleanup(engines.remove_cgroups, name)
        return f"/{name}"

    def inside(self, path, *command, **options):
        """A command for Namespace.run() and Lab.start() that runs in the cgroup."""
        return ("sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"',
                f"{engines.CGROUPS}{path}", *command)

    def dweller(self, path, namespace):
        """A process that stays in the cgroup and the namespace."""
        process = self.lab.start(namespace, *self.inside(path, "sleep", "600"))
        wait_until("it is inside", lambda: str(process.pid) in open(
            f"{engines.CGROUPS}{path}/cgroup.procs", encoding="ascii").read().split())
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def scope(self, daemon, *arguments):
        done = daemon.cli("scope", *arguments, "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def in_scope(self, daemon):
        """The devices that lead into it."""
        return {row["name"] for row in rows(daemon, "interfaces") if row.get("scope") == "in"}


def rows(daemon, what):
    done = daemon.cli("list", what, "-o", "json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Lists(Case):
    def test_interfaces(self):
        """each device, how it is read, and the namespace that it leads to"""
        lab = self.lab
        daemon = self.watch()
        lab.start(lab.web, "python3", "-m", "http.server", "-b", lab.WEB4, "8000",
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("server", lambda: traffic.refused(lab.client, lab.WEB4, 8000) is False)
        found = {row["name"]: row for row in rows(daemon, "interfaces")}
        self.assertLessEqual({"lo", "pods", "web", "client"}, set(found))
        self.assertIn(found["web"]["mode"], ("tcx", "clsact"))
        self.assertEqual(found["pods"]["mode"], "none")
        self.assertIn("do not choose it", found["pods"]["why"])
        self.assertEqual(found["web"]["kind"], "veth")
        self.assertEqual(found["web"].get("netns"), str(inode(lab.web)), found["web"])
        table = daemon.cli("list", "interfaces").stdout.splitlines()
        self.assertEqual(table[0].split(), ["INDEX", "NAME", "KIND", "MODE", "COUNTS", "NETNS",
                                            "SCOPE", "WHY"])
        self.assertEqual(len(table), 1 + len(found))

    def test_namespaces(self):
        """those of the network, with the addresses that they have"""
        lab, daemon = self.lab, self.watch()
        traffic.udp(lab.client, lab.web, lab.WEB4, 5300)
        found = {row["name"]: row for row in rows(daemon, "namespaces")}
        self.assertIn(lab.WEB4, found[str(inode(lab.web))]["addresses"])
        self.assertEqual(found[str(inode(lab.node))]["source"], "the daemon's own")

    def test_nodes_and_pods(self):
        """without a cluster: this node, and why there are no others"""
        daemon = self.watch()
        node, = rows(daemon, "nodes")
        self.assertEqual((node["name"], node["status"]), ("lab", "connected"))
        self.assertIn("no API server", node["why"])
        self.assertIn("no API server", daemon.cli("list", "pods").stderr)

    def test_identity_off(self):
        """what cannot be listed says why"""
        daemon = self.watch(identity__enabled="false")
        done = daemon.cli("list", "containers")
        self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 1))
        self.assertIn("identity.enabled", done.stderr)
        done = daemon.cli("scope", "add", "container", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("identity.enabled", done.stderr)


class Scope(Case):
    def ports(self, daemon):
        settled(daemon)
        return {min(key_of(flow).sport, key_of(flow).dport) for flow in daemon.flows("--all")
                if facts(flow)["protocol"] == socket.IPPROTO_UDP}

    def test_namespace(self):
        """one namespace: only its device is read; the rest is counted, and answers say so"""
        lab = self.lab
        daemon = self.watch()
        traffic.udp(lab.client, lab.web, lab.WEB4, 5300)
        self.assertIn(5300, self.ports(daemon))
        entry, = self.scope(daemon, "add", "netns", lab.web.path)
        self.assertEqual((entry["kind"], entry["namespaces"]), ("netns", "1"))
        self.assertEqual(self.in_scope(daemon), {"web"})
        before = int(daemon.status()["ledger"]["out_of_scope_packets"])
        traffic.udp(lab.client, lab.web, lab.WEB4, 5301, 7)
        there = wait_until("both ways", lambda: [
            flow for flow in daemon.flows("--all", "--port", "5301")])
        status = settled(daemon)
        self.assertGreaterEqual(status["out_of_scope_packets"] - before, 7)
        self.assertEqual({point["interface"] for flow in there
                          for point in facts(flow)["observed"]}, {"web"})
        packets = sum(int(facts(flow)["packets"]) for flow in daemon.flows("--all", "--to-port",
                                                                           "5301"))
        self.assertEqual(packets, 7)
        self.assertEqual(daemon.status()["scope"], "1")
        self.assertIn("Scope: 1 entry", daemon.cli("status").stdout)
        self.assertIn("a scope of 1 entry is active", daemon.cli("observe", "--all").stderr)
        self.assertEqual(self.scope(daemon, "remove", "netns", lab.web.path), [])
        traffic.udp(lab.client, lab.web, lab.WEB4, 5302)
        self.assertIn(5302, self.ports(daemon))
        self.assertNotIn("scope", daemon.cli("observe", "--all").stderr)

    def test_cgroup(self):
        """a cgroup: what its processes send where they share our namespace, and nothing else"""
        lab, path = self.lab, self.cgroup()
        daemon = self.watch(interfaces__include="web,client,lo", scope__cgroups=path)
        self.assertEqual(self.scope(daemon, "list")[0]["name"], path)
        lab.node.run(*self.inside(f"{path}/below", "python3", "-c", SEND, lab.WEB4, "9001", "6"))
        lab.node.run("python3", "-c", SEND, lab.WEB4, "9002", "6")
        flows = wait_until("the flow", lambda: daemon.flows("--all", "--to-port", "9001"))
        self.assertEqual(self.ports(daemon), {9001})
        self.assertEqual({point["direction"] for flow in flows
                          for point in facts(flow)["observed"]}, {"EGRESS"})
        self.assertGreaterEqual(int(daemon.status()["ledger"]["out_of_scope_packets"]), 6)

    def test_cgroup_in_namespace(self):
        """a cgroup whose processes live in a namespace: its device, both ways; also when it comes
        later, and gone when they go"""
        lab, path = self.lab, self.cgroup()
        daemon = self.watch(scope__cgroups=path)
        traffic.udp(lab.client, lab.web, lab.WEB4, 5300)
        self.assertEqual(self.in_scope(daemon), set())
        process = self.dweller(f"{path}/below", lab.web)
        wait_until("its device is in scope", lambda: self.in_scope(daemon) == {"web"},
                   5 * TIME_SCALE)
        traffic.udp(lab.client, lab.web, lab.WEB4, 5301)
        wait_until("the flow", lambda: daemon.flows("--all", "--to-port", "5301"))
        self.assertNotIn(5300, self.ports(daemon))
        process.kill()
        process.wait()
        wait_until("out of scope", lambda: not self.in_scope(daemon), 5 * TIME_SCALE)

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_container(self):
        """one of two containers: it is listed, its traffic is told both ways, the other's is not"""
        lab = self.lab
        engine = engines.Runc(lab, lab.node)
        name = f"flowd-scope-runc-{os.getpid()}"
        self.addCleanup(engines.remove_cgroups, name)
        self.addCleanup(engine.close)
        daemon = self.watch(**engine.settings)
        for one, space in (("inside", lab.web), ("outside", lab.client)):
            engine.start(one, space, f"/{name}/{one}", ["sleep", "600"])
        found = wait_until("both are listed", lambda: (lambda listed: listed if {
            "inside", "outside"} <= set(listed) else None)({
                row.get("id"): row for row in rows(daemon, "containers")}))
        self.assertEqual((found["inside"]["runtime"], found["inside"]["state"]), ("runc", "running"))
        self.assertEqual(found["inside"]["netns"], str(inode(lab.web)))
        self.assertTrue(found["inside"]["cgroup"].endswith(f"/{name}/inside"))
        entry, = self.scope(daemon, "add", "container", "inside")
        self.assertEqual((entry["cgroups"], entry["namespaces"]), ("1", "1"))
        self.assertEqual(self.in_scope(daemon), {"web"})
        engine.stop("inside")
        wait_until("out of scope", lambda: not self.in_scope(daemon), 5 * TIME_SCALE)
        engine.start("inside", lab.web, f"/{name}/inside", ["sleep", "600"])
        wait_until("in scope again", lambda: self.in_scope(daemon) == {"web"}, 5 * TIME_SCALE)

    def test_reload(self):
        """the configuration's scope comes back when it is read again"""
        lab = self.lab
        daemon = self.watch()
        self.scope(daemon, "add", "netns", lab.web.path)
        said = daemon.reload(f"scope:\n  netns: [{lab.client.path}]\n")
        self.assertIn("settings read again", said)
        entry, = self.scope(daemon, "list")
        self.assertEqual(entry["name"], lab.client.path)
        self.assertEqual(self.in_scope(daemon), {"client"})
        self.assertEqual(self.scope(daemon, "clear"), [])
        self.assertEqual(self.in_scope(daemon), set())

    def test_misuse(self):
        """what cannot be a scope is refused with what to write instead"""
        daemon = self.watch()
        for arguments, told in ((("add", "cgroup", "relative"), "its path from the root"),
                                (("remove", "pod", "a/b"), "is not in the scope"),
                                (("add", "thing", "x"), "there are container, pod, cgroup")):
            done = daemon.cli("scope", *arguments)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(told, done.stderr)
        entry, = self.scope(daemon, "add", "container", "nobody")
        self.assertEqual(entry["why"], "nothing of this name is there now")


if __name__ == "__main__":
    tap.main()
