#ifndef TOKIC_IR_DTYPE_H
#define TOKIC_IR_DTYPE_H
/* Element types and their number formats. */
#include <stdbool.h>
#include <stdint.h>

enum dtype {
    DT_FLOAT, /* written `float`: the precision pass decides which float dtype it becomes */
    DT_F16,
    DT_BF16,
    DT_F32,
    DT_F64,
    DT_I32,
    DT_I64,
    DT_BOOL, /* bool: one byte, 0 or 1 */
    DT_COUNT
};

struct dtype_info {
    const char *name;
    int size; /* bytes in memory; 0 for `float` */
    bool is_float;
    int mantissa; /* significand bits, the hidden one included: 11, 8, 24, 53 */
    int emin;     /* exponent of the smallest normal number */
    double max;   /* largest finite number */
};
extern const struct dtype_info dtype_table[DT_COUNT];

static inline const char *dtype_name(enum dtype t) { return dtype_table[t].name; }
static inline int dtype_size(enum dtype t) { return dtype_table[t].size; }
static inline bool dtype_is_float(enum dtype t) { return dtype_table[t].is_float; }
bool dtype_parse(const char *name, enum dtype *out);

/* Rounds a double once, to nearest even, into the format of a float dtype. Subnormals are kept; overflow gives
   infinity. `float` and f64: x itself. */
double dtype_round(enum dtype t, double x);
/* Half a unit in the last place of format t at magnitude |x|; at 0, half the smallest subnormal. */
double dtype_half_ulp(enum dtype t, double x);
/* 2^-mantissa: the unit roundoff of the format. */
double dtype_unit(enum dtype t);

/* The bits of an f16 or bf16 number, rounded once to nearest even. A NaN becomes quiet and keeps its sign. */
uint16_t f16_from_double(double x);
uint16_t f16_from_float(float x);
float f16_to_float(uint16_t h);
uint16_t bf16_from_double(double x);
uint16_t bf16_from_float(float x);
float bf16_to_float(uint16_t h);
#endif
