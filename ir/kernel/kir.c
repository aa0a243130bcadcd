#include "ir/kernel/kir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/fragment.h"
#include "ir/kernel/kname.h"
#include "ir/kernel/kstmt.h"

const struct kop_info kop_table[K_COUNT] = {
#define SAME KRES_SAME
#define BOOL KRES_BOOL
#define I32 KRES_I32
#define ATTR KRES_ATTR
#define KOP(id, ...) [K_##id] = { __VA_ARGS__ },
#include "ir/kernel/kop.def"
#undef KOP
#undef SAME
#undef BOOL
#undef ATTR
#undef I32
};

const struct kacc_info kacc_table[KACC_COUNT] = {
    [KACC_SUM] = { "sum", K_ADD, 0 },
    [KACC_MAX] = { "max", K_MAX, -INFINITY },
    [KACC_MIN] = { "min", K_MIN, INFINITY },
    [KACC_PROD] = { "prod", K_MUL, 1 },
};

/* ---- layouts ---- */
static int row_stride(enum klayout l, int cols)
{
    switch (l) {
    case KL_ROWS: return cols;
    case KL_PAD8: return cols + 8;
    case KL_PAD4: return cols + 4;
    }
    BUG("layout %d", l);
}

int64_t kl_size(enum klayout l, int rows, int cols) { return (int64_t)rows * row_stride(l, cols); }

const struct index *kl_index(struct index_table *t, enum klayout l, int cols, const struct index *r,
                             const struct index *c)
{
    return index_add(t, index_mulk(t, r, row_stride(l, cols)), c);
}

/* ---- the kernel and its declarations ---- */
/* Grid limits of CUDA (CUDA C++ Programming Guide, table of compute capabilities). Those of HIP are no smaller. */
enum { GRID_X_MAX = 2147483647, GRID_YZ_MAX = 65535 };

struct kernel *kernel_new(struct session *s, struct arena *a, const char *name, const struct target *t, int block)
{
    BUG_IF(block < 1, "kernel %s with a block of %d", name, block);
    struct kernel *k = arena_new_of(a, struct kernel);
    *k = (struct kernel){ .s = s, .arena = a, .name = arena_strdup(a, name), .target = t, .block = block };
    k->tid = index_var(s->indices, "tid", 0, block - 1, block > 1 ? UNIFORM_THREAD : UNIFORM_BLOCK);
    k->lane = index_var(s->indices, "lane", 0, (block < t->wave ? block : t->wave) - 1,
                        block > 1 ? UNIFORM_THREAD : UNIFORM_BLOCK);
    k->wave_id =
        index_var(s->indices, "wave", 0, (block - 1) / t->wave, block > t->wave ? UNIFORM_WAVE : UNIFORM_BLOCK);
    static const char *const names[3] = { "bx", "by", "bz" };
    for (int i = 0; i < 3; i++) {
        k->bid[i] = index_var(s->indices, names[i], 0, (i ? GRID_YZ_MAX : GRID_X_MAX) - 1, UNIFORM_BLOCK);
        k->grid[i] = index_const(s->indices, 1);
    }
    return k;
}

static bool name_taken(const struct kernel *k, const char *name)
{
    for (size_t i = 0; i < k->n_args; i++)
        if (!strcmp(k->args[i]->name, name))
            return true;
    for (size_t i = 0; i < k->n_shared; i++)
        if (!strcmp(k->shared[i]->name, name))
            return true;
    for (size_t i = 0; i < k->n_priv; i++)
        if (!strcmp(k->priv[i]->name, name))
            return true;
    for (size_t i = 0; i < k->n_frags; i++)
        if (!strcmp(k->frags[i]->name, name))
            return true;
    return false;
}

static const char *unused_name(const struct kernel *k, const char *wanted)
{
    const char *base = kname_clean(k->arena, wanted);
    const char *name = base;
    for (int i = 2; name_taken(k, name); i++)
        name = arena_printf(k->arena, "%s_%d", base, i);
    return name;
}

