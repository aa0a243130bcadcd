/* The table of statement kinds (ir/kernel/kstmt.def) against what statements do: each kind stands in a hand-written
   kernel that fills every memory and fragment from a buffer, runs the statement, and writes all of them out. What the
   statement reads and writes is what the buffers show, on the emulator and over payloads. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/kernel/kstmt.h"
#include "tests/support/kir_run.h"

/* ---- the kernels ---- */
enum { CELLS = 256, LANES = 64 };

/* What a statement may name, with the buffers that it is filled from and written to. All have 256 elements. */
enum { X, P, S, G, FA, FB, FC, THINGS };
static const struct {
    const char *name;
    enum dtype type;
} things[THINGS] = {
    [X] = { "x", DT_F32 },   [P] = { "p", DT_F32 },   [S] = { "s", DT_F32 },   [G] = { "g", DT_F16 },
    [FA] = { "fa", DT_F16 }, [FB] = { "fb", DT_F16 }, [FC] = { "fc", DT_F32 },
};

static const char head[] = " arg x: f32[256]\n"
                           " arg ip: f32[256]\n arg op: f32[256]\n arg is: f32[256]\n arg os: f32[256]\n"
                           " arg ig: f16[256]\n arg og: f16[256]\n arg ia: f16[256]\n arg oa: f32[256]\n"
                           " arg ib: f16[256]\n arg ob: f32[256]\n arg ic: f32[256]\n arg oc: f32[256]\n"
                           " arg unit: f16[256]\n"
                           " shared s: f32[1][1, 256] rows\n shared g: f16[1][16, 16] rows\n"
                           " shared ta: f16[1][16, 16] rows\n shared tb: f16[1][16, 16] rows\n"
                           " shared tu: f16[1][16, 16] rows\n"
                           " private p: f32[4]\n"
                           " frag fa: A[1, 1]\n frag fb: B[1, 1]\n frag fc: C[1, 1]\n"
                           " frag ua: A[1, 1]\n frag ub: B[1, 1]\n frag pa: C[1, 1]\n frag pb: C[1, 1]\n{\n"
                           "region { for i in 0..4 {\n"
                           "p[i] = ip[4*tid + i]\n s[4*tid + i] = is[4*tid + i]\n g[4*tid + i] = ig[4*tid + i]\n"
                           "ta[4*tid + i] = ia[4*tid + i]\n tb[4*tid + i] = ib[4*tid + i]\n"
                           "tu[4*tid + i] = unit[4*tid + i]\n} }\n"
                           "barrier block\n"
                           "frag fa = ta(0, 0)\n frag fb = tb(0, 0)\n frag ua = tu(0, 0)\n frag ub = tu(0, 0)\n"
                           "each fc (r, c) from (0, 0) { elem = ic[16*r + c] }\n"
                           "barrier block\n";
/* An operand is seen as its product with the unit matrix. */
static const char tail[] = "barrier block\n"
                           "region { for i in 0..4 {\n"
                           "op[4*tid + i] = p[i]\n os[4*tid + i] = s[4*tid + i]\n og[4*tid + i] = g[4*tid + i]\n} }\n"
                           "fill pa = 0\n mma pa += fa * ub\n each pa (r, c) from (0, 0) { oa[16*r + c] = elem }\n"
                           "fill pb = 0\n mma pb += ua * fb\n each pb (r, c) from (0, 0) { ob[16*r + c] = elem }\n"
                           "each fc (r, c) from (0, 0) { oc[16*r + c] = elem }\n}\n";

