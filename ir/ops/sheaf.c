/* The op sheaf_check: did the experts receive what the router sent them (ir/route/sheaf.h)? */
#include "ir/route/sheaf.h"

#include <math.h>

#include "ir/ops/row.h"

/* Operand numbers, in the order of op_sheaf_check. Q: i64 residues, or the scores of a softmax router. B_…: copies that
   the experts' buckets carry. */
enum { X, Q, CHOSEN, W, COUNT, ROW, B_CHOSEN, B_W, B_Q, B_X, READ_ROW, READ_W, N_OPERANDS };
enum { RESULT = 7 }; /* number of elements of the result: the members of struct sheaf_obstruction */

static const struct attr_def sheaf_attrs[] = { { "k", ATTR_INT, true, { .i = 0 }, "experts a row" } };

static bool is_index(enum dtype t) { return t == DT_I64 || t == DT_I32; }

/* The shape that an operand must have. x [rows, width], chosen [rows, experts] and row [experts, cap] give the
   sizes. */
static struct type shape_of(const struct node *n, int operand)
{
    const struct index *rows = n->in[X]->type.dim[0];
    const struct index *width = n->in[X]->type.dim[1];
    const struct index *experts = n->in[CHOSEN]->type.dim[1];
    const struct index *cap = n->in[ROW]->type.dim[1];
    struct type t = { .dtype = n->in[operand]->type.dtype };
    switch (operand) {
    case X:
        t.rank = 2;
        t.dim[0] = rows;
        t.dim[1] = width;
        break;
    case Q:
    case CHOSEN:
    case W:
        t.rank = 2;
        t.dim[0] = rows;
        t.dim[1] = experts;
        break;
    case COUNT:
        t.rank = 1;
        t.dim[0] = experts;
        break;
    case ROW:
    case READ_ROW:
    case READ_W:
        t.rank = 2;
        t.dim[0] = experts;
        t.dim[1] = cap;
        break;
    default:
        t.rank = 3;
        t.dim[0] = experts;
        t.dim[1] = cap;
        t.dim[2] = operand == B_X ? width : experts;
        break;
    }
    return t;
}

static bool kind_fits(struct graph *g, const struct node *n, int operand)
{
    static const int like[N_OPERANDS] = { [B_CHOSEN] = CHOSEN, [B_W] = W, [B_Q] = Q, [B_X] = X, [READ_W] = W };
    enum dtype t = n->in[operand]->type.dtype;
    switch (operand) {
    case CHOSEN: return t == DT_BOOL || infer_error(g, n, operand, "must be a bool mask");
    case COUNT:
    case ROW:
    case READ_ROW: return is_index(t) || infer_error(g, n, operand, "must be i32 or i64");
    case X:
    case W: return need_float(g, n, operand);
    case Q:
        return dtype_is_float(t) || t == DT_I64 || infer_error(g, n, operand, "must be i64 residues or float scores");
    default:
        if (t == n->in[like[operand]]->type.dtype)
            return true;
        return infer_error(g, n, operand, "must have the dtype of the router's table, %s",
                           type_text(g->arena, &n->in[like[operand]]->type));
    }
}

static bool sheaf_check_infer(struct graph *g, struct node *n)
{
    static const int founding[] = { X, CHOSEN, ROW };
    for (int i = 0; i < 3; i++)
        if (n->in[founding[i]]->type.rank != 2)
            return infer_error(g, n, founding[i], "must have 2 dimensions");
    for (int i = 0; i < N_OPERANDS; i++) {
        struct type want = shape_of(n, i);
        if (!kind_fits(g, n, i))
            return false;
        if (!type_same_shape(&want, &n->in[i]->type))
            return infer_error(g, n, i, "must be %s", type_text(g->arena, &want));
    }
    n->type = (struct type){ .dtype = DT_I64, .rank = 1, .dim = { index_const(g->s->indices, RESULT) } };
    return true;
}

static void sheaf_check_contract(struct contract *c)
{
    const struct index *experts = c->n->in[CHOSEN]->type.dim[1];
    int64_t k = node_attr(c->n, 0)->i;
    bool never = k < 1 || k > experts->hi;
    bool always = k >= 1 && k <= experts->lo;
    const char *text = "1 <= k <= experts";
    if (never)
        text = arena_printf(c->g->arena, "%s, but k is %lld and there are %s", text, (long long)k,
                            index_text(c->g->arena, experts));
    contract_state(c, text, never ? OBLIGATION_CONTRADICTED : always ? OBLIGATION_PROVED : OBLIGATION_OPEN);
}

static struct sheaf_table table(const struct ev *c, int operand)
{
    return (struct sheaf_table){ c->in[operand].v, sizeof(NUM) };
}

