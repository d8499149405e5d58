#include "tok/nfc.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"
#include "tok/scan.h"
#include "tok/tokchar.h"

/* Hangul syllables are arithmetic (The Unicode Standard 3.12). */
enum {
	S_BASE = 0xac00,
	L_BASE = 0x1100,
	V_BASE = 0x1161,
	T_BASE = 0x11a7,
	L_COUNT = 19,
	V_COUNT = 21,
	T_COUNT = 28,
	S_COUNT = L_COUNT * V_COUNT * T_COUNT
};

struct mark {
	uint32_t cp;
	uint8_t ccc;
};

/* Code points of one stretch, decomposed. */
struct run {
	struct mark *m;
	size_t n, cap;
	uint32_t whole;   /* the last code point without a decomposition, 0 at first */
	struct mark *tmp; /* for sorting long runs of marks */
	size_t tmp_cap;
};

static uint8_t ccc_of(uint32_t cp)
{
	size_t lo = 0, hi = nfc_n_ccc;

	if (!(tokchar(cp) & TOKCHAR_UNSAFE))
		return 0; /* every mark with a class is marked there */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct nfc_ccc *c = &nfc_ccc[mid];

		if (cp < c->first)
			hi = mid;
		else if (cp >= c->first + c->n)
			lo = mid + 1;
		else
			return c->ccc;
	}
	return 0;
}

static const struct nfc_decomp *decomp_of(uint32_t cp)
{
	size_t lo = 0, hi = nfc_n_decomp;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (nfc_decomp[mid].cp == cp)
			return &nfc_decomp[mid];
		if (nfc_decomp[mid].cp < cp)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* What a and b compose to, or 0. */
static uint32_t compose(uint32_t a, uint32_t b)
{
	size_t lo = 0, hi = nfc_n_comp;

	if (a - L_BASE < L_COUNT && b - V_BASE < V_COUNT)
		return S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT;
	if (a - S_BASE < S_COUNT && (a - S_BASE) % T_COUNT == 0 && b - T_BASE - 1 < T_COUNT - 1)
		return a + (b - T_BASE);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct nfc_comp *c = &nfc_comp[mid];

		if (c->a == a && c->b == b)
			return c->cp;
		if (c->a < a || (c->a == a && c->b < b))
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

static void run_need(struct run *r)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->m = xreallocarray(r->m, r->cap, sizeof(*r->m));
	}
}

static void run_push(struct run *r, uint32_t cp)
{
	run_need(r);
	r->m[r->n++] = (struct mark){cp, ccc_of(cp)};
}

/* The last one again. */
static void run_copy(struct run *r)
{
	run_need(r);
	r->m[r->n] = r->m[r->n - 1];
	r->n++;
}

static void run_decompose(struct run *r, uint32_t cp)
{
	const struct nfc_decomp *d;

	if (r->n && r->m[r->n - 1].cp == cp && cp == r->whole) { /* marks come in crowds */
		run_copy(r);
		return;
	}
	if (cp - S_BASE < S_COUNT) {
		uint32_t s = cp - S_BASE;

		run_push(r, L_BASE + s / (V_COUNT * T_COUNT));
		run_push(r, V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT);
		if (s % T_COUNT)
			run_push(r, T_BASE + s % T_COUNT);
		return;
	}
	if (!(d = decomp_of(cp))) {
		run_push(r, cp);
		r->whole = cp;
		return;
	}
	run_decompose(r, d->a); /* at most four deep */
	if (d->b)
		run_decompose(r, d->b);
}

/* Stable sort of n marks by class: by insertion when short, else by counting. */
static void sort_marks(struct run *r, struct mark *m, size_t n)
{
	size_t count[257] = {0}, i, k;

	if (n <= 24) {
		for (i = 1; i < n; i++) {
			struct mark x = m[i];

			for (k = i; k > 0 && m[k - 1].ccc > x.ccc; k--)
				m[k] = m[k - 1];
			m[k] = x;
		}
		return;
	}
	if (r->tmp_cap < n) {
		r->tmp_cap = n;
		r->tmp = xreallocarray(r->tmp, n, sizeof(*r->tmp));
	}
	for (i = 0; i < n; i++)
		count[m[i].ccc + 1]++;
	for (i = 0; i < 256; i++)
		count[i + 1] += count[i];
	for (i = 0; i < n; i++)
		r->tmp[count[m[i].ccc]++] = m[i];
	memcpy(m, r->tmp, n * sizeof(*m));
}

static void run_order(struct run *r)
{
	size_t i, k;

	for (i = 0; i < r->n; i = k) {
		k = i + 1;
		if (!r->m[i].ccc)
			continue;
		while (k < r->n && r->m[k].ccc)
			k++;
		sort_marks(r, r->m + i, k - i);
	}
}

/* Compose in place.  A mark reaches the last starter unless something between has a class that is
 * not lower (or is a starter). */
static void run_compose(struct run *r)
{
	size_t i, n = 0, starter = 0;
	int have = 0;

	for (i = 0; i < r->n; i++) {
		struct mark x = r->m[i];
		uint32_t c;

		if (have && (n - 1 == starter || r->m[n - 1].ccc < x.ccc) &&
		    (c = compose(r->m[starter].cp, x.cp))) {
			r->m[starter].cp = c;
			continue;
		}
		if (!x.ccc) {
			starter = n;
			have = 1;
		}
		r->m[n++] = x;
	}
	r->n = n;
}

static void run_flush(struct run *r, struct buf *out)
{
	size_t i;

	run_order(r);
	run_compose(r);
	buf_need(out, 4 * r->n);
	for (i = 0; i < r->n; i++)
		out->len += (size_t)utf8_put(out->p + out->len, r->m[i].cp);
	r->n = 0;
}

/* The next code point at or after i that is not certain, n when there is none. */
static size_t next_unsafe(const char *s, size_t n, size_t i)
{
	const struct scan_isa *isa = scan_isa();
	int len;

	while ((i = (size_t)(isa->unsafe(s + i, s + n) - s)) < n) {
		do { /* they come in crowds: kana, say */
			if (tokchar(utf8_next(s + i, &len)) & TOKCHAR_UNSAFE)
				return i;
			i += (size_t)len;
		} while (i < n && scan_is_unsafe((const unsigned char *)s + i));
	}
	return n;
}

size_t nfc_check(const char *s, size_t n)
{
	return next_unsafe(s, n, 0);
}

void nfc_put(struct buf *out, const char *s, size_t n)
{
	struct run r = {0};
	size_t done = 0, i, bad;

	while ((bad = next_unsafe(s, n, done)) < n) {
		/* The character before is a starter that may be changed: take it along. */
		size_t from = bad;

		while (from > done && ((unsigned char)s[--from] & 0xc0) == 0x80)
			;
		buf_add(out, s + done, from - done);
		for (i = from; i < n;) {
			int len;
			uint32_t cp = utf8_next(s + i, &len);

			if (i > bad && !(tokchar(cp) & TOKCHAR_UNSAFE))
				break;
			run_decompose(&r, cp);
			i += (size_t)len;
		}
		run_flush(&r, out);
		done = i;
	}
	buf_add(out, s + done, n - done);
	free(r.m);
	free(r.tmp);
}
