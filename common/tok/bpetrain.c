#include "tok/bpetrain.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "doc/jscan.h"
#include "tok/bytelevel.h"
#include "tok/strtab.h"

void bpetrain_added(struct bpetrain_spec *spec, const char *content, int special)
{
	spec->added = xreallocarray(spec->added, spec->n_added + 1, sizeof(*spec->added));
	spec->added[spec->n_added++] = (struct bpetrain_added){xstrdup(content), special};
}

void bpetrain_spec_release(struct bpetrain_spec *spec)
{
	while (spec->n_added)
		free(spec->added[--spec->n_added].content);
	free(spec->added);
	spec->added = NULL;
}

struct tokenizer *bpetrain_splitter(const struct bpetrain_spec *spec)
{
	struct tokenizer *t = xcalloc(1, sizeof(*t));
	size_t i;

	t->nfc = spec->nfc;
	t->pretok.kind = spec->split;
	for (i = 0; spec->cut_added && i < spec->n_added; i++)
		added_put(&t->raw, spec->added[i].content, strlen(spec->added[i].content), 0, 0);
	added_build(&t->raw);
	added_build(&t->normalized);
	return t;
}

/* --- the state --------------------------------------------------------------------------------- */

/* Words whose count of a pair has to be looked at when it is merged, in ascending order. */
struct places {
	uint32_t *p;
	uint32_t n, cap;
};

struct pair {
	uint64_t key; /* left << 32 | right */
	int64_t count;
	struct places fresh; /* gathered since the last push to the heap */
};

/* Heap entries own the words that were gathered for them: a pair may have several entries when an id
 * is used again (Hugging Face's queue does the same, and merges then repeat). */
struct cand {
	int64_t count;
	uint64_t key;
	struct places at;
};

struct merge {
	uint32_t left, right, id;
};

struct bpetrain {
	struct strtab ids;
	struct buf *token; /* (n_token) byte-level characters, NUL-terminated */
	size_t n_token, cap_token;
	struct merge *merge;
	size_t n_merge, cap_merge;
	/* words as symbols: word i is sym[first[i] .. first[i] + len[i]) */
	uint32_t *sym, *len;
	size_t *first;
	int64_t *count;
	/* pairs ever seen */
	struct pair *pair;
	size_t n_pair, cap_pair;
	uint32_t *slot; /* index + 1 in pair[]; open addressing */
	size_t mask;
	uint32_t *touched; /* pairs with fresh places */
	size_t n_touched, cap_touched;
	struct cand *heap;
	size_t n_heap, cap_heap;
};

static uint32_t new_token(struct bpetrain *m, const char *s, size_t len)
{
	uint32_t id = strtab_get(&m->ids, s, len);

	if (id != STRTAB_NONE)
		return id;
	if (m->n_token == m->cap_token) {
		m->cap_token = m->cap_token ? 2 * m->cap_token : 1024;
		m->token = xreallocarray(m->token, m->cap_token, sizeof(*m->token));
	}
	id = (uint32_t)m->n_token++;
	m->token[id] = (struct buf){0};
	buf_add(&m->token[id], s, len);
	buf_cstr(&m->token[id]);
	strtab_put(&m->ids, s, len, id);
	return id;
}

static void places_add(struct places *v, uint32_t word)
{
	if (v->n && v->p[v->n - 1] == word)
		return;
	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 4;
		v->p = xreallocarray(v->p, v->cap, sizeof(*v->p));
	}
	v->p[v->n++] = word;
}

static size_t pair_place(const struct bpetrain *m, uint64_t key)
{
	return (size_t)((key ^ key >> 23) * 0x9e3779b97f4a7c15u >> 20) & m->mask;
}

static void grow_pairs(struct bpetrain *m)
{
	size_t slots = m->slot ? 2 * (m->mask + 1) : 1 << 16, i, k;

	free(m->slot);
	m->slot = xcalloc(slots, sizeof(*m->slot));
	m->mask = slots - 1;
	m->cap_pair = slots / 2;
	m->pair = xreallocarray(m->pair, m->cap_pair, sizeof(*m->pair));
	for (i = 0; i < m->n_pair; i++) {
		for (k = pair_place(m, m->pair[i].key); m->slot[k]; k = (k + 1) & m->mask)
			;
		m->slot[k] = (uint32_t)i + 1;
	}
}

static struct pair *get_pair(struct bpetrain *m, uint32_t left, uint32_t right)
{
	uint64_t key = (uint64_t)left << 32 | right;
	size_t k;

