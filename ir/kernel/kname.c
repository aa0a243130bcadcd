#include "ir/kernel/kname.h"

#include <ctype.h>
#include <string.h>

#include "ir/kernel/kstmt.h"

/* The keywords of the kernel text. The first words of statements are in kstmt_table instead. */
static const char *const in_kernels[] = { "a",   "at",  "block", "else", "false",      "from", "in",     "inf",  "mask",
                                          "max", "min", "nan",   "step", "transposed", "true", "unroll", "where" };
static const char *const in_c[] = {
    "alignas", "alignof",  "and",      "asm",       "auto",     "bool",    "break",    "case",   "catch",
    "char",    "class",    "const",    "constexpr", "continue", "default", "delete",   "do",     "double",
    "enum",    "explicit", "export",   "extern",    "float",    "friend",  "goto",     "half",   "inline",
    "int",     "long",     "mutable",  "namespace", "new",      "not",     "operator", "or",     "protected",
    "public",  "register", "restrict", "return",    "short",    "signed",  "sizeof",   "static", "struct",
    "switch",  "template", "this",     "throw",     "try",      "typedef", "typename", "union",  "unsigned",
    "using",   "virtual",  "void",     "volatile",  "while",    "xor",     "linux",    "unix"
};

static bool is_made_up(const char *n, const char *stem)
{
    size_t len = strlen(stem);
    if (strncmp(n, stem, len) || !n[len])
        return false;
    return n[len + strspn(n + len, "0123456789")] == 0;
}

bool kname_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof in_kernels / sizeof *in_kernels; i++)
        if (!strcmp(in_kernels[i], name))
            return true;
    for (size_t i = 0; i < sizeof in_c / sizeof *in_c; i++)
        if (!strcmp(in_c[i], name))
            return true;
    for (int i = 0; i < KSTMT_COUNT; i++)
        if (kstmt_table[i].word && !strcmp(kstmt_table[i].word, name))
            return true;
    size_t n = strlen(name);
    return !strncmp(name, "tk_", 3) || !strncmp(name, "TK_", 3) || !strncmp(name, "p_", 2) || strstr(name, "__") ||
           (n && name[n - 1] == '_') || is_made_up(name, "t") || is_made_up(name, "st");
}

const char *kname_clean(struct arena *a, const char *name)
{
    char *out = arena_printf(a, "%s%s", isdigit((unsigned char)name[0]) || !name[0] ? "n" : "", name);
    char *to = out;
    for (const char *p = out; *p; p++) {
        if (isalnum((unsigned char)*p) && !((unsigned char)*p & 0x80))
            *to++ = *p;
        else if (to > out && to[-1] != '_')
            *to++ = '_';
    }
    while (to > out && to[-1] == '_')
        to--;
    *to = 0;
    return to == out ? "n" : kname_reserved(out) ? arena_printf(a, "%s_x", out) : out;
}
