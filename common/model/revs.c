#include "model/revs.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/conf.h"
#include "io/in.h"
#include "io/out.h"
#include "model/ckpt.h"
#include "model/runlog.h"

#define INDEX "checkpoints.tsv"
#define LINKS "revisions"

enum { INDEX_MAX = 1 << 30 };

static const char header[] = "step\trevision\ttokens\tdirectory\tbytes\tloss\tstate\n";

enum { REMOVED = -1 }; /* beside enum ckpt_kind */

struct rev {
	uint64_t step, tokens, bytes;
	char loss[40]; /* as in the log, "-": none */
	int kind;      /* enum ckpt_kind or REMOVED */
};

struct revs {
	struct rev *v; /* ascending by step */
	size_t n;
};

static struct rev *add(struct revs *r)
{
	if ((r->n & (r->n - 1)) == 0)
		r->v = xreallocarray(r->v, r->n > 0 ? 2 * r->n : 1, sizeof(*r->v));
	return memset(&r->v[r->n++], 0, sizeof(*r->v));
}

/* ---- what is due, what stays ------------------------------------------------------------- */

static int is_due(uint64_t step, uint64_t interval)
{
	return interval > 0 && step % interval == 0;
}

int revs_due(const struct revs_keep *k, uint64_t step)
{
	return is_due(step, k->interval) || is_due(step, k->unsharded);
}

int revs_due_ephemeral(const struct revs_keep *k, uint64_t step)
{
	return is_due(step, k->ephemeral) && !revs_due(k, step);
}

uint64_t revs_first(const struct revs_keep *k)
{
	const uint64_t v[3] = {k->interval, k->unsharded, k->ephemeral};
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < 3; i++)
		if (v[i] > 0 && v[i] < first)
			first = v[i];
	return first;
}

/* One more of those that are counted; is it among the newest n? */
static int counts(int64_t n, int64_t *seen)
{
	return n < 0 || (*seen)++ < (n > 0 ? n : 1);
}

void revs_choose(struct revs_step *s, size_t n, uint64_t step, int kind, const struct revs_keep *k)
{
	int64_t seen = 0, seen_unsharded = 0;

	for (size_t i = n; i-- > 0;) {
		s[i].gone = 0;
		if (kind == CKPT_TEMPORARY)
			continue;
		if (s[i].kind != CKPT_DUE) {
			s[i].gone = s[i].step < step;
			continue;
		}
		int unsharded = is_due(s[i].step, k->unsharded);
		int plain = !unsharded || is_due(s[i].step, k->interval);
		int stays = is_due(s[i].step, k->forever);
		stays |= plain && counts(k->n, &seen);
		stays |= unsharded && counts(k->n_unsharded, &seen_unsharded);
		s[i].gone = kind == CKPT_DUE && !stays;
	}
}

/* ---- the rows as text -------------------------------------------------------------------- */

/* The names of OLMo 1B's and 7B's revisions: 2,459,566,080,000 tokens are "tokens2460B". */
char *revs_name(uint64_t step, uint64_t tokens)
{
	return xasprintf("step%" PRIu64 "-tokens%.0fB", step, (double)tokens / 1e9);
}

static const char *state_name(int kind)
{
	switch (kind) {
	case CKPT_DUE:
		return "kept";
	case CKPT_TEMPORARY:
		return "temporary";
	case CKPT_EPHEMERAL:
		return "ephemeral";
	}
	return "removed";
}

static void put_row(struct buf *b, const struct rev *r)
{
	char *name = revs_name(r->step, r->tokens), *dir = ckpt_name(r->step);

	buf_printf(b, "%" PRIu64 "\t%s\t%" PRIu64 "\t%s\t%" PRIu64 "\t%s\t%s\n", r->step, name,
	    r->tokens, dir, r->bytes, r->loss, state_name(r->kind));
	free(name);
	free(dir);
}

static void put_index(struct buf *b, const struct revs *r)
{
	buf_str(b, header);
	for (size_t i = 0; i < r->n; i++)
		put_row(b, &r->v[i]);
}

enum { COLUMNS = 7 };

