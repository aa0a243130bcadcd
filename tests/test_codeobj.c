/* Code objects, hand-made and hostile: the numbers are read right, and no bytes make the reader touch what is not its
   own. */
#include "tests/support/needs.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/compile/codeobj.h"
#include "runtime/compile/compile.h"

/* ---- a small writer of ELF files: sections null, .note, .text.k, .symtab, .strtab (also the sections' names) ---- */

struct file {
    uint8_t bytes[4096];
    size_t n;
};

static size_t put(struct file *f, const void *p, size_t n)
{
    size_t at = (f->n + 7) & ~(size_t)7;
    assert_true(at + n <= sizeof f->bytes);
    memcpy(f->bytes + at, p, n);
    f->n = at + n;
    return at;
}

static void elf_make(struct file *f, int machine, const void *note, size_t note_size, const uint32_t *code,
                     size_t words, int entry)
{
    static const char strings[] = "\0.note\0.text.k\0.symtab\0.strtab\0k";
    enum { NOTE_AT = 1, TEXT_AT = 7, SYMTAB_AT = 15, STRTAB_AT = 23, K_AT = 31 };
    Elf64_Ehdr head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
                        .e_type = ET_DYN,
                        .e_machine = (Elf64_Half)machine,
                        .e_version = 1,
                        .e_ehsize = sizeof head,
                        .e_shentsize = sizeof(Elf64_Shdr),
                        .e_shnum = 5,
                        .e_shstrndx = 4 };
    Elf64_Sym syms[2] = { { 0 },
                          { .st_name = K_AT,
                            .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                            .st_other = (unsigned char)entry,
                            .st_shndx = 2,
                            .st_value = 0x1000,
                            .st_size = 4 * words } };
    Elf64_Shdr h[5] = { { 0 },
                        { .sh_name = NOTE_AT, .sh_type = SHT_NOTE, .sh_size = note_size },
                        { .sh_name = TEXT_AT, .sh_type = SHT_PROGBITS, .sh_addr = 0x1000, .sh_size = 4 * words },
                        { .sh_name = SYMTAB_AT,
                          .sh_type = SHT_SYMTAB,
                          .sh_size = sizeof syms,
                          .sh_link = 4,
                          .sh_entsize = sizeof *syms },
                        { .sh_name = STRTAB_AT, .sh_type = SHT_STRTAB, .sh_size = sizeof strings } };
    memset(f, 0, sizeof *f);
    put(f, &head, sizeof head);
    h[1].sh_offset = put(f, note, note_size);
    h[2].sh_offset = put(f, code, 4 * words);
    h[3].sh_offset = put(f, syms, sizeof syms);
    h[4].sh_offset = put(f, strings, sizeof strings);
    head.e_shoff = put(f, h, sizeof h);
    memcpy(f->bytes, &head, sizeof head);
}

/* { "amdhsa.version": [1, 2], "amdhsa.kernels": [ { ".name": "k", ".args": [ {…} ], counts… } ] } with every width of
   integer and string. */
static size_t metadata_make(uint8_t *to)
{
    static const char map[] = "\x82"
                              "\xae"
                              "amdhsa.version"
                              "\x92\x01\x02"
                              "\xae"
                              "amdhsa.kernels"
                              "\x91"
                              "\xde\x00\x0a"
                              "\xa5.args"
                              "\x91\x82"
                              "\xa7.offset"
                              "\x00"
                              "\xa5.size"
                              "\xd9\x01"
                              "8"
                              "\xa5.name"
                              "\xd9\x01k"
                              "\xab.vgpr_count"
                              "\xcc\xff"
                              "\xd9\x0b.agpr_count"
                              "\x20"
                              "\xda\x00\x0b.sgpr_count"
                              "\xcd\x01\x02"
                              "\xb1.vgpr_spill_count"
                              "\x03"
                              "\xb1.sgpr_spill_count"
                              "\x04"
                              "\xd9\x1b.private_segment_fixed_size"
                              "\xce\x00\x00\x00\x30"
                              "\xd9\x19.group_segment_fixed_size"
                              "\xcf\x00\x00\x00\x00\x00\x01\x00\x00"
                              "\xa6.extra"
                              "\xc7\x02\x05xy";
    size_t n = sizeof map - 1;
    const uint32_t head[3] = { 7, (uint32_t)n, 32 };
    memcpy(to, head, 12);
    memcpy(to + 12, "AMDGPU\0", 8);
    memcpy(to + 20, map, n);
    while (n % 4)
        to[20 + n++] = 0;
    return 20 + n;
}

/* A move, two MFMA, an accumulator move (0x58, no product), an MFMA whose source is no vector register (no such
   instruction), the end, and after it padding that looks like one more. */
