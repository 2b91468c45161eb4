#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Validates reports against tools/report.schema.json.

    validate_reports.py KIND FILE...    KIND: check info log dump rules; FILE: what -f json or -f jsonl printed

Beyond the schema: strict JSON (no NaN, no key twice), UTF-8, no control character outside of line ends, and for checked
images that counts, order and verdict agree with the findings. Prints what is wrong; exit 1 when something is.
"""
import json
import pathlib
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEVERITIES = {"error": 0, "warning": 1, "info": 2}


def unique(pairs):
    d = dict(pairs)
    if len(d) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return d


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def load(data):
    """[(document, is a line of JSON lines)]"""
    if any(b < 0x20 and b != 0x0A or b == 0x7F for b in data):
        raise ValueError("raw control character")
    text = data.decode("utf-8")

    def one(s):
        return json.loads(s, object_pairs_hook=unique, parse_constant=no_constant)

    lines = text.splitlines()
    if text.startswith("{\n"):
        return [(one(text), False)]
    return [(one(line), True) for line in lines]


def check_image(im):
    if im["verdict"] is None:
        return
    listed = {s: 0 for s in SEVERITIES}
    for f in im["findings"]:
        listed[f["severity"]] += 1
    hidden = sum(im["suppressed"].values())
    if any(listed[s] > im["counts"][s] for s in SEVERITIES):
        yield "more findings than counted"
    if sum(listed.values()) + hidden != sum(im["counts"].values()):
        yield f"{listed} listed and {hidden} suppressed, but counts are {im['counts']}"
    order = [SEVERITIES[f["severity"]] for f in im["findings"]]
    if order != sorted(order):
        yield "errors do not come before warnings, warnings before infos"
    counts = im["counts"]
    clean = counts["error"] == 0 and counts["warning"] == 0
    want = ["clean"] if clean else ["suspicious"] if counts["error"] == 0 else ["corrupt", "unreadable"]
    if im["complete"] and im["verdict"] not in want:
        yield f"verdict {im['verdict']} with {counts}"
    skipped = {r["rule"] for r in im["rules"]["not_evaluated"]}
    if len(skipped) != len(im["rules"]["not_evaluated"]):
        yield "a rule is listed twice as not evaluated"
    current = [h["slot"] for h in im["facts"]["headers"] if h["current"]]
    if current != ([im["facts"]["current_header"]] if im["facts"]["current_header"] else []):
        yield "current_header does not name the current header"


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("check", "info", "log", "dump", "rules"):
        print(__doc__, file=sys.stderr)
        return 2
    kind = sys.argv[1]
    schema = json.loads((ROOT / "tools/report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validators = {
        line: jsonschema.Draft202012Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{kind}_{'line' if line else 'report'}"}]})
        for line in (False, True)
    }
    bad = 0
    for name in sys.argv[2:]:
        try:
            documents = load(pathlib.Path(name).read_bytes())
            if not documents:
                raise ValueError("empty")
        except ValueError as e:
            print(f"{name}: not valid JSON: {e}")
            bad += 1
            continue
        for number, (document, line) in enumerate(documents, 1):
            errors = []
            for e in validators[line].iter_errors(document):
                deepest = jsonschema.exceptions.best_match([e])
                errors.append(f"{deepest.json_path}: {deepest.message[:300]}")
            if kind == "check" and not errors:
                for im in [document] if line else document["images"]:
                    errors += check_image(im)
            for e in errors[:10]:
                print(f"{name}:{number}: {e}")
            bad += bool(errors)
    return bad > 0


sys.exit(main())
