/* What a graph is run on: dims from files, draws, and every way in which files can fail to fit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

#include "ir/graph/graph.h"
#include "runtime/bind.h"
#include "runtime/draw.h"
#include "runtime/format/npy.h"
#include "runtime/format/safetensors.h"

static const char *const two_layers = "graph g\n"
                                      "dim B\n"
                                      "input x: f32[B, 6] where -2 <= x <= 3\n"
                                      "input t: i64[B] where 1 <= t <= 4\n"
                                      "label y: f32[B, 3]\n"
                                      "h = layernorm(linear(x, 5))\n"
                                      "output z = linear(h, 3)\n"
                                      "used = cast(t, f32)\n"
                                      "loss = mse(z, y)\n";

struct place {
    struct session *s;
    char *dir;
    struct graph *g;
};

static struct place begin(const char *text)
{
    struct place p = { session_begin(), tmp_make(), NULL };
    p.g = graph_parse(p.s, source_of_string(p.s, "t.graph", text), &(struct graph_options){ 0 });
    if (!p.g)
        diags_print(p.s, 0, stderr, false);
    assert_non_null(p.g);
    return p;
}

static void end(struct place *p)
{
    session_end(p->s);
    tmp_remove(p->dir);
}

static const struct bind_options plain = { .batch = -1, .seed = 42 };

static const char *path_of(struct place *p, const char *name) { return arena_printf(p->s->run, "%s/%s", p->dir, name); }

/* Writes NAME.npy filled with one value and gives the option for it. */
static const char *file_of(struct place *p, const char *name, enum dtype t, int rank, const int64_t *dim, double value)
{
    struct tensor *x = tensor_new(p->s->run, t, rank, dim);
    for (int64_t i = 0; i < tensor_count(x); i++)
        tensor_set(x, i, value);
    const char *path = path_of(p, arena_printf(p->s->run, "%s.npy", name));
    assert_true(npy_write(p->s, path, x));
    return arena_printf(p->s->run, "%s=%s", name, path);
}

#define DIMS(...)                                                                                                      \
    (const int64_t[]) { __VA_ARGS__ }

static struct binding *good(struct place *p, const struct bind_options *o)
{
    struct binding *b = bind_sources(p->s, p->g, o);
    if (!b)
        diags_print(p->s, 0, stderr, false);
    assert_non_null(b);
    return b;
}

/* Binding fails, and some diagnostic has the text. */
static void bad(struct place *p, const struct bind_options *o, enum fail why, const char *text)
{
    int errors = p->s->n_errors;
    size_t from = p->s->n_diags;
    assert_null(bind_sources(p->s, p->g, o));
    assert_true(p->s->n_errors > errors);
    assert_int_equal(p->s->diags[from].fail, why);
    for (size_t i = from; i < p->s->n_diags; i++)
        if (strstr(p->s->diags[i].text, text))
            return;
    diags_print(p->s, from, stderr, false);
    fail_msg("no diagnostic says '%s'", text);
}

static void ask(struct place *p, const char *name)
{
    assert_true(graph_add_output(p->g, name, graph_find(p->g, name)));
}

/* ---- draws ---- */

static void draws_are_by_name_and_seed(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    ask(&p, "used");
    const struct binding *b = good(&p, &plain);
    const struct tensor *x = binding_find(b, "x");
    const struct tensor *t = binding_find(b, "t");
    assert_int_equal(x->dtype, DT_F32);
    assert_int_equal(x->dim[0], 128);
    for (int64_t i = 0; i < tensor_count(x); i++) {
        float want = (float)(-2 + 5 * (double)draw_unit(42, "x", (uint64_t)i));
        assert_memory_equal(&((const float *)x->data)[i], &want, sizeof want);
    }
    bool seen[8] = { 0 };
    assert_int_equal(t->dtype, DT_I64);
    for (int64_t i = 0; i < tensor_count(t); i++) {
        assert_in_range(tensor_get_i64(t, i), 1, 4);
        seen[tensor_get_i64(t, i)] = true;
    }
    for (int k = 1; k <= 4; k++)
        assert_true(seen[k]);
    end(&p);
}

