#include "io/energy.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/in.h"

#define POWERCAP "/sys/class/powercap"

/* One counter. */
struct meter {
	int (*read)(struct meter *m, double *joules); /* as the counter stands */
	char *path;                                   /* rapl, trace */
	double range;                                 /* rapl: where it wraps; 0: never */
	void *device;
	unsigned index;
	const struct energy_nvml *nvml;
	const struct energy_rocm *rocm;
	struct buf trace;
	size_t at;
	double last, total;
};

struct energy {
	struct meter *m;
	size_t n;
	struct buf name;
	void *lib[2];
	struct energy_nvml nvml;
	struct energy_rocm rocm;
};

/* The counter as it stands now is where counting begins; -1: it cannot be read. */
static int add(struct energy *e, struct meter m, const char *name)
{
	if (m.read(&m, &m.last) < 0)
		return -1;
	e->m = xreallocarray(e->m, e->n + 1, sizeof(*e->m));
	e->m[e->n++] = m;
	if (e->name.len == 0 || strstr(buf_cstr(&e->name), name) == NULL)
		buf_printf(&e->name, "%s%s", e->name.len > 0 ? "," : "", name);
	return 0;
}

/* ---- rapl --------------------------------------------------------------------------------- */

static int read_number(const char *path, double *v)
{
	char line[64];
	FILE *f = fopen(path, "r");
	int rc = f != NULL && fgets(line, sizeof(line), f) != NULL ? 0 : -1;

	if (f != NULL)
		fclose(f);
	if (rc == 0) {
		line[strcspn(line, "\n")] = 0;
		rc = num_f64(line, v);
	}
	return rc < 0 ? (err_set("%s: cannot read a number", path), -1) : 0;
}

static int read_rapl(struct meter *m, double *joules)
{
	if (read_number(m->path, joules) < 0)
		return -1;
	*joules *= 1e-6;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* "intel-rapl:0": a package; "intel-rapl:0:1" is a part of it, and psys holds packages */
static int is_package(const char *dir, const char *name)
{
	char *path, line[64] = "";

	if (strncmp(name, "intel-rapl:", 11) != 0 || strchr(name + 11, ':') != NULL)
		return 0;
	path = xasprintf("%s/%s/name", dir, name);
	FILE *f = fopen(path, "r");
	if (f != NULL && fgets(line, sizeof(line), f) == NULL)
		line[0] = 0;
	if (f != NULL)
		fclose(f);
	free(path);
	return strncmp(line, "package", 7) == 0;
}

static void add_package(struct energy *e, const char *dir, const char *name)
{
	struct meter m = {.read = read_rapl};
	char *range = xasprintf("%s/%s/max_energy_range_uj", dir, name);

	m.path = xasprintf("%s/%s/energy_uj", dir, name);
	if (read_number(range, &m.range) < 0)
		m.range = 0;
	m.range *= 1e-6;
	if (add(e, m, "rapl") < 0)
		free(m.path);
	free(range);
}

static void add_rapl(struct energy *e, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *x;
	char **names = NULL;
	size_t n = 0;

	while (d != NULL && (x = readdir(d)) != NULL) {
		if (!is_package(dir, x->d_name))
			continue;
		names = xreallocarray(names, n + 1, sizeof(*names));
		names[n++] = xstrdup(x->d_name);
	}
	if (d != NULL)
		closedir(d);
	if (n > 0)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		add_package(e, dir, names[i]);
		free(names[i]);
	}
	free(names);
}

/* ---- GPUs --------------------------------------------------------------------------------- */

static int read_nvml(struct meter *m, double *joules)
{
	unsigned long long mj;

	if (m->nvml->total(m->device, &mj) != 0)
		return err_set("nvml: GPU %u gives no energy", m->index), -1;
	*joules = (double)mj * 1e-3;
	return 0;
}

int energy_add_nvml(struct energy *e, const struct energy_nvml *api)
{
	unsigned n = 0;
	size_t before = e->n;

	e->nvml = *api;
	if (api->init() != 0 || api->count(&n) != 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct meter m = {.read = read_nvml, .index = i, .nvml = &e->nvml};
		if (api->handle(i, &m.device) == 0)
			add(e, m, "nvml");
	}
	return e->n > before;
}

static int read_rocm(struct meter *m, double *joules)
{
	unsigned long long count, when;
	float each;

	if (m->rocm->total(m->index, &count, &each, &when) != 0)
		return err_set("rocm: GPU %u gives no energy", m->index), -1;
	*joules = (double)count * (double)each * 1e-6;
	return 0;
}

int energy_add_rocm(struct energy *e, const struct energy_rocm *api)
{
	unsigned n = 0;
	size_t before = e->n;

	e->rocm = *api;
	if (api->init(0) != 0 || api->count(&n) != 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct meter m = {.read = read_rocm, .index = i, .rocm = &e->rocm};
		add(e, m, "rocm");
	}
	return e->n > before;
}

