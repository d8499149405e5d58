#include "model/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/conf.h"
#include "io/map.h"
#include "io/out.h"
#include "model/torchpt.h"

#define HEADER_MAX 100000000u /* the reference reader's limit */

static const struct {
	const char *name;
	size_t width;
} types[] = {
    [SAFETENSORS_F64] = {"F64", 8},
    [SAFETENSORS_F32] = {"F32", 4},
    [SAFETENSORS_F16] = {"F16", 2},
    [SAFETENSORS_BF16] = {"BF16", 2},
    [SAFETENSORS_I64] = {"I64", 8},
    [SAFETENSORS_I32] = {"I32", 4},
    [SAFETENSORS_I16] = {"I16", 2},
    [SAFETENSORS_I8] = {"I8", 1},
    [SAFETENSORS_U64] = {"U64", 8},
    [SAFETENSORS_U32] = {"U32", 4},
    [SAFETENSORS_U16] = {"U16", 2},
    [SAFETENSORS_U8] = {"U8", 1},
    [SAFETENSORS_BOOL] = {"BOOL", 1},
};

#define N_TYPES ((int)(sizeof(types) / sizeof(types[0])))

size_t safetensors_width(enum safetensors_type t)
{
	return types[t].width;
}

const char *safetensors_type_name(enum safetensors_type t)
{
	return types[t].name;
}

