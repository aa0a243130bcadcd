#ifndef TOKIC_RUNTIME_EMU_EMU_STREAM_H
#define TOKIC_RUNTIME_EMU_EMU_STREAM_H
#include "runtime/emu/emu_device.h"

struct task {
    enum { TASK_IN, TASK_OUT, TASK_COPY, TASK_FILL, TASK_FORGET, TASK_LAUNCH } kind;
    dptr dst, src;
    const void *from;
    void *to;
    size_t bytes;
    int byte;
    struct launch launch;
};
bool emu_submit(struct device *d, struct stream *st, const struct task *w);
/* True if recorded work uses memory in [at, at + bytes). */
bool captured_uses(const struct emu *e, dptr at, size_t bytes);
void streams_free(struct emu *e);

struct stream *emu_stream_new(struct device *d);
void emu_stream_free(struct device *d, struct stream *st);
bool emu_stream_sync(struct device *d, struct stream *st);
struct event *emu_event_new(struct device *d);
void emu_event_free(struct device *d, struct event *ev);
bool emu_event_record(struct device *d, struct event *ev, struct stream *st);
bool emu_event_wait(struct device *d, struct event *ev, struct stream *st);
double emu_event_seconds(struct device *d, struct event *from, struct event *to);
bool emu_capture_begin(struct device *d, struct stream *st);
struct captured *emu_capture_end(struct device *d, struct stream *st);
void emu_capture_drop(struct device *d, struct stream *st);
bool emu_captured_submit(struct device *d, struct captured *c, struct stream *st);
void emu_captured_free(struct device *d, struct captured *c);
#endif
