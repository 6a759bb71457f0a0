# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lengths of C functions, from the brace in column 0 that opens the body to the one that closes it."""
import re

LINES_MAX, BPF_LINES_MAX, MAIN_LINES_MAX, P90_MAX = 60, 50, 80, 40
NAME = re.compile(r"(\w+)\(")


def functions(tree, path):
    """Yields (name, line, lines); a function that begins and ends in column 0."""
    head, start = "", None
    for number, line in enumerate(tree.lines(path), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            names = NAME.findall(head)
            yield (names[0] if names else "?"), start, number - start + 1
            start, head = None, ""
        elif not start and line and not line[0].isspace():
            head = line if line[0].isalpha() else ""


def limit(path, name):
    if name == "main":
        return MAIN_LINES_MAX
    return BPF_LINES_MAX if ".bpf." in path else LINES_MAX


def complaints(tree):
    found, lengths = [], []
    for path in tree.ending(".c", ".h"):
        for name, line, lines in functions(tree, path):
            lengths.append(lines)
            if lines > limit(path, name):
                found.append(f"{path}:{line}: {name} has {lines} lines, at most {limit(path, name)}")
    lengths.sort()
    if lengths and lengths[len(lengths) * 9 // 10] >= P90_MAX:
        found.append(f"the 90th percentile of function lengths is not below {P90_MAX} lines")
    return found
