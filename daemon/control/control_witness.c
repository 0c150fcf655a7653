/* SPDX-License-Identifier: Apache-2.0 */
/* What status says where other laptops hold another record than this one. */
#include "daemon/control/control_witness.h"

#include <stdio.h>
#include <stdlib.h>

#define DEVICES_MAX 1024u

struct contradicting {
    struct views_witness lowest;
    unsigned count;
};

static bool look(void *context, const struct views_witness *witness)
{
    struct contradicting *found = context;
    if (witness->verified || !testimony_contradicts(witness->other.outcome))
        return true;
    if (found->count++ == 0 || position_compare(witness->other.head.at, found->lowest.other.head.at) < 0)
        found->lowest = *witness;
    return true;
}

static void worker_of(struct reading *reading, const struct device_id *device, char out[SLUG_MAX + 1])
{
    struct heard_device *devices = calloc(DEVICES_MAX, sizeof *devices);
    size_t count = devices ? query_devices(&reading->views, &reading->scope, devices, DEVICES_MAX) : 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (device_id_equal(&devices[i].device, device))
            memcpy(out, devices[i].worker, sizeof devices[i].worker);
    free(devices);
}

void witness_notice(struct reading *reading, bool hub, const char *site, char out[WITNESS_TEXT_MAX])
{
    struct contradicting found = {.count = 0};
    char worker[SLUG_MAX + 1];
    out[0] = '\0';
    views_witnesses(&reading->views, bytes_str(site), look, &found);
    if (found.count == 0)
        return;
    worker_of(reading, &found.lowest.device, worker);
    witness_text(&found.lowest.other, found.lowest.same, bytes_str(site), worker, hub, out);
    size_t len = strlen(out);
    if (found.count > 1)
        snprintf(out + len, WITNESS_TEXT_MAX - len, " %u more laptop%s.", found.count - 1,
                 found.count == 2 ? " contradicts" : "s contradict");
}
