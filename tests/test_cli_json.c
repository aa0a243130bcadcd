/* --json: every line is an object with a schema version and a kind. */
#include <cjson/cJSON.h>
#include <string.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "build small.graph --json",
        "run small.graph --backend cpu --json",
        "ops --json",
        "doctor --json",
        "verify small.graph --device emu --batch 5 --json",
        "build small.graph --json --dump=after:fuse -q",
        "build small.graph --json --stop=fuse",
        "build small.graph --json --stop=infer",
        "ops softmax --json",
        "run small.graph --backend cpu --json --check -q --output h=h.npy --save-weights w.st",
        "doctor --json -q",
        "run small.graph --backend hip --device emu --json -v --batch 3",
        "verify small.graph --device emu --batch 0 --json -v"
    };
    struct place p = enter_small();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct command c = command_run(NULL, lines[i]);
        assert_int_equal(c.code, 0);
        assert_true(*c.out);
        for (char *rest = c.out, *line; (line = strsep(&rest, "\n")) && *line;) {
            cJSON *o = cJSON_Parse(line);
            if (!cJSON_IsObject(o))
                fail_msg("tokic %s printed: %s", lines[i], line);
            cJSON_Delete(o);
        }
        command_free(&c);
    }
    leave_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_one_object_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