static uint64_t load_le(const unsigned char *p, size_t width)
{
	uint64_t v = 0;

	for (size_t i = 0; i < width; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* ---- reading ---------------------------------------------------------------------------- */

struct shard {
	char *path;
	struct map map;
	json_t *header;    /* owns the names, but those of .. */
	struct torchpt pt; /* .. a torch file */
	char **own;        /* .. and decoded ones */
	size_t n_own;
};

struct safetensors {
	struct shard *shard;
	size_t n_shard;
	struct safetensor *t; /* sorted by name */
	size_t n;
};

static int bad(const struct shard *sh, uint64_t off, const char *name, const char *what)
{
	err_set("%s@%" PRIu64 ": tensor '%s': %s", sh->path, off, name, what);
	return -1;
}

static int parse_shape(struct safetensor *t, const json_t *shape)
{
	if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_DIMS)
		return -1;
	t->dims = (int)json_array_size(shape);
	t->n = 1;
	for (int i = 0; i < t->dims; i++) {
		const json_t *v = json_array_get(shape, (size_t)i);
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return -1;
		t->shape[i] = (size_t)json_integer_value(v);
		if (num_mul(t->n, t->shape[i], &t->n) < 0)
			return -1;
	}
	return 0;
}

static int parse_type(struct safetensor *t, const json_t *v)
{
	const char *s = json_string_value(v);

	for (int i = 0; s != NULL && i < N_TYPES; i++)
		if (strcmp(s, types[i].name) == 0)
			return t->type = (enum safetensors_type)i, 0;
	return -1;
}

/* One entry of the header; base is where the data begin. */
static int parse_tensor(
    struct safetensor *t, const struct shard *sh, const char *name, const json_t *v, uint64_t base)
{
	uint64_t room = sh->map.len - base;
	const json_t *off = json_object_get(v, "data_offsets");
	size_t want;

	memset(t, 0, sizeof(*t));
	t->name = name;
	t->file = sh->path;
	if (parse_type(t, json_object_get(v, "dtype")) < 0)
		return bad(sh, 8, name, "its dtype is missing or unknown");
	if (parse_shape(t, json_object_get(v, "shape")) < 0 ||
	    num_mul(t->n, types[t->type].width, &want) < 0)
		return bad(sh, 8, name, "its shape is missing or out of range");
	if (json_array_size(off) != 2 || !json_is_integer(json_array_get(off, 0)) ||
	    !json_is_integer(json_array_get(off, 1)))
		return bad(sh, 8, name, "its data_offsets are not two whole numbers");
	json_int_t a = json_integer_value(json_array_get(off, 0));
	json_int_t b = json_integer_value(json_array_get(off, 1));
	if (a < 0 || b < a)
		return bad(sh, 8, name, "its data_offsets run backwards");
	if ((uint64_t)b > room)
		return bad(sh, base + (uint64_t)a, name,
		    "it ends after the end of the file (truncated?)");
	if ((uint64_t)(b - a) != want)
		return bad(sh, base + (uint64_t)a, name, "its data_offsets do not fit its shape");
	t->bytes = want;
	t->offset = base + (uint64_t)a;
	t->data = sh->map.p + t->offset;
	return 0;
}

static int by_offset(const void *x, const void *y)
{
	const struct safetensor *a = x, *b = y;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static int by_name(const void *x, const void *y)
{
	const struct safetensor *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* The tensors of one file must tile its data. */
static int check_tiling(const struct shard *sh, struct safetensor *t, size_t n, uint64_t base)
{
	uint64_t at = base;

	qsort(t, n, sizeof(*t), by_offset);
	for (size_t i = 0; i < n; i++) {
		if (t[i].offset < at)
			return bad(sh, t[i].offset, t[i].name, "it overlaps another tensor");
		if (t[i].offset > at)
			return bad(sh, at, t[i].name, "bytes before it belong to no tensor");
		at += t[i].bytes;
	}
	if (at != sh->map.len) {
		err_set("%s@%" PRIu64 ": %" PRIu64 " bytes after the last tensor", sh->path, at,
		    sh->map.len - at);
		return -1;
	}
	return 0;
}

static int read_header(struct shard *sh, uint64_t *base)
{
	json_error_t je;

	if (sh->map.len < 8)
		return err_set("%s@0: %zu bytes are no safetensors file", sh->path, sh->map.len),
		       -1;
	uint64_t n = load_le(sh->map.p, 8);
	if (n > HEADER_MAX || n < 2)
		return err_set("%s@0: header length %" PRIu64 " is out of range", sh->path, n), -1;
	if (n > sh->map.len - 8)
		return err_set("%s@8: the header of %" PRIu64 " bytes is truncated", sh->path, n),
		       -1;
	if (sh->map.p[8] != '{')
		return err_set("%s@8: the header does not begin with '{'", sh->path), -1;
	sh->header = json_loadb((const char *)sh->map.p + 8, n, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(sh->header))
		return err_set("%s@%d: header: %s", sh->path,
			   8 + (je.position > 0 ? je.position : 0),
			   sh->header ? "not an object" : je.text),
		       -1;
	*base = 8 + n;
	return 0;
}

/* ---- OLMo's own keys: base64 of a pickled pair (("a", "b"), is it a pickle itself?) -------- */

static size_t from_base64(const char *s, unsigned char *dst)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = 0, bits = 0;
	uint32_t acc = 0;

	for (; *s != 0 && *s != '='; s++) {
		const char *d = strchr(digits, *s);
		if (d == NULL)
			return 0;
		acc = acc << 6 | (uint32_t)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			dst[n++] = (unsigned char)(acc >> bits);
		}
	}
	return n;
}

/* The strings of the tuple joined by dots; p is what follows the frame. */
static int join_key(const unsigned char *p, size_t n, struct buf *key, int *pickled)
{
	size_t at = 0, parts = 0;
	int mark = n > 0 && p[0] == '(';

	at += (size_t)mark;
	while (at + 2 <= n && p[at] == 0x8c && p[at + 1] > 0 && p[at + 1] <= n - at - 2) {
		size_t len = p[at + 1];
		if (memchr(p + at + 2, 0, len) != NULL)
			return -1;
		buf_printf(
		    key, "%s%.*s", parts > 0 ? "." : "", (int)len, (const char *)p + at + 2);
		at += 2 + len;
		at += at < n && p[at] == 0x94;
		parts++;
	}
	if (parts == 0 || at >= n || p[at] != (mark ? 't' : 0x84 + parts))
		return -1;
	at++;
	at += at < n && p[at] == 0x94;
	if (at >= n || (p[at] != 0x88 && p[at] != 0x89))
		return -1;
	*pickled = p[at++] == 0x88;
	if (at >= n || p[at] != 0x86)
		return -1;
	at++;
	at += at < n && p[at] == 0x94;
	return at + 1 == n && p[at] == '.' ? 0 : -1;
}

/* The plain name (caller frees), or NULL when name is not of this form. */
static char *decode_key(const char *name, int *pickled)
{
	size_t len = strlen(name);
	struct buf key = {0};
	char *plain = NULL;

	if (strncmp(name, "gASV", 4) != 0 || len > 4096)
		return NULL;
	unsigned char *p = xmalloc(len + 1);
	size_t n = from_base64(name, p);
	if (n > 11 && load_le(p + 3, 8) == n - 11 && join_key(p + 11, n - 11, &key, pickled) == 0)
		plain = xstrdup(buf_cstr(&key));
	buf_release(&key);
	free(p);
	return plain;
}

/* name is the shard's from now on */
static void rename_tensor(struct shard *sh, struct safetensor *t, char *name)
{
	sh->own = xreallocarray(sh->own, sh->n_own + 1, sizeof(*sh->own));
	sh->own[sh->n_own++] = name;
	t->name = name;
}

/* Tensors under the names of OLMo's own files get plain ones; other values are not tensors. */
static size_t decode_keys(struct shard *sh, struct safetensor *t, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		int pickled = 0;
		char *plain = decode_key(t[i].name, &pickled);
		if (plain != NULL)
			rename_tensor(sh, &t[i], plain);
		if (!pickled)
			t[kept++] = t[i];
	}
	return kept;
}

