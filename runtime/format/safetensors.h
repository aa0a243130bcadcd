#ifndef TOKIC_RUNTIME_FORMAT_SAFETENSORS_H
#define TOKIC_RUNTIME_FORMAT_SAFETENSORS_H
/* safetensors (github.com/huggingface/safetensors, README "Format"): u64 length of the header, JSON header, data.
       { "NAME": { "dtype": "F32", "shape": [out, in], "data_offsets": [begin, end] }, ..., "__metadata__": { ... } }
           offsets from the data's start
   Read: F16 BF16 F32 F64 I32 I64 BOOL. __metadata__ is ignored. Refused (FAIL_INPUT, naming file and tensor):
     - spans that do not tile the data from 0 to the file's end, or do not have the length of their shape
     - a name that is repeated, empty, over 512 bytes, not UTF-8, or has control characters
     - unknown fields or dtypes
   Reading takes memory for the tensors and, while the header is parsed, a few dozen bytes for each value in it. */
#include "runtime/format/tensor.h"

/* The tensors in the order of their data. Names and data live in the run arena; the data is one allocation, each tensor
   at a multiple of 16 bytes. NULL with a diagnostic. */
struct tensor_list *safetensors_read(struct session *s, const char *path);
struct tensor_list *safetensors_parse(struct session *s, const char *name, const void *bytes, size_t size);
/* Writes all tensors as F32, each value rounded once, in the list's order; blanks pad the header to a multiple of 8
   bytes. Replaces the file atomically. An f64 beyond f32's range is an error. Dtypes must be floats, and names must be
   ones that the reader accepts (else BUG). */
bool safetensors_write(struct session *s, const char *path, const struct tensor_list *list);
#endif
