#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_H
/* From a kernel text to code. `text` is the whole module: prelude and kernels. */
#include "runtime/device/device.h"

/* Compiles for a GPU target with the compiler that its row names. The compiler runs in a child process: its death is
   only an error message. `names`: the kernels that must be in the object. false with a diagnostic: FAIL_DEVICE if the
   compiler is absent or died, with the remedy; a compile error shows the compiler's log. */
bool compile_gpu(struct session *s, const struct target *t, const char *text, const char *const *names, size_t n_names,
                 struct code *out);
/* True if that compiler can be found on this machine (opens nothing that costs: looks for the files). `why`: what is
   missing and how to get it. */
bool compile_available(struct session *s, const struct target *t, const char **why);
/* What else decides the code, for a cache's key: the compiler's file and its flags. Opens nothing. false with a
   diagnostic if the compiler is absent. */
bool compile_identity(struct session *s, const struct target *t, const char **path, const char **flags);
/* Compiles the module's text for the emulator with the host's C compiler ($TOKIC_CC, else cc). */
bool compile_host(struct session *s, const struct target *t, const char *text, bool checking, struct code *out);
#endif
