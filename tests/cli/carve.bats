# SPDX-License-Identifier: MIT
# carve: what is found without following a pointer, what is written out, and what never is; check --deep.

load helper
load disks

setup_file() {
    images clean dirty
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BATS_FILE_TMPDIR" <<'PY'
import os, struct, sys
from vhdx import Image, MIB, guid
folder = sys.argv[1]

def path(name):
    return os.path.join(folder, name + ".vhdx")

# Blocks 0 and 2 are in use; block 1 lost its entry, and holds the start of an XFS file system.
i = Image(blocks=())
i.add_block(0)
i.add_block(1, data=b"XFSB" + struct.pack(">I", 4096) + b"superblock")
i.add_block(2)
del i.entries[1]
i.put_log(0x4000, i.log_entry(40, tail=0x4000, live=guid(60), pages=[(i.bat_off, i.bat_page(0, {1: 6 * MIB | 6}))]))
i.put_log(0x6000, i.log_entry(41, tail=0x4000, live=guid(60), pages=[(i.bat_off, i.bat_page())]))
i.save(path("lost_block"))
# The same without header section: nothing says where anything is.
i.save(path("wiped"), edits=[(0, b"\0" * MIB)])
# Metadata gone as well.
i.save(path("bare"), edits=[(0, b"\0" * MIB), (2 * MIB, b"\0" * MIB)])
PY
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    image=$BATS_FILE_TMPDIR/lost_block.vhdx
    report=$BATS_TEST_TMPDIR/r.json
}

# found IMAGE FILTER: carve -f json IMAGE, checked, through jq
found() {
    "$VHDXRAY" carve -f json "$1" >"$report"
    valid carve "$report"
    jq -c "$2" "$report"
}

@test "everything by kind, in use or lost" {
    vx carve "$image"
    expect 0 "structures in use: metadata at 0x200000, BAT at 0x300000" "headers: 2 found" "region tables: 2 found" \
        "dynamic disk of 64 MiB, blocks of 2 MiB, sectors 512/4096; in use" "log entries: 2 found" \
        "pages in log entries: 2 found" "an XFS file system (signature at 0x600000)"
    [ "$(found "$image" '.totals | [.header, .region_table, .metadata, .bat, .log_entry, .log_page, .orphan]')" = "[2,2,1,1,2,2,1]" ]
    [ "$(jq -c '[.items[].number] == [range(1; 12)]' "$report")" = true ]
    [ "$(jq -c '.items[] | select(.kind == "orphan") | [.offset, .length, .content.key]' "$report")" = '[6291456,1048576,"xfs"]' ]
    [ "$(jq -c '[.items[] | select(.in_use) | .kind] | unique' "$report")" = '["bat","header","metadata","region_table"]' ]
}

