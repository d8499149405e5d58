/* dolma-dedup: mark documents, paragraphs or runs of words that occurred before.
 *
 * The first occurrence in order of files and lines is the original, for any -j: threads make keys,
 * the serial step in document order asks the set, threads write the spans.  Over shards: --keys-out
 * for each shard, --merge, then --keys for each shard, which needs no order at all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "doc/docrun.h"
#include "io/manifest.h"
#include "io/out.h"
#include "text/bloom.h"
#include "text/dedup.h"
#include "text/keyfile.h"
#include "text/keyset.h"

enum {
	BY = OPT_LONG,
	NAME,
	STORE,
	EXPECT,
	FPR,
	KEY_BITS,
	SEPARATOR,
	SKIP_EMPTY,
	MIN_LENGTH,
	MIN_WORDS,
	SKIP_SHORT,
	MISSING,
	KEYS_OUT,
	MERGE,
	KEYS,
	READ_ONLY,
	COMPAT
};

static const struct opt own[] = {
    {"by", BY, "WHAT", "url, document[:FIELD], paragraph or ngram[:N,STRIDE,THRESHOLD]"},
    {"name", NAME, "ATTR", "name of the attribute [dedup_WHAT]"}, DOCRUN_OPTS,
    {"store", STORE, "KIND", "exact or bloom [exact]"},
    {"expect", EXPECT, "N", "number of keys to expect; bloom needs it"},
    {"fpr", FPR, "P", "false positive rate of bloom at N keys [1e-6]"},
    {"key-bits", KEY_BITS, "N", "exact: bits kept of a key, 64 or 128 [128]"},
    {"separator", SEPARATOR, "S", "what separates paragraphs; \\n \\t \\r \\\\ known [\\n]"},
    {"skip-empty", SKIP_EMPTY, NULL, "pass over what is only white space"},
    {"min-length", MIN_LENGTH, "N", "pass over what has fewer code points"},
    {"min-words", MIN_WORDS, "N", "pass over what has fewer words (UAX #29)"},
    {"skip-short", SKIP_SHORT, NULL, "ngram: pass over paragraphs of fewer than 2 n-grams"},
    {"missing", MISSING, "WHAT", "documents without the field: error or skip [error]"},
    {"keys-out", KEYS_OUT, "F", "write the keys of these documents to F, mark nothing"},
    {"merge", MERGE, NULL, "merge the key files named into -o F"},
    {"keys", KEYS, "F", "mark by the merged keys in F"},
    {"read-only", READ_ONLY, NULL, "with --keys: mark all that is in F"},
    {"dolma-compat", COMPAT, NULL, "the spans of Dolma's deduper, its mistakes included"}, {0}};

static const struct prog prog = {"dolma-dedup",
    "--by WHAT [--name ATTR] [OPTIONS] [FILE..]\n"
    "--by WHAT [OPTIONS] --keys-out F FILE..\n"
    "--merge -o F KEYFILE..\n"
    "--by WHAT [OPTIONS] --keys F [--read-only] [FILE..]",
    "mark what occurred before", own};

struct dedup {
	struct opts o;
	struct dedup_rule rule;
	int has_by;
	char *rule_text;
	const char *name, *sidecar, *keys_out, *keys;
	int merge, read_only, bloom_store, key_bits;
	uint64_t expect;
	double fpr;
	/* where keys are looked up */
	struct keyset set;
	struct bloom bloom;
	struct keywriter *writer;
	struct keyfile *keyfile;
	uint32_t file; /* in order: the present documents file */
};

/* One thread's. */
struct worker {
	struct dedup_scratch scratch;
	const char *file; /* the last documents file seen, and its number in the key file */
	uint32_t file_no;
};

/* ---- options -------------------------------------------------------------------------- */

static void check_rule(int rc, const char *option)
{
	if (rc < 0)
		die_usage("--%s: %s", option, err_msg());
}

