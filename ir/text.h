#ifndef TOKIC_IR_TEXT_H
#define TOKIC_IR_TEXT_H
/* Numbers and quoted strings in the texts that tokic writes and reads. */
struct arena;

enum { TEXT_DOUBLE = 32 }; /* buffer size for any result of text_double */

/* Writes x to `out` as the shortest decimal that reads back as x and has at least `digits` digits. Returns `out`.
   100000 becomes "1e+05" with digits = 1, and "100000" with digits = 15. Other results are "nan", "inf" and "-inf". */
const char *text_double(char out[TEXT_DOUBLE], double x, int digits);
/* Like text_double with digits = 1, but a whole number gets a point or an exponent: "3.0", not "3". */
const char *text_float(char out[TEXT_DOUBLE], double x);

/* text_escaped puts a backslash before each quote and backslash, and turns line ends into spaces.
   text_quoted also adds double quotes around the text. */
const char *text_escaped(struct arena *a, const char *text);
const char *text_quoted(struct arena *a, const char *text);
/* Reads a text that text_quoted wrote. Requires that *at is the opening quote; moves *at behind the closing quote.
   If the line has no closing quote, returns NULL and moves *at to the end of the line. */
const char *text_unquoted(struct arena *a, const char **at);
#endif