/* ---- names of older OLMo code: parts that wrappers leave, and blocks in groups ------------- */

static char *unwrapped(const char *name)
{
	static const char wrap[] = "_fsdp_wrapped_module.";
	char *s = xstrdup(name), *p = s;

	while ((p = strstr(p, wrap)) != NULL)
		memmove(p, p + sizeof(wrap) - 1, strlen(p + sizeof(wrap) - 1) + 1);
	return s;
}

/* A whole number of at most six digits and the dot behind it. */
static int index_part(const char **s, size_t *n)
{
	size_t len = strspn(*s, "0123456789");

	if (len == 0 || len > 6 || (*s)[len] != '.')
		return 0;
	*n = (size_t)strtoul(*s, NULL, 10);
	*s += len + 1;
	return 1;
}

/* transformer.block_groups.G.B.REST */
static int in_group(const char *name, size_t *group, size_t *block, const char **rest)
{
	static const char head[] = "transformer.block_groups.";

	*rest = name + sizeof(head) - 1;
	return strncmp(name, head, sizeof(head) - 1) == 0 && index_part(rest, group) &&
	       index_part(rest, block);
}

/* Block B of group G is block G * size + B; the first groups are full, so the size shows. */
static void rename_old(struct shard *sh, struct safetensor *t, size_t n)
{
	size_t group, block, size = 0;
	const char *rest;

	for (size_t i = 0; i < n; i++) {
		if (strstr(t[i].name, "_fsdp_wrapped_module.") != NULL)
			rename_tensor(sh, &t[i], unwrapped(t[i].name));
		if (in_group(t[i].name, &group, &block, &rest) && block >= size)
			size = block + 1;
	}
	for (size_t i = 0; size > 0 && i < n; i++)
		if (in_group(t[i].name, &group, &block, &rest))
			rename_tensor(sh, &t[i],
			    xasprintf("transformer.blocks.%zu.%s", group * size + block, rest));
}

/* ---- files -------------------------------------------------------------------------------- */

static int add_torch(struct safetensors *s, struct shard *sh)
{
	if (torchpt_read(&sh->pt, sh->map.p, sh->map.len, sh->path) < 0)
		return -1;
	s->t = xreallocarray(s->t, s->n + sh->pt.n + 1, sizeof(*s->t));
	for (size_t i = 0; i < sh->pt.n; i++) {
		const struct torchpt_tensor *q = &sh->pt.t[i];
		struct safetensor *t = &s->t[s->n++];
		*t = (struct safetensor){.name = q->name,
		    .type = q->type,
		    .dims = q->dims,
		    .n = q->n,
		    .data = sh->map.p + q->offset,
		    .bytes = q->n * types[q->type].width,
		    .file = sh->path,
		    .offset = q->offset};
		memcpy(t->shape, q->shape, sizeof(t->shape));
	}
	rename_old(sh, s->t + s->n - sh->pt.n, sh->pt.n);
	return 0;
}

