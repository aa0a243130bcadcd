#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_H
/* From a kernel text to code. `text` is the whole module: prelude and kernels. */
#include "runtime/device/device.h"

/* Compiles for a GPU target with the compiler that its record names. The compiler runs in a child process, so a crash
   of it is only a diagnostic. `names`: the kernels that must be in the object. false with a diagnostic: FAIL_DEVICE
   with the remedy if the compiler is absent or crashed; a compile error shows the compiler's log. */
bool compile_gpu(struct session *s, const struct target *t, const char *text, const char *const *names, size_t n_names,
                 struct code *out);
/* Is the compiler that the target's record names on this machine? Only looks for the compiler's files, and loads
   nothing. `why`: what is missing and how to get it. */
bool compile_available(struct session *s, const struct target *t, const char **why);
/* What besides the text decides the code: the compiler's file and its flags. Loads nothing. false with a diagnostic if
   the compiler is absent. */
bool compile_identity(struct session *s, const struct target *t, const char **path, const char **flags);
/* Compiles the module's text for the emulator with the host's C compiler ($TOKIC_CC, else cc). */
bool compile_host(struct session *s, const struct target *t, const char *text, bool checking, struct code *out);
#endif
