/* kernel_cases.h - every operation of a table on seeded random input */
#ifndef SLIM_TEST_KERNEL_CASES_H
#define SLIM_TEST_KERNEL_CASES_H

#include "runtime/kernel/kernel.h"

#include <stddef.h>
#include <stdint.h>

/* What an operation left: its outputs one after the other, as doubles. ends:
 * where each of them ends, to judge each by its own size. */
struct slim_case_output {
    double *value;
    size_t count;
    size_t ends[64], outputs;
};

struct slim_kernel_case {
    const char *name;
    void (*run)(const struct slim_kernels *table, struct slim_case_output *out);
    double near; /* relative Frobenius error allowed between tables */
};

extern const struct slim_kernel_case slim_kernel_cases[];
extern const size_t slim_kernel_case_count;

/* `count` standard normal floats; the caller frees them. */
float *slim_case_normal(size_t count, uint64_t seed);

/* Appends x to the output and frees it. */
void slim_case_keep(struct slim_case_output *out, float *x, size_t n);

/* Cases of a file of their own. */
#define SLIM_CASE(name)                                                        \
    void slim_case_##name(const struct slim_kernels *table,                    \
                          struct slim_case_output *out)
SLIM_CASE(attention_grouped);
SLIM_CASE(attention_one_sequence);
SLIM_CASE(attention_window);
SLIM_CASE(attention_alibi);
SLIM_CASE(attention_prefix);
SLIM_CASE(attention_step);
SLIM_CASE(attention_sharp);

/* Runs a case; the caller frees the output's values. */
struct slim_case_output slim_case_run(const struct slim_kernel_case *one,
                                      const struct slim_kernels *table);

#endif
