/* What the op table promises of every row, checked on random uses that the rows draw themselves. A new row is tested by
   being in ops.def. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/ops/op.h"
#include "tests/support/op_case.h"

enum { CASES = 300, SESSION_CASES = 50 };

/* Runs `check` on CASES random uses of each row that can be evaluated, or of all. */
typedef void check_fn(struct op_case *c, uint64_t *rnd, void *ctx);

static void each_case(const struct op_def *op, int cases, check_fn *check, void *ctx)
{
    uint64_t rnd = 7;
    for (const char *p = op->call.name; *p; p++)
        rnd = rnd * 31 + (uint64_t)*p;
    for (int i = 0; i < cases; i += SESSION_CASES) {
        struct session *s = session_begin();
        for (int j = 0; j < SESSION_CASES && i + j < cases; j++) {
            struct op_case c;
            op_case_make(&c, s, op, &rnd);
            if (!c.node)
                fail_msg("%s refuses what it draws: %s", op->call.name,
                         s->n_diags ? s->diags[0].text : "and does not say why");
            check(&c, &rnd, ctx);
        }
        session_end(s);
    }
}

static void each_op(check_fn *check, void *ctx)
{
    for (int i = 0; op_at(i); i++)
        if (!op_is_bound_by_walkers(op_at(i)))
            each_case(op_at(i), CASES, check, ctx);
}

/* ---- the table itself ---- */
/* Which class fills which slot: the table of ir/ops/README.md, cell by cell. */
enum { MAX_COLUMNS = 20, MAX_KINDS = 16, MAX_WORD = 16 };
struct slots {
    int n_columns, n_kinds;
    char column[MAX_COLUMNS][MAX_WORD], kind[MAX_KINDS][MAX_WORD], cell[MAX_KINDS][MAX_COLUMNS][MAX_WORD];
};

/* "| a | b |" into cells; how many. */
static int cells_of(const char *line, char cell[][MAX_WORD])
{
    int n = 0;
    for (const char *p = strchr(line, '|'); p && n < MAX_COLUMNS; n++) {
        size_t len = strcspn(++p, "|\n");
        if (p[len] != '|')
            break;
        assert_true(len >= 2 && len - 2 < MAX_WORD);
        snprintf(cell[n], MAX_WORD, "%.*s", (int)len - 2, p + 1);
        p += len;
    }
    return n;
}

static struct slots slots_read(struct session *s)
{
    struct slots t = { 0 };
    char cell[MAX_COLUMNS][MAX_WORD];
    const struct source *src = source_read(s, SOURCE_DIR "/ir/ops/README.md");
    assert_non_null(src);
    const char *line = strstr(src->text, "| class |");
    assert_non_null(line);
    t.n_columns = cells_of(line, t.column) - 1;
    line = strchr(strchr(line, '\n') + 1, '\n') + 1;
    for (; *line == '|'; line = strchr(line, '\n') + 1, t.n_kinds++) {
        assert_true(t.n_kinds < MAX_KINDS);
        assert_int_equal(cells_of(line, cell), t.n_columns + 1);
        strcpy(t.kind[t.n_kinds], cell[0]);
        for (int i = 0; i < t.n_columns; i++)
            strcpy(t.cell[t.n_kinds][i], cell[i + 1]);
    }
    return t;
}

static bool fills(const struct op_def *op, const char *slot)
{
    const struct {
        const char *name;
        bool filled;
    } slots[] = {
        { "infer", op->type.infer },
        { "contract", op->type.contract },
        { "eval", op->reference.eval || op->reference.eval1 },
        { "bound", op->reference.bound || op->reference.bound1 },
        { "needs", op->reference.needs },
        { "work", op->reference.work },
        { "at", op->kernel.at },
        { "expand", op->kernel.expand },
        { "finish", op->kernel.finish },
        { "precedes", op->kernel.precedes },
        { "from_rank", op->kernel.from_rank },
        { "chosen", op->kernel.chosen },
        { "lists", op->kernel.lists },
        { "scan", op->kernel.scan },
        { "gradient", op->gradient },
        { "sample", op->sample },
    };
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (!strcmp(slots[i].name, slot))
            return slots[i].filled;
    fail_msg("ir/ops/README.md has a slot %s", slot);
    return false;
}

