#include "io/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/stats.h"
#include "io/out.h"

enum { MAX_REDIRECTS = 10, READ_BYTES = 256 << 10, FROM_BYTES = 64 << 10 };
static const double LONGEST_WAIT_S = 60;

/* --- digests ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum digest digest;
	size_t digits;
} digests[] = {{"md5", DIGEST_MD5, 32}, {"sha256", DIGEST_SHA256, 64},
    {"sha512", DIGEST_SHA512, 128}, {"xxh3", DIGEST_XXH3, 32}};
enum { N_DIGESTS = sizeof(digests) / sizeof(digests[0]) };

static int take_hex(const char *s, size_t digits, char **hex)
{
	if (strlen(s) != digits || strspn(s, "0123456789abcdefABCDEF") != digits) {
		err_set("'%s' is not %zu hexadecimal digits", s, digits);
		return -1;
	}
	*hex = xstrdup(s);
	for (char *p = *hex; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

int fetch_digest_parse(const char *s, enum digest *d, char **hex)
{
	const char *colon = strchr(s, ':');
	size_t n = strlen(s);

	*hex = NULL;
	*d = DIGEST_NONE;
	if (!strcmp(s, "-"))
		return 0;
	if (!colon && (n == 64 || n == 32)) {
		*d = n == 64 ? DIGEST_SHA256 : DIGEST_MD5;
		return take_hex(s, n, hex);
	}
	for (size_t i = 0; colon && i < N_DIGESTS; i++)
		if (strlen(digests[i].name) == (size_t)(colon - s) &&
		    !strncmp(s, digests[i].name, (size_t)(colon - s))) {
			*d = digests[i].digest;
			return take_hex(colon + 1, digests[i].digits, hex);
		}
	err_set("'%s' is no hash: give sha256:HEX, sha512:HEX, md5:HEX, xxh3:HEX or -", s);
	return -1;
}

static const EVP_MD *md_of(enum digest d)
{
	return d == DIGEST_MD5 ? EVP_md5() : d == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();
}

/* XXH3 and, when md is there, its digest of the whole file. */
static int hash_file(const char *path, EVP_MD_CTX *md, struct filehash *h)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *p = xmalloc(READ_BYTES);
	struct hasher x;
	ssize_t n = -1;

	hasher_init(&x);
	h->bytes = 0;
	while (fd >= 0 && (n = read(fd, p, READ_BYTES)) > 0) {
		hasher_add(&x, p, (size_t)n);
		if (md)
			EVP_DigestUpdate(md, p, (size_t)n);
		h->bytes += (uint64_t)n;
	}
	h->xxh3 = hasher_128(&x);
	if (n < 0)
		err_sys("cannot read '%s'", path);
	hasher_release(&x);
	free(p);
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static void to_hex(const unsigned char *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

int fetch_check(const char *path, enum digest d, const char *hex, struct filehash *h)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char got[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned int n = 0;
	EVP_MD_CTX *md = NULL;
	int rc;

	if (d != DIGEST_NONE && d != DIGEST_XXH3) {
		md = EVP_MD_CTX_new();
		if (!md || !EVP_DigestInit_ex(md, md_of(d), NULL)) {
			EVP_MD_CTX_free(md);
			err_set("%s: this machine's libcrypto refuses the hash", path);
			return -1;
		}
	}
	rc = hash_file(path, md, h);
	if (md && EVP_DigestFinal_ex(md, sum, &n))
		to_hex(sum, n, got);
	EVP_MD_CTX_free(md);
	if (rc < 0)
		return -1;
	if (d == DIGEST_XXH3)
		h128_hex(h->xxh3, got);
	if (d == DIGEST_NONE || !strcmp(got, hex))
		return 1;
	err_set("wrong hash %s, expected %s", got, hex);
	return 0;
}

/* --- a try ------------------------------------------------------------------------------------- */

/* What the server said of the answer at hand. */
struct answer {
	char *etag, *modified;
	int64_t first, total; /* of Content-Range; -1: not told */
};

struct fetch {
	struct fetch_opt opt;
	CURL *curl;
	char error[CURL_ERROR_SIZE];
	/* of the file at hand */
	const struct fetch_item *it;
	char *part, *from; /* names */
	int fd;
	int64_t offset;  /* bytes in the part */
	int64_t total;   /* its size when whole, -1: not known */
	char *validator; /* NULL: none */
	int began;       /* the body of this try has been looked at */
	int used_part;   /* bytes of an earlier try are in the part */
	int stale;       /* the part does not fit the answer: start anew */
	int failed;      /* message is set */
	struct answer ans;
};

static void answer_reset(struct answer *a)
{
	free(a->etag);
	free(a->modified);
	*a = (struct answer){.first = -1, .total = -1};
}

static const char *header_value(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) || line[n] != ':')
		return NULL;
	line += n + 1;
	return line + strspn(line, " \t");
}