static int one_of(const char *option, const char *arg, const char *a, const char *b)
{
	if (!strcmp(arg, a))
		return 0;
	if (!strcmp(arg, b))
		return 1;
	die_usage("--%s: '%s' is not %s or %s", option, arg, a, b);
}

static int take_rule(struct dedup *c, int k, const char *arg)
{
	struct dedup_rule *r = &c->rule;
	switch (k) {
	case BY:
		check_rule(dedup_rule_by(r, arg), "by");
		c->has_by = 1;
		break;
	case SEPARATOR:
		check_rule(dedup_rule_separator(r, arg), "separator");
		break;
	case SKIP_EMPTY:
		r->skip_empty = 1;
		break;
	case MIN_LENGTH:
		r->min_length = opt_u64("min-length", arg, 0, UINT32_MAX);
		break;
	case MIN_WORDS:
		r->min_words = opt_u64("min-words", arg, 0, UINT32_MAX);
		break;
	case SKIP_SHORT:
		r->skip_short = 1;
		break;
	case MISSING:
		r->skip_missing = one_of("missing", arg, "error", "skip");
		break;
	case COMPAT:
		r->compat = 1;
		break;
	default:
		return 0;
	}
	return 1;
}

static void take_option(struct dedup *c, int k, const char *arg)
{
	switch (k) {
	case NAME:
		c->name = arg;
		break;
	case DOCRUN_ATTRIBUTES:
		c->sidecar = arg;
		break;
	case STORE:
		c->bloom_store = one_of("store", arg, "exact", "bloom");
		break;
	case EXPECT:
		c->expect = opt_u64("expect", arg, 1, UINT64_MAX);
		break;
	case FPR:
		c->fpr = opt_f64("fpr", arg, 1e-30, 0.5);
		break;
	case KEY_BITS:
		c->key_bits = one_of("key-bits", arg, "64", "128") ? 128 : 64;
		break;
	case KEYS_OUT:
		c->keys_out = arg;
		break;
	case MERGE:
		c->merge = 1;
		break;
	case KEYS:
		c->keys = arg;
		break;
	case READ_ONLY:
		c->read_only = 1;
		break;
	}
}

static void check_modes(const struct dedup *c)
{
	const struct dedup_rule *r = &c->rule;
	if ((c->keys_out != NULL) + (c->keys != NULL) + c->merge > 1)
		die_usage("--keys-out, --keys and --merge are three different steps");
	if (c->merge) {
		if (!c->o.out || !strcmp(c->o.out, "-") || !c->o.n_files)
			die_usage("--merge needs -o F and key files");
		return;
	}
	if (!c->has_by)
		die_usage("--by WHAT is needed: url, document, paragraph or ngram");
	if (c->read_only && !c->keys)
		die_usage("--read-only needs --keys F");
	if (c->bloom_store && !c->expect && !c->keys)
		die_usage("--store bloom needs --expect N, the number of keys");
	if (c->keys_out && (c->o.out || c->sidecar))
		die_usage("--keys-out marks nothing: -o and --attributes have no meaning");
	if (r->compat && r->min_words)
		die_usage("--dolma-compat: the original marks nothing at all with min_words");
}

static const char *default_name(const struct dedup_rule *r)
{
	static const char *const names[] = {"dedup_document", "dedup_paragraph", "dedup_ngram"};
	if (r->by == DEDUP_DOCUMENT && !strcmp(r->field, "metadata.url"))
		return "dedup_url";
	return names[r->by];
}

static void parse(struct dedup *c, int argc, char **argv)
{
	const char *arg;
	int k;
	dedup_rule_init(&c->rule);
	c->fpr = 1e-6;
	c->key_bits = 128;
	opts_init(&c->o, &prog, argc, argv);
	while ((k = opts_next(&c->o, &arg)))
		if (!take_rule(c, k, arg))
			take_option(c, k, arg);
	check_modes(c);
	if (!c->name)
		c->name = default_name(&c->rule);
	if (attrs_name_ok(c->name) < 0)
		die_usage("--name: %s", err_msg());
	c->rule_text = dedup_rule_text(&c->rule);
}

