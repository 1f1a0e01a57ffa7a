/* spectrum.c - vectors with a given covariance, and what is the same however
 * they lie */
#include "runtime/format/spectrum.h"
#include "base/random.h"
#include "runtime/kernel/kernel.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 20000, WIDTH = 24 };

static float *normals(size_t count)
{
    float *x = calloc(count, sizeof(*x));

    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)slim_random_normal(3, SLIM_STREAM_INIT, i);
    return x;
}

/* Without decay only Q is left: unit vectors stay of length one and at right
 * angles. 7 cannot be turned, 8 is one block, 12 are three. */
static void orthogonal(void **state)
{
    const size_t widths[] = { 7, 8, 12 };

    (void)state;
    for (size_t w = 0; w < 3; w++) {
        struct slim_spectrum spectrum;
        size_t n = widths[w];
        float q[12 * 12] = { 0 };

        for (size_t i = 0; i < n; i++)
            q[i * n + i] = 1.0f;
        assert_true(slim_spectrum_open(&spectrum, n, 0.0, 5));
        assert_true(slim_spectrum_rows(&spectrum, q, n));
        slim_spectrum_close(&spectrum);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                double dot = 0.0;
                for (size_t k = 0; k < n; k++)
                    dot += (double)q[i * n + k] * (double)q[j * n + k];
                assert_true(fabs(dot - (i == j ? 1.0 : 0.0)) < 1e-6);
            }
    }
}

/* Eigenvalues of the covariance of many rows are rank^-1, scaled to mean 1; the
 * components are not the axes. */
static void covariance(void **state)
{
    static double a[WIDTH * WIDTH], values[WIDTH];
    struct slim_spectrum spectrum;
    float *x = normals((size_t)ROWS * WIDTH);
    double sum = 0.0, largest = 0.0;

    (void)state;
    assert_true(slim_spectrum_open(&spectrum, WIDTH, 1.0, 5));
    assert_true(slim_spectrum_rows(&spectrum, x, ROWS));
    slim_spectrum_close(&spectrum);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < WIDTH; i++)
            for (size_t j = 0; j < WIDTH; j++)
                a[i * WIDTH + j] += (double)x[r * WIDTH + i] *
                                    (double)x[r * WIDTH + j] / (double)ROWS;
    free(x);
    assert_true(slim_eigh(a, values, WIDTH));
    for (size_t i = 0; i < WIDTH; i++)
        sum += 1.0 / (double)(i + 1);
    for (size_t i = 0; i < WIDTH; i++) {
        double want = (double)WIDTH / sum / (double)(i + 1);
        assert_true(fabs(values[i] / want - 1.0) < 0.1);
        largest = fmax(largest, fabs(a[i * WIDTH]));
    }
    assert_true(largest < 0.6);
}

static void columns_are_rows(void **state)
{
    enum { COUNT = 100 };
    struct slim_spectrum spectrum;
    float *rows = normals((size_t)COUNT * WIDTH);
    float *columns = calloc((size_t)COUNT * WIDTH, sizeof(*columns));

    (void)state;
    assert_non_null(columns);
    for (size_t r = 0; r < COUNT; r++)
        for (size_t i = 0; i < WIDTH; i++)
            columns[i * COUNT + r] = rows[r * WIDTH + i];
    assert_true(slim_spectrum_open(&spectrum, WIDTH, 1.0, 5));
    assert_true(slim_spectrum_rows(&spectrum, rows, COUNT));
    assert_true(slim_spectrum_columns(&spectrum, columns, COUNT));
    slim_spectrum_close(&spectrum);
    for (size_t r = 0; r < COUNT; r++)
        for (size_t i = 0; i < WIDTH; i++)
            assert_true(columns[i * COUNT + r] == rows[r * WIDTH + i]);
    free(rows);
    free(columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orthogonal),
        cmocka_unit_test(covariance),
        cmocka_unit_test(columns_are_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
