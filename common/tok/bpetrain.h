/* bpetrain: learn a byte-level BPE vocabulary from word counts, as Hugging Face's BpeTrainer does.
 *
 *	struct bpetrain_spec spec = {.vocab_size = 50280, .alphabet_all = 1, .nfc = 1};
 *	bpetrain_added(&spec, "<|endoftext|>", 1);
 *	t = bpetrain_splitter(&spec);			encoder_new(t), encoder_split() → words
 *	struct bpetrain *m = bpetrain_run(&spec, &words);	NULL: err_msg
 *	bpetrain_json(m, &spec, &json);			a complete tokenizer.json
 *	bpetrain_free(m);
 *	bpetrain_spec_release(&spec);
 *
 * Ids are given to the added tokens in their order, then to the alphabet (single bytes, in the order
 * of their byte-level characters), then to merges.  The count of a pair is the sum over the words
 * of the word's count times its occurrences, overlapping ones too (64 bits; Hugging Face's wrap at
 * 2^31).  The most frequent pair is merged, among equals the one with the lowest (left id, right
 * id); a merge goes through a word from left to right without overlaps.  It ends when the
 * vocabulary is full, or no pair is left that occurs min_frequency times.  When the text of a merge
 * is in the vocabulary already, its id is used again and the merge is recorded all the same.
 *
 * The result depends on the counts only.  Time is about that of touching every occurrence of a pair
 * once a merge; memory 12 bytes a symbol of the distinct words, plus the words.
 */
#ifndef OLMO_TOK_BPETRAIN_H
#define OLMO_TOK_BPETRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "tok/pretok.h"
#include "tok/tokenizer.h"
#include "tok/wordcount.h"

struct bpetrain_added {
	char *content;
	int special; /* else an ordinary added token: found in text, kept in decoded text */
};

struct bpetrain_spec {
	uint32_t vocab_size;
	uint64_t min_frequency;
	int alphabet_all; /* all 256 bytes; else those that the words hold */
	int nfc;          /* normalizer NFC, else none */
	int cut_added;    /* leave added tokens in the text out of the counts */
	enum pretok_kind split;
	struct bpetrain_added *added;
	size_t n_added;
};
void bpetrain_added(struct bpetrain_spec *spec, const char *content, int special);
void bpetrain_spec_release(struct bpetrain_spec *spec);

/* A tokenizer without vocabulary, for encoder_split(). */
struct tokenizer *bpetrain_splitter(const struct bpetrain_spec *spec);

struct bpetrain;
/* Takes the words' order into its own hands (wordcount_sort). */
struct bpetrain *bpetrain_run(const struct bpetrain_spec *spec, struct wordcount *words);
size_t bpetrain_vocab(const struct bpetrain *m);  /* size reached */
size_t bpetrain_merges(const struct bpetrain *m); /* merges learnt */
void bpetrain_json(const struct bpetrain *m, const struct bpetrain_spec *spec, struct buf *out);
void bpetrain_free(struct bpetrain *m); /* NULL is fine */

#endif
