/* layers: tok doc io base */
/* tokfile: what is written is read back; bad values are refused; tables; lists of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/in.h"
#include "tok/doctable.h"
#include "tok/le.h"
#include "tok/tokfile.h"

static char dir[] = "/tmp/olmo-tokfile-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static struct tokfile_meta meta_of(uint64_t vocab)
{
	return (struct tokfile_meta){.width = tokfile_width(vocab),
	    .vocab_size = vocab,
	    .eos_id = vocab - 1,
	    .tokenizer = {.lo = 1, .hi = 2}};
}

/* n ids i * 7919 mod vocab, in pieces of different lengths. */
static struct tokfile_sum write_some(const char *path, uint64_t vocab, uint64_t n)
{
	struct tokfile_meta m = meta_of(vocab);
	struct tokfile_writer *w = tokfile_create(path, &m, 0);
	struct tokfile_sum sum;
	uint32_t ids[1000];
	uint64_t i = 0;
	size_t k, piece = 1;

	if (w == NULL)
		fail_msg("%s", err_msg());
	while (i < n) {
		for (k = 0; k < piece && i < n; k++, i++)
			ids[k] = (uint32_t)(i * 7919 % vocab);
		assert_int_equal(tokfile_put(w, ids, k), 0);
		piece = piece * 3 % 999 + 1;
	}
	if (tokfile_commit(w, &sum) < 0)
		fail_msg("%s", err_msg());
	return sum;
}

static struct tokfile *open_ok(const char *path)
{
	struct tokfile *t = tokfile_open(path);

	if (t == NULL)
		fail_msg("%s", err_msg());
	return t;
}

/* The ids of a file once more, as it stores them; `claim` is what is said of their number before. */
static int write_stored(
    const struct tokfile *t, const char *path, uint64_t claim, struct tokfile_sum *sum)
{
	struct tokfile_writer *w = tokfile_create_n(path, &t->meta, 0, claim);
	uint64_t n, at = 0;

	assert_non_null(w);
	for (n = 1; at < t->count; at += n, n = n * 7 % 70001 + 1) {
		n = n < t->count - at ? n : t->count - at;
		if (tokfile_put_stored(w, (const char *)t->ids + at * t->meta.width, n) < 0) {
			tokfile_abort(w);
			return -1;
		}
	}
	return tokfile_commit(w, sum);
}

static void stored_ids_make_another_file(void **state)
{
	static const uint64_t vocab[] = {50280, 65536, 65537, (uint64_t)1 << 32};
	size_t k;

	(void)state;
	for (k = 0; k < 4; k++) {
		struct tokfile_sum sum = write_some(in_dir("a.tok"), vocab[k], 200001), again;
		struct tokfile *t = open_ok(in_dir("a.tok"));
		static const uint64_t claim[] = {200001, TOKFILE_NONE, 5};
		size_t c;

		for (c = 0; c < 3; c++) {
			assert_int_equal(write_stored(t, in_dir("b.tok"), claim[c], &again), 0);
			assert_true(h128_eq(sum.file.xxh3, again.file.xxh3));
			assert_true(h128_eq(sum.xxh3, again.xxh3));
			unlink(in_dir("b.tok"));
		}
		tokfile_close(t);
		unlink(in_dir("a.tok"));
	}
}

/* One id too large, at places in and between the blocks that are checked at once. */
static void stored_ids_beyond_the_vocabulary_pass(void **state)
{
	static const size_t at[] = {0, 1, 63, 64, 127, 500, 65535, 65536, 69999};
	unsigned char *ids = calloc(70000, 4);
	size_t k;

	(void)state;
	for (k = 0; k < 2 * sizeof(at) / sizeof(at[0]); k++) {
		struct tokfile_meta m = meta_of(k % 2 ? 70000 : 1000);
		struct tokfile_writer *w = tokfile_create(in_dir("b.tok"), &m, 0);
		unsigned char *p = ids + at[k / 2] * m.width;
		char want[80];

		snprintf(want, sizeof(want), "b.tok@%zu: id %d is not below",
		    4096 + at[k / 2] * m.width, k % 2 ? 70000 : 1000);
		if (m.width == 4)
			le_put32(p, 70000);
		else
			le_put16(p, 1000);
		assert_int_equal(tokfile_put_stored(w, ids, 70000), -1);
		assert_non_null(strstr(err_msg(), want));
		tokfile_abort(w);
		memset(p, 0, m.width);
	}
	free(ids);
}

