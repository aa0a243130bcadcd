#include "runtime/format/hash.h"

#include <openssl/evp.h>

#include "runtime/format/file.h"

/* sha256_state is OpenSSL's EVP_MD_CTX. The other name keeps OpenSSL out of the header. */
static EVP_MD_CTX *evp(struct sha256_state *h) { return (EVP_MD_CTX *)h; }

struct sha256_state *sha256_begin(void)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    BUG_IF(!c || !EVP_DigestInit_ex(c, EVP_sha256(), NULL), "libcrypto has no SHA-256");
    return (struct sha256_state *)c;
}

void sha256_add(struct sha256_state *h, const void *data, size_t size)
{
    BUG_IF(!EVP_DigestUpdate(evp(h), data, size), "SHA-256 failed");
}

void sha256_end(struct sha256_state *h, uint8_t out[SHA256_BYTES])
{
    BUG_IF(!EVP_DigestFinal_ex(evp(h), out, NULL), "SHA-256 failed");
    EVP_MD_CTX_free(evp(h));
}

void sha256_to_hex(const uint8_t digest[SHA256_BYTES], char out[SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * SHA256_BYTES] = 0;
}

void sha256(const void *data, size_t size, uint8_t out[SHA256_BYTES])
{
    struct sha256_state *h = sha256_begin();
    sha256_add(h, data, size);
    sha256_end(h, out);
}

void sha256_hex(const void *data, size_t size, char out[SHA256_HEX])
{
    uint8_t digest[SHA256_BYTES];
    sha256(data, size, digest);
    sha256_to_hex(digest, out);
}

bool sha256_file(struct session *s, const char *path, char out[SHA256_HEX])
{
    enum { CHUNK = 1 << 16 };
    struct file_in f;
    if (!file_open(s, &f, path))
        return false;
    struct sha256_state *h = sha256_begin();
    unsigned char buf[CHUNK];
    bool ok = true;
    for (uint64_t at = 0; ok && at < f.size; at += CHUNK) {
        size_t n = f.size - at < CHUNK ? (size_t)(f.size - at) : CHUNK;
        ok = file_read(&f, at, buf, n);
        if (ok)
            sha256_add(h, buf, n);
    }
    uint8_t digest[SHA256_BYTES];
    sha256_end(h, digest);
    file_close(&f);
    if (ok)
        sha256_to_hex(digest, out);
    return ok;
}

uint64_t fnv1a64(const void *data, size_t size)
{
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}
