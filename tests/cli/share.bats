# SPDX-License-Identifier: MIT
# export and repair --copy on file systems whose files can share their bytes: real ones, in a file, mounted for one test.

load helper
load disks

setup_file() {
    disks plain dirty damaged child grandchild
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    if [ "$(id -u)" -ne 0 ] || ! command -v filefrag >/dev/null; then skip "mounting takes root"; fi
}

# mounted xfs|btrfs: the tests' images on a new one, as the current folder; skips where that cannot be had
mounted() {
    command -v "mkfs.$1" >/dev/null || skip "no mkfs.$1"
    truncate -s 400M fs
    "mkfs.$1" -q fs >/dev/null
    mkdir mnt
    mount -o loop fs mnt 2>/dev/null || skip "no $1, or no loop devices, here"
    cp --sparse=always "$BATS_FILE_TMPDIR"/*.vhdx mnt
    cd mnt
}

teardown() {
    cd "$BATS_TEST_TMPDIR"
    ! mountpoint -q mnt || umount mnt
    rm -rf fs mnt
}

shared_bytes() {
    json .output.shared_bytes "$1"
}

# extents FILE: as the file system tells them, "shared BYTES" and "own BYTES"
extents() {
    sync "$1"
    filefrag -v -b1 "$1" | awk -F: '$1 ~ /^ *[0-9]+$/ { n[/shared/] += $4 } END { print "shared", n[1] + 0; print "own", n[0] + 0 }'
}

exported() { # FILESYSTEM
    mounted "$1"
    untouched ./*.vhdx
    for d in plain child grandchild; do
        "$VHDXRAY" export --search-dir . -f json $d.vhdx $d.out >$d.json
        cmp $d.out "$BATS_FILE_TMPDIR/$d.raw"
        [ "$(shared_bytes $d.json)" -gt 0 ]
        read -r _ n < <(extents $d.out)
        [ "$n" -gt 0 ]
    done
    valid export plain.json
    # All but the end of the last block, which has less than 1 MiB behind a hole.
    [ "$(extents plain.out | sed -n 's/^own //p')" -eq "$(json .output.data_bytes plain.json)" ]
    [ "$(json .output.data_bytes plain.json)" -eq 8192 ]
    "$VHDXRAY" export --sandbox off -f json plain.vhdx off.out >off.json
    cmp plain.json <(sed s/off.out/plain.out/ off.json)
    cmp off.out plain.out
    # Neither notices when the other is written.
    echo changed | dd of=plain.out conv=notrunc bs=1M seek=6 status=none
    cmp off.out "$BATS_FILE_TMPDIR/plain.raw"
    still_untouched
}

@test "export to XFS shares the blocks" {
    exported xfs
}

@test "export to Btrfs shares the blocks" {
    exported btrfs
}

@test "what a log changes, and what may be unreadable, is copied" {
    mounted xfs
    "$VHDXRAY" export -f json dirty.vhdx dirty.out >dirty.json
    cmp dirty.out "$BATS_FILE_TMPDIR/dirty.raw"
    [ "$(shared_bytes dirty.json)" -eq 0 ]
    for f in plain damaged; do
        "$VHDXRAY" export --salvage -f json $f.vhdx $f.out >$f.json 2>/dev/null || [ $? -eq 1 ]
        [ "$(shared_bytes $f.json)" -eq 0 ]
    done
    cmp plain.out "$BATS_FILE_TMPDIR/plain.raw"
    "$VHDXRAY" export -f json plain.vhdx "$BATS_TEST_TMPDIR/elsewhere" >plain.json
    cmp "$BATS_TEST_TMPDIR/elsewhere" "$BATS_FILE_TMPDIR/plain.raw"
    [ "$(shared_bytes plain.json)" -eq 0 ]
    "$VHDXRAY" export plain.vhdx - | cmp - "$BATS_FILE_TMPDIR/plain.raw"
}

@test "repair --copy shares all but what it changes" {
    mounted btrfs
    printf 'xx' | dd of=plain.vhdx conv=notrunc bs=1 seek=$((0x10004)) status=none
    untouched plain.vhdx
    vx repair --copy fixed.vhdx plain.vhdx
    expect 4
    [ "$(extents fixed.vhdx | sed -n 's/^own //p')" -le 8192 ]
    [ "$(extents fixed.vhdx | sed -n 's/^shared //p')" -gt 8192 ]
    vx check -q fixed.vhdx
    expect 0
    still_untouched
}
