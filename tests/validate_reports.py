#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Validates reports against tools/report.schema.json, and SARIF logs against the schema of SARIF 2.1.0.

    validate_reports.py KIND FILE...    KIND: check info log dump map layout export hash compare chain carve rules
                                        repair undo summary metadump;
                                        FILE: what -f json or -f jsonl printed
    validate_reports.py sarif FILE...   FILE: what check -f sarif printed. The schema is that of OASIS, fetched by
                                        tools/test-packages into $VHDXRAY_NPM (build/npm); without it only what is said
                                        below is looked at. --require-schema in front of the files: that is a failure.

Beyond the schema: strict JSON (no NaN, no key twice), UTF-8, no control character outside of line ends, for checked images
that counts, order and verdict agree with the findings, and for maps that they are in order and without gaps. SARIF logs agree with themselves: rules, artifacts and descriptors are those that the numbers name, regions lie in
their files, the worst comes first. Prints what is wrong; exit 1 when something is.
"""
import json
import os
import pathlib
import re
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ("check", "info", "log", "dump", "map", "layout", "export", "hash", "compare", "chain", "carve", "rules", "repair", "undo", "summary", "metadump")
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


def check_carved(items, size):
    """In the order of their numbers and kinds, each inside the file; size: None when it is not known."""
    kinds = ["header", "region_table", "metadata", "bat", "log_entry", "log_page", "orphan"]
    numbers = [i["number"] for i in items]
    if numbers != sorted(set(numbers)):
        yield "the numbers are not in order"
    order = [kinds.index(i["kind"]) for i in items]
    if order != sorted(order):
        yield "the kinds are not in order"
    for i in items:
        if ("block" in i) != (i["owner"] in ("payload", "soft_anchor")):
            yield f"item {i['number']}: block and owner disagree"
        if size is not None and i["kind"] != "log_entry" and i["offset"] + i["length"] > size:
            yield f"item {i['number']} leaves the file"


def check_sarif(log):
    levels = {"error": 0, "warning": 1, "note": 2}
    if len(log["runs"]) != 1:
        yield f"{len(log['runs'])} runs"
        return
    run = log["runs"][0]
    driver = run["tool"]["driver"]
    if len({r["id"] for r in driver["rules"]}) != len(driver["rules"]):
        yield "a rule is listed twice"
    for r in driver["rules"]:
        if not r["help"]["text"] or r["defaultConfiguration"]["level"] not in levels:
            yield f"{r['id']} has no help or no level"
    if len(run["results"]) > 25000:
        yield f"{len(run['results'])} results"
    order = [levels[r["level"]] for r in run["results"]]
    if order != sorted(order):
        yield "results are not in the order of their levels"
    for i, a in enumerate(run["artifacts"]):
        if a["location"]["index"] != i:
            yield f"artifact {i} says it is number {a['location']['index']}"

    def locations(holder, key):
        for place in holder.get(key, []):
            physical = place["physicalLocation"]
            where = physical["artifactLocation"]
            if not re.fullmatch(r"(file:///)?([A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})*", where["uri"]):
                yield f"{where['uri']!r} is no URI reference"
            artifact = run["artifacts"][where["index"]]
            if artifact["location"]["uri"] != where["uri"]:
                yield f"{where['uri']} is not artifact {where['index']}"
            region = physical.get("region")
            if region and region["byteLength"] and region["byteOffset"] + region["byteLength"] > artifact["length"]:
                yield f"a region of {where['uri']} leaves it: {region}"
    for r in run["results"]:
        if driver["rules"][r["ruleIndex"]]["id"] != r["ruleId"]:
            yield f"rule {r['ruleIndex']} is not {r['ruleId']}"
        if not r["locations"] or "region" not in r["locations"][0]["physicalLocation"]:
            yield f"{r['ruleId']} has no place"
        if not re.fullmatch("[0-9a-f]{16}", r["partialFingerprints"]["vhdxrayFinding/v1"]):
            yield f"{r['ruleId']} has no fingerprint"
        if not r["message"]["text"].strip() or re.search(r"(?<!\\)\]\(", r["message"]["text"]):
            yield f"message of {r['ruleId']}: {r['message']['text']!r}"
        yield from locations(r, "locations")
        yield from locations(r, "relatedLocations")
    (invocation,) = run["invocations"]
    if invocation["executionSuccessful"] != (invocation["exitCode"] in (0, 1)):
        yield f"exit code {invocation['exitCode']}, successful: {invocation['executionSuccessful']}"
    for n in invocation["toolExecutionNotifications"]:
        if driver["notifications"][n["descriptor"]["index"]]["id"] != n["descriptor"]["id"]:
            yield f"notification {n['descriptor']['index']} is not {n['descriptor']['id']}"
        yield from locations(n, "locations")


def without_known_rules(log, known):
    """The catalogue is the same in every log: the schema need not judge it again."""
    try:
        rules = log["runs"][0]["tool"]["driver"]["rules"]
    except (KeyError, IndexError, TypeError):
        return log
    if rules not in known:
        known.append(rules)
        return log
    run = log["runs"][0]
    driver = {**run["tool"]["driver"], "rules": rules[:1]}
    return {**log, "runs": [{**run, "tool": {**run["tool"], "driver": driver}}, *log["runs"][1:]]}


def validate_sarif(names):
    npm = pathlib.Path(os.environ.get("VHDXRAY_NPM", ROOT / "build/npm"))
    path = npm / "jest-sarif/sarif-2.1.0.json"
    required = names[0] == "--require-schema"
    bad = 0
    known = []
    validator = None
    if path.exists():
        schema = json.loads(path.read_text())
        jsonschema.Draft4Validator.check_schema(schema)
        validator = jsonschema.Draft4Validator(schema)
    elif required:
        print(f"no schema in {npm}: tools/test-packages fetches it")
        return 1
    for name in names[required:]:
        errors = []
        try:
            ((log, _),) = load(pathlib.Path(name).read_bytes())
        except ValueError as e:
            print(f"{name}: not one valid JSON document: {e}")
            bad += 1
            continue
        if validator:
            for e in validator.iter_errors(without_known_rules(log, known)):
                deepest = jsonschema.exceptions.best_match([e])
                errors.append(f"{deepest.json_path}: {deepest.message[:300]}")
        if not errors:
            errors += check_sarif(log)
        for e in errors[:10]:
            print(f"{name}: {e}")
        bad += bool(errors)
    return bad > 0


def main():
    if len(sys.argv) >= 3 and sys.argv[1] == "sarif":
        return validate_sarif(sys.argv[2:])
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
        if kind == "carve" and documents[0][1] and "error" not in documents[0][0]:
            for e in check_carved([d for d, _ in documents], None):
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
            if kind == "carve" and not line and not errors and "items" in document:
                errors += check_carved(document["items"], document["size"])
            for e in errors[:10]:
                print(f"{name}:{number}: {e}")
            bad += bool(errors)
    return bad > 0


sys.exit(main())
