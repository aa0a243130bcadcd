/* The architecture's rules, read from the sources and the libraries. Every rule is also shown a text that breaks it. */
#include "tests/support/support.h"

#include <elf.h>
#include <fts.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_COLUMNS = 120, MAX_LINES = 800, MAX_FILES = 1000 };

/* A source file; `code` is its text with comments blanked, line for line. */
struct file {
    const char *path;
    char *text, *code;
};

/* What a rule may leave: in this file, this word, because. */
struct exception {
    const char *path, *word, *reason;
};

struct findings {
    FILE *to;
    int n;
    unsigned used; /* bits: exceptions that were needed */
};

__attribute__((format(printf, 4, 5))) static void found(struct findings *out, const struct file *f, int line,
                                                        const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(out->to, "%s:%d: ", f->path, line);
    vfprintf(out->to, fmt, ap);
    fputc('\n', out->to);
    va_end(ap);
    out->n++;
}

/* ---- reading ---- */

static void blank(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != '\n')
            p[i] = ' ';
}

/* The end of a string or character literal that begins at p. */
static char *literal_end(char *p)
{
    char quote = *p++;
    while (*p && *p != quote && *p != '\n')
        p += *p == '\\' && p[1] ? 2 : 1;
    return *p == quote ? p + 1 : p;
}

static void blank_comments(char *code)
{
    for (char *p = code, *end; *p; p = end) {
        end = p + 1;
        if (*p == '"' || *p == '\'')
            end = literal_end(p);
        else if (p[0] == '/' && p[1] == '/')
            blank(p, (size_t)((end = p + strcspn(p, "\n")) - p));
        else if (p[0] == '/' && p[1] == '*') {
            char *close = strstr(p + 2, "*/");
            end = close ? close + 2 : p + strlen(p);
            blank(p, (size_t)(end - p));
        }
    }
}

static char *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st))
        fail_msg("cannot read %s", path);
    *size = (size_t)st.st_size;
    char *text = malloc(*size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *size, f), *size);
    text[*size] = 0;
    fclose(f);
    return text;
}

static struct file file_of(const char *path, char *text)
{
    struct file f = { path, text, strdup(text) };
    blank_comments(f.code);
    return f;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path);
    size_t m = strlen(suffix);
    return n >= m && !strcmp(path + n - m, suffix);
}

/* Every .c, .h and .S below the storeys and the tests. */
struct house {
    struct file files[MAX_FILES];
    size_t n;
};

static void house_read(struct house *h)
{
    char *tops[] = { (char[]){ SOURCE_DIR "/ir" },
                     (char[]){ SOURCE_DIR "/passes" },
                     (char[]){ SOURCE_DIR "/codegen" },
                     (char[]){ SOURCE_DIR "/runtime" },
                     (char[]){ SOURCE_DIR "/tests" },
                     (char[]){ SOURCE_DIR "/bench" },
                     NULL };
    FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (FTSENT *e; (e = fts_read(walk));) {
        if (e->fts_info != FTS_F ||
            !(has_suffix(e->fts_path, ".c") || has_suffix(e->fts_path, ".h") || has_suffix(e->fts_path, ".S")))
            continue;
        assert_true(h->n < MAX_FILES);
        size_t size;
        char *text = read_all(e->fts_path, &size);
        h->files[h->n++] = file_of(strdup(e->fts_path + strlen(SOURCE_DIR "/")), text);
    }
    fts_close(walk);
    assert_true(h->n > 100);
}

static void file_free(struct file *f)
{
    free(f->text);
    free(f->code);
}

static void house_free(struct house *h)
{
    for (size_t i = 0; i < h->n; i++) {
        free((char *)h->files[i].path);
        file_free(&h->files[i]);
    }
    free(h);
}

static bool in_folder(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return !strncmp(path, folder, n) && path[n] == '/';
}

static bool in_storey(const char *path)
{
    return in_folder(path, "ir") || in_folder(path, "passes") || in_folder(path, "codegen") ||
           in_folder(path, "runtime");
}

