#ifndef TOKIC_RUNTIME_FORMAT_SAFETENSORS_H
#define TOKIC_RUNTIME_FORMAT_SAFETENSORS_H
/* safetensors (github.com/huggingface/safetensors, README "Format"): header length as u64, JSON header, data.
       { "NAME": { "dtype": "F32", "shape": [3, 4], "data_offsets": [begin, end] }, ..., "__metadata__": { ... } }
   data_offsets count from the start of the data.
   Dtypes: F16 BF16 F32 F64 I32 I64 BOOL. __metadata__ is ignored. Errors (FAIL_INPUT) name the file and the tensor:
     - tensors that overlap, leave a gap in the data, or do not have the size of their shape
     - a name that is repeated, empty, over 512 bytes, not UTF-8, or has control characters
     - unknown fields or dtypes */
#include "runtime/format/tensor.h"

/* Returns the tensors in the order of their data, each aligned to 16 bytes. Names and data live in s->run. NULL with a
   diagnostic. */
struct tensor_list *safetensors_read(struct session *s, const char *path);
struct tensor_list *safetensors_parse(struct session *s, const char *name, const void *bytes, size_t size);
/* Writes float tensors as F32, in the order of the list, and replaces the file atomically. A finite f64 value that
   overflows f32 is an error. A tensor that is not float, or a name that safetensors_read would refuse, is a BUG. */
bool safetensors_write(struct session *s, const char *path, const struct tensor_list *list);
#endif
