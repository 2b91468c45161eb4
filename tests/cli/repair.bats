# SPDX-License-Identifier: MIT
# repair and undo: nothing without being asked, nothing lost on the way, everything back. Which fault gets which fix is for
# other tests; here mostly a header and a region table are damaged.

load helper
load disks

setup_file() {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BATS_FILE_TMPDIR" <<'PY'
import os, sys
from vhdx import Image
def image(name, header, table, block=b"\x5a" * 70000):
    i = Image(blocks=())
    i.add_block(0, 6, block)
    i.headers[0].break_crc = header
    i.regions[0].break_crc = table
    i.save(os.path.join(sys.argv[1], name + ".vhdx"))
image("good", False, False)
image("bad", True, True)
PY
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    copy bad
    copy good
    ORIGINAL=$BATS_FILE_TMPDIR/bad.vhdx
}

names() {
    find . -maxdepth 1 -type f ! -name '.*' ! -name 'separate-stderr-*' | LC_ALL=C sort | tr '\n' ' '
}

# interrupted WAY: bad.vhdx as a crash leaves it, in the middle of a repair (applying) or of an undo (undoing): the journal's
# last mark is not there yet, one of the changed ranges is old, the others are new.
interrupted() {
    vx repair bad.vhdx --apply
    expect 4
    cp --sparse=always bad.vhdx "$BATS_TEST_TMPDIR/.repaired"
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$1" "$ORIGINAL" bad.vhdx <<'PY'
import struct, sys
import vhdx
way, original, path = sys.argv[1:]
with open(path + ".vhdxray-journal", "r+b") as j:
    j.seek(0x1000)
    second = j.read(512)
    j.seek(0x2000)
    first = j.read(512)
    assert first[:8] == second[:8] == b"vhdxraym" and struct.unpack_from("<IQ", first, 12) == (1, 1)
    if way == "applying":
        j.seek(0x1000)
        j.write(bytes(512))
    else:                               # the third mark: undoing
        m = bytearray(second)
        struct.pack_into("<IIQ", m, 8, 0, 3, 3)
        struct.pack_into("<I", m, 8, vhdx.crc32c(bytes(m)))
        j.seek(0x2000)
        j.write(m)
with open(path, "r+b") as f, open(original, "rb") as o:
    o.seek(0x30000)
    f.seek(0x30000)
    f.write(o.read(4096))
PY
}

