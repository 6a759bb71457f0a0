# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tshark says of a capture, against what was told of one side of its TCP connections. A guest
has no tshark: what is to be judged is kept for the machine outside ($FLOWD_KEEP, tests/kernels)."""
import json
import os
import shutil
import subprocess

SLACK = 0.10  # of round trips


def _fields(path, filter_, *fields):
    shown = subprocess.run(["tshark", "-n", "-r", path, "-Y", filter_, "-T", "fields",
                            *(word for field in fields for word in ("-e", field))],
                           capture_output=True, text=True, check=True)
    return [line.split("\t") for line in shown.stdout.splitlines()]


def complaints(path, told):
    """`told`: port of the sender; retransmits and late (equal counts), rtt_min_ms and rtt_ms
    (within SLACK), each where it is to be judged."""
    port, found = told["port"], []
    for name, filter_ in (("retransmits", "tcp.analysis.retransmission"),
                          ("late", "tcp.analysis.out_of_order")):
        if name in told:
            theirs = len(_fields(path, f"tcp.srcport == {port} && {filter_}", "frame.number"))
            if theirs != told[name]:
                found.append(f"{name}: {told[name]}, tshark says {theirs}")
    trips = [float(row[0]) * 1000 for row in
             _fields(path, f"tcp.dstport == {port} && tcp.analysis.ack_rtt", "tcp.analysis.ack_rtt")]
    if not trips:
        return found + ["tshark sees no round trip: an empty capture?"]
    for name, theirs in (("rtt_min_ms", min(trips)), ("rtt_ms", sum(trips) / len(trips))):
        if name in told and abs(told[name] - theirs) > SLACK * theirs:
            found.append(f"{name}: {told[name]:.2f}, tshark says {theirs:.2f}")
    return found


def judge(case, name, path, **told):
    """Fails `case` where tshark disagrees; without tshark, what there is to judge is kept."""
    keep = os.environ.get("FLOWD_KEEP")
    if shutil.which("tshark"):
        case.assertEqual(complaints(path, told), [])
    elif keep:
        os.makedirs(keep, exist_ok=True)
        shutil.copy(path, os.path.join(keep, name + ".pcapng"))
        with open(os.path.join(keep, name + ".json"), "w", encoding="ascii") as file:
            json.dump(told, file)
    else:
        print(f"# {name}: tshark is not here, and $FLOWD_KEEP names no directory: not judged")


def judge_kept(directory):
    """(name, complaints) of each capture that judge() has kept."""
    for name in sorted(os.listdir(directory)):
        if name.endswith(".json"):
            with open(os.path.join(directory, name), encoding="ascii") as file:
                told = json.load(file)
            yield name.removesuffix(".json"), complaints(
                os.path.join(directory, name.replace(".json", ".pcapng")), told)