/* Adds a file's tensors to s. */
static int add_shard(struct safetensors *s, const char *path)
{
	uint64_t base;
	const char *name;
	json_t *v;

	s->shard = xreallocarray(s->shard, s->n_shard + 1, sizeof(*s->shard));
	struct shard *sh = &s->shard[s->n_shard];
	memset(sh, 0, sizeof(*sh));
	if (map_open(&sh->map, path) < 0)
		return -1;
	sh->path = xstrdup(path);
	s->n_shard++;
	if (torchpt_is(sh->map.p, sh->map.len))
		return add_torch(s, sh);
	if (read_header(sh, &base) < 0)
		return -1;
	size_t first = s->n;
	s->t = xreallocarray(s->t, s->n + json_object_size(sh->header) + 1, sizeof(*s->t));
	json_object_foreach(sh->header, name, v)
	{
		if (strcmp(name, "__metadata__") == 0)
			continue;
		if (parse_tensor(&s->t[s->n], sh, name, v, base) < 0)
			return -1;
		s->n++;
	}
	if (check_tiling(sh, s->t + first, s->n - first, base) < 0)
		return -1;
	s->n = first + decode_keys(sh, s->t + first, s->n - first);
	rename_old(sh, s->t + first, s->n - first);
	return 0;
}

static int sort_names(struct safetensors *s, const char *path)
{
	qsort(s->t, s->n, sizeof(*s->t), by_name);
	for (size_t i = 1; i < s->n; i++)
		if (strcmp(s->t[i - 1].name, s->t[i].name) == 0)
			return err_set("%s: tensor '%s' is there twice", path, s->t[i].name), -1;
	return 0;
}

static int has_shard(const struct safetensors *s, const char *path)
{
	for (size_t i = 0; i < s->n_shard; i++)
		if (strcmp(s->shard[i].path, path) == 0)
			return 1;
	return 0;
}

/* DIR/model.safetensors.index.json: {"weight_map": {NAME: FILE}}. Each must be where it says. */
static int open_index(struct safetensors *s, const char *dir, const char *index)
{
	json_t *j = conf_json(index);
	json_t *map = json_object_get(j, "weight_map"), *v;
	const char *name;
	struct buf b = {0};
	int rc = -1;

	if (j == NULL)
		return -1;
	if (!json_is_object(map) || json_object_size(map) == 0) {
		err_set("%s: no 'weight_map'", index);
		goto out;
	}
	json_object_foreach(map, name, v)
	{
		const char *file = json_string_value(v);
		if (file == NULL || strchr(file, '/') != NULL || file[0] == '.') {
			err_set("%s: '%s': the file must be a name in the same directory", index,
			    name);
			goto out;
		}
		b.len = 0;
		buf_printf(&b, "%s/%s", dir, file);
		if (!has_shard(s, buf_cstr(&b)) && add_shard(s, buf_cstr(&b)) < 0)
			goto out;
	}
	if (sort_names(s, index) < 0)
		goto out;
	json_object_foreach(map, name, v)
	{
		const struct safetensor *t = safetensors_find(s, name);
		const char *base = t != NULL ? strrchr(t->file, '/') + 1 : NULL;
		if (t == NULL || strcmp(base, json_string_value(v)) != 0) {
			err_set("%s: tensor '%s' is not in %s", index, name, json_string_value(v));
			goto out;
		}
	}
	rc = 0;
out:
	json_decref(j);
	buf_release(&b);
	return rc;
}

static int open_dir(struct safetensors *s, const char *dir)
{
	struct buf one = {0}, index = {0}, torch = {0};
	struct stat st;
	int rc;

	buf_printf(&one, "%s/model.safetensors", dir);
	buf_printf(&index, "%s/model.safetensors.index.json", dir);
	buf_printf(&torch, "%s/model.pt", dir);
	if (stat(buf_cstr(&one), &st) == 0)
		rc = add_shard(s, one.p) < 0 ? -1 : sort_names(s, one.p);
	else if (stat(buf_cstr(&index), &st) == 0)
		rc = open_index(s, dir, index.p);
	else if (stat(buf_cstr(&torch), &st) == 0)
		rc = add_shard(s, torch.p) < 0 ? -1 : sort_names(s, torch.p);
	else
		rc = (err_set("%s: neither model.safetensors, model.safetensors.index.json nor "
			      "model.pt",
			  dir),
		    -1);
	buf_release(&torch);
	buf_release(&one);
	buf_release(&index);
	return rc;
}

