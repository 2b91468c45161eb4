# SPDX-License-Identifier: MIT
# map: the guest's extents, and the file's own ranges.

load helper
load disks

setup_file() {
    disks plain same four_k dirty hostile_log damaged child grandchild
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    report=$BATS_TEST_TMPDIR/r.json
}

# lines ARGUMENT...: map -f jsonl to $report, checked
lines() {
    "$VHDXRAY" map -f jsonl "$@" >"$report"
    valid map "$report"
}

@test "lines cover the disk in order, without gaps, with the keys of the contract" {
    for d in plain same four_k dirty; do
        lines $d.vhdx
        [ "$(jq -s 'map(.length) | add' "$report")" -eq "$(stat -c %s $d.raw)" ]
        [ "$(jq -r 'keys_unsorted | join(" ")' "$report" | sort -u)" = "offset length state file_offset layer" ]
    done
}

@test "states, file offsets, merged neighbours" {
    lines plain.vhdx
    # put() gave the blocks 3 0 1 15 7 their places from 4 MiB on
    [ "$(jq -r '[.offset / 1048576, .length / 1048576, .state, .file_offset, .layer] | join(" ")' "$report")" = "\
0 4 fully_present 6291456 0
4 2 not_present  0
6 2 fully_present 4194304 0
8 6 not_present  0
14 2 fully_present 12582912 0
16 14 not_present  0
30 1 fully_present 10485760 0" ]
    lines same.vhdx
    [ "$(jq -r 'select(.offset == 20971520 or .offset == 22020096) | .state' "$report" | tr '\n' ' ')" = "zero unmapped " ]
}

@test "what the map says is in the file" {
    lines plain.vhdx
    while read -r off len file; do
        cmp -i "$off:$file" -n "$len" plain.raw plain.vhdx
    done < <(jq -r 'select(.file_offset != null) | "\(.offset) \(.length) \(.file_offset)"' "$report")
}

@test "a log that is replayed, or not, or must not be" {
    untouched dirty.vhdx hostile_log.vhdx
    lines dirty.vhdx
    [ "$(jq -r .state "$report" | head -n 1)" = fully_present ]
    [ "$(jq -r .length "$report" | head -n 1)" -eq 4194304 ]
    lines --no-replay dirty.vhdx
    [ "$(jq -r .length "$report" | head -n 1)" -eq 2097152 ]
    vx_apart map hostile_log.vhdx
    expect 3
    [ -z "$output" ]
    "$VHDXRAY" map -f json hostile_log.vhdx >"$report" 2>/dev/null || [ $? -eq 3 ]
    valid map "$report"
    "$VHDXRAY" map -f jsonl hostile_log.vhdx >"$report" 2>/dev/null || [ $? -eq 3 ]
    valid map "$report"
    still_untouched
}

@test "layers of a chain" {
    lines --parent base.vhdx child.vhdx
    [ "$(jq -s 'map(.length) | add' "$report")" -eq $((36 << 20)) ]
    [ "$(jq -r 'select(.offset == 6291456) | "\(.layer) \(.state)"' "$report")" = "0 fully_present" ]
    [ "$(jq -r 'select(.state == "partially_present") | "\(.offset) \(.length) \(.layer)"' "$report")" = "2099200 1024 0" ]
    [ "$(jq -r 'select(.offset == 0) | .layer' "$report")" = 1 ]
    [ "$(jq -r 'select(.state == "past_parent") | .layer' "$report" | sort -u)" = 1 ]
    lines --search-dir . grandchild.vhdx
    [ "$(jq -r .layer "$report" | sort -u | tr '\n' ' ')" = "0 1 2 " ]
    vx map --search-dir . grandchild.vhdx
    expect 0 "layer 0: grandchild.vhdx" "layer 1: ./child.vhdx" "layer 2: ./base.vhdx" LAYER
}

@test "a child without its parent: what is known is told, and the parent is named; exit 3" {
    vx_apart map -f jsonl child.vhdx
    expect 3
    [[ $stderr == *base.vhdx* && $stderr == *--parent* ]]
    echo "$output" >"$report"
    valid map "$report"
    [ "$(jq -s 'map(.length) | add' "$report")" -eq $((36 << 20)) ]
    [ "$(jq -r 'select(.offset == 0) | .fault' "$report")" = no_parent ]
    [ "$(jq -r 'select(.offset == 6291456) | .state' "$report")" = fully_present ]
}

@test "damaged blocks are told; exit 3, with --salvage 1" {
    vx_apart map -f jsonl damaged.vhdx
    expect 3
    echo "$output" >"$report"
    valid map "$report"
    [ "$(jq -r 'select(.fault) | "\(.offset / 2097152) \(.fault)"' "$report")" = "1 overlap
3 past_end_of_file
4 invalid_state
6 invalid_offset" ]
    vx map --salvage damaged.vhdx
    expect 1 UNREADABLE "the block has an invalid state"
    vx map --offset 0 --length 2M damaged.vhdx
    expect 0
}

@test "a part of the disk" {
    lines --offset 3M --length 4M plain.vhdx
    [ "$(jq -c '[.offset / 1048576, .length / 1048576]' "$report" | tr '\n' ' ')" = "[3,1] [4,2] [6,1] " ]
    vx map --offset 32M plain.vhdx
    expect 3 "does not lie in it"
    vx map --offset 30M --length 2M plain.vhdx
    expect 3
}

@test "text, JSON and its totals" {
    vx map plain.vhdx
    expect 0 "guest disk of 31 MiB" "fully_present" "7 extents"
    "$VHDXRAY" map -f json plain.vhdx >"$report"
    valid map "$report"
    [ "$(json '.totals.extents == (.extents | length)' "$report")" = true ]
    [ "$(json '.totals.data_bytes + .totals.zero_bytes == .virtual_size' "$report")" = true ]
    vx map -o plain.vhdx plain.vhdx
    expect 2
    run bash -c "'$VHDXRAY' map -f jsonl plain.vhdx >/dev/full"
    expect 3
}

@test "the largest disk there can be, empty: at once, one line" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TESTS/make_big.py" hole "$BATS_TEST_TMPDIR/big.vhdx"
    run timeout 10 "$VHDXRAY" map -f jsonl "$BATS_TEST_TMPDIR/big.vhdx"
    expect 0
    [ "$output" = '{"offset":0,"length":70368744177664,"state":"not_present","file_offset":null,"layer":0}' ]
    run timeout 10 "$VHDXRAY" map --layout -f jsonl "$BATS_TEST_TMPDIR/big.vhdx"
    expect 0
    [ "${#lines[@]}" -eq 4 ]
}

@test "--layout: every byte of the file has an owner, in file order" {
    for d in plain same four_k dirty damaged child grandchild; do
        for f in json jsonl; do
            "$VHDXRAY" map --layout -f $f $d.vhdx >"$report"
            keep layout "$report"
        done
    done
    kept_are_valid
    "$VHDXRAY" map --layout -f jsonl plain.vhdx >"$report"
    [ "$(jq -r '[.owner, .name // empty, .offset / 1048576, .length / 1048576, .block // empty] | join(" ")' "$report")" = "\
header_section 0 1
log 1 1
region metadata 2 1
region bat 3 1
payload 4 2 3
payload 6 4 0
payload 10 2 15
payload 12 2 7" ]
    vx map --layout child.vhdx
    expect 0 "sector bitmap block, BAT entry" "payload block 6, guest 0x600000"
}

@test "--layout: free ranges, anchors, overlaps, blocks behind the end" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BATS_TEST_TMPDIR/odd.vhdx" <<'PY'
import sys, vhdx
i = vhdx.Image(blocks=())
for b in (0, 1, 2, 3):
    i.add_block(b)
i.entries[0] = i.entries[1] & ~7 | 3            # an anchor on block 1; the place of block 0 is free
i.entries[2] += 1 << 20                         # half of block 3 as well
i.entries[9] = (1 << 41) | 6
i.save(sys.argv[1])
PY
    "$VHDXRAY" map --layout -f json "$BATS_TEST_TMPDIR/odd.vhdx" >"$report"
    valid layout "$report"
    [ "$(jq -r '.ranges[4:][] | [.owner, .offset / 1048576, .length / 1048576, .block // "-", .overlaps // false] | map(tostring) | join(" ")' "$report")" = "\
free 4 2 - false
payload 6 2 1 false
soft_anchor 6 2 0 true
free 8 1 - false
payload 9 2 2 false
payload 10 2 3 true
payload 2097152 2 9 false" ]
}

@test "--layout of what has no disk: what is there, exit 3" {
    cp plain.vhdx "$BATS_TEST_TMPDIR/cut.vhdx"
    truncate -s 2M "$BATS_TEST_TMPDIR/cut.vhdx"
    vx_apart map --layout "$BATS_TEST_TMPDIR/cut.vhdx"
    expect 3 "header section" log
    [[ $stderr == *"not all ranges are known"* ]]
    vx map --layout --offset 5 plain.vhdx
    expect 2
}

@test "the same bytes twice" {
    for f in text json jsonl; do
        [ "$("$VHDXRAY" map -f $f plain.vhdx | sha256sum)" = "$("$VHDXRAY" map -f $f plain.vhdx | sha256sum)" ]
        [ "$("$VHDXRAY" map --layout -f $f plain.vhdx | sha256sum)" = "$("$VHDXRAY" map --layout -f $f plain.vhdx | sha256sum)" ]
    done
}
