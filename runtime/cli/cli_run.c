/* tokic run: runs a graph in the reference interpreter, or its kernels on a device. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/judge/dump.h"
#include "runtime/cli/cli_line.h"
#include "runtime/device/exec.h"
#include "runtime/format/json_out.h"
#include "runtime/format/npy.h"
#include "runtime/cli/report.h"
#include "runtime/format/safetensors.h"
#include "runtime/judge/walk.h"

enum { SHOWN = 8 }; /* outputs of at most this many elements are shown whole */

struct run_job {
    struct line l;
    struct binding *b;
    enum numerics numerics;
    bool cpu;
    const char *on; /* where the graph runs: "cpu real", "emu:gfx90a" */
    const char *target;
    struct tensor **outs;
};

static enum numerics numerics_of(const char *word)
{
    return !strcmp(word, "real") ? NUMERICS_REAL : !strcmp(word, "f32") ? NUMERICS_F32 : NUMERICS_F16;
}

static bool read_backend(struct run_job *j, struct cli *c)
{
    const struct cli_options *o = &c->o;
    struct session *s = c->s;
    if (!o->backend) {
        diag_error(s, FAIL_USAGE, NOWHERE,
                   "tokic run needs --backend cpu (the reference interpreter) or --backend hip (compiled kernels)");
        return false;
    }
    j->cpu = !strcmp(o->backend, "cpu");
    const char *numerics = o->numerics ? o->numerics : j->cpu ? "real" : "f16";
    j->numerics = numerics_of(numerics);
    if (!j->cpu && j->numerics != NUMERICS_F16)
        return diag_error(s, FAIL_USAGE, NOWHERE,
                          "backend hip has no --numerics %s: it has f16 (--backend cpu has real, f32 and f16)",
                          numerics);
    if (j->cpu && (o->device || o->sanitize || o->dump_launches))
        return diag_error(s, FAIL_USAGE, NOWHERE, "backend cpu takes no --%s: it runs no kernels",
                          o->device     ? "device"
                          : o->sanitize ? "sanitize"
                                        : "dump-launches");
    if (j->cpu && j->numerics != NUMERICS_F16 && o->target)
        return diag_error(
            s, FAIL_USAGE, NOWHERE,
            "--target %s: backend cpu uses a target only with --numerics f16; %s evaluates the graph as written",
            o->target, numerics);
    j->on = arena_printf(s->run, "cpu %s", numerics);
    return true;
}

static void take(struct run_job *j, const struct walk *w, size_t i, const struct node *n)
{
    j->outs[i] = walk_tensor(w, n, j->l.s->run);
}

/* --numerics f16 needs the pass `precision`, which chooses the dtype that each value is rounded to. */
static bool run_cpu(struct run_job *j)
{
    struct compiled k = { .after = j->l.parsed };
    if (j->numerics == NUMERICS_F16 && !line_passes(&j->l, line_target(&j->l), "precision", &k))
        return false;
    j->target = j->numerics == NUMERICS_F16 ? line_target(&j->l)->name : NULL;
    struct walk *w = walk_begin(j->l.s, k.after, &j->b->dims, j->numerics, line_threads(j->l.c));
    struct node **outs = arena_array(j->l.s->run, struct node *, k.after->n_outs + 1);
    for (size_t i = 0; i < k.after->n_outs; i++)
        outs[i] = k.after->outs[i].node;
    walk_bind(w, j->b);
    bool ok = walk_run(w, outs, k.after->n_outs, false, NULL, NULL);
    for (size_t i = 0; ok && i < k.after->n_outs; i++)
        take(j, w, i, outs[i]);
    walk_end(w);
    return ok;
}

struct guard {
    struct session *s;
    const struct graph *g;
    const struct dim_values *dims;
    size_t checked;
};

