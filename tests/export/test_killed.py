#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The whole flowd in traffic, before kafka, nats and http: the target goes three times, flowd is killed
once. Of each of its lives every record that reached the spool arrives, without a hole, and what comes
twice is the same. FLOWD_EXPORT_RECORDS says how many records."""
import json
import os
import socket

import feeding
from feeding import Case, ids, position, tap, wait_until
import test_clickhouse
import test_kafka
import test_nats
from daemon import Daemon

COUNT = int(os.environ.get("FLOWD_EXPORT_RECORDS", "10000"))
SEND_FLOWS = os.path.join(feeding.BUILD, "tests/export/send_flows")
LONG = 60 + COUNT // 1000  # seconds


class Kafka:
    """A broker goes, then all, then another."""
    made_by = test_kafka.Kafka

    def __init__(self, case):
        self.case, self.gone = case, ()

    def settings(self):
        return self.case.settings(timeout="1s")

    def down(self, turn):
        self.gone = ((1,), (1, 2, 3), (2,))[turn]
        for broker in self.gone:
            self.case.tell(f"down {broker}")

    def up(self):
        for broker in self.gone:
            self.case.tell(f"up {broker}")

    def arrived(self):
        """(id, content) of all records; the number of messages about losses."""
        records, losses = [], 0
        for message in self.case.consume():
            line = json.loads(message.body)
            losses += "lost_events" in line
            if "flow" in line:
                records.append((line["flow"]["uuid"], hash(message.body)))
        return records, losses


class ClickHouse:
    """The server is killed and started again. A row has no place for a loss."""
    made_by = test_clickhouse.ClickHouse

    def __init__(self, case):
        self.case = case

    def settings(self):
        return self.case.settings(timeout="5s")

    def down(self, _):
        self.case.server.kill()
        self.case.server.wait()

    def up(self):
        self.case.serve()

    def arrived(self):
        rows = self.case.sql("SELECT id, cityHash64(kind, time_ms, source_ip, source_port, "
                             "packets, bytes, total_packets, end_reason) FROM flows")
        return [tuple(row.split("\t")) for row in rows.splitlines()], 1


class Consumer:
    """What a stream holds, message by message, without bodies: by NATS's own protocol."""

    def __init__(self, net):
        with net:
            self.socket = socket.create_connection(("127.0.0.1", 4221))
        self.input = self.socket.makefile("rb")
        self.say('CONNECT {"verbose":false,"headers":true}')
        self.say("SUB each 1", "SUB made 2")
        self.publish("$JS.API.CONSUMER.CREATE.FLOWS made", json.dumps(
            {"stream_name": "FLOWS", "config": {
                "deliver_subject": "each", "deliver_policy": "all", "ack_policy": "none",
                "headers_only": True, "flow_control": True, "idle_heartbeat": 5_000_000_000}}))

    def say(self, *lines):
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def publish(self, subject, text=""):
        self.say(f"PUB {subject} {len(text)}", text)

    def messages(self, count):
        """Headers of the first so many."""
        while count:
            words = self.input.readline().decode().split()
            if words[0] == "PING":
                self.say("PONG")
            elif words[0] == "MSG":
                answer = self.input.read(int(words[-1]) + 2)
                assert b'"error"' not in answer, answer
            elif words[0] == "-ERR":
                raise AssertionError(words)
            elif words[0] == "HMSG":
                headers = self.input.read(int(words[-1]) + 2)[:int(words[-2])].decode()
                if not headers.startswith("NATS/1.0 100"):
                    count -= 1
                    yield headers
                elif len(words) > 5:  # flow control
                    self.publish(words[3])


class Nats:
    """The stream's leader is killed and started again."""
    made_by = test_nats.Nats

    def __init__(self, case):
        self.case, self.leader = case, ""
        self.servers = {f"n{number}": case.serve(number) for number in (1, 2, 3)}
        wait_until("the cluster has a leader", lambda: case.ask(1, "jsz").get(
            "meta_cluster", {}).get("leader"), 60)

    @staticmethod
    def settings():
        return {"type": "nats", "replicas": "3", "max_bytes": "2GiB", "timeout": "2s",
                "servers": ",".join(f"nats://127.0.0.1:422{number}" for number in (1, 2, 3))}

    def down(self, _):
        self.leader = wait_until("there is a leader", lambda: self.case.stream()[1], 60)
        self.servers[self.leader].kill()
        self.servers[self.leader].wait()

    def up(self):
        self.servers[self.leader] = self.case.serve(int(self.leader[1:]))

    def arrived(self):
        records, losses = [], 0
        consumer = Consumer(self.case.net)
        for headers in consumer.messages(self.case.stream()[0]):
            identifier = headers.split("Nats-Msg-Id:")[1].split("\r\n")[0].strip()
            if is_side(identifier):
                losses += 1
            else:
                records.append((identifier, headers.count("Nats-Msg-Id")))
        consumer.input.close()
        consumer.socket.close()
        return records, losses


