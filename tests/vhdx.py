# SPDX-License-Identifier: MIT
"""A second, independent writer of VHDX images, from the format description alone, for tests that must not share a mistake with
the library: fields are plain attributes, everything is written where they say, checksums last (or not at all)."""
import os
import struct
import uuid

MIB = 1 << 20
BAT = uuid.UUID("2DC27766-F623-4200-9D64-115E9BFD4A08")
METADATA = uuid.UUID("8B7CA206-4790-4B9A-B8FE-575F050F886E")
FILE_PARAMETERS = uuid.UUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
DISK_SIZE = uuid.UUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
DISK_ID = uuid.UUID("BECA12AB-B2E6-4523-93EF-C309E000C746")
LOGICAL = uuid.UUID("8141BF1D-A96F-4709-BA47-F233A8FAAB5F")
PHYSICAL = uuid.UUID("CDA348C7-445D-4471-9CC9-E9885251C556")
LOCATOR = uuid.UUID("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")
LOCATOR_TYPE = uuid.UUID("B04AEFB7-D19E-4A81-B789-25B8E9445913")

_table = []
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = (_c >> 1) ^ (0x82F63B78 if _c & 1 else 0)
    _table.append(_c)
_zero_crc = {}


def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = _table[(c ^ b) & 255] ^ (c >> 8)
    return c ^ 0xFFFFFFFF


def guid(n):
    """A version-4 GUID in Microsoft's form, different for each n."""
    b = bytearray((n * 37 + i * 11 + 5) & 255 for i in range(16))
    b[7] = 0x40 | (b[7] & 15)
    b[8] = 0x80 | (b[8] & 63)
    if b[6] >> 4 == 4:
        b[6] ^= 0x10
    return uuid.UUID(bytes_le=bytes(b))


def signed(data):
    """Puts the CRC-32C at offset 4."""
    data = bytes(data[:4]) + b"\0\0\0\0" + bytes(data[8:])
    return data[:4] + struct.pack("<I", crc32c(data)) + data[8:]


class Header:
    def __init__(self, seq):
        self.sig, self.seq, self.fw, self.dw, self.log = b"head", seq, guid(1), guid(2), uuid.UUID(int=0)
        self.log_version, self.version, self.log_len, self.log_off, self.reserved = 0, 1, MIB, MIB, b""
        self.break_crc = False

    def bytes(self):
        d = struct.pack("<4sIQ16s16s16sHHIQ", self.sig, 0, self.seq, self.fw.bytes_le, self.dw.bytes_le, self.log.bytes_le,
                        self.log_version, self.version, self.log_len, self.log_off)
        d = signed((d + self.reserved).ljust(4096, b"\0"))
        return d[:4] + bytes([d[4] ^ 1]) + d[5:] if self.break_crc else d


class Regions:
    def __init__(self, entries):
        self.sig, self.count, self.reserved, self.entries, self.tail, self.break_crc = b"regi", None, 0, entries, b"", False

    def bytes(self):
        d = struct.pack("<4sIII", self.sig, 0, len(self.entries) if self.count is None else self.count, self.reserved)
        for g, off, length, required in self.entries:
            d += struct.pack("<16sQII", g.bytes_le, off, length, required)
        d = signed((d + self.tail).ljust(65536, b"\0"))
        return d[:4] + bytes([d[4] ^ 1]) + d[5:] if self.break_crc else d


