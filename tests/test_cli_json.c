/* --json: every line is an object with the schema's version and a kind, and stdout alone says all of it. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include "ir/ops/op.h"
#include "runtime/cli/report.h"
#include "runtime/format/npy.h"

enum { MAX_LINES = 400 };

/* What a command printed: its exit code, and each line parsed. */
struct said {
    int code;
    cJSON *line[MAX_LINES];
    int n;
};

static const char *text_of(const cJSON *o, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return text ? text : "";
}

static const cJSON *item(const cJSON *o, const char *key)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!found)
        fail_msg("no %s in %s", key, cJSON_PrintUnformatted(o));
    return found;
}

static struct said say(const char *line)
{
    struct command c = command_run(NULL, line);
    struct said s = { .code = c.code };
    for (char *rest = c.out, *one; (one = strsep(&rest, "\n")) && *one;) {
        cJSON *o = cJSON_Parse(one);
        const cJSON *schema = cJSON_GetObjectItemCaseSensitive(o, "schema");
        if (!cJSON_IsObject(o) || !cJSON_IsNumber(schema) || schema->valueint != JSON_SCHEMA || !*text_of(o, "kind"))
            fail_msg("tokic %s printed: %s", line, one);
        assert_true(s.n < MAX_LINES);
        s.line[s.n++] = o;
    }
    command_free(&c);
    return s;
}

static void forget(struct said *s)
{
    for (int i = 0; i < s->n; i++)
        cJSON_Delete(s->line[i]);
}

/* The first line of a kind. */
static const cJSON *of_kind(const struct said *s, const char *kind)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(text_of(s->line[i], "kind"), kind))
            return s->line[i];
    fail_msg("no line of kind %s", kind);
    return NULL;
}

static void every_line_has_schema_and_kind(void **state)
{
    (void)state;
    static const struct {
        const char *line, *first, *last;
    } cases[] = {
        { "build small.graph --json", "build", "wrote" },
        { "build small.graph --json --dump=after:fuse -q", "build", "wrote" },
        { "build small.graph --json --stop=fuse", "graph_text", "graph_text" },
        { "build small.graph --json --stop=infer", "graph_text", "graph_text" },
        { "run small.graph --backend cpu --json", "run", "output" },
        { "run small.graph --backend cpu --json --check -q --output h=h.npy --save-weights w.st", "run", "output" },
        { "run small.graph --backend hip --device emu --json -v --batch 3", "run", "output" },
        { "verify small.graph --device emu --batch 5 --json", "verify", "verdict" },
        { "verify small.graph --device emu --batch 0 --json -v", "verify", "verdict" },
        { "print small.graph --json", "graph_text", "graph_text" },
        { "print small.graph --json --target gfx90a --dump=after:all", "graph_text", "graph_text" },
        { "print small.graph --json --contracts", "contracts", "obligation" },
        { "graph small.graph --json", "graph", "tensor" },
        { "graph small.graph --json --dot --target sm_90", "dot", "dot" },
        { "ops --json", "op", "op" },
        { "ops softmax --json", "op", "op" },
        { "doctor --json", "gpu", "emulator" },
        { "doctor --json -q", "gpu", "emulator" },
    };
    struct place p = enter_small();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct said s = say(cases[i].line);
        assert_int_equal(s.code, 0);
        assert_true(s.n >= 1);
        assert_string_equal(text_of(s.line[0], "kind"), cases[i].first);
        assert_string_equal(text_of(s.line[s.n - 1], "kind"), cases[i].last);
        forget(&s);
    }
    leave_place(&p);
}