/* ---- the steps of a document ---------------------------------------------------------- */

static void *worker_new(void *ctx)
{
	(void)ctx;
	return xcalloc(1, sizeof(struct worker));
}

static void worker_free(void *ctx, void *thread)
{
	struct worker *w = thread;
	(void)ctx;
	dedup_scratch_release(&w->scratch);
	free(w);
}

static int split(void *ctx, void *thread, struct doc *d)
{
	struct dedup *c = ctx;
	struct worker *w = thread;
	struct dedup_doc *dd = doc_alloc(d, sizeof *dd);
	d->user = dd;
	if (dedup_split(&c->rule, &w->scratch, d, dd) < 0)
		return -1;
	if (dd->missing)
		stats_add("docs_without_key", 1);
	return 0;
}

static int begin_file(void *ctx, const char *path, size_t i)
{
	struct dedup *c = ctx;
	(void)i;
	if (c->writer)
		c->file = keywriter_file(c->writer, path);
	return 0;
}

/* Prefetching all of a long document would push out what came first. */
#define AHEAD 16

static int ask_set(void *ctx, struct doc *d)
{
	struct dedup *c = ctx;
	struct dedup_doc *dd = d->user;
	size_t i;
	for (i = 0; i < dd->n_keys && i < AHEAD; i++)
		keyset_prefetch(&c->set, dd->key[i]);
	for (i = 0; i < dd->n_keys; i++) {
		if (i + AHEAD < dd->n_keys)
			keyset_prefetch(&c->set, dd->key[i + AHEAD]);
		dd->dup[i] = (unsigned char)!keyset_add(&c->set, dd->key[i]);
	}
	return 0;
}

static int ask_bloom(void *ctx, struct doc *d)
{
	struct dedup *c = ctx;
	struct dedup_doc *dd = d->user;
	size_t i;
	for (i = 0; i < dd->n_keys && i < AHEAD; i++)
		bloom_prefetch(&c->bloom, dd->key[i]);
	for (i = 0; i < dd->n_keys; i++) {
		if (i + AHEAD < dd->n_keys)
			bloom_prefetch(&c->bloom, dd->key[i + AHEAD]);
		dd->dup[i] = (unsigned char)!bloom_add(&c->bloom, dd->key[i]);
	}
	return 0;
}

static int write_keys(void *ctx, struct doc *d)
{
	struct dedup *c = ctx;
	struct dedup_doc *dd = d->user;
	size_t i;
	if (c->bloom_store)
		return ask_bloom(ctx, d);
	for (i = 0; i < dd->n_keys; i++) {
		struct keypos pos = {.line = d->lineno, .file = c->file, .ord = (uint32_t)i};
		keywriter_add(c->writer, dd->key[i], pos);
	}
	return 0;
}

static int mark(void *ctx, void *thread, struct doc *d)
{
	struct dedup *c = ctx;
	struct dedup_doc *dd = d->user;
	uint64_t chars = 0;
	size_t n, i, dup = 0;
	(void)thread;
	for (i = 0; i < dd->n_keys; i++)
		dup += dd->dup[i];
	n = dedup_mark(&c->rule, dd, &d->attrs, c->name, &chars);
	stats_add("keys", dd->n_keys);
	if (dup)
		stats_add("keys_seen_before", dup);
	if (n) {
		stats_add("docs_marked", 1);
		stats_add("spans", n);
		stats_add("chars_marked", chars);
	}
	return 0;
}

static int count_keys(void *ctx, void *thread, struct doc *d)
{
	struct dedup_doc *dd = d->user;
	(void)ctx;
	(void)thread;
	stats_add("keys", dd->n_keys);
	return 0;
}

static uint32_t file_number(struct dedup *c, struct worker *w, const char *file)
{
	if (w->file != file) {
		int64_t n = keyfile_find_file(c->keyfile, strcmp(file, "(stdin)") ? file : "-");
		if (n < 0)
			die_err();
		w->file = file;
		w->file_no = (uint32_t)n;
	}
	return w->file_no;
}

