#!/bin/sh
# Builds tokic (Release, in build-bench) and prints where it stands beside its goals. Run it on a machine that does nothing else.
#   sh bench/run.sh        the figures of everyday use
#   sh bench/run.sh scale  large graphs, from text to kernel texts
set -eu
cd "$(dirname "$0")/.."
cmake -S . -B build-bench -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build-bench --target tokic bench scale >/dev/null
exec "./build-bench/bench/${1:-bench}"
