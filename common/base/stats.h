/* stats: the counters of a run, for --stats and the manifest's counts.
 *
 * Counters are named; a name is made on first use.  stats_add is thread-safe but takes a lock: hot
 * loops sum in a local and add once a batch.  The JSON object written by stats_write holds program,
 * version, argv, seed, the counters in order of name, wall_s, cpu_s, max_rss_bytes, threads,
 * thread_cpu_s (list, one a pool thread that registered).
 */
#ifndef OLMO_BASE_STATS_H
#define OLMO_BASE_STATS_H

#include <stdint.h>

void stats_add(const char *name, uint64_t n);
uint64_t stats_get(const char *name);
/* Visit the counters in order of name (the manifest's counts: results do not depend on -j). */
void stats_each(void (*fn)(void *arg, const char *name, uint64_t v), void *arg);
/* Remember the CPU seconds of a finished thread (pool and pipe call it). */
void stats_thread_cpu(double s);
/* Start of the wall clock and the number of threads to report (opts_init, opts_next call them). */
void stats_start(void);
void stats_threads(int n);
/* Seconds since stats_start; 0 without one. */
double stats_age(void);
/* 0 or -1.  A regular file appears whole or not at all.  argv is quoted as a JSON list. */
int stats_write(const char *path, const char *program, int argc, char **argv, uint64_t seed);

#endif
