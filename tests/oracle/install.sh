#!/bin/bash
# SPDX-License-Identifier: MIT
# What `ninja install` puts where, and that it can be used from there: by a compiler through pkg-config, by the loader, by
# nbdkit, by man. Into a temporary DESTDIR; nothing is installed on this machine.
#
#   tests/oracle/install.sh
#
# Prints a line per check, last `N passed, N failed`.
set -u
tests=$(cd "$(dirname "$0")/.." && pwd)
root=$(dirname "$tests")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit
. "$tests/checks.sh"

same() {            # same WHAT GOT WANT
    [ "$2" = "$3" ] || { echo "$1:"; diff <(echo "$2") <(echo "$3"); return 1; }
}

version=$(sed -n 's/^#define VHDXRAY_VERSION "\(.*\)"$/\1/p' "$root/src/vhdxray.h")
declared=$(sed -n '/^VHDXRAY_API/s/.*[ *]\(vhdxray_[a-z_]*\)(.*/\1/p' "$root/src/vhdxray.h" | LC_ALL=C sort)
dest=$dir/dest
prefix=/opt/vx
lib=$prefix/lib/multi
export PKG_CONFIG_PATH=$dest$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest
# Its own words stay out of the way: what is built here depends on nothing that the environment may say.
unset CFLAGS LDFLAGS LD_LIBRARY_PATH

check 'ninja install' env -C "$root" DESTDIR="$dest" PREFIX=$prefix LIBDIR=$lib ninja install
check 'the files' same files "$(cd "$dest" && find . -not -type d | LC_ALL=C sort)" \
    "$(printf '%s\n' bin/vhdxray include/vhdxray.h lib/multi/libvhdxray.a lib/multi/libvhdxray.so lib/multi/libvhdxray.so.0 \
        "lib/multi/libvhdxray.so.$version" lib/multi/nbdkit/plugins/nbdkit-vhdxray-plugin.so \
        lib/multi/pkgconfig/libvhdxray.pc \
        share/bash-completion/completions/vhdxray share/zsh/site-functions/_vhdxray \
        share/fish/vendor_completions.d/vhdxray.fish \
        $({ cd "$root/docs" && printf '%s\n' *.scd | sed 's/\.scd$//'
            "$root/build/release/vhdxray" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/vhdxray-\1.1/p'; } | sort -u |
            sed 's|.*\.\([1-8]\)$|share/man/man\1/&|') |
        sed "s|^|.$prefix/|" | LC_ALL=C sort)"
check 'a second time' env -C "$root" DESTDIR="$dest" PREFIX=$prefix LIBDIR=$lib ninja install
check 'a prefix that is no absolute path' env -C "$root" PREFIX=here sh -c '! tools/install'
check 'the program' eval '[ "$("$dest$prefix/bin/vhdxray" --version)" = "vhdxray $version" ]'

# ---- names ----

check 'exported: what the header declares, with its version' same symbols \
    "$(nm -D --defined-only "$dest$lib/libvhdxray.so" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort)" \
    "$(echo "$declared" | sed 's/$/@@VHDXRAY_0.1/')"
check 'static library: the same names and no other' same symbols \
    "$(nm -g --defined-only "$dest$lib/libvhdxray.a" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort)" "$declared"
check 'plugin: its entry and no other' same symbols \
    "$(nm -D --defined-only "$dest$lib/nbdkit/plugins/nbdkit-vhdxray-plugin.so" | awk '{ print $3 }')" plugin_init
check 'soname' eval 'readelf -d "$dest$lib/libvhdxray.so" | grep -q "SONAME.*\[libvhdxray.so.0\]"'
check 'no text relocations, no executable stack' eval '
    ! readelf -d "$dest$lib/libvhdxray.so" | grep -q TEXTREL && ! readelf -lW "$dest$lib/libvhdxray.so" | grep "GNU_STACK.* RWE"'

# ---- what Debian's packages say of them ----

check 'debian: the symbols are those of the header' same symbols \
    "$(sed -n 's/^ \(vhdxray_[a-z_]*\)@VHDXRAY_0\.1 .*/\1/p' "$root/debian/libvhdxray0.symbols" | LC_ALL=C sort)" "$declared"
check 'debian: version' same version "$(sed -n '1s/^vhdxray (\(.*\)) .*/\1/p' "$root/debian/changelog")" "$version"
check 'debian: builds with what the build needs' eval '
    for p in $(sed -n "s/^build=(\(.*\))/\1/p" "$root/tools/setup"); do
        case $p in gcc | libc6-dev) continue ;; esac
        sed -n "/^Build-Depends:/,/^[A-Z][a-z-]*:/p" "$root/debian/control" | grep -q "[ ,]$p\([ ,]\|\$\)" || { echo "$p"; exit 1; }
    done'