class Image:
    """A healthy dynamic image in Windows' layout: log at 1 MiB, metadata 2, BAT 3, payload from 4. Change it, then save()."""

    def __init__(self, size=64 * MIB, block=2 * MIB, sector=512, parent=None, blocks=(0, 1)):
        self.creator = "Microsoft Windows 10.0.19041.0".encode("utf-16-le")
        self.signature, self.id_tail = b"vhdxfile", b""
        self.headers = [Header(6), Header(7)]
        self.size, self.block, self.sector, self.physical, self.flags = size, block, sector, 4096, 0
        self.diff = parent is not None
        if self.diff:
            self.flags |= 2
        self.chunk = (sector << 23) // block if block else 1
        self.count = -(-size // block) if block else 0
        self.bat_off = 3 * MIB
        n = self.count + (self.count - 1) // self.chunk if not self.diff else -(-self.count // self.chunk) * (self.chunk + 1)
        self.bat_len = -(-n * 8 // MIB) * MIB
        self.regions = [Regions([(METADATA, 2 * MIB, MIB, 1), (BAT, self.bat_off, self.bat_len, 1)]) for _ in range(2)]
        self.regions[1].entries = self.regions[0].entries          # one list: a change reaches both copies
        self.meta_sig, self.meta_count, self.meta_reserved, self.meta_reserved2 = b"metadata", None, 0, b"\0" * 20
        self.meta_tail = b""
        self.disk_id = guid(9)
        self.items = [[FILE_PARAMETERS, 0x10000, 8, 4, 0], [DISK_SIZE, 0x10008, 8, 6, 0], [LOGICAL, 0x10010, 4, 6, 0],
                      [PHYSICAL, 0x10014, 4, 6, 0], [DISK_ID, 0x10018, 16, 6, 0]]
        self.locator = None
        if self.diff:
            self.pairs = [("parent_linkage", "{%s}" % parent.headers[1].dw), ("absolute_win32_path", "C:\\vm\\parent.vhdx"),
                          ("relative_path", ".\\parent.vhdx"),
                          ("volume_path", "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\vm\\parent.vhdx"),
                          ("parent_linkage2", "{00000000-0000-0000-0000-000000000000}")]
            self.items.append([LOCATOR, 0x10028, 0, 4, 0])
            self.disk_id = parent.disk_id
        self.entries, self.extents, self.end = {}, [], self.bat_off + self.bat_len
        for b in blocks:
            self.add_block(b)
        self.log = []                                              # (ring offset, bytes)
        self.file_size = None

    def index(self, block):
        return block + block // self.chunk

    def bitmap_index(self, chunk):
        return (chunk + 1) * self.chunk + chunk

    def add_block(self, block, state=6, data=None):
        self.entries[self.index(block)] = self.end | state
        self.extents.append((self.end, data if data is not None else b"block %d" % block))
        self.end += self.block

    def add_bitmap(self, chunk, bits=b""):
        self.entries[self.bitmap_index(chunk)] = self.end | 6
        self.extents.append((self.end, bits))
        self.end += MIB

    def locator_bytes(self):
        n = len(self.pairs)
        d, strings = b"", b""
        base = 20 + 12 * n
        for k, v in self.pairs:
            k, v = [x if isinstance(x, bytes) else x.encode("utf-16-le") for x in (k, v)]
            d += struct.pack("<IIHH", base + len(strings), base + len(strings) + len(k), len(k), len(v))
            strings += k + v
        return LOCATOR_TYPE.bytes_le + struct.pack("<HH", 0, n) + d + strings

    def metadata(self):
        out = bytearray(MIB)
        if self.diff and self.locator is None:
            self.locator = self.locator_bytes()
        values = {FILE_PARAMETERS: struct.pack("<II", self.block, self.flags), DISK_SIZE: struct.pack("<Q", self.size),
                  LOGICAL: struct.pack("<I", self.sector), PHYSICAL: struct.pack("<I", self.physical),
                  DISK_ID: self.disk_id.bytes_le, LOCATOR: self.locator or b""}
        n = len(self.items) if self.meta_count is None else self.meta_count
        out[:32] = struct.pack("<8sHH20s", self.meta_sig, self.meta_reserved, n, self.meta_reserved2)
        for i, (g, off, length, flags, r2) in enumerate(self.items):
            if g == LOCATOR and length == 0:
                length = len(self.locator or b"")
            out[32 + 32 * i:64 + 32 * i] = struct.pack("<16sIIII", g.bytes_le, off, length, flags, r2)
            v = values.get(g, b"")
            if off + len(v) <= MIB and off >= 65536:
                out[off:off + len(v)] = v
        if self.meta_tail:
            out[32 + 32 * len(self.items):][:0]
            p = 32 + 32 * len(self.items)
            out[p:p + len(self.meta_tail)] = self.meta_tail
        return bytes(out)

    def log_entry(self, seq, tail=0, pages=(), zeros=(), live=None, flushed=None, last=None, reserved=0, edit=None):
        """An entry's bytes: pages are (file offset, 4096 bytes), zeros (file offset, length)."""
        g = (live or self.headers[1].log).bytes_le
        k = len(pages) + len(zeros)
        d = max(1, -(-(64 + 32 * k) // 4096))
        head = b""
        data = b""
        for off, page in pages:
            head += struct.pack("<4s4s8sQQ", b"desc", page[4092:], page[:8], off, seq)
            data += struct.pack("<4sI", b"data", seq >> 32) + page[8:4092] + struct.pack("<I", seq & 0xFFFFFFFF)
        for off, length in zeros:
            head += struct.pack("<4sIQQQ", b"zero", 0, length, off, seq)
        total = 4096 * d + len(data)
        size = self.total()
        e = struct.pack("<4sIIIQII16sQQ", b"loge", 0, total, tail, seq, k, reserved, g,
                        size if flushed is None else flushed, size if last is None else last)
        e = bytearray((e + head).ljust(4096 * d, b"\0") + data)
        if edit:
            edit(e)
        return signed(e)

    def dirty(self, g=None):
        for h in self.headers:
            h.log = g or guid(77)

    def put_log(self, ring, entry):
        self.log.append((ring, entry))

    def bat_page(self, page=0, change=None):
        out = bytearray(4096)
        for i in range(512):
            struct.pack_into("<Q", out, 8 * i, (change or {}).get(page * 512 + i, self.entries.get(page * 512 + i, 0)))
        return bytes(out)

    def total(self):
        return self.file_size if self.file_size is not None else -(-self.end // MIB) * MIB

    def save(self, path, edits=()):
        with open(path, "wb") as f:
            f.truncate(max(self.total(), 0))
            def put(off, data):
                if off < (1 << 62) and data:
                    f.seek(off)
                    f.write(data)
            put(0, self.signature + self.creator.ljust(512, b"\0") + self.id_tail)
            for i in range(2):
                put(0x10000 * (i + 1), self.headers[i].bytes())
                put(0x30000 + 0x10000 * i, self.regions[i].bytes())
            put(2 * MIB, self.metadata())
            for i, e in self.entries.items():
                put(self.bat_off + 8 * i, struct.pack("<Q", e))
            for off, data in self.extents:
                put(off, data)
            h = self.headers[1]
            for ring, entry in self.log:
                room = h.log_len - ring
                put(h.log_off + ring, entry[:room])
                put(h.log_off, entry[room:])
            for off, data in edits:
                put(off, data)
            f.truncate(self.total())
        return path


def flip(path, off, data):
    with open(path, "r+b") as f:
        f.seek(off)
        f.write(data)


if __name__ == "__main__":
    import sys
    Image().save(sys.argv[1])
