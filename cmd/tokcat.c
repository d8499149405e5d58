/* tokcat: shows what is in token files and order files, checks them, and writes the forms of other
 * programs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/stats.h"
#include "doc/jscan.h"
#include "io/manifest.h"
#include "io/out.h"
#include "tok/convert.h"
#include "tok/doctable.h"
#include "tok/foreign.h"
#include "tok/order.h"
#include "tok/tokenizer.h"
#include "tok/tokfile.h"
#include "tok/tokmask.h"

enum {
	INFO = OPT_LONG,
	IDS,
	TEXT,
	DOCS,
	VERIFY,
	TO,
	FROM,
	TOKENS,
	DOC,
	INSTANCE,
	DTYPE,
	RAW,
	VOCAB,
	EOS,
	SKIP_SPECIAL,
	TOKENIZER_NAME
};

static const struct opt own[] = {
    {"info", INFO, NULL, "what the header and trailer say, one JSON object a file"},
    {"ids", IDS, NULL, "the ids, one a line (entries of an order file)"},
    {"text", TEXT, NULL, "the text, with -t"},
    {"docs", DOCS, NULL, "the document table as TSV: start, end, id, source, line"},
    {"verify", VERIFY, NULL, "check every byte; status 1 when a file is damaged"},
    {"to", TO, "FORM", "write tok, npy, numpy, megatron, llmc, nanogpt or datatrove"},
    {"from", FROM, "FORM", "the input is one of these forms"},
    {"tokens", TOKENS, "A:B", "only ids A to B-1, counted from 0"},
    {"doc", DOC, "N", "only row N of the document table, counted from 0"},
    {"instance", INSTANCE, "N:T", "only instance N of T ids, counted through the files"},
    {"tokenizer", 't', "FILE", "tokenizer.json"},
    {"tokenizer-name", TOKENIZER_NAME, "NAME", "the tokenizer's name in datatrove's metadata"},
    {"skip-special", SKIP_SPECIAL, NULL, "leave special tokens out of the text"},
    {"dtype", DTYPE, "TYPE", "u16 or u32: ids of a headerless file, or of the output"},
    {"raw", RAW, NULL, "read headerless ids whatever the name (.npy is read so anyway)"},
    {"vocab-size", VOCAB, "N", "vocabulary size of a headerless file [65536 or 2^32]"},
    {"eos-id", EOS, "N", "EOS id of a headerless file [none]"},
    {0},
};

static const struct prog prog = {
    "tokcat",
    "--info|--ids|--text|--docs [--tokens A:B|--doc N|--instance N:T] [-t TOK.json] FILE..\n"
    "--verify FILE..\n"
    "--to FORM [--from FORM] [--dtype u16|u32] -o OUT FILE",
    "show, check and convert token files",
    own,
};

enum slice_kind { ALL, SLICE_TOKENS, SLICE_DOC, SLICE_INSTANCE };

struct tokcat {
	struct opts o;
	int mode, form, from, raw, skip_special;
	uint32_t width;      /* --dtype; 0: not given */
	uint64_t vocab, eos; /* of headerless files */
	enum slice_kind slice;
	uint64_t a, b; /* A and B, N, or N and T */
	const char *tokenizer_path, *tokenizer_name;
	struct tokenizer *tokenizer;
	struct manifest *m; /* NULL: nobody asked for one */
	struct out *out;
	struct buf line;
};

/* -- command line -------------------------------------------------------------------------- */

static const char *mode_name(int mode)
{
	const struct opt *t = own;

	while (t->key != mode)
		t++;
	return t->name;
}

static void set_mode(struct tokcat *c, int mode)
{
	if (c->mode != 0)
		die_usage("--%s and --%s exclude each other", mode_name(c->mode), mode_name(mode));
	c->mode = mode;
}

/* "A:B" with an optional A and B */
static void pair(const char *name, const char *arg, uint64_t *a, uint64_t *b)
{
	const char *colon = strchr(arg, ':');
	char *left;

	if (colon == NULL)
		die_usage("--%s: '%s' has no ':'", name, arg);
	left = xstrndup(arg, (size_t)(colon - arg));
	if (left[0] != '\0')
		*a = opt_u64(name, left, 0, UINT64_MAX);
	if (colon[1] != '\0')
		*b = opt_u64(name, colon + 1, 0, UINT64_MAX);
	free(left);
}

static void set_slice(struct tokcat *c, enum slice_kind kind, const char *arg)
{
	if (c->slice != ALL)
		die_usage("--tokens, --doc and --instance exclude each other");
	c->slice = kind;
	c->a = 0;
	c->b = kind == SLICE_TOKENS ? UINT64_MAX : 0;
	if (kind == SLICE_DOC)
		c->a = opt_u64("doc", arg, 0, UINT64_MAX);
	else
		pair(kind == SLICE_TOKENS ? "tokens" : "instance", arg, &c->a, &c->b);
	if (kind == SLICE_TOKENS && c->a > c->b)
		die_usage("--tokens: %" PRIu64 " is behind %" PRIu64, c->a, c->b);
	if (kind == SLICE_INSTANCE && c->b == 0)
		die_usage("--instance wants N:T, instance N of T ids");
}

static uint32_t dtype(const char *arg)
{
	if (strcmp(arg, "u16") == 0)
		return 2;
	if (strcmp(arg, "u32") == 0)
		return 4;
	die_usage("--dtype '%s' is not u16 or u32", arg);
}

static void take_option(struct tokcat *c, int key, const char *arg)
{
	switch (key) {
	case TO:
		set_mode(c, TO);
		c->form = convert_parse(arg);
		if (c->form < 0)
			die_usage("--to: %s", err_msg());
		break;
	case FROM:
		c->from = convert_parse(arg);
		if (c->from < 0)
			die_usage("--from: %s", err_msg());
		break;
	case TOKENS:
		set_slice(c, SLICE_TOKENS, arg);
		break;
	case DOC:
		set_slice(c, SLICE_DOC, arg);
		break;
	case INSTANCE:
		set_slice(c, SLICE_INSTANCE, arg);
		break;
	case 't':
		c->tokenizer_path = arg;
		break;
	case TOKENIZER_NAME:
		c->tokenizer_name = arg;
		break;
	case SKIP_SPECIAL:
		c->skip_special = 1;
		break;
	case DTYPE:
		c->width = dtype(arg);
		break;
	case RAW:
		c->raw = 1;
		break;
	case VOCAB:
		c->vocab = opt_u64("vocab-size", arg, 1, (uint64_t)1 << 32);
		break;
	case EOS:
		c->eos = opt_u64("eos-id", arg, 0, UINT32_MAX);
		break;
	default:
		set_mode(c, key);
		break;
	}
}

static void check_options(const struct tokcat *c)
{
	if (c->mode == 0)
		die_usage("one of --info, --ids, --text, --docs, --verify, --to is needed");
	if (c->slice != ALL && c->mode != IDS && c->mode != TEXT &&
	    !(c->mode == DOCS && c->slice == SLICE_DOC))
		die_usage("--%s shows no slices", mode_name(c->mode));
	if ((c->slice == SLICE_TOKENS || c->slice == SLICE_DOC) && c->o.n_files > 1)
		die_usage("--tokens and --doc are of one file");
	if (c->from >= 0 &&
	    (c->raw || c->mode == DOCS || c->slice == SLICE_DOC || c->slice == SLICE_INSTANCE))
		die_usage("--from goes with --to, --info, --ids, --text and --verify alone, and "
			  "--tokens");
	if (c->mode == TEXT && c->tokenizer_path == NULL)
		die_usage("--text needs -t TOKENIZER.json");
	if (c->tokenizer_name != NULL && (c->mode != TO || c->form != CONVERT_DATATROVE))
		die_usage("--tokenizer-name is for --to datatrove");
	if (c->tokenizer_name != NULL && strpbrk(c->tokenizer_name, "\r\n") != NULL)
		die_usage("--tokenizer-name is one line");
	if (c->mode == TO && c->o.n_files > 1)
		die_usage("--to converts one file");
	if (c->mode == TO && c->o.out == NULL &&
	    (c->form == CONVERT_MEGATRON || c->form == CONVERT_DATATROVE))
		die_usage("this form is several files: give it a name with -o");
}

/* NULL: standard output */
static const char *out_path(const struct tokcat *c)
{
	return c->o.out == NULL || strcmp(c->o.out, "-") == 0 ? NULL : c->o.out;
}

