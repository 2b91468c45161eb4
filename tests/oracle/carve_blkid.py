#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What carving says of orphaned content against what blkid and file say of the same bytes.

    carve_blkid.py [BINARY]     (default $VHDXRAY or build/release/vhdxray)

Real file systems, partition tables and volumes, made by the programs that make them, are written into a VHDX by qemu-img;
then every BAT entry is cleared, so that nothing refers to their blocks any more. `carve` and `check --deep` must find the
block they began in and name them like blkid does; file must agree; and what is extracted are the bytes that went in.

Makers that are not installed are skipped. Prints a line per case; last `N passed, N failed`, `, N skipped`."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import vhdx
from vhdx import MIB

V = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VHDXRAY", "build/release/vhdxray"))
os.environ["PATH"] += ":/sbin:/usr/sbin"
TIMEOUT = 120


class Differs(Exception):
    pass


def run(*cmd, **more):
    p = subprocess.run(cmd, capture_output=True, timeout=TIMEOUT, **more)
    if p.returncode != 0:
        raise Differs("%s: exit %d: %s" % (" ".join(cmd[:3]), p.returncode, (p.stderr or p.stdout)[-300:].decode(errors="replace")))
    return p.stdout


def mkfs(*cmd, stdin=None):
    return lambda raw: run(*cmd, raw, input=stdin if stdin is not None else b"")


