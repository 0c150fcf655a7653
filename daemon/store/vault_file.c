/* SPDX-License-Identifier: Apache-2.0 */
/* D/vault and D/vault-tries, read and written; see vault.h. */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/store/file_hashed.h"
#include "daemon/store/vault.h"

#define VAULT_NAME    "vault"
#define VAULT_VERSION 1
#define VAULT_MAX     16384
#define TRIES_NAME    "vault-tries"
#define TRIES_MAX     256

#define TRIES_FREE   3u     /* whoever knows the passphrase mistypes it now and then */
#define WAIT_FIRST   2000u  /* ms */
#define WAIT_LONGEST 300000u

/* ---- the vault ---- */

static bool read_slot(struct mp_reader *r, struct vault_slot *out)
{
    mp_array(r, 8, 8);
    out->kind = (enum vault_kind)mp_uint(r, VAULT_KEY);
    bool named = bytes_to_text(mp_str(r, 0, SLUG_MAX), out->worker, sizeof out->worker);
    out->made_ms = mp_int(r, INT64_MIN, INT64_MAX);
    mp_fixed(r, out->salt, sizeof out->salt);
    out->cost.opslimit = mp_uint(r, UINT64_MAX);
    out->cost.memlimit = mp_uint(r, UINT64_MAX);
    mp_fixed(r, out->nonce, sizeof out->nonce);
    mp_fixed(r, out->sealed, sizeof out->sealed);
    return named && out->kind >= VAULT_OPEN && !r->failed;
}

static bool read_vault(struct mp_reader *r, struct vault *out)
{
    if (!mp_next(r))
        return false;
    mp_array(r, 4, 4);
    if (mp_uint(r, UINT32_MAX) != VAULT_VERSION)
        return false;
    mp_fixed(r, out->device.b, sizeof out->device.b);
    out->count = mp_array(r, 0, VAULT_SLOTS_MAX);
    for (uint32_t i = 0; i < out->count; i++)
        if (!read_slot(r, &out->slots[i]))
            return false;
    mp_array(r, 2, 2);
    mp_fixed(r, out->boxes_nonce, sizeof out->boxes_nonce);
    mp_fixed(r, out->boxes, sizeof out->boxes);
    return file_hash_check(r);
}

bool vault_read(struct vault *vault, struct bytes file)
{
    struct mp_reader *reader = malloc(sizeof *reader);
    *vault = (struct vault){0};
    if (reader == NULL)
        return false;
    mp_reader_init(reader, file);
    bool fine = read_vault(reader, vault);
    free(reader);
    if (!fine)
        *vault = (struct vault){0};
    return fine;
}

void vault_put(const struct vault *vault, struct buffer *out)
{
    mp_put_array(out, 4);
    mp_put_uint(out, VAULT_VERSION);
    mp_put_bin(out, vault->device.b, sizeof vault->device.b);
    mp_put_array(out, vault->count);
    for (uint32_t i = 0; i < vault->count; i++) {
        const struct vault_slot *slot = &vault->slots[i];
        mp_put_array(out, 8);
        mp_put_uint(out, (uint64_t)slot->kind);
        mp_put_text(out, slot->worker);
        mp_put_int(out, slot->made_ms);
        mp_put_bin(out, slot->salt, sizeof slot->salt);
        mp_put_uint(out, slot->cost.opslimit);
        mp_put_uint(out, slot->cost.memlimit);
        mp_put_bin(out, slot->nonce, sizeof slot->nonce);
        mp_put_bin(out, slot->sealed, sizeof slot->sealed);
    }
    mp_put_array(out, 2);
    mp_put_bin(out, vault->boxes_nonce, sizeof vault->boxes_nonce);
    mp_put_bin(out, vault->boxes, sizeof vault->boxes);
    file_hash_put(out);
}

enum felloe_code vault_save(const struct vault *vault, const char *dir, struct felloe_error *error)
{
    struct buffer out = {0};
    vault_put(vault, &out);
    enum felloe_code code = out.failed ? felloe_fail(error, FELLOE_FAILED, "out of memory")
                                       : file_write(dir, VAULT_NAME, buffer_bytes(&out), error);
    buffer_release(&out);
    return code;
}