/* -- opening ------------------------------------------------------------------------------- */

/* What a headerless file is taken for. */
static struct tokfile_meta raw_meta(const struct tokcat *c)
{
	struct tokfile_meta m = {.width = c->width, .vocab_size = c->vocab, .eos_id = c->eos};

	if (m.width == 0)
		m.width = c->vocab > 65536 ? 4 : 2;
	if (c->tokenizer != NULL) {
		m.tokenizer = tokenizer_identity(c->tokenizer);
		if (m.vocab_size == 0)
			m.vocab_size = c->tokenizer->n_id;
		if (c->width == 0)
			m.width = tokfile_width(m.vocab_size);
	}
	if (m.vocab_size == 0)
		m.vocab_size = m.width == 2 ? 65536 : (uint64_t)1 << 32;
	return m;
}

/* With --from the file says the width, and with it the vocabulary size, if nobody else does. */
static int open_foreign(const struct tokcat *c, struct foreign *f, const char *path)
{
	struct tokfile_meta m = {.width = c->width, .vocab_size = c->vocab, .eos_id = c->eos};

	if (c->tokenizer != NULL) {
		m.tokenizer = tokenizer_identity(c->tokenizer);
		if (m.vocab_size == 0)
			m.vocab_size = c->tokenizer->n_id;
	}
	return foreign_open(f, (enum convert_form)c->from, path, &m);
}

static struct tokfile *open_file(const struct tokcat *c, const char *path)
{
	struct tokfile_meta m = raw_meta(c);
	struct foreign f;

	if (c->from >= 0)
		return open_foreign(c, &f, path) < 0 ? NULL : foreign_take(&f);
	return c->raw ? tokfile_open_raw(path, &m) : tokfile_open_any(path, &m);
}

/* The whole file is hashed only where a manifest is written: a slice stays cheap. */
static void note_input(const struct tokcat *c, const struct tokfile *t, const char *path)
{
	struct filehash h;

	if (c->m == NULL)
		return;
	h = tokfile_file_hash(t);
	manifest_input(c->m, "tokens", path, &h);
}

/* With a tokenizer at hand, a file that was made with another one is not what it is taken for. */
static int check_tokenizer(const struct tokcat *c, const struct tokfile *t)
{
	struct h128 mine;
	char a[33], b[33];

	if (c->tokenizer == NULL || c->o.force)
		return 0;
	mine = tokenizer_identity(c->tokenizer);
	if (tokfile_made_by(t, mine))
		return 0;
	h128_hex(t->meta.tokenizer, a);
	h128_hex(mine, b);
	err_set("%s@48: made with the tokenizer %s, '%s' is %s (-f reads it all the same)",
	    t->path, a, c->tokenizer_path, b);
	return -1;
}

static struct tokfile *open_or_die(const struct tokcat *c, const char *path)
{
	struct tokfile *t = open_file(c, path);

	if (t == NULL || check_tokenizer(c, t) < 0)
		die_err();
	note_input(c, t, path);
	stats_add("files", 1);
	stats_add("tokens", t->count);
	return t;
}

/* -- ids and text -------------------------------------------------------------------------- */

enum { PIECE = 16384 };

static void put_line(struct tokcat *c)
{
	if (out_write(c->out, c->line.p, c->line.len) < 0)
		die_err();
	c->line.len = 0;
}

static void show_ids(struct tokcat *c, const struct tokfile *t, uint64_t at, uint64_t n)
{
	for (; n > 0; at++, n--) {
		buf_u64(&c->line, tokfile_at(t, at));
		buf_chr(&c->line, '\n');
		if (c->line.len > PIECE || n == 1)
			put_line(c);
	}
}

/* Pieces are decoded to bytes; a character cut in two waits for its rest. */
static void show_text(struct tokcat *c, const struct tokfile *t, uint64_t at, uint64_t n)
{
	uint32_t *ids = xreallocarray(NULL, PIECE, sizeof(*ids));
	struct buf bytes = {0};

	while (n > 0) {
		size_t k = n < PIECE ? (size_t)n : PIECE, used;

		tokfile_read(t, at, k, ids);
		if (tokenizer_decode_raw(c->tokenizer, ids, k, c->skip_special, &bytes) < 0) {
			err_prefix("%s: from id number %" PRIu64, t->path, at);
			die_err();
		}
		at += k;
		n -= k;
		if (bytes.len == 0)
			continue;
		used = tokenizer_lossy(bytes.p, bytes.len, n == 0, &c->line);
		memmove(bytes.p, bytes.p + used, bytes.len - used);
		bytes.len -= used;
		put_line(c);
	}
	buf_release(&bytes);
	free(ids);
}

