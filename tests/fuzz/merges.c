/* merges.c - any bytes are a vocab.json, a merges.txt, a configuration and a text
 * for them, or one error */
#include "runtime/data/tokenizer.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support.h"

#include <stdlib.h>
#include <string.h>

enum { VOCABULARY, MERGES, CONFIG, TEXT, PARTS };

static const char *directory, *vocabulary;
static char *merges, *config;

/* Parts of the input, each ended by a zero byte but the last. */
static void cut(const uint8_t *parts[PARTS], size_t lengths[PARTS],
                const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < PARTS; i++) {
        const uint8_t *zero =
            count && i < TEXT ? memchr(bytes, 0, count) : NULL;
        size_t length = zero ? (size_t)(zero - bytes) : count;

        parts[i] = bytes;
        lengths[i] = length;
        bytes += zero ? length + 1 : length;
        count -= zero ? length + 1 : length;
    }
}

static enum slim_status encode(struct slim_tokenizer *tokenizer,
                               const uint8_t *text, size_t length,
                               struct slim_diag *diag)
{
    struct slim_ids ids = { 0 };
    enum slim_status status = slim_tokenizer_encode(
        &ids, tokenizer, (const char *)text, length, true, diag);

    for (size_t i = 0; !status && i < ids.count; i++)
        if (ids.items[i] < 0)
            abort();
    slim_ids_free(&ids);
    return status;
}

static void run(const uint8_t *bytes, size_t count)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    const uint8_t *parts[PARTS];
    size_t lengths[PARTS];
    struct slim_span nowhere = { 0 };
    struct slim_tokenizer *tokenizer;

    cut(parts, lengths, bytes, count);
    slim_test_write(vocabulary, parts[VOCABULARY], lengths[VOCABULARY]);
    slim_test_write(merges, parts[MERGES], lengths[MERGES]);
    (void)remove(config);
    if (lengths[CONFIG] > 0)
        slim_test_write(config, parts[CONFIG], lengths[CONFIG]);
    enum slim_status status =
        slim_tokenizer_open(&tokenizer, directory, nowhere, &diag);

    if ((status == SLIM_OK) != (tokenizer != NULL))
        abort();
    if (!status)
        status = encode(tokenizer, parts[TEXT], lengths[TEXT], &diag);
    slim_tokenizer_close(tokenizer);
    slim_fuzz_check(status, &diag);
    slim_arena_close(diag.arena);
}

/* Before the folder itself goes. */
static void clean_up(void)
{
    (void)remove(merges);
    (void)remove(config);
    free(merges);
    free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slim_fuzz_place(&directory, &vocabulary, "vocab.json");
    if (!merges) {
        merges = slim_test_join(directory, "merges.txt");
        config = slim_test_join(directory, "tokenizer_config.json");
        (void)atexit(clean_up);
    }
    run(bytes, count);
    return 0;
}
