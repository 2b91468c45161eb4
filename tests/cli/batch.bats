# SPDX-License-Identifier: MIT
# Many files at once: workers, folders, shards, files that bring a worker down, interrupts.

load helper

setup_file() {
    images clean corrupt suspicious dirty child
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    mkdir -p many/deep/er
    for i in $(seq -w 40); do ln "$BATS_FILE_TMPDIR/clean.vhdx" "many/$i.vhdx"; done
    ln "$BATS_FILE_TMPDIR/corrupt.vhdx" many/17x.vhdx
    ln "$BATS_FILE_TMPDIR/dirty.vhdx" many/deep/d.vhdx
    ln "$BATS_FILE_TMPDIR/suspicious.vhdx" many/deep/er/s.disk
    echo text >many/notes.txt
    : >many/empty.vhdx
}

@test "the report does not depend on the number of workers" {
    for f in text json jsonl; do
        "$VHDXRAY" check -f $f many/*.vhdx missing.vhdx >one.$f 2>one.err || true
        for j in 2 7 0; do
            "$VHDXRAY" check -f $f -j $j many/*.vhdx missing.vhdx >some.$f 2>some.err || true
            cmp one.$f some.$f
            cmp <(sort one.err) <(sort some.err)
        done
    done
    [ "$(jq '.images | length' one.json)" -eq 43 ]
    [ "$(wc -l <one.jsonl)" -eq 43 ]
    valid check one.json
    # ... nor on whether there are any: the same files one by one.
    for i in many/*.vhdx missing.vhdx; do "$VHDXRAY" check -f jsonl "$i" 2>/dev/null || true; done | cmp - one.jsonl
    tail -n 1 one.text | grep -q '^43 files: 40 clean, 1 corrupt, 1 unreadable, 1 could not be looked at$'
}

@test "a worker opens no more files than it may" {
    mkdir few
    for i in $(seq 600); do ln "$BATS_FILE_TMPDIR/clean.vhdx" few/$i.vhdx; done
    for j in 1 2; do
        run bash -c "ulimit -n 80; '$VHDXRAY' check -r -q -f json -j $j few >few.json"
        expect 0
        [ "$(jq '[.images[] | select(.verdict == "clean")] | length' few.json)" -eq 600 ]
    done
}

@test "info and log, too" {
    for c in info log; do
        "$VHDXRAY" $c -f jsonl many/*.vhdx >one 2>/dev/null || true
        "$VHDXRAY" $c -f jsonl -j 3 many/*.vhdx >some 2>/dev/null || true
        [ -s one ]
        cmp one some
    done
}

@test "the worst exit code of all files" {
    vx check -q -j 2 many/0*.vhdx
    expect 0
    vx check -q -j 2 many/0*.vhdx many/17x.vhdx
    expect 1
    vx check -q -j 2 many/0*.vhdx many/17x.vhdx missing.vhdx
    expect 3 "missing.vhdx"
}

@test "--recursive: what is a disk by name or content, in order of the paths" {
    "$VHDXRAY" check -r -f jsonl many | jq -r .path >got || true
    { printf 'many/%s.vhdx\n' $(seq -w 17) 17x $(seq -w 18 40); printf 'many/deep/%s\n' d.vhdx er/s.disk; echo many/empty.vhdx; } |
        LC_ALL=C sort >want
    diff want got
    vx check -r -q "$BATS_TEST_TMPDIR/many/deep/er" -j 2
    expect 1 "1 suspicious" || expect 1 "SUSPICIOUS"
    mkdir none
    vx check -r none
    expect 3 "no disk was found"
    vx check -q many
    expect 3 "is a directory"
}

@test "--shard: the parts are disjoint and are the whole" {
    for i in 1 2 3; do "$VHDXRAY" check --shard $i/3 -f jsonl many/*.vhdx 2>/dev/null || true; done | sort >parts
    "$VHDXRAY" check -f jsonl many/*.vhdx 2>/dev/null | sort >whole || true
    cmp whole parts
    for bad in 0/3 4/3 3 a/b 1/0 /; do
        vx check --shard $bad many/01.vhdx
        expect 2 "--shard"
    done
}

@test "a file that brings its worker down costs its own result only" {
    command -v strace >/dev/null || skip "no strace"
    [[ $VHDXRAY != */asan/* ]] || skip "a sanitizer answers the signal"
    strace -f -qq -o /dev/null -P "$PWD/many/17x.vhdx" -e trace=pread64 -e inject=pread64:signal=SIGSEGV \
        "$VHDXRAY" check -f json -j 2 "$PWD"/many/*.vhdx >r.json 2>err && status=0 || status=$?
    [ "$status" -eq 7 ]
    grep -q '17x.vhdx: internal error: the analysis was ended by signal 11' err
    [ "$(jq '.images | length' r.json)" -eq 42 ]
    [ "$(jq -r '.images[] | select(.path | endswith("17x.vhdx")) | .verdict' r.json)" = null ]
    [ "$(jq -r '[.images[] | select(.verdict == "clean")] | length' r.json)" -eq 40 ]
    valid check r.json
}

@test "an interrupt ends the report with what is done" {
    command -v strace >/dev/null || skip "no strace to slow it down"
    "$VHDXRAY" check -f json -j 1 many/0*.vhdx >all.json
    set -m # else the background ignores SIGINT
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace=exit_group -e inject=exit_group:delay_enter=400000 \
        "$VHDXRAY" check -f json -j 1 --progress always many/*.vhdx >r.json 2>err &
    for _ in $(seq 200); do # when the second worker is under way, the first has ended
        tr '\r' '\n' <err | grep -qE '^[23][0-9] of 42' && break
        sleep 0.05
    done
    pkill -INT -x -P $! vhdxray || pkill -INT -P $!
    wait $! && status=0 || status=$?
    set +m
    [ "$status" -eq 6 ]
    grep -q 'interrupted: [0-9]* of 42 files' err
    valid check r.json
    n=$(jq '.images | length' r.json)
    [ "$n" -gt 0 ] && [ "$n" -lt 42 ]
}

@test "progress of the whole on standard error" {
    vx_apart check -q -j 2 --progress always many/0*.vhdx
    [[ $stderr == *"of 9 files"* ]]
    vx_apart check -q -j 2 --progress never many/0*.vhdx
    [ -z "$stderr" ]
}

@test "one SARIF or HTML of many files, by one process" {
    for f in sarif html; do
        "$VHDXRAY" check -f $f many/*.vhdx >one 2>/dev/null || true
        "$VHDXRAY" check -f $f -j 4 many/*.vhdx >some 2>/dev/null || true
        [ -s one ]
        cmp one some
    done
}

@test "-o: a parent that was found is not written over" {
    copy child child.avhdx
    cp "$BATS_FILE_TMPDIR/parent.vhdx" .
    before=$(sha256sum parent.vhdx)
    vx check -j 2 --search-dir . -o ./parent.vhdx child.avhdx many/01.vhdx
    expect 2 "one of the files that are read"
    [ "$before" = "$(sha256sum parent.vhdx)" ]
    [ ! -e parent.vhdx.*.tmp ]
}
