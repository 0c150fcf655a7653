/* SPDX-License-Identifier: Apache-2.0 */
/* Files that end with their hash; see file_hashed.h. */
#include "daemon/store/file_hashed.h"

#include <sodium.h>

#define HASH_SIZE 32
#define READ_AHEAD 4096 /* what file_read asks for beyond what is there */

void file_hash_put(struct buffer *out)
{
    uint8_t hash[HASH_SIZE] = {0};
    if (!out->failed)
        crypto_generichash(hash, sizeof hash, out->data, out->len, NULL, 0);
    mp_put_bin(out, hash, sizeof hash);
}

bool file_hash_check(struct mp_reader *r)
{
    uint8_t want[HASH_SIZE], found[HASH_SIZE];
    struct bytes object = mp_object(r);
    crypto_generichash(want, sizeof want, object.data, object.len, NULL, 0);
    if (r->failed || !mp_next(r))
        return false;
    mp_fixed(r, found, sizeof found);
    return mp_done(r) && sodium_memcmp(want, found, sizeof want) == 0;
}

void file_secret_begin(struct buffer *out, size_t max)
{
    *out = (struct buffer){0};
    buffer_reserve(out, max);
}

void file_secret_end(struct buffer *content)
{
    if (content->data != NULL)
        sodium_memzero(content->data, content->cap);
    buffer_release(content);
}

enum felloe_code file_hashed_write(const char *dir, const char *name, struct buffer *content,
                                   struct felloe_error *error)
{
    file_hash_put(content);
    enum felloe_code code = content->failed ? felloe_fail(error, FELLOE_FAILED, "out of memory")
                                            : file_write(dir, name, buffer_bytes(content), error);
    file_secret_end(content);
    return code;
}

enum felloe_code file_secret_read(const char *dir, const char *name, size_t max, struct buffer *out,
                                  struct felloe_error *error)
{
    file_secret_begin(out, max + READ_AHEAD);
    if (out->failed)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    enum felloe_code code = file_read(dir, name, max, out, error);
    return code == FELLOE_OK && out->failed ? felloe_fail(error, FELLOE_FAILED, "out of memory") : code;
}
