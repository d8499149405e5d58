/* tokenize: texts become token ids and back; --train learns a tokenizer. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "doc/docrun.h"
#include "io/manifest.h"
#include "io/out.h"
#include "tok/bpetrain.h"
#include "tok/detok.h"
#include "tok/encoder.h"
#include "tok/labels.h"
#include "tok/team.h"
#include "tok/textrun.h"
#include "tok/toksink.h"

enum {
	INPUT = OPT_LONG,
	FORMAT,
	EOS_ID,
	LABEL_SPANS,
	SEQ_LEN,
	PAD_ID,
	INVALID,
	PROFILE,
	DECODE,
	SKIP_SPECIAL,
	TRAIN,
	VOCAB_SIZE,
	MIN_FREQUENCY,
	SPECIAL,
	ADDED,
	CUT_ADDED,
	ALPHABET,
	NORMALIZER,
	SPLIT
};

static const struct opt own[] = {
    {"tokenizer", 't', "TOK.json", "the tokenizer: Hugging Face's tokenizer.json"},
    {"input", INPUT, "KIND",
	"docs, text, lines, strings or chat; with --decode tok or ids [docs, tok]"},
    {"format", FORMAT, "FORM", "tok, ids, npy or count [tok; of strings ids]"},
    {"eos-id", EOS_ID, "N", "id that ends a document, or none [that of <|endoftext|>]"},
    {"label-spans", LABEL_SPANS, "NAME",
	"docs: a label mask; labels are the spans of attribute NAME"},
    {"seq-len", SEQ_LEN, "N", "chat: make each conversation a row of N ids"},
    {"pad-id", PAD_ID, "N", "chat: id that fills a row [that of <|padding|>]"},
    {"invalid", INVALID, "HOW", "refuse or replace ill-formed UTF-8 [refuse]"},
    {"profile", PROFILE, "P", "A, B or C: ids of older Hugging Face releases, or newer [C]"},
    {"decode", DECODE, NULL, "ids to text"},
    {"skip-special", SKIP_SPECIAL, NULL, "with --decode: leave special tokens out"},
    {"train", TRAIN, NULL, "learn a tokenizer from the input and write it to -o"},
    {"vocab-size", VOCAB_SIZE, "N", "train: ids of the vocabulary, added tokens included"},
    {"min-frequency", MIN_FREQUENCY, "N", "train: a pair must occur N times to be merged [0]"},
    {"special", SPECIAL, "S", "train: a special token; may be repeated"},
    {"added", ADDED, "S", "train: an added token that is not special; may be repeated"},
    {"cut-added", CUT_ADDED, NULL, "train: leave added tokens in the text out of the counts"},
    {"alphabet", ALPHABET, "WHICH", "train: start from all bytes, or those seen [all]"},
    {"normalizer", NORMALIZER, "WHICH", "train: nfc or none [nfc]"},
    {"split", SPLIT, "WHICH", "train: the regex gpt2, cl100k, qwen2 or o200k, or whole [gpt2]"},
    {0},
};

static const struct prog prog = {
    "tokenize",
    "-t TOK.json [OPTIONS] [FILE..]\n"
    "-t TOK.json --decode [--input tok|ids] [OPTIONS] [FILE..]\n"
    "--train --vocab-size N [OPTIONS] -o TOK.json [FILE..]",
    "make token ids of text, and text of ids; learn a tokenizer",
    own,
};

enum kind { DOCS, TEXT, LINES, STRINGS, CHAT, TOK, IDS };
static const char *const kind_names[] = {
    "docs", "text", "lines", "strings", "chat", "tok", "ids", NULL};

struct job {
	struct opts o;
	const char *tokenizer_path;
	enum kind input;
	int has_input;
	enum toksink_form form;
	int has_form;
	int no_eos;   /* none is appended */
	uint64_t eos; /* or TOKFILE_NONE */
	int has_eos;
	const char *spans; /* attribute, or NULL */
	uint64_t seq_len;  /* of a row of chat, or 0 */
	uint64_t pad;
	int has_pad;
	int replace; /* ill-formed UTF-8 */
	enum tokenizer_profile profile;
	int decode, skip_special, train;
	struct bpetrain_spec spec;
	int train_options, encode_options; /* any was given */

	struct tokenizer *t;
	struct team *team;
	struct toksink *sink;
	struct manifest *m;
	struct out *out; /* decoded text */
	struct wordcount words;
	uint64_t n_empty, n_replaced, n_decoded, n_label, n_cut, n_unlabelled;
};

