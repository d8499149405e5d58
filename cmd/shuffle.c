/* shuffle: the order in which instances are trained on, token files in such an order, mixtures of
 * them, and which step saw which document. */
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
#include "io/manifest.h"
#include "io/out.h"
#include "tok/order.h"
#include "tok/rearrange.h"
#include "tok/tokenizer.h"
#include "tok/tokfile.h"
#include "tok/tokmask.h"
#include "tok/trace.h"

enum {
	ORDER = OPT_LONG,
	COPY,
	MIX,
	VERIFY,
	WHICH,
	WHEN,
	COUNT,
	SEQ_LEN,
	EPOCH,
	WORLD,
	NO_DROP_LAST,
	ALGO,
	RAW,
	UNIT,
	ORDER_FROM,
	TOKENS,
	MEMORY,
	PASSES,
	DTYPE,
	RUN,
	TEXT
};

static const struct opt own[] = {
    {"order", ORDER, NULL, "write an order of the instances of the token files"},
    {"copy", COPY, NULL, "write the token files anew in an order"},
    {"mix", MIX, NULL, "write a mixture of the documents of W:FILE.."},
    {"verify", VERIFY, NULL, "is the first file a rearrangement of the others? (1 = no)"},
    {"which", WHICH, "STEP[:RANK]", "the documents that a step of a run saw, as TSV"},
    {"when", WHEN, "ID", "the steps of a run that saw a document, as TSV"},
    {"count", COUNT, "N", "order N instances, of no files in particular"},
    {"seq-len", SEQ_LEN, "T", "ids of an instance"},
    {"epoch", EPOCH, "E", "epoch, counted from 0 [0]"},
    {"world-size", WORLD, "W", "make the number of entries a multiple of W [1]"},
    {"no-drop-last", NO_DROP_LAST, NULL, "by repeating the beginning, not by cutting the end"},
    {"algo", ALGO, "NAME", "numpy (OLMo's order), feistel or sequential [numpy]"},
    {"raw", RAW, NULL, "write OLMo's headerless global_indices.npy"},
    {"unit", UNIT, "UNIT", "what moves as a whole: instance or document [instance]"},
    {"order-file", ORDER_FROM, "FILE", "the order to copy in, instead of --algo"},
    {"memory", MEMORY, "SIZE", "for --copy: bytes of memory for ids [1G]"},
    {"passes", PASSES, "N", "for --copy: 1 or 2 [1 if the inputs fit SIZE or the free memory]"},
    {"tokens", TOKENS, "N", "ids of the mixture"},
    {"dtype", DTYPE, "TYPE", "u16 or u32: ids of headerless .npy files [u16]"},
    {"run", RUN, "RUN|CONF", "a run's directory or its config"},
    {"text", TEXT, NULL, "with the text of each part as the last column"},
    {"tokenizer", 't', "FILE", "tokenizer.json for --text [the run's]"},
    {0},
};

static const struct prog prog = {
    "shuffle",
    "--order {--count N|TOK..} --seq-len T --seed S --epoch E [OPTIONS] -o FILE\n"
    "--copy [--unit instance|document] [--seq-len T|--order-file FILE] [--memory SIZE] "
    "[--passes N] -o OUT.tok TOK..\n"
    "--mix --tokens N -o OUT.tok W:TOK..\n"
    "--verify OUT.tok TOK..\n"
    "--which STEP[:RANK]|--when ID --run RUN|CONF [--text]",
    "order, rearrange and trace training instances",
    own,
};

struct shuffle {
	struct opts o;
	int mode;
	uint64_t count, seq_len, epoch, world, n_tok, memory;
	int passes, has_count, drop_last, raw, documents, has_unit, text;
	enum order_algo algo;
	const char *order_file, *run, *tokenizer_path, *what; /* what: of --which or --when */
	struct tokfile_meta raw_meta;
	struct manifest *m;
};

/* -- command line -------------------------------------------------------------------------- */

static const char *opt_name(int key)
{
	const struct opt *t = own;

	while (t->key != key)
		t++;
	return t->name;
}

static void set_mode(struct shuffle *s, int mode)
{
	if (s->mode != 0)
		die_usage("--%s and --%s exclude each other", opt_name(s->mode), opt_name(mode));
	s->mode = mode;
}

