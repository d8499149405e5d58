#include "model/rundir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/conf.h"
#include "io/manifest.h"
#include "io/out.h"
#include "model/ckpt.h"
#include "model/revs.h"
#include "model/safetensors.h"
#include "model/setup.h"

json_t *rundir_config(const char *run)
{
	char *path = xasprintf("%s/config.json", run);
	json_t *j = conf_json(path);

	free(path);
	return j;
}

static int has(const char *run, const char *name)
{
	char *path = xasprintf("%s/%s", run, name);
	int yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

int rundir_is_complete(const char *run)
{
	return has(run, "manifest.json");
}

static int remove_file(const char *run, const char *name)
{
	char *path = xasprintf("%s/%s", run, name);
	int rc = 0;

	if (unlink(path) != 0 && errno != ENOENT)
		rc = (err_sys("cannot remove '%s'", path), -1);
	free(path);
	return rc;
}

/* Only what a run consists of; anything else in the directory stays. config.json goes last. */
static int remove_run(const char *run)
{
	static const char *const files[] = {
	    "manifest.json", "log.jsonl", "timing.jsonl", "data-indices/rank0.tsv"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(files[0]); i++)
		rc = remove_file(run, files[i]);
	if (rc == 0)
		rc = revs_remove(run);
	if (rc == 0)
		rc = ckpt_remove_all(run);
	return rc == 0 ? remove_file(run, "config.json") : -1;
}

static int write_config(const char *run, const json_t *config)
{
	char *path = xasprintf("%s/config.json", run);
	char *text = json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(17) | JSON_SORT_KEYS);
	struct buf b = {0};

	buf_printf(&b, "%s\n", text);
	int rc = out_file(path, b.p, b.len);
	buf_release(&b);
	free(text);
	free(path);
	return rc;
}

/* What is in the directory may not be another program's. */
static int check_foreign(const char *run)
{
	char *path = manifest_path(run);
	json_t *m = access(path, F_OK) == 0 ? manifest_load(path) : NULL;
	const char *program = json_string_value(json_object_get(m, "program"));
	int rc = 0;

	if (program != NULL && strcmp(program, "train") != 0)
		rc = (err_set("%s: holds the output of %s; name another directory", run, program),
		    -1);
	json_decref(m);
	free(path);
	return rc;
}

/* 1: the config there is the same, 0: another one, -1 */
static int same_config(const char *run, const json_t *config)
{
	json_t *old = rundir_config(run);
	int same = old == NULL ? -1 : json_equal(old, (json_t *)config);

	json_decref(old);
	return same;
}

static int enter(const char *run, const json_t *config, int resume)
{
	int same = same_config(run, config);

	if (same != 0 || resume)
		return same < 0 ? -1 : 0;
	return err_set("%s: holds a run with another config; continue it with --resume, or start "
		       "over with -f",
		   run),
	       -1;
}

int rundir_accept(const char *run, const json_t *config)
{
	int same = same_config(run, config);

	if (same != 0)
		return same < 0 ? -1 : 0;
	if (remove_file(run, "manifest.json") < 0)
		return -1;
	return write_config(run, config);
}

int rundir_begin(const char *run, const json_t *config, int resume, int force)
{
	int there = has(run, "config.json");

	if (resume && !there)
		return err_set("%s: no run to resume (no config.json)", run), -1;
	if (check_foreign(run) < 0 || ckpt_clean(run) < 0)
		return -1;
	if (there && !force)
		return enter(run, config, resume) == 0 ? revs_rebuild(run) : -1;
	if (out_mkdirs(run) < 0 || (force && remove_run(run) < 0))
		return -1;
	return write_config(run, config);
}

/* ---- the manifest ------------------------------------------------------------------------ */

static int add_output(void *arg, const char *path)
{
	struct filehash h;

	if (in_hash_file(path, &h) < 0)
		return -1;
	manifest_output(arg, "checkpoint", path, &h);
	return 0;
}

static int add_named(struct manifest *m, const char *run, const char *name, const char *role)
{
	char *path = xasprintf("%s/%s", run, name);
	struct filehash h;
	int rc = access(path, F_OK) != 0 ? 0 : in_hash_file(path, &h);

	if (rc == 0 && access(path, F_OK) == 0)
		manifest_output(m, role, path, &h);
	free(path);
	return rc;
}

/* load_path: a file, or a directory with one file of weights or several. */
static int add_weights(struct manifest *m, const char *path)
{
	struct safetensors *t = safetensors_open(path);
	int rc = t != NULL ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < safetensors_files(t); i++)
		rc = manifest_input_file(m, "weights", safetensors_file(t, i));
	safetensors_close(t);
	return rc;
}

static int add_inputs(struct manifest *m, const struct setup *s)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->c.n_path; i++)
		rc = manifest_input_file(m, "tokens", s->c.paths[i]);
	for (size_t i = 0; rc == 0 && i < s->c.n_mask; i++)
		rc = manifest_input_file(m, "label_mask", s->c.mask_paths[i]);
	if (rc == 0 && s->c.order != NULL && s->data->order->spec.algo == ORDER_FILE)
		rc = manifest_input_file(m, "order", s->c.order);
	if (rc == 0 && s->tokenizer != NULL)
		rc = manifest_input_file(m, "tokenizer", s->tokenizer);
	if (rc == 0 && s->c.load_path != NULL) {
		rc = add_weights(m, s->c.load_path);
	}
	return rc;
}

int rundir_complete(
    const char *run, const struct setup *s, uint64_t step, int fast_reduce, const char *also)
{
	struct manifest *m = manifest_new("train");
	int rc;

	manifest_opt_json(m, "config", config_portable(s->json));
	manifest_opt_str(m, "reduce", fast_reduce ? "fast" : "canonical");
	manifest_opt_str(m, "precision", config_products(&s->c));
	manifest_count(m, "steps", step);
	manifest_count(m, "tokens", step * s->c.batch * s->c.arch.T);
	rc = add_inputs(m, s);
	if (rc == 0)
		rc = ckpt_files(run, add_output, m);
	if (rc == 0)
		rc = add_named(m, run, "config.json", "config");
	if (rc == 0)
		rc = add_named(m, run, "checkpoints.tsv", "checkpoints");
	if (rc == 0)
		rc = add_named(m, run, "log.jsonl", "log");
	if (rc == 0)
		rc = add_named(m, run, "data-indices/rank0.tsv", "data_indices");
	if (rc == 0)
		rc = manifest_write_for(m, run);
	if (rc == 0 && also != NULL)
		rc = manifest_write(m, also);
	manifest_free(m);
	return rc;
}
