#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Metadata copies of every image of the case table: they get the same verdict from the same rules, hold no GUID, name or
guest data of the original, and are small. And of real images, when they are there.

$VHDXRAY: the program; the images are written by write_cases beside it. One test for each image. Last line: `N passed, N failed`.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from programs import data_ranges  # noqa: E402

VHDXRAY = os.path.abspath(os.environ.get("VHDXRAY", ROOT / "build/release/vhdxray"))
WRITER = pathlib.Path(VHDXRAY).parent / "tests/write_cases"

# What the host says of a file, not the file: a copy is sparse and its blocks are holes.
HOST_RULES = {"VHDX-FILE-009", "VHDX-BAT-032"}
# Images whose copies take more room than this have a reason, a log of many pages.
MOST = 3 << 20
KNOWN = {uuid.UUID(t) for t in (                  # of the format: they stay
    "2dc27766-f623-4200-9d64-115e9bfd4a08", "8b7ca206-4790-4b9a-b8fe-575f050f886e", "caa16737-fa36-4d43-b3b6-33f0aa44e76b",
    "2fa54224-cd1b-4876-b211-5dbed83bf4b8", "beca12ab-b2e6-4523-93ef-c309e000c746", "8141bf1d-a96f-4709-ba47-f233a8faab5f",
    "cda348c7-445d-4471-9cc9-e9885251c556", "a8d35f2d-b30b-454d-abf7-d3d84834ab0c", "b04aefb7-d19e-4a81-b789-25b8e9445913")}
KEPT_WORDS = {"vhdx", "avhdx", "vhd", "avhd", "vhds", "unc", "volume", "users", "globalroot", "device", "pipe", "data", "con",
              "nul", "prn", "aux", "parent_linkage", "parent_linkage2", "relative_path", "volume_path", "absolute_win32_path"}


def run(*args, ok=(0, 1)):
    p = subprocess.run([VHDXRAY, *args], capture_output=True, timeout=120)
    if p.returncode not in ok:
        raise RuntimeError(f"{' '.join(args[:2])}: exit {p.returncode}: {p.stderr.decode(errors='replace')[:200]}")
    return p.stdout


def check(path):
    im = json.loads(run("check", "-f", "jsonl", "--max-findings", "1", path))
    rules = {f["rule"] for f in im["findings"]} | set(im["suppressed"])
    return im, rules - HOST_RULES


def guids_of(im, path):
    """Identities in the report, and in the log."""
    facts = im["facts"]
    found = {h[k] for h in facts["headers"] for k in ("file_write_guid", "data_write_guid", "log_guid")}
    found.add(facts["virtual_disk_id"])
    if facts["parent"]:
        found |= {facts["parent"].get("linkage"), facts["parent"].get("linkage2")}
    p = subprocess.run([VHDXRAY, "dump", path, "log", "-f", "json"], capture_output=True, timeout=120)
    found |= set(re.findall(rb'"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"', p.stdout))
    guids = {uuid.UUID(g.decode().strip('"') if isinstance(g, bytes) else g) for g in found if g}
    return {g for g in guids - KNOWN if len(set(g.bytes)) > 1}


def words_of(im):
    parent = im["facts"]["parent"]
    for text in (parent or {}).get("paths", {}).values():
        for word in re.split(r'[\\/:*?"<>|{}.$ \x00-\x1f\x7f-\x9f]', text or ""):
            if len(word) > 2 and word.lower() not in KEPT_WORDS and word.isascii() and not re.fullmatch(r"(com|lpt)\d", word, re.I):
                yield word


def data_of(path):
    """The bytes that are there, without the holes."""
    with open(path, "rb") as f:
        return b"\xff\x00".join(os.pread(f.fileno(), end - start, start) for start, end in data_ranges(f.fileno()))


