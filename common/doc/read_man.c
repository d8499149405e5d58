/* read_man: a file is a manual page. */
#include <ctype.h>

#include "base/err.h"
#include "base/utf8.h"
#include "doc/charset.h"
#include "doc/reader.h"
#include "doc/roff.h"

static int man_next(struct reader *r, struct rec *rec)
{
	return reader_slurp(r, rec);
}

static void put_meta(struct rec *rec, const char *key, struct buf *b)
{
	if (b->len)
		rec_meta(rec, key, b->p, b->len);
	buf_release(b);
}

/* A page can cut a character in two (a byte of it as a delimiter). */
static void tidy(struct rec *rec)
{
	struct buf b = {0};
	size_t at;

	if (!rec->text.len || utf8_valid(rec->text.p, rec->text.len, &at))
		return;
	rec->repaired += charset_repair(rec->text.p, rec->text.len, &b);
	buf_release(&rec->text);
	rec->text = b;
}

static void man_convert(const struct reader_opt *opt, struct rec *rec)
{
	struct buf page = {0};
	struct roff_page roff = {.text = &rec->text};
	const char *s = rec->raw.p ? rec->raw.p : "";
	char name[64];
	size_t skip;

	(void)opt;
	charset_sniff(NULL, s, rec->raw.len, name, &skip);
	charset_decode(name, s + skip, rec->raw.len - skip, &page, &rec->repaired);
	if (roff_text(page.p ? page.p : "", page.len, &roff) < 0) {
		rec->where.p[rec->where.len - 2] = ':';
		rec->where.len--;
		buf_printf(&rec->where, "%u", roff.bad_line);
		rec_bad(rec, "%s", err_msg());
	} else if (!rec->text.len) {
		rec_skip(rec, roff.redirect.len ? "redirect" : "no_text");
	}
	tidy(rec);
	rec->unknown = roff.unknown;
	rec->unknown_what = "macros_unknown";
	put_meta(rec, "title", &roff.title);
	put_meta(rec, "section", &roff.section);
	put_meta(rec, "date", &roff.date);
	buf_release(&roff.redirect);
	buf_release(&page);
}

/* NAME.SECTION, the section a digit or n or l with letters behind it. */
static int man_wants(const char *name)
{
	const char *dot = NULL;

	for (const char *p = name; *p; p++)
		if (*p == '.' && p[1] && strcmp(p, ".gz") && strcmp(p, ".zst"))
			dot = p + 1;
	if (!dot || dot == name + 1)
		return 0;
	if (!(isdigit((unsigned char)*dot) ||
		((*dot == 'n' || *dot == 'l') && (!dot[1] || dot[1] == '.'))))
		return 0;
	for (dot++; *dot && *dot != '.'; dot++)
		if (!isalnum((unsigned char)*dot) && *dot != '_')
			return 0;
	return 1;
}

const struct reader_kind read_man = {"man", NULL, man_next, man_convert, NULL, man_wants, 1};