static void show(struct tokcat *c, const struct tokfile *t, uint64_t at, uint64_t n)
{
	if (c->mode == IDS)
		show_ids(c, t, at, n);
	else
		show_text(c, t, at, n);
}

static void show_order(struct tokcat *c, const char *path)
{
	struct order *o = order_open(path);
	uint64_t k;

	if (o == NULL || (c->m != NULL && manifest_input_file(c->m, "order", path) < 0))
		die_err();
	if (c->mode != IDS || c->slice != ALL)
		die_usage("'%s' is an order file: only --info, --ids and --verify", path);
	for (k = 0; k < o->total; k++) {
		buf_u64(&c->line, order_at(o, k));
		buf_chr(&c->line, '\n');
		if (c->line.len > PIECE || k + 1 == o->total)
			put_line(c);
	}
	order_free(o);
}

/* Row N of a file's table. */
static struct tokfile_row find_row(const struct tokcat *c, struct tokfile_docs *d, uint64_t count)
{
	struct tokfile_row r;
	uint64_t k;
	int rc = 0;

	for (k = 0; k <= c->a; k++) {
		rc = tokfile_docs_next(d, &r);
		if (rc <= 0)
			break;
	}
	if (rc < 0)
		die_err();
	if (rc == 0)
		die(EXIT_USAGE, "%s has %" PRIu64 " documents, there is no %" PRIu64,
		    tokfile_docs_path(d), k, c->a);
	if (r.end > count)
		die(EXIT_IO, "%s:%" PRIu64 ": ids up to %" PRIu64 ", the file has %" PRIu64,
		    tokfile_docs_path(d), c->a + 1, r.end, count);
	return r;
}

static struct tokfile_docs *docs_or_die(const char *path)
{
	struct tokfile_docs *d = tokfile_docs_open(path);

	if (d == NULL)
		die_err();
	return d;
}

static void show_file(struct tokcat *c, const char *path)
{
	struct tokfile *t;
	uint64_t a = 0, b;

	if (order_is(path)) {
		show_order(c, path);
		return;
	}
	t = open_or_die(c, path);
	b = t->count;
	if (c->slice == SLICE_TOKENS) {
		a = c->a;
		b = c->b == UINT64_MAX ? b : c->b;
	} else if (c->slice == SLICE_DOC) {
		struct tokfile_docs *d = docs_or_die(path);
		struct tokfile_row r = find_row(c, d, t->count);

		a = r.start;
		b = r.end;
		tokfile_docs_close(d);
	}
	if (a > b || b > t->count)
		die_usage("%s has %" PRIu64 " ids, there are no %" PRIu64 ":%" PRIu64, path,
		    t->count, a, b);
	show(c, t, a, b - a);
	tokfile_close(t);
}

static void show_instance(struct tokcat *c, char **path, size_t n)
{
	struct tokfile_meta raw = raw_meta(c);
	struct tokfile_list_spec spec = {.seq_len = c->b, .raw = &raw};
	struct tokfile_list *l = tokfile_list_open((const char *const *)path, n, &spec);
	uint64_t start;
	size_t file;

	if (l == NULL)
		die_err();
	for (file = 0; file < n; file++) {
		if (check_tokenizer(c, l->file[file]) < 0)
			die_err();
		note_input(c, l->file[file], path[file]);
	}
	uint64_t n_inst = l->n_inst;
	if (c->a >= n_inst) {
		tokfile_list_close(l);
		die_usage("the files have %" PRIu64 " instances of %" PRIu64
			  " ids, there is no %" PRIu64,
		    n_inst, c->b, c->a);
	}
	tokfile_list_find(l, c->a, &file, &start);
	show(c, l->file[file], start, c->b);
	tokfile_list_close(l);
}

/* -- information --------------------------------------------------------------------------- */

