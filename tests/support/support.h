#ifndef TOKIC_TESTS_SUPPORT_H
#define TOKIC_TESTS_SUPPORT_H
/* What every test file needs. cmocka wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/session.h"
#include "runtime/device/device.h"

/* A small deterministic generator for tests: splitmix64. */
uint64_t rnd_u64(uint64_t *state);
int64_t rnd_range(uint64_t *state, int64_t lo, int64_t hi); /* lo..hi, both in */
double rnd_unit(uint64_t *state);                           /* [0, 1) */

/* A fresh directory under $TMPDIR for one test; removed by tmp_remove. */
char *tmp_make(void);
/* Mounts a small file system at `dir`, seen by this process and its children alone. `options`: of tmpfs, "size=64k". */
bool small_disk(const char *dir, const char *options);
void tmp_remove(char *dir);

/* A kernel found by the record's name, prepared, launched in the default stream. */
bool launch_now(struct device *d, struct module *m, const struct launch *l);
#endif
