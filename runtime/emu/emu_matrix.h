#ifndef TOKIC_RUNTIME_EMU_EMU_MATRIX_H
#define TOKIC_RUNTIME_EMU_EMU_MATRIX_H
/* Emulates matrix instructions with the same bits as the hardware. */
#include <stdint.h>

#include "ir/target.h"

/* Limits on m, n and k; on lanes of a wave; on elements of a matrix in a lane. */
enum { MATRIX_SIDE = 16, MATRIX_LANES = 64, MATRIX_ELEMS = 8 };

/* a[lane][e]: index in A [m][k], in C order, of the element that `lane` holds as its e-th. Likewise b in B [k][n] and c
   in C [m][n]. */
struct matrix_coords {
    uint8_t a[MATRIX_LANES][MATRIX_ELEMS], b[MATRIX_LANES][MATRIX_ELEMS], c[MATRIX_LANES][MATRIX_ELEMS];
};
/* false if the emulator does not know the unit. */
bool matrix_coords_of(const struct matrix_unit *u, int wave, struct matrix_coords *out);

struct matrix_regs {
    float *c;
    const unsigned *a, *b;
};
/* C += A·B for one wave. lanes[i]: the registers of lane i. `at`: from matrix_coords_of. */
void matrix_mma(const struct matrix_unit *u, const struct matrix_coords *at, int wave, const struct matrix_regs *lanes);
/* C += A·B with the unit's rounding. A [m][k] and B [k][n] are f16 bits; C is [m][n]. */
void matrix_multiply(const struct matrix_unit *u, const uint16_t *a, const uint16_t *b, float *c);
#endif
