/* read_html: a file is a web page. */
#include <strings.h>

#include "base/err.h"
#include "doc/charset.h"
#include "doc/htmltext.h"
#include "doc/read_html.h"
#include "doc/reader.h"

/* Into valid UTF-8 without NUL, by what the transport, the page or its bytes say. */
static void decode_page(struct rec *rec, const char *s, size_t n, struct buf *out)
{
	char name[64];
	size_t skip;

	charset_sniff(rec->charset.len ? buf_cstr(&rec->charset) : NULL, s, n, name, &skip);
	if (rec->charset.len && !charset_known(rec->charset.p)) {
		rec->unknown++;
		rec->unknown_what = "charsets_unknown";
	}
	charset_decode(name, s + skip, n - skip, out, &rec->repaired);
}

/* HTML has no NUL: U+FFFD, as the standard has it. */
static void no_nul(struct rec *rec, struct buf *page)
{
	struct buf b = {0};

	if (!page->len || !memchr(page->p, 0, page->len))
		return;
	for (size_t i = 0; i < page->len; i++) {
		if (page->p[i]) {
			buf_chr(&b, page->p[i]);
			continue;
		}
		buf_str(&b, "\xef\xbf\xbd");
		rec->repaired++;
	}
	buf_release(page);
	*page = b;
}

void read_html_page(const struct reader_opt *opt, struct rec *rec, const char *s, size_t n)
{
	struct buf page = {0}, title = {0}, lang = {0};

	decode_page(rec, s, n, &page);
	no_nul(rec, &page);
	if (!page.len)
		rec_skip(rec, "empty");
	else if (htmltext(page.p, page.len, opt->huge, &rec->text, &title, &lang) < 0)
		rec_bad(rec, "%s", err_msg());
	else if (!rec->text.len)
		rec_skip(rec, "no_text");
	if (title.len)
		rec_meta(rec, "title", title.p, title.len);
	if (lang.len)
		rec_meta(rec, "html_lang", lang.p, lang.len);
	buf_release(&page);
	buf_release(&title);
	buf_release(&lang);
}

static int html_next(struct reader *r, struct rec *rec)
{
	return reader_slurp(r, rec);
}

static void html_convert(const struct reader_opt *opt, struct rec *rec)
{
	read_html_page(opt, rec, rec->raw.p ? rec->raw.p : "", rec->raw.len);
}

static int html_wants(const char *name)
{
	return reader_suffix(name, ".html") || reader_suffix(name, ".htm") ||
	       reader_suffix(name, ".xhtml");
}

const struct reader_kind read_html = {"html", NULL, html_next, html_convert, NULL, html_wants, 0};
