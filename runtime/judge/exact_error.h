#ifndef TOKIC_RUNTIME_JUDGE_EXACT_ERROR_H
#define TOKIC_RUNTIME_JUDGE_EXACT_ERROR_H
/* How probable it is that a wrong kernel passes exact_field. */
#include "codegen/program.h"
#include "runtime/judge/walk.h"

/* Bounds the probability that launches first..last, if they compute another function than their group's nodes, give
   equal results for independent uniform inputs. `values`: a walk that holds the group's integers. INFINITY: unknown. */
double exact_error(const struct program *p, size_t first, size_t last, const struct walk *values);
#endif
