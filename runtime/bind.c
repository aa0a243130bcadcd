/* Reads files first, since their shapes decide the symbolic dims; then checks values; then draws the other tensors. */
#include "runtime/bind.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ir/map.h"
#include "ir/ops/op.h"
#include "runtime/draw.h"
#include "runtime/format/hash.h"
#include "runtime/format/npy.h"
#include "runtime/format/safetensors.h"

enum { DEFAULT_DIM = 128, MAX_THREADS = 16 };
#define THREADED (1 << 20) /* tensors of at least this many elements are drawn by several threads */
#define ELEMENTS_MAX (INT64_C(1) << 40)

struct want {
    const struct node *node;
    bool param;
    bool needed;               /* false for an input or label that no output depends on */
    const struct tensor *file; /* NULL: values are drawn */
    const char *path;
};

struct dim_state {
    int64_t value;
    const char *from; /* the file that gives `value`: "x in x.npy is f32[3, 4]"; NULL: none */
    int64_t asked;
    const char *flag; /* "--dim T=64"; NULL: none */
};

struct bind {
    struct session *s;
    struct arena *a;
    const struct graph *g;
    const struct bind_options *o;
    struct want *wants;
    size_t n;
    struct dim_state *dims;
    struct dim_values values;
};

static bool is_data(const struct node *n) { return n->op->class == CLS_SOURCE && op_attr(n->op, "lo") >= 0; }

static double float_attr(const struct node *n, const char *name) { return node_attr(n, op_attr(n->op, name))->f; }

static bool *reached(struct bind *b)
{
    const struct graph *g = b->g;
    bool *seen = arena_array(b->a, bool, g->next_id + 1);
    for (size_t i = 0; i < g->n_outs; i++)
        seen[g->outs[i].node->id] = true;
    for (size_t i = g->n_nodes; i-- > 0;) /* backwards: a node comes after its operands */
        for (int k = 0; seen[g->nodes[i]->id] && k < g->nodes[i]->n_in; k++)
            seen[g->nodes[i]->in[k]->id] = true;
    return seen;
}

static void list_wants(struct bind *b)
{
    const bool *seen = reached(b);
    b->wants = arena_array(b->a, struct want, b->g->n_nodes + 1);
    for (size_t i = 0; i < b->g->n_nodes; i++) {
        const struct node *n = b->g->nodes[i];
        if (node_is_param(n) || is_data(n))
            b->wants[b->n++] =
                (struct want){ .node = n, .param = node_is_param(n), .needed = node_is_param(n) || seen[n->id] };
    }
}

static struct want *want_find(struct bind *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (!strcmp(b->wants[i].node->name, name))
            return &b->wants[i];
    return NULL;
}

/* Integers become the source's dtype, or f64 for a float source. Floats stay, but must not overflow the source's
   dtype. */
static const struct tensor *as_kind(struct bind *b, const struct want *w, const struct tensor *t)
{
    enum dtype to = w->node->type.dtype;
    bool real = dtype_is_float(to);
    bool file_real = dtype_is_float(t->dtype);
    const char *name = arena_printf(b->a, "%s: %s", w->path, w->node->name);
    int64_t bad = tensor_bad_bool(t);
    if (bad >= 0) {
        diag_error(b->s, FAIL_INPUT, NOWHERE, "%s%s is a bool that is neither 0 nor 1", name,
                   tensor_index_text(b->a, t, bad));
        return NULL;
    }
    if (!real)
        return tensor_convert(b->s, b->a, name, t, to);
    if (!file_real)
        return tensor_convert(b->s, b->a, name, t, DT_F64);
    if (to == DT_FLOAT || dtype_size(to) >= dtype_size(t->dtype))
        return t;
    struct arena *scratch = arena_new();
    bool fits = tensor_convert(b->s, scratch, name, t, to) != NULL;
    arena_free(scratch);
    if (!fits)
        diag_note(b->s, w->node->loc, "%s is %s in the graph: declare it f32", w->node->name, dtype_name(to));
    return fits ? t : NULL;
}

