#ifndef TOKIC_TESTS_WILD_H
#define TOKIC_TESTS_WILD_H
/* Inputs as nobody wishes them: subnormals, huge values, ties, zeros of both signs, NaN, infinities, integers'
   extremes. */
#include "runtime/bind.h"

/* A text whose inputs have no `where`. */
const char *wild_text(struct arena *a, const char *text);
/* Overwrites what a binding has drawn, parameters included, in one style for each tensor, as the seed says. */
void wild_fill(struct binding *b, uint64_t seed);
#endif
