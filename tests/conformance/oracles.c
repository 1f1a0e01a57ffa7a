/* oracles.c - every recipe of ../shared/oracles, run as it stands, against what
 * the implementation that it was made with computed
 *
 *     oracles            all of the small models
 *     oracles all        those of the real model too: an hour
 *     oracles NAME..     these, by folder and file: smollm2/dense
 *     oracles .. quick NAME..     without perplexities: they take the longest
 *
 * At the end stands a table of what was measured.
 */
#include "tests/oracle_run.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <glob.h>
#include <math.h>
#include <string.h>

struct point {
    const char *what;
    struct slim_distance (*measure)(struct slim_oracle_run *run);
    double bound;
};

static const struct point dense[] = {
    { "ppl 2048", slim_oracle_ppl_2048, SLIM_NEAR_DENSE_PPL },
    { "ppl 128", slim_oracle_ppl_128, SLIM_NEAR_DENSE_PPL },
    { "windows 2048", slim_oracle_nll_2048, SLIM_NEAR_DENSE_PPL },
    { "windows 128", slim_oracle_nll_128, SLIM_NEAR_DENSE_PPL },
    { 0 },
};

static const struct point pruned[] = {
    { "parameters", slim_oracle_params, SLIM_NEAR_EXACT },
    { "scores", slim_oracle_scores, SLIM_NEAR_ORACLE_SCORE },
    { "kept units", slim_oracle_kept, SLIM_NEAR_EXACT },
    { 0 },
};

static const struct point pruned_real[] = {
    { "parameters", slim_oracle_params, SLIM_NEAR_EXACT },
    { "scores", slim_oracle_scores, SLIM_NEAR_ORACLE_SCORE },
    { "kept units", slim_oracle_kept, SLIM_NEAR_EXACT },
    { "ppl 2048", slim_oracle_ppl_2048, SLIM_NEAR_PRUNED_PPL },
    { "ppl 128", slim_oracle_ppl_128, SLIM_NEAR_PRUNED_PPL },
    { 0 },
};

static const struct point vector_real[] = {
    { "parameters", slim_oracle_params, SLIM_NEAR_EXACT },
    { "scores", slim_oracle_scores_signed, SLIM_NEAR_ORACLE_SIGNED },
    { "kept units", slim_oracle_kept, SLIM_NEAR_EXACT },
    { "ppl 2048", slim_oracle_ppl_2048, SLIM_NEAR_PRUNED_PPL },
    { "ppl 128", slim_oracle_ppl_128, SLIM_NEAR_PRUNED_PPL },
    { 0 },
};

static const struct point sliced[] = {
    { "parameters", slim_oracle_params, SLIM_NEAR_EXACT },
    { "eigenvalues", slim_oracle_eigenvalues, SLIM_NEAR_ORACLE_EIGEN },
    { "share kept", slim_oracle_explained, SLIM_NEAR_ORACLE_EIGEN },
    { "logits", slim_oracle_logits, SLIM_NEAR_ORACLE_SLICED },
    { 0 },
};

static const struct point sliced_real[] = {
    { "parameters", slim_oracle_params, SLIM_NEAR_EXACT },
    { "eigenvalues", slim_oracle_eigenvalues, SLIM_NEAR_ORACLE_EIGEN },
    { "share kept", slim_oracle_explained, SLIM_NEAR_ORACLE_EIGEN },
    { "logits", slim_oracle_logits, SLIM_NEAR_ORACLE_SLICED },
    { "ppl 2048", slim_oracle_ppl_2048, SLIM_NEAR_SLICED_PPL },
    { 0 },
};

/* Eigenvalues on both sides of its cuts nearly meet: the oracle's own rounding
 * moves its spectra by 6.4e-3 (doc/numerics.md). */
static const struct point sliced_close[] = {
    { "parameters", slim_oracle_params, SLIM_NEAR_EXACT },
    { "eigenvalues", slim_oracle_eigenvalues, SLIM_NEAR_ORACLE_CLOSE },
    { "share kept", slim_oracle_explained, SLIM_NEAR_ORACLE_EIGEN },
    { "logits", slim_oracle_logits, SLIM_NEAR_ORACLE_CLOSED },
    { "ppl 2048", slim_oracle_ppl_2048, SLIM_NEAR_SLICED_PPL },
    { 0 },
};

static const struct point one_basis[] = {
    { "parameters", slim_oracle_params, SLIM_NEAR_EXACT },
    { "ppl 2048", slim_oracle_ppl_2048, SLIM_NEAR_PRUNED_PPL },
    { 0 },
};

/* What is held against an oracle, by how its name begins: the first row. */
static const struct kind {
    const char *start;
    const struct point *points;
} kinds[] = {
    { "smollm2/dense", dense },
    { "smollm2/lp_vectorize", vector_real },
    { "smollm2/lp_", pruned_real },
    { "smollm2/slice_model", one_basis },
    { "smollm2/slice25", sliced_close },
    { "smollm2/slice", sliced_real },
    { "stories/slice", sliced },
    { "stories/", pruned },
    { "tiny-llama-mha/slice", sliced },
    { "tiny-llama-mha/", pruned },
};

/* One test: a point of an oracle, or (point NULL) the run itself. The run
 * stays open until the last test of the oracle. */
struct test {
    char *name;
    char oracle[64];
    const struct point *point;
    bool quick, last;
};

enum { MOST = 1024 };

