#include <string.h>
#include <time.h>

#include "passes/pass.h"

const char *const pipeline_all[] = { "infer", "autodiff", "contracts", NULL };
const char *const pipeline_target[] = { "prune",     "expand", "simplify", "cse",     "split",
                                        "precision", "cse",    "fuse",     "memplan", NULL };

static const struct pass passes[] = {
#define PASS(name, needs, keeps, doc) { #name, pass_##name, needs, keeps, doc },
#include "passes/passes.def"
#undef PASS
};

const struct pass *pass_at(int i) { return i >= 0 && (size_t)i < sizeof passes / sizeof *passes ? &passes[i] : NULL; }

const struct pass *pass_find(const char *name)
{
    for (int i = 0; pass_at(i); i++)
        if (strcmp(passes[i].name, name) == 0)
            return &passes[i];
    return NULL;
}

struct pass_ctx pass_ctx_for(struct session *s, const struct target *t)
{
    return (struct pass_ctx){ .s = s,
                              .target = t,
                              .hint = 128,
                              .rules = simplify_rules,
                              .n_rules = simplify_n_rules,
                              .gradients = { .scale = 1 } };
}

/* True if each pass named in `needs` is among the first n_run passes of `pipeline`. infer always counts as run, since
   every parsed graph has types. */
static bool needs_met(const char *needs, const char *const *pipeline, size_t n_run)
{
    while (*needs) {
        size_t n = strcspn(needs, " ");
        bool met = n == 5 && memcmp(needs, "infer", 5) == 0;
        for (size_t i = 0; i < n_run && !met; i++)
            met = strlen(pipeline[i]) == n && memcmp(pipeline[i], needs, n) == 0;
        if (!met)
            return false;
        needs += n + strspn(needs + n, " ");
    }
    return true;
}

static bool reparse_holds(struct graph *g, struct arena *step, const char *after)
{
    const char *text = graph_text(g);
    const struct source *src = source_of_string(g->s, arena_printf(step, "%s after %s", g->name, after), text);
    struct graph *again = graph_parse(g->s, src, NULL);
    if (!again)
        return false;
    const char *text2 = arena_strdup(step, graph_text(again));
    graph_free(again);
    if (strcmp(text, text2) == 0)
        return true;
    size_t i = 0;
    while (text[i] && text[i] == text2[i])
        i++;
    while (i && text[i - 1] != '\n')
        i--;
    return diag_error(g->s, FAIL_INPUT, NOWHERE,
                      "internal: after %s the graph does not read back as it was printed: '%.*s' became '%.*s'", after,
                      (int)strcspn(text + i, "\n"), text + i, (int)strcspn(text2 + i, "\n"), text2 + i);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const struct pass *pass_for(const char *name, const struct pass_options *o)
{
    for (size_t i = 0; i < o->n_instead; i++)
        if (strcmp(o->instead[i].name, name) == 0)
            return &o->instead[i];
    return pass_find(name);
}

static bool run_pass(struct graph *g, struct pass_ctx *c, const struct pass *p, struct pass_options *o)
{
    int errors = c->s->n_errors;
    const char *before = o->reparse && strcmp(p->keeps, "all") == 0 ? graph_text(g) : NULL;
    double start = now();
    bool changed = p->run(g, c);
    double seconds = now() - start;
    if (o->times) {
        o->times[o->n_times].name = p->name;
        o->times[o->n_times++].seconds = seconds;
    }
    log_line(c->s, LOG_PASS, "pass %-10s %s  %zu nodes  %.1f ms", p->name, changed ? "changed  " : "unchanged",
             g->n_nodes, seconds * 1e3);
    if (c->s->n_errors > errors)
        return false;
    if (!graph_verify(g)) {
        diag_note(c->s, NOWHERE, "the graph was broken by pass %s", p->name);
        return false;
    }
    if (before && strcmp(before, graph_text(g)))
        return diag_error(c->s, FAIL_INPUT, NOWHERE, "internal: pass %s says that it keeps the graph, and changed it",
                          p->name);
    return !o->reparse || reparse_holds(g, c->step, p->name);
}

bool passes_run(struct graph *g, struct pass_ctx *c, const char *const *pipeline, struct pass_options *o)
{
    struct pass_options none = { 0 };
    if (!o)
        o = &none;
    for (size_t i = 0; pipeline[i]; i++) {
        const struct pass *p = pass_for(pipeline[i], o);
        BUG_IF(!p, "no pass called %s", pipeline[i]);
        BUG_IF(!needs_met(p->needs, pipeline, i), "pass %s needs %s before it", p->name, p->needs);
        c->step = arena_new();
        bool ok = run_pass(g, c, p, o);
        arena_free(c->step);
        c->step = NULL;
        if (!ok)
            return false;
        if (o->dump_after && o->dump_to && (strcmp(o->dump_after, p->name) == 0 || strcmp(o->dump_after, "all") == 0))
            fprintf(o->dump_to, "# after %s\n%s", p->name, graph_text(g));
        if (o->stop_after && strcmp(o->stop_after, p->name) == 0)
            break;
    }
    return true;
}