/* Large tensors are drawn by threads: no element may know it. */
static void threads_do_not_show(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B\ninput x: f32[B, 4096]\noutput y = neg(x)\n");
    const struct binding *b = good(&p, &(struct bind_options){ .batch = 300, .seed = 7 });
    const struct tensor *x = binding_find(b, "x");
    for (int64_t i = 0; i < tensor_count(x); i += 997)
        assert_true(((const float *)x->data)[i] == draw_unit(7, "x", (uint64_t)i));
    end(&p);
}

static void range_of(const struct tensor *t, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int64_t i = 0; i < tensor_count(t); i++) {
        *lo = fmin(*lo, tensor_get(t, i));
        *hi = fmax(*hi, tensor_get(t, i));
    }
}

static void parameters_by_init(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B\ninput x: f32[B, 64]\noutput z = layernorm(linear(x, 256))\n");
    for (int judge = 0; judge < 2; judge++) {
        const struct binding *b =
            good(&p, &(struct bind_options){ .batch = 1, .seed = 1, .init = judge ? INIT_JUDGE : INIT_TRAIN });
        double lo, hi;
        range_of(binding_find(b, "lin0.weight"), &lo, &hi);
        assert_true(lo >= -0.125 && lo < -0.12 && hi <= 0.125 && hi > 0.12);
        range_of(binding_find(b, "lin0.bias"), &lo, &hi);
        assert_true(judge ? lo >= -0.5 && lo < -0.4 && hi > 0.4 && hi <= 0.5 : lo == 0 && hi == 0);
        range_of(binding_find(b, "ln0.beta"), &lo, &hi);
        assert_true(judge ? lo >= -0.5 && lo < -0.4 && hi > 0.4 && hi <= 0.5 : lo == 0 && hi == 0);
        range_of(binding_find(b, "ln0.gamma"), &lo, &hi);
        assert_true(judge ? lo >= 0.5 && lo < 0.6 && hi > 1.4 && hi <= 1.5 : lo == 1 && hi == 1);
    }
    end(&p);
}

static void only_what_outputs_need(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    const struct binding *b = good(&p, &plain);
    assert_non_null(binding_find(b, "x"));
    assert_null(binding_find(b, "y"));
    assert_null(binding_find(b, "t"));
    *arena_push(p.g->arena, p.g->outs, p.g->n_outs, p.g->cap_outs) = (struct graph_out){ "loss", p.g->loss, NOWHERE };
    b = good(&p, &plain);
    assert_non_null(binding_find(b, "y"));
    assert_null(binding_find(b, "t"));
    end(&p);
}

static void impossible_draws_are_errors(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B\ninput t: i64[B] where 0.2 <= t <= 0.8\noutput z = cast(t, f32)\n");
    bad(&p, &plain, FAIL_INPUT, "t cannot be drawn");
    end(&p);
    p = begin("graph g\ndim B\ninput x: f32[B, 1000]\noutput z = neg(x)\n");
    bad(&p, &(struct bind_options){ .batch = 2147483647 }, FAIL_INPUT, "too large");
    bad(&p, &(struct bind_options){ .batch = 1000000000 }, FAIL_INPUT, "GiB");
    end(&p);
}

/* ---- dims ---- */

static void dims_from_files_batch_or_128(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    const char *x = file_of(&p, "x", DT_F32, 2, DIMS(9, 6), 0.5);
    assert_int_equal(good(&p, &plain)->dims.values[0], 128);
    assert_int_equal(good(&p, &(struct bind_options){ .batch = 17 })->dims.values[0], 17);
    assert_int_equal(good(&p, &(struct bind_options){ .batch = 0 })->dims.values[0], 0);
    const struct binding *b = good(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 });
    assert_int_equal(b->dims.values[0], 9);
    assert_true(tensor_get(binding_find(b, "x"), 3) == 0.5);
    assert_int_equal(good(&p, &(struct bind_options){ .batch = 9, .inputs = &x, .n_inputs = 1 })->dims.values[0], 9);
    bad(&p, &(struct bind_options){ .batch = 8, .inputs = &x, .n_inputs = 1 }, FAIL_INPUT,
        "--batch 8 disagrees with the files: B = 9");
    end(&p);
}

