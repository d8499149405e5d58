#include "text/mix.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "text/mixdrop.h"

/* What one rule did. */
struct tally {
	uint64_t docs, chars, only;
};

/* Rules in the order of the report: include (as a whole), include[i], exclude[i],
 * span_replacement[i], min_text_length, sample. */
struct layout {
	size_t include, exclude, span, min_length, sample, n;
};

struct piece {
	uint64_t start, end;
	size_t rule;
	const char *with;
	size_t with_len;
	size_t order; /* in which it was found: makes the sort stable */
};

struct mix_thread {
	struct mix_run *run;
	struct mix_thread *next;
	struct select *sel;
	struct tally *tally;
	uint64_t *dropped;   /* by the first rule that dropped, in order of the layout */
	unsigned char *hit;  /* which rules hold for the document in hand */
	unsigned char *seen; /* attribute names met */
	uint64_t docs, clipped;
	struct span *spans;
	size_t cap_spans;
	struct piece *piece;
	size_t n_piece, cap_piece;
	struct buf text;
	uint64_t *offset; /* bytes of code points that pieces name */
	struct mixdrop *examples;
	struct buf value;
};

struct mix_run {
	const struct mix_stream *s;
	unsigned flags;
	struct layout at;
	struct mix_thread *threads;
	struct tally *tally;
	unsigned char *seen;
	uint64_t docs;
	struct mixdrop *examples;
};

struct mix_run *mix_run_new(const struct mix_stream *s, unsigned flags)
{
	struct mix_run *r = xcalloc(1, sizeof *r);

	r->s = s;
	r->flags = flags;
	r->at.include = 1;
	r->at.exclude = r->at.include + s->n_include;
	r->at.span = r->at.exclude + s->n_exclude;
	r->at.min_length = r->at.span + s->n_span;
	r->at.sample = r->at.min_length + 1;
	r->at.n = r->at.sample + 1;
	r->tally = xcalloc(r->at.n, sizeof *r->tally);
	r->seen = xcalloc(select_names(s->set) + 1, 1);
	if (flags & MIX_EXAMPLES)
		r->examples = mixdrop_new(r->at.n);
	return r;
}

struct mix_thread *mix_thread_new(struct mix_run *r)
{
	struct mix_thread *t = xcalloc(1, sizeof *t);

	t->run = r;
	t->next = r->threads;
	r->threads = t;
	t->sel = select_new(r->s->set);
	t->tally = xcalloc(r->at.n, sizeof *t->tally);
	t->dropped = xcalloc(r->at.n, sizeof *t->dropped);
	t->hit = xcalloc(r->at.n, 1);
	t->seen = xcalloc(select_names(r->s->set) + 1, 1);
	if (r->examples)
		t->examples = mixdrop_new(r->at.n);
	return t;
}

void mix_run_free(struct mix_run *r)
{
	struct mix_thread *t;

	if (!r)
		return;
	while ((t = r->threads)) {
		r->threads = t->next;
		select_free(t->sel);
		free(t->tally);
		free(t->dropped);
		free(t->hit);
		free(t->seen);
		free(t->spans);
		free(t->piece);
		free(t->offset);
		buf_release(&t->text);
		buf_release(&t->value);
		mixdrop_free(t->examples);
		free(t);
	}
	free(r->tally);
	free(r->seen);
	mixdrop_free(r->examples);
	free(r);
}

/* --- which documents stay ---------------------------------------------------------------------- */

/* The id's place in [0, 1): the upper 53 bits of XXH3-64 with the seed. */
static int in_sample(const struct mix_stream *s, struct doc *d)
{
	size_t n;
	const char *id = doc_id(d, &n);
	double at = (double)(hash64_seed(id, n, s->seed) >> 11) * 0x1p-53;

	return (at < s->rate) != s->complement;
}

static int rule_error(const struct mix_rule *rule)
{
	err_prefix("%s: %s", rule->label, rule->text);
	return -1;
}

/* 1, 0; an error counts only while the document's fate is open, as in the original, which stops
 * at the first rule that decides. */
static int holds(struct mix_thread *t, const struct mix_rule *rule, int any, int open)
{
	int rc = select_true(t->sel, rule->expr, any);

	if (rc < 0 && open)
		return rule_error(rule);
	return rc > 0;
}

