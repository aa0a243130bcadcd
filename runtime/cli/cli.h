#ifndef TOKIC_RUNTIME_CLI_CLI_H
#define TOKIC_RUNTIME_CLI_CLI_H
/* The command line: a table of verbs. Results go to stdout, everything else to stderr; what went wrong is in the
   session's diagnostics, printed here and only here. */
#include "passes/pass.h"
#include "runtime/cli/cli_options.h"

/* What a test may plant. */
struct cli_env {
    const struct pass *passes_instead;
    size_t n_instead; /* pass_options.instead */
    const struct rule *rules;
    size_t n_rules; /* of simplify, in the place of its own; NULL: its own */
};

/* One command being run. */
struct cli {
    struct session *s;
    FILE *out, *err;
    const struct cli_env *env;
    const struct verb *verb;
    struct cli_options o;
};

struct verb {
    const char *name;
    const char *args;    /* what its argument is called: "[GRAPH|DIR]"; NULL: it takes none */
    const char *summary; /* one line */
    const char *flags;   /* names of those that it takes, space-separated */
    const char *about;   /* the paragraphs of its help */
    enum fail (*run)(
        struct cli *
            /* FAIL_NONE: good. With errors in the session the first one's kind is the exit code, whatever is returned
               */
            c);
};

/* All verbs in the order of help; NULL past the last. */
const struct verb *cli_verb_at(int i);

/* A command with argv[0] its verb. Returns the exit code of SPEC section 1. */
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
