#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The real flowd whose targets or disk fail, or which is killed: what it says of it in status and
metrics, what it loses, and that packets are counted all the same. And its budget."""
import json
import os
import re
import ssl
import subprocess
import threading
import time

import feeding
from feeding import Case, ids, position, tap, wait_until
import test_http
import test_loss
import traffic
from daemon import Daemon, facts
from lab import Cluster


class Faults(Case):
    serve = test_http.Http.serve
    ledger = staticmethod(test_loss.Loss.ledger)
    balance = test_loss.Loss.balance
    quiet = test_loss.Loss.quiet

    def setUp(self):
        super().setUp()
        self.lab.close()
        self.lab = Cluster()
        self.addCleanup(self.lab.close)
        self.net = self.lab.node
        for namespace in self.lab.namespaces:  # its chatter would mix with what is counted here
            namespace.set_sysctl("net/ipv6/conf/all/disable_ipv6", 1)

    def daemon(self, *exporters, **settings):
        """`exporters` are their settings, the type first."""
        given = {name.replace("__", "."): value for name, value in settings.items()}
        for number, exporter in enumerate(exporters):
            given.update({f"export.{number}.{key}": value for key, value in exporter.items()})
        return Daemon(self.lab, self.lab.node, ["web", "client"], given).ready()

    def http(self, **more):
        return {"type": "http", "url": "http://127.0.0.1:8080", "batch": 100, **more}

    def flows(self, count):
        """New flows without answer, a packet each."""
        self.lab.web.drop("udp dport >= 1024")
        traffic.udp_spray(self.lab.client, self.lab.WEB4, count)

    @staticmethod
    def exporter(daemon, number=0):
        return daemon.status()["exporters"][number]

    def up(self, name):
        """The metric of this name's exporter: 1.0, or 0.0 after a failure."""
        page = self.net.run("curl", "-s", "http://127.0.0.1:9965/metrics").stdout
        return float(re.search(rf'^flowd_exporter_up{{exporter="{name}",[^}}]*}} (\S+)$', page,
                               re.MULTILINE).group(1))

    def failing(self, daemon, number=0):
        """Waits until the status tells of a failure; the reason."""
        def look():
            exporter = self.exporter(daemon, number)
            return exporter["failing"] and exporter["why"]
        return wait_until("the exporter is failing", look, 20)

    @staticmethod
    def arrived(server):
        """All lines that were posted."""
        return [line for post in list(server.posts) if post[0] == 200
                for line in test_http.lines(post[3])]

    def wait_for_all(self, daemon, server):
        """Until what is a record now is there; new ones come, of connections to targets too."""
        wanted = ids(int(daemon.status()["seen_flows"]))

        def look():
            uuids = [line["flow"]["uuid"] for line in self.arrived(server) if "flow" in line]
            return uuids and wanted <= {position(uuid) for uuid in uuids
                                        if uuid[:18] == uuids[-1][:18]}
        wait_until("every record has arrived", look, 60)  # the last wait is 30 s

    def test_killed(self):
        """killed while the target is away: what history showed arrives, and the kill is told"""
        os.mkdir(self.path("spool"))
        settings = self.http(spool=self.path("spool"))
        daemon = self.daemon(settings)
        self.flows(500)
        wait_until("the flows are records", lambda: len(daemon.records()) >= 500, 20)
        before = daemon.records()
        wait_until("they are on disk",
                   lambda: int(self.exporter(daemon)["spooled"]) >= len(before), 10)
        daemon.process.kill()
        daemon.process.wait()
        server = self.serve()
        daemon = self.daemon(settings)
        self.assertIn("the previous flowd was killed", daemon.messages())
        wait_until("the loss is told", lambda: any(
            "lost_events" in line for line in self.arrived(server)), 30)
        lines = self.arrived(server)
        flows = [line["flow"] for line in lines if "flow" in line]
        found = [position(flow.pop("uuid")) for flow in flows]
        self.assertGreaterEqual(len(found), len(before))
        self.assertEqual(set(found), ids(len(found)))
        self.assertEqual({json.dumps(flow, sort_keys=True) for flow in before}
                         - {json.dumps(flow, sort_keys=True) for flow in flows}, set())
        loss, = [line["lost_events"] for line in lines if "lost_events" in line]
        self.assertLess(loss["first"], loss["last"])
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("was killed", self.daemon(settings).messages())

    def test_killed_in_traffic(self):
        """killed in a burst, the target away three times: of each life a beginning without holes"""
        down = threading.Event()
        server = self.serve(lambda request, body: (503 if down.is_set() else 200, {}, b""))
        os.mkdir(self.path("spool"))
        settings = self.http(spool=self.path("spool"))
        daemon = self.daemon(settings)
        for turn in range(3):
            down.set()
            burst = threading.Thread(target=self.flows, args=(4000,))
            burst.start()
            if turn == 1:
                before = int(self.exporter(daemon)["received"])
                wait_until("the burst comes",
                           lambda seen=before: int(self.exporter(daemon)["received"]) > seen, 20)
                daemon.process.kill()
                daemon.process.wait()
                daemon = self.daemon(settings)
            burst.join()
            down.clear()
        wait_until("the last burst is in records",
                   lambda: int(daemon.status()["seen_flows"]) >= 4000, 20)
        self.wait_for_all(daemon, server)
        lives = {}
        for line in self.arrived(server):
            if "flow" in line:
                identifier = line["flow"]["uuid"]
                known = lives.setdefault(identifier[:18], {}).setdefault(identifier, line)
                self.assertEqual(line, known)
        self.assertEqual(len(lives), 2)
        for life in lives.values():
            self.assertEqual({position(identifier) for identifier in life}, ids(len(life)))
        self.assertTrue(any("lost_events" in line for line in self.arrived(server)))

    def test_unreachable(self):
        """no target at the start: each says so, packets are counted, all arrives later"""
        daemon = self.daemon(
            self.http(), {"type": "syslog", "address": "tcp://127.0.0.1:5514"},
            {"type": "ipfix", "address": "tcp://127.0.0.1:4739"},
            {"type": "nats", "servers": "nats://127.0.0.1:4222"},
            {"type": "kafka", "brokers": "127.0.0.1:9092", "timeout": "1s"})
        self.flows(300)
        for number, said in enumerate(("connect to server", "refused", "refused",
                                       "cannot connect", "timed out")):
            self.assertIn(said, self.failing(daemon, number))
        self.assertEqual(daemon.cli("status").stdout.count("FAILING: "), 5)
        self.assertEqual([self.up(name) for name in ("http", "syslog", "ipfix", "nats", "kafka")],
                         [0.0] * 5)
        self.quiet(daemon)
        self.assertEqual(sum(int(facts(flow)["packets"]) for flow in daemon.flows(
            "--all", "--protocol", "udp")), 300)
        server = self.serve()
        self.wait_for_all(daemon, server)
        self.assertEqual((self.up("http"), self.up("nats")), (1.0, 0.0))
        self.assertEqual(self.exporter(daemon)["lost"], "0")

    def test_certificate(self):
        """a target whose certificate is of another CA gets nothing, and the reason is told"""
        self.pki()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.crt"), self.path("server.key"))
        server = self.serve(tls=context)
        ca = {"ca": self.path("rogue-ca.crt")}
        daemon = self.daemon({"type": "http", "url": "https://127.0.0.1:8080", **ca},
                             {"type": "syslog", "address": "tls://127.0.0.1:8080", **ca})
        self.flows(50)
        for number in range(2):
            self.assertIn("certificate", self.failing(daemon, number))
        self.assertEqual((self.up("http"), self.up("syslog")), (0.0, 0.0))
        self.assertEqual(server.posts, [])
        self.balance(daemon)

    def accounted(self, daemon, number=0, history=2048):
        """Every record was taken, or is counted lost, or history still has it; the status."""
        def look():
            status = daemon.status()
            exporter, seen = status["exporters"][number], int(status["seen_flows"])
            told = int(exporter["received"]) + int(exporter["lost"])
            self.assertLessEqual(told, seen)
            return int(exporter["lost"]) > 4000 and told + history + 1024 >= seen and status
        return wait_until("what left history is counted", look, 30)

    def test_refused_datagrams(self):
        """UDP, and nobody listens: told, nothing counts as sent, what leaves history is lost"""
        daemon = self.daemon(
            {"type": "syslog", "address": "udp://127.0.0.1:5514", "queue": 256},
            {"type": "ipfix", "address": "udp://127.0.0.1:4739", "queue": 256},
            history__records="2048")
        for _ in range(2):
            self.flows(8000)
        self.balance(daemon)
        for number in range(2):
            self.assertIn("refused; start what listens", self.failing(daemon, number))
            exporter = self.accounted(daemon, number)["exporters"][number]
            self.assertEqual((exporter["sent"], exporter["acknowledged"]), ("0", "0"))
            self.assertEqual(self.up(exporter["name"]), 0.0)
        self.assertEqual(daemon.messages().count("cannot send"), 2)

    def test_slow(self):
        """100 records a second: no packet is missed, memory bounded, what is lost is counted"""
        def answer(request, body):
            time.sleep(len(body.splitlines()) / 100)
            return 200, {}, b""
        self.serve(answer)
        daemon = self.daemon(self.http(queue=256), history__records="2048")
        resident = int(daemon.status()["rss_bytes"])
        for _ in range(2):
            self.flows(4000)
        self.quiet(daemon)
        self.balance(daemon)
        status = self.accounted(daemon)
        exporter = status["exporters"][0]
        # the queue and what is behind it, each overfilled by a page (256, with its loss) at most, a
        # page on its way between them, a batch
        self.assertLessEqual(int(exporter["waiting"]), 2 * (255 + 257) + 257 + 100)
        self.assertLess(int(status["rss_bytes"]) - resident, 40 << 20)
        self.assertIn("records left history before they were exported", daemon.messages())

    def test_full_disk(self):
        """a spool on a full disk: told, and nothing is lost when there is room again"""
        disk = self.path("disk")
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        with open(os.path.join(disk, "ballast"), "wb") as ballast:
            ballast.write(bytes(7 << 20))
        daemon = self.daemon(self.http(spool=disk))
        self.flows(2500)
        wait_until("the disk is full", lambda: "make room" in self.exporter(daemon)["why"], 20)
        self.assertEqual(self.up("http"), 0.0)
        self.quiet(daemon)
        self.assertGreaterEqual(len(daemon.flows("--all", "--protocol", "udp")), 2500)
        os.unlink(os.path.join(disk, "ballast"))
        server = self.serve()
        self.wait_for_all(daemon, server)
        exporter = self.exporter(daemon)
        self.assertEqual((exporter["lost"], exporter["failing"]), ("0", False))

    def test_budget(self):
        """budget.cpu: sampling goes up while flowd costs more, is told, and comes back"""
        daemon = self.daemon(budget__cpu="4%", budget__interval="100ms")

        def stepped():
            self.flows(4000)
            return "from now on 1 in 4 packets is looked at, was 1 in 2" in daemon.messages()
        wait_until("two steps up", stepped, 20)
        self.flows(4000)
        wait_until("records tell it", lambda: [flow for flow in daemon.flows(
            "--all", "--protocol", "udp") if facts(flow).get("sampling", 1) > 1], 20)
        wait_until("the way back", lambda: "from now on 1 in 1 packets" in daemon.messages(), 30)
        self.assertEqual(self.ledger(daemon)["budget_sampling"], 1)
        self.balance(daemon)


if __name__ == "__main__":
    assert feeding
    tap.main()