check 'debian: every file that is installed is in one package' same files \
    "$(cd "$dest$prefix" && find . -not -type d | sed "s|^\./lib/multi|usr/lib/multi|; s|^\./|usr/|; s|zsh/site-functions|zsh/vendor-completions|" |
        while read -r f; do
            n=0
            for list in "$root"/debian/*.install; do
                while read -r pattern; do case $f in $pattern) n=$((n + 1)) ;; esac; done <"$list"
            done
            [ $n -eq 1 ] || echo "$f: in $n packages"
        done)" ''

# ---- programs ----

check 'pkg-config: version' same version "$(pkg-config --modversion libvhdxray)" "$version"
for cc in gcc clang; do
    for standard in c99 c11 gnu17; do
        check "the header alone, $cc -std=$standard" eval \
            "echo '#include <vhdxray.h>' | $cc -std=$standard -pedantic -Wall -Wextra -Werror -fsyntax-only \
            $(pkg-config --cflags libvhdxray) -x c -"
    done
done
check 'the header alone, C++' eval "echo '#include <vhdxray.h>' | clang -std=c++11 -pedantic -Wall -Wextra -Werror \
    -fsyntax-only $(pkg-config --cflags libvhdxray) -x c++ -"

PYTHONPATH=$tests PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import vhdx
p = vhdx.Image(blocks=(0, 1, 2))
p.save("parent.vhdx")
i = vhdx.Image(parent=p, blocks=())
i.add_block(0, 7, b"A" * 4096)
i.add_bitmap(0, b"\xff\x00")
i.save("child.vhdx")
i.headers[0].break_crc = True
i.save("bent.vhdx")' || exit

runs() {            # runs PROGRAM: the example, on a chain; on a file that is none; on one that is not there
    local out
    out=$("$1" child.vhdx .) || { echo "$out"; return 1; }
    [[ $out == 'type differencing, guest disk of 67108864 bytes, blocks of 2097152, log empty'$'\n''parent ./parent.vhdx'$'\n'*'verdict clean'$'\n'*'data '* ]] ||
        { echo "$out"; return 1; }
    out=$("$1" bent.vhdx .)
    [[ $out == *'verdict suspicious'*'warning VHDX-HDR-003'* ]] || { echo "$out"; return 1; }
    "$1" child.vhdx && return 1
    "$1" none.vhdx 2>&1 | grep -q 'none.vhdx: no such file'
}

check 'example: builds against the shared library' gcc -std=c11 -Wall -Wextra -Wconversion -Werror "$tests/example.c" \
    $(pkg-config --cflags --libs libvhdxray) -o example
check 'example: needs libvhdxray.so.0' eval 'readelf -d example | grep -q "NEEDED.*\[libvhdxray.so.0\]"'
check 'example: runs' eval 'LD_LIBRARY_PATH=$dest$lib runs ./example'
mkdir static && cp "$dest$lib/libvhdxray.a" static/
check 'example: builds against the static library' gcc "$tests/example.c" $(pkg-config --cflags libvhdxray) -Lstatic \
    $(pkg-config --static --libs-only-l libvhdxray) -o example-static
check 'example: runs without the shared one' runs ./example-static
# A program's own names may be those of the library's insides.
cat >names.c <<'C'
#include <vhdxray.h>
int fail(void); int arena_alloc(void); int image_open(void); int source_read(void);
int fail(void) { return 0; }
int arena_alloc(void) { return 0; }
int image_open(void) { return 0; }
int source_read(void) { return 0; }
int main(void) { vhdxray *image; return vhdxray_open("child.vhdx", 0, &image, 0, 0) + fail() + arena_alloc() + image_open() + source_read(); }
C
check 'static library: does not clash with the names of a program' eval \
    'gcc names.c $(pkg-config --cflags libvhdxray) -Lstatic $(pkg-config --static --libs-only-l libvhdxray) -o names && ./names'

# ---- manual pages, plugin ----

sed -n '/^# EXAMPLE$/,/^# NOTES$/p' "$root/docs/libvhdxray.3.scd" | sed '/^```$/d; /^# /d; s/\\\\/\\/g' >manual.c
check 'the example of libvhdxray(3) builds' gcc -std=c11 -Wall -Wextra -Werror manual.c \
    $(pkg-config --cflags --libs libvhdxray) -o manual
check 'the example of libvhdxray(3) runs' eval '[ "$(LD_LIBRARY_PATH=$dest$lib ./manual parent.vhdx)" = "parent.vhdx: clean" ]'
for page in "$dest$prefix"/share/man/man*/*; do
    # One line that names another page is read from the folder above.
    if [ "$(head -c 4 "$page")" = '.so ' ]; then
        check "${page##*/} is a page that there is" test -e "$dest$prefix/share/man/$(cut -d ' ' -f 2 "$page")"
        continue
    fi
    check "mandoc: ${page##*/}" same lint "$(mandoc -Tlint -W warning "$page")" ''
done
check 'man finds the page of a command that shares one' eval '
    cd "$dest$prefix/share/man" && mandoc -Tascii -O width=100 man1/vhdxray-undo.1 | sed "s/.\x08//g" |
        grep -q "^ *vhdxray undo \[OPTION...\] FILE"'
check 'nbdkit finds the library beside the plugin' eval '
    nbdkit -U - "$dest$lib/nbdkit/plugins/nbdkit-vhdxray-plugin.so" child.vhdx search-dir=. --run "nbdinfo --size \"\$uri\"" |
        grep -qx 67108864'

finish
