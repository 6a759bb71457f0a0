#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One check of the source tree: lint.py CHECK SOURCE_ROOT BUILD_ROOT, or `lint.py list`.

Prints each complaint and exits 1 when there is one. A tool that is missing is a failure.
"""
import ast
import os
import re
import subprocess
import sys

import functions
import includes
import manuals
from tree import Tree

FILE_LINES_MAX = 500


def run_tool(command, cwd):
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return [f"{command[0]}: not installed; deploy/packages.sh lists what tests need"]
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def check_format(tree, _build):
    """C files are as .clang-format says."""
    return run_tool(["clang-format", "--dry-run", "-Werror", *tree.ending(".c", ".h")], tree.root)


def check_includes(tree, _build):
    """#include lines keep to the table in docs/architecture.md."""
    return includes.complaints(tree)


def check_manuals(tree, build):
    """Options, fields and configuration keys are the same in programs and manual pages."""
    return manuals.complaints(tree, build) + [
        line for page in tree.ending(".1", ".5", ".8")
        for line in run_tool(["mandoc", "-T", "lint", "-W", "warning", page], tree.root)]


def check_size(tree, _build):
    """Files below 500 lines; functions as docs/hacking.md says."""
    long = [f"{path}: {len(tree.lines(path))} lines, {FILE_LINES_MAX} are too many"
            for path in tree.ending(".c", ".h", ".py", ".sh")
            if len(tree.lines(path)) >= FILE_LINES_MAX]
    return long + functions.complaints(tree)


def check_words(tree, _build):
    """No marks of unfinished work, no homeless functions."""
    unfinished = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
    homeless = re.compile(r"(^|[_/-])(utils?|helpers?|misc|common)\.[a-z]+$")
    found = [f"{path}: a file without a home; name it after what it does"
             for path in tree.paths if homeless.search(path)]
    for path in tree.ending(".c", ".h", ".py", ".sh", ".build", ".md", ".proto"):
        found += [f"{path}:{number}: {line.strip()}"
                  for number, line in enumerate(tree.lines(path), 1) if unfinished.search(line)]
    return found


def check_scripts(tree, _build):
    """Shell scripts pass shellcheck, Python files parse."""
    found = run_tool(["shellcheck", "-x", *tree.scripts("sh", "bash")], tree.root)
    for path in tree.ending(".py"):
        try:
            ast.parse(tree.text(path), path)
        except SyntaxError as error:
            found.append(str(error))
    return found


def check_registered(tree, _build):
    """Every test and fuzz target of the tree is named in the meson.build beside it."""
    found = []
    for path in tree.paths:
        directory, name = os.path.split(path)
        match = re.fullmatch(r"(?:test|fuzz|bench)_(\w+)\.(?:c|py|sh)", name)
        if not match or not directory.startswith("tests/"):
            continue
        build = os.path.join(directory, "meson.build")
        text = tree.text(build) if build in tree.paths else ""
        if name not in text and f"'{match.group(1)}'" not in text:
            found.append(f"{path}: not in {build}: it never runs")
    return found


def check_spdx(tree, _build):
    """The licence is told first."""
    return [f"{path}: no SPDX-License-Identifier at its head"
            for path in tree.ending(".c", ".h", ".py", ".sh", "meson.build", ".proto", ".1", ".5",
                                    ".8", ".yaml")
            if not any("SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause" in line
                       for line in tree.lines(path)[:2])]


CHECKS = {name[len("check_"):]: check for name, check in list(globals().items())
          if name.startswith("check_")}


def main():
    if sys.argv[1:] == ["list"]:
        print("\n".join(f"{name:12} {check.__doc__}" for name, check in CHECKS.items()))
        return 0
    name, root, build = sys.argv[1:]
    found = CHECKS[name](Tree(root), build)
    if found:
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
