#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_FIND_H
/* Where a compiler's files are, without opening them. */
#include "ir/arena.h"

/* A directory to look in: under what an environment variable names (NULL or unset: skipped), or a fixed path when `env`
   is NULL. */
struct find_dir {
    const char *env, *path;
};

/* The first of `names` in the first directory that has one: LD_LIBRARY_PATH's, then `dirs` (ends with two NULLs), then
   where the system's linker looks. NULL if none. The path is from the arena. */
const char *find_library(struct arena *a, const char *const *names, const struct find_dir *dirs);
/* The first of `names` that is an executable, in $PATH; a name with a slash is looked up as it stands. */
const char *find_command(struct arena *a, const char *const *names);
#endif
