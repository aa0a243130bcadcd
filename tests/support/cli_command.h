#ifndef TOKIC_TESTS_CLI_COMMAND_H
#define TOKIC_TESTS_CLI_COMMAND_H
/* Runs commands of tokic, in this process or as the program, and keeps what they print. */
#include "runtime/cli/cli.h"

struct command {
    int code;
    char *out, *err;
};

/* `line` is split at blanks: "run models/x.graph --backend cpu". In this process, with a session of its own. */
struct command command_run(const struct cli_env *env, const char *line);
/* The same by the program that the build made; `line` is for the shell, behind the program's name. */
struct command command_program(const char *line);
void command_free(struct command *c);

/* Runs it and fails the test, showing what it printed, unless it ends with `code`; then frees it. The texts, if not
   NULL, must be in stdout or stderr. */
void command_expect(const char *line, int code, const char *in_out, const char *in_err);

/* A fresh directory that is the current one, with models/ in it, and no GPU to be seen; leave_place undoes that. */
struct place {
    char *dir, *before;
};
struct place enter_place(void);
void leave_place(struct place *p);
/* The same, with this graph in it as small.graph: sizes one and two, input x: f32[B, 24], output y: [B, 8]. */
extern const char small_graph[];
struct place enter_small(void);
void write_text(const char *path, const char *text);
char *read_text(const char *path);
#endif
