#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"

enum { FAILS_SHOWN = 5, PLACE_WIDTH = 28 };

/* A line for equal kernels, such as those of all experts. */
struct line {
    const char *title;
    size_t kernel, n, judged;
    const struct kernel_verdict *worst;
    int64_t range;
};

enum { COLUMNS = 7 };
struct verify_lines {
    struct session *s;
    const struct verify_context *c;
    FILE *to;
    struct line *lines;
    size_t n;
    size_t width[COLUMNS];
};

/* A wrong kernel is worse than a right one. Otherwise the larger ratio is worse. */
static bool is_worse(const struct kernel_verdict *a, const struct kernel_verdict *b)
{
    return a->pass != b->pass ? !a->pass : a->ratio > b->ratio;
}

static struct line *line_of(struct verify_lines *l, const struct group *gr, size_t kernel)
{
    const char *title = group_stem(l->s->run, gr);
    size_t k = 0;
    while (k < l->n && (l->lines[k].kernel != kernel || strcmp(l->lines[k].title, title)))
        k++;
    if (k == l->n)
        l->lines[l->n++] = (struct line){ .title = title, .kernel = kernel };
    return &l->lines[k];
}

static const char *error_text(struct arena *a, double x) { return x == 0 ? "0" : arena_printf(a, "%.1e", x); }
static const char *value_text(struct arena *a, double x) { return isnan(x) ? "NaN" : arena_printf(a, "%.6g", x); }

static const char *where_text(struct arena *a, const struct kernel_verdict *v, const struct dim_values *dims)
{
    return v->worst ? element_text(a, v->worst, dims, v->worst_at) : "–";
}

static const char *stands_on(struct session *s, const struct verify_context *c)
{
    const struct matrix_unit *u = c->device->target->matrix;
    if (strcmp(c->device->ops->kind, "emu"))
        return arena_printf(s->run, "a device: %s (%s)", c->device->name, c->device->spec);
    if (!u)
        return "an emulation, without a matrix unit";
    return arena_printf(s->run, "an emulation; the bit model of its matrix unit is %s",
                        provenance_word(u->model.known));
}

static const char *dims_text(struct arena *a, const struct dim_values *d)
{
    const char *text = "";
    for (size_t i = 0; i < d->n; i++)
        text = arena_printf(a, "%s%s%s %" PRId64, text, i ? " " : "", d->names[i], d->values[i]);
    return text;
}

/* Sets the column widths before the lines are known: for the longest title and the last element of every result. */
static void set_widths(struct verify_lines *l)
{
    static const char *const widest[COLUMNS] = { "kernel",        "1.0e-100", "1.0e-10", "1,000",
                                                 "worst element", "range",    "wrong" };
    struct arena *a = l->s->run;
    const struct program *p = l->c->program;
    for (int i = 0; i < COLUMNS; i++)
        l->width[i] = text_width(widest[i]);
    for (size_t i = 0; i < p->n_launches; i++) {
        const struct group *gr = p->launches[i].group;
        const struct line *line = line_of(l, gr, p->launches[i].kernel);
        size_t title = text_width(line->n > 1 ? line->title : gr->name) + (line->n > 1 ? 5 : 0);
        l->width[0] = p->launches[i].last && title > l->width[0] ? title : l->width[0];
        for (size_t k = 0; k < gr->n_outs; k++) {
            int64_t count = dims_eval(l->c->dims, type_count(l->s, &gr->outs[k]->type));
            size_t place = text_width(element_text(a, gr->outs[k], l->c->dims, count > 0 ? count - 1 : 0));
            place = place < PLACE_WIDTH ? place : PLACE_WIDTH;
            l->width[4] = place > l->width[4] ? place : l->width[4];
        }
    }
}

static void print_row(const struct verify_lines *l, const char *const cells[COLUMNS])
{
    struct table *t = table_new(l->s->run, "lrrrlrl");
    t->most = TABLE_WIDTH;
    t->least = l->width;
    table_row(t, cells);
    table_print(t, 2, l->to);
    fflush(l->to);
}

