#include "runtime/cli/cli_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ir/index.h"
#include "ir/map.h"
#include "passes/pass.h"

#define AT(field) offsetof(struct cli_options, field)
static const struct cli_flag flags[] = {
    { "size", 0, FLAG_TEXT, AT(size), "NAME", "size of the graph (the first one in the file if not given)" },
    { "set", 0, FLAG_LIST, AT(sets), "NAME=VALUE", "another value for one of the graph's integers; may be repeated" },
    { "backend", 0, FLAG_WORD, AT(backend), "cpu|hip", "cpu: the reference interpreter; hip: compiled kernels" },
    { "device", 0, FLAG_TEXT, AT(device), "D", "amd:N, nvidia:N, emu:TARGET (no GPU needed), or emu" },
    { "against", 0, FLAG_WORD, AT(against), "cpu", "what to judge against: cpu, the reference interpreter" },
    { "numerics", 0, FLAG_WORD, AT(numerics), "real|f32|f16", "cpu: real (default), f32 or f16; hip: f16" },
    { "target", 0, FLAG_TEXT, AT(target), "ARCH,...",
      "architectures to compile for (every GPU here if not given, else gfx90a)" },
    { "batch", 0, FLAG_COUNT, AT(batch), "N",
      "value of the first symbolic dim, if no file sets it (128 if not given)" },
    { "dim", 0, FLAG_LIST, AT(dims), "NAME=VALUE", "value of a symbolic dim that no file sets; may be repeated" },
    { "weights", 0, FLAG_TEXT, AT(weights), "FILE", "parameters, as safetensors (drawn if not given)" },
    { "save-weights", 0, FLAG_TEXT, AT(save_weights), "FILE", "write the parameters as safetensors (F32)" },
    { "input", 0, FLAG_LIST, AT(inputs), "NAME=F.npy", "an input or label (drawn if not given); may be repeated" },
    { "output", 0, FLAG_LIST, AT(outputs), "NAME=F.npy",
      "show any named tensor; with F.npy (run only), write it to this file; may be repeated" },
    { "grad", 0, FLAG_BOOL, AT(grad), NULL,
      "also the loss, and its gradient by every parameter (grad:NAME; --output grad:x also by an input)" },
    { "loss-scale", 0, FLAG_SCALE, AT(loss_scale), "S",
      "gradients are computed of the loss times S, a power of two (1024 if not given), and divided by it" },
    { "memory-limit", 0, FLAG_BYTES, AT(memory_limit), "BYTES",
      "most memory for activations and scratch at --batch (K, M or G may follow): values are recomputed until it "
      "suffices" },
    { "seed", 0, FLAG_SEED, AT(seed), "N", "seed of everything that is drawn (42 if not given)" },
    { "init", 0, FLAG_WORD, AT(init), "train|judge",
      "how parameters are drawn: biases 0 and gammas 1 (train), or all random (judge)" },
    { "out", 'o', FLAG_TEXT, AT(out_dir), "DIR", "where the build goes (tokic-out/GRAPH-SIZE if not given)" },
    { "report", 0, FLAG_TEXT, AT(report), "FILE.json", "write the whole report to a file" },
    { "check", 0, FLAG_BOOL, AT(check), NULL, "check the contracts that only a run can decide" },
    { "exact", 0, FLAG_BOOL, AT(exact), NULL, "also judge the kernels without rounding, over a finite field" },
    { "full", 0, FLAG_BOOL, AT(full), NULL, "judge every element of large kernels and outputs, not 4,096 chosen ones" },
    { "sanitize", 0, FLAG_BOOL, AT(sanitize), NULL, "emu looks for races, out-of-range and unwritten accesses" },
    { "dump-launches", 0, FLAG_TEXT, AT(dump_launches), "DIR", "save every launch as a reproducer" },
    { "threads", 0, FLAG_POSITIVE, AT(threads), "N", "CPU threads to use (all if not given)" },
    { "contracts", 0, FLAG_BOOL, AT(contracts), NULL, "list every obligation and its outcome" },
    { "dot", 0, FLAG_BOOL, AT(dot), NULL, "as Graphviz" },
    { "markdown", 0, FLAG_BOOL, AT(markdown), NULL, "as a page of Markdown" },
    { "dump", 0, FLAG_DUMP, AT(dump), "after:PASS", "print the graph after a pass, or after:all" },
    { "stop", 0, FLAG_PASS, AT(stop), "PASS", "stop after a pass" },
    { "json", 0, FLAG_BOOL, AT(json), NULL, "results as JSON, one object per line" },
    { "quiet", 'q', FLAG_BOOL, AT(quiet), NULL, "print only the essential lines" },
    { "verbose", 'v', FLAG_BOOL, AT(verbose), NULL, "log passes, compilers and devices to stderr" },
    { "help", 'h', FLAG_BOOL, AT(help), NULL, "show this" },
};
enum { N_FLAGS = sizeof flags / sizeof *flags, FIRST_VALUE = 1000 };

