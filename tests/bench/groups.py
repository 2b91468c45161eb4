# SPDX-License-Identifier: MIT
"""The groups of tools/bench: what is measured, beside what, and what is to be reached."""
import os
import re
import shutil
import subprocess

from . import inputs
from .inputs import GIB, MIB
from .measure import ROOT, RUNS, VHDXRAY, Row, alone, compare, remove, seconds

CHECK = [VHDXRAY, "check", "-q"]
QEMU_CHECK = ["qemu-img", "check", "-q", "-f", "vhdx"]
ANY_VERDICT = (0, 1, 2, 3, 4, 5)


def sha256(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0]


def bat(folder):
    """64 TiB disk, 1 MiB blocks, all 67 million entries present. `qemu-img check` looks for no overlap of payload blocks."""
    for kind, words, faster in (("full", "in order", 5), ("shuffled", "shuffled", 2)):
        image = os.path.join(folder, kind + ".vhdx")
        inputs.make_big(kind, image)
        yield compare(f"check, {words}", [*CHECK, image], [*QEMU_CHECK, image], faster=faster, mib=48)
        remove(image)


def bat_sparse(folder):
    """The same disk, its table a hole."""
    image = os.path.join(folder, "hole.vhdx")
    inputs.make_big("hole", image)
    yield compare("check", [*CHECK, image], [*QEMU_CHECK, image], faster=40, mib=16, limit=0.010)


def small(folder):
    """A new image of 16 MiB, whole process."""
    image = os.path.join(folder, "small.vhdx")
    subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", image, "16M"], check=True)
    for command in ("check", "info"):
        yield compare(command, [VHDXRAY, command, image], ["qemu-img", "info", "-f", "vhdx", image], faster=3)
    yield compare("check, beside the one of QEMU", [VHDXRAY, "check", image], [*QEMU_CHECK, image])
    yield compare("info, beside libvhdi", [VHDXRAY, "info", image], ["vhdiinfo", image])
    yield compare("check, beside 7-Zip's listing", [VHDXRAY, "check", image], ["7zz", "l", image])


def log(folder):
    """
    Logs that are full. Beside `cat` of the same bytes, and `qemu-img check`, which stops at a log that has to be replayed
    once it has found it.
    """
    image = os.path.join(folder, "log.vhdx")
    full = GIB // (2 * inputs.SECTOR)
    for words, length, entries, spoil, at in (("1 GiB of valid entries", GIB, full - 1, False, 0),
                                              ("1 GiB of entries with a wrong checksum", GIB, full, True, 0),
                                              ("1 GiB, a ring full to its last sector", GIB, full, False, 0),
                                              ("one entry at the end of 4095 MiB of holes", 4095 * MIB, 1, False, 4095 * MIB - 8192)):
        inputs.log_image(image, length, entries, spoil, at)
        sparse = entries == 1
        yield compare(f"check, {words}", [*CHECK, image], ["cat", image + ".log"], ratio=None if sparse else 2, codes=ANY_VERDICT)
        yield compare(f"check, {words}", [*CHECK, image], [*QEMU_CHECK, image], faster=50, codes=ANY_VERDICT,
                      their_codes=ANY_VERDICT)
        remove(image, image + ".log")


def overlap(folder):
    """10 million blocks at random places, nearly each over others; findings are capped, counts are not."""
    image = os.path.join(folder, "overlap.vhdx")
    inputs.make_big("overlap", image)
    yield alone("check", [*CHECK, image], mib=64, codes=ANY_VERDICT)
    yield alone("check -f json", [VHDXRAY, "check", "-f", "json", "-o", "/dev/null", image], mib=64, codes=ANY_VERDICT)


def export(folder):
    """8 GiB dynamic, half of it allocated, to a raw file; beside `qemu-img convert`, and `cp --sparse=always` of the same bytes."""
    image, raw, ours, theirs = (os.path.join(folder, n) for n in ("i.vhdx", "i.raw", "a.raw", "b.raw"))
    size = int(os.environ.get("BENCH_EXPORT_GIB", "8")) * GIB
    for words, unit in (("64 MiB of data, 64 MiB of holes, in turn", 64 * MIB), ("64 KiB of data, 64 KiB of zeros, in turn", 64 << 10)):
        inputs.data_disk(image, size, unit, raw)
        command = [VHDXRAY, "export", "-q", image, ours]
        yield compare(words, command, ["qemu-img", "convert", "-f", "vhdx", "-O", "raw", image, theirs], faster=1.5,
                      outputs=(ours, theirs))
        row = compare(words, command, ["cp", "--sparse=always", raw, theirs], ratio=1.1, outputs=(ours, theirs))
        seconds(command)
        row.promise(subprocess.run(["cmp", "-s", ours, raw]).returncode == 0, "same bytes")
        allocated = [os.stat(p).st_blocks * 512 for p in (ours, raw)]
        row.promise(allocated[0] <= allocated[1], "no more space than the raw file")
        yield row
        remove(image, raw, ours, theirs)


