#ifndef TOKIC_IR_ARENA_H
#define TOKIC_IR_ARENA_H
/* An arena: many allocations that are freed all at once. */
#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* Makes a child arena. Freeing `parent` also frees the child. */
struct arena *arena_child(struct arena *parent);
void arena_free(struct arena *a);
/* Total bytes allocated from `a` and its children. */
size_t arena_bytes(const struct arena *a);
/* Returns zeroed memory, aligned to 16 bytes. If no memory is left, prints an error and ends the process. */
void *arena_alloc(struct arena *a, size_t bytes);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *fmt, ...);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);

#define arena_new_of(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

/* Moves the n elements of `old` to a larger array, and updates *cap.
   size: bytes of an element. */
void *arena_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size);
/* Appends an element to the array `vec` of n elements and room for cap. Returns the address of the new element. */
#define arena_push(a, vec, n, cap)                                                                                     \
    ((void)((n) < (cap) || ((vec) = arena_grow((a), (vec), (n), &(cap), sizeof *(vec)), 1)), &(vec)[(n)++])

/* Prints file, line and message, and aborts. For errors in tokic itself, not in the input. */
_Noreturn __attribute__((format(printf, 3, 4))) void bug_at(const char *file, int line, const char *fmt, ...);
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define BUG_IF(cond, ...)                                                                                              \
    do {                                                                                                               \
        if (cond)                                                                                                      \
            BUG(__VA_ARGS__);                                                                                          \
    } while (0)
#endif
