/* tokic ops: the ops that a graph may use, from their records: as a table, in full, as JSON, as a page. */
#include <inttypes.h>
#include <string.h>

#include "ir/graph/hint.h"
#include "ir/map.h"
#include "ir/ops/op.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/report.h"
#include "runtime/format/json_out.h"

static const struct {
    const char *word, *doc;
} classes[] = {
    [CLS_POINTWISE] = { "pointwise", "Element i of the result depends on element i of each operand; operands of other "
                                     "shapes are broadcast." },
    [CLS_VIEW] = { "view", "The result has elements of the operands at other indices." },
    [CLS_REDUCE] = { "reduce", "Each row, or each set of elements along the axes, is reduced to a number or rescaled "
                               "by one." },
    [CLS_SCAN] = { "scan", "Element i of a row depends on the elements before it." },
    [CLS_SELECT] = { "select", "The result depends on the order of a row's elements." },
    [CLS_CONTRACT] = { "contract", "Sums of products." },
    [CLS_INDEX] = { "index", "The operands are read at computed indices." },
    [CLS_SOURCE] = { "source", "Tensors without operands. The first three are declarations of the language." },
    [CLS_EFFECT] = { "effect", "A check, computed even if nothing reads its result." },
};
enum { N_CLASSES = sizeof classes / sizeof *classes };

static const char *const kinds[] = { [ATTR_INT] = "int",     [ATTR_FLOAT] = "float", [ATTR_BOOL] = "bool",
                                     [ATTR_DTYPE] = "dtype", [ATTR_INTS] = "ints",   [ATTR_DIMS] = "dims" };
static const char *const inits[] = { [INIT_FAN_IN] = "uniform by fan-in", [INIT_ZERO] = "zeros", [INIT_ONE] = "ones" };

/* ---- parts of a record as texts ---- */
static const char *ints_text(struct arena *a, const struct attr *v)
{
    const char *text = "[";
    for (int i = 0; i < v->n; i++)
        text = arena_printf(a, "%s%s%" PRId64, text, i ? ", " : "", v->ints[i]);
    return arena_printf(a, "%s]", text);
}

static const char *value_text(struct arena *a, const struct attr_def *d)
{
    if (d->required)
        return "required";
    switch (d->kind) {
    case ATTR_INT: return arena_printf(a, "%" PRId64, d->value.i);
    case ATTR_FLOAT: return arena_printf(a, "%g", d->value.f);
    case ATTR_BOOL: return d->value.i ? "true" : "false";
    case ATTR_DTYPE: return dtype_name((enum dtype)d->value.i);
    case ATTR_INTS: return ints_text(a, &d->value);
    case ATTR_DIMS: return "[]";
    }
    BUG("attribute kind %d", (int)d->kind);
}

/* "softmax(x; axis=-1)" */
static const char *signature_text(struct arena *a, const struct op_def *op)
{
    const char *operands = op_operands_text(a, op);
    const char *text = arena_printf(a, "%s(%s", op->call.name, operands);
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        text = arena_printf(a, "%s%s%s%s%s", text,
                            i           ? ", "
                            : *operands ? "; "
                                        : "",
                            d->name, d->required ? "" : "=", d->required ? "" : value_text(a, d));
    }
    return arena_printf(a, "%s)", text);
}

static const char *gradient_text(const struct op_def *op)
{
    return op->call.about.gradient ? op->call.about.gradient : "none";
}

static const char *class_text(struct arena *a, const struct op_def *op)
{
    return arena_printf(a, "%s, %s", classes[op->class].word,
                        op_is_composite(op) ? "a composite of primitives" : "a primitive");
}

/* The name of a parameter that a call of the op creates: "linN.weight". */
static const char *param_text(struct arena *a, const struct op_def *op, const struct param_def *p)
{
    return arena_printf(a, "%sN.%s", op->call.stem ? op->call.stem : op->call.name, p->suffix);
}

/* What is said of an op in one line each: a word and a text, ended by a NULL word. */
struct said {
    const char *word, *text;
};
enum { MAX_SAID = 8 + 2 * MAX_OPERANDS };