/* --batch is the first dim that the graph declares; --dim is any. */
static void dims_by_name(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B, T\ninput x: f32[B, T]\ninput y: f32[T, 3]\noutput z = matmul(x, y)\n");
    const char *t64[] = { "T=64" };
    const char *both[] = { "T=0", "B=5", "T=0" };
    const char *y = file_of(&p, "y", DT_F32, 2, DIMS(9, 3), 0.5);
    static const struct {
        const char *dims[2];
        int64_t batch;
        enum fail fail;
        const char *says;
    } wrong[] = {
        { { "S=3" }, -1, FAIL_USAGE, "--dim S=3: graph g has no symbolic dim S (it has: B, T)" },
        { { "T" }, -1, FAIL_USAGE, "NAME=VALUE is needed, as in --dim T=64" },
        { { "T=" }, -1, FAIL_USAGE, "NAME=VALUE is needed" },
        { { "=3" }, -1, FAIL_USAGE, "NAME=VALUE is needed" },
        { { "T=3x" }, -1, FAIL_USAGE, "NAME=VALUE is needed" },
        { { "T=-1" }, -1, FAIL_USAGE, "a dim is a number from 0 to 2147483647" },
        { { "T=2147483648" }, -1, FAIL_USAGE, "a dim is a number from 0 to 2147483647" },
        { { "T=3", "T=4" }, -1, FAIL_USAGE, "--dim T=3 and --dim T=4 contradict each other" },
        { { "B=3" }, 4, FAIL_USAGE, "--dim B=3 and --batch 4 contradict each other" },
    };
    const struct binding *b = good(&p, &(struct bind_options){ .batch = 7 });
    assert_true(b->dims.values[0] == 7 && b->dims.values[1] == 128);
    b = good(&p, &(struct bind_options){ .batch = 7, .dims = t64, .n_dims = 1 });
    assert_true(b->dims.values[0] == 7 && b->dims.values[1] == 64);
    b = good(&p, &(struct bind_options){ .batch = 5, .dims = both, .n_dims = 3 });
    assert_true(b->dims.values[0] == 5 && b->dims.values[1] == 0);
    bad(&p, &(struct bind_options){ .batch = -1, .dims = t64, .n_dims = 1, .inputs = &y, .n_inputs = 1 }, FAIL_INPUT,
        "--dim T=64 disagrees with the files: T = 9, since y in ");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        bad(&p,
            &(struct bind_options){
                .batch = wrong[i].batch, .dims = wrong[i].dims, .n_dims = wrong[i].dims[1] ? 2 : 1 },
            wrong[i].fail, wrong[i].says);
    end(&p);
}

static void files_that_disagree_are_both_named(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    const char *in[] = { file_of(&p, "x", DT_F32, 2, DIMS(9, 6), 0.5), file_of(&p, "y", DT_F32, 2, DIMS(8, 3), 0) };
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = in, .n_inputs = 2 }, FAIL_INPUT,
        "the files disagree about B: 9, since x in ");
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = in, .n_inputs = 2 }, FAIL_INPUT, "and 8, since y in ");
    end(&p);
}

/* A dim inside an expression is solved for; what has no solution is a wrong shape. */
static void dims_inside_expressions(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B\ninput x: f32[2*B+1, 4]\noutput z = neg(x)\n");
    const char *x = file_of(&p, "x", DT_F32, 2, DIMS(11, 4), 0);
    assert_int_equal(good(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 })->dims.values[0], 5);
    x = file_of(&p, "x", DT_F32, 2, DIMS(10, 4), 0);
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_INPUT,
        "but the graph takes f32[2*B + 1, 4]");
    end(&p);
}

static void batch_without_a_dim(void **state)
{
    (void)state;
    struct place p = begin("graph g\ninput x: f32[3, 4]\noutput z = neg(x)\n");
    assert_non_null(good(&p, &plain));
    bad(&p, &(struct bind_options){ .batch = 3 }, FAIL_USAGE, "has no symbolic dim");
    end(&p);
}

