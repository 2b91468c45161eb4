#!/bin/bash
# SPDX-License-Identifier: MIT
# The fuzz targets as OSS-Fuzz builds and runs them, for every engine and sanitizer, and bugs planted behind checksums.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit
passed=0 failed=0 skipped=0
for check in tools/check-oss-fuzz tools/check-planted; do
    log=build/$(basename $check).log
    $check 2>&1 | tee "$log"
    rc=${PIPESTATUS[0]}
    p=0 f=0
    read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$log" | tail -n 1) || true
    if [ "$rc" -eq 77 ]; then skipped=$((skipped + 1)); elif [ "$rc" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then f=1; fi
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
