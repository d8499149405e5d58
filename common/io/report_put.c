#include "io/report_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "io/conf.h"
#include "io/in.h"
#include "io/svgplot.h"

/* --- writing ---------------------------------------------------------------------------------- */

void rp_text(struct buf *b, const char *s)
{
	svgplot_text(b, s, strlen(s));
}

void rp_json_text(struct buf *b, const json_t *v)
{
	if (json_is_string(v))
		svgplot_text(b, json_string_value(v), json_string_length(v));
}

/* 1234567 as 1,234,567 */
void rp_number(struct buf *b, uint64_t v)
{
	char digits[32];
	int n = snprintf(digits, sizeof digits, "%" PRIu64, v);

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			buf_chr(b, ',');
		buf_chr(b, digits[i]);
	}
}

void rp_cell_int(struct buf *b, const json_t *v)
{
	buf_str(b, "<td class=\"n\">");
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		rp_number(b, (uint64_t)json_integer_value(v));
	else
		buf_str(b, "\xe2\x80\x93");
	buf_str(b, "</td>");
}

void rp_cell_count(struct buf *b, uint64_t v)
{
	buf_str(b, "<td class=\"n\">");
	rp_number(b, v);
	buf_str(b, "</td>");
}

void rp_cell_num(struct buf *b, double v, int decimals)
{
	buf_printf(b, "<td class=\"n\">%.*f</td>", decimals, v);
}

void rp_cell_none(struct buf *b)
{
	buf_str(b, "<td class=\"n\">\xe2\x80\x93</td>");
}

void rp_cell_text(struct buf *b, const char *s)
{
	buf_str(b, "<td>");
	rp_text(b, s ? s : "");
	buf_str(b, "</td>");
}

/* Heads of columns, separated by |; one that begins with # is of numbers. */
void rp_table(struct buf *b, const char *heads)
{
	buf_str(b, "<div class=\"wide\"><table>\n<tr>");
	while (*heads) {
		size_t n = strcspn(heads, "|");
		int num = *heads == '#';
		buf_str(b, num ? "<th class=\"n\">" : "<th>");
		svgplot_text(b, heads + num, n - (size_t)num);
		buf_str(b, "</th>");
		heads += n + (heads[n] == '|');
	}
	buf_str(b, "</tr>\n");
}

void rp_table_end(struct buf *b)
{
	buf_str(b, "</table></div>\n");
}

void rp_section(struct report *r, const char *name)
{
	buf_str(&r->b, "<h2>");
	rp_text(&r->b, name);
	buf_str(&r->b, "</h2>\n");
}

void rp_absent(struct report *r, const char *name, const char *file)
{
	buf_printf(&r->missing, "%s%s (", r->missing.len ? "; " : "", name);
	rp_text(&r->missing, file);
	buf_chr(&r->missing, ')');
}

/* --- reading ---------------------------------------------------------------------------------- */

char *rp_in_dir(const struct report *r, const char *name)
{
	return xasprintf("%s/%s", r->dir, name);
}

int rp_exists(const struct report *r, const char *name)
{
	char *path = rp_in_dir(r, name);
	int there = access(path, F_OK) == 0;

	free(path);
	return there;
}

int rp_tsv_line(json_t *rows, json_t **head, const char *line, size_t len)
{
	json_t *fields = json_array(), *row, *name, *v;
	size_t i;

	for (const char *p = line, *end = line + len; p <= end;) {
		const char *tab = memchr(p, '\t', (size_t)(end - p));
		size_t n = (size_t)((tab ? tab : end) - p);
		if (json_array_append_new(fields, json_stringn(p, n)) < 0) {
			json_decref(fields);
			return err_set("no UTF-8"), -1;
		}
		p += n + 1;
	}
	if (!*head) {
		*head = fields;
		return 0;
	}
	if (json_array_size(fields) != json_array_size(*head)) {
		err_set("%zu fields, the first line has %zu", json_array_size(fields),
		    json_array_size(*head));
		json_decref(fields);
		return -1;
	}
	row = json_object();
	json_array_foreach(*head, i, name)
	{
		v = json_array_get(fields, i);
		json_object_set(row, json_string_value(name), v);
	}
	json_decref(fields);
	return json_array_append_new(rows, row);
}

