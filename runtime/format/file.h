#ifndef TOKIC_RUNTIME_FORMAT_FILE_H
#define TOKIC_RUNTIME_FORMAT_FILE_H
/* Reads and writes whole files. Each failure is a diagnostic (FAIL_INPUT) that names the file. A test makes the n-th
   system call fail with session->faults.file_at = n. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"

struct file_in {
    struct session *s;
    const char *path;
    uint64_t size;
    int fd;
    const unsigned char *bytes; /* content in memory; NULL: a real file */
};
/* Opens a regular file. Devices and pipes are refused, since callers allocate memory by the file's size. */
bool file_open(struct session *s, struct file_in *f, const char *path);
struct file_in file_of_bytes(struct session *s, const char *name, const void *bytes, size_t size);
/* Reads exactly n bytes from offset `at`. Returns false with a diagnostic if the file is shorter. */
bool file_read(struct file_in *f, uint64_t at, void *to, size_t n);
void file_close(struct file_in *f);

/* Replaces a file. file_write writes to a temporary file `.tokic-*.tmp` in the same directory. file_commit renames the
   temporary file to the real name; until then, the old file is untouched. After a failed file_write, later calls do
   nothing. */
struct file_out {
    struct session *s;
    const char *path;
    const char *real;
    const char *temp;
    FILE *f;
    bool failed;
};
bool file_create(struct session *s, struct file_out *f, const char *path);
bool file_write(struct file_out *f, const void *from, size_t n);
/* If file_commit returns false, the old file stays. */
bool file_commit(struct file_out *f);
void file_abandon(struct file_out *f);

/* Quotes bytes for an error message: at most 60 of them, unprintable ones as \xHH. */
const char *file_quote(struct arena *a, const char *bytes, size_t n);
#endif