static bool unknown_input(struct bind *b, const char *name, const char *option)
{
    const char *near = NULL;
    const char *all = "";
    for (size_t i = 0; i < b->n; i++) {
        const struct want *w = &b->wants[i];
        if (w->param)
            continue;
        near = name_nearer(name, near, w->node->name);
        all = arena_printf(b->a, "%s%s%s", all, *all ? ", " : "", w->node->name);
    }
    diag_error(b->s, FAIL_USAGE, NOWHERE, "--input %s: graph %s has no input %s%s", option, b->g->name, name,
               near ? arena_printf(b->a, "; did you mean %s?", near) : "");
    diag_note(b->s, NOWHERE, *all ? "its inputs and labels are: %s" : "it has no inputs%s", all);
    return false;
}

static bool read_input(struct bind *b, const char *option)
{
    const char *eq = strchr(option, '=');
    if (!eq || eq == option || !eq[1])
        return diag_error(b->s, FAIL_USAGE, NOWHERE, "--input %s: NAME=FILE.npy is needed", option);
    const char *name = arena_strndup(b->a, option, (size_t)(eq - option));
    struct want *w = want_find(b, name);
    if (!w)
        return unknown_input(b, name, option);
    if (w->param)
        return diag_error(b->s, FAIL_USAGE, NOWHERE, "--input %s: %s is a parameter; parameters come from --weights",
                          option, name);
    if (w->path)
        return diag_error(b->s, FAIL_USAGE, NOWHERE, "--input %s: %s was given before, as %s", option, name, w->path);
    w->path = eq + 1;
    const struct tensor *t = npy_read(b->s, w->path);
    w->file = t ? as_kind(b, w, t) : NULL;
    return w->file != NULL;
}

static void add_name(struct bind *b, const char **list, const char *name)
{
    *list = arena_printf(b->a, "%s%s%s", *list, **list ? ", " : "", name);
}

/* Compares only ranks and constant dims. The symbolic dims are not known yet. */
static bool may_have_shape(const struct type *type, const struct tensor *t)
{
    bool same = type->rank == t->rank;
    for (int64_t i = 0, k; same && i < t->rank; i++)
        same = !index_const_value(type->dim[i], &k) || k == t->dim[i];
    return same;
}

/* Requires exactly the parameters of the graph. Reports all mismatches together. */
static bool read_weights(struct bind *b)
{
    if (!b->o->weights)
        return true;
    const struct tensor_list *list = safetensors_read(b->s, b->o->weights);
    if (!list)
        return false;
    const char *missing = "";
    const char *extra = "";
    const char *whole = "";
    const char *shapes = "";
    struct map *params = map_new(b->a);
    for (size_t i = 0; i < b->n; i++) {
        struct want *w = &b->wants[i];
        if (!w->param)
            continue;
        *map_at(params, w->node->name) = w;
        w->path = b->o->weights;
        const struct tensor *t = tensor_list_find(list, w->node->name);
        if (!t)
            add_name(b, &missing, w->node->name);
        else if (!dtype_is_float(t->dtype))
            add_name(b, &whole, w->node->name);
        else if (!may_have_shape(&w->node->type, t))
            add_name(b, &shapes,
                     arena_printf(b->a, "%s is %s where %s is needed", w->node->name,
                                  tensor_text(b->a, t->dtype, t->rank, t->dim), type_text(b->a, &w->node->type)));
        else if (!(w->file = as_kind(b, w, t)))
            return false;
    }
    for (size_t i = 0; i < list->n; i++)
        if (!map_find(params, list->items[i].name))
            add_name(b, &extra, list->items[i].name);
    if (!*missing && !*extra && !*whole && !*shapes)
        return true;
    diag_error(b->s, FAIL_INPUT, NOWHERE, "%s does not hold the parameters of graph %s%s%s", b->o->weights, b->g->name,
               *b->g->size ? " " : "", b->g->size);
    if (*missing)
        diag_note(b->s, NOWHERE, "missing in the file: %s", missing);
    if (*extra)
        diag_note(b->s, NOWHERE, "not in the graph: %s", extra);
    if (*shapes)
        diag_note(b->s, NOWHERE, "wrongly shaped: %s", shapes);
    if (*whole)
        diag_note(b->s, NOWHERE, "not floats in the file: %s", whole);
    return false;
}

static const char *file_text(struct bind *b, const struct want *w)
{
    return arena_printf(b->a, "%s in %s is %s", w->node->name, w->path,
                        tensor_text(b->a, w->file->dtype, w->file->rank, w->file->dim));
}