enum felloe_code vault_load(struct vault *vault, const char *dir, struct felloe_error *error)
{
    struct buffer in = {0};
    *vault = (struct vault){0};
    enum felloe_code code = file_read(dir, VAULT_NAME, VAULT_MAX, &in, error);
    if (code == FELLOE_OK && in.failed)
        code = felloe_fail(error, FELLOE_FAILED, "out of memory");
    if (code == FELLOE_OK && !vault_read(vault, buffer_bytes(&in)))
        code = felloe_fail(error, FELLOE_DAMAGED,
                           "%s/" VAULT_NAME " cannot be read: it is damaged, or was written by a newer version. It "
                           "holds what opens this device's record; put it back from a backup of the keys (felloe "
                           "restore --keys)",
                           dir);
    buffer_release(&in);
    return code;
}

/* ---- tries ---- */

struct tries {
    uint64_t count;
    int64_t last_ms;
};

/* One that cannot be read counts as many: whoever damages it is not helped by it. */
static struct tries read_tries(const char *dir)
{
    struct tries tries = {0};
    struct buffer in = {0};
    struct mp_reader *r = malloc(sizeof *r);
    enum felloe_code code = file_read(dir, TRIES_NAME, TRIES_MAX, &in, NULL);
    bool fine = code == FELLOE_OK && r != NULL && !in.failed;
    if (fine) {
        mp_reader_init(r, buffer_bytes(&in));
        fine = mp_next(r);
        mp_array(r, 2, 2);
        tries.count = mp_uint(r, UINT32_MAX);
        tries.last_ms = mp_int(r, INT64_MIN, INT64_MAX);
        fine = fine && file_hash_check(r);
    }
    if (!fine)
        tries = (struct tries){.count = code == FELLOE_NOT_FOUND ? 0 : 64};
    free(r);
    buffer_release(&in);
    return tries;
}

static enum felloe_code write_tries(const char *dir, const struct tries *tries, struct felloe_error *error)
{
    struct buffer out = {0};
    mp_put_array(&out, 2);
    mp_put_uint(&out, tries->count);
    mp_put_int(&out, tries->last_ms);
    return file_hashed_write(dir, TRIES_NAME, &out, error);
}

static uint64_t wait_after(uint64_t count)
{
    if (count < TRIES_FREE)
        return 0;
    const uint64_t doubled = count - TRIES_FREE;
    return doubled < 8 ? (uint64_t)WAIT_FIRST << doubled : WAIT_LONGEST;
}

uint64_t vault_wait_ms(const char *dir, int64_t now_ms)
{
    struct tries tries = read_tries(dir);
    const uint64_t wait = wait_after(tries.count) < WAIT_LONGEST ? wait_after(tries.count) : WAIT_LONGEST;
    if (wait == 0)
        return 0;
    if (now_ms < tries.last_ms || tries.last_ms == 0) { /* the clock went back: it begins anew */
        tries.last_ms = now_ms;
        write_tries(dir, &tries, NULL);
        return wait;
    }
    const uint64_t passed = (uint64_t)(now_ms - tries.last_ms);
    return passed < wait ? wait - passed : 0;
}

enum felloe_code vault_try(const char *dir, int64_t now_ms, struct felloe_error *error)
{
    const uint64_t wait = vault_wait_ms(dir, now_ms);
    struct tries tries = read_tries(dir);
    if (wait > 0)
        return felloe_fail(error, FELLOE_DENIED, "after %llu wrong tries the next one is taken in %llu s",
                           (unsigned long long)tries.count, (unsigned long long)(wait + 999) / 1000);
    tries.count++;
    tries.last_ms = now_ms;
    return write_tries(dir, &tries, error);
}

void vault_tried_right(const char *dir)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/" TRIES_NAME, dir) < (int)sizeof path && unlink(path) == 0)
        file_sync_folder(dir);
}
