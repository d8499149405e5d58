#include "doc/htmltext.h"

#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include "base/err.h"
#include "doc/prose.h"

enum element {
	INLINE,
	DROP,
	BLOCK, /* a line of its own */
	PARA,  /* a paragraph of its own */
	LIST,  /* ul, ol */
	ITEM,  /* li */
	BR,
	PRE,
	TABLE,
	ROW,
	CELL,
	HEADER, /* dropped unless inside an article */
	FORM,   /* dropped unless it is the page */
	QUOTE
};

/* Sorted by name. */
static const struct {
	const char *name;
	enum element is;
} elements[] = {{"address", BLOCK}, {"annotation", DROP}, {"annotation-xml", DROP},
    {"applet", DROP}, {"area", DROP}, {"article", PARA}, {"aside", DROP}, {"audio", DROP},
    {"blockquote", PARA}, {"body", PARA}, {"br", BR}, {"button", DROP}, {"canvas", DROP},
    {"caption", BLOCK}, {"center", BLOCK}, {"datalist", DROP}, {"dd", BLOCK}, {"details", PARA},
    {"dialog", DROP}, {"dir", LIST}, {"div", BLOCK}, {"dl", PARA}, {"dt", BLOCK}, {"embed", DROP},
    {"fieldset", PARA}, {"figcaption", PARA}, {"figure", PARA}, {"footer", DROP}, {"form", FORM},
    {"frame", DROP}, {"frameset", DROP}, {"h1", PARA}, {"h2", PARA}, {"h3", PARA}, {"h4", PARA},
    {"h5", PARA}, {"h6", PARA}, {"head", DROP}, {"header", HEADER}, {"hr", PARA}, {"iframe", DROP},
    {"input", DROP}, {"legend", BLOCK}, {"li", ITEM}, {"link", DROP}, {"listing", PRE},
    {"main", PARA}, {"map", DROP}, {"menu", LIST}, {"meta", DROP}, {"nav", DROP},
    {"noframes", DROP}, {"noscript", DROP}, {"object", DROP}, {"ol", LIST}, {"optgroup", DROP},
    {"option", DROP}, {"p", PARA}, {"param", DROP}, {"picture", DROP}, {"pre", PRE},
    {"progress", DROP}, {"q", QUOTE}, {"rp", DROP}, {"script", DROP}, {"section", PARA},
    {"select", DROP}, {"style", DROP}, {"summary", BLOCK}, {"svg", DROP}, {"table", TABLE},
    {"td", CELL}, {"template", DROP}, {"textarea", DROP}, {"th", CELL}, {"title", DROP},
    {"tr", ROW}, {"ul", LIST}, {"video", DROP}, {"xmp", PRE}};

static int by_element(const void *key, const void *e)
{
	return strcasecmp(key, *(const char *const *)e);
}

static enum element element_of(const xmlNode *n)
{
	const void *e = bsearch(n->name, elements, sizeof(elements) / sizeof(*elements),
	    sizeof(*elements), by_element);

	return e ? elements[((const char *)e - (const char *)elements) / (long)sizeof(*elements)]
		       .is
		 : INLINE;
}

static int named(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !strcasecmp((const char *)n->name, name);
}

static const char *attr(const xmlNode *n, const char *name)
{
	for (const xmlAttr *a = n->properties; a; a = a->next)
		if (!strcasecmp((const char *)a->name, name))
			return a->children && a->children->content
				   ? (const char *)a->children->content
				   : "";
	return NULL;
}

/* Is one of the words of v in the list? */
static int has_word(const char *v, const char *const *list)
{
	while (*v) {
		size_t n;

		v += strspn(v, " \t\r\n\f");
		n = strcspn(v, " \t\r\n\f");
		for (size_t i = 0; n && list[i]; i++)
			if (strlen(list[i]) == n && !strncasecmp(v, list[i], n))
				return 1;
		v += n;
	}
	return 0;
}

