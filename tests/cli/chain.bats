# SPDX-License-Identifier: MIT
# Parents of a differencing disk on the command line.

load helper

setup_file() {
    images child
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    copy child child.avhdx
    mkdir parents
    cp "$BATS_FILE_TMPDIR/parent.vhdx" parents/
}

@test "without a parent: clean, chain rules are not evaluated" {
    "$VHDXRAY" check -f json child.avhdx >r.json
    valid check r.json
    [ "$(json '.images[0].verdict' r.json)" = clean ]
    [ "$(json '[.images[0].rules.not_evaluated[] | select(.rule | startswith("VHDX-CHAIN"))] | length > 0' r.json)" = true ]
    [ "$(json '[.images[0].rules.not_evaluated[] | select(.rule | startswith("VHDX-CHAIN")).reason] | unique | join(",")' r.json)" = "no parent given" ]
    [ "$(json '.images[0].facts.parent.resolved' r.json)" = null ]
}

@test "--parent: evaluated, and the path is in the facts" {
    "$VHDXRAY" check -f json --parent parents/parent.vhdx child.avhdx >r.json
    valid check r.json
    [ "$(json '.images[0].verdict' r.json)" = clean ]
    [ "$(json '.images[0].facts.parent.resolved' r.json)" = parents/parent.vhdx ]
    [ "$(json '[.images[0].rules.not_evaluated[] | select(.rule | startswith("VHDX-CHAIN"))] | length' r.json)" = 0 ]
}

@test "--search-dir finds it by its name" {
    vx check --search-dir parents child.avhdx
    expect 0 CLEAN "parent parents/parent.vhdx"
    vx check --search-dir . --search-dir parents child.avhdx
    expect 0 CLEAN "parent parents/parent.vhdx"
    vx info --search-dir parents child.avhdx
    expect 0 "parents/parent.vhdx"
}

@test "a chain that is cut above the parent is told" {
    "$VHDXRAY" create -q middle.avhdx --type differencing --parent parents/parent.vhdx
    "$VHDXRAY" create -q top.avhdx --type differencing --parent middle.avhdx
    vx check --parent middle.avhdx top.avhdx
    expect 0 CLEAN VHDX-CHAIN-001 "the parent middle.avhdx needs a parent as well, and none was given"
    vx check --search-dir . top.avhdx
    expect 1 SUSPICIOUS VHDX-CHAIN-001 "the parent of ./middle.avhdx was not found in the directories given"
    vx check --search-dir . --search-dir parents top.avhdx
    expect 0 CLEAN
    [[ $output != *VHDX-CHAIN-001* ]]
}

@test "a wrong parent is an error" {
    PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'PY'
import vhdx
i = vhdx.Image()
for h in i.headers:
    h.dw = vhdx.guid(200)
i.save("other.vhdx")
PY
    vx check --parent other.vhdx child.avhdx
    expect 1 VHDX-CHAIN-003
}

@test "a parent that is missing, or itself" {
    vx_apart check --parent nowhere.vhdx child.avhdx
    expect 3 VHDX-CHAIN-002
    [[ $stderr == *"nowhere.vhdx: no such file"* ]]
    vx info --parent nowhere.vhdx child.avhdx
    expect 3 "no such file"
    vx check --parent child.avhdx child.avhdx
    expect 1 VHDX-CHAIN
}

@test "a search directory that is none: exit 3" {
    vx check --search-dir nowhere child.avhdx
    expect 3 "--search-dir nowhere"
    vx check --search-dir child.avhdx child.avhdx
    expect 3 "--search-dir child.avhdx"
}

@test "a path inside the image is never opened by itself" {
    cp parents/parent.vhdx parent.vhdx # beside the child, where relative_path points
    vx check child.avhdx
    expect 0 "no parent given"
}
