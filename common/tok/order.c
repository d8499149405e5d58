#include "tok/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "base/rng.h"
#include "io/out.h"
#include "tok/frame.h"
#include "tok/le.h"

_Static_assert(FRAME_HEAD == ORDER_HEADER && FRAME_TAIL == ORDER_TRAILER, "frame sizes");

static const struct frame kind = {.what = "an order file",
    .item = "entries",
    .page = "olmo-order(5)",
    .magic = "\x89OLMOORD",
    .end = "\x89ORDREND",
    .major = ORDER_MAJOR,
    .minor = ORDER_MINOR};

/* header offsets, olmo-order(5) */
enum { H_WIDTH = 16, H_FLAGS = 20, H_COUNT = 24, H_INST = 32, H_SEQ = 40, H_SEED = 48 };
enum { H_EPOCH = 56, H_WORLD = 64, H_LIST = 72, H_ALGO = 88, H_ZERO = 104 };
enum { H_ZERO_END = FRAME_HEAD - 8, ALGO_LEN = 16, F_DROP_LAST = 1 };
enum { WRITE_MAX = 1 << 20 }; /* bytes at a time */

static const char *const algo_name[] = {
    [ORDER_NUMPY] = "numpy",
    [ORDER_FEISTEL] = "feistel",
    [ORDER_SEQUENTIAL] = "sequential",
    [ORDER_FILE] = "file",
};

int order_algo_parse(const char *name)
{
	int i;

	for (i = ORDER_NUMPY; i < ORDER_FILE; i++)
		if (strcmp(name, algo_name[i]) == 0)
			return i;
	err_set("unknown order '%s': numpy, feistel or sequential", name);
	return -1;
}

const char *order_algo_name(enum order_algo a)
{
	return algo_name[a];
}

uint64_t order_total(const struct order_spec *s)
{
	uint64_t total = s->n_inst / s->world * s->world;

	if (s->drop_last || total == s->n_inst)
		return total;
	return total > UINT64_MAX - s->world ? UINT64_MAX : total + s->world;
}

