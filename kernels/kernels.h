/*
 * kernels.h - what the numbers are made of: one table of operations for each device
 *
 *	struct pool *pool = pool_new(n_threads);
 *	struct kern *k = kern_open("cpu", NULL, pool);          NULL: message is in base/err.h
 *	struct kern_shape max = {.rows = B * T, .T = T, ...};
 *	if (kern_reserve(k, &max) < 0) ...                      all scratch, once, before step 0
 *	k->op->gemm(k, KERN_NT, M, N, K, x, K, w, K, NULL, y, N);
 *	...
 *	kern_close(k); pool_free(pool);
 *
 * Operations cannot fail on the CPU: what could (memory) is done by kern_open and kern_reserve,
 * and shapes beyond what was reserved are a bug of the caller (assert). A device whose calls are
 * asynchronous reports in `sync`. A kern serves one calling thread at a time; it runs its work
 * on the pool it was given and owns only its scratch. All pointers are memory of that device
 * (`alloc`; on the CPU any memory will do, 64-byte alignment is fastest). Nothing is kept
 * between calls.
 *
 * Matrices are row-major; `ld` is the distance between rows in floats. Unless an operation says
 * otherwise outputs may not overlap inputs. Inputs may hold anything; outputs are written wholly,
 * never read first, unless the comment says "accumulates".
 *
 * The same bits. Every result is a function of the inputs and of the shape alone: equal for
 * plain C, AVX2 and AVX-512, for any number of threads, and (row by row) for any number of rows
 * in the call:
 *  - An element of a product is one chain of fused multiply-adds in k order,
 *    c = fma(a[m,k], b[k,n], c) for k = 0, 1, .. K-1, starting from 0 or from the given C0.
 *    Blocking over k keeps the running value in C (storing fp32 does not round), so that no block
 *    size shows in the result. Threads split M and N, never K.
 *  - Reductions run in 16 lanes: lane j takes elements j, j+16, .. in order (a missing tail
 *    element adds nothing), then lanes are folded as (j, j+8), (j, j+4), (j, j+2), (j, j+1).
 *  - exp, log, sin, cos are our own polynomials of exactly rounded operations, compilers may not
 *    contract (-ffp-contract=off), and every fused multiply-add is written as one.
 * NaN and infinities pass through as in IEEE arithmetic (a NaN's payload is not specified).
 *
 * Everything is fp32 (sums of vectors in fp64).
 *
 * bf16. A kern opened as "bf16" differs in its products: `gemm`, the three of `head`, and those of
 * attention, forward and backward (P enters them rounded, the softmax's sum before that); all
 * memory stays fp32. Operands are rounded to bf16 on their way into the product (to nearest even,
 * denormals to zero), sums are fp32, C0 and C are not rounded: what autocast does, without its
 * rounding of results. The arithmetic is that of the instruction TDPBF16PS on tiles of 32 k. For
 * each step s = 0, 1, .. of 32 k (elements beyond K are zero):
 *	even = fma(a[k], b[k], even)	k = 32s, 32s+2, .. 32s+30, from even = +0
 *	odd  = fma(a[k], b[k], odd)	k = 32s+1, 32s+3, .. 32s+31, from odd = +0
 *	c    = c + (even + odd)		from c = 0 or C0
 * each operation rounded to nearest even in fp32, denormal operands taken as zero and results
 * that are denormal after rounding given as zero (of their sign). The bits are equal for plain C,
 * AVX2, AVX-512, VDPBF16PS and AMX, for any number of threads and any number of rows, like those
 * of fp32.
 */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct pool;
struct kern;

#define KERN_IGNORE (-100) /* a label without target; any negative label counts as one */

enum kern_gemm_form {
	KERN_NT, /* A (M, K), B (N, K): C = A B^T	Y = X W^T, forward */
	KERN_NN, /* A (M, K), B (K, N): C = A B		dX = dY W, gradient of the input */
	KERN_TN, /* A (K, M), B (K, N): C = A^T B	dW = dY^T X, gradient of the weight */
};