static struct kmem *mem_new(struct kernel *k, enum kspace space, const char *name, enum dtype t,
                            const struct index *count)
{
    BUG_IF(!dtype_size(t), "memory %s of type %s", name, dtype_name(t));
    struct kmem *m = arena_new_of(k->arena, struct kmem);
    *m = (struct kmem){ .space = space, .name = unused_name(k, name), .dtype = t, .count = count, .slots = 1 };
    return m;
}

struct kmem *kernel_arg(struct kernel *k, const char *name, enum dtype t, const struct index *count,
                        const struct node *node)
{
    struct kmem *m = mem_new(k, KS_ARG, name, t, count);
    m->node = node;
    return *arena_push(k->arena, k->args, k->n_args, k->cap_args) = m;
}

struct kmem *kernel_shared(struct kernel *k, const char *name, enum dtype t, int slots, enum klayout l, int rows,
                           int cols)
{
    BUG_IF(slots < 1 || rows < 1 || cols < 1, "shared %s: %d slots of %d x %d", name, slots, rows, cols);
    struct kmem *m = mem_new(k, KS_SHARED, name, t, index_const(k->s->indices, kl_size(l, rows, cols)));
    m->slots = slots;
    m->layout = l;
    m->rows = rows;
    m->cols = cols;
    return *arena_push(k->arena, k->shared, k->n_shared, k->cap_shared) = m;
}

struct kmem *kernel_private(struct kernel *k, const char *name, enum dtype t, int count)
{
    BUG_IF(count < 1, "private %s of %d elements", name, count);
    struct kmem *m = mem_new(k, KS_PRIVATE, name, t, index_const(k->s->indices, count));
    return *arena_push(k->arena, k->priv, k->n_priv, k->cap_priv) = m;
}

struct kfrag *kernel_frag(struct kernel *k, const char *name, enum kfrag_role role, int rows, int cols)
{
    BUG_IF(!k->target->matrix, "a fragment for %s, which has no matrix unit", k->target->name);
    struct kfrag *f = arena_new_of(k->arena, struct kfrag);
    *f = (struct kfrag){ unused_name(k, name), role, k->target->matrix, rows, cols };
    return *arena_push(k->arena, k->frags, k->n_frags, k->cap_frags) = f;
}

void kernel_sum(struct kernel *k, const struct node *n, struct sum_level level)
{
    if (!n || dtype_is_float(n->type.dtype))
        *arena_push(k->arena, k->sums, k->n_sums, k->cap_sums) = (struct ksum){ n, level };
}

/* ---- kernel_finish ---- */
static void add_dims(void *ctx, const struct index *e)
{
    struct kernel *k = ctx;
    if (e->kind == INDEX_SYM) {
        for (size_t i = 0; i < k->n_dims; i++)
            if (k->dims[i].sym == e)
                return;
        *arena_push(k->arena, k->dims, k->n_dims, k->cap_dims) = (struct karg){ e->name, e };
    }
    if (e->a) {
        add_dims(k, e->a);
        add_dims(k, e->b);
    }
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            add_dims(k, e->terms[i].atom[j]);
}

struct finish {
    struct kernel *k;
    struct kwalk walk;
};

static void mark_use(const struct kmem *m, int use)
{
    ((struct kmem *)m)->read |= (use & KUSE_READ) != 0;
    ((struct kmem *)m)->written |= (use & KUSE_WRITE) != 0;
}

static void finish_value(void *ctx, const struct kexpr *x)
{
    struct finish *f = ctx;
    if (x->kind == KEXPR_LOAD)
        mark_use(x->mem, KUSE_READ);
    kexpr_indices(x, add_dims, f->k);
}

static void finish_stmts(struct finish *f, struct kstmt *const *stmts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        if (it->mem)
            mark_use(it->mem, kstmt_table[it->kind].mem);
        if (it->mem2)
            mark_use(it->mem2, kstmt_table[it->kind].mem2);
        kstmt_indices(it, add_dims, f->k);
        if (it->value)
            kwalk_value(&f->walk, it->value, finish_value, f);
        finish_stmts(f, it->body, it->n_body);
        finish_stmts(f, it->orelse, it->n_orelse);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct karg *)a)->sym->name, ((const struct karg *)b)->sym->name);
}

