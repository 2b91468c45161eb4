#!/bin/bash
# SPDX-License-Identifier: MIT
# The long runs of what changes an image: power losses, kills, rounds of writing with QEMU, images damaged, repaired and read by
# it; and of images that both read. Their figures go to tests/FIGURES.md. Prints a line per run, last `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit
export VHDXRAY=$PWD/build/release/vhdxray
. tests/checks.sh

long_run power-loss tools/figure build/release/tests/crash 1200000
VHDXRAY_KILLS=10000 long_run kills tools/figure /usr/bin/python3 tests/oracle/kill.py
long_run ping-pong tools/figure /usr/bin/python3 tests/oracle/write_qemu.py "$VHDXRAY" 1000
long_run repaired tools/figure /usr/bin/python3 tests/oracle/repair_qemu.py "$VHDXRAY" 2000 1000
long_run guest tools/figure /usr/bin/python3 tests/oracle/guest_qemu.py "$VHDXRAY" 2000
finish
