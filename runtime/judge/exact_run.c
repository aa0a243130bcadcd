#include "runtime/judge/exact_run.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codegen/payload.h"
#include "ir/ops/op.h"
#include "ir/memory.h"
#include "runtime/compile/compile.h"

/* ---- the library ---- */
static const char *library_text(struct session *s, const char *prelude, const char *const *texts, size_t n)
{
    size_t size = strlen(prelude) + 1;
    for (size_t i = 0; i < n; i++)
        size += strlen(texts[i]) + 1;
    char *text = arena_alloc(s->run, size);
    char *at = stpcpy(text, prelude);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(stpcpy(at, texts[i]), "\n");
    return text;
}

/* Keeps the file open as long as the library. dlopen knows a library by its path, which must not be reused. */
static bool library_open(struct session *s, const struct code *code, struct payloads *lib)
{
    char path[64];
    lib->fd = memfd_create("tokic-payloads", MFD_CLOEXEC);
    FILE *f = lib->fd < 0 ? NULL : fdopen(dup(lib->fd), "wb");
    bool good = f && fwrite(code->object, 1, code->size, f) == code->size;
    if (f && fclose(f) != 0)
        good = false;
    snprintf(path, sizeof path, "/proc/self/fd/%d", lib->fd);
    lib->so = good ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    return lib->so || diag_error(s, FAIL_DEVICE, NOWHERE, "the payloads of the kernels do not load: %s",
                                 good ? dlerror() : "no room for them");
}

bool payloads_of_texts(struct session *s, const struct target *t, const char *prelude, const char *const *texts,
                       const char *const *names, size_t n, struct payloads *lib)
{
    struct code code;
    *lib = (struct payloads){ .fd = -1 };
    if (!compile_payload_text(s, t, library_text(s, prelude, texts, n), &code) || !library_open(s, &code, lib))
        return false;
    lib->run = arena_array(s->run, payload_run *, n + 1);
    for (size_t i = 0; i < n; i++) {
        void *run = dlsym(lib->so, arena_printf(s->run, "%s_run", names[i]));
        BUG_IF(!run, "payloads without %s", names[i]);
        memcpy(&lib->run[i], &run, sizeof run); /* ISO C has no cast from void * to a function pointer */
    }
    lib->outside = dlsym(lib->so, "p_outside");
    lib->counts = dlsym(lib->so, "p_counts");
    lib->key = dlsym(lib->so, "p_key");
    BUG_IF(!lib->outside || !lib->counts, "payloads without guards");
    return true;
}

bool payloads_compile(struct session *s, const struct target *t, const char *prelude, struct kernel *const *k, size_t n,
                      struct payloads *lib)
{
    const char **texts = arena_array(s->run, const char *, n + 1);
    const char **names = arena_array(s->run, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        names[i] = k[i]->name;
        texts[i] = print_payload(s, k[i]);
    }
    return payloads_of_texts(s, t, prelude, texts, names, n, lib);
}

void payloads_close(struct payloads *lib)
{
    if (lib->so)
        dlclose(lib->so);
    if (lib->fd >= 0)
        close(lib->fd);
}

/* ---- memory ---- */
/* A float of any dtype is stored as an 8-byte payload. */
static size_t cell_size(enum dtype t) { return dtype_is_float(t) ? sizeof(uint64_t) : (size_t)dtype_size(t); }

void cells_set(const struct cells *c, int64_t i, NUM v)
{
    if (dtype_is_float(c->dtype))
        ((uint64_t *)c->at)[i] = v.u;
    else if (c->dtype == DT_I64)
        ((int64_t *)c->at)[i] = v.i;
    else if (c->dtype == DT_I32)
        ((int32_t *)c->at)[i] = (int32_t)v.i;
    else
        ((uint8_t *)c->at)[i] = (uint8_t)v.i;
}

NUM cells_get(const struct cells *c, int64_t i)
{
    if (dtype_is_float(c->dtype))
        return (NUM){ .u = ((const uint64_t *)c->at)[i] };
    return (NUM){ .i = c->dtype == DT_I64   ? ((const int64_t *)c->at)[i]
                       : c->dtype == DT_I32 ? ((const int32_t *)c->at)[i]
                                            : ((const uint8_t *)c->at)[i] };
}

