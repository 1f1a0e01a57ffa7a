/* compile.c - the passes, one after another, and the verifier between them */
#include "compiler/compilation.h"

#include "base/text.h"

static const struct slim_pass passes[] = {
#define PASS(name, needs, summary)                                             \
    { #name, summary, SLIM_PASS_##needs, slim_pass_##name },
#include "compiler/passes.def"
#undef PASS
};

static bool may_run(const struct slim_pass *pass,
                    const struct slim_compilation *c)
{
    switch (pass->needs) {
    case SLIM_PASS_ONCE:
    case SLIM_PASS_TREE:
        return true;
    case SLIM_PASS_ORDER:
        return !c->incomplete;
    case SLIM_PASS_MODEL:
        return !c->incomplete && c->model;
    case SLIM_PASS_WHOLE:
        return c->diag->errors == 0 && c->model;
    }
    return false;
}

/* The passes of one point, or of a recipe without a sweep. */
static void compile_one(struct slim_compilation *c)
{
    size_t errors = c->diag->errors;
    bool bound = false;

    for (size_t i = 0; i < SLIM_COUNT(passes); i++) {
        if (passes[i].needs == SLIM_PASS_ONCE || !may_run(&passes[i], c))
            continue;
        if (passes[i].run(c) != SLIM_OK && passes[i].needs == SLIM_PASS_TREE &&
            c->program->count == 0)
            c->incomplete = true;
        bound = bound || passes[i].run == slim_pass_effects;
        if (bound && c->diag->errors == errors &&
            slim_program_verify(c->program, c->diag) != SLIM_OK)
            return;
    }
}

enum slim_status slim_compile(struct slim_program **out,
                              struct slim_recipe *recipe,
                              const struct slim_model_info *model,
                              const struct slim_host *host,
                              struct slim_diag *diag)
{
    struct slim_compilation c = {
        .program = SLIM_NEW(diag->arena, struct slim_program),
        .recipe = recipe,
        .model = model,
        .host = host,
        .diag = diag,
        .arena = diag->arena,
        .incomplete = diag->errors > 0,
    };
    size_t errors = diag->errors;

    c.program->source = recipe->source;
    c.program->compute =
        host->bf16 && model && model->arch->dtype == SLIM_DTYPE_BF16 ? "bf16"
                                                                     : "f32";
    c.program->model = model;
    for (size_t i = 0; i < SLIM_COUNT(passes); i++)
        if (passes[i].needs == SLIM_PASS_ONCE && passes[i].run(&c) != SLIM_OK)
            c.incomplete = true;
    if (c.points == 0)
        compile_one(&c);
    else
        (void)slim_compile_points(&c, compile_one);
    *out = c.program;
    return diag->errors == errors ? SLIM_OK : SLIM_FAILED;
}