/* Checks a computed value against an obligation that the compiler did not prove. */
static bool guard_holds(struct guard *gd, const struct walk *w, const struct obligation *o)
{
    const struct node *x = o->operand >= 0 ? o->node->in[o->operand] : o->node;
    const struct wval *v = walk_value(w, x);
    bool real = dtype_is_float(x->type.dtype);
    gd->checked++;
    for (int64_t i = 0; i < v->count; i++) {
        double d = real ? v->v[i].d : (double)v->v[i].i;
        if ((isnan(d) || (d >= o->need.lo && d <= o->need.hi)) && (isfinite(d) || !o->need.finite))
            continue;
        diag_error(gd->s, FAIL_INPUT, o->operand >= 0 && o->node->in_loc ? o->node->in_loc[o->operand] : o->node->loc,
                   "%s needs %s, but %s is %.9g", o->node->op->call.name, o->text,
                   element_text(gd->s->run, x, gd->dims, i), d);
        return false;
    }
    return true;
}

static bool guard_node(void *ctx, struct walk *w, const struct node *n)
{
    struct guard *gd = ctx;
    bool good = true;
    for (size_t i = 0; i < gd->g->n_obligations; i++) {
        const struct obligation *o = &gd->g->obligations[i];
        if (o->node == n && o->status == OBLIGATION_CHECKED)
            good &= guard_holds(gd, w, o);
    }
    return good;
}

/* Checks the values of a reference run, since kernels do not store most values. */
static bool check_guards(struct run_job *j)
{
    const struct graph *g = j->l.parsed;
    struct guard gd = { j->l.s, g, &j->b->dims, 0 };
    struct walk *w = walk_begin(j->l.s, g, &j->b->dims, NUMERICS_REAL, line_threads(j->l.c));
    struct node **outs = arena_array(j->l.s->run, struct node *, g->n_outs + 1);
    for (size_t i = 0; i < g->n_outs; i++)
        outs[i] = g->outs[i].node;
    walk_bind(w, j->b);
    bool ok = walk_run(w, outs, g->n_outs, false, guard_node, &gd);
    walk_end(w);
    if (ok && !j->l.c->o.quiet)
        fprintf(j->l.c->err, "--check: %zu %s held in the reference run\n", gd.checked,
                plural((int64_t)gd.checked, "guard", "guards"));
    return ok;
}

/* Call for an output that is an input or parameter. The device has such a value only if a kernel reads it. */
static struct tensor *source_value(struct run_job *j, const struct graph *g, struct node *n)
{
    struct walk *w = walk_begin(j->l.s, g, &j->b->dims, NUMERICS_F16, 1);
    walk_bind(w, j->b);
    bool ok = walk_run(w, &n, 1, false, NULL, NULL);
    struct tensor *t = ok ? walk_tensor(w, n, j->l.s->run) : NULL;
    walk_end(w);
    return t;
}

static bool read_outputs(struct run_job *j, struct exec *e, const struct graph *g)
{
    bool ok = true;
    for (size_t i = 0; i < g->n_outs && ok; i++) {
        struct node *n = g->outs[i].node;
        j->outs[i] = n->op->class == CLS_SOURCE && !e->at[n->id] ? source_value(j, g, n) : exec_read(e, n, j->l.s->run);
        ok = j->outs[i] != NULL;
    }
    return ok;
}

static bool run_kernels(struct run_job *j, struct device *d)
{
    struct compiled k;
    const struct cli_options *o = &j->l.c->o;
    if (!line_program(&j->l, d->target, &k) || !line_compile(&j->l, &k, d->ops->kind))
        return false;
    struct exec *e = exec_open(j->l.s, k.program, d, &k.code, j->b);
    if (!e)
        return false;
    bool ok = (!o->dump_launches || dump_begin(e, o->dump_launches)) && exec_run(e) && read_outputs(j, e, k.after);
    if (ok && o->sanitize && !o->quiet)
        fprintf(j->l.c->err, "--sanitize: no race, no unwritten and no out-of-range access in %s\n",
                count_text(j->l.s->run, k.program->n_launches, "launch"));
    exec_close(e);
    return ok;
}

