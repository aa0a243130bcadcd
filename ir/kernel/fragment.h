#ifndef TOKIC_IR_KERNEL_FRAGMENT_H
#define TOKIC_IR_KERNEL_FRAGMENT_H
/* What the coordinate maps of a matrix unit say of whole fragments: which of a lane's elements share a row, which lanes
   share it, and where an element of an A operand lies among the results C that it is made from. */
#include "ir/index.h"
#include "ir/target.h"

/* One coordinate, row or col of a map, as an index expression. */
const struct index *frag_coord(struct index_table *t, const struct map_term *terms, const struct index *lane,
                               const struct index *elem);

/* ---- rows and columns of C: a lane holds elements of `slots` rows (columns), numbered in the order of the map's terms
   ---- */
int frag_row_slots(const struct matrix_unit *u);
int frag_col_slots(const struct matrix_unit *u);
/* The number of the row (column), among its lane's, that an element is of. */
const struct index *frag_row_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
const struct index *frag_col_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem);
/* The row (column) of the fragment that a lane's slot stands for. */
const struct index *frag_row_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
const struct index *frag_col_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot);
/* Bits of the lane's number that change the column alone: the lanes that share its rows; and the other way round. */
unsigned frag_row_lanes(const struct matrix_unit *u, int wave);
unsigned frag_col_lanes(const struct matrix_unit *u, int wave);
/* Do a lane's slots and those lanes hold each row of C once and whole? */
bool frag_rows_whole(struct index_table *t, const struct matrix_unit *u, int wave);

/* ---- from C to A: element `elem` of a lane's A fragment, k columns of C, stands in C's fragment `frag` (of the k / n
   that lie side by side) ---- */
struct frag_source {
    const struct index *lane, *elem, *frag;
};
struct frag_source frag_source_of(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                  const struct index *elem);
/* The element of A that a lane's element of C becomes, in whatever lane. */
const struct index *frag_target_elem(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                     const struct index *elem);

enum frag_way {
    FRAG_STAYS, /* each element of A is in its own lane already, and which one it is does not hang on the lane */
    /* The maps are each other's transpose: the element of C that a lane takes hangs on that lane alone, the element of
       A that an element of C becomes on the lane that gives it. So all elements change places in as many turns as a
       lane has of them: in turn d, lane L takes its element (source elem of L + d) mod n, and lane S gives its (target
       elem of S - d) mod n. */
    FRAG_TURNS,
    FRAG_NO_WAY,
};
enum frag_way frag_way_of(struct index_table *t, const struct matrix_unit *u, int wave);
#endif
