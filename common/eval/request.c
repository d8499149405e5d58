#include "eval/request.h"

#include <limits.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "doc/jscan.h"

/* -- rows ---------------------------------------------------------------------------------- */

static size_t task_index(struct request_set *s, const char *name)
{
	size_t i;

	for (i = s->n_task; i-- > 0;)
		if (strcmp(s->task[i], name) == 0)
			return i;
	s->task = xreallocarray(s->task, s->n_task + 1, sizeof(*s->task));
	s->task[s->n_task] = xstrdup(name);
	return s->n_task++;
}

struct request *request_new(struct request_set *s, const char *task)
{
	struct request *r;

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->r = xreallocarray(s->r, s->cap, sizeof(*s->r));
	}
	r = &s->r[s->n++];
	memset(r, 0, sizeof(*r));
	r->task = task_index(s, task);
	r->label = REQUEST_NO_LABEL;
	r->greedy = -1;
	return r;
}

void request_free(struct request *r)
{
	free(r->context);
	free(r->continuation);
	free(r->raw_doc);
	free(r->raw_id);
	free(r->raw_label);
}

void request_release(struct request_set *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		request_free(&s->r[i]);
	for (i = 0; i < s->n_task; i++)
		free(s->task[i]);
	free(s->r);
	free(s->task);
	memset(s, 0, sizeof(*s));
}

/* -- reading ------------------------------------------------------------------------------- */

static int member(struct jspan object, const char *name, struct jspan *v)
{
	return object.p != NULL && jspan_member(object, name, v);
}

/* The string at a member, NULL when there is none; -1 when it is something else. */
static int string_of(struct jspan object, const char *name, char **out)
{
	struct jspan v;
	struct buf b = {0};

	*out = NULL;
	if (!member(object, name, &v) || jspan_type(v) == JT_NULL)
		return 0;
	if (jscan_str(v, &b) < 0 || (b.len > 0 && memchr(b.p, 0, b.len) != NULL)) {
		buf_release(&b);
		err_set("'%s' is no string without NUL", name);
		return -1;
	}
	*out = buf_cstr(&b);
	return 0;
}

static int int_of(struct jspan object, const char *name, int64_t max, int64_t *out)
{
	struct jspan v;

	if (!member(object, name, &v) || jspan_i64(v, out) < 0 || *out < 0 || *out > max) {
		err_set("'%s' is no whole number from 0 to %lld", name, (long long)max);
		return -1;
	}
	return 0;
}

static char *raw_of(struct jspan object, const char *name)
{
	struct jspan v;

	return member(object, name, &v) ? xstrndup(v.p, v.len) : NULL;
}

static int choices_in(struct jspan doc)
{
	struct jspan v, key, item;
	struct jiter it;
	int n = 0;

	if (!member(doc, "choices", &v))
		return 0;
	if (jspan_type(v) == JT_OBJECT && !member(v, "text", &v))
		return 0;
	if (jspan_type(v) != JT_ARRAY)
		return 0;
	it = jiter_open(v);
	while (jiter_next(&it, &key, &item))
		n++;
	return n;
}

/* loglikelihood (or sum_logits), is_greedy, num_tokens (or the length of continuation_ids) */
static int scores_of(struct jspan o, struct request *r)
{
	struct jspan v, key, item;
	struct jiter it;
	int64_t n = 0;

	if (member(o, "is_greedy", &v) && jspan_type(v) != JT_NULL)
		r->greedy = jspan_type(v) == JT_TRUE;
	if (member(o, "num_tokens", &v)) {
		if (int_of(o, "num_tokens", INT_MAX, &n) < 0)
			return -1;
	} else if (member(o, "continuation_ids", &v) && jspan_type(v) == JT_ARRAY) {
		it = jiter_open(v);
		while (jiter_next(&it, &key, &item))
			n++;
	}
	r->n_tokens = (uint32_t)n;
	if (!member(o, "loglikelihood", &v) && !member(o, "sum_logits", &v))
		return 0;
	if (jspan_num(v, &r->ll) < 0 || r->ll - r->ll != 0) {
		err_set("'loglikelihood' is no finite number");
		return -1;
	}
	r->has_ll = 1;
	return 0;
}