static int line_at(const char *text, const char *at)
{
    int line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* Calls `hit` for each match of an extended regular expression in the code; `word` is its first parenthesis, or all of
   it. */
static void each_match(const struct file *f, const char *pattern, struct findings *out,
                       void (*hit)(const struct file *, const char *word, int line, struct findings *))
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE), 0);
    regmatch_t m[2];
    for (const char *p = f->code; !regexec(&re, p, 2, m, p > f->code ? REG_NOTBOL : 0); p += m[0].rm_eo) {
        const regmatch_t *part = m[1].rm_so >= 0 ? &m[1] : &m[0];
        char *word = strndup(p + part->rm_so, (size_t)(part->rm_eo - part->rm_so));
        hit(f, word, line_at(f->code, p + part->rm_so), out);
        free(word);
    }
    regfree(&re);
}

/* ---- the rules ---- */

/* The stairs: whom a folder may include. tests and bench stand on top; passes and codegen are siblings. */
static const struct {
    const char *folder, *may[6];
} stairs[] = {
    { "ir", { "ir" } },
    { "passes", { "passes", "ir" } },
    { "codegen", { "codegen", "ir" } },
    { "runtime", { "runtime", "codegen", "passes", "ir" } },
    { "tests", { "tests", "runtime", "codegen", "passes", "ir" } },
    { "bench", { "bench", "tests", "runtime", "codegen", "passes", "ir" } },
};

static void include_hit(const struct file *f, const char *word, int line, struct findings *out)
{
    struct stat st;
    char real[600];
    snprintf(real, sizeof real, SOURCE_DIR "/%s", word);
    if (stat(real, &st))
        found(out, f, line, "\"%s\" is no file of the root", word);
    for (size_t i = 0; i < sizeof stairs / sizeof *stairs; i++) {
        if (!in_folder(f->path, stairs[i].folder))
            continue;
        for (int k = 0; k < 6 && stairs[i].may[k]; k++)
            if (in_folder(word, stairs[i].may[k]))
                return;
    }
    found(out, f, line, "\"%s\" is not below %s", word, f->path);
}

static void rule_includes(const struct file *f, struct findings *out)
{
    each_match(f, "^[ \t]*#[ \t]*include[ \t]*\"([^\"\n]*)\"", out, include_hit);
}

/* Excused, and noted as such? */
static bool excused(const struct exception *list, const struct file *f, const char *word, struct findings *out)
{
    for (int i = 0; list[i].path; i++) {
        if (strcmp(list[i].path, f->path) || strcmp(list[i].word, word))
            continue;
        out->used |= 1u << i;
        return true;
    }
    return false;
}

/* What an op is stands in its row. Outside ir, a text that is an op's name may stand only where it means something
   else, or makes a node. */
static const struct exception op_words[] = {
    { "passes/precision.c", "cast", "makes the node that rounds an operand" },
    { "passes/autodiff.c", "add", "makes the nodes that sum adjoints" },
    { "passes/autodiff.c", "mul", "makes the nodes that take the loss scale off" },
    { "codegen/gemm.c", "slice", "the name of a loop" },
    { "passes/pipeline.c", "all", "every pass" },
    { "codegen/print.c", "combine", "what is done to accumulators" },
    { "codegen/print_frag.c", "combine", "what is done to accumulators" },
    { "codegen/payload.c", "combine", "what is done to accumulators" },
    { "runtime/emu/emu.c", "fma", "a feature of the processor" },
    { "runtime/compile/compile_child.c", "log", "a file" },
    { "runtime/cli/cli_options.c", "input", "a flag" },
    { "runtime/cli/cli_options.c", "all", "every pass" },
    { "runtime/cli/cli_run.c", "min", "a member of the JSON" },
    { "runtime/cli/cli_ops.c", "select", "a class of ops" },
    { "runtime/cli/cli_run.c", "mean", "a key of JSON" },
    { "runtime/cli/cli_run.c", "max", "a key of JSON" },
    { "runtime/cli/cli_build.c", "combine",
      "says in words whether experts are dispatched; until route writes it on the graph" },
    { "runtime/cli/report_verify.c", "combine", "the same" },
    { NULL, NULL, NULL },
};

static const char *const op_names[] = {
#define OP(name) #name,
#include "ir/ops.def"
#undef OP
    NULL
};

static bool is_op(const char *word)
{
    for (int i = 0; op_names[i]; i++)
        if (!strcmp(op_names[i], word))
            return true;
    return false;
}

