#include "runtime/compile/codeobj.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* Some elf.h lack these. Source: LLVM, "User Guide for AMDGPU Backend", Code Object Metadata. */
enum { MACHINE_CUDA = 190, MACHINE_AMDGPU = 224, NOTE_METADATA = 32, MAX_NAME = 4096 };

/* STO_CUDA_ENTRY: the bit of st_other that marks a kernel. */
enum { ENTRY_CUDA = 0x10 };

/* An untrusted ELF file. `budget` limits the work of parsing: overlapping sections could make the work quadratic. */
struct object {
    const uint8_t *p;
    size_t size;
    Elf64_Ehdr head;
    int64_t budget;
    struct session *s;
    struct kernel_info *kernels;
    size_t n, cap;
};

struct bytes {
    const uint8_t *p, *end;
};

static struct bytes range(const struct object *o, uint64_t at, uint64_t size)
{
    bool inside = at <= o->size && size <= o->size - at;
    return inside ? (struct bytes){ o->p + at, o->p + at + size } : (struct bytes){ o->p, o->p };
}

static size_t left(const struct bytes *b) { return (size_t)(b->end - b->p); }

static uint32_t word(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool section_at(const struct object *o, unsigned i, Elf64_Shdr *out)
{
    if (i >= o->head.e_shnum || o->head.e_shentsize != sizeof *out || o->head.e_shoff > o->size)
        return false;
    struct bytes b = range(o, o->head.e_shoff + (uint64_t)i * sizeof *out, sizeof *out);
    if (left(&b) < sizeof *out)
        return false;
    memcpy(out, b.p, sizeof *out);
    return true;
}

/* Like range(). Takes the bytes from the budget. */
static struct bytes range_spend(struct object *o, uint64_t at, uint64_t size)
{
    struct bytes b = range(o, at, size);
    o->budget -= (int64_t)left(&b);
    return o->budget < 0 ? range(o, 0, 0) : b;
}

static struct bytes section_spend(struct object *o, const Elf64_Shdr *h)
{
    return range_spend(o, h->sh_offset, h->sh_type == SHT_NOBITS ? 0 : h->sh_size);
}

static const char *string_at(const struct object *o, unsigned section, uint32_t at)
{
    Elf64_Shdr h;
    if (!section_at(o, section, &h) || h.sh_type != SHT_STRTAB)
        return "";
    struct bytes b = range(o, h.sh_offset, h.sh_size);
    if (at >= left(&b))
        return "";
    size_t most = left(&b) - at < MAX_NAME ? left(&b) - at : MAX_NAME;
    return memchr(b.p + at, 0, most) ? (const char *)b.p + at : "";
}

static struct kernel_info *kernel_add(struct object *o, const char *name, size_t len)
{
    struct kernel_info *k = arena_push(o->s->run, o->kernels, o->n, o->cap);
    *k = (struct kernel_info){ arena_strndup(o->s->run, name, len), -1, -1, -1, -1, -1, -1, -1 };
    return k;
}

static struct kernel_info *kernel_find(struct object *o, const char *name, size_t len)
{
    o->budget -= (int64_t)o->n;
    for (size_t i = 0; i < o->n && o->budget >= 0; i++)
        if (strlen(o->kernels[i].name) == len && memcmp(o->kernels[i].name, name, len) == 0)
            return &o->kernels[i];
    return NULL;
}

/* An item of MessagePack. n: bytes of a string, items of an array, pairs of a map, or the value of an integer. */
enum item_kind { ITEM_END, ITEM_INT, ITEM_STRING, ITEM_ARRAY, ITEM_MAP, ITEM_OTHER };
struct item {
    enum item_kind kind;
    uint64_t n;
    const uint8_t *string;
};

static uint64_t big_endian(struct bytes *b, size_t size)
{
    uint64_t v = 0;
    for (; size; size--)
        v = v << 8 | *b->p++;
    return v;
}

static struct item item_end(struct bytes *b)
{
    b->p = b->end;
    return (struct item){ ITEM_END, 0, NULL };
}

static struct item item_body(struct bytes *b, enum item_kind kind, uint64_t n)
{
    if (n > left(b))
        return item_end(b);
    struct item it = { kind, n, b->p };
    b->p += n;
    return it;
}

/* The first byte tells the format (github.com/msgpack/msgpack/blob/master/spec.md). The metadata has no negative
   integers, so they give ITEM_OTHER. */
static struct item item_read(struct bytes *b)
{
    if (!left(b))
        return item_end(b);
    uint8_t c = *b->p++;
    if (c < 0x80)
        return (struct item){ ITEM_INT, c, NULL };
    if (c < 0x90)
        return (struct item){ ITEM_MAP, c & 15, NULL };
    if (c < 0xa0)
        return (struct item){ ITEM_ARRAY, c & 15, NULL };
    if (c < 0xc0)
        return item_body(b, ITEM_STRING, c & 31);
    if (c >= 0xe0 || c <= 0xc3)
        return (struct item){ ITEM_OTHER, 0, NULL }; /* negative fixint; nil, unused, false, true */
    /* [c - 0xc4]: size of the number, or of the fixed-size data, after c */
    static const uint8_t sizes[] = {
        1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 1, 2, 4, 2, 4, 2, 4
    };
    size_t size = sizes[c - 0xc4];
    if (size > left(b))
        return item_end(b);
    if (c >= 0xd4 && c <= 0xd8)
        return item_body(b, ITEM_OTHER, size);
    if ((c >= 0xca && c <= 0xcb) || (c >= 0xd0 && c <= 0xd3))
        return item_body(b, ITEM_OTHER, size);
    uint64_t n = big_endian(b, size);
    if (c <= 0xc6)
        return item_body(b, ITEM_OTHER, n);
    if (c <= 0xc9)
        return item_body(b, ITEM_OTHER, n + 1); /* ext: type, then data */
    if (c <= 0xcf)
        return (struct item){ ITEM_INT, n, NULL };
    if (c <= 0xdb)
        return item_body(b, ITEM_STRING, n);
    return (struct item){ c <= 0xdd ? ITEM_ARRAY : ITEM_MAP, n, NULL };
}

/* Counts the items to skip. Recursion could overflow the stack on deep nesting. */
static void item_skip(struct bytes *b, struct item it)
{
    uint64_t todo = it.kind == ITEM_ARRAY ? it.n : it.kind == ITEM_MAP ? 2 * it.n : 0;
    while (todo && left(b)) {
        it = item_read(b);
        todo += (it.kind == ITEM_ARRAY ? it.n : it.kind == ITEM_MAP ? 2 * it.n : 0) - 1;
    }
}

static bool item_is(const struct item *it, const char *text)
{
    return it->kind == ITEM_STRING && it->n == strlen(text) && memcmp(it->string, text, it->n) == 0;
}

struct metadata_field {
    const char *key;
    size_t at;
    bool add;
};
static const struct metadata_field metadata_fields[] = {
    { ".vgpr_count", offsetof(struct kernel_info, regs), false },
    { ".agpr_count", offsetof(struct kernel_info, agprs), false },
    { ".sgpr_count", offsetof(struct kernel_info, sgprs), false },
    { ".vgpr_spill_count", offsetof(struct kernel_info, spills), true },
    { ".sgpr_spill_count", offsetof(struct kernel_info, spills), true },
    { ".private_segment_fixed_size", offsetof(struct kernel_info, stack), false },
    { ".group_segment_fixed_size", offsetof(struct kernel_info, shared), false },
};

static void field_set(struct kernel_info *k, const struct item *key, uint64_t value)
{
    int v = value > INT32_MAX / 4 ? INT32_MAX / 4 : (int)value;
    for (size_t i = 0; i < sizeof metadata_fields / sizeof *metadata_fields; i++) {
        if (!item_is(key, metadata_fields[i].key))
            continue;
        int *to = (int *)((char *)k + metadata_fields[i].at);
        *to = metadata_fields[i].add && *to > 0 ? *to + v : v;
        return;
    }
}

static void kernel_metadata(struct object *o, struct bytes *b, uint64_t pairs)
{
    struct kernel_info k = { NULL, -1, -1, -1, -1, -1, -1, -1 };
    struct item name = { 0 };
    for (; pairs && left(b); pairs--) {
        struct item key = item_read(b);
        struct item value = item_read(b);
        if (item_is(&key, ".name") && value.kind == ITEM_STRING)
            name = value;
        if (value.kind == ITEM_INT)
            field_set(&k, &key, value.n);
        item_skip(b, key);
        item_skip(b, value);
    }
    if (!name.string || kernel_find(o, (const char *)name.string, name.n))
        return;
    struct kernel_info *to = kernel_add(o, (const char *)name.string, name.n);
    k.name = to->name;
    *to = k;
}

/* Reads AMD's metadata: { "amdhsa.kernels": [ {...}, ... ], ... } */
static void metadata_read(struct object *o, struct bytes b)
{
    struct item top = item_read(&b);
    if (top.kind != ITEM_MAP)
        return;
    for (uint64_t pairs = top.n; pairs && left(&b); pairs--) {
        struct item key = item_read(&b);
        struct item value = item_read(&b);
        bool kernels = item_is(&key, "amdhsa.kernels") && value.kind == ITEM_ARRAY;
        for (uint64_t i = 0; kernels && i < value.n && left(&b); i++) {
            struct item one = item_read(&b);
            if (one.kind == ITEM_MAP)
                kernel_metadata(o, &b, one.n);
            else
                item_skip(&b, one);
        }
        if (!kernels)
            item_skip(&b, value);
    }
}

/* An ELF note has three u32: size of the owner's name, size of the data, type. The name and the data follow, each
   padded to 4 bytes. */
static void notes_read(struct object *o, struct bytes b)
{
    while (left(&b) >= 12) {
        uint64_t owner = word(b.p);
        uint64_t data = word(b.p + 4);
        uint64_t type = word(b.p + 8);
        uint64_t owner_room = (owner + 3) & ~(uint64_t)3;
        uint64_t data_room = (data + 3) & ~(uint64_t)3;
        b.p += 12;
        if (owner_room > left(&b) || data > left(&b) - owner_room)
            return;
        if (type == NOTE_METADATA && owner == 7 && memcmp(b.p, "AMDGPU", 7) == 0)
            metadata_read(o, (struct bytes){ b.p + owner_room, b.p + owner_room + data });
        b.p += owner_room + (data_room < left(&b) - owner_room ? data_room : left(&b) - owner_room);
    }
}

/* True for a matrix instruction of AMD, given its two words (LLVM, VOP3PInstructions.td).
       First word, bits 31..23: 0x1a7 for MFMA (gfx9); bits 31..24: 0xcc for WMMA (gfx11, gfx12).
       First word, bits 22..16: the opcode. MFMA's opcodes 0x58 and 0x59 only move accumulation registers.
       Second word, bits 8 and 17: both sources are vector registers.
   MFMA's bits encode no instruction of gfx11 and gfx12. WMMA's bits encode no instruction of gfx9. */
static bool is_matrix(uint32_t first, uint32_t second)
{
    uint32_t op = first >> 16 & 0x7f;
    bool mfma = first >> 23 == 0x1a7 && op >= 0x40 && op != 0x58 && op != 0x59;
    bool wmma = first >> 24 == 0xcc && !(first >> 23 & 1) && op >= 0x40 && op <= 0x5a;
    return (mfma || wmma) && (second & 0x100) && (second & 0x20000);
}

/* The encodings of s_endpgm up to gfx10, and since gfx11. Only padding follows a kernel's last s_endpgm. */
static bool is_end(uint32_t w) { return w == 0xbf810000 || w == 0xbfb00000; }

static int matrix_count_amd(struct bytes code)
{
    size_t n = left(&code) / 4;
    size_t count = 0;
    while (n && !is_end(word(code.p + 4 * (n - 1))))
        n--;
    for (size_t i = 0; i + 1 < n; i++)
        if (is_matrix(word(code.p + 4 * i), word(code.p + 4 * i + 4))) {
            count++;
            i++;
        }
    return (int)count;
}

/* Since sm_70 an instruction has 16 bytes. The low 12 bits of an f16 HMMA are 0x23c, as seen in cubins. */
static int matrix_count_cuda(struct bytes code)
{
    int count = 0;
    for (; left(&code) >= 16; code.p += 16)
        count += (word(code.p) & 0xfff) == 0x23c;
    return count;
}

/* Counts the matrix instructions of each kernel. In a cubin, only the symbols list the kernels. */
static void symbols_read(struct object *o, const Elf64_Shdr *table)
{
    bool cuda = o->head.e_machine == MACHINE_CUDA;
    struct bytes b = section_spend(o, table);
    for (; left(&b) >= sizeof(Elf64_Sym); b.p += sizeof(Elf64_Sym)) {
        Elf64_Sym sym;
        Elf64_Shdr in;
        memcpy(&sym, b.p, sizeof sym);
        if (ELF64_ST_TYPE(sym.st_info) != STT_FUNC || !section_at(o, sym.st_shndx, &in))
            continue;
        const char *name = string_at(o, table->sh_link, sym.st_name);
        struct kernel_info *k = kernel_find(o, name, strlen(name));
        if (cuda && !k && *name && (sym.st_other & ENTRY_CUDA))
            k = kernel_add(o, name, strlen(name));
        if (!k || k->matrix >= 0 || sym.st_value < in.sh_addr || in.sh_type == SHT_NOBITS)
            continue;
        uint64_t at = sym.st_value - in.sh_addr;
        if (at > in.sh_size || sym.st_size > in.sh_size - at || in.sh_offset > o->size)
            continue;
        struct bytes code = range_spend(o, in.sh_offset + at, sym.st_size);
        k->matrix = cuda ? matrix_count_cuda(code) : matrix_count_amd(code);
    }
}

/* 18 for the line "Used 18 registers" and the unit " registers"; -1 for a line without the unit. */
static int number_before(const char *line, size_t len, const char *unit)
{
    const char *at = memmem(line, len, unit, strlen(unit));
    if (!at || at == line)
        return -1;
    const char *p = at;
    while (p > line && p[-1] >= '0' && p[-1] <= '9')
        p--;
    long v = p < at ? strtol(p, NULL, 10) : -1;
    return v > INT32_MAX / 4 ? INT32_MAX / 4 : (int)v;
}

static bool name_after(const char *line, size_t len, const char *before, const char **name, size_t *n)
{
    const char *at = memmem(line, len, before, strlen(before));
    if (!at)
        return false;
    *name = at + strlen(before);
    if (*name < line + len && **name == '\'')
        ++*name;
    for (*n = 0; *name + *n < line + len && (*name)[*n] != '\''; ++*n) {
    }
    return true;
}

/* Reads the output of ptxas -v:
       ptxas info    : Compiling entry function 'k' for 'sm_90'
       ptxas info    : Function properties for k
       ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
       ptxas info    : Used 18 registers, used 1 barriers, 256 bytes smem
   The properties of functions that are not kernels are skipped. */
static void ptxas_log_read(struct object *o, const char *log)
{
    struct kernel_info *entry = NULL;
    struct kernel_info *of = NULL;
    for (size_t len; *log; log += len + (log[len] == '\n')) {
        const char *name;
        size_t n;
        len = strcspn(log, "\n");
        if (name_after(log, len, "Compiling entry function ", &name, &n))
            entry = kernel_find(o, name, n);
        if (name_after(log, len, "Function properties for ", &name, &n))
            of = kernel_find(o, name, n);
        int stack = number_before(log, len, " bytes stack frame");
        int stores = number_before(log, len, " bytes spill stores");
        int loads = number_before(log, len, " bytes spill loads");
        int regs = number_before(log, len, " registers");
        if (of && stack >= 0)
            of->stack = stack;
        if (of && stores >= 0 && loads >= 0)
            of->spills = stores + loads;
        if (!entry || regs < 0)
            continue;
        int shared = number_before(log, len, " bytes smem");
        entry->regs = regs;
        entry->shared = shared < 0 ? 0 : shared;
    }
}

static void sections_read(struct object *o)
{
    Elf64_Shdr h;
    for (unsigned i = 0; section_at(o, i, &h); i++)
        if (h.sh_type == SHT_NOTE && o->head.e_machine == MACHINE_AMDGPU)
            notes_read(o, section_spend(o, &h));
    for (unsigned i = 0; section_at(o, i, &h); i++)
        if (h.sh_type == SHT_SYMTAB || h.sh_type == SHT_DYNSYM)
            symbols_read(o, &h);
}

bool codeobj_read(struct session *s, const void *object, size_t size, const char *log, struct kernel_info **kernels,
                  size_t *n_kernels)
{
    struct object o = { .p = object, .size = size, .budget = ((int64_t)1 << 26) + 8 * (int64_t)size, .s = s };
    *kernels = NULL;
    *n_kernels = 0;
    if (size < sizeof o.head || memcmp(object, ELFMAG, SELFMAG))
        return diag_error(s, FAIL_DEVICE, NOWHERE, "a code object of %zu bytes is no ELF file", size);
    memcpy(&o.head, object, sizeof o.head);
    if (o.head.e_ident[EI_CLASS] != ELFCLASS64 || o.head.e_ident[EI_DATA] != ELFDATA2LSB)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "a code object is no 64-bit little-endian ELF file");
    if (o.head.e_machine != MACHINE_AMDGPU && o.head.e_machine != MACHINE_CUDA)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "a code object is for machine %u, neither AMD's nor NVIDIA's",
                          o.head.e_machine);
    sections_read(&o);
    if (o.head.e_machine == MACHINE_CUDA && log)
        ptxas_log_read(&o, log);
    if (o.budget < 0)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "a code object of %zu bytes is broken: its sections overlap", size);
    if (!o.n)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "a code object of %zu bytes holds no kernel that can be read", size);
    *kernels = o.kernels;
    *n_kernels = o.n;
    return true;
}