/* Words of class and id that sites and generators use for what is not the text. */
static const char *const furniture[] = {"nav", "navbar", "navigation", "navheader", "navfooter",
    "sidebar", "sidebar-wrapper", "sphinxsidebar", "sphinxsidebarwrapper", "breadcrumb",
    "breadcrumbs", "footer", "site-footer", "page-footer", "site-header", "masthead", "noprint",
    "printfooter", "catlinks", "editsection", "mw-editsection", "mw-jump", "mw-jump-link",
    "jump-to-nav", "headerlink", "anchor-link", "cookie-banner", "cookie-notice", "cookies",
    "advert", "advertisement", "ads", "ad-container", "social", "social-links", "share",
    "share-buttons", "sharing", "related-posts", "pagination", "pager", "skip-link", "skiplink",
    "visually-hidden", "sr-only", "screen-reader-text", "t-navbar", "toc", "menubar", NULL};
static const char *const roles[] = {"navigation", "banner", "contentinfo", "search",
    "complementary", "menu", "menubar", "toolbar", "dialog", "alertdialog", NULL};

/* style="display: none" in its spellings. */
static int not_displayed(const char *style)
{
	for (; *style; style++) {
		const char *s = style;

		if ((*s | 32) != 'd' || strncasecmp(s, "display", 7))
			continue;
		s += 7 + strspn(s + 7, " \t");
		if (*s == ':' && !strncasecmp(s + 1 + strspn(s + 1, " \t"), "none", 4))
			return 1;
	}
	return 0;
}

static int is_furniture(const xmlNode *n)
{
	for (const xmlAttr *a = n->properties; a; a = a->next) {
		const char *name = (const char *)a->name;
		const char *v =
		    a->children && a->children->content ? (const char *)a->children->content : "";

		switch (name[0] | 32) {
		case 'c':
			if (!strcasecmp(name, "class") && has_word(v, furniture))
				return 1;
			break;
		case 'i':
			if (!strcasecmp(name, "id") && has_word(v, furniture))
				return 1;
			break;
		case 'r':
			if (!strcasecmp(name, "role") && has_word(v, roles))
				return 1;
			break;
		case 'h':
			if (!strcasecmp(name, "hidden"))
				return 1;
			break;
		case 'a':
			if (!strcasecmp(name, "aria-hidden") && !strcasecmp(v, "true"))
				return 1;
			break;
		case 's':
			if (!strcasecmp(name, "style") && not_displayed(v))
				return 1;
			break;
		}
	}
	return 0;
}

/* --- the walk ----------------------------------------------------------------------------------- */

/* The next node in document order below top; into says whether n's children count. */
static xmlNode *following(const xmlNode *top, xmlNode *n, int into)
{
	if (into && n->children && n->type != XML_ENTITY_REF_NODE)
		return n->children;
	while (n != top && !n->next)
		n = n->parent;
	return n == top ? NULL : n->next;
}

/* Bytes of text below n that are not blank, without what is never text. */
static size_t text_size(xmlNode *top)
{
	size_t size = 0;

	for (xmlNode *n = top; n;) {
		int into = n->type != XML_ELEMENT_NODE || n == top || element_of(n) != DROP;

		if (n->type == XML_TEXT_NODE)
			for (const char *s = (const char *)n->content; *s; s++)
				size += (unsigned char)*s > ' ';
		n = following(top, n, into);
	}
	return size;
}

/* The part that the page calls its main one, or NULL. */
static xmlNode *main_part(xmlNode *body)
{
	xmlNode *article = NULL, *found = NULL;
	int n_articles = 0;

	for (xmlNode *n = body; n; n = following(body, n, 1)) {
		const char *role;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		role = n->properties ? attr(n, "role") : NULL;
		if (named(n, "main") || (role && !strcasecmp(role, "main"))) {
			found = n;
			break;
		}
		if (named(n, "article") && !n_articles++)
			article = n;
	}
	if (!found && n_articles == 1)
		found = article;
	return found && 4 * text_size(found) >= text_size(body) ? found : NULL;
}

