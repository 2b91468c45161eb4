#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The HTML reports in a real browser: axe finds nothing to object to, nothing is loaded, nothing sticks out, every link leads
somewhere; wide and narrow, light and dark, and printed.

    html.py [--keep DIR] [FILE.html...]     without files: reports of images that this makes, by $VHDXRAY

Talks to headless Chromium over a pipe. Screenshots go to DIR (build/test/screenshots). Needs chromium, and axe-core in
$VHDXRAY_NPM (build/npm, see tools/test-packages); exit 77 without them. Last line: `N passed, N failed`.
"""
import base64
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
VHDXRAY = os.path.abspath(os.environ.get("VHDXRAY", ROOT / "build/release/vhdxray"))
NPM = pathlib.Path(os.environ.get("VHDXRAY_NPM", ROOT / "build/npm"))
VIEWS = [(1280, "light", True), (400, "dark", True), (1280, "dark", False), (400, "light", False)]  # axe: both schemes, both widths
THOROUGH = ("corrupt",)                              # of our own pages those that are looked at in all views, and printed
SHOWN = 6000                                         # pixels of a screenshot, from the top


class Browser:
    """The DevTools protocol over file descriptors 3 and 4: JSON texts, each ended by a NUL."""

    def __init__(self, program, profile):
        def high(fd):                                # away from 3 and 4
            new = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
            os.close(fd)
            return new
        read_end, to = map(high, os.pipe())
        fro, write_end = map(high, os.pipe())
        log = os.open(os.path.join(profile, "chromium.log"), os.O_WRONLY | os.O_CREAT, 0o600)
        arguments = [program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-first-run",
                     "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
                     "--hide-scrollbars", "--force-color-profile=srgb"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        self.pid = os.posix_spawn(program, arguments + ["about:blank"], os.environ, setpgroup=0, file_actions=[
            (os.POSIX_SPAWN_DUP2, read_end, 3), (os.POSIX_SPAWN_DUP2, write_end, 4),
            (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)])
        for fd in (read_end, write_end, log):
            os.close(fd)
        self.to, self.fro, self.number, self.rest, self.events = to, fro, 0, b"", []
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def receive(self, deadline):
        while b"\0" not in self.rest:
            if not select.select([self.fro], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            data = os.read(self.fro, 1 << 20)
            if not data:
                raise EOFError("Chromium has ended")
            self.rest += data
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        deadline = time.monotonic() + 60
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def call(self, method, **parameters):
        return self.ask(method, self.session, **parameters)

    def open(self, path):
        self.events = []
        self.call("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        deadline = time.monotonic() + 60
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.receive(deadline))

    def view(self, width, scheme, media=""):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, expression):
        r = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in r:
            raise RuntimeError(r["exceptionDetails"].get("exception", r["exceptionDetails"]).get("description", "?"))
        return r["result"].get("value")

    def screenshot(self, path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, optimizeForSpeed=True,
                         clip={"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], SHOWN), "scale": 1})
        pathlib.Path(path).write_bytes(base64.b64decode(data["data"]))

    def close(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)


# ---- what is looked at ----

def make_reports(folder):
    """[(name, path of the page)]"""
    sys.path.insert(0, str(TESTS))
    sys.dont_write_bytecode = True
    from vhdx import MIB, Image

    def corrupt():
        i = Image()
        i.entries[1] = i.entries[0]
        i.headers[0].break_crc = True
        i.entries[20] = (1 << 40) | 6
        return i

    def many():
        i = Image(blocks=range(32))
        for b in range(32):
            i.entries[b] |= 8
        return i

    def dirty():
        i = Image()
        published = i.entries.pop(1)
        i.dirty()
        i.put_log(0, i.log_entry(11, pages=[(i.bat_off, i.bat_page(0, {1: published}))]))
        return i

    def child():
        p = Image(blocks=(0, 1, 2))
        p.save(os.path.join(folder, "parent.vhdx"))
        i = Image(parent=p, blocks=())
        i.add_block(0, 7, b"A" * 4096)
        i.add_bitmap(0, b"\xff\x00\x10")
        return i

    def hostile():
        i = child()
        i.creator = '"\'<script>alert(1)</script>\x1b[31m'.encode("utf-16-le") + b"\x00\xd8" + "\u202e&lt;".encode("utf-16-le")
        i.pairs[2] = ("relative_path", ".\\<img src=x onerror=alert(1)>\u2028" + "very-long-name-" * 20 + ".vhdx")
        return i

    def large():                                     # 64 TiB of disk, 18 GiB of sparse file: cells hold many blocks
        return Image(size=64 << 40, block=32 * MIB, blocks=[*range(300), *range(300, 2 << 20, 8000)])

    images = {f.__name__: f for f in (Image, corrupt, many, dirty, child, hostile, large)}
    pages = []
    for name, make in images.items():
        name = "clean" if name == "Image" else name
        make().save(os.path.join(folder, name + ".vhdx"))
    with open(os.path.join(folder, "zeros.vhdx"), "wb") as f:
        f.truncate(3 * MIB)
    with open(os.path.join(folder, "empty.vhdx"), "wb"):
        pass
    names = sorted(n[:-5] for n in os.listdir(folder) if n.endswith(".vhdx"))
    runs = [(n, [n + ".vhdx"]) for n in names] + [("all", [n + ".vhdx" for n in names] + ["missing.vhdx"])]
    for name, files in runs:
        page = os.path.join(folder, name + ".html")
        code = subprocess.run([VHDXRAY, "check", "-f", "html", "-o", page, *files], cwd=folder, capture_output=True,
                              timeout=60).returncode
        if code not in (0, 1, 3):
            raise RuntimeError(f"vhdxray check -f html {name}: exit {code}")
        pages.append((name, page))
    lines = os.path.join(folder, "all.jsonl")
    subprocess.run([VHDXRAY, "check", "-f", "jsonl", "-o", lines, *[n + ".vhdx" for n in names], "missing.vhdx"], cwd=folder,
                   capture_output=True, timeout=60)
    with open(lines, "ab") as f:
        f.write(b"<b>no report</b>\n")
    page = os.path.join(folder, "summary.html")
    if subprocess.run([VHDXRAY, "summarize", "-f", "html", "-o", page, lines], capture_output=True, timeout=60).returncode != 3:
        raise RuntimeError("vhdxray summarize -f html")
    pages.append(("summary", page))
    return pages


LINKS = """[...document.querySelectorAll('a[href]')].filter(a => !a.getAttribute('href').startsWith('#') ||
    !document.getElementById(decodeURIComponent(a.getAttribute('href').slice(1)))).map(a => a.outerHTML.slice(0, 200))"""
WIDER = """document.documentElement.scrollWidth > document.documentElement.clientWidth ?
    [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 &&
    !e.closest('.scroll')).slice(0, 3).map(e => e.outerHTML.slice(0, 200)) : []"""
AXE = """axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(r => r.violations.map(v =>
    v.id + ' (' + v.impact + '): ' + v.help + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')))"""


def look_at(browser, axe, name, page, keep, thorough):
    """What is wrong with the page, as (check, text)."""
    browser.open(page)
    for e in browser.events:
        if e.get("method") == "Network.requestWillBeSent" and e["params"]["request"]["url"] != pathlib.Path(page).resolve().as_uri():
            yield "loads nothing", e["params"]["request"]["url"]
        if e.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            yield "no complaint of the browser", json.dumps(e["params"])[:300]
    for broken in browser.evaluate(LINKS):
        yield "links lead somewhere", broken
    browser.evaluate(axe)
    for width, scheme, with_axe in VIEWS if thorough else VIEWS[:2]:
        browser.view(width, scheme)
        browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for wide in browser.evaluate(WIDER):
            yield f"fits {width} px", wide
        for violation in browser.evaluate(AXE) if with_axe else ():
            yield f"axe, {width} px, {scheme}", violation
        browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
        browser.screenshot(keep / f"{name}-{width}-{scheme}.png")
    if not thorough:
        return
    browser.view(800, "light", "print")
    browser.screenshot(keep / f"{name}-print.png")
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
    (keep / f"{name}.pdf").write_bytes(pdf)
    if not pdf.startswith(b"%PDF-"):
        yield "prints", "no PDF"


def main():
    arguments = sys.argv[1:]
    keep = pathlib.Path(ROOT / "build/test/screenshots")
    if arguments[:1] == ["--keep"]:
        keep = pathlib.Path(arguments[1])
        arguments = arguments[2:]
    program = shutil.which("chromium") or shutil.which("google-chrome")
    axe = NPM / "axe-core/axe.min.js"
    if not program or not axe.exists():
        print("html: no Chromium" if not program else f"html: no axe-core in {NPM}")
        return 77
    keep.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as profile:
        pages = [(pathlib.Path(p).stem, p) for p in arguments] or make_reports(folder)
        browser = Browser(program, profile)
        try:
            for name, page in pages:
                thorough = bool(arguments) or name in THOROUGH
                problems = list(dict.fromkeys(look_at(browser, axe.read_text(), name, page, keep, thorough)))
                for check, text in problems:
                    print(f"FAIL {name}: {check}: {text}")
                if not problems:
                    print(f"ok   {name}")
                failed += bool(problems)
                passed += not problems
        finally:
            browser.close()
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
