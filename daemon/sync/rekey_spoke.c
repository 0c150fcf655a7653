/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop's keys change, or the hub's: which keys the connection is made with, and what is asked and kept.
 *
 * Own keys: made and kept (D/rekey, vault) --> REKEY, with each WELCOME until --> REKEYED --> the identity has them,
 * and the daemon begins again with them. When the hub refuses the keys of the connection, the others of D/rekey are
 * tried: an answer was lost, or the hub was put back. With the old ones let in, REKEY again.
 *
 * The hub's: told by its terms, with the moment. When what answers does not hold the key that is tried, the other is.
 * The key that a proven WELCOME came over, and names, is the hub's from then on; the one of before is not tried again.
 * The identity has it before the terms that lead to it are replaced: interrupted between the two, they still tell. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/driver_spoke.h"

#define OTHER_FIRST_MS 1000
#define OTHER_AGAIN_MS 30000
/* Far from what the machine counts up to. */
#define REQUEST_FROM (UINT64_C(1) << 62)

/* ---- which keys ---- */

static const struct identity *me(const struct spoke_driver *s)
{
    return &s->base.daemon->identity;
}

/* The hub's key that may be tried beside the one in the identity; NULL: there is none. */
static const uint8_t *other_hub_key(const struct spoke_driver *s)
{
    const struct daemon *daemon = s->base.daemon;
    return daemon->terms_kept == TERMS_KEPT ? terms_other_curve(&daemon->terms, me(s)->hub_curve) : NULL;
}

static bool uses_fresh(const struct spoke_driver *s)
{
    return rekey_is_done(&s->rekey.file, me(s)) != s->rekey.other;
}

enum felloe_code driver_spoke_connect(struct spoke_driver *s, struct felloe_error *error)
{
    struct spoke_rekey *r = &s->rekey;
    const struct daemon *daemon = s->base.daemon;
    const struct rekey_keys *other = uses_fresh(s) ? &r->file.fresh : &r->file.old;
    const uint8_t *hub = r->other_hub ? other_hub_key(s) : NULL;
    memcpy(r->hub_used, hub != NULL ? hub : me(s)->hub_curve, sizeof r->hub_used);
    const struct net_spoke_config config = {.loop = daemon->loop,
                                            .address = daemon->config.hub,
                                            .proxy = daemon->config.proxy,
                                            .hub_curve = r->hub_used,
                                            .curve_public = r->other ? other->curve_public : me(s)->curve_public,
                                            .curve_secret = r->other ? other->curve_secret : me(s)->curve_secret,
                                            .context = s,
                                            .message = driver_spoke_on_message,
                                            .link = driver_spoke_on_link};
    return net_spoke_open(&s->net, &config, error);
}

static void connect_other(void *context)
{
    struct spoke_driver *s = context;
    struct spoke_rekey *r = &s->rekey;
    struct felloe_error error;
    if (s->net == NULL || s->base.closing)
        return;
    if (s->link == NET_REFUSED && r->there)
        r->other = !r->other;
    else if (s->link == NET_WRONG_KEY && (r->other_hub || other_hub_key(s) != NULL))
        r->other_hub = !r->other_hub;
    else
        return;
    r->tries++;
    net_spoke_close(s->net);
    s->net = NULL;
    if (driver_spoke_connect(s, &error) != FELLOE_OK) {
        report(LEVEL_ERROR, "%s", error.message);
        daemon_again(s->base.daemon);
    }
}

void rekey_linked(struct spoke_driver *s, enum net_link link)
{
    struct spoke_rekey *r = &s->rekey;
    bool own = link == NET_REFUSED && r->there;
    bool hub = link == NET_WRONG_KEY && (r->other_hub || other_hub_key(s) != NULL);
    if (own || hub)
        loop_timer_set(r->timer, r->tries == 0 ? OTHER_FIRST_MS : OTHER_AGAIN_MS);
    else
        loop_timer_stop(r->timer);
}

/* ---- life ---- */

bool rekey_open(struct spoke_driver *s)
{
    struct spoke_rekey *r = &s->rekey;
    const struct identity *identity = me(s);
    const struct terms *terms = &s->base.daemon->terms;
    const struct box_secret *const own[] = {&identity->box_secret, &identity->box_before, &identity->box_next};
    const struct box_public *const hubs[] = {&identity->hub_box, &terms->next_box, &terms->box};
    struct felloe_error error;
    enum felloe_code code = rekey_load(&r->file, s->base.daemon->dir, identity, &error);
    if (code != FELLOE_OK && code != FELLOE_NOT_FOUND)
        report(LEVEL_WARNING, "%s; the keys in use are not concerned", error.message);
    r->there = code == FELLOE_OK;
    const uint8_t *other = other_hub_key(s);
    r->other_hub = other != NULL && other == terms->next_curve && clock_wall_ms() >= terms->next_from_ms;
    r->timer = loop_timer_new(s->base.daemon->loop, connect_other, s);
    return r->timer != NULL && (identity->locked || driver_pairs(own, hubs, &s->hub_pairs));
}

void rekey_close(struct spoke_driver *s)
{
    loop_timer_free(s->rekey.timer);
    sodium_memzero(&s->rekey, sizeof s->rekey);
    sodium_memzero(&s->hub_pairs, sizeof s->hub_pairs);
}

/* ---- own keys ---- */

