#include "tok/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"
#include "tok/bytelevel.h"
#include "tok/nfc.h"
#include "tok/vocabjson.h"

#define NO_ID STRTAB_NONE

/* --- loading ----------------------------------------------------------------------------------- */

/* Of a string, in the arena of the table of strings. */
struct place {
	size_t at, len;
};

/* What is known while a file is read. */
struct load {
	struct tokenizer *t;
	const char *path;
	enum tokenizer_profile profile;
	struct vocabjson json;
	size_t n_vocab, cap_token;
	struct place *name; /* (cap_token) of the used ids */
	uint32_t *merge;    /* (n_merge, 3) left, right, merged id */
	size_t n_merge;
	struct added_def *added;
	size_t n_added;
	int warned;
};

struct added_def {
	const char *content; /* in the JSON tree */
	uint32_t len, id;
	int single_word, lstrip, rstrip, normalized, special;
	int matched; /* 0: not looked for (profile A) */
};

static int refuse(const struct load *l, const char *what)
{
	err_set("%s: %s is not supported", l->path, what);
	return -1;
}

static int truthy(const json_t *v)
{
	return v && !json_is_null(v) && !json_is_false(v);
}

static const char *type_of(const json_t *v)
{
	const char *s = json_string_value(json_object_get(v, "type"));

	return s ? s : "(without a type)";
}

static int is_type(const json_t *v, const char *type)
{
	return !strcmp(type_of(v), type);
}

static int load_normalizer(struct load *l, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (!v || json_is_null(v))
		return 0;
	if (is_type(v, "NFC")) {
		l->t->nfc = 1;
		return 0;
	}
	if (is_type(v, "Sequence")) {
		json_array_foreach(json_object_get(v, "normalizers"), i,
		    item) if (load_normalizer(l, item) < 0) return -1;
		return 0;
	}
	err_set("%s: normalizer %s is not supported (null or NFC is)", l->path, type_of(v));
	return -1;
}

static int load_byte_level(struct load *l, const json_t *v, int *regex)
{
	const json_t *use = json_object_get(v, "use_regex");

	if (!is_type(v, "ByteLevel")) {
		err_set("%s: pre_tokenizer %s is not supported in this place (ByteLevel is)",
		    l->path, type_of(v));
		return -1;
	}
	if (truthy(json_object_get(v, "add_prefix_space")))
		return refuse(l, "pre_tokenizer ByteLevel with add_prefix_space");
	*regex = !use || truthy(use);
	return 0;
}

/* Behaviours that keep every match as one pretoken; the regexes leave no gaps. */
static int load_split(struct load *l, const json_t *v)
{
	const char *behavior = json_string_value(json_object_get(v, "behavior"));
	const char *regex =
	    json_string_value(json_object_get(json_object_get(v, "pattern"), "Regex"));
	int invert = truthy(json_object_get(v, "invert"));

	if (!behavior ||
	    !(!strcmp(behavior, "Isolated") || (!strcmp(behavior, "Removed") && invert))) {
		err_set("%s: pre_tokenizer Split with behavior %s, invert %s is not supported",
		    l->path, behavior ? behavior : "(none)", invert ? "true" : "false");
		return -1;
	}
	if (!regex)
		return refuse(l, "pre_tokenizer Split without a Regex pattern");
	if (pretok_find(regex, &l->t->pretok.kind) < 0) {
		err_set(
		    "%s: pre_tokenizer Split: this regex is not supported: %s", l->path, regex);
		return -1;
	}
	return 0;
}

static int load_pre_tokenizer(struct load *l, const json_t *v)
{
	const json_t *list;
	int regex;

	if (is_type(v, "Sequence")) {
		list = json_object_get(v, "pretokenizers");
		if (json_array_size(list) != 2 || !is_type(json_array_get(list, 0), "Split"))
			return refuse(
			    l, "pre_tokenizer Sequence other than Split followed by ByteLevel");
		if (load_split(l, json_array_get(list, 0)) < 0 ||
		    load_byte_level(l, json_array_get(list, 1), &regex) < 0)
			return -1;
		if (regex)
			return refuse(l, "pre_tokenizer ByteLevel with use_regex after a Split");
		return 0;
	}
	if (!json_is_object(v))
		return refuse(l, "a tokenizer without pre_tokenizer");
	if (load_byte_level(l, v, &regex) < 0)
		return -1;
	l->t->pretok.kind = regex ? PRETOK_GPT2 : PRETOK_WHOLE;
	return 0;
}

