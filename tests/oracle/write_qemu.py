#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `vhdxray create`, `write` and `replay` leave, read by other programs; and what QEMU writes, read by us.

    write_qemu.py [BINARY] [ROUNDS]     (default $VHDXRAY or build/release/vhdxray; 400 rounds)

  ping-pong   images of ours and of qemu-img, of all block sizes, log sizes and types; one round is a write by one of the
              two programs, read by the other. Every fifth round, and at the end, the whole disk is compared through
              `qemu-img convert` and `vhdxray export`, `qemu-img check` and `vhdxray check` find nothing.
  7-Zip       4096-byte sectors and differencing disks, which QEMU refuses, after random writes of ours.
  real        copies of the images in $VHDXRAY_IMAGES, written to.
  killed      qemu-io killed by SIGKILL in the middle of writes: of those that left a dirty log, a copy is replayed by us
              and one by `qemu-img check -r all`, and both read the same. And the other way round: `vhdxray write` is
              killed, QEMU recovers the image, and each sector holds what it held before or what was written.

The same seed makes the same images; where a program is killed is up to the clock. Prints what differs and a line per group;
last `N passed, N failed`."""
import concurrent.futures
import json
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from programs import (  # noqa: E402
    GIB, MIB, TIMEOUT, Differs, Tally, V, by_7zip, by_qemu, copy_of, is_clean, place, qemu_check, run, same, scratch)

ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 400
ROUNDS_OF_IMAGE = 20


# ---- the truth: a sparse raw file ----

class Model:
    def __init__(self, path, size):
        self.path, self.size = path, size
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.ftruncate(self.fd, size)

    def put(self, off, data):
        os.pwrite(self.fd, data, off)

    def get(self, off, n):
        return os.pread(self.fd, n, off)

    def close(self):
        os.close(self.fd)


# ---- the programs ----

def ours_write(path, off, data):
    run(V, "write", "--offset", off, path, stdin=data)


def compare_whole(path, raw):
    out = path + ".out"
    qemu_check(path)
    same(by_qemu(path, out), raw, "qemu-img convert")
    os.unlink(out)
    run(V, "export", path, out)
    same(out, raw, "vhdxray export")
    os.unlink(out)
    is_clean(path)


# ---- ping-pong ----

def made(r, number, path):
    """Size and block size of a new image; every combination turns up as the numbers go by."""
    block = 1 << (number % 9)
    log = [1, 2, 8][number // 3 % 3]
    kind = ["dynamic", "fixed", "zero", "qemu", "qemu-fixed", "by-qemu", "by-qemu-fixed", "by-qemu-off"][number % 8]
    size = r.randrange(1, 96 * 2048) * 512
    if number % 25 == 7:  # a second chunk: the BAT has a bitmap slot in between
        size, block, kind = 4 * GIB + r.randrange(1, 4096) * 512, 1, r.choice(["dynamic", "zero", "by-qemu"])
    if kind.startswith("by-qemu"):
        options = "block_size=%dM,log_size=%dM,subformat=%s,block_state_zero=%s" % (
            block, log, "fixed" if kind == "by-qemu-fixed" else "dynamic", "off" if kind == "by-qemu-off" else "on")
        run("qemu-img", "create", "-q", "-f", "vhdx", "-o", options, path, size)
    else:
        more = {"dynamic": [], "fixed": ["--type", "fixed"], "zero": ["--block-state-zero"], "qemu": ["--like", "qemu"],
                "qemu-fixed": ["--like", "qemu", "--type", "fixed"]}[kind]
        run(V, "create", path, "--size", size, "--block-size", "%dM" % block, "--log-size", "%dM" % log, *more)
    return size, block * MIB


def ping_pong(number, rounds):
    """None, or what is wrong."""
    r = random.Random(number)
    with scratch() as folder:
        path = os.path.join(folder, "image.vhdx")
        step = "create"
        try:
            size, block = made(r, number, path)
            model = Model(os.path.join(folder, "model"), size)
            is_clean(path)
            for i in range(rounds):
                at, n = place(r, size, block)
                byte = r.choice([0] + list(range(1, 256)) * 2)
                data = bytes([byte]) * n
                if r.random() < 0.5:
                    step = "round %d, %d bytes at %d by us" % (i, n, at)
                    ours_write(path, at, data)
                    run("qemu-io", "-f", "vhdx", "-r", "-c", "read -P %d %d %d" % (byte, at, n), path)
                else:
                    step = "round %d, %d bytes at %d by QEMU" % (i, n, at)
                    run("qemu-io", "-f", "vhdx", "-c", "write -q -P %d %d %d" % (byte, at, n), path)
                    if run(V, "read", path, "--offset", at, "--length", n).stdout != data:
                        raise Differs("vhdxray read")
                model.put(at, data)
                if i % 5 == 4 or i == rounds - 1:
                    compare_whole(path, model.path)
            model.close()
        except (Differs, subprocess.TimeoutExpired) as e:
            return "image %d, %s: %s" % (number, step, e)
    return None


# ---- 7-Zip ----

def random_data(r, n):
    """Mostly data, with runs of zeros in it."""
    data = bytearray(r.randbytes(n))
    for _ in range(r.randrange(4)):
        at = r.randrange(n)
        end = min(n, at + r.choice([100, 70000, MIB]))
        data[at:end] = bytes(end - at)
    return bytes(data)


def write_some(r, path, model, block, sector, count):
    for _ in range(count):
        at, n = place(r, model.size, block)
        at, n = at // sector * sector, max(sector, n // sector * sector)
        n = min(n, model.size - at)
        data = random_data(r, n) if r.random() < 0.85 else bytes(n)
        ours_write(path, at, data)
        model.put(at, data)


def seven_zip(number):
    """A chain of one to three files of ours, read by 7-Zip, which looks for parents beside the child."""
    r = random.Random(1000 + number)
    sector = [4096, 512][number % 2]
    with scratch() as folder:
        step = "create"
        try:
            size = r.randrange(128, 128 * 40) * 8192
            block = r.choice([1, 1, 2, 4, 32, 256])
            base = os.path.join(folder, "disk0.vhdx")
            model = Model(os.path.join(folder, "model"), size)
            kind = r.choice([[], ["--type", "fixed"], ["--block-state-zero"]])
            run(V, "create", base, "--size", size, "--block-size", "%dM" % block, "--sector-size", sector, *kind)
            parents, path = [], base
            for depth in range(r.choice([1, 2, 2, 3])):
                if depth > 0:
                    step = "child %d" % depth
                    parents.insert(0, path)
                    child = os.path.join(folder, "disk%d.avhdx" % depth)
                    run(V, "create", child, "--parent", path, "--block-size", "%dM" % r.choice([1, 2, 16, 256]))
                    path = child
                step = "writes at depth %d" % depth
                write_some(r, path, model, MIB, sector, r.randrange(1, 7))
                options = [x for p in parents for x in ("--parent", p)]
                is_clean(path, *options)
                out = os.path.join(folder, "out")
                run(V, "export", "--force", *options, path, out)
                same(out, model.path, "vhdxray export")
                same(by_7zip(path, out), model.path, "7zz")
            model.close()
        except (Differs, subprocess.TimeoutExpired) as e:
            return "chain %d, %s: %s" % (number, step, e)
    return None


# ---- real images ----

def real_image(path):
    """Writes into a copy; what QEMU (a child: 7-Zip) read before is the model."""
    r = random.Random(os.path.basename(path))
    with scratch() as folder:
        image, raw = copy_of(path, os.path.join(folder, "image.vhdx")), os.path.join(folder, "raw")
        try:
            child = "differential" in path
            if child:
                copy_of(path.replace("differential", "parent"), os.path.join(folder, "fat-parent.vhdx"))
                by_7zip(image, raw)
            else:
                before = copy_of(path, os.path.join(folder, "before.vhdx"))
                run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", before, check=False)
                run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", before, raw)
            with open(raw, "r+b") as model:
                size = os.fstat(model.fileno()).st_size
                for _ in range(12):
                    at, n = place(r, size, 2 * MIB)
                    at, n = at // 4096 * 4096, max(4096, n // 4096 * 4096)
                    data = random_data(r, min(n, size - at))
                    ours_write(image, at, data)
                    model.seek(at)
                    model.write(data)
            if child:
                is_clean(image, "--parent", os.path.join(folder, "fat-parent.vhdx"))
                same(by_7zip(image, os.path.join(folder, "out")), raw, "7zz")
            else:
                compare_whole(image, raw)
        except (Differs, subprocess.TimeoutExpired) as e:
            return "%s: %s" % (os.path.basename(path), e)
    return None


# ---- killed ----

def kill_later(cmd, seconds, stdin=None):
    p = subprocess.Popen([str(x) for x in cmd], stdin=stdin or subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    p.kill()
    p.wait()


def log_state(path):
    p = run(V, "info", "-f", "json", path, check=False)
    return json.loads(p.stdout)["images"][0]["facts"]["log"]["state"]


def qemu_killed(number):
    """(left a dirty log, what is wrong)"""
    r = random.Random(2000 + number)
    with scratch() as folder, scratch(in_memory=False) as slow:
        path, ours, theirs = (os.path.join(folder, n) for n in ("image.vhdx", "ours.vhdx", "theirs.vhdx"))
        try:
            on_disk = os.path.join(slow, "image.vhdx")
            run("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=1M", on_disk, "1G")
            commands = []
            for _ in range(400):
                commands += ["-c", "write -q -P %d %d 4k" % (r.randrange(1, 256), r.randrange(1024) * MIB)]
            kill_later(["qemu-io", "-f", "vhdx", *commands, on_disk], 0.03 + r.random() * 0.1)
            if log_state(on_disk) != "dirty":
                return False, None
            for copy in (path, ours, theirs):
                copy_of(on_disk, copy)
            out = run(V, "replay", ours, check=False)
            if out.returncode != 4:
                raise Differs("vhdxray replay: exit %d: %s" % (out.returncode, out.stderr[-300:]))
            run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", theirs, check=False)
            raws = []
            for copy in (ours, theirs):
                qemu_check(copy)
                is_clean(copy)
                raws.append(copy + ".raw")
                run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", copy, raws[-1])
            same(raws[0], raws[1], "replayed by us and by QEMU")
            run(V, "export", path, path + ".raw")
            same(path + ".raw", raws[1], "replayed in memory and by QEMU")
            return True, None
        except (Differs, subprocess.TimeoutExpired) as e:
            return True, "qemu-io %d: %s" % (number, e)


def ours_killed(number):
    r = random.Random(3000 + number)
    with scratch() as folder, scratch(in_memory=False) as slow:
        path, raw = os.path.join(folder, "image.vhdx"), os.path.join(folder, "raw")
        try:
            size = 96 * MIB
            run(V, "create", path, "--size", size, "--block-size", "%dM" % r.choice([1, 1, 2, 8]))
            old, new = random.Random(number).randbytes(size // 2), random.Random(-number).randbytes(size)
            ours_write(path, 0, old)
            old += bytes(size - len(old))
            with open(raw, "wb") as f:
                f.write(new)
            on_disk = copy_of(path, os.path.join(slow, "image.vhdx"))
            start = time.monotonic()
            with open(raw, "rb") as f:
                subprocess.run([V, "write", on_disk], stdin=f, capture_output=True, timeout=TIMEOUT)
            whole = time.monotonic() - start
            copy_of(path, on_disk)
            with open(raw, "rb") as f:
                kill_later([V, "write", on_disk], whole * r.uniform(0.2, 1), stdin=f)
            copy_of(on_disk, path)
            state = log_state(path)
            if state == "invalid":
                raise Differs("the log cannot be replayed")
            run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", path, check=False)
            qemu_check(path)
            is_clean(path)
            run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", path, raw)
            with open(raw, "rb") as f:
                got = f.read()
            for at in range(0, size, 512):
                if got[at:at + 512] not in (old[at:at + 512], new[at:at + 512]):
                    raise Differs("the sector at %d is neither old nor new" % at)
            return state == "dirty", None
        except (Differs, subprocess.TimeoutExpired) as e:
            return True, "vhdxray write %d: %s" % (number, e)


def killed_after(chunks):
    """`vhdxray write` killed with so many log entries written. The last one's BAT page is taken from its place, as if it
    had never got there: only who replays that entry sees the blocks."""
    chunk = 32 * MIB  # what the command reads at a time; one log entry each
    with scratch() as folder:
        path, ours, theirs = (os.path.join(folder, n) for n in ("image.vhdx", "ours.vhdx", "theirs.vhdx"))
        try:
            model = Model(os.path.join(folder, "model"), 8 * chunk)
            run(V, "create", path, "--size", model.size, "--block-size", "1M")
            p = subprocess.Popen([V, "write", path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            for i in range(chunks):
                data = random.Random(i).randbytes(chunk // 32) * 32
                model.put(i * chunk, data)
                p.stdin.write(data)
            p.stdin.flush()
            for _ in range(600):
                facts = json.loads(run(V, "info", "-f", "json", path, check=False).stdout)["images"][0]["facts"]
                if facts["log"]["state"] == "dirty" and facts["bat"]["states"]["fully_present"] == chunks * 32:
                    break
                time.sleep(0.05)
            p.kill()
            p.wait()
            with open(path, "r+b") as f:
                f.seek(3 * MIB + (chunks - 1) * 32 * 8)
                f.write(bytes(32 * 8))
            for copy in (ours, theirs):
                copy_of(path, copy)
            if run(V, "replay", ours, check=False).returncode != 4:
                raise Differs("vhdxray replay")
            run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", theirs, check=False)
            for copy in (ours, theirs):
                compare_whole(copy, model.path)
            model.close()
        except (Differs, subprocess.TimeoutExpired) as e:
            return "killed after %d entries: %s" % (chunks, e)
    return None


# ---- all of it ----

def killed(pool, fn, wanted, most, group, tally):
    """Until enough of them left a dirty log; at most so many. Only those count."""
    results, tries = [], 0
    while tries < most and len(results) < wanted:
        for was_dirty, why in pool.map(fn, range(tries, tries + 6)):
            if was_dirty or why is not None:
                results.append(why)
        tries += 6
    if not results:
        results = ["%s: none of %d that were killed left a dirty log: nothing is shown" % (group, tries)]
    tally.note(group, results, " (of %d that were killed)" % tries)


def main():
    for tool in ("qemu-img", "qemu-io", "7zz"):
        if shutil.which(tool) is None:
            print("no %s\n0 passed, 0 failed, 1 skipped" % tool)
            return 77
    tally = Tally()
    images = (ROUNDS + ROUNDS_OF_IMAGE - 1) // ROUNDS_OF_IMAGE
    with concurrent.futures.ProcessPoolExecutor() as pool:
        tally.note("ping-pong", list(pool.map(ping_pong, range(images), [ROUNDS_OF_IMAGE] * images)),
                   ", %d rounds" % (images * ROUNDS_OF_IMAGE))
        tally.note("7-zip", list(pool.map(seven_zip, range(max(4, images)))))
        folder = os.environ.get("VHDXRAY_IMAGES")
        if folder and os.path.isdir(folder):
            paths = [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if n.endswith(".vhdx")]
            tally.note("real images", list(pool.map(real_image, paths)))
        tally.note("entries", list(pool.map(killed_after, range(1, 7))))
        killed(pool, qemu_killed, 8, 90, "qemu killed", tally)
        killed(pool, ours_killed, 8, 90, "ours killed", tally)
    print("figure ping-pong with qemu: %d rounds over %d images, each side reads what the other wrote" %
          (images * ROUNDS_OF_IMAGE, images))
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    return tally.failed != 0


if __name__ == "__main__":
    sys.exit(main())
