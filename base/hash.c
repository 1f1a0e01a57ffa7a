/* hash.c - 256-bit BLAKE2b, from libsodium */
#include "base/hash.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* libsodium's state wants 64-byte alignment, which a struct of the caller's on
 * the heap cannot promise: it is copied in and out, 400 bytes a call. */
static_assert(sizeof(crypto_generichash_state) <=
                  sizeof(((struct slim_hasher *)0)->state),
              "the state fits");

static void keep(struct slim_hasher *hasher,
                 const crypto_generichash_state *state)
{
    memcpy(hasher->state, state, sizeof(*state));
}

static void recall(crypto_generichash_state *state,
                   const struct slim_hasher *hasher)
{
    memcpy(state, hasher->state, sizeof(*state));
}

void slim_hasher_init(struct slim_hasher *hasher)
{
    crypto_generichash_state state;

    /* picks the fastest code for this machine; calling it again is nothing */
    if (sodium_init() < 0)
        abort();
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(struct slim_digest));
    keep(hasher, &state);
}

void slim_hasher_add(struct slim_hasher *hasher, const void *bytes,
                     size_t count)
{
    crypto_generichash_state state;

    if (count == 0)
        return;
    recall(&state, hasher);
    (void)crypto_generichash_update(&state, bytes, count);
    keep(hasher, &state);
}

void slim_hasher_u64(struct slim_hasher *hasher, uint64_t value)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    slim_hasher_add(hasher, bytes, sizeof(bytes));
}

void slim_hasher_text(struct slim_hasher *hasher, const char *text)
{
    size_t length = strlen(text);

    slim_hasher_u64(hasher, length);
    slim_hasher_add(hasher, text, length);
}

struct slim_digest slim_hasher_done(struct slim_hasher *hasher)
{
    crypto_generichash_state state;
    struct slim_digest digest;

    recall(&state, hasher);
    (void)crypto_generichash_final(&state, digest.bytes, sizeof(digest.bytes));
    return digest;
}

struct slim_digest slim_hash(const void *bytes, size_t count)
{
    struct slim_hasher hasher;

    slim_hasher_init(&hasher);
    slim_hasher_add(&hasher, bytes, count);
    return slim_hasher_done(&hasher);
}

void slim_digest_hex(char out[65], const struct slim_digest *digest)
{
    (void)sodium_bin2hex(out, 65, digest->bytes, sizeof(digest->bytes));
}
