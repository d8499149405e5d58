#include "text/tagger.h"

#include <stdlib.h>
#include <string.h>

#include "text/taggers.h"

/* In order of names. */
static const struct tagger *const all[] = {
    &tagger_bytes_length_v1,
    &tagger_c4,
    &tagger_c4_v1,
    &tagger_c4_v2,
    &tagger_char_length_strip_ws_v1,
    &tagger_char_length_v1,
    &tagger_char_length_with_paragraphs_v1,
    &tagger_code_copyright_comments_v1,
    &tagger_code_redpajama_taggers_v1,
    &tagger_doc_count_v1,
    &tagger_generated,
    &tagger_gopher,
    &tagger_gopher_v1,
    &tagger_gopher_v2,
    &tagger_not_alphanum_paragraph_v1,
    &tagger_paragraph_repetitions_v1,
    &tagger_pii,
    &tagger_pii_regex_v2,
    &tagger_pii_regex_with_counts_fast_v2,
    &tagger_repetitions_v1,
    &tagger_uniseg_length_paragraphs_v1,
    &tagger_uniseg_length_paragraphs_with_doc_length_v1,
    &tagger_uniseg_length_paragraphs_with_empty_v1,
    &tagger_uniseg_length_v1,
    &tagger_whitespace_tokenizer_v1,
    &tagger_whitespace_tokenizer_with_paragraphs_v1,
};

const struct tagger *tagger_at(size_t i)
{
	return i < sizeof(all) / sizeof(*all) ? all[i] : NULL;
}

const struct tagger *tagger_find(const char *name)
{
	const struct tagger *t;

	for (size_t i = 0; (t = tagger_at(i)); i++)
		if (!strcmp(t->name, name))
			break;
	return t;
}

int tagwork_text(struct tagwork *w, const char *text, size_t len, size_t n_cp)
{
	return segment_text(&w->seg, text, len, n_cp);
}

void tagwork_release(struct tagwork *w)
{
	segment_release(&w->seg);
	gramtab_free(w->grams);
	repeats_release(&w->repeats);
	free(w->scratch);
	*w = (struct tagwork){0};
}

void tagger_run(const struct tagger *t, struct tagwork *w, struct attrs *a, const char *name)
{
	struct tagrun r = {
	    .tagger = t, .w = w, .seg = &w->seg, .a = a, .name = name ? name : t->name};

	for (size_t i = 0; i < TAGGER_TYPES; i++)
		r.key[i] = SIZE_MAX;
	t->run(&r);
}

void tag_key(struct tagrun *r, int type)
{
	if (r->key[type] == SIZE_MAX)
		r->key[type] = attrs_key3(r->a, r->name, r->tagger->name, r->tagger->types[type]);
}

void tag(struct tagrun *r, int type, uint64_t start, uint64_t end, double score)
{
	tag_key(r, type);
	attrs_span(r->a, r->key[type], start, end, score);
}

void tag_doc(struct tagrun *r, int type, double score)
{
	tag(r, type, 0, r->seg->n_cp, score);
}
