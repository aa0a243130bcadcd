#ifndef TOKIC_IR_SESSION_H
#define TOKIC_IR_SESSION_H
/* The state of a run of tokic: diagnostics, sources, options, index expressions. A session is the first argument of
   functions that need state.

   Memory has three lifetimes. Session: the arena `run` holds this struct and what it points to, until session_end.
   Build: a graph's arena holds the graph, its clones, programs and kernels, until graph_free. Step: an arena holds what
   one parse, pass or print needs; its caller makes and frees that arena. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ir/arena.h"

/* Why something failed. The values are exit codes of the command line. */
enum fail { FAIL_NONE = 0, FAIL_JUDGED = 1, FAIL_USAGE = 2, FAIL_INPUT = 3, FAIL_DEVICE = 4 };

/* A text that was read: a file or a string with a name. Lives as long as the session. */
struct source {
    const char *name; /* as the user gave it */
    const char *text; /* NUL-terminated */
    size_t size;
};

/* A location in a source. Lines and columns count from 1, columns in bytes; line 0: unknown. */
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

/* For tests of failure paths: makes the n-th call of a kind fail; 0: none. */
struct faults {
    int file_at, device_at;
};

enum log_topic { LOG_PASS = 1, LOG_COMPILE = 2, LOG_DEVICE = 4, LOG_TIME = 8 };

struct session {
    struct arena *run; /* lives until session_end */
    struct diag *diags;
    size_t n_diags, cap_diags;
    int n_errors;
    bool errors_full; /* there were over 100 errors: further ones are counted, not kept */
    enum fail fail;   /* of the first error */
    struct faults faults;
    unsigned log;                /* bits of enum log_topic */
    FILE *log_to;                /* NULL: silent */
    struct index_table *indices; /* interned index expressions (ir/index.h) */
    int n_builds;                /* live graphs; a graph and its clones count as one */
};

struct session *session_begin(void);
void session_end(struct session *s);

/* Record an error, a warning, or a note that belongs to the diagnostic before it. diag_error returns false, so that a
   function can end with `return diag_error(...)`. */
__attribute__((format(printf, 4, 5))) bool diag_error(struct session *s, enum fail why, struct loc loc, const char *fmt,
                                                      ...);
__attribute__((format(printf, 3, 4))) void diag_warning(struct session *s, struct loc loc, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void diag_note(struct session *s, struct loc loc, const char *fmt, ...);
/* Is there memory for so many bytes? If not, reports FAIL_INPUT: "WHAT takes 7.5 GiB of memory, and 3.1 are left".
   Fewer than MEMORY_LARGE bytes (64 MiB) are granted without asking the machine. */
bool session_affords(struct session *s, struct loc loc, double bytes, const char *what);
/* No location. */
#define NOWHERE ((struct loc){ 0 })
/* Writes the diagnostics from index `from` on, each with its source line and a caret; colour: with ANSI escapes. */
void diags_print(const struct session *s, size_t from, FILE *to, bool colour);

__attribute__((format(printf, 3, 4))) void log_line(struct session *s, enum log_topic topic, const char *fmt, ...);

/* Reads a text file of at most 1 GiB into the run arena; NULL and a diagnostic if it cannot. */
const struct source *source_read(struct session *s, const char *path);
const struct source *source_of_string(struct session *s, const char *name, const char *text);
#endif
