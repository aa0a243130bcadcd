#include "tests/support/cli_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

enum { MAX_ARGS = 64 };

struct command command_run(const struct cli_env *env, const char *line)
{
    struct command c = { 0 };
    size_t n_out = 0;
    size_t n_err = 0;
    char *copy = strdup(line);
    char *argv[MAX_ARGS + 1];
    char *rest = copy;
    int argc = 0;
    for (char *word; (word = strsep(&rest, " ")) && argc < MAX_ARGS;)
        if (*word)
            argv[argc++] = word;
    argv[argc] = NULL;
    FILE *out = open_memstream(&c.out, &n_out);
    FILE *err = open_memstream(&c.err, &n_err);
    struct session *s = session_begin();
    c.code = cli_run_verb(s, out, err, env, argc, argv);
    session_end(s);
    fclose(out);
    fclose(err);
    free(copy);
    return c;
}

char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    for (int c; (c = fgetc(f)) != EOF;)
        fputc(c, to);
    fclose(f);
    fclose(to);
    return text;
}

struct command command_program(const char *line)
{
    char *dir = tmp_make(), text[4096], path[600];
    struct command c = { 0 };
    snprintf(text, sizeof text, "%s %s >%s/out 2>%s/err", TOKIC_BINARY, line, dir, dir);
    int status = system(text);
    c.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    snprintf(path, sizeof path, "%s/out", dir);
    c.out = read_text(path);
    snprintf(path, sizeof path, "%s/err", dir);
    c.err = read_text(path);
    tmp_remove(dir);
    return c;
}

void command_free(struct command *c)
{
    free(c->out);
    free(c->err);
    *c = (struct command){ 0 };
}

void command_expect(const char *line, int code, const char *in_out, const char *in_err)
{
    struct command c = command_run(NULL, line);
    bool good = c.code == code && (!in_out || strstr(c.out, in_out)) && (!in_err || strstr(c.err, in_err));
    if (!good)
        fail_msg(
            "tokic %s: exit code %d, expected %d; stdout should have '%s', stderr '%s'\n--- stdout\n%s--- stderr\n%s",
            line, c.code, code, in_out ? in_out : "", in_err ? in_err : "", c.out, c.err);
    command_free(&c);
}

struct place enter_place(void)
{
    struct place p = { tmp_make(), getcwd(NULL, 0) };
    assert_int_equal(chdir(p.dir), 0);
    assert_int_equal(symlink(SOURCE_DIR "/models", "models"), 0);
    setenv("TOKIC_CUDA", "none", 1);
    setenv("TOKIC_HIP", "none", 1);
    return p;
}

void leave_place(struct place *p)
{
    assert_int_equal(chdir(p->before), 0);
    free(p->before);
    tmp_remove(p->dir);
}

const char small_graph[] = "graph small\n"
                           "size one { H = 16 }\n"
                           "size two { H = 32 }\n"
                           "dim B\n"
                           "input x: f32[B, 24] where -1 <= x <= 1\n"
                           "h = gelu(layernorm(linear(x, H)))\n"
                           "output y = softmax(linear(h, 8))\n";

struct place enter_small(void)
{
    struct place p = enter_place();
    write_text("small.graph", small_graph);
    return p;
}

void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        fail_msg("cannot write %s", path);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}
