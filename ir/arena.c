#include "ir/arena.h"
#include "ir/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) unsigned char mem[];
};

struct arena {
    struct block *head;
    struct arena *parent, *child, *prev, *next;
};

enum { BLOCK_LEAST = 1 << 12, BLOCK_MOST = 1 << 20 };

struct arena *arena_new(void) { return memory_must(calloc(1, sizeof(struct arena)), sizeof(struct arena)); }

struct arena *arena_child(struct arena *parent)
{
    struct arena *a = arena_new();
    a->parent = parent;
    a->next = parent->child;
    if (a->next)
        a->next->prev = a;
    parent->child = a;
    return a;
}

static void leave_parent(struct arena *a)
{
    if (a->next)
        a->next->prev = a->prev;
    if (a->prev)
        a->prev->next = a->next;
    else if (a->parent)
        a->parent->child = a->next;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    while (a->child)
        arena_free(a->child);
    leave_parent(a);
    for (struct block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

size_t arena_bytes(const struct arena *a)
{
    size_t bytes = 0;
    for (const struct block *b = a->head; b; b = b->next)
        bytes += b->used;
    for (const struct arena *c = a->child; c; c = c->next)
        bytes += arena_bytes(c);
    return bytes;
}

static struct block *block_new(size_t size)
{
    bool there = size < MEMORY_LARGE || size <= memory_left();
    struct block *b = memory_must(there ? malloc(sizeof *b + size) : NULL, size);
    *b = (struct block){ .size = size };
    return b;
}

/* Each new block is twice as large as the previous one, up to 1 MiB.
   An allocation of more than a quarter of a new block gets its own block, placed behind the head.
   The head then still serves small allocations. */
void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        out_of_memory(bytes);
    bytes = (bytes + 15) & ~(size_t)15;
    struct block *b = a->head;
    if (!b || b->size - b->used < bytes) {
        size_t size = !b ? BLOCK_LEAST : b->size < BLOCK_MOST ? b->size * 2 : BLOCK_MOST;
        bool large = bytes > size / 4;
        b = block_new(large ? bytes : size);
        if (large && a->head) {
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
    }
    void *p = b->mem + b->used;
    b->used += bytes;
    return memset(p, 0, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    char line[256];
    va_copy(again, ap);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    BUG_IF(n < 0, "bad format %s", fmt);
    char *p = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof line)
        memcpy(p, line, (size_t)n + 1);
    else
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

void *arena_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
    size_t want = *cap ? *cap * 2 : 8;
    void *p = arena_alloc(a, want * size);
    if (n)
        memcpy(p, old, n * size);
    *cap = want;
    return p;
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "tokic: internal error at %s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputs("\nThis is a mistake in tokic, not in your graph. Please report it with the command and the file.\n", stderr);
    va_end(ap);
    abort();
}
