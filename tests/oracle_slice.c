/* oracle_slice.c - spectra and logits against SliceGPT's own code */
#include "tests/oracle_run.h"

#include "runtime/stage/rotate.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

/* The reference adds this share of the mean of the diagonal to it, which moves
 * every eigenvalue and no eigenvector. */
static const double DAMPING = 0.01;

static const struct slim_rotation *rotation_of(struct slim_oracle_run *run)
{
    const struct slim_op *op = slim_oracle_run_op(run, "slice");
    const struct slim_rotation *rotation =
        run->session->run.results[op->id].rotation;

    assert_non_null(rotation);
    return rotation;
}

static double damping_of(const struct slim_rotation *rotation, size_t site)
{
    double sum = 0.0;

    for (size_t i = 0; i < rotation->width; i++)
        sum += rotation->values[site][i];
    return DAMPING * sum / (double)rotation->width;
}

/* f64 is not aligned in the file */
static double *spectrum(struct slim_oracle_run *run, size_t site, size_t width)
{
    double *values = SLIM_NEW_ARRAY(run->session->arena, width, double);
    char name[64];
    size_t count;

    (void)snprintf(name, sizeof(name), "eigenvalues.%zu", site);
    const void *want = slim_test_oracle_find(run->oracle, name, &count);
    assert_non_null(want);
    assert_int_equal(count, 2 * width);
    memcpy(values, want, width * sizeof(*values));
    return values;
}

struct slim_distance slim_oracle_eigenvalues(struct slim_oracle_run *run)
{
    const struct slim_rotation *rotation = rotation_of(run);
    struct slim_distance most = { 0 };

    for (size_t s = 0; s < rotation->sites; s++) {
        const double *want = spectrum(run, s, rotation->width);
        double damping = damping_of(rotation, s);

        for (size_t i = 0; i < rotation->width; i++) {
            double have = rotation->values[s][i] + damping;
            double apart = fabs(have - want[i]) / want[i];
            if (!(apart <= most.apart))
                most = (struct slim_distance){ have, want[i], apart };
        }
    }
    return most;
}

struct slim_distance slim_oracle_explained(struct slim_oracle_run *run)
{
    const struct slim_rotation *rotation = rotation_of(run);
    const json_t *want = json_object_get(run->facts, "explained");
    size_t kept =
        (size_t)json_integer_value(json_object_get(run->facts, "dim"));
    struct slim_distance most = { 0 };

    assert_int_equal(json_array_size(want), rotation->sites);
    for (size_t s = 0; s < rotation->sites; s++) {
        double damping = damping_of(rotation, s), inside = 0.0, all = 0.0;

        for (size_t i = 0; i < rotation->width; i++) {
            all += rotation->values[s][i] + damping;
            if (i < kept)
                inside += rotation->values[s][i] + damping;
        }
        double share = json_number_value(json_array_get(want, s));
        double apart = fabs(inside / all - share);
        if (!(apart <= most.apart))
            most = (struct slim_distance){ inside / all, share, apart };
    }
    return most;
}

struct slim_distance slim_oracle_logits(struct slim_oracle_run *run)
{
    struct slim_session *session = run->session;
    struct slim_model *model = slim_oracle_run_model(run);
    const struct slim_arch *arch = model->info->arch;
    size_t length, count;
    const int32_t *ids = slim_test_oracle_find(run->oracle, "ids", &length);
    const float *want =
        slim_test_oracle_find(run->oracle, "logits_every_64", &count);
    size_t vocab = slim_tensor_size(
        model->shape, arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT], 0);

    assert_true(ids && want);
    assert_int_equal(count, length * (vocab / 64));
    float *all = SLIM_NEW_ARRAY(session->arena, length * vocab, float);
    float *have = SLIM_NEW_ARRAY(session->arena, count, float);
    assert_int_equal(slim_model_logits(all, model, ids, 1, length,
                                       session->run.kernels, &session->diag),
                     SLIM_OK);
    for (size_t i = 0; i < count; i++)
        have[i] = all[i / (vocab / 64) * vocab + i % (vocab / 64) * 64];
    return (struct slim_distance){ (double)NAN, (double)NAN,
                                   slim_test_deviation_f32(have, want, count) };
}