/* One thread's. */
struct worker {
	struct job *job;
	struct encoder *e;
	struct ids ids;
	struct buf buf;
	struct labels labels;
	struct wordcount words;
	uint64_t n_replaced;
};

/* What became of a text, in the memory of its batch; many ids in memory of their own. */
struct result {
	uint32_t *ids, *own;
	size_t n;
	char *shown;
	size_t shown_len;
	const char *mask; /* (n), or NULL */
	size_t n_label;
	const char *id; /* its own name, or NULL */
	size_t id_len;
	int empty, cut, unlabelled;
};

/* --- workers ----------------------------------------------------------------------------------- */

static void *worker_new(void *ctx)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->job = ctx;
	w->e = encoder_new(w->job->t);
	w->labels = (struct labels){.e = w->e, .team = w->job->team, .eos = w->job->eos};
	return w;
}

/* Called by one thread, when all work is done. */
static void worker_free(void *ctx, void *thread)
{
	struct job *j = ctx;
	struct worker *w = thread;

	if (j->train)
		wordcount_merge(&j->words, &w->words);
	j->n_replaced += w->n_replaced;
	wordcount_release(&w->words);
	labels_release(&w->labels);
	encoder_free(w->e);
	ids_release(&w->ids);
	buf_release(&w->buf);
	free(w);
}

static void *keep(struct docarena *mem, const void *p, size_t n)
{
	void *q = docarena_alloc(mem, n ? n : 1);

	if (n)
		memcpy(q, p, n);
	return q;
}

/* --- encoding ---------------------------------------------------------------------------------- */

enum { MANY = 1 << 18 }; /* ids that are handed on instead of copied */

/* Hands the ids over to the result. */
static void take_ids(struct worker *w, struct ids *ids, struct docarena *mem, struct result *r)
{
	r->n = ids->n;
	if (r->n > MANY) {
		r->ids = r->own = ids->p;
		*ids = (struct ids){0};
	} else {
		r->ids = keep(mem, ids->p, r->n * sizeof(*r->ids));
	}
	if (w->job->form == TOKSINK_IDS) {
		w->buf.len = 0;
		toksink_format(&w->buf, r->ids, r->n);
		r->shown = keep(mem, w->buf.p, w->buf.len);
		r->shown_len = w->buf.len;
	}
}

static void take_labels(struct worker *w, struct docarena *mem, struct result *r)
{
	struct labels *l = &w->labels;

	r->mask = keep(mem, l->mask.p, l->mask.len);
	r->n_label = labels_count(l);
	r->cut = l->cut;
	take_ids(w, &l->ids, mem, r);
}

/* Ids of a text, with its end mark. */
static int encode(
    struct worker *w, const char *s, size_t len, struct docarena *mem, struct result *r)
{
	struct job *j = w->job;

	w->ids.n = 0;
	if (team_add(j->team, w->e, s, len, &w->ids) < 0)
		return -1;
	if (!j->no_eos && !(w->ids.n && w->ids.p[w->ids.n - 1] == j->eos))
		ids_push(&w->ids, (uint32_t)j->eos);
	take_ids(w, &w->ids, mem, r);
	return 0;
}

static struct result *new_result(struct docarena *mem)
{
	static const struct result none;

	return keep(mem, &none, sizeof(none));
}