static bool run_hip(struct run_job *j)
{
    struct device *d = line_device(&j->l, false);
    if (!d)
        return false;
    j->on = strcmp(d->ops->kind, "emu") ? arena_printf(j->l.s->run, "%s (%s)", d->spec, d->name) : d->spec;
    j->target = d->target->name;
    bool ok = run_kernels(j, d);
    d->ops->close(d);
    return ok;
}

struct stats {
    double min, max, mean;
    int64_t nans, infinite;
};

/* The minimum, maximum and mean leave out elements that are not finite. */
static struct stats stats_of(const struct tensor *t)
{
    struct stats st = { INFINITY, -INFINITY, 0, 0, 0 };
    int64_t n = tensor_count(t);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = tensor_get(t, i);
        st.nans += isnan(x) != 0;
        st.infinite += isinf(x) != 0; /* isinf may be −1 */
        if (!isfinite(x))
            continue;
        st.min = fmin(st.min, x);
        st.max = fmax(st.max, x);
        sum += x;
    }
    int64_t finite = n - st.nans - st.infinite;
    st.mean = finite ? sum / (double)finite : NAN;
    return st;
}

static const char *number_word(struct arena *a, const struct tensor *t, int64_t i)
{
    double x = tensor_get(t, i);
    if (t->dtype == DT_I32 || t->dtype == DT_I64)
        return arena_printf(a, "%" PRId64, tensor_get_i64(t, i));
    return isnan(x) ? "NaN" : isinf(x) ? (x < 0 ? "-inf" : "inf") : arena_printf(a, "%.6g", x);
}

static const char *value_text(struct arena *a, const struct tensor *t)
{
    const char *text = "";
    int64_t n = tensor_count(t);
    struct stats st = stats_of(t);
    if (!n)
        return "empty";
    if (n <= SHOWN) {
        for (int64_t i = 0; i < n; i++)
            text = arena_printf(a, "%s%s%s", text, i ? " " : "", number_word(a, t, i));
        return text;
    }
    if (st.nans + st.infinite < n)
        text = arena_printf(a, "min %.6g   mean %.6g   max %.6g", st.min, st.mean, st.max);
    if (st.nans)
        text = arena_printf(a, "%s%s%" PRId64 " NaN", text, *text ? "   " : "", st.nans);
    if (st.infinite)
        text = arena_printf(a, "%s%s%" PRId64 " infinite", text, *text ? "   " : "", st.infinite);
    return text;
}

static const char *state_word(const struct tensor *t, const struct stats *st)
{
    int64_t odd = st->nans + st->infinite;
    int64_t n = tensor_count(t);
    return !n ? "empty" : st->nans == n ? "all NaN" : odd == n ? "none finite" : odd ? "some not finite" : "finite";
}

static const char *file_for(const struct cli *c, const char *name)
{
    const char *file = NULL;
    for (size_t i = 0; i < c->o.outputs.n; i++) {
        const char *option = c->o.outputs.v[i];
        const char *eq = strchr(option, '=');
        if (eq && (size_t)(eq - option) == strlen(name) && !strncmp(option, name, (size_t)(eq - option)))
            file = eq + 1;
    }
    return file;
}

static bool output_json(struct run_job *j, const char *name, const struct tensor *t, const char *file)
{
    struct stats st = stats_of(t);
    struct cJSON *o = report_json("output");
    json_text(o, "output", name);
    json_text(o, "on", j->on);
    json_text(o, "dtype", dtype_name(t->dtype));
    json_ints(o, "shape", t->dim, (size_t)t->rank);
    int64_t n = tensor_count(t);
    json_int(o, "elements", n);
    json_text(o, "state", state_word(t, &st));
    if (n <= SHOWN) {
        struct cJSON *values = json_array(o, "values");
        for (int64_t i = 0; i < n; i++)
            json_real(values, NULL, tensor_get(t, i));
    }
    bool any = tensor_count(t) > st.nans + st.infinite;
    if (any) {
        json_real(o, "min", st.min);
        json_real(o, "mean", st.mean);
        json_real(o, "max", st.max);
    }
    json_int(o, "nan", st.nans);
    json_int(o, "infinite", st.infinite);
    json_text(o, "file", file);
    return json_line(j->l.s, o, j->l.c->out);
}

