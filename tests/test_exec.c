/* A program on a device: what is prepared once runs any number of times, launch by launch, in any order that its edges
   allow, and recorded as a whole, always to the same bits; what a device could not launch is refused when it is opened.
   The emulator's streams, events and recordings. */
#include "tests/support/support.h"

#include <string.h>

#include "tests/support/chain.h"
#include "tests/support/edges.h"

static const char sums[] = "graph sums\n"
                           "dim B\n"
                           "input x: f32[B, 3000] where -1 <= x <= 1\n"
                           "h = gelu(layernorm(linear(x, 64)))\n"
                           "output y = softmax(linear(h, 8))\n"
                           "output z = sum(x * 2.0, axis=[0, 1])\n"
                           "output m = mean(x, axis=0) + z\n";

struct rig {
    struct session *s;
    struct chain *c;
    struct device *d;
    struct exec *e;
};

static struct rig rig_open(const char *target, bool checking, int64_t batch)
{
    struct rig r = { .s = session_begin() };
    const struct target *t = target_find(target);
    r.c = chain_new(r.s, t, source_of_string(r.s, "sums", sums), NULL);
    r.d = r.c && chain_compile(&r.c, 1, checking) ? emu_open(r.s, t, checking, 2) : NULL;
    struct binding *b = r.d ? chain_bind(r.c, batch, 42) : NULL;
    r.e = b ? exec_open(r.s, r.c->program, r.d, &r.c->code, b) : NULL;
    if (!r.e)
        fail_msg("%s", chain_why(r.s, 0));
    return r;
}

static void rig_close(struct rig *r)
{
    exec_close(r->e);
    r->d->ops->close(r->d);
    session_end(r->s);
}

/* All outputs, one after the other; what is read is then overwritten, so that the next run has to write it again. */
static unsigned char *take_outputs(struct rig *r, size_t *bytes)
{
    unsigned char *all = arena_alloc(r->s->run, 1 << 20);
    *bytes = 0;
    for (size_t i = 0; i < r->c->after->n_outs; i++) {
        const struct node *n = r->c->after->outs[i].node;
        const struct tensor *t = exec_read(r->e, n, r->s->run);
        assert_non_null(t);
        assert_true(*bytes + t->bytes <= 1 << 20);
        memcpy(all + *bytes, t->data, t->bytes);
        *bytes += t->bytes;
        assert_true(exec_forget(r->e, n->group));
    }
    return all;
}

static void every_way_to_run_gives_the_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct rig r = rig_open(i / 2 ? "sm_90" : "gfx90a", i % 2, 5);
        size_t bytes;
        size_t n;
        assert_true(exec_run(r.e));
        const unsigned char *want = take_outputs(&r, &bytes);
        assert_true(bytes > 3000);
        for (int k = 0; k < 3; k++) {
            assert_true(exec_run(r.e));
            assert_memory_equal(take_outputs(&r, &n), want, bytes);
        }
        for (size_t k = 0; k < r.c->program->n_launches; k++)
            assert_true(exec_launch(r.e, k));
        assert_memory_equal(take_outputs(&r, &n), want, bytes);
        for (size_t k = 0; k < r.c->after->n_groups; k++)
            assert_true(exec_group(r.e, r.c->after->groups[k]));
        assert_memory_equal(take_outputs(&r, &n), want, bytes);
        assert_true(exec_capture(r.e));
        assert_true(exec_forget(r.e, r.c->after->outs[0].node->group));
        for (int k = 0; k < 3; k++) {
            assert_true(exec_submit(r.e) && exec_sync(r.e));
            assert_memory_equal(take_outputs(&r, &n), want, bytes);
        }
        rig_close(&r);
    }
}

/* Nothing of a launch is looked at again once it is prepared. */
static void launches_are_prepared_once(void **state)
{
    (void)state;
    struct rig r = rig_open("sm_90", false, 5);
    size_t bytes;
    size_t n;
    assert_true(exec_run(r.e));
    const unsigned char *want = take_outputs(&r, &bytes);
    for (size_t i = 0; i < r.c->program->n_launches; i++) {
        r.c->program->launches[i].args = NULL;
        r.c->program->launches[i].k = NULL;
    }
    assert_true(exec_run(r.e));
    assert_memory_equal(take_outputs(&r, &n), want, bytes);
    rig_close(&r);
}

