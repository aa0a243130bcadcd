#include "runtime/cli/cli_line.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ir/map.h"
#include "ir/ops/op.h"
#include "runtime/cli/report.h"
#include "runtime/format/hash.h"
#include "runtime/format/json_out.h"

enum { DEFAULT_HINT = 128, MAX_TARGETS = 16, MAX_NAMES = 24 };
#define DEFAULT_TARGET "gfx90a"

int line_threads(const struct cli *c)
{
    long n = c->o.threads ? (long)c->o.threads : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 1024 ? 1024 : (int)n;
}

bool line_dump_dir(struct cli *c)
{
    const char *path = c->o.dump_launches;
    bool used = false;
    if (!path)
        return true;
    DIR *d = opendir(path);
    for (const struct dirent *e; d && !used && (e = readdir(d));)
        used = strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    if (d)
        closedir(d);
    if (used)
        return diag_error(c->s, FAIL_INPUT, NOWHERE,
                          "--dump-launches %s: it holds files already; name a new directory, or empty this one", path);
    return dir_make(c->s, path);
}

static bool is_dir(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Warns if the graph's file has changed since the build. The build has its own copy of the text. */
static void warn_if_stale(const struct line *l)
{
    const struct build *b = l->build;
    struct session *probe = session_begin();
    const struct source *now = source_read(probe, b->source);
    if (now && strcmp(now->text, b->text)) {
        const char *sets = "";
        for (size_t i = 0; i < b->n_sets; i++)
            sets = arena_printf(l->s->run, "%s --set %s", sets, b->sets[i]);
        diag_warning(l->s, NOWHERE, "%s has changed since %s was built from it; this is the graph as it was", b->source,
                     l->what);
        const char *out = strncmp(l->what, "tokic-out/", 10) ? arena_printf(l->s->run, " -o %s", l->what) : "";
        diag_note(l->s, NOWHERE, "to build it as it is now: tokic build %s%s%s%s%s", b->source,
                  *b->size ? " --size " : "", b->size, sets, out);
    }
    session_end(probe);
}

/* Opens a build. Refuses --set and another --size, since the graph of a build is fixed. */
static bool open_build(struct line *l)
{
    const struct cli_options *o = &l->c->o;
    l->build = build_read(l->s, l->what);
    if (!l->build)
        return false;
    if ((o->size && strcmp(o->size, l->build->size)) || o->sets.n) {
        diag_error(l->s, FAIL_USAGE, NOWHERE, "%s is a build%s%s; --size and --set are for .graph files", l->what,
                   *l->build->size ? " of size " : "", l->build->size);
        diag_note(l->s, NOWHERE, "name the .graph file (it was %s), or build it again with these flags",
                  l->build->source);
        return false;
    }
    l->src = source_of_string(l->s, l->build->source, l->build->text);
    l->hint = l->build->hint;
    warn_if_stale(l);
    return true;
}

static bool open_what(struct line *l)
{
    l->what = l->c->o.what ? l->c->o.what : build_last(l->s);
    l->hint = DEFAULT_HINT;
    if (!l->what)
        return false;
    if (is_dir(l->what))
        return open_build(l);
    l->src = source_read(l->s, l->what);
    return l->src != NULL;
}

static void list_names(const struct line *l)
{
    const struct graph *g = l->parsed;
    const char *list = "";
    size_t n = 0;
    for (size_t i = 0; i < g->n_outs; i++)
        if (n++ < MAX_NAMES)
            list = arena_printf(l->s->run, "%s%s%s", list, *list ? ", " : "", g->outs[i].name);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const char *name = g->nodes[i]->name;
        bool said = !name;
        for (size_t k = 0; k < g->n_outs && !said; k++)
            said = !strcmp(g->outs[k].name, name);
        if (!said && n++ < MAX_NAMES)
            list = arena_printf(l->s->run, "%s%s%s", list, *list ? ", " : "", name);
    }
    const char *more = n > MAX_NAMES ? arena_printf(l->s->run, " and %zu more", n - MAX_NAMES) : "";
    diag_note(l->s, NOWHERE, *list ? "its tensors are: %s%s" : "it has no tensors%s%s", list, more);
}

#define GRAD_PREFIX "grad:"
static const double default_loss_scale = 1024;

/* Returns "w" for the option "grad:w=w.npy". NULL if the option asks for no gradient. */
static const char *gradient_asked(const struct line *l, const char *option)
{
    size_t skip = strlen(GRAD_PREFIX);
    return strncmp(option, GRAD_PREFIX, skip) ? NULL
                                              : arena_strndup(l->s->run, option + skip, strcspn(option + skip, "="));
}

