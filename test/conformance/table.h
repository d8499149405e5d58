/*
 * table: what a conformance test has measured, for the table that `make conformance` ends with.
 *
 *	struct table t = {.oracle = "adamw-20/tied"};
 *	table_note(&t, "loss", diff, fabs(want), 1e-5);		as often as there are values
 *	table_end(&t);			a row for each quantity, into the file that OLMO_TABLE names
 *
 * A row has the largest difference, the largest difference relative to what it was noted with, the
 * largest share of a tolerance, and how many values were noted.  table.sh prints the file.
 */
#ifndef TEST_CONFORMANCE_TABLE_H
#define TEST_CONFORMANCE_TABLE_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	const char *oracle;
	size_t n;
	struct {
		char what[64];
		double diff, rel, share, tol_min, tol_max;
		size_t n;
	} row[48];
};

/* A difference from a number of the given size, and what it may be; 0: they must be equal. */
static inline void table_note(
    struct table *t, const char *what, double diff, double size, double tol)
{
	size_t i = 0;

	while (i < t->n && strcmp(t->row[i].what, what) != 0)
		i++;
	if (i == sizeof(t->row) / sizeof(t->row[0]))
		abort();
	if (i == t->n) {
		memset(&t->row[i], 0, sizeof(t->row[i]));
		snprintf(t->row[i].what, sizeof(t->row[i].what), "%s", what);
		t->row[i].tol_min = t->row[i].tol_max = tol;
		t->n++;
	}
	if (diff > t->row[i].diff)
		t->row[i].diff = diff;
	if (size > 0 && diff / size > t->row[i].rel)
		t->row[i].rel = diff / size;
	if (diff > 0 && diff / tol > t->row[i].share) /* tol 0: infinite */
		t->row[i].share = diff / tol;
	if (tol < t->row[i].tol_min)
		t->row[i].tol_min = tol;
	if (tol > t->row[i].tol_max)
		t->row[i].tol_max = tol;
	t->row[i].n++;
}

/* The largest share of a tolerance. */
static inline double table_worst(const struct table *t)
{
	double worst = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->row[i].share > worst)
			worst = t->row[i].share;
	return worst;
}

static inline void table_end(const struct table *t)
{
	const char *path = getenv("OLMO_TABLE");
	FILE *f = path != NULL ? fopen(path, "a") : NULL;

	for (size_t i = 0; f != NULL && i < t->n; i++) {
		char tol[32];
		if (t->row[i].tol_max == 0)
			snprintf(tol, sizeof(tol), "equal");
		else if (t->row[i].tol_min == t->row[i].tol_max)
			snprintf(tol, sizeof(tol), "%.1e", t->row[i].tol_max);
		else
			snprintf(
			    tol, sizeof(tol), "%.1e..%.1e", t->row[i].tol_min, t->row[i].tol_max);
		fprintf(f, "%s\t%s\t%zu\t%.2e\t%.2e\t%s\t%.3f\n", t->oracle, t->row[i].what,
		    t->row[i].n, t->row[i].diff, t->row[i].rel, tol, t->row[i].share);
	}
	if (f != NULL)
		fclose(f);
}

#endif
