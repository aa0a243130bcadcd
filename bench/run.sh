#!/bin/sh
# Builds tokic (Release, in build-bench) and prints where it stands beside its goals. Run it on a machine that does nothing else.
set -eu
cd "$(dirname "$0")/.."
cmake -S . -B build-bench -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build-bench --target tokic bench >/dev/null
./build-bench/bench/bench
