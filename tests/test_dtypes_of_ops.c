/* Every op on operands of every dtype: refused with a diagnostic, or taken to kernels that compile. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/chain.h"
#include "tests/support/random_graph.h"

enum { DTYPES = 7 };
static const enum dtype dtypes[DTYPES] = { DT_F16, DT_BF16, DT_F32, DT_F64, DT_I32, DT_I64, DT_BOOL };
static const char *const targets[] = { "gfx90a", "sm_90" };

struct tally {
    int accepted, refused;
};

/* ---- what was being done when the program broke off ---- */
static const char *volatile at_work = "";

static void show_and_die(int sig)
{
    ssize_t n = write(STDERR_FILENO, at_work, strlen(at_work));
    (void)n;
    signal(sig, SIG_DFL);
    raise(sig);
}

static void take(struct session *s, struct chain **chains, size_t *n, const struct target *t, const char *text,
                 struct tally *sum)
{
    int errors = s->n_errors;
    at_work = text;
    struct chain *c = chain_new(s, t, source_of_string(s, "dtypes.graph", text), NULL);
    if (!c && s->n_errors == errors)
        fail_msg("refused without a diagnostic:\n%s", text);
    if (c)
        chains[(*n)++] = c;
    sum->accepted += c != NULL;
    sum->refused += !c;
}

/* The kernels of an op with its first two operands of any dtypes; further ones have that of the first or second. */
static void take_op(const struct op_def *op, const struct target *t, struct tally *sum)
{
    struct session *s = session_begin();
    struct chain *chains[DTYPES * DTYPES];
    size_t n = 0;
    bool variadic;
    int cases = op_arity(op, &variadic) < 2 && !variadic ? DTYPES : DTYPES * DTYPES;
    for (int i = 0; i < cases; i++) {
        enum dtype as[] = { dtypes[i % DTYPES], dtypes[i / DTYPES] };
        const char *text = random_op_text_of(s, op, (uint64_t)i, as, 2);
        if (text)
            take(s, chains, &n, t, text, sum);
    }
    if (n && !chain_compile(chains, n, false))
        fail_msg("kernels of %s do not compile: %s", op->call.name, chain_why(s, 0));
    session_end(s);
}

static void every_op_on_every_dtype(void **state)
{
    (void)state;
    struct tally sum = { 0 };
    for (int i = 0; op_at(i); i++)
        take_op(op_at(i), target_find(targets[i % 2]), &sum);
    print_message("%d graphs of one op accepted, %d refused\n", sum.accepted, sum.refused);
    assert_true(sum.accepted > 300 && sum.refused > 300);
}

int main(void)
{
    signal(SIGABRT, show_and_die);
    signal(SIGSEGV, show_and_die);
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_op_on_every_dtype) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