static const uint32_t amd_code[] = { 0x7e000280, 0xd3cd0000, 0x1c020300, 0xd3cd8004, 0x04120300, 0xd3d84000,
                                     0x18020300, 0xd3cd0000, 0x04020000, 0xbf810000, 0xd3cd0000, 0x1c020300 };
static const uint32_t cuda_code[] = { 0x00007a02, 1, 2, 3, 0x0404723c, 1,     2,     3,
                                      0x0404723c, 1, 2, 3, 0x0000023d, 0x23c, 0x23c, 0x23c };
static const char cuda_log[] =
    "ptxas info    : 0 bytes gmem\nptxas info    : Compiling entry function 'k' for 'sm_90'\n"
    "ptxas info    : Function properties for helper\n"
    "ptxas         .     80 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
    "ptxas info    : Function properties for k\n"
    "ptxas         .     16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads\n"
    "ptxas info    : Used 18 registers, used 1 barriers, 256 bytes smem\nptxas info    : Compile time = 2.0 ms\n";

static void amd_make(struct file *f)
{
    uint8_t note[1024];
    elf_make(f, 224, note, metadata_make(note), amd_code, sizeof amd_code / 4, 0);
}

static void cuda_make(struct file *f) { elf_make(f, 190, "", 1, cuda_code, sizeof cuda_code / 4, 0x10); }

static struct kernel_info only_kernel(struct session *s, const struct file *f, const char *log)
{
    struct kernel_info *k;
    size_t n;
    if (!codeobj_read(s, f->bytes, f->n, log, &k, &n))
        fail_msg("%s", s->diags[0].text);
    assert_int_equal(n, 1);
    assert_string_equal(k->name, "k");
    return *k;
}

static void amd_numbers(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct file f;
    amd_make(&f);
    struct kernel_info k = only_kernel(s, &f, NULL);
    assert_int_equal(k.regs, 255);
    assert_int_equal(k.agprs, 32);
    assert_int_equal(k.sgprs, 258);
    assert_int_equal(k.spills, 7);
    assert_int_equal(k.stack, 48);
    assert_int_equal(k.shared, 65536);
    assert_int_equal(k.matrix, 2);
    session_end(s);
}

static void cuda_numbers(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct file f;
    cuda_make(&f);
    struct kernel_info k = only_kernel(s, &f, cuda_log);
    assert_int_equal(k.regs, 18);
    assert_int_equal(k.agprs, -1);
    assert_int_equal(k.spills, 12);
    assert_int_equal(k.stack, 16);
    assert_int_equal(k.shared, 256);
    assert_int_equal(k.matrix, 2);
    k = only_kernel(s, &f, NULL); /* without the log: not known, rather than 0 */
    assert_int_equal(k.regs, -1);
    assert_int_equal(k.spills, -1);
    assert_int_equal(k.matrix, 2);
    session_end(s);
}

static void refusals(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct kernel_info *k;
    size_t n = 7;
    struct file f;
    assert_false(codeobj_read(s, "", 0, NULL, &k, &n));
    assert_int_equal(n, 0);
    static const char text[100] = "int main(void) { return 0; }";
    assert_false(codeobj_read(s, text, sizeof text, NULL, &k, &n));
    assert_non_null(strstr(s->diags[1].text, "no ELF file"));
    amd_make(&f);
    f.bytes[18] = 62; /* e_machine: x86-64 */
    assert_false(codeobj_read(s, f.bytes, f.n, NULL, &k, &n));
    assert_non_null(strstr(s->diags[2].text, "machine 62"));
    elf_make(&f, 224, "", 1, amd_code, 1, 0);
    assert_false(codeobj_read(s, f.bytes, f.n, NULL, &k, &n));
    assert_non_null(strstr(s->diags[3].text, "no kernel"));
    assert_int_equal(s->fail, FAIL_DEVICE);
    session_end(s);
}

/* ---- hostile bytes. The object ends where a page begins that nobody may read: an over-read of one byte kills the test
   ---- */

struct fence {
    uint8_t *map;
    size_t room, page;
};

