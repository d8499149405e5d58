/* layers: base */
/*
 * mkformat DIR: writes the good and bad example files of olmo-tokens(5) and olmo-order(5) into
 * DIR/olmo-tokens/{good,bad} and DIR/olmo-order/{good,bad}, with DIR/…/bad/expect.tsv: file, offset that
 * a reader must name.  It follows the manual pages byte by byte and knows nothing of common/tok,
 * so that a mistake there shows.  The files in test/format were made by it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"

/* A file in the making: header, body, trailer. */
struct example {
	unsigned char b[3 * 4096];
	size_t len;
};

static const char *root;
static char kind_dir[32];

static FILE *open_in(const char *dir, const char *name, const char *mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s/%s", root, kind_dir, dir, name);
	f = fopen(path, mode);
	if (f == NULL) {
		perror(path);
		exit(3);
	}
	return f;
}

static void save(const char *dir, const char *name, const void *p, size_t len)
{
	FILE *f = open_in(dir, name, "wb");

	if (fwrite(p, 1, len, f) != len || fclose(f) != 0) {
		perror(name);
		exit(3);
	}
}

static void good(const char *name, const struct example *e)
{
	save("good", name, e->b, e->len);
}

static void expect(const char *name, const char *where)
{
	FILE *f = open_in("bad", "expect.tsv", "a");

	fprintf(f, "%s\t%s\n", name, where);
	fclose(f);
}

static void bad(const char *name, const struct example *e, size_t offset)
{
	char where[32];

	save("bad", name, e->b, e->len);
	snprintf(where, sizeof(where), "@%zu", offset);
	expect(name, where);
}

static void start_kind(const char *name)
{
	static const char *const sub[] = {"", "/good", "/bad"};
	char path[4096];
	size_t i;

	snprintf(kind_dir, sizeof(kind_dir), "%s", name);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s%s", root, name, sub[i]);
		mkdir(path, 0777);
	}
	fclose(open_in("bad", "expect.tsv", "w"));
}

static void put(struct example *e, size_t at, size_t width, uint64_t v)
{
	while (width-- > 0) {
		e->b[at++] = (unsigned char)v;
		v >>= 8;
	}
}

static void put_hash(struct example *e, size_t at, struct h128 h)
{
	int i;

	for (i = 0; i < 8; i++) {
		e->b[at + i] = (unsigned char)(h.hi >> (56 - 8 * i));
		e->b[at + 8 + i] = (unsigned char)(h.lo >> (56 - 8 * i));
	}
}

static void seal_head(struct example *e)
{
	put(e, 4088, 8, hash64(e->b, 4088));
}

static void seal_tail(struct example *e)
{
	size_t t = e->len - 64;

	put(e, t + 48, 8, hash64(e->b + t, 48));
}

/* The trailer, behind the body that ends at e->len. */
static void tail(struct example *e, const char *magic, uint64_t count)
{
	size_t t = e->len;

	e->len += 64;
	put(e, t, 8, count);
	put_hash(e, t + 8, hash128(e->b + 4096, t - 4096));
	memcpy(e->b + t + 56, magic, 8);
	seal_tail(e);
}

/* -- token files ----------------------------------------------------------------------------- */

#define UNKNOWN UINT64_MAX

static struct example tokens(
    unsigned width, uint64_t count, uint64_t vocab, uint64_t eos, const uint32_t *id, size_t n)
{
	struct example e = {.len = 4096};
	size_t i;

	memcpy(e.b, "\x89OLMOTOK", 8);
	put(&e, 8, 2, 1);
	put(&e, 12, 4, 4096);
	put(&e, 16, 4, width);
	put(&e, 24, 8, count);
	put(&e, 32, 8, vocab);
	put(&e, 40, 8, eos);
	for (i = 0; i < 16; i++)
		e.b[48 + i] = (unsigned char)(0xa0 + i);
	seal_head(&e);
	for (i = 0; i < n; i++, e.len += width)
		put(&e, e.len, width, id[i]);
	tail(&e, "\x89OLMOEND", n);
	return e;
}

static const uint32_t some[] = {12092, 13, 1533, 2, 50279};
#define N_SOME (sizeof(some) / sizeof(some[0]))

static struct example plain(void)
{
	return tokens(2, N_SOME, 50280, 50279, some, N_SOME);
}

static void good_tokens(void)
{
	static const uint32_t wide[] = {0, 65535, 65536, 100276, 100257};
	static const char table[] =
	    "0,2,a-1,in.jsonl.gz,1\r\n2,5,\"b \"\"2\"\", twice\",in.jsonl.gz,2\r\n";
	struct example e = plain();

	good("u16.tok", &e);
	e = tokens(4, 5, 100277, 100257, wide, 5);
	good("u32.tok", &e);
	e = tokens(4, 2, (uint64_t)1 << 32, 0xffffffff, (uint32_t[]){0xffffffff, 1}, 2);
	good("widest.tok", &e);
	e = tokens(2, UNKNOWN, 50280, 50279, some, N_SOME);
	good("stream.tok", &e);
	e = tokens(2, 0, 50280, 50279, some, 0);
	good("none.tok", &e);
	e = tokens(2, UNKNOWN, 50280, 50279, some, 0);
	good("none-stream.tok", &e);
	e = tokens(2, N_SOME, 50280, UNKNOWN, some, N_SOME);
	memset(e.b + 48, 0, 16);
	seal_head(&e);
	good("no-eos-no-tokenizer.tok", &e);
	e = plain();
	put(&e, 10, 2, 7);
	put(&e, 64, 4, 1234);
	seal_head(&e);
	e.b[e.len - 20] = 1;
	seal_tail(&e);
	good("minor-7.tok", &e);
	e = plain();
	good("docs.tok", &e);
	save("good", "docs.tok.docs.csv", table, strlen(table));
}

