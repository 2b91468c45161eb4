# SPDX-License-Identifier: MIT
# Verdicts, exit codes, formats: what `vhdxray check` says about images that are fine, odd and broken.

load helper

setup_file() {
    images clean corrupt suspicious dirty many escapes greedy
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    copy clean
    copy corrupt
    copy suspicious
    copy dirty
    copy greedy
    cp "$BATS_FILE_TMPDIR/clean.vhdx" empty-name.vhdx
}

@test "clean: exit 0" {
    vx check clean.vhdx
    expect 0 "clean.vhdx: CLEAN" "VHDX dynamic, 64 MiB guest disk" "0 errors, 0 warnings"
}

@test "suspicious: exit 1 and the rule" {
    vx check suspicious.vhdx
    expect 1 "suspicious.vhdx: SUSPICIOUS" "VHDX-RGN-002" "0 errors, 1 warning"
}

@test "corrupt: exit 1, every finding says what, where, means, next" {
    vx check corrupt.vhdx
    expect 1 "corrupt.vhdx: CORRUPT" "VHDX-BAT-016" "VHDX-HDR-003"
    [ "$(grep -cE '^(error|warning) ' <<<"$output")" -gt 1 ]
    for label in where found means next spec; do
        [ "$(grep -cE "^ +$label  " <<<"$output")" -eq "$(grep -cE '^(error|warning) ' <<<"$output")" ]
    done
}

@test "unreadable: exit 1" {
    head -c 3M /dev/zero >zeros.vhdx
    vx check zeros.vhdx
    expect 1 "zeros.vhdx: UNREADABLE" "VHDX-FID-001" "VHDX-HDR-002" "VHDX-RGN-001"
}

@test "dirty log: facts and BAT are those of the replayed view; the stored one on request" {
    vx check dirty.vhdx
    expect 1 "dirty.vhdx: SUSPICIOUS" "VHDX-LOG-001" "log dirty, replayed in memory (1 entry, 1 page changed)"
    "$VHDXRAY" check -f json dirty.vhdx >dirty.json || true
    [ "$(json '.images[0].facts.log | "\(.state) \(.active_entries) \(.replayed)"' dirty.json)" = "dirty 1 true" ]
    [ "$(json '.images[0].facts.bat.states.fully_present' dirty.json)" = 2 ]
    "$VHDXRAY" check -f json --no-replay dirty.vhdx >stored.json || true
    [ "$(json '.images[0].facts.log | "\(.state) \(.replayed)"' stored.json)" = "dirty false" ]
    [ "$(json '.images[0].facts.bat.states.fully_present' stored.json)" = 1 ]
}

@test "a file without a command is checked" {
    "$VHDXRAY" check corrupt.vhdx >with || true
    vx corrupt.vhdx
    expect 1
    [ "$output" = "$(cat with)" ]
    vx -f json clean.vhdx
    expect 0 '"verdict": "clean"'
}

@test "--fail-on chooses what exit 1 means" {
    vx check --fail-on error suspicious.vhdx
    expect 0 SUSPICIOUS
    vx check --fail-on=warning suspicious.vhdx
    expect 1
    vx check --fail-on error corrupt.vhdx
    expect 1
    vx check --fail-on never corrupt.vhdx
    expect 0 CORRUPT
    vx check --fail-on info clean.vhdx
    expect 1 CLEAN
}

@test "-q prints verdict lines only" {
    vx check -q clean.vhdx
    expect 0
    [ "$output" = "clean.vhdx: CLEAN" ]
    vx check -q clean.vhdx corrupt.vhdx
    expect 1
    [ "${#lines[@]}" -eq 3 ]
}

@test "-v tells infos in full" {
    copy many
    vx check -v clean.vhdx
    expect 0 "spec "
    vx check clean.vhdx
    lacks "spec "
}

@test "several files: a blank line between, a summary at the end, the worst exit code" {
    vx check clean.vhdx suspicious.vhdx corrupt.vhdx
    expect 1 $'\n\nsuspicious.vhdx: SUSPICIOUS' "3 files: 1 clean, 1 suspicious, 1 corrupt"
    vx check corrupt.vhdx missing.vhdx clean.vhdx
    expect 3 "corrupt.vhdx: CORRUPT" "clean.vhdx: CLEAN" "missing.vhdx: no such file" "1 could not be looked at"
}

@test "json: one object for all images; jsonl: a line for each" {
    "$VHDXRAY" check -f json clean.vhdx corrupt.vhdx >all.json || [ $? -eq 1 ]
    valid check all.json
    [ "$(json '.images | length' all.json)" = 2 ]
    "$VHDXRAY" check -f jsonl clean.vhdx corrupt.vhdx >all.jsonl || [ $? -eq 1 ]
    valid check all.jsonl
    [ "$(wc -l <all.jsonl)" -eq 2 ]
    [ "$(json '.schema_version' all.jsonl | uniq -c | awk '{ print $1 $2 }')" = 21.0 ]
    # The same facts in both, in the same order.
    [ "$(jq -c '.images[] | del(.schema_version, .tool)' all.json)" = "$(jq -c 'del(.schema_version, .tool)' all.jsonl)" ]
}

@test "json: keys are in the order of the contract" {
    "$VHDXRAY" check -f json corrupt.vhdx >r.json || [ $? -eq 1 ]
    [ "$(jq -c '.images[0] | keys_unsorted' r.json)" = '["path","size","verdict","complete","facts","findings","counts","rules","suppressed","limits","compatibility","sandbox"]' ]
    [ "$(jq -c '.images[0].facts | keys_unsorted' r.json)" = '["type","virtual_size","block_size","logical_sector_size","physical_sector_size","virtual_disk_id","creator","producer","headers","current_header","current_header_reason","region_tables","metadata","log","bat","parent"]' ]
    [ "$(jq -c '.images[0].findings[0] | keys_unsorted | .[:16]' r.json)" = '["rule","severity","title","message","structure","index","offset","length","view","expected","actual","guest_range","spec","repair","quirk","related"]' ]
    [ "$(jq -c '.images[0].sandbox | [keys_unsorted, (.landlock_abi | type), (.seccomp | type)]' r.json)" = \
        '[["landlock_abi","seccomp"],"number","boolean"]' ]
}

