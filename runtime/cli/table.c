#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"

static const char *text_at(const char *text, size_t at)
{
    size_t n = strlen(text);
    size_t i = 0;
    for (; at && i < n; at--) {
        size_t len = utf8_length(text + i, n - i);
        i += len ? len : 1;
    }
    return text + i;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; width++)
        text = text_at(text, 1);
    return width;
}

const char *text_short(struct arena *a, const char *text, size_t width)
{
    size_t w = text_width(text);
    size_t tail = (width - 1) / 2;
    size_t head = width - 1 - tail;
    if (w <= width)
        return text;
    return arena_printf(a, "%.*s…%s", (int)(text_at(text, head) - text), text, text_at(text, w - tail));
}

struct table *table_new(struct arena *a, const char *align)
{
    struct table *t = arena_new_of(a, struct table);
    *t = (struct table){ .a = a, .align = align };
    return t;
}

void table_row(struct table *t, const char *const *cells)
{
    size_t n = strlen(t->align);
    const char **row = *arena_push(t->a, t->rows, t->n, t->cap) = arena_array(t->a, const char *, n);
    for (size_t i = 0; i < n; i++)
        row[i] = cells[i] ? cells[i] : "";
}

static void measure(const struct table *t, size_t *width, size_t n)
{
    for (size_t r = 0; r < t->n; r++)
        for (size_t i = 0; i < n; i++)
            if (text_width(t->rows[r][i]) > width[i])
                width[i] = text_width(t->rows[r][i]);
}

static void shorten_names(const struct table *t, size_t indent, size_t *width, size_t n)
{
    enum { LEAST = 20 };
    size_t all = indent + 2 * (n - 1);
    size_t most = NAME_WIDTH;
    for (size_t i = 1; i < n; i++)
        all += width[i];
    if (all + most > t->most)
        most = t->most > all + LEAST ? t->most - all : LEAST;
    for (size_t r = 0; r < t->n; r++)
        t->rows[r][0] = text_short(t->a, t->rows[r][0], most);
    if (width[0] > most)
        width[0] = most;
}

void table_print(const struct table *t, int indent, FILE *to)
{
    size_t n = strlen(t->align);
    size_t *width = arena_array(t->a, size_t, n + 1);
    for (size_t i = 0; t->least && i < n; i++)
        width[i] = t->least[i];
    measure(t, width, n);
    if (t->most)
        shorten_names(t, (size_t)indent, width, n);
    for (size_t r = 0; r < t->n; r++) {
        size_t last = n;
        while (last && !*t->rows[r][last - 1])
            last--;
        fprintf(to, "%*s", indent, "");
        for (size_t i = 0; i < last; i++) {
            int gap = (int)(width[i] - text_width(t->rows[r][i]));
            bool left = t->align[i] == 'l';
            fprintf(to, "%s%*s%s%*s", i ? "  " : "", left ? 0 : gap, "", t->rows[r][i], left && i + 1 < last ? gap : 0,
                    "");
        }
        fputc('\n', to);
    }
}

const char *number_text(struct arena *a, int64_t n)
{
    char digits[32];
    char *out = arena_alloc(a, 48);
    char *p = out;
    int len = snprintf(digits, sizeof digits, "%" PRId64, n);
    for (int i = 0; i < len; i++) {
        *p++ = digits[i];
        if (digits[i] != '-' && i + 1 < len && (len - i - 1) % 3 == 0)
            *p++ = ',';
    }
    return out;
}

const char *ratio_text(struct arena *a, double x)
{
    if (!isfinite(x))
        return isnan(x) ? "NaN" : "∞";
    if (x >= 10)
        return number_text(a, x < 1e15 ? (int64_t)x : INT64_C(1000000000000000));
    double cut = floor(x * 100 + 1e-9) / 100; /* + 1e-9: in double, 0.29 · 100 is below 29 */
    return arena_printf(a, "%.2f", x <= 1 ? fmin(cut, 0.99) : cut);
}

const char *plural(int64_t n, const char *one, const char *many) { return n == 1 ? one : many; }