static void content_range(struct answer *a, const char *v)
{
	long long first, last, total;

	if (sscanf(v, "bytes %lld-%lld/%lld", &first, &last, &total) == 3)
		a->first = first, a->total = total;
	else if (sscanf(v, "bytes %lld-%lld/*", &first, &last) == 2)
		a->first = first;
	else if (sscanf(v, "bytes */%lld", &total) == 1)
		a->total = total;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;
	char *line = xstrndup(p, size * n);
	const char *v;

	line[strcspn(line, "\r\n")] = 0;
	if (!strncmp(line, "HTTP/", 5))
		answer_reset(&f->ans);
	else if ((v = header_value(line, "ETag")) && !f->ans.etag && *v == '"')
		f->ans.etag = xstrdup(v); /* a weak one (W/) does not promise equal bytes */
	else if ((v = header_value(line, "Last-Modified")) && !f->ans.modified && *v)
		f->ans.modified = xstrdup(v);
	else if ((v = header_value(line, "Content-Range")))
		content_range(&f->ans, v);
	free(line);
	return size * n;
}

static const char *validator_of(const struct answer *a)
{
	return a->etag ? a->etag : a->modified;
}

/* The part is emptied. */
static int start_anew(struct fetch *f)
{
	f->offset = 0;
	f->used_part = 0;
	if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0) {
		err_sys("cannot write '%s'", f->part);
		f->failed = 1;
		return -1;
	}
	return 0;
}

/* Remember where the part comes from, before its first byte is written. */
static int write_from(struct fetch *f)
{
	const char *v = validator_of(&f->ans);
	curl_off_t length = -1;
	struct buf b = {0};
	int rc;

	curl_easy_getinfo(f->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	f->total = length;
	free(f->validator);
	f->validator = v ? xstrdup(v) : NULL;
	buf_printf(&b, "%s\n%s\n%lld\n", f->it->url, v ? v : "", (long long)length);
	rc = out_file(f->from, b.p, b.len);
	buf_release(&b);
	f->failed |= rc < 0;
	return rc;
}

/* Before the first byte of a body: does it go on with the part or start anew? */
static int begin_body(struct fetch *f)
{
	const char *v = validator_of(&f->ans);
	long code = 0;

	f->began = 1;
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &code);
	if (code == 206) {
		if (!f->offset || f->ans.first != f->offset ||
		    (f->validator && v && strcmp(v, f->validator)) ||
		    (f->total >= 0 && f->ans.total >= 0 && f->ans.total != f->total)) {
			f->stale = 1;
			return -1;
		}
		if (f->ans.total >= 0)
			f->total = f->ans.total;
		f->used_part = 1;
		stats_add("resumed", 1);
		return 0;
	}
	if (code && code != 200) {
		err_set("the server answers %ld", code);
		f->failed = 1;
		return -1;
	}
	return start_anew(f) < 0 || write_from(f) < 0 ? -1 : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;
	size_t len = size * n, k = 0;

	if (!f->began && begin_body(f) < 0)
		return len + 1;
	while (k < len) {
		ssize_t w = write(f->fd, p + k, len - k);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			err_sys("cannot write '%s'", f->part);
			f->failed = 1;
			return len + 1;
		}
		k += (size_t)w;
		f->offset += w;
	}
	stats_add("bytes", len);
	progress_add(len);
	return len;
}

static int is_http(const char *url)
{
	return !strncasecmp(url, "http", 4);
}

static void set_options(struct fetch *f)
{
	const struct fetch_opt *o = &f->opt;
	CURL *c = f->curl;

	curl_easy_reset(c);
	f->error[0] = 0;
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->error);
	curl_easy_setopt(c, CURLOPT_URL, f->it->url);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "olmo.c/" OLMO_VERSION);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,file");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
	    strncasecmp(f->it->url, "https:", 6) ? "http,https" : "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, o->timeout_s);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, o->timeout_s);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, o->low_speed);
	if (o->cacert) {
		curl_easy_setopt(c, CURLOPT_CAINFO, o->cacert);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
}

