/* layers: model kernels tok doc io base */
/*
 * Fuzzing of what train reads from others: safetensors, torch.save's pickles, configurations.
 *
 * Seeds are small good files made here, the files of test/format/olmo-run and the corpus
 * test/fuzz/KIND/.  Each round damages one (bytes, lengths, pieces of another) and reads it as a
 * user would: open, every tensor widened to fp32; or parse, check, free.  Readers may refuse, but
 * must come back with one message of one line.  The input lies in a file before it is read: when a
 * reader dies, that file is the finding (put it into the corpus).
 *
 * OLMO_FUZZ_S: CPU seconds for each kind (300).  OLMO_FUZZ_SEED: another sequence.  TMPDIR: where
 * the input lies (a file system in memory is many times as fast as a disk).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/conf.h"
#include "io/out.h"
#include "model/arch.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "test/unit/ptfile.h"

struct seeds {
	struct buf *v;
	size_t n;
};

static uint64_t state;
static char input[512];

static uint64_t rnd(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static struct buf *new_seed(struct seeds *s)
{
	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	memset(&s->v[s->n], 0, sizeof(*s->v));
	return &s->v[s->n++];
}

static void seed_file(struct seeds *s, const char *path)
{
	if (in_slurp(path, 1 << 16, new_seed(s), NULL) < 0)
		s->n--;
}

static void seed_dir(struct seeds *s, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *path = xasprintf("%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			seed_file(s, path);
		free(path);
	}
	if (d != NULL)
		closedir(d);
}

/* ---- damage ------------------------------------------------------------------------------- */

static void cut_out(struct buf *b, size_t at, size_t n)
{
	memmove(b->p + at, b->p + at + n, b->len - at - n);
	b->len -= n;
}

static void put_in(struct buf *b, size_t at, const char *p, size_t n)
{
	struct buf old = {0};

	buf_add(&old, b->p + at, b->len - at);
	b->len = at;
	buf_add(b, p, n);
	buf_add(b, old.p, old.len);
	buf_release(&old);
}

