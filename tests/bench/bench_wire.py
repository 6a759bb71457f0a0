#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""End to end over a veth pair between two namespaces: TCP throughput (iperf3, with and without segmentation
offload) and ns per small UDP packet, with nothing at the node's end of the pair, with an empty program at its
tcx hooks both ways, and with the real flowd there.

bench_wire.py HOLD_EMPTY SEND_UDP [option]...     needs root and iperf3; FLOWD_BUILD names the build directory

The three take turns within each round, each round in another order. Programs that send and receive are bound to
CPUs, always the same; flowd is not, and what it uses is in the figures because the machine has no other CPUs for
it (with two). "in": the data enters the node; "out": it leaves. TCP without offload goes into the hook packet by
packet on the way in; on the way out the stack cuts behind the hook.

Drops and TCP's trouble are not traced: the UDP packets end as drops of a full socket, one event a packet, which is
no price of the hooks.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))
from attachment import programs  # noqa: E402
from daemon import Daemon  # noqa: E402
from lab import Lab, wait_until  # noqa: E402

DEVICE = "wire"  # at both ends
NODE, PEER = "10.98.0.1", "10.98.0.2"
UDP_NETS = {"node": "10.97.0.0", "peer": "10.96.0.0"}  # a /16 each, all of it local there
CPU_SEND, CPU_RECEIVE = "0", "1"
VARIANTS = ("nothing", "empty", "flowd")
HOOKS_ALONE = {"events.drops": "false", "events.tcp": "false"}
TCP_TESTS = ("tcp in", "tcp in, no offload", "tcp out", "tcp out, no offload")
UDP_TESTS = ("udp in, 1 flow", "udp in, 1000 flows", "udp out, 1 flow", "udp out, 1000 flows")
# throughput of empty's, at least; ns of empty's, at most
GOALS = {**{test: 0.98 for test in TCP_TESTS}, **{test: 1.05 for test in UDP_TESTS}}


