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
    const char **text; /* the valid graphs that mutations begin with, and some that are refused */
    const char **name; /* where each comes from */
    size_t n, cap, cap_names;
};

/* Reads the graphs under `root`, the directory of the sources. */
struct corpus *corpus_new(const char *root);
void corpus_free(struct corpus *c);
/* Text `number`: the first c->n are the graphs themselves. In `a`. */
char *corpus_text(const struct corpus *c, struct arena *a, uint64_t seed, uint64_t number);
#endif
