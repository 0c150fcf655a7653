/* SPDX-License-Identifier: Apache-2.0 */
/* passphrase: who may unlock this laptop, and with what. Each change is shown to be theirs by a passphrase that opens,
 * or by the recovery code: an unlocked laptop that was left alone is not enough. */
#include <sodium.h>
#include <stdio.h>

#include "daemon/control/control_gate.h"
#include "daemon/control/control_lock.h"
#include "daemon/control/control_query.h"
#include "daemon/store/file.h"
#include "daemon/views/view_team.h"

enum doing { DO_LIST, DO_CHANGE, DO_ADD, DO_REMOVE, DO_RECOVERY, DO_SET, DO_COUNT };
static const char *const doings[DO_COUNT] = {"list", "change", "add", "remove", "recovery", "set"};

struct changing {
    struct felloe_error error;
    enum doing what;
    struct vault_secret secret, fresh; /* what shows that they may; and what is put */
    struct vault vault;
    uint8_t key[KEYRING_KEY_SIZE];
    char worker[SLUG_MAX + 1]; /* whose slot is meant; "": the one that opens */
    char recovery[VAULT_RECOVERY_SIZE];
    bool entered;
    bool named;                /* felloe.conf says who that worker is */
};

static bool owns(const struct control_request *request, const char *worker)
{
    return strcmp(worker, request->daemon->identity.worker) == 0;
}

/* ---- the changes, on a thread of the pool ---- */

/* Opens a slot with what was given. `whole`: it is to be one that opens everything. */
static enum felloe_code prove(struct control_request *request, const char *worker, bool whole)
{
    struct changing *c = request->state;
    struct daemon *daemon = request->daemon;
    uint32_t opened = 0;
    enum felloe_code code = vault_try(daemon->dir, clock_wall_ms(), &c->error);
    if (code == FELLOE_OK)
        code = vault_open(&c->vault, &c->secret, worker, c->key, &opened, &c->error);
    if (code == FELLOE_OK)
        vault_tried_right(daemon->dir);
    else
        lock_add_wait(daemon, &c->error);
    if (code != FELLOE_OK)
        return code;
    if (c->worker[0] == '\0')
        memcpy(c->worker, c->vault.slots[opened].worker, sizeof c->worker);
    if (whole && sodium_is_zero(c->key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE))
        return felloe_fail(&c->error, FELLOE_DENIED, "That is for %s, whose laptop this is.", daemon->identity.worker);
    return FELLOE_OK;
}

static enum felloe_code put(struct control_request *request, const struct vault_secret *secret, const char *worker)
{
    struct changing *c = request->state;
    return vault_add(&c->vault, secret, worker, c->key, owns(request, worker), &vault_cost_moderate, clock_wall_ms(),
                     &c->error);
}

static enum felloe_code put_recovery(struct control_request *request)
{
    struct changing *c = request->state;
    struct vault_secret code;
    vault_recovery_make(c->recovery, &code);
    enum felloe_code done = put(request, &code, request->daemon->identity.worker);
    vault_secret_clear(&code);
    return done;
}

static enum felloe_code change(struct control_request *request)
{
    struct changing *c = request->state;
    const char *own = request->daemon->identity.worker;
    /* The recovery code is of whose laptop this is, and sets their passphrase. */
    if (c->secret.kind == VAULT_RECOVERY)
        snprintf(c->worker, sizeof c->worker, "%s", own);
    else if (c->worker[0] == '\0' && vault_find(&c->vault, VAULT_PASSPHRASE, own) != NULL)
        snprintf(c->worker, sizeof c->worker, "%s", own);
    enum felloe_code code = prove(request, c->worker[0] != '\0' ? c->worker : NULL, false);
    return code == FELLOE_OK ? put(request, &c->fresh, c->worker) : code;
}

/* A slot for an id that nobody has would record in nobody's name: a slip of the hand, mostly. */
static enum felloe_code check_known(struct control_request *request)
{
    struct changing *c = request->state;
    struct reading reading;
    struct scope all;
    if (c->named || owns(request, c->worker))
        return FELLOE_OK;
    if (request->daemon->identity.locked)
        return felloe_fail(&c->error, FELLOE_LOCKED,
                           "Who %s is stands in the record, and this laptop is locked: felloe unlock first.",
                           c->worker);
    enum felloe_code code = reading_begin(&reading, request->daemon, (struct bytes){0}, &c->error);
    if (code != FELLOE_OK)
        return code;
    bool known = scope_of(request->daemon, reading.log, (struct bytes){0}, false, &all, &c->error) == FELLOE_OK &&
                 team_has_worker(&reading.views, &all, bytes_str(c->worker));
    const bool unread = reading_tell_failed(&reading, &c->error);
    reading_end(&reading);
    if (unread)
        return c->error.code;
    return known ? FELLOE_OK
                 : felloe_fail(&c->error, FELLOE_NOT_FOUND,
                               "No worker here has the id “%s”: felloe workers lists them. Somebody without a laptop "
                               "of their own is named in felloe.conf first ([users]).",
                               c->worker);
}

