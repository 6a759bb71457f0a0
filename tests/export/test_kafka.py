#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kafka before librdkafka's mock cluster, a process of its own, and kcat as the consumer: brokers are
taken down while records come; keys keep conversations together; ids are in the headers."""
import json
import os
import signal
import subprocess

import feeding
from feeding import KAFKA_MOCK, Case, ids, options, position, tap, wait_until


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
        """(key, id, value) of all messages of the topic"""
        done = self.net.run("kcat", "-C", "-b", self.brokers, "-t", "flows", "-e", "-q", "-f",
                            r"%p %h %k\t%s\n")
        rows = []
        for line in done.stdout.splitlines():
            head, _, value = line.partition("\t")
            rows.append((head.split(" ")[0], head.split("id=")[1][:36], json.loads(value)))
        return rows

    def check(self, count):
        rows = self.consume()
        self.assertEqual({position(row[1]) for row in rows}, ids(count))
        for _, identifier, value in rows[::53]:
            self.assertEqual(identifier, value["flow"]["uuid"])
        return rows

    def test_messages(self):
        """every record once; both directions of a conversation in one partition"""
        report = self.feed(5000, **self.settings())
        self.assertEqual((report["acknowledged"], report["lost"]), (5000, 0))
        rows = self.check(5000)
        self.assertEqual(len(rows), 5000)
        self.assertGreater(len({row[0] for row in rows}), 32)

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
        arrived = self.net.run("kcat", "-C", "-b", self.brokers, "-t", "flows", "-e", "-q", "-f",
                               r"%h\n").stdout.split()
        self.assertEqual({position(one[3:]) for one in arrived}, ids(count))
        print(f"# {count} records, {len(arrived)} messages", flush=True)

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
