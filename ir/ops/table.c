/* The op table, and lookups by name: of ops, and of an op's operands and attributes. */
#include <string.h>

#include "ir/ops/op.h"

#define OP(name) extern const struct op_def op_##name;
#include "ir/ops.def"
#undef OP

static const struct op_def *const table[] = {
#define OP(name) &op_##name,
#include "ir/ops.def"
#undef OP
};
enum { N_OPS = sizeof table / sizeof *table };

const struct op_def *op_at(int i) { return i >= 0 && i < N_OPS ? table[i] : NULL; }

const struct op_def *op_find(const char *name)
{
    for (int i = 0; i < N_OPS; i++)
        if (!strcmp(table[i]->call.name, name) || (table[i]->call.alias && !strcmp(table[i]->call.alias, name)))
            return table[i];
    return NULL;
}

int op_operand(const struct op_def *op, const char *name)
{
    for (int i = 0; i < MAX_OPERANDS && op->call.operands[i].name; i++)
        if (strcmp(op->call.operands[i].name, name) == 0)
            return i;
    return -1;
}

int op_arity(const struct op_def *op, bool *variadic)
{
    int n = 0;
    while (n < MAX_OPERANDS && op->call.operands[n].name)
        n++;
    *variadic = n && op->call.operands[n - 1].variadic;
    return n;
}

const struct op_operand *op_operand_at(const struct op_def *op, int i)
{
    bool variadic;
    int n = op_arity(op, &variadic);
    BUG_IF(i >= n && !variadic, "%s has no operand %d", op->call.name, i);
    return &op->call.operands[i < n ? i : n - 1];
}

const char *op_operands_text(struct arena *a, const struct op_def *op)
{
    const char *text = "";
    for (int i = 0; i < MAX_OPERANDS && op->call.operands[i].name; i++) {
        const struct op_operand *o = &op->call.operands[i];
        text = arena_printf(a, "%s%s%s%s", text, i ? ", " : "", o->name, o->variadic ? "..." : "");
    }
    return text;
}

int op_attr(const struct op_def *op, const char *name)
{
    for (int i = 0; i < op->call.n_attrs; i++)
        if (strcmp(op->call.attrs[i].name, name) == 0)
            return i;
    return -1;
}

void op_defaults(const struct op_def *op, struct attr *out)
{
    BUG_IF(op->call.n_attrs > MAX_ATTRS, "%s has %d attributes", op->call.name, op->call.n_attrs);
    for (int i = 0; i < op->call.n_attrs; i++)
        out[i] = op->call.attrs[i].value;
}

void op_defaults_of_type(const struct op_def *op, const struct type *t, struct attr *out)
{
    op_defaults(op, out);
    int dtype = op_attr(op, "dtype");
    out[op_attr(op, "dims")] = (struct attr){ .n = t->rank, .dims = t->dim };
    if (dtype >= 0)
        out[dtype].i = t->dtype;
}

bool op_is(const struct node *n, const char *name) { return strcmp(n->op->call.name, name) == 0; }

bool op_is_differentiable(const struct op_def *op)
{
    return op->class != CLS_SOURCE && op->class != CLS_EFFECT && (op->gradient || op_is_composite(op));
}