/* What it was run on can be had from the first line alone. */
static void heads_say_what_was_run(void **state)
{
    (void)state;
    struct place p = enter_small();
    struct said s = say("verify small.graph --size two --set H=48 --device emu:sm_90 --batch 3 --seed 7 --json");
    const cJSON *o = of_kind(&s, "verify");
    assert_string_equal(text_of(o, "graph"), "small");
    assert_string_equal(text_of(o, "size"), "two");
    assert_string_equal(cJSON_GetArrayItem(item(o, "sets"), 0)->valuestring, "H=48");
    assert_string_equal(text_of(o, "source"), "small.graph");
    assert_true(cJSON_IsNull(item(o, "build")));
    assert_int_equal(item(item(o, "dims"), "B")->valueint, 3);
    assert_int_equal(item(o, "seed")->valueint, 7);
    assert_string_equal(text_of(o, "weights"), "judge");
    assert_string_equal(text_of(o, "target"), "sm_90");
    assert_string_equal(text_of(o, "device"), "emu:sm_90");
    forget(&s);
    s = say("build small.graph --target gfx90a,sm_90 --batch 9 --json"); /* no compiler here */
    assert_int_equal(s.code, 4);
    forget(&s);
    s = say("build small.graph --batch 9 --json");
    o = of_kind(&s, "build");
    assert_true(cJSON_IsNull(item(item(o, "dims"), "B")));
    assert_int_equal(item(o, "hint")->valueint, 9);
    assert_string_equal(cJSON_GetArrayItem(item(o, "targets"), 0)->valuestring, "gfx90a");
    forget(&s);
    s = say("run --backend cpu --batch 2 --save-weights w.st --seed 18446744073709551615 --json");
    o = of_kind(&s, "run");
    assert_string_equal(text_of(o, "build"), "tokic-out/small-one");
    assert_string_equal(text_of(o, "seed"), "18446744073709551615");
    assert_string_equal(text_of(o, "weights"), "train");
    assert_string_equal(text_of(o, "numerics"), "real");
    assert_true(cJSON_IsNull(item(o, "target")));
    forget(&s);
    s = say("run --backend cpu --numerics f16 --target sm_90 --batch 2 --weights w.st --json");
    o = of_kind(&s, "run");
    assert_string_equal(text_of(o, "weights"), "file");
    assert_string_equal(text_of(o, "weights_file"), "w.st");
    assert_string_equal(text_of(o, "target"), "sm_90");
    assert_string_equal(text_of(o, "numerics"), "f16");
    forget(&s);
    leave_place(&p);
}

/* A wrong command, graph or device: stdout has the same diagnostics as stderr, with their places. */
static void errors_are_json_too(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int code, n;
        const char *level, *text;
        int at, column;
    } cases[] = {
        { "bild --json", 2, 2, "error", "tokic has no verb 'bild'", 0, 0 },
        { "build --json small.graph --tarket x", 2, 2, "error", "tokic build has no flag --tarket", 0, 0 },
        { "run small.graph --backend cpu --json --output nix", 2, 2, "error", "--output nix: graph small has no", 0,
          0 },
        { "build bad.graph --json", 3, 2, "error", "there is no operation or block gelo; did you mean gelu?", 3, 12 },
        { "run small.graph --backend hip --json", 4, 2, "error", "backend hip needs a GPU", 0, 0 },
        { "graph spare.graph --json", 0, 1, "warning", "input z is not used", 3, 7 },
    };
    struct place p = enter_small();
    write_text("bad.graph", "graph g\ninput x: f32[4]\noutput y = gelo(x)\noutput z = nix\n");
    write_text("spare.graph", "graph g\ninput x: f32[4]\ninput z: f32[4]\noutput y = exp(x)\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct said s = say(cases[i].line);
        assert_int_equal(s.code, cases[i].code);
        int n = 0;
        for (int k = 0; k < s.n; k++)
            n += !strcmp(text_of(s.line[k], "kind"), "diagnostic");
        assert_int_equal(n, cases[i].n);
        const cJSON *o = of_kind(&s, "diagnostic");
        assert_string_equal(text_of(o, "level"), cases[i].level);
        if (!strstr(text_of(o, "text"), cases[i].text))
            fail_msg("%s: %s", cases[i].line, text_of(o, "text"));
        assert_int_equal(item(o, "exit_code")->valueint, cases[i].code);
        if (cases[i].at) {
            assert_int_equal(item(o, "line")->valueint, cases[i].at);
            assert_int_equal(item(o, "column")->valueint, cases[i].column);
        } else
            assert_true(cJSON_IsNull(item(o, "file")));
        forget(&s);
    }
    leave_place(&p);
}