static const char *kind_of(const struct op_def *op)
{
    static const char *const classes[] = { "POINTWISE", "VIEW",  "REDUCE", "SCAN",  "SELECT",
                                           "CONTRACT",  "INDEX", "SOURCE", "EFFECT" };
    return op_is_composite(op) ? "composite" : op_is_bound_by_walkers(op) ? "bound SOURCE" : classes[op->class];
}

static void each_slot_of(const struct slots *t, const struct op_def *op)
{
    int kind = 0;
    while (kind < t->n_kinds && strcmp(t->kind[kind], kind_of(op)))
        kind++;
    if (kind == t->n_kinds)
        fail_msg("ir/ops/README.md has no line for %s, the kind of %s", kind_of(op), op->call.name);
    for (int i = 0; i < t->n_columns; i++) {
        const char *cell = t->cell[kind][i];
        bool filled = fills(op, t->column[i + 1]);
        if (strcmp(cell, "must") && strcmp(cell, "may") && strcmp(cell, "no"))
            fail_msg("ir/ops/README.md says %s of %s", cell, t->column[i + 1]);
        if (!strcmp(cell, filled ? "no" : "must"))
            fail_msg("%s %s the slot %s, and ir/ops/README.md has '%s' for %s", op->call.name,
                     filled ? "fills" : "lacks", t->column[i + 1], cell, kind_of(op));
    }
    if ((op->reference.eval1 || op->reference.bound1) && op->class != CLS_POINTWISE)
        fail_msg("%s is not pointwise and is evaluated by elements", op->call.name);
}

static void each_record_of(const struct op_def *op)
{
    bool variadic;
    int arity = op_arity(op, &variadic);
    if (!op->call.doc || !op->call.doc[0])
        fail_msg("%s has no doc", op->call.name);
    const struct op_about *about = &op->call.about;
    if (!about->shapes || !about->formula)
        fail_msg("%s does not say its shapes and its formula", op->call.name);
    if (!about->gradient && (op->class == CLS_POINTWISE || op_is_differentiable(op)))
        fail_msg("%s does not say its gradient", op->call.name);
    if (op->commutes && arity != 2)
        fail_msg("%s commutes with %d operands", op->call.name, arity);
    if ((op->class == CLS_SOURCE) != (arity == 0))
        fail_msg("%s is a source or has operands, never both", op->call.name);
    if (op->call.n_attrs > MAX_ATTRS)
        fail_msg("%s has %d attributes", op->call.name, op->call.n_attrs);
    for (int i = 0; i < op->call.n_attrs; i++) {
        if (!op->call.attrs[i].name || !op->call.attrs[i].doc)
            fail_msg("attribute %d of %s lacks its name or doc", i, op->call.name);
        if (op_attr(op, op->call.attrs[i].name) != i)
            fail_msg("attribute %s of %s is there twice", op->call.attrs[i].name, op->call.name);
    }
}

static void test_rows_are_complete(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct slots t = slots_read(s);
    assert_true(t.n_kinds == 11 && t.n_columns == 16);
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        each_slot_of(&t, op);
        each_record_of(op);
        assert_ptr_equal(op_find(op->call.name), op);
    }
    session_end(s);
    assert_null(op_find("no such op"));
    assert_null(op_at(-1));
}

static void test_operands_are_found_by_name(void **state)
{
    (void)state;
    bool variadic;
    const struct op_def *fma = op_find("fma");
    const struct op_def *concat = op_find("concat");
    const struct op_def *input = op_find("input");
    assert_int_equal(op_operand(fma, "x"), 0);
    assert_int_equal(op_operand(fma, "z"), 2);
    assert_int_equal(op_operand(fma, "w"), -1);
    assert_int_equal(op_operand(concat, "x"), 0);
    assert_int_equal(op_arity(fma, &variadic), 3);
    assert_false(variadic);
    assert_int_equal(op_arity(concat, &variadic), 1);
    assert_true(variadic);
    assert_int_equal(op_arity(input, &variadic), 0);
    assert_int_equal(op_attr(input, "hi"), 3);
    assert_int_equal(op_attr(input, "value"), -1);
}