@test "without --apply and --copy there is a plan and no change" {
    untouched bad.vhdx good.vhdx
    vx repair bad.vhdx
    expect 1
    [ -n "$output" ]
    vx repair -f json bad.vhdx
    expect 1
    jq -e .path <<<"$output" >/dev/null
    vx repair good.vhdx
    expect 0
    still_untouched
    [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
}

@test "a copy is repaired, the file is only read" {
    untouched bad.vhdx
    vx repair bad.vhdx --copy new.vhdx
    expect 4
    still_untouched
    vx check -q new.vhdx
    expect 0 CLEAN
    "$VHDXRAY" read new.vhdx | cmp - <("$VHDXRAY" read good.vhdx)
    vx repair good.vhdx --copy none.vhdx
    expect 0
    [ "$(names)" = "./bad.vhdx ./good.vhdx ./new.vhdx " ]
}

@test "a copy is whole or not there, and never replaces what it should not" {
    echo mine >taken.vhdx
    ln good.vhdx other-name.vhdx
    untouched bad.vhdx taken.vhdx good.vhdx
    vx repair bad.vhdx --copy taken.vhdx
    expect 3 "taken.vhdx exists"
    vx repair good.vhdx --force --copy other-name.vhdx
    expect 2 "one of the files that are read"
    vx repair bad.vhdx --copy nowhere/new.vhdx
    expect 3
    run bash -c "ulimit -f 1000; '$VHDXRAY' repair bad.vhdx --copy new.vhdx"
    expect 3 "file too large"
    still_untouched
    [ "$(names)" = "./bad.vhdx ./good.vhdx ./other-name.vhdx ./taken.vhdx " ]
    vx repair bad.vhdx --force --copy taken.vhdx
    expect 4
    vx check -q taken.vhdx
    expect 0
}

@test "in place, and back" {
    vx repair bad.vhdx --apply
    expect 4
    [ -s bad.vhdx.vhdxray-journal ]
    vx_apart check -q bad.vhdx
    expect 0 CLEAN
    [ -z "$stderr" ]
    "$VHDXRAY" read bad.vhdx | cmp - <("$VHDXRAY" read good.vhdx)
    sum=$(sha256sum bad.vhdx.vhdxray-journal)
    vx repair bad.vhdx --apply
    expect 0
    [ "$sum" = "$(sha256sum bad.vhdx.vhdxray-journal)" ]
    vx undo bad.vhdx
    expect 0
    cmp bad.vhdx "$ORIGINAL"
    [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
    vx undo bad.vhdx
    expect 5 "nothing to undo"
    vx_apart undo -f json bad.vhdx
    expect 5
    [ "$(jq -c '[.complete, .undone]' <<<"$output")" = "[false,false]" ]
    cmp bad.vhdx "$ORIGINAL"
}

@test "nothing to do leaves no journal" {
    untouched good.vhdx
    vx repair good.vhdx --apply
    expect 0
    still_untouched
    [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
}

@test "the same through a symbolic link: the journal is beside the file" {
    mkdir store
    mv bad.vhdx store/
    ln -s store/bad.vhdx link.vhdx
    vx repair link.vhdx --apply
    expect 4
    [ -e store/bad.vhdx.vhdxray-journal ]
    vx undo store/bad.vhdx
    expect 0
    cmp store/bad.vhdx "$ORIGINAL"
}

@test "undo says what it did" {
    "$VHDXRAY" repair bad.vhdx --apply >/dev/null || [ $? -eq 4 ]
    vx_apart undo -f json bad.vhdx
    expect 0
    [ "$(jq -c '[.path, .complete, .undone, .journal, .earlier_repair, .size]' <<<"$output")" = \
        "[\"bad.vhdx\",true,true,\"bad.vhdx.vhdxray-journal\",false,$(stat -c %s bad.vhdx)]" ]
}

@test "a repair is not undone when the file was changed since; the place is named" {
    "$VHDXRAY" repair bad.vhdx --apply >/dev/null || [ $? -eq 4 ]
    for place in "65600:header 1" "131080:header 2" "262200:region table 2" "100:the file identifier"; do
        cp --sparse=always bad.vhdx changed.vhdx
        cp bad.vhdx.vhdxray-journal changed.vhdx.vhdxray-journal
        printf '\377' | dd of=changed.vhdx bs=1 seek="${place%%:*}" conv=notrunc status=none
        untouched changed.vhdx changed.vhdx.vhdxray-journal
        vx undo changed.vhdx
        expect 5 "in ${place#*:}" "changed since" "Nothing was changed now"
        still_untouched
    done
    cp --sparse=always bad.vhdx changed.vhdx
    truncate -s +1M changed.vhdx
    untouched changed.vhdx
    vx undo changed.vhdx
    expect 5 "byte $(printf '%#x' "$(stat -c %s bad.vhdx)")"
    still_untouched
    vx undo bad.vhdx
    expect 0
    cmp bad.vhdx "$ORIGINAL"
}

@test "an older journal is kept under a number and undone next" {
    vx repair bad.vhdx --apply
    expect 4
    mv bad.vhdx.vhdxray-journal bad.vhdx.vhdxray-journal.1 # as if a second repair had been undone and then interrupted
    vx repair bad.vhdx --apply
    expect 0
    vx undo bad.vhdx
    expect 0
    cmp bad.vhdx "$ORIGINAL"
    [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
}

@test "everybody tells of an interrupted repair" {
    interrupted applying
    untouched bad.vhdx bad.vhdx.vhdxray-journal
    for command in check info "dump" "map" "hash" "log"; do
        vx_apart $command bad.vhdx
        [[ $stderr == *"bad.vhdx: a repair of it was interrupted"*"vhdxray undo"* ]]
    done
    vx_apart check -f json bad.vhdx
    [ "$(jq -r '.images[0].journal' <<<"$output")" = applying ]
    vx_apart info -f json bad.vhdx
    [ "$(jq -r '.images[0].journal' <<<"$output")" = applying ]
    vx repair bad.vhdx
    expect 5 "half changed"
    vx repair bad.vhdx --copy new.vhdx
    expect 5 "half changed"
    [ ! -e new.vhdx ]
    still_untouched
}

@test "an interrupted repair goes forward" {
    interrupted applying
    vx repair bad.vhdx --apply
    expect 0 "an interrupted repair was finished"
    cmp bad.vhdx .repaired
    vx undo bad.vhdx
    expect 0
    cmp bad.vhdx "$ORIGINAL"
}

@test "an interrupted repair goes back" {
    interrupted applying
    vx undo bad.vhdx
    expect 0 "interrupted repair undone"
    cmp bad.vhdx "$ORIGINAL"
    [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
}

@test "an interrupted undo goes on" {
    for command in "undo bad.vhdx" "write bad.vhdx"; do
        cp --sparse=always "$ORIGINAL" bad.vhdx
        interrupted undoing
        vx check bad.vhdx
        [[ $output == *"an undo of it was interrupted"* ]]
        # shellcheck disable=SC2086
        vx $command </dev/null
        cmp bad.vhdx "$ORIGINAL"
        [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
    done
    interrupted undoing
    vx repair bad.vhdx --apply
    expect 4 "an interrupted undo was finished"
    cmp bad.vhdx .repaired
}

@test "an interrupted repair is finished before other changes" {
    interrupted applying
    vx write bad.vhdx </dev/null
    expect 0 "an interrupted repair was finished"
    cmp bad.vhdx .repaired
    [ -s bad.vhdx.vhdxray-journal ]
}

@test "a journal of another file is not applied to this one" {
    interrupted applying
    vx create other.vhdx --size 1G
    expect 0
    mv bad.vhdx.vhdxray-journal other.vhdx.vhdxray-journal
    untouched other.vhdx other.vhdx.vhdxray-journal
    vx repair other.vhdx --apply
    expect 5 "does not fit its journal"
    vx undo other.vhdx
    expect 5 "does not fit its journal"
    still_untouched
}

@test "a damaged journal is not believed" {
    interrupted applying
    printf '\377' | dd of=bad.vhdx.vhdxray-journal bs=1 seek=12400 conv=notrunc status=none
    untouched bad.vhdx bad.vhdx.vhdxray-journal
    for command in "repair bad.vhdx --apply" "undo bad.vhdx" "replay bad.vhdx"; do
        # shellcheck disable=SC2086
        vx $command
        expect 5 "is damaged, or is no journal"
    done
    still_untouched
}

@test "what is in the journal's place is never lost" {
    echo "Dear diary" >bad.vhdx.vhdxray-journal
    untouched bad.vhdx bad.vhdx.vhdxray-journal
    vx repair bad.vhdx --apply
    expect 5 "is no journal"
    still_untouched
    vx_apart check -f json bad.vhdx
    [ "$(jq -r '.images[0].journal' <<<"$output")" = damaged ]
    rm bad.vhdx.vhdxray-journal
    mkdir bad.vhdx.vhdxray-journal
    vx repair bad.vhdx --apply
    expect 5 "is in the way"
    rmdir bad.vhdx.vhdxray-journal
    echo precious >target
    ln -s target bad.vhdx.vhdxray-journal
    vx repair bad.vhdx --apply
    expect 5 "is in the way"
    [ "$(cat target)" = precious ]
    cmp bad.vhdx "$ORIGINAL"
}

@test "a file that is in use is left alone" {
    vx repair bad.vhdx --apply
    expect 4
    untouched bad.vhdx bad.vhdx.vhdxray-journal
    exec 9<bad.vhdx
    flock -s 9
    for command in "repair bad.vhdx --apply" "undo bad.vhdx" "write bad.vhdx" "replay bad.vhdx"; do
        # shellcheck disable=SC2086
        vx $command </dev/null
        expect 3 "bad.vhdx: is in use"
    done
    vx check bad.vhdx # reading is not in the way
    expect 0
    exec 9<&-
    still_untouched
}

@test "a read-only file is left alone" {
    chmod 444 bad.vhdx
    untouched bad.vhdx
    vx repair bad.vhdx --apply
    expect 3 bad.vhdx
    vx repair bad.vhdx --copy new.vhdx
    expect 4
    still_untouched
    [ "$(names)" = "./bad.vhdx ./good.vhdx ./new.vhdx " ]
    [ -w new.vhdx ]
}

@test "no room for the journal, or for the change: the file is as it was" {
    untouched bad.vhdx
    run bash -c "ulimit -f 20; '$VHDXRAY' repair bad.vhdx --apply" # KiB: less than the journal takes
    expect 3 "file too large" "as it was"
    still_untouched
    [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
    run bash -c "ulimit -f 190; '$VHDXRAY' repair bad.vhdx --apply" # the header can be written, the region table not
    expect 3 "file too large" "as it was"
    cmp bad.vhdx "$ORIGINAL"
    [ "$(names)" = "./bad.vhdx ./good.vhdx " ]
    vx repair bad.vhdx --apply
    expect 4
}

@test "a full disk" {
    mkdir small
    mount -t tmpfs -o size=1M none small 2>/dev/null || skip "needs the right to mount"
    cp --sparse=always bad.vhdx small/
    dd if=/dev/zero of=small/filler bs=4096 2>/dev/null || true
    cp --sparse=always small/bad.vhdx before
    vx repair small/bad.vhdx --apply
    left=$(ls small)
    cmp small/bad.vhdx before || status=99
    umount small
    expect 3 "no space left on device" "as it was"
    [ "$left" = "bad.vhdx
filler" ]
}

@test "words that make no sense" {
    untouched bad.vhdx
    vx repair bad.vhdx --apply --copy new.vhdx
    expect 2
    vx repair bad.vhdx --force
    expect 2
    vx repair bad.vhdx --consent VHDX-BAT-16
    expect 2 "did you mean VHDX-BAT-016?"
    vx repair bad.vhdx --consent VHDX-BAT-016,nothing
    expect 2 "no rule \"nothing\""
    vx repair bad.vhdx --parent a --parent b
    expect 2
    vx repair - <bad.vhdx
    expect 2
    vx repair nothing.vhdx
    expect 3
    vx undo nothing.vhdx
    expect 3
    vx repair bad.vhdx --consent VHDX-BAT-016,VHDX-HDR-002 --consent VHDX-BAT-011
    expect 1
    still_untouched
}

@test "what is not consented to stays; the rest is repaired and can be taken back" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
from vhdx import Image
i = Image(blocks=())
i.add_block(0, 6, b"a" * 4096)
i.add_block(1, 6, b"b" * 4096)
i.entries[1] = i.entries[0]                    # two blocks share a place: one of them lost its data
i.regions[0].break_crc = True
i.save("shared.vhdx")'
    cp --sparse=always shared.vhdx before
    vx repair shared.vhdx
    expect 1 "--consent VHDX-BAT-016"
    vx repair shared.vhdx --apply
    expect 5 "errors remain: VHDX-BAT-016"
    cp --sparse=always shared.vhdx between
    vx check shared.vhdx
    expect 1 VHDX-BAT-016
    lacks VHDX-RGN-002
    vx repair shared.vhdx --consent VHDX-BAT-016 --apply # a second one, with a journal of its own
    expect 4
    [ -e shared.vhdx.vhdxray-journal ]
    [ -e shared.vhdx.vhdxray-journal.1 ]
    vx check -q shared.vhdx
    expect 0
    vx repair shared.vhdx --apply --consent VHDX-BAT-016
    expect 0
    vx undo shared.vhdx
    expect 0 "an earlier repair can be undone as well"
    cmp shared.vhdx between
    vx undo shared.vhdx
    expect 0
    cmp shared.vhdx before
    [ ! -e shared.vhdx.vhdxray-journal ]
    [ ! -e shared.vhdx.vhdxray-journal.1 ]
    vx repair shared.vhdx --copy new.vhdx --consent VHDX-BAT-016
    expect 4
    cmp shared.vhdx before
}

@test "a disk whose start was overwritten with zeros is rescued" {
    vx create story.vhdx --size 24M --type fixed --block-size 1M
    expect 0
    head -c 16M /dev/urandom >data
    "$VHDXRAY" write -q story.vhdx --offset 3M <data
    vx export story.vhdx whole.raw
    expect 0
    # a tool that stopped after 192 KiB: the second header and both region tables are gone
    dd if=/dev/zero of=story.vhdx bs=64K seek=2 count=3 conv=notrunc status=none
    cp --sparse=always story.vhdx wiped.vhdx
    vx check story.vhdx
    expect 1 UNREADABLE VHDX-RGN-001
    vx export story.vhdx no.raw
    expect 3
    vx repair story.vhdx # the plan, which says what has to be allowed
    expect 1 "UNREADABLE" "needs --consent VHDX-RGN-001"
    vx repair story.vhdx --consent VHDX-RGN-001
    expect 1 "repaired it would be: CLEAN" "nothing was changed"
    cmp story.vhdx wiped.vhdx
    vx repair story.vhdx --consent VHDX-RGN-001 --apply
    expect 4 "vhdxray undo story.vhdx"
    vx check -q story.vhdx
    expect 0 CLEAN
    vx export story.vhdx rescued.raw
    expect 0
    cmp rescued.raw whole.raw
    if command -v qemu-img >/dev/null; then
        qemu-img check -q -f vhdx story.vhdx
        qemu-img convert -f vhdx -O raw story.vhdx qemu.raw
        cmp qemu.raw whole.raw
    fi
    vx undo story.vhdx
    expect 0 "repair undone"
    cmp story.vhdx wiped.vhdx
    vx repair wiped.vhdx --consent VHDX-RGN-001 --copy rescued.vhdx
    expect 4
    cmp story.vhdx wiped.vhdx
    vx compare rescued.vhdx rescued.vhdx
    expect 0
    "$VHDXRAY" read rescued.vhdx | cmp - whole.raw
}

@test "reports follow the schema" {
    vx_apart repair -f json bad.vhdx -o plan.json
    expect 1
    vx_apart repair -f jsonl bad.vhdx --copy new.vhdx -o copy.json
    expect 4
    vx_apart repair -f json good.vhdx --apply -o nothing.json
    expect 0
    vx_apart repair -f json bad.vhdx --apply -o applied.json
    expect 4
    vx_apart undo -f json bad.vhdx -o undone.json
    expect 0
    vx_apart undo -f jsonl bad.vhdx -o not-undone.json
    expect 5
    interrupted applying
    vx_apart repair -f json bad.vhdx -o half.json
    expect 5
    vx_apart repair -f json nothing.vhdx -o no-file.json
    expect 3
    valid repair plan.json copy.json nothing.json applied.json half.json no-file.json
    valid undo undone.json not-undone.json
    [ "$(json '[.applied, .copy, .journal, .error != null] | tostring' copy.json)" = '[true,"new.vhdx",null,false]' ]
    [ "$(json '[.applied, .copy, .journal] | tostring' applied.json)" = '[true,null,"bad.vhdx.vhdxray-journal"]' ]
    [ "$(json '[.complete, .applied, .error.message] | tostring' half.json)" = \
        '[false,false,"bad.vhdx: is half changed, so nothing is planned for it"]' ]
    # the bytes are those before, although the report is printed afterwards
    [ "$(json '[.steps[] | select(.rule == "VHDX-RGN-002") | .old.crc32c] | tostring' applied.json)" = \
        "$(json '[.steps[] | select(.rule == "VHDX-RGN-002") | .old.crc32c] | tostring' plan.json)" ]
    [ "$(json '[.steps[] | select(.old == .new)] | length' applied.json)" = 0 ]
}
