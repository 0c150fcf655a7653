/* SPDX-License-Identifier: Apache-2.0 */
/* Views do not wait for the disk: what they hold can be made again. A moment after the last fold they are synced all
 * the same, so that a machine that goes down while nothing happens need not make them again. */
#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/views/projector_state.h"

void projector_rest_later(struct projector *p)
{
    const uint64_t usual = p->config.rest_ms != 0 ? p->config.rest_ms : PROJECTOR_REST_MS;
    const uint64_t wait = p->rest_ms == UINT64_MAX ? PROJECTOR_FAILED_MS : usual;
    p->rest_ms = views_are_at_rest(p->views) ? 0 : clock_steady_ms() + wait;
}

void projector_rest(struct projector *p)
{
    struct felloe_error error = {0};
    if (p->rest_ms == 0 || clock_steady_ms() < p->rest_ms)
        return;
    p->rest_ms = 0;
    if (views_rest(p->views, &error) != FELLOE_OK)
        projector_not_taken(p, &error);
}

void projector_not_taken(struct projector *p, const struct felloe_error *error)
{
    report(LEVEL_WARNING, "the views are made again from the log: %s", error->message);
    p->rest_ms = UINT64_MAX;
    projector_rebuild(p);
}
