#ifndef TOKIC_RUNTIME_COMPILE_BUILDDIR_H
#define TOKIC_RUNTIME_COMPILE_BUILDDIR_H
/* A build is a directory of readable files:
       graph.graph              the file as the user wrote it
       graph.checked            the graph as tokic understood it
       kernels/TARGET.txt       the text that the target's compiler gets: prelude and kernels
       kernels/TARGET/NAME.txt  each kernel
       TARGET.o                 the target's code object
       manifest.json            SHA-256 of every file, tokic's version, targets, compilers
   build_write fills a temporary directory DIR.tokic-* and renames it to DIR. If tokic is killed, DIR is the old build
   or the new one. The next build removes leftover temporary directories. */
#include "runtime/device/device.h"

struct build_kernel {
    const char *name, *text;
};
struct build_target {
    const struct target *target;
    const char *text;                   /* prelude and kernels; NULL after build_read */
    char text_hash[65];                 /* SHA-256 of the text, in hex; set by build_read */
    const struct build_kernel *kernels; /* NULL after build_read */
    size_t n_kernels;
    bool compiled;
    struct code code;
};
struct build {
    /* Set by build_read only. */
    const char *dir;
    const char *tokic;  /* version of tokic that made the build */
    const char **files; /* relative to dir; without manifest.json */
    size_t n_files;
    /* Given to build_write, and set by build_read. */
    const char *graph;
    const char *size; /* "nano"; "": the graph has no sizes */
    const char *source;
    const char *text;    /* content of graph.graph */
    const char *checked; /* content of graph.checked; NULL after build_read */
    const char *const *sets;
    size_t n_sets;
    double loss_scale; /* scale of the gradients; 0: the build computes no gradients */
    int64_t hint;
    int64_t memory_limit; /* bytes for activations and scratch; 0: none */
    struct build_target *targets;
    size_t n_targets;
};

/* Writes a build to `dir` and replaces an old build there. Keeps the user's own files in the old build. Refuses a
   non-empty directory that is not a build. On failure, returns false with a diagnostic and changes nothing. */
bool build_write(struct session *s, const struct build *b, const char *dir);
/* Reads a build. Refuses a file whose SHA-256 differs from the manifest's, and a kernel or code object that the
   manifest does not list. Returns NULL with a diagnostic for each bad file. */
struct build *build_read(struct session *s, const char *dir);

/* Returns the directory of the last build, which the file tokic-out/last names. NULL with a diagnostic (FAIL_USAGE) if
   there is none. */
const char *build_last(struct session *s);
bool build_set_last(struct session *s, const char *name);
/* Returns "tokic-out/moe_sheaf-nano-H=64": graph, size, and --set flags sorted by name. *name: the part after
   "tokic-out/". */
const char *build_default_dir(struct session *s, const char *graph, const char *size, const char *const *sets,
                              size_t n_sets, const char **name);
/* Returns false with a diagnostic if `dir` has a build of another file than `source`. */
bool build_is_of(struct session *s, const char *dir, const char *source);
bool dir_make(struct session *s, const char *path);
#endif