static void set_dtype(struct shuffle *s, const char *arg)
{
	if (strcmp(arg, "u16") != 0 && strcmp(arg, "u32") != 0)
		die_usage("--dtype '%s' is not u16 or u32", arg);
	s->raw_meta.width = arg[1] == '1' ? 2 : 4;
	s->raw_meta.vocab_size = arg[1] == '1' ? 65536 : (uint64_t)1 << 32;
}

static void set_unit(struct shuffle *s, const char *arg)
{
	if (strcmp(arg, "instance") != 0 && strcmp(arg, "document") != 0)
		die_usage("--unit '%s' is not instance or document", arg);
	s->documents = arg[0] == 'd';
	s->has_unit = 1;
}

static void take_option(struct shuffle *s, int key, const char *arg)
{
	int algo;

	switch (key) {
	case WHICH:
	case WHEN:
		set_mode(s, key);
		s->what = arg;
		break;
	case COUNT:
		s->count = opt_u64("count", arg, 0, (uint64_t)1 << 62);
		s->has_count = 1;
		break;
	case SEQ_LEN:
		s->seq_len = opt_u64("seq-len", arg, 1, (uint64_t)1 << 32);
		break;
	case EPOCH:
		s->epoch = opt_u64("epoch", arg, 0, UINT64_MAX);
		break;
	case WORLD:
		s->world = opt_u64("world-size", arg, 1, (uint64_t)1 << 32);
		break;
	case NO_DROP_LAST:
		s->drop_last = 0;
		break;
	case ALGO:
		algo = order_algo_parse(arg);
		if (algo < 0)
			die_usage("--algo: %s", err_msg());
		s->algo = (enum order_algo)algo;
		break;
	case RAW:
		s->raw = 1;
		break;
	case UNIT:
		set_unit(s, arg);
		break;
	case ORDER_FROM:
		s->order_file = arg;
		break;
	case TOKENS:
		s->n_tok = opt_u64("tokens", arg, 1, (uint64_t)1 << 62);
		break;
	case MEMORY:
		s->memory = opt_size("memory", arg);
		break;
	case PASSES:
		s->passes = (int)opt_u64("passes", arg, 1, 2);
		break;
	case DTYPE:
		set_dtype(s, arg);
		break;
	case RUN:
		s->run = arg;
		break;
	case TEXT:
		s->text = 1;
		break;
	case 't':
		s->tokenizer_path = arg;
		break;
	default:
		set_mode(s, key);
		break;
	}
}

/* -- manifests ----------------------------------------------------------------------------- */

static const char *out_path(const struct shuffle *s)
{
	return s->o.out == NULL || strcmp(s->o.out, "-") == 0 ? NULL : s->o.out;
}

/* JSON's integers end at 2^63 - 1; what is larger is written as a string. */
static void note_seed(struct shuffle *s)
{
	char *text;

	if (s->o.seed <= INT64_MAX) {
		manifest_opt_int(s->m, "seed", (int64_t)s->o.seed);
		return;
	}
	text = xasprintf("%" PRIu64, s->o.seed);
	manifest_opt_str(s->m, "seed", text);
	free(text);
}

static void note_order(struct shuffle *s)
{
	manifest_opt_str(s->m, "algo", order_algo_name(s->algo));
	note_seed(s);
	manifest_opt_int(s->m, "epoch", (int64_t)s->epoch);
}

/* The files of a list as they were read: standard input too. */
static void note_inputs(struct shuffle *s, const struct tokfile_list *l, char **path)
{
	size_t i;

	for (i = 0; i < l->n_file; i++) {
		struct filehash h = tokfile_file_hash(l->file[i]);

		manifest_input(s->m, "tokens", path[i], &h);
	}
}

static void write_manifest(struct shuffle *s)
{
	manifest_counters(s->m);
	if (out_path(s) != NULL && manifest_write_for(s->m, out_path(s)) < 0)
		die_err();
	if (s->o.manifest != NULL && manifest_write(s->m, s->o.manifest) < 0)
		die_err();
}

