#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the sandbox costs: the same check of a small image with and without it, in turn, and the medians of what each used
of a processor, in user and kernel together. Printed, never asserted but for this: both runs say the same.

    VHDXRAY=build/release/vhdxray tests/sandbox_cost.py [RUNS]
"""
import os
import statistics
import subprocess
import sys
import tempfile

V = os.environ.get("VHDXRAY", "build/release/vhdxray")


def used(mode, image):
    """Milliseconds of a processor, and the report."""
    child = subprocess.Popen([V, "check", "--sandbox", mode, image], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    report = child.stdout.read()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    return 1000 * (usage.ru_utime + usage.ru_stime), (status, report)


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory(prefix="vhdxray-sandbox-") as folder:
        image = os.path.join(folder, "image.vhdx")
        subprocess.run([V, "create", image, "--size", "1G"], check=True, stdout=subprocess.DEVNULL)
        confined = subprocess.run([V, "check", "--sandbox", "require", "-q", image], stdout=subprocess.DEVNULL).returncode == 0
        times = {"auto": [], "off": []}
        reports = set()
        for _ in range(runs):
            for mode in times:
                ms, report = used(mode, image)
                times[mode].append(ms)
                reports.add(report)
    with_it, without = statistics.median(times["auto"]), statistics.median(times["off"])
    failed = int(len(reports) != 1) + int(not confined)
    print(f"figure cost of the sandbox: {with_it - without:.2f} ms of a processor for a check of a small image ({with_it:.2f} ms with it, "
          f"{without:.2f} without; medians of {runs} runs in turn)")
    print(f"{2 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
