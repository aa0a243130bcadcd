#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
#include "ir/arena.h"

/* The directory $env/path, or only `path` if `env` is NULL. Skipped if the environment variable `env` is not set. */
struct find_dir {
    const char *env, *path;
};

/* Searches LD_LIBRARY_PATH, then `dirs` (ends with { NULL, NULL }), then the system's directories. The first directory
   with any of `names` wins. Returns the path, or NULL. */
const char *find_library(struct arena *a, const char *const *names, const struct find_dir *dirs);
/* Returns the first of `names` that is an executable in $PATH. A name with a slash is a path. */
const char *find_command(struct arena *a, const char *const *names);
#endif
