/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying the rows that no event leads to: a hub's devices and tickets, and what is kept for sites and incarnations
 * that there are not. */
#include <stdlib.h>

#include "daemon/log/log_aside.h"
#include "daemon/log/verify_internal.h"
#include "proto/mp.h"

static enum felloe_code check_devices(struct verify_run *run)
{
    struct device_record device;
    struct ticket_record ticket;
    struct store_item item;
    struct mp_reader *r = malloc(sizeof *r);
    if (r == NULL)
        return felloe_fail(run->error, FELLOE_FAILED, "out of memory");
    struct store_cursor *cursor = store_cursor_open(run->reader->txn, T_DEVICES);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item))
        if (!log_read_device(r, item, &device))
            verify_problem(run, "what is known of a device is damaged");
    store_cursor_close(cursor);
    cursor = store_cursor_open(run->reader->txn, T_TICKETS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item))
        if (!log_read_ticket(r, item, &ticket))
            verify_problem(run, "a ticket is damaged");
    store_cursor_close(cursor);
    free(r);
    return FELLOE_OK;
}

/* Rows whose keys begin with a site's number. */
static void check_sites(struct verify_run *run, unsigned table, const char *what)
{
    const uint32_t count = atomic_load(&run->options->log->site_count);
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(run->reader->txn, table);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item))
        if (item.key.len < 2 || (be_u16(item.key.data) >= count && be_u16(item.key.data) != LOG_AUDIT))
            verify_problem(run, "%s is kept for a site that there is not", what);
    store_cursor_close(cursor);
}

/* The last of several that are said to stand one behind the other does; of all of them their own rows in the site's log
 * are looked at the other way round. */
static void check_places(struct verify_run *run)
{
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(run->reader->txn, T_OWN_PLACES);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item)) {
        if (item.value.len == 12 || item.key.len != 14)
            continue; /* of one: what names it, or misses it, tells */
        const uint32_t site = be_u16(item.key.data), incarnation = be_u32(item.key.data + 2);
        struct own_places places;
        if (site >= SITES_MAX || !log_places_read(&item, site, incarnation, &places) ||
            !log_own_stands(run->reader->txn, site, incarnation, places.end - 1,
                            own_places_at(&places, places.end - 1)))
            verify_problem(run, "positions are kept that own events of incarnation %u do not have", incarnation);
    }
    store_cursor_close(cursor);
}

/* Rows of a site and an incarnation: each of which something was written has a head. */
static void check_incarnations(struct verify_run *run, unsigned table, const char *what)
{
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(run->reader->txn, table);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item))
        if (item.key.len != 6 || !store_get(run->reader->txn, T_OWN_HEADS, item.key, NULL))
            verify_problem(run, "%s is kept for an incarnation that this device never had", what);
    store_cursor_close(cursor);
}

static void tell_aside(void *context, const char *words)
{
    verify_problem(context, "%s", words);
}

enum felloe_code verify_rows(struct verify_run *run)
{
    static const struct {
        unsigned table;
        const char *what;
    } of_sites[] = {{T_HEADS, "a head"},         {T_CHECKPOINTS, "a checkpoint"}, {T_ANCHORS, "an anchor"},
                    {T_STREAMS, "a stream"},     {T_OWN_HEADS, "an own head"},    {T_OWN_PLACES, "a position"},
                    {T_OWN_KEYS, "an owed key"}, {T_KEY_USES, "a key's use"}};
    for (size_t i = 0; i < sizeof of_sites / sizeof *of_sites; i++)
        check_sites(run, of_sites[i].table, of_sites[i].what);
    check_places(run);
    check_incarnations(run, T_RECEIPTS, "a receipt");
    check_incarnations(run, T_AFTER, "what it comes after");
    if (!log_aside_verify(run->reader, tell_aside, run))
        return felloe_fail(run->error, FELLOE_FAILED, "out of memory");
    return check_devices(run);
}
