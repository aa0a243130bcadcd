/* The kernel text: a head of declarations, then statements.

   kernel  = "kernel" NAME "for" TARGET "block" INT [ origin ] [ "about" STRING ] { decl } "{" { statement } "}"
   origin  = "at" STRING ":" INT                                  the .graph line that it comes from
   decl    = "dims" NAME { "," NAME }
           | "arg" NAME ":" TYPE "[" ix "]" [ "in" | "out" | "inout" ]
           | "grid" ix "," ix "," ix
           | "shared" NAME ":" TYPE "[" SLOTS "]" "[" ROWS "," COLS "]" ( "rows" | "pad8" | "pad4" )
           | "private" NAME ":" TYPE "[" INT "]"
           | "frag" NAME ":" ( "A" | "B" | "C" ) "[" INT "," INT "]"
           | "sum" "block" INT "chain" ix "depth" INT [ "unit" INT ]       a level of a summation tree
   statement    = "region" [ origin ] "{" { statement } "}"
           | TEMPORARY ":=" value
           | "let" NAME [ "in" INT ".." INT ] "=" value           with a range, inclusive: an index variable
           | ref "=" value [ "mask" guards ]
           | ref ( "+=" | "max" "=" | "min" "=" | "fma" "=" ) value      fma: the value is a product
           | ref "join" ( "+=" | "max" "=" | "min" "=" ) value           the value is a total of terms
           | "vector" ref "=" ref "by" INT "where" guards "else" number                          a load
           | "vector" ref "=" ref "by" INT [ "mask" guards ]                 a store, or a load without a mask
           | "combine" ( "sum" | "max" | "min" ) ref "over" INT [ "from" INT ]
           | "for" NAME "in" ix ".." ix [ "step" INT ] [ "unroll" ] "{" { statement } "}"       upper end exclusive
           | "if" guards "{" { statement } "}" [ "else" "{" { statement } "}" ]
           | "issue" INT ":" ref "from" ref "by" INT [ "mask" guards ]
           | "land" INT ":" ref "by" INT
           | "commit"
           | "await"
           | "barrier" ( "block" | "wave" ) [ "wait" INT ]
           | "fill" FRAG "=" number
           | "frag" FRAG "=" MEMORY [ "[" ix "]" ] "(" ix "," ix ")" [ "transposed" ]
           | "frag" FRAG "=" FRAG "[" ix "]"                      results (C) as an operand (A), at step ix along k
           | "mma" FRAG "+=" FRAG "*" FRAG
           | "each" FRAG "(" NAME "," NAME [ "," NAME [ "," NAME ] ] ")" "from" "(" ix "," ix ")" "{" { statement } "}"
               the names of row, column, row's slot and column's slot
           | "elem" "=" value                                     in an each
           | "reduce" ( "sum" | "max" | "min" ) MEMORY "=" FRAG
   ref   = MEMORY subscript
   ix, value, guards, subscript: ir/kernel/kir_parse_value.c */
#include "ir/kernel/kir_parse.h"

#include <string.h>

#include "ir/kernel/kname.h"
#include "ir/kernel/kstmt.h"

/* ---- declarations ---- */
static enum dtype storage_type(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    enum dtype t = DT_F32;
    const char *name = klex_name(&p->l, "a type");
    if (!p->l.failed && (!dtype_parse(name, &t) || !dtype_size(t)))
        klex_error(&p->l, loc, "'%s' is not a type of memory", name);
    return p->l.failed ? DT_F32 : t;
}

static struct loc origin(struct kparse *p, struct loc otherwise)
{
    if (!klex_take_word(&p->l, "at"))
        return otherwise;
    struct source *src = arena_new_of(p->b.arena, struct source);
    src->name = klex_string(&p->l, "a file");
    src->text = "";
    klex_expect(&p->l, ':');
    return (struct loc){ src, (int)klex_int(&p->l, "a line", 1, INT32_MAX), 1, 0 };
}

