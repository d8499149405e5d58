/* layers: doc io base */
/* jscan against jansson, on one thread: MB of lines a second of CPU time, three sorts of text.  Both
 * find the text and unescape it; jscan also checks the line (as jansson does by parsing it). */
#include "base/buf.h"
#include "base/err.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "doc/doc.h"
#include "doc/jscan_isa.h"

#include <jansson.h>
#include <stdio.h>

enum { BYTES = 24 << 20 };

static void add_word(struct buf *b, struct mt19937 *g, int kind)
{
	static const char *const words[] = {"the", "model", "of", "language", "and", "a",
	    "training", "corpus", "is", "documents", "to", "in", "that", "text", "it's",
	    "tokens."};
	char tmp[4];
	int i, n = 1 + (int)mt19937_below(g, 8);
	if (kind == 0) {
		buf_str(b, words[mt19937_below(g, 16)]);
		buf_str(b, mt19937_below(g, 14) ? " " : mt19937_below(g, 3) ? "\\n" : "\\\"");
		return;
	}
	for (i = 0; i < n; i++) {
		uint32_t cp = 0x4e00 + (uint32_t)mt19937_below(g, 0x5000);
		if (kind == 1)
			buf_add(b, tmp, (size_t)utf8_put(tmp, cp));
		else
			buf_printf(b, "\\u%04x", cp);
	}
	buf_str(b, ", ");
}

static void make(struct buf *b, int kind)
{
	struct mt19937 g;
	int i;
	mt19937_seed(&g, 1);
	while (b->len < BYTES) {
		int words = 50 + (int)mt19937_below(&g, 1500);
		buf_printf(b, "{\"id\": \"doc-%zu\", \"text\": \"", b->len);
		for (i = 0; i < words; i++)
			add_word(b, &g, kind);
		buf_str(b,
		    "\", \"source\": \"bench\", \"added\": \"2024-01-01T00:00:00Z\", "
		    "\"metadata\": "
		    "{\"url\": \"https://example.org/a/b\", \"length\": 1234, \"p\": 0.25}}\n");
	}
}

typedef size_t line_fn(const char *line, size_t len);

static size_t by_jansson(const char *line, size_t len)
{
	json_t *j = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
	size_t n = json_string_length(json_object_get(j, "text"));
	json_decref(j);
	return n;
}

static size_t by_scan(const char *line, size_t len)
{
	struct jscan j;
	return jscan_line(&j, line, len) < 0 ? 0 : j.f[J_TEXT].len;
}

/* All that a program pays before it sees the document. */
static size_t by_doc(const char *line, size_t len)
{
	static struct doc d;
	return doc_parse(&d, "bench", 1, line, len) < 0 ? 0 : d.text_len;
}

/* The best of three. */
static double rate(const struct buf *b, line_fn *fn, size_t *sum)
{
	double best = 0;
	int r;
	for (r = 0; r < 3; r++) {
		double t = os_cpu();
		const char *p = b->p, *end = b->p + b->len;
		*sum = 0;
		while (p < end) {
			const char *nl = memchr(p, '\n', (size_t)(end - p));
			*sum += fn(p, (size_t)(nl - p));
			p = nl + 1;
		}
		t = os_cpu() - t;
		if ((double)b->len / t > best)
			best = (double)b->len / t;
	}
	return best / 1e6;
}

int main(void)
{
	static const char *const kinds[] = {"English", "Chinese", "Chinese as \\uXXXX"};
	int k;
	for (k = 0; k < 3; k++) {
		struct buf b = {0};
		size_t a, c, x;
		double ref, sse2, scan, doc;
		make(&b, k);
		ref = rate(&b, by_jansson, &a);
		jscan_isa_force = &jscan_sse2;
		sse2 = rate(&b, by_scan, &x);
		jscan_isa_force = NULL;
		scan = rate(&b, by_scan, &x);
		doc = rate(&b, by_doc, &c);
		if (a != c)
			die(EXIT_IO, "jansson finds %zu bytes of text, doc_parse %zu", a, c);
		printf("%-18s jansson %5.0f MB/s, doc_parse %5.0f MB/s: %.0f x; scan alone %.0f "
		       "(%s), %.0f (sse2) MB/s\n",
		    kinds[k], ref, doc, doc / ref, scan, jscan_isa()->name, sse2);
		buf_release(&b);
	}
	return 0;
}
