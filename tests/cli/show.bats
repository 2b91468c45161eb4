# SPDX-License-Identifier: MIT
# info, dump, log, explain, rules: what they show, in text and JSON.

load helper

setup_file() {
    images clean corrupt dirty hostile_log child
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    for i in clean corrupt dirty hostile_log child; do copy $i; done
}

@test "info: facts only" {
    vx info clean.vhdx
    expect 0 "guest disk      64 MiB (67,108,864 bytes)" "block size      2 MiB" "type            dynamic" "header choice   higher sequence number"
    lacks VHDX- CLEAN
    "$VHDXRAY" info -f json clean.vhdx corrupt.vhdx >i.json
    "$VHDXRAY" info -f jsonl clean.vhdx corrupt.vhdx >i.jsonl
    valid info i.json i.jsonl
    "$VHDXRAY" check -f json clean.vhdx >c.json
    [ "$(jq -c '.images[0].facts' i.json)" = "$(jq -c '.images[0].facts' c.json)" ]
}

@test "info: missing facts are null and exit 3" {
    head -c 2M /dev/zero >zeros.vhdx
    vx info zeros.vhdx
    expect 3 "no facts about a guest disk"
    "$VHDXRAY" info -f json zeros.vhdx >z.json 2>/dev/null || [ $? -eq 3 ]
    valid info z.json
    [ "$(jq -c '.images[0].facts | [.type, .virtual_size, .bat, .log, .current_header]' z.json)" = "[null,null,null,null,null]" ]
}

@test "dump: every part, in every format" {
    for i in clean dirty child; do
        for part in file-id headers regions metadata locator bat log bitmap all; do
            for hex in "" --hex; do
                # shellcheck disable=SC2086
                vx dump $i.vhdx $part $hex
                expect 0
                [ -n "$output" ]
                # shellcheck disable=SC2086
                "$VHDXRAY" dump $i.vhdx $part $hex -f json >d.json
                # shellcheck disable=SC2086
                "$VHDXRAY" dump $i.vhdx $part $hex -f jsonl >d.jsonl
                keep dump d.json d.jsonl
            done
        done
    done
    kept_are_valid
}

@test "dump: fields with offset, value and meaning" {
    vx dump clean.vhdx headers
    expect 0 "header 2 at 0x20000, 4 KiB, valid, current"
    [[ $output =~ 0x00020008\ \ sequence_number\ +0x7 ]]
    [[ $output =~ 0x00020030\ \ log_guid\ +0{8}-0{4}-0{4}-0{4}-0{12}\ +nil ]]
    "$VHDXRAY" dump clean.vhdx headers -f json >h.json
    [ "$(json '.structures[1].fields[] | select(.name == "sequence_number") | "\(.offset) \(.length) \(.value)"' h.json)" = "131080 8 0x7" ]
}

@test "dump --hex: the bytes of the file, fields named beside" {
    vx dump clean.vhdx headers --hex
    row=$(grep '0x00010000  68 65' <<<"$output")
    [[ $row == *"|head"* && $row == *"signature, checksum, sequence_number" ]]
    # Against an independent dump.
    want=$(od -A n -t x1 -j $((0x20010)) -N 16 clean.vhdx | tr -d ' \n')
    "$VHDXRAY" dump clean.vhdx headers --hex -f json >h.json
    [ "$(json '.structures[1].hex[] | select(.offset == 131088) | .bytes' h.json)" = "$want" ]
}

@test "dump bat: zero entries are left out unless asked for" {
    vx dump clean.vhdx bat
    expect 0 "fully_present" "(30 entries not shown: zero, not present)"
    [ "$(grep -c fully_present <<<"$output")" -eq 2 ]
    vx dump clean.vhdx bat --range 1:4
    [ "$(grep -cE '^  [0-9]+ ' <<<"$output")" -eq 3 ]
    vx dump clean.vhdx bat --range 1:+2 -f jsonl
    [ "${#lines[@]}" -eq 2 ]
    [ "$(jq -c '[.index, .state, .guest_range.offset]' <<<"${lines[0]}")" = '[1,"fully_present",2097152]' ]
    vx dump clean.vhdx bat --range 1000000:
    expect 0
}

