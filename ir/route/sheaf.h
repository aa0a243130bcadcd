#ifndef TOKIC_IR_ROUTE_SHEAF_H
#define TOKIC_IR_ROUTE_SHEAF_H
/* The sheaf check: is a dispatch of rows to experts correct? In the words of sheaf theory, the rows of the batch are
   the site. The open set U_e is the set of rows in expert e's bucket. The section over U_e is the record (chosen set,
   weights, residues) that the bucket carries for each of its rows. The dispatch is correct if
     (a) a bucket lists only rows of the batch, each at most once, and no more than its capacity;
     (b) each row in e's bucket has e in its chosen set;
     (c) each row is in exactly k buckets;
     (d) two buckets that hold the same row carry equal records of it;
     (e) each record equals the router's;
     (f) the gathered activations equal x[row], and combine uses the row and weight of the same record.
   (e) implies (d), which is checked first because it names both buckets. All comparisons are bit for bit: −0 differs
   from +0, and NaNs of equal bits are equal. The tables must be those that the experts actually read. Sections that
   were all copied from one table would always agree. */
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

/* A dense row-major table. Elements have 1, 2, 4 or 8 bytes. data is NULL if the table is absent. */
struct sheaf_table {
    const void *data;
    int size;
};

/* The router's result: k of `experts` experts for each row. A row of x has `width` elements. */
struct sheaf_site {
    int64_t rows, experts, k, width;
    struct sheaf_table x;      /* [rows, width] */
    struct sheaf_table chosen; /* [rows, experts], nonzero: chosen */
    struct sheaf_table w;      /* [rows, experts] */
    struct sheaf_table q;      /* [rows, experts]; absent for the softmax router */
};

/* The tables that the experts read. Expert e has count[e] records, in slots 0..count[e]-1. */
struct sheaf_buckets {
    int64_t cap;
    struct sheaf_table count;        /* [experts], signed integers */
    struct sheaf_table row;          /* [experts, cap], signed integers */
    struct sheaf_table chosen, w, q; /* [experts, cap, experts]: the sections */
    struct sheaf_table x;            /* [experts, cap, width]: gathered activations */
    struct sheaf_table read_row;     /* [experts, cap]: the row to which combine adds the record's result */
    struct sheaf_table read_w;       /* [experts, cap]: the weight by which combine multiplies that result */
};

/* The first clause that fails, where, and the two values that differ, as bits. left and right are
     LISTED_TWICE  the two slots; if the row is outside the batch, the row and `rows`; if row is −1, count and cap
     NOT_CHOSEN    0 and 1
     COVER         the number of buckets that hold the row, and k
     OVERLAP       the values in a's and in b's bucket
     GLUE          the bucket's value and the router's
     GATHER        the bucket's value and x's; if column is −1, combine's row and the record's; in a weight's column,
                   combine's weight and the record's */
struct sheaf_obstruction {
    enum sheaf_clause clause;
    int64_t a, b;   /* the experts; equal if one bucket is at fault; −1: none */
    int64_t row;    /* −1: none */
    int64_t column; /* index into the record's chosen set, weights, residues and activations, in this order; −1: none */
    uint64_t left, right;
};

struct sheaf_obstruction sheaf_check(const struct sheaf_site *s, const struct sheaf_buckets *b);
/* A message that begins with the clause's letter: "(d) the sections of …". */
const char *sheaf_clause_text(enum sheaf_clause c);
#endif
