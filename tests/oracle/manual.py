#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
The manual pages as they are read, against the help: every command has a page of its name, every page has exactly the options of its
commands, every option that some text mentions exists, every page of the project that is referred to exists, and the exit codes are
all there. $VHDXRAY: the program. The last line has the counts.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import Checks  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("VHDXRAY", os.path.join(ROOT, "build/release/vhdxray")))
check = Checks()


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def options_of_help(command):
    text = run(PROGRAM, command, "--help")
    rows = re.findall(r"^  (?:(-.), |    )(--[a-z-]+)(?: (\S+))?  ", text[text.index("\nOptions:"):], re.M)
    return {name: (letter, value) for letter, name, value in rows}


def rendered(path):
    env = dict(os.environ, LC_ALL="C.UTF-8")
    text = subprocess.run(["mandoc", "-Tutf8", "-O", "width=200", path], capture_output=True, text=True, check=True, env=env).stdout
    return re.sub(".\b", "", text)


def sections(text):
    """{heading: text}; a heading of the second kind has blanks before it."""
    found, heading = {}, None
    for line in text.splitlines():
        if re.match(r"( {3})?\S", line):
            heading = line.strip()
            found[heading] = ""
        elif heading is not None:
            found[heading] += line + "\n"
    return found


def options_of_page(text):
    rows = re.findall(r"^ {7}(?:(-.), )?(--[a-z-]+)(?: (\S+))?$", text, re.M)
    return {name: (letter, value) for letter, name, value in rows}


def main():
    text = run(PROGRAM, "--help")
    commands = re.findall(r"^  ([a-z]+) ", text[text.index("\nCommands:"):text.index("\nExit codes:")], re.M)
    codes = re.findall(r"^  ([0-9])  ", text[text.index("\nExit codes:"):], re.M)
    known = {"--help", "--version", "--completion"}
    with tempfile.TemporaryDirectory() as dir:
        man = os.path.join(dir, "man")
        run(os.path.join(ROOT, "tools/manual"), PROGRAM, man)
        pages = {}
        for name in sorted(os.listdir(man)):
            with open(os.path.join(man, name)) as f:
                first = f.readline()
            if not first.startswith(".so "):
                pages[name] = sections(rendered(os.path.join(man, name)))
        for c in commands:
            page = f"vhdxray-{c}.1"
            path = os.path.join(man, page)
            check(f"{c}: a page", os.path.exists(path), "none describes it: see tools/manual")
            if not os.path.exists(path):
                continue
            with open(path) as f:
                first = f.readline()
            if first.startswith(".so "):
                page = os.path.basename(first.split()[1])
            check(f"{c}: it is there", page in pages, page)
            wanted = options_of_help(c)
            known |= set(wanted)
            own = [h for h in pages[page] if re.fullmatch(r"Options of (.* and )?" + c + r"( and .*)?", h)]
            got = options_of_page(pages[page][own[0] if own else "OPTIONS"])
            check(f"{c}: options of {page}", len(wanted) > 1 and got == wanted, sorted(set(got.items()) ^ set(wanted.items())))
            check(f"{c}: {page} names it", f"vhdxray-{c}" in pages[page]["NAME"], pages[page]["NAME"])
            check(f"{c}: synopsis", re.search(rf"^ +vhdxray {c}\b", pages[page]["SYNOPSIS"], re.M), pages[page]["SYNOPSIS"])
            check(f"{c}: listed in vhdxray(1)", re.search(rf"^ {{7}}{c}$", pages["vhdxray.1"]["COMMANDS"], re.M))
        got = re.findall(r"^ {7}([0-9])$", pages["vhdxray.1"]["EXIT STATUS"], re.M)
        check("exit codes", len(codes) == 8 and got == codes, got)
        for name, found in pages.items():
            whole = "\n".join(found.values())
            for section in "NAME", "SYNOPSIS", "SEE ALSO":
                check(f"{name}: {section}", found.get(section, "").strip())
            for page, number in re.findall(r"\b((?:lib|nbdkit-)?vhdxray[a-z-]*)\(([1-8])\)", whole):
                check(f"{name}: refers to {page}({number})", os.path.exists(os.path.join(man, f"{page}.{number}")), "no such page")
            if name == "vhdxray.1" or name.startswith("vhdxray-"):
                unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", whole)) - known
                check(f"{name}: options in the text", not unknown, sorted(unknown))
            check(f"{name}: nothing left to fill in", not re.search(r"^ *@", whole, re.M))
    return check.finish()


sys.exit(main())
