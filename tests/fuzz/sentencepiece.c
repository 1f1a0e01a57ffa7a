/* sentencepiece.c - any bytes are a tokenizer.model and a text, or one error */
#include "runtime/data/tokenizer.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support.h"

static const char *directory, *path;

/* The input is a length, so many bytes of text, then a model. */
static void run(const uint8_t *bytes, size_t count)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    size_t length = count ? bytes[0] : 0;
    struct slim_tokenizer *tokenizer;
    struct slim_ids ids = { 0 };

    if (length + 1 > count)
        length = count ? count - 1 : 0;
    size_t begin = count ? length + 1 : 0;

    slim_test_write(path, bytes + begin, count - begin);
    enum slim_status status = slim_tokenizer_open(
        &tokenizer, directory, (struct slim_span){ 0 }, &diag);

    if ((status == SLIM_OK) != (tokenizer != NULL))
        abort();
    if (!status)
        status = slim_tokenizer_encode(&ids, tokenizer,
                                       count ? (const char *)bytes + 1 : "",
                                       length, true, &diag);
    for (size_t i = 0; !status && i < ids.count; i++)
        if (ids.items[i] < 0 ||
            (size_t)ids.items[i] >= slim_tokenizer_vocabulary(tokenizer))
            abort();
    slim_ids_free(&ids);
    slim_tokenizer_close(tokenizer);
    slim_fuzz_check(status, &diag);
    slim_arena_close(diag.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slim_fuzz_place(&directory, &path, "tokenizer.model");
    run(bytes, count);
    return 0;
}