/* NaN, infinities and empty tensors have words, in JSON and in the table. */
static void odd_values_have_words(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        double v[2];
        const char *state, *shown;
    } cases[] = {
        { 0, { 0 }, "empty", "empty\n" },
        { 2, { NAN, 1 }, "some not finite", "NaN 1\n" },
        { 2, { NAN, -NAN }, "all NaN", "NaN NaN\n" },
        { 2, { NAN, -INFINITY }, "none finite", "NaN -inf\n" },
        { 2, { 1, 2 }, "finite", "1 2\n" },
        { 20, { NAN, NAN }, "all NaN", "  20 NaN\n" },
        { 20, { 1, NAN }, "some not finite", "min 1   mean 1   max 1   10 NaN\n" },
        { 20, { INFINITY, NAN }, "none finite", "  10 NaN   10 infinite\n" },
    };
    struct place p = enter_place();
    write_text("odd.graph", "graph odd\ndim B\ninput x: f32[B]\noutput x\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        struct tensor *x = tensor_new(s->run, DT_F32, 1, &cases[i].n);
        for (int64_t k = 0; k < cases[i].n; k++)
            tensor_set(x, k, cases[i].v[k % 2]);
        assert_true(npy_write(s, "x.npy", x));
        session_end(s);
        command_expect("run odd.graph --backend cpu --input x=x.npy", 0, cases[i].shown, NULL);
        struct said out = say("run odd.graph --backend cpu --input x=x.npy --json");
        const cJSON *o = of_kind(&out, "output");
        assert_string_equal(text_of(o, "state"), cases[i].state);
        assert_int_equal(item(o, "elements")->valueint, cases[i].n);
        if (cases[i].n == 2) {
            const cJSON *first = cJSON_GetArrayItem(item(o, "values"), 0);
            assert_true(isnan(cases[i].v[0]) ? !strcmp(cJSON_GetStringValue(first), "nan") : cJSON_IsNumber(first));
        }
        forget(&out);
    }
    leave_place(&p);
}

/* ops has the type of every attribute; graph has every tensor's. */
static void types_are_there(void **state)
{
    (void)state;
    struct said s = say("ops --json");
    for (int i = 0; i < s.n; i++) {
        const struct op_def *op = op_at(i);
        const cJSON *attrs = item(s.line[i], "attributes");
        assert_string_equal(text_of(s.line[i], "op"), op->call.name);
        assert_int_equal(cJSON_GetArraySize(attrs), op->call.n_attrs);
        for (int k = 0; k < op->call.n_attrs; k++) {
            static const char *const types[] = { [ATTR_INT] = "int",     [ATTR_FLOAT] = "float", [ATTR_BOOL] = "bool",
                                                 [ATTR_DTYPE] = "dtype", [ATTR_INTS] = "ints",   [ATTR_DIMS] = "dims" };
            const cJSON *a = cJSON_GetArrayItem(attrs, k);
            assert_string_equal(text_of(a, "name"), op->call.attrs[k].name);
            assert_string_equal(text_of(a, "type"), types[op->call.attrs[k].kind]);
            assert_true(cJSON_IsTrue(item(a, "required")) == op->call.attrs[k].required);
        }
    }
    forget(&s);
    struct place p = enter_small();
    s = say("graph small.graph --json");
    const cJSON *x = of_kind(&s, "tensor");
    assert_string_equal(text_of(x, "is"), "input");
    assert_string_equal(text_of(x, "dtype"), "f32");
    assert_string_equal(cJSON_GetArrayItem(item(x, "shape"), 0)->valuestring, "B");
    assert_int_equal(cJSON_GetArrayItem(item(x, "shape"), 1)->valueint, 24);
    assert_true(item(x, "lo")->valuedouble == -1);
    forget(&s);
    struct command text = command_run(NULL, "print small.graph");
    s = say("print small.graph --json");
    assert_string_equal(text_of(s.line[0], "text"), text.out);
    command_free(&text);
    forget(&s);
    leave_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_has_schema_and_kind),
        cmocka_unit_test(heads_say_what_was_run),
        cmocka_unit_test(errors_are_json_too),
        cmocka_unit_test(odd_values_have_words),
        cmocka_unit_test(types_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
