#include "tests/support/chain.h"

#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t seed = 42;

const char *chain_why(struct session *s, size_t from)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    BUG_IF(!to, "out of memory");
    diags_print(s, from, to, false);
    BUG_IF(fclose(to), "out of memory");
    const char *kept = arena_strndup(s->run, text, size);
    free(text);
    return kept;
}

struct chain *chain_new(struct session *s, const struct target *t, const struct source *src,
                        const struct chain_options *o)
{
    static const struct chain_options none;
    struct chain *c = arena_new_of(s->run, struct chain);
    if (!o)
        o = &none;
    *c = (struct chain){ .s = s,
                         .src = src,
                         .target = t,
                         .seed = o->seed ? o->seed : seed,
                         .ctx = pass_ctx_for(s, t),
                         .passes = { .reparse = true, .instead = o->instead, .n_instead = o->n_instead } };
    if (o->rules) {
        c->ctx.rules = o->rules;
        c->ctx.n_rules = o->n_rules;
    }
    if (o->hint)
        c->ctx.hint = o->hint;
    c->ctx.memory_limit = o->memory_limit;
    if (o->gradients)
        c->ctx.gradients = (struct gradients){ true, true, true, .scale = 1 };
    struct compiled k;
    c->parsed = compiled_parse(src, &(struct graph_options){ .size = o->size }, &c->ctx, NULL);
    if (!c->parsed || !compiled_passes(c->parsed, &c->ctx, &c->passes, &k) || !compiled_program(&c->ctx, &k))
        return NULL;
    c->after = k.after;
    c->program = k.program;
    if (o->change) {
        o->change(o->ctx, c->program);
        program_print(c->program);
    }
    c->text = o->change_text ? o->change_text(o->ctx, s, c->program->text) : c->program->text;
    return c;
}

/* Kernels of chain i are called g{i}_…; a text that a test changed keeps its names. */
static void make_unique(struct chain *c, size_t i)
{
    struct program *p = c->program;
    if (c->text != p->text)
        return;
    for (size_t k = 0; k < p->n_kernels; k++)
        p->kernels[k].k->name = arena_printf(p->arena, "g%zu_%s", i, p->kernels[k].k->name);
    program_print(p);
    c->text = p->text;
}

const char *chain_module(struct chain *const *chains, size_t n)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++) {
        if (n > 1)
            make_unique(chains[i], i);
        size += strlen(chains[i]->text) + 1;
    }
    char *text = arena_alloc(chains[0]->s->run, size);
    char *at = text;
    for (size_t i = 0; i < n; i++)
        at = stpcpy(stpcpy(at, chains[i]->text), "\n");
    return text;
}

bool chain_compile(struct chain *const *chains, size_t n, bool checked)
{
    struct session *s = chains[0]->s;
    const struct target *t = chains[0]->target;
    struct compiled k = { .target = t, .program = chains[0]->program };
    for (size_t i = 1; i < n && !k.program->n_kernels; i++)
        k.program = chains[i]->program;
    k.text = compiled_text(s, t, "emu", checked, chain_module(chains, n));
    if (!compiled_code(s, "emu", checked, &k))
        return false;
    for (size_t i = 0; i < n; i++) {
        chains[i]->code = k.code;
        chains[i]->checked = checked;
    }
    return true;
}

struct binding *chain_bind(struct chain *c, int64_t batch, uint64_t from)
{
    return bind_sources(
        c->s, c->parsed,
        &(struct bind_options){ .batch = c->parsed->n_dims ? batch : -1, .seed = from, .init = INIT_JUDGE });
}

bool chain_judge(struct chain *c, struct device *d, int64_t batch, int threads, struct verify_report *r)
{
    *r = (struct verify_report){ 0 };
    struct binding *b = chain_bind(c, batch, c->seed);
    struct exec *e = b ? exec_open(c->s, c->program, d, &c->code, b) : NULL;
    struct reference *ref = e ? reference_begin(c->s, c->parsed, b, &(struct judge_how){ .threads = threads }) : NULL;
    bool ok = e && verify_kernels(e, ref, NULL, r) && verify_passes(ref, c->after, &c->ctx, &c->passes, r);
    if (ref)
        reference_end(ref);
    exec_close(e);
    return ok;
}

bool chain_launch(struct chain *c, struct device *d, int64_t batch)
{
    struct binding *b = chain_bind(c, batch, seed);
    struct exec *e = b ? exec_open(c->s, c->program, d, &c->code, b) : NULL;
    bool ok = e && exec_run(e);
    exec_close(e);
    return ok;
}

