/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of secrets: one msgpack object, then a bin 32, the BLAKE2b-256 of the object's bytes. What was in memory
 * of them is wiped. */
#ifndef FELLOE_DAEMON_FILE_HASHED_H
#define FELLOE_DAEMON_FILE_HASHED_H

#include "daemon/store/file.h"
#include "proto/mp.h"

/* Appends the hash of all that `out` holds. */
void file_hash_put(struct buffer *out);
/* After the object that was just read to its end comes its hash, and nothing more. */
bool file_hash_check(struct mp_reader *r);

/* Room for so much at once, so that no copy of a secret is left behind by growing. */
void file_secret_begin(struct buffer *out, size_t max);
/* Wiped, and released. */
void file_secret_end(struct buffer *content);

/* Puts the hash behind `content`, and writes it as dir/name; `content` is wiped and released either way. */
enum felloe_code file_hashed_write(const char *dir, const char *name, struct buffer *content,
                                   struct felloe_error *error);
/* file_read, into a buffer that file_secret_end ends. */
enum felloe_code file_secret_read(const char *dir, const char *name, size_t max, struct buffer *out,
                                  struct felloe_error *error);

#endif
