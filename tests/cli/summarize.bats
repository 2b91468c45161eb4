# SPDX-License-Identifier: MIT
# `summarize`: the numbers against jq over the same lines; lines that are no report; hostile ones.

load helper

setup_file() {
    images clean corrupt suspicious dirty many escapes child
    cd "$BATS_FILE_TMPDIR" || return
    "$VHDXRAY" check -f jsonl clean.vhdx corrupt.vhdx suspicious.vhdx dirty.vhdx >a.jsonl || [ $? -eq 1 ]
    "$VHDXRAY" check -f jsonl --max-findings 3 many.vhdx escapes.vhdx child.vhdx missing.vhdx >b.jsonl 2>/dev/null || [ $? -eq 3 ]
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/?.jsonl .
}

@test "summarize: the same numbers as jq counts" {
    "$VHDXRAY" summarize -f json a.jsonl b.jsonl >s.json
    valid summary s.json
    jq -s '{file_count: length,
            verdicts: ([.[].verdict] | {clean: map(select(. == "clean")) | length, suspicious: map(select(. == "suspicious")) | length,
                        corrupt: map(select(. == "corrupt")) | length, unreadable: map(select(. == "unreadable")) | length,
                        not_looked_at: map(select(. == null)) | length}),
            counts: {error: (map(.counts.error) | add), warning: (map(.counts.warning) | add), info: (map(.counts.info) | add)},
            rules: ([.[] | (.path as $p | .findings[] | {rule, severity, path: $p, n: 1}),
                           (.path as $p | .suppressed | to_entries[] | {rule: .key, severity: null, path: $p, n: .value})]
                    | group_by(.rule) | map({rule: .[0].rule, severity: (map(.severity) | if index("error") then "error" elif index("warning") then "warning" else "info" end),
                                             files: (map(.path) | unique | length), findings: (map(.n) | add)}))}' a.jsonl b.jsonl >want
    jq '{file_count, verdicts, counts, rules: (.rules | map(del(.title)) | sort_by(.rule))}' s.json >got
    diff want got
    [ "$(jq .report_count s.json)" -eq 2 ]
    [ "$(jq -r '.files[0].path' s.json)" = missing.vhdx ]
    [ "$(jq -r '.files[] | select(.path == "corrupt.vhdx") | "\(.path) \(.worst_rules | join(" "))"' s.json)" = "corrupt.vhdx VHDX-BAT-016 VHDX-HDR-003" ]
    [ "$(jq -r '.files[-1].verdict' s.json)" = clean ]
}

@test "summarize: text, worst first; -v lists all; from a pipe; the same with any number of parts" {
    vx summarize a.jsonl b.jsonl
    expect 0 "2 reports about 8 files" "1 not looked at" "not looked at" "VHDX-BAT-016" "two payload blocks share one place in the file"
    [[ $output != *clean.vhdx* ]]
    vx summarize -v a.jsonl b.jsonl
    expect 0 clean.vhdx VHDX-FID-002
    vx summarize -q a.jsonl
    [ "${#lines[@]}" -eq 1 ]
    cat a.jsonl b.jsonl | "$VHDXRAY" summarize -f json - | jq 'del(.report_count)' >one
    "$VHDXRAY" summarize -f json b.jsonl a.jsonl | jq 'del(.report_count)' >two
    cmp one two
}

@test "summarize: shards of a list give the same table as one run" {
    cd "$BATS_FILE_TMPDIR"
    "$VHDXRAY" check -f jsonl clean.vhdx corrupt.vhdx many.vhdx dirty.vhdx child.vhdx >whole.jsonl || [ $? -eq 1 ]
    for i in 1 2 3; do
        "$VHDXRAY" check -f jsonl --shard $i/3 clean.vhdx corrupt.vhdx many.vhdx dirty.vhdx child.vhdx >part$i.jsonl || [ $? -eq 1 ]
    done
    "$VHDXRAY" summarize -f json whole.jsonl | jq 'del(.report_count)' >one
    "$VHDXRAY" summarize -f json part[123].jsonl | jq 'del(.report_count)' >two
    cmp one two
    "$VHDXRAY" summarize -f json whole.jsonl part1.jsonl | jq -e '.repeated_count == 2 and .file_count == 7' >x
}

@test "summarize: what is no report is named by line and left out, exit 3" {
    { echo; head -n 1 a.jsonl; echo '{"path":1}'; echo 'no JSON'; tail -n 1 a.jsonl | head -c 200; } >mixed.jsonl
    vx summarize mixed.jsonl
    expect 3 "mixed.jsonl: line 3: left out" "mixed.jsonl: line 4: left out" "mixed.jsonl: line 5: left out: ends too early" \
        "1 report about 1 file: 1 clean" "3 lines left out"
    "$VHDXRAY" summarize -f json mixed.jsonl >m.json 2>/dev/null || [ $? -eq 3 ]
    valid summary m.json
    [ "$(jq -c '[.file_count, .invalid_line_count, [.invalid_lines[].line]]' m.json)" = '[1,3,[3,4,5]]' ]
    "$VHDXRAY" check -f json "$BATS_FILE_TMPDIR/clean.vhdx" >pretty.json
    vx summarize pretty.json
    expect 3 "the lines of -f jsonl are needed"
    [ "${#lines[@]}" -le 5 ]
    "$VHDXRAY" info -f jsonl "$BATS_FILE_TMPDIR/clean.vhdx" >info.jsonl
    vx summarize info.jsonl a.jsonl
    expect 3 "not what check -f jsonl writes" "about 4 files"
    vx summarize missing.jsonl a.jsonl
    expect 3 "missing.jsonl: no such file" "1 report about 4 files"
    : >empty.jsonl
    vx summarize empty.jsonl
    expect 0 "1 report about 0 files"
    vx summarize
    expect 2
}