struct verify_lines *report_kernels_begin(struct session *s, const struct verify_context *c, FILE *to)
{
    struct verify_lines *l = arena_new_of(s->run, struct verify_lines);
    const struct program *p = c->program;
    const char *dims = dims_text(s->run, c->dims);
    *l =
        (struct verify_lines){ .s = s, .c = c, .to = to, .lines = arena_array(s->run, struct line, p->n_launches + 1) };
    for (size_t i = 0; i < p->n_launches; i++)
        if (p->launches[i].last)
            line_of(l, p->launches[i].group, p->launches[i].kernel)->n++;
    set_widths(l);
    fprintf(to, "%s   %s%s%s against cpu real   %s\n", graph_title(s->run, c->parsed), dims, *dims ? "   " : "",
            c->device->spec, c->weights);
    if (l->n)
        print_row(l, (const char *[]){ "kernel", "observed", "bound", "ratio", "worst element", "range", NULL });
    return l;
}

void report_kernels_judged(struct verify_lines *l, const struct kernel_verdict *v)
{
    struct arena *a = l->s->run;
    struct line *line = line_of(l, v->group, v->kernel);
    if (!line->worst || is_worse(v, line->worst))
        line->worst = v;
    line->range += v->range;
    if (++line->judged < line->n)
        return;
    const struct kernel_verdict *w = line->worst;
    const char *title = line->n > 1 ? arena_printf(a, "%s  ×%zu", line->title, line->n) : w->group->name;
    const char *none = "–";
    print_row(l, (const char *[]){ title, w->worst ? error_text(a, w->observed) : none,
                                   w->worst ? error_text(a, w->bound) : none, w->worst ? ratio_text(a, w->ratio) : none,
                                   text_short(a, where_text(a, w, l->c->dims), PLACE_WIDTH),
                                   number_text(a, line->range), w->pass ? NULL : "wrong" });
}

/* BEFORE and "4,096 of 262,144"; "" if n is all. */
static const char *of_text(struct arena *a, const char *before, double n, double all)
{
    return n == all ? ""
                    : arena_printf(a, "%s%s of %s", before, number_text(a, (int64_t)n), number_text(a, (int64_t)all));
}

/* "y 8.9e-04 from real, end to end, in 320 of 2,560 elements". Counts the elements that are not finite. */
static const char *drift_text(struct arena *a, const struct drift *d)
{
    const char *in = of_text(a, ", in ", (double)d->elements, (double)d->all);
    in = *in ? arena_printf(a, "%s elements", in) : in;
    if (d->left_out > 0)
        return arena_printf(a, "%s not computed: %.1e multiply-adds of the reference (--full computes it)", d->name,
                            d->left_out);
    if (!d->elements)
        return arena_printf(a, "%s has no elements", d->name);
    if (d->finite == d->elements)
        return arena_printf(a, "%s %s from real, end to end%s", d->name, error_text(a, d->relative), in);
    const struct {
        int64_t n;
        const char *what;
    } rest[] = {
        { d->nans, "NaN on both sides" },
        { d->infinite, "infinite on both sides" },
        { d->one_sided, "finite on one side only" },
        { d->unlike, "not finite and not the same" },
    };
    const char *text =
        d->finite ? arena_printf(a, "%s %s from real where finite", d->name, error_text(a, d->relative)) : d->name;
    const char *sep = d->finite ? "; " : " ";
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (rest[i].n) {
            text = arena_printf(a, "%s%s%s %s", text, sep, number_text(a, rest[i].n), rest[i].what);
            sep = ", ";
        }
    return arena_printf(a, "%s%s", text, in);
}

/* For each number of judged elements, the number of kernels: "24 kernels on 4,096 of 262,144 elements". */
static void print_sampled(struct session *s, const struct verify_report *r, FILE *to)
{
    struct arena *a = s->run;
    bool *said = arena_array(a, bool, r->n_kernels + 1);
    const char *title = "sampled";
    for (size_t i = 0; i < r->n_kernels; i++) {
        const struct kernel_verdict *v = &r->kernels[i];
        int64_t n = 0;
        if (said[i] || v->elements + v->range == v->all)
            continue;
        for (size_t k = i; k < r->n_kernels; k++) {
            const struct kernel_verdict *w = &r->kernels[k];
            said[k] |= w->all == v->all && w->elements + w->range == v->elements + v->range;
            n += w->all == v->all && w->elements + w->range == v->elements + v->range;
        }
        fprintf(to, "  %-7s     %s %s%s elements%s\n", title, number_text(a, n), plural(n, "kernel", "kernels"),
                of_text(a, " on ", (double)(v->elements + v->range), (double)v->all),
                *title ? "; --full judges all" : "");
        title = "";
    }
}

