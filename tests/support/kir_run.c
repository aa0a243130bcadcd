#include "tests/support/kir_run.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/payload.h"
#include "codegen/print.h"
#include "codegen/spell.h"
#include "runtime/compile/compile.h"
#include "runtime/device/launch.h"
#include "tests/support/support.h"

static void must(struct session *s, bool good, const char *what)
{
    if (good)
        return;
    diags_print(s, 0, stderr, false);
    fail_msg("%s", what);
}

static const struct source *read_text(struct session *s, const char *name)
{
    const struct source *src = source_read(s, arena_printf(s->run, "%s/tests/kir/%s.kir", SOURCE_DIR, name));
    must(s, src != NULL, name);
    return src;
}

static struct kernel *parse_text(struct session *s, const struct source *src, const char *name)
{
    struct kernel *k = kernel_parse(s, src);
    must(s, k && kernel_verify(k), name);
    return k;
}

struct kernel *kir_read(struct session *s, const char *name) { return parse_text(s, read_text(s, name), name); }

struct kernel *kir_read_for(struct session *s, const char *name, const char *target)
{
    const char *text = read_text(s, name)->text;
    const char *head = strstr(text, "\nkernel ");
    const char *of = head ? strstr(head, " for ") : NULL;
    assert_non_null(of);
    of += strlen(" for ");
    text = arena_printf(s->run, "%.*s%s%s", (int)(of - text), text, target, of + strcspn(of, " \n"));
    return parse_text(s, source_of_string(s, name, text), name);
}

/* Values of dims, as graphs have them. */
static struct dim_values values_of(struct session *s, const struct kdim *dims)
{
    size_t n = 0;
    while (dims && dims[n].name)
        n++;
    struct dim_values v = { arena_array(s->run, const char *, n), arena_array(s->run, int64_t, n), n };
    for (size_t i = 0; i < n; i++) {
        v.names[i] = dims[i].name;
        v.values[i] = dims[i].value;
    }
    return v;
}

/* The emulator's module: prelude and kernels. */
static struct code compile_kernels(struct session *s, struct kernel *const *k, size_t n, bool checking)
{
    const char *text = spell_prelude(s, k[0]->target, checking ? SPELL_EMU_CHECKED : SPELL_EMU);
    struct code code = { 0 };
    for (size_t i = 0; i < n; i++)
        text = arena_printf(s->run, "%s%s\n", text, print_kernel(k[i]));
    must(s, compile_host(s, k[0]->target, text, checking, &code), text);
    return code;
}

/* The payload texts as a library of this process. */
static void *compile_payloads(struct session *s, struct kernel *const *k, size_t n, const char *prelude)
{
    char *dir = tmp_make();
    const char *source = arena_printf(s->run, "%s/payload.c", dir);
    const char *object = arena_printf(s->run, "%s/payload.so", dir);
    const char *cc = getenv("TOKIC_CC");
    FILE *f = fopen(source, "w");
    assert_non_null(f);
    fprintf(f, "#include <math.h>\n%s%s\n", spell_integers(s), prelude);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s\n", print_payload(s, k[i]));
    fclose(f);
    const char *command = arena_printf(s->run, "%s -std=gnu17 -O1 -w -ffp-contract=off -fPIC -shared '%s' -o '%s' -lm",
                                       cc && *cc ? cc : "cc", source, object);
    assert_int_equal(system(command), 0);
    void *lib = dlopen(object, RTLD_NOW);
    if (!lib)
        fail_msg("%s", dlerror());
    tmp_remove(dir);
    return lib;
}

struct kir_code kir_compile(struct session *s, struct kernel *const *k, size_t n, const char *prelude)
{
    return (struct kir_code){ .s = s,
                              .code = compile_kernels(s, k, n, true),
                              .payload = prelude ? compile_payloads(s, k, n, prelude) : NULL };
}

struct kir_code kir_compile_unchecked(struct session *s, struct kernel *const *k, size_t n)
{
    return (struct kir_code){ .s = s, .code = compile_kernels(s, k, n, false), .unchecked = true };
}

