#include "io/conf.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/in.h"

enum { MAX_NODES = 1000000, MAX_DEPTH = 200, MAX_BYTES = 256 << 20 };

/* --- plain scalars: the core schema ------------------------------------------------------------ */

static int is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return 1;
	return 0;
}

static int is_null(const char *s)
{
	static const char *const names[] = {"", "~", "null", "Null", "NULL", NULL};

	return is_one_of(s, names);
}

static int is_true(const char *s)
{
	static const char *const names[] = {
	    "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};

	return is_one_of(s, names);
}

static int is_false(const char *s)
{
	static const char *const names[] = {
	    "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};

	return is_one_of(s, names);
}

static const char *skip_sign(const char *s)
{
	return s + (*s == '-' || *s == '+');
}

static const char *skip_digits(const char *s)
{
	return s + strspn(s, "0123456789_");
}

static int is_decimal(const char *s)
{
	s = skip_sign(s);
	return *s >= '0' && *s <= '9' && !*skip_digits(s);
}

static int is_hex(const char *s)
{
	s = skip_sign(s);
	return s[0] == '0' && s[1] == 'x' && s[2] &&
	       !s[2 + strspn(s + 2, "0123456789abcdefABCDEF_")];
}

/* digits [. digits] [exponent] with a point or an exponent, or . digits [exponent] */
static int is_float(const char *s)
{
	const char *p = skip_sign(s), *q = p;
	int point = 0;

	if (*q >= '0' && *q <= '9')
		q = skip_digits(q);
	if (*q == '.') {
		point = 1;
		if (q == p && !(q[1] >= '0' && q[1] <= '9'))
			return 0;
		q = skip_digits(q + 1);
	}
	if (q == p)
		return 0;
	if (*q == 'e' || *q == 'E') {
		q = skip_sign(q + 1);
		return *q >= '0' && *q <= '9' && !q[strspn(q, "0123456789")];
	}
	return point && !*q;
}

static int is_not_finite(const char *s)
{
	static const char *const names[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};

	return is_one_of(skip_sign(s), names);
}

static void without_underscores(const char *s, struct buf *b)
{
	for (b->len = 0; *s; s++)
		if (*s != '_')
			buf_chr(b, *s);
	buf_cstr(b);
}

static json_t *hex_value(const char *digits)
{
	const char *p = skip_sign(digits) + 2;
	json_int_t v = 0;

	for (; *p; p++) {
		int d = *p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10;

		if (v > (INT64_MAX - d) / 16) {
			err_set("'%s' does not fit in 64 bits", digits);
			return NULL;
		}
		v = v * 16 + d;
	}
	return json_integer(*digits == '-' ? -v : v);
}

static json_t *decimal_value(const char *digits)
{
	const char *p = skip_sign(digits);
	int64_t v;

	if (p[0] == '0' && p[1]) {
		err_set("'%s' has leading zeros: quote it, or leave them out", digits);
		return NULL;
	}
	return num_i64(digits, INT64_MIN, INT64_MAX, &v) < 0 ? NULL : json_integer(v);
}

static json_t *number_value(const char *s)
{
	struct buf b = {0};
	json_t *v = NULL;
	double d;

	without_underscores(s, &b);
	if (is_hex(s))
		v = hex_value(b.p);
	else if (is_decimal(s))
		v = decimal_value(b.p);
	else if (num_f64(b.p, &d) == 0)
		v = json_real(d);
	buf_release(&b);
	return v;
}

/* NULL with a message (without the place) when s looks like a number that cannot be one. */
static json_t *plain_value(const char *s, size_t len)
{
	if (strlen(s) != len)
		return json_stringn(s, len);
	if (is_null(s))
		return json_null();
	if (is_true(s))
		return json_true();
	if (is_false(s))
		return json_false();
	if (is_decimal(s) || is_hex(s) || is_float(s))
		return number_value(s);
	if (is_not_finite(s)) {
		err_set("'%s' is no finite number: quote it when it is meant as text", s);
		return NULL;
	}
	return json_stringn(s, len);
}

/* --- YAML -------------------------------------------------------------------------------------- */

struct yaml {
	yaml_parser_t parser;
	const char *name;
	json_t *anchors; /* name → value */
	json_t *lines;   /* dotted path → line, or NULL */
	struct buf path; /* of the node being read */
	size_t nodes;
	int depth;
};

static json_t *parse_node(struct yaml *y, const yaml_event_t *e);

static unsigned long line_of(const yaml_event_t *e)
{
	return (unsigned long)e->start_mark.line + 1;
}

static json_t *bad(const struct yaml *y, const yaml_event_t *e, const char *what)
{
	err_set("%s:%lu: %s", y->name, line_of(e), what);
	return NULL;
}

static int next(struct yaml *y, yaml_event_t *e)
{
	const yaml_parser_t *p = &y->parser;

	if (yaml_parser_parse(&y->parser, e))
		return 0;
	if (p->error == YAML_READER_ERROR)
		err_set("%s@%zu: %s", y->name, p->problem_offset, p->problem);
	else if (p->error == YAML_MEMORY_ERROR)
		err_set("%s: out of memory", y->name);
	else
		err_set("%s:%lu: %s%s%s", y->name, (unsigned long)p->problem_mark.line + 1,
		    p->context ? p->context : "", p->context ? ": " : "",
		    p->problem ? p->problem : "not YAML");
	return -1;
}

/* Extend the path by a key; give its old length to path_pop. */
static size_t path_push(struct yaml *y, const char *key)
{
	size_t old = y->path.len;

	if (old)
		buf_chr(&y->path, '.');
	buf_str(&y->path, key);
	return old;
}

static void path_pop(struct yaml *y, size_t old)
{
	y->path.len = old;
}

static void note_line(struct yaml *y, unsigned long line)
{
	if (y->lines)
		json_object_set_new(y->lines, buf_cstr(&y->path), json_integer((json_int_t)line));
}

static int count_node(struct yaml *y, const yaml_event_t *e, size_t n)
{
	if (n > MAX_NODES - y->nodes) {
		bad(y, e, "more than a million values");
		return -1;
	}
	y->nodes += n;
	return 0;
}

static size_t tree_size(const json_t *v)
{
	size_t n = 1, i;
	const char *key;
	json_t *item;

	json_array_foreach((json_t *)v, i, item) n += tree_size(item);
	json_object_foreach((json_t *)v, key, item) n += tree_size(item);
	return n;
}

static json_t *parse_alias(struct yaml *y, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	json_t *v = json_object_get(y->anchors, name);

	if (!v) {
		err_set("%s:%lu: alias '*%s' before its anchor is complete", y->name, line_of(e),
		    name);
		return NULL;
	}
	if (count_node(y, e, tree_size(v)) < 0)
		return NULL;
	return json_deep_copy(v);
}

#define CORE_TAG(name) "tag:yaml.org,2002:" name

/* A scalar with an explicit tag: it must look like one. */
static json_t *tagged_scalar(const char *tag, const char *s, size_t len)
{
	json_t *v;

	if (!strcmp(tag, CORE_TAG("str")) || !strcmp(tag, "!"))
		return json_stringn(s, len);
	v = plain_value(s, len);
	if (v && ((!strcmp(tag, CORE_TAG("int")) && json_is_integer(v)) ||
		     (!strcmp(tag, CORE_TAG("bool")) && json_is_boolean(v)) ||
		     (!strcmp(tag, CORE_TAG("null")) && json_is_null(v))))
		return v;
	if (v && !strcmp(tag, CORE_TAG("float")) && json_is_number(v)) {
		json_t *real = json_real(json_number_value(v));

		json_decref(v);
		return real;
	}
	if (v)
		err_set("'%s' with the tag %s", s, tag);
	json_decref(v);
	return NULL;
}

static json_t *parse_scalar(struct yaml *y, const yaml_event_t *e)
{
	const char *s = (const char *)e->data.scalar.value;
	const char *tag = (const char *)e->data.scalar.tag;
	size_t len = e->data.scalar.length;
	json_t *v;

	if (tag)
		v = tagged_scalar(tag, s, len);
	else if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		v = plain_value(s, len);
	else
		v = json_stringn(s, len);
	if (!v)
		err_prefix("%s:%lu", y->name, line_of(e));
	return v;
}

static json_t *parse_list(struct yaml *y)
{
	json_t *list = json_array(), *v;
	yaml_event_t e;
	char key[24];
	size_t old;

	for (;;) {
		if (next(y, &e) < 0)
			break;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			return list;
		}
		snprintf(key, sizeof key, "%zu", json_array_size(list));
		old = path_push(y, key);
		note_line(y, line_of(&e));
		v = parse_node(y, &e);
		path_pop(y, old);
		yaml_event_delete(&e);
		if (!v || json_array_append_new(list, v) < 0)
			break;
	}
	json_decref(list);
	return NULL;
}

/* The value of "<<": an object, or a list of objects of which the first wins. */
static int merge(struct yaml *y, const yaml_event_t *e, json_t *into, json_t *v)
{
	size_t i;
	json_t *item;

	if (json_is_array(v)) {
		json_array_foreach(
		    v, i, item) if (!json_is_object(item) ||
				    json_object_update_missing(into, item) < 0) break;
		if (i == json_array_size(v))
			return 0;
	} else if (json_is_object(v)) {
		return json_object_update_missing(into, v);
	}
	bad(y, e, "'<<' wants an object or a list of objects");
	return -1;
}

static int is_merge_key(const yaml_event_t *e)
{
	return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       !strcmp((const char *)e->data.scalar.value, "<<");
}

/* One key and its value. */
static int parse_member(struct yaml *y, const yaml_event_t *k, json_t *own, json_t *merged)
{
	const char *key = (const char *)k->data.scalar.value;
	yaml_event_t e;
	json_t *v;
	size_t old;
	int rc;

	if (k->type != YAML_SCALAR_EVENT || strlen(key) != k->data.scalar.length) {
		bad(y, k, "a key must be a string");
		return -1;
	}
	if (json_object_get(own, key)) {
		err_set("%s:%lu: key '%s' stands here twice", y->name, line_of(k), key);
		return -1;
	}
	if (next(y, &e) < 0)
		return -1;
	old = path_push(y, key);
	note_line(y, line_of(k));
	v = parse_node(y, &e);
	path_pop(y, old);
	if (!v)
		rc = -1;
	else if (is_merge_key(k))
		rc = merge(y, &e, merged, v);
	else
		rc = json_object_set(own, key, v);
	json_decref(v);
	yaml_event_delete(&e);
	return rc;
}

static json_t *parse_map(struct yaml *y)
{
	json_t *own = json_object(), *merged = json_object();
	yaml_event_t e;
	int rc;

	for (;;) {
		if (next(y, &e) < 0)
			break;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			json_object_update(merged, own);
			json_decref(own);
			return merged;
		}
		rc = parse_member(y, &e, own, merged);
		yaml_event_delete(&e);
		if (rc < 0)
			break;
	}
	json_decref(own);
	json_decref(merged);
	return NULL;
}

