/* Faults planted in kernels, in their IR where it can say them, else in their text: each is caught on both emulated
   targets, by the judge with the kernel's name and its worst element, or by the checking emulator with kernel, line,
   thread and place. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "tests/support/chain.h"

/* Copies on both sides of a gemm with a tail in every dimension; its output shows the f32 accumulator. */
static const char *const gemm = "graph gemm\n"
                                "dim B\n"
                                "input x: f16[B, 200] where -1 <= x <= 1\n"
                                "output y: f32[B, 48] = linear(x, 48)\n";
/* The same without the matrix unit, since a selection reads it. */
static const char *const lanes = "graph lanes\n"
                                 "dim B\n"
                                 "input x: f32[B, 200] where -1 <= x <= 1\n"
                                 "output y: f32[B, 48] = linear(x, 48)\n"
                                 "output chosen = topk_mask(y, 2)\n";
/* Two launches: parts of the depth, then their sums. */
static const char *const split = "graph split\n"
                                 "dim B\n"
                                 "input x: f16[B, 1096] where -1 <= x <= 1\n"
                                 "output y: f32[B, 20] = linear(x, 20)\n";
/* Rows and columns of a product, reduced by the launch that makes it. */
static const char *const margins = "graph margins\n"
                                   "dim B\n"
                                   "input x: f16[B, 200] where -1 <= x <= 1\n"
                                   "y = linear(x, 48)\n"
                                   "output s: f32[48] = sum(y, axis=0)\n"
                                   "output m: f32[B] = max(y)\n";
static const char *const rows = "graph rows\n"
                                "dim B\n"
                                "input x: f32[B, 100] where -1 <= x <= 1\n"
                                "output chosen = topk_mask(x * 2.0 + 1.0, 3)\n"
                                "output p: f32[B, 100] = softmax(x)\n";
/* A softmax over what is allowed alone. */
static const char *const masked = "graph masked\n"
                                  "dim B\n"
                                  "input x: f32[B, 16, 16] where -3 <= x <= 3\n"
                                  "q = iota([B, 16, 16], dtype=i64, axis=1)\n"
                                  "k = iota([B, 16, 16], dtype=i64, axis=2)\n"
                                  "output p: f32[B, 16, 16] = softmax(select(less_equal(k, q), x * 0.3, -inf))\n";
static const char *const flat = "graph flat\n"
                                "dim B\n"
                                "input x: f32[B, 33] where -1 <= x <= 1\n"
                                "output y = x * x + x\n";
enum { BATCH = 70 };

/* ---- finding statements ---- */
static struct kstmt *find(struct kstmt *const *stmts, size_t n, enum kstmt_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        if (stmts[i]->kind == kind)
            return stmts[i];
        struct kstmt *in = find(stmts[i]->body, stmts[i]->n_body, kind);
        if (in)
            return in;
    }
    return NULL;
}

static struct kstmt *must_find(struct kstmt *const *stmts, size_t n, enum kstmt_kind kind)
{
    struct kstmt *it = find(stmts, n, kind);
    assert_non_null(it);
    return it;
}

static void drop_first(struct kstmt **stmts, size_t *n, enum kstmt_kind kind)
{
    for (size_t i = 0; i < *n; i++) {
        if (stmts[i]->kind != kind)
            continue;
        memmove(stmts + i, stmts + i + 1, sizeof *stmts * (*n - i - 1));
        --*n;
        return;
    }
    fail_msg("nothing to drop");
}

/* The kernel that holds a statement of a kind, and its first top-level loop. */
static struct kernel *kernel_with(struct program *p, enum kstmt_kind kind)
{
    for (size_t i = 0; i < p->n_kernels; i++)
        if (find(p->kernels[i].k->body, p->kernels[i].k->n_body, kind))
            return p->kernels[i].k;
    fail_msg("no kernel has such a statement");
    return NULL;
}
static struct kstmt *slices(struct program *p)
{
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    for (size_t i = 0; i < k->n_body; i++)
        if (k->body[i]->kind == KSTMT_FOR)
            return k->body[i];
    fail_msg("no loop over slices");
    return NULL;
}

