#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who both ends of a flow are: processes, containers of real engines, units, names of addresses."""
import os
import socket
import subprocess
import unittest
import uuid

import engines
import schema
import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Cluster, wait_until

QUICK = {"flow.drain_interval": "100ms", "flow.active_timeout": "1s"}


def hexadecimal(length=64):
    return (uuid.uuid4().hex + uuid.uuid4().hex)[:length]


def container(flow, side):
    return facts(flow).get(f"{side}_container", {})


def process(flow, side):
    return facts(flow).get(f"{side}_process", {})


class Case(unittest.TestCase):
    """A node with two pods and a daemon that watches their ports; engines are closed first."""

    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)

    def engine(self, kind, *arguments):
        engine = kind(self.lab, *arguments)
        self.addCleanup(lambda: [engines.remove_cgroups(group) for group in engine.groups])
        self.addCleanup(engine.close)
        return engine

    def daemon(self, interfaces=("web", "client"), **settings):
        return Daemon(self.lab, self.lab.node, list(interfaces), {**QUICK, **settings}).ready()

    def flow_to(self, daemon, port, wanted=lambda flow: True, *filters):
        """The first record of a flow to this port, and that of its answer."""
        def look():
            flows = [flow for flow in daemon.flows("--all", "--port", str(port), *filters)
                     if wanted(flow)]
            there = [flow for flow in flows if key_of(flow).dport == port]
            back = [flow for flow in flows if key_of(flow).sport == port]
            return (there[0], back[0]) if there and back else None
        return wait_until(f"flow to {port} and back", look, 5 * TIME_SCALE)


