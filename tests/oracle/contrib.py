#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What is in contrib/, as far as it can be run without the service it is for: the commands inside are taken from the files themselves
and run over images, and what they say is compared with the program. $VHDXRAY: the program. The last line has the counts.
"""
import ctypes
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import yaml

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
CONTRIB = os.path.join(ROOT, "contrib")
PROGRAM = os.path.abspath(os.environ.get("VHDXRAY", os.path.join(ROOT, "build/release/vhdxray")))
LIBRARY = os.path.join(os.path.dirname(PROGRAM), "libvhdxray.so.0")
PATH = ":".join([os.path.dirname(PROGRAM), os.path.join(CONTRIB, "fleet"), os.environ["PATH"]])
ENV = dict(os.environ, PATH=PATH, LC_ALL="C.UTF-8")
sys.dont_write_bytecode = True
sys.path.insert(0, TESTS)
import vhdx  # noqa: E402
from checks import Checks  # noqa: E402

check = Checks()


def run(argv, **kw):
    kw = {"env": ENV, "capture_output": True, "text": True, "timeout": 120, **kw}
    return subprocess.run(argv, **kw)


def load(*path):
    with open(os.path.join(CONTRIB, *path)) as f:
        return yaml.safe_load(f)


def make_images(folder):
    os.makedirs(os.path.join(folder, "more"))
    vhdx.Image(blocks=(0, 1, 2)).save(os.path.join(folder, "clean.vhdx"))
    bad = vhdx.Image()
    bad.entries[1] = bad.entries[0]
    bad.headers[0].break_crc = True
    bad.save(os.path.join(folder, "more", "corrupt disk.vhdx"))
    parent = vhdx.Image(blocks=(0, 1, 2))
    parent.save(os.path.join(folder, "parent.vhdx"))
    child = vhdx.Image(parent=parent, blocks=())
    child.add_block(0, 7, b"A" * 4096)
    child.add_bitmap(0, b"\xff\x00")
    child.save(os.path.join(folder, "child.avhdx"))
    dirty = vhdx.Image()
    published = dirty.entries.pop(1)
    dirty.dirty()
    dirty.put_log(0, dirty.log_entry(11, pages=[(dirty.bat_off, dirty.bat_page(0, {1: published}))]))
    dirty.save(os.path.join(folder, "DIRTY.VHDX"))
    with open(os.path.join(folder, "short.vhdx"), "wb") as f:
        f.write(b"vhdxfile")


# ---- the workflow ----

def github(work, images):
    flow = load("github", "vhdxray.yml")
    on = flow.get("on", flow.get(True))             # YAML 1.1 takes the word for a boolean
    check("workflow: when", set(on) == {"push", "pull_request"}, on)
    check("workflow: may upload, and no more", flow["permissions"] == {"contents": "read", "security-events": "write"})
    steps = flow["jobs"]["vhdxray"]["steps"]
    by_name = {s["name"]: s for s in steps}
    check("workflow: each step does one thing", all(("run" in s) != ("uses" in s) for s in steps))
    check("workflow: actions have a version", all(re.fullmatch(r"[\w-]+/[\w-]+(/[\w-]+)?@v\d+", s["uses"]) for s in steps if "uses" in s))
    for s in steps:
        if "run" in s:
            script = re.sub(r"\$\{\{.*?\}\}", "1", s["run"])
            lint = run(["shellcheck", "-s", "bash", "-"], input=script)
            check(f"workflow: {s['name']}: shellcheck", lint.returncode == 0, lint.stdout)
    wanted = run(["bash", "-c", f"sed -n 's/^build=(\\(.*\\))/\\1/p' {ROOT}/tools/setup"]).stdout.split()
    install = re.sub(r"\\\n", " ", by_name["Install vhdxray"]["run"])
    got = re.search(r"--no-install-recommends(.*)", install).group(1).split()
    check("workflow: installs what the build needs", sorted(got) == sorted(wanted), (got, wanted))

    repository = os.path.join(work, "repository")
    shutil.copytree(images, repository)
    run(["git", "init", "-q", repository])
    run(["git", "-C", repository, "add", "."])
    temp = os.path.join(work, "runner")
    os.mkdir(temp)
    output = os.path.join(temp, "output")
    env = dict(ENV, RUNNER_TEMP=temp, GITHUB_OUTPUT=output)
    # As the service runs it: bash -e -o pipefail.
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", by_name["Check the images"]["run"]]
    got = run(shell, cwd=repository, env=env)
    check("workflow: the check", got.returncode == 0, got.stderr)
    with open(output) as f:
        check("workflow: the code is handed on", f.read() == "code=1\n")
    upload = by_name["Show the findings"]
    check("workflow: uploads what was written", upload["with"]["sarif_file"] == "vhdxray.sarif" and
          upload["if"] == by_name["Verdict"]["if"] == "steps.check.outputs.code != ''")
    path = os.path.join(repository, "vhdxray.sarif")
    with open(path) as f:
        sarif = json.load(f)
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in sarif["runs"][0]["results"]}
    check("workflow: paths as in the repository", "more/corrupt%20disk.vhdx" in uris and
          all(os.path.exists(os.path.join(repository, u.replace("%20", " "))) for u in uris), uris)
    check("workflow: all disks were checked", {"clean.vhdx", "DIRTY.VHDX", "child.avhdx", "short.vhdx"} <= uris, uris)
    valid = run([sys.executable, os.path.join(TESTS, "validate_reports.py"), "sarif", path])
    check("workflow: the SARIF is valid", valid.returncode == 0 and not valid.stdout, valid.stdout + valid.stderr)
    verdict = by_name["Verdict"]["run"].replace("${{ steps.check.outputs.code }}", "1")
    check("workflow: the verdict stops", run(["bash", "-c", verdict]).returncode == 1)
    # Nothing to check is no failure.
    empty = os.path.join(work, "empty")
    run(["git", "init", "-q", empty])
    os.unlink(output)
    got = run(shell, cwd=empty, env=env)
    check("workflow: no images", got.returncode == 0 and not os.path.exists(output), got.stderr)


# ---- systemd ----

def systemd(work, images):
    unit = os.path.join(CONTRIB, "systemd", "vhdxray-scan@.service")
    with open(unit) as f:
        text = f.read()
    folder = os.path.join(work, "units")
    os.makedirs(folder)
    instance = run(["systemd-escape", "--path", images]).stdout.strip()
    # verify wants the program where the unit has it.
    with open(os.path.join(folder, "vhdxray-scan@.service"), "w") as f:
        f.write(text.replace("/usr/bin/vhdxray", PROGRAM))
    shutil.copy(os.path.join(CONTRIB, "systemd", "vhdxray-scan@.timer"), folder)
    for kind in "service", "timer":
        got = run(["systemd-analyze", "verify", "--man=no", os.path.join(folder, f"vhdxray-scan@{instance}.{kind}")],
                  env=dict(ENV, SYSTEMD_UNIT_PATH=folder + ":"))
        said = [line for line in (got.stdout + got.stderr).splitlines() if "vhdxray" in line]
        check(f"systemd: verify the {kind}", got.returncode == 0 and not said, got.stdout + got.stderr)
    got = run(["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager",
               os.path.join(folder, "vhdxray-scan@.service")])
    check("systemd: exposure of at most 2.0", got.returncode == 0, got.stdout[-600:] + got.stderr)

    command = re.search(r"^ExecStart=(.*)", text, re.M).group(1)
    state = os.path.join(work, "state")
    os.makedirs(os.path.join(state, "vhdxray"))
    argv = shlex.split(command.replace("%S", state).replace("%i", instance).replace("%f", images))
    argv[0] = PROGRAM
    # Every call that it makes is one that the unit allows.
    trace = os.path.join(work, "trace")
    got = run(["strace", "-f", "-qq", "-e", "signal=none", "-o", trace, *argv])
    check("systemd: the command", got.returncode == 1, got.stderr)
    with open(os.path.join(state, "vhdxray", instance + ".jsonl")) as f:
        lines = [json.loads(line) for line in f]
    check("systemd: its report", len(lines) == 6 and all(i["path"].startswith(images + "/") for i in lines), len(lines))
    groups, name = {}, None
    for line in run(["systemd-analyze", "--no-pager", "syscall-filter"]).stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            groups[name] = set()
        elif name and line.strip() and not line.strip().startswith("#"):
            groups[name].add(line.strip())

    def expand(name):
        return set().union(*map(expand, groups[name])) if name in groups else {name}

    allowed = set()
    for rule in re.findall(r"^SystemCallFilter=(.*)", text, re.M):
        names = set().union(*map(expand, rule.lstrip("~").split()))
        allowed = allowed - names if rule.startswith("~") else allowed | names
    with open(trace) as f:
        used = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", f.read(), re.M))
    check("systemd: system calls", len(used) > 20 and used <= allowed, sorted(used - allowed))


# ---- Velociraptor ----

def value_at(report, path):
    for key in path.split("."):
        if not isinstance(report, dict) or key not in report:
            return False
        report = report[key]
    return True


def velociraptor(images):
    artifact = load("velociraptor", "Custom.Generic.Vhdxray.yaml")
    check("velociraptor: name and type", re.fullmatch(r"Custom(\.[A-Z]\w+)+", artifact["name"]) and artifact["type"] == "CLIENT")
    queries = artifact["export"] + "".join(s["query"] for s in artifact["sources"])
    for p in artifact["parameters"]:
        check(f"velociraptor: {p['name']} is used", p.get("default") is not None and re.search(rf"\b{p['name']}\b", queries))
    check("velociraptor: its tool", all(f'"{t["name"]}"' in queries for t in artifact["tools"]))
    check("velociraptor: brackets", all(queries.count(a) == queries.count(b) for a, b in ("()", "[]", "{}")))
    words = re.search(r"argv=\[(.*?)\]", artifact["export"].replace("Tool[0]", "Tool"), re.S).group(1)
    defaults = {p["name"]: str(p["default"]) for p in artifact["parameters"]}
    reports = []
    for folder, _, files in os.walk(images):
        for name in files:
            argv = []
            for word in re.split(r",\s*", words):
                word = word.strip()
                if word.startswith('"'):
                    argv.append(json.loads(word))
                elif word == "Tool.OSPath":
                    argv.append(PROGRAM)
                elif word == "OSPath.String":
                    argv.append(os.path.join(folder, name))
                else:
                    argv.append(defaults[re.fullmatch(r"str\(str=(\w+)\)", word).group(1)])
            got = run(argv)
            lines = got.stdout.splitlines()
            check(f"velociraptor: one line for {name}", len(lines) == 1 and got.returncode == 0, got.stderr)
            check(f"velociraptor: {name} fits in a row", len(lines[0]) < 10000000)
            reports.append(json.loads(lines[0]))
    disks, findings = (s["query"] for s in artifact["sources"])
    paths = re.findall(r"Report\.([a-z_.]+) AS", disks)
    check("velociraptor: columns", len(paths) > 8 and "verdict" in paths)
    sound = [r for r in reports if r["facts"] and r["facts"]["log"]]
    check("velociraptor: images to look at", len(sound) >= 4, len(sound))
    for p in paths:
        check(f"velociraptor: {p}", all(value_at(r, p) for r in sound))
    columns = re.findall(r"^ +(?:SELECT OSPath,\n +)?([a-z_]+) AS", findings, re.M)
    all_findings = [f for r in reports for f in r["findings"]]
    check("velociraptor: findings", len(columns) >= 8 and len(all_findings) > 10)
    for c in columns:
        check(f"velociraptor: finding.{c}", all(c in f for f in all_findings))


# ---- Python ----

def python(work, images):
    os.environ["VHDXRAY_LIBRARY"] = LIBRARY
    path = os.path.join(CONTRIB, "python", "vhdxray.py")
    spec = importlib.util.spec_from_file_location("vhdxray", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    # Sizes and offsets, as the compiler has them.
    structures = {"options": module.Options, "facts": module.Facts, "summary": module.Summary,
                  "finding": module.RawFinding, "extent": module.RawExtent}
    source = os.path.join(work, "layout.c")
    with open(source, "w") as f:
        f.write("#include <stdio.h>\n#include <vhdxray.h>\nint main(void)\n{\n")
        for name, s in structures.items():
            f.write(f'printf("{name} %zu\\n", sizeof(vhdxray_{name}));\n')
            for field, _ in s._fields_:
                f.write(f'printf("{name}.{field} %zu %zu\\n", offsetof(vhdxray_{name}, {field}), '
                        f'sizeof(((vhdxray_{name} *)0)->{field}));\n')
        f.write("return 0;\n}\n")
    built = run(["gcc", "-I" + os.path.join(ROOT, "src"), source, "-o", os.path.join(work, "layout")])
    check("python: its fields are those of the header", built.returncode == 0, built.stderr)
    got = run([os.path.join(work, "layout")]).stdout.splitlines()
    wanted = []
    for name, s in structures.items():
        wanted.append(f"{name} {ctypes.sizeof(s)}")
        wanted += [f"{name}.{field} {getattr(s, field).offset} {getattr(s, field).size}" for field, _ in s._fields_]
    check("python: sizes and offsets", got == wanted, set(got) ^ set(wanted))
    check("python: version", f"vhdxray {module.lib.vhdxray_version().decode()}\n" == run([PROGRAM, "--version"]).stdout)

    for name in ("clean.vhdx", "DIRTY.VHDX", "more/corrupt disk.vhdx", "child.avhdx", "short.vhdx"):
        file = os.path.join(images, name)
        got = run([PROGRAM, "check", "-f", "json", "--search-dir", images, file])
        report = json.loads(got.stdout)["images"][0]
        with module.Image(file, search_dirs=[images]) as image:
            summary = image.check()
            check(f"python: verdict of {name}", module.name_of("verdict_name", summary.verdict) == report["verdict"] and
                  summary.complete == report["complete"])
            check(f"python: findings of {name}",
                  [(f.rule, f.offset, f.length, f.message, f.index) for f in image.findings()] ==
                  [(f["rule"], f["offset"], f["length"], f["message"], -1 if f.get("index") is None else f["index"])
                   for f in report["findings"]])
            check(f"python: report of {name}", image.report()["images"][0]["findings"] == report["findings"])
            if name in ("clean.vhdx", "child.avhdx"):
                size = image.facts().virtual_size
                raw = run([PROGRAM, "read", "--search-dir", images, "--length", "8M", file], text=False).stdout
                check(f"python: guest of {name}", len(raw) == 8 << 20 and image.read(0, 8 << 20) == raw)
                lines = [json.loads(x) for x in run([PROGRAM, "map", "-f", "jsonl", "--search-dir", images, file]).stdout.splitlines()]
                mapped = sum(x["length"] for x in lines if x.get("file_offset") is not None)
                extents = list(image.extents())
                check(f"python: extents of {name}", sum(e.length for e in extents) == size and
                      sum(e.length for e in extents if e.has_data) == mapped > 0, mapped)
    try:
        module.Image(os.path.join(images, "none.vhdx"))
        check("python: no such file", False)
    except module.Error as e:
        check("python: no such file", e.status == module.ERROR_NOT_FOUND and "none.vhdx" in str(e), e)
    try:
        with module.Image(os.path.join(images, "short.vhdx")) as image:
            image.read(0, 512)
        check("python: no disk to read", False)
    except module.Error as e:
        check("python: no disk to read", e.status == module.ERROR_REFUSED and str(e), e)
    got = run([sys.executable, path, os.path.join(images, "clean.vhdx"), os.path.join(images, "more/corrupt disk.vhdx")],
              env=dict(ENV, VHDXRAY_LIBRARY=LIBRARY))
    check("python: as a program", got.returncode == 1 and "clean.vhdx: clean; dynamic" in got.stdout and
          "error VHDX-BAT-016" in got.stdout, got.stdout + got.stderr)


# ---- fleets ----

def shards(work, images):
    fleet = os.path.join(work, "fleet")
    os.makedirs(fleet)
    names = ["clean.vhdx", "none.vhdx", "more/corrupt disk.vhdx", "DIRTY.VHDX", "short.vhdx", "parent.vhdx", "child.avhdx"]
    listing = os.path.join(fleet, "list.txt")
    with open(listing, "w") as f:
        f.write("".join(os.path.join(images, n) + "\n" for n in names * 3))
    single = run([PROGRAM, "check", "--files-from", listing, "-f", "jsonl"])
    check("fleet: the single run", single.returncode == 3 and len(single.stdout.splitlines()) == 3 * len(names), single.returncode)
    return fleet, listing, single


def fleets(work, images):
    fleet, listing, single = shards(work, images)
    for count in (1, 2, 3, 5, 30):                      # 30: more parts than files
        results = os.path.join(fleet, str(count))
        os.mkdir(results)
        for index in range(count, 0, -1):
            early = run(["merge-shards", results, str(count)])
            if index == 1:
                check(f"fleet: {count} parts, one missing", early.returncode == 2 and early.stdout == "" and " 1" in early.stderr)
            got = run(["check-shard", listing, results, str(index), str(count)])
            if got.returncode != 0:
                check(f"fleet: part {index} of {count}", False, got.stderr)
        got = run(["merge-shards", results, str(count)])
        check(f"fleet: {count} parts are the single run", got.stdout == single.stdout and got.returncode == single.returncode,
              (got.returncode, got.stderr))
    again = run(["check-shard", listing, os.path.join(fleet, "3"), "2", "3"])
    got = run(["merge-shards", os.path.join(fleet, "3"), "3"])
    check("fleet: a part done again", again.returncode == 0 and got.stdout == single.stdout)
    bad = run(["check-shard", listing, os.path.join(fleet, "3"), "4", "3"])
    check("fleet: a part that there is none of", bad.returncode == 2)
    bad = run(["check-shard", listing, os.path.join(fleet, "nowhere"), "1", "3"])
    check("fleet: nowhere to put it", bad.returncode != 0)


def slurm(work, images):
    """The script as a job array runs it; tests/long/slurm.sh has Slurm itself."""
    fleet, listing, single = shards(os.path.join(work, "slurm"), images)
    script = os.path.join(CONTRIB, "slurm", "vhdxray.sbatch")
    for index in 1, 2, 3:
        got = run(["sh", script, listing, fleet], env=dict(ENV, SLURM_ARRAY_TASK_ID=str(index), SLURM_ARRAY_TASK_COUNT="3"))
        check(f"slurm: task {index}", got.returncode == 0, got.stderr)
    got = run(["merge-shards", fleet, "3"])
    check("slurm: merged", got.stdout == single.stdout and got.returncode == single.returncode)
    check("slurm: outside of an array", run(["sh", script, listing, fleet]).returncode == 2)


def kubernetes(work, images):
    fleet, listing, single = shards(os.path.join(work, "kubernetes"), images)
    job = load("kubernetes", "vhdxray-job.yaml")
    check("kubernetes: kind", (job["apiVersion"], job["kind"]) == ("batch/v1", "Job"))
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    known = {"completionMode", "completions", "parallelism", "backoffLimit", "ttlSecondsAfterFinished", "template"}
    check("kubernetes: fields of the Job", set(spec) == known, set(spec) ^ known)
    check("kubernetes: indexed", spec["completionMode"] == "Indexed" and 1 <= spec["parallelism"] <= spec["completions"])
    check("kubernetes: pods of a Job", pod["restartPolicy"] in ("Never", "OnFailure"))
    (container,) = pod["containers"]
    env = {e["name"]: e["value"] for e in container["env"]}
    check("kubernetes: as many parts as completions", env == {"VHDXRAY_SHARDS": str(spec["completions"])}, env)
    volumes = {v["name"]: v for v in pod["volumes"]}
    mounts = {m["name"]: m for m in container["volumeMounts"]}
    check("kubernetes: volumes", set(volumes) == set(mounts) and mounts["disks"]["readOnly"] is True and
          volumes["disks"]["persistentVolumeClaim"]["readOnly"] is True)
    secure = container["securityContext"]
    check("kubernetes: nothing to gain", pod["securityContext"]["runAsNonRoot"] and secure["readOnlyRootFilesystem"] and
          secure["allowPrivilegeEscalation"] is False and secure["capabilities"]["drop"] == ["ALL"] and
          pod["automountServiceAccountToken"] is False)
    with open(os.path.join(CONTRIB, "kubernetes", "Dockerfile")) as f:
        docker = f.read()
    copied = re.search(r"^COPY (.*) /usr/local/bin/$", docker, re.M).group(1).split()
    check("kubernetes: the image has what the command calls", {os.path.basename(c) for c in copied} ==
          {"vhdxray", "check-shard", "merge-shards"} and
          all(os.path.exists(os.path.join(ROOT, c)) for c in copied if not c.startswith("build/")), copied)
    command = [w.replace("/disks/list.txt", listing).replace("/results", fleet) for w in container["command"]]
    check("kubernetes: the mounts are used", command != container["command"] and
          all(m["mountPath"] in " ".join(container["command"]) for m in mounts.values() if m["name"] != "tmp"))
    for index in range(spec["completions"]):
        got = run(command, env=dict(ENV, JOB_COMPLETION_INDEX=str(index), **env))
        check(f"kubernetes: index {index}", got.returncode == 0, got.stderr)
    got = run(["merge-shards", fleet, str(spec["completions"])])
    check("kubernetes: merged", got.stdout == single.stdout and got.returncode == single.returncode)


def main():
    with tempfile.TemporaryDirectory() as work:
        images = os.path.join(work, "images")
        make_images(images)
        github(work, images)
        systemd(work, images)
        velociraptor(images)
        python(work, images)
        fleets(work, images)
        slurm(work, images)
        kubernetes(work, images)
    for script in ("fleet/check-shard", "fleet/merge-shards", "slurm/vhdxray.sbatch"):
        lint = run(["shellcheck", os.path.join(CONTRIB, script)])
        check(f"shellcheck {script}", lint.returncode == 0, lint.stdout)
    with open(os.path.join(CONTRIB, "README.md")) as f:
        named = set(re.findall(r"\]\((\w+)\)", f.read()))
    folders = {n for n in os.listdir(CONTRIB) if os.path.isdir(os.path.join(CONTRIB, n))}
    check("README: every folder", named == folders, named ^ folders)
    return check.finish()


sys.exit(main())
