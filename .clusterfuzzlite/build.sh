#!/bin/bash -eu
# SPDX-License-Identifier: MIT
exec "$SRC/vhdxray/fuzz/oss-fuzz.sh"
