#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The program killed at random moments on a real file system, and run again: what it says it keeps is kept.

    tests/oracle/kill.py        $VHDXRAY is the program; $VHDXRAY_KILLS says how often (300); 10000 is the long run

Each kill is a SIGKILL after a random part of the time that the command needs. Then the next command of a user follows, and
the files must be those before or those after: byte for byte for repair, undo, copy and create; sector for sector for
guest writes. Power loss, where the page cache is lost as well, is tests/crash.c. Last line: `N passed, N failed`."""
import collections
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import vhdx  # noqa: E402

PROGRAM = os.environ.get("VHDXRAY", "build/release/vhdxray")
KILLS = int(os.environ.get("VHDXRAY_KILLS", "300"))
DIR = tempfile.mkdtemp(prefix="vhdxray-kill-")
MIB = 1 << 20
rnd = random.Random(20261122)
problems = []
met = 0  # commands that found an interrupted repair or undo


def path(name):
    return os.path.join(DIR, name)


def run(*args, stdin=None):
    for _ in range(1000):
        p = subprocess.run([PROGRAM, *args], cwd=DIR, capture_output=True, input=stdin, timeout=60)
        # The confined half of what was killed is killed with it, but may take a moment to be gone, and its lock with it.
        if p.returncode != 3 or b"is in use" not in p.stderr:
            break
        time.sleep(0.01)
    return p.returncode, p.stdout, p.stderr.decode("utf-8", "replace")


def content(name):
    with open(path(name), "rb") as f:
        return f.read()


def digest(name):
    return hashlib.sha256(content(name)).hexdigest()


def put(name, data):
    """In place, so that what the page cache holds of it is no surprise to anybody."""
    with open(path(name), "wb") as f:
        f.write(data)


def remove_partial():
    """What a program that is killed cannot take away: files that did not get their names yet."""
    names = [n for n in os.listdir(DIR) if ".partial" in n]
    check(all(re.fullmatch(r"(x\.vhdx\.vhdxray-journal|new\.vhdx)\.\d+\.partial", n) for n in names), str(names))
    remove(*names)


def remove(*names):
    for n in names:
        if os.path.lexists(path(n)):
            os.unlink(path(n))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def expect(result, *codes):
    global met
    met += "interrupted" in result[1].decode("utf-8", "replace") + result[2]
    check(result[0] in codes, f"exit {result[0]}: {result[2].strip()}")
    return result


class Command:
    """A command that is killed somewhere between its start and its end."""

    def __init__(self, *args, stdin=None):
        self.args, self.stdin, self.took = args, stdin, 0.02

    def kill(self):
        """True when it was still running."""
        start = time.monotonic()
        stdin = subprocess.DEVNULL
        if self.stdin is not None:
            stdin = open(path(self.stdin), "rb")
        p = subprocess.Popen([PROGRAM, *self.args], cwd=DIR, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.stdin is not None:
            stdin.close()
        try:
            p.wait(timeout=rnd.uniform(0, self.took * 1.1))
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            return True
        self.took = 0.9 * self.took + 0.1 * (time.monotonic() - start)
        return False


# ---- what there is ----

def damaged_image():
    i = vhdx.Image(blocks=())
    for b in range(4):
        i.add_block(b, 6, bytes(rnd.randbytes(4096)) * 16)
    i.headers[1].break_crc = True
    i.regions[1].break_crc = True
    i.save(path("bad.vhdx"))


def dirty_image():
    i = vhdx.Image(blocks=(0, 1, 2, 3))
    moved = {b: i.entries.pop(b) for b in (1, 3)}
    i.dirty()
    i.put_log(0, i.log_entry(11, pages=[(i.bat_off, i.bat_page(0, moved))]))
    i.save(path("dirty.vhdx"))


damaged_image()
dirty_image()
BAD, DIRTY = content("bad.vhdx"), content("dirty.vhdx")
JOURNAL = "x.vhdx.vhdxray-journal"
put("x.vhdx", BAD)
expect(run("repair", "x.vhdx", "--apply"), 4)
GOOD, GOOD_JOURNAL = content("x.vhdx"), content(JOURNAL)
GUEST = hashlib.sha256(expect(run("read", "x.vhdx"), 0)[1]).hexdigest()
DIRTY_GUEST = hashlib.sha256(expect(run("read", "dirty.vhdx"), 0)[1]).hexdigest()
check(GOOD != BAD, "the repair changed nothing")


# ---- scenarios: each is set up, killed, and looked at ----

repairing = Command("repair", "x.vhdx", "--apply")


def repair():
    remove(JOURNAL)
    put("x.vhdx", BAD)
    killed = repairing.kill()
    if rnd.random() < 0.5:
        expect(run("repair", "x.vhdx", "--apply"), 0, 4)
        check(content("x.vhdx") == GOOD, "not the repaired image")
        expect(run("undo", "x.vhdx"), 0)
        check(content("x.vhdx") == BAD, "undo does not lead back")
    else:
        rc, _, err = expect(run("undo", "x.vhdx"), 0, 5)
        check(rc == 0 or "nothing to undo" in err, err)
        check(content("x.vhdx") == BAD, "not the original image")
    check(not os.path.exists(path(JOURNAL)) or content("x.vhdx") == BAD, "a journal is left")
    remove_partial()
    return killed


undoing = Command("undo", "x.vhdx")


def undo():
    put("x.vhdx", GOOD)
    put(JOURNAL, GOOD_JOURNAL)
    killed = undoing.kill()
    rc, _, err = expect(run("undo", "x.vhdx"), 0, 5)
    check(rc == 0 or "nothing to undo" in err, err)
    check(content("x.vhdx") == BAD, "not the original image")
    check(not os.path.exists(path(JOURNAL)), "the journal is left")
    remove_partial()
    return killed


copying = Command("repair", "bad.vhdx", "--copy", "new.vhdx")


def copy():
    remove("new.vhdx")
    killed = copying.kill()
    check(content("bad.vhdx") == BAD, "the original was changed")
    if os.path.exists(path("new.vhdx")):
        check(content("new.vhdx") == GOOD, "the copy is not whole")
    remove_partial()
    return killed


replaying = Command("replay", "d.vhdx")


def replay():
    remove("d.vhdx.vhdxray-journal")
    put("d.vhdx", DIRTY)
    killed = replaying.kill()
    check(hashlib.sha256(expect(run("read", "d.vhdx"), 0)[1]).hexdigest() == DIRTY_GUEST, "guest data before recovery")
    expect(run("replay", "d.vhdx"), 0, 4)
    expect(run("check", "d.vhdx"), 0)
    check(hashlib.sha256(expect(run("read", "d.vhdx"), 0)[1]).hexdigest() == DIRTY_GUEST, "guest data after recovery")
    return killed


writing = Command("write", "w.vhdx", "--offset", str(MIB + 512), stdin="input")
put("input", bytes(rnd.randbytes(512)) * 2 + rnd.randbytes(6 * MIB))
NEW_BYTES = content("input")
expect(run("create", "empty.vhdx", "--size", "12M", "--block-size", "1M"), 0)
expect(run("write", "empty.vhdx", stdin=rnd.randbytes(3 * MIB)), 0)
EMPTY = content("empty.vhdx")
OLD_GUEST = expect(run("read", "empty.vhdx"), 0)[1]
NEW_GUEST = OLD_GUEST[: MIB + 512] + NEW_BYTES + OLD_GUEST[MIB + 512 + len(NEW_BYTES):]


def write():
    put("w.vhdx", EMPTY)
    killed = writing.kill()
    expect(run("replay", "w.vhdx"), 0, 4)
    expect(run("check", "w.vhdx"), 0)
    now = expect(run("read", "w.vhdx"), 0)[1]
    check(len(now) == len(OLD_GUEST), "the disk has another size")
    if now not in (OLD_GUEST, NEW_GUEST):
        for at in range(0, len(now), 512):
            sector = now[at: at + 512]
            check(sector in (OLD_GUEST[at: at + 512], NEW_GUEST[at: at + 512]), f"sector {at // 512} is neither old nor new")
    return killed


creating = Command("create", "new.vhdx", "--size", "1G")


def create():
    remove("new.vhdx")
    killed = creating.kill()
    if os.path.exists(path("new.vhdx")):
        expect(run("check", "new.vhdx"), 0)
    remove_partial()
    return killed


SCENARIOS = ((repair, 40), (undo, 20), (copy, 10), (replay, 10), (write, 15), (create, 5))
done, hit = collections.Counter(), collections.Counter()
failed = 0
for _ in range(KILLS):
    scenario = rnd.choices([s for s, _ in SCENARIOS], [w for _, w in SCENARIOS])[0]
    name = scenario.__name__
    try:
        hit[name] += scenario()
    except (AssertionError, subprocess.TimeoutExpired) as e:
        failed += 1
        problems.append(f"{name}: {e}")
        if len(problems) >= 20:
            break
    done[name] += 1
for scenario, _ in SCENARIOS:
    name = scenario.__name__
    print(f"{name}: {done[name]} runs, {hit[name]} of them killed before their end")
print(f"{met} times an interrupted repair or undo was found and ended")
print(f"figure kills: {sum(done.values())} runs of repair, undo, copy, replay, write and create, {sum(hit.values())} killed "
      f"before their end; {met} times the next command found an interrupted repair or undo and ended it")
for p in problems:
    print("FAIL " + p)
if KILLS >= 200 and any(hit[s.__name__] == 0 for s, _ in SCENARIOS):
    failed += 1
    print("FAIL some scenario was never killed")
shutil.rmtree(DIR)
print(f"{sum(done.values()) - len(problems)} passed, {failed} failed")
sys.exit(failed > 0)
