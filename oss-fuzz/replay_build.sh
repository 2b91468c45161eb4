#!/bin/bash -eu
# SPDX-License-Identifier: MIT
# Builds the targets again after a change, offline: all sources are in the image, and a full build takes seconds.
exec "$SRC/vhdxray/fuzz/oss-fuzz.sh"
