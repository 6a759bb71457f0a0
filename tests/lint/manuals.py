# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the programs say of themselves against their manual pages, both ways."""
import os
import re
import subprocess

PROGRAMS = {
    "docs/man/flowcli.1": ("flowcli/flowcli", [[], ["observe"], ["status"], ["drops"], ["dns"], ["tcp"], ["why"], ["capture"], ["list", "pods"], ["scope", "add"]]),
    "docs/man/flowd.8": ("flowd/flowd", [[]]),
}
CONFIG_PAGE, CONFIG_SOURCES = "docs/man/flowd.conf.5", re.compile(r"flowd/(config\w*|export/\w+)\.c$")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
CONFIG_KEY = re.compile(r'\{ "([a-z_.]+)", OPTION_')


def page_text(tree, page):
    shown = subprocess.run(["mandoc", "-T", "utf8", os.path.join(tree.root, page)],
                           capture_output=True, text=True, check=True).stdout
    plain = re.sub(r".\x08", "", shown)
    return re.sub("[\u2010\u2011\u2212]", "-", plain)


def help_text(build, program, command):
    path = os.path.join(build, program)
    done = subprocess.run([path, *command, "--help"], capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        raise RuntimeError(f"{program} {' '.join(command)} --help: exit {done.returncode}")
    return done.stdout


def options_of_programs(build):
    return {page: set(OPTION.findall(" ".join(help_text(build, program, command)
                                              for command in commands)))
            for page, (program, commands) in PROGRAMS.items()}


def option_complaints(tree, build):
    helped = options_of_programs(build)
    everywhere = set().union(*helped.values())
    found = []
    for page, options in helped.items():
        written = set(OPTION.findall(page_text(tree, page)))
        found += [f"{page}: does not tell of {option}" for option in sorted(options - written)]
        found += [f"{page}: tells of {option}, which no program has"
                  for option in sorted(written - everywhere)]
    return found


def config_complaints(tree):
    keys = set()
    for path in filter(CONFIG_SOURCES.search, tree.paths):
        keys |= set(CONFIG_KEY.findall(tree.text(path)))
    written = page_text(tree, CONFIG_PAGE)
    if not keys:
        return ["flowd/config*.c: no configuration keys found"]
    return [f"{CONFIG_PAGE}: does not tell of the key {key}"
            for key in sorted(keys) if not re.search(rf"(?<![\w.]){re.escape(key.split('.')[-1])}\b", written)]


def complaints(tree, build):
    missing = [page for page in [*PROGRAMS, CONFIG_PAGE] if page not in tree.paths]
    if missing:
        return [f"{page}: missing" for page in missing]
    try:
        return option_complaints(tree, build) + config_complaints(tree)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        return [str(error)]
