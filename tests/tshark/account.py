# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`flowcli observe --pcap`: the records of a capture, and its closing line as an account."""
import os
import re
import subprocess

CLOSING = re.compile(r"^(complete|INCOMPLETE): \d+ records?; (\d+) packets: (\d+) in flows([^;]*)")

SANITIZER = re.compile(r"Sanitizer|runtime error")


class Account:
    """Where the packets of a capture are; `refused` is the reason why it was not read at all."""

    def __init__(self, flowcli, path):
        done = subprocess.run([flowcli, "observe", "--pcap", path, "-o", "json"],
                              capture_output=True, text=True, check=False)
        closing = next(filter(None, map(CLOSING.match, done.stderr.splitlines())), None)
        assert done.returncode in (0, 1) and not SANITIZER.search(done.stderr), \
            f"{path}: exit {done.returncode}: {done.stderr}"
        self.lines = done.stdout.splitlines()
        self.refused = "" if closing else \
            done.stderr.strip().replace(os.path.dirname(path) + "/", "")
        self.incomplete = bool(closing) and closing[1] == "INCOMPLETE"
        self.packets, self.in_flows = map(int, closing.groups()[1:3]) if closing else (0, 0)
        self.counters = {}
        for counter in closing[4].split(", ")[1:] if closing else []:
            name, packets = counter.rsplit(" ", 1)
            self.counters[name] = int(packets)

    def balanced(self, in_records):
        """Every packet is in a record or in a counter that has a name."""
        return in_records == self.in_flows and \
            self.packets == self.in_flows + sum(self.counters.values())
