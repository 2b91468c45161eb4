# SPDX-License-Identifier: MIT
# `metadump`: what it says, what it refuses, chains, and places where names hide. Every case image: oracle/metadump.py.

load helper

setup_file() {
    images clean corrupt dirty child greedy
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "metadump: small, without payload, with the same verdict" {
    copy corrupt
    vx metadump corrupt.vhdx -o small.vhdx
    expect 0 "small.vhdx: metadata of corrupt.vhdx" "GUIDs and" "checked: corrupt, and the same rules speak"
    [ "$(stat -c %s small.vhdx)" -eq "$(stat -c %s corrupt.vhdx)" ]
    [ "$(du -k small.vhdx | cut -f 1)" -lt 512 ]
    "$VHDXRAY" check -f json corrupt.vhdx | jq '[.images[0].findings[].rule] - ["VHDX-FILE-009", "VHDX-BAT-032"]' >a || true
    "$VHDXRAY" check -f json small.vhdx | jq '[.images[0].findings[].rule] - ["VHDX-FILE-009", "VHDX-BAT-032"]' >b || true
    cmp a b
    vx metadump -q corrupt.vhdx -o other.vhdx
    expect 0
    [ -z "$output" ]
    cmp small.vhdx other.vhdx
}

@test "metadump: nothing of the guest is left, also where the log holds it" {
    copy clean
    seq 100000 | head -c 64K | "$VHDXRAY" write clean.vhdx --offset 0 >x
    "$VHDXRAY" metadump -q clean.vhdx -o small.vhdx
    run ! grep -qa 12345 small.vhdx
    "$VHDXRAY" export small.vhdx small.raw
    [ "$(tr -d '\0' <small.raw | wc -c)" -eq 0 ]
    # A page of a payload block in the log: it is the guest's too.
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'PY'
from vhdx import Image
i = Image()
i.dirty()
i.put_log(0, i.log_entry(11, pages=[(i.entries[0] >> 20 << 20, b"SECRET-PAYLOAD--" * 256)]))
i.save("page.vhdx")
PY
    grep -qa SECRET-PAYLOAD page.vhdx
    vx metadump page.vhdx -o page-small.vhdx
    expect 0 "1 page in the log left out" "the same rules speak"
    run ! grep -qa SECRET page-small.vhdx
}

@test "metadump: names and GUIDs go, equal ones stay equal, and a chain still fits" {
    copy child
    cp --sparse=always "$BATS_FILE_TMPDIR/parent.vhdx" .
    "$VHDXRAY" metadump -q child.vhdx -o c.vhdx
    "$VHDXRAY" metadump -q parent.vhdx -o p.vhdx
    old=$("$VHDXRAY" info -f json child.vhdx | jq -r '.images[0].facts.parent.linkage')
    new=$("$VHDXRAY" info -f json c.vhdx | jq -r '.images[0].facts.parent.linkage')
    [ "$old" != "$new" ]
    [ "$new" = "$("$VHDXRAY" info -f json p.vhdx | jq -r '.images[0].facts.headers[] | select(.current) | .data_write_guid')" ]
    "$VHDXRAY" check -f json --parent p.vhdx c.vhdx | jq -r '.images[0].findings[].rule' | sort >a || true
    "$VHDXRAY" check -f json --parent parent.vhdx child.vhdx | jq -r '.images[0].findings[].rule' | sort >b || true
    run grep -c CHAIN-003 a
    [ "$output" = 0 ]
    for f in child parent; do
        run ! grep -qai "$(printf %s "$f" | sed 's/./&\\x00/g')vhdx" c.vhdx
    done
    "$VHDXRAY" info -f json c.vhdx | jq -e '.images[0].facts.parent.paths | to_entries | all(.value | test("vhdx$"))' >x
    "$VHDXRAY" metadump -q --no-redact child.vhdx -o n.vhdx
    [ "$("$VHDXRAY" info -f json n.vhdx | jq -r '.images[0].facts.parent.linkage')" = "$old" ]
}

@test "metadump: names in old log pages, user items and unused places" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'PY'
from vhdx import MIB, Image, guid
p = Image(blocks=(0,))
p.save("p.vhdx")
i = Image(parent=p, blocks=())
i.pairs[2] = ("relative_path", "..\\Moonshot\\base.vhdx")
i.items.append([guid(4711), 0x20000, 16, 1, 0])                 # a user item
old = bytearray(i.metadata()[0x10000:0x11000])                  # a page of an older time, with an older name
old = old.replace("Moonshot".encode("utf-16-le"), "Sunlight".encode("utf-16-le"))
i.put_log(0, i.log_entry(5, pages=[(2 * MIB + 0x10000, bytes(old))], live=guid(321)))
i.save("i.vhdx")
data = bytearray(open("i.vhdx", "rb").read())
data[0x60000:0x60010] = b"hidden here 1234"
data[2 * MIB + 0x20000:2 * MIB + 0x20010] = "Jane Doe".encode("utf-16-le")
open("i.vhdx", "wb").write(data)
PY
    vx metadump i.vhdx -o s.vhdx
    expect 0 "the same rules speak"
    for word in Moonshot Sunlight Jane base; do
        pattern=$(printf %s "$word" | sed 's/./&\\x00/g')
        grep -qaP "$pattern" i.vhdx
        run ! grep -qaiP "$pattern" s.vhdx
    done
    run ! grep -qa "hidden here" s.vhdx
    "$VHDXRAY" check -f json s.vhdx >s.json || [ $? -eq 1 ]
    jq -e '[.images[0].findings[].rule] | contains(["VHDX-HDR-029", "VHDX-FOR-001", "VHDX-META-044"])' s.json >x
}