@test "summarize: hostile lines end in words, not in a crash" {
    /usr/bin/python3 - <<'PY'
import json
good = open("a.jsonl").readline().rstrip("\n")
d = json.loads(good)
lines = ["[" * 100000, '{"a":' * 100000, "{" * 60, '{"path":"' + "x" * 70000 + '"}', '"' + "\\u0000" * 10]
def w(**k):
    lines.append(json.dumps({**d, **k}))
w(path="a\0b"); w(counts={"error": -1}); w(counts={"error": 1.5}); w(counts={"error": 2**64})
w(verdict="fine"); w(verdict=3); w(findings={}); w(findings=[1]); w(findings=[{"rule": "x", "severity": "error"}])
w(findings=[{"rule": "VHDX-BAT-016", "severity": "fatal"}]); w(suppressed={"VHDX-BAT-016": -2})
lines.append(good[:-1] + ',"path":"twice"}')
lines.append(good + good)
lines.append(good.replace('"path":"', '"path":"\\ud800'))
with open("bad.jsonl", "wb") as f:
    for l in lines:
        f.write(l.encode() + b"\n")
    f.write(b'{"path":"\xff\xfe"}\n\x00\x01\x02\n' + good.encode()[:-1] + b'\x00}\n')
odd = []
for i in range(400):                                    # rules of some other version
    odd.append({**d, "path": "<script>\u202e\x1b[31m%d" % i, "findings": [{"rule": "VHDX-NEW-%03d" % i, "severity": "warning"}]})
odd[0]["counts"] = {"error": 2**64 - 1, "warning": 0, "info": 0}
odd[1]["counts"] = {"error": 2**64 - 1, "warning": 0, "info": 0}
open("odd.jsonl", "w").write("".join(json.dumps(o) + "\n" for o in odd))
PY
    "$VHDXRAY" summarize -f json bad.jsonl >b.json 2>err || [ $? -eq 3 ]
    valid summary b.json
    [ "$(jq .file_count b.json)" -eq 0 ]
    [ "$(jq .invalid_line_count b.json)" -eq "$(wc -l <bad.jsonl)" ]
    "$VHDXRAY" summarize -f json odd.jsonl >o.json
    valid summary o.json
    [ "$(jq -c '[.file_count, (.rules | length), .counts.error]' o.json)" = '[400,257,18446744073709551615]' ] ||
        [ "$(jq -c '[.file_count, (.rules | length)]' o.json)" = '[400,257]' ]
    [ "$(jq -r '.rules[] | select(.rule == "other rules") | .files' o.json)" -eq 144 ]
    "$VHDXRAY" summarize -f html odd.jsonl >o.html
    run ! grep -q '<script' o.html
    run ! grep -q "$(printf '\033')" o.html
    vx summarize -v odd.jsonl
    [[ $output != *$'\033'* ]]
}

@test "summarize: a line that is too long, and one that never ends" {
    { printf '{"path":"'; head -c 70M /dev/zero | tr '\0' x; echo '"}'; cat a.jsonl; head -c 70M /dev/zero | tr '\0' y; } >long.jsonl
    vx summarize long.jsonl
    expect 3 "line 1: left out: longer than 64 MiB" "line 6: left out: longer than 64 MiB" "about 4 files"
}

@test "summarize: many files in little memory, and a limit that says so" {
    /usr/bin/python3 - <<'PY'
import json
d = json.loads(open("a.jsonl").readlines()[1])
d["findings"] = d["findings"][:3]
with open("fleet.jsonl", "w") as f:
    for i in range(20000):
        d["path"] = f"/disks/{i % 100}/profile-{i}.vhdx"
        f.write(json.dumps(d) + "\n")
PY
    "$VHDXRAY" summarize -f json --max-memory 16M fleet.jsonl >f.json
    [ "$(jq '[.file_count, .verdicts.corrupt] | add' f.json)" -eq 40000 ]
    vx summarize --max-memory 2M fleet.jsonl
    expect 6 "stopped by --max-memory"
    "$VHDXRAY" summarize -f html fleet.jsonl >f.html
    [ "$(grep -c '<tr><th scope="row">/disks' f.html)" -eq 1000 ]
    grep -q "And 19,000 more" f.html
}

@test "summarize: html is one page with the policy of the reports" {
    "$VHDXRAY" summarize -f html -o s.html a.jsonl b.jsonl
    run cat s.html
    expect 0 "<title>8 files: " "Content-Security-Policy" "default-src 'none'" "Files, worst first" "Findings by rule" "</html>"
    [[ $output != *"<script"* && $output != *"http://"* && $output != *"https://"* ]]
    "$VHDXRAY" summarize -f html a.jsonl b.jsonl | cmp - s.html
    vx summarize -o a.jsonl a.jsonl
    expect 2
    vx summarize -f sarif a.jsonl
    expect 2 "text|json|html"
}
