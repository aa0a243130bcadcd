/* tokic verify: judges every kernel on its actual inputs, the passes against the parsed graph, and the drift end to
   end. */
#include <string.h>

#include "runtime/judge/dump.h"
#include "runtime/cli/cli_line.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"
#include "runtime/judge/verify.h"

struct verify_job {
    struct line l;
    struct compiled k;
    struct device *d;
    struct binding *b;
    struct verify_report r;
};

static bool judge_kernels(struct verify_job *j)
{
    struct exec *e = exec_open(j->l.s, j->k.program, j->d, &j->k.code, j->b);
    if (!e)
        return false;
    bool ok = (!j->l.c->o.dump_launches || dump_begin(e, j->l.c->o.dump_launches)) &&
              verify_kernels(e, j->l.parsed, j->b, line_threads(j->l.c), &j->r);
    exec_close(e);
    return ok;
}

static bool judge_passes(struct verify_job *j)
{
    struct pass_ctx ctx = line_pass_ctx(&j->l, j->k.target);
    struct pass_options o = line_pass_options(&j->l);
    return verify_passes(j->l.s, j->l.parsed, j->k.after, j->b, &ctx, &o, line_threads(j->l.c), &j->r);
}

static bool all_good(const struct verify_report *r)
{
    bool good = r->passes_ok;
    for (size_t i = 0; i < r->n_kernels; i++)
        good &= r->kernels[i].pass;
    return good;
}

/* The flags that reproduce these inputs in another command. */
static const char *inputs_text(const struct cli *c)
{
    const struct cli_options *o = &c->o;
    const char *text = o->size ? arena_printf(c->s->run, " --size %s", o->size) : "";
    for (size_t i = 0; i < o->sets.n; i++)
        text = arena_printf(c->s->run, "%s --set %s", text, o->sets.v[i]);
    if (o->batch >= 0)
        text = arena_printf(c->s->run, "%s --batch %lld", text, (long long)o->batch);
    for (size_t i = 0; i < o->dims.n; i++)
        text = arena_printf(c->s->run, "%s --dim %s", text, o->dims.v[i]);
    if (o->seed != 42)
        text = arena_printf(c->s->run, "%s --seed %llu", text, (unsigned long long)o->seed);
    if (o->init)
        text = arena_printf(c->s->run, "%s --init %s", text, o->init);
    if (o->weights)
        text = arena_printf(c->s->run, "%s --weights %s", text, o->weights);
    for (size_t i = 0; i < o->inputs.n; i++)
        text = arena_printf(c->s->run, "%s --input %s", text, o->inputs.v[i]);
    return text;
}

static enum fail say(struct verify_job *j)
{
    struct cli *c = j->l.c;
    struct verify_context ctx = { .parsed = j->l.parsed,
                                  .program = j->k.program,
                                  .device = j->d,
                                  .dims = &j->b->dims,
                                  .weights = line_weights_text(&j->l, INIT_JUDGE),
                                  .what = j->l.what,
                                  .with = inputs_text(c),
                                  .good = all_good(&j->r) };
    if (c->o.report && !json_save(c->s, report_verify_object(c->s, &j->r, &ctx), c->o.report))
        return FAIL_INPUT;
    if (c->o.json && !report_verify_json(c->s, &j->r, &ctx, c->out))
        return FAIL_INPUT;
    if (!c->o.json)
        report_verify(c->s, &j->r, &ctx, c->o.quiet, c->out);
    return ctx.good ? FAIL_NONE : FAIL_JUDGED;
}

enum fail cli_verify(struct cli *c)
{
    struct verify_job *j = arena_new_of(c->s->run, struct verify_job);
    if (c->o.backend && strcmp(c->o.backend, "hip")) {
        diag_error(c->s, FAIL_USAGE, NOWHERE, "verify judges --backend hip; %s is what it judges against",
                   c->o.backend);
        return FAIL_USAGE;
    }
    if (c->o.dump_launches && !dir_make(c->s, c->o.dump_launches))
        return FAIL_INPUT;
    if (!line_open(c, &j->l))
        return FAIL_INPUT;
    j->b = line_bind(&j->l, INIT_JUDGE);
    j->d = j->b ? line_device(&j->l, true) : NULL;
    if (!j->d)
        return FAIL_INPUT;
    bool ok = line_program(&j->l, j->d->target, &j->k) && line_compile(&j->l, &j->k, j->d->ops->kind) &&
              judge_kernels(j) && judge_passes(j);
    enum fail result = ok ? say(j) : FAIL_INPUT;
    j->d->ops->close(j->d);
    return result;
}
