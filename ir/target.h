#ifndef TOKIC_IR_TARGET_H
#define TOKIC_IR_TARGET_H
/* A target is a record of numbers that templates, printers, emulator and bounds read. No code tests for a target by
   name. */
#include <stdbool.h>
#include <stdint.h>

#include "ir/dtype.h"

enum dialect { DIALECT_HIP, DIALECT_CUDA, DIALECT_COUNT };
enum compiler { COMPILER_HIPRTC, COMPILER_CLANG, COMPILER_NVRTC };
enum provenance { MEASURED, PUBLISHED, DOCUMENTED, ASSUMED };

/* One coordinate of a fragment's element is a sum of terms mul·((v / div) % mod), where v is the lane or the number of
   the element in the lane. */
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

/* How a matrix unit computes D = A·B + C, bit for bit (Xie et al., arXiv 2511.10909, and measurement). */
enum matrix_model_kind {
    /* The products of `group` consecutive k and the running sum c are added in one aligned sum of `fbits` bits, which
       is truncated to f32. Groups follow each other in K order. */
    MODEL_ALIGNED_SUM,
    /* Four products in K order are a group, (p0+p1)+(p2+p3), which is then added to c. Each addition rounds to nearest
       even in f32. */
    MODEL_TREE4,
};
struct matrix_model {
    enum matrix_model_kind kind;
    int group, fbits;
    bool flush; /* subnormal A, B, C, partial sums and results are flushed to zero */
    enum provenance known;
};

/* A matrix instruction of one wave: D[m,n] = A[m,k]·B[k,n] + C[m,n]. A's map gives (m, k), B's (k, n), C's (m, n). */
struct matrix_unit {
    const char *name; /* of the instruction, as the vendor writes it */
    int m, n, k;
    enum dtype in, acc;
    int a_elems, b_elems, c_elems; /* elements per lane */
    struct coord_map a, b, c;
    enum provenance maps_known;
    struct matrix_model model;
};

struct target {
    const char *name;
    const char *base; /* the record whose fields this one takes and overrides (a macro in ir/target.c); NULL: none */
    enum dialect dialect;
    enum compiler compiler;
    int wave;             /* work-items per wave */
    int max_block;        /* work-items per block */
    uint64_t max_grid[3]; /* blocks per launch, x y z */
    uint64_t max_items;   /* work-items per launch along x */
    int shared_bytes;     /* most bytes of shared memory (LDS) of one block */
    int static_shared;    /* up to this many bytes, shared memory is static; beyond, dynamic */
    int copy_stages;      /* slots of a gemm's ring: one is computed on, copies into the others are in flight */
    bool async_copy;      /* copies to shared memory bypass registers; else a load and a store stage them there */
    bool early_launch;    /* a launch may start while its predecessors run; its kernel then waits for them */
    int units;            /* multiprocessors or compute units of the reference card, for the roofline */
    double mem_gbs, fp16_tflops;
    const struct matrix_unit *matrix; /* f16 operands, f32 accumulator; NULL: none */
    int simd_regs;                    /* occupancy: registers of a SIMD lane */
    int reg_granule;                  /* occupancy: registers are allocated in multiples of this */
    int simd_waves;                   /* occupancy: most waves of a SIMD */
    enum provenance known;
};

/* The record of a target by name ("gfx90a", "sm_90"); NULL if there is none. */
const struct target *target_find(const char *name);
/* All records, in table order; NULL past the last. */
const struct target *target_at(int i);
#endif