static enum felloe_code add(struct control_request *request)
{
    struct changing *c = request->state;
    if (vault_find(&c->vault, VAULT_PASSPHRASE, c->worker) != NULL)
        return felloe_fail(&c->error, FELLOE_INVALID, "%s has a passphrase on this laptop already.", c->worker);
    enum felloe_code code = prove(request, request->daemon->identity.worker, true);
    if (code == FELLOE_OK)
        code = check_known(request);
    return code == FELLOE_OK ? put(request, &c->fresh, c->worker) : code;
}

static enum felloe_code take_away(struct control_request *request)
{
    struct changing *c = request->state;
    if (owns(request, c->worker))
        return felloe_fail(&c->error, FELLOE_INVALID,
                           "This is %s's laptop: their passphrase can be changed, and stays.", c->worker);
    if (vault_find(&c->vault, VAULT_PASSPHRASE, c->worker) == NULL)
        return felloe_fail(&c->error, FELLOE_NOT_FOUND, "%s has no passphrase on this laptop.", c->worker);
    enum felloe_code code = prove(request, request->daemon->identity.worker, true);
    if (code == FELLOE_OK)
        vault_remove(&c->vault, VAULT_PASSPHRASE, c->worker);
    return code;
}

/* A directory that opened by itself gets a passphrase, and opens by itself no more. */
static enum felloe_code set(struct control_request *request)
{
    struct changing *c = request->state;
    struct daemon *daemon = request->daemon;
    const char *way = daemon->config.unlock;
    struct vault_secret by_itself;
    uint32_t opened;
    if (daemon->config.role == ROLE_HUB)
        return vault_way_check("passphrase", ROLE_HUB, &c->error);
    if (vault_find(&c->vault, VAULT_PASSPHRASE, daemon->identity.worker) != NULL)
        return felloe_fail(&c->error, FELLOE_INVALID, "This laptop has a passphrase: felloe passphrase change.");
    enum felloe_code code = vault_way_secret(*way ? way : "none", &by_itself, &c->error);
    if (code == FELLOE_OK)
        code = vault_open(&c->vault, &by_itself, NULL, c->key, &opened, &c->error);
    vault_secret_clear(&by_itself);
    snprintf(c->worker, sizeof c->worker, "%s", daemon->identity.worker);
    if (code == FELLOE_OK)
        code = put(request, &c->fresh, c->worker);
    if (code == FELLOE_OK)
        code = put_recovery(request);
    return code;
}

static enum felloe_code recover(struct control_request *request)
{
    struct changing *c = request->state;
    const char *own = request->daemon->identity.worker;
    enum felloe_code code = prove(request, own, true);
    snprintf(c->worker, sizeof c->worker, "%s", own);
    return code == FELLOE_OK ? put_recovery(request) : code;
}

static void work(struct control_request *request)
{
    static enum felloe_code (*const does[DO_COUNT])(struct control_request *) = {
        [DO_CHANGE] = change, [DO_ADD] = add, [DO_REMOVE] = take_away, [DO_RECOVERY] = recover, [DO_SET] = set};
    struct changing *c = request->state;
    enum felloe_code code = vault_load(&c->vault, request->daemon->dir, &c->error);
    if (code != FELLOE_OK || c->what == DO_LIST)
        return;
    does[c->what](request);
    sodium_memzero(c->key, sizeof c->key);
}

/* On the loop, as whatever else writes the vault: other keys of the device may have been put there meanwhile. */
static void keep(struct control_request *request)
{
    struct changing *c = request->state;
    struct daemon *daemon = request->daemon;
    struct vault *now = malloc(sizeof *now);
    enum felloe_code code = now != NULL ? vault_load(now, daemon->dir, &c->error)
                                        : felloe_fail(&c->error, FELLOE_FAILED, "Memory ran out.");
    if (code == FELLOE_OK) {
        memcpy(now->slots, c->vault.slots, sizeof now->slots);
        now->count = c->vault.count;
        code = vault_save(now, daemon->dir, &c->error);
    }
    free(now);
    /* Stopped after any of these steps, it opens as before, or with the passphrase; the next unlocking ends it. */
    if (code == FELLOE_OK && c->what == DO_SET)
        code = config_set(daemon->dir, "felloe", "unlock", "passphrase", &c->error);
    if (code == FELLOE_OK && c->what == DO_SET) {
        snprintf(daemon->config.unlock, sizeof daemon->config.unlock, "passphrase");
        lock_end_by_itself(daemon);
    }
    vault_load(&c->vault, daemon->dir, NULL); /* as it is told */
}

