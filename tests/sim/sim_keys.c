/* SPDX-License-Identifier: Apache-2.0 */
/* Whose each key is: a site's, a person's, or, of every fourth person, one that only some laptops' workers may have:
 * its maker's and about half of the others. The others have the person's events all the same, sealed. */
#include <stdio.h>

#include "tests/sim/sim_internal.h"

/* An audience has no more names; laptops beyond share a worker with one of these, who need not be told apart here. */
#define DEVICES ((uint32_t)AUDIENCE_MAX)

static bool is_restricted(const struct sim *sim, uint32_t key)
{
    return key >= sim->plan.sites && key % 4 == 3;
}

bool sim_may_have(const struct sim *sim, uint32_t device, uint32_t key)
{
    return !is_restricted(sim, key) || device == sim->key_maker[key] || (device + key / 4) % 2 == 0;
}

static struct bytes worker_of(uint32_t device, char out[8])
{
    snprintf(out, 8, "w%u", device % DEVICES);
    return bytes_str(out);
}

void sim_key_record(const struct sim *sim, uint32_t key, struct bytes site, struct key_record *out)
{
    char worker[8];
    *out = (struct key_record){
        .id = sim->key_ids[key], .kind = key < sim->plan.sites ? KEY_SITE : KEY_PERSON, .key = sim->key_bytes[key]};
    if (out->kind == KEY_PERSON)
        memcpy(out->owner.b, out->id.b, sizeof out->owner.b);
    if (is_restricted(sim, key))
        out->kind = KEY_PERSON_AUDIENCE;
    for (uint32_t device = 0; device < DEVICES && out->kind == KEY_PERSON_AUDIENCE; device++)
        if (sim_may_have(sim, device, key) || device == sim->key_maker[key] % DEVICES)
            (void)audience_add(&out->members, worker_of(device, worker));
    (void)bytes_to_text(site, out->site, sizeof out->site);
}

void sim_got_key(struct sim *sim, uint32_t node, uint32_t key, const struct key_record *record)
{
    const uint32_t device = sim->nodes[node].device;
    char worker[8];
    if (!sim_may_have(sim, device, key))
        sim_fail(sim, "laptop %u was given key %u, which is for others", node, key);
    if (is_restricted(sim, key) && !audience_has(&record->members, worker_of(device, worker)))
        sim_fail(sim, "laptop %u: the record of key %u does not name its worker", node, key);
}

void sim_denied(struct sim *sim, uint32_t node, const struct spoke_output *output)
{
    for (uint32_t i = 0; i < output->key_count; i++) {
        uint32_t key = key_number(sim, &output->keys[i]);
        sim_note(sim, node, "is denied key %", key, 0, 0);
        if (key == SIM_KEYS || sim_may_have(sim, sim->nodes[node].device, key))
            sim_fail(sim, "laptop %u was denied key %u, which it may have", node, key);
    }
}