/* ---- faults in the IR ---- */
static void drop_block_barrier(void *ctx, struct program *p)
{
    (void)ctx;
    struct kstmt *loop = slices(p);
    drop_first(loop->body, &loop->n_body, KSTMT_BARRIER);
}
static void narrow_barrier(void *ctx, struct program *p)
{
    (void)ctx;
    must_find(slices(p)->body, slices(p)->n_body, KSTMT_BARRIER)->scope = KSCOPE_WAVE;
}
static void wait_too_little(void *ctx, struct program *p)
{
    (void)ctx;
    must_find(slices(p)->body, slices(p)->n_body, KSTMT_BARRIER)->pending++;
}

static void drop_wave_barrier(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_BARRIER);
    struct kstmt *row = must_find(k->body, k->n_body, KSTMT_IF);
    drop_first(row->body, &row->n_body, KSTMT_BARRIER);
}

/* The next slice goes where the present one is still being multiplied. */
static void refill_too_early(void *ctx, struct program *p)
{
    (void)ctx;
    struct kstmt *loop = slices(p);
    struct kstmt *load = find(loop->body, loop->n_body, KSTMT_FRAG_LOAD);
    if (!load)
        load = must_find(loop->body, loop->n_body, KSTMT_LOAD_VECTOR);
    for (size_t i = 0; i < loop->n_body; i++)
        if (loop->body[i]->kind == KSTMT_ISSUE || loop->body[i]->kind == KSTMT_LAND)
            loop->body[i]->slot = load->slot;
}

static void open_guard(struct kstmt *it, struct index_table *t)
{
    for (int i = 0; i < it->mask.n; i++)
        it->mask.g[i].bound = index_const(t, 1 << 20);
}
static void drop_guard(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = p->kernels[0].k;
    open_guard(must_find(k->body, k->n_body, KSTMT_IF), p->s->indices);
}
static void drop_epilogue_guard(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    struct kstmt *last = k->body[k->n_body - 1];
    open_guard(must_find(last->body, last->n_body, KSTMT_IF), p->s->indices);
}
static void drop_copy_guard(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    for (size_t i = 0; i < k->n_body; i++)
        if (k->body[i]->kind == KSTMT_ISSUE)
            k->body[i]->mask.n = 0;
}

/* The last block, which makes the last rows' last part, does not run. */
static void drop_part(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    k->grid[0] = index_addk(p->s->indices, k->grid[0], -1);
}

/* A part's last piece is taken for one that lies beyond it. */
static void short_part(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    struct kstmt *loop = slices(p);
    int changed = 0;
    for (size_t i = 0; i < loop->n_body; i++) {
        struct kmask *m = &loop->body[i]->mask;
        for (int g = 0; loop->body[i]->kind == KSTMT_ISSUE && g < m->n; g++)
            if (index_mentions(m->g[g].bound, k->bid[0])) {
                m->g[g].bound = index_addk(p->s->indices, m->g[g].bound, -8);
                changed++;
            }
    }
    assert_true(changed > 0);
}

/* Rows beyond the matrix are taken for results. */
static void count_padding(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_EACH);
    struct kstmt *each = must_find(k->body, k->n_body, KSTMT_EACH);
    must_find(each->body, each->n_body, KSTMT_IF)->mask.g[0].bound = index_const(p->s->indices, 1 << 20);
}

/* The waves' totals are read before all have been written. */
static void drop_last_barrier(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    for (size_t i = k->n_body; i-- > 0;)
        if (k->body[i]->kind == KSTMT_BARRIER) {
            memmove(k->body + i, k->body + i + 1, sizeof *k->body * (k->n_body - i - 1));
            k->n_body--;
            return;
        }
    fail_msg("no barrier");
}

/* Half of the lanes that share a column, or a row, do not add to it. */
static void short_margins(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    int changed = 0;
    for (size_t i = 0; i < k->n_body; i++)
        if (k->body[i]->kind == KSTMT_COMBINE) {
            k->body[i]->span /= 2;
            changed++;
        }
    assert_true(changed > 1);
}

/* Rows of x are taken for 8 elements shorter than they are (aligned still, and inside of x). */
static void wrong_stride(void *ctx, struct program *p)
{
    (void)ctx;
    struct index_table *t = p->s->indices;
    struct kernel *k = kernel_with(p, KSTMT_ISSUE);
    for (size_t i = 0; i < k->n_body; i++) {
        struct kstmt *it = k->body[i];
        if (it->kind != KSTMT_ISSUE || it->mem2 != k->args[0])
            continue;
        const struct index *row = index_div(t, it->index, index_const(t, it->mem->cols + 8));
        it->index2 = index_sub(t, it->index2, index_mulk(t, row, 8));
    }
}