static void put_id(struct buf *b, const char *key, uint64_t v)
{
	if (v == TOKFILE_NONE)
		buf_printf(b, ",\"%s\":null", key);
	else
		buf_printf(b, ",\"%s\":%" PRIu64, key, v);
}

static void put_hash(struct buf *b, const char *key, struct h128 h, int zero_is_unknown)
{
	char hex[33];

	h128_hex(h, hex);
	if (zero_is_unknown && h.lo == 0 && h.hi == 0)
		buf_printf(b, ",\"%s\":null", key);
	else
		buf_printf(b, ",\"%s\":\"%s\"", key, hex);
}

static void put_name(struct buf *b, const char *path)
{
	buf_str(b, "{\"file\":");
	jstr_put(b, path, strlen(path));
}

static void info_tokens(struct tokcat *c, const char *path)
{
	struct tokfile *t = open_or_die(c, path);
	struct buf *b = &c->line;

	put_name(b, t->path);
	if (t->raw)
		buf_str(b, ",\"format\":\"raw\"");
	else
		buf_printf(b, ",\"format\":\"olmo-tokens 1.%d\"", t->minor);
	buf_printf(b, ",\"dtype\":\"u%d\"", (int)(8 * t->meta.width));
	put_id(b, "count", t->count);
	put_id(b, "vocab_size", t->meta.vocab_size);
	put_id(b, "eos_id", t->meta.eos_id);
	put_hash(b, "tokenizer", t->meta.tokenizer, 1);
	put_hash(b, "xxh3", tokfile_hash(t), 0);
	buf_str(b, "}\n");
	put_line(c);
	tokfile_close(t);
}

static void info_order(struct tokcat *c, const char *path)
{
	struct order *o = order_open(path);
	struct buf *b = &c->line;

	if (o == NULL || (c->m != NULL && manifest_input_file(c->m, "order", path) < 0))
		die_err();
	put_name(b, path);
	buf_printf(b, ",\"format\":\"olmo-order\",\"dtype\":\"u%d\"", (int)(8 * o->width));
	put_id(b, "count", o->total);
	buf_printf(b, ",\"order\":\"%s\"", order_algo_name(o->spec.algo));
	put_id(b, "instances", o->spec.n_inst);
	put_id(b, "seq_len", o->spec.seq_len);
	put_id(b, "seed", o->spec.seed);
	put_id(b, "epoch", o->spec.epoch);
	put_id(b, "world_size", o->spec.world);
	buf_printf(b, ",\"drop_last\":%s", o->spec.drop_last ? "true" : "false");
	put_hash(b, "tokens", o->spec.list, 1);
	buf_str(b, "}\n");
	put_line(c);
	order_free(o);
}

/* A tab, newline or backslash in a field as \t, \n, \\. */
static void put_field(struct buf *b, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const char *two = s[i] == '\t'   ? "\\t"
				  : s[i] == '\n' ? "\\n"
				  : s[i] == '\r' ? "\\r"
				  : s[i] == '\\' ? "\\\\"
						 : NULL;

		if (two != NULL)
			buf_str(b, two);
		else
			buf_chr(b, s[i]);
	}
}

static void put_row(struct tokcat *c, const struct tokfile_row *r)
{
	struct buf *b = &c->line;

	buf_printf(b, "%" PRIu64 "\t%" PRIu64 "\t", r->start, r->end);
	put_field(b, r->id, r->id_len);
	buf_chr(b, '\t');
	put_field(b, r->source, strlen(r->source));
	buf_printf(b, "\t%" PRIu64 "\n", r->line);
	put_line(c);
}

static void show_docs(struct tokcat *c, const char *path)
{
	struct tokfile *t = open_or_die(c, path);
	struct tokfile_docs *d = docs_or_die(path);
	struct tokfile_row r;
	uint64_t row = 0;
	int rc;

	if (c->slice == SLICE_DOC) {
		r = find_row(c, d, t->count);
		put_row(c, &r);
		rc = 0;
	} else {
		while ((rc = tokfile_docs_next(d, &r)) > 0) {
			row++;
			if (r.end > t->count)
				die(EXIT_IO,
				    "%s:%" PRIu64 ": ids up to %" PRIu64 ", the file has %" PRIu64,
				    tokfile_docs_path(d), row, r.end, t->count);
			put_row(c, &r);
		}
	}
	if (rc < 0)
		die_err();
	tokfile_docs_close(d);
	tokfile_close(t);
}

