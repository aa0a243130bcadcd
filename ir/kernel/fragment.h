#ifndef TOKIC_IR_KERNEL_FRAGMENT_H
#define TOKIC_IR_KERNEL_FRAGMENT_H
/* What the coordinate maps of a matrix unit imply for whole fragments: which of a lane's elements share a row, which
   lanes share it, and which element of C becomes a given element of A. */
#include "ir/index.h"
#include "ir/target.h"

/* One coordinate, row or col of a map, as an index expression. */
const struct index *frag_coord(struct index_table *t, const struct map_term *terms, const struct index *lane,
                               const struct index *elem);

/* ---- rows and columns of C ---- */
/* The number of rows (columns) that a lane holds elements of. They are numbered as slots, in the order of the map's
   terms. */
int frag_row_slots(const struct matrix_unit *u);
int frag_col_slots(const struct matrix_unit *u);
/* The slot of an element's row (column). */
const struct index *frag_row_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
const struct index *frag_col_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
/* The row (column) of the fragment at a lane's slot. */
const struct index *frag_row_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
const struct index *frag_col_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
/* The bits of the lane number that do not affect the row: lanes that differ only there share their rows.
   frag_col_lanes: the same for columns. */
unsigned frag_row_lanes(const struct matrix_unit *u, int wave);
unsigned frag_col_lanes(const struct matrix_unit *u, int wave);
/* Do the lanes that share rows hold each row of C completely, every element once? */
bool frag_rows_whole(struct index_table *t, const struct matrix_unit *u, int wave);

/* ---- from C to A ---- */
/* Where element `elem` of a lane's A fragment is in C. The k columns of A are k / n fragments of C side by side. */
struct frag_source {
    const struct index *lane, *elem, *frag;
};
struct frag_source frag_source_of(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                  const struct index *elem);
/* The inverse of frag_source_of: the element of the A fragment that receives what a lane holds as element `elem` of
   its C fragment. The lane that receives it may be another. */
const struct index *frag_target_elem(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                     const struct index *elem);

enum frag_way {
    FRAG_STAYS, /* each element of A is already in its lane, at an element number that is the same for all lanes */
    /* The maps are each other's transpose. The number of the element that a lane receives depends only on the receiver,
       and its number in A only on the sender. With n elements per lane, n turns exchange them all: in turn d, lane L
       receives its element (source elem of L + d) mod n, and lane S sends its element (target elem of S - d) mod n. */
    FRAG_TURNS,
    FRAG_NO_WAY, /* no conversion is implemented */
};
enum frag_way frag_way_of(struct index_table *t, const struct matrix_unit *u, int wave);
#endif
