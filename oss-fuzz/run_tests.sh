#!/bin/bash -eu
# SPDX-License-Identifier: MIT
# Builds and runs the unit tests, offline and without the fuzzers' flags; writes only below build/, which git ignores.
unset CC CXX CFLAGS CXXFLAGS LIB_FUZZING_ENGINE
cd "$SRC/vhdxray"
ninja --quiet build/release/all
exec tools/unit release