/* A copy is a key whose first position is another. */
static int look_up(void *ctx, void *thread, struct doc *d)
{
	struct dedup *c = ctx;
	struct dedup_doc *dd;
	struct keypos first, here = {.line = d->lineno};
	size_t i;
	if (split(ctx, thread, d) < 0)
		return -1;
	dd = d->user;
	here.file = file_number(c, thread, d->file);
	for (i = 0; i < dd->n_keys; i++) {
		if (!keyfile_find(c->keyfile, dd->key[i], &first)) {
			err_set("a key of this document is not in %s: they were made from other "
				"documents",
			    c->keys);
			return -1;
		}
		here.ord = (uint32_t)i;
		dd->dup[i] = (unsigned char)!keypos_eq(first, here);
	}
	return mark(ctx, thread, d);
}

static int look_up_read_only(void *ctx, void *thread, struct doc *d)
{
	struct dedup *c = ctx;
	struct dedup_doc *dd;
	struct keypos pos;
	size_t i;
	if (split(ctx, thread, d) < 0)
		return -1;
	dd = d->user;
	for (i = 0; i < dd->n_keys; i++)
		dd->dup[i] =
		    (unsigned char)(c->keyfile ? keyfile_find(c->keyfile, dd->key[i], &pos)
					       : bloom_has(&c->bloom, dd->key[i]));
	return mark(ctx, thread, d);
}

/* ---- runs ----------------------------------------------------------------------------- */

static struct manifest *new_manifest(const struct dedup *c)
{
	struct manifest *m = manifest_new("dolma-dedup");
	manifest_opt_str(m, "rule", c->rule_text);
	manifest_opt_bool(m, "skip_missing", c->rule.skip_missing);
	if (!c->keys_out)
		manifest_opt_str(m, "name", c->name);
	if (!c->keys_out && c->rule.by == DEDUP_NGRAM)
		manifest_opt_num(m, "threshold", c->rule.threshold);
	if (c->keys) {
		manifest_opt_bool(m, "read_only", c->read_only);
		return m;
	}
	manifest_opt_str(m, "store", c->bloom_store ? "bloom" : "exact");
	if (c->bloom_store) {
		manifest_opt_int(m, "expect", (int64_t)c->expect);
		manifest_opt_num(m, "fpr", c->fpr);
	} else {
		manifest_opt_int(m, "key_bits", c->key_bits);
	}
	return m;
}

static void report_bloom(const struct bloom *b)
{
	uint64_t set = bloom_bits_set(b);
	double fpr = bloom_now_fpr(b, set);
	stats_add("bloom_bits", b->bits);
	stats_add("bloom_bits_set", set);
	stats_add("bloom_hashes", (uint64_t)b->k);
	stats_add("bloom_keys", b->n);
	stats_add("bloom_capacity", b->capacity);
	stats_add("bloom_over_capacity", b->n > b->capacity);
	note("bloom filter: %" PRIu64 " bits, %d hashes, %" PRIu64 " of %" PRIu64
	     " keys, fill %.3f, false positive rate now %.3g",
	    b->bits, b->k, b->n, b->capacity, (double)set / (double)b->bits, fpr);
	if (b->n > b->capacity)
		warn("the Bloom filter was made for %" PRIu64 " keys and holds %" PRIu64
		     ": its false positive rate is now %.3g, not %g; run again with --expect "
		     "%" PRIu64,
		    b->capacity, b->n, fpr, b->fpr, b->n + b->n / 10);
}

static void plan_store(const struct dedup *c)
{
	uint64_t bits;
	int k;
	if (c->bloom_store) {
		bloom_plan(c->expect, c->fpr, &bits, &k);
		note("bloom filter: %" PRIu64 " bytes, %d hashes", bits / 8, k);
		if (c->o.dry_run)
			printf("memory\t%" PRIu64 "\n", bits / 8);
	} else if (c->o.dry_run && c->expect) {
		printf("memory\t%" PRIu64 "\n", keyset_plan(c->key_bits, 0, c->expect));
	}
}