static void sheaf_check_eval(struct ev *c)
{
    struct sheaf_site site = { .rows = c->in[X].dim[0],
                               .experts = c->in[CHOSEN].dim[1],
                               .k = node_attr(c->n, 0)->i,
                               .width = c->in[X].dim[1],
                               .x = table(c, X),
                               .chosen = table(c, CHOSEN),
                               .w = table(c, W),
                               .q = table(c, Q) };
    struct sheaf_buckets buckets = { .cap = c->in[ROW].dim[1],
                                     .count = table(c, COUNT),
                                     .row = table(c, ROW),
                                     .chosen = table(c, B_CHOSEN),
                                     .w = table(c, B_W),
                                     .q = table(c, B_Q),
                                     .x = table(c, B_X),
                                     .read_row = table(c, READ_ROW),
                                     .read_w = table(c, READ_W) };
    struct sheaf_obstruction o = sheaf_check(&site, &buckets);
    int64_t result[RESULT] = { o.clause, o.a, o.b, o.row, o.column, (int64_t)o.left, (int64_t)o.right };
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store_i(c, i, result[i]);
}

/* The op compares bits, so any error of an operand makes the result unbounded. */
static void sheaf_check_bound(struct bd *b)
{
    bool certain = true;
    for (int k = 0; k < b->v.n_in; k++)
        for (int64_t i = 0; b->e_in[k] && i < b->v.in[k].count; i++)
            certain &= b->e_in[k][i] == 0;
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = certain ? 0 : INFINITY;
}

static void sheaf_check_sample(struct sample *d)
{
    int64_t rows = sample_range(d, 1, 5);
    int64_t width = sample_range(d, 0, 3);
    int64_t experts = sample_range(d, 1, 3);
    int64_t cap = sample_range(d, 1, 4);
    const struct index *b = draw_index(d, rows);
    const struct index *in = draw_index(d, width);
    const struct index *e = draw_index(d, experts);
    const struct index *slots = draw_index(d, cap);
    const struct {
        enum dtype dtype;
        int rank;
        const struct index *dim[3];
        double lo, hi;
    } operand[N_OPERANDS] = {
        [X] = { DT_FLOAT, 2, { b, in }, 0, 1 },
        [Q] = { DT_I64, 2, { b, e }, -2, 2 },
        [CHOSEN] = { DT_BOOL, 2, { b, e }, 0, 1 },
        [W] = { DT_FLOAT, 2, { b, e }, 0, 1 },
        [COUNT] = { DT_I64, 1, { e }, 0, (double)cap },
        [ROW] = { DT_I64, 2, { e, slots }, 0, (double)rows - 1 },
        [B_CHOSEN] = { DT_BOOL, 3, { e, slots, e }, 0, 1 },
        [B_W] = { DT_FLOAT, 3, { e, slots, e }, 0, 1 },
        [B_Q] = { DT_I64, 3, { e, slots, e }, -2, 2 },
        [B_X] = { DT_FLOAT, 3, { e, slots, in }, 0, 1 },
        [READ_ROW] = { DT_I64, 2, { e, slots }, 0, (double)rows - 1 },
        [READ_W] = { DT_FLOAT, 2, { e, slots }, 0, 1 },
    };
    for (int i = 0; i < N_OPERANDS; i++) {
        struct type t = { .dtype = operand[i].dtype, .rank = operand[i].rank };
        for (int j = 0; j < t.rank; j++)
            t.dim[j] = operand[i].dim[j];
        sample_operand(d, i, &t, operand[i].lo, operand[i].hi);
    }
    d->attrs[0] = sample_attr_int(sample_range(d, 1, experts));
}

const struct op_def op_sheaf_check = {
    .call = {
        .name = "sheaf_check",
        .doc = "is the dispatch right? clause (0: yes), a, b, row, column and the bits of both values; buckets carry "
               "[experts, cap, ..] tables of their own",
        .about = {
            .shapes = "x [rows, n], q, chosen, w [rows, E], count [E], row, read_row, read_w [E, cap], "
                      "b_chosen, b_w, b_q [E, cap, E], b_x [E, cap, n] -> i64 [7]",
            .formula = "the first obstruction (clause, a, b, row, column, two values as bits), 0 if there is none. "
                       "Clauses: 1 a bucket lists a row twice, 2 it has a row that did not choose it, 3 a row is not "
                       "in k buckets, 4 two buckets disagree, 5 the glued table is not the router's, 6 an expert read "
                       "another row or weight",
            .gradient = "none: a check",
        },
        .operands = {
            { .name = "x" }, { .name = "q" }, { .name = "chosen" }, { .name = "w" },
            { .name = "count" }, { .name = "row" }, { .name = "b_chosen" }, { .name = "b_w" },
            { .name = "b_q" }, { .name = "b_x" }, { .name = "read_row" }, { .name = "read_w" },
        },
        .attrs = sheaf_attrs,
        .n_attrs = N_ATTRS(sheaf_attrs),
    },
    .class = CLS_EFFECT,
    .exact = true,
    .type = { .infer = sheaf_check_infer, .contract = sheaf_check_contract },
    .reference = { .eval = sheaf_check_eval, .bound = sheaf_check_bound },
    .sample = sheaf_check_sample,
};
