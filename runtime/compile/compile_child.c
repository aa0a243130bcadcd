#include "runtime/compile/compile_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/format/scratch.h"

enum { MAX_PREFIX = 480, MAX_WORDS = 1 << 20, MAX_OBJECT = 1 << 30 };

static const char *const file_names[] = {
    [CHILD_OBJECT] = "object", [CHILD_LOG] = "log", [CHILD_VERSION] = "version", [CHILD_STDERR] = "stderr"
};

const char *child_path(const struct compile_job *job, enum child_file which, char path[static 600])
{
    snprintf(path, 600, "%s/%s", job->dir, file_names[which]);
    return path;
}

int child_put(const struct compile_job *job, enum child_file which, const void *bytes, size_t n, int code)
{
    char path[600];
    FILE *f = fopen(child_path(job, which, path), "wb");
    bool good = f && fwrite(bytes, 1, n, f) == n;
    if (f && fclose(f) != 0)
        good = false;
    if (!good)
        fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
    return good ? code : CHILD_FAILED;
}

int child_say(const struct compile_job *job, int code, const char *fmt, ...)
{
    char words[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    return child_put(job, CHILD_LOG, words, strlen(words), code);
}

/* The child has default signals and no core files. It dies with its parent, or by a timer, which survives exec. */
static bool child_settle(const struct compile_job *job, pid_t parent, double limit)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return false;
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ MAX_OBJECT, MAX_OBJECT });
    char path[600];
    int in = open("/dev/null", O_RDONLY);
    int out = open(child_path(job, CHILD_STDERR, path), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return false;
    struct itimerval timer = { .it_value = { (time_t)limit, (suseconds_t)((limit - (double)(time_t)limit) * 1e6) } };
    return setenv("TMPDIR", job->dir, 1) == 0 && setitimer(ITIMER_REAL, &timer, NULL) == 0;
}

static bool child_wait(struct session *s, pid_t pid, struct child_result *out)
{
    int status;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    int why = errno;
    kill(-pid, SIGKILL); /* processes that the compiler left behind */
    if (got != pid)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "cannot wait for the compiler's process: %s", strerror(why));
    out->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->late = out->signal == SIGALRM;
    return true;
}

static char *result_read(struct session *s, const struct compile_job *job, enum child_file which, size_t max,
                         size_t *size)
{
    char path[600];
    struct stat st;
    int fd = open(child_path(job, which, path), O_RDONLY | O_CLOEXEC);
    *size = 0;
    if (fd < 0)
        return NULL;
    size_t want = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
    if (want > max)
        want = max;
    char *p = arena_alloc(s->run, want + 1);
    while (*size < want) {
        ssize_t n = read(fd, p + *size, want - *size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        *size += (size_t)n;
    }
    close(fd);
    return *size == want ? p : NULL;
}

/* Reads a result file as text. Drops control characters, which could drive a terminal. */
static const char *result_words(struct session *s, const struct compile_job *job, enum child_file which)
{
    size_t n;
    char *p = result_read(s, job, which, MAX_WORDS, &n);
    char *to = p;
    if (!p)
        return "";
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] >= ' ' ? p[i] != 127 : p[i] == '\n' || p[i] == '\t')
            *to++ = p[i];
    *to = 0;
    return p;
}

/* A disk with fewer free bytes counts as full. The compiler may have freed some bytes when it failed. */
#define ROOM_NEEDED (16 << 20)

static const char *full_text(struct session *s, const char *base, const char *dir)
{
    struct statvfs v;
    if (statvfs(dir, &v))
        return NULL;
    double left = (double)v.f_bavail * (double)v.f_frsize;
    if (v.f_files && !v.f_favail)
        return arena_printf(s->run, "%s is full (no inodes left)", base);
    return left < ROOM_NEEDED ? arena_printf(s->run, "%s is full (%.0f KiB left)", base, left / 1024) : NULL;
}

const char *child_remedy(struct session *s, const struct child_result *r)
{
    return r->full ? arena_printf(s->run, "%s: make room there, or set TMPDIR to another directory", r->full) : "";
}

bool child_run(struct session *s, int (*work)(const struct compile_job *), struct compile_job *job,
               double limit_seconds, struct child_result *out)
{
    const char *base = getenv("TMPDIR");
    if (!base || !*base)
        base = "/tmp";
    const char *prefix = arena_printf(s->run, "%s/tokic-compile-", base);
    if (strlen(prefix) > MAX_PREFIX)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "the name of the directory for temporary files is too long: %s",
                          base);
    scratch_sweep(s, prefix, NULL, NULL);
    const char *dir = scratch_make(s, prefix);
    if (!dir)
        return diag_error(s, FAIL_DEVICE, NOWHERE,
                          "a compiler needs a directory for temporary files, and %s cannot be written: %s. Set TMPDIR "
                          "to one that can",
                          base, strerror(errno));
    *out = (struct child_result){ 0 };
    job->dir = dir;
    fflush(NULL); /* else exit() in the child would write the parent's buffers again */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        _exit(child_settle(job, parent, limit_seconds) ? work(job) : CHILD_FAILED);
    bool good =
        pid > 0 || diag_error(s, FAIL_DEVICE, NOWHERE, "cannot start a process for the compiler: %s", strerror(errno));
    if (good)
        good = child_wait(s, pid, out);
    if (good) {
        out->object = result_read(s, job, CHILD_OBJECT, MAX_OBJECT, &out->size);
        out->log = result_words(s, job, CHILD_LOG);
        out->errors = result_words(s, job, CHILD_STDERR);
        out->version = result_words(s, job, CHILD_VERSION);
        out->full = out->code != CHILD_GOOD || !out->size ? full_text(s, base, dir) : NULL;
    }
    tree_remove(dir);
    job->dir = NULL;
    return good;
}
