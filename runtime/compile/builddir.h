#ifndef TOKIC_RUNTIME_COMPILE_BUILDDIR_H
#define TOKIC_RUNTIME_COMPILE_BUILDDIR_H
/* A build is a directory that a person can read:
       graph.graph              the file as the user wrote it
       graph.checked            the graph as tokic understood it
       kernels/TARGET.txt       the text that the target's compiler gets: prelude and kernels
       kernels/TARGET/NAME.txt  each kernel
       TARGET.o                 the target's code object
       manifest.json            SHA-256 of every file, what was built, for what, by which compiler
   It is written to a temporary directory beside DIR, which is then renamed to DIR: a killed build leaves either the old
   build or the new one. The next build removes leftover temporary directories (DIR.tokic-*). */
#include "runtime/device/device.h"

struct build_kernel {
    const char *name, *text;
};
struct build_target {
    const struct target *target;
    const char *text;                   /* prelude and kernels; NULL in a build that was read */
    char text_hash[65];                 /* SHA-256 of that text; set by build_read, from the manifest */
    const struct build_kernel *kernels; /* NULL in a build that was read */
    size_t n_kernels;
    bool compiled;
    struct code code; /* if compiled */
};
struct build {
    /* Set by build_read. */
    const char *dir;    /* the directory of the build */
    const char *tokic;  /* the version that wrote it */
    const char **files; /* paths within it, without manifest.json */
    size_t n_files;
    /* Given to build_write, and set by build_read. */
    const char *graph;   /* "moe_sheaf" */
    const char *size;    /* "nano"; "": the graph has no sizes */
    const char *source;  /* the file's name, as the user gave it */
    const char *text;    /* content of graph.graph */
    const char *checked; /* content of graph.checked; NULL in a build that was read */
    const char *const *sets;
    size_t n_sets;
    double loss_scale; /* of the build's gradients; 0: it has none */
    int64_t hint;
    struct build_target *targets;
    size_t n_targets;
};

/* Writes a build to `dir`. If `dir` holds a build, replaces it but keeps the user's own files in `dir`. A directory
   with files and no build is refused. false with a diagnostic: nothing has changed. */
bool build_write(struct session *s, const struct build *b, const char *dir);
/* Reads the manifest, the graph and the code objects. Every file must have the manifest's hash, and every file under a
   name that builds use must be in the manifest. NULL with a diagnostic for each file at fault. */
struct build *build_read(struct session *s, const char *dir);

/* Read and set the last build, whose name is in tokic-out/last of the current directory. build_last: NULL and a
   diagnostic (FAIL_USAGE) if there is none. */
const char *build_last(struct session *s);
bool build_set_last(struct session *s, const char *name);
/* "tokic-out/moe_sheaf-nano-H=64": graph, size, and what --set changed, in the order of names. *name is its last part.
   A name that tokic-out uses itself gets ".build". */
const char *build_default_dir(struct session *s, const char *graph, const char *size, const char *const *sets,
                              size_t n_sets, const char **name);
/* Refuses to replace a build of another file: `dir` may be free, or hold a build of `source`. false with a diagnostic
   that names both files. */
bool build_is_of(struct session *s, const char *dir, const char *source);
/* Makes a directory and its parents. */
bool dir_make(struct session *s, const char *path);
#endif
