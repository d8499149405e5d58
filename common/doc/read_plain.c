/* read_plain: text and source (a file is a document), lines (a line is one). */
#include <string.h>

#include "doc/charset.h"
#include "doc/reader.h"

/* The lines up to the next separator line; the id's number is that of the part's first line. */
static int part_next(struct reader *r, struct rec *rec)
{
	const char *sep = r->opt->separator;
	size_t sep_len = strlen(sep), len;
	uint64_t first = in_lineno(r->in) + 1;
	int rc, blank = 1, ended = 0;
	char *line;

	while ((rc = in_line(r->in, &line, &len)) > 0) {
		ended = len == sep_len && !memcmp(line, sep, len);
		if (ended)
			break;
		for (size_t i = 0; blank && i < len; i++)
			blank = line[i] == ' ' || line[i] == '\t' || line[i] == '\r';
		if (rec->raw.len <= r->opt->max_bytes) {
			buf_add(&rec->raw, line, len);
			buf_add(&rec->raw, "\n", 1);
		}
	}
	if (rc < 0 || (!rc && !ended && in_lineno(r->in) + 1 == first))
		return rc;
	rec_where(rec, r->path, ':', first);
	buf_printf(&rec->id, ":%llu", (unsigned long long)first);
	if (rec->raw.len > r->opt->max_bytes)
		rec_bad(rec, "text before the line '%s' is longer than --max-bytes", sep);
	else if (blank)
		rec_skip(rec, "empty");
	return 1;
}

static int whole_next(struct reader *r, struct rec *rec)
{
	return r->opt->separator ? part_next(r, rec) : reader_slurp(r, rec);
}

static void plain_convert(const struct reader_opt *opt, struct rec *rec)
{
	(void)opt;
	rec->repaired = charset_repair(rec->raw.p ? rec->raw.p : "", rec->raw.len, &rec->text);
}

static int lines_next(struct reader *r, struct rec *rec)
{
	char *line;
	size_t len;
	int rc = in_line(r->in, &line, &len);

	if (rc <= 0)
		return rc;
	rec_where(rec, r->path, ':', in_lineno(r->in));
	if (len > r->opt->max_bytes) {
		rec_bad(rec, "line of %zu bytes is longer than --max-bytes", len);
		return 1;
	}
	buf_printf(&rec->id, ":%llu", (unsigned long long)in_lineno(r->in));
	buf_add(&rec->raw, line, len);
	if (!len)
		rec_skip(rec, "empty");
	return 1;
}

/* --- languages of program code ------------------------------------------------------------------ */

static const char *const by_suffix[][2] = {{".c", "c"}, {".h", "c"}, {".cpp", "c++"},
    {".cc", "c++"}, {".cxx", "c++"}, {".hpp", "c++"}, {".hh", "c++"}, {".cu", "cuda"},
    {".py", "python"}, {".pyi", "python"}, {".go", "go"}, {".java", "java"}, {".js", "javascript"},
    {".mjs", "javascript"}, {".ts", "typescript"}, {".tsx", "typescript"}, {".pl", "perl"},
    {".pm", "perl"}, {".rs", "rust"}, {".sh", "shell"}, {".bash", "shell"}, {".zsh", "shell"},
    {".rb", "ruby"}, {".hs", "haskell"}, {".ml", "ocaml"}, {".mli", "ocaml"}, {".mk", "make"},
    {".awk", "awk"}, {".lua", "lua"}, {".tcl", "tcl"}, {".php", "php"}, {".cs", "c#"},
    {".swift", "swift"}, {".kt", "kotlin"}, {".scala", "scala"}, {".clj", "clojure"},
    {".el", "emacs-lisp"}, {".lisp", "common-lisp"}, {".scm", "scheme"}, {".erl", "erlang"},
    {".ex", "elixir"}, {".exs", "elixir"}, {".f", "fortran"}, {".f90", "fortran"}, {".r", "r"},
    {".R", "r"}, {".jl", "julia"}, {".m", "objective-c"}, {".s", "assembly"}, {".S", "assembly"},
    {".asm", "assembly"}, {".sql", "sql"}, {".html", "html"}, {".css", "css"}, {".xml", "xml"},
    {".json", "json"}, {".yaml", "yaml"}, {".yml", "yaml"}, {".toml", "toml"}, {".md", "markdown"},
    {".rst", "restructuredtext"}, {".tex", "tex"}, {".vim", "vim-script"}, {".bats", "shell"},
    {".cmake", "cmake"}, {".d", "d"}, {".pas", "pascal"}, {".ada", "ada"}, {".adb", "ada"},
    {".v", "verilog"}, {".vhd", "vhdl"}, {".proto", "protocol-buffer"}, {".dart", "dart"}};
