/* SPDX-License-Identifier: Apache-2.0 */
/* Who this daemon is: D/identity, a msgpack array of 2: version, map; then a bin 32, the BLAKE2b-256 of the array's
 * bytes: what was sealed under a key that is wrong by one bit, nobody could open once the file has been put back. Names
 * are short and stable; a reader ignores those that it does not know. Files from before there was a vault have
 * "box-secret" and "keyring-key" (32 bytes: its first half) too; they are read, and not written any more. */
#include "daemon/store/identity.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/store/file_hashed.h"

#define FILE_NAME    "identity"
#define FILE_VERSION 1
#define FILE_MAX     16384

void identity_generate(struct identity *identity, enum role role)
{
    *identity = (struct identity){.role = role};
    crypto_sign_keypair(identity->sign_public.b, identity->sign_secret.b);
    crypto_box_keypair(identity->box_public.b, identity->box_secret.b);
    crypto_box_keypair(identity->curve_public, identity->curve_secret); /* CURVE's keys are X25519 too */
    randombytes_buf(identity->keyring_key, sizeof identity->keyring_key);
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, identity->sign_public.b, sizeof identity->sign_public.b, NULL, 0);
    memcpy(identity->device.b, hash, sizeof identity->device.b);
}

void identity_clear(struct identity *identity)
{
    sodium_memzero(identity, sizeof *identity);
}

/* ---- the file's fields, one table for both ways ---- */

enum shape { SHAPE_BYTES, SHAPE_TEXT };
struct field {
    const char *name;
    enum shape shape;
    size_t at, size; /* of text: with its NUL */
};
#define FIELD(name, shape, member)                                                                                     \
    {                                                                                                                  \
        name, shape, offsetof(struct identity, member), sizeof(((struct identity *)0)->member)                         \
    }
static const struct field fields[] = {
    FIELD("device", SHAPE_BYTES, device),
    FIELD("worker", SHAPE_TEXT, worker),
    FIELD("label", SHAPE_TEXT, label),
    FIELD("sign-public", SHAPE_BYTES, sign_public),
    FIELD("sign-secret", SHAPE_BYTES, sign_secret),
    FIELD("box-public", SHAPE_BYTES, box_public),
    FIELD("curve-public", SHAPE_BYTES, curve_public),
    FIELD("curve-secret", SHAPE_BYTES, curve_secret),
    FIELD("hub-address", SHAPE_TEXT, hub_address),
    FIELD("hub-name", SHAPE_TEXT, hub_name),
    FIELD("hub-curve", SHAPE_BYTES, hub_curve),
    FIELD("hub-sign", SHAPE_BYTES, hub_sign),
    FIELD("hub-box", SHAPE_BYTES, hub_box),
    FIELD("hub-device", SHAPE_BYTES, hub_device),
    FIELD("ticket-curve-secret", SHAPE_BYTES, ticket_curve_secret),
    FIELD("hub-box-before", SHAPE_BYTES, hub_box_before),
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])
#define FIELDS_MUST ((1u << (FIELD_COUNT - 1)) - 1) /* the last is not in files of before */

enum felloe_code identity_save(const struct identity *identity, const char *dir, struct felloe_error *error)
{
    struct buffer out;
    file_secret_begin(&out, FILE_MAX);
    mp_put_array(&out, 2);
    mp_put_uint(&out, FILE_VERSION);
    mp_put_map(&out, FIELD_COUNT + 2);
    mp_put_text(&out, "role");
    mp_put_text(&out, identity->role == ROLE_HUB ? "hub" : "spoke");
    mp_put_text(&out, "joined");
    mp_put_bool(&out, identity->joined);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const uint8_t *at = (const uint8_t *)identity + fields[i].at;
        mp_put_text(&out, fields[i].name);
        if (fields[i].shape == SHAPE_TEXT)
            mp_put_text(&out, (const char *)at);
        else
            mp_put_bin(&out, at, fields[i].size);
    }
    return file_hashed_write(dir, FILE_NAME, &out, error);
}

/* Bit of fields[] that was there, 0 for another name. */
static uint32_t read_field(struct mp_reader *r, struct bytes name, struct identity *out)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!bytes_is(name, fields[i].name))
            continue;
        uint8_t *at = (uint8_t *)out + fields[i].at;
        if (fields[i].shape == SHAPE_BYTES)
            mp_fixed(r, at, fields[i].size);
        else if (!bytes_to_text(mp_str(r, 0, fields[i].size - 1), (char *)at, fields[i].size))
            mp_fail(r);
        return 1u << i;
    }
    return 0;
}

/* Of an old file. */
enum { OLD_BOX = 1, OLD_KEYRING = 2, OLD_ALL = 3 };
static unsigned read_old(struct mp_reader *r, struct bytes name, struct identity *out)
{
    if (bytes_is(name, "box-secret")) {
        mp_fixed(r, out->box_secret.b, sizeof out->box_secret.b);
        return OLD_BOX;
    }
    if (bytes_is(name, "keyring-key")) {
        mp_fixed(r, out->keyring_key, KEYRING_HALF_SIZE);
        return OLD_KEYRING;
    }
    return 0;
}

static bool read_identity(struct mp_reader *r, struct identity *out)
{
    uint32_t there = 0;
    unsigned old = 0, was;
    bool has_role = false, has_joined = false;
    if (!mp_next(r))
        return false;
    mp_array(r, 2, 2);
    if (mp_uint(r, UINT32_MAX) != FILE_VERSION)
        return false;
    for (uint32_t pairs = mp_map(r, 256); pairs > 0 && !r->failed; pairs--) {
        struct bytes name = mp_str(r, 1, 64);
        uint32_t field = read_field(r, name, out);
        there |= field;
        if (field != 0)
            continue;
        if (bytes_is(name, "role")) {
            struct bytes role = mp_str(r, 1, 16);
            out->role = bytes_is(role, "hub") ? ROLE_HUB : ROLE_SPOKE;
            has_role = bytes_is(role, "hub") || bytes_is(role, "spoke");
        } else if (bytes_is(name, "joined")) {
            out->joined = mp_bool(r);
            has_joined = true;
        } else if ((was = read_old(r, name, out)) != 0) {
            old |= was;
        } else {
            mp_skip(r);
        }
    }
    out->locked = old != OLD_ALL;
    return (old == 0 || old == OLD_ALL) && file_hash_check(r) && (there & FIELDS_MUST) == FIELDS_MUST && has_role &&
           has_joined;
}

bool identity_read(struct identity *identity, struct bytes file)
{
    struct mp_reader *reader = malloc(sizeof *reader);
    *identity = (struct identity){0};
    if (reader == NULL)
        return false;
    mp_reader_init(reader, file);
    bool fine = read_identity(reader, identity);
    free(reader);
    if (!fine)
        identity_clear(identity);
    return fine;
}

enum felloe_code identity_load(struct identity *identity, const char *dir, struct felloe_error *error)
{
    *identity = (struct identity){0};
    struct buffer in;
    enum felloe_code code = file_secret_read(dir, FILE_NAME, FILE_MAX, &in, error);
    if (code == FELLOE_OK && !identity_read(identity, buffer_bytes(&in)))
        code = felloe_fail(error, FELLOE_DAMAGED,
                           "%s/" FILE_NAME
                           " cannot be read: it is damaged, or was written by a newer version. It holds this device's "
                           "keys; put it back from a backup of the keys (felloe restore --keys)",
                           dir);
    file_secret_end(&in);
    return code;
}
