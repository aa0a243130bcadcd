#include "runtime/format/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are read as they lie");
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE formats");

const struct tensor *tensor_list_find(const struct tensor_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (!strcmp(list->items[i].name, name))
            return &list->items[i].tensor;
    return NULL;
}

bool tensor_size(enum dtype dtype, int rank, const int64_t *dim, size_t *bytes)
{
    if (rank < 0 || rank > TENSOR_RANK)
        return false;
    int64_t n = dtype_size(dtype);
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0)
            return false;
        if (!dim[i])
            empty = true;
        else if (__builtin_mul_overflow(n, dim[i], &n) || n > INT64_C(1) << 62)
            return false;
    }
    *bytes = empty ? 0 : (size_t)n;
    return true;
}

struct tensor *tensor_new(struct arena *a, enum dtype dtype, int rank, const int64_t *dim)
{
    BUG_IF(!dtype_size(dtype), "a tensor of dtype %s", dtype_name(dtype));
    struct tensor *t = arena_new_of(a, struct tensor);
    t->dtype = dtype;
    t->rank = rank;
    BUG_IF(!tensor_size(dtype, rank, dim, &t->bytes), "a tensor of an impossible shape, rank %d", rank);
    if (rank)
        memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
    t->data = arena_alloc(a, t->bytes ? t->bytes : 1);
    return t;
}

bool tensor_same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim);
}

double tensor_get(const struct tensor *t, int64_t i)
{
    switch (t->dtype) {
    case DT_F16: return (double)f16_to_float(((const uint16_t *)t->data)[i]);
    case DT_BF16: return (double)bf16_to_float(((const uint16_t *)t->data)[i]);
    case DT_F32: return (double)((const float *)t->data)[i];
    case DT_F64: return ((const double *)t->data)[i];
    case DT_I32: return (double)((const int32_t *)t->data)[i];
    case DT_I64: return (double)((const int64_t *)t->data)[i];
    case DT_BOOL: return (double)((const uint8_t *)t->data)[i];
    default: BUG("tensor_get of dtype %d", (int)t->dtype);
    }
}

int64_t tensor_get_i64(const struct tensor *t, int64_t i)
{
    switch (t->dtype) {
    case DT_I32: return ((const int32_t *)t->data)[i];
    case DT_I64: return ((const int64_t *)t->data)[i];
    case DT_BOOL: return ((const uint8_t *)t->data)[i];
    default: BUG("tensor_get_i64 of dtype %s", dtype_name(t->dtype));
    }
}

enum misfit { FITS, TOO_LARGE, NOT_INTEGER, NOT_BOOL };

static enum misfit store_int(struct tensor *t, int64_t i, int64_t x)
{
    switch (t->dtype) {
    case DT_I32:
        if (x < INT32_MIN || x > INT32_MAX)
            return TOO_LARGE;
        ((int32_t *)t->data)[i] = (int32_t)x;
        return FITS;
    case DT_I64: ((int64_t *)t->data)[i] = x; return FITS;
    case DT_BOOL:
        if (x != 0 && x != 1)
            return NOT_BOOL;
        ((uint8_t *)t->data)[i] = (uint8_t)x;
        return FITS;
    default: BUG("store_int to dtype %s", dtype_name(t->dtype));
    }
}

/* Floats round, also to infinity. An integer tensor stores nothing if x does not fit. */
static enum misfit store_real(struct tensor *t, int64_t i, double x)
{
    double y;
    switch (t->dtype) {
    case DT_F16: y = (double)f16_to_float(((uint16_t *)t->data)[i] = f16_from_double(x)); break;
    case DT_BF16: y = (double)bf16_to_float(((uint16_t *)t->data)[i] = bf16_from_double(x)); break;
    case DT_F32: y = (double)(((float *)t->data)[i] = (float)x); break;
    case DT_F64: y = ((double *)t->data)[i] = x; break;
    default:
        if (!isfinite(x) || x != rint(x))
            return NOT_INTEGER;
        return x >= -0x1p63 && x < 0x1p63 ? store_int(t, i, (int64_t)x) : TOO_LARGE;
    }
    return isinf(y) && isfinite(x) ? TOO_LARGE : FITS;
}

/* Converts an integer to a double, rounding to odd. If |x| >= 2^53, the last 11 bits of |x| are dropped; the last bit
   kept becomes 1 if one of them was 1. Rounding the double to 51 bits or fewer then gives the same as rounding x itself
   (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008). */
