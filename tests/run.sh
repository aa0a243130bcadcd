#!/bin/sh
# Installs what is missing (Debian, as root), builds, and runs the tests.
#   sh tests/run.sh             release build and its tests
#   sh tests/run.sh --deps      install only
#   sh tests/run.sh --sanitize  the same under ASan and UBSan
set -eu
cd "$(dirname "$0")/.."

# Packages, one line a purpose. hiprtc (libamdhip64) and comgr come from libamdhip64-dev; without them AMD code objects are not built.
packages="build-essential cmake ninja-build pkg-config
libcjson-dev libssl-dev libsqlite3-dev
libamdhip64-dev libamd-comgr-dev
libcmocka-dev python3-minimal python3-numpy"

missing=""
for p in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | cut -c1-2)" = ii ] || missing="$missing $p"
done
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || { echo "tests/run.sh: as root: apt-get install$missing" >&2; exit 1; }
    echo "installing:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
[ "${1:-}" != --deps ] || exit 0

build=build
options=""
if [ "${1:-}" = --sanitize ]; then
    build=build-sanitize
    options="-DTOKIC_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo"
fi
# shellcheck disable=SC2086
cmake -S . -B "$build" -G Ninja $options >/dev/null
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure
