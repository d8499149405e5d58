#include "text/ftrule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "text/uchar.h"

enum { PARA = 1, EN = 2, NEG = 4, MIN = 8, DOC = 16 };

#define ANY "a key for each label of the model"

static const struct langrule rules[] = {
    {"ft_lang_id_1e2", "doc", ANY, MIN},
    {"ft_lang_id_doc_v1", "doc", ANY, 0},
    {"ft_lang_id_en_doc_v2", "doc", "en,not_en", EN | NEG},
    {"ft_lang_id_en_only_v2", "doc", "en", EN},
    {"ft_lang_id_en_paragraph_v2", "para", "en,not_en", PARA | EN | NEG},
    {"ft_lang_id_en_paragraph_with_doc_score_v2", "para,doc", "en,not_en,doc_en,doc_not_en",
	PARA | EN | NEG | DOC},
    {"ft_lang_id_paragraph_v1", "para", ANY, PARA},
};

const struct langrule *langrule_at(size_t i)
{
	return i < sizeof(rules) / sizeof(*rules) ? &rules[i] : NULL;
}

const struct langrule *langrule_find(const char *name)
{
	const struct langrule *l;

	for (size_t i = 0; (l = langrule_at(i)); i++)
		if (!strcmp(l->name, name))
			break;
	return l;
}

int ftrun_init(struct ftrun *r, const struct ft *m)
{
	*r = (struct ftrun){.model = m, .work = ftwork_new(m)};
	return r->work ? 0 : -1;
}

void ftrun_release(struct ftrun *r)
{
	ftwork_free(r->work);
	buf_release(&r->low);
	free(r->doc);
	*r = (struct ftrun){0};
}

void ftrun_next(struct ftrun *r)
{
	r->has_doc = 0;
}