struct gradients line_gradients(const struct line *l)
{
    const struct cli_options *o = &l->c->o;
    double of_build = l->build ? l->build->loss_scale : 0;
    double scale = o->loss_scale > 0 ? o->loss_scale : of_build > 0 ? of_build : default_loss_scale;
    struct gradients g = { .of_params = o->grad || of_build > 0, .scale = scale };
    const char **names = arena_array(l->s->run, const char *, o->outputs.n + 1);
    for (size_t i = 0; i < o->outputs.n; i++) {
        const char *name = gradient_asked(l, o->outputs.v[i]);
        if (name)
            names[g.n_names++] = name;
    }
    g.names = names;
    return g;
}

/* True if the command asks for gradients that its build does not compute. */
static bool gradients_are_extra(const struct line *l)
{
    struct gradients g = line_gradients(l);
    bool wanted = g.of_params || g.n_names;
    return l->build && wanted && (l->build->loss_scale != g.scale || g.n_names);
}

static bool add_output(struct line *l, const char *option)
{
    struct graph *g = l->parsed;
    const char *name = arena_strndup(l->s->run, option, strcspn(option, "="));
    const char *near = NULL;
    for (size_t i = 0; i < g->n_outs; i++)
        if (!strcmp(g->outs[i].name, name))
            return true;
    struct node *n = graph_find(g, name);
    l->extra_outputs = true;
    if (n)
        return graph_add_output(g, name, n);
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->name)
            near = name_nearer(name, near, g->nodes[i]->name);
    diag_error(l->s, FAIL_USAGE, NOWHERE, "--output %s: graph %s has no tensor of this name%s", name, g->name,
               cli_meant(l->s, near));
    list_names(l);
    return false;
}

struct named_file {
    const char *flag, *path;
};
struct named_files {
    struct session *s;
    struct named_file *v;
    size_t n, cap;
};

static void name_file(struct named_files *f, const char *flag, const char *path)
{
    if (path)
        *arena_push(f->s->run, f->v, f->n, f->cap) = (struct named_file){ flag, path };
}

static void name_texts(struct named_files *f, const char *flag, const struct texts *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *eq = strchr(list->v[i], '=');
        if (eq)
            name_file(f, arena_printf(f->s->run, "%s %s", flag, list->v[i]), eq + 1);
    }
}

static struct named_files files_read(const struct line *l)
{
    struct named_files f = { .s = l->s };
    if (!l->build)
        name_file(&f, "the graph", l->what);
    for (size_t i = 0; l->build && i < l->build->n_files; i++)
        name_file(&f, "the build", arena_printf(l->s->run, "%s/%s", l->what, l->build->files[i]));
    if (l->build)
        name_file(&f, "the build", arena_printf(l->s->run, "%s/manifest.json", l->what));
    name_texts(&f, "--input", &l->c->o.inputs);
    name_file(&f, "--weights", l->c->o.weights);
    return f;
}

