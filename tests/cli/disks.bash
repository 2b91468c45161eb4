# SPDX-License-Identifier: MIT
# Images whose guest content is known, for the commands that read it. Loaded behind helper.bash.

# disks NAME...: NAME.vhdx and NAME.raw (what the guest sees; not for damaged ones) into $BATS_FILE_TMPDIR
disks() {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BATS_FILE_TMPDIR" "$@" <<'PY'
import base64, os, random, sys
import vhdx
from vhdx import Image, MIB, guid

folder = sys.argv[1]
rnd = random.Random(5)

def text(n):                                     # readable when a test prints it by mistake
    return base64.b64encode(rnd.randbytes(n))[:n]

class Disk(Image):
    """Remembers what the guest sees."""
    def __init__(self, **more):
        self.guest = {}                          # offset: bytes
        self.below = more.get("parent")
        super().__init__(**{"blocks": (), **more})

    def put(self, block, at=0, data=None, state=6):
        data = data or text(5000)
        self.add_block(block, state, bytes(at) + data)
        self.guest[block * self.block + at] = data
        return self

    def raw(self, name):
        with open(os.path.join(folder, name + ".raw"), "wb") as f:
            f.truncate(self.size)
            if self.below:
                with open(os.path.join(folder, self.below.name + ".raw"), "rb") as p:
                    f.write(p.read(self.size))
            for off, data in self.guest.items():
                f.seek(off)
                f.write(data[:self.size - off])

def plain():                                     # blocks out of order, gaps, a last block that is cut
    d = Disk(size=31 * MIB, block=2 * MIB)
    d.headers[0].dw = d.headers[1].dw = guid(20)
    d.put(3).put(0, at=700000).put(1).put(15, at=MIB - 5000).put(7, data=b"\0" * 9000 + b"end")
    return d

def same():                                      # the same content, otherwise laid out
    global rnd
    rnd = random.Random(5)
    other = plain()
    d = Disk(size=31 * MIB, block=MIB)
    whole = bytearray(32 * MIB)
    for off, data in other.guest.items():
        whole[off:off + len(data)] = data
    for b in range(31):
        piece = bytes(whole[b * MIB:(b + 1) * MIB])
        if any(piece):
            d.put(b, data=piece)
    d.entries[d.index(20)] = 2                   # ZERO
    d.entries[d.index(21)] = 3                   # UNMAPPED
    return d

def grown():                                     # plain, and zeros behind
    d = same()
    e = Disk(size=40 * MIB, block=MIB)
    for off, data in d.guest.items():
        e.put(off // MIB, data=data)
    e.put(38, data=b"\0" * 4096)
    return e

def longer():                                    # plain, and a byte behind
    d = grown()
    d.put(35, at=1234, data=b"x")
    return d

def changed():
    d = plain()
    d.put(9, at=4097, data=b"\x41")
    return d

def four_k():                                    # 4096-byte sectors
    return Disk(size=16 * MIB, block=MIB, sector=4096).put(2).put(1)

def dirty():                                     # block 1 is published by the log only
    d = Disk().put(0).put(1)
    published = d.entries.pop(1)
    d.dirty()
    d.put_log(0, d.log_entry(11, pages=[(d.bat_off, d.bat_page(0, {1: published}))]))
    return d

def hostile_log():
    d = Disk().put(0)
    d.dirty()
    d.put_log(0, d.log_entry(11, pages=[(0x10000, b"\xee" * 4096)]))
    return d

def damaged():                                   # 0 good; 1, 2 one place; 3 behind the end; 4 state 4; 5 good; 6 at offset 0
    d = Disk().put(0).put(1).put(2).put(3).put(5)
    d.entries[2] = d.entries[1]
    d.entries[3] = (1 << 40) | 6
    d.entries[4] = 4
    d.entries[6] = 6
    return d

def base():
    d = Disk(size=32 * MIB, block=2 * MIB)
    for b in range(0, 12, 3):
        d.put(b)
    d.put(1, data=text(MIB))
    return d

def child():                                     # larger than its parent, smaller blocks; whole, partial and transparent ones
    p = base()
    p.name = "base"
    p.save(os.path.join(folder, "base.vhdx"))
    p.raw("base")
    d = Disk(parent=p, size=36 * MIB, block=MIB)
    d.pairs[2] = ("relative_path", ".\\base.vhdx")
    d.headers[0].dw = d.headers[1].dw = guid(40)
    d.put(6).put(33)
    data = text(2 * 512)                # sectors 4 and 5 of block 2, and no others
    d.add_block(2, 7, b"\xcc" * 2048 + data + b"\xcc" * 4096)
    d.guest[2 * MIB + 2048] = data
    d.entries[d.index(3)] = 2                    # ZERO hides the parent
    d.guest[3 * MIB] = bytes(MIB)
    bits = bytearray(4096)
    at = 2 * (MIB // 512) + 4
    bits[at // 8] |= 3 << (at % 8)
    d.add_bitmap(0, bytes(bits))
    return d

def alone():                                     # a child that needs no parent: all of it is its own
    p = base()
    d = Disk(parent=p, size=4 * MIB, block=2 * MIB)
    d.below = None
    return d.put(0).put(1)

def grandchild():
    c = child()
    c.name = "child"
    d = Disk(parent=c, size=36 * MIB, block=4 * MIB)
    d.pairs[2] = ("relative_path", ".\\child.vhdx")
    d.pairs[0] = ("parent_linkage", "{%s}" % guid(40))
    d.headers[0].dw = d.headers[1].dw = guid(41)
    d.put(2)
    d.guest[2 * 4 * MIB] = d.guest.pop(2 * 4 * MIB).ljust(4 * MIB, b"\0")
    return d

def wrong_sectors():                             # child of a parent with other sectors
    p = Disk(size=16 * MIB, block=MIB, sector=4096).put(0)
    p.save(os.path.join(folder, "sectors_parent.vhdx"))
    return Disk(parent=p, size=16 * MIB, block=MIB)

def other_base():                                # base as it was written to later
    d = base()
    d.headers[0].dw, d.headers[1].dw = guid(2), guid(50)
    return d

for name in sys.argv[2:]:
    rnd = random.Random(5)
    d = globals()[name]()
    d.save(os.path.join(folder, name + ".vhdx"))
    if d.below is None or hasattr(d.below, "name"):
        d.raw(name)
PY
}

# sum FILE: its SHA-256
sum() {
    sha256sum <"$1" | cut -d' ' -f1
}

# untouched FILE...: remembers files; still_untouched: they are as they were, times included
untouched() {
    stat -c '%n %s %Y %Z %i' "$@" >"$BATS_TEST_TMPDIR/.stat"
    sha256sum "$@" >"$BATS_TEST_TMPDIR/.sums"
}

still_untouched() {
    local files
    mapfile -t files < <(cut -c67- "$BATS_TEST_TMPDIR/.sums")
    stat -c '%n %s %Y %Z %i' "${files[@]}" | cmp - "$BATS_TEST_TMPDIR/.stat"
    sha256sum --quiet -c "$BATS_TEST_TMPDIR/.sums"
}
