#ifndef TOKIC_RUNTIME_FORMAT_FILE_H
#define TOKIC_RUNTIME_FORMAT_FILE_H
/* Binary files: read with every length checked, replaced as a whole or not at all. Failures are diagnostics
   (FAIL_INPUT) that name the file. Each call to the system counts against session->faults.file_at. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"

/* A file, or bytes in memory that are read as one. */
struct file_in {
    struct session *s;
    const char *path;
    uint64_t size;
    int fd;
    const unsigned char *bytes; /* not NULL: memory, no fd */
};
/* Regular files only: a size must be known before anything is allocated for the content. */
bool file_open(struct session *s, struct file_in *f, const char *path);
struct file_in file_of_bytes(struct session *s, const char *name, const void *bytes, size_t size);
/* Exactly n bytes from offset `at`, or false. */
bool file_read(struct file_in *f, uint64_t at, void *to, size_t n);
void file_close(struct file_in *f);

/* A file being replaced: written beside it under another name, flushed to the disk, renamed over it. Until file_commit
   returns true the old one is untouched; a writer that is killed leaves at most a file `.tokic-*.tmp`. After a failed
   file_write the rest may be called and fails silently. */
struct file_out {
    struct session *s;
    const char *path, *real, *temp; /* as asked for; with links followed; where it is written */
    FILE *f;
    bool failed;
};
bool file_create(struct session *s, struct file_out *f, const char *path);
bool file_write(struct file_out *f, const void *from, size_t n);
/* One of the two ends it. file_commit false: abandoned. */
bool file_commit(struct file_out *f);
void file_abandon(struct file_out *f);

/* Bytes found in a file, as an error may show them: in quotes, at most 60, unprintable ones as \xHH. */
const char *file_quote(struct arena *a, const char *bytes, size_t n);
#endif
