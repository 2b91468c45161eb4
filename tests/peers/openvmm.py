# SPDX-License-Identifier: MIT
"""Which images Hyper-V opens, by the rules of OpenVMM, Microsoft's own implementation in the open: what its VHDX parser asks
of the bytes when a machine opens the image for writing, its log replayed. A differencing disk is judged without its parent,
but its locator must be one through which a parent can be found. Two things are left out. The parser refuses parent_linkage2,
which Hyper-V itself writes into every child. It measures the file before it replays the log, and so takes nothing behind
the old end for a part of the file; [MS-VHDX] 2.3.1.1 has the file grow."""
import bisect
import struct
import uuid

from peers.asking import Refused, ask, guid, summed
from vhdx import BAT, DISK_ID, DISK_SIZE, FILE_PARAMETERS, LOCATOR, LOCATOR_TYPE, LOGICAL, METADATA, MIB, PHYSICAL, crc32c

SECTOR = 4096
LARGEST_FILE = (1 << 63) - 1
CHS = uuid.UUID("da02d7bc-3d3a-423c-ac88-2a36ab21479b")
LABELS = uuid.UUID("10e1ae8a-4b7e-4169-a40f-cd70de928393")
KNOWN = {FILE_PARAMETERS, DISK_SIZE, DISK_ID, LOGICAL, PHYSICAL, LOCATOR, CHS, LABELS}
USER, OF_DISK, REQUIRED = 1, 2, 4


class Image:
    """The file, and over it what the log writes. A read must lie inside."""

    def __init__(self, f):
        self.f = f
        self.size = self.end = f.seek(0, 2)
        self.writes = []

    def read(self, off, length):
        ask(off <= self.size and length <= self.size - off, "the file ends before")
        self.f.seek(min(off, self.end))
        data = bytearray(self.f.read(length).ljust(length, b"\0"))
        for at, size, new in self.writes:
            first, last = max(off, at), min(off + length, at + size)
            if first < last:
                data[first - off:last - off] = new[first - at:last - at] if new else bytes(last - first)
        return bytes(data)

    def write(self, off, size, new):
        ask(off + size <= LARGEST_FILE, "no file is as long as the log wants")
        self.writes.append((off, size, new))
        self.size = max(self.size, off + size)


