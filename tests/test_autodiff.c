/* autodiff as a pass and on the command line: what it refuses, sums of adjoints, the loss scale, what stays f32, and
   composites that are differentiated through their expansion. test_ops_grad has the records' own gradients. */
#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include <string.h>

#include "ir/ops/op.h"
#include "runtime/compiled.h"

static const char *const one_linear = "graph one\n"
                                      "dim B\n"
                                      "input x: f32[B, 6] where -1 <= x <= 1\n"
                                      "label t: f32[B, 4]\n"
                                      "weight w: float[4, 6]\n"
                                      "weight b: float[4]\n";

static struct graph *parsed(struct session *s, const char *text, struct gradients how)
{
    struct pass_ctx c = pass_ctx_for(s, target_find("gfx90a"));
    if (!(how.scale > 0))
        how.scale = 1;
    c.gradients = how;
    return compiled_parse(source_of_string(s, "one.graph", arena_printf(s->run, "%s%s", one_linear, text)), NULL, &c,
                          NULL);
}

static struct node *output(const struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_outs; i++)
        if (!strcmp(g->outs[i].name, name))
            return g->outs[i].node;
    fail_msg("no output %s", name);
    return NULL;
}

/* ---- what is refused ---- */
static void refuses(const char *text, const char *name, const char *error, const char *note)
{
    struct session *s = session_begin();
    const char *names[] = { name };
    struct gradients how = { .of_params = !name, .names = names, .n_names = name != NULL };
    assert_null(parsed(s, text, how));
    char said[4000] = "";
    for (size_t i = 0; i < s->n_diags; i++)
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", s->diags[i].text);
    if (!strstr(said, error) || (note && !strstr(said, note)))
        fail_msg("of %s it is said:\n%s", text, said);
    session_end(s);
}

static void what_has_no_gradient_is_refused_with_the_reason(void **state)
{
    (void)state;
    refuses("output y = linear(x, w, b)\n", NULL, "has no loss", "write loss = mse");
    refuses("output y = linear(x, w, b)\nloss = y\n", NULL, "the loss is one float, but this is float[B, 4]", NULL);
    refuses("y = linear(x, w, b)\nloss = mse(y, t)\n", "v", "no parameter or input of this name", NULL);
    refuses("y = linear(x, w, b)\nloss = mse(y, t)\n", "y", "parameters and float inputs, and y is neither", NULL);
    refuses("y = linear(x, w, b)\nloss = mse(t, t)\n", "w", "no gradient of the loss reaches w",
            "the loss does not depend on it");
    refuses("q = argmax(linear(x, w, b))\nloss = mean(cast(q, f32))\n", "w", "no gradient of the loss reaches w",
            "argmax passes no gradient");
    refuses("c = greater(linear(x, w, b), 0.0)\nloss = mean(cast(c, f32), axis=[0, 1])\n", "b",
            "no gradient of the loss reaches b", "greater passes no gradient");
    refuses("n = cast(linear(x, w, b), i32)\nloss = mean(cast(n, f32), axis=[0, 1])\n", "b",
            "no gradient of the loss reaches b", "this cast is i32[B, 4]");
}

/* ---- what is built ---- */
static void gradients_are_f32_outputs_beside_the_loss(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parsed(s, "output y = linear(x, w, b)\nloss = mse(y, t)\n",
                             (struct gradients){ .of_params = true, .scale = 256 });
    assert_non_null(g);
    assert_int_equal(g->n_outs, 4);
    assert_ptr_equal(output(g, "loss"), g->loss);
    const struct node *w = graph_find(g, "w");
    assert_int_equal(output(g, "grad:w")->type.dtype, DT_F32);
    assert_true(type_same_shape(&output(g, "grad:w")->type, &w->type));
    for (size_t i = 0; i < g->n_nodes; i++) /* nothing is left that nobody reads */
        if (!g->nodes[i]->name) {
            bool read = false;
            for (size_t k = i; k < g->n_nodes; k++)
                for (int j = 0; j < g->nodes[k]->n_in; j++)
                    read |= g->nodes[k]->in[j] == g->nodes[i];
            for (size_t k = 0; k < g->n_outs; k++)
                read |= g->outs[k].node == g->nodes[i];
            assert_true(read);
        }
    session_end(s);
}

/* The adjoint of a value that routing keeps in f32 is f32 too, through the softmax and back to the contraction. */
static void adjoints_of_the_routing_stay_f32(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct pass_ctx c = pass_ctx_for(s, target_find("sm_90"));
    c.gradients = (struct gradients){ .of_params = true, .scale = 1 };
    const struct source *src = source_read(s, SOURCE_DIR "/models/moe_softmax.graph");
    struct graph *g = compiled_parse(src, NULL, &c, NULL);
    struct compiled k;
    assert_true(g && compiled_passes(g, &c, NULL, &k));
    const struct node *n = output(k.after, "grad:router.weight");
    while (n->op->class != CLS_CONTRACT)
        n = n->in[0];
    assert_int_equal(n->compute, DT_F32);
    n = output(k.after, "grad:expert0.lin1.weight");
    while (n->op->class != CLS_CONTRACT)
        n = n->in[0];
    assert_int_equal(n->compute, DT_F16);
    session_end(s);
}