static int tag_ok(const yaml_char_t *tag, const char *core)
{
	return !tag || !strcmp((const char *)tag, core) || !strcmp((const char *)tag, "!");
}

static json_t *parse_node(struct yaml *y, const yaml_event_t *e)
{
	const char *anchor = NULL;
	json_t *v = NULL;

	if (count_node(y, e, 1) < 0)
		return NULL;
	if (y->depth >= MAX_DEPTH)
		return bad(y, e, "nested too deep");
	y->depth++;
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		v = parse_alias(y, e);
		break;
	case YAML_SCALAR_EVENT:
		anchor = (const char *)e->data.scalar.anchor;
		v = parse_scalar(y, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = (const char *)e->data.sequence_start.anchor;
		v = tag_ok(e->data.sequence_start.tag, CORE_TAG("seq")) ? parse_list(y)
									: bad(y, e, "unknown tag");
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = (const char *)e->data.mapping_start.anchor;
		v = tag_ok(e->data.mapping_start.tag, CORE_TAG("map")) ? parse_map(y)
								       : bad(y, e, "unknown tag");
		break;
	default:
		bad(y, e, "a value is missing");
	}
	y->depth--;
	if (v && anchor)
		json_object_set(y->anchors, anchor, v);
	return v;
}

/* Skip to the first event of the document's node; 1, 0 when the stream holds none, -1. */
static int to_document(struct yaml *y, yaml_event_t *e)
{
	for (;;) {
		if (next(y, e) < 0)
			return -1;
		if (e->type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(e);
			return 0;
		}
		if (e->type != YAML_STREAM_START_EVENT && e->type != YAML_DOCUMENT_START_EVENT)
			return 1;
		yaml_event_delete(e);
	}
}