/* ---- infer ---- */
/* A use with one operand spoilt is either legal, or an error that has been said at its place; never both, never silent.
   */
static void check_spoilt(struct op_case *c, uint64_t *rnd, void *ctx)
{
    int *refused = ctx;
    struct op_case bad;
    op_case_sample(&bad, c->s, c->op, rnd);
    if (bad.sample.n_in == 0)
        return;
    struct type *t = &bad.sample.in[rnd_range(rnd, 0, bad.sample.n_in - 1)];
    switch (rnd_range(rnd, 0, 3)) {
    case 0: t->dtype = t->dtype == DT_BOOL ? DT_FLOAT : DT_BOOL; break;
    case 1: t->dtype = t->dtype == DT_I64 ? DT_FLOAT : DT_I64; break;
    case 2:
        t->rank = t->rank ? t->rank - 1 : 1;
        t->dim[0] = t->dim[0] ? t->dim[0] : index_const(c->s->indices, 3);
        break;
    default:
        if (t->rank)
            t->dim[rnd_range(rnd, 0, t->rank - 1)] = index_const(c->s->indices, 71);
        break;
    }
    int errors = c->s->n_errors;
    for (int k = 0; k < bad.sample.n_in; k++) {
        bad.sample.lo[k] = 0;
        bad.sample.hi[k] = 1;
    }
    op_case_node(&bad);
    int said = c->s->n_errors - errors;
    if (!bad.node != (said > 0))
        fail_msg("%s: %d errors said, and it is %s", c->op->call.name, said, bad.node ? "taken" : "refused");
    *refused += !bad.node;
}

static void test_infer_refuses_with_a_reason(void **state)
{
    (void)state;
    for (int i = 0; op_at(i); i++) {
        bool variadic;
        int refused = 0;
        int arity = op_arity(op_at(i), &variadic);
        each_case(op_at(i), CASES, check_spoilt, &refused);
        if (arity > 1 && refused == 0)
            fail_msg("%s takes operands of any shapes and dtypes", op_at(i)->call.name);
    }
}

/* ---- eval ---- */
static void check_subset(struct op_case *c, uint64_t *rnd, void *ctx)
{
    struct op_walk w;
    struct ev full, part;
    (void)ctx;
    op_case_frame(c, &w, &full);
    op_case_frame(c, &w, &part);
    op_eval(&full);
    const NUM untouched = { .u = UINT64_C(0x7ff4dead0000beef) };
    bool *wanted = arena_array(c->s->run, bool, part.out.count + 1);
    struct run *runs = arena_array(c->s->run, struct run, part.n_runs + 1);
    size_t n = 0;
    for (int64_t i = 0; i < part.out.count; i++)
        part.out.v[i] = untouched;
    for (size_t r = 0; r < part.n_runs; r++) {
        struct run all = part.runs[r];
        int64_t lo = rnd_range(rnd, all.lo, all.hi - 1);
        int64_t hi = rnd_range(rnd, lo, all.hi - 1) + 1;
        if (rnd_range(rnd, 0, 2) == 0)
            continue;
        runs[n++] = (struct run){ lo, hi };
        for (int64_t i = lo; i < hi; i++)
            wanted[i] = true;
    }
    part.runs = runs;
    part.n_runs = n;
    op_eval(&part);
    for (int64_t i = 0; i < part.out.count; i++) {
        NUM want = wanted[i] ? full.out.v[i] : untouched;
        if (memcmp(&want, &part.out.v[i], sizeof want) &&
            !(wanted[i] && num_same(full.out.dtype, NUM_DOUBLE, want, part.out.v[i])))
            fail_msg("%s: element %lld of a part differs from the whole", c->op->call.name, (long long)i);
    }
}

static void test_parts_equal_the_whole(void **state)
{
    (void)state;
    each_op(check_subset, NULL);
}

