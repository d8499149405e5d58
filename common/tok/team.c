#include "tok/team.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/pool.h"
#include "base/utf8.h"
#include "doc/jscan_isa.h"

/* One part of the text, its ids, and where they go. */
struct part {
	size_t from, to;
	struct ids ids;
	uint32_t *dst;
};

struct team {
	const struct tokenizer *t;
	int threads;
	pthread_mutex_t lock; /* of all below */
	struct pool *pool;
	struct encoder **e; /* (threads); [0] is the caller's */
	struct part *part;
	size_t n_part, cap_part;
	const char *s;
};

static int is_word(unsigned char c)
{
	return (c | 0x20u) - 'a' < 26 || c - (unsigned)'0' < 10;
}

size_t team_cut(const char *s, size_t len, size_t from)
{
	size_t i = from ? from : 1;
	const char *p;

	for (; i < len; i++) {
		p = memchr(s + i, ' ', len - i);
		if (!p)
			break;
		i = (size_t)(p - s);
		if (is_word((unsigned char)s[i - 1]))
			return i;
	}
	return len;
}

static int set_can(const struct added_set *set)
{
	size_t i;

	for (i = 0; i < set->n_token; i++)
		if (set->token[i].flags)
			return 0;
	return !set->word_space;
}

int team_can(const struct tokenizer *t)
{
	return t->pretok.kind != PRETOK_WHOLE && set_can(&t->raw) && set_can(&t->normalized);
}

struct team *team_new(const struct tokenizer *t, int threads)
{
	struct team *m = xcalloc(1, sizeof(*m));

	m->t = t;
	m->threads = team_can(t) ? threads : 1;
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

void team_free(struct team *m)
{
	size_t i;

	if (!m)
		return;
	if (m->pool)
		pool_free(m->pool);
	for (i = 1; m->e && i < (size_t)m->threads; i++)
		encoder_free(m->e[i]);
	for (i = 0; i < m->cap_part; i++)
		ids_release(&m->part[i].ids);
	free(m->e);
	free(m->part);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void start(struct team *m)
{
	int i;

	if (m->pool)
		return;
	m->pool = pool_new(m->threads);
	m->e = xcalloc((size_t)m->threads, sizeof(struct encoder *));
	for (i = 1; i < m->threads; i++)
		m->e[i] = encoder_new(m->t);
}

static void add_part(struct team *m, size_t from, size_t to)
{
	if (m->n_part == m->cap_part) {
		size_t cap = m->cap_part ? 2 * m->cap_part : 16;

		m->part = xreallocarray(m->part, cap, sizeof(*m->part));
		memset(m->part + m->cap_part, 0, (cap - m->cap_part) * sizeof(*m->part));
		m->cap_part = cap;
	}
	m->part[m->n_part].from = from;
	m->part[m->n_part++].to = to;
}

static void cut(struct team *m, const char *s, size_t len)
{
	size_t from = 0, to;

	m->s = s;
	for (m->n_part = 0; from < len; from = to) {
		to = len - from > TEAM_PART ? team_cut(s, len, from + TEAM_PART) : len;
		add_part(m, from, to);
	}
}

static void encode_part(void *arg, size_t i, int worker)
{
	struct team *m = arg;
	struct part *p = &m->part[i];

	p->ids.n = 0;
	ids_grow(&p->ids, (p->to - p->from) / 3); /* mostly enough */
	if (encoder_add(m->e[worker], m->s + p->from, p->to - p->from, &p->ids) < 0)
		die_err(); /* cannot be: the whole text is valid */
}

/* Also by all: most of it is the first touch of new memory. */
static void copy_part(void *arg, size_t i, int worker)
{
	const struct part *p = &((struct team *)arg)->part[i];

	(void)worker;
	if (p->ids.n)
		memcpy(p->dst, p->ids.p, p->ids.n * sizeof(*p->dst));
}

static void share_out(
    struct team *m, struct encoder *e, const char *s, size_t len, struct ids *out)
{
	size_t i, n = 0;

	start(m);
	m->e[0] = e;
	cut(m, s, len);
	pool_run(m->pool, m->n_part, encode_part, m);
	for (i = 0; i < m->n_part; i++)
		n += m->part[i].ids.n;
	ids_grow(out, n);
	for (i = 0; i < m->n_part; i++) {
		m->part[i].dst = out->p + out->n;
		out->n += m->part[i].ids.n;
	}
	pool_run(m->pool, m->n_part, copy_part, m);
}

int team_add(struct team *m, struct encoder *e, const char *s, size_t len, struct ids *out)
{
	if (m->threads < 2 || len < 2 * TEAM_PART || len > INT32_MAX ||
	    !jscan_isa()->utf8(s, len) || pthread_mutex_trylock(&m->lock))
		return encoder_add(e, s, len, out);
	share_out(m, e, s, len, out);
	pthread_mutex_unlock(&m->lock);
	return 0;
}
