#ifndef TOKIC_TESTS_NEEDS_H
#define TOKIC_TESTS_NEEDS_H
/* Tests that not every machine can run. A test names what it needs; where that is absent, the test is shown as skipped
   and the program returns NEEDS_SKIPPED, which ctest shows as "Skipped". What TOKIC_REQUIRE lists, divided by commas,
   must be there: its absence is a failure. */
#include "tests/support/support.h"

enum { NEEDS_SKIPPED = 77 };

/* A row of a program's tests. `what`: hiprtc, nvrtc or clang (a compiler for its targets), nvidia or amd (a GPU and its
   compiler), numpy, torch, terminal, f16c, mounts (a file system may be mounted). tests/CMakeLists.txt lists it for the
   program. */
#define needs(what, test) cmocka_unit_test_prestate(test, what)

/* main of a program with such rows:
       PROGRAM         all tests
       PROGRAM bare    those that need nothing
       PROGRAM WHAT    those that need it
   The exit code: 0, NEEDS_SKIPPED, or 1 if a test failed, if none is chosen, or if ctest runs no part for a need. */
#define tests_main(argc, argv, tests, setup, teardown)                                                                 \
    tests_run(argc, argv, tests, sizeof(tests) / sizeof *(tests), setup, teardown)
int tests_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
              CMFixtureFunction teardown);

/* Is it here? If not, `why` says so. */
bool needs_present(const char *what, char *why, size_t size);
#endif
