/* Guard bytes before and after each allocation show writes beyond its ends. */
#include "runtime/emu/emu_memory.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, GUARD_BYTE = 0xa5 };

struct memory {
    struct memory *next;
    unsigned char *block, *data; /* block: guard, data, guard */
    size_t bytes;
    uint32_t *held; /* [i]: number of the value in data[i]; NULL: not checking */
};

bool emu_alloc(struct device *d, size_t bytes, dptr *out)
{
    struct emu *e = emu_of(d);
    if (!emu_allows(d, "alloc"))
        return false;
    if (!session_affords(d->s, NOWHERE, (double)bytes * (d->checking ? 1 + sizeof(uint32_t) : 1), d->name))
        return false;
    struct memory *m = calloc(1, sizeof *m);
    void *block = NULL;
    bool fits = m && bytes <= SIZE_MAX / 16 && !posix_memalign(&block, GUARD, bytes + 2 * GUARD);
    uint32_t *held = fits && d->checking ? calloc(bytes + 1, sizeof *held) : NULL;
    if (!fits || (d->checking && !held)) {
        free(block);
        free(m);
        return diag_error(d->s, FAIL_INPUT, NOWHERE, "%s: no memory for %zu bytes", d->name, bytes);
    }
    *m = (struct memory){ .next = e->memory, .block = block, .data = (unsigned char *)block + GUARD, .bytes = bytes };
    m->held = held;
    memset(m->block, GUARD_BYTE, GUARD);
    memset(m->data, FRESH_BYTE, bytes);
    memset(m->data + bytes, GUARD_BYTE, GUARD);
    e->memory = m;
    *out = (dptr)(uintptr_t)m->data;
    return true;
}

static bool guards_intact(const struct memory *m)
{
    for (int i = 0; i < GUARD; i++)
        if (m->block[i] != GUARD_BYTE || m->data[m->bytes + (size_t)i] != GUARD_BYTE)
            return false;
    return true;
}

static bool memory_check(struct device *d, struct memory *m)
{
    if (guards_intact(m))
        return true;
    memset(m->block, GUARD_BYTE, GUARD);
    memset(m->data + m->bytes, GUARD_BYTE, GUARD);
    return diag_error(
        d->s, FAIL_JUDGED, NOWHERE,
        "%s: a kernel wrote beyond the ends of an allocation of %zu bytes; the checking emulator can say which",
        d->name, m->bytes);
}

bool memory_intact(struct emu *e)
{
    bool ok = true;
    for (struct memory *m = e->memory; m; m = m->next)
        ok &= memory_check(&e->d, m);
    return ok;
}

static void unlink_free(struct device *d, struct memory **at)
{
    struct memory *m = *at;
    memory_check(d, m);
    *at = m->next;
    free(m->held);
    free(m->block);
    free(m);
}

void memory_free(struct emu *e)
{
    while (e->memory)
        unlink_free(&e->d, &e->memory);
}

static struct memory **allocation_at(struct emu *e, dptr p)
{
    for (struct memory **at = &e->memory; *at; at = &(*at)->next)
        if ((dptr)(uintptr_t)(*at)->data == p)
            return at;
    BUG("%s: free of an address that was not allocated", e->d.name);
}

size_t memory_size(struct emu *e, dptr p) { return (*allocation_at(e, p))->bytes; }
void memory_drop(struct emu *e, dptr p) { unlink_free(&e->d, allocation_at(e, p)); }

static struct memory *memory_of(struct emu *e, dptr p, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)(uintptr_t)p;
    for (struct memory *m = e->memory; m; m = m->next)
        if (at >= m->data && at <= m->data + m->bytes && bytes <= (size_t)(m->data + m->bytes - at))
            return m;
    return NULL;
}

unsigned char *memory_at(struct emu *e, dptr p, size_t bytes)
{
    BUG_IF(!memory_of(e, p, bytes), "%s: a copy of %zu bytes leaves its allocation", e->d.name, bytes);
    return (unsigned char *)(uintptr_t)p;
}

uint32_t *memory_held(struct emu *e, dptr p, size_t bytes)
{
    struct memory *m = memory_of(e, p, bytes);
    return m && m->held ? m->held + ((unsigned char *)(uintptr_t)p - m->data) : NULL;
}

void memory_hold(struct emu *e, dptr p, size_t bytes, uint32_t value)
{
    uint32_t *held = memory_held(e, p, bytes);
    for (size_t i = 0; held && i < bytes; i++)
        held[i] = value;
}