static void note_tokens(struct shuffle *s, const struct tokfile_sum *sum)
{
	char *docs;

	stats_add("tokens", sum->count);
	stats_add("rows", sum->n_doc);
	manifest_output(s->m, "tokens", out_path(s) == NULL ? "-" : out_path(s), &sum->file);
	if (sum->docs.bytes == 0)
		return;
	docs = xasprintf("%s.docs.csv.gz", out_path(s));
	manifest_output(s->m, "docs", docs, &sum->docs);
	free(docs);
}

/* -- --order ------------------------------------------------------------------------------- */

static struct order_spec order_spec(const struct shuffle *s, uint64_t n)
{
	return (struct order_spec){.algo = s->algo,
	    .n_inst = n,
	    .seq_len = s->seq_len,
	    .seed = s->o.seed,
	    .epoch = s->epoch,
	    .world = s->world,
	    .drop_last = s->drop_last};
}

static struct order_spec spec_of_files(struct shuffle *s)
{
	struct tokfile_list_spec ls = {.seq_len = s->seq_len, .raw = &s->raw_meta};
	struct tokfile_list *l;
	struct order_spec spec;

	if (s->o.n_files == 0)
		die_usage("--order wants token files, or --count N");
	if (s->seq_len == 0)
		die_usage("--order of token files needs --seq-len T");
	l = tokfile_list_open((const char *const *)s->o.files, s->o.n_files, &ls);
	if (l == NULL)
		die_err();
	spec = order_spec(s, l->n_inst);
	spec.list = tokfile_list_hash(l);
	if (!s->o.dry_run)
		note_inputs(s, l, s->o.files);
	stats_add("tokens", l->n_tok);
	tokfile_list_close(l);
	return spec;
}

static void make_order(struct shuffle *s)
{
	struct order_spec spec;
	struct filehash hash;
	struct order *o;

	if (s->has_count && s->o.n_files > 0)
		die_usage("--count and token files exclude each other");
	spec = s->has_count ? order_spec(s, s->count) : spec_of_files(s);
	if (s->o.dry_run) {
		printf("{\"instances\":%" PRIu64 ",\"entries\":%" PRIu64 "}\n", spec.n_inst,
		    order_total(&spec));
		return;
	}
	o = order_new(&spec);
	if (o == NULL || (s->raw ? order_write_raw : order_write)(o, s->o.out, &hash) < 0)
		die_err();
	stats_add("instances", spec.n_inst);
	stats_add("entries", o->total);
	order_free(o);
	note_order(s);
	manifest_opt_int(s->m, "seq_len", (int64_t)s->seq_len);
	manifest_opt_int(s->m, "world_size", (int64_t)s->world);
	manifest_opt_bool(s->m, "drop_last", s->drop_last);
	manifest_opt_bool(s->m, "raw", s->raw);
	manifest_output(s->m, "order", out_path(s) == NULL ? "-" : out_path(s), &hash);
	write_manifest(s);
}

/* -- --copy -------------------------------------------------------------------------------- */

static void open_units(struct shuffle *s, struct units *u, char **path, size_t n)
{
	struct units_spec spec = {
	    .documents = s->documents, .seq_len = s->seq_len, .raw = &s->raw_meta};

	if (!s->documents && s->seq_len == 0)
		die_usage("instances need --seq-len T");
	if (units_open(u, (const char *const *)path, n, &spec) < 0)
		die_err();
}

/* The order file's length of an instance is the default. */
static struct order *load_order(struct shuffle *s)
{
	struct order *o = order_open_any(s->order_file, 0);

	if (o == NULL)
		die_err();
	if (s->seq_len == 0)
		s->seq_len = o->spec.seq_len;
	return o;
}

static void check_order(const struct shuffle *s, const struct order *o, const struct units *u)
{
	if (!s->documents) {
		if (order_check(o, u->list) < 0) {
			err_prefix("%s", s->order_file);
			die_err();
		}
		return;
	}
	if (o->spec.n_inst != u->n)
		die(EXIT_IO, "%s: an order of %" PRIu64 ", but there are %" PRIu64 " documents",
		    s->order_file, o->spec.n_inst, u->n);
}

static struct order *order_of_units(struct shuffle *s, const struct units *u)
{
	struct order_spec spec = order_spec(s, u->n);
	struct order *o = order_new(&spec);

	if (o == NULL)
		die_err();
	return o;
}