/* Gives each dim a C name. If a buffer is named `n`, the dim `n` becomes `n_2`. */
static void name_dims(struct kernel *k)
{
    for (size_t i = 0; i < k->n_dims; i++) {
        const char *base = kname_clean(k->arena, k->dims[i].sym->name);
        const char *name = base;
        for (int n = 2;; n++) {
            bool taken = name_taken(k, name);
            for (size_t j = 0; j < i; j++)
                taken |= !strcmp(k->dims[j].name, name);
            if (!taken)
                break;
            name = arena_printf(k->arena, "%s_%d", base, n);
        }
        k->dims[i].name = name;
    }
}

void kernel_finish(struct kernel *k)
{
    k->shared_bytes = kshared_place(k);
    k->n_dims = 0;
    for (size_t i = 0; i < k->n_args; i++)
        k->args[i]->read = k->args[i]->written = false;
    struct finish f = { k, kwalk_new(k->arena, k) };
    finish_stmts(&f, k->body, k->n_body);
    if (k->n_dims)
        qsort(k->dims, k->n_dims, sizeof *k->dims, by_name);
    name_dims(k);
}

/* ---- insertion points ---- */
struct kbuild kb_at(struct kernel *k)
{
    return (struct kbuild){ k, k->arena, k->s->indices, &k->body, &k->n_body, &k->cap_body, k->loc, NULL };
}

struct kbuild kb_in(const struct kbuild *b, struct kstmt *stmt)
{
    return (struct kbuild){ b->k,          b->arena,        b->indices, &stmt->body,
                            &stmt->n_body, &stmt->cap_body, stmt->loc,  stmt->kind == KSTMT_EACH ? stmt : b->each };
}

struct kbuild kb_else(const struct kbuild *b, struct kstmt *stmt)
{
    return (struct kbuild){ b->k,      b->arena, b->indices, &stmt->orelse, &stmt->n_orelse, &stmt->cap_orelse,
                            stmt->loc, b->each };
}

static struct kstmt *stmt_new(struct kbuild *b, enum kstmt_kind kind)
{
    struct kstmt *it = arena_new_of(b->arena, struct kstmt);
    it->kind = kind;
    it->loc = b->loc;
    it->id = b->k->n_stmts++;
    return *arena_push(b->arena, *b->list, *b->n, *b->cap) = it;
}

/* ---- values ---- */
static struct kexpr *kexpr_new(struct kbuild *b, enum kexpr_kind kind, enum dtype type, enum uniform u)
{
    struct kexpr *x = arena_new_of(b->arena, struct kexpr);
    x->kind = kind;
    x->type = type;
    x->uniform = u;
    x->id = b->k->n_values++;
    return x;
}

static const struct kexpr *const_float(struct kbuild *b, enum dtype t, double v)
{
    struct kexpr *x = kexpr_new(b, KEXPR_CONST, t, UNIFORM_GRID);
    x->f = v;
    return x;
}

static const struct kexpr *const_int(struct kbuild *b, enum dtype t, int64_t v)
{
    struct kexpr *x = kexpr_new(b, KEXPR_CONST, t, UNIFORM_GRID);
    x->i = v;
    return x;
}

const struct kexpr *kexpr_f32(struct kbuild *b, double v) { return const_float(b, DT_F32, v); }
const struct kexpr *kexpr_f64(struct kbuild *b, double v) { return const_float(b, DT_F64, v); }
const struct kexpr *kexpr_i64(struct kbuild *b, int64_t v) { return const_int(b, DT_I64, v); }
const struct kexpr *kexpr_bool(struct kbuild *b, bool v) { return const_int(b, DT_BOOL, v); }

const struct kexpr *kexpr_i32(struct kbuild *b, int64_t v)
{
    BUG_IF(v < INT32_MIN || v > INT32_MAX, "i32 constant %lld", (long long)v);
    return const_int(b, DT_I32, v);
}