@test "dump --range alone: bytes of the file" {
    vx dump clean.vhdx --range 0x10000:+16
    expect 0 "0x00010000  68 65 61 64"
    [ "${#lines[@]}" -eq 1 ]
    vx dump clean.vhdx --range 1M:+8K
    expect 0 "8,192 zero bytes"
    "$VHDXRAY" dump clean.vhdx --range 0:64K -f jsonl >bytes.jsonl
    valid dump bytes.jsonl
    [ "$(head -n 1 bytes.jsonl | jq -r .bytes)" = "$(head -c 16 clean.vhdx | od -A n -t x1 | tr -d ' \n')" ]
    vx dump clean.vhdx --range 999G:
    expect 0
}

@test "dump: the replayed view, and the stored one on request" {
    vx dump dirty.vhdx bat
    expect 0 "with the log replayed"
    [ "$(grep -c fully_present <<<"$output")" -eq 2 ]
    vx dump dirty.vhdx bat --no-replay
    [ "$(grep -c fully_present <<<"$output")" -eq 1 ]
}

@test "dump: a part that is not there is exit 3, in all it is a line" {
    head -c 2M /dev/zero >zeros.vhdx
    for part in metadata bat log locator bitmap; do
        vx_apart dump zeros.vhdx $part
        expect 3
        [[ $stderr == *"not there"* ]]
    done
    vx dump zeros.vhdx
    expect 0 "bat: not there" "metadata: not there"
    vx dump clean.vhdx metdata
    expect 2 "did you mean metadata?"
}

@test "log: entries, sessions, sequences" {
    vx log dirty.vhdx
    expect 0 "dirty.vhdx: log dirty" "1 valid of the log id" "active: complete and newest"
    vx log clean.vhdx
    expect 0 "clean.vhdx: log empty" "nothing to replay"
    vx log -q clean.vhdx dirty.vhdx
    expect 0
    "$VHDXRAY" log -f json dirty.vhdx clean.vhdx hostile_log.vhdx >l.json
    "$VHDXRAY" log -f jsonl --plan dirty.vhdx clean.vhdx hostile_log.vhdx >l.jsonl
    valid log l.json l.jsonl
    [ "$(json '.images[0].sequences[0].state' l.json)" = active ]
}

@test "log --plan: which BAT entry changes, and nothing is written" {
    before=$(sha256sum dirty.vhdx)
    vx log --plan dirty.vhdx
    expect 0 "the bat region" "BAT entry 1: 0x0 (not_present) -> 0x600006 (fully_present at 0x600000)"
    "$VHDXRAY" log --plan -f json dirty.vhdx >p.json
    valid log p.json
    [ "$(jq -c '.images[0].plan | [.state, .pages_written, .pages_changed, .size_before == .size_after]' p.json)" = '["possible",1,1,true]' ]
    [ "$(jq -c '.images[0].plan.changes[0] | [.structure, .bat_entries]' p.json)" = '["bat",[{"index":1,"stored":"0x0","replayed":"0x600006"}]]' ]
    [ "$before" = "$(sha256sum dirty.vhdx)" ]
    vx log --plan clean.vhdx
    expect 0 "nothing to replay"
}

@test "log --plan: a replay that is refused says why" {
    vx log --plan hostile_log.vhdx
    expect 0 "refused" "target in the file identifier or the headers"
    "$VHDXRAY" log --plan -f json hostile_log.vhdx >p.json
    valid log p.json
    [ "$(json '.images[0].plan.state' p.json)" = refused ]
    [ "$(json '.images[0].faults | length' p.json)" = 1 ]
}

@test "log: no header, no log: exit 3" {
    head -c 2M /dev/zero >zeros.vhdx
    vx log zeros.vhdx
    expect 3 "no valid header"
}

@test "explain: all that is known of a rule" {
    vx explain VHDX-BAT-016
    expect 0 VHDX-BAT-016 "severity" "why" "means" "next" "repair" "refused by" "MS-VHDX 2."
    first=$output
    vx explain bat-016
    expect 0
    [ "$output" = "$first" ]
    vx explain VHDX-BAT-016 VHDX-HDR-003
    expect 0 VHDX-BAT-016 VHDX-HDR-003
    vx explain VHDX-RGN-011 # mended on request where the tail of the region is unused
    expect 0 "repair       only with consent"
    "$VHDXRAY" explain -f json VHDX-BAT-016 >e.json
    "$VHDXRAY" explain -f jsonl VHDX-BAT-016 VHDX-HDR-003 >e.jsonl
    valid rules e.json e.jsonl
}

