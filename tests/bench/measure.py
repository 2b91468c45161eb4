# SPDX-License-Identifier: MIT
"""Runs programs in turn (A B A B ...) and says how they compare: medians, ratio, peak memory, and whether what is promised
about them holds."""
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VHDXRAY = os.path.join(ROOT, "build", "bench", "vhdxray")
RUNS = int(os.environ.get("BENCH_RUNS", "7"))
SLOW_SECONDS, SLOW_RUNS = 8, 3          # a pair that takes longer is run less often
QUICK_SECONDS, QUICK_TIMES = 0.1, 10    # and one that takes less so many times as often
GIVEN_UP_SECONDS = 120                  # a program that has not ended by then is stopped


def install():
    """
    Like the programs beside it, it is measured as installed: a file written in one go is loaded faster than one that a linker
    put together piece by piece and that is still in the kernel's cache that way.
    """
    built = os.environ.get("VHDXRAY", os.path.join(ROOT, "build", "release", "vhdxray"))
    subprocess.run(["install", "-D", built, VHDXRAY], check=True)


class Row:
    """One line of the table: what was run, on what, and what came of it."""

    def __init__(self, what, name, took, mib):
        self.what, self.name, self.took, self.mib = what, name, took, mib
        self.theirs, self.ratio, self.promises = None, None, []

    def promise(self, kept, text):
        self.promises.append((bool(kept), text))

    @property
    def missed(self):
        return sum(not kept for kept, _ in self.promises)


def stop(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def seconds(command, codes=(0,), inputs=None):
    """
    From the start of the process to its end, with nobody to read what it prints: on small images, subprocess.run() and its
    pipes would take as long as the program. codes: the exit codes that are a result here. None: it was stopped after
    GIVEN_UP_SECONDS.
    """
    path = shutil.which(command[0])
    with open(inputs or os.devnull, "rb") as f, open(os.devnull, "wb") as out, tempfile.TemporaryFile() as errors:
        actions = [(os.POSIX_SPAWN_DUP2, f.fileno(), 0), (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                   (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
        signal.signal(signal.SIGALRM, lambda *_: stop(pid))
        signal.alarm(GIVEN_UP_SECONDS)      # a thread that waits would cost small programs a tenth of their time
        start = time.perf_counter()
        pid = os.posix_spawn(path, command, os.environ, file_actions=actions)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        took = time.perf_counter() - start
        signal.alarm(0)
        if code == -signal.SIGKILL and took >= GIVEN_UP_SECONDS:
            return None
        if code not in codes:
            errors.seek(0)
            sys.exit(f"bench: {' '.join(command)}: exit {code}\n{errors.read()[-2000:]!r}")
    return took


def peak(command):
    """Peak resident MiB. GNU time forks from a small process; a child of Python would start at Python's own size."""
    try:
        done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=GIVEN_UP_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return int(done.stderr.split()[-1]) / 1024


def remove(*paths):
    for path in paths:
        if os.path.exists(path):
            os.unlink(path)


def in_turn(ours, theirs, codes, their_codes, outputs):
    a, b = [], []
    runs = RUNS
    while len(a) < runs:
        remove(*outputs)
        a.append(seconds(ours, codes))
        remove(*outputs)
        b.append(seconds(theirs, their_codes))
        if a[-1] is None or b[-1] is None:
            break
        if a[-1] + b[-1] > SLOW_SECONDS and not outputs:
            runs = min(runs, SLOW_RUNS)
        elif len(a) == 1 and a[-1] + b[-1] < QUICK_SECONDS:
            runs *= QUICK_TIMES
    remove(*outputs)
    return a, b


def compare(name, ours, theirs, *, faster=None, ratio=None, mib=None, limit=None, codes=(0,), their_codes=(0,), outputs=()):
    """
    ours, theirs: the commands. faster: how many times faster ours has to be; ratio: at most so many times their time; mib:
    peak memory at most; limit: seconds at most (for what is felt, not for comparing machines). outputs: files removed
    before each run. Returns the row.
    """
    a, b = in_turn(ours, theirs, codes, their_codes, outputs)
    # New files in memory: now and then a host has to give that memory first, which takes longer than what is measured.
    usual = min if outputs else statistics.median
    if None in a:
        row = Row(name, "vhdxray " + ours[1], None, None)
        row.promise(False, f"ends within {GIVEN_UP_SECONDS} s")
        return row
    row = Row(name, "vhdxray " + ours[1], usual(a), peak(ours))
    remove(*outputs)
    label = " ".join([os.path.basename(theirs[0]), *(w for w in theirs[1:2] if theirs[0] == "qemu-img")])
    if None in b:
        row.theirs = (label, None, None)
        return row
    row.theirs = (label, usual(b), peak(theirs))
    remove(*outputs)
    row.ratio = row.took / row.theirs[1]
    if faster is not None:
        row.promise(row.ratio * faster <= 1, f"{faster:g} × faster")
    if ratio is not None:
        row.promise(row.ratio <= ratio, f"≤ {ratio:g} ×")
    limits(row, mib, limit)
    return row


def alone(name, command, *, mib=None, limit=None, codes=(0,)):
    took = [seconds(command, codes)]
    while len(took) < (RUNS if took[0] is not None and took[0] < SLOW_SECONDS else SLOW_RUNS) and None not in took:
        took.append(seconds(command, codes))
    if None in took:
        row = Row(name, "vhdxray " + command[1], None, None)
        row.promise(False, f"ends within {GIVEN_UP_SECONDS} s")
        return row
    row = Row(name, "vhdxray " + command[1], statistics.median(took), peak(command))
    limits(row, mib, limit)
    return row


def limits(row, mib, limit):
    if mib is not None:
        row.promise(row.mib <= mib, f"≤ {mib:g} MiB")
    if limit is not None:
        row.promise(row.took <= limit, f"≤ {limit * 1000:g} ms")


def time_words(t):
    if t is None:
        return f"over {GIVEN_UP_SECONDS} s, stopped"
    return f"{t:.2f} s" if t >= 1 else f"{t * 1000:.1f} ms"


def mib_words(m):
    return "" if m is None else f"{m:.0f} MiB"


def table(rows):
    """The rows as Markdown."""
    lines = ["| what | vhdxray | memory | beside | time | memory | ratio | to reach |", "|---|---:|---:|---|---:|---:|---:|---|"]
    for r in rows:
        their = (r.theirs[0], time_words(r.theirs[1]), mib_words(r.theirs[2])) if r.theirs else ("", "", "")
        ratio = f"{r.ratio:.3f}" if r.ratio is not None else ""
        kept = "; ".join(text + (" ✓" if ok else " **missed**") for ok, text in r.promises)
        lines.append(f"| {r.what} | {time_words(r.took)} | {mib_words(r.mib)} | {their[0]} | {their[1]} | {their[2]} | {ratio} | {kept} |")
    return "\n".join(lines)