static int dim_index(const struct bind *b, const struct index *atom)
{
    for (size_t i = 0; i < b->g->n_dims; i++)
        if (b->g->dims[i].index == atom)
            return (int)i;
    return -1;
}

static bool misshapen(struct bind *b, const struct want *w)
{
    diag_error(b->s, FAIL_INPUT, NOWHERE, "%s, but the graph takes %s", file_text(b, w),
               type_text(b->a, &w->node->type));
    if (w->node->loc.line)
        diag_note(b->s, w->node->loc, "%s is declared here", w->node->name);
    return false;
}

/* Solves `e` = `value` if `e` is coef·D + k for one symbolic dim D. Example: 2·D + 1 = 9 gives D = 4. */
static bool solve(struct bind *b, const struct want *w, const struct index *e, int64_t value)
{
    const struct index *atom = e->kind == INDEX_SYM                                            ? e
                               : e->kind == INDEX_SUM && e->n_terms == 1 && e->terms[0].n == 1 ? e->terms[0].atom[0]
                                                                                               : NULL;
    int64_t coef = e->kind == INDEX_SYM ? 1 : atom ? e->terms[0].coef : 0;
    int64_t k = e->kind == INDEX_SYM ? 0 : e->k;
    int i = atom ? dim_index(b, atom) : -1;
    if (i < 0)
        return true;
    if (coef == 0 || (value - k) % coef || (value - k) / coef < 0)
        return misshapen(b, w);
    int64_t got = (value - k) / coef;
    struct dim_state *d = &b->dims[i];
    if (!d->from)
        *d = (struct dim_state){ .value = got, .from = file_text(b, w), .asked = d->asked, .flag = d->flag };
    if (d->value == got)
        return true;
    diag_error(b->s, FAIL_INPUT, NOWHERE,
               "the files disagree about %s: %" PRId64 ", since %s, and %" PRId64 ", since %s", b->g->dims[i].name,
               d->value, d->from, got, file_text(b, w));
    return false;
}

static bool solve_dims(struct bind *b)
{
    bool good = true;
    for (size_t i = 0; i < b->n; i++) {
        const struct want *w = &b->wants[i];
        if (!w->file)
            continue;
        const struct type *t = &w->node->type;
        bool fits = t->rank == w->file->rank;
        if (!fits)
            misshapen(b, w);
        for (int k = 0; k < t->rank && fits; k++)
            fits = solve(b, w, t->dim[k], w->file->dim[k]);
        good &= fits;
    }
    return good;
}

static bool unknown_dim(struct bind *b, const char *option, const char *name)
{
    const char *near = NULL;
    const char *all = "";
    for (size_t i = 0; i < b->g->n_dims; i++) {
        near = name_nearer(name, near, b->g->dims[i].name);
        all = arena_printf(b->a, "%s%s%s", all, i ? ", " : "", b->g->dims[i].name);
    }
    return diag_error(b->s, FAIL_USAGE, NOWHERE, "--dim %s: graph %s has no symbolic dim %s (%s%s)%s", option,
                      b->g->name, name, *all ? "it has: " : "it has none", all,
                      near ? arena_printf(b->a, "; did you mean %s?", near) : "");
}

static bool ask(struct bind *b, size_t i, int64_t value, const char *flag)
{
    struct dim_state *d = &b->dims[i];
    if (d->flag && d->asked != value)
        return diag_error(b->s, FAIL_USAGE, NOWHERE, "%s and %s contradict each other", d->flag, flag);
    d->asked = value;
    d->flag = flag;
    return true;
}

static bool read_dim(struct bind *b, const char *option)
{
    const char *eq = strchr(option, '=');
    char *end = NULL;
    errno = 0;
    long long value = eq ? strtoll(eq + 1, &end, 10) : 0;
    if (!eq || eq == option || end == eq + 1 || *end)
        return diag_error(b->s, FAIL_USAGE, NOWHERE, "--dim %s: NAME=VALUE is needed, as in --dim T=64", option);
    if (errno || value < 0 || value > INDEX_DIM_MAX)
        return diag_error(b->s, FAIL_USAGE, NOWHERE, "--dim %s: a dim is a number from 0 to %" PRId64, option,
                          INDEX_DIM_MAX);
    const char *name = arena_strndup(b->a, option, (size_t)(eq - option));
    for (size_t i = 0; i < b->g->n_dims; i++)
        if (!strcmp(b->g->dims[i].name, name))
            return ask(b, i, value, arena_printf(b->a, "--dim %s", option));
    return unknown_dim(b, option, name);
}

