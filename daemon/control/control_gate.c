/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask for what; see control_gate.h. */
#include "daemon/control/control_gate.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/control/control_audit.h"
#include "daemon/lease.h"
#include "daemon/store/vault.h"

/* ---- what a verb needs ---- */

/* By name; what begins with "hub." is for administrators unless it says otherwise here. */
static const struct {
    const char *verb;
    enum need need;
} needs[] = {
    {"record", NEED_RECORDS},    {"view", NEED_OPENS},     {"settle", NEED_OPENS}, {"search", NEED_OPENS},
    {"news", NEED_OPENS},        {"status", NEED_ANY},     {"log", NEED_OPENS},    {"verify", NEED_ANY},
    {"rebuild", NEED_OPEN},      {"digest", NEED_OPEN},    {"backup", NEED_KEEPER}, {"unlock", NEED_ANY},
    {"lock", NEED_ANY},          {"passphrase", NEED_ANY}, {"rekey", NEED_KEEPER}, {"audit", NEED_ADMIN},
};

enum need control_need(enum control_verb verb)
{
    const char *name = control_verb_name(verb);
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].verb, name) == 0)
            return needs[i].need;
    return strncmp(name, "hub.", 4) == 0 ? NEED_ADMIN : NEED_UNSAID;
}

/* ---- users ---- */

/* They can read the directory anyway. */
static bool owns_it(int64_t uid)
{
    return uid == 0 || uid == (int64_t)geteuid();
}

static const struct config_user *user_of(const struct config *config, int64_t uid)
{
    for (uint32_t i = 0; i < config->user_count; i++)
        if (config->users[i].uid == uid)
            return &config->users[i];
    return NULL;
}

static bool may_be(const struct config_user *user, struct bytes worker)
{
    for (uint32_t i = 0; i < user->worker_count; i++)
        if (bytes_is(worker, user->workers[i]))
            return true;
    return false;
}

/* Where none is named, as before there were any: who has the directory. */
static bool is_administrator(const struct config *config, int64_t uid)
{
    if (config->role != ROLE_HUB)
        return false;
    if (uid == 0 || config->administrator_count == 0)
        return owns_it(uid);
    for (uint32_t i = 0; i < config->administrator_count; i++)
        if (config->administrators[i].uid == uid)
            return true;
    return false;
}

bool control_gate_knows(const struct config *config, int64_t uid)
{
    return uid >= 0 && (owns_it(uid) || user_of(config, uid) != NULL || is_administrator(config, uid));
}

bool control_gate_names(const struct config *config, struct bytes worker)
{
    for (uint32_t i = 0; i < config->user_count; i++)
        if (may_be(&config->users[i], worker))
            return true;
    return false;
}

static const char *name_of(int64_t uid, char out[CONFIG_USER_SIZE])
{
    struct passwd entry, *found = NULL;
    char room[2048];
    if (uid >= 0 && getpwuid_r((uid_t)uid, &entry, room, sizeof room, &found) == 0 && found != NULL)
        snprintf(out, CONFIG_USER_SIZE, "%.32s", entry.pw_name);
    else
        snprintf(out, CONFIG_USER_SIZE, "number %lld", (long long)uid);
    return out;
}

static enum felloe_code check_admin(const struct daemon *daemon, int64_t uid, struct felloe_error *error)
{
    char name[CONFIG_USER_SIZE];
    if (is_administrator(&daemon->config, uid))
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_DENIED,
                       "That is for administrators of this hub, and the user %s is none: ask one of them "
                       "(administrators in felloe.conf)",
                       name_of(uid, name));
}

static enum felloe_code check_keeper(const struct daemon *daemon, int64_t uid, struct felloe_error *error)
{
    char name[CONFIG_USER_SIZE];
    const struct config_user *user = user_of(&daemon->config, uid);
    if (daemon->config.role == ROLE_HUB)
        return check_admin(daemon, uid, error);
    if (owns_it(uid) || (user != NULL && may_be(user, bytes_str(daemon->identity.worker))))
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_DENIED, "That is for whose laptop it is (%s), and not for the user %s",
                       daemon->identity.worker, name_of(uid, name));
}

#define NO_WORKER                                                                                                  \
    "The user %s administers this hub and is no worker: [users] in felloe.conf says who reads and records"