/* Lanes take other rows than theirs. */
static void turn_lanes(struct coord_map *m)
{
    for (int i = 0; i < MAP_TERMS; i++)
        if (m->row[i].mul && m->row[i].of == BY_LANE) {
            m->row[i].div = m->row[i].div == 1 ? 2 : 1;
            return;
        }
    fail_msg("the map's row does not hang on the lane");
}

static void wrong_lane(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_MMA);
    struct kfrag *f = must_find(k->body, k->n_body, KSTMT_MMA)->frag_a;
    struct matrix_unit *u = arena_new_of(p->arena, struct matrix_unit);
    *u = *f->unit;
    turn_lanes(&u->a);
    f->unit = u;
}

static struct kstmt *result_store(struct program *p)
{
    struct kernel *k = kernel_with(p, KSTMT_EACH);
    struct kstmt *each = must_find(k->body, k->n_body, KSTMT_EACH);
    return must_find(each->body, each->n_body, KSTMT_STORE);
}

static void drop_bias(void *ctx, struct program *p)
{
    (void)ctx;
    struct kstmt *store = result_store(p);
    assert_true(store->value->kind == KEXPR_OP && store->value->op == K_ADD);
    store->value = store->value->arg[store->value->arg[0]->kind == KEXPR_FRAG ? 0 : 1];
}

static void nan_result(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_EACH);
    struct kbuild b = kb_at(k);
    result_store(p)->value = kexpr_f32(&b, NAN);
}

/* The last level of the tree is left out. */
static void short_tree(void *ctx, struct program *p)
{
    (void)ctx;
    struct kernel *k = kernel_with(p, KSTMT_COMBINE);
    for (size_t i = 0; i < k->n_body; i++)
        for (size_t j = 0; j < k->body[i]->n_body; j++) {
            struct kstmt *it = k->body[i]->body[j];
            if (it->kind == KSTMT_COMBINE && it->acc == KACC_SUM)
                it->span /= 2;
        }
}

/* Every choice between x and -inf takes x. */
static int always_x(const struct kexpr *e)
{
    struct kexpr *x = (struct kexpr *)e;
    int changed = 0;
    if (!x || x->kind != KEXPR_OP)
        return 0;
    for (int i = 0; i < kop_table[x->op].arity; i++)
        changed += always_x(x->arg[i]);
    if (x->op != K_SELECT || x->arg[2]->kind != KEXPR_CONST || x->arg[2]->f != -INFINITY)
        return changed;
    x->arg[2] = x->arg[1];
    return changed + 1;
}

static int always_x_in(struct kstmt *const *stmts, size_t n)
{
    int changed = 0;
    for (size_t i = 0; i < n; i++)
        changed += always_x(stmts[i]->value) + always_x_in(stmts[i]->body, stmts[i]->n_body);
    return changed;
}

static void drop_mask(void *ctx, struct program *p)
{
    (void)ctx;
    assert_true(always_x_in(p->kernels[0].k->body, p->kernels[0].k->n_body) > 0);
}

/* ---- faults in the text ---- */
/* Puts `what` behind each place where a line that holds `at` ends; once or everywhere. */
static const char *insert_after(struct session *s, const char *text, const char *at, const char *what, bool all)
{
    const char *found = strstr(text, at);
    assert_non_null(found);
    const char *end = strchr(found, '\n');
    const char *rest = end + 1;
    if (all && strstr(rest, at))
        rest = insert_after(s, rest, at, what, true);
    return arena_printf(s->run, "%.*s\n%s\n%s", (int)(end - text), text, what, rest);
}

static const char *leave_early(void *ctx, struct session *s, const char *text)
{
    (void)ctx;
    return insert_after(s, text, "const tk_i32 tid = ", "    if (tid == 5) return;", false);
}

static const char *accumulate_in_f16(void *ctx, struct session *s, const char *text)
{
    (void)ctx;
    const char *call = strstr(text, "tk_mma(");
    assert_non_null(call);
    const char *c = arena_strndup(s->run, call + 7, strcspn(call + 7, ","));
    return insert_after(
        s, text, "tk_mma(",
        arena_printf(s->run, "for (int q_ = 0; q_ < TK_MMA_C; q_++) %s[q_] = tk_round_f16(%s[q_]);", c, c), true);
}

