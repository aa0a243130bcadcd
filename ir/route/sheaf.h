#ifndef TOKIC_IR_ROUTE_SHEAF_H
#define TOKIC_IR_ROUTE_SHEAF_H
/* The sheaf check: is a dispatch correct? The rows of the batch are the site. The open set U_e is the set of rows in
   expert e's bucket. The section over U_e is the record (chosen set, weights, residues) that the bucket carries for
   each of its rows. The dispatch is correct if
     (a) a bucket lists only rows of the batch, each at most once, and no more than its capacity;
     (b) e is in the chosen set that its section carries;
     (c) every row lies in exactly K open sets;
     (d) on U_a ∩ U_b the sections agree;
     (e) the table glued from the buckets equals the router's;
     (f) the gathered activations equal x[row], and combine reads row and weight of the same record.
   All comparisons are bit for bit: −0 differs from +0, and equal NaN bits agree. (d) tells where a fault is; (e) and
   (f) decide whether there is one. The tables must come from the buckets that the experts actually consumed: if all
   sections were read from one table, they would agree whatever the dispatch did. */
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

/* A dense row-major table of elements of 1, 2, 4 or 8 bytes; data NULL: absent. */
struct sheaf_table {
    const void *data;
    int size;
};

/* The router's result: k of `experts` experts for each of `rows` rows, whose activations have `width` elements. */
struct sheaf_site {
    int64_t rows, experts, k, width;
    struct sheaf_table x;      /* [rows, width] */
    struct sheaf_table chosen; /* [rows, experts], nonzero: chosen */
    struct sheaf_table w;      /* [rows, experts] */
    struct sheaf_table q;      /* [rows, experts]; absent for the softmax router, which has no residues */
};

/* What the experts consumed. Slot i of expert e holds a record for i < count[e]. */
struct sheaf_buckets {
    int64_t cap;
    struct sheaf_table count;        /* [experts], signed integers */
    struct sheaf_table row;          /* [experts, cap], signed integers */
    struct sheaf_table chosen, w, q; /* [experts, cap, experts]: the sections */
    struct sheaf_table x;            /* [experts, cap, width]: gathered activations */
    struct sheaf_table read_row;     /* [experts, cap]: the row to which combine adds the record's result */
    struct sheaf_table read_w;       /* [experts, cap]: the weight by which combine multiplies that result */
};

/* Why a dispatch is wrong: the first clause that fails, where, and the two values that differ, as bits. left and right
   are, by clause:
     LISTED_TWICE  the two slots; for a row outside the batch its number and `rows`; with row −1, count and cap
     NOT_CHOSEN    0 and 1
     COVER         the number of open sets and k
     OVERLAP       the values in a's and in b's section
     GLUE          the bucket's value and the router's
     GATHER        the bucket's value and x's; with column −1, combine's row and the record's; in a weight's column,
                   combine's weight and the record's */
struct sheaf_obstruction {
    enum sheaf_clause clause;
    int64_t a, b;   /* the experts, equal if one bucket is at fault; −1: none */
    int64_t row;    /* of the batch; −1: none */
    int64_t column; /* in the record (chosen set, weights, residues, activations, in this order); −1: none */
    uint64_t left, right;
};

struct sheaf_obstruction sheaf_check(const struct sheaf_site *s, const struct sheaf_buckets *b);
/* What has failed, for messages; it begins with the clause's letter, "(d) …". */
const char *sheaf_clause_text(enum sheaf_clause c);
#endif
