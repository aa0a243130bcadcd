#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_CHILD_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_CHILD_H
/* Runs a compiler in a child process, so that a crash of the compiler is only an error. */
#include "ir/session.h"
#include "ir/target.h"

/* The child process writes its results as files in `dir`, which is also its TMPDIR. */
struct compile_job {
    const struct target *target;
    const char *text;
    const char *path;
    const char *const *flags;
    int n_flags;
    const char *dir; /* set by child_run */
};

/* Exit codes of the child. A compiler that calls exit() itself is unlikely to use these numbers. */
enum { CHILD_GOOD = 0, CHILD_REFUSED = 41, CHILD_ABSENT = 42, CHILD_FAILED = 43 };

struct child_result {
    int code; /* -1: killed by a signal */
    int signal;
    bool late;
    const void *object;
    size_t size;
    const char *log;
    const char *errors;
    const char *version;
    const char *full; /* "/tmp is full (12 KiB left)"; NULL: not full, or the child succeeded */
};

/* Runs `work` in a child process. The results live in s->run. Returns false with a diagnostic if no child can be
   started or its results cannot be read. */
bool child_run(struct session *s, int (*work)(const struct compile_job *), struct compile_job *job,
               double limit_seconds, struct child_result *out);

/* Returns advice for the end of an error message if the disk is full, else "". */
const char *child_remedy(struct session *s, const struct child_result *r);

/* Call these in the child. child_put and child_say write a result file. They return `code`, or CHILD_FAILED on an
   error. */
enum child_file { CHILD_OBJECT, CHILD_LOG, CHILD_VERSION, CHILD_STDERR };
const char *child_path(const struct compile_job *job, enum child_file which, char path[static 600]);
int child_put(const struct compile_job *job, enum child_file which, const void *bytes, size_t n, int code);
__attribute__((format(printf, 3, 4))) int child_say(const struct compile_job *job, int code, const char *fmt, ...);

/* Functions to pass as `work` to child_run. */
int child_hiprtc(const struct compile_job *job);
int child_nvrtc(const struct compile_job *job);
int child_clang(const struct compile_job *job);
#endif
