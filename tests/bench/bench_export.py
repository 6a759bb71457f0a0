#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rates of the exporters before real receivers on loopback: records per second of CPU time, of all threads that
an exporter and its client library have. Making the records and keeping them in history is not in it; a
receiver that shares the two cores cannot spoil it. The median of three runs.

bench_export.py [NAME ...]     needs root; FLOWD_BUILD names the build directory
"""
import os
import socket
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "export"), os.path.join(HERE, "..", "netns")]
# pylint: disable=wrong-import-position
from feeding import Case, wait_until  # noqa: E402
from test_clickhouse import ClickHouse  # noqa: E402
from test_kafka import Kafka  # noqa: E402
from test_nats import OPEN, Nats  # noqa: E402
from test_syslog import Syslog  # noqa: E402

RECORDS = int(os.environ.get("FLOWD_BENCH_RECORDS", "300000"))


class File(Case):
    def settings(self):
        return {"type": "file", "path": self.path("out"), "max_size": "1GiB"}


class Ipfix(Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("nf"))
        self.start("nfcapd", "-b", "127.0.0.1", "-p", "19995", "-w", self.path("nf"), "-t", "3600")
        self.listening(19995, socket.SOCK_DGRAM)

    @staticmethod
    def settings():
        return {"type": "ipfix", "address": "udp://127.0.0.1:19995"}


class ToSyslog(Syslog):
    def settings(self):
        return {"type": "syslog", "address": "tcp://127.0.0.1:5514"}


class ToNats(Nats):
    def setUp(self):
        super().setUp()
        self.serve(1, OPEN)
        wait_until("nats answers", lambda: self.ask(1, "healthz").get("status") == "ok", 20)

    @staticmethod
    def settings():
        return {"type": "nats", "servers": "nats://127.0.0.1:4221", "max_bytes": "4GiB"}


class ToClickHouse(ClickHouse):
    def settings(self, **more):
        return super().settings(compression="none", **more)


class ToClickHousePacked(ClickHouse):
    pass


class KafkaProtobuf(Kafka):
    def settings(self, **more):
        return super().settings(format="protobuf", **more)


# name: records a second that are wanted, who receives
BENCHES = {
    "file": (300000, File),
    "ipfix": (400000, Ipfix),
    "syslog": (200000, ToSyslog),
    "nats": (100000, ToNats),
    "kafka": (200000, Kafka),
    "kafka, protobuf": (200000, KafkaProtobuf),
    "clickhouse": (150000, ToClickHouse),
    "clickhouse, gzip": (150000, ToClickHousePacked),
}


def run(bench):
    """The report of export_feed before a receiver of its own."""
    case = bench()
    try:
        case.setUp()
        report = case.feed(RECORDS, seconds=600, **case.settings())
    finally:
        case.doCleanups()
    if report["sent"] != RECORDS or report["lost"]:
        raise AssertionError(f"not all records were sent: {report}")
    return report


def main():
    print(f"{RECORDS} records; of a core: records/s, us for encoding, sending, library; by the clock")
    for name in sys.argv[1:] or BENCHES:
        wanted, bench = BENCHES[name]
        reports = [run(bench) for _ in range(3)]
        parts = [statistics.median(report[key] / RECORDS * 1e6 for report in reports)
                 for key in ("encode_cpu", "send_cpu", "library_cpu")]
        rate = statistics.median(RECORDS / sum(report[key] for key in (
            "encode_cpu", "send_cpu", "library_cpu")) for report in reports)
        clock = statistics.median(RECORDS / report["seconds"] for report in reports)
        print(f"{name:17} {rate:9,.0f} of {wanted:7,}  {parts[0]:5.2f} {parts[1]:5.2f} {parts[2]:5.2f}"
              f"  {clock:9,.0f}", flush=True)


if __name__ == "__main__":
    main()
