/* export.h - a model as a Hugging Face directory, or an adapter as PEFT's */
#ifndef SLIM_EXPORT_H
#define SLIM_EXPORT_H

#include "runtime/run.h"
#include "runtime/train/lora.h"

#include <jansson.h>

struct slim_export {
    struct slim_run *run;
    const struct slim_op *op;
    struct slim_model *model;
    enum slim_dtype dtype;
    uint64_t shard_bytes;
    const char *directory; /* exists, is empty */
    bool stock, decoupled; /* found by slim_export_model, for the report */
};

/*
 * config.json, weights, tokenizer and generation files. A stock class where
 * the shape allows one (then norms carry sqrt(divisor / width) and eps is
 * scaled: reference formats A.1.3), otherwise our own remote code.
 */
SLIM_NODISCARD enum slim_status slim_export_model(struct slim_export *export);

/* adapter_config.json and adapter_model.safetensors. */
SLIM_NODISCARD enum slim_status slim_export_adapter(
    struct slim_export *export, const struct slim_adapters *adapters);

/* __metadata__ of what is written: format, version, recipe, metrics. */
json_t *slim_export_metadata(const struct slim_export *export);

/* What remote code needs to build the model: its blocks in order, with their
 * settings, sizes and names. */
SLIM_NODISCARD enum slim_status slim_export_remote(json_t **out,
                                                   struct slim_model *model,
                                                   struct slim_diag *diag);

#endif
