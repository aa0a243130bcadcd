#ifndef TOKIC_RUNTIME_COMPILE_BUILDDIR_H
#define TOKIC_RUNTIME_COMPILE_BUILDDIR_H
/* A build is a directory that a person can read:
       graph.graph              the file as the user wrote it
       graph.checked            the graph as tokic understood it
       kernels/TARGET.txt       the text that the target's compiler gets: prelude and kernels
       kernels/TARGET/NAME.txt  each kernel
       TARGET.o                 the target's code object
       manifest.json            SHA-256 of every file, what was built, for what, by which compiler
   It is written beside its place and then takes it, so that a killed build leaves the old one or the new one; what it
   leaves beside it, DIR.tokic-*, goes with the next build. */
#include "runtime/device/device.h"

struct build_kernel {
    const char *name, *text;
};
struct build_target {
    const struct target *target;
    const char *text;   /* prelude and kernels; read: NULL */
    char text_hash[65]; /* read: SHA-256 of that text, from the manifest */
    const struct build_kernel *kernels;
    size_t n_kernels; /* read: NULL */
    bool compiled;
    struct code code; /* if compiled */
};
struct build {
    const char *dir;   /* read: where it is, */
    const char *tokic; /* the version that wrote it, */
    const char **files;
    size_t n_files;             /* and its files but manifest.json, by their paths in it */
    const char *graph, *size;   /* "moe_sheaf", "nano" ("": no sizes) */
    const char *source;         /* the file's name, as the user gave it */
    const char *text, *checked; /* graph.graph; graph.checked (read: NULL) */
    const char *const *sets;
    size_t n_sets;
    int64_t hint;
    struct build_target *targets;
    size_t n_targets;
};

/* Writes it to `dir`, replacing a build that is there; files in the old one that are not of a build move along. A
   directory that holds anything but a build is refused. false with a diagnostic: nothing has changed. */
bool build_write(struct session *s, const struct build *b, const char *dir);
/* Reads the manifest, the graph and the code objects. Every file must be as the manifest says, and where a build's
   files stand there may be no other: NULL and a diagnostic for each that is not so. */
struct build *build_read(struct session *s, const char *dir);

/* tokic-out/last of the current directory. build_last: NULL and a diagnostic (FAIL_USAGE) if there is none. */
const char *build_last(struct session *s);
bool build_set_last(struct session *s, const char *name);
/* "tokic-out/moe_sheaf-nano", and its last part. */
const char *build_default_dir(struct session *s, const char *graph, const char *size, const char **name);
/* Makes a directory and its parents. */
bool dir_make(struct session *s, const char *path);
#endif