/* The include list; sets hit[0] when it removes the document.  0, -1. */
static int try_include(struct mix_thread *t)
{
	const struct mix_run *r = t->run;
	int kept = !r->s->n_include, rc;

	for (size_t i = 0; i < r->s->n_include && (!kept || r->flags & MIX_RULES); i++) {
		rc = holds(t, &r->s->include[i], 0, !kept && !t->hit[r->at.sample]);
		if (rc < 0)
			return -1;
		t->hit[r->at.include + i] = rc > 0;
		kept |= rc;
	}
	t->hit[0] = !kept;
	return 0;
}

static int try_exclude(struct mix_thread *t)
{
	const struct mix_run *r = t->run;
	int open = !t->hit[0] && !t->hit[r->at.sample], rc;

	for (size_t i = 0; i < r->s->n_exclude && (open || r->flags & MIX_RULES); i++) {
		rc = holds(t, &r->s->exclude[i], 1, open);
		if (rc < 0)
			return -1;
		t->hit[r->at.exclude + i] = rc > 0;
		open &= !rc;
	}
	return 0;
}

static void note_seen(struct mix_thread *t)
{
	size_t n = select_names(t->run->s->set);

	for (size_t i = 0; i < n; i++)
		if (!t->seen[i] && select_has(t->sel, i))
			t->seen[i] = 1;
}

/* Number of rules that remove the document, before its text changes; *first: the first. -1. */
static int decide(struct mix_thread *t, struct doc *d, size_t *first)
{
	const struct mix_run *r = t->run;
	int n = 0;

	memset(t->hit, 0, r->at.n);
	select_open(t->sel, &d->j);
	note_seen(t);
	t->docs++;
	if (r->s->has_sample)
		t->hit[r->at.sample] = !in_sample(r->s, d);
	if (t->hit[r->at.sample] && !(r->flags & MIX_RULES)) {
		*first = r->at.sample;
		return 1;
	}
	if (try_include(t) < 0 || try_exclude(t) < 0)
		return -1;
	*first = r->at.n;
	if (t->hit[r->at.sample])
		*first = r->at.sample, n++;
	if (t->hit[0])
		*first = *first == r->at.n ? 0 : *first, n++;
	for (size_t i = r->at.exclude; i < r->at.span; i++)
		if (t->hit[i])
			*first = *first == r->at.n ? i : *first, n++;
	return n;
}

static void count(struct mix_thread *t, const struct doc *d, int n_removing)
{
	const struct mix_run *r = t->run;

	for (size_t i = 0; i < r->at.n; i++) {
		int selects = i >= r->at.include && i < r->at.exclude;

		if (!t->hit[i] || (i >= r->at.span && i < r->at.min_length))
			continue;
		t->tally[i].docs++;
		t->tally[i].chars += d->n_cp;
		t->tally[i].only += !selects && n_removing == 1;
	}
}

/* --- spans ------------------------------------------------------------------------------------- */

/* The string that replaces: fixed, or taken from the document. */
static int replacement(
    struct mix_thread *t, struct doc *d, const struct mix_span *p, const char **with, size_t *len)
{
	struct jspan v;
	char *s;

	*with = p->replacement;
	*len = strlen(p->replacement);
	if (p->value < 0)
		return 0;
	if (select_value(t->sel, p->value, &v) < 0)
		return rule_error(&p->rule);
	if (jspan_type(v) != JT_STRING) {
		err_set("replacement %s gives no string", p->replacement);
		return rule_error(&p->rule);
	}
	t->text.len = 0;
	jscan_str(v, &t->text);
	s = doc_alloc(d, t->text.len + 1);
	memcpy(s, t->text.p, t->text.len);
	*with = s;
	*len = t->text.len;
	return 0;
}

static struct piece *add_piece(struct mix_thread *t)
{
	if (t->n_piece == t->cap_piece) {
		t->cap_piece = t->cap_piece ? 2 * t->cap_piece : 16;
		t->piece = xreallocarray(t->piece, t->cap_piece, sizeof *t->piece);
	}
	return &t->piece[t->n_piece++];
}

