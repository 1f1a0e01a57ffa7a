/* logits.c - prints the logits of a model as raw f32, for the interop check
 *
 *     logits MODEL ID..      [ids, vocabulary] floats on standard output
 */
#include "base/file.h"
#include "runtime/model/model.h"

#include <stdlib.h>

static enum slim_status print_logits(struct slim_model *model,
                                     const int32_t *ids, size_t count,
                                     struct slim_diag *diag)
{
    const struct slim_tensor *table =
        model->shape->arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT];
    size_t vocabulary = slim_tensor_size(model->shape, table, 0);
    float *logits = calloc(count * vocabulary, sizeof(*logits));

    if (!logits)
        return SLIM_FAILED;
    enum slim_status status = slim_model_logits(logits, model, ids, 1, count,
                                                slim_kernels_blas(), diag);
    if (status == SLIM_OK)
        (void)fwrite(logits, sizeof(*logits), count * vocabulary, stdout);
    free(logits);
    return status;
}

int main(int argc, char **argv)
{
    const struct slim_span nowhere = { NULL, 0, 0 };
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_model_info *info = NULL;
    struct slim_model *model = NULL;
    size_t count = argc > 2 ? (size_t)argc - 2 : 0;

    if (count == 0) {
        fputs("usage: logits MODEL ID..\n", stderr);
        return 2;
    }
    int32_t *ids = slim_arena_array(diag.arena, count, sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)strtol(argv[i + 2], NULL, 10);
    enum slim_status status =
        slim_model_open(&info, argv[1], NULL, nowhere, &diag);
    if (status == SLIM_OK)
        status = slim_model_load(&model, info, &diag);
    if (status == SLIM_OK)
        status = print_logits(model, ids, count, &diag);
    slim_model_free(model);
    slim_diag_print(&diag, stderr, false);
    slim_arena_close(diag.arena);
    return status == SLIM_OK ? 0 : 1;
}
