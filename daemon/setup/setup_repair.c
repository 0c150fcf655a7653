/* SPDX-License-Identifier: Apache-2.0 */
/* Is the keyring damaged, is the log? Then it is repaired into a new one beside it, and the two change places; see
 * setup_repair.h. The keyring first: keys prove which events are true. */
#include "daemon/setup/setup_repair.h"

#include <stdio.h>
#include <unistd.h>

#include "daemon/log/verify.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/setup_swap.h"

/* ---- the keyring ---- */

/* FELLOE_OK with `keys_damage` empty: it is whole. */
static enum felloe_code look_at_keys(const char *dir, const struct identity *identity, struct repair_outcome *out,
                                     struct felloe_error *error)
{
    struct keyring *keyring;
    struct felloe_error why = {0};
    enum felloe_code code = keyring_open(&keyring, dir, identity->keyring_key, &why);
    if (code == FELLOE_DAMAGED) {
        snprintf(out->keys_damage, sizeof out->keys_damage, "%s", why.message);
        return FELLOE_OK;
    }
    if (code != FELLOE_OK)
        return felloe_fail(error, code, "%s", why.message);
    uint64_t damaged = keyring_count_damaged(keyring);
    if (damaged > 0)
        snprintf(out->keys_damage, sizeof out->keys_damage, "%llu key%s in %s/keys cannot be opened",
                 (unsigned long long)damaged, damaged == 1 ? "" : "s", dir);
    keyring_close(keyring);
    return FELLOE_OK;
}

static enum felloe_code repair_keys(const char *dir, const struct identity *identity, struct repair_outcome *out,
                                    struct felloe_error *error)
{
    char new[PATH_MAX], damaged[PATH_MAX];
    if (snprintf(damaged, sizeof damaged, "%s/keys/data.mdb", dir) >= (int)sizeof damaged)
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", dir);
    struct keyring *keyring;
    enum felloe_code code = swap_prepare(dir, "keys", new, error);
    if (code == FELLOE_OK)
        code = keyring_open(&keyring, new, identity->keyring_key, error);
    if (code != FELLOE_OK)
        return code;
    code = keyring_repair(damaged, keyring, &out->keys, error);
    keyring_close(keyring);
    return code == FELLOE_OK ? swap_in(dir, "keys", "damaged", out->keys_kept, error) : code;
}

/* ---- the log ---- */

static void note_problem(void *context, const char *text)
{
    struct repair_outcome *out = context;
    if (out->log_damage[0] == '\0')
        snprintf(out->log_damage, sizeof out->log_damage, "%s", text);
}

/* FELLOE_OK with `log_damage` empty: it is whole. */
static enum felloe_code look_at_log(const char *dir, const struct identity *identity, struct repair_outcome *out,
                                    struct felloe_error *error)
{
    struct setup_log log;
    struct felloe_error why = {0};
    enum felloe_code code = setup_log_open(&log, dir, identity, &why);
    if (code == FELLOE_DAMAGED) {
        snprintf(out->log_damage, sizeof out->log_damage, "%s", why.message);
        return FELLOE_OK;
    }
    if (code != FELLOE_OK)
        return felloe_fail(error, code, "%s", why.message);
    struct verify_result result;
    const struct verify_options options = {
        .log = log.log, .keyring = log.keyring, .identity = identity, .problem = note_problem, .context = out};
    code = verify_log(&options, &result, error);
    setup_log_close(&log);
    return code;
}

static enum felloe_code repair_log(const char *dir, const struct identity *identity, struct repair_outcome *out,
                                   struct felloe_error *error)
{
    char new[PATH_MAX], damaged[PATH_MAX];
    if (snprintf(damaged, sizeof damaged, "%s/log/data.mdb", dir) >= (int)sizeof damaged)
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", dir);
    struct queue queue;
    struct keyring *keyring;
    enum felloe_code code = swap_prepare(dir, "log", new, error);
    if (code == FELLOE_OK)
        code = keyring_open(&keyring, dir, identity->keyring_key, error);
    if (code != FELLOE_OK)
        return code;
    queue_init(&queue, NULL, NULL);
    const struct event_log_config config = {
        .dir = new, .identity = identity, .keyring = keyring, .completions = &queue};
    code = log_repair(damaged, &config, &out->log, error);
    keyring_close(keyring);
    queue_destroy(&queue);
    if (code == FELLOE_OK)
        code = swap_in(dir, "log", "damaged", out->log_kept, error);
    return code == FELLOE_OK ? swap_views_away(dir, error) : code;
}

/* ---- both ---- */

static enum felloe_code look_and_repair(const char *dir, const struct identity *identity, struct repair_outcome *out,
                                        struct felloe_error *error)
{
    enum felloe_code code = look_at_keys(dir, identity, out, error);
    if (code == FELLOE_OK && out->keys_damage[0] != '\0')
        code = repair_keys(dir, identity, out, error);
    if (code == FELLOE_OK)
        code = look_at_log(dir, identity, out, error);
    if (code == FELLOE_OK && out->log_damage[0] != '\0')
        code = repair_log(dir, identity, out, error);
    return code;
}

enum felloe_code setup_repair(const char *dir, struct repair_outcome *out, struct felloe_error *error)
{
    struct identity identity;
    *out = (struct repair_outcome){0};
    int lock = setup_directory(dir, error);
    if (lock < 0)
        return error->code;
    enum felloe_code code = setup_identity(dir, &identity, error);
    if (code == FELLOE_NOT_FOUND)
        felloe_fail(error, code,
                    "%s is neither a hub nor a laptop: there is no identity in it, and nobody can make one again. It "
                    "comes back from a backup of the keys: felloe --dir %s restore --keys KEYFILE",
                    dir, dir);
    if (code == FELLOE_OK) {
        out->role = identity.role;
        code = look_and_repair(dir, &identity, out, error);
        identity_clear(&identity);
    }
    close(lock);
    return code;
}
