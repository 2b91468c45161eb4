# SPDX-License-Identifier: MIT
# read: guest bytes on standard output, or a refusal that names the range.

load helper
load disks

setup_file() {
    disks plain four_k dirty hostile_log damaged child alone
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

# part RAW OFFSET LENGTH: of a raw image
part() {
    tail -c +$(($2 + 1)) "$1" | head -c "$3"
}

@test "the whole disk, and ranges of every alignment" {
    untouched plain.vhdx
    "$VHDXRAY" read plain.vhdx | cmp - plain.raw
    for range in 0:1 0:512 511:2 2097151:2 700000:5000 2097152:2097152 6291456:123457 32505855:1 14680064:9004 5:0; do
        at=${range%:*} n=${range#*:}
        "$VHDXRAY" read plain.vhdx --offset "$at" --length "$n" >part
        [ "$(stat -c %s part)" -eq "$n" ]
        cmp part <(part plain.raw "$at" "$n")
    done
    still_untouched
}

@test "sizes have units, and --offset alone reads to the end" {
    "$VHDXRAY" read plain.vhdx --offset 30M | cmp - <(part plain.raw $((30 << 20)) $((1 << 20)))
    "$VHDXRAY" read plain.vhdx --offset 0x100000 --length 4K | cmp - <(part plain.raw $((1 << 20)) 4096)
}

@test "4096-byte sectors, a pipe, a file" {
    "$VHDXRAY" read four_k.vhdx | cmp - four_k.raw
    cat four_k.vhdx | "$VHDXRAY" read - | cmp - four_k.raw
    "$VHDXRAY" read - <four_k.vhdx | cmp - four_k.raw
    vx read four_k.vhdx -o "$BATS_TEST_TMPDIR/part" --offset 1M --length 1M
    expect 0
    [ -z "$output" ]
    cmp "$BATS_TEST_TMPDIR/part" <(part four_k.raw $((1 << 20)) $((1 << 20)))
}

@test "a dirty log is replayed, unless --no-replay; the file stays as it was" {
    untouched dirty.vhdx
    "$VHDXRAY" read dirty.vhdx | cmp - dirty.raw
    "$VHDXRAY" read dirty.vhdx --no-replay --offset 2M --length 2M | cmp - <(head -c 2M /dev/zero)
    still_untouched
}

@test "a log that must not be replayed: refused, --no-replay reads" {
    vx_apart read hostile_log.vhdx
    expect 3
    [ -z "$output" ]
    [[ $stderr == *"must not be replayed"* ]]
    "$VHDXRAY" read hostile_log.vhdx --no-replay | cmp - hostile_log.raw
}

@test "a range outside the disk: exit 3, nothing is written" {
    for range in "--offset 31M --length 1" "--offset 32M" "--length 32M" "--offset 0xffffffffffffffff --length 0xffffffffffffffff"; do
        # shellcheck disable=SC2086
        vx_apart read plain.vhdx $range
        expect 3
        [ -z "$output" ]
        [[ $stderr == *"32505856 bytes"* ]]
    done
    vx_apart read plain.vhdx --offset 31M
    expect 0
    [ -z "$output" ]
}

@test "damaged blocks: refused with range, reason and rule; other ranges are served" {
    for c in "1:shares its bytes" "2:shares its bytes" "3:VHDX-BAT-012" "4:VHDX-BAT-002" "6:no valid place"; do
        vx_apart read damaged.vhdx --offset $((${c%%:*} * 2))M --length 1K
        expect 3
        [ -z "$output" ]
        [[ $stderr == *"(block ${c%%:*})"* && $stderr == *"${c#*:}"* && $stderr == *--salvage* ]] || { echo "$stderr"; return 1; }
    done
    for b in 0 5 7; do
        "$VHDXRAY" read damaged.vhdx --offset $((b * 2))M --length 2M | cmp - <(part damaged.raw $((b << 21)) $((2 << 20)))
    done
    vx_apart read damaged.vhdx --offset 1M --length 2M # half of it is good
    expect 3
    [ -z "$output" ]
    vx read damaged.vhdx -o "$BATS_TEST_TMPDIR/out"
    expect 3 "4 ranges in all"
    [ ! -e "$BATS_TEST_TMPDIR/out" ]
}

@test "--salvage goes on, lists the ranges, exit 1" {
    run --separate-stderr bash -c "'$VHDXRAY' read damaged.vhdx --salvage >'$BATS_TEST_TMPDIR/out'"
    expect 1
    [[ $stderr == *"(block 1)"*"(block 3)"*"(block 4)"*"(block 6)"*"could not be read"* ]]
    [ "$(stat -c %s "$BATS_TEST_TMPDIR/out")" -eq $((64 << 20)) ]
    cmp <(part "$BATS_TEST_TMPDIR/out" $((10 << 20)) $((54 << 20))) <(part damaged.raw $((10 << 20)) $((54 << 20)))
    part "$BATS_TEST_TMPDIR/out" $((2 << 20)) $((8 << 20)) | cmp - <(head -c 8M /dev/zero)
    vx read plain.vhdx --salvage -o "$BATS_TEST_TMPDIR/out"
    expect 0
    cmp "$BATS_TEST_TMPDIR/out" plain.raw
}

@test "a child: its own ranges without the parent, all of it with the parent" {
    "$VHDXRAY" read child.vhdx --offset 6M --length 1M | cmp - <(part child.raw $((6 << 20)) $((1 << 20)))
    "$VHDXRAY" read child.vhdx --offset $(((2 << 20) + 2048)) --length 1024 | cmp - <(part child.raw $(((2 << 20) + 2048)) 1024)
    vx_apart read child.vhdx --offset 2M --length 4096
    expect 3
    [ -z "$output" ]
    [[ $stderr == *base.vhdx* && $stderr == *--parent* ]]
    for parent in "--parent base.vhdx" "--search-dir ."; do
        # shellcheck disable=SC2086
        "$VHDXRAY" read child.vhdx $parent | cmp - child.raw
    done
    "$VHDXRAY" read alone.vhdx | cmp - <(head -c 4M alone.raw)
}

@test "wrong, missing or cyclic parents: refused, GUIDs or path named" {
    vx_apart read child.vhdx --parent plain.vhdx
    expect 3
    [[ $stderr == *"plain.vhdx"*"DataWriteGuid is "*"parent_linkage is "* ]]
    vx_apart read child.vhdx --parent nowhere.vhdx
    expect 3
    [[ $stderr == *nowhere.vhdx* ]]
    vx_apart read child.vhdx --parent child.vhdx
    expect 3
    [[ $stderr == *"comes back"* ]]
}

@test "no guest disk at all" {
    echo text >"$BATS_TEST_TMPDIR/none.vhdx"
    for f in "$BATS_TEST_TMPDIR/none.vhdx" /dev/null missing.vhdx .; do
        vx_apart read "$f"
        expect 3
        [ -z "$output" ]
        [ -n "$stderr" ]
    done
}

@test "write errors, a reader that goes away, an output that is the input" {
    run bash -c "'$VHDXRAY' read plain.vhdx >/dev/full"
    expect 3 "cannot write"
    run bash -c "'$VHDXRAY' read plain.vhdx | head -c 100 >/dev/null; exit \${PIPESTATUS[0]}"
    [ "$status" -eq 3 ] || [ "$status" -eq 0 ]
    vx read plain.vhdx -o plain.vhdx
    expect 2 "one of the files that are read"
    vx read child.vhdx --parent base.vhdx -o base.vhdx
    expect 2
    [ "$(head -c 8 base.vhdx)" = vhdxfile ]
}

@test "usage" {
    vx read
    expect 2
    vx read plain.vhdx dirty.vhdx
    expect 2
    vx read plain.vhdx --offset -1
    expect 2
    vx read plain.vhdx --length x
    expect 2
}