/* Cuts a line of the index; 0, or -1: it is not one that put_row would have written. */
static int parse_row(struct rev *r, const char *line, size_t len)
{
	char *copy = xstrndup(line, len), *col[COLUMNS], *p = copy;
	struct buf b = {0};
	int rc = 0;

	for (size_t i = 0; i < COLUMNS; i++) {
		col[i] = p;
		p += strcspn(p, "\t");
		if (*p != 0)
			*p++ = 0;
	}
	for (r->kind = REMOVED; r->kind <= CKPT_EPHEMERAL; r->kind++)
		if (strcmp(col[6], state_name(r->kind)) == 0)
			break;
	if (r->kind > CKPT_EPHEMERAL || num_u64(col[0], 0, UINT64_MAX, &r->step) < 0 ||
	    num_u64(col[2], 0, UINT64_MAX, &r->tokens) < 0 ||
	    num_u64(col[4], 0, UINT64_MAX, &r->bytes) < 0 || strlen(col[5]) >= sizeof(r->loss))
		rc = -1;
	if (rc == 0) {
		snprintf(r->loss, sizeof(r->loss), "%s", col[5]);
		put_row(&b, r);
		rc = b.len == len + 1 && memcmp(b.p, line, len) == 0 ? 0 : -1;
	}
	buf_release(&b);
	free(copy);
	return rc;
}

/* Number of the first line that is wrong, 0: none. */
static size_t parse_index(struct revs *r, const struct buf *b)
{
	size_t at = strlen(header), line = 2;

	if (b->len < at || memcmp(b->p, header, at) != 0)
		return 1;
	for (; at < b->len; line++) {
		const char *s = b->p + at, *end = memchr(s, '\n', b->len - at);
		struct rev one;
		if (end == NULL || parse_row(&one, s, (size_t)(end - s)) < 0 ||
		    (r->n > 0 && one.step <= r->v[r->n - 1].step))
			return line;
		*add(r) = one;
		at += (size_t)(end - s) + 1;
	}
	return 0;
}

/*
 * The index that is there.  It can be made again but for the rows of what was removed, so one that
 * is damaged is no reason to stop; text: what was read, empty when there is none.
 */
static int load_index(const char *run, struct revs *r, struct buf *text)
{
	char *path = xasprintf("%s/" INDEX, run);
	size_t bad = 0;
	int rc = 0;

	memset(r, 0, sizeof(*r));
	if (access(path, F_OK) == 0) {
		rc = in_slurp(path, INDEX_MAX, text, NULL);
		bad = rc == 0 ? parse_index(r, text) : 0;
	}
	if (bad > 0) {
		warn("%s:%zu: not a row of the index; it is made again from the checkpoints that "
		     "are there, without those that were removed",
		    path, bad);
		r->n = 0;
	}
	free(path);
	return rc;
}

/* ---- what is there ----------------------------------------------------------------------- */

static int add_size(void *arg, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_sys("cannot read '%s'", path), -1;
	*(uint64_t *)arg += (uint64_t)st.st_size;
	return 0;
}

/* Of a directory; 0, or -1: it is no checkpoint. */
static int read_rev(struct rev *r, const char *run, uint64_t step)
{
	char *path = xasprintf("%s/step%08" PRIu64 "/trainer/state.json", run, step);
	json_t *j = conf_json(path);
	const json_t *tokens = json_object_get(j, "tokens");
	double loss;
	int rc = j != NULL ? 0 : -1;

	if (rc == 0 && (!json_is_integer(tokens) || json_integer_value(tokens) < 0))
		rc = (err_set("%s: no whole number 'tokens'", path), -1);
	r->step = step;
	r->tokens = (uint64_t)json_integer_value(tokens);
	r->bytes = 0;
	r->kind = ckpt_kind(run, step);
	if (rc == 0)
		rc = ckpt_step_files(run, step, add_size, &r->bytes);
	if (rc == 0)
		rc = runlog_find(run, step, "train/CrossEntropyLoss", &loss);
	if (rc >= 0) {
		struct buf b = {0};
		if (rc > 0)
			buf_f64(&b, loss, 1);
		snprintf(r->loss, sizeof(r->loss), "%s", rc > 0 ? buf_cstr(&b) : "-");
		buf_release(&b);
	}
	json_decref(j);
	free(path);
	return rc < 0 ? -1 : 0;
}

/* The row of a directory: known rows of checkpoints that stay do not change. */
static int take_step(struct revs *now, const char *run, uint64_t step, const struct rev *known)
{
	struct rev r;

	if (known != NULL && known->kind == CKPT_DUE)
		r = *known;
	else if (read_rev(&r, run, step) < 0)
		return -1;
	*add(now) = r;
	return 0;
}

/* A row without its directory: a checkpoint that was kept once.  Behind the newest one it is of a
 * future that the run will go through again. */
