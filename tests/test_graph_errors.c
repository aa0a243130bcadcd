/* Every wrong graph in tests/graphs/bad gives exactly the errors and notes in its .expect: `line:col+len: level: text`,
   one a line, and no graph; or a graph whose contracts are contradicted. */
#include "tests/support/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph/graph.h"
#include "ir/graph/hint.h"
#include "ir/ops/op.h"
#include "passes/pass.h"

enum { MAX_NODES = 1000 }; /* small, so that the limits' tests are quick */

static const char *diags_text(const struct session *s)
{
    static const char *const levels[] = { "error", "warning", "note" };
    const char *text = "";
    for (size_t i = 0; i < s->n_diags; i++) {
        const struct diag *d = &s->diags[i];
        text = arena_printf(s->run, "%s%d:%d+%d: %s: %s\n", text, d->loc.line, d->loc.col, d->loc.len, levels[d->level],
                            d->text);
    }
    return text;
}

/* The diagnostics of one file; each must print with its line, and an error must leave no graph. */
static char *errors_of(const char *path)
{
    struct session *s = session_begin();
    struct graph_options o = { .max_nodes = MAX_NODES };
    const struct source *src = source_read(s, path);
    assert_non_null(src);
    struct graph *g = graph_parse(s, src, &o);
    if (g) {
        struct pass_ctx c = pass_ctx_for(s, target_find("gfx90a"));
        assert_int_equal(s->n_errors, 0);
        assert_false(passes_run(g, &c, pipeline_all, &(struct pass_options){ 0 }));
    }
    assert_true(s->n_errors > 0);
    assert_int_not_equal(s->fail, FAIL_NONE);
    FILE *null = fopen("/dev/null", "w");
    assert_non_null(null);
    diags_print(s, 0, null, true);
    fclose(null);
    char *text = strdup(diags_text(s));
    session_end(s);
    return text;
}

static int is_graph(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && !strcmp(dot, ".graph");
}

static void check_file(const char *dir, const char *name, int *wrong)
{
    char path[600], expect_path[600], expect[16384] = "";
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(expect_path, sizeof expect_path, "%s/%.*s.expect", dir, (int)(strrchr(name, '.') - name), name);
    char *got = errors_of(path);
    FILE *f = fopen(expect_path, "rb");
    size_t n = f ? fread(expect, 1, sizeof expect - 1, f) : 0;
    if (f)
        fclose(f);
    expect[n] = 0;
    if (strcmp(got, expect)) {
        fprintf(stderr, "%s says\n%s, but %s expects\n%s", path, got, expect_path, expect);
        ++*wrong;
    }
    free(got);
}

static void every_wrong_graph_is_explained(void **state)
{
    (void)state;
    const char *dir = SOURCE_DIR "/tests/graphs/bad";
    struct dirent **files;
    int n = scandir(dir, &files, is_graph, alphasort);
    int wrong = 0;
    assert_true(n >= 32);
    for (int i = 0; i < n; i++) {
        check_file(dir, files[i]->d_name, &wrong);
        free(files[i]);
    }
    free(files);
    assert_int_equal(wrong, 0);
}

static struct session *parse_wrong(const char *text, const struct graph_options *o)
{
    struct session *s = session_begin();
    assert_null(graph_parse(s, source_of_string(s, "test.graph", text), o));
    assert_true(s->n_errors > 0);
    return s;
}

static void command_line_is_explained(void **state)
{
    (void)state;
    const char *text =
        "graph g\nsize nano { H = 4 }\nsize tiny { H = 8 }\nlet K = 2\ninput x: f32[H]\noutput y = gelu(x)\n";
    struct session *s = parse_wrong(text, &(struct graph_options){ .size = "nani" });
    assert_string_equal(s->diags[0].text, "graph g has no size nani (sizes: nano, tiny); did you mean nano?");
    assert_int_equal(s->fail, FAIL_USAGE);
    session_end(s);
    const char *const sets[] = { "L=3", "H", "K=x" };
    s = parse_wrong(text, &(struct graph_options){ .sets = sets, .n_sets = 3 });
    assert_string_equal(s->diags[0].text, "--set K=x: this is not an integer");
    assert_string_equal(s->diags[1].text, "--set L=3: graph g has no size or let of this name (there are: H, K)");
    assert_string_equal(s->diags[2].text, "--set H: write it as NAME=VALUE");
    assert_int_equal(s->n_errors, 3);
    session_end(s);
}

/* One error, no crash: parentheses, unary minus, lists, repeats and chains of blocks, each 10,000 deep. */
static void deep_nests_are_refused(void **state)
{
    (void)state;
    enum { DEEP = 10000 };
    static const char *const openers[] = { "(", "-", "[", "gelu(", "min(", "x[", "x[:, ", "repeat 1 {\n", "if 1 {\n" };
    for (size_t i = 0; i < sizeof openers / sizeof *openers; i++) {
        size_t n = strlen(openers[i]);
        char *text = calloc(1, DEEP * n + 200);
        strcpy(text, "graph g\ninput x: f32[4]\n");
        if (!strchr(openers[i], '{'))
            strcat(text, "y = ");
        char *at = text + strlen(text);
        for (int k = 0; k < DEEP; k++)
            memcpy(at + (size_t)k * n, openers[i], n);
        struct session *s = parse_wrong(text, NULL);
        assert_int_equal(s->n_errors, 1);
        assert_string_equal(s->diags[0].text, "nested more than 200 deep");
        session_end(s);
        free(text);
    }
    char *text = malloc(200 * DEEP);
    char *at = text + sprintf(text, "graph g\ninput x: f32[4]\nblock b0(a: f32[4]) -> f32[4] {\n return a\n}\n");
    for (int k = 1; k < DEEP; k++)
        at += sprintf(at, "block b%d(a: f32[4]) -> f32[4] {\n return b%d(a)\n}\n", k, k - 1);
    sprintf(at, "output y = b%d(x)\n", DEEP - 1);
    struct session *s = parse_wrong(text, NULL);
    assert_string_equal(s->diags[0].text, "blocks, repeats and expressions are nested more than 200 deep");
    session_end(s);
    free(text);
}