static void print_head(const struct run_job *j)
{
    const char *dims = "";
    for (size_t i = 0; i < j->b->dims.n; i++)
        dims = arena_printf(j->l.s->run, "%s%s %" PRId64 "   ", dims, j->b->dims.names[i], j->b->dims.values[i]);
    fprintf(j->l.c->out, "%s   %s%s   %s\n", graph_title(j->l.s->run, j->l.parsed), dims, j->on,
            line_weights_text(&j->l, INIT_TRAIN));
}

static bool head_json(const struct run_job *j)
{
    struct cJSON *o = line_json(&j->l, "run", j->b, INIT_TRAIN);
    json_text(o, "backend", j->cpu ? "cpu" : "hip");
    json_text(o, "on", j->on);
    json_text(o, "target", j->target);
    json_text(o, "numerics", j->cpu ? j->on + strlen("cpu ") : "f16");
    return json_line(j->l.s, o, j->l.c->out);
}

static bool show_outputs(struct run_job *j)
{
    struct cli *c = j->l.c;
    struct arena *a = c->s->run;
    const struct graph *g = j->l.parsed;
    struct table *t = table_new(a, "llll");
    t->most = c->o.quiet ? 0 : TABLE_WIDTH;
    if (c->o.json && !head_json(j))
        return false;
    if (!c->o.json && !c->o.quiet)
        print_head(j);
    for (size_t i = 0; i < g->n_outs; i++) {
        const struct tensor *x = j->outs[i];
        const char *name = g->outs[i].name;
        const char *file = file_for(c, name);
        if (file && !npy_write(c->s, file, x))
            return false;
        if (c->o.json && !output_json(j, name, x, file))
            return false;
        table_row(t, (const char *[]){ name, tensor_text(a, x->dtype, x->rank, x->dim), value_text(a, x),
                                       file ? arena_printf(a, "wrote %s", file) : "" });
    }
    if (!c->o.json)
        table_print(t, c->o.quiet ? 0 : 2, c->out);
    return true;
}

static bool save_weights(struct run_job *j)
{
    const struct cli_options *o = &j->l.c->o;
    if (!o->save_weights)
        return true;
    struct tensor_list *list = binding_weights(j->l.s, j->l.parsed, j->b);
    if (!safetensors_write(j->l.s, o->save_weights, list))
        return false;
    if (!o->quiet)
        fprintf(j->l.c->err, "wrote %zu parameters to %s\n", list->n, o->save_weights);
    return true;
}

static bool check_outputs(struct cli *c)
{
    for (size_t i = 0; i < c->o.outputs.n; i++) {
        const char *option = c->o.outputs.v[i];
        const char *eq = strchr(option, '=');
        if (eq == option || (eq && !eq[1]))
            return diag_error(c->s, FAIL_USAGE, NOWHERE, "--output %s: NAME or NAME=FILE.npy is needed", option);
        for (size_t k = 0; eq && k < i; k++)
            if (!strncmp(c->o.outputs.v[k], option, (size_t)(eq - option) + 1))
                return diag_error(c->s, FAIL_USAGE, NOWHERE, "--output %s and --output %s write the same tensor",
                                  c->o.outputs.v[k], option);
    }
    return true;
}

enum fail cli_run(struct cli *c)
{
    struct run_job *j = arena_new_of(c->s->run, struct run_job);
    if (!read_backend(j, c) || !check_outputs(c))
        return FAIL_USAGE;
    if (!line_dump_dir(c))
        return FAIL_INPUT;
    if (!line_open(c, &j->l))
        return FAIL_INPUT;
    j->b = line_bind(&j->l, INIT_TRAIN);
    if (!j->b || !save_weights(j))
        return FAIL_INPUT;
    j->outs = arena_array(c->s->run, struct tensor *, j->l.parsed->n_outs + 1);
    bool ok = (!c->o.check || check_guards(j)) && (j->cpu ? run_cpu(j) : run_hip(j));
    return ok && show_outputs(j) ? FAIL_NONE : FAIL_INPUT;
}
