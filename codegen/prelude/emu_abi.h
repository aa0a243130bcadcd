/* The interface between the emulator and a kernel text compiled for it. This file is part of the emulator's prelude as
   text, so it has no includes and only C's own types. Any change here must change TK_EMU_ABI: the emulator refuses an
   object of another version. */
#ifndef TK_EMU_ABI
#define TK_EMU_ABI 1

struct tk_item;

/* The emulator's services for a work-item. `line` is the line of the kernel text. They do not return to a work-item
   whose launch has failed. */
struct tk_host {
    void (*sync_block)(struct tk_item *me, int line);
    void (*sync_wave)(struct tk_item *me, int line);
    /* Returns the bits that `lane` of the wave passed. */
    unsigned long long (*shuffle)(struct tk_item *me, int line, unsigned long long bits, int lane);
    unsigned long long (*ballot)(struct tk_item *me, int line, int yes);
    void (*mma)(struct tk_item *me, int line, float *c, const unsigned *a, const unsigned *b);
    /* Fails the launch: the text uses `bytes` of shared memory, more than the launch provides. */
    void (*shared)(struct tk_item *me, int line, unsigned bytes);
    /* For a checking text only. touch: may the bytes be read or written? */
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

/* A kernel: runs `items` neighbouring work-items from *me on, one after the other. A module also defines NAME_block and
   NAME_args_bytes (const int) for each kernel, tk_abi and tk_is_checked (const int), and tk_kernel_text (const char[]).
   */
typedef void tk_entry(const void *args, struct tk_item *me, int items);
#endif
