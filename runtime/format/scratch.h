#ifndef TOKIC_RUNTIME_FORMAT_SCRATCH_H
#define TOKIC_RUNTIME_FORMAT_SCRATCH_H
/* Temporary directories with names like PREFIX123-aB3xYz: the process id 123, "-", and six random characters. A
   directory is left over if its process has ended. */
#include "ir/session.h"

/* Makes a directory. `prefix`: a path that ends in PREFIX. On failure, returns NULL and sets errno. */
char *scratch_make(struct session *s, const char *prefix);
/* Removes a directory and its content. Links are not followed. */
void tree_remove(const char *dir);
/* Removes this user's left-over directories: those whose process has ended, and all older than an hour. If `drop` is
   not NULL, calls `drop` for each of these directories instead. */
void scratch_sweep(struct session *s, const char *prefix, void (*drop)(void *ctx, const char *dir), void *ctx);
#endif
