#include "runtime/compiled.h"

#include <string.h>

#include "codegen/spell.h"
#include "runtime/compile/compile.h"

struct graph *compiled_parse(const struct source *src, const struct graph_options *o, struct pass_ctx *c,
                             struct pass_options *passes)
{
    struct graph *g = graph_parse(c->s, src, o);
    if (!g)
        return NULL;
    graph_own_values(g);
    return passes_run(g, c, pipeline_all, passes) ? g : NULL;
}

bool compiled_passes(const struct graph *parsed, struct pass_ctx *c, struct pass_options *passes, struct compiled *out)
{
    *out = (struct compiled){ .target = c->target, .after = graph_clone(parsed) };
    return passes_run(out->after, c, pipeline_target, passes);
}

bool compiled_program(const struct pass_ctx *c, struct compiled *out)
{
    out->program = codegen_program(c->s, out->after, c->target, c->hint);
    return out->program != NULL;
}

const char *compiled_text(struct session *s, const struct target *t, const char *device_kind, bool checked,
                          const char *kernels)
{
    enum spelling emu = checked ? SPELL_EMU_CHECKED : SPELL_EMU;
    enum spelling how = strcmp(device_kind, "emu") ? spell_device(t) : emu;
    return arena_printf(s->run, "%s%s", spell_prelude(s, t, how), kernels);
}

bool compiled_code(struct session *s, const char *device_kind, bool checked, struct compiled *out)
{
    const struct program *p = out->program;
    out->code = (struct code){ .target = out->target, .compiler = "none", .flags = "" };
    if (!p->n_kernels)
        return true;
    if (!strcmp(device_kind, "emu"))
        return compile_host(s, out->target, out->text, checked, &out->code);
    const char **names = arena_array(s->run, const char *, p->n_kernels + 1);
    for (size_t i = 0; i < p->n_kernels; i++)
        names[i] = p->kernels[i].k->name;
    return compile_gpu(s, out->target, out->text, names, p->n_kernels, &out->code);
}
