#include "tests/support/scale_text.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD "graph scale\ndim B\ninput x: f32[B, 32] where -1 <= x <= 1\n"

/* A repeat of one statement. */
static char *repeat(int n, const char *statement)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fprintf(f, HEAD "h = x\nrepeat %d { h = %s }\noutput y = h\n", n, statement);
    fclose(f);
    return text;
}

char *scale_repeat(int n) { return repeat(n, "gelu(h)"); }
char *scale_diamond(int n) { return repeat(n, "h * h + h"); }
char *scale_layers(int n) { return repeat(n, "gelu(layernorm(linear(h, 32)))"); }
char *scale_softmax(int n) { return repeat(n, "softmax(h + h)"); }
char *scale_views(int n) { return repeat(n, "slice(concat(h, h), start=[0, 0], size=[B, 32])"); }

char *scale_lines(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs(HEAD "h = x\n", f);
    for (int i = 0; i < n; i++)
        fputs("h = gelu(h)\n", f);
    fputs("output y = h\n", f);
    fclose(f);
    return text;
}

char *scale_nested(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs(HEAD "output y = ", f);
    for (int i = 0; i < n; i++)
        fputs("gelu(", f);
    fputc('x', f);
    for (int i = 0; i < n; i++)
        fputc(')', f);
    fputc('\n', f);
    fclose(f);
    return text;
}

/* n different values l0, l1, ... */
static void leaves(FILE *f, int n)
{
    fputs(HEAD, f);
    for (int i = 0; i < n; i++)
        fprintf(f, "l%d = x * %d.5\n", i, i + 1);
}

char *scale_add_tree(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    leaves(f, n);
    for (int i = n; i < 2 * n - 1; i++) /* node i adds the two oldest that nobody has added */
        fprintf(f, "l%d = l%d + l%d\n", i, 2 * (i - n), 2 * (i - n) + 1);
    fprintf(f, "output y = l%d\n", 2 * n - 2);
    fclose(f);
    return text;
}

char *scale_add_chain(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    leaves(f, n);
    fputs("s = l0\n", f);
    for (int i = 1; i < n; i++)
        fprintf(f, "s = s + l%d\n", i);
    fputs("output y = s\n", f);
    fclose(f);
    return text;
}

char *scale_concat(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    leaves(f, n);
    fputs("output y = concat(", f);
    for (int i = 0; i < n; i++)
        fprintf(f, "l%d, ", i);
    fputs("axis=-1)\n", f);
    fclose(f);
    return text;
}

char *scale_outputs(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs(HEAD, f);
    for (int i = 0; i < n; i++)
        fprintf(f, "output y%d = x * %d.5\n", i, i + 1);
    fclose(f);
    return text;
}

char *scale_batches(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fprintf(f, "graph scale\ninput a: f16[%d, 16, 16]\ninput b: f16[%d, 16, 16]\noutput y = matmul(a, b)\n", n, n);
    fclose(f);
    return text;
}

char *scale_columns(int n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fprintf(f, "graph scale\ninput a: f16[16, 16]\ninput b: f16[16, %d]\noutput y = matmul(a, b)\n", n);
    fclose(f);
    return text;
}