/* ---- refusals ---- */

static struct exec *paper_exec(struct session *s, const char *target, const char *text, int64_t batch,
                               void (*change)(struct program *p))
{
    const struct target *t = target_find(target);
    struct chain *c = chain_new(s, t, source_of_string(s, "limits.graph", text), NULL);
    if (!c)
        fail_msg("%s", chain_why(s, 0));
    if (change)
        change(c->program);
    struct binding *b = chain_bind(c, batch, 42);
    return exec_open(s, c->program, paper_open(s, t), &c->code, b);
}

static void expect_refused(const char *target, const char *text, int64_t batch, void (*change)(struct program *p),
                           const char *words)
{
    struct session *s = session_begin();
    assert_null(paper_exec(s, target, text, batch, change));
    if (s->n_errors != 1 || !strstr(s->diags[0].text, words))
        fail_msg("\"%s\" is not in: %s", words, chain_why(s, 0));
    assert_int_equal(s->fail, FAIL_INPUT);
    assert_true(s->diags[0].loc.line >= 1 && !strcmp(s->diags[0].loc.src->name, "limits.graph"));
    session_end(s);
}

static const char batched[] = "graph batched\n"
                              "dim B\n"
                              "input a: f16[B, 16, 16] where 0 <= a <= 1\n"
                              "input b: f16[B, 16, 16] where 0 <= b <= 1\n"
                              "output y = matmul(a, b)\n";

static void grow_block(struct program *p) { ((struct kernel *)p->launches[0].k)->block = 2048; }
static void grow_shared(struct program *p) { ((struct kernel *)p->launches[0].k)->shared_bytes = 300 << 10; }
static void grow_grid(struct program *p)
{
    struct index_table *t = p->s->indices;
    ((struct kernel *)p->launches[0].k)->grid[0] = index_mulk(t, index_sym(t, "B"), (int64_t)1 << 30);
}

static void grow_grid_z(struct program *p)
{
    struct index_table *t = p->s->indices;
    ((struct kernel *)p->launches[0].k)->grid[2] = index_mulk(t, index_sym(t, "B"), 256);
}

static void what_a_device_cannot_launch_is_refused(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct exec *e = paper_exec(s, "sm_90", batched, 65536, NULL);
    assert_non_null(e);
    exec_close(e);
    e = paper_exec(s, "sm_90", batched, 1, grow_grid);
    assert_non_null(e);
    exec_close(e);
    session_end(s);
    expect_refused("sm_90", batched, 256, grow_grid_z, "needs a grid of 256 x 1 x 65536 blocks");
    expect_refused("gfx90a", batched, 256, grow_grid_z, "takes 2147483647 x 65535 x 65535");
    expect_refused("sm_90", batched, 2, grow_grid, "needs a grid of 2147483648 x 1 x 1 blocks");
    expect_refused("gfx90a", batched, 1, grow_grid, "needs 1073741824 blocks of");
    expect_refused("sm_90", batched, 2, grow_block, "has 2048 work-items per block");
    expect_refused("sm_90", batched, 2, grow_shared, "uses 307200 bytes of shared memory");
}

/* ---- streams of the emulator ---- */

/* Work on plain memory: no kernel is needed. */
struct bench {
    struct session *s;
    struct device *d;
    dptr x, y;
    float host[64], back[64];
};

static struct bench bench_open(void)
{
    struct bench b = { .s = session_begin() };
    b.d = emu_open(b.s, target_find("sm_90"), true, 1);
    assert_true(b.d->ops->alloc(b.d, sizeof b.host, &b.x) && b.d->ops->alloc(b.d, sizeof b.host, &b.y));
    for (int i = 0; i < 64; i++)
        b.host[i] = (float)i;
    return b;
}

static void bench_close(struct bench *b)
{
    b->d->ops->close(b->d);
    session_end(b->s);
}

static void expect_back(struct bench *b, dptr from, float factor)
{
    assert_true(b->d->ops->copy_out(b->d, NULL, b->back, from, sizeof b->back));
    for (int i = 0; i < 64; i++)
        assert_true(b->back[i] == factor * b->host[i]);
}

