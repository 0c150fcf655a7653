/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a backup, taken into the keyring that is here. What is here stays; what either says is erased, is erased.
 *
 *   image -> D/new-keys/keys, opened as a keyring -> erased, keys, devices -> D/keys */
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/setup/setup_restore.h"
#include "daemon/setup/setup_swap.h"

#define BATCH 256u

struct taking {
    struct keyring *into;
    struct restore_outcome *out;
    enum felloe_code code;
    struct felloe_error *error;
    size_t count;
    union {
        struct key_record keys[BATCH];
        struct key_id ids[BATCH];
    };
};

static void put_erased(struct taking *t)
{
    if (t->code == FELLOE_OK && t->count > 0)
        t->code = keyring_erase(t->into, t->ids, t->count, t->error);
    t->out->keys_erased += t->count;
    t->count = 0;
}

static bool take_erased(void *context, const struct key_id *id)
{
    struct taking *t = context;
    if (!keyring_erased(t->into, id, NULL)) /* again does no harm */
        t->ids[t->count++] = *id;
    if (t->count == BATCH)
        put_erased(t);
    return t->code == FELLOE_OK;
}

static void put_keys(struct taking *t)
{
    if (t->code == FELLOE_OK && t->count > 0)
        t->code = keyring_add(t->into, t->keys, t->count, t->error);
    t->out->keys_added += t->count;
    t->count = 0;
    sodium_memzero(t->keys, sizeof t->keys);
}

static bool take_key(void *context, const struct key_record *record)
{
    struct taking *t = context;
    struct key_record there;
    enum felloe_code here = keyring_get(t->into, &record->id, &there);
    sodium_memzero(&there, sizeof there);
    t->out->keys_damaged += here == FELLOE_DAMAGED;
    if (!keyring_was_read(here) && t->code == FELLOE_OK) /* it may not be here */
        t->code = keyring_unread(t->error);
    if (here == FELLOE_NOT_FOUND && !keyring_erased(t->into, &record->id, NULL)) /* which adding looks at, too */
        t->keys[t->count++] = *record;
    if (t->count == BATCH)
        put_keys(t);
    return t->code == FELLOE_OK;
}

struct looking {
    const struct device_id *device;
    bool found;
};
static bool look(void *context, const struct device_id *device, struct bytes row)
{
    struct looking *l = context;
    (void)row;
    l->found = device_id_equal(device, l->device);
    return !l->found;
}

static bool take_device(void *context, const struct device_id *device, struct bytes row)
{
    struct taking *t = context;
    struct looking l = {.device = device};
    bool unread = false;
    keyring_devices(t->into, look, &l, &unread);
    if (unread) /* one that is here may have been revoked since */
        t->code = keyring_unread(t->error);
    else if (!l.found)
        t->code = keyring_put_device(t->into, device, row, t->error);
    return t->code == FELLOE_OK;
}

static bool take_in(void *context, const struct key_id *id, struct bytes record)
{
    struct taking *t = context;
    (void)id;
    t->code = keyring_put_in(t->into, &record, 1, t->error);
    return t->code == FELLOE_OK;
}

/* Erased ones first: none of them is ever here, not for a moment. */
static enum felloe_code take_all(struct keyring *from, struct keyring *into, struct restore_outcome *out,
                                 struct felloe_error *error)
{
    struct taking *t = calloc(1, sizeof *t);
    if (t == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    *t = (struct taking){.into = into, .out = out, .error = error};
    bool whole = keyring_visit_erased(from, take_erased, t);
    put_erased(t);
    whole = keyring_visit(from, take_key, t) && whole;
    put_keys(t);
    bool unread = false;
    if (t->code == FELLOE_OK)
        keyring_devices(from, take_device, t, &unread);
    if (t->code == FELLOE_OK)
        unread |= !keyring_visit_in(from, take_in, t) && t->code == FELLOE_OK;
    if (t->code == FELLOE_OK && unread)
        t->code = keyring_unread(error);
    enum felloe_code code = t->code;
    if (code == FELLOE_OK && !whole)
        code = felloe_fail(error, FELLOE_DAMAGED,
                           "the backup of the keys has a key that does not open: it was damaged before it was backed "
                           "up. The others are here now: go on without --keys");
    sodium_memzero(t, sizeof *t);
    free(t);
    return code;
}

static enum felloe_code open_image(const char *folder, const struct identity *identity, const struct backup_file *file,
                                   struct keyring **out, struct felloe_error *error)
{
    char keys[PATH_MAX], image[PATH_MAX];
    enum felloe_code code = restore_path(keys, folder, "keys", error);
    if (code == FELLOE_OK)
        code = restore_path(image, keys, "data.mdb", error);
    if (code == FELLOE_OK)
        code = swap_make_folder(keys, error);
    if (code == FELLOE_OK)
        code = backup_file_image(file, image, error);
    return code == FELLOE_OK ? keyring_open(out, folder, identity_keyring_key(identity), error) : code;
}

/* A keyring that cannot be opened is kept aside, for there is one to put in its place. */
static enum felloe_code open_here(const char *dir, const struct identity *identity, struct keyring **out,
                                  struct restore_outcome *outcome, struct felloe_error *error)
{
    char folder[PATH_MAX], keys[PATH_MAX];
    enum felloe_code code = keyring_open(out, dir, identity_keyring_key(identity), error);
    if (code != FELLOE_DAMAGED)
        return code;
    code = swap_prepare(dir, "keys", folder, error);
    if (code == FELLOE_OK)
        code = restore_path(keys, folder, "keys", error);
    if (code == FELLOE_OK)
        code = swap_make_folder(keys, error);
    if (code == FELLOE_OK)
        code = swap_in(dir, "keys", "before-restore", outcome->keys_kept, error);
    return code == FELLOE_OK ? keyring_open(out, dir, identity_keyring_key(identity), error) : code;
}

void restore_tidy(const char *dir, const char *what)
{
    char folder[PATH_MAX];
    if (swap_prepare(dir, what, folder, NULL) == FELLOE_OK)
        rmdir(folder);
}

enum felloe_code restore_keys(const char *dir, const struct identity *identity, const struct backup_file *file,
                              struct restore_outcome *out, struct felloe_error *error)
{
    struct keyring *here = NULL, *backup = NULL;
    char folder[PATH_MAX];
    enum felloe_code code = open_here(dir, identity, &here, out, error);
    if (code == FELLOE_OK)
        code = swap_prepare(dir, "keys", folder, error);
    if (code == FELLOE_OK)
        code = open_image(folder, identity, file, &backup, error);
    if (code == FELLOE_OK)
        code = take_all(backup, here, out, error);
    keyring_close(backup);
    keyring_close(here);
    restore_tidy(dir, "keys"); /* what is erased here may be in that image */
    out->keys = code == FELLOE_OK;
    return code;
}
