/* Derives the range of every value. Checks every obligation of an op, such as "the operand of log is positive". An
   obligation that contradicts a range is an error. Requires typed nodes. Does not change the graph. */
#include "passes/pass.h"

bool pass_contracts(struct graph *g, struct pass_ctx *c)
{
    g->n_obligations = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        op_contract(g, g->nodes[i]);
    for (size_t i = 0; i < g->n_obligations; i++) {
        const struct obligation *o = &g->obligations[i];
        if (o->status != OBLIGATION_CONTRADICTED)
            continue;
        const struct node *n = o->node;
        const struct node *x = o->operand >= 0 ? n->in[o->operand] : NULL;
        struct loc loc = x && n->in_loc ? n->in_loc[o->operand] : n->loc;
        if (!x) {
            diag_error(c->s, FAIL_INPUT, loc, "%s needs %s", n->op->call.name, o->text);
            continue;
        }
        diag_error(c->s, FAIL_INPUT, loc, "%s needs %s, but its operand is in the range %g .. %g", n->op->call.name,
                   o->text, x->facts.lo, x->facts.hi);
        if (x->loc.line)
            diag_note(c->s, x->loc, "%s comes from here", x->name ? x->name : x->op->call.name);
    }
    return false;
}
