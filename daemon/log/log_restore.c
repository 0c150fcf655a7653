/* SPDX-License-Identifier: Apache-2.0 */
/* LOG_RESTORE_OWN: own events out of a damaged log are put into a fresh one, with their numbers. Keys are not noted as
 * owed: a hub that lacks one says so in its RECEIPT. */
#include "daemon/log/log_internal.h"

static enum felloe_code set_incarnation(struct event_log *log, uint32_t incarnation)
{
    uint8_t row[4];
    be_put_u32(row, incarnation);
    store_put(log->write.txn, T_META, bytes_str("incarnation"), bytes_of(row, sizeof row));
    log->write.touched = true;
    return FELLOE_OK;
}

static bool restore_one(struct event_log *log, const struct log_job *job, uint32_t site, struct stream_head *head,
                        uint32_t i)
{
    const struct entry *entry = &job->batch->entries[i];
    struct event event;
    struct store_key key;
    if (!event_decode(entry->event, &event) || !device_id_equal(&event.clear.device, &log->identity->device) ||
        event.clear.incarnation != job->incarnation || !bytes_is(event.clear.site, job->site) ||
        event.clear.seq <= head->seq)
        return false;
    key_own(&key, event.clear.incarnation, event.clear.seq);
    uint8_t *row = store_reserve(log->write.txn, T_OWN + site, key_bytes(&key), OWN_PREFIX + entry->event.len);
    if (row != NULL) {
        be_put_u64(row, job->times[i]);
        memcpy(row + OWN_PREFIX, entry->event.data, entry->event.len);
    }
    log->write.touched = true;
    *head = (struct stream_head){event.clear.seq, entry->id, event.clear.seen}; /* some before it may be missing */
    return true;
}

enum felloe_code log_run_restore_own(struct event_log *log, struct log_job *job)
{
    if (job->batch == NULL)
        return set_incarnation(log, job->incarnation);
    uint32_t site = log_write_site(log, job->site, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    struct store_key key;
    struct bytes there;
    struct stream_head head = {0};
    key_site_incarnation(&key, site, job->incarnation);
    if (store_get(log->write.txn, T_OWN_HEADS, key_bytes(&key), &there))
        stream_row_read(there, &head);
    for (uint32_t i = 0; i < job->batch->count; i++)
        if (!restore_one(log, job, site, &head, i))
            return felloe_fail(&job->error, FELLOE_INVALID, "an own entry of %s is not in its place", job->site);
    uint8_t row[STREAM_ROW_MAX];
    size_t len = stream_row_write(&head, row);
    store_put(log->write.txn, T_OWN_HEADS, key_bytes(&key), bytes_of(row, len));
    return FELLOE_OK;
}