static void bad_token_headers(void)
{
	struct example e = plain();

	e.len = 0;
	bad("empty.tok", &e, 0);
	e = plain();
	e.b[0] = 'O';
	bad("magic.tok", &e, 0);
	e = plain();
	e.len = 100;
	bad("short-header.tok", &e, 100);
	e = plain();
	put(&e, 8, 2, 2);
	seal_head(&e);
	bad("major-2.tok", &e, 8);
	e = plain();
	put(&e, 8, 2, 0);
	seal_head(&e);
	bad("major-0.tok", &e, 8);
	e = plain();
	put(&e, 12, 4, 8192);
	seal_head(&e);
	bad("header-size.tok", &e, 12);
	e = plain();
	put(&e, 32, 8, 50281);
	bad("header-checksum.tok", &e, 4088);
	e = plain();
	put(&e, 16, 4, 3);
	seal_head(&e);
	bad("width-3.tok", &e, 16);
	e = plain();
	put(&e, 20, 4, 1);
	seal_head(&e);
	bad("flags.tok", &e, 20);
	e = plain();
	put(&e, 32, 8, 0);
	seal_head(&e);
	bad("vocab-0.tok", &e, 32);
	e = plain();
	put(&e, 32, 8, 65537);
	seal_head(&e);
	bad("vocab-u16.tok", &e, 32);
	e = plain();
	put(&e, 40, 8, 50280);
	seal_head(&e);
	bad("eos.tok", &e, 40);
	e = plain();
	put(&e, 3000, 1, 1);
	seal_head(&e);
	bad("reserved.tok", &e, 3000);
	e = plain();
	put(&e, 24, 8, UNKNOWN - 1);
	seal_head(&e);
	bad("count-huge.tok", &e, 24);
}

static void bad_token_bodies(void)
{
	struct example e = plain();

	e.len = 4096 + 6;
	bad("truncated.tok", &e, 4102);
	e = plain();
	e.len--;
	bad("truncated-by-1.tok", &e, 4096 + 10 + 63);
	e = tokens(2, UNKNOWN, 50280, 50279, some, N_SOME);
	e.len -= 2;
	bad("truncated-stream.tok", &e, 4096 + 10 - 2 + 56);
	e = tokens(2, UNKNOWN, 50280, 50279, some, N_SOME);
	e.len -= 1;
	bad("truncated-stream-odd.tok", &e, 4096 + 10 + 63);
	e = tokens(2, UNKNOWN, 50280, 50279, some, N_SOME);
	e.len = 4096 + 10;
	bad("truncated-stream-short.tok", &e, 4106);
	e = plain();
	e.len++;
	bad("extra.tok", &e, 4096 + 10 + 64);
	e = plain();
	e.b[e.len - 1] ^= 1;
	bad("trailer-magic.tok", &e, 4096 + 10 + 56);
	e = plain();
	e.b[4106 + 9] ^= 1;
	bad("trailer-checksum.tok", &e, 4106 + 48);
	e = plain();
	put(&e, 4106, 8, 4);
	seal_tail(&e);
	bad("trailer-count.tok", &e, 4106);
	e = plain();
	put(&e, 4106 + 30, 1, 1);
	seal_tail(&e);
	bad("trailer-reserved.tok", &e, 4106 + 30);
	e = plain();
	e.b[4100] ^= 1;
	bad("flipped.tok", &e, 4096);
	e = tokens(2, N_SOME, 50279, UNKNOWN, some, N_SOME);
	bad("id.tok", &e, 4096 + 8);
}

static void bad_table(const char *name, const char *csv, const char *where)
{
	struct example e = plain();
	char csv_name[64];

	save("bad", name, e.b, e.len);
	snprintf(csv_name, sizeof(csv_name), "%s.docs.csv", name);
	save("bad", csv_name, csv, strlen(csv));
	expect(name, where);
}

static void bad_token_tables(void)
{
	bad_table("docs-beyond.tok", "0,2,a,f,1\r\n2,6,b,f,2\r\n", ".docs.csv:2");
	bad_table("docs-overlap.tok", "0,2,a,f,1\r\n1,5,b,f,2\r\n", ".docs.csv:2");
	bad_table("docs-fields.tok", "0,2,a,f,1\r\n2,5,b,f\r\n", ".docs.csv:2");
	bad_table("docs-number.tok", "0,2,a,f,1\r\n2,x,b,f,2\r\n", ".docs.csv:2");
	bad_table("docs-quote.tok", "0,2,a,f,1\r\n2,5,\"b,f,2\r\n", ".docs.csv:2");
}