static const char *declared(struct kparse *p, const char *what)
{
    struct loc loc = p->l.cur.loc;
    const char *name = klex_name(&p->l, what);
    const struct kernel *k = p->k;
    bool taken = false;
    for (size_t i = 0; i < k->n_args; i++)
        taken |= !strcmp(k->args[i]->name, name);
    for (size_t i = 0; i < k->n_shared; i++)
        taken |= !strcmp(k->shared[i]->name, name);
    for (size_t i = 0; i < k->n_priv; i++)
        taken |= !strcmp(k->priv[i]->name, name);
    for (size_t i = 0; i < k->n_frags; i++)
        taken |= !strcmp(k->frags[i]->name, name);
    if (taken)
        klex_error(&p->l, loc, "there are two '%s'", name);
    else if (!p->l.failed && strcmp(kname_clean(p->b.arena, name), name))
        klex_error(&p->l, loc, "'%s' is reserved", name);
    return name;
}

static void dims(struct kparse *p)
{
    do {
        const char *name = klex_name(&p->l, "a dim");
        kparse_bind(p, name, index_sym(p->b.indices, name), NULL);
    } while (klex_take(&p->l, ','));
}

struct use {
    const struct kmem *m;
    const char *word;
    struct loc loc;
};
struct uses {
    struct use *at;
    size_t n, cap;
};

static void arg(struct kparse *p, struct uses *uses)
{
    const char *name = declared(p, "an argument's name");
    klex_expect(&p->l, ':');
    enum dtype t = storage_type(p);
    klex_expect(&p->l, '[');
    const struct index *count = kparse_index(p);
    klex_expect(&p->l, ']');
    if (p->l.failed)
        return;
    const struct kmem *m = kernel_arg(p->k, name, t, count, NULL);
    struct loc loc = p->l.cur.loc;
    const char *word = klex_is_word(&p->l, "in")      ? "in"
                       : klex_is_word(&p->l, "out")   ? "out"
                       : klex_is_word(&p->l, "inout") ? "inout"
                                                      : NULL;
    if (!word)
        return;
    klex_next(&p->l);
    *arena_push(p->b.arena, uses->at, uses->n, uses->cap) = (struct use){ m, word, loc };
}

static void shared(struct kparse *p)
{
    enum { SIDE = 1 << 20 };
    const char *name = declared(p, "a shared memory's name");
    klex_expect(&p->l, ':');
    enum dtype t = storage_type(p);
    klex_expect(&p->l, '[');
    int slots = (int)klex_int(&p->l, "the number of slots", 1, 64);
    klex_expect(&p->l, ']');
    klex_expect(&p->l, '[');
    int rows = (int)klex_int(&p->l, "the number of rows", 1, SIDE);
    klex_expect(&p->l, ',');
    int cols = (int)klex_int(&p->l, "the number of columns", 1, SIDE);
    klex_expect(&p->l, ']');
    struct loc loc = p->l.cur.loc;
    const char *word = klex_name(&p->l, "a layout, 'rows', 'pad8' or 'pad4'");
    enum klayout layout = !strcmp(word, "pad8") ? KL_PAD8 : !strcmp(word, "pad4") ? KL_PAD4 : KL_ROWS;
    if (layout == KL_ROWS && strcmp(word, "rows"))
        klex_error(&p->l, loc, "there is no layout '%s'", word);
    if (kl_size(KL_PAD8, rows, cols) * slots > SIDE)
        klex_error(&p->l, loc, "shared memory %s is too large", name);
    if (!p->l.failed)
        kernel_shared(p->k, name, t, slots, layout, rows, cols);
}

static void private_memory(struct kparse *p)
{
    const char *name = declared(p, "a private memory's name");
    klex_expect(&p->l, ':');
    enum dtype t = storage_type(p);
    klex_expect(&p->l, '[');
    int count = (int)klex_int(&p->l, "the number of elements", 1, 4096);
    klex_expect(&p->l, ']');
    if (!p->l.failed)
        kernel_private(p->k, name, t, count);
}

static void frag(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    const char *name = declared(p, "a fragment's name");
    klex_expect(&p->l, ':');
    const char *role = klex_name(&p->l, "A, B or C");
    if (strlen(role) != 1 || role[0] < 'A' || role[0] > 'C')
        klex_error(&p->l, loc, "a fragment is of A, B or C, not '%s'", role);
    klex_expect(&p->l, '[');
    int rows = (int)klex_int(&p->l, "the rows of fragments", 1, 64);
    klex_expect(&p->l, ',');
    int cols = (int)klex_int(&p->l, "the columns of fragments", 1, 64);
    klex_expect(&p->l, ']');
    if (!p->k->target->matrix)
        klex_error(&p->l, loc, "%s has no matrix unit", p->k->target->name);
    if (!p->l.failed)
        kernel_frag(p->k, name, role[0] == 'A' ? KF_A : role[0] == 'B' ? KF_B : KF_C, rows, cols);
}

