/* SPDX-License-Identifier: Apache-2.0 */
/* Events that come a second time, at another position. That is so only after a hub was restored: an event whose receipt
 * was lost with it can be given a position again. It must then be the very same event. There is no index for this: the
 * site's log is read through once a batch, which costs less in a hundred years than the index would in a day. */
#include <stdlib.h>

#include "daemon/log/log_internal.h"

void log_seconds_add(struct log_seconds *seconds, const struct entry *entry)
{
    if (seconds->count == seconds->cap) {
        uint32_t cap = seconds->cap > 0 ? 2 * seconds->cap : 16;
        const struct entry **more = realloc(seconds->entries, cap * sizeof(struct entry *));
        if (more == NULL) {
            seconds->failed = true;
            return;
        }
        seconds->entries = more;
        seconds->cap = cap;
    }
    seconds->entries[seconds->count++] = entry;
}

void log_seconds_release(struct log_seconds *seconds)
{
    free(seconds->entries);
    *seconds = (struct log_seconds){0};
}

static int compare_places(const struct device_id *a_device, uint32_t a_incarnation, uint64_t a_seq,
                          const struct entry *b)
{
    int order = memcmp(a_device, &b->device, sizeof b->device);
    if (order == 0)
        order = (a_incarnation > b->incarnation) - (a_incarnation < b->incarnation);
    return order != 0 ? order : (a_seq > b->seq) - (a_seq < b->seq);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *const *a = left, *const *b = right;
    return compare_places(&(*a)->device, (*a)->incarnation, (*a)->seq, *b);
}

static int compare_event(const void *event, const void *entry)
{
    const struct event_clear *a = event;
    const struct entry *const *b = entry;
    return compare_places(&a->device, a->incarnation, a->seq, *b);
}

/* Within one epoch nothing comes twice, so only the others are read. */
bool log_seconds_hold(struct event_log *log, uint32_t site, const struct batch *batch, struct log_seconds *seconds)
{
    if (seconds->count == 0 || seconds->failed)
        return !seconds->failed;
    qsort(seconds->entries, seconds->count, sizeof(struct entry *), compare_entries);
    uint32_t found = 0;
    struct store_key key;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(log->write.txn, T_LOG + site);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    while (more && found < seconds->count) {
        struct log_row row;
        struct event event;
        if (item.key.len == 12 && be_u32(item.key.data) == batch->epoch) {
            key_place(&key, (struct position){batch->epoch + 1, 0});
            more = batch->epoch < UINT32_MAX && store_seek(cursor, key_bytes(&key), &item);
            continue;
        }
        if (log_row_read(item.value, &row) && !(row.flags & ENTRY_OWN) && event_decode(row.event, &event)) {
            const struct entry *const *same =
                bsearch(&event.clear, seconds->entries, seconds->count, sizeof(struct entry *), compare_event);
            found += same != NULL && bytes_equal((*same)->event, row.event);
        }
        more = store_next(cursor, &item);
    }
    store_cursor_close(cursor);
    return found == seconds->count;
}
