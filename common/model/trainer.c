#include "model/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/os.h"
#include "base/pool.h"
#include "base/stats.h"
#include "io/conf.h"
#include "io/energy.h"
#include "io/out.h"
#include "kernels/kernels.h"
#include "model/ahead.h"
#include "model/ckpt.h"
#include "model/config.h"
#include "model/grads.h"
#include "model/loader.h"
#include "model/metrics.h"
#include "model/net.h"
#include "model/optim.h"
#include "model/revs.h"
#include "model/rundir.h"
#include "model/runlog.h"
#include "model/saver.h"
#include "model/setup.h"
#include "model/spike.h"

struct trainer {
	struct trainer_opts o;
	struct setup s; /* config, architecture, data, tokenizer */
	struct params *p;
	struct pool *pool;
	struct kern *k;
	struct net *net;
	float *w, *m, *v;   /* v NULL: LionW */
	float *avg, *scale; /* (tensors) of max_grad_norm_ratio, or NULL */
	struct spike spike;
	struct saver *saver;
	struct grads grads;
	struct ckpt_state at; /* where we are */
	uint64_t last;        /* the planned end */
	uint32_t *ids;        /* (batch, T) */
	int32_t *labels;      /* (batch, T) */
	uint32_t *first;      /* (batch, T) of net.h, or NULL */
	uint64_t *instance;   /* (batch) */
	struct ahead *ahead;  /* reads the next batch; started with the first */
	struct runlog log;
	struct metrics met;
	double started; /* of this step */
	double first_s; /* when the first step of this process began, and which it was */
	uint64_t first_step;
	double peak; /* operations a second, 0: not measured */
	struct energy *energy;
	double joules; /* read so far */
	double shown;  /* when the console was last written */
};

static size_t n_micro(const struct config *c)
{
	return (c->batch + c->micro - 1) / c->micro;
}

/* ---- opening ----------------------------------------------------------------------------- */

struct trainer *trainer_new(const json_t *config, const char *name, const struct trainer_opts *o)
{
	struct trainer *t = xcalloc(1, sizeof(*t));

	t->o = *o;
	if (setup_open(&t->s, config, name) < 0)
		goto fail;
	const char *products = config_products(&t->s.c);
	if (products == NULL) {
		err_set("%s: precision %s is not known", name, t->s.c.precision);
		goto fail;
	}
	t->p = params_new(&t->s.c.arch);
	t->pool = pool_new(o->threads);
	t->k = kern_open_as(products, o->device, o->isa, t->pool);
	if (t->k == NULL)
		goto fail;
	t->last = t->s.last;
	return t;
fail:
	trainer_free(t);
	return NULL;
}

void trainer_free(struct trainer *t)
{
	if (t == NULL)
		return;
	if (t->k != NULL) {
		saver_free(t->saver);
		grads_release(&t->grads);
		float *own[3] = {t->w, t->m, t->v};
		for (int i = 0; i < 3; i++)
			if (own[i] != NULL)
				t->k->op->free(t->k, own[i]);
		net_free(t->net);
		kern_close(t->k);
	}
	if (t->pool != NULL)
		pool_free(t->pool);
	params_free(t->p);
	ahead_stop(t->ahead);
	free(t->ids);
	free(t->labels);
	free(t->first);
	free(t->avg);
	free(t->scale);
	spike_release(&t->spike);
	free(t->instance);
	metrics_release(&t->met);
	energy_close(t->energy);
	setup_close(&t->s);
	free(t);
}

static struct net_plan plan_of(const struct trainer *t)
{
	return (struct net_plan){
	    .B = t->s.c.micro, .T = t->s.c.arch.T, .train = 1, .recompute = t->s.c.recompute};
}

/* Arrays that are copied for a checkpoint: none when there is one only, at the end. */
static size_t copies(const struct trainer *t)
{
	const struct config *c = &t->s.c;

	if (t->o.sync_save || revs_first(&c->keep) >= t->last)
		return 0;
	return c->optimizer == OPTIM_ADAMW ? 3 : 2;
}

