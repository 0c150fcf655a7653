/* SPDX-License-Identifier: Apache-2.0 */
/* A msgpack array of 8: version, from, then of old and of fresh: curve public, curve secret, box public; then a bin 32,
 * the BLAKE2b-256 of the array's bytes. */
#include "daemon/store/rekey_file.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/store/file_hashed.h"
#include "daemon/store/vault.h"

#define FILE_NAME    "rekey"
#define FILE_VERSION 1
#define FILE_MAX     1024

void rekey_make(struct rekey_file *out, struct identity *me, int64_t from_ms)
{
    *out = (struct rekey_file){.from_ms = from_ms, .old = {.box = me->box_public}};
    memcpy(out->old.curve_public, me->curve_public, sizeof out->old.curve_public);
    memcpy(out->old.curve_secret, me->curve_secret, sizeof out->old.curve_secret);
    crypto_box_keypair(out->fresh.curve_public, out->fresh.curve_secret);
    crypto_box_keypair(out->fresh.box.b, me->box_next.b);
}

/* ---- the file ---- */

static void put_keys(struct buffer *out, const struct rekey_keys *keys)
{
    mp_put_bin(out, keys->curve_public, sizeof keys->curve_public);
    mp_put_bin(out, keys->curve_secret, sizeof keys->curve_secret);
    mp_put_bin(out, keys->box.b, sizeof keys->box.b);
}

static void read_keys(struct mp_reader *r, struct rekey_keys *out)
{
    mp_fixed(r, out->curve_public, sizeof out->curve_public);
    mp_fixed(r, out->curve_secret, sizeof out->curve_secret);
    mp_fixed(r, out->box.b, sizeof out->box.b);
}

enum felloe_code rekey_save(const struct rekey_file *file, const char *dir, struct felloe_error *error)
{
    struct buffer out;
    file_secret_begin(&out, FILE_MAX);
    mp_put_array(&out, 8);
    mp_put_uint(&out, FILE_VERSION);
    mp_put_int(&out, file->from_ms);
    put_keys(&out, &file->old);
    put_keys(&out, &file->fresh);
    return file_hashed_write(dir, FILE_NAME, &out, error);
}

static bool read_file(struct bytes file, struct rekey_file *out)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, file);
    if (!mp_next(&r))
        return false;
    mp_array(&r, 8, 8);
    if (mp_uint(&r, UINT32_MAX) != FILE_VERSION)
        return false;
    out->from_ms = mp_int(&r, 0, INT64_MAX);
    read_keys(&r, &out->old);
    read_keys(&r, &out->fresh);
    bool fine = file_hash_check(&r);
    sodium_memzero(&r, sizeof r);
    return fine;
}

static bool has(const struct identity *me, const struct rekey_keys *keys)
{
    return memcmp(me->curve_public, keys->curve_public, sizeof me->curve_public) == 0 &&
           memcmp(&me->box_public, &keys->box, sizeof keys->box) == 0;
}

enum felloe_code rekey_load(struct rekey_file *out, const char *dir, const struct identity *me,
                            struct felloe_error *error)
{
    struct buffer in;
    *out = (struct rekey_file){0};
    enum felloe_code code = file_secret_read(dir, FILE_NAME, FILE_MAX, &in, error);
    if (code == FELLOE_OK && !read_file(buffer_bytes(&in), out))
        code = felloe_fail(error, FELLOE_DAMAGED, "%s/" FILE_NAME " is damaged", dir);
    else if (code == FELLOE_OK && !has(me, &out->old) && !has(me, &out->fresh))
        code = felloe_fail(error, FELLOE_NOT_FOUND, "%s/" FILE_NAME " is of another identity", dir);
    file_secret_end(&in);
    if (code != FELLOE_OK)
        sodium_memzero(out, sizeof *out);
    return code;
}

/* ---- the step ---- */

bool rekey_is_done(const struct rekey_file *file, const struct identity *me)
{
    return has(me, &file->fresh);
}

enum felloe_code rekey_seal_boxes(const char *dir, const struct identity *me, struct felloe_error *error)
{
    struct vault *vault = malloc(sizeof *vault);
    if (vault == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    enum felloe_code code = vault_load(vault, dir, error);
    if (code == FELLOE_OK) {
        vault_seal_boxes(vault, me);
        code = vault_save(vault, dir, error);
    }
    sodium_memzero(vault, sizeof *vault);
    free(vault);
    return code;
}

enum felloe_code rekey_turn(const struct rekey_file *file, const char *dir, struct identity *me,
                            struct felloe_error *error)
{
    struct identity *next = malloc(sizeof *next);
    if (next == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    *next = *me;
    memcpy(next->curve_public, file->fresh.curve_public, sizeof next->curve_public);
    memcpy(next->curve_secret, file->fresh.curve_secret, sizeof next->curve_secret);
    next->box_public = file->fresh.box;
    if (!me->locked) {
        next->box_before = me->box_secret;
        next->box_secret = me->box_next;
        next->box_next = (struct box_secret){{0}};
    }
    enum felloe_code code = identity_save(next, dir, error);
    if (code == FELLOE_OK)
        *me = *next;
    identity_clear(next);
    free(next);
    if (code == FELLOE_OK && !me->locked)
        rekey_seal_boxes(dir, me, NULL); /* when it fails the vault is behind, which unlocking understands */
    return code;
}
