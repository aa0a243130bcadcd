#ifndef TOKIC_IR_SESSION_H
#define TOKIC_IR_SESSION_H
/* The state of one run of tokic: diagnostics, sources, options, index expressions.
   Arenas have three lifetimes. The session's arena `run` lives until session_end.
   A graph's arena holds the graph, its clones, programs and kernels until graph_free.
   A step arena holds temporary data of one parse, pass or print; the caller frees it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ir/arena.h"

/* The kind of an error. The values are the exit codes of the command line. */
enum fail { FAIL_NONE = 0, FAIL_JUDGED = 1, FAIL_USAGE = 2, FAIL_INPUT = 3, FAIL_DEVICE = 4 };

/* An input text: a file, or a named string. A source lives as long as the session. */
struct source {
    const char *name;
    const char *text; /* NUL-terminated */
    size_t size;
};

/* A location in a source. Line and column count from 1; columns count bytes. line 0: unknown. */
struct loc {
    const struct source *src;
    int line, col, len;
};

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

struct diag {
    enum diag_level level;
    enum fail fail;
    struct loc loc;
    const char *text;
};

/* For tests: makes the n-th file operation, or the n-th device call, fail. 0: no failure. */
struct faults {
    int file_at, device_at;
};

enum log_topic { LOG_PASS = 1, LOG_COMPILE = 2, LOG_DEVICE = 4, LOG_TIME = 8 };

struct session {
    struct arena *run;
    struct diag *diags;
    size_t n_diags, cap_diags;
    int n_errors;
    bool errors_full; /* over 100 errors: further errors are counted, but not kept */
    enum fail fail;
    struct faults faults;
    unsigned log; /* a set of bits of enum log_topic */
    FILE *log_to; /* NULL: silent */
    struct index_table *indices;
    int n_builds; /* live graphs; a graph and its clones count as one graph */
};

struct session *session_begin(void);
void session_end(struct session *s);

/* Each function records one diagnostic. A note belongs to the diagnostic before it.
   diag_error always returns false, so a function can end with `return diag_error(...)`. */
__attribute__((format(printf, 4, 5))) bool diag_error(struct session *s, enum fail why, struct loc loc, const char *fmt,
                                                      ...);
__attribute__((format(printf, 3, 4))) void diag_warning(struct session *s, struct loc loc, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void diag_note(struct session *s, struct loc loc, const char *fmt, ...);
/* Returns true if the process can allocate this many bytes. Always true below MEMORY_LARGE (64 MiB).
   Otherwise reports FAIL_INPUT: "`what` takes 7.5 GiB of memory, and 3.1 are left". */
bool session_affords(struct session *s, struct loc loc, double bytes, const char *what);
#define NOWHERE ((struct loc){ 0 })
/* Prints all diagnostics from number `from` on, each with its source line and a caret.
   colour: use ANSI escapes. */
void diags_print(const struct session *s, size_t from, FILE *to, bool colour);

__attribute__((format(printf, 3, 4))) void log_line(struct session *s, enum log_topic topic, const char *fmt, ...);

/* Reads a text file of at most 1 GiB. The session owns the result. On failure reports an error and returns NULL. */
const struct source *source_read(struct session *s, const char *path);
const struct source *source_of_string(struct session *s, const char *name, const char *text);
#endif
