/* tokic ops says all that a record says: in full, as JSON, and as a page. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include "ir/ops/op.h"

/* Spaces and line breaks become one space each; "\*" becomes "*". */
static void flatten(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        bool escape = *p == '\\' && ispunct((unsigned char)p[1]);
        bool more = isspace((unsigned char)*p) && to > text && to[-1] == ' ';
        if (!escape && !more)
            *to++ = isspace((unsigned char)*p) ? ' ' : *p;
    }
    *to = 0;
}

static char *printed(const char *line)
{
    struct command c = command_run(NULL, line);
    if (c.code)
        fail_msg("tokic %s: exit code %d: %s", line, c.code, c.err);
    char *out = strdup(c.out);
    command_free(&c);
    flatten(out);
    return out;
}

static void has(const char *where, const struct op_def *op, const char *all, const char *text)
{
    if (text && !strstr(all, text))
        fail_msg("%s of %s lacks: %s", where, op->call.name, text);
}

static void record_is_in(const char *where, const struct op_def *op, const char *all)
{
    const struct op_about *about = &op->call.about;
    const char *const texts[] = { op->call.doc,   op->call.alias, about->shapes,
                                  about->formula, about->source,  about->gradient };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        has(where, op, all, texts[i]);
    for (int i = 0; i < op->call.n_attrs; i++) {
        has(where, op, all, op->call.attrs[i].name);
        has(where, op, all, op->call.attrs[i].doc);
    }
    for (int i = 0; i < op->call.n_params; i++)
        has(where, op, all, op->call.params[i].suffix);
    if (op->exact)
        has(where, op, all, "its result is exact");
}

static void one_op_is_shown_in_full(void **state)
{
    (void)state;
    for (int i = 0; op_at(i); i++) {
        char line[80];
        snprintf(line, sizeof line, "ops %s", op_at(i)->call.name);
        char *all = printed(line);
        record_is_in("the text", op_at(i), all);
        free(all);
    }
}

static void lines_have_a_width(void **state)
{
    (void)state;
    struct command c = command_run(NULL, "ops cross_entropy");
    assert_non_null(strstr(c.out, "cross_entropy(logits, target)\n  "));
    for (char *rest = c.out, *line; (line = strsep(&rest, "\n"));)
        if (strlen(line) > 120)
            fail_msg("more than 120 columns: %s", line);
    command_free(&c);
}

/* The page has a section for each op, in which all is said, and a link to it. */
static void the_page_has_every_op(void **state)
{
    (void)state;
    char *all = printed("ops --markdown");
    for (int i = 0; op_at(i); i++) {
        char head[80];
        snprintf(head, sizeof head, "[%s](#%s)", op_at(i)->call.name, op_at(i)->call.name);
        has("the page's head", op_at(i), all, head);
        snprintf(head, sizeof head, " ### %s ", op_at(i)->call.name);
        char *section = strstr(all, head);
        if (!section)
            fail_msg("the page has no section of %s", op_at(i)->call.name);
        char *end = strstr(section + strlen(head), " ### ");
        if (end)
            *end = 0;
        record_is_in("the page", op_at(i), section);
        if (end)
            *end = ' ';
    }
    free(all);
}

static const char *text_of(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static void same(const struct op_def *op, const cJSON *o, const char *key, const char *want)
{
    const char *got = text_of(o, key);
    if (!want != !got || (want && strcmp(want, got)))
        fail_msg("%s: %s is %s in JSON", op->call.name, key, got ? got : "null");
}

static void json_has_every_part(void **state)
{
    (void)state;
    struct command c = command_run(NULL, "ops --json");
    char *rest = c.out;
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        cJSON *o = cJSON_Parse(strsep(&rest, "\n"));
        assert_non_null(o);
        same(op, o, "op", op->call.name);
        same(op, o, "alias", op->call.alias);
        same(op, o, "doc", op->call.doc);
        same(op, o, "shapes", op->call.about.shapes);
        same(op, o, "formula", op->call.about.formula);
        same(op, o, "source", op->call.about.source);
        same(op, o, "gradient", op->call.about.gradient ? op->call.about.gradient : "none");
        const cJSON *params = cJSON_GetObjectItemCaseSensitive(o, "parameters");
        assert_int_equal(cJSON_GetArraySize(params), op->call.n_params);
        for (int k = 0; k < op->call.n_params; k++)
            same(op, cJSON_GetArrayItem(params, k), "operand", op->call.params[k].operand);
        assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "differentiable")) == op_is_differentiable(op));
        assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "exact")) == op->exact);
        assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "keeps_f32")) == op->keep_f32);
        cJSON_Delete(o);
    }
    command_free(&c);
}

static void names_are_helped(void **state)
{
    (void)state;
    command_expect("ops where", 0, "select(c, x, y)", NULL);
    command_expect("ops binary_cross_entropy_with_logits", 2, NULL, "write bce(x, y)");
    command_expect("ops sofmax", 2, NULL, "did you mean softmax?");
    command_expect("ops softmax --markdown", 2, NULL, "it takes no NAME");
    command_expect("ops --json --markdown", 2, "it takes no NAME and no --json", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_op_is_shown_in_full), cmocka_unit_test(lines_have_a_width),
        cmocka_unit_test(the_page_has_every_op),   cmocka_unit_test(json_has_every_part),
        cmocka_unit_test(names_are_helped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
