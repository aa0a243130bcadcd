#ifndef TOKIC_RUNTIME_FORMAT_SCRATCH_H
#define TOKIC_RUNTIME_FORMAT_SCRATCH_H
/* Directories that live as long as some work does. Their names say whose they are, PREFIXpid-six random characters, so
   that what a killed process left can be told from what is in use. */
#include "ir/session.h"

/* Makes one; `prefix` is a path and the beginning of a name. NULL: errno says why. */
char *scratch_make(struct session *s, const char *prefix);
/* Removes a directory and what is in it; links are not followed. */
void tree_remove(const char *dir);
/* Removes those of this user whose process is gone, or that are older than an hour. `drop`, if not NULL, is called
   instead, for each. */
void scratch_sweep(struct session *s, const char *prefix, void (*drop)(void *ctx, const char *dir), void *ctx);
#endif