static struct fence fence_make(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct fence f = { NULL, (size + page - 1) / page * page, page };
    f.map = mmap(NULL, f.room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(f.map != MAP_FAILED);
    assert_int_equal(mprotect(f.map + f.room, page, PROT_NONE), 0);
    return f;
}

static bool read_fenced(const struct fence *f, const uint8_t *bytes, size_t size, const char *log)
{
    uint8_t *at = f->map + f->room - size;
    memcpy(at, bytes, size);
    struct session *s = session_begin();
    struct kernel_info *k;
    size_t n;
    bool good = codeobj_read(s, at, size, log, &k, &n);
    assert_int_equal(good, n > 0);
    assert_int_equal(good, s->n_errors == 0);
    for (size_t i = 0; i < n; i++)
        assert_true(k[i].matrix >= -1 && (size_t)(k[i].matrix + 1) <= size && strlen(k[i].name) <= size);
    session_end(s);
    return good;
}

/* Every truncation; every bit flipped alone in a small object, and a sample of flips of one to three bytes in any. */
static void torment(const void *object, size_t size, const char *log)
{
    struct fence fence = fence_make(size);
    uint8_t *copy = malloc(size);
    size_t step = size > 2048 ? size / 2048 : 1;
    size_t good = 0;
    memcpy(copy, object, size);
    for (size_t n = 0; n < size; n += step)
        read_fenced(&fence, copy, n, log);
    for (size_t bit = 0; bit < 8 * size; bit += step) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        good += read_fenced(&fence, copy, size, log);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(good > 0); /* flips in the code itself leave an object that reads */
    uint64_t rnd = size;
    for (int i = 0; i < 5000; i++) {
        for (int k = 0; k < 1 + i % 3; k++)
            copy[rnd_u64(&rnd) % size] = (uint8_t)(i % 2 ? rnd_u64(&rnd) : (uint64_t)(i & 2 ? 0xff : 0xdf));
        read_fenced(&fence, copy, size, log);
        if (i % 3 == 2)
            memcpy(copy, object, size);
    }
    memcpy(copy, object, size);
    assert_true(read_fenced(&fence, copy, size, log));
    free(copy);
    munmap(fence.map, fence.room + fence.page);
}

static void hostile_made(void **state)
{
    (void)state;
    struct file f;
    amd_make(&f);
    torment(f.bytes, f.n, NULL);
    cuda_make(&f);
    torment(f.bytes, f.n, cuda_log);
}

/* Sixty thousand sections over the same bytes, each of notes that each cost a walk: given up, not walked. */
static void overlap_is_bounded(void **state)
{
    (void)state;
    struct file f;
    amd_make(&f);
    enum { N = 60000 };
    size_t notes = (size_t)1 << 20;
    size_t size = sizeof(Elf64_Ehdr) + N * sizeof(Elf64_Shdr) + notes;
    uint8_t *big = calloc(size, 1);
    Elf64_Ehdr head;
    memcpy(&head, f.bytes, sizeof head);
    head.e_shnum = N;
    head.e_shoff = sizeof head;
    memcpy(big, &head, sizeof head);
    for (size_t i = 1; i < N; i++) {
        Elf64_Shdr h = { .sh_type = SHT_NOTE, .sh_offset = size - notes, .sh_size = notes };
        memcpy(big + sizeof head + i * sizeof h, &h, sizeof h);
    }
    struct session *s = session_begin();
    struct kernel_info *k;
    size_t n;
    assert_false(codeobj_read(s, big, size, NULL, &k, &n));
    assert_non_null(strstr(s->diags[0].text, "overlap"));
    session_end(s);
    free(big);
}

static void hostile_log(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct file f;
    cuda_make(&f);
    static const char *const logs[] = {
        "",
        "\n\n",
        "Compiling entry function '",
        "Compiling entry function 'k' for 'sm_90'\nUsed 99999999999999999999 registers",
        "Function properties for k\n bytes stack frame, bytes spill stores, bytes spill loads",
        " registers\nUsed registers"
    };
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        struct kernel_info k = only_kernel(s, &f, logs[i]);
        assert_true(i == 3 ? k.regs > 1000 : k.regs == -1);
        assert_int_equal(k.stack, -1);
    }
    session_end(s);
}

/* The same with what a compiler really made. */
static void real_object(const struct target *t, const char *text)
{
    struct session *s = session_begin();
    struct code c;
    if (!compile_gpu(s, t, text, NULL, 0, &c))
        fail_msg("%s", s->diags[0].text);
    torment(c.object, c.size, cuda_log);
    session_end(s);
}

static const char real_text[] = "extern \"C\" __global__ void k(float *x) { x[threadIdx.x] *= 2.0f; }\n";

static void hostile_hiprtc(void **state)
{
    (void)state;
    real_object(&(struct target){ .name = "gfx90a", .compiler = COMPILER_HIPRTC, .wave = 64 }, real_text);
}

static void hostile_nvrtc(void **state)
{
    (void)state;
    real_object(&(struct target){ .name = "sm_90", .compiler = COMPILER_NVRTC, .wave = 32 }, real_text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amd_numbers),   cmocka_unit_test(cuda_numbers),       cmocka_unit_test(refusals),
        cmocka_unit_test(hostile_made),  cmocka_unit_test(overlap_is_bounded), cmocka_unit_test(hostile_log),
        needs("hiprtc", hostile_hiprtc), needs("nvrtc", hostile_nvrtc),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
