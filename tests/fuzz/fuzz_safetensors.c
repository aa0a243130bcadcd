/* Any bytes: a list and no error, or one error and no list; the tensors tile bytes that the file has. */
#include <stdlib.h>
#include <string.h>

#include "runtime/format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct session *s = session_begin();
    const struct tensor_list *l = safetensors_parse(s, "fuzz.safetensors", bytes, size);
    if ((l != NULL) != (s->n_errors == 0) || s->n_errors > 1)
        abort();
    uint64_t header = 0;
    uint64_t total = 0;
    if (l)
        memcpy(&header, bytes, 8);
    for (size_t k = 0; l && k < l->n; k++) {
        const struct tensor *t = &l->items[k].tensor;
        size_t want;
        if (!tensor_size(t->dtype, t->rank, t->dim, &want) || want != t->bytes || (uintptr_t)t->data % 16)
            abort();
        if (tensor_list_find(l, l->items[k].name) != t)
            abort();
        if (t->bytes && memcmp(t->data, bytes + 8 + header + total, t->bytes))
            abort();
        total += t->bytes;
        for (int64_t i = 0; i < tensor_count(t); i++)
            (void)tensor_get(t, i);
    }
    if (l && 8 + header + total != size)
        abort();
    session_end(s);
    return 0;
}