static void plan_bytes(json_t *j, const char *key, size_t n, size_t *total)
{
	json_object_set_new(j, key, json_integer((json_int_t)n));
	*total += n;
}

json_t *trainer_plan(const struct trainer *t)
{
	const struct config *c = &t->s.c;
	json_t *j = json_object(), *b = json_object();
	struct net_plan plan = plan_of(t);
	size_t one = t->p->n_float * sizeof(float), total = net_bytes(t->p, t->k, &plan, b);

	plan_bytes(b, "weights", one, &total);
	plan_bytes(b, "exp_avg", one, &total);
	if (c->optimizer == OPTIM_ADAMW)
		plan_bytes(b, "exp_avg_sq", one, &total);
	plan_bytes(b, "checkpoint_copy", one * copies(t), &total);
	plan_bytes(b, "gradients", one * grads_arrays(n_micro(c), t->o.fast_reduce), &total);
	plan_bytes(b, "batch", 2 * c->batch * (c->arch.T * (c->doc_lengths ? 12 : 8) + 8), &total);
	plan_bytes(b, "program", (size_t)os_rss(), &total);
	json_object_set_new(b, "total", json_integer((json_int_t)total));
	json_object_set_new(j, "device", json_string(t->k->op->device));
	json_object_set_new(j, "precision", json_string(t->k->op->precision));
	json_object_set_new(j, "parameters", json_integer((json_int_t)t->p->n_float));
	json_object_set_new(j, "embedding_rows", json_integer((json_int_t)c->arch.V));
	json_object_set_new(j, "instances", json_integer((json_int_t)t->s.data->list->n_inst));
	json_object_set_new(j, "steps_an_epoch", json_integer((json_int_t)t->s.epoch_steps));
	json_object_set_new(j, "steps", json_integer((json_int_t)t->last));
	json_object_set_new(j, "microbatches", json_integer((json_int_t)n_micro(c)));
	json_object_set_new(j, "tokens_a_step", json_integer((json_int_t)(c->batch * c->arch.T)));
	json_object_set_new(j, "bytes", b);
	return j;
}

static int allocate(struct trainer *t)
{
	const struct config *c = &t->s.c;
	struct net_plan plan = plan_of(t);
	size_t n = t->p->n_float * sizeof(float);

	t->w = t->k->op->alloc(t->k, n);
	t->m = t->k->op->alloc(t->k, n);
	if (c->optimizer == OPTIM_ADAMW)
		t->v = t->k->op->alloc(t->k, n);
	if (t->w == NULL || t->m == NULL || (t->v == NULL && c->optimizer == OPTIM_ADAMW) ||
	    grads_init(&t->grads, t->k, t->p->n_float, n_micro(c), t->o.fast_reduce) < 0)
		return -1;
	t->energy = energy_open(t->o.energy != NULL ? t->o.energy : "auto", ENERGY_CPU);
	if (t->energy == NULL)
		return -1;
	t->saver = saver_new(t->p, t->k, copies(t));
	if (t->saver == NULL)
		return -1;
	t->net = net_new(t->p, t->k, &plan);
	if (t->net == NULL)
		return -1;
	t->ids = xreallocarray(NULL, c->batch * c->arch.T, sizeof(*t->ids));
	t->labels = xreallocarray(NULL, c->batch * c->arch.T, sizeof(*t->labels));
	t->instance = xreallocarray(NULL, c->batch, sizeof(*t->instance));
	if (c->doc_lengths)
		t->first = xreallocarray(NULL, c->batch * c->arch.T, sizeof(*t->first));
	spike_init(&t->spike, c->spike_window, c->spike_sigma);
	if (c->clip_ratio > 0) {
		t->avg = xreallocarray(NULL, t->p->n, sizeof(*t->avg));
		t->scale = xreallocarray(NULL, t->p->n, sizeof(*t->scale));
		for (size_t i = 0; i < t->p->n; i++)
			t->avg[i] = -1;
	}
	return 0;
}

