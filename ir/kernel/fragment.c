#include "ir/kernel/fragment.h"

#include "ir/session.h"

/* ---- maps and their inverses ---- */
static const struct index *digit(struct index_table *t, const struct index *v, int div, int mod)
{
    return index_mod(t, index_div(t, v, index_const(t, div)), index_const(t, mod));
}

const struct index *frag_coord(struct index_table *t, const struct map_term *terms, const struct index *lane,
                               const struct index *elem)
{
    const struct index *sum = index_const(t, 0);
    for (int i = 0; i < MAP_TERMS && terms[i].mul; i++)
        sum = index_add(
            t, sum,
            index_mulk(t, digit(t, terms[i].of == BY_LANE ? lane : elem, terms[i].div, terms[i].mod), terms[i].mul));
    return sum;
}

/* Inverts a map: returns the part of the lane number or element number (`of`) that depends on this coordinate.
   Each term of the map takes a digit of that number. The inverse puts the digit back. */
static const struct index *from_coord(struct index_table *t, const struct map_term *terms, int of,
                                      const struct index *coord)
{
    const struct index *sum = index_const(t, 0);
    for (int i = 0; i < MAP_TERMS && terms[i].mul; i++)
        if ((int)terms[i].of == of)
            sum = index_add(t, sum, index_mulk(t, digit(t, coord, terms[i].mul, terms[i].mod), terms[i].div));
    return sum;
}

static const struct index *holder(struct index_table *t, const struct coord_map *m, int of, const struct index *row,
                                  const struct index *col)
{
    return index_add(t, from_coord(t, m->row, of, row), from_coord(t, m->col, of, col));
}

static int64_t known(const struct index *e)
{
    int64_t v = 0;
    BUG_IF(!index_const_value(e, &v), "a place in a fragment is no number");
    return v;
}

/* ---- rows and columns ---- */
static int slots_of(const struct map_term *terms)
{
    int n = 1;
    for (int i = 0; i < MAP_TERMS && terms[i].mul; i++)
        if (terms[i].of == BY_ELEM)
            n *= terms[i].mod;
    return n;
}

static const struct index *slot_of(struct index_table *t, const struct map_term *terms, const struct index *elem)
{
    const struct index *slot = index_const(t, 0);
    for (int i = 0; i < MAP_TERMS && terms[i].mul; i++)
        if (terms[i].of == BY_ELEM)
            slot = index_add(t, index_mulk(t, slot, terms[i].mod), digit(t, elem, terms[i].div, terms[i].mod));
    return slot;
}

static const struct index *at_slot(struct index_table *t, const struct map_term *terms, const struct index *lane,
                                   const struct index *slot)
{
    const struct index *at = index_const(t, 0);
    int rest = slots_of(terms);
    for (int i = 0; i < MAP_TERMS && terms[i].mul; i++) {
        const struct map_term *m = &terms[i];
        if (m->of == BY_ELEM)
            rest /= m->mod;
        const struct index *d = m->of == BY_ELEM ? digit(t, slot, rest, m->mod) : digit(t, lane, m->div, m->mod);
        at = index_add(t, at, index_mulk(t, d, m->mul));
    }
    return at;
}

int frag_row_slots(const struct matrix_unit *u) { return slots_of(u->c.row); }
int frag_col_slots(const struct matrix_unit *u) { return slots_of(u->c.col); }

const struct index *frag_row_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem)
{
    return slot_of(t, u->c.row, elem);
}

const struct index *frag_col_slot(struct index_table *t, const struct matrix_unit *u, const struct index *elem)
{
    return slot_of(t, u->c.col, elem);
}

const struct index *frag_row_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot)
{
    return at_slot(t, u->c.row, lane, slot);
}

const struct index *frag_col_at(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                const struct index *slot)
{
    return at_slot(t, u->c.col, lane, slot);
}