/* `stmt`: of the kind, alone or with what it cannot be without. `fits`: where it may stand, by the letters below. */
static const struct {
    const char *stmt, *fits;
} tried[KSTMT_COUNT] = {
    [KSTMT_REGION] = { "region { p[1] = 2.5 }", "TREWL" },
    [KSTMT_LET] = { "let v = 2.5\np[1] = v", "TREWL" },
    [KSTMT_STORE] = { "p[1] = 2.5", "TREWL" },
    [KSTMT_LOAD_VECTOR] = { "vector p[0] = x[4*tid] by 4", "TREWL" },
    [KSTMT_STORE_VECTOR] = { "vector x[4*tid] = p[0] by 4", "TREWL" },
    [KSTMT_ACCUMULATE] = { "p[1] += 2.5", "TREWL" },
    [KSTMT_COMBINE] = { "combine sum p[1] over 64", "TW" },
    [KSTMT_FOR] = { "for k in 0..2 { p[k] = 2.5 }", "TREWL" },
    [KSTMT_IF] = { "if (0 <= tid < 7) { p[0] = 2.5 } else { p[1] = 3.5 }", "TREWL" },
    [KSTMT_ISSUE] = { "issue 0: s[4*tid] from x[4*tid] by 2\nissue 1: s[4*tid + 2] from x[4*tid + 2] by 2\n"
                      "land 0: s[4*tid] by 2\nland 1: s[4*tid + 2] by 2",
                      "TREWL" },
    [KSTMT_LAND] = { "issue 0: s[4*tid] from x[4*tid] by 4\nland 0: s[4*tid] by 4", "TREWL" },
    [KSTMT_COMMIT] = { "commit", "TRE" },
    [KSTMT_BARRIER] = { "barrier block", "T" },
    [KSTMT_AWAIT] = { "await", "TRE" },
    [KSTMT_FRAG_FILL] = { "fill fc = 2.5", "TREWL" },
    [KSTMT_FRAG_LOAD] = { "frag fa = g(0, 0)", "TW" },
    [KSTMT_MMA] = { "mma fc += fa * fb", "TW" },
    [KSTMT_EACH] = { "each fc (r, c) from (0, 0) { x[16*r + c] = elem }", "TRWL" },
    [KSTMT_FRAG_SET] = { "elem = 2.5", "E" },
    [KSTMT_FRAG_REDUCE] = { "reduce sum p = fc", "TW" },
    [KSTMT_FRAG_CAST] = { "frag fa = fc[0]", "TW" },
};

/* Top level, region, each, control that is the same for a wave alone, for a lane alone. */
static const struct {
    char letter;
    const char *open, *close;
} places[] = {
    { 'T', "", "" },
    { 'R', "region {", "}" },
    { 'E', "each pa (r2, c2) from (0, 0) {", "}" },
    { 'W', "if (0 <= wave < 1) {", "}" },
    { 'L', "if (0 <= lane < 3) {", "}" },
};

static const char *text_of(struct session *s, int kind, int block, int place)
{
    bool copies = strstr(tried[kind].stmt, "issue") != NULL;
    return arena_printf(s->run, "kernel kind%d for gfx90a block %d\n%s%s\n%s\n%s\n%s%s", kind, block, head,
                        places[place].open, tried[kind].stmt, places[place].close,
                        copies ? "commit\nbarrier block wait 0\n" : "", tail);
}

/* ---- what the table says ---- */
struct uses {
    int use[THINGS];
};

static void add_use(struct uses *u, const char *name, int use)
{
    for (int i = 0; i < THINGS; i++)
        if (!strcmp(things[i].name, name))
            u->use[i] |= use;
}

static void add_value(void *ctx, const struct kexpr *x)
{
    if (x->kind == KEXPR_LOAD)
        add_use(ctx, x->mem->name, KUSE_READ);
    if (x->kind == KEXPR_FRAG)
        add_use(ctx, "elem", KUSE_READ);
}

static bool mentions_elem(const struct kstmt *it)
{
    for (size_t i = 0; i < it->n_body; i++)
        if (it->body[i]->value && it->body[i]->value->kind == KEXPR_FRAG)
            return true;
    return false;
}

static void add_stmt(struct uses *u, const struct kernel *k, const struct kstmt_info *table, const struct kstmt *it)
{
    const struct kstmt_info *row = &table[it->kind];
    struct kwalk w = kwalk_new(k->arena, k);
    if (it->mem)
        add_use(u, it->mem->name, row->mem);
    if (it->mem2)
        add_use(u, it->mem2->name, row->mem2);
    if (it->frag && (it->kind != KSTMT_EACH || mentions_elem(it)))
        add_use(u, it->frag->name, row->frag);
    if (it->frag_a)
        add_use(u, it->frag_a->name, row->frag_a);
    if (it->frag_b)
        add_use(u, it->frag_b->name, row->frag_b);
    if (it->value)
        kwalk_value(&w, it->value, add_value, u);
    for (size_t i = 0; i < it->n_body; i++)
        add_stmt(u, k, table, it->body[i]);
    for (size_t i = 0; i < it->n_orelse; i++)
        add_stmt(u, k, table, it->orelse[i]);
}