static struct ckpt ckpt_of(struct trainer *t)
{
	return (struct ckpt){.p = t->p,
	    .w = t->w,
	    .m = t->m,
	    .v = t->v,
	    .avg = t->avg,
	    .spike = &t->spike,
	    .tokenizer = t->s.tokenizer,
	    .state = t->at};
}

static int first_weights(struct trainer *t)
{
	const struct config *c = &t->s.c;

	memcpy(t->at.data, t->s.data_hash, sizeof(t->at.data));
	if (c->load_path != NULL)
		return params_load(t->p, t->w, c->load_path);
	params_init(t->p, t->w, &c->init, t->pool);
	return 0;
}

/* From the newest checkpoint, or the beginning. */
static int restore(struct trainer *t)
{
	struct ckpt k = ckpt_of(t);
	uint64_t step;
	int found = ckpt_latest(t->o.run, &step);

	if (found < 0)
		return -1;
	if (!found)
		return first_weights(t);
	if (ckpt_load(&k, t->o.run, step) < 0)
		return -1;
	t->at = k.state;
	if (strcmp(t->at.data, t->s.data_hash) != 0)
		return err_set("%s: step %" PRIu64
			       " was trained on other token files than data.paths "
			       "(another content or order)",
			   t->o.run, step),
		       -1;
	note("resuming at step %" PRIu64, step);
	return loader_epoch(t->s.data, t->at.epoch);
}

/* ---- one step ---------------------------------------------------------------------------- */

static int asked_to_stop(const struct trainer *t)
{
	return t->o.stop != NULL && *t->o.stop;
}

static int next_epoch(struct trainer *t)
{
	ahead_drop(t->ahead);
	if (loader_epoch(t->s.data, t->at.epoch + 1) < 0)
		return -1;
	t->at.epoch++;
	t->at.instances = 0;
	return 0;
}

static int read_batch(struct trainer *t)
{
	size_t T = t->s.c.arch.T, n = t->s.c.batch;

	if (t->at.instances + n > t->s.epoch_steps * n && next_epoch(t) < 0)
		return -1;
	struct batch b = {t->ids, t->first, t->labels, t->instance, 0};
	int64_t eos = t->first != NULL ? t->s.c.arch.eos_id : -1;

	if (!ahead_take(t->ahead, t->at.instances, &b) &&
	    batch_read(&b, t->s.data, t->at.instances, n, T, eos) < 0)
		return -1;
	t->met.masked += b.masked;
	if (t->at.step + 1 < t->last && t->at.instances + 2 * n <= t->s.epoch_steps * n) {
		if (t->ahead == NULL)
			t->ahead = ahead_start(t->s.data, n, T, eos);
		ahead_ask(t->ahead, t->at.instances + n);
	}
	return 0;
}

/* Weights of the rows of a microbatch in the objective; returns the number of labels. */
static size_t weigh(struct trainer *t, const int32_t *labels, size_t rows)
{
	const struct config *c = &t->s.c;
	size_t n = 0;
	double parts = (double)n_micro(c), g, gz;

	for (size_t r = 0; r < rows; r++)
		n += labels[r] >= 0;
	if (c->loss == CONFIG_TOKENS) {
		g = 1.0 / ((double)c->batch * (double)c->arch.T);
		gz = c->z_coef * g;
	} else {
		g = n > 0 ? 1.0 / ((double)n * parts) : 0;
		gz = c->z_coef / ((double)rows * parts);
	}
	for (size_t r = 0; r < rows; r++) {
		int counts = c->loss == CONFIG_MEAN || labels[r] >= 0;
		t->net->g[r] = (float)g;
		t->net->gz[r] = counts ? (float)gz : 0;
	}
	return n;
}

/* Adds the microbatch to the step's losses, in double. */
static void add_losses(struct trainer *t, const int32_t *labels, size_t rows)
{
	for (size_t r = 0; r < rows; r++) {
		double lse = (double)t->net->lse[r];
		if (labels[r] >= 0)
			t->met.ce += (double)t->net->g[r] * (double)t->net->loss[r];
		t->met.z += (double)t->net->gz[r] * lse * lse;
	}
}

