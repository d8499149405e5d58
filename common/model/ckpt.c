#include "model/ckpt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/os.h"
#include "io/conf.h"
#include "io/out.h"
#include "model/revs.h"
#include "model/spike.h"
#include "tok/tokenizer.h"

#define FORMAT "olmo-run 1"

char *ckpt_name(uint64_t step)
{
	return xasprintf("step%08" PRIu64, step);
}

/* ---- names in a run directory ------------------------------------------------------------ */

/* "step" and 8 or more digits, nothing else */
static int parse_name(const char *s, uint64_t *step)
{
	char *end;

	if (strncmp(s, "step", 4) != 0 || strspn(s + 4, "0123456789") < 8)
		return -1;
	errno = 0;
	*step = strtoull(s + 4, &end, 10);
	return *end == 0 && errno == 0 ? 0 : -1;
}

static int by_value(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

int ckpt_steps(const char *run, struct ckpt_steps *s)
{
	DIR *d = opendir(run);
	struct dirent *e;
	uint64_t step;

	memset(s, 0, sizeof(*s));
	if (d == NULL)
		return errno == ENOENT ? 0 : (err_sys("cannot read directory '%s'", run), -1);
	while ((e = readdir(d)) != NULL) {
		if (parse_name(e->d_name, &step) < 0)
			continue;
		s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
		s->v[s->n++] = step;
	}
	closedir(d);
	if (s->n > 0)
		qsort(s->v, s->n, sizeof(*s->v), by_value);
	return 0;
}

int ckpt_latest(const char *run, uint64_t *step)
{
	struct ckpt_steps s;

	if (ckpt_steps(run, &s) < 0)
		return -1;
	int found = s.n > 0;
	if (found)
		*step = s.v[s.n - 1];
	free(s.v);
	return found;
}

/* A file, or a directory with what is in it. */
static int remove_tree(const char *path)
{
	DIR *d = unlink(path) == 0 ? NULL : opendir(path);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return access(path, F_OK) != 0 ? 0 : (err_sys("cannot remove '%s'", path), -1);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		char *sub = xasprintf("%s/%s", path, e->d_name);
		rc = remove_tree(sub);
		free(sub);
	}
	closedir(d);
	if (rc == 0 && rmdir(path) != 0)
		rc = (err_sys("cannot remove '%s'", path), -1);
	return rc;
}

static char *temp_name(const char *run, uint64_t step, const char *what)
{
	return xasprintf("%s/.step%08" PRIu64 "%s.%ld.tmp", run, step, what, (long)getpid());
}

int ckpt_remove(const char *run, uint64_t step)
{
	char *name = ckpt_name(step), *from = xasprintf("%s/%s", run, name);
	char *to = temp_name(run, step, "-old");
	int rc = 0;

	if (rename(from, to) != 0)
		rc = (err_sys("cannot rename '%s'", from), -1);
	else
		rc = remove_tree(to);
	free(name);
	free(from);
	free(to);
	return rc;
}

/* .stepN[-old].PID.tmp, .latest.., .checkpoints.tsv.. of a process that is gone */
static int is_leftover(const char *name)
{
	const char *dot;
	size_t n = strlen(name);

	if (strncmp(name, ".step", 5) != 0 && strncmp(name, ".latest", 7) != 0 &&
	    strncmp(name, ".checkpoints.tsv", 16) != 0)
		return 0;
	if (n < 5 || strcmp(name + n - 4, ".tmp") != 0)
		return 0;
	for (dot = name + n - 4; dot > name && dot[-1] != '.';)
		dot--;
	long pid = strtol(dot, NULL, 10);
	return pid > 0 && (pid == (long)getpid() || !os_pid_alive((pid_t)pid));
}

int ckpt_clean(const char *run)
{
	DIR *d = opendir(run);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return errno == ENOENT ? 0 : (err_sys("cannot read directory '%s'", run), -1);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (!is_leftover(e->d_name))
			continue;
		char *path = xasprintf("%s/%s", run, e->d_name);
		rc = remove_tree(path);
		free(path);
	}
	closedir(d);
	return rc;
}

int ckpt_remove_all(const char *run)
{
	struct ckpt_steps s;
	char *latest = xasprintf("%s/latest", run);
	int rc = 0;

	/* first, so that it never leads nowhere */
	if (unlink(latest) != 0 && errno != ENOENT)
		rc = (err_sys("cannot remove '%s'", latest), -1);
	free(latest);
	if (rc < 0 || ckpt_steps(run, &s) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < s.n; i++)
		rc = ckpt_remove(run, s.v[i]);
	free(s.v);
	return rc;
}

