/* layers: io base */
/* in: decompression, damage, lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/err.h"
#include "io/in.h"
#include "io/out.h"

static char dir[] = "/tmp/olmo-in-XXXXXX";

static char *file_in_dir(const char *name)
{
	static char path[2][256];
	static int turn;

	turn ^= 1;
	snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
	return path[turn];
}

static void put_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Words of several lengths: compressible, not periodic. */
static void fill_text(struct buf *b, size_t n)
{
	uint32_t s = 1;

	for (b->len = 0; b->len < n;) {
		s = s * 1664525 + 1013904223;
		buf_printf(b, "w%u%s", s >> 20, s >> 28 ? " " : "\n");
	}
	b->len = n;
}

/* All of a file; 0 or -1. */
static int slurp(const char *path, struct buf *b)
{
	b->len = 0;
	return in_slurp(path, SIZE_MAX / 2, b, NULL);
}

static void store(const char *path, const struct buf *text, size_t piece, int packed)
{
	struct out *f = out_open(path, 0);
	struct buf b = {0};

	assert_non_null(f);
	for (size_t i = 0; i < text->len; i += piece) {
		size_t n = text->len - i < piece ? text->len - i : piece;

		b.len = 0;
		if (packed) {
			out_pack(f, text->p + i, n, &b);
			assert_int_equal(out_write_packed(f, b.p, b.len), 0);
		} else {
			assert_int_equal(out_write(f, text->p + i, n), 0);
		}
	}
	assert_int_equal(out_commit(f, NULL), 0);
	buf_release(&b);
}

static const char *const suffixes[] = {"t.txt", "t.gz", "t.zst"};

static void what_is_written_is_read_back(void **state)
{
	static const size_t sizes[] = {0, 1, 1000, 262143, 262144, 262145, 1500000};
	struct buf text = {0}, got = {0};

	(void)state;
	for (size_t s = 0; s < 7; s++)
		for (int k = 0; k < 3; k++)
			for (int packed = 0; packed < 2; packed++) {
				char *path = file_in_dir(suffixes[k]);

				fill_text(&text, sizes[s]);
				store(path, &text, 99991, packed);
				assert_int_equal(slurp(path, &got), 0);
				assert_int_equal(got.len, text.len);
				if (got.len)
					assert_memory_equal(got.p, text.p, got.len);
			}
	buf_release(&text);
	buf_release(&got);
}

/* Every cut of a file must be seen, but the cuts between members, which leave a whole file. */
static void check_truncations(const char *name, size_t piece)
{
	struct buf text = {0}, raw = {0}, got = {0};
	char *path = file_in_dir(name);
	size_t whole = 0, members;

	fill_text(&text, 900);
	members = (text.len + piece - 1) / piece;
	store(path, &text, piece, 1);
	/* The stored bytes: read under another suffix would decompress too, so with stdio. */
	FILE *f = fopen(path, "rb");
	buf_need(&raw, 1 << 16);
	raw.len = fread(raw.p, 1, 1 << 16, f);
	fclose(f);
	for (size_t n = 0; n < raw.len; n++) {
		put_file(path, raw.p, n);
		if (slurp(path, &got) < 0) {
			assert_non_null(strstr(err_msg(), name));
			assert_non_null(strchr(err_msg(), '@'));
		} else {
			whole++;
			if (!got.len || got.len % piece)
				fail_msg("%s cut to %zu of %zu bytes gave %zu", name, n, raw.len,
				    got.len);
			assert_memory_equal(got.p, text.p, got.len);
		}
	}
	assert_int_equal(whole, members - 1);
	buf_release(&text);
	buf_release(&raw);
	buf_release(&got);
}

static void every_truncation_is_an_error(void **state)
{
	(void)state;
	check_truncations("a.gz", 900);
	check_truncations("a.zst", 900);
	check_truncations("b.gz", 200);
	check_truncations("b.zst", 200);
}

/* One bit wrong: an error, or (in fields that mean nothing, like the gzip time) the same text. */
static void check_flips(const char *name)
{
	struct buf text = {0}, got = {0};
	char *path = file_in_dir(name), raw[4096];
	size_t n, errors = 0;
	FILE *f;

	fill_text(&text, 900);
	store(path, &text, 450, 1);
	f = fopen(path, "rb");
	n = fread(raw, 1, sizeof raw, f);
	fclose(f);
	for (size_t i = 0; i < 8 * n; i++) {
		raw[i / 8] ^= (char)(1 << i % 8);
		put_file(path, raw, n);
		if (slurp(path, &got) < 0) {
			errors++;
		} else {
			if (got.len != text.len || memcmp(got.p, text.p, got.len))
				fail_msg("%s: bit %zu of byte %zu changed the text", name, i % 8,
				    i / 8);
		}
		raw[i / 8] ^= (char)(1 << i % 8);
	}
	assert_true(errors > 8 * n * 9 / 10);
	buf_release(&text);
	buf_release(&got);
}

