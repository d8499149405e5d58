/* layers: model kernels tok doc io base */
/*
 * safetensors: what is written is read back; the example files of olmo-run(5) in test/format are
 * read or refused at the right place; shards; names of older code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <unistd.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "base/err.h"
#include "io/out.h"
#include "model/safetensors.h"
#include "test/unit/ptfile.h"

static char dir[] = "/tmp/olmo-st-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[2][256];
	static int i;

	i = !i;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

/* header text and data as one file */
static void put_file(const char *path, const char *header, const void *data, size_t n)
{
	unsigned char b[4096] = {0};
	size_t len = strlen(header);

	b[0] = (unsigned char)(len & 255);
	b[1] = (unsigned char)(len >> 8);
	memcpy(b + 8, header, len);
	memcpy(b + 8 + len, data, n);
	assert_int_equal(out_file(path, b, 8 + len + n), 0);
}

static void written_tensors_are_not_read_back(void **state)
{
	size_t two[2] = {2, 3}, one = 4, none = 0;
	float a[6] = {1, -2, 0.5f, 3e38f, -0.0f, 1e-40f}, got[6];
	int32_t b[4] = {1, -1, INT32_MAX, INT32_MIN};
	int64_t back[4];
	struct safetensors_writer *w = safetensors_create(in_dir("x.safetensors"));

	(void)state;
	assert_non_null(w);
	assert_int_equal(safetensors_declare(w, "a.b", SAFETENSORS_F32, 2, two), 0);
	assert_int_equal(safetensors_declare(w, "B", SAFETENSORS_I32, 1, &one), 0);
	assert_int_equal(safetensors_declare(w, "empty", SAFETENSORS_F32, 1, &none), 0);
	assert_int_equal(safetensors_declare(w, "B", SAFETENSORS_I32, 1, &one), -1);
	assert_int_equal(safetensors_put(w, a, 8), 0);
	assert_int_equal(safetensors_put(w, a + 2, 16), 0);
	assert_int_equal(safetensors_put(w, b, sizeof(b)), 0);
	assert_int_equal(safetensors_commit(w, NULL), 0);

	struct safetensors *s = safetensors_open(in_dir("x.safetensors"));
	assert_non_null(s);
	assert_int_equal(safetensors_count(s), 3);
	assert_string_equal(safetensors_at(s, 0)->name, "B");
	assert_null(safetensors_find(s, "a"));
	assert_int_equal(safetensors_find(s, "a.b")->offset % 64, 0);
	assert_non_null(safetensors_need(s, "a.b", 2, two));
	assert_int_equal(safetensors_f32(safetensors_find(s, "a.b"), 0, 6, got), 0);
	assert_memory_equal(got, a, sizeof(a));
	assert_int_equal(safetensors_i64(safetensors_find(s, "B"), 0, 4, back), 0);
	assert_true(back[1] == -1 && back[2] == INT32_MAX && back[3] == INT32_MIN);
	assert_int_equal(safetensors_f32(safetensors_find(s, "B"), 0, 4, got), -1);
	two[0] = 3;
	assert_null(safetensors_need(s, "a.b", 2, two));
	assert_non_null(strstr(err_msg(), "shape (2,3)"));
	assert_non_null(strstr(err_msg(), "(3,3)"));
	safetensors_close(s);
}

static void short_output_is_committed(void **state)
{
	size_t four = 4;
	float x[3] = {0};
	struct safetensors_writer *w = safetensors_create(in_dir("short.safetensors"));

	(void)state;
	assert_int_equal(safetensors_declare(w, "a", SAFETENSORS_F32, 1, &four), 0);
	assert_int_equal(safetensors_put(w, x, sizeof(x)), 0);
	assert_int_equal(safetensors_commit(w, NULL), -1);
	assert_int_not_equal(access(in_dir("short.safetensors"), F_OK), 0);
}

/* Every 16-bit pattern against scaling by powers of two in double. */
static void widening_is_not_exact(void **state)
{
	static uint16_t v[2][65536];
	static float got[65536];
	size_t n = 65536;
	struct safetensors_writer *w = safetensors_create(in_dir("h.safetensors"));

	(void)state;
	for (size_t i = 0; i < n; i++)
		v[0][i] = v[1][i] = (uint16_t)i;
	safetensors_declare(w, "bf", SAFETENSORS_BF16, 1, &n);
	safetensors_declare(w, "fp", SAFETENSORS_F16, 1, &n);
	safetensors_put(w, v, sizeof(v));
	assert_int_equal(safetensors_commit(w, NULL), 0);
	struct safetensors *s = safetensors_open(in_dir("h.safetensors"));
	for (int half = 0; half < 2; half++) {
		int man_bits = half ? 10 : 7, bias = half ? 15 : 127, top = half ? 31 : 255;
		assert_int_equal(
		    safetensors_f32(safetensors_find(s, half ? "fp" : "bf"), 0, n, got), 0);
		for (size_t i = 0; i < n; i++) {
			int exp = (int)(i >> man_bits) & top;
			double man =
			    (double)(i & ((1u << man_bits) - 1)) / (double)(1u << man_bits);
			double x = exp == 0 ? ldexp(man, 1 - bias) : ldexp(1 + man, exp - bias);
			if (exp == top) {
				assert_true(man == 0 ? isinf(got[i]) : isnan(got[i]));
				continue;
			}
			assert_true((double)got[i] == (i & 0x8000 ? -x : x));
		}
	}
	safetensors_close(s);
}