/* A function of the library, through a pointer to it as POSIX has it. */
static int symbol(void *lib, const char *name, void *fn)
{
	void *p = lib != NULL ? dlsym(lib, name) : NULL;

	memcpy(fn, &p, sizeof(p));
	return p != NULL;
}

static void open_nvml(struct energy *e)
{
	struct energy_nvml a;
	void *lib = e->lib[0] = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);

	if (symbol(lib, "nvmlInit_v2", &a.init) &&
	    symbol(lib, "nvmlDeviceGetCount_v2", &a.count) &&
	    symbol(lib, "nvmlDeviceGetHandleByIndex_v2", &a.handle) &&
	    symbol(lib, "nvmlDeviceGetTotalEnergyConsumption", &a.total))
		energy_add_nvml(e, &a);
}

static void open_rocm(struct energy *e)
{
	static const char *const names[] = {
	    "librocm_smi64.so", "librocm_smi64.so.7", "librocm_smi64.so.6", "librocm_smi64.so.5"};
	struct energy_rocm a;

	for (size_t i = 0; e->lib[1] == NULL && i < sizeof(names) / sizeof(names[0]); i++)
		e->lib[1] = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (symbol(e->lib[1], "rsmi_init", &a.init) &&
	    symbol(e->lib[1], "rsmi_num_monitor_devices", &a.count) &&
	    symbol(e->lib[1], "rsmi_dev_energy_count_get", &a.total))
		energy_add_rocm(e, &a);
}

/* ---- traces ------------------------------------------------------------------------------- */

static int read_trace(struct meter *m, double *joules)
{
	const char *nl = memchr(m->trace.p + m->at, '\n', m->trace.len - m->at);
	size_t n = nl != NULL ? (size_t)(nl - m->trace.p) - m->at : 0;

	if (nl == NULL) { /* after the last line */
		*joules = m->last;
		return m->at > 0 ? 0 : (err_set("%s: no line", m->path), -1);
	}
	char *line = xstrndup(m->trace.p + m->at, n);
	int rc = num_f64(line, joules);
	free(line);
	if (rc < 0 || *joules < m->last)
		return err_set("%s@%zu: joules that do not rise", m->path, m->at), -1;
	m->at += n + 1;
	return 0;
}

static int open_trace(struct energy *e, const char *path)
{
	struct meter m = {.read = read_trace};

	if (in_slurp(path, 1 << 30, &m.trace, NULL) < 0)
		return -1;
	m.path = xstrdup(path);
	if (add(e, m, "trace") == 0)
		return 0;
	free(m.path);
	buf_release(&m.trace);
	return -1;
}

/* ---- the whole ---------------------------------------------------------------------------- */

struct energy *energy_open(const char *spec, unsigned gpus)
{
	struct energy *e = xcalloc(1, sizeof(*e));
	int rc = 0;

	if (strcmp(spec, "auto") == 0) {
		add_rapl(e, POWERCAP);
		if (gpus & ENERGY_NVIDIA)
			open_nvml(e);
		if (gpus & ENERGY_AMD)
			open_rocm(e);
	} else if (strncmp(spec, "rapl:", 5) == 0) {
		add_rapl(e, spec + 5);
		if (e->n == 0)
			rc = (err_set("%s: no package whose energy_uj can be read", spec + 5), -1);
	} else if (strncmp(spec, "trace:", 6) == 0) {
		rc = open_trace(e, spec + 6);
	} else if (strcmp(spec, "none") != 0) {
		rc = (err_set("energy: '%s' is none of auto, none, rapl:DIR, trace:FILE", spec),
		    -1);
	}
	if (rc == 0)
		return e;
	energy_close(e);
	return NULL;
}

const char *energy_name(const struct energy *e)
{
	return e->n > 0 ? e->name.p : NULL;
}

int energy_read(struct energy *e, double *joules)
{
	*joules = 0;
	for (size_t i = 0; i < e->n; i++) {
		struct meter *m = &e->m[i];
		double now;
		if (m->read(m, &now) < 0)
			return -1;
		if (now < m->last) /* it has wrapped, or has begun anew */
			m->total += m->range > 0 ? now + m->range - m->last : now;
		else
			m->total += now - m->last;
		m->last = now;
		*joules += m->total;
	}
	return 0;
}

void energy_close(struct energy *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->n; i++) {
		free(e->m[i].path);
		buf_release(&e->m[i].trace);
	}
	for (int i = 0; i < 2; i++)
		if (e->lib[i] != NULL)
			dlclose(e->lib[i]);
	free(e->m);
	buf_release(&e->name);
	free(e);
}

double energy_co2_grams(double joules, double pue, double kg_per_kwh)
{
	return joules / 3.6e6 * pue * kg_per_kwh * 1000;
}