/* -- order files ----------------------------------------------------------------------------- */

static struct example order(const char *algo, unsigned width, uint64_t n_inst, uint64_t world,
    int drop_last, const uint64_t *v, size_t n)
{
	struct example e = {.len = 4096};
	size_t i;

	memcpy(e.b, "\x89OLMOORD", 8);
	put(&e, 8, 2, 1);
	put(&e, 12, 4, 4096);
	put(&e, 16, 4, width);
	put(&e, 20, 4, (unsigned)drop_last);
	put(&e, 24, 8, n);
	put(&e, 32, 8, n_inst);
	put(&e, 40, 8, 2048);
	put(&e, 48, 8, 6198);
	put(&e, 64, 8, world);
	memcpy(e.b + 88, algo, strlen(algo));
	seal_head(&e);
	for (i = 0; i < n; i++, e.len += width)
		put(&e, e.len, width, v[i]);
	tail(&e, "\x89ORDREND", n);
	return e;
}

/* numpy: Generator(PCG64(6198)).shuffle(arange(16, dtype=uint32)) */
static const uint64_t sixteen[] = {4, 14, 6, 15, 3, 2, 13, 0, 10, 11, 9, 7, 8, 1, 12, 5, 4, 14};

static struct example numpy16(void)
{
	return order("numpy", 4, 16, 1, 1, sixteen, 16);
}

static void good_orders(void)
{
	struct example e = numpy16();

	good("numpy.order", &e);
	e = order("numpy", 4, 16, 3, 1, sixteen, 15);
	good("numpy-cut.order", &e);
	e = order("numpy", 4, 16, 3, 0, sixteen, 18);
	good("numpy-repeated.order", &e);
	e = order("sequential", 4, 3, 1, 1, (uint64_t[]){0, 1, 2}, 3);
	good("sequential.order", &e);
	e = order("file", 8, (uint64_t)1 << 40, 1, 1, (uint64_t[]){7, 0, 0xffffffffff}, 3);
	good("file-u64.order", &e);
	e = order("numpy", 4, 0, 1, 1, sixteen, 0);
	good("none.order", &e);
	e = numpy16();
	put(&e, 10, 2, 3);
	put(&e, 20, 4, 0x81);
	put(&e, 2000, 4, 99);
	seal_head(&e);
	good("minor-3.order", &e);
}

static void bad_order_headers(void)
{
	struct example e = numpy16();

	e.len = 0;
	bad("empty.order", &e, 0);
	e = numpy16();
	e.b[7] = 'K';
	bad("magic.order", &e, 0);
	e = numpy16();
	e.len = 4095;
	bad("short-header.order", &e, 4095);
	e = numpy16();
	put(&e, 8, 2, 2);
	seal_head(&e);
	bad("major-2.order", &e, 8);
	e = numpy16();
	put(&e, 48, 8, 6199);
	bad("header-checksum.order", &e, 4088);
	e = numpy16();
	put(&e, 16, 4, 2);
	seal_head(&e);
	bad("width-2.order", &e, 16);
	e = numpy16();
	put(&e, 20, 4, 3);
	seal_head(&e);
	bad("flags.order", &e, 20);
	e = numpy16();
	put(&e, 64, 8, 0);
	seal_head(&e);
	bad("world-0.order", &e, 64);
	e = numpy16();
	put(&e, 64, 8, 3);
	seal_head(&e);
	bad("count-world.order", &e, 24);
	e = numpy16();
	memcpy(e.b + 88, "torch", 6);
	seal_head(&e);
	bad("algo.order", &e, 88);
	e = numpy16();
	put(&e, 104, 1, 1);
	seal_head(&e);
	bad("reserved.order", &e, 104);
}

static void bad_order_bodies(void)
{
	struct example e = numpy16();

	e.len -= 70;
	bad("truncated.order", &e, 4096 + 64 + 64 - 70);
	e = numpy16();
	e.len += 4;
	bad("extra.order", &e, 4096 + 64 + 64);
	e = numpy16();
	e.b[e.len - 8] = 0;
	bad("trailer-magic.order", &e, 4160 + 56);
	e = numpy16();
	put(&e, 4160, 8, 15);
	bad("trailer-checksum.order", &e, 4160 + 48);
	e = numpy16();
	put(&e, 4160, 8, 15);
	seal_tail(&e);
	bad("trailer-count.order", &e, 4160);
	e = numpy16();
	e.b[4096] ^= 4;
	bad("flipped.order", &e, 4096);
	e = order("file", 4, 14, 1, 1, sixteen, 16);
	bad("entry.order", &e, 4100);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: mkformat DIR\n");
		return 2;
	}
	root = argv[1];
	start_kind("olmo-tokens");
	good_tokens();
	bad_token_headers();
	bad_token_bodies();
	bad_token_tables();
	start_kind("olmo-order");
	good_orders();
	bad_order_headers();
	bad_order_bodies();
	return 0;
}
