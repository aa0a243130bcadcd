#ifndef TOKIC_IR_TEXT_H
#define TOKIC_IR_TEXT_H
/* Numbers and quoted strings in the texts that tokic writes and reads back. */
struct arena;

enum { TEXT_DOUBLE = 32 }; /* buffer size for any result of text_double */

/* The shortest decimal of at least `digits` significant digits that strtod reads back as the same double, sign of zero
   included; "nan", "inf", "-inf". With digits 1, 100000 is 1e+05; with digits 15, numbers from 0.0001 to 10^15 have no
   exponent. Returns `out`. */
const char *text_double(char out[TEXT_DOUBLE], double x, int digits);
/* The shortest decimal, with a point or an exponent, so that texts of graphs and kernels tell it from an integer. */
const char *text_float(char out[TEXT_DOUBLE], double x);

/* `text` escaped for double quotes: a backslash before each quote and backslash, a space for each line end. */
const char *text_escaped(struct arena *a, const char *text);
/* text_escaped, put between double quotes. */
const char *text_quoted(struct arena *a, const char *text);
/* Reads what text_quoted wrote and moves *at from the opening quote past the closing one. NULL if the line has no
   closing quote; *at is then the end of the line or text. A backslash escapes only quotes and backslashes. */
const char *text_unquoted(struct arena *a, const char **at);
#endif
