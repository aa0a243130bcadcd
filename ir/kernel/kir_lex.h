#ifndef TOKIC_IR_KERNEL_KIR_LEX_H
#define TOKIC_IR_KERNEL_KIR_LEX_H
#include "ir/session.h"

enum ktok_kind { KTOK_END, KTOK_NAME, KTOK_INT, KTOK_FLOAT, KTOK_STRING, KTOK_PUNCT };
/* The codes of `..` `:=` `+=` `<=`. Other punctuation is one character, and its code is the character. */
enum { KPUNCT_DOTS = 256, KPUNCT_DEFINE, KPUNCT_ADD_TO, KPUNCT_LESS_EQ };

struct ktok {
    enum ktok_kind kind;
    struct loc loc;
    int punct;
    int64_t i;
    bool minus_only; /* the integer is 2^63, which is valid only after a minus; i is INT64_MIN */
    double f;
    const char *text;
};

struct klex {
    struct session *s;
    const struct source *src;
    const char *at, *line_begin;
    int line;
    bool failed;
    struct ktok cur;
};

void klex_begin(struct klex *l, struct session *s, const struct source *src);
void klex_next(struct klex *l);
/* Reports an error unless one was reported before, and makes the current token KTOK_END. Returns false. */
__attribute__((format(printf, 3, 4))) bool klex_error(struct klex *l, struct loc loc, const char *fmt, ...);
bool klex_is(const struct klex *l, int punct);
bool klex_is_word(const struct klex *l, const char *word);
bool klex_take(struct klex *l, int punct);
bool klex_take_word(struct klex *l, const char *word);
bool klex_expect(struct klex *l, int punct);
bool klex_expect_word(struct klex *l, const char *word);
/* Consumes a name. If there is none, reports "expected `what`" and returns "". */
const char *klex_name(struct klex *l, const char *what);
int64_t klex_int(struct klex *l, const char *what, int64_t lo, int64_t hi);
/* Parses [ "-" ] ( number | "inf" | "nan" ). */
double klex_number(struct klex *l);
const char *klex_string(struct klex *l, const char *what);
#endif
