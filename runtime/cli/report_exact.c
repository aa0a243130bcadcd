#include <string.h>

#include "ir/ops/op.h"
#include "runtime/cli/report.h"
#include "runtime/format/json_out.h"
#include "runtime/judge/exact_device.h"

enum { FAILS_SHOWN = 5, SHOWN = 6 };

static size_t equal_kernels(const struct exact_report *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_kernels; i++)
        n += exact_is_equal(&r->kernels[i]);
    return n;
}

static size_t equal_on_device(const struct exact_device_report *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_kernels; i++)
        n += !d->kernels[i].why_not && !d->kernels[i].unequal;
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

/* Kernels that are not exact on small integers: equal ones once, with the first value that may round. */
static void print_unjudged(struct session *s, const struct exact_device_report *d, FILE *to)
{
    const char **seen = arena_array(s->run, const char *, d->n_kernels + 1);
    size_t n = 0;
    for (size_t i = 0; i < d->n_kernels; i++) {
        const struct exact_device_verdict *v = &d->kernels[i];
        if (!v->why_not)
            continue;
        const char *text = arena_printf(s->run, "%s: %s", group_stem(s->run, v->group), node_text(s->run, v->why_not));
        size_t k = 0;
        while (k < n && strcmp(seen[k], text))
            k++;
        if (k == n)
            seen[n++] = text;
    }
    for (size_t i = 0; i < n && i < SHOWN; i++)
        fprintf(to, "              %s%s\n", i ? "" : "not exact on the device, by the value that may round: ", seen[i]);
    if (n > SHOWN)
        fprintf(to, "              … and %zu more\n", n - SHOWN);
}

void report_exact(struct session *s, const struct exact_report *r, FILE *to)
{
    const char **selected = arena_array(s->run, const char *, r->n_selected + 1);
    size_t n = selected_texts(s, r, selected);
    fprintf(
        to,
        "  exact       %zu of %zu %s equal over 2⁶¹−1, error probability %.0e; %zu exact on the device in {−1, 0, 1}\n",
        equal_kernels(r), r->n_kernels, plural((int64_t)r->n_kernels, "kernel", "kernels"), r->error,
        equal_on_device(r->device));
    for (size_t i = 0; i < n && i < SHOWN; i++)
        fprintf(to, "              %s%s\n",
                i ? "" : "read by selections alone, so a fault there may stay unseen: ", selected[i]);
    if (n > SHOWN)
        fprintf(to, "              … and %zu more\n", n - SHOWN);
    print_unjudged(s, r->device, to);
}

static void print_place(struct session *s, const struct group *gr, const struct node *first, FILE *to)
{
    const struct node *n = first ? first : gr->nodes[gr->n_nodes - 1];
    if (n->loc.line)
        fprintf(to, "       %s%s at %s\n", n->origin ? n->origin : n->op->call.name,
                n->instance ? arena_printf(s->run, " of %s", n->instance) : "", loc_text(s->run, n->loc));
}

static void print_device_fail(struct session *s, const struct exact_device_verdict *v, const struct verify_context *c,
                              FILE *to)
{
    struct arena *a = s->run;
    fprintf(to, "FAIL   exact on the device: %s: %s is %.17g, should be %.17g; %s of %s elements are unequal\n",
            v->group->name, element_text(a, v->first, c->dims, v->first_at), v->got, v->want,
            number_text(a, v->unequal), number_text(a, v->elements));
    print_place(s, v->group, v->first, to);
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
    print_place(s, v->group, v->first, to);
}

void report_exact_fails(struct session *s, const struct exact_report *r, const struct verify_context *c, FILE *to)
{
    size_t wrong = 0;
    for (size_t i = 0; i < r->n_kernels; i++)
        if (!exact_is_equal(&r->kernels[i]) && wrong++ < FAILS_SHOWN)
            print_fail(s, &r->kernels[i], c, to);
    for (size_t i = 0; i < r->device->n_kernels; i++)
        if (r->device->kernels[i].unequal && wrong++ < FAILS_SHOWN)
            print_device_fail(s, &r->device->kernels[i], c, to);
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
    json_int(o, "device_equal", (int64_t)equal_on_device(r->device));
    list = json_array(o, "device_not_judged");
    for (size_t i = 0; i < r->device->n_kernels; i++)
        if (r->device->kernels[i].why_not)
            json_text(list, NULL, r->device->kernels[i].group->name);
    list = json_array(o, "device_unequal");
    for (size_t i = 0; i < r->device->n_kernels; i++)
        if (r->device->kernels[i].unequal)
            json_text(list, NULL, r->device->kernels[i].group->name);
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
