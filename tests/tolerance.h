/* tolerance.h - how near is near: a row per dtype and class of operation */
#ifndef SLIM_TEST_TOLERANCE_H
#define SLIM_TEST_TOLERANCE_H

/*
 * A test names a row, never a number. Relative to the size of the expected
 * values (their standard deviation or norm, as the test says), unless the row
 * says otherwise.
 */
#define SLIM_NEAR_EXACT 0.0            /* the same bits */
#define SLIM_NEAR_F32_ELEMENT 1e-6     /* a few roundings in f32 */
#define SLIM_NEAR_F32_SUM 1e-5         /* dot products, norms in f32 */
#define SLIM_NEAR_F32_LAYER 1e-4       /* a whole layer in f32 */
#define SLIM_NEAR_F32_SLOPE 2e-3       /* gradient against finite difference */
#define SLIM_NEAR_BF16 4e-3            /* one operand rounded to bf16 */
#define SLIM_NEAR_BF16_PPL 1e-2        /* relative, bf16 against f32 */
#define SLIM_NEAR_F64_SUM 1e-12        /* dot products in f64 */
#define SLIM_NEAR_F64_EIGEN 1e-10      /* eigenvalues, LAPACK against LAPACK */
#define SLIM_NEAR_ORACLE_LOGITS 2e-3   /* of the logits' standard deviation */
#define SLIM_NEAR_ORACLE_GRADIENT 1e-4 /* relative Frobenius norm */
#define SLIM_NEAR_ORACLE_BIASED 3e-4   /* where the oracle is known to be off */
#define SLIM_NEAR_ORACLE_SCORE 1e-3    /* relative */
#define SLIM_NEAR_ORACLE_SIGNED 5e-3   /* sums with signs: of score plus mean */
#define SLIM_NEAR_ORACLE_EIGEN 1e-4    /* relative, largest eigenvalues */
#define SLIM_NEAR_ORACLE_SLICED 1e-2   /* sliced logits, standard deviations */
#define SLIM_NEAR_ORACLE_CLOSE 7e-3  /* eigenvalues, where two meet at a cut */
#define SLIM_NEAR_ORACLE_CLOSED 5e-2 /* sliced logits of the same */
#define SLIM_NEAR_DENSE_PPL 2e-4     /* relative */
#define SLIM_NEAR_SLICED_PPL 5e-3    /* relative, tiny and stories models */
#define SLIM_NEAR_PRUNED_PPL 1e-2    /* relative, against the reference */
#define SLIM_NEAR_SAVED_LOGITS 1e-3  /* of the logits' standard deviation */

#endif