static const struct said *said_of(struct arena *a, const struct op_def *op)
{
    const struct op_about *about = &op->call.about;
    const struct said all[] = {
        { "also", op->call.alias },
        { "shapes", about->shapes },
        { "formula", about->formula },
        { "source", about->source },
        { "gradient", gradient_text(op) },
        { "class", class_text(a, op) },
        { "rounding", op->exact ? "none: its result is exact" : NULL },
        { "precision", op->keep_f32 ? "its result stays f32 under every policy" : NULL },
    };
    struct said *out = arena_array(a, struct said, MAX_SAID + 1);
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].text)
            out[n++] = all[i];
    for (int i = 0; i < MAX_OPERANDS; i++)
        if (op->call.operands[i].keep_f32)
            out[n++] = (struct said){ "precision", arena_printf(a, "everything that %s is computed from stays f32",
                                                                op->call.operands[i].name) };
    for (int i = 0; i < op->call.n_params; i++) {
        const struct param_def *p = &op->call.params[i];
        out[n++] = (struct said){ "parameter", arena_printf(a, "%s, if left out, becomes %s: %s", p->operand,
                                                            param_text(a, op, p), inits[p->init]) };
    }
    return out;
}

/* ---- one op in full ---- */
/* Prints words from column `at` on, in lines of at most TABLE_WIDTH characters. */
static void print_wrapped(FILE *out, const char *text, size_t at)
{
    size_t column = at;
    while (*text) {
        size_t n = strcspn(text, " ");
        char word[TABLE_WIDTH + 1];
        snprintf(word, sizeof word, "%.*s", (int)n, text);
        size_t width = text_width(word);
        if (column > at && column + 1 + width > TABLE_WIDTH) {
            fprintf(out, "\n%*s", (int)at, "");
            column = at;
        }
        fprintf(out, "%s%.*s", column > at ? " " : "", (int)n, text);
        column += width + (column > at);
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_op(struct arena *a, const struct op_def *op, FILE *out)
{
    enum { LABEL = 11, AT = 2 + LABEL };
    fprintf(out, "%s\n  ", signature_text(a, op));
    print_wrapped(out, op->call.doc, 2);
    for (const struct said *s = said_of(a, op); s->word; s++) {
        fprintf(out, "  %-*s", LABEL, s->word);
        print_wrapped(out, s->text, AT);
    }
    struct table *t = table_new(a, "llll");
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        table_row(t, (const char *[]){ d->name, kinds[d->kind],
                                       d->required ? "required" : arena_printf(a, "%s if not given", value_text(a, d)),
                                       d->doc });
    }
    if (op->call.n_attrs)
        fprintf(out, "  attributes\n");
    table_print(t, 4, out);
}

/* ---- JSON ---- */
static void attrs_json(struct arena *a, struct cJSON *o, const struct op_def *op)
{
    struct cJSON *attrs = json_array(o, "attributes");
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        struct cJSON *one = json_object(attrs, NULL);
        json_text(one, "name", d->name);
        json_text(one, "type", kinds[d->kind]);
        json_bool(one, "required", d->required);
        json_text(one, "default", d->required ? NULL : value_text(a, d));
        json_text(one, "doc", d->doc);
    }
}

static void params_json(struct arena *a, struct cJSON *o, const struct op_def *op)
{
    struct cJSON *params = json_array(o, "parameters");
    for (int i = 0; i < op->call.n_params; i++) {
        const struct param_def *p = &op->call.params[i];
        struct cJSON *one = json_object(params, NULL);
        json_text(one, "operand", p->operand);
        json_text(one, "name", param_text(a, op, p));
        json_text(one, "init", inits[p->init]);
    }
}

static bool op_json(struct cli *c, const struct op_def *op)
{
    struct arena *a = c->s->run;
    bool variadic;
    op_arity(op, &variadic);
    struct cJSON *o = report_json("op");
    json_text(o, "op", op->call.name);
    json_text(o, "alias", op->call.alias);
    json_text(o, "signature", signature_text(a, op));
    json_text(o, "operands", op_operands_text(a, op));
    json_bool(o, "variadic", variadic);
    attrs_json(a, o, op);
    params_json(a, o, op);
    json_text(o, "class", classes[op->class].word);
    json_bool(o, "composite", op_is_composite(op));
    json_text(o, "doc", op->call.doc);
    json_text(o, "shapes", op->call.about.shapes);
    json_text(o, "formula", op->call.about.formula);
    json_text(o, "source", op->call.about.source);
    json_bool(o, "differentiable", op_is_differentiable(op));
    json_text(o, "gradient", gradient_text(op));
    json_bool(o, "exact", op->exact);
    json_bool(o, "keeps_f32", op->keep_f32);
    struct cJSON *wide = json_array(o, "operands_keep_f32");
    for (int i = 0; i < MAX_OPERANDS; i++)
        if (op->call.operands[i].keep_f32)
            json_text(wide, NULL, op->call.operands[i].name);
    return json_line(c->s, o, c->out);
}

