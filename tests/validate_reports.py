#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Validates reports against tools/report.schema.json.

    validate_reports.py KIND FILE...    KIND: check info log dump map layout export hash compare chain rules;
                                        FILE: what -f json or -f jsonl printed

Beyond the schema: strict JSON (no NaN, no key twice), UTF-8, no control character outside of line ends, for checked images
that counts, order and verdict agree with the findings, and for maps that they are in order and without gaps. Prints what is wrong; exit 1 when something is.
"""
import json
import pathlib
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ("check", "info", "log", "dump", "map", "layout", "export", "hash", "compare", "chain", "rules")
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


def check_map(extents, start, end):
    """Of a guest's disk; end: None when it is not known."""
    at = start
    last = None
    for e in extents:
        if e["offset"] != at:
            yield f"an extent begins at {e['offset']}, the one before it ended at {at}"
            return
        at += e["length"]
        if last and all(last.get(k) == e.get(k) for k in ("state", "layer", "fault")):
            if e["file_offset"] is None and last["file_offset"] is None:
                yield f"the extents around {e['offset']} should be one"
            elif None not in (e["file_offset"], last["file_offset"]) and last["file_offset"] + last["length"] == e["file_offset"]:
                yield f"the extents around {e['offset']} should be one"
        last = e
    if end is not None and at != end:
        yield f"the map ends at {at}, not at {end}"


def check_layout(ranges, size):
    """In the order of the file, and every byte of it in some range."""
    at, last = 0, 0
    for r in ranges:
        if r["offset"] < last:
            yield f"the range at {r['offset']} comes behind one at {last}"
        if r["offset"] > at and at < size:
            yield f"nothing is said about {at} to {r['offset']}"
        if (r["offset"] < at) != ("overlaps" in r):
            yield f"the range at {r['offset']} does not say rightly whether it overlaps"
        last = r["offset"]
        at = max(at, r["offset"] + r["length"])
    if at < size:
        yield f"nothing is said about {at} to {size}"


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in KINDS:
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
        if kind == "map" and documents[0][1] and "error" not in documents[0][0]:
            for e in check_map([d for d, _ in documents], documents[0][0]["offset"], None):
                print(f"{name}: {e}")
                bad += 1
        for number, (document, line) in enumerate(documents, 1):
            errors = []
            for e in validators[line].iter_errors(document):
                deepest = jsonschema.exceptions.best_match([e])
                errors.append(f"{deepest.json_path}: {deepest.message[:300]}")
            if kind == "check" and not errors:
                for im in [document] if line else document["images"]:
                    errors += check_image(im)
            if kind == "map" and not line and not errors and "extents" in document:
                errors += check_map(document["extents"], document["offset"], document["offset"] + document["length"])
            if kind == "layout" and not line and not errors and "ranges" in document:
                errors += check_layout(document["ranges"], document["size"])
            for e in errors[:10]:
                print(f"{name}:{number}: {e}")
            bad += bool(errors)
    return bad > 0


sys.exit(main())
