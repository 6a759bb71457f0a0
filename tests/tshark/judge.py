# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tshark says of captures, by way of the oracle beside the project ($FLOWD_TOOLS, default
../shared/tools): flows as {Flow: Count} and packets that are in none."""
import collections
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
CAPTURES = os.environ.get("FLOWD_CAPTURES", os.path.join(ROOT, "../shared/captures"))
TOOLS = os.path.join(os.environ.get("FLOWD_TOOLS", os.path.join(ROOT, "../shared/tools")), "oracle")
# What the oracle's comparer does not judge: tshark itself could not read the key whole.
UNSURE = {"l4short", "bad-inner", "extmany", "oddlen", "bigtun"}
VARIANT = "inner.track"
EXACT_MIN = 99.9  # percent of judged flows: packets and bytes

Flow = collections.namedtuple("Flow", "source destination protocol sport dport")
Count = collections.namedtuple("Count", "packets bytes")


def missing():
    """Why nothing can be judged here, or an empty text."""
    for what, there in (("captures", os.path.isdir(CAPTURES)), ("the oracle", os.path.isdir(TOOLS)),
                        ("tshark", shutil.which("tshark"))):
        if not there:
            return f"{what} not found; see $FLOWD_CAPTURES and $FLOWD_TOOLS in docs/hacking.md"
    return ""


def captures(folder):
    directory = os.path.join(CAPTURES, folder)
    return [os.path.join(directory, name) for name in sorted(os.listdir(directory))]


def _module(name):
    sys.path.insert(0, TOOLS)
    try:
        spec = importlib.util.spec_from_file_location(name, os.path.join(TOOLS, name + ".py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(TOOLS)


def packets(path):
    """(link type, stamp in ns, length on the wire, bytes) up to the end or to what is damaged."""
    reader = _module("pcaputil")
    out = []
    try:
        for link, stamp, _, length, data in reader.packets(path):
            out.append((link, stamp, length, data))
    except (reader.BadFile, struct.error):
        pass
    return out


def kept(path):
    """The oracle's verdict that lies beside the captures."""
    folder, name = os.path.split(path)
    with open(os.path.join(CAPTURES, "oracle", os.path.basename(folder), name + ".json"),
              encoding="utf-8") as file:
        return json.load(file)["flows"]


def _block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def write_pcapng(path, frames):
    """Frames as packets() gives them, of any link types, in one file."""
    links = sorted({frame[0] for frame in frames})
    with open(path, "wb") as file:
        file.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for link in links:  # if_tsresol: ns
            file.write(_block(1, struct.pack("<HHIHHB3xHH", link, 0, 0, 9, 1, 9, 0, 0)))
        for link, stamp, length, data in frames:
            file.write(_block(6, struct.pack("<IIIII", links.index(link), stamp >> 32,
                                             stamp & 0xFFFFFFFF, len(data), length) + data))


def ask(frames_by_name, scratch):
    """One run of tshark over all frames; {name: verdict}. A start of tshark costs more than all of
    its reading, so the frames of all captures are put into one file and its answers apart again."""
    oracle = _module("flows_oracle")
    write_pcapng(scratch, [frame for frames in frames_by_name.values() for frame in frames])
    rows, answers = list(oracle.rows(scratch)), {}
    for name, frames in frames_by_name.items():
        mine, rows = rows[:len(frames)], rows[len(frames):]
        read = lambda *_: iter(mine)  # pylint: disable=cell-var-from-loop
        read.rc, read.err = oracle.rows.rc, oracle.rows.err
        oracle.rows, original = read, oracle.rows
        answers[name] = oracle.run(name)
        oracle.rows = original
    assert not rows, f"tshark read {len(rows)} frames too many"
    return answers


def score(oracle_directory, lines_directory):
    """The comparer's own totals over a directory of verdicts and one of JSON lines: "flows", "dns"."""
    path = os.path.join(lines_directory, "score.json")
    done = subprocess.run(
        [sys.executable, "-B", os.path.join(TOOLS, "compare.py"), "--batch", oracle_directory,
         lines_directory, "--variant", VARIANT, "--bytes", "wire", "--json", path],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def flows_of_verdict(verdict):
    """({Flow: Count}, flows that tshark is unsure of)."""
    counts, unsure = {}, set()
    for flow in verdict["flows"][VARIANT]:
        key = Flow(flow["src"], flow["dst"], flow["proto"], flow["sport"], flow["dport"])
        before = counts.get(key, Count(0, 0))
        counts[key] = Count(before.packets + flow["packets"], before.bytes + flow["bytes"])
        if UNSURE & set(flow["tags"]):
            unsure.add(key)
    return counts, unsure


def _ports(flow):
    for name, ports in flow.get("l4", {}).items():
        if name.startswith("ICMP"):
            return ports.get("type", 0), ports.get("code", 0)
        return ports.get("source_port", 0), ports.get("destination_port", 0)
    facts = flow["extensions"]["value"]  # of protocols that l4 has no place for
    return facts.get("source_port", 0), facts.get("destination_port", 0)


def flows_of_lines(lines):
    """The same of flowcli's JSON lines."""
    counts = {}
    for line in lines:
        flow = json.loads(line).get("flow")
        if not flow:
            continue
        facts = flow["extensions"]["value"]
        if "packets" not in facts:
            continue  # an event on a flow
        key = Flow(flow["IP"]["source"], flow["IP"]["destination"], facts["protocol"],
                   *_ports(flow))
        before = counts.get(key, Count(0, 0))
        counts[key] = Count(before.packets + int(facts["packets"]),
                            before.bytes + int(facts["bytes"]))
    return counts