static bool is_gradient(const struct drift *d) { return !strncmp(d->name, "grad:", 5); }

/* True if every element of d was compared and is finite. */
static bool is_plain(const struct drift *d)
{
    return d->left_out <= 0 && d->elements == d->all && d->finite == d->elements;
}

/* A line for each output. More than FEW gradients share one line, which names the worst; those with something else to
   say, and with -v all, have their own. */
static void print_drifts(struct session *s, const struct verify_report *r, FILE *to)
{
    enum { FEW = 6 };
    const struct drift *worst = NULL;
    size_t together = 0;
    const char *head = "drift";
    for (size_t i = 0; i < r->n_drifts; i++) {
        const struct drift *d = &r->drifts[i];
        bool plain = is_gradient(d) && is_plain(d);
        together += plain;
        if (plain && (!worst || d->relative > worst->relative))
            worst = d;
    }
    bool all = together <= FEW || s->log;
    for (size_t i = 0; i < r->n_drifts; i++) {
        const struct drift *d = &r->drifts[i];
        if (!all && is_gradient(d) && is_plain(d))
            continue;
        fprintf(to, "  %-5s       %s\n", head, drift_text(s->run, d));
        head = "";
    }
    if (!all)
        fprintf(to, "  %-5s       %zu gradients, at most %s from real, end to end: %s (-v shows each)\n", head,
                together, error_text(s->run, worst->relative), worst->name);
}

static void print_passes(struct session *s, const struct verify_report *r, FILE *to)
{
    const char *in = of_text(s->run, ", in ", r->pass_elements, r->pass_all);
    in = *in ? arena_printf(s->run, "%s elements", in) : in;
    if (r->passes_ok)
        fprintf(to, "  passes      %zu %s equal to the parsed graph's within 2⁻⁵³ bounds%s\n", r->pass_values,
                plural((int64_t)r->pass_values, "value", "values"), in);
    else
        fprintf(to, "  passes      a value differs from the parsed graph's, among %zu compared%s\n", r->pass_values,
                in);
    if (r->pass_left_out)
        fprintf(to, "              %zu %s not compared: the reference is too large; --full compares all\n",
                r->pass_left_out, plural((int64_t)r->pass_left_out, "value", "values"));
}

static void print_rest(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to)
{
    int64_t uncertain = 0;
    for (size_t i = 0; i < r->n_kernels; i++)
        uncertain += r->kernels[i].uncertain_rows;
    if (r->rows)
        fprintf(to,
                "  routing     %" PRId64 " of %" PRId64 " chosen sets equal, %" PRId64
                " certified for every rounding\n",
                r->rows_equal, r->rows, r->rows_certified);
    if (uncertain)
        fprintf(to,
                "              %" PRId64
                " chosen sets differ from the reference's, as the bounds on their scores allow\n",
                uncertain);
    print_sampled(s, r, to);
    print_passes(s, r, to);
    if (graph_uses(c->parsed, "combine"))
        fprintf(to, "  dispatch    dense, no buckets: not checked\n");
    if (graph_drops_loss(c->parsed))
        fprintf(to, "  loss        not an output, so not judged: --output loss adds it\n");
    if (c->sanitized)
        fprintf(to, "  sanitize    no race, no unwritten and no out-of-range access in %s\n",
                count_text(s->run, c->program->n_launches, "launch"));
    print_drifts(s, r, to);
    if (r->exact)
        report_exact(s, r->exact, to);
    fprintf(to, "  rests on    %s\n", stands_on(s, c));
}

static void print_kernel_fail(struct session *s, const struct kernel_verdict *v, const struct verify_context *c,
                              FILE *to)
{
    struct arena *a = s->run;
    fprintf(to, "FAIL   %s: ", v->group->name);
    if (v->worst)
        fprintf(to, "%s is %s, should be %s ± %s (%s × the bound); ", where_text(a, v, c->dims), value_text(a, v->got),
                value_text(a, v->want), error_text(a, v->bound), ratio_text(a, v->ratio));
    fprintf(to, "%s of %s elements are wrong\n", number_text(a, v->wrong), number_text(a, v->elements));
    const struct node *n = v->worst ? v->worst : v->group->nodes[v->group->n_nodes - 1];
    if (n->loc.line)
        fprintf(to, "       %s%s at %s\n", n->origin ? n->origin : n->op->call.name,
                n->instance ? arena_printf(a, " of %s", n->instance) : "", loc_text(a, n->loc));
}