/* ---- the answer ---- */

static void put_slot(struct buffer *out, const struct vault_slot *slot)
{
    static const char *const kinds[] = {
        [VAULT_OPEN] = "none", [VAULT_PASSPHRASE] = "passphrase", [VAULT_RECOVERY] = "recovery", [VAULT_KEY] = "key"};
    mp_put_map(out, 3);
    mp_put_text(out, "kind");
    mp_put_text(out, kinds[slot->kind]);
    mp_put_text(out, "worker");
    mp_put_text(out, slot->worker);
    mp_put_text(out, "made");
    mp_put_int(out, slot->made_ms);
}

static void answer(struct control_request *request)
{
    struct changing *c = request->state;
    struct daemon *daemon = request->daemon;
    struct buffer *out = &request->out;
    if (c->entered)
        lock_leave(request);
    if (c->error.code == FELLOE_OK && c->what != DO_LIST)
        keep(request);
    if (c->error.code != FELLOE_OK) {
        control_fail(request, &c->error);
        return;
    }
    size_t begin = control_frame_begin(out);
    control_put_end(out, 7);
    mp_put_text(out, "locked");
    mp_put_bool(out, daemon->identity.locked);
    mp_put_text(out, "worker");
    mp_put_text(out, daemon->worker);
    mp_put_text(out, "of");
    mp_put_text(out, daemon->identity.worker);
    mp_put_text(out, "wait_ms");
    mp_put_uint(out, vault_wait_ms(daemon->dir, clock_wall_ms()));
    mp_put_text(out, "slots");
    mp_put_array(out, c->vault.count);
    for (uint32_t i = 0; i < c->vault.count; i++)
        put_slot(out, &c->vault.slots[i]);
    mp_put_text(out, "changed");
    mp_put_text(out, c->what == DO_LIST ? "" : c->worker);
    mp_put_text(out, "recovery");
    mp_put_text(out, c->recovery);
    control_frame_end(out, begin);
    control_finish(request);
}

/* ---- what is asked for ---- */

static enum felloe_code read_doing(const struct control_request *request, enum doing *out, struct felloe_error *error)
{
    struct bytes text = control_arg_text(request, "do");
    for (int i = 0; i < DO_COUNT; i++)
        if (bytes_is(text, doings[i])) {
            *out = (enum doing)i;
            return FELLOE_OK;
        }
    return felloe_fail(error, FELLOE_USAGE, "do is list, change, add, remove, recovery or set.");
}

static enum felloe_code read_wish(struct control_request *request)
{
    struct changing *c = request->state;
    enum felloe_code code = read_doing(request, &c->what, &c->error);
    if (code == FELLOE_OK)
        code = lock_read_worker(request, "worker", c->worker, &c->error);
    if (code == FELLOE_OK && (c->what == DO_ADD || c->what == DO_REMOVE) && c->worker[0] == '\0')
        code = felloe_fail(&c->error, FELLOE_USAGE, "Say whose passphrase it is: felloe passphrase %s WORKER.",
                           doings[c->what]);
    if (code == FELLOE_OK && c->what == DO_SET) /* nothing but that shows who may: there is no passphrase yet */
        code = control_gate_user(request->daemon, request->uid, NEED_KEEPER, &c->error);
    if (code == FELLOE_OK && c->what != DO_LIST && c->what != DO_SET)
        code = lock_read_secret(request, &c->secret, &c->error);
    if (code == FELLOE_OK && (c->what == DO_CHANGE || c->what == DO_ADD || c->what == DO_SET))
        code = vault_secret_passphrase(&c->fresh, control_arg_text(request, "new"), &c->error);
    c->named = control_gate_names(&request->daemon->config, bytes_str(c->worker));
    return code;
}

void control_verb_PASSPHRASE(struct control_request *request)
{
    struct changing *c = sodium_malloc(sizeof *c);
    if (c == NULL) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    memset(c, 0, sizeof *c);
    request->state = c;
    request->release = sodium_free;
    if (read_wish(request) != FELLOE_OK)
        control_fail(request, &c->error);
    else if (c->what == DO_LIST || (c->entered = lock_enter(request)))
        control_work(request, work, answer, NULL);
}