/* ---- marks ------------------------------------------------------------------------------- */

/* An empty file in trainer/, by kind. */
static const char *const marks[] = {NULL, "temporary", "ephemeral"};

static char *mark_path(const char *run, uint64_t step, int kind)
{
	return xasprintf("%s/step%08" PRIu64 "/trainer/%s", run, step, marks[kind]);
}

int ckpt_kind(const char *run, uint64_t step)
{
	int kind = CKPT_EPHEMERAL;

	for (; kind > CKPT_DUE; kind--) {
		char *path = mark_path(run, step, kind);
		int there = access(path, F_OK) == 0;
		free(path);
		if (there)
			break;
	}
	return kind;
}

static int clear_marks(const char *run, uint64_t step)
{
	int rc = 0;

	for (int kind = CKPT_EPHEMERAL; rc == 0 && kind > CKPT_DUE; kind--) {
		char *path = mark_path(run, step, kind);
		if (unlink(path) != 0 && errno != ENOENT)
			rc = (err_sys("cannot remove '%s'", path), -1);
		free(path);
	}
	return rc;
}

/* ---- writing ----------------------------------------------------------------------------- */

static int write_json(const char *dir, const char *name, json_t *j)
{
	char *path, *text;
	struct buf b = {0};

	if (j == NULL)
		return -1;
	path = xasprintf("%s/%s", dir, name);
	text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
	buf_printf(&b, "%s\n", text);
	int rc = out_file(path, b.p, b.len);
	buf_release(&b);
	free(text);
	free(path);
	json_decref(j);
	return rc;
}

static int copy_file(const char *from, const char *dir, const char *name)
{
	char *to = xasprintf("%s/%s", dir, name);
	struct buf b = {0};
	int rc = in_slurp(from, SIZE_MAX / 2, &b, NULL);

	if (rc == 0)
		rc = out_file(to, b.p, b.len);
	buf_release(&b);
	free(to);
	return rc;
}

/* "eos_token": its text, where the model has such an id. */
static void set_token(json_t *j, const char *key, const struct tokenizer *t, int64_t id)
{
	uint32_t one = (uint32_t)id;
	struct buf b = {0};

	if (id >= 0 && tokenizer_decode(t, &one, 1, 0, &b) == 0)
		json_object_set_new(j, key, json_stringn(b.p, b.len));
	buf_release(&b);
}

/* What AutoTokenizer needs beside tokenizer.json, when nobody wrote it; NULL on error. */
static json_t *tokenizer_config(const struct ckpt *k)
{
	const struct arch *a = &k->p->a;
	struct tokenizer *t = tokenizer_load(k->tokenizer, TOKENIZER_C);
	json_t *j;

	if (t == NULL)
		return NULL;
	j = json_pack("{s:s,s:i,s:b}", "tokenizer_class", "PreTrainedTokenizerFast",
	    "model_max_length", (int)a->T, "clean_up_tokenization_spaces", 0);
	set_token(j, "eos_token", t, a->eos_id);
	set_token(j, "pad_token", t, a->pad_id);
	tokenizer_free(t);
	return j;
}

static int write_tokenizer(const struct ckpt *k, const char *dir)
{
	const char *slash;
	char *side;
	int rc;

	if (k->tokenizer == NULL)
		return 0;
	if (copy_file(k->tokenizer, dir, "tokenizer.json") < 0)
		return -1;
	slash = strrchr(k->tokenizer, '/');
	side = xasprintf("%.*stokenizer_config.json",
	    slash != NULL ? (int)(slash + 1 - k->tokenizer) : 0, k->tokenizer);
	if (access(side, R_OK) == 0)
		rc = copy_file(side, dir, "tokenizer_config.json");
	else
		rc = write_json(dir, "tokenizer_config.json", tokenizer_config(k));
	free(side);
	return rc;
}

/* {"transformer.wte.weight": x, ..} of the averages that there are */
static json_t *averages_json(const struct ckpt *k)
{
	json_t *j = json_object();
	struct params_native t;

	for (size_t i = 0; i < k->p->n; i++)
		if (k->avg[i] >= 0 && params_native(k->p, i, &t))
			json_object_set_new(j, t.name, json_real((double)k->avg[i]));
	return j;
}

