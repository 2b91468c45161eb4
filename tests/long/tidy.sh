#!/bin/bash
# SPDX-License-Identifier: MIT
# clang-tidy once more, its analyzer as deep as it goes by itself; `ninja tidy`, for every run of the tests, stops earlier.
# Last line: `N passed, N failed`, one for each source.
set -u
cd "$(dirname "$0")/../.." || exit
export VHDXRAY_TIDY_NODES=225000
dir=build/tidy-deep
passed=0 failed=0
rm -rf "$dir"
mkdir -p "$dir"
mapfile -t commands < <(ninja -t commands tidy | grep '^tools/tidy-cc ')
i=0
for c in "${commands[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    i=$((i + 1))
    bash -c "$c" >"$dir/$i.log" 2>&1 && echo ok >"$dir/$i.ok" &
done
wait
for ((n = 1; n <= i; n++)); do
    if [ -e "$dir/$n.ok" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$dir/$n.log"; fi
done
[ "$i" -gt 0 ] || { echo "no command of clang-tidy found"; failed=1; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