int rp_json_line(json_t *rows, json_t **head, const char *line, size_t len)
{
	json_error_t e;
	json_t *v = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);

	(void)head;
	if (!json_is_object(v)) {
		json_decref(v);
		return err_set("%s", v ? "no object" : e.text), -1;
	}
	return json_array_append_new(rows, v);
}

/* *rows is NULL when there is no such file; 0 or -1. */
int rp_read_rows(const struct report *r, const char *name, rp_line_fn *fn, json_t **rows)
{
	char *path = rp_in_dir(r, name), *line;
	json_t *head = NULL;
	struct in *f;
	size_t len;
	int rc = 0;

	*rows = NULL;
	if (access(path, F_OK) < 0 || !(f = in_open(path))) {
		rc = access(path, F_OK) < 0 ? 0 : -1;
		free(path);
		return rc;
	}
	*rows = json_array();
	while ((rc = in_line(f, &line, &len)) > 0)
		if (fn(*rows, &head, line, len) < 0) {
			err_prefix("%s:%" PRIu64, path, in_lineno(f));
			rc = -1;
			break;
		}
	in_close(f, NULL);
	json_decref(head);
	if (rc < 0) {
		json_decref(*rows);
		*rows = NULL;
	}
	free(path);
	return rc;
}

int rp_read_json(const struct report *r, const char *name, json_t **v)
{
	char *path = rp_in_dir(r, name);
	int there = access(path, F_OK) == 0;

	*v = there ? conf_json(path) : NULL;
	free(path);
	return there && !*v ? -1 : 0;
}

const char *rp_field(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

/* A number of a TSV; 0 or -1. */
int rp_field_num(const json_t *row, const char *key, double *v)
{
	const char *s = rp_field(row, key);
	char *end;

	if (!s || !*s)
		return err_set("no column or no value '%s'", key), -1;
	*v = strtod(s, &end);
	return *end ? (err_set("'%s' is no number: %s", key, s), -1) : 0;
}

int rp_ends(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n >= k && !strcmp(s + n - k, tail);
}

int rp_begins(const char *s, const char *head)
{
	return !strncmp(s, head, strlen(head));
}

/* --- small help ------------------------------------------------------------------------------- */

void rp_add(json_t *o, const char *key, const json_t *v)
{
	json_int_t old = json_integer_value(json_object_get(o, key));

	if (json_is_integer(v))
		json_object_set_new(o, key, json_integer(old + json_integer_value(v)));
}

/* documents/web/0.x, documents/web.x, tokens/web-0000.x: "web".  Caller frees. */
char *rp_source_name(const char *path)
{
	size_t n = strcspn(path, "/"), k;

	if (!path[n]) {
		n = strcspn(path, ".");
		for (k = n; k && strchr("0123456789", path[k - 1]);)
			k--;
		if (k > 1 && k < n && path[k - 1] == '-')
			n = k - 1;
	}
	return xstrndup(path, n);
}

/* Text, cut after so many code points. */
void rp_excerpt(struct buf *b, const json_t *v, size_t most)
{
	const char *s = json_string_value(v);
	size_t n = json_string_length(v), i = 0, points = 0;

	if (!s)
		return;
	for (; i < n && points < most; points++)
		for (i++; i < n && ((unsigned char)s[i] & 0xc0) == 0x80;)
			i++;
	svgplot_text(b, s, i);
	if (i < n)
		buf_str(b, "\xe2\x80\xa6");
}

json_t *rp_row_of(const json_t *rows, const char *source)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) if (source && rp_field(row, "source") &&
					     !strcmp(rp_field(row, "source"), source)) return row;
	return NULL;
}
