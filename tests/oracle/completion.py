#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Completion in the shells themselves: bash, zsh and fish run on a terminal, keys are typed, and the line that stands there after Tab
is looked at. What is offered is held against the help: each command, each option of each command, each choice of each option.
$VHDXRAY: the program. A shell that is not there is skipped. The last line has the counts.
"""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import Checks  # noqa: E402

PROGRAM = os.path.abspath(os.environ.get("VHDXRAY", "build/release/vhdxray"))

# What is typed, and the line after Tab; None: nothing fits, so it stays as it is.
LINES = [
    ("vhdxray chec", "vhdxray check "),
    ("vhdxray --fail", "vhdxray --fail-on "),
    ("vhdxray --fail-on nev", "vhdxray --fail-on never "),
    ("vhdxray --vers", "vhdxray --version "),
    ("vhdxray help carv", "vhdxray help carve "),
    ("vhdxray --completion fi", "vhdxray --completion fish "),
    ("vhdxray check --search", "vhdxray check --search-dir "),
    ("vhdxray check --format sar", "vhdxray check --format sarif "),
    ("vhdxray check --format=sar", "vhdxray check --format=sarif "),
    ("vhdxray check -f ht", "vhdxray check -f html "),
    ("vhdxray check -fht", "vhdxray check -fhtml "),
    ("vhdxray check one.vhdx --sandbox req", "vhdxray check one.vhdx --sandbox require "),
    ("vhdxray info --format sar", None),            # info writes no SARIF
    ("vhdxray info --fail", None),                  # and has no such option
    ("vhdxray check -o out.json my", "vhdxray check -o out.json my\\ disk.vhdx "),
    ("vhdxray my", "vhdxray my\\ disk.vhdx "),      # check may be left out
    ("vhdxray check --search-dir su", "vhdxray check --search-dir subdir/"),
    ("vhdxray check --output=my", "vhdxray check --output=my\\ disk.vhdx "),
    ("vhdxray dump one.vhdx hea", "vhdxray dump one.vhdx headers "),
    ("vhdxray dump --range 0:8 one.vhdx bat bitm", "vhdxray dump --range 0:8 one.vhdx bat bitmap "),
    ("vhdxray dump one.vh", "vhdxray dump one.vhdx "),
    ("vhdxray carve --kind header,log_p", "vhdxray carve --kind header,log_page "),
    ("vhdxray hash --algorithm md5,sha51", "vhdxray hash --algorithm md5,sha512 "),
    ("vhdxray explain VHDX-FILE-005 VHDX-BAT-01", "vhdxray explain VHDX-FILE-005 VHDX-BAT-01"),   # several
    ("vhdxray explain VHDX-BAT-016 VHDX-FILE-00", "vhdxray explain VHDX-BAT-016 VHDX-FILE-00"),
    ("vhdxray repair one.vhdx --consent VHDX-BAT-01", "vhdxray repair one.vhdx --consent VHDX-BAT-01"),
    ("vhdxray create --like qe", "vhdxray create --like qemu "),
    ("vhdxray metadump one.vhdx -o my", "vhdxray metadump one.vhdx -o my\\ disk.vhdx "),
    ("vhdxray summarize my", "vhdxray summarize my\\ disk.vhdx "),
    ("vhdxray check --timeout my", None),           # a number, no file
    ("vhdxray rules my", None),                     # no arguments
]

check = Checks()


class Shell:
    """A shell on a terminal. Ctrl-X p writes the line being edited to a file, and empties it."""

    def __init__(self, argv, setup, home):
        self.out = os.path.join(home, "line")
        env = {"PATH": os.path.dirname(PROGRAM) + ":/usr/bin:/bin", "HOME": home, "TERM": "xterm", "LC_ALL": "C.UTF-8",
               "INPUTRC": "/dev/null", "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "XDG_CACHE_HOME": home}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(os.path.join(home, "files"))
            os.execvpe(argv[0], argv, env)
        self.seen = b""
        self.drain(1.0)
        for line in setup:
            self.send(line + "\r")
            self.drain(0.3)
        self.line()

    def drain(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], 0.02)
            if ready:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    return
                self.seen = (self.seen + data)[-4000:]
                if b"\x1b[c" in data:                   # fish asks what terminal this is
                    os.write(self.fd, b"\x1b[?1;2c")

    def send(self, text):
        os.write(self.fd, text.encode())

    def line(self):
        if os.path.exists(self.out):
            os.unlink(self.out)
        self.send("\x18p")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            self.drain(0.01)
            if os.path.exists(self.out):
                with open(self.out) as f:
                    return f.read().rstrip("\n")
        raise RuntimeError("the shell does not answer; it said: " + repr(self.seen[-1500:]))

    def complete(self, typed, key="\t"):
        self.send(typed + key)
        return self.line()

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def help_of(*words):
    return subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True, check=True).stdout


def table():
    """{command: {option: choices or None}} as the help has it."""
    text = help_of()
    commands = re.findall(r"^  ([a-z]+) ", text[text.index("\nCommands:"):text.index("\nExit codes:")], re.M)
    found = {}
    for c in commands:
        options = {}
        text = help_of(c)
        for m in re.finditer(r"^  (?:-(.), |    )--([a-z-]+)(?: (\S+))?", text[text.index("\nOptions:"):], re.M):
            value = m.group(3)
            choice = value is not None and re.fullmatch(r"[a-z0-9|]+", value)
            options["--" + m.group(2)] = value.split("|") if choice else None
        found[c] = options
    return found


TABLE = table()
RULES = re.findall(r"^(VHDX-[A-Z]+-[0-9]+)", subprocess.run([PROGRAM, "rules"], capture_output=True, text=True).stdout, re.M)
assert len(TABLE) > 10 and len(RULES) > 200


def judge(shell, offered):
    """offered(line): what the shell has for the last word of a line."""
    for c, options in TABLE.items():
        got = {o.rstrip("=") for o in offered(f"vhdxray {c} --") if o != "--"}
        check(f"{shell}: options of {c}", got == set(options), f"got {sorted(got ^ set(options))} amiss")
        for o, choices in options.items():
            if choices:
                got = set(offered(f"vhdxray {c} {o} "))
                check(f"{shell}: {c} {o}", got == set(choices), f"{sorted(got)}, not {choices}")
    got = set(offered("vhdxray explain VHDX-"))
    check(f"{shell}: rules", got == set(RULES), f"{len(got)} of {len(RULES)}")
    got = set(offered("vhdxray help "))
    check(f"{shell}: commands", got == set(TABLE), f"{sorted(got ^ set(TABLE))}")


def tabs(shell, s, expect=lambda typed, wanted: wanted):
    for typed, wanted in LINES:
        wanted = expect(typed, typed if wanted is None else wanted)
        got = s.complete(typed)
        check(f"{shell}: {typed}<Tab>", got == wanted, f"got {got!r}, wanted {wanted!r}")


def bash(home, script):
    syntax = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    check("bash -n", syntax.returncode == 0 and not syntax.stderr, syntax.stderr)
    if shutil.which("shellcheck"):
        lint = subprocess.run(["shellcheck", script], capture_output=True, text=True)
        check("shellcheck", lint.returncode == 0, lint.stdout)
    s = Shell(["bash", "--norc", "--noprofile", "-i"], [
        "PS1='> '", "set -u; bind 'set completion-query-items 0'; bind 'set page-completions off'",
        f"bind -x '\"\\C-xp\": printf \"%s\\n\" \"$READLINE_LINE\" >{home}/new; READLINE_LINE=; mv {home}/new {home}/line'",
        f". {script}"], home)
    # A list with commas goes on: no blank behind it.
    tabs("bash", s, lambda typed, wanted: wanted.rstrip(" ") if "," in typed else wanted)
    insert = "\x1b*"                                    # insert-completions
    # Without a match bash would list nothing at all, so the line then stays as it is.
    judge("bash", lambda line: [w for w in s.complete(line, insert).split(" ")[len(line.split(" ")) - 1:] if w])
    s.end()


def zsh(home, script):
    syntax = subprocess.run(["zsh", "-f", "-n", script], capture_output=True, text=True)
    check("zsh -n", syntax.returncode == 0 and not syntax.stderr, syntax.stderr)
    functions = os.path.join(home, "zsh")
    os.mkdir(functions)
    shutil.copy(script, os.path.join(functions, "_vhdxray"))
    s = Shell(["zsh", "-f", "-i"], [
        "PS1='> '; unsetopt prompt_sp; setopt no_beep; LISTMAX=100000",
        f"fpath=({functions} $fpath); autoload -U compinit; compinit -u -D",
        f"show() {{ print -r -- $BUFFER >{home}/new; BUFFER=; mv {home}/new {home}/line }}; zle -N show; bindkey '^Xp' show",
        "all() { _main_complete; compstate[insert]=all; compstate[list]= }; zle -C all complete-word all; bindkey '^Xa' all",
        ], home)
    # "=" and the blank behind a value are put there, and taken away again by what is typed next.
    def expect(typed, wanted):
        if typed == wanted:
            return wanted
        if wanted.endswith(("--fail-on ", "--search-dir ")):
            return wanted[:-1] + "="
        return wanted.rstrip(" ") + "," if "," in typed else wanted
    tabs("zsh", s, expect)
    judge("zsh", lambda line: [w for w in s.complete(line, "\x18a").split(" ")[len(line.split(" ")) - 1:] if w])
    s.end()


def fish(home, script):
    syntax = subprocess.run(["fish", "-n", script], capture_output=True, text=True)
    check("fish -n", syntax.returncode == 0 and not syntax.stderr, syntax.stderr)
    os.makedirs(os.path.join(home, "fish/completions"))
    shutil.copy(script, os.path.join(home, "fish/completions/vhdxray.fish"))
    s = Shell(["fish", "-i"], [
        "function fish_prompt; echo '> '; end; set -g fish_greeting; set -g fish_autosuggestion_enabled 0",
        f"function show; commandline >{home}/new; commandline ''; mv {home}/new {home}/line; commandline -f repaint; end",
        "bind \\cxp show"], home)
    tabs("fish", s, lambda typed, wanted: typed if "explain" in typed or "--consent" in typed else wanted)
    s.end()

    lines = []

    def collect(line):
        lines.append(line)
        return []

    def batch():
        """One fish for all lines: `complete -C` says what Tab would offer."""
        source = "".join(f"printf '%s\\n' '== {i}'; complete -C {line!r}\n" for i, line in enumerate(lines))
        path = os.path.dirname(PROGRAM) + ":" + os.environ["PATH"]
        env = dict(os.environ, PATH=path, HOME=home, XDG_CONFIG_HOME=home, XDG_DATA_HOME=home, TERM="dumb")
        out = subprocess.run(["fish"], input=source, capture_output=True, text=True, env=env, cwd=os.path.join(home, "files"))
        found = {}
        for part in out.stdout.split("== ")[1:]:
            number, _, rest = part.partition("\n")
            found[lines[int(number)]] = [w.split("\t")[0] for w in rest.splitlines()]
        return found

    before = check.passed, check.failed
    stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
    judge("fish", collect)                              # asks for nothing yet: only which lines there are
    sys.stdout.close()
    sys.stdout = stdout
    check.passed, check.failed = before
    found = batch()
    judge("fish", lambda line: found.get(line, []))


def main():
    for name, run in ("bash", bash), ("zsh", zsh), ("fish", fish):
        script = subprocess.run([PROGRAM, "--completion", name], capture_output=True, text=True)
        check(f"--completion {name}", script.returncode == 0 and script.stdout and not script.stderr, script.stderr)
        if not shutil.which(name):
            print(f"completion: no {name}")
            check.skipped += 1
            continue
        with tempfile.TemporaryDirectory() as home:
            files = os.path.join(home, "files")
            os.makedirs(os.path.join(files, "subdir"))
            for f in ("my disk.vhdx", "one.vhdx", "subst.vhdx"):
                open(os.path.join(files, f), "w").close()
            path = os.path.join(home, f"vhdxray.{name}")
            with open(path, "w") as f:
                f.write(script.stdout)
            try:
                run(home, path)
            except (RuntimeError, OSError) as e:
                check(name, False, str(e))
    bad = subprocess.run([PROGRAM, "--completion", "csh"], capture_output=True, text=True)
    check("--completion csh", bad.returncode == 2 and "bash zsh fish" in bad.stderr and not bad.stdout, bad.stderr)
    return check.finish()


sys.exit(main())