/* At most first_bytes of the text, a whole number of characters. */
static size_t cut(const struct ftrun *r, const char *s, size_t n)
{
	if (!r->first_bytes || n <= r->first_bytes)
		return n;
	for (n = r->first_bytes; n && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

/* The model's answer to s, in lower case or as it is, stripped. */
static size_t ask(struct ftrun *r, const char *s, size_t n, int lower, const struct ft_pred **p)
{
	size_t from, to;

	n = cut(r, s, n);
	if (lower) {
		r->low.len = 0;
		text_lower(s, n, &r->low);
		s = r->low.p, n = r->low.len;
	}
	text_strip(s, n, &from, &to);
	return ft_predict(r->model, r->work, s + from, to - from, p);
}

/* The same for the whole document, kept for the next rule. */
static size_t ask_doc(struct ftrun *r, const struct segment *g, const struct ft_pred **p)
{
	if (!r->has_doc) {
		size_t n = ask(r, g->text, g->len, 1, p);

		if (n == FT_FAILED)
			return n;
		if (n > r->cap_doc) {
			r->cap_doc = n;
			r->doc = xreallocarray(r->doc, n, sizeof(*r->doc));
		}
		if (n)
			memcpy(r->doc, *p, n * sizeof(**p));
		r->n_doc = n, r->has_doc = 1;
	}
	*p = r->doc;
	return r->n_doc;
}

/* A label without the prefix. */
static const char *language(const struct ftrun *r, int32_t label)
{
	const char *s = ft_label(r->model, label);
	size_t k = strlen(ft_prefix(r->model));

	return strncmp(s, ft_prefix(r->model), k) ? s : s + k;
}

static double probability_en(const struct ftrun *r, const struct ft_pred *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(language(r, p[i].label), "en"))
			return p[i].p;
	return 0;
}

/* Python's round(v, 2). */
static double round2(double v)
{
	char s[32];

	snprintf(s, sizeof(s), "%.2f", v);
	return strtod(s, NULL);
}

struct target {
	struct attrs *a;
	const char *name, *tagger;
};

static void put(const struct target *t, const char *type, uint64_t start, uint64_t end, double v)
{
	attrs_span(t->a, attrs_key3(t->a, t->name, t->tagger, type), start, end, v);
}

/* Spans of one text or paragraph; the negatives of Dolma come after all positives. */
static double emit(const struct langrule *l, const struct ftrun *r, const struct ft_pred *p,
    size_t n, const struct target *t, uint64_t start, uint64_t end)
{
	if (l->flags & EN) {
		double en = probability_en(r, p, n);

		put(t, "en", start, end, en);
		return en;
	}
	for (size_t i = 0; i < n; i++) {
		double v = p[i].p;

		if (l->flags & MIN) {
			if (v <= 0.01)
				continue;
			v = round2(v);
		}
		put(t, language(r, p[i].label), start, end, v);
	}
	return 0;
}

static int run_doc(
    const struct langrule *l, struct ftrun *r, struct segment *g, const struct target *t)
{
	const struct ft_pred *p;
	size_t n = ask_doc(r, g, &p);
	double en;

	if (n == FT_FAILED)
		return -1;
	en = emit(l, r, p, n, t, 0, g->n_cp);
	if (l->flags & NEG)
		put(t, "not_en", 0, g->n_cp, 1 - en);
	return 0;
}

static int run_para(
    const struct langrule *l, struct ftrun *r, struct segment *g, const struct target *t)
{
	const struct lines *lines = segment_lines(g);
	double *en = NULL, sum = 0, all;
	size_t k = 0;
	int rc = 0;

	en = xreallocarray(NULL, lines->n, sizeof(*en));
	for (size_t i = 0; i < lines->n && !rc; i++) {
		const struct line *x = &lines->v[i];
		const struct ft_pred *p;
		size_t n;

		if (!line_is_paragraph(x))
			continue;
		n = ask(r, g->text + x->off, x->len, 1, &p);
		if (n == FT_FAILED) {
			rc = -1;
			break;
		}
		en[k] = emit(l, r, p, n, t, x->cp, x->end_cp);
		sum += (double)(x->end_cp - x->cp) * en[k++];
	}
	for (size_t i = 0, j = 0; i < lines->n && !rc && (l->flags & NEG); i++)
		if (line_is_paragraph(&lines->v[i]))
			put(t, "not_en", lines->v[i].cp, lines->v[i].end_cp, 1 - en[j++]);
	free(en);
	if (rc || !(l->flags & DOC))
		return rc;
	all = g->n_cp ? sum / (double)g->n_cp : 0;
	put(t, "doc_en", 0, g->n_cp, all);
	put(t, "doc_not_en", 0, g->n_cp, g->n_cp ? 1 - all : 0);
	return 0;
}

int langrule_run(const struct langrule *l, struct ftrun *r, struct segment *g, struct attrs *a,
    const char *name, const char *tagger)
{
	const struct target t = {a, name, tagger};

	return (l->flags & PARA ? run_para : run_doc)(l, r, g, &t);
}

static int classify(struct ftrun *r, const char *s, size_t len, const struct target *t,
    uint64_t start, uint64_t end)
{
	const struct ft_pred *p;
	size_t n = ask(r, s, len, 0, &p), first;

	if (n == FT_FAILED)
		return -1;
	first = n == 2 && strstr(ft_label(r->model, p[0].label), "non");
	for (size_t i = 0; i < n; i++) {
		const struct ft_pred *x = &p[n == 2 ? i ^ first : i];

		put(t, ft_label(r->model, x->label), start, end, x->p);
	}
	return 0;
}

int ftrule_run(struct ftrun *r, struct segment *g, int paragraphs, struct attrs *a,
    const char *name, const char *tagger)
{
	const struct target t = {a, name, tagger};
	const struct lines *lines;

	if (!paragraphs)
		return classify(r, g->text, g->len, &t, 0, g->n_cp);
	lines = segment_lines(g);
	for (size_t i = 0; i < lines->n; i++) {
		const struct line *x = &lines->v[i];

		if (line_is_paragraph(x) &&
		    classify(r, g->text + x->off, x->len, &t, x->cp, x->end_cp) < 0)
			return -1;
	}
	return 0;
}
