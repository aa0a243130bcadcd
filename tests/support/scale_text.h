#ifndef TOKIC_TESTS_SCALE_TEXT_H
#define TOKIC_TESTS_SCALE_TEXT_H
/* .graph texts of any size, malloc'ed; n counts what the maker's comment says. No test framework here: bench uses them
   too. */

/* Chains of n steps. */
char *scale_repeat(int n);  /* one repeat: x = gelu(x) */
char *scale_lines(int n);   /* the same, a line a step */
char *scale_nested(int n);  /* the same, one expression: gelu(gelu(... */
char *scale_diamond(int n); /* x = x * x + x: n diamonds, 2^n ways from end to end */
char *scale_layers(int n);  /* x = gelu(layernorm(linear(x))): contractions and rows */
char *scale_softmax(int n); /* x = softmax(x + x): a reduction a step */
char *scale_views(int n);   /* x = slice(concat(x, x)): 2^n ways through views */

/* n values that meet, or part. */
char *scale_add_tree(int n);  /* n leaves added pairwise */
char *scale_add_chain(int n); /* n leaves added one after the other */
char *scale_concat(int n);    /* one concat of n operands */
char *scale_outputs(int n);   /* n outputs of one input */

/* Grids: n products at once, and one product of n columns. */
char *scale_batches(int n);
char *scale_columns(int n);
#endif