static void check_store(struct op_case *c, uint64_t *rnd, void *ctx)
{
    static const enum dtype stores[] = { DT_F32, DT_F16, DT_BF16 };
    struct op_walk w;
    struct ev real, rounded;
    (void)ctx;
    op_case_frame(c, &w, &real);
    op_case_frame(c, &w, &rounded);
    rounded.store = stores[rnd_range(rnd, 0, 2)];
    op_eval(&real);
    op_eval(&rounded);
    for (int64_t i = 0; i < real.out.count; i++) {
        NUM want = real.out.v[i];
        if (dtype_is_float(real.out.dtype))
            want.d = dtype_round(rounded.store, want.d);
        if (!num_same(real.out.dtype, NUM_DOUBLE, want, rounded.out.v[i]))
            fail_msg("%s: element %lld is %a where its value in %s is %a", c->op->call.name, (long long)i,
                     rounded.out.v[i].d, dtype_name(rounded.store), want.d);
    }
}

static void test_results_round_once(void **state)
{
    (void)state;
    each_op(check_store, NULL);
}

/* ---- facts ---- */
/* Half of the time, moves a third of the operands' elements to the ends of their ranges, where facts are tightest. */
static void move_to_ends(struct op_case *c, uint64_t *rnd)
{
    bool moves = rnd_range(rnd, 0, 1);
    for (int k = 0; k < c->sample.n_in && moves; k++) {
        struct view *v = &c->value[k];
        for (int64_t i = 0; i < v->count && !c->sample.rising[k] && !c->sample.scores[k]; i++) {
            double end = rnd_range(rnd, 0, 1) ? c->sample.lo[k] : c->sample.hi[k];
            if (rnd_range(rnd, 0, 2))
                continue;
            v->v[i] = dtype_is_float(v->dtype) ? (NUM){ .d = end } : (NUM){ .i = (int64_t)end };
        }
    }
}

static void check_fact_of(const struct op_case *c, const struct view *v, int64_t i)
{
    const struct facts *f = &c->node->facts;
    bool is_float = dtype_is_float(v->dtype);
    double x = is_float ? v->v[i].d : (double)v->v[i].i;
    bool in_range = isnan(x) ? !f->finite : x >= f->lo && x <= f->hi;
    if (!in_range || (f->finite && !isfinite(x)) || (f->integral && is_float && isfinite(x) && x != rint(x)))
        fail_msg("%s: element %lld is %g; its facts are %g .. %g%s%s", c->op->call.name, (long long)i, x, f->lo, f->hi,
                 f->finite ? ", finite" : "", f->integral ? ", integral" : "");
}

/* What a contract promises of a result holds of the values that eval gives. */
static void check_facts(struct op_case *c, uint64_t *rnd, void *ctx)
{
    struct op_walk w;
    struct ev e;
    (void)ctx;
    for (int k = 0; k < c->sample.n_in; k++)
        c->in[k]->facts.finite = true;
    op_contract(c->g, c->node);
    move_to_ends(c, rnd);
    op_case_frame(c, &w, &e);
    op_eval(&e);
    for (int64_t i = 0; i < e.out.count; i++)
        check_fact_of(c, &e.out, i);
    for (int64_t i = 0; i < e.out.count && c->node->facts.max_nonzero >= 0; i += e.out.last) {
        int64_t n = 0;
        for (int64_t k = i; k < i + e.out.last; k++)
            n += dtype_is_float(e.out.dtype) ? e.out.v[k].d != 0 : e.out.v[k].i != 0;
        if (n > c->node->facts.max_nonzero)
            fail_msg("%s: %lld elements of a row are not 0", c->op->call.name, (long long)n);
    }
}

static void test_facts_hold_of_values(void **state)
{
    (void)state;
    each_op(check_facts, NULL);
}

static NUM special(uint64_t *rnd)
{
    static const double v[] = { 0, -0.0, INFINITY, -INFINITY, NAN, 0x1p-149, 0x1.fffffep127, 1, -1, 0x1p-1074 };
    return (NUM){ .d = v[rnd_range(rnd, 0, 9)] };
}

