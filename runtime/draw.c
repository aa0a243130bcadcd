#include "runtime/draw.h"

#include <math.h>
#include <string.h>

#include "runtime/format/hash.h"

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0];
    uint32_t c1 = counter[1];
    uint32_t c2 = counter[2];
    uint32_t c3 = counter[3];
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static float unit(uint64_t seed, uint64_t hash, uint64_t index)
{
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    const uint32_t counter[4] = { (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)hash, (uint32_t)(hash >> 32) };
    uint32_t x[4];
    philox4x32(counter, key, x);
    return (float)(x[0] >> 8) * 0x1p-24f;
}

float draw_unit(uint64_t seed, const char *name, uint64_t index)
{
    return unit(seed, fnv1a64(name, strlen(name)), index);
}

void draw_block(uint64_t seed, uint64_t name_hash, double lo, double hi, uint64_t first, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(lo + (hi - lo) * (double)unit(seed, name_hash, first + i));
}

void draw_fill(uint64_t seed, const char *name, double lo, double hi, struct tensor *t)
{
    BUG_IF(!isfinite(lo) || !isfinite(hi) || lo > hi, "draw of %s from [%g, %g]", name, lo, hi);
    uint64_t hash = fnv1a64(name, strlen(name));
    int64_t n = tensor_count(t);
    if (t->dtype == DT_F32) {
        draw_block(seed, hash, lo, hi, 0, (size_t)n, t->data);
        return;
    }
    bool real = dtype_is_float(t->dtype);
    for (int64_t i = 0; i < n; i++) {
        double u = (double)unit(seed, hash, (uint64_t)i);
        tensor_set(t, i, real ? (double)(float)(lo + (hi - lo) * u) : fmin(lo + floor((hi - lo + 1) * u), hi));
    }
}
