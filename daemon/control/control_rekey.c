/* SPDX-License-Identifier: Apache-2.0 */
/* rekey, hub.rekey: this device's keys change; the hub's do. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/control/control_hub.h"
#include "daemon/control/control_inside.h"
#include "daemon/hub_keys.h"
#include "proto/event/ticket.h"
#include "proto/event/words.h"

#define LOOK_MS   200u
#define WAIT_MS   20000u /* a hub that is there answers within a commit or two; then the laptop begins again */
#define DAY_S     86400ll
#define DAYS_MOST 366

struct rekeying {
    uint64_t until_ms;
};

static void answer(struct control_request *request, const char *state, bool reachable)
{
    const struct identity *me = &request->daemon->identity;
    char words[WORDS_TEXT_MAX];
    words_of_device(&me->hub_sign, &me->sign_public, &me->box_public, me->curve_public, words);
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 3);
    mp_put_text(&request->out, "state");
    mp_put_text(&request->out, state);
    mp_put_text(&request->out, "reachable");
    mp_put_bool(&request->out, reachable);
    mp_put_text(&request->out, "words");
    mp_put_text(&request->out, words);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

static void rekey_on(struct control_request *request)
{
    struct rekeying *r = request->state;
    struct daemon *daemon = request->daemon;
    struct link_status link = {0};
    struct felloe_error error;
    char refused[REKEY_TEXT_MAX];
    driver_status(daemon->driver, &link);
    enum rekey_state state = driver_rekey_state(daemon->driver, refused);
    if (state == REKEY_DONE) {
        answer(request, "done", true);
    } else if (refused[0] != '\0') {
        felloe_fail(&error, FELLOE_REFUSED, "The hub did not take the new keys: %s The present ones stay in use.",
                    refused);
        control_fail(request, &error);
    } else if (!link.reachable || clock_steady_ms() >= r->until_ms || control_gone(request)) {
        answer(request, "asked", link.reachable);
    } else {
        control_wait_commits(request, UINT64_MAX, LOOK_MS, rekey_on);
    }
}

/* The hub's new key, from somebody whom the hub's administrators gave a ticket: it is the same hub if it signs with the
 * same key. */
static void pin_by_ticket(struct control_request *request, struct bytes text)
{
    struct daemon *daemon = request->daemon;
    struct ticket ticket;
    struct felloe_error error;
    enum felloe_code code = ticket_parse(text, &ticket, &error);
    if (code == FELLOE_OK && memcmp(&ticket.hub_sign, &daemon->identity.hub_sign, sizeof ticket.hub_sign) != 0)
        code = felloe_fail(&error, FELLOE_REFUSED,
                           "This ticket is of another hub: it does not sign as the one that this laptop joined.");
    if (code == FELLOE_OK && !driver_pin_hub(daemon->driver, ticket.hub_curve, &error))
        code = error.code;
    sodium_memzero(&ticket, sizeof ticket);
    if (code == FELLOE_OK)
        answer(request, "pinned", false);
    else
        control_fail(request, &error);
}

void control_verb_REKEY(struct control_request *request)
{
    struct daemon *daemon = request->daemon;
    struct felloe_error error = {FELLOE_FAILED, "Memory ran out."};
    struct bytes ticket = control_arg_text(request, "ticket");
    if (daemon->config.role == ROLE_HUB) {
        felloe_fail(&error, FELLOE_DENIED, "This is the hub: felloe hub rekey changes its keys.");
        control_fail(request, &error);
        return;
    }
    if (ticket.len > 0) {
        pin_by_ticket(request, ticket);
        return;
    }
    if (daemon->identity.locked) {
        felloe_fail(&error, FELLOE_LOCKED, "This laptop is locked. felloe unlock opens it.");
        control_fail(request, &error);
        return;
    }
    struct rekeying *r = calloc(1, sizeof *r);
    request->state = r;
    request->release = free;
    if (r == NULL || !driver_rekey_begin(daemon->driver, &error)) {
        control_fail(request, &error);
        return;
    }
    r->until_ms = clock_steady_ms() + WAIT_MS;
    rekey_on(request);
}

/* For a laptop that missed it all: what a ticket says of the hub, with a key that lets nobody in. */
static enum felloe_code tell_keys(const struct daemon *daemon, char out[TICKET_TEXT_MAX], struct felloe_error *error)
{
    struct ticket ticket = {.hub_sign = daemon->identity.sign_public, .expires_ms = clock_wall_ms()};
    memcpy(ticket.hub_curve, daemon->identity.curve_public, sizeof ticket.hub_curve);
    random_bytes(ticket.curve_secret, sizeof ticket.curve_secret);
    enum felloe_code code = control_hub_address(&daemon->config, &ticket, error);
    if (code == FELLOE_OK && !ticket_format(&ticket, out))
        code = felloe_fail(error, FELLOE_INVALID, "The hub's address is too long for a ticket.");
    return code;
}

void control_verb_HUB_REKEY(struct control_request *request)
{
    struct daemon *daemon = request->daemon;
    struct felloe_error error;
    char told[TICKET_TEXT_MAX] = "";
    int64_t seconds = control_arg_integer(request, "seconds", 14 * DAY_S);
    enum felloe_code code = FELLOE_OK;
    if (daemon->config.role != ROLE_HUB)
        code = felloe_fail(&error, FELLOE_DENIED, "This is a laptop: felloe rekey changes its keys.");
    else if (seconds < 0 || seconds > DAYS_MOST * DAY_S)
        code = felloe_fail(&error, FELLOE_INVALID, "The hub's keys change within %d days.", DAYS_MOST);
    else if (control_arg_bool(request, "tell", false))
        code = tell_keys(daemon, told, &error);
    else if (control_arg_bool(request, "cancel", false))
        code = hub_keys_renew_not(daemon, &error);
    else
        code = hub_keys_renew(daemon, clock_wall_ms() + seconds * 1000, &error);
    if (code != FELLOE_OK) {
        control_fail(request, &error);
        return;
    }
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 2);
    mp_put_pair_time(&request->out, "from", daemon->terms.renews ? daemon->terms.next_from_ms : 0);
    mp_put_pair(&request->out, "ticket", told);
    control_frame_end(&request->out, begin);
    control_finish(request);
}
