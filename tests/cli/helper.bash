# SPDX-License-Identifier: MIT
# Shared by the command line tests. $VHDXRAY is the program (default: the release build). Images come from tests/vhdx.py, a
# writer of its own; each file of tests makes what it needs once, in $BATS_FILE_TMPDIR, and works on copies.

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VHDXRAY=${VHDXRAY:-$TESTS/../build/release/vhdxray}
VHDXRAY=$(cd "$(dirname "$VHDXRAY")" && pwd)/$(basename "$VHDXRAY")
unset NO_COLOR

bats_require_minimum_version 1.5.0

# images NAME...: into $BATS_FILE_TMPDIR
images() {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BATS_FILE_TMPDIR" "$@" <<'PY'
import os, struct, sys
import vhdx
from vhdx import Image, MIB, guid

def clean():
    return Image()

def corrupt():                                  # two blocks share a place, and a header is damaged
    i = Image()
    i.entries[1] = i.entries[0]
    i.headers[0].break_crc = True
    return i

def suspicious():                               # the first region table is damaged
    i = Image()
    i.regions[0].break_crc = True
    return i

def dirty():                                    # block 1 is published by the log only
    i = Image()
    published = i.entries.pop(1)
    i.dirty()
    i.put_log(0, i.log_entry(11, pages=[(i.bat_off, i.bat_page(0, {1: published}))]))
    return i

def hostile_log():                              # an active sequence that would overwrite a header
    i = Image()
    i.dirty()
    i.put_log(0, i.log_entry(11, pages=[(0x10000, b"\xee" * 4096)]))
    return i

def many():                                     # one fault, 40 times
    i = Image(blocks=range(32))
    for b in range(32):
        i.entries[b] |= 8
    return i

def child():
    p = Image(blocks=(0, 1, 2))
    p.save(os.path.join(sys.argv[1], "parent.vhdx"))
    i = Image(parent=p, blocks=())
    i.add_block(0, 7, b"A" * 4096)
    i.add_bitmap(0, b"\xff\x00\x10")
    return i

def escapes():                                  # strings that attack who reads the report
    i = child()
    i.creator = '"\\\n\x1b[31m</script>'.encode("utf-16-le") + b"\x00\xd8" + "\u202e\x9b".encode("utf-16-le")
    i.pairs[2] = ("relative_path", ".\\\x1b]0;x\x07\u2028.vhdx")
    i.pairs.append((b"\x00\xdc", b"odd"))
    return i

def greedy():                                   # a locator that takes more than 1 MiB of memory
    i = child()
    i.pairs += [(f"k{n}", "x" * 30000) for n in range(16)]
    return i

for name in sys.argv[2:]:
    globals()[name]().save(os.path.join(sys.argv[1], name + ".vhdx"))
PY
    sync "$BATS_FILE_TMPDIR"/*.vhdx # the host may allocate later, and what it has allocated is in the reports
}

# copy NAME [AS]: a fresh image in the test's own folder
copy() {
    cp --sparse=always "$BATS_FILE_TMPDIR/$1.vhdx" "$BATS_TEST_TMPDIR/${2:-$1.vhdx}"
}

# vx ARGUMENT...: runs the program; $status, $output (standard output and error); nothing may hang
vx() {
    run timeout -k 5 60 "$VHDXRAY" "$@"
}

# vx_apart ARGUMENT...: the same with $output and $stderr apart
vx_apart() {
    run --separate-stderr timeout -k 5 60 "$VHDXRAY" "$@"
}

# expect STATUS [TEXT...]: exit code, and what $output has to contain
expect() {
    local want=$1 text
    shift
    if [ "$status" -ne "$want" ]; then
        echo "exit $status, expected $want"
        echo "$output"
        [ -z "${stderr-}" ] || echo "standard error: $stderr"
        return 1
    fi
    for text; do
        if [[ $output != *"$text"* ]]; then
            echo "does not contain: $text"
            echo "$output"
            return 1
        fi
    done
}

lacks() {
    local text
    for text; do
        if [[ $output == *"$text"* ]]; then
            echo "contains: $text"
            echo "$output"
            return 1
        fi
    done
}

# valid KIND FILE...: reports against the schema
valid() {
    run "$TESTS/validate_reports.py" "$@"
    expect 0
}

# keep KIND FILE...: moves them away for kept_are_valid, which starts the validator once for all of a kind: from the end of a
# test that keeps many, or from teardown_file
keep() {
    local kind=$1 f
    shift
    for f; do mv "$f" "$BATS_FILE_TMPDIR/kept-$kind-$BATS_TEST_NUMBER-$RANDOM$RANDOM-${f##*/}"; done
}

kept_are_valid() {
    local kind
    for kind in check info log dump map layout compare; do
        if compgen -G "$BATS_FILE_TMPDIR/kept-$kind-*" >/dev/null; then
            "$TESTS/validate_reports.py" $kind "$BATS_FILE_TMPDIR/kept-$kind-"*
            rm "$BATS_FILE_TMPDIR/kept-$kind-"*
        fi
    done
}

# json FILTER FILE: prints what jq finds
json() {
    jq -r "$1" "$2"
}