const struct cli_flag *cli_flag_at(int i) { return i >= 0 && i < N_FLAGS ? &flags[i] : NULL; }

static bool in_list(const char *list, char sep, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; *p;) {
        const char *end = strchrnul(p, sep);
        if ((size_t)(end - p) == len && !memcmp(p, word, len))
            return true;
        p = *end ? end + 1 : end;
    }
    return false;
}

bool cli_has_word(const char *words, const char *word) { return in_list(words, ' ', word); }

static bool takes(const struct verb *v, const struct cli_flag *f)
{
    return !strcmp(f->name, "help") || cli_has_word(v->flags, f->name);
}

const char *cli_meant(struct session *s, const char *near)
{
    return near ? arena_printf(s->run, "; did you mean %s?", near) : "";
}

const char *cli_word_meant(const char *of, const char *said)
{
    static const struct {
        const char *of, *said, *meant;
    } words[] = {
        { "backend", "cuda", "hip" },
        { "backend", "gpu", "hip" },
        { "backend", "nvidia", "hip" },
        { "backend", "amd", "hip" },
        { "backend", "rocm", "hip" },
        { "backend", "emu", "--backend hip --device emu" },
        { "numerics", "float32", "f32" },
        { "numerics", "fp32", "f32" },
        { "numerics", "float16", "f16" },
        { "numerics", "fp16", "f16" },
        { "numerics", "half", "f16" },
        { "numerics", "float64", "real" },
        { "numerics", "double", "real" },
        { "numerics", "f64", "real" },
        { "device", "cuda", "nvidia:0" },
        { "device", "nvidia", "nvidia:0" },
        { "device", "gpu", "nvidia:0 or amd:0" },
        { "device", "amd", "amd:0" },
        { "device", "hip", "amd:0 or nvidia:0" },
        { "device", "rocm", "amd:0" },
        { "device", "cpu", "emu, or --backend cpu" },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].of, of) && !strcasecmp(words[i].said, said))
            return words[i].meant;
    return NULL;
}

static const char *others_with(struct session *s, const struct verbs *all, const char *name)
{
    const char *list = "";
    for (size_t i = 0; i < all->n; i++)
        if (cli_has_word(all->v[i].flags, name))
            list = arena_printf(s->run, "%s%s%s", list, *list ? ", " : "", all->v[i].name);
    return list;
}

static bool unknown_flag(struct session *s, const struct verbs *all, const struct verb *v, const char *said)
{
    const char *name = arena_strndup(s->run, said + strspn(said, "-"), strcspn(said + strspn(said, "-"), "="));
    const char *near = NULL;
    for (int i = 0; i < N_FLAGS; i++)
        if (takes(v, &flags[i]))
            near = name_nearer(name, near, flags[i].name);
    diag_error(s, FAIL_USAGE, NOWHERE, "tokic %s has no flag %s%s", v->name,
               arena_strndup(s->run, said, strcspn(said, "=")),
               cli_meant(s, near ? arena_printf(s->run, "--%s", near) : NULL));
    const char *others = others_with(s, all, name);
    if (*others)
        diag_note(s, NOWHERE, "--%s is a flag of: %s", name, others);
    diag_note(s, NOWHERE, "tokic help %s lists the flags that it takes", v->name);
    return false;
}

static bool bad_value(struct session *s, const struct cli_flag *f, const char *value, const char *wanted)
{
    return diag_error(s, FAIL_USAGE, NOWHERE, "--%s %s: %s", f->name, value, wanted);
}