static int open_store(struct dedup *c)
{
	if (c->bloom_store)
		return bloom_init(&c->bloom, c->expect, c->fpr);
	if (c->keys_out)
		c->writer = keywriter_new(c->rule_text);
	else
		keyset_init(&c->set, c->key_bits, 0, c->expect);
	return 0;
}

static int run_mark(struct dedup *c)
{
	struct docrun r = {.o = &c->o,
	    .sidecar = c->sidecar,
	    .ctx = c,
	    .work = split,
	    .order = c->bloom_store ? ask_bloom : ask_set,
	    .finish = mark,
	    .thread_new = worker_new,
	    .thread_free = worker_free,
	    .file_begin = begin_file};
	int rc;
	plan_store(c);
	if (!c->o.dry_run && open_store(c) < 0)
		return -1;
	r.m = new_manifest(c);
	rc = docrun(&r);
	manifest_free(r.m);
	if (rc == 0 && c->bloom_store && !c->o.dry_run)
		report_bloom(&c->bloom);
	keyset_release(&c->set);
	bloom_release(&c->bloom);
	return rc;
}

static int save_keys(struct dedup *c, struct manifest *m)
{
	struct filehash h;
	int rc;
	stats_add("keys_distinct", c->bloom_store ? c->bloom.n : keywriter_len(c->writer));
	if (c->bloom_store) {
		report_bloom(&c->bloom);
		rc = bloom_save(&c->bloom, c->rule_text, c->keys_out, &h);
	} else {
		rc = keywriter_write(c->writer, c->keys_out, &h);
		c->writer = NULL;
	}
	if (rc < 0)
		return -1;
	manifest_output(m, "keys", c->keys_out, &h);
	manifest_counters(m);
	if (manifest_write_for(m, c->keys_out) < 0)
		return -1;
	return c->o.manifest ? manifest_write(m, c->o.manifest) : 0;
}

static int run_keys_out(struct dedup *c)
{
	struct docrun r = {.o = &c->o,
	    .no_output = 1,
	    .ctx = c,
	    .work = split,
	    .order = write_keys,
	    .finish = count_keys,
	    .thread_new = worker_new,
	    .thread_free = worker_free,
	    .file_begin = begin_file};
	int rc;
	plan_store(c);
	if (c->o.dry_run)
		printf("write\t%s\n", c->keys_out);
	else if (open_store(c) < 0)
		return -1;
	r.m = new_manifest(c);
	rc = docrun(&r);
	if (rc == 0 && !c->o.dry_run)
		rc = save_keys(c, r.m);
	manifest_free(r.m);
	keywriter_free(c->writer);
	bloom_release(&c->bloom);
	return rc;
}

/* Open the keys; their rule must be ours. */
static int open_keys(struct dedup *c)
{
	const char *kind = keyfile_kind(c->keys), *rule;
	char *mine = NULL;
	int same;
	if (!kind)
		return -1;
	if (!strcmp(kind, "bloom")) {
		if (!c->read_only)
			die_usage(
			    "%s is a Bloom filter: it knows no first positions, so it can only "
			    "be used with --read-only",
			    c->keys);
		if (bloom_load(&c->bloom, &mine, c->keys) < 0)
			return -1;
		rule = mine;
	} else {
		c->keyfile = keyfile_open(c->keys);
		if (!c->keyfile)
			return -1;
		rule = keyfile_rule(c->keyfile);
	}
	same = dedup_rule_same(rule, c->rule_text, c->read_only);
	if (!same)
		err_set(
		    "%s: its keys are '%s', the options say '%s'", c->keys, rule, c->rule_text);
	free(mine);
	return same ? 0 : -1;
}

