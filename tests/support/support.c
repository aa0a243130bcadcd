#include "tests/support/support.h"

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

uint64_t rnd_u64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t rnd_range(uint64_t *state, int64_t lo, int64_t hi)
{
    uint64_t n = (uint64_t)hi - (uint64_t)lo + 1; /* 0: every value of the type */
    uint64_t bits = rnd_u64(state);
    return (int64_t)((uint64_t)lo + (n ? bits % n : bits));
}

double rnd_unit(uint64_t *state) { return (double)(rnd_u64(state) >> 11) * 0x1p-53; }

char *tmp_make(void)
{
    const char *base = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/tokic-test-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    return strdup(path);
}

bool small_disk(const char *dir, const char *options)
{
    if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return false;
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return !mount("none", dir, "tmpfs", 0, options);
}

static int unlink_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    return remove(path);
}

void tmp_remove(char *dir)
{
    nftw(dir, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

bool launch_now(struct device *d, struct module *m, const struct launch *l)
{
    struct launch ready = *l;
    ready.function = d->ops->find(d, m, l->kernel);
    return ready.function && d->ops->prepare(d, &ready) && d->ops->launch(d, NULL, &ready);
}