enum kern_norm_kind {
	KERN_LAYERNORM, /* y = (x - mean) / sqrt(var + eps) [* w] [+ b], biased variance */
	KERN_RMSNORM,   /* y = x / sqrt(mean(x^2) + eps) [* w] */
};

/* Upper bounds of what head and attention will be called with (the only operations whose scratch
 * depends on the shape); 0 where they are not used. */
struct kern_shape {
	size_t rows; /* rows (B*T) given to head and attention */
	size_t V;    /* rows of the output matrix given to head */
	size_t T;    /* longest sequence of attention (queries or keys) */
	size_t H;    /* query heads */
	size_t HKV;  /* key/value heads */
	size_t D;    /* head dimension */
};

/*
 * Causal attention over B sequences. Head h of token (b, t) lies at q + (b*Tq + t)*ldq + h*D;
 * keys and values likewise with Tk, ldk, ldv and head h / (H / HKV). For a packed row
 * [q | k | v] of width (H + 2*HKV)*D pass q, k = q + H*D, v = k + HKV*D and that width as all
 * three strides. Query i sees keys 0 .. i + (Tk - Tq): Tq == Tk is training, Tq < Tk continues a
 * cached prefix, and none before first[b*Tq + i]. scale is usually 1/sqrt(D). Any D >= 1. All of q, k, v must be finite: weights
 * of later keys are exact zeros, but zero times infinity is not a number.
 */
struct kern_attn {
	size_t B, Tq, Tk, H, HKV, D;
	float scale;
	const float *q, *k, *v;
	size_t ldq, ldk, ldv;
	const uint32_t
	    *first; /* (B, Tq), rising in each sequence and <= the query's own place: where
				  its document begins; NULL: all keys before */
};

/*
 * The output matrix, softmax and cross-entropy on chunks of rows, so that (rows, V) is never
 * stored. With s = x E^T, lse = log(sum(exp(s))):
 *	loss[r] = lse - s[label]		0 where the label is negative
 *	objective = sum_r  g[r]*loss[r] + gz[r]*lse[r]^2
 * dx and dE are the gradients of the objective. g[r] is typically 1/(tokens with a label); rows
 * whose label is negative have no loss term but keep their z term: put 0 in gz[r] to drop it.
 */
struct kern_head {
	size_t rows, C, V;
	const float *x;        /* (rows, C) */
	const float *E;        /* (V, C) */
	const int32_t *labels; /* (rows), each < V; negative: none */
	const float
	    *g; /* (rows) or NULL: gradient scale of each token's loss, NULL = g1 for all */
	float g1;
	const float *gz; /* (rows) or NULL: the same for lse^2, the z-loss coefficient included */
	float gz1;       /* used for all rows when gz is NULL; 0: no z-loss */
	float *loss;     /* (rows) out */
	float *lse;      /* (rows) out, or NULL */
	int32_t *best;   /* (rows) out, index of the largest logit (lowest of equals), or NULL */
	float *dx;       /* (rows, C) out, or NULL: forward only */
	float *dE;       /* (V, C) accumulates, or NULL */
};

/*
 * Decoupled AdamW (Loshchilov & Hutter 2019; the operations of torch 2.1's single-tensor path),
 * step counted from 1. Scalars are doubles rounded once to float where they meet a tensor:
 *	g  = gscale*g                          gscale: the clipping coefficient, 1 = leave
 *	w *= 1 - lr*wd
 *	m += (g - m)*(1 - beta1)
 *	v  = v*beta2 + ((1 - beta2)*g)*g
 *	w += -(lr/(1 - beta1^step)) * (m / (sqrt(v)/sqrt(1 - beta2^step) + eps))
 * selective: where g is 0, w, m and v stay what they are (OLMo's selective_updates).
 */
struct kern_adamw {
	double lr, beta1, beta2, eps, wd;
	double gscale;
	uint64_t step;
	int selective;
};

/*
 * Lion with decoupled decay (Chen et al. 2023; OLMo's LionW):
 *	g  = gscale*g
 *	w *= 1 - lr*wd
 *	w += -lr * sign(m*beta1 + g*(1 - beta1))        sign(0) = 0
 *	m  = m*beta2 + (1 - beta2)*g
 * selective: as above.
 */