const struct kexpr *kexpr_const(struct kbuild *b, enum dtype t, double v)
{
    switch (t) {
    case DT_F16:
    case DT_BF16:
    case DT_F32: return kexpr_f32(b, v);
    case DT_F64: return kexpr_f64(b, v);
    case DT_I32: return kexpr_i32(b, (int64_t)v);
    case DT_I64: return kexpr_i64(b, (int64_t)v);
    case DT_BOOL: return kexpr_bool(b, v != 0);
    default: BUG("constant of type %s", dtype_name(t));
    }
}

const struct kexpr *kexpr_index(struct kbuild *b, enum dtype t, const struct index *e)
{
    BUG_IF(t != DT_I32 && t != DT_I64, "index as a value of type %s", dtype_name(t));
    int64_t v;
    if (index_const_value(e, &v))
        return t == DT_I32 ? kexpr_i32(b, v) : kexpr_i64(b, v);
    struct kexpr *x = kexpr_new(b, KEXPR_INDEX, t, e->uniform);
    x->index = e;
    return x;
}

enum dtype kexpr_value_type(enum dtype storage) { return storage == DT_F16 || storage == DT_BF16 ? DT_F32 : storage; }

void kguard_open(struct index_table *t, const struct kguard *g, bool *lower, bool *upper)
{
    *lower = g->e->lo < 0;
    *upper = !index_less(t, g->e, g->bound);
}

/* Returns the mask without the conditions that are provably true. */
static struct kmask mask_open(struct index_table *t, const struct kmask *m)
{
    struct kmask out = { 0 };
    for (int i = 0; m && i < m->n; i++) {
        bool lower, upper;
        kguard_open(t, &m->g[i], &lower, &upper);
        if (lower || upper)
            out.g[out.n++] = m->g[i];
    }
    return out;
}

static enum uniform less_uniform(enum uniform a, enum uniform b) { return a > b ? a : b; }

static enum uniform mask_uniform(const struct kmask *m)
{
    enum uniform u = UNIFORM_GRID;
    for (int i = 0; i < m->n; i++)
        u = less_uniform(u, less_uniform(m->g[i].e->uniform, m->g[i].bound->uniform));
    return u;
}

const struct kexpr *kexpr_load(struct kbuild *b, const struct kmem *m, const struct index *slot,
                               const struct index *index, const struct kmask *mask, double fill)
{
    struct kexpr *x = kexpr_new(b, KEXPR_LOAD, kexpr_value_type(m->dtype), UNIFORM_THREAD);
    x->mem = m;
    x->slot = slot;
    x->index = index;
    x->mask = mask_open(b->indices, mask);
    x->f = x->mask.n ? fill : 0;
    if (m->space != KS_PRIVATE) {
        x->uniform = less_uniform(index->uniform, mask_uniform(&x->mask));
        if (slot)
            x->uniform = less_uniform(x->uniform, slot->uniform);
        if (m->space == KS_SHARED)
            x->uniform = less_uniform(x->uniform, UNIFORM_BLOCK);
    }
    return x;
}

static bool is_number(enum dtype t) { return t == DT_F32 || t == DT_F64 || t == DT_I32 || t == DT_I64; }
static bool is_float(enum dtype t) { return t == DT_F32 || t == DT_F64; }
static bool is_int(enum dtype t) { return t == DT_I32 || t == DT_I64; }

const char *kexpr_op_wrong(enum kop op, const enum dtype *t, enum dtype to)
{
    for (int i = 1; i < kop_table[op].arity; i++)
        if (op != K_SELECT && t[i] != t[0])
            return "operands of different types";
    switch (op) {
    case K_REM:
    case K_FLOORDIV:
    case K_MOD: return is_int(t[0]) ? NULL : "takes integers";
    case K_FMA:
    case K_SQRT:
    case K_RINT:
    case K_FLOOR: return is_float(t[0]) ? NULL : "takes f32 or f64";
    case K_EQ:
    case K_NE: return NULL;
    case K_AND:
    case K_OR:
    case K_NOT: return t[0] == DT_BOOL ? NULL : "takes bool";
    case K_SELECT:
        return t[0] != DT_BOOL ? "takes a bool first" : t[1] != t[2] ? "has two results of different types" : NULL;
    case K_CAST: return is_number(to) || to == DT_BOOL ? NULL : "makes f32, f64, i32, i64 or bool";
    case K_ORDER:
    case K_ROUND16:
    case K_ROUNDB16: return t[0] == DT_F32 ? NULL : "takes f32";
    case K_READ: return NULL;
    default: break;
    }
    if (kop_table[op].is_fn)
        return t[0] == DT_F32 ? NULL : "takes f32";
    return is_number(t[0]) ? NULL : "takes numbers";
}

