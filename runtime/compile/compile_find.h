#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
#include "ir/arena.h"

/* The directory $env/path; skipped if the variable `env` is not set. env NULL: the directory `path`. */
struct find_dir {
    const char *env, *path;
};

/* Returns the path of the first of `names` in the first directory that has one. Searches LD_LIBRARY_PATH, then `dirs`
   (ends with two NULLs), then the system's directories. NULL if none has. */
const char *find_library(struct arena *a, const char *const *names, const struct find_dir *dirs);
/* Returns the first of `names` that is an executable in $PATH. A name with a slash is a path. */
const char *find_command(struct arena *a, const char *const *names);
#endif
