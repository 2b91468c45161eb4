#!/bin/bash -eu
# SPDX-License-Identifier: MIT
# Builds the fuzz targets for OSS-Fuzz and ClusterFuzzLite, in the environment that those give a build.sh:
#
#   CC CXX CFLAGS CXXFLAGS LIB_FUZZING_ENGINE   how to compile and link
#   SRC                                         here lies the source of cJSON: cjson/
#   WORK OUT                                    objects; what is run: targets with their seeds, dictionary and options
#
# Everything is compiled from source and linked statically: cJSON as well, so that MSan sees into it and i386 has it, and
# the portable CRC instead of ISA-L's. What there is to compile is found out here: a new file or target needs no line.
# tools/check-oss-fuzz runs this as OSS-Fuzz does.
cd "$(dirname "$0")/.."
[ -e "$SRC/cjson/cJSON.c" ] || { echo "oss-fuzz.sh: no $SRC/cjson/cJSON.c" >&2; exit 1; }
objects=$WORK/vhdxray
rm -rf "$objects"
mkdir -p "$objects"

# What the targets share: the library, of the command what reads its arguments, and all of fuzz/ that is not a program.
shared=(src/cli/message.c src/cli/options.c tests/build.c tests/build_edit.c tests/build_log.c tests/reference_reader.c)
while read -r f; do
    case $f in
    src/base/crc32c_isal.c | src/cli/* | src/nbdkit/*) ;;
    fuzz/fuzz_*.c | fuzz/make_*.c | fuzz/planted/* | fuzz/driver.c | fuzz/choose.c | fuzz/options.c | fuzz/sparsify.c | fuzz/unsparse.c) ;;
    *) shared+=("$f") ;;
    esac
done < <(find src fuzz -name '*.c' | LC_ALL=C sort)
targets=()
for f in fuzz/fuzz_*.c; do t=${f#fuzz/}; targets+=("${t%.c}"); done

export COMPILE="$CC $CFLAGS -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Isrc -I. -Itests -I$SRC"
object_of() { local o=${1//\//_}; echo "$objects/${o%.c}.o"; }
for f in "$SRC/cjson/cJSON.c" "${shared[@]}"; do printf '%s\0%s\0' "$f" "$(object_of "$f")"; done >"$objects/list"
for t in "${targets[@]}"; do printf '%s\0%s\0' "fuzz/$t.c" "$(object_of "fuzz/$t.c")"; done >>"$objects/list"
# shellcheck disable=SC2016
xargs -0 -n 2 -P "$(nproc)" sh -c 'exec $COMPILE -c "$0" -o "$1"' <"$objects/list"

archived=()
for f in "$SRC/cjson/cJSON.c" "${shared[@]}"; do archived+=("$(object_of "$f")"); done
ar rcs "$objects/shared.a" "${archived[@]}"

# C++'s driver links, whatever the language: engines are written in it.
for t in "${targets[@]}"; do
    # shellcheck disable=SC2086
    $CXX $CXXFLAGS "$(object_of "fuzz/$t.c")" "$objects/shared.a" $LIB_FUZZING_ENGINE -o "$OUT/$t"

    entry=${t#fuzz_}
    rm -f "$OUT/${t}_seed_corpus.zip"
    find "corpus/$entry" corpus/regressions -type f | LC_ALL=C sort | zip -q -j -X "$OUT/${t}_seed_corpus.zip" -@
    cp fuzz/vhdx.dict "$OUT/$t.dict"
    options=fuzz/$t.options
    [ -e "$options" ] || options=fuzz/default.options
    { cat "$options"; echo "dict = $t.dict"; } >"$OUT/$t.options"
done