static json_t *state_json(const struct ckpt *k)
{
	const struct ckpt_state *s = &k->state;
	char *rev = revs_name(s->step, s->tokens);
	json_t *j = json_pack("{s:s,s:I,s:I,s:I,s:I,s:s,s:s}", "format", FORMAT, "step",
	    (json_int_t)s->step, "epoch", (json_int_t)s->epoch, "epoch_instances",
	    (json_int_t)s->instances, "tokens", (json_int_t)s->tokens, "data", s->data, "revision",
	    rev);

	free(rev);
	if (k->avg != NULL)
		json_object_set_new(j, "grad_norm_exp_avg", averages_json(k));
	if (k->spike != NULL && (k->spike->sigma > 0 || k->spike->skipped > 0))
		json_object_set_new(j, "spikes", spike_json(k->spike));
	return j;
}

static int write_tensors(const struct ckpt *k, const char *dir)
{
	char *model = xasprintf("%s/model.safetensors", dir);
	char *optim = xasprintf("%s/trainer/optimizer.safetensors", dir);
	const float *w[1] = {k->w}, *mv[2] = {k->m, k->v};
	static const char *const none[1] = {""}, *const names[2] = {"exp_avg.", "exp_avg_sq."};
	int rc = params_save(k->p, w, none, 1, model, NULL);

	if (rc == 0)
		rc = params_save(k->p, mv, names, k->v != NULL ? 2 : 1, optim, NULL);
	free(model);
	free(optim);
	return rc;
}

static int write_dir(const struct ckpt *k, const char *dir, int kind)
{
	char *trainer = xasprintf("%s/trainer", dir);
	char *mark = xasprintf("%s/%s", trainer, kind != CKPT_DUE ? marks[kind] : "");
	int rc = out_mkdirs(trainer);

	if (rc == 0)
		rc = write_json(dir, "config.json", arch_json(&k->p->a));
	if (rc == 0)
		rc = write_json(dir, "generation_config.json", arch_generation_json(&k->p->a));
	if (rc == 0)
		rc = write_tokenizer(k, dir);
	if (rc == 0)
		rc = write_tensors(k, dir);
	if (rc == 0)
		rc = write_json(trainer, "state.json", state_json(k));
	if (rc == 0 && kind != CKPT_DUE)
		rc = out_file(mark, "", 0);
	if (rc == 0)
		rc = out_sync_dir(trainer);
	if (rc == 0)
		rc = out_sync_dir(dir);
	free(trainer);
	free(mark);
	return rc;
}

static int point_latest(const char *run, const char *name)
{
	char *tmp = xasprintf("%s/.latest.%ld.tmp", run, (long)getpid());
	char *latest = xasprintf("%s/latest", run);
	int rc = 0;

	unlink(tmp);
	if (symlink(name, tmp) != 0 || rename(tmp, latest) != 0)
		rc = (err_sys("cannot make '%s'", latest), -1);
	if (rc == 0)
		rc = out_sync_dir(run);
	free(tmp);
	free(latest);
	return rc;
}

static int write_new(const struct ckpt *k, const char *run, const char *final, int kind)
{
	char *tmp = temp_name(run, k->state.step, "");
	int rc = out_mkdirs(tmp);

	if (rc == 0)
		rc = write_dir(k, tmp, kind);
	if (rc == 0 && rename(tmp, final) != 0)
		rc = (err_sys("cannot rename '%s' to '%s'", tmp, final), -1);
	if (rc == 0)
		rc = out_sync_dir(run);
	if (rc < 0) {
		/* keep the first message */
		char *why = xstrdup(err_msg());
		if (access(tmp, F_OK) == 0)
			remove_tree(tmp);
		err_set("%s", why);
		free(why);
	}
	free(tmp);
	return rc;
}

int ckpt_save(const struct ckpt *k, const char *run, int kind)
{
	char *name = ckpt_name(k->state.step), *final = xasprintf("%s/%s", run, name);
	int rc;

	if (access(final, F_OK) == 0)
		rc = kind != CKPT_DUE ? 0 : clear_marks(run, k->state.step);
	else
		rc = write_new(k, run, final, kind);
	if (rc == 0)
		rc = point_latest(run, name);
	free(name);
	free(final);
	return rc;
}

/* ---- reading ----------------------------------------------------------------------------- */

static int get_u64(const json_t *j, const char *key, const char *path, uint64_t *v)
{
	const json_t *e = json_object_get(j, key);

	if (!json_is_integer(e) || json_integer_value(e) < 0)
		return err_set("%s: no whole number '%s'", path, key), -1;
	*v = (uint64_t)json_integer_value(e);
	return 0;
}