static bool ask_dims(struct bind *b)
{
    bool good = true;
    for (size_t i = 0; i < b->o->n_dims; i++)
        good &= read_dim(b, b->o->dims[i]);
    if (b->o->batch < 0 || !good)
        return good;
    if (!b->g->n_dims)
        return diag_error(b->s, FAIL_USAGE, NOWHERE, "--batch %" PRId64 ": graph %s has no symbolic dim", b->o->batch,
                          b->g->name);
    return ask(b, 0, b->o->batch, arena_printf(b->a, "--batch %" PRId64, b->o->batch));
}

static bool choose_dim(struct bind *b, size_t i, int64_t *out)
{
    const struct dim_state *d = &b->dims[i];
    const char *name = b->g->dims[i].name;
    if (d->from && d->flag && d->value != d->asked)
        return diag_error(b->s, FAIL_INPUT, NOWHERE, "%s disagrees with the files: %s = %" PRId64 ", since %s", d->flag,
                          name, d->value, d->from);
    *out = d->from ? d->value : d->flag ? d->asked : DEFAULT_DIM;
    return *out <= INDEX_DIM_MAX ||
           diag_error(b->s, FAIL_INPUT, NOWHERE, "%s is %" PRId64 ", and %" PRId64 " is the most", name, *out,
                      INDEX_DIM_MAX);
}

static bool fill_dims(struct bind *b)
{
    size_t n = b->g->n_dims;
    const char **names = arena_array(b->a, const char *, n + 1);
    int64_t *values = arena_array(b->a, int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        names[i] = b->g->dims[i].name;
        if (!choose_dim(b, i, &values[i]))
            return false;
    }
    b->values = (struct dim_values){ names, values, n };
    return true;
}

/* Returns false if a dim is negative, or if there are more than ELEMENTS_MAX elements. */
static bool shape_at(const struct bind *b, const struct type *t, int64_t dim[MAX_RANK])
{
    int64_t count = 1;
    for (int i = 0; i < t->rank; i++) {
        dim[i] = dims_eval(&b->values, t->dim[i]);
        if (dim[i] < 0 || __builtin_mul_overflow(count, dim[i] ? dim[i] : 1, &count) || count > ELEMENTS_MAX)
            return false;
    }
    return true;
}

static const char *dims_text(const struct bind *b)
{
    const char *text = "";
    for (size_t i = 0; i < b->values.n; i++)
        text = arena_printf(b->a, "%s%s%s = %" PRId64, text, i ? ", " : "", b->values.names[i], b->values.values[i]);
    return text;
}

static bool check_sizes(struct bind *b)
{
    for (size_t i = 0; i < b->g->n_nodes; i++) {
        const struct node *n = b->g->nodes[i];
        int64_t dim[MAX_RANK];
        if (shape_at(b, &n->type, dim))
            continue;
        return diag_error(b->s, FAIL_INPUT, n->loc,
                          "%s is %s, which %s makes too large (over 2^40 elements) or negative",
                          n->name ? n->name : n->op->call.name, type_text(b->a, &n->type), dims_text(b));
    }
    return true;
}

static bool check_shapes(struct bind *b)
{
    bool good = true;
    for (size_t i = 0; i < b->n; i++) {
        const struct want *w = &b->wants[i];
        int64_t dim[MAX_RANK];
        if (!w->file)
            continue;
        shape_at(b, &w->node->type, dim);
        bool same = w->file->rank == w->node->type.rank;
        for (int k = 0; same && k < w->file->rank; k++)
            same = dim[k] == w->file->dim[k];
        if (!same)
            good = misshapen(b, w);
    }
    return good;
}

