/* The interface between the emulator and the kernels compiled for it.
   The emulator's prelude contains this file as text, so it includes nothing and uses only C's own types.
   Any change here must change TK_EMU_ABI: the emulator refuses objects of another version. */
#ifndef TK_EMU_ABI
#define TK_EMU_ABI 1

struct tk_item;

/* Services for a work-item, called at `line` of the kernel text. They do not return if the launch has failed. */
struct tk_host {
    void (*sync_block)(struct tk_item *me, int line);
    void (*sync_wave)(struct tk_item *me, int line);
    /* Returns the `bits` that work-item `lane` of the wave has passed. */
    unsigned long long (*shuffle)(struct tk_item *me, int line, unsigned long long bits, int lane);
    unsigned long long (*ballot)(struct tk_item *me, int line, int yes);
    void (*mma)(struct tk_item *me, int line, float *c, const unsigned *a, const unsigned *b);
    /* Fails the launch: the kernel uses `bytes` of shared memory, more than the launch provides. */
    void (*shared)(struct tk_item *me, int line, unsigned bytes);
    /* Only for kernels with checks. touch: true if the bytes may be read, or written if `write`. */
    int (*touch)(struct tk_item *me, int line, const void *at, int bytes, int write);
    void (*issue)(struct tk_item *me, int line, void *dst, const void *src, int bytes, int on);
    void (*commit)(struct tk_item *me);
    void (*wait)(struct tk_item *me, int in_flight);
};

struct tk_item {
    int tid, lane, wave, bid[3];
    unsigned smem_bytes;
    unsigned char *smem;
    const struct tk_host *host;
};

/* Runs a kernel for `items` neighbouring work-items, one after the other, from *me on.
   For each kernel, a module also defines NAME_block and NAME_args_bytes (const int).
   Each module defines tk_abi and tk_is_checked (const int), and tk_kernel_text (const char[]). */
typedef void tk_entry(const void *args, struct tk_item *me, int items);
#endif
