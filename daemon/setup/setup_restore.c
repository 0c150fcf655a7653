/* SPDX-License-Identifier: Apache-2.0 */
/* felloed --restore: what the files are, whose they are, and then one part after the other; see setup_restore.h. */
#include "daemon/setup/setup_restore.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/auditors.h"
#include "daemon/store/file.h"
#include "proto/event/terms.h"

enum felloe_code restore_path(char out[PATH_MAX], const char *dir, const char *name, struct felloe_error *error)
{
    return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX
               ? FELLOE_OK
               : felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", dir);
}

static bool is_there(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat info;
    return restore_path(path, dir, name, NULL) == FELLOE_OK && stat(path, &info) == 0;
}

/* ---- the files ---- */

static const char *whose(const struct backup_head *head)
{
    return head->hub ? "the hub" : "the laptop";
}

static enum felloe_code open_files(const struct restore_options *options, struct backup_file *log,
                                   struct backup_file *keys, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    if (options->log != NULL)
        code = backup_file_open(log, options->log, false, error);
    if (code == FELLOE_OK && options->keys != NULL)
        code = backup_file_open(keys, options->keys, true, error);
    if (code == FELLOE_OK && options->log != NULL && options->keys != NULL &&
        !device_id_equal(&log->head.device, &keys->head.device))
        code = felloe_fail(error, FELLOE_INVALID, "%s is of %s “%s”, and %s of %s “%s”: they do not go together",
                           options->log, whose(&log->head), log->head.name, options->keys, whose(&keys->head),
                           keys->head.name);
    return code;
}

/* ---- who it is ---- */

static enum felloe_code nobody(const char *dir, struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_NOT_FOUND,
                       "%s is neither a hub nor a laptop. To make it one from backups, give that of the keys, too: "
                       "--keys KEYFILE",
                       dir);
}

static enum felloe_code take_identity(const struct restore_options *options, const struct backup_file *keys,
                                      struct identity *identity, struct restore_outcome *out,
                                      struct felloe_error *error)
{
    if (!identity_read(identity, keys->head.identity) ||
        !device_id_equal(&identity->device, &keys->head.device))
        return felloe_fail(error, FELLOE_INVALID,
                           "the identity in %s cannot be read; a newer version may have written it", options->keys);
    out->fresh = true;
    return file_write(options->dir, "identity", keys->head.identity, error);
}

/* A damaged one (D/identity, D/vault) makes way where the backup has a whole one; it is kept. */
static enum felloe_code put_aside(const char *dir, const char *what, char kept[PATH_MAX], struct felloe_error *error)
{
    char path[PATH_MAX], name[64];
    unsigned n = 1;
    do
        snprintf(name, sizeof name, "%s.before-restore-%u", what, n);
    while (is_there(dir, name) && n++ < 10000);
    enum felloe_code code = restore_path(path, dir, what, error);
    if (code == FELLOE_OK)
        code = restore_path(kept, dir, name, error);
    if (code == FELLOE_OK && rename(path, kept) != 0)
        code = felloe_fail(error, FELLOE_STORAGE, "%s could not be put aside: %s. Check the disk, and do it again",
                           path, strerror(errno));
    return code;
}

static enum felloe_code find_identity(const struct restore_options *options, const struct backup_file *keys,
                                      struct identity *identity, struct restore_outcome *out,
                                      struct felloe_error *error)
{
    enum felloe_code code = setup_identity(options->dir, identity, error);
    if (code == FELLOE_DAMAGED && options->keys != NULL)
        code = put_aside(options->dir, "identity", out->identity_kept, error) == FELLOE_OK ? FELLOE_NOT_FOUND
                                                                                           : error->code;
    if (code == FELLOE_NOT_FOUND && options->keys != NULL)
        return take_identity(options, keys, identity, out, error);
    return code == FELLOE_NOT_FOUND ? nobody(options->dir, error) : code;
}

