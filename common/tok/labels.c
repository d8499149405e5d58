#include "tok/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "doc/jscan.h"
#include "tok/tokfile.h"

/* -- pieces -------------------------------------------------------------------------------- */

static void begin(struct labels *l)
{
	l->ids.n = l->mask.len = 0;
	l->cut = 0;
}

/* Ids without a mask yet get this one. */
static void mark(struct labels *l, int label)
{
	size_t n = l->ids.n - l->mask.len;

	buf_need(&l->mask, n + 1);
	memset(l->mask.p + l->mask.len, label, n);
	l->mask.len += n;
}

static int put_text(struct labels *l, const char *s, size_t len, int label)
{
	if (team_add(l->team, l->e, s, len, &l->ids) < 0)
		return -1;
	mark(l, label);
	return 0;
}

static void put_eos(struct labels *l, int label)
{
	ids_push(&l->ids, (uint32_t)l->eos);
	mark(l, label);
}

/* A member that must be a string, unescaped. */
static int get_string(struct jspan object, const char *name, struct buf *b)
{
	struct jspan v = {0};

	b->len = 0;
	buf_need(b, 1);
	if (!jspan_member(object, name, &v) || jspan_type(v) != JT_STRING)
		return err_set("no string \"%s\"", name), -1;
	return jscan_str(v, b);
}

/* -- conversations ------------------------------------------------------------------------- */

static int put_message(struct labels *l, struct jspan message)
{
	static const char *const roles[] = {"system", "user", "assistant"};
	size_t i, start, len;
	int answer;

	if (jspan_type(message) != JT_OBJECT)
		return err_set("not an object"), -1;
	if (get_string(message, "role", &l->a) < 0 || get_string(message, "content", &l->b) < 0)
		return -1;
	for (i = 0; i < 3 && strcmp(buf_cstr(&l->a), roles[i]) != 0; i++)
		;
	if (i == 3)
		return err_set("role '%s' is none of: system, user, assistant", l->a.p), -1;
	answer = i == 2;
	l->a.len = 0;
	buf_printf(&l->a, "<|%s|>\n", roles[i]);
	len = encoder_strip(l->b.p, l->b.len, &start);
	if (!answer) {
		buf_chr(&l->b, '\n'); /* the only place for it if there was no white space */
		l->b.p[start + len++] = '\n';
	}
	if (put_text(l, l->a.p, l->a.len, 0) < 0 || put_text(l, l->b.p + start, len, answer) < 0)
		return -1;
	if (!answer)
		return 0;
	put_eos(l, 1);
	return put_text(l, "\n", 1, 0);
}

static int put_messages(struct labels *l, struct jspan messages)
{
	struct jiter it = jiter_open(messages);
	struct jspan key, value;
	size_t i;

	for (i = 0; jiter_next(&it, &key, &value); i++)
		if (put_message(l, value) < 0)
			return err_prefix("messages[%zu]", i), -1;
	return i > 0 ? 0 : (err_set("no messages"), -1);
}

static int is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t';
}

static int put_completion(struct labels *l, struct jspan object)
{
	size_t n;

	if (get_string(object, "prompt", &l->a) < 0 || get_string(object, "completion", &l->b) < 0)
		return -1;
	if (put_text(l, l->a.p, l->a.len, 0) < 0)
		return -1;
	n = l->mask.len;
	l->ids.n = l->mask.len = 1;
	if (!(l->a.len > 0 && is_blank(l->a.p[l->a.len - 1])) &&
	    !(l->b.len > 0 && is_blank(l->b.p[0])))
		buf_chr(&l->a, ' ');
	buf_add(&l->a, l->b.p, l->b.len);
	if (put_text(l, l->a.p, l->a.len, 1) < 0)
		return -1;
	put_eos(l, 1);
	if (n > l->mask.len) /* the prompt can have more ids by itself */
		n = l->mask.len;
	memset(l->mask.p, 0, n);
	return 0;
}

