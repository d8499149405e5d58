/* fetch: one file from a URL (http, https, file), whole or not at all, by libcurl.
 *
 *	fetch_global();                          once, before threads
 *	struct fetch *f = fetch_new(&opt);       one a thread; connections are kept between files
 *	if (fetch_get(f, &item) < 0) …err_msg…   tells URL, file and what happened
 *	fetch_free(f);
 *
 * DIR/NAME is first DIR/.NAME.part; beside it .NAME.part.from holds the URL, the validator (a strong
 * ETag, else Last-Modified) and the size that the server told.  A part that is there from this or an
 * earlier process is resumed with Range and If-Range (RFC 9110, 13.1.5 and 14): 206 goes on when it
 * begins where the part ends and comes from the same version, 200 starts anew, 416 at the known size
 * means that the part is whole.  Without a validator a part is resumed only when a digest will tell.
 * Then the size and the digest are checked, and fsync, rename, fsync of the directory.  A wrong
 * digest removes the part; when a part of an earlier try was used, the file is fetched once more from
 * its start before that counts.
 *
 * Tries: failed connections, cut or slow transfers, 408, 429 and 5xx are tried again, after
 * wait_s * 2^k (at most a minute), times 0.5 to 1 by the seed, and not before Retry-After is over;
 * a Retry-After of more than max_wait_s is an error.  All else fails at once.  At most 10
 * redirections, none from https to http or to a file.  Certificates and host names are verified.
 *
 * Counters of base/stats.h: bytes (received), retries, resumed (tries that went on with a part).
 */
#ifndef OLMO_IO_FETCH_H
#define OLMO_IO_FETCH_H

#include <stdint.h>

#include "io/in.h"

enum digest { DIGEST_NONE, DIGEST_MD5, DIGEST_SHA256, DIGEST_SHA512, DIGEST_XXH3 };

struct fetch_opt {
	const char *cacert; /* PEM file of authorities instead of the system's; NULL */
	uint64_t retries;   /* further tries of a file */
	double wait_s;      /* before the first of them */
	double max_wait_s;  /* longest Retry-After that is waited for */
	long timeout_s;     /* to connect, and of a transfer below low_speed */
	long low_speed;     /* bytes a second */
	uint64_t seed;      /* of the jitter */
};

struct fetch_item {
	const char *url, *path;
	enum digest digest;
	const char *hex;   /* lower case; NULL with DIGEST_NONE */
	uint64_t stream;   /* number of the item: its jitter */
	struct filehash h; /* result */
};

/* "sha256:HEX", "sha512:HEX", "md5:HEX", "xxh3:HEX" (XXH3-128), 64 or 32 bare digits (SHA-256, MD5),
 * "-" (none).  *hex is allocated, in lower case.  0, or -1 with a message. */
int fetch_digest_parse(const char *s, enum digest *d, char **hex);
/* Hash a file and compare: 1 right (always with DIGEST_NONE), 0 wrong with a message, -1. */
int fetch_check(const char *path, enum digest d, const char *hex, struct filehash *h);
/* A URL that fetch_get can take, and without a password, which would end in manifests; 0 or -1. */
int fetch_url_check(const char *url);

struct fetch;
int fetch_global(void);
struct fetch *fetch_new(const struct fetch_opt *opt);
int fetch_get(struct fetch *f, struct fetch_item *it);
void fetch_free(struct fetch *f);

#endif