static double int_to_odd(int64_t x)
{
    uint64_t m = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    double d = m >> 53 ? (double)(m >> 11 | ((m & 0x7ff) != 0)) * 0x1p11 : (double)m;
    return x < 0 ? -d : d;
}

void tensor_set(struct tensor *t, int64_t i, double x)
{
    enum misfit m = store_real(t, i, x);
    BUG_IF(m != FITS && !dtype_is_float(t->dtype), "%g is not a value of %s", x, dtype_name(t->dtype));
}

static enum misfit set_int(struct tensor *t, int64_t i, int64_t x)
{
    if (t->dtype == DT_F64) {
        ((double *)t->data)[i] = (double)x;
        return FITS;
    }
    return dtype_is_float(t->dtype) ? store_real(t, i, int_to_odd(x)) : store_int(t, i, x);
}

void tensor_set_i64(struct tensor *t, int64_t i, int64_t x)
{
    enum misfit m = set_int(t, i, x);
    BUG_IF(m != FITS && !dtype_is_float(t->dtype), "%" PRId64 " is not a value of %s", x, dtype_name(t->dtype));
}

static const char *value_text(struct arena *a, const struct tensor *t, int64_t i)
{
    if (dtype_is_float(t->dtype))
        return arena_printf(a, "%.9g", tensor_get(t, i));
    return arena_printf(a, "%" PRId64, tensor_get_i64(t, i));
}

static void misfit_report(struct session *s, const char *name, const struct tensor *t, enum dtype to, enum misfit why,
                          int64_t first, int64_t n_bad)
{
    const char *more = n_bad > 1 ? arena_printf(s->run, " (and %" PRId64 " more of its elements)", n_bad - 1) : "";
    const char *reason = why == NOT_INTEGER ? "is not an integer"
                         : why == NOT_BOOL  ? "is neither 0 nor 1"
                         : dtype_is_float(to)
                             ? arena_printf(s->run, "is beyond its largest number, %.9g", dtype_table[to].max)
                             : "is out of its range";
    diag_error(s, FAIL_INPUT, NOWHERE, "%s%s is %s (%s), which %s cannot hold: it %s%s", name,
               tensor_index_text(s->run, t, first), value_text(s->run, t, first), dtype_name(t->dtype), dtype_name(to),
               reason, more);
}

struct tensor *tensor_convert(struct session *s, struct arena *a, const char *name, const struct tensor *t,
                              enum dtype dtype)
{
    struct tensor *out = tensor_new(a, dtype, t->rank, t->dim);
    if (dtype == t->dtype) {
        memcpy(out->data, t->data, t->bytes);
        return out;
    }
    bool from_float = dtype_is_float(t->dtype);
    int64_t n = tensor_count(t);
    int64_t first = -1;
    int64_t n_bad = 0;
    enum misfit why = FITS;
    for (int64_t i = 0; i < n; i++) {
        enum misfit m = from_float ? store_real(out, i, tensor_get(t, i)) : set_int(out, i, tensor_get_i64(t, i));
        if (m != FITS && !n_bad++) {
            why = m;
            first = i;
        }
    }
    if (!n_bad)
        return out;
    misfit_report(s, name, t, dtype, why, first, n_bad);
    return NULL;
}

int64_t tensor_bad_bool(const struct tensor *t)
{
    if (t->dtype != DT_BOOL)
        return -1;
    const uint8_t *p = t->data;
    for (size_t i = 0; i < t->bytes; i++)
        if (p[i] > 1)
            return (int64_t)i;
    return -1;
}

static const char *list_text(struct arena *a, const char *head, int n, const int64_t *v)
{
    char buf[TENSOR_RANK * 24 + 4];
    size_t at = 0;
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(buf + at, sizeof buf - at, "%s%" PRId64, i ? ", " : "", v[i]);
    buf[at] = 0;
    return arena_printf(a, "%s[%s]", head, buf);
}

const char *tensor_text(struct arena *a, enum dtype dtype, int rank, const int64_t *dim)
{
    return list_text(a, dtype_name(dtype), rank, dim);
}

const char *tensor_index_text(struct arena *a, const struct tensor *t, int64_t i)
{
    int64_t at[TENSOR_RANK];
    for (int d = t->rank; d-- > 0; i /= t->dim[d])
        at[d] = i % t->dim[d];
    return t->rank ? list_text(a, "", t->rank, at) : "";
}
