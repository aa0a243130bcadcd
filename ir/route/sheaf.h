#ifndef TOKIC_IR_ROUTE_SHEAF_H
#define TOKIC_IR_ROUTE_SHEAF_H
/* The sheaf check: is a dispatch right? The rows of the batch are the site; the open U_e is the set of rows in expert
   e's bucket; the section over U_e is what the bucket carries for each of its rows: the record (chosen set, weights,
   residues). The dispatch is right when
     (a) a bucket lists a row at most once (and only rows of the batch, and no more than it has room for);
     (b) e is in the chosen set that its section carries;
     (c) every row lies in exactly K opens;
     (d) on U_a ∩ U_b the sections agree;
     (e) the table glued from the buckets equals the router's;
     (f) the gathered activations equal x[row], and combine reads row and weight of the same record.
   All of it bit for bit: −0 differs from +0, equal NaN bits agree. (d) localises, (e) and (f) decide. The tables must
   come from the buckets that the experts really consumed: sections that were all read from one table agree whatever the
   dispatch did. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sheaf_clause {
    SHEAF_AGREES,
    SHEAF_LISTED_TWICE,
    SHEAF_NOT_CHOSEN,
    SHEAF_COVER,
    SHEAF_OVERLAP,
    SHEAF_GLUE,
    SHEAF_GATHER
};

/* A dense row-major table of elements of 1, 2, 4 or 8 bytes; data NULL: there is none. */
struct sheaf_table {
    const void *data;
    int size;
};

/* What the router says: of `rows` rows, `experts` experts, `k` of them a row, activations of `width` elements. */
struct sheaf_site {
    int64_t rows, experts, k, width;
    struct sheaf_table x;      /* [rows, width] */
    struct sheaf_table chosen; /* [rows, experts], nonzero: chosen */
    struct sheaf_table w;      /* [rows, experts] */
    struct sheaf_table q;      /* [rows, experts]; none: the softmax router has no residues */
};

/* What the experts consumed. Slot i of expert e holds a record for i < count[e]. */
struct sheaf_buckets {
    int64_t cap;
    struct sheaf_table count;        /* [experts], signed integers */
    struct sheaf_table row;          /* [experts, cap], signed integers */
    struct sheaf_table chosen, w, q; /* [experts, cap, experts]: the sections */
    struct sheaf_table x;            /* [experts, cap, width]: gathered activations */
    struct sheaf_table read_row;     /* [experts, cap]: the row that combine adds the record's result to */
    struct sheaf_table read_w;       /* [experts, cap]: the weight that it multiplies by */
};

/* Why a dispatch is wrong: the first clause that fails, with a place and both values. a, b: the experts (equal where
   one bucket is at fault; −1 none); row: of the batch (−1 none). column, in the record that chosen set, weights,
   residues and activations form in this order (−1 none); the values' bits, by clause:
     LISTED_TWICE  the two slots; or the row number and `rows`, where it is no row of the batch; or count and cap, where
                   row is −1
     NOT_CHOSEN    0 and 1
     COVER         the number of opens and k
     OVERLAP       a's and b's;  GLUE: the bucket's and the router's;  GATHER: the bucket's and x's, or with column −1
                                                                       combine's row and the record's,
                   or with the weight's column combine's weight and the record's */
struct sheaf_obstruction {
    enum sheaf_clause clause;
    int64_t a, b, row, column;
    uint64_t left, right;
};

struct sheaf_obstruction sheaf_check(const struct sheaf_site *s, const struct sheaf_buckets *b);
/* "(d) sections disagree", for people. */
const char *sheaf_clause_text(enum sheaf_clause c);
#endif
