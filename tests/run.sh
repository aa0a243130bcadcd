#!/bin/sh
# Installs what is missing (Debian, as root), builds, and runs the tests.
#   sh tests/run.sh             release build and its tests
#   sh tests/run.sh --deps      install only
#   sh tests/run.sh --clang     the same with clang, without the long tests: they judge kernels, which are the same ones
#   sh tests/run.sh --sanitize  the same under ASan and UBSan, with the first part of each test that runs in parts
#   sh tests/run.sh --fuzz      each libFuzzer target for a minute (FUZZ_SECONDS) under ASan and UBSan
#   sh tests/run.sh --mutants   plants two faults in a copy of the sources: verify must see both (tests/mutate.py)
#   sh tests/run.sh --format    clang-format's check of every source
# Where CI is set, a warning is an error, and a test whose need the packages bring fails without it (TOKIC_REQUIRE).
# Where TOKIC_REPORT names a file, every step adds a line to it: name|seconds|passed|failed|skipped.
set -eu
cd "$(dirname "$0")/.."
mode=${1:-}
case $mode in
'' | --deps | --clang | --sanitize | --fuzz | --mutants | --format) ;;
*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# Packages, one line a purpose. hiprtc (libamdhip64) and comgr come from libamdhip64-dev; without them AMD code objects are not built.
packages="build-essential cmake ninja-build pkg-config
libcjson-dev libssl-dev libsqlite3-dev
libamdhip64-dev libamd-comgr-dev
libcmocka-dev python3-minimal python3-numpy"
case $mode in
--clang) packages="$packages clang" ;;
--fuzz) packages="$packages clang libclang-rt-14-dev" ;;
--format) packages="clang-format-14" ;;
esac

build=build
without=none
options="-DTOKIC_WERROR=OFF"
if [ -n "${CI:-}" ]; then
    options="-DTOKIC_WERROR=ON"
    export TOKIC_REQUIRE="${TOKIC_REQUIRE-hiprtc,numpy}"
fi
case $mode in
--clang)
    build=build-clang
    without=long
    options="$options -DCMAKE_C_COMPILER=clang"
    ;;
--sanitize)
    build=build-sanitize
    without=more
    options="$options -DTOKIC_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo"
    ;;
--fuzz)
    build=build-fuzz
    options="$options -DCMAKE_C_COMPILER=clang -DTOKIC_FUZZ=ON -DTOKIC_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo"
    ;;
esac

# step NAME FUNCTION: `set -e` does not reach into the function. It leaves its counts, passed|failed|skipped, in $counts.
step() {
    counts="0|0|0"
    status=0
    begin=$(date +%s)
    "$2" || status=$?
    [ -z "${TOKIC_REPORT:-}" ] || echo "$1|$(($(date +%s) - begin))|$counts" >>"$TOKIC_REPORT"
    return $status
}

install_packages() {
    missing=""
    for p in $packages; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | cut -c1-2)" = ii ] || missing="$missing $p"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || { echo "tests/run.sh: as root: apt-get install$missing" >&2; return 1; }
    echo "installing:$missing"
    # shellcheck disable=SC2086
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

build_all() {
    # shellcheck disable=SC2086
    cmake -S . -B "$build" -G Ninja $options >/dev/null && cmake --build "$build"
}

# An attribute of ctest's <testsuite>: each stands on a line of its own.
junit_count() { sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\"\$/\1/p" "$build/tests.xml" | head -n 1; }

run_tests() {
    code=0
    ctest --test-dir "$build" -LE "$without" -j"$(nproc)" --output-on-failure --output-junit tests.xml || code=$?
    failed=$(junit_count failures)
    skipped=$(junit_count skipped)
    counts="$(($(junit_count tests) - failed - skipped))|$failed|$skipped"
    return $code
}

fuzz_targets() { (cd tests/fuzz && ls fuzz_*.c) | sed 's/\.c$//'; }

build_fuzzers() {
    # shellcheck disable=SC2046,SC2086
    cmake -S . -B "$build" -G Ninja $options >/dev/null && cmake --build "$build" --target $(fuzz_targets)
}

# Starts from the corpus in the sources; new inputs, and one that fails, stay in the build.
fuzz_one() {
    code=0
    mkdir -p "$build/fuzz/$1/new"
    "$build/tests/$1" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/fuzz/$1/" "$build/fuzz/$1/new" "tests/fuzz/corpus/${1#fuzz_}" \
        >"$build/fuzz/$1/log" 2>&1 || code=$?
    echo $code >"$build/fuzz/$1/code"
}

run_fuzzers() {
    rm -rf "$build/fuzz"
    running=0
    for f in $(fuzz_targets); do
        fuzz_one "$f" &
        running=$((running + 1))
        [ $((running % $(nproc))) != 0 ] || wait
    done
    wait
    passed=0
    failed=0
    for f in $(fuzz_targets); do
        if [ "$(cat "$build/fuzz/$f/code")" = 0 ]; then
            passed=$((passed + 1))
            sed -n "s/^stat::number_of_executed_units: */$f: inputs: /p" "$build/fuzz/$f/log"
        else
            failed=$((failed + 1))
            tail -n 60 "$build/fuzz/$f/log"
            echo "$f FAILED: its input is in $build/fuzz/$f"
        fi
    done
    counts="$passed|$failed|0"
    [ $failed = 0 ]
}

# Counts as one test.
plant_mutants() {
    counts="0|1|0"
    python3 tests/mutate.py --seeded --dir build-mutate || return 1
    counts="1|0|0"
}

check_format() {
    counts="0|1|0"
    find ir passes codegen runtime tests bench -name '*.[ch]' -exec clang-format-14 --dry-run -Werror {} + || return 1
    counts="1|0|0"
}

what=${mode#--}
what=${what:-release}
step "$what: packages" install_packages
case $mode in
--deps) ;;
--format) step "$what: check" check_format ;;
--mutants) step "$what: run" plant_mutants ;;
--fuzz)
    step "$what: build" build_fuzzers
    step "$what: run" run_fuzzers
    ;;
*)
    step "$what: build" build_all
    step "$what: tests" run_tests
    ;;
esac
