/* taggers: the list of taggers and what their files share (private to common/text). */
#ifndef OLMO_TEXT_TAGGERS_H
#define OLMO_TEXT_TAGGERS_H

#include "text/tagger.h"

/* lengths.c */
extern const struct tagger tagger_bytes_length_v1, tagger_char_length_v1,
    tagger_char_length_strip_ws_v1, tagger_char_length_with_paragraphs_v1, tagger_doc_count_v1,
    tagger_whitespace_tokenizer_v1, tagger_whitespace_tokenizer_with_paragraphs_v1,
    tagger_uniseg_length_v1, tagger_uniseg_length_paragraphs_v1,
    tagger_uniseg_length_paragraphs_with_empty_v1,
    tagger_uniseg_length_paragraphs_with_doc_length_v1, tagger_not_alphanum_paragraph_v1;
/* len(split(r"\w+|[^\w\s]+")): one more than there are matches. */
uint64_t ws_tokens(const char *s, size_t n);
/* code.c */
extern const struct tagger tagger_code_copyright_comments_v1, tagger_code_redpajama_taggers_v1,
    tagger_generated;
/* repeat.c */
extern const struct tagger tagger_paragraph_repetitions_v1, tagger_repetitions_v1;
/* gopher.c */
extern const struct tagger tagger_gopher_v1, tagger_gopher_v2, tagger_gopher;
void gramtab_free(struct gramtab *g);
/* c4.c */
extern const struct tagger tagger_c4_v1, tagger_c4_v2, tagger_c4;
/* pii.c */
extern const struct tagger tagger_pii_regex_v2, tagger_pii_regex_with_counts_fast_v2, tagger_pii;

#endif
