#include "eval/metric.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"
#include "doc/jscan.h"

static const char *const name_of[M_COUNT] = {"acc_raw", "acc_per_token", "acc_per_char",
    "acc_per_byte", "len_norm", "acc_uncond", "ce_loss", "bpb", "f1"};

const char *metric_name(enum metric m)
{
	return name_of[m];
}

int metric_by_name(const char *name, enum metric *m)
{
	int i;

	for (i = 0; i < M_COUNT; i++)
		if (strcmp(name, name_of[i]) == 0) {
			*m = (enum metric)i;
			return 0;
		}
	return -1;
}

/* -- documents ----------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct request *x = *(const struct request *const *)a;
	const struct request *y = *(const struct request *const *)b;

	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	if (x->doc != y->doc)
		return x->doc < y->doc ? -1 : 1;
	if (x->idx != y->idx)
		return x->idx < y->idx ? -1 : 1;
	if (x->uncond != y->uncond)
		return x->uncond - y->uncond;
	return x < y ? -1 : x > y; /* as in the file */
}

static int check_same(
    const struct request_set *s, const struct request *x, const struct request *y)
{
	if (x->task == y->task && x->doc == y->doc && x->idx == y->idx && x->uncond == y->uncond) {
		err_set("lines %llu and %llu are both choice %d of document %lld of task %s",
		    (unsigned long long)x->line, (unsigned long long)y->line, y->idx,
		    (long long)(y->doc + (y->uncond ? REQUEST_UNCOND : 0)), s->task[y->task]);
		return -1;
	}
	return 0;
}

/* Rows r[0..n) are one document's, by idx. */
static void fill_doc(struct metric_doc *d, const struct request *const *r, size_t n)
{
	int i, largest = -1, want = 0, label = REQUEST_NO_LABEL;
	size_t k;

	for (k = 0; k < n; k++)
		if (!r[k]->uncond) {
			largest = r[k]->idx;
			want = r[k]->n_choices > want ? r[k]->n_choices : want;
			label = r[k]->label;
		}
	/* idx beyond what can be an index of these rows are gaps, not memory */
	d->n = largest + 1 > (int)n ? (int)n : largest + 1;
	d->label = label;
	d->choice = xcalloc((size_t)d->n + 1, sizeof(struct request *));
	d->uncond = xcalloc((size_t)d->n + 1, sizeof(struct request *));
	for (k = 0; k < n; k++)
		if (r[k]->idx < d->n)
			(r[k]->uncond ? d->uncond : d->choice)[r[k]->idx] = r[k];
	d->complete = largest >= 0 && d->n == largest + 1 && d->n >= want && label < d->n;
	for (i = 0; i < d->n; i++)
		d->complete &= d->choice[i] != NULL;
}

/* -- numbers ------------------------------------------------------------------------------- */

static size_t chars(const struct request *r)
{
	return utf8_count(r->continuation, strlen(r->continuation));
}

static double over(double x, size_t n)
{
	return n == 0 ? NAN : x / (double)n;
}

static double quality(const struct metric_doc *d, int i, enum metric m)
{
	const struct request *r = d->choice[i];

	switch (m) {
	case M_ACC_RAW:
		return r->ll;
	case M_ACC_PER_TOKEN:
		return over(r->ll, r->n_tokens);
	case M_ACC_UNCOND:
		return d->uncond[i] == NULL ? NAN : r->ll - d->uncond[i]->ll;
	default:
		break;
	}
	if (r->continuation == NULL || r->continuation[0] == '\0')
		return NAN;
	if (m == M_ACC_PER_CHAR)
		return over(r->ll, chars(r));
	if (m == M_ACC_PER_BYTE)
		return over(r->ll, strlen(r->continuation) - 1);
	return over(r->ll, chars(r) - 1);
}

static int answer(const struct metric_doc *d, enum metric m)
{
	int i, best = 0;
	double q, top = -INFINITY;

	for (i = 0; i < d->n; i++) {
		q = quality(d, i, m);
		if (isnan(q))
			return -1;
		if (q > top) {
			top = q;
			best = i;
		}
	}
	return d->n == 0 ? -1 : best;
}

