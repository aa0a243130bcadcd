#ifndef TOKIC_RUNTIME_DRAW_H
#define TOKIC_RUNTIME_DRAW_H
/* Random values as a function of (seed, tensor name, element): they do not depend on order, thread count or backend.

   Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11), ten rounds of
       (hi0, lo0) = 0xD2511F53 · c0,  (hi1, lo1) = 0xCD9E8D57 · c2                            32 × 32 → 64 bits
       (c0, c1, c2, c3) = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0)
       after each round but the last   (k0, k1) += (0x9E3779B9, 0xBB67AE85)                   mod 2^32
   with    k = (seed mod 2^32, seed / 2^32)
           c = (i mod 2^32, i / 2^32, h mod 2^32, h / 2^32)      i: the element in C order, from 0;  h = fnv1a64(name),
               its bytes without a NUL
           x = c0 after the rounds;  the other three words are not used
           u = (x >> 8) · 2^-24                                  in [0, 1), exact in f32
           value = f32(lo + (hi − lo) · u)                       each operation in double, then one rounding to f32,
                                                                 nearest even
   The drawn value is this f32 in every numerics; converting it to a narrower dtype rounds it. It may equal f32(hi).
   Integers and bools: value = min(lo + floor((hi − lo + 1) · u), hi), with lo and hi integers. */
#include "runtime/format/tensor.h"

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* u of one element. */
float draw_unit(uint64_t seed, const char *name, uint64_t index);
/* Draws `n` values from element `first` on, given the hash of the tensor's name, so that threads can
   share a tensor. */
void draw_block(uint64_t seed, uint64_t name_hash, double lo, double hi, uint64_t first, size_t n, float *out);
/* Draws every element of t; lo <= hi, both finite. Values beyond the range of f16 or bf16 become infinite: the caller
   checks the range. */
void draw_fill(uint64_t seed, const char *name, double lo, double hi, struct tensor *t);
#endif
