#ifndef TOKIC_RUNTIME_CLI_CLI_H
#define TOKIC_RUNTIME_CLI_CLI_H
/* The command line. Results go to stdout, everything else to stderr. No other part of tokic prints diagnostics. */
#include "passes/pass.h"
#include "runtime/cli/cli_options.h"

/* Passes and rewrite rules that a test puts in place of tokic's own. */
struct cli_env {
    const struct pass *passes_instead;
    size_t n_instead;
    const struct rule *rules; /* for the pass simplify; NULL: its own rules */
    size_t n_rules;
};

struct cli {
    struct session *s;
    FILE *out, *err;
    const struct cli_env *env;
    const struct verb *verb;
    struct cli_options o;
};

const struct verb *cli_verb_at(int i);

/* Runs the verb argv[0]. Returns the program's exit code: 0 good, 1 judged wrong, 2 usage, 3 bad input, 4 no device or
   compiler. */
int cli_run_verb(struct session *s, FILE *out, FILE *err, const struct cli_env *env, int argc, char **argv);
int cli_main(int argc, char **argv);

enum fail cli_build(struct cli *c);
enum fail cli_run(struct cli *c);
enum fail cli_verify(struct cli *c);
enum fail cli_print(struct cli *c);
enum fail cli_graph(struct cli *c);
enum fail cli_ops(struct cli *c);
enum fail cli_doctor(struct cli *c);
#endif
