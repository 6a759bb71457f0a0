# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The files of the source tree, as the checks see them: no build directories, nothing generated."""
import os


class Tree:
    def __init__(self, root):
        self.root = root
        self.paths = sorted(self._walk())

    def _walk(self):
        for directory, names, files in os.walk(self.root):
            names[:] = [name for name in names if not self._skipped(directory, name)]
            for name in files:
                yield os.path.relpath(os.path.join(directory, name), self.root)

    @staticmethod
    def _skipped(directory, name):
        inside = os.path.join(directory, name)
        return name in (".git", "__pycache__", ".cache") or os.path.isdir(
            os.path.join(inside, "meson-private"))

    def ending(self, *suffixes):
        return [path for path in self.paths if path.endswith(suffixes)]

    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def lines(self, path):
        return self.text(path).splitlines()

    def scripts(self, *interpreters):
        """Files whose first line names one of the interpreters, or that are sourced by such."""
        for path in self.paths:
            first = self.lines(path)[0] if not self._binary(path) and self.lines(path) else ""
            shell = first.startswith("# shellcheck shell=") and "bash" in interpreters
            if shell or first.startswith("#!") and first.split("/")[-1].split()[0] in interpreters:
                yield path

    def _binary(self, path):
        with open(os.path.join(self.root, path), "rb") as file:
            return b"\0" in file.read(4096)
