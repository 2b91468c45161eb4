#!/bin/bash
# SPDX-License-Identifier: MIT
# The long runs of sweeps, faults and mutations, whose figures go to tests/FIGURES.md. Prints a line per run, last
# `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/checks.sh

long_run fields tools/figure build/release/tests/sweep fields
long_run bits tools/figure build/release/tests/sweep bits
long_run bounds tools/figure build/release/tests/bounds
long_run sandbox tools/figure tests/sandbox_cost.py
long_run allocations tools/figure build/release/tests/faults allocations
long_run calls tools/figure build/release/tests/faults calls
long_run calls-asan tools/sanitized build/asan/tests/faults calls --most 5
long_run mutants tools/figure tools/mutate --count 1150 --seed 6 # --all: some hours
finish
