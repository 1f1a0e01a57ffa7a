/* adapter.c - low-rank factors as PEFT reads them */
#include "runtime/format/export.h"
#include "runtime/format/safetensors.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* "model.layers.0.mlp.up_proj" of "model.layers.0.mlp.up_proj.weight" */
static const char *module(struct slim_arena *arena, const char *name)
{
    const char *dot = strrchr(name, '.');

    return slim_arena_strndup(arena, name, (size_t)(dot - name));
}

static enum slim_status fill(float *out, void *context,
                             const struct slim_out_tensor *output, size_t first,
                             size_t rows, struct slim_diag *diag)
{
    const float *numbers = output->tag;
    size_t row = slim_out_tensor_row(output);

    (void)context;
    (void)diag;
    if (rows && row)
        memcpy(out, numbers + first * row, rows * row * sizeof(*out));
    return SLIM_OK;
}

static void add(struct slim_out_tensors *outputs, struct slim_arena *arena,
                const char *name, const char *factor, size_t rows, size_t cols,
                const float *numbers)
{
    outputs->items[outputs->count++] = (struct slim_out_tensor){
        .name = slim_arena_printf(arena, "base_model.model.%s.%s.weight", name,
                                  factor),
        .dims_count = 2,
        .dims = { rows, cols },
        .tag = numbers,
    };
}

/* Last parts of the adapted modules' names, each once: PEFT's targets. */
static json_t *targets(const struct slim_adapters *adapters,
                       struct slim_arena *arena)
{
    json_t *seen = json_object(), *list = json_array();

    for (size_t i = 0; i < adapters->count; i++) {
        if (!adapters->by_tensor[i])
            continue;
        const char *name = module(arena, adapters->arch->tensors[i].name);
        const char *last = strrchr(name, '.');

        last = last ? last + 1 : name;
        if (!json_object_get(seen, last)) {
            json_object_set_new(seen, last, json_true());
            json_array_append_new(list, json_string(last));
        }
    }
    json_decref(seen);
    return list;
}

static enum slim_status write_config(struct slim_export *export,
                                     const struct slim_adapters *adapters)
{
    struct slim_run *run = export->run;
    json_t *config =
        json_pack("{s:s,s:s,s:s,s:I,s:f,s:f,s:s,s:o,s:b,s:b}", "peft_type",
                  "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path",
                  run->input->name, "r", (json_int_t)adapters->rank,
                  "lora_alpha", adapters->alpha, "lora_dropout", 0.0, "bias",
                  "none", "target_modules", targets(adapters, run->arena),
                  "inference_mode", 1, "fan_in_fan_out", 0);
    enum slim_status status = slim_json_write(
        slim_path_join(run->arena, export->directory, "adapter_config.json"),
        config, export->op->span, run->diag);

    json_decref(config);
    return status;
}

enum slim_status slim_export_adapter(struct slim_export *export,
                                     const struct slim_adapters *adapters)
{
    struct slim_run *run = export->run;
    struct slim_out_tensors outputs = { .dtype = export->dtype,
                                        .shard_bytes =
                                            UINT64_MAX /* PEFT knows one */,
                                        .fill = fill };

    if (write_config(export, adapters) != SLIM_OK)
        return SLIM_FAILED;
    outputs.items =
        SLIM_NEW_ARRAY(run->arena, 2 * adapters->count, struct slim_out_tensor);
    for (size_t i = 0; i < adapters->count; i++) {
        const struct slim_adapter *one = adapters->by_tensor[i];
        const struct slim_tensor *tensor = &adapters->arch->tensors[i];

        if (!one)
            continue;
        const char *name = module(run->arena, tensor->name);
        const struct slim_shape *shape = export->model->shape;
        add(&outputs, run->arena, name, "lora_A", one->rank,
            slim_tensor_size(shape, tensor, 1), one->a);
        add(&outputs, run->arena, name, "lora_B",
            slim_tensor_size(shape, tensor, 0), one->rank, one->b);
    }
    slim_out_tensors_sort(&outputs);
    outputs.metadata = slim_export_metadata(export);
    enum slim_status status =
        slim_safetensors_write(export->directory, "adapter_model", &outputs,
                               export->op->span, run->diag);
    json_decref(outputs.metadata);
    return status;
}
