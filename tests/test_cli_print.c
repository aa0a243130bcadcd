/* What the command line prints, and where: tables, streams, colour, progress on a terminal. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/needs.h"
#include "tests/support/support.h"

#include "runtime/cli/report.h"

/* ---- streams ---- */

/* Results that cannot be written are an error. */
static void a_full_disk_is_said(void **state)
{
    (void)state;
    FILE *out = fopen("/dev/full", "w");
    FILE *err = fopen("/dev/null", "w");
    assert_true(out && err);
    struct session *s = session_begin();
    char *argv[] = { (char[]){ "ops" }, NULL };
    assert_int_equal(cli_run_verb(s, out, err, NULL, 1, argv), 3);
    session_end(s);
    fclose(out);
    fclose(err);
}

/* What a command writes to a terminal, stderr; its exit code. */
static int said_to_a_terminal(const char *line, char *buf, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    int slave = -1;
    char name[128], *argv[16], *copy = strdup(line), *rest = copy;
    int argc = 0;
    if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof name) ||
        (slave = open(name, O_RDWR | O_NOCTTY)) < 0)
        fail_msg("no pseudo-terminal");
    FILE *err = fdopen(slave, "w");
    FILE *out = fopen("/dev/null", "w");
    assert_true(err && out);
    struct session *s = session_begin();
    while ((argv[argc] = strsep(&rest, " ")))
        argc++;
    int code = cli_run_verb(s, out, err, NULL, argc, argv);
    session_end(s);
    fputs("END\n", err);
    fflush(err);
    size_t n = 0;
    for (ssize_t got; !n || !strstr(buf, "END"); n += (size_t)got) {
        got = read(master, buf + n, size - 1 - n);
        assert_true(got > 0);
        buf[n + (size_t)got] = 0;
    }
    fclose(err);
    fclose(out);
    close(master);
    free(copy);
    return code;
}

static void colour_is_for_terminals(void **state)
{
    (void)state;
    char buf[4096];
    unsetenv("NO_COLOR");
    assert_int_equal(said_to_a_terminal("bild", buf, sizeof buf), 2);
    assert_non_null(strchr(buf, '\033'));
    setenv("NO_COLOR", "1", 1);
    assert_int_equal(said_to_a_terminal("bild", buf, sizeof buf), 2);
    assert_non_null(strstr(buf, "did you mean build?"));
    assert_null(strchr(buf, '\033'));
    unsetenv("NO_COLOR");
}

/* verify says on a terminal which kernel it judges, and removes the line; elsewhere it says nothing on stderr. */
static void progress_is_for_terminals(void **state)
{
    (void)state;
    char buf[4096];
    struct place p = enter_small();
    assert_int_equal(said_to_a_terminal("verify small.graph --device emu --batch 3", buf, sizeof buf), 0);
    assert_non_null(strstr(buf, "\r\033[Kkernel 1 of "));
    assert_non_null(strstr(buf, "\r\033[Kcomparing the outputs"));
    assert_non_null(strstr(buf, "\r\033[Kcomparing the graph before and after the passes\r\033[K"));
    static const char *const silent[] = { "verify small.graph --device emu --batch 3 -q", "graph small.graph" };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(said_to_a_terminal(silent[i], buf, sizeof buf), 0);
        assert_string_equal(buf, "END\r\n");
    }
    struct command c = command_run(NULL, "verify small.graph --device emu --batch 3");
    assert_string_equal(c.err, "");
    command_free(&c);
    leave_place(&p);
}

/* ---- tables ---- */

static void tables_count_characters(void **state)
{
    (void)state;
    struct session *s = session_begin();
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    struct table *t = table_new(s->run, "lrl");
    table_row(t, (const char *[]){ "kernel", "n", "by" });
    table_row(t, (const char *[]){ "lin0  ×4", "–", NULL });
    table_row(t, (const char *[]){ "⌈x⌉", "1,234", "launch" });
    table_print(t, 2, to);
    fclose(to);
    assert_string_equal(text, "  kernel        n  by\n  lin0  ×4      –\n  ⌈x⌉       1,234  launch\n");
    free(text);
    assert_int_equal(text_width("a×–⌈"), 4);
    assert_string_equal(number_text(s->run, -1234567), "-1,234,567");
    assert_string_equal(number_text(s->run, 999), "999");
    session_end(s);
}

/* Names of any length leave the tables narrow. */
static void tables_do_not_wrap(void **state)
{
    (void)state;
    static const char *const lines[] = { "build long.graph", "verify long.graph --device emu --batch 9",
                                         "run long.graph --backend cpu --batch 3000 --output %s" };
    struct place p = enter_place();
    char name[101], text[2000], line[300];
    memset(name, 'n', 100);
    name[100] = 0;
    snprintf(text, sizeof text,
             "graph g\ndim B\ninput x: f32[B, 24] where 0 <= x <= 1\n%s = sqrt(exp(tanh(abs(gelu(linear(x, 16) named "
             "m%s))) + 1.5) * 3.0)\n"
             "output y_%s = softmax(exp(tanh(layernorm(linear(%s, 8))) * 2.0))\n",
             name, name, name, name);
    write_text("long.graph", text);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(line, sizeof line, lines[i], name);
        struct command c = command_run(NULL, line);
        if (c.code)
            fail_msg("%s", c.err);
        assert_non_null(strstr(c.out, "…"));
        for (char *rest = c.out, *one; (one = strsep(&rest, "\n"));)
            if (!strstr(one, " from real") && text_width(one) > TABLE_WIDTH)
                fail_msg("%zu characters: %s", text_width(one), one);
        command_free(&c);
    }
    leave_place(&p);
    struct session *s = session_begin();
    assert_string_equal(text_short(s->run, "abcdefghij", 5), "ab…ij");
    assert_string_equal(text_short(s->run, "αβγδεζηθικ", 6), "αβγ…ικ");
    assert_string_equal(text_short(s->run, "abcde", 5), "abcde");
    assert_string_equal(text_short(s->run, "abcde", 1), "…");
    session_end(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_said),        needs("terminal", colour_is_for_terminals),
        needs("terminal", progress_is_for_terminals), cmocka_unit_test(tables_count_characters),
        cmocka_unit_test(tables_do_not_wrap),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
