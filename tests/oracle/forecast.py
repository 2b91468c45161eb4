#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Asks QEMU, 7-Zip and libvhdi which images of the case table they open, and compares with the forecast of the report.
VirtualBox and Hyper-V are not in Debian: peers/virtualbox.py says what the driver of the one asks of the bytes, peers/openvmm.py what
the rules are by which the other is judged.

    forecast.py        with $VHDXRAY (default build/release/vhdxray) and build/release/tests/write_cases

An image is opened when qemu-io opens it for writing (and so replays its log), when 7zz lists it without an error, when
vhdiinfo prints its facts. Prints what disagrees, then for each program the share that agrees; fails below 99 %, and for
every disagreement that is not in EXPLAINED.
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests"))
from peers import openvmm, virtualbox  # noqa: E402

VHDXRAY = os.environ.get("VHDXRAY", os.path.join(ROOT, "build/release/vhdxray"))
WRITE_CASES = os.path.join(ROOT, "build/release/tests/write_cases")

# (program, part of the image's name): why the forecast says something else.
EXPLAINED = {
    ("qemu", "zeros-of-2-40"): "it writes a terabyte of zeros, as the log asks, and is stopped by the time limit here",
    ("qemu", "unbounded-zeros"): "it writes zeros, as the log asks, until the time limit here",
    ("qemu", "cut-in-header-section-inside"): "it cannot read a BAT that lies wholly behind the end of the file",
    ("libvhdi", "cut-in-header-section-inside"): "it cannot read metadata that lie wholly behind the end of the file",
    ("qemu", "log-target-begins-in-the-log"): "it refuses targets that begin in the log, and takes those that end in it",
    ("qemu", "standard-item-in-table"): "it takes bytes of the table for the item, here an impossible value",
    ("libvhdi", "disk-size-max"): "it has no room for 2^64 bytes, and takes other sizes above 64 TiB",
    ("libvhdi", "meta-item-twice"): "it takes the second of two items, here one that cannot be",
    ("libvhdi", "item-wraps-32-bits"): "it computes the item's place in 32 bits and then misses it",
    ("7zip", "hdr-log-wraps"): "it computes the end of the log in 64 bits and sees it inside the file",
    ("hyperv", "zero-with-a-place"): "openvmm opens it; Hyper-V itself does not, as QEMU found out in 2015",
    ("hyperv", "sequence-number-0"): "openvmm takes an entry with the number 0, which [MS-VHDX] 2.3.1.1 forbids",
    ("hyperv", "log-of-sequence-0"): "openvmm takes an entry with the number 0, which [MS-VHDX] 2.3.1.1 forbids",
    ("virtualbox", "meta-item-twice"): "it takes the second of two items, here one that cannot be",
    ("virtualbox", "bat-and-metadata-identical"): "it takes bytes of the metadata for BAT entries",
    ("7zip", "rgn-past-end"): "an unknown optional region ends behind the file: it reads all regions of the table",
}


def run(*args):
    try:
        p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=10)
        return p.returncode, p.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return None, "time is over"


def ask(path, work):
    copy = os.path.join(work, "copy.vhdx")
    subprocess.run(["cp", "--sparse=always", path, copy], check=True)
    answers = {
        "qemu": run("qemu-io", "-f", "vhdx", "-c", "quit", copy),
        "7zip": run("7zz", "l", "-tvhdx", path),
        "libvhdi": run("vhdiinfo", path),
    }
    for program, model in ("virtualbox", virtualbox), ("hyperv", openvmm):
        opens, why = model.opens(path)
        answers[program] = (0 if opens else 1, why)
    os.unlink(copy)
    return answers


def main():
    counts = {p: [0, 0] for p in ("qemu", "hyperv", "virtualbox", "7zip", "libvhdi")}
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="vhdxray-test-") as work:
        cases = os.path.join(work, "cases")
        os.mkdir(cases)
        subprocess.run([WRITE_CASES, cases], check=True, stdout=subprocess.DEVNULL)
        for name in sorted(os.listdir(cases)):
            path = os.path.join(cases, name)
            p = subprocess.run([VHDXRAY, "check", "-f", "jsonl", "--fail-on", "never", path], capture_output=True)
            image = json.loads(p.stdout)
            if not image["complete"]:
                continue
            for program, (code, text) in ask(path, work).items():
                if program == "7zip" and "Missing parent VHDX file" in text:
                    continue        # the forecast is about the image; its parent lies beside it where it is used
                forecast = image["compatibility"][program]
                same = forecast["opens"] == (code == 0)
                counts[program][same] += 1
                why = next((w for (p, part), w in EXPLAINED.items() if p == program and part in name), None)
                if same or why:
                    passed += 1
                else:
                    failed += 1
                if not same:
                    last = [l for l in text.splitlines() if l.strip()][-1:]
                    print(f"{'explained' if why else 'FAIL'}: {program}, {name}: forecast {forecast}, it said {last}")
            os.unlink(path)
    for program, (wrong, right) in counts.items():
        share = right / (right + wrong) if right + wrong else 0
        print(f"{program}: {right} of {right + wrong} agree, {100 * share:.2f} %")
        if share < 0.99:
            failed += 1
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
