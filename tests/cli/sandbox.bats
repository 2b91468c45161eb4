# SPDX-License-Identifier: MIT
# What a command still does once it looks at an image: the system calls behind the filter are compared with a list that is
# written down here by hand. tests/test_sandbox.c tries the forbidden calls themselves.

load helper

setup_file() {
    images clean corrupt child
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    copy clean
    copy corrupt
    copy child child.avhdx
    cp --sparse=always "$BATS_FILE_TMPDIR/parent.vhdx" .
    # Sanitizer builds, and kernels without it, run unconfined.
    [ "$("$VHDXRAY" check -f json clean.vhdx | jq '.images[0].sandbox | .seccomp and .landlock_abi > 0')" = true ] ||
        skip "this build or kernel has no sandbox"
}

# traced ARGUMENT...: names of the system calls between the filter and the end, one a line, in calls; those that write in
# writes. The process whose filter it is counts alone: an attendant is not confined.
traced() {
    command -v strace >/dev/null || skip "no strace"
    strace -f -qq -o trace "$VHDXRAY" "$@" >/dev/null 2>&1 || true
    pid=$(sed -n 's/^\([0-9]*\) *seccomp(SECCOMP_SET_MODE_FILTER, 0, {.*= 0$/\1/p' trace)
    [ -n "$pid" ]
    awk -v pid="$pid" '$1 == pid && on { sub(/^[0-9]+ +/, ""); if ($0 ~ /^[a-z]/) { sub(/\(.*/, ""); print } }
        $1 == pid && /seccomp\(SECCOMP_SET_MODE_FILTER, 0, \{/ { on = 1 }' trace | sort -u >calls
}

# among NAME...: no other call was made
among() {
    printf '%s\n' "$@" | sort -u >allowed
    run comm -23 calls allowed
    [ -z "$output" ]
}

reading=(read pread64 lseek write fstat newfstatat close mmap munmap mremap madvise brk futex sysinfo getrandom ioctl
    exit_group fcntl)

@test "reading commands: read, seek, write the report" {
    for c in check info log hash map dump; do
        traced $c corrupt.vhdx
        grep -q '^pread64$' calls
        among "${reading[@]}"
    done
    traced check -f html corrupt.vhdx
    among "${reading[@]}"
    traced check --parent parent.vhdx child.avhdx
    among "${reading[@]}"
    traced compare clean.vhdx corrupt.vhdx
    among "${reading[@]}"
    traced check -o report.txt corrupt.vhdx
    among "${reading[@]}"
    [ -s report.txt ]
}

@test "searching for parents: opens for reading below the folder" {
    traced check --search-dir . child.avhdx
    among "${reading[@]}" openat getdents64
    ! grep -E 'openat\(.*(O_WRONLY|O_RDWR|O_CREAT)' <(sed -n '/SECCOMP_SET_MODE_FILTER, 0, {/,$p' trace)
    vx check --search-dir . child.avhdx
    expect 0 "the parent"
    vx chain .
    expect 0 "parent.vhdx" "child.avhdx"
}

@test "export: writes what is open" {
    traced export clean.vhdx out.raw
    among "${reading[@]}" pwrite64 ftruncate copy_file_range
    [ -s out.raw ]
}

@test "evidence is never written to" {
    for c in "check corrupt.vhdx" "hash corrupt.vhdx" "export clean.vhdx out.raw" "map clean.vhdx" "check -o r clean.vhdx"; do
        # shellcheck disable=SC2086
        strace -f -qq -y -e trace=write,pwrite64,writev,pwritev,ftruncate,fallocate,copy_file_range,rename,unlink,fchmod,utimensat -o trace \
            "$VHDXRAY" $c >/dev/null 2>&1 || true
        ! grep -E '[0-9]<[^>]*(clean|corrupt)\.vhdx>' trace
    done
}

@test "--sandbox: required, off, and what the report says of it" {
    vx check --sandbox require clean.vhdx
    expect 0
    vx check --sandbox off -f json clean.vhdx
    expect 0
    [ "$(jq -c '.images[0].sandbox' <<<"$output")" = '{"landlock_abi":0,"seccomp":false}' ]
    vx check --sandbox maybe clean.vhdx
    expect 2 "auto|require|off"
}

@test "the report is the same with and without it" {
    for f in text jsonl html; do
        "$VHDXRAY" check -f $f --sandbox off corrupt.vhdx | sed 's/"sandbox":{[^}]*}//' >off || true
        "$VHDXRAY" check -f $f corrupt.vhdx | sed 's/"sandbox":{[^}]*}//' >on || true
        cmp off on
    done
}

@test "many files: descriptors are no limit below the hard one" {
    for i in $(seq 150); do ln clean.vhdx "$i.vhdx"; done
    run bash -c "ulimit -S -n 100; '$VHDXRAY' check -q [0-9]*.vhdx | tail -n 1"
    [ "$output" = "150 files: 150 clean" ]
}

writing=(pwrite64 ftruncate fallocate copy_file_range fsync fdatasync)

@test "repair and undo: write what is open, and ask for names" {
    cp --sparse=always corrupt.vhdx before
    traced repair corrupt.vhdx --consent VHDX-BAT-016
    among "${reading[@]}"
    ! grep -q '^pwrite64$' calls
    traced repair corrupt.vhdx --consent VHDX-BAT-016 --copy new.vhdx
    among "${reading[@]}" "${writing[@]}"
    [ -s new.vhdx ]
    cmp corrupt.vhdx before
    traced repair corrupt.vhdx --consent VHDX-BAT-016 --apply
    grep -q '^pwrite64$' calls
    among "${reading[@]}" "${writing[@]}"
    [ -s corrupt.vhdx.vhdxray-journal ]
    ! cmp -s corrupt.vhdx before
    traced undo corrupt.vhdx
    grep -q '^pwrite64$' calls
    among "${reading[@]}" "${writing[@]}"
    cmp corrupt.vhdx before
    [ "$(echo corrupt.vhdx*)" = corrupt.vhdx ]
}

@test "what is named beside an image is named by the attendant alone" {
    cp --sparse=always corrupt.vhdx before
    for c in "repair corrupt.vhdx --apply" "repair corrupt.vhdx --consent VHDX-BAT-016 --apply" "undo corrupt.vhdx" \
        "undo corrupt.vhdx"; do
        # shellcheck disable=SC2086
        traced $c
        among "${reading[@]}" "${writing[@]}"
        # it is the other process that renames or removes the journal, and opens the folder to make that durable
        grep -v "^$pid " trace | grep -qE ' (rename|unlink)\(.*\.vhdxray-journal'
    done
    cmp corrupt.vhdx before
    [ "$(echo corrupt.vhdx*)" = corrupt.vhdx ]
}

@test "repair and undo with the sandbox required, switched off, and what the report says" {
    cp --sparse=always corrupt.vhdx before
    for s in require auto off; do
        expected='{"landlock_abi":0,"seccomp":false}'
        [ $s = off ] || expected=$("$VHDXRAY" check -f json clean.vhdx | jq -c '.images[0].sandbox')
        vx_apart repair corrupt.vhdx --sandbox $s -f json
        [ "$(jq -c .sandbox <<<"$output")" = "$expected" ]
        vx_apart repair corrupt.vhdx --sandbox $s -f json --consent VHDX-BAT-016 --copy $s.vhdx
        [ "$(jq -c .sandbox <<<"$output")" = "$expected" ]
        vx_apart repair corrupt.vhdx --sandbox $s -f json --apply -o applied.json
        vx_apart repair corrupt.vhdx --sandbox $s -f json --consent VHDX-BAT-016 --apply
        expect 4
        [ "$(jq -c .sandbox <<<"$output")" = "$expected" ]
        vx_apart undo corrupt.vhdx --sandbox $s -f json
        expect 0
        [ "$(jq -c .sandbox <<<"$output")" = "$expected" ]
        [ ! -e corrupt.vhdx.vhdxray-journal ] || "$VHDXRAY" undo -q corrupt.vhdx --sandbox $s
        cmp corrupt.vhdx before
        [ "$(echo corrupt.vhdx*)" = corrupt.vhdx ]
    done
}
