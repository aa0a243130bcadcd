/* Random faults in kernel IR: verify --exact catches each that changes a result. tests/tools/faults.c plants more. */
#include "tests/support/support.h"

#include "tests/support/fault_graphs.h"
#include "tests/support/fault_run.h"

enum { EACH = 3 };

static void faults_are_caught(void **state)
{
    (void)state;
    struct fault_tally tally[MUTANT_CLASSES] = { 0 };
    for (size_t i = 0; i < fault_n_graphs; i++)
        fault_run(target_find(i % 2 ? "sm_90" : "gfx90a"), fault_graphs[i], i % 3 ? 33 : 16, 100 + i, EACH, tally,
                  stdout, false);
    for (int i = 0; i < MUTANT_CLASSES; i++) {
        print_message("%-16s %3lld made, %3lld neutral, %3lld caught\n", mutant_names[i], (long long)tally[i].made,
                      (long long)tally[i].neutral, (long long)tally[i].caught);
        assert_true(tally[i].caught > 0);
        assert_int_equal(tally[i].missed, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(faults_are_caught) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
