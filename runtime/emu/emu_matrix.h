#ifndef TOKIC_RUNTIME_EMU_EMU_MATRIX_H
#define TOKIC_RUNTIME_EMU_EMU_MATRIX_H
/* Matrix units, bit for bit. */
#include <stdint.h>

#include "ir/target.h"

/* the largest m, n and k; lanes per wave; elements per lane */
enum { MATRIX_SIDE = 16, MATRIX_LANES = 64, MATRIX_ELEMS = 8 };

/* The index in A [m][k], B [k][n], C [m][n] of each (lane, element). */
struct matrix_coords {
    uint8_t a[MATRIX_LANES][MATRIX_ELEMS], b[MATRIX_LANES][MATRIX_ELEMS], c[MATRIX_LANES][MATRIX_ELEMS];
};
/* False if the emulator does not know the unit. */
bool matrix_coords_of(const struct matrix_unit *u, int wave, struct matrix_coords *out);

/* The registers that one lane passes to tk_mma. */
struct matrix_regs {
    float *c;
    const unsigned *a, *b;
};
/* c += a·b for one wave, on the fragments in its lanes. */
void matrix_mma(const struct matrix_unit *u, const struct matrix_coords *at, int wave, const struct matrix_regs *lanes);
/* C := A·B + C by the unit's bit model. A and B hold the bits of f16. */
void matrix_multiply(const struct matrix_unit *u, const uint16_t *a, const uint16_t *b, float *c);
#endif
