/* tokic build: compiles a graph for each target and writes a directory. */
#include <string.h>

#include "runtime/cli/cli_line.h"
#include "runtime/compile/compile.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"

enum { MAX_TARGETS = 16, MAX_GPUS = 8 };

struct build_job {
    struct line l;
    const struct target *targets[MAX_TARGETS];
    size_t n_targets;
    bool must_compile; /* true: a target without a compiler is an error */
    struct compiled compiled[MAX_TARGETS];
    const char *why[MAX_TARGETS]; /* NULL: compiled */
    const char *dir;
    const char *name; /* the build's name in tokic-out; NULL with -o */
};

static const struct target *gpu_target(struct session *s, struct device *(*open)(struct session *, int), int ordinal)
{
    struct session *probe = session_begin();
    struct device *d = open(probe, ordinal);
    const struct target *t = d ? d->target : NULL;
    if (d)
        d->ops->close(d);
    else if (probe->n_diags)
        diag_warning(s, NOWHERE, "skipped a GPU: %s", probe->diags[0].text);
    session_end(probe);
    return t;
}

static void add_gpus(struct build_job *j, int count, struct device *(*open)(struct session *, int))
{
    for (int i = 0; i < count && i < MAX_GPUS && j->n_targets < MAX_TARGETS; i++) {
        const struct target *t = gpu_target(j->l.s, open, i);
        bool twice = !t;
        for (size_t k = 0; k < j->n_targets; k++)
            twice |= j->targets[k] == t;
        if (!twice)
            j->targets[j->n_targets++] = t;
    }
}

/* Default: the targets of the GPUs present, else gfx90a, which the emulator can run without a GPU compiler. */
static bool choose_targets(struct build_job *j)
{
    const struct cli_options *o = &j->l.c->o;
    j->must_compile = true;
    if (o->target)
        return line_targets(j->l.s, o->target, j->targets, MAX_TARGETS, &j->n_targets);
    add_gpus(j, nvidia_count(j->l.s), nvidia_open);
    add_gpus(j, amd_count(j->l.s), amd_open);
    if (j->n_targets)
        return true;
    j->must_compile = false;
    j->targets[j->n_targets++] = line_target(&j->l);
    return true;
}

static bool compile_target(struct build_job *j, size_t i)
{
    struct session *s = j->l.s;
    const struct target *t = j->targets[i];
    if (!line_program(&j->l, t, &j->compiled[i]))
        return false;
    if (!j->compiled[i].program->n_kernels) {
        j->why[i] = "there are no kernels";
        line_text(&j->l, &j->compiled[i], "gpu");
        return true;
    }
    if (compile_available(s, t, &j->why[i])) {
        j->why[i] = NULL;
        return line_compile(&j->l, &j->compiled[i], "gpu");
    }
    if (!j->must_compile) {
        line_text(&j->l, &j->compiled[i], "gpu");
        return true;
    }
    diag_error(s, FAIL_DEVICE, NOWHERE, "no compiler for %s: %s", t->name, j->why[i]);
    diag_note(s, NOWHERE, "without a compiler: tokic run %s --backend hip --device emu:%s", j->l.what, t->name);
    return false;
}

static const char *dims_text(const struct line *l)
{
    const char *text = "";
    for (size_t i = 0; i < l->parsed->n_dims; i++)
        text = arena_printf(l->s->run, "%s%s%s", text, i ? ", " : "", l->parsed->dims[i].name);
    return *text ? arena_printf(l->s->run, "   %s symbolic (hint %lld)", text, (long long)l->hint) : "";
}

static void print_head(const struct build_job *j)
{
    const struct graph *g = j->l.parsed;
    struct arena *a = j->l.s->run;
    size_t n;
    struct obligation_counts c = obligations_count(g);
    FILE *out = j->l.c->out;
    fprintf(out, "%s   %s parameters%s%s\n", graph_title(a, g), number_text(a, graph_parameters(g, &n)),
            dims_text(&j->l), graph_uses(g, "combine") ? "   dispatch dense" : "");
    fprintf(out, "contracts   %zu proved   %zu checked with --check   %zu open\n", c.of[OBLIGATION_PROVED],
            c.of[OBLIGATION_CHECKED], c.of[OBLIGATION_OPEN]);
    if (graph_drops_loss(g))
        fprintf(out, "loss        not an output, so not compiled: run and verify add it with --output loss\n");
}

static bool head_json(const struct build_job *j)
{
    const struct graph *g = j->l.parsed;
    struct obligation_counts c = obligations_count(g);
    size_t tensors;
    struct cJSON *o = line_json(&j->l, "build", NULL, INIT_TRAIN);
    struct cJSON *targets = json_array(o, "targets");
    for (size_t i = 0; i < j->n_targets; i++)
        json_text(targets, NULL, j->targets[i]->name);
    json_int(o, "parameters", graph_parameters(g, &tensors));
    json_int(o, "tensors", (int64_t)tensors);
    json_int(o, "nodes", (int64_t)g->n_nodes);
    json_int(o, "hint", j->l.hint);
    if (j->l.c->o.memory_limit)
        json_int(o, "memory_limit", j->l.c->o.memory_limit);
    json_int(o, "proved", (int64_t)c.of[OBLIGATION_PROVED]);
    json_int(o, "checked", (int64_t)c.of[OBLIGATION_CHECKED]);
    json_int(o, "open", (int64_t)c.of[OBLIGATION_OPEN]);
    json_bool(o, "loss_not_compiled", graph_drops_loss(g));
    return json_line(j->l.s, o, j->l.c->out);
}