def is_side(identifier):
    """Of what is no record: its position has more than 48 bits."""
    return int(identifier[19:23], 16) & 0x3fff != 0


class Killed(Case):
    def target(self, kind):
        """Its lab becomes ours; a device, at which whoever talks is, in a namespace of its own."""
        case = kind.made_by()
        case.setUp()
        self.addCleanup(case.doCleanups)
        self.lab, self.net = case.lab, case.net
        self.talker = self.lab.namespace()
        self.net.ip("link", "add", "wire", "type", "veth", "peer", "name", "eth0", "netns",
                    self.talker.path)
        for space, name in ((self.net, "wire"), (self.talker, "eth0")):
            space.ip("link", "set", name, "addrgenmode", "none", "up")
        os.mkdir(self.path("spool"))
        return kind(case)

    def daemon(self, settings):
        return Daemon(self.lab, self.net, ["wire"], {
            "flow.udp_idle_timeout": "1s",
            **{f"export.0.{key}": value for key, value in settings.items()}}).ready()

    @staticmethod
    def exporter(daemon, name):
        return int(daemon.status()["exporters"][0][name])

    def reach(self, daemon, count):
        wait_until(f"{count} records are taken",
                   lambda: self.exporter(daemon, "received") >= count, LONG)

    def live(self, target):
        """Two lives of flowd; what of each had reached the exporter at least, and at the end."""
        settings = {**target.settings(), "spool": self.path("spool"), "spool_size": "4GiB"}
        daemon = self.daemon(settings)
        talk = self.lab.start(self.talker, SEND_FLOWS, "eth0", 100_000_000, 10 ** 12,
                              2000 + COUNT // 200)
        first = lost = 0
        for turn in range(3):
            self.reach(daemon, COUNT * (turn + 1) // 8 - first)
            target.down(turn)
            self.reach(daemon, self.exporter(daemon, "received") + COUNT // 10)
            if turn == 1:
                first = self.exporter(daemon, "received")
                daemon.process.kill()
                daemon.process.wait()
                daemon = self.daemon(settings)
                lost = self.exporter(daemon, "lost")  # by the kill
            target.up()
        self.reach(daemon, COUNT - first)
        talk.kill()
        wait_until("all flows have ended",
                   lambda: int(daemon.status()["live_flows"]) == 0, LONG)
        second = int(daemon.status()["seen_flows"])
        self.reach(daemon, second)
        wait_until("all have arrived", lambda: not self.exporter(daemon, "spooled")
                   and not self.exporter(daemon, "waiting"), LONG)
        self.assertIn("the previous flowd was killed", daemon.messages())
        self.assertEqual(self.exporter(daemon, "lost"), lost)
        self.assertEqual(daemon.stop(), 0)
        return first, second

    def check(self, kind):
        target = self.target(kind)
        first, second = self.live(target)
        records, losses = target.arrived()
        lives = {}
        for identifier, content in records:
            known = lives.setdefault(identifier[:18], {}).setdefault(identifier, content)
            self.assertEqual(content, known)
        for life in lives.values():
            self.assertEqual({position(identifier) for identifier in life}, ids(len(life)))
        lengths = sorted(len(life) for life in lives.values())
        self.assertEqual(len(lengths), 2)
        self.assertGreaterEqual(lengths[0], min(first, second))
        self.assertGreaterEqual(lengths[1], max(first, second))
        self.assertGreaterEqual(sum(lengths), COUNT)
        self.assertGreaterEqual(losses, 1)
        print(f"# at least {first} and {second} records, {sum(lengths)} of two lives arrived, "
              f"{len(records) - sum(lengths)} of them twice", flush=True)

    def test_kafka(self):
        """brokers go three times, flowd is killed once: no hole, twice only with one id"""
        self.check(Kafka)

    def test_nats(self):
        """the stream's leader is killed three times, flowd once: every record once"""
        self.check(Nats)

    def test_clickhouse(self):
        """ClickHouse is killed three times, flowd once: no hole, twice only with one id"""
        self.check(ClickHouse)


if __name__ == "__main__":
    tap.main()
