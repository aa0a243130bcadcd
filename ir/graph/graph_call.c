/* Calls in a .graph file: binds arguments to operands and attributes, makes omitted weights, inlines blocks. */
#include <math.h>
#include <string.h>

#include "ir/graph/graph_unfold.h"
#include "ir/graph/hint.h"

static const struct value poison;

struct call {
    struct unfold *u;
    struct scope *sc;
    const struct expr *e;
    const struct op_def *op;
    int n_fixed, next_operand, next_attr;
    bool variadic;
    struct value *in;
    int n_in; /* number of values in `in`: n_fixed operands, then the variadic ones */
    struct attr *attrs;
    struct loc *attr_loc; /* location of each attribute; line 0: not given */
};

static const char *operands_text(const struct call *c) { return op_operands_text(c->u->step, c->op); }

static const struct param_def *param_for(const struct call *c, int operand)
{
    for (int i = 0; i < c->op->call.n_params; i++)
        if (op_operand(c->op, c->op->call.params[i].operand) == operand)
            return &c->op->call.params[i];
    return NULL;
}

static struct node *made(struct scope *sc, struct node *n)
{
    if (n)
        n->instance = sc->instance;
    return n;
}

static struct value node_value(struct node *n, struct loc loc)
{
    return n ? (struct value){ .kind = VAL_NODE, .loc = loc, .node = n } : poison;
}

bool scalar_node(struct unfold *u, struct scope *sc, struct value *v, const struct type *like)
{
    double x;
    if (v->kind == VAL_NODE)
        return true;
    if (!value_float(u, *v, "a scalar next to a tensor", &x))
        return false;
    if (like->dtype == DT_BOOL || (!dtype_is_float(like->dtype) && v->kind == VAL_FLOAT))
        return diag_error(u->s, FAIL_INPUT, v->loc, "%s cannot be combined with a tensor of %s", value_text(u, v),
                          dtype_name(like->dtype));
    if (!dtype_is_float(like->dtype) && (x >= 0x1p63 || (int64_t)x != v->i))
        return diag_error(u->s, FAIL_INPUT, v->loc,
                          "%s cannot be a constant: integers beyond 2^53 are held only if a double holds them",
                          value_text(u, v));
    struct builder b = { .g = u->g, .loc = v->loc, .instance = sc->instance };
    *v = node_value(build_const(&b, like, x), v->loc);
    return v->kind == VAL_NODE;
}

static struct value add_node(struct unfold *u, struct scope *sc, const struct op_def *op, const struct value *vals,
                             int n, const struct attr *attrs, struct loc loc)
{
    struct node **in = arena_array(u->step, struct node *, n);
    struct loc *in_loc = arena_array(u->step, struct loc, n);
    for (int i = 0; i < n; i++) {
        in[i] = vals[i].node;
        in_loc[i] = vals[i].loc;
    }
    struct builder b = { .g = u->g, .loc = loc, .instance = sc->instance };
    if (op->class == CLS_POINTWISE && !build_align(&b, in, n))
        return poison;
    return node_value(made(sc, graph_add_at(u->g, op, in, n, attrs, loc, in_loc)), loc);
}

static const struct op_def *row(const char *name)
{
    const struct op_def *op = op_find(name);
    BUG_IF(!op, "no op named %s", name);
    return op;
}

struct value infix_eval(struct unfold *u, struct scope *sc, struct value x, struct value y, char op, struct loc loc)
{
    static const char *const names[] = {
        ['+'] = "add", ['-'] = "sub", ['*'] = "mul", ['/'] = "div", ['%'] = "mod", ['@'] = "matmul"
    };
    struct value in[2] = { x, y };
    if (!unfold_step(u, loc))
        return poison;
    if (!scalar_node(u, sc, &in[0], &(x.kind == VAL_NODE ? x : y).node->type) ||
        !scalar_node(u, sc, &in[1], &in[0].node->type))
        return poison;
    return add_node(u, sc, row(names[(unsigned char)op]), in, 2, NULL, loc);
}

struct value negate_node(struct unfold *u, struct scope *sc, struct value x, struct loc loc)
{
    return unfold_step(u, loc) ? add_node(u, sc, row("neg"), &x, 1, NULL, loc) : poison;
}

static const char *declared_as(struct unfold *u, const struct type *t, const struct node *n)
{
    struct type to = n->type;
    to.dtype = t->dtype;
    return type_text(u->step, &to);
}

