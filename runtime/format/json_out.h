#ifndef TOKIC_RUNTIME_FORMAT_JSON_OUT_H
#define TOKIC_RUNTIME_FORMAT_JSON_OUT_H
/* Writes JSON with cJSON. A number gets 15, 16 or 17 significant digits: the fewest that read back as the same double.
   NaN and infinities become the strings "nan", "inf", "-inf". Bytes that are not UTF-8 become U+FFFD. Keys keep their
   order. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ir/session.h"

struct cJSON;

struct cJSON *json_new(void);
/* Each function adds a value to the object `to`, under a copy of `key`. If `key` is NULL, `to` is an array, and the
   value becomes its last element. */
void json_text(struct cJSON *to, const char *key, const char *text); /* NULL becomes null */
void json_real(struct cJSON *to, const char *key, double x);
void json_int(struct cJSON *to, const char *key, int64_t x);
void json_bool(struct cJSON *to, const char *key, bool x);
void json_null(struct cJSON *to, const char *key);
void json_reals(struct cJSON *to, const char *key, const double *x, size_t n);
void json_ints(struct cJSON *to, const char *key, const int64_t *x, size_t n);
void json_texts(struct cJSON *to, const char *key, const char *const *x, size_t n);
/* Adds an empty object or array, owned by `to`, and returns it. */
struct cJSON *json_object(struct cJSON *to, const char *key);
struct cJSON *json_array(struct cJSON *to, const char *key);

/* All three free `o`. json_compact returns one line of text. json_line writes one line and flushes. json_save writes
   indented text and replaces the file atomically. json_line and json_save return false with a diagnostic (FAIL_INPUT)
   on failure. */
const char *json_compact(struct arena *a, struct cJSON *o);
bool json_line(struct session *s, struct cJSON *o, FILE *to);
bool json_save(struct session *s, struct cJSON *o, const char *path);

/* Returns the length in bytes of the UTF-8 character at `p`, where n bytes are readable. 0 if the character is invalid
   (RFC 3629: overlong, a surrogate, or beyond U+10FFFF). */
size_t utf8_length(const char *p, size_t n);
#endif