/* A bound of 0.1 also allows the value nearest to 0.1 in the file's dtype. */
static bool check_values(struct bind *b, const struct want *w)
{
    const struct tensor *t = w->file;
    double lo = w->param ? -INFINITY : float_attr(w->node, "lo");
    double hi = w->param ? INFINITY : float_attr(w->node, "hi");
    bool ranged = lo > -INFINITY || hi < INFINITY;
    bool finite = b->o->check;
    if (!ranged && !finite)
        return true;
    double low = dtype_is_float(t->dtype) ? fmin(lo, dtype_round(t->dtype, lo)) : lo;
    double high = dtype_is_float(t->dtype) ? fmax(hi, dtype_round(t->dtype, hi)) : hi;
    int64_t n = tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        double x = tensor_get(t, i);
        if (ranged ? x >= low && x <= high && (!finite || isfinite(x)) : isfinite(x))
            continue;
        const char *range = ranged ? arena_printf(b->a, "outside of its range %g .. %g", lo, hi)
                                   : "not finite, and --check asks for that";
        diag_error(b->s, FAIL_INPUT, NOWHERE, "%s: %s%s is %.9g, %s", w->path, w->node->name,
                   tensor_index_text(b->a, t, i), x, range);
        if (ranged && w->node->loc.line)
            diag_note(b->s, w->node->loc, "the range is declared here");
        return false;
    }
    return true;
}

static bool check_files(struct bind *b)
{
    bool good = check_shapes(b);
    for (size_t i = 0; i < b->n && good; i++)
        if (b->wants[i].file)
            good = check_values(b, &b->wants[i]);
    return good;
}

/* Refuses draws that do not fit in memory. The error points at the largest tensor. */
static bool check_memory(struct bind *b)
{
    double need = 0;
    double most = 0;
    const struct node *largest = NULL;
    for (size_t i = 0; i < b->n; i++) {
        const struct type *t = &b->wants[i].node->type;
        double bytes = dtype_is_float(t->dtype) ? 4 : dtype_size(t->dtype);
        for (int k = 0; k < t->rank; k++)
            bytes *= (double)dims_eval(&b->values, t->dim[k]);
        if (!b->wants[i].needed || b->wants[i].file)
            continue;
        need += bytes;
        largest = bytes > most ? b->wants[i].node : largest;
        most = bytes > most ? bytes : most;
    }
    const char *what =
        arena_printf(b->a, "drawing the inputs and parameters%s%s", b->values.n ? " for " : "", dims_text(b));
    return session_affords(b->s, largest ? largest->loc : NOWHERE, need, what);
}

struct share {
    pthread_t thread;
    uint64_t seed, hash, first;
    double lo, hi;
    size_t n;
    float *out;
};

static void *draw_share(void *arg)
{
    struct share *p = arg;
    draw_block(p->seed, p->hash, p->lo, p->hi, p->first, p->n, p->out);
    return NULL;
}

/* The values do not depend on the number of threads. */
static void draw_floats(uint64_t seed, const char *name, double lo, double hi, struct tensor *t)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = (size_t)tensor_count(t);
    size_t threads = n < THREADED || cpus < 2 ? 1 : cpus < MAX_THREADS ? (size_t)cpus : MAX_THREADS;
    size_t started = 1;
    struct share shares[MAX_THREADS];
    for (size_t k = 0; k < threads; k++) {
        size_t first = n * k / threads;
        size_t last = n * (k + 1) / threads;
        shares[k] = (struct share){ .seed = seed,
                                    .hash = fnv1a64(name, strlen(name)),
                                    .first = first,
                                    .lo = lo,
                                    .hi = hi,
                                    .n = last - first,
                                    .out = (float *)t->data + first };
    }
    while (started < threads && !pthread_create(&shares[started].thread, NULL, draw_share, &shares[started]))
        started++;
    draw_share(&shares[0]);
    for (size_t k = 1; k < threads; k++) {
        if (k < started)
            pthread_join(shares[k].thread, NULL);
        else
            draw_share(&shares[k]);
    }
}

/* Sets the range that a parameter is drawn from.
       Weights:      -1/√columns to 1/√columns
       Biases:       0; with INIT_JUDGE -½ to ½
       Norm scales:  1; with INIT_JUDGE ½ to 3/2 */