/* Ask for what is missing.  A part that nothing vouches for is dropped first. */
static int set_range(struct fetch *f, struct curl_slist **headers)
{
	char *s;

	if (f->offset && (!is_http(f->it->url) || (!f->validator && !f->it->hex)) &&
	    start_anew(f) < 0)
		return -1;
	if (lseek(f->fd, f->offset, SEEK_SET) < 0) {
		err_sys("cannot read '%s'", f->part);
		return -1;
	}
	if (!f->offset)
		return 0;
	s = xasprintf("%lld-", (long long)f->offset);
	curl_easy_setopt(f->curl, CURLOPT_RANGE, s);
	free(s);
	if (f->validator) {
		s = xasprintf("If-Range: %s", f->validator);
		*headers = curl_slist_append(NULL, s);
		curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, *headers);
		free(s);
	}
	return 0;
}

enum outcome { WHOLE, AGAIN, FAILED };

static int code_may_change(long code)
{
	return code == 408 || code == 429 || code >= 500;
}

static int error_may_pass(CURLcode rc)
{
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PARTIAL_FILE:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_WEIRD_SERVER_REPLY:
		return 1;
	default:
		return 0;
	}
}

/* 416: nothing is left of the part's length, or the part is longer than the file. */
static enum outcome range_refused(struct fetch *f)
{
	int64_t total = f->ans.total >= 0 ? f->ans.total : f->total;

	if (total == f->offset) {
		f->used_part = 1;
		return WHOLE;
	}
	err_set("the server refuses the range from %lld", (long long)f->offset);
	return start_anew(f) < 0 ? FAILED : AGAIN;
}

static enum outcome judge(struct fetch *f, CURLcode rc)
{
	long code = 0;

	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &code);
	if (f->failed)
		return FAILED;
	if (f->stale) {
		err_set("the file on the server has changed");
		return start_anew(f) < 0 ? FAILED : AGAIN;
	}
	if (rc == CURLE_HTTP_RETURNED_ERROR && code == 416 && f->offset)
		return range_refused(f);
	if (rc == CURLE_HTTP_RETURNED_ERROR) {
		err_set("the server answers %ld", code);
		return code_may_change(code) ? AGAIN : FAILED;
	}
	if (rc) {
		err_set("%s", f->error[0] ? f->error : curl_easy_strerror(rc));
		return error_may_pass(rc) ? AGAIN : FAILED;
	}
	if (!f->began && begin_body(f) < 0) /* an empty body */
		return f->stale ? judge(f, rc) : FAILED;
	if (f->total >= 0 && f->offset != f->total) {
		err_set("%lld bytes of %lld came", (long long)f->offset, (long long)f->total);
		return AGAIN;
	}
	return WHOLE;
}

static enum outcome try_once(struct fetch *f)
{
	struct curl_slist *headers = NULL;
	enum outcome end = FAILED;

	f->began = f->stale = f->failed = 0;
	answer_reset(&f->ans);
	set_options(f);
	if (set_range(f, &headers) == 0)
		end = judge(f, curl_easy_perform(f->curl));
	curl_slist_free_all(headers);
	return end;
}

/* --- tries ------------------------------------------------------------------------------------- */