static int load_decoder(struct load *l, const json_t *v)
{
	if (json_is_object(v) && !is_type(v, "ByteLevel")) {
		err_set("%s: decoder %s is not supported (ByteLevel is)", l->path, type_of(v));
		return -1;
	}
	l->t->can_decode = json_is_object(v);
	return 0;
}

/* The bytes of a token string: byte-level characters become bytes; a string with any other
 * character stands for itself. */
static void token_bytes(struct tokenizer *t, struct tokenizer_token *k, const char *s, size_t len)
{
	k->off = (uint32_t)t->bytes.len;
	if (bytelevel_get(&t->bytes, s, len) < 0)
		buf_add(&t->bytes, s, len);
	k->len = (uint32_t)(t->bytes.len - k->off);
	k->used = 1;
}

/* A raw JSON value that is an integer from 0 to TOKENIZER_MAX_ID. */
static int get_id(const struct load *l, struct jspan v, const struct jspan *of, uint32_t *id)
{
	int64_t n;

	if (jspan_i64(v, &n) < 0 || n < 0 || n > TOKENIZER_MAX_ID) {
		err_set("%s: the id of '%.*s' is not an integer from 0 to %u", l->path,
		    (int)of->len, of->p, TOKENIZER_MAX_ID);
		return -1;
	}
	*id = (uint32_t)n;
	return 0;
}

/* Room for ids below n. */
static void grow_tokens(struct load *l, size_t n)
{
	size_t cap = n + n / 2 + 65536;

	if (n <= l->cap_token)
		return;
	l->t->token = xreallocarray(l->t->token, cap, sizeof(*l->t->token));
	l->name = xreallocarray(l->name, cap, sizeof(*l->name));
	memset(l->t->token + l->cap_token, 0, (cap - l->cap_token) * sizeof(*l->t->token));
	l->cap_token = cap;
}

static int put_vocab(struct load *l, const struct jspan *key, uint32_t id)
{
	struct tokenizer *t = l->t;

	grow_tokens(l, (size_t)id + 1);
	if (t->token[id].used) {
		err_set("%s: model.vocab has id %u twice (second at '%.*s')", l->path, id,
		    (int)key->len, key->p);
		return -1;
	}
	l->name[id] = (struct place){t->vocab.arena.len, key->len};
	if (strtab_add(&t->vocab, key->p, key->len, id) < 0) {
		err_set("%s: model.vocab has '%.*s' twice", l->path, (int)key->len, key->p);
		return -1;
	}
	token_bytes(t, &t->token[id], key->p, key->len);
	t->token[id].model = 1;
	if (id >= t->n_id)
		t->n_id = id + 1;
	l->n_vocab++;
	return 0;
}

/* Fill the table of strings and the bytes of each id from model.vocab. */
static int load_vocab(struct load *l)
{
	struct jiter it = jiter_open(l->json.vocab);
	struct jspan raw, value, key;
	struct buf tmp = {0};
	uint32_t id;
	int rc = 0;

	while (!rc && jiter_next(&it, &raw, &value)) {
		key = vocabjson_string(raw, &tmp);
		rc = get_id(l, value, &key, &id);
		if (!rc)
			rc = put_vocab(l, &key, id);
	}
	buf_release(&tmp);
	if (rc)
		return -1;
	if (!l->n_vocab) {
		err_set("%s: model.vocab is empty", l->path);
		return -1;
	}
	grow_tokens(l, (size_t)l->t->n_id + l->n_added); /* for those that are added */
	return 0;
}

/* The two halves of a merge, one after the other in tmp[0], or in place. */
static int merge_parts(struct jspan m, struct buf *tmp, struct jspan *left, struct jspan *right)
{
	struct jspan s, key, value[3];
	struct jiter it;
	const char *sp;
	int n = 0;

	if (jspan_type(m) == JT_STRING) {
		s = vocabjson_string(m, tmp);
		sp = memchr(s.p, ' ', s.len);
		if (!sp || memchr(sp + 1, ' ', (size_t)(s.p + s.len - sp - 1)))
			return -1;
		*left = (struct jspan){s.p, (size_t)(sp - s.p)};
		*right = (struct jspan){sp + 1, (size_t)(s.p + s.len - sp - 1)};
		return 0;
	}
	if (jspan_type(m) != JT_ARRAY)
		return -1;
	for (it = jiter_open(m); n < 3 && jiter_next(&it, &key, &value[n]); n++)
		if (jspan_type(value[n]) != JT_STRING)
			return -1;
	if (n != 2)
		return -1;
	*left = vocabjson_string(value[0], tmp);
	*right = vocabjson_string(value[1], tmp + 1);
	return 0;
}

