#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Containers of real engines at both ends of a flow: what they are called, and which is which."""
import os
import socket
import unittest
import uuid

import cri
import engines
import tap
from counters import ledger
from daemon import facts, key_of
from ends import Case, as_a_service, hexadecimal, process
from lab import wait_until


def counter(daemon, name):
    return ledger(daemon).get(name, 0)


class Forwarded(Case):
    """Containers without a socket in sight: pings to them are answered by the kernel."""

    def waiting(self, runc, name, namespace):
        group = f"flowd-test-{hexadecimal(8)}"
        runc.groups.append(group)
        runc.start(name, namespace, f"/{group}/{name}", ["sleep", "600"])

    def ping(self, daemon, device, own, address):
        """Echo and answer of a ping by this device, which has this address of the node."""
        self.lab.node.run("ping", "-c", "1", "-W", "2", "-I", device, address)

        def look():
            flows = daemon.flows("--all", "--protocol", "icmp")
            echo = [flow for flow in flows if key_of(flow)[:2] == (own, address)]
            back = [flow for flow in flows if key_of(flow)[:2] == (address, own)]
            return (echo[0], back[0]) if echo and back else None
        return wait_until("echo and answer", look)

    def link(self, name, namespace, address, gateway):
        lab = self.lab
        lab.node.ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
                    namespace.path)
        lab.node.ip("addr", "add", gateway, "dev", name)
        lab.node.ip("link", "set", name, "up")
        namespace.ip("addr", "add", address, "dev", "eth0")
        namespace.ip("link", "set", "eth0", "up")

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_same_address(self):
        """two containers with one address: the device tells which it is"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        daemon = self.daemon(("twin*",), **runc.settings)
        for number in (1, 2):
            namespace = lab.namespace()
            self.waiting(runc, f"twin-{number}", namespace)
            self.link(f"twin{number}", namespace, "10.77.0.2/24", f"10.77.0.10{number}/24")
        for number in (1, 2):
            echo, back = self.ping(daemon, f"twin{number}", f"10.77.0.10{number}", "10.77.0.2")
            for flow, side in ((echo, "destination"), (back, "source")):
                self.assert_container(flow, side, name=f"twin-{number}")
                self.assertEqual(facts(flow)["identity_source"][side], "interface")

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_late_network(self):
        """a container that gets its network later, and another address after that; as a service"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        daemon = self.daemon(("late*",), wrapper=as_a_service(), **runc.settings)
        namespace = lab.namespace()
        self.waiting(runc, "late", namespace)
        daemon.status()
        self.link("late0", namespace, "10.77.1.2/24", "10.77.1.1/24")
        echo, back = self.ping(daemon, "late0", "10.77.1.1", "10.77.1.2")
        namespace.ip("addr", "add", "10.77.1.3/24", "dev", "eth0")
        namespace.ip("addr", "del", "10.77.1.2/24", "dev", "eth0")
        namespace.ip("addr", "replace", "10.77.1.3/24", "dev", "eth0")
        again, last = self.ping(daemon, "late0", "10.77.1.1", "10.77.1.3")
        for flow, side in ((echo, "destination"), (back, "source"), (again, "destination"),
                           (last, "source")):
            self.assert_container(flow, side, name="late")
            self.assertEqual(facts(flow)["identity_source"][side], "interface")
            self.assertEqual(facts(flow)[f"{side}_container"]["netns"],
                             os.fstat(namespace.fd).st_ino)


