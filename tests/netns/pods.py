# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pods without an engine: a namespace, a veth to a bridge, a kubelet's cgroup, and one process in
both that tells everybody who asks which pod it is. Made and gone in milliseconds."""
import ctypes
import os
import signal
import socket
import threading
import time
import uuid

from engines import CGROUPS, remove_cgroups
from lab import CLONE_NEWNET, LIBC, PR_SET_PDEATHSIG, Namespace


def _serve(namespace, cgroup, address, name, ready):
    """Never returns."""
    try:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with open(f"{cgroup}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
        LIBC.setns(namespace.fd, CLONE_NEWNET)
        ctypes.CDLL(None)
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((address, 80))

        def answer():
            while True:
                _, sender = datagrams.recvfrom(100)
                datagrams.sendto(name, sender)
        threading.Thread(target=answer, daemon=True).start()
        server = socket.create_server((address, 80), backlog=64)
        os.write(ready, b"1")
        while True:
            client, _ = server.accept()
            client.sendall(name)
            client.close()
    finally:
        os._exit(1)


class Pod:
    def __init__(self, node, bridge, port, address):
        self.uid = str(uuid.uuid4())
        self.cgroup = f"{CGROUPS}/kubepods/pod{self.uid}/{uuid.uuid4().hex * 2}"
        os.makedirs(self.cgroup)
        self.namespace = Namespace()
        node.run("ip", "-batch", "-", input=(
            f"link add {port} type veth peer name eth0 address {self.mac(address)} "
            f"netns {self.namespace.path}\n"
            f"link set {port} master {bridge} up\n"))
        self.namespace.run("ip", "-batch", "-", input=(
            f"addr add {address}/24 dev eth0\nlink set eth0 up\n"))
        self.node, self.port = node, port
        ready, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(self.namespace, self.cgroup, address, self.uid.encode(), writer)
        os.close(writer)
        self.alive = os.read(ready, 1) == b"1"
        os.close(ready)

    @staticmethod
    def mac(address):
        """One for each address, so that neighbours need not notice the change."""
        return "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        remove_cgroups(f"kubepods/pod{self.uid}")
        self.node.run("ip", "link", "del", self.port)
        self.namespace.close()


class Asker(threading.Thread):
    """Asks an address who it is, again and again, by TCP and from one UDP port; `answers` holds
    (protocol, own port, pod, when)."""

    def __init__(self, namespace, address):
        super().__init__(daemon=True)
        self.namespace, self.address = namespace, address
        self.answers, self.stopped = [], False

    def _tcp(self):
        with socket.socket() as client:
            client.settimeout(0.2)
            try:
                client.connect((self.address, 80))
                port = client.getsockname()[1]
                name = client.recv(100)
            except OSError:
                return
        if name:
            self.answers.append((6, port, name.decode(), time.time()))

    def _udp(self, client):
        try:
            client.sendto(b"?", (self.address, 80))
            name = client.recv(100)
            self.answers.append((17, client.getsockname()[1], name.decode(), time.time()))
        except OSError:
            pass

    def run(self):
        with self.namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.05)
            client.bind(("", 0))
            while not self.stopped:
                self._tcp()
                self._udp(client)
                time.sleep(0.01)

    def stop(self):
        self.stopped = True
        self.join()
