/* tokic doctor. Each check has its own session, since a failed check is not an error of the command. */
#include <stdlib.h>
#include <string.h>

#include "ir/target.h"
#include "runtime/cli/cli.h"
#include "runtime/compile/compile.h"
#include "runtime/compile/compile_find.h"
#include "runtime/device/device.h"
#include "runtime/device/gpu_driver.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"

enum { MAX_GPUS = 16 };

struct finding {
    const char *kind, *name, *text;
    bool there;
};
struct findings {
    struct arena *a;
    struct finding *v;
    size_t n, cap;
};

static void found(struct findings *f, const char *kind, const char *name, bool there, const char *text)
{
    *arena_push(f->a, f->v, f->n, f->cap) =
        (struct finding){ kind, arena_strdup(f->a, name), arena_strdup(f->a, text), there };
}

static void look_for_gpu(struct findings *f, struct device *(*open)(struct session *, int), const char *spec,
                         int ordinal)
{
    struct session *s = session_begin();
    struct device *d = open(s, ordinal);
    if (d)
        found(f, "gpu", spec, true, arena_printf(f->a, "%s, target %s", d->name, d->target->name));
    else
        found(f, "gpu", spec, false, s->n_diags ? s->diags[0].text : "it cannot be opened");
    if (d)
        d->ops->close(d);
    session_end(s);
}

static void look_for_gpus(struct findings *f, const struct gpu_vendor *v, int (*count)(struct session *),
                          struct device *(*open)(struct session *, int))
{
    struct session *s = session_begin();
    int n = count(s);
    session_end(s);
    for (int i = 0; i < n && i < MAX_GPUS; i++)
        look_for_gpu(f, open, arena_printf(f->a, "%s:%d", v->kind, i), i);
    if (!n)
        look_for_gpu(f, open, v->kind, 0);
}

static void look_for_compilers(struct findings *f)
{
    for (int i = 0; target_at(i); i++) {
        const struct target *t = target_at(i);
        struct session *s = session_begin();
        const char *why, *path = "", *flags;
        bool there = compile_available(s, t, &why) && compile_identity(s, t, &path, &flags);
        found(f, "compiler", t->name, there, there ? path : why);
        session_end(s);
    }
}

static void look_for_cc(struct findings *f)
{
    const char *named = getenv("TOKIC_CC");
    const char *path = find_command(f->a, named && *named ? (const char *const[]){ named, NULL }
                                                          : (const char *const[]){ "cc", "gcc", "clang", NULL });
    found(f, "emulator", "cc", path != NULL,
          path ? path : "no C compiler: apt-get install gcc, or name one in TOKIC_CC");
}

static bool has(const struct findings *f, const char *kind)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->v[i].kind, kind) && f->v[i].there)
            return true;
    return false;
}

static void say_what_works(const struct findings *f, FILE *out)
{
    fprintf(out, "\nbackend cpu works here\n");
    if (has(f, "gpu"))
        fprintf(out, "backend hip works on the GPU, if its target has a compiler\n");
    if (has(f, "emulator"))
        fprintf(out, "backend hip works without a GPU: --device emu\n");
    else
        fprintf(out, "backend hip needs a C compiler for --device emu\n");
}

enum fail cli_doctor(struct cli *c)
{
    struct findings f = { .a = c->s->run };
    struct table *t = table_new(c->s->run, "llll");
    look_for_gpus(&f, &gpu_nvidia, nvidia_count, nvidia_open);
    look_for_gpus(&f, &gpu_amd, amd_count, amd_open);
    look_for_compilers(&f);
    look_for_cc(&f);
    for (size_t i = 0; i < f.n; i++) {
        const struct finding *x = &f.v[i];
        if (c->o.json) {
            struct cJSON *o = report_json(x->kind);
            json_text(o, "name", x->name);
            json_bool(o, "there", x->there);
            json_text(o, "text", x->text);
            if (!json_line(c->s, o, c->out))
                return FAIL_INPUT;
        }
        table_row(t, (const char *[]){ x->kind, x->name, x->there ? "yes" : "no", x->text });
    }
    if (c->o.json)
        return FAIL_NONE;
    if (!c->o.quiet)
        table_print(t, 0, c->out);
    say_what_works(&f, c->out);
    return FAIL_NONE;
}
