# SPDX-License-Identifier: MIT
"""Shared by the tests in oracle/: the programs that read and write disks, folders for that, and comparing raw disks of which
most is holes."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

MIB, GIB = 1 << 20, 1 << 30
V = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VHDXRAY", "build/release/vhdxray"))
TIMEOUT = 120


class Differs(Exception):
    pass


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def note(self, group, results, more=""):
        bad = [w for w in results if w is not None]
        for why in bad:
            print("FAIL " + why)
        print("%s %-12s %d, %d differ%s" % ("ok  " if not bad else "FAIL", group, len(results), len(bad), more))
        self.passed += len(results) - len(bad)
        self.failed += len(bad)


def run(*cmd, stdin=None, check=True):
    p = subprocess.run([str(x) for x in cmd], capture_output=True, timeout=TIMEOUT, input=stdin if stdin is not None else b"")
    if check and p.returncode != 0:
        raise Differs("%s: exit %d: %s" % (" ".join(str(x) for x in cmd[:4]), p.returncode,
                                           (p.stderr or p.stdout)[-300:].decode(errors="replace")))
    return p


def scratch(in_memory=True):
    """A folder in memory when there is room: the programs sync what they write. Where syncs shall take time, on disk."""
    shm = "/dev/shm"
    roomy = os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 2 * GIB
    return tempfile.TemporaryDirectory(prefix="vhdxray-", dir=shm if roomy and in_memory else None)


def copy_of(path, to):
    run("cp", "--sparse=always", "--no-preserve=mode", path, to)
    return to


# ---- raw disks ----

def place(r, size, block):
    """A range of whole sectors: often at block borders, at both ends, over several blocks."""
    n = r.choice([512, 512, 4096, 65536, r.randrange(1, 400) * 512, r.randrange(1, 5) * MIB])
    n = min(n, size)
    at = r.choice([0, size - n, r.randrange(size), r.randrange(size), r.randrange(size) // block * block,
                   r.randrange(size) // block * block - 512])
    at = max(0, min(at, size - n)) // 512 * 512
    return at, n


def data_ranges(fd):
    size, at, out = os.fstat(fd).st_size, 0, []
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(fd, start, os.SEEK_HOLE)
        out.append((start, at))
    return out


def first_difference(a, b):
    """Offset of the first MiB that differs, or None; holes are not read."""
    fa, fb = os.open(a, os.O_RDONLY), os.open(b, os.O_RDONLY)
    try:
        if os.fstat(fa).st_size != os.fstat(fb).st_size:
            return min(os.fstat(fa).st_size, os.fstat(fb).st_size)
        for start, end in data_ranges(fa) + data_ranges(fb):
            for at in range(start, end, MIB):
                n = min(MIB, end - at)
                if os.pread(fa, n, at) != os.pread(fb, n, at):
                    return at
        return None
    finally:
        os.close(fa)
        os.close(fb)


def same(a, b, what):
    at = first_difference(a, b)
    if at is not None:
        raise Differs("%s: differs near %d" % (what, at))


# ---- the programs ----

def by_qemu(path, out):
    run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", path, out)
    return out


def by_7zip(path, out):
    """Keeps holes, so that a large disk costs its data."""
    zeros, size = bytes(65536), 0
    with open(out, "wb") as f, tempfile.TemporaryFile() as err:
        p = subprocess.Popen(["7zz", "x", "-so", "-tvhdx", path], stdout=subprocess.PIPE, stderr=err)
        while data := p.stdout.read(65536):
            if data != zeros[:len(data)]:
                os.pwrite(f.fileno(), data, size)
            size += len(data)
        f.truncate(size)
        if p.wait() != 0:
            err.seek(0)
            raise Differs("7zz: exit %d: %s" % (p.returncode, err.read()[-300:].decode(errors="replace")))
    return out


def qemu_check(path):
    run("qemu-img", "check", "-q", "-f", "vhdx", path)


def is_clean(path, *options):
    p = run(V, "check", "-f", "json", *options, path, check=False)
    im = json.loads(p.stdout)["images"][0]
    if im["verdict"] != "clean":
        rules = sorted({f["rule"] for f in im["findings"] if f["severity"] != "info"})
        raise Differs("vhdxray check: %s: %s" % (im["verdict"], ", ".join(rules)))
