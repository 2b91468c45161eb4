# SPDX-License-Identifier: MIT
# Sourced by the tests written in bash: counts, a line per check, and the last line that tools/test reads.
# shellcheck shell=bash
passed=0 failed=0

# check NAME COMMAND...: the command says whether it is so; what it printed is shown when it is not
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name: $*"
        echo "$out" | tail -n 30
    fi
}

# long_run NAME COMMAND...: its output to build/test/long-NAME.log, its figure shown
long_run() {
    local name=$1
    shift
    mkdir -p build/test
    if "$@" >"build/test/long-$name.log" 2>&1; then
        echo "ok $name: $(grep '^figure' "build/test/long-$name.log")"
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        tail -n 20 "build/test/long-$name.log"
        failed=$((failed + 1))
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