/* -- checking ------------------------------------------------------------------------------ */

/* A file that cannot be read at all is no answer to the question whether it is damaged. */
static void readable_or_die(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return;
	fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		die(EXIT_IO, "cannot open '%s': %s", path, strerror(errno));
	close(fd);
}

/* Megatron's data sets may be named without a suffix: then there is an index of that name. */
static void input_or_die(const struct tokcat *c, const char *path)
{
	char *index;

	if (c->from != CONVERT_MEGATRON || access(path, F_OK) == 0) {
		readable_or_die(path);
		return;
	}
	index = xasprintf("%s.idx", path);
	readable_or_die(index);
	free(index);
}

static char *mask_path(const struct tokcat *c, const char *path)
{
	return c->from == CONVERT_DATATROVE ? xasprintf("%s.loss", path) : tokmask_path(path);
}

static int verify_mask(const struct tokcat *c, const char *path, uint64_t count)
{
	char *mask = mask_path(c, path);
	int rc = tokmask_verify(mask, count);

	free(mask);
	return rc;
}

static int verify_tokens(const struct tokcat *c, const char *path)
{
	struct tokfile *t = open_file(c, path);
	struct doctable d;
	int rc;

	if (t == NULL)
		return -1;
	rc = check_tokenizer(c, t) < 0 ? -1 : tokfile_verify(t);
	if (rc == 0 && strcmp(path, "-") != 0 && tokfile_docs_exist(path)) {
		rc = doctable_load(&d, path, t->count);
		if (rc == 0)
			doctable_release(&d);
	}
	if (rc == 0 && strcmp(path, "-") != 0)
		rc = verify_mask(c, path, t->count);
	stats_add("tokens", t->count);
	tokfile_close(t);
	return rc;
}

static int verify_order(const char *path)
{
	struct order *o = order_open(path);
	int rc = o == NULL ? -1 : 0;

	order_free(o);
	return rc;
}

/* An order file is told by its magic; when that is damaged, by its name. */
static int is_order_name(const char *path)
{
	size_t n = strlen(path);

	return n > 6 && strcmp(path + n - 6, ".order") == 0;
}

static int verify_all(const struct tokcat *c)
{
	int status = EXIT_DONE;
	size_t i;

	for (i = 0; i < c->o.n_files; i++) {
		const char *path = c->o.files[i];
		int rc;

		input_or_die(c, path);
		rc = is_order_name(path) || order_is(path) ? verify_order(path)
							   : verify_tokens(c, path);
		stats_add("files", 1);
		if (rc == 0) {
			note("%s: whole", path);
			continue;
		}
		fprintf(stderr, "%s: %s\n", progname, err_msg());
		stats_add("files_damaged", 1);
		status = EXIT_NO;
	}
	return status;
}

/* -- converting ---------------------------------------------------------------------------- */

static void write_manifest(const struct tokcat *c)
{
	if (c->m == NULL)
		return;
	manifest_counters(c->m);
	if (out_path(c) != NULL && manifest_write_for(c->m, out_path(c)) < 0)
		die_err();
	if (c->o.manifest != NULL && manifest_write(c->m, c->o.manifest) < 0)
		die_err();
}

/* The label mask beside the input that goes along; one that does not is named.  Caller frees. */
static char *convert_mask(const struct tokcat *c, const char *path)
{
	char *mask = mask_path(c, path);

	if (access(mask, F_OK) == 0 && c->o.out != NULL && strcmp(c->o.out, "-") != 0 &&
	    convert_has_mask((enum convert_form)c->form)) {
		if (c->m != NULL && manifest_input_file(c->m, "label_mask", mask) < 0)
			die_err();
		return mask;
	}
	if (access(mask, F_OK) == 0)
		fprintf(stderr, "%s: '%s': the label mask is left behind\n", progname, mask);
	free(mask);
	return NULL;
}

/* Opens the input with what is known of its documents. */
static struct foreign convert_input(const struct tokcat *c, const char *path)
{
	struct foreign f = {0};

