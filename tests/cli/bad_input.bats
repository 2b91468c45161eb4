# SPDX-License-Identifier: MIT
# What is no image, or cannot be read: a clear message, the exit code of the contract, and nothing hangs.

load helper

setup_file() {
    images clean
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# refused PATH TEXT: exit 3 and a message from every command; a report that says so from those with JSON
refused() {
    local c
    for c in check info log dump; do
        vx_apart $c "$1"
        expect 3
        [ -z "$output" ] || { echo "output: $output"; return 1; }
        [[ $stderr == *"$2"* ]] || { echo "$c: $stderr"; return 1; }
        timeout 60 "$VHDXRAY" $c -f jsonl "$1" >report.jsonl 2>/dev/null || [ $? -eq 3 ]
        [ "$(json '.verdict, .complete' report.jsonl | tr '\n' ' ')" = "null false " ]
        [[ "$(json '.error.message' report.jsonl)" == *"$2"* ]]
        keep $c report.jsonl
    done
    timeout 60 "$VHDXRAY" check -f json "$1" >report.json 2>/dev/null || [ $? -eq 3 ]
    keep check report.json
}

# judged FILE TEXT...: exit 1, unreadable, within a second
judged() {
    local file=$1
    shift
    run timeout -k 1 10 "$VHDXRAY" check "$file"
    expect 1 UNREADABLE "$@"
    timeout 10 "$VHDXRAY" check -f json "$file" >report.json || [ $? -eq 1 ]
    keep check report.json
    for c in info log dump; do
        timeout 10 "$VHDXRAY" $c "$file" >/dev/null 2>&1 || [ $? -eq 3 ]
        timeout 10 "$VHDXRAY" $c -f json "$file" >$c.json 2>/dev/null || [ $? -eq 3 ]
        keep $c $c.json
    done
}

teardown_file() {
    kept_are_valid
}

@test "missing file" {
    refused missing.vhdx "no such file"
}

@test "a path through a file" {
    : >plain
    refused plain/x.vhdx "not a directory"
}

@test "empty name" {
    vx_apart check ""
    expect 3
    [ -n "$stderr" ]
}

@test "directory" {
    mkdir folder.vhdx
    refused folder.vhdx "is a directory"
}

@test "named pipe without a writer does not hang" {
    mkfifo pipe.vhdx
    refused pipe.vhdx "is a named pipe"
}

@test "device" {
    refused /dev/null "is a character device"
    refused /dev/zero "is a character device"
}

@test "socket" {
    /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s.vhdx")'
    refused s.vhdx "is a socket"
}

@test "symbolic link to nothing, and one to itself" {
    ln -s nothing dangling.vhdx
    ln -s loop.vhdx loop.vhdx
    refused dangling.vhdx "symbolic link"
    refused loop.vhdx "symbolic link"
}

@test "symbolic link to an image is followed, and told" {
    cp "$BATS_FILE_TMPDIR/clean.vhdx" real.vhdx
    ln -s real.vhdx link.vhdx
    vx check link.vhdx
    expect 0 VHDX-FILE-008
}

@test "unreadable file" {
    cp "$BATS_FILE_TMPDIR/clean.vhdx" secret.vhdx
    chmod 000 secret.vhdx
    if [ "$(id -u)" -ne 0 ]; then
        refused secret.vhdx "permission denied"
        return
    fi
    # Root may read everything: look as somebody else, where the program can be run by others.
    chmod 755 . "$BATS_FILE_TMPDIR"
    cp "$VHDXRAY" /tmp/vhdxray-test.$$ && chmod 755 /tmp/vhdxray-test.$$
    run setpriv --reuid 65534 --regid 65534 --clear-groups /tmp/vhdxray-test.$$ --version
    if [ "$status" -ne 0 ]; then
        rm -f /tmp/vhdxray-test.$$
        skip "cannot run as another user"
    fi
    mkdir -m 755 /tmp/vhdxray-dir.$$
    cp "$BATS_FILE_TMPDIR/clean.vhdx" /tmp/vhdxray-dir.$$/secret.vhdx
    chmod 000 /tmp/vhdxray-dir.$$/secret.vhdx
    run setpriv --reuid 65534 --regid 65534 --clear-groups /tmp/vhdxray-test.$$ check /tmp/vhdxray-dir.$$/secret.vhdx
    rm -rf /tmp/vhdxray-test.$$ /tmp/vhdxray-dir.$$
    expect 3 "permission denied"
}

@test "empty file" {
    : >empty.vhdx
    judged empty.vhdx VHDX-FILE-001
}

@test "tiny files of every small size" {
    for n in 1 7 8 519 520 4095 65535; do
        head -c $n "$BATS_FILE_TMPDIR/clean.vhdx" >tiny.vhdx
        judged tiny.vhdx VHDX-FILE-001
    done
}

@test "text file" {
    for i in $(seq 400); do echo "This is not a disk image, line $i."; done >text.vhdx
    judged text.vhdx VHDX-FID-001
}

@test "truncated at every structure: corrupt or unreadable, never clean" {
    for n in 65536 65600 131072 196608 262144 1048575 1048576 2097152 3145728 3145736 4194304 5000000; do
        cp --sparse=always "$BATS_FILE_TMPDIR/clean.vhdx" cut.vhdx
        truncate -s $n cut.vhdx
        run timeout -k 1 10 "$VHDXRAY" check -f json cut.vhdx
        expect 1
        [[ $output == *'"verdict": "corrupt"'* || $output == *'"verdict": "unreadable"'* ]]
    done
}

@test "other formats are told by name" {
    printf 'QFI\xfb\0\0\0\3' >image.qcow2
    truncate -s 2M image.qcow2
    judged image.qcow2 VHDX-FILE-013 qcow
}

@test "a sparse file as large as the host allows is judged at once" {
    for dir in /dev/shm "$BATS_TEST_TMPDIR"; do
        for size in 9223372036854775807 9223372036854771712 8796093022207K 16T-4096 4T; do
            f=$dir/vhdxray-huge.$$
            truncate -s $((${size/T-4096/*1024*1024*1024*1024-4096})) "$f" 2>/dev/null || truncate -s "$size" "$f" 2>/dev/null || continue
            run timeout -k 1 10 "$VHDXRAY" check "$f"
            dump=$(timeout 10 "$VHDXRAY" dump "$f" --range 1M: 2>&1 | head -n 5)
            rm -f "$f"
            expect 1 UNREADABLE VHDX-FID-001
            [[ $dump == *"zero bytes"* ]]
            return 0
        done
    done
    skip "no file system here has large sparse files"
}

@test "memory stays small whatever the size" {
    command -v /usr/bin/time >/dev/null || skip "no /usr/bin/time"
    case $VHDXRAY in */release/*) ;; *) skip "sanitizers need memory of their own" ;; esac
    cp --sparse=always "$BATS_FILE_TMPDIR/clean.vhdx" big.vhdx
    truncate -s 60M big.vhdx
    run /usr/bin/time -f 'peak %M' "$VHDXRAY" check big.vhdx
    [[ $output =~ peak\ ([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -le 32768 ]
}

@test "from a pipe" {
    run bash -c "'$VHDXRAY' check - <'$BATS_FILE_TMPDIR/clean.vhdx'"
    expect 0 "-: CLEAN"
    run bash -c "cat '$BATS_FILE_TMPDIR/clean.vhdx' | '$VHDXRAY' check -"
    expect 0 "-: CLEAN"
    run bash -c "printf x | '$VHDXRAY' -"
    expect 1 UNREADABLE
    run bash -c "'$VHDXRAY' check - </dev/null"
    expect 1 UNREADABLE VHDX-FILE-001
}

@test "from a closed standard input, or a folder" {
    run bash -c "'$VHDXRAY' check - <&-"
    [ "$status" -eq 1 ] || [ "$status" -eq 3 ]
    run bash -c "'$VHDXRAY' check - <."
    expect 3 "standard input"
}

@test "a temporary folder that is not there" {
    run bash -c "cat '$BATS_FILE_TMPDIR/clean.vhdx' | TMPDIR=/nowhere/at/all '$VHDXRAY' check -"
    expect 3 "temporary file"
}
