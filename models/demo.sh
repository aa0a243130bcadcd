#!/bin/sh
# Installs what is missing (Debian, as root), builds tokic, and does the main job once: build, run and verify a mixture-of-experts model.
# Without a GPU the kernels run emulated, bit for bit as the device would.
set -eu
cd "$(dirname "$0")/.."
sh tests/run.sh --deps
cmake -S . -B build -G Ninja >/dev/null
cmake --build build --target tokic

say() { printf '\n$ tokic %s\n' "$*"; ./build/tokic "$@"; }
say build models/moe_sheaf.graph
say run --backend hip --device emu
say verify --against cpu --device emu
