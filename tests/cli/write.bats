# SPDX-License-Identifier: MIT
# create, write, replay: what they make, what they refuse, and that a refusal or a failure leaves nothing behind.

load helper
load disks

setup_file() {
    disks plain four_k dirty damaged hostile_log child
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    for f in "$BATS_FILE_TMPDIR"/*; do cp --sparse=always "$f" .; done
    mkdir new
}

# is_clean FILE...
is_clean() {
    local f
    for f; do
        vx check -q "$f"
        expect 0 CLEAN
    done
}

# facts FILTER FILE: one fact of an image
facts() {
    "$VHDXRAY" info -f json "$2" | jq -r ".images[0].facts$1"
}

# bytes COUNT: the same every time, and no zeros
bytes() {
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import random, sys
n = int(sys.argv[1])
sys.stdout.buffer.write(random.Random(n).randbytes(n).replace(b"\0", b"\1"))' "$1"
}

made() {
    (cd new && find . ! -name . | LC_ALL=C sort)
}

# ---- create ----

@test "create: every type, and what it says" {
    vx create new/a.vhdx --size 64M
    expect 0 "new/a.vhdx: dynamic, 64 MiB guest disk, 32 MiB blocks, sectors 512/4096, log 1 MiB"
    vx create new/b.vhdx --size 5M --type fixed --block-size 1M
    expect 0 "fixed, 5 MiB guest disk, 1 MiB blocks"
    vx create new/c.vhdx --size 64M --sector-size 4096 --log-size 2M --block-state-zero
    expect 0 "sectors 4096/4096, log 2 MiB"
    vx create new/d.avhdx --parent new/a.vhdx
    expect 0 "differencing, 64 MiB guest disk, 2 MiB blocks" "parent new/a.vhdx: from now on it must not be changed"
    vx create new/e.vhdx --size 64M --like qemu
    expect 0 "8 MiB blocks, sectors 512/512"
    vx create -q new/f.vhdx --size 512 --physical-sector-size 512
    expect 0
    [ -z "$output" ]
    is_clean new/[abcef].vhdx
    vx check -q --search-dir new new/d.avhdx
    expect 0 CLEAN
    [ "$(stat -c %s new/a.vhdx)" -eq $((4 << 20)) ]
    [ "$(stat -c %s new/b.vhdx)" -eq $((9 << 20)) ]
    [ "$(stat -c %s new/e.vhdx)" -eq $((8 << 20)) ]
    [ "$(du -k new/b.vhdx | cut -f1)" -le 64 ]
    [ "$(facts .bat.states.zero new/c.vhdx)" -eq 2 ]
    [ "$(facts .creator new/a.vhdx)" = "$("$VHDXRAY" --version)" ]
    vx export new/b.vhdx b.raw
    expect 0
    [ "$(sum b.raw)" = "$(head -c 5M /dev/zero | sha256sum | cut -d' ' -f1)" ]
}

@test "create: a report for programs" {
    vx create -f json new/a.vhdx --size 1G --block-size 4M --type fixed
    expect 0
    [ "$(jq -c '[.path, .complete, .type, .virtual_size, .block_size, .logical_sector_size, .physical_sector_size,
        .log_length, .size, .parent]' <<<"$output")" = \
        '["new/a.vhdx",true,"fixed",1073741824,4194304,512,4096,1048576,1077936128,null]' ]
    vx_apart create -f json new/a.vhdx --size 1G
    expect 3
    [ "$(jq .complete <<<"$output")" = false ]
}

@test "create: numbers as qemu-img rounds them" {
    vx create new/a.vhdx --size 1000 --like qemu --block-size 600K --log-size 1
    expect 0
    [ "$(facts .virtual_size new/a.vhdx)" -eq 1024 ]
    [ "$(facts .block_size new/a.vhdx)" -eq 1048576 ]
    vx create new/b.vhdx --size 1000
    expect 2 "multiple of the logical sector size"
    vx create new/b.vhdx --size 512 --log-size 1
    expect 2 "multiple of 1 MiB"
    vx create new/b.vhdx --size 64T --block-size 512M --like qemu
    expect 0
    [ "$(facts .block_size new/b.vhdx)" -eq 268435456 ]
}

@test "create: usage" {
    vx create new/a.vhdx
    expect 2 "--size"
    vx create --size 64M
    expect 2 OUT
    vx create new/a.vhdx --size 65T
    expect 2 "64 TiB"
    vx create new/a.vhdx --size 64M --block-size 3M
    expect 2 "power of two"
    vx create new/a.vhdx --size 64M --sector-size 520
    expect 2 "512|4096"
    vx create new/a.vhdx --size 64M --type thick
    expect 2 "dynamic|fixed|differencing"
    vx create new/a.vhdx --size 64M --type differencing
    expect 2 "--parent"
    vx create new/a.vhdx --size 64M --type dynamic --parent plain.vhdx
    expect 2 "--parent"
    vx create new/a.vhdx --parent plain.vhdx --parent plain.vhdx
    expect 2 "one parent"
    vx create new/a.vhdx --parent plain.vhdx --like qemu
    expect 2 "differencing"
    vx create new/a.vhdx --parent plain.vhdx --block-state-zero
    expect 2 "hide"
    vx create -f json -o new/a.vhdx new/a.vhdx --size 64M
    expect 2 "cannot both go"
    [ -z "$(made)" ]
}

@test "create: an existing file is kept, unless --force" {
    bytes 1000 >new/a.vhdx
    untouched new/a.vhdx
    vx create new/a.vhdx --size 64M
    expect 3 "new/a.vhdx exists" --force
    still_untouched
    ln -s a.vhdx new/link
    vx create new/link --size 64M --force
    expect 0
    [ -L new/link ]
    is_clean new/a.vhdx
    mkdir new/dir
    vx create new/dir --size 64M --force
    expect 3 "is a directory"
    vx create no/a.vhdx --size 64M
    expect 3 "no such file"
    [ "$(made)" = "./a.vhdx
./dir
./link" ]
}

@test "create: nothing is left of a failure" {
    ulimit -f 2048 # blocks of 1024 bytes
    vx create new/a.vhdx --size 64M --type fixed
    expect 3 "cannot write new/a.vhdx" "file too large"
    [ -z "$(made)" ]
}

@test "create: nothing is left of an interruption" {
    local pid i
    for i in 1 2 3 4 5; do
        "$VHDXRAY" create new/a.vhdx --size 64T --block-size 1M --block-state-zero >/dev/null &
        pid=$!
        for _ in $(seq 200); do
            if compgen -G 'new/*.partial' >/dev/null; then break; fi
            sleep 0.005
        done
        kill -TERM $pid 2>/dev/null || true
        if wait $pid; then rm new/a.vhdx; continue; fi # it was quicker
        [ -z "$(made)" ]
        return 0
    done
    skip "it is always quicker"
}

@test "create: a child takes the shape of its parent and names it" {
    mkdir new/deep new/deep/er
    vx create new/base.vhdx --size 24M --sector-size 4096 --block-size 1M
    expect 0
    vx create new/c.avhdx --parent new/base.vhdx --block-size 16M
    expect 0
    vx create new/deep/er/d.avhdx --parent new/c.avhdx
    expect 0
    vx create new/deep/e.avhdx --parent new/deep/er/d.avhdx
    expect 0
    [ "$(facts .parent.paths.relative_path new/c.avhdx)" = '.\base.vhdx' ]
    [ "$(facts .parent.paths.relative_path new/deep/er/d.avhdx)" = '..\..\c.avhdx' ]
    [ "$(facts .parent.paths.relative_path new/deep/e.avhdx)" = '.\er\d.avhdx' ]
    [ "$(facts .parent.linkage new/c.avhdx)" = "$(facts '.headers[1].data_write_guid' new/base.vhdx)" ]
    [ "$(facts .virtual_disk_id new/c.avhdx)" = "$(facts .virtual_disk_id new/base.vhdx)" ]
    [ "$(facts ' | .virtual_size, .block_size, .logical_sector_size, .physical_sector_size' new/c.avhdx)" = "25165824
16777216
4096
4096" ]
    vx check -q --parent new/deep/er/d.avhdx --parent new/c.avhdx --parent new/base.vhdx new/deep/e.avhdx
    expect 0 CLEAN
    cd new/deep # from another folder it is the same path
    vx create f.avhdx --parent ../../new/base.vhdx --size 24M --sector-size 4K
    expect 0
    [ "$(facts .parent.paths.relative_path f.avhdx)" = '..\base.vhdx' ]
}

@test "create: parents that cannot be" {
    untouched plain.vhdx dirty.vhdx damaged.vhdx
    vx create new/a.avhdx --parent damaged.vhdx
    expect 3 "damaged.vhdx: cannot be a parent" VHDX-BAT-
    vx create new/a.avhdx --parent dirty.vhdx
    expect 3 "dirty.vhdx: cannot be a parent" "vhdxray replay"
    vx create new/a.avhdx --parent missing.vhdx
    expect 3 "missing.vhdx"
    vx create new/a.avhdx --parent plain.raw
    expect 3 "plain.raw: cannot be a parent" VHDX-
    vx create new/a.avhdx --parent plain.vhdx --size 64M
    expect 2 "--size is not that of the parent, 32505856"
    vx create new/a.avhdx --parent plain.vhdx --sector-size 4096
    expect 2 "--sector-size is not that of the parent, 512"
    vx create plain.vhdx --parent plain.vhdx --force
    expect 2 "plain.vhdx is the parent"
    cp plain.vhdx 'a:b.vhdx'
    cp plain.vhdx NUL.vhdx
    cp plain.vhdx 'back\slash.vhdx'
    for name in 'a:b.vhdx' NUL.vhdx 'back\slash.vhdx'; do
        vx create new/a.avhdx --parent "$name"
        expect 3 "Windows would read otherwise"
    done
    [ -z "$(made)" ]
    still_untouched
}

# ---- write ----

@test "write: what goes in comes out" {
    bytes 70000000 >data
    truncate -s 69999616 data # whole sectors; more than two chunks
    vx create new/a.vhdx --size 100M --block-size 1M
    expect 0
    run bash -c "'$VHDXRAY' write new/a.vhdx --offset 1000K <data"
    expect 0 "new/a.vhdx: 69,999,616 bytes written at guest byte 1024000 (0xfa000), 68 blocks allocated"
    "$VHDXRAY" read new/a.vhdx --offset 1000K --length 69999616 | cmp - data
    [ "$("$VHDXRAY" read new/a.vhdx --length 1000K | tr -d '\0' | wc -c)" -eq 0 ]
    is_clean new/a.vhdx
    run bash -c "cat data | '$VHDXRAY' write -q new/a.vhdx --offset 0x20000" # a pipe, over what is there
    expect 0
    [ -z "$output" ]
    "$VHDXRAY" read new/a.vhdx --offset 0x20000 --length 69999616 | cmp - data
    is_clean new/a.vhdx
}

@test "write: a report for programs" {
    vx create new/a.vhdx --size 8M --block-size 1M
    run bash -c "head -c 2M data 2>/dev/null /dev/urandom | head -c 2M | '$VHDXRAY' write -f json new/a.vhdx --offset 1M"
    expect 0
    [ "$(jq -c '[.path, .complete, .log_replayed, .offset, .length, .blocks_allocated, .bitmap_blocks_allocated,
        .log_entries]' <<<"$output")" = '["new/a.vhdx",true,false,1048576,2097152,2,0,1]' ]
}

@test "write: a disk of zeros takes no space" {
    vx create new/a.vhdx --size 100M
    truncate -s 100M zeros
    run bash -c "'$VHDXRAY' write new/a.vhdx <zeros"
    expect 0
    [ "$(stat -c %s new/a.vhdx)" -eq $((4 << 20)) ]
    is_clean new/a.vhdx
}

@test "write: other makers' images, 4096-byte sectors, a child alone" {
    bytes 8192 >data
    for d in plain four_k child; do
        run bash -c "'$VHDXRAY' write $d.vhdx --offset 2M <data"
        expect 0
    done
    is_clean plain.vhdx four_k.vhdx
    for d in plain four_k; do
        cp $d.raw want
        dd if=data of=want bs=1M seek=2 conv=notrunc status=none
        "$VHDXRAY" read $d.vhdx | cmp - want
    done
    cp child.raw want
    dd if=data of=want bs=1M seek=2 conv=notrunc status=none
    "$VHDXRAY" read --parent base.vhdx child.vhdx | cmp - want
    vx check -q --parent base.vhdx child.vhdx
    expect 0
}

@test "write: a dirty log is replayed first" {
    bytes 512 >data
    run bash -c "'$VHDXRAY' write dirty.vhdx --offset 4M <data"
    expect 0 "its log was replayed first"
    cp dirty.raw want
    dd if=data of=want bs=1M seek=4 conv=notrunc status=none
    "$VHDXRAY" read --no-replay dirty.vhdx | cmp - want
    is_clean dirty.vhdx
}

@test "write: nothing to write, nothing written" {
    untouched plain.vhdx
    run bash -c "'$VHDXRAY' write plain.vhdx </dev/null"
    expect 0 "nothing to write"
    still_untouched
}

@test "write: what does not fit is refused before anything is written" {
    bytes 1024 >data
    bytes 1000 >odd
    untouched plain.vhdx four_k.vhdx dirty.vhdx
    run bash -c "'$VHDXRAY' write plain.vhdx --offset 100 <data"
    expect 2 "multiple of the sector size, 512"
    run bash -c "'$VHDXRAY' write four_k.vhdx --offset 512 <data"
    expect 2 "multiple of the sector size, 4096"
    run bash -c "'$VHDXRAY' write four_k.vhdx <data"
    expect 3 "ends inside a sector: 1024 bytes less, or 3072 more"
    run bash -c "'$VHDXRAY' write plain.vhdx --offset 32M <data"
    expect 2 "behind the end of the disk"
    run bash -c "'$VHDXRAY' write plain.vhdx --offset 32505344 <data"
    expect 3 "goes on behind the end of the disk (32505856 bytes)"
    run bash -c "'$VHDXRAY' write dirty.vhdx <odd"
    expect 3 "ends inside a sector: 488 bytes less, or 24 more"
    lacks written
    run bash -c "'$VHDXRAY' write plain.vhdx <plain.vhdx"
    expect 2 "the image itself"
    still_untouched
}

@test "write: a pipe that does not fit is written as far as it fits, and that is said" {
    bytes 2048 >data
    run bash -c "cat data | '$VHDXRAY' write plain.vhdx --offset 32504832"
    expect 3 "goes on behind the end" "what fits was written"
    "$VHDXRAY" read plain.vhdx --offset 32504832 | cmp - <(head -c 1024 data)
    run bash -c "head -c 1000 data | '$VHDXRAY' write plain.vhdx"
    expect 3 "ends inside a sector" "the sectors before it were written"
    "$VHDXRAY" read plain.vhdx --length 512 | cmp - <(head -c 512 data)
    is_clean plain.vhdx
}

@test "write: images with errors are not written to, nor what is none" {
    bytes 512 >data
    untouched damaged.vhdx hostile_log.vhdx plain.raw
    run bash -c "'$VHDXRAY' write damaged.vhdx --offset 20M <data"
    expect 3 "damaged.vhdx: has errors and is not written to: VHDX-BAT-" "vhdxray check damaged.vhdx"
    run bash -c "'$VHDXRAY' write hostile_log.vhdx <data"
    expect 3 "has errors" VHDX-LOG-017
    run bash -c "'$VHDXRAY' write plain.raw <data"
    expect 3 "has errors" VHDX-
    still_untouched
    run bash -c "'$VHDXRAY' write missing.vhdx <data"
    expect 3 missing.vhdx
    run bash -c "'$VHDXRAY' write . <data"
    expect 3 "is a directory"
}

@test "write and replay: a file that is in use, or marked read-only" {
    bytes 512 >data
    chmod 444 plain.vhdx
    untouched plain.vhdx dirty.vhdx
    run bash -c "'$VHDXRAY' write plain.vhdx <data"
    expect 3 plain.vhdx "read-only"
    exec 9<dirty.vhdx
    flock -x 9
    vx replay dirty.vhdx
    expect 3 "in use"
    run bash -c "'$VHDXRAY' write dirty.vhdx 9<&- <data"
    expect 3 "in use"
    exec 9<&-
    still_untouched
}

@test "write: the host has no room" {
    vx create new/a.vhdx --size 64M --block-size 1M
    bytes 3145728 >data
    run bash -c "'$VHDXRAY' write -q new/a.vhdx <data"
    expect 0
    cp new/a.vhdx before.vhdx
    run bash -c "ulimit -f 9000; '$VHDXRAY' write new/a.vhdx --offset 3M <data" # of 1024 bytes; the third block does not fit
    expect 3 "new/a.vhdx: could not be written: file too large"
    is_clean new/a.vhdx
    [ "$(stat -c %s new/a.vhdx)" -eq "$(stat -c %s before.vhdx)" ]
    vx compare new/a.vhdx before.vhdx
    expect 0
    run bash -c "'$VHDXRAY' write -q new/a.vhdx --offset 3M <data"
    expect 0
    "$VHDXRAY" read new/a.vhdx --offset 3M --length 3M | cmp - data
}

@test "write: killed, the image is one that can be recovered" {
    local pid dirty=0 pause
    bytes 100000000 >data
    truncate -s 96M data
    for pause in 0.05 0.1 0.15 0.2 0.25 0.3; do
        vx create --force new/a.vhdx --size 96M --block-size 1M
        expect 0
        "$VHDXRAY" write -q new/a.vhdx <data &
        pid=$!
        sleep $pause
        kill -KILL $pid 2>/dev/null || true
        wait $pid || true
        vx replay -q new/a.vhdx
        [ "$status" -eq 0 ] || [ "$status" -eq 4 ]
        [ "$status" -ne 4 ] || dirty=1
        is_clean new/a.vhdx
    done
    [ $dirty -eq 1 ] || skip "no kill came between"
}

# ---- replay ----

@test "replay: the log in the file, once" {
    vx replay dirty.vhdx
    expect 4 "dirty.vhdx: log replayed: 1 entry, 1 page changed; now clean"
    "$VHDXRAY" read --no-replay dirty.vhdx | cmp - dirty.raw
    is_clean dirty.vhdx
    untouched dirty.vhdx
    vx replay dirty.vhdx
    expect 0 "the log is empty, nothing to replay"
    still_untouched
}

@test "replay: children go on to fit" {
    local linkage
    linkage=$(facts '.headers[1].data_write_guid' dirty.vhdx)
    vx replay -q dirty.vhdx
    expect 4
    [ "$(facts '.headers[0,1].data_write_guid' dirty.vhdx)" = "$linkage
$linkage" ]
}

@test "replay: a report for programs" {
    vx replay -f json dirty.vhdx
    expect 4
    [ "$(jq -c '[.path, .complete, .replayed, .entries, .pages_changed, .verdict, .errors]' <<<"$output")" = \
        '["dirty.vhdx",true,true,1,1,"clean",0]' ]
    vx_apart replay -f json hostile_log.vhdx
    expect 5
    [ "$(jq -c '[.complete, .replayed, .verdict]' <<<"$output")" = '[false,false,null]' ]
    [[ $(jq -r .error.message <<<"$output") == *VHDX-LOG-017* ]]
}

@test "replay: what must not be replayed stays as it is" {
    cp --sparse=always dirty.vhdx short.vhdx
    truncate -s -1M short.vhdx
    untouched hostile_log.vhdx short.vhdx plain.raw damaged.vhdx
    vx replay hostile_log.vhdx
    expect 5 "hostile_log.vhdx: its log is not replayed, the file stays as it is: VHDX-LOG-017"
    vx replay short.vhdx
    expect 5 VHDX-LOG-003
    vx replay plain.raw
    expect 3 plain.raw
    vx replay missing.vhdx
    expect 3 missing.vhdx
    vx replay damaged.vhdx # nothing to replay; its errors are another matter
    expect 0 "nothing to replay"
    still_untouched
}

@test "replay: an image with other errors" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import vhdx
i = vhdx.Image(blocks=(0, 1, 2))
i.entries[2] = i.entries[1]                      # two blocks share a place, with or without the log
published = i.entries.pop(0)
i.dirty()
i.put_log(0, i.log_entry(11, pages=[(i.bat_off, i.bat_page(0, {0: published}))]))
i.save("both.vhdx")'
    vx replay both.vhdx
    expect 1 "log replayed" "now corrupt"
    vx check both.vhdx
    expect 1 VHDX-BAT-016
    lacks VHDX-LOG-001
}

@test "the three work confined, and not" {
    bytes 4096 >data
    "$VHDXRAY" check --sandbox require plain.vhdx >/dev/null 2>&1 || skip "no sandbox here"
    for s in require off; do
        vx create --sandbox $s new/$s.vhdx --size 8M
        expect 0
        run bash -c "'$VHDXRAY' write --sandbox $s new/$s.vhdx <data"
        expect 0
        vx create --sandbox $s new/$s.avhdx --parent new/$s.vhdx
        expect 0
        cp --sparse=always "$BATS_FILE_TMPDIR/dirty.vhdx" new/dirty.vhdx
        vx replay --sandbox $s new/dirty.vhdx
        expect 4
    done
    is_clean new/*.vhdx
}

@test "help of the three" {
    for c in create write replay; do
        vx $c --help
        expect 0 "vhdxray $c:" "Examples:" "Exit codes:"
        vx help $c
        expect 0 "vhdxray $c:"
    done
    vx --help
    expect 0 "create    OUT" "write     FILE" "replay    FILE"
}
