/* families_fused.c - a matrix may be in one piece or in three: of every family that
 * has it in one */
#include "base/file.h"
#include "tests/kinds.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in one piece or in three ---- */

/* What an entry "KEY: { .. }" of a family file becomes; the text where there is
 * none. */
static const char *replaced(const char *text, const char *key, const char *by,
                            struct slim_arena *arena)
{
    const char *begin =
        strstr(text, slim_arena_printf(arena, "\n        %s: {", key));
    size_t depth = 0;

    if (!begin)
        return text;
    const char *end = strchr(begin, '{');
    do {
        depth += *end == '{';
        depth -= *end == '}';
        end++;
    } while (depth > 0);
    return slim_arena_printf(arena, "%.*s%s%s", (int)(begin - text), text, by,
                             end);
}

#define ENTRY(slot, rows)                                                      \
    "\n        " slot ": { name: \"{layer}own." slot "\", dims: [" rows "] }"

/* The family with a matrix, and a bias, for each label. */
static const char *unfused(const char *text, struct slim_arena *arena)
{
    bool grouped = strstr(text, "kv.rep.dim") != NULL;

    text = replaced(
        text, "qkv",
        grouped ? ENTRY("q", "kv.rep.dim, stream") ENTRY("k", "kv.dim, stream")
                      ENTRY("v", "kv.dim, stream")
                : ENTRY("q", "kv.dim, stream") ENTRY("k", "kv.dim, stream")
                      ENTRY("v", "kv.dim, stream"),
        arena);
    text = replaced(
        text, "qkv_bias",
        grouped ? ENTRY("q_bias", "kv.rep.dim") ENTRY("k_bias", "kv.dim")
                      ENTRY("v_bias", "kv.dim")
                : ENTRY("q_bias", "kv.dim") ENTRY("k_bias", "kv.dim")
                      ENTRY("v_bias", "kv.dim"),
        arena);
    return replaced(text, "gate_up",
                    ENTRY("gate", "mlp, stream") ENTRY("up", "mlp, stream"),
                    arena);
}

static void copy(struct slim_kind_world *to, const struct slim_tensor *tensor,
                 const float *rows, size_t count, size_t columns)
{
    struct slim_buffer *buffer = slim_buffer_new(count * columns);

    memcpy(buffer->data, rows, count * columns * sizeof(*rows));
    slim_model_set(to->model, tensor, buffer, count, columns);
}

/* The rows with a label, unit by unit. */
static void copy_part(struct slim_kind_world *to,
                      const struct slim_tensor *tensor,
                      struct slim_kind_world *from,
                      const struct slim_tensor *fused, const char *label,
                      size_t axis, size_t units)
{
    const struct slim_buffer *data = from->model->weights[fused->index].buffer;
    size_t columns = slim_tensor_size(from->info->shape, fused, 1);
    size_t start = 0, stride = 0, length = 0;

    assert_true(slim_tensor_part(&start, &stride, &length, from->info->shape,
                                 fused, 0, label, axis));
    float *rows = SLIM_NEW_ARRAY(from->arena, units * length * columns, float);
    /* a bias that the fused model has not is nil */
    for (size_t u = 0; data && u < units; u++)
        memcpy(rows + u * length * columns,
               data->data + (start + u * stride) * columns,
               length * columns * sizeof(*rows));
    copy(to, tensor, rows, units * length, columns);
}

/* A tensor of the other model, or a part of one. */
static void copy_slot(struct slim_kind_world *to,
                      const struct slim_tensor *tensor,
                      struct slim_kind_world *from,
                      const struct slim_node *node)
{
    const struct slim_block *block = &slim_blocks[node->kind];
    bool bias = strstr(tensor->slot, "bias") != NULL;
    char label[8];

    for (size_t s = 0; s < block->slot_count; s++)
        if (node->slots[s] && strcmp(node->slots[s]->slot, tensor->slot) == 0) {
            copy(to, tensor,
                 from->model->weights[node->slots[s]->index].buffer->data,
                 slim_tensor_size(from->info->shape, node->slots[s], 0),
                 slim_tensor_size(from->info->shape, node->slots[s], 1));
            return;
        }
    (void)snprintf(label, sizeof(label), "%.*s",
                   (int)strcspn(tensor->slot, "_"), tensor->slot);
    if (node->kind == SLIM_BLOCK_MLP) {
        copy_part(to, tensor, from, node->slots[SLIM_MLP_GATE_UP], label,
                  SIZE_MAX, 1);
        return;
    }
    struct slim_heads heads = slim_node_heads(from->info->shape, node);
    copy_part(to, tensor, from,
              node->slots[bias ? SLIM_ATTENTION_QKV_BIAS : SLIM_ATTENTION_QKV],
              label, heads.axis, heads.kv);
}

static void copy_model(struct slim_kind_world *to, struct slim_kind_world *from)
{
    const struct slim_arch *arch = to->info->arch;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        size_t n = (size_t)(tensor->node - arch->nodes);
        if (slim_tensor_stored(to->info->shape, tensor))
            copy_slot(to, tensor, from, &from->info->arch->nodes[n]);
    }
}

static void fused_is_unfused(void **state)
{
    const struct slim_kind *kind = *state;
    char *source = slim_test_source(kind->file);
    char *text = slim_test_read(source, NULL);
    char *folder = slim_test_directory();
    char *path = slim_test_join(folder, "family.yaml");
    struct slim_kind_world whole, parts;

    slim_kind_open(&whole, kind);
    const char *other = unfused(text, whole.arena);
    assert_int_equal(other != text, strstr(text, "qkv:") != NULL);
    if (other != text) {
        slim_test_puts(path, other);
        slim_kind_open_file(&parts, kind, path);
        copy_model(&parts, &whole);
        double off = slim_test_deviation_f32(
            slim_kind_logits(&parts, parts.model),
            slim_kind_logits(&whole, whole.model),
            SLIM_KIND_WINDOWS * SLIM_KIND_LENGTH * whole.vocab);
        if (!(off < SLIM_NEAR_F32_ELEMENT))
            fail_msg("%s: in parts %g from whole", kind->name, off);
        slim_kind_close(&parts);
    }
    slim_kind_close(&whole);
    slim_test_directory_remove(folder);
    free(path);
    free(text);
    free(source);
}

int main(void)
{
    struct CMUnitTest tests[64];

    assert_true(slim_kind_count <= SLIM_COUNT(tests));
    for (size_t i = 0; i < slim_kind_count; i++)
        tests[i] = (struct CMUnitTest){
            .name = slim_kinds[i].name,
            .test_func = fused_is_unfused,
            .initial_state = (void *)(uintptr_t)&slim_kinds[i],
        };
    return _cmocka_run_group_tests("fused", tests, slim_kind_count, NULL, NULL);
}