struct kern_lion {
	double lr, beta1, beta2, wd;
	double gscale;
	int selective;
};

/* What minmax finds: of the absolute values, and the first element that is not finite (or n). */
struct kern_minmax {
	float absmin, absmax;
	size_t nonfinite;
};

struct kern_ops {
	const char *device;    /* "cpu" */
	const char *isa;       /* "c", "avx2", "avx512"; of bf16 also "avx512bf16", "amx" */
	const char *precision; /* "fp32", "bf16" */

	/* ---- memory of the device ---- */
	void *(*alloc)(struct kern *, size_t bytes); /* zeroed, 64-byte aligned; NULL + message */
	void (*free)(struct kern *, void *);
	void (*put)(struct kern *, void *dev, const void *host, size_t bytes);
	void (*get)(struct kern *, void *host, const void *dev, size_t bytes);
	int (*sync)(struct kern *); /* wait for all; -1 + message when something failed since */

	/* ---- products ---- */

	/* C (M, N) = C0 + op(A) op(B), forms above. C0 (ldc as C): NULL = 0, or C itself
	 * (accumulates), or another matrix, for instance the residual stream. Logits for probing
	 * are a KERN_NT. */
	void (*gemm)(struct kern *, enum kern_gemm_form, size_t M, size_t N, size_t K,
	    const float *A, size_t lda, const float *B, size_t ldb, const float *C0, float *C,
	    size_t ldc);

	/* ---- embedding: E (V, C), ids < V ---- */
	void (*embed_fwd)(
	    struct kern *, float *y, const uint32_t *ids, const float *E, size_t rows, size_t C);
	/* dE[ids[r]] += dy[r], in the order of rows */
	void (*embed_bwd)(
	    struct kern *, float *dE, const uint32_t *ids, const float *dy, size_t rows, size_t C);

	/* ---- normalisation of rows of width C; w, b NULL: none (b only with LAYERNORM) ---- */

	/* stat (rows, 2): mean (0 for RMSNORM), 1/sqrt(..+eps); may be NULL. y == x is allowed. */
	void (*norm_fwd)(struct kern *, enum kern_norm_kind, float *y, size_t ldy, float *stat,
	    const float *x, size_t ldx, const float *w, const float *b, size_t rows, size_t C,
	    float eps);
	/* dx = gradient, or dx = dx0 + gradient (dx0 has dx's stride and may be dx itself; NULL:
	 * none); dx == dy is allowed. dw, db (C) accumulate over rows in order; NULL: none. */
	void (*norm_bwd)(struct kern *, enum kern_norm_kind, float *dx, size_t lddx,
	    const float *dx0, float *dw, float *db, const float *dy, size_t lddy, const float *x,
	    size_t ldx, const float *stat, const float *w, size_t rows, size_t C);

	/* ---- rotary positions, GPT-NeoX order (pairs j, j + D/2), D even ---- */

	/* cs (T, D): cos of pairs 0 .. D/2-1, then their sin, for positions 0 .. T-1:
	 * angle = (float)t * inv_freq[j], inv_freq[j] = 1 / theta^(2j/D), every step in fp32 as
	 * in the original */
	void (*rope_table)(struct kern *, float *cs, size_t T, size_t D, double theta);
	/* In place on the first `heads` heads of each row (ld floats apart) of B*T rows; the row
	 * of (b, t) has position pos0 + t. On a packed row [q | k | v], heads = H + HKV rotates
	 * q and k at once. */
	void (*rope_fwd)(struct kern *, float *x, size_t ld, const float *cs, size_t B, size_t T,
	    size_t heads, size_t D, size_t pos0);
	void (*rope_bwd)(struct kern *, float *dx, size_t ld, const float *cs, size_t B, size_t T,
	    size_t heads, size_t D, size_t pos0); /* the inverse rotation */

	/* ---- attention ---- */

