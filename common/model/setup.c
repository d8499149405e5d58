#include "model/setup.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "tok/tokenizer.h"

#define EMBED_MULTIPLE 128 /* OLMo rounds the rows of the embedding up to it */

/* ---- tokenizer --------------------------------------------------------------------------- */

static int ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n >= m && strcmp(s + n - m, tail) == 0;
}

/* tokenizer.identifier is a path, or a name on a hub that we cannot ask. */
static int find_tokenizer(struct setup *s, const char *name)
{
	const char *id = s->c.tokenizer;

	if (id == NULL && s->c.load_path != NULL) {
		s->tokenizer = xasprintf("%s/tokenizer.json", s->c.load_path);
		if (access(s->tokenizer, F_OK) != 0) {
			free(s->tokenizer);
			s->tokenizer = NULL;
		}
		return 0;
	}
	if (id == NULL)
		return 0;
	if (access(id, R_OK) == 0)
		return s->tokenizer = xstrdup(id), 0;
	if (ends_with(id, ".json"))
		return err_sys("%s: cannot read tokenizer.identifier '%s'", name, id), -1;
	warn("%s: tokenizer.identifier '%s' is not a file: checkpoints will hold no tokenizer",
	    name, id);
	return 0;
}

static int is_known(struct h128 h)
{
	return h.lo != 0 || h.hi != 0;
}

static int read_tokenizer(struct setup *s, size_t *n_id, struct h128 *identity)
{
	memset(identity, 0, sizeof(*identity));
	*n_id = 0;
	if (s->tokenizer == NULL)
		return 0;
	struct tokenizer *t = tokenizer_load(s->tokenizer, TOKENIZER_C);
	if (t == NULL)
		return -1;
	*n_id = t->n_id;
	*identity = tokenizer_identity(t);
	tokenizer_free(t);
	return 0;
}

/* ---- architecture ------------------------------------------------------------------------ */

static int same(const char *name, const char *key, double config, double weights)
{
	if (config != weights)
		return err_set("%s: model.%s gives %.17g, the weights of load_path have %.17g",
			   name, key, config, weights),
		       -1;
	return 0;
}

/* The weights to start from decide; a section model must agree with them.  A single file has no
 * config.json: there the section model is all. */
static int arch_from_weights(struct setup *s, const char *name)
{
	struct arch a, *c = &s->c.arch;
	struct stat st;

	if (stat(s->c.load_path, &st) != 0)
		return err_sys("%s: load_path '%s'", name, s->c.load_path), -1;
	if (!S_ISDIR(st.st_mode)) {
		if (s->c.has_model)
			return 0;
		return err_set(
			   "%s: load_path is a file, so a section model must describe it", name),
		       -1;
	}
	if (arch_load(&a, s->c.load_path) < 0)
		return -1;
	if (s->c.has_model) {
		if (c->V == 0)
			c->V = a.V;
		if (same(name, "layer_norm_type (family)", (double)c->family, (double)a.family) <
			0 ||
		    same(name, "layer_norm_with_affine", !c->plain + c->affine,
			!a.plain + a.affine) < 0 ||
		    same(name, "bias_for_layer_norm", c->bias, a.bias) < 0 ||
		    same(name, "d_model", (double)c->C, (double)a.C) < 0 ||
		    same(name, "n_layers", (double)c->L, (double)a.L) < 0 ||
		    same(name, "n_heads", (double)c->H, (double)a.H) < 0 ||
		    same(name, "n_kv_heads", (double)c->HKV, (double)a.HKV) < 0 ||
		    same(name, "mlp_hidden_size", 2 * (double)c->F, 2 * (double)a.F) < 0 ||
		    same(name, "embedding_size", (double)c->V, (double)a.V) < 0 ||
		    same(name, "weight_tying", c->tied, a.tied) < 0 ||
		    same(name, "rope_theta", c->rope_theta, a.rope_theta) < 0 ||
		    same(name, "clip_qkv", c->clip_qkv, a.clip_qkv) < 0)
			return -1;
		a.T = c->T;
		a.eos_id = c->eos_id >= 0 ? c->eos_id : a.eos_id;
		a.pad_id = c->pad_id >= 0 ? c->pad_id : a.pad_id;
	}
	*c = a;
	return 0;
}

static int embedding_rows(struct setup *s, const char *name, size_t n_id)
{
	struct arch *a = &s->c.arch;

	if (a->V == 0)
		a->V = (n_id + EMBED_MULTIPLE - 1) / EMBED_MULTIPLE * EMBED_MULTIPLE;
	if (a->V == 0)
		return err_set("%s: model.vocab_size is missing, and there is no tokenizer.json "
			       "to take it "
			       "from",
			   name),
		       -1;
	if (n_id > a->V)
		return err_set("%s: the tokenizer has %zu ids, the model %zu embedding rows", name,
			   n_id, a->V),
		       -1;
	return 0;
}

/* ---- data -------------------------------------------------------------------------------- */

static struct loader_spec spec_of(const struct config *c)
{
	return (struct loader_spec){.paths = c->paths,
	    .masks = c->mask_paths,
	    .n_path = c->n_path,
	    .n_mask = c->n_mask,
	    .order = c->order,
	    .width = c->width,
	    .T = c->arch.T,
	    .V = c->arch.V,
	    .seed = c->data_seed,
	    .drop_last = c->drop_last,
	    .min_period = c->repeat_min_period,
	    .max_period = c->repeat_max_period,
	    .count = c->repeat_count,
	    .pad_id = c->pad_mask ? c->arch.pad_id : -1};
}

