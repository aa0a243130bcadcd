#ifndef TOKIC_RUNTIME_CLI_CLI_H
#define TOKIC_RUNTIME_CLI_CLI_H
/* The command line: a table of verbs. Results go to stdout, everything else to stderr. The session's diagnostics are
   printed here and nowhere else. */
#include "passes/pass.h"
#include "runtime/cli/cli_options.h"

/* What a test may plant. */
struct cli_env {
    const struct pass *passes_instead; /* pass_options.instead */
    size_t n_instead;
    const struct rule *rules; /* rules that simplify uses instead of its own; NULL: its own */
    size_t n_rules;
};

/* One command being run. */
struct cli {
    struct session *s;
    FILE *out, *err;
    const struct cli_env *env;
    const struct verb *verb;
    struct cli_options o;
};

/* All verbs in the order of help; NULL past the last. */
const struct verb *cli_verb_at(int i);

/* Runs a command; argv[0] is its verb. Returns the exit code (README). */
int cli_run_verb(struct session *s, FILE *out, FILE *err, const struct cli_env *env, int argc, char **argv);
/* The program: argv as main gets it. */
int cli_main(int argc, char **argv);

/* The verbs, each in its file. */
enum fail cli_build(struct cli *c);
enum fail cli_run(struct cli *c);
enum fail cli_verify(struct cli *c);
enum fail cli_print(struct cli *c);
enum fail cli_graph(struct cli *c);
enum fail cli_ops(struct cli *c);
enum fail cli_doctor(struct cli *c);
#endif