static void param_range(const struct bind *b, const struct node *n, const int64_t *dim, double *lo, double *hi)
{
    enum init init = (enum init)node_attr(n, op_attr(n->op, "init"))->i;
    bool judge = b->o->init == INIT_JUDGE;
    int64_t columns = n->type.rank ? dim[n->type.rank - 1] : 1;
    double middle = init == INIT_ONE ? 1 : 0;
    double half = init == INIT_FAN_IN ? 1 / sqrt((double)(columns ? columns : 1)) : judge ? 0.5 : 0;
    *lo = middle - half;
    *hi = middle + half;
}

/* The declared range, or [0, 1]. With one infinite end, the range gets the length 1. */
static bool data_range(struct bind *b, const struct node *n, double *lo, double *hi)
{
    *lo = float_attr(n, "lo");
    *hi = float_attr(n, "hi");
    if (isinf(*lo) && isinf(*hi)) {
        *lo = 0;
        *hi = 1;
    }
    if (isinf(*lo))
        *lo = *hi - 1;
    if (isinf(*hi))
        *hi = *lo + 1;
    if (dtype_is_float(n->type.dtype))
        return true;
    double most = n->type.dtype == DT_BOOL ? 1 : n->type.dtype == DT_I32 ? INT32_MAX : 0x1p53;
    *lo = fmax(ceil(*lo), n->type.dtype == DT_BOOL ? 0 : -most - 1);
    *hi = fmin(floor(*hi), most);
    return *lo <= *hi || diag_error(b->s, FAIL_INPUT, n->loc, "%s cannot be drawn: its range has no %s", n->name,
                                    dtype_name(n->type.dtype));
}

static const struct tensor *draw_source(struct bind *b, const struct want *w)
{
    const struct node *n = w->node;
    int64_t dim[MAX_RANK];
    double lo, hi;
    shape_at(b, &n->type, dim);
    if (w->param)
        param_range(b, n, dim, &lo, &hi);
    else if (!data_range(b, n, &lo, &hi))
        return NULL;
    bool real = dtype_is_float(n->type.dtype);
    struct tensor *t = tensor_new(b->a, real ? DT_F32 : n->type.dtype, n->type.rank, dim);
    if (real)
        draw_floats(b->o->seed, n->name, lo, hi, t);
    else
        draw_fill(b->o->seed, n->name, lo, hi, t);
    return t;
}

static bool read_files(struct bind *b)
{
    bool good = true;
    for (size_t i = 0; i < b->o->n_inputs; i++)
        good &= read_input(b, b->o->inputs[i]);
    return read_weights(b) && good;
}

static struct binding *collect(struct bind *b)
{
    struct binding *out = arena_new_of(b->a, struct binding);
    *out = (struct binding){ .arena = b->a,
                             .dims = b->values,
                             .sources = arena_array(b->a, struct bound_source, b->n + 1) };
    for (size_t i = 0; i < b->n; i++) {
        const struct want *w = &b->wants[i];
        if (!w->needed)
            continue;
        const struct tensor *t = w->file ? w->file : draw_source(b, w);
        if (!t)
            return NULL;
        out->sources[out->n++] =
            (struct bound_source){ .node = w->node, .name = w->node->name, .tensor = t, .drawn = !w->file };
    }
    return out;
}

struct binding *bind_sources(struct session *s, const struct graph *g, const struct bind_options *o)
{
    struct bind b = {
        .s = s, .a = s->run, .g = g, .o = o, .dims = arena_array(s->run, struct dim_state, g->n_dims + 1)
    };
    list_wants(&b);
    bool ok = ask_dims(&b) && read_files(&b) && solve_dims(&b) && fill_dims(&b) && check_sizes(&b) && check_files(&b) &&
              check_memory(&b);
    return ok ? collect(&b) : NULL;
}

const struct tensor *binding_find(const struct binding *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (!strcmp(b->sources[i].name, name))
            return b->sources[i].tensor;
    return NULL;
}

struct tensor_list *binding_weights(struct session *s, const struct graph *g, const struct binding *b)
{
    struct tensor_list *list = arena_new_of(s->run, struct tensor_list);
    list->items = arena_array(s->run, struct named_tensor, b->n + 1);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tensor *t = node_is_param(g->nodes[i]) ? binding_find(b, g->nodes[i]->name) : NULL;
        if (t)
            list->items[list->n++] = (struct named_tensor){ g->nodes[i]->name, *t };
    }
    return list;
}
