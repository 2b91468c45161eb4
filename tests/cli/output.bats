# SPDX-License-Identifier: MIT
# Where reports go: -o writes all or nothing and never onto an image; write errors are noticed.

load helper

setup_file() {
    images clean corrupt child
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    copy clean
    copy corrupt
}

@test "-o writes the report, and nothing else" {
    "$VHDXRAY" check -f json corrupt.vhdx >want.json || [ $? -eq 1 ]
    vx check -f json -o report.json corrupt.vhdx
    expect 1
    [ -z "$output" ]
    cmp want.json report.json
    [ "$(ls | tr '\n' ' ')" = "clean.vhdx corrupt.vhdx report.json want.json " ]
    vx rules --output=rules.txt
    expect 0
    [ -s rules.txt ]
}

@test "-o replaces an older report, also through --output=FILE" {
    echo old >report.txt
    vx check --output=report.txt clean.vhdx
    expect 0
    grep -q "clean.vhdx: CLEAN" report.txt
}

@test "-o refuses an input by any name" {
    ln -s clean.vhdx soft.vhdx
    ln clean.vhdx hard.vhdx
    before=$(sha256sum clean.vhdx)
    for name in clean.vhdx ./clean.vhdx soft.vhdx hard.vhdx "$PWD/clean.vhdx"; do
        vx check -o "$name" clean.vhdx
        expect 2 "one of the files that are read"
        vx check -f json -o "$name" corrupt.vhdx clean.vhdx
        expect 2
        vx dump -o "$name" clean.vhdx
        expect 2
        vx log -o "$name" clean.vhdx
        expect 2
    done
    echo clean.vhdx >list
    vx check --files-from list -o hard.vhdx
    expect 2
    vx check --files-from list -o list
    expect 2
    [ "$before" = "$(sha256sum clean.vhdx)" ]
    [ "$(cat list)" = clean.vhdx ]
    [ -L soft.vhdx ]
}

@test "-o refuses a parent, named or found" {
    copy child child.avhdx
    cp "$BATS_FILE_TMPDIR/parent.vhdx" parent.vhdx
    before=$(sha256sum parent.vhdx)
    vx check --parent parent.vhdx -o ./parent.vhdx child.avhdx
    expect 2 "one of the files that are read"
    vx check --search-dir . -o ./parent.vhdx child.avhdx
    expect 2 "one of the files that are read"
    [ "$before" = "$(sha256sum parent.vhdx)" ]
    [ "$(ls | tr '\n' ' ')" = "child.avhdx clean.vhdx corrupt.vhdx parent.vhdx " ]
}

@test "-o into a folder that is not there, or onto a folder or a pipe" {
    vx check -o nowhere/report.txt clean.vhdx
    expect 3 "cannot write nowhere/report.txt"
    mkdir folder
    vx check -o folder clean.vhdx
    expect 3 "is a directory"
    mkfifo pipe
    vx check -o pipe clean.vhdx
    expect 3 "cannot write pipe"
}

@test "-o - is standard output, /dev/null swallows" {
    vx check -q -o - clean.vhdx
    expect 0 "clean.vhdx: CLEAN"
    vx check -o /dev/null corrupt.vhdx
    expect 1
    [ -c /dev/null ]
}

@test "an unopened file is in the report all the same" {
    vx_apart check -f json -o report.json missing.vhdx
    expect 3
    valid check report.json
}

@test "no room left: exit 3 and a message, from every command" {
    [ -c /dev/full ] || skip "no /dev/full"
    for c in "check clean.vhdx" "info clean.vhdx" "dump clean.vhdx" "log clean.vhdx" rules "explain VHDX-BAT-016" --help \
        --version "check --help" "check -o /dev/full clean.vhdx"; do
        # shellcheck disable=SC2086
        run bash -c "'$VHDXRAY' $c >/dev/full"
        expect 3 "cannot write" "no space left"
    done
}

@test "no room left for a large report" {
    [ -c /dev/full ] || skip "no /dev/full"
    run bash -c "'$VHDXRAY' dump --hex -f json clean.vhdx >/dev/full"
    expect 3 "cannot write standard output"
}

@test "a reader that went away: exit 3, no signal" {
    run bash -c "set -o pipefail; { sleep 0.3; '$VHDXRAY' rules -f json; } | true"
    expect 3 "cannot write standard output"
}

@test "closed standard output is a write error, and no image is harmed" {
    before=$(sha256sum clean.vhdx)
    run bash -c "'$VHDXRAY' check clean.vhdx >&-"
    expect 3 "cannot write standard output"
    [ "$before" = "$(sha256sum clean.vhdx)" ]
    run bash -c "'$VHDXRAY' check clean.vhdx >&- 2>&-"
    expect 3
}

@test "closed standard input is no empty file" {
    before=$(sha256sum clean.vhdx)
    for args in "check -" "read - --length 1" "check --files-from -" "write clean.vhdx"; do
        run bash -c "'$VHDXRAY' $args <&-"
        expect 3 "bad file descriptor"
    done
    run bash -c "'$VHDXRAY' check -q clean.vhdx <&-"
    expect 0
    [ "$before" = "$(sha256sum clean.vhdx)" ]
}

@test "an interrupted run leaves no temporary file" {
    mkfifo feed
    timeout 20 "$VHDXRAY" check -o report.txt - <feed &
    pid=$!
    exec 9>feed
    for _ in $(seq 100); do
        compgen -G 'report.txt.*.tmp' >/dev/null && break
        sleep 0.05
    done
    compgen -G 'report.txt.*.tmp' >/dev/null
    kill $pid
    wait $pid || true
    exec 9>&-
    sleep 0.2
    ! compgen -G 'report.txt*' >/dev/null
}

@test "names as long as a folder takes them" {
    for long in "$(printf 'x%.0s' $(seq 250)).vhdx" "$(printf 'é%.0s' $(seq 125)).vhdx"; do # é: two bytes, not to be cut apart
        vx create "$long" --size 8M
        expect 0
        printf x | dd of="$long" bs=1 seek=$((0x30100)) conv=notrunc status=none
        vx repair "$long" --copy fixed.vhdx
        expect 4
        vx repair "$long" --apply # there is no name for its journal
        expect 3 "file name too long"
        vx check -q "$long"
        expect 1 "SUSPICIOUS"
        mv fixed.vhdx "$long"
        run bash -c "head -c 65536 /dev/urandom | '$VHDXRAY' write '$long'"
        expect 0
        vx replay "$long"
        expect 0
        vx undo "$long"
        expect 5 "nothing to undo"
        vx check -o "${long%vhdx}text" "$long"
        expect 0
        grep -q CLEAN "${long%vhdx}text"
        rm "$long" "${long%vhdx}text"
    done
    [ "$(ls)" = $'clean.vhdx\ncorrupt.vhdx' ]
    vx create "$(printf 'x%.0s' $(seq 256))" --size 8M
    expect 3 "file name too long"
}
