#!/bin/bash
# SPDX-License-Identifier: MIT
# The long runs of what changes an image: power losses, kills, rounds of writing with QEMU, and images damaged, repaired and read
# by it. Their figures go to tests/FIGURES.md. Prints a line per run, last `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit
export VHDXRAY=$PWD/build/release/vhdxray
passed=0 failed=0

run() {             # run NAME COMMAND...
    local name=$1
    shift
    if tools/figure "$@" >"build/test/long-$name.log" 2>&1; then
        echo "ok $name: $(grep '^figure' "build/test/long-$name.log")"
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        tail -n 20 "build/test/long-$name.log"
        failed=$((failed + 1))
    fi
}

mkdir -p build/test
run power-loss build/release/tests/crash 1200000
VHDXRAY_KILLS=10000 run kills /usr/bin/python3 tests/oracle/kill.py
run ping-pong /usr/bin/python3 tests/oracle/write_qemu.py
run repaired /usr/bin/python3 tests/oracle/repair_qemu.py "$VHDXRAY" 2000 1000
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
