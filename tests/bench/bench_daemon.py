#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon as it is installed, on a veth pair in namespaces of its own: memory with 100,000 live flows, CPU
when idle, records through query service and bus, time until a flow is seen and until its end is.

bench_daemon.py SEND_FLOWS     needs root; FLOWD_BUILD names the build directory
"""
import json
import os
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))
from daemon import FLOWCLI, Daemon, facts  # noqa: E402
from lab import Cluster, wait_until  # noqa: E402

SEND_FLOWS = sys.argv[1]
FLOWS = 100000


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    """(resident, highest) in MB of 1,000,000 bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        values = dict(line.split(":", 1) for line in status)
    return tuple(int(values[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))


def idle(daemon):
    before, started = cpu_seconds(daemon.process.pid), time.monotonic()
    time.sleep(20)  # the measured period, not a wait
    used = cpu_seconds(daemon.process.pid) - before
    print(f"idle            {100 * used / (time.monotonic() - started):.2f} % of a core over 20 s, "
          f"resident {memory_mb(daemon.process.pid)[0]:.1f} MB")


def many_flows(cluster, daemon):
    """100,000 flows, then two more rounds of packets: all live, all started, history full."""
    started, cpu = time.monotonic(), cpu_seconds(daemon.process.pid)
    cluster.client.run(SEND_FLOWS, "eth0", FLOWS, 3 * FLOWS, 100000)
    wait_until("all flows live", lambda: int(daemon.status()["live_flows"]) >= FLOWS, 10)
    resident, highest = memory_mb(daemon.process.pid)
    used, took = cpu_seconds(daemon.process.pid) - cpu, time.monotonic() - started
    print(f"100,000 flows   resident {resident:.1f} MB, highest {highest:.1f} MB; "
          f"{used:.2f} s CPU in {took:.1f} s for 300,000 packets and 100,000 records")


def records(daemon):
    """Everything in history to a reader, best of three, and the same with a filter that takes nothing."""
    for name, arguments in (("all", []), ("none match", ["--port", "1"])):
        rates = []
        for _ in range(3):
            started = time.monotonic()
            done = subprocess.run([FLOWCLI, "observe", "--all", "-o", "json", *arguments],
                                  env=daemon.environment, capture_output=True, check=True)
            lines = done.stdout.count(b"\n")
            rates.append(65536 / (time.monotonic() - started))
        print(f"query, {name:<10} {statistics.median(rates) / 1e3:.0f} k records/s "
              f"({lines} lines of 65,536 records)")


def follow_rate(cluster, daemon, rate):
    """New flows at a pace, to `observe -f -o json` writing a file: how many came, how long after the last one."""
    path = os.path.join(cluster.directory, "followed")
    with open(path, "wb") as out, open(path + ".err", "wb") as errors:
        process = cluster.start(cluster.node, FLOWCLI, "observe", "-f", "-o", "json", stdout=out,
                                stderr=errors, env=daemon.environment)
    before = int(daemon.status()["seen_flows"])
    cluster.client.run(SEND_FLOWS, "eth0", 1000000, 3 * rate, rate)
    started = time.monotonic()
    wait_until("published", lambda: int(daemon.status()["seen_flows"]) - before >= 3 * rate, 30)
    size = -1
    while os.path.getsize(path) != size:  # until it has nothing more to write for a second
        size = os.path.getsize(path)
        time.sleep(1)
    late = time.monotonic() - started - 1
    process.send_signal(2)
    process.wait(10)
    with open(path, "rb") as out, open(path + ".err", encoding="utf-8") as errors:
        lines, verdict = sum(1 for _ in out), errors.read().strip().splitlines()[-1:]
    print(f"follow          {rate / 1e3:.0f} k new flows/s for 3 s: {lines} lines, the last at most "
          f"{late:.0f} s after; {verdict}")


def latency(cluster, daemon):
    """From the first packet to its line, and from the last packet of a connection to its end record."""
    follower = daemon.follow("--port", "7777", "--port", "7778")
    shown, ended = [], []
    with cluster.web:
        server = socket.create_server((cluster.WEB4, 7778))
    for number in range(10):
        with cluster.client:
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        source = 20000 + number
        probe.bind((cluster.CLIENT4, source))
        started = time.monotonic()
        probe.sendto(b"x", (cluster.WEB4, 7777))
        moment, _ = follower.wait_for("the flow", lambda flow, port=source: flow["l4"].get(
            "UDP", {}).get("source_port") == port)
        shown.append(moment - started)
        probe.close()
        with cluster.client:
            client = socket.create_connection((cluster.WEB4, 7778), source_address=("", 30000 + number))
        peer, _ = server.accept()
        client.close()
        peer.close()
        started = time.monotonic()
        moment, _ = follower.wait_for("the end", lambda flow, port=30000 + number: flow["l4"].get(
            "TCP", {}).get("source_port") == port and facts(flow)["kind"] == "flow_end")
        ended.append(moment - started)
    follower.stop()
    print(f"new flow shown  median {statistics.median(shown):.2f} s, worst {max(shown):.2f} s after its first packet")
    print(f"end shown       median {statistics.median(ended):.2f} s, worst {max(ended):.2f} s after the last packet")


def main():
    cluster = Cluster()
    try:
        daemon = Daemon(cluster, cluster.node, ["web", "client"]).ready()
        latency(cluster, daemon)
        idle(daemon)
        many_flows(cluster, daemon)
        records(daemon)
        for rate in (20000, 50000, 100000, 200000):
            follow_rate(cluster, daemon, rate)
        status = daemon.status()
        print("complete        " + json.dumps({name: status.get(name) for name in (
            "packets_accounted", "packets_lost")}))
        daemon.stop()
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