static struct kexpr *op_new(struct kbuild *b, enum kop op, enum dtype to, const struct kexpr *x, const struct kexpr *y,
                            const struct kexpr *z)
{
    const struct kexpr *arg[3] = { x, y, z };
    enum dtype t[3] = { DT_F32, DT_F32, DT_F32 };
    enum uniform u = UNIFORM_GRID;
    for (int i = 0; i < 3; i++) {
        BUG_IF((i < kop_table[op].arity) != (arg[i] != NULL), "%s with a wrong number of operands", kop_table[op].name);
        if (arg[i]) {
            t[i] = arg[i]->type;
            u = less_uniform(u, arg[i]->uniform);
        }
    }
    const char *wrong = kexpr_op_wrong(op, t, to);
    BUG_IF(wrong, "%s of %s %s %s: %s", kop_table[op].name, dtype_name(t[0]), dtype_name(t[1]), dtype_name(t[2]),
           wrong);
    const struct kop_info *info = &kop_table[op];
    enum dtype result = op == K_SELECT              ? t[1]
                        : info->result == KRES_SAME ? t[0]
                        : info->result == KRES_BOOL ? DT_BOOL
                        : info->result == KRES_I32  ? DT_I32
                                                    : to;
    struct kexpr *n = kexpr_new(b, KEXPR_OP, result, u);
    n->op = op;
    memcpy(n->arg, arg, sizeof n->arg);
    return n;
}

const struct kexpr *kexpr_op(struct kbuild *b, enum kop op, const struct kexpr *x, const struct kexpr *y,
                             const struct kexpr *z)
{
    BUG_IF(op == K_CAST || op == K_READ, "%s has its own maker", kop_table[op].name);
    return op_new(b, op, DT_F32, x, y, z);
}

const struct kexpr *kexpr_cast(struct kbuild *b, enum dtype to, const struct kexpr *x)
{
    return x->type == to ? x : op_new(b, K_CAST, to, x, NULL, NULL);
}

const struct kexpr *kexpr_round(struct kbuild *b, enum dtype to, const struct kexpr *x)
{
    BUG_IF(x->type != DT_F32, "rounding a value of type %s to %s", dtype_name(x->type), dtype_name(to));
    return to == DT_F16 ? kexpr_op1(b, K_ROUND16, x) : to == DT_BF16 ? kexpr_op1(b, K_ROUNDB16, x) : x;
}

const struct kexpr *kexpr_frag(struct kbuild *b) { return kexpr_new(b, KEXPR_FRAG, DT_F32, UNIFORM_THREAD); }

const struct index *kb_row_slot(struct kbuild *b)
{
    BUG_IF(!b->each, "the slot of a row outside of an each");
    if (!b->each->var3)
        b->each->var3 = index_var(b->indices, "slot", 0, frag_rows(b->each->frag) - 1, UNIFORM_THREAD);
    return b->each->var3;
}

const struct index *kb_col_slot(struct kbuild *b)
{
    kb_row_slot(b); /* the text `each f (row, col, slot, col_slot)` has no col_slot without slot */
    if (!b->each->var4)
        b->each->var4 = index_var(b->indices, "col_slot", 0, frag_cols(b->each->frag) - 1, UNIFORM_THREAD);
    return b->each->var4;
}

const struct kexpr *kexpr_row_of(struct kbuild *b, const struct kmem *m)
{
    return kexpr_load(b, m, NULL, kb_row_slot(b), NULL, 0);
}

