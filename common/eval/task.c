#include "eval/task.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"
#include "doc/jscan.h"
#include "text/uchar.h"

/* A row of a data set on its way to requests. */
struct row {
	const struct task *t;
	const char *name; /* what its rows are called */
	enum task_regime g;
	json_t *o;
	struct request_set *s;
	int64_t doc;
	int n;   /* choices so far */
	int bad; /* a field was missing; err_msg says which */
};

struct task {
	const char *name, *alias[3];
	const char *file[2][3]; /* by regime */
	enum metric primary[2];
	void (*build)(struct row *r);
};

/* -- fields -------------------------------------------------------------------------------- */

static const char *bad(struct row *r, const char *what)
{
	if (!r->bad)
		err_set("no %s (a row of %s has one)", what, r->t->name);
	r->bad = 1;
	return "";
}

static const char *str(struct row *r, const char *key)
{
	const char *v = json_string_value(json_object_get(r->o, key));

	return v != NULL ? v : bad(r, key);
}

/* A number, or digits in a string, counted from `base`; negative: the split has no labels. */
static int label(struct row *r, const char *key, int base)
{
	const json_t *v = json_object_get(r->o, key);
	const char *s = json_string_value(v);
	long n = -2;
	char *end;

	if (json_is_integer(v)) {
		n = json_integer_value(v) > 99 ? -2 : (long)json_integer_value(v);
	} else if (json_is_boolean(v)) {
		n = json_is_true(v);
	} else if (s != NULL && s[0] == '\0') {
		n = -1;
	} else if (s != NULL) {
		n = strtol(s, &end, 10);
		n = *end == '\0' && n <= 99 ? n : -2;
	}
	if (n < -1) {
		bad(r, key);
		return REQUEST_NO_LABEL;
	}
	return n < base ? REQUEST_NO_LABEL : (int)n - base;
}

/* The next choice: context, and what follows its space. */
static void put(struct row *r, struct buf *ctx, const char *choice, int gold)
{
	struct request *q = request_new(r->s, r->name);
	json_t *id = json_object_get(r->o, "id");

	q->doc = r->doc;
	q->idx = r->n++;
	q->label = gold;
	q->context = xstrdup(buf_cstr(ctx));
	q->continuation = xasprintf(" %s", choice);
	if (id != NULL)
		q->raw_id = json_dumps(id, JSON_ENCODE_ANY);
	q->line = (uint64_t)r->doc + 1;
}

static void put_all(struct row *r, struct buf *ctx, const char *const *choice, int n, int gold)
{
	int i;

	for (i = 0; i < n; i++)
		put(r, ctx, choice[i], gold);
	buf_release(ctx);
}

static void question(struct buf *b, const char *q)
{
	buf_printf(b, "Question: %s\nAnswer:", q);
}

/* -- text as the tasks' code cleans it ------------------------------------------------------- */

static void replace(struct buf *b, const char *from, const char *to)
{
	size_t n = strlen(from), i = 0;
	struct buf out = {0};

	while (i < b->len)
		if (b->len - i >= n && memcmp(b->p + i, from, n) == 0) {
			buf_str(&out, to);
			i += n;
		} else {
			buf_chr(&out, b->p[i++]);
		}
	buf_release(b);
	*b = out;
}

static void strip(struct buf *b)
{
	size_t start = 0, end = 0;

	if (b->len > 0)
		text_strip(b->p, b->len, &start, &end);
	if (b->len > 0)
		memmove(b->p, b->p + start, end - start);
	b->len = end - start;
}

static void detokenize(struct buf *b, const char *s)
{
	static const char *const rule[][2] = {
	    {" n't", "n't"}, {" )", ")"}, {"( ", "("}, {"\" ", "\""}, {" \"", "\""}};
	struct buf t = {0}, out = {0};
	size_t i;

	buf_str(&t, s);
	for (i = 0; i < sizeof(rule) / sizeof(rule[0]); i++)
		replace(&t, rule[i][0], rule[i][1]);
	for (i = 0; i < t.len; i++)
		if (t.p[i] != ' ' || i + 1 == t.len || strchr("'.,", t.p[i + 1]) == NULL)
			buf_chr(&out, t.p[i]);
	buf_add(b, out.p, out.len);
	buf_release(&t);
	buf_release(&out);
}