static int put_result(struct job *j, const struct result *r, const char *id, size_t id_len,
    const char *source, uint64_t line)
{
	struct toksink_text t = {.ids = r->ids,
	    .n = r->n,
	    .id = r->id ? r->id : id,
	    .id_len = r->id ? r->id_len : id_len,
	    .source = source,
	    .line = line,
	    .shown = r->shown,
	    .shown_len = r->shown_len,
	    .mask = r->mask};
	int rc;

	if (r->empty) {
		j->n_empty++;
		return 0;
	}
	j->n_cut += (uint64_t)r->cut;
	j->n_unlabelled += (uint64_t)r->unlabelled;
	rc = r->unlabelled ? 0 : toksink_put(j->sink, &t);
	if (!r->unlabelled)
		j->n_label += r->n_label;
	free(r->own);
	return rc;
}

static int encode_spans(struct worker *w, struct doc *d, struct result *r)
{
	struct jspan v = {0}, attributes = d->j.f[J_ATTRIBUTES];

	if (attributes.p && jspan_type(attributes) == JT_OBJECT)
		(void)jspan_member(attributes, w->job->spans, &v);
	if (labels_spans(&w->labels, d->text, d->text_len, v) < 0) {
		err_prefix("attribute %s", w->job->spans);
		return -1;
	}
	take_labels(w, d->mem, r);
	return 0;
}

/* Documents are stripped as by Python's str.strip(), and empty ones left out: Dolma's rule. */
static int work_doc(void *ctx, void *thread, struct doc *d)
{
	struct result *r = new_result(d->mem);
	size_t start, len = encoder_strip(d->text, d->text_len, &start);

	(void)ctx;
	((struct worker *)thread)->n_replaced += (uint64_t)d->repaired;
	d->user = r;
	r->empty = !len;
	if (!len)
		return 0;
	if (((struct worker *)thread)->job->spans)
		return encode_spans(thread, d, r);
	return encode(thread, d->text + start, len, d->mem, r);
}

static int order_doc(void *ctx, struct doc *d)
{
	size_t len;
	const char *id = doc_id(d, &len);

	return put_result(ctx, d->user, id, len, d->file, d->lineno);
}

/* The text with ill-formed parts replaced, when that is wanted; in w->buf if need be. */
static const char *repair(struct worker *w, const char *s, size_t *len)
{
	size_t bad;

	if (!w->job->replace || utf8_valid(s, *len, &bad))
		return s;
	w->buf.len = 0;
	tokenizer_lossy(s, *len, 1, &w->buf);
	w->n_replaced++;
	*len = w->buf.len;
	return w->buf.p;
}

