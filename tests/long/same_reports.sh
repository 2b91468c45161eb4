#!/bin/bash
# SPDX-License-Identifier: MIT
# The same report bytes whoever compiles the program: gcc and clang, -O0 to -O3, link-time optimisation, sanitizers, the
# portable checksum; each build checks every image of the case table, and all reports are those of the release build.
# tools/big-endian does the same on another kind of machine.
#
#   tests/long/same_reports.sh [CONFIGURATION...]       e.g. clang-O0; default: all
#
# $VHDXRAY: the program to compare with. Prints a line per configuration, last `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit
reference=${VHDXRAY:-$PWD/build/release/vhdxray}
dir=$PWD/build/same
passed=0 failed=0 images=
mkdir -p "$dir"
rm -rf "$dir/images"
mkdir "$dir/images"
build/release/tests/write_cases "$dir/images" >"$dir/images.txt" || exit
sync -f "$dir/images" # how much of a file is allocated, which reports tell, is settled when it is written
images=$(ls "$dir/images" | wc -l)

# What identifies a build or its confinement is no part of the judgement.
reports() {         # reports PROGRAM: a digest over the reports of all images
    (cd "$dir/images" &&
        for f in *.vhdx; do
            "$1" check -f jsonl --sandbox off "$f"
            "$1" check --sandbox off "$f"
            "$1" dump "$f" all --sandbox off
            "$1" map --layout "$f" --sandbox off
        done 2>&1 | sha256sum)
}

compile() {         # compile NAME COMPILER FLAGS...
    local name=$1 cc=$2 out=$dir/$1 libs=-lisal
    shift 2
    [[ " $* " == *" -DVHDXRAY_WITH_ISAL=1 "* ]] || libs=
    rm -rf "$out"
    mkdir -p "$out"
    # shellcheck disable=SC2016
    {
        find src -name '*.c' ! -path 'src/nbdkit/*' ! -name make_sandbox_filters.c
        echo build/release/sandbox_filters.c # what that one writes
    } | xargs -P "$(nproc)" -I FILE sh -c '
        out=$1/$(echo "$2" | tr / -).o; shift
        file=$1; shift
        exec "$@" -std=gnu11 -fPIC -w -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Isrc -I. -c "$file" -o "$out"' \
        sh "$out" FILE "$cc" "$@" || return
    "$cc" "$@" -pie "$out"/*.o -o "$out/vhdxray" $libs -lcjson
}

want=$(reports "$reference")
isal=-DVHDXRAY_WITH_ISAL=1
while read -r name cc flags; do
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    # shellcheck disable=SC2086
    if ! compile "$name" "$cc" $flags >"$dir/$name.log" 2>&1; then
        echo "FAIL $name: does not build (build/same/$name.log)"
        failed=$((failed + 1))
        continue
    fi
    if [ "$(tools/sanitized bash -c "$(declare -f reports); dir=$dir; reports $dir/$name/vhdxray")" = "$want" ]; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "FAIL $name: other reports"
        failed=$((failed + 1))
    fi
    rm -rf "${dir:?}/$name"
done <<END
gcc-O0 gcc -O0 $isal
gcc-O1 gcc -O1 $isal
gcc-O2 gcc -O2 $isal
gcc-O3 gcc -O3 $isal
gcc-O3-lto gcc -O3 -flto=auto $isal
gcc-portable gcc -O2
clang-O0 clang -O0 $isal
clang-O1 clang -O1 $isal
clang-O2 clang -O2 $isal
clang-O3 clang -O3 $isal
clang-sanitizers clang -O1 -fsanitize=address,undefined $isal
END
echo "figure same reports: $passed builds (gcc and clang, -O0 to -O3, link-time optimisation, sanitizers, portable checksum): the reports of $images images are equal byte by byte; $failed differ"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