static void ids_change_on_the_way(void **state)
{
	static const struct {
		uint64_t vocab, n;
	} c[] = {
	    {50280, 0}, {50280, 1}, {65536, 40001}, {65537, 40001}, {(uint64_t)1 << 32, 100000}};
	size_t k;

	(void)state;
	for (k = 0; k < sizeof(c) / sizeof(c[0]); k++) {
		const char *path = in_dir("a.tok");
		struct tokfile_sum sum = write_some(path, c[k].vocab, c[k].n);
		struct tokfile *t = open_ok(path);
		struct filehash h;
		uint32_t few[3];
		uint64_t i;

		assert_int_equal(sum.count, c[k].n);
		assert_int_equal(t->count, c[k].n);
		assert_int_equal(t->count_in_head, 1);
		assert_int_equal(t->meta.width, c[k].vocab > 65536 ? 4 : 2);
		assert_int_equal(t->meta.vocab_size, c[k].vocab);
		assert_int_equal(t->meta.eos_id, c[k].vocab - 1);
		assert_int_equal(t->meta.tokenizer.hi, 2);
		assert_true(h128_eq(sum.xxh3, t->xxh3));
		for (i = 0; i < t->count; i++)
			assert_int_equal(tokfile_at(t, i), (uint32_t)(i * 7919 % c[k].vocab));
		if (t->count > 20003) {
			tokfile_read(t, 20000, 3, few);
			assert_int_equal(few[2], tokfile_at(t, 20002));
		}
		assert_int_equal(tokfile_verify(t), 0);
		tokfile_close(t);
		assert_int_equal(in_hash_file(path, &h), 0);
		assert_true(h128_eq(h.xxh3, sum.file.xxh3) && h.bytes == sum.file.bytes);
		unlink(path);
	}
}

static void bad_values_are_written(void **state)
{
	struct tokfile_meta m = meta_of(100);
	const char *path = in_dir("b.tok");
	struct tokfile_writer *w;

	(void)state;
	w = tokfile_create(path, &m, TOKFILE_DOCS);
	assert_non_null(w);
	assert_int_equal(tokfile_put(w, (uint32_t[]){1, 99}, 2), 0);
	assert_int_equal(tokfile_doc(w, 0, 3, "a", 1, "f", 1), -1);
	assert_int_equal(tokfile_put(w, (uint32_t[]){2, 100}, 2), -1);
	assert_non_null(strstr(err_msg(), "b.tok@4102: id 100 "));
	tokfile_abort(w);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(in_dir("b.tok.docs.csv.gz"), F_OK), -1);
	m.width = 3;
	assert_null(tokfile_create(path, &m, 0));
	m.width = 2;
	m.vocab_size = 65537;
	assert_null(tokfile_create(path, &m, 0));
	m = meta_of(100);
	m.eos_id = 100;
	assert_null(tokfile_create(path, &m, 0));
	m.eos_id = TOKFILE_NONE;
	assert_null(tokfile_create(in_dir("b.tok.gz"), &m, 0));
}

/*
 * Python 3.11: w = csv.writer(f); w.writerow([0, 2, 'a"b', 'x,y', 1]); …
 * gives the bytes below.
 */
