/* layers: tok doc io base */
/* Bytes of text a second through each step of encoding, one thread; and as ratios to the check of
 * UTF-8.  tokenize_encode [TOK.json TEXT]: by default a small tokenizer and the manual's own text,
 * which is kinder to the caches than real text. */
#include <stdio.h>

#include "base/err.h"
#include "base/os.h"
#include "base/utf8.h"
#include "io/in.h"
#include "tok/encoder.h"
#include "tok/nfc.h"

enum { PART = 8192, REPEAT = 5 }; /* bytes a text; passes, of which the best counts */

static double valid(struct encoder *e, const struct tokenizer *t, const char *s, size_t n)
{
	size_t bad;

	(void)e, (void)t;
	return utf8_valid(s, n, &bad);
}

static double check_nfc(struct encoder *e, const struct tokenizer *t, const char *s, size_t n)
{
	(void)e, (void)t;
	return (double)nfc_check(s, n);
}

static double split(struct encoder *e, const struct tokenizer *t, const char *s, size_t n)
{
	size_t pos = 0, k, sum = 0;
	uint32_t ends[256];

	(void)e;
	while ((k = pretok_split(&t->pretok, s, n, &pos, ends, 256)))
		sum += k;
	return (double)sum;
}

static double encode(struct encoder *e, const struct tokenizer *t, const char *s, size_t n)
{
	static struct ids ids;

	(void)t;
	ids.n = 0;
	if (encoder_add(e, s, n, &ids) < 0)
		die_err();
	return (double)ids.n;
}

/* Run fn over the text in parts that end between characters: MB/s of CPU time. */
static double measure(
    double (*fn)(struct encoder *, const struct tokenizer *, const char *, size_t),
    struct encoder *e, const struct tokenizer *t, const struct buf *text, double *sum)
{
	double best = 0;
	int k;

	for (k = 0; k < REPEAT; k++) {
		double start = os_thread_cpu(), took;
		size_t i = 0, end;

		for (*sum = 0; i < text->len; i = end) {
			end = i + PART < text->len ? i + PART : text->len;
			while (end < text->len && ((unsigned char)text->p[end] & 0xc0) == 0x80)
				end++;
			*sum += fn(e, t, text->p + i, end - i);
		}
		took = os_thread_cpu() - start;
		if (took > 0 && (double)text->len / 1e6 / took > best)
			best = (double)text->len / 1e6 / took;
	}
	return best;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		double (*fn)(struct encoder *, const struct tokenizer *, const char *, size_t);
	} steps[] = {{"UTF-8 check", valid}, {"NFC check", check_nfc}, {"split", split},
	    {"encode", encode}};
	const char *json = argc > 2 ? argv[1] : "test/ref/tokenizer/qwen2.json";
	const char *path = argc > 2 ? argv[2] : "man/tokenize.1";
	struct tokenizer *t = tokenizer_load(json, TOKENIZER_C);
	struct buf text = {0}, one = {0};
	struct encoder *e;
	double first = 0, sum;
	size_t i;

	if (!t || in_slurp(path, 1u << 30, &one, NULL) < 0)
		die_err();
	while (text.len < 4000000)
		buf_add(&text, one.p, one.len);
	e = encoder_new(t);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		double mb = measure(steps[i].fn, e, t, &text, &sum);

		if (!i)
			first = mb;
		printf("%-12s %8.0f MB/s  %6.3f of the UTF-8 check  (%.0f)\n", steps[i].name, mb,
		    mb / first, sum);
	}
	encoder_free(e);
	tokenizer_free(t);
	buf_release(&text);
	buf_release(&one);
	return 0;
}
