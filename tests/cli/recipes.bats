# SPDX-License-Identifier: MIT
# The jq recipes of the README, run as they are printed, one after the other in one folder.

load helper

setup_file() {
    images clean corrupt suspicious dirty many
    cd "$BATS_FILE_TMPDIR" || return
    mkdir bin
    ln -s "$VHDXRAY" bin/vhdxray
    export PATH=$BATS_FILE_TMPDIR/bin:$PATH
    # Under "With jq", lines that begin with "    $ ".
    sed -n '/^### With jq/,/^## /s/^    \$ //p' "$TESTS/../README.md" >recipes
    for i in $(seq "$(wc -l <recipes)"); do
        sed -n "${i}p" recipes >recipe$i
        code=0
        bash -e recipe$i >out$i 2>err$i || code=$?
        echo $code >code$i
    done
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

# number of the recipe that contains a text
recipe() {
    grep -nF -- "$1" recipes | head -n 1 | cut -d : -f 1
}

@test "recipes: there are some, they run, and each prints something or has nothing to print" {
    [ "$(wc -l <recipes)" -ge 7 ]
    [ "$(cat code1)" -eq 1 ]
    [ "$(wc -l <report.jsonl)" -eq 5 ]
    for i in $(seq 2 "$(wc -l <recipes)"); do
        [ "$(cat code$i)" -eq 0 ] || { cat recipe$i err$i; return 1; }
        [ ! -s err$i ]
    done
}

@test "recipes: verdicts, errors and counts are those of the text report" {
    i=$(recipe 'select(.verdict != "clean")')
    [ "$(sort out$i)" = "$(printf 'corrupt\tcorrupt.vhdx\nsuspicious\tdirty.vhdx\nsuspicious\tmany.vhdx\nsuspicious\tsuspicious.vhdx' | sort)" ]
    i=$(recipe 'select(.severity == "error")')
    grep -q $'^corrupt.vhdx\tVHDX-BAT-016\t3145728\t' out$i
    [ "$(wc -l <out$i)" -eq "$("$VHDXRAY" check ./*.vhdx | grep -c '^error ')" ]
    i=$(recipe 'group_by(.rule)')
    grep -q $'^VHDX-BAT-007\t1\t32$' out$i
    grep -q $'^VHDX-FID-002\t5\t5$' out$i
}

@test "recipes: compatibility, ranges, facts" {
    i=$(recipe compatibility.qemu.opens)
    [ "$(cut -f 1 out$i)" = suspicious.vhdx ]
    [ "$(cut -f 2 out$i)" = VHDX-RGN-002 ]
    vx check suspicious.vhdx
    expect 1 "refused by QEMU (VHDX-RGN-002)"
    i=$(recipe guest_range)
    grep -q $'^corrupt.vhdx\t0\t2097152\tVHDX-BAT-016$' out$i
    while IFS=$'\t' read -r path off len rule; do
        vx map "$path" --offset "$off" --length "$len"
        [[ $status -eq 0 || $output == *"guest range at $off"* ]]
    done <out$i
    i=$(recipe .facts.creator)
    [ "$(wc -l <out$i)" -eq 5 ]
    grep -q $'^clean.vhdx\tMicrosoft Windows' out$i
}

@test "recipes: what could not be looked at" {
    i=$(recipe 'select(.complete | not)')
    [ ! -s out$i ]
    "$VHDXRAY" check -f jsonl missing.vhdx >report.jsonl 2>/dev/null || [ $? -eq 3 ]
    [[ $(bash -e recipe$i) == *missing.vhdx*"no such file"* ]]
}
