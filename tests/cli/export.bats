# SPDX-License-Identifier: MIT
# export: the guest's disk as a raw, sparse file that is whole or not there.

load helper
load disks

setup_file() {
    disks plain same four_k dirty damaged child grandchild wrong_sectors
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    for f in "$BATS_FILE_TMPDIR"/*.vhdx "$BATS_FILE_TMPDIR"/*.raw; do ln -s "$f" .; done
}

# Files made by a test, one per line.
made() {
    find . -type f ! -name '.*' | LC_ALL=C sort
}

# Where they do, nothing is written (share.bats).
files_share() {
    [ "$("$VHDXRAY" export --force -f json plain.vhdx .probe | jq .output.shared_bytes)" -gt 0 ]
}

something_is_written() {
    if files_share; then skip "files share their bytes here"; fi
}

@test "what the guest sees, sparse" {
    for d in plain same four_k; do
        untouched $d.vhdx
        vx export $d.vhdx $d.out
        expect 0
        [ -z "$output" ]
        cmp $d.raw $d.out
        still_untouched
    done
    files_share || [ "$(du -k plain.out | cut -f1)" -le 64 ]
    [ "$(made)" = "./four_k.out
./plain.out
./same.out" ]
}

@test "zeros inside blocks take no space" {
    something_is_written
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import vhdx
i = vhdx.Image(blocks=())
i.add_block(0, 6, b"a" * 4096 + b"\0" * 200000 + b"b")
i.save("zeros.vhdx")'
    vx export zeros.vhdx zeros.out
    expect 0
    [ "$(du -k zeros.out | cut -f1)" -le 12 ]
    "$VHDXRAY" read zeros.vhdx | cmp - zeros.out
}

@test "a dirty log is replayed, or not; the image stays as it was" {
    untouched dirty.vhdx
    vx export dirty.vhdx out
    expect 0
    cmp out dirty.raw
    vx export --no-replay dirty.vhdx out2
    expect 0
    ! cmp -s out2 dirty.raw
    still_untouched
}

@test "chains, named and searched for" {
    vx export --parent base.vhdx child.vhdx out
    expect 0
    cmp out child.raw
    vx export --parent child.vhdx --parent base.vhdx grandchild.vhdx out2
    expect 0
    cmp out2 grandchild.raw
    vx export --parent base.vhdx --parent child.vhdx grandchild.vhdx out5
    expect 3 base.vhdx "DataWriteGuid is "
    vx export --search-dir "$BATS_FILE_TMPDIR" grandchild.vhdx out6
    expect 0
    cmp out6 grandchild.raw
    vx export --search-dir "$BATS_FILE_TMPDIR" child.vhdx out3
    expect 0
    cmp out3 child.raw
    vx export child.vhdx out4
    expect 3 base.vhdx --search-dir
    [ ! -e out4 ]
}

@test "parents that do not fit are refused, both sides named" {
    vx export --parent sectors_parent.vhdx wrong_sectors.vhdx out
    expect 3 "sectors of 4096 bytes" "of 512"
    vx export --parent plain.vhdx child.vhdx out
    expect 3 plain.vhdx "DataWriteGuid is " "parent_linkage is "
    [ ! -e out ]
}

@test "an existing file is kept, unless --force; links lead to their target" {
    echo old >out
    vx export plain.vhdx out
    expect 3 "out exists" --force
    [ "$(cat out)" = old ]
    ln -s out link
    vx export --force plain.vhdx link
    expect 0
    cmp plain.raw out
    [ -L link ]
    vx export --force same.vhdx out
    expect 0
    cmp same.raw out
    ln -s nothing dangling
    vx export plain.vhdx dangling
    expect 3 dangling
}

@test "never onto the image or a parent, by whatever name" {
    mkdir safe
    cp "$BATS_FILE_TMPDIR"/{child,base}.vhdx safe
    cd safe
    ln base.vhdx hard
    ln -s child.vhdx soft
    before=$(sha256sum child.vhdx base.vhdx)
    for out in child.vhdx ./child.vhdx soft base.vhdx hard "$PWD/base.vhdx"; do
        for force in --force --salvage; do
            vx export $force --parent base.vhdx child.vhdx "$out"
            [ "$status" -eq 2 ]
            [[ $output == *"one of the files that are read"* ]]
        done
    done
    vx export --force --parent base.vhdx -o base.vhdx child.vhdx x
    expect 2
    [ "$before" = "$(sha256sum child.vhdx base.vhdx)" ]
    [ ! -e x ]
}

@test "a target that cannot be: folder, missing folder, pipe, device" {
    mkdir folder
    mkfifo pipe
    vx export plain.vhdx folder
    expect 3 "is a directory"
    vx export --force plain.vhdx pipe
    expect 3 "not a regular file"
    vx export --force plain.vhdx /dev/null
    expect 3
    vx export plain.vhdx nowhere/out
    expect 3 "no such file"
    [ -z "$(made)" ]
}

@test "no room: exit 3, nothing is left" {
    run bash -c "ulimit -f 8; '$VHDXRAY' export plain.vhdx out"
    expect 3 "cannot write out"
    run bash -c "'$VHDXRAY' export plain.vhdx - >/dev/full"
    expect 3 "cannot write standard output"
    [ -z "$(made)" ]
}

# From 64 MiB on a thread writes.
@test "a large disk: the same bytes with and without the sandbox, and no room" {
    /usr/bin/python3 -c '
import random
r = random.Random(5)
with open("big.raw", "wb") as f:
    f.truncate(200 << 20)
    for at in range(0, 200 << 20, 2 << 20):
        for part in range(r.randrange(1, 5)):
            f.seek(at + r.randrange(0, 500) * 4096 + r.choice((0, 0, 512)))
            f.write(r.randbytes(r.choice((512, 4096, 70000, 1200000))))
    f.truncate(200 << 20)'
    qemu-img convert -q -f raw -O vhdx -o block_size=1M big.raw big.vhdx
    vx export big.vhdx big.out
    expect 0
    cmp big.raw big.out
    vx export --sandbox off big.vhdx big.off
    expect 0
    cmp big.raw big.off
    "$VHDXRAY" export big.vhdx - | cmp - big.raw
    rm big.raw big.out big.off
    cp big.vhdx kept.vhdx
    run bash -c "ulimit -f 102400; '$VHDXRAY' export big.vhdx out"
    expect 3 "cannot write out"
    cmp big.vhdx kept.vhdx
    rm big.vhdx kept.vhdx
    [ -z "$(made)" ]
}

@test "- is standard output, zeros included" {
    "$VHDXRAY" export plain.vhdx - | cmp - plain.raw
    "$VHDXRAY" export - - <dirty.vhdx | cmp - dirty.raw
    cat dirty.vhdx | "$VHDXRAY" export - - | cmp - dirty.raw
    vx_apart export -f json plain.vhdx -
    expect 2
    [ -z "$output" ]
    "$VHDXRAY" export -f json -o report.json plain.vhdx - | cmp - plain.raw
    valid export report.json
}

@test "damaged: refused before anything is written" {
    vx export damaged.vhdx out
    expect 3 "guest range at 2097152, 4194304 bytes (block 1)" "shares its bytes" "4 ranges in all" --salvage
    [ -z "$(made)" ]
    vx_apart export damaged.vhdx -
    expect 3
    [ -z "$output" ]
    "$VHDXRAY" export -f json damaged.vhdx out >r.json 2>/dev/null || [ $? -eq 3 ]
    valid export r.json
    [ "$(json '.complete, .unreadable.count, (.error.message | contains("block 1"))' r.json | tr '\n' ' ')" = "false 4 true " ]
}

@test "--salvage: the rest is there, what is missing is listed, exit 1" {
    vx export --salvage damaged.vhdx out
    expect 1 "(block 1)" "(block 3)" "VHDX-BAT-012" "(block 4)" "VHDX-BAT-002" "(block 6)" "10485760 bytes in 4 ranges"
    [ "$(stat -c %s out)" -eq $((64 << 20)) ]
    cmp -n $((2 << 20)) out damaged.raw
    cmp -i $((10 << 20)) -n $((2 << 20)) out damaged.raw
    cmp -i $((2 << 20)) -n $((8 << 20)) out <(head -c 10M /dev/zero)
    "$VHDXRAY" export --salvage --force -f json damaged.vhdx out >r.json 2>/dev/null || [ $? -eq 1 ]
    valid export r.json
    [ "$(json '[.unreadable.ranges[] | .fault] | join(" ")' r.json)" = "overlap past_end_of_file invalid_state invalid_offset" ]
    [ "$(json '([.unreadable.ranges[].length] | add) == .unreadable.bytes' r.json)" = true ]
    vx export --salvage plain.vhdx out2
    expect 0
    cmp out2 plain.raw
}

@test "--salvage without the parent: what the child has" {
    vx export --salvage child.vhdx out
    expect 1 "the parent, which is missing"
    cmp -i $((6 << 20)) -n $((1 << 20)) out child.raw
    cmp -i $(((2 << 20) + 2048)) -n 1024 out child.raw
}

@test "a block that the end of the file cuts: with --salvage the part that is there" {
    cp plain.vhdx cut.vhdx
    chmod u+w cut.vhdx
    size=$(stat -Lc %s plain.vhdx)
    truncate -s $((size - (2 << 20) + 4096)) cut.vhdx
    vx export cut.vhdx out
    expect 3 VHDX-BAT-012
    vx export --salvage cut.vhdx out
    expect 1
    cmp -i $((14 << 20)) -n 4096 out plain.raw
}

@test "progress: on standard error, and only when asked for" {
    vx_apart export --progress always plain.vhdx out
    expect 0
    [ -z "$output" ]
    [[ $stderr == *"export: "*" % "* ]] || [[ $stderr == *"export: "*"%"* ]]
    vx_apart export plain.vhdx out2
    [ -z "$stderr" ]
    vx_apart export --progress never plain.vhdx out3
    [ -z "$stderr" ]
}

@test "a file that is written to while it is read is no result" {
    something_is_written
    command -v strace >/dev/null || skip "no strace to slow it down"
    cp plain.vhdx live.vhdx
    chmod u+w live.vhdx
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:delay_enter=300000 "$VHDXRAY" export live.vhdx out 2>err &
    sleep 0.2
    touch live.vhdx
    wait $! && status=0 || status=$?
    [ "$status" -eq 3 ]
    grep -q "changed while it was read" err
    [ ! -e out ]
}

@test "an interrupted export leaves nothing" {
    something_is_written
    command -v strace >/dev/null || skip "no strace to slow it down"
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:delay_enter=2000000 "$VHDXRAY" export plain.vhdx out 2>/dev/null &
    for _ in $(seq 100); do
        compgen -G 'out.*.partial' >/dev/null && break
        sleep 0.05
    done
    name=$(compgen -G 'out.*.partial')
    pid=${name#out.}
    kill -TERM "${pid%.partial}"
    wait || true
    [ -z "$(made)" ]
}

@test "--timeout: exit 6, nothing is left" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TESTS/make_big.py" hole big.vhdx
    run timeout -k 5 60 bash -c "'$VHDXRAY' export --timeout 1 big.vhdx - >/dev/null"
    expect 6 "--timeout"
}

@test "the same bytes twice" {
    vx export plain.vhdx a
    vx export plain.vhdx b
    cmp a b
    [ "$("$VHDXRAY" export -f json --force plain.vhdx a)" = "$("$VHDXRAY" export -f json --force plain.vhdx a)" ]
}

@test "usage" {
    for args in "export" "export plain.vhdx" "export plain.vhdx a b" "export plain.vhdx a --offset 5" "export plain.vhdx a -o a"; do
        # shellcheck disable=SC2086
        vx $args
        expect 2
    done
    [ -z "$(made)" ]
}
