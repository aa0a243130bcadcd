/* tokic verify: judges every kernel on its actual inputs, and the passes against the parsed graph. */
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/judge/dump.h"
#include "runtime/cli/cli_line.h"
#include "runtime/cli/progress.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"
#include "runtime/judge/exact_device.h"
#include "runtime/judge/verify.h"

/* For the progress line, in units of the kernels' time. Measured with moe_sheaf tiny, batch 128, emulated. */
#define COMPARE_SHARE 0.15
#define PASSES_SHARE 0.6

struct verify_job {
    struct line l;
    struct compiled k;
    struct device *d;
    struct binding *b;
    struct verify_report r;
    struct reference *ref;
    struct verify_context ctx;
    struct verify_lines *lines;
    struct progress progress;
    double *work; /* estimates: [i] group i; then comparing the outputs; last, judging the passes */
};

static struct cJSON *head(const struct verify_job *j) { return line_json(&j->l, "verify", j->b, INIT_JUDGE); }

static double group_work(struct session *s, const struct group *gr, const struct dim_values *dims)
{
    double sum = 1;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        struct work w = { 0 };
        op_work(s, gr->nodes[i], &w);
        if (w.macs)
            sum += (double)dims_eval(dims, w.macs);
    }
    return sum;
}

static double all_work(struct verify_job *j)
{
    const struct graph *g = j->k.after;
    double kernels = 0;
    j->work = arena_array(j->l.s->run, double, g->n_groups + 2);
    for (size_t i = 0; i < g->n_groups; i++)
        kernels += j->work[i] = group_work(j->l.s, g->groups[i], &j->b->dims);
    j->work[g->n_groups] = COMPARE_SHARE * kernels;
    j->work[g->n_groups + 1] = PASSES_SHARE * kernels;
    return kernels * (1 + COMPARE_SHARE + PASSES_SHARE);
}

static void begins(void *ctx, size_t group)
{
    struct verify_job *j = ctx;
    size_t n = j->k.after->n_groups;
    if (group < n)
        progress_show(&j->progress, arena_printf(j->l.s->run, "kernel %zu of %zu", group + 1, n));
    else
        progress_show(&j->progress, "comparing the outputs");
}

static void judged(void *ctx, const struct kernel_verdict *v)
{
    struct verify_job *j = ctx;
    j->progress.done += j->work[v - j->r.kernels];
    progress_clear(&j->progress);
    if (j->lines)
        report_kernels_judged(j->lines, v);
    if (j->l.c->o.json)
        report_kernel_json(j->l.s, v, &j->ctx, j->l.c->out);
}

static bool begin_report(struct verify_job *j)
{
    const struct cli_options *o = &j->l.c->o;
    progress_begin(&j->progress, o->quiet || o->verbose ? NULL : j->l.c->err, all_work(j));
    if (o->json)
        return report_verify_head_json(j->l.s, head(j), &j->ctx, j->l.c->out);
    if (!o->quiet)
        j->lines = report_kernels_begin(j->l.s, &j->ctx, j->l.c->out);
    return true;
}

static bool judge_kernels(struct verify_job *j)
{
    struct exec *e = exec_open(j->l.s, j->k.program, j->d, &j->k.code, j->b);
    if (!e)
        return false;
    bool ok = (!j->l.c->o.dump_launches || dump_begin(e, j->l.c->o.dump_launches)) &&
              verify_kernels(e, j->ref, &(struct verify_watch){ .ctx = j, .begins = begins, .judged = judged }, &j->r);
    progress_clear(&j->progress);
    exec_close(e);
    return ok;
}

static bool judge_passes(struct verify_job *j)
{
    struct pass_ctx ctx = line_pass_ctx(&j->l, j->k.target);
    struct pass_options o = line_pass_options(&j->l);
    j->progress.done += j->work[j->k.after->n_groups];
    progress_show(&j->progress, "comparing the graph before and after the passes");
    bool ok = verify_passes(j->ref, j->k.after, &ctx, &o, &j->r);
    progress_clear(&j->progress);
    return ok;
}

static bool judge_exactly(struct verify_job *j)
{
    struct exact_report *r = arena_new_of(j->l.s->run, struct exact_report);
    if (!j->l.c->o.exact)
        return true;
    progress_show(&j->progress, "running the kernels over a finite field");
    bool ok = exact_field(j->l.s, j->k.program, j->b, line_threads(j->l.c), r);
    struct exact_device_report *on = arena_new_of(j->l.s->run, struct exact_device_report);
    progress_show(&j->progress, "running the kernels on small integers");
    int64_t hint = line_pass_ctx(&j->l, j->k.target).hint;
    const struct program *p = ok ? codegen_stand_ins(j->l.s, j->k.after, j->k.target, hint) : NULL;
    ok = p && exact_device(j->l.s, p, j->d, j->b, j->l.c->o.sanitize, line_threads(j->l.c), on);
    progress_clear(&j->progress);
    r->device = on;
    r->pass = r->pass && on->pass;
    j->r.exact = r;
    return ok;
}