static int name_bad_loss(struct trainer *t)
{
	const struct param *bad = optim_first_bad(t->p, t->k, t->w);
	size_t layer;
	const char *what = bad == NULL ? net_first_bad(t->net, &layer) : NULL;
	uint64_t step = t->at.step + 1;

	if (bad != NULL)
		err_set("step %" PRIu64 ": the loss is not finite; first bad tensor: %s", step,
		    bad->name);
	else if (what != NULL && layer < t->p->a.L)
		err_set("step %" PRIu64
			": the loss is not finite; first bad tensor: layer %zu, %s",
		    step, layer, what);
	else
		err_set("step %" PRIu64 ": the loss is not finite; first bad tensor: %s", step,
		    what != NULL ? what : "logits");
	return -1;
}

static int microbatch(struct trainer *t, size_t first, size_t B)
{
	size_t T = t->s.c.arch.T;
	const int32_t *labels = t->labels + first * T;
	float *g = grads_next(&t->grads);

	t->net->first = t->first != NULL ? t->first + first * T : NULL;
	net_forward(t->net, t->w, t->ids + first * T, B, T);
	t->met.labels += weigh(t, labels, B * T);
	net_head(t->net, t->w, labels, g);
	add_losses(t, labels, B * T);
	if (!isfinite(t->met.ce) || !isfinite(t->met.z))
		return name_bad_loss(t);
	net_backward(t->net, t->w, g);
	grads_done(&t->grads);
	return t->k->op->sync(t->k);
}

/* Steps, or tokens seen after step s. */
static double position(const struct trainer *t, uint64_t s)
{
	double unit = (double)(t->s.c.batch * t->s.c.arch.T);

	return t->s.c.sched.in_tokens ? (double)s * unit : (double)s;
}

/* The limit of the step before, as a factor of every gradient or one of each tensor. */
static void clip(struct trainer *t, struct optim *o, const float *g, uint64_t s)
{
	const struct config *c = &t->s.c;
	struct schedule sc = c->sched;

	if (c->clip_ratio > 0)
		sc.max_grad_norm = c->clip_ratio;
	double limit = schedule_clip_late(&sc, position(t, s), position(t, s - 1));
	if (c->clip_ratio > 0) {
		t->met.clip_rate = optim_adapt(
		    t->p, t->k, g, limit, fmax(c->beta1, c->beta2), s, t->avg, t->scale);
		o->scale = t->scale;
		return;
	}
	o->gscale = optim_clip(limit, t->met.grad_norm);
	t->met.clip_rate = o->gscale < 1;
}

static int update(struct trainer *t, float *g)
{
	const struct config *c = &t->s.c;
	uint64_t s = t->at.step + 1;
	const struct param *bad;

	t->met.grad_norm = optim_norm(t->p, t->k, g, &bad);
	if (bad != NULL)
		return err_set("step %" PRIu64 ": the gradient of %s is not finite", s, bad->name),
		       -1;
	t->met.lr = schedule_lr(&c->sched, position(t, s), t->s.schedule_end);
	t->met.skipped = c->spike_sigma > 0 && spike_skips(&t->spike, t->met.ce, t->met.grad_norm);
	struct optim o = optim_of(c, s - t->spike.skipped);
	o.lr = t->met.lr;
	if (!t->met.skipped)
		clip(t, &o, g, s);
	if (c->metrics_interval > 0 && s % c->metrics_interval == 0)
		metrics_tensors(&t->met, t->p, t->k, t->w, t->m, t->v, g, t->avg, s);
	if (!t->met.skipped)
		optim_step(t->p, t->k, &o, t->w, t->m, t->v, g);
	else
		warn("step %" PRIu64 " is skipped: loss %.4f, gradient norm %.4g jump out of "
		     "what came before",
		    s, t->met.ce, t->met.grad_norm);
	return 0;
}

