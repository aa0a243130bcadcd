#ifndef TOKIC_TESTS_KIR_RUN_H
#define TOKIC_TESTS_KIR_RUN_H
/* Runs kernels: the text on the emulator in checking mode, and its payload text as C over a payload type. */
#include "ir/kernel/kir.h"
#include "runtime/device/device.h"

/* A buffer as the kernel has it: `bytes` of elements. After a run the written ones hold the results. */
struct kbuf {
    void *at;
    size_t bytes;
};
struct kdim {
    const char *name;
    int64_t value;
};

/* Reads tests/kir/NAME.kir, verified; fails the test with the diagnostics otherwise. */
struct kernel *kir_read(struct session *s, const char *name);
/* The same with another target in the kernel's head. */
struct kernel *kir_read_for(struct session *s, const char *name, const char *target);

/* Kernels of one target and different names, compiled together: a call of the compiler costs more than most kernels
   run. */
struct kir_code {
    struct session *s;
    struct code code;
    void *payload;
    bool unchecked;
};
struct kir_code kir_compile(struct session *s, struct kernel *const *k, size_t n,
                            const char *prelude); /* prelude NULL: no payload */
struct kir_code kir_compile_unchecked(struct session *s, struct kernel *const *k,
                                      size_t n); /* for the emulator as it runs by default */
struct kir_code kir_compile_payload(struct session *s, struct kernel *const *k, size_t n,
                                    const char *prelude); /* and nothing for the emulator */
void kir_code_free(struct kir_code *c);
bool kir_code_launch(const struct kir_code *c, const struct kernel *k, struct kbuf *bufs, const struct kdim *dims);
void kir_code_payload(const struct kir_code *c, const struct kernel *k, void *const *bufs, const struct kdim *dims);

/* Compiles them with their target's own compiler, which must be here: all registers, no spills, no stack. */
struct code kir_compile_gpu(struct session *s, struct kernel *const *k, size_t n);

/* The same for one kernel that runs once. dims: all that the kernel and its grid mention, up to a NULL name. */
bool kir_launch(struct session *s, const struct kernel *k, struct kbuf *bufs,
                const struct kdim *dims); /* false: the checker found something */
void kir_emulate(struct session *s, const struct kernel *k, struct kbuf *bufs, const struct kdim *dims);
/* `prelude`: C before the payload text, which defines P and its operations. Float buffers are arrays of P. */
void kir_payload(struct session *s, const struct kernel *k, const char *prelude, void *const *bufs,
                 const struct kdim *dims);
/* P is double. */
extern const char kir_doubles[];
/* P counts a sum's tree: struct { int chain, depth; }. */
extern const char kir_counting[];
/* For whole kernels: P is { int steps, acc; }, the most additions that one term of a running total has been through,
   and the accumulator that it is in. What another value is computed from, or a store leaves in an argument, is a
   finished total. */
extern const char kir_steps[];
struct kir_total {
    const char *acc;
    int steps;
};
/* Runs a kernel's payload over zeroed buffers; a total of each accumulator that finished one. Returns their number. */
size_t kir_code_steps(const struct kir_code *c, const struct kernel *k, const struct kdim *dims, struct kir_total *out,
                      size_t most);
#endif