static void take_row(struct revs *now, const struct rev *old, uint64_t newest)
{
	if (old->step > newest || old->kind == CKPT_TEMPORARY || old->kind == CKPT_EPHEMERAL)
		return;
	*add(now) = *old;
	now->v[now->n - 1].kind = REMOVED;
}

/*
 * The rows that there should be, from the directories and the old index.  fresh: what the old one
 * says of directories is not believed.
 */
static int look(struct revs *now, const char *run, const struct revs *old, int fresh)
{
	struct ckpt_steps s;
	int rc = ckpt_steps(run, &s);
	uint64_t newest = rc == 0 && s.n > 0 ? s.v[s.n - 1] : 0;
	size_t k = 0;

	memset(now, 0, sizeof(*now));
	for (size_t i = 0; rc == 0 && i < s.n; i++) {
		const struct rev *known = NULL;
		for (; k < old->n && old->v[k].step < s.v[i]; k++)
			take_row(now, &old->v[k], newest);
		if (k < old->n && old->v[k].step == s.v[i])
			known = &old->v[k++];
		if (take_step(now, run, s.v[i], fresh ? NULL : known) < 0)
			warn("%s: left out of the index: %s", run, err_msg());
	}
	free(s.v);
	return rc;
}

/* ---- links ------------------------------------------------------------------------------- */

static char *link_path(const char *run, const struct rev *r)
{
	char *name = revs_name(r->step, r->tokens);
	char *path = xasprintf("%s/" LINKS "/%s", run, name);

	free(name);
	return path;
}

/* 1: path is a symbolic link to target, 0: no such link. */
static int leads_to(const char *path, const char *target)
{
	char got[64];
	ssize_t n = readlink(path, got, sizeof(got));

	return n == (ssize_t)strlen(target) && memcmp(got, target, (size_t)n) == 0;
}

/* Makes the link of a checkpoint that is there; *made: one was missing. */
static int make_link(const char *run, const struct rev *r, int *made)
{
	char *path = link_path(run, r), *dir = ckpt_name(r->step);
	char *target = xasprintf("../%s", dir);
	int rc = 0;

	if (!leads_to(path, target)) {
		*made = 1;
		if (unlink(path) != 0 && errno != ENOENT)
			rc = (err_sys("cannot replace '%s'", path), -1);
		else if (symlink(target, path) != 0)
			rc = (err_sys("cannot make the link '%s'", path), -1);
	}
	free(path);
	free(dir);
	free(target);
	return rc;
}

static int sync_links(const char *run, int changed)
{
	char *dir = xasprintf("%s/" LINKS, run);
	int rc = changed ? out_sync_dir(dir) : 0;

	free(dir);
	return rc;
}

static int make_links(const char *run, const struct revs *r)
{
	char *dir = xasprintf("%s/" LINKS, run);
	int made = 0, rc = r->n > 0 ? out_mkdirs(dir) : 0;

	for (size_t i = 0; rc == 0 && i < r->n; i++)
		if (r->v[i].kind != REMOVED)
			rc = make_link(run, &r->v[i], &made);
	free(dir);
	return rc == 0 ? sync_links(run, made) : -1;
}

/* "stepN-tokensXB": a name that revs_name gives. */
static int is_ours(const char *name, uint64_t *step)
{
	unsigned long long n, x;
	int end = 0;

	if (sscanf(name, "step%llu-tokens%lluB%n", &n, &x, &end) != 2 || end == 0 ||
	    name[end] != 0)
		return 0;
	*step = n;
	return 1;
}

static const struct rev *find(const struct revs *r, uint64_t step)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (r->v[mid].step < step)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->v[lo].step == step ? &r->v[lo] : NULL;
}

/* Does the row of this step give the link this name, and is its checkpoint to stay? */
static int is_wanted(const struct revs *r, uint64_t step, const char *link)
{
	const struct rev *e = find(r, step);
	char *name = e != NULL && e->kind != REMOVED ? revs_name(e->step, e->tokens) : NULL;
	int yes = name != NULL && strcmp(name, link) == 0;

	free(name);
	return yes;
}

static int unlink_link(const char *path)
{
	char target[1];

	if (readlink(path, target, 1) < 0 || unlink(path) == 0)
		return 0;
	return err_sys("cannot remove '%s'", path), -1;
}