/* Whoever unlocked it lends the session to nobody who may not be them. */
static enum felloe_code check_session(const struct daemon *daemon, int64_t uid, struct felloe_error *error)
{
    char name[CONFIG_USER_SIZE];
    const struct config_user *user = user_of(&daemon->config, uid);
    if (user == NULL && !owns_it(uid))
        return felloe_fail(error, FELLOE_DENIED, NO_WORKER, name_of(uid, name));
    if (user != NULL && daemon->config.role == ROLE_SPOKE && !daemon->identity.locked &&
        vault_way_of(daemon->config.unlock) == VAULT_WAY_PASSPHRASE && !may_be(user, bytes_str(daemon->worker)))
        return felloe_fail(error, FELLOE_DENIED,
                           "%s has unlocked this laptop, and the user %s may not act as %s. felloe lock, then felloe "
                           "unlock --worker %s",
                           daemon->worker, name_of(uid, name), daemon->worker, user->workers[0]);
    return FELLOE_OK;
}

enum felloe_code control_gate_user(const struct daemon *daemon, int64_t uid, enum need need,
                                   struct felloe_error *error)
{
    char name[CONFIG_USER_SIZE];
    if (!control_gate_knows(&daemon->config, uid))
        return felloe_fail(error, FELLOE_DENIED,
                           "The user %s may not speak to this daemon: [users] in felloe.conf says who may",
                           name_of(uid, name));
    switch (need) {
    case NEED_ANY:
        return FELLOE_OK;
    case NEED_ADMIN: /* on a laptop the verb itself says that it is the hub's */
        return daemon->config.role == ROLE_HUB ? check_admin(daemon, uid, error) : FELLOE_OK;
    case NEED_KEEPER:
        return check_keeper(daemon, uid, error);
    case NEED_OPEN:
    case NEED_RECORDS:
    case NEED_OPENS:
    case NEED_UNSAID:
        break;
    }
    return check_session(daemon, uid, error);
}

enum felloe_code control_gate_user_as(const struct config_user *user, int64_t uid, struct bytes worker,
                                      struct felloe_error *error)
{
    char name[CONFIG_USER_SIZE], list[200] = "";
    if (user == NULL ? owns_it(uid) : may_be(user, worker))
        return FELLOE_OK;
    for (uint32_t i = 0; user != NULL && i < user->worker_count; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", user->workers[i]);
    }
    return felloe_fail(error, FELLOE_DENIED, "The user %s may act as %s, not as %.*s ([users] in felloe.conf)",
                       name_of(uid, name), list[0] != '\0' ? list : "nobody",
                       (int)(worker.len < SLUG_MAX ? worker.len : SLUG_MAX), (const char *)worker.data);
}

/* ---- of a request ---- */

static bool is_unlock(enum control_verb verb)
{
    return strcmp(control_verb_name(verb), "unlock") == 0;
}

enum felloe_code control_gate(struct control_request *request, struct felloe_error *error)
{
    struct daemon *daemon = request->daemon;
    const struct config_user *user = user_of(&daemon->config, request->uid);
    request->listed = user != NULL;
    if (user != NULL)
        request->user = *user;
    const enum need need = control_need(request->verb);
    const struct bytes worker = control_arg_text(request, "worker");
    enum felloe_code code = control_gate_user(daemon, request->uid, need, error);
    if (code == FELLOE_OK && is_unlock(request->verb) && worker.len > 0)
        code = control_gate_worker(request, worker, error);
    if (code != FELLOE_OK || need == NEED_ANY || need == NEED_KEEPER || need == NEED_ADMIN)
        return code;
    if (daemon->identity.locked || !daemon_used(daemon))
        return felloe_fail(error, FELLOE_LOCKED, "This laptop is locked. felloe unlock opens it.");
    if ((need == NEED_OPENS || need == NEED_UNSAID) && lease_passed(daemon))
        return lease_refuse(daemon, error);
    return FELLOE_OK;
}

enum felloe_code control_gate_worker(const struct control_request *request, struct bytes worker,
                                     struct felloe_error *error)
{
    return control_gate_user_as(request->listed ? &request->user : NULL, request->uid, worker, error);
}

enum felloe_code control_gate_reads(const struct control_request *request, struct felloe_error *error)
{
    char name[CONFIG_USER_SIZE];
    if (request->listed || owns_it(request->uid))
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_DENIED, NO_WORKER, name_of(request->uid, name));
}

const char *control_gate_self(const struct control_request *request)
{
    const char *session = request->daemon->worker;
    return !request->listed || may_be(&request->user, bytes_str(session)) ? session : request->user.workers[0];
}
