#ifndef TOKIC_TESTS_CORPUS_H
#define TOKIC_TESTS_CORPUS_H
/* A corpus of graph texts, each a function of its seed and number: the models, the graphs of tests/, graphs that test
   sources quote, random graphs, and mutations of all of them. Most mutations change one or two tokens, so that many
   still parse. */
#include <stddef.h>
#include <stdint.h>

#include "ir/arena.h"

struct corpus {
    struct arena *arena;
    const char **text; /* the valid graphs, which mutations begin with; then those that are refused */
    const char **name; /* where each comes from */
    size_t n, n_valid, cap, cap_names;
};

/* Reads the graphs under `root`, the directory of the sources. */
struct corpus *corpus_new(const char *root);
void corpus_free(struct corpus *c);
/* The graph that text `number` was made from. */
size_t corpus_origin(const struct corpus *c, uint64_t number);
/* Text `number`, in `a`: the first c->n are the graphs themselves. */
char *corpus_text(const struct corpus *c, struct arena *a, uint64_t seed, uint64_t number);
#endif
