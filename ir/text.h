#ifndef TOKIC_IR_TEXT_H
#define TOKIC_IR_TEXT_H
/* Numbers and quoted strings in the texts that tokic writes and reads back. */
struct arena;

enum { TEXT_DOUBLE = 32 }; /* buffer size for any result of text_double */

/* The shortest decimal with at least `digits` digits that strtod reads back as the same double; also "nan", "inf",
   "-inf". 100000 becomes 1e+05 with digits = 1, and stays 100000 with digits = 15. Returns `out`. */
const char *text_double(char out[TEXT_DOUBLE], double x, int digits);
/* The shortest decimal with a point or an exponent: 3.0, since 3 would read as an integer. */
const char *text_float(char out[TEXT_DOUBLE], double x);

/* Escapes a text for use between double quotes: puts a backslash before each quote and backslash, and turns line ends
   into spaces. */
const char *text_escaped(struct arena *a, const char *text);
const char *text_quoted(struct arena *a, const char *text);
/* Reads a text that text_quoted wrote. *at is the opening quote, and is moved past the closing one. If the line has no
   closing quote, returns NULL and moves *at to the end of the line. */
const char *text_unquoted(struct arena *a, const char **at);
#endif
