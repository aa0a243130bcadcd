/* In a kernel's text, fragments are arrays of registers: c[fragment][register]. A register holds one f32 of a result,
   or two f16 of an operand. */
#include "codegen/print_frag.h"

#include "ir/kernel/fragment.h"

/* Prints the index `at`. In the text, the variable at_ equals `first`. If at - first is a constant, such as 8, prints
   "at_ + 8". */
static const char *from_first(struct kprint *p, const struct index *first, const struct index *at)
{
    const struct index *d = index_sub(p->k->s->indices, at, first);
    if (!index_is_const(d))
        return print_index(p, at, false);
    return d->k ? arena_printf(p->o.arena, "at_ %c %lld", d->k < 0 ? '-' : '+', (long long)(d->k < 0 ? -d->k : d->k))
                : "at_";
}

/* A register holds two elements. If these are neighbours in memory, one load fills the register. Otherwise two loads
   are joined, without a conversion. */
void print_frag_load(struct kprint *p, const struct kstmt *it)
{
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    int n = f->rows * f->cols;
    int elems = f->role == KF_A ? f->unit->a_elems : f->unit->b_elems;
    const struct index *i = index_var(t, "i_", 0, n - 1, UNIFORM_GRID);
    const struct index *first = print_frag_index(p, it, i, index_const(t, 0));
    print_loop_of(p, "i_", n);
    kout_line(&p->o, "const tk_i32 at_ = %s;", print_index(p, first, false));
    for (int e = 0; e < elems; e += 2) {
        const struct index *lo = print_frag_index(p, it, i, index_const(t, e));
        const struct index *hi = print_frag_index(p, it, i, index_const(t, e + 1));
        const struct index *gap = index_sub(t, hi, lo);
        const char *from = from_first(p, first, lo);
        if (index_is_const(gap) && gap->k == 1 && index_multiple_of(lo, 2))
            kout_line(&p->o, "%s[i_][%d] = tk_ld2_f16(%s, %s);", f->name, e / 2, it->mem->name, from);
        else
            kout_line(&p->o, "%s[i_][%d] = tk_join_f16(tk_raw_f16(%s, %s), tk_raw_f16(%s, %s));", f->name, e / 2,
                      it->mem->name, from, it->mem->name, from_first(p, first, hi));
    }
    print_close(p);
}

void print_mma(struct kprint *p, const struct kstmt *it)
{
    print_loop_of(p, "i_", it->frag->rows);
    print_loop_of(p, "j_", it->frag->cols);
    kout_line(&p->o, "tk_mma(%s[%s], %s[i_], %s[j_]);", it->frag->name, print_frag_number(p, it->frag),
              it->frag_a->name, it->frag_b->name);
    print_close(p);
    print_close(p);
}

void print_frag_reduce(struct kprint *p, const struct kstmt *it)
{
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    int slots = frag_row_slots(f->unit);
    unsigned lanes = frag_row_lanes(f->unit, p->k->target->wave);
    const struct index *i = index_var(t, "i_", 0, f->rows - 1, UNIFORM_GRID);
    const struct index *r = index_var(t, "r_", 0, slots - 1, UNIFORM_GRID);
    const char *own = print_cell_at(p, it->mem, NULL, index_add(t, index_mulk(t, i, slots), r));
    print_loop_of(p, "i_", f->rows);
    print_lane_reduce(p, it);
    print_loop_of(p, "r_", slots);
    for (unsigned bit = 1; bit <= lanes; bit *= 2) {
        const char *other = arena_printf(p->o.arena, "tk_shfl_xor_f32(%s, %u)", own, bit);
        if (lanes & bit)
            kout_line(&p->o, "%s = %s;", own, print_acc(p, it->acc, it->acc_type, "combine", own, other));
    }
    print_close(p);
    print_close(p);
}

/* Prints a loop that collects the lane's elements of A's fragment i_ in the array x_. In each turn, lanes exchange one
   element (FRAG_TURNS in ir/kernel/fragment.h). */
static void cast_turns(struct kprint *p, const struct kstmt *it, const char *from)
{
    struct index_table *t = p->k->s->indices;
    const struct matrix_unit *u = it->frag->unit;
    int n = u->a_elems;
    const struct index *zero = index_const(t, 0);
    const struct index *lane = p->k->lane;
    const struct index *d = index_var(t, "d_", 0, n - 1, UNIFORM_GRID);
    const struct index *takes = index_mod(t, index_add(t, frag_source_of(t, u, lane, zero).elem, d), index_const(t, n));
    const struct index *gives =
        index_mod(t, index_addk(t, index_sub(t, frag_target_elem(t, u, lane, zero), d), n), index_const(t, n));
    kout_line(&p->o, "tk_f32 x_[%d];", n);
    print_loop_of(p, "d_", n);
    kout_line(&p->o, "const tk_i32 takes_ = %s, gives_ = %s;", print_index(p, takes, false),
              print_index(p, gives, false));
    kout_line(&p->o, "tk_f32 v_ = %s[0];", from);
    print_loop_of(p, "e_", n);
    kout_line(&p->o, "if (gives_ == e_) v_ = %s[e_];", from);
    print_close(p);
    kout_line(&p->o, "v_ = tk_shfl_f32(v_, %s);", print_index(p, frag_source_of(t, u, lane, takes).lane, false));
    print_loop_of(p, "e_", n);
    kout_line(&p->o, "if (takes_ == e_) x_[e_] = v_;");
    print_close(p);
    print_close(p);
}

void print_frag_cast(struct kprint *p, const struct kstmt *it)
{
    struct index_table *t = p->k->s->indices;
    const struct kfrag *a = it->frag;
    const struct kfrag *c = it->frag_a;
    const struct matrix_unit *u = a->unit;
    bool turns = frag_way_of(t, u, p->k->target->wave) == FRAG_TURNS;
    const struct index *i = index_var(t, "i_", 0, c->rows - 1, UNIFORM_GRID);
    const struct index *first = index_add(t, index_mulk(t, i, c->cols), index_mulk(t, it->index, u->k / u->n));
    const char *value[2];
    print_loop_of(p, "i_", c->rows);
    if (turns)
        cast_turns(p, it, arena_printf(p->o.arena, "%s[%s]", c->name, print_index(p, first, false)));
    for (int e = 0; e < u->a_elems; e++) {
        struct frag_source s = frag_source_of(t, u, index_const(t, 0), index_const(t, e));
        value[e % 2] =
            turns ? arena_printf(p->o.arena, "x_[%d]", e)
                  : arena_printf(p->o.arena, "%s[%s][%s]", c->name, print_index(p, index_add(t, first, s.frag), false),
                                 print_index(p, s.elem, false));
        if (e % 2)
            kout_line(&p->o, "%s[i_][%d] = tk_pack_f16(%s, %s);", a->name, e / 2, value[0], value[1]);
    }
    print_close(p);
}
