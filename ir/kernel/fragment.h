#ifndef TOKIC_IR_KERNEL_FRAGMENT_H
#define TOKIC_IR_KERNEL_FRAGMENT_H
/* Where the elements of fragments are. The functions compute with the coordinate maps of a matrix unit (ir/target.h).
   A coordinate map gives the row and column of each element of a lane. */
#include "ir/index.h"
#include "ir/target.h"

/* Returns the row of element `elem` of lane `lane` if `terms` is map->row, and the column if `terms` is map->col. */
const struct index *frag_coord(struct index_table *t, const struct map_term *terms, const struct index *lane,
                               const struct index *elem);

/* ---- rows and columns of C ---- */
/* A lane holds elements of only some rows of C, and numbers these rows from 0. The number of a row is its slot.
   frag_row_slots: how many slots a lane has. frag_row_slot: the slot of element `elem`. frag_row_at: the row at a slot.
   The functions with `col` do the same for columns. */
int frag_row_slots(const struct matrix_unit *u);
int frag_col_slots(const struct matrix_unit *u);
const struct index *frag_row_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
const struct index *frag_col_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
const struct index *frag_row_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
const struct index *frag_col_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
/* Returns the set of bits of the lane number that do not change the rows (columns) of a lane.
   Lanes that differ only in these bits hold elements of the same rows (columns). */
unsigned frag_row_lanes(const struct matrix_unit *u, int wave);
unsigned frag_col_lanes(const struct matrix_unit *u, int wave);
/* True if, for each row of C, the lanes with elements of the row hold each element of the row exactly once. */
bool frag_rows_whole(struct index_table *t, const struct matrix_unit *u, int wave);

/* ---- from C to A ---- */
/* The place in C of element `elem` of a lane's A fragment: lane, element number, and fragment.
   One A fragment has k columns, which come from k / n neighbouring fragments of C. */
struct frag_source {
    const struct index *lane, *elem, *frag;
};
struct frag_source frag_source_of(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                  const struct index *elem);
/* The inverse of frag_source_of. Returns the element number in A of element `elem` of a lane's C fragment.
   This element of A may be in another lane. */
const struct index *frag_target_elem(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                     const struct index *elem);

enum frag_way {
    FRAG_STAYS, /* each lane already holds its elements of A in C, with the same element numbers in all lanes */
    /* Lanes exchange elements, since the map of A is the transpose of the map of C.
       All elements that lane L receives have the same number s(L) in C. All elements that lane S sends have the same
       number t(S) in A. With n elements for each lane, the exchange takes n turns d = 0 … n - 1.
       In turn d, lane L receives element (s(L) + d) mod n of A, and lane S sends element (t(S) - d) mod n of C. */
    FRAG_TURNS,
    FRAG_NO_WAY,
};
enum frag_way frag_way_of(struct index_table *t, const struct matrix_unit *u, int wave);
#endif