struct kir_code kir_compile_payload(struct session *s, struct kernel *const *k, size_t n, const char *prelude)
{
    return (struct kir_code){ .s = s, .payload = compile_payloads(s, k, n, prelude) };
}

struct code kir_compile_gpu(struct session *s, struct kernel *const *k, size_t n)
{
    const struct target *t = k[0]->target;
    const char *text = spell_prelude(s, t, spell_device(t));
    const char **names = arena_array(s->run, const char *, n);
    for (size_t i = 0; i < n; i++) {
        names[i] = k[i]->name;
        text = arena_printf(s->run, "%s%s\n", text, print_kernel(k[i]));
    }
    struct code code = { 0 };
    must(s, compile_gpu(s, t, text, names, n, &code), t->name);
    assert_int_equal(code.n_kernels, n);
    for (size_t i = 0; i < n; i++)
        if (code.kernels[i].spills > 0 || code.kernels[i].stack > 0)
            fail_msg("%s for %s: %d spills, %d bytes of stack: private memory is not in registers",
                     code.kernels[i].name, t->name, code.kernels[i].spills, code.kernels[i].stack);
    return code;
}

void kir_code_free(struct kir_code *c)
{
    if (c->payload)
        dlclose(c->payload);
}

bool kir_code_launch(const struct kir_code *c, const struct kernel *k, struct kbuf *bufs, const struct kdim *dims)
{
    struct session *s = c->s;
    struct device *d = emu_open(s, k->target, !c->unchecked, 1);
    must(s, d != NULL, "emu_open");
    struct module *m = d->ops->load(d, &c->code);
    must(s, m != NULL, "load");
    dptr p[32];
    struct launch_buffer at[32];
    assert_true(k->n_args <= 32);
    for (size_t i = 0; i < k->n_args; i++) {
        must(s, d->ops->alloc(d, bufs[i].bytes, &p[i]) && d->ops->copy_in(d, NULL, p[i], bufs[i].at, bufs[i].bytes),
             "copy_in");
        const struct kmem *mem = k->args[i];
        at[i] = (struct launch_buffer){ .name = mem->name,
                                        .at = p[i],
                                        .bytes = bufs[i].bytes,
                                        .written = mem->written,
                                        .read = mem->read,
                                        .elem = dtype_size(mem->dtype) };
    }
    struct dim_values v = values_of(s, dims);
    struct launch l = launch_of(s->run, k, p, &v);
    l.buffers = at;
    bool good = launch_now(d, m, &l) && d->ops->sync(d);
    for (size_t i = 0; i < k->n_args; i++) {
        must(s, d->ops->copy_out(d, NULL, bufs[i].at, p[i], bufs[i].bytes), "copy_out");
        d->ops->free(d, p[i]);
    }
    d->ops->close(d);
    return good;
}

void kir_code_payload(const struct kir_code *c, const struct kernel *k, void *const *bufs, const struct kdim *dims)
{
    void (*run)(void *const *, const long long *, const long long *);
    *(void **)&run = dlsym(c->payload, arena_printf(c->s->run, "%s_run", k->name));
    assert_non_null(run);
    long long d[8] = { 0 }, grid[3];
    struct dim_values v = values_of(c->s, dims);
    for (size_t i = 0; i < k->n_dims; i++)
        d[i] = dims_eval(&v, k->dims[i].sym);
    for (int i = 0; i < 3; i++)
        grid[i] = dims_eval(&v, k->grid[i]);
    run(bufs, d, grid);
}

