#include "runtime/compile/compile_find.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *in_dir(struct arena *a, const char *dir, size_t len, const char *const *names, int mode)
{
    char path[4096];
    for (; len && *names; names++) {
        int n = snprintf(path, sizeof path, "%.*s/%s", (int)len, dir, *names);
        if (n > 0 && (size_t)n < sizeof path && access(path, mode) == 0)
            return arena_strdup(a, path);
    }
    return NULL;
}

static const char *in_list(struct arena *a, const char *list, const char *const *names, int mode)
{
    const char *found = NULL;
    while (list && *list && !found) {
        size_t len = strcspn(list, ":");
        found = in_dir(a, list, len, names, mode);
        list += len + (list[len] == ':');
    }
    return found;
}

/* `conf`: a file with one directory a line. '#' begins a comment. */
static const char *in_conf(struct arena *a, const char *conf, const char *const *names)
{
    char line[4096];
    const char *found = NULL;
    FILE *f = fopen(conf, "re");
    while (f && !found && fgets(line, sizeof line, f))
        if (line[0] == '/')
            found = in_dir(a, line, strcspn(line, "# \t\r\n"), names, R_OK);
    if (f)
        fclose(f);
    return found;
}

static const char *in_system(struct arena *a, const char *const *names)
{
    glob_t g = { 0 };
    const char *found = NULL;
    if (glob("/etc/ld.so.conf.d/*.conf", 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc && !found; i++)
            found = in_conf(a, g.gl_pathv[i], names);
    globfree(&g);
    return found ? found : in_list(a, "/usr/lib64:/lib64:/usr/lib:/lib:/usr/local/lib", names, R_OK);
}

const char *find_library(struct arena *a, const char *const *names, const struct find_dir *dirs)
{
    const char *found = in_list(a, getenv("LD_LIBRARY_PATH"), names, R_OK);
    for (; !found && (dirs->env || dirs->path); dirs++) {
        const char *top = dirs->env ? getenv(dirs->env) : "";
        if (!top || (dirs->env && !*top))
            continue;
        char dir[4096];
        int n = snprintf(dir, sizeof dir, "%s%s", top, dirs->path);
        if (n > 0 && (size_t)n < sizeof dir)
            found = in_dir(a, dir, (size_t)n, names, R_OK);
    }
    return found ? found : in_system(a, names);
}

const char *find_command(struct arena *a, const char *const *names)
{
    for (; *names; names++) {
        const char *const one[] = { *names, NULL };
        const char *found =
            strchr(*names, '/') ? (access(*names, X_OK) == 0 ? *names : NULL) : in_list(a, getenv("PATH"), one, X_OK);
        if (found)
            return found;
    }
    return NULL;
}