static bool read_count(struct session *s, const struct cli_flag *f, const char *value, int64_t least, int64_t *out)
{
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (end == value || *end || errno || n < least || n > INDEX_DIM_MAX)
        return bad_value(
            s, f, value,
            arena_printf(s->run, "a number from %lld to %lld is needed", (long long)least, (long long)INDEX_DIM_MAX));
    *out = n;
    return true;
}

static bool read_seed(struct session *s, const struct cli_flag *f, const char *value, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (end == value || *end || errno || strchr(value, '-'))
        return bad_value(s, f, value, "a number from 0 to 2^64 - 1 is needed");
    *out = n;
    return true;
}

static bool read_scale(struct session *s, const struct cli_flag *f, const char *value, double *out)
{
    char *end;
    int exponent;
    double x = strtod(value, &end);
    if (end == value || *end || !(x >= 0x1p-24 && x <= 0x1p24) || frexp(x, &exponent) != 0.5)
        return bad_value(s, f, value, "a power of two from 2^-24 to 2^24 is needed");
    *out = x;
    return true;
}

static bool read_bytes(struct session *s, const struct cli_flag *f, const char *value, int64_t *out)
{
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (end == value || (*end && (!unit || end[1])) || errno || n < 1 || n > INT64_MAX >> shift)
        return bad_value(s, f, value, "a number of bytes is needed, such as 1000000, 512K, 64M or 2G");
    *out = (int64_t)n << shift;
    return true;
}

static bool read_word(struct session *s, const struct cli_flag *f, const char *value, const char **out)
{
    *out = value;
    if (in_list(f->arg, '|', value))
        return true;
    const char *known = cli_word_meant(f->name, value);
    const char *near = NULL;
    for (const char *p = f->arg; *p;) {
        size_t n = strcspn(p, "|");
        near = name_nearer(value, near, arena_strndup(s->run, p, n));
        p += n + (p[n] == '|');
    }
    return diag_error(s, FAIL_USAGE, NOWHERE, "there is no %s %s; choose one of %s%s", f->name, value, f->arg,
                      cli_meant(s, known ? known : near));
}

static bool read_pass(struct session *s, const struct cli_flag *f, const char *value, const char **out)
{
    const char *near = NULL;
    const char *all = "";
    *out = value;
    if (pass_find(value) || (f->kind == FLAG_DUMP && !strcmp(value, "all")))
        return true;
    for (int i = 0; pass_at(i); i++) {
        near = name_nearer(value, near, pass_at(i)->name);
        all = arena_printf(s->run, "%s%s%s", all, i ? ", " : "", pass_at(i)->name);
    }
    return diag_error(s, FAIL_USAGE, NOWHERE, "--%s: there is no pass %s%s (there are: %s)", f->name, value,
                      cli_meant(s, near), all);
}

static bool read_dump(struct session *s, const struct cli_flag *f, const char *value, const char **out)
{
    if (strncmp(value, "after:", 6))
        return bad_value(s, f, value, "after:PASS or after:all is needed");
    return read_pass(s, f, value + 6, out);
}

static bool read_value(struct session *s, const struct cli_flag *f, const char *value, struct cli_options *o)
{
    void *field = (char *)o + f->at;
    switch (f->kind) {
    case FLAG_BOOL: *(bool *)field = true; return true;
    case FLAG_TEXT: *(const char **)field = value; return *value || bad_value(s, f, "''", "the value is empty");
    case FLAG_LIST: {
        struct texts *list = field;
        *arena_push(s->run, list->v, list->n, list->cap) = value;
        return true;
    }
    case FLAG_COUNT: return read_count(s, f, value, 0, field);
    case FLAG_POSITIVE: return read_count(s, f, value, 1, field);
    case FLAG_SEED: return read_seed(s, f, value, field);
    case FLAG_SCALE: return read_scale(s, f, value, field);
    case FLAG_BYTES: return read_bytes(s, f, value, field);
    case FLAG_WORD: return read_word(s, f, value, field);
    case FLAG_DUMP: return read_dump(s, f, value, field);
    case FLAG_PASS: return read_pass(s, f, value, field);
    }
    BUG("flag kind %d", (int)f->kind);
}