static struct tokfile_writer *create_or_die(
    const struct shuffle *s, const struct tokfile_meta *meta, int table, uint64_t count)
{
	struct tokfile_writer *w =
	    tokfile_create_n(s->o.out, meta, table ? TOKFILE_DOCS : 0, count);

	if (w == NULL)
		die_err();
	return w;
}

static void finish(struct shuffle *s, int rc, struct tokfile_writer *w)
{
	struct tokfile_sum sum;

	if (rc < 0) {
		tokfile_abort(w);
		die_err();
	}
	if (tokfile_commit(w, &sum) < 0)
		die_err();
	note_tokens(s, &sum);
	write_manifest(s);
}

/* Where a temporary file of the output's size belongs: beside the output. */
static char *temp_dir(const struct shuffle *s)
{
	const char *path = out_path(s), *slash = path == NULL ? NULL : strrchr(path, '/');
	const char *dir = getenv("TMPDIR");

	if (path == NULL)
		return xstrdup(dir != NULL && dir[0] != '\0' ? dir : "/tmp");
	return slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + 1);
}

/* -- label masks --------------------------------------------------------------------------- */

/* The masks beside the inputs (n_file): all or none; NULL: none, or an error (*rc = -1). */
static struct map *open_masks(struct shuffle *s, const struct units *u, int *rc)
{
	size_t i, n = 0, n_file = u->list->n_file;
	struct map *m = xcalloc(n_file + 1, sizeof(*m));

	for (i = 0; *rc == 0 && i < n_file; i++) {
		char *path = tokmask_path(s->o.files[i]);
		int one = tokmask_open(&m[i], path, u->list->file[i]->count);

		n += one > 0;
		if (one < 0 || (one > 0 && manifest_input_file(s->m, "label_mask", path) < 0))
			*rc = -1;
		else if (n > 0 && n < i + 1)
			*rc = (err_set("only one of '%s' and '%s' has a label mask", s->o.files[0],
				   s->o.files[i]),
			    -1);
		free(path);
	}
	if (*rc == 0 && n > 0)
		return m;
	for (i = 0; i < n_file; i++)
		map_close(&m[i]);
	free(m);
	return NULL;
}

static int put_masks(struct shuffle *s, const struct units *u, const struct order *o,
    const struct map *m, const char *path)
{
	struct out *f = out_open(path, OUT_BINARY | OUT_HASH);
	struct filehash h;
	uint64_t k;

	if (f == NULL)
		return -1;
	for (k = 0; k < o->total; k++) {
		struct unit x = units_at(u, order_at(o, k));

		if (out_write(f, m[x.file].p + x.start, x.len) < 0) {
			out_abort(f);
			return -1;
		}
	}
	if (out_commit(f, &h) < 0)
		return -1;
	manifest_output(s->m, "label_mask", path, &h);
	return 0;
}

/* Label masks beside the inputs go along. */
static int copy_masks(struct shuffle *s, const struct units *u, const struct order *o)
{
	int rc = 0;
	struct map *m = open_masks(s, u, &rc);
	char *path;
	size_t i;

	if (m == NULL)
		return rc;
	if (out_path(s) == NULL)
		die_usage("label masks lie beside the inputs: give -o FILE for theirs");
	path = tokmask_path(out_path(s));
	rc = put_masks(s, u, o, m, path);
	for (i = 0; i < u->list->n_file; i++)
		map_close(&m[i]);
	free(m);
	free(path);
	return rc;
}

/* Copies; notes the inputs' hashes. */
static int copy_units(
    struct shuffle *s, const struct units *u, const struct order *o, struct tokfile_writer *w)
{
	struct filehash *input = xcalloc(u->list->n_file + 1, sizeof(*input));
	char *dir = temp_dir(s);
	struct rearrange_how how = {
	    .memory = s->memory, .threads = s->o.threads, .dir = dir, .passes = s->passes};
	int rc = rearrange_copy(u, o, &how, w, input);
	size_t i;

	for (i = 0; rc == 0 && i < u->list->n_file; i++)
		manifest_input(s->m, "tokens", s->o.files[i], &input[i]);
	if (rc == 0)
		rc = copy_masks(s, u, o);
	free(dir);
	free(input);
	return rc;
}