static int texts_of(struct jspan object, struct request *r)
{
	struct jspan q, doc;

	if (!member(object, "request", &q))
		q = object;
	if (jspan_type(q) != JT_OBJECT) {
		err_set("'request' is no object");
		return -1;
	}
	if (string_of(q, "context", &r->context) < 0 ||
	    string_of(q, "continuation", &r->continuation) < 0)
		return -1;
	if (member(object, "doc", &doc) && jspan_type(doc) == JT_OBJECT) {
		r->raw_doc = xstrndup(doc.p, doc.len);
		r->n_choices = choices_in(doc);
	}
	return 0;
}

static int label_of(struct jspan object, struct request *r)
{
	struct jspan v;
	int64_t n;

	r->raw_id = raw_of(object, "native_id");
	r->raw_label = raw_of(object, "label");
	if (!member(object, "label", &v) || jspan_type(v) != JT_NUMBER)
		return 0; /* a text: there is no choice to be right */
	if (int_of(object, "label", INT_MAX, &n) < 0)
		return -1;
	r->label = (int)n;
	return 0;
}

static int type_of(struct jspan object)
{
	struct jspan v;

	if (member(object, "request_type", &v) && !jspan_streq(v, "loglikelihood")) {
		err_set("request_type %.*s: only \"loglikelihood\" is scored", (int)v.len, v.p);
		return -1;
	}
	return 0;
}

static char *task_of(struct jspan object)
{
	static const char *const key[] = {"task_name", "task", "file"};
	char *name = NULL;
	size_t i;

	for (i = 0; i < sizeof(key) / sizeof(key[0]) && name == NULL; i++)
		if (string_of(object, key[i], &name) < 0)
			return NULL;
	if (name == NULL || name[0] == '\0') {
		free(name);
		err_set("no 'task_name'");
		return NULL;
	}
	return name;
}

int request_parse(struct request_set *s, const char *line, size_t len, uint64_t lineno)
{
	struct jscan j;
	struct request *r;
	int64_t doc, idx;
	char *task;

	if (jscan_line(&j, line, len) < 0 || type_of(j.object) < 0 ||
	    int_of(j.object, "doc_id", INT64_MAX, &doc) < 0 ||
	    int_of(j.object, "idx", INT_MAX - 1, &idx) < 0)
		return -1;
	task = task_of(j.object);
	if (task == NULL)
		return -1;
	r = request_new(s, task);
	free(task);
	r->uncond = doc >= REQUEST_UNCOND;
	r->doc = r->uncond ? doc - REQUEST_UNCOND : doc;
	r->idx = (int)idx;
	r->line = lineno;
	return texts_of(j.object, r) < 0 || label_of(j.object, r) < 0 || scores_of(j.object, r) < 0
		   ? -1
		   : 0;
}

/* -- writing ------------------------------------------------------------------------------- */

void request_put(struct buf *b, const struct request_set *s, const struct request *r)
{
	const char *cont = r->continuation ? r->continuation : "";
	const char *ctx = r->context ? r->context : "";

	buf_printf(b,
	    "{\"request_type\": \"loglikelihood\", \"doc\": %s, \"request\": {\"context\": ",
	    r->raw_doc ? r->raw_doc : "{}");
	jstr_put(b, ctx, strlen(ctx));
	buf_str(b, ", \"continuation\": ");
	jstr_put(b, cont, strlen(cont));
	buf_printf(b, "}, \"idx\": %d, \"task_name\": ", r->idx);
	jstr_put(b, s->task[r->task], strlen(s->task[r->task]));
	buf_printf(b, ", \"doc_id\": %lld, \"native_id\": %s, \"label\": ",
	    (long long)(r->doc + (r->uncond ? REQUEST_UNCOND : 0)),
	    r->raw_id ? r->raw_id : "null");
	if (r->label >= 0)
		buf_printf(b, "%d", r->label);
	else
		buf_str(b, r->raw_label ? r->raw_label : "null");
	buf_str(b, "}\n");
}

/* -- samples ------------------------------------------------------------------------------- */

