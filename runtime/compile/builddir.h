#ifndef TOKIC_RUNTIME_COMPILE_BUILDDIR_H
#define TOKIC_RUNTIME_COMPILE_BUILDDIR_H
/* A build is a directory of readable files:
       graph.graph              the file as the user wrote it
       graph.checked            the graph as tokic understood it
       kernels/TARGET.txt       the text that the target's compiler gets: prelude and kernels
       kernels/TARGET/NAME.txt  each kernel
       TARGET.o                 the target's code object
       manifest.json            SHA-256 of every file, tokic's version, targets, compilers
   A build is written to a temporary directory DIR.tokic-*, which is then renamed to DIR. So a killed tokic leaves the
   old build or the new one. The next build removes leftover temporary directories. */
#include "runtime/device/device.h"

struct build_kernel {
    const char *name, *text;
};
struct build_target {
    const struct target *target;
    const char *text;                   /* prelude and kernels; NULL after build_read */
    char text_hash[65];                 /* of the text; set by build_read */
    const struct build_kernel *kernels; /* NULL after build_read */
    size_t n_kernels;
    bool compiled;
    struct code code;
};
struct build {
    /* Set by build_read only. */
    const char *dir;
    const char *tokic;  /* tokic's version */
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
    double loss_scale; /* of the build's gradients; 0: it has none */
    int64_t hint;
    struct build_target *targets;
    size_t n_targets;
};

/* Writes a build to `dir`, replacing a build there. The user's own files in the old build are kept. A non-empty
   directory that is not a build is refused. If this fails, false with a diagnostic, and nothing has changed. */
bool build_write(struct session *s, const struct build *b, const char *dir);
/* Reads a build. Every file must have the SHA-256 that the manifest gives, and files in kernels/ and the like must be
   in the manifest. NULL with a diagnostic for each bad file. */
struct build *build_read(struct session *s, const char *dir);

/* The last build's directory, as the file tokic-out/last names it. NULL with a diagnostic (FAIL_USAGE) if there is
   none. */
const char *build_last(struct session *s);
bool build_set_last(struct session *s, const char *name);
/* "tokic-out/moe_sheaf-nano-H=64": graph, size, and --set flags sorted by name. *name: the part after "tokic-out/". */
const char *build_default_dir(struct session *s, const char *graph, const char *size, const char *const *sets,
                              size_t n_sets, const char **name);
/* Is `dir` free, or a build of the file `source`? Else false with a diagnostic that names both files. */
bool build_is_of(struct session *s, const char *dir, const char *source);
bool dir_make(struct session *s, const char *path);
#endif