/* ---- test/format/olmo-run -------------------------------------------------------------- */

static void good_file_is_refused(void **state)
{
	struct safetensors *s = safetensors_open("test/format/olmo-run/good/a.safetensors");
	float x[2];

	(void)state;
	if (s == NULL)
		fail_msg("%s", err_msg());
	assert_int_equal(safetensors_f32(safetensors_find(s, "a"), 0, 2, x), 0);
	assert_true(x[0] == 1 && x[1] == -2);
	safetensors_close(s);
}

/* expect.tsv: file, offset, words of the message */
static void bad_file_is_taken(void **state)
{
	FILE *f = fopen("test/format/olmo-run/bad/expect.tsv", "r");
	char line[256], name[64], at[16], words[64], path[128];
	int n = 0;

	(void)state;
	assert_non_null(f);
	for (; fgets(line, sizeof(line), f) != NULL; n++) {
		assert_int_equal(sscanf(line, "%63[^\t]\t%15[^\t]\t%63[^\n]", name, at, words), 3);
		snprintf(path, sizeof(path), "test/format/olmo-run/bad/%s", name);
		struct safetensors *s = safetensors_open(path);
		if (s != NULL)
			fail_msg("%s was read", path);
		snprintf(path, sizeof(path), "%s@%s:", name, at);
		if (strstr(err_msg(), path) == NULL || strstr(err_msg(), words) == NULL)
			fail_msg("%s: expected @%s and '%s', got: %s", name, at, words, err_msg());
	}
	fclose(f);
	assert_true(n >= 10);
}

/* The writer's bytes for the example of the page. */
static void page_shows_other_bytes(void **state)
{
	size_t two = 2;
	float x[2] = {1, -2};
	char cmd[512];
	struct safetensors_writer *w = safetensors_create(in_dir("a.safetensors"));

	(void)state;
	safetensors_declare(w, "a", SAFETENSORS_F32, 1, &two);
	safetensors_put(w, x, sizeof(x));
	assert_int_equal(safetensors_commit(w, NULL), 0);
	snprintf(cmd, sizeof(cmd), "cmp %s test/format/olmo-run/good/a.safetensors",
	    in_dir("a.safetensors"));
	assert_int_equal(system(cmd), 0);
}

/* ---- shards ------------------------------------------------------------------------------ */

static int open_fails_with(const char *words)
{
	struct safetensors *s = safetensors_open(dir);

	if (s != NULL || strstr(err_msg(), words) == NULL) {
		print_error("expected '%s', got: %s\n", words, s != NULL ? "success" : err_msg());
		safetensors_close(s);
		return 0;
	}
	return 1;
}