static void copy(struct shuffle *s)
{
	struct tokfile_writer *w;
	struct tokfile_meta meta;
	struct order *o = NULL;
	struct units u;
	int rc;

	if (s->o.n_files == 0)
		die_usage("--copy wants token files");
	if (s->order_file != NULL)
		o = load_order(s);
	open_units(s, &u, s->o.files, s->o.n_files);
	if (o != NULL)
		check_order(s, o, &u);
	else
		o = order_of_units(s, &u);
	meta = units_meta(&u);
	w = create_or_die(
	    s, &meta, u.table != NULL, s->documents ? TOKFILE_NONE : o->total * s->seq_len);
	rc = copy_units(s, &u, o, w);
	stats_add("units", o->total);
	manifest_opt_str(s->m, "unit", s->documents ? "document" : "instance");
	if (!s->documents)
		manifest_opt_int(s->m, "seq_len", (int64_t)s->seq_len);
	if (s->order_file == NULL)
		note_order(s);
	else if (manifest_input_file(s->m, "order", s->order_file) < 0)
		die_err();
	finish(s, rc, w);
	order_free(o);
	units_release(&u);
}

/* -- --mix --------------------------------------------------------------------------------- */

static const char *split_weight(const char *operand, double *weight)
{
	const char *colon = strchr(operand, ':');
	char *number;

	if (colon == NULL || colon[1] == '\0')
		die_usage("--mix: '%s' is not WEIGHT:FILE", operand);
	number = xstrndup(operand, (size_t)(colon - operand));
	if (num_f64(number, weight) < 0 || *weight <= 0)
		die_usage("--mix: '%s' is no weight above 0", number);
	free(number);
	return colon + 1;
}

/* Sources must agree as the files of one list do: opening them as one list checks it. */
static struct tokfile_meta common_meta(const struct shuffle *s, const char *const *path, size_t n)
{
	struct tokfile_list_spec ls = {.seq_len = 1, .raw = &s->raw_meta};
	struct tokfile_list *l = tokfile_list_open(path, n, &ls);
	struct units all = {.list = l};
	struct tokfile_meta m;

	if (l == NULL)
		die_err();
	m = units_meta(&all);
	tokfile_list_close(l);
	return m;
}

static void note_sources(struct shuffle *s, const struct rearrange_source *src, size_t n)
{
	json_t *weights = json_array();
	size_t i;

	for (i = 0; i < n; i++) {
		char *tok = xasprintf("tokens_source_%zu", i);
		char *pass = xasprintf("passes_source_%zu", i);

		json_array_append_new(weights, json_real(src[i].weight));
		stats_add(tok, src[i].n_tok);
		stats_add(pass, src[i].pass);
		free(tok);
		free(pass);
	}
	manifest_opt_json(s->m, "weights", weights);
	manifest_opt_int(s->m, "tokens", (int64_t)s->n_tok);
	note_seed(s);
}

static void note_left_mask(const char *path)
{
	char *mask = tokmask_path(path);

	if (access(mask, F_OK) == 0)
		fprintf(stderr, "%s: '%s': the label mask is left behind\n", progname, mask);
	free(mask);
}

static void mix(struct shuffle *s)
{
	size_t i, n = s->o.n_files;
	struct rearrange_source *src = xcalloc(n ? n : 1, sizeof(*src));
	const char **path = xcalloc(n ? n : 1, sizeof(*path));
	struct tokfile_writer *w;
	struct tokfile_meta meta;
	int rc;

	if (n == 0 || s->n_tok == 0)
		die_usage("--mix wants --tokens N and sources WEIGHT:FILE");
	s->documents = 1;
	for (i = 0; i < n; i++)
		path[i] = split_weight(s->o.files[i], &src[i].weight);
	meta = common_meta(s, path, n);
	for (i = 0; i < n; i++) {
		char *one[] = {(char *)path[i]};

		open_units(s, &src[i].units, one, 1);
		note_left_mask(path[i]);
	}
	w = create_or_die(s, &meta, 1, s->n_tok);
	rc = rearrange_mix(src, n, s->n_tok, s->o.seed, w);
	note_sources(s, src, n);
	for (i = 0; i < n; i++)
		note_inputs(s, src[i].units.list, (char **)&path[i]);
	finish(s, rc, w);
	for (i = 0; i < n; i++)
		units_release(&src[i].units);
	free(src);
	free(path);
}

