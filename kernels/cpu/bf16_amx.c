/* bf16_amx.c - products in bf16 on AMX tiles */
#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILE_LOAD(t, p, stride)  _tile_loadd(t, p, stride)
#define TILE_STORE(t, p, stride) _tile_stored(t, p, stride)
#define TILE_ZERO(t)             _tile_zero(t)
#define TILE_DP(c, a, b)         _tile_dpbf16ps(c, a, b)
#define TILE_CONFIG(p)           _tile_loadconfig(p)
#define TILE_RELEASE()           _tile_release()

#include "kernels/cpu/bf16_amx.inc"

const struct cpu_bf16 *const cpu_bf16_amx = &table16;

int cpu_amx_permit(void)
{
	enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

	return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) ? -1 : 0;
}
#else
#include "kernels/cpu/bf16.h"

const struct cpu_bf16 *const cpu_bf16_amx = NULL;

int cpu_amx_permit(void)
{
	return -1;
}
#endif
