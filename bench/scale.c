/* Seconds from a .graph text to kernel texts at 10,000 and 100,000 nodes, compilers excluded: `scale [NAME]`, every
   shape or one. A graph that takes ten times its goal is ended. */
#include <stdio.h>
#include <string.h>

#include "tests/support/scale_run.h"
#include "tests/support/scale_text.h"

/* nodes_a_step: how many nodes of the parsed graph one step of the text is. */
static const struct shape {
    const char *name;
    char *(*text)(int n);
    int nodes_a_step;
} shapes[] = {
    { "repeat", scale_repeat, 1 },       { "layers", scale_layers, 7 },   { "softmax", scale_softmax, 2 },
    { "views", scale_views, 2 },         { "diamond", scale_diamond, 2 }, { "add-tree", scale_add_tree, 3 },
    { "add-chain", scale_add_chain, 3 }, { "outputs", scale_outputs, 2 },
};

static const struct goal {
    int nodes;
    double seconds;
} goals[] = { { 10000, 2 }, { 100000, 30 } };

static void measure(const struct shape *s, const struct goal *g)
{
    struct scale_report r = scale_run(s->text, g->nodes / s->nodes_a_step, (unsigned)(10 * g->seconds));
    printf("%-12s %8zu nodes %8.2f s %6zu MB  ", s->name, r.nodes, r.seconds, r.megabytes);
    if (r.kernels)
        printf("<= %g s  %-6s  %zu launches, %zu bytes of text\n", g->seconds,
               r.seconds <= g->seconds ? "met" : "MISSED", r.launches, r.bytes);
    else
        printf("<= %g s  MISSED  %s\n", g->seconds, r.why);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int n = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (argc > 1 && strcmp(argv[1], shapes[i].name))
            continue;
        for (size_t k = 0; k < sizeof goals / sizeof *goals; k++)
            measure(&shapes[i], &goals[k]);
        n++;
    }
    if (!n) {
        fputs("usage: scale [NAME]; the names:", stderr);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            fprintf(stderr, " %s", shapes[i].name);
        fputc('\n', stderr);
    }
    return n ? 0 : 2;
}
