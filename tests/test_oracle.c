/* The reference interpreter against NumPy oracles written from the specification: tests/oracle. */
#include "tests/support/needs.h"

#include <stdlib.h>
#include <sys/wait.h>

static const char *const python = "/usr/bin/python3";

static int exit_code(const char *command)
{
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_moe_sheaf(void **state)
{
    (void)state;
    char command[1000];
    fflush(stdout);
    snprintf(command, sizeof command, "%s %s/tests/oracle/moe_sheaf.py %s %s/models/moe_sheaf.graph", python,
             SOURCE_DIR, TOKIC_BINARY, SOURCE_DIR);
    assert_int_equal(exit_code(command), 0);
}

static void test_gradients(void **state)
{
    (void)state;
    char command[1000];
    fflush(stdout);
    snprintf(command, sizeof command, "%s %s/tests/oracle/gradients.py %s %s/models", python, SOURCE_DIR, TOKIC_BINARY,
             SOURCE_DIR);
    assert_int_equal(exit_code(command), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { needs("numpy", test_moe_sheaf), needs("numpy", test_gradients) };
    return tests_main(argc, argv, tests, NULL, NULL);
}