bool value_as_type(struct unfold *u, struct scope *sc, struct value *v, const struct type *t, const char *what,
                   struct loc declared)
{
    if (v->kind == VAL_POISON)
        return false;
    if (v->kind != VAL_NODE && v->kind != VAL_INT && v->kind != VAL_FLOAT)
        return diag_error(u->s, FAIL_INPUT, v->loc, "%s is declared as %s, but this is %s", what, type_text(u->step, t),
                          value_text(u, v));
    if (!scalar_node(u, sc, v, t)) {
        v->kind = VAL_POISON;
        return false;
    }
    if (!type_same_shape(&v->node->type, t)) {
        diag_error(u->s, FAIL_INPUT, v->loc, "%s is declared as %s, but this is %s", what, type_text(u->step, t),
                   type_text(u->step, &v->node->type));
        diag_note(u->s, declared, "%s is declared here; write %s to keep the shape", what, declared_as(u, t, v->node));
        return false;
    }
    enum dtype has = v->node->type.dtype;
    if (has == t->dtype || (t->dtype == DT_FLOAT && dtype_is_float(has)))
        return true;
    const struct op_def *cast = row("cast");
    struct attr attrs[MAX_ATTRS];
    op_defaults(cast, attrs);
    attrs[op_attr(cast, "dtype")].i = t->dtype;
    *v = add_node(u, sc, cast, v, 1, attrs, v->loc);
    return v->kind == VAL_NODE;
}

static bool too_many(struct call *c, const struct value *v)
{
    return diag_error(c->u->s, FAIL_INPUT, v->loc, "%s takes (%s) and %d attributes, and this argument is extra: %s",
                      c->op->call.name, operands_text(c), c->op->call.n_attrs, value_text(c->u, v));
}

static bool bind_attr(struct call *c, int i, const struct value *v)
{
    const char *what = arena_printf(c->u->step, "attribute %s of %s", c->op->call.attrs[i].name, c->op->call.name);
    if (c->attr_loc[i].line) {
        diag_error(c->u->s, FAIL_INPUT, v->loc, "%s is given twice", what);
        diag_note(c->u->s, c->attr_loc[i], "the first one is here");
        return false;
    }
    c->attr_loc[i] = v->loc;
    return attr_of_value(c->u, c->op->call.attrs[i].kind, v, what, &c->attrs[i]);
}

static bool bind_operand(struct call *c, int i, const struct value *v)
{
    const char *name = op_operand_at(c->op, i)->name;
    bool scalar = c->op->class == CLS_POINTWISE && (v->kind == VAL_INT || v->kind == VAL_FLOAT);
    if (v->kind != VAL_NODE && !scalar)
        return diag_error(c->u->s, FAIL_INPUT, v->loc, "operand %s of %s must be a tensor, but this is %s", name,
                          c->op->call.name, value_text(c->u, v));
    if (i < c->n_fixed && c->in[i].loc.line) {
        diag_error(c->u->s, FAIL_INPUT, v->loc, "operand %s of %s is given twice", name, c->op->call.name);
        diag_note(c->u->s, c->in[i].loc, "the first one is here");
        return false;
    }
    c->in[i < c->n_fixed ? i : c->n_in++] = *v;
    return true;
}

/* Binds an argument without a name. A tensor becomes the next operand.
   A number becomes the next operand of a pointwise op, and the next attribute of any other op. */
static bool bind_positional(struct call *c, const struct value *v)
{
    bool number = v->kind == VAL_INT || v->kind == VAL_FLOAT;
    while (c->next_operand < c->n_fixed && c->in[c->next_operand].loc.line)
        c->next_operand++;
    bool open = c->next_operand < c->n_fixed || c->variadic;
    if (v->kind == VAL_NODE && c->next_attr)
        return diag_error(c->u->s, FAIL_INPUT, v->loc,
                          "%s: this tensor follows an attribute; write it first, or with its operand's name (%s)",
                          c->op->call.name, operands_text(c));
    if (v->kind == VAL_NODE ? open : number && open && c->op->class == CLS_POINTWISE)
        return bind_operand(c, c->next_operand, v);
    while (c->next_attr < c->op->call.n_attrs && c->attr_loc[c->next_attr].line)
        c->next_attr++;
    if (v->kind == VAL_NODE || c->next_attr >= c->op->call.n_attrs)
        return open ? bind_operand(c, c->next_operand, v) : too_many(c, v);
    return bind_attr(c, c->next_attr++, v);
}

static const char *attr_meant(const struct call *c, const char *name)
{
    const char *here = hint_attr(name);
    return here && op_attr(c->op, here) >= 0 ? here : NULL;
}

