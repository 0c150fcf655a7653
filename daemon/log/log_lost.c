/* SPDX-License-Identifier: Apache-2.0 */
/* A log that is gone while the keyring is still there. Which sites there are, and at a hub its devices, stands in the
 * keyring too (the devices as the very rows that the log has), so that a new log can begin where the old one was. */
#include <stdlib.h>

#include "daemon/log/log_internal.h"
#include "daemon/report.h"
#include "proto/mp.h"

/* ---- a new log ---- */

static uint32_t put_sites(struct event_log *log, struct store_txn *txn)
{
    char site[SLUG_MAX + 1];
    uint32_t count = 0;
    for (; count < SITES_MAX && keyring_site_at(log->keyring, count, site); count++) {
        struct store_key key;
        key_start(&key);
        key_put_u16(&key, (uint16_t)count);
        store_put(txn, T_SITES, key_bytes(&key), bytes_str(site));
    }
    return count;
}

struct putting {
    struct store_txn *txn;
    unsigned long count;
};

static bool put_device(void *context, const struct device_id *device, struct bytes row)
{
    struct putting *p = context;
    store_put(p->txn, T_DEVICES, bytes_of(device->b, sizeof device->b), row);
    p->count++;
    return true;
}

uint32_t log_begin_again(struct event_log *log, struct store_txn *txn)
{
    struct putting p = {.txn = txn};
    uint32_t sites = put_sites(log, txn);
    bool hub = log->identity->role == ROLE_HUB;
    if (hub)
        keyring_devices(log->keyring, put_device, &p);
    if (hub && p.count > 0) { /* they may hold positions that the lost log gave */
        report(log->instead ? LEVEL_DEBUG : LEVEL_WARNING,
               "this hub's log is gone: a new one begins, with %u sites and %lu devices. Laptops bring back what they "
               "hold; nobody has to do anything",
               sites, p.count);
        return log_epoch_above(1);
    }
    if (!hub && sites > 0)
        report(LEVEL_WARNING,
               "this laptop's log is gone: a new one begins, with %u sites. What the hub holds comes back", sites);
    return 1;
}

/* ---- the mirror ---- */

struct mirror {
    struct store_txn *txn;
    struct mp_reader *reader;
    unsigned long taken;
};

/* A log that was put back to an older copy must not let in again whom this hub has revoked since, nor turn away who has
 * joined since. */
static bool take_newer(void *context, const struct device_id *device, struct bytes row)
{
    struct mirror *m = context;
    struct device_record here, there;
    struct store_item item = {.key = bytes_of(device->b, sizeof device->b), .value = row};
    if (!log_read_device(m->reader, item, &there))
        return true;
    if (store_get(m->txn, T_DEVICES, item.key, &item.value) &&
        (there.revoked_ms == 0 || !log_read_device(m->reader, item, &here) || here.revoked_ms != 0))
        return true;
    store_put(m->txn, T_DEVICES, item.key, row);
    m->taken++;
    return true;
}

static enum felloe_code write_mirror(struct event_log *log, struct store_txn *txn, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(txn, T_DEVICES);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    for (; more && code == FELLOE_OK; more = store_next(cursor, &item)) {
        struct device_id device;
        if (item.key.len != sizeof device.b)
            continue;
        memcpy(device.b, item.key.data, sizeof device.b);
        code = keyring_put_device(log->keyring, &device, item.value, error);
    }
    store_cursor_close(cursor);
    return code;
}

enum felloe_code log_mirror_devices(struct event_log *log, struct store_txn *txn, struct felloe_error *error)
{
    if (log->identity->role != ROLE_HUB)
        return FELLOE_OK;
    struct mirror m = {.txn = txn, .reader = malloc(sizeof *m.reader)};
    if (m.reader == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    keyring_devices(log->keyring, take_newer, &m);
    free(m.reader);
    if (m.taken > 0 && store_failed(txn, NULL) == STORE_DONE)
        report(LEVEL_WARNING,
               "%lu devices joined, or were revoked, after this hub's log was as it is now: the keyring "
               "knows them still",
               m.taken);
    return write_mirror(log, txn, error);
}