/* Whether the id has the text of the two. */
static int is_token(
    const struct load *l, uint32_t id, const struct jspan *left, const struct jspan *right)
{
	const struct buf *names = &l->t->vocab.arena;
	const char *s;

	if (id >= l->t->n_id || !l->t->token[id].used || l->name[id].len != left->len + right->len)
		return 0;
	s = names->p + l->name[id].at;
	return !memcmp(s, left->p, left->len) && !memcmp(s + left->len, right->p, right->len);
}

static int load_merge(struct load *l, size_t i, const struct jspan *left,
    const struct jspan *right, struct buf *both)
{
	uint32_t *out = l->merge + 3 * i;

	out[0] = strtab_get(&l->t->vocab, left->p, left->len);
	out[1] = strtab_get(&l->t->vocab, right->p, right->len);
	/* Mostly they are numbered in order. */
	out[2] = i ? out[-1] + 1 : 0;
	if (!is_token(l, out[2], left, right)) {
		both->len = 0;
		buf_add(both, left->p, left->len);
		buf_add(both, right->p, right->len);
		out[2] = strtab_get(&l->t->vocab, both->p, both->len);
	}
	if (out[0] == NO_ID || out[1] == NO_ID || out[2] == NO_ID) {
		err_set("%s: model.merges[%zu]: '%.*s%.*s' or one of its halves is not in "
			"model.vocab",
		    l->path, i, (int)left->len, left->p, (int)right->len, right->p);
		return -1;
	}
	return 0;
}

/* All of them to l->merge. */
static int walk_merges(struct load *l, struct buf *tmp)
{
	struct jiter it = jiter_open(l->json.merges);
	struct jspan key, m, left, right;
	size_t cap = 0;

	for (; jiter_next(&it, &key, &m); l->n_merge++) {
		if (l->n_merge == cap) {
			cap = 2 * cap + 65536;
			l->merge = xreallocarray(l->merge, cap, 3 * sizeof(*l->merge));
		}
		if (merge_parts(m, tmp, &left, &right) < 0) {
			err_set("%s: model.merges[%zu] is neither \"left right\" nor "
				"[\"left\", \"right\"]",
			    l->path, l->n_merge);
			return -1;
		}
		if (load_merge(l, l->n_merge, &left, &right, &tmp[2]) < 0)
			return -1;
	}
	return 0;
}

static int load_merges(struct load *l)
{
	struct buf tmp[3] = {{0}, {0}, {0}};
	size_t i;
	int rc;

	if (!l->json.merges.p) {
		err_set("%s: model.merges is not a list", l->path);
		return -1;
	}
	rc = walk_merges(l, tmp);
	for (i = 0; i < 3; i++)
		buf_release(&tmp[i]);
	if (!rc && l->n_merge > BPE_MAX_RANK) {
		err_set("%s: more than %u merges", l->path, BPE_MAX_RANK);
		rc = -1;
	}
	if (rc)
		return -1;
	bpe_init(&l->t->bpe, l->n_merge);
	for (i = 0; i < l->n_merge; i++) {
		const uint32_t *m = l->merge + 3 * i;

		bpe_merge(&l->t->bpe, m[0], m[1], (uint32_t)i, m[2]);
	}
	return 0;
}

/* Symbols of single bytes.  Returns whether every byte that valid UTF-8 can hold has one. */
static int load_bytes(struct load *l)
{
	struct buf c = {0};
	int complete = 1;
	unsigned i;

	for (i = 0; i < 256; i++) {
		char byte = (char)i;

		c.len = 0;
		bytelevel_put(&c, &byte, 1);
		l->t->bpe.byte_id[i] = strtab_get(&l->t->vocab, c.p, c.len);
		if (l->t->bpe.byte_id[i] == NO_ID && i != 0xc0 && i != 0xc1 && i < 0xf5)
			complete = 0;
	}
	buf_release(&c);
	bpe_build(&l->t->bpe);
	return complete;
}

/* --- tokens that are pretokens ----------------------------------------------------------------- */

enum { SEED_SETS = 15, SEED_LEAST = 8, SEEDS = 256 }; /* log2 of sets; merged at once */

/* Short tokens, from the last to the first of them, to be merged. */
struct seeds {
	struct bpe_job job[SEEDS];
	uint32_t id[SEEDS], ids[SEEDS * WORDCACHE_KEY];
	size_t n;
};

