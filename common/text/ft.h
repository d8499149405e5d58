/* ft: fastText classifiers (Joulin et al. 2016, arXiv 1607.01759) through libfasttext 0.9.
 *
 *	struct ft *m = ft_load("lid.176.ftz");	NULL: err_msg; truncated or foreign files too
 *	struct ftwork *w = ftwork_new(m);		one for each thread; the model is shared
 *	const struct ft_pred *p;
 *	size_t n = ft_predict(m, w, text, len, &p);	all labels, likeliest first; borrowed
 *	ft_label(m, p[0].label)				"__label__en"
 *
 * What the library does with a text, and does not say:
 *	- one line is one example, ended by the token </s>: newlines here count as blanks, and one
 *	  end is added, as the Python binding requires and the command-line tool does;
 *	- words are split at space, \t \v \f \r, NUL and newline only; nothing is lower-cased;
 *	- a text without words still gets an answer, that of </s> alone;
 *	- words that begin with the label prefix are taken for labels and left out;
 *	- a word that is </s> ends the text;
 *	- labels of probability below 1e-5 may be absent, and a probability is exp(log(p + 1e-5)), so that
 *	  it can be a little above 1.
 */
#ifndef OLMO_TEXT_FT_H
#define OLMO_TEXT_FT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ft;
struct ftwork;

struct ft_pred {
	int32_t label;
	float p;
};

struct ft *ft_load(const char *path);
void ft_free(struct ft *m);
size_t ft_labels(const struct ft *m);
const char *ft_label(const struct ft *m, int32_t label); /* with its prefix */
const char *ft_prefix(const struct ft *m);               /* usually "__label__" */

struct ftwork *ftwork_new(const struct ft *m);
void ftwork_free(struct ftwork *w);
/* Number of predictions; 0 when the model gives none; -1 (as size_t) with err_msg. */
#define FT_FAILED ((size_t)-1)
size_t ft_predict(const struct ft *m, struct ftwork *w, const char *text, size_t len,
    const struct ft_pred **out);

#ifdef __cplusplus
}
#endif

#endif
