#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_CHILD_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_CHILD_H
/* A compiler in a child process: even if it aborts, this process only reports an error. */
#include "ir/session.h"
#include "ir/target.h"

/* What a child is given. The child leaves its results as files in `dir`, a private directory that is also its
   TMPDIR. */
struct compile_job {
    const struct target *target;
    const char *text; /* the module */
    const char *path; /* the compiler: a library or a command */
    const char *const *flags;
    int n_flags;
    const char *dir; /* set by child_run */
};

/* Exit codes of the child's own code. A compiler that calls exit() itself is unlikely to use these numbers. */
enum { CHILD_GOOD = 0, CHILD_REFUSED = 41, CHILD_ABSENT = 42, CHILD_FAILED = 43 };

struct child_result {
    int code; /* one of the codes above, or another; -1: killed by a signal */
    int signal;
    bool late;          /* the time limit killed it */
    const void *object; /* NULL if the child left none */
    size_t size;
    const char *log;     /* the compiler's report; never NULL */
    const char *errors;  /* the child's stdout and stderr; never NULL */
    const char *version; /* as the compiler reports it; "" if it does not */
    const char *full;    /* "/tmp is full (12 KiB left)", if the child failed for lack of room; else NULL */
};

/* Runs `work` in a child and collects its results into the run arena. false with a diagnostic if no child can be
   started or its results cannot be read. */
bool child_run(struct session *s, int (*work)(const struct compile_job *), struct compile_job *job,
               double limit_seconds, struct child_result *out);

/* What to do about r->full; "" if it is NULL. Ends a diagnostic about the child. */
const char *child_remedy(struct session *s, const struct child_result *r);

/* For the child: each writes one of its results, and returns `code`, or CHILD_FAILED if the file cannot be written. */
enum child_file { CHILD_OBJECT, CHILD_LOG, CHILD_VERSION, CHILD_STDERR };
const char *child_path(const struct compile_job *job, enum child_file which, char path[static 600]);
int child_put(const struct compile_job *job, enum child_file which, const void *bytes, size_t n, int code);
__attribute__((format(printf, 3, 4))) int child_say(const struct compile_job *job, int code, const char *fmt, ...);

/* The compilers, each the work of a child. */
int child_hiprtc(const struct compile_job *job); /* runtime/compile/rtc.c */
int child_nvrtc(const struct compile_job *job);
int child_clang(const struct compile_job *job); /* runtime/compile/clang.c */
#endif