const char *count_text(struct arena *a, size_t n, const char *one)
{
    size_t len = strlen(one);
    const char *end = n == 1 ? "" : len && one[len - 1] == 'h' ? "es" : "s";
    return arena_printf(a, "%zu %s%s", n, one, end);
}

const char *loc_text(struct arena *a, struct loc loc)
{
    return loc.line ? arena_printf(a, "%s:%d:%d", loc.src->name, loc.line, loc.col) : "";
}

struct cJSON *report_json(const char *kind)
{
    struct cJSON *o = json_new();
    json_int(o, "schema", JSON_SCHEMA);
    json_text(o, "kind", kind);
    return o;
}

int64_t graph_parameters(const struct graph *g, size_t *n_tensors)
{
    int64_t sum = 0, count;
    *n_tensors = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        if (!node_is_param(n))
            continue;
        ++*n_tensors;
        if (index_const_value(type_count(g->s, &n->type), &count))
            sum += count;
    }
    return sum;
}

const char *graph_title(struct arena *a, const struct graph *g)
{
    return *g->size ? arena_printf(a, "%s %s", g->name, g->size) : g->name;
}

bool graph_drops_loss(const struct graph *g)
{
    bool kept = !g->loss;
    for (size_t i = 0; i < g->n_outs; i++)
        kept |= g->outs[i].node == g->loss;
    return !kept;
}

bool graph_uses(const struct graph *g, const char *op)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        if (!strcmp(g->nodes[i]->op->call.name, op))
            return true;
    return false;
}

struct obligation_counts obligations_count(const struct graph *g)
{
    struct obligation_counts c = { 0 };
    for (size_t i = 0; i < g->n_obligations; i++)
        c.of[g->obligations[i].status]++;
    return c;
}

const char *element_text(struct arena *a, const struct node *n, const struct dim_values *dims, int64_t at)
{
    const char *name = n->name ? n->name
                               : arena_printf(a, "%s%s%s", n->instance ? n->instance : "", n->instance ? "." : "",
                                              n->origin ? n->origin : n->op->call.name);
    const char *index = "";
    for (int i = n->type.rank; i-- > 0;) {
        int64_t dim = dims_eval(dims, n->type.dim[i]);
        index = arena_printf(a, "%" PRId64 "%s%s", dim ? at % dim : 0, *index ? ", " : "", index);
        at = dim ? at / dim : 0;
    }
    return n->type.rank ? arena_printf(a, "%s[%s]", name, index) : name;
}

/* Returns the expert or layer of a group: "expert12". *stem: length of that name without its number, 6. */
static const char *instance_of(const struct group *gr, size_t *stem)
{
    const char *instance = NULL;
    for (size_t i = 0; i < gr->n_nodes && !instance; i++)
        instance = gr->nodes[i]->instance;
    if (!instance)
        return NULL;
    *stem = strlen(instance);
    while (*stem && instance[*stem - 1] >= '0' && instance[*stem - 1] <= '9')
        --*stem;
    return *stem && instance[*stem] ? instance : NULL;
}

const char *group_stem(struct arena *a, const struct group *gr)
{
    size_t stem;
    const char *instance = instance_of(gr, &stem);
    const char *out = "";
    if (!instance)
        return gr->name;
    for (const char *p = gr->name, *next; *p; p = next) {
        const char *hit = strstr(p, instance);
        size_t n = strlen(instance);
        bool whole = hit && (hit == gr->name || hit[-1] == ' ') && !(hit[n] >= '0' && hit[n] <= '9');
        next = hit ? hit + n : p + strlen(p);
        out = arena_printf(a, "%s%.*s%.*s", out, (int)((hit ? hit : next) - p), p, (int)(hit ? whole ? stem : n : 0),
                           instance);
    }
    return out;
}

const char *provenance_word(enum provenance p)
{
    static const char *const words[] = {
        [MEASURED] = "measured", [PUBLISHED] = "published", [DOCUMENTED] = "documented", [ASSUMED] = "assumed"
    };
    return words[p];
}
