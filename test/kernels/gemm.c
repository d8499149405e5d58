/* layers: kernels base */
/* gemm - products of odd shapes, strides and sources against fp64; nothing outside C is touched */
#include "ref.h"

struct shape {
	size_t M, N, K;
};

static const struct shape shapes[] = {
    {1, 1, 1},
    {1, 37, 5},
    {3, 2, 300},
    {14, 32, 256},
    {15, 33, 257},
    {13, 31, 255},
    {64, 1, 40},
    {6, 16, 17},
    {100, 49, 513},
    {29, 129, 33},
    {2, 200, 8},
    {170, 65, 7},
    {57, 48, 64},
    {5, 4200, 3},
    {400, 19, 31},
    {33, 4097, 16},
};

static struct kern *kern;

static void check(enum kern_gemm_form form, size_t M, size_t N, size_t K, int source)
{
	size_t lda = (form == KERN_TN ? M : K) + 3, ldb = (form == KERN_NT ? K : N) + 5,
	       ldc = N + 2;
	size_t rows_a = form == KERN_TN ? K : M, rows_b = form == KERN_NT ? N : K;
	/* the last row ends where the matrix does: a step past it is an error */
	float *A = noise((rows_a - 1) * lda + lda - 3, 1),
	      *B = noise((rows_b - 1) * ldb + ldb - 5, 1);
	float *C = source == 1 ? noise(M * ldc, 1) : poison(M * ldc), *start = dup(C, M * ldc);
	float *other = noise(M * ldc, 1);
	const float *C0 = source == 0 ? NULL : source == 1 ? C : other;

	kern->op->gemm(kern, form, M, N, K, A, lda, B, ldb, C0, C, ldc);
	for (size_t m = 0; m < M; m++)
		for (size_t n = 0; n < ldc; n++) {
			double sum, size;
			if (n >= N) {
				assert_memory_equal(
				    &C[m * ldc + n], &start[m * ldc + n], sizeof *C);
				continue;
			}
			ref_gemm(form, M, N, K, A, lda, B, ldb, m, n, &sum, &size);
			if (source)
				sum += (double)(source == 1 ? start : other)[m * ldc + n];
			NEAR(C[m * ldc + n], sum, size, 2e-6, "C", m * ldc + n);
		}
	free(A);
	free(B);
	free(C);
	free(start);
	free(other);
}

static void forms(struct kern *k)
{
	kern = k;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (int form = 0; form < 3; form++)
			check((enum kern_gemm_form)form, shapes[i].M, shapes[i].N, shapes[i].K,
			    (int)(i + (size_t)form) % 3);
}

static void products_equal_fp64(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, forms);
}

/* the rule of kernels.h itself: one chain of fma in k order from C0 */
static void chain(struct kern *k)
{
	enum { M = 17, N = 35, K = 700 };
	float *A = noise(M * K, 1), *B = noise(N * K, 1), *C = noise(M * N, 1),
	      *C0 = dup(C, M * N);

	k->op->gemm(k, KERN_NT, M, N, K, A, K, B, K, C, C, N);
	for (size_t m = 0; m < M; m++)
		for (size_t n = 0; n < N; n++) {
			float c = C0[m * N + n];
			for (size_t i = 0; i < K; i++)
				c = fmaf(A[m * K + i], B[n * K + i], c);
			assert_memory_equal(&c, &C[m * N + n], sizeof c);
		}
	free(A);
	free(B);
	free(C);
	free(C0);
}

static void an_element_is_one_chain_in_k_order(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, chain);
}

static void no_k(struct kern *k)
{
	float C[4] = {NAN, NAN, NAN, NAN}, D[4] = {1, 2, 3, 4}, E[4];

	k->op->gemm(k, KERN_NT, 2, 2, 0, NULL, 1, NULL, 1, NULL, C, 2);
	for (int i = 0; i < 4; i++)
		assert_true(C[i] == 0);
	k->op->gemm(k, KERN_NN, 2, 2, 0, NULL, 1, NULL, 1, D, E, 2);
	assert_memory_equal(D, E, sizeof D);
	k->op->gemm(k, KERN_NT, 0, 5, 3, NULL, 1, NULL, 1, NULL, NULL, 2);
}

static void empty_products_are_zero_or_the_source(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, no_k);
}

static void opening_what_is_not_there_is_an_error(void **state)
{
	(void)state;
	assert_null(kern_open("abacus", NULL, NULL));
	assert_non_null(strstr(err_msg(), "abacus"));
	assert_null(kern_open("cpu", "sse9", NULL));
	assert_non_null(strstr(err_msg(), "sse9"));
	struct kern *k = kern_open("cpu", "", NULL);
	assert_non_null(k);
	assert_string_equal(k->op->isa, kern_isas("fp32")[0]);
	kern_close(k);
	kern_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(products_equal_fp64),
	    cmocka_unit_test(an_element_is_one_chain_in_k_order),
	    cmocka_unit_test(empty_products_are_zero_or_the_source),
	    cmocka_unit_test(opening_what_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests_name("kernels gemm", tests, NULL, NULL);
}
