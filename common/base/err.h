/* err: messages of failed library calls, and the ways a program ends.
 *
 * A library function that fails returns -1 (or NULL) after leaving ONE message for the calling
 * thread with err_set() or err_sys().  The message names file:line or file@offset and, where it
 * is not plain, what to do.  Lower case, no full stop, no newline.  Only programs (cmd/), x…()
 * and die…() end the process.
 *
 *	if (thing_open(&t, path) < 0)
 *		die_err();			"prog: cannot open 'x': No such file…", status 3
 */
#ifndef OLMO_BASE_ERR_H
#define OLMO_BASE_ERR_H

#include <stddef.h>

enum {
	EXIT_DONE = 0,  /* done */
	EXIT_NO = 1,    /* the answer to the question is no */
	EXIT_USAGE = 2, /* wrong command line */
	EXIT_IO = 3,    /* I/O, bad data, memory, device */
	EXIT_AGAIN = 75 /* stopped on request, state saved: run it again */
};

/* The program's name as messages show it; opts_init() sets it. */
extern const char *progname;
/* 0 quiet (-q), 1 normal, 2 verbose (-v); opts_next() sets it. */
extern int verbosity;

#define ERR_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define ERR_NORETURN     __attribute__((noreturn)) /* C and C++ */

/* Leave a message (at most 1023 bytes; longer ones are cut with "..."; control characters become
 * blanks). */
void err_set(const char *fmt, ...) ERR_PRINTF(1, 2);
/* The same followed by ": " and strerror(errno). */
void err_sys(const char *fmt, ...) ERR_PRINTF(1, 2);
/* Put "…: " before the message that is there: adds what the caller knows. */
void err_prefix(const char *fmt, ...) ERR_PRINTF(1, 2);
/* The calling thread's last message ("" when none). */
const char *err_msg(void);

/* "prog: message" on stderr and exit(status). */
ERR_NORETURN void die(int status, const char *fmt, ...) ERR_PRINTF(2, 3);
ERR_NORETURN void die_err(void);                                    /* EXIT_IO with err_msg() */
ERR_NORETURN void die_usage(const char *fmt, ...) ERR_PRINTF(1, 2); /* one line, EXIT_USAGE */

/* "prog: warning: message" unless -q; "prog: message" with -v. */
void warn(const char *fmt, ...) ERR_PRINTF(1, 2);
void note(const char *fmt, ...) ERR_PRINTF(1, 2);

/* Allocation that ends the program (EXIT_IO, "out of memory: N bytes") when it fails.
 * xreallocarray checks the product. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
/* Zeros to be looked up at random, aligned to XTABLE_ALIGN; in huge pages where they are worth it.
 * They are written at once: the system would show a page of zeros first, then take it away when it
 * is written, which stops every other thread. */
enum { XTABLE_ALIGN = 128 };
void *xtable(size_t bytes);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) ERR_PRINTF(1, 2);

#endif
