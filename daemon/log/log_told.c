/* SPDX-License-Identifier: Apache-2.0 */
/* What the own events tell others of the site's log: the newest head of it that the hub signed and this laptop keeps.
 * A hub that tells two laptops two stories is found out where such heads meet (see witness.h).
 *
 * Seldom, for it costs 48 bytes and is worth no more the more often it is said. What was told is kept in memory alone:
 * after a start it is told once more. */
#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"

/* The newest head as committed, or as this transaction has it. */
static bool newest_head(struct event_log *log, uint32_t site, struct head_row *out)
{
    const struct cached_head *cached = &log->write.heads[site];
    struct store_key prefix;
    struct store_item item;
    key_start(&prefix);
    key_put_u16(&prefix, (uint16_t)site);
    *out = cached->loaded ? cached->row : (struct head_row){0};
    struct store_cursor *cursor = store_cursor_open(log->write.txn, T_HEADS);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct head_row row;
        if (item.key.len == 6 && head_row_read(item.value, be_u32(item.key.data + 2), &row) &&
            row.head.at.epoch > out->head.at.epoch)
            *out = row;
    }
    store_cursor_close(cursor);
    return out->head.at.n > 0 && out->has_signature;
}

bool log_tell_head(struct event_log *log, uint32_t site, struct log_head *out)
{
    struct told_head *told = &log->write.told[site];
    struct head_row row;
    const uint64_t now = clock_steady_ms();
    if (log->identity->role != ROLE_SPOKE || (told->any && now - told->ms < HEAD_TOLD_EVERY_MS) ||
        !newest_head(log, site, &row) ||
        (told->any && position_compare(told->head.at, row.head.at) == 0 &&
         memcmp(&told->head.hash, &row.head.hash, sizeof row.head.hash) == 0))
        return false;
    log->write.telling |= UINT64_C(1) << site;
    *told = (struct told_head){.any = true, .ms = now, .head = row.head};
    *out = row.head;
    return true;
}
