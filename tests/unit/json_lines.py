# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Judges the lines of json_lines with another JSON reader: the keys that docs/json.md lists and no
others, no duplicate, sorted extensions, 64-bit numbers as strings, times of RFC 3339.
TAP on stdout. Usage: json_lines.py PROGRAM
"""
import json
import re
import subprocess
import sys

LINE_MAX = 65024
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}|\d{6}|\d{9}))?Z$")
MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}$")
NUMERAL = re.compile(r"(0|[1-9]\d*)$")
FLAGS = "FIN SYN RST PSH ACK URG ECE CWR NS".split()
L4 = {name: {"source_port": int, "destination_port": int} for name in ("UDP", "SCTP")}
L4["TCP"] = {**L4["UDP"], "flags": {flag: True for flag in FLAGS}}
L4["ICMPv4"] = L4["ICMPv6"] = {"type": int, "code": int}
OBSERVED = {"direction": ("INGRESS", "EGRESS"), "hook": ("none", "tc", "xdp", "pcap", "drop"), "interface": str}
QUOTED = {"code": int, "destination": str, "destination_port": int, "id": int, "protocol": int,
          "source": str, "source_port": int, "type": int}
TUNNELS = ("vxlan", "geneve", "gre", "nvgre", "erspan", "ipip", "6in4", "4in6", "6in6", "gtp-u", "etherip",
           "mpls", "gue", "teredo", "lisp", "l2tp", "pptp", "wccp", "nsh", "vxlan-gpe")
STATES = ("ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
          "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV")
RETRANSMITS = ("rto", "fast", "tlp", "syn", "syn_ack")
TCP = {
    "flags": re.compile("0x1?[0-9a-f]{2}$"), "handshake_rtt_ns": NUMERAL, "rtt_min_ns": NUMERAL,
    "srtt_ns": {"avg": NUMERAL, "max": NUMERAL, "min": NUMERAL},
    "duplicate_acks": int, "out_of_order": int, "resets_received": int, "resets_sent": int,
    "retransmits": int, "retransmits_by": {**dict.fromkeys(RETRANSMITS, int), "seen": int},
    "total_retransmits": int, "zero_windows": int,
    "duration_ns": NUMERAL, "error": str, "message": str, "new_state": STATES, "old_state": STATES,
    "reset": ("sent", "received"), "retransmit": RETRANSMITS,
}
VALUE = {
    "cgroup": NUMERAL, "socket": NUMERAL, "netns": {"cookie": NUMERAL, "inode": int}, "dropped": NUMERAL,
    "drop": {"chain": str, "hook": str, "length": int, "packets": NUMERAL, "reason": str, "site": str,
             "subsystem": str, "table": str, "tcp_state": STATES},
    "drops": [{"first": TIME, "last": TIME, "packets": NUMERAL, "reason": str, "site": str}],
    "carrier": True, "certain_bytes": NUMERAL, "certain_packets": NUMERAL, "estimated_bytes": NUMERAL,
    "estimated_packets": NUMERAL, "fragment_orphan": True,
    "icmp_error": {"code": int, "packets": NUMERAL, "reporter": str, "type": int},
    "tunnel": {"id": NUMERAL, "outer": {"destination": str, "source": str}, "type": TUNNELS},
    "bytes": NUMERAL, "end_reason": ("fin", "rst", "idle", "active", "evicted", "shutdown"),
    "first_seen": TIME, "flow_id": NUMERAL, "fragment": True,
    "icmp": {"code": int, "id": int, "quoted": QUOTED, "type": int}, 
    "kind": ("flow_start", "flow_update", "flow_end", "drop", "xdp_error", "tcp_retransmit", "tcp_reset",
             "tcp_state", "tcp_connect", "tcp_overflow"),
    "l3_bytes": NUMERAL, "last_seen": TIME, "observed": [OBSERVED], "packets": NUMERAL,
    "destination_port": int, "source_port": int,
    "protocol": int, "sampling": int, "tcp": TCP,
    "total_bytes": NUMERAL, "total_packets": NUMERAL, "truncated": True, "vlan": [int],
}
for SIDE in ("source", "destination"):
    VALUE[f"{SIDE}_container"] = {"cgroup": str, "id": str, "image": str, "name": str, "netns": int, "pod_uid": str,
                                  "runtime": str}
    VALUE[f"{SIDE}_location"] = {"as_name": str, "asn": int, "country": str}
    VALUE[f"{SIDE}_process"] = {"comm": str, "pid": int, "uid": int, "unit": str}
    VALUE[f"{SIDE}_host"] = VALUE[f"{SIDE}_node"] = VALUE[f"{SIDE}_xlated"] = str
VALUE["identity_source"] = VALUE["identity_missing_reason"] = {"source": str, "destination": str}
ENDPOINT = {"ID": int, "identity": int, "cluster_name": str, "namespace": str, "labels": [str], "pod_name": str,
            "workloads": [{"name": str, "kind": str}]}
SERVICE = {"name": str, "namespace": str}
FLOW = {
    "source": ENDPOINT, "destination": ENDPOINT, "source_service": SERVICE, "destination_service": SERVICE,
    "socket_cookie": NUMERAL, "cgroup_id": NUMERAL,
    "time": TIME, "node_name": str, "Type": ("L3_L4",), "Summary": str,
    "verdict": ("FORWARDED", "DROPPED", "ERROR", "AUDIT", "REDIRECTED", "TRACED", "TRANSLATED"),
    "tunnel": {"protocol": ("VXLAN", "GENEVE"), "vni": int,
               "IP": {"source": str, "destination": str, "ipVersion": ("IPv4", "IPv6")}},
    "ethernet": {"source": MAC, "destination": MAC},
    "IP": {"source": str, "destination": str, "ipVersion": ("IPv4", "IPv6"), "source_xlated": str}, "l4": L4,
    "event_type": {"type": int, "sub_type": int}, "traffic_direction": ("INGRESS", "EGRESS"),
    "trace_observation_point": ("FROM_NETWORK", "TO_NETWORK"), "is_reply": bool,
    "interface": {"index": int, "name": str},
    "extensions": {"@type": ("type.googleapis.com/google.protobuf.Struct",), "value": VALUE},
}
SOURCES = ("PERF_EVENT_RING_BUFFER", "OBSERVER_EVENTS_QUEUE", "HUBBLE_RING_BUFFER")
ENVELOPE = {
    "flow": FLOW, "node_name": str, "time": TIME,
    "lost_events": {"source": SOURCES, "num_events_lost": NUMERAL, "first": TIME, "last": TIME},
}
ALWAYS = {"bytes", "first_seen", "kind", "l3_bytes", "last_seen", "packets", "protocol", "total_bytes",
          "total_packets"}


def members(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"duplicate key in {keys}"
    return dict(pairs)


def judge(value, rule, path):
    """The value against the rule: a type, a pattern, a tuple of words, a list, a table of keys."""
    if isinstance(rule, dict):
        for key, inner in value.items():
            assert key in rule, f"unknown key {path}.{key}"
            judge(inner, rule[key], f"{path}.{key}")
    elif isinstance(rule, list):
        assert value, f"{path}: empty list"
        for inner in value:
            judge(inner, rule[0], path)
    elif isinstance(rule, tuple):
        assert value in rule, f"{path}: {value!r}"
    elif isinstance(rule, type):
        assert type(value) is rule, f"{path}: {value!r}"
    elif rule is True:
        assert value is True, f"{path}: {value!r}"
    else:
        assert isinstance(value, str) and rule.match(value), f"{path}: {value!r}"


def judge_sorted(value, path):
    if isinstance(value, dict):
        assert list(value) == sorted(value), f"{path}: {list(value)}"
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        judge_sorted(inner, path)


def judge_flow(event):
    flow, value = event["flow"], event["flow"]["extensions"]["value"]
    judge_sorted(value, "extensions")
    assert ALWAYS <= set(value), f"missing {ALWAYS - set(value)}"
    assert len(flow.get("l4", {})) <= 1, "two members in l4"
    assert flow["time"] == event["time"] and flow.get("node_name") == event.get("node_name")
    if not value["kind"].startswith("flow_"):
        assert re.search(r"; .+", flow["Summary"]), flow["Summary"]
        return
    assert isinstance(flow["Summary"], str) and re.search(
        r"; \d+ packets? \d+ bytes( \(1 in \d+: about \d+ packets? \d+ bytes\))?( in [\w-]+( \d+)?)?"
        r"(, \d+ errors?: ICMPv[46] .+ from [\da-f:.]+)?(, \d+ dropped: .+?)?"
        r"(, \d+ retransmits?)?(, handshake [\d.]+\w+)?(, srtt [\d.]+\w+)?(, ended: \w*)?$", flow["Summary"])
    for name, default in (("node_name", ""), ("sampling", 1), ("flow_id", "0")):
        assert {**flow, **value}.get(name) != default, f"default {name} written"


def judge_line(raw):
    assert len(raw) < LINE_MAX, f"{len(raw)} bytes"
    event = json.loads(raw.decode("utf-8"), object_pairs_hook=members)
    judge(event, ENVELOPE, "")
    assert ("flow" in event) != ("lost_events" in event), "neither or both"
    if "flow" in event:
        judge_flow(event)
    return "flow" in event


def main():
    lines = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE).stdout.splitlines()
    flows, wrong = 0, 0
    for number, raw in enumerate(lines, 1):
        try:
            flows += judge_line(raw)
        except (AssertionError, ValueError, KeyError) as error:
            wrong += 1
            print(f"# line {number}: {error!r}: {raw[:300]!r}")
    print("1..1")
    verdict = "ok" if flows > 3000 and not wrong else "not ok"
    print(f"{verdict} 1 - {len(lines)} lines, {flows} flows, {wrong} wrong")


main()
