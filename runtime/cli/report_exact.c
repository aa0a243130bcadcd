#include <string.h>

#include "ir/ops/op.h"
#include "runtime/cli/report.h"
#include "runtime/format/json_out.h"

enum { FAILS_SHOWN = 5, SELECTED_SHOWN = 6 };

static size_t equal_kernels(const struct exact_report *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_kernels; i++)
        n += exact_is_equal(&r->kernels[i]);
    return n;
}

/* "sub at router.graph:12": what the user wrote, if an expansion made the node. */
static const char *node_text(struct arena *a, const struct node *n)
{
    const char *op = n->name ? n->name : n->origin ? n->origin : n->op->call.name;
    return n->loc.line ? arena_printf(a, "%s at %s", op, loc_text(a, n->loc)) : op;
}

/* The texts of r->selected, each once. Returns their number. */
static size_t selected_texts(struct session *s, const struct exact_report *r, const char **out)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_selected; i++) {
        const char *text = node_text(s->run, r->selected[i]);
        size_t k = 0;
        while (k < n && strcmp(out[k], text))
            k++;
        if (k == n)
            out[n++] = text;
    }
    return n;
}

void report_exact(struct session *s, const struct exact_report *r, FILE *to)
{
    const char **selected = arena_array(s->run, const char *, r->n_selected + 1);
    size_t n = selected_texts(s, r, selected);
    fprintf(to, "  exact       %zu of %zu %s equal over 2⁶¹−1, error probability %.0e\n", equal_kernels(r),
            r->n_kernels, plural((int64_t)r->n_kernels, "kernel", "kernels"), r->error);
    for (size_t i = 0; i < n && i < SELECTED_SHOWN; i++)
        fprintf(to, "              %s%s\n",
                i ? "" : "read by selections alone, so a fault there may stay unseen: ", selected[i]);
    if (n > SELECTED_SHOWN)
        fprintf(to, "              … and %zu more\n", n - SELECTED_SHOWN);
}

static void print_fail(struct session *s, const struct exact_verdict *v, const struct verify_context *c, FILE *to)
{
    struct arena *a = s->run;
    fprintf(to, "FAIL   exact: %s: ", v->group->name);
    if (v->outside)
        fprintf(to, "%s accesses outside of their buffer; ", number_text(a, v->outside));
    if (v->first)
        fprintf(to, "%s is not what the graph says; ", element_text(a, v->first, c->dims, v->first_at));
    fprintf(to, "%s of %s elements are unequal\n", number_text(a, v->unequal), number_text(a, v->elements));
    const struct node *n = v->first ? v->first : v->group->nodes[v->group->n_nodes - 1];
    if (n->loc.line)
        fprintf(to, "       %s%s at %s\n", n->origin ? n->origin : n->op->call.name,
                n->instance ? arena_printf(a, " of %s", n->instance) : "", loc_text(a, n->loc));
}

void report_exact_fails(struct session *s, const struct exact_report *r, const struct verify_context *c, FILE *to)
{
    size_t wrong = 0;
    for (size_t i = 0; i < r->n_kernels; i++)
        if (!exact_is_equal(&r->kernels[i]) && wrong++ < FAILS_SHOWN)
            print_fail(s, &r->kernels[i], c, to);
    if (wrong > FAILS_SHOWN)
        fprintf(to, "       … and %zu more kernels\n", wrong - FAILS_SHOWN);
}

void report_exact_json(struct session *s, struct cJSON *o, const struct exact_report *r, const struct verify_context *c)
{
    const char **selected = arena_array(s->run, const char *, r->n_selected + 1);
    size_t n = selected_texts(s, r, selected);
    json_bool(o, "pass", r->pass);
    json_int(o, "kernels", (int64_t)r->n_kernels);
    json_int(o, "kernels_equal", (int64_t)equal_kernels(r));
    json_real(o, "error_probability", r->error);
    json_real(o, "seconds", r->seconds);
    struct cJSON *list = json_array(o, "selected");
    for (size_t i = 0; i < n; i++)
        json_text(list, NULL, selected[i]);
    list = json_array(o, "unequal");
    for (size_t i = 0; i < r->n_kernels; i++) {
        const struct exact_verdict *v = &r->kernels[i];
        if (exact_is_equal(v))
            continue;
        struct cJSON *one = json_object(list, NULL);
        json_text(one, "kernel", v->group->name);
        json_text(one, "text", c->program->kernels[v->kernel].k->name);
        json_int(one, "elements", v->elements);
        json_int(one, "unequal", v->unequal);
        json_int(one, "outside", v->outside);
        json_text(one, "first", v->first ? element_text(s->run, v->first, c->dims, v->first_at) : NULL);
    }
}
