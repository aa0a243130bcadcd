#include "runtime/format/npy.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/format/file.h"

enum { MAGIC_BYTES = 6, MAX_HEADER = 1 << 16 };
static const char magic[MAGIC_BYTES + 1] = "\x93NUMPY";
#define READABLE "tokic reads <f2 <f4 <f8 <i4 <i8 and |b1"

static const struct {
    const char *text;
    enum dtype dtype;
} descrs[] = {
    { "<f2", DT_F16 }, { "<f4", DT_F32 }, { "<f8", DT_F64 }, { "<i4", DT_I32 }, { "<i8", DT_I64 }, { "|b1", DT_BOOL },
};
enum { N_DESCRS = sizeof descrs / sizeof *descrs };

struct header {
    struct file_in *f;
    const char *p, *end;
    bool seen_descr, seen_order, seen_shape;
    enum dtype dtype;
    int rank;
    int64_t dim[TENSOR_RANK];
};

static const char *rest(const struct header *h) { return file_quote(h->f->s->run, h->p, (size_t)(h->end - h->p)); }

static bool expected(struct header *h, const char *what)
{
    return diag_error(h->f->s, FAIL_INPUT, NOWHERE, "%s: bad npy header: expected %s, found %s", h->f->path, what,
                      rest(h));
}

static void skip_space(struct header *h)
{
    while (h->p < h->end && (*h->p == ' ' || *h->p == '\n' || *h->p == '\t'))
        h->p++;
}

static bool accept(struct header *h, char c)
{
    skip_space(h);
    if (h->p == h->end || *h->p != c)
        return false;
    h->p++;
    return true;
}

/* Parses a string in single or double quotes, without backslashes. */
static bool parse_string(struct header *h, const char **text, size_t *n)
{
    skip_space(h);
    char quote = h->p < h->end ? *h->p : 0;
    if (quote != '\'' && quote != '"')
        return expected(h, "a quoted string");
    const char *from = h->p + 1;
    const char *to = from;
    while (to < h->end && *to != quote && *to != '\\')
        to++;
    if (to == h->end || *to != quote)
        return expected(h, "a closed string");
    *text = from;
    *n = (size_t)(to - from);
    h->p = to + 1;
    return true;
}

static bool is_text(const char *p, size_t n, const char *word) { return n == strlen(word) && !memcmp(p, word, n); }

/* Parses a dtype such as '<f4'. A list stands for a structured dtype, which tokic refuses. */
static bool parse_descr(struct header *h)
{
    const char *p;
    size_t n;
    skip_space(h);
    if (h->p < h->end && *h->p == '[') {
        const char *found = rest(h);
        return diag_error(h->f->s, FAIL_INPUT, NOWHERE, "%s: structured dtype %s; " READABLE, h->f->path, found);
    }
    if (!parse_string(h, &p, &n))
        return false;
    for (int i = 0; i < N_DESCRS; i++)
        if (is_text(p, n, descrs[i].text)) {
            h->dtype = descrs[i].dtype;
            return true;
        }
    const char *remedy = n && *p == '>' ? " (big-endian: save x.astype(x.dtype.newbyteorder('<')))" : "";
    return diag_error(h->f->s, FAIL_INPUT, NOWHERE, "%s: dtype %s; " READABLE "%s", h->f->path,
                      file_quote(h->f->s->run, p, n), remedy);
}

static bool parse_order(struct header *h)
{
    skip_space(h);
    const char *from = h->p;
    while (h->p < h->end && isalpha((unsigned char)*h->p))
        h->p++;
    size_t n = (size_t)(h->p - from);
    if (is_text(from, n, "False"))
        return true;
    if (is_text(from, n, "True"))
        return diag_error(h->f->s, FAIL_INPUT, NOWHERE,
                          "%s: Fortran order; tokic reads C order (save numpy.ascontiguousarray(x))", h->f->path);
    h->p = from;
    return expected(h, "True or False");
}

