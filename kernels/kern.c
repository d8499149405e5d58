/* kern.c - choosing a device and its scratch */
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/pool.h"
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/cpu.h"

enum { ISAS = 5 };

/* An instruction set: its operations, and for bf16 its products. */
struct isa {
	const char *name;
	const struct kern_ops *ops;
	const struct cpu_bf16 *bf16; /* NULL: fp32 */
};

#if defined(__x86_64__)
#include <cpuid.h>

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

static int has_avx512bf16(void)
{
	return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/* by hand: not all compilers know these names */
static int has_amx(void)
{
	enum { EDX_AMX_BF16 = 1 << 22, EDX_AMX_TILE = 1 << 24 };
	unsigned a, b, c, d;

	return has_avx512bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & EDX_AMX_BF16 &&
	       d & EDX_AMX_TILE && cpu_amx_permit() == 0;
}

/* VDPBF16PS is twice as fast as two fused multiply-adds there, elsewhere half as fast. */
static int likes_avx512bf16(void)
{
	return __builtin_cpu_is("amd");
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

static int has_avx512bf16(void)
{
	return 0;
}

static int has_amx(void)
{
	return 0;
}

static int likes_avx512bf16(void)
{
	return 0;
}
#endif

/* best first; returns how many */
static int fp32_isas(struct isa t[ISAS])
{
	int n = 0;

	if (cpu_ops_avx512 && has_avx512())
		t[n++] = (struct isa){"avx512", cpu_ops_avx512, NULL};
	if (cpu_ops_avx2 && has_avx2())
		t[n++] = (struct isa){"avx2", cpu_ops_avx2, NULL};
	t[n++] = (struct isa){"c", cpu_ops_c, NULL};
	return n;
}

static int bf16_isas(struct isa t[ISAS])
{
	struct isa dp = {"avx512bf16", cpu_ops_avx512, cpu_bf16_avx512bf16};
	int n = 0, has_dp = cpu_bf16_avx512bf16 && has_avx512bf16();

	if (cpu_bf16_amx && has_amx())
		t[n++] = (struct isa){"amx", cpu_ops_avx512, cpu_bf16_amx};
	if (has_dp && likes_avx512bf16())
		t[n++] = dp;
	if (cpu_bf16_avx512 && has_avx512())
		t[n++] = (struct isa){"avx512", cpu_ops_avx512, cpu_bf16_avx512};
	if (has_dp && !likes_avx512bf16())
		t[n++] = dp;
	if (cpu_bf16_avx2 && has_avx2())
		t[n++] = (struct isa){"avx2", cpu_ops_avx2, cpu_bf16_avx2};
	t[n++] = (struct isa){"c", cpu_ops_c, cpu_bf16_c};
	return n;
}

static int isas_of(const char *precision, struct isa t[ISAS])
{
	return !strcmp(precision, "bf16") ? bf16_isas(t) : fp32_isas(t);
}

const char *const *kern_isas(const char *precision)
{
	static const char *names[2][ISAS + 1];
	int which = !strcmp(precision, "bf16");
	struct isa t[ISAS];
	int n = isas_of(precision, t);

	for (int i = 0; i < n; i++)
		names[which][i] = t[i].name;
	return names[which];
}

static int known(const char *isa)
{
	static const char *const names[] = {"c", "avx2", "avx512", "avx512bf16", "amx"};

	for (int i = 0; i < ISAS; i++)
		if (!strcmp(names[i], isa))
			return 1;
	return 0;
}

static int find_isa(struct isa *found, const char *precision, const char *isa)
{
	struct isa t[ISAS];
	int n = isas_of(precision, t);

	for (int i = 0; i < n; i++)
		if (!isa || !*isa || !strcmp(t[i].name, isa)) {
			*found = t[i];
			return 0;
		}
	if (!known(isa))
		err_set("unknown instruction set '%s': use c, avx2, avx512, or for bf16 also "
			"avx512bf16, amx",
		    isa);
	else
		err_set("this machine has no %s for %s: the best it has is %s", isa, precision,
		    t[0].name);
	return -1;
}

struct kern *kern_open_as(
    const char *precision, const char *device, const char *isa, struct pool *pool)
{
	struct isa found;
	struct cpu *c;

	if (strcmp(device, "cpu")) {
		err_set("device '%s' is not built in: use cpu", device);
		return NULL;
	}
	if (strcmp(precision, "fp32") && strcmp(precision, "bf16")) {
		err_set("precision '%s' is not known: use fp32 or bf16", precision);
		return NULL;
	}
	if (find_isa(&found, precision, isa) < 0)
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c) {
		err_set("out of memory: %zu bytes", sizeof *c);
		return NULL;
	}
	c->ops = *found.ops;
	c->bf16 = found.bf16;
	if (c->bf16) {
		c->ops.isa = c->bf16->isa;
		c->ops.precision = "bf16";
		c->ops.gemm = cpu_bf16_gemm;
	}
	c->k.op = &c->ops;
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

struct kern *kern_open(const char *device, const char *isa, struct pool *pool)
{
	return kern_open_as("fp32", device, isa, pool);
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
	size_t one = ((const struct cpu *)k)->bf16 ? cpu_attn16_scratch(max->T, max->D)
						   : cpu_attn_scratch(max->T, max->D);
	size_t attn = max->T && max->D ? workers * one : 0;

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