static bool report(const struct build_job *j)
{
    struct cli *c = j->l.c;
    if (c->o.quiet && !c->o.json)
        return true;
    if (c->o.json && !head_json(j))
        return false;
    if (!c->o.json)
        print_head(j);
    for (size_t i = 0; i < j->n_targets; i++) {
        const struct compiled *k = &j->compiled[i];
        struct build_report r = { k->program, j->why[i] ? NULL : &k->code, j->why[i], j->l.hint };
        if (c->o.json && !report_build_target_json(c->s, &r, c->out))
            return false;
        if (c->o.json)
            continue;
        fprintf(c->out, "%zu nodes → %s, %s, %s\n", j->l.parsed->n_nodes,
                count_text(c->s->run, k->after->n_groups, "kernel"),
                count_text(c->s->run, k->program->n_launches, "launch"),
                count_text(c->s->run, k->program->n_kernels, "text"));
        report_build_target(c->s, &r, c->out);
    }
    return true;
}

static struct build_target target_files(const struct build_job *j, size_t i)
{
    const struct compiled *k = &j->compiled[i];
    struct build_kernel *kernels = arena_array(j->l.s->run, struct build_kernel, k->program->n_kernels + 1);
    for (size_t n = 0; n < k->program->n_kernels; n++)
        kernels[n] = (struct build_kernel){ k->program->kernels[n].k->name, k->program->kernels[n].text };
    return (struct build_target){ .target = k->target,
                                  .text = k->text,
                                  .kernels = kernels,
                                  .n_kernels = k->program->n_kernels,
                                  .compiled = !j->why[i],
                                  .code = k->code };
}

static bool write_build(const struct build_job *j)
{
    struct session *s = j->l.s;
    const struct cli_options *o = &j->l.c->o;
    const struct graph *g = j->l.parsed;
    struct build_target targets[MAX_TARGETS];
    for (size_t i = 0; i < j->n_targets; i++)
        targets[i] = target_files(j, i);
    struct build b = { .graph = g->name,
                       .size = g->size,
                       .source = j->l.src->name,
                       .text = j->l.src->text,
                       .checked = graph_text(g),
                       .sets = o->sets.v,
                       .n_sets = o->sets.n,
                       .loss_scale = o->grad ? line_gradients(&j->l).scale : 0,
                       .hint = j->l.hint,
                       .memory_limit = o->memory_limit,
                       .targets = targets,
                       .n_targets = j->n_targets };
    if (!build_write(s, &b, j->dir) || (!o->out_dir && !build_set_last(s, j->name)))
        return false;
    if (!o->json)
        fprintf(j->l.c->out, "wrote %s\n", j->dir);
    if (!o->json)
        return true;
    struct cJSON *line = report_json("wrote");
    json_text(line, "wrote", j->dir);
    return json_line(s, line, j->l.c->out);
}

/* Refuses a default directory that has a build of another file. */
static bool choose_dir(struct build_job *j)
{
    const struct graph *g = j->l.parsed;
    const struct cli_options *o = &j->l.c->o;
    j->dir = o->out_dir;
    if (j->dir)
        return true;
    j->dir = build_default_dir(j->l.s, g->name, g->size, o->sets.v, o->sets.n, &j->name);
    return build_is_of(j->l.s, j->dir, j->l.src->name);
}

static enum fail stop(struct build_job *j)
{
    static const char *const early[] = { "infer", "contracts" };
    struct compiled k = { .after = j->l.parsed };
    bool is_early = !strcmp(j->l.c->o.stop, early[0]) || !strcmp(j->l.c->o.stop, early[1]);
    if (!is_early && !line_passes(&j->l, j->targets[0], NULL, &k))
        return FAIL_INPUT;
    struct cli *c = j->l.c;
    if (!c->o.json && !c->o.dump)
        fputs(graph_text(k.after), c->out);
    fprintf(c->err, "stopped after %s: nothing was compiled\n", c->o.stop);
    if (!c->o.json)
        return FAIL_NONE;
    struct cJSON *o = line_json(&j->l, "graph_text", NULL, INIT_TRAIN);
    json_text(o, "stopped_after", c->o.stop);
    json_text(o, "text", graph_text(k.after));
    return json_line(c->s, o, c->out) ? FAIL_NONE : FAIL_INPUT;
}

enum fail cli_build(struct cli *c)
{
    struct build_job *j = arena_new_of(c->s->run, struct build_job);
    if (!c->o.what) {
        diag_error(c->s, FAIL_USAGE, NOWHERE, "tokic build needs a .graph file");
        diag_note(c->s, NOWHERE, "for example: tokic build models/moe_sheaf.graph");
        return FAIL_USAGE;
    }
    if (!line_open(c, &j->l))
        return FAIL_INPUT;
    if (j->l.build) {
        diag_error(c->s, FAIL_USAGE, NOWHERE, "%s is a build already; name the .graph file (it was %s)", j->l.what,
                   j->l.src->name);
        return FAIL_USAGE;
    }
    if (c->o.batch > 0)
        j->l.hint = c->o.batch;
    if (!choose_targets(j))
        return FAIL_USAGE;
    if (c->o.stop)
        return stop(j);
    if (!choose_dir(j))
        return FAIL_INPUT;
    for (size_t i = 0; i < j->n_targets; i++)
        if (!compile_target(j, i))
            return FAIL_DEVICE;
    return report(j) && write_build(j) ? FAIL_NONE : FAIL_INPUT;
}