class Log:
    def __init__(self, image, off, length, name):
        self.image, self.off, self.length, self.name = image, off, length, name

    def sector(self, at):
        return self.image.read(self.off + at % self.length, SECTOR)

    def span(self, tail, head):
        return (head - tail) % self.length or self.length

    def outside(self, off, length):
        return off + length < 1 << 64 and (off >= self.off + self.length or off + length <= self.off)

    def entry(self, at):
        """(sequence number, tail, length) of the entry there, None if it is none."""
        first = self.sector(at)
        checksum, length, tail, sequence, count = struct.unpack_from("<IIIQI", first, 4)
        if first[:4] != b"loge" or first[32:48] != self.name or tail >= self.length:
            return None
        if length % SECTOR or not SECTOR <= length < self.length or count > (length - 64) // 32:
            return None
        descriptors_len = -(-(64 + 32 * count) // SECTOR) * SECTOR
        body = b"".join(self.sector(at + i) for i in range(0, descriptors_len, SECTOR))
        data = 0
        for i in range(count):
            d = body[64 + 32 * i:96 + 32 * i]
            size, off, number = struct.unpack_from("<QQQ", d, 8)
            if d[:4] == b"desc":
                size = SECTOR
                data += 1
            elif d[:4] != b"zero":
                return None
            if off % SECTOR or size % SECTOR or off < 0x30000 or number != sequence or not self.outside(off, size):
                return None
        if length != descriptors_len + data * SECTOR:
            return None
        for i in range(descriptors_len, length, SECTOR):
            sector = self.sector(at + i)
            high, = struct.unpack_from("<I", sector, 4)
            if sector[:4] != b"data" or high << 32 | struct.unpack_from("<I", sector, 4092)[0] != sequence:
                return None
            body += sector
        if crc32c(body[:4] + bytes(4) + body[8:]) != checksum:
            return None
        return sequence, tail, length

    def sequence(self, start):
        """(last sequence number, tail, head) of the entries from there on, None if there is no sequence."""
        last, tail, head = None, 0, start
        while True:
            e = self.entry(head)
            if e is None:
                break
            new_head = (head + e[2]) % self.length
            if last is not None:
                fits = e[2] <= self.length - self.span(tail, head)
                if e[0] != last + 1 or not fits or self.span(e[1], new_head) > self.span(tail, new_head):
                    break
            last, tail, head = e[0], e[1], new_head
        if last is None or self.span(tail, head) > self.span(start, head):
            return None
        return last, tail, head

    def replay(self):
        best, start = None, 0
        while start < self.length:
            s = self.sequence(start)
            if s is None:
                start += SECTOR
                continue
            if best is None or s[0] > best[0]:
                best = s
            if s[2] <= start:
                break
            start = s[2]
        ask(best, "the log has no entries")
        return self.apply(*best[1:])

    def apply(self, tail, head):
        """Whether there was anything to do."""
        at, last = tail, 0
        while at != head:
            first = self.sector(at)
            length, = struct.unpack_from("<I", first, 8)
            ask(first[:4] == b"loge" and first[32:48] == self.name and length, "a bad entry in the log")
            count, = struct.unpack_from("<I", first, 24)
            last, = struct.unpack_from("<Q", first, 56)
            data_at = -(-(64 + 32 * count) // SECTOR) * SECTOR
            body = b"".join(self.sector(at + i) for i in range(0, data_at, SECTOR))
            for i in range(count):
                d = body[64 + 32 * i:96 + 32 * i]
                size, off = struct.unpack_from("<QQ", d, 8)
                if d[:4] == b"zero":
                    self.image.write(off, size, None)
                    continue
                ask(d[:4] == b"desc", "a bad descriptor in the log")
                self.image.write(off, SECTOR, d[8:16] + self.sector(at + data_at)[8:4092] + d[4:8])
                data_at += SECTOR
            at = (at + length) % self.length
        if tail != head:
            self.image.write(last, 0, None)
        return tail != head


def header(image):
    """Offset and length of the log. The log is replayed."""
    valid = []
    for off in (0x10000, 0x20000):
        h = image.read(off, 4096)
        if h[:4] == b"head" and summed(h):
            valid.append(h)
    ask(valid, "both headers are corrupt")
    current = max(valid, key=lambda h: struct.unpack_from("<Q", h, 8))
    sequence, = struct.unpack_from("<Q", current, 8)
    log_version, version, length, off = struct.unpack_from("<HHIQ", current, 64)
    named = current[48:64] != bytes(16)
    ask(version == 1, "version")
    ask(not named or log_version == 0, "version of the log")
    ask(off % MIB == 0 and length % MIB == 0, "alignment of the log")
    ask(length > 0, "no room for a log")
    ask(off >= MIB and length <= 1 << 30 and off + length <= image.size, "place of the log")
    sequence += 1 if named and Log(image, off, length, current[48:64]).replay() else 0
    ask(sequence + 1 < 1 << 64, "no sequence number is left")
    return off, length


def regions(image):
    tables = [image.read(off, 65536) for off in (0x30000, 0x40000)]
    tables = [t for t in tables if t[:4] == b"regi" and summed(t)]
    ask(tables, "both region tables are corrupt")
    count, reserved = struct.unpack_from("<II", tables[0], 8)
    ask(count <= 2047 and reserved == 0, "number of regions, or what is reserved")
    found, places = {}, [(0, MIB)]
    for i in range(count):
        entry = tables[0][16 + 32 * i:48 + 32 * i]
        off, length, flags = struct.unpack_from("<QII", entry, 16)
        kind = guid(entry[:16])
        ask(flags & ~1 == 0, "reserved flags of a region")
        ask(kind not in found, "two regions of one kind")
        ask(length > 0 and off % MIB == 0 and length % MIB == 0, "alignment of a region")
        ask(kind in (BAT, METADATA) or not flags & 1, "unknown region is required")
        found[kind] = off, length
        places.append((off, length))
    places.sort()
    for (off, length), (following, _) in zip(places, places[1:]):
        ask(off + length <= following, "regions overlap")
    ask(BAT in found and METADATA in found, "BAT or metadata region is missing")
    return found[BAT], found[METADATA]


def items(image, region_off, region_len):
    """{(item, whether of the user): (offset, length, flags)}"""
    table = image.read(region_off, 65536)
    ask(table[:8] == b"metadata", "signature of the metadata table")
    count, = struct.unpack_from("<H", table, 10)
    ask(count <= 2047 and region_len <= 128 * MIB, "size of the metadata")
    ask(table[8:10] == bytes(2) and table[12:32] == bytes(20), "reserved bytes of the metadata table")
    found, places, counts, sums = {}, [], [0, 0], [0, 0]
    for i in range(count):
        entry = table[32 + 32 * i:64 + 32 * i]
        off, length, flags, reserved = struct.unpack_from("<IIII", entry, 16)
        kind, user = guid(entry[:16]), flags & USER
        ask(reserved == 0 and flags & ~7 == 0, "reserved bits of an item")
        ask((kind, user) not in found, "item twice")
        ask(kind.int != 0, "item without a name")
        ask(not user or not flags & REQUIRED, "item of the user is required")
        ask(user or not flags & REQUIRED or kind in KNOWN, "unknown item is required")
        ask(length <= MIB and (length > 0 or off == 0), "length of an item")
        if length > 0:
            ask(off >= 65536 and off + length <= region_len, "place of an item")
            places.append((off, length))
        counts[user] += 1
        sums[user] += length
        found[kind, user] = off, length, flags
    places.sort()
    for (off, length), (following, _) in zip(places, places[1:]):
        ask(off + length <= following, "items overlap")
    ask(counts[0] <= 1023 and counts[1] <= 1024 and max(sums) <= 40 * MIB, "too many items")
    return found


def pages(image, region_off, off, length):
    """An item, read as whole pages."""
    first, last = off & -SECTOR, -(-(off + length) // SECTOR) * SECTOR
    return image.read(region_off + first, last - first)[off - first:off - first + length]


def metadata(image, region_off, region_len):
    """Block size, whether there is a parent, disk size, sector size."""
    found = items(image, region_off, region_len)

    def value(kind, size, of_disk):
        ask((kind, 0) in found, "an item is missing")
        off, length, flags = found[kind, 0]
        ask(length == size and bool(flags & OF_DISK) == of_disk, "length or flags of an item")
        return int.from_bytes(pages(image, region_off, off, length), "little")

    sector = value(LOGICAL, 4, True)
    ask(sector in (512, 4096), "logical sector size")
    parameters = value(FILE_PARAMETERS, 8, False)
    block, flags = parameters & 0xffffffff, parameters >> 32
    ask(flags & ~3 == 0, "reserved flags of the file parameters")
    ask(MIB <= block <= 256 * MIB and block & (block - 1) == 0, "block size")
    size = value(DISK_SIZE, 8, True)
    ask(0 < size <= 64 << 40 and size % sector == 0, "disk size")
    ask(value(PHYSICAL, 4, True) in (512, 4096), "physical sector size")
    value(DISK_ID, 16, True)
    if flags & 2:
        ask((LOCATOR, 0) in found, "no parent locator")
        locator(pages(image, region_off, *found[LOCATOR, 0][:2]))
    return block, bool(flags & 2), size, sector


def locator(data):
    ask(len(data) >= 20, "length of the locator")
    count, = struct.unpack_from("<H", data, 18)
    ask(0 < count <= 256 and len(data) >= 20 + 12 * count, "number of pairs in the locator")
    pairs = {}

    def text(off, length):
        ask(length > 0 and length % 2 == 0 and off % 2 == 0 and off + length <= len(data), "place of a string in the locator")
        try:
            t = data[off:off + length].decode("utf-16-le")
        except UnicodeDecodeError:
            raise Refused("a string of the locator is no UTF-16")
        ask("\0" not in t, "a string of the locator has a null")
        return t

    for i in range(count):
        key, value, key_len, value_len = struct.unpack_from("<IIHH", data, 20 + 12 * i)
        pairs.setdefault(text(key, key_len), text(value, value_len))
    ask(guid(data[:16]) == LOCATOR_TYPE, "type of the locator")
    try:
        uuid.UUID(pairs["parent_linkage"])
    except (KeyError, ValueError):
        raise Refused("the locator has no linkage")
    ask({"relative_path", "volume_path", "absolute_win32_path"} & set(pairs), "the locator has no path")


class Space:
    """What of the file is in use, as disjoint ranges in order."""

    def __init__(self, size):
        self.size = -(-size // MIB) * MIB
        self.ranges = []

    def take(self, off, length):
        ask(off <= self.size and length <= self.size - off, "behind the end of the file")
        i = bisect.bisect(self.ranges, (off, length))
        ask(i == 0 or sum(self.ranges[i - 1]) <= off, "overlaps with what is before")
        ask(i == len(self.ranges) or off + length <= self.ranges[i][0], "overlaps with what is behind")
        self.ranges.insert(i, (off, length))


def bat(image, space, off, length, block, child, size, sector):
    """length: of the region. All of it is read."""
    ratio = (sector << 23) // block
    blocks = -(-size // block)
    chunks = -(-blocks // ratio)
    ask((chunks * (ratio + 1) if child else blocks + (blocks - 1) // ratio) * 8 <= length, "size of the BAT region")
    needs, bitmaps = set(), set()
    for piece in range(0, length, 1 << 18):
        data = image.read(off + piece, min(1 << 18, length - piece))
        if data.count(0) == len(data):
            continue
        for i, (e,) in enumerate(struct.iter_unpack("<Q", data), piece // 8):
            chunk, place = divmod(i, ratio + 1)
            is_bitmap = place == ratio
            if (is_bitmap and not (child and chunk < chunks)) or (not is_bitmap and chunk * ratio + place >= blocks):
                continue
            state, at = e & 7, e & -MIB
            ask(e & (MIB - 8) == 0, "reserved bits of a BAT entry")
            ask(state not in (4, 5) and at < 1 << 48, "state or offset of a BAT entry")
            if at and (state >= 6 or not is_bitmap and state in (1, 3)):
                space.take(at, MIB if is_bitmap else block)
            if is_bitmap and state >= 6:
                bitmaps.add(chunk)
            if child and not is_bitmap and state == 7:
                needs.add(chunk)
    ask(needs <= bitmaps, "partially present without a bitmap")


def opens(path):
    """(whether it opens the image, why not)"""
    with open(path, "rb") as f:
        try:
            image = Image(f)
            ask(image.size >= MIB, "shorter than the headers")
            ask(image.read(0, 8) == b"vhdxfile", "signature")
            log = header(image)
            space = Space(image.size)
            bat_place, metadata_place = regions(image)
            values = metadata(image, *metadata_place)
            for place in ((0, MIB), log, bat_place, metadata_place):
                space.take(*place)
            bat(image, space, *bat_place, *values)
        except Refused as e:
            return False, str(e)
    return True, ""
