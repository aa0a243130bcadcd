#ifndef TOKIC_RUNTIME_DRAW_H
#define TOKIC_RUNTIME_DRAW_H
/* Each random value is a function of (seed, tensor name, element number). So the values do not depend on the order of
   draws, the number of threads or the backend.

   Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11)
   makes four words c0 .. c3 from a counter (c0, c1, c2, c3) and a key (k0, k1). It has ten rounds of
       (hi0, lo0) = 0xD2511F53 · c0,  (hi1, lo1) = 0xCD9E8D57 · c2                            32 × 32 → 64 bits
       (c0, c1, c2, c3) = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0)
       after each round but the last   (k0, k1) += (0x9E3779B9, 0xBB67AE85)                   mod 2^32
   The key and the counter of an element are
       k = (seed mod 2^32, seed / 2^32)
       c = (i mod 2^32, i / 2^32, h mod 2^32, h / 2^32)      i: element number in C order;  h = fnv1a64(name)
   The first word c0 of the result becomes the value, for a tensor drawn from the range [lo, hi]:
       u = (c0 >> 8) · 2^-24                                 in [0, 1), exact in f32
       float: f32(lo + (hi − lo) · u) computed in double, then rounded to f32; can equal f32(hi)
       integer, bool: min(lo + floor((hi − lo + 1) · u), hi)
   A tensor of a narrower float dtype gets the f32 value, rounded again. */
#include "runtime/format/tensor.h"

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Returns u of the formula at the top of this file, for element `index`. */
float draw_unit(uint64_t seed, const char *name, uint64_t index);
/* Draws elements `first` to `first` + n - 1 of a tensor into `out`. `name_hash`: fnv1a64 of the tensor's name. */
void draw_block(uint64_t seed, uint64_t name_hash, double lo, double hi, uint64_t first, size_t n, float *out);
/* Draws every element of `t`. Requires finite lo <= hi. A value too large for f16 or bf16 becomes infinite. */
void draw_fill(uint64_t seed, const char *name, double lo, double hi, struct tensor *t);
#endif