/* ---- statements ---- */
const struct kexpr *kstmt_let(struct kbuild *b, const struct kexpr *value)
{
    struct kstmt *it = stmt_new(b, KSTMT_LET);
    struct kexpr *read = op_new(b, K_READ, value->type, NULL, NULL, NULL);
    read->uniform = value->uniform;
    it->value = value;
    return it->read = read;
}

const struct index *kstmt_let_index(struct kbuild *b, const char *name, const struct kexpr *value, int64_t lo,
                                    int64_t hi)
{
    BUG_IF(!is_int(value->type), "index variable %s of type %s", name, dtype_name(value->type));
    struct kstmt *it = stmt_new(b, KSTMT_LET);
    it->value = value;
    return it->var = index_var(b->indices, name, lo, hi, value->uniform);
}

struct kstmt *kstmt_region(struct kbuild *b) { return stmt_new(b, KSTMT_REGION); }

void kstmt_store(struct kbuild *b, const struct kmem *m, const struct index *slot, const struct index *index,
                 const struct kexpr *value, const struct kmask *mask)
{
    struct kstmt *it = stmt_new(b, KSTMT_STORE);
    it->mem = m;
    it->slot = slot;
    it->index = index;
    it->value = value;
    it->mask = mask_open(b->indices, mask);
}

void kstmt_load_vector(struct kbuild *b, const struct kmem *dst, const struct index *at, const struct kmem *src,
                       const struct index *slot, const struct index *index, int elems, const struct kmask *mask,
                       double fill)
{
    struct kmask open = mask_open(b->indices, mask);
    const struct kexpr *otherwise = kexpr_const(b, kexpr_value_type(src->dtype), open.n ? fill : 0);
    struct kstmt *it = stmt_new(b, KSTMT_LOAD_VECTOR);
    it->mem = dst;
    it->index = at;
    it->mem2 = src;
    it->slot = slot;
    it->index2 = index;
    it->elems = elems;
    it->mask = open;
    it->value = otherwise;
}

void kstmt_store_vector(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                        const struct kmem *src, const struct index *at, int elems, const struct kmask *mask)
{
    struct kstmt *it = stmt_new(b, KSTMT_STORE_VECTOR);
    it->mem = dst;
    it->slot = slot;
    it->index = index;
    it->mem2 = src;
    it->index2 = at;
    it->elems = elems;
    it->mask = mask_open(b->indices, mask);
}

void kstmt_accumulate(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op,
                      const struct kexpr *value, bool fma)
{
    struct kstmt *it = stmt_new(b, KSTMT_ACCUMULATE);
    it->mem = m;
    it->index = index;
    it->acc = op;
    it->acc_type = kexpr_value_type(m->dtype);
    it->value = value;
    it->fma = fma;
}

void kstmt_join(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op,
                const struct kexpr *total)
{
    kstmt_accumulate(b, m, index, op, total, false);
    (*b->list)[*b->n - 1]->join = true;
}

void kstmt_combine(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op, int span)
{
    kstmt_combine_from(b, m, index, op, 1, span);
}

void kstmt_combine_from(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op, int first,
                        int span)
{
    struct kstmt *it = stmt_new(b, KSTMT_COMBINE);
    it->mem = m;
    it->index = index;
    it->acc = op;
    it->acc_type = kexpr_value_type(m->dtype);
    it->first = first;
    it->span = span;
}

struct kstmt *kstmt_for(struct kbuild *b, const char *name, const struct index *lo, const struct index *hi,
                        int64_t step, bool unroll)
{
    BUG_IF(step < 1, "loop %s with step %lld", name, (long long)step);
    struct kstmt *it = stmt_new(b, KSTMT_FOR);
    int64_t last = hi->hi >= INDEX_INF ? INDEX_INF : hi->hi - 1;
    it->var =
        index_var(b->indices, name, lo->lo, last < lo->lo ? lo->lo : last, less_uniform(lo->uniform, hi->uniform));
    it->lo = lo;
    it->hi = hi;
    it->step = index_const(b->indices, step);
    it->unroll = unroll;
    return it;
}

struct kstmt *kstmt_if(struct kbuild *b, const struct kmask *mask)
{
    struct kstmt *it = stmt_new(b, KSTMT_IF);
    it->mask = *mask;
    return it;
}

