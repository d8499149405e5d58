/* energy: joules that this machine has taken, from the counters that it has.
 *
 *	struct energy *e = energy_open("auto", ENERGY_CPU);	NULL: message
 *	if (energy_name(e) != NULL) …				"rapl": there is a counter that can be read
 *	energy_read(e, &joules);				since energy_open; 0 or -1
 *	energy_close(e);
 *
 * Sources:
 *	rapl	Linux's powercap, /sys/class/powercap/intel-rapl:N/energy_uj: the packages of the
 *		processors (Intel and AMD); often only root may read it
 *	nvml	libnvidia-ml.so.1, nvmlDeviceGetTotalEnergyConsumption: NVIDIA GPUs since Volta
 *	rocm	librocm_smi64.so, rsmi_dev_energy_count_get: AMD GPUs
 * The libraries are looked for at run time.  Counters that wrap are followed when they are read
 * more often than they wrap (a minute at least).
 *
 * spec: "auto" (rapl, and that of the GPUs asked for; what is absent is left out without a word),
 * "none", "rapl:DIR" (another directory than powercap's) or "trace:FILE": a recorded trace, a line
 * of cumulative joules for each reading; after the last line the counter stands still.
 */
#ifndef OLMO_IO_ENERGY_H
#define OLMO_IO_ENERGY_H

#include <stddef.h>

struct energy;

enum { ENERGY_CPU = 0, ENERGY_NVIDIA = 1, ENERGY_AMD = 2 };

struct energy *energy_open(const char *spec, unsigned gpus);
const char *energy_name(const struct energy *e); /* "rapl,nvml"; NULL: no source */
int energy_read(struct energy *e, double *joules);
void energy_close(struct energy *e);

/* What is called of the two libraries, in their order of arguments; tests hand in their own. */
struct energy_nvml {
	int (*init)(void);
	int (*count)(unsigned *n);
	int (*handle)(unsigned i, void **device);
	int (*total)(void *device, unsigned long long *millijoules);
};
struct energy_rocm {
	int (*init)(unsigned long long flags);
	int (*count)(unsigned *n);
	int (*total)(unsigned device, unsigned long long *counter, float *microjoules_each,
	    unsigned long long *time);
};
/* 1: a source was added, 0: the library finds no device that counts. */
int energy_add_nvml(struct energy *e, const struct energy_nvml *api);
int energy_add_rocm(struct energy *e, const struct energy_rocm *api);

/*
 * Grams of CO2 as in the OLMo paper's appendix B: kWh x PUE x kg of CO2 a kWh.  PUE 1.1; 0.610
 * where the 7B model was trained, 0 for hydroelectric power.
 */
double energy_co2_grams(double joules, double pue, double kg_per_kwh);

#endif