static int work_string(struct worker *w, struct textrun_text *t, struct result *r)
{
	json_error_t e;
	json_t *v = json_loadb(t->p, t->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	int rc = -1;

	if (!v)
		err_set("not JSON: %s", e.text);
	else if (!json_is_string(v))
		err_set("not a JSON string");
	else
		rc = encode(w, json_string_value(v), json_string_length(v), t->mem, r);
	json_decref(v);
	return rc;
}

/* The conversation's own name. */
static void keep_id(struct worker *w, const struct textrun_text *t, struct result *r)
{
	struct jspan v;
	struct jscan j;

	if (jscan_line(&j, t->p, t->len) < 0)
		return;
	v = j.f[J_ID];
	w->buf.len = 0;
	if (!v.p || jspan_type(v) != JT_STRING || jscan_str(v, &w->buf) < 0)
		return;
	r->id = keep(t->mem, w->buf.p, w->buf.len);
	r->id_len = w->buf.len;
}

static int work_chat(struct worker *w, struct textrun_text *t, struct result *r)
{
	struct job *j = w->job;

	if (labels_chat(&w->labels, t->p, t->len) < 0)
		return -1;
	if (j->seq_len)
		labels_row(&w->labels, j->seq_len, (uint32_t)j->pad);
	keep_id(w, t, r);
	take_labels(w, t->mem, r);
	r->unlabelled = !r->n_label;
	return 0;
}

static int work_text(void *ctx, void *thread, struct textrun_text *t)
{
	struct worker *w = thread;
	struct result *r = new_result(t->mem);
	const char *s;
	size_t len = t->len;

	(void)ctx;
	t->user = r;
	if (w->job->input == STRINGS)
		return work_string(w, t, r);
	if (w->job->input == CHAT)
		return work_chat(w, t, r);
	r->empty = !len;
	s = repair(w, t->p, &len);
	return r->empty ? 0 : encode(w, s, len, t->mem, r);
}

static int order_text(void *ctx, struct textrun_text *t)
{
	struct buf id = {0};
	int rc;

	buf_str(&id, t->file);
	if (((struct job *)ctx)->input != TEXT)
		buf_printf(&id, ":%llu", (unsigned long long)t->lineno);
	rc = put_result(ctx, t->user, id.p, id.len, t->file, t->lineno);
	buf_release(&id);
	return rc;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* Run the callbacks over documents or texts. */
static int run_docs(
    struct job *j, int (*work)(void *, void *, struct doc *), int (*order)(void *, struct doc *))
{
	struct docrun r = {.o = &j->o,
	    .m = j->m,
	    .no_output = 1,
	    .replace = j->replace,
	    .ctx = j,
	    .work = work,
	    .order = order,
	    .thread_new = worker_new,
	    .thread_free = worker_free};

	return docrun(&r);
}

static int run_texts(struct job *j, enum textrun_unit unit,
    int (*work)(void *, void *, struct textrun_text *),
    int (*order)(void *, struct textrun_text *))
{
	struct textrun r = {.o = &j->o,
	    .m = j->m,
	    .unit = unit,
	    .ctx = j,
	    .work = work,
	    .order = order,
	    .thread_new = worker_new,
	    .thread_free = worker_free};

	return textrun(&r);
}

/* Manifests of an output that is there. */
static void write_manifests(struct job *j)
{
	const char *out = j->o.out;

	manifest_counters(j->m);
	if (out && strcmp(out, "-") && manifest_write_for(j->m, out) < 0)
		die_err();
	if (j->o.manifest && manifest_write(j->m, j->o.manifest) < 0)
		die_err();
}

static void dry_run(const struct job *j)
{
	size_t i;

	if (!j->train)
		printf("read\t%s\n", j->tokenizer_path);
	for (i = 0; i < j->o.n_files; i++)
		printf("read\t%s\n", j->o.files[i]);
	if (!j->o.n_files)
		puts("read\t-");
	printf("write\t%s\n", j->o.out ? j->o.out : "-");
}

/* The output must not be a file that is read. */
static void check_output(const struct job *j)
{
	struct stat out, in;
	size_t i;

	if (!j->o.out || stat(j->o.out, &out) < 0 || !S_ISREG(out.st_mode))
		return;
	for (i = 0; i <= j->o.n_files; i++) {
		const char *path = i < j->o.n_files ? j->o.files[i] : j->tokenizer_path;

		if (path && !stat(path, &in) && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
			die_usage("output '%s' is the input '%s'", j->o.out, path);
	}
}

/* --- the three tasks --------------------------------------------------------------------------- */

static void load(struct job *j)
{
	char hex[33];

	j->t = tokenizer_load(j->tokenizer_path, j->profile);
	if (!j->t || manifest_input_file(j->m, "tokenizer", j->tokenizer_path) < 0)
		die_err();
	h128_hex(tokenizer_identity(j->t), hex);
	manifest_opt_str(j->m, "tokenizer", hex);
}

static void find_eos(struct job *j)
{
	uint32_t id;

	if (j->has_eos) {
		if (j->eos != TOKFILE_NONE && (j->eos >= j->t->n_id || !j->t->token[j->eos].used))
			die_usage("--eos-id %llu is not in the vocabulary of %s",
			    (unsigned long long)j->eos, j->tokenizer_path);
	} else if (!tokenizer_find(j->t, "<|endoftext|>", &id)) {
		j->eos = id;
	} else if (j->input != STRINGS) {
		die_usage("%s has no <|endoftext|>: give --eos-id N (or none)", j->tokenizer_path);
	}
	j->no_eos = j->eos == TOKFILE_NONE || j->input == STRINGS;
}

/* What fills rows. */
static void find_pad(struct job *j)
{
	uint32_t id;

	if (j->input == CHAT && j->eos == TOKFILE_NONE)
		die_usage("conversations need an end mark: --eos-id none is not for --input chat");
	if (!j->seq_len)
		return;
	if (j->has_pad) {
		if (j->pad >= j->t->n_id || !j->t->token[j->pad].used)
			die_usage("--pad-id %llu is not in the vocabulary of %s",
			    (unsigned long long)j->pad, j->tokenizer_path);
	} else if (!tokenizer_find(j->t, "<|padding|>", &id)) {
		j->pad = id;
	} else {
		die_usage("%s has no <|padding|>: give --pad-id N", j->tokenizer_path);
	}
}

static void note_label_options(struct job *j)
{
	if (j->spans)
		manifest_opt_str(j->m, "label_spans", j->spans);
	if (!j->seq_len)
		return;
	manifest_opt_int(j->m, "seq_len", (int64_t)j->seq_len);
	manifest_opt_int(j->m, "pad_id", (int64_t)j->pad);
}

static void note_encode_options(struct job *j)
{
	static const char *const forms[] = {"tok", "npy", "ids", "count"};
	char profile[2] = {(char)('A' + (int)j->profile), 0};

	manifest_opt_str(j->m, "input", kind_names[j->input]);
	manifest_opt_str(j->m, "format", forms[j->form]);
	manifest_opt_str(j->m, "profile", profile);
	manifest_opt_str(j->m, "invalid", j->replace ? "replace" : "refuse");
	if (j->eos == TOKFILE_NONE)
		manifest_opt_str(j->m, "eos_id", NULL);
	else
		manifest_opt_int(j->m, "eos_id", (int64_t)j->eos);
}

static void encode_all(struct job *j)
{
	struct tokfile_meta meta;
	int rc;

	load(j);
	find_eos(j);
	find_pad(j);
	note_encode_options(j);
	note_label_options(j);
	meta = (struct tokfile_meta){.width = tokfile_width(j->t->n_id),
	    .vocab_size = j->t->n_id,
	    .eos_id = j->eos,
	    .tokenizer = tokenizer_identity(j->t)};
	j->team = team_new(j->t, j->o.threads);
	out_signals();
	j->sink = toksink_open(j->o.out, j->form, &meta, j->spans || j->input == CHAT);
	if (!j->sink)
		die_err();
	if (j->input == DOCS)
		rc = run_docs(j, work_doc, order_doc);
	else
		rc = run_texts(
		    j, j->input == TEXT ? TEXTRUN_FILE : TEXTRUN_LINE, work_text, order_text);
	if (rc < 0) {
		toksink_abort(j->sink);
		die_err();
	}
	stats_add("docs_empty", j->n_empty);
	stats_add("docs_out", toksink_docs(j->sink));
	stats_add("tokens_out", toksink_tokens(j->sink));
	if (j->replace)
		stats_add("texts_repaired", j->n_replaced);
	if (j->spans || j->input == CHAT)
		stats_add("labels_out", j->n_label);
	if (j->input == CHAT) {
		stats_add("docs_unlabelled", j->n_unlabelled);
		stats_add("docs_cut", j->n_cut);
	}
	if (toksink_commit(j->sink, j->m) < 0)
		die_err();
	write_manifests(j);
}

static void count_word(void *arg, const char *p, size_t n)
{
	wordcount_add(arg, p, n, 1);
}

static int train_doc(void *ctx, void *thread, struct doc *d)
{
	struct worker *w = thread;

	(void)ctx;
	w->n_replaced += (uint64_t)d->repaired;
	return encoder_split(w->e, d->text, d->text_len, count_word, &w->words);
}

static int train_text(void *ctx, void *thread, struct textrun_text *t)
{
	struct worker *w = thread;
	size_t len = t->len;
	const char *s = repair(w, t->p, &len);

	(void)ctx;
	return encoder_split(w->e, s, len, count_word, &w->words);
}

static json_t *added_list(const struct bpetrain_spec *spec, int special)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < spec->n_added; i++)
		if (spec->added[i].special == special)
			json_array_append_new(list, json_string(spec->added[i].content));
	return list;
}

static void note_train_options(struct job *j)
{
	const struct bpetrain_spec *s = &j->spec;

	manifest_opt_str(j->m, "input", kind_names[j->input]);
	manifest_opt_int(j->m, "vocab_size", s->vocab_size);
	manifest_opt_int(j->m, "min_frequency", (int64_t)s->min_frequency);
	manifest_opt_json(j->m, "special", added_list(s, 1));
	manifest_opt_json(j->m, "added", added_list(s, 0));
	manifest_opt_bool(j->m, "cut_added", s->cut_added);
	manifest_opt_str(j->m, "alphabet", s->alphabet_all ? "all" : "seen");
	manifest_opt_str(j->m, "normalizer", s->nfc ? "nfc" : "none");
	manifest_opt_str(j->m, "split", pretok_name(s->split));
}

static void train_all(struct job *j)
{
	struct bpetrain *b;
	struct buf json = {0};
	struct filehash h;
	int rc;

	note_train_options(j);
	out_signals();
	j->t = bpetrain_splitter(&j->spec);
	j->out = out_open(j->o.out, OUT_HASH);
	if (!j->out)
		die_err();
	if (j->input == DOCS)
		rc = run_docs(j, train_doc, NULL);
	else
		rc = run_texts(j, TEXTRUN_LINE_END, train_text, NULL);
	b = rc < 0 ? NULL : bpetrain_run(&j->spec, &j->words);
	if (!b) {
		out_abort(j->out);
		die_err();
	}
	stats_add("words_distinct", j->words.n);
	stats_add("merges", bpetrain_merges(b));
	stats_add("vocab_size", bpetrain_vocab(b));
	if (bpetrain_vocab(b) < j->spec.vocab_size)
		warn("the text gives a vocabulary of %zu only, not %u", bpetrain_vocab(b),
		    j->spec.vocab_size);
	bpetrain_json(b, &j->spec, &json);
	if (out_write(j->out, json.p, json.len) < 0) {
		out_abort(j->out);
		die_err();
	}
	if (out_commit(j->out, &h) < 0)
		die_err();
	manifest_output(j->m, "tokenizer", j->o.out ? j->o.out : "-", &h);
	write_manifests(j);
	buf_release(&json);
	bpetrain_free(b);
	wordcount_release(&j->words);
}

static struct detok detok(const struct job *j)
{
	return (struct detok){.t = j->t,
	    .name = j->tokenizer_path,
	    .skip_special = j->skip_special,
	    .any = j->o.force};
}

static int decode_line(void *ctx, void *thread, struct textrun_text *t)
{
	struct job *j = ctx;
	struct worker *w = thread;
	struct result *r = new_result(t->mem);
	struct detok d = detok(j);

	t->user = r;
	w->buf.len = 0;
	if (detok_list(&d, t->p, t->len, &w->ids, &w->buf) < 0)
		return -1;
	r->shown = keep(t->mem, w->buf.p, w->buf.len);
	r->shown_len = w->buf.len;
	return 0;
}

static int put_line(void *ctx, struct textrun_text *t)
{
	struct job *j = ctx;
	const struct result *r = t->user;

	j->n_decoded++;
	return out_write(j->out, r->shown, r->shown_len);
}

static int decode_file(struct job *j, const char *path)
{
	struct detok d = detok(j);

	if (detok_file(&d, path, j->out, &j->n_decoded) < 0)
		return -1;
	return strcmp(path, "-") ? manifest_input_file(j->m, "tokens", path) : 0;
}

static int decode_files(struct job *j)
{
	size_t i;

	if (!j->o.n_files)
		return decode_file(j, "-");
	for (i = 0; i < j->o.n_files; i++)
		if (decode_file(j, j->o.files[i]) < 0)
			return -1;
	return 0;
}

static void decode_all(struct job *j)
{
	struct filehash h;
	int rc;

	load(j);
	manifest_opt_str(j->m, "input", kind_names[j->input]);
	manifest_opt_bool(j->m, "skip_special", j->skip_special);
	out_signals();
	j->out = out_open(j->o.out, OUT_HASH);
	if (!j->out)
		die_err();
	rc = j->input == IDS ? run_texts(j, TEXTRUN_LINE, decode_line, put_line) : decode_files(j);
	if (rc < 0) {
		char *message = xstrdup(err_msg());

		if (out_is_stdout(j->out))
			out_commit(j->out, NULL); /* what came before the error */
		else
			out_abort(j->out);
		die(EXIT_IO, "%s", message);
	}
	if (out_commit(j->out, &h) < 0)
		die_err();
	stats_add(j->input == IDS ? "texts_out" : "tokens_in", j->n_decoded);
	manifest_output(j->m, "text", j->o.out ? j->o.out : "-", &h);
	write_manifests(j);
}

/* --- the command line -------------------------------------------------------------------------- */

static int choice(const char *option, const char *arg, const char *const *names)
{
	struct buf all = {0};
	int i;

	for (i = 0; names[i]; i++)
		if (!strcmp(arg, names[i]))
			return i;
	for (i = 0; names[i]; i++)
		buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
	die_usage("--%s '%s' is none of: %s", option, arg, buf_cstr(&all));
}

static void add_token(struct job *j, const char *option, const char *s, int special)
{
	size_t i, bad;

	if (!*s || !utf8_valid(s, strlen(s), &bad))
		die_usage("--%s wants a text that is not empty, in UTF-8", option);
	for (i = 0; i < j->spec.n_added; i++)
		if (!strcmp(j->spec.added[i].content, s))
			die_usage("the token '%s' is given twice", s);
	bpetrain_added(&j->spec, s, special);
}

static int train_option(struct job *j, int key, const char *arg)
{
	static const char *const alphabets[] = {"seen", "all", NULL};
	static const char *const normalizers[] = {"none", "nfc", NULL};
	static const char *const splits[] = {"gpt2", "cl100k", "qwen2", "o200k", "whole", NULL};

	switch (key) {
	case VOCAB_SIZE:
		j->spec.vocab_size = (uint32_t)opt_u64("vocab-size", arg, 1, TOKENIZER_MAX_ID + 1);
		break;
	case MIN_FREQUENCY:
		j->spec.min_frequency = opt_u64("min-frequency", arg, 0, INT64_MAX);
		break;
	case SPECIAL:
		add_token(j, "special", arg, 1);
		break;
	case ADDED:
		add_token(j, "added", arg, 0);
		break;
	case CUT_ADDED:
		j->spec.cut_added = 1;
		break;
	case ALPHABET:
		j->spec.alphabet_all = choice("alphabet", arg, alphabets);
		break;
	case NORMALIZER:
		j->spec.nfc = choice("normalizer", arg, normalizers);
		break;
	case SPLIT:
		j->spec.split = (enum pretok_kind)choice("split", arg, splits);
		break;
	default:
		return 0;
	}
	j->train_options = 1;
	return 1;
}

static void encode_option(struct job *j, int key, const char *arg)
{
	static const char *const hows[] = {"refuse", "replace", NULL};

	switch (key) {
	case 't':
		j->tokenizer_path = arg;
		break;
	case INPUT:
		j->input = (enum kind)choice("input", arg, kind_names);
		j->has_input = 1;
		break;
	case FORMAT:
		if (toksink_by_name(arg, &j->form) < 0)
			die_usage("--format '%s' is none of: tok, npy, ids, count", arg);
		j->has_form = 1;
		break;
	case EOS_ID:
		j->has_eos = 1;
		j->eos =
		    strcmp(arg, "none") ? opt_u64("eos-id", arg, 0, UINT32_MAX) : TOKFILE_NONE;
		break;
	case LABEL_SPANS:
		j->spans = arg;
		break;
	case SEQ_LEN:
		j->seq_len = opt_u64("seq-len", arg, 1, (uint64_t)1 << 24);
		break;
	case PAD_ID:
		j->has_pad = 1;
		j->pad = opt_u64("pad-id", arg, 0, UINT32_MAX);
		break;
	case INVALID:
		j->replace = choice("invalid", arg, hows);
		break;
	case PROFILE:
		if (tokenizer_profile_by_name(arg, &j->profile) < 0)
			die_usage("--profile '%s' is none of: A, B, C", arg);
		break;
	case DECODE:
		j->decode = 1;
		break;
	case SKIP_SPECIAL:
		j->skip_special = 1;
		break;
	case TRAIN:
		j->train = 1;
		break;
	}
}

/* A mask lies beside a file. */
static void check_label_options(const struct job *j)
{
	int shown = j->has_form && j->form != TOKSINK_TOK && j->form != TOKSINK_NPY;

	if (j->spans && (j->input != DOCS || j->train || j->decode))
		die_usage("--label-spans is for encoding --input docs");
	if ((j->seq_len || j->has_pad) && j->input != CHAT)
		die_usage("--seq-len and --pad-id are for --input chat");
	if (j->has_pad && !j->seq_len)
		die_usage("--pad-id needs --seq-len");
	if (j->input == CHAT && j->replace)
		die_usage("--invalid replace is not for --input chat");
	if ((j->input == CHAT || j->spans) && !shown && (!j->o.out || !strcmp(j->o.out, "-")))
		die_usage("the label mask lies beside the ids: give -o FILE");
	if (j->spans && shown)
		die_usage("--label-spans is for --format tok or npy");
}

static void check_options(struct job *j)
{
	if (j->train && j->decode)
		die_usage("--train and --decode exclude each other");
	if (j->train && j->tokenizer_path)
		die_usage("--train writes a tokenizer to -o: leave -t out");
	if (!j->train && !j->tokenizer_path)
		die_usage("-t TOK.json is missing");
	if (j->train && !j->spec.vocab_size)
		die_usage("--train needs --vocab-size N");
	if (!j->train && j->train_options)
		die_usage("--vocab-size and what else shapes a tokenizer need --train");
	if ((j->train || j->decode) && (j->has_form || j->has_eos))
		die_usage("--format and --eos-id are for encoding");
	if (j->skip_special && !j->decode)
		die_usage("--skip-special needs --decode");
	if (j->o.seal)
		die_usage("--seal is for JSON lines of documents");
	if (!j->has_input)
		j->input = j->decode ? TOK : DOCS;
	if (j->decode && j->input != TOK && j->input != IDS)
		die_usage("--decode reads --input tok or ids, not %s", kind_names[j->input]);
	if (j->train && j->input != DOCS && j->input != TEXT)
		die_usage("--train reads --input docs or text, not %s", kind_names[j->input]);
	if (!j->decode && j->input >= TOK)
		die_usage("--input %s needs --decode", kind_names[j->input]);
	check_label_options(j);
	if (!j->has_form)
		j->form = j->input == STRINGS ? TOKSINK_IDS : TOKSINK_TOK;
}

int main(int argc, char **argv)
{
	struct job j = {
	    .profile = TOKENIZER_C, .eos = TOKFILE_NONE, .spec = {.alphabet_all = 1, .nfc = 1}};
	const char *arg;
	int k;

	opts_init(&j.o, &prog, argc, argv);
	while ((k = opts_next(&j.o, &arg)))
		if (!train_option(&j, k, arg))
			encode_option(&j, k, arg);
	check_options(&j);
	check_output(&j);
	if (j.o.dry_run) {
		dry_run(&j);
		return EXIT_DONE;
	}
	j.m = manifest_new("tokenize");
	if (j.train)
		train_all(&j);
	else if (j.decode)
		decode_all(&j);
	else
		encode_all(&j);
	manifest_free(j.m);
	team_free(j.team);
	tokenizer_free(j.t);
	bpetrain_spec_release(&j.spec);
	return opts_end(&j.o, EXIT_DONE);
}
