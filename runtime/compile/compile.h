#ifndef TOKIC_RUNTIME_COMPILE_COMPILE_H
#define TOKIC_RUNTIME_COMPILE_COMPILE_H
/* The compilers. `text` is a whole module: prelude and kernels. */
#include "runtime/device/device.h"

/* Compiles for a GPU target. The compiler runs in a child process, so that its crash is only an error. `names`: kernels
   that the code must contain. On failure: false with a diagnostic (FAIL_DEVICE), which has the compiler's log or says
   how to install the compiler. */
bool compile_gpu(struct session *s, const struct target *t, const char *text, const char *const *names, size_t n_names,
                 struct code *out);
/* True if the target's compiler is installed. Else *why says how to install it. `why` may be NULL. */
bool compile_available(struct session *s, const struct target *t, const char **why);
/* Sets *path to the compiler's file and *flags to its flags. Returns false with a diagnostic if there is no
   compiler. */
bool compile_identity(struct session *s, const struct target *t, const char **path, const char **flags);
/* Compiles for the emulator with the host's C compiler ($TOKIC_CC, else cc). */
bool compile_host(struct session *s, const struct target *t, const char *text, bool checking, struct code *out);
/* Compiles payloads (codegen/payload.h) and their prelude to a library, with the same compiler. */
bool compile_payload_text(struct session *s, const struct target *t, const char *text, struct code *out);
#endif
