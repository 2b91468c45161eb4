#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guest's disk as other programs read it: qemu-img, 7-Zip and libvhdi against `vhdxray hash --guest` and `export`.

    guest_qemu.py [BINARY] [COUNT]     (default $VHDXRAY or build/release/vhdxray; 400 generated images)

Who is asked what:
  qemu-img   512-byte sectors, no parent. A dirty image is copied and `qemu-img check -r all` replays the copy's log.
             It refuses 4096-byte sectors and parents.
  7-Zip      also 4096-byte sectors and parents that lie beside the child. It does not replay a log: of dirty images with
             4096-byte sectors the second writer (tests/vhdx.py) saves what the replayed file would be. It refuses some
             disk sizes (odd numbers of sectors), but none that is a multiple of 8192 and at least 1 MiB.
  libvhdi    the pair of real images alone. In other blocks than those it may read file headers as sector bitmaps.

Real images are taken from $VHDXRAY_IMAGES. Prints what differs and a line per group; last `N passed, N failed`."""
import concurrent.futures
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from programs import GIB, Differs, V, by_7zip, by_qemu, copy_of, first_difference, run, same, scratch  # noqa: E402
from vhdx import MIB, Image, guid  # noqa: E402

COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 400
SPARSE_ABOVE = 256 * MIB  # larger disks are compared where they have data, not hashed
FAT_SHA = "a538161f34bc44c12bf9a542ce9218741c62728723ea18d0e4f6ea92e9f32e93"  # fat-differential over fat-parent


# ---- ours beside them ----

def sha_of(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while data := f.read(1 << 20):
            h.update(data)
    return h.hexdigest()


def identity(path):
    st = os.stat(path)
    return st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_atime_ns


def ask(image, raw, parents=(), export=False):
    """Compares our answer with the raw disk that somebody else wrote; the image must stay as it is."""
    options = [x for p in parents for x in ("--parent", p)]
    before = identity(image)
    if os.stat(raw).st_size > SPARSE_ABOVE or export:
        out = raw + ".ours"
        run(V, "export", *options, image, out)
        try:
            same(out, raw, "export")
        finally:
            os.unlink(out)
    if os.stat(raw).st_size <= SPARSE_ABOVE:
        p = run(V, "hash", "--guest", *options, image)
        if sha_of(raw).encode() not in p.stdout:
            raise Differs("hash differs: %s" % p.stdout[-200:].decode(errors="replace"))
    if identity(image) != before:
        raise Differs("size or times of the image changed")


# ---- generated images ----

def random_bytes(r, n):
    return r.randbytes(n)


def qemu_made(r, base):
    """qemu-img create, then writes of qemu-io."""
    path = base + ".vhdx"
    block = r.choice([0, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256])
    size = r.randrange(1, 48 * 2048) * 512
    if r.random() < 0.01:
        size, block = 4 * GIB + r.randrange(1, 8192) * 512, r.choice([1, 256])
    fixed = r.random() < 0.15 and size < GIB
    options = "subformat=%s,block_state_zero=%s,log_size=%dM" % (
        "fixed" if fixed else "dynamic", r.choice(["on", "off"]), r.choice([1, 1, 2]))
    if block:
        options += ",block_size=%dM" % block
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", options, path, str(size))
    commands = []
    for _ in range(r.randrange(0, 7)):
        at = r.choice([0, size - 512, r.randrange(size), min(size - 512, 4 * GIB - 4096)]) // 512 * 512
        n = min(size - at, r.choice([512, 4096, 65536, 300 * 1024, MIB])) // 512 * 512
        if n > 0:
            commands += ["-c", "write -q -P %d %d %d" % (r.randrange(1, 256), at, n)]
    if commands:
        run("qemu-io", "-f", "vhdx", *commands, path)
    return path, by_qemu(path, base + ".raw")


def qemu_converted(r, base):
    """A raw disk that qemu-img converts to VHDX; here the truth is known without anybody reading."""
    path, raw = base + ".vhdx", base + ".raw"
    size = r.randrange(1, 64 * 2048) * 512
    with open(raw, "wb") as f:
        for _ in range(r.randrange(0, 8)):
            f.seek(r.randrange(size) // 512 * 512)
            f.write(random_bytes(r, min(512 * r.randrange(1, 400), size - f.tell())))
        f.truncate(size)
    options = "subformat=%s,block_state_zero=%s,block_size=%dM" % (
        r.choice(["dynamic", "dynamic", "fixed"]), r.choice(["on", "off"]), r.choice([1, 2, 8, 64]))
    run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", options, raw, path)
    return path, raw


def written(r, sector, parent=None, size=None):
    """An image of the second writer with blocks in every state and data at odd places."""
    unit = 8192 if sector == 4096 or r.random() < 0.3 else 512
    size = size or r.randrange(MIB, 40 * MIB) // unit * unit
    block = r.choice([1, 1, 2, 2, 4, 16, 256]) * MIB
    if parent is None and sector == 512 and r.random() < 0.03:
        size, block = (sector << 23) + r.randrange(1, 1024) * 2 * sector, r.choice([MIB, 256 * MIB])
    im = Image(size=size, block=block, sector=sector, parent=parent, blocks=())
    blocks = list(range(min(im.count, 24))) + [b for b in range(im.chunk - 2, im.chunk + 3) if 24 <= b < im.count]
    r.shuffle(blocks)
    for b in blocks:
        state = r.choice([0, 0, 1, 2, 3, 6, 6, 6, 6] + ([7] * 6 if parent else []))
        if state < 6 and r.random() < 0.7:
            if state:
                im.entries[im.index(b)] = state
            continue
        if state in (0, 2):
            continue
        place = im.end
        im.add_block(b, state, random_bytes(r, r.choice([100, 4096, 70000])))
        for _ in range(3):
            at = r.randrange(block - 5000)
            im.extents.append((place + at, random_bytes(r, r.randrange(1, 5000))))
    return im


def add_bits(r, im):
    """Bitmap blocks for the chunks that have blocks in state 7: runs, single sectors, all, none."""
    spb = im.block // im.sector
    chunks = {}
    for index, e in list(im.entries.items()):
        chunk, slot = divmod(index, im.chunk + 1)
        if e & 7 == 7:
            chunks.setdefault(chunk, []).append(slot)
    for chunk, slots in chunks.items():
        bits = bytearray(MIB)
        for slot in slots:
            own = bytearray(spb // 8)
            kind = r.randrange(4)
            if kind == 1:
                own[:] = b"\xff" * len(own)
            elif kind == 2:
                own[:] = random_bytes(r, len(own))
            elif kind == 3:
                for _ in range(5):
                    start = r.randrange(spb)
                    for bit in range(start, min(spb, start + r.randrange(1, 200))):
                        own[bit // 8] |= 1 << bit % 8
            bits[slot * spb // 8:(slot + 1) * spb // 8] = own
        im.add_bitmap(chunk, bytes(bits))


def writer_made(r, base):
    sector = r.choice([512, 4096])
    im = written(r, sector)
    path = im.save(base + ".vhdx")
    if sector == 4096 or (im.size % 8192 == 0 and im.size < GIB):
        return path, by_7zip(path, base + ".raw")
    return path, by_qemu(path, base + ".raw")


def dirty(r, base):
    """Changes that are only in the log: BAT entries, pages and zeros over payload; the log anywhere in its ring."""
    im = written(r, r.choice([512, 512, 4096]))
    while im.count > 4096:
        im = written(r, im.sector)
    spare = im.end                      # a block of data that only the log publishes
    im.extents.append((spare, random_bytes(r, 5000)))
    im.end += im.block
    im.dirty()
    ring, seq = r.randrange(256) * 4096, r.randrange(1, 1 << 62)
    tail = ring
    after, pages, zeros = dict(im.entries), [], []
    steps = [((), ())]                  # the empty entry that opens a log
    for step in range(r.randrange(1, 5)):
        pages, zeros = [], []
        if step == 0:
            after[im.index(r.randrange(min(im.count, 24)))] = spare | 6
        for _ in range(r.randrange(0, 3)):
            after[im.index(r.randrange(min(im.count, 24)))] = r.choice([2, 0, 3])
        pages.append((im.bat_off, im.bat_page(0, after)))
        if r.random() < 0.4:
            pages.append((spare + r.randrange(im.block // 4096) * 4096, random_bytes(r, 4096)))
        if r.random() < 0.4:
            first = r.randrange(im.block // 4096)
            zeros.append((spare + first * 4096, min(r.randrange(1, 40), im.block // 4096 - first) * 4096))
        steps.append((pages, zeros))
    wraps = False
    for pages, zeros in steps:
        entry = im.log_entry(seq, tail, pages, zeros)
        im.put_log(ring, entry)
        wraps = wraps or ring + len(entry) >= MIB
        ring, seq = (ring + len(entry)) % MIB, seq + 1
    path = im.save(base + ".vhdx")
    copy = base + ".replayed.vhdx"
    raw = None
    if im.sector == 512:
        shutil.copyfile(path, copy)
        run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", copy, check=False)
        raw = by_qemu(copy, base + ".raw")
    if raw is None or wraps:
        clean = struct.pack("<16x")
        for h in im.headers:
            h.log = type(h.log)(bytes=clean)
        im.log = []
        # Zeros of an entry lie beside its pages here, so their order inside an entry does not matter.
        edits = [x for pages, zeros in steps for x in list(pages) + [(off, bytes(n)) for off, n in zeros]]
        im.save(copy, edits)
        replayed, raw = raw, (by_qemu if im.sector == 512 else by_7zip)(copy, base + ".truth.raw")
        # Of a run over the end of the ring QEMU takes what lies at the start of the ring for all.
        if replayed is not None and first_difference(replayed, raw) is not None:
            told = run(V, "check", "-f", "json", path, check=False).stdout
            if b"QEMU replays only the entries from the start of the ring" not in told:
                raise Differs("QEMU does not replay all of the log, and nobody says so")
    return path, raw


def differencing(r, base):
    """A child and its parent in one folder, where 7-Zip looks for it."""
    folder = base + ".d"
    os.mkdir(folder)
    sector = r.choice([512, 4096])
    parent = written(r, sector, size=r.randrange(1, 24) * MIB)
    parent.save(os.path.join(folder, "parent.vhdx"))
    child = written(r, sector, parent=parent, size=parent.size)
    for h in child.headers:
        h.fw, h.dw = guid(4), guid(3)  # its own: by them 7-Zip sees cycles
    add_bits(r, child)
    path = child.save(os.path.join(folder, "child.avhdx"))
    return path, by_7zip(path, base + ".raw"), [os.path.join(folder, "parent.vhdx")]


KINDS = [(qemu_made, 30), (qemu_converted, 10), (writer_made, 30), (dirty, 22), (differencing, 8)]


def kind_of(number):
    at = number % sum(share for _, share in KINDS)
    for fn, share in KINDS:
        if at < share:
            return fn
        at -= share


def generated(number):
    """None, or what is wrong."""
    with scratch() as folder:
        try:
            path, raw, *parents = kind_of(number)(random.Random(number), os.path.join(folder, "image"))
            ask(path, raw, *parents, export=number % 4 == 0)
        except Differs as e:
            return "%s: %s" % (kind_of(number).__name__, e)
        except subprocess.TimeoutExpired as e:
            return "%s: %s" % (kind_of(number).__name__, e)
    return None


# ---- real images ----

def real_images(folder):
    """Yields (name, what is wrong or None)."""
    with scratch() as tmp:
        for name in sorted(os.listdir(folder)):
            path, copy, raw = os.path.join(folder, name), os.path.join(tmp, "copy.vhdx"), os.path.join(tmp, "raw")
            if not name.endswith(".vhdx") or "differential" in name:
                continue
            try:
                sha = sha_of(path)
                copy_of(path, copy)
                run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", copy, check=False)
                ask(path, by_qemu(copy, raw), export=True)
                if sha_of(path) != sha:
                    raise Differs("the image itself changed")
                if "dirty" not in name:
                    os.unlink(raw)
                    ask(path, by_7zip(path, raw), export=True)
                yield name, None
            except Differs as e:
                yield name, str(e)
        child, parent = (os.path.join(folder, n + ".vhdx") for n in ("fat-differential", "fat-parent"))
        if os.path.exists(child) and os.path.exists(parent):
            yield "fat-differential over fat-parent", pair(child, parent, tmp)


def pair(child, parent, tmp):
    """7-Zip, libvhdi and the known digest are of one mind here."""
    for path in (child, parent):
        shutil.copyfile(path, os.path.join(tmp, os.path.basename(path)))
    child, parent = (os.path.join(tmp, os.path.basename(p)) for p in (child, parent))
    try:
        raw = by_7zip(child, os.path.join(tmp, "raw"))
        if sha_of(raw) != FAT_SHA:
            raise Differs("7-Zip reads something else than it did")
        ask(child, raw, [parent], export=True)
        p = run(V, "export", child, raw + ".none", check=False)
        if p.returncode != 3 or b"fat-parent" not in p.stderr:
            raise Differs("without its parent: exit %d, %r" % (p.returncode, p.stderr[-200:]))
        try:
            import pyvhdi
        except ImportError:
            return None
        files = [pyvhdi.file(), pyvhdi.file()]
        files[0].open(child)
        files[1].open(parent)
        files[0].set_parent(files[1])
        data = files[0].read_buffer_at_offset(files[0].get_media_size(), 0)
        if hashlib.sha256(data).hexdigest() != FAT_SHA:
            raise Differs("libvhdi reads something else")
    except Differs as e:
        return str(e)
    return None


def main():
    passed = failed = skipped = 0
    for tool in ("qemu-img", "qemu-io", "7zz"):
        if shutil.which(tool) is None:
            print("no %s\n0 passed, 0 failed, 1 skipped" % tool)
            return 77
    folder = os.environ.get("VHDXRAY_IMAGES")
    if folder and os.path.isdir(folder):
        for name, why in real_images(folder):
            passed, failed = passed + (why is None), failed + (why is not None)
            print(("ok   " if why is None else "FAIL ") + name + ("" if why is None else "   " + why))
    else:
        skipped += 1
        print("skip real images: VHDXRAY_IMAGES is not set")
    groups = {fn.__name__: [0, 0] for fn, _ in KINDS}
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for number, why in enumerate(pool.map(generated, range(COUNT), chunksize=4)):
            groups[kind_of(number).__name__][why is not None] += 1
            if why is not None:
                print("FAIL image %d %s" % (number, why))
    for name, (good, bad) in groups.items():
        passed, failed = passed + good, failed + bad
        print("%s %-15s %4d images, %d differ" % ("ok  " if not bad else "FAIL", name, good + bad, bad))
    print("figure disks as others read them: %d images made at random, the same disk by vhdxray and by qemu-img or 7-Zip" % COUNT)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
