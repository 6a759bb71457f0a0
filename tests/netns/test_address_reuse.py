#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An address that goes from pod to pod under traffic: no record may name the wrong one; one that
names none says why. FLOWD_REUSE is the number of moves (150)."""
import calendar
import os
import re
import time
import unittest

import engines
import pods
import tap
from daemon import Daemon, facts, key_of
from lab import Cluster, wait_until

MOVES = int(os.environ.get("FLOWD_REUSE", "150"))
SLOTS = 5
GAP = 0.1


def seconds(text):
    """RFC 3339 to seconds since 1970."""
    whole, fraction = re.match(r"([^.Z]*)(\.\d+)?Z", text).groups()
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(fraction or 0)


class Slot:
    """One address that changes hands."""

    def __init__(self, lab, number):
        self.lab, self.number = lab, number
        self.address = f"10.99.0.{100 + number}"
        self.asker = pods.Asker(lab.client, self.address)
        self.pod = None
        self.moves = 0

    def move(self):
        """The address leaves its pod, and 100 ms later another has it."""
        if self.pod:
            self.pod.close()
            self.pod = None
            time.sleep(GAP / SLOTS)  # the slots take turns: each waits for all
        self.pod = pods.Pod(self.lab.node, "pods", f"slot{self.number}", self.address)
        self.moves += 1


@unittest.skipIf(engines.CGROUPS is None, "no cgroup v2 hierarchy")
class AddressReuse(unittest.TestCase):
    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)
        self.daemon = Daemon(self.lab, self.lab.node, ["slot*"], {
            "flow.drain_interval": "100ms", "flow.active_timeout": "1s",
            "history.records": "262144"}).ready()
        self.slots = [Slot(self.lab, number) for number in range(SLOTS)]

    def judge(self, answers):
        """(records that name a pod, unnamed ones by reason, wrong ones, unnamed ones without one)"""
        named, unnamed, wrong, silent = 0, {}, [], []
        for flow in self.daemon.flows("--all", "--to-port", "80"):
            key, fact = key_of(flow), facts(flow)
            pod = fact.get("destination_container", {}).get("pod_uid")
            told = answers.get((key.dst, key.protocol, key.sport), [])
            if not pod:
                reason = fact.get("identity_missing_reason", {}).get("destination")
                unnamed[reason] = unnamed.get(reason, 0) + 1
                if not reason:
                    silent.append(fact)
                continue
            named += 1
            first, last = seconds(fact["first_seen"]) - 0.001, seconds(fact["last_seen"]) + 0.001
            others = {name for name, when in told if first <= when <= last} - {pod}
            if others:
                wrong.append((key, pod, others, fact))
        return named, unnamed, wrong, silent

    def test_moves(self):
        """a moved address is never given the name of who had it before, or has it after"""
        for slot in self.slots:
            slot.asker.start()
        for _ in range(MOVES // SLOTS):
            for slot in self.slots:
                slot.move()
        answers = {}
        for slot in self.slots:
            count = len(slot.asker.answers)
            wait_until("the last pod answers", lambda: len(slot.asker.answers) > count)
            slot.asker.stop()
            slot.pod.close()
            for protocol, port, name, when in slot.asker.answers:
                answers.setdefault((slot.address, protocol, port), []).append((name, when))
        told = {name for names in answers.values() for name, _ in names}
        wait_until("records", lambda: facts(self.daemon.flows("--last", "1")[0]))
        time_of_last = max(when for names in answers.values() for _, when in names)
        wait_until("records of the last packets", lambda: any(
            seconds(facts(flow)["last_seen"]) >= time_of_last - 0.05
            for flow in self.daemon.flows("--last", "200")))
        named, unnamed, wrong, silent = self.judge(answers)
        print(f"# {sum(slot.moves for slot in self.slots)} moves, {len(told)} pods answered, "
              f"{named} records name a pod, unnamed by reason: {unnamed}")
        self.assertEqual(wrong[:1], [], f"{len(wrong)} wrong")
        self.assertEqual(silent[:1], [], f"{len(silent)} without a reason")
        self.assertGreater(named, len(told))


if __name__ == "__main__":
    tap.main()
