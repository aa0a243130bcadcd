#ifndef TOKIC_RUNTIME_FORMAT_HASH_H
#define TOKIC_RUNTIME_FORMAT_HASH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65 }; /* 64 lower-case digits and a NUL */

void sha256(const void *data, size_t size, uint8_t out[SHA256_BYTES]);
void sha256_hex(const void *data, size_t size, char out[SHA256_HEX]);
/* false with a diagnostic (FAIL_INPUT) if the file cannot be read. */
bool sha256_file(struct session *s, const char *path, char out[SHA256_HEX]);

/* Hash data in pieces: call sha256_begin, sha256_add any number of times, and sha256_end, which frees the state. */
struct sha256_state;
struct sha256_state *sha256_begin(void);
void sha256_add(struct sha256_state *h, const void *data, size_t size);
void sha256_end(struct sha256_state *h, uint8_t out[SHA256_BYTES]);
void sha256_to_hex(const uint8_t digest[SHA256_BYTES], char out[SHA256_HEX]);

/* FNV-1a (RFC 9923): h = 0xcbf29ce484222325; for each byte: h = (h ^ byte) * 0x100000001b3 mod 2^64 */
uint64_t fnv1a64(const void *data, size_t size);
#endif
