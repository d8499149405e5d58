/* ordertrace: a few places of OLMo's order, without the order.
 *
 *	ordertrace_instances(&spec, 4320, 2160, 2, instance);	what stands at entries 4320 ..
 *	ordertrace_entries(&spec, 17, 1, 2, &entry);		where instance 17 stands
 *
 * The order is the outcome of n_inst - 1 swaps, of entry i with an entry drawn from [0, i], for i
 * from n_inst - 1 down to 1.  Whoever follows one instance through the swaps needs no table: it
 * moves when the swap's one or other entry is where it is.  Whoever asks what came to an entry
 * follows it through the same swaps from the last to the first; for that the draws are counted
 * once, to know which of them belong to which swap (numpy refuses draws, and uses others instead),
 * and then made again, block by block from the end.
 *
 * So all draws of the epoch are made, and nothing shorter exists: each may be the one that moves the
 * instance.  Time: 2 to 4 seconds for 10^9 instances on two cores.  Memory: some megabytes, 8 bytes for
 * 2^18 draws, and 40 bytes for each instance that is followed.  The draws of a block can be made
 * without those before it: so blocks are made by `threads` threads.
 *
 * spec->algo must be ORDER_NUMPY.  Entries are those below n_inst: an order that repeats has at entry k
 * what it has at k mod n_inst.  Functions give 0, or -1 with a message.
 */
#ifndef OLMO_TOK_ORDERTRACE_H
#define OLMO_TOK_ORDERTRACE_H

#include <stdint.h>

#include "tok/order.h"

int ordertrace_instances(const struct order_spec *spec, uint64_t first_entry, uint64_t n,
    int threads, uint64_t *instance);
int ordertrace_entries(const struct order_spec *spec, uint64_t first_instance, uint64_t n,
    int threads, uint64_t *entry);

#endif
