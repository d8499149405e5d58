/* roff_int: what the parts of the interpreter share.  Private to roff*.c. */
#ifndef OLMO_DOC_ROFF_INT_H
#define OLMO_DOC_ROFF_INT_H

#include "doc/prose.h"
#include "doc/roff.h"

enum {
	ROFF_ARGS = 256,    /* arguments of one line */
	ROFF_INPUTS = 64,   /* macros within macros */
	ROFF_LISTS = 32,    /* lists within lists */
	ROFF_STEP = 4,      /* blanks of indentation */
	ROFF_NAMES = 8192,  /* strings and macros of a page */
	ROFF_LINES = 200000 /* macros expanded and strings interpolated, or 64 bytes of them */
};

struct roff_arg {
	const char *p;
	size_t len;
	int quoted;
};

/* A string or macro that the page defined. */
struct roff_name {
	char *name;
	struct buf body;
	int macro;
};

struct roff_reg {
	char *name;
	long value;
};

/* Where lines come from: the page, or a macro being expanded. */
struct roff_input {
	const char *p, *end;
	char *own; /* freed at the end */
};

struct roff_list {
	int type; /* of mdoc's .Bl */
	int compact, number, items;
	int indent;  /* outside of the list */
	int in_head; /* the head of an item is being written */
};

struct roff {
	struct roff_page *page;
	struct prose p;
	struct roff_input in[ROFF_INPUTS];
	int n_in;
	unsigned line;   /* of the page */
	unsigned budget; /* lines of macros left */
	struct roff_name *names;
	size_t n_names;
	struct roff_reg *regs;
	size_t n_regs;
	int last_if[ROFF_INPUTS]; /* result of .ie, by depth */
	int failed;

	int nofill;
	int base;       /* indentation by .RS */
	int tag;        /* .TP: the next line is the tag */
	int tight;      /* .PD 0 */
	int cont;       /* \c: the next line follows without blank */
	int head_next;  /* .SH without argument: the next line is the heading */
	struct buf ref; /* address of .UR or .MT */
	struct buf esc; /* decoded text of the piece in hand */

	/* tbl */
	int table;      /* 0 no, 1 options and formats, 2 data */
	int table_text; /* in T{ … T} */
	char table_tab;

	/* mdoc */
	int mdoc;
	int no_space; /* the next word follows without blank */
	int spacing;  /* .Sm */
	int synopsis, name_section;
	int after; /* macro class of the last synopsis line */
	struct buf nm;
	struct roff_list list[ROFF_LISTS];
	int n_lists;
	int fo_args; /* in .Fo: -1 no, else arguments so far */
	int saved_fill[ROFF_LISTS], saved_indent[ROFF_LISTS], n_disp;
	const char *pending[ROFF_ARGS]; /* closers of the line's enclosures */
	int n_pending;
	struct buf eo; /* closer of .Eo */
	int nosplit, an_seen;
};

/* Split the rest of a line; returns the number of arguments. */
int roff_args(const char *s, const char *end, struct roff_arg *a, int max);
/* Append the text of s, escapes decoded, to out. */
void roff_escapes(struct roff *r, const char *s, size_t n, struct buf *out);
/* s as text of the page: filled or verbatim. */
void roff_put(struct roff *r, const char *s, size_t n);
/* The end of a line of text. */
void roff_eol(struct roff *r);
void roff_para(struct roff *r); /* the break before a paragraph */
/* A line of macro `name` of the packages: 1 done, 0 unknown. */
int roff_man(struct roff *r, const char *name, const char *rest, const char *end);
int roff_mdoc(struct roff *r, const char *name, const char *rest, const char *end);
/* A line of text or macros again, as if it stood in the page. */
void roff_line(struct roff *r, const char *s, const char *end);
const struct roff_name *roff_find(const struct roff *r, const char *name, size_t n);
long roff_reg(const struct roff *r, const char *name, size_t n);
/* UTF-8 of special character `name`, text of a string of the packages; NULL: none. */
const char *roff_char(const char *name, size_t n);
const char *roff_predefined(const char *name, size_t n);

#endif