static int log_step(struct trainer *t)
{
	const struct config *c = &t->s.c;

	if (runlog_indices(&t->log, t->at.step, t->instance, c->batch) < 0)
		return -1;
	double j;
	t->met.joules = -1;
	if (energy_name(t->energy) != NULL) {
		if (energy_read(t->energy, &j) < 0)
			return -1;
		t->met.joules = j - t->joules;
		t->joules = j;
	}
	return metrics_log(&t->met, &t->log, t->p, c, &t->at, os_wall() - t->started);
}

/* 1: done, 0: given up because of a signal (nothing has changed), -1: error */
static int one_step(struct trainer *t)
{
	const struct config *c = &t->s.c;

	metrics_reset(&t->met);
	t->met.start_s = t->started > 0 ? -1 : stats_age();
	t->started = os_wall();
	grads_reset(&t->grads);
	if (read_batch(t) < 0)
		return -1;
	for (size_t first = 0; first < c->batch; first += c->micro) {
		size_t B = c->batch - first < c->micro ? c->batch - first : c->micro;
		if (asked_to_stop(t))
			return 0;
		if (microbatch(t, first, B) < 0)
			return -1;
	}
	if (update(t, grads_sum(&t->grads)) < 0 || t->k->op->sync(t->k) < 0)
		return -1;
	t->at.step++;
	t->at.instances += c->batch;
	t->at.tokens += c->batch * c->arch.T;
	stats_add("steps", 1);
	stats_add("tokens", c->batch * c->arch.T);
	return log_step(t) < 0 ? -1 : 1;
}

/* ---- in-loop perplexity ------------------------------------------------------------------ */

/* Mean over instances of the mean loss of an instance, as OLMo's lm evaluators. */
static int evaluate_set(struct trainer *t, const struct setup_eval *e, double *mean)
{
	size_t T = t->s.c.arch.T, B = t->s.c.micro;
	double sum = 0;

	for (uint64_t i = 0; i < e->n_inst; i += B) {
		size_t n = e->n_inst - i < B ? (size_t)(e->n_inst - i) : B;
		uint64_t inst;
		for (size_t b = 0; b < n; b++)
			if (loader_read(e->data, i + b, t->ids + b * T, t->labels + b * T, &inst) <
			    0)
				return -1;
		t->net->first = NULL;
		net_forward(t->net, t->w, t->ids, n, T);
		net_head(t->net, t->w, t->labels, NULL);
		for (size_t r = 0; r < n * T; r++)
			sum += (double)t->net->loss[r] / (double)(T - 1);
	}
	*mean = sum / (double)e->n_inst;
	return t->k->op->sync(t->k);
}

