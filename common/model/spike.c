#include "model/spike.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void spike_init(struct spike *s, size_t window, double sigma)
{
	memset(s, 0, sizeof(*s));
	s->window = window;
	s->sigma = sigma;
	s->loss = xcalloc(window + 1, sizeof(*s->loss));
	s->norm = xcalloc(window + 1, sizeof(*s->norm));
}

void spike_copy(struct spike *dst, const struct spike *s)
{
	spike_init(dst, s->window, s->sigma);
	memcpy(dst->loss, s->loss, s->n * sizeof(*s->loss));
	memcpy(dst->norm, s->norm, s->n * sizeof(*s->norm));
	dst->n = s->n;
	dst->skipped = s->skipped;
}

void spike_release(struct spike *s)
{
	free(s->loss);
	free(s->norm);
	memset(s, 0, sizeof(*s));
}

/* Is the newest of n + 1 values beyond what the n before let expect? */
static int jumps(const double *v, size_t n, double sigma)
{
	double mean = 0, sq = 0;

	for (size_t i = 0; i < n; i++)
		mean += v[i];
	mean /= (double)n;
	for (size_t i = 0; i < n; i++)
		sq += (v[i] - mean) * (v[i] - mean);
	return v[n] - mean > sigma * sqrt(sq / (double)(n - 1));
}

int spike_skips(struct spike *s, double loss, double norm)
{
	size_t least = s->window / 2 > 2 ? s->window / 2 : 2;

	if (s->n == s->window + 1) {
		memmove(s->loss, s->loss + 1, s->window * sizeof(*s->loss));
		memmove(s->norm, s->norm + 1, s->window * sizeof(*s->norm));
		s->n--;
	}
	s->loss[s->n] = loss;
	s->norm[s->n++] = norm;
	if (s->n - 1 < least)
		return 0;
	if (!jumps(s->loss, s->n - 1, s->sigma) && !jumps(s->norm, s->n - 1, s->sigma))
		return 0;
	s->skipped++;
	return 1;
}

static json_t *numbers(const double *v, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, json_real(v[i]));
	return j;
}

json_t *spike_json(const struct spike *s)
{
	return json_pack("{s:I,s:o,s:o}", "skipped", (json_int_t)s->skipped, "loss",
	    numbers(s->loss, s->n), "grad_norm", numbers(s->norm, s->n));
}

int spike_read(struct spike *s, const json_t *j, const char *name)
{
	const json_t *loss = json_object_get(j, "loss"), *norm = json_object_get(j, "grad_norm");
	const json_t *skipped = json_object_get(j, "skipped");
	size_t n = json_array_size(loss), first = n > s->window + 1 ? n - s->window - 1 : 0;

	if (!json_is_integer(skipped) || json_integer_value(skipped) < 0 || !json_is_array(loss) ||
	    json_array_size(norm) != n)
		return err_set("%s: 'spikes' is damaged", name), -1;
	s->skipped = (uint64_t)json_integer_value(skipped);
	s->n = 0;
	for (size_t i = first; i < n; i++) {
		s->loss[s->n] = json_number_value(json_array_get(loss, i));
		s->norm[s->n++] = json_number_value(json_array_get(norm, i));
	}
	return 0;
}
