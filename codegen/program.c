#include "codegen/program.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/lower.h"
#include "ir/map.h"
#include "codegen/print.h"

enum { ROWS_BLOCK = 256, LONGEST_NAME = 32 };

static const struct index *count_of(struct session *s, const struct node *n) { return type_count(s, &n->type); }

/* Removes loops that never run, and branches whose condition never holds. Small dims lead to such code, for example to
   a loop over a dim of size 0. */
static void drop_dead(struct index_table *t, struct kstmt **stmts, size_t *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        struct kstmt *it = stmts[i];
        drop_dead(t, it->body, &it->n_body);
        drop_dead(t, it->orelse, &it->n_orelse);
        bool idle = it->kind == KSTMT_FOR && it->hi->hi <= it->lo->lo;
        bool dead = it->kind == KSTMT_IF && mask_never_holds(t, &it->mask);
        if (idle || (dead && !it->n_orelse))
            continue;
        if (dead) {
            it->mask = mask_of(index_const(t, 0), index_const(t, 1));
            it->body = it->orelse;
            it->n_body = it->n_orelse;
            it->orelse = NULL;
            it->n_orelse = 0;
        }
        stmts[kept++] = it;
    }
    *n = kept;
}

static void bind_node(struct lower *l, struct launch_arg *arg, const char *stem, size_t i, const struct node *n)
{
    struct kmem *m = kernel_arg(l->k, arena_printf(l->k->arena, "%s%zu", stem, i), n->storage, count_of(l->s, n), n);
    value_loc_set(l, (struct value_loc){ .node = n, .kind = LOC_ARG, .mem = m });
    *arg = (struct launch_arg){ .node = n, .scratch = -1 };
}

static struct launch_arg *bind_args(struct lower *l)
{
    const struct group *gr = l->gr;
    struct launch_arg *args = arena_array(l->k->arena, struct launch_arg, gr->n_ins + gr->n_outs + gr->n_scratch + 1);
    size_t k = 0;
    for (size_t i = 0; i < gr->n_ins; i++)
        bind_node(l, &args[k++], "in", i, gr->ins[i]);
    for (size_t i = 0; i < gr->n_outs; i++)
        bind_node(l, &args[k++], "out", i, gr->outs[i]);
    l->scratch = arena_array(l->k->arena, struct kmem *, gr->n_scratch + 1);
    for (size_t i = 0; i < gr->n_scratch; i++) {
        const struct scratch *s = &gr->scratch[i];
        l->scratch[i] = kernel_arg(l->k, arena_printf(l->k->arena, "scratch%zu", i), s->dtype, s->count, NULL);
        args[k++] = (struct launch_arg){ .scratch = (int)i };
    }
    return args;
}

static void drop_unused_args(struct kernel *k, struct launch_arg *args)
{
    size_t kept = 0;
    for (size_t i = 0; i < k->n_args; i++) {
        if (!k->args[i]->read && !k->args[i]->written)
            continue;
        args[kept] = args[i];
        k->args[kept++] = k->args[i];
    }
    k->n_args = kept;
}

/* True if, for all values of the dims, all results of the group are empty. */
static bool is_empty(struct session *s, const struct group *gr)
{
    int64_t n;
    for (size_t i = 0; i < gr->n_outs; i++)
        if (!index_const_value(count_of(s, gr->outs[i]), &n) || n)
            return false;
    return true;
}

static struct program_launch lower_launch(struct program *p, const struct group *gr, size_t part, int64_t hint)
{
    const struct group_launch *gl = &gr->launches[part];
    struct lower l = { .s = p->s,
                       .indices = p->s->indices,
                       .g = p->g,
                       .gr = gr,
                       .launch = gl,
                       .t = p->target,
                       .hint = hint,
                       .stand_ins = p->stand_ins };
    int block = gl->kind == LAUNCH_GEMM ? gr->tile.waves_m * gr->tile.waves_n * p->target->wave : ROWS_BLOCK;
    l.k = kernel_new(p->s, p->arena, "unnamed", p->target, block);
    l.b = kb_at(l.k);
    l.k->loc = gr->nodes[gr->n_nodes - 1]->loc;
    l.b.loc = l.k->loc;
    struct program_launch launch = { .group = gr, .first = part == 0, .last = part + 1 == gr->n_launches, .k = l.k };
    launch.args = bind_args(&l);
    kstmt_await(&l.b);
    if (is_empty(p->s, gr))
        l.k->grid[0] = index_const(l.indices, 0);
    else if (gl->kind == LAUNCH_GEMM)
        lower_gemm(&l);
    else if (gl->kind == LAUNCH_ROWS)
        lower_rows(&l);
    else
        lower_reduce(&l);
    drop_dead(l.indices, l.k->body, &l.k->n_body);
    kernel_finish(l.k);
    drop_unused_args(l.k, launch.args);
    return launch;
}

