/* layers: model kernels tok doc io base */
/* torchpt: files of torch.save.  Files of torch 2.15 itself are read by the conformance tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "model/torchpt.h"
#include "test/unit/ptfile.h"

static const float data[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* {"a": (2, 3) of storage 0, "b": (1, 6) behind it}, with attributes as a state_dict has them */
static void pickle(struct buf *b, int proto)
{
	struct pt_tensor a = {"FloatStorage", "0", 12, 0, 2, 3, 3};
	struct pt_tensor c = {"FloatStorage", "0", 12, 6, 1, 6, 6};

	buf_chr(b, '\x80');
	buf_chr(b, (char)proto);
	if (proto == 4)
		buf_add(b, "\x95\0\0\0\0\0\0\0\0", 9);
	buf_str(b, "ccollections\nOrderedDict\nq\5)R(");
	pt_text(b, "a");
	if (proto == 4)
		buf_add(b, "\x94", 1);
	pt_put_tensor(b, &a, proto);
	pt_text(b, "b");
	pt_put_tensor(b, &c, proto);
	buf_str(b, "u}");
	pt_text(b, "_metadata");
	buf_str(b, "h\5)Rsb.");
}

static void file(struct buf *b, const struct buf *pkl, int big)
{
	struct pt_entry e[] = {{"m/data.pkl", pkl->p, pkl->len, 0, 0},
	    {"m/byteorder", "little", 6, 0, 0}, {"m/data/0", data, sizeof(data), 0, 0}};

	pt_zip(b, e, 3, big);
}

static void tensors_are_not_found(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		struct buf pkl = {0}, b = {0};
		struct torchpt f;
		pickle(&pkl, k & 1 ? 4 : 2);
		file(&b, &pkl, k >> 1);
		const unsigned char *p = (const unsigned char *)b.p;
		assert_true(torchpt_is(p, b.len));
		if (torchpt_read(&f, p, b.len, "x.pt") < 0)
			fail_msg("%d: %s", k, err_msg());
		assert_int_equal(f.n, 2);
		assert_string_equal(f.t[0].name, "a");
		assert_string_equal(f.t[1].name, "b");
		assert_true(f.t[0].dims == 2 && f.t[0].shape[0] == 2 && f.t[0].shape[1] == 3);
		assert_true(f.t[1].n == 6 && f.t[1].type == SAFETENSORS_F32);
		assert_memory_equal(p + f.t[0].offset, data, 6 * sizeof(float));
		assert_memory_equal(p + f.t[1].offset, data + 6, 6 * sizeof(float));
		torchpt_release(&f);
		/* cut anywhere, it is an error */
		for (size_t n = 0; n < b.len; n++) {
			unsigned char *cut = malloc(n + 1);
			memcpy(cut, p, n);
			assert_int_equal(torchpt_read(&f, cut, n, "x.pt"), -1);
			free(cut);
		}
		buf_release(&pkl);
		buf_release(&b);
	}
}

static void refuse(const struct buf *b, const char *words)
{
	struct torchpt f;

	if (torchpt_read(&f, (const unsigned char *)b->p, b->len, "x.pt") == 0)
		fail_msg("taken; expected: %s", words);
	if (strstr(err_msg(), words) == NULL || strncmp(err_msg(), "x.pt", 4) != 0)
		fail_msg("expected '%s', got: %s", words, err_msg());
	assert_null(f.t);
}