/* ---- files ---- */

static void wrong_files(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    const char *x = file_of(&p, "x", DT_F32, 2, DIMS(9, 7), 0.5);
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_INPUT,
        "is f32[9, 7], but the graph takes f32[B, 6]");
    x = file_of(&p, "x", DT_F32, 1, DIMS(54), 0.5);
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_INPUT,
        "is f32[54], but the graph takes f32[B, 6]");
    x = "x";
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_USAGE, "NAME=FILE.npy is needed");
    x = "x=/nonexistent/x.npy";
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_INPUT, "/nonexistent/x.npy");
    x = "xx=a.npy";
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_USAGE, "did you mean x?");
    x = "lin0.bias=a.npy";
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_USAGE,
        "parameters come from --weights");
    const char *twice[] = { file_of(&p, "x", DT_F32, 2, DIMS(9, 6), 0.5), "x=other.npy" };
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = twice, .n_inputs = 2 }, FAIL_USAGE, "x was given before");
    end(&p);
}

static void values_outside_where(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    struct tensor *x = tensor_new(p.s->run, DT_F64, 2, DIMS(2, 6));
    const char *path = path_of(&p, "v.npy");
    const char *option = arena_printf(p.s->run, "x=%s", path);
    const struct bind_options o = { .batch = -1, .inputs = &option, .n_inputs = 1 };
    static const struct {
        double value;
        bool fits;
    } cases[] = { { 3, true }, { -2, true }, { 3.001, false }, { -2.001, false }, { NAN, false }, { INFINITY, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tensor_set(x, 9, cases[i].value);
        assert_true(npy_write(p.s, path, x));
        if (cases[i].fits)
            good(&p, &o);
        else
            bad(&p, &o, FAIL_INPUT, "x[1, 3] is ");
    }
    end(&p);
}

/* A range of f32 numbers holds for a file of f32 numbers also where its end is not one: 0.1 is stored a little above.
   */
static void ends_of_ranges_round_as_the_file(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B\ninput x: f32[B] where 0 <= x <= 0.1\noutput z = neg(x)\n");
    const char *x = file_of(&p, "x", DT_F32, 1, DIMS(3), 0.1);
    good(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 });
    x = file_of(&p, "x", DT_F64, 1, DIMS(3), nextafter(0.1, 1));
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 }, FAIL_INPUT,
        "outside of its range 0 .. 0.1");
    end(&p);
}

/* NaN is data where no range forbids it; --check asks for finite values. */
static void check_asks_for_finite_values(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B\ninput x: f32[B]\noutput z = neg(x)\n");
    const char *x = file_of(&p, "x", DT_F32, 1, DIMS(3), NAN);
    good(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1 });
    bad(&p, &(struct bind_options){ .batch = -1, .inputs = &x, .n_inputs = 1, .check = true }, FAIL_INPUT,
        "x[0] is nan, not finite");
    end(&p);
}

