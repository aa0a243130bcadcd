#include "runtime/judge/dump.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "codegen/spell.h"
#include "runtime/compile/compile.h"
#include "runtime/format/file.h"
#include "runtime/format/json_out.h"
#include "runtime/format/npy.h"

static bool make_dir(struct session *s, const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    return diag_error(s, FAIL_INPUT, NOWHERE, "cannot make the directory %s: %s", path, strerror(errno));
}

static bool save_bytes(struct session *s, const char *path, const void *bytes, size_t n)
{
    struct file_out f;
    return file_create(s, &f, path) && file_write(&f, bytes, n) && file_commit(&f);
}

/* For emulated launches: also saves the target's code object, if the target's compiler is installed. */
static bool save_target_object(struct exec *e, const char *dir)
{
    const struct target *t = e->p->target;
    const char *why, *prelude = spell_prelude(e->s, t, spell_device(t));
    if (!compile_available(e->s, t, &why))
        return true;
    const char **names = arena_array(e->arena, const char *, e->p->n_kernels + 1);
    for (size_t i = 0; i < e->p->n_kernels; i++)
        names[i] = e->p->kernels[i].k->name;
    struct code code;
    return compile_gpu(e->s, t, arena_printf(e->arena, "%s%s", prelude, e->p->text), names, e->p->n_kernels, &code) &&
           save_bytes(e->s, arena_printf(e->arena, "%s/%s.o", dir, t->name), code.object, code.size);
}

const char *dump_launch_dir(struct exec *e, size_t number)
{
    return arena_printf(e->arena, "%s/%03zu-%s", e->dump_dir, number,
                        e->p->kernels[e->p->launches[number].kernel].k->name);
}

static bool save_buffer(struct exec *e, const struct program_launch *pl, size_t k, const char *dir, const char *when)
{
    struct arena *a = arena_new();
    const struct launch_arg *arg = &pl->args[k];
    struct tensor *t = arg->node ? exec_read(e, arg->node, a) : exec_read_scratch(e, pl->group, arg->scratch, a);
    bool ok = t && npy_write(e->s, arena_printf(a, "%s/arg%zu.%s.npy", dir, k, when), t);
    arena_free(a);
    return ok;
}

static void describe_args(struct exec *e, const struct program_launch *pl, const struct launch *l, struct cJSON *to)
{
    for (size_t k = 0; k < pl->k->n_args; k++) {
        struct cJSON *arg = json_object(to, NULL);
        const struct node *n = pl->args[k].node;
        int64_t shape[MAX_RANK];
        for (int i = 0; n && i < n->type.rank; i++)
            shape[i] = dims_eval(&e->dims, n->type.dim[i]);
        if (!n)
            shape[0] = dims_eval(&e->dims, pl->group->scratch[pl->args[k].scratch].count);
        json_text(arg, "name", l->buffers[k].name);
        json_text(arg, "dtype", dtype_name(pl->k->args[k]->dtype));
        json_ints(arg, "shape", shape, n ? (size_t)n->type.rank : 1);
        json_bool(arg, "written", pl->k->args[k]->written);
        json_text(arg, "before", arena_printf(e->arena, "arg%zu.before.npy", k));
        if (pl->k->args[k]->written)
            json_text(arg, "after", arena_printf(e->arena, "arg%zu.after.npy", k));
    }
    for (size_t k = 0; k < pl->k->n_dims; k++) {
        struct cJSON *arg = json_object(to, NULL);
        json_text(arg, "name", pl->k->dims[k].name);
        json_int(arg, "i32", dims_eval(&e->dims, pl->k->dims[k].sym));
    }
}

/* Returns the index of the first argument that is a result or scratch of the group. */
static int64_t first_result(const struct program_launch *pl)
{
    size_t k = 0;
    while (k < pl->k->n_args && pl->args[k].node && pl->args[k].node->group != pl->group)
        k++;
    return (int64_t)k;
}

static bool save_before(struct exec *e, size_t number, const struct launch *l)
{
    const struct program_launch *pl = &e->p->launches[number];
    const char *dir = dump_launch_dir(e, number);
    if (!make_dir(e->s, dir))
        return false;
    struct cJSON *o = json_new();
    json_text(o, "kernel", l->kernel);
    json_text(o, "group", pl->group->name);
    json_text(o, "target", e->p->target->name);
    json_ints(o, "grid", (int64_t[]){ (int64_t)l->grid[0], (int64_t)l->grid[1], (int64_t)l->grid[2] }, 3);
    json_int(o, "block", l->block);
    json_int(o, "shared", l->smem);
    json_bool(o, "matrix", pl->group->kind == GROUP_GEMM);
    json_int(o, "results_from", first_result(pl));
    describe_args(e, pl, l, json_array(o, "args"));
    if (!json_save(e->s, o, arena_printf(e->arena, "%s/launch.json", dir)) || !exec_sync(e))
        return false;
    for (size_t k = 0; k < pl->k->n_args; k++)
        if (!save_buffer(e, pl, k, dir, "before"))
            return false;
    return true;
}

static bool save_after(struct exec *e, size_t number)
{
    const struct program_launch *pl = &e->p->launches[number];
    if (!exec_sync(e))
        return false;
    for (size_t k = 0; k < pl->k->n_args; k++)
        if (pl->k->args[k]->written && !save_buffer(e, pl, k, dump_launch_dir(e, number), "after"))
            return false;
    return true;
}

bool dump_begin(struct exec *e, const char *dir)
{
    bool emulated = strcmp(e->d->ops->kind, "emu") == 0;
    e->dump_dir = dir;
    e->before = save_before;
    e->after = save_after;
    const char *object = emulated ? "emulated.so" : arena_printf(e->arena, "%s.o", e->p->target->name);
    return make_dir(e->s, dir) &&
           save_bytes(e->s, arena_printf(e->arena, "%s/kernels.txt", dir), e->p->text, strlen(e->p->text)) &&
           save_bytes(e->s, arena_printf(e->arena, "%s/%s", dir, object), e->code->object, e->code->size) &&
           (!emulated || save_target_object(e, dir));
}