/* Deletes \[.*?\], which ends no line. */
static void drop_brackets(struct buf *b)
{
	struct buf out = {0};
	size_t i, k;

	for (i = 0; i < b->len; i++) {
		k = i;
		if (b->p[i] == '[')
			for (k = i + 1; k < b->len && b->p[k] != ']' && b->p[k] != '\n'; k++)
				;
		if (k > i && k < b->len && b->p[k] == ']')
			i = k;
		else
			buf_chr(&out, b->p[i]);
	}
	buf_release(b);
	*b = out;
}

static void clean_hellaswag(struct buf *b)
{
	strip(b);
	replace(b, " [title]", ". ");
	drop_brackets(b);
	replace(b, "  ", " ");
}

/* The upper case of a code point that is the lower case of one other. */
static uint32_t upper(uint32_t c)
{
	size_t i;

	if (c < 0x80)
		return (uint32_t)toupper((int)c);
	for (i = 0; i < uchar_lower_pairs; i++)
		if (uchar_lower_pair[i].to == c)
			return uchar_lower_pair[i].from;
	return c;
}

static void add_cp(struct buf *b, uint32_t c)
{
	char u[4];

	buf_add(b, u, (size_t)utf8_put(u, c));
}

/* str.capitalize: the first character upper, all others lower */
static void capitalize(struct buf *b, const char *s)
{
	int k;

	if (s[0] == '\0')
		return;
	add_cp(b, upper(utf8_next(s, &k)));
	text_lower(s + k, strlen(s + k), b);
}

/* -- tasks --------------------------------------------------------------------------------- */

/* {"text":[..],"label":[..]} or a plain list: choice i, NULL at the end. */
static const char *choice_at(const struct row *r, size_t i)
{
	const json_t *c = json_object_get(r->o, "choices");

	return json_string_value(
	    json_array_get(json_is_array(c) ? c : json_object_get(c, "text"), i));
}

static int answer_key(struct row *r)
{
	const char *key = json_string_value(json_object_get(r->o, "answerKey"));
	const json_t *names = json_object_get(json_object_get(r->o, "choices"), "label");
	size_t i;

	if (key == NULL)
		return label(r, "gold", 0);
	if (key[0] == '\0')
		return REQUEST_NO_LABEL;
	for (i = 0; i < json_array_size(names); i++) {
		const char *n = json_string_value(json_array_get(names, i));

		if (n != NULL && strcmp(n, key) == 0)
			return (int)i;
	}
	bad(r, "choice that answerKey names");
	return REQUEST_NO_LABEL;
}

static void put_choices(struct row *r, struct buf *ctx)
{
	int gold = answer_key(r);
	size_t i;

	for (i = 0; choice_at(r, i) != NULL; i++)
		put(r, ctx, choice_at(r, i), gold);
	if (i == 0)
		bad(r, "choices");
	buf_release(ctx);
}

static void build_arc(struct row *r)
{
	struct buf b = {0};

	question(&b, str(r, "question"));
	put_choices(r, &b);
}

static void build_openbook(struct row *r)
{
	struct buf b = {0};

	buf_str(&b, str(r, json_object_get(r->o, "question_stem") ? "question_stem" : "question"));
	put_choices(r, &b);
}

static void build_piqa(struct row *r)
{
	const char *choice[] = {str(r, "sol1"), str(r, "sol2")};
	struct buf b = {0};

	question(&b, str(r, "goal"));
	put_all(r, &b, choice, 2, label(r, "label", 0));
}

static void build_social(struct row *r)
{
	const char *choice[] = {str(r, "answerA"), str(r, "answerB"), str(r, "answerC")};
	struct buf b = {0}, q = {0};

	buf_printf(&q, "%s %s", str(r, "context"), str(r, "question"));
	question(&b, buf_cstr(&q));
	buf_release(&q);
	put_all(r, &b, choice, 3, label(r, "label", 1));
}

/* In training the support alone is stripped, so that an empty one leaves its newline. */
static void build_sciq(struct row *r)
{
	const char *choice[] = {str(r, "distractor1"), str(r, "distractor2"),
	    str(r, "distractor3"), str(r, "correct_answer")};
	struct buf b = {0};

	buf_str(&b, str(r, "support"));
	if (r->g == TASK_INLOOP)
		strip(&b);
	buf_printf(&b, "\nQuestion: %s\nAnswer:", str(r, "question"));
	if (r->g == TASK_CATWALK)
		strip(&b);
	put_all(r, &b, choice, 4, 3);
}