@test "reports of every image validate" {
    for i in clean corrupt suspicious dirty many escapes; do
        copy $i
        for f in json jsonl; do
            "$VHDXRAY" check -f $f $i.vhdx >$i.$f || [ $? -eq 1 ]
        done
    done
    valid check ./*.json ./*.jsonl
}

@test "the same input gives the same bytes" {
    for f in text json jsonl; do
        "$VHDXRAY" check -f $f corrupt.vhdx dirty.vhdx >once || [ $? -eq 1 ]
        sleep 0.01
        mkdir -p elsewhere && ln -f corrupt.vhdx dirty.vhdx elsewhere/
        (cd elsewhere && LC_ALL=C TZ=Asia/Tokyo COLUMNS=40 "$VHDXRAY" check -f $f corrupt.vhdx dirty.vhdx) >twice || [ $? -eq 1 ]
        cmp once twice
    done
}

@test "evidence stays as it is: bytes, size and times" {
    for i in clean corrupt dirty; do
        chmod a-w $i.vhdx
        before="$(sha256sum $i.vhdx) $(stat -c '%s %y %z %a' $i.vhdx)"
        for c in check info log dump; do "$VHDXRAY" $c $i.vhdx >/dev/null || [ $? -eq 1 ]; done
        "$VHDXRAY" log --plan $i.vhdx >/dev/null
        [ "$before" = "$(sha256sum $i.vhdx) $(stat -c '%s %y %z %a' $i.vhdx)" ]
    done
    [ "$(ls | wc -l)" -eq 6 ] # nothing was left beside them
}

@test "--max-findings lists fewer and counts all" {
    copy many
    vx check many.vhdx
    expect 1 "32 warnings"
    "$VHDXRAY" check -f json --max-findings 3 many.vhdx >few.json || [ $? -eq 1 ]
    valid check few.json
    [ "$(json '.images[0].counts.warning' few.json)" = 32 ]
    [ "$(json '.images[0].suppressed["VHDX-BAT-007"]' few.json)" = 29 ]
    [ "$(json '[.images[0].findings[] | select(.rule == "VHDX-BAT-007")] | length' few.json)" = 3 ]
    vx check --max-findings 3 many.vhdx
    expect 1 "29 more that are only counted"
}

@test "--max-memory stops with exit 6, and the report says so" {
    vx_apart check --max-memory 1M greedy.vhdx
    expect 6
    [[ $stderr == *"--max-memory"* ]]
    "$VHDXRAY" check -f json --max-memory 1M greedy.vhdx >limit.json || [ $? -eq 6 ]
    valid check limit.json
    [ "$(json '.images[0] | "\(.verdict) \(.complete)"' limit.json)" = "null false" ]
    for size in 1 4K 64K; do # no image fits, and that is a limit, not a wrong use
        vx_apart check --max-memory "$size" clean.vhdx
        expect 6
        [[ $stderr == *"--max-memory"* || $stderr == *"a limit was reached: the report is not complete"* ]]
    done
}

@test "strings full of quotes, controls and lone surrogates do no harm" {
    name=$'a"\\\x1b[31m\xff\n.vhdx'
    copy escapes "$name"
    for c in check info log dump; do
        for f in text json jsonl; do
            "$VHDXRAY" $c -f $f "$name" >out.$f 2>err || [ $? -eq 1 ]
            run grep -cP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]' out.$f err
            expect 1
            iconv -f utf-8 -t utf-8 out.$f >/dev/null
        done
        valid $c out.json out.jsonl
    done
    "$VHDXRAY" check -f json "$name" >out.json || [ $? -eq 1 ]
    [ "$(json '.images[0].path_lossy' out.json)" = true ]
    [[ "$(json '.images[0].facts.creator' out.json)" == *'</script>'* ]]
}

@test "colours only on request" {
    vx check corrupt.vhdx
    lacks $'\x1b'
    vx check --color always corrupt.vhdx
    expect 1 $'\x1b[1;31mCORRUPT\x1b[0m'
    vx check --color never corrupt.vhdx
    lacks $'\x1b'
    if script -qec true /dev/null >/dev/null 2>&1; then # there are pseudo-terminals here
        run script -qec "'$VHDXRAY' check corrupt.vhdx" /dev/null
        expect 1 $'\x1b[1;31mCORRUPT'
        run env NO_COLOR=1 script -qec "'$VHDXRAY' check corrupt.vhdx" /dev/null
        lacks $'\x1b'
        run env TERM=dumb script -qec "'$VHDXRAY' check corrupt.vhdx" /dev/null
        lacks $'\x1b'
    fi
}

@test "the coverage line names what was looked at and why rules were left out" {
    vx check clean.vhdx
    expect 0 "looked at: 2 headers, 2 region tables, 5 metadata items, 256 log sectors, 32 BAT entries; "
    copy escapes
    vx check escapes.vhdx
    expect 1 "not evaluated (" "no parent given"
}

@test "the next step names the file when a shell could read it" {
    vx check dirty.vhdx
    expect 1 "vhdxray log dirty.vhdx --plan"
    cp dirty.vhdx 'two words.vhdx'
    vx check 'two words.vhdx'
    expect 1 "vhdxray log FILE --plan"
}
