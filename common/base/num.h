/* num: numbers of command lines and configs.  The whole string must parse. */
#ifndef OLMO_BASE_NUM_H
#define OLMO_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

/* 0, or -1 with a message that quotes s and gives the range.  Decimal only, no sign for u64. */
int num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);
int num_i64(const char *s, int64_t min, int64_t max, int64_t *out);
/* A size: a number with an optional suffix K, M, G, T (powers of 1024; also Ki, KB … alike). */
int num_size(const char *s, uint64_t *out);
/* A finite double, always with a decimal point whatever the locale. */
int num_f64(const char *s, double *out);
/* a * b, or -1 with "size overflow". */
int num_mul(size_t a, size_t b, size_t *out);

#endif
