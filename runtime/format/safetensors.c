#include "runtime/format/safetensors.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/format/file.h"
#include "runtime/format/json_out.h"

enum {
    LENGTH_BYTES = 8,
    MAX_HEADER = 100 * 1000 * 1000, /* the format's limit */
    MAX_DEPTH = 8,                  /* a valid header needs 3 */
    MAX_VALUES = 1 << 22,           /* enough for 400,000 tensors; cJSON takes 64 bytes for each value */
    MAX_NAME = 512,
};

static const struct {
    const char *text;
    enum dtype dtype;
} dtypes[] = {
    { "F16", DT_F16 }, { "BF16", DT_BF16 }, { "F32", DT_F32 },   { "F64", DT_F64 },
    { "I32", DT_I32 }, { "I64", DT_I64 },   { "BOOL", DT_BOOL },
};

struct entry {
    const char *name;
    enum dtype dtype;
    int rank;
    int64_t dim[TENSOR_RANK];
    uint64_t begin, end;
};

struct reader {
    struct file_in *f;
    struct session *s;
    uint64_t data_at, data_size;
    struct entry *entries;
    size_t n, cap;
};

static bool bad_name(const char *name)
{
    size_t n = strlen(name);
    if (!n || n > MAX_NAME)
        return true;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_length(name + i, n - i);
        if (!len || (unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return true;
    }
    return false;
}

static bool bad_header(const struct reader *r, const char *why)
{
    return diag_error(r->s, FAIL_INPUT, NOWHERE, "%s: bad safetensors header: %s", r->f->path, why);
}

/* Limits the depth, since cJSON recurses, and the number of values, since cJSON allocates memory for each. Refuses
   \u0000, which would cut a name short. */
static bool scan_header(const struct reader *r, const char *p, size_t n)
{
    int depth = 0;
    long values = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string && p[i] == '\\') {
            if (n - i >= 6 && !memcmp(p + i, "\\u0000", 6))
                return bad_header(r, "a zero character in a string");
            i++;
        } else if (p[i] == '"') {
            in_string = !in_string;
        } else if (!in_string) {
            depth += (p[i] == '{' || p[i] == '[') - (p[i] == '}' || p[i] == ']');
            values += p[i] == '{' || p[i] == '[' || p[i] == ',';
            if (depth > MAX_DEPTH)
                return bad_header(r, "nested too deeply");
            if (values > MAX_VALUES)
                return bad_header(r, "more than 4,194,304 values");
        }
    }
    return true;
}

/* Accepts integers from 0 to 2^53 - 1, which a double holds exactly. */
static bool natural(const cJSON *v, uint64_t *out)
{
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble < 0x1p53))
        return false;
    *out = (uint64_t)v->valuedouble;
    return (double)*out == v->valuedouble;
}

#define BAD(r, e, ...)                                                                                                 \
    diag_error((r)->s, FAIL_INPUT, NOWHERE, "%s: tensor %s: %s", (r)->f->path, (e)->name,                              \
               arena_printf((r)->s->run, __VA_ARGS__))

static bool read_dtype(const struct reader *r, struct entry *e, const cJSON *v)
{
    if (!cJSON_IsString(v))
        return BAD(r, e, "dtype is not a string");
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(dtypes[i].text, v->valuestring)) {
            e->dtype = dtypes[i].dtype;
            return true;
        }
    return BAD(r, e, "dtype %s; tokic reads F16 BF16 F32 F64 I32 I64 BOOL",
               file_quote(r->s->run, v->valuestring, strlen(v->valuestring)));
}

static bool read_shape(const struct reader *r, struct entry *e, const cJSON *v)
{
    if (!cJSON_IsArray(v))
        return BAD(r, e, "shape is not an array");
    for (const cJSON *d = v->child; d; d = d->next) {
        uint64_t dim;
        if (e->rank == TENSOR_RANK)
            return BAD(r, e, "more than %d dimensions", TENSOR_RANK);
        if (!natural(d, &dim))
            return BAD(r, e, "dimension %d is not an integer from 0 to 2^53", e->rank);
        e->dim[e->rank++] = (int64_t)dim;
    }
    return true;
}

static bool read_offsets(const struct reader *r, struct entry *e, const cJSON *v)
{
    const cJSON *begin = cJSON_IsArray(v) ? v->child : NULL;
    const cJSON *end = begin ? begin->next : NULL;
    if (!end || end->next || !natural(begin, &e->begin) || !natural(end, &e->end))
        return BAD(r, e, "data_offsets is not a pair of integers from 0 to 2^53");
    if (e->begin > e->end || e->end > r->data_size)
        return BAD(r, e, "data_offsets [%" PRIu64 ", %" PRIu64 "] in %" PRIu64 " bytes of data", e->begin, e->end,
                   r->data_size);
    return true;
}

