/* The prelude of payloads over the field. The numbers of its hashes are the reference's (ir/ops/eval.h). */
#include "codegen/payload.h"
#include "codegen/spell.h"

extern const char prelude_field[];
extern const char prelude_guard[];

/* MIX_NAME in the prelude. Hashes that the reference lacks have numbers that it does not use. */
static const struct {
    const char *name;
    int number;
} mixes[] = {
    { "EXP", FN_EXP },
    { "LOG", FN_LOG },
    { "SQRT", FN_SQRT },
    { "TANH", FN_TANH },
    { "ERF", FN_ERF },
    { "LOG1P", FN_LOG1P },
    { "RSQRT", FN_RSQRT },
    { "SIGMOID", FN_SIGMOID },
    { "SIN", FN_SIN },
    { "COS", FN_COS },
    { "MAX", FIELD_MAX },
    { "MIN", FIELD_MIN },
    { "ABS", FIELD_ABS },
    { "ROW_MAX", FIELD_ROW_MAX },
    { "ROW_MIN", FIELD_ROW_MIN },
    { "CAST", FIELD_CAST },
    { "RINT", FIELD_RINT },
    { "FLOOR", FIELD_FLOOR },
    { "ORDER", FIELD_ORDER },
    { "NOT_FINITE", FIELD_OP_COUNT },
    { "EXP2", FIELD_OP_COUNT + 1 },
    { "LOG2", FIELD_OP_COUNT + 2 },
};

const char *payload_guards(struct session *s) { return arena_printf(s->run, "%s%s", spell_integers(s), prelude_guard); }

const char *payload_field(struct session *s)
{
    const char *text = payload_guards(s);
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++)
        text = arena_printf(s->run, "%s#define MIX_%s %d\n", text, mixes[i].name, mixes[i].number);
    return arena_printf(s->run, "%s%s", text, prelude_field);
}