/* -- --verify ------------------------------------------------------------------------------ */

/* What --copy wrote down about the file, when nothing is said on the command line. */
static void unit_from_manifest(struct shuffle *s, const char *path)
{
	char *name = manifest_path(path);
	json_t *m = manifest_load(name);
	const char *unit =
	    json_string_value(json_object_get(json_object_get(m, "options"), "unit"));
	json_t *len = json_object_get(json_object_get(m, "options"), "seq_len");

	if (unit == NULL)
		die_usage(
		    "'%s' does not say what '%s' is made of: say --seq-len T or --unit document",
		    name, path);
	s->documents = strcmp(unit, "document") == 0;
	if (!s->documents)
		s->seq_len = (uint64_t)json_integer_value(len);
	json_decref(m);
	free(name);
}

#define SEARCH_MAX ((uint64_t)1 << 24) /* units, to name the one that differs */

static int differ(const struct shuffle *s, const struct units *out, const struct units *in)
{
	const char *what = s->documents ? "document" : "instance";
	uint64_t k;

	if (out->n > SEARCH_MAX || in->n > SEARCH_MAX) {
		fprintf(stderr, "%s: %s: not the %ss of the other files\n", progname,
		    s->o.files[0], what);
		return EXIT_NO;
	}
	units_missing(out, in, &k);
	if (k < out->n) {
		struct unit u = units_at(out, k);

		fprintf(stderr,
		    "%s: %s@%" PRIu64 ": %s %" PRIu64 " is not in the other files (as often)\n",
		    progname, s->o.files[0],
		    out->list->file[0]->ids_off + u.start * out->list->file[0]->meta.width, what,
		    k);
		return EXIT_NO;
	}
	units_missing(in, out, &k);
	fprintf(stderr,
	    "%s: %s: %s %" PRIu64 " of the other files is missing (%" PRIu64 " there, %" PRIu64
	    " here)\n",
	    progname, s->o.files[0], what, k, in->n, out->n);
	return EXIT_NO;
}

static void check_damage(const struct units *u)
{
	size_t i;

	for (i = 0; i < u->list->n_file; i++)
		if (tokfile_verify(u->list->file[i]) < 0)
			die_err();
}

static int verify(struct shuffle *s)
{
	struct units out, in;
	struct unit_sum a, b;
	int status = EXIT_DONE;

	if (s->o.n_files < 2)
		die_usage("--verify wants the file to check and those it was made of");
	if (s->seq_len == 0 && !s->has_unit)
		unit_from_manifest(s, s->o.files[0]);
	open_units(s, &out, s->o.files, 1);
	open_units(s, &in, s->o.files + 1, s->o.n_files - 1);
	check_damage(&out);
	check_damage(&in);
	a = units_sum(&out);
	b = units_sum(&in);
	stats_add("units", a.n);
	if (a.n != b.n || a.n_tok != b.n_tok || !h128_eq(a.sum, b.sum))
		status = differ(s, &out, &in);
	units_release(&out);
	units_release(&in);
	return status;
}

/* -- --which, --when ----------------------------------------------------------------------- */

struct tsv {
	struct out *out;
	struct buf line, text;
	struct tokenizer *tokenizer; /* NULL: no text */
	const struct shuffle *s;
};

/* Text of ids by another tokenizer would be another text. */
static int check_tokenizer(const struct shuffle *s, const struct tsv *v, const struct tokfile *f)
{
	struct h128 mine = tokenizer_identity(v->tokenizer);
	char a[33], b[33];

	if (s->o.force || tokfile_made_by(f, mine))
		return 0;
	h128_hex(f->meta.tokenizer, a);
	h128_hex(mine, b);
	err_set(
	    "%s@48: made with the tokenizer %s, not %s (-f reads it all the same)", f->path, a, b);
	return -1;
}

static int put_text(struct tsv *v, const struct trace_hit *h)
{
	size_t n = (size_t)(h->end - h->start);
	uint32_t *ids = xreallocarray(NULL, n ? n : 1, sizeof(*ids));
	int rc = check_tokenizer(v->s, v, h->file);

	if (rc < 0) {
		free(ids);
		return -1;
	}
	tokfile_read(h->file, h->start, n, ids);
	v->text.len = 0;
	rc = tokenizer_decode(v->tokenizer, ids, n, 0, &v->text);
	free(ids);
	buf_chr(&v->line, '\t');
	buf_tsv(&v->line, v->text.p, v->text.len);
	return rc;
}

