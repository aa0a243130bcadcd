#include "runtime/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ir/map.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/report.h"
#include "runtime/format/json_out.h"

static const struct verb verbs[] = {
    { "build", "GRAPH", "check a graph and compile it",
      "size set target batch grad loss-scale memory-limit out dump stop json quiet verbose",
      "Checks shapes and contracts, fuses the graph into kernels, and compiles them for each target.\n"
      "Writes a directory that holds the graph, each kernel's text, each target's code object, and\n"
      "manifest.json with the SHA-256 of every file. run and verify take such a directory; without a file\n"
      "they use the last build.\n"
      "A build works for every value of its symbolic dims; tiles are chosen for --batch.\n",
      cli_build },
    { "run", "[GRAPH|DIR]", "run a graph, or the last build",
      "size set backend device numerics target batch dim weights save-weights input output grad loss-scale "
      "memory-limit seed init check sanitize dump-launches threads json quiet verbose",
      "Prints each output of the graph. Without a file, the last build of this directory is run.\n"
      "--backend hip takes the first GPU; without a GPU, --device emu runs the same kernels on the CPU.\n"
      "--output takes any tensor that the graph names, including internal ones.\n",
      cli_run },
    { "verify", "[GRAPH|DIR]", "judge every kernel against the reference",
      "size set against backend device target batch dim weights input output grad loss-scale memory-limit "
      "seed init exact full report sanitize dump-launches threads json quiet verbose",
      "Runs the kernels and the reference on the same inputs. Each kernel is judged on the inputs that it\n"
      "actually read, within a bound that is computed from its rounding errors, never chosen. The graph after\n"
      "the passes is compared, value by value, with the graph as written. Without --device: the first GPU,\n"
      "else emu. --output adds any tensor that the graph names, its loss too.\n"
      "--exact also runs the kernels over the integers modulo 2^61 - 1, where nothing rounds: a wrong index, a\n"
      "missing term or another operation makes them unequal to the reference, however small its effect is. And\n"
      "it runs each kernel on the device on small integers, which are compared bit for bit.\n"
      "Exit code 1: a kernel or a pass is wrong.\n",
      cli_verify },
    { "print", "GRAPH|DIR", "the graph as text, after the passes",
      "size set target grad loss-scale memory-limit contracts dump stop json verbose",
      "Prints the checked graph; with --target, as it is after that target's passes. The text can be read back.\n",
      cli_print },
    { "graph", "GRAPH|DIR", "what a graph contains; --dot for Graphviz",
      "size set target grad loss-scale dot json verbose",
      "Prints the sizes, dims, inputs, outputs and parameters of a graph; with --dot, its nodes for Graphviz\n"
      "(tokic graph G --dot | dot -Tsvg > g.svg), with --target after that target's passes.\n",
      cli_graph },
    { "ops", "[NAME]", "the operations that a graph may use", "json markdown",
      "Lists every operation, or shows one in full: shapes, formula, source, gradient, attributes. --markdown writes\n"
      "a page of all of them; the build keeps it as OPS.md.\n",
      cli_ops },
    { "doctor", NULL, "what this machine can do", "json quiet verbose",
      "Looks for GPUs and compilers, and says how to install what is missing.\n", cli_doctor },
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

const struct verb *cli_verb_at(int i) { return i >= 0 && i < N_VERBS ? &verbs[i] : NULL; }

static const struct verb *verb_find(const char *name)
{
    for (int i = 0; i < N_VERBS; i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static void print_short_help(FILE *to)
{
    fprintf(to,
            "tokic %s: deep-learning kernels from a text file, judged\n"
            "  tokic build models/moe_sheaf.graph            check, compile\n"
            "  tokic run --backend hip --device emu          run the last build (emu: no GPU needed)\n"
            "  tokic verify --against cpu --device emu       judge every kernel\n"
            "tokic help VERB, tokic doctor (what this machine can do)\n",
            TOKIC_VERSION);
}

static void print_verbs(FILE *to)
{
    fprintf(to, "\nVerbs:\n");
    for (int i = 0; i < N_VERBS; i++)
        fprintf(to, "  %-8s  %s\n", verbs[i].name, verbs[i].summary);
}

static void print_verb_help(const struct verb *v, FILE *to)
{
    fprintf(to, "tokic %s: %s\n\nUsage: tokic %s%s%s [FLAGS]\n\n%s\nFlags:\n", v->name, v->summary, v->name,
            v->args ? " " : "", v->args ? v->args : "", v->about);
    cli_options_help(v, to);
    fprintf(to, "\nExit codes: 0 good, 1 judged wrong, 2 usage, 3 bad graph or data, 4 no device or compiler, or "
                "one died\n");
}

static bool unknown_verb(struct session *s, const char *name)
{
    const char *near = name_nearer(name, NULL, "help");
    for (int i = 0; i < N_VERBS; i++)
        near = name_nearer(name, near, verbs[i].name);
    diag_error(s, FAIL_USAGE, NOWHERE, "tokic has no verb '%s'%s", name, cli_meant(s, near));
    diag_note(s, NOWHERE, "tokic help lists the verbs");
    return false;
}

static bool help(struct session *s, FILE *out, int argc, char **argv)
{
    const struct verb *v = argc > 1 ? verb_find(argv[1]) : NULL;
    if (argc > 2)
        return diag_error(s, FAIL_USAGE, NOWHERE, "tokic help takes one verb; '%s' is extra", argv[2]);
    if (argc > 1 && !v && strcmp(argv[1], "help"))
        return unknown_verb(s, argv[1]);
    if (v)
        print_verb_help(v, out);
    else {
        print_short_help(out);
        print_verbs(out);
    }
    return true;
}

static enum fail run_verb(struct session *s, FILE *out, FILE *err, const struct cli_env *env, int argc, char **argv)
{
    struct cli c = { .s = s, .out = out, .err = err, .env = env };
    if (!argc) {
        print_short_help(out);
        return FAIL_NONE;
    }
    if (!strcmp(argv[0], "help")) {
        help(s, out, argc, argv);
        return FAIL_NONE;
    }
    c.verb = verb_find(argv[0]);
    if (!c.verb) {
        unknown_verb(s, argv[0]);
        return FAIL_USAGE;
    }
    if (!cli_options_read(s, &(struct verbs){ verbs, N_VERBS }, c.verb, argc, argv, &c.o))
        return FAIL_USAGE;
    if (c.o.help) {
        print_verb_help(c.verb, out);
        return FAIL_NONE;
    }
    if (c.o.verbose) {
        s->log = LOG_PASS | LOG_COMPILE | LOG_DEVICE | LOG_TIME;
        s->log_to = err;
    }
    return c.verb->run(&c);
}

/* A non-empty NO_COLOR turns colours off (https://no-color.org). */
static bool wants_colour(FILE *to)
{
    const char *no = getenv("NO_COLOR");
    return !(no && *no) && is_terminal(to);
}

static bool asks_json(int argc, char **argv)
{
    bool asked = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        asked |= !strcmp(argv[i], "--json");
    return asked;
}

static void diags_json(struct session *s, int code, FILE *out)
{
    static const char *const levels[] = { "error", "warning", "note" };
    size_t n = s->n_diags;
    for (size_t i = 0; i < n; i++) {
        const struct diag *d = &s->diags[i];
        struct cJSON *o = report_json("diagnostic");
        json_text(o, "level", levels[d->level]);
        json_text(o, "text", d->text);
        json_text(o, "file", d->loc.line ? d->loc.src->name : NULL);
        if (d->loc.line) {
            json_int(o, "line", d->loc.line);
            json_int(o, "column", d->loc.col);
            json_int(o, "length", d->loc.len);
        }
        json_int(o, "exit_code", code);
        if (!json_line(s, o, out))
            return;
    }
}

int cli_run_verb(struct session *s, FILE *out, FILE *err, const struct cli_env *env, int argc, char **argv)
{
    static const struct cli_env nothing = { 0 };
    enum fail result = run_verb(s, out, err, env ? env : &nothing, argc, argv);
    if (asks_json(argc, argv))
        diags_json(s, s->n_errors ? (int)s->fail : (int)result, out);
    if (fflush(out) || ferror(out))
        diag_error(s, FAIL_INPUT, NOWHERE, "cannot write the results: %s", strerror(errno));
    diags_print(s, 0, err, wants_colour(err));
    if (s->n_errors > 1)
        fprintf(err, "%d errors\n", s->n_errors);
    BUG_IF(result != FAIL_NONE && result != FAIL_JUDGED && !s->n_errors, "tokic %s failed without saying why",
           argc ? argv[0] : "");
    return s->n_errors ? (int)s->fail : (int)result;
}

static bool is_one_of(const char *a, const char *x, const char *y) { return !strcmp(a, x) || !strcmp(a, y); }

int cli_main(int argc, char **argv)
{
    struct session *s = session_begin();
    char help_verb[] = "help";
    int code;
    if (argc > 1 && is_one_of(argv[1], "--version", "-V")) {
        code = printf("tokic %s\n", TOKIC_VERSION) < 0 || fflush(stdout) ? FAIL_INPUT : FAIL_NONE;
    } else {
        if (argc > 1 && is_one_of(argv[1], "--help", "-h"))
            argv[1] = help_verb;
        code = cli_run_verb(s, stdout, stderr, NULL, argc ? argc - 1 : 0, argv + 1);
    }
    session_end(s);
    return code;
}