/* CPython picks by a pool of what is left when n is small, else draws until the value is new. */
void request_sample(uint64_t seed, size_t n, size_t k, size_t *out)
{
	size_t set = 21, p, i, j, *pool = xreallocarray(NULL, n + 1, sizeof(*pool));
	struct mt19937 g;

	mt19937_seed(&g, seed);
	if (k > 5) {
		for (p = 1; p < 3 * k; p *= 4)
			;
		set += p;
	}
	for (i = 0; i < n; i++)
		pool[i] = n <= set ? i : 0;
	for (i = 0; i < k; i++) {
		if (n <= set) {
			j = (size_t)mt19937_below(&g, n - i);
			out[i] = pool[j];
			pool[j] = pool[n - i - 1];
			continue;
		}
		do
			j = (size_t)mt19937_below(&g, n);
		while (pool[j]);
		pool[j] = 1;
		out[i] = j;
	}
	free(pool);
}

/* A document of one task: its rank among the task's, and where it goes. */
struct place {
	size_t task;
	int64_t doc;
	size_t first; /* row */
	size_t rank;  /* SIZE_MAX: dropped */
};

static int by_doc(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	if (x->doc != y->doc)
		return x->doc < y->doc ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int by_row(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Ranks of one task's documents p[0..n), which are in order of their first row. */
static void rank_task(struct place *p, size_t n, size_t limit, uint64_t seed, int first)
{
	size_t i, *pick;

	for (i = 0; i < n; i++)
		p[i].rank = n <= limit || (first && i < limit) ? i : SIZE_MAX;
	if (n <= limit || first)
		return;
	pick = xreallocarray(NULL, limit + 1, sizeof(*pick));
	request_sample(seed, n, limit, pick);
	for (i = 0; i < limit; i++)
		p[pick[i]].rank = i;
	free(pick);
}

/* A row and the place of its document in the result. */
struct ranked {
	size_t task, rank, row;
	int uncond;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	if (x->uncond != y->uncond)
		return x->uncond - y->uncond;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static struct place *find_places(const struct request_set *s, size_t *n_doc)
{
	struct place *p = xreallocarray(NULL, s->n + 1, sizeof(*p));
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		p[i] = (struct place){s->r[i].task, s->r[i].doc, i, 0};
	qsort(p, s->n, sizeof(*p), by_doc);
	for (i = 0; i < s->n; i++)
		if (n == 0 || p[n - 1].task != p[i].task || p[n - 1].doc != p[i].doc)
			p[n++] = p[i];
	*n_doc = n;
	return p;
}

/* Rows in the order of o[0..n); the others are freed. */
static void reorder(struct request_set *s, const struct ranked *o, size_t n)
{
	struct request *r = xreallocarray(NULL, n + 1, sizeof(*r));
	char *kept = xcalloc(s->n + 1, 1);
	size_t i;

	for (i = 0; i < n; i++) {
		r[i] = s->r[o[i].row];
		kept[o[i].row] = 1;
	}
	for (i = 0; i < s->n; i++)
		if (!kept[i])
			request_free(&s->r[i]);
	free(kept);
	free(s->r);
	s->r = r;
	s->n = n;
	s->cap = n + 1;
}

void request_limit(struct request_set *s, size_t limit, uint64_t seed, int first)
{
	struct ranked *o;
	struct place *p, *q;
	size_t n_doc, i, k, n = 0;

	if (s->n == 0)
		return;
	p = find_places(s, &n_doc);
	qsort(p, n_doc, sizeof(*p), by_row);
	for (i = 0; i < n_doc; i = k) {
		for (k = i; k < n_doc && p[k].task == p[i].task; k++)
			;
		rank_task(p + i, k - i, limit, seed, first);
	}
	qsort(p, n_doc, sizeof(*p), by_doc);
	o = xreallocarray(NULL, s->n, sizeof(*o));
	for (i = 0; i < s->n; i++) {
		size_t lo = 0, hi = n_doc;

		while (hi - lo > 1) { /* the last document not behind this row's */
			size_t mid = lo + (hi - lo) / 2;

			q = &p[mid];
			if (q->task < s->r[i].task ||
			    (q->task == s->r[i].task && q->doc <= s->r[i].doc))
				lo = mid;
			else
				hi = mid;
		}
		if (p[lo].rank != SIZE_MAX)
			o[n++] = (struct ranked){s->r[i].task, p[lo].rank, i, s->r[i].uncond};
	}
	qsort(o, n, sizeof(*o), by_rank);
	reorder(s, o, n);
	free(o);
	free(p);
}
