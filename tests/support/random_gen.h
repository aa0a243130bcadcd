#ifndef TOKIC_TESTS_RANDOM_GEN_H
#define TOKIC_TESTS_RANDOM_GEN_H
/* What the files that draw random graphs share: the values so far, and the statements that add one. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ir/dtype.h"

enum { MAX_VALUES = 80, MAX_DIMS = 4, MAX_ELEMENTS = 40000, USUAL_B = 7 };

/* k, or k·B. */
struct dim {
    int k;
    bool b;
};
struct value {
    char name[12];
    enum dtype dtype;
    int rank;
    struct dim dim[MAX_DIMS];
    double mag; /* of floats */
    bool used;
};

struct gen {
    uint64_t rnd;
    FILE *to;
    struct value v[MAX_VALUES];
    int n;
};

/* lo..hi, both in. */
int gen_range(struct gen *g, int lo, int hi);
bool gen_chance(struct gen *g, int percent);
bool gen_same_shape(const struct value *a, const struct value *b);
void gen_put_shape(FILE *to, const struct value *v);
/* A float value, used from now on; NULL: none was found. */
struct value *gen_float(struct gen *g);
/* Room for a float like `like`, under the next name. The caller writes its statement. */
struct value *gen_new(struct gen *g, const struct value *like, double mag);
/* `NAME = …`: the whole right side. */
__attribute__((format(printf, 4, 5))) struct value *gen_assign(struct gen *g, const struct value *like, double mag,
                                                               const char *fmt, ...);

/* A value of v's shape, or one that broadcasts to it: an earlier one, or a new input. */
struct value *gen_partner(struct gen *g, const struct value *v);

/* Steps: each adds a value or says that it cannot. */
bool random_ints(struct gen *g);
bool random_masked(struct gen *g);
bool random_siblings(struct gen *g);
bool random_moved(struct gen *g);
#endif