static void odd_number(struct buf *b)
{
	static const uint64_t odd[] = {0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000,
	    0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
	static const char *const text[] = {"-1", "0", "99999999999999999999", "1e999", "null",
	    "18446744073709551615", "9223372036854775807", "4294967296", "[]", "{}", "\"\"",
	    "nan"};
	size_t at = rnd(b->len), width = 1u << rnd(4);

	if (rnd(2)) {
		const char *t = text[rnd(sizeof(text) / sizeof(text[0]))];
		put_in(b, at, t, strlen(t));
		return;
	}
	uint64_t v = odd[rnd(sizeof(odd) / sizeof(odd[0]))];
	for (size_t i = 0; i < width && at + i < b->len; i++)
		b->p[at + i] = (char)(v >> (8 * i));
}

static void damage(struct buf *b, const struct buf *other)
{
	for (size_t k = 1 + rnd(4); k > 0 && b->len > 0; k--) {
		size_t at = rnd(b->len), n = 1 + rnd(b->len - at < 16 ? b->len - at : 16);
		char c = (char)rnd(256);
		switch (rnd(8)) {
		case 0:
			b->p[at] ^= (char)(1 << rnd(8));
			break;
		case 1:
			b->p[at] = c;
			break;
		case 2:
			put_in(b, at, &c, 1);
			break;
		case 3:
			cut_out(b, at, n);
			break;
		case 4: {
			struct buf piece = {0};
			buf_add(&piece, b->p + at, n);
			put_in(b, rnd(b->len), piece.p, n);
			buf_release(&piece);
			break;
		}
		case 5:
			if (other->len > 0) {
				size_t from = rnd(other->len), m = 1 + rnd(other->len - from);
				put_in(b, at, other->p + from, m < 64 ? m : 64);
			}
			break;
		case 6:
			if (rnd(8) == 0)
				b->len = at;
			break;
		default:
			odd_number(b);
		}
	}
	if (b->len > 1 << 16)
		b->len = 1 << 16;
}

/* ---- the readers -------------------------------------------------------------------------- */

static void one_line(const char *what)
{
	const char *m = err_msg();

	if (*m == 0 || strchr(m, '\n') != NULL)
		fail_msg("%s of %s: message '%s'", what, input, m);
	err_set("%s", "");
}

static void read_tensors(void)
{
	struct safetensors *s = safetensors_open(input);

	if (s == NULL)
		return one_line("refusal");
	for (size_t i = 0; i < safetensors_count(s); i++) {
		const struct safetensor *t = safetensors_at(s, i);
		/* what it says it has, it has */
		float *x = xcalloc(t->n + 1, sizeof(*x));
		if (safetensors_f32(t, 0, t->n, x) < 0)
			one_line("refusal of a tensor");
		free(x);
	}
	safetensors_close(s);
}

static void read_config(void)
{
	json_t *j = conf_load(input);
	struct config c;
	struct arch a;

	if (j == NULL)
		return one_line("refusal");
	if (config_read(&c, j, "c.yaml") == 0)
		config_release(&c);
	else
		one_line("refusal of the keys");
	if (json_is_object(j) && arch_from_json(&a, j, "config.json") < 0)
		one_line("refusal of the model");
	json_decref(j);
}

static void write_input(const struct buf *b)
{
	FILE *f = fopen(input, "wb");

	if (f == NULL || (b->len > 0 && fwrite(b->p, 1, b->len, f) != b->len) || fclose(f) != 0)
		fail_msg("cannot write %s", input);
}

static double cpu_s(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static double limit_s(void)
{
	const char *s = getenv("OLMO_FUZZ_S");

	return s != NULL ? atof(s) : 300;
}

static void fuzz(const char *kind, struct seeds *s, void (*read)(void),
    void (*wrap)(struct buf *, const struct buf *))
{
	double end = cpu_s() + limit_s();
	const char *seed = getenv("OLMO_FUZZ_SEED");
	char *corpus = xasprintf("test/fuzz/%s", kind);
	uint64_t rounds = 0;

	state = 88172645463325252u + (seed != NULL ? strtoull(seed, NULL, 10) : 0);
	const char *tmp = getenv("TMPDIR");
	snprintf(input, sizeof(input), "%s/olmo-fuzz-%s-%ld", tmp != NULL ? tmp : "/tmp", kind,
	    (long)getpid());
	seed_dir(s, corpus);
	assert_true(s->n > 0);
	for (size_t i = 0; i < s->n; i++) { /* as they are */
		struct buf b = {0};
		wrap(&b, &s->v[i]);
		write_input(&b);
		read();
		buf_release(&b);
	}
	for (; cpu_s() < end; rounds++) {
		struct buf b = {0}, file = {0};
		const struct buf *from = &s->v[rnd(s->n)];
		buf_add(&b, from->p, from->len);
		if (rnd(4) != 0)
			damage(&b, &s->v[rnd(s->n)]);
		wrap(&file, &b);
		if (rnd(8) == 0 && file.len > 0)
			damage(&file, &b);
		write_input(&file);
		read();
		buf_release(&b);
		buf_release(&file);
	}
	print_message(
	    "# %s: %llu inputs from %zu seeds\n", kind, (unsigned long long)rounds, s->n);
	assert_true(rounds > 100);
	unlink(input);
	free(corpus);
	for (size_t i = 0; i < s->n; i++)
		buf_release(&s->v[i]);
	free(s->v);
}

static void as_it_is(struct buf *dst, const struct buf *b)
{
	buf_add(dst, b->p, b->len);
}

/* ---- kinds -------------------------------------------------------------------------------- */

static void safetensors_reader_dies(void **st)
{
	static const char *const headers[] = {
	    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
	    "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[16,20]}}",
	    "{\"__metadata__\":{\"format\":\"pt\"},"
	    "\"gASVHwAAAAAAAACMFnRyYW5zZm9ybWVyLnd0ZS53ZWlnaHSUhZSJhpQu\":"
	    "{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,2]}}"};
	static const size_t data[] = {20, 2};
	struct seeds s = {0};

	(void)st;
	for (size_t i = 0; i < 2; i++) {
		struct buf *b = new_seed(&s);
		pt_num(b, strlen(headers[i]), 8);
		buf_str(b, headers[i]);
		for (size_t k = 0; k < data[i]; k++)
			buf_chr(b, (char)(k * 37));
	}
	seed_dir(&s, "test/format/olmo-run/good");
	seed_dir(&s, "test/format/olmo-run/bad");
	fuzz("safetensors", &s, read_tensors, as_it_is);
}

/* Seeds are pickles: the zip around them is made anew, with the right checksum. */
static void zip_around(struct buf *dst, const struct buf *pkl)
{
	static const float data[12] = {1, 2, 3};
	struct pt_entry e[] = {{"m/data.pkl", pkl->p, pkl->len, 0, 0},
	    {"m/byteorder", "little", 6, 0, 0}, {"m/data/0", data, sizeof(data), 0, 0}};

	pt_zip(dst, e, 3, (int)rnd(2));
}

static void pickle_reader_dies(void **st)
{
	struct pt_tensor t = {"FloatStorage", "0", 12, 0, 2, 3, 3};
	struct seeds s = {0};

	(void)st;
	for (int proto = 2; proto <= 4; proto += 2) {
		struct buf *b = new_seed(&s);
		buf_chr(b, '\x80');
		buf_chr(b, (char)proto);
		if (proto == 4)
			buf_add(b, "\x95\0\0\0\0\0\0\0\0", 9);
		buf_str(b, "ccollections\nOrderedDict\nq\5)R(");
		pt_text(b, "a");
		buf_chr(b, proto == 4 ? '\x94' : 'q');
		if (proto == 2)
			buf_chr(b, '\7');
		pt_put_tensor(b, &t, proto);
		buf_str(b, "u}");
		pt_text(b, "_metadata");
		buf_str(b, "h\5)Rsb.");
	}
	fuzz("pickle", &s, read_tensors, zip_around);
}

static void config_reader_dies(void **st)
{
	struct seeds s = {0};

	(void)st;
	seed_dir(&s, "pipelines/demo");
	fuzz("config", &s, read_config, as_it_is);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(safetensors_reader_dies),
	    cmocka_unit_test(pickle_reader_dies),
	    cmocka_unit_test(config_reader_dies),
	};

	verbosity = 0; /* warnings of configurations */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
