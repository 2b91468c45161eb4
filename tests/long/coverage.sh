#!/bin/bash
# SPDX-License-Identifier: MIT
# What the test suite reaches of the library (tools/test-coverage), whose figure goes to tests/FIGURES.md. Last line:
# `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit
mkdir -p build/test
ninja cov >build/test/build-cov.log 2>&1 || { tail -n 20 build/test/build-cov.log; echo "0 passed, 1 failed"; exit 1; }
exec tools/test-coverage
