# SPDX-License-Identifier: MIT
# The command line itself: help, spellings, suggestions, usage errors.

load helper

COMMANDS="check info dump log map read export hash compare chain carve explain rules summarize metadump create write replay repair undo"

setup_file() {
    images clean
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    copy clean
}

@test "help of the program: examples first, then commands and exit codes; exit 0" {
    for h in --help -h help; do
        vx_apart $h
        expect 0 "Examples:" "Commands:" "Exit codes:"
        [ -z "$stderr" ]
        [[ ${output%%Commands:*} == *Examples:* ]]
        for c in $COMMANDS; do
            [[ $output == *$'\n  '"$c "* ]]
        done
    done
}

@test "help lists the commands there are, and no others" {
    vx --help
    listed=$(sed -n '/^Commands:/,/^$/p' <<<"$output" | awk '/^  / { print $1 }' | tr '\n' ' ')
    [ "$listed" = "$COMMANDS " ]
    for c in $listed; do
        vx "$c" --help
        expect 0 "vhdxray $c" "Examples:" "Usage: vhdxray $c" "Options:" "--help"
        [[ ${output%%Options:*} == *Examples:* ]]
    done
}

@test "every option that help shows is accepted" {
    for c in $COMMANDS; do
        vx $c --help
        for o in $(grep -oE '^  .{4}--[a-z-]+' <<<"$output" | grep -oE -- '--[a-z-]+'); do
            vx $c $o --help --help # the first is the value of options that take one
            [ "$status" -eq 0 ] || [[ $output == *"is no value for $o"* ]] || { echo "$c $o: $output"; return 1; }
        done
    done
}

