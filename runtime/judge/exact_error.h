#ifndef TOKIC_RUNTIME_JUDGE_EXACT_ERROR_H
#define TOKIC_RUNTIME_JUDGE_EXACT_ERROR_H
#include "codegen/program.h"
#include "runtime/judge/walk.h"

/* Bounds the probability that a wrong kernel passes exact_field; INFINITY: no bound is known.
   A wrong kernel: launches first..last compute another function than their group's nodes. It passes if both give equal
   results for independent uniform inputs.
   `values`: a walk that holds the group's integers. */
double exact_error(const struct program *p, size_t first, size_t last, const struct walk *values);
#endif
