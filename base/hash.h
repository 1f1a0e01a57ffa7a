/* hash.h - 256-bit BLAKE2b, from libsodium */
#ifndef SLIM_HASH_H
#define SLIM_HASH_H

#include <stddef.h>
#include <stdint.h>

struct slim_digest {
    unsigned char bytes[32];
};

struct slim_hasher {
    /* a crypto_generichash_state; a copy of a hasher is a hasher */
    unsigned char state[512];
};

void slim_hasher_init(struct slim_hasher *hasher);
void slim_hasher_add(struct slim_hasher *hasher, const void *bytes,
                     size_t count);
/* Length-prefixed, so that ("ab","c") and ("a","bc") differ. */
void slim_hasher_text(struct slim_hasher *hasher, const char *text);
void slim_hasher_u64(struct slim_hasher *hasher, uint64_t value);
struct slim_digest slim_hasher_done(struct slim_hasher *hasher);

struct slim_digest slim_hash(const void *bytes, size_t count);

/* 64 hex digits and a NUL; the first eight are what people are shown. */
void slim_digest_hex(char out[65], const struct slim_digest *digest);

#endif
