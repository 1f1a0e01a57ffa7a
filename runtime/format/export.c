/* export.c - a model as a Hugging Face directory */
#include "runtime/format/export.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/format/companion.h"
#include "runtime/format/safetensors.h"
#include "runtime/store/ledger.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const remote_files[] = { "configuration_slimc.py",
                                            "modeling_slimc.py", NULL };

json_t *slim_export_metadata(const struct slim_export *export)
{
    struct slim_run *run = export->run;
    json_t *metrics = json_array();
    json_t *metadata =
        json_pack("{s:s,s:s,s:s,s:s}", "format", "pt", "slimc", PACKAGE_VERSION,
                  "slimc.input", run->input->name, "slimc.recipe",
                  run->recipe_text ? run->recipe_text : "");
    if (run->memos)
        json_object_set_new(metadata, "slimc.lock",
                            json_string(slim_ledger_text(run, export->op)));

    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (!m->fleeting)
            json_array_append_new(metrics,
                                  json_pack("{s:s,s:s,s:f,s:s?}", "name",
                                            m->name, "label", m->label, "value",
                                            m->value, "protocol", m->protocol));
    char *text = json_dumps(metrics, JSON_COMPACT);
    json_object_set_new(metadata, "slimc.metrics",
                        json_string(text ? text : "[]"));
    json_object_set_new(
        metadata, "slimc.params",
        json_string(slim_arena_printf(
            run->arena, "%llu",
            (unsigned long long)slim_shape_params(export->model->shape))));
    free(text);
    json_decref(metrics);
    return metadata;
}

/* x / sqrt(S / D + eps) = sqrt(D / k) x / sqrt(S / k + eps D / k): a stock
 * norm divides by the width k that it sees, so its weight takes the factor. */
static float norm_factor(const struct slim_shape *shape,
                         const struct slim_tensor *tensor)
{
    size_t width = shape->sites[0];

    if (tensor->node->kind != SLIM_BLOCK_NORM || tensor->bias ||
        !shape->divisor || shape->divisor == width)
        return 1.0f;
    return (float)sqrt((double)shape->divisor / (double)width);
}

/* Rows as the file has them; all of a tensor that is [in, out] there. */
static enum slim_status read_stored(float *out, struct slim_model *model,
                                    const struct slim_tensor *tensor,
                                    size_t first, size_t count,
                                    struct slim_diag *diag)
{
    if (!tensor->transposed)
        return slim_model_read_rows(out, model, tensor, first, count, diag);
    const struct slim_span nowhere = { NULL, 0, 0 };
    size_t rows = slim_tensor_size(model->shape, tensor, 0);
    size_t columns = slim_tensor_size(model->shape, tensor, 1);
    float *numbers = malloc(rows * columns * sizeof(*numbers) + 1);

    if (!numbers)
        return slim_fail(diag, "O001", nowhere,
                         "out of memory for tensor \"%s\"", tensor->name);
    enum slim_status status = slim_model_read(numbers, model, tensor, diag);
    for (size_t i = 0; status == SLIM_OK && i < rows * columns; i++)
        out[i % columns * rows + i / columns] = numbers[i];
    free(numbers);
    return status;
}

