/* kern.c - choosing a device and its scratch */
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/pool.h"
#include "kernels/cpu/cpu.h"

enum { ISAS = 3 };

#if defined(__x86_64__)
static int has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __builtin_cpu_supports("bmi2");
}
#else
static int has_avx512(void)
{
	return 0;
}

static int has_avx2(void)
{
	return 0;
}
#endif

/* best first; returns how many */
static int isa_tables(const struct kern_ops *tab[ISAS])
{
	int n = 0;

	if (cpu_ops_avx512 && has_avx512())
		tab[n++] = cpu_ops_avx512;
	if (cpu_ops_avx2 && has_avx2())
		tab[n++] = cpu_ops_avx2;
	tab[n++] = cpu_ops_c;
	return n;
}

const char *const *kern_isas(void)
{
	static const char *names[ISAS + 1];
	const struct kern_ops *tab[ISAS];
	int n = isa_tables(tab);

	for (int i = 0; i < n; i++)
		names[i] = tab[i]->isa;
	return names;
}

static const struct kern_ops *find_ops(const char *isa)
{
	const struct kern_ops *tab[ISAS];
	int n = isa_tables(tab);

	if (!isa || !*isa)
		return tab[0];
	for (int i = 0; i < n; i++)
		if (!strcmp(tab[i]->isa, isa))
			return tab[i];
	if (strcmp(isa, "avx2") && strcmp(isa, "avx512"))
		err_set("unknown instruction set '%s': use c, avx2 or avx512", isa);
	else
		err_set("this machine has no %s: the best it has is %s", isa, tab[0]->isa);
	return NULL;
}

struct kern *kern_open(const char *device, const char *isa, struct pool *pool)
{
	const struct kern_ops *op;
	struct cpu *c;

	if (strcmp(device, "cpu")) {
		err_set("device '%s' is not built in: use cpu", device);
		return NULL;
	}
	op = find_ops(isa);
	if (!op)
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c) {
		err_set("out of memory: %zu bytes", sizeof *c);
		return NULL;
	}
	c->k.op = op;
	c->k.pool = pool;
	c->workers = pool ? pool_size(pool) : 1;
	c->packb = cpu_alloc(&c->k, CPU_PACKB * sizeof(float));
	c->packa = cpu_alloc(&c->k, (size_t)c->workers * CPU_PACKA * sizeof(float));
	if (!c->packa || !c->packb) {
		kern_close(&c->k);
		return NULL;
	}
	return &c->k;
}

void kern_close(struct kern *k)
{
	struct cpu *c = (struct cpu *)k;

	if (!k)
		return;
	cpu_free(k, k->ws);
	cpu_free(k, c->packa);
	cpu_free(k, c->packb);
	free(c);
}

size_t kern_scratch(const struct kern *k, const struct kern_shape *max)
{
	size_t workers = (size_t)((const struct cpu *)k)->workers;
	size_t head = cpu_head_rows(max->rows, max->V) * ((max->V + 15) / 16 * 16);
	size_t attn = max->T && max->D ? workers * cpu_attn_scratch(max->T, max->D) : 0;

	return (head > attn ? head : attn) * sizeof(float);
}

int kern_reserve(struct kern *k, const struct kern_shape *max)
{
	size_t bytes = kern_scratch(k, max);
	void *p;

	if (bytes <= k->ws_bytes)
		return 0;
	p = k->op->alloc(k, bytes);
	if (!p) {
		err_prefix("scratch of the kernels: ");
		return -1;
	}
	k->op->free(k, k->ws);
	k->ws = p;
	k->ws_bytes = bytes;
	return 0;
}