/* True if `name` means an axis, and the op always works along the last dimension. */
static bool is_missing_axis(const struct call *c, const char *name)
{
    const char *here = hint_attr(name);
    bool axis = !strcmp(name, "axis") || (here && !strcmp(here, "axis"));
    return axis && (c->op->class == CLS_REDUCE || c->op->class == CLS_SCAN || c->op->class == CLS_SELECT);
}

static bool bind_named(struct call *c, const struct arg *a, const struct value *v)
{
    int i = op_operand(c->op, a->name);
    if (i >= 0)
        return bind_operand(c, i, v);
    i = op_attr(c->op, a->name);
    if (i >= 0)
        return bind_attr(c, i, v);
    const char *near = NULL;
    const char *meant = attr_meant(c, a->name);
    const char *list = "";
    if (is_missing_axis(c, a->name) && !meant)
        return diag_error(
            c->u->s, FAIL_INPUT, a->name_loc,
            "%s has no attribute %s: it works along the last dimension; transpose brings another one there",
            c->op->call.name, a->name);
    for (i = 0; i < c->op->call.n_attrs; i++) {
        near = name_nearer(a->name, near, c->op->call.attrs[i].name);
        list = arena_printf(c->u->step, "%s%s%s", list, i ? ", " : "", c->op->call.attrs[i].name);
    }
    for (i = 0; i < c->n_fixed; i++)
        near = name_nearer(a->name, near, op_operand_at(c->op, i)->name);
    near = meant ? meant : near;
    const char *hint = near ? arena_printf(c->u->step, "; did you mean %s?", near) : "";
    return diag_error(c->u->s, FAIL_INPUT, a->name_loc,
                      "%s has no operand or attribute %s: operands (%s), attributes (%s)%s", c->op->call.name, a->name,
                      operands_text(c), list, hint);
}

static struct call call_begin(struct unfold *u, struct scope *sc, const struct expr *e, const struct op_def *op)
{
    struct call c = { .u = u, .sc = sc, .e = e, .op = op };
    c.n_fixed = op_arity(op, &c.variadic);
    c.n_fixed -= c.variadic;
    c.n_in = c.n_fixed;
    c.in = arena_array(u->step, struct value, (size_t)c.n_fixed + e->n);
    c.attrs = arena_array(u->step, struct attr, MAX_ATTRS);
    op_defaults(op, c.attrs);
    c.attr_loc = arena_array(u->step, struct loc, op->call.n_attrs);
    return c;
}

static bool all_given(struct call *c)
{
    bool good = true;
    for (int i = 0; i < c->n_fixed; i++)
        if (!c->in[i].loc.line && !param_for(c, i))
            good = diag_error(c->u->s, FAIL_INPUT, c->e->loc, "%s lacks its operand %s: it takes (%s)",
                              c->op->call.name, op_operand_at(c->op, i)->name, operands_text(c));
    for (int i = 0; i < c->op->call.n_attrs; i++) {
        const struct attr_def *a = &c->op->call.attrs[i];
        if (a->required && !c->attr_loc[i].line)
            good = diag_error(c->u->s, FAIL_INPUT, c->e->loc, "%s lacks its attribute %s: %s", c->op->call.name,
                              a->name, a->doc);
    }
    return good;
}

/* Returns the parameter of this name. If no weight statement declares it, makes it. */
static struct node *param_node(struct call *c, const char *name, const struct type *t, enum init init)
{
    struct unfold *u = c->u;
    void **at = map_find(u->taken, name);
    struct taken *was = at ? *at : NULL;
    if (was && was->declared) {
        if (!was->weight || type_same_shape(&was->weight->type, t))
            return was->weight;
        diag_error(u->s, FAIL_INPUT, c->e->loc, "%s needs %s as %s, but it is declared as %s", c->op->call.name, name,
                   type_text(u->step, t), type_text(u->step, &was->weight->type));
        diag_note(u->s, was->loc, "%s is declared here", name);
        return NULL;
    }
    struct taken *mine = name_take(u, name, c->e->named ? c->e->named_loc : c->e->loc, "parameter");
    if (!mine)
        return NULL;
    const struct op_def *op = row("param");
    struct attr attrs[MAX_ATTRS];
    op_defaults_of_type(op, t, attrs);
    attrs[op_attr(op, "init")].i = init;
    struct node *n = made(c->sc, graph_add(u->g, op, NULL, 0, attrs, c->e->loc));
    if (n)
        n->name = arena_strdup(u->g->arena, name);
    mine->weight = n;
    return n;
}