static struct row {
    const struct test *test;
    struct slim_distance distance;
} rows[MOST];
static size_t row_count;

static struct slim_oracle_run current;
static const char *current_name; /* of the last that was begun */
static bool at_hand;             /* its model; else `runs` has said why not */

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void finish(const struct test *test)
{
    if (test->last)
        slim_oracle_run_close(&current);
}

static void runs(void **state)
{
    const struct test *test = *state;

    current_name = test->oracle;
    at_hand = false;
    slim_oracle_run_start(&current, test->oracle);
    at_hand = true;
    current.quick = test->quick;
    slim_oracle_run_go(&current);
}

static void holds(void **state)
{
    const struct test *test = *state;
    const struct point *point = test->point;

    if (!at_hand)
        skip();
    if (!current.session || strcmp(current_name, test->oracle) != 0)
        fail_msg("%s did not run", test->oracle);
    struct slim_distance d = point->measure(&current);
    rows[row_count++] = (struct row){ test, d };
    finish(test);
    if (!(d.apart <= point->bound))
        fail_msg("%s: %.3g apart, the bound is %g", test->name, d.apart,
                 point->bound);
}

static const struct point *points_of(const char *oracle)
{
    for (size_t i = 0; i < SLIM_COUNT(kinds); i++)
        if (starts(oracle, kinds[i].start))
            return kinds[i].points;
    return NULL;
}

static bool is_slow(const struct point *point)
{
    return point->measure == slim_oracle_ppl_2048 ||
           point->measure == slim_oracle_ppl_128;
}

/* The one after it that is wanted, or NULL. */
static const struct point *next_point(const struct point *point, bool quick)
{
    do
        point++;
    while (point->what && quick && is_slow(point));
    return point->what ? point : NULL;
}

static size_t add_test(struct CMUnitTest *tests, size_t count,
                       const char *oracle, const struct point *point,
                       bool quick)
{
    struct test *test = calloc(1, sizeof(*test));
    char *name = NULL;

    if (!test || count == MOST ||
        asprintf(&name, "%s: %s", oracle, point ? point->what : "runs") < 0)
        abort();
    *test = (struct test){ name, "", point, quick,
                           point && !next_point(point, quick) };
    (void)snprintf(test->oracle, sizeof(test->oracle), "%s", oracle);
    tests[count] = (struct CMUnitTest){ .name = name,
                                        .test_func = point ? holds : runs,
                                        .initial_state = test };
    return count + 1;
}

/* "stories/slice20_pca" of ".../stories/slice20_pca.slim" */
static char *oracle_name(const char *path)
{
    const char *file = strrchr(path, '/'), *start = file;

    while (start > path && start[-1] != '/')
        start--;
    char *name = strdup(start);
    if (!name)
        abort();
    name[strlen(name) - strlen(".slim")] = '\0';
    return name;
}

/* Whether it is named, and if so, after `quick`. */
static bool chosen(bool *quick, const char *oracle, int argc, char **argv)
{
    *quick = false;
    if (argc < 2)
        return !starts(oracle, "smollm2/");
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "quick") == 0)
            *quick = true;
        else if (strcmp(argv[i], "all") == 0 || strcmp(argv[i], oracle) == 0)
            return true;
    return false;
}

static size_t add_tests(struct CMUnitTest *tests, size_t count,
                        const char *oracle, bool quick)
{
    const struct point *point = points_of(oracle);

    count = add_test(tests, count, oracle, NULL, quick);
    if (point && quick && is_slow(point))
        point = next_point(point, quick);
    for (; point; point = next_point(point, quick))
        count = add_test(tests, count, oracle, point, quick);
    return count;
}

static size_t collect(struct CMUnitTest *tests, int argc, char **argv)
{
    char *folder = slim_test_shared("oracles");
    char *pattern = folder ? slim_test_join(folder, "*/*.slim") : NULL;
    glob_t found = { 0 };
    size_t count = 0;
    bool quick;

    if (pattern && glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            char *name = oracle_name(found.gl_pathv[i]);
            if (chosen(&quick, name, argc, argv))
                count = add_tests(tests, count, name, quick);
            free(name);
        }
    globfree(&found);
    free(pattern);
    free(folder);
    return count;
}

static void number(char *text, size_t size, double value)
{
    if (isnan(value))
        (void)snprintf(text, size, "-");
    else
        (void)snprintf(text, size, "%.9g", value);
}

static void print_table(void)
{
    printf("# %-52s %12s %12s %9s %9s\n", "oracle", "here", "there", "apart",
           "bound");
    for (size_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        char have[32], want[32];

        number(have, sizeof(have), row->distance.have);
        number(want, sizeof(want), row->distance.want);
        printf("# %-52s %12s %12s %9.2e %9.2e %s\n", row->test->name, have,
               want, row->distance.apart, row->test->point->bound,
               row->distance.apart <= row->test->point->bound ? "ok" : "FAIL");
    }
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[MOST];

    (void)slim_blas_fix(argv); /* minutes, where OpenBLAS takes an old core */
    size_t count = collect(tests, argc, argv);

    if (count == 0) {
        printf("# no oracle of that name in ../shared\n");
        return 77;
    }
    int failed = _cmocka_run_group_tests("oracles", tests, count, NULL, NULL);
    print_table();
    for (size_t i = 0; i < count; i++) {
        struct test *test = tests[i].initial_state;
        free(test->name);
        free(test);
    }
    return failed;
}
