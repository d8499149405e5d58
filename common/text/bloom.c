#include "text/bloom.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/os.h"
#include "io/map.h"
#include "io/out.h"
#include "text/keybytes.h"

void bloom_plan(uint64_t n, double p, uint64_t *bits, int *k)
{
	double best = ceil(-log2(p)), m;
	*k = best < 1 ? 1 : best > BLOOM_MAX_K ? BLOOM_MAX_K : (int)best;
	m = -*k * (double)(n ? n : 1) / log1p(-pow(p, 1.0 / *k));
	*bits = m < 0x1p62 ? ((uint64_t)ceil(m) + 63) / 64 * 64 : UINT64_MAX;
}

int bloom_init(struct bloom *b, uint64_t n, double p)
{
	memset(b, 0, sizeof *b);
	bloom_plan(n, p, &b->bits, &b->k);
	if (b->bits / 8 > SIZE_MAX / 2) {
		err_set("a Bloom filter for %" PRIu64 " keys at %g is too large", n, p);
		return -1;
	}
	b->capacity = n;
	b->fpr = p;
	b->word = xcalloc((size_t)(b->bits / 64), sizeof *b->word);
	os_huge_pages(b->word, (size_t)(b->bits / 8));
	return 0;
}

/* Place i of a key: h1 + i h2 scaled from 2^64 to the number of bits. */
static inline uint64_t place(const struct bloom *b, struct h128 key, int i)
{
	uint64_t h = key.lo + (uint64_t)i * (key.hi | 1);
	return (uint64_t)(((unsigned __int128)h * b->bits) >> 64);
}

int bloom_add(struct bloom *b, struct h128 key)
{
	uint64_t fresh = 0;
	int i;
	for (i = 0; i < b->k; i++) {
		uint64_t at = place(b, key, i), bit = UINT64_C(1) << (at & 63);
		fresh |= ~b->word[at >> 6] & bit;
		b->word[at >> 6] |= bit;
	}
	b->n += fresh != 0;
	return fresh != 0;
}

int bloom_has(const struct bloom *b, struct h128 key)
{
	int i;
	for (i = 0; i < b->k; i++) {
		uint64_t at = place(b, key, i);
		if (!(b->word[at >> 6] >> (at & 63) & 1))
			return 0;
	}
	return 1;
}

void bloom_prefetch(const struct bloom *b, struct h128 key)
{
	int i;
	for (i = 0; i < b->k; i++)
		__builtin_prefetch(&b->word[place(b, key, i) >> 6], 1);
}

uint64_t bloom_bits_set(const struct bloom *b)
{
	uint64_t i, n = 0;
	for (i = 0; i < b->bits / 64; i++)
		n += (uint64_t)__builtin_popcountll(b->word[i]);
	return n;
}

double bloom_now_fpr(const struct bloom *b, uint64_t bits_set)
{
	return pow((double)bits_set / (double)b->bits, b->k);
}

void bloom_release(struct bloom *b)
{
	free(b->word);
	memset(b, 0, sizeof *b);
}

int bloom_merge(struct bloom *a, const struct bloom *b)
{
	uint64_t i;
	if (a->bits != b->bits || a->k != b->k || a->capacity != b->capacity) {
		err_set("Bloom filters of different --expect or --fpr cannot be merged");
		return -1;
	}
	for (i = 0; i < a->bits / 64; i++)
		a->word[i] |= b->word[i];
	a->n += b->n;
	return 0;
}

/* ---- files ---------------------------------------------------------------------------- */

static const char magic[8] = "OLMOBLOM", end_magic[8] = "BLOMEND\n";

enum { HEAD = 64, TRAILER = 24 };

