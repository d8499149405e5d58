#include "tok/vocabjson.h"

#include "base/err.h"
#include "io/conf.h"
#include "io/in.h"

enum { MAX_BYTES = 256 << 20 };

struct jspan vocabjson_string(struct jspan raw, struct buf *tmp)
{
	struct jspan s = {raw.p + 1, raw.len - 2};

	if (!memchr(s.p, '\\', s.len))
		return s;
	tmp->len = 0;
	buf_need(tmp, raw.len);
	tmp->len = jspan_unescape(raw, tmp->p);
	return (struct jspan){tmp->p, tmp->len};
}

static void find_parts(struct vocabjson *v, struct jspan object)
{
	struct jspan model = {NULL, 0}, key, value;
	struct jiter it;

	if (!jspan_member(object, "model", &model) || jspan_type(model) != JT_OBJECT)
		return;
	for (it = jiter_open(model); jiter_next(&it, &key, &value);) {
		if (jspan_streq(key, "vocab") && jspan_type(value) == JT_OBJECT)
			v->vocab = value;
		else if (jspan_streq(key, "merges") && jspan_type(value) == JT_ARRAY)
			v->merges = value;
	}
}

/* Append the text from *p up to the part, and its brackets around its line ends, so that the lines
 * of messages stay right. */
static void cut_part(struct buf *rest, const char **p, struct jspan part)
{
	const char *end = part.p + part.len - 1, *nl;

	buf_add(rest, *p, (size_t)(part.p + 1 - *p));
	for (nl = part.p; (nl = memchr(nl, '\n', (size_t)(end - nl))); nl++)
		buf_chr(rest, '\n');
	*p = end;
}

static json_t *parse_rest(const struct vocabjson *v, const char *path)
{
	struct jspan a = v->vocab, b = v->merges, swap;
	const char *p = v->text.p, *end = p + v->text.len;
	struct buf rest = {0};
	json_t *root;

	if (a.p && b.p && b.p < a.p) {
		swap = a;
		a = b;
		b = swap;
	}
	if (a.p)
		cut_part(&rest, &p, a);
	if (b.p)
		cut_part(&rest, &p, b);
	buf_add(&rest, p, (size_t)(end - p));
	root = conf_parse_json(rest.p, rest.len, path);
	buf_release(&rest);
	return root;
}

int vocabjson_read(struct vocabjson *v, const char *path)
{
	struct jscan j;

	if (in_slurp(path, MAX_BYTES, &v->text, NULL) < 0)
		return -1;
	buf_need(&v->text, 1);
	/* What jscan does not take is left whole to jansson, which says why or copes. */
	if (!jscan_line(&j, v->text.p, v->text.len))
		find_parts(v, j.object);
	v->root = parse_rest(v, path);
	return v->root ? 0 : -1;
}

void vocabjson_release(struct vocabjson *v)
{
	json_decref(v->root);
	buf_release(&v->text);
	memset(v, 0, sizeof(*v));
}
