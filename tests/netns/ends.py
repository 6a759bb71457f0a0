# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What cases about both ends of a flow share: the lab, the engines in it, the records they judge."""
import os
import re
import unittest
import uuid

import engines
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Cluster, wait_until

QUICK = {"flow.drain_interval": "100ms", "flow.active_timeout": "1s"}


def hexadecimal(length=64):
    return (uuid.uuid4().hex + uuid.uuid4().hex)[:length]


def container(flow, side):
    return facts(flow).get(f"{side}_container", {})


def process(flow, side):
    return facts(flow).get(f"{side}_process", {})


def as_a_service():
    """A command that gives the privileges of deploy/flowd.service, and no more, to another."""
    unit = os.path.join(os.path.dirname(__file__), "../../deploy/flowd.service")
    with open(unit, encoding="utf-8") as file:
        names = re.search(r"^CapabilityBoundingSet=(.*)$", file.read(), re.M).group(1).split()
    bounds = ",".join(["-all"] + [f"+{name.removeprefix('CAP_').lower()}" for name in names])
    return ["setpriv", "--no-new-privs", "--inh-caps=-all", f"--bounding-set={bounds}"]


class Case(unittest.TestCase):
    """A node with two pods and a daemon that watches their ports; engines are closed first."""

    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)

    def engine(self, kind, *arguments):
        engine = kind(self.lab, *arguments)
        self.addCleanup(lambda: [engines.remove_cgroups(group) for group in engine.groups])
        self.addCleanup(engine.close)
        return engine

    def daemon(self, interfaces=("web", "client"), wrapper=(), **settings):
        return Daemon(self.lab, self.lab.node, list(interfaces), {**QUICK, **settings},
                      wrapper=wrapper).ready()

    def flow_to(self, daemon, port, wanted=lambda flow: True, *filters):
        """The first record of a flow to this port, and that of its answer."""
        def look():
            flows = [flow for flow in daemon.flows("--all", "--port", str(port), *filters)
                     if wanted(flow)]
            there = [flow for flow in flows if key_of(flow).dport == port]
            back = [flow for flow in flows if key_of(flow).sport == port]
            return (there[0], back[0]) if there and back else None
        return wait_until(f"flow to {port} and back", look, 5 * TIME_SCALE)

    def assert_container(self, flow, side, **expected):
        found = container(flow, side)
        for key, value in expected.items():
            self.assertEqual(found.get(key), value, f"{side} {key}: {facts(flow)}")
