/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's keys never change, so it does not live for ever: after an hour a new one is made, as soon as nothing
 * is under way that would have to be asked for again; what is held back at the hub costs nothing. Laptops that came all
 * at once (when the hub was started) spread over some minutes. */
#include "proto/sync/sync_spoke_internal.h"

static uint64_t due(const struct spoke *s)
{
    unsigned spread = ((unsigned)s->config.device.b[0] << 8 | s->config.device.b[1]) % (RENEW_SPREAD_MS / 1000);
    return s->up_ms + RENEW_MS + spread * 1000;
}

static bool is_under_way(const struct spoke *s, const struct site *site)
{
    return site->up.flight_count > 0 || site->up.reading || site->refill.request != 0 || site->refill.reading ||
           site->down.fed_count > 0 ||
           site->keys.request != 0 || site->debts.request != 0 || (site->down.request != 0 && site->down.was_behind) ||
           s->hello_request != 0;
}

static bool is_idle(const struct spoke *s)
{
    for (uint32_t i = 0; i < s->site_count; i++)
        if (is_under_way(s, s->sites[i]))
            return false;
    return true;
}

void renew_turn(struct spoke *s)
{
    if (s->phase == SPOKE_PHASE_LIVE && s->now >= due(s) && (is_idle(s) || s->now >= due(s) + RENEW_PATIENCE_MS))
        spoke_reconnect(s);
}

/* What is under way stands in front of all else, and would for minutes: it is dropped with the connection. */
void renew_thinned(struct spoke *s)
{
    for (uint32_t i = 0; i < s->site_count; i++) {
        struct site *site = s->sites[i];
        site->up.batch_bytes = BODY_FLOOR; /* what is asked for stands behind what is brought */
        site->up.depth = 1;
        site->down.window = site->down.window < WINDOW_START ? site->down.window : WINDOW_START;
    }
    spoke_reconnect(s);
}

/* While something is under way its answer is an input, and asks again. */
uint64_t renew_deadline(const struct spoke *s)
{
    if (s->phase != SPOKE_PHASE_LIVE)
        return UINT64_MAX;
    return s->now < due(s) ? due(s) : due(s) + RENEW_PATIENCE_MS;
}
