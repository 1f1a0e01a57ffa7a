/* family_published.c - config.json of models that are widely used: every key is
 * known to the family, and the parameters are as many as the model has */
#include "compiler/ir/family.h"

#include "tests/place.h"
#include "tests/tiny.h"

#include <inttypes.h>

/* Counts as their publishers and transformers give them, tied tensors once. */
#define SHIPPED(name) "compiler/families/" name ".yaml"
#define TRIAL(name) "tests/families/" name ".yaml"

static const struct published {
    const char *name, *family;
    uint64_t params;
} models[] = {
    { "llama-2-7b", SHIPPED("llama"), 6738415616 },
    { "llama-3.1-8b", SHIPPED("llama"), 8030261248 },
    { "vicuna-7b", SHIPPED("llama"), 6738415616 },
    { "mistral-7b", SHIPPED("mistral"), 7241732096 },
    { "qwen2.5-0.5b", SHIPPED("qwen2"), 494032768 },
    { "gemma-2b", SHIPPED("gemma"), 2506172416 },
    { "opt-125m", SHIPPED("opt"), 125239296 },
    { "opt-350m", SHIPPED("opt_post_norm"), 331196416 },
    { "phi-2", SHIPPED("phi"), 2779683840 },
    { "phi-3-mini-4k", SHIPPED("phi3"), 3821079552 },
    { "bloom-560m", SHIPPED("bloom"), 559214592 },
    { "baichuan-7b", SHIPPED("baichuan"), 7000559616 },
    { "baichuan-13b", SHIPPED("baichuan"), 13264901120 },
    /* 6,173,286,400 and the head, which has its own matrix in the files */
    { "chatglm-6b", SHIPPED("chatglm"), 6707929088 },
    { "gpt2", TRIAL("gpt2"), 124439808 },
    { "pythia-70m", TRIAL("gpt_neox"), 70426624 },
    { "falcon-7b", TRIAL("falcon_one_norm"), 6921720704 },
    { "falcon-40b", TRIAL("falcon"), 41303293952 },
    { "stablelm-3b", TRIAL("stablelm"), 2795443200 },
    { "command-r", TRIAL("cohere"), 34980831232 },
};

static void opens_without_a_warning(void **state)
{
    const struct published *model = *state;
    void *place = NULL;

    (void)slim_place_set_up(&place);
    char *file = slim_test_join("tests/families/published", model->name);
    const char *path =
        slim_arena_printf(slim_place.diag.arena, "%s.json", file);
    char *config = slim_test_source(path),
         *family = slim_test_source(model->family);
    char *text = slim_test_read(config, NULL);
    struct slim_model_info *info =
        slim_test_plan(text, family, &slim_place.diag);
    uint64_t params = slim_shape_params(info->shape);

    if (slim_place.diag.warnings > 0)
        fail_msg("%s: %s", model->name, slim_test_diag(&slim_place.diag));
    if (params != model->params)
        fail_msg("%s: %" PRIu64 " parameters, not %" PRIu64, model->name,
                 params, model->params);
    free(text);
    free(family);
    free(config);
    free(file);
    (void)slim_place_tear_down(&place);
}

int main(void)
{
    struct CMUnitTest tests[SLIM_COUNT(models)];

    for (size_t i = 0; i < SLIM_COUNT(models); i++)
        tests[i] = (struct CMUnitTest){
            .name = models[i].name,
            .test_func = opens_without_a_warning,
            .initial_state = (void *)(uintptr_t)&models[i],
        };
    return _cmocka_run_group_tests("published models", tests,
                                   SLIM_COUNT(models), NULL, NULL);
}