/* Parses digits and an optional "L", which Python 2 writes. */
static bool parse_dim(struct header *h, int64_t *dim)
{
    skip_space(h);
    const char *from = h->p;
    *dim = 0;
    for (; h->p < h->end && isdigit((unsigned char)*h->p); h->p++)
        if (__builtin_mul_overflow(*dim, 10, dim) || __builtin_add_overflow(*dim, *h->p - '0', dim)) {
            h->p = from;
            return expected(h, "a dimension below 2^63");
        }
    if (h->p == from)
        return expected(h, "a dimension, 0 or more");
    if (h->p < h->end && *h->p == 'L')
        h->p++;
    return true;
}

/* Parses a Python tuple: (), (3,) or (3, 4). */
static bool parse_shape(struct header *h)
{
    if (!accept(h, '('))
        return expected(h, "a shape, (…)");
    while (!accept(h, ')')) {
        if (h->rank == TENSOR_RANK)
            return expected(h, "at most 8 dimensions");
        if (!parse_dim(h, &h->dim[h->rank]))
            return false;
        h->rank++;
        if (accept(h, ','))
            continue;
        if (accept(h, ')'))
            break;
        return expected(h, "a comma or a closing parenthesis in the shape");
    }
    return true;
}

static bool parse_pair(struct header *h)
{
    static const struct {
        const char *key;
        size_t seen;
        bool (*value)(struct header *);
    } keys[] = {
        { "descr", offsetof(struct header, seen_descr), parse_descr },
        { "fortran_order", offsetof(struct header, seen_order), parse_order },
        { "shape", offsetof(struct header, seen_shape), parse_shape },
    };
    skip_space(h);
    const char *p, *at = h->p;
    size_t n;
    if (!parse_string(h, &p, &n))
        return false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool *seen = (bool *)((char *)h + keys[i].seen);
        if (!is_text(p, n, keys[i].key) || *seen)
            continue;
        *seen = true;
        return accept(h, ':') ? keys[i].value(h) : expected(h, "a colon");
    }
    h->p = at;
    return expected(h, "'descr', 'fortran_order' and 'shape', each once");
}

/* Parses {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, with the keys in any order. */
static bool parse_header(struct header *h)
{
    if (!accept(h, '{'))
        return expected(h, "{");
    while (!accept(h, '}')) {
        if (!parse_pair(h))
            return false;
        if (accept(h, ','))
            continue;
        if (accept(h, '}'))
            break;
        return expected(h, "a comma or }");
    }
    skip_space(h);
    if (h->p < h->end)
        return expected(h, "the end of the header");
    if (h->seen_descr && h->seen_order && h->seen_shape)
        return true;
    return diag_error(h->f->s, FAIL_INPUT, NOWHERE, "%s: bad npy header: %s is missing", h->f->path,
                      !h->seen_descr   ? "'descr'"
                      : !h->seen_order ? "'fortran_order'"
                                       : "'shape'");
}

/* A file begins with 6 bytes of magic, major version, minor version, and the header's length: u16 in version 1.0, else
   u32. */
static bool find_header(struct file_in *f, size_t *at, size_t *len)
{
    unsigned char b[MAGIC_BYTES + 6] = { 0 };
    size_t have = f->size < sizeof b ? (size_t)f->size : sizeof b;
    if (!file_read(f, 0, b, have))
        return false;
    if (have < MAGIC_BYTES || memcmp(b, magic, MAGIC_BYTES))
        return diag_error(f->s, FAIL_INPUT, NOWHERE, "%s is not an npy file: it begins with %s", f->path,
                          file_quote(f->s->run, (const char *)b, have < MAGIC_BYTES ? have : MAGIC_BYTES));
    int major = b[6];
    int minor = b[7];
    if (have < 10 || (major > 1 && have < 12))
        return diag_error(f->s, FAIL_INPUT, NOWHERE, "%s is truncated: %zu bytes", f->path, have);
    if (major < 1 || major > 3 || minor)
        return diag_error(f->s, FAIL_INPUT, NOWHERE, "%s: npy version %d.%d; tokic reads 1.0, 2.0 and 3.0", f->path,
                          major, minor);
    *at = major == 1 ? 10 : 12;
    *len = b[8] | (size_t)b[9] << 8;
    if (major > 1)
        *len |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (*len > f->size - *at)
        return diag_error(f->s, FAIL_INPUT, NOWHERE, "%s is truncated: a header of %zu bytes in a file of %" PRIu64,
                          f->path, *len, f->size);
    if (*len > MAX_HEADER)
        return diag_error(f->s, FAIL_INPUT, NOWHERE, "%s: npy header of %zu bytes; the most is %d", f->path, *len,
                          MAX_HEADER);
    return true;
}

