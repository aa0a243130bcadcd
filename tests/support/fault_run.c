#include "tests/support/fault_run.h"

#include <math.h>
#include <string.h>

#include "codegen/payload.h"
#include "runtime/judge/exact.h"
#include "tests/support/kir_run.h"
#include "tests/support/support.h"

/* Memory that a kernel reads before it writes is 1e3, not NaN: times 0 it is nothing, as over the field. The checking
   emulator reports such reads. */
enum { MOST = 4096, TRIALS = 4 };

struct fault {
    enum mutant_class class;
    size_t kernel;
    const char *what;
};

struct hunt {
    struct session *s;
    struct chain *c;
    struct fault fault[MOST];
    const char *text[MOST], *name[MOST]; /* payloads: of faulty kernels, then of the program's own */
    size_t n;
    struct payloads field, doubles;
};

static void plant(struct hunt *h, uint64_t *rnd, int count)
{
    struct program *p = h->c->program;
    for (int class = 0; class < MUTANT_CLASSES; class ++)
        for (int i = 0, tries = 0; i < count && tries < 8 * count; tries++) {
            struct mutant m;
            size_t kernel = (size_t)rnd_range(rnd, 0, (int64_t)p->n_kernels - 1);
            struct kernel *k = p->kernels[kernel].k;
            const char *own = k->name;
            const char *what = mutant_make(k, (enum mutant_class) class, rnd, &m);
            if (!what)
                continue;
            assert_true(h->n + p->n_kernels < MOST);
            k->name = h->name[h->n] = arena_printf(h->s->run, "fault%zu", h->n);
            h->text[h->n] = print_payload(h->s, k);
            k->name = own;
            mutant_undo(&m);
            h->fault[h->n++] = (struct fault){ (enum mutant_class) class, kernel, what };
            i++;
        }
}

static void compile(struct hunt *h)
{
    struct program *p = h->c->program;
    const char *doubles = arena_printf(h->s->run, "#include <math.h>\n%s%s#undef p_unset\n#define p_unset() 1e3\n",
                                       payload_guards(h->s), kir_doubles);
    for (size_t i = 0; i < p->n_kernels; i++) {
        h->name[h->n + i] = p->kernels[i].k->name;
        h->text[h->n + i] = print_payload(h->s, p->kernels[i].k);
    }
    if (!payloads_of_texts(h->s, h->c->target, payload_field(h->s), h->text, h->name, h->n + p->n_kernels, &h->field) ||
        !payloads_of_texts(h->s, h->c->target, doubles, h->text, h->name, h->n + p->n_kernels, &h->doubles))
        fail_msg("%s", chain_why(h->s, 0));
}

/* ---- does a fault change anything? ---- */
static double input(uint64_t *rnd, int trial)
{
    switch (trial) {
    case 0: return 2 * rnd_unit(rnd) - 1;
    case 1: return 0.25 + rnd_unit(rnd);
    case 2: return (double)rnd_range(rnd, -1, 1);
    default: return (double)rnd_range(rnd, 1, 4);
    }
}

static void fill(const struct group_cells *m, const struct walk *values, int trial)
{
    uint64_t rnd = 77 + (uint64_t)trial;
    for (size_t i = 0; i < m->gr->n_ins; i++)
        for (int64_t k = 0; k < m->in[i].count; k++)
            cells_set(&m->in[i], k,
                      dtype_is_float(m->in[i].dtype) ? (NUM){ .d = input(&rnd, trial) }
                                                     : walk_value(values, m->gr->ins[i])->v[k]);
}

/* Runs the next group on doubles, with `run` as kernel number `kernel`. Returns the accesses outside of arrays. */
static int64_t run_doubles(struct hunt *h, const struct program_launch *l, const struct group_cells *m, size_t kernel,
                           payload_run *run)
{
    int64_t outside = 0;
    group_cells_forget(m);
    for (;; l++) {
        outside += payload_launch(&h->doubles, l->kernel == kernel ? run : h->doubles.run[h->n + l->kernel], l, m);
        if (l->last)
            return outside;
    }
}

static bool differs(NUM a, NUM b, bool is_float, double scale, int trial)
{
    if (!is_float)
        return a.i != b.i;
    if (isnan(a.d) || isnan(b.d))
        return isnan(a.d) != isnan(b.d);
    if (a.d == b.d)
        return false;
    double gap = fabs(a.d - b.d);
    return !(gap <= 1e-6 * fmax(fabs(a.d), fabs(b.d))) && (trial >= 2 || !(gap <= 1e-9 * scale));
}