static void sum(struct kparse *p)
{
    struct sum_level r = { 0 };
    klex_expect_word(&p->l, "block");
    r.block = klex_int(&p->l, "the terms of a block", 1, 1 << 20);
    klex_expect_word(&p->l, "chain");
    struct loc loc = p->l.cur.loc;
    const struct index *chain = kparse_index(p);
    if (!index_const_value(chain, &r.chain))
        r.chain_of = chain;
    else if (r.chain < 0)
        klex_error(&p->l, loc, "a chain of %lld blocks", (long long)r.chain);
    klex_expect_word(&p->l, "depth");
    r.depth = (int)klex_int(&p->l, "the depth", 0, 1 << 20);
    loc = p->l.cur.loc;
    if (klex_take_word(&p->l, "unit")) {
        r.unit_k = (int)klex_int(&p->l, "the unit's k", 1, 1 << 10);
        if (!p->k->target->matrix)
            klex_error(&p->l, loc, "%s has no matrix unit", p->k->target->name);
        else
            r.unit = &p->k->target->matrix->model;
    }
    if (!p->l.failed)
        kernel_sum(p->k, NULL, r);
}

static void declarations(struct kparse *p, struct uses *uses)
{
    while (!p->l.failed && !klex_is(&p->l, '{')) {
        struct loc loc = p->l.cur.loc;
        const char *word = klex_name(&p->l, "a declaration or '{'");
        if (!strcmp(word, "dims"))
            dims(p);
        else if (!strcmp(word, "arg"))
            arg(p, uses);
        else if (!strcmp(word, "shared"))
            shared(p);
        else if (!strcmp(word, "private"))
            private_memory(p);
        else if (!strcmp(word, "frag"))
            frag(p);
        else if (!strcmp(word, "sum"))
            sum(p);
        else if (!strcmp(word, "grid"))
            for (int i = 0; i < 3; i++) {
                if (i)
                    klex_expect(&p->l, ',');
                p->k->grid[i] = kparse_index(p);
            }
        else
            klex_error(&p->l, loc, "'%s' is not a declaration", word);
    }
}

/* ---- statements ---- */
static void stmts(struct kparse *p);

/* Parses "{" { statement } "}" into `inside`. There, `name` means var and `name2` means var2. Each name may be NULL. */
static void block(struct kparse *p, struct kbuild inside, const char *name, const struct index *var, const char *name2,
                  const struct index *var2)
{
    struct kbuild outside = p->b;
    size_t n = p->n_bound;
    if (++p->depth > KPARSE_DEPTH)
        klex_error(&p->l, p->l.cur.loc, "nested more than %d deep", KPARSE_DEPTH);
    p->b = inside;
    if (name)
        kparse_bind(p, name, var, NULL);
    if (name2)
        kparse_bind(p, name2, var2, NULL);
    klex_expect(&p->l, '{');
    stmts(p);
    klex_expect(&p->l, '}');
    p->b = outside;
    p->n_bound = n;
    p->depth--;
}

static struct kfrag *frag_find(const struct kparse *p, const char *name)
{
    for (size_t i = 0; i < p->k->n_frags; i++)
        if (!strcmp(p->k->frags[i]->name, name))
            return p->k->frags[i];
    return NULL;
}

static struct kfrag *frag_named(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    const char *name = klex_name(&p->l, "a fragment");
    struct kfrag *f = frag_find(p, name);
    if (!f)
        klex_error(&p->l, loc, "'%s' is not a fragment of this kernel", name);
    return f;
}

struct mem_ref {
    struct kmem *m;
    const struct index *slot, *index;
};

static struct mem_ref mem_ref(struct kparse *p, const char *name, struct loc loc)
{
    struct mem_ref at = { .m = kparse_mem(p, name, loc) };
    kparse_subscript(p, at.m, &at.slot, &at.index);
    return at;
}

static struct mem_ref next_mem_ref(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    return mem_ref(p, klex_name(&p->l, "a memory"), loc);
}