static const char *inputs_text(const struct cli *c)
{
    const struct cli_options *o = &c->o;
    const char *text = o->size ? arena_printf(c->s->run, " --size %s", o->size) : "";
    for (size_t i = 0; i < o->sets.n; i++)
        text = arena_printf(c->s->run, "%s --set %s", text, o->sets.v[i]);
    if (o->batch >= 0)
        text = arena_printf(c->s->run, "%s --batch %lld", text, (long long)o->batch);
    for (size_t i = 0; i < o->outputs.n; i++)
        text = arena_printf(c->s->run, "%s --output %s", text, o->outputs.v[i]);
    if (o->grad)
        text = arena_printf(c->s->run, "%s --grad", text);
    if (o->loss_scale > 0)
        text = arena_printf(c->s->run, "%s --loss-scale %g", text, o->loss_scale);
    for (size_t i = 0; i < o->dims.n; i++)
        text = arena_printf(c->s->run, "%s --dim %s", text, o->dims.v[i]);
    if (o->seed != 42)
        text = arena_printf(c->s->run, "%s --seed %llu", text, (unsigned long long)o->seed);
    if (o->full)
        text = arena_printf(c->s->run, "%s --full", text);
    if (o->init)
        text = arena_printf(c->s->run, "%s --init %s", text, o->init);
    if (o->weights)
        text = arena_printf(c->s->run, "%s --weights %s", text, o->weights);
    for (size_t i = 0; i < o->inputs.n; i++)
        text = arena_printf(c->s->run, "%s --input %s", text, o->inputs.v[i]);
    return text;
}

static struct verify_context context(struct verify_job *j)
{
    return (struct verify_context){ .parsed = j->l.parsed,
                                    .program = j->k.program,
                                    .device = j->d,
                                    .dims = &j->b->dims,
                                    .weights = line_weights_text(&j->l, INIT_JUDGE),
                                    .what = j->l.what,
                                    .with = inputs_text(j->l.c),
                                    .sanitized = j->l.c->o.sanitize };
}

static enum fail say(struct verify_job *j)
{
    struct cli *c = j->l.c;
    j->ctx.verdict = verify_verdict(&j->r);
    if (c->o.report && !json_save(c->s, report_verify_object(c->s, head(j), &j->r, &j->ctx), c->o.report))
        return FAIL_INPUT;
    if (c->o.json && !report_verify_json(c->s, &j->r, &j->ctx, c->out))
        return FAIL_INPUT;
    if (!c->o.json)
        report_verify(c->s, &j->r, &j->ctx, c->o.quiet, c->out);
    return j->ctx.verdict <= VERDICT_PARTLY ? FAIL_NONE : FAIL_JUDGED;
}

/* Refuses --output NAME=FILE, since verify writes no outputs. --output NAME is allowed. */
static bool check_outputs(struct cli *c)
{
    for (size_t i = 0; i < c->o.outputs.n; i++)
        if (strchr(c->o.outputs.v[i], '='))
            return diag_error(c->s, FAIL_USAGE, NOWHERE, "--output %s: verify writes no outputs; tokic run does",
                              c->o.outputs.v[i]);
    return true;
}

enum fail cli_verify(struct cli *c)
{
    struct verify_job *j = arena_new_of(c->s->run, struct verify_job);
    if (c->o.backend && strcmp(c->o.backend, "hip")) {
        diag_error(c->s, FAIL_USAGE, NOWHERE, "verify judges --backend hip; %s is what it judges against",
                   c->o.backend);
        return FAIL_USAGE;
    }
    if (!check_outputs(c) || !line_dump_dir(c))
        return FAIL_USAGE;
    if (!line_open(c, &j->l))
        return FAIL_INPUT;
    j->b = line_bind(&j->l, INIT_JUDGE);
    j->d = j->b ? line_device(&j->l, true) : NULL;
    if (!j->d)
        return FAIL_INPUT;
    bool ok = line_program(&j->l, j->d->target, &j->k) && line_compile(&j->l, &j->k, j->d->ops->kind);
    j->ctx = ok ? context(j) : j->ctx;
    struct judge_how how = { .threads = line_threads(c), .full = c->o.full, .seed = c->o.seed };
    j->ref = reference_begin(c->s, j->l.parsed, j->b, &how);
    ok = ok && begin_report(j) && judge_kernels(j) && judge_passes(j) && judge_exactly(j);
    reference_end(j->ref);
    enum fail result = ok ? say(j) : FAIL_INPUT;
    j->d->ops->close(j->d);
    return result;
}
