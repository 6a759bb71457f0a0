#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the program's tables hold against what is kept by hand: tables.py FLOWCLI SOURCE_ROOT.

The manual page names every command, column and format; the completion script of the tree is the
one that the program prints, and bash completes with it.
"""
import os
import re
import subprocess
import sys

FLOWCLI, ROOT = sys.argv[1:]


def output(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def first_words(text, skip):
    return [line.split()[0] for line in text.splitlines()[skip:] if line and line[0] != " "]


def manual_macros():
    """Words that the page sets as commands: `.Cm a , b` and `.It Cm a , b`."""
    with open(os.path.join(ROOT, "docs/man/flowcli.1"), encoding="utf-8") as page:
        lines = re.findall(r"^\.(?:It )?(?:Op )?Cm (.*)$", page.read(), re.M)
    return set(re.findall(r"\w+", " ".join(lines)))


def check_manual():
    columns = [word for word in first_words(output(FLOWCLI, "list", "columns"), 1)
               if word != "Every"]
    formats = first_words(output(FLOWCLI, "list", "formats"), 0)
    commands = output(FLOWCLI, "complete", "--", "").split()
    assert len(columns) > 5 and len(formats) > 3 and len(commands) > 4
    missing = set(columns + formats + commands) - manual_macros()
    return f"the page does not tell of {sorted(missing)}" if missing else ""


def check_completion_script():
    with open(os.path.join(ROOT, "deploy/completion/flowcli.bash"), encoding="utf-8") as file:
        kept = file.read()
    return "" if output(FLOWCLI, "completion", "bash") == kept else \
        "deploy/completion/flowcli.bash is not what 'flowcli completion bash' prints"


def complete(*words):
    """What bash offers for the last word."""
    script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _flowcli; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    environment = dict(os.environ, PATH=os.path.dirname(FLOWCLI) + ":" + os.environ["PATH"])
    return output("bash", "-c", script, os.path.join(ROOT, "deploy/completion/flowcli.bash"),
                  "flowcli", *words, env=environment).split()


def check_completion():
    cases = [(("ob",), ["observe"]),
             (("observe", "--print-n"), ["--print-node-name"]),
             (("observe", "-o", "js"), ["json", "jsonpb"]),
             (("observe", "--output", "=", "c"), ["compact", "csv"]),
             (("observe", "--verdict", "DR"), ["DROPPED"]),
             (("observe", "--verdict", "dr"), ["dropped"]),
             (("observe", "--last", ""), []),
             (("help", "st"), ["status"]),
             (("status", "--output", "d"), ["dict"])]
    wrong = [f"{words}: {complete(*words)}" for words, wanted in cases if complete(*words) != wanted]
    return "; ".join(wrong)


def main():
    checks = [check_manual, check_completion_script, check_completion]
    failures = 0
    for number, check in enumerate(checks, 1):
        complaint = check()
        failures += bool(complaint)
        print("not ok" if complaint else "ok", number, "-", check.__name__)
        if complaint:
            print("#", complaint)
    print(f"1..{len(checks)}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
