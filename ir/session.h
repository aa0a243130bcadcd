#ifndef TOKIC_IR_SESSION_H
#define TOKIC_IR_SESSION_H
/* The state of one run of tokic: diagnostics, sources, options, index expressions. Functions that need it take it as
   their first argument.

   Memory is in arenas of three lifetimes. The session's arena `run` lives until session_end. The arena of a graph holds
   the graph, its clones, programs and kernels until graph_free. A step arena holds temporary data of one parse, pass or
   print, and its caller frees it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ir/arena.h"

/* What went wrong. The values are the exit codes of the command line. */
enum fail { FAIL_NONE = 0, FAIL_JUDGED = 1, FAIL_USAGE = 2, FAIL_INPUT = 3, FAIL_DEVICE = 4 };

/* An input text: a file, or a string with a name. Lives as long as the session. */
struct source {
    const char *name;
    const char *text; /* NUL-terminated */
    size_t size;
};

/* A location in a source. Lines and columns count from 1, and columns count bytes. line 0: unknown. */
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

/* For tests: the n-th file operation, or the n-th device call, fails. 0: none fails. */
struct faults {
    int file_at, device_at;
};

enum log_topic { LOG_PASS = 1, LOG_COMPILE = 2, LOG_DEVICE = 4, LOG_TIME = 8 };

struct session {
    struct arena *run;
    struct diag *diags;
    size_t n_diags, cap_diags;
    int n_errors;
    bool errors_full; /* more than 100 errors: further ones are counted, not kept */
    enum fail fail;
    struct faults faults;
    unsigned log; /* bit set of enum log_topic */
    FILE *log_to; /* NULL: silent */
    struct index_table *indices;
    int n_builds; /* live graphs; a graph and its clones count as one */
};

struct session *session_begin(void);
void session_end(struct session *s);

/* Record an error, a warning, or a note to the diagnostic before it. diag_error always returns false, so that a
   function can end with `return diag_error(...)`. */
__attribute__((format(printf, 4, 5))) bool diag_error(struct session *s, enum fail why, struct loc loc, const char *fmt,
                                                      ...);
__attribute__((format(printf, 3, 4))) void diag_warning(struct session *s, struct loc loc, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void diag_note(struct session *s, struct loc loc, const char *fmt, ...);
/* Can the process allocate this many bytes? If not, reports FAIL_INPUT: "WHAT takes 7.5 GiB of memory, and 3.1 are
   left". Fewer than MEMORY_LARGE bytes (64 MiB) are always granted. */
bool session_affords(struct session *s, struct loc loc, double bytes, const char *what);
#define NOWHERE ((struct loc){ 0 })
/* Prints the diagnostics from index `from` on, each with its source line and a caret. `colour` adds ANSI escapes. */
void diags_print(const struct session *s, size_t from, FILE *to, bool colour);

__attribute__((format(printf, 3, 4))) void log_line(struct session *s, enum log_topic topic, const char *fmt, ...);

/* Reads a text file of at most 1 GiB into the session's arena. On failure returns NULL and reports a diagnostic. */
const struct source *source_read(struct session *s, const char *path);
const struct source *source_of_string(struct session *s, const char *name, const char *text);
#endif
