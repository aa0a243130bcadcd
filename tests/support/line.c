#include "tests/support/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/spell.h"
#include "runtime/compile.h"

static const uint64_t seed = 42;

const char *line_why(struct session *s, size_t from)
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

struct line *line_new(struct session *s, const struct target *t, const struct source *src, const struct line_options *o)
{
    static const struct line_options none;
    struct line *l = arena_new_of(s->run, struct line);
    if (!o) o = &none;
    *l = (struct line){ .s = s, .src = src, .target = t, .ctx = pass_ctx_for(s, t), .passes = { .reparse = true, .instead = o->instead, .n_instead = o->n_instead } };
    if (o->rules) l->ctx.rules = o->rules, l->ctx.n_rules = o->n_rules;
    l->parsed = graph_parse(s, src, &(struct graph_options){ .size = o->size });
    if (!l->parsed || !passes_run(l->parsed, &l->ctx, pipeline_all, NULL)) return NULL;
    l->after = graph_clone(l->parsed);
    if (!passes_run(l->after, &l->ctx, pipeline_target, &l->passes)) return NULL;
    l->program = codegen_program(s, l->after, t, l->ctx.hint);
    if (!l->program) return NULL;
    if (o->change) {
        o->change(o->ctx, l->program);
        program_print(l->program);
    }
    l->text = o->change_text ? o->change_text(o->ctx, s, l->program->text) : l->program->text;
    return l;
}

/* Kernels of line i are called g{i}_…; a text that a test changed keeps its names. */
static void make_unique(struct line *l, size_t i)
{
    struct program *p = l->program;
    if (l->text != p->text) return;
    for (size_t k = 0; k < p->n_kernels; k++) p->kernels[k].k->name = arena_printf(p->arena, "g%zu_%s", i, p->kernels[k].k->name);
    program_print(p);
    l->text = p->text;
}

const char *line_module(struct line *const *lines, size_t n)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++) {
        if (n > 1) make_unique(lines[i], i);
        size += strlen(lines[i]->text) + 1;
    }
    char *text = arena_alloc(lines[0]->s->run, size), *at = text;
    for (size_t i = 0; i < n; i++) at = stpcpy(stpcpy(at, lines[i]->text), "\n");
    return text;
}

bool line_compile(struct line *const *lines, size_t n, bool checked)
{
    struct session *s = lines[0]->s;
    const struct target *t = lines[0]->target;
    struct code code;
    const char *text = line_module(lines, n), *all = arena_printf(s->run, "%s%s", spell_prelude(s, t, checked ? SPELL_EMU_CHECKED : SPELL_EMU), text);
    if (!compile_host(s, t, all, checked, &code)) return false;
    for (size_t i = 0; i < n; i++) lines[i]->code = code, lines[i]->checked = checked;
    return true;
}

struct binding *line_bind(struct line *l, int64_t batch, uint64_t from)
{
    return bind_sources(l->s, l->parsed, &(struct bind_options){ .batch = l->parsed->n_dims ? batch : -1, .seed = from, .init = INIT_JUDGE });
}

bool line_judge(struct line *l, struct device *d, int64_t batch, int threads, struct verify_report *r)
{
    *r = (struct verify_report){ 0 };
    struct binding *b = line_bind(l, batch, seed);
    struct exec *e = b ? exec_open(l->s, l->program, d, &l->code, b) : NULL;
    bool ok = e && verify_kernels(e, l->parsed, b, threads, r) && verify_passes(l->s, l->parsed, l->after, b, &l->ctx, &l->passes, threads, r);
    exec_close(e);
    return ok;
}

bool line_launch(struct line *l, struct device *d, int64_t batch)
{
    struct binding *b = line_bind(l, batch, seed);
    struct exec *e = b ? exec_open(l->s, l->program, d, &l->code, b) : NULL;
    bool ok = e && exec_run(e);
    exec_close(e);
    return ok;
}

bool line_run(struct session *s, const struct target *t, const struct source *src, const struct line_options *o, bool checked, int64_t batch, struct verify_report *r)
{
    struct line *l = line_new(s, t, src, o);
    if (!l || !line_compile(&l, 1, checked)) return false;
    struct device *d = emu_open(s, t, checked, 1);
    bool ok = d && line_judge(l, d, batch, 1, r);
    if (d) d->ops->close(d);
    return ok;
}

/* ---- bits ---- */
static bool both_nan(const struct tensor *a, const struct tensor *b, int64_t i)
{
    return dtype_is_float(a->dtype) && isnan(tensor_get(a, i)) && isnan(tensor_get(b, i));
}

static bool compare_result(struct exec *a, struct exec *b, const struct program_launch *l, const struct node *n, struct same_bits *out)
{
    struct arena *scratch = arena_new();
    const struct tensor *x = exec_read(a, n, scratch), *y = exec_read(b, n, scratch);
    bool ok = x && y;
    size_t size = ok ? (size_t)dtype_size(x->dtype) : 0;
    int64_t count = ok ? tensor_count(x) : 0, differing = 0;
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *p = (const unsigned char *)x->data + (size_t)i * size, *q = (const unsigned char *)y->data + (size_t)i * size;
        if (!memcmp(p, q, size) || both_nan(x, y, i)) continue;
        if (!differing++ && !out->first)
            out->first = arena_printf(a->s->run, "%s of kernel %s, element %lld: %.17g and %.17g", n->name ? n->name : n->op->name, l->group->name, (long long)i,
                                      tensor_get(x, i), tensor_get(y, i));
    }
    if (differing) ok = b->d->ops->copy_in(b->d, b->at[n->id], x->data, x->bytes);
    out->values += count, out->differing += differing;
    arena_free(scratch);
    return ok;
}

bool line_same_bits(struct exec *a, struct exec *b, struct same_bits *out)
{
    *out = (struct same_bits){ 0 };
    for (size_t i = 0; i < a->p->n_launches; i++) {
        const struct program_launch *l = &a->p->launches[i];
        for (size_t k = 0; k < l->group->n_outs; k++)
            if (!exec_fill(a, l->group->outs[k], 0xff) || !exec_fill(b, l->group->outs[k], 0xff)) return false;
        if (!exec_launch(a, i) || !a->d->ops->sync(a->d) || !exec_launch(b, i) || !b->d->ops->sync(b->d)) return false;
        out->kernels++;
        for (size_t k = 0; k < l->group->n_outs; k++) if (!compare_result(a, b, l, l->group->outs[k], out)) return false;
    }
    return true;
}

/* ---- verdicts ---- */
const struct kernel_verdict *line_culprit(const struct verify_report *r)
{
    for (size_t i = 0; i < r->n_kernels; i++) if (!r->kernels[i].pass) return &r->kernels[i];
    return NULL;
}

const char *line_wrong(struct session *s, const struct verify_report *r)
{
    const struct kernel_verdict *v = line_culprit(r);
    if (!v) return r->pass_value ? arena_printf(s->run, "pass %s: %s", r->pass_failed, r->pass_value) : "";
    return arena_printf(s->run, "kernel %s: %s[%lld] is %.9g, should be %.9g within %.3g; %lld of %lld wrong", v->group->name,
                        v->worst ? v->worst->name ? v->worst->name : v->worst->op->name : "?", (long long)v->worst_at, v->got, v->want, v->bound, (long long)v->wrong,
                        (long long)v->elements);
}
