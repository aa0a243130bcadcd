/* The reference interpreter against a NumPy oracle written from the specification: tests/oracle/moe_sheaf.py. */
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { needs("numpy", test_moe_sheaf) };
    return tests_main(argc, argv, tests, NULL, NULL);
}