size_t kir_code_steps(const struct kir_code *c, const struct kernel *k, const struct kdim *dims, struct kir_total *out,
                      size_t most)
{
    struct payload_total {
        char acc[32];
        int steps;
    } * totals;
    void (*finish)(const void *, long long);
    void (*begin)(void);
    int *n;
    *(void **)&begin = dlsym(c->payload, "p_begin");
    *(void **)&finish = dlsym(c->payload, "p_finish");
    *(void **)&totals = dlsym(c->payload, "p_totals");
    *(void **)&n = dlsym(c->payload, "p_n_totals");
    assert_true(begin && finish && totals && n);
    void *bufs[32];
    long long count[32];
    struct dim_values v = values_of(c->s, dims);
    for (size_t i = 0; i < k->n_args; i++) {
        count[i] = dims_eval(&v, k->args[i]->count);
        bufs[i] = calloc((size_t)count[i] + 1, 8);
        assert_non_null(bufs[i]);
    }
    begin();
    kir_code_payload(c, k, bufs, dims);
    for (size_t i = 0; i < k->n_args; i++) {
        if (dtype_is_float(k->args[i]->dtype))
            finish(bufs[i], count[i]);
        free(bufs[i]);
    }
    size_t found = 0;
    for (int i = 0; i < *n; i++)
        if (totals[i].steps) {
            assert_true(found < most);
            out[found++] = (struct kir_total){ totals[i].acc, totals[i].steps };
        }
    return found;
}

bool kir_launch(struct session *s, const struct kernel *k, struct kbuf *bufs, const struct kdim *dims)
{
    struct kernel *one = (struct kernel *)k;
    struct kir_code c = { .s = s, .code = compile_kernels(s, &one, 1, true) };
    return kir_code_launch(&c, k, bufs, dims);
}

void kir_emulate(struct session *s, const struct kernel *k, struct kbuf *bufs, const struct kdim *dims)
{
    must(s, kir_launch(s, k, bufs, dims), print_kernel(k));
}

void kir_payload(struct session *s, const struct kernel *k, const char *prelude, void *const *bufs,
                 const struct kdim *dims)
{
    struct kernel *one = (struct kernel *)k;
    struct kir_code c = { .s = s, .payload = compile_payloads(s, &one, 1, prelude) };
    kir_code_payload(&c, k, bufs, dims);
    kir_code_free(&c);
}

const char kir_doubles[] =
    "typedef double P;\n"
    "#define p_const(x) ((P)(x))\n#define p_unset() ((P)NAN)\n#define p_of_int(i) ((P)(i))\n"
    "#define p_to_i32 tk_i32_f64\n#define p_to_i64 tk_i64_f64\n"
    "#define p_to_f16(x) (x)\n#define p_to_bf16(x) (x)\n#define p_to_f32(x) (x)\n#define p_to_f64(x) (x)\n"
    "#define p_round_f16(x) (x)\n#define p_round_bf16(x) (x)\n"
    "#define p_add(a, b) ((a) + (b))\n#define p_sub(a, b) ((a) - (b))\n#define p_mul(a, b) ((a) * (b))\n#define "
    "p_div(a, b) ((a) / (b))\n"
    "#define p_neg(a) (-(a))\n"
    "#define p_fma(a, b, c) fma(a, b, c)\n#define p_abs(a) fabs(a)\n#define p_max(a, b) fmax(a, b)\n#define p_min(a, "
    "b) fmin(a, b)\n#define p_sqrt(a) sqrt(a)\n"
    "static tk_i32 p_order(P x) { float f = (float)x; tk_i32 i; __builtin_memcpy(&i, &f, 4); return f != f ? "
    "-2147483647 - 1 : i < 0 ? -2147483647 - 1 - i : i; }\n"
    "#define p_rint(a) rint(a)\n#define p_floor(a) floor(a)\n#define p_exp(a) exp(a)\n#define p_exp2(a) exp2(a)\n"
    "#define p_log(a) log(a)\n#define p_log2(a) log2(a)\n"
    "#define p_tanh(a) tanh(a)\n#define p_erf(a) erf(a)\n#define p_rsqrt(a) (1 / sqrt(a))\n#define p_sigmoid(a) (1 / "
    "(1 + exp(-(a))))\n"
    "#define p_sin(a) sin(a)\n#define p_cos(a) cos(a)\n#define p_log1p(a) log1p(a)\n"
    "#define p_eq(a, b) ((a) == (b))\n#define p_ne(a, b) ((a) != (b))\n#define p_lt(a, b) ((a) < (b))\n#define p_le(a, "
    "b) ((a) <= (b))\n"
    "#define p_gt(a, b) ((a) > (b))\n"
    "#define p_ge(a, b) ((a) >= (b))\n"
    "#define p_accumulate_sum(a, x) ((a) + (x))\n#define p_accumulate_max(a, x) fmax(a, x)\n#define "
    "p_accumulate_min(a, x) fmin(a, x)\n"
    "#define p_accumulate_fma(a, x, y) ((a) + (x) * (y))\n#define p_combine_sum(a, b) ((a) + (b))\n#define "
    "p_combine_max(a, b) fmax(a, b)\n"
    "#define p_accumulate_prod(a, x) ((a) * (x))\n#define p_combine_prod(a, b) ((a) * (b))\n"
    "#define p_combine_min(a, b) fmin(a, b)\n"
    "#define p_join_sum p_combine_sum\n#define p_join_max p_combine_max\n#define p_join_min p_combine_min\n"
    "#define p_join_prod p_combine_prod\n"
    "static P p_mma(P c, const P *a, const P *b, int n) { for (int i = 0; i < n; i++) c += a[i] * b[i]; return c; }\n";