/* Links of ours that no row asks for.  Anything else in the directory stays. */
static int drop_links(const char *run, const struct revs *r)
{
	char *dir = xasprintf("%s/" LINKS, run);
	DIR *d = opendir(dir);
	struct dirent *e;
	uint64_t step;
	int rc = 0, dropped = 0;

	if (d == NULL && errno != ENOENT)
		rc = (err_sys("cannot read directory '%s'", dir), -1);
	while (rc == 0 && d != NULL && (e = readdir(d)) != NULL) {
		if (!is_ours(e->d_name, &step) || is_wanted(r, step, e->d_name))
			continue;
		char *path = xasprintf("%s/%s", dir, e->d_name);
		dropped = 1;
		rc = unlink_link(path);
		free(path);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
	return rc == 0 ? sync_links(run, dropped) : -1;
}

/* ---- index and links together ------------------------------------------------------------ */

static int write_index(const char *run, const struct revs *r, const struct buf *old)
{
	char *path = xasprintf("%s/" INDEX, run);
	struct buf b = {0};
	int rc = 0;

	put_index(&b, r);
	if (b.len != old->len || memcmp(b.p, old->p, b.len) != 0)
		rc = out_file(path, b.p, b.len);
	buf_release(&b);
	free(path);
	return rc;
}

/* Rows that have to go become "removed", or go when they only served a restart. */
static void mark_gone(struct revs *r, const struct revs_step *s, size_t n)
{
	size_t k = 0, to = 0;

	for (size_t i = 0; i < r->n; i++) {
		for (; k < n && s[k].step < r->v[i].step;)
			k++;
		int gone = k < n && s[k].step == r->v[i].step && s[k].gone;
		if (gone && r->v[i].kind != CKPT_DUE)
			continue;
		if (gone)
			r->v[i].kind = REMOVED;
		r->v[to++] = r->v[i];
	}
	r->n = to;
}

/* The rows of directories, for revs_choose; caller frees. */
static struct revs_step *steps_of(const struct revs *r, size_t *n)
{
	struct revs_step *s = xcalloc(r->n + 1, sizeof(*s));

	*n = 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].kind != REMOVED)
			s[(*n)++] = (struct revs_step){r->v[i].step, r->v[i].kind, 0};
	return s;
}

/* In the order that revs.h gives; k NULL: nothing has to go. */
static int bring_up(const char *run, int fresh, uint64_t step, int kind, const struct revs_keep *k)
{
	struct revs old, now = {0};
	struct revs_step *s = NULL;
	struct buf text = {0};
	size_t n = 0;
	int rc = load_index(run, &old, &text);

	if (rc == 0)
		rc = look(&now, run, &old, fresh);
	if (rc == 0 && k != NULL) {
		s = steps_of(&now, &n);
		revs_choose(s, n, step, kind, k);
		mark_gone(&now, s, n);
	}
	if (rc == 0)
		rc = make_links(run, &now);
	if (rc == 0 && (now.n > 0 || text.len > 0))
		rc = write_index(run, &now, &text);
	if (rc == 0)
		rc = drop_links(run, &now);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (s[i].gone)
			rc = ckpt_remove(run, s[i].step);
	free(s);
	free(old.v);
	free(now.v);
	buf_release(&text);
	return rc;
}

int revs_rebuild(const char *run)
{
	return bring_up(run, 1, 0, CKPT_TEMPORARY, NULL);
}

int revs_saved(const char *run, uint64_t step, int kind, const struct revs_keep *k)
{
	return bring_up(run, 0, step, kind, k);
}

int revs_print(const char *run, FILE *f)
{
	struct revs old, now = {0};
	struct buf b = {0};
	int rc = load_index(run, &old, &b);

	if (rc == 0)
		rc = look(&now, run, &old, 1);
	b.len = 0;
	put_index(&b, &now);
	if (rc == 0)
		fwrite(b.p, 1, b.len, f);
	free(old.v);
	free(now.v);
	buf_release(&b);
	return rc;
}

int revs_remove(const char *run)
{
	struct revs none = {0};
	char *path = xasprintf("%s/" INDEX, run), *dir = xasprintf("%s/" LINKS, run);
	int rc = 0;

	if (unlink(path) != 0 && errno != ENOENT)
		rc = (err_sys("cannot remove '%s'", path), -1);
	if (rc == 0)
		rc = drop_links(run, &none);
	/* what others put there stays, and so does the directory then */
	if (rc == 0 && rmdir(dir) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
		rc = (err_sys("cannot remove '%s'", dir), -1);
	free(path);
	free(dir);
	return rc;
}
