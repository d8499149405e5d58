#include "base/progress.h"

#include "base/err.h"
#include "base/os.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint_fast64_t done;
static _Atomic double next_s; /* when to print again; 0: never */
static const char *label, *unit;
static double scale, began;
static uint64_t total;
static int in_place; /* one line that is rewritten; else a line a minute */
static atomic_int shown;

void progress_start(const char *name, const char *u, double per, uint64_t n, int mode)
{
	int tty = isatty(2);
	pthread_mutex_lock(&lock);
	label = name;
	unit = u;
	scale = per;
	total = n;
	began = os_wall();
	in_place = mode > 0 || (mode == 0 && tty && verbosity > 0);
	atomic_store(&done, 0);
	if (in_place)
		atomic_store(&next_s, began + 1);
	else
		atomic_store(&next_s, mode == 0 && verbosity > 1 ? began + 60 : 0);
	pthread_mutex_unlock(&lock);
}

/* "1:02:03" or "2:03" */
static void clock_text(char *out, size_t size, double s)
{
	unsigned long t = s < 0 ? 0 : s > 1e8 ? 100000000 : (unsigned long)(s + 0.5);
	if (t >= 3600)
		snprintf(out, size, "%lu:%02lu:%02lu", t / 3600, t / 60 % 60, t % 60);
	else
		snprintf(out, size, "%lu:%02lu", t / 60, t % 60);
}

static void print(double now)
{
	double n = (double)atomic_load(&done), s = now - began;
	char line[256], t[32];
	int k = snprintf(line, sizeof line, "%s: %.1f %s", label, n / scale, unit);
	if (total && k > 0 && k < 128)
		k += snprintf(line + k, sizeof line - (size_t)k, " of %.1f (%.0f%%)",
		    (double)total / scale, 100 * n / (double)total);
	if (k > 0 && k < 192)
		k += snprintf(
		    line + k, sizeof line - (size_t)k, ", %.1f %s/s", n / scale / s, unit);
	if (total && n > 0 && k > 0 && k < 192) {
		clock_text(t, sizeof t, s * ((double)total - n) / n);
		snprintf(line + k, sizeof line - (size_t)k, ", %s left", t);
	}
	if (in_place)
		fprintf(stderr, "\r%s\033[K", line);
	else
		fprintf(stderr, "%s\n", line);
	fflush(stderr);
	atomic_store(&shown, in_place);
}

void progress_add(uint64_t n)
{
	double due = atomic_load_explicit(&next_s, memory_order_relaxed), now;
	atomic_fetch_add_explicit(&done, n, memory_order_relaxed);
	if (due <= 0)
		return;
	now = os_wall();
	if (now < due || pthread_mutex_trylock(&lock) != 0)
		return;
	if (now >= atomic_load(&next_s)) {
		print(now);
		atomic_store(&next_s, now + (in_place ? 0.2 : 60));
	}
	pthread_mutex_unlock(&lock);
}

void progress_erase(void)
{
	if (!atomic_load(&shown))
		return;
	pthread_mutex_lock(&lock);
	if (atomic_exchange(&shown, 0)) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	pthread_mutex_unlock(&lock);
}

void progress_end(void)
{
	atomic_store(&next_s, 0);
	progress_erase();
}