static int count_of(const struct graph *g, const char *op)
{
    int n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        n += op_is(g->nodes[i], op);
    return n;
}

/* A selection is not made again: backward reads the forward's index, also after cse. */
static void the_argmax_of_a_max_is_one_node(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parsed(s, "y = linear(x, w, b)\nm = max(y)\nn = max(y)\nloss = mean(m * n)\n",
                             (struct gradients){ .of_params = true });
    struct pass_ctx c = pass_ctx_for(s, target_find("gfx90a"));
    struct compiled k;
    assert_true(g && compiled_passes(g, &c, NULL, &k));
    assert_int_equal(count_of(k.after, "argmax"), 1);
    session_end(s);
}

/* Of what layernorm's gradient reads, the rows' means and deviations are stored and the normalised rows computed again:
   no f32 value of [B, H] moves. */
static void wide_rows_are_computed_again(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct pass_ctx c = pass_ctx_for(s, target_find("gfx90a"));
    c.gradients = (struct gradients){ .of_params = true, .scale = 1 };
    struct graph *g = compiled_parse(source_read(s, SOURCE_DIR "/models/dense.graph"), NULL, &c, NULL);
    struct compiled k;
    int again = 0;
    assert_true(g && compiled_passes(g, &c, NULL, &k));
    for (size_t i = 0; i < k.after->n_nodes; i++) {
        const struct node *n = k.after->nodes[i];
        int64_t width;
        bool wide = n->type.rank == 2 && !index_is_const(n->type.dim[0]) && index_const_value(n->type.dim[1], &width) &&
                    width > 20;
        assert_false(wide && n->materialised && n->storage == DT_F32);
        again += n->recomputed && n->group;
    }
    assert_true(again >= 6);
    session_end(s);
}

/* ---- on the command line ---- */
static const char *const shared = "graph shared\n"
                                  "dim B\n"
                                  "input x: f32[B, 8] where -1 <= x <= 1\n"
                                  "label t: f32[B, 8]\n"
                                  "weight w: float[8, 8]\n"
                                  "h = tanh(matmul(x, w, transpose_b=true))\n"
                                  "output y = matmul(h, w) + x\n"
                                  "loss = mse(y, t)\n";

/* No rows, no columns, and no depth: the products of the gradients have each of these. */
static const char *const empty = "graph empty\n"
                                 "input x: float[0, 0] where -2 <= x <= 2\n"
                                 "label t: f32[0, 20]\n"
                                 "output y = layernorm(linear(linear(x, 4), 20))\n"
                                 "loss = sum(y * t, axis=[0, 1])\n";

static void commands(void **state)
{
    (void)state;
    struct place place = enter_place();
    write_text("shared.graph", shared);
    command_expect("run shared.graph --backend cpu --grad --batch 3", 0, "grad:w", NULL);
    command_expect("run shared.graph --backend cpu --output grad:x=gx.npy --batch 3", 0, "gx.npy", NULL);
    command_expect("run shared.graph --backend cpu --output grad:u", 2, NULL, "no parameter or input of this name");
    command_expect("run shared.graph --backend cpu --grad --loss-scale 3", 2, NULL, "a power of two");
    command_expect("verify shared.graph --grad --device emu:gfx90a --batch 5", 0, "PASS", NULL);
    command_expect("verify shared.graph --grad --loss-scale 65536 --device emu:sm_90 --batch 33", 0, "PASS", NULL);
    write_text("empty.graph", empty);
    command_expect("verify empty.graph --grad --output grad:x --device emu:gfx90a", 0, "7 gradients, at most 0", NULL);
    command_expect("verify empty.graph --grad --device emu:sm_90 -v", 0, "grad:ln0.beta", NULL);
    command_expect("build shared.graph --grad", 0, "wrote", NULL);
    command_expect("verify --device emu --batch 4", 0, "grad:w", NULL);
    command_expect("print shared.graph --grad", 0, "output \"grad:w\"", NULL);
    leave_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_gradient_is_refused_with_the_reason),
        cmocka_unit_test(gradients_are_f32_outputs_beside_the_loss),
        cmocka_unit_test(adjoints_of_the_routing_stay_f32),
        cmocka_unit_test(the_argmax_of_a_max_is_one_node),
        cmocka_unit_test(wide_rows_are_computed_again),
        cmocka_unit_test(commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
