#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whole outputs of flowcli against golden files: run.py [--update] PROGRAMS FILE...

PROGRAMS is the directory list "flowcli:fake_flowd". A golden file holds cases:

    ### name of the case
    $ flowcli observe --pcap http.pcap        run by sh; its directory holds the captures
    daemon: losses                            optional: fake_flowd runs this scenario; a command
                                              with -f ends by SIGINT once the script is done
    exit: 0
    --- stdout
    ...
    --- stderr
    --- daemon                                what the fake daemon was asked

Missing parts are empty. Times of today are written as <NOW>, the escape character as <ESC>.
--update rewrites the files.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILDER = os.path.join(HERE, "..", "packets", "make_captures.py")
PARTS = ("stdout", "stderr", "daemon")
NOW = re.compile(r"20(2[5-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
LIMIT_SECONDS = 20


class Case:
    def __init__(self, name):
        self.name, self.command, self.daemon, self.exit = name, "", "", 0
        self.parts = dict.fromkeys(PARTS, "")

    def text(self):
        lines = [f"### {self.name}\n$ {self.command}\n"]
        if self.daemon:
            lines.append(f"daemon: {self.daemon}\n")
        lines.append(f"exit: {self.exit}\n")
        lines += [f"--- {part}\n{self.parts[part]}" for part in PARTS if self.parts[part]]
        return "".join(lines)


def read_cases(path):
    cases, part = [], None
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("### "):
                if part:  # the blank line between two cases
                    cases[-1].parts[part] = cases[-1].parts[part].removesuffix("\n")
                cases.append(Case(line[4:].strip()))
                part = None
            elif line.startswith("--- ") and line[4:].strip() in PARTS:
                part = line[4:].strip()
            elif part:
                cases[-1].parts[part] += line
            elif line.startswith("$ "):
                cases[-1].command = line[2:].strip()
            elif ": " in line:
                key, value = line.strip().split(": ", 1)
                setattr(cases[-1], key, int(value) if key == "exit" else value)
    return cases


class Daemon:
    """The fake daemon, ready when the constructor returns."""

    def __init__(self, program, url, scenario):
        self.process = subprocess.Popen([program, url, scenario], stdout=subprocess.PIPE, text=True)
        self.lines = []
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"fake_flowd {scenario} does not start")

    def wait_done(self):
        for line in self.process.stdout:
            if line == "done\n":
                return
            self.lines.append(line)

    def stop(self):
        self.process.kill()
        rest = self.process.stdout.read()
        if "done\n" not in rest:
            self.lines += rest.splitlines(True)
        self.process.wait()


class Runner:
    def __init__(self, programs, directory):
        self.flowcli, self.fake = programs.split(":")
        self.directory = directory
        self.environment = {"PATH": os.path.dirname(self.flowcli) + ":" + os.environ["PATH"],
                            "LC_ALL": "C", "TZ": "UTC", "TERM": "xterm",
                            "FLOWCLI_SERVER": f"ipc://{directory}/flowd.sock"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def tidy(self, text):
        return NOW.sub("<NOW>", text.replace(self.directory, "DIR").replace("\033", "<ESC>"))

    def run(self, case):
        """A case of the same name with what really came out."""
        result = Case(case.name)
        result.command, result.daemon = case.command, case.daemon
        daemon = None
        if case.daemon:
            daemon = Daemon(self.fake, self.environment["FLOWCLI_SERVER"], case.daemon)
        process = subprocess.Popen(["sh", "-c", "exec " * bool(daemon) + case.command],
                                   cwd=self.directory, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="backslashreplace")
        if daemon and " -f" in case.command:
            daemon.wait_done()
            process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=LIMIT_SECONDS)
        result.exit = process.returncode
        if daemon:
            daemon.stop()
            result.parts["daemon"] = "".join(daemon.lines)
        result.parts["stdout"] = self.tidy(out)
        result.parts["stderr"] = self.tidy(error)
        return result


def difference(directory, expected, actual):
    paths = []
    for name, text in (("expected", expected), ("actual", actual)):
        paths.append(os.path.join(directory, name))
        with open(paths[-1], "w", encoding="utf-8") as file:
            file.write(text)
    done = subprocess.run(["diff", "-u", *paths], capture_output=True, text=True, check=False)
    return done.stdout


def run_file(runner, path, update, number):
    """Prints TAP from test `number` + 1 on; returns (last number, failures)."""
    failures, results = 0, []
    for case in read_cases(path):
        number += 1
        result = runner.run(case)
        results.append(result.text())
        good = result.text() == case.text()
        failures += not good
        print("ok" if good else "not ok", number, "-", os.path.basename(path), case.name)
        if not good:
            for line in difference(runner.directory, case.text(), result.text()).splitlines():
                print("#", line)
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(results))
    return number, failures


def main():
    arguments = sys.argv[1:]
    update = arguments[0] == "--update"
    programs, *files = arguments[update:]
    number = failures = 0
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, BUILDER, directory], check=True)
        runner = Runner(programs, directory)
        for path in files:
            number, failed = run_file(runner, path, update, number)
            failures += failed
    print(f"1..{number}")
    return 1 if failures and not update else 0


if __name__ == "__main__":
    sys.exit(main())