/* Returns the prefix of the names of a call's parameters: "expert0.lin1", or the name after `named`. */
static const char *param_stem(struct call *c)
{
    const char *named = c->e->named ? scope_numbered(c->u, c->sc, c->e->named, c->e->named_loc) : NULL;
    if (c->e->named)
        return named ? scope_path(c->u, c->sc, named) : NULL;
    const char *stem = c->op->call.stem ? c->op->call.stem : c->op->call.name;
    void **count = map_at(c->sc->counts, stem);
    intptr_t i = (intptr_t)*count;
    *count = (void *)(i + 1);
    return scope_path(c->u, c->sc, arena_printf(c->u->step, "%s%lld", stem, (long long)i));
}

static bool make_params(struct call *c)
{
    const char *stem = NULL;
    struct node **in = arena_array(c->u->step, struct node *, c->n_in);
    struct loc *in_loc = arena_array(c->u->step, struct loc, c->n_in);
    for (int i = 0; i < c->n_in; i++) {
        in[i] = c->in[i].node;
        in_loc[i] = c->in[i].loc;
    }
    struct node call = {
        .op = c->op, .n_in = c->n_in, .in = in, .attrs = c->attrs, .loc = c->e->loc, .in_loc = in_loc
    };
    for (int i = 0; i < c->n_fixed; i++) {
        struct type t = { 0 };
        if (c->in[i].loc.line)
            continue;
        if (!stem)
            stem = param_stem(c);
        if (!stem)
            return false;
        const struct param_def *p = param_for(c, i);
        if (!c->op->call.param_type(c->u->g, &call, c->attr_loc, i, &t))
            return false;
        const char *why = type_misfit(c->u->s, &t);
        const char *name = arena_printf(c->u->step, "%s.%s", stem, p->suffix);
        if (why)
            return diag_error(c->u->s, FAIL_INPUT, c->e->loc, "parameter %s would be %s: %s", name,
                              type_text(c->u->step, &t), why);
        in[i] = param_node(c, name, &t, p->init);
        if (!in[i])
            return false;
        c->in[i] = node_value(in[i], c->e->loc);
    }
    if (!stem && c->e->named)
        return diag_error(c->u->s, FAIL_INPUT, c->e->named_loc, "named %s: this call makes no parameters to name",
                          c->e->named);
    return true;
}

/* Replaces each number among the operands of a pointwise op by a constant tensor. The constant has the type of the
   first float tensor, or else of the first tensor, among the operands. A condition, such as c in select(c, 0, 1), does
   not count. If all tensors are conditions, the constant has dtype `float` and the shape of the first one. */
static bool make_scalars(struct call *c)
{
    const struct type *like = NULL;
    struct type as_condition;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].kind == VAL_NODE && !op_operand_at(c->op, i)->decides &&
            (!like || (!dtype_is_float(like->dtype) && dtype_is_float(c->in[i].node->type.dtype))))
            like = &c->in[i].node->type;
    for (int i = 0; i < c->n_in && !like; i++)
        if (c->in[i].kind == VAL_NODE) {
            as_condition = c->in[i].node->type;
            as_condition.dtype = DT_FLOAT;
            like = &as_condition;
        }
    if (!like && c->n_in)
        return diag_error(c->u->s, FAIL_INPUT, c->e->loc, "%s needs at least one tensor", c->op->call.name);
    for (int i = 0; i < c->n_in; i++)
        if (!scalar_node(c->u, c->sc, &c->in[i], like))
            return false;
    return true;
}

/* True for ops that a file cannot call, since inputs, labels and weights have statements of their own. */
static bool is_bound_source(const struct op_def *op)
{
    return !strcmp(op->call.name, "input") || !strcmp(op->call.name, "label") || !strcmp(op->call.name, "param");
}

static struct value call_op(struct unfold *u, struct scope *sc, const struct expr *e, const struct op_def *op,
                            const struct value *args)
{
    if (is_bound_source(op)) {
        const char *word = *op->call.name == 'p' ? "weight" : op->call.name;
        diag_error(u->s, FAIL_INPUT, e->loc, "%s is not called: write `%s NAME: type` on a line of its own",
                   op->call.name, word);
        return poison;
    }
    struct call c = call_begin(u, sc, e, op);
    bool good = true;
    for (size_t i = 0; i < e->n; i++)
        good &= e->args[i].name ? bind_named(&c, &e->args[i], &args[i]) : bind_positional(&c, &args[i]);
    if (!good || !all_given(&c) || !make_params(&c) || !make_scalars(&c))
        return poison;
    return add_node(u, sc, op, c.in, c.n_in, c.attrs, e->loc);
}

