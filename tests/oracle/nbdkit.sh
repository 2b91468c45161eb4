#!/bin/bash
# SPDX-License-Identifier: MIT
# What NBD clients get from the nbdkit plugin: the bytes that `vhdxray export` writes, that qemu-img reads from a replayed
# copy, and that the second writer of images (tests/vhdx.py) put in; holes as holes; refusals with their reason.
#
#   VHDXRAY=build/release/vhdxray tests/oracle/nbdkit.sh
#
# Prints a line per check, last `N passed, N failed`. Exit 77 when nbdkit or its clients are missing. VHDXRAY_IMAGES: folder
# of real images, for one more dirty one.
set -u
tests=$(cd "$(dirname "$0")/.." && pwd)
VHDXRAY=$(realpath "${VHDXRAY:-$tests/../build/release/vhdxray}")
plugin=${VHDXRAY%/*}/nbdkit-vhdxray-plugin.so
for program in nbdkit nbdcopy nbdinfo qemu-img qemu-io jq; do
    command -v $program >/dev/null || { echo "no $program"; exit 77; }
done
[ -e "$plugin" ] || { echo "no $plugin: run ninja nbdkit"; exit 77; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit
. "$tests/checks.sh"

# serve PARAMETER... -- SCRIPT: runs the script, which finds the server in $uri
serve() {
    local parameters=()
    while [ "$1" != -- ]; do parameters+=("$1"); shift; done
    timeout -k 5 120 nbdkit -f -U - "$plugin" "${parameters[@]}" --run "$2"
}

# Two raw disks; what is a hole in both is not read, of which large ones mostly are.
same_disk() {
    [ "$(stat -c %s "$1")" = "$(stat -c %s "$2")" ] && qemu-img compare -q -f raw -F raw "$1" "$2"
}

copies_as() {       # copies_as RAW PARAMETER...
    local raw=$1
    shift
    rm -f copy.raw
    serve "$@" -- 'nbdcopy "$uri" copy.raw' && same_disk copy.raw "$raw"
}

refuses() {         # refuses TEXT PARAMETER...: does not start, and says so
    local text=$1 out
    shift
    if out=$(serve "$@" -- true 2>&1); then echo "it started"; return 1; fi
    [[ $out == *"$text"* ]] || { echo "$out"; echo "does not contain: $text"; return 1; }
}

untouched() {       # untouched FILE COMMAND...
    local file=$1 before
    shift
    before=$(sha256sum "$file"; stat -c '%s %y %z' "$file")
    "$@" && [ "$before" = "$(sha256sum "$file"; stat -c '%s %y %z' "$file")" ]
}

map_is() {          # map_is 'OFFSET LENGTH TYPE ...' PARAMETER...
    local want=$1 got
    shift
    got=$(serve "$@" -- 'nbdinfo --map --json "$uri"' | jq -r '.[] | "\(.offset) \(.length) \(.type)"' | xargs)
    [ "$got" = "$want" ] || { echo "$got"; echo "expected $want"; return 1; }
}

PYTHONPATH=$tests PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'PY' || exit
import random
import vhdx
from vhdx import Image, MIB, guid

rnd = random.Random(5)
def raw(name, size, pieces):
    with open(name, "wb") as f:
        for off, data in pieces:
            f.seek(off)
            f.write(data)
        f.truncate(size)

# Block 1 is in the log's page only; block 4 and the disk's end are not there at all.
data = {b: rnd.randbytes(2 * MIB) for b in (0, 1, 2, 5)}
i = Image(size=15 * MIB + 512, blocks=())
for b in data:
    i.add_block(b, 6, data[b])
published = i.entries.pop(1)
i.dirty()
i.put_log(0, i.log_entry(11, pages=[(i.bat_off, i.bat_page(0, {1: published}))]))
i.save("dirty.vhdx")
raw("dirty.raw", i.size, [(2 * MIB * b, data[b]) for b in data])
raw("stored.raw", i.size, [(2 * MIB * b, data[b]) for b in data if b != 1])

# Two levels. Bit n of a sector bitmap is sector n of the chunk; a block has 4096 sectors, 512 bytes of bits.
base = Image(size=12 * MIB, blocks=())
layers = [bytearray(base.size) for _ in range(3)]
def full(image, level, block):
    d = rnd.randbytes(2 * MIB)
    image.add_block(block, 6, d)
    layers[level][2 * MIB * block:2 * MIB * (block + 1)] = d
for b in (0, 1, 3):
    full(base, 0, b)
base.save("base.vhdx")

def child(parent, name, level, states, write_id):
    layers[level][:] = layers[level - 1]
    image = Image(size=base.size, parent=parent, blocks=())
    for h in image.headers:
        h.dw = guid(write_id)
    image.pairs = [("parent_linkage", "{%s}" % parent.headers[1].dw), ("relative_path", ".\\" + name)]
    bits = bytearray(512 * 6)
    for block, state in states:
        if state == 6:
            full(image, level, block)
            continue
        d = bytearray(2 * MIB)
        for sector in rnd.sample(range(4096), 300) + [0, 4095]:
            s = rnd.randbytes(512)
            d[512 * sector:512 * sector + 512] = s
            at = 2 * MIB * block + 512 * sector
            layers[level][at:at + 512] = s
            bits[512 * block + sector // 8] |= 1 << sector % 8
        image.add_block(block, 7, bytes(d))
    image.add_bitmap(0, bytes(bits))
    return image

middle = child(base, "base.vhdx", 1, ((0, 7), (1, 6), (4, 7)), 50)
middle.save("middle.avhdx")
top = child(middle, "middle.avhdx", 2, ((0, 7), (3, 7), (5, 6)), 51)
top.save("top.avhdx")
raw("top.raw", base.size, [(0, layers[2])])

i = Image(size=12 * MIB, blocks=(0, 1, 2))
i.entries[1] = (1 << 40) | 6
i.save("damaged.vhdx")
Image(size=12 * MIB, blocks=(0, 3), sector=4096).save("big.vhdx")
other = Image(size=12 * MIB)
for h in other.headers:
    h.dw = guid(90)
other.save("other.vhdx")
Image(size=1 << 46, block=MIB, blocks=()).save("empty.vhdx")
open("text", "w").write("This is no disk.\n")
PY

# ---- bytes ----

check 'dirty image as its log says' copies_as dirty.raw dirty.vhdx
check 'dirty image stays as it was' untouched dirty.vhdx serve dirty.vhdx -- 'nbdcopy "$uri" null:'
check 'dirty image as stored' copies_as stored.raw dirty.vhdx no-replay=true
cp dirty.vhdx replayed.vhdx
check 'qemu-img replays a copy' qemu-img check -q -r all replayed.vhdx
check 'qemu-img reads the same from it' eval 'qemu-img convert -O raw replayed.vhdx qemu.raw && cmp qemu.raw dirty.raw'
check 'export writes the same' eval '"$VHDXRAY" export dirty.vhdx export.raw && cmp export.raw dirty.raw'

check 'two-level chain, parents named' copies_as top.raw top.avhdx parent=middle.avhdx parent=base.vhdx
check 'two-level chain, parents looked for' copies_as top.raw file=top.avhdx search-dir=.
check 'two-level chain, one connection' serve top.avhdx search-dir=. -- 'nbdcopy --connections=1 "$uri" - | cmp - top.raw'
check 'two-level chain, ends of odd requests' serve top.avhdx search-dir=. -- \
    'nbdcopy --request-size=32768 --connections=4 "$uri" - | cmp - top.raw'
check 'two-level chain, another client' serve top.avhdx search-dir=. -- \
    'rm -f x.raw; qemu-img convert -f raw -O raw "$uri" x.raw && cmp x.raw top.raw'
check 'two-level chain, export writes the same' eval \
    '"$VHDXRAY" export --parent middle.avhdx --parent base.vhdx top.avhdx export2.raw && cmp export2.raw top.raw'

if [ -e "${VHDXRAY_IMAGES-}/iotest-dirtylog-10G-4M.vhdx" ]; then
    real=$VHDXRAY_IMAGES/iotest-dirtylog-10G-4M.vhdx
    cp --sparse=always "$real" r.vhdx
    qemu-img check -q -r all r.vhdx
    qemu-img convert -O raw r.vhdx r.raw
    check 'real dirty image as qemu-img reads it replayed' copies_as r.raw "$real"
    check 'real dirty image: export writes the same' eval '"$VHDXRAY" export "$real" re.raw && same_disk re.raw r.raw'
    rm -f r.raw re.raw copy.raw
fi

# ---- holes ----

check 'map: blocks that are not there are holes' map_is \
    "0 6291456 0 6291456 4194304 3 10485760 2097152 0 12582912 3146240 3" dirty.vhdx
check 'map: 64 TiB of nothing' map_is "0 $((1 << 46)) 3" empty.vhdx
check 'map: holes of the host under a fixed block' serve big.vhdx -- \
    '[ "$(nbdinfo --map --totals "$uri" | grep -c data)" = 1 ] && nbdinfo --map=base:allocation "$uri" | grep -q hole,zero'
check 'copy keeps the holes' eval 'serve dirty.vhdx -- "nbdcopy \"\$uri\" sparse.raw" &&
    [ "$(stat -c %b sparse.raw)" -le $((8 * 4096 + 64)) ]'

# ---- the server ----

check 'read-only' serve dirty.vhdx -- 'nbdinfo --is read-only "$uri" && ! qemu-io -f raw -c "write 0 512" "$uri"'
check 'several connections' serve dirty.vhdx -- 'nbdinfo --can multi-conn "$uri"'
check 'not rotational' serve dirty.vhdx -- '! nbdinfo --is rotational "$uri"'
check 'block sizes' serve big.vhdx -- \
    '[ "$(nbdinfo --json "$uri" | jq -c ".exports[0] | [.block_size_minimum, .block_size_preferred]")" = "[1,4096]" ]'
check 'a damaged block is an I/O error, the rest is served' serve damaged.vhdx -- \
    'qemu-io -r -f raw -c "read 0 2M" -c "read 4M 2M" "$uri" && ! qemu-io -r -f raw -c "read 2M 512" "$uri"'
check 'the reason is logged' eval 'serve damaged.vhdx -- "qemu-io -r -f raw -c \"read 2M 512\" \"\$uri\"" 2>&1 |
    grep -q "past the end of the file"'
check 'a damaged block is no hole' serve damaged.vhdx -- 'nbdinfo --map --json "$uri" |
    jq -e "[.[] | select(.offset < 4194304 and .offset + .length > 2097152)] | length > 0 and all(.type == 0)"'
cp dirty.vhdx moving.vhdx
check 'a file that changes is not served to newcomers' serve moving.vhdx -- \
    'nbdinfo --size "$uri" && printf x >>moving.vhdx && ! nbdinfo --size "$uri"'

check 'no file: refused' refuses 'file=PATH is needed'
check 'missing file: refused' refuses 'none.vhdx' none.vhdx
check 'no VHDX: refused' refuses 'text' text
check 'missing parent: refused and named' refuses 'middle.avhdx' top.avhdx
check 'missing grandparent: refused and named' refuses 'base.vhdx' top.avhdx parent=middle.avhdx
check 'wrong parent: refused with both GUIDs' eval '
    refuses "$(/usr/bin/python3 -c "import sys; sys.path.insert(0, \"$tests\"); import vhdx; print(vhdx.guid(90))")" \
        middle.avhdx parent=other.vhdx &&
    refuses "$(/usr/bin/python3 -c "import sys; sys.path.insert(0, \"$tests\"); import vhdx; print(vhdx.guid(2))")" \
        middle.avhdx parent=other.vhdx'
check 'missing search folder: refused' refuses 'nowhere' dirty.vhdx search-dir=nowhere
check 'unknown parameter: refused' refuses 'unknown parameter' dirty.vhdx speed=fast
check 'file twice: refused' refuses 'twice' dirty.vhdx file=top.avhdx

finish