/* Reads { "dtype": string, "shape": [ integers ], "data_offsets": [ begin, end ] }, with the fields in any order. */
static bool read_entry(struct reader *r, const cJSON *v)
{
    static const struct {
        const char *key;
        bool (*read)(const struct reader *, struct entry *, const cJSON *);
    } fields[] = {
        { "dtype", read_dtype },
        { "shape", read_shape },
        { "data_offsets", read_offsets },
    };
    enum { N_FIELDS = sizeof fields / sizeof *fields };
    if (bad_name(v->string))
        return diag_error(r->s, FAIL_INPUT, NOWHERE, "%s: bad tensor name %s", r->f->path,
                          file_quote(r->s->run, v->string, strlen(v->string)));
    struct entry e = { .name = arena_strdup(r->s->run, v->string) };
    if (!cJSON_IsObject(v))
        return BAD(r, &e, "its description is not an object");
    bool seen[N_FIELDS] = { 0 };
    for (const cJSON *m = v->child; m; m = m->next) {
        int k = 0;
        while (k < N_FIELDS && strcmp(fields[k].key, m->string))
            k++;
        if (k == N_FIELDS)
            return BAD(r, &e, "unknown field %s", file_quote(r->s->run, m->string, strlen(m->string)));
        if (seen[k])
            return BAD(r, &e, "%s twice", fields[k].key);
        seen[k] = true;
        if (!fields[k].read(r, &e, m))
            return false;
    }
    for (int k = 0; k < N_FIELDS; k++)
        if (!seen[k])
            return BAD(r, &e, "%s is missing", fields[k].key);
    size_t bytes = 0;
    bool small = tensor_size(e.dtype, e.rank, e.dim, &bytes);
    const char *what = small && bytes == e.end - e.begin ? "" : tensor_text(r->s->run, e.dtype, e.rank, e.dim);
    if (!small)
        return BAD(r, &e, "shape %s is too large", what);
    if (*what)
        return BAD(r, &e, "%s is %zu bytes, its data_offsets span %" PRIu64, what, bytes, e.end - e.begin);
    *arena_push(r->s->run, r->entries, r->n, r->cap) = e;
    return true;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct entry *)x)->name, ((const struct entry *)y)->name);
}

/* Of two tensors that begin at the same offset, the empty one comes first. */
static int by_offset(const void *x, const void *y)
{
    const struct entry *a = x;
    const struct entry *b = y;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return by_name(x, y);
}

/* Refuses repeated names, gaps and overlaps. Sorts the entries by offset. */
static bool check_entries(struct reader *r)
{
    if (r->n)
        qsort(r->entries, r->n, sizeof *r->entries, by_name);
    for (size_t i = 1; i < r->n; i++)
        if (!by_name(&r->entries[i - 1], &r->entries[i]))
            return BAD(r, &r->entries[i], "listed twice");
    if (r->n)
        qsort(r->entries, r->n, sizeof *r->entries, by_offset);
    uint64_t at = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct entry *e = &r->entries[i];
        if (e->begin > at)
            return BAD(r, e, "begins at %" PRIu64 ", which leaves bytes %" PRIu64 " to %" PRIu64 " without a tensor",
                       e->begin, at, e->begin);
        if (e->begin < at)
            return BAD(r, e, "begins at %" PRIu64 ", inside tensor %s, which ends at %" PRIu64, e->begin,
                       r->entries[i - 1].name, at);
        at = e->end;
    }
    if (at == r->data_size)
        return true;
    return diag_error(r->s, FAIL_INPUT, NOWHERE, "%s: %" PRIu64 " extra bytes after the last tensor%s%s", r->f->path,
                      r->data_size - at, r->n ? ", " : "", r->n ? r->entries[r->n - 1].name : "");
}

static bool parse_header(struct reader *r, const char *text, size_t n)
{
    if (!scan_header(r, text, n))
        return false;
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, n, &end, 0);
    if (!root) {
        size_t at = end ? (size_t)(end - text) : 0;
        return bad_header(
            r, arena_printf(r->s->run, "not JSON at byte %zu: %s", at, file_quote(r->s->run, text + at, n - at)));
    }
    while (end < text + n && (*end == ' ' || *end == '\n' || *end == '\t' || *end == '\r'))
        end++;
    bool ok = end == text + n || bad_header(r, "text after the JSON object");
    if (ok && !cJSON_IsObject(root))
        ok = bad_header(r, "not a JSON object");
    bool metadata = false;
    for (const cJSON *v = root->child; ok && v; v = v->next) {
        if (strcmp(v->string, "__metadata__"))
            ok = read_entry(r, v);
        else if (metadata)
            ok = bad_header(r, "__metadata__ twice");
        else
            metadata = true;
    }
    cJSON_Delete(root);
    return ok && check_entries(r);
}

