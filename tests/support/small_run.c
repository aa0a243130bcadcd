#include "tests/support/small_run.h"

#include <string.h>

#include "runtime/compile/compile.h"
#include "runtime/judge/verify.h"

const char small_rows[] = "graph small_rows\n"
                          "dim B\n"
                          "input x: f32[B, 24] where -1 <= x <= 1\n"
                          "h = gelu(layernorm(linear(x, 16)))\n"
                          "output y = softmax(linear(h, 8))\n";

const char small_route[] = "graph small_route\n"
                           "dim B\n"
                           "input x: f32[B, 20] where 0 <= x <= 1\n"
                           "z = linear(x, 4)\n"
                           "output q = padic_encode(z, p=2, n=16, s=1024)\n"
                           "output chosen = topk_mask(q, k=2)\n"
                           "output w = softmax(padic_decode(q, p=2, n=16, s=1024)) * cast(chosen, float)\n";

void small_begin(struct small_run *r, const char *text, const char *target)
{
    *r = (struct small_run){ .s = session_begin(), .text = text, .target = target_find(target), .batch = 5 };
}

void small_end(struct small_run *r)
{
    exec_close(r->exec);
    if (r->device)
        r->device->ops->close(r->device);
    session_end(r->s);
}

static bool step_parse(struct small_run *r)
{
    struct pass_ctx c = pass_ctx_for(r->s, r->target);
    r->parsed = compiled_parse(source_of_string(r->s, "small.graph", r->text), NULL, &c, NULL);
    return r->parsed != NULL;
}

static bool step_passes(struct small_run *r)
{
    struct pass_ctx c = pass_ctx_for(r->s, r->target);
    bool ok = compiled_passes(r->parsed, &c, NULL, &r->k);
    r->after = r->k.after;
    return ok;
}

static bool step_lower(struct small_run *r)
{
    struct pass_ctx c = pass_ctx_for(r->s, r->target);
    if (!compiled_program(&c, &r->k))
        return false;
    r->program = r->k.program;
    r->module = compiled_text(r->s, r->target, "emu", false, r->program->text);
    return true;
}

static bool step_bind(struct small_run *r)
{
    r->binding =
        bind_sources(r->s, r->parsed, &(struct bind_options){ .batch = r->batch, .seed = 7, .init = INIT_JUDGE });
    return r->binding != NULL;
}

static bool step_open(struct small_run *r)
{
    r->device = emu_open(r->s, r->target, false, 2);
    r->exec = r->device ? exec_open(r->s, r->program, r->device, r->code, r->binding) : NULL;
    return r->exec != NULL;
}

/* Launch by launch, then recorded and as a whole. */
static bool step_run(struct small_run *r)
{
    return exec_run(r->exec) && exec_capture(r->exec) && exec_submit(r->exec) && exec_sync(r->exec);
}

static bool step_read(struct small_run *r)
{
    r->result = arena_printf(r->s->run, "%s\n%s\n", graph_text(r->after), r->module);
    for (size_t i = 0; i < r->after->n_outs; i++) {
        const struct tensor *t = exec_read(r->exec, r->after->outs[i].node, r->s->run);
        if (!t)
            return false;
        char *hex = arena_alloc(r->s->run, 2 * t->bytes + 1);
        char *at = hex;
        *hex = 0;
        for (size_t k = 0; k < t->bytes; k++)
            at += sprintf(at, "%02x", ((const unsigned char *)t->data)[k]);
        r->result = arena_printf(r->s->run, "%s%s %s\n", r->result, r->after->outs[i].name, hex);
    }
    return true;
}

static bool step_judge(struct small_run *r)
{
    struct verify_report v = { 0 };
    struct reference *ref = reference_begin(r->s, r->parsed, r->binding, &(struct judge_how){ .threads = 1 });
    bool ok = verify_kernels(r->exec, ref, NULL, &v);
    reference_end(ref);
    if (!ok)
        return false;
    for (size_t i = 0; i < v.n_kernels; i++)
        r->result = arena_printf(r->s->run, "%s%s %s %a\n", r->result, v.kernels[i].group->name,
                                 v.kernels[i].pass ? "passes" : "fails", v.kernels[i].ratio);
    return true;
}

bool small_step(struct small_run *r, int step)
{
    static bool (*const steps[SMALL_STEPS])(struct small_run *) = { step_parse, step_passes, step_lower, step_bind,
                                                                    step_open,  step_run,    step_read,  step_judge };
    return steps[step](r);
}

bool small_steps(struct small_run *r, int from, int to)
{
    for (int i = from; i < to; i++)
        if (!small_step(r, i))
            return false;
    return true;
}

bool small_compile(struct session *keep, const char *text, const char *target, struct code *out)
{
    struct small_run r;
    small_begin(&r, text, target);
    bool ok = small_steps(&r, 0, SMALL_LOWERED) && compile_host(keep, r.target, r.module, false, out);
    small_end(&r);
    return ok;
}