@test "version" {
    for args in --version "check --version" "repair --version -q" "rules --version"; do
        # shellcheck disable=SC2086
        vx $args
        expect 0
        [[ $output =~ ^vhdxray\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    done
}

@test "common options are taken by every command, and change nothing where they mean nothing" {
    for args in "explain VHDX-BAT-016" rules "dump clean.vhdx headers" "map clean.vhdx" "read clean.vhdx --length 4K" \
        "hash --guest clean.vhdx" "info clean.vhdx" "undo clean.vhdx" "replay clean.vhdx" "carve clean.vhdx"; do
        # shellcheck disable=SC2086
        run --separate-stderr "$VHDXRAY" $args
        was="$status $output"
        for o in "--fail-on info" "--max-findings 1" "--max-memory 256M" "--timeout 60" "-j 2" "--color never" \
            "--progress never" "--parent clean.vhdx" "--search-dir ." "--sandbox auto" -v -q; do
            if [[ "$args $o" == *" -"[vq] ]] && [[ $args == @(replay|carve|undo)* ]]; then continue; fi # tells less, or more
            # shellcheck disable=SC2086
            run --separate-stderr "$VHDXRAY" $args $o
            [ "$status $output" = "$was" ] || { echo "$args $o: $status $output $stderr"; return 1; }
        done
        # shellcheck disable=SC2086
        vx $args --fail-on fatal
        expect 2 "is no value for --fail-on"
    done
}

@test "no arguments: a hint, exit 2" {
    vx_apart
    expect 2
    [ -z "$output" ]
    [[ $stderr == *--help* ]]
}

@test "unknown commands get a suggestion" {
    vx chek clean.vhdx
    expect 2 "did you mean check?"
    vx expalin
    expect 2 "did you mean explain?"
    vx frobnicate
    expect 2 "neither a command nor a file"
}

@test "unknown options get a suggestion" {
    vx check --formt json clean.vhdx
    expect 2 "unknown option --formt" "did you mean --format?"
    vx check --search clean.vhdx
    expect 2 "did you mean --search-dir?"
    vx check --no-such-option
    expect 2 "unknown option --no-such-option"
    vx info --plan clean.vhdx
    expect 2 "unknown option --plan"
    vx check -Z clean.vhdx
    expect 2 "unknown option -Z"
    vx check "--$(printf 'x%.0s' $(seq 500))"
    expect 2
}

@test "usage errors are exit 2 and leave standard output empty" {
    for args in "check" "info" "dump" "log" "explain" "rules extra" "check -f xml clean.vhdx" "check -f" "check --format" \
        "check --fail-on fatal clean.vhdx" "check --max-memory 12X clean.vhdx" "check --max-memory 0 clean.vhdx" \
        "check --max-findings 0 clean.vhdx" "check --max-findings -1 clean.vhdx" "check --timeout soon clean.vhdx" \
        "check --timeout 99999999999 clean.vhdx" "check --quiet=yes clean.vhdx" "check --color sometimes clean.vhdx" \
        "check --max-memory 99999999999999999999T clean.vhdx" "dump clean.vhdx nothing" "dump clean.vhdx headers --range 1:2" \
        "dump clean.vhdx bat --range 5:5" "dump clean.vhdx --range x:y" "dump clean.vhdx --range 5" \
        "check - -" "check --files-from - -"; do
        # shellcheck disable=SC2086
        run --separate-stderr bash -c "'$VHDXRAY' $args </dev/null"
        expect 2
        [ -z "$output" ] || { echo "$args: $output"; return 1; }
        [ -n "$stderr" ] || { echo "$args: silent"; return 1; }
    done
}

@test "what is changed or made is a file, not a pipe" {
    for args in "create - --size 8M" "write -" "replay -" "undo -" "repair -" "repair clean.vhdx --copy -"; do
        run --separate-stderr bash -c "'$VHDXRAY' $args <clean.vhdx"
        expect 2
        [ -z "$output" ]
        [[ $stderr == *"needs a file"* ]]
    done
    [ ! -e ./- ] && [ ! -e ./-.vhdxray-journal ]
    vx create ./- --size 8M
    expect 0
    vx check -q ./-
    expect 0 "./-: CLEAN"
}

@test "every usual spelling" {
    vx check --format=json clean.vhdx
    expect 0 '"schema_version"'
    vx check --format json clean.vhdx
    expect 0 '"schema_version"'
    vx check -fjson clean.vhdx
    expect 0 '"schema_version"'
    vx check clean.vhdx -f json
    expect 0 '"schema_version"'
    vx check -qf text clean.vhdx
    expect 0
    [ "$output" = "clean.vhdx: CLEAN" ]
    vx check --max-memory 64m --max-memory 0x10000000 --timeout 60 clean.vhdx
    expect 0
    vx check --max-memory 64M -q -- clean.vhdx
    expect 0
    cp clean.vhdx -- -odd.vhdx
    vx check -q -- -odd.vhdx
    expect 0
    [ "$output" = "-odd.vhdx: CLEAN" ]
    vx check -q ./-odd.vhdx
    expect 0
}

@test "a file named like a command needs a path" {
    cp clean.vhdx rules
    vx ./rules
    expect 0 "./rules: CLEAN"
    vx check rules
    expect 0 "rules: CLEAN"
    cp clean.vhdx plainname
    vx plainname
    expect 0 "plainname: CLEAN"
}

@test "--files-from: lines, NULs, standard input" {
    cp clean.vhdx 'with space.vhdx'
    printf 'clean.vhdx\n\nwith space.vhdx\n' >list
    vx check -q --files-from list
    expect 0 "clean.vhdx: CLEAN" "with space.vhdx: CLEAN" "2 files: 2 clean"
    printf 'clean.vhdx\0with space.vhdx\0' >list0
    vx check -q --files-from list0
    expect 0 "with space.vhdx: CLEAN"
    run bash -c "printf 'clean.vhdx' | '$VHDXRAY' check -q --files-from - 'with space.vhdx'"
    expect 0 "clean.vhdx: CLEAN" "with space.vhdx: CLEAN"
    vx check --files-from missing-list
    expect 3 "missing-list"
    : >empty-list
    vx check --files-from empty-list
    expect 2 "names no file"
}

@test "messages and data keep apart" {
    vx_apart check -q clean.vhdx missing.vhdx
    expect 3
    [[ $output == "clean.vhdx: CLEAN"* ]]
    [[ $stderr == "vhdxray: missing.vhdx: no such file or directory" ]]
}