static struct kmask opt_mask(struct kparse *p)
{
    return klex_take_word(&p->l, "mask") ? kparse_guards(p) : (struct kmask){ 0 };
}

static void region(struct kparse *p)
{
    struct loc loc = origin(p, p->b.loc);
    struct kstmt *it = kstmt_region(&p->b);
    it->loc = loc;
    struct kbuild inside = kb_in(&p->b, it);
    block(p, inside, NULL, NULL, NULL, NULL);
}

static void let(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    const char *name = klex_name(&p->l, "a name");
    bool index = klex_take_word(&p->l, "in");
    int64_t lo = 0;
    int64_t hi = 0;
    if (index) {
        lo = klex_int(&p->l, "the lower end", -INDEX_INF, INDEX_INF);
        klex_expect(&p->l, KPUNCT_DOTS);
        hi = klex_int(&p->l, "the upper end", lo, INDEX_INF);
    }
    klex_expect(&p->l, '=');
    const struct kexpr *v = kparse_value(p);
    if (p->l.failed)
        return;
    if (!index) {
        const struct kexpr *read = kstmt_let(&p->b, v);
        (*p->b.list)[*p->b.n - 1]->name = name;
        kparse_bind(p, name, NULL, read);
    } else if (v->type != DT_I32 && v->type != DT_I64) {
        klex_error(&p->l, loc, "the index variable %s is given a value of type %s", name, dtype_name(v->type));
    } else {
        kparse_bind(p, name, kstmt_let_index(&p->b, name, v, lo, hi), NULL);
    }
}

static void loop(struct kparse *p)
{
    const char *name = klex_name(&p->l, "a loop variable");
    klex_expect_word(&p->l, "in");
    const struct index *lo = kparse_index(p);
    klex_expect(&p->l, KPUNCT_DOTS);
    const struct index *hi = kparse_index(p);
    int64_t step = klex_take_word(&p->l, "step") ? klex_int(&p->l, "the step", 1, INT32_MAX) : 1;
    bool unroll = klex_take_word(&p->l, "unroll");
    if (p->l.failed)
        return;
    struct kstmt *it = kstmt_for(&p->b, name, lo, hi, step, unroll);
    struct kbuild inside = kb_in(&p->b, it);
    block(p, inside, name, it->var, NULL, NULL);
}

static void branch(struct kparse *p)
{
    struct kmask m = kparse_guards(p);
    if (p->l.failed)
        return;
    struct kstmt *it = kstmt_if(&p->b, &m);
    struct kbuild inside = kb_in(&p->b, it);
    struct kbuild otherwise = kb_else(&p->b, it);
    block(p, inside, NULL, NULL, NULL, NULL);
    if (klex_take_word(&p->l, "else"))
        block(p, otherwise, NULL, NULL, NULL, NULL);
}

static void vector(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    struct mem_ref to = next_mem_ref(p);
    klex_expect(&p->l, '=');
    struct mem_ref from = next_mem_ref(p);
    klex_expect_word(&p->l, "by");
    int elems = (int)klex_int(&p->l, "the number of elements", 2, 8);
    if (p->l.failed)
        return;
    if ((to.m->space == KS_PRIVATE) == (from.m->space == KS_PRIVATE)) {
        klex_error(&p->l, loc, "a vector access is between private memory and other memory: %s and %s are not",
                   to.m->name, from.m->name);
        return;
    }
    struct kmask mask = { 0 };
    if (from.m->space == KS_PRIVATE) {
        mask = opt_mask(p);
        if (!p->l.failed)
            kstmt_store_vector(&p->b, to.m, to.slot, to.index, from.m, from.index, elems, &mask);
        return;
    }
    double fill = 0;
    if (klex_take_word(&p->l, "where")) {
        mask = kparse_guards(p);
        klex_expect_word(&p->l, "else");
        fill = klex_number(&p->l);
    }
    if (!p->l.failed)
        kstmt_load_vector(&p->b, to.m, to.index, from.m, from.slot, from.index, elems, &mask, fill);
}

