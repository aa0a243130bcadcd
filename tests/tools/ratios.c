/* How much of their bounds the kernels of each op use: of one-op graphs with dimensions from 16 to 2,048, the median
   and the largest error / bound over the kernels, by the storage of the result, and the share of elements in `range`.

   usage: ratios [--target T] [--cases N] [--longest N] [--seed S] [--threads T] [--backward 1] [--op NAME]...

   --backward 1: the same for the kernels that store gradients. The exit code is 1 if a kernel exceeds its bound or does
   not run; without --backward, also if a median is below 0.1 (16 bits) or 1e-3 (f32), marked *, or if more than 5 % of
   an op's elements are in `range`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/emu/emu_device.h"
#include "tests/support/ratios.h"

enum { MOST_OPS = 64 };

struct ask {
    const char *target;
    struct ratio_options o;
    const char *ops[MOST_OPS];
    int n_ops;
};

static void print_kind(const struct op_ratios *r, enum ratio_kind kind)
{
    if (r->n[kind])
        printf("  %8.2g %8.2g %4d%s", ratios_median(r, kind), ratios_largest(r, kind), r->n[kind],
               ratios_are_low(r, kind) ? " *" : "  ");
    else
        printf("  %22s  ", "");
}

static const char *no_ratio(const struct op_ratios *r)
{
    if (r->exact)
        return "exact";
    return r->elements ? "no floats" : "no kernel";
}

static bool print_row(const struct ask *j, const struct op_ratios *r)
{
    bool low = false;
    printf("%-16s", r->op->call.name);
    for (int kind = 0; kind < RATIO_KINDS; kind++)
        print_kind(r, (enum ratio_kind)kind);
    printf("  %6.2g", 100 * ratios_range(r));
    if (!r->n[RATIO_F16] && !r->n[RATIO_F32])
        printf("  %s", no_ratio(r));
    for (int kind = 0; kind < RATIO_KINDS; kind++)
        low |= ratios_are_low(r, (enum ratio_kind)kind);
    if (ratios_range(r) > RATIO_MOST_RANGE)
        printf("  RANGE");
    if (r->refused)
        printf("  %d refused", r->refused);
    if (r->wrong)
        printf("  EXCEEDED:\n%s", r->wrong);
    printf("\n");
    return !r->wrong && (j->o.backward || (!low && ratios_range(r) <= RATIO_MOST_RANGE));
}

static bool run_op(const struct ask *j, const struct op_def *op)
{
    struct op_ratios r;
    struct session *s = session_begin();
    struct device *d = emu_open(s, target_find(j->target), false, j->o.threads);
    bool ok = d && ratios_of(s, op, d, &j->o, &r);
    if (ok)
        ok = print_row(j, &r);
    else
        printf("%-16s  %s\n", op->call.name, chain_why(s, 0));
    fflush(stdout);
    if (d)
        d->ops->close(d);
    session_end(s);
    return ok;
}

static bool is_asked(const struct ask *j, const char *name)
{
    for (int i = 0; i < j->n_ops; i++)
        if (!strcmp(j->ops[i], name))
            return true;
    return !j->n_ops;
}

static bool read_option(struct ask *j, const char *name, const char *v)
{
    if (!strcmp(name, "--target"))
        j->target = v;
    else if (!strcmp(name, "--cases"))
        j->o.cases = atoi(v);
    else if (!strcmp(name, "--longest"))
        j->o.longest = atoi(v);
    else if (!strcmp(name, "--seed"))
        j->o.seed = strtoull(v, NULL, 10);
    else if (!strcmp(name, "--threads"))
        j->o.threads = atoi(v);
    else if (!strcmp(name, "--backward"))
        j->o.backward = atoi(v);
    else if (!strcmp(name, "--op") && j->n_ops < MOST_OPS)
        j->ops[j->n_ops++] = v;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct ask j = { .target = "sm_90", .o = { .cases = 20, .longest = 2048, .seed = 1, .threads = 2 } };
    bool ok = true;
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !read_option(&j, argv[i], argv[i + 1])) {
            printf("usage: ratios [--target T] [--cases N] [--longest N] [--seed S] [--threads T] [--backward 1] "
                   "[--op NAME]...\n");
            return 2;
        }
    if (!target_find(j.target)) {
        printf("unknown target %s\n", j.target);
        return 2;
    }
    printf("%-16s  %-24s  %-24s  %6s\n", "", "16 bits", "f32", "range");
    printf("%-16s  %8s %8s %4s    %8s %8s %4s    %6s\n", "op", "median", "largest", "n", "median", "largest", "n", "%");
    for (int i = 0; op_at(i); i++)
        if (is_asked(&j, op_at(i)->call.name))
            ok &= run_op(&j, op_at(i));
    return !ok;
}