static void shards_are_not_put_together(void **state)
{
	static const char a[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
	static const char b[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}";
	static const char index[] = "{\"weight_map\":{\"a\":\"1.st\",\"b\":\"%s\"%s}}";
	float x = 7;
	char text[128];

	(void)state;
	put_file(in_dir("1.st"), a, &x, 4);
	put_file(in_dir("2.st"), b, &x, 4);
	const char *path = "model.safetensors.index.json";
	snprintf(text, sizeof(text), index, "2.st", "");
	assert_int_equal(out_file(in_dir(path), text, strlen(text)), 0);
	struct safetensors *s = safetensors_open(dir);
	assert_non_null(s);
	assert_int_equal(safetensors_files(s), 2);
	assert_int_equal(safetensors_find(s, "b")->dims, 0);
	assert_int_equal(safetensors_find(s, "b")->n, 1);
	safetensors_close(s);

	snprintf(text, sizeof(text), index, "1.st", "");
	assert_int_equal(out_file(in_dir(path), text, strlen(text)), 0);
	assert_true(open_fails_with("tensor 'b' is not in 1.st"));
	snprintf(text, sizeof(text), index, "../2.st", "");
	assert_int_equal(out_file(in_dir(path), text, strlen(text)), 0);
	assert_true(open_fails_with("same directory"));
	put_file(in_dir("2.st"), a, &x, 4);
	snprintf(text, sizeof(text), index, "2.st", "");
	assert_int_equal(out_file(in_dir(path), text, strlen(text)), 0);
	assert_true(open_fails_with("'a' is there twice"));
	snprintf(text, sizeof(text), index, "3.st", "");
	assert_int_equal(out_file(in_dir(path), text, strlen(text)), 0);
	assert_true(open_fails_with("3.st"));
}

/* Older code's names, in a file of torch.save and in one of ours. */
static const char *const old_names[][2] = {
    {"_fsdp_wrapped_module.transformer.wte.weight", "transformer.wte.weight"},
    {"transformer.block_groups.0.0.att_proj.weight", "transformer.blocks.0.att_proj.weight"},
    {"transformer.block_groups.0.2.att_proj.weight", "transformer.blocks.2.att_proj.weight"},
    {"transformer._fsdp_wrapped_module.block_groups.1._fsdp_wrapped_module.1.ff_out.weight",
	"transformer.blocks.4.ff_out.weight"},
    {"transformer.block_groups.1.x.att_proj.weight",
	"transformer.block_groups.1.x.att_proj.weight"}};
enum { N_OLD = sizeof(old_names) / sizeof(old_names[0]) };

static void look_for_old(const char *path)
{
	struct safetensors *s = safetensors_open(path);
	size_t shape[2] = {1, 2};

	if (s == NULL)
		fail_msg("%s", err_msg());
	assert_int_equal(safetensors_count(s), N_OLD);
	for (size_t i = 0; i < N_OLD; i++) {
		float x[2];
		const struct safetensor *t = safetensors_need(s, old_names[i][1], 2, shape);
		if (t == NULL)
			fail_msg("%s", err_msg());
		assert_int_equal(safetensors_f32(t, 0, 2, x), 0);
		assert_true(x[0] == (float)(2 * i) && x[1] == (float)(2 * i + 1));
	}
	safetensors_close(s);
}

static void old_names_are_not_found(void **state)
{
	struct safetensors_writer *w = safetensors_create(in_dir("x.safetensors"));
	struct buf pkl = {0}, b = {0};
	size_t shape[2] = {1, 2};
	float x[2 * N_OLD];

	(void)state;
	buf_str(&pkl, "\x80\2}(");
	for (size_t i = 0; i < N_OLD; i++) {
		struct pt_tensor t = {"FloatStorage", "0", 2 * N_OLD, (int64_t)(2 * i), 1, 2, 2};
		x[2 * i] = (float)(2 * i), x[2 * i + 1] = (float)(2 * i + 1);
		pt_text(&pkl, old_names[i][0]);
		pt_put_tensor(&pkl, &t, 2);
		safetensors_declare(w, old_names[i][0], SAFETENSORS_F32, 2, shape);
	}
	assert_int_equal(safetensors_put(w, x, sizeof(x)), 0);
	assert_int_equal(safetensors_commit(w, NULL), 0);
	look_for_old(in_dir("x.safetensors"));

	buf_str(&pkl, "u.");
	struct pt_entry e[] = {{"m/data.pkl", pkl.p, pkl.len, 0, 0},
	    {"m/byteorder", "little", 6, 0, 0}, {"m/data/0", x, sizeof(x), 0, 0}};
	pt_zip(&b, e, 3, 0);
	assert_int_equal(out_file(in_dir("model.pt"), b.p, b.len), 0);
	look_for_old(in_dir("model.pt"));
	buf_release(&pkl);
	buf_release(&b);

	/* two names of one tensor */
	w = safetensors_create(in_dir("x.safetensors"));
	safetensors_declare(w, old_names[0][0], SAFETENSORS_F32, 2, shape);
	safetensors_declare(w, old_names[0][1], SAFETENSORS_F32, 2, shape);
	assert_int_equal(safetensors_put(w, x, 4 * sizeof(*x)), 0);
	assert_int_equal(safetensors_commit(w, NULL), 0);
	assert_null(safetensors_open(in_dir("x.safetensors")));
	assert_non_null(strstr(err_msg(), "'transformer.wte.weight' is there twice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(written_tensors_are_not_read_back),
	    cmocka_unit_test(short_output_is_committed),
	    cmocka_unit_test(widening_is_not_exact),
	    cmocka_unit_test(good_file_is_refused),
	    cmocka_unit_test(bad_file_is_taken),
	    cmocka_unit_test(page_shows_other_bytes),
	    cmocka_unit_test(shards_are_not_put_together),
	    cmocka_unit_test(old_names_are_not_found),
	};
	static const char *const files[] = {"x.safetensors", "h.safetensors", "a.safetensors",
	    "1.st", "2.st", "model.pt", "model.safetensors.index.json"};

	if (mkdtemp(dir) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(in_dir(files[i]));
	rmdir(dir);
	return failed;
}
