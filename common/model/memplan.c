#include "model/memplan.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "io/conf.h"
#include "model/params.h"

static const char *text(const json_t *config, const char *path)
{
	return json_string_value(conf_get(config, path));
}

/* ---- the config --------------------------------------------------------------------------- */

static int read_zero(struct memplan *m, const json_t *config, const char *name)
{
	const char *s = text(config, "fsdp.sharding_strategy"),
		   *d = text(config, "distributed_strategy");

	m->zero = json_is_object(conf_get(config, "fsdp")) ? 3 : 0;
	if (d != NULL && strcmp(d, "fsdp") != 0)
		m->zero = 0;
	else if (s == NULL || strcmp(s, "FULL_SHARD") == 0)
		return 0;
	else if (strcmp(s, "SHARD_GRAD_OP") == 0)
		m->zero = 2;
	else if (strcmp(s, "NO_SHARD") == 0)
		m->zero = 0;
	else
		return err_set("%s: fsdp.sharding_strategy '%s' is none of FULL_SHARD, "
			       "SHARD_GRAD_OP, NO_SHARD",
			   name, s),
		       -1;
	return 0;
}

/* fine_grained keeps what is kept anyway: all but the outputs of norms and SwiGLU. */
static int read_recompute(struct memplan *m, const json_t *config, const char *name)
{
	static const struct {
		const char *name;
		size_t whole, of;
	} how[] = {{"fine_grained", 0, 1}, {"whole_layer", 1, 1}, {"one_in_two", 1, 2},
	    {"one_in_three", 1, 3}, {"one_in_four", 1, 4}, {"one_in_eight", 1, 8},
	    {"two_in_three", 2, 3}, {"three_in_four", 3, 4}};
	const char *s = text(config, "activation_checkpointing");

	m->whole = 0;
	m->whole_of = 1;
	if (s == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++)
		if (strcmp(s, how[i].name) == 0)
			return m->whole = how[i].whole, m->whole_of = how[i].of, 0;
	return err_set("%s: activation_checkpointing '%s' is not known", name, s), -1;
}

int memplan_read(struct memplan *m, const json_t *config, const char *name)
{
	const char *p = text(config, "precision");

	memset(m, 0, sizeof(*m));
	m->world = 1;
	m->bf16 = p != NULL && strcmp(p, "fp32") != 0;
	if (p != NULL && m->bf16 && strcmp(p, "bf16") != 0 && strcmp(p, "amp_bf16") != 0)
		return err_set("%s: precision '%s' is none of fp32, bf16, amp_bf16", name, p), -1;
	if (read_zero(m, config, name) < 0)
		return -1;
	return read_recompute(m, config, name);
}

/* ---- the sums ----------------------------------------------------------------------------- */

static uint64_t over(uint64_t n, uint64_t world, int split)
{
	return split ? (n + world - 1) / world : n;
}

/* Floats of a block, or of the embedding when that is larger. */
static uint64_t largest_unit(const struct params *p)
{
	uint64_t embed = (uint64_t)p->a.V * p->a.C, block = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->t[i].kind != PARAM_EMBED && p->t[i].kind != PARAM_HEAD &&
		    p->t[i].layer == 0)
			block += p->t[i].n;
	return block > embed ? block : embed;
}

static uint64_t whole_layers(const struct memplan *m, size_t layers)
{
	uint64_t n = 0;

	for (size_t l = 0; l < layers; l++)
		n += l % m->whole_of < m->whole;
	return n;
}

static uint64_t activations(const struct memplan *m, const struct arch *a, uint64_t rows)
{
	uint64_t e = m->bf16 ? 2 : 4, again = whole_layers(m, a->L);
	uint64_t layer = e * (2 * a->C + arch_qkv(a) + a->H * a->D + 2 * a->F);
	uint64_t stat = 4 * (a->H + 4); /* lse of each head, mean and scale of two norms */
	uint64_t kept = (a->L - again + (again > 0)) * (layer + stat) + again * e * a->C;

	return rows * (kept + 2 * e * a->C); /* and before and after the last norm */
}

static void put(json_t *j, const char *key, uint64_t n, uint64_t *total)
{
	json_object_set_new(j, key, json_integer((json_int_t)n));
	*total += n;
}

static json_t *bytes_of(const struct memplan *m, const struct config *c, const struct params *p)
{
	const struct arch *a = &c->arch;
	uint64_t e = m->bf16 ? 2 : 4, rows = (uint64_t)c->micro * a->T, P = p->n_float, total = 0;
	uint64_t unit = largest_unit(p);
	json_t *b = json_object();

	put(b, "weights", e * over(P, m->world, m->zero >= 3), &total);
	put(b, "gradients", 4 * over(P, m->world, m->zero >= 2), &total);
	put(b, "optimizer_state", (m->bf16 ? 12 : 8) * over(P, m->world, m->zero >= 1), &total);
	put(b, "buckets", 2 * unit * ((m->zero >= 2 ? 4 : 0) + (m->zero >= 3 ? e : 0)), &total);
	put(b, "activations", activations(m, a, rows), &total);
	put(b, "working", rows * e * (4 * a->C + arch_qkv(a) + a->F), &total);
	put(b, "logits", rows * e * a->V, &total);
	json_object_set_new(b, "total", json_integer((json_int_t)total));
	return b;
}

json_t *memplan_json(const struct memplan *m, const struct config *c, const char *name)
{
	struct config rank = *c; /* only read */

	if (c->arch.V == 0)
		return err_set("%s: model.embedding_size or vocab_size is needed", name), NULL;
	if (arch_check(&c->arch, name) < 0)
		return NULL;
	if (c->batch % m->world != 0)
		return err_set("%s: global_train_batch_size %zu is no multiple of %" PRIu64
			       " ranks",
			   name, c->batch, m->world),
		       NULL;
	size_t batch = c->batch / m->world;
	if (rank.micro > batch)
		rank.micro = batch;
	struct params *p = params_new(&c->arch);
	json_t *j = json_pack("{s:I,s:i,s:s,s:I,s:I,s:I,s:I}", "world_size", (json_int_t)m->world,
	    "zero", m->zero, "precision", m->bf16 ? "bf16" : "fp32", "parameters",
	    (json_int_t)p->n_float, "microbatch", (json_int_t)rank.micro, "microbatches",
	    (json_int_t)((batch + rank.micro - 1) / rank.micro), "tokens_a_step",
	    (json_int_t)(c->batch * c->arch.T));
	json_object_set_new(j, "bytes", bytes_of(m, &rank, p));
	params_free(p);
	return j;
}
