#ifndef TOKIC_RUNTIME_CLI_CLI_OPTIONS_H
#define TOKIC_RUNTIME_CLI_CLI_OPTIONS_H
/* Verbs and their flags: one table of all flags; each verb names those that it takes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"

struct cli;
struct verb {
    const char *name;
    const char *args;    /* its argument as help shows it: "[GRAPH|DIR]"; NULL: it takes none */
    const char *summary; /* one line */
    const char *flags;   /* names of the flags that it takes, space-separated */
    const char *about;   /* the paragraphs of its help */
    /* FAIL_NONE: success. If the session has errors, the first one's kind decides the exit code instead. */
    enum fail (*run)(struct cli *c);
};

/* All verbs, in the order of help. */
struct verbs {
    const struct verb *v;
    size_t n;
};

struct texts {
    const char **v;
    size_t n, cap;
};

struct cli_options {
    const char *what; /* the one argument that is not a flag: GRAPH, DIR, or the name of an op; NULL: none */
    const char *size;
    struct texts sets, dims, inputs, outputs;
    int64_t batch; /* -1: not given */
    uint64_t seed;
    double loss_scale; /* 0: not given */
    int64_t threads;   /* 0: as many as the machine has */
    const char *backend, *device, *numerics, *target, *against, *init;
    const char *weights, *save_weights, *out_dir, *report, *dump_launches;
    const char *dump; /* a pass's name, or "all" */
    const char *stop; /* a pass's name */
    bool grad, json, quiet, verbose, help, check, sanitize, dot, contracts;
};

enum flag_kind {
    FLAG_BOOL,
    FLAG_TEXT,
    FLAG_LIST,
    FLAG_COUNT,
    FLAG_POSITIVE,
    FLAG_SEED,
    FLAG_SCALE,
    FLAG_WORD,
    FLAG_DUMP,
    FLAG_PASS
};
struct cli_flag {
    const char *name;
    char letter; /* 0: none */
    enum flag_kind kind;
    size_t at;       /* offset of its field in struct cli_options */
    const char *arg; /* its value as help shows it; FLAG_WORD: the words, separated by "|" */
    const char *help;
};

/* All flags, in the order in which help lists them; NULL past the last. */
const struct cli_flag *cli_flag_at(int i);
/* "; did you mean NEAR?", to end an error about a name; "" if `near` is NULL. */
const char *cli_meant(struct session *s, const char *near);
/* tokic's word for what users of other tools call a backend, numerics or device. `of` is the flag's name: `said` "cuda"
   of "device" is nvidia:0. NULL: unknown. */
const char *cli_word_meant(const char *of, const char *said);
/* Is `word` one of the space-separated words? */
bool cli_has_word(const char *words, const char *word);

/* Reads argv[1..] for a verb, one of `all`. The texts are not copied: they point into argv. false with a diagnostic
   (FAIL_USAGE). */
bool cli_options_read(struct session *s, const struct verbs *all, const struct verb *v, int argc, char **argv,
                      struct cli_options *out);
/* The flags of a verb, as its help shows them. */
void cli_options_help(const struct verb *v, FILE *to);
#endif