/* An element is (0, 0); an accumulator that took n elements or blocks in sequence is (n, 0); two accumulators added are
   one level deeper. */
const char kir_counting[] =
    "typedef struct { int chain, depth; } P;\n"
    "static P p_const(double x) { return (P){ 0, 0 }; }\nstatic P p_unset(void) { return (P){ -1000000, 0 }; }\n"
    "static P p_of_int(tk_i64 i) { return (P){ 0, 0 }; }\n"
    "static P p_same(P x) { return x; }\n#define p_to_f16 p_same\n#define p_to_f32 p_same\n"
    "static P p_level(P a, P b) { return (P){ a.chain > b.chain ? a.chain : b.chain, (a.depth > b.depth ? "
    "a.depth : b.depth) + 1 }; }\n"
    "static P p_accumulate_sum(P a, P x) { return x.chain || a.depth ? p_level(a, x) : (P){ a.chain + 1, 0 }; }\n"
    "static P p_accumulate_fma(P a, P x, P y) { return p_accumulate_sum(a, (P){ 0, 0 }); }\n#define "
    "p_combine_sum p_level\n"
    "static P p_accumulate_max(P a, P x) { return a; }\n#define p_combine_max p_accumulate_max\n"
    "#define p_join_sum p_accumulate_sum\n#define p_join_max p_accumulate_max\n"
    "#define p_accumulate_prod p_accumulate_max\n#define p_combine_prod p_accumulate_max\n#define p_join_prod "
    "p_accumulate_max\n"
    "static P p_add(P a, P b) { return a; }\n#define p_max p_add\n"
    "static P p_mma(P c, const P *a, const P *b, int n)\n"
    "{ for (int i = 0; i < n; i++) if (a[i].chain || b[i].chain) c.chain = -1000000; return (P){ c.chain + 1, "
    "c.depth }; }\n";

/* An accumulator's value keeps its number wherever it is copied; an addition to it of a value with the same number
   joins two parts of one sum, of any other adds a term. */
