#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Choosing by who it is: each flag of identity finds its flows at either end, and no others; and
what is chosen by is there for nearly all of 1,000 short connections a second."""
import os
import subprocess
import time
import unittest

import engines
import kube_api
import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Cluster, wait_until

PODS, SETS, SERVICES = "/api/v1/pods", "/apis/apps/v1/replicasets", "/api/v1/services"
REMOTE, OTHER, SERVICE = "10.99.0.77", "10.99.0.78", "10.99.0.79"
CONTAINER = "c0ffee" + "0123456789abcdef" * 3 + "0123456789"
CONNECT = """
import socket, sys
for _ in range(1000):
    socket.create_connection((sys.argv[1], 8100)).close()
"""
SERVE = """
import socket, sys
server = socket.create_server((sys.argv[1], 8100), backlog=4096)
while True:
    server.accept()[0].close()
"""


class Flags(unittest.TestCase):
    def setUp(self):
        if not engines.CGROUPS:
            self.skipTest("no cgroup v2 hierarchy is mounted")
        self.lab = Cluster()
        self.addCleanup(self.lab.close)

    def cgroup(self, path):
        """Below a directory of ours; returns its path from the hierarchy's root."""
        top = f"flowd-flags-{os.getpid()}"
        os.makedirs(f"{engines.CGROUPS}/{top}{path}", exist_ok=True)
        self.addCleanup(engines.remove_cgroups, top)
        return f"/{top}{path}"

    @staticmethod
    def inside(path, *command):
        return ("sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"',
                f"{engines.CGROUPS}{path}", *command)

    def daemon(self, **settings):
        return Daemon(self.lab, self.lab.node, ["web", "client"], {
            "flow.drain_interval": "100ms", **settings}).ready()

    def chosen(self, daemon, *filters):
        """Destination ports of the flows that a filter takes."""
        return {key_of(flow).dport for flow in daemon.flows("--all", "--to-port", "7000-7003",
                                                            *filters)}

    def cluster(self):
        """Two pods and a service elsewhere, asked from here at ports 7000, 7001 and 7002."""
        api = kube_api.Api(self.lab, self.lab.node)
        self.addCleanup(api.close)
        api.put(PODS, kube_api.pod("shop", "db-7f9c-x", REMOTE, labels={"app": "db", "tier": "back"},
                                   owner=("ReplicaSet", "db-7f9c"), node="other"))
        api.put(SETS, {"metadata": {"name": "db-7f9c", "namespace": "shop", "ownerReferences": [
            {"kind": "Deployment", "name": "db", "controller": True}]}})
        api.put(PODS, kube_api.pod("blog", "db-0", OTHER, labels={"app": "db"},
                                   owner=("StatefulSet", "db"), node="other"))
        api.put(SERVICES, {"metadata": {"name": "front", "namespace": "shop"},
                           "spec": {"clusterIPs": [SERVICE], "ports": [{"port": 7002}]}})
        for address in (REMOTE, OTHER, SERVICE):
            self.lab.client.ip("neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev",
                               "eth0", "nud", "permanent")
        daemon = self.daemon(**{"identity.kubernetes": "cluster",
                                "identity.kubeconfig": api.kubeconfig()})
        wait_until("every list has been asked for, and watches", lambda: sum(
            "watch=1" in request for request in api.requests) >= 7, 10 * TIME_SCALE)
        return daemon

    def test_kubernetes(self):
        """pod, namespace, label, workload, service, at either end; no namespace is assumed"""
        daemon = self.cluster()
        with self.lab.client, traffic.socket.socket(
                traffic.socket.AF_INET, traffic.socket.SOCK_DGRAM) as own:
            for port, address in ((7000, REMOTE), (7001, OTHER), (7002, SERVICE)):
                own.sendto(b"?", (address, port))
        wait_until("all flows", lambda: self.chosen(daemon) == {7000, 7001, 7002})
        both, first, second, third, none = {7000, 7001}, {7000}, {7001}, {7002}, set()
        for filters, found in (
                (["--pod", "db-"], both), (["--to-pod", "shop/db"], first),
                (["--from-pod", "db-"], none), (["--pod", "shop/"], first),
                (["--pod", "db-0"], second), (["--pod", "default/db"], none),
                (["--namespace", "shop"], first | third), (["-n", "blog"], second),
                (["--from-namespace", "shop"], none), (["--to-namespace", "b*"], second),
                (["--label", "app=db"], both), (["-l", "app=db", "-l", "tier=back"], both),
                (["-l", "tier=back"], first), (["--to-label", "k8s:app=db"], both),
                (["--label", "tier"], first), (["--label", "app=web"], none),
                (["--workload", "db"], both), (["--workload", "Deployment/db"], first),
                (["--to-workload", "StatefulSet/"], second), (["--workload", "front"], none),
                (["--service", "front"], third), (["--to-service", "shop/front"], third),
                (["--from-service", "front"], none), (["--service", "blog/front"], none),
                (["--not", "--pod", "db-"], third), (["--node-name", "lab"], both | third),
                (["--node-name", "l?b"], both | third), (["--node-name", "other"], none)):
            self.assertEqual(self.chosen(daemon, *filters), found, filters)
        text = daemon.cli("observe", "--all", "--to-port", "7000").stdout
        self.assertIn("shop/db-7f9c-x:7000", text)
        plain = daemon.cli("observe", "--all", "--to-port", "7000", "--numeric").stdout
        self.assertIn(f"{REMOTE}:7000", plain)
        self.assertNotIn("db-7f9c-x", plain)

    def send_from(self, path, port):
        self.lab.client.run(*self.inside(path, "python3", "-c", (
            "import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
            ".sendto(b'x', (sys.argv[1], int(sys.argv[2])))"), self.lab.WEB4, port))

    def test_local(self):
        """container, unit, cgroup, process, pid, uid, identity"""
        unit = self.cgroup("/system.slice/shop.service")
        inner = self.cgroup("/system.slice/shop.service/worker")
        box = self.cgroup(f"/docker/{CONTAINER}")
        daemon = self.daemon()
        for port, path in ((7000, unit), (7001, inner), (7002, box)):
            self.send_from(path, port)
        traffic.udp(self.lab.client, self.lab.web, self.lab.WEB4, 7003)
        every = {7000, 7001, 7002, 7003}
        wait_until("all flows", lambda: self.chosen(daemon) == every)
        none = set()
        for filters, found in (
                (["--unit", "shop.service"], {7000, 7001}), (["--unit", "shop*"], {7000, 7001}),
                (["--unit", "shop"], none), (["--cgroup", unit], {7000, 7001}),
                (["--cgroup", inner], {7001}), (["--cgroup", unit + "/work"], none),
                (["--container", CONTAINER[:12]], {7002}), (["--from-container", "c0ffee"], {7002}),
                (["--to-container", "c0ffee"], none), (["--container", CONTAINER], {7002}),
                (["--pid", str(os.getpid())], {7003}), (["--pid", "1"], none),
                (["--uid", "0"], every), (["--uid", "1-4294967294"], none),
                (["--from-process", "python3*"], every), (["--process", "curl"], none),
                (["--from-identity", "host"], {7000, 7001, 7003}),
                (["--not", "--from-identity", "host"], {7002}),
                (["--identity", "kube-apiserver"], none)):
            self.assertEqual(self.chosen(daemon, *filters), found, filters)

    def test_thousand_connections(self):
        """1,000 short connections a second: of 99.9 % both process and container are known at both
        ends"""
        lab = self.lab
        ends = {"source": self.cgroup(f"/docker/{CONTAINER}"),
                "destination": self.cgroup(f"/docker/{CONTAINER[::-1]}")}
        daemon = self.daemon(**{"flow.active_timeout": "15s"})
        server = lab.start(lab.web, *self.inside(ends["destination"], "python3", "-c", SERVE,
                                                 lab.WEB4))
        self.addCleanup(lambda: (server.kill(), server.wait()))
        wait_until("the server", lambda: not traffic.refused(lab.client, lab.WEB4, 8100))
        begun = time.monotonic()
        client = lab.start(lab.client, *self.inside(ends["source"], "python3", "-c", CONNECT,
                                                    lab.WEB4), stderr=subprocess.PIPE, text=True)
        self.assertEqual(client.wait(60 * TIME_SCALE), 0, client.stderr.read())
        took = time.monotonic() - begun

        def ended():
            """Ends, for a start may be told before the server has accepted; not those of our own tries."""
            found = [flow for flow in daemon.flows("--all", "--to-port", "8100") if facts(flow)["kind"] == "flow_end"
                     and facts(flow).get("source_process", {}).get("pid") != os.getpid()]
            return found if len(found) >= 1000 else None
        flows = wait_until("all flows", ended, 10 * TIME_SCALE)
        ids = {"source": CONTAINER, "destination": CONTAINER[::-1]}
        pids = {"source": client.pid, "destination": server.pid}
        known = [flow for flow in flows if all(
            facts(flow).get(f"{end}_process", {}).get("pid") == pids[end] and
            facts(flow).get(f"{end}_container", {}).get("id") == ids[end] for end in ids)]
        print(f"# {len(known)} of 1000 connections in {took:.1f} s")
        self.assertGreaterEqual(len(known), 999)


if __name__ == "__main__":
    tap.main()