bool chain_run(struct session *s, const struct target *t, const struct source *src, const struct chain_options *o,
               bool checked, int64_t batch, struct verify_report *r)
{
    struct chain *c = chain_new(s, t, src, o);
    if (!c || !chain_compile(&c, 1, checked))
        return false;
    struct device *d = emu_open(s, t, checked, 1);
    bool ok = d && chain_judge(c, d, batch, 1, r);
    if (d)
        d->ops->close(d);
    return ok;
}

/* ---- bits ---- */
static bool both_nan(const struct tensor *a, const struct tensor *b, int64_t i)
{
    return dtype_is_float(a->dtype) && isnan(tensor_get(a, i)) && isnan(tensor_get(b, i));
}

static bool compare_result(struct exec *a, struct exec *b, const struct group *gr, const struct node *n,
                           struct same_bits *out)
{
    struct arena *scratch = arena_new();
    const struct tensor *x = exec_read(a, n, scratch);
    const struct tensor *y = exec_read(b, n, scratch);
    bool ok = x && y;
    size_t size = ok ? (size_t)dtype_size(x->dtype) : 0;
    int64_t count = ok ? tensor_count(x) : 0;
    int64_t differing = 0;
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *p = (const unsigned char *)x->data + (size_t)i * size;
        const unsigned char *q = (const unsigned char *)y->data + (size_t)i * size;
        if (!memcmp(p, q, size) || both_nan(x, y, i))
            continue;
        if (!differing++ && !out->first)
            out->first = arena_printf(a->s->run, "%s of kernel %s, element %lld: %.17g and %.17g",
                                      n->name ? n->name : n->op->call.name, gr->name, (long long)i, tensor_get(x, i),
                                      tensor_get(y, i));
    }
    if (differing)
        ok = b->d->ops->copy_in(b->d, NULL, b->at[n->id], x->data, x->bytes);
    out->values += count;
    out->differing += differing;
    arena_free(scratch);
    return ok;
}

bool chain_same_bits(struct exec *a, struct exec *b, struct same_bits *out)
{
    *out = (struct same_bits){ 0 };
    for (size_t i = 0; i < a->p->g->n_groups; i++) {
        const struct group *gr = a->p->g->groups[i];
        if (!exec_forget(a, gr) || !exec_group(a, gr) || !exec_sync(a))
            return false;
        if (!exec_forget(b, gr) || !exec_group(b, gr) || !exec_sync(b))
            return false;
        out->kernels++;
        for (size_t k = 0; k < gr->n_outs; k++)
            if (!compare_result(a, b, gr, gr->outs[k], out))
                return false;
    }
    return true;
}

/* ---- verdicts ---- */
const struct kernel_verdict *chain_culprit(const struct verify_report *r)
{
    for (size_t i = 0; i < r->n_kernels; i++)
        if (!r->kernels[i].pass)
            return &r->kernels[i];
    return NULL;
}

const char *chain_wrong(struct session *s, const struct verify_report *r)
{
    const struct kernel_verdict *v = chain_culprit(r);
    if (!v)
        return r->pass_value ? arena_printf(s->run, "pass %s: %s", r->pass_failed, r->pass_value) : "";
    return arena_printf(s->run, "kernel %s: %s[%lld] is %.9g, should be %.9g within %.3g; %lld of %lld wrong",
                        v->group->name, v->worst ? v->worst->name ? v->worst->name : v->worst->op->call.name : "?",
                        (long long)v->worst_at, v->got, v->want, v->bound, (long long)v->wrong, (long long)v->elements);
}

void chains_must_pass(struct session *s, const struct target *t, const char *const *texts, int n,
                      const int64_t *batches, int n_batches)
{
    const struct chain_options backward = { .gradients = true };
    struct chain **chains = arena_array(s->run, struct chain *, n);
    for (int i = 0; i < n; i++) {
        chains[i] = chain_new(s, t, source_of_string(s, "test.graph", texts[i]), &backward);
        if (!chains[i])
            fail_msg("%s\n%s", chain_why(s, 0), texts[i]);
    }
    assert_true(chain_compile(chains, (size_t)n, true));
    struct device *d = emu_open(s, t, true, 1);
    assert_non_null(d);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n_batches; k++) {
            struct verify_report v;
            bool ran = chain_judge(chains[i], d, batches[k], 1, &v);
            if (!ran || !v.pass || !v.passes_ok)
                fail_msg("B = %lld: %s%s\n%s", (long long)batches[k], ran ? chain_wrong(s, &v) : "", chain_why(s, 0),
                         texts[i]);
        }
    d->ops->close(d);
}
