/* Guards of payloads. An access outside its array is counted, and goes to element 0 instead. */
tk_i64 p_outside;
tk_i64 p_counts[64]; /* number of elements of each argument of the launch */

static inline tk_i64 p_in(tk_i64 i, tk_i64 n)
{
    if ((tk_u64)i < (tk_u64)n)
        return i;
    p_outside++;
    return 0;
}
#define TK_IN(I, N) p_in(I, N)
#define TK_IN_ARG(I, K) p_in(I, p_counts[K])
