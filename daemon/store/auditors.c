/* SPDX-License-Identifier: Apache-2.0 */
/* D/auditors; see auditors.h. */
#include "daemon/store/auditors.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/store/file.h"
#include "proto/mp.h"

#define FILE_NAME "auditors"
#define FILE_MAX 16384u
#define SLOT_NAME "auditors"

bool auditors_read(struct auditors *out, struct bytes file)
{
    struct mp_reader *r = malloc(sizeof *r);
    *out = (struct auditors){0};
    if (r == NULL)
        return false;
    mp_reader_init(r, file);
    bool fine = mp_next(r);
    if (fine)
        mp_fixed(r, out->public_key.b, sizeof out->public_key.b);
    fine = fine && !r->failed && vault_read(&out->vault, bytes_of(file.data + r->off, file.len - r->off)) &&
           out->vault.count > 0;
    free(r);
    return fine;
}

enum felloe_code auditors_load(struct auditors *out, const char *dir, struct felloe_error *error)
{
    struct buffer in = {0};
    *out = (struct auditors){0};
    enum felloe_code code = file_read(dir, FILE_NAME, FILE_MAX, &in, error);
    if (code == FELLOE_OK && !auditors_read(out, buffer_bytes(&in)))
        code = felloe_fail(error, FELLOE_DAMAGED,
                           "%s/" FILE_NAME " is damaged: what was looked at until now cannot be read without it. Put "
                           "it back from a backup of the keys",
                           dir);
    buffer_release(&in);
    return code;
}

static enum felloe_code save(const struct auditors *auditors, const char *dir, struct felloe_error *error)
{
    struct buffer out = {0}, vault = {0};
    mp_put_bin(&out, auditors->public_key.b, sizeof auditors->public_key.b);
    vault_put(&auditors->vault, &vault); /* whose hash is over all that is before it in its buffer */
    buffer_append(&out, vault.data, vault.len);
    out.failed |= vault.failed;
    buffer_release(&vault);
    enum felloe_code code = out.failed ? felloe_fail(error, FELLOE_FAILED, "out of memory")
                                       : file_write(dir, FILE_NAME, buffer_bytes(&out), error);
    buffer_release(&out);
    return code;
}

static enum felloe_code seal(struct auditors *auditors, const struct box_secret *key, const struct vault_secret *secret,
                             const struct vault_cost *cost, struct felloe_error *error)
{
    const struct device_id hub = auditors->vault.device;
    uint8_t halves[KEYRING_KEY_SIZE] = {0};
    memcpy(halves, key->b, sizeof key->b);
    vault_start(&auditors->vault, &hub);
    enum felloe_code code =
        vault_add(&auditors->vault, secret, SLOT_NAME, halves, false, cost, clock_wall_ms(), error);
    sodium_memzero(halves, sizeof halves);
    return code;
}

enum felloe_code auditors_make(struct auditors *out, const char *dir, const struct device_id *hub,
                               const struct vault_secret *secret, const struct vault_cost *cost,
                               struct felloe_error *error)
{
    struct box_secret key;
    *out = (struct auditors){.vault.device = *hub};
    random_bytes(&key, sizeof key);
    crypto_scalarmult_base(out->public_key.b, key.b);
    enum felloe_code code = seal(out, &key, secret, cost, error);
    sodium_memzero(&key, sizeof key);
    return code == FELLOE_OK ? save(out, dir, error) : code;
}

enum vault_kind auditors_kind(const struct auditors *auditors)
{
    return auditors->vault.slots[0].kind;
}

enum felloe_code auditors_open(const struct auditors *auditors, const struct vault_secret *secret,
                               struct box_secret *out, struct felloe_error *error)
{
    uint8_t halves[KEYRING_KEY_SIZE];
    struct box_public public_key;
    struct felloe_error why = {.code = FELLOE_OK};
    enum felloe_code code = vault_open(&auditors->vault, secret, SLOT_NAME, halves, NULL, &why);
    memcpy(out->b, halves, sizeof out->b);
    sodium_memzero(halves, sizeof halves);
    if (code == FELLOE_OK && (crypto_scalarmult_base(public_key.b, out->b) != 0 ||
                              memcmp(&public_key, &auditors->public_key, sizeof public_key) != 0))
        code = felloe_fail(error, FELLOE_DAMAGED, "the auditors' key does not fit their public one: put D/" FILE_NAME
                                                  " back from a backup of the keys");
    else if (code == FELLOE_NOT_FOUND || code == FELLOE_DENIED)
        code = felloe_fail(error, FELLOE_DENIED, "That does not open the record of looks: it is opened by %s.",
                           auditors_kind(auditors) == VAULT_PASSPHRASE ? "the auditors' passphrase"
                                                                       : "the hub's own key file");
    else if (code != FELLOE_OK)
        felloe_fail(error, code, "%s", why.message);
    if (code != FELLOE_OK)
        sodium_memzero(out, sizeof *out);
    return code;
}

enum felloe_code auditors_protect(struct auditors *auditors, const char *dir, const struct box_secret *key,
                                  const struct vault_secret *secret, const struct vault_cost *cost,
                                  struct felloe_error *error)
{
    enum felloe_code code = seal(auditors, key, secret, cost, error);
    return code == FELLOE_OK ? save(auditors, dir, error) : code;
}
