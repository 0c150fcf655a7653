/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a directory is opened, and opening it; see vault.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/report.h"
#include "daemon/store/vault.h"

static const char *after(const char *text, const char *prefix)
{
    const size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 && text[len] != '\0' ? text + len : NULL;
}

enum vault_way vault_way_of(const char *text)
{
    const char *name;
    if (strlen(text) > VAULT_WAY_MAX)
        return VAULT_WAY_UNKNOWN;
    if (strcmp(text, "none") == 0)
        return VAULT_WAY_NONE;
    if (strcmp(text, "passphrase") == 0)
        return VAULT_WAY_PASSPHRASE;
    if ((name = after(text, "file:")) != NULL)
        return *name == '/' ? VAULT_WAY_FILE : VAULT_WAY_UNKNOWN;
    if ((name = after(text, "credential:")) != NULL)
        return strchr(name, '/') == NULL && *name != '.' ? VAULT_WAY_CREDENTIAL : VAULT_WAY_UNKNOWN;
    return VAULT_WAY_UNKNOWN;
}

enum felloe_code vault_way_check(const char *text, enum role role, struct felloe_error *error)
{
    const enum vault_way way = vault_way_of(text);
    if (way == VAULT_WAY_UNKNOWN)
        return felloe_fail(error, FELLOE_USAGE,
                           "%s%s%swhat opens the record on this machine? Say --unlock %sfile:PATH (a key file, PATH "
                           "from /), credential:NAME (of systemd), or none (whoever has the disk can read it)",
                           *text ? "--unlock " : "", text, *text ? " is no way: " : "",
                           role == ROLE_HUB ? "" : "passphrase (the worker's own), ");
    if (way == VAULT_WAY_PASSPHRASE && role == ROLE_HUB)
        return felloe_fail(error, FELLOE_USAGE,
                           "a hub has to start by itself, at night too, so nobody can be asked for a passphrase: give "
                           "--unlock file:PATH, credential:NAME, or none");
    return FELLOE_OK;
}

/* ---- key files ---- */

static enum felloe_code cannot_read(const char *path, int cause, struct felloe_error *error)
{
    const enum felloe_code code = cause == ENOENT || cause == ENOTDIR   ? FELLOE_NOT_FOUND
                                  : cause == EACCES || cause == EPERM ? FELLOE_DENIED
                                                                      : FELLOE_STORAGE;
    return felloe_fail(error, code, "the key file %s cannot be read: %s. Without it the record stays shut", path,
                       strerror(cause));
}

