/* The prelude of payloads over the field. Its hashes have the reference's numbers (ir/ops/eval.h). */
#include <string.h>

#include "codegen/payload.h"
#include "codegen/spell.h"

extern const char prelude_field[];
extern const char prelude_guard[];

/* The prelude defines MIX_<name> as `number`. */
static const struct {
    const char *name;
    int number;
} mixes[] = {
    { "MAX", FIELD_MAX },         { "MIN", FIELD_MIN },
    { "ABS", FIELD_ABS },         { "ROW_MAX", FIELD_ROW_MAX },
    { "ROW_MIN", FIELD_ROW_MIN }, { "CAST", FIELD_CAST },
    { "RINT", FIELD_RINT },       { "FLOOR", FIELD_FLOOR },
    { "ORDER", FIELD_ORDER },     { "NOT_FINITE", FIELD_OP_COUNT },
};

/* Returns the reference's function of that name; FN_COUNT: none. */
static int fn_named(const char *name)
{
    int f = 0;
    while (f < FN_COUNT && strcmp(num_fn_name((enum num_fn)f), name))
        f++;
    return f;
}

/* Returns definitions of the kernels' functions as hashes. One that the reference lacks gets its own number. */
static const char *functions(struct session *s)
{
    const char *text = "";
    for (int op = 0; op < K_COUNT; op++) {
        int f = fn_named(kop_table[op].name);
        if (f < FN_COUNT || kop_table[op].is_fn)
            text = arena_printf(s->run, "%s#define p_%s(a) p_mix(%d, a)\n", text, kop_table[op].name,
                                f < FN_COUNT ? f : FIELD_OP_COUNT + 1 + op);
    }
    return text;
}

const char *payload_guards(struct session *s) { return arena_printf(s->run, "%s%s", spell_integers(s), prelude_guard); }

const char *payload_field(struct session *s)
{
    const char *text = arena_printf(s->run, "%s%s", payload_guards(s), functions(s));
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++)
        text = arena_printf(s->run, "%s#define MIX_%s %d\n", text, mixes[i].name, mixes[i].number);
    return arena_printf(s->run, "%s%s", text, prelude_field);
}