/* Is every field there that the row has, and no other? */
static bool has_fields(const struct kstmt_info *row, const struct kstmt *it)
{
    return !row->mem == !it->mem && !row->mem2 == !it->mem2 && !row->frag == !it->frag && !row->frag_a == !it->frag_a &&
           !row->frag_b == !it->frag_b && row->value == !!it->value && !(row->body & KBODY) == !it->n_body &&
           !(row->body & KBODY_ELSE) == !it->n_orelse;
}

/* ---- what is seen ---- */
struct tried_kernel {
    struct kernel *k;
    const struct kstmt *stmt;  /* of the kind */
    const struct kstmt **list; /* all statements of its lines, at the top */
    size_t n, cap;
    struct uses seen;
    bool exchange; /* one lane's private memory or fragments changed another lane's */
};

static const struct kstmt *find(struct kstmt *const *list, size_t n, int kind, int from, int to)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *in = find(list[i]->body, list[i]->n_body, kind, from, to);
        if (list[i]->loc.line >= from && list[i]->loc.line < to && (int)list[i]->kind == kind)
            return list[i];
        if (in)
            return in;
    }
    return NULL;
}

static int lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static struct tried_kernel tried_read(struct session *s, int kind)
{
    int place = kind == KSTMT_FRAG_SET ? 2 : 0;
    const char *text = text_of(s, kind, LANES, place);
    if (place) /* of the fragment that is looked at */
        memcpy(strstr(text, "each pa (r2") + 5, "fc", 2);
    struct tried_kernel t = { .k = kernel_parse(s, source_of_string(s, "kind", text)) };
    if (!t.k || !kernel_verify(t.k))
        diags_print(s, 0, stderr, false);
    assert_true(t.k && s->n_diags == 0);
    int from = 2 + lines(head);
    int to = from + 3 + lines(tried[kind].stmt);
    t.stmt = find(t.k->body, t.k->n_body, kind, from, to);
    assert_non_null(t.stmt);
    for (size_t i = 0; i < t.k->n_body; i++)
        if (t.k->body[i]->loc.line >= from && t.k->body[i]->loc.line < to)
            *arena_push(s->run, t.list, t.n, t.cap) = t.k->body[i];
    assert_true(t.n > 0);
    return t;
}

struct state {
    double at[THINGS][CELLS];
};

/* Small whole numbers, all of them exact in f16, that no statement makes of others by accident. */
static struct state begins(void)
{
    struct state b;
    for (int t = 0; t < THINGS; t++)
        for (int i = 0; i < CELLS; i++)
            b.at[t][i] = (i * 7 + t * 3) % 11 - 5 + (t == FC ? 40 : 0);
    return b;
}

static void pack(void *to, enum dtype type, const double *from)
{
    for (int i = 0; i < CELLS; i++)
        if (type == DT_F16)
            ((uint16_t *)to)[i] = f16_from_double(from[i]);
        else
            ((float *)to)[i] = (float)from[i];
}

static void unpack(double *to, enum dtype type, const void *from)
{
    for (int i = 0; i < CELLS; i++)
        to[i] = type == DT_F16 ? f16_to_float(((const uint16_t *)from)[i]) : ((const float *)from)[i];
}

/* Arguments: x; in and out of each of the others; the unit matrix. */
enum { ARGS = 2 * THINGS };
static int out_arg(int thing) { return thing == X ? 0 : 2 * thing; }

static struct state run(const struct kir_code *c, const struct kernel *k, const struct state *in, bool payload)
{
    static const struct kdim none[] = { { NULL, 0 } };
    double raw[ARGS][CELLS] = { { 0 } };
    double unit[CELLS];
    void *at[ARGS];
    struct kbuf bufs[ARGS];
    struct state out;
    for (int i = 0; i < CELLS; i++)
        unit[i] = i / 16 == i % 16;
    for (int i = 0; i < ARGS; i++) {
        int thing = i == ARGS - 1 ? THINGS : (i + 1) / 2;
        const double *from = thing == THINGS ? unit : in->at[thing];
        at[i] = raw[i];
        bufs[i] = (struct kbuf){ raw[i], (size_t)(CELLS * dtype_size(k->args[i]->dtype)) };
        if (payload)
            memcpy(raw[i], from, sizeof raw[i]);
        else
            pack(raw[i], k->args[i]->dtype, from);
    }
    if (payload)
        kir_code_payload(c, k, at, none);
    else
        assert_true(kir_code_launch(c, k, bufs, none));
    for (int t = 0; t < THINGS; t++)
        if (payload)
            memcpy(out.at[t], raw[out_arg(t)], sizeof out.at[t]);
        else
            unpack(out.at[t], k->args[out_arg(t)]->dtype, raw[out_arg(t)]);
    return out;
}