static void print_fail(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to)
{
    size_t shown = 0;
    size_t wrong = 0;
    bool emu = !strcmp(c->device->ops->kind, "emu");
    for (size_t i = 0; i < r->n_kernels; i++) {
        if (r->kernels[i].pass)
            continue;
        wrong++;
        if (shown++ < FAILS_SHOWN)
            print_kernel_fail(s, &r->kernels[i], c, to);
    }
    if (wrong > FAILS_SHOWN)
        fprintf(to, "       … and %zu more kernels\n", wrong - FAILS_SHOWN);
    if (!r->memory_ok) {
        fprintf(to, "FAIL   memory: %s\n", r->memory_why);
        if (r->memory_loc.line)
            fprintf(to, "       at %s\n", loc_text(s->run, r->memory_loc));
    }
    if (!r->passes_ok) {
        fprintf(to, "FAIL   %s%s: %s\n", r->pass_failed ? "pass " : "the passes", r->pass_failed ? r->pass_failed : "",
                r->pass_value ? r->pass_value : "a value differs");
        if (r->pass_loc.line)
            fprintf(to, "       at %s\n", loc_text(s->run, r->pass_loc));
        if (r->pass_failed)
            fprintf(to, "       tokic print %s --target %s --dump=after:%s    to see the graph that it made\n", c->what,
                    c->device->target->name, r->pass_failed);
    }
    if (r->exact)
        report_exact_fails(s, r->exact, c, to);
    if (wrong)
        fprintf(to, "       tokic verify %s%s --device emu:%s --sanitize    %s\n", c->what, c->with,
                c->device->target->name,
                emu ? "looks for races, out-of-range and unwritten accesses"
                    : "runs the same kernels on the CPU, looking for races, out-of-range and unwritten accesses");
}

/* Sums over all kernels. `blind`: number of kernels without a judged element; `kernels`: all others. */
struct judged {
    int64_t elements, range, not_finite;
    int64_t all; /* of the results, of which large kernels are judged on some */
    size_t kernels, blind;
};

static bool is_blind(const struct kernel_verdict *v) { return !v->elements && v->range; }

static struct judged judged_of(const struct verify_report *r)
{
    struct judged j = { 0 };
    for (size_t i = 0; i < r->n_kernels; i++) {
        j.elements += r->kernels[i].elements;
        j.range += r->kernels[i].range;
        j.not_finite += r->kernels[i].not_finite;
        j.all += r->kernels[i].all;
        j.blind += is_blind(&r->kernels[i]);
    }
    j.kernels = r->n_kernels - j.blind;
    return j;
}

/* Says why nothing was judged: "no kernels", or "B 0" if the dim B is 0. */
static const char *nothing_text(struct arena *a, const struct verify_report *r, const struct dim_values *d)
{
    const char *text = "";
    if (!r->n_kernels)
        return "no kernels";
    for (size_t i = 0; i < d->n; i++)
        if (!d->values[i])
            text = arena_printf(a, "%s%s%s 0", text, *text ? ", " : "", d->names[i]);
    return *text ? text : "no value has elements";
}

/* Says why an element was not judged: "y[3, 1]: div in it may leave its domain". */
static const char *blind_text(struct arena *a, const struct kernel_verdict *v, const struct dim_values *dims)
{
    const char *at = element_text(a, v->blind, dims, v->blind_at);
    return v->blind_of == v->blind ? arena_printf(a, "%s %s", at, v->blind_why)
                                   : arena_printf(a, "%s: %s in it %s", at, v->blind_of->op->call.name, v->blind_why);
}

static void print_unjudged(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to)
{
    struct arena *a = s->run;
    for (size_t i = 0; i < r->n_kernels; i++) {
        const struct kernel_verdict *v = &r->kernels[i];
        if (v->range)
            fprintf(to, "       kernel %s: %s of %s elements not judged: %s\n", v->group->name,
                    number_text(a, v->range), number_text(a, v->elements + v->range), blind_text(a, v, c->dims));
        else if (v->elements && v->not_finite == v->elements)
            fprintf(to, "       no element of %s is finite\n", v->group->name);
    }
    for (size_t i = 0; i < r->n_outputs; i++)
        if (coverage_is_blind(&r->outputs[i].of))
            fprintf(to, "       no element of output %s was judged\n", r->outputs[i].name);
}

