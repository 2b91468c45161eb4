# SPDX-License-Identifier: MIT
# chain: who is whose parent.

load helper
load disks

setup_file() {
    disks plain child grandchild wrong_sectors other_base
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    mkdir d
}

# put NAME [AS]: an image into d
put() {
    cp "$BATS_FILE_TMPDIR/$1.vhdx" "d/${2:-$1.vhdx}"
}

# child_of NAME DW LINKAGE [LINKAGE2 [PATH]]: a small differencing disk in d, GUIDs by number
child_of() {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$@" <<'PY'
import sys, vhdx
from vhdx import MIB, guid
name, dw, linkage = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
i = vhdx.Image(size=4 * MIB, parent=vhdx.Image(), blocks=())
for h in i.headers:
    h.dw = guid(dw)
i.pairs[0] = ("parent_linkage", "{%s}" % guid(linkage))
if len(sys.argv) > 4 and sys.argv[4]:
    i.pairs[4] = ("parent_linkage2", "{%s}" % guid(int(sys.argv[4])))
i.pairs[2] = ("relative_path", sys.argv[5] if len(sys.argv) > 5 else ".\\nobody.vhdx")
i.pairs[1] = ("absolute_win32_path", "C:\\disks\\nobody.vhdx")
i.save("d/" + name)
PY
}

guid() {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c 'import sys, vhdx; print(vhdx.guid(int(sys.argv[1])))' "$1"
}

# verdicts: of all links, from JSON, checked
verdicts() {
    "$VHDXRAY" chain -f jsonl "$@" >r.jsonl 2>err || true
    valid chain r.jsonl
    "$VHDXRAY" chain -f json "$@" >r.json 2>err || true
    valid chain r.json
    json '.files[] | "\(.path | sub("^.*/"; "")) \(.parent.verdict // "-") \(.parent.path // "-" | sub("^.*/"; ""))"' r.json
}

