/* A module of the emulator is a shared object, made by the host's compiler. */
#include "runtime/emu/emu_module.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/emu/emu_memory.h"
#include "ir/memory.h"

struct module {
    struct module *next;
    void *so;
    int fd;
    const struct source *text;
};

struct function {
    struct module *module;
    tk_entry *entry;
    int block, args_bytes;
};

static void module_free(struct module *m)
{
    if (m->so)
        dlclose(m->so);
    if (m->fd >= 0)
        close(m->fd);
    free(m);
}

static bool write_all(int fd, const void *bytes, size_t n)
{
    for (const char *p = bytes; n;) {
        ssize_t put = write(fd, p, n);
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* The file stays open, since dlopen identifies a library by its path /proc/self/fd/N. A later file with the same N
   would give the old library. */
static bool module_open(struct device *d, const struct code *code, struct module *m)
{
    char path[64];
    m->fd = memfd_create("tokic-module", MFD_CLOEXEC);
    if (m->fd < 0 || !write_all(m->fd, code->object, code->size))
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: no room for a module of %zu bytes", d->name, code->size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", m->fd);
    m->so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->so)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module does not load: %s", d->name, dlerror());
    const int *abi = dlsym(m->so, "tk_abi");
    const int *checked = dlsym(m->so, "tk_is_checked");
    if (!abi || *abi != TK_EMU_ABI || !checked || (*checked != 0) != d->checking)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module was made for another kind of emulator", d->name);
    const char *text = dlsym(m->so, "tk_kernel_text");
    char *name = arena_printf(d->s->run, "kernels for %s", d->name);
    m->text = source_of_string(d->s, name, text ? text : "");
    return true;
}

struct module *emu_load(struct device *d, const struct code *code)
{
    if (!emu_allows(d, "load"))
        return NULL;
    struct module *m = memory_must(calloc(1, sizeof *m), sizeof *m);
    m->fd = -1;
    if (!module_open(d, code, m)) {
        module_free(m);
        return NULL;
    }
    m->next = emu_of(d)->modules;
    emu_of(d)->modules = m;
    return m;
}

static const int *kernel_number(struct module *m, const char *kernel, const char *what)
{
    char name[300];
    snprintf(name, sizeof name, "%s_%s", kernel, what);
    return dlsym(m->so, name);
}

struct function *emu_find(struct device *d, struct module *m, const char *kernel)
{
    if (!emu_allows(d, "find"))
        return NULL;
    void *entry = dlsym(m->so, kernel);
    const int *block = kernel_number(m, kernel, "block");
    const int *args = kernel_number(m, kernel, "args_bytes");
    if (!entry || !block || !args) {
        diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module has no kernel %s", d->name, kernel);
        return NULL;
    }
    struct function *f = arena_new_of(d->s->run, struct function);
    *f = (struct function){ .module = m, .block = *block, .args_bytes = *args };
    memcpy(&f->entry, &entry, sizeof entry); /* ISO C has no cast from void * to a function pointer */
    return f;
}

bool emu_prepare(struct device *d, const struct launch *l)
{
    const struct function *f = l->function;
    BUG_IF(l->block != (unsigned)f->block, "%s: %u work-items per block, its text says %d", l->kernel, l->block,
           f->block);
    BUG_IF(l->args_size != (size_t)f->args_bytes, "%s: %zu bytes of arguments, its text says %d", l->kernel,
           l->args_size, f->args_bytes);
    return emu_allows(d, "prepare") && launch_fits(d, l);
}

static struct checker *shadow_of(struct emu *e, const struct launch *l)
{
    uint32_t **held = calloc(l->n_buffers + 1, sizeof *held);
    for (size_t i = 0; held && i < l->n_buffers; i++)
        held[i] = memory_held(e, l->buffers[i].at, l->buffers[i].bytes);
    struct checker *c = held ? checker_new(e->d.target, l, held, workers_shared(e->workers)) : NULL;
    free(held);
    return c;
}

bool emu_run(struct emu *e, const struct launch *l)
{
    struct device *d = &e->d;
    const struct source *text = l->function->module->text;
    struct job job = { .target = d->target,
                       .coords = &e->coords,
                       .l = l,
                       .entry = l->function->entry,
                       .blocks = l->grid[0] * l->grid[1] * l->grid[2],
                       .failed = UINT64_MAX };
    /* one thread when checking, so that findings do not depend on the number of threads */
    int n = d->checking ? 1 : job.blocks < (uint64_t)e->n_workers ? (int)job.blocks : e->n_workers;
    if (!workers_prepare(e->workers, n, d->s, &job))
        return false;
    if (d->checking && !(job.checker = shadow_of(e, l)))
        return diag_error(d->s, FAIL_INPUT, NOWHERE, "%s: no memory for the shadow of %s", d->name, l->kernel);
    bool ok = workers_run(e->workers, n, d->s, &job, text);
    if (job.checker) {
        checker_keep(job.checker);
        ok &= checker_report(job.checker, d->s, text);
        checker_free(job.checker);
    }
    return ok;
}

void modules_free(struct emu *e)
{
    for (struct module *m = e->modules, *next; m; m = next) {
        next = m->next;
        module_free(m);
    }
    e->modules = NULL;
}