static void op_word_hit(const struct file *f, const char *word, int line, struct findings *out)
{
    if (is_op(word) && !excused(op_words, f, word, out))
        found(out, f, line, "names the op %s", word);
}

static void rule_op_words(const struct file *f, struct findings *out)
{
    if (!in_storey(f->path) || in_folder(f->path, "ir"))
        return;
    each_match(f, "\"([a-z_0-9]+)\"", out, op_word_hit);
    each_match(f, "\\bop_([a-z_0-9]+)\\b", out, op_word_hit); /* the address of a row */
}

/* The name of an op compared, or switched on. */
static const struct exception op_comparisons[] = {
    { "runtime/cli/table.c", "strcmp(g->nodes[i]->op->call.name", "graph_uses, for the two reports above" },
    { NULL, NULL, NULL },
};

static void op_comparison_hit(const struct file *f, const char *word, int line, struct findings *out)
{
    if (!excused(op_comparisons, f, word, out))
        found(out, f, line, "asks which op a node is: %s", word);
}

static void rule_op_comparisons(const struct file *f, struct findings *out)
{
    if (!in_storey(f->path) || in_folder(f->path, "ir"))
        return;
    each_match(f, "\\bop_is[ ]*\\(", out, op_comparison_hit);
    each_match(f, "\\b((str|mem)n?(case)?cmp[ ]*\\([^;\n]*op->call.name)", out, op_comparison_hit);
    each_match(f, "\\bswitch[ ]*\\([^)\n]*->op->call.name", out, op_comparison_hit);
}

/* No code asks for a target by name. */
static const struct exception target_words[] = {
    { "runtime/cli/cli_line.c", "gfx90a", "the target of a build that names none" },
    { "runtime/cli/cli_options.c", "gfx90a", "the help that says so" },
    { NULL, NULL, NULL },
};

static void target_hit(const struct file *f, const char *word, int line, struct findings *out)
{
    if (!excused(target_words, f, word, out))
        found(out, f, line, "names the target %s", word);
}

static void rule_targets(const struct file *f, struct findings *out)
{
    if (in_storey(f->path) && strcmp(f->path, "ir/target.c"))
        each_match(f, "(gfx[0-9][0-9a-f]*|sm_[0-9]+[a-z]?)", out, target_hit);
}

static void rule_size(const struct file *f, struct findings *out)
{
    int line = 1;
    int column = 0;
    for (const char *p = f->text; *p; p++) {
        if (*p == '\n') {
            line++;
            column = 0;
        } else if ((*p & 0xc0) != 0x80 && ++column == MAX_COLUMNS + 1)
            found(out, f, line, "more than %d columns", MAX_COLUMNS);
    }
    if (in_storey(f->path) && line - 1 > MAX_LINES)
        found(out, f, line, "more than %d lines", MAX_LINES);
}

/* Work that is left stands in no source. (In pieces, so that this file passes.) */
static void rule_left_work(const struct file *f, struct findings *out)
{
    static const char *const words[] = { "TO"
                                         "DO",
                                         "FIX"
                                         "ME",
                                         "XX"
                                         "X" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        for (const char *p = f->text; (p = strstr(p, words[i])); p += n)
            if (p[n] != words[i][n - 1] && (p == f->text || p[-1] != words[i][0])) /* mkdtemp's six are no word */
                found(out, f, line_at(f->text, p), "%s", words[i]);
    }
}

/* A test that skips itself looks green in a program that passes; support/needs.c shows it to ctest. */
static void skip_hit(const struct file *f, const char *word, int line, struct findings *out)
{
    found(out, f, line, "%s: a test says what it needs (tests/support/needs.h)", word);
}

static void rule_skips(const struct file *f, struct findings *out)
{
    if (in_folder(f->path, "tests") && strcmp(f->path, "tests/support/needs.c"))
        each_match(f, "\\b(skip[ ]*\\()", out, skip_hit);
}

