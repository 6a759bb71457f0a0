# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who may include whom: the table of docs/architecture.md against the #include lines.

A row allows its directory to include the named directories or single files. The longest matching
row counts; a directory may always include itself. Tests may include everything, nothing includes
tests. Generated headers are named without a directory; each has one owner.
"""
import re

PAGE = "docs/architecture.md"
HEADING = "| directory | may include |"
GENERATED = {".pb-c.h": "proto", ".skel.h": "flowd/kernel"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def table(tree):
    lines = tree.lines(PAGE)
    rows = {}
    for line in lines[lines.index(HEADING) + 2:]:
        if not line.startswith("|"):
            break
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:3]]
        for directory in cells[0]:
            rows[directory] = cells[1]
    return rows


def row_of(rows, path):
    fitting = [name for name in rows if path == name or path.startswith(name + "/")]
    return max(fitting, key=len) if fitting else None


def allowed(rows, path, target):
    if path.startswith("tests/"):
        return True
    own = row_of(rows, path)
    if own is None or target.startswith("tests/"):
        return False
    if "/" not in target:
        return any(target.endswith(end) and path.startswith((owner, "tests"))
                   for end, owner in GENERATED.items())
    home = row_of(rows, target)
    return home == own or home in rows[own] or target in rows[own]


def complaints(tree):
    if PAGE not in tree.paths or HEADING not in tree.lines(PAGE):
        return [f"{PAGE}: no table with the heading {HEADING}"]
    rows, found = table(tree), []
    for path in tree.ending(".c", ".h"):
        for number, line in enumerate(tree.lines(path), 1):
            match = INCLUDE.match(line)
            if match and not allowed(rows, path, match.group(1)):
                found.append(f"{path}:{number}: may not include {match.group(1)} ({PAGE})")
    return found
