/* SPDX-License-Identifier: Apache-2.0 */
/* A data key as it lies in the table of keys:
 *
 *   kind (1), owner (16), length of site (1), site, of a restricted key the length of its members (2), nonce (24),
 *   sealed: key (32), members (length (1), worker)…, tag (16)
 *
 * Sealed with XChaCha20-Poly1305 under a half of the keyring key, by kind; the key id and all that stands before the
 * nonce is associated data, so that no key can be passed off as another's. */
#include <sodium.h>

#include "daemon/daemon.h"
#include "daemon/store/keyring_inside.h"

#define NONCE_SIZE  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEALED_SIZE (DATA_KEY_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES)
#define CLEAR_MIN   (1 + 16 + 1)
#define CLEAR_MAX   (CLEAR_MIN + SLUG_MAX + 2)
#define MEMBERS_MAX (AUDIENCE_MAX * (1 + SLUG_MAX))
_Static_assert(CLEAR_MAX + NONCE_SIZE + SEALED_SIZE + MEMBERS_MAX == KEYRING_VALUE_MAX, "a row has room");

/* Associated data: the key id and the clear part. */
struct associated {
    uint8_t b[16 + CLEAR_MAX];
    size_t len;
};
static struct associated associate(const struct key_id *id, struct bytes clear)
{
    struct associated a = {.len = sizeof id->b + clear.len};
    memcpy(a.b, id->b, sizeof id->b);
    memcpy(a.b + sizeof id->b, clear.data, clear.len);
    return a;
}

static size_t put_members(const struct audience *members, uint8_t out[MEMBERS_MAX])
{
    size_t len = 0;
    for (uint8_t i = 0; i < members->count; i++) {
        const size_t worker = strlen(members->workers[i]);
        out[len++] = (uint8_t)worker;
        memcpy(out + len, members->workers[i], worker);
        len += worker;
    }
    return len;
}

static bool read_members(struct bytes in, struct audience *out)
{
    *out = (struct audience){0};
    for (size_t at = 0; at < in.len; at += 1u + in.data[at])
        if (in.data[at] >= in.len - at || !audience_add(out, bytes_of(in.data + at + 1, in.data[at])))
            return false;
    return true;
}

static const uint8_t *half_of(const struct keyring *keyring, enum key_kind kind)
{
    return keyring->key + (key_kind_restricted(kind) ? KEYRING_HALF_SIZE : 0);
}

size_t keyring_seal(const struct keyring *keyring, const struct key_record *record, uint8_t out[KEYRING_VALUE_MAX])
{
    uint8_t plain[DATA_KEY_SIZE + MEMBERS_MAX];
    memcpy(plain, record->key.b, DATA_KEY_SIZE);
    const size_t members = put_members(&record->members, plain + DATA_KEY_SIZE);
    const size_t site_len = strlen(record->site);
    size_t clear = CLEAR_MIN + site_len;
    out[0] = (uint8_t)record->kind;
    memcpy(out + 1, record->owner.b, 16);
    out[17] = (uint8_t)site_len;
    memcpy(out + CLEAR_MIN, record->site, site_len);
    if (key_kind_restricted(record->kind)) {
        out[clear++] = (uint8_t)(members >> 8);
        out[clear++] = (uint8_t)members;
    }
    uint8_t *nonce = out + clear;
    random_nonce(nonce, NONCE_SIZE);
    struct associated a = associate(&record->id, bytes_of(out, clear));
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE_SIZE, NULL, plain, DATA_KEY_SIZE + members, a.b, a.len,
                                               NULL, nonce, half_of(keyring, record->kind));
    sodium_memzero(plain, sizeof plain);
    return clear + NONCE_SIZE + SEALED_SIZE + members;
}

/* Where a row's parts are, by what it says in the clear. */
struct parts {
    size_t site, clear, members, len;
};

static bool find_parts(struct bytes begin, struct parts *out)
{
    if (begin.len < CLEAR_MIN || begin.data[0] < KEY_PERSON || begin.data[0] > KEY_SITE_AUDIENCE ||
        begin.data[17] > SLUG_MAX)
        return false;
    *out = (struct parts){.site = begin.data[17], .clear = CLEAR_MIN + (size_t)begin.data[17]};
    if (key_kind_restricted((enum key_kind)begin.data[0])) {
        if (begin.len < out->clear + 2)
            return false;
        out->members = (size_t)begin.data[out->clear] << 8 | begin.data[out->clear + 1];
        out->clear += 2;
    }
    out->len = out->clear + NONCE_SIZE + SEALED_SIZE + out->members;
    return out->members <= MEMBERS_MAX;
}

size_t keyring_value_size(struct bytes begin)
{
    struct parts parts;
    return find_parts(begin, &parts) ? parts.len : 0;
}

bool keyring_clear_part(struct bytes value, struct key_record *out)
{
    struct parts parts;
    if (!find_parts(value, &parts) || value.len != parts.len)
        return false;
    *out = (struct key_record){.kind = (enum key_kind)value.data[0]};
    memcpy(out->owner.b, value.data + 1, 16);
    memcpy(out->site, value.data + CLEAR_MIN, parts.site);
    return true;
}

/* A restricted key from before there were two halves is under the first. */
static bool unseal(const struct keyring *keyring, enum key_kind kind, struct bytes sealed, const uint8_t *nonce,
                   const struct associated *a, uint8_t *plain)
{
    const uint8_t *half = half_of(keyring, kind);
    for (unsigned i = 0; i < 2; i++, half = keyring->key) {
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed.data, sealed.len, a->b, a->len, nonce,
                                                       half) == 0)
            return true;
        if (half == keyring->key)
            break;
    }
    return false;
}

bool keyring_open_value(const struct keyring *keyring, const struct key_id *id, struct bytes value,
                        struct key_record *out)
{
    struct parts parts;
    uint8_t plain[DATA_KEY_SIZE + MEMBERS_MAX];
    if (!keyring_clear_part(value, out) || !find_parts(value, &parts) || !keyring_opens(keyring, out->kind))
        return false;
    out->id = *id;
    struct associated a = associate(id, bytes_of(value.data, parts.clear));
    const uint8_t *nonce = value.data + parts.clear;
    const struct bytes sealed = bytes_of(nonce + NONCE_SIZE, SEALED_SIZE + parts.members);
    bool opened = unseal(keyring, out->kind, sealed, nonce, &a, plain);
    opened = opened && read_members(bytes_of(plain + DATA_KEY_SIZE, parts.members), &out->members) &&
             key_record_members_fit(out);
    if (opened)
        memcpy(out->key.b, plain, DATA_KEY_SIZE);
    sodium_memzero(plain, sizeof plain);
    return opened;
}