/* A thing is written if it ends as it did not begin, and read if beginning otherwise changes what is written, there or
   elsewhere. */
static struct uses observe(const struct kir_code *c, const struct kernel *k, bool payload)
{
    struct uses seen = { { 0 } };
    struct state in = begins();
    struct state base = run(c, k, &in, payload);
    for (int t = 0; t < THINGS; t++) {
        struct state other = in;
        for (int i = 0; i < CELLS; i++)
            other.at[t][i] += 1;
        struct state out = run(c, k, &other, payload);
        for (int u = 0; u < THINGS; u++)
            for (int i = 0; i < CELLS; i++) {
                bool written = base.at[u][i] != in.at[u][i] || out.at[u][i] != other.at[u][i];
                if (written)
                    seen.use[u] |= KUSE_WRITE;
                if (written && out.at[u][i] != base.at[u][i])
                    seen.use[t] |= KUSE_READ;
            }
    }
    return seen;
}

/* The lane that holds a cell. */
static int lane_of(const struct kernel *k, int thing, int cell)
{
    const struct matrix_unit *u = k->target->matrix;
    const struct coord_map *map = thing == FA ? &u->a : thing == FB ? &u->b : &u->c;
    for (int lane = 0; thing != P && lane < LANES; lane++)
        for (int e = 0; e < 4; e++)
            if (16 * map_row(map, lane, e) + map_col(map, lane, e) == cell)
                return lane;
    return cell / 4;
}

static bool observe_exchange(const struct kir_code *c, const struct kernel *k)
{
    struct state in = begins();
    struct state base = run(c, k, &in, false);
    bool exchange = false;
    for (int t = 0; t < THINGS; t++) {
        struct state other = in;
        if (t == X || t == S || t == G)
            continue;
        for (int i = 0; i < CELLS; i++)
            other.at[t][i] += lane_of(k, t, i) == 5;
        struct state out = run(c, k, &other, false);
        for (int u = 0; u < THINGS; u++)
            for (int i = 0; i < CELLS && u != X && u != S && u != G; i++)
                exchange |= lane_of(k, u, i) != 5 && out.at[u][i] != base.at[u][i];
    }
    return exchange;
}

/* ---- the rows ---- */
static struct uses uses_of(const struct tried_kernel *t, const struct kstmt_info *table)
{
    struct uses u = { { 0 } };
    for (size_t i = 0; i < t->n; i++)
        add_stmt(&u, t->k, table, t->list[i]);
    return u;
}

static bool is_believable(const struct tried_kernel *t, const struct kstmt_info *table)
{
    struct uses says = uses_of(t, table);
    return !memcmp(&says, &t->seen, sizeof says) && has_fields(&table[t->stmt->kind], t->stmt) &&
           (table[t->stmt->kind].collective || !t->exchange);
}

static void try_all(struct session *s, struct tried_kernel t[KSTMT_COUNT])
{
    struct kernel *k[KSTMT_COUNT];
    for (int i = 0; i < KSTMT_COUNT; i++) {
        t[i] = tried_read(s, i);
        k[i] = t[i].k;
    }
    struct kir_code c = kir_compile(s, k, KSTMT_COUNT, kir_doubles);
    for (int i = 0; i < KSTMT_COUNT; i++) {
        struct uses payload = observe(&c, k[i], true);
        t[i].seen = observe(&c, k[i], false);
        t[i].exchange = observe_exchange(&c, k[i]);
        for (int u = 0; u < THINGS; u++)
            if (t[i].seen.use[u] != payload.use[u])
                fail_msg("%s: %s is used %d by the emulator and %d over payloads", kstmt_table[i].name, things[u].name,
                         t[i].seen.use[u], payload.use[u]);
    }
    kir_code_free(&c);
}