static void put_header(struct buf *h, const struct bloom *b, const char *rule)
{
	uint64_t fpr;
	memcpy(&fpr, &b->fpr, 8);
	buf_add(h, magic, 8);
	keybytes_put32(h, KEYBYTES_VERSION);
	keybytes_put32(h, (uint32_t)b->k);
	keybytes_put64(h, b->bits);
	keybytes_put64(h, b->capacity);
	keybytes_put64(h, fpr);
	keybytes_put64(h, b->n);
	keybytes_put32(h, (uint32_t)strlen(rule));
	keybytes_put32(h, 0);
	keybytes_put64(h, 0);
	buf_str(h, rule);
	keybytes_pad(h, 64);
}

static int put_words(const struct bloom *b, struct out *f, struct hasher *sum)
{
	struct buf piece = {0};
	uint64_t i = 0, n = b->bits / 64;
	int rc = 0;
	while (i < n && rc == 0) {
		for (piece.len = 0; i < n && piece.len < 1 << 20; i++)
			keybytes_put64(&piece, b->word[i]);
		hasher_add(sum, piece.p, piece.len);
		rc = out_write(f, piece.p, piece.len);
	}
	buf_release(&piece);
	return rc;
}

int bloom_save(const struct bloom *b, const char *rule, const char *path, struct filehash *h)
{
	struct buf head = {0}, tail = {0};
	struct hasher sum;
	struct out *f = out_open(path, OUT_BINARY);
	int rc;
	if (!f)
		return -1;
	hasher_init(&sum);
	put_header(&head, b, rule);
	hasher_add(&sum, head.p, head.len);
	rc = out_write(f, head.p, head.len);
	if (rc == 0)
		rc = put_words(b, f, &sum);
	keybytes_put_hash(&tail, hasher_128(&sum));
	buf_add(&tail, end_magic, 8);
	if (rc == 0)
		rc = out_write(f, tail.p, tail.len);
	hasher_release(&sum);
	buf_release(&head);
	buf_release(&tail);
	if (rc < 0)
		out_abort(f);
	return rc < 0 ? -1 : out_commit(f, h);
}

static int bad_file(const char *path, const char *why)
{
	err_set("%s: not a whole Bloom filter file: %s", path, why);
	return -1;
}

static int parse(struct bloom *b, char **rule, const char *path, const struct map *m)
{
	const unsigned char *p = m->p;
	uint64_t head, i, fpr;
	if (m->len < HEAD + TRAILER || memcmp(p, magic, 8))
		return bad_file(path, "no such magic");
	if (keybytes_check_version(path, keybytes_get32(p + 8)) < 0)
		return -1;
	b->k = (int)keybytes_get32(p + 12);
	b->bits = keybytes_get64(p + 16);
	b->capacity = keybytes_get64(p + 24);
	fpr = keybytes_get64(p + 32);
	memcpy(&b->fpr, &fpr, 8);
	b->n = keybytes_get64(p + 40);
	head = (HEAD + (uint64_t)keybytes_get32(p + 48) + 63) / 64 * 64;
	if (b->bits % 64 || b->bits / 8 > m->len || head + b->bits / 8 + TRAILER != m->len)
		return bad_file(path, "the size is not what the header says (truncated?)");
	if (b->k < 1 || b->k > BLOOM_MAX_K || !b->bits)
		return bad_file(path, "the header makes no sense");
	if (memcmp(p + m->len - 8, end_magic, 8) ||
	    !h128_eq(keybytes_get_hash(p + m->len - TRAILER), hash128(p, m->len - TRAILER)))
		return bad_file(path, "the checksum differs");
	*rule = xstrndup((const char *)p + HEAD, keybytes_get32(p + 48));
	b->word = xcalloc((size_t)(b->bits / 64), sizeof *b->word);
	for (i = 0; i < b->bits / 64; i++)
		b->word[i] = keybytes_get64(p + head + 8 * i);
	return 0;
}

int bloom_load(struct bloom *b, char **rule, const char *path)
{
	struct map m;
	int rc;
	memset(b, 0, sizeof *b);
	if (map_open(&m, path) < 0)
		return -1;
	map_sequential(&m);
	rc = parse(b, rule, path, &m);
	map_close(&m);
	return rc;
}