static void table_differs_from_python_csv(void **state)
{
	static const char want[] = "0,2,\"a\"\"b\",\"x,y\",1\r\n"
				   "2,3,,plain file,18446744073709551615\r\n"
				   "3,3,\"two\nlines\",\"cr\rhere\",3\r\n"
				   "3,4,\"tail\r\n\",f,4\r\n"
				   "4,5, sp ace ,\xc3\xa9'\t,5\r\n";
	struct tokfile_meta m = meta_of(100);
	const char *path = in_dir("c.tok");
	struct tokfile_writer *w = tokfile_create(path, &m, TOKFILE_DOCS);
	struct tokfile_docs *d;
	struct tokfile_row r;
	struct buf got = {0};
	struct tokfile_sum sum;

	(void)state;
	assert_int_equal(tokfile_put(w, (uint32_t[]){1, 2, 3, 4, 5}, 5), 0);
	assert_int_equal(tokfile_doc(w, 0, 2, "a\"b", 3, "x,y", 1), 0);
	assert_int_equal(tokfile_doc(w, 2, 3, "", 0, "plain file", UINT64_MAX), 0);
	assert_int_equal(tokfile_doc(w, 3, 3, "two\nlines", 9, "cr\rhere", 3), 0);
	assert_int_equal(tokfile_doc(w, 3, 4, "tail\r\n", 6, "f", 4), 0);
	assert_int_equal(tokfile_doc(w, 3, 4, "z", 1, "f", 4), -1);
	assert_int_equal(tokfile_doc(w, 4, 5, " sp ace ", 8, "\xc3\xa9'\t", 5), 0);
	assert_int_equal(tokfile_commit(w, &sum), 0);
	assert_int_equal(sum.n_doc, 5);
	assert_int_equal(in_slurp(in_dir("c.tok.docs.csv.gz"), 1 << 20, &got, NULL), 0);
	assert_int_equal(got.len, sizeof(want) - 1);
	assert_memory_equal(got.p, want, got.len);
	buf_release(&got);

	d = tokfile_docs_open(path);
	assert_non_null(d);
	assert_int_equal(tokfile_docs_next(d, &r), 1);
	assert_string_equal(r.id, "a\"b");
	assert_string_equal(r.source, "x,y");
	assert_int_equal(tokfile_docs_next(d, &r), 1);
	assert_int_equal(r.id_len, 0);
	assert_true(r.line == UINT64_MAX);
	assert_int_equal(tokfile_docs_next(d, &r), 1);
	assert_string_equal(r.id, "two\nlines");
	assert_string_equal(r.source, "cr\rhere");
	assert_int_equal(tokfile_docs_next(d, &r), 1);
	assert_string_equal(r.id, "tail\r\n");
	assert_int_equal(tokfile_docs_next(d, &r), 1);
	assert_int_equal(r.end, 5);
	assert_int_equal(tokfile_docs_next(d, &r), 0);
	tokfile_docs_close(d);
	unlink(path);
	unlink(in_dir("c.tok.docs.csv.gz"));
}

static void document_of_an_id_is_wrong(void **state)
{
	static const char csv[] = "0,2,a,f,1\r\n2,2,empty,f,2\r\n5,9,b,g,1\r\n";
	struct doctable d;
	FILE *f = fopen(in_dir("d.tok.docs.csv"), "wb");

	(void)state;
	fwrite(csv, 1, sizeof(csv) - 1, f);
	fclose(f);
	assert_int_equal(doctable_load(&d, in_dir("d.tok"), 9), 0);
	assert_int_equal(d.n, 3);
	assert_int_equal(doctable_find(&d, 0), 0);
	assert_int_equal(doctable_find(&d, 1), 0);
	assert_int_equal(doctable_find(&d, 2), 2); /* between rows: the next one */
	assert_int_equal(doctable_find(&d, 8), 2);
	assert_int_equal(doctable_find(&d, 9), 3);
	assert_string_equal(doctable_id(&d, 2), "b");
	assert_string_equal(doctable_source(&d, 1), "f");
	doctable_release(&d);
	assert_int_equal(doctable_load(&d, in_dir("d.tok"), 8), -1);
	assert_non_null(strstr(err_msg(), "d.tok.docs.csv:3"));
	unlink(in_dir("d.tok.docs.csv"));
}

static void instances_are_cut_wrongly(void **state)
{
	struct tokfile_list_spec spec = {.seq_len = 10};
	const char *const path[] = {in_dir("l0.tok"), in_dir("l1.tok"), in_dir("l2.tok")};
	struct tokfile_list *l;
	uint32_t ids[10];
	uint64_t start;
	size_t file;

	(void)state;
	write_some(path[0], 50280, 25);
	write_some(path[1], 50280, 9); /* no instance */
	write_some(path[2], 50280, 30);
	l = tokfile_list_open(path, 3, &spec);
	assert_non_null(l);
	assert_int_equal(l->n_inst, 5);
	assert_int_equal(l->n_tok, 64);
	tokfile_list_find(l, 1, &file, &start);
	assert_int_equal(file, 0);
	assert_int_equal(start, 10);
	tokfile_list_find(l, 2, &file, &start);
	assert_int_equal(file, 2);
	assert_int_equal(start, 0);
	tokfile_list_find(l, 4, &file, &start);
	assert_int_equal(file, 2);
	assert_int_equal(start, 20);
	tokfile_list_read(l, 4, ids);
	assert_int_equal(ids[9], 29 * 7919 % 50280);
	tokfile_list_close(l);
	unlink(path[0]);
	unlink(path[1]);
	unlink(path[2]);
}

