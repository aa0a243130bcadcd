#include "codegen/print_stmt.h"

#include <string.h>

#include "ir/kernel/fragment.h"
#include "ir/kernel/kstmt.h"

void print_temporaries(struct kprint *p)
{
    size_t n;
    const struct kref *r = kplan_refs(p->plan, p->stmt, &n);
    for (size_t i = 0; i < n; i++)
        if (r[i].def)
            kout_line(&p->o, "const %s t%d = %s;", print_type(p, r[i].x->type), r[i].temp,
                      print_value(p, r[i].x, false, true));
}

void print_stmt(struct kprint *p, const struct kstmt *it)
{
    p->stmt = it;
    if (p->form->temporaries)
        print_temporaries(p);
    BUG_IF(!p->form->stmt[it->kind], "kernel %s: a %s where there is none", p->k->name, kstmt_table[it->kind].name);
    p->form->stmt[it->kind](p, it);
}

void print_stmts(struct kprint *p, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        print_stmt(p, list[i]);
}

static void inside(struct kprint *p, struct kstmt *const *list, size_t n)
{
    p->o.depth++;
    print_stmts(p, list, n);
    p->o.depth--;
}

const char *print_remark(struct arena *a, const char *text)
{
    char *out = arena_strdup(a, text);
    for (char *c = out; *c; c++)
        if (*c == '*' || *c == '\n' || *c == '\\')
            *c = ' ';
    return out;
}

/* Prints the name of the source file without its folder, so that the text does not depend on the folder. */
void print_region(struct kprint *p, const struct kstmt *it)
{
    if (p->k->comment && it->loc.line && it->loc.src != p->k->src) {
        const char *path = it->loc.src->name;
        const char *slash = strrchr(path, '/');
        kout_line(&p->o, "{   /* %s:%d */", print_remark(p->o.arena, slash ? slash + 1 : path), it->loc.line);
    } else {
        kout_line(&p->o, "{");
    }
    inside(p, it->body, it->n_body);
    kout_line(&p->o, "}");
}

void print_for(struct kprint *p, const struct kstmt *it)
{
    const char *v = kplan_var(p->plan, it->var);
    const char *step = print_index(p, it->step, false);
    if (it->unroll)
        kout_line(&p->o, "TK_UNROLL");
    kout_line(&p->o, "for (tk_i32 %s = %s; %s < %s; %s) {", v, print_index(p, it->lo, false), v,
              print_index(p, it->hi, false),
              strcmp(step, "1") ? arena_printf(p->o.arena, "%s += %s", v, step) : arena_printf(p->o.arena, "%s++", v));
    inside(p, it->body, it->n_body);
    kout_line(&p->o, "}");
}

void print_if(struct kprint *p, const struct kstmt *it)
{
    kout_line(&p->o, "if (%s) {", print_guards(p, &it->mask));
    inside(p, it->body, it->n_body);
    if (it->n_orelse) {
        kout_line(&p->o, "} else {");
        inside(p, it->orelse, it->n_orelse);
    }
    kout_line(&p->o, "}");
}

void print_let(struct kprint *p, const struct kstmt *it)
{
    bool narrow = it->var && it->value->type == DT_I64;
    const char *v = print_value(p, it->value, narrow, false);
    if (it->var)
        kout_line(&p->o, "const tk_i32 %s = %s%s;", kplan_var(p->plan, it->var), narrow ? "(tk_i32)" : "", v);
    else
        kout_line(&p->o, "const %s %s = %s;", print_type(p, it->value->type), kplan_read(p->plan, it->read), v);
}

/* True if the statement stores 16 bits as they are in other memory. Conversions to f32 and back would not change
   them. */
static bool is_copy(struct kprint *p, const struct kstmt *it)
{
    const struct kexpr *x = it->value;
    enum dtype t = it->mem->dtype;
    return p->lang->copy && (t == DT_F16 || t == DT_BF16) && it->mem->space != KS_PRIVATE && x->kind == KEXPR_LOAD &&
           x->mem->space != KS_PRIVATE && x->mem->dtype == t && !x->mask.n && kplan_temp(p->plan, it, x) < 0;
}

static const char *store_line(struct kprint *p, const struct kstmt *it)
{
    const struct kmem *m = it->mem;
    const struct index *at = print_ring_index(p, m, it->slot, it->index);
    const struct kexpr *x = it->value;
    if (is_copy(p, it))
        return p->lang->copy(p, m, at, x->mem, print_ring_index(p, x->mem, x->slot, x->index));
    const char *v = p->lang->stored(p, m->space, m->dtype, print_value(p, x, false, false));
    return p->lang->store && m->space != KS_PRIVATE
               ? p->lang->store(p, m, at, v)
               : arena_printf(p->o.arena, "%s = %s;", print_cell_at(p, m, it->slot, it->index), v);
}

