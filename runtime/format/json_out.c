#include "runtime/format/json_out.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"
#include "ir/memory.h"
#include "runtime/format/file.h"

size_t utf8_length(const char *p, size_t n)
{
    const unsigned char *c = (const unsigned char *)p;
    if (!n)
        return 0;
    if (c[0] < 0x80)
        return 1;
    size_t len = c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    if (!len || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool surrogate = c[0] == 0xed && c[1] > 0x9f;
    bool beyond = c[0] == 0xf4 && c[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : len;
}

static void add(cJSON *to, const char *key, cJSON *item)
{
    memory_must(item, 0);
    BUG_IF(key ? !cJSON_IsObject(to) : !cJSON_IsArray(to), "JSON: key %s in the wrong kind of value",
           key ? key : "(none)");
    if (!(key ? cJSON_AddItemToObject(to, key, item) : cJSON_AddItemToArray(to, item)))
        out_of_memory(0);
}

static cJSON *new_text(const char *text)
{
    size_t n = strlen(text);
    char *clean = memory_must(malloc(3 * n + 1), 3 * n + 1);
    char *out = clean;
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        len = utf8_length(text + i, n - i);
        memcpy(out, len ? text + i : "\xef\xbf\xbd", len ? len : 3);
        out += len ? len : 3;
    }
    *out = 0;
    cJSON *item = cJSON_CreateString(clean);
    free(clean);
    return item;
}

static cJSON *new_real(double x)
{
    char text[TEXT_DOUBLE];
    text_double(text, x, 15);
    return isfinite(x) ? cJSON_CreateRaw(text) : cJSON_CreateString(text);
}

static cJSON *new_int(int64_t x)
{
    char buf[24];
    snprintf(buf, sizeof buf, "%" PRId64, x);
    return cJSON_CreateRaw(buf);
}

struct cJSON *json_new(void) { return memory_must(cJSON_CreateObject(), 0); }

void json_text(struct cJSON *to, const char *key, const char *text)
{
    add(to, key, text ? new_text(text) : cJSON_CreateNull());
}
void json_real(struct cJSON *to, const char *key, double x) { add(to, key, new_real(x)); }
void json_int(struct cJSON *to, const char *key, int64_t x) { add(to, key, new_int(x)); }
void json_bool(struct cJSON *to, const char *key, bool x) { add(to, key, cJSON_CreateBool(x)); }
void json_null(struct cJSON *to, const char *key) { add(to, key, cJSON_CreateNull()); }

struct cJSON *json_object(struct cJSON *to, const char *key)
{
    cJSON *o = cJSON_CreateObject();
    add(to, key, o);
    return o;
}

struct cJSON *json_array(struct cJSON *to, const char *key)
{
    cJSON *o = cJSON_CreateArray();
    add(to, key, o);
    return o;
}

void json_reals(struct cJSON *to, const char *key, const double *x, size_t n)
{
    cJSON *list = json_array(to, key);
    for (size_t i = 0; i < n; i++)
        json_real(list, NULL, x[i]);
}

void json_ints(struct cJSON *to, const char *key, const int64_t *x, size_t n)
{
    cJSON *list = json_array(to, key);
    for (size_t i = 0; i < n; i++)
        json_int(list, NULL, x[i]);
}

void json_texts(struct cJSON *to, const char *key, const char *const *x, size_t n)
{
    cJSON *list = json_array(to, key);
    for (size_t i = 0; i < n; i++)
        json_text(list, NULL, x[i]);
}

static char *print(struct cJSON *o, bool indented)
{
    char *text = memory_must(indented ? cJSON_Print(o) : cJSON_PrintUnformatted(o), 0);
    cJSON_Delete(o);
    return text;
}

const char *json_compact(struct arena *a, struct cJSON *o)
{
    char *text = print(o, false);
    const char *kept = arena_strdup(a, text);
    cJSON_free(text);
    return kept;
}

bool json_line(struct session *s, struct cJSON *o, FILE *to)
{
    char *text = print(o, false);
    bool ok = fputs(text, to) >= 0 && fputc('\n', to) != EOF && !fflush(to);
    if (!ok)
        diag_error(s, FAIL_INPUT, NOWHERE, "cannot write a line of JSON: %s", strerror(errno));
    cJSON_free(text);
    return ok;
}

bool json_save(struct session *s, struct cJSON *o, const char *path)
{
    char *text = print(o, true);
    struct file_out f;
    bool ok = file_create(s, &f, path);
    if (ok) {
        file_write(&f, text, strlen(text));
        file_write(&f, "\n", 1);
        ok = file_commit(&f);
    }
    cJSON_free(text);
    return ok;
}
