/* kernel_eigen.c - eigenvectors, random bases and products in f64 */
#include "base/random.h"
#include "runtime/kernel/kernel.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

static double *room(size_t count)
{
    double *x = calloc(count + 1, sizeof *x);

    assert_non_null(x);
    return x;
}

static double *normal(size_t count, uint64_t seed)
{
    double *x = room(count);

    for (size_t i = 0; i < count; i++)
        x[i] = slim_random_normal(seed, SLIM_STREAM_INIT, i);
    return x;
}

/* A covariance of n columns whose sizes fall by a factor of 1e4. */
static double *covariance(size_t n)
{
    double *x = normal(2 * n * n, n), *c = room(n * n);

    for (size_t i = 0; i < 2 * n * n; i++)
        x[i] *= pow(1e-4, (double)(i % n) / (double)n);
    slim_gemm_f64(c, x, x, n, 2 * n, n, true, false);
    free(x);
    return c;
}

/* Largest |q^T q - 1|. */
static double skew(const double *q, size_t n)
{
    double *product = room(n * n), most = 0;

    slim_gemm_f64(product, q, q, n, n, n, true, false);
    for (size_t i = 0; i < n * n; i++)
        most = fmax(most, fabs(product[i] - (i / n == i % n ? 1.0 : 0.0)));
    free(product);
    return most;
}

/* |c q - q diag(values)| / |c|, Frobenius. */
static double residual(const double *c, const double *q, const double *values,
                       size_t n)
{
    double *product = room(n * n), difference = 0, size = 0;

    slim_gemm_f64(product, c, q, n, n, n, false, false);
    for (size_t i = 0; i < n * n; i++) {
        double d = product[i] - q[i] * values[i % n];

        difference += d * d;
        size += c[i] * c[i];
    }
    free(product);
    return sqrt(difference / size);
}

static void eigenvectors_are_what_they_should(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 3, 25, 64, 201 };

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        double *c = covariance(n), *q = room(n * n), *values = room(n);

        memcpy(q, c, n * n * sizeof *c);
        assert_true(slim_eigh(q, values, n));
        assert_true(skew(q, n) <= SLIM_NEAR_F64_SUM);
        assert_true(residual(c, q, values, n) <= SLIM_NEAR_F64_SUM);
        for (size_t j = 0; j < n; j++) {
            double peak = 0;

            assert_true(j == 0 || values[j - 1] >= values[j]);
            for (size_t i = 0; i < n; i++)
                peak = fabs(q[i * n + j]) > fabs(peak) ? q[i * n + j] : peak;
            assert_true(peak > 0);
        }
        free(c);
        free(q);
        free(values);
    }
}

/* The covariance of `count` points of the plane, by the kernel that PCA uses. */
static void plane(double *c, const float *points, size_t count)
{
    memset(c, 0, 4 * sizeof *c);
    slim_kernels_blas()->gram(c, points, count, 2);
}

static void two_by_two(void **state)
{
    (void)state;
    const float h = 0.70710678f;
    const float cross[] = { h, 0, -h, 0, 0, h, 0, -h },
                line[] = { 1, 1, -1, -1 };
    double c[4], values[2];

    plane(c, cross, 4);
    assert_true(slim_eigh(c, values, 2));
    assert_true(slim_test_near(values[0], 1, SLIM_NEAR_F32_ELEMENT, 0));
    assert_true(slim_test_near(values[1], 1, SLIM_NEAR_F32_ELEMENT, 0));
    plane(c, line, 2);
    assert_true(slim_eigh(c, values, 2));
    assert_true(slim_test_near(values[0], 4, SLIM_NEAR_F64_SUM, 0));
    assert_true(slim_test_near(values[1], 0, SLIM_NEAR_F64_SUM, 1));
    for (size_t i = 0; i < 4; i++)
        assert_true(
            slim_test_near(fabs(c[i]), sqrt(0.5), SLIM_NEAR_F64_SUM, 0));
    assert_true(c[0] * c[2] > 0 && c[1] * c[3] < 0);
}

static void refuses_what_is_not_finite(void **state)
{
    (void)state;
    double a[4] = { 1, NAN, NAN, 1 }, values[2];

    assert_false(slim_eigh(a, values, 2));
    assert_true(slim_eigh(a, values, 0));
}

static void random_bases_are_orthogonal(void **state)
{
    (void)state;
    for (size_t n = 1; n < 200; n = 2 * n + 1) {
        double *q = room(n * n), *again = room(n * n), *other = room(n * n);

        slim_threads_set(1);
        assert_true(slim_random_orthogonal(q, n, 42));
        slim_threads_set(3);
        assert_true(slim_random_orthogonal(again, n, 42));
        slim_threads_set(0);
        assert_true(slim_random_orthogonal(other, n, 43));
        assert_true(skew(q, n) <= SLIM_NEAR_F64_SUM);
        assert_memory_equal(q, again, n * n * sizeof *q);
        if (n > 1)
            assert_memory_not_equal(q, other, n * n * sizeof *q);
        free(q);
        free(again);
        free(other);
    }
}

/* c by the definition, for one choice of transposes. */
static void check_product(size_t m, size_t k, size_t n, bool ta, bool tb)
{
    double *a = normal(m * k, 1), *b = normal(k * n, 2), *c = room(m * n);

    slim_gemm_f64(c, a, b, m, k, n, ta, tb);
    for (size_t i = 0; i < m; i += 7)
        for (size_t j = 0; j < n; j += 5) {
            double sum = 0;

            for (size_t l = 0; l < k; l++)
                sum += a[ta ? l * m + i : i * k + l] *
                       b[tb ? j * k + l : l * n + j];
            assert_true(slim_test_near(c[i * n + j], sum, SLIM_NEAR_F64_SUM,
                                       sqrt((double)k)));
        }
    free(a);
    free(b);
    free(c);
}

static void products_transpose(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        check_product(270, 33, 520, way % 2 == 1, way / 2 == 1);
        check_product(1, 3, 2, way % 2 == 1, way / 2 == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvectors_are_what_they_should),
        cmocka_unit_test(two_by_two),
        cmocka_unit_test(refuses_what_is_not_finite),
        cmocka_unit_test(random_bases_are_orthogonal),
        cmocka_unit_test(products_transpose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
