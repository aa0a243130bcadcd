#include "ir/kernel/kstmt.h"

const struct kstmt_info kstmt_table[KSTMT_COUNT] = {
#define R KUSE_READ
#define W KUSE_WRITE
#define RW (KUSE_READ | KUSE_WRITE)
#define APART (KBODY | KBODY_APART)
#define REPEAT (KBODY | KBODY_REPEAT)
#define ELSE (KBODY | KBODY_ELSE)
#define EACH (KBODY | KBODY_APART | KBODY_REPEAT)
#define KSTMT(id, name, word, mem, mem2, frag, a, b, value, collective, team, place, copy, body, binds)                \
    [KSTMT_##id] = { name,  word,       mem,          mem2,           frag,         a,    b,                           \
                     value, collective, KTEAM_##team, KPLACE_##place, KCOPY_##copy, body, binds },
#include "ir/kernel/kstmt.def"
#undef KSTMT
#undef EACH
#undef ELSE
#undef REPEAT
#undef APART
#undef RW
#undef W
#undef R
};

/* ---- questions about a kernel ---- */
static bool any_collective(struct kstmt *const *stmts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        if (kstmt_table[it->kind].collective || any_collective(it->body, it->n_body) ||
            any_collective(it->orelse, it->n_orelse))
            return true;
    }
    return false;
}

bool kernel_is_collective(const struct kernel *k) { return any_collective(k->body, k->n_body); }
bool kernel_may_start_early(const struct kernel *k) { return k->n_body && k->body[0]->kind == KSTMT_AWAIT; }

/* ---- walks ---- */
struct kwalk_step {
    const struct kexpr *x;
    int arg;
};

struct kwalk kwalk_new(struct arena *a, const struct kernel *k)
{
    return (struct kwalk){ .arena = a, .seen = arena_array(a, bool, k->n_values + 1) };
}

static int arity(const struct kexpr *x) { return x->kind == KEXPR_OP ? kop_table[x->op].arity : 0; }

void kwalk_value(struct kwalk *w, const struct kexpr *x, void (*visit)(void *ctx, const struct kexpr *x), void *ctx)
{
    size_t n = 0;
    const struct kexpr *next = x;
    do {
        if (next && !w->seen[next->id]) {
            w->seen[next->id] = true;
            *arena_push(w->arena, w->stack, n, w->cap) = (struct kwalk_step){ next, 0 };
        }
        if (!n)
            return;
        struct kwalk_step *top = &w->stack[n - 1];
        next = top->arg < arity(top->x) ? top->x->arg[top->arg++] : NULL;
        if (!next) {
            visit(ctx, top->x);
            n--;
        }
    } while (n);
}

static void visit_mask(const struct kmask *m, void (*visit)(void *ctx, const struct index *e), void *ctx)
{
    for (int i = 0; i < m->n; i++) {
        visit(ctx, m->g[i].e);
        visit(ctx, m->g[i].bound);
    }
}

void kstmt_indices(const struct kstmt *it, void (*visit)(void *ctx, const struct index *e), void *ctx)
{
    const struct index *const own[] = { it->lo, it->hi, it->step, it->row, it->col, it->index, it->index2, it->slot };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i])
            visit(ctx, own[i]);
    visit_mask(&it->mask, visit, ctx);
}

void kexpr_indices(const struct kexpr *x, void (*visit)(void *ctx, const struct index *e), void *ctx)
{
    if (x->index)
        visit(ctx, x->index);
    if (x->slot)
        visit(ctx, x->slot);
    visit_mask(&x->mask, visit, ctx);
}