static void build_boolq(struct row *r)
{
	static const char *const yes_no[] = {"yes", "no"}, *const no_yes[] = {"no", "yes"};
	struct buf b = {0};
	int gold = label(r, json_object_get(r->o, "answer") ? "answer" : "label", 0);

	buf_printf(&b, "%s\nQuestion: %s?\nAnswer:", str(r, "passage"), str(r, "question"));
	if (r->g == TASK_CATWALK)
		put_all(r, &b, no_yes, 2, gold);
	else
		put_all(r, &b, yes_no, 2, gold < 0 ? gold : !gold);
}

static void build_hellaswag(struct row *r)
{
	const json_t *e = json_object_get(r->o, "endings");
	struct buf b = {0}, c = {0};
	int gold = label(r, "label", 0);
	size_t i;

	buf_printf(&b, "%s: %s ", str(r, "activity_label"), str(r, "ctx_a"));
	capitalize(&b, str(r, "ctx_b"));
	clean_hellaswag(&b);
	for (i = 0; json_string_value(json_array_get(e, i)) != NULL; i++) {
		c.len = 0;
		buf_str(&c, json_string_value(json_array_get(e, i)));
		clean_hellaswag(&c);
		put(r, &b, buf_cstr(&c), gold);
	}
	if (i == 0)
		bad(r, "endings");
	buf_release(&b);
	buf_release(&c);
}

static void build_winogrande(struct row *r)
{
	const char *s = str(r, "sentence"), *gap = strchr(s, '_');
	const char *option[] = {str(r, "option1"), str(r, "option2")};
	int gold = label(r, "answer", 1), i;
	struct buf b = {0}, rest = {0};

	if (gap == NULL) {
		bad(r, "'_' in sentence");
		return;
	}
	buf_str(&rest, gap + 1);
	strip(&rest);
	for (i = 0; i < 2; i++) {
		b.len = 0;
		buf_add(&b, s, (size_t)(gap - s));
		buf_str(&b, option[i]);
		put(r, &b, buf_cstr(&rest), gold);
	}
	buf_release(&b);
	buf_release(&rest);
}

static void build_copa(struct row *r)
{
	const char *key[] = {"choice1", "choice2"}, *s;
	int gold = label(r, "label", 0), i, k;
	struct buf b = {0}, c = {0};
	size_t start;

	buf_str(&b, str(r, "premise"));
	strip(&b);
	if (b.len > 0)
		(void)uchar_before(b.p, b.len, &start), b.len = start;
	buf_str(&b, strcmp(str(r, "question"), "cause") == 0 ? " because" : " therefore");
	for (i = 0; i < 2; i++) {
		s = str(r, key[i]);
		c.len = 0;
		if (s[0] != '\0') {
			add_cp(&c, uchar_lower(utf8_next(s, &k)));
			buf_str(&c, s + k);
		}
		put(r, &b, buf_cstr(&c), gold);
	}
	buf_release(&b);
	buf_release(&c);
}

static void build_rte(struct row *r)
{
	static const char *const choice[] = {"True", "False"};
	struct buf b = {0};

	buf_printf(&b, "%s\nQuestion: %s True or False?\nAnswer:", str(r, "sentence1"),
	    str(r, "sentence2"));
	put_all(r, &b, choice, 2, label(r, "label", 0));
}

static void build_cb(struct row *r)
{
	static const char *const choice[] = {"True", "False", "Neither"};
	struct buf b = {0};

	buf_printf(&b, "%s\nQuestion: %s. True, False or Neither?\nAnswer:", str(r, "premise"),
	    str(r, "hypothesis"));
	put_all(r, &b, choice, 3, label(r, "label", 0));
}

static void build_mrpc(struct row *r)
{
	static const char *const yes_no[] = {"yes", "no"}, *const no_yes[] = {"no", "yes"};
	int gold = label(r, "label", 0);
	struct buf b = {0};

	buf_str(&b, "Sentence 1: ");
	detokenize(&b, str(r, "sentence1"));
	buf_str(&b, "\nSentence 2: ");
	detokenize(&b, str(r, "sentence2"));
	buf_str(&b, "\nQuestion: Do both sentences mean the same thing?\nAnswer:");
	if (r->g == TASK_CATWALK)
		put_all(r, &b, no_yes, 2, gold);
	else
		put_all(r, &b, yes_no, 2, gold < 0 ? gold : !gold);
}