struct safetensors *safetensors_open(const char *path)
{
	struct safetensors *s = xcalloc(1, sizeof(*s));
	struct stat st;
	int rc;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		rc = open_dir(s, path);
	else
		rc = add_shard(s, path) < 0 ? -1 : sort_names(s, path);
	if (rc < 0) {
		safetensors_close(s);
		return NULL;
	}
	return s;
}

void safetensors_close(struct safetensors *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_shard; i++) {
		json_decref(s->shard[i].header);
		torchpt_release(&s->shard[i].pt);
		for (size_t k = 0; k < s->shard[i].n_own; k++)
			free(s->shard[i].own[k]);
		free(s->shard[i].own);
		map_close(&s->shard[i].map);
		free(s->shard[i].path);
	}
	free(s->shard);
	free(s->t);
	free(s);
}

size_t safetensors_files(const struct safetensors *s)
{
	return s->n_shard;
}

const char *safetensors_file(const struct safetensors *s, size_t i)
{
	return s->shard[i].path;
}

size_t safetensors_count(const struct safetensors *s)
{
	return s->n;
}

const struct safetensor *safetensors_at(const struct safetensors *s, size_t i)
{
	return &s->t[i];
}

const struct safetensor *safetensors_find(const struct safetensors *s, const char *name)
{
	struct safetensor key = {.name = name};

	if (s->n == 0)
		return NULL;
	return bsearch(&key, s->t, s->n, sizeof(*s->t), by_name);
}

const struct safetensor *safetensors_need(
    const struct safetensors *s, const char *name, int dims, const size_t *shape)
{
	const struct safetensor *t = safetensors_find(s, name);
	struct buf b = {0};

	if (t == NULL)
		return err_set("%s: no tensor '%s'", s->n_shard ? s->shard[0].path : "?", name),
		       NULL;
	if (dims == 0 ||
	    (t->dims == dims && memcmp(t->shape, shape, (size_t)dims * sizeof(*shape)) == 0))
		return t;
	buf_str(&b, "it has shape (");
	for (int i = 0; i < t->dims; i++)
		buf_printf(&b, "%s%zu", i ? "," : "", t->shape[i]);
	buf_str(&b, "), the model needs (");
	for (int i = 0; i < dims; i++)
		buf_printf(&b, "%s%zu", i ? "," : "", shape[i]);
	buf_str(&b, ")");
	err_set("%s@%" PRIu64 ": tensor '%s': %s", t->file, t->offset, name, buf_cstr(&b));
	buf_release(&b);
	return NULL;
}

static float from_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

/* IEEE half to single, exact. */
static float from_half(uint32_t h)
{
	uint32_t sign = (h & 0x8000) << 16, exp = h >> 10 & 31, man = h & 1023;

	if (exp == 31)
		return from_bits(sign | 0x7f800000 | man << 13);
	if (exp != 0)
		return from_bits(sign | (exp + 112) << 23 | man << 13);
	float f = (float)man * 0x1p-24f;
	return sign ? -f : f;
}

static float from_f64(const unsigned char *p)
{
	uint64_t u = load_le(p, 8);
	double d;

	memcpy(&d, &u, sizeof(d));
	return (float)d;
}

int safetensors_f32(const struct safetensor *t, size_t first, size_t n, float *dst)
{
	size_t width = types[t->type].width;
	const unsigned char *p = (const unsigned char *)t->data + first * width;

	if (first > t->n || n > t->n - first)
		return err_set("%s: tensor '%s' has %zu elements", t->file, t->name, t->n), -1;
	switch (t->type) {
	case SAFETENSORS_F32:
		for (size_t i = 0; i < n; i++)
			dst[i] = from_bits((uint32_t)load_le(p + 4 * i, 4));
		return 0;
	case SAFETENSORS_BF16:
		for (size_t i = 0; i < n; i++)
			dst[i] = from_bits((uint32_t)load_le(p + 2 * i, 2) << 16);
		return 0;
	case SAFETENSORS_F16:
		for (size_t i = 0; i < n; i++)
			dst[i] = from_half((uint32_t)load_le(p + 2 * i, 2));
		return 0;
	case SAFETENSORS_F64:
		for (size_t i = 0; i < n; i++)
			dst[i] = from_f64(p + 8 * i);
		return 0;
	default:
		return err_set("%s@%" PRIu64 ": tensor '%s' is %s, not a floating-point type",
			   t->file, t->offset, t->name, types[t->type].name),
		       -1;
	}
}