/* What the run of the checkpoint did not have begins anew. */
static int read_extra(struct ckpt *k, const json_t *j, const char *path)
{
	const json_t *avg = json_object_get(j, "grad_norm_exp_avg");
	const json_t *spikes = json_object_get(j, "spikes");
	struct params_native t;

	for (size_t i = 0; k->avg != NULL && i < k->p->n; i++) {
		k->avg[i] = i > 0 ? k->avg[i - 1] : -1;
		if (!params_native(k->p, i, &t))
			continue;
		const json_t *v = json_object_get(avg, t.name);
		k->avg[i] = json_is_number(v) ? (float)json_number_value(v) : -1;
	}
	if (k->spike != NULL && spikes != NULL)
		return spike_read(k->spike, spikes, path);
	return 0;
}

static int read_state(struct ckpt *k, const char *path, uint64_t step)
{
	struct ckpt_state *s = &k->state;
	json_t *j = conf_json(path);
	const char *format = json_string_value(json_object_get(j, "format"));
	const char *data = json_string_value(json_object_get(j, "data"));
	int rc = -1;

	memset(s, 0, sizeof(*s));
	if (j == NULL)
		return -1;
	if (format == NULL || strcmp(format, FORMAT) != 0)
		err_set("%s: format '%s', this program reads '%s'", path, format ? format : "",
		    FORMAT);
	else if (data == NULL || strlen(data) != 32)
		err_set("%s: no hash 'data'", path);
	else if (get_u64(j, "step", path, &s->step) == 0 &&
		 get_u64(j, "epoch", path, &s->epoch) == 0 &&
		 get_u64(j, "epoch_instances", path, &s->instances) == 0 &&
		 get_u64(j, "tokens", path, &s->tokens) == 0)
		rc = 0;
	if (rc == 0 && s->step != step)
		rc = (err_set("%s: step %" PRIu64 " in the directory of step %" PRIu64, path,
			  s->step, step),
		    -1);
	if (rc == 0)
		memcpy(s->data, data, sizeof(s->data));
	if (rc == 0)
		rc = read_extra(k, j, path);
	json_decref(j);
	return rc;
}

static int same_shape(const struct arch *a, const struct arch *b)
{
	return a->family == b->family && a->C == b->C && a->L == b->L && a->H == b->H &&
	       a->HKV == b->HKV && a->F == b->F && a->V == b->V && a->tied == b->tied &&
	       a->plain == b->plain && a->affine == b->affine && a->bias == b->bias;
}

int ckpt_load(struct ckpt *k, const char *run, uint64_t step)
{
	char *dir = xasprintf("%s/step%08" PRIu64, run, step);
	char *state = xasprintf("%s/trainer/state.json", dir);
	char *optim = xasprintf("%s/trainer/optimizer.safetensors", dir);
	float *const mv[2] = {k->m, k->v};
	static const char *const names[2] = {"exp_avg.", "exp_avg_sq."};
	struct arch a;
	int rc = read_state(k, state, step);

	if (rc == 0)
		rc = arch_load(&a, dir);
	if (rc == 0 && !same_shape(&a, &k->p->a))
		rc = (err_set("%s: its config.json describes another model than the run's config",
			  dir),
		    -1);
	if (rc == 0)
		rc = params_load(k->p, k->w, dir);
	if (rc == 0)
		rc = params_load_prefixed(k->p, mv, names, k->v != NULL ? 2 : 1, optim);
	free(dir);
	free(state);
	free(optim);
	return rc;
}

int ckpt_step_files(
    const char *run, uint64_t step, int (*fn)(void *arg, const char *path), void *arg)
{
	static const char *const names[] = {"config.json", "generation_config.json",
	    "model.safetensors", "tokenizer.json", "tokenizer_config.json",
	    "trainer/optimizer.safetensors", "trainer/state.json"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = xasprintf("%s/step%08" PRIu64 "/%s", run, step, names[i]);
		if (access(path, F_OK) == 0)
			rc = fn(arg, path);
		free(path);
	}
	return rc;
}

int ckpt_files(const char *run, int (*fn)(void *arg, const char *path), void *arg)
{
	struct ckpt_steps s;
	int rc = ckpt_steps(run, &s);

	for (size_t i = 0; rc == 0 && i < s.n; i++)
		rc = ckpt_step_files(run, s.v[i], fn, arg);
	free(s.v);
	return rc;
}
