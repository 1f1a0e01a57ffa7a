/* save.c - write what was made, whole or not at all */
#include "runtime/format/export.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct save_args {
    const char *path;
    int dtype;
    double shard;
};

static const char *const dtypes[] = { "auto", "f32", "bf16", "f16", NULL };

static const struct slim_param params[] = {
    { .name = "path",
      .kind = SLIM_PARAM_TEXT,
      .offset = offsetof(struct save_args, path),
      .help = "the directory to write; relative to the current directory" },
    { .name = "dtype",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct save_args, dtype),
      .choices = dtypes,
      .initial = "auto",
      .help = "element type; auto: the input model's (adapters: f32)" },
    { .name = "shard",
      .kind = SLIM_PARAM_REAL,
      .offset = offsetof(struct save_args, shard),
      .initial = "5e9",
      .min = 1,
      .max = 1e15,
      .methods = "hf",
      .help = "bytes after which a new file is begun" },
    { .name = NULL },
};

static const struct slim_method methods[] = {
    { .name = "adapter",
      .summary = "the low-rank factors of the last `recover lora`, as PEFT "
                 "reads them; they belong to the model as it was before it",
      .needs = SLIM_TYPE_ADAPTER },
    { .name = "hf",
      .summary = "a Hugging Face directory: config, weights, tokenizer" },
    { .name = NULL },
};

static bool is_adapter(const struct slim_op *op)
{
    return strcmp(op->method, "adapter") == 0;
}

static enum slim_dtype dtype_of(const struct slim_run *run,
                                const struct slim_op *op)
{
    const struct save_args *args = op->args;

    switch (args->dtype) {
    case 1:
        return SLIM_DTYPE_F32;
    case 2:
        return SLIM_DTYPE_BF16;
    case 3:
        return SLIM_DTYPE_F16;
    default:
        return is_adapter(op) ? SLIM_DTYPE_F32 : run->input->arch->dtype;
    }
}

static enum slim_status resolve_save(struct slim_op *op, struct slim_diag *diag)
{
    const struct save_args *args = op->args;
    bool decoupled = false;

    op->after = op->before;
    op->cost.disk = is_adapter(op) ? 0 : slim_shape_bytes(op->before);
    if (is_adapter(op)) {
        op->resolved = "adapter_config.json, adapter_model.safetensors";
        return SLIM_OK;
    }
    bool stock = slim_shape_stock(&decoupled, op->before);
    const struct slim_arch *arch = op->before->arch;
    op->resolved = slim_arena_printf(
        diag->arena, "%s, %s",
        args->dtype ? dtypes[args->dtype] : slim_dtype_name(arch->dtype),
        !stock      ? "remote code (its layers differ or carry shortcuts)"
        : decoupled ? arch->decoupled_class
                    : arch->save_class);
    return SLIM_OK;
}

static enum slim_status prepare_save(struct slim_run *run,
                                     const struct slim_op *op)
{
    const struct save_args *args = op->args;
    const char *parent = slim_path_directory(run->arena, args->path);

    if (slim_file_exists(args->path) && !run->force)
        return slim_fail(run->diag, "I410", op->span,
                         "\"%s\" exists already; --force replaces it",
                         args->path);
    if (slim_file_exists(args->path) && !slim_file_is_directory(args->path))
        return slim_fail(run->diag, "I411", op->span,
                         "\"%s\" is a file, not a directory", args->path);
    if (slim_make_directory(parent, op->span, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    if (access(parent, W_OK) != 0)
        return slim_fail(run->diag, "I412", op->span,
                         "directory \"%s\" is not writable: %s", parent,
                         strerror(errno));
    return SLIM_OK;
}

/* Puts the finished directory in its place; an old one is moved aside first
 * and removed when the new one stands. */
static enum slim_status settle(struct slim_run *run, const struct slim_op *op,
                               const char *temporary, const char *path)
{
    const char *old =
        slim_arena_printf(run->arena, "%s.old-%ld", path, (long)getpid());
    bool replaces = slim_file_exists(path);

    if (replaces && rename(path, old) != 0)
        return slim_fail(run->diag, "I413", op->span,
                         "could not move \"%s\" aside: %s", path,
                         strerror(errno));
    if (rename(temporary, path) != 0) {
        int reason = errno;

        if (replaces)
            (void)rename(old, path);
        return slim_fail(run->diag, "I413", op->span,
                         "could not give \"%s\" its name: %s", path,
                         strerror(reason));
    }
    if (replaces)
        slim_remove_tree(old);
    return SLIM_OK;
}

static enum slim_status write_all(struct slim_export *export)
{
    const struct slim_op *from = slim_op_input(export->op, SLIM_TYPE_ADAPTER);
    struct slim_run *run = export->run;

    if (!is_adapter(export->op))
        return slim_export_model(export);
    const struct slim_adapters *adapters =
        from ? slim_run_result(run, from)->adapters : NULL;
    if (!adapters)
        return slim_fail(run->diag, "E140", export->op->span,
                         "there is no adapter to save: the last recovery "
                         "trained all weights");
    return slim_export_adapter(export, adapters);
}

static enum slim_status run_save(struct slim_run *run, const struct slim_op *op)
{
    const struct save_args *args = op->args;
    struct slim_export export = { .run = run,
                                  .op = op,
                                  .model = slim_run_model(run, op),
                                  .dtype = dtype_of(run, op),
                                  .shard_bytes = (uint64_t)args->shard };

    export.directory =
        slim_arena_printf(run->arena, "%s.tmp-%ld", args->path, (long)getpid());
    slim_progress_begin(&run->progress, op->text, 1.0);
    enum slim_status status =
        slim_make_directory(export.directory, op->span, run->diag);
    if (status == SLIM_OK)
        status = write_all(&export);
    if (status == SLIM_OK)
        status = settle(run, op, export.directory, args->path);
    if (status != SLIM_OK) {
        slim_remove_tree(export.directory);
        return status;
    }
    if (run->saved_count < SLIM_COUNT(run->saved))
        run->saved[run->saved_count++] = args->path;
    return SLIM_OK;
}

const struct slim_stage slim_stage_save = {
    .name = "save",
    .summary = "write the model, or the adapter of its recovery",
    .version = 1,
    .methods = methods,
    .method_default = "hf",
    .needs = SLIM_TYPE_MODEL,
    .keeps_function = true,
    .params = params,
    .args_size = sizeof(struct save_args),
    .resolve = resolve_save,
    .prepare = prepare_save,
    .run = run_save,
};
