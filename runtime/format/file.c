#include "runtime/format/file.h"
#include "ir/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Counts system calls for fault injection. True for the call that a test makes fail. */
static bool faulted(struct session *s, int as_errno)
{
    if (s->faults.file_at <= 0 || --s->faults.file_at)
        return false;
    errno = as_errno;
    return true;
}

static const char *no_file(mode_t mode) { return S_ISDIR(mode) ? "a directory" : "a device or a pipe"; }

bool file_open(struct session *s, struct file_in *f, const char *path)
{
    *f = (struct file_in){ .s = s, .path = path, .fd = -1 };
    /* O_NONBLOCK: opening a FIFO without a writer must not block */
    f->fd = faulted(s, EIO) ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0)
        return diag_error(s, FAIL_INPUT, NOWHERE, "cannot open %s: %s", path, strerror(errno));
    struct stat st;
    bool ok = true;
    if (faulted(s, EIO) || fstat(f->fd, &st))
        ok = diag_error(s, FAIL_INPUT, NOWHERE, "cannot read %s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        ok = diag_error(s, FAIL_INPUT, NOWHERE, "%s is %s, not a file", path, no_file(st.st_mode));
    if (ok)
        f->size = (uint64_t)st.st_size;
    else
        file_close(f);
    return ok;
}

struct file_in file_of_bytes(struct session *s, const char *name, const void *bytes, size_t size)
{
    return (struct file_in){ .s = s, .path = name, .size = size, .fd = -1, .bytes = bytes };
}

bool file_read(struct file_in *f, uint64_t at, void *to, size_t n)
{
    if (at > f->size || n > f->size - at)
        return diag_error(f->s, FAIL_INPUT, NOWHERE,
                          "%s is truncated: %zu bytes are needed at offset %llu, the file has %llu bytes", f->path, n,
                          (unsigned long long)at, (unsigned long long)f->size);
    if (f->bytes || !n) {
        if (n)
            memcpy(to, f->bytes + at, n);
        return true;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = faulted(f->s, EIO) ? -1 : pread(f->fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return diag_error(f->s, FAIL_INPUT, NOWHERE, "cannot read %s: %s", f->path, strerror(errno));
        if (!got)
            return diag_error(f->s, FAIL_INPUT, NOWHERE, "%s became shorter while it was read", f->path);
        done += (size_t)got;
    }
    return true;
}

void file_close(struct file_in *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static bool cannot_write(struct file_out *f)
{
    f->failed = true;
    return diag_error(f->s, FAIL_INPUT, NOWHERE, "cannot write %s: %s", f->path, strerror(errno));
}

/* Follows symbolic links, so that file_commit replaces the target of a link. Refuses devices such as /dev/null. */
static bool find_real(struct file_out *f, mode_t *mode)
{
    struct stat st;
    f->real = f->path;
    *mode = 0;
    if (stat(f->path, &st))
        return errno == ENOENT || cannot_write(f);
    if (!S_ISREG(st.st_mode))
        return diag_error(f->s, FAIL_INPUT, NOWHERE, "cannot write %s: it is %s, not a file", f->path,
                          no_file(st.st_mode));
    char *real = realpath(f->path, NULL);
    if (!real)
        return cannot_write(f);
    f->real = arena_strdup(f->s->run, real);
    free(real);
    *mode = st.st_mode & 07777;
    return true;
}

bool file_create(struct session *s, struct file_out *f, const char *path)
{
    *f = (struct file_out){ .s = s, .path = path };
    mode_t mode;
    if (!find_real(f, &mode))
        return false;
    const char *slash = strrchr(f->real, '/');
    int dir = slash ? (int)(slash - f->real) + 1 : 0;
    int fd = -1;
    for (int k = 0; fd < 0 && k < 1000; k++) {
        f->temp = arena_printf(s->run, "%.*s.tokic-%ld-%d.tmp", dir, f->real, (long)getpid(), k);
        fd = faulted(s, EACCES) ? -1 : open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return cannot_write(f);
    }
    if (fd < 0)
        return cannot_write(f);
    f->f = memory_must(fdopen(fd, "wb"), 0);
    if (mode && fchmod(fd, mode)) {
        cannot_write(f);
        file_abandon(f);
        return false;
    }
    return true;
}

bool file_write(struct file_out *f, const void *from, size_t n)
{
    if (f->failed || !n)
        return !f->failed;
    if (faulted(f->s, ENOSPC) || fwrite(from, 1, n, f->f) != n)
        return cannot_write(f);
    return true;
}

/* Flushes the rename to the disk. Failures are ignored, since some file systems cannot sync a directory. */
static void sync_dir(const struct file_out *f)
{
    const char *slash = strrchr(f->real, '/');
    const char *dir = slash ? arena_strndup(f->s->run, f->real, (size_t)(slash - f->real) + 1) : ".";
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

bool file_commit(struct file_out *f)
{
    if (!f->failed && (faulted(f->s, ENOSPC) || fflush(f->f) || fsync(fileno(f->f))))
        cannot_write(f);
    bool closed = !fclose(f->f);
    f->f = NULL;
    if (!f->failed && !closed)
        cannot_write(f);
    if (!f->failed && (faulted(f->s, EACCES) || rename(f->temp, f->real)))
        cannot_write(f);
    if (f->failed) {
        file_abandon(f);
        return false;
    }
    sync_dir(f);
    return true;
}

void file_abandon(struct file_out *f)
{
    if (f->f)
        fclose(f->f);
    f->f = NULL;
    f->failed = true;
    unlink(f->temp);
}

const char *file_quote(struct arena *a, const char *bytes, size_t n)
{
    enum { SHOWN = 60 };
    char buf[SHOWN * 4 + 1];
    size_t at = 0;
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        unsigned char c = (unsigned char)bytes[i];
        at += (size_t)snprintf(buf + at, sizeof buf - at, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    buf[at] = 0;
    return arena_printf(a, "\"%s\"%s", buf, n > SHOWN ? "…" : "");
}
