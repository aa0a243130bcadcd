#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_H
/* The compilers. `text` is a whole module: prelude and kernels. */
#include "runtime/device/device.h"

/* Compiles for a GPU target in a child process, so that a crash of the compiler is only an error. `names`: kernels that
   the code must contain. false with a diagnostic: the compiler's log, or how to get the compiler (FAIL_DEVICE). */
bool compile_gpu(struct session *s, const struct target *t, const char *text, const char *const *names, size_t n_names,
                 struct code *out);
/* Is the target's compiler installed? Only looks for its files. If not, *why says what is missing and how to get it. */
bool compile_available(struct session *s, const struct target *t, const char **why);
/* The compiler's file and its flags: with the text, they decide the code. false with a diagnostic if there is no
   compiler. */
bool compile_identity(struct session *s, const struct target *t, const char **path, const char **flags);
/* Compiles for the emulator with the host's C compiler ($TOKIC_CC, else cc). */
bool compile_host(struct session *s, const struct target *t, const char *text, bool checking, struct code *out);
/* Compiles payloads (codegen/payload.h) and their prelude to a library, with the same compiler. */
bool compile_payload_text(struct session *s, const struct target *t, const char *text, struct code *out);
#endif