void print_store(struct kprint *p, const struct kstmt *it)
{
    const char *line = store_line(p, it);
    const char *on = print_guards(p, &it->mask);
    if (strcmp(on, "1"))
        kout_line(&p->o, "if (%s) %s", on, line);
    else
        kout_line(&p->o, "%s", line);
}

void print_accumulate(struct kprint *p, const struct kstmt *it)
{
    const char *cell = print_cell_at(p, it->mem, NULL, it->index);
    if (it->fma) {
        const char *x = print_value(p, it->value->arg[0], false, false);
        const char *y = print_value(p, it->value->arg[1], false, false);
        kout_line(&p->o, "%s = %s;", cell, p->lang->fma(p, it->acc_type, cell, x, y));
        return;
    }
    bool infix = kop_table[kacc_table[it->acc].op].infix && dtype_is_float(it->acc_type);
    const char *v = print_value(p, it->value, infix, false);
    kout_line(&p->o, "%s = %s;", cell, print_acc(p, it->acc, it->acc_type, it->join ? "join" : "accumulate", cell, v));
}

void print_loop(struct kprint *p, const char *var, const char *count)
{
    kout_line(&p->o, "TK_UNROLL");
    kout_line(&p->o, "for (tk_i32 %s = 0; %s < %s; %s++) {", var, var, count, var);
    p->o.depth++;
}

void print_loop_of(struct kprint *p, const char *var, int count)
{
    print_loop(p, var, arena_printf(p->o.arena, "%d", count));
}

void print_close(struct kprint *p)
{
    p->o.depth--;
    kout_line(&p->o, "}");
}

const char *print_frag_number(struct kprint *p, const struct kfrag *f)
{
    return f->cols == 1 ? "i_ + j_" : arena_printf(p->o.arena, "%d*i_ + j_", f->cols);
}

void print_frag_fill(struct kprint *p, const struct kstmt *it)
{
    print_loop_of(p, "i_", it->frag->rows * it->frag->cols);
    print_loop(p, "e_", "TK_MMA_C");
    kout_line(&p->o, "%s = %s;", p->lang->elem(p, it->frag, "i_", "e_"), print_value(p, it->value, false, false));
    print_close(p);
    print_close(p);
}

static void coordinate(struct kprint *p, const struct index *var, const struct index *is)
{
    kout_line(&p->o, "const tk_i32 %s = %s;", kplan_var(p->plan, var), print_index(p, is, false));
}

void print_each(struct kprint *p, const struct kstmt *it)
{
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    const struct matrix_unit *u = f->unit;
    const struct index *i = index_var(t, "i_", 0, f->rows - 1, UNIFORM_GRID);
    const struct index *j = index_var(t, "j_", 0, f->cols - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, u->c_elems - 1, UNIFORM_GRID);
    const struct index *row = index_add(t, index_add(t, it->row, index_mulk(t, i, u->m)), print_map(p, u->c.row, e));
    const struct index *col = index_add(t, index_add(t, it->col, index_mulk(t, j, u->n)), print_map(p, u->c.col, e));
    print_loop_of(p, "i_", f->rows);
    print_loop_of(p, "j_", f->cols);
    print_loop(p, "e_", "TK_MMA_C");
    coordinate(p, it->var, row);
    coordinate(p, it->var2, col);
    if (it->var3)
        coordinate(p, it->var3, print_row_slot(p, f, i, e));
    if (it->var4)
        coordinate(p, it->var4, index_add(t, index_mulk(t, j, frag_col_slots(u)), frag_col_slot(t, u, e)));
    p->elem = p->lang->elem(p, f, print_frag_number(p, f), "e_");
    print_stmts(p, it->body, it->n_body);
    p->elem = NULL;
    print_close(p);
    print_close(p);
    print_close(p);
}

void print_frag_set(struct kprint *p, const struct kstmt *it)
{
    const char *v = print_value(p, it->value, false, false);
    kout_line(&p->o, "%s = %s;", p->elem, p->lang->stored(p, KS_PRIVATE, DT_F32, v));
}

void print_lane_reduce(struct kprint *p, const struct kstmt *it)
{
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    int slots = frag_row_slots(f->unit);
    const struct index *i = index_var(t, "i_", 0, f->rows - 1, UNIFORM_GRID);
    const struct index *r = index_var(t, "r_", 0, slots - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, f->unit->c_elems - 1, UNIFORM_GRID);
    const char *to = print_cell_at(p, it->mem, NULL, print_row_slot(p, f, i, e));
    const char *elem = p->lang->elem(p, f, print_frag_number(p, f), "e_");
    print_loop_of(p, "r_", slots);
    kout_line(&p->o, "%s = %s;", print_cell_at(p, it->mem, NULL, index_add(t, index_mulk(t, i, slots), r)),
              print_value(p, it->value, false, false));
    print_close(p);
    print_loop_of(p, "j_", f->cols);
    print_loop(p, "e_", "TK_MMA_C");
    kout_line(&p->o, "%s = %s;", to, print_acc(p, it->acc, it->acc_type, "accumulate", to, elem));
    print_close(p);
    print_close(p);
}
