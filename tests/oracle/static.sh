#!/bin/bash
# SPDX-License-Identifier: MIT
# The static program (ninja static): it needs no shared library, not even an interpreter, and runs where there is nothing else;
# over all cases, and for every algorithm of digests, it says byte for byte what the one with shared libraries says.
#
# $VHDXRAY: that program; the static one is ../static/vhdxray from there. Exit 77 when it was not built.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
shared=${VHDXRAY:-$here/../build/release/vhdxray}
static=$(dirname "$shared")/../static/vhdxray
[ -x "$static" ] || { echo "static: no $static; ninja static makes it"; exit 77; }
static=$(cd "$(dirname "$static")" && pwd)/vhdxray
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit
. "$here/checks.sh"

# same ARGUMENT...: both programs, output, messages and exit code
same() {
    local a b
    "$shared" "$@" >out-a 2>err-a
    a=$?
    "$static" "$@" >out-b 2>err-b
    b=$?
    [ $a -eq $b ] || { echo "exit $a and $b"; return 1; }
    cmp out-a out-b && cmp err-a err-b && [ -s out-a ]
}

check 'no shared libraries' eval '! readelf -d "$static" | grep NEEDED'
check 'no interpreter' eval '! readelf -lW "$static" | grep INTERP'
check 'position independent, read-only relocations, no executable stack' eval '
    readelf -hW "$static" | grep -q "Type:.*DYN" && readelf -lW "$static" | grep -q GNU_RELRO &&
        readelf -lW "$static" | grep "GNU_STACK.* RW "'
check 'ldd' eval 'ldd "$static" 2>&1 | grep -Eq "statically linked|not a dynamic executable"'
check 'version' same --version
mkdir -p cases empty/dev
touch empty/dev/null # it wants one to open
cp "$static" empty/
if [ "$(id -u)" -eq 0 ]; then enter=(chroot empty); else enter=(unshare -r chroot empty); fi
check 'runs where there is nothing else' eval '[ "$("${enter[@]}" /vhdxray --version)" = "$("$shared" --version)" ]'

"$(dirname "$shared")/tests/write_cases" cases >/dev/null || { echo "FAIL the cases could not be written"; exit 1; }
count=$(find cases -name '*.*vhdx' | wc -l)
check 'there are cases' test "$count" -gt 500
check "check -f jsonl: $count cases" same check -r -f jsonl cases
check 'check, text' same check -r -v cases
check 'check -f html' same check -r -f html cases
check 'check -f sarif' same check -r -f sarif cases
check 'info' same info -r -f jsonl cases
check 'everything confined' same check -r --sandbox require -f jsonl cases
file=$(find cases -name '*.*vhdx' | LC_ALL=C sort | head -n 1)
for a in sha256 sha1 md5 sha224 sha384 sha512 sha3-256 sha3-512 blake2b512 blake2s256; do
    check "hash --algorithm $a" same hash --container --algorithm $a "$file"
done
check 'hash: what there is none of' eval '! "$static" hash --algorithm sha257 "$file"'
check 'completion' same --completion bash
finish