static int evaluate(struct trainer *t)
{
	struct buf key = {0};
	double ce = 0;
	int rc = 0;

	runlog_begin(&t->log, t->at.step);
	for (size_t i = 0; rc == 0 && i < t->s.n_eval; i++) {
		rc = evaluate_set(t, &t->s.eval[i], &ce);
		if (rc < 0)
			break;
		key.len = 0;
		buf_printf(&key, "eval/%s/CrossEntropyLoss", t->s.eval[i].label);
		runlog_num(&t->log, buf_cstr(&key), ce);
		key.len = 0;
		buf_printf(&key, "eval/%s/Perplexity", t->s.eval[i].label);
		runlog_num(&t->log, buf_cstr(&key), exp(ce));
	}
	buf_release(&key);
	return rc == 0 ? runlog_end(&t->log) : -1;
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void show(struct trainer *t, int last)
{
	double now = os_wall();
	uint64_t every = t->s.c.console_interval > 0 ? t->s.c.console_interval : 1;

	if (t->o.console < 0 || (t->o.console == 0 && !isatty(STDERR_FILENO) && verbosity < 2))
		return;
	if (!last && t->o.console == 0 && isatty(STDERR_FILENO) && now - t->shown < 0.2)
		return;
	if (!last && t->at.step % every != 0)
		return;
	t->shown = now;
	if (t->peak == 0)
		t->peak = t->k->op->peak(t->k, 0.02);
	struct metrics_show s = {.last = t->last,
	    .wall_s = now - t->started,
	    .peak = t->peak,
	    .left_s = (now - t->first_s) / (double)(t->at.step - t->first_step) *
		      (double)(t->last - t->at.step)};
	metrics_show(&t->met, t->p, &t->s.c, &t->at, &s);
}

static int save(struct trainer *t, int kind)
{
	struct ckpt k = ckpt_of(t);

	if (runlog_sync(&t->log) < 0)
		return -1;
	return saver_save(t->saver, &k, t->o.run, kind, &t->s.c.keep);
}

static int is_due(uint64_t step, uint64_t interval)
{
	return interval > 0 && step % interval == 0;
}

/* Evaluation comes first, so that what the log holds at a checkpoint is complete. */
static int after_step(struct trainer *t)
{
	int end = t->at.step == t->last;

	if (t->s.n_eval > 0 && (end || is_due(t->at.step, t->s.c.eval_interval)) &&
	    evaluate(t) < 0)
		return -1;
	if (end || revs_due(&t->s.c.keep, t->at.step))
		return save(t, CKPT_DUE);
	return revs_due_ephemeral(&t->s.c.keep, t->at.step) ? save(t, CKPT_EPHEMERAL) : 0;
}

static enum trainer_end loop(struct trainer *t)
{
	uint64_t stop = t->o.stop_at > 0 && t->o.stop_at < t->last ? t->o.stop_at : t->last;
	int rc = 1;

	t->first_s = os_wall();
	t->first_step = t->at.step;
	while (rc > 0 && t->at.step < stop && !asked_to_stop(t)) {
		rc = one_step(t);
		if (rc > 0) {
			show(t, t->at.step == stop);
			rc = after_step(t) < 0 || saver_failed(t->saver) ? -1 : 1;
		}
	}
	if (rc < 0)
		return TRAINER_FAILED;
	if (t->at.step < t->last && t->at.step > 0 && save(t, CKPT_TEMPORARY) < 0)
		return TRAINER_FAILED;
	return t->at.step < stop ? TRAINER_STOPPED : TRAINER_DONE;
}

/* The error that is there stays the message, whatever becomes of a checkpoint under way. */
static void keep_message(struct trainer *t)
{
	char *why = xstrdup(err_msg());

	if (saver_wait(t->saver) < 0)
		warn("%s", err_msg());
	err_set("%s", why);
	free(why);
}

enum trainer_end trainer_run(struct trainer *t)
{
	enum trainer_end end = TRAINER_FAILED;

	if (rundir_begin(t->o.run, t->s.json, t->o.resume, t->o.force) < 0 || allocate(t) < 0 ||
	    restore(t) < 0)
		return TRAINER_FAILED;
	if (t->at.step > t->last) {
		err_set("%s: is at step %" PRIu64 " already, the config ends at %" PRIu64,
		    t->o.run, t->at.step, t->last);
		return TRAINER_FAILED;
	}
	if (rundir_accept(t->o.run, t->s.json) < 0)
		return TRAINER_FAILED;
	if (t->at.step == t->last && rundir_is_complete(t->o.run))
		return TRAINER_DONE;
	if (runlog_open(&t->log, t->o.run, t->at.step, t->s.c.save_indices) < 0)
		return TRAINER_FAILED;
	if (t->at.step == 0 && t->s.c.save_first && save(t, CKPT_DUE) < 0)
		end = TRAINER_FAILED;
	else if (t->at.step == t->last)
		end = save(t, CKPT_DUE) < 0 ? TRAINER_FAILED : TRAINER_DONE;
	else
		end = loop(t);
	if (end == TRAINER_FAILED && !saver_failed(t->saver))
		keep_message(t);
	else if (saver_wait(t->saver) < 0)
		end = TRAINER_FAILED;
	if (runlog_close(&t->log) < 0)
		end = TRAINER_FAILED;
	if (end == TRAINER_DONE && t->at.step == t->last &&
	    rundir_complete(t->o.run, &t->s, t->at.step, t->o.fast_reduce, t->o.manifest) < 0)
		end = TRAINER_FAILED;
	return end;
}
