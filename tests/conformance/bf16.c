/* bf16.c - the shipped model in bf16 arithmetic against f32 */
#include "tests/session.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>

/* Perplexity on held-out text with that arithmetic. */
static double perplexity(const struct slim_kernels *kernels)
{
    char *model = slim_test_source("model");
    char *text = slim_test_source("model/text");
    struct slim_session *session = slim_test_session(
        "measure ppl on \"test.txt\" n=8 len=128", model, model, text);

    session->run.kernels = kernels;
    assert_non_null(slim_test_session_to(session, "measure"));
    assert_non_null(session->run.metrics);
    double value = session->run.metrics->value;
    slim_test_session_free(session);
    free(text);
    free(model);
    return value;
}

static void perplexity_hardly_moves(void **state)
{
    const struct slim_kernels *bf16 = slim_kernels_bf16();

    (void)state;
    if (!bf16)
        skip();
    double want = perplexity(slim_kernels_blas()), have = perplexity(bf16);
    double apart = fabs(have / want - 1.0);
    if (!(apart <= SLIM_NEAR_BF16_PPL))
        print_error("perplexity %g in bf16, %g in f32\n", have, want);
    assert_true(apart <= SLIM_NEAR_BF16_PPL);
    assert_true(apart > 0.0); /* else nothing was rounded */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perplexity_hardly_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
