#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Counts what meson's logs say: test_summary.py [--suite NAME]... TESTLOG...

A test that speaks TAP counts by its cases, any other as one. Failures and the reasons of skips are
printed; the last line is `N passed, N failed, N skipped`. A suite without a test, a log that is not
there, and a TAP test that ended badly although each of its cases passed are failures.
"""
import argparse
import json
import os
import re
import sys

CASE = re.compile(r"^(not )?ok\b *(\d*) *(?:- *)?([^#]*)(?:# *(SKIP)\b *(.*))?", re.IGNORECASE)
PLAN_SKIP = re.compile(r"^1\.\.0 *# *SKIP\b *(.*)", re.IGNORECASE)
GOOD, SKIPPED = ("OK", "EXPECTEDFAIL"), ("SKIP", "IGNORED")


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_case(self, name, match):
        failed, number, title, directive, reason = match.groups()
        title = f"{name}: {title.strip() or number}"
        if directive:
            self.skipped.append((title, reason or "no reason given"))
        elif failed:
            self.failed.append(title)
        else:
            self.passed += 1

    def add_test(self, test):
        name, before = test["name"], len(self.failed)
        lines = (test.get("stdout") or "").splitlines()
        cases = [match for match in map(CASE.match, lines) if match]
        for match in cases:
            self.add_case(name, match)
        if test["result"] in SKIPPED and not cases:
            self.skipped.append((name, skip_reason(lines)))
        elif test["result"] not in GOOD + SKIPPED and len(self.failed) == before:
            self.failed.append(f"{name}: {test['result'].lower()}, exit {test['returncode']}")
        elif test["result"] in GOOD and not cases:
            self.passed += 1


def skip_reason(lines):
    for line in lines:
        match = PLAN_SKIP.match(line)
        if match:
            return match.group(1) or "no reason given"
    return lines[-1].strip() if lines else "no reason given"


def suites_of(name):
    """'flowd:unit+slow / json' -> {'unit', 'slow'}"""
    head = name.split(" / ")[0]
    return set(head.split(":")[-1].split("+")) if " / " in name else set()


def read_log(path, tally):
    seen = set()
    if not os.path.exists(path):
        tally.failed.append(f"{path}: no log, nothing ran")
        return seen
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            test["name"] = f"{path.split('/')[0]}: {test['name']}"
            seen |= suites_of(test["name"])
            tally.add_test(test)
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="append", default=[], help="must have run")
    parser.add_argument("logs", nargs="+")
    options = parser.parse_args()
    tally, seen = Tally(), set()
    for path in options.logs:
        seen |= read_log(path, tally)
    tally.failed += [f"suite {suite}: no test ran" for suite in options.suite if suite not in seen]
    for title, reason in tally.skipped:
        print(f"skipped: {title}: {reason}")
    for title in tally.failed:
        print(f"failed: {title}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