static void every_flipped_bit_is_seen(void **state)
{
	(void)state;
	check_flips("f.gz");
	check_flips("f.zst");
}

static void append(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "ab");

	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static void bytes_after_the_last_member_are_refused(void **state)
{
	struct buf text = {0}, got = {0};

	(void)state;
	fill_text(&text, 100);
	for (int k = 1; k < 3; k++) {
		char *path = file_in_dir(suffixes[k]);

		for (const char *tail = "xyzxyzxyz"; *tail; tail++) {
			store(path, &text, 100, 0);
			append(path, tail, strlen(tail));
			assert_int_equal(slurp(path, &got), -1);
		}
		store(path, &text, 100, 0);
		append(path, "\0\0\0\0\0\0\0\0", 8);
		assert_int_equal(slurp(path, &got), -1);
	}
	buf_release(&text);
	buf_release(&got);
}

/* --- a slow writer: every read gives one packet ------------------------------------------------ */

struct feed {
	int fd;
	const char *p;
	size_t n, piece;
};

static void *feeder(void *arg)
{
	struct feed *f = arg;

	for (size_t i = 0; i < f->n; i += f->piece) {
		size_t n = f->n - i < f->piece ? f->n - i : f->piece;

		if (send(f->fd, f->p + i, n, MSG_NOSIGNAL) < 0)
			break;
	}
	close(f->fd);
	return NULL;
}

/* Standard input becomes a stream that gives `piece` bytes at a time. */
static struct in *open_slow(struct feed *f, pthread_t *t)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	assert_int_equal(dup2(fd[0], 0), 0);
	close(fd[0]);
	f->fd = fd[1];
	assert_int_equal(pthread_create(t, NULL, feeder, f), 0);
	return in_open("-");
}

static void end_slow(pthread_t t)
{
	int null = dup(2);

	dup2(null, 0);
	close(null);
	pthread_join(t, NULL);
}

static size_t stored_bytes(const char *path, char *raw, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t n = fread(raw, 1, size, f);

	fclose(f);
	return n;
}

/* A gzip member with every optional field. */
static size_t rich_member(unsigned char *out, const char *text)
{
	static const unsigned char head[] = {0x1f, 0x8b, 8, 0x1f, 1, 2, 3, 4, 0, 255, 4, 0, 'A',
	    'B', 0, 0, 'n', 'a', 'm', 'e', 0, 'c', 'o', 'm', 0};
	size_t n = sizeof head;
	uint32_t crc = (uint32_t)crc32(0, head, sizeof head), len = (uint32_t)strlen(text);
	z_stream z = {0};

	memcpy(out, head, n);
	out[n++] = (unsigned char)crc;
	out[n++] = (unsigned char)(crc >> 8);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
	z.next_in = (unsigned char *)text;
	z.avail_in = len;
	z.next_out = out + n;
	z.avail_out = 500;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n += z.total_out;
	deflateEnd(&z);
	crc = (uint32_t)crc32(0, (const unsigned char *)text, len);
	for (int i = 0; i < 4; i++)
		out[n++] = (unsigned char)(crc >> 8 * i);
	for (int i = 0; i < 4; i++)
		out[n++] = (unsigned char)(len >> 8 * i);
	return n;
}

static void gzip_headers_may_come_in_pieces(void **state)
{
	unsigned char raw[2000];
	char got[100];
	size_t n = rich_member(raw, "first text, ");

	(void)state;
	n += rich_member(raw + n, "second text");
	for (size_t piece = 1; piece < 40; piece++) {
		struct feed feed = {.p = (char *)raw, .n = n, .piece = piece};
		pthread_t t;
		struct in *f = open_slow(&feed, &t);
		size_t len = 0;
		ssize_t k;

		assert_non_null(f);
		while ((k = in_read(f, got + len, sizeof got - len)) > 0)
			len += (size_t)k;
		if (k < 0)
			fail_msg("%s", err_msg());
		assert_int_equal(len, 23);
		assert_memory_equal(got, "first text, second text", len);
		in_close(f, NULL);
		end_slow(t);
	}
	/* Its own checksum covers the header. */
	for (size_t i = 12; i < 25; i++) {
		char *path = file_in_dir("h.gz");
		struct buf b = {0};

		raw[i] ^= 1;
		put_file(path, raw, n);
		assert_int_equal(slurp(path, &b), -1);
		raw[i] ^= 1;
		buf_release(&b);
	}
}

