#include "base/boot.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double *boot_ratios(
    const double *d, const double *w, size_t n, uint64_t seed, uint64_t stream, size_t times)
{
	double *sample = xreallocarray(NULL, times + 1, sizeof(*sample)), sum, weight;
	size_t i, k, at;

	for (k = 0; k < times; k++) {
		for (sum = 0, weight = 0, i = 0; i < n; i++) {
			at = rng_at(seed, stream, (uint64_t)k * n + i) % n;
			sum += d[at];
			weight += w != NULL ? w[at] : 1;
		}
		sample[k] = sum / weight;
	}
	return sample;
}

struct boot boot_of(double whole, double *sample, size_t times)
{
	struct boot r = {.diff = whole};
	size_t k, other = 0, tail = (size_t)(0.025 * (double)times);

	for (k = 0; k < times; k++)
		other += whole > 0 ? sample[k] <= 0 : sample[k] >= 0;
	qsort(sample, times, sizeof(*sample), by_value);
	r.lo = sample[tail];
	r.hi = sample[times - 1 - tail];
	r.p = 2.0 * (double)other / (double)times;
	r.p = r.p > 1 ? 1 : r.p;
	return r;
}

struct boot boot_mean(const double *d, size_t n, uint64_t seed, uint64_t stream, size_t times)
{
	double *sample = boot_ratios(d, NULL, n, seed, stream, times), sum = 0;
	struct boot r;
	size_t i;

	for (i = 0; i < n; i++)
		sum += d[i];
	r = boot_of(sum / (double)n, sample, times);
	free(sample);
	return r;
}