/* Blocks that double at each level: 2^40 instances are not tried. */
static void exponential_blocks_are_refused(void **state)
{
    (void)state;
    char text[8192],
        *at = text + sprintf(text, "graph g\ninput x: f32[4]\nblock b0(a: f32[4]) -> f32[4] {\n return a\n}\n");
    for (int k = 1; k <= 40; k++)
        at += sprintf(at, "block b%d(a: f32[4]) -> f32[4] {\n h = b%d(a)\n return b%d(h)\n}\n", k, k - 1, k - 1);
    sprintf(at, "output y = b40(x)\n");
    struct session *s = parse_wrong(text, &(struct graph_options){ .max_nodes = MAX_NODES });
    assert_string_equal(s->diags[0].text, "unfolding the graph takes over 4000 steps");
    session_end(s);
}

/* The lines that a reader sees. */
static char *printed(const char *text)
{
    struct session *s = parse_wrong(text, NULL);
    char *out = NULL;
    size_t size;
    FILE *to = open_memstream(&out, &size);
    assert_non_null(to);
    diags_print(s, 0, to, false);
    fclose(to);
    session_end(s);
    return out;
}

/* The caret stands under the character, and is as wide as what it marks, whatever bytes of UTF-8 are before it. */
static void carets_stand_under_characters(void **state)
{
    (void)state;
    char *text = printed("graph g\ninput x: f32[4]\n\toutput y = x + (\"äöü\" § nix)\n");
    assert_non_null(strstr(text, "      3 | \toutput y = x + (\"äöü\" § nix)\n        | \t                ^~~~~\n"));
    assert_non_null(strstr(text, "\n        | \t                      ^\n"));
    free(text);
    /* a long line is cut between characters */
    char line[700] = "graph g\ninput x: f32[4]\noutput y = nix #", want[800];
    size_t head = strlen("output y = nix #");
    size_t n = strlen(line);
    for (int i = 0; i < 200; i++)
        strcat(line, i % 2 ? "é" : "€");
    text = printed(line);
    size_t cut = 400 - head;
    while (((unsigned char)line[n + cut] & 0xC0) == 0x80)
        cut--;
    assert_true(cut < 400 - head);
    snprintf(want, sizeof want, "      3 | output y = nix #%.*s\n        |            ^~~\n", (int)cut, line + n);
    assert_non_null(strstr(text, want));
    free(text);
}

/* What people type who come from other tools: each hint is itself an expression that a graph may have. */
static void hints_are_graphs(void **state)
{
    (void)state;
    const struct hint *h;
    for (size_t i = 0; (h = hint_op_at(i)); i++) {
        struct session *s = session_begin();
        char text[400];
        snprintf(text, sizeof text,
                 "graph g\ninput x: f32[4, 4]\ninput y: f32[4, 4]\ninput c: bool[4, 4]\noutput z = %s\n", h->write);
        if (!graph_parse(s, source_of_string(s, h->typed, text), NULL))
            fail_msg("%s: %s: %s", h->typed, h->write, s->diags[0].text);
        assert_null(op_find(h->typed));
        session_end(s);
    }
}

/* A zero byte has a place; its line is shown as far as it is text. */
static void a_zero_byte_has_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        int line, col;
    } cases[] = {
        { "graph g\ninput x: f32\0[4]\n", 26, 2, 13 },
        { "\0", 1, 1, 1 },
        { "graph g\n\0", 9, 2, 1 },
        { "graph g\n#\0\0\n", 12, 2, 2 },
    };
    char *dir = tmp_make();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        const char *path = arena_printf(s->run, "%s/zero.graph", dir);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(cases[i].text, 1, cases[i].size, f);
        fclose(f);
        assert_null(source_read(s, path));
        assert_int_equal(s->fail, FAIL_INPUT);
        assert_int_equal(s->diags[0].loc.line, cases[i].line);
        assert_int_equal(s->diags[0].loc.col, cases[i].col);
        assert_string_equal(s->diags[0].text, "a zero byte: this is not a text file");
        FILE *null = fopen("/dev/null", "w");
        diags_print(s, 0, null, false);
        fclose(null);
        session_end(s);
    }
    tmp_remove(dir);
}

/* 150 errors: a hundred and one are kept, all are counted. */
static void errors_are_counted_beyond_the_hundredth(void **state)
{
    (void)state;
    char text[8192], *at = text + sprintf(text, "graph g\ninput x: f32[4]\n");
    for (int k = 0; k < 150; k++)
        at += sprintf(at, "y = nope%d\n", k);
    struct session *s = parse_wrong(text, NULL);
    assert_int_equal(s->n_errors, 150);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_graph_is_explained),
        cmocka_unit_test(command_line_is_explained),
        cmocka_unit_test(deep_nests_are_refused),
        cmocka_unit_test(exponential_blocks_are_refused),
        cmocka_unit_test(carets_stand_under_characters),
        cmocka_unit_test(errors_are_counted_beyond_the_hundredth),
        cmocka_unit_test(hints_are_graphs),
        cmocka_unit_test(a_zero_byte_has_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