static bool read_header(struct reader *r)
{
    struct file_in *f = r->f;
    unsigned char b[LENGTH_BYTES];
    if (f->size < LENGTH_BYTES)
        return diag_error(r->s, FAIL_INPUT, NOWHERE, "%s is not a safetensors file: %" PRIu64 " bytes", f->path,
                          f->size);
    if (!file_read(f, 0, b, LENGTH_BYTES))
        return false;
    uint64_t n = 0;
    for (int i = LENGTH_BYTES; i-- > 0;)
        n = n << 8 | b[i];
    if (n > f->size - LENGTH_BYTES)
        return diag_error(r->s, FAIL_INPUT, NOWHERE,
                          "%s is truncated or not a safetensors file: a header of %" PRIu64
                          " bytes in a file of %" PRIu64,
                          f->path, n, f->size);
    if (n > MAX_HEADER)
        return diag_error(r->s, FAIL_INPUT, NOWHERE, "%s: safetensors header of %" PRIu64 " bytes; the most is %d",
                          f->path, n, MAX_HEADER);
    r->data_at = LENGTH_BYTES + n;
    r->data_size = f->size - r->data_at;
    struct arena *tmp = arena_new();
    char *text = arena_alloc(tmp, n + 1);
    bool ok = file_read(f, LENGTH_BYTES, text, n) && parse_header(r, text, n);
    arena_free(tmp);
    return ok;
}

static size_t padded(uint64_t bytes) { return ((size_t)bytes + 15) & ~(size_t)15; }

static struct tensor_list *load(struct file_in *f)
{
    struct reader r = { .f = f, .s = f->s };
    if (!read_header(&r))
        return NULL;
    size_t total = 0;
    for (size_t i = 0; i < r.n; i++)
        total += padded(r.entries[i].end - r.entries[i].begin);
    struct tensor_list *list = arena_new_of(r.s->run, struct tensor_list);
    list->items = arena_array(r.s->run, struct named_tensor, r.n + 1);
    unsigned char *to = arena_alloc(r.s->run, total + 1);
    for (size_t i = 0; i < r.n; i++) {
        const struct entry *e = &r.entries[i];
        struct tensor *t = &list->items[list->n].tensor;
        list->items[list->n++].name = e->name;
        t->dtype = e->dtype;
        t->rank = e->rank;
        t->data = to;
        t->bytes = (size_t)(e->end - e->begin);
        memcpy(t->dim, e->dim, sizeof t->dim);
        if (!file_read(f, r.data_at + e->begin, to, t->bytes))
            return NULL;
        int64_t bad = tensor_bad_bool(t);
        if (bad >= 0) {
            BAD(&r, e, "element %s is neither 0 nor 1", tensor_index_text(r.s->run, t, bad));
            return NULL;
        }
        to += padded(t->bytes);
    }
    return list;
}

struct tensor_list *safetensors_parse(struct session *s, const char *name, const void *bytes, size_t size)
{
    struct file_in f = file_of_bytes(s, name, bytes, size);
    return load(&f);
}

struct tensor_list *safetensors_read(struct session *s, const char *path)
{
    struct file_in f;
    if (!file_open(s, &f, path))
        return NULL;
    struct tensor_list *list = load(&f);
    file_close(&f);
    return list;
}

static const char *format_header(struct arena *a, const struct tensor_list *list)
{
    struct cJSON *root = json_new();
    int64_t at = 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct named_tensor *e = &list->items[i];
        BUG_IF(bad_name(e->name) || !dtype_is_float(e->tensor.dtype), "safetensors of %s, dtype %s", e->name,
               dtype_name(e->tensor.dtype));
        BUG_IF(cJSON_GetObjectItemCaseSensitive(root, e->name) || !strcmp(e->name, "__metadata__"),
               "safetensors with two tensors named %s", e->name);
        struct cJSON *o = json_object(root, e->name);
        int64_t end = at + tensor_count(&e->tensor) * 4;
        json_text(o, "dtype", "F32");
        json_ints(o, "shape", e->tensor.dim, (size_t)e->tensor.rank);
        json_ints(o, "data_offsets", (const int64_t[]){ at, end }, 2);
        at = end;
    }
    const char *text = json_compact(a, root);
    return arena_printf(a, "%s%*s", text, (int)(-strlen(text) & 7), "");
}

static bool write_f32(struct session *s, struct file_out *f, const struct named_tensor *e)
{
    if (e->tensor.dtype == DT_F32)
        return file_write(f, e->tensor.data, e->tensor.bytes);
    struct arena *tmp = arena_new();
    const struct tensor *t = tensor_convert(s, tmp, e->name, &e->tensor, DT_F32);
    bool ok = t && file_write(f, t->data, t->bytes);
    arena_free(tmp);
    return ok;
}

bool safetensors_write(struct session *s, const char *path, const struct tensor_list *list)
{
    struct arena *tmp = arena_new();
    const char *head = format_header(tmp, list);
    uint64_t n = strlen(head);
    struct file_out f;
    bool ok = file_create(s, &f, path);
    if (ok) {
        ok = file_write(&f, &n, sizeof n) && file_write(&f, head, n);
        for (size_t i = 0; ok && i < list->n; i++)
            ok = write_f32(s, &f, &list->items[i]);
        if (ok)
            ok = file_commit(&f);
        else
            file_abandon(&f);
    }
    arena_free(tmp);
    return ok;
}
