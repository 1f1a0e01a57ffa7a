/* tokenizer.c - any bytes are a tokenizer and a text for it, or one error */
#include "runtime/data/tokenizer.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support.h"

#include <string.h>

static const char *directory, *path;

/* The input is a tokenizer.json, then a zero byte, then a text; without the
 * byte the text is the file itself. */
static void run(const uint8_t *bytes, size_t count)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    const uint8_t *zero = count ? memchr(bytes, 0, count) : NULL;
    size_t length = zero ? (size_t)(zero - bytes) : count;
    const char *text = zero ? (const char *)zero + 1 : (const char *)bytes;
    struct slim_span nowhere = { 0 };
    struct slim_tokenizer *tokenizer;
    struct slim_ids ids = { 0 };

    slim_test_write(path, bytes, length);
    enum slim_status status =
        slim_tokenizer_open(&tokenizer, directory, nowhere, &diag);

    if ((status == SLIM_OK) != (tokenizer != NULL))
        abort();
    if (!status)
        status = slim_tokenizer_encode(&ids, tokenizer, text,
                                       zero ? count - length - 1 : count, true,
                                       &diag);
    for (size_t i = 0; !status && i < ids.count; i++)
        if (ids.items[i] < 0)
            abort();
    slim_ids_free(&ids);
    slim_tokenizer_close(tokenizer);
    slim_fuzz_check(status, &diag);
    slim_arena_close(diag.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slim_fuzz_place(&directory, &path, "tokenizer.json");
    run(bytes, count);
    return 0;
}