static void rows_say_what_is_seen(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct tried_kernel t[KSTMT_COUNT];
    try_all(s, t);
    for (int i = 0; i < KSTMT_COUNT; i++) {
        struct uses says = uses_of(&t[i], kstmt_table);
        for (int u = 0; u < THINGS; u++)
            if (says.use[u] != t[i].seen.use[u])
                fail_msg("%s: the table says %d of %s, and it is used %d", kstmt_table[i].name, says.use[u],
                         things[u].name, t[i].seen.use[u]);
        if (!is_believable(&t[i], kstmt_table))
            fail_msg("%s: fields %d, collective %d, values go from lane to lane %d", kstmt_table[i].name,
                     has_fields(&kstmt_table[i], t[i].stmt), kstmt_table[i].collective, t[i].exchange);
    }
    /* The table with one wrong entry is not believed. */
    int planted = 0;
    for (int i = 0; i < KSTMT_COUNT; i++) {
        struct kstmt_info copy[KSTMT_COUNT];
        memcpy(copy, kstmt_table, sizeof copy);
        int *const roles[] = { &copy[i].mem, &copy[i].mem2, &copy[i].frag, &copy[i].frag_a, &copy[i].frag_b };
        for (int r = 0; r < 5; r++)
            for (int wrong = 0; wrong < 4; wrong++) {
                int right = *roles[r];
                *roles[r] = wrong;
                if (wrong != right && is_believable(&t[i], copy))
                    fail_msg("%s: field %d used %d instead of %d is believed", copy[i].name, r, wrong, right);
                planted += wrong != right;
                *roles[r] = right;
            }
        copy[i].value = !copy[i].value;
        assert_false(is_believable(&t[i], copy));
        copy[i].value = !copy[i].value;
        copy[i].body ^= KBODY;
        assert_false(is_believable(&t[i], copy));
        copy[i].body ^= KBODY | KBODY_ELSE;
        assert_false(is_believable(&t[i], copy));
        copy[i].body ^= KBODY_ELSE;
        copy[i].collective = false;
        assert_int_equal(is_believable(&t[i], copy), !t[i].exchange);
    }
    print_message("%d wrong roles planted\n", planted);
    assert_int_equal(planted, KSTMT_COUNT * 5 * 3);
    session_end(s);
}

/* ---- completeness and places ---- */
static void rows_are_complete(void **state)
{
    (void)state;
    for (int i = 0; i < KSTMT_COUNT; i++) {
        const struct kstmt_info *row = &kstmt_table[i];
        assert_non_null(row->name);
        assert_non_null(tried[i].stmt);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(row->name, kstmt_table[j].name);
        size_t n = strcspn(tried[i].stmt, " [");
        const char *first = i == KSTMT_LAND ? "land" : tried[i].stmt; /* it stands behind its issue */
        if (row->word ? strncmp(row->word, first, n) || strlen(row->word) != strcspn(first, " [")
                      : strncmp("p", first, n) != 0)
            fail_msg("%s: the text begins '%.*s', the row says %s", row->name, (int)n, first,
                     row->word ? row->word : "a memory");
        assert_true(row->body & KBODY || !row->body);
    }
    for (int part = KCOPY_ISSUE; part <= KCOPY_WAIT; part++) {
        int players = 0;
        for (int i = 0; i < KSTMT_COUNT; i++)
            players += (int)kstmt_table[i].copy == part;
        assert_int_equal(players, 1);
    }
}

static void kinds_stand_where_they_may(void **state)
{
    (void)state;
    int wrong = 0;
    for (int i = 0; i < KSTMT_COUNT; i++)
        for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
            struct session *s = session_begin();
            const char *text = text_of(s, i, 2 * LANES, (int)p);
            struct kernel *k = kernel_parse(s, source_of_string(s, "place", text));
            if (!k)
                diags_print(s, 0, stderr, false);
            assert_non_null(k);
            size_t before = s->n_diags;
            /* Two waves and 64 lanes' worth of cells: only the statement's own place is asked for. */
            bool stands = kernel_verify(k);
            if (stands != (strchr(tried[i].fits, places[p].letter) != NULL)) {
                print_error("%s in place %c: %s\n", kstmt_table[i].name, places[p].letter,
                            stands ? "stands" : s->diags[before].text);
                wrong++;
            }
            session_end(s);
        }
    assert_int_equal(wrong, 0);
}

