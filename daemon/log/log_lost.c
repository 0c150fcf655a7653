/* SPDX-License-Identifier: Apache-2.0 */
/* A log that is gone while the keyring is still there. Which sites there are, and at a hub its devices, stands in the
 * keyring too (the devices as the very rows that the log has), so that a new log can begin where the old one was. */
#include <stdlib.h>

#include "daemon/log/log_internal.h"
#include "daemon/report.h"
#include "proto/mp.h"

/* ---- a new log ---- */

static uint32_t put_sites(struct event_log *log, struct store_txn *txn, bool *unread)
{
    char site[SLUG_MAX + 1];
    uint32_t count = 0;
    for (; count < LOG_AUDIT && keyring_site_at(log->keyring, count, site, unread); count++) {
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

/* One that is damaged here too is nobody's: that laptop joins again. It still says that there was a log. */
static bool put_device(void *context, const struct device_id *device, struct bytes row)
{
    struct putting *p = context;
    struct mp_reader r MP_UNSET;
    struct device_record record;
    const struct store_item item = {.key = bytes_of(device->b, sizeof device->b), .value = row};
    if (log_read_device(&r, item, &record))
        store_put(p->txn, T_DEVICES, item.key, row);
    p->count++;
    return true;
}

uint32_t log_begin_again(struct event_log *log, struct store_txn *txn)
{
    struct putting p = {.txn = txn};
    bool unread = false;
    uint32_t sites = put_sites(log, txn, &unread);
    bool hub = log->identity->role == ROLE_HUB;
    if (hub)
        keyring_devices(log->keyring, put_device, &p, &unread);
    if (unread) /* it must not be taken for a new device's: at a hub that would give positions a second time */
        return 0;
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
    unsigned long taken, mended;
};

/* A log that was put back to an older copy must not let in again whom this hub has revoked since, nor turn away who has
 * joined since; and one of which a bit was turned over is put right. */
static bool take_newer(void *context, const struct device_id *device, struct bytes row)
{
    struct mirror *m = context;
    struct device_record here, there;
    struct store_item item = {.key = bytes_of(device->b, sizeof device->b), .value = row};
    if (!log_read_device(m->reader, item, &there))
        return true;
    const bool known = store_get(m->txn, T_DEVICES, item.key, &item.value);
    const bool whole = known && log_read_device(m->reader, item, &here);
    if (whole && (there.revoked_ms == 0 || here.revoked_ms != 0))
        return true;
    store_put(m->txn, T_DEVICES, item.key, row);
    *(known && !whole ? &m->mended : &m->taken) += 1;
    return true;
}

static enum felloe_code write_mirror(struct event_log *log, struct mirror *m, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    struct device_record record;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(m->txn, T_DEVICES);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    for (; more && code == FELLOE_OK; more = store_next(cursor, &item))
        if (log_read_device(m->reader, item, &record))
            code = keyring_put_device(log->keyring, &record.device, item.value, error);
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
    bool unread = false;
    keyring_devices(log->keyring, take_newer, &m, &unread);
    if (unread) { /* whom this hub revoked must not be let in */
        free(m.reader);
        return keyring_unread(error);
    }
    const bool fine = store_failed(txn, NULL) == STORE_DONE;
    if (m.mended > 0 && fine)
        report(LEVEL_WARNING, "what this hub's log said of %lu devices was damaged: the keyring knew it still",
               m.mended);
    if (m.taken > 0 && fine)
        report(
            LEVEL_WARNING,
            "%lu devices joined, or were revoked, after this hub's log was as it is now: the keyring knows them still",
            m.taken);
    enum felloe_code code = write_mirror(log, &m, error);
    free(m.reader);
    return code;
}
