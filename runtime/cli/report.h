#ifndef TOKIC_RUNTIME_CLI_REPORT_H
#define TOKIC_RUNTIME_CLI_REPORT_H
/* The reports of build and verify: as tables for people, and as JSON, one object per line. */
#include "codegen/program.h"
#include "runtime/device/device.h"
#include "runtime/judge/verify.h"

/* ---- tables ---- */

/* Rows of texts. `align` has one character for each column: 'l' or 'r'. Widths count characters, not bytes. */
enum { TABLE_WIDTH = 120, NAME_WIDTH = 48 };
struct table {
    struct arena *a;
    const char *align;
    const char ***rows;
    size_t n, cap;
    /* Most characters of a line. To keep it, names in the first column are cut to NAME_WIDTH or less. 0: no limit. */
    size_t most;
    const size_t *least; /* least widths of the columns, for tables that are printed row by row; NULL: none */
};
struct table *table_new(struct arena *a, const char *align);
void table_row(struct table *t, const char *const *cells); /* strlen(align) cells; a NULL cell is empty */
void table_print(const struct table *t, int indent, FILE *to);
/* Characters of a UTF-8 text. */
size_t text_width(const char *text);
/* Shortens a text to `width` characters by leaving out its middle: "router padic_enc…st softmax mul". */
const char *text_short(struct arena *a, const char *text, size_t width);
/* "1,234,567" */
const char *number_text(struct arena *a, int64_t n);
/* A ratio to its bound, rounded towards zero: "0.99"; "1.00" and more are faults. */
const char *ratio_text(struct arena *a, double x);
const char *plural(int64_t n, const char *one, const char *many);
/* "1 kernel", "2 launches" */
const char *count_text(struct arena *a, size_t n, const char *one);
/* "file.graph:12:17"; "" for an unknown location. */
const char *loc_text(struct arena *a, struct loc loc);

/* ---- JSON ---- */

/* Every line of --json, and every report, begins with two keys: the version of its schema, and its kind. The version
   changes when a key changes its meaning. */
enum { JSON_SCHEMA = 1 };
struct cJSON *report_json(const char *kind);

/* ---- graphs ---- */

int64_t graph_parameters(const struct graph *g, size_t *n_tensors);
/* "moe_sheaf nano" */
const char *graph_title(struct arena *a, const struct graph *g);
/* Is a loss declared that no output asks for? Such a loss is not compiled. */
bool graph_drops_loss(const struct graph *g);
/* Is there a node of this op? */
bool graph_uses(const struct graph *g, const char *op);
struct obligation_counts {
    size_t of[OBLIGATION_CONTRADICTED + 1];
};
struct obligation_counts obligations_count(const struct graph *g);
/* "expert2.h[17, 45]" */
const char *element_text(struct arena *a, const struct node *n, const struct dim_values *dims, int64_t at);

/* A group's name without the number of its block instance, so that the equal kernels of all instances share a line:
   "expert.lin0 gelu". */
const char *group_stem(struct arena *a, const struct group *gr);
const char *provenance_word(enum provenance p);

/* ---- build ---- */

/* One target's result: its line and the table of its kernels. */
struct build_report {
    const struct program *p;
    const struct code *code; /* NULL: not compiled */
    const char *why;         /* why it is not compiled */
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
    const char *what;    /* the graph or build as a command line names it, for the commands that the report suggests */
    const char *with;    /* the flags that reproduce the inputs, for these commands: " --batch 9" */
    bool sanitized;      /* the checking emulator ran the kernels and found nothing */
    enum verdict verdict;
};
/* The table of kernels. A line stands for equal kernels, and is printed as soon as the last of these is judged. */
struct verify_lines;
/* Prints the head of the report and the head of the table. */
struct verify_lines *report_kernels_begin(struct session *s, const struct verify_context *c, FILE *to);
void report_kernels_judged(struct verify_lines *l, const struct kernel_verdict *v);
/* Prints what follows the table. */
void report_verify(struct session *s, const struct verify_report *r, const struct verify_context *c, bool quiet,
                   FILE *to);
/* The report of verify as JSON: a line for the head, one for each kernel, and one for the verdict. `head` is an object
   that says what was run; the report adds keys to it. */
bool report_verify_head_json(struct session *s, struct cJSON *head, const struct verify_context *c, FILE *to);
bool report_kernel_json(struct session *s, const struct kernel_verdict *v, const struct verify_context *c, FILE *to);
bool report_verify_json(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to);
/* The whole report as one object, for --report; `head` as above. */
struct cJSON *report_verify_object(struct session *s, struct cJSON *head, const struct verify_report *r,
                                   const struct verify_context *c);
#endif
