#ifndef TOKIC_RUNTIME_CLI_REPORT_H
#define TOKIC_RUNTIME_CLI_REPORT_H
/* The reports of build and verify: as tables, and as JSON with one object a line. */
#include "codegen/program.h"
#include "runtime/device/device.h"
#include "runtime/judge/verify.h"

/* Widths count characters, not bytes. */
enum { TABLE_WIDTH = 120, NAME_WIDTH = 48 };
struct table {
    struct arena *a;
    /* 'l' (left) or 'r' (right) for each column */
    const char *align;
    const char ***rows;
    size_t n, cap;
    /* longest line; 0: no limit; names in the first column are shortened to fit */
    size_t most;
    const size_t *least;
};
struct table *table_new(struct arena *a, const char *align);
void table_row(struct table *t, const char *const *cells); /* strlen(align) cells, NULL for an empty one */
void table_print(const struct table *t, int indent, FILE *to);
size_t text_width(const char *text);
/* Shortens a text to `width` characters by leaving out the middle: "router padic_enc…st softmax mul". */
const char *text_short(struct arena *a, const char *text, size_t width);
/* Returns "1,234,567". */
const char *number_text(struct arena *a, int64_t n);
/* Rounds a ratio towards zero: 0.997 gives "0.99". Only a ratio above 1 gives "1.00" or more. */
const char *ratio_text(struct arena *a, double x);
const char *plural(int64_t n, const char *one, const char *many);
/* count_text(a, 2, "launch") gives "2 launches". */
const char *count_text(struct arena *a, size_t n, const char *one);
/* Returns "file.graph:12:17", or "" if unknown. */
const char *loc_text(struct arena *a, struct loc loc);

/* The value of "schema" in every JSON object of a report. Increases when a key changes its meaning. */
enum { JSON_SCHEMA = 1 };
struct cJSON *report_json(const char *kind);

int64_t graph_parameters(const struct graph *g, size_t *n_tensors);
/* Returns the graph's name and size: "moe_sheaf nano". */
const char *graph_title(struct arena *a, const struct graph *g);
/* True if the graph declares a loss that is not an output. Such a loss is not compiled. */
bool graph_drops_loss(const struct graph *g);
bool graph_uses(const struct graph *g, const char *op);
struct obligation_counts {
    size_t of[OBLIGATION_CONTRADICTED + 1];
};
struct obligation_counts obligations_count(const struct graph *g);
/* Returns the name of an element: "expert2.h[17, 45]". */
const char *element_text(struct arena *a, const struct node *n, const struct dim_values *dims, int64_t at);

/* Leaves out the number of an expert or layer: "expert2.lin0 gelu" gives "expert.lin0 gelu". */
const char *group_stem(struct arena *a, const struct group *gr);
const char *provenance_word(enum provenance p);

struct build_report {
    const struct program *p;
    const struct code *code;
    const char *why;
    int64_t hint;
};
void report_build_target(struct session *s, const struct build_report *r, FILE *to);
bool report_build_target_json(struct session *s, const struct build_report *r, FILE *to);

struct verify_context {
    const struct graph *parsed;
    const struct program *program;
    const struct device *device;
    const struct dim_values *dims;
    const char *weights; /* "weights: judge, seed 42" */
    const char *what;    /* the graph or build, for commands that the report suggests */
    const char *with;    /* flags that repeat the inputs in such commands: " --batch 9" */
    bool sanitized;      /* true if the checking emulator found no fault */
    enum verdict verdict;
};
/* The table of kernels. Equal kernels share a line. The line is printed after the last of them is judged. */
struct verify_lines;
/* Prints the report's first line and the table's column titles. */
struct verify_lines *report_kernels_begin(struct session *s, const struct verify_context *c, FILE *to);
void report_kernels_judged(struct verify_lines *l, const struct kernel_verdict *v);
void report_verify(struct session *s, const struct verify_report *r, const struct verify_context *c, bool quiet,
                   FILE *to);
/* The part of --exact: a summary, the kernels that are unequal, and both as JSON. */
void report_exact(struct session *s, const struct exact_report *r, FILE *to);
void report_exact_fails(struct session *s, const struct exact_report *r, const struct verify_context *c, FILE *to);
void report_exact_json(struct session *s, struct cJSON *o, const struct exact_report *r,
                       const struct verify_context *c);
/* The JSON report: a line for the run, one for each kernel, and one for the verdict. `head` describes the run; keys are
   added to it. */
bool report_verify_head_json(struct session *s, struct cJSON *head, const struct verify_context *c, FILE *to);
bool report_kernel_json(struct session *s, const struct kernel_verdict *v, const struct verify_context *c, FILE *to);
bool report_verify_json(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to);
/* The whole report as one object, for --report. */
struct cJSON *report_verify_object(struct session *s, struct cJSON *head, const struct verify_report *r,
                                   const struct verify_context *c);
#endif
