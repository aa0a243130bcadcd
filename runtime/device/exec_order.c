#include "runtime/device/exec.h"

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* to[from[i]] to to[from[i + 1] - 1]: the launches that wait for launch i. */
struct waiters {
    size_t *from, *to;
};

static struct waiters waiters_of(const struct program *p, struct arena *a)
{
    size_t n = p->n_launches;
    struct waiters w = { .from = arena_array(a, size_t, n + 2) };
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p->launches[i].n_after; k++)
            w.from[p->launches[i].after[k] + 1]++;
    for (size_t i = 0; i < n; i++)
        w.from[i + 1] += w.from[i];
    w.to = arena_array(a, size_t, w.from[n] + 1);
    size_t *filled = arena_array(a, size_t, n + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p->launches[i].n_after; k++) {
            size_t on = p->launches[i].after[k];
            w.to[w.from[on] + filled[on]++] = i;
        }
    return w;
}

/* Each launch gets a random rank once; the ready launch of highest rank runs next. A launch of low rank runs very
   late. */
void exec_order(const struct program *p, uint64_t seed, size_t *order)
{
    struct arena *a = arena_new();
    size_t n = p->n_launches;
    struct waiters w = waiters_of(p, a);
    uint64_t *rank = arena_array(a, uint64_t, n + 1);
    size_t *waits_for = arena_array(a, size_t, n + 1);
    size_t *ready = arena_array(a, size_t, n + 1);
    size_t n_ready = 0;
    size_t done = 0;
    for (size_t i = 0; i < n; i++) {
        rank[i] = next_random(&seed);
        waits_for[i] = p->launches[i].n_after;
        if (!waits_for[i])
            ready[n_ready++] = i;
    }
    while (n_ready) {
        size_t best = 0;
        for (size_t i = 1; i < n_ready; i++)
            if (rank[ready[i]] > rank[ready[best]])
                best = i;
        size_t l = ready[best];
        ready[best] = ready[--n_ready];
        order[done++] = l;
        for (size_t k = w.from[l]; k < w.from[l + 1]; k++)
            if (!--waits_for[w.to[k]])
                ready[n_ready++] = w.to[k];
    }
    BUG_IF(done != n, "the program's edges run in a circle");
    arena_free(a);
}