static enum slim_status fill(float *out, void *context,
                             const struct slim_out_tensor *output, size_t first,
                             size_t rows, struct slim_diag *diag)
{
    const struct slim_export *export = context;
    const struct slim_tensor *tensor = output->tag;
    const struct slim_shape *shape = export->model->shape;
    float factor = export->stock ? norm_factor(shape, tensor) : 1.0f;

    if (read_stored(out, export->model, tensor, first, rows, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (first + rows == output->dims[0])
        slim_model_leave(export->model, tensor);
    if (factor <= 1.0f)
        return SLIM_OK;
    float offset = (float)tensor->node->settings[SLIM_NORM_OFFSET];
    for (size_t i = 0; i < rows; i++)
        out[i] = (out[i] + offset) * factor - offset;
    return SLIM_OK;
}

static void tick(void *context, double done, double total)
{
    struct slim_export *export = context;

    slim_progress_step(&export->run->progress, done / total, NULL);
}

static enum slim_status write_weights(struct slim_export *export)
{
    struct slim_run *run = export->run;
    const struct slim_shape *shape = export->model->shape;
    struct slim_out_tensors outputs = { .dtype = export->dtype,
                                        .shard_bytes = export->shard_bytes,
                                        .context = export,
                                        .fill = fill,
                                        .tick = tick };

    slim_out_tensors_list(&outputs, shape, run->arena);
    outputs.metadata = slim_export_metadata(export);
    enum slim_status status = slim_safetensors_write(
        export->directory, "model", &outputs, export->op->span, run->diag);
    json_decref(outputs.metadata);
    return status;
}

static const char *torch_name(enum slim_dtype dtype)
{
    return dtype == SLIM_DTYPE_F32   ? "float32"
           : dtype == SLIM_DTYPE_F16 ? "float16"
                                     : "bfloat16";
}

/* Keys that make config.json name our own classes. */
static enum slim_status set_remote(json_t *config, struct slim_model *model,
                                   struct slim_diag *diag)
{
    const struct slim_shape *shape = model->shape;
    json_t *slimc = slim_shape_to_json(shape), *described = NULL;

    if (slim_export_remote(&described, model, diag) != SLIM_OK) {
        json_decref(slimc);
        return SLIM_FAILED;
    }
    json_t *was = json_object_get(json_object_get(config, "slimc"), "config");
    json_t *keys = was ? json_incref(was) : json_copy(config);

    /* What the family reads: saving again in transformers keeps it whole. */
    json_object_set_new(slimc, "config", keys);
    json_object_set_new(slimc, "model", described);
    json_object_set_new(config, "slimc", slimc);
    json_object_set_new(config, "model_type", json_string("slimc"));
    json_object_set_new(config, "architectures",
                        json_pack("[s]", "SlimcForCausalLM"));
    json_object_set_new(config, "auto_map",
                        json_pack("{s:s,s:s,s:s}", "AutoConfig",
                                  "configuration_slimc.SlimcConfig",
                                  "AutoModel", "modeling_slimc.SlimcModel",
                                  "AutoModelForCausalLM",
                                  "modeling_slimc.SlimcForCausalLM"));
    json_object_set_new(config, "tie_word_embeddings",
                        json_boolean(shape->arch->tied && !shape->untied));
    return SLIM_OK;
}

/* Keys that make config.json name a class of transformers, in the meaning that
 * keys have now. */
static enum slim_status set_stock(json_t *config,
                                  const struct slim_export *export)
{
    const struct slim_shape *shape = export->model->shape;
    const struct slim_arch *arch = shape->arch;
    bool second = export->decoupled;

    json_object_del(config, "slimc");
    json_object_del(config, "transformers_version");
    json_object_set_new(
        config, "model_type",
        json_string(second ? arch->decoupled_type : arch->save_type));
    json_object_set_new(
        config, "architectures",
        json_pack("[s]", second ? arch->decoupled_class : arch->save_class));
    return slim_shape_config(config, shape, second, export->run->diag);
}

static enum slim_status write_config(struct slim_export *export)
{
    struct slim_run *run = export->run;
    struct slim_source text = { .name = "config.json",
                                .text = run->input->config_text,
                                .length = strlen(run->input->config_text) };
    json_t *config;

    if (slim_json_parse(&config, &text, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    json_object_del(config, "auto_map");
    /* the newer name of the next key, which would win over it */
    json_object_del(config, "dtype");
    json_object_set_new(config, "torch_dtype",
                        json_string(torch_name(export->dtype)));
    /* Remote code keeps the dense sizes: the shape is in "slimc". */
    enum slim_status status = SLIM_OK;
    if (export->stock)
        status = set_stock(config, export);
    else
        status = set_remote(config, export->model, run->diag);
    if (status == SLIM_OK)
        status = slim_json_write(
            slim_path_join(run->arena, export->directory, "config.json"),
            config, export->op->span, run->diag);
    json_decref(config);
    return status;
}

static enum slim_status copy_python(struct slim_export *export)
{
    struct slim_run *run = export->run;
    const char *python = slim_share_directory(run->arena, "python");

    if (!python)
        return slim_fail(run->diag, "I401", export->op->span,
                         "the Python files for saved models are not "
                         "installed");
    for (const char *const *name = remote_files; *name; name++)
        if (slim_companion_copy(export->directory, python, *name,
                                export->op->span, run->diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_export_model(struct slim_export *export)
{
    struct slim_run *run = export->run;

    export->stock = slim_shape_stock(&export->decoupled, export->model->shape);
    if (write_config(export) != SLIM_OK ||
        slim_companions_copy(export->directory,
                             run->input->checkpoint->directory,
                             export->op->span, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    if (!export->stock && copy_python(export) != SLIM_OK)
        return SLIM_FAILED;
    return write_weights(export);
}