const char kir_steps[] =
    "#include <string.h>\ntypedef struct { int steps, acc; } P;\n"
    "struct { char acc[32]; int steps; } p_totals[1024]; int p_n_totals = 1;\n"
    "void p_begin(void) { for (int i = 0; i < p_n_totals; i++) p_totals[i].steps = 0; }\n"
    "static int p_number(const char *text) { int n = (int)strcspn(text, \"[\"); for (int i = 1; i < p_n_totals; i++)\n"
    "if (!strncmp(p_totals[i].acc, text, n) && !p_totals[i].acc[n]) return i; memcpy(p_totals[p_n_totals].acc, text, "
    "n);\n"
    "return p_n_totals++; }\n"
    "static void p_total(P a) { if (a.steps > p_totals[a.acc].steps) p_totals[a.acc].steps = a.steps; }\n"
    "void p_finish(const P *a, tk_i64 n) { for (tk_i64 i = 0; i < n; i++) p_total(a[i]); }\n"
    "static P p_const(double x) { return (P){ 0, 0 }; }\nstatic P p_unset(void) { return (P){ 0, 0 }; }\n"
    "static P p_of_int(tk_i64 i) { return (P){ 0, 0 }; }\n"
    "static P p_use1(P a) { p_total(a); return (P){ 0, 0 }; }\n"
    "static P p_use2(P a, P b) { p_total(a); return p_use1(b); }\n"
    "static P p_use3(P a, P b, P c) { p_total(a); return p_use2(b, c); }\n"
    "static int p_test(P a, P b) { p_use2(a, b); return 0; }\n"
    "#define p_to_f16(x) (x)\n#define p_to_bf16(x) (x)\n#define p_to_f32(x) (x)\n#define p_to_f64(x) (x)\n"
    "#define p_to_i32(a) (p_use1(a), 0)\n#define p_to_i64 p_to_i32\n#define p_order(a) (p_use1(a), 0)\n"
    "#define p_round_f16 p_use1\n#define p_round_bf16 p_use1\n#define p_add p_use2\n#define p_sub p_use2\n"
    "#define p_mul p_use2\n#define p_div p_use2\n#define p_mod p_use2\n#define p_max p_use2\n#define p_min p_use2\n"
    "#define p_neg p_use1\n#define p_abs p_use1\n#define p_sqrt p_use1\n#define p_rint p_use1\n"
    "#define p_floor p_use1\n#define p_exp p_use1\n#define p_exp2 p_use1\n#define p_log p_use1\n#define p_log2 "
    "p_use1\n"
    "#define p_tanh p_use1\n#define p_erf p_use1\n#define p_rsqrt p_use1\n#define p_sigmoid p_use1\n#define p_sin "
    "p_use1\n#define p_cos p_use1\n#define p_log1p p_use1\n#define p_fma "
    "p_use3\n"
    "#define p_eq p_test\n#define p_ne p_test\n#define p_lt p_test\n#define p_le p_test\n#define p_gt p_test\n#define "
    "p_ge p_test\n"
    "static P p_join(P a, P b) { return (P){ (a.steps > b.steps ? a.steps : b.steps) + 1, a.acc > b.acc ? a.acc : "
    "b.acc "
    "}; }\n"
    "static P p_take(P a, P x, int acc) { if (x.acc == acc) return p_join(a, x); p_total(x); return (P){ a.steps + 1, "
    "acc }; }\n"
    "#define P_NUMBER(a) ({ static int number_; if (!number_) number_ = p_number(a); number_; })\n"
    "#define p_accumulate_sum(a, x) p_take(a, x, P_NUMBER(#a))\n#define p_accumulate_max p_accumulate_sum\n#define "
    "p_accumulate_min p_accumulate_sum\n#define p_accumulate_prod p_accumulate_sum\n"
    "#define p_accumulate_fma(a, x, y) p_take(a, p_use2(x, y), P_NUMBER(#a))\n"
    "#define p_combine_sum p_join\n#define p_combine_max p_join\n#define p_combine_min p_join\n"
    "#define p_join_sum p_accumulate_sum\n#define p_join_max p_accumulate_sum\n#define p_join_min p_accumulate_sum\n"
    "#define p_combine_prod p_join\n#define p_join_prod p_accumulate_sum\n"
    "static P p_mma(P c, const P *a, const P *b, int n) { for (int i = 0; i < n; i++) p_use2(a[i], b[i]);\n"
    "return (P){ c.steps + 1, P_NUMBER(\"mma\") }; }\n";
