/* SPDX-License-Identifier: Apache-2.0 */
/* REFUSED: whose request it was, and what each reason means for it. A refusal stops what it is about and nothing else.
 */
#include "proto/sync/sync_spoke_internal.h"

enum owner { OWNER_NONE, OWNER_HELLO, OWNER_UPLOAD, OWNER_DOWNLOAD, OWNER_OFFER, OWNER_KEYS, OWNER_DEBTS, OWNER_HAND };

static bool take_request(uint64_t *request, uint64_t refused)
{
    if (*request != refused)
        return false;
    *request = 0;
    return true;
}

static bool in_flight(const struct site *site, uint64_t request)
{
    for (uint32_t i = 0; i < site->up.flight_count; i++)
        if (site->up.flight[i].request == request)
            return true;
    return false;
}

/* Finds the request and marks it as answered. */
static enum owner take_owner(struct spoke *s, uint64_t request, struct site **out)
{
    *out = NULL;
    if (request == 0)
        return OWNER_NONE;
    if (take_request(&s->hello_request, request))
        return OWNER_HELLO;
    for (uint32_t i = 0; i < s->site_count; i++) {
        struct site *site = *out = s->sites[i];
        if (in_flight(site, request)) {
            upload_restart(site);
            return OWNER_UPLOAD;
        }
        if (take_request(&site->down.request, request))
            return OWNER_DOWNLOAD;
        if (take_request(&site->refill.request, request))
            return OWNER_OFFER;
        if (take_request(&site->keys.request, request))
            return OWNER_KEYS;
        if (take_request(&site->debts.request, request))
            return OWNER_DEBTS;
        if (take_request(&site->hand.request, request))
            return OWNER_HAND;
    }
    *out = NULL;
    return OWNER_NONE;
}

static void try_later(struct spoke *s, struct site *site, enum owner owner)
{
    uint64_t later = s->now + BUSY_AGAIN_MS;
    switch (owner) {
    case OWNER_HELLO:
        s->hello_due_ms = later;
        break;
    case OWNER_UPLOAD:
        site->up.retry_ms = later;
        site->up.batch_bytes = site->up.batch_bytes / 2 > BODY_FLOOR ? site->up.batch_bytes / 2 : BODY_FLOOR;
        site->up.depth = site->up.depth / 2 > 1 ? site->up.depth / 2 : 1;
        break;
    case OWNER_DOWNLOAD:
        site->down.retry_ms = later;
        break;
    case OWNER_OFFER:
        refill_refused(s, site, true);
        break;
    case OWNER_KEYS:
        site->keys.retry_ms = later;
        break;
    case OWNER_DEBTS:
        site->debts.retry_ms = later;
        break;
    case OWNER_HAND:
    case OWNER_NONE:
        break;
    }
}

/* The hub's own words if it gave any, else ours. */
static void tell(struct spoke *s, struct site *site, const char *otherwise)
{
    struct bytes text = s->in.refused.text;
    if (text.len > 0)
        spoke_notice(s, site, NOTICE_REFUSED, "%.*s", (int)text.len, (const char *)text.data);
    else
        spoke_notice(s, site, NOTICE_REFUSED, "%s", otherwise);
}

static void refuse_device(struct spoke *s)
{
    s->phase = SPOKE_PHASE_REFUSED;
    s->hello_request = 0;
    s->hello_due_ms = s->now + REFUSED_AGAIN_MS;
    spoke_sites_reset(s);
    tell(s, NULL, "The hub does not accept this laptop. What is here stays; ask who looks after the hub.");
}

/* Then what it had not shared is handed over. */
static void refuse_revoked(struct spoke *s)
{
    refuse_device(s);
    s->revoked = true;
    hand_again(s);
}

static void refuse_site(struct spoke *s, struct site *site)
{
    site->verdict = SITE_DENIED;
    site->upload_stopped = true;
    if (site->upload_only)
        return;
    tell(s, site, "The hub does not let this laptop into this site. What is here stays; ask who looks after the hub.");
}

/* What we sent cannot be taken. Greeting again shows whether the hub knows why (a fork), and how to go on. */
static void refuse_content(struct spoke *s, struct site *site, enum owner owner)
{
    if (!site) {
        refuse_device(s);
        return;
    }
    if (site->verdict != SITE_FORK) /* that has been told, and says more */
        tell(s, site, "The hub cannot take what this laptop sent. It stays saved here; ask who looks after the hub.");
    if (owner == OWNER_UPLOAD) {
        site->upload_stopped = site->content_refused = true;
        spoke_hello_soon(s);
    } else if (owner == OWNER_OFFER) {
        refill_refused(s, site, false);
    } else {
        try_later(s, site, owner);
    }
}

void spoke_on_refused(struct spoke *s)
{
    struct site *site;
    if (s->in.request == 0 && s->in.refused.reason == REFUSED_HELLO_FIRST && s->phase == SPOKE_PHASE_LIVE) {
        spoke_greet_anew(s); /* unasked: the hub has news for WELCOME, or has begun afresh */
        return;
    }
    enum owner owner = take_owner(s, s->in.request, &site);
    if (owner == OWNER_NONE)
        return; /* of a request that is no longer waited for */
    if (owner == OWNER_HAND) {
        hand_on_refused(s, site);
        return;
    }
    switch (s->in.refused.reason) {
    case REFUSED_HELLO_FIRST:
        if (owner == OWNER_HELLO || (owner == OWNER_DOWNLOAD && site->down.commits > 0)) {
            /* The first makes no sense; and for the second, HELLO has nothing new to say before what was fed is
             * durable. Either would go round as fast as the network does. */
            try_later(s, site, owner);
            break;
        }
        spoke_greet_anew(s);
        break;
    case REFUSED_VERSION:
    case REFUSED_UNKNOWN:
    case REFUSED_TICKET_USED:
    case REFUSED_TICKET_EXPIRED:
        refuse_device(s);
        break;
    case REFUSED_REVOKED:
    case REFUSED_KEPT_ASIDE: /* it was sent before this was known */
        refuse_revoked(s);
        break;
    case REFUSED_SITE:
        if (site)
            refuse_site(s, site);
        else
            refuse_device(s);
        break;
    case REFUSED_MALFORMED:
    case REFUSED_BAD_EVENT:
        refuse_content(s, site, owner);
        break;
    case REFUSED_BUSY:
    default:
        try_later(s, site, owner);
        break;
    }
}