	if (m->n_pair == m->cap_pair)
		grow_pairs(m);
	for (k = pair_place(m, key); m->slot[k]; k = (k + 1) & m->mask)
		if (m->pair[m->slot[k] - 1].key == key)
			return &m->pair[m->slot[k] - 1];
	m->pair[m->n_pair] = (struct pair){.key = key};
	m->slot[k] = (uint32_t)++m->n_pair;
	return &m->pair[m->n_pair - 1];
}

/* times: +1 or -1 occurrence in a word.  A new occurrence is noted for the heap. */
static void change_pair(
    struct bpetrain *m, uint32_t left, uint32_t right, int times, uint32_t word)
{
	struct pair *p = get_pair(m, left, right);

	p->count += times * m->count[word];
	if (times < 0)
		return;
	if (!p->fresh.n) {
		if (m->n_touched == m->cap_touched) {
			m->cap_touched = m->cap_touched ? 2 * m->cap_touched : 1024;
			m->touched =
			    xreallocarray(m->touched, m->cap_touched, sizeof(*m->touched));
		}
		m->touched[m->n_touched++] = (uint32_t)(p - m->pair);
	}
	places_add(&p->fresh, word);
}

/* --- the heap: highest count, then lowest pair --------------------------------------------------- */

static int before(const struct cand *a, const struct cand *b)
{
	return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static void heap_push(struct bpetrain *m, struct cand x)
{
	size_t i = m->n_heap++;

	if (i == m->cap_heap) {
		m->cap_heap = m->cap_heap ? 2 * m->cap_heap : 1024;
		m->heap = xreallocarray(m->heap, m->cap_heap, sizeof(*m->heap));
	}
	for (; i && before(&x, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = x;
}

static void heap_down(struct bpetrain *m, struct cand x)
{
	size_t i = 0, c;

	for (; (c = 2 * i + 1) < m->n_heap; i = c) {
		if (c + 1 < m->n_heap && before(&m->heap[c + 1], &m->heap[c]))
			c++;
		if (!before(&m->heap[c], &x))
			break;
		m->heap[i] = m->heap[c];
	}
	m->heap[i] = x;
}

/* Pairs with fresh places go to the heap with them. */
static void push_touched(struct bpetrain *m)
{
	size_t i;

	for (i = 0; i < m->n_touched; i++) {
		struct pair *p = &m->pair[m->touched[i]];

		if (p->count > 0)
			heap_push(m, (struct cand){p->count, p->key, p->fresh});
		else
			free(p->fresh.p);
		p->fresh = (struct places){0};
	}
	m->n_touched = 0;
}

/* The best pair whose count is up to date: 1, or 0 when none is left. */
static int heap_take(struct bpetrain *m, struct cand *best)
{
	while (m->n_heap) {
		struct cand top = m->heap[0];
		int64_t now = get_pair(m, (uint32_t)(top.key >> 32), (uint32_t)top.key)->count;

		if (now == top.count) {
			*best = top;
			if (--m->n_heap)
				heap_down(m, m->heap[m->n_heap]);
			return 1;
		}
		top.count = now;
		heap_down(m, top);
	}
	return 0;
}

/* --- training ---------------------------------------------------------------------------------- */

static void make_alphabet(struct bpetrain *m, const struct bpetrain_spec *spec,
    const struct wordcount *words, uint32_t of_byte[256])
{
	uint8_t seen[256] = {0}, by_char[0x144] = {0}, has[0x144] = {0};
	struct buf c = {0};
	size_t i, k;

	for (i = 0; i < words->n; i++)
		for (k = 0; k < words->word[i].len; k++)
			seen[(unsigned char)wordcount_bytes(words, i)[k]] = 1;
	for (i = 0; i < 256; i++) {
		by_char[bytelevel_char((unsigned)i)] = (uint8_t)i;
		has[bytelevel_char((unsigned)i)] = spec->alphabet_all || seen[i];
	}
	for (i = 0; i < 0x144; i++) {
		if (!has[i])
			continue;
		c.len = 0;
		bytelevel_put(&c, &by_char[i], 1);
		of_byte[by_char[i]] = new_token(m, c.p, c.len);
	}
	buf_release(&c);
}

static void load_words(struct bpetrain *m, const struct wordcount *words, const uint32_t *of_byte)
{
	size_t i, k, at = 0;

	m->sym = xreallocarray(NULL, words->arena.len + 1, sizeof(*m->sym));
	m->len = xreallocarray(NULL, words->n + 1, sizeof(*m->len));
	m->first = xreallocarray(NULL, words->n + 1, sizeof(*m->first));
	m->count = xreallocarray(NULL, words->n + 1, sizeof(*m->count));
	for (i = 0; i < words->n; i++) {
		const char *p = wordcount_bytes(words, i);

		m->first[i] = at;
		m->len[i] = words->word[i].len;
		m->count[i] = (int64_t)words->word[i].count;
		for (k = 0; k < m->len[i]; k++)
			m->sym[at++] = of_byte[(unsigned char)p[k]];
	}
}

static void count_pairs(struct bpetrain *m, size_t n_words)
{
	size_t i, k;

	for (i = 0; i < n_words; i++) {
		const uint32_t *s = m->sym + m->first[i];

		for (k = 0; k + 1 < m->len[i]; k++)
			change_pair(m, s[k], s[k + 1], 1, (uint32_t)i);
	}
	push_touched(m);
}

/* Replace left right by id in a word. */
static void merge_word(struct bpetrain *m, uint32_t word, const struct merge *mg)
{
	uint32_t *s = m->sym + m->first[word], n = m->len[word], i, k = 0;

	for (i = 0; i < n; i++) {
		if (s[i] != mg->left || i + 1 == n || s[i + 1] != mg->right) {
			s[k++] = s[i];
			continue;
		}
		if (k > 0) { /* s[k - 1] is what stands before, merged as far as it is */
			change_pair(m, s[k - 1], mg->left, -1, word);
			change_pair(m, s[k - 1], mg->id, 1, word);
		}
		if (i + 2 < n) {
			change_pair(m, mg->right, s[i + 2], -1, word);
			change_pair(m, mg->id, s[i + 2], 1, word);
		}
		s[k++] = mg->id;
		i++;
	}
	m->len[word] = k;
}

static struct merge new_merge(struct bpetrain *m, uint64_t key)
{
	struct merge mg = {(uint32_t)(key >> 32), (uint32_t)key, 0};
	struct buf s = {0};

	buf_add(&s, m->token[mg.left].p, m->token[mg.left].len);
	buf_add(&s, m->token[mg.right].p, m->token[mg.right].len);
	mg.id = new_token(m, s.p, s.len);
	buf_release(&s);
	if (m->n_merge == m->cap_merge) {
		m->cap_merge = m->cap_merge ? 2 * m->cap_merge : 1024;
		m->merge = xreallocarray(m->merge, m->cap_merge, sizeof(*m->merge));
	}
	return m->merge[m->n_merge++] = mg;
}

static void learn(struct bpetrain *m, const struct bpetrain_spec *spec)
{
	struct cand best;
	uint32_t i;

	while (m->n_token < spec->vocab_size && heap_take(m, &best)) {
		struct merge mg;

		if (best.count < 1 || (uint64_t)best.count < spec->min_frequency) {
			free(best.at.p);
			break;
		}
		mg = new_merge(m, best.key);
		for (i = 0; i < best.at.n; i++)
			merge_word(m, best.at.p[i], &mg);
		free(best.at.p);
		push_touched(m);
	}
}

/* What only learning needs. */
static void forget(struct bpetrain *m)
{
	size_t i;

	for (i = 0; i < m->n_heap; i++)
		free(m->heap[i].at.p);
	free(m->heap);
	free(m->pair);
	free(m->slot);
	free(m->touched);
	free(m->sym);
	free(m->len);
	free(m->first);
	free(m->count);
	m->heap = NULL;
	m->pair = NULL;
	m->slot = NULL;
	m->touched = NULL;
	m->sym = m->len = NULL;
	m->first = NULL;
	m->count = NULL;
	m->n_heap = 0;
}

struct bpetrain *bpetrain_run(const struct bpetrain_spec *spec, struct wordcount *words)
{
	struct bpetrain *m = xcalloc(1, sizeof(*m));
	uint32_t of_byte[256] = {0};
	size_t i;

	wordcount_sort(words);
	for (i = 0; i < spec->n_added; i++)
		new_token(m, spec->added[i].content, strlen(spec->added[i].content));
	make_alphabet(m, spec, words, of_byte);
	if (m->n_token > spec->vocab_size) {
		err_set("a vocabulary of %u is too small: %zu added tokens and %zu bytes need %zu",
		    spec->vocab_size, i, m->n_token - i, m->n_token);
		bpetrain_free(m);
		return NULL;
	}
	load_words(m, words, of_byte);
	count_pairs(m, words->n);
	learn(m, spec);
	forget(m);
	return m;
}

void bpetrain_free(struct bpetrain *m)
{
	if (!m)
		return;
	forget(m);
	while (m->n_token)
		buf_release(&m->token[--m->n_token]);
	free(m->token);
	free(m->merge);
	strtab_release(&m->ids);
	free(m);
}

size_t bpetrain_vocab(const struct bpetrain *m)
{
	return m->n_token;
}

size_t bpetrain_merges(const struct bpetrain *m)
{
	return m->n_merge;
}

/* --- tokenizer.json ---------------------------------------------------------------------------- */

static void put_byte_level(struct buf *b, const char *name, int regex)
{
	buf_printf(b,
	    "  \"%s\": {\n    \"type\": \"ByteLevel\",\n    \"add_prefix_space\": false,\n"
	    "    \"trim_offsets\": true,\n    \"use_regex\": %s\n  },\n",
	    name, regex ? "true" : "false");
}

static void put_pre_tokenizer(struct buf *b, enum pretok_kind split)
{
	const char *regex = pretok_regex(split);

	if (split == PRETOK_GPT2 || split == PRETOK_WHOLE) {
		put_byte_level(b, "pre_tokenizer", split == PRETOK_GPT2);
		return;
	}
	buf_str(b,
	    "  \"pre_tokenizer\": {\n    \"type\": \"Sequence\",\n    \"pretokenizers\": [\n"
	    "      {\n        \"type\": \"Split\",\n        \"pattern\": {\n"
	    "          \"Regex\": ");
	jstr_put(b, regex, strlen(regex));
	buf_str(b, "\n        },\n        \"behavior\": \"Isolated\",\n        \"invert\": false\n"
		   "      },\n      {\n        \"type\": \"ByteLevel\",\n"
		   "        \"add_prefix_space\": false,\n        \"trim_offsets\": true,\n"
		   "        \"use_regex\": false\n      }\n    ]\n  },\n");
}

static void put_added(struct buf *b, const struct bpetrain *m, const struct bpetrain_spec *spec)
{
	size_t i;

	buf_str(b, "  \"added_tokens\": [");
	for (i = 0; i < spec->n_added; i++) {
		const struct bpetrain_added *a = &spec->added[i];

		buf_printf(b, "%s\n    {\n      \"id\": %u,\n      \"content\": ", i ? "," : "",
		    strtab_get(&m->ids, a->content, strlen(a->content)));
		jstr_put(b, a->content, strlen(a->content));
		buf_printf(b,
		    ",\n      \"single_word\": false,\n      \"lstrip\": false,\n"
		    "      \"rstrip\": false,\n      \"normalized\": false,\n"
		    "      \"special\": %s\n    }",
		    a->special ? "true" : "false");
	}
	buf_str(b, spec->n_added ? "\n  ],\n" : "],\n");
}

static uint32_t last_of_pair(const struct bpe *last, const struct merge *mg)
{
	uint32_t rank = 0, id;

	bpe_find(last, mg->left, mg->right, &rank, &id);
	return rank;
}

/* A pair that was merged twice keeps its last rank, as in a map. */
static void put_merges(struct buf *b, const struct bpetrain *m)
{
	struct bpe last;
	size_t i;
	int n = 0;

	bpe_init(&last, m->n_merge);
	for (i = 0; i < m->n_merge; i++)
		bpe_merge(&last, m->merge[i].left, m->merge[i].right, (uint32_t)i, m->merge[i].id);
	buf_str(b, "    \"merges\": [");
	for (i = 0; i < m->n_merge; i++) {
		const struct buf *left = &m->token[m->merge[i].left];
		struct buf both = {0};

		if (last_of_pair(&last, &m->merge[i]) != i)
			continue;
		buf_add(&both, left->p, left->len);
		buf_chr(&both, ' ');
		buf_str(&both, m->token[m->merge[i].right].p);
		buf_str(b, n++ ? ",\n      " : "\n      ");
		jstr_put(b, both.p, both.len);
		buf_release(&both);
	}
	buf_str(b, n ? "\n    ]\n" : "]\n");
	bpe_release(&last);
}

void bpetrain_json(const struct bpetrain *m, const struct bpetrain_spec *spec, struct buf *b)
{
	size_t i;

	buf_str(b, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n");
	put_added(b, m, spec);
	buf_str(b, spec->nfc ? "  \"normalizer\": {\n    \"type\": \"NFC\"\n  },\n"
			     : "  \"normalizer\": null,\n");
	put_pre_tokenizer(b, spec->split);
	put_byte_level(b, "post_processor", 1);
	put_byte_level(b, "decoder", 1);
	buf_str(b,
	    "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n"
	    "    \"unk_token\": null,\n    \"continuing_subword_prefix\": null,\n"
	    "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n"
	    "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {");
	for (i = 0; i < m->n_token; i++) {
		buf_str(b, i ? ",\n      " : "\n      ");
		jstr_put(b, m->token[i].p, m->token[i].len);
		buf_printf(b, ": %zu", i);
	}
	buf_str(b, "\n    },\n");
	put_merges(b, m);
	buf_str(b, "  }\n}\n");
}
