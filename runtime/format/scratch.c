#include "runtime/format/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RANDOM = 6, HOUR = 3600 };

char *scratch_make(struct session *s, const char *prefix)
{
    return mkdtemp(arena_printf(s->run, "%s%ld-XXXXXX", prefix, (long)getpid()));
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    remove(path);
    return 0;
}

void tree_remove(const char *dir) { nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* True if `rest` is "123-aB3xYz", or "aB3xYz" of older versions. ".old" may follow. *pid: 123, or 0. */
static bool is_ours(const char *rest, long *pid)
{
    size_t digits = strspn(rest, "0123456789");
    size_t n = 0;
    *pid = 0;
    if (digits && digits < 10 && rest[digits] == '-') {
        *pid = strtol(rest, NULL, 10);
        rest += digits + 1;
    }
    while ((rest[n] >= '0' && rest[n] <= '9') || (rest[n] >= 'a' && rest[n] <= 'z') ||
           (rest[n] >= 'A' && rest[n] <= 'Z'))
        n++;
    return n == RANDOM && (!rest[n] || !strcmp(rest + n, ".old"));
}

/* A directory is left over if its process has ended. After an hour it always is: a new process may have the same id. */
static bool is_left(const char *path, long pid)
{
    struct stat st;
    if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return false;
    return (pid && kill((pid_t)pid, 0) && errno == ESRCH) || time(NULL) - st.st_mtime > HOUR;
}

void scratch_sweep(struct session *s, const char *prefix, void (*drop)(void *ctx, const char *dir), void *ctx)
{
    const char *slash = strrchr(prefix, '/');
    const char *name = slash ? slash + 1 : prefix;
    const char **left = NULL;
    size_t n = strlen(name);
    size_t n_left = 0;
    size_t cap_left = 0;
    DIR *d = opendir(!slash ? "." : slash == prefix ? "/" : arena_strndup(s->run, prefix, (size_t)(slash - prefix)));
    for (const struct dirent *e; d && (e = readdir(d));) {
        long pid;
        if (strncmp(e->d_name, name, n) || !is_ours(e->d_name + n, &pid))
            continue;
        const char *path = arena_printf(s->run, "%.*s%s", (int)(name - prefix), prefix, e->d_name);
        if (is_left(path, pid))
            *arena_push(s->run, left, n_left, cap_left) = path;
    }
    if (d)
        closedir(d);
    for (size_t i = 0; i < n_left; i++) {
        if (drop)
            drop(ctx, left[i]);
        else
            tree_remove(left[i]);
    }
}