static const struct rule {
    const char *name;
    void (*judge)(const struct file *f, struct findings *out);
    const struct exception *exceptions;
    const char *path, *good, *bad; /* a text that passes, and one that doesn't */
} rules[] = {
    { "includes", rule_includes, NULL, "passes/x.c",
      "#include \"ir/ops/op.h\"\n#include <math.h>\n/*\n#include \"runtime/device/exec.h\"\n*/\n",
      "# include \"codegen/spell.h\"\n" },
    { "includes", rule_includes, NULL, "ir/x.c", "#include \"ir/ops/op.h\"\n", "#include \"passes/pass.h\"\n" },
    { "includes", rule_includes, NULL, "runtime/x.c", "#include \"passes/pass.h\"\n",
      "#include \"tests/support/support.h\"\n" },
    { "includes", rule_includes, NULL, "runtime/x.c", "", "#include \"exec.h\"\n" },
    { "op words", rule_op_words, op_words, "passes/x.c", "f(\"sums\", 0);    /* \"softmax\" */",
      "return op_find(\"softmax\");" },
    { "op words", rule_op_words, NULL, "codegen/x.c", "f(op_attr);", "return n->op == &op_gelu;" },
    { "op comparisons", rule_op_comparisons, op_comparisons, "codegen/x.c",
      "switch (n->op->class) { } f(n->op->call.name);", "if (strcmp(n->op->call.name, name)) f();" },
    { "op comparisons", rule_op_comparisons, NULL, "passes/x.c", "f(x->op->class == CLS_VIEW);",
      "if (op_is(n, name)) f();" },
    { "op comparisons", rule_op_comparisons, NULL, "passes/x.c", "", "switch (n->op->call.name[0]) {" },
    { "targets", rule_targets, target_words, "runtime/x.c", "/* on gfx90a */ f(\"gfx\", \"sm_%d\");",
      "#ifdef __gfx90a__\n" },
    { "targets", rule_targets, NULL, "ir/x.c", "", "target_find(\"sm_90\")" },
    { "size", rule_size, NULL, "tests/x.c", "short\n",
      "                                                                                "
      "                                                                                x\n" },
    { "work that is left", rule_left_work, NULL, "tests/x.c",
      "\"tokic-XX"
      "XX"
      "XX\"",
      "/* TO"
      "DO: all */" },
    { "skips", rule_skips, NULL, "tests/x.c", "skipped(c);",
      "sk"
      "ip();" },
};
enum { N_RULES = sizeof rules / sizeof *rules };

static int judge_text(const struct rule *r, const char *text)
{
    struct file f = file_of(r->path, strdup(text));
    struct findings out = { .to = fopen("/dev/null", "w") };
    assert_non_null(out.to);
    r->judge(&f, &out);
    fclose(out.to);
    file_free(&f);
    return out.n;
}

static void rules_can_fail(void **state)
{
    (void)state;
    for (int i = 0; i < N_RULES; i++) {
        if (judge_text(&rules[i], rules[i].good) != 0)
            fail_msg("%s: refuses %s", rules[i].name, rules[i].good);
        if (judge_text(&rules[i], rules[i].bad) == 0)
            fail_msg("%s: passes %s", rules[i].name, rules[i].bad);
    }
}

static void the_sources_keep_the_rules(void **state)
{
    (void)state;
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    house_read(h);
    int broken = 0;
    for (int i = 0; i < N_RULES; i++) {
        if (i && rules[i].judge == rules[i - 1].judge)
            continue; /* a rule's first row stands for it */
        struct findings out = { .to = stderr };
        for (size_t k = 0; k < h->n; k++)
            rules[i].judge(&h->files[k], &out);
        broken += out.n;
        for (int k = 0; rules[i].exceptions && rules[i].exceptions[k].path; k++) {
            if (out.used >> k & 1)
                continue;
            print_error("%s: the exception of %s for %s is needed no more\n", rules[i].name,
                        rules[i].exceptions[k].path, rules[i].exceptions[k].word);
            broken++;
        }
    }
    house_free(h);
    assert_int_equal(broken, 0);
}

/* ---- no mutable globals ---- */

/* Constants with addresses in them are written once, by the loader; the sanitizers' own data are theirs. */
static bool is_mutable_section(const char *name, uint64_t flags)
{
    return flags & SHF_WRITE && flags & SHF_ALLOC && strncmp(name, ".data.rel.ro", 12) &&
           (!strncmp(name, ".data", 5) || !strncmp(name, ".bss", 4) || !strncmp(name, ".tdata", 6) ||
            !strncmp(name, ".tbss", 5));
}

