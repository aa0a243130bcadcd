/* The host's C compiler, which compiles kernels for the emulator. */
#include "runtime/compile/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "codegen/spell.h"
#include "runtime/compile/compile_child.h"
#include "runtime/compile/compile_find.h"

enum { MAX_ARGS = 24, LOG_LINES = 40 };
static const double time_limit = 600;

/* No -march=native: the results must not depend on the machine. -mfma and -mf16c make fma and f16 conversions single
   instructions. -w: kernels do not use everything in the prelude. */
static const char *const flags[] = {
    "-std=gnu17", "-O2",    "-fPIC", "-shared", "-w", "-ffp-contract=off", "-fno-math-errno",
#if defined(__x86_64__)
    "-mfma",      "-mf16c",
#endif
    NULL
};

/* Payloads run once, so they are compiled fast. */
static const char *const payload_flags[] = { "-std=gnu17", "-Og", "-fPIC", "-shared", "-w", NULL };

static int child_cc(const struct compile_job *job)
{
    char source[600], object[600], *argv[MAX_ARGS];
    int n = 0;
    snprintf(source, sizeof source, "%s/kernels.c", job->dir);
    FILE *f = fopen(source, "wb");
    bool good = f && fputs(job->text, f) >= 0;
    if (f && fclose(f) != 0)
        good = false;
    if (!good)
        return child_say(job, CHILD_FAILED, "cannot write %s: %s", source, strerror(errno));
    BUG_IF(job->n_flags + 6 > MAX_ARGS, "%d flags for cc", job->n_flags);
    argv[n++] = (char *)job->path;
    for (int i = 0; i < job->n_flags; i++)
        argv[n++] = (char *)job->flags[i];
    argv[n++] = source;
    argv[n++] = "-o";
    argv[n++] = (char *)child_path(job, CHILD_OBJECT, object);
    argv[n++] = "-lm";
    argv[n] = NULL;
    execv(job->path, argv);
    return child_say(job, CHILD_ABSENT, "cannot run %s: %s", job->path, strerror(errno));
}

/* Appends the kernels' text to the module as a string constant, so that diagnostics can quote lines. */
static const char *text_with_itself(struct session *s, const char *text)
{
    const char *kernels = strstr(text, SPELL_KERNELS);
    BUG_IF(!kernels, "a text for the emulator without a prelude");
    kernels += strlen(SPELL_KERNELS);
    size_t head = strlen(text);
    size_t n = strlen(kernels);
    char *all = arena_alloc(s->run, head + 4 * n + 100);
    char *p = all + head;
    memcpy(all, text, head);
    p = stpcpy(p, "\n#line 1 \"TEXT\"\nconst char tk_kernel_text[] = \"");
    for (const char *c = kernels; *c; c++)
        if (*c == '\n')
            p = stpcpy(p, "\\n\"\n\"");
        else if (*c == '"' || *c == '\\') {
            *p++ = '\\';
            *p++ = *c;
        } else if (*c < ' ' || *c == '?')
            p += sprintf(p, "\\%03o", (unsigned char)*c); /* also '?': no trigraphs */
        else
            *p++ = *c;
    strcpy(p, "\";\n");
    return all;
}

static const char *cc_path(struct session *s, const char **asked)
{
    const char *named = getenv("TOKIC_CC");
    *asked = named && *named ? named : "cc";
    return find_command(s->run, named && *named ? (const char *const[]){ named, NULL }
                                                : (const char *const[]){ "cc", "gcc", "clang", NULL });
}

static bool cc_judge(struct session *s, const char *cc, const struct child_result *r)
{
    if (r->late)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s needed more than %.0f seconds for the kernels", cc, time_limit);
    if (r->code == CHILD_ABSENT || r->code == CHILD_FAILED)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s: %s%s%s", cc, r->log, r->errors, child_remedy(s, r));
    if (r->signal)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s died: %s\n%s%s", cc, strsignal(r->signal), r->errors,
                          child_remedy(s, r));
    if (r->code == CHILD_GOOD && r->object && r->size)
        return true;
    size_t shown = 0;
    for (int line = 0; r->errors[shown] && line < LOG_LINES; shown++)
        line += r->errors[shown] == '\n';
    return diag_error(s, FAIL_DEVICE, NOWHERE,
                      "%s does not compile the kernels for the emulator (exit code %d):\n%.*s%s%s", cc, r->code,
                      (int)shown, r->errors, r->errors[shown] ? "…" : "", child_remedy(s, r));
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool compile_text(struct session *s, const struct target *t, const char *text, const char *const *with,
                         struct code *out)
{
    const char *asked;
    const char *cc = cc_path(s, &asked);
    const char *joined = "";
    if (!cc)
        return diag_error(
            s, FAIL_DEVICE, NOWHERE,
            "the emulator needs a C compiler, and %s is not found: apt-get install gcc, or name one in TOKIC_CC",
            asked);
    struct compile_job job = { .target = t, .text = text, .path = cc, .flags = with };
    while (with[job.n_flags]) {
        joined = arena_printf(s->run, "%s%s%s", joined, job.n_flags ? " " : "", with[job.n_flags]);
        job.n_flags++;
    }
    struct child_result r;
    double start = now();
    if (!child_run(s, child_cc, &job, time_limit, &r) || !cc_judge(s, cc, &r))
        return false;
    *out = (struct code){
        .target = t, .object = r.object, .size = r.size, .compiler = cc, .flags = joined, .seconds = now() - start
    };
    return true;
}

bool compile_host(struct session *s, const struct target *t, const char *text, bool checking, struct code *out)
{
    if (!compile_text(s, t, text_with_itself(s, text), flags, out))
        return false;
    log_line(s, LOG_COMPILE, "%s: %zu bytes for emu:%s%s in %.2f s", out->compiler, out->size, t->name,
             checking ? ", checking" : "", out->seconds);
    return true;
}

bool compile_payload_text(struct session *s, const struct target *t, const char *text, struct code *out)
{
    if (!compile_text(s, t, text, payload_flags, out))
        return false;
    log_line(s, LOG_COMPILE, "%s: %zu bytes of payloads in %.2f s", out->compiler, out->size, out->seconds);
    return true;
}