/* ---- the table ---- */
struct fault {
    const char *name, *graph;
    void (*change)(void *ctx, struct program *p);
    const char *(*change_text)(void *ctx, struct session *s, const char *text);
    const char *target;  /* alone; NULL: both */
    const char *says[3]; /* the checking emulator, one of these */
};

static const struct fault checked_faults[] = {
    { "a dropped barrier",
      "gemm",
      drop_block_barrier,
      NULL,
      "gfx90a",
      { "race: ", "read before anything was written there" } },
    { "a dropped barrier with its wait",
      "gemm",
      drop_block_barrier,
      NULL,
      "sm_90",
      { "while a copy into it is in flight" } },
    { "a barrier of the wave where the block is meant",
      "gemm",
      narrow_barrier,
      NULL,
      NULL,
      { "race: ", "while a copy into it is in flight", "read before anything was written there" } },
    { "a dropped barrier of the wave",
      "rows",
      drop_wave_barrier,
      NULL,
      NULL,
      { "race: ", "read before anything was written there" } },
    { "a wait for one group too few", "gemm", wait_too_little, NULL, "sm_90", { "while a copy into it is in flight" } },
    { "a dropped barrier of lanes",
      "lanes",
      drop_block_barrier,
      NULL,
      NULL,
      { "race: ", "while a copy into it is in flight", "read before anything was written there" } },
    { "a wait for one group too few by lanes",
      "lanes",
      wait_too_little,
      NULL,
      "sm_90",
      { "while a copy into it is in flight" } },
    { "a dropped guard of lanes' copy",
      "lanes",
      drop_copy_guard,
      NULL,
      NULL,
      { "outside every buffer of the launch" } },
    { "a ring slot of lanes refilled too early",
      "lanes",
      refill_too_early,
      NULL,
      NULL,
      { "race: ", "while a copy into it is in flight" } },
    { "a dropped barrier of margins",
      "margins",
      drop_last_barrier,
      NULL,
      NULL,
      { "race: ", "read before anything was written there" } },
    { "a dropped guard of lanes' epilogue",
      "lanes",
      drop_epilogue_guard,
      NULL,
      NULL,
      { "outside every buffer of the launch" } },
    { "a ring slot refilled too early",
      "gemm",
      refill_too_early,
      NULL,
      NULL,
      { "race: ", "while a copy into it is in flight" } },
    { "a dropped guard", "flat", drop_guard, NULL, NULL, { "outside every buffer of the launch" } },
    { "a dropped guard of the epilogue",
      "gemm",
      drop_epilogue_guard,
      NULL,
      NULL,
      { "outside every buffer of the launch" } },
    { "a dropped guard of a copy", "gemm", drop_copy_guard, NULL, NULL, { "outside every buffer of the launch" } },
    { "an early exit before a barrier", "gemm", NULL, leave_early, NULL, { "thread 5 has ended" } },
};

static const struct fault judged_faults[] = {
    { "a wrong stride", "gemm", wrong_stride, NULL, NULL, { NULL } },
    { "a wrong lane in a fragment", "gemm", wrong_lane, NULL, NULL, { NULL } },
    { "an fp16 accumulator", "gemm", NULL, accumulate_in_f16, NULL, { NULL } },
    { "a dropped bias", "gemm", drop_bias, NULL, NULL, { NULL } },
    { "a NaN", "gemm", nan_result, NULL, NULL, { NULL } },
    { "a tree without its last level", "rows", short_tree, NULL, NULL, { NULL } },
    { "a dropped part", "split", drop_part, NULL, NULL, { NULL } },
    { "padding counted in margins", "margins", count_padding, NULL, NULL, { NULL } },
    { "margins of half of the lanes", "margins", short_margins, NULL, NULL, { NULL } },
    { "a part cut short", "split", short_part, NULL, NULL, { NULL } },
    { "a dropped mask", "masked", drop_mask, NULL, NULL, { NULL } },
};

static const char *const targets[] = { "gfx90a", "sm_90" };
static const struct {
    const char *name, *const *text, *kernel;
} graphs[] = { { "gemm", &gemm, "kernel lin0" },
               { "lanes", &lanes, "kernel lin0" },
               { "split", &split, "kernel lin0" },
               { "margins", &margins, "kernel lin0" },
               { "rows", &rows, "softmax" },
               { "masked", &masked, "softmax" },
               { "flat", &flat, "" } };
enum { GRAPHS = sizeof graphs / sizeof *graphs };

