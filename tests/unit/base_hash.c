/* base_hash.c - BLAKE2b-256 */
#include "base/hash.h"

#include "tests/support.h"

#include <string.h>

static void assert_hash(struct slim_digest digest, const char *expected)
{
    char hex[65];

    slim_digest_hex(hex, &digest);
    assert_string_equal(hex, expected);
}

/* As `b2sum -l 256` prints them. */
static void digests_are_those_of_blake2b(void **state)
{
    (void)state;
    assert_hash(
        slim_hash("", 0),
        "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    assert_hash(
        slim_hash("abc", 3),
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void pieces_hash_like_the_whole(void **state)
{
    (void)state;
    unsigned char bytes[1000];
    struct slim_hasher hasher, copy;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    struct slim_digest whole = slim_hash(bytes, sizeof(bytes));
    slim_hasher_init(&hasher);
    slim_hasher_add(&hasher, bytes, 333);
    copy = hasher;
    slim_hasher_add(&hasher, bytes + 333, 667);
    slim_hasher_add(&copy, bytes + 333, 667);
    struct slim_digest pieces = slim_hasher_done(&hasher);
    assert_memory_equal(whole.bytes, pieces.bytes, 32);
    pieces = slim_hasher_done(&copy);
    assert_memory_equal(whole.bytes, pieces.bytes, 32);
}

static struct slim_digest of_two(const char *a, const char *b)
{
    struct slim_hasher hasher;

    slim_hasher_init(&hasher);
    slim_hasher_text(&hasher, a);
    slim_hasher_text(&hasher, b);
    return slim_hasher_done(&hasher);
}

static void texts_keep_their_borders(void **state)
{
    (void)state;
    struct slim_digest x = of_two("ab", "c"), y = of_two("a", "bc");

    assert_memory_not_equal(x.bytes, y.bytes, 32);
}

static void numbers_hash_the_same_on_every_machine(void **state)
{
    (void)state;
    struct slim_hasher hasher;

    slim_hasher_init(&hasher);
    slim_hasher_u64(&hasher, 0x0102030405060708);
    struct slim_digest digest = slim_hasher_done(&hasher);
    struct slim_digest bytes = slim_hash("\10\7\6\5\4\3\2\1", 8);
    assert_memory_equal(digest.bytes, bytes.bytes, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_blake2b),
        cmocka_unit_test(pieces_hash_like_the_whole),
        cmocka_unit_test(texts_keep_their_borders),
        cmocka_unit_test(numbers_hash_the_same_on_every_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