def folder_image(*cmd):
    """Makers that want a folder of files."""
    def make(raw):
        d = raw + ".files"
        os.mkdir(d)
        with open(os.path.join(d, "a file"), "wb") as f:
            f.write(bytes(range(256)) * 4096)
        os.unlink(raw)
        run(*[{"RAW": raw, "DIR": d}.get(c, c) for c in cmd])
        with open(raw, "r+b") as f:
            f.truncate(-(-os.path.getsize(raw) // MIB) * MIB)
    return make


def partitioned(label):
    def make(raw):
        run("sfdisk", "-q", raw, input=b"label: %s\nstart=2048, size=16384, type=%s\n" % (
            label, b"83" if label == b"dos" else b"0FC63DAF-8483-4772-8E79-3D69D8477DE4"))
        run("mkfs.ext4", "-q", "-F", "-E", "offset=1048576", raw, "8M")
    return make


# name, our key, the maker's program, size in MiB, maker, a word that file says (None: it does not know this one)
CASES = [
    ("ext2", "ext2", "mkfs.ext2", 32, mkfs("mkfs.ext2", "-q", "-F"), "ext2 filesystem"),
    ("ext3", "ext3", "mkfs.ext3", 32, mkfs("mkfs.ext3", "-q", "-F"), "ext3 filesystem"),
    ("ext4", "ext4", "mkfs.ext4", 32, mkfs("mkfs.ext4", "-q", "-F"), "ext4 filesystem"),
    ("ext4 of 1 KiB blocks, no journal", "ext4", "mkfs.ext4", 16,
     mkfs("mkfs.ext4", "-q", "-F", "-b", "1024", "-O", "^has_journal"), "ext"),
    ("fat12", "fat12", "mkfs.vfat", 2, mkfs("mkfs.vfat", "-F", "12"), "FAT (12 bit)"),
    ("fat16", "fat16", "mkfs.vfat", 32, mkfs("mkfs.vfat", "-F", "16"), "FAT (16 bit)"),
    ("fat32", "fat32", "mkfs.vfat", 64, mkfs("mkfs.vfat", "-F", "32"), "FAT (32 bit)"),
    ("exfat", "exfat", "mkfs.exfat", 32, mkfs("mkfs.exfat"), "boot sector"),
    ("ntfs", "ntfs", "mkfs.ntfs", 32, mkfs("mkfs.ntfs", "-q", "-F"), "NTFS"),
    ("xfs", "xfs", "mkfs.xfs", 512, mkfs("mkfs.xfs", "-q", "-f"), "XFS"),
    ("btrfs", "btrfs", "mkfs.btrfs", 256, mkfs("mkfs.btrfs", "-q", "-f"), "BTRFS"),
    ("f2fs", "f2fs", "mkfs.f2fs", 128, mkfs("mkfs.f2fs", "-q", "-f"), "F2FS"),
    ("swap", "swap", "mkswap", 8, mkfs("mkswap"), "swap file"),
    ("luks1", "luks", "cryptsetup", 16,
     mkfs("cryptsetup", "luksFormat", "-q", "--type", "luks1", "--iter-time", "10", "--key-file", "-", stdin=b"secret"), "LUKS"),
    ("luks2", "luks", "cryptsetup", 32,
     mkfs("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--iter-time", "10", "--key-file", "-",
          stdin=b"secret"), "LUKS"),
    ("iso9660", "iso9660", "genisoimage", 1, folder_image("genisoimage", "-quiet", "-R", "-o", "RAW", "DIR"), "ISO 9660"),
    ("squashfs", "squashfs", "mksquashfs", 1, folder_image("mksquashfs", "DIR", "RAW", "-quiet"), "Squashfs"),
    ("erofs", "erofs", "mkfs.erofs", 1, folder_image("mkfs.erofs", "RAW", "DIR"), "EROFS"),
    ("jfs", "jfs", "mkfs.jfs", 32, mkfs("mkfs.jfs", "-q"), "JFS"),
    ("udf", "udf", "mkudffs", 16, mkfs("mkudffs", "--blocksize=2048"), None),
    ("mbr, with ext4 in a partition", "mbr", "sfdisk", 16, partitioned(b"dos"), "DOS/MBR boot sector"),
    ("gpt, with ext4 in a partition", "gpt", "sfdisk", 16, partitioned(b"gpt"), "DOS/MBR boot sector"),
]

# blkid's names where they are not ours.
BLKID = {"crypto_LUKS": "luks", "dos": "mbr"}


def ask_blkid(raw):
    said = dict(line.split("=", 1) for line in run("blkid", "-p", "-o", "export", raw).decode().splitlines() if "=" in line)
    name = said.get("TYPE") or said.get("PTTYPE")
    if name == "vfat":
        return said.get("VERSION", "vfat").lower()
    return BLKID.get(name, name)


def bat_region(f):
    f.seek(0x30000)
    table = f.read(65536)
    for i in range(struct.unpack_from("<I", table, 8)[0]):
        guid, off, length = struct.unpack_from("<16sQI", table, 16 + 32 * i)
        if guid == vhdx.BAT.bytes_le:
            return off, length
    raise Differs("no BAT in what qemu-img made")


def orphaned(raw, image):
    """The disk in blocks of 1 MiB, its BAT cleared. Where blocks were: {block: file offset}."""
    run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", "block_size=1M", raw, image)
    with open(image, "rb") as f:
        off, length = bat_region(f)
        f.seek(off)
        entries = struct.unpack("<512Q", f.read(4096))
    vhdx.flip(image, off, bytes(length))
    return {b: e & ~(MIB - 1) for b, e in enumerate(entries) if e & 7 == 6}


def look(name, key, size, make, word, folder):
    raw, image, out = (os.path.join(folder, n) for n in ("disk.raw", "disk.vhdx", "found"))
    with open(raw, "wb") as f:
        f.truncate(size * MIB)
    make(raw)
    blkid = ask_blkid(raw)
    if blkid != key:
        raise Differs("blkid says %s, this test expected %s" % (blkid, key))
    said = run("file", "-b", raw).decode()
    if word is not None and word not in said:
        raise Differs("file says %r, this test expected %r" % (said, word))
    places = orphaned(raw, image)
    report = json.loads(run(V, "carve", "-f", "json", "--kind", "orphan", "--extract", out, image))
    items = {i["offset"]: i for i in report["items"]}
    if report["structures"]["source"] != "file" or not report["complete"]:
        raise Differs("%s, complete: %s" % (report["structures"], report["complete"]))
    item = items.get(places[0])
    if item is None or item["content"] is None or item["content"]["key"] != key:
        raise Differs("carve says %s" % (item and item["content"]))
    with open(os.path.join(out, item["file"]), "rb") as a, open(raw, "rb") as b:
        if a.read(MIB) != b.read(MIB):
            raise Differs("other bytes were extracted")
    if "partition" in name:
        inner = items.get(places[1])
        if inner is None or (inner["content"] or {}).get("key") != "ext4":
            raise Differs("the file system in the partition: %s" % inner)
    # All of the disk's data is found, and nothing else.
    covered = set()
    for i in report["items"]:
        covered |= set(range(i["offset"], i["offset"] + i["length"], MIB))
    lost = {p for b, p in places.items() if content_of(raw, b)} - covered
    if lost:
        raise Differs("blocks at %s are no orphans" % sorted(hex(p) for p in lost)[:4])
    deep = json.loads(run(V, "check", "--deep", "--fail-on", "never", "-f", "json", image))["images"][0]["findings"]
    if not any(f["rule"] == "VHDX-FOR-005" and f["offset"] == places[0] and f["actual"] == key for f in deep):
        raise Differs("check --deep says %s" % [f["message"] for f in deep if f["rule"] == "VHDX-FOR-005"])


def content_of(raw, block):
    with open(raw, "rb") as f:
        f.seek(block * MIB)
        return any(f.read(MIB))


def main():
    passed = failed = skipped = 0
    for name, key, program, size, make, word in CASES:
        if not shutil.which(program):
            print("skip %s: no %s" % (name, program))
            skipped += 1
            continue
        with tempfile.TemporaryDirectory(prefix="carve-") as folder:
            try:
                look(name, key, size, make, word, folder)
                print("ok %s" % name)
                passed += 1
            except (Differs, subprocess.TimeoutExpired, KeyError, ValueError) as e:
                print("FAIL %s: %s" % (name, e))
                failed += 1
    print("%d passed, %d failed" % (passed, failed) + (", %d skipped" % skipped if skipped else ""))
    return failed > 0 or passed == 0


sys.exit(main())