static struct value call_block(struct unfold *u, struct scope *sc, const struct expr *e, struct stmt *block,
                               const struct value *args)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->args[i].name) {
            diag_error(u->s, FAIL_INPUT, e->args[i].name_loc, "block %s takes its arguments by position", block->name);
            return poison;
        }
    const char *stem = e->named ? scope_numbered(u, sc, e->named, e->named_loc) : block->name;
    if (!stem)
        return poison;
    const char *name = instance_take(u, scope_path(u, sc, stem), e->named ? e->named_loc : e->loc);
    return block_unfold(u, block, args, e->n, name, e->loc);
}

/* moe(x, w, block, E) means combine(w, y0, y1, …), where yi is the result of instance i of the block for x. */
static struct value call_moe(struct unfold *u, struct scope *sc, const struct expr *e, const struct value *args)
{
    static const char *const form =
        "moe takes (x, w, block, E): two tensors, a block of one argument, and the number of experts";
    bool form_ok = e->n == 4 && args[0].kind == VAL_NODE && args[1].kind == VAL_NODE && args[2].kind == VAL_BLOCK &&
                   args[3].kind == VAL_INT;
    for (size_t i = 0; i < e->n; i++)
        form_ok &= !e->args[i].name;
    if (!form_ok) {
        size_t bad = 0;
        static const enum value_kind want[] = { VAL_NODE, VAL_NODE, VAL_BLOCK, VAL_INT };
        while (bad < e->n && bad < 4 && args[bad].kind == want[bad] && !e->args[bad].name)
            bad++;
        struct loc at = bad < e->n ? args[bad].loc : e->loc;
        diag_error(u->s, FAIL_INPUT, at, "%s%s%s", form, bad < e->n ? "; this is " : "",
                   bad < e->n ? value_text(u, &args[bad]) : "");
        return poison;
    }
    int64_t n = args[3].i;
    if (n < 1 || n > 4096) {
        diag_error(u->s, FAIL_INPUT, args[3].loc, "moe takes 1 to 4096 experts, not %lld", (long long)n);
        return poison;
    }
    struct value *in = arena_array(u->step, struct value, n + 1);
    in[0] = args[1];
    const char *named = e->named ? scope_numbered(u, sc, e->named, e->named_loc) : args[2].block->name;
    if (!named)
        return poison;
    const char *stem = scope_path(u, sc, named);
    for (int64_t i = 0; i < n; i++) {
        const char *name = instance_take(u, arena_printf(u->step, "%s%lld", stem, (long long)i), e->loc);
        in[i + 1] = block_unfold(u, args[2].block, args, 1, name, e->loc);
        if (in[i + 1].kind == VAL_POISON)
            return poison;
        in[i + 1].loc = args[2].loc;
    }
    return add_node(u, sc, row("combine"), in, (int)n + 1, NULL, e->loc);
}

static struct value unknown_call(struct unfold *u, const struct expr *e)
{
    const char *near = NULL;
    const char *known = hint_op(e->name);
    if (known) {
        diag_error(u->s, FAIL_INPUT, e->loc, "there is no operation or block %s; write %s", e->name, known);
        return poison;
    }
    for (int i = 0; op_at(i) && !u->s->errors_full; i++)
        near = name_nearer(e->name, near, op_at(i)->call.name);
    for (size_t i = 0; i < u->file->names->n && !u->s->errors_full; i++) {
        const struct binding *b = u->file->names->entry[i].value;
        if (b->v.kind == VAL_BLOCK)
            near = name_nearer(e->name, near, u->file->names->entry[i].key);
    }
    diag_error(u->s, FAIL_INPUT, e->loc, "there is no operation or block %s%s", e->name,
               near ? arena_printf(u->step, "; did you mean %s?", near) : "");
    return poison;
}

/* A call of a name that is both a block and an op calls the block. */
struct value call_eval(struct unfold *u, struct scope *sc, const struct expr *e)
{
    struct value *args = arena_array(u->step, struct value, e->n);
    bool good = true;
    for (size_t i = 0; i < e->n; i++) {
        args[i] = value_eval(u, sc, e->args[i].value);
        good &= args[i].kind != VAL_POISON;
    }
    void **at = map_find(u->file->names, e->name);
    const struct binding *b = at ? *at : NULL;
    const struct op_def *op = op_find(e->name);
    bool is_moe = !strcmp(e->name, "moe");
    if (b && b->v.kind == VAL_POISON)
        return poison;
    if (!(b && b->v.kind == VAL_BLOCK) && !op && !is_moe)
        return unknown_call(u, e);
    if (!good || !unfold_step(u, e->loc))
        return poison;
    if (b && b->v.kind == VAL_BLOCK)
        return call_block(u, sc, e, b->v.block, args);
    return is_moe ? call_moe(u, sc, e, args) : call_op(u, sc, e, op, args);
}