/* Of any length: what opens is the hash of it. */
static enum felloe_code read_key_file(const char *path, struct vault_secret *out, struct felloe_error *error)
{
    crypto_generichash_state state;
    uint8_t chunk[4096];
    uint64_t size = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return cannot_read(path, errno, error);
    crypto_generichash_init(&state, NULL, 0, 32);
    while ((got = read(fd, chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        crypto_generichash_update(&state, chunk, (size_t)got);
        size += (uint64_t)got;
    }
    const int cause = errno;
    close(fd);
    *out = (struct vault_secret){.kind = VAULT_KEY, .len = 32};
    crypto_generichash_final(&state, out->b, 32);
    sodium_memzero(chunk, sizeof chunk);
    sodium_memzero(&state, sizeof state);
    if (got < 0)
        return cannot_read(path, cause, error);
    return size >= VAULT_KEY_FILE_MIN
               ? FELLOE_OK
               : felloe_fail(error, FELLOE_INVALID, "the key file %s has %llu bytes, and needs %d that nobody can "
                                                    "guess: head -c 32 /dev/urandom > %s",
                             path, (unsigned long long)size, VAULT_KEY_FILE_MIN, path);
}

enum felloe_code vault_way_secret(const char *text, struct vault_secret *out, struct felloe_error *error)
{
    char path[PATH_MAX];
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    switch (vault_way_of(text)) {
    case VAULT_WAY_NONE:
        vault_secret_open(out);
        return FELLOE_OK;
    case VAULT_WAY_FILE:
        return read_key_file(after(text, "file:"), out, error);
    case VAULT_WAY_CREDENTIAL:
        if (credentials == NULL)
            return felloe_fail(error, FELLOE_NOT_FOUND,
                               "there is no credential %s: systemd gives none to this process (LoadCredential= in the "
                               "unit; by hand: CREDENTIALS_DIRECTORY)",
                               after(text, "credential:"));
        if (snprintf(path, sizeof path, "%s/%s", credentials, after(text, "credential:")) >= (int)sizeof path)
            return cannot_read(text, ENAMETOOLONG, error);
        return read_key_file(path, out, error);
    case VAULT_WAY_PASSPHRASE:
    case VAULT_WAY_UNKNOWN:
        break;
    }
    return felloe_fail(error, FELLOE_INVALID, "a passphrase has to be asked for");
}

/* ---- a directory ---- */

enum felloe_code vault_make_directory(const char *dir, const struct identity *identity,
                                      const struct vault_secret *secret, const struct vault_cost *cost, int64_t now_ms,
                                      struct felloe_error *error)
{
    struct vault vault;
    vault_start(&vault, &identity->device);
    enum felloe_code code =
        vault_add(&vault, secret, identity->worker, identity->keyring_key, true, cost, now_ms, error);
    if (code == FELLOE_OK) {
        vault_seal_boxes(&vault, identity);
        code = vault_save(&vault, dir, error);
    }
    sodium_memzero(&vault, sizeof vault);
    return code;
}

/* Is there a vault for this old identity already? (A conversion was interrupted, or an old identity was put back.) */
static bool has_vault(const char *dir, const struct identity *identity)
{
    struct identity copy = *identity;
    struct vault vault;
    bool its = vault_load(&vault, dir, NULL) == FELLOE_OK &&
               vault_unlock(&vault, identity->keyring_key, &copy, NULL) == FELLOE_OK;
    identity_clear(&copy);
    return its;
}

/* The vault first: an identity without secrets is of no use without it. */
static enum felloe_code convert(const struct vault_opening *opening, struct identity *identity,
                                struct felloe_error *error)
{
    struct vault_secret open;
    enum felloe_code code = FELLOE_OK;
    if (!has_vault(opening->dir, identity)) {
        vault_secret_open(&open);
        randombytes_buf(identity->keyring_key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE);
        code = vault_make_directory(opening->dir, identity, &open, &vault_cost_moderate, opening->now_ms, error);
    }
    if (code == FELLOE_OK)
        code = identity_save(identity, opening->dir, error);
    if (code == FELLOE_OK)
        report(LEVEL_INFO, "what opens this directory's record is in a vault of its own now: %s/vault", opening->dir);
    return code == FELLOE_OK ? identity_load(identity, opening->dir, error) : code;
}

/* What opens it without anybody: FELLOE_OK with kind 0: nothing does. */
static enum felloe_code find_secret(const struct vault_opening *opening, const struct vault *vault,
                                    struct vault_secret *out, struct felloe_error *error)
{
    const char *way = opening->way != NULL ? opening->way : "";
    *out = (struct vault_secret){0};
    if (opening->secret != NULL) {
        *out = *opening->secret;
        return FELLOE_OK;
    }
    if (*way == '\0' && vault_find(vault, VAULT_OPEN, NULL) != NULL)
        way = "none";
    const enum vault_way known = vault_way_of(way);
    if (known == VAULT_WAY_PASSPHRASE || known == VAULT_WAY_UNKNOWN)
        return FELLOE_OK;
    return vault_way_secret(way, out, error);
}

/* Passphrases and recovery codes are what people guess. */
static bool is_guessed(const struct vault_secret *secret)
{
    return secret->kind == VAULT_PASSPHRASE || secret->kind == VAULT_RECOVERY;
}

static enum felloe_code open_with(const struct vault_opening *opening, const struct vault *vault,
                                  const struct vault_secret *secret, struct identity *identity, char *who,
                                  struct felloe_error *error)
{
    uint8_t key[KEYRING_KEY_SIZE];
    uint32_t opened = 0;
    enum felloe_code code = is_guessed(secret) ? vault_try(opening->dir, opening->now_ms, error) : FELLOE_OK;
    if (code == FELLOE_OK)
        code = vault_open(vault, secret, opening->worker, key, &opened, error);
    if (code == FELLOE_OK && is_guessed(secret))
        vault_tried_right(opening->dir);
    if (code == FELLOE_OK)
        code = vault_unlock(vault, key, identity, error);
    if (code == FELLOE_OK && who != NULL)
        memcpy(who, is_guessed(secret) ? vault->slots[opened].worker : identity->worker, SLUG_MAX + 1);
    sodium_memzero(key, sizeof key);
    return code;
}

enum felloe_code vault_open_directory(const struct vault_opening *opening, struct identity *identity, char *who,
                                      struct felloe_error *error)
{
    struct vault vault;
    struct vault_secret secret;
    enum felloe_code code = identity_load(identity, opening->dir, error);
    if (code == FELLOE_OK && !identity->locked)
        code = convert(opening, identity, error);
    if (code == FELLOE_OK && (code = vault_load(&vault, opening->dir, error)) == FELLOE_NOT_FOUND)
        code = felloe_fail(error, FELLOE_DAMAGED,
                           "%s/vault is missing: it holds what opens this device's record. Put it back from a backup "
                           "of the keys (felloe restore --keys)",
                           opening->dir);
    if (code == FELLOE_OK && !device_id_equal(&vault.device, &identity->device))
        code = felloe_fail(error, FELLOE_DAMAGED,
                           "%s/vault is another device's. Put this one's back from a backup of the keys (felloe "
                           "restore --keys)",
                           opening->dir);
    if (code == FELLOE_OK)
        code = find_secret(opening, &vault, &secret, error);
    if (code != FELLOE_OK)
        return code;
    if (secret.kind != 0)
        code = open_with(opening, &vault, &secret, identity, who, error);
    vault_secret_clear(&secret);
    return code;
}
