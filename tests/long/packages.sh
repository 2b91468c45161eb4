#!/bin/bash
# SPDX-License-Identifier: MIT
# The Debian packages from a clean copy of the tree to purging: they build, lintian finds nothing, they install on this machine, the
# tests that come with them (debian/tests) pass, and nothing is left when they are gone.
#
# Needs root, and that none of the packages is installed. Exit 77 when it cannot be done here. Prints a line per check, last
# `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit
[ "$(id -u)" -eq 0 ] || { echo "packages: not root"; exit 77; }
packages=(vhdxray libvhdxray0 libvhdxray-dev nbdkit-plugin-vhdxray)
for p in "${packages[@]}"; do
    if dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed; then
        echo "packages: $p is installed"
        exit 77
    fi
done
tools/setup package || exit 77
. tests/checks.sh
dir=$(mktemp -d)
# What is installed here goes again, whatever happens.
trap 'dpkg -P "${packages[@]}" nbdkit-plugin-vhdxray-dbgsym >/dev/null 2>&1; rm -rf "$dir"' EXIT

check 'dpkg-buildpackage, from a clean copy' tools/package "$dir/built"
debs=()
for p in "${packages[@]}"; do
    deb=$(echo "$dir/built/${p}_"*.deb)
    check "$p was made" test -e "$deb"
    debs+=("$deb")
done
[ "$failed" -eq 0 ] || finish
check 'lintian' eval 'out=$(lintian --allow-root --display-info "$dir/built/"*.changes 2>&1) && [ -z "$(grep -v "^[NX]: " <<<"$out")" ] || { echo "$out"; false; }'
check 'the command needs libcrypto, which it loads itself' eval 'dpkg-deb -f "${debs[0]}" Depends | grep -q "libssl3"'
check 'the library needs none' eval '! dpkg-deb -f "${debs[1]}" Depends | grep -q "libssl3"'
check 'multi-arch: no file of two packages differs' eval '
    ! for d in "${debs[@]}"; do dpkg-deb -c "$d" | awk "!/\/\$/ { print \$6 }"; done | sort | uniq -d | grep .'

# Folders that packages share are there before and after.
(find /usr /etc /var/lib/dpkg/info -xdev ! -path '/usr/share/man/*cat*' | LC_ALL=C sort) >"$dir/before"
check 'dpkg -i' dpkg -i "${debs[@]}"
dpkg --verify "${packages[@]}" >/dev/null 2>&1 || finish
check 'dpkg --verify' eval '[ -z "$(dpkg --verify "${packages[@]}")" ]'
tests=$(awk '/^Tests:/ { print $2 }' debian/tests/control)
check 'tests come with them' test "$(echo "$tests" | wc -l)" -eq 3
for t in $tests; do
    check "debian/tests/$t" eval 'export AUTOPKGTEST_TMP=$dir/$t; mkdir "$AUTOPKGTEST_TMP" && "$PWD/debian/tests/$t"'
done
check 'dpkg -P' dpkg -P "${packages[@]}"
(find /usr /etc /var/lib/dpkg/info -xdev ! -path '/usr/share/man/*cat*' | LC_ALL=C sort) >"$dir/after"
check 'nothing is left' eval '[ -z "$(LC_ALL=C comm -13 "$dir/before" "$dir/after" | grep -i vhdx)" ] ||
    { LC_ALL=C comm -13 "$dir/before" "$dir/after" | grep -i vhdx; false; }'
finish
