#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of the suites `bpf` and `netns` inside a Debian kernel: run.py VERSION SOURCE BUILD
[NAME[:CASE]...]. Speaks TAP, one line a case. Kernels are kept in $FLOWD_KERNEL_CACHE
(~/.cache/flowd-kernels)."""
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../netns"))
import tshark  # pylint: disable=wrong-import-position
from machine import Initramfs, Kernel, Unavailable, boot  # pylint: disable=wrong-import-position

# What depends on the kernel: the programs and their counts on both; attaching where there is no tcx, and the
# life of what is attached where there is. Emulation is slow, and the rest is the same code on any kernel.
TESTS = {"6.1": re.compile(r"bpf_(hooks|realtime|filter)|netns_(traffic|attach|identity)"),
         "6.12": re.compile(r"bpf_(hooks|drain)|netns_(traffic|tunnel|trouble|identity|netem)")}
# A daemon starts for each case, and in emulation the verifier takes seconds: of these a choice. By name
# (run.py 6.1 SOURCE BUILD netns_trouble) any test is run, with all its cases.
CASES = {
    "netns_traffic": ["Traffic.test_tcp_ipv4", "Traffic.test_vlan"],
    "netns_identity": ["Processes.test_hooks", "Processes.test_units"],
    "netns_netem": ["Passing.test_passing", "Sockets.test_loss"],
    "netns_trouble": ["Trouble.test_nft_input", "Trouble.test_retransmit"],
    "netns_tunnel": ["Tunnel.test_gre", "Tunnel.test_pod"],
}
SECONDS = 800
TEST_SECONDS = 240
MODULES = ("veth", "bridge", "8021q", "dummy", "sch_ingress", "cls_bpf", "cls_u32", "nf_tables",
           "sctp", "macvlan", "vxlan", "geneve", "ip_gre", "ip6_gre", "ipip", "sit", "ip6_tunnel", "nft_ct",
           "iptable_filter", "xt_tcpudp", "sch_netem", "sch_tbf", "tcp_diag")
COMMANDS = ("bash", "ip", "ss", "tc", "nft", "ping", "dnsmasq", "drill", "bpftool", "nngcat",
            "ethtool", "sleep", "iptables-legacy", "curl")
PYTHON_UNUSED = ("test", "tests", "idlelib", "lib2to3", "ensurepip", "distutils", "tkinter",
                 "turtledemo", "pydoc_data", "dist-packages", "site-packages", "__pycache__",
                 "config-3.11-x86_64-linux-gnu", "venv", "wsgiref", "xmlrpc", "sqlite3", "dbm")
BEGIN, END = "=== begin ", "=== end "


def tests_of(version, build, wanted):
    with open(os.path.join(build, "meson-info/intro-tests.json"), encoding="utf-8") as file:
        tests = json.load(file)
    if wanted:
        cases = [name.partition(":") for name in wanted]
        return [{**test, "cmd": test["cmd"] + [case for other, _, case in cases
                                               if other == test["name"] and case]}
                for test in tests if test["name"] in {name for name, _, _ in cases}]
    return [{**test, "cmd": test["cmd"] + CASES.get(test["name"], [])} for test in tests
            if TESTS[version].fullmatch(test["name"])]


def add_python(image):
    library = sysconfig.get_path("stdlib")
    image.program(os.path.realpath("/usr/bin/python3"), "/usr/bin/python3")
    image.directory(library, skip=PYTHON_UNUSED)
    # glibc loads it when a thread ends: no program names it
    for extension in (glob.glob("/lib/*/libgcc_s.so.1")
                      + glob.glob(os.path.join(library, "lib-dynload", "*.so"))):
        image.program(extension)
    # the guest's clock says nothing about the age of a source file
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode",
                    "unchecked-hash", image.root + library], check=True)


def add_iptables(image):
    """What iptables loads by name, as no program names it."""
    for name in ("libxt_udp.so", "libxt_standard.so"):
        for path in glob.glob(f"/usr/lib/*/xtables/{name}"):
            image.program(path)


def add_tests(image, tests, source, build):
    image.directory(os.path.join(source, "tests"), skip=("__pycache__", "corpus"))
    for program in ("flowd/flowd", "flowcli/flowcli"):
        image.program(os.path.join(build, program))
    words = {word for test in tests for word in [*test["cmd"], *test["env"].values()]}
    for path in words:
        if path.startswith(build + "/") and os.path.isfile(path):
            image.program(path)
        inside = os.path.join(build, path)
        if os.path.isdir(inside) and path.startswith("tests/"):
            image.directory(inside)


def script(tests, build):
    """What the guest runs: each test between two marks that no test prints."""
    lines = ["export FLOWD_TEST_TIME_SCALE=4 FLOWD_KEEP=/kept", "failed=0", f"mkdir -p {shlex.quote(build)}"]
    for test in tests:
        environment = [f"{name}={value}" for name, value in test["env"].items()]
        command = shlex.join(["timeout", str(TEST_SECONDS), "env", *environment, *test["cmd"]])
        lines += [f"echo '{BEGIN}{test['name']}'", f"cd {shlex.quote(test['workdir'] or build)}",
                  "read -r begun rest </proc/uptime", command, "code=$?",
                  "[ $code = 0 ] || failed=1", "read -r ended rest </proc/uptime",
                  f"echo; echo '# {test['name']}: '$((${{ended%.*}} - ${{begun%.*}}))' s'",
                  f"echo '{END}{test['name']}' $code"]
    return "\n".join(lines + ["exit $failed", ""])


class Report:
    """Many TAP streams into one."""

    def __init__(self):
        self.number = 0
        self.failed = False

    def case(self, good, title):
        self.number += 1
        self.failed |= not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {title}")

    def stream(self, name, code, lines):
        cases = failed = 0
        for line in lines:
            match = re.match(r"(not )?ok\b *\d* *-? *(.*)", line)
            if match:
                good = not match.group(1) or "# SKIP" in line  # cmocka skips with `not ok`
                cases += 1
                failed += not good
                self.case(good, f"{name}: {match.group(2)}")
            elif re.match(r"1\.\.0\b", line):
                cases += 1
                self.case(True, f"{name} {line[4:].strip()}")
            elif not re.match(r"1\.\.\d", line):
                print(line if line.startswith("#") else f"# {line}")
        if not cases or (code and not failed):
            self.case(code == 0, f"{name}: exit {code}")

    def guest(self, output, tests):
        seen = set()
        for name, body, code in re.findall(rf"^{BEGIN}(.*?)$(.*?)^{END}\1 (\d+)$", output,
                                           re.MULTILINE | re.DOTALL):
            seen.add(name)
            self.stream(name, int(code), body.strip().splitlines())
        for test in tests:
            if test["name"] not in seen:
                self.case(False, f"{test['name']}: did not come to its end")


def prepare(kernel, tests, source, build, directory):
    image = Initramfs(os.path.join(directory, "root"))
    for module in MODULES:
        image.module(kernel, module)
    for command in COMMANDS:
        image.command(command)
    add_python(image)
    add_iptables(image)
    add_tests(image, tests, source, build)
    image.write("etc/command", script(tests, build))
    archive = os.path.join(directory, "initramfs")
    image.pack(archive)
    shutil.rmtree(image.root)
    return archive


def unpack(archive):
    """The directory of what the guest has kept; empty where it kept nothing."""
    directory = archive + ".d"
    os.makedirs(directory)
    if os.path.exists(archive) and os.path.getsize(archive):
        subprocess.run(["tar", "-x", "-C", directory, "-f", archive], check=True)
    return directory


def run(version, source, build, wanted):
    cache = os.environ.get("FLOWD_KERNEL_CACHE", os.path.expanduser("~/.cache/flowd-kernels"))
    tests, report = tests_of(version, build, wanted), Report()
    with tempfile.TemporaryDirectory(prefix="flowd-kernel-") as directory:
        try:
            kernel = Kernel(version, cache)
            archive = prepare(kernel, tests, source, build, directory)
        except Unavailable as reason:
            print(f"1..0 # SKIP {reason}")
            return 0
        print(f"# {kernel.package}", flush=True)
        code, output, console = boot(kernel, archive, directory, SECONDS)
        kept = unpack(os.path.join(directory, "kept"))
        judged = list(tshark.judge_kept(kept)) if shutil.which("tshark") else []
        if os.listdir(kept) and not judged:
            print("# captures were kept, and there is no tshark to judge them")
    if code is None:
        print("\n".join("# console: " + line for line in console.splitlines()[-40:]))
    report.guest(output, tests)
    for name, complaints in judged:
        print("".join(f"# {complaint}\n" for complaint in complaints), end="")
        report.case(not complaints, f"tshark agrees: {name}")
    report.case(code is not None, f"the guest ended by itself within {SECONDS} s")
    print(f"1..{report.number}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    os.makedirs(os.environ.get("TMPDIR", "/tmp"), exist_ok=True)
    sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