/* Does a table hold what a line of cells cannot show? */
static int lays_out(xmlNode *table)
{
	const char *role = attr(table, "role");

	if (role && !strcasecmp(role, "presentation"))
		return 1;
	for (xmlNode *n = following(table, table, 1); n; n = following(table, n, 1)) {
		if (n->type != XML_ELEMENT_NODE)
			continue;
		switch (element_of(n)) {
		case TABLE:
		case PRE:
		case LIST:
		case FORM:
			return 1;
		case PARA:
			if (!named(n, "p") && !named(n, "hr"))
				return 1;
			break;
		default:
			break;
		}
	}
	return 0;
}

struct walk {
	struct prose p;
	int pre;      /* depth of pre */
	int lists;    /* depth of lists */
	int cells;    /* depth of tables whose rows are lines of cells */
	int articles; /* depth of articles */
	int table_depth;
	size_t page_text; /* bytes, once counted */
	int counted;
	xmlNode *root;
};

/* Blocks break lines, but not within cells. */
static void line_break(struct walk *w, unsigned n)
{
	if (w->cells)
		prose_space(&w->p);
	else
		prose_break(&w->p, w->lists && n > 1 ? 1 : n);
}

static int keep_form(struct walk *w, xmlNode *form)
{
	if (!w->counted)
		w->page_text = text_size(w->root);
	w->counted = 1;
	return 2 * text_size(form) > w->page_text;
}

static int first_cell(const xmlNode *n)
{
	for (n = n->prev; n; n = n->prev)
		if (n->type == XML_ELEMENT_NODE && element_of(n) == CELL)
			return 0;
	return 1;
}

/* Begin an element; 1: go into it. */
static int enter(struct walk *w, xmlNode *n)
{
	enum element e = element_of(n);

	if (e == DROP || (n != w->root && n->properties && is_furniture(n) && !named(n, "body")))
		return 0;
	switch (e) {
	case HEADER:
		if (!w->articles)
			return 0;
		line_break(w, 2);
		break;
	case FORM:
		if (n != w->root && !keep_form(w, n))
			return 0;
		line_break(w, 2);
		break;
	case PARA:
		w->articles += named(n, "article") || named(n, "main") || named(n, "section");
		line_break(w, 2);
		break;
	case BLOCK:
		line_break(w, 1);
		break;
	case LIST:
		line_break(w, w->lists ? 1 : 2);
		w->lists++;
		break;
	case ITEM:
		line_break(w, 1);
		if (!w->cells) {
			w->p.indent = 2 * (w->lists ? w->lists : 1);
			prose_mark(&w->p, "- ");
		}
		break;
	case BR:
		if (w->pre)
			prose_newline(&w->p);
		else
			line_break(w, 1);
		break;
	case PRE:
		line_break(w, 2);
		w->pre++;
		break;
	case TABLE:
		line_break(w, 2);
		if (w->cells || !lays_out(n))
			w->cells++;
		w->table_depth++;
		break;
	case ROW:
		if (w->cells)
			prose_break(&w->p, w->cells == 1);
		else
			line_break(w, 1);
		break;
	case CELL:
		if (!w->cells)
			line_break(w, 1);
		else if (!first_cell(n))
			prose_tab(&w->p);
		break;
	case QUOTE:
		prose_words(&w->p, "\"", 1);
		break;
	default:
		break;
	}
	return 1;
}

static void leave(struct walk *w, xmlNode *n)
{
	switch (element_of(n)) {
	case HEADER:
	case FORM:
		line_break(w, 2);
		break;
	case PARA:
		w->articles -= named(n, "article") || named(n, "main") || named(n, "section");
		line_break(w, 2);
		break;
	case BLOCK:
		line_break(w, 1);
		break;
	case LIST:
		w->lists--;
		w->p.indent = 2 * w->lists;
		w->p.mark = NULL;
		line_break(w, w->lists ? 1 : 2);
		break;
	case ITEM:
		w->p.mark = NULL;
		w->p.indent = w->lists > 1 ? 2 * (w->lists - 1) : 0;
		line_break(w, 1);
		break;
	case PRE:
		w->pre--;
		line_break(w, 2);
		break;
	case TABLE:
		if (w->cells)
			w->cells--;
		w->table_depth--;
		line_break(w, 2);
		break;
	case ROW:
		if (!w->cells)
			line_break(w, 1);
		else
			prose_break(&w->p, 1);
		break;
	case CELL:
		if (!w->cells)
			line_break(w, 1);
		break;
	case QUOTE:
		prose_words(&w->p, "\"", 1);
		break;
	default:
		break;
	}
}

