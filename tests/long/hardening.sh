#!/bin/bash
# SPDX-License-Identifier: MIT
# The long runs of sweeps, faults and mutations, whose figures go to tests/FIGURES.md. Prints a line per run, last
# `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit
passed=0 failed=0

run() {             # run NAME COMMAND...
    local name=$1
    shift
    if "$@" >"build/test/long-$name.log" 2>&1; then
        echo "ok $name: $(grep '^figure' "build/test/long-$name.log")"
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        tail -n 20 "build/test/long-$name.log"
        failed=$((failed + 1))
    fi
}

mkdir -p build/test
run fields tools/figure build/release/tests/sweep fields
run bits tools/figure build/release/tests/sweep bits --whole 4096 --every 64
for image in dirty-child child-with-parent windows-traces; do
    run "bits-$image" build/release/tests/sweep bits "$image"
done
run bounds tools/figure build/release/tests/bounds
run sandbox tools/figure tests/sandbox_cost.py
run allocations tools/figure build/release/tests/faults allocations
run calls tools/figure build/release/tests/faults calls
run calls-asan tools/sanitized build/asan/tests/faults calls --most 5
run mutants tools/figure tools/mutate --count 1150 --seed 6 # --all: some hours
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