static struct tensor *load(struct file_in *f)
{
    size_t at = 0;
    size_t len = 0;
    if (!find_header(f, &at, &len))
        return NULL;
    char *text = arena_alloc(f->s->run, len + 1);
    struct header h = { .f = f, .p = text, .end = text + len };
    if (!file_read(f, at, text, len) || !parse_header(&h))
        return NULL;
    const char *what = tensor_text(f->s->run, h.dtype, h.rank, h.dim);
    size_t bytes;
    uint64_t have = f->size - at - len;
    if (!tensor_size(h.dtype, h.rank, h.dim, &bytes)) {
        diag_error(f->s, FAIL_INPUT, NOWHERE, "%s: shape %s is too large", f->path, what);
        return NULL;
    }
    if (bytes != have) {
        diag_error(f->s, FAIL_INPUT, NOWHERE, "%s %s: %s is %zu bytes of data, the file holds %" PRIu64, f->path,
                   have < bytes ? "is truncated" : "has extra bytes", what, bytes, have);
        return NULL;
    }
    struct tensor *t = tensor_new(f->s->run, h.dtype, h.rank, h.dim);
    if (!file_read(f, at + len, t->data, bytes))
        return NULL;
    int64_t bad = tensor_bad_bool(t);
    if (bad < 0)
        return t;
    diag_error(f->s, FAIL_INPUT, NOWHERE, "%s: element %s of the bool array is neither 0 nor 1", f->path,
               tensor_index_text(f->s->run, t, bad));
    return NULL;
}

struct tensor *npy_parse(struct session *s, const char *name, const void *bytes, size_t size)
{
    struct file_in f = file_of_bytes(s, name, bytes, size);
    return load(&f);
}

struct tensor *npy_read(struct session *s, const char *path)
{
    struct file_in f;
    if (!file_open(s, &f, path))
        return NULL;
    struct tensor *t = load(&f);
    file_close(&f);
    return t;
}

static const char *shape_text(struct arena *a, const struct tensor *t)
{
    if (t->rank == 1)
        return arena_printf(a, "(%" PRId64 ",)", t->dim[0]);
    const char *text = "";
    for (int i = 0; i < t->rank; i++)
        text = arena_printf(a, "%s%s%" PRId64, text, i ? ", " : "", t->dim[i]);
    return arena_printf(a, "(%s)", text);
}

/* Pads the header with blanks and a newline, so that the data begins at a multiple of 64 bytes. */
static const char *format_header(struct arena *a, const struct tensor *t, size_t *size)
{
    const char *descr = NULL;
    for (int i = 0; i < N_DESCRS; i++)
        if (descrs[i].dtype == t->dtype)
            descr = descrs[i].text;
    BUG_IF(!descr, "npy of dtype %s", dtype_name(t->dtype));
    const char *dict =
        arena_printf(a, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape_text(a, t));
    size_t n = strlen(dict);
    size_t total = (10 + n + 1 + 63) / 64 * 64;
    size_t len = total - 10;
    char *out = arena_alloc(a, total);
    memcpy(out, magic, MAGIC_BYTES);
    out[6] = 1;
    out[7] = 0;
    out[8] = (char)(len & 0xff);
    out[9] = (char)(len >> 8);
    memset(out + 10, ' ', len);
    memcpy(out + 10, dict, n);
    out[total - 1] = '\n';
    *size = total;
    return out;
}

bool npy_write(struct session *s, const char *path, const struct tensor *t)
{
    struct arena *tmp = arena_new();
    if (t->dtype == DT_BF16)
        t = tensor_convert(s, tmp, path, t, DT_F32);
    size_t n;
    const char *head = format_header(tmp, t, &n);
    struct file_out f;
    bool ok = file_create(s, &f, path);
    if (ok) {
        file_write(&f, head, n);
        file_write(&f, t->data, t->bytes);
        ok = file_commit(&f);
    }
    arena_free(tmp);
    return ok;
}
