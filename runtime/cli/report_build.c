#include <inttypes.h>
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"

/* A launch takes some microseconds even if the kernel does nothing. */
#define LAUNCH_SECONDS 5e-6

struct line {
    const char *title;
    size_t kernel;
    size_t groups, launches;
    double flops, bytes;
    bool matrix;
};

static double eval(const struct index *e, int64_t hint) { return e ? (double)index_eval_hint(e, hint) : 0; }

static double bytes_of(struct session *s, struct node *const *list, size_t n, int64_t hint)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += eval(type_count(s, &list[i]->type), hint) * dtype_size(list[i]->storage);
    return sum;
}

/* A multiply-add counts as two operations, an element of a pointwise op as one. Each value is read or written once. */
static void add_group(struct session *s, struct line *l, const struct group *gr, int64_t hint)
{
    for (size_t i = 0; i < gr->n_nodes; i++) {
        struct work w = { 0 };
        op_work(s, gr->nodes[i], &w);
        l->flops += eval(w.macs, hint) * (gr->nodes[i]->op->class == CLS_CONTRACT ? 2 : 1);
    }
    l->bytes += bytes_of(s, gr->ins, gr->n_ins, hint) + bytes_of(s, gr->outs, gr->n_outs, hint);
    l->matrix = gr->kind == GROUP_GEMM;
    l->groups++;
}

static struct line *lines_of(struct session *s, const struct build_report *r, size_t *n_lines)
{
    struct line *lines = arena_array(s->run, struct line, r->p->n_launches + 1);
    *n_lines = 0;
    for (size_t i = 0; i < r->p->n_launches; i++) {
        const struct program_launch *l = &r->p->launches[i];
        const char *title = group_stem(s->run, l->group);
        size_t k = 0;
        while (k < *n_lines && (lines[k].kernel != l->kernel || strcmp(lines[k].title, title)))
            k++;
        if (k == *n_lines)
            lines[(*n_lines)++] = (struct line){ .title = title, .kernel = l->kernel };
        lines[k].launches++;
        if (l->last)
            add_group(s, &lines[k], l->group, r->hint);
    }
    for (size_t k = 0; k < *n_lines; k++)
        for (size_t i = 0; i < r->p->n_launches && lines[k].groups == 1; i++)
            if (r->p->launches[i].kernel == lines[k].kernel &&
                !strcmp(group_stem(s->run, r->p->launches[i].group), lines[k].title))
                lines[k].title = r->p->launches[i].group->name;
    return lines;
}

/* Estimates what limits a launch: its operations, its bytes, or LAUNCH_SECONDS. */
static const char *bound_by(const struct target *t, const struct line *l)
{
    double n = (double)l->launches;
    double memory = t->mem_gbs > 0 ? l->bytes / n / (t->mem_gbs * 1e9) : 0;
    double compute = l->matrix && t->fp16_tflops > 0 ? l->flops / n / (t->fp16_tflops * 1e12) : 0;
    if (memory < LAUNCH_SECONDS && compute < LAUNCH_SECONDS)
        return "launch";
    return compute > memory ? "compute" : "memory";
}

static const struct kernel_info *info_of(const struct build_report *r, const struct line *l)
{
    const char *name = r->p->kernels[l->kernel].k->name;
    for (size_t i = 0; r->code && i < r->code->n_kernels; i++)
        if (!strcmp(r->code->kernels[i].name, name))
            return &r->code->kernels[i];
    return NULL;
}

static const char *count(struct arena *a, int n) { return n < 0 ? "–" : arena_printf(a, "%d", n); }

static const char *heading(struct session *s, const struct build_report *r)
{
    const struct target *t = r->p->target;
    const char *unit = t->matrix
                           ? arena_printf(s->run, "matrix unit: %s bit model", provenance_word(t->matrix->model.known))
                           : "no matrix unit";
    if (!r->code)
        return arena_printf(s->run, "%-11s not compiled   %s", t->name, unit);
    return arena_printf(s->run, "%-11s %s   %.2f s   %s", t->name, r->code->compiler, r->code->seconds, unit);
}