class Processes(Case):
    def test_short_process(self):
        """a program of milliseconds is named at both ends, with pid and user"""
        lab, daemon = self.lab, self.daemon()
        server = lab.start(lab.web, "python3", "-m", "http.server", "-b", lab.WEB4, "8000",
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("server", lambda: traffic.refused(lab.client, lab.WEB4, 8000) is False)
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
        self.assertGreaterEqual(len(named), 0.999 * len(flows))


class Containers(Case):
    def assert_container(self, flow, side, **expected):
        found = container(flow, side)
        for key, value in expected.items():
            self.assertEqual(found.get(key), value, f"{side} {key}: {facts(flow)}")

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_runc(self):
        """runc: both ends, labels, a pod by the kubelet's cgroup; filters find them"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        daemon = self.daemon(**runc.settings)
        uid, name = str(uuid.uuid4()), f"web-{hexadecimal(8)}"
        cgroup = f"/flowd-test-{hexadecimal(8)}/{name}"
        runc.groups.append(cgroup.split("/")[1])
        runc.start(name, lab.web, cgroup, engines.SERVE, {"tier": "front"})
        pod = hexadecimal()
        runc.groups.append(f"kubepods/burstable/pod{uid}")
        runc.start(f"ask-{pod[:8]}", lab.client, f"/kubepods/burstable/pod{uid}/{pod}",
                   ["sh", "-c", f"while ! {engines.BUSYBOX} wget -q -O /dev/null "
                    f"http://{lab.WEB4}/busybox; do :; done; {engines.BUSYBOX} sleep 60"])
        there, back = self.flow_to(daemon, 80, lambda flow: int(facts(flow)["packets"]) > 3)
        for flow, server, client in ((there, "destination", "source"),
                                     (back, "source", "destination")):
            self.assert_container(flow, server, name=name, runtime="runc", cgroup=cgroup)
            self.assertEqual(flow[server]["labels"], ["container:tier=front"])
            self.assert_container(flow, client, id=pod, pod_uid=uid)
            self.assertEqual(process(flow, client)["comm"], "busybox")
        for filters in (["--to-container", name], ["--label", "tier=front"],
                        ["--cgroup", cgroup.rsplit("/", 1)[0]], ["--from-container", pod[:12]]):
            self.assertTrue(daemon.flows("--all", "--to-port", "80", *filters), filters)
        self.assertIn(f"{name}:80", daemon.cli("observe", "--all", "--to-port", "80").stdout)
        self.assertNotIn(name, daemon.cli("observe", "--all", "--to-port", "80",
                                          "--numeric").stdout)

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_restart_with_the_same_address(self):
        """a container that is replaced by another with its address: each flow has its own"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        daemon = self.daemon(**runc.settings)
        group = f"flowd-test-{hexadecimal(8)}"
        runc.groups.append(group)
        ports = {}
        for number in range(4):
            name = f"{group}-{number}"
            runc.start(name, lab.web, f"/{group}/{name}", engines.SERVE)
            wait_until("answer", lambda: engines.fetch(lab.client, lab.WEB4))
            with lab.client:
                asking = socket.create_connection((lab.WEB4, 80))
            ports[asking.getsockname()[1]] = name
            asking.sendall(b"GET /busybox HTTP/1.0\r\n\r\n")
            while asking.recv(65536):
                pass
            asking.close()
            runc.stop(name)
        flows = wait_until("all flows", lambda: (lambda found: found if len(
            {key_of(flow).sport for flow in found}) == 4 else None)(
                [flow for flow in daemon.flows("--all", "--to-port", "80")
                 if key_of(flow).sport in ports]))
        for flow in flows:
            self.assert_container(flow, "destination", name=ports[key_of(flow).sport])

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_fifty_milliseconds(self):
        """a container that is gone long before its records are made"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        daemon = self.daemon(**runc.settings)
        name = f"flowd-test-{hexadecimal(8)}"
        runc.groups.append(name)
        with lab.web:
            server = socket.create_server((lab.WEB4, 8200))
        runc.start(name, lab.client, f"/{name}", ["sh", "-c", (
            f"/bin/busybox nc -w 1 {lab.WEB4} 8200 -e /bin/busybox true; /bin/busybox sleep .05")])
        server.accept()[0].close()
        server.close()
        wait_until("its end", lambda: not runc.runs(name))
        runc.stop(name)
        there, back = self.flow_to(daemon, 8200)
        self.assert_container(there, "source", name=name)
        self.assert_container(back, "destination", name=name)

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_shared_namespace(self):
        """two containers with one network namespace are told apart by their sockets"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        daemon = self.daemon(**runc.settings)
        group = f"flowd-test-{hexadecimal(8)}"
        runc.groups.append(group)
        for port in (8301, 8302):
            runc.start(f"{group}-{port}", lab.web, f"/{group}/{port}",
                       ["httpd", "-f", "-p", str(port), "-h", "/bin"])
            wait_until("answer", lambda: engines.fetch(lab.client, lab.WEB4, port))
        for port in (8301, 8302):
            there, back = self.flow_to(daemon, port,
                                       lambda flow: int(facts(flow)["packets"]) > 3)
            self.assert_container(there, "destination", name=f"{group}-{port}")
            self.assert_container(back, "source", name=f"{group}-{port}")

    @unittest.skipIf(engines.missing("podman", "runc"), engines.missing("podman", "runc"))
    def test_podman(self):
        """podman: on its bridge, and on the host's network"""
        lab = self.lab
        podman = self.engine(engines.Podman, lab.node)
        daemon = self.daemon(("veth*", "client"), **podman.settings)
        identifier = podman.start("bridged")
        address = podman.address("bridged")
        wait_until("answer", lambda: engines.fetch(lab.node, address))
        there, back = self.flow_to(daemon, 80, lambda flow: int(facts(flow)["packets"]) > 3)
        self.assert_container(there, "destination", name="bridged", id=identifier,
                              runtime="podman", image=engines.IMAGE)
        self.assert_container(back, "source", name="bridged", id=identifier)
        podman.start("hosted", "--network", "host",
                     command=(engines.BUSYBOX, "httpd", "-f", "-p", "8401", "-h", "/bin"))
        wait_until("answer", lambda: engines.fetch(lab.client, lab.NODE4, 8401))
        there, _ = self.flow_to(daemon, 8401, lambda flow: int(facts(flow)["packets"]) > 3)
        self.assert_container(there, "destination", name="hosted")

    @unittest.skipIf(engines.missing("podman", "runc"), engines.missing("podman", "runc"))
    def test_podman_once(self):
        """podman run --rm: gone with all its files before its records are read"""
        lab = self.lab
        podman = self.engine(engines.Podman, lab.node)
        daemon = self.daemon(("client",), **podman.settings)
        with lab.client:
            server = socket.create_server((lab.CLIENT4, 8201))
        podman.podman("run", "--rm", "--name", "once", "--network", "host", engines.IMAGE,
                      engines.BUSYBOX, "nc", "-w", "1", lab.CLIENT4, "8201", "-e",
                      engines.BUSYBOX, "true")
        server.close()
        there, back = self.flow_to(daemon, 8201)
        self.assert_container(there, "source", name="once", runtime="podman")
        self.assert_container(back, "destination", name="once")

    @unittest.skipIf(engines.missing("containerd", "ctr"), engines.missing("containerd", "ctr"))
    def test_containerd(self):
        """containerd: its own cgroups, and both layouts of kubelets"""
        lab = self.lab
        containerd = self.engine(engines.Containerd, lab.node)
        daemon = self.daemon(**containerd.settings)
        uid, identifiers = str(uuid.uuid4()), [hexadecimal(), hexadecimal()]
        slices = f"flowdtest-kubepods.slice/kubepods-burstable-pod{uid.replace('-', '_')}.slice"
        containerd.groups.append("flowdtest-kubepods.slice")
        containerd.groups.append(f"kubepods/besteffort/pod{uid}")
        layouts = (("plain", None, "default"),
                   (identifiers[0], f"/kubepods/besteffort/pod{uid}/{identifiers[0]}", "k8s.io"),
                   (identifiers[1], f"/{slices}/cri-containerd-{identifiers[1]}.scope", "k8s.io"))
        for number, (name, cgroup, space) in enumerate(layouts):
            port = 8500 + number
            containerd.start(name, port, cgroup, space, lab.web)
            wait_until("answer", lambda: engines.fetch(lab.client, lab.WEB4, port))
            there, _ = self.flow_to(daemon, port, lambda flow: int(facts(flow)["packets"]) > 3)
            self.assert_container(there, "destination", id=name, name=name, runtime="containerd",
                                  **({"pod_uid": uid} if cgroup else {}))

    @unittest.skipIf(engines.missing("dockerd", "docker"), engines.missing("dockerd", "docker"))
    def test_docker(self):
        """docker: name, image and labels"""
        lab = self.lab
        docker = self.engine(engines.Docker, lab.node)
        daemon = self.daemon(**docker.settings)
        identifier = docker.start("web", "--network", "host", "--label", "app=web")
        wait_until("answer", lambda: engines.fetch(lab.client, lab.NODE4))
        there, back = self.flow_to(daemon, 80, lambda flow: int(facts(flow)["packets"]) > 3)
        for flow, side in ((there, "destination"), (back, "source")):
            self.assert_container(flow, side, name="web", id=identifier, runtime="docker",
                                  image=engines.IMAGE)
            self.assertIn("container:app=web", flow[side]["labels"])


if __name__ == "__main__":
    tap.main()
