/* safetensors.c - any bytes are a checkpoint's header, or an error */
#include "compiler/ir/checkpoint.h"

#include "tests/fuzz/fuzz.h"

/* What was accepted lies in the file, and its parts do not overlap. */
static void check_tensors(const struct slim_tensor_list *list, uint64_t begin,
                          uint64_t size)
{
    uint64_t bytes = 0;
    for (size_t t = 0; t < list->count; t++) {
        const struct slim_disk_tensor *tensor = &list->items[t];
        uint64_t elements = 1;
        if (tensor->offset < begin || tensor->bytes > size ||
            tensor->offset > size - tensor->bytes)
            abort();
        for (size_t d = 0; d < tensor->dims_count; d++)
            elements *= tensor->dims[d];
        if (elements * slim_dtype_bits(tensor->dtype) / 8 != tensor->bytes)
            abort();
        bytes += tensor->bytes;
    }
    if (begin + bytes != size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    uint64_t length = 0;
    if (count < 8)
        return 0;
    for (size_t i = 0; i < 8; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    /* a length that does not fit is the caller's to refuse */
    if (length > count - 8)
        length = count - 8;
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_source name = { "input", NULL, 0 };
    struct slim_tensor_list list = { 0 };
    enum slim_status status =
        slim_header_parse(&list, NULL, (const char *)bytes + 8, (size_t)length,
                          count, 0, &name, &diag);
    if (status == SLIM_OK)
        check_tensors(&list, 8 + length, count);
    slim_fuzz_check(status, &diag);
    slim_arena_close(diag.arena);
    return 0;
}
