#include "model/hf.h"

#include <string.h>

#include "base/os.h"
#include "base/pool.h"
#include "kernels/kernels.h"

int hf_open_as(
    const char *precision, struct hf *m, const char *dir, int threads, const char *device)
{
	struct arch a;

	memset(m, 0, sizeof(*m));
	if (arch_load(&a, dir) < 0)
		return -1;
	m->p = params_new(&a);
	m->pool = pool_new(threads > 0 ? threads : os_cpus());
	m->k = kern_open_as(precision, device, NULL, m->pool);
	if (m->k != NULL)
		m->w = m->k->op->alloc(m->k, m->p->n_float * sizeof(float));
	if (m->w == NULL || params_load(m->p, m->w, dir) < 0) {
		hf_close(m);
		return -1;
	}
	return 0;
}

int hf_open(struct hf *m, const char *dir, int threads, const char *device)
{
	return hf_open_as("fp32", m, dir, threads, device);
}

void hf_close(struct hf *m)
{
	if (m->w != NULL)
		m->k->op->free(m->k, m->w);
	if (m->k != NULL)
		kern_close(m->k);
	if (m->pool != NULL)
		pool_free(m->pool);
	params_free(m->p);
	memset(m, 0, sizeof(*m));
}