/* Pickles that ask for more than tensors, or are damaged. */
static void other_pickle_is_taken(void **state)
{
#define OP(s) s, sizeof(s) - 1
	static const struct {
		const char *p;
		size_t n;
		const char *words;
	} bad[] = {
	    {OP("\x80\2cposix\nsystem\nX\4\0\0\0echo\x85R."), "asks for posix.system"},
	    {OP("\x80\4\x8c\2os\x8c\6system\x93."), "asks for os.system"},
	    {OP("\x80\2c__builtin__\neval\n)R."), "asks for __builtin__.eval"},
	    {OP("\x80\2cnumpy.core.multiarray\n_reconstruct\n."), "asks for numpy"},
	    {OP("\x80\2]."), "operation 0x5d"},
	    {OP("\x80\2i."), "operation 0x69"},
	    {OP("\x80\2\x81."), "operation 0x81"},
	    {OP("\x80\x09}."), "protocol"},
	    {OP("\x80\2}"), "ends in the middle"},
	    {OP("\x80\2K\1."), "no dictionary of tensors"},
	    {OP("\x80\2}}."), "no dictionary of tensors"},
	    {OP("\x80\2}X\1\0\0\0aK\1s."), "'a' in it is no tensor"},
	    {OP("\x80\2}(X\1\0\0\0a}u."), "'a' in it is no tensor"},
	    {OP("\x80\2}(K\1K\2u."), "is no tensor"},
	    {OP("\x80\2h\7."), "takes what was not put"},
	    {OP("\x80\2}r\xff\xff\xff\xff."), "a place that cannot be"},
	    {OP("\x80\2q\1."), "a place that cannot be"},
	    {OP("\x80\2X\xff\xff\xff\xff."), "a string ends after the end"},
	    {OP("\x80\2X\1\0\0\0\0."), "a zero byte"},
	    {OP("\x80\2t."), "no mark"},
	    {OP("\x80\2\x87."), "a tuple of more than there is"},
	    {OP("\x80\2(\x85."), "a tuple of more than there is"},
	    {OP("\x80\2u."), "items without a dictionary"},
	    {OP("\x80\2K\1K\2s."), "items without a dictionary"},
	    {OP("\x80\2}(K\1u."), "items without a dictionary"},
	    {OP("\x80\2)Q."), "a storage that is none"},
	    {OP("\x80\2)R."), "a call of what is no name"},
	    {OP("\x80\2ccollections\nOrderedDict\nK\1\x85R."), "a call with other arguments"},
	    {OP("\x80\2}K\1b."), "sets attributes of what is no dictionary"},
	    {OP("\x80\2\x8a\x09."), "more than 64 bits"},
	    {OP("\x80\2cno end"), "a name without an end"},
	    {OP("\x80\2K\1\x93."), "a name that is no string"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf pkl = {0}, b = {0};
		buf_add(&pkl, bad[i].p, bad[i].n);
		file(&b, &pkl, 0);
		refuse(&b, bad[i].words);
		buf_release(&pkl);
		buf_release(&b);
	}
}

static void wrong_tensor_is_taken(void **state)
{
	static const struct {
		struct pt_tensor t;
		const char *words;
	} bad[] = {
	    {{"FloatStorage", "0", 12, 0, 2, 3, 4}, "not contiguous"},
	    {{"FloatStorage", "0", 12, 8, 2, 3, 3}, "larger than its storage"},
	    {{"FloatStorage", "0", 12, -1, 2, 3, 3}, "other arguments"},
	    {{"FloatStorage", "0", 12, 0, 2000000000, 2000000000, 2000000000},
		"larger than its storage"},
	    {{"FloatStorage", "0", 12, 0, -2, 3, 3}, "a shape that is none"},
	    {{"FloatStorage", "0", 11, 0, 2, 3, 3}, "another size than the zip's"},
	    {{"DoubleStorage", "0", 12, 0, 2, 3, 3}, "another size than the zip's"},
	    {{"FloatStorage", "7", 12, 0, 2, 3, 3}, "the zip does not hold"},
	    {{"QInt8Storage", "0", 12, 0, 2, 3, 3}, "asks for torch.QInt8Storage"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf pkl = {0}, b = {0};
		buf_add(&pkl, "\x80\2}X\1\0\0\0a", 9);
		pt_put_tensor(&pkl, &bad[i].t, 2);
		buf_str(&pkl, "s.");
		file(&b, &pkl, 0);
		refuse(&b, bad[i].words);
		buf_release(&pkl);
		buf_release(&b);
	}
}

static void damaged_zip_is_taken(void **state)
{
	struct buf pkl = {0};

	(void)state;
	pickle(&pkl, 2);
	struct pt_entry good[] = {{"m/data.pkl", pkl.p, pkl.len, 0, 0},
	    {"m/byteorder", "little", 6, 0, 0}, {"m/data/0", data, sizeof(data), 0, 0}};
	static const char *const words[] = {"an entry is compressed", "the checksum is wrong",
	    "the checksum is wrong", "the byte order is not little", "a zip without data.pkl"};
	for (int k = 0; k < 5; k++) {
		struct pt_entry e[3];
		struct buf b = {0};
		memcpy(e, good, sizeof(e));
		if (k == 0)
			e[2].method = 8;
		if (k == 1)
			e[2].bad_crc = 1;
		if (k == 2)
			e[0].bad_crc = 1;
		if (k == 3)
			e[1].p = "bigger";
		if (k == 4)
			e[0].name = "m/other";
		pt_zip(&b, e, 3, k & 1);
		refuse(&b, words[k]);
		buf_release(&b);
	}
	buf_release(&pkl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tensors_are_not_found),
	    cmocka_unit_test(other_pickle_is_taken),
	    cmocka_unit_test(wrong_tensor_is_taken),
	    cmocka_unit_test(damaged_zip_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
