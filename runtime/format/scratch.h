#ifndef TOKIC_RUNTIME_FORMAT_SCRATCH_H
#define TOKIC_RUNTIME_FORMAT_SCRATCH_H
/* Temporary directories, named PREFIX, process id, "-" and six random characters. The process id shows whether the
   directory is still in use. */
#include "ir/session.h"

/* Makes a directory. `prefix` is a path that ends in PREFIX. NULL with errno set. */
char *scratch_make(struct session *s, const char *prefix);
/* Removes a directory and its content. Links are not followed. */
void tree_remove(const char *dir);
/* Removes this user's temporary directories whose process has ended or that are older than an hour. If `drop` is not
   NULL, calls it for each such directory instead. */
void scratch_sweep(struct session *s, const char *prefix, void (*drop)(void *ctx, const char *dir), void *ctx);
#endif
