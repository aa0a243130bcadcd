#ifndef TOKIC_RUNTIME_FORMAT_FILE_H
#define TOKIC_RUNTIME_FORMAT_FILE_H
/* Binary files. Every read checks its length; a file is replaced as a whole or not at all. Failures are diagnostics
   (FAIL_INPUT) that name the file. Each system call counts for session->faults.file_at. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"

/* A file, or bytes in memory that are read like one. */
struct file_in {
    struct session *s;
    const char *path;
    uint64_t size;
    int fd;
    const unsigned char *bytes; /* not NULL: memory, no fd */
};
/* Opens a regular file. Others are refused, since memory for the content is allocated by the file's size. */
bool file_open(struct session *s, struct file_in *f, const char *path);
struct file_in file_of_bytes(struct session *s, const char *name, const void *bytes, size_t size);
/* Reads exactly n bytes from offset `at`; else false with a diagnostic. */
bool file_read(struct file_in *f, uint64_t at, void *to, size_t n);
void file_close(struct file_in *f);

/* A file being replaced. The content goes to a temporary file beside it, which is flushed to the disk and then renamed.
   Until file_commit returns true the old file is untouched; a killed writer leaves at most a file `.tokic-*.tmp`. After
   a failed file_write, further calls are allowed and fail silently. */
struct file_out {
    struct session *s;
    const char *path; /* as asked for */
    const char *real; /* with links followed */
    const char *temp; /* the temporary file */
    FILE *f;
    bool failed;
};
bool file_create(struct session *s, struct file_out *f, const char *path);
bool file_write(struct file_out *f, const void *from, size_t n);
/* file_commit and file_abandon end the replacement. If file_commit returns false, the new content is abandoned. */
bool file_commit(struct file_out *f);
void file_abandon(struct file_out *f);

/* Bytes of a file for an error message: in quotes, at most 60 of them, unprintable ones as \xHH. */
const char *file_quote(struct arena *a, const char *bytes, size_t n);
#endif