static void tables_of(const struct verb *v, struct option longs[N_FLAGS + 1], char shorts[3 * N_FLAGS + 2])
{
    int n = 0;
    *shorts++ = ':';
    for (int i = 0; i < N_FLAGS; i++) {
        if (!takes(v, &flags[i]))
            continue;
        int arg = flags[i].kind == FLAG_BOOL ? no_argument : required_argument;
        longs[n++] = (struct option){ flags[i].name, arg, NULL, FIRST_VALUE + i };
        if (!flags[i].letter)
            continue;
        *shorts++ = flags[i].letter;
        if (arg)
            *shorts++ = ':';
    }
    longs[n] = (struct option){ 0 };
    *shorts = 0;
}

static const struct cli_flag *flag_of(int got)
{
    if (got >= FIRST_VALUE)
        return &flags[got - FIRST_VALUE];
    for (int i = 0; i < N_FLAGS; i++)
        if (flags[i].letter && flags[i].letter == got)
            return &flags[i];
    BUG("getopt gave %d", got);
}

/* tokic refuses abbreviated flags ("--dev"): a flag added later could make an abbreviation ambiguous. */
static bool is_abbreviated(const struct cli_flag *f, char **argv, bool is_long)
{
    const char *said = argv[optind - 1 - (optarg && optarg == argv[optind - 1])];
    size_t n = strlen(f->name);
    return is_long && (strncmp(said, "--", 2) || strncmp(said + 2, f->name, n) || (said[2 + n] && said[2 + n] != '='));
}

static bool read_arguments(struct session *s, const struct verb *v, int argc, char **argv, struct cli_options *o)
{
    if (optind < argc && o->help)
        return true;
    if (argc - optind > (v->args ? 1 : 0)) {
        const char *extra = argv[optind + (v->args ? 1 : 0)];
        diag_error(s, FAIL_USAGE, NOWHERE, "tokic %s takes %s; '%s' is extra", v->name,
                   v->args ? v->args : "no argument", extra);
        diag_note(s, NOWHERE, "usage: tokic %s%s%s [FLAGS]", v->name, v->args ? " " : "", v->args ? v->args : "");
        return false;
    }
    o->what = optind < argc ? argv[optind] : NULL;
    return true;
}

bool cli_options_read(struct session *s, const struct verbs *all, const struct verb *v, int argc, char **argv,
                      struct cli_options *o)
{
    struct option longs[N_FLAGS + 1];
    char shorts[3 * N_FLAGS + 2], **args = arena_array(s->run, char *, argc + 1); /* a copy: getopt reorders it */
    memcpy(args, argv, (size_t)argc * sizeof *argv);
    tables_of(v, longs, shorts);
    *o = (struct cli_options){ .batch = -1, .seed = 42 };
    optind = 0;
    opterr = 0;
    for (int got; (got = getopt_long(argc, args, shorts, longs, NULL)) != -1;) {
        const char *said = args[optind - 1];
        if (got == '?' && optopt && optopt < FIRST_VALUE)
            return unknown_flag(s, all, v, arena_printf(s->run, "-%c", optopt));
        if (got == '?' && optopt)
            return diag_error(s, FAIL_USAGE, NOWHERE, "--%s takes no value", flag_of(optopt)->name);
        if (got == '?')
            return unknown_flag(s, all, v, said);
        if (got == ':')
            return diag_error(s, FAIL_USAGE, NOWHERE, "%s needs a value: %s", said, flag_of(optopt)->arg);
        const struct cli_flag *f = flag_of(got);
        if (is_abbreviated(f, args, got >= FIRST_VALUE))
            return unknown_flag(s, all, v, args[optind - 1 - (optarg && optarg == args[optind - 1])]);
        if (!read_value(s, f, optarg, o))
            return false;
    }
    return read_arguments(s, v, argc, args, o);
}

void cli_options_help(const struct verb *v, FILE *to)
{
    for (int i = 0; i < N_FLAGS; i++) {
        const struct cli_flag *f = &flags[i];
        if (!takes(v, f))
            continue;
        char head[80];
        if (f->letter)
            snprintf(head, sizeof head, "-%c, --%s%s%s", f->letter, f->name, f->arg ? " " : "", f->arg ? f->arg : "");
        else
            snprintf(head, sizeof head, "    --%s%s%s", f->name, f->arg ? " " : "", f->arg ? f->arg : "");
        fprintf(to, "  %-28s  %s\n", head, f->help);
    }
}
