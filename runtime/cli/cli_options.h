#ifndef TOKIC_RUNTIME_CLI_CLI_OPTIONS_H
#define TOKIC_RUNTIME_CLI_CLI_OPTIONS_H
/* Flags. One table has the flags of all verbs; each verb names those that it takes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"

struct cli;
struct verb {
    const char *name;
    const char *args; /* "[GRAPH|DIR]", as help shows it; NULL: takes no argument */
    const char *summary;
    const char *flags;
    const char *about;
    /* Returns FAIL_NONE on success. If the session has errors, the first error decides the exit code instead. */
    enum fail (*run)(struct cli *c);
};

struct verbs {
    const struct verb *v;
    size_t n;
};

struct texts {
    const char **v;
    size_t n, cap;
};

struct cli_options {
    const char *what; /* the argument that is not a flag: GRAPH, DIR or an op; NULL: none */
    const char *size;
    struct texts sets, dims, inputs, outputs;
    int64_t batch; /* -1: not given */
    uint64_t seed;
    double loss_scale;    /* 0: not given */
    int64_t memory_limit; /* bytes; 0: not given */
    int64_t threads;      /* 0: one for each processor */
    const char *backend, *device, *numerics, *target, *against, *init;
    const char *weights, *save_weights, *out_dir, *report, *dump_launches;
    const char *dump;
    const char *stop;
    bool grad, full, exact, json, quiet, verbose, help, check, sanitize, dot, contracts, markdown;
};

enum flag_kind {
    FLAG_BOOL,
    FLAG_TEXT,
    FLAG_LIST,
    FLAG_COUNT,
    FLAG_POSITIVE,
    FLAG_SEED,
    FLAG_SCALE,
    FLAG_BYTES,
    FLAG_WORD,
    FLAG_DUMP,
    FLAG_PASS
};
struct cli_flag {
    const char *name;
    char letter;
    enum flag_kind kind;
    size_t at;       /* offset in struct cli_options */
    const char *arg; /* the value as help shows it; for FLAG_WORD the allowed words: "cpu|hip" */
    const char *help;
};

const struct cli_flag *cli_flag_at(int i);
/* Returns "; did you mean NEAR?", or "" if `near` is NULL. */
const char *cli_meant(struct session *s, const char *near);
/* Translates a word of other tools for the flag `of`: "cuda" for --device gives "nvidia:0". NULL if unknown. */
const char *cli_word_meant(const char *of, const char *said);
bool cli_has_word(const char *words, const char *word);

/* Reads the flags of verb `v` from argv[1] on. The strings of `out` point into argv. Returns false with a diagnostic
   (FAIL_USAGE) on failure. */
bool cli_options_read(struct session *s, const struct verbs *all, const struct verb *v, int argc, char **argv,
                      struct cli_options *out);
void cli_options_help(const struct verb *v, FILE *to);
#endif
