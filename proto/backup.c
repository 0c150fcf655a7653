/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a backup's file; see backup.h. */
#include "proto/backup.h"

#include "proto/endian.h"
#include "proto/mp.h"

#define IDENTITY_MAX      (16u * 1024)
#define VAULT_MAX         (16u * 1024)
#define AUDITORS_MAX      (16u * 1024)
#define TERMS_MAX         (4u * 1024)
#define CONFIGURATION_MAX (64u * 1024)

void backup_put_head(struct buffer *out, const struct backup_head *head)
{
    size_t begin = out->len;
    buffer_append(out, BACKUP_MAGIC "\0\0\0\0", BACKUP_START);
    mp_put_map(out, !head->keys ? 7 : 9u + (head->vault.len > 0) + (head->auditors.len > 0) + (head->terms.len > 0));
    mp_put_text(out, "what");
    mp_put_text(out, head->keys ? "keys" : "log");
    mp_put_text(out, "role");
    mp_put_text(out, head->hub ? "hub" : "spoke");
    mp_put_text(out, "device");
    mp_put_bin(out, head->device.b, sizeof head->device.b);
    mp_put_text(out, "name");
    mp_put_text(out, head->name);
    mp_put_text(out, "made");
    mp_put_int(out, head->made_ms);
    mp_put_text(out, "epoch");
    mp_put_uint(out, head->epoch);
    mp_put_text(out, "incarnation");
    mp_put_uint(out, head->incarnation);
    if (head->keys) {
        mp_put_text(out, "identity");
        mp_put_bin(out, head->identity.data, head->identity.len);
        if (head->vault.len > 0) {
            mp_put_text(out, "vault");
            mp_put_bin(out, head->vault.data, head->vault.len);
        }
        if (head->auditors.len > 0) {
            mp_put_text(out, "auditors");
            mp_put_bin(out, head->auditors.data, head->auditors.len);
        }
        if (head->terms.len > 0) {
            mp_put_text(out, "terms");
            mp_put_bin(out, head->terms.data, head->terms.len);
        }
        mp_put_text(out, "configuration");
        mp_put_bin(out, head->configuration.data, head->configuration.len);
    }
    if (out->len - begin > BACKUP_HEAD_MAX)
        out->failed = true;
    if (!out->failed)
        put_be32(out->data + begin + BACKUP_MAGIC_SIZE, (uint32_t)(out->len - begin - BACKUP_START));
}

size_t backup_head_size(struct bytes start)
{
    if (start.len < BACKUP_START || memcmp(start.data, BACKUP_MAGIC, BACKUP_MAGIC_SIZE) != 0)
        return 0;
    size_t map = get_be32(start.data + BACKUP_MAGIC_SIZE);
    return map > 0 && map <= BACKUP_HEAD_MAX - BACKUP_START ? BACKUP_START + map : 0;
}

/* "what" and "role" are one of two words. */
static bool read_word(struct mp_reader *r, const char *yes, const char *no)
{
    struct bytes word = mp_str(r, 1, 16);
    if (!bytes_is(word, yes) && !bytes_is(word, no))
        mp_fail(r);
    return bytes_is(word, yes);
}

/* A bit for each name that must be there. */
enum { HAS_WHAT = 1, HAS_ROLE = 2, HAS_DEVICE = 4, HAS_EPOCH = 8, HAS_IDENTITY = 16 };

static unsigned read_pair(struct mp_reader *r, struct backup_head *out)
{
    struct bytes name = mp_str(r, 1, 64);
    if (bytes_is(name, "what"))
        return out->keys = read_word(r, "keys", "log"), HAS_WHAT;
    if (bytes_is(name, "role"))
        return out->hub = read_word(r, "hub", "spoke"), HAS_ROLE;
    if (bytes_is(name, "device"))
        return mp_fixed(r, out->device.b, sizeof out->device.b), HAS_DEVICE;
    if (bytes_is(name, "epoch"))
        return out->epoch = (uint32_t)mp_uint(r, UINT32_MAX), HAS_EPOCH;
    if (bytes_is(name, "identity"))
        return out->identity = mp_bin(r, 1, IDENTITY_MAX), HAS_IDENTITY;
    if (bytes_is(name, "name")) {
        if (!bytes_to_text(mp_str(r, 0, LABEL_MAX), out->name, sizeof out->name))
            mp_fail(r);
    } else if (bytes_is(name, "made")) {
        out->made_ms = mp_int(r, INT64_MIN, INT64_MAX);
    } else if (bytes_is(name, "incarnation")) {
        out->incarnation = (uint32_t)mp_uint(r, UINT32_MAX);
    } else if (bytes_is(name, "vault")) {
        out->vault = mp_bin(r, 0, VAULT_MAX);
    } else if (bytes_is(name, "auditors")) {
        out->auditors = mp_bin(r, 0, AUDITORS_MAX);
    } else if (bytes_is(name, "terms")) {
        out->terms = mp_bin(r, 0, TERMS_MAX);
    } else if (bytes_is(name, "configuration")) {
        out->configuration = mp_bin(r, 0, CONFIGURATION_MAX);
    } else {
        mp_skip(r);
    }
    return 0;
}

bool backup_read_head(struct bytes in, struct backup_head *out)
{
    *out = (struct backup_head){0};
    if (in.len == 0 || backup_head_size(in) != in.len) /* a size of 0 says that it is none */
        return false;
    struct mp_reader r MP_UNSET;
    unsigned has = 0;
    mp_reader_init(&r, bytes_of(in.data + BACKUP_START, in.len - BACKUP_START));
    if (!mp_next(&r))
        return false;
    for (uint32_t pairs = mp_map(&r, 64); pairs > 0 && !r.failed; pairs--)
        has |= read_pair(&r, out);
    const unsigned all = HAS_WHAT | HAS_ROLE | HAS_DEVICE | HAS_EPOCH;
    return mp_done(&r) && (has & all) == all && (has & HAS_IDENTITY) / HAS_IDENTITY == out->keys && out->epoch > 0;
}
