/* Every command in a README does what the README lets its reader expect. A command is a line of a code block (indented
   by four, or fenced) that begins with one of ours, after "$ " if it shows a session. The lines of a README run in
   order, in one directory with a copy of models/; a block that begins with "graph NAME" is there as NAME.graph. A line
   ends with exit code 0, or with N where its comment says "exit N"; one whose comment says "GPU" is left out where
   there is none. Scripts and tools that a line names must exist; CI runs the scripts. */
#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */

#include <ctype.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/needs.h"

/* Words of the top README at most. */
enum { README_WORDS = 900, README_COMMANDS = 11 };

struct tally {
    FILE *to; /* what is wrong */
    bool gpu;
    int run, for_gpu, named, wrong;
};

/* ---- reading ---- */

/* A line of a code block, without its indentation and "$ "; NULL: the line is prose. *fenced: inside of a fence. */
static char *code_of(char *line, bool *fenced)
{
    if (!strncmp(line, "```", 3)) {
        *fenced = !*fenced;
        return NULL;
    }
    if (!*fenced && strncmp(line, "    ", 4))
        return NULL;
    line += *fenced ? 0 : 4;
    return strncmp(line, "$ ", 2) ? line : line + 2;
}

static bool begins_with(const char *line, const char *word)
{
    size_t n = strlen(word);
    return !strncmp(line, word, n) && (!line[n] || line[n] == ' ');
}

/* Behind any "NAME=value " in front. */
static const char *without_environment(const char *line)
{
    size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    if (!n || line[n] != '=')
        return line;
    line += strcspn(line, " ");
    return without_environment(line + (*line == ' '));
}

static bool is_run(const char *line)
{
    line = without_environment(line);
    static const char *const ours[] = { "tokic", "build/tokic", "./build/tokic", "python3" };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (begins_with(line, ours[i]))
            return true;
    return false;
}

static const char *comment_of(const char *line)
{
    const char *at = strstr(line, " #");
    return at ? at : "";
}

static int expected_code(const char *line)
{
    const char *at = strstr(comment_of(line), "exit ");
    return at && isdigit((unsigned char)at[5]) ? atoi(at + 5) : 0;
}

/* ---- lines ---- */

static void run_line(const char *name, const char *line, struct tally *t)
{
    char command[2000];
    int n = snprintf(command, sizeof command, "{ %s\n} >out.txt 2>&1 </dev/null", line);
    assert_true(n > 0 && n < (int)sizeof command);
    fflush(NULL);
    int status = system(command);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    t->run++;
    if (code == expected_code(line))
        return;
    char *said = read_text("out.txt");
    fprintf(t->to, "%s: exit code %d, expected %d: %s\n%s", name, code, expected_code(line), line, said);
    free(said);
    t->wrong++;
}

/* "sh FILE ...": the file; "build/tests/NAME", "build/bench/NAME": one of the sources that it may be built from. */
static void check_named(const char *name, const char *line, struct tally *t)
{
    char word[200], path[600];
    static const char *const sources[] = { "%s/tests/%s.c", "%s/tests/tools/%s.c", "%s/bench/%s.c" };
    bool exists = false;
    if (sscanf(line, "sh %199s", word) == 1) {
        snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, word);
        exists = !access(path, R_OK);
    } else if (sscanf(line, "build/tests/%199s", word) == 1 || sscanf(line, "build/bench/%199s", word) == 1) {
        for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
            snprintf(path, sizeof path, sources[i], SOURCE_DIR, word);
            exists |= !access(path, R_OK);
        }
    } else
        return;
    t->named++;
    if (exists)
        return;
    fprintf(t->to, "%s: there is no %s: %s\n", name, word, line);
    t->wrong++;
}

static void do_line(const char *name, const char *line, struct tally *t)
{
    if (!is_run(line))
        check_named(name, line, t);
    else if (strstr(comment_of(line), "GPU") && !t->gpu)
        t->for_gpu++;
    else
        run_line(name, line, t);
}

/* A block that is a whole graph becomes a file. */
static void keep_graph(const char *block)
{
    char name[100], path[120];
    if (sscanf(block, "graph %99[A-Za-z0-9_]", name) != 1 || strstr(block, "…"))
        return;
    snprintf(path, sizeof path, "%s.graph", name);
    write_text(path, block);
}

/* A code block of a README: first its graph, then its commands; a backslash continues a line. */
static void do_block(const char *name, char *block, struct tally *t)
{
    keep_graph(block);
    char *line = block;
    for (char *p = block; *p; p++) {
        if (*p != '\n')
            continue;
        if (p > line && p[-1] == '\\') {
            p[-1] = p[0] = ' ';
            continue;
        }
        *p = 0;
        do_line(name, line, t);
        line = p + 1;
    }
}

/* The directory of one README: models/, and tokic by both of its names. */
static struct place enter_readme(bool gpu, const char *path)
{
    char command[1500];
    struct place p = enter_place();
    unsetenv("TOKIC_HIP");
    if (gpu)
        unsetenv("TOKIC_CUDA");
    snprintf(command, sizeof command, "%s/bin:%s", p.dir, path);
    setenv("PATH", command, 1);
    snprintf(
        command, sizeof command,
        "rm models && cp -r '%s/models' models && mkdir bin build && ln -s '%s' bin/tokic && ln -s '%s' build/tokic && "
        "ln -s /usr/bin/python3 bin/python3",
        SOURCE_DIR, TOKIC_BINARY, TOKIC_BINARY);
    assert_int_equal(system(command), 0);
    return p;
}