int safetensors_i64(const struct safetensor *t, size_t first, size_t n, int64_t *dst)
{
	size_t width = types[t->type].width;
	const unsigned char *p = (const unsigned char *)t->data + first * width;
	int is_signed = t->type >= SAFETENSORS_I64 && t->type <= SAFETENSORS_I8;

	if (t->type < SAFETENSORS_I64)
		return err_set("%s@%" PRIu64 ": tensor '%s' is %s, not a whole-number type",
			   t->file, t->offset, t->name, types[t->type].name),
		       -1;
	if (first > t->n || n > t->n - first)
		return err_set("%s: tensor '%s' has %zu elements", t->file, t->name, t->n), -1;
	for (size_t i = 0; i < n; i++) {
		uint64_t u = load_le(p + i * width, width);
		uint64_t top = 1ull << (8 * width - 1);
		dst[i] = (int64_t)(is_signed ? (u ^ top) - top : u);
	}
	return 0;
}

/* ---- writing ---------------------------------------------------------------------------- */

struct safetensors_writer {
	struct out *out;
	json_t *header;
	uint64_t total, put; /* bytes declared, bytes written */
	int started;
};

struct safetensors_writer *safetensors_create(const char *path)
{
	struct out *o = out_open(path, OUT_BINARY);

	if (o == NULL)
		return NULL;
	struct safetensors_writer *w = xcalloc(1, sizeof(*w));
	w->out = o;
	w->header = json_object();
	json_object_set_new(w->header, "__metadata__", json_pack("{s:s}", "format", "pt"));
	return w;
}

int safetensors_declare(struct safetensors_writer *w, const char *name, enum safetensors_type t,
    int dims, const size_t *shape)
{
	size_t bytes = types[t].width;
	json_t *sh = json_array();

	if (w->started || json_object_get(w->header, name) != NULL) {
		json_decref(sh);
		return err_set("%s: tensor '%s' is declared twice or too late", out_name(w->out),
			   name),
		       -1;
	}
	for (int i = 0; i < dims; i++) {
		bytes *= shape[i];
		json_array_append_new(sh, json_integer((json_int_t)shape[i]));
	}
	json_object_set_new(w->header, name,
	    json_pack("{s:s,s:o,s:[I,I]}", "dtype", types[t].name, "shape", sh, "data_offsets",
		(json_int_t)w->total, (json_int_t)(w->total + bytes)));
	w->total += bytes;
	return 0;
}

static int start(struct safetensors_writer *w)
{
	struct buf b = {0};
	unsigned char len[8];
	char *s = json_dumps(w->header, JSON_COMPACT);

	w->started = 1;
	buf_str(&b, s);
	free(s);
	while ((8 + b.len) % 64 != 0)
		buf_chr(&b, ' ');
	for (int i = 0; i < 8; i++)
		len[i] = (unsigned char)(b.len >> (8 * i));
	int rc = out_write(w->out, len, 8) < 0 || out_write(w->out, b.p, b.len) < 0 ? -1 : 0;
	buf_release(&b);
	return rc;
}

int safetensors_put(struct safetensors_writer *w, const void *p, size_t bytes)
{
	if (!w->started && start(w) < 0)
		return -1;
	w->put += bytes;
	return out_write(w->out, p, bytes);
}

int safetensors_commit(struct safetensors_writer *w, struct filehash *h)
{
	if (!w->started && start(w) < 0) {
		safetensors_abort(w);
		return -1;
	}
	if (w->put != w->total) {
		err_set("%s: %" PRIu64 " of %" PRIu64 " bytes were given", out_name(w->out),
		    w->put, w->total);
		safetensors_abort(w);
		return -1;
	}
	int rc = out_commit(w->out, h);
	json_decref(w->header);
	free(w);
	return rc;
}

void safetensors_abort(struct safetensors_writer *w)
{
	if (w == NULL)
		return;
	out_abort(w->out);
	json_decref(w->header);
	free(w);
}