	if (c->from < 0) {
		f.t = open_or_die(c, path);
		return f;
	}
	if (open_foreign(c, &f, path) < 0)
		die_err();
	note_input(c, f.t, f.t->path);
	if (f.index != NULL && c->m != NULL && manifest_input_file(c->m, "index", f.index) < 0)
		die_err();
	stats_add("files", 1);
	stats_add("tokens", f.t->count);
	return f;
}

/* Ids of a form of another program are checked against the vocabulary, token files as a whole. */
static void check_input(const struct tokcat *c, const struct tokfile *t)
{
	if ((!t->raw || c->from >= 0) && tokfile_verify(t) < 0)
		die_err();
}

static void convert(const struct tokcat *c, const char *path)
{
	struct foreign f = convert_input(c, path);
	struct tokfile *t = f.t;
	struct convert v = {.t = t,
	    .meta = t->meta,
	    .out = c->o.out,
	    .name = c->tokenizer_name,
	    .end = f.end,
	    .n_end = f.n_doc,
	    .index = f.index};
	char *mask = strcmp(path, "-") == 0 ? NULL : convert_mask(c, path);
	size_t i;

	v.mask = mask;
	if (strcmp(path, "-") != 0)
		v.tokpath = path;
	if (t->raw && c->form == CONVERT_TOK)
		v.meta.width = tokfile_width(t->meta.vocab_size);
	else if (c->width != 0)
		v.meta.width = c->width;
	check_input(c, t);
	if (convert_write(&v, (enum convert_form)c->form) < 0)
		die_err();
	if (c->m != NULL) {
		manifest_opt_str(c->m, "to", convert_name((enum convert_form)c->form));
		if (c->tokenizer_name != NULL)
			manifest_opt_str(c->m, "tokenizer_name", c->tokenizer_name);
		manifest_opt_str(c->m, "dtype", v.meta.width == 2 ? "u16" : "u32");
		for (i = 0; i < v.n; i++)
			manifest_output(c->m, v.file[i].role, v.file[i].path, &v.file[i].hash);
	}
	convert_release(&v);
	foreign_close(&f);
	free(mask);
}

/* -- main ---------------------------------------------------------------------------------- */

static void each_file(struct tokcat *c)
{
	size_t i;

	if (c->slice == SLICE_INSTANCE) {
		show_instance(c, c->o.files, c->o.n_files);
		return;
	}
	for (i = 0; i < c->o.n_files; i++) {
		const char *path = c->o.files[i];

		if (c->mode == INFO)
			(order_is(path) ? info_order : info_tokens)(c, path);
		else if (c->mode == DOCS)
			show_docs(c, path);
		else
			show_file(c, path);
	}
}

static void show_all(struct tokcat *c)
{
	struct filehash h;

	c->out = out_open(c->o.out, OUT_HASH);
	if (c->out == NULL)
		die_err();
	each_file(c);
	if (out_commit(c->out, &h) < 0)
		die_err();
	if (c->m == NULL)
		return;
	manifest_opt_str(c->m, "show", mode_name(c->mode));
	manifest_output(c->m, mode_name(c->mode), out_path(c) == NULL ? "-" : out_path(c), &h);
}

int main(int argc, char **argv)
{
	static char dash[] = "-";
	static char *standard_input[] = {dash, NULL};
	struct tokcat c = {.eos = TOKFILE_NONE, .from = -1};
	const char *arg;
	int key, status = EXIT_DONE;

	opts_init(&c.o, &prog, argc, argv);
	while ((key = opts_next(&c.o, &arg)))
		take_option(&c, key, arg);
	check_options(&c);
	if (c.o.n_files == 0) {
		c.o.files = standard_input;
		c.o.n_files = 1;
	}
	out_signals();
	if (c.tokenizer_path != NULL) {
		c.tokenizer = tokenizer_load(c.tokenizer_path, TOKENIZER_C);
		if (c.tokenizer == NULL)
			die_err();
	}
	if (c.mode != VERIFY && (out_path(&c) != NULL || c.o.manifest != NULL))
		c.m = manifest_new("tokcat");
	if (c.mode == VERIFY)
		status = verify_all(&c);
	else if (c.mode == TO)
		convert(&c, c.o.files[0]);
	else
		show_all(&c);
	write_manifest(&c);
	manifest_free(c.m);
	tokenizer_free(c.tokenizer);
	buf_release(&c.line);
	return opts_end(&c.o, status);
}
