/* layers: kernels base */
/* maths - the functions that replace libm's, against libm in double */
#include "ref.h"

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vec_c.h"

#include "kernels/cpu/maths.inc"

static void log_is_right_to_2e_15(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		double x = exp(((double)rnd() * 0x1p-64 - 0.5) * (i % 2 ? 4 : 1400));
		NEAR(cpu_log(x), log(x), 0.01, 2e-15, "log", (size_t)i);
	}
	assert_true(cpu_log(1) == 0 && cpu_log(0) == -INFINITY && cpu_log(INFINITY) == INFINITY);
	assert_true(isnan(cpu_log(-1)) && isnan(cpu_log(NAN)));
	NEAR(cpu_log(5e-324), log(5e-324), 0, 1e-15, "log", 0);
}

static void exp_is_right_to_2e_15(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		double x = ((double)rnd() * 0x1p-64 - 0.5) * (i % 2 ? 2 : 1400);
		NEAR(cpu_exp(x), exp(x), 0, 2e-15, "exp", (size_t)i);
	}
	assert_true(cpu_exp(0) == 1 && cpu_exp(-INFINITY) == 0 && cpu_exp(INFINITY) == INFINITY);
	assert_true(isnan(cpu_exp(NAN)));
}

static void sin_and_cos_are_right_to_2e_15(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		double x = ((double)rnd() * 0x1p-64 - 0.5) * (i % 2 ? 8 : 3e5), s, c;
		cpu_sincos(x, &s, &c);
		NEAR(s, sin(x), 1, 2e-15, "sin", (size_t)i);
		NEAR(c, cos(x), 1, 2e-15, "cos", (size_t)i);
	}
}

/* 1.5 units in the last place of the result: 1.5 * 2^-24 * 2 at the most */
static void the_lanes_exp_is_right_to_1_8e_7(void **state)
{
	float x[16], y[16];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		for (int j = 0; j < 16; j++)
			x[j] = 87 * rndf() * (i % 2 ? 0.01f : 1);
		v_store(y, v_exp(v_load(x)));
		for (int j = 0; j < 16; j++)
			NEAR(y[j], exp((double)x[j]), 0, 1.8e-7, "v_exp", (size_t)j);
	}
	memcpy(x, (float[]){0, -0.0f, -88, -INFINITY, 89, INFINITY, NAN, 1e-30f}, 8 * sizeof *x);
	v_store(y, v_exp(v_load(x)));
	assert_true(y[0] == 1 && y[1] == 1 && y[2] == 0 && y[3] == 0 && y[7] == 1);
	assert_true(y[4] == INFINITY && y[5] == INFINITY && isnan(y[6]));
}

static void the_lanes_exp2_is_right_to_1e_7(void **state)
{
	float x[16], y[16];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		for (int j = 0; j < 16; j++)
			x[j] = 125 * rndf() * (i % 2 ? 0.01f : 1);
		v_store(y, v_exp2(v_load(x)));
		for (int j = 0; j < 16; j++)
			NEAR(y[j], exp2((double)x[j]), 0, 1e-7, "v_exp2", (size_t)j);
	}
	memcpy(x, (float[]){0, -0.0f, -126.5f, -INFINITY, 1, -126, NAN, -1e30f}, 8 * sizeof *x);
	v_store(y, v_exp2(v_load(x)));
	assert_true(y[0] == 1 && y[1] == 1 && y[2] == 0 && y[3] == 0 && y[4] == 2 && y[7] == 0);
	assert_true(y[5] == 0x1p-126f && isnan(y[6]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(log_is_right_to_2e_15),
	    cmocka_unit_test(exp_is_right_to_2e_15),
	    cmocka_unit_test(sin_and_cos_are_right_to_2e_15),
	    cmocka_unit_test(the_lanes_exp_is_right_to_1_8e_7),
	    cmocka_unit_test(the_lanes_exp2_is_right_to_1e_7),
	};

	return cmocka_run_group_tests_name("kernels maths", tests, NULL, NULL);
}