static enum kacc acc_of(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    const char *name = klex_name(&p->l, "sum, max, min or prod");
    for (int i = KACC_SUM; i < KACC_COUNT; i++)
        if (!strcmp(kacc_table[i].name, name))
            return (enum kacc)i;
    klex_error(&p->l, loc, "expected sum, max, min or prod, found '%s'", name);
    return KACC_SUM;
}

static void combine(struct kparse *p)
{
    enum kacc acc = acc_of(p);
    struct mem_ref at = next_mem_ref(p);
    klex_expect_word(&p->l, "over");
    int span = (int)klex_int(&p->l, "the number of lanes", 1, 1024);
    int first = klex_take_word(&p->l, "from") ? (int)klex_int(&p->l, "the nearest lane's distance", 1, 1024) : 1;
    if (!p->l.failed)
        kstmt_combine_from(&p->b, at.m, at.index, acc, first, span);
}

static void issue(struct kparse *p)
{
    int stage = (int)klex_int(&p->l, "a staging register", 0, 255);
    klex_expect(&p->l, ':');
    struct mem_ref to = next_mem_ref(p);
    klex_expect_word(&p->l, "from");
    struct mem_ref from = next_mem_ref(p);
    klex_expect_word(&p->l, "by");
    int elems = (int)klex_int(&p->l, "the number of elements", 1, 16);
    struct kmask m = opt_mask(p);
    if (!p->l.failed)
        kstmt_issue(&p->b, to.m, to.slot, to.index, from.m, from.index, elems, stage, &m);
}

static void land(struct kparse *p)
{
    int stage = (int)klex_int(&p->l, "a staging register", 0, 255);
    klex_expect(&p->l, ':');
    struct mem_ref to = next_mem_ref(p);
    klex_expect_word(&p->l, "by");
    int elems = (int)klex_int(&p->l, "the number of elements", 1, 16);
    if (!p->l.failed)
        kstmt_land(&p->b, to.m, to.slot, to.index, elems, stage);
}

static void commit(struct kparse *p) { kstmt_commit(&p->b); }
static void await(struct kparse *p) { kstmt_await(&p->b); }

static void barrier(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    const char *scope = klex_name(&p->l, "'block' or 'wave'");
    bool wave = !strcmp(scope, "wave");
    if (!wave && strcmp(scope, "block"))
        klex_error(&p->l, loc, "a barrier is of the block or the wave, not of '%s'", scope);
    int pending = klex_take_word(&p->l, "wait") ? (int)klex_int(&p->l, "the groups in flight", 0, 7) : -1;
    if (!p->l.failed)
        kstmt_barrier(&p->b, wave ? KSCOPE_WAVE : KSCOPE_BLOCK, pending);
}

static void frag_cast(struct kparse *p, struct kfrag *to, struct kfrag *from)
{
    klex_expect(&p->l, '[');
    const struct index *step = kparse_index(p);
    klex_expect(&p->l, ']');
    if (!p->l.failed)
        kstmt_frag_cast(&p->b, to, from, step);
}

static void frag_load(struct kparse *p)
{
    struct kfrag *f = frag_named(p);
    klex_expect(&p->l, '=');
    struct loc loc = p->l.cur.loc;
    const char *name = klex_name(&p->l, "a memory or a fragment");
    struct kfrag *from = frag_find(p, name);
    if (from) {
        frag_cast(p, f, from);
        return;
    }
    const struct kmem *m = kparse_mem(p, name, loc);
    const struct index *slot = NULL;
    if (klex_take(&p->l, '[')) {
        slot = kparse_index(p);
        klex_expect(&p->l, ']');
    }
    klex_expect(&p->l, '(');
    const struct index *row = kparse_index(p);
    klex_expect(&p->l, ',');
    const struct index *col = kparse_index(p);
    klex_expect(&p->l, ')');
    bool transposed = klex_take_word(&p->l, "transposed");
    if (!p->l.failed)
        kstmt_frag_load(&p->b, f, m, slot, row, col, transposed);
}

static void mma(struct kparse *p)
{
    struct kfrag *c = frag_named(p);
    klex_expect(&p->l, KPUNCT_ADD_TO);
    struct kfrag *a = frag_named(p);
    klex_expect(&p->l, '*');
    struct kfrag *b = frag_named(p);
    if (!p->l.failed)
        kstmt_mma(&p->b, c, a, b);
}