/* Both orders, with special numbers among the operands. */
static void check_commutes(struct op_case *c, uint64_t *rnd, void *ctx)
{
    struct op_walk w;
    struct ev xy, yx;
    (void)ctx;
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; dtype_is_float(c->value[k].dtype) && i < c->value[k].count; i++)
            if (rnd_range(rnd, 0, 1))
                c->value[k].v[i] = special(rnd);
    for (int kind = NUM_DOUBLE; kind <= NUM_FIELD; kind++) {
        op_case_frame(c, &w, &xy);
        op_case_frame(c, &w, &yx);
        xy.kind = yx.kind = (enum num_kind)kind;
        yx.in = (struct view[]){ c->value[1], c->value[0] };
        for (int k = 0; k < 2 && kind == NUM_FIELD; k++)
            for (int64_t i = 0; dtype_is_float(c->value[k].dtype) && i < c->value[k].count; i++)
                c->value[k].v[i].u = rnd_u64(rnd) % FIELD_P;
        op_eval(&xy);
        op_eval(&yx);
        for (int64_t i = 0; i < xy.out.count; i++)
            if (!num_same(xy.out.dtype, (enum num_kind)kind, xy.out.v[i], yx.out.v[i]))
                fail_msg("%s does not commute", c->op->call.name);
    }
}

static void test_what_commutes_does(void **state)
{
    (void)state;
    int n = 0;
    for (int i = 0; op_at(i); i++) {
        if (!op_at(i)->commutes)
            continue;
        each_case(op_at(i), CASES, check_commutes, NULL);
        n++;
    }
    assert_true(n >= 2);
}

/* ---- needs ---- */
static bool inside(const struct view *v, const struct box *b, int64_t i)
{
    bool in = true;
    for (int d = v->rank - 1; d >= 0; d--) {
        int64_t at = i % v->dim[d];
        i /= v->dim[d];
        in = in && at >= b->lo[d] && at <= b->hi[d];
    }
    return in;
}

/* Other values outside the boxes that a box of results needs change nothing inside that. */
static void check_needs(struct op_case *c, uint64_t *rnd, void *ctx)
{
    struct op_walk w;
    struct ev before, after;
    struct dim_values dims = { 0 };
    int *changed = ctx;
    op_case_frame(c, &w, &before);
    if (before.out.count == 0)
        return;
    op_eval(&before);
    struct box out = { .rank = before.out.rank };
    for (int d = 0; d < out.rank; d++) {
        out.lo[d] = rnd_range(rnd, 0, before.out.dim[d] - 1);
        out.hi[d] = rnd_range(rnd, out.lo[d], before.out.dim[d] - 1);
    }
    struct view in[MAX_SAMPLE];
    for (int k = 0; k < c->sample.n_in; k++) {
        struct box need;
        memset(&need, 0xee, sizeof need);
        op_needs(c->node, k, &dims, &out, &need);
        if (need.rank != c->value[k].rank)
            fail_msg("%s: the box of operand %d has rank %d", c->op->call.name, k, need.rank);
        for (int d = 0; d < need.rank; d++)
            if (need.lo[d] < 0 || need.hi[d] >= c->value[k].dim[d])
                fail_msg("%s: the box of operand %d leaves it", c->op->call.name, k);
        in[k] = op_walk_view(c->s->run, &c->sample.in[k]);
        for (int64_t i = 0; i < in[k].count; i++) {
            bool kept = inside(&in[k], &need, i);
            in[k].v[i] = kept ? c->value[k].v[i] : op_case_number(c, k, rnd);
            *changed += !kept;
        }
    }
    op_case_frame(c, &w, &after);
    after.in = in;
    op_eval(&after);
    for (int64_t i = 0; i < before.out.count; i++)
        if (inside(&before.out, &out, i) && !num_same(before.out.dtype, NUM_DOUBLE, before.out.v[i], after.out.v[i]))
            fail_msg("%s: element %lld depends on what it does not name", c->op->call.name, (long long)i);
}

static void test_needs_names_all_that_is_read(void **state)
{
    (void)state;
    for (int i = 0; op_at(i); i++) {
        int changed = 0;
        if (op_at(i)->class == CLS_SOURCE)
            continue; /* no operands */
        each_case(op_at(i), CASES, check_needs, &changed);
        if (op_at(i)->class <= CLS_VIEW && !changed)
            fail_msg("%s always needs everything", op_at(i)->call.name);
    }
}

/* ---- the field ---- */
static void to_field(struct view *v)
{
    for (int64_t i = 0; dtype_is_float(v->dtype) && i < v->count; i++)
        v->v[i].u = field_of_double(v->v[i].d);
}

/* On small natural numbers. Where the result over the field does not depend on the key (no hash and no order entered),
   and the double is exact (few bits), they are the same number. */
