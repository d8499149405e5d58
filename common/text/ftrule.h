/* ftrule: what Dolma asks a fastText classifier, and how it writes the answer down.
 *
 * Language rules (Dolma 1.2.1, taggers/language.py): the input of the model is text.lower() with
 * newlines as blanks, stripped of white space.
 *
 *	ft_lang_id_doc_v1		every label with its probability
 *	ft_lang_id_1e2			labels above 0.01, rounded to 2 places
 *	ft_lang_id_en_doc_v2		en, and not_en = 1 - en; en is 0 when the model does not say it
 *	ft_lang_id_en_only_v2		en
 *	ft_lang_id_paragraph_v1		every label, for each paragraph that is not blank
 *	ft_lang_id_en_paragraph_v2	en and not_en for each paragraph
 *	ft_lang_id_en_paragraph_with_doc_score_v2	with doc_en: the mean of en weighted by length
 *
 * Classifier rule (taggers/jigsaw.py): the input is the text with newlines as blanks, stripped, not
 * lower-cased; every label with its probability, keys NAME__TAGGER____label__x.  Of two labels the
 * one without "non" in it comes first, as there.
 */
#ifndef OLMO_TEXT_FTRULE_H
#define OLMO_TEXT_FTRULE_H

#include "doc/attr.h"
#include "text/ft.h"
#include "text/segment.h"

struct langrule {
	const char *name, *level, *types;
	unsigned flags; /* private */
};

const struct langrule *langrule_find(const char *name); /* NULL: none */
const struct langrule *langrule_at(size_t i);           /* NULL at the end */

/* A model in one thread. */
struct ftrun {
	const struct ft *model;
	struct ftwork *work;
	size_t first_bytes; /* look at this many bytes of a text or paragraph only; 0: all */
	struct buf low;
	struct ft_pred *doc; /* what the model said of the present document, for several rules */
	size_t n_doc, cap_doc;
	int has_doc;
};

int ftrun_init(struct ftrun *r, const struct ft *m); /* 0 or -1 */
void ftrun_release(struct ftrun *r);
void ftrun_next(struct ftrun *r); /* a new document */

/* Append the attributes of the text in g; name: first part of the keys, tagger: second.  0 or -1. */
int langrule_run(const struct langrule *l, struct ftrun *r, struct segment *g, struct attrs *a,
    const char *name, const char *tagger);
int ftrule_run(struct ftrun *r, struct segment *g, int paragraphs, struct attrs *a,
    const char *name, const char *tagger);

#endif
