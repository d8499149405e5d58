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
#include "io/manifest.h"
#include "io/out.h"
#include "tok/bpetrain.h"
#include "tok/detokrun.h"
#include "tok/encoderun.h"
#include "tok/wordrun.h"

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

enum kind {
	DOCS = ENCODERUN_DOCS,
	TEXT = ENCODERUN_TEXT,
	LINES = ENCODERUN_LINES,
	STRINGS = ENCODERUN_STRINGS,
	CHAT = ENCODERUN_CHAT,
	TOK,
	IDS
};
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
	struct manifest *m;
};

/* --- files ------------------------------------------------------------------------------------- */

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
	struct encoderun r;

	load(j);
	find_eos(j);
	find_pad(j);
	note_encode_options(j);
	note_label_options(j);
	meta = (struct tokfile_meta){.width = tokfile_width(j->t->n_id),
	    .vocab_size = j->t->n_id,
	    .eos_id = j->eos,
	    .tokenizer = tokenizer_identity(j->t)};
	out_signals();
	r = (struct encoderun){.o = &j->o,
	    .m = j->m,
	    .t = j->t,
	    .sink = toksink_open(j->o.out, j->form, &meta, j->spans || j->input == CHAT),
	    .form = j->form,
	    .input = (enum encoderun_input)j->input,
	    .eos = j->no_eos ? TOKFILE_NONE : j->eos,
	    .spans = j->spans,
	    .seq_len = j->seq_len,
	    .pad = (uint32_t)j->pad,
	    .replace = j->replace};
	if (!r.sink)
		die_err();
	if (encoderun(&r) < 0) {
		toksink_abort(r.sink);
		die_err();
	}
	if (toksink_commit(r.sink, j->m) < 0)
		die_err();
	write_manifests(j);
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
	struct wordcount words = {0};
	struct wordrun r = {.o = &j->o,
	    .m = j->m,
	    .docs = j->input == DOCS,
	    .replace = j->replace,
	    .words = &words};
	struct bpetrain *b;
	struct buf json = {0};
	struct filehash h;
	struct out *out;

	note_train_options(j);
	out_signals();
	r.t = j->t = bpetrain_splitter(&j->spec);
	out = out_open(j->o.out, OUT_HASH);
	if (!out)
		die_err();
	b = wordrun(&r) < 0 ? NULL : bpetrain_run(&j->spec, &words);
	if (!b) {
		out_abort(out);
		die_err();
	}
	stats_add("words_distinct", words.n);
	stats_add("merges", bpetrain_merges(b));
	stats_add("vocab_size", bpetrain_vocab(b));
	if (bpetrain_vocab(b) < j->spec.vocab_size)
		warn("the text gives a vocabulary of %zu only, not %u", bpetrain_vocab(b),
		    j->spec.vocab_size);
	bpetrain_json(b, &j->spec, &json);
	if (out_write(out, json.p, json.len) < 0) {
		out_abort(out);
		die_err();
	}
	if (out_commit(out, &h) < 0)
		die_err();
	manifest_output(j->m, "tokenizer", j->o.out ? j->o.out : "-", &h);
	write_manifests(j);
	buf_release(&json);
	bpetrain_free(b);
	wordcount_release(&words);
}

static void decode_all(struct job *j)
{
	struct detokrun r = {.o = &j->o, .m = j->m, .lists = j->input == IDS};
	struct filehash h;

	load(j);
	r.d = (struct detok){.t = j->t,
	    .name = j->tokenizer_path,
	    .skip_special = j->skip_special,
	    .any = j->o.force};
	manifest_opt_str(j->m, "input", kind_names[j->input]);
	manifest_opt_bool(j->m, "skip_special", j->skip_special);
	out_signals();
	r.out = out_open(j->o.out, OUT_HASH);
	if (!r.out)
		die_err();
	if (detokrun(&r) < 0) {
		char *message = xstrdup(err_msg());

		if (out_is_stdout(r.out))
			out_commit(r.out, NULL); /* what came before the error */
		else
			out_abort(r.out);
		die(EXIT_IO, "%s", message);
	}
	if (out_commit(r.out, &h) < 0)
		die_err();
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
	tokenizer_free(j.t);
	bpetrain_spec_release(&j.spec);
	return opts_end(&j.o, EXIT_DONE);
}
