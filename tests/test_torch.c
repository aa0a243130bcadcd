/* Every op and its gradient against PyTorch, on random uses, some with special numbers: tests/oracle/torch_ops.py. */
#include "tests/support/needs.h"

#include <stdlib.h>
#include <sys/wait.h>

static void ops_agree_with_pytorch(void **state)
{
    (void)state;
    fflush(stdout);
    int status = system(OP_CASES " 50 | /usr/bin/python3 " SOURCE_DIR "/tests/oracle/torch_ops.py");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { needs("torch", ops_agree_with_pytorch) };
    return tests_main(argc, argv, tests, NULL, NULL);
}
