# SPDX-License-Identifier: MIT
"""For the tests written in Python: counts, a line per failure, and the last line that tools/test reads."""


class Checks:
    """Called with a check's name, whether it is so, and what to show when it is not."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def __call__(self, name, good, why=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {name}: {why}")

    def finish(self):
        """Prints the counts; the exit code."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}")
        return self.failed > 0
