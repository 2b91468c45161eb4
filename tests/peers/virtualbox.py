# SPDX-License-Identifier: MIT
"""Which images VirtualBox opens: what its VHDX driver, which only reads, asks of the bytes. Every complaint counts as a
refusal, also those behind which the driver goes on in some cases. A division by zero counts, too."""
import struct

from peers.asking import Refused, ask, guid, summed
from vhdx import BAT, DISK_ID, DISK_SIZE, FILE_PARAMETERS, LOCATOR, LOGICAL, METADATA, PHYSICAL

# length (None: not looked at), IsVirtualDisk, IsRequired (None: not looked at)
ITEMS = {FILE_PARAMETERS: (8, False, True), DISK_SIZE: (8, True, True), DISK_ID: (None, True, True), LOGICAL: (4, True, True),
         PHYSICAL: (None, True, None), LOCATOR: (None, False, True)}


def read(f, off, length):
    f.seek(0, 2)
    ask(off <= f.tell() and length <= f.tell() - off, "the file ends before")
    f.seek(off)
    return f.read(length)


def header(f):
    valid = []
    for off in (0x10000, 0x20000):
        try:
            h = read(f, off, 4096)
        except Refused:
            continue
        if h[:4] == b"head" and summed(h):
            valid.append(h)
    ask(valid, "both headers are corrupt")
    current = valid[-1]
    if len(valid) == 2 and struct.unpack_from("<Q", valid[0], 8) > struct.unpack_from("<Q", valid[1], 8):
        current = valid[0]
    ask(struct.unpack_from("<H", current, 66)[0] == 1, "version")
    ask(current[48:64] == bytes(16), "log")


def metadata(f, off, length):
    """Block size, disk size and logical sector size, 0 for what is not there."""
    found = {}
    table = read(f, off, 32)
    ask(table[:8] == b"metadata", "signature of the metadata table")
    count = struct.unpack_from("<H", table, 10)[0]
    ask(count <= 2047 and length >= 32 + 32 * count, "number of metadata entries")
    for i in range(count):
        entry = read(f, off + 32 + 32 * i, 32)
        kind = guid(entry[:16])
        at, size, flags = struct.unpack_from("<III", entry, 16)
        if kind not in ITEMS:
            ask(not flags & 4, "unknown item is required")
            continue
        want, of_disk, required = ITEMS[kind]
        ask(not flags & 1 and bool(flags & 2) == of_disk and required in (None, bool(flags & 4)), "flags of an item")
        ask(kind != LOCATOR, "differencing")
        if want is not None:
            ask(size == want, "length of an item")
            data = read(f, off + at, size)
            found[kind] = struct.unpack_from("<Q" if want == 8 and kind == DISK_SIZE else "<I", data)[0]
            ask(kind != FILE_PARAMETERS or not data[4] & 2, "differencing")
    return found.get(FILE_PARAMETERS, 0), found.get(DISK_SIZE, 0), found.get(LOGICAL, 0)


def bat(f, off, length, block, size, sector):
    ratio = (sector << 23) // block if block else 0
    ask(ratio > 0, "division by zero")
    blocks = -(-size // block)
    ask(blocks > 0, "more entries than any region holds")
    count = blocks + (blocks - 1) // ratio
    ask(count * 8 <= length, "size of the BAT region")
    ask(count < 1 << 24, "not asked here: too large a disk")
    for i, (e,) in enumerate(struct.iter_unpack("<Q", read(f, off, count * 8))):
        ask(e & 7 != 7 or (i > 0 and i % ratio == 0), "partially present")


def regions(f):
    table = read(f, 0x30000, 65536)
    ask(table[:4] == b"regi" and summed(table), "the first region table")
    count = struct.unpack_from("<I", table, 8)[0]
    ask(count <= 2047, "number of regions")
    place, values = None, (0, 0, 0)
    for i in range(count):
        entry = table[16 + 32 * i:48 + 32 * i]
        off, length, required = struct.unpack_from("<QII", entry, 16)
        ask(guid(entry[:16]) in (BAT, METADATA) or not required & 1, "unknown region is required")
        if guid(entry[:16]) == BAT:
            ask(required & 1, "the BAT is not required")
            place = off, length
        elif guid(entry[:16]) == METADATA:
            ask(required & 1, "the metadata are not required")
            values = metadata(f, off, length)
    ask(place, "no BAT")
    bat(f, *place, *values)


def opens(path):
    """(whether it opens the image, why not)"""
    with open(path, "rb") as f:
        try:
            ask(read(f, 0, 8) == b"vhdxfile", "signature")
            header(f)
            regions(f)
        except Refused as e:
            return False, str(e)
    return True, ""
