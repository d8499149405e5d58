/* The only C++ of this project: exceptions, streams and strings of libfasttext end here. */
#include "text/ft.h"

#include <cmath>
#include <cstring>
#include <exception>
#include <fstream>
#include <istream>
#include <memory>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <vector>

#include <fasttext/fasttext.h>

/* err.h is C. */
#define _Noreturn [[noreturn]]

extern "C" {
#include "base/err.h"
#include "text/ftfile.h"
}

namespace
{

/* checkModel is protected, and must be called: without it the library reads its version
 * uninitialised. */
struct Model : fasttext::FastText {
	bool check(std::istream &in)
	{
		return checkModel(in);
	}
};

/* A stream over bytes that are not copied. */
struct Bytes : std::streambuf {
	void set(char *p, size_t n)
	{
		setg(p, p, p + n);
	}
};

} // namespace

struct ft {
	Model model;
	std::shared_ptr<const fasttext::Dictionary> dict;
	std::string prefix;
	std::vector<std::string> labels;
};

struct ftwork {
	std::vector<char> line;
	Bytes bytes;
	std::istream in;
	std::vector<int32_t> words, labels;
	fasttext::Predictions found;
	std::vector<ft_pred> out;

	ftwork() : in(&bytes)
	{
	}
};

extern "C" struct ft *ft_load(const char *path)
{
	/* The library trusts sizes and never looks whether a read came up short. */
	if (ftfile_check(path) < 0)
		return nullptr;
	try {
		auto m = std::make_unique<ft>();
		std::ifstream in(path, std::ios::binary);

		in.exceptions(std::ios::failbit | std::ios::badbit | std::ios::eofbit);
		if (!m->model.check(in))
			throw std::invalid_argument("not a fastText model of version 12 or older");
		m->model.loadModel(in);
		m->dict = m->model.getDictionary();
		m->prefix = m->model.getArgs().label;
		for (int32_t i = 0; i < m->dict->nlabels(); i++)
			m->labels.push_back(m->dict->getLabel(i));
		return m.release();
	} catch (const std::exception &e) {
		err_set("cannot load fastText model '%s': %s", path, e.what());
	} catch (...) {
		err_set("cannot load fastText model '%s'", path);
	}
	return nullptr;
}

extern "C" void ft_free(struct ft *m)
{
	delete m;
}

extern "C" size_t ft_labels(const struct ft *m)
{
	return m->labels.size();
}

extern "C" const char *ft_label(const struct ft *m, int32_t label)
{
	return m->labels[static_cast<size_t>(label)].c_str();
}

extern "C" const char *ft_prefix(const struct ft *m)
{
	return m->prefix.c_str();
}

extern "C" struct ftwork *ftwork_new(const struct ft *m)
{
	try {
		auto w = std::make_unique<ftwork>();

		w->out.reserve(m->labels.size());
		return w.release();
	} catch (...) {
		err_set("out of memory for a classifier");
	}
	return nullptr;
}

extern "C" void ftwork_free(struct ftwork *w)
{
	delete w;
}

extern "C" size_t ft_predict(
    const struct ft *m, struct ftwork *w, const char *text, size_t len, const struct ft_pred **out)
{
	try {
		w->line.resize(len + 1);
		if (len)
			std::memcpy(w->line.data(), text, len);
		for (char *p = w->line.data(), *end = p + len;
		     (p = static_cast<char *>(
			  std::memchr(p, '\n', static_cast<size_t>(end - p))));)
			*p++ = ' ';
		w->line[len] = '\n';
		w->bytes.set(w->line.data(), len + 1);
		w->in.clear();
		m->dict->getLine(w->in, w->words, w->labels);
		w->found.clear();
		w->out.clear();
		if (!w->words.empty())
			m->model.predict(
			    static_cast<int32_t>(m->labels.size()), w->words, w->found);
		for (const auto &f : w->found)
			w->out.push_back({f.second, std::exp(f.first)});
		*out = w->out.data();
		return w->out.size();
	} catch (const std::exception &e) {
		err_set("fastText: %s", e.what());
	} catch (...) {
		err_set("fastText failed");
	}
	return FT_FAILED;
}
