/* Feeds a fuzz target every file of a corpus, then mutations of them, each a function of its number:

       replay CORPUS [MUTATIONS]
       replay CORPUS --only NUMBER > input

   The inputs run in a child process, so that a crash, a hang or what a sanitizer finds ends with the number of the
   input; --only writes that input. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MAX_FILES = 500, MOST_BYTES = 1 << 16, SECONDS = 10 };

struct bytes {
    uint8_t *at;
    size_t n;
};
struct corpus {
    struct bytes file[MAX_FILES];
    char *name[MAX_FILES];
    size_t n;
};

static void die(const char *what, const char *name)
{
    fprintf(stderr, "replay: %s: %s\n", name, what);
    exit(1);
}

static struct bytes file_bytes(const char *dir, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    struct bytes b = { malloc(MOST_BYTES), 0 };
    if (!f || !b.at)
        die("cannot be read", path);
    b.n = fread(b.at, 1, MOST_BYTES, f);
    if (ferror(f) || fgetc(f) != EOF)
        die("cannot be read, or is too large", path);
    fclose(f);
    return b;
}

static int not_hidden(const struct dirent *e) { return e->d_name[0] != '.'; }

/* In the order of names, so that a number means the same input everywhere. */
static void corpus_read(struct corpus *c, const char *dir)
{
    struct dirent **list;
    int n = scandir(dir, &list, not_hidden, alphasort);
    if (n <= 0 || n > MAX_FILES)
        die("no corpus, or too large", dir);
    for (int i = 0; i < n; i++) {
        c->name[c->n] = strdup(list[i]->d_name);
        c->file[c->n++] = file_bytes(dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
}

static void corpus_free(struct corpus *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->file[i].at);
        free(c->name[i]);
    }
}

/* ---- mutations ---- */

static size_t place(uint64_t *r, size_t n) { return (size_t)rnd_range(r, 0, (int64_t)n); }

/* Puts n bytes at `at`, in place of `gone` others. */
static void splice(struct bytes *b, size_t at, size_t gone, const uint8_t *from, size_t n)
{
    if (b->n - gone + n > MOST_BYTES)
        return;
    memmove(b->at + at + n, b->at + at + gone, b->n - at - gone);
    if (n)
        memcpy(b->at + at, from, n);
    b->n += n - gone;
}

/* Numbers at which lengths, counts and signs go wrong. */
static size_t odd_number(uint64_t *r, uint8_t *to)
{
    static const int64_t odd[] = { 0,         1,        -1,        2,         7,
                                   127,       128,      255,       256,       32767,
                                   65535,     65536,    INT32_MAX, INT32_MIN, (int64_t)UINT32_MAX,
                                   INT64_MAX, INT64_MIN };
    uint64_t v = (uint64_t)odd[rnd_range(r, 0, (int64_t)(sizeof odd / sizeof *odd) - 1)];
    v += (uint64_t)rnd_range(r, -1, 1);
    if (rnd_u64(r) & 1)
        return (size_t)snprintf((char *)to, 32, "%lld", (long long)v);
    memcpy(to, &v, sizeof v);
    return (size_t)1 << rnd_range(r, 0, 3);
}

static void mutate(struct bytes *b, const struct corpus *c, uint64_t *r)
{
    const struct bytes *other = &c->file[rnd_range(r, 0, (int64_t)c->n - 1)];
    uint8_t number[32];
    size_t at = place(r, b->n);
    size_t left = b->n - at;
    size_t some = left ? place(r, left < 32 ? left : 32) : 0;
    size_t n;
    switch (rnd_range(r, 0, 7)) {
    case 0:
        if (left)
            b->at[at] ^= (uint8_t)(1 << rnd_range(r, 0, 7));
        break;
    case 1:
        if (left)
            b->at[at] = (uint8_t)rnd_u64(r);
        break;
    case 2: splice(b, at, some, NULL, 0); break;
    case 3: b->n = at; break;
    case 4:
        n = odd_number(r, number);
        splice(b, at, n < left && rnd_u64(r) & 1 ? n : 0, number, n);
        break;
    case 5: /* a piece of itself again */
        if (b->n + some <= MOST_BYTES) {
            memmove(b->at + at + some, b->at + at, left);
            b->n += some;
        }
        break;
    default: { /* a piece of another file */
        size_t from = place(r, other->n);
        n = place(r, other->n - from < 64 ? other->n - from : 64);
        splice(b, at, some, other->at + from, n);
        break;
    }
    }
}

/* Input `number`: the files first, then mutations. */
static void input_make(const struct corpus *c, size_t number, struct bytes *to)
{
    uint64_t r = number;
    const struct bytes *from = &c->file[number % c->n];
    memcpy(to->at, from->at, from->n);
    to->n = from->n;
    if (number < c->n)
        return;
    for (int64_t k = rnd_range(&r, 1, 6); k > 0; k--)
        mutate(to, c, &r);
}

/* ---- running ---- */

/* The target gets a copy that is as long as the input, so that a sanitizer sees a step beyond it. */
static void run_all(const struct corpus *c, size_t n, volatile size_t *now)
{
    struct bytes b = { malloc(MOST_BYTES), 0 };
    if (!b.at)
        die("out of memory", "inputs");
    for (size_t i = 0; i < n; i++) {
        *now = i;
        input_make(c, i, &b);
        uint8_t *copy = malloc(b.n + !b.n);
        if (!copy)
            die("out of memory", "inputs");
        memcpy(copy, b.at, b.n);
        alarm(SECONDS);
        if (LLVMFuzzerTestOneInput(copy, b.n))
            die("the target refused an input", "inputs");
        free(copy);
    }
    alarm(0);
    free(b.at);
}

static int run_in_child(const struct corpus *c, size_t n, const char *dir)
{
    volatile size_t *now = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (now == MAP_FAILED)
        die("out of memory", "inputs");
    pid_t child = fork();
    if (child < 0)
        die("cannot start", "a process");
    if (!child) {
        run_all(c, n, now);
        return 0;
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        die("cannot be waited for", "a process");
    if (!status) {
        printf("%s: %zu files, %zu mutations\n", dir, c->n, n - c->n);
        return 0;
    }
    if (WIFSIGNALED(status))
        fprintf(stderr, "replay: %s\n", WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    fprintf(stderr, "replay: input %zu, from %s: replay %s --only %zu > input\n", *now, c->name[*now % c->n], dir,
            *now);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("CORPUS [MUTATIONS] | CORPUS --only NUMBER", "usage");
    struct corpus c = { 0 };
    corpus_read(&c, argv[1]);
    int code = 0;
    if (argc == 4 && !strcmp(argv[2], "--only")) {
        struct bytes b = { malloc(MOST_BYTES), 0 };
        if (!b.at)
            die("out of memory", "inputs");
        input_make(&c, strtoul(argv[3], NULL, 10), &b);
        if (fwrite(b.at, 1, b.n, stdout) != b.n)
            die("cannot write", "stdout");
        free(b.at);
    } else {
        code = run_in_child(&c, c.n + (argc > 2 ? strtoul(argv[2], NULL, 10) : 0), argv[1]);
    }
    corpus_free(&c);
    return code;
}
