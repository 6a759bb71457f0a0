#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Posts before a server that records them: each preset's path, headers, compression and body, what
failures mean, and what a 400 costs."""
import base64
import json
import time
from collections import Counter

import feeding
import otlp
import recorder
from feeding import Case, ids, position, tap, wait_until


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


def native(line):
    return position(line["flow"]["uuid"])


class Http(Case):
    def serve(self, answer=lambda request, body: (200, {}, b"{}"), tls=None):
        return recorder.serve(self, answer, tls)

    def post(self, count, **settings):
        return self.feed(count, type="http", url="http://127.0.0.1:8080", **settings)

    def test_lines(self):
        """a record a line, gzip, with a token from a file and a header of our own"""
        server = self.serve()
        report = self.post(2500, token_file=self.path("token", "secret\n"),
                           headers="X-Tenant=blue")
        self.assertEqual((report["acknowledged"], report["lost"]), (2500, 0))
        found = [native(line) for post in server.posts for line in lines(post[3])]
        self.assertEqual((len(found), set(found)), (2500, ids(2500)))
        headers = server.posts[0][2]
        self.assertEqual(headers["Authorization"], "Bearer secret")
        self.assertEqual((headers["X-Tenant"], headers["Content-Encoding"]), ("blue", "gzip"))

    def test_password(self):
        """a user's password comes from a file"""
        server = self.serve()
        self.post(10, user="feed", password_file=self.path("password", "hush\n"))
        self.assertEqual(server.posts[0][2]["Authorization"],
                         "Basic " + base64.b64encode(b"feed:hush").decode())

    def test_presets(self):
        """what each receiver expects"""
        server = self.serve(lambda request, body: (200, {}, b'{"errors":false}'))
        for preset, path, find in (
                ("splunk", "/services/collector/event",
                 lambda body: [native(line["event"]) for line in lines(body)]),
                ("elasticsearch", "/flowd/_bulk",
                 lambda body: [position(line["create"]["_id"]) for line in lines(body)[::2]]),
                ("loki", "/loki/api/v1/push",
                 lambda body: [native(json.loads(pair[1])) for pair in
                               json.loads(body)["streams"][0]["values"]]),
                ("otlp", "/v1/logs",
                 lambda body: [native(json.loads(row["body"]["stringValue"])) for row in json.loads(
                     body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]])):
            with self.subTest(preset):
                server.posts.clear()
                self.post(300, preset=preset, compression="none")
                self.assertEqual({post[1] for post in server.posts}, {path})
                found = [number for post in server.posts for number in find(post[3])]
                self.assertEqual((len(found), set(found)), (300, ids(300)))
                self.check_shape(preset, [post[3] for post in server.posts])

    def check_shape(self, preset, bodies):
        """What the receivers' documentation says of the body beside the records."""
        for body in bodies:
            if preset == "otlp":
                otlp.check(json.loads(body), "ExportLogsServiceRequest")
            elif preset == "loki":
                stream, = json.loads(body)["streams"]
                self.assertEqual(set(stream), {"stream", "values"})
                self.assertTrue(all(isinstance(label, str) for label in stream["stream"].values()))
                for when, line in stream["values"]:
                    self.assertRegex(when, "^1[67][0-9]{17}$")
                    self.assertIsInstance(line, str)
            elif preset == "splunk":
                for event in lines(body):
                    self.assertLessEqual(set(event), {"time", "host", "source", "sourcetype",
                                                      "index", "event", "fields"})
                    self.assertIsInstance(event["time"], float)
            else:
                self.assertTrue(body.endswith(b"\n"))
                for action in lines(body)[::2]:
                    self.assertEqual([*action], ["create"])

    def test_elastic_fields(self):
        """documents of the elasticsearch preset are ECS, and their ids are those of the records"""
        server = self.serve(lambda request, body: (200, {}, b'{"errors":false}'))
        self.post(10, preset="elasticsearch")
        rows = [line for post in server.posts for line in lines(post[3])]
        for action, document in zip(rows[::2], rows[1::2]):
            self.assertEqual(action["create"]["_id"], document["event"]["id"])
            self.assertEqual(document["event"]["category"], ["network"])

    def test_bulk_answer(self):
        """of a bulk, what is there is not sent again, what was refused is lost, and only what may
        have more luck is tried again; 409 is there already"""
        def answer(request, body):
            numbers = [position(row["create"]["_id"]) for row in lines(body)[::2]]
            sent.update(numbers)
            codes = [400 if number in refused else 409 if number in known else
                     503 if number in busy and sent[number] < 3 else 201 for number in numbers]
            items = [{"create": {"_index": "flowd", "_id": "x", "status": code, **(
                {"error": {"type": "t", "reason": 'a "status": 201 \\ in words'}}
                if code > 399 else {})}} for code in codes]
            return 200, {}, json.dumps({"took": 3, "errors": max(codes) > 399, "items": items}
                                       ).encode()
        refused, known, busy, sent = {1, 37, 38, 100}, {12, 13}, {2, 39, 40, 99}, Counter()
        self.serve(answer)
        report = self.post(100, preset="elasticsearch")
        self.assertEqual((report["acknowledged"], report["lost"]), (96, 4))
        self.assertEqual({number for number in sent if sent[number] > 1}, busy)
        self.assertEqual((set(sent), sum(sent.values())), (ids(100), 100 + 2 * len(busy)))

    def test_bulk_refused_whole(self):
        """a bulk that is refused as a whole is split like any other batch"""
        def answer(request, body):
            if len(lines(body)) > 20:
                return 413, {}, b"too large"
            arrived.extend(position(row["create"]["_id"]) for row in lines(body)[::2])
            return 200, {}, b'{"errors":false}'
        arrived = []
        self.serve(answer)
        report = self.post(100, preset="elasticsearch")
        self.assertEqual((report["acknowledged"], report["lost"]), (100, 0))
        self.assertEqual(sorted(arrived), sorted(ids(100)))

    def test_severity(self):
        """drops are warnings to an OTLP receiver"""
        server = self.serve()
        self.feed(16, "--mix", "1", type="http", url="http://127.0.0.1:8080", preset="otlp")
        rows = [row for post in server.posts for row in json.loads(post[3])["resourceLogs"][0][
            "scopeLogs"][0]["logRecords"]]
        self.assertEqual(Counter((row["severityText"], row["severityNumber"]) for row in rows),
                         {("WARN", 13): 2, ("INFO", 9): 14})

    def test_rejected(self):
        """what an OTLP receiver did not want is told, counted, and not sent again"""
        self.serve(lambda request, body: (
            200, {}, b'{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"no"}}'))
        feed = self.start_feed(20, type="http", url="http://127.0.0.1:8080", preset="otlp")
        out, errors = feed.communicate(timeout=30)
        report = json.loads(out)
        self.assertEqual((report["acknowledged"], report["lost"]), (17, 3))
        self.assertIn("did not want 3 records; they are lost", errors)

    def test_refused(self):
        """a batch that is refused is split until the record to blame is found"""
        def answer(request, body):
            bad = any(native(line) == 37 for line in lines(body))
            if not bad:
                arrived.extend(native(line) for line in lines(body))
            return (400 if bad else 200), {}, b"bad record"
        arrived = []
        self.serve(answer)
        report = self.post(100)
        self.assertEqual((report["acknowledged"], report["lost"]), (99, 1))
        self.assertEqual((len(arrived), set(arrived)), (99, ids(100) - {37}))

    def test_later(self):
        """503 with Retry-After: everything again, not before that"""
        def answer(request, body):
            first = not server.posts
            return (503, {"Retry-After": "1"}, b"later") if first else (200, {}, b"")
        server = self.serve(answer)
        report = self.post(50)
        self.assertEqual((report["acknowledged"], report["lost"]), (50, 0))
        self.assertGreaterEqual(report["retried"], 50)
        self.assertGreaterEqual(server.posts[1][4] - server.posts[0][4], 0.99)

    def test_tls(self):
        """mutual TLS; a server of another CA is told and gets nothing"""
        self.pki()
        server = self.serve(tls=self.mutual_tls())
        who = {"cert": self.path("client.crt"), "key": self.path("client.key")}
        report = self.feed(20, type="http", url="https://127.0.0.1:8080", ca=self.path("ca.crt"),
                           **who)
        self.assertEqual(report["acknowledged"], 20)
        server.posts.clear()
        feed = self.start_feed(20, type="http", url="https://127.0.0.1:8080",
                               ca=self.path("rogue-ca.crt"), **who)
        self.assertIn("certificate", feed.stderr.readline())
        self.assertEqual(server.posts, [])

    def test_slow(self):
        """a slow target holds back its own exporter only; memory stays bounded"""
        def answer(request, body):
            time.sleep(len(body.splitlines()) / 2000)
            return 200, {}, b""
        self.serve(answer)
        feed = self.start_feed(
            400000, *feeding.options(type="http", url="http://127.0.0.1:8080", timeout="30s"),
            "--set", "export.1.type=file", "--set", f"export.1.path={self.path('out')}",
            "--rate", "1000", **{"type": "http", "url": "http://127.0.0.1:8080"})
        wait_until("the fast one goes on", lambda: len(self.lines("out")) > 1000, 20)
        with open(f"/proc/{feed.pid}/statm", encoding="ascii") as file:
            self.assertLess(int(file.read().split()[1]) * 4096, 150 << 20)


if __name__ == "__main__":
    tap.main()
