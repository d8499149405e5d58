/* jscan_isa: the loops of jscan that look at many bytes at a time, one table for each instruction
 * set.  jscan_isa() picks the best this CPU has; tests may set jscan_isa_force. */
#ifndef OLMO_DOC_JSCAN_ISA_H
#define OLMO_DOC_JSCAN_ISA_H

#include <stddef.h>

struct jscan_isa {
	const char *name;
	/* First byte in [p, end) that ends plain text inside a string: '"', '\\' or below 0x20; end
	 * when there is none. */
	const char *(*stop)(const char *p, const char *end);
	/* Copy [p, end) to out up to the first '\\'; returns the number of bytes copied.  out has room
	 * for end - p bytes, all of which may be written. */
	size_t (*copy)(const char *p, const char *end, char *out);
	/* 1 when [p, p + n) is valid UTF-8. */
	int (*utf8)(const char *p, size_t n);
};

extern const struct jscan_isa jscan_sse2, jscan_avx2;
/* NULL: the best; else this table (tests; not while threads run). */
extern const struct jscan_isa *jscan_isa_force;
const struct jscan_isa *jscan_isa(void);

#endif