/* The vault that is here stays, unless it is damaged: its passphrase may be newer than the backup. */
static enum felloe_code take_vault(const struct restore_options *options, const struct backup_file *keys,
                                   struct felloe_error *error)
{
    struct vault vault;
    char kept[PATH_MAX];
    enum felloe_code code = vault_load(&vault, options->dir, error);
    if (keys == NULL || keys->head.vault.len == 0 || (code != FELLOE_NOT_FOUND && code != FELLOE_DAMAGED))
        return FELLOE_OK; /* opening it says what is wrong with it */
    if (!vault_read(&vault, keys->head.vault) || !device_id_equal(&vault.device, &keys->head.device))
        return felloe_fail(error, FELLOE_INVALID,
                           "the vault in %s cannot be read; a newer version may have written it", options->keys);
    code = code == FELLOE_DAMAGED ? put_aside(options->dir, "vault", kept, error) : FELLOE_OK;
    return code == FELLOE_OK ? file_write(options->dir, "vault", keys->head.vault, error) : code;
}

/* Of a configuration that is not in place yet: its `unlock = …`. */
static void find_way(struct bytes configuration, char out[VAULT_WAY_MAX + 1])
{
    static const char name[] = "\nunlock = ";
    *out = '\0';
    if (configuration.len == 0)
        return;
    const uint8_t *at = memmem(configuration.data, configuration.len, name, sizeof name - 1);
    if (at == NULL)
        return;
    at += sizeof name - 1;
    const uint8_t *end = memchr(at, '\n', (size_t)(configuration.data + configuration.len - at));
    if (end != NULL)
        bytes_to_text(bytes_of(at, (size_t)(end - at)), out, VAULT_WAY_MAX + 1);
}

static enum felloe_code unlock(const struct restore_options *options, const struct backup_file *keys,
                               struct identity *identity, struct felloe_error *error)
{
    char way[VAULT_WAY_MAX + 1];
    const char *known = options->unlock;
    if (known == NULL && !is_there(options->dir, "felloe.conf") && keys != NULL) {
        find_way(keys->head.configuration, way);
        known = way;
    }
    return setup_unlock(options->dir, known, options->secret, identity, error);
}

static enum felloe_code check_whose(const char *path, const struct backup_head *head, const struct identity *identity,
                                    const char *dir, struct felloe_error *error)
{
    if (device_id_equal(&head->device, &identity->device))
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_INVALID, "%s is a backup of %s “%s”, and %s is %s “%s”. Nothing was changed",
                       path, whose(head), head->name, dir, identity->role == ROLE_HUB ? "the hub" : "the laptop",
                       identity->label);
}

/* What comes of the two is not the same: whoever says `hub restore` to a laptop is in the wrong directory. But keys
 * alone come back in one way only, and where an identity is gone nothing tells which of the two it was. */
static enum felloe_code check_verb(const struct restore_options *options, bool hub, const char *what, const char *name,
                                   struct felloe_error *error)
{
    const char *right = hub ? "hub restore" : "restore";
    if (options->verb == NULL || strcmp(options->verb, right) == 0 || (hub && options->log == NULL))
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_INVALID,
                       "%s belongs to %s “%s”, and `felloe %s` puts back %s. Nothing was changed. If this is what is "
                       "meant, say `felloe %s`",
                       what, hub ? "the hub" : "the laptop", name, options->verb, hub ? "a laptop" : "a hub", right);
}

static enum felloe_code check_role(const struct restore_options *options, const struct backup_file *log,
                                   const struct backup_file *keys, struct felloe_error *error)
{
    struct identity there = {0};
    enum felloe_code code = FELLOE_OK;
    if (options->log != NULL)
        code = check_verb(options, log->head.hub, options->log, log->head.name, error);
    if (code == FELLOE_OK && options->keys != NULL)
        code = check_verb(options, keys->head.hub, options->keys, keys->head.name, error);
    if (code == FELLOE_OK && setup_identity(options->dir, &there, NULL) == FELLOE_OK)
        code = check_verb(options, there.role == ROLE_HUB, options->dir, there.label, error);
    identity_clear(&there);
    return code;
}

/* ---- all of it ---- */

static enum felloe_code restore_configuration(const struct restore_options *options, const struct backup_file *keys,
                                              struct restore_outcome *out, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    if (!is_there(options->dir, "felloe.conf") && options->keys != NULL && keys->head.configuration.len > 0)
        code = file_write(options->dir, "felloe.conf", keys->head.configuration, error);
    out->configured = is_there(options->dir, "felloe.conf");
    return code;
}

