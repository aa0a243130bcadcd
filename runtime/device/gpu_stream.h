#ifndef TOKIC_RUNTIME_DEVICE_GPU_STREAM_H
#define TOKIC_RUNTIME_DEVICE_GPU_STREAM_H
#include "runtime/device/gpu_call.h"

/* `st` NULL: the default stream. */
void *gpu_stream_handle(const struct stream *st);
struct stream *gpu_stream_new(struct device *d);
void gpu_stream_free(struct device *d, struct stream *st);
bool gpu_stream_sync(struct device *d, struct stream *st);
struct event *gpu_event_new(struct device *d);
void gpu_event_free(struct device *d, struct event *ev);
bool gpu_event_record(struct device *d, struct event *ev, struct stream *st);
bool gpu_event_wait(struct device *d, struct event *ev, struct stream *st);
double gpu_event_seconds(struct device *d, struct event *from, struct event *to);
bool gpu_capture_begin(struct device *d, struct stream *st);
struct captured *gpu_capture_end(struct device *d, struct stream *st);
void gpu_capture_drop(struct device *d, struct stream *st);
bool gpu_captured_submit(struct device *d, struct captured *c, struct stream *st);
void gpu_captured_free(struct device *d, struct captured *c);
void gpu_streams_free(struct gpu *g);
#endif