def leaks(im, path, copy):
    data = data_of(copy)
    for g in guids_of(im, path):
        forms = {g.bytes, g.bytes_le}
        forms |= {t.encode(e) for t in (str(g), str(g).upper()) for e in ("ascii", "utf-16-le")}
        if any(form in data for form in forms):
            yield f"GUID {g}"
    lower = data.lower()
    for key in ("parent_linkage2", "parent_linkage", "relative_path", "volume_path", "absolute_win32_path"):
        lower = lower.replace(key.encode("utf-16-le"), b"\xff")
    for word in set(words_of(im)):
        if any(word.lower().encode(e) in lower for e in ("ascii", "utf-16-le")):
            yield f"name {word}"


def test(path, folder):
    name = os.path.basename(path)
    copy, plain, again = (os.path.join(folder, f"{kind}-{name}") for kind in ("copy", "plain", "again"))
    try:
        im, rules = check(path)
        d = json.loads(run("metadump", "-f", "jsonl", path, "-o", copy, ok=(0,)))
        cim, crules = check(copy)
        if (cim["verdict"], crules) != (im["verdict"], rules) or d["verdict"] != im["verdict"]:
            yield f"{im['verdict']} became {cim['verdict']}: lost {sorted(rules - crules)}, added {sorted(crules - rules)}"
        if os.stat(copy).st_size != os.stat(path).st_size:
            yield "another size"
        if os.stat(copy).st_blocks * 512 > max(MOST, d["kept_bytes"] + 65536):
            yield f"takes {os.stat(copy).st_blocks * 512} bytes"
        yield from leaks(im, path, copy)
        # What the guest would read of the copy is zeros, but where damage puts blocks over structures.
        p = subprocess.run([VHDXRAY, "export", copy, os.path.join(folder, "raw-" + name)], capture_output=True, timeout=120)
        # (0xa5 says that something was there)
        if p.returncode == 0 and set(data_of(os.path.join(folder, "raw-" + name))) - {0, 0xa5, 0xff}:
            yield "guest data is left"
        # A copy of the copy has nothing more to lose.
        run("metadump", "-q", copy, "-o", again, ok=(0,))
        run("metadump", "-q", "--no-redact", path, "-o", plain, ok=(0,))
        yield from unredacted(path, plain, im)
    except (RuntimeError, subprocess.TimeoutExpired, ValueError) as e:
        yield str(e)
    finally:
        for f in (copy, plain, again, os.path.join(folder, "raw-" + name)):
            if os.path.exists(f):
                os.unlink(f)


def unredacted(path, plain, im):
    """Headers, region tables, BAT: byte for byte."""
    ranges = [(0x10000, 4096), (0x20000, 4096), (0x30000, 65536), (0x40000, 65536)]
    bat = im["facts"]["bat"]
    if bat and bat["offset"] is not None and bat["entries"]:
        ranges.append((bat["offset"], min(bat["entries"] * 8, 1 << 20)))
    with open(path, "rb") as a, open(plain, "rb") as b:
        for off, n in ranges:
            if os.pread(a.fileno(), n, off) != os.pread(b.fileno(), n, off):
                yield f"--no-redact changed what lies at {off:#x}"


def main():
    if not WRITER.exists():
        print(f"metadump: no {WRITER}")
        return 1
    failed = passed = 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None      # the copies are synced, thousands of times
    with tempfile.TemporaryDirectory() as images, tempfile.TemporaryDirectory(dir=memory) as folder:
        subprocess.run([WRITER, images], check=True, stdout=subprocess.DEVNULL)
        paths = sorted(os.path.join(images, n) for n in os.listdir(images))
        if len(paths) < 500:
            print(f"metadump: only {len(paths)} images")
            return 1
        real = os.environ.get("VHDXRAY_IMAGES")
        if real:
            paths += sorted(os.path.join(real, n) for n in os.listdir(real) if n.endswith(".vhdx"))
        with ThreadPoolExecutor(2) as pool:
            for path, problems in zip(paths, pool.map(lambda p: list(test(p, folder)), paths)):
                for problem in problems:
                    print(f"FAIL {os.path.basename(path)}: {problem}")
                failed += bool(problems)
                passed += not problems
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