class Wire(Lab):
    """The pair, with something to take the packets at either end."""

    def __init__(self, arguments):
        super().__init__()
        self.arguments = arguments
        self.node, self.peer = self.namespace(), self.namespace()
        self.node.ip("link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", self.peer.path)
        for end, address, other, own, far in (
                (self.node, NODE, PEER, "node", "peer"), (self.peer, PEER, NODE, "peer", "node")):
            end.ip("link", "set", DEVICE, "addrgenmode", "none", "up")
            end.ip("addr", "add", f"{address}/24", "dev", DEVICE)
            end.ip("route", "add", "local", UDP_NETS[own] + "/16", "dev", "lo")
            end.ip("route", "add", UDP_NETS[far] + "/16", "via", other)
        self.sinks = [self.sink(end) for end in (self.node, self.peer)]
        self.start(self.node, "taskset", "-c", CPU_RECEIVE, "iperf3", "-s", "-B", NODE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("iperf3 listens", lambda: ":5201" in self.node.run("ss", "-tln").stdout)

    @staticmethod
    def sink(end):
        """Takes UDP to port 9 of any address until its small buffer is full; after that the kernel drops."""
        with end:
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sink.bind(("", 9))
        return sink

    def offload(self, on):
        for end in (self.node, self.peer):
            end.run("ethtool", "-K", DEVICE, *(part for name in ("tso", "gso", "gro")
                                              for part in (name, "on" if on else "off")))

    def received(self, end):
        counts = json.loads(end.ip("-s", "-j", "link", "show", "dev", DEVICE))[0]["stats64"]
        return counts["rx"]["packets"]

    # ---- what is measured ----

    def tcp(self, out):
        """bits/s. The client is in the peer; `out`: the server sends."""
        done = self.peer.run("taskset", "-c", CPU_SEND, "iperf3", "-c", NODE, "-t", self.arguments.seconds,
                             "-J", *(["-R"] if out else []))
        return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]

    def udp(self, out, flows):
        """ns for each packet that arrived, and ns of the sender's CPU, where the other end's work is done too."""
        sender, receiver, target = ((self.node, self.peer, "peer") if out else (self.peer, self.node, "node"))
        before = self.received(receiver)
        done = sender.run("taskset", "-c", CPU_SEND, self.arguments.send_udp, UDP_NETS[target], flows,
                          self.arguments.packets)
        packets, took, used = (float(part) for part in done.stdout.split())
        arrived = (self.received(receiver) - before) / (1.1 * packets)  # a tenth goes before
        assert arrived > 0.99, f"{packets:.0f} packets sent, {100 * arrived:.1f} % arrived"
        return took / packets / min(arrived, 1), used / packets

    def measure(self, test):
        kind, rest = test.split(" ", 1)
        out = rest.startswith("out")
        if kind == "udp":
            return self.udp(out, 1000 if "1000" in rest else 1)
        self.offload("no offload" not in rest)
        value = self.tcp(out)
        self.offload(True)
        return value, None

    # ---- what is attached ----

    def attached(self):
        return programs(self.node).get(DEVICE, 0)

    def attach_nothing(self):
        return lambda: None

    def attach_empty(self):
        with self.node:
            # pylint: disable-next=consider-using-with
            holder = subprocess.Popen([self.arguments.hold_empty, DEVICE], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self.processes.append(holder)
        assert holder.stdout.readline() == b"attached\n"

        def detach():
            holder.stdin.close()
            holder.wait(10)
        return detach

    def attach_flowd(self):
        daemon = Daemon(self, self.node, [DEVICE], HOOKS_ALONE).ready()
        before = self.received(self.node)

        def detach():
            arrived = self.received(self.node) - before
            wait_until("flowd has counted what arrived", lambda: seen(daemon) >= arrived)
            daemon.stop()
        return detach

    def attach(self, variant):
        """Returns what undoes it."""
        detach = getattr(self, "attach_" + variant)()
        wait_until(f"{variant} is attached", lambda: self.attached() == (0 if variant == "nothing" else 2))
        return detach


def seen(daemon):
    return int(daemon.status()["packets_accounted"])


def run_round(wire, number, tests, results):
    for turn in range(len(VARIANTS)):
        variant = VARIANTS[(number + turn) % len(VARIANTS)]
        detach = wire.attach(variant)
        for test in tests:
            results[test][variant].append(wire.measure(test))
        detach()
        wait_until("nothing is attached", lambda: wire.attached() == 0)


def ratio(values, variant, base):
    return statistics.median(values[variant]) / statistics.median(values[base])


def spread(values):
    """Median of flowd / empty within rounds, and the quarters around it."""
    of = sorted(one / other for one, other in zip(values["flowd"], values["empty"]))
    quarters = statistics.quantiles(of, n=4) if len(of) > 1 else of * 3
    return f"{statistics.median(of):.3f} ({quarters[0]:.3f} to {quarters[2]:.3f})"


def show(results, tabs):
    columns = ("what", *VARIANTS, "unit", "flowd / empty", "goal", "empty / nothing", "flowd / empty in a round",
               "CPU: flowd / empty")
    rows = [columns]
    for test, measured in results.items():
        tcp = test.startswith("tcp")
        values, cpu = ({variant: [pair[part] for pair in measured[variant]] for variant in VARIANTS}
                       for part in (0, 1))
        medians = [statistics.median(values[variant]) / (1e9 if tcp else 1) for variant in VARIANTS]
        rows.append((test, *(f"{median:.{2 if tcp else 0}f}" for median in medians),
                     "Gbit/s" if tcp else "ns/packet", f"{ratio(values, 'flowd', 'empty'):.3f}",
                     f"{'>=' if tcp else '<='} {GOALS[test]}", f"{ratio(values, 'empty', 'nothing'):.3f}",
                     spread(values), "-" if tcp else f"{ratio(cpu, 'flowd', 'empty'):.3f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(columns))]
    for row in rows:
        print("\t".join(row) if tabs else "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def cpu_time():
    """(stolen by the hypervisor, all), in ticks over all CPUs since the start of the machine."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = [int(part) for part in stat.readline().split()[1:9]]
    return ticks[7], sum(ticks)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hold_empty")
    parser.add_argument("send_udp")
    parser.add_argument("-r", "--rounds", type=int, default=10)
    parser.add_argument("-s", "--seconds", type=int, default=1, help="of each iperf3 run")
    parser.add_argument("-p", "--packets", type=int, default=150000, help="of each UDP run")
    parser.add_argument("-o", "--only", default="", help="tests whose name begins so, as \"udp in\"")
    parser.add_argument("-t", "--tabs", action="store_true", help="columns end with a tab")
    return parser.parse_args()


def main():
    arguments = parse()
    tests = [test for test in (*TCP_TESTS, *UDP_TESTS) if test.startswith(arguments.only)]
    results = {test: {variant: [] for variant in VARIANTS} for test in tests}
    started, load, (stolen, ticks) = time.monotonic(), os.getloadavg()[0], cpu_time()
    wire = Wire(arguments)
    try:
        for number in range(arguments.rounds):
            run_round(wire, number, tests, results)
    finally:
        wire.close()
    show(results, arguments.tabs)
    if not arguments.tabs:
        now_stolen, now_ticks = cpu_time()
        print(f"medians of {arguments.rounds} rounds, {time.monotonic() - started:.0f} s. In a round: median of the "
              "ratios within each round, and its quarters. CPU: what the sender's thread used, for a packet. "
              f"Load when it began {load:.1f}: above 0.2 other programs are in the figures; the hypervisor kept "
              f"{100 * (now_stolen - stolen) / (now_ticks - ticks):.1f} % of the CPUs' time for others.")


if __name__ == "__main__":
    main()
