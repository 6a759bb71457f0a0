#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names from Kubernetes' API: pods, workloads, services, nodes; what goes wrong with a server."""
import base64
import os
import shutil
import time
import unittest

import kube_api
import tap
import traffic
from counters import ledger
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Cluster, unperturbed, wait_until

PODS, SERVICES, NODES = "/api/v1/pods", "/api/v1/services", "/api/v1/nodes"
JOBS = "/apis/batch/v1/jobs"
SLICES, SETS = "/apis/discovery.k8s.io/v1/endpointslices", "/apis/apps/v1/replicasets"
REMOTE = "10.99.0.77"


class Kubernetes(unittest.TestCase):
    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)
        self.api = kube_api.Api(self.lab, self.lab.node)
        self.addCleanup(self.api.close)
        self.port = 9000

    def daemon(self, mode="cluster", kubeconfig=None, wait=True, **settings):
        daemon = Daemon(self.lab, self.lab.node, ["web", "client"], {
            "flow.drain_interval": "100ms", "identity.kubernetes": mode,
            "identity.kubeconfig": kubeconfig or self.api.kubeconfig(), **settings}).ready()
        if wait:
            wait_until("every list has been asked for, and watches", lambda: sum(
                "watch=1" in request for request in self.api.requests) >= 7, 10 * TIME_SCALE)
        return daemon

    def flow_to(self, daemon, address, port=None):
        """The first record of a new flow to this address; nobody need be there."""
        self.port += 1
        port = port or self.port
        with self.lab.client:
            own = traffic.socket.socket(traffic.socket.AF_INET, traffic.socket.SOCK_DGRAM)
        with own:
            own.sendto(b"?", (address, port))
            number = own.getsockname()[1]
        return wait_until("the flow", lambda: next((
            flow for flow in daemon.flows("--all", "--to-port", str(port))
            if key_of(flow).sport == number), None), 5 * TIME_SCALE)

    def neighbour(self, *addresses):
        """Addresses that packets leave for, although nobody has them."""
        for address in addresses:
            self.lab.client.ip("neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev",
                               "eth0", "nud", "permanent")

    def pod_of(self, flow, side="destination"):
        return flow.get(side, {}).get("pod_name")

    def test_remote_pod(self):
        """a pod elsewhere: name, labels, workload through its ReplicaSet, node; filters find it"""
        self.neighbour(REMOTE)
        self.api.put(PODS, kube_api.pod("shop", "db-7f9c-x", REMOTE, labels={"app": "db"},
                                        owner=("ReplicaSet", "db-7f9c"), node="other"))
        self.api.put(SETS, {"metadata": {"name": "db-7f9c", "namespace": "shop",
                                         "ownerReferences": [{"kind": "Deployment", "name": "db",
                                                              "controller": True}]}})
        daemon = self.daemon()
        flow = self.flow_to(daemon, REMOTE)
        end = flow["destination"]
        self.assertEqual((end["namespace"], end["pod_name"]), ("shop", "db-7f9c-x"))
        self.assertEqual(end["workloads"], [{"name": "db", "kind": "Deployment"}])
        self.assertEqual(end["labels"], ["k8s:app=db", "k8s:io.kubernetes.pod.namespace=shop"])
        self.assertEqual(facts(flow)["destination_node"], "other")
        self.assertEqual(facts(flow)["identity_source"]["destination"], "kubernetes")
        for filters in (["--to-pod", "shop/db"], ["--pod", "db-"], ["--to-namespace", "shop"],
                        ["--to-label", "app=db"], ["--to-workload", "Deployment/db"],
                        ["--to-identity", str(end["identity"])]):
            self.assertTrue(daemon.flows("--all", *filters), filters)
        self.assertIn("shop/db-7f9c-x:", daemon.cli("observe", "--all").stdout)

    def test_services_and_nodes(self):
        """a ClusterIP and a slice's address have their service; a node and the API server names"""
        self.neighbour(REMOTE, "10.99.0.78", "10.99.0.79", "10.99.0.80")
        self.api.put(SERVICES, {"metadata": {"name": "front", "namespace": "shop"},
                                "spec": {"clusterIPs": [REMOTE], "ports": [{"port": 80}]}})
        self.api.put(SLICES, {"metadata": {"name": "back-1", "namespace": "shop", "labels": {
            "kubernetes.io/service-name": "back"}}, "endpoints": [{"addresses": ["10.99.0.78"]}],
            "ports": [{"port": 8080, "protocol": "UDP"}]})
        self.api.put(NODES, {"metadata": {"name": "other"}, "status": {"addresses": [
            {"type": "Hostname", "address": "other"},
            {"type": "InternalIP", "address": "10.99.0.79"}]}})
        self.api.put(SERVICES, {"metadata": {"name": "kubernetes", "namespace": "default"},
                                "spec": {"clusterIPs": ["10.99.0.80"], "ports": [{"port": 443}]}})
        daemon = self.daemon()
        service = {"name": "front", "namespace": "shop"}
        self.assertEqual(self.flow_to(daemon, REMOTE)["destination_service"], service)
        self.assertEqual(self.flow_to(daemon, "10.99.0.78", 8080)["destination_service"],
                         {"name": "back", "namespace": "shop"})
        flow = self.flow_to(daemon, "10.99.0.79")
        self.assertEqual(facts(flow)["destination_node"], "other")
        self.assertEqual(flow["destination"]["labels"], ["reserved:remote-node"])
        flow = self.flow_to(daemon, "10.99.0.80")
        self.assertEqual(flow["destination"]["labels"], ["reserved:kube-apiserver"])
        self.assertTrue(daemon.flows("--all", "--to-service", "shop/front"))

    def test_jobs_and_node_ports(self):
        """a pod of a job is its cron job's; a node's port is the service behind it"""
        self.neighbour(REMOTE)
        self.api.put(PODS, kube_api.pod("shop", "report-1-x", REMOTE, owner=("Job", "report-1")))
        self.api.put(PODS, kube_api.pod("shop", "once-x", "10.99.0.78", owner=("Job", "once")))
        self.api.put(JOBS, {"metadata": {"name": "report-1", "namespace": "shop",
                                         "ownerReferences": [{"kind": "CronJob", "name": "report",
                                                              "controller": True}]}})
        self.api.put(JOBS, {"metadata": {"name": "once", "namespace": "shop"}})
        self.api.put(SERVICES, {"metadata": {"name": "front", "namespace": "shop"}, "spec": {
            "type": "NodePort", "clusterIPs": ["10.96.0.9"],
            "ports": [{"port": 80, "nodePort": 30080, "protocol": "UDP"}]}})
        self.neighbour("10.99.0.78")
        daemon = self.daemon()
        self.assertEqual(self.flow_to(daemon, REMOTE)["destination"]["workloads"],
                         [{"name": "report", "kind": "CronJob"}])
        self.assertEqual(self.flow_to(daemon, "10.99.0.78")["destination"]["workloads"],
                         [{"name": "once", "kind": "Job"}])
        flow = self.flow_to(daemon, self.lab.NODE4, 30080)
        self.assertEqual(flow["destination_service"], {"name": "front", "namespace": "shop"})
        self.assertEqual(flow["destination"]["labels"], ["reserved:host"])
        self.assertNotIn("destination_service", self.flow_to(daemon, self.lab.NODE4, 30081))
        self.assertTrue(daemon.flows("--all", "--to-workload", "CronJob/report"))

    def test_ways_in(self):
        """a client certificate, in files and in the kubeconfig itself, lets us in"""
        self.neighbour(REMOTE)
        self.api.put(PODS, kube_api.pod("shop", "db", REMOTE))
        files = [os.path.join(self.api.directory, name) for name in ("client.crt", "client.key")]
        data = []
        for path in files:
            with open(path, "rb") as file:
                data.append(base64.b64encode(file.read()).decode())
        for user in (f"client-certificate: {files[0]}, client-key: {files[1]}",
                     f"client-certificate-data: {data[0]}, client-key-data: {data[1]}"):
            daemon = self.daemon(kubeconfig=self.api.kubeconfig(user=user), wait=False)
            wait_until("named", lambda: self.pod_of(self.flow_to(daemon, REMOTE)) == "db",
                       10 * TIME_SCALE)
            self.assertEqual(daemon.stop(), 0)

    def test_service_account(self):
        """in a pod: server by environment, CA and token by files; a renewed token is read again"""
        self.neighbour(REMOTE)
        account = os.path.join(self.lab.directory, "account")
        os.makedirs(account)
        shutil.copy(self.api.ca, f"{account}/ca.crt")

        def renew(token):
            with open(f"{account}/token.new", "w", encoding="ascii") as file:
                file.write(token + "\n")
            os.rename(f"{account}/token.new", f"{account}/token")
        renew(self.api.token)
        inside = ("d=/run/secrets/kubernetes.io/serviceaccount; mount -t tmpfs none /run && "
                  'mkdir -p $d && mount --bind "$0" $d && exec "$@"')
        daemon = Daemon(self.lab, self.lab.node, ["web", "client"], {
            "flow.drain_interval": "100ms", "identity.kubernetes": "cluster"},
            wrapper=["unshare", "--mount", "sh", "-c", inside, account],
            KUBERNETES_SERVICE_HOST="127.0.0.1", KUBERNETES_SERVICE_PORT=str(self.api.port)).ready()
        self.api.put(PODS, kube_api.pod("shop", "first", REMOTE))
        wait_until("named", lambda: self.pod_of(self.flow_to(daemon, REMOTE)) == "first",
                   10 * TIME_SCALE)
        self.api.token = "renewed"
        renew("renewed")
        self.api.hang_up()
        self.neighbour("10.99.0.78")
        self.api.put(PODS, kube_api.pod("shop", "second", "10.99.0.78"))
        wait_until("named", lambda: self.pod_of(self.flow_to(daemon, "10.99.0.78")) == "second",
                   10 * TIME_SCALE)
        self.assertNotIn("401", daemon.messages())

    def test_patience(self):
        """a server that refuses is asked again ever more rarely; status says why; then it is well"""
        self.neighbour(REMOTE)
        self.api.put(PODS, kube_api.pod("shop", "db", REMOTE))
        daemon = self.daemon(kubeconfig=self.api.kubeconfig(token="later"), wait=False)

        def times():
            return [when for when, path in self.api.times if path == PODS]
        wait_until("five tries", lambda: len(times()) >= 5, 15 * TIME_SCALE)
        gaps = [after - before for before, after in zip(times(), times()[1:])]
        for before, after in zip(gaps, gaps[2:]):  # of two neighbours chance may make the second the shorter
            self.assertGreater(after, before, gaps)
        self.assertGreater(gaps[3], .7)
        wait_until("five failures", lambda: ledger(daemon)["kubernetes_failures"] >= 5)
        self.assertIn("now: HTTP status 401", daemon.cli("status").stdout)
        self.api.token = "later"
        wait_until("named", lambda: self.pod_of(self.flow_to(daemon, REMOTE)) == "db",
                   15 * TIME_SCALE)
        wait_until("it is told", lambda: "answers" in daemon.messages())
        self.assertNotIn("now: HTTP", daemon.cli("status").stdout)

    def test_soon(self):
        """an added pod is named within a second; one that has gone no longer"""
        self.neighbour(REMOTE)
        daemon = self.daemon()
        self.assertIsNone(self.pod_of(self.flow_to(daemon, REMOTE)))
        thing = kube_api.pod("shop", "new", REMOTE)
        self.api.put(PODS, thing)
        begun = time.monotonic()
        wait_until("named", lambda: self.pod_of(self.flow_to(daemon, REMOTE)) == "new")
        self.assertLess(time.monotonic() - begun, 1.0 * TIME_SCALE)
        self.api.delete(PODS, thing)
        wait_until("no longer", lambda: self.pod_of(self.flow_to(daemon, REMOTE)) is None)

    def test_trouble(self):
        """expiry, bookmarks, broken connections: the names go on"""
        self.neighbour(REMOTE)
        self.api.bookmarks = True
        daemon = self.daemon()
        first = kube_api.pod("shop", "first", REMOTE)
        self.api.put(PODS, first)
        wait_until("first", lambda: self.pod_of(self.flow_to(daemon, REMOTE)) == "first")
        with self.api.changed:
            self.api.objects[PODS].clear()
        self.api.expire()
        self.api.put(PODS, kube_api.pod("shop", "second", REMOTE))
        wait_until("listed again", lambda: self.pod_of(self.flow_to(daemon, REMOTE)) == "second",
                   10 * TIME_SCALE)
        self.api.hang_up()
        self.api.put(PODS, kube_api.pod("shop", "third", "10.99.0.81"))
        self.neighbour("10.99.0.81")
        wait_until("watching again", lambda: self.pod_of(self.flow_to(
            daemon, "10.99.0.81")) == "third", 10 * TIME_SCALE)
        self.assertIsNone(daemon.process.poll())

    def test_local_mode(self):
        """in local mode only the pods of the node are asked for"""
        self.api.put(PODS, kube_api.pod("shop", "far", REMOTE, node="other"))
        self.neighbour(REMOTE)
        daemon = self.daemon("local")
        self.assertIsNone(self.pod_of(self.flow_to(daemon, REMOTE)))
        self.assertTrue(all("spec.nodeName%3Dlab" in request for request in self.api.requests
                            if request.startswith(PODS)), self.api.requests)

    def test_refusals(self):
        """wrong token, wrong or expired CA, expired certificate, nobody there: one clear line each"""
        other = kube_api.Api(self.lab, self.lab.node)
        stale = kube_api.Api(self.lab, self.lab.node, days=-1)
        expired = kube_api.Api(self.lab, self.lab.node, ca_days=-1)
        for api in (other, stale, expired):
            self.addCleanup(api.close)
        for kubeconfig, expected in (
                (self.api.kubeconfig(token="wrong"), "HTTP status 401"),
                (self.api.kubeconfig(ca=other.ca), "SSL certificate problem"),
                (stale.kubeconfig(), "certificate has expired"),
                (expired.kubeconfig(), "certificate has expired"),
                (self.api.kubeconfig(port=1), "local identity goes on"),
                ("/nonexistent/config", "No such file")):
            daemon = self.daemon(kubeconfig=kubeconfig, wait=False)
            wait_until(expected, lambda: expected in daemon.messages(), 10 * TIME_SCALE)
            port = traffic.tcp(self.lab.client, self.lab.web, self.lab.WEB4, 8080)
            flow = wait_until("the flow", lambda: next((
                flow for flow in daemon.flows("--all", "--to-port", "8080")
                if key_of(flow).sport == port), None))
            self.assertIn("source_process", facts(flow))
            complaints = [line for line in daemon.messages().splitlines() if "Kubernetes" in line]
            self.assertEqual(len(complaints), 1, complaints)
            self.assertEqual(daemon.stop(), 0)

    def test_ten_thousand(self):
        """10,000 pods: every page; the whole daemon stays below 60 MB, 30 MB of it for them"""
        with unperturbed():
            daemon = self.daemon("off", wait=False)
        alone = int(daemon.status()["rss_bytes"])
        self.assertEqual(daemon.stop(), 0)
        with self.api.changed:
            for number in range(10000):
                address = f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}"
                self.api._store(PODS, kube_api.pod(
                    f"ns{number % 50}", f"pod-{number}", address, node="other",
                    labels={"app": f"app{number % 300}", "tier": "x", "pod-template-hash": "7f9c"},
                    owner=("ReplicaSet", f"app{number % 300}-7f9c")), "ADDED")
            self.api.history.clear()
        last = "10.100.39.15"
        self.lab.client.ip("route", "add", "10.100.0.0/16", "dev", "eth0")
        self.neighbour(last)
        with unperturbed():
            daemon = self.daemon(wait=False)
        wait_until("the last pod", lambda: self.pod_of(self.flow_to(daemon, last)) == "pod-9999",
                   60 * TIME_SCALE)
        wait_until("every list is complete, and watched", lambda: sum(
            "watch=1" in request for request in self.api.requests) >= 7, 10 * TIME_SCALE)
        rss = int(daemon.status()["rss_bytes"])
        print(f"# {rss / 1e6:.1f} MB with 10,000 pods, {alone / 1e6:.1f} MB without")
        self.assertLess(rss, 60e6)
        self.assertLess(rss - alone, 30e6)

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is not installed")
    def test_stand_in(self):
        """the stand-in itself: the real kubectl reads it"""
        self.api.put(PODS, kube_api.pod("shop", "web-0", REMOTE, labels={"app": "web"}))
        shown = self.lab.node.run("kubectl", "--kubeconfig", self.api.kubeconfig(), "get", "pods",
                                  "-A", "-l", "app=web", "-o",
                                  "jsonpath={.items[0].status.podIP}", timeout=60)
        self.assertEqual(shown.stdout, REMOTE)


if __name__ == "__main__":
    tap.main()
