/* pool: a fixed set of threads for parallel loops (kernels, sorts).  The caller is worker 0.
 *
 *	struct pool *p = pool_new(2);
 *	pool_run(p, n, fn, arg);	fn(arg, i, worker) for i = 0..n-1, in any order; returns when done
 *	pool_free(p);
 *
 * Tasks are claimed one by one from a shared counter; idle workers spin about 50 us and then
 * sleep.  fn must not call pool_run on the same pool.  pool_run from one thread at a time.
 */
#ifndef OLMO_BASE_POOL_H
#define OLMO_BASE_POOL_H

#include <stddef.h>

struct pool;
struct pool *pool_new(int n_threads); /* >= 1; ends the program when threads cannot be made */
void pool_free(struct pool *p);
int pool_size(const struct pool *p);
void pool_run(struct pool *p, size_t n, void (*fn)(void *arg, size_t i, int worker), void *arg);

#endif
