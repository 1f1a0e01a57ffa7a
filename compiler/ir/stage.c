/* stage.c - looking things up in the rows of stages */
#include "compiler/ir/stage.h"
#include "base/text.h"

#include <string.h>

const char *slim_type_name(enum slim_type type)
{
    switch (type) {
    case SLIM_TYPE_MODEL:
        return "model";
    case SLIM_TYPE_GROUPS:
        return "groups";
    case SLIM_TYPE_SCORES:
        return "scores";
    case SLIM_TYPE_ROTATION:
        return "rotation";
    case SLIM_TYPE_TOKENS:
        return "tokens";
    case SLIM_TYPE_METRIC:
        return "metric";
    case SLIM_TYPE_ADAPTER:
        return "adapter";
    }
    return "nothing";
}

const struct slim_stage *slim_stage_find(const struct slim_stage *const *stages,
                                         const char *name)
{
    for (; *stages; stages++)
        if (strcmp((*stages)->name, name) == 0)
            return *stages;
    return NULL;
}

const struct slim_method *slim_method_find(const struct slim_stage *stage,
                                           const char *name)
{
    const struct slim_method *method = stage->methods;

    for (; method && method->name && name; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

const struct slim_param *slim_param_find(const struct slim_stage *stage,
                                         const char *name)
{
    const struct slim_param *param = stage->params;

    for (; param && param->name; param++)
        if (strcmp(param->name, name) == 0)
            return param;
    return NULL;
}

bool slim_param_applies(const struct slim_param *param, const char *method)
{
    if (!param->methods)
        return true;
    if (!method)
        return false;
    size_t length = strlen(method);
    for (const char *at = param->methods; *at;) {
        size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, method, word) == 0)
            return true;
        at += word;
        at += strspn(at, " ");
    }
    return false;
}

unsigned slim_op_needs(const struct slim_op *op)
{
    const struct slim_method *method = slim_method_find(op->stage, op->method);

    return op->stage->needs | (method ? method->needs : 0);
}

unsigned slim_op_gives(const struct slim_op *op)
{
    const struct slim_method *method = slim_method_find(op->stage, op->method);

    return op->stage->gives | (method ? method->gives : 0);
}

bool slim_param_kept(const struct slim_stage *stage,
                     const struct slim_param *param, const char *method)
{
    const struct slim_method *found = slim_method_find(stage, method);

    if (!param->sample || stage->hidden)
        return true;
    return found && !found->data && param->methods &&
           slim_param_applies(param, method);
}

bool slim_op_hit(const struct slim_op *op)
{
    return op->cached && strcmp(op->cached, "hit") == 0;
}

const struct slim_op *slim_op_input(const struct slim_op *op,
                                    enum slim_type type)
{
    for (size_t i = 0; i < op->input_count; i++)
        if (op->inputs[i].type == type)
            return op->inputs[i].op;
    return NULL;
}

const struct slim_sample *slim_op_sample(const struct slim_op *op)
{
    const struct slim_op *tokens = slim_op_input(op, SLIM_TYPE_TOKENS);

    return tokens ? tokens->args : NULL;
}

void slim_sample_print(struct slim_text *out, const struct slim_sample *sample)
{
    if (sample->file)
        slim_text_quote(out, sample->set);
    else
        slim_text_puts(out, sample->set);
    if (sample->split)
        slim_text_printf(out, ".%s", sample->split);
    if (sample->n > 0)
        slim_text_printf(out, " n=%ld", sample->n);
    slim_text_printf(out, " len=%ld", sample->len);
    if (sample->n > 0 && sample->pick == SLIM_PICK_RANDOM)
        slim_text_printf(out, " seed=%ld", sample->seed);
    else if (sample->n > 0)
        slim_text_puts(out, " pick=first");
}
