/* ptfile: files as torch.save writes them, made byte by byte, for tests of readers. */
#ifndef OLMO_TEST_PTFILE_H
#define OLMO_TEST_PTFILE_H

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"

static inline void pt_num(struct buf *b, uint64_t v, int width)
{
	for (int i = 0; i < width; i++)
		buf_chr(b, i < 8 ? (char)(v >> (8 * i)) : 0);
}

struct pt_entry {
	const char *name;
	const void *p;
	size_t n;
	int method;  /* 0: stored */
	int bad_crc; /* the checksum is another one */
};

/* big: sizes and places stand in zip64 fields */
static inline void pt_zip(struct buf *b, const struct pt_entry *e, size_t n, int big)
{
	struct buf list = {0};
	uint64_t at, end;

	for (size_t i = 0; i < n; i++) {
		uint32_t crc = (uint32_t)crc32(0, e[i].p, (unsigned)e[i].n) ^ (e[i].bad_crc != 0);
		uint64_t off = b->len, name = strlen(e[i].name);
		buf_add(b, "PK\3\4", 4);
		pt_num(b, 0, 4), pt_num(b, (uint64_t)e[i].method, 2), pt_num(b, 0, 4);
		pt_num(b, crc, 4), pt_num(b, e[i].n, 4), pt_num(b, e[i].n, 4);
		pt_num(b, name, 2), pt_num(b, 3, 2); /* three bytes of padding */
		buf_str(b, e[i].name);
		buf_add(b, "\0\0\0", 3);
		buf_add(b, e[i].p, e[i].n);
		buf_add(&list, "PK\1\2", 4);
		pt_num(&list, 0, 4), pt_num(&list, 0, 2), pt_num(&list, (uint64_t)e[i].method, 2);
		pt_num(&list, 0, 4), pt_num(&list, crc, 4);
		pt_num(&list, big ? 0xffffffff : e[i].n, 4);
		pt_num(&list, big ? 0xffffffff : e[i].n, 4);
		pt_num(&list, name, 2), pt_num(&list, big ? 28 : 0, 2), pt_num(&list, 0, 2);
		pt_num(&list, 0, 8), pt_num(&list, big ? 0xffffffff : off, 4);
		buf_str(&list, e[i].name);
		if (big) {
			pt_num(&list, 1, 2), pt_num(&list, 24, 2);
			pt_num(&list, e[i].n, 8), pt_num(&list, e[i].n, 8), pt_num(&list, off, 8);
		}
	}
	at = b->len;
	buf_add(b, list.p, list.len);
	end = b->len;
	if (big) {
		buf_add(b, "PK\6\6", 4);
		pt_num(b, 44, 8), pt_num(b, 0, 12), pt_num(b, n, 8), pt_num(b, n, 8);
		pt_num(b, list.len, 8), pt_num(b, at, 8);
		buf_add(b, "PK\6\7", 4);
		pt_num(b, 0, 4), pt_num(b, end, 8), pt_num(b, 1, 4);
	}
	buf_add(b, "PK\5\6", 4);
	pt_num(b, 0, 4), pt_num(b, big ? 0xffff : n, 2), pt_num(b, big ? 0xffff : n, 2);
	pt_num(b, list.len, 4), pt_num(b, big ? 0xffffffff : at, 4), pt_num(b, 0, 2);
	buf_release(&list);
}

static inline void pt_text(struct buf *b, const char *s)
{
	buf_chr(b, 'X');
	pt_num(b, strlen(s), 4);
	buf_str(b, s);
}

/* What to make a tensor of. */
struct pt_tensor {
	const char *storage, *key; /* "FloatStorage", "0" */
	int64_t n;                 /* elements of the storage */
	int64_t off, rows, cols, stride;
};

/* The operations that leave a tensor on the stack: protocol 2, or 4 with its spelling. */
static inline void pt_put_tensor(struct buf *b, const struct pt_tensor *t, int proto)
{
	if (proto == 4) {
		buf_add(b, "\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93", 35);
	} else {
		buf_str(b, "ctorch._utils\n_rebuild_tensor_v2\n");
	}
	buf_str(b, "((");
	pt_text(b, "storage");
	buf_printf(b, "ctorch\n%s\n", t->storage);
	pt_text(b, t->key);
	pt_text(b, "cpu");
	buf_chr(b, 'J'), pt_num(b, (uint64_t)t->n, 4);
	buf_str(b, "tQ");
	buf_chr(b, 'J'), pt_num(b, (uint64_t)t->off, 4);
	buf_chr(b, 'J'), pt_num(b, (uint64_t)t->rows, 4);
	buf_chr(b, 'J'), pt_num(b, (uint64_t)t->cols, 4);
	buf_chr(b, '\x86');
	buf_chr(b, 'J'), pt_num(b, (uint64_t)t->stride, 4);
	buf_str(b, "K\1\x86\x89");
	buf_str(b, "ccollections\nOrderedDict\n)RtR");
}

#endif