static int run_keys(struct dedup *c)
{
	struct docrun r = {.o = &c->o,
	    .sidecar = c->sidecar,
	    .ctx = c,
	    .work = c->read_only ? look_up_read_only : look_up,
	    .thread_new = worker_new,
	    .thread_free = worker_free};
	int rc = open_keys(c);
	size_t i;
	for (i = 0; rc == 0 && !c->read_only && i < c->o.n_files; i++)
		rc = keyfile_find_file(c->keyfile, c->o.files[i]) < 0 ? -1 : 0;
	if (rc == 0 && !c->read_only && !c->o.n_files)
		rc = keyfile_find_file(c->keyfile, "-") < 0 ? -1 : 0;
	r.m = new_manifest(c);
	if (rc == 0 && !c->o.dry_run)
		rc = manifest_input_file(r.m, "keys", c->keys);
	if (rc == 0)
		rc = docrun(&r);
	manifest_free(r.m);
	keyfile_close(c->keyfile);
	bloom_release(&c->bloom);
	return rc;
}

/* ---- merge ---------------------------------------------------------------------------- */

static int merge_blooms(struct dedup *c, struct filehash *h)
{
	char *rule = NULL, *other = NULL;
	size_t i;
	int rc = bloom_load(&c->bloom, &rule, c->o.files[0]);
	for (i = 1; i < c->o.n_files && rc == 0; i++) {
		struct bloom b;
		rc = bloom_load(&b, &other, c->o.files[i]);
		if (rc == 0 && strcmp(rule, other)) {
			err_set(
			    "its keys are '%s', those of %s are '%s'", other, c->o.files[0], rule);
			rc = -1;
		}
		if (rc == 0)
			rc = bloom_merge(&c->bloom, &b);
		if (rc < 0)
			err_prefix("%s", c->o.files[i]);
		bloom_release(&b);
		free(other);
		other = NULL;
	}
	if (rc == 0) {
		report_bloom(&c->bloom);
		rc = bloom_save(&c->bloom, rule, c->o.out, h);
	}
	stats_add("keys_distinct", c->bloom.n);
	bloom_release(&c->bloom);
	free(rule);
	return rc;
}

static int merge_kind(struct dedup *c, struct filehash *h)
{
	const char *kind = keyfile_kind(c->o.files[0]);
	uint64_t n = 0;
	int rc;
	if (!kind)
		return -1;
	if (!strcmp(kind, "bloom"))
		return merge_blooms(c, h);
	rc = keyfile_merge(c->o.out, c->o.files, c->o.n_files, h, &n);
	stats_add("keys_distinct", n);
	return rc;
}

static int run_merge(struct dedup *c)
{
	struct manifest *m;
	struct filehash h;
	size_t i;
	int rc = 0;
	for (i = 0; i < c->o.n_files; i++)
		if (c->o.dry_run)
			printf("read\t%s\n", c->o.files[i]);
	if (c->o.dry_run)
		return printf("write\t%s\n", c->o.out), 0;
	m = manifest_new("dolma-dedup");
	manifest_opt_bool(m, "merge", 1);
	out_signals();
	for (i = 0; i < c->o.n_files && rc == 0; i++)
		rc = manifest_input_file(m, "keys", c->o.files[i]);
	if (rc == 0)
		rc = merge_kind(c, &h);
	if (rc == 0) {
		manifest_output(m, "keys", c->o.out, &h);
		manifest_counters(m);
		rc = manifest_write_for(m, c->o.out);
	}
	if (rc == 0 && c->o.manifest)
		rc = manifest_write(m, c->o.manifest);
	manifest_free(m);
	return rc;
}

int main(int argc, char **argv)
{
	static struct dedup c;
	int rc;
	parse(&c, argc, argv);
	if (c.merge)
		rc = run_merge(&c);
	else if (c.keys)
		rc = run_keys(&c);
	else if (c.keys_out)
		rc = run_keys_out(&c);
	else
		rc = run_mark(&c);
	if (rc < 0)
		die_err();
	free(c.rule_text);
	dedup_rule_release(&c.rule);
	return opts_end(&c.o, EXIT_DONE);
}
