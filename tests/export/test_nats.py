#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""NATS JetStream: a cluster of three whose leader is killed, and the feed too: the stream holds every
record once. Mutual TLS, and who is refused."""
import json
import os
import signal

import feeding
from feeding import FLOWCLI, Case, options, tap, wait_until

NODE = """server_name: n{n}
listen: 127.0.0.1:422{n}
http: 127.0.0.1:822{n}
jetstream {{ store_dir: "{dir}/d{n}", max_mem: 64M, max_file: 4G }}
cluster {{ name: fleet, listen: 127.0.0.1:622{n}, routes: [ nats://127.0.0.1:6221, nats://127.0.0.1:6222, nats://127.0.0.1:6223 ] }}
"""
TLS = """listen: 127.0.0.1:4221
http: 127.0.0.1:8221
jetstream {{ store_dir: "{dir}/d1" }}
tls {{ cert_file: "{dir}/server.crt", key_file: "{dir}/server.key", ca_file: "{dir}/ca.crt", verify: true }}
"""
OPEN = TLS.split("tls {{", maxsplit=1)[0]


class Nats(Case):
    def serve(self, number, text=NODE):
        path = self.path(f"n{number}.conf", text.format(n=number, dir=self.lab.directory))
        return self.start("nats-server", "-c", path, log=f"n{number}.log")

    def ask(self, number, path):
        done = self.net.run("curl", "-s", "-m", "2", f"http://127.0.0.1:822{number}/{path}",
                            check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def stream(self):
        """(messages, leader) of the stream as the nodes tell; the most of what they say."""
        best = (0, "")
        for number in (1, 2, 3):
            for account in self.ask(number, "jsz?streams=1&config=1").get("account_details", []):
                for stream in account.get("stream_detail", []):
                    leader = stream.get("cluster", {}).get("leader", "")
                    best = max(best, (stream["state"]["messages"], leader))
        return best

    def test_single(self):
        """the stream is made; sent twice, a record is kept once"""
        self.serve(1, OPEN)
        wait_until("nats answers", lambda: self.ask(1, "healthz").get("status") == "ok", 20)
        for _ in range(2):
            report = self.feed(5000, type="nats", servers="nats://127.0.0.1:4221")
            self.assertEqual((report["acknowledged"], report["lost"]), (5000, 0))
        self.assertEqual(self.stream()[0], 5000)

    def test_cluster(self):
        """the stream's leader is killed three times, the feed once: every record once"""
        count = int(os.environ.get("FLOWD_EXPORT_RECORDS", "20000"))
        servers = {f"n{number}": self.serve(number) for number in (1, 2, 3)}
        wait_until("the cluster has a leader", lambda: self.ask(1, "jsz").get(
            "meta_cluster", {}).get("leader"), 60)
        os.mkdir(self.path("spool"))
        arguments = ["--progress", self.path("progress"), *options(
            type="nats", servers=",".join(f"nats://127.0.0.1:422{n}" for n in (1, 2, 3)),
            replicas="3", spool=self.path("spool"), spool_size="4GiB", batch="2000",
            max_bytes="2GiB")]
        feed = self.start(feeding.FEED, "--records", count, "--rate", count // 5, *arguments,
                          log="feed.log")
        for turn in range(1, 4):
            wait_until("records come", lambda: self.stream()[0] > count * turn // 6, 120)
            leader = wait_until("there is a leader", lambda: self.stream()[1], 60)
            servers[leader].kill()
            servers[leader].wait()
            if turn == 2:
                feed.send_signal(signal.SIGKILL)
                feed.wait()
                done = int(self.lines("progress")[0])
                feed = self.start(feeding.FEED, "--start", done, "--records", count - done + 1,
                                  *arguments, log="feed.log")
            servers[leader] = self.serve(int(leader[1:]))
        self.assertEqual(feed.wait(180), 0)
        # and a message that tells of the kill
        wait_until("all are in the stream", lambda: self.stream()[0] >= count + 1, 60)
        self.assertEqual(self.stream()[0], count + 1)

    def observe(self, *arguments):
        done = self.net.run(FLOWCLI, "observe", "--nats", "nats://127.0.0.1:4221", "-o", "json",
                            *arguments, timeout=60)
        return [json.loads(line)["flow"] for line in done.stdout.splitlines()], done.stderr

    def test_fleet(self):
        """flowcli replays the whole fleet, merged by time, and says by node what is complete"""
        self.serve(1, OPEN)
        wait_until("nats answers", lambda: self.ask(1, "healthz").get("status") == "ok", 20)
        for node, epoch in (("red-1", 0), ("red-2", 500_000), ("blue", 250_000)):
            self.feed(500, "--node", node, "--epoch", 1_700_000_000_000_000_000 + epoch,
                      type="nats", servers="nats://127.0.0.1:4221")
        flows, told = self.observe("--all")
        self.assertEqual(len(flows), 1500)
        times = [flow["time"].rstrip("Z") for flow in flows]
        self.assertEqual([flow["node_name"] for flow in flows[:3]], ["red-1", "blue", "red-2"])
        self.assertEqual(times, sorted(times, key=lambda time: time.ljust(29, "0")))
        for node in ("red-1", "red-2", "blue"):
            self.assertIn(f"node {node}: 500 records, complete", told)
        self.assertIn("complete: 1500 records; 3 nodes", told)
        flows, told = self.observe("--all", "--node", "red-*", "--protocol", "udp")
        self.assertEqual({flow["node_name"] for flow in flows}, {"red-1", "red-2"})
        self.assertEqual(len(flows), 250)
        flows, _ = self.observe("--last", "7")
        self.assertEqual(len(flows), 7)
        self.assertEqual({flow["time"][:23] for flow in flows[-2:]}, {"2023-11-14T22:13:20.500"})

    def test_follow(self):
        """following: what comes later is told as it comes"""
        self.serve(1, OPEN)
        wait_until("nats answers", lambda: self.ask(1, "healthz").get("status") == "ok", 20)
        self.feed(10, type="nats", servers="nats://127.0.0.1:4221")
        follower = self.start(FLOWCLI, "observe", "--nats", "nats://127.0.0.1:4221", "-f", "-o",
                              "json", log="follow.log")
        wait_until("it is subscribed", lambda: self.ask(1, "jsz?consumers=1&streams=1").get(
            "consumers") == 1, 20)
        self.feed(5, "--start", "11", "--epoch", "1700000000000000001", type="nats",
                  servers="nats://127.0.0.1:4221")
        wait_until("five records", lambda: len(self.lines("follow.log")) == 5, 20)
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait(10), 0)

    def test_tls(self):
        """mutual TLS; without a certificate nothing is sent and it is told"""
        self.pki()
        self.serve(1, TLS)
        wait_until("nats answers", lambda: self.ask(1, "healthz").get("status") == "ok", 20)
        report = self.feed(200, type="nats", servers="tls://127.0.0.1:4221",
                           ca=self.path("ca.crt"), cert=self.path("client.crt"),
                           key=self.path("client.key"))
        self.assertEqual(report["acknowledged"], 200)
        feed = self.start_feed(200, type="nats", servers="tls://127.0.0.1:4221",
                               ca=self.path("ca.crt"))
        self.assertIn("cannot connect", feed.stderr.readline())
        self.assertEqual(self.stream()[0], 200)

    def test_secrets(self):
        """a token and a user's password from files; a wrong one is refused, told, and not logged"""
        ask = {"type": "nats", "servers": "nats://127.0.0.1:4221", "create": "true"}
        password = {"user": "feed", "password_file": self.path("password", "hush-b\n")}
        server = None
        for guard, good in (('token: "hush-a"', {"token_file": self.path("token", "hush-a\n")}),
                            ("users: [ {{ user: feed, password: hush-b }} ]", password)):
            with self.subTest(guard):
                if server:
                    server.kill()
                    server.wait()
                server = self.serve(1, OPEN + f"authorization {{{{ {guard} }}}}\n")
                wait_until("nats answers", lambda: self.ask(1, "healthz").get("status") == "ok",
                           20)
                self.assertEqual(self.feed(50, **ask, **good)["acknowledged"], 50)
                bad = {key: self.path("wrong", "hush-c\n") if key.endswith("_file") else value
                       for key, value in good.items()}
                feed = self.start_feed(50, **ask, **bad)
                told = feed.stderr.readline()
                self.assertIn("Authentication Violation", told)
                self.assertNotIn("hush", told)
                with open(f"/proc/{feed.pid}/cmdline", encoding="ascii") as line:
                    self.assertNotIn("hush", line.read())
                feed.kill()


if __name__ == "__main__":
    tap.main()
