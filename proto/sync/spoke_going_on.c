/* SPDX-License-Identifier: Apache-2.0 */
/* Going on as the next incarnation, because the stream of the present one has two histories: nothing is uploaded until
 * all that the hub held when it was first greeted as the next one is durable here. Only then is it known which of the
 * own events the hub has, and which are to be written again. */
#include "proto/sync/sync_spoke_internal.h"

/* The newest position alone does not tell: an earlier epoch may have been refilled since it was received. But a FEED
 * brings the lowest epoch that has news, so one that reaches the newest position, or an empty one, shows that there is
 * nothing below. It has to answer a PULL of after the WELCOME. */
void catch_up_fed(struct site *site, const struct log_head *head)
{
    struct catch_up *c = &site->catch_up;
    if (!c->asked || c->covered || (head && position_compare(head->at, c->target) < 0))
        return;
    c->covered = true;
    c->cover = site->down.ahead;
}

void catch_up_welcomed(struct site *site, const struct welcome_site *w)
{
    struct catch_up *c = &site->catch_up;
    if (site->verdict == SITE_REWIND) /* the hub was set back meanwhile: what it has is to be seen anew */
        *c = (struct catch_up){0};
    else if (site->verdict == SITE_OK && !c->targeted)
        *c = (struct catch_up){.targeted = true, .target = w->head};
}

bool catch_up_done(const struct site *site)
{
    const struct catch_up *c = &site->catch_up;
    for (uint8_t i = 0; c->covered && i < c->cover.count; i++) {
        const struct log_head *durable = NULL;
        for (uint8_t j = 0; j < site->down.durable.count; j++)
            if (site->down.durable.at[j].at.epoch == c->cover.at[i].at.epoch)
                durable = &site->down.durable.at[j];
        if (c->cover.at[i].at.n > 0 && (!durable || durable->at.n < c->cover.at[i].at.n))
            return false;
    }
    return c->covered;
}

/* Nothing comes of this site any more: it must not keep the others waiting. */
static bool set_aside(const struct site *site)
{
    return site->greeted && (site->verdict == SITE_DENIED || site->verdict == SITE_SPLIT || site->down.contradicted);
}

void catch_up_turn(struct spoke *s)
{
    if (s->config.going_on == 0 || s->told_caught_up || s->phase != SPOKE_PHASE_LIVE)
        return;
    for (uint32_t i = 0; i < s->site_count; i++)
        if (!s->sites[i]->upload_only && !catch_up_done(s->sites[i]) && !set_aside(s->sites[i]))
            return;
    s->told_caught_up = spoke_put(s, SPOKE_CAUGHT_UP, NULL) != NULL;
}