static void judge_doc(struct metric_doc *d)
{
	const struct request *gold = NULL;
	int m;

	for (m = 0; m < M_CHOICE; m++) {
		d->answer[m] = d->complete ? answer(d, (enum metric)m) : -1;
		d->value[m] = d->label < 0 || d->answer[m] < 0 ? NAN : d->answer[m] == d->label;
	}
	if (d->label < 0 && d->n == 1)
		gold = d->choice[0];
	else if (d->label >= 0 && d->label < d->n)
		gold = d->choice[d->label];
	d->value[M_CE_LOSS] = d->value[M_BPB] = NAN;
	if (gold == NULL || gold->continuation == NULL || gold->continuation[0] == '\0')
		return;
	d->value[M_CE_LOSS] = over(-gold->ll, chars(gold) - 1);
	d->value[M_BPB] = over(-gold->ll / log(2.0), strlen(gold->continuation) - 1);
}

static double f1(const struct metric_task *t)
{
	size_t i, tp = 0, wrong = 0, n = 0;

	for (i = 0; i < t->n_doc; i++) {
		const struct metric_doc *d = &t->doc[i];

		if (!d->complete)
			continue;
		if (d->n != 2 || d->label < 0)
			return NAN;
		n++;
		tp += d->label == 0 && d->answer[M_ACC_RAW] == 0;
		wrong += d->label != d->answer[M_ACC_RAW];
	}
	if (n == 0)
		return NAN;
	return tp + wrong == 0 ? 0 : 2.0 * (double)tp / (double)(2 * tp + wrong);
}

/* What guessing gives. */
static double chance(const struct metric_task *t)
{
	double sum = 0;
	size_t i, n = 0;

	for (i = 0; i < t->n_doc; i++)
		if (t->doc[i].complete) {
			sum += 1.0 / t->doc[i].n;
			n++;
		}
	return isnan(t->value[M_ACC_RAW]) ? NAN : over(sum, n);
}

static void judge_task(struct metric_task *t)
{
	size_t i, n;
	double sum;
	int m;

	for (i = 0; i < t->n_doc; i++) {
		judge_doc(&t->doc[i]);
		t->n_incomplete += !t->doc[i].complete;
	}
	for (m = 0; m < M_DOCUMENT; m++) {
		sum = 0;
		n = 0;
		for (i = 0; i < t->n_doc; i++)
			if (t->doc[i].complete || m >= M_CHOICE) {
				sum += t->doc[i].value[m];
				n++;
			}
		t->value[m] = over(sum, n);
		t->stderr_[m] = m < M_CHOICE && n > 1
				    ? sqrt(t->value[m] * (1 - t->value[m]) / (double)(n - 1))
				    : NAN;
	}
	t->value[M_F1] = f1(t);
	t->stderr_[M_F1] = NAN;
	t->chance = chance(t);
}

/* -- tasks --------------------------------------------------------------------------------- */

static int by_first_row(const void *a, const void *b)
{
	const struct metric_doc *x = a, *y = b;

	return x->choice[x->n] < y->choice[y->n] ? -1 : x->choice[x->n] > y->choice[y->n];
}

/* Rows r[0..n) are one task's, by document. */
static void fill_task(struct metric_task *t, const struct request *const *r, size_t n)
{
	size_t i, k, m;
	struct metric_doc *d;

	for (i = 0; i < n; i = k) {
		for (k = i; k < n && r[k]->doc == r[i]->doc; k++)
			;
		t->doc = xreallocarray(t->doc, t->n_doc + 1, sizeof(*t->doc));
		d = &t->doc[t->n_doc++];
		memset(d, 0, sizeof(*d));
		fill_doc(d, r + i, k - i);
		d->choice[d->n] = r[i]; /* behind the choices: the document's first row */
		for (m = i; m < k; m++)
			if (r[m] < d->choice[d->n])
				d->choice[d->n] = r[m];
	}
	if (t->n_doc > 0)
		qsort(t->doc, t->n_doc, sizeof(*t->doc), by_first_row);
	judge_task(t);
}

struct metric_task *metric_compute(const struct request_set *s)
{
	const struct request **r = xreallocarray(NULL, s->n + 1, sizeof(*r));
	struct metric_task *t = xcalloc(s->n_task + 1, sizeof(*t));
	size_t i, k;

