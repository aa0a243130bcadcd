#ifndef TOKIC_IR_DTYPE_H
#define TOKIC_IR_DTYPE_H
#include <stdbool.h>
#include <stdint.h>

enum dtype {
    DT_FLOAT, /* `float` in a graph; the precision pass replaces it by a concrete format */
    DT_F16,
    DT_BF16,
    DT_F32,
    DT_F64,
    DT_I32,
    DT_I64,
    DT_BOOL, /* one byte, 0 or 1 */
    DT_COUNT
};

struct dtype_info {
    const char *name;
    int size; /* bytes; 0 for DT_FLOAT */
    bool is_float;
    int mantissa; /* significand bits, with the implicit leading 1: 11 for f16 */
    int emin;     /* exponent of the smallest normal number */
    double max;
};
extern const struct dtype_info dtype_table[DT_COUNT];

static inline const char *dtype_name(enum dtype t) { return dtype_table[t].name; }
static inline int dtype_size(enum dtype t) { return dtype_table[t].size; }
static inline bool dtype_is_float(enum dtype t) { return dtype_table[t].is_float; }
bool dtype_parse(const char *name, enum dtype *out);

/* Rounds x to the nearest number of a float dtype, ties to even. Keeps subnormals. Overflow gives infinity.
   Returns x itself for DT_FLOAT and DT_F64. */
double dtype_round(enum dtype t, double x);
/* Half the distance between neighbouring numbers of the format at |x|. At 0: half the smallest subnormal. */
double dtype_half_ulp(enum dtype t, double x);
/* The unit roundoff of the format: 2^-11 for f16. */
double dtype_unit(enum dtype t);

/* Conversions between numbers and the bits of f16 or bf16. A conversion to 16 bits rounds once, to nearest even.
   A NaN stays a NaN with the same sign, and becomes quiet. */
uint16_t f16_from_double(double x);
uint16_t f16_from_float(float x);
float f16_to_float(uint16_t h);
uint16_t bf16_from_double(double x);
uint16_t bf16_from_float(float x);
float bf16_to_float(uint16_t h);
#endif