static void fill(struct kparse *p)
{
    struct kfrag *f = frag_named(p);
    klex_expect(&p->l, '=');
    double v = klex_number(&p->l);
    if (!p->l.failed)
        kstmt_frag_fill(&p->b, f, v);
}

static void each(struct kparse *p)
{
    struct kfrag *f = frag_named(p);
    klex_expect(&p->l, '(');
    const char *row = klex_name(&p->l, "the row's name");
    klex_expect(&p->l, ',');
    const char *col = klex_name(&p->l, "the column's name");
    const char *slot = klex_take(&p->l, ',') ? klex_name(&p->l, "the name of the row's slot") : NULL;
    const char *col_slot = slot && klex_take(&p->l, ',') ? klex_name(&p->l, "the name of the column's slot") : NULL;
    klex_expect(&p->l, ')');
    klex_expect_word(&p->l, "from");
    klex_expect(&p->l, '(');
    const struct index *row0 = kparse_index(p);
    klex_expect(&p->l, ',');
    const struct index *col0 = kparse_index(p);
    klex_expect(&p->l, ')');
    if (p->l.failed)
        return;
    struct kstmt *it = kstmt_each(&p->b, f, row0, col0);
    it->var = index_var(p->b.indices, row, it->var->lo, it->var->hi, UNIFORM_THREAD);
    it->var2 = index_var(p->b.indices, col, it->var2->lo, it->var2->hi, UNIFORM_THREAD);
    struct kbuild inside = kb_in(&p->b, it);
    size_t n = p->n_bound;
    if (slot)
        kparse_bind(p, slot, it->var3 = index_var(p->b.indices, slot, 0, frag_rows(f) - 1, UNIFORM_THREAD), NULL);
    if (col_slot)
        kparse_bind(p, col_slot, it->var4 = index_var(p->b.indices, col_slot, 0, frag_cols(f) - 1, UNIFORM_THREAD),
                    NULL);
    block(p, inside, row, it->var, col, it->var2);
    p->n_bound = n;
}

static void element(struct kparse *p)
{
    klex_expect(&p->l, '=');
    const struct kexpr *v = kparse_value(p);
    if (!p->l.failed)
        kstmt_frag_set(&p->b, v);
}

static void reduce(struct kparse *p)
{
    enum kacc acc = acc_of(p);
    struct loc loc = p->l.cur.loc;
    const struct kmem *m = kparse_mem(p, klex_name(&p->l, "a memory"), loc);
    klex_expect(&p->l, '=');
    struct kfrag *f = frag_named(p);
    if (!p->l.failed)
        kstmt_frag_reduce(&p->b, m, acc, f);
}

/* Parses the rest of a store or an accumulation, whose memory is `name`. */
static void write_to(struct kparse *p, const char *name, struct loc loc)
{
    struct mem_ref at = mem_ref(p, name, loc);
    struct loc how = p->l.cur.loc;
    if (klex_take(&p->l, '=')) {
        const struct kexpr *v = kparse_value(p);
        struct kmask m = opt_mask(p);
        if (!p->l.failed)
            kstmt_store(&p->b, at.m, at.slot, at.index, v, &m);
        return;
    }
    bool join = klex_take_word(&p->l, "join");
    bool fma = !join && klex_is_word(&p->l, "fma");
    enum kacc acc = KACC_SUM;
    if (!klex_take(&p->l, KPUNCT_ADD_TO)) {
        if (fma)
            klex_next(&p->l);
        else
            acc = acc_of(p);
        klex_expect(&p->l, '=');
    }
    const struct kexpr *v = kparse_value(p);
    if (fma && !p->l.failed && (v->kind != KEXPR_OP || v->op != K_MUL))
        klex_error(&p->l, how, "fma= takes a product, mul(x, y)");
    if (at.slot)
        klex_error(&p->l, how, "an accumulator is private memory: it has no slots");
    if (!p->l.failed && join)
        kstmt_join(&p->b, at.m, at.index, acc, v);
    else if (!p->l.failed)
        kstmt_accumulate(&p->b, at.m, at.index, acc, v, fma);
}