class Containers(Case):
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
        there, back = self.flow_to(daemon, 8401, lambda flow: int(facts(flow)["packets"]) > 3)
        self.assert_container(there, "destination", name="hosted")
        self.assert_container(back, "source", name="hosted")

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
            there, back = self.flow_to(daemon, port,
                                       lambda flow: int(facts(flow)["packets"]) > 3)
            for flow, side in ((there, "destination"), (back, "source")):
                self.assert_container(flow, side, id=name, name=name, runtime="containerd",
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

    @unittest.skipIf(engines.missing("podman", "runc"), engines.missing("podman", "runc"))
    def test_podman_pod(self):
        """podman: two containers of a pod share its namespace; labels come from its API"""
        lab = self.lab
        podman = self.engine(engines.Podman, lab.node)
        podman.serve()
        daemon = self.daemon(("veth*",), **podman.settings)
        podman.podman("pod", "create", "--name", "shop", "--infra-image", engines.IMAGE,
                      "--infra-command", f"{engines.BUSYBOX} sleep 600")
        for port in (8411, 8412):
            podman.start(f"shop-{port}", "--pod", "shop", "--label", f"port={port}",
                         command=(engines.BUSYBOX, "httpd", "-f", "-p", str(port), "-h", "/bin"))
        address = podman.address(podman.podman("pod", "inspect", "shop", "-f",
                                               "{{.InfraContainerID}}"))
        wait_until("the engine has told of both and of the pod's own",
                   lambda: counter(daemon, "podman_answers") >= 3)
        for port in (8411, 8412):
            wait_until("answer", lambda: engines.fetch(lab.node, address, port))
            there, back = self.flow_to(daemon, port,
                                       lambda flow: int(facts(flow)["packets"]) > 3)
            for flow, side in ((there, "destination"), (back, "source")):
                self.assert_container(flow, side, name=f"shop-{port}", runtime="podman",
                                      image=engines.IMAGE)
                self.assertIn(f"container:port={port}", flow[side]["labels"])

    @unittest.skipIf(engines.missing("dockerd", "docker"), engines.missing("dockerd", "docker"))
    def test_docker_bridge(self):
        """docker: one asks another over its bridge; one that is gone when it has asked; a restart"""
        lab = self.lab
        docker = self.engine(engines.Docker, lab.node, "10.87.0.1/24")
        daemon = self.daemon(("veth*",), **docker.settings)
        web = docker.start("web")
        wait_until("answer", lambda: engines.fetch(lab.node, "10.87.0.2"))
        ask = (engines.BUSYBOX, "wget", "-q", "-O", "/dev/null", "http://10.87.0.2/busybox")
        docker.docker("run", "--rm", "--name", "once", engines.IMAGE, *ask)
        there, back = self.flow_to(daemon, 80, lambda flow: "once" in str(facts(flow)))
        docker.docker("restart", "-t", "0", "web")
        wait_until("answer", lambda: engines.fetch(lab.node, "10.87.0.2"))
        docker.docker("run", "--rm", "--name", "twice", engines.IMAGE, *ask)
        again, last = self.flow_to(daemon, 80, lambda flow: "twice" in str(facts(flow)))
        for flow, server, client, name in ((there, "destination", "source", "once"),
                                           (back, "source", "destination", "once"),
                                           (again, "destination", "source", "twice"),
                                           (last, "source", "destination", "twice")):
            self.assert_container(flow, server, id=web, name="web", runtime="docker")
            self.assert_container(flow, client, name=name, runtime="docker", image=engines.IMAGE)

    @unittest.skipIf(engines.missing("dockerd", "docker"), engines.missing("dockerd", "docker"))
    def test_docker_api(self):
        """docker: a container whose files cannot be read is told by the engine's API"""
        lab = self.lab
        docker = self.engine(engines.Docker, lab.node)
        daemon = self.daemon(**{"identity.docker": "/nonexistent",
                                "identity.containerd": "/nonexistent",
                                "identity.docker_socket": docker.path("sock")})
        identifier = docker.start("web", "--network", "host", "--label", "app=web")
        wait_until("the engine has told", lambda: counter(daemon, "docker_answers"))
        wait_until("answer", lambda: engines.fetch(lab.client, lab.NODE4))
        there, back = self.flow_to(daemon, 80, lambda flow: int(facts(flow)["packets"]) > 3)
        for flow, side in ((there, "destination"), (back, "source")):
            self.assert_container(flow, side, name="web", id=identifier, runtime="docker",
                                  image=engines.IMAGE)
            self.assertEqual(flow[side]["labels"], ["container:app=web"])
            self.assertNotIn(side, facts(flow).get("identity_missing_reason", {}))

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_engine_in_trouble(self):
        """an engine that says nothing, then nonsense, then the truth: the daemon goes on"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        docker = engines.HttpSocket(os.path.join(lab.directory, "sock"))
        self.addCleanup(docker.close)
        daemon = self.daemon(**{"identity.docker_socket": docker.path})
        group, identifier = f"flowd-test-{hexadecimal(8)}", hexadecimal()
        runc.groups.append(group)
        runc.start("web", lab.web, f"/{group}/docker/{identifier}", engines.SERVE)
        wait_until("it is asked", docker.asked)
        wait_until("answer", lambda: engines.fetch(lab.client, lab.WEB4))
        there, _ = self.flow_to(daemon, 80, lambda flow: int(facts(flow)["packets"]) > 3)
        self.assert_container(there, "destination", id=identifier, runtime="docker", name=None)
        self.assertEqual(facts(there)["identity_missing_reason"]["destination"],
                         "no_container_metadata")
        docker.answer(500, {"message": "no"})
        wait_until("it is told", lambda: "docker at " in daemon.messages())
        self.assertIn("HTTP status 500", daemon.messages())
        self.assertIn("identity.docker_socket", daemon.messages())
        self.assertGreaterEqual(counter(daemon, "docker_failures"), 1)
        self.assertIn("now: HTTP status 500", daemon.cli("status").stdout)
        wait_until("it is asked again", docker.asked)
        docker.answer(200, {"Id": identifier, "Name": "/late", "Config": {"Image": "img:1"}})
        wait_until("it has told", lambda: counter(daemon, "docker_answers"))
        wait_until("answer", lambda: engines.fetch(lab.client, lab.WEB4))
        there, _ = self.flow_to(daemon, 80, lambda flow: "late" in str(facts(flow)))
        self.assert_container(there, "destination", id=identifier, name="late", image="img:1")
        self.assertEqual(daemon.messages().count("docker at "), 2, daemon.messages())

    @unittest.skipIf(engines.missing("runc"), engines.missing("runc"))
    def test_log_names(self):
        """a pod whose engine has no files for us: the names of its logs tell, below the host's root"""
        lab = self.lab
        runc = self.engine(engines.Runc, lab.node)
        logs = {key: os.path.join(lab.directory, key) for key in ("pods", "containers")}
        uid, web, pause = str(uuid.uuid4()), hexadecimal(), hexadecimal()
        os.makedirs(f"{logs['pods']}/shop_front-0_{uid}/web")
        os.makedirs(logs["containers"])
        os.symlink(f"{logs['pods']}/shop_front-0_{uid}/web/0.log",
                   f"{logs['containers']}/front-0_shop_web-{web}.log")
        daemon = self.daemon(**{"identity.pod_logs": logs["pods"],
                                "identity.container_logs": logs["containers"]})
        runc.groups.append(f"kubepods/pod{uid}")
        for name, identifier, port in (("web", web, 8421), ("pause", pause, 8422)):
            runc.start(name, lab.web, f"/kubepods/pod{uid}/{identifier}",
                       ["httpd", "-f", "-p", str(port), "-h", "/bin"])
            wait_until("answer", lambda: engines.fetch(lab.client, lab.WEB4, port))
            there, back = self.flow_to(daemon, port,
                                       lambda flow: int(facts(flow)["packets"]) > 3)
            for flow, side in ((there, "destination"), (back, "source")):
                self.assertEqual((flow[side]["namespace"], flow[side]["pod_name"]),
                                 ("shop", "front-0"))
                self.assert_container(flow, side, id=identifier, pod_uid=uid,
                                      name="web" if identifier == web else None)

    @unittest.skipIf(cri.missing(), cri.missing())
    def test_cri_pods(self):
        """pods as a kubelet makes them, through containerd's CRI and CNI: pod to pod, both named"""
        lab = self.lab
        pods = self.engine(cri.Pods, lab.node)
        daemon = self.daemon(("veth*",), **pods.settings)
        web = pods.start("shop", "web-0", "web", engines.SERVE)
        ask = pods.start("shop", "ask-0", "ask", ["sh", "-c", (
            f"while ! {engines.BUSYBOX} wget -q -O /dev/null http://{web.address}/busybox; "
            f"do :; done; {engines.BUSYBOX} sleep 600")])
        there, back = self.flow_to(daemon, 80, lambda flow: int(facts(flow)["packets"]) > 3)
        for flow, server, client in ((there, "destination", "source"),
                                     (back, "source", "destination")):
            for side, pod, name in ((server, web, "web"), (client, ask, "ask")):
                self.assertEqual((flow[side]["namespace"], flow[side]["pod_name"]),
                                 ("shop", f"{name}-0"))
                self.assert_container(flow, side, id=pod.container, name=name, pod_uid=pod.uid,
                                      runtime="containerd", image=engines.IMAGE)
        lab.node.run("ping", "-c", "1", "-W", "2", web.address)
        echo = wait_until("the echo", lambda: next((
            flow for flow in daemon.flows("--all", "--protocol", "icmp", "--to-ip", web.address)),
            None))
        self.assertEqual(echo["destination"].get("pod_name"), "web-0", facts(echo))


if __name__ == "__main__":
    tap.main()
