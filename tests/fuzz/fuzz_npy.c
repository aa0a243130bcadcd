/* Any bytes: a tensor and no error, or one error and no tensor; a tensor is no larger than the bytes it came from. */
#include <stdlib.h>

#include "runtime/format/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct session *s = session_begin();
    const struct tensor *t = npy_parse(s, "fuzz.npy", bytes, size);
    if ((t != NULL) != (s->n_errors == 0) || s->n_errors > 1)
        abort();
    if (t) {
        size_t want;
        if (t->bytes >= size || !tensor_size(t->dtype, t->rank, t->dim, &want) || want != t->bytes ||
            tensor_bad_bool(t) >= 0)
            abort();
        for (int64_t i = 0; i < tensor_count(t); i++)
            (void)tensor_get(t, i);
    }
    session_end(s);
    return 0;
}
