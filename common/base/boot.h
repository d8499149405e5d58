/* boot: paired bootstrap, for whether two runs differ on the same documents.
 *
 *	d[i] = b's value minus a's for document i
 *	struct boot r = boot_mean(d, n, seed, 0, 1000);
 *
 *	double *s = boot_ratios(d, w, n, seed, k, 1000);	the samples themselves; caller frees
 *	… a statistic of several groups is made of their samples, one by one …
 *	r = boot_of(whole, s, 1000);
 *
 * Each of `times` samples has n documents drawn with replacement (document i of sample k is
 * rng_at(seed, stream, k * n + i) mod n); lo and hi are the 2.5 and 97.5 percentiles of the samples,
 * p is the share of samples that have not the sign of the whole, doubled, at most 1.
 */
#ifndef OLMO_BASE_BOOT_H
#define OLMO_BASE_BOOT_H

#include <stddef.h>
#include <stdint.h>

struct boot {
	double diff, lo, hi, p;
};

/* Of the mean of d. */
struct boot boot_mean(const double *d, size_t n, uint64_t seed, uint64_t stream, size_t times);
/* Sum of d over sum of w, of each sample; w NULL: 1 each. */
double *boot_ratios(
    const double *d, const double *w, size_t n, uint64_t seed, uint64_t stream, size_t times);
/* Of a statistic that is `whole` for all documents; sorts the samples. */
struct boot boot_of(double whole, double *sample, size_t times);

#endif
