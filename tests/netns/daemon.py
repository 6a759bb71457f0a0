# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The real flowd on a lab's devices, and the real flowcli asking it."""
import json
import os
import queue
import signal
import subprocess
import threading
import time

from lab import wait_until
from witness import Count, Key

BUILD = os.environ.get("FLOWD_BUILD", "build")
FLOWD = os.path.join(BUILD, "flowd/flowd")
FLOWCLI = os.path.join(BUILD, "flowcli/flowcli")
# How many times slower than real hardware this machine may be (an emulated CPU).
TIME_SCALE = float(os.environ.get("FLOWD_TEST_TIME_SCALE", "1"))


def key_of(flow):
    """The key a witness would give the flow of a JSON line."""
    (_, ports), = flow["l4"].items() if "l4" in flow else [("", {})]
    if "type" in ports or not ports.get("source_port", 0) and "destination_port" not in ports:
        pair = ports.get("type", 0), ports.get("code", 0)
    else:
        pair = ports.get("source_port", 0), ports.get("destination_port", 0)
    return Key(flow["IP"]["source"], flow["IP"]["destination"], facts(flow)["protocol"], *pair)


def facts(flow):
    return flow["extensions"]["value"]


def sums(flows):
    """Packets and bytes by key over all records."""
    counts = {}
    for flow in flows:
        counts.setdefault(key_of(flow), Count()).add(
            int(facts(flow).get("packets", 0)), int(facts(flow).get("bytes", 0)))
    return counts


class Follower:
    """`flowcli observe --follow -o json` in the background; lines with the time they came."""

    def __init__(self, process):
        self.process = process
        self._arrived = queue.Queue()
        self.flows = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._arrived.put((time.monotonic(), json.loads(line)))

    def _take(self):
        while not self._arrived.empty():
            moment, line = self._arrived.get()
            if "flow" in line:
                self.flows.append((moment, line["flow"]))

    def records(self):
        self._take()
        return [flow for _, flow in self.flows]

    def wait_for(self, what, wanted, seconds=15.0):
        """(when it came, flow) of the first record that `wanted` is true of."""
        def look():
            self._take()
            return next(((moment, flow) for moment, flow in self.flows if wanted(flow)), None)
        return wait_until(what, look, seconds * TIME_SCALE)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10 * TIME_SCALE)


class Daemon:
    """flowd in a namespace, on the devices that `interfaces` (globs) name; `settings` are keys of
    its configuration, `file` is the text of its file, which reload() replaces. It is started by
    `wrapper`, with these `variables` in its environment."""

    def __init__(self, lab, namespace, interfaces, settings=None, run_dir=None, file="",
                 wrapper=(), **variables):
        self.lab, self.namespace = lab, namespace
        self.file = os.path.join(lab.directory, f"flowd{len(lab.processes)}.yaml")
        self.run_dir = run_dir or os.path.join(lab.directory, f"run{len(lab.processes)}")
        self.url = f"ipc://{self.run_dir}/flowd.sock"
        self.events_url = f"ipc://{self.run_dir}/events.sock"
        self.environment = dict(os.environ, NO_COLOR="1", FLOWCLI_SERVER=self.url)
        self._write_config(file)
        command = [*wrapper, FLOWD, "--config", self.file]
        for key, value in {"interfaces.include": ",".join(interfaces), "bus.query": self.url,
                           "bus.events": self.events_url, "node_name": "lab",
                           "events.namespaces": lab.inodes(),
                           **(settings or {})}.items():
            command += ["--set", f"{key}={value}"]
        self.log = os.path.join(lab.directory, f"flowd{len(lab.processes)}.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = lab.start(namespace, *command, stdout=log, stderr=log,
                                     env=dict(os.environ, **variables))

    def _write_config(self, text):
        """Never empty: without a file the machine's own is read."""
        with open(self.file, "w", encoding="ascii") as file:
            file.write(text or "log_level: info\n")

    def reload(self, text):
        """SIGHUP, and waits until it was obeyed; returns what it said."""
        before = len(self.messages())
        self._write_config(text)
        self.process.send_signal(signal.SIGHUP)
        wait_until("settings read again",
                   lambda: "settings read again" in self.messages()[before:] or
                   "settings kept" in self.messages()[before:], 10 * TIME_SCALE)
        return self.messages()[before:]

    def ready(self):
        """Waits until it answers; returns itself."""
        wait_until("flowd answers", self._answers, 20 * TIME_SCALE)
        return self

    def _answers(self):
        assert self.process.poll() is None, f"flowd ended: {self.messages()}"
        return self.cli("status").returncode == 0

    def messages(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def cli(self, *arguments, **options):
        return subprocess.run([FLOWCLI, *arguments], env=self.environment, capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, check=False,
                              timeout=30 * TIME_SCALE, **options)

    def lines(self, *arguments):
        done = self.cli("observe", "-o", "json", *arguments)
        assert done.returncode == 0, f"observe {arguments}: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def records(self, *arguments):
        return [line["flow"] for line in self.lines(*(arguments or ["--all"])) if "flow" in line]

    def flows(self, *arguments):
        """Records of flows alone."""
        return [flow for flow in self.records(*arguments)
                if facts(flow)["kind"].startswith("flow_")]

    def incidents(self, *arguments):
        """Records of events alone: drops, TCP trouble."""
        return [flow for flow in self.records(*arguments)
                if not facts(flow)["kind"].startswith("flow_")]

    def follow(self, *arguments):
        process = self.lab.start(self.namespace, FLOWCLI, "observe", "--follow", "-o", "json",
                                 *arguments, env=self.environment, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Follower(process)

    def status(self):
        done = self.cli("status", "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ended(self, key, seconds=5.0):
        """Waits for the record that ends the flow; returns all its records."""
        def look():
            flows = [flow for flow in self.flows() if key_of(flow) == key]
            return flows if flows and facts(flows[-1])["kind"] == "flow_end" else None
        return wait_until(f"end of {key}", look, seconds * TIME_SCALE)

    def stop(self, number=signal.SIGTERM, seconds=10.0):
        self.process.send_signal(number)
        return self.process.wait(seconds * TIME_SCALE)