static void ask(struct spoke_driver *s)
{
    struct spoke_rekey *r = &s->rekey;
    struct message *message = malloc(sizeof *message);
    struct buffer header = {0};
    struct lent nothing = {0};
    if (message == NULL)
        return; /* with the next WELCOME */
    r->request = r->request >= REQUEST_FROM ? r->request + 1 : REQUEST_FROM;
    message->kind = MSG_REKEY;
    message->request = r->request;
    message->rekey.box = r->file.fresh.box;
    memcpy(message->rekey.curve, r->file.fresh.curve_public, sizeof message->rekey.curve);
    rekey_sign(&me(s)->sign_secret, &me(s)->hub_sign, &message->rekey);
    message_encode(message, &header);
    r->asked = true;
    net_spoke_send(s->net, &header, &nothing);
    free(message);
}

static void turn(struct spoke_driver *s)
{
    struct daemon *daemon = s->base.daemon;
    struct felloe_error error;
    if (!rekey_is_done(&s->rekey.file, me(s)) &&
        rekey_turn(&s->rekey.file, daemon->dir, &daemon->identity, &error) != FELLOE_OK) {
        report(LEVEL_ERROR, "the new keys are not used yet: %s", error.message);
        return; /* the hub admits both for some days: with the next WELCOME */
    }
    report(LEVEL_INFO, "this laptop has new keys, which the hub knows: the old ones are refused from now on");
    daemon_again(daemon);
}

bool rekey_hub_told(struct spoke_driver *s, const struct terms *terms)
{
    struct daemon *daemon = s->base.daemon;
    struct felloe_error error;
    if (memcmp(me(s)->hub_curve, terms->curve, sizeof terms->curve) == 0 &&
        memcmp(&me(s)->hub_box, &terms->box, sizeof terms->box) == 0)
        return true;
    struct identity *next = malloc(sizeof *next);
    if (next == NULL)
        return false;
    *next = *me(s);
    memcpy(next->hub_curve, terms->curve, sizeof next->hub_curve);
    if (memcmp(&next->hub_box, &terms->box, sizeof terms->box) != 0)
        next->hub_box_before = next->hub_box;
    next->hub_box = terms->box;
    bool fine = identity_save(next, daemon->dir, &error) == FELLOE_OK;
    if (fine)
        daemon->identity = *next;
    identity_clear(next);
    free(next);
    if (!fine) {
        report(LEVEL_ERROR, "the hub's new keys could not be kept: %s", error.message);
        return false; /* with the next WELCOME again */
    }
    report(LEVEL_INFO, "the hub has new keys, as it had told: they are pinned from now on");
    daemon_again(daemon);
    return true;
}

void rekey_welcomed(struct spoke_driver *s)
{
    struct spoke_rekey *r = &s->rekey;
    r->tries = 0;
    if (!r->there)
        return;
    bool fresh = uses_fresh(s), done = rekey_is_done(&r->file, me(s));
    if (fresh && !done)
        turn(s); /* it had been heard: the answer was lost */
    else if (!fresh)
        ask(s);
}

bool rekey_answered(struct spoke_driver *s, struct bytes header)
{
    struct spoke_rekey *r = &s->rekey;
    enum message_kind kind = message_kind_of(header);
    if (!r->asked || (kind != MSG_REKEYED && kind != MSG_REFUSED))
        return false;
    struct message *message = malloc(sizeof *message);
    bool mine = message != NULL && message_decode(header, message) &&
                (message->request == r->request || (kind == MSG_REFUSED && message->request == 0));
    if (mine && kind == MSG_REKEYED) {
        r->asked = false;
        turn(s);
    } else if (mine) {
        const struct msg_refused *refused = &message->refused;
        r->asked = false;
        if (message->request == 0)
            snprintf(r->refused, sizeof r->refused, "The hub's felloe is older, and knows no change of keys.");
        else
            bytes_to_text(refused->text, r->refused, sizeof r->refused);
        report(LEVEL_WARNING, "the hub did not take the new keys: %s", r->refused);
    }
    free(message);
    return mine;
}

/* ---- for the verbs ---- */

bool driver_rekey_begin(struct driver *driver, struct felloe_error *error)
{
    struct spoke_driver *s = spoke_of(driver);
    struct daemon *daemon = driver->daemon;
    struct spoke_rekey *r = &s->rekey;
    if (!r->there || rekey_is_done(&r->file, me(s))) {
        rekey_make(&r->file, &daemon->identity, 0);
        r->there = r->other = false;
        if (rekey_seal_boxes(daemon->dir, &daemon->identity, error) != FELLOE_OK ||
            rekey_save(&r->file, daemon->dir, error) != FELLOE_OK)
            return false;
        r->there = true;
    }
    r->refused[0] = '\0';
    if (s->machine != NULL && spoke_phase(s->machine) == SPOKE_PHASE_LIVE && !uses_fresh(s))
        ask(s);
    return true;
}

enum rekey_state driver_rekey_state(struct driver *driver, char refused[REKEY_TEXT_MAX])
{
    struct spoke_driver *s = spoke_of(driver);
    snprintf(refused, REKEY_TEXT_MAX, "%s", s->rekey.refused);
    if (!s->rekey.there)
        return REKEY_NONE;
    return rekey_is_done(&s->rekey.file, me(s)) ? REKEY_DONE : REKEY_PENDING;
}

bool driver_pin_hub(struct driver *driver, const uint8_t curve[CURVE_KEY_SIZE], struct felloe_error *error)
{
    struct daemon *daemon = driver->daemon;
    struct identity *next = malloc(sizeof *next);
    if (next == NULL) {
        felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
        return false;
    }
    *next = daemon->identity;
    memcpy(next->hub_curve, curve, sizeof next->hub_curve);
    bool fine = identity_save(next, daemon->dir, error) == FELLOE_OK;
    if (fine)
        daemon->identity = *next;
    identity_clear(next);
    free(next);
    if (fine)
        daemon_again(daemon);
    return fine;
}
