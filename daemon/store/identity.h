/* SPDX-License-Identifier: Apache-2.0 */
/* Who this daemon is: its keys, and for a spoke the hub that its ticket pinned. One file, D/identity, mode 0600,
 * written whole (temporary file, fsync, rename, fsync of the folder). It holds what a locked daemon needs to share and
 * to receive; what opens the record is in the vault (daemon/store/vault.h). */
#ifndef FELLOE_DAEMON_IDENTITY_H
#define FELLOE_DAEMON_IDENTITY_H

#include "daemon/store/keyring.h"
#include "felloe/error.h"
#include "proto/event/key_record.h"
#include "proto/event/signature.h"

enum role { ROLE_HUB, ROLE_SPOKE };
#define HUB_WORKER "hub" /* the worker's id under which a hub records what it writes itself */

struct identity {
    enum role role;
    bool joined;                  /* a spoke: the hub has answered its ticket */
    bool locked;                  /* the vault is shut: box secrets and keyring_key are zeros */
    struct device_id device;
    char worker[SLUG_MAX + 1];    /* who records, unless a request says otherwise */
    char label[LABEL_MAX + 1];    /* what this device is called; a hub's name */
    struct sign_public sign_public;
    struct sign_secret sign_secret;
    struct box_public box_public;
    struct box_secret box_secret;
    struct box_secret box_before, box_next; /* while keys change: what still opens, what is to come; zeros: none */
    uint8_t curve_public[32], curve_secret[32];
    uint8_t keyring_key[KEYRING_KEY_SIZE]; /* wraps the data keys at rest: see keyring_open */
    /* a spoke's hub */
    char hub_address[256];
    char hub_name[LABEL_MAX + 1];
    uint8_t hub_curve[32];
    struct sign_public hub_sign;
    struct box_public hub_box, hub_box_before; /* before: until its keys changed last; zeros: they have not */
    struct device_id hub_device;
    /* a spoke that has not joined yet: the ticket's CURVE secret, to ask again with */
    uint8_t ticket_curve_secret[32];
};

/* Is it the hub's own device? */
static inline bool identity_is_hub(const struct identity *me, const struct device_id *device)
{
    return device_id_equal(device, me->role == ROLE_HUB ? &me->device : &me->hub_device);
}

/* What keyring_open needs of it. */
static inline const uint8_t *identity_keyring_key(const struct identity *me)
{
    return me->locked ? NULL : me->keyring_key;
}

/* Fresh random keys; everything else is zero. */
void identity_generate(struct identity *identity, enum role role);
/* Without what belongs into the vault. */
enum felloe_code identity_save(const struct identity *identity, const char *dir, struct felloe_error *error);
/* Locked, unless it is a file from before there was a vault: vault_open_directory does all of it. */
enum felloe_code identity_load(struct identity *identity, const char *dir, struct felloe_error *error);
/* From the bytes of such a file; false when they are none. */
bool identity_read(struct identity *identity, struct bytes file);
void identity_clear(struct identity *identity); /* wipes the secrets */

#endif
