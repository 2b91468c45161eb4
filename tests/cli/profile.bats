# SPDX-License-Identifier: MIT
# `check --profile azure`: what an upload asks of a disk. Limits as Microsoft documents them, by hand.

load helper

setup_file() {
    images clean corrupt dirty child
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# result ID FILE [OPTION...]: of one requirement
result() {
    local id=$1 file=$2
    shift 2
    "$VHDXRAY" check --profile azure -f jsonl --fail-on never "$@" "$file" | jq -r --arg id "$id" '.profile.requirements[] | select(.id == $id) | .result'
}

ready() {
    "$VHDXRAY" check --profile azure -f jsonl --fail-on never "$@" | jq .profile.ready
}

@test "profile: a disk that can be uploaded, and one that cannot" {
    copy clean
    vx check --profile azure clean.vhdx
    expect 0 "Upload to Azure: ready, once it is converted" "convert  a VHD, not a VHDX" "convert  a fixed disk: dynamic"
    "$VHDXRAY" create small.vhdx --size 19M >x
    vx check --profile azure small.vhdx
    expect 1 "CLEAN" "not ready: 1 requirement stands against it" "unmet    20 MiB at least: 19922944 bytes"
    vx check --profile azure --fail-on never small.vhdx
    expect 0 "not ready"
    vx check --profile azure --fail-on error small.vhdx
    expect 1
    vx check small.vhdx
    expect 0
    [[ $output != *Azure* ]]
    vx check -q --profile azure small.vhdx
    expect 1 "unmet    20 MiB at least"
    vx check -q --profile azure clean.vhdx
    expect 0
    [[ $output != *Azure* ]]
}

@test "profile: sizes on both sides of each limit" {
    for n in 20971520:met:met:met 20971008:unmet:unmet:met 21495808:unmet:met:met \
        35184372088832:met:met:met 35184373137408:met:met:unmet; do
        IFS=: read -r size step least most <<<"$n"
        "$VHDXRAY" create d.vhdx --size "$size" --block-size 256M >x
        [ "$(result virtual_size_step d.vhdx)" = "$step" ]
        [ "$(result virtual_size_least d.vhdx)" = "$least" ]
        [ "$(result virtual_size_most d.vhdx)" = "$most" ]
        rm d.vhdx
    done
    "$VHDXRAY" create d.vhdx --size 4095G >x
    [ "$(result system_disk_size d.vhdx)" = met ]
    "$VHDXRAY" create e.vhdx --size 4096G >x
    [ "$(result system_disk_size e.vhdx)" = note ]
    [ "$(ready e.vhdx)" = true ]
}

@test "profile: sector size and type" {
    "$VHDXRAY" create k.vhdx --size 64M --sector-size 4096 >x
    [ "$(result logical_sector_size k.vhdx)" = unmet ]
    [ "$(ready k.vhdx)" = false ]
    "$VHDXRAY" create f.vhdx --size 64M --type fixed >x
    [ "$(result type f.vhdx)" = met ]
    copy child
    cp --sparse=always "$BATS_FILE_TMPDIR/parent.vhdx" .
    [ "$(result type child.vhdx)" = unmet ]
    [ "$(result type child.vhdx --parent parent.vhdx)" = convert ]
}

@test "profile: damage and logs" {
    copy corrupt
    copy dirty
    vx check --profile azure corrupt.vhdx
    expect 1 "unmet    the image has no errors: corrupt"
    [ "$(result log dirty.vhdx)" = convert ]
    [ "$(result log dirty.vhdx --no-replay)" = convert ]
    head -c 3M /dev/zero >zeros.vhdx
    [ "$(ready zeros.vhdx)" = false ]
    [ "$(result type zeros.vhdx)" = unknown ]
    [ "$(result virtual_size_step zeros.vhdx)" = unknown ]
    : >empty.vhdx
    [ "$(ready empty.vhdx)" = false ]
}

@test "profile: partition tables" {
    "$VHDXRAY" create d.vhdx --size 3T >x
    [ "$(result partition_table d.vhdx)" = note ]
    # One entry of type 7 from sector 2048 on, and the signature.
    { head -c 446 /dev/zero; printf '\0\0\0\0\7\0\0\0\0\10\0\0\0\0\1\0'; head -c 48 /dev/zero; printf '\125\252'; } >mbr
    "$VHDXRAY" write d.vhdx --offset 0 <mbr >x
    [ "$(result partition_table d.vhdx)" = met ]
    [ "$(result system_disk_size d.vhdx)" = note ]
    { printf 'EFI PART'; head -c 504 /dev/zero; } | "$VHDXRAY" write d.vhdx --offset 512 >x
    vx check --profile azure --fail-on error d.vhdx
    expect 0 "GPT: for a generation 2 machine"
    [ "$(result system_disk_size d.vhdx)" = met ]
}

@test "profile: in JSON, HTML and SARIF, for many files, and nothing without it" {
    copy clean
    copy corrupt
    for f in json jsonl; do
        "$VHDXRAY" check --profile azure -f $f clean.vhdx corrupt.vhdx >a.$f || [ $? -eq 1 ]
    done
    valid check a.json a.jsonl
    [ "$(jq -c '[.images[].profile.ready]' a.json)" = '[true,false]' ]
    "$VHDXRAY" check --profile azure -j 2 -f json clean.vhdx corrupt.vhdx >b.json || [ $? -eq 1 ]
    cmp a.json b.json
    "$VHDXRAY" check --profile azure -f sarif clean.vhdx corrupt.vhdx >a.sarif || [ $? -eq 1 ]
    valid sarif a.sarif
    [ "$(jq -c '[.runs[0].artifacts[].properties.profile.ready]' a.sarif)" = '[true,false]' ]
    "$VHDXRAY" check --profile azure -f html clean.vhdx corrupt.vhdx >a.html || [ $? -eq 1 ]
    grep -q 'id="i2-profile"' a.html
    grep -q 'not ready: 1 requirement stands against it' a.html
    [ "$("$VHDXRAY" check -f jsonl clean.vhdx | jq 'has("profile")')" = false ]
}

@test "profile: the conversion that it names gives a file that Azure takes" {
    "$VHDXRAY" create d.vhdx --size 24M --block-size 1M >x
    seq 400000 | head -c 2M | "$VHDXRAY" write d.vhdx --offset 5M >x
    [ "$(ready d.vhdx)" = true ]
    "$VHDXRAY" export d.vhdx d.raw >x
    qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on d.raw d.vhd
    [ "$(stat -c %s d.vhd)" -eq $((24 * 1024 * 1024 + 512)) ]
    [ "$(tail -c 512 d.vhd | head -c 8)" = conectix ]
    cmp -n $((24 * 1024 * 1024)) d.raw d.vhd
}

@test "profile: an unknown one is a usage error" {
    vx check --profile aws x.vhdx
    expect 2 "azure"
}
