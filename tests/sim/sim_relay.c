/* SPDX-License-Identifier: Apache-2.0 */
/* In some worlds somebody who has an old key of the hub's connections stands between it and the laptops. They can sign
 * nothing new: so a WELCOME is kept back now and then, and one of before comes in its place, as the answer to the HELLO
 * of now. No laptop may believe it. Chance here is apart from the world's, whose faults it does not change. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

#define KEPT 8u /* of each laptop: by the request's number, for the one that fits best */

static uint32_t chance_below(const struct sim *sim, uint32_t bound)
{
    uint64_t z = (sim->seed ^ (sim->frames * 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 29)) * 0x94d049bb133111ebu;
    return (uint32_t)((z >> 33) % bound);
}

static bool is_there(const struct sim *sim)
{
    return sim->seed % 4 == 3;
}

static struct buffer *kept_of(struct sim *sim, uint32_t node)
{
    if (!sim->relayed)
        sim->relayed = calloc((sim->plan.spokes + SIM_CLONES) * KEPT, sizeof *sim->relayed);
    if (!sim->relayed)
        abort();
    return &sim->relayed[node * KEPT];
}

/* One that answered a HELLO of this number, in an earlier life of the laptop, say; else whichever. */
static const struct buffer *choose(struct sim *sim, struct buffer *kept, uint64_t request)
{
    const struct buffer *best = &kept[request % KEPT];
    for (uint32_t i = 0; i < KEPT && best->len == 0; i++)
        best = &kept[(chance_below(sim, KEPT) + i) % KEPT];
    return best->len > 0 && message_decode(buffer_bytes(best), &sim->message) ? best : NULL;
}

bool relay_replays(struct sim *sim, uint32_t node, struct buffer *header)
{
    if (!is_there(sim) || sim->healing)
        return false;
    uint64_t request = sim->message.request;
    struct buffer *kept = kept_of(sim, node), now = {0};
    buffer_append(&now, header->data, header->len);
    bool replays = chance_below(sim, 100) < 15 && choose(sim, kept, request);
    if (replays) {
        sim->message.request = request;
        buffer_clear(header);
        message_encode(&sim->message, header);
        sim->replays++;
        sim_note(sim, node, "a WELCOME of before comes instead", 0, 0, 0);
    }
    buffer_release(&kept[request % KEPT]);
    kept[request % KEPT] = now;
    return replays;
}

void relay_end(struct sim *sim)
{
    for (uint32_t i = 0; sim->relayed && i < (sim->plan.spokes + SIM_CLONES) * KEPT; i++)
        buffer_release(&sim->relayed[i]);
    free(sim->relayed);
}