static struct named_files files_written(const struct line *l)
{
    struct named_files f = { .s = l->s };
    name_texts(&f, "--output", &l->c->o.outputs);
    name_file(&f, "--save-weights", l->c->o.save_weights);
    name_file(&f, "--report", l->c->o.report);
    return f;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !strcmp(a, b) || (!stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static bool check_files(const struct line *l)
{
    struct named_files read = files_read(l);
    struct named_files written = files_written(l);
    for (size_t i = 0; i < written.n; i++) {
        const struct named_file *w = &written.v[i];
        for (size_t k = 0; k < read.n; k++)
            if (same_file(w->path, read.v[k].path))
                return diag_error(l->s, FAIL_USAGE, NOWHERE,
                                  "%s would be overwritten: it is read (%s) and written (%s)", read.v[k].path,
                                  read.v[k].flag, w->flag);
        for (size_t k = 0; k < i; k++)
            if (same_file(w->path, written.v[k].path))
                return diag_error(l->s, FAIL_USAGE, NOWHERE, "%s would be written twice (%s, %s)", w->path,
                                  written.v[k].flag, w->flag);
    }
    return true;
}

static void warn_of_unused(struct session *s, const struct graph *g)
{
    enum { MOST = 8 };
    size_t n = 0;
    bool *used = arena_array(s->run, bool, g->next_id + 1);
    for (size_t i = 0; i < g->n_outs; i++)
        used[g->outs[i].node->id] = true;
    if (g->loss)
        used[g->loss->id] = true;
    for (size_t i = g->n_nodes; i-- > 0;) { /* backwards: a node comes after its operands */
        const struct node *x = g->nodes[i];
        used[x->id] |= x->op->class == CLS_EFFECT;
        for (int k = 0; used[x->id] && k < x->n_in; k++)
            used[x->in[k]->id] = true;
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *x = g->nodes[i];
        bool bound = node_is_param(x) || (x->op->class == CLS_SOURCE && op_attr(x->op, "lo") >= 0);
        if (!bound || used[x->id])
            continue;
        if (n++ < MOST)
            diag_warning(s, x->loc, "%s %s is not used: no output or loss depends on it",
                         node_is_param(x) ? "parameter" : x->op->call.name, x->name);
    }
    if (n > MOST)
        diag_warning(s, NOWHERE, "%zu more inputs and parameters are not used", n - MOST);
}

bool line_open(struct cli *c, struct line *l)
{
    *l = (struct line){ .c = c, .s = c->s };
    if (!open_what(l))
        return false;
    const char *size = l->build && *l->build->size ? l->build->size : c->o.size;
    struct graph_options go = { .size = size,
                                .sets = l->build ? l->build->sets : c->o.sets.v,
                                .n_sets = l->build ? l->build->n_sets : c->o.sets.n };
    struct pass_ctx ctx = line_pass_ctx(l, line_target(l));
    struct pass_options o = line_pass_options(l);
    ctx.gradients = line_gradients(l);
    l->extra_outputs = gradients_are_extra(l);
    if (l->s->n_errors)
        return false;
    l->parsed = compiled_parse(l->src, &go, &ctx, &o);
    bool ok = l->parsed != NULL;
    for (size_t i = 0; i < c->o.outputs.n && ok; i++)
        ok = add_output(l, c->o.outputs.v[i]);
    if (ok && !l->build)
        warn_of_unused(l->s, l->parsed);
    return ok && check_files(l);
}

struct pass_ctx line_pass_ctx(const struct line *l, const struct target *t)
{
    struct pass_ctx ctx = pass_ctx_for(l->s, t);
    ctx.hint = l->hint;
    int64_t of_build = l->build ? l->build->memory_limit : 0;
    ctx.memory_limit = l->c->o.memory_limit ? l->c->o.memory_limit : of_build;
    if (l->c->env->rules) {
        ctx.rules = l->c->env->rules;
        ctx.n_rules = l->c->env->n_rules;
    }
    return ctx;
}

/* Dumps go to stdout. With --json they go to stderr, since stdout must hold only JSON. */
struct pass_options line_pass_options(const struct line *l)
{
    const struct cli_options *o = &l->c->o;
    return (struct pass_options){ .dump_after = o->dump,
                                  .stop_after = o->stop,
                                  .dump_to = o->json ? l->c->err : l->c->out,
                                  .instead = l->c->env->passes_instead,
                                  .n_instead = l->c->env->n_instead };
}

bool line_passes(const struct line *l, const struct target *t, const char *stop_after, struct compiled *out)
{
    struct pass_ctx ctx = line_pass_ctx(l, t);
    struct pass_options o = line_pass_options(l);
    if (stop_after)
        o.stop_after = stop_after;
    return compiled_passes(l->parsed, &ctx, &o, out);
}

bool line_program(const struct line *l, const struct target *t, struct compiled *out)
{
    struct pass_ctx ctx = line_pass_ctx(l, t);
    return line_passes(l, t, NULL, out) && compiled_program(&ctx, out);
}

void line_text(const struct line *l, struct compiled *k, const char *device_kind)
{
    k->text = compiled_text(l->s, k->target, device_kind, l->c->o.sanitize, k->program->text);
}

static const struct build_target *target_of_build(const struct line *l, const struct target *t)
{
    for (size_t i = 0; i < l->build->n_targets; i++)
        if (l->build->targets[i].target == t)
            return &l->build->targets[i];
    return NULL;
}

/* Returns NULL if another version of tokic made the build, or if the build's kernels differ from those of `k`. */
static const struct build_target *kernels_of_build(const struct line *l, const struct compiled *k)
{
    const struct build_target *t = l->build ? target_of_build(l, k->target) : NULL;
    if (l->build && strcmp(l->build->tokic, TOKIC_VERSION)) {
        diag_warning(l->s, NOWHERE, "%s was built by tokic %s, and this is %s: compiling its kernels again", l->what,
                     l->build->tokic, TOKIC_VERSION);
        return NULL;
    }
    if (!t)
        return NULL;
    char hash[SHA256_HEX];
    struct compiled as_built = *k;
    line_text(l, &as_built, "gpu");
    sha256_hex(as_built.text, strlen(as_built.text), hash);
    if (!strcmp(t->text_hash, hash))
        return t;
    bool other_limit = l->c->o.memory_limit && l->c->o.memory_limit != l->build->memory_limit;
    diag_warning(l->s, NOWHERE, "the kernels of %s for %s %s", l->what, t->target->name,
                 l->extra_outputs ? "do not store what --output asks for: compiling a variant that does"
                 : other_limit    ? "are for another --memory-limit: compiling a variant for this one"
                                  : "differ from what this tokic generates: compiling them again");
    return NULL;
}

bool line_compile(const struct line *l, struct compiled *k, const char *device_kind)
{
    bool emu = !strcmp(device_kind, "emu");
    const struct build_target *t = kernels_of_build(l, k);
    line_text(l, k, device_kind);
    if (emu || !k->program->n_kernels || !t || !t->code.object)
        return compiled_code(l->s, device_kind, l->c->o.sanitize, k);
    k->code = t->code;
    return true;
}

static const struct target *target_named(struct session *s, const char *name)
{
    const struct target *t = target_find(name);
    const char *near = NULL;
    const char *all = "";
    if (t)
        return t;
    for (int i = 0; target_at(i); i++) {
        near = name_nearer(name, near, target_at(i)->name);
        all = arena_printf(s->run, "%s%s%s", all, i ? ", " : "", target_at(i)->name);
    }
    diag_error(s, FAIL_USAGE, NOWHERE, "there is no target %s%s (there are: %s)", name, cli_meant(s, near), all);
    return NULL;
}

bool line_targets(struct session *s, const char *list, const struct target *out[], size_t max, size_t *n)
{
    *n = 0;
    for (const char *p = list;; p++) {
        size_t len = strcspn(p, ",");
        if (!len)
            return diag_error(s, FAIL_USAGE, NOWHERE, "--target %s: a name is missing before or after a comma", list);
        const struct target *t = target_named(s, arena_strndup(s->run, p, len));
        if (!t)
            return false;
        bool twice = false;
        for (size_t i = 0; i < *n; i++)
            twice |= out[i] == t;
        if (!twice && *n == max)
            return diag_error(s, FAIL_USAGE, NOWHERE, "--target: more than %zu targets", max);
        if (!twice)
            out[(*n)++] = t;
        p += len;
        if (!*p)
            return true;
    }
}

const struct target *line_target(const struct line *l)
{
    const struct target *named[MAX_TARGETS];
    size_t n;
    if (l->c->o.target && line_targets(l->s, l->c->o.target, named, MAX_TARGETS, &n))
        return named[0];
    return l->build && l->build->n_targets ? l->build->targets[0].target : target_find(DEFAULT_TARGET);
}

static bool unknown_device(struct session *s, const char *spec)
{
    const char *known = cli_word_meant("device", spec);
    if (!strncmp(spec, "cuda:", 5))
        known = arena_printf(s->run, "nvidia:%s", spec + 5);
    return diag_error(s, FAIL_USAGE, NOWHERE, "there is no device %s: a device is emu, emu:TARGET, nvidia:N or amd:N%s",
                      spec, cli_meant(s, known));
}

static bool ordinal_of(const char *spec, const char *kind, int *out)
{
    size_t n = strlen(kind);
    if (strncmp(spec, kind, n) || spec[n] != ':' || !spec[n + 1] || strlen(spec + n + 1) > 4)
        return false;
    *out = 0;
    for (const char *p = spec + n + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        *out = *out * 10 + (*p - '0');
    }
    return true;
}

static struct device *gpu_device(const struct line *l, const char *spec)
{
    int n;
    if (l->c->o.sanitize) {
        diag_error(l->s, FAIL_USAGE, NOWHERE, "--sanitize works on emu only, not on %s", spec);
        return NULL;
    }
    if (ordinal_of(spec, "nvidia", &n))
        return nvidia_open(l->s, n);
    if (ordinal_of(spec, "amd", &n))
        return amd_open(l->s, n);
    unknown_device(l->s, spec);
    return NULL;
}

static struct device *named_device(const struct line *l, const char *spec)
{
    if (strncmp(spec, "emu", 3) || (spec[3] && spec[3] != ':'))
        return gpu_device(l, spec);
    const struct target *t = spec[3] ? target_named(l->s, spec + 4) : line_target(l);
    return t && !l->s->n_errors ? emu_open(l->s, t, l->c->o.sanitize, line_threads(l->c)) : NULL;
}

static struct device *any_device(const struct line *l, bool or_emu)
{
    if (l->c->o.device)
        return named_device(l, l->c->o.device);
    if (l->c->o.sanitize)
        return named_device(l, "emu");
    if (nvidia_count(l->s))
        return nvidia_open(l->s, 0);
    if (amd_count(l->s))
        return amd_open(l->s, 0);
    if (or_emu)
        return named_device(l, "emu");
    diag_error(l->s, FAIL_DEVICE, NOWHERE, "backend hip needs a GPU, and this machine has none that tokic can use");
    diag_note(l->s, NOWHERE,
              "add --device emu to run the same kernels on the CPU, as they would run on %s; tokic doctor says what is "
              "missing",
              line_target(l)->name);
    return NULL;
}

static bool device_is_meant(const struct line *l, const struct device *d)
{
    const struct target *named[MAX_TARGETS];
    size_t n;
    if (!l->c->o.target)
        return true;
    if (!line_targets(l->s, l->c->o.target, named, MAX_TARGETS, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (named[i] == d->target)
            return true;
    diag_error(l->s, FAIL_USAGE, NOWHERE, "--target %s contradicts the device: %s is %s", l->c->o.target, d->spec,
               d->target->name);
    diag_note(l->s, NOWHERE, "leave out one of them; --device emu:%s runs the kernels of that target on the CPU",
              named[0]->name);
    return false;
}

struct device *line_device(const struct line *l, bool or_emu)
{
    struct device *d = any_device(l, or_emu);
    if (!d || device_is_meant(l, d))
        return d;
    d->ops->close(d);
    return NULL;
}

static enum init_mode init_mode(const struct line *l, enum init_mode otherwise)
{
    const char *init = l->c->o.init;
    return !init ? otherwise : !strcmp(init, "judge") ? INIT_JUDGE : INIT_TRAIN;
}

static struct bind_options bind_options_of(const struct line *l, enum init_mode otherwise)
{
    const struct cli_options *o = &l->c->o;
    return (struct bind_options){ .weights = o->weights,
                                  .inputs = o->inputs.v,
                                  .n_inputs = o->inputs.n,
                                  .dims = o->dims.v,
                                  .n_dims = o->dims.n,
                                  .batch = o->batch,
                                  .seed = o->seed,
                                  .init = init_mode(l, otherwise),
                                  .check = o->check };
}

struct binding *line_bind(struct line *l, enum init_mode otherwise)
{
    struct bind_options o = bind_options_of(l, otherwise);
    struct binding *b = bind_sources(l->s, l->parsed, &o);
    if (b && !l->build && b->dims.n && b->dims.values[0] > 0)
        l->hint = b->dims.values[0];
    return b;
}

static void dims_json(const struct line *l, const struct binding *b, struct cJSON *to)
{
    for (size_t i = 0; i < l->parsed->n_dims; i++)
        if (b)
            json_int(to, b->dims.names[i], b->dims.values[i]);
        else
            json_null(to, l->parsed->dims[i].name);
}

struct cJSON *line_json(const struct line *l, const char *kind, const struct binding *b, enum init_mode otherwise)
{
    const struct cli_options *opt = &l->c->o;
    struct cJSON *o = report_json(kind);
    json_text(o, "graph", l->parsed->name);
    json_text(o, "size", l->parsed->size);
    json_texts(o, "sets", l->build ? l->build->sets : opt->sets.v, l->build ? l->build->n_sets : opt->sets.n);
    json_text(o, "source", l->src->name);
    json_text(o, "build", l->build ? l->what : NULL);
    dims_json(l, b, json_object(o, "dims"));
    if (!b)
        return o;
    if (opt->seed <= INT64_MAX)
        json_int(o, "seed", (int64_t)opt->seed);
    else
        json_text(o, "seed", arena_printf(l->s->run, "%llu", (unsigned long long)opt->seed));
    json_text(o, "weights", opt->weights ? "file" : init_mode(l, otherwise) == INIT_JUDGE ? "judge" : "train");
    json_text(o, "weights_file", opt->weights);
    return o;
}

const char *line_weights_text(const struct line *l, enum init_mode otherwise)
{
    const struct cli_options *o = &l->c->o;
    const char *weights = o->weights ? o->weights : init_mode(l, otherwise) == INIT_JUDGE ? "judge" : "train";
    return arena_printf(l->s->run, "weights: %s, seed %llu", weights, (unsigned long long)o->seed);
}