	for (i = 0; i < s->n; i++)
		r[i] = &s->r[i];
	qsort(r, s->n, sizeof(*r), by_place);
	for (i = 1; i < s->n; i++)
		if (check_same(s, r[i - 1], r[i]) < 0) {
			free(r);
			free(t);
			return NULL;
		}
	for (i = 0; i < s->n_task; i++) {
		t[i].name = s->task[i];
		for (k = 0; k < M_COUNT; k++)
			t[i].value[k] = t[i].stderr_[k] = t[i].chance = NAN;
	}
	for (i = 0; i < s->n; i = k) {
		for (k = i; k < s->n && r[k]->task == r[i]->task; k++)
			;
		fill_task(&t[r[i]->task], r + i, k - i);
	}
	free(r);
	return t;
}

void metric_free(struct metric_task *t, size_t n)
{
	size_t i, k;

	for (i = 0; t != NULL && i < n; i++) {
		for (k = 0; k < t[i].n_doc; k++) {
			free(t[i].doc[k].choice);
			free(t[i].doc[k].uncond);
		}
		free(t[i].doc);
	}
	free(t);
}

/* -- writing ------------------------------------------------------------------------------- */

static void put_choice(struct buf *b, const struct metric_doc *d, int i)
{
	const struct request *r = d->choice[i];

	if (r == NULL) {
		buf_str(b, "null");
		return;
	}
	buf_str(b, "{\"sum_logits\": ");
	buf_f64(b, r->ll, 1);
	if (r->n_tokens > 0) {
		buf_printf(b, ", \"num_tokens\": %u, \"logits_per_token\": ", r->n_tokens);
		buf_f64(b, r->ll / r->n_tokens, 1);
	}
	if (r->greedy >= 0)
		buf_printf(b, ", \"is_greedy\": %s", r->greedy ? "true" : "false");
	if (r->continuation != NULL && r->continuation[0] != '\0') {
		buf_printf(b,
		    ", \"num_chars\": %zu, \"num_bytes\": %zu, \"logits_per_char\": ", chars(r),
		    strlen(r->continuation));
		buf_f64(b, r->ll / (double)chars(r), 1);
	}
	if (d->uncond[i] != NULL) {
		buf_str(b, ", \"sum_logits_uncond\": ");
		buf_f64(b, d->uncond[i]->ll, 1);
	}
	buf_chr(b, '}');
}

void metric_put_doc(struct buf *b, const struct metric_task *t, const struct metric_doc *d)
{
	const struct request *r = d->choice[d->n];
	const char *sep = "";
	int i;

	buf_printf(b, "{\"doc_id\": %lld, \"native_id\": %s, \"task_name\": ", (long long)r->doc,
	    r->raw_id ? r->raw_id : "null");
	jstr_put(b, t->name, strlen(t->name));
	if (d->label >= 0)
		buf_printf(b, ", \"label\": %d", d->label);
	else
		buf_printf(b, ", \"label\": %s", r->raw_label ? r->raw_label : "null");
	buf_printf(b, ", \"complete\": %s, \"metrics\": {", d->complete ? "true" : "false");
	for (i = 0; i < M_DOCUMENT; i++) {
		if (i < M_CHOICE && d->answer[i] >= 0) {
			buf_printf(b, "%s\"predicted_%s\": %d", sep, name_of[i], d->answer[i]);
			sep = ", ";
		}
		if (isnan(d->value[i]))
			continue;
		buf_printf(b, "%s\"%s\": ", sep, name_of[i]);
		buf_f64(b, d->value[i], 1);
		sep = ", ";
	}
	buf_str(b, "}, \"model_output\": [");
	for (i = 0; i < d->n; i++) {
		buf_str(b, i > 0 ? ", " : "");
		put_choice(b, d, i);
	}
	buf_str(b, "]}\n");
}

void metric_put_task(struct buf *b, const struct metric_task *t)
{
	static const enum metric sorted[] = {M_ACC_PER_BYTE, M_ACC_PER_CHAR, M_ACC_PER_TOKEN,
	    M_ACC_RAW, M_ACC_UNCOND, M_BPB, M_CE_LOSS, M_F1, M_LEN_NORM};
	const char *sep = "";
	size_t i;

	for (i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++) {
		enum metric m = sorted[i];

		if (isnan(t->value[m]))
			continue;
		buf_printf(b, "%s\"%s\": ", sep, name_of[m]);
		buf_f64(b, t->value[m], 1);
		sep = ", ";
		if (isnan(t->stderr_[m]))
			continue;
		buf_printf(b, ", \"%s_stderr\": ", name_of[m]);
		buf_f64(b, t->stderr_[m], 1);
	}
}
