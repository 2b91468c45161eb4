#!/bin/bash
# SPDX-License-Identifier: MIT
# Every report of every case and of its guard against its schema: SARIF against that of OASIS, JSON against
# tools/report.schema.json. One test for each file. Without the schema of SARIF (tools/test-packages fetches it) its part is
# skipped. $VHDXRAY: the program; the cases are written by test_sarif beside it.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
writer=$(dirname "${VHDXRAY:-$here/../build/release/vhdxray}")/tests/test_sarif
npm=${VHDXRAY_NPM:-$here/../build/npm}
[ -x "$writer" ] || { echo "reports: no $writer" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VHDXRAY_NPM=$npm

if ! (cd "$here/.." && VHDXRAY_REPORTS=$work "$writer") >"$work/log" 2>&1; then
    tail -n 20 "$work/log"
    exit 1
fi
passed=0 failed=0 skipped=0
# validate KIND EXTENSION: counts files; those that are wrong are named
validate() {
    local files wrong
    files=$(find "$work" -name "*.$2" | wc -l)
    [ "$files" -gt 500 ] || { echo "only $files files of $2"; failed=$((failed + 1)); return; }
    find "$work" -name "*.$2" -print0 | LC_ALL=C sort -z | xargs -0 /usr/bin/python3 "$here/validate_reports.py" $1 >"$work/out" 2>&1
    wrong=$(sed -n "s/^\(.*\.$2\):.*/\1/p" "$work/out" | sort -u | wc -l)
    cat "$work/out"
    failed=$((failed + wrong)) passed=$((passed + files - wrong))
    # A validator that died has judged nothing.
    if [ "$wrong" -eq 0 ] && [ -s "$work/out" ]; then failed=$((failed + 1)); fi
}
validate check json
if [ -e "$npm/jest-sarif/sarif-2.1.0.json" ]; then
    validate "sarif --require-schema" sarif
else
    echo "reports: no schema of SARIF in $npm"
    skipped=$(find "$work" -name '*.sarif' | wc -l)
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