static void do_text(const char *name, const char *text, struct tally *t)
{
    char *path = strdup(getenv("PATH"));
    struct place p = enter_readme(t->gpu, path);
    char *copy = strdup(text);
    char *rest = copy;
    char *block = NULL;
    size_t size;
    bool fenced = false;
    FILE *f = open_memstream(&block, &size);
    for (char *line; (line = strsep(&rest, "\n"));) {
        bool was_fenced = fenced;
        char *code = code_of(line, &fenced);
        if (code)
            fprintf(f, "%s\n", code);
        else if (*line || was_fenced) { /* an empty line ends no block */
            fclose(f);
            do_block(name, block, t);
            free(block);
            f = open_memstream(&block, &size);
        }
    }
    fclose(f);
    do_block(name, block, t);
    free(block);
    free(copy);
    setenv("PATH", path, 1);
    free(path);
    leave_place(&p);
}

/* ---- the READMEs ---- */

static bool is_left_out(const FTSENT *e)
{
    return e->fts_level == 1 && (e->fts_name[0] == '.' || !strncmp(e->fts_name, "build", 5));
}

static void all_readmes(struct tally *t)
{
    char *tops[] = { (char[]){ SOURCE_DIR }, NULL };
    FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (FTSENT *e; (e = fts_read(walk));) {
        if (is_left_out(e))
            fts_set(walk, e, FTS_SKIP);
        if (e->fts_info != FTS_F || strcmp(e->fts_name, "README.md"))
            continue;
        char *text = read_text(e->fts_path);
        do_text(e->fts_path + strlen(SOURCE_DIR "/"), text, t);
        free(text);
    }
    fts_close(walk);
}

static void run_all(bool gpu)
{
    struct tally t = { .to = stderr, .gpu = gpu };
    all_readmes(&t);
    print_message("%d commands run, %d left out for want of a GPU, %d scripts and tools exist\n", t.run, t.for_gpu,
                  t.named);
    assert_int_equal(t.wrong, 0);
    assert_true(t.run >= README_COMMANDS);
}

static void commands_run(void **state)
{
    (void)state;
    run_all(false);
}

static void commands_run_on_a_gpu(void **state)
{
    (void)state;
    run_all(true);
}

/* What the test must see in a README. */
static void faults_are_seen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int run, for_gpu, named, wrong;
    } cases[] = {
        { "prose: tokic nonsense\n\n  tokic nonsense\n", 0, 0, 0, 0 },
        { "    tokic nonsense\n", 1, 0, 0, 1 },
        { "    $ tokic nonsense  # exit 2\n    error: unknown\n", 1, 0, 0, 0 },
        { "    build/tokic --version   # exit 2\n", 1, 0, 0, 1 },
        { "```sh\nNO_COLOR=1 tokic nonsense\n```\ntokic nonsense\n", 1, 0, 0, 1 },
        { "    tokic nonsense   # on a GPU\n", 0, 1, 0, 0 },
        { "    tokic \\\n        --version\n", 1, 0, 0, 0 },
        { "    tokic print one.graph\n", 1, 0, 0, 1 },
        { "    graph one\n    input x: f32[3]\n\n    output y = exp(x)\n\ntext\n\n    tokic print one.graph\n", 1, 0, 0,
          0 },
        { "    tokic build models/dense.graph\n\ntext\n\n    tokic run --backend cpu\n", 2, 0, 0, 0 },
        { "    python3 -c 'import numpy'\n    python3 -c 'import nothing_of_that_name'\n", 2, 0, 0, 1 },
        { "    sh tests/run.sh --deps\n    sh tests/walk.sh\n", 0, 0, 2, 1 },
        { "    build/bench/ulp\n    build/tests/bits --random 3\n    build/bench/nothing\n", 0, 0, 3, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tally t = { .to = fopen("/dev/null", "w") };
        assert_non_null(t.to);
        do_text("README.md", cases[i].text, &t);
        fclose(t.to);
        if (t.run != cases[i].run || t.for_gpu != cases[i].for_gpu || t.named != cases[i].named ||
            t.wrong != cases[i].wrong)
            fail_msg("%s: %d run, %d for a GPU, %d named, %d wrong", cases[i].text, t.run, t.for_gpu, t.named, t.wrong);
    }
}

static void the_readme_is_short(void **state)
{
    (void)state;
    char *text = read_text(SOURCE_DIR "/README.md");
    int words = 0;
    for (const char *p = text; *p; p++)
        words += !isspace((unsigned char)*p) && (p == text || isspace((unsigned char)p[-1]));
    free(text);
    if (words > README_WORDS)
        fail_msg("README.md has %d words, and the maximum is %d", words, README_WORDS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_readme_is_short),
        needs("numpy", faults_are_seen),
        needs("numpy", commands_run),
        needs("nvidia", commands_run_on_a_gpu),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
