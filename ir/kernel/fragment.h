#ifndef TOKIC_IR_KERNEL_FRAGMENT_H
#define TOKIC_IR_KERNEL_FRAGMENT_H
/* Questions about fragments, answered from the matrix unit's coordinate maps (ir/target.h). A map gives the row and
   column of each element that a lane holds. */
#include "ir/index.h"
#include "ir/target.h"

/* The row or column of element `elem` of lane `lane`. `terms`: map->row or map->col. */
const struct index *frag_coord(struct index_table *t, const struct map_term *terms, const struct index *lane,
                               const struct index *elem);

/* ---- rows and columns of C ---- */
/* A lane holds elements of only some rows of C. It numbers these rows from 0; such a number is a slot. frag_row_slots
   counts the slots, frag_row_slot gives the slot of element `elem`, and frag_row_at the row at a slot. The same for
   columns. */
int frag_row_slots(const struct matrix_unit *u);
int frag_col_slots(const struct matrix_unit *u);
const struct index *frag_row_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
const struct index *frag_col_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
const struct index *frag_row_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
const struct index *frag_col_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
/* A mask of the bits of the lane number that do not affect the row (column). Lanes that differ only in these bits hold
   elements of the same rows (columns). */
unsigned frag_row_lanes(const struct matrix_unit *u, int wave);
unsigned frag_col_lanes(const struct matrix_unit *u, int wave);
/* Do the lanes that share a row of C hold each of its elements exactly once between them? */
bool frag_rows_whole(struct index_table *t, const struct matrix_unit *u, int wave);

/* ---- from C to A ---- */
/* Where element `elem` of a lane's A fragment is found in C: lane, element number, and fragment. An A fragment with k
   columns takes them from k / n fragments of C side by side. */
struct frag_source {
    const struct index *lane, *elem, *frag;
};
struct frag_source frag_source_of(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                  const struct index *elem);
/* The inverse: the element number in A of element `elem` of a lane's C fragment. In A it may be in another lane. */
const struct index *frag_target_elem(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                     const struct index *elem);

enum frag_way {
    FRAG_STAYS, /* each lane holds its elements of A in C already, at the same element numbers in all lanes */
    /* The maps of A and C are transposes of each other, and lanes exchange elements. All elements that lane L receives
       have the same number s(L) in C. All elements that lane S sends have the same number t(S) in A. With n elements
       per lane there are n turns d = 0 … n - 1: lane L receives its element (s(L) + d) mod n of A, and lane S sends its
       element (t(S) - d) mod n of C. */
    FRAG_TURNS,
    FRAG_NO_WAY,
};
enum frag_way frag_way_of(struct index_table *t, const struct matrix_unit *u, int wave);
#endif