static void put_seeds(struct tokenizer *t, struct seeds *s)
{
	size_t i;

	bpe_encode_all(&t->bpe, s->job, s->n);
	for (i = 0; i < s->n; i++) {
		const struct bpe_job *j = &s->job[i];
		struct wordcache_key k = wordcache_key(j->s, j->len, j->len);

		struct wordcache_word *set = wordcache_set(&t->words, &k);

		if (j->n == 1 && j->ids[0] == s->id[i] && !wordcache_find(set, &k))
			wordcache_put(set, &k, j->ids, 1);
	}
	s->n = 0;
}

/* The first time through a text half of the new pretokens are tokens: that is known before.  The
 * lower ids, which are more frequent, come last and so stay. */
static void load_words(struct load *l)
{
	struct tokenizer *t = l->t;
	struct seeds *s = xcalloc(1, sizeof(*s));
	unsigned log2 = SEED_LEAST;
	uint32_t id;

	while (log2 < SEED_SETS && (t->n_id >> log2))
		log2++;
	wordcache_init(&t->words, log2);
	for (id = t->n_id; id-- > 0;) {
		const struct tokenizer_token *k = &t->token[id];

		if (!k->used || !k->len || k->len > WORDCACHE_KEY)
			continue;
		s->job[s->n] = (struct bpe_job){
		    t->bytes.p + k->off, s->ids + s->n * WORDCACHE_KEY, k->len, 0};
		s->id[s->n++] = id;
		if (s->n == SEEDS)
			put_seeds(t, s);
	}
	put_seeds(t, s);
	free(s);
}

static int nonempty(const json_t *v)
{
	return json_string_length(v) > 0;
}

static int load_model(struct load *l, const json_t *model)
{
	const json_t *type = json_object_get(model, "type");
	const json_t *dropout = json_object_get(model, "dropout");
	int complete;

	if (type && !is_type(model, "BPE")) {
		err_set("%s: model %s is not supported (BPE is)", l->path, type_of(model));
		return -1;
	}
	if (json_is_number(dropout) && json_number_value(dropout) != 0)
		return refuse(l, "model.dropout");
	if (nonempty(json_object_get(model, "continuing_subword_prefix")))
		return refuse(l, "model.continuing_subword_prefix");
	if (nonempty(json_object_get(model, "end_of_word_suffix")))
		return refuse(l, "model.end_of_word_suffix");
	if (!l->json.vocab.p) {
		err_set("%s: no model.vocab: this is not a BPE tokenizer.json", l->path);
		return -1;
	}
	l->t->ignore_merges = truthy(json_object_get(model, "ignore_merges"));
	if (load_vocab(l) < 0 || load_merges(l) < 0)
		return -1;
	complete = load_bytes(l);
	load_words(l);
	if (!complete && json_is_string(json_object_get(model, "unk_token")))
		return refuse(l, "model.unk_token with a vocabulary that lacks some bytes");
	if (!complete && truthy(json_object_get(model, "byte_fallback")))
		return refuse(l, "model.byte_fallback with a vocabulary that lacks some bytes");
	return 0;
}

/* Hugging Face numbers the added tokens anew: those in the vocabulary keep the vocabulary's id, the
 * others follow its size, or the highest added id, in the order of the list. */
static int number_added(struct load *l, struct added_def *d, const json_t *given, uint32_t *next)
{
	uint32_t id = strtab_get(&l->t->vocab, d->content, d->len);

	d->matched = !(l->profile == TOKENIZER_A && !d->special && id != NO_ID);
	if (id == NO_ID) {
		id = (*next)++;
		if (l->t->token[id].used) {
			err_set("%s: added token '%s' would be id %u, which model.vocab uses: its "
				"ids have "
				"a gap",
			    l->path, d->content, id);
			return -1;
		}
		strtab_put(&l->t->vocab, d->content, d->len, id);
	}
	d->id = id;
	if (json_is_integer(given) && json_integer_value(given) != id && !l->warned++)
		warn("%s: added token '%s' has id %u, as Hugging Face tokenizers number it, not "
		     "%lld",
		    l->path, d->content, id, (long long)json_integer_value(given));
	return 0;
}

static int flag(const json_t *item, const char *name)
{
	return json_is_true(json_object_get(item, name));
}

