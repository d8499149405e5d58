#include "base/err.h"

#include "base/os.h"
#include "base/progress.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MSG_SIZE 1024

const char *progname = "olmo";
int verbosity = 1;

static _Thread_local char message[MSG_SIZE];

/* Mark with "..." that n bytes did not fit. */
static void mark_cut(char *buf, int n)
{
	if (n >= MSG_SIZE)
		memcpy(buf + MSG_SIZE - 4, "...", 4);
}

/* What is quoted from a file may hold anything; a message is one line and moves no cursor. */
static void one_line(char *s)
{
	for (; *s != 0; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

/* Through a second buffer: the arguments may point into message. */
static void put_message(const char *tail, const char *fmt, va_list ap)
{
	char tmp[MSG_SIZE];
	int n = vsnprintf(tmp, sizeof tmp, fmt, ap);
	if (n < 0)
		n = 0, tmp[0] = 0;
	if (tail && n < MSG_SIZE)
		n += snprintf(tmp + n, sizeof tmp - (size_t)n, ": %s", tail);
	mark_cut(tmp, n);
	one_line(tmp);
	memcpy(message, tmp, sizeof tmp);
}

void err_set(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_message(NULL, fmt, ap);
	va_end(ap);
}

void err_sys(const char *fmt, ...)
{
	char text[256];
	const char *why = text;
	va_list ap;
	if (strerror_r(errno, text, sizeof text) != 0)
		why = "unknown error";
	va_start(ap, fmt);
	put_message(why, fmt, ap);
	va_end(ap);
}

void err_prefix(const char *fmt, ...)
{
	char old[MSG_SIZE];
	va_list ap;
	memcpy(old, message, sizeof old);
	va_start(ap, fmt);
	put_message(old, fmt, ap);
	va_end(ap);
}

const char *err_msg(void)
{
	return message;
}

/* One write a line, so that lines of several processes do not mix. */
static void say(const char *kind, const char *fmt, va_list ap)
{
	char line[MSG_SIZE + 128];
	int n = snprintf(line, 128, "%s: %s", progname, kind);
	int m;
	if (n < 0 || n > 127)
		n = 0;
	m = vsnprintf(line + n, MSG_SIZE, fmt, ap);
	if (m < 0)
		m = 0;
	mark_cut(line + n, m);
	n += m < MSG_SIZE ? m : MSG_SIZE - 1;
	line[n++] = '\n';
	progress_erase();
	fflush(stderr);
	if (write(2, line, (size_t)n) < 0)
		return; /* nobody left to tell */
}

/* The first thread to fail ends the program; failing again while it ends skips the rest of it. */
static _Noreturn void leave(int status, const char *fmt, va_list ap)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static _Thread_local int leaving;
	if (!leaving)
		pthread_mutex_lock(&lock);
	say("", fmt, ap);
	if (leaving)
		_exit(status);
	leaving = 1;
	exit(status);
}

_Noreturn void die(int status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	leave(status, fmt, ap);
}

_Noreturn void die_err(void)
{
	die(EXIT_IO, "%s", message[0] ? message : "failed");
}

_Noreturn void die_usage(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	leave(EXIT_USAGE, fmt, ap);
}

void warn(const char *fmt, ...)
{
	va_list ap;
	if (verbosity < 1)
		return;
	va_start(ap, fmt);
	say("warning: ", fmt, ap);
	va_end(ap);
}

void note(const char *fmt, ...)
{
	va_list ap;
	if (verbosity < 2)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

static _Noreturn void no_memory(size_t n)
{
	die(EXIT_IO, "out of memory: %zu bytes", n);
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (!p)
		no_memory(n);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		no_memory(size && n > SIZE_MAX / size ? SIZE_MAX : n * size);
	return p;
}

void *xtable(size_t bytes)
{
	size_t huge = 2 << 20, align = bytes < huge ? XTABLE_ALIGN : huge;
	void *p = NULL;

	if (bytes <= SIZE_MAX - align)
		p = aligned_alloc(align, (bytes + align - 1) / align * align);
	if (!p)
		no_memory(bytes);
	if (align == huge)
		os_huge_pages(p, bytes);
	return memset(p, 0, bytes);
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		no_memory(SIZE_MAX);
	n *= size;
	p = realloc(p, n ? n : 1);
	if (!p)
		no_memory(n);
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	const char *end = memchr(s, 0, n);
	size_t len = end ? (size_t)(end - s) : n;
	char *p = xmalloc(len + 1);
	memcpy(p, s, len);
	p[len] = 0;
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		die(EXIT_IO, "cannot format a string: %s", strerror(errno));
	p = xmalloc((size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}
