# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the unittest cases of a file and speaks TAP, one line a case; skips tell their reason."""
import os
import sys
import unittest


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def line(self, good, test, directive=""):
        self.number += 1
        name = test.shortDescription() or test.id().split(".")[-1]
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}{directive}", flush=True)

    def addSuccess(self, test):
        self.line(True, test)

    def addSkip(self, test, reason):
        self.line(True, test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(False, test)
        for text in self.failures[-1][1].splitlines():
            print(f"# {text}", flush=True)

    def addError(self, test, err):
        self.addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err:
            self.addFailure(subtest, err)


def main(module="__main__"):
    if os.geteuid() != 0:
        print("1..0 # SKIP not root: network namespaces and BPF programs need it")
        return
    wanted = [f"{module}.{name}" for name in sys.argv[1:]]
    loader = unittest.TestLoader()
    suite = (unittest.TestSuite(loader.loadTestsFromName(name.split(".", 1)[1], sys.modules[module])
                                for name in wanted)
             if wanted else loader.loadTestsFromModule(sys.modules[module]))
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Result()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
