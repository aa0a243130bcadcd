#include "ir/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_INPUT = 3 }; /* equals FAIL_INPUT in ir/session.h */

/* Returns the number after `word` in a file such as /proc/meminfo; 0 if there is none. */
static size_t number_in(const char *path, const char *word)
{
    char text[4096];
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    const char *at = strstr(text, word);
    return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

size_t memory_left(void)
{
    static const char meminfo[] = "/proc/meminfo";
    size_t left = (number_in(meminfo, "MemAvailable:") + number_in(meminfo, "SwapFree:")) * 1024;
    struct rlimit limit;
    if (!left)
        left = SIZE_MAX;
    if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY) {
        size_t used = number_in("/proc/self/statm", "") * (size_t)sysconf(_SC_PAGESIZE);
        size_t rest = limit.rlim_cur > used ? limit.rlim_cur - used : 0;
        left = rest < left ? rest : left;
    }
    return left;
}

void out_of_memory(size_t bytes)
{
    if (bytes)
        fprintf(stderr, "tokic: error: out of memory: %zu bytes more are needed\n", bytes);
    else
        fputs("tokic: error: out of memory\n", stderr);
    exit(EXIT_INPUT);
}

void *memory_must(void *p, size_t bytes)
{
    if (!p)
        out_of_memory(bytes);
    return p;
}