	/* o: head h of token (b, t) at o + (b*Tq + t)*ldo + h*D. lse (B, H, Tq): log of the sum of
	 * exp(scale * q.k), needed by attn_bwd; may be NULL. */
	void (*attn_fwd)(
	    struct kern *, const struct kern_attn *, float *o, size_t ldo, float *lse);
	/* dq, dk, dv have the strides and head layout of q, k, v (so may be one packed row);
	 * overwritten. P is recomputed from lse. */
	void (*attn_bwd)(struct kern *, const struct kern_attn *, float *dq, float *dk, float *dv,
	    const float *o, const float *dout, size_t ldo, const float *lse);

	/* ---- gated unit: h (rows, 2F) = [up | gate]; act (rows, F) = silu(gate) * up ---- */
	void (*swiglu_fwd)(struct kern *, float *act, const float *h, size_t rows, size_t F);
	/* dh (rows, 2F), may be h itself; act (rows, F) recomputed as well unless NULL (for dW),
	 * may be dact */
	void (*swiglu_bwd)(struct kern *, float *dh, float *act, const float *dact, const float *h,
	    size_t rows, size_t F);

	/* ---- loss ---- */
	void (*head)(struct kern *, const struct kern_head *);
	/* logp[r] = log softmax(logits[r])[labels[r]], 0 where the label is negative; best as in
	 * kern_head. lse, best may be NULL. Same bits as head on the same logits (-loss). */
	void (*logp)(struct kern *, float *logp, float *lse, int32_t *best, const float *logits,
	    size_t ld, const int32_t *labels, size_t rows, size_t V);

	/* ---- vectors of n floats; in-place (y == a, ..) is allowed ---- */
	void (*copy)(struct kern *, float *y, const float *a, size_t n);
	void (*fill)(struct kern *, float *y, float value, size_t n);
	void (*add)(
	    struct kern *, float *y, const float *a, const float *b, size_t n);    /* y = a + b */
	void (*scale)(struct kern *, float *y, const float *a, float s, size_t n); /* y = s*a */
	void (*axpy)(
	    struct kern *, float *y, float s, const float *a, size_t n); /* y = fma(s, a, y) */
	/* y = min(max(x, -c), c); bit i of mask ((n+7)/8 bytes, NULL: none) is set where |x| <=
	 * c */
	void (*clamp_fwd)(
	    struct kern *, float *y, uint8_t *mask, const float *x, float c, size_t n);
	/* dx = dy where the bit is set, else 0 */
	void (*clamp_bwd)(
	    struct kern *, float *dx, const float *dy, const uint8_t *mask, size_t n);
	/* sums in double, 16 lanes within blocks of 4096, the blocks added in order */
	double (*sum)(struct kern *, const float *x, size_t n);
	double (*sumsq)(struct kern *, const float *x, size_t n);
	struct kern_minmax (*minmax)(struct kern *, const float *x, size_t n);

	/* w, m, v are updated, g is read */
	void (*adamw)(struct kern *, const struct kern_adamw *, float *w, float *m, float *v,
	    const float *g, size_t n);
	void (*lion)(
	    struct kern *, const struct kern_lion *, float *w, float *m, const float *g, size_t n);

	/* Operations a second that all threads reach with fused multiply-adds (two operations each)
	 * in registers, from `seconds` of processor time on each: what products are compared with */
	double (*peak)(struct kern *, double seconds);
};

struct kern {
	const struct kern_ops *op;
	struct pool *pool; /* borrowed */
	void *ws;          /* scratch, of the device */
	size_t ws_bytes;
};

/* device "cpu". isa: NULL or "" = the best this machine has, else "c", "avx2", "avx512"; asking
 * for one that the machine lacks is an error. pool may be NULL: one thread. */
struct kern *kern_open(const char *device, const char *isa, struct pool *pool);
/* The same for a precision: "fp32", which is kern_open, or "bf16". */
struct kern *kern_open_as(
    const char *precision, const char *device, const char *isa, struct pool *pool);
void kern_close(struct kern *);

/* Bytes of scratch that calls within *max need (for the memory plan), and its allocation.
 * kern_reserve may be called again with other bounds; the scratch then only grows. */
size_t kern_scratch(const struct kern *, const struct kern_shape *max);
int kern_reserve(struct kern *, const struct kern_shape *max);

/* The isa names this machine can run in a precision, best first, NULL-terminated. */
const char *const *kern_isas(const char *precision);

#endif