static bool is_instrumentation(const char *symbol)
{
    static const char *const begin[] = { "__odr_asan", "__asan", "___asan",    "__sanc",
                                         "__llvm_",    "__prof", "__unnamed_", ".L" };
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
        if (!strncmp(symbol, begin[i], strlen(begin[i])))
            return true;
    return false;
}

/* Objects of an ELF file that can be written while the program runs. Returns how many there are; `want`, if not NULL:
   only of this name. */
static int mutable_objects(const char *where, const unsigned char *elf, const char *want)
{
    Elf64_Ehdr head;
    memcpy(&head, elf, sizeof head);
    assert_int_equal(head.e_ident[EI_CLASS], ELFCLASS64);
    Elf64_Shdr *sections = calloc(head.e_shnum, sizeof *sections);
    assert_non_null(sections);
    memcpy(sections, elf + head.e_shoff, head.e_shnum * sizeof *sections);
    const char *names = (const char *)elf + sections[head.e_shstrndx].sh_offset;
    int n = 0;
    int symbols = 0;
    for (int i = 0; i < head.e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB)
            continue;
        const char *strings = (const char *)elf + sections[sections[i].sh_link].sh_offset;
        for (uint64_t at = 0; at < sections[i].sh_size; at += sizeof(Elf64_Sym), symbols++) {
            Elf64_Sym sym;
            memcpy(&sym, elf + sections[i].sh_offset + at, sizeof sym);
            const char *name = strings + sym.st_name;
            int type = ELF64_ST_TYPE(sym.st_info);
            int in = sym.st_shndx;
            bool object = (type == STT_OBJECT || type == STT_TLS) && in != SHN_UNDEF && in < head.e_shnum;
            if (in != SHN_COMMON &&
                (!object || !is_mutable_section(names + sections[in].sh_name, sections[in].sh_flags)))
                continue;
            if (is_instrumentation(name) || (want && strcmp(want, name)))
                continue;
            if (!want)
                print_error("%s: %s can be written\n", where, name);
            n++;
        }
    }
    assert_true(symbols > 0);
    free(sections);
    return n;
}

/* The members of an archive: a header of 60 characters each (ar(5)), its size in decimal at 48, at even offsets. */
static int mutable_in_archive(const char *path)
{
    size_t size;
    char *bytes = read_all(path, &size);
    assert_memory_equal(bytes, "!<arch>\n", 8);
    const char *names = NULL; /* member "//": those that are longer than 15 */
    int n = 0;
    int members = 0;
    for (size_t at = 8; at + 60 <= size;) {
        size_t length = strtoul(bytes + at + 48, NULL, 10);
        size_t from = at + 60;
        assert_true(from + length <= size);
        if (!strncmp(bytes + at, "// ", 3))
            names = bytes + from;
        if (length > sizeof(Elf64_Ehdr) && !memcmp(bytes + from, ELFMAG, SELFMAG)) {
            const char *name = bytes + at;
            if (*name == '/' && names)
                name = names + strtoul(name + 1, NULL, 10);
            char where[200];
            snprintf(where, sizeof where, "%.*s", (int)strcspn(name, "/\n"), name);
            n += mutable_objects(where, (const unsigned char *)bytes + from, NULL);
            members++;
        }
        at = from + length + (length & 1);
    }
    assert_true(members > 5);
    free(bytes);
    return n;
}

/* What the scan must find: in this very program. */
static volatile int a_mutable_global;
static volatile int another_mutable_global = 1;
static _Thread_local volatile int a_thread_local;

static void there_are_no_mutable_globals(void **state)
{
    (void)state;
    static const char *const libraries[] = { LIBRARIES };
    a_mutable_global = another_mutable_global;
    a_thread_local = a_mutable_global;
    size_t size;
    char *self = read_all("/proc/self/exe", &size);
    assert_int_equal(mutable_objects("", (const unsigned char *)self, "a_mutable_global"), 1);
    assert_int_equal(mutable_objects("", (const unsigned char *)self, "another_mutable_global"), 1);
    assert_int_equal(mutable_objects("", (const unsigned char *)self, "a_thread_local"), 1);
    assert_int_equal(mutable_objects("", (const unsigned char *)self, "rules"), 0);
    free(self);
    int n = 0;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        n += mutable_in_archive(libraries[i]);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_can_fail),
        cmocka_unit_test(the_sources_keep_the_rules),
        cmocka_unit_test(there_are_no_mutable_globals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
