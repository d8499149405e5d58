/* layers: io base */
/* energy: counters that wrap, recorded traces, doubles of the two GPU libraries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/energy.h"
#include "io/out.h"

static char dir[] = "/tmp/olmo-energy-XXXXXX";

static void put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(out_mkparent(path), 0);
	assert_int_equal(out_file(path, text, strlen(text)), 0);
	free(path);
}

static void package(int i, const char *name, const char *uj)
{
	char path[64];

	snprintf(path, sizeof(path), "rapl/intel-rapl:%d/name", i);
	put(path, name);
	snprintf(path, sizeof(path), "rapl/intel-rapl:%d/max_energy_range_uj", i);
	put(path, "10000000\n");
	snprintf(path, sizeof(path), "rapl/intel-rapl:%d/energy_uj", i);
	put(path, uj);
}

static void near(double got, double want)
{
	if (!(fabs(got - want) < 1e-9 * (1 + fabs(want))))
		fail_msg("got %.12g, expected %.12g", got, want);
}

static struct energy *open_in_dir(const char *kind, const char *name)
{
	char *spec = xasprintf("%s:%s/%s", kind, dir, name);
	struct energy *e = energy_open(spec, ENERGY_CPU);

	free(spec);
	return e;
}

static void packages_are_miscounted(void **state)
{
	double j;

	(void)state;
	package(0, "package-0\n", "9000000\n");
	package(1, "package-1\n", "1000000\n");
	package(2, "psys\n", "5000000\n"); /* holds the others */
	put("rapl/intel-rapl:0:0/name", "core\n");
	put("rapl/intel-rapl:0:0/energy_uj", "77000000\n");
	struct energy *e = open_in_dir("rapl", "rapl");
	assert_non_null(e);
	assert_string_equal(energy_name(e), "rapl");
	assert_int_equal(energy_read(e, &j), 0);
	near(j, 0);
	package(0, "package-0\n", "500000\n"); /* wrapped at 10 J: 1.5 J more */
	package(1, "package-1\n", "3000000\n");
	package(2, "psys\n", "9000000\n");
	assert_int_equal(energy_read(e, &j), 0);
	near(j, 3.5);
	package(0, "package-0\n", "750000\n");
	assert_int_equal(energy_read(e, &j), 0);
	near(j, 3.75);
	package(0, "package-0\n", "many\n");
	assert_int_equal(energy_read(e, &j), -1);
	assert_non_null(strstr(err_msg(), "intel-rapl:0/energy_uj"));
	energy_close(e);
	assert_null(open_in_dir("rapl", "none"));
	assert_non_null(strstr(err_msg(), "no package"));
}

static void trace_is_read_otherwise(void **state)
{
	double j;

	(void)state;
	put("t", "100\n100.5\n103\n");
	struct energy *e = open_in_dir("trace", "t");
	assert_non_null(e);
	energy_read(e, &j), near(j, 0.5);
	energy_read(e, &j), near(j, 3);
	energy_read(e, &j), near(j, 3);
	energy_close(e);
	put("t", "100\n99\n");
	e = open_in_dir("trace", "t");
	assert_int_equal(energy_read(e, &j), -1);
	assert_non_null(strstr(err_msg(), "t@4: joules that do not rise"));
	energy_close(e);
	put("t", "");
	assert_null(open_in_dir("trace", "t"));
	assert_null(energy_open("sun", 0));
	assert_non_null(strstr(err_msg(), "'sun' is none of"));
	e = energy_open("none", 0);
	assert_null(energy_name(e));
	assert_int_equal(energy_read(e, &j), 0);
	near(j, 0);
	energy_close(e);
	/* whatever this machine has, or has not */
	e = energy_open("auto", ENERGY_NVIDIA | ENERGY_AMD);
	assert_non_null(e);
	energy_close(e);
}

/* ---- doubles: two GPUs each, the second of the first library does not count ---- */

static unsigned long long at;

static int nv_init(void)
{
	return 0;
}
static int nv_count(unsigned *n)
{
	return *n = 2, 0;
}
static int nv_handle(unsigned i, void **device)
{
	static int devices[2] = {0, 1};

	return *device = &devices[i], 0;
}
static int nv_total(void *device, unsigned long long *mj)
{
	*mj = 5000 + at;
	return *(int *)device == 1 ? 3 : 0;
}
static int rocm_init(unsigned long long flags)
{
	return flags != 0;
}
static int rocm_total(
    unsigned device, unsigned long long *count, float *each, unsigned long long *when)
{
	*count = device * 1000000ull + 4 * at;
	*each = 15.5f;
	*when = at;
	return 0;
}
static int broken(void)
{
	return 9; /* no driver */
}

static void gpus_are_miscounted(void **state)
{
	struct energy_nvml nv = {nv_init, nv_count, nv_handle, nv_total};
	struct energy_rocm amd = {rocm_init, nv_count, rocm_total};
	struct energy *e = energy_open("none", 0);
	double j;

	(void)state;
	at = 0;
	assert_int_equal(energy_add_nvml(e, &nv), 1);
	assert_int_equal(energy_add_rocm(e, &amd), 1);
	assert_string_equal(energy_name(e), "nvml,rocm");
	at = 2000;
	assert_int_equal(energy_read(e, &j), 0);
	near(j, 2 + 2 * 8000 * 15.5e-6);
	energy_close(e);
	e = energy_open("none", 0);
	nv.init = broken;
	assert_int_equal(energy_add_nvml(e, &nv), 0);
	assert_null(energy_name(e));
	energy_close(e);
}

/* The paper's rows: 104 MWh and 135 MWh. */
static void paper_has_other_tons(void **state)
{
	(void)state;
	near(energy_co2_grams(104e6 * 3600, 1.1, 0.610), 69.784e6);
	near(energy_co2_grams(135e6 * 3600, 1.1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(packages_are_miscounted),
	    cmocka_unit_test(trace_is_read_otherwise),
	    cmocka_unit_test(gpus_are_miscounted),
	    cmocka_unit_test(paper_has_other_tons),
	};

	if (mkdtemp(dir) == NULL)
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	char *rm = xasprintf("rm -rf %s", dir);
	if (system(rm) != 0)
		rc = 1;
	free(rm);
	return rc;
}