@test "a folder: trees, heads, GUIDs of both sides" {
    put child && put base && put grandchild && put plain
    untouched d/*
    vx chain d
    expect 0 "d/base.vhdx: dynamic, 32 MiB, DataWriteGuid $(guid 2)" "  + d/child.vhdx" "    + d/grandchild.vhdx" ", head" \
        "parent fits: parent_linkage $(guid 40) is the DataWriteGuid of d/child.vhdx" "4 files, 2 heads"
    [ "$(verdicts d)" = "base.vhdx - -
child.vhdx fits base.vhdx
grandchild.vhdx fits child.vhdx
plain.vhdx - -" ]
    [ "$(json '[.files[] | select(.head) | .path] | join(" ")' r.json)" = "d/grandchild.vhdx d/plain.vhdx" ]
    [ "$(json '[.files[].depth] | join(" ")' r.json)" = "0 1 2 0" ]
    still_untouched
}

@test "by content: any name counts, other files do not, folders are not entered" {
    put base no-suffix
    put child c.avhdx
    echo text >d/readme.txt
    mkdir d/deeper
    put plain deeper/plain.vhdx
    mkfifo d/pipe.vhdx
    [ "$(verdicts d)" = "c.avhdx fits no-suffix
no-suffix - -" ]
    vx chain d
    expect 0 "2 files, 1 head"
}

@test "a damaged disk is not passed over" {
    put base
    echo broken >d/broken.vhdx
    vx chain d
    expect 1 "d/broken.vhdx: UNREADABLE" "1 unreadable file"
    verdicts d
    [ "$(json '[.files[] | select(.readable | not) | .path] | join(" ")' r.json)" = d/broken.vhdx ]
}

@test "one file: the parent is missing, its paths and GUID are told" {
    put child
    vx chain d/child.vhdx
    expect 1 "MISSING PARENT" "$(guid 2)" ".\\base.vhdx" "C:\\vm\\parent.vhdx" "1 missing parent"
    [ "$(verdicts d/child.vhdx)" = "child.vhdx missing -" ]
}

@test "--search-dir and --parent: shown only where they are needed" {
    put child && put base && put plain
    mkdir other
    mv d/base.vhdx d/plain.vhdx other
    vx chain --search-dir other d/child.vhdx
    expect 0 "other/base.vhdx" "2 files"
    lacks plain.vhdx
    vx chain --parent other/base.vhdx d
    expect 0 "other/base.vhdx"
    vx chain --parent other/plain.vhdx d/child.vhdx
    expect 1 "WRONG PARENT" "$(guid 2)" "other/plain.vhdx has $(guid 20)"
    vx chain --parent other/missing.vhdx d/child.vhdx
    expect 3 "missing.vhdx: no such file"
    vx chain --search-dir nowhere d/child.vhdx
    expect 3 nowhere
}

@test "a wrong parent: told by its name, both GUIDs named" {
    put child && put other_base base.vhdx
    vx chain d
    expect 1 "WRONG PARENT: it was made from DataWriteGuid $(guid 2); d/base.vhdx has $(guid 50)" "1 bad link"
    expect 1 "what it looks for is the DataWriteGuid of the parent's older header"
    [ "$(verdicts d)" = "base.vhdx - -
child.vhdx guid_mismatch base.vhdx" ]
    mv d/base.vhdx d/BASE.VHDX
    [ "$(verdicts d)" = "BASE.VHDX - -
child.vhdx guid_mismatch BASE.VHDX" ]
}

@test "other sectors, an unreadable parent, parent_linkage2" {
    put wrong_sectors && put sectors_parent
    vx chain d
    expect 1 "sectors of 512 bytes, those of d/sectors_parent.vhdx have 4096"
    [ "$(verdicts d | tail -n 1)" = "wrong_sectors.vhdx sector_size_mismatch sectors_parent.vhdx" ]
    rm d/*
    child_of a.vhdx 60 61 "" ".\\b.vhdx"
    echo broken >d/b.vhdx
    [ "$(verdicts d | head -n 1)" = "a.vhdx unreadable b.vhdx" ]
    rm d/*
    child_of a.vhdx 60 61 20
    put plain
    vx chain d
    expect 0 "parent_linkage2 $(guid 20) is the DataWriteGuid of d/plain.vhdx"
    [ "$(verdicts d | head -n 1)" = "a.vhdx fits_second plain.vhdx" ]
}

@test "cycles, of one, two and many files" {
    child_of self.vhdx 60 60
    child_of a.vhdx 70 71
    child_of b.vhdx 71 70
    child_of c.vhdx 72 71
    for i in $(seq 80 99); do child_of "ring$i.vhdx" "$i" $((i == 99 ? 80 : i + 1)); done
    vx chain d
    expect 1 "CYCLE: its parent d/b.vhdx descends from it" "CYCLE: its parent d/self.vhdx"
    verdicts d >v
    [ "$(grep -c ' cycle ' v)" -eq 23 ]
    grep -qx "c.vhdx fits b.vhdx" v
    [ "$(grep -c "" v)" -eq 24 ]
}

@test "copies of one parent: the one with the remembered name, and the others are counted" {
    put child && put base && put base a-copy.vhdx && put base z-copy.vhdx
    vx chain d
    expect 0 "is the DataWriteGuid of d/base.vhdx, and of 2 other files"
    rm d/base.vhdx
    [ "$(verdicts d)" = "a-copy.vhdx - -
child.vhdx fits a-copy.vhdx
z-copy.vhdx - -" ]
}

@test "one file given twice, or by two names, is one" {
    put base && put child
    ln d/base.vhdx d/hard.vhdx
    vx chain d/child.vhdx d ./d d/base.vhdx
    expect 0 "2 files, 1 head"
}

@test "a long chain" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'PY'
import vhdx, uuid
i = vhdx.Image(size=vhdx.MIB, block=vhdx.MIB, parent=vhdx.Image(), blocks=())
for n in range(300):
    for h in i.headers:
        h.dw = uuid.UUID(int=1000 + n)
    i.pairs[0] = ("parent_linkage", "{%s}" % uuid.UUID(int=999 + n))
    i.locator = None
    i.save("d/%03d.avhdx" % n)
PY
    vx chain d
    expect 1 "TOO DEEP" "MISSING PARENT" "1 missing parent"
    verdicts d >v
    [ "$(grep -c ' too_deep ' v)" -eq 44 ]
    [ "$(grep -c ' missing ' v)" -eq 1 ]
    [ "$(grep -c ' fits ' v)" -eq 255 ]
}

@test "strings of an image do no harm" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'PY'
import vhdx
i = vhdx.Image(parent=vhdx.Image(), blocks=())
i.pairs[0] = ("parent_linkage", "{%s}" % vhdx.guid(90))
i.pairs[2] = ("relative_path", ".\\\x1b]0;x\x07\u2028\u202e.vhdx")
i.save("d/a.vhdx")
PY
    vx chain d
    expect 1 "MISSING PARENT"
    [[ $output != *$'\e'* && $output != *$'\a'* ]]
    verdicts d
}

@test "files that cannot be opened, an empty folder, output errors, usage" {
    put base
    vx chain d/base.vhdx d/missing.vhdx
    expect 3 "missing.vhdx: no such file" "d/base.vhdx: dynamic"
    mkdir empty
    vx chain empty
    expect 0 "0 files, 0 heads"
    run bash -c "'$VHDXRAY' chain d >/dev/full"
    expect 3
    vx chain -o d/base.vhdx d/base.vhdx
    expect 2
    vx chain
    expect 2
    [ "$("$VHDXRAY" chain d)" = "$("$VHDXRAY" chain d)" ]
}
