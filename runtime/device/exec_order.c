/* In which order a checking device launches: any that the program's edges allow. */
#include "runtime/device/exec.h"

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void exec_order(const struct program *p, uint64_t seed, size_t *order)
{
    struct arena *a = arena_new();
    size_t n = p->n_launches;
    size_t n_edges = 0;
    size_t *waits_for = arena_array(a, size_t, n + 1);
    size_t *readers = arena_array(a, size_t, n + 2); /* of launch i: edges from readers[i] to readers[i + 1] */
    size_t *ready = arena_array(a, size_t, n + 1);
    size_t n_ready = 0;
    size_t done = 0;
    for (size_t i = 0; i < n; i++) {
        waits_for[i] = p->launches[i].n_after;
        n_edges += waits_for[i];
        for (size_t k = 0; k < p->launches[i].n_after; k++)
            readers[p->launches[i].after[k] + 1]++;
        if (!waits_for[i])
            ready[n_ready++] = i;
    }
    for (size_t i = 0; i < n; i++)
        readers[i + 1] += readers[i];
    size_t *edges = arena_array(a, size_t, n_edges + 1);
    size_t *fill = arena_array(a, size_t, n + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p->launches[i].n_after; k++) {
            size_t from = p->launches[i].after[k];
            edges[readers[from] + fill[from]++] = i;
        }
    while (n_ready) {
        size_t pick = (size_t)(next_random(&seed) % n_ready);
        size_t l = ready[pick];
        ready[pick] = ready[--n_ready];
        order[done++] = l;
        for (size_t k = readers[l]; k < readers[l + 1]; k++)
            if (!--waits_for[edges[k]])
                ready[n_ready++] = edges[k];
    }
    BUG_IF(done != n, "the program's edges run in a circle");
    arena_free(a);
}
