#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
/* Finds a compiler's files without opening them. */
#include "ir/arena.h"

/* A directory to look in: `path` below the directory that environment variable `env` names (skipped if unset), or
   `path` itself if `env` is NULL. */
struct find_dir {
    const char *env, *path;
};

/* Searches the directories of LD_LIBRARY_PATH, then `dirs` (ends with two NULLs), then the system linker's. Returns the
   path of the first of `names` in the first directory that has one, from the arena. NULL if none has. */
const char *find_library(struct arena *a, const char *const *names, const struct find_dir *dirs);
/* Searches $PATH for the first of `names` that is an executable. A name with a slash is taken as a path. */
const char *find_command(struct arena *a, const char *const *names);
#endif
