/* layers: tok doc io base */
/* Bytes of text a second from documents to ids, by input file: tokenize_docs TOK.json DOCS.jsonl..
 * A row for each: MB, MB/s of CPU time in the first pass of a fresh encoder (the median of three) and
 * in a further one (of five), tokens, and a hash of the ids (little-endian u32, all documents).  With --plain in
 * front, step by step without masks and caches, one pass; with --threads N in front, documents are
 * shared out over N threads and rates are by the clock.  Without arguments: two small inputs made
 * from the manual, as ratios. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pool.h"
#include "doc/jscan.h"
#include "io/in.h"
#include "tok/encoder.h"

enum { WARM = 5, FRESH = 3 };

/* Texts of a file, one after the other. */
struct texts {
	struct buf all;
	size_t *end, n;
};

static void texts_add(struct texts *t, const char *p, size_t n)
{
	t->end = xreallocarray(t->end, t->n + 1, sizeof(*t->end));
	buf_add(&t->all, p, n);
	t->end[t->n++] = t->all.len;
}

static void texts_read(struct texts *t, const char *path)
{
	struct buf file = {0}, text = {0};
	struct jscan j;
	char *p, *nl;

	if (in_slurp(path, SIZE_MAX / 4, &file, NULL) < 0)
		die_err();
	for (p = file.p; p < file.p + file.len; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(file.p + file.len - p));
		if (!nl)
			nl = file.p + file.len;
		text.len = 0;
		if (jscan_line(&j, p, (size_t)(nl - p)) < 0 || jscan_str(j.f[J_TEXT], &text) < 0)
			die_err();
		texts_add(t, text.p, text.len);
	}
	buf_release(&file);
	buf_release(&text);
}

static void texts_release(struct texts *t)
{
	buf_release(&t->all);
	free(t->end);
}

/* Seconds of CPU time of one pass. */
static double pass(struct encoder *e, const struct texts *t, struct ids *ids)
{
	double start = os_thread_cpu();
	size_t i, from = 0;

	ids->n = 0;
	for (i = 0; i < t->n; from = t->end[i++])
		if (encoder_add(e, t->all.p + from, t->end[i] - from, ids) < 0)
			die_err();
	return os_thread_cpu() - start;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double row(const struct tokenizer *t, const struct texts *x, const char *name, int plain)
{
	struct encoder *e = NULL;
	struct ids ids = {0};
	double first[FRESH], warm[WARM], mb = (double)x->all.len / 1e6;
	char hex[33];
	int k;

	ids_grow(&ids, x->all.len);
	memset(ids.p, 0, ids.cap * sizeof(*ids.p));
	for (k = 0; k < (plain ? 1 : FRESH); k++) {
		encoder_free(e);
		e = encoder_new(t);
		encoder_plain(e, plain);
		first[k] = pass(e, x, &ids);
	}
	qsort(first, (size_t)k, sizeof(*first), by_value);
	first[0] = first[k / 2];
	for (k = 0; k < WARM && !plain; k++)
		warm[k] = pass(e, x, &ids);
	qsort(warm, plain ? 0 : WARM, sizeof(*warm), by_value);
	if (plain)
		warm[WARM / 2] = first[0];
	h128_hex(hash128(ids.p, ids.n * sizeof(*ids.p)), hex);
	printf("%s\t%.1f\t%.0f\t%.0f\t%zu\t%s\n", name, mb, mb / first[0], mb / warm[WARM / 2],
	    ids.n, hex);
	fflush(stdout);
	ids_release(&ids);
	encoder_free(e);
	return mb / warm[WARM / 2];
}

/* Documents over threads, each with its encoder. */
enum { SHARE = 64 };
struct crew {
	const struct texts *x;
	struct encoder *e[64];
	struct ids ids[64];
};

static void crew_share(void *arg, size_t i, int worker)
{
	struct crew *c = arg;
	size_t k = i * SHARE, end = k + SHARE < c->x->n ? k + SHARE : c->x->n;

	for (; k < end; k++) {
		size_t from = k ? c->x->end[k - 1] : 0;

		if (encoder_add(c->e[worker], c->x->all.p + from, c->x->end[k] - from,
			&c->ids[worker]) < 0)
			die_err();
	}
}

/* Seconds by the clock of a pass. */
static double crew_pass(struct crew *c, struct pool *p, int threads)
{
	double start = os_wall();
	int i;

	for (i = 0; i < threads; i++)
		c->ids[i].n = 0;
	pool_run(p, (c->x->n + SHARE - 1) / SHARE, crew_share, c);
	return os_wall() - start;
}

static void crew_row(
    const struct tokenizer *t, const struct texts *x, const char *name, int threads)
{
	struct pool *p = pool_new(threads);
	struct crew c = {.x = x};
	double first[FRESH], warm[WARM], mb = (double)x->all.len / 1e6;
	size_t n = 0;
	int i, k;

	for (k = 0; k < FRESH; k++) {
		for (i = 0; i < threads; i++) {
			encoder_free(c.e[i]);
			c.e[i] = encoder_new(t);
		}
		first[k] = crew_pass(&c, p, threads);
	}
	for (k = 0; k < WARM; k++)
		warm[k] = crew_pass(&c, p, threads);
	qsort(first, FRESH, sizeof(*first), by_value);
	qsort(warm, WARM, sizeof(*warm), by_value);
	for (i = 0; i < threads; i++) {
		n += c.ids[i].n;
		encoder_free(c.e[i]);
		ids_release(&c.ids[i]);
	}
	printf("%s\t%.1f\t%.0f\t%.0f\t%zu\t-\n", name, mb, mb / first[FRESH / 2],
	    mb / warm[WARM / 2], n);
	fflush(stdout);
	pool_free(p);
}

/* English, and one letter again and again: the second must not be much slower. */
static void small(void)
{
	struct tokenizer *t = tokenizer_load("test/ref/tokenizer/qwen2.json", TOKENIZER_C);
	struct texts english = {0}, same = {0};
	struct buf page = {0}, a = {0};
	double mb;

	if (!t || in_slurp("man/tokenize.1", 1u << 30, &page, NULL) < 0)
		die_err();
	t->pretok.kind = PRETOK_GPT2;
	while (english.all.len < 4000000)
		texts_add(&english, page.p, page.len);
	while (a.len < 1000000)
		buf_chr(&a, 'a');
	texts_add(&same, a.p, a.len);
	mb = row(t, &english, "manual", 0);
	printf("one letter / manual: %.2f\n", row(t, &same, "letter", 0) / mb);
	texts_release(&english);
	texts_release(&same);
	buf_release(&page);
	buf_release(&a);
	tokenizer_free(t);
}

int main(int argc, char **argv)
{
	struct tokenizer *t;
	int i = 1, plain, threads = 0;

	if (argc < 3) {
		small();
		return 0;
	}
	plain = !strcmp(argv[i], "--plain");
	i += plain;
	if (!strcmp(argv[i], "--threads")) {
		threads = atoi(argv[i + 1]);
		i += 2;
		if (threads < 1 || threads > 64)
			die_usage("--threads: 1 to 64");
	}
	t = tokenizer_load(argv[i++], TOKENIZER_C);
	if (!t)
		die_err();
	puts("input\tMB\tfirst\twarm\ttokens\tids");
	for (; i < argc; i++) {
		const char *name = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];
		struct texts x = {0};

		texts_read(&x, argv[i]);
		if (threads)
			crew_row(t, &x, name, threads);
		else
			row(t, &x, name, plain);
		texts_release(&x);
	}
	tokenizer_free(t);
	return 0;
}
