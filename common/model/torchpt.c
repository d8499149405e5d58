#include "model/torchpt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/num.h"

int torchpt_is(const unsigned char *p, size_t len)
{
	return len >= 4 && memcmp(p, "PK\3\4", 4) == 0;
}

static uint64_t le(const unsigned char *p, int width)
{
	uint64_t v = 0;

	for (int i = 0; i < width; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* ---- zip --------------------------------------------------------------------------------- */

struct entry {
	const unsigned char *name;
	size_t name_len;
	uint64_t off, size; /* of the data */
	uint32_t crc;
};

struct zip {
	const unsigned char *p;
	size_t len;
	const char *path;
	struct entry *e;
	size_t n;
};

static int bad_zip(const struct zip *z, uint64_t at, const char *what)
{
	err_set("%s@%" PRIu64 ": %s", z->path, at, what);
	return -1;
}

/* Where the list of files is, and how many there are. */
static int find_list(const struct zip *z, uint64_t *at, uint64_t *n)
{
	size_t tail = z->len < 22 ? 0 : z->len - 22;

	for (size_t i = 0; i <= tail && i < 65536 && z->len >= 22; i++) {
		const unsigned char *e = z->p + tail - i;
		if (memcmp(e, "PK\5\6", 4) != 0)
			continue;
		*n = le(e + 10, 2);
		*at = le(e + 16, 4);
		if ((*n != 0xffff && *at != 0xffffffff) || tail - i < 20 ||
		    memcmp(e - 20, "PK\6\7", 4) != 0)
			return 0;
		uint64_t big = le(e - 12, 8);
		if (big > z->len || z->len - big < 56 || memcmp(z->p + big, "PK\6\6", 4) != 0)
			return bad_zip(z, big, "not the end of a zip64 file");
		*n = le(z->p + big + 32, 8);
		*at = le(z->p + big + 48, 8);
		return 0;
	}
	return bad_zip(z, z->len, "the end of the zip is missing (truncated?)");
}

/* Sizes and place of an entry that do not fit in 32 bits stand in its extra field 1. */
static void read_extra(
    const unsigned char *x, size_t len, uint64_t *stored, uint64_t *size, uint64_t *off)
{
	while (len >= 4) {
		size_t id = (size_t)le(x, 2), n = (size_t)le(x + 2, 2), at = 4;
		if (n > len - 4)
			return;
		uint64_t *want[3] = {size, stored, off};
		for (int i = 0; id == 1 && i < 3; i++)
			if (*want[i] == 0xffffffff && at + 8 <= 4 + n) {
				*want[i] = le(x + at, 8);
				at += 8;
			}
		x += 4 + n;
		len -= 4 + n;
	}
}

/* The entry's local header says where its data begin. */
static int locate(const struct zip *z, struct entry *e)
{
	uint64_t at = e->off;

	if (at > z->len || z->len - at < 30 || memcmp(z->p + at, "PK\3\4", 4) != 0)
		return bad_zip(z, at, "no entry of the zip begins here");
	e->off = at + 30 + le(z->p + at + 26, 2) + le(z->p + at + 28, 2);
	if (e->off > z->len || e->size > z->len - e->off)
		return bad_zip(z, at, "the entry ends after the end of the file (truncated?)");
	return 0;
}

static int read_list(struct zip *z)
{
	uint64_t at, n;

	if (find_list(z, &at, &n) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		if (at > z->len || z->len - at < 46 || memcmp(z->p + at, "PK\1\2", 4) != 0)
			return bad_zip(z, at, "the list of the zip is damaged");
		const unsigned char *c = z->p + at;
		uint64_t stored = le(c + 20, 4), size = le(c + 24, 4), off = le(c + 42, 4);
		size_t name = (size_t)le(c + 28, 2), extra = (size_t)le(c + 30, 2);
		size_t whole = 46 + name + extra + (size_t)le(c + 32, 2);
		if (whole > z->len - at)
			return bad_zip(z, at, "the list of the zip is damaged");
		read_extra(c + 46 + name, extra, &stored, &size, &off);
		if (le(c + 10, 2) != 0 || stored != size || (le(c + 8, 2) & 1) != 0)
			return bad_zip(z, at, "an entry is compressed or encrypted");
		z->e = xreallocarray(z->e, z->n + 1, sizeof(*z->e));
		z->e[z->n] = (struct entry){.name = c + 46,
		    .name_len = name,
		    .off = off,
		    .size = size,
		    .crc = (uint32_t)le(c + 16, 4)};
		if (locate(z, &z->e[z->n++]) < 0)
			return -1;
		at += whole;
	}
	return 0;
}

static int check_crc(const struct zip *z, const struct entry *e)
{
	if (crc32_z(0, z->p + e->off, e->size) == e->crc)
		return 0;
	return bad_zip(z, e->off, "the checksum is wrong: the file is damaged");
}

/* The entry TOP/tail of any top folder, its checksum checked. */
static const struct entry *find(const struct zip *z, const char *tail, size_t len)
{
	for (size_t i = 0; i < z->n; i++) {
		const struct entry *e = &z->e[i];
		const unsigned char *slash = memchr(e->name, '/', e->name_len);
		size_t top = slash != NULL ? (size_t)(slash - e->name) + 1 : 0;
		if (slash != NULL && e->name_len - top == len &&
		    memcmp(e->name + top, tail, len) == 0)
			return e;
	}
	return NULL;
}

/* ---- pickle ------------------------------------------------------------------------------ */

enum kind {
	K_MARK,
	K_NONE,
	K_BOOL,
	K_INT,
	K_TEXT,
	K_GLOBAL,
	K_TUPLE,
	K_DICT,
	K_STORAGE,
	K_TENSOR
};

enum global { G_DICT, G_TENSOR, G_PARAMETER, G_STORAGE };

struct value {
	enum kind kind;
	int64_t i;         /* of INT, BOOL; type of a STORAGE; GLOBAL: what it is */
	const char *s;     /* TEXT */
	size_t first, len; /* TEXT: bytes; TUPLE: items of the machine */
	size_t store;      /* TENSOR: its storage; GLOBAL: type of the storage */
};

struct pair {
	size_t dict, key, value;
};

struct machine {
	const struct zip *z;
	const unsigned char *p;
	size_t len, at;
	uint64_t base; /* of the pickle in the file */
	struct value *v;
	size_t n, cap;
	size_t *stack, depth, stack_cap;
	size_t *item, n_item, item_cap;
	size_t *memo, n_memo, n_put; /* places, those that are taken */
	struct pair *pair;
	size_t n_pair, pair_cap;
	/* of tensors: values of the machine hold their index */
	struct torchpt_tensor *t;
	size_t n_t;
};

static int bad(const struct machine *m, const char *what)
{
	err_set("%s@%" PRIu64 ": pickle: %s", m->z->path, m->base + m->at, what);
	return -1;
}

static void *room(void *p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return p;
	*cap = *cap == 0 ? 64 : 2 * *cap;
	return xreallocarray(p, *cap, size);
}

static void push_index(struct machine *m, size_t i)
{
	m->stack = room(m->stack, m->depth, &m->stack_cap, sizeof(*m->stack));
	m->stack[m->depth++] = i;
}

static void push(struct machine *m, struct value v)
{
	m->v = room(m->v, m->n, &m->cap, sizeof(*m->v));
	m->v[m->n] = v;
	push_index(m, m->n++);
}

/* The i-th from the top of the stack; NULL where there is none, or a mark. */
static const struct value *top(const struct machine *m, size_t i)
{
	const struct value *v = i < m->depth ? &m->v[m->stack[m->depth - 1 - i]] : NULL;

	return v != NULL && v->kind != K_MARK ? v : NULL;
}

static const struct value *item(const struct machine *m, const struct value *t, size_t i)
{
	return &m->v[m->item[t->first + i]];
}

static int need(const struct machine *m, size_t n)
{
	return m->len - m->at < n ? bad(m, "ends in the middle") : 0;
}

static int text(struct machine *m, int width)
{
	if (need(m, (size_t)width) < 0)
		return -1;
	uint64_t n = le(m->p + m->at, width);
	m->at += (size_t)width;
	if (n > m->len - m->at)
		return bad(m, "a string ends after the end");
	if (memchr(m->p + m->at, 0, n) != NULL)
		return bad(m, "a string holds a zero byte");
	push(m, (struct value){.kind = K_TEXT, .s = (const char *)m->p + m->at, .len = n});
	m->at += n;
	return 0;
}

static int whole(struct machine *m, int width)
{
	if (need(m, (size_t)width) < 0)
		return -1;
	uint64_t u = le(m->p + m->at, width);
	m->at += (size_t)width;
	push(m, (struct value){.kind = K_INT, .i = width == 4 ? (int32_t)u : (int64_t)u});
	return 0;
}

static int long1(struct machine *m)
{
	if (need(m, 1) < 0)
		return -1;
	int n = m->p[m->at++];
	if (n > 8 || need(m, (size_t)n) < 0)
		return bad(m, "a number of more than 64 bits");
	uint64_t u = le(m->p + m->at, n), sign = n > 0 ? 1ull << (8 * n - 1) : 0;
	m->at += (size_t)n;
	push(m, (struct value){.kind = K_INT, .i = (int64_t)((u ^ sign) - sign)});
	return 0;
}

static int same(const char *s, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(s, want, len) == 0;
}

static const struct {
	const char *name;
	enum safetensors_type type;
} storages[] = {{"FloatStorage", SAFETENSORS_F32}, {"DoubleStorage", SAFETENSORS_F64},
    {"HalfStorage", SAFETENSORS_F16}, {"BFloat16Storage", SAFETENSORS_BF16},
    {"LongStorage", SAFETENSORS_I64}, {"IntStorage", SAFETENSORS_I32},
    {"ShortStorage", SAFETENSORS_I16}, {"CharStorage", SAFETENSORS_I8},
    {"ByteStorage", SAFETENSORS_U8}, {"BoolStorage", SAFETENSORS_BOOL}};

static int global(struct machine *m, const char *mod, size_t n_mod, const char *s, size_t n)
{
	struct value v = {.kind = K_GLOBAL};

	if (same(mod, n_mod, "collections") && same(s, n, "OrderedDict")) {
		v.i = G_DICT;
		return push(m, v), 0;
	}
	if (same(mod, n_mod, "torch._utils") &&
	    (same(s, n, "_rebuild_tensor_v2") || same(s, n, "_rebuild_parameter"))) {
		v.i = same(s, n, "_rebuild_parameter") ? G_PARAMETER : G_TENSOR;
		return push(m, v), 0;
	}
	for (size_t i = 0; i < sizeof(storages) / sizeof(storages[0]); i++)
		if (same(mod, n_mod, "torch") && same(s, n, storages[i].name)) {
			v.i = G_STORAGE;
			v.store = storages[i].type;
			return push(m, v), 0;
		}
	return err_set("%s@%" PRIu64 ": pickle: asks for %.*s.%.*s, which no file of tensors "
		       "needs: refused",
		   m->z->path, m->base + m->at, n_mod > 100 ? 100 : (int)n_mod, mod,
		   n > 100 ? 100 : (int)n, s),
	       -1;
}

static int global_lines(struct machine *m)
{
	const unsigned char *a = m->p + m->at, *end = m->p + m->len;
	const unsigned char *b = memchr(a, '\n', (size_t)(end - a));
	const unsigned char *c = b != NULL ? memchr(b + 1, '\n', (size_t)(end - b - 1)) : NULL;

	if (c == NULL)
		return bad(m, "a name without an end");
	if (global(m, (const char *)a, (size_t)(b - a), (const char *)b + 1, (size_t)(c - b - 1)) <
	    0)
		return -1;
	m->at = (size_t)(c + 1 - m->p);
	return 0;
}

static int global_stack(struct machine *m)
{
	const struct value *s = top(m, 0), *mod = top(m, 1);

	if (s == NULL || mod == NULL || s->kind != K_TEXT || mod->kind != K_TEXT)
		return bad(m, "a name that is no string");
	m->depth -= 2;
	return global(m, mod->s, mod->len, s->s, s->len);
}

/* The newest n values become a tuple. */
static int tuple(struct machine *m, size_t n)
{
	struct value v = {.kind = K_TUPLE, .first = m->n_item, .len = n};

	for (size_t i = n; i-- > 0;) {
		if (top(m, i) == NULL)
			return bad(m, "a tuple of more than there is");
		m->item = room(m->item, m->n_item, &m->item_cap, sizeof(*m->item));
		m->item[m->n_item++] = m->stack[m->depth - 1 - i];
	}
	m->depth -= n;
	push(m, v);
	return 0;
}

/* How many values lie over the newest mark; SIZE_MAX: there is none. */
static size_t over_mark(const struct machine *m)
{
	for (size_t i = 0; i < m->depth; i++)
		if (m->v[m->stack[m->depth - 1 - i]].kind == K_MARK)
			return i;
	return SIZE_MAX;
}

static int mark_tuple(struct machine *m)
{
	size_t n = over_mark(m);

	if (n == SIZE_MAX)
		return bad(m, "no mark");
	if (tuple(m, n) < 0)
		return -1;
	m->stack[m->depth - 2] = m->stack[m->depth - 1]; /* over the mark */
	m->depth--;
	return 0;
}

/* n / 2 pairs on top of a dictionary, and a mark between when marked */
static int set_items(struct machine *m, size_t n, int marked)
{
	size_t under = n + (marked ? 1 : 0);

	if (n == SIZE_MAX || n % 2 != 0 || under >= m->depth ||
	    m->v[m->stack[m->depth - 1 - under]].kind != K_DICT)
		return bad(m, "items without a dictionary");
	for (size_t i = n; i > 0; i -= 2) {
		m->pair = room(m->pair, m->n_pair, &m->pair_cap, sizeof(*m->pair));
		m->pair[m->n_pair++] = (struct pair){m->stack[m->depth - 1 - under],
		    m->stack[m->depth - i], m->stack[m->depth - i + 1]};
	}
	m->depth -= under;
	return 0;
}

static int put_memo(struct machine *m, uint64_t i)
{
	if (m->depth == 0 || i > m->len)
		return bad(m, "a place that cannot be");
	if (i >= m->n_memo) {
		size_t n = (size_t)i + 64;
		m->memo = xreallocarray(m->memo, n, sizeof(*m->memo));
		for (size_t k = m->n_memo; k < n; k++)
			m->memo[k] = SIZE_MAX;
		m->n_memo = n;
	}
	m->n_put += m->memo[i] == SIZE_MAX;
	m->memo[i] = m->stack[m->depth - 1];
	return 0;
}

static int get_memo(struct machine *m, uint64_t i)
{
	if (i >= m->n_memo || m->memo[i] == SIZE_MAX)
		return bad(m, "takes what was not put");
	push_index(m, m->memo[i]);
	return 0;
}

static int memo_op(struct machine *m, int width, int (*fn)(struct machine *, uint64_t))
{
	if (need(m, (size_t)width) < 0)
		return -1;
	uint64_t i = le(m->p + m->at, width);
	m->at += (size_t)width;
	return fn(m, i);
}

/* ('storage', torch.FloatStorage, 'KEY', 'cpu', n) */
static int persistent(struct machine *m)
{
	const struct value *t = top(m, 0);
	char key[64];

	if (t == NULL || t->kind != K_TUPLE || t->len != 5)
		return bad(m, "a storage that is none");
	const struct value *what = item(m, t, 0), *g = item(m, t, 1), *k = item(m, t, 2);
	const struct value *n = item(m, t, 4);
	if (what->kind != K_TEXT || !same(what->s, what->len, "storage") || g->kind != K_GLOBAL ||
	    g->i != G_STORAGE || k->kind != K_TEXT || k->len > 40 || n->kind != K_INT || n->i < 0)
		return bad(m, "a storage that is none");
	memcpy(key, "data/", 5);
	memcpy(key + 5, k->s, k->len);
	const struct entry *e = find(m->z, key, k->len + 5);
	size_t bytes, width = safetensors_width((enum safetensors_type)g->store);
	if (e == NULL)
		return bad(m, "a storage that the zip does not hold");
	if (num_mul((size_t)n->i, width, &bytes) < 0 || e->size != bytes)
		return bad(m, "a storage of another size than the zip's");
	struct value v = {.kind = K_STORAGE,
	    .i = (int64_t)g->store,
	    .first = (size_t)(e - m->z->e),
	    .len = (size_t)n->i};
	m->depth--;
	push(m, v);
	return 0;
}

/* Row-major without gaps, and inside the storage? */
static int lies_well(const struct machine *m, struct torchpt_tensor *t, const struct value *size,
    const struct value *stride, size_t off, size_t room_n)
{
	size_t n = 1;

	t->dims = (int)size->len;
	for (size_t i = size->len; i-- > 0;) {
		const struct value *a = item(m, size, i), *b = item(m, stride, i);
		if (a->kind != K_INT || b->kind != K_INT || a->i < 0)
			return bad(m, "a shape that is none");
		if (a->i != 1 && (uint64_t)b->i != n)
			return bad(m, "a tensor that is not contiguous");
		t->shape[i] = (size_t)a->i;
		if (num_mul(n, t->shape[i], &n) < 0)
			return bad(m, "a shape that is out of range");
	}
	t->n = n;
	if (off > room_n || n > room_n - off)
		return bad(m, "a tensor that is larger than its storage");
	return 0;
}

/* (storage, offset, size, stride, requires_grad, hooks[, metadata]) */
static int rebuild_tensor(struct machine *m, const struct value *a)
{
	struct torchpt_tensor t = {0};

	if (a->len != 6 && a->len != 7)
		return bad(m, "a tensor with other arguments");
	const struct value *s = item(m, a, 0), *off = item(m, a, 1), *size = item(m, a, 2);
	const struct value *stride = item(m, a, 3);
	if (s->kind != K_STORAGE || off->kind != K_INT || off->i < 0 || size->kind != K_TUPLE ||
	    stride->kind != K_TUPLE || size->len != stride->len || size->len > SAFETENSORS_DIMS)
		return bad(m, "a tensor with other arguments");
	if (lies_well(m, &t, size, stride, (size_t)off->i, s->len) < 0)
		return -1;
	t.type = (enum safetensors_type)s->i;
	t.offset = m->z->e[s->first].off + (uint64_t)off->i * safetensors_width(t.type);
	m->t = xreallocarray(m->t, m->n_t + 1, sizeof(*m->t));
	m->t[m->n_t] = t;
	m->depth -= 2;
	push(m, (struct value){.kind = K_TENSOR, .first = m->n_t++, .store = s->first});
	return 0;
}

static int reduce(struct machine *m)
{
	const struct value *a = top(m, 0), *g = top(m, 1);

	if (a == NULL || g == NULL || g->kind != K_GLOBAL || a->kind != K_TUPLE)
		return bad(m, "a call of what is no name");
	if (g->i == G_TENSOR)
		return rebuild_tensor(m, a);
	if (g->i == G_PARAMETER && a->len >= 1 && item(m, a, 0)->kind == K_TENSOR) {
		size_t t = m->item[a->first];
		m->depth -= 2;
		return push_index(m, t), 0;
	}
	if (g->i != G_DICT || a->len != 0)
		return bad(m, "a call with other arguments");
	m->depth -= 2;
	push(m, (struct value){.kind = K_DICT});
	return 0;
}

/* Attributes of a dictionary (_metadata of a state_dict) are not tensors: forgotten. */
static int build(struct machine *m)
{
	const struct value *state = top(m, 0), *v = top(m, 1);

	if (state == NULL || v == NULL || state->kind != K_DICT || v->kind != K_DICT)
		return bad(m, "sets attributes of what is no dictionary");
	m->depth--;
	return 0;
}

static int skip(struct machine *m, size_t n)
{
	if (need(m, n) < 0)
		return -1;
	m->at += n;
	return 0;
}

static int protocol(struct machine *m)
{
	if (need(m, 1) < 0)
		return -1;
	return m->p[m->at++] > 5 ? bad(m, "a protocol that is unknown") : 0;
}

static int step(struct machine *m, int op)
{
	switch (op) {
	case 0x80:
		return protocol(m);
	case 0x95: /* FRAME */
		return skip(m, 8);
	case '(':
		return push(m, (struct value){.kind = K_MARK}), 0;
	case 'N':
		return push(m, (struct value){.kind = K_NONE}), 0;
	case 0x88:
	case 0x89:
		return push(m, (struct value){.kind = K_BOOL, .i = op == 0x88}), 0;
	case 'K':
		return whole(m, 1);
	case 'M':
		return whole(m, 2);
	case 'J':
		return whole(m, 4);
	case 0x8a:
		return long1(m);
	case 'X':
		return text(m, 4);
	case 0x8c:
		return text(m, 1);
	case 'c':
		return global_lines(m);
	case 0x93:
		return global_stack(m);
	case ')':
		return tuple(m, 0);
	case 0x85:
	case 0x86:
	case 0x87:
		return tuple(m, (size_t)(op - 0x84));
	case 't':
		return mark_tuple(m);
	case '}':
		return push(m, (struct value){.kind = K_DICT}), 0;
	case 's':
		return set_items(m, 2, 0);
	case 'u':
		return set_items(m, over_mark(m), 1);
	case 'q':
		return memo_op(m, 1, put_memo);
	case 'r':
		return memo_op(m, 4, put_memo);
	case 0x94:
		return put_memo(m, m->n_put);
	case 'h':
		return memo_op(m, 1, get_memo);
	case 'j':
		return memo_op(m, 4, get_memo);
	case 'Q':
		return persistent(m);
	case 'R':
		return reduce(m);
	case 'b':
		return build(m);
	}
	m->at--;
	return err_set("%s@%" PRIu64 ": pickle: operation 0x%02x, which no file of tensors "
		       "needs: refused",
		   m->z->path, m->base + m->at, (unsigned)op),
	       -1;
}

/* Leaves the dictionary that the pickle is. */
static int run(struct machine *m, size_t *dict)
{
	while (need(m, 1) == 0) {
		int op = m->p[m->at++];
		if (op != '.') {
			if (step(m, op) < 0)
				return -1;
			continue;
		}
		if (m->depth != 1 || top(m, 0) == NULL || top(m, 0)->kind != K_DICT)
			return bad(m, "the file is no dictionary of tensors");
		*dict = m->stack[0];
		return 0;
	}
	return -1;
}

/* ---- the whole --------------------------------------------------------------------------- */

static int collect(struct torchpt *f, struct machine *m, size_t dict)
{
	char *checked = xcalloc(m->z->n + 1, 1); /* storages: tensors may share one */
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->n_pair; i++) {
		const struct value *k = &m->v[m->pair[i].key], *v = &m->v[m->pair[i].value];
		if (m->pair[i].dict != dict)
			continue;
		if (k->kind != K_TEXT || v->kind != K_TENSOR) {
			int text = k->kind == K_TEXT, len = (int)(k->len < 200 ? k->len : 200);
			err_set("%s: '%.*s' in it is no tensor", m->z->path, text ? len : 1,
			    text ? k->s : "?");
			rc = -1;
			break;
		}
		if (!checked[v->store] && check_crc(m->z, &m->z->e[v->store]) < 0) {
			rc = -1;
			break;
		}
		checked[v->store] = 1;
		f->t = xreallocarray(f->t, f->n + 1, sizeof(*f->t));
		f->t[f->n] = m->t[v->first];
		f->t[f->n++].name = xstrndup(k->s, k->len);
	}
	free(checked);
	return rc;
}

static int read_pickle(struct torchpt *f, const struct zip *z)
{
	const struct entry *e = find(z, "data.pkl", 8), *order = find(z, "byteorder", 9);
	struct machine m = {.z = z};
	size_t dict;

	if (e == NULL)
		return bad_zip(z, 0, "a zip without data.pkl: not what torch.save writes");
	if (order != NULL && !same((const char *)z->p + order->off, order->size, "little"))
		return bad_zip(z, order->off, "the byte order is not little");
	if (check_crc(z, e) < 0)
		return -1;
	m.p = z->p + e->off;
	m.len = e->size;
	m.base = e->off;
	int rc = run(&m, &dict);
	if (rc == 0)
		rc = collect(f, &m, dict);
	free(m.v);
	free(m.stack);
	free(m.item);
	free(m.memo);
	free(m.pair);
	free(m.t);
	return rc;
}

int torchpt_read(struct torchpt *f, const unsigned char *p, size_t len, const char *path)
{
	struct zip z = {.p = p, .len = len, .path = path};
	int rc;

	memset(f, 0, sizeof(*f));
	rc = read_list(&z);
	if (rc == 0)
		rc = read_pickle(f, &z);
	free(z.e);
	if (rc < 0)
		torchpt_release(f);
	return rc;
}

void torchpt_release(struct torchpt *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->t[i].name);
	free(f->t);
	memset(f, 0, sizeof(*f));
}