static void sleep_s(double s)
{
	struct timespec t = {(time_t)s, (long)((s - floor(s)) * 1e9)};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* Wait before try k + 1 (k = 0, 1, ...); -1 when the server wants more patience than we have. */
static int wait_before(struct fetch *f, uint64_t k)
{
	double s = f->opt.wait_s * ldexp(1, k < 30 ? (int)k : 30);
	curl_off_t after = 0;

	if (s > LONGEST_WAIT_S)
		s = LONGEST_WAIT_S;
	s *= 0.5 + 0.5 * rng_unit(f->opt.seed, f->it->stream, k);
	curl_easy_getinfo(f->curl, CURLINFO_RETRY_AFTER, &after);
	if ((double)after > f->opt.max_wait_s) {
		err_prefix(
		    "the server asks to wait %lld s, more than --max-wait", (long long)after);
		return -1;
	}
	if ((double)after > s)
		s = (double)after;
	note("%s: %s; again in %.1f s", f->it->url, err_msg(), s);
	sleep_s(s);
	return 0;
}

/* The part with its digest right; 0 or -1. */
static int checked(struct fetch *f, struct fetch_item *it)
{
	int right = fetch_check(f->part, it->digest, it->hex, &it->h);

	if (right)
		return right < 0 ? -1 : 1;
	if (f->used_part) {
		note("%s: %s, after a resumed transfer: fetched anew", it->url, err_msg());
		return start_anew(f) < 0 ? -1 : 0;
	}
	unlink(f->part);
	unlink(f->from);
	return -1;
}

static int run_tries(struct fetch *f, struct fetch_item *it)
{
	for (uint64_t k = 0;;) {
		enum outcome end = try_once(f);
		int rc;

		if (end == FAILED)
			return -1;
		if (end == WHOLE) {
			rc = checked(f, it);
			if (rc)
				return rc < 0 ? -1 : 0;
			continue; /* from its start, so it comes here once at most */
		}
		if (k >= f->opt.retries) {
			err_prefix("given up after %llu tries", (unsigned long long)k + 1);
			return -1;
		}
		if (wait_before(f, k++) < 0)
			return -1;
		stats_add("retries", 1);
	}
}

/* --- the part ---------------------------------------------------------------------------------- */

/* What .NAME.part.from says; a part of another URL, or of no known one, is dropped. */
static int read_from(struct fetch *f)
{
	struct buf b = {0};
	char *url, *v, *size, *save = NULL;
	struct stat st;
	int known = 0;

	if (fstat(f->fd, &st) < 0) {
		err_sys("cannot read '%s'", f->part);
		return -1;
	}
	f->offset = st.st_size;
	f->total = -1;
	if (f->offset && access(f->from, R_OK) == 0 &&
	    in_slurp(f->from, FROM_BYTES, &b, NULL) == 0) {
		url = strtok_r(buf_cstr(&b), "\n", &save);
		v = save;
		size = v ? strchr(v, '\n') : NULL;
		if (url && size && !strcmp(url, f->it->url)) {
			*size++ = 0;
			f->validator = *v ? xstrdup(v) : NULL;
			f->total = strtoll(size, NULL, 10);
			known = 1;
		}
	}
	buf_release(&b);
	return known || !f->offset ? 0 : start_anew(f);
}

static int open_part(struct fetch *f)
{
	const char *slash = strrchr(f->it->path, '/'), *name = slash ? slash + 1 : f->it->path;
	struct stat a, b;

	f->part = xasprintf("%.*s.%s.part", (int)(name - f->it->path), f->it->path, name);
	f->from = xasprintf("%s.from", f->part);
	if (out_mkparent(f->it->path) < 0)
		return -1;
	f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (f->fd < 0) {
		err_sys("cannot write '%s'", f->part);
		return -1;
	}
	/* Renamed meanwhile: what is open is the other process's finished file. */
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 || fstat(f->fd, &a) < 0 ||
	    lstat(f->part, &b) < 0 || a.st_ino != b.st_ino || a.st_dev != b.st_dev) {
		err_set("another process is fetching '%s'", f->part);
		return -1;
	}
	return read_from(f);
}

static int commit(struct fetch *f)
{
	const char *path = f->it->path, *slash = strrchr(path, '/');
	char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	int rc = 0;

	if (fsync(f->fd) < 0 || (unlink(f->from) < 0 && errno != ENOENT) ||
	    rename(f->part, path) < 0) {
		err_sys("cannot write '%s'", path);
		rc = -1;
	} else {
		rc = out_sync_dir(dir);
	}
	free(dir);
	return rc;
}

int fetch_get(struct fetch *f, struct fetch_item *it)
{
	int rc;

	f->it = it;
	f->fd = -1;
	rc = open_part(f);
	if (rc == 0)
		rc = run_tries(f, it);
	if (rc == 0)
		rc = commit(f);
	if (rc < 0)
		err_prefix("%s: %s", it->path, it->url);
	if (f->fd >= 0)
		close(f->fd);
	free(f->part);
	free(f->from);
	free(f->validator);
	f->part = f->from = f->validator = NULL;
	f->used_part = 0;
	return rc;
}

/* --- the handle -------------------------------------------------------------------------------- */

int fetch_url_check(const char *url)
{
	CURLU *u = curl_url();
	char *part = NULL;
	int rc = -1;

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0))
		err_set("'%s' is no URL", url);
	else if (curl_url_get(u, CURLUPART_SCHEME, &part, 0) ||
		 (strcmp(part, "http") && strcmp(part, "https") && strcmp(part, "file")))
		err_set("'%s': only http, https and file are fetched", url);
	else
		rc = 0;
	curl_free(part);
	part = NULL;
	if (rc == 0 && curl_url_get(u, CURLUPART_USER, &part, 0) == CURLUE_OK) {
		err_set("a URL with a user's name or password would end in the manifest");
		rc = -1;
	}
	curl_free(part);
	curl_url_cleanup(u);
	return rc;
}

int fetch_global(void)
{
	if (!curl_global_init(CURL_GLOBAL_DEFAULT))
		return 0;
	err_set("cannot start libcurl");
	return -1;
}

struct fetch *fetch_new(const struct fetch_opt *opt)
{
	struct fetch *f = xcalloc(1, sizeof(*f));

	f->opt = *opt;
	f->curl = curl_easy_init();
	if (!f->curl)
		die(EXIT_IO, "cannot start libcurl");
	return f;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	curl_easy_cleanup(f->curl);
	answer_reset(&f->ans);
	free(f);
}
