/* Any bytes are a graph or an error. A graph that parses verifies, prints, and its text reads back to the same text. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph/graph.h"

enum { MAX_NODES = 2000 }; /* small, so that a repeat costs little */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session *s = session_begin();
    char *text = arena_strndup(s->run, (const char *)data, size);
    struct graph_options o = { .max_nodes = MAX_NODES };
    struct graph *g = graph_parse(s, source_of_string(s, "fuzz.graph", text), &o);
    if (!g && !s->n_errors)
        abort();
    FILE *null = fopen("/dev/null", "w");
    if (null) {
        diags_print(s, 0, null, false);
        fclose(null);
    }
    if (g) {
        if (!graph_verify(g) || s->n_errors)
            abort();
        const char *flat = graph_text(g);
        graph_dot(g);
        o.max_nodes *= 2;
        struct graph *back = graph_parse(s, source_of_string(s, "flat.graph", flat), &o);
        if (!back || strcmp(graph_text(back), flat))
            abort();
    }
    session_end(s);
    return 0;
}
