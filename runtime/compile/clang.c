/* clang as a command, for AMD targets that hiprtc does not know. It runs in a child process. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/compile/compile_child.h"

enum { MAX_ARGS = 32 };

/* `out_path`: a file for stdout, or NULL. Returns the exit code, or -1 if the command could not run or was killed. */
static int command_run(const struct compile_job *job, char *const *argv, const char *out_path)
{
    posix_spawn_file_actions_t io;
    posix_spawn_file_actions_init(&io);
    if (out_path)
        posix_spawn_file_actions_addopen(&io, 1, out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid;
    int rc = posix_spawn(&pid, job->path, &io, NULL, argv, environ), status;
    if (rc) {
        fprintf(stderr, "cannot run %s: %s\n", job->path, strerror(rc));
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s died: %s\n", job->path, strsignal(WTERMSIG(status)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Reports the version: "Debian clang version 19.1.7 (3+b1)" gives "19.1.7". */
static int version_put(const struct compile_job *job)
{
    char path[600], words[512] = "";
    char *const argv[] = { (char *)job->path, "--version", NULL };
    if (command_run(job, argv, child_path(job, CHILD_VERSION, path)))
        return CHILD_ABSENT;
    FILE *f = fopen(path, "r");
    if (!f)
        return CHILD_FAILED;
    size_t n = fread(words, 1, sizeof words - 1, f);
    fclose(f);
    words[n] = 0;
    const char *version = strstr(words, "version ");
    version = version ? version + strlen("version ") : "";
    return child_put(job, CHILD_VERSION, version, strcspn(version, " \n-"), CHILD_GOOD);
}

int child_clang(const struct compile_job *job)
{
    char source[600], object[600];
    char *argv[MAX_ARGS + 5];
    int n = 0;
    int code = version_put(job);
    if (code != CHILD_GOOD)
        return code;
    snprintf(source, sizeof source, "%s/module.hip", job->dir);
    FILE *f = fopen(source, "wb");
    bool good = f && fputs(job->text, f) >= 0;
    if (f && fclose(f) != 0)
        good = false;
    if (!good)
        return child_say(job, CHILD_FAILED, "cannot write %s: %s", source, strerror(errno));
    BUG_IF(job->n_flags > MAX_ARGS, "%d flags for clang", job->n_flags);
    argv[n++] = (char *)job->path;
    for (int i = 0; i < job->n_flags; i++)
        argv[n++] = (char *)job->flags[i];
    argv[n++] = source;
    argv[n++] = "-o";
    argv[n++] = (char *)child_path(job, CHILD_OBJECT, object);
    argv[n] = NULL;
    code = command_run(job, argv, NULL);
    return code == 0 ? CHILD_GOOD : code == 1 ? CHILD_REFUSED : CHILD_FAILED;
}
