#ifndef TOKIC_IR_KERNEL_FRAGMENT_H
#define TOKIC_IR_KERNEL_FRAGMENT_H
/* What the coordinate maps of a matrix unit imply for whole fragments: which of a lane's elements share a row, which
   lanes share it, and which element of C becomes a given element of A. */
#include "ir/index.h"
#include "ir/target.h"

/* The coordinate of element `elem` in lane `lane`, as an index expression. `terms`: a map's row or col. */
const struct index *frag_coord(struct index_table *t, const struct map_term *terms, const struct index *lane,
                               const struct index *elem);

/* ---- rows and columns of C ---- */
/* The number of rows (columns) that a lane holds elements of. Each lane numbers its rows (columns) from 0: these
   numbers are its slots. The map's first term by element is the most significant digit of a slot. */
int frag_row_slots(const struct matrix_unit *u);
int frag_col_slots(const struct matrix_unit *u);
/* The slot of an element's row (column). */
const struct index *frag_row_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
const struct index *frag_col_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
/* The row (column) of the fragment that has this slot in this lane. */
const struct index *frag_row_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
const struct index *frag_col_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
/* The bits of the lane number that do not affect the row (column). Lanes whose numbers differ only in these bits share
   their rows (columns). */
unsigned frag_row_lanes(const struct matrix_unit *u, int wave);
unsigned frag_col_lanes(const struct matrix_unit *u, int wave);
/* Do the lanes that share a row of C together hold each of its elements exactly once? */
bool frag_rows_whole(struct index_table *t, const struct matrix_unit *u, int wave);

/* ---- from C to A ---- */
/* frag_source_of gives the place in C of element `elem` of a lane's A fragment: the lane that holds it, its element
   number there, and the fragment. The k columns of A are those of k / n fragments of C side by side. */
struct frag_source {
    const struct index *lane, *elem, *frag;
};
struct frag_source frag_source_of(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                  const struct index *elem);
/* The element number in A of element `elem` of a lane's C fragment. The lane that holds it in A may be another. */
const struct index *frag_target_elem(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                     const struct index *elem);

enum frag_way {
    FRAG_STAYS, /* each lane already holds its elements of A, and at element numbers that are the same in all lanes */
    /* The maps of A and C are each other's transpose. All elements that lane L receives have the same element number
       s(L) in C, and all that lane S sends have the same number t(S) in A. With n elements per lane, n turns exchange
       them all: in turn d, lane L receives its element (s(L) + d) mod n of A, and lane S sends its element
       (t(S) - d) mod n of C. */
    FRAG_TURNS,
    FRAG_NO_WAY, /* no conversion is implemented */
};
enum frag_way frag_way_of(struct index_table *t, const struct matrix_unit *u, int wave);
#endif