/* The spans of one rule.  0, -1. */
static int collect(struct mix_thread *t, struct doc *d, size_t rule)
{
	const struct mix_span *p = &t->run->s->span[rule];
	struct jspan v;
	size_t n = 0, len = 0;
	const char *with = NULL;

	if (select_value(t->sel, p->rule.expr, &v) < 0)
		return rule_error(&p->rule);
	if (jspan_type(v) == JT_NONE || jspan_type(v) == JT_NULL)
		return 0;
	if (spans_parse(v, &t->spans, &n, &t->cap_spans) < 0)
		return rule_error(&p->rule);
	for (size_t i = 0; i < n; i++) {
		const struct span *s = &t->spans[i];
		struct piece *c;

		if (!(s->score >= p->min_score && s->score < p->max_score))
			continue;
		if (s->end < s->start) {
			err_set("span [%llu, %llu] ends before it starts",
			    (unsigned long long)s->start, (unsigned long long)s->end);
			return rule_error(&p->rule);
		}
		if (!with && replacement(t, d, p, &with, &len) < 0)
			return -1;
		c = add_piece(t);
		*c = (struct piece){s->start, s->end, rule, with, len, t->n_piece};
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Append the replacement, with "{}" as the text that was there. */
static void put_replacement(struct buf *b, const struct piece *p, const char *was, size_t len)
{
	const char *s = p->with, *end = p->with + p->with_len;

	while (s < end) {
		const char *hole = memchr(s, '{', (size_t)(end - s));

		if (!hole || hole + 1 >= end) {
			buf_add(b, s, (size_t)(end - s));
			return;
		}
		if (hole[1] == '}') {
			buf_add(b, s, (size_t)(hole - s));
			buf_add(b, was, len);
			s = hole + 2;
		} else {
			buf_add(b, s, (size_t)(hole + 1 - s));
			s = hole + 1;
		}
	}
}

static void count_piece(struct mix_thread *t, const struct piece *p, uint64_t chars)
{
	size_t i = t->run->at.span + p->rule;

	t->tally[i].docs += !t->hit[i];
	t->tally[i].chars += chars;
	t->hit[i] = 1;
}

/* The new text into t->text. */
static void replace(struct mix_thread *t, const struct doc *d)
{
	size_t pos = 0, pos_byte = 0;

	for (size_t i = 0; i < t->n_piece; i++) {
		const struct piece *p = &t->piece[i];
		uint64_t end = p->end < d->n_cp ? p->end : d->n_cp;
		size_t from, to;

		t->clipped += p->end > d->n_cp;
		if (p->start < pos || p->start > d->n_cp ||
		    (p->start == d->n_cp && p->end > p->start))
			continue;
		from = pos_byte + utf8_offset(d->text + pos_byte, d->text_len - pos_byte,
				      (size_t)p->start - pos);
		to = from +
		     utf8_offset(d->text + from, d->text_len - from, (size_t)(end - p->start));
		buf_add(&t->text, d->text + pos_byte, from - pos_byte);
		put_replacement(&t->text, p, d->text + from, to - from);
		count_piece(t, p, end - p->start);
		pos = (size_t)end;
		pos_byte = to;
	}
	buf_add(&t->text, d->text + pos_byte, d->text_len - pos_byte);
}

/* The same as the original does it, one character at a time, which goes wrong at spans of length
 * zero and at spans that start at or behind the end of the text. */
static void replace_compat(struct mix_thread *t, const struct doc *d)
{
	const struct piece *p = t->piece, *end = p + t->n_piece;
	size_t byte, span_byte = 0;
	uint64_t i = 0;
	int len;

	for (byte = 0; byte < d->text_len; byte += (size_t)len, i++) {
		utf8_next(d->text + byte, &len);
		if (p == end) {
			buf_add(&t->text, d->text + byte, (size_t)len);
			continue;
		}
		if (i == p->start)
			span_byte = byte;
		if (i >= p->start && i < p->end)
			continue;
		if (i == p->end) {
			put_replacement(&t->text, p, d->text + span_byte, byte - span_byte);
			count_piece(t, p, p->end - p->start);
			while (p < end && p->start < i)
				p++;
		}
		if (p < end && p->start == i)
			span_byte = byte;
		else
			buf_add(&t->text, d->text + byte, (size_t)len);
	}
	if (p < end) {
		put_replacement(&t->text, p, d->text + span_byte, d->text_len - span_byte);
		count_piece(t, p, p->start < i ? i - p->start : 0);
	}
}

/* The text after all span rules: *text, *len. 0, -1. */
static int new_text(struct mix_thread *t, struct doc *d, const char **text, size_t *len)
{
	*text = d->text;
	*len = d->text_len;
	t->n_piece = 0;
	for (size_t i = 0; i < t->run->s->n_span; i++)
		if (collect(t, d, i) < 0)
			return -1;
	if (!t->n_piece)
		return 0;
	qsort(t->piece, t->n_piece, sizeof *t->piece, by_start);
	t->text.len = 0;
	if (t->run->flags & MIX_COMPAT)
		replace_compat(t, d);
	else
		replace(t, d);
	*text = buf_cstr(&t->text);
	*len = t->text.len;
	return 0;
}

/* Unicode White_Space, as Rust's trim takes it. */
static int is_space(uint32_t cp)
{
	return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
	       (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
	       cp == 0x205f || cp == 0x3000;
}

static size_t trimmed_len(const char *s, size_t n)
{
	size_t first = n, last = 0;
	int len;

	for (size_t i = 0; i < n; i += (size_t)len)
		if (!is_space(utf8_next(s + i, &len))) {
			first = first < i ? first : i;
			last = i + (size_t)len;
		}
	return first < last ? last - first : 0;
}

/* Is the text shorter than the limit? Looks at no more of it than needed. */
static int too_short(const struct mix_stream *s, const char *text, size_t len)
{
	return s->min_text_length && trimmed_len(text, len) < s->min_text_length;
}

/* --- the document as it is written ------------------------------------------------------------- */

static int is_discarded(const struct mix_stream *s, struct jspan key)
{
	for (size_t i = 0; i < s->n_discard; i++)
		if (jspan_streq(key, s->discard[i]))
			return 1;
	return 0;
}

static const char *last_piece(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_key(struct buf *b, struct jspan key, char before)
{
	buf_chr(b, before);
	buf_add(b, key.p, key.len);
	buf_chr(b, ':');
}

/* {"a":…,"provenance":"FILE:LINE"} */
static void put_metadata(struct buf *b, struct jspan old, const struct doc *d, const char *file)
{
	struct jiter it = jiter_open(old);
	struct jspan k, v;
	struct buf name = {0};
	char before = '{';
	size_t bad;

	while (it.object && jiter_next(&it, &k, &v)) {
		if (jspan_streq(k, "provenance"))
			continue;
		put_key(b, k, before);
		buf_add(b, v.p, v.len);
		before = ',';
	}
	buf_chr(b, before);
	buf_str(b, "\"provenance\":");
	buf_printf(&name, "%s:%llu", last_piece(file), (unsigned long long)d->lineno);
	if (!utf8_valid(name.p, name.len, &bad))
		for (size_t i = 0; i < name.len; i++)
			if ((unsigned char)name.p[i] >= 0x80)
				name.p[i] = '?';
	jstr_put(b, name.p, name.len);
	buf_chr(b, '}');
	buf_release(&name);
}

/* Members in their order, as bytes, but for what changes; of equal keys among the changing ones
 * the last, which is the one that counts. */
static void put_doc(struct mix_thread *t, const struct doc *d, const char *text, size_t len,
    const char *file, struct buf *b)
{
	static const char meta[] = "\"metadata\"";
	struct jiter it = jiter_open(d->j.object);
	struct jspan k, v, old = {NULL, 0};
	int has_metadata = 0;
	char before = '{';

	buf_need(b, d->len + 256);
	while (jiter_next(&it, &k, &v)) {
		int is_text = jspan_streq(k, "text"), is_meta = jspan_streq(k, "metadata");

		if ((is_text && v.p != d->j.f[J_TEXT].p) ||
		    (is_meta && v.p != d->j.f[J_METADATA].p) || is_discarded(t->run->s, k))
			continue;
		put_key(b, k, before);
		before = ',';
		if (is_text && text != d->text)
			jstr_put(b, text, len);
		else if (is_meta)
			put_metadata(b, v, d, file);
		else
			buf_add(b, v.p, v.len);
		has_metadata |= is_meta;
	}
	if (!has_metadata) {
		put_key(b, (struct jspan){meta, sizeof meta - 1}, before);
		put_metadata(b, old, d, file);
	}
	buf_str(b, "}\n");
}

/* --- examples ---------------------------------------------------------------------------------- */

/* The rule of a place in the layout; label "include", "min_text_length" or "sample" without
 * text. */
static struct mix_rule rule_at(const struct mix_run *r, size_t i)
{
	static char names[][16] = {"include", "min_text_length", "sample"};
	static char none[] = "";
	const struct mix_stream *s = r->s;

	if (i == 0 || i >= r->at.min_length)
		return (struct mix_rule){
		    .label = names[i ? i - r->at.min_length + 1 : 0], .text = none};
	if (i < r->at.exclude)
		return s->include[i - r->at.include];
	if (i < r->at.span)
		return s->exclude[i - r->at.exclude];
	return s->span[i - r->at.span].rule;
}

/* {"name":raw,…}: the attributes that the rule names, without long ones. */
static void put_values(struct mix_thread *t, const struct doc *d, const struct mix_rule *rule)
{
	const struct select_set *set = t->run->s->set;
	struct jspan v;

	t->value.len = 0;
	for (size_t i = 0; *rule->text && i < select_names(set); i++) {
		const char *name = select_name(set, i);

		if (!select_uses(set, rule->expr, i) ||
		    jspan_type(d->j.f[J_ATTRIBUTES]) != JT_OBJECT ||
		    !jspan_member(d->j.f[J_ATTRIBUTES], name, &v) || v.len > MIXDROP_VALUE)
			continue;
		buf_chr(&t->value, t->value.len ? ',' : '{');
		jstr_put(&t->value, name, strlen(name));
		buf_chr(&t->value, ':');
		buf_add(&t->value, v.p, v.len);
	}
	if (t->value.len)
		buf_chr(&t->value, '}');
}

/* Does this place in the layout stand for documents that are removed, other than by chance? */
static int removes(const struct mix_run *r, size_t i)
{
	return i == 0 || (i >= r->at.exclude && i < r->at.span) || i == r->at.min_length;
}

/* The document is removed by all rules that hit; text: what the rules saw. */
static void note_examples(struct mix_thread *t, struct doc *d, const char *text, size_t len)
{
	const struct mix_run *r = t->run;

	for (size_t i = 0; t->examples && i < r->at.n; i++) {
		struct mix_rule rule;

		if (!t->hit[i] || !removes(r, i))
			continue;
		rule = rule_at(r, i);
		put_values(t, d, &rule);
		mixdrop_add(t->examples, i, d, text, len, &t->value);
	}
}

int mix_doc(struct mix_thread *t, struct doc *d, const char *file, struct buf *out)
{
	const struct mix_run *r = t->run;
	const char *text;
	size_t len, first;
	int n = decide(t, d, &first), changed = 0, rule = -1;

	if (n < 0)
		return -1;
	if (n) {
		t->dropped[first]++;
		count(t, d, n);
		note_examples(t, d, d->text, d->text_len);
		return 0;
	}
	if (new_text(t, d, &text, &len) < 0)
		return -1;
	if (too_short(r->s, text, len)) {
		t->hit[r->at.min_length] = 1;
		t->dropped[r->at.min_length]++;
		count(t, d, 1);
		note_examples(t, d, text, len);
		return 0;
	}
	count(t, d, 0);
	for (size_t i = r->at.span; i < r->at.min_length; i++)
		if (t->hit[i])
			changed++, rule = (int)i;
	if (changed == 1)
		t->tally[rule].only++;
	put_doc(t, d, text, len, file, out);
	return 1;
}

/* --- explaining -------------------------------------------------------------------------------- */

static void say(FILE *f, const struct doc *d, const char *label, const char *text)
{
	fprintf(f, "%s:%llu\t%s%s%s\n", d->file, (unsigned long long)d->lineno, label,
	    *text ? " " : "", text);
}

static void say_rules(struct mix_thread *t, const struct doc *d, FILE *f)
{
	const struct mix_run *r = t->run;

	if (t->hit[r->at.sample])
		say(f, d, "sample", "");
	if (t->hit[0])
		say(f, d, "include", "(none of the list holds)");
	for (size_t i = 0; i < r->s->n_exclude; i++)
		if (t->hit[r->at.exclude + i])
			say(f, d, r->s->exclude[i].label, r->s->exclude[i].text);
	if (t->hit[r->at.min_length])
		say(f, d, "min_text_length", "");
}

int mix_explain(struct mix_thread *t, struct doc *d, const char *id, FILE *f)
{
	const struct mix_run *r = t->run;
	const char *text;
	size_t len, first;
	int n;

	if (!jspan_streq(d->j.f[J_ID], id))
		return 2;
	n = decide(t, d, &first);
	if (n < 0)
		return -1;
	if (!n) {
		if (new_text(t, d, &text, &len) < 0)
			return -1;
		n = t->hit[r->at.min_length] = (unsigned char)too_short(r->s, text, len);
	}
	say_rules(t, d, f);
	return !n;
}

/* --- the end ----------------------------------------------------------------------------------- */

static void sum_threads(struct mix_run *r, uint64_t *dropped, uint64_t *clipped)
{
	size_t n_names = select_names(r->s->set);

	for (struct mix_thread *t = r->threads; t; t = t->next) {
		r->docs += t->docs;
		*clipped += t->clipped;
		for (size_t i = 0; i < r->at.n; i++) {
			r->tally[i].docs += t->tally[i].docs;
			r->tally[i].chars += t->tally[i].chars;
			r->tally[i].only += t->tally[i].only;
			dropped[i] += t->dropped[i];
		}
		for (size_t i = 0; i < n_names; i++)
			r->seen[i] |= t->seen[i];
		if (r->examples)
			mixdrop_merge(r->examples, t->examples);
	}
}

/* One rule's names that no document has; their number. */
static int unseen(const struct mix_run *r, const struct mix_rule *rule)
{
	int n = 0;

	for (size_t i = 0; i < select_names(r->s->set); i++)
		if (!r->seen[i] && select_uses(r->s->set, rule->expr, i)) {
			warn("stream '%s': %s names the attribute '%s', which none of %llu "
			     "documents has: %s",
			    r->s->name, rule->label, select_name(r->s->set, i),
			    (unsigned long long)r->docs, rule->text);
			n++;
		}
	return n;
}

int mix_run_end(struct mix_run *r)
{
	uint64_t *dropped = xcalloc(r->at.n, sizeof *dropped), clipped = 0;
	int n_unseen = 0;

	sum_threads(r, dropped, &clipped);
	for (size_t i = 0; i < r->at.n; i++) {
		char *name = xasprintf("dropped:%s:%s", r->s->name, rule_at(r, i).label);

		if (dropped[i])
			stats_add(name, dropped[i]);
		free(name);
	}
	free(dropped);
	if (clipped) {
		stats_add("spans_clipped", clipped);
		warn("stream '%s': %llu spans end behind their text and were cut", r->s->name,
		    (unsigned long long)clipped);
	}
	for (size_t i = 1; r->docs && i < r->at.min_length; i++) {
		struct mix_rule rule = rule_at(r, i);

		n_unseen += unseen(r, &rule);
	}
	if (!n_unseen || !(r->flags & MIX_STRICT))
		return 0;
	err_set("stream '%s': rules name attributes that no document has", r->s->name);
	return -1;
}

void mix_report_head(FILE *f)
{
	fputs("rule\tdocs\tchars\tonly_this_rule\n", f);
}

/* "STREAM: exclude[0] EXPRESSION", on one line. */
static char *full_name(const struct mix_run *r, size_t i)
{
	struct mix_rule rule = rule_at(r, i);
	char *s =
	    xasprintf("%s: %s%s%s", r->s->name, rule.label, *rule.text ? " " : "", rule.text);

	for (char *p = s; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return s;
}

void mix_run_report(const struct mix_run *r, FILE *f)
{
	for (size_t i = 0; i < r->at.n; i++) {
		const struct tally *t = &r->tally[i];
		char *name;

		if ((i == 0 && !r->s->n_include) ||
		    (i == r->at.min_length && !r->s->min_text_length) ||
		    (i == r->at.sample && !r->s->has_sample))
			continue;
		name = full_name(r, i);
		fprintf(f, "%s\t%llu\t%llu\t%llu\n", name, (unsigned long long)t->docs,
		    (unsigned long long)t->chars, (unsigned long long)t->only);
		free(name);
	}
}

void mix_run_examples(const struct mix_run *r, struct buf *b)
{
	for (size_t i = 0; i < r->at.n; i++) {
		char *name = full_name(r, i);

		mixdrop_put(r->examples, i, name, b);
		free(name);
	}
}
