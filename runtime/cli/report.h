#ifndef TOKIC_RUNTIME_CLI_REPORT_H
#define TOKIC_RUNTIME_CLI_REPORT_H
/* What build and verify say, as tables for people and as JSON, one object a line. */
#include "codegen/program.h"
#include "runtime/device/device.h"
#include "runtime/judge/verify.h"

/* ---- tables ---- */

/* Rows of texts; `align` has a character a column: 'l' or 'r'. Widths count characters, not bytes. */
enum { TABLE_WIDTH = 120, NAME_WIDTH = 48 };
struct table {
    struct arena *a;
    const char *align;
    const char ***rows;
    size_t n, cap;
    size_t
        /* characters of a line, where the first column's names are shortened to NAME_WIDTH or less to reach it; 0: any
           */
        most;
};
struct table *table_new(struct arena *a, const char *align);
void table_row(struct table *t, const char *const *cells); /* strlen(align) of them; NULL: empty */
void table_print(const struct table *t, int indent, FILE *to);
/* Characters of a UTF-8 text. */
size_t text_width(const char *text);
/* At most `width` characters, those in the middle left out: "router padic_enc…st softmax mul". */
const char *text_short(struct arena *a, const char *text, size_t width);
/* "1,234,567" */
const char *number_text(struct arena *a, int64_t n);
const char *plural(int64_t n, const char *one, const char *many);
/* "file.graph:12:17", "" without a place. */
const char *loc_text(struct arena *a, struct loc loc);

/* ---- graphs ---- */

int64_t graph_parameters(const struct graph *g, size_t *n_tensors);
/* "moe_sheaf nano" */
const char *graph_title(struct arena *a, const struct graph *g);
/* Is there a node of this op? */
bool graph_uses(const struct graph *g, const char *op);
struct obligation_counts {
    size_t of[OBLIGATION_CONTRADICTED + 1];
};
struct obligation_counts obligations_count(const struct graph *g);
/* "expert2.h[17, 45]" */
const char *element_text(struct arena *a, const struct node *n, const struct dim_values *dims, int64_t at);

/* A group's name with the number of its block instance left out: "expert.lin0 gelu", so that equal kernels of instances
   can share a line. */
const char *group_stem(struct arena *a, const struct group *gr);
const char *provenance_word(enum provenance p);

/* ---- build ---- */

/* What a target came to: its line and the table of its kernels. `code` NULL: not compiled, and `why`. */
struct build_report {
    const struct program *p;
    const struct code *code;
    const char *why;
    int64_t hint;
};
void report_build_target(struct session *s, const struct build_report *r, FILE *to);
bool report_build_target_json(struct session *s, const struct build_report *r, FILE *to);

/* ---- verify ---- */

struct verify_context {
    const struct graph *parsed;
    const struct program *program;
    const struct device *device;
    const struct dim_values *dims;
    const char *weights; /* "weights: judge, seed 42" */
    const char *what;    /* the graph or build, as a command line names it: for what to type next, */
    const char *with;    /* and the flags that made these inputs: " --batch 9" */
    bool good;
};
void report_verify(struct session *s, const struct verify_report *r, const struct verify_context *c, bool quiet,
                   FILE *to);
bool report_verify_json(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to);
/* The whole of it as one object, to be saved. */
struct cJSON *report_verify_object(struct session *s, const struct verify_report *r, const struct verify_context *c);
#endif