static size_t cells_bytes(const struct cells *c) { return cell_size(c->dtype) * (size_t)(c->count + !c->count); }

static struct cells cells_new(enum dtype t, int64_t count)
{
    struct cells c = { .dtype = t, .count = count };
    c.at = memory_must(malloc(cells_bytes(&c)), cells_bytes(&c));
    return c;
}

struct group_cells group_cells_begin(struct arena *a, const struct group *gr, const struct dim_values *dims)
{
    struct group_cells m = { gr, dims, arena_array(a, struct cells, gr->n_ins + 1),
                             arena_array(a, struct cells, gr->n_outs + 1),
                             arena_array(a, struct cells, gr->n_scratch + 1) };
    for (size_t i = 0; i < gr->n_ins; i++)
        m.in[i] = cells_new(gr->ins[i]->type.dtype, type_count_at(&gr->ins[i]->type, dims));
    for (size_t i = 0; i < gr->n_outs; i++)
        m.out[i] = cells_new(gr->outs[i]->type.dtype, type_count_at(&gr->outs[i]->type, dims));
    for (size_t i = 0; i < gr->n_scratch; i++)
        m.scratch[i] = cells_new(gr->scratch[i].dtype, dims_eval(dims, gr->scratch[i].count));
    return m;
}

void group_cells_forget(const struct group_cells *m)
{
    for (size_t i = 0; i < m->gr->n_outs; i++)
        memset(m->out[i].at, 0x5a, cells_bytes(&m->out[i]));
    for (size_t i = 0; i < m->gr->n_scratch; i++)
        memset(m->scratch[i].at, m->gr->scratch[i].zeroed ? 0 : 0x5a, cells_bytes(&m->scratch[i]));
}

void group_cells_end(struct group_cells *m)
{
    for (size_t i = 0; i < m->gr->n_ins; i++)
        free(m->in[i].at);
    for (size_t i = 0; i < m->gr->n_outs; i++)
        free(m->out[i].at);
    for (size_t i = 0; i < m->gr->n_scratch; i++)
        free(m->scratch[i].at);
}

static const struct cells *cells_of(const struct group_cells *m, const struct launch_arg *arg)
{
    if (!arg->node)
        return &m->scratch[arg->scratch];
    for (size_t i = 0; i < m->gr->n_outs; i++)
        if (m->gr->outs[i] == arg->node)
            return &m->out[i];
    for (size_t i = 0; i < m->gr->n_ins; i++)
        if (m->gr->ins[i] == arg->node)
            return &m->in[i];
    BUG("group %s passes %s, which it neither reads nor writes", m->gr->name, arg->node->op->call.name);
}

int64_t payload_launch(const struct payloads *lib, payload_run *run, const struct program_launch *l,
                       const struct group_cells *m)
{
    enum { MOST_ARGS = 64, MOST_DIMS = 32 };
    const struct kernel *k = l->k;
    void *args[MOST_ARGS];
    long long dims[MOST_DIMS] = { 0 };
    long long grid[3];
    BUG_IF(k->n_args > MOST_ARGS || k->n_dims > MOST_DIMS, "kernel %s has %zu arguments", k->name, k->n_args);
    for (size_t i = 0; i < k->n_args; i++) {
        const struct cells *c = cells_of(m, &l->args[i]);
        int64_t skipped = l->args[i].offset ? dims_eval(m->dims, l->args[i].offset) / dtype_size(c->dtype) : 0;
        args[i] = (char *)c->at + cell_size(c->dtype) * (size_t)skipped;
        lib->counts[i] = c->count - skipped;
    }
    for (size_t i = 0; i < k->n_dims; i++)
        dims[i] = dims_eval(m->dims, k->dims[i].sym);
    for (int i = 0; i < 3; i++)
        grid[i] = dims_eval(m->dims, k->grid[i]);
    *lib->outside = 0;
    run(args, dims, grid);
    return *lib->outside;
}