static void check_field(struct op_case *c, uint64_t *rnd, void *ctx)
{
    struct op_walk w;
    enum { KEYS = 40 };
    struct ev real, field[KEYS];
    int *compared = ctx;
    for (int k = 0; k < c->sample.n_in; k++) {
        bool positive = c->sample.lo[k] > 0 || c->sample.hi[k] < 0;
        for (int64_t i = 0; dtype_is_float(c->value[k].dtype) && i < c->value[k].count; i++)
            c->value[k].v[i].d = (double)rnd_range(rnd, positive, 4);
    }
    op_case_frame(c, &w, &real);
    op_eval(&real);
    for (int k = 0; k < c->sample.n_in; k++)
        to_field(&c->value[k]);
    for (int t = 0; t < KEYS; t++) {
        op_case_frame(c, &w, &field[t]);
        field[t].kind = NUM_FIELD;
        field[t].key = (uint64_t)(t ? t : 1); /* the first two are equal */
        op_eval(&field[t]);
    }
    for (int64_t i = 0; i < real.out.count; i++) {
        NUM a = field[0].out.v[i];
        bool same = true;
        if (!num_same(real.out.dtype, NUM_FIELD, a, field[1].out.v[i]))
            fail_msg("%s: two evaluations over the field differ", c->op->call.name);
        for (int t = 2; t < KEYS; t++)
            same &= num_same(real.out.dtype, NUM_FIELD, a, field[t].out.v[i]);
        if (!same || c->op->class == CLS_EFFECT)
            continue; /* an effect may report operands' bits */
        bool is_float = dtype_is_float(real.out.dtype);
        double y = real.out.v[i].d;
        if (is_float && !(isfinite(y) && fabs(y) < 0x1p40 && ldexp(y, 10) == rint(ldexp(y, 10))))
            continue;
        NUM want = is_float ? (NUM){ .u = field_of_double(y) } : real.out.v[i];
        if (want.u != a.u)
            fail_msg("%s: %g over doubles is not its value over the field", c->op->call.name, y);
        ++*compared;
    }
}

static void test_field_agrees_with_exact_doubles(void **state)
{
    (void)state;
    static const char *const rational[] = { "add",  "sub",    "mul",  "div",    "fma",     "neg",     "sum",
                                            "mean", "select", "less", "argmax", "reshape", "constant" };
    for (int i = 0; op_at(i); i++) {
        int compared = 0;
        if (op_is_bound_by_walkers(op_at(i)))
            continue;
        each_case(op_at(i), 3 * SESSION_CASES, check_field, &compared);
        for (size_t j = 0; j < sizeof rational / sizeof *rational; j++)
            if (!strcmp(rational[j], op_at(i)->call.name) && compared < 100)
                fail_msg("%s was compared %d times", rational[j], compared);
    }
}

/* ---- composites ---- */
static void check_expansion(struct op_case *c, uint64_t *rnd, void *ctx)
{
    (void)rnd;
    const char *why = op_case_expansion_differs(c, ctx);
    if (why)
        fail_msg("%s", why);
}

static void test_composites_are_their_expansions(void **state)
{
    (void)state;
    for (int i = 0; op_at(i); i++) {
        struct op_case_seen seen = { 0 };
        if (!op_is_composite(op_at(i)))
            continue;
        each_case(op_at(i), CASES, check_expansion, &seen);
        if (seen.judged < 100)
            fail_msg("%s: only %d elements had a bound", op_at(i)->call.name, seen.judged);
        print_message("%s: at most %.2f of the bound, %d elements\n", op_at(i)->call.name, seen.worst, seen.judged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_complete),
        cmocka_unit_test(test_operands_are_found_by_name),
        cmocka_unit_test(test_infer_refuses_with_a_reason),
        cmocka_unit_test(test_parts_equal_the_whole),
        cmocka_unit_test(test_results_round_once),
        cmocka_unit_test(test_facts_hold_of_values),
        cmocka_unit_test(test_what_commutes_does),
        cmocka_unit_test(test_needs_names_all_that_is_read),
        cmocka_unit_test(test_field_agrees_with_exact_doubles),
        cmocka_unit_test(test_composites_are_their_expansions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