@test "explain: a code of Windows in every form that is seen" {
    vx explain 0x80070570
    expect 0 ERROR_FILE_CORRUPT 1392 0xC0000102 "look for" VHDX-HDR-002
    first=$output
    for form in 0X80070570 80070570 -2147023504 2147943792 1392 0x570 0xC0000102 error_file_corrupt STATUS_FILE_CORRUPT \
        Wsl/Service/CreateInstance/MountVhd/HCS/0x80070570; do
        vx explain $form
        expect 0
        [ "$output" = "$first" ] || { echo "$form"; return 1; }
    done
    vx explain 0xC03A0017
    expect 0 ERROR_VHD_CHILD_PARENT_SIZE_MISMATCH VHDX-CHAIN-006
    vx explain -1069940722
    expect 0 0xC03A000E VHDX-CHAIN-003
    vx explain 0xC03A001E
    expect 0 "nothing in the file is at fault"
}

@test "explain: rules name the codes, codes name the rules, in JSON as well" {
    vx explain VHDX-CHAIN-003
    expect 0 "Windows" "0xC03A000E ERROR_VHD_CHILD_PARENT_ID_MISMATCH"
    "$VHDXRAY" explain -f json 0xC03A000E VHDX-CHAIN-003 >e.json
    "$VHDXRAY" explain -f jsonl 0xC03A000E VHDX-CHAIN-003 >e.jsonl
    valid rules e.json e.jsonl
    [ "$(json '.codes[0].code + " " + .rules[0].id' e.json)" = "0xC03A000E VHDX-CHAIN-003" ]
    "$VHDXRAY" rules -f json >r.json
    jq -r '.rules[] | .id as $r | .windows_codes[].code + " " + $r' r.json | sort >by_rule
    # shellcheck disable=SC2046
    "$VHDXRAY" explain -f json $(cut -d " " -f 1 by_rule | sort -u) >c.json
    jq -r '.codes[] | .code as $c | .rules[] | $c + " " + .' c.json | sort >by_code
    [ -s by_rule ]
    [ -z "$(comm -23 by_rule by_code)" ]
}

@test "explain: a number that means nothing here is exit 2" {
    for word in 0x80071234 4711 0x 0xC03A00FF -5 0 STATUS_XYZ 99999999999999999999 0x1800705700; do
        vx explain $word
        expect 2 "no code"
    done
}

@test "explain: an unknown rule is exit 2 with a suggestion" {
    vx explain VHDX-XXX-999
    expect 2 "no rule VHDX-XXX-999"
    vx explain VHDX-BAT-O16
    expect 2 "did you mean VHDX-BAT-0"
    vx explain ""
    expect 2
    vx explain "$(printf 'x%.0s' $(seq 5000))"
    expect 2
}

@test "every rule that is listed is explained in full" {
    "$VHDXRAY" rules -f json >r.json
    "$VHDXRAY" rules -f jsonl >r.jsonl
    valid rules r.json r.jsonl
    [ "$(json '.rules | length' r.json)" -gt 100 ]
    [ "$(json '.rules[].id' r.json | sort | uniq -d)" = "" ]
    [ "$(jq -r '[.rules[] | select(.means == null or .means == "" or .next == null or .next == "")] | map(.id) | join(" ")' r.json)" = "" ]
    vx rules
    expect 0
    for id in $(json '.rules[].id' r.json); do
        [[ $output == *"$id "* ]] || { echo "$id is not in the text list"; return 1; }
    done
    listed=$output
    vx explain rules
    [ "$output" = "$listed" ]
    # shellcheck disable=SC2046
    vx explain $(json '.rules[].id' r.json)
    expect 0
    [ "$(grep -cE '^VHDX-' <<<"$output")" -eq "$(json '.rules | length' r.json)" ]
}

@test "the catalogue names no rule in text that does not exist" {
    "$VHDXRAY" rules -f json >r.json
    json '.rules[].id' r.json | sort >ids
    grep -oE 'VHDX-[A-Z]+-[0-9]{3}' r.json | sort -u | comm -13 ids - >unknown
    [ ! -s unknown ] || { cat unknown; return 1; }
}
