#ifndef TOKIC_IR_TARGET_H
#define TOKIC_IR_TARGET_H
/* A target is a record of numbers about a GPU: limits, sizes, rates. No code tests for a target by name. */
#include <stdbool.h>
#include <stdint.h>

#include "ir/dtype.h"

enum dialect { DIALECT_HIP, DIALECT_CUDA, DIALECT_COUNT };
enum compiler { COMPILER_HIPRTC, COMPILER_CLANG, COMPILER_NVRTC };
enum provenance { MEASURED, PUBLISHED, DOCUMENTED, ASSUMED };

/* A matrix unit spreads the elements of a matrix over the lanes of a wave.
   A coord_map gives the row and column of each element of a lane. Row and column are sums of mul·((v / div) % mod),
   where v is the lane number (BY_LANE) or the element's number within the lane (BY_ELEM). */
struct map_term {
    enum { BY_LANE, BY_ELEM } of;
    int div, mod, mul;
};
enum { MAP_TERMS = 4 };
struct coord_map {
    struct map_term row[MAP_TERMS], col[MAP_TERMS]; /* a term with mul 0 ends the list */
};
int map_row(const struct coord_map *m, int lane, int elem);
int map_col(const struct coord_map *m, int lane, int elem);

/* How a matrix unit orders and rounds the sum in D = A·B + C.
   Sources: Xie et al., arXiv 2511.10909, and measurements. */
enum matrix_model_kind {
    /* Adds `group` consecutive products along K and the running sum at a time.
       Truncates each summand to a multiple of 2^(E-fbits), where E is the largest exponent of the summands.
       Adds the summands exactly, and truncates the result to f32. */
    MODEL_ALIGNED_SUM,
    /* Adds four consecutive products p0 to p3 along K at a time: c += (p0 + p1) + (p2 + p3).
       Each addition rounds to nearest even in f32. */
    MODEL_TREE4,
};
struct matrix_model {
    enum matrix_model_kind kind;
    int group, fbits;
    bool flush; /* subnormal inputs, partial sums and results become 0 */
    enum provenance known;
};

/* A matrix instruction of one wave: D[m,n] = A[m,k]·B[k,n] + C[m,n].
   The fields a and b map the elements of A and B; the field c maps the elements of C and D. */
struct matrix_unit {
    const char *name;
    int m, n, k;
    enum dtype in, acc;
    int a_elems, b_elems, c_elems; /* elements per lane */
    struct coord_map a, b, c;
    enum provenance maps_known;
    struct matrix_model model;
};

struct target {
    const char *name;
    const char *base; /* the target that this record is based on; NULL: none */
    enum dialect dialect;
    enum compiler compiler;
    int wave; /* work-items per wave */
    int max_block;
    uint64_t max_grid[3]; /* blocks per launch along x, y, z */
    uint64_t max_items;   /* work-items per launch along x */
    int shared_bytes;     /* most bytes of shared memory (LDS) for a block */
    int static_shared;    /* more bytes of shared memory than this must be allocated dynamically */
    int copy_stages;      /* a gemm loads A and B in steps along K, and holds this many steps in shared memory */
    bool async_copy;      /* has copies from global to shared memory that bypass registers (cp.async) */
    bool early_launch;    /* a kernel can start before earlier kernels end, and wait for them (dependent launch) */
    int units;            /* multiprocessors (compute units) of the reference card */
    double mem_gbs, fp16_tflops;
    const struct matrix_unit *matrix; /* f16 operands, f32 accumulator; NULL: none */
    int simd_regs;                    /* registers for each lane of a SIMD; the waves on the SIMD share them */
    int reg_granule;
    int simd_waves; /* most waves on a SIMD at once */
    enum provenance known;
};

/* Returns the target of this name, such as "gfx90a"; NULL if there is none. */
const struct target *target_find(const char *name);
/* Returns the i-th target; NULL past the last. */
const struct target *target_at(int i);
#endif
