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

/* A WELCOME, and the HELLO that it answers. */
struct relayed {
    struct buffer header;
    uint64_t life, request;
};

static struct relayed *kept_of(struct sim *sim, uint32_t node)
{
    if (!sim->relayed)
        sim->relayed = calloc((sim->plan.spokes + SIM_CLONES) * KEPT, sizeof *sim->relayed);
    if (!sim->relayed)
        abort();
    return &sim->relayed[node * KEPT];
}

/* One that answered a HELLO of this number, in an earlier life of the laptop, say; else whichever. Not one that answers
 * the very HELLO of now, which came to the hub twice. */
static const struct relayed *choose(const struct sim *sim, const struct relayed *kept, const struct relayed *now)
{
    const struct relayed *best = &kept[now->request % KEPT];
    for (uint32_t i = 0; i < KEPT && best->header.len == 0; i++)
        best = &kept[(chance_below(sim, KEPT) + i) % KEPT];
    return best->header.len > 0 && (best->life != now->life || best->request != now->request) ? best : NULL;
}

bool relay_replays(struct sim *sim, uint32_t node, struct buffer *header)
{
    if (!is_there(sim) || sim->healing)
        return false;
    struct relayed *kept = kept_of(sim, node);
    struct relayed now = {.life = sim->nodes[node].life, .request = sim->message.request};
    buffer_append(&now.header, header->data, header->len);
    const struct relayed *chosen = chance_below(sim, 100) < 15 ? choose(sim, kept, &now) : NULL;
    bool replays = chosen && message_decode(buffer_bytes(&chosen->header), &sim->message);
    if (replays) {
        sim->message.request = now.request;
        buffer_clear(header);
        message_encode(&sim->message, header);
        sim->replays++;
        sim_note(sim, node, "a WELCOME of before comes instead", 0, 0, 0);
    }
    buffer_release(&kept[now.request % KEPT].header);
    kept[now.request % KEPT] = now;
    return replays;
}

void relay_end(struct sim *sim)
{
    for (uint32_t i = 0; sim->relayed && i < (sim->plan.spokes + SIM_CLONES) * KEPT; i++)
        buffer_release(&sim->relayed[i].header);
    free(sim->relayed);
}
