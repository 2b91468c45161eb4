#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the largest dynamic VHDX there can be: 64 TiB in blocks of 1 MiB, so 2^26 payload entries.

    make_big.py hole FILE       the block allocation table is a hole: no block present
    make_big.py full FILE       every block present, each in its own place; the file is 64 TiB, nearly all of it a hole
    make_big.py shuffled FILE   the same, but no block lies behind its neighbour
    make_big.py overlap FILE    10 million blocks present, at places drawn at random: nearly each lies over others

A writer of its own, so that speed and verdicts are not measured on what our encoders think is right. `full` holds 537 MB
of table and needs a file system with files above 64 TiB: tmpfs has them, ext4 ends at 16 TiB.
"""
import array
import random
import struct
import sys
import uuid

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40
DISK, BLOCK, SECTOR = 64 * TIB, MIB, 512
BLOCKS = DISK // BLOCK
CHUNK = (1 << 23) * SECTOR // BLOCK                     # payload entries before each sector bitmap entry
ENTRIES = BLOCKS + (BLOCKS - 1) // CHUNK
LOG, METADATA, BAT = 1 * MIB, 2 * MIB, 3 * MIB
BAT_LENGTH = -(-ENTRIES * 8 // MIB) * MIB
PAYLOAD = BAT + BAT_LENGTH
FULLY_PRESENT = 6
OVERLAPPING = 10_000_000

TABLE = []
for i in range(256):
    c = i
    for _ in range(8):
        c = (c >> 1) ^ (0x82F63B78 if c & 1 else 0)
    TABLE.append(c)


def signed(data, size):
    """The structure with its CRC-32C at offset 4, filled up to size with zeros."""
    data = bytearray(data.ljust(size, b"\0"))
    c = 0xFFFFFFFF
    for b in data:
        c = TABLE[(c ^ b) & 255] ^ (c >> 8)
    struct.pack_into("<I", data, 4, c ^ 0xFFFFFFFF)
    return data


def guid(text):
    return uuid.UUID(text).bytes_le


def header(sequence):
    return signed(struct.pack("<4sIQ16s16s16sHHIQ", b"head", 0, sequence, guid("2b1e6f1c-6a0d-4c0e-9a3e-5b7f6d0c1a01"),
                              guid("8f0b7c52-3d4e-4b1a-8c6d-1e2f3a4b5c02"), bytes(16), 0, 1, MIB, LOG), 4 * KIB)


def regions():
    rows = ((guid("8B7CA206-4790-4B9A-B8FE-575F050F886E"), METADATA, MIB), (guid("2DC27766-F623-4200-9D64-115E9BFD4A08"), BAT, BAT_LENGTH))
    return signed(struct.pack("<4sIII", b"regi", 0, len(rows), 0) + b"".join(struct.pack("<16sQII", *r, 1) for r in rows), 64 * KIB)


def metadata():
    items = (("CAA16737-FA36-4D43-B3B6-33F0AA44E76B", 4, struct.pack("<II", BLOCK, 0)),
             ("2FA54224-CD1B-4876-B211-5DBED83BF4B8", 6, struct.pack("<Q", DISK)),
             ("8141BF1D-A96F-4709-BA47-F233A8FAAB5F", 6, struct.pack("<I", SECTOR)),
             ("CDA348C7-445D-4471-9CC9-E9885251C556", 6, struct.pack("<I", 4096)),
             ("BECA12AB-B2E6-4523-93EF-C309E000C746", 6, guid("c4d1a9e7-52b8-4f36-b0aa-7d6e5f4c3b03")))
    table, data = struct.pack("<8sHH20x", b"metadata", 0, len(items)), b""
    for name, flags, value in items:
        table += struct.pack("<16sIIII", guid(name), 64 * KIB + len(data), len(value), flags, 0)
        data += value
    return table.ljust(64 * KIB, b"\0") + data


def write(path, kind):
    with open(path, "wb") as f:
        for at, data in ((0, b"vhdxfile" + "vhdxray tests".encode("utf-16-le")), (0x10000, header(1)), (0x20000, header(2)),
                         (0x30000, regions()), (0x40000, regions()), (METADATA, metadata())):
            f.seek(at)
            f.write(data)
        if kind == "overlap":
            f.seek(BAT)
            draw = random.Random(7)
            row = array.array("Q", (PAYLOAD + (draw.getrandbits(24) << 20) | FULLY_PRESENT for _ in range(OVERLAPPING)))
            for chunk in range(1, -(-OVERLAPPING // CHUNK)):
                row.insert(chunk * (CHUNK + 1) - 1, 0)
            f.write(row.tobytes())
        elif kind != "hole":
            f.seek(BAT)
            for first in range(0, BLOCKS, CHUNK):
                if kind == "full":
                    at = PAYLOAD + first * BLOCK
                    row = array.array("Q", range(at | FULLY_PRESENT, (at + CHUNK * BLOCK) | FULLY_PRESENT, BLOCK))
                else:
                    row = array.array("Q", (PAYLOAD + b * 0x9E3779B1 % BLOCKS * BLOCK | FULLY_PRESENT
                                            for b in range(first, first + CHUNK)))  # odd: each place is taken once
                if first + CHUNK < BLOCKS:
                    row.append(0)                       # the chunk's sector bitmap: none, no parent
                f.write(row.tobytes())
        f.truncate(PAYLOAD + ({"hole": 0, "overlap": BLOCK << 24}.get(kind, BLOCKS * BLOCK)))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("hole", "full", "shuffled", "overlap") or sys.byteorder != "little":
        sys.exit(__doc__)
    write(sys.argv[2], sys.argv[1])
