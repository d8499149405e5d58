/* periodic: is an instance mostly a short text over and over (OLMo's instance_filter)?
 *
 *	if (periodic_has(ids, T, 1, 13, 32))	32 times or more, a period of 1 to 13 ids
 *
 * The answer of olmo/data/util.py find_periodic_sequences: the ids are cut into rows as long as the
 * period; rows equal to the row before them, extended on both sides by what still agrees, make a
 * repetition of (length / period) times.  One that holds no whole row equal to the row before is
 * not seen, periods beyond a third of the instance are not tried, and less than 3 times is none.
 */
#ifndef OLMO_MODEL_PERIODIC_H
#define OLMO_MODEL_PERIODIC_H

#include <stddef.h>
#include <stdint.h>

int periodic_has(
    const uint32_t *ids, size_t n, size_t min_period, size_t max_period, size_t count);

#endif
