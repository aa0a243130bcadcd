#ifndef TOKIC_RUNTIME_FORMAT_SCRATCH_H
#define TOKIC_RUNTIME_FORMAT_SCRATCH_H
/* Temporary directories. A name is PREFIX, the process id, "-" and six random characters. By the id, leftovers of a
   killed process can be told from directories in use. */
#include "ir/session.h"

/* Makes a temporary directory. `prefix` is the path up to and including PREFIX. NULL with errno set. */
char *scratch_make(struct session *s, const char *prefix);
/* Removes a directory and its content; links are not followed. */
void tree_remove(const char *dir);
/* Removes this user's directories whose process is gone or that are older than an hour. If `drop` is not NULL, it is
   called for each of these directories instead. */
void scratch_sweep(struct session *s, const char *prefix, void (*drop)(void *ctx, const char *dir), void *ctx);
#endif
