#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What `flowcli observe --pcap` says of TCP against what tshark said of the same captures:
tcp_oracle.py FLOWCLI CAPTURES. CAPTURES/oracle/FOLDER/NAME.json judges CAPTURES/FOLDER/NAME:
retransmissions and zero windows of each direction, and the time of the handshake."""
import ipaddress
import json
import os
import subprocess
import sys

EQUAL = 0.98  # of the directions; the exceptions are printed
RTT_SLACK_NS = 1000


def observe(flowcli, path):
    """(source, port, destination, port) -> summed tcp facts."""
    lines = subprocess.run([flowcli, "observe", "-q", "--all", "-o", "json", "--pcap", path],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    found = {}
    for line in lines.splitlines():
        flow = json.loads(line).get("flow", {})
        if "TCP" not in flow.get("l4", {}):
            continue
        ports, facts = flow["l4"]["TCP"], flow["extensions"]["value"]["tcp"]
        key = (address(flow["IP"]["source"]), ports.get("source_port", 0),
               address(flow["IP"]["destination"]), ports.get("destination_port", 0))
        sums = found.setdefault(key, {"retransmits": 0, "zero_windows": 0})
        for name in sums.keys() & facts.keys() - {"handshake"}:
            sums[name] += facts[name]
        if "handshake_rtt_ns" in facts:
            sums.setdefault("handshake", int(facts["handshake_rtt_ns"]))
    return found


def address(text):
    return str(ipaddress.ip_address(text))


class Score:
    def __init__(self, what):
        self.what, self.equal, self.total, self.wrong = what, 0, 0, []

    def add(self, same, text):
        self.total += 1
        self.equal += same
        if not same:
            self.wrong.append(text)

    def tell(self, number):
        good = self.total > 0 and self.equal >= EQUAL * self.total
        print(f"{'ok' if good else 'not ok'} {number} - {self.what}: {self.equal} of {self.total}")
        for text in self.wrong[:20]:
            print(f"# {text}")
        return good


def judge(name, conversation, found, scores):
    for way, (source, target) in (("ab", ("a", "b")), ("ba", ("b", "a"))):
        told = conversation["dir"][way]
        source, target = conversation[source], conversation[target]
        facts = found.get((address(source[0]), source[1], address(target[0]), target[1]))
        if not told["packets"] or not facts:
            continue
        where = f"{name}: {source} -> {target}"
        for ours, theirs in (("retransmits", "retransmissions"), ("zero_windows", "zero_window")):
            scores[ours].add(facts[ours] == told[theirs],
                             f"{where}: {facts[ours]} {ours}, tshark {told[theirs]}")
        times = [conversation[key] for key in ("syn_synack_ns", "syn_synack_first_ns",
                                               "initial_rtt_ns") if conversation[key] is not None]
        if "handshake" in facts and times:
            scores["handshake"].add(any(abs(facts["handshake"] - time) <= RTT_SLACK_NS
                                        for time in times),
                                    f"{where}: handshake {facts['handshake']}, tshark {times}")


def main():
    flowcli, captures = sys.argv[1:]
    oracle = os.path.join(captures, "oracle")
    if not os.path.isdir(oracle):
        print("1..0 # SKIP no captures judged by tshark here (FLOWD_CAPTURES)")
        return 0
    scores = {name: Score(name) for name in ("retransmits", "zero_windows", "handshake")}
    for folder in sorted(os.listdir(oracle)):
        for judged in sorted(os.listdir(os.path.join(oracle, folder))):
            with open(os.path.join(oracle, folder, judged), encoding="utf-8") as file:
                conversations = (json.load(file).get("tcp") or {}).get("conversations", [])
            if not conversations:
                continue
            path = os.path.join(captures, folder, judged.removesuffix(".json"))
            found = observe(flowcli, path)
            for conversation in conversations:
                judge(judged, conversation, found, scores)
    print(f"1..{len(scores)}")
    good = [score.tell(number) for number, score in enumerate(scores.values(), 1)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
