/* layers: doc io base */
/* What the driver of document programs costs: documents in, the same documents out with one
 * attribute; MB of lines a second of wall time, and the gain of a second thread. */
#include "base/err.h"
#include "base/os.h"
#include "base/rng.h"
#include "doc/docrun.h"
#include "io/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BYTES = 64 << 20 };

static const struct prog prog = {"bench", "", "bench", NULL, 0};

static void make(struct buf *b)
{
	static const char *const words[] = {"the", "model", "of", "language", "and", "a",
	    "training", "corpus", "is", "documents", "to", "in", "that", "text", "it's",
	    "tokens."};
	struct mt19937 g;
	mt19937_seed(&g, 1);
	while (b->len < BYTES) {
		int i, n = 50 + (int)mt19937_below(&g, 1500);
		buf_printf(b, "{\"id\":\"doc-%zu\",\"text\":\"", b->len);
		for (i = 0; i < n; i++) {
			buf_str(b, words[mt19937_below(&g, 16)]);
			buf_str(b, mt19937_below(&g, 14) ? " " : "\\n");
		}
		buf_str(b,
		    "\",\"source\":\"bench\",\"metadata\":{\"url\":\"https://example.org\"}}\n");
	}
}

static void write_to(const char *path, const struct buf *b)
{
	struct out *f = out_open(path, 0);
	if (!f || out_write(f, b->p, b->len) < 0 || out_commit(f, NULL) < 0)
		die_err();
}

static int work(void *ctx, void *thread, struct doc *d)
{
	(void)ctx;
	(void)thread;
	attrs_span(&d->attrs, attrs_key(&d->attrs, "length"), 0, d->n_cp, (double)d->n_cp);
	return 0;
}

static double timed(const char *in, const char *out, int threads)
{
	char *files[] = {(char *)in, NULL};
	struct opts o = {.out = out,
	    .threads = threads,
	    .progress = -1,
	    .files = files,
	    .n_files = 1,
	    .prog = &prog};
	struct docrun r = {.o = &o, .work = work};
	double t = os_wall();
	if (docrun(&r) < 0)
		die_err();
	return os_wall() - t;
}

int main(void)
{
	static const char *const name[] = {"in.jsonl", "in.jsonl.gz", "in.jsonl.zst"};
	static const char *const to[] = {"out.jsonl", "out.jsonl.gz", "out.jsonl.zst"};
	char dir[] = "/tmp/olmo-bench-XXXXXX";
	struct buf b = {0};
	int i;
	progname = "bench";
	if (!mkdtemp(dir) || chdir(dir) < 0)
		die(EXIT_IO, "no temporary directory");
	make(&b);
	for (i = 0; i < 3; i++) {
		double one, two;
		write_to(name[i], &b);
		one = timed(name[i], to[i], 1);
		two = timed(name[i], to[i], 2);
		printf("%-13s -> %-14s -j1 %5.0f MB/s, -j2 %5.0f MB/s: %.2f x\n", name[i], to[i],
		    (double)b.len / one / 1e6, (double)b.len / two / 1e6, one / two);
		unlink(name[i]);
		unlink(to[i]);
	}
	buf_release(&b);
	return chdir("/") < 0 || rmdir(dir) < 0;
}