static bool outputs_differ(const struct group_cells *a, const struct group_cells *b, int trial)
{
    for (size_t i = 0; i < a->gr->n_outs; i++) {
        bool is_float = dtype_is_float(a->out[i].dtype);
        double scale = 0;
        for (int64_t k = 0; k < a->out[i].count && is_float; k++)
            scale = fmax(scale, fabs(cells_get(&a->out[i], k).d));
        for (int64_t k = 0; k < a->out[i].count; k++)
            if (differs(cells_get(&a->out[i], k), cells_get(&b->out[i], k), is_float, scale, trial))
                return true;
    }
    return false;
}

static bool is_neutral(struct hunt *h, struct exact *x, size_t fault)
{
    const struct program_launch *l = exact_launch(x);
    size_t kernel = h->fault[fault].kernel;
    struct arena *a = arena_new();
    struct group_cells own = group_cells_begin(a, l->group, &exact_values(x)->dims);
    struct group_cells its = group_cells_begin(a, l->group, &exact_values(x)->dims);
    bool neutral = true;
    for (int trial = 0; trial < TRIALS && neutral; trial++) {
        fill(&own, exact_values(x), trial);
        fill(&its, exact_values(x), trial);
        run_doubles(h, l, &own, kernel, h->doubles.run[h->n + kernel]);
        neutral = !run_doubles(h, l, &its, kernel, h->doubles.run[fault]) && !outputs_differ(&own, &its, trial);
    }
    group_cells_end(&own);
    group_cells_end(&its);
    arena_free(a);
    return neutral;
}

/* ---- is it caught? ---- */
static bool has_selection(const struct group *gr)
{
    for (size_t i = 0; i < gr->n_nodes; i++)
        for (int k = 0; k < gr->nodes[i]->n_in; k++)
            if (dtype_is_float(gr->nodes[i]->in[k]->type.dtype) && !dtype_is_float(gr->nodes[i]->type.dtype))
                return true;
    return false;
}

static void judge(struct hunt *h, struct exact *x, size_t fault, struct fault_tally *out, FILE *say, bool all)
{
    struct exact_verdict v;
    const struct fault *f = &h->fault[fault];
    struct fault_tally *t = &out[f->class];
    const struct group *gr = exact_launch(x)->group;
    *exact_code(x, f->kernel) = h->field.run[fault];
    exact_judge(x, &v);
    *exact_code(x, f->kernel) = h->field.run[h->n + f->kernel];
    bool caught = !exact_is_equal(&v);
    bool neutral = is_neutral(h, x, fault);
    t->made++;
    t->neutral += neutral;
    t->caught += !neutral && caught;
    bool selected = has_selection(gr);
    t->selected += !neutral && !caught && selected;
    t->missed += !neutral && !caught && !selected;
    if (say && ((!neutral && !caught) || (all && neutral)))
        fprintf(say, "%s: %s in kernel %s for %s: %s\n",
                neutral    ? "neutral"
                : selected ? "selection"
                           : "MISSED",
                mutant_names[f->class], gr->name, h->c->target->name, f->what);
    if (say && !neutral && !caught && !selected)
        fprintf(say, "%s\n%s\n", h->c->src->text, h->text[fault]);
}

/* Does the next group run kernel number `kernel`? */
static bool runs(const struct exact *x, size_t kernel)
{
    for (const struct program_launch *l = exact_launch(x);; l++) {
        if (l->kernel == kernel)
            return true;
        if (l->last)
            return false;
    }
}

void fault_run(const struct target *t, const char *text, int64_t batch, uint64_t seed, int count,
               struct fault_tally *out, FILE *say, bool all)
{
    struct session *s = session_begin();
    struct hunt *h = arena_new_of(s->run, struct hunt);
    uint64_t rnd = seed;
    h->s = s;
    h->n = 0;
    h->c = chain_new(s, t, source_of_string(s, "faults", text), NULL);
    if (!h->c)
        fail_msg("%s\n%s", text, chain_why(s, 0));
    plant(h, &rnd, count);
    compile(h);
    struct exact *x = exact_begin(s, h->c->program, chain_bind(h->c, batch, 42), 1, &h->field, h->n);
    bool *done = arena_array(s->run, bool, h->n + 1);
    while (!exact_is_done(x)) {
        struct exact_verdict v;
        exact_judge(x, &v);
        if (!exact_is_equal(&v))
            fail_msg("kernel %s is unequal without a fault\n%s", v.group->name, text);
        for (size_t i = 0; i < h->n; i++)
            if (!done[i] && runs(x, h->fault[i].kernel)) {
                judge(h, x, i, out, say, all);
                done[i] = true;
            }
        exact_pass_on(x);
    }
    exact_end(x);
    payloads_close(&h->field);
    payloads_close(&h->doubles);
    session_end(s);
}
