# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a line of `flowcli observe -o json` must look like, so that readers of Hubble's flows read
it: complaints(line) lists what is wrong."""
import json
import re

LINE_MAX = 65536
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}|\d{6}|\d{9}))?Z$")
DIGITS = re.compile(r"\d+$")
ENVELOPE = {"flow", "lost_events", "node_name", "time"}
FLOW = {"time", "uuid", "verdict", "ethernet", "IP", "l4", "source", "destination", "Type",
        "node_name", "source_names", "destination_names", "l7", "event_type", "source_service",
        "destination_service", "traffic_direction", "trace_observation_point", "is_reply",
        "interface", "Summary", "drop_reason", "drop_reason_desc", "extensions", "socket_cookie", "cgroup_id", "tunnel", "emitter"}
LOST = {"source", "num_events_lost", "cpu", "first", "last"}
L4 = {"TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6"}
TEXT_NUMBERS = ("packets", "bytes", "l3_bytes", "total_packets", "total_bytes")
KINDS = {"flow_start", "flow_update", "flow_end"}
EVENTS = {"drop", "xdp_error", "tcp_retransmit", "tcp_reset", "tcp_state", "tcp_connect",
          "tcp_overflow"}
REASONS = {"fin", "rst", "idle", "active", "evicted", "shutdown"}
STRUCT = "type.googleapis.com/google.protobuf.Struct"


def _once(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"duplicate key among {keys}")
    return dict(pairs)


def _defaults(value, path=""):
    """Paths of members that hold a default, which Hubble's writer leaves out."""
    for key, inside in value.items():
        if key == "is_reply" or key == "extensions":
            continue
        if inside in (0, "", [], {}) and inside is not True or inside is False:
            yield f"{path}{key}"
        elif isinstance(inside, dict):
            yield from _defaults(inside, f"{path}{key}.")


def _dns(facts):
    if set(facts) - {"dns", "kind", "observed", "protocol"}:
        yield f"a message has {set(facts)}"
    dns = facts.get("dns", {})
    if list(dns) != sorted(dns):
        yield "dns: keys are not sorted"
    if dns.get("transport") not in ("UDP", "TCP") or not isinstance(dns.get("timeout"), bool):
        yield f"dns: {dns}"


def _facts(facts):
    if list(facts) != sorted(facts):
        yield "extensions.value: keys are not sorted"
    for name in TEXT_NUMBERS:
        if name in facts and not (isinstance(facts[name], str) and DIGITS.match(facts[name])):
            yield f"{name} is not a number in a string"
    if facts.get("kind") == "dns":
        yield from _dns(facts)
        return
    if facts.get("kind") not in KINDS | EVENTS:
        yield f"kind {facts.get('kind')}"
    if (facts.get("kind") in {"flow_start"} | EVENTS) == ("end_reason" in facts):
        yield f"end_reason with kind {facts.get('kind')}"
    if (facts.get("kind") == "flow_update") != (facts.get("end_reason") == "active"):
        yield f"end_reason {facts.get('end_reason')} with kind {facts.get('kind')}"
    if facts.get("end_reason", "fin") not in REASONS:
        yield f"end_reason {facts['end_reason']}"
    for name in ("first_seen", "last_seen"):
        if not TIME.match(facts.get(name, "")):
            yield f"{name} is no time"
    if not isinstance(facts.get("protocol"), int):
        yield "protocol is no number"


def _flow(flow):
    yield from (f"unknown key {key}" for key in flow.keys() - FLOW)
    yield from (f"default kept: {path}" for path in _defaults(flow))
    if flow.get("IP", {}).get("ipVersion") not in ("IPv4", "IPv6"):
        yield "IP.ipVersion"
    l4 = flow.get("l4", {})
    if len(l4) > 1 or l4.keys() - L4:
        yield f"l4 has {list(l4)}"
    if not isinstance(flow.get("Summary", ""), str):
        yield "Summary is no text"
    if flow.get("extensions", {}).get("@type") != STRUCT:
        yield "extensions without @type"
        return
    yield from _facts(flow["extensions"]["value"])


def complaints(text):
    if len(text.encode()) >= LINE_MAX:
        return ["longer than Hubble's reader takes"]
    try:
        line = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        return [str(error)]
    found = [f"unknown key {key}" for key in line.keys() - ENVELOPE]
    if not TIME.match(line.get("time", "")) or not line.get("node_name"):
        found.append("time or node_name beside the flow")
    if "lost_events" in line:
        return found + [f"lost_events.{key}" for key in line["lost_events"].keys() - LOST]
    flow = line.get("flow", {})
    for key in ("time", "node_name"):
        if flow.get(key) != line.get(key):
            found.append(f"{key} inside and beside the flow differ")
    return found + list(_flow(flow))