/* In a body that repeats, what is computed from private memory is computed anew in each turn. */
static void bodies_repeat(void **state)
{
    (void)state;
    static const char *const bodies[] = { "for i in 0..4 {\n y[4*tid + i] = t0\n p[0] += 1\n}",
                                          "each fc (r, c) from (0, 0) {\n y[16*r + c] = t0\n p[0] += 1\n}" };
    static const struct kdim none[] = { { NULL, 0 } };
    for (int each = 0; each < 2; each++) {
        struct session *s = session_begin();
        const char *text = arena_printf(s->run,
                                        "kernel turns for gfx90a block 64\n arg x: f32[64]\n arg y: f32[256]\n"
                                        " private p: f32[1]\n private q: f32[1]\n frag fc: C[1, 1]\n{\n region {\n"
                                        " p[0] = 0\n t0 := add(p[0], x[tid])\n q[0] = t0\n%s\n}\n}\n",
                                        bodies[each]);
        struct kernel *k = kernel_parse(s, source_of_string(s, "turns", text));
        float x[LANES] = { 0 };
        float y[CELLS] = { 0 };
        assert_true(k && kernel_verify(k));
        kir_emulate(s, k, (struct kbuf[]){ { x, sizeof x }, { y, sizeof y } }, none);
        const struct coord_map *c = &k->target->matrix->c;
        for (int lane = 0; lane < LANES; lane++)
            for (int i = 0; i < 4; i++) {
                int cell = each ? 16 * map_row(c, lane, i) + map_col(c, lane, i) : 4 * lane + i;
                assert_true(y[cell] == (float)i);
            }
        session_end(s);
    }
}

/* What a let binds is seen to the end of its list, what a loop binds in its body: then the name is free again. */
static void names_last(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct kernel *k = kernel_new(s, s->run, "names", target_find("gfx90a"), LANES);
    struct kbuild b = kb_at(k);
    struct kmem *y = kernel_arg(k, "y", DT_I32, index_const(s->indices, 64), NULL);
    const struct index *two = index_const(s->indices, 2);
    for (int i = 0; i < 2; i++) {
        struct kstmt *loop = kstmt_for(&b, "i", index_const(s->indices, 0), two, 1, false);
        struct kbuild in = kb_in(&b, loop);
        const struct index *v = kstmt_let_index(&in, "v", kexpr_index(&in, DT_I32, loop->var), 0, 2);
        const struct index *w = kstmt_let_index(&in, "v", kexpr_index(&in, DT_I32, loop->var), 0, 2);
        kstmt_store(&in, y, NULL, index_add(s->indices, v, w), kexpr_i32(&in, 1), NULL);
    }
    kernel_finish(k);
    assert_true(kernel_verify(k));
    const char *text = kernel_text(s->run, k);
    assert_non_null(strstr(text, "let v in"));
    assert_non_null(strstr(text, "let v_2 in"));
    assert_null(strstr(text, "v_3"));
    assert_null(strstr(text, "i_2"));
    session_end(s);
}

/* A statement that was built with a field too many or too few is refused. */
static void fields_belong_to_the_kind(void **state)
{
    (void)state;
    struct session *s = session_begin();
    for (int i = 0; i < KSTMT_COUNT; i++)
        for (int wrong = 0; wrong < 6; wrong++) {
            struct tried_kernel t = tried_read(s, i);
            struct kstmt *it = (struct kstmt *)t.stmt;
            size_t before = s->n_diags;
            switch (wrong) {
            case 0: it->mem = it->mem ? NULL : t.k->priv[0]; break;
            case 1: it->mem2 = it->mem2 ? NULL : t.k->priv[0]; break;
            case 2: it->frag = it->frag ? NULL : t.k->frags[2]; break;
            case 3: it->frag_a = it->frag_a ? NULL : t.k->frags[0]; break;
            case 4: it->frag_b = it->frag_b ? NULL : t.k->frags[1]; break;
            default: {
                struct kbuild b = kb_at(t.k);
                it->value = it->value ? NULL : kexpr_f32(&b, 1);
            }
            }
            if (kernel_verify(t.k))
                fail_msg("%s with field %d changed is believed", kstmt_table[i].name, wrong);
            s->n_diags = before;
        }
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(rows_say_what_is_seen),
        cmocka_unit_test(kinds_stand_where_they_may),
        cmocka_unit_test(bodies_repeat),
        cmocka_unit_test(names_last),
        cmocka_unit_test(fields_belong_to_the_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