/* -- the Feistel permutation --------------------------------------------------------------- */

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014; constants: Stafford's variant 13). */
static uint64_t mix64(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t splitmix64(uint64_t *state)
{
	return mix64(*state += 0x9e3779b97f4a7c15u);
}

void order_feistel_init(struct order_feistel *f, uint64_t n, uint64_t key)
{
	unsigned bits = 2;
	int i;

	while (bits < 63 && (uint64_t)1 << bits < n)
		bits++;
	f->n = n;
	f->left = bits / 2;
	f->right = bits - f->left;
	for (i = 0; i < ORDER_ROUNDS; i++)
		f->key[i] = splitmix64(&key);
	f->rot_in = splitmix64(&key) % n;
	f->rot_out = splitmix64(&key) % n;
}

/* Round r changes one half by a function of the other; it is its own inverse. */
static void feistel_round(const struct order_feistel *f, int r, uint64_t *l, uint64_t *h)
{
	if (r % 2 == 0)
		*l ^= mix64(*h ^ f->key[r]) & (((uint64_t)1 << f->left) - 1);
	else
		*h ^= mix64(*l ^ f->key[r]) & (((uint64_t)1 << f->right) - 1);
}

/* a + b mod n without overflow; a, b < n */
static uint64_t add_mod(uint64_t a, uint64_t b, uint64_t n)
{
	return a >= n - b ? a - (n - b) : a + b;
}

uint64_t order_feistel_at(const struct order_feistel *f, uint64_t i)
{
	uint64_t x = add_mod(i, f->rot_in, f->n);

	do {
		uint64_t l = x >> f->right, h = x & (((uint64_t)1 << f->right) - 1);
		int r;

		for (r = 0; r < ORDER_ROUNDS; r++)
			feistel_round(f, r, &l, &h);
		x = l << f->right | h;
	} while (x >= f->n);
	return add_mod(x, f->rot_out, f->n);
}

uint64_t order_feistel_find(const struct order_feistel *f, uint64_t value)
{
	uint64_t x = add_mod(value, f->n - f->rot_out, f->n);

	do {
		uint64_t l = x >> f->right, h = x & (((uint64_t)1 << f->right) - 1);
		int r;

		for (r = ORDER_ROUNDS; r-- > 0;)
			feistel_round(f, r, &l, &h);
		x = l << f->right | h;
	} while (x >= f->n);
	return add_mod(x, f->n - f->rot_in, f->n);
}

/* -- making -------------------------------------------------------------------------------- */

void order_shuffle_numpy(uint32_t *a, uint64_t n, uint64_t seed)
{
	struct pcg64 g;

	pcg64_seed(&g, seed);
	pcg64_shuffle_u32(&g, a, n);
}

int order_possible(const struct order_spec *s)
{
	if (s->world == 0) {
		err_set("a world size of 0");
		return -1;
	}
	if (s->algo == ORDER_NUMPY && s->n_inst > ORDER_NUMPY_MAX) {
		err_set("%" PRIu64 " instances: the numpy order takes at most %u; feistel has no "
			"such limit",
		    s->n_inst, ORDER_NUMPY_MAX);
		return -1;
	}
	if (s->n_inst > (uint64_t)1 << 62 || order_total(s) > (uint64_t)1 << 62) {
		err_set("%" PRIu64 " instances in multiples of %" PRIu64 ": at most 2^62 fit",
		    s->n_inst, s->world);
		return -1;
	}
	if (s->n_inst == 0 && !s->drop_last) {
		err_set("no instances: nothing to repeat");
		return -1;
	}
	if (s->seed > UINT64_MAX - s->epoch) {
		err_set("seed %" PRIu64 " + epoch %" PRIu64 " is more than 2^64 - 1", s->seed,
		    s->epoch);
		return -1;
	}
	return 0;
}

/* Numbers as a file has them: nothing to do on most machines. */
static void to_le(uint32_t *a, uint64_t n)
{
	static const uint32_t one = 1;
	uint64_t i;

	if (le_get32((const unsigned char *)&one) == 1)
		return;
	for (i = 0; i < n; i++) {
		unsigned char b[4];

		le_put32(b, a[i]);
		memcpy(&a[i], b, 4);
	}
}

static void *numpy_indices(const struct order_spec *s)
{
	uint32_t *a = xreallocarray(NULL, s->n_inst ? s->n_inst : 1, sizeof(*a));
	uint64_t i;

	os_huge_pages(a, s->n_inst * sizeof(*a));
	for (i = 0; i < s->n_inst; i++)
		a[i] = (uint32_t)i;
	order_shuffle_numpy(a, s->n_inst, s->seed + s->epoch);
	to_le(a, s->n_inst);
	return a;
}

struct order *order_new(const struct order_spec *s)
{
	struct order *o;

	if (order_possible(s) < 0)
		return NULL;
	o = xcalloc(1, sizeof(*o));
	o->spec = *s;
	o->total = order_total(s);
	o->width = s->n_inst > ORDER_NUMPY_MAX ? 8 : 4;
	if (s->algo == ORDER_NUMPY) {
		o->own = numpy_indices(s);
		o->idx = o->own;
		o->n_stored = s->n_inst;
	} else if (s->algo == ORDER_FEISTEL && s->n_inst > 0) {
		order_feistel_init(&o->feistel, s->n_inst, s->seed + s->epoch);
	}
	return o;
}

static uint64_t entry(const struct order *o, uint64_t k)
{
	const unsigned char *p = (const unsigned char *)o->idx + k * o->width;

	return o->width == 4 ? le_get32(p) : le_get64(p);
}

uint64_t order_at(const struct order *o, uint64_t k)
{
	if (o->idx != NULL)
		return entry(o, k < o->n_stored ? k : k % o->n_stored);
	if (k >= o->spec.n_inst)
		k %= o->spec.n_inst;
	return o->spec.algo == ORDER_FEISTEL ? order_feistel_at(&o->feistel, k) : k;
}

uint64_t order_rank_at(const struct order *o, uint64_t rank, uint64_t k)
{
	return order_at(o, k * o->spec.world + rank);
}

uint64_t order_find(const struct order *o, uint64_t instance)
{
	uint64_t k = 0, n;

	if (instance >= o->spec.n_inst)
		return UINT64_MAX;
	if (o->idx == NULL) {
		k = o->spec.algo == ORDER_FEISTEL ? order_feistel_find(&o->feistel, instance)
						  : instance;
		return k < o->total ? k : UINT64_MAX;
	}
	n = o->total < o->n_stored ? o->total : o->n_stored;
	while (k < n && entry(o, k) != instance)
		k++;
	return k < n ? k : UINT64_MAX;
}

int order_check(const struct order *o, const struct tokfile_list *l)
{
	const struct order_spec *s = &o->spec;
	struct h128 h;

	if (s->n_inst > l->n_inst || (s->algo != ORDER_FILE && s->n_inst != l->n_inst)) {
		err_set("the order is of %" PRIu64 " instances, the token files have %" PRIu64,
		    s->n_inst, l->n_inst);
		return -1;
	}
	if (s->seq_len != 0 && s->seq_len != l->seq_len) {
		err_set("the order is of instances of %" PRIu64 " ids, here they have %" PRIu64,
		    s->seq_len, l->seq_len);
		return -1;
	}
	if (s->list.lo == 0 && s->list.hi == 0)
		return 0;
	h = tokfile_list_hash(l);
	if (!h128_eq(h, s->list)) {
		err_set("the order was made for other token files (or in another sequence)");
		return -1;
	}
	return 0;
}

void order_free(struct order *o)
{
	if (o == NULL)
		return;
	free(o->own);
	map_close(&o->map);
	free(o);
}

/* -- files --------------------------------------------------------------------------------- */

static void header(unsigned char h[FRAME_HEAD], const struct order *o)
{
	const struct order_spec *s = &o->spec;

	frame_head(&kind, h);
	le_put32(h + H_WIDTH, o->width);
	le_put32(h + H_FLAGS, s->drop_last ? F_DROP_LAST : 0);
	le_put64(h + H_COUNT, o->total);
	le_put64(h + H_INST, s->n_inst);
	le_put64(h + H_SEQ, s->seq_len);
	le_put64(h + H_SEED, s->seed);
	le_put64(h + H_EPOCH, s->epoch);
	le_put64(h + H_WORLD, s->world);
	frame_put_hash(h + H_LIST, s->list);
	memcpy(h + H_ALGO, algo_name[s->algo], strlen(algo_name[s->algo]));
	frame_head_seal(h);
}

static int write_block(struct out *f, struct hasher *h, const void *p, size_t n)
{
	if (h != NULL)
		hasher_add(h, p, n);
	return out_write(f, p, n);
}

/* Entries [0, n) that lie in memory. */
static int write_stored(const struct order *o, uint64_t n, struct out *f, struct hasher *h)
{
	const unsigned char *p = o->idx;
	uint64_t left = n * o->width;

	while (left > 0) {
		size_t part = left < WRITE_MAX ? (size_t)left : WRITE_MAX;

		if (write_block(f, h, p, part) < 0)
			return -1;
		p += part;
		left -= part;
	}
	return 0;
}

/* All entries to f in blocks; h may be NULL. */
static int write_entries(const struct order *o, struct out *f, struct hasher *h)
{
	unsigned char block[8192];
	size_t n = 0;
	uint64_t k = o->idx == NULL ? 0 : o->total < o->n_stored ? o->total : o->n_stored;

	if (write_stored(o, k, f, h) < 0)
		return -1;
	for (; k < o->total; k++) {
		if (o->width == 4)
			le_put32(block + n, (uint32_t)order_at(o, k));
		else
			le_put64(block + n, order_at(o, k));
		n += o->width;
		if (n == sizeof(block) || k + 1 == o->total) {
			if (write_block(f, h, block, n) < 0)
				return -1;
			n = 0;
		}
	}
	return 0;
}

static int write_framed(const struct order *o, struct out *f)
{
	unsigned char h[FRAME_HEAD], t[FRAME_TAIL];
	struct hasher sum;
	int rc;

	header(h, o);
	if (out_write(f, h, sizeof(h)) < 0)
		return -1;
	hasher_init(&sum);
	rc = write_entries(o, f, &sum);
	frame_tail(&kind, t, o->total, hasher_128(&sum));
	hasher_release(&sum);
	return rc < 0 ? -1 : out_write(f, t, sizeof(t));
}

static int write_to(const struct order *o, const char *path, int raw, struct filehash *hash)
{
	struct out *f = out_open(path, OUT_BINARY | OUT_HASH);

	if (f == NULL)
		return -1;
	if ((raw ? write_entries(o, f, NULL) : write_framed(o, f)) < 0) {
		out_abort(f);
		return -1;
	}
	return out_commit(f, hash);
}

int order_write(const struct order *o, const char *path, struct filehash *hash)
{
	return write_to(o, path, 0, hash);
}

int order_write_raw(const struct order *o, const char *path, struct filehash *hash)
{
	if (o->width != 4) {
		err_set("%" PRIu64 " instances do not fit the 32-bit entries of a raw order",
		    o->spec.n_inst);
		return -1;
	}
	return write_to(o, path, 1, hash);
}

static int parse_algo(const char *path, const unsigned char *p, enum order_algo *algo)
{
	size_t i, n;

	for (i = 0; i < sizeof(algo_name) / sizeof(algo_name[0]); i++) {
		unsigned char want[ALGO_LEN] = {0};

		n = strlen(algo_name[i]);
		memcpy(want, algo_name[i], n);
		if (memcmp(p + H_ALGO, want, ALGO_LEN) == 0) {
			*algo = (enum order_algo)i;
			return 0;
		}
	}
	for (n = 0; n < ALGO_LEN && p[H_ALGO + n] >= 0x20 && p[H_ALGO + n] < 0x7f; n++)
		;
	err_set("%s@%d: unknown order '%.*s'", path, H_ALGO, (int)n, (const char *)p + H_ALGO);
	return -1;
}

/* Header fields against each other. */
static int check_header(const char *path, struct order *o, uint64_t count)
{
	struct order_spec *s = &o->spec;

	if (o->width != 4 && o->width != 8) {
		err_set("%s@%d: %" PRIu32 " bytes an entry, should be 4 or 8", path, H_WIDTH,
		    o->width);
		return -1;
	}
	if (s->world == 0 || s->world > (uint64_t)1 << 62) {
		err_set("%s@%d: world size %" PRIu64 " is out of range", path, H_WORLD, s->world);
		return -1;
	}
	if (s->n_inst > (uint64_t)1 << 62) {
		err_set(
		    "%s@%d: %" PRIu64 " instances are more than 2^62", path, H_INST, s->n_inst);
		return -1;
	}
	if (s->algo != ORDER_FILE && count != order_total(s)) {
		err_set("%s@%d: %" PRIu64 " entries, should be %" PRIu64 ": %" PRIu64
			" instances %s to a multiple of %" PRIu64,
		    path, H_COUNT, count, order_total(s), s->n_inst,
		    s->drop_last ? "cut" : "lengthened", s->world);
		return -1;
	}
	return 0;
}

static int parse_header(const char *path, struct order *o, unsigned *minor, uint64_t *count)
{
	const unsigned char *p = o->map.p;
	struct order_spec *s = &o->spec;
	uint32_t flags;

	if (frame_head_check(&kind, path, p, o->map.len, minor) < 0 ||
	    parse_algo(path, p, &s->algo) < 0)
		return -1;
	o->width = le_get32(p + H_WIDTH);
	flags = le_get32(p + H_FLAGS);
	s->drop_last = flags & F_DROP_LAST;
	*count = le_get64(p + H_COUNT);
	s->n_inst = le_get64(p + H_INST);
	s->seq_len = le_get64(p + H_SEQ);
	s->seed = le_get64(p + H_SEED);
	s->epoch = le_get64(p + H_EPOCH);
	s->world = le_get64(p + H_WORLD);
	s->list = frame_get_hash(p + H_LIST);
	if (flags & ~(uint32_t)F_DROP_LAST && *minor <= ORDER_MINOR) {
		err_set("%s@%d: unknown flags %#" PRIx32, path, H_FLAGS, flags);
		return -1;
	}
	if (check_header(path, o, *count) < 0)
		return -1;
	return frame_zero(&kind, path, p, H_ZERO, H_ZERO_END, *minor);
}

/* Every entry must name an instance. */
static int check_entries(const char *path, const struct order *o, size_t off)
{
	uint64_t k;

	for (k = 0; k < o->n_stored; k++)
		if (entry(o, k) >= o->spec.n_inst) {
			err_set("%s@%" PRIu64 ": entry %" PRIu64 " is %" PRIu64
				", there are %" PRIu64 " instances",
			    path, off + k * o->width, k, entry(o, k), o->spec.n_inst);
			return -1;
		}
	return 0;
}

static int parse(const char *path, struct order *o)
{
	struct h128 want, got;
	uint64_t count;
	unsigned minor;

	if (parse_header(path, o, &minor, &count) < 0 ||
	    frame_tail_check(
		&kind, path, o->map.p, o->map.len, count, o->width, minor, &count, &want) < 0)
		return -1;
	o->total = count;
	o->n_stored = count;
	o->idx = o->map.p + FRAME_HEAD;
	got = hash128(o->idx, count * o->width);
	if (!h128_eq(got, want)) {
		char a[33], b[33];

		h128_hex(got, a);
		h128_hex(want, b);
		err_set("%s@%d: the entries hash to %s, the trailer says %s: the file is damaged",
		    path, FRAME_HEAD, a, b);
		return -1;
	}
	return check_entries(path, o, FRAME_HEAD);
}

static int parse_raw(const char *path, struct order *o, uint64_t n_inst)
{
	uint64_t k;

	if (o->map.len == 0) {
		err_set("%s@0: empty file, no entries in it", path);
		return -1;
	}
	if (o->map.len % 4 != 0) {
		err_set("%s@%zu: truncated: %zu bytes are no multiple of 4, the bytes of an entry",
		    path, o->map.len, o->map.len);
		return -1;
	}
	o->width = 4;
	o->idx = o->map.p;
	o->total = o->n_stored = o->map.len / 4;
	o->spec.algo = ORDER_FILE;
	o->spec.world = 1;
	o->spec.n_inst = n_inst;
	if (n_inst == 0)
		for (k = 0; k < o->total; k++)
			if (entry(o, k) >= o->spec.n_inst)
				o->spec.n_inst = entry(o, k) + 1;
	return check_entries(path, o, 0);
}

enum form { FRAMED, RAW, BY_NAME };

static int is_npy(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".npy") == 0;
}

static struct order *open_as(enum form form, const char *path, uint64_t n_inst)
{
	struct order *o = xcalloc(1, sizeof(*o));
	int rc = map_open(&o->map, path);

	if (form == BY_NAME)
		form = is_npy(path) && !frame_is(&kind, o->map.p, o->map.len) ? RAW : FRAMED;
	if (rc == 0)
		rc = form == RAW ? parse_raw(path, o, n_inst) : parse(path, o);
	if (rc < 0) {
		order_free(o);
		return NULL;
	}
	return o;
}

int order_is(const char *path)
{
	unsigned char p[8];
	FILE *f = fopen(path, "rb");
	int yes;

	if (f == NULL)
		return 0;
	yes = fread(p, 1, sizeof(p), f) == sizeof(p) && frame_is(&kind, p, sizeof(p));
	fclose(f);
	return yes;
}

struct order *order_open(const char *path)
{
	return open_as(FRAMED, path, 0);
}

struct order *order_open_raw(const char *path, uint64_t n_inst)
{
	return open_as(RAW, path, n_inst);
}

struct order *order_open_any(const char *path, uint64_t n_inst)
{
	return open_as(BY_NAME, path, n_inst);
}
