#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""iperf3, wrk, dnsperf and ping -f at once, through a node: nothing is lost, and the totals of all
records are the counters of the devices, to the packet and the byte."""
import os
import socket
import subprocess
import unittest

import tap
from counters import (SOON, cut, protocol_counter, sent, settled, tcp_segments, total, total_of)
from daemon import TIME_SCALE, Daemon, facts
from lab import wait_until
from test_counting import PEER, POD, Node

PINGS = 20000
NGINX = """daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
 fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
 server {{ listen {address}:8080; root {dir}; }} }}
"""


class Load(unittest.TestCase):
    def setUp(self):
        self.lab = Node()
        self.addCleanup(self.lab.close)
        cut(self.lab.node, "uplink", "pod")
        self.clients = []

    def file(self, name, text):
        path = os.path.join(self.lab.directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def serve(self, port, *command):
        self.lab.start(self.lab.peer, *command, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        wait_until(f"{command[0]} listens", lambda: self.lab.peer.run(
            "ss", "-Hltun", f"sport = :{port}").stdout, 10)

    def servers(self):
        # nginx gives up root's rights: the page must be readable
        os.chmod(self.lab.directory, 0o755)
        self.file("page", "x" * 20_000)
        self.serve(8080, "nginx", "-c", self.file("nginx.conf", NGINX.format(
            dir=self.lab.directory, address=PEER)))
        self.serve(53, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=",
                   "--user=root", "--no-hosts", "--no-resolv", "--local=/test/",
                   "--host-record=web.test,10.98.0.2", "--bind-interfaces",
                   f"--listen-address={PEER}")
        self.serve(5201, "iperf3", "-s", "-1", "-B", PEER)

    def client(self, *command):
        self.clients.append(self.lab.start(self.lab.pod, *command, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, text=True))

    def load(self):
        """All clients at once; what each said."""
        names = self.file("names", "web.test A\nnowhere.test A\n")
        # a window below the kernel's queue of 1000 packets a CPU, so that no packet is dropped
        self.client("iperf3", "-c", PEER, "-n", "200M", "-w", "128K")
        self.client("wrk", "-t", 1, "-c", 16, "-d", "2s", "-H", "Connection: close",
                    f"http://{PEER}:8080/page")
        self.client("dnsperf", "-s", PEER, "-d", names, "-l", 2, "-c", 4, "-T", 1, "-q", 50)
        self.client("ping", "-q", "-f", "-c", PINGS, PEER)
        said = [client.communicate(timeout=60 * TIME_SCALE)[0] for client in self.clients]
        for client, text in zip(self.clients, said):
            self.assertEqual(client.returncode, 0, text)
        return said

    def closed(self):
        """No connection sends any more."""
        wait_until("all connections are closed", lambda: not any(namespace.run(
            "ss", "-Htn", "state", "connected", "exclude", "time-wait").stdout
            for namespace in (self.lab.pod, self.lab.peer)), 10 * TIME_SCALE)

    def of(self, flows, protocol):
        return total_of(flow for flow in flows if facts(flow)["protocol"] == protocol).packets

    def test_load(self):
        """iperf3 with GSO, wrk, dnsperf and ping -f: complete, and equal to the counters"""
        self.servers()
        daemon = Daemon(self.lab, self.lab.node, ["pod", "pods", "uplink"], {
            # events come from all of the machine, and some above their rate from other tests
            **SOON, "history.records": "524288", "events.drops": "false", "events.tcp": "false",
            # dnsperf asks as fast as it can, here beside all else
            "flow.ring_bytes": "32MiB"}).ready()
        said = self.load()
        self.closed()
        seen, flows = settled(daemon), daemon.flows("--all")
        self.assertIs(daemon.status()["complete"], True, daemon.status()["losses"])
        self.assertIn("Complete:", daemon.cli("status").stdout)
        self.assertIn("requests in", said[1])
        self.assertIn(f"{PINGS} received", said[3])
        on_wire = total(sent(self.lab.node, device) for device in ("uplink", "pod"))
        self.assertEqual(total_of(flows), on_wire)
        self.assertEqual((seen["seen_packets"], seen["seen_bytes"]),
                         (on_wire.packets, on_wire.bytes))
        ends = self.lab.pod, self.lab.peer
        self.assertEqual(self.of(flows, socket.IPPROTO_TCP), sum(map(tcp_segments, ends)))
        self.assertEqual(self.of(flows, socket.IPPROTO_UDP), sum(
            protocol_counter(end, "Udp", "OutDatagrams") for end in ends))
        self.assertEqual(self.of(flows, socket.IPPROTO_ICMP), 2 * PINGS)
        self.assertEqual({flow["IP"]["source"] for flow in flows}, {POD, PEER})


if __name__ == "__main__":
    tap.main()
