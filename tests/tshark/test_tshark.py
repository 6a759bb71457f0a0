#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`flowcli observe --pcap` against tshark: test_tshark.py [--update] FLOWCLI SOURCE_ROOT.

Flows must be equal in packets and bytes, every packet must be in a record or in a named counter,
and whatever differs must stand in docs/differences.md with its reason. --update writes the rows
there, the reasons of new ones empty, for which the test fails until somebody gives them.
"""
import os
import subprocess
import sys
import tempfile

import differences
import judge
from account import Account

KEPT = ("tcpdump", "pcapplusplus")  # folders whose verdicts lie beside them
ASKED = "other-links"
MADE = "made here"


class Case:
    """One capture: what tshark says of it and what flowcli does."""

    def __init__(self, folder, path, account, verdict, frames):
        self.name = f"{folder}/{os.path.basename(path)}"
        self.account, self.verdict, self.frames = account, verdict, frames
        self.tshark, self.unsure = judge.flows_of_verdict(verdict)
        self.flowd = judge.flows_of_lines(account.lines)

    def rows(self):
        if self.account.refused:
            return [differences.Difference(self.name, f"{self.verdict['frames']} frames",
                                           self.account.refused)]
        return differences.of_flows(self.name, self.tshark, self.flowd) + \
            differences.of_packets(self.name, self.verdict, self.account)

    def judged(self):
        """(flows that tshark is sure of, those of them that are equal)"""
        sure = [flow for flow in self.tshark if flow not in self.unsure]
        return len(sure), sum(self.flowd.get(flow) == self.tshark[flow] for flow in sure)


class Runner:
    def __init__(self, flowcli, root, directory):
        self.flowcli, self.directory = flowcli, directory
        self.document = os.path.join(root, "docs/differences.md")
        self.builder = os.path.join(root, "tests/packets/make_captures.py")
        self.cases = {}
        self.scores = {}

    def made(self):
        directory = os.path.join(self.directory, "made")
        subprocess.run([sys.executable, self.builder, directory], check=True)
        return [os.path.join(directory, name) for name in sorted(os.listdir(directory))]

    def read(self):
        asked = {MADE: self.made(), ASKED: judge.captures(ASKED)}
        frames = {path: judge.packets(path) for paths in asked.values() for path in paths}
        verdicts = judge.ask(frames, os.path.join(self.directory, "all.pcapng"))
        for folder, paths in asked.items():
            self.cases[folder] = [Case(folder, path, Account(self.flowcli, path), verdicts[path],
                                       len(frames[path])) for path in paths]
        for folder in KEPT:
            self.cases[folder] = [Case(folder, path, Account(self.flowcli, path), judge.kept(path),
                                       len(judge.packets(path))) for path in judge.captures(folder)]

    def score(self, folder):
        """The comparer's own score of a folder whose verdicts are kept."""
        if folder in self.scores:
            return self.scores[folder]
        directory = os.path.join(self.directory, folder)
        os.mkdir(directory)
        for case in self.cases[folder]:
            name = case.name.split("/")[1]
            with open(os.path.join(directory, name + ".jsonl"), "w", encoding="utf-8") as file:
                file.write("\n".join(case.account.lines))
        self.scores[folder] = judge.score(os.path.join(judge.CAPTURES, "oracle", folder), directory)
        return self.scores[folder]

    def check_score(self, folder):
        score = self.score(folder)["flows"]
        flows, exact = score["oracle_flows"], score["exact_wire"]
        print(f"# {folder}: {exact} of {flows} judged flows exact in packets and bytes "
              f"({100 * exact / flows:.2f} %), {score.get('extra', 0)} that tshark does not have, "
              f"{score.get('oracle_ignored', 0)} not judged")
        assert 100 * exact >= judge.EXACT_MIN * flows and not score.get("extra"), "too few"

    def check_dns(self, folder):
        """Messages found, and none made up; latencies and times to the microsecond."""
        score = self.score(folder)["dns"]
        total, found, extra = score["total"], score["tp"], score.get("fp", 0)
        print(f"# {folder}: {found} of {total} DNS messages, {extra} that tshark does not have; "
              f"{score['strict']} equal in types, outcome and addresses; "
              f"{score['lat_ok']} of {score['lat_oracle']} latencies")
        assert 1000 * found >= 995 * total and 1000 * found >= 995 * (found + extra), "too few"
        assert score["lat_ok"] == score["lat_both"] == score["lat_oracle"], "latencies"
        assert score["time_ok"] == score["time_of"], "times"

    def check_asked(self, folder):
        """A folder that tshark was asked about now; link types and all."""
        flows, exact = map(sum, zip(*(case.judged() for case in self.cases[folder])))
        print(f"# {folder}: {exact} of {flows} flows exact in packets and bytes")
        known = {row.capture for row in differences.read(self.document)}
        wrong = [case.name for case in self.cases[folder]
                 if case.judged()[0] != case.judged()[1] and case.name not in known]
        assert not wrong, f"differ and are not in docs/differences.md: {wrong}"

    def check_accounted(self):
        packets = counted = 0
        for case in [case for cases in self.cases.values() for case in cases]:
            told = sum(count.packets for count in case.flowd.values())
            assert case.account.refused or case.account.balanced(told), \
                f"{case.name}: {told} in records, {vars(case.account)}"
            assert case.account.refused or case.account.packets == case.frames, \
                f"{case.name}: {case.account.packets} packets, the file has {case.frames}"
            packets += case.account.packets
            counted += sum(case.account.counters.values())
        print(f"# {packets} packets: {packets - counted} in flows, {counted} in named counters")
        assert packets > 0

    def rows(self):
        return [row for cases in self.cases.values() for case in cases for row in case.rows()]

    def check_differences(self):
        kept, rows = differences.read(self.document), self.rows()
        wrong = [f"not in docs/differences.md: {differences.row_text(row, '')}"
                 for row in rows if row not in kept]
        wrong += [f"without a reason: {row}" for row in rows if not kept.get(row, "?")]
        wrong += [f"no longer true: {row}" for row in kept if row not in rows]
        print(f"# {len(rows)} differences, each with its reason" if not wrong else
              "# tests/tshark/test_tshark.py --update writes the rows")
        assert not wrong, "\n".join(wrong)

    def update(self):
        """The rows between the head of the table and what stands behind it."""
        kept = differences.read(self.document)
        with open(self.document, encoding="utf-8") as file:
            lines = [line for line in file if not differences.read_line(line)
                     or differences.read_line(line)[0].capture == differences.LIVE]
        at = next(i for i, line in enumerate(lines) if line.startswith("|---")) + 1
        rows = [differences.row_text(row, kept.get(row, "")) + "\n" for row in self.rows()]
        with open(self.document, "w", encoding="utf-8") as file:
            file.writelines(lines[:at] + rows + lines[at:])

    def checks(self):
        for folder in KEPT:
            yield f"{folder}: flows equal tshark's", lambda folder=folder: self.check_score(folder)
        for folder in KEPT:
            yield f"{folder}: DNS messages equal tshark's", lambda folder=folder: self.check_dns(folder)
        for folder in (ASKED, MADE):
            yield f"{folder}: flows equal tshark's", lambda folder=folder: self.check_asked(folder)
        yield "every packet is in a record or in a named counter", self.check_accounted
        yield "what differs is told, with its reason", self.check_differences


def run(runner):
    failures = 0
    for number, (name, check) in enumerate(runner.checks(), 1):
        try:
            check()
            print("ok", number, "-", name)
        except AssertionError as error:
            failures += 1
            print("not ok", number, "-", name)
            print("\n".join(f"# {line}" for line in str(error).splitlines()[:60]))
    print(f"1..{number}")
    return bool(failures)


def main():
    update = sys.argv[1] == "--update"
    flowcli, root = sys.argv[1 + update:]
    if judge.missing():
        print(f"1..0 # SKIP {judge.missing()}")
        return 0
    with tempfile.TemporaryDirectory() as directory:
        runner = Runner(flowcli, root, directory)
        runner.read()
        if update:
            runner.update()
        return run(runner)


if __name__ == "__main__":
    sys.exit(main())
