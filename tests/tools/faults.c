/* Random faults in kernel IR against verify --exact: all that are not neutral must be caught.

   usage: faults [--seed S] [--count N] [--all]

   Plants about N faults of each class (tests/support/kernel_mutant.h) in kernels of both emulated targets: of a graph
   for each template and of random graphs. Prints a line for each fault that is missed (with --all, also for each
   neutral one), then a table. Exit 1 if a fault is missed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fault_graphs.h"
#include "tests/support/fault_run.h"
#include "tests/support/random_graph.h"

enum { EACH = 12 };

static uint64_t number(int argc, char **argv, const char *flag, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], flag))
            return strtoull(argv[i + 1], NULL, 0);
    return otherwise;
}

static bool has(int argc, char **argv, const char *flag)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], flag))
            return true;
    return false;
}

static bool is_enough(const struct fault_tally *t, int64_t count)
{
    for (int i = 0; i < MUTANT_CLASSES; i++)
        if (t[i].made - t[i].neutral < count)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    static const int64_t batches[] = { 5, 16, 33, 70 };
    struct fault_tally tally[MUTANT_CLASSES] = { 0 };
    uint64_t seed = number(argc, argv, "--seed", 1);
    int64_t count = (int64_t)number(argc, argv, "--count", 1000);
    int64_t missed = 0;
    struct arena *a = arena_new();
    for (uint64_t i = 0; !is_enough(tally, count) && i < 100000; i++) {
        const char *text = i % 2 ? random_graph_text(a, seed * 1000 + i) : fault_graphs[i / 2 % fault_n_graphs];
        fault_run(target_find(i / 2 % 2 ? "sm_90" : "gfx90a"), text, batches[i / 4 % 4], seed + i, EACH, tally, stdout,
                  has(argc, argv, "--all"));
        fprintf(stderr, "\r%llu graphs", (unsigned long long)i + 1);
    }
    fprintf(stderr, "\n");
    printf("%-16s %8s %8s %8s %10s %8s\n", "class", "made", "neutral", "caught", "selection", "missed");
    for (int i = 0; i < MUTANT_CLASSES; i++) {
        const struct fault_tally *t = &tally[i];
        printf("%-16s %8lld %8lld %8lld %10lld %8lld\n", mutant_names[i], (long long)t->made, (long long)t->neutral,
               (long long)t->caught, (long long)t->selected, (long long)t->missed);
        missed += t->missed;
    }
    arena_free(a);
    return missed != 0;
}
