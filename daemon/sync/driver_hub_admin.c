/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in at the hub, and what its sites are: at the start, and while it runs. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/driver_hub.h"

/* ---- devices ---- */

const struct box_pairs *driver_hub_pairs(const struct hub_driver *h, const struct device_id *device)
{
    const uint32_t at = table_find(&h->box_index, device->b);
    return at == TABLE_NONE ? NULL : &h->boxes[at].pairs;
}

static bool put_box(struct hub_driver *h, const struct device_record *device, const struct box_pairs *pairs)
{
    uint32_t at = table_find(&h->box_index, device->device.b);
    if (at == TABLE_NONE)
        at = h->box_count;
    if (at == h->box_cap) {
        uint32_t cap = h->box_cap > 0 ? h->box_cap * 2 : 16;
        struct hub_box *boxes = realloc(h->boxes, cap * sizeof *boxes);
        if (boxes == NULL)
            return false;
        h->boxes = boxes;
        h->box_cap = cap;
    }
    if (at == h->box_count && !table_put(&h->box_index, device->device.b, at))
        return false;
    h->boxes[at] = (struct hub_box){device->device, *pairs};
    if (at == h->box_count)
        h->box_count++;
    return true;
}

static bool make_pairs(const struct identity *me, const struct device_record *device, struct box_pairs *out)
{
    const struct box_secret *const own[] = {&me->box_secret, &me->box_before, &me->box_next};
    const struct box_public *const theirs[] = {&device->box, &device->next_box, &device->box_before};
    return driver_pairs(own, theirs, out);
}

bool driver_hub_admit(struct hub_driver *h, const struct device_record *device)
{
    bool revoked = device->revoked_ms != 0;
    struct net_key key = {.kind = revoked ? NET_KEY_REVOKED : NET_KEY_DEVICE, .device = device->device};
    memcpy(key.curve, device->curve, sizeof key.curve);
    struct box_pairs pairs;
    struct bytes sites[SITES_MAX];
    for (uint32_t i = 0; i < device->site_count; i++)
        sites[i] = bytes_str(device->sites[i]);
    if (device_id_equal(&device->device, &h->base.daemon->identity.device)) /* the hub itself: nobody connects as it */
        return true;
    if (h->net == NULL) /* closing */
        return true;
    /* A key that nothing can be sealed to must not keep the hub from serving all the others. */
    if (!make_pairs(&h->base.daemon->identity, device, &pairs)) {
        report(LEVEL_ERROR, "a device's record holds a key that is none: it is not let in");
        return true;
    }
    bool fine = put_box(h, device, &pairs) && net_hub_admit(h->net, &key) && rekey_admit(h, device);
    sodium_memzero(&pairs, sizeof pairs);
    if (!fine)
        return false;
    if (h->machine == NULL)
        return true; /* the one that is made afresh reads the records */
    if (!hub_admit(h->machine, &device->device, &device->sign, sites, device->site_count))
        return false;
    if (revoked)
        hub_revoke(h->machine, &device->device);
    return true;
}

/* ---- for the rest of the daemon ---- */

void driver_ticket_added(struct driver *driver, const struct ticket_record *ticket)
{
    struct net_key key = {.kind = NET_KEY_TICKET};
    memcpy(key.curve, ticket->curve, sizeof key.curve);
    if (!net_hub_admit(hub_of(driver)->net, &key))
        report(LEVEL_ERROR, "out of memory: a ticket is not admitted before the next start");
}

void driver_device_changed(struct driver *driver, const struct device_record *device)
{
    if (!driver_hub_admit(hub_of(driver), device))
        driver_restart(driver, "out of memory");
    if (device->revoked_ms != 0 && hub_of(driver)->net != NULL) {
        net_hub_cut(hub_of(driver)->net, device->curve); /* what is on its way to it must not arrive */
        driver_hub_tell_revoked(hub_of(driver), device);
    }
    driver_retick(driver);
}

void driver_terms_changed(struct driver *driver)
{
    struct hub_driver *h = hub_of(driver);
    if (h->machine != NULL)
        hub_set_terms(h->machine, &driver->daemon->terms);
    driver_retick(driver); /* everybody hears of it */
}

void driver_site_added(struct driver *driver, struct bytes site)
{
    struct hub_driver *h = hub_of(driver);
    if (h->machine != NULL && !hub_load_site(h->machine, site))
        driver_restart(driver, "out of memory, or too many sites");
}
