# SPDX-License-Identifier: MIT
# compare: whether two disks have the same guest content.

load helper
load disks

setup_file() {
    disks plain same grown longer changed dirty damaged child alone
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    report=$BATS_TEST_TMPDIR/r.json
}

@test "the same, however it is laid out" {
    untouched plain.vhdx same.vhdx
    vx compare plain.vhdx same.vhdx
    expect 0 "same guest content, 31 MiB"
    vx compare same.vhdx plain.vhdx
    expect 0
    vx compare plain.vhdx plain.vhdx
    expect 0
    still_untouched
}

@test "different: exit 1, the first byte is named" {
    vx compare plain.vhdx changed.vhdx
    expect 1 "guest byte $(((18 << 20) + 4097)) " "plain.vhdx: 0x00, in block 9" "changed.vhdx: 0x41, in block 9"
    vx compare changed.vhdx same.vhdx
    expect 1 "guest byte $(((18 << 20) + 4097)) " "changed.vhdx: 0x41, in block 9" "same.vhdx: 0x00, in block 18"
}

@test "as cmp finds it" {
    at=$(cmp -l changed.raw dirty.raw 2>/dev/null | head -n 1 | awk '{ print $1 - 1 }')
    vx compare changed.vhdx dirty.vhdx
    expect 1 "guest byte $at "
}

@test "sizes differ: the rest must be zeros" {
    vx compare plain.vhdx grown.vhdx
    expect 0 "same guest content" "grown.vhdx is 9437184 bytes longer, all of them zeros"
    vx compare grown.vhdx plain.vhdx
    expect 0 "grown.vhdx is 9437184 bytes longer"
    vx compare plain.vhdx longer.vhdx
    expect 1 "guest byte $(((35 << 20) + 1234)) " "plain.vhdx: ends before it" "longer.vhdx: 0x78"
    vx compare longer.vhdx plain.vhdx
    expect 1 "guest byte $(((35 << 20) + 1234)) "
}

@test "a replayed log" {
    cp dirty.vhdx "$BATS_TEST_TMPDIR/copy.vhdx"
    vx compare dirty.vhdx "$BATS_TEST_TMPDIR/copy.vhdx"
    expect 0
    vx compare --no-replay dirty.vhdx "$BATS_TEST_TMPDIR/copy.vhdx"
    expect 0
    cat dirty.vhdx | "$VHDXRAY" compare dirty.vhdx -
}

@test "chains: --parent for A, --parent-b for B, --search-dir for both" {
    cp child.vhdx "$BATS_TEST_TMPDIR/twin.vhdx"
    vx compare --parent base.vhdx --parent-b base.vhdx child.vhdx "$BATS_TEST_TMPDIR/twin.vhdx"
    expect 0
    vx compare --search-dir . child.vhdx "$BATS_TEST_TMPDIR/twin.vhdx"
    expect 0
    vx compare --parent base.vhdx child.vhdx base.vhdx
    expect 1
    vx compare --parent base.vhdx child.vhdx "$BATS_TEST_TMPDIR/twin.vhdx"
    expect 3 twin.vhdx base.vhdx --parent
    vx compare alone.vhdx alone.vhdx # needs none
    expect 0
}

@test "what cannot be read: not known, unless something else differs" {
    cp damaged.vhdx "$BATS_TEST_TMPDIR/twin.vhdx"
    vx compare damaged.vhdx "$BATS_TEST_TMPDIR/twin.vhdx"
    expect 3 "damaged.vhdx: guest range at 2097152" "twin.vhdx: guest range at 2097152"
    lacks "same guest content"
    vx compare damaged.vhdx plain.vhdx
    expect 1 DIFFERENT
    "$VHDXRAY" compare -f json damaged.vhdx "$BATS_TEST_TMPDIR/twin.vhdx" >"$report" 2>/dev/null || [ $? -eq 3 ]
    valid compare "$report"
    [ "$(json '.result, .images[1].unreadable.count' "$report" | tr '\n' ' ')" = "unknown 4 " ]
}

@test "JSON" {
    for pair in "plain.vhdx same.vhdx" "plain.vhdx changed.vhdx" "plain.vhdx longer.vhdx" "plain.vhdx missing.vhdx" "missing.vhdx plain.vhdx" \
        "child.vhdx plain.vhdx"; do
        for f in json jsonl; do
            # shellcheck disable=SC2086
            "$VHDXRAY" compare -f $f $pair >"$report" 2>/dev/null || true
            keep compare "$report"
        done
    done
    kept_are_valid
    "$VHDXRAY" compare -f json plain.vhdx longer.vhdx >"$report" || [ $? -eq 1 ]
    [ "$(json '.result, .first_difference.offset, .first_difference.bytes[0], .first_difference.bytes[1]' "$report" | tr '\n' ' ')" = \
        "different $(((35 << 20) + 1234)) null 120 " ]
}

@test "zeros on both sides are not read: two empty disks of 64 TiB" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TESTS/make_big.py" hole "$BATS_TEST_TMPDIR/big.vhdx"
    run timeout 10 "$VHDXRAY" compare "$BATS_TEST_TMPDIR/big.vhdx" "$BATS_TEST_TMPDIR/big.vhdx"
    expect 0 "64 TiB"
}

@test "usage, missing files, output errors" {
    vx compare plain.vhdx
    expect 2
    vx compare plain.vhdx same.vhdx grown.vhdx
    expect 2
    vx compare - -
    expect 2
    vx compare plain.vhdx missing.vhdx
    expect 3 "missing.vhdx: no such file"
    vx compare missing.vhdx plain.vhdx
    expect 3
    run bash -c "'$VHDXRAY' compare plain.vhdx changed.vhdx >/dev/full"
    expect 3
    vx compare -o same.vhdx plain.vhdx same.vhdx
    expect 2
    vx compare --parent-b base.vhdx -o base.vhdx plain.vhdx child.vhdx
    expect 2
}