static void dtypes_of_files(void **state)
{
    (void)state;
    struct place p = begin("graph g\ndim B\ninput x: f32[B]\ninput h: f16[B]\ninput t: i32[B]\ninput m: bool[B]\n"
                           "output a = neg(x)\noutput b = neg(h)\noutput c = cast(t, f32)\noutput d = cast(m, f32)\n");
    struct {
        const char *name;
        enum dtype file;
        double value;
        bool fits;
        enum dtype bound;
    } cases[] = {
        { "x", DT_F64, 0.1, true, DT_F64 },   { "x", DT_F16, 0.5, true, DT_F16 },
        { "x", DT_I64, 7, true, DT_F64 },     { "x", DT_F64, 1e300, false, DT_F64 },
        { "h", DT_F32, 65504, true, DT_F32 }, { "h", DT_F32, 65536, false, DT_F32 },
        { "t", DT_F32, 5, true, DT_I32 },     { "t", DT_F32, 5.5, false, DT_I32 },
        { "t", DT_I64, 5e9, false, DT_I32 },  { "m", DT_I32, 1, true, DT_BOOL },
        { "m", DT_I32, 2, false, DT_BOOL },   { "m", DT_BOOL, 1, true, DT_BOOL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *in = file_of(&p, cases[i].name, cases[i].file, 1, DIMS(4), cases[i].value);
        const struct bind_options o = { .batch = -1, .inputs = &in, .n_inputs = 1 };
        if (!cases[i].fits) {
            bad(&p, &o, FAIL_INPUT, cases[i].name);
            continue;
        }
        const struct tensor *t = binding_find(good(&p, &o), cases[i].name);
        assert_int_equal(t->dtype, cases[i].bound);
        assert_true(tensor_get(t, 3) == cases[i].value);
    }
    end(&p);
}

/* ---- weights ---- */

static void weights_round_trip(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    const struct binding *b = good(&p, &(struct bind_options){ .batch = 2, .seed = 5, .init = INIT_JUDGE });
    const struct tensor_list *list = binding_weights(p.s, p.g, b);
    static const char *const order[] = {
        "lin0.weight", "lin0.bias", "ln0.gamma", "ln0.beta", "lin1.weight", "lin1.bias"
    };
    assert_int_equal(list->n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(list->items[i].name, order[i]);
    const char *path = path_of(&p, "w.safetensors");
    assert_true(safetensors_write(p.s, path, list));
    const struct binding *again = good(&p, &(struct bind_options){ .batch = 2, .seed = 6, .weights = path });
    for (size_t i = 0; i < 6; i++) {
        const struct tensor *t = binding_find(again, order[i]);
        assert_int_equal(t->bytes, list->items[i].tensor.bytes);
        assert_memory_equal(t->data, list->items[i].tensor.data, t->bytes);
    }
    end(&p);
}

/* Every name that does not fit is said at once. */
static void weights_that_do_not_fit(void **state)
{
    (void)state;
    struct place p = begin(two_layers);
    struct named_tensor items[] = {
        { "lin0.weight", *tensor_new(p.s->run, DT_F32, 2, DIMS(5, 6)) },
        { "lin0.bias", *tensor_new(p.s->run, DT_F32, 1, DIMS(4)) },
        { "ln0.gamma", *tensor_new(p.s->run, DT_F32, 2, DIMS(5, 1)) },
        { "other", *tensor_new(p.s->run, DT_F32, 1, DIMS(1)) },
        { "lin1.bias", *tensor_new(p.s->run, DT_F32, 1, DIMS(3)) },
        { "more", *tensor_new(p.s->run, DT_F32, 1, DIMS(1)) },
    };
    struct tensor_list list = { items, 6 };
    const char *path = path_of(&p, "w.safetensors");
    assert_true(safetensors_write(p.s, path, &list));
    const struct bind_options o = { .batch = -1, .weights = path };
    bad(&p, &o, FAIL_INPUT, "does not hold the parameters of graph g");
    bad(&p, &o, FAIL_INPUT, "missing in the file: ln0.beta, lin1.weight");
    bad(&p, &o, FAIL_INPUT, "not in the graph: other, more");
    bad(&p, &o, FAIL_INPUT,
        "lin0.bias is f32[4] where float[5] is needed, ln0.gamma is f32[5, 1] where float[5] is needed");
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_by_name_and_seed),
        cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(parameters_by_init),
        cmocka_unit_test(only_what_outputs_need),
        cmocka_unit_test(impossible_draws_are_errors),
        cmocka_unit_test(dims_from_files_batch_or_128),
        cmocka_unit_test(dims_by_name),
        cmocka_unit_test(files_that_disagree_are_both_named),
        cmocka_unit_test(dims_inside_expressions),
        cmocka_unit_test(batch_without_a_dim),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(values_outside_where),
        cmocka_unit_test(ends_of_ranges_round_as_the_file),
        cmocka_unit_test(check_asks_for_finite_values),
        cmocka_unit_test(dtypes_of_files),
        cmocka_unit_test(weights_round_trip),
        cmocka_unit_test(weights_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