static int put_hit(void *arg, const struct trace_hit *h)
{
	struct tsv *v = arg;
	struct buf *b = &v->line;

	b->len = 0;
	buf_printf(b, "%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", h->step, h->rank, h->instance);
	if (h->table != NULL) {
		const char *source = doctable_source(h->table, h->row);

		buf_tsv(b, doctable_id(h->table, h->row), h->table->row[h->row].id_len);
		buf_chr(b, '\t');
		buf_tsv(b, source, strlen(source));
		buf_printf(b, ":%" PRIu64, h->table->row[h->row].line);
	} else {
		buf_chr(b, '\t');
	}
	if (v->tokenizer != NULL && put_text(v, h) < 0)
		return -1;
	buf_chr(b, '\n');
	stats_add("rows", 1);
	return out_write(v->out, b->p, b->len);
}

static void split_step(const char *what, uint64_t *step, int64_t *rank)
{
	const char *colon = strchr(what, ':');
	char *left = xstrndup(what, colon == NULL ? strlen(what) : (size_t)(colon - what));

	*step = opt_u64("which", left, 1, UINT64_MAX);
	*rank = colon == NULL ? -1 : (int64_t)opt_u64("which", colon + 1, 0, INT64_MAX);
	free(left);
}

static struct tokenizer *load_tokenizer(const struct shuffle *s, const struct trace *t)
{
	const char *path = s->tokenizer_path != NULL ? s->tokenizer_path : trace_tokenizer(t);
	struct tokenizer *k;

	if (path == NULL)
		die_usage("--text needs -t TOKENIZER.json: the config names none");
	k = tokenizer_load(path, TOKENIZER_C);
	if (k == NULL)
		die_err();
	return k;
}

static int trace(struct shuffle *s)
{
	struct tsv v = {.s = s};
	struct trace *t;
	uint64_t step = 0, found = 1;
	int64_t rank = -1;
	int rc;

	if (s->run == NULL)
		die_usage("--%s needs --run RUN, a run's directory or config", opt_name(s->mode));
	if (s->mode == WHICH)
		split_step(s->what, &step, &rank);
	t = trace_open(s->run, s->world, s->o.threads);
	if (t == NULL)
		die_err();
	if (s->text)
		v.tokenizer = load_tokenizer(s, t);
	v.out = out_open(s->o.out, 0);
	if (v.out == NULL)
		die_err();
	rc = s->mode == WHICH ? trace_step(t, step, rank, put_hit, &v)
			      : trace_document(t, s->what, strlen(s->what), put_hit, &v, &found);
	if (rc < 0) {
		out_abort(v.out);
		die_err();
	}
	if (out_commit(v.out, NULL) < 0)
		die_err();
	trace_close(t);
	tokenizer_free(v.tokenizer);
	buf_release(&v.line);
	buf_release(&v.text);
	if (found == 0)
		fprintf(stderr, "%s: no step saw document '%s'\n", progname, s->what);
	return found == 0 ? EXIT_NO : EXIT_DONE;
}

/* -- main ---------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
	struct shuffle s = {
	    .world = 1, .drop_last = 1, .algo = ORDER_NUMPY, .memory = (uint64_t)1 << 30};
	const char *arg;
	int key, status = EXIT_DONE;

	s.raw_meta =
	    (struct tokfile_meta){.width = 2, .vocab_size = 65536, .eos_id = TOKFILE_NONE};
	opts_init(&s.o, &prog, argc, argv);
	while ((key = opts_next(&s.o, &arg)))
		take_option(&s, key, arg);
	if (s.mode == 0)
		die_usage("one of --order, --copy, --mix, --verify, --which, --when is needed");
	out_signals();
	s.m = manifest_new("shuffle");
	switch (s.mode) {
	case ORDER:
		make_order(&s);
		break;
	case COPY:
		copy(&s);
		break;
	case MIX:
		mix(&s);
		break;
	case VERIFY:
		status = verify(&s);
		break;
	default:
		status = trace(&s);
		break;
	}
	manifest_free(s.m);
	return opts_end(&s.o, status);
}