static void skippable_zstd_frames_are_skipped(void **state)
{
	static const char skip[] = "\x50\x2a\x4d\x18\x05\0\0\0hello";
	struct buf text = {0}, got = {0};
	char raw[4096], *path = file_in_dir("s.zst");
	size_t n;

	(void)state;
	fill_text(&text, 300);
	store(path, &text, 300, 0);
	n = stored_bytes(path, raw, sizeof raw);
	put_file(path, skip, sizeof skip - 1);
	append(path, raw, n);
	append(path, skip, sizeof skip - 1);
	append(path, raw, n);
	assert_int_equal(slurp(path, &got), 0);
	assert_int_equal(got.len, 600);
	append(path, skip, sizeof skip - 2);
	assert_int_equal(slurp(path, &got), -1);
	buf_release(&text);
	buf_release(&got);
}

/* --- lines ------------------------------------------------------------------------------------- */

/* Where in_lines must cut: the first line end at or after `want` bytes. */
static size_t cut_after(const struct buf *text, size_t start, size_t want)
{
	size_t i = start + (want ? want : 1) - 1;

	if (i >= text->len)
		return text->len;
	while (i < text->len && text->p[i] != '\n')
		i++;
	return i < text->len ? i + 1 : text->len;
}

static void check_lines(struct in *f, const struct buf *text, size_t want)
{
	struct buf b = {0};
	uint64_t first, n, line = 1;
	size_t at = 0, end, got;
	int rc;

	buf_str(&b, "kept");
	while ((rc = in_lines(f, want, &b, &first, &n)) > 0) {
		end = cut_after(text, at, want);
		got = b.len - 4;
		assert_memory_equal(b.p, "kept", 4);
		assert_memory_equal(b.p + 4, text->p + at, end - at);
		assert_int_equal(got, end - at + (text->p[end - 1] != '\n'));
		assert_int_equal(b.p[b.len - 1], '\n');
		for (int i = 0; i < 64; i++)
			assert_int_equal(b.p[b.len + (size_t)i], 0);
		assert_int_equal(first, line);
		line += n;
		at = end;
		b.len = 4;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(at, text->len);
	assert_int_equal(in_lineno(f), line - 1);
	buf_release(&b);
}

static void cuts_depend_on_the_bytes_only(void **state)
{
	static const size_t wants[] = {0, 1, 2, 17, 1000, 4096, 1 << 20}, pieces[] = {1, 7, 4093};
	static char raw[300000];
	struct buf text = {0};

	(void)state;
	fill_text(&text, 9000);
	memset(text.p + 2000, 'x', 3000); /* a long line */
	memset(text.p + 6000, '\n', 5);
	text.p[text.len - 1] = 'x'; /* the last line has no end */
	for (int k = 0; k < 3; k++) {
		char *path = file_in_dir(suffixes[k]);
		size_t n;

		store(path, &text, 1234, 1);
		n = stored_bytes(path, raw, sizeof raw);
		for (size_t w = 0; w < 7; w++) {
			struct in *f = in_open(path);

			assert_non_null(f);
			check_lines(f, &text, wants[w]);
			in_close(f, NULL);
			for (size_t p = 0; p < 3; p++) {
				struct feed feed = {.p = raw, .n = n, .piece = pieces[p]};
				pthread_t t;

				f = open_slow(&feed, &t);
				check_lines(f, &text, wants[w]);
				in_close(f, NULL);
				end_slow(t);
			}
		}
	}
	buf_release(&text);
}

static void lines_come_one_by_one(void **state)
{
	struct buf text = {0};
	char *path = file_in_dir("t.zst"), *line;
	size_t len, at = 0;
	struct in *f;
	int rc;

	(void)state;
	fill_text(&text, 1000000);
	memset(text.p + 100000, 'y', 600000); /* longer than every buffer */
	store(path, &text, 1000000, 0);
	f = in_open(path);
	while ((rc = in_line(f, &line, &len)) > 0) {
		char *nl = memchr(text.p + at, '\n', text.len - at);
		size_t want = nl ? (size_t)(nl - text.p) - at : text.len - at;

		assert_int_equal(len, want);
		assert_memory_equal(line, text.p + at, len);
		assert_int_equal(line[len], 0);
		at += len + (nl != NULL);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(at, text.len);
	assert_string_equal(in_name(f), path);
	in_close(f, NULL);
	buf_release(&text);
}

static void damage_after_good_lines_ends_in_an_error(void **state)
{
	struct buf text = {0}, b = {0};
	char *path = file_in_dir("t.gz"), *line;
	static char raw[400000];
	uint64_t first, n_lines;
	size_t n, len;
	struct in *f;
	int rc;

	(void)state;
	fill_text(&text, 300000);
	store(path, &text, 300000, 0);
	n = stored_bytes(path, raw, sizeof raw);
	put_file(path, raw, n - 5);
	f = in_open(path);
	while ((rc = in_line(f, &line, &len)) > 0)
		;
	assert_int_equal(rc, -1);
	assert_int_equal(in_line(f, &line, &len), -1);
	in_close(f, NULL);
	f = in_open(path);
	while ((rc = in_lines(f, 1000, &b, &first, &n_lines)) > 0)
		;
	assert_int_equal(rc, -1);
	assert_int_equal(in_lines(f, 1000, &b, &first, &n_lines), -1);
	in_close(f, NULL);
	buf_release(&text);
	buf_release(&b);
}

static void hashes_are_of_the_stored_bytes(void **state)
{
	struct buf text = {0}, got = {0};
	char *path = file_in_dir("t.zst");
	static char raw[300000];
	struct filehash a, b;
	size_t n;

	(void)state;
	fill_text(&text, 300000);
	store(path, &text, 300000, 0);
	n = stored_bytes(path, raw, sizeof raw);
	assert_int_equal(in_hash_file(path, &a), 0);
	assert_int_equal(a.bytes, n);
	assert_true(h128_eq(a.xxh3, hash128(raw, n)));
	assert_int_equal(in_slurp(path, 1 << 20, &got, &b), 0);
	assert_int_equal(b.bytes, n);
	assert_true(h128_eq(a.xxh3, b.xxh3));
	buf_release(&text);
	buf_release(&got);
}

static void what_cannot_be_read_is_named(void **state)
{
	struct buf b = {0};
	struct filehash h;

	(void)state;
	assert_null(in_open(file_in_dir("none")));
	assert_non_null(strstr(err_msg(), "none': No such file"));
	assert_null(in_open(dir));
	assert_non_null(strstr(err_msg(), "is a directory"));
	assert_int_equal(in_hash_file(dir, &h), -1);
	assert_int_equal(in_hash_file(file_in_dir("none"), &h), -1);
	put_file(file_in_dir("eleven"), "hello world", 11);
	assert_int_equal(in_slurp(file_in_dir("eleven"), 10, &b, NULL), -1);
	assert_int_equal(in_slurp(file_in_dir("eleven"), 11, &b, NULL), 0);
	/* Plain text may be called anything. */
	put_file(file_in_dir("text.gz"), "{\"id\":\"\xc3\xa9\"}\n", 12);
	assert_int_equal(slurp(file_in_dir("text.gz"), &b), 0);
	assert_int_equal(b.len, 12);
	put_file(file_in_dir("zero.gz"), "", 0);
	assert_int_equal(slurp(file_in_dir("zero.gz"), &b), -1);
	put_file(file_in_dir("zero"), "", 0);
	assert_int_equal(slurp(file_in_dir("zero"), &b), 0);
	buf_release(&b);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char cmd[100];

	(void)state;
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(every_truncation_is_an_error),
	    cmocka_unit_test(every_flipped_bit_is_seen),
	    cmocka_unit_test(bytes_after_the_last_member_are_refused),
	    cmocka_unit_test(gzip_headers_may_come_in_pieces),
	    cmocka_unit_test(skippable_zstd_frames_are_skipped),
	    cmocka_unit_test(cuts_depend_on_the_bytes_only),
	    cmocka_unit_test(lines_come_one_by_one),
	    cmocka_unit_test(damage_after_good_lines_ends_in_an_error),
	    cmocka_unit_test(hashes_are_of_the_stored_bytes),
	    cmocka_unit_test(what_cannot_be_read_is_named),
	};

	return cmocka_run_group_tests_name("io_in", tests, make_dir, remove_dir);
}