static int at_end(struct yaml *y)
{
	yaml_event_t e;
	int end = 0, rc = 0;

	while (!end && rc == 0) {
		if (next(y, &e) < 0)
			return -1;
		end = e.type == YAML_STREAM_END_EVENT;
		if (e.type == YAML_DOCUMENT_START_EVENT) {
			bad(y, &e, "a second document");
			rc = -1;
		}
		yaml_event_delete(&e);
	}
	return rc;
}

static json_t *parse_yaml(const char *text, size_t len, const char *name, json_t *lines)
{
	struct yaml y = {.name = name, .lines = lines};
	json_t *v = NULL;
	yaml_event_t e;
	int rc;

	if (!yaml_parser_initialize(&y.parser))
		die(EXIT_IO, "out of memory: YAML parser");
	yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, len);
	y.anchors = json_object();
	rc = to_document(&y, &e);
	if (rc == 0)
		v = json_null();
	if (rc > 0) {
		v = parse_node(&y, &e);
		yaml_event_delete(&e);
		if (v && at_end(&y) < 0) {
			json_decref(v);
			v = NULL;
		}
	}
	json_decref(y.anchors);
	buf_release(&y.path);
	yaml_parser_delete(&y.parser);
	return v;
}

/* --- files ------------------------------------------------------------------------------------- */