/* Put one into the set it is looked for in. */
static int match_added(struct load *l, const struct added_def *d)
{
	struct added_set *set = d->normalized ? &l->t->normalized : &l->t->raw;
	unsigned flags = (d->single_word ? ADDED_SINGLE : 0) | (d->lstrip ? ADDED_LSTRIP : 0) |
			 (d->rstrip ? ADDED_RSTRIP : 0);
	struct buf b = {0};
	int rc;

	if (d->normalized && l->t->nfc)
		nfc_put(&b, d->content, d->len);
	else
		buf_add(&b, d->content, d->len);
	rc = added_put(set, b.p, b.len, d->id, flags);
	if (rc < 0)
		err_set("%s: two added tokens are the same text: '%s'", l->path, d->content);
	buf_release(&b);
	return rc;
}

/* What the id stands for when decoding: its (normalized) content. */
static void decode_added(struct load *l, const struct added_def *d)
{
	struct tokenizer *t = l->t;
	struct tokenizer_token *k = &t->token[d->id];
	struct buf b = {0};

	if (d->normalized && t->nfc)
		nfc_put(&b, d->content, d->len);
	else
		buf_add(&b, d->content, d->len);
	token_bytes(t, k, b.p, b.len);
	k->special = (uint8_t)d->special;
	if (d->id >= t->n_id)
		t->n_id = d->id + 1;
	buf_release(&b);
}

static int load_added(struct load *l, const json_t *list)
{
	uint32_t next = (uint32_t)l->n_vocab;
	const json_t *item;
	size_t i, n = 0;

	json_array_foreach(list, i, item)
	{
		struct added_def *d = &l->added[n];

		*d = (struct added_def){
		    .content = json_string_value(json_object_get(item, "content"))};
		if (!d->content) {
			err_set("%s: added_tokens[%zu] has no content", l->path, i);
			return -1;
		}
		if (!*d->content)
			continue; /* ignored there, too */
		d->len = (uint32_t)strlen(d->content);
		d->single_word = flag(item, "single_word");
		d->lstrip = flag(item, "lstrip");
		d->rstrip = flag(item, "rstrip");
		d->special = flag(item, "special");
		d->normalized =
		    json_object_get(item, "normalized") ? flag(item, "normalized") : !d->special;
		if (number_added(l, d, json_object_get(item, "id"), &next) < 0)
			return -1;
		decode_added(l, d);
		if (d->matched && match_added(l, d) < 0)
			return -1;
		n++;
	}
	l->n_added = n;
	added_build(&l->t->raw);
	added_build(&l->t->normalized);
	return 0;
}

/* --- identity ---------------------------------------------------------------------------------- */

static void put_u32(struct buf *b, uint32_t v)
{
	unsigned char c[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
	    (unsigned char)(v >> 24)};

	buf_add(b, c, 4);
}