static void print_pass(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to)
{
    struct arena *a = s->run;
    struct judged j = judged_of(r);
    const char *all = number_text(a, j.elements + j.range);
    if (!r->n_kernels || !(j.elements + j.range)) {
        fprintf(to, "PASS   nothing to judge: %s\n", nothing_text(a, r, c->dims));
        return;
    }
    if (!j.elements) {
        fprintf(to, "NOT JUDGED: none of %s elements\n", all);
        print_unjudged(s, r, c, to);
        return;
    }
    const char *of = j.blind ? arena_printf(a, " of %zu", r->n_kernels) : "";
    if (c->verdict == VERDICT_PASS)
        fprintf(to, "PASS   ");
    else
        fprintf(to, "%s%s of %s elements%s   ",
                c->verdict == VERDICT_PARTLY ? "PASS, " : "NOT JUDGED: ", number_text(a, j.range), all,
                c->verdict == VERDICT_PARTLY ? " not judged" : "");
    fprintf(to, "%zu%s %s within %s bounds, worst %s of it", j.kernels, of,
            plural((int64_t)r->n_kernels, "kernel", "kernels"), plural((int64_t)j.kernels, "its", "their"),
            ratio_text(a, r->worst));
    if (j.range && c->verdict == VERDICT_PASS)
        fprintf(to, "; %s of %s elements not judged (range)", number_text(a, j.range), all);
    if (j.not_finite)
        fprintf(to, "; %s of %s not finite, as the reference allows", number_text(a, j.not_finite), all);
    fputc('\n', to);
    print_unjudged(s, r, c, to);
}

void report_verify(struct session *s, const struct verify_report *r, const struct verify_context *c, bool quiet,
                   FILE *to)
{
    if (!quiet)
        print_rest(s, r, c, to);
    if (c->verdict != VERDICT_FAIL)
        print_pass(s, r, c, to);
    else
        print_fail(s, r, c, to);
}

static void add_verdict(struct session *s, struct cJSON *o, const struct kernel_verdict *v,
                        const struct verify_context *c)
{
    json_text(o, "kernel", v->group->name);
    json_text(o, "text", c->program->kernels[v->kernel].k->name);
    json_bool(o, "pass", v->pass);
    json_int(o, "elements", v->elements);
    json_int(o, "elements_all", v->all);
    json_int(o, "wrong", v->wrong);
    json_int(o, "range", v->range);
    json_int(o, "not_finite", v->not_finite);
    json_int(o, "uncertain_rows", v->uncertain_rows);
    json_real(o, "observed", v->observed);
    json_real(o, "bound", v->bound);
    json_real(o, "ratio", v->ratio);
    json_text(o, "worst", v->worst ? where_text(s->run, v, c->dims) : NULL);
    json_text(o, "at", v->worst && v->worst->loc.line ? loc_text(s->run, v->worst->loc) : NULL);
    json_real(o, "got", v->got);
    json_real(o, "want", v->want);
    json_text(o, "not_judged", v->blind ? blind_text(s->run, v, c->dims) : NULL);
}

static void add_header(struct session *s, struct cJSON *o, const struct verify_context *c)
{
    json_text(o, "device", c->device->spec);
    json_text(o, "target", c->device->target->name);
    json_text(o, "against", "cpu real");
    json_text(o, "stands_on", stands_on(s, c));
    json_bool(o, "sanitized", c->sanitized);
    json_bool(o, "loss_not_judged", graph_drops_loss(c->parsed));
}

static void add_drifts(struct cJSON *o, const struct verify_report *r)
{
    struct cJSON *drift = json_object(o, "drift");
    struct cJSON *sampled = json_object(o, "drift_sampled");
    struct cJSON *left_out = json_object(o, "drift_not_computed");
    for (size_t i = 0; i < r->n_drifts; i++) {
        const struct drift *d = &r->drifts[i];
        if (d->left_out > 0) {
            json_real(json_object(left_out, d->name), "multiply_adds", d->left_out);
            continue;
        }
        json_real(drift, d->name, d->relative);
        if (d->elements == d->all)
            continue;
        struct cJSON *one = json_object(sampled, d->name);
        json_int(one, "elements", d->elements);
        json_int(one, "elements_all", d->all);
    }
}

