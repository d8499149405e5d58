#include "model/periodic.h"

/* Does the run [from, to) of places that equal the one a period before hold an aligned row? */
static int holds_row(size_t from, size_t to, size_t period)
{
	size_t row = (from + period - 1) / period * period;

	return row + period <= to;
}

static int has_period(const uint32_t *ids, size_t n, size_t p, size_t count)
{
	for (size_t i = p, from; i < n; i++) {
		if (ids[i] != ids[i - p])
			continue;
		for (from = i; i < n && ids[i] == ids[i - p]; i++)
			;
		size_t times = (i - from + p) / p;
		if (times > 2 && times >= count && holds_row(from, i, p))
			return 1;
	}
	return 0;
}

int periodic_has(const uint32_t *ids, size_t n, size_t min_period, size_t max_period, size_t count)
{
	if (max_period > n / 3)
		max_period = n / 3;
	for (size_t p = min_period > 0 ? min_period : 1; p <= max_period; p++)
		if (has_period(ids, n, p, count))
			return 1;
	return 0;
}