void kstmt_issue(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                 const struct kmem *src, const struct index *src_index, int elems, int stage, const struct kmask *mask)
{
    struct kstmt *it = stmt_new(b, KSTMT_ISSUE);
    it->mem = dst;
    it->slot = slot;
    it->index = index;
    it->mem2 = src;
    it->index2 = src_index;
    it->elems = elems;
    it->stage = stage;
    it->mask = mask_open(b->indices, mask);
}

void kstmt_land(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                int elems, int stage)
{
    struct kstmt *it = stmt_new(b, KSTMT_LAND);
    it->mem = dst;
    it->slot = slot;
    it->index = index;
    it->elems = elems;
    it->stage = stage;
}

void kstmt_commit(struct kbuild *b) { stmt_new(b, KSTMT_COMMIT); }

void kstmt_await(struct kbuild *b) { stmt_new(b, KSTMT_AWAIT); }

void kstmt_barrier(struct kbuild *b, enum kscope scope, int pending)
{
    struct kstmt *it = stmt_new(b, KSTMT_BARRIER);
    it->scope = scope;
    it->pending = pending;
}

void kstmt_frag_fill(struct kbuild *b, struct kfrag *f, double value)
{
    const struct kexpr *v = kexpr_f32(b, value);
    struct kstmt *it = stmt_new(b, KSTMT_FRAG_FILL);
    it->frag = f;
    it->value = v;
}

void kstmt_frag_load(struct kbuild *b, struct kfrag *f, const struct kmem *m, const struct index *slot,
                     const struct index *row, const struct index *col, bool transposed)
{
    struct kstmt *it = stmt_new(b, KSTMT_FRAG_LOAD);
    it->frag = f;
    it->mem = m;
    it->slot = slot;
    it->row = row;
    it->col = col;
    it->transposed = transposed;
}

void kstmt_mma(struct kbuild *b, struct kfrag *c, struct kfrag *a_, struct kfrag *b_)
{
    struct kstmt *it = stmt_new(b, KSTMT_MMA);
    it->frag = c;
    it->frag_a = a_;
    it->frag_b = b_;
}

struct kstmt *kstmt_each(struct kbuild *b, struct kfrag *c, const struct index *row0, const struct index *col0)
{
    struct kstmt *it = stmt_new(b, KSTMT_EACH);
    it->frag = c;
    it->row = row0;
    it->col = col0;
    const struct index *row = index_addk(b->indices, row0, (int64_t)c->rows * c->unit->m - 1);
    const struct index *col = index_addk(b->indices, col0, (int64_t)c->cols * c->unit->n - 1);
    it->var = index_var(b->indices, "row", row0->lo, row->hi, UNIFORM_THREAD);
    it->var2 = index_var(b->indices, "col", col0->lo, col->hi, UNIFORM_THREAD);
    return it;
}

void kstmt_frag_set(struct kbuild *b, const struct kexpr *value)
{
    struct kstmt *it = stmt_new(b, KSTMT_FRAG_SET);
    it->frag = b->each ? b->each->frag : NULL;
    it->value = value;
}

int frag_rows(const struct kfrag *c) { return c->rows * frag_row_slots(c->unit); }
int frag_cols(const struct kfrag *c) { return c->cols * frag_col_slots(c->unit); }

void kstmt_frag_reduce(struct kbuild *b, const struct kmem *dst, enum kacc op, struct kfrag *c)
{
    const struct kexpr *first = kexpr_f32(b, kacc_table[op].neutral);
    struct kstmt *it = stmt_new(b, KSTMT_FRAG_REDUCE);
    it->mem = dst;
    it->acc = op;
    it->acc_type = DT_F32;
    it->frag = c;
    it->value = first;
}

void kstmt_frag_cast(struct kbuild *b, struct kfrag *a_, struct kfrag *c, const struct index *step)
{
    struct kstmt *it = stmt_new(b, KSTMT_FRAG_CAST);
    it->frag = a_;
    it->frag_a = c;
    it->index = step;
}