/* Kinds of statements with the same first word share a parser. */
static void (*const parse[KSTMT_COUNT])(struct kparse *) = {
    [KSTMT_REGION] = region,       [KSTMT_LET] = let,
    [KSTMT_LOAD_VECTOR] = vector,  [KSTMT_STORE_VECTOR] = vector,
    [KSTMT_COMBINE] = combine,     [KSTMT_FOR] = loop,
    [KSTMT_IF] = branch,           [KSTMT_ISSUE] = issue,
    [KSTMT_LAND] = land,           [KSTMT_COMMIT] = commit,
    [KSTMT_AWAIT] = await,         [KSTMT_BARRIER] = barrier,
    [KSTMT_FRAG_FILL] = fill,      [KSTMT_FRAG_LOAD] = frag_load,
    [KSTMT_FRAG_CAST] = frag_load, [KSTMT_MMA] = mma,
    [KSTMT_EACH] = each,           [KSTMT_FRAG_SET] = element,
    [KSTMT_FRAG_REDUCE] = reduce,
};

static void stmt(struct kparse *p)
{
    struct loc loc = p->b.loc = p->l.cur.loc;
    const char *word = klex_name(&p->l, "a statement or '}'");
    for (int kind = 0; kind < KSTMT_COUNT; kind++)
        if (kstmt_table[kind].word && !strcmp(kstmt_table[kind].word, word)) {
            parse[kind](p);
            return;
        }
    if (klex_take(&p->l, KPUNCT_DEFINE)) {
        const struct kexpr *x = kparse_value(p);
        kparse_bind(p, word, NULL, x);
    } else if (klex_is(&p->l, '[')) {
        write_to(p, word, loc);
    } else {
        klex_error(&p->l, loc, "'%s' begins no statement", word);
    }
}

static void stmts(struct kparse *p)
{
    while (!p->l.failed && !klex_is(&p->l, '}'))
        stmt(p);
}

/* ---- the kernel ---- */
static void check_uses(struct kparse *p, const struct uses *uses)
{
    for (size_t i = 0; i < uses->n; i++) {
        const struct use *u = &uses->at[i];
        const char *is = u->m->read && u->m->written ? "inout" : u->m->written ? "out" : u->m->read ? "in" : "not used";
        if (strcmp(is, u->word))
            klex_error(&p->l, u->loc, "argument %s is said to be '%s', but it is '%s'", u->m->name, u->word, is);
    }
}

static bool head(struct kparse *p, struct session *s)
{
    klex_expect_word(&p->l, "kernel");
    struct loc loc = p->l.cur.loc;
    const char *name = klex_name(&p->l, "the kernel's name");
    if (!p->l.failed && strcmp(kname_clean(s->run, name), name))
        klex_error(&p->l, loc, "'%s' is reserved", name);
    klex_expect_word(&p->l, "for");
    loc = p->l.cur.loc;
    const char *target = klex_name(&p->l, "a target");
    const struct target *t = target_find(target);
    if (!p->l.failed && !t)
        klex_error(&p->l, loc, "there is no target '%s'", target);
    klex_expect_word(&p->l, "block");
    int size = (int)klex_int(&p->l, "the block", 1, 1024);
    if (p->l.failed)
        return false;
    p->k = kernel_new(s, s->run, name, t, size);
    p->k->loc = loc;
    p->k->src = loc.src;
    p->b = kb_at(p->k);
    p->k->loc = origin(p, p->k->loc);
    if (klex_take_word(&p->l, "about"))
        p->k->comment = klex_string(&p->l, "what the kernel does");
    const struct index *ids[] = { p->k->tid, p->k->lane, p->k->wave_id, p->k->bid[0], p->k->bid[1], p->k->bid[2] };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        kparse_bind(p, ids[i]->name, ids[i], NULL);
    return !p->l.failed;
}

struct kernel *kernel_parse(struct session *s, const struct source *src)
{
    struct kparse p = { 0 };
    struct uses uses = { 0 };
    klex_begin(&p.l, s, src);
    if (!head(&p, s))
        return NULL;
    declarations(&p, &uses);
    klex_expect(&p.l, '{');
    stmts(&p);
    klex_expect(&p.l, '}');
    if (!p.l.failed && p.l.cur.kind != KTOK_END)
        klex_error(&p.l, p.l.cur.loc, "the kernel ends before this");
    if (p.l.failed)
        return NULL;
    kernel_finish(p.k);
    check_uses(&p, &uses);
    return p.l.failed ? NULL : p.k;
}