/* Those that are here stay, unless they are damaged: their passphrase may be newer than the backup. */
static enum felloe_code take_auditors(const struct restore_options *options, const struct backup_file *keys,
                                      struct felloe_error *error)
{
    struct auditors auditors;
    char kept[PATH_MAX];
    enum felloe_code code = auditors_load(&auditors, options->dir, NULL);
    if (options->keys == NULL || !auditors_read(&auditors, keys->head.auditors) ||
        (code != FELLOE_NOT_FOUND && code != FELLOE_DAMAGED))
        return FELLOE_OK;
    code = code == FELLOE_DAMAGED ? put_aside(options->dir, "auditors", kept, error) : FELLOE_OK;
    return code == FELLOE_OK ? file_write(options->dir, "auditors", keys->head.auditors, error) : code;
}

static bool are_terms(struct bytes object, const struct identity *identity)
{
    struct terms terms;
    return terms_read(object, &identity->hub_sign, &terms) && device_id_equal(&terms.device, &identity->device);
}

/* A laptop that comes back from a backup is to know whether it has a lease. Those that are here are newer. */
static enum felloe_code take_terms(const struct restore_options *options, const struct backup_file *keys,
                                   const struct identity *identity, struct felloe_error *error)
{
    struct buffer here = {0};
    bool whole = file_read(options->dir, "terms", TERMS_SIZE_MAX, &here, NULL) == FELLOE_OK &&
                 are_terms(buffer_bytes(&here), identity);
    buffer_release(&here);
    if (options->keys == NULL || whole || !are_terms(keys->head.terms, identity))
        return FELLOE_OK;
    return file_write(options->dir, "terms", keys->head.terms, error);
}

static enum felloe_code restore_all(const struct restore_options *options, const struct backup_file *log,
                                    const struct backup_file *keys, struct identity *identity,
                                    struct restore_outcome *out, struct felloe_error *error)
{
    const char *dir = options->dir;
    enum felloe_code code = take_vault(options, options->keys != NULL ? keys : NULL, error);
    if (code == FELLOE_OK)
        code = find_identity(options, keys, identity, out, error);
    if (code == FELLOE_OK && options->log != NULL)
        code = check_whose(options->log, &log->head, identity, dir, error);
    if (code == FELLOE_OK && options->keys != NULL)
        code = check_whose(options->keys, &keys->head, identity, dir, error);
    if (code == FELLOE_OK && options->keys == NULL && !is_there(dir, "keys/data.mdb"))
        code = felloe_fail(error, FELLOE_NOT_FOUND, "%s has no keys, and the log cannot be read without: give their "
                                                    "backup, too: --keys KEYFILE",
                           dir);
    if (code == FELLOE_OK)
        code = unlock(options, keys, identity, error);
    if (code != FELLOE_OK)
        return code;
    out->role = identity->role;
    out->device = identity->device;
    memcpy(out->name, identity->label, sizeof out->name);
    if (options->keys != NULL)
        code = restore_keys(dir, identity, keys, out, error);
    if (code == FELLOE_OK)
        code = take_auditors(options, keys, error);
    if (code == FELLOE_OK)
        code = take_terms(options, keys, identity, error);
    if (code == FELLOE_OK && options->log != NULL)
        code = restore_log(dir, identity, log, out, error);
    return code == FELLOE_OK ? restore_configuration(options, keys, out, error) : code;
}

enum felloe_code setup_restore(const struct restore_options *options, struct restore_outcome *out,
                               struct felloe_error *error)
{
    struct backup_file log = {.fd = -1}, keys = {.fd = -1};
    struct identity identity = {0};
    *out = (struct restore_outcome){0};
    enum felloe_code code = open_files(options, &log, &keys, error);
    if (code == FELLOE_OK)
        code = check_role(options, &log, &keys, error);
    if (code == FELLOE_OK && options->keys == NULL && !is_there(options->dir, "identity"))
        code = nobody(options->dir, error);
    int lock = code == FELLOE_OK ? setup_directory(options->dir, error) : -1;
    if (code == FELLOE_OK && lock < 0)
        code = error->code;
    if (code == FELLOE_OK)
        code = restore_all(options, &log, &keys, &identity, out, error);
    identity_clear(&identity);
    backup_file_close(&log);
    backup_file_close(&keys);
    if (lock >= 0)
        close(lock);
    return code;
}