static int graph_of(const struct fault *f)
{
    for (int i = 0; i < GRAPHS; i++)
        if (!strcmp(graphs[i].name, f->graph))
            return i;
    fail_msg("no graph %s", f->graph);
    return 0;
}

/* What both kinds begin with: a chain with the fault in it, compiled. */
static struct chain *planted(struct session *s, const struct target *t, const struct fault *f, bool checked)
{
    struct chain_options o = { .change = f->change, .change_text = f->change_text };
    struct chain *c = chain_new(s, t, source_of_string(s, "planted", *graphs[graph_of(f)].text), &o);
    if (!c || !chain_compile(&c, 1, checked))
        fail_msg("%s on %s: %s", f->name, t->name, chain_why(s, 0));
    return c;
}

/* The message names the kernel, the thread and the place, and stands at a line of the text. */
static void must_alarm(const struct fault *f, const char *target)
{
    struct session *s = session_begin();
    const struct target *t = target_find(target);
    struct chain *c = planted(s, t, f, true);
    struct device *d = emu_open(s, t, true, 1);
    if (chain_launch(c, d, BATCH))
        fail_msg("%s on %s: no alarm", f->name, target);
    const char *why = chain_why(s, 0);
    bool said = false;
    for (int i = 0; i < 3 && f->says[i]; i++)
        said |= strstr(why, f->says[i]) != NULL;
    if (!said || !strstr(why, "kernel tk") || !strstr(why, "thread "))
        fail_msg("%s on %s: the alarm is\n%s", f->name, target, why);
    if (s->diags[0].loc.line <= 0)
        fail_msg("%s on %s: no line\n%s", f->name, target, why);
    d->ops->close(d);
    session_end(s);
}

static void must_judge(const struct fault *f, const struct target *t)
{
    struct session *s = session_begin();
    struct chain *c = planted(s, t, f, false);
    struct device *d = emu_open(s, t, false, 1);
    struct verify_report r;
    if (!chain_judge(c, d, BATCH, 1, &r))
        fail_msg("%s on %s: %s", f->name, t->name, chain_why(s, 0));
    const struct kernel_verdict *v = chain_culprit(&r);
    if (!v || r.pass)
        fail_msg("%s on %s is within the bound: worst ratio %g", f->name, t->name, r.worst);
    const char *says = chain_wrong(s, &r);
    bool named = strstr(says, graphs[graph_of(f)].kernel) != NULL;
    bool placed = v->worst && v->worst_at >= 0 && v->wrong > 0 && v->wrong <= v->elements &&
                  (isnan(v->got) || !(fabs(v->got - v->want) <= v->bound));
    if (!named || !placed || !r.passes_ok)
        fail_msg("%s on %s: the judge says: %s", f->name, t->name, says);
    d->ops->close(d);
    session_end(s);
}

static void test_alarms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checked_faults / sizeof *checked_faults; i++)
        for (int t = 0; t < 2; t++)
            if (!checked_faults[i].target || !strcmp(checked_faults[i].target, targets[t]))
                must_alarm(&checked_faults[i], targets[t]);
}

static void test_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof judged_faults / sizeof *judged_faults; i++)
        for (int t = 0; t < 2; t++)
            must_judge(&judged_faults[i], target_find(targets[t]));
}

/* A target's row whose coordinate map is wrong: lowering believes it, the emulator has its own. */
static void test_wrong_map_in_a_target(void **state)
{
    (void)state;
    static const struct fault none = { .name = "a wrong map", .graph = "gemm" };
    for (int i = 0; i < 4; i++) {
        struct target t = *target_find(targets[i % 2]);
        struct matrix_unit u = *t.matrix;
        turn_lanes(i < 2 ? &u.a : &u.c);
        t.matrix = &u;
        must_judge(&none, &t);
    }
}

/* Without a fault the same graphs raise no alarm and are judged right. */
static void test_clean(void **state)
{
    (void)state;
    for (int i = 0; i < GRAPHS; i++)
        for (int t = 0; t < 2; t++) {
            struct session *s = session_begin();
            struct verify_report r;
            if (!chain_run(s, target_find(targets[t]), source_of_string(s, graphs[i].name, *graphs[i].text), NULL, true,
                           BATCH, &r))
                fail_msg("%s", chain_why(s, 0));
            if (!r.pass)
                fail_msg("%s", chain_wrong(s, &r));
            session_end(s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_alarms),
        cmocka_unit_test(test_judged),
        cmocka_unit_test(test_wrong_map_in_a_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