/* Returns a C identifier made from the group's name. Drops the instance name at the front: in instance "expert0",
   "expert0.lin0 gelu" becomes lin0_gelu. */
static const char *identifier(struct arena *a, const struct group *gr)
{
    const char *name = gr->name;
    const char *instance = gr->nodes[gr->n_nodes - 1]->instance;
    size_t n = instance ? strlen(instance) : 0;
    if (n && !strncmp(name, instance, n) && name[n] == '.')
        name += n + 1;
    char *id = arena_strdup(a, name);
    for (char *c = id; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    size_t end = strlen(id);
    while (end > LONGEST_NAME) {
        while (end && id[end - 1] != '_')
            end--;
        end -= end > 0;
    }
    id[end ? end : LONGEST_NAME] = 0;
    return id;
}

/* Returns the index in p->kernels of a kernel with the same text as k. If there is none, adds k under a new name.
   Kernels are compared under the name "unnamed" and without comments. */
static size_t share_text(struct program *p, struct kernel *k, const struct group *gr, struct map *bodies)
{
    k->name = "unnamed";
    k->comment = NULL;
    void **kernel = map_at(bodies, print_kernel(k)); /* index in p->kernels, plus 1; NULL: the text is new */
    if (*kernel) {
        size_t i = (uintptr_t)*kernel - 1;
        p->kernels[i].n_uses++;
        k->name = p->kernels[i].k->name;
        return i;
    }
    *kernel = (void *)(p->n_kernels + 1);
    const char *id = identifier(p->arena, gr);
    const char *name = arena_printf(p->arena, "tk%zu_%s", p->n_kernels, id);
    k->name = name;
    k->comment = gr->name;
    *arena_push(p->arena, p->kernels, p->n_kernels, p->cap_kernels) = (struct program_kernel){ .k = k, .n_uses = 1 };
    return p->n_kernels - 1;
}

void program_print(struct program *p)
{
    size_t size = 1;
    for (size_t i = 0; i < p->n_kernels; i++) {
        p->kernels[i].text = print_kernel(p->kernels[i].k);
        size += strlen(p->kernels[i].text) + 1;
    }
    char *text = arena_alloc(p->arena, size);
    char *at = text;
    for (size_t i = 0; i < p->n_kernels; i++) {
        size_t n = strlen(p->kernels[i].text);
        memcpy(at, p->kernels[i].text, n);
        at += n;
        *at++ = '\n';
    }
    p->text = text;
}

static int ascending(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Sets l->after. The first launch of a group waits for the last launches of the groups in group->after. Any other
   launch waits for the previous launch of its group. last_of[id]: index of the last launch of group `id`. */
static void order_launch(struct program *p, struct program_launch *l, const size_t *last_of)
{
    size_t n = l->first ? l->group->n_after : 1;
    l->after = arena_array(p->arena, size_t, n + 1);
    l->n_after = n;
    if (!l->first)
        l->after[0] = p->n_launches - 1;
    for (size_t i = 0; l->first && i < n; i++)
        l->after[i] = last_of[l->group->after[i]->id];
    qsort(l->after, n, sizeof *l->after, ascending);
}

static bool add_launch(struct program *p, struct program_launch launch, struct map *bodies, size_t *last_of)
{
    if (!kernel_verify(launch.k)) {
        diag_note(p->s, launch.k->loc, "in the kernel of %s", launch.group->name);
        return false;
    }
    launch.kernel = share_text(p, (struct kernel *)launch.k, launch.group, bodies);
    order_launch(p, &launch, last_of);
    last_of[launch.group->id] = p->n_launches;
    *arena_push(p->arena, p->launches, p->n_launches, p->cap_launches) = launch;
    return true;
}

static struct program *generate(struct session *s, const struct graph *g, const struct target *t, int64_t hint,
                                bool stand_ins)
{
    struct arena *step = arena_new();
    struct program *p = arena_new_of(g->arena, struct program);
    *p = (struct program){ .s = s, .arena = g->arena, .g = g, .target = t, .stand_ins = stand_ins };
    struct map *bodies = map_new(step);
    size_t *last_of = arena_array(step, size_t, g->n_groups + 1);
    bool good = true;
    for (size_t i = 0; i < g->n_groups && good; i++)
        for (size_t part = 0; part < g->groups[i]->n_launches && good; part++)
            good = add_launch(p, lower_launch(p, g->groups[i], part, hint), bodies, last_of);
    arena_free(step);
    if (!good)
        return NULL;
    program_print(p);
    return p;
}

struct program *codegen_program(struct session *s, const struct graph *g, const struct target *t, int64_t hint)
{
    return generate(s, g, t, hint, false);
}

struct program *codegen_stand_ins(struct session *s, const struct graph *g, const struct target *t, int64_t hint)
{
    return generate(s, g, t, hint, true);
}