json_t *conf_parse_json(const char *text, size_t len, const char *name)
{
	json_error_t e;
	json_t *v =
	    json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

	if (!v)
		err_set("%s:%d: %s", name, e.line, e.text);
	return v;
}

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && !strcmp(s + n - m, suffix);
}

static int looks_json(const char *text, size_t len, const char *name)
{
	if (has_suffix(name, ".json"))
		return 1;
	if (has_suffix(name, ".yaml") || has_suffix(name, ".yml"))
		return 0;
	while (len && strchr(" \t\r\n", *text) && *text)
		text++, len--;
	return len && *text == '{';
}

json_t *conf_parse(const char *text, size_t len, const char *name)
{
	return looks_json(text, len, name) ? conf_parse_json(text, len, name)
					   : parse_yaml(text, len, name, NULL);
}

json_t *conf_load_lines(const char *path, json_t **lines)
{
	struct buf b = {0};
	json_t *v = NULL;

	*lines = json_object();
	if (in_slurp(path, MAX_BYTES, &b, NULL) == 0) {
		if (looks_json(b.p, b.len, path)) {
			v = conf_parse_json(b.p, b.len, path);
			if (v)
				json_decref(parse_yaml(b.p, b.len, path, *lines));
		} else {
			v = parse_yaml(b.p, b.len, path, *lines);
		}
	}
	buf_release(&b);
	if (!v) {
		json_decref(*lines);
		*lines = NULL;
	}
	return v;
}

int conf_line(const json_t *lines, const char *path)
{
	char *p = xstrdup(path), *dot;
	json_t *v;

	while (!(v = json_object_get(lines, p)) && (dot = strrchr(p, '.')))
		*dot = 0;
	free(p);
	return (int)json_integer_value(v);
}

json_t *conf_load(const char *path)
{
	struct buf b = {0};
	json_t *v = NULL;

	if (in_slurp(path, MAX_BYTES, &b, NULL) == 0)
		v = conf_parse(b.p, b.len, path);
	buf_release(&b);
	return v;
}

