#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lines in files: every record once, rotated, compressed, moved by logrotate, on a full disk."""
import glob
import gzip
import json
import os
import subprocess
from collections import Counter

import feeding
from feeding import Case, ids, position, tap, wait_until

COUNT = 8000
PROTOCOLS = {"TCP": 6, "UDP": 17, "ICMPv4": 1, "ICMP": 1}


def records(paths):
    found = []
    for path in paths:
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8") as file:
            found += [json.loads(line) for line in file]
    return found


class File(Case):
    def check(self, paths, count=COUNT):
        seen = [position(line["flow"]["uuid"]) for line in records(paths)]
        self.assertEqual(len(seen), count)
        self.assertEqual(set(seen), ids(count))

    def test_lines(self):
        """every record is a line, in order"""
        report = self.feed(COUNT, type="file", path=self.path("out"), max_size="1GiB")
        self.assertEqual((report["received"], report["sent"], report["lost"]), (COUNT, COUNT, 0))
        self.check([self.path("out")])
        seen = [position(line["flow"]["uuid"]) for line in records([self.path("out")])]
        self.assertEqual(seen, sorted(seen))

    def test_rotation(self):
        """files are put aside by size, compressed, and the oldest go"""
        self.feed(COUNT, type="file", path=self.path("out"), max_size="1MiB", backups="100",
                  compress="true")
        parts = glob.glob(self.path("out*"))
        self.assertGreater(len(parts), 3)
        self.assertTrue(all(path.endswith(".gz") for path in parts if path != self.path("out")))
        self.check(parts)
        self.assertLessEqual(os.path.getsize(self.path("out")), 1 << 20)
        self.feed(COUNT, type="file", path=self.path("few"), max_size="1MiB", backups="2")
        self.assertEqual(sorted(os.path.basename(path) for path in glob.glob(self.path("few*"))),
                         ["few", "few.1", "few.2"])

    def test_mask_and_filter(self):
        """only the fields that are named, only the records that the flags select"""
        self.feed(400, type="file", path=self.path("out"), filter="--protocol udp --not --port 53",
                  fields="IP,l4.UDP.destination_port,extensions.value.bytes")
        lines = records([self.path("out")])
        self.assertEqual(len(lines), 100)
        for line in lines:
            flow = line["flow"]
            self.assertEqual(set(flow), {"uuid", "IP", "l4", "extensions"})
            self.assertEqual(flow["l4"], {"UDP": {"destination_port": 443}})
            self.assertEqual(set(flow["extensions"]["value"]), {"bytes"})

    def test_logrotate(self):
        """logrotate moves the file while records come: none is lost, none is written twice"""
        feed = self.start_feed(COUNT, "--rate", "8000", type="file", path=self.path("out"),
                               backups="0", delay="10ms")
        reopen = f"kill -HUP {feed.pid}"
        config = self.path("rotate.conf", f"{self.path('out')} {{\n rotate 9\n nocreate\n"
                           f" size 1\n nocompress\n postrotate\n {reopen}\n endscript\n}}\n")
        os.chmod(self.lab.directory, 0o755)
        for turn in range(3):
            wait_until("something is written", lambda: os.path.exists(self.path("out"))
                       and os.path.getsize(self.path("out")) > 50000)
            done = subprocess.run(["logrotate", "-f", "-s", self.path(f"state{turn}"), config],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.report(feed)
        parts = glob.glob(self.path("out*"))
        self.assertEqual(len(parts), 4)
        self.check(parts)

    def test_full_disk(self):
        """a full disk is told, what was written in part is taken back, and nothing is lost"""
        small = self.path("small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        with open(os.path.join(small, "ballast"), "wb") as file:
            file.write(bytes(1 << 20))
        feed = self.start_feed(2000, type="file", batch=50, max_size="1GiB",
                               path=os.path.join(small, "out"))
        self.assertIn("make room", feed.stderr.readline())
        os.unlink(os.path.join(small, "ballast"))
        report = self.report(feed)
        self.assertEqual((report["sent"], report["lost"]), (2000, 0))
        self.assertGreater(report["failures"], 0)
        self.check([os.path.join(small, "out")], 2000)

    def test_summaries(self):
        """summaries of each second add up to the records, by keys and by reason of drops"""
        done = self.start(feeding.FEED, "--records", 4000, "--mix", "1", *feeding.options(
            type="file", path=self.path("out")), *(word for setting in (
                "type=file", f"path={self.path('sums')}", "interval=1s",
                "by=protocol,verdict,source.namespace|destination.port")
                for word in ("--set", f"export.1.{setting}")), stdout=-1)
        self.assertEqual(done.wait(60), 0)
        rows, wanted = records([self.path("sums")]), {}
        for flow in (line["flow"] for line in records([self.path("out")])):
            told = flow["extensions"]["value"]
            sums = wanted.setdefault((flow["time"][:19], told["protocol"], flow["verdict"]),
                                     Counter())
            sums["records"] += 1
            if told["kind"].startswith("flow"):
                sums["packets"] += int(told["packets"])
                sums["bytes"] += int(told["bytes"])
                sums["retransmits"] += told.get("tcp", {}).get("retransmits", 0)
            elif told["kind"] == "drop":
                sums["drops"] += int(told["drop"]["packets"])
        self.assertEqual(self.sums_of(rows), wanted)

    def sums_of(self, rows):
        found = {}
        for one in (row["summary"] for row in rows):
            key = (one["start"][:19], PROTOCOLS[one["by"]["protocol"]], one["by"]["verdict"])
            sums = found.setdefault(key, Counter())
            self.assertEqual(len({"source.namespace", "destination.port"} & set(one["by"])), 1)
            for name in ("records", "retransmits"):
                sums[name] += one[name]
            sums["packets"] += one["packets"] + one["reply_packets"]
            sums["bytes"] += one["bytes"] + one["reply_bytes"]
            sums["drops"] += sum(one.get("drops", {}).values())
        return found

    def test_schemas(self):
        """each format is one line a record, with the id of the record"""
        for name, where in {"ecs": lambda line: json.loads(line)["event"]["id"],
                            "ocsf": lambda line: json.loads(line)["metadata"]["uid"],
                            "flat": lambda line: json.loads(line)["id"],
                            "kv": lambda line: line.split(" id=")[1].split(" ")[0],
                            "cef": lambda line: line.split(" externalId=")[1].split(" ")[0]
                            }.items():
            with self.subTest(name):
                self.feed(500, type="file", path=self.path(name), format=name)
                self.assertEqual({position(where(line)) for line in self.lines(name)}, ids(500))


if __name__ == "__main__":
    assert feeding
    tap.main()
