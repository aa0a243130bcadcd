#ifndef TOKIC_IR_TARGET_H
#define TOKIC_IR_TARGET_H
/* A target is a record of numbers about a GPU: limits, sizes, rates. Code generation, the emulator and the error bounds
   read them. No code tests for a target by name. */
#include <stdbool.h>
#include <stdint.h>

#include "ir/dtype.h"

enum dialect { DIALECT_HIP, DIALECT_CUDA, DIALECT_COUNT };
enum compiler { COMPILER_HIPRTC, COMPILER_CLANG, COMPILER_NVRTC };
enum provenance { MEASURED, PUBLISHED, DOCUMENTED, ASSUMED };

/* A matrix unit spreads the elements of a matrix over the lanes of a wave. A coord_map tells which element a lane
   holds. Its row, and its column, are a sum of terms mul·((v / div) % mod). v is the lane number (BY_LANE) or the
   number of the element within the lane (BY_ELEM). */
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

/* The order and rounding in which a matrix unit computes D = A·B + C. Sources: Xie et al., arXiv 2511.10909, and
   measurements. */
enum matrix_model_kind {
    /* Takes `group` consecutive products along K at a time. Truncates them and the running sum c to multiples of
       2^(E-fbits), where E is the largest of their exponents. Adds them exactly, and truncates the sum to f32. */
    MODEL_ALIGNED_SUM,
    /* Takes four consecutive products p0 to p3 along K at a time: c += (p0 + p1) + (p2 + p3). Each addition rounds to
       nearest even in f32. */
    MODEL_TREE4,
};
struct matrix_model {
    enum matrix_model_kind kind;
    int group, fbits;
    bool flush; /* subnormal inputs, partial sums and results become zero */
    enum provenance known;
};

/* A matrix instruction that one wave executes: D[m,n] = A[m,k]·B[k,n] + C[m,n]. The maps a, b, c give the row and
   column of an element of A, of B, and of C or D. */
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
    const char *base; /* the target whose record this one extends (see ir/target.c); NULL: none */
    enum dialect dialect;
    enum compiler compiler;
    int wave; /* work-items per wave */
    int max_block;
    uint64_t max_grid[3]; /* blocks per launch along x, y, z */
    uint64_t max_items;   /* work-items per launch along x */
    int shared_bytes;     /* most bytes of shared memory (LDS) that a block can use */
    int static_shared;    /* above this many bytes, shared memory must be dynamic */
    int copy_stages;      /* slices of A and B that a gemm keeps in shared memory: one in use, the others loading */
    bool async_copy;      /* copies from global to shared memory bypass registers (cp.async) */
    bool early_launch;    /* a kernel may start before earlier ones end, and wait for them (dependent launch) */
    int units;            /* multiprocessors (compute units) of the reference card */
    double mem_gbs, fp16_tflops;
    const struct matrix_unit *matrix; /* f16 operands, f32 accumulator; NULL: none */
    int simd_regs;                    /* registers per lane of a SIMD, shared by its waves */
    int reg_granule;
    int simd_waves; /* most waves that a SIMD holds at once */
    enum provenance known;
};

/* NULL if no target has this name ("gfx90a", "sm_90"). */
const struct target *target_find(const char *name);
/* The i-th target; NULL past the last. */
const struct target *target_at(int i);
#endif
