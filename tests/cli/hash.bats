# SPDX-License-Identifier: MIT
# hash: digests of the file and of the guest's disk.

load helper
load disks

setup_file() {
    disks plain four_k dirty damaged child hostile_log
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    report=$BATS_TEST_TMPDIR/r.json
}

@test "SHA-256 of both, in the form of sha256sum with labels" {
    untouched plain.vhdx
    vx hash plain.vhdx
    expect 0
    [ "$output" = "$(sum plain.vhdx)  sha256 container  plain.vhdx
$(sum plain.raw)  sha256 guest      plain.vhdx" ]
    still_untouched
}

@test "one of the two" {
    vx hash --guest four_k.vhdx
    expect 0
    [ "$output" = "$(sum four_k.raw)  sha256 guest      four_k.vhdx" ]
    vx hash --container four_k.vhdx
    expect 0
    [ "$output" = "$(sum four_k.vhdx)  sha256 container  four_k.vhdx" ]
    vx hash --container --guest four_k.vhdx
    expect 0
    [ "${#lines[@]}" -eq 2 ]
}

@test "several algorithms, as other programs compute them" {
    vx hash --guest --algorithm md5,SHA1,sha512 --algorithm sha384 --algorithm md5 plain.vhdx
    expect 0
    [ "$(cut -d' ' -f1,3 <<<"$output")" = "$(md5sum <plain.raw | cut -d' ' -f1) md5
$(sha1sum <plain.raw | cut -d' ' -f1) sha1
$(sha512sum <plain.raw | cut -d' ' -f1) sha512
$(sha384sum <plain.raw | cut -d' ' -f1) sha384" ]
    vx hash --algorithm blake2b512 --container plain.vhdx
    expect 0 "$(b2sum <plain.vhdx | cut -d' ' -f1)"
}

@test "algorithms that are none" {
    for a in crc32 sha shake128 "" , md5,, "$(printf 'x%.0s' $(seq 100))" "aes-128-cbc"; do
        vx_apart hash --algorithm "$a" plain.vhdx
        expect 2
        [ -z "$output" ]
        [ -n "$stderr" ]
    done
}

@test "a dirty log: the file as it is, the disk as replayed" {
    vx hash dirty.vhdx
    expect 0 "$(sum dirty.vhdx)  sha256 container" "$(sum dirty.raw)  sha256 guest"
    vx hash --no-replay --guest dirty.vhdx
    expect 0
    lacks "$(sum dirty.raw)"
}

@test "a chain" {
    vx hash --guest --search-dir . child.vhdx
    expect 0 "$(sum child.raw)"
    vx_apart hash child.vhdx
    expect 3 "$(sum child.vhdx)  sha256 container"
    lacks "sha256 guest"
    [[ $stderr == *base.vhdx* ]]
}

@test "a pipe, a list, several files" {
    run bash -c "cat dirty.vhdx | '$VHDXRAY' hash -"
    expect 0 "$(sum dirty.vhdx)  sha256 container  -" "$(sum dirty.raw)  sha256 guest      -"
    printf 'plain.vhdx\nfour_k.vhdx\n' >"$BATS_TEST_TMPDIR/list"
    vx hash --files-from "$BATS_TEST_TMPDIR/list" --container
    expect 0 "$(sum plain.vhdx)" "$(sum four_k.vhdx)"
    vx hash plain.vhdx missing.vhdx four_k.vhdx
    expect 3 "$(sum plain.raw)" "$(sum four_k.raw)" "missing.vhdx: no such file"
}

@test "what is no disk has a digest as a file" {
    echo text >"$BATS_TEST_TMPDIR/note"
    vx hash --container "$BATS_TEST_TMPDIR/note"
    expect 0 "$(sum "$BATS_TEST_TMPDIR/note")"
    vx hash "$BATS_TEST_TMPDIR/note"
    expect 3 "$(sum "$BATS_TEST_TMPDIR/note")  sha256 container"
    : >"$BATS_TEST_TMPDIR/empty"
    vx hash --container "$BATS_TEST_TMPDIR/empty"
    expect 0 "$(sum "$BATS_TEST_TMPDIR/empty")"
    truncate -s 3000000 "$BATS_TEST_TMPDIR/hole"
    printf x >>"$BATS_TEST_TMPDIR/hole"
    truncate -s 5000001 "$BATS_TEST_TMPDIR/hole"
    vx hash --container "$BATS_TEST_TMPDIR/hole"
    expect 0 "$(sum "$BATS_TEST_TMPDIR/hole")"
    vx hash .
    expect 3 "is a directory"
}

@test "damaged: no digest of the disk, unless --salvage: that of a salvaged export" {
    vx_apart hash damaged.vhdx
    expect 3 "$(sum damaged.vhdx)  sha256 container"
    lacks "sha256 guest"
    [[ $stderr == *"(block 1)"* ]]
    vx_apart hash --salvage --guest damaged.vhdx
    expect 1
    "$VHDXRAY" export --salvage damaged.vhdx "$BATS_TEST_TMPDIR/out" 2>/dev/null || [ $? -eq 1 ]
    expect 1 "$(sum "$BATS_TEST_TMPDIR/out")"
    [[ $stderr == *"(block 6)"* ]]
    vx hash hostile_log.vhdx
    expect 3 "sha256 container" "must not be replayed"
}

@test "JSON" {
    for f in json jsonl; do
        for set in "plain.vhdx four_k.vhdx" "damaged.vhdx missing.vhdx" "--salvage damaged.vhdx" "--container plain.vhdx"; do
            # shellcheck disable=SC2086
            "$VHDXRAY" hash -f $f $set >"$report" 2>/dev/null || true
            valid hash "$report"
        done
    done
    "$VHDXRAY" hash -f json --algorithm md5,sha256 plain.vhdx >"$report"
    [ "$(json '.images[0].guest.digests.md5' "$report")" = "$(md5sum <plain.raw | cut -d' ' -f1)" ]
    [ "$(json '.images[0].guest.length' "$report")" -eq "$(stat -c %s plain.raw)" ]
    [ "$(json '.images[0].container.digests | keys | join(" ")' "$report")" = "md5 sha256" ]
}

@test "output errors, output onto the input, timeout" {
    run bash -c "'$VHDXRAY' hash plain.vhdx >/dev/full"
    expect 3
    vx hash -o plain.vhdx plain.vhdx
    expect 2
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TESTS/make_big.py" hole "$BATS_TEST_TMPDIR/big.vhdx"
    vx hash --guest --timeout 1 "$BATS_TEST_TMPDIR/big.vhdx"
    expect 6 "--timeout"
}
