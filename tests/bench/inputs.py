# SPDX-License-Identifier: MIT
"""What the groups are measured on: large logs, chains, disks with data. Written from the format's description alone, so that
neither speed nor verdicts are measured on what our own encoders think is right."""
import ctypes
import os
import random
import subprocess
import sys

from . import measure

sys.path.insert(0, os.path.join(measure.ROOT, "tests"))
import vhdx  # noqa: E402

MIB, GIB = 1 << 20, 1 << 30
SECTOR = 4096


def fast_checksums():
    """CRC-32C of a gigabyte of log: by ISA-L, as Python would take an hour."""
    isal = ctypes.CDLL("libisal.so.2")
    isal.crc32_iscsi.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint]
    isal.crc32_iscsi.restype = ctypes.c_uint
    vhdx.crc32c = lambda data: isal.crc32_iscsi(bytes(data), len(data), 0xFFFFFFFF) ^ 0xFFFFFFFF


def make_big(kind, path):
    subprocess.run(["/usr/bin/python3", os.path.join(measure.ROOT, "tests", "make_big.py"), kind, path], check=True)


def log_image(path, length, entries, spoil=False, at=0):
    """
    A 64 MiB disk with a log of `length` bytes and in it `entries` entries of 8 KiB (one page of the table each, which holds
    what the table holds), from ring offset `at` on. spoil: the last byte of each is another, so that only the checksum
    tells. Also writes the log alone, as path + ".log".
    """
    fast_checksums()
    image = vhdx.Image(size=64 * MIB)
    for h in image.headers:
        h.log_off, h.log_len = image.end, length
    image.end += length
    image.dirty()
    page = image.bat_page(0)
    with open(image.save(path), "r+b") as f, open(path + ".log", "wb") as alone:
        alone.truncate(length)
        f.seek(image.headers[0].log_off + at)
        alone.seek(at)
        for i in range(entries):
            entry = image.log_entry(100 + i, tail=at, pages=[(image.bat_off, page)])
            if spoil:
                entry = entry[:4200] + b"x" + entry[4201:]
            f.write(entry)
            alone.write(entry)


def data_disk(path, size, unit, raw):
    """A dynamic disk by qemu-img; of each two `unit` bytes the first hold data. raw: where the same bytes stay as a file."""
    data = bytearray(random.Random(1).randbytes(unit))
    with open(raw, "wb") as f:
        f.truncate(size)
        for i, at in enumerate(range(0, size, 2 * unit)):
            data[:8] = i.to_bytes(8, "little")
            f.seek(at)
            f.write(data)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vhdx", raw, path], check=True)


def chain(folder, levels, size):
    """
    `levels` images one above the other, all of a flat disk's content, and the flat disk. Block b of the disk is partially
    present in level 1 + b % (levels - 1): every other sector is there, the others are the base's. Returns the paths, the
    head first, the flat disk last.
    """
    block = 2 * MIB
    content = [random.Random(b).randbytes(block) for b in range(8)]
    images, paths = [], []
    for level in range(levels):
        parent = images[-1] if images else None
        image = vhdx.Image(size=size, block=block, parent=parent, blocks=())
        if parent is not None:
            image.pairs = [(k, ".\\" + os.path.basename(paths[-1]) if k == "relative_path" else v) for k, v in image.pairs]
        for h in image.headers:
            h.dw = vhdx.guid(100 + level)
        bitmaps = {}
        for b in range(size // block):
            data = bytearray(content[b % 8])
            data[:8] = b.to_bytes(8, "little")
            if parent is None:
                image.add_block(b, data=bytes(data))
            elif b % (levels - 1) == level - 1:
                image.add_block(b, state=7, data=bytes(data))
                bits = bitmaps.setdefault(b // image.chunk, bytearray(MIB))
                first = b % image.chunk * block // 512 // 8
                bits[first:first + block // 512 // 8] = b"\x55" * (block // 512 // 8)
        for c, bits in bitmaps.items():
            image.add_bitmap(c, bytes(bits))
        paths.append(image.save(os.path.join(folder, f"level{level}.vhdx")))
        if parent is None:
            image.save(os.path.join(folder, "flat.vhdx"))
        image.extents = []
        images.append(image)
    # The base's odd sectors stay, its even ones are replaced: a reader that mixed them up would give another hash.
    with open(paths[0], "r+b") as f:
        for at, _ in sorted((e & ~0xFFFFF, i) for i, e in images[0].entries.items()):
            for s in range(0, block, 1024 * 64):
                f.seek(at + s)
                f.write(b"\xEE" * 512)
    return list(reversed(paths)), os.path.join(folder, "flat.vhdx")