static void put_text(struct walk *w, const xmlNode *n)
{
	const char *s = (const char *)n->content;
	size_t len = s ? strlen(s) : 0;

	if (!w->pre || w->cells) {
		prose_words(&w->p, s ? s : "", len);
		return;
	}
	if (len && *s == '\n' && prose_at_start(&w->p) && !n->prev)
		s++, len--;
	prose_verbatim(&w->p, s ? s : "", len);
}

static void walk(struct walk *w)
{
	xmlNode *n = w->root;

	for (;;) {
		int into = 0;

		if (n->type == XML_TEXT_NODE)
			put_text(w, n);
		else if (n->type == XML_ELEMENT_NODE && enter(w, n)) {
			into = n->children != NULL;
			if (!into)
				leave(w, n);
		}
		if (into) {
			n = n->children;
			continue;
		}
		while (n != w->root && !n->next) {
			n = n->parent;
			leave(w, n);
		}
		if (n == w->root)
			return;
		n = n->next;
	}
}

/* <title> and the page's language. */
static void about(xmlNode *html, struct buf *title, struct buf *lang)
{
	struct prose p = {.b = title};
	const char *v = attr(html, "lang");

	if (v)
		buf_str(lang, v);
	for (xmlNode *n = html; n; n = following(html, n, !named(n, "body")))
		if (named(n, "title")) {
			for (xmlNode *t = n->children; t; t = t->next)
				if (t->type == XML_TEXT_NODE && t->content)
					prose_words(&p, (const char *)t->content,
					    strlen((const char *)t->content));
			return;
		}
}

static xmlNode *body_of(xmlNode *html)
{
	for (xmlNode *n = html->children; n; n = n->next)
		if (named(n, "body"))
			return n;
	return html;
}

void htmltext_init(void)
{
	xmlInitParser();
}

unsigned htmltext_entity(const char *name)
{
	const htmlEntityDesc *e = htmlEntityLookup((const xmlChar *)name);

	return e ? e->value : 0;
}

int htmltext(
    const char *s, size_t n, int huge, struct buf *text, struct buf *title, struct buf *lang)
{
	htmlParserCtxtPtr ctxt = htmlNewParserCtxt();
	htmlDocPtr doc;
	xmlNode *html;
	int stopped;

	if (!ctxt || n > INT_MAX) {
		htmlFreeParserCtxt(ctxt);
		err_set("page of %zu bytes is too large for libxml2", n);
		return -1;
	}
	if (huge)
		ctxt->options |= XML_PARSE_HUGE;
	doc = htmlCtxtReadMemory(ctxt, s, (int)n, NULL, "UTF-8",
	    HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
		HTML_PARSE_COMPACT | HTML_PARSE_NODEFDTD | HTML_PARSE_IGNORE_ENC);
	stopped = ctxt->disableSAX;
	if (stopped)
		err_set("libxml2 gave up at line %d: %.*s (--huge lifts its limits)",
		    ctxt->lastError.line,
		    ctxt->lastError.message ? (int)strcspn(ctxt->lastError.message, "\n") : 0,
		    ctxt->lastError.message ? ctxt->lastError.message : "");
	html = doc && !stopped ? xmlDocGetRootElement(doc) : NULL;
	if (html) {
		struct walk w = {.p.b = text};
		xmlNode *body = body_of(html), *part = main_part(body);

		w.root = part ? part : body;
		w.articles = part != NULL;
		about(html, title, lang);
		walk(&w);
	}
	xmlFreeDoc(doc);
	htmlFreeParserCtxt(ctxt);
	return stopped ? -1 : 0;
}