static int by_id(const void *a, const void *b)
{
	const struct added_def *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void put_added(struct buf *b, struct load *l)
{
	size_t i;

	if (l->n_added)
		qsort(l->added, l->n_added, sizeof(*l->added), by_id);
	put_u32(b, (uint32_t)l->n_added);
	for (i = 0; i < l->n_added; i++) {
		const struct added_def *d = &l->added[i];

		put_u32(b, d->id);
		put_u32(b, (uint32_t)(d->single_word | d->lstrip << 1 | d->rstrip << 2 |
				      d->normalized << 3 | d->special << 4));
		put_u32(b, d->len);
		buf_add(b, d->content, d->len);
	}
}

static void identify(struct load *l)
{
	const struct tokenizer *t = l->t;
	const char *splitter = pretok_name(t->pretok.kind);
	struct buf b = {0};
	size_t i;

	buf_str(&b, "olmo tokenizer 1\n");
	put_u32(&b, t->n_id);
	for (i = 0; i < t->n_id; i++) {
		put_u32(&b, t->token[i].used ? t->token[i].len : UINT32_MAX);
		buf_add(&b, t->bytes.p + t->token[i].off, t->token[i].len);
	}
	put_u32(&b, (uint32_t)l->n_merge);
	for (i = 0; i < 3 * l->n_merge; i++)
		put_u32(&b, l->merge[i]);
	put_added(&b, l);
	put_u32(&b, (uint32_t)(t->nfc | t->ignore_merges << 1));
	put_u32(&b, (uint32_t)strlen(splitter));
	buf_str(&b, splitter);
	l->t->identity = hash128(b.p, b.len);
	buf_release(&b);
}

static int load_all(struct load *l, const json_t *root)
{
	const json_t *added = json_object_get(root, "added_tokens");

	l->n_added = json_array_size(added);
	l->added = xcalloc(l->n_added + 1, sizeof(*l->added));
	if (truthy(json_object_get(root, "truncation")))
		return refuse(l, "truncation");
	if (truthy(json_object_get(root, "padding")))
		return refuse(l, "padding");
	if (load_model(l, json_object_get(root, "model")) < 0 ||
	    load_normalizer(l, json_object_get(root, "normalizer")) < 0 ||
	    load_pre_tokenizer(l, json_object_get(root, "pre_tokenizer")) < 0 ||
	    load_decoder(l, json_object_get(root, "decoder")) < 0 || load_added(l, added) < 0)
		return -1;
	identify(l);
	return 0;
}

struct tokenizer *tokenizer_load(const char *path, enum tokenizer_profile profile)
{
	struct load l = {.path = path, .profile = profile};

	if (vocabjson_read(&l.json, path) < 0) {
		vocabjson_release(&l.json);
		return NULL;
	}
	l.t = xcalloc(1, sizeof(*l.t));
	l.t->path = xstrdup(path);
	l.t->pretok.unicode14 = profile != TOKENIZER_C;
	if (load_all(&l, l.json.root) < 0) {
		tokenizer_free(l.t);
		l.t = NULL;
	}
	free(l.merge);
	free(l.name);
	free(l.added);
	vocabjson_release(&l.json);
	return l.t;
}

void tokenizer_free(struct tokenizer *t)
{
	if (!t)
		return;
	free(t->path);
	free(t->token);
	buf_release(&t->bytes);
	strtab_release(&t->vocab);
	bpe_release(&t->bpe);
	wordcache_release(&t->words);
	added_release(&t->raw);
	added_release(&t->normalized);
	free(t);
}

int tokenizer_profile_by_name(const char *name, enum tokenizer_profile *p)
{
	if (!name[0] || name[1] || !strchr("ABCabc", name[0]))
		return -1;
	*p = (enum tokenizer_profile)((name[0] | 0x20) - 'a');
	return 0;
}

int tokenizer_find(const struct tokenizer *t, const char *content, uint32_t *id)
{
	uint32_t v = strtab_get(&t->vocab, content, strlen(content));

	if (v == NO_ID)
		return -1;
	*id = v;
	return 0;
}

int tokenizer_whole(
    const struct tokenizer *t, const char *s, size_t len, struct buf *tmp, uint32_t *id)
{
	tmp->len = 0;
	bytelevel_put(tmp, s, len);
	*id = strtab_get(&t->vocab, tmp->p, tmp->len);
	return *id != NO_ID && t->token[*id].model ? 0 : -1;
}

/* --- decoding ---------------------------------------------------------------------------------- */

int tokenizer_decode_raw(
    const struct tokenizer *t, const uint32_t *ids, size_t n, int skip_special, struct buf *out)
{
	size_t i;

	if (!t->can_decode) {
		err_set("%s: the file has no decoder", t->path);
		return -1;
	}
	for (i = 0; i < n; i++) {
		const struct tokenizer_token *k;

		if (ids[i] >= t->n_id || !t->token[ids[i]].used) {
			err_set("id %u (index %zu) is not in the vocabulary of %s", ids[i], i,
			    t->path);
			return -1;
		}
		k = &t->token[ids[i]];
		if (!(skip_special && k->special))
			buf_add(out, t->bytes.p + k->off, k->len);
	}
	return 0;
}

/* Bytes of a character by its first byte, 1 for what begins none. */
static size_t lead_len(unsigned char c)
{
	if (c < 0xc2 || c > 0xf4)
		return 1;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

size_t tokenizer_lossy(const char *s, size_t n, int final, struct buf *out)
{
	size_t i = 0, bad, len;

	while (i < n) {
		if (utf8_valid(s + i, n - i, &bad))
			bad = n - i;
		buf_add(out, s + i, bad);
		i += bad;
		if (i == n)
			break;
		len = utf8_bad_len(s + i, n - i);
		if (!final && i + len == n && len < lead_len((unsigned char)s[i]))
			break;
		buf_add(out, "\xef\xbf\xbd", 3);
		i += len;
	}
	return i;
}

int tokenizer_decode(
    const struct tokenizer *t, const uint32_t *ids, size_t n, int skip_special, struct buf *out)
{
	struct buf raw = {0};
	int rc = tokenizer_decode_raw(t, ids, n, skip_special, &raw);

	if (!rc)
		tokenizer_lossy(raw.p, raw.len, 1, out);
	buf_release(&raw);
	return rc;
}