static void list_hash_depends_on_names_or_not_on_order(void **state)
{
	struct tokfile_list_spec spec = {.seq_len = 10};
	const char *a = in_dir("h0.tok"), *b = in_dir("h1.tok"), *c = in_dir("h2.tok");
	const char *const ab[] = {a, b}, *const ba[] = {b, a}, *const cb[] = {c, b};
	struct tokfile_list *l;
	struct h128 h[3];

	(void)state;
	write_some(a, 50280, 25);
	write_some(b, 50280, 26);
	write_some(c, 50280, 25);
	l = tokfile_list_open(ab, 2, &spec);
	h[0] = tokfile_list_hash(l);
	tokfile_list_close(l);
	l = tokfile_list_open(ba, 2, &spec);
	h[1] = tokfile_list_hash(l);
	tokfile_list_close(l);
	l = tokfile_list_open(cb, 2, &spec);
	h[2] = tokfile_list_hash(l);
	tokfile_list_close(l);
	assert_false(h128_eq(h[0], h[1]));
	assert_true(h128_eq(h[0], h[2]));
	write_some(b, 1000, 26); /* another vocabulary */
	assert_null(tokfile_list_open(ab, 2, &spec));
	assert_non_null(strstr(err_msg(), "h1.tok@0"));
	unlink(a);
	unlink(b);
	unlink(c);
}

static void raw_files_are_misread(void **state)
{
	struct tokfile_meta m = {.width = 2, .vocab_size = 65536, .eos_id = TOKFILE_NONE};
	static const unsigned char bytes[] = {1, 0, 0xff, 0xff, 0, 1};
	const char *path = in_dir("r.npy");
	struct tokfile *t;
	FILE *f = fopen(path, "wb");

	(void)state;
	fwrite(bytes, 1, sizeof(bytes), f);
	fclose(f);
	t = tokfile_open_any(path, &m);
	assert_non_null(t);
	assert_int_equal(t->count, 3);
	assert_int_equal(tokfile_at(t, 1), 65535);
	assert_int_equal(tokfile_at(t, 2), 256);
	assert_int_equal(tokfile_verify(t), 0);
	tokfile_close(t);
	m.vocab_size = 50280;
	t = tokfile_open_raw(path, &m);
	assert_int_equal(tokfile_verify(t), -1);
	assert_non_null(strstr(err_msg(), "r.npy@2: id 65535"));
	tokfile_close(t);
	m.width = 4;
	assert_null(tokfile_open_raw(path, &m));
	assert_non_null(strstr(err_msg(), "r.npy@6: truncated"));
	assert_null(tokfile_open(path));
	unlink(path);
}

/* 2^32 + 5 ids, nearly all of them a hole in the file. */
static void offsets_overflow_32_bits(void **state)
{
	uint64_t n = ((uint64_t)1 << 32) + 5;
	const char *path = in_dir("s.tok");
	unsigned char head[4096], tail[64];
	struct tokfile *t;
	int fd;

	(void)state;
	write_some(path, 50280, 1);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, head, 4096, 0), 4096);
	assert_int_equal(pread(fd, tail, 64, 4098), 64);
	le_put64(head + 24, n);
	le_put64(head + 4088, hash64(head, 4088));
	le_put64(tail, n);
	le_put64(tail + 48, hash64(tail, 48));
	if (ftruncate(fd, (off_t)(4096 + 2 * n + 64)) < 0)
		skip();
	assert_int_equal(pwrite(fd, head, 4096, 0), 4096);
	assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 4098), 4);
	assert_int_equal(pwrite(fd, "\x39\x05", 2, (off_t)(4096 + 2 * (n - 2))), 2);
	assert_int_equal(pwrite(fd, tail, 64, (off_t)(4096 + 2 * n)), 64);
	close(fd);
	t = open_ok(path);
	assert_true(t->count == n);
	assert_int_equal(tokfile_at(t, n - 2), 1337);
	assert_int_equal(tokfile_at(t, n - 2 - ((uint64_t)1 << 32)), 0);
	tokfile_close(t);
	unlink(path);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ids_change_on_the_way),
	    cmocka_unit_test(stored_ids_make_another_file),
	    cmocka_unit_test(stored_ids_beyond_the_vocabulary_pass),
	    cmocka_unit_test(bad_values_are_written),
	    cmocka_unit_test(table_differs_from_python_csv),
	    cmocka_unit_test(document_of_an_id_is_wrong),
	    cmocka_unit_test(instances_are_cut_wrongly),
	    cmocka_unit_test(list_hash_depends_on_names_or_not_on_order),
	    cmocka_unit_test(raw_files_are_misread),
	    cmocka_unit_test(offsets_overflow_32_bits),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
