#ifndef TOKIC_IR_ROUTE_SHEAF_H
#define TOKIC_IR_ROUTE_SHEAF_H
/* The sheaf check tests whether a dispatch of rows to experts is correct.
   Each expert has a bucket of records. A record belongs to a row and holds the chosen experts, weights and residues.
   (In sheaf theory: U_e, the rows in the bucket of expert e, is an open set, and its records are a section over U_e.)
   The dispatch is correct if
     (a) a bucket lists only rows of the batch, each at most once, and no more rows than its capacity;
     (b) each row in the bucket of expert e has e among its chosen experts;
     (c) each row is in exactly k buckets;
     (d) two buckets with the same row have equal records of it;
     (e) each record equals the record of the router;
     (f) the gathered activations equal x[row], and combine uses the row and weight of the same record.
   (e) implies (d), but a failure of (d) names both buckets, so (d) is checked first.
   Comparisons are bit for bit: −0 differs from +0, and NaNs with equal bits are equal.
   Pass the tables that the experts read. Copies of the router's table would always agree. */
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

/* A dense row-major table. `size` is the size of an element in bytes: 1, 2, 4 or 8. data NULL: no table. */
struct sheaf_table {
    const void *data;
    int size;
};

/* The result of the router, which chooses k of `experts` experts for each row. A row of x has `width` elements. */
struct sheaf_site {
    int64_t rows, experts, k, width;
    struct sheaf_table x;      /* [rows, width] */
    struct sheaf_table chosen; /* [rows, experts], nonzero: chosen */
    struct sheaf_table w;      /* [rows, experts] */
    struct sheaf_table q;      /* [rows, experts]; absent for the softmax router */
};

/* The tables that the experts read. Expert e has count[e] records, numbered from 0. */
struct sheaf_buckets {
    int64_t cap;
    struct sheaf_table count;        /* [experts], signed integers */
    struct sheaf_table row;          /* [experts, cap], signed integers */
    struct sheaf_table chosen, w, q; /* [experts, cap, experts] */
    struct sheaf_table x;            /* [experts, cap, width]: gathered activations */
    struct sheaf_table read_row;     /* [experts, cap]: the output row to which combine adds the result */
    struct sheaf_table read_w;       /* [experts, cap]: the weight by which combine multiplies the result */
};

/* The first clause that fails, the place, and two differing values (left, right) as bits:
   LISTED_TWICE  the two positions in the bucket; for a row outside the batch: the row, and `rows`;
                 for a wrong count (row = −1): the count, and cap
   NOT_CHOSEN    0 and 1
   COVER         the number of buckets that hold the row, and k
   OVERLAP       the values in the buckets of experts a and b
   GLUE          the value in the bucket, and the router's value
   GATHER        the value in the bucket, and the value in x; for a weight: combine's, and the record's;
                 for a wrong row (column = −1): combine's row, and the record's */
struct sheaf_obstruction {
    enum sheaf_clause clause;
    int64_t a, b;   /* the experts whose buckets disagree; equal if only one bucket is wrong; −1: none */
    int64_t row;    /* −1: none */
    int64_t column; /* position in the concatenation of chosen set, weights, residues and activations; −1: none */
    uint64_t left, right;
};

struct sheaf_obstruction sheaf_check(const struct sheaf_site *s, const struct sheaf_buckets *b);
/* Returns a message that begins with the letter of the clause: "(d) the sections of …". */
const char *sheaf_clause_text(enum sheaf_clause c);
#endif