def hash_(folder):
    """8 GiB dynamic, half of it allocated: SHA-256 of the guest's disk; beside `openssl dgst` of a raw file without holes."""
    image, raw, filled = (os.path.join(folder, n) for n in ("i.vhdx", "i.raw", "filled.raw"))
    size = int(os.environ.get("BENCH_EXPORT_GIB", "8")) * GIB
    inputs.data_disk(image, size, 64 * MIB, raw)
    subprocess.run(["cp", "--sparse=never", raw, filled], check=True)
    remove(raw)
    row = compare("guest, sha256", [VHDXRAY, "hash", "--guest", image], ["openssl", "dgst", "-sha256", filled], ratio=1.05)
    ours = sha256([VHDXRAY, "hash", "--guest", image])
    row.promise(ours == sha256(["sha256sum", filled]), "same hash")
    yield row


def chain(folder):
    """
    Eight levels; every block partially present in one of them with every other sector; beside the same disk in one image.
    Every block's bytes are in two files, so a read that throws them away takes as long as two and the sorting; what is to
    be reached is for a use of them.
    """
    levels, flat = inputs.chain(folder, 8, 512 * MIB)
    parents = [w for p in levels[1:] for w in ("--parent", p)]
    for command in ("read", "hash"):
        rest = ["-o", "/dev/null"] if command == "read" else []
        row = compare(command, [VHDXRAY, command, *rest, levels[0], *parents], [VHDXRAY, command, *rest, flat],
                      ratio=1.5 if command == "hash" else None)
        row.theirs = ("flat image", *row.theirs[1:])
        yield row
    same = [sha256([VHDXRAY, "hash", "--guest", *more]) for more in ([levels[0], *parents], [flat])]
    row.promise(same[0] == same[1], "same content")


def batch(folder):
    """2,000 small images, with one worker and with two."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", os.path.join(folder, "0.vhdx"), "16M"], check=True)
    many = os.path.join(folder, "many")
    os.mkdir(many)
    for i in range(2000):
        subprocess.run(["cp", "--sparse=always", os.path.join(folder, "0.vhdx"), os.path.join(many, f"{i}.vhdx")], check=True)
    one, two = ([VHDXRAY, "check", "-q", "-r", "-j", n, "-f", "jsonl", "-o", "/dev/null", many] for n in ("1", "2"))
    row = compare("check -r -j 2", two, one, faster=1.8)
    row.theirs = ("vhdxray check -r -j 1", *row.theirs[1:])
    row.promise(2000 / row.took >= 3000, f"3,000 images a second ({2000 / row.took:,.0f})")
    yield row
    shutil.rmtree(many)


def json(folder):
    """`map` of 67 million entries as lines, none behind its neighbour; findings by the million are in the group overlap."""
    image = os.path.join(folder, "shuffled.vhdx")
    inputs.make_big("shuffled", image)
    row = alone("map -f jsonl", [VHDXRAY, "map", "-f", "jsonl", "-o", "/dev/null", image], mib=48)
    row.promise(2 ** 26 / row.took >= 2e6, f"2 million entries a second ({2 ** 26 / row.took / 1e6:.1f})")
    yield row


def fuzz(folder):
    """Executions a second of each fuzz target with ASan and UBSan, in processor time; see fuzz/README.md."""
    del folder
    done = subprocess.run([os.path.join(ROOT, "tools", "fuzz-speed"), "--seconds", "10"], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        found = re.match(r"^(?:ok|FAIL|not ok)?\s*(\w+)\s+(\d+)", line)
        if found:
            row = Row(f"{found[1]}: {int(found[2]):,} a second", None, None, None)
            row.promise(True, "")
            yield row


GROUPS = {"bat": bat, "bat-sparse": bat_sparse, "small": small, "log": log, "overlap": overlap, "export": export, "hash": hash_,
          "chain": chain, "batch": batch, "json": json, "fuzz": fuzz}
