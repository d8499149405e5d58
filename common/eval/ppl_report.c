#include "eval/ppl_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void ppl_report_counts(struct buf *b, const struct ppl_sum *s)
{
	buf_printf(b, "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64, s->tokens, s->bytes,
	    s->chars, s->words);
}

static void put_f64(struct buf *b, double v)
{
	if (isnan(v))
		buf_str(b, "nan");
	else
		buf_f64(b, v, 1);
}

void ppl_report_tsv(const struct ppl_table *t, struct buf *b)
{
	size_t i;

	buf_str(b, "source\tdomain\tsplit\tdocs\ttokens\tbytes\tchars\twords\tsum_ll\tbpb\tppl\n");
	for (i = 0; i < t->n; i++) {
		const struct ppl_row *r = t->row[i];

		buf_tsv(b, r->source, strlen(r->source));
		buf_chr(b, '\t');
		buf_tsv(b, r->domain, strlen(r->domain));
		buf_printf(b, "\t%s\t%" PRIu64, r->split, r->sum.docs);
		ppl_report_counts(b, &r->sum);
		buf_chr(b, '\t');
		buf_f64(b, r->sum.ll, 1);
		buf_chr(b, '\t');
		put_f64(b, ppl_bits_per_byte(&r->sum));
		buf_chr(b, '\t');
		put_f64(b, ppl_per_token(&r->sum));
		buf_chr(b, '\n');
	}
}

static json_t *real_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *sum_object(const struct ppl_sum *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "docs",
	    (json_int_t)s->docs, "tokens", (json_int_t)s->tokens, "bytes", (json_int_t)s->bytes,
	    "chars", (json_int_t)s->chars, "words", (json_int_t)s->words, "sum_ll",
	    real_or_null(s->ll), "bits_per_byte", real_or_null(ppl_bits_per_byte(s)), "ppl_token",
	    real_or_null(ppl_per_token(s)), "ppl_word",
	    real_or_null(exp(-s->ll / (double)s->words)), "ppl_char",
	    real_or_null(exp(-s->ll / (double)s->chars)), "ppl_byte",
	    real_or_null(exp(-s->ll / (double)s->bytes)));
}

/* Mean over domains (or sources) of what each has; what has none is left out. */
struct mean {
	double bpb, ppl;
	size_t n;
};

static void mean_add(struct mean *m, double bpb, double ppl)
{
	if (!isfinite(bpb) || !isfinite(ppl))
		return;
	m->bpb += bpb;
	m->ppl += ppl;
	m->n++;
}

static void set_mean(json_t *o, const struct mean *m, const char *of)
{
	json_object_set_new(o, of, json_integer((json_int_t)m->n));
	json_object_set_new(o, "macro_bits_per_byte", real_or_null(m->bpb / (double)m->n));
	json_object_set_new(o, "macro_ppl_token", real_or_null(m->ppl / (double)m->n));
}

/* Rows [i, *end) of one source; rows are sorted. */
static json_t *source_object(
    const struct ppl_table *t, size_t i, size_t *end, struct ppl_sum *total, struct mean *means)
{
	json_t *o, *domains = json_array();
	struct ppl_sum sum = {0};
	struct mean m = {0, 0, 0};
	size_t k;

	for (k = i; k < t->n && strcmp(t->row[k]->source, t->row[i]->source) == 0; k++) {
		const struct ppl_row *r = t->row[k];
		json_t *d = sum_object(&r->sum);

		json_object_set_new(d, "domain", json_string(r->domain));
		json_object_set_new(d, "split", json_string(r->split));
		json_array_append_new(domains, d);
		ppl_sum_add(&sum, &r->sum);
		mean_add(&m, ppl_bits_per_byte(&r->sum), ppl_per_token(&r->sum));
	}
	o = sum_object(&sum);
	set_mean(o, &m, "domains");
	json_object_set_new(o, "by_domain", domains);
	ppl_sum_add(total, &sum);
	mean_add(means, m.bpb / (double)m.n, m.ppl / (double)m.n);
	*end = k;
	return o;
}

void ppl_report_json(const struct ppl_table *t, json_t **sources, json_t **total)
{
	struct ppl_sum sum = {0};
	struct mean means = {0, 0, 0};
	size_t i, end;

	*sources = json_object();
	for (i = 0; i < t->n; i = end) {
		const char *name = t->row[i]->source;

		json_object_set_new(*sources, name, source_object(t, i, &end, &sum, &means));
	}
	*total = sum_object(&sum);
	set_mean(*total, &means, "sources");
}
