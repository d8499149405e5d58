/* sha256: FIPS 180-4 (the hash of a byte string), for the model that is no model
 * (eval/loglik.h). */
#ifndef OLMO_EVAL_SHA256_H
#define OLMO_EVAL_SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(const void *p, size_t n, unsigned char out[32]);

#endif