/* ---- the page ---- */
/* Prose with the characters escaped that mean something to Markdown. */
static const char *prose(struct arena *a, const char *text)
{
    char *out = arena_array(a, char, 2 * strlen(text) + 1);
    char *to = out;
    for (; *text; text++) {
        if (strchr("\\`*_<>[]|#", *text))
            *to++ = '\\';
        *to++ = *text;
    }
    return out;
}

static void op_page(struct arena *a, const struct op_def *op, FILE *out)
{
    fprintf(out, "\n### %s\n\n    %s\n\n%s\n\n", prose(a, op->call.name), signature_text(a, op),
            prose(a, op->call.doc));
    for (const struct said *s = said_of(a, op); s->word; s++) {
        bool code = !strcmp(s->word, "shapes") || !strcmp(s->word, "formula") || !strcmp(s->word, "also");
        fprintf(out, "- **%s** %s%s%s\n", s->word, code ? "`" : "", code ? s->text : prose(a, s->text),
                code ? "`" : "");
    }
    if (!op->call.n_attrs)
        return;
    fprintf(out, "\n| attribute | type | default | |\n|---|---|---|---|\n");
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        fprintf(out, "| %s | %s | %s | %s |\n", d->name, kinds[d->kind], prose(a, value_text(a, d)), prose(a, d->doc));
    }
}

static void class_page(struct arena *a, enum op_class class, FILE *out)
{
    const char *word = classes[class].word;
    fprintf(out, "\n## %c%s ops\n\n%s\n", word[0] - 'a' + 'A', word + 1, classes[class].doc);
    for (int i = 0; op_at(i); i++)
        if (op_at(i)->class == class)
            op_page(a, op_at(i), out);
}

static int count_of(enum op_class class)
{
    int n = 0;
    for (int i = 0; op_at(i); i++)
        n += op_at(i)->class == class;
    return n;
}

static void page(struct arena *a, FILE *out)
{
    fprintf(out,
            "# The ops of tokic\n\n"
            "Written by `tokic ops --markdown`, from the records in `ir/ops`. `tokic ops NAME` prints one of them.\n\n"
            "A call names its operands first, then attributes: `softmax(x, axis=1)`. gy is the gradient of the "
            "result.\n\n");
    for (int class = 0; class < N_CLASSES; class ++) {
        if (!count_of((enum op_class) class))
            continue;
        fprintf(out, "- **%s**:", classes[class].word);
        for (int i = 0; op_at(i); i++)
            if (op_at(i)->class == (enum op_class) class)
                fprintf(out, " [%s](#%s)", prose(a, op_at(i)->call.name), op_at(i)->call.name);
        fputc('\n', out);
    }
    for (int class = 0; class < N_CLASSES; class ++)
        if (count_of((enum op_class) class))
            class_page(a, (enum op_class) class, out);
}

/* ---- the verb ---- */
static bool unknown_op(struct session *s, const char *name)
{
    const char *near = NULL;
    const char *write = hint_op(name);
    if (write)
        return diag_error(s, FAIL_USAGE, NOWHERE, "there is no op %s; write %s", name, write);
    for (int i = 0; op_at(i); i++)
        near = name_nearer(name, near, op_at(i)->call.name);
    return diag_error(s, FAIL_USAGE, NOWHERE, "there is no op %s%s", name, cli_meant(s, near));
}

static void print_list(struct arena *a, FILE *out)
{
    struct table *t = table_new(a, "lll");
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        table_row(t, (const char *[]){ signature_text(a, op), classes[op->class].word, op->call.doc });
    }
    table_print(t, 0, out);
}

enum fail cli_ops(struct cli *c)
{
    const struct op_def *one = c->o.what ? op_find(c->o.what) : NULL;
    if (c->o.what && !one) {
        unknown_op(c->s, c->o.what);
        return FAIL_USAGE;
    }
    if (c->o.markdown && (one || c->o.json)) {
        diag_error(c->s, FAIL_USAGE, NOWHERE, "--markdown writes a page of all ops; it takes no NAME and no --json");
        return FAIL_USAGE;
    }
    if (c->o.markdown)
        page(c->s->run, c->out);
    else if (one && !c->o.json)
        print_op(c->s->run, one, c->out);
    else if (!c->o.json)
        print_list(c->s->run, c->out);
    for (int i = 0; c->o.json && op_at(i); i++)
        if ((!one || op_at(i) == one) && !op_json(c, op_at(i)))
            return FAIL_INPUT;
    return FAIL_NONE;
}
