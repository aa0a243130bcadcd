/* Any bytes as a code object; from the first "ptxas" in them on, or all, as the compiler's log. */
#include <string.h>

#include "runtime/compile/codeobj.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session *s = session_begin();
    struct kernel_info *kernels;
    size_t n;
    const uint8_t *said = size ? memmem(data, size, "ptxas", 5) : NULL;
    const char *log =
        arena_strndup(s->run, (const char *)(said ? said : data), size - (size_t)((said ? said : data) - data));
    bool good = codeobj_read(s, data, size, log, &kernels, &n);
    BUG_IF(good != (n > 0) || good != (s->n_errors == 0), "codeobj_read: %d with %zu kernels and %d errors", good, n,
           s->n_errors);
    for (size_t i = 0; i < n; i++)
        BUG_IF(!kernels[i].name || (size_t)(kernels[i].matrix + 1) > size, "kernel %zu is broken", i);
    session_end(s);
    return 0;
}