static const char *const by_name[][2] = {{"Makefile", "make"}, {"makefile", "make"},
    {"GNUmakefile", "make"}, {"CMakeLists.txt", "cmake"}, {"Dockerfile", "dockerfile"},
    {"Rakefile", "ruby"}, {"Gemfile", "ruby"}};
static const char *const by_program[][2] = {{"python", "python"}, {"perl", "perl"},
    {"bash", "shell"}, {"dash", "shell"}, {"ksh", "shell"}, {"zsh", "shell"}, {"sh", "shell"},
    {"ruby", "ruby"}, {"node", "javascript"}, {"awk", "awk"}, {"gawk", "awk"}, {"lua", "lua"},
    {"tclsh", "tcl"}, {"wish", "tcl"}, {"php", "php"}, {"make", "make"}, {"Rscript", "r"}};

/* The program of a #! line, without directory, "env", its options and the digits of a version. */
static const char *shebang(const char *s, size_t n)
{
	const char *nl = memchr(s, '\n', n), *end = nl ? nl : s + n;
	char word[64];

	if (n < 3 || s[0] != '#' || s[1] != '!')
		return NULL;
	for (s += 2; s < end;) {
		size_t len = 0;

		while (s < end && (*s == ' ' || *s == '\t'))
			s++;
		for (; s < end && *s != ' ' && *s != '\t' && *s != '\r'; s++) {
			if (*s == '/')
				len = 0;
			else if (len < sizeof(word) - 1)
				word[len++] = *s;
		}
		word[len] = 0;
		if (!len || word[0] == '-' || strchr(word, '=') || !strcmp(word, "env")) {
			s += s < end;
			continue;
		}
		while (len && strchr("0123456789.", word[len - 1]))
			word[--len] = 0;
		for (size_t i = 0; i < sizeof(by_program) / sizeof(*by_program); i++)
			if (!strcmp(word, by_program[i][0]))
				return by_program[i][1];
		return NULL;
	}
	return NULL;
}

/* The name of the file without directory and the suffix of compression. */
static void base_name(const char *path, char out[256])
{
	const char *slash = strrchr(path, '/');
	const char *b = slash ? slash + 1 : path;
	size_t n = strlen(b);

	if (n > 3 && !strcmp(b + n - 3, ".gz"))
		n -= 3;
	else if (n > 4 && !strcmp(b + n - 4, ".zst"))
		n -= 4;
	n = n < 255 ? n : 255;
	memcpy(out, b, n);
	out[n] = 0;
}

static const char *language(const char *path, const char *s, size_t n)
{
	char base[256];
	const char *dot;

	base_name(path, base);
	for (size_t i = 0; i < sizeof(by_name) / sizeof(*by_name); i++)
		if (!strcmp(base, by_name[i][0]))
			return by_name[i][1];
	dot = strrchr(base, '.');
	for (size_t i = 0; dot && i < sizeof(by_suffix) / sizeof(*by_suffix); i++)
		if (!strcmp(dot, by_suffix[i][0]))
			return by_suffix[i][1];
	return shebang(s, n);
}

static int source_next(struct reader *r, struct rec *rec)
{
	int rc = reader_slurp(r, rec);
	const char *lang = rc > 0 ? language(r->path, rec->raw.p, rec->raw.len) : NULL;

	if (lang)
		rec_meta(rec, "language", lang, strlen(lang));
	return rc;
}

static int any_file(const char *name)
{
	(void)name;
	return 1;
}

const struct reader_kind read_text = {"text", NULL, whole_next, plain_convert, NULL, any_file, 0};
const struct reader_kind read_lines = {
    "lines", NULL, lines_next, plain_convert, NULL, any_file, 0};
const struct reader_kind read_source = {
    "source", NULL, source_next, plain_convert, NULL, any_file, 0};
