# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where flowcli and tshark differ on a capture, as rows; and the rows of docs/differences.md, whose
last column, the reason, is written by hand."""
import collections
import re

# What a row says before its reason.
Difference = collections.namedtuple("Difference", "capture tshark flowd")

ROW = re.compile(r"^\| `([^`]+)` \| (.+?) \| (.+?) \| (.*?) \|$")
NOTHING = "-"
LIVE = "live"  # in place of a capture: tests/netns/test_replay.py


def _flow_text(flow, count):
    ends = [address if not port else f"[{address}]:{port}" if ":" in address else
            f"{address}:{port}" for address, port in
            ((flow.source, flow.sport), (flow.destination, flow.dport))]
    if flow.protocol in (1, 58):
        ends = [flow.source, f"{flow.destination} type {flow.sport} code {flow.dport}"]
    return f"{ends[0]} > {ends[1]} protocol {flow.protocol}: {count.packets} packets " \
           f"{count.bytes} bytes"


def of_flows(name, tshark, flowd):
    """Arguments: {Flow: Count} of both. Flows of the same ends stand in one row."""
    rows = []
    left = {flow: count for flow, count in flowd.items() if tshark.get(flow) != count}
    for flow, count in tshark.items():
        if flowd.get(flow) == count:
            continue
        near = flow if flow in left else next(
            (other for other in left if other[:2] == flow[:2] and other not in tshark), None)
        rows.append(Difference(name, _flow_text(flow, count),
                               _flow_text(near, left.pop(near)) if near else NOTHING))
    rows += [Difference(name, NOTHING, _flow_text(flow, count)) for flow, count in left.items()]
    return rows


def of_packets(name, verdict, account):
    """Packets that one reads as IP and the other does not: sums of each capture."""
    tshark = verdict["ip_packets"]
    if tshark == account.in_flows and not account.incomplete and verdict["frames"] == account.packets:
        return []
    others = "".join(f", {counter} {packets}" for counter, packets in account.counters.items())
    more = "; incomplete" if account.incomplete else ""
    return [Difference(name, f"{verdict['frames']} frames, {tshark} of IP",
                       f"{account.packets} packets, {account.in_flows} in flows{others}{more}")]


def read_line(line):
    """(Difference, reason), or None where the line is no row."""
    row = ROW.match(line.rstrip("\n"))
    return (Difference(*row.groups()[:3]), row[4].strip()) if row else None


def read(path, live=False):
    """{Difference: reason}: the rows of single captures, or those of all of them sent live."""
    with open(path, encoding="utf-8") as file:
        rows = dict(filter(None, map(read_line, file)))
    return {row: reason for row, reason in rows.items() if (row.capture == LIVE) == live}


def row_text(row, reason):
    return f"| `{row.capture}` | {row.tshark} | {row.flowd} | {reason} |"