static void build_sst2(struct row *r)
{
	static const char *const choice[] = {"negative", "positive"};
	struct buf b = {0};

	detokenize(&b, str(r, "sentence"));
	buf_str(&b, "\nQuestion: Is this sentence positive or negative?\nAnswer:");
	put_all(r, &b, choice, 2, label(r, "label", 0));
}

static int any_answer(struct row *r, size_t n)
{
	const json_t *v = json_object_get(r->o, "answer");

	if (json_is_null(v))
		return REQUEST_NO_LABEL;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) >= n) {
		if (!r->bad)
			err_set("'answer' is no number from 0 to %zu, and not null", n - 1);
		r->bad = 1;
		return REQUEST_NO_LABEL;
	}
	return (int)json_integer_value(v);
}

/* {"id","context","choices":[..],"answer"}: what anyone may bring */
static void build_any(struct row *r)
{
	const json_t *c = json_object_get(r->o, "choices");
	size_t i, n = json_is_array(c) ? json_array_size(c) : 0;
	struct buf b = {0};
	int gold;

	if (n < 2 || n > 1000) {
		bad(r, "array 'choices' of 2 to 1000 strings");
		return;
	}
	gold = any_answer(r, n);
	buf_str(&b, str(r, "context"));
	for (i = 0; i < n && !r->bad; i++) {
		const char *s = json_string_value(json_array_get(c, i));

		if (s == NULL || s[0] == '\0') {
			err_set("choice %zu is no string, or an empty one", i);
			r->bad = 1;
		} else {
			put(r, &b, s, gold);
		}
	}
	buf_release(&b);
}

#define BOTH(...)                                                                                 \
	{                                                                                         \
		{__VA_ARGS__},                                                                    \
		{                                                                                 \
			__VA_ARGS__                                                               \
		}                                                                                 \
	}

static const struct task tasks[] = {
    {"arc_easy", {NULL}, BOTH("arc_easy", "ai2_arc_ARC-Easy"), {M_ACC_UNCOND, M_ACC_RAW},
	build_arc},
    {"arc_challenge", {NULL}, BOTH("arc_challenge", "ai2_arc_ARC-Challenge"),
	{M_ACC_UNCOND, M_LEN_NORM}, build_arc},
    {"boolq", {NULL}, {{"boolq", "boolq_superglue"}, {"boolq", "boolq_google"}},
	{M_ACC_RAW, M_ACC_RAW}, build_boolq},
    {"hellaswag", {NULL}, BOTH("hellaswag"), {M_ACC_PER_TOKEN, M_LEN_NORM}, build_hellaswag},
    {"openbook_qa", {"openbookqa"}, BOTH("openbook_qa", "openbookqa", "openbookqa_main"),
	{M_ACC_UNCOND, M_LEN_NORM}, build_openbook},
    {"piqa", {NULL}, BOTH("piqa", "piqa_plain_text"), {M_ACC_PER_TOKEN, M_LEN_NORM}, build_piqa},
    {"sciq", {NULL}, BOTH("sciq"), {M_ACC_RAW, M_ACC_RAW}, build_sciq},
    {"winogrande", {NULL}, BOTH("winogrande", "winogrande_winogrande_xl"),
	{M_ACC_PER_TOKEN, M_ACC_RAW}, build_winogrande},
    {"copa", {NULL}, BOTH("copa", "super_glue_copa"), {M_ACC_RAW, M_ACC_RAW}, build_copa},
    {"rte", {NULL}, BOTH("rte", "glue_rte"), {M_ACC_RAW, M_LEN_NORM}, build_rte},
    {"commitment_bank", {"cb"}, BOTH("commitment_bank", "cb", "super_glue_cb"),
	{M_ACC_RAW, M_ACC_RAW}, build_cb},
    {"mrpc", {NULL}, BOTH("mrpc", "glue_mrpc"), {M_ACC_RAW, M_F1}, build_mrpc},
    {"sst2", {"sst"}, BOTH("sst2", "sst", "glue_sst2"), {M_ACC_RAW, M_ACC_RAW}, build_sst2},
    {"commonsense_qa", {"csqa"}, BOTH("commonsense_qa", "csqa"), {M_ACC_UNCOND, M_LEN_NORM},
	build_arc},
    {"social_iqa", {"socialiqa", "social_i_qa"}, BOTH("social_iqa", "social_i_qa"),
	{M_ACC_UNCOND, M_LEN_NORM}, build_social},
    {"basic_arithmetic", {NULL}, BOTH("basic_arithmetic"), {M_ACC_RAW, M_ACC_RAW}, build_arc},
    {"jsonl:NAME", {NULL}, BOTH(NULL), {M_ACC_PER_CHAR, M_ACC_PER_CHAR}, build_any},
};