static void add_verdicts(struct session *s, struct cJSON *o, const struct verify_report *r,
                         const struct verify_context *c)
{
    static const char *const verdicts[] = {
        [VERDICT_PASS] = "PASS",
        [VERDICT_PARTLY] = "PASS",
        [VERDICT_NOT_JUDGED] = "NOT JUDGED",
        [VERDICT_FAIL] = "FAIL",
    };
    json_text(o, "verdict", verdicts[c->verdict]);
    json_bool(o, "judged_in_part", c->verdict == VERDICT_PARTLY);
    struct judged j = judged_of(r);
    json_int(o, "kernels_judged", j.elements ? (int64_t)j.kernels : 0);
    json_int(o, "elements_judged", j.elements);
    json_int(o, "elements_not_judged", j.range);
    json_int(o, "elements_all", j.all);
    json_int(o, "elements_not_finite", j.not_finite);
    struct cJSON *blind = json_array(o, "kernels_not_judged");
    for (size_t i = 0; i < r->n_kernels; i++)
        if (is_blind(&r->kernels[i]))
            json_text(blind, NULL, r->kernels[i].group->name);
    struct cJSON *outputs = json_array(o, "outputs");
    for (size_t i = 0; i < r->n_outputs; i++) {
        struct cJSON *one = json_object(outputs, NULL);
        json_text(one, "name", r->outputs[i].name);
        json_int(one, "elements", r->outputs[i].of.elements);
        json_int(one, "range", r->outputs[i].of.range);
    }
    json_real(o, "worst_ratio", r->worst);
    if (r->rows) {
        json_int(o, "rows", r->rows);
        json_int(o, "rows_equal", r->rows_equal);
        json_int(o, "rows_certified", r->rows_certified);
    }
    json_bool(o, "memory_ok", r->memory_ok);
    json_text(o, "memory_why", r->memory_why);
    json_int(o, "pass_values", (int64_t)r->pass_values);
    json_real(o, "pass_elements", r->pass_elements);
    json_real(o, "pass_elements_all", r->pass_all);
    json_int(o, "pass_values_left_out", (int64_t)r->pass_left_out);
    json_bool(o, "passes_ok", r->passes_ok);
    json_text(o, "pass_failed", r->pass_failed);
    json_text(o, "pass_value", r->pass_value);
    if (r->exact)
        report_exact_json(s, json_object(o, "exact"), r->exact, c);
    add_drifts(o, r);
    struct cJSON *odd = json_object(o, "not_finite");
    for (size_t i = 0; i < r->n_drifts; i++) {
        const struct drift *d = &r->drifts[i];
        if (d->finite == d->elements)
            continue;
        struct cJSON *one = json_object(odd, d->name);
        json_int(one, "elements", d->elements);
        json_int(one, "nan", d->nans);
        json_int(one, "infinite", d->infinite);
        json_int(one, "one_sided", d->one_sided);
        json_int(one, "unlike", d->unlike);
    }
}

bool report_verify_head_json(struct session *s, struct cJSON *head, const struct verify_context *c, FILE *to)
{
    add_header(s, head, c);
    return json_line(s, head, to);
}

bool report_kernel_json(struct session *s, const struct kernel_verdict *v, const struct verify_context *c, FILE *to)
{
    struct cJSON *o = report_json("kernel");
    add_verdict(s, o, v, c);
    return json_line(s, o, to);
}

bool report_verify_json(struct session *s, const struct verify_report *r, const struct verify_context *c, FILE *to)
{
    struct cJSON *o = report_json("verdict");
    add_verdicts(s, o, r, c);
    return json_line(s, o, to);
}

struct cJSON *report_verify_object(struct session *s, struct cJSON *head, const struct verify_report *r,
                                   const struct verify_context *c)
{
    struct cJSON *o = head;
    struct cJSON *list;
    add_header(s, o, c);
    add_verdicts(s, o, r, c);
    list = json_array(o, "kernels");
    for (size_t i = 0; i < r->n_kernels; i++)
        add_verdict(s, json_object(list, NULL), &r->kernels[i], c);
    return o;
}
