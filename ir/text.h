#ifndef TOKIC_IR_TEXT_H
#define TOKIC_IR_TEXT_H
/* Numbers and names in the texts that tokic writes and reads back. */
struct arena;

enum { TEXT_DOUBLE = 32 }; /* bytes that hold any number of text_double */

/* The first decimal of `digits`, `digits` + 1, … significant digits that strtod reads as the same double, sign of zero
   included; "nan", "inf", "-inf". From 1 digit on it is the shortest there is, and 100000 is 1e+05; from 15 digits on,
   numbers from 0.0001 to 10^15 have no exponent. Returns `out`. */
const char *text_double(char out[TEXT_DOUBLE], double x, int digits);
/* The shortest, with a point or an exponent: the texts of graphs and kernels tell it from an integer. */
const char *text_float(char out[TEXT_DOUBLE], double x);

/* `text` as it stands between double quotes: a backslash before each quote and backslash, a space for each line end. */
const char *text_escaped(struct arena *a, const char *text);
/* The same with its quotes. */
const char *text_quoted(struct arena *a, const char *text);
/* What text_quoted wrote: *at, at the opening quote, is set behind the closing one. NULL, and *at is where the line or
   the text ends: there is no closing quote. A backslash before anything else stands for itself. */
const char *text_unquoted(struct arena *a, const char **at);
#endif