/* What follows "jsonl:" in a name, NULL: it is not of that form. */
static const char *any_name(const char *name)
{
	return strncmp(name, "jsonl:", 6) == 0 && name[6] != '\0' ? name + 6 : NULL;
}

static int is_any(const struct task *t)
{
	return t->build == build_any;
}

const struct task *task_at(size_t i)
{
	return i < sizeof(tasks) / sizeof(tasks[0]) ? &tasks[i] : NULL;
}

const struct task *task_find(const char *name)
{
	size_t i, k;

	for (i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
		if (is_any(&tasks[i]) ? any_name(name) != NULL : strcmp(tasks[i].name, name) == 0)
			return &tasks[i];
		for (k = 0; k < 3 && tasks[i].alias[k] != NULL; k++)
			if (strcmp(tasks[i].alias[k], name) == 0)
				return &tasks[i];
	}
	return NULL;
}

const char *task_name(const struct task *t)
{
	return t->name;
}

const char *task_file(const struct task *t, const char *name, enum task_regime g, size_t i)
{
	if (is_any(t))
		return i == 0 ? any_name(name) : NULL;
	return i < 3 ? t->file[g][i] : NULL;
}

enum metric task_primary(const struct task *t, enum task_regime g)
{
	return t->primary[g];
}

/* -- rows ---------------------------------------------------------------------------------- */

/* "doc" of rows [from, n): what was asked, all choices, the right one. */
static void describe(struct request_set *s, size_t from)
{
	struct buf b = {0}, c = {0};
	size_t i;

	for (i = from; i < s->n; i++) {
		buf_str(&c, i > from ? ", " : "");
		jstr_put(&c, s->r[i].continuation + 1, strlen(s->r[i].continuation + 1));
	}
	buf_cstr(&c);
	for (i = from; i < s->n; i++) {
		struct request *r = &s->r[i];

		b.len = 0;
		buf_printf(&b, "{\"id\": %s, \"query\": ", r->raw_id ? r->raw_id : "null");
		jstr_put(&b, r->context, strlen(r->context));
		buf_printf(&b, ", \"choices\": [%s], \"gold\": ", c.p);
		if (r->label >= 0)
			buf_printf(&b, "%d}", r->label);
		else
			buf_str(&b, "null}");
		r->raw_doc = xstrdup(buf_cstr(&b));
		r->n_choices = (int)(s->n - from);
	}
	buf_release(&b);
	buf_release(&c);
}

int task_row(const struct task *t, const char *name, enum task_regime g, const char *line,
    size_t len, int64_t doc, struct request_set *s)
{
	struct row r = {.t = t, .name = is_any(t) ? name : t->name, .g = g, .s = s, .doc = doc};
	size_t from = s->n;
	json_error_t e;

	r.o = json_loadb(line, len, 0, &e);
	if (!json_is_object(r.o)) {
		err_set(
		    "not a JSON object%s%s", r.o == NULL ? ": " : "", r.o == NULL ? e.text : "");
		json_decref(r.o);
		return -1;
	}
	t->build(&r);
	json_decref(r.o);
	if (!r.bad && s->n > from && s->r[from].label >= r.n) {
		err_set("label %d of %d choices", s->r[from].label, r.n);
		r.bad = 1;
	}
	if (!r.bad)
		describe(s, from);
	return r.bad ? -1 : 0;
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

void task_uncond(struct request_set *s, size_t from)
{
	size_t i, n = s->n;

	for (i = from; i < n; i++) {
		struct request *q = request_new(s, s->task[s->r[i].task]), *r = &s->r[i];

		*q = *r;
		q->uncond = 1;
		q->context = xstrdup("Answer:");
		q->continuation = xstrdup(r->continuation);
		q->raw_doc = copy(r->raw_doc);
		q->raw_id = copy(r->raw_id);
		q->raw_label = copy(r->raw_label);
	}
}