static unsigned lanes_that_share(const struct matrix_unit *u, int wave,
                                 int (*coord)(const struct coord_map *m, int lane, int elem))
{
    unsigned bits = (unsigned)wave - 1;
    for (int bit = 1; bit < wave; bit *= 2)
        for (int lane = 0; lane < wave; lane++)
            for (int e = 0; e < u->c_elems; e++)
                if (coord(&u->c, lane, e) != coord(&u->c, lane ^ bit, e))
                    bits &= ~(unsigned)bit;
    return bits;
}

unsigned frag_row_lanes(const struct matrix_unit *u, int wave) { return lanes_that_share(u, wave, map_row); }
unsigned frag_col_lanes(const struct matrix_unit *u, int wave) { return lanes_that_share(u, wave, map_col); }

bool frag_rows_whole(struct index_table *t, const struct matrix_unit *u, int wave)
{
    unsigned bits = frag_row_lanes(u, wave);
    for (int lane = 0; lane < wave; lane++)
        for (int slot = 0; slot < frag_row_slots(u); slot++) {
            int row = -1;
            int n = 0;
            uint64_t cols = 0;
            for (int other = 0; other < wave; other++) {
                if ((unsigned)(other ^ lane) & ~bits)
                    continue;
                for (int e = 0; e < u->c_elems; e++) {
                    if (known(frag_row_slot(t, u, index_const(t, e))) != slot)
                        continue;
                    if (row >= 0 && row != map_row(&u->c, other, e))
                        return false;
                    row = map_row(&u->c, other, e);
                    n++;
                    cols |= (uint64_t)1 << map_col(&u->c, other, e);
                }
            }
            if (n != u->n || cols != ((uint64_t)1 << u->n) - 1)
                return false;
        }
    return true;
}

/* ---- from C to A ---- */
struct frag_source frag_source_of(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                  const struct index *elem)
{
    const struct index *row = frag_coord(t, u->a.row, lane, elem);
    const struct index *k = frag_coord(t, u->a.col, lane, elem);
    const struct index *n = index_const(t, u->n);
    const struct index *col = index_mod(t, k, n);
    return (struct frag_source){ holder(t, &u->c, BY_LANE, row, col), holder(t, &u->c, BY_ELEM, row, col),
                                 index_div(t, k, n) };
}

const struct index *frag_target_elem(struct index_table *t, const struct matrix_unit *u, const struct index *lane,
                                     const struct index *elem)
{
    return holder(t, &u->a, BY_ELEM, frag_coord(t, u->c.row, lane, elem), frag_coord(t, u->c.col, lane, elem));
}

/* frag_source_of for constants. Returns false if the place in C has another row or column than element e of A. */
struct stand {
    int lane, elem, frag;
};
static bool stand_of(struct index_table *t, const struct matrix_unit *u, int lane, int e, struct stand *out)
{
    struct frag_source s = frag_source_of(t, u, index_const(t, lane), index_const(t, e));
    *out = (struct stand){ (int)known(s.lane), (int)known(s.elem), (int)known(s.frag) };
    int row = map_row(&u->c, out->lane, out->elem);
    int col = map_col(&u->c, out->lane, out->elem) + u->n * out->frag;
    return row == map_row(&u->a, lane, e) && col == map_col(&u->a, lane, e);
}

enum frag_way frag_way_of(struct index_table *t, const struct matrix_unit *u, int wave)
{
    bool stays = true;
    bool turns = u->k == u->n && u->a_elems == u->c_elems;
    if (u->k % u->n || u->in != DT_F16 || u->acc != DT_F32)
        return FRAG_NO_WAY;
    for (int e = 0; e < u->a_elems; e++) {
        struct stand first, at, own;
        if (!stand_of(t, u, 0, e, &first))
            return FRAG_NO_WAY;
        for (int lane = 0; lane < wave; lane++) {
            if (!stand_of(t, u, lane, e, &at) || !stand_of(t, u, lane, 0, &own))
                return FRAG_NO_WAY;
            stays &= at.lane == lane && at.elem == first.elem && at.frag == first.frag;
            turns &=
                at.elem == own.elem && known(frag_target_elem(t, u, index_const(t, at.lane), index_const(t, 0))) == e;
        }
    }
    return stays ? FRAG_STAYS : turns ? FRAG_TURNS : FRAG_NO_WAY;
}
