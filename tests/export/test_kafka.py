#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kafka before librdkafka's mock cluster, a process of its own, and kcat as the consumer: brokers are
taken down while records come; keys keep conversations together; ids are in the bodies, in headers
where they are asked for or a body has none."""
import collections
import json
import os
import signal
import subprocess

import feeding
from feeding import KAFKA_MOCK, Case, ids, options, position, tap, wait_until

Message = collections.namedtuple("Message", "partition key id body")


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return value, at


def protobuf(data):
    """The last value of each field, by number; of fixed sizes the bytes."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            fields[tag >> 3], at = varint(data, at)
            continue
        size, at = varint(data, at) if tag & 7 == 2 else ({1: 8, 5: 4}[tag & 7], at)
        fields[tag >> 3], at = data[at:at + size], at + size
    return fields


class Kafka(Case):
    def setUp(self):
        super().setUp()
        self.mock = self.start(KAFKA_MOCK, 3, "flows", 64, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.mock.stdin.close)
        self.brokers = self.mock.stdout.readline().strip()

    def tell(self, command):
        self.mock.stdin.write(command + "\n")
        self.mock.stdin.flush()
        self.assertEqual(self.mock.stdout.readline(), "done\n")

    def settings(self, **more):
        return {"type": "kafka", "brokers": self.brokers, "topic": "flows", **more}

    def consume(self):
        """All messages of the topic, as they come; id: the header's, or None."""
        kcat = self.start("kcat", "-C", "-b", self.brokers, "-t", "flows", "-e", "-q", "-f",
                          r"%p %k %S %h\n%s\n", stdout=subprocess.PIPE)
        for head in kcat.stdout:
            partition, key, size, headers = head.decode("ascii").rstrip("\n").split(" ")
            yield Message(int(partition), key, headers.rpartition("id=")[2] or None,
                          kcat.stdout.read(int(size)))
            kcat.stdout.read(1)
        self.assertEqual(kcat.wait(20), 0)

    def test_messages(self):
        """every record once, its id in the body; conversations are spread over the partitions"""
        report = self.feed(5000, **self.settings())
        self.assertEqual((report["acknowledged"], report["lost"]), (5000, 0))
        messages = list(self.consume())
        self.assertEqual(len(messages), 5000)
        self.assertEqual({position(json.loads(message.body)["flow"]["uuid"])
                          for message in messages}, ids(5000))
        self.assertEqual({message.id for message in messages}, {None})
        self.assertGreater(len({message.partition for message in messages}), 32)

    def test_keys(self):
        """both directions of a conversation have one key, in one partition"""
        self.feed(200, "--pairs", "1", **self.settings())
        found = {}
        for message in self.consume():
            flow = json.loads(message.body)["flow"]
            (_, ports), = flow["l4"].items()
            ends = frozenset([(flow["IP"]["source"], ports.get("source_port")),
                              (flow["IP"]["destination"], ports.get("destination_port"))])
            found.setdefault(ends, []).append((message.key, message.partition))
        self.assertEqual(sum(len(places) for places in found.values()), 200)
        self.assertEqual(len({places[0][0] for places in found.values()}), len(found))
        self.assertEqual({len(set(places)) for places in found.values()}, {1})
        self.assertGreater(sum(len(places) == 2 for places in found.values()), 90)

    def test_id_header(self):
        """on request the id of the body stands in a header too, whatever the fields"""
        self.feed(100, **self.settings(id_header="true", fields="time"))
        for message in self.consume():
            self.assertEqual(message.id, json.loads(message.body)["flow"]["uuid"])

    def test_protobuf(self):
        """node, epoch and position in the body are what the id in the header is made of"""
        epoch = 1_700_000_000_000_000_000
        for turn, more in enumerate(({}, {"id_header": "true"}), 1):
            self.feed(100, "--epoch", epoch + turn, **self.settings(format="protobuf", **more))
        found = {1: {}, 2: {}}
        for message in self.consume():
            batch = protobuf(message.body)
            self.assertEqual(batch[1], b"feed")
            found[batch[2] - epoch][protobuf(batch[4])[200000]] = message.id
        self.assertEqual((set(found[1]), set(found[2])), (ids(100), ids(100)))
        self.assertEqual(set(found[1].values()), {None})
        for number, identifier in found[2].items():
            self.assertEqual(position(identifier), number)

    def test_brokers_down(self):
        """a broker goes down, then all, then one, and the feed is killed: nothing is lost"""
        count = int(os.environ.get("FLOWD_EXPORT_RECORDS", "20000"))
        os.mkdir(self.path("spool"))
        arguments = ["--progress", self.path("progress"),
                     *options(**self.settings(spool=self.path("spool"), spool_size="4GiB",
                                              timeout="1s",
                                              batch="2000"))]
        feed = self.start(feeding.FEED, "--records", count, "--rate", count // 4, *arguments)
        for turn, brokers in ((1, (1,)), (2, (1, 2, 3)), (3, (2,))):
            self.reach(count * turn // 5)
            for broker in brokers:
                self.tell(f"down {broker}")
            self.reach(count * turn // 5 + count // 20)
            if turn == 2:
                feed.send_signal(signal.SIGKILL)
                feed.wait()
                done = int(self.lines("progress")[0])
                feed = self.start(feeding.FEED, "--start", done, "--records", count - done + 1,
                                  "--rate", count // 4, *arguments)
            for broker in brokers:
                self.tell(f"up {broker}")
        self.assertEqual(feed.wait(240), 0)
        bodies, losses, messages = {}, set(), 0
        for messages, message in enumerate(self.consume(), 1):
            line = json.loads(message.body)
            if "lost_events" in line:  # the feed was killed
                losses.add(message.id)
                continue
            known = bodies.setdefault(position(line["flow"]["uuid"]), hash(message.body))
            self.assertEqual(hash(message.body), known)
        self.assertEqual(set(bodies), ids(count))
        self.assertEqual([len(identifier) for identifier in losses], [36])
        print(f"# {count} records, {messages} messages", flush=True)

    def reach(self, number):
        wait_until(f"record {number}", lambda: self.lines("progress")
                   and int(self.lines("progress")[0]) >= number, 60)

    def test_refusals(self):
        """a setting that librdkafka does not know, and a password in the settings, are refused"""
        for text, said in (("nonsense=1", "No such configuration property"),
                           ("sasl.password=x", "sasl.password.file=PATH")):
            feed = self.start_feed(1, **self.settings(options=text))
            _, errors = feed.communicate(timeout=10)
            self.assertNotEqual(feed.returncode, 0)
            self.assertIn(said, errors)


if __name__ == "__main__":
    tap.main()