static void recordings_are_done_when_submitted(void **state)
{
    (void)state;
    struct bench b = bench_open();
    const struct device_ops *ops = b.d->ops;
    struct stream *st = ops->stream_new(b.d);
    struct stream *other = ops->stream_new(b.d);
    struct event *ev = ops->event_new(b.d);
    assert_true(ops->capture_begin(b.d, st));
    assert_true(ops->copy_in(b.d, st, b.x, b.host, sizeof b.host) && ops->event_record(b.d, ev, st) &&
                ops->event_wait(b.d, ev, other) && ops->copy(b.d, other, b.y, b.x, sizeof b.host) &&
                ops->fill(b.d, other, b.x, 0, sizeof b.host));
    struct captured *c = ops->capture_end(b.d, st);
    assert_non_null(c);
    assert_true(ops->fill(b.d, NULL, b.y, 0, sizeof b.host));
    expect_back(&b, b.y, 0);
    for (int i = 0; i < 2; i++) {
        assert_true(ops->captured_submit(b.d, c, st) && ops->stream_sync(b.d, st));
        expect_back(&b, b.y, 1);
        expect_back(&b, b.x, 0);
        b.host[5] = 50; /* of the host it holds the address, not the bytes */
    }
    assert_true(ops->copy(b.d, other, b.x, b.y, sizeof b.host)); /* done at once again */
    assert_true(ops->event_record(b.d, ev, other) && ops->event_seconds(b.d, ev, ev) == 0);
    ops->captured_free(b.d, c);
    ops->free(b.d, b.x);
    assert_int_equal(b.s->n_errors, 0);
    bench_close(&b);
}

static bool all_calls(struct bench *b)
{
    const struct device_ops *ops = b->d->ops;
    struct stream *st = ops->stream_new(b->d);
    struct event *ev = st ? ops->event_new(b->d) : NULL;
    struct captured *c = NULL;
    bool good = ev && ops->event_record(b->d, ev, st) && ops->event_wait(b->d, ev, st) &&
                ops->event_seconds(b->d, ev, ev) >= 0 && ops->capture_begin(b->d, st);
    if (good && ops->fill(b->d, st, b->x, 1, 4) && ops->forget(b->d, st, b->x, 4))
        c = ops->capture_end(b->d, st);
    else if (good)
        ops->capture_drop(b->d, st);
    good = c && ops->captured_submit(b->d, c, st) && ops->stream_sync(b->d, st) && ops->sync(b->d);
    ops->captured_free(b->d, c);
    ops->event_free(b->d, ev);
    ops->stream_free(b->d, st);
    return good;
}

static void nth_call_fails(void **state)
{
    (void)state;
    int n = 0;
    for (bool good = false; !good; n++) {
        struct bench b = bench_open();
        b.s->faults.device_at = n + 1;
        good = all_calls(&b);
        assert_int_equal(b.s->n_errors, !good);
        assert_int_equal(b.s->faults.device_at > 0, good);
        bench_close(&b);
    }
    assert_int_equal(n, 13);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    struct bench b = bench_open();
    const struct device_ops *ops = b.d->ops;
    struct stream *st = ops->stream_new(b.d);
    struct stream *gone = ops->stream_new(b.d);
    struct event *ev = ops->event_new(b.d);
    ops->stream_free(b.d, gone);
    assert_false(ops->fill(b.d, gone, b.x, 0, 4));
    assert_false(ops->stream_sync(b.d, gone));
    assert_false(ops->event_wait(b.d, ev, st));
    assert_true(ops->event_seconds(b.d, ev, ev) < 0);
    assert_null(ops->capture_end(b.d, st));
    assert_int_equal(b.s->n_errors, 5);
    assert_true(ops->capture_begin(b.d, st));
    assert_false(ops->capture_begin(b.d, st));
    assert_false(ops->fill(b.d, NULL, b.x, 0, 4));
    assert_false(ops->stream_sync(b.d, st));
    assert_true(ops->event_record(b.d, ev, st));
    ops->capture_drop(b.d, st);
    assert_false(ops->event_wait(b.d, ev, st)); /* its recording is gone */
    assert_int_equal(b.s->n_errors, 9);
    assert_true(ops->fill(b.d, st, b.x, 0, 4) && ops->stream_sync(b.d, st));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_run_gives_the_same_bits),
        cmocka_unit_test(launches_are_prepared_once),
        cmocka_unit_test(what_a_device_cannot_launch_is_refused),
        cmocka_unit_test(recordings_are_done_when_submitted),
        cmocka_unit_test(nth_call_fails),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
