/* save.c - write what was made, whole or not at all */
#include "runtime/format/export.h"

#include "base/file.h"
#include "base/text.h"
#include "runtime/format/place.h"
#include "runtime/store/memo.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

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
      .always = true,
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
        !stock      ? slim_arena_printf(diag->arena, "remote code (%s)",
                                        slim_shape_why_remote(op->before))
        : decoupled ? arch->decoupled_class
                    : arch->save_class);
    return SLIM_OK;
}

static enum slim_status check_save(const struct slim_op *op,
                                   struct slim_diag *diag)
{
    const struct save_args *args = op->args;
    const char *name = slim_path_base(args->path);

    if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return SLIM_OK;
    return slim_fail(diag, "A130", op->span,
                     "\"%s\" is no name of a directory to write", args->path);
}

/* They come later, and a run that was killed may have left a part of them. */
static bool are_results(const char *name)
{
    static const char *const results[] = { "run.json", "run.lock" };

    for (size_t i = 0; i < SLIM_COUNT(results); i++)
        if (strcmp(name, results[i]) == 0 ||
            slim_writer_is_part(name, results[i]))
            return true;
    return false;
}

/* Every file with what a change of it changes too. */
static const char *look(const char *directory, struct slim_run *run)
{
    char **files = slim_list_directory(run->arena, directory, "");
    struct slim_text text = { 0 };
    struct stat info;

    for (; *files; files++)
        if (!are_results(*files) &&
            stat(slim_path_join(run->arena, directory, *files), &info) == 0)
            slim_text_printf(&text, "%s %lld %lld %lld.%09ld\n", *files,
                             (long long)info.st_ino, (long long)info.st_size,
                             (long long)info.st_mtim.tv_sec,
                             info.st_mtim.tv_nsec);
    const char *kept =
        text.data ? slim_arena_strdup(run->arena, text.data) : NULL;
    slim_text_free(&text);
    return kept;
}

static const char *outside_save(struct slim_run *run, const struct slim_op *op)
{
    const struct save_args *args = op->args;

    return look(args->path, run);
}

/* What a run of the same recipe that was killed has left is its own. */
static bool may_replace(struct slim_run *run, const struct slim_op *op)
{
    return run->force || slim_promise_holds(run, op, outside_save(run, op));
}

static enum slim_status prepare_save(struct slim_run *run,
                                     const struct slim_op *op)
{
    const struct save_args *args = op->args;

    return slim_place_check(args->path, may_replace(run, op),
                            run->input->checkpoint->directory, op->span,
                            run->diag);
}

static enum slim_status write_all(struct slim_export *export)
{
    const struct slim_op *from = slim_op_input(export->op, SLIM_TYPE_ADAPTER);

    if (!is_adapter(export->op))
        return slim_export_model(export);
    return slim_export_adapter(export,
                               slim_run_result(export->run, from)->adapters);
}

static enum slim_status run_save(struct slim_run *run, const struct slim_op *op)
{
    const struct save_args *args = op->args;
    struct slim_export export = { .run = run,
                                  .op = op,
                                  .model = slim_run_model(run, op),
                                  .dtype = dtype_of(run, op),
                                  .shard_bytes = (uint64_t)args->shard };
    struct slim_place place;

    if (slim_place_open(&place, args->path, op->span, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    export.directory = place.temporary;
    slim_progress_begin(&run->progress, op->text, 1.0);
    enum slim_status status = write_all(&export);
    bool force = may_replace(run, op);
    slim_promise_make(run, op, look(place.temporary, run));
    if (status == SLIM_OK)
        status = slim_place_settle(&place, force, op->span, run->diag);
    if (status != SLIM_OK) {
        slim_place_abort(&place);
        return status;
    }
    if (run->saved_count < SLIM_COUNT(run->saved))
        run->saved[run->saved_count++] = args->path;
    return SLIM_OK;
}

const struct slim_stage slim_stage_save = {
    .name = "save",
    .summary = "write the model, or the adapter of its recovery",
    .version = 3,
    .methods = methods,
    .method_default = "hf",
    .needs = SLIM_TYPE_MODEL,
    .keeps_function = true,
    .params = params,
    .args_size = sizeof(struct save_args),
    .check = check_save,
    .resolve = resolve_save,
    .prepare = prepare_save,
    .run = run_save,
    .keep = { .outside = outside_save },
};