static int check_meta(struct setup *s, const char *name, struct h128 identity)
{
	struct arch *a = &s->c.arch;

	for (size_t i = 0; i < s->data->list->n_file; i++) {
		const struct tokfile *f = s->data->list->file[i];
		if (f->raw)
			continue;
		if (is_known(identity) && is_known(f->meta.tokenizer) &&
		    !h128_eq(identity, f->meta.tokenizer))
			return err_set("%s@0: was made with another tokenizer than %s", f->path,
				   s->tokenizer),
			       -1;
		if (f->meta.eos_id == TOKFILE_NONE)
			continue;
		if (a->eos_id < 0)
			a->eos_id = (int64_t)f->meta.eos_id;
		if (a->eos_id != (int64_t)f->meta.eos_id)
			return err_set("%s: model.eos_token_id is %" PRId64
				       ", documents of %s end with %" PRIu64,
				   name, a->eos_id, f->path, f->meta.eos_id),
			       -1;
	}
	return 0;
}

static int open_data(struct setup *s, const char *name)
{
	struct loader_spec spec = spec_of(&s->c);

	if (s->c.pad_mask && s->c.arch.pad_id < 0)
		return err_set("%s: data.generate_attention_mask needs model.pad_token_id", name),
		       -1;
	s->data = loader_open(&spec);
	if (s->data == NULL || loader_epoch(s->data, 0) < 0)
		return -1;
	s->epoch_steps = loader_entries(s->data) / s->c.batch;
	if (s->epoch_steps == 0)
		return err_set("%s: %" PRIu64 " instances of %zu ids, fewer than one batch of %zu",
			   name, loader_entries(s->data), s->c.arch.T, s->c.batch),
		       -1;
	h128_hex(tokfile_list_hash(s->data->list), s->data_hash);
	return 0;
}

/* max_duration and stop_at in steps */
static void durations(struct setup *s)
{
	struct config *c = &s->c;
	double per_step = (double)(c->batch * c->arch.T);

	if (c->max_epochs > 0)
		c->max_steps = c->max_epochs * s->epoch_steps;
	else if (c->max_tokens > 0)
		c->max_steps =
		    (uint64_t)(c->loss == CONFIG_TOKENS ? ceil(c->max_tokens / per_step)
							: floor(c->max_tokens / per_step));
	s->last = c->stop_at > 0 ? c->stop_at : c->max_steps;
	s->schedule_end = (double)c->max_steps;
	if (c->sched.in_tokens)
		s->schedule_end =
		    c->max_tokens > 0 ? c->max_tokens : (double)c->max_steps * per_step;
}

static int is_file_order(const char *order)
{
	return order != NULL && strcmp(order, "olmo") != 0 && strcmp(order, "feistel") != 0 &&
	       strcmp(order, "sequential") != 0;
}

/* ---- evaluation sets --------------------------------------------------------------------- */

/* The set in its order, the last batch as small as it is; subset_num_batches cuts it. */
static int open_eval(struct setup *s, const struct config_eval *e)
{
	struct loader_spec spec = spec_of(&s->c);
	struct setup_eval *x = &s->eval[s->n_eval];
	char sequential[] = "sequential";

	spec.paths = e->paths;
	spec.n_path = e->n_path;
	spec.n_mask = 0;
	spec.count = 0;
	spec.order = sequential;
	x->label = e->label;
	x->data = loader_open(&spec);
	if (x->data == NULL)
		return -1;
	s->n_eval++;
	if (loader_epoch(x->data, 0) < 0)
		return -1;
	x->data->spec.order = NULL;
	x->n_inst = loader_entries(x->data);
	if (e->batches > 0 && (uint64_t)e->batches < x->n_inst / e->batch)
		x->n_inst = (uint64_t)e->batches * e->batch;
	return 0;
}

/* ---- the whole --------------------------------------------------------------------------- */

int setup_open(struct setup *s, const json_t *config, const char *name)
{
	struct h128 identity;
	size_t n_id;

	memset(s, 0, sizeof(*s));
	s->json = json_deep_copy(config);
	if (config_read(&s->c, s->json, name) < 0 || find_tokenizer(s, name) < 0 ||
	    read_tokenizer(s, &n_id, &identity) < 0)
		goto fail;
	if (s->c.load_path != NULL && arch_from_weights(s, name) < 0)
		goto fail;
	if (embedding_rows(s, name, n_id) < 0 || arch_check(&s->c.arch, name) < 0)
		goto fail;
	if (open_data(s, name) < 0 || check_meta(s, name, identity) < 0 ||
	    arch_check(&s->c.arch, name) < 0)
		goto fail;
	if (s->c.doc_lengths && s->c.arch.eos_id < 0) {
		err_set("%s: data.generate_doc_lengths needs model.eos_token_id", name);
		goto fail;
	}
	durations(s);
	if (s->last == 0 && (s->c.max_epochs > 0 || s->c.max_tokens > 0)) {
		err_set("%s: max_duration is less than one step", name);
		goto fail;
	}
	if (is_file_order(s->c.order) && s->last > s->epoch_steps)
		warn("%s holds %" PRIu64
		     " steps; it is used again from its beginning to reach %" PRIu64,
		    s->c.order, s->epoch_steps, s->last);
	s->eval = xcalloc(s->c.n_eval + 1, sizeof(*s->eval));
	for (size_t i = 0; i < s->c.n_eval; i++)
		if (open_eval(s, &s->c.eval[i]) < 0)
			goto fail;
	return 0;
fail:
	setup_close(s);
	return -1;
}

void setup_close(struct setup *s)
{
	for (size_t i = 0; i < s->n_eval; i++)
		loader_close(s->eval[i].data);
	free(s->eval);
	loader_close(s->data);
	free(s->tokenizer);
	config_release(&s->c);
	json_decref(s->json);
	memset(s, 0, sizeof(*s));
}