void report_build_target(struct session *s, const struct build_report *r, FILE *to)
{
    size_t n;
    const struct line *lines = lines_of(s, r, &n);
    struct table *t = table_new(s->run, r->code ? "lrrrrrrrrl" : "lrrrrl");
    if (!r->p->n_kernels) {
        fprintf(to, "%-11s no kernels, nothing to compile: no output needs one\n", r->p->target->name);
        return;
    }
    t->most = TABLE_WIDTH;
    fprintf(to, "%s\n", heading(s, r));
    if (r->code)
        table_row(t, (const char *[]){ "kernel", "launches", "regs", "LDS KiB", "matrix", "spills", "stack", "Mflop",
                                       "MB", "bound by" });
    else
        table_row(t, (const char *[]){ "kernel", "launches", "LDS KiB", "Mflop", "MB", "bound by" });
    for (size_t i = 0; i < n; i++) {
        const struct line *l = &lines[i];
        const struct kernel_info *k = info_of(r, l);
        const struct kernel_info unknown = { .regs = -1, .matrix = -1, .spills = -1, .stack = -1 };
        if (!k)
            k = &unknown;
        struct arena *a = s->run;
        const char *title = l->groups > 1 ? arena_printf(a, "%s  ×%zu", l->title, l->groups) : l->title;
        const char *launches = arena_printf(a, "%zu", l->launches);
        const char *lds = arena_printf(a, "%.1f", r->p->kernels[l->kernel].k->shared_bytes / 1024.0);
        const char *flops = arena_printf(a, "%.1f", l->flops * 1e-6);
        const char *bytes = arena_printf(a, "%.2f", l->bytes * 1e-6);
        const char *bound = bound_by(r->p->target, l);
        if (r->code)
            table_row(t,
                      (const char *[]){ title, launches, count(a, k->regs), lds, k->matrix ? count(a, k->matrix) : "–",
                                        count(a, k->spills), count(a, k->stack), flops, bytes, bound });
        else
            table_row(t, (const char *[]){ title, launches, lds, flops, bytes, bound });
    }
    table_print(t, 2, to);
    if (!r->code)
        fprintf(to, "  nothing was compiled for %s: %s\n  its kernels run on the CPU: --device emu:%s\n",
                r->p->target->name, r->why, r->p->target->name);
}

static void json_count(struct cJSON *to, const char *key, int n)
{
    if (n < 0)
        json_null(to, key);
    else
        json_int(to, key, n);
}

static bool kernel_json(struct session *s, const struct build_report *r, const struct line *l, FILE *to)
{
    const struct kernel_info *k = info_of(r, l);
    const struct kernel_info unknown = { .regs = -1, .matrix = -1, .spills = -1, .stack = -1 };
    struct cJSON *o = report_json("built_kernel");
    if (!k)
        k = &unknown;
    json_text(o, "kernel", l->title);
    json_text(o, "target", r->p->target->name);
    json_text(o, "text", r->p->kernels[l->kernel].k->name);
    json_int(o, "groups", (int64_t)l->groups);
    json_int(o, "launches", (int64_t)l->launches);
    json_count(o, "registers", k->regs);
    json_count(o, "matrix_instructions", k->matrix);
    json_count(o, "spills", k->spills);
    json_count(o, "stack_bytes", k->stack);
    json_int(o, "shared_bytes", r->p->kernels[l->kernel].k->shared_bytes);
    json_real(o, "flops", l->flops);
    json_real(o, "bytes", l->bytes);
    json_text(o, "bound_by", bound_by(r->p->target, l));
    return json_line(s, o, to);
}

bool report_build_target_json(struct session *s, const struct build_report *r, FILE *to)
{
    size_t n;
    const struct line *lines = lines_of(s, r, &n);
    struct cJSON *o = report_json("built_target");
    json_text(o, "target", r->p->target->name);
    json_int(o, "kernels", (int64_t)r->p->g->n_groups);
    json_int(o, "launches", (int64_t)r->p->n_launches);
    json_int(o, "texts", (int64_t)r->p->n_kernels);
    json_bool(o, "compiled", r->code != NULL);
    json_text(o, "compiler", r->code ? r->code->compiler : NULL);
    json_text(o, "flags", r->code ? r->code->flags : NULL);
    if (r->code)
        json_real(o, "seconds", r->code->seconds);
    else
        json_text(o, "why", r->why);
    json_text(o, "matrix_model", r->p->target->matrix ? provenance_word(r->p->target->matrix->model.known) : NULL);
    bool ok = json_line(s, o, to);
    for (size_t i = 0; i < n && ok; i++)
        ok = kernel_json(s, r, &lines[i], to);
    return ok;
}