json_t *conf_json(const char *path)
{
	struct buf b = {0};
	json_t *v = NULL;

	if (in_slurp(path, MAX_BYTES, &b, NULL) == 0)
		v = conf_parse_json(b.p, b.len, path);
	buf_release(&b);
	return v;
}

char *conf_dump(const json_t *v)
{
	char *s = json_dumps(
	    v, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY);

	if (!s)
		die(EXIT_IO, "out of memory: JSON text");
	return s;
}

/* --- paths ------------------------------------------------------------------------------------- */

/* Take the piece of *path before the next '.'; *path moves behind it (NULL at the end). */
static char *take_piece(const char **path)
{
	const char *dot = strchr(*path, '.');
	char *piece = dot ? xstrndup(*path, (size_t)(dot - *path)) : xstrdup(*path);

	*path = dot ? dot + 1 : NULL;
	return piece;
}

static json_t *child(const json_t *v, const char *piece)
{
	uint64_t i;

	if (json_is_array(v))
		return num_u64(piece, 0, UINT32_MAX, &i) < 0 ? NULL : json_array_get(v, (size_t)i);
	return json_object_get(v, piece);
}

json_t *conf_get(const json_t *root, const char *path)
{
	json_t *v = (json_t *)root;

	while (v && path) {
		char *piece = take_piece(&path);

		v = child(v, piece);
		free(piece);
	}
	return v;
}

static int put_child(json_t *v, const char *piece, json_t *value)
{
	uint64_t i;

	if (json_is_object(v))
		return json_object_set_new(v, piece, value);
	if (json_is_array(v) && num_u64(piece, 0, UINT32_MAX, &i) == 0) {
		if (i == json_array_size(v))
			return json_array_append_new(v, value);
		return json_array_set_new(v, (size_t)i, value);
	}
	json_decref(value);
	return -1;
}

/* Go down to the parent of path's last piece, which is returned in *last (caller frees). */
static json_t *to_parent(json_t *v, const char *path, char **last)
{
	for (;;) {
		char *piece = take_piece(&path);
		json_t *down;

		if (!path || !*piece) {
			*last = piece;
			return *piece ? v : NULL;
		}
		down = child(v, piece);
		if (!down || json_is_null(down)) {
			down = json_object();
			if (put_child(v, piece, down) < 0)
				down = NULL;
		}
		free(piece);
		if (!down)
			return *last = NULL, NULL;
		v = down;
	}
}

int conf_set(json_t *root, const char *assignment)
{
	const char *eq = strchr(assignment, '=');
	char *path = eq ? xstrndup(assignment, (size_t)(eq - assignment)) : NULL, *last = NULL;
	json_t *value = eq ? parse_yaml(eq + 1, strlen(eq + 1), path, NULL) : NULL, *parent;
	int rc = -1;

	if (!eq) {
		err_set("'%s' is not KEY=VALUE", assignment);
	} else if (value) {
		parent = to_parent(root, path, &last);
		rc = parent ? put_child(parent, last, json_incref(value)) : -1;
		if (rc < 0)
			err_set("cannot set '%s': no such object or list item", path);
	}
	json_decref(value);
	free(last);
	free(path);
	return rc;
}

/* --- near names -------------------------------------------------------------------------------- */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, changes, and swaps of neighbours (optimal string alignment). */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), d;
	size_t *row = xmalloc(3 * (m + 1) * sizeof *row);
	size_t *before = row, *last = row + m + 1, *now = row + 2 * (m + 1), *t;

	for (size_t j = 0; j <= m; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			int same = a[i - 1] == b[j - 1];

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		t = before;
		before = last;
		last = now;
		now = t;
	}
	d = last[m];
	free(row);
	return d;
}

const char *conf_nearest(const char *key, const char *const *names)
{
	const char *best = NULL;
	size_t best_d = strlen(key) / 3 + 1;

	for (; *names; names++) {
		size_t d = distance(key, *names);

		if (d < best_d) {
			best = *names;
			best_d = d;
		}
	}
	return best;
}
