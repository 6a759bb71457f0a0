#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""End to end between two namespaces that three veth pairs join: TCP throughput (iperf3, with and without
segmentation offload) and ns per small UDP packet, over a pair with nothing at the node's end, one with an empty
program at its tcx hooks both ways, and one that the real flowd watches.

bench_wire.py HOLD_EMPTY SEND_UDP [option]...     needs root and iperf3; FLOWD_BUILD names the build directory

All three are there all the time and take turns: UDP every few milliseconds within one process, iperf3 run by run,
each round in another order, so that what the machine does meanwhile falls on all alike. Programs that send and
receive are bound to CPUs, always the same. "in": the data enters the node; "out": it leaves. TCP without offload
goes into the hook packet by packet on the way in; on the way out the stack cuts behind the hook.

flowd has its hooks at the device alone unless --all says otherwise: drops, TCP's trouble and the owners of sockets
have hooks of their own that see all of the machine, and so all three pairs. (The UDP packets here end as drops of a
full socket, one event a packet.)

--programs has the kernel time the programs themselves (kernel.bpf_stats_enabled), in the middle of all that a packet
passes: ns a run, the clock's own included, so that the difference to the empty program is what counts. That slows
all three down.
"""
import argparse
import contextlib
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

VARIANTS = ("nothing", "empty", "flowd")  # the names of the devices at both ends, too
CPU_SEND, CPU_RECEIVE = "0", "1"
HOOKS_ALONE = {"events.drops": "false", "events.tcp": "false", "identity.enabled": "false"}
TCP_TESTS = ("tcp in", "tcp in, no offload", "tcp out", "tcp out, no offload")
UDP_TESTS = ("udp in, 1 flow", "udp in, 1000 flows", "udp out, 1 flow", "udp out, 1000 flows")
# throughput of empty's, at least; ns of empty's, at most
GOALS = {**{test: 0.98 for test in TCP_TESTS}, **{test: 1.05 for test in UDP_TESTS}}


def node_address(variant):
    return f"10.98.{VARIANTS.index(variant)}.1"


def peer_address(variant):
    return f"10.98.{VARIANTS.index(variant)}.2"


def udp_net(end, variant):
    """Its first address; a /16, all of it local at that end."""
    return f"10.{(100 if end == 'node' else 110) + VARIANTS.index(variant)}.0.0"


class Wire(Lab):
    """The pairs, with something to take the packets at either end."""

    def __init__(self, arguments):
        super().__init__()
        self.arguments = arguments
        self.node, self.peer = self.namespace(), self.namespace()
        for variant in VARIANTS:
            self.join(variant)
        self.sinks = [self.sink(end) for end in (self.node, self.peer)]
        self.hold_empty()
        self.daemon = Daemon(self, self.node, ["flowd"], {} if arguments.all else HOOKS_ALONE).ready()
        for variant in VARIANTS:
            wait_until(f"{variant} is attached", lambda of=variant: programs(self.node).get(of, 0) ==
                       (0 if of == "nothing" else 2))

    def join(self, variant):
        self.node.ip("link", "add", variant, "type", "veth", "peer", "name", variant, "netns", self.peer.path)
        for end, own, other, near, far in (
                (self.node, node_address(variant), peer_address(variant), "node", "peer"),
                (self.peer, peer_address(variant), node_address(variant), "peer", "node")):
            end.ip("link", "set", variant, "addrgenmode", "none", "up")
            end.ip("addr", "add", f"{own}/24", "dev", variant)
            end.ip("route", "add", "local", udp_net(near, variant) + "/16", "dev", "lo")
            end.ip("route", "add", udp_net(far, variant) + "/16", "via", other)

    @staticmethod
    def sink(end):
        """Takes UDP to port 9 of any address until its small buffer is full; after that the kernel drops."""
        with end:
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sink.bind(("", 9))
        return sink

    def hold_empty(self):
        holder = self.start(self.node, self.arguments.hold_empty, "empty", stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        assert holder.stdout.readline() == b"attached\n"

    def offload(self, on):
        for end in (self.node, self.peer):
            for variant in VARIANTS:
                end.run("ethtool", "-K", variant, *(part for name in ("tso", "gso", "gro")
                                                    for part in (name, "on" if on else "off")))

    def received(self, end, variant):
        counts = json.loads(end.ip("-s", "-j", "link", "show", "dev", variant))[0]["stats64"]
        return counts["rx"]["packets"]

    def iperf3(self, variant, out):
        """Gbit/s. The client is in the peer; `out`: the server sends."""
        server = self.start(self.node, "taskset", "-c", CPU_RECEIVE, "iperf3", "-s", "--one-off",
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("iperf3 listens", lambda: ":5201" in self.node.run("ss", "-tln").stdout)
        done = self.peer.run("taskset", "-c", CPU_SEND, "iperf3", "-c", node_address(variant), "-n",
                             self.arguments.bytes, "-J", *(["-R"] if out else []))
        server.wait(10)
        return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9

    # ---- what is measured: {variant: [value of each round]} ----

    def tcp(self, test):
        values = {variant: [] for variant in VARIANTS}
        self.offload("no offload" not in test)
        for number in range(self.arguments.rounds):
            for turn in range(len(VARIANTS)):
                variant = VARIANTS[(number + turn) % len(VARIANTS)]
                values[variant].append(self.iperf3(variant, " out" in test))
        self.offload(True)
        return values

    def udp(self, test):
        """ns of the sender's CPU for each packet, where the other end's work is done too."""
        sender, receiver, target = ((self.node, self.peer, "peer") if " out" in test else
                                    (self.peer, self.node, "node"))
        before = {variant: self.received(receiver, variant) for variant in VARIANTS}
        done = sender.run("taskset", "-c", CPU_SEND, self.arguments.send_udp, 1000 if "1000" in test else 1,
                          self.arguments.packets, self.arguments.slices,
                          *(udp_net(target, variant) for variant in VARIANTS))
        lines = [[float(part) for part in line.split()] for line in done.stdout.splitlines()]
        sent = self.arguments.packets * (self.arguments.slices + 1)  # one goes before
        for variant in VARIANTS:
            arrived = self.received(receiver, variant) - before[variant]
            assert arrived > 0.99 * sent, f"{variant}: {sent} packets sent, {arrived} arrived"
        return {variant: [line[place] for line in lines] for place, variant in enumerate(VARIANTS)}

    def program_times(self):
        """{variant: (runs, ns)}, summed over its programs."""
        done = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=True)
        times = {}
        for program in json.loads(done.stdout):
            variant = {"empty": "empty", "tc_ingress": "flowd", "tc_egress": "flowd"}.get(program.get("name"))
            runs, spent = times.get(variant, (0, 0))
            times[variant] = runs + program.get("run_cnt", 0), spent + program.get("run_time_ns", 0)
        return times

    def measure(self, test):
        """(values, what is in program_times() of this test)"""
        before = self.program_times()
        values = self.tcp(test) if test in TCP_TESTS else self.udp(test)
        after = self.program_times()
        return values, {variant: tuple(new - old for new, old in zip(after[variant], before[variant]))
                        for variant in ("empty", "flowd")}

    def check_complete(self):
        """flowd has counted what its device has."""
        wait_until("flowd has counted what arrived", lambda: int(self.daemon.status()["ledger"]["seen_packets"])
                   >= self.received(self.node, "flowd"))


def middle(values):
    """Median, and the quarters around it."""
    quarters = statistics.quantiles(values, n=4) if len(values) > 1 else list(values) * 3
    return statistics.median(values), f"{quarters[0]:.3f} to {quarters[2]:.3f}"


def show(results, tabs):
    rows = [("what", *VARIANTS, "unit", "empty / nothing", "flowd / empty", "quarters", "goal")]
    for test, values in results.items():
        tcp = test.startswith("tcp")
        hooks = statistics.median(one / other for one, other in zip(values["empty"], values["nothing"]))
        ratio, quarters = middle([one / other for one, other in zip(values["flowd"], values["empty"])])
        rows.append((test, *(f"{statistics.median(values[variant]):.{2 if tcp else 0}f}" for variant in VARIANTS),
                     "Gbit/s" if tcp else "ns/packet", f"{hooks:.3f}", f"{ratio:.3f}", quarters,
                     f"{'>=' if tcp else '<='} {GOALS[test]}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("\t".join(row) if tabs else "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def show_programs(times):
    for test, of in times.items():
        (empty_runs, empty_ns), (runs, spent) = of["empty"], of["flowd"]
        empty, ours = empty_ns / empty_runs, spent / runs
        print(f"{test}: programs take {empty:.0f} ns a packet empty, {ours:.0f} flowd's: {ours - empty:.0f} more")


@contextlib.contextmanager
def timed_programs(asked):
    def switch(on):
        subprocess.run(["sysctl", "-qw", f"kernel.bpf_stats_enabled={on}"], check=True)
    if asked:
        switch(1)
    try:
        yield
    finally:
        if asked:
            switch(0)


def cpu_time():
    """(stolen by the hypervisor, all), in ticks over all CPUs since the start of the machine."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = [int(part) for part in stat.readline().split()[1:9]]
    return ticks[7], sum(ticks)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hold_empty")
    parser.add_argument("send_udp")
    parser.add_argument("-r", "--rounds", type=int, default=10, help="of iperf3")
    parser.add_argument("-b", "--bytes", default="1G", help="of each iperf3 run")
    parser.add_argument("-s", "--slices", type=int, default=100, help="of UDP packets")
    parser.add_argument("-p", "--packets", type=int, default=10000, help="of each slice")
    parser.add_argument("-o", "--only", default="", help="tests whose name begins so, as \"udp in\"")
    parser.add_argument("-a", "--all", action="store_true", help="flowd with all its hooks")
    parser.add_argument("--programs", action="store_true", help="time the programs themselves")
    parser.add_argument("-t", "--tabs", action="store_true", help="columns end with a tab")
    return parser.parse_args()


def main():
    arguments = parse()
    started, load, (stolen, ticks) = time.monotonic(), os.getloadavg()[0], cpu_time()
    wire = Wire(arguments)
    try:
        with timed_programs(arguments.programs):
            measured = {test: wire.measure(test) for test in (*TCP_TESTS, *UDP_TESTS)
                        if test.startswith(arguments.only)}
        wire.check_complete()
    finally:
        wire.close()
    show({test: values for test, (values, _) in measured.items()}, arguments.tabs)
    if arguments.programs:
        show_programs({test: times for test, (_, times) in measured.items()})
    if not arguments.tabs:
        now_stolen, now_ticks = cpu_time()
        print(f"Medians of {arguments.rounds} rounds (UDP {arguments.slices}) and of the ratios within each, "
              f"{time.monotonic() - started:.0f} s. Load when it began {load:.1f}: above 0.2 other programs are in "
              f"the figures; the hypervisor kept {100 * (now_stolen - stolen) / (now_ticks - ticks):.1f} % of the "
              "CPUs' time for others.")


if __name__ == "__main__":
    main()
