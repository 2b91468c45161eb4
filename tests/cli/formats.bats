# SPDX-License-Identifier: MIT
# `check -f sarif` and `-f html`, and text on a terminal: its width and its colours.

load helper

setup_file() {
    images clean corrupt suspicious dirty many escapes
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    for i in clean corrupt suspicious; do copy $i; done
}

@test "sarif: valid for every image, exit codes as for text" {
    for i in clean corrupt suspicious dirty many escapes; do
        copy $i
        code=0
        "$VHDXRAY" check -f sarif $i.vhdx >$i.sarif || code=$?
        text=0
        "$VHDXRAY" check $i.vhdx >/dev/null || text=$?
        [ $code -eq $text ]
        [ "$(jq '.runs[0].invocations[0].exitCode' $i.sarif)" -eq $code ]
    done
    valid sarif ./*.sarif
    # What the validator is worth: it must refuse what is wrong.
    jq '.runs[0].results[0].ruleIndex = 0' corrupt.sarif >wrong.sarif
    run "$TESTS/validate_reports.py" sarif wrong.sarif
    expect 1 "is not VHDX-"
}

@test "sarif: rule, level, bytes, fingerprint; the same finding in a renamed file has the same one" {
    "$VHDXRAY" check -f sarif corrupt.vhdx >a.sarif || [ $? -eq 1 ]
    [ "$(jq -r '.runs[0].results[0] | "\(.ruleId) \(.level)"' a.sarif)" = "VHDX-BAT-016 error" ]
    [ "$(jq -c '.runs[0].results[0].locations[0].physicalLocation.region' a.sarif)" = '{"byteOffset":3145728,"byteLength":8}' ]
    [ "$(jq -r '.runs[0].tool.driver.rules[.runs[0].results[0].ruleIndex].id' a.sarif)" = VHDX-BAT-016 ]
    [ "$(jq -r '[.runs[0].tool.driver.rules[] | select(.helpUri)] | length > 100' a.sarif)" = true ]
    mkdir other
    cp corrupt.vhdx "other/two words.vhdx"
    "$VHDXRAY" check -f sarif clean.vhdx "other/two words.vhdx" >b.sarif || [ $? -eq 1 ]
    [ "$(jq -r '.runs[0].results[0].locations[0].physicalLocation.artifactLocation | "\(.uri) \(.index)"' b.sarif)" = "other/two%20words.vhdx 1" ]
    [ "$(jq -r '.runs[0].results[0].partialFingerprints["vhdxrayFinding/v1"]' a.sarif)" = "$(jq -r '.runs[0].results[0].partialFingerprints["vhdxrayFinding/v1"]' b.sarif)" ]
}

@test "sarif: what could not be looked at is a notification, and the run was no success" {
    "$VHDXRAY" check -f sarif clean.vhdx missing.vhdx >a.sarif 2>/dev/null || [ $? -eq 3 ]
    valid sarif a.sarif
    [ "$(jq -c '.runs[0].invocations[0] | [.exitCode, .executionSuccessful]' a.sarif)" = '[3,false]' ]
    [[ $(jq -r '.runs[0].invocations[0].toolExecutionNotifications[] | select(.level == "error") | .message.text' a.sarif) == *"missing.vhdx: no such file"* ]]
    [ "$(jq -r '[.runs[0].artifacts[].location.uri] | join(" ")' a.sarif)" = "clean.vhdx missing.vhdx" ]
    "$VHDXRAY" check -f sarif --max-findings 3 --fail-on never "$BATS_FILE_TMPDIR/many.vhdx" >b.sarif
    valid sarif b.sarif
    [[ $(jq -r '.runs[0].invocations[0].toolExecutionNotifications[] | select(.descriptor.id == "results-left-out") | .message.text' b.sarif) == "29 more of VHDX-BAT-007"* ]]
    [ "$(jq -r '.runs[0].artifacts[0].properties.counts.warning' b.sarif)" = 32 ]
}

@test "html: one page for all files, with what each is about" {
    "$VHDXRAY" check -f html -o page.html clean.vhdx corrupt.vhdx missing.vhdx 2>/dev/null || [ $? -eq 3 ]
    run cat page.html
    expect 0 "<title>3 files: 1 clean, 1 corrupt, 1 could not be looked at - VHDX report</title>" "Files in this report" \
        'id="i2-VHDX-BAT-016-error"' "no such file or directory" "Map of the file" "Map of the guest disk" "Log history" Compatibility Coverage
    lacks "http:" "https:" "<script" "@import" "src="
    [ "$(grep -c '<svg class="map"' page.html)" -eq 4 ]
}

@test "html: reports of every image end where they should" {
    for i in clean corrupt suspicious dirty many escapes; do
        copy $i
        "$VHDXRAY" check -f html $i.vhdx >$i.html || [ $? -eq 1 ]
        [ "$(head -c 15 $i.html)" = '<!DOCTYPE html>' ]
        [ "$(tail -n 1 $i.html)" = '</html>' ]
        run grep -cP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]' $i.html
        expect 1
    done
    grep -q '&lt;/script&gt;' escapes.html
    head -c 3M /dev/zero >zeros.vhdx
    : >empty.vhdx
    for i in zeros empty; do
        "$VHDXRAY" check -f html $i.vhdx >$i.html || [ $? -eq 1 ]
        grep -q 'class="verdict unreadable"' $i.html
    done
}

@test "sarif and html: the same input gives the same bytes" {
    for f in sarif html; do
        "$VHDXRAY" check -f $f corrupt.vhdx clean.vhdx >once || [ $? -eq 1 ]
        mkdir -p elsewhere && ln -f corrupt.vhdx clean.vhdx elsewhere/
        (cd elsewhere && LC_ALL=C TZ=Asia/Tokyo COLUMNS=40 "$VHDXRAY" check -f $f corrupt.vhdx clean.vhdx) >twice || [ $? -eq 1 ]
        cmp once twice
    done
}

@test "sarif and html are formats of check alone" {
    for c in info "dump" "log" "map"; do
        for f in sarif html; do
            vx_apart $c -f $f clean.vhdx
            expect 2
            [[ $stderr == *"only vhdxray check writes $f"* ]]
        done
    done
    vx check -f pdf clean.vhdx
    expect 2 'it takes text|json|jsonl|sarif|html'
    vx -f sarif clean.vhdx
    expect 0 '"version": "2.1.0"'
}

@test "an output that cannot be written leaves no half page" {
    [ -c /dev/full ] || skip
    for f in sarif html; do
        run bash -c "'$VHDXRAY' check -f $f clean.vhdx >/dev/full"
        expect 3 "cannot write standard output"
    done
}

# on_terminal COLUMNS COMMAND...: runs it on a pseudo-terminal of that width
on_terminal() {
    local columns=$1
    shift
    # shellcheck disable=SC2016
    run script -qec "stty cols $columns; $(printf '%q ' "$@")" /dev/null
    output=${output//$'\r'/}
}

widest() {
    sed 's/\x1b\[[0-9;]*m//g' <<<"$output" | awk '{ if (length($0) > most) most = length($0) } END { print most + 0 }'
}

@test "text on a terminal is broken at its width, never below 60; elsewhere lines stay whole" {
    script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminals here"
    unset COLUMNS
    on_terminal 80 "$VHDXRAY" check corrupt.vhdx
    expect 1
    [ "$(widest)" -le 80 ]
    [ "$(widest)" -gt 60 ]
    lines_80=$(wc -l <<<"$output")
    on_terminal 120 "$VHDXRAY" check corrupt.vhdx
    [ "$(widest)" -le 120 ]
    [ "$(wc -l <<<"$output")" -lt "$lines_80" ]
    on_terminal 20 "$VHDXRAY" check corrupt.vhdx
    [ "$(widest)" -le 60 ]
    COLUMNS=100 on_terminal 20 "$VHDXRAY" check corrupt.vhdx
    [ "$(widest)" -gt 60 ]
    [ "$(widest)" -le 100 ]
    # The words are the same, whatever the width.
    words=$(sed 's/\x1b\[[0-9;]*m//g' <<<"$output" | tr -s ' \n' '\n\n')
    vx check corrupt.vhdx
    [ "$words" = "$(tr -s ' \n' '\n\n' <<<"$output")" ]
    [ "$(widest)" -gt 100 ]
}

@test "text has the order of the page: findings, log, forecast, coverage, counts" {
    copy dirty
    vx check dirty.vhdx
    expect 1
    order=$(awk '/^warning /{print "finding"} /^log: /{print "log"} /^forecast: /{print "forecast"} /^looked at: /{print "coverage"} /^[0-9]+ errors?, /{print "counts"}' <<<"$output" | uniq | tr '\n' ' ')
    [ "$order" = "finding log forecast coverage counts " ]
    vx check clean.vhdx
    expect 0 "forecast: opened by QEMU, Hyper-V, VirtualBox, 7-Zip, libvhdi"
    lacks $'\nlog: ' "refused by"
    vx check corrupt.vhdx
    expect 1 "forecast: opened by " "refused by Hyper-V (VHDX-BAT-016)"
}

@test "dump --hex: bytes in the colour of their field, its name beside" {
    vx dump clean.vhdx headers --hex
    lacks $'\x1b'
    plain=$output
    vx dump clean.vhdx headers --hex --color always
    expect 0 $'\x1b[' "signature"
    # The colours change nothing else.
    [ "$(sed 's/\x1b\[[0-9;]*m//g' <<<"$output")" = "$plain" ]
    # Two fields of a row differ in colour, and each name has that of its bytes.
    row=$(grep -a '0x00010000 ' <<<"$output" | grep -a '68 65 61 64')
    signature=$(grep -aoP '\x1b\[[0-9;]*m(?=68)' <<<"$row")
    checksum=$(grep -aoP '\x1b\[[0-9;]*m(?=checksum)' <<<"$row")
    [ "$signature" = "$(grep -aoP '\x1b\[[0-9;]*m(?=signature)' <<<"$row")" ]
    [ "$signature" != "$checksum" ]
}