@test "the history of the BAT: by session and sequence number, against today" {
    [ "$(found "$image" '.items[] | select(.kind == "log_page") | [.sequence_number, .structure, .today, .bat.changes]')" = \
'["0x28","bat","different",[{"index":1,"then":"0x600006","now":"0x0"}]]
["0x29","bat","same",[]]' ]
    [ "$(jq -r '[.items[] | select(.kind == "log_entry") | .state] | unique[]' "$report")" = stale ]
    vx carve --kind log_page "$image"
    expect 0 "entry 1 was fully_present at 0x600000 and is not_present"
    lacks "headers:"
}

@test "without a header section: metadata and BAT are found, and tell what is in use" {
    w=$BATS_FILE_TMPDIR/wiped.vhdx
    [ "$(found "$w" '[.structures.source, .structures.metadata_offset, .structures.bat_offset, .structures.virtual_size]')" = \
        '["assumed",2097152,3145728,67108864]' ]
    [ "$(jq -c '[.items[] | select(.kind == "orphan") | .offset]' "$report")" = "[6291456]" ]
    [ "$(jq -c '[.items[] | select(.kind == "log_entry" or .kind == "log_page")] | length' "$report")" = 4 ]
    vx carve "$w"
    expect 0 "lead to no BAT" "metadata found at 0x200000 and the BAT found at 0x300000"
    vx carve "$BATS_FILE_TMPDIR/bare.vhdx"
    expect 0 "no BAT is known"
}

@test "any file will do" {
    head -c 100000 /dev/urandom >noise
    : >empty
    vx carve noise
    expect 0 "no BAT is known"
    vx carve empty
    expect 0 "file of 0 bytes"
    run bash -c "head -c 3M '$image' | '$VHDXRAY' carve -f json -"
    expect 0 '"kind":"metadata"'
    vx carve nothing-here
    expect 3 "nothing-here"
    vx carve .
    expect 3 "directory"
}

@test "lines of JSON; a filter keeps the numbers" {
    "$VHDXRAY" carve -f jsonl "$image" >"$report"
    valid carve "$report"
    [ "$(wc -l <"$report")" = 11 ]
    n=$(jq 'select(.kind == "orphan") | .number' "$report")
    "$VHDXRAY" carve -f jsonl --kind orphan,bat "$image" >"$report"
    valid carve "$report"
    [ "$(jq -r '.kind' "$report" | tr '\n' ' ')" = "bat orphan " ]
    [ "$(jq 'select(.kind == "orphan") | .number' "$report")" = "$n" ]
    "$VHDXRAY" carve -f jsonl --item "1,$n" --kind orphan "$image" >"$report"
    [ "$(jq -c .number "$report")" = "$n" ]
}

@test "extraction: the bytes, by offset, once" {
    vx carve --extract out "$image"
    expect 0 "-> 0x000000600000-orphan.bin"
    [ "$(find out -type f | wc -l)" = 11 ]
    cmp -n 1048576 -i 6291456:0 "$image" out/0x000000600000-orphan.bin
    cmp -n 4096 -i 65536:0 "$image" out/0x000000010000-header.bin
    cmp -n 65536 -i 262144:0 "$image" out/0x000000040000-region_table.bin
    cmp -n 1048576 -i 2097152:0 "$image" out/0x000000200000-metadata.bin
    cmp -n 8192 -i $((0x104000)):0 "$image" out/0x000000104000-log_entry.bin
    # The logged page is what the BAT was: the entry of block 1, and the bytes that the log keeps elsewhere.
    page=out/0x000000105000-log_page-for-0x000000300000.bin
    [ "$(stat -c %s $page)" = 4096 ]
    [ "$(od -An -tx8 -N24 $page | tr -s ' \n' ' ')" = " 0000000000400006 0000000000600006 0000000000800006 " ]
    # Zeros take no room.
    [ "$(stat -c %b out/0x000000600000-orphan.bin)" -le 16 ]
    # Never over what is there: nothing changes, and it is said.
    (cd out && sha256sum -- *) >sums
    echo mine >out/0x000000600000-orphan.bin
    vx carve --kind orphan --extract out "$image"
    expect 3 "0x000000600000-orphan.bin: file exists"
    [ "$(cat out/0x000000600000-orphan.bin)" = mine ]
    [ "$(find out -name '*.partial' | wc -l)" = 0 ]
}

@test "extraction behind the sandbox, with a report in a file" {
    vx carve --sandbox require -f json -o "$report" --extract out "$image"
    if [[ $output == *"--sandbox require: "* ]]; then skip "$output"; fi
    expect 0
    valid carve "$report"
    [ "$(jq -r '.items[].file' "$report" | sort)" = "$(ls out | sort)" ]
    vx carve --sandbox require --extract out "$image"
    expect 3 "file exists"
    [ "$(find out -name '*.partial' | wc -l)" = 0 ]
}

@test "an interrupted extraction leaves nothing half" {
    cp --sparse=always "$image" large.vhdx
    dd if=/dev/urandom of=large.vhdx bs=1M seek=20 count=200 conv=notrunc status=none
    "$VHDXRAY" carve --kind orphan --extract out large.vhdx >/dev/null 3>&- &
    pid=$!
    for _ in $(seq 200); do
        compgen -G 'out/*.partial' >/dev/null && break
        sleep 0.005
    done
    kill -TERM $pid 2>/dev/null || true
    wait $pid || true
    [ "$(find out -name '*.partial' | wc -l)" = 0 ]
}

@test "extraction: only what was chosen, only in the folder, through no link" {
    n=$(found "$image" '.items[] | select(.kind == "metadata") | .number')
    mkdir elsewhere
    ln -s elsewhere link
    echo precious >target
    ln -s ../target elsewhere/0x000000200000-metadata.bin
    vx carve --item "$n" --extract link "$image"
    expect 3 "file exists"
    [ "$(cat target)" = precious ]
    vx carve --item "$n" --extract new "$image"
    expect 0
    [ "$(ls new)" = 0x000000200000-metadata.bin ]
    vx carve --extract "$image" "$image"
    expect 3 "not a directory"
    vx carve --extract a/b/c "$image"
    expect 3 "a/b/c"
    if [ "$(id -u)" != 0 ]; then
        mkdir -m 555 shut
        vx carve --extract shut "$image"
        expect 3 "permission denied"
    fi
}

@test "no room: said, and nothing half is left" {
    if [ "$(id -u)" != 0 ] || ! mkdir small || ! mount -t tmpfs -o size=64k none small 2>/dev/null; then
        skip "needs a mount"
    fi
    # The BAT is a MiB of zeros but for its first page, the copy takes a page; a file of random bytes takes all of it.
    cp --sparse=always "$image" full.vhdx
    dd if=/dev/urandom of=full.vhdx bs=1M seek=7 count=1 conv=notrunc status=none
    run timeout 60 "$VHDXRAY" carve --kind orphan --extract small full.vhdx
    left=$(find small -type f | wc -l)
    umount small
    expect 3 "no space left on device"
    [ "$left" = 1 ] || [ "$left" = 0 ]
}

@test "the file is not touched" {
    cp --sparse=always "$image" here.vhdx
    untouched here.vhdx
    vx carve --extract out here.vhdx
    expect 0
    still_untouched
}

@test "mistakes are named" {
    vx carve --kind headers "$image"
    expect 2 "did you mean header"
    vx carve --item 0 "$image"
    expect 2 "--item"
    vx carve --item 5-3 "$image"
    expect 2 "--item"
    vx carve --item 99 "$image"
    expect 3 "the last one is 11"
    vx carve
    expect 2
    vx carve "$image" "$image"
    expect 2
    vx carve -o "$image" "$image"
    expect 2
    run bash -c "'$VHDXRAY' carve '$image' >/dev/full"
    expect 3
}

@test "blocks in use can be left out" {
    "$VHDXRAY" carve -f json "$image" >with
    "$VHDXRAY" carve -f json --no-payload "$image" >without
    [ "$(jq .left_out_bytes with)" = 0 ]
    [ "$(jq .left_out_bytes without)" -gt 0 ]
    [ "$(jq -c .totals with)" = "$(jq -c .totals without)" ]
}

@test "limits: memory and time leave a partial result, exit 6" {
    head -c 60M /dev/urandom >noise
    vx carve --max-memory 1M noise
    expect 6 "stopped by --max-memory"
    truncate -s 12T sparse 2>/dev/null || truncate -s 1T sparse
    cat noise 1<>sparse
    vx carve sparse
    expect 0 "60 MiB of data looked at"
}

@test "progress goes to standard error, when asked" {
    run --separate-stderr timeout 60 "$VHDXRAY" carve --progress always "$image"
    expect 0
    [[ $stderr == *carve:* ]]
    run --separate-stderr timeout 60 "$VHDXRAY" carve "$image"
    [ -z "$stderr" ]
}

@test "check --deep evaluates all; without it the rules about content say so" {
    "$VHDXRAY" check -f json "$image" >"$report"
    valid check "$report"
    [ "$(jq -r '.images[0].rules.not_evaluated[] | select(.reason | test("--deep")) | .rule' "$report" | tr '\n' ' ')" = \
        "VHDX-BAT-031 VHDX-SBM-009 VHDX-FOR-004 VHDX-FOR-005 VHDX-FOR-007 " ]
    "$VHDXRAY" check --deep -f json "$image" >"$report"
    valid check "$report"
    [ "$(jq '.images[0].rules.not_evaluated | length' "$report")" = 0 ]
    [ "$(jq -c '.images[0].findings[] | select(.rule == "VHDX-FOR-004" or .rule == "VHDX-FOR-005") | [.rule, .offset, .length]' "$report")" = \
'["VHDX-FOR-004",6291456,1048576]
["VHDX-FOR-005",6291456,1048576]' ]
    vx check --deep "$image"
    expect 0 CLEAN "the content of blocks and of free space" "all evaluated"
    run --separate-stderr timeout 60 "$VHDXRAY" check --deep --progress always "$image"
    expect 0
}

@test "check --deep reads the replayed view" {
    # The log publishes block 1 of the dirty image: its place is no orphan.
    "$VHDXRAY" check --deep -f json "$BATS_FILE_TMPDIR/dirty.vhdx" >"$report" || [ $? -eq 1 ]
    [ "$(jq '[.images[0].findings[] | select(.rule == "VHDX-FOR-004")] | length' "$report")" = 0 ]
    "$VHDXRAY" check --deep --no-replay -f json "$BATS_FILE_TMPDIR/dirty.vhdx" >"$report" || [ $? -eq 1 ]
    [ "$(jq '[.images[0].findings[] | select(.rule == "VHDX-FOR-004")] | length' "$report")" = 1 ]
}
