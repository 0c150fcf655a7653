/* SPDX-License-Identifier: Apache-2.0 */
/* Is the keyring damaged, is the log? Then it is repaired into a new one beside it, and the two change places; see
 * setup_repair.h. The keyring first: keys prove which events are true. */
#include "daemon/setup/setup_repair.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log/verify.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/setup_swap.h"
#include "daemon/store/place.h"

/* D/what has a database, or it says that there is none. (Opening it would make one, and then all would be well.) */
static bool is_there(const char *dir, const char *what, char damage[DAMAGE_MAX])
{
    char path[PATH_MAX];
    struct stat info;
    if (snprintf(path, sizeof path, "%s/%s/data.mdb", dir, what) >= (int)sizeof path ||
        (stat(path, &info) == 0 && info.st_size > 0))
        return true;
    snprintf(damage, DAMAGE_MAX, "%s/data.mdb is missing or empty", what);
    return false;
}

/* ---- the keyring ---- */

/* FELLOE_OK with `keys_damage` empty: it is whole. */
static enum felloe_code look_at_keys(const char *dir, const struct identity *identity, struct repair_outcome *out,
                                     struct felloe_error *error)
{
    struct keyring *keyring;
    struct felloe_error why = {0};
    if (!is_there(dir, "keys", out->keys_damage))
        return FELLOE_OK;
    enum felloe_code code = keyring_open(&keyring, dir, identity_keyring_key(identity), &why);
    if (code == FELLOE_DAMAGED) {
        snprintf(out->keys_damage, sizeof out->keys_damage, "%s", why.message);
        return FELLOE_OK;
    }
    if (code != FELLOE_OK)
        return felloe_fail(error, code, "%s", why.message);
    bool unread = false;
    uint64_t damaged = keyring_count_damaged(keyring, &unread);
    if (damaged > 0)
        snprintf(out->keys_damage, sizeof out->keys_damage, "%llu key%s in %s/keys cannot be opened, or found",
                 (unsigned long long)damaged, damaged == 1 ? "" : "s", dir);
    keyring_close(keyring);
    return unread ? keyring_unread(error) : FELLOE_OK;
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
        code = keyring_open(&keyring, new, identity_keyring_key(identity), error);
    if (code != FELLOE_OK)
        return code;
    code = keyring_repair(damaged, keyring, &out->keys, error);
    keyring_close(keyring);
    if (code == FELLOE_OK)
        code = swap_in(dir, "keys", "damaged", out->keys_kept, error);
    if (code != FELLOE_OK) /* so that a disk that was too full for it is not the fuller for it */
        swap_give_up(dir, "keys");
    return code;
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
    if (!is_there(dir, "log", out->log_damage))
        return FELLOE_OK;
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
        code = keyring_open(&keyring, dir, identity_keyring_key(identity), error);
    if (code != FELLOE_OK)
        return code;
    queue_init(&queue, NULL, NULL);
    const struct event_log_config config = {
        .dir = new, .identity = identity, .keyring = keyring, .completions = &queue, .instead = true};
    code = log_repair(damaged, &config, &out->log, error);
    keyring_close(keyring);
    queue_destroy(&queue);
    if (code == FELLOE_OK)
        code = swap_in(dir, "log", "damaged", out->log_kept, error);
    if (code != FELLOE_OK)
        swap_give_up(dir, "log");
    else if (identity->role == ROLE_HUB) /* it goes on in the next epoch already, and need not be cautious */
        place_note(dir);
    return code;
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

static enum felloe_code find_identity(const struct repair_options *options, struct identity *identity,
                                      struct felloe_error *error)
{
    const char *dir = options->dir;
    enum felloe_code code = setup_identity(dir, identity, error);
    if (code == FELLOE_NOT_FOUND)
        return felloe_fail(error, code, "%s is neither a hub nor a laptop: there is no identity in it", dir);
    if (code == FELLOE_OK && identity->role == ROLE_SPOKE && !identity->joined)
        code =
            felloe_fail(error, FELLOE_NOT_FOUND,
                        "%s has not joined a hub yet, so there is nothing to repair. Run its join again: felloe --dir "
                        "%s join TICKET",
                        dir, dir);
    return code == FELLOE_OK ? setup_unlock(dir, options->unlock, options->secret, identity, error) : code;
}

enum felloe_code setup_repair(const struct repair_options *options, struct repair_outcome *out,
                              struct felloe_error *error)
{
    const char *dir = options->dir;
    struct identity identity = {0};
    struct stat info;
    *out = (struct repair_outcome){0};
    if (stat(dir, &info) != 0) /* which is not to be made */
        return felloe_fail(error, FELLOE_NOT_FOUND, "there is no directory %s", dir);
    int lock = setup_directory(dir, error);
    if (lock < 0)
        return error->code;
    enum felloe_code code = find_identity(options, &identity, error);
    if (code == FELLOE_OK) {
        out->role = identity.role;
        code = look_and_repair(dir, &identity, out, error);
    }
    identity_clear(&identity);
    close(lock);
    return code;
}
