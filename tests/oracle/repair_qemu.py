#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `vhdxray repair` leaves, read by QEMU.

    repair_qemu.py [BINARY] [COUNT] [FIRST]     (default $VHDXRAY or build/release/vhdxray; 160 images, from seed 0 on)

  damaged   qemu-img makes an image, qemu-io writes to it, qemu-img converts it. Then one to three structures are damaged,
            each in a way whose repair is known, and `repair --copy` is run with the consent that it takes. `qemu-img check`
            accepts the copy, `qemu-img convert` reads what it read before (but for what the damage lost, which reads as
            said below), a check finds nothing, a second repair plans nothing. Where what is lost can only be found by a
            shape that another damage took away, repair must say so and leave exactly that.
  in place  one in four of them: `repair --apply` writes the same bytes as into the copy up to the identifiers, and
            `undo` gives every byte back.
  random    random bytes are written into the structures, nothing is consented to. What is repaired reads as before the
            repair, and QEMU accepts what the report says it accepts.

The same seed makes the same images. Prints what differs, then how often each damage was met and a line per group; last
`N passed, N failed`."""
import collections
import concurrent.futures
import json
import os
import random
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import vhdx  # noqa: E402
from programs import GIB, MIB, Differs, Tally, V, copy_of, place, qemu_check, run, same, scratch  # noqa: E402

COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 160
FIRST = int(sys.argv[3]) if len(sys.argv) > 3 else 0
HEADERS, REGIONS = (0x10000, 0x20000), (0x30000, 0x40000)
GUID = struct.Struct("<16sQII")  # of a region table entry


class Disk:
    """An image that is open for damage; knows where things are from before."""

    def __init__(self, path, r):
        self.f, self.r, self.lost = open(path, "r+b"), r, []
        headers = [self.at(o, 4096) for o in HEADERS]
        self.current = max(headers, key=lambda h: struct.unpack_from("<Q", h, 8))
        count = struct.unpack("<I", self.at(REGIONS[0] + 8, 4))[0]
        self.regions = [GUID.unpack(self.at(REGIONS[0] + 16 + 32 * i, 32)) for i in range(count)]
        where = {g: (off, length) for g, off, length, _ in self.regions}
        self.bat, self.bat_len = where[vhdx.BAT.bytes_le]
        self.meta = where[vhdx.METADATA.bytes_le][0]
        count = struct.unpack("<H", self.at(self.meta + 10, 2))[0]
        entries = [self.at(self.meta + 32 + 32 * i, 32) for i in range(count)]
        self.entry = {e[:16]: (i, struct.unpack_from("<III", e, 16)) for i, e in enumerate(entries)}
        self.block = struct.unpack("<I", self.at(self.item(vhdx.FILE_PARAMETERS), 4))[0]
        self.size = struct.unpack("<Q", self.at(self.item(vhdx.DISK_SIZE), 8))[0]
        self.chunk = (512 << 23) // self.block
        self.blocks = -(-self.size // self.block)

    def at(self, off, n):
        self.f.seek(off)
        return self.f.read(n)

    def put(self, off, data):
        self.f.seek(off)
        self.f.write(data)

    def flip(self, off, n):
        """One bit of one of the bytes."""
        at = off + self.r.randrange(n)
        self.put(at, bytes([self.at(at, 1)[0] ^ 1 << self.r.randrange(8)]))

    def item(self, guid):
        return self.meta + self.entry[guid.bytes_le][1][0]

    def slot(self, block):
        """Where the entry of a block is in the file."""
        return self.bat + 8 * (block + block // self.chunk)

    def bits(self, block):
        return struct.unpack("<Q", self.at(self.slot(block), 8))[0]

    def present(self):
        return [b for b in range(self.blocks) if self.bits(b) & 7 == 6]

    def put_bits(self, block, bits):
        self.put(self.slot(block), struct.pack("<Q", bits))

    def sign(self, copies, n, change):
        """Changes both copies of a header or a table; their checksums fit again."""
        for off in copies:
            data = bytearray(self.at(off, n))
            change(data)
            self.put(off, vhdx.signed(data))

    def header(self, fmt, at, value):
        self.sign(HEADERS, 4096, lambda h: struct.pack_into(fmt, h, at, value))

    def has_shape(self):
        """As a search for a lost BAT asks for it: of 16 entries of a page that are not zero, one at most is odd."""
        entries = [struct.unpack("<Q", self.at(self.bat + 8 * i, 8))[0] for i in range(self.blocks + self.blocks // self.chunk)]
        pages = [[e for e in entries[i:i + 512] if e] for i in range(0, len(entries), 512)]
        return all(16 * sum(1 for e in page if e >> 3 & 0x1FFFF or (e & 7 in (0, 2) and e >> 20)) <= len(page) for page in pages)

    def lose(self, block, why):
        """The block reads as zeros after the repair (or as another block does)."""
        self.lost.append((block, why))

    def log_is_empty(self):
        return self.current[48:64] == bytes(16)


# ---- damages: each gives the rules that have to be consented to, or None if the image does not lend itself to it ----

def one_header(d):
    off = d.r.choice(HEADERS)
    d.r.choice([lambda: d.flip(off, 80), lambda: d.put(off, bytes(4096)), lambda: d.put(off, d.r.randbytes(4096))])()
    return []


def both_checksums(d):
    for off in HEADERS:
        d.put(off + 4, bytes(4))
    return ["VHDX-HDR-002"]


def log_without_entries(d):
    if not d.log_is_empty():
        return None
    log, length = struct.unpack_from("<Q", d.current, 72)[0], struct.unpack_from("<I", d.current, 68)[0]
    d.put(log, bytes(length))
    d.header("16s", 48, vhdx.guid(77).bytes_le)
    return ["VHDX-LOG-002"]


def log_of_odd_length(d):
    if not d.log_is_empty():
        return None
    d.header("<I", 68, MIB + 4096)
    return ["VHDX-HDR-013"]


def log_at_odd_place(d):
    if not d.log_is_empty():
        return None
    d.header("<Q", 72, MIB + 512)
    return ["VHDX-HDR-014"]


def log_over_headers(d):
    if not d.log_is_empty():
        return None
    d.header("<Q", 72, 0)
    return ["VHDX-HDR-015"]


def file_id(d):
    d.flip(0, 8)
    return ["VHDX-FID-001"]


def one_table(d):
    off = d.r.choice(REGIONS)
    d.r.choice([lambda: d.flip(off, 80), lambda: d.put(off, bytes(65536))])()
    return []


def both_tables(d):
    for off in REGIONS:
        d.put(off, bytes(65536))
    return ["VHDX-RGN-001"]


def tables_reserved(d):
    d.sign(REGIONS, 65536, lambda t: struct.pack_into("<I", t, 12, 5))
    return []


def tables_without(guid):
    def damage(d):
        keep = b"".join(GUID.pack(*e) for e in d.regions if e[0] != guid.bytes_le)

        def change(t):
            struct.pack_into("<I", t, 8, len(keep) // 32)
            t[16:] = keep.ljust(65520, b"\0")
        d.sign(REGIONS, 65536, change)
        return ["VHDX-RGN-018" if guid == vhdx.BAT else "VHDX-RGN-019"]
    return damage


def meta_reserved(d):
    d.put(d.meta + 12, b"\1")
    return []


def meta_flags(d):
    """Reserved flags, IsRequired and IsVirtualDisk of the entries."""
    entries = list(d.entry.values())
    for i, (_, _, flags) in [e for e in entries if d.r.random() < 0.5] or entries[-1:]:
        d.put(d.meta + 32 + 32 * i + 24, struct.pack("<I", flags ^ d.r.choice([2, 4, 6, 8, 0x100])))
    return []


def parameters_reserved(d):
    d.put(d.item(vhdx.FILE_PARAMETERS) + 6, b"\x80")
    return []


def odd_physical_sector(d):
    d.put(d.item(vhdx.PHYSICAL), struct.pack("<I", 520))
    return []


def odd_disk_size(d):
    d.put(d.item(vhdx.DISK_SIZE), struct.pack("<Q", d.size + d.r.randrange(1, 512)))
    return ["VHDX-META-033"]


def without_item(guid, rule):
    def damage(d):
        i, _ = d.entry[guid.bytes_le]
        count = len(d.entry)
        rest = d.at(d.meta + 32 + 32 * (i + 1), 32 * (count - i - 1))
        d.put(d.meta + 32 + 32 * i, rest + bytes(32))
        d.put(d.meta + 10, struct.pack("<H", count - 1))
        return [rule]
    return damage


def block_size_lost(d):
    """From the BAT alone, so that most of the blocks have to be there."""
    if d.blocks < 4 or len(d.present()) != d.blocks:
        return None
    return without_item(vhdx.FILE_PARAMETERS, "VHDX-META-020")(d)


def disk_size_lost(d):
    """The end of the last block is the best guess there is."""
    if d.size % d.block or d.blocks - 1 not in d.present():
        return None
    return without_item(vhdx.DISK_SIZE, "VHDX-META-021")(d)


def disk_id_nil(d):
    d.put(d.item(vhdx.DISK_ID), bytes(16))
    return ["VHDX-META-025"]


def bat_reserved_bits(d):
    for b in d.r.sample(range(d.blocks), min(d.blocks, 5)):
        d.put_bits(b, d.bits(b) | d.r.randrange(1, 1 << 17) << 3)
    return []


def bat_offset_of_nothing(d):
    """State 0 or 2 with an offset."""
    empty = [b for b in range(d.blocks) if d.bits(b) & 7 in (0, 2)]
    if not empty:
        return None
    b = d.r.choice(empty)
    d.put_bits(b, (d.bits(b) & 7) | d.r.randrange(1, 1 << 30) << 20)
    return []


def bat_undefined_state(d):
    if not d.present():
        return None
    b = d.r.choice(d.present())
    d.put_bits(b, d.bits(b) & ~7 | 4)
    d.lose(b, None)
    return ["VHDX-BAT-002"]


def bat_past_end(d):
    if not d.present():
        return None
    b = d.r.choice(d.present())
    d.put_bits(b, 6 | d.r.randrange(1 << 24, 1 << 40) << 20)
    d.lose(b, None)
    return ["VHDX-BAT-012"]


def bat_shared(d):
    there = d.present()
    if len(there) < 2:
        return None
    a, b = d.r.sample(there, 2)
    last = d.blocks - 1
    if a == last or b == last:  # the last one may be cut at the end of the disk
        return None
    d.put_bits(a, d.bits(b))
    d.lose(a, b)
    return ["VHDX-BAT-016"]


def bat_without_slots(d):
    """As of a writer that knows of no bitmap slots: all entries behind the first chunk are one place too early. A block that
    comes to stand in such a slot without one beside it cannot be told from a stray entry, so it needs one."""
    there = set(d.present())
    moved = [b for b in range(d.chunk, d.blocks, d.chunk + 1) if b in there]
    if not moved or any(b - 1 not in there and b + 1 not in there for b in moved):
        return None
    entries = b"".join(d.at(d.slot(b), 8) for b in range(d.blocks))
    d.put(d.bat, entries + bytes(8 * ((d.blocks - 1) // d.chunk)))
    return ["VHDX-BAT-026"]


def cut_zeros(d):
    """The end of the file is missing, but not one byte of the disk that lies in it."""
    there = d.present()
    end = d.f.seek(0, 2)
    tail = d.size % d.block
    if not there or not tail or d.bits(d.blocks - 1) & 7 != 6 or (d.bits(d.blocks - 1) >> 20 << 20) + d.block != end:
        return None
    d.f.truncate(end - d.r.randrange(1, d.block - tail + 1))
    return []


def stays(d, consent):
    """The rules that repair must leave: a BAT that nothing leads to and whose shape is lost, and what needs it."""
    if d.has_shape() or not {"VHDX-RGN-001", "VHDX-RGN-018"} & set(consent):
        return set()
    # A new place for the log needs to know of all blocks; the signature of the file, of a region table that is valid.
    needing = {"VHDX-RGN-001", "VHDX-RGN-018", "VHDX-HDR-014", "VHDX-HDR-015"}
    if "VHDX-RGN-001" in consent:
        needing.add("VHDX-FID-001")
    return needing & set(consent)


# What damages the same thing is one group: only one of a group in an image.
GROUPS = {
    "headers": [one_header, both_checksums, log_without_entries, log_of_odd_length, log_at_odd_place, log_over_headers],
    "file id": [file_id],
    "tables": [one_table, one_table, both_tables, tables_reserved, tables_without(vhdx.BAT), tables_without(vhdx.METADATA)],
    "metadata": [meta_reserved, meta_flags, parameters_reserved, odd_physical_sector, odd_disk_size, disk_id_nil, block_size_lost,
                 disk_size_lost, without_item(vhdx.LOGICAL, "VHDX-META-022"),
                 without_item(vhdx.PHYSICAL, "VHDX-META-023"), without_item(vhdx.DISK_ID, "VHDX-META-024")],
    "bat": [bat_reserved_bits, bat_offset_of_nothing, bat_undefined_state, bat_past_end, bat_shared, bat_without_slots],
    "end": [cut_zeros],
}
# What is looked for by the shape of the BAT takes a BAT in shape.
LOOKED_FOR = {"VHDX-RGN-001", "VHDX-RGN-018", "VHDX-RGN-019", "VHDX-META-020", "VHDX-META-021", "VHDX-META-022"}
BENT = {"VHDX-BAT-002", "VHDX-BAT-012", "VHDX-BAT-016", "VHDX-BAT-026"}


def damage(d, r):
    """([names], [rules to consent to])"""
    names, consent = [], []
    for group in r.sample(sorted(GROUPS), r.choice([1, 1, 2, 2, 3])):
        choice = r.choice(GROUPS[group])
        if LOOKED_FOR & set(consent) and group in ("metadata", "tables", "bat"):
            continue
        rules = None
        if not (consent and group in ("metadata", "tables", "bat") and BENT & set(consent)):
            rules = choice(d)
        if rules is None:
            continue
        names.append(rules[0] if rules else choice.__name__)
        consent += rules
    return names, consent


# ---- images ----

def made(r, number, path):
    block = r.choice([1, 1, 2, 4, 8, 16, 32, 64, 256])
    size = r.choice([r.randrange(1, 96 * 2048) * 512, r.randrange(1, 96) * MIB, r.randrange(1, 24) * block * MIB])
    if number % 20 == 7:
        size, block = 4 * GIB + r.randrange(1, 64) * MIB, 1
    size = min(size, 5 * GIB)
    options = "block_size=%dM,log_size=%dM,subformat=%s,block_state_zero=%s" % (
        block, r.choice([1, 2, 8]), r.choice(["dynamic", "dynamic", "fixed"]) if size < GIB else "dynamic",
        r.choice(["on", "off"]))
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", options, path, size)
    commands = []
    full = r.random() < 0.3 and size < GIB
    for i in range(r.choice([0, 3, 10]) if not full else -(-size // MIB)):
        at, n = place(r, size, block * MIB) if not full else (i * MIB, min(MIB, size - i * MIB))
        commands += ["-c", "write -q -P %d %d %d" % (r.randrange(1, 256), at, n)]
    if commands:
        run("qemu-io", "-f", "vhdx", *commands, path)


def changed_model(d, raw):
    """What the damage lost, done to the raw disk as well."""
    with open(raw, "r+b") as f:
        for block, why in d.lost:
            at = block * d.block
            n = min(d.block, d.size - at)
            data = bytes(n)
            if why is not None:
                f.seek(why * d.block)
                data = f.read(n)
            f.seek(at)
            f.write(data)


def repaired(path, copy, consent):
    options = [x for rule in consent for x in ("--consent", rule)]
    out = run(V, "repair", "-f", "json", "--copy", copy, *options, path, check=False)
    if out.returncode != 4:
        lines = run(V, "repair", *options, path, check=False).stdout.decode(errors="replace")
        raise Differs("vhdxray repair: exit %d: %s\n%s" % (out.returncode, out.stderr[-300:], lines))
    return json.loads(out.stdout)


def only_left(path, copy, consent, expected):
    options = [x for rule in consent for x in ("--consent", rule)]
    p = run(V, "repair", "-f", "json", "--copy", copy, *options, path, check=False)
    result = copy if os.path.exists(copy) else path
    image = json.loads(run(V, "check", "-f", "json", result, check=False).stdout)["images"][0]
    errors = {f["rule"] for f in image["findings"] if f["severity"] == "error"}
    said = {left["rule"] for left in json.loads(p.stdout)["left"] if left["severity"] == "error"}
    if p.returncode != 5 or errors != expected or said != expected:
        raise Differs("exit %d, %s left, %s named; expected %s" % (p.returncode, sorted(errors), sorted(said), sorted(expected)))


def nothing_left(path, consent):
    options = [x for rule in consent for x in ("--consent", rule)]
    p = run(V, "repair", *options, path, check=False)
    if p.returncode != 0:
        raise Differs("a second repair: exit %d\n%s" % (p.returncode, p.stdout.decode(errors="replace")))
    p = run(V, "check", "-f", "json", path, check=False)
    image = json.loads(p.stdout)["images"][0]
    bad = sorted({f["rule"] for f in image["findings"] if f["severity"] != "info"})
    if image["verdict"] != "clean" or bad:
        raise Differs("vhdxray check: %s %s" % (image["verdict"], ", ".join(bad)))


def bytes_of(path):
    with open(path, "rb") as f:
        return f.read()


def in_place(path, copy, consent):
    """The identifiers are drawn anew each time; all else is the same."""
    before = copy_of(path, path + ".before")
    options = [x for rule in consent for x in ("--consent", rule)]
    if run(V, "repair", "--apply", *options, path, check=False).returncode != 4:
        raise Differs("vhdxray repair --apply")
    nothing_left(path, consent)
    qemu_check(path)
    if os.path.getsize(path) != os.path.getsize(copy):
        raise Differs("the copy has another size than the file")
    raws = []
    for which in (path, copy):
        raws.append(which + ".raw")
        run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", which, raws[-1])
    same(raws[0], raws[1], "in place and copy")
    run(V, "undo", path)
    same(path, before, "undone")
    for p in raws + [before]:
        os.unlink(p)


def damaged(number):
    """(what was damaged, None or what is wrong)"""
    r = random.Random(number)
    names = []
    with scratch() as folder:
        path, copy, raw, out = (os.path.join(folder, n) for n in ("image.vhdx", "copy.vhdx", "raw", "out"))
        try:
            while not names:
                made(r, number, path)
                run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", path, raw)
                d = Disk(path, r)
                names, consent = damage(d, r)
                expected = stays(d, consent)
                d.f.close()
            if expected:
                only_left(path, copy, consent, expected)
                return names + ["BAT without shape"], None
            changed_model(d, raw)
            repaired(path, copy, consent)
            qemu_check(copy)
            run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", copy, out)
            same(out, raw, "qemu-img convert")
            nothing_left(copy, consent)
            if number % 4 == 0 and os.path.getsize(path) < GIB:
                in_place(path, copy, consent)
        except (Differs, subprocess.TimeoutExpired) as e:
            return names, "image %d (%s): %s" % (number, ", ".join(names), e)
    return names, None


# ---- random bytes ----

def guest_ranges(plan):
    return [(s["guest_range"]["offset"], s["guest_range"]["length"]) for s in plan["steps"] if s["guest_range"]]


def without_ranges(path, ranges, size):
    with open(path, "r+b") as f:
        for off, n in ranges:
            if off < size:
                f.seek(off)
                f.write(bytes(min(n, size - off)))


def random_bytes(number):
    """(repaired or not, None or what is wrong)"""
    r = random.Random(10000 + number)
    with scratch() as folder:
        path, copy, raw, out = (os.path.join(folder, n) for n in ("image.vhdx", "copy.vhdx", "raw", "out"))
        try:
            made(r, 0, path)
            d = Disk(path, r)
            places = [(o, 80) for o in HEADERS] + [(o, 80) for o in REGIONS] * 2
            places += [(d.meta, 32 + 32 * len(d.entry)), (d.item(vhdx.FILE_PARAMETERS), 64), (d.slot(0), min(d.blocks, 16) * 8)]
            for off, n in r.sample(places, r.choice([1, 2, 3])):
                at = off + r.randrange(n)
                d.put(at, r.choice([bytes(1), b"\xff", r.randbytes(1), r.randbytes(4)]))
            d.f.close()
            readable = run(V, "export", path, raw, check=False).returncode == 0
            p = run(V, "repair", "-f", "json", "--copy", copy, path, check=False)
            if p.returncode not in (0, 1, 4, 5) or (p.returncode == 4) != os.path.exists(copy) and p.returncode != 5:
                raise Differs("vhdxray repair: exit %d: %s" % (p.returncode, p.stderr[-300:]))
            if not os.path.exists(copy):
                return False, None
            if readable:
                run(V, "export", copy, out)
                ranges = guest_ranges(json.loads(p.stdout))
                for each in (raw, out):
                    without_ranges(each, ranges, os.path.getsize(each))
                same(out, raw, "after the repair")
            verdict = json.loads(run(V, "check", "-f", "json", copy, check=False).stdout)["images"][0]
            errors = [f for f in verdict["findings"] if f["severity"] == "error"]
            if p.returncode == 4 and errors:
                raise Differs("exit 4, and %s" % errors[0]["rule"])
            if not errors:
                qemu_check(copy)
            # A size of many TiB that the bytes happened to make is no content that anybody can wait for.
            if not errors and verdict["facts"]["virtual_size"] <= 64 * GIB:
                run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", copy, out)
                run(V, "export", "--force", copy, raw)
                same(out, raw, "qemu-img convert")
            return True, None
        except (Differs, subprocess.TimeoutExpired) as e:
            return True, "random %d: %s" % (number, e)


def main():
    for tool in ("qemu-img", "qemu-io"):
        if shutil.which(tool) is None:
            print("no %s\n0 passed, 0 failed, 1 skipped" % tool)
            return 77
    tally, met = Tally(), collections.Counter()
    with concurrent.futures.ProcessPoolExecutor() as pool:
        results = list(pool.map(damaged, range(FIRST, FIRST + COUNT)))
        for names, _ in results:
            met.update(names)
        tally.note("damaged", [why for _, why in results])
        results = list(pool.map(random_bytes, range(FIRST, FIRST + COUNT)))
        tally.note("random", [why for _, why in results], ", %d repaired" % sum(done for done, _ in results))
    print("; ".join("%s %d" % (name, n) for name, n in sorted(met.items())))
    print("figure repaired images in qemu: %d damaged images by name and %d by random bytes, repaired, read by qemu-img as "
          "before" % (COUNT, COUNT))
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    return tally.failed != 0


if __name__ == "__main__":
    sys.exit(main())