int labels_chat(struct labels *l, const char *line, size_t len)
{
	struct jspan messages = {0}, prompt = {0};
	struct jscan j;

	begin(l);
	if (jscan_line(&j, line, len) < 0)
		return -1;
	put_eos(l, 0);
	if (jspan_member(j.object, "messages", &messages) && jspan_type(messages) == JT_ARRAY)
		return put_messages(l, messages);
	if (jspan_member(j.object, "prompt", &prompt))
		return put_completion(l, j.object);
	return err_set("neither a list \"messages\" nor \"prompt\" and \"completion\""), -1;
}

/* -- spans --------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Spans that count, ascending, without overlaps. */
static int load_spans(struct labels *l, struct jspan v, size_t n_cp)
{
	size_t i, n = 0;

	l->n_span = 0;
	if (v.p != NULL && spans_parse(v, &l->span, &l->n_span, &l->cap_span) < 0)
		return -1;
	for (i = 0; i < l->n_span; i++) {
		struct span s = l->span[i];

		if (s.start > s.end || s.end > n_cp)
			return err_set("span %zu: %llu to %llu of %zu characters", i,
				   (unsigned long long)s.start, (unsigned long long)s.end, n_cp),
			       -1;
		if (s.score != 0 && s.start < s.end)
			l->span[n++] = s;
	}
	if (n > 0)
		qsort(l->span, n, sizeof(*l->span), by_start);
	for (i = 0, l->n_span = 0; i < n; i++) {
		struct span *last = l->n_span > 0 ? &l->span[l->n_span - 1] : NULL;

		if (last == NULL || l->span[i].start > last->end)
			l->span[l->n_span++] = l->span[i];
		else if (l->span[i].end > last->end)
			last->end = l->span[i].end;
	}
	return 0;
}

/* Text from byte `at` up to byte `to`, as far as it lies in [from, end). */
static int put_part(
    struct labels *l, const char *text, size_t at, size_t to, const size_t keep[2], int label)
{
	if (at < keep[0])
		at = keep[0];
	if (to > keep[1])
		to = keep[1];
	return at < to ? put_text(l, text + at, to - at, label) : 0;
}

int labels_spans(struct labels *l, const char *text, size_t len, struct jspan v)
{
	size_t keep[2], at = 0, cp = 0, i, a, b;

	begin(l);
	keep[1] = encoder_strip(text, len, &keep[0]);
	keep[1] += keep[0];
	if (load_spans(l, v, utf8_count(text, len)) < 0)
		return -1;
	for (i = 0; i < l->n_span; i++) {
		a = at + utf8_offset(text + at, len - at, (size_t)l->span[i].start - cp);
		b = a +
		    utf8_offset(text + a, len - a, (size_t)(l->span[i].end - l->span[i].start));
		if (put_part(l, text, at, a, keep, 0) < 0 || put_part(l, text, a, b, keep, 1) < 0)
			return -1;
		at = b;
		cp = (size_t)l->span[i].end;
	}
	if (put_part(l, text, at, len, keep, 0) < 0)
		return -1;
	if (l->eos != TOKFILE_NONE && !(l->ids.n > 0 && l->ids.p[l->ids.n - 1] == l->eos))
		put_eos(l, l->mask.len > 0 && l->mask.p[l->mask.len - 1]);
	return 0;
}

/* -- rows ---------------------------------------------------------------------------------- */

void labels_row(struct labels *l, size_t n, uint32_t pad)
{
	l->cut = l->ids.n > n;
	if (l->cut)
		l->ids.n = l->mask.len = n;
	while (l->ids.n < n)
		ids_push(&l->ids, pad);
	mark(l, 0);
}

size_t labels_count(const struct labels *l)
{
	size_t i, n = 0;

	for (i = 0; i < l->mask.len; i++)
		n += (unsigned char)l->mask.p[i];
	return n;
}

void labels_release(struct labels *l)
{
	ids_release(&l->ids);
	buf_release(&l->mask);
	buf_release(&l->a);
	buf_release(&l->b);
	free(l->span);
}
