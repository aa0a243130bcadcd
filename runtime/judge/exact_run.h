#ifndef TOKIC_RUNTIME_JUDGE_EXACT_RUN_H
#define TOKIC_RUNTIME_JUDGE_EXACT_RUN_H
/* Runs the launches of a program as payloads (codegen/payload.h) in this process. A payload has 8 bytes. */
#include "codegen/program.h"

typedef void payload_run(void *const *args, const long long *dims, const long long *grid);

struct payloads {
    int fd;
    void *so;
    payload_run **run;
    /* Variables of the prelude. outside: number of accesses outside their array.
       counts: number of elements of each argument. key: the key of hashes, or NULL. */
    long long *outside, *counts;
    uint64_t *key;
};

/* Compiles n kernels with different names. `prelude` must include payload_guards.
   Returns false with diagnostics. Call payloads_close in either case. */
bool payloads_compile(struct session *s, const struct target *t, const char *prelude, struct kernel *const *k, size_t n,
                      struct payloads *out);
/* Like payloads_compile, for kernels that are printed already. */
bool payloads_of_texts(struct session *s, const struct target *t, const char *prelude, const char *const *texts,
                       const char *const *names, size_t n, struct payloads *out);
void payloads_close(struct payloads *lib);

struct cells {
    void *at;
    enum dtype dtype; /* a float of any dtype is stored as a payload */
    int64_t count;
};
void cells_set(const struct cells *c, int64_t i, NUM v);
NUM cells_get(const struct cells *c, int64_t i);

/* The memory of a group's inputs, results and scratch, in the group's order. */
struct group_cells {
    const struct group *gr;
    const struct dim_values *dims;
    struct cells *in, *out, *scratch;
};
struct group_cells group_cells_begin(struct arena *a, const struct group *gr, const struct dim_values *dims);
/* Zeroes the buffers that the group wants zeroed. Fills the others with bytes that no kernel would write. */
void group_cells_forget(const struct group_cells *m);
void group_cells_end(struct group_cells *m);

/* Runs launch l with the code `run`. Returns the number of accesses outside their array. */
int64_t payload_launch(const struct payloads *lib, payload_run *run, const struct program_launch *l,
                       const struct group_cells *m);
#endif