@test "metadump: JSON, and what is refused" {
    copy clean
    "$VHDXRAY" metadump -f json clean.vhdx -o s.vhdx >d.json
    valid metadump d.json
    [ "$(jq -c '[.complete, .redacted, .verdict, .copy_verdict, .rules_lost, .rules_added]' d.json)" = '[true,true,"clean","clean",[],[]]' ]
    "$VHDXRAY" metadump -f json missing.vhdx -o t.vhdx >e.json 2>/dev/null || [ $? -eq 3 ]
    valid metadump e.json
    [ ! -e t.vhdx ]
    vx metadump clean.vhdx
    expect 2 "needs -o SMALL"
    vx metadump clean.vhdx -o s.vhdx
    expect 3 "s.vhdx"
    vx metadump --force clean.vhdx -o s.vhdx
    expect 0
    vx metadump --force clean.vhdx -o clean.vhdx
    expect 2 "the file that is read"
    cp clean.vhdx before.vhdx
    ln -s clean.vhdx link.vhdx
    vx metadump --force clean.vhdx -o link.vhdx
    expect 2
    cmp clean.vhdx before.vhdx
    vx metadump clean.vhdx -o nowhere/s.vhdx
    expect 3
    vx metadump clean.vhdx -o -
    expect 2
    run bash -c 'ls -A | grep partial'
    [ -z "$output" ]
}

@test "metadump: from a pipe, of nothing, of something else" {
    copy clean
    "$VHDXRAY" metadump -q - -o a.vhdx <clean.vhdx
    "$VHDXRAY" metadump -q clean.vhdx -o b.vhdx
    cmp a.vhdx b.vhdx
    : >empty.vhdx
    vx metadump empty.vhdx -o e.vhdx
    expect 0 "unreadable"
    { printf 'conectix'; seq 100000 | head -c 2M; } >other.vhd
    vx metadump other.vhd -o o.vhdx
    expect 0 "unreadable, and the same rules speak"
    run ! grep -qa 1234 o.vhdx
}

@test "metadump: confined, and limits leave nothing behind" {
    copy clean
    vx metadump --sandbox require clean.vhdx -o s.vhdx
    [[ $status -eq 0 || $output == *"a sanitizer build runs without"* ]]
    copy greedy
    vx metadump --max-memory 1M greedy.vhdx -o t.vhdx
    expect 6 "max-memory"
    [ ! -e t.vhdx ]
    run bash -c 'ls -A | grep partial'
    [ -z "$output" ]
}
