/* SPDX-License-Identifier: Apache-2.0 */
/* LOG_RESTORE_OWN: own events out of a damaged log are put into a fresh one, with their numbers, and with what
 * recording them had kept beside them: where imports came from, what the stream says of earlier incarnations. Keys are
 * not noted as owed: a hub that lacks one says so in its RECEIPT. */
#include "daemon/log/log_internal.h"

#include <sodium.h>

static enum felloe_code set_incarnation(struct event_log *log, uint32_t incarnation)
{
    log_put_meta_u32(log->write.txn, "incarnation", incarnation);
    log->write.touched = true;
    return FELLOE_OK;
}

static void keep_after(struct event_log *log, uint32_t site, uint32_t incarnation, const struct branches *after)
{
    struct store_key key;
    uint8_t row[AFTER_ROW_MAX];
    size_t len = after_row_write(after, row);
    key_site_incarnation(&key, site, incarnation);
    if (len > 0)
        store_put(log->write.txn, T_AFTER, key_bytes(&key), bytes_of(row, len));
}

/* One whose key is not here says nothing. */
static enum felloe_code keep_what_it_says(struct event_log *log, struct log_job *job, uint32_t site,
                                          const struct event *event, const struct event_id *id, struct buffer *plain)
{
    struct data_key *key;
    struct event_body body;
    enum felloe_code code = log_data_key(log, &event->clear.key, &key, &job->error);
    if (code == FELLOE_STORAGE || code == FELLOE_FAILED)
        return code;
    if (code != FELLOE_OK || !event_open(event, key, plain, &body))
        return plain->failed ? felloe_fail(&job->error, FELLOE_FAILED, "out of memory") : FELLOE_OK;
    log->write.touched = true;
    if (body.has_origin)
        log_keep_origin(log, &body, id);
    if (log->identity->role == ROLE_SPOKE)
        keep_after(log, site, event->clear.incarnation, &body.after);
    return FELLOE_OK;
}

static bool is_in_place(const struct event_log *log, const struct log_job *job, const struct event *event,
                        const struct stream_head *head)
{
    return device_id_equal(&event->clear.device, &log->identity->device) &&
           event->clear.incarnation == job->incarnation && bytes_is(event->clear.site, job->site) &&
           event->clear.seq > head->seq;
}

static void put_row(struct event_log *log, uint32_t site, const struct event *event, uint64_t time)
{
    struct store_key key;
    key_own(&key, event->clear.incarnation, event->clear.seq);
    uint8_t *row = store_reserve(log->write.txn, T_OWN + site, key_bytes(&key), OWN_PREFIX + event->raw.len);
    if (row != NULL) {
        be_put_u64(row, time);
        memcpy(row + OWN_PREFIX, event->raw.data, event->raw.len);
    }
    log->write.touched = true;
    /* A key that this device used: the hub has it, or asks for it. */
    log_write_first_use(log, site, &event->clear.key, (struct position){0},
                        log_meet(&log->write.met_keys, &event->clear.key));
}

static enum felloe_code restore_all(struct event_log *log, struct log_job *job, uint32_t site, struct stream_head *head,
                                    struct buffer *plain)
{
    enum felloe_code code = FELLOE_OK;
    for (uint32_t i = 0; i < job->batch->count && code == FELLOE_OK; i++) {
        const struct entry *entry = &job->batch->entries[i];
        struct event event;
        if (!event_decode(entry->event, &event) || !is_in_place(log, job, &event, head))
            return felloe_fail(&job->error, FELLOE_INVALID, "an own entry of %s is not in its place", job->site);
        if (log->identity->role == ROLE_SPOKE)
            put_row(log, site, &event, job->times[i]);
        *head = (struct stream_head){event.clear.seq, entry->id, event.clear.seen}; /* some before it may be missing */
        code = keep_what_it_says(log, job, site, &event, &entry->id, plain);
    }
    return code;
}

static void load_head(struct event_log *log, const struct store_key *key, struct stream_head *head)
{
    struct bytes row;
    *head = (struct stream_head){0};
    if (store_get(log->write.txn, T_OWN_HEADS, key_bytes(key), &row))
        stream_row_read(row, head);
}

enum felloe_code log_run_restore_own(struct event_log *log, struct log_job *job)
{
    if (job->batch == NULL)
        return set_incarnation(log, job->incarnation);
    const bool hub = log->identity->role == ROLE_HUB;
    uint32_t site = log_write_site(log, job->site, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    struct store_key key;
    struct stream_head head = {0};
    struct buffer plain = {0};
    key_site_incarnation(&key, site, job->incarnation);
    if (!hub)
        load_head(log, &key, &head);
    enum felloe_code code = restore_all(log, job, site, &head, &plain);
    if (plain.data != NULL)
        sodium_memzero(plain.data, plain.cap);
    buffer_release(&plain);
    if (code != FELLOE_OK || hub)
        return code;
    uint8_t row[STREAM_ROW_MAX];
    size_t len = stream_row_write(&head, row);
    store_put(log->write.txn, T_OWN_HEADS, key_bytes(&key), bytes_of(row, len));
    return FELLOE_OK;
}
