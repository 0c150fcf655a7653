/* SPDX-License-Identifier: Apache-2.0 */
/* LOG_RECORD: drafts become events of this device's own stream: number, chain, time, seal. At the hub they get their
 * positions in the site's log in the same transaction. */
#include <sodium.h>

#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"
#include "proto/event/hlc.h"

/* All of an event but its fields is smaller than this. */
#define CLEAR_ROOM 1024

/* What one job needs for all its drafts. */
struct recording {
    struct event_log *log;
    struct log_job *job;
    uint32_t site;
    bool hub;
    struct log_put marker; /* hub: the entry made last; it waits so that the job's last one can be signed */
    bool has_marker;
};

/* ---- keys ---- */

static enum felloe_code data_key(struct event_log *log, const struct key_id *id, struct data_key **out,
                                 struct felloe_error *error)
{
    struct cached_key *cached = &log->write.keys[id->b[0] % KEY_CACHE]; /* ids are random */
    if (!cached->filled || memcmp(&cached->id, id, sizeof *id) != 0) {
        struct key_record record;
        cached->filled = false;
        enum felloe_code code = keyring_get(log->keyring, id, &record);
        if (code != FELLOE_OK) {
            char hex[33];
            hex_encode(bytes_of(id->b, sizeof id->b), hex);
            return felloe_fail(error, code,
                               "the key %s is not on this device (or cannot be read), so nothing can be "
                               "written under it",
                               hex);
        }
        *cached = (struct cached_key){.filled = true, .id = *id, .key = record.key};
        sodium_memzero(&record, sizeof record);
    }
    *out = &cached->key;
    return FELLOE_OK;
}

/* ---- time ---- */

static uint64_t next_time(struct event_log *log)
{
    int64_t now = clock_wall_ms();
    uint_fast64_t last = atomic_load(&log->time), time;
    do
        time = hlc_next(last, now > 0 ? (uint64_t)now : 0);
    while (!atomic_compare_exchange_weak(&log->time, &last, time));
    return time;
}

/* ---- origins: an imported event counts once ---- */

#define ORIGIN_ROW (32 + 1 + 16)

static bool known_origin(struct event_log *log, struct log_draft *draft)
{
    struct bytes row;
    if (!draft->body.has_origin ||
        !store_get(log->write.txn, T_ORIGINS, bytes_of(draft->body.origin.b, sizeof draft->body.origin.b), &row) ||
        row.len != ORIGIN_ROW)
        return false;
    draft->known = true;
    draft->seq = 0;
    memcpy(draft->id.b, row.data, 32);
    memcpy(draft->person.b, row.data + 33, 16);
    return true;
}

static void keep_origin(struct event_log *log, const struct log_draft *draft)
{
    uint8_t row[ORIGIN_ROW];
    memcpy(row, draft->id.b, 32);
    row[32] = draft->body.has_subject;
    memcpy(row + 33, draft->person.b, 16);
    store_put(log->write.txn, T_ORIGINS, bytes_of(draft->body.origin.b, sizeof draft->body.origin.b),
              bytes_of(row, sizeof row));
}

/* ---- places ---- */

static void put_marker(struct recording *r, bool last)
{
    if (!r->has_marker)
        return;
    struct event_log *log = r->log;
    struct head_row *head = log_write_head_change(log, r->site, log->epoch);
    struct signature signature;
    if (last) {
        sign_stream(&log->identity->sign_secret, bytes_str(r->job->site), &log->identity->device, r->marker.incarnation,
                    r->marker.seq, &r->marker.id, &signature);
        r->marker.flags |= ENTRY_SIGNED;
        r->marker.signature = &signature;
    }
    log_write_entry(log, r->site, head, &r->marker);
    r->has_marker = false;
}

static void place_at_hub(struct recording *r, const struct event_clear *clear, const struct event_id *id)
{
    struct event_log *log = r->log;
    put_marker(r, false);
    struct head_row *head = log_write_head(log, r->site, log->epoch);
    struct position at = {log->epoch, head->head.at.n + 1};
    r->marker = (struct log_put){.flags = ENTRY_OWN, .id = *id, .incarnation = clear->incarnation, .seq = clear->seq};
    r->has_marker = true;
    if (log_write_first_use(log, r->site, &clear->key, at))
        r->marker.flags |= ENTRY_FIRST_KEY;
    log_write_own_place(log, r->site, clear->incarnation, clear->seq, at);
    struct stream_head *stream = log_write_stream_change(log, r->site, &clear->device, clear->incarnation);
    if (stream_check(stream, clear, id) == STREAM_NEXT)
        stream_advance(stream, clear, id);
    else
        log->write.damaged = true; /* at a hub the site's log has the own stream as far as it goes */
    if (r->job->at.epoch == 0)
        r->job->at = at;
}

/* A key that the hub may lack goes along with the PUSH of the first event that uses it. */
static void owe_key(struct recording *r, const struct event_clear *clear)
{
    if (!log_write_first_use(r->log, r->site, &clear->key, (struct position){0, clear->seq}))
        return;
    struct store_key key;
    key_start(&key);
    key_put_u16(&key, (uint16_t)r->site);
    key_put_u64(&key, clear->seq);
    key_put(&key, clear->key.b, sizeof clear->key.b);
    store_put(r->log->write.txn, T_OWN_KEYS, key_bytes(&key), bytes_of("", 0));
}

/* ---- one draft ---- */

static enum felloe_code seal(struct recording *r, const struct log_draft *draft, const struct event_clear *clear,
                             uint64_t time)
{
    struct event_log *log = r->log;
    struct data_key *key;
    enum felloe_code code = data_key(log, &draft->key, &key, &r->job->error);
    if (code != FELLOE_OK)
        return code;
    struct event_body body = draft->body;
    body.time = time;
    uint8_t nonce[EVENT_NONCE_SIZE];
    random_bytes(nonce, sizeof nonce);
    buffer_clear(&log->write.event);
    if (event_seal(clear, &body, key, nonce, &log->write.event))
        return FELLOE_OK;
    if (log->write.event.failed)
        return felloe_fail(&r->job->error, FELLOE_FAILED, "out of memory");
    const size_t len = draft->body.fields.len;
    if (len + CLEAR_ROOM <= EVENT_SIZE_MAX)
        return felloe_fail(&r->job->error, FELLOE_INVALID, "the entry is malformed and was not recorded");
    return felloe_fail(
        &r->job->error, FELLOE_INVALID,
        "the entry is too long: with its %zu bytes of fields it would be over the 64 KiB that one entry may "
        "have. Shorten it, or divide it into several",
        len);
}

static enum felloe_code record_one(struct recording *r, struct log_draft *draft)
{
    struct event_log *log = r->log;
    draft->known = false;
    draft->person = draft->body.has_subject ? draft->body.subject : PERSON_ID_NONE;
    if (known_origin(log, draft))
        return FELLOE_OK;

    const struct stream_head *last = log_write_own(log, r->site);
    for (unsigned i = 0; i < last->seen.count; i++)
        if (!seen_advance(&draft->seen, last->seen.at[i]))
            return felloe_fail(&r->job->error, FELLOE_FAILED, "the site's log has too many epochs for this version");
    const struct event_clear clear = {.device = log->identity->device,
                                      .incarnation = log->identity->incarnation,
                                      .site = bytes_str(r->job->site),
                                      .seq = last->seq + 1,
                                      .prev = last->id,
                                      .seen = draft->seen,
                                      .key = draft->key};
    uint64_t time = draft->body.time ? draft->body.time : next_time(log);
    enum felloe_code code = seal(r, draft, &clear, time);
    if (code != FELLOE_OK)
        return code;

    const struct bytes event = buffer_bytes(&log->write.event);
    event_id_of(event, &draft->id);
    draft->seq = clear.seq;
    struct store_key key;
    key_own(&key, clear.incarnation, clear.seq);
    struct stream_head *head = log_write_own_change(log, r->site);
    uint8_t *row = store_reserve_last(log->write.txn, T_OWN + r->site, key_bytes(&key), OWN_PREFIX + event.len);
    if (row != NULL) {
        be_put_u64(row, time);
        memcpy(row + OWN_PREFIX, event.data, event.len);
    }
    stream_advance(head, &clear, &draft->id);
    if (draft->body.has_origin)
        keep_origin(log, draft);
    if (r->hub)
        place_at_hub(r, &clear, &draft->id);
    else
        owe_key(r, &clear);
    return FELLOE_OK;
}

enum felloe_code log_run_record(struct event_log *log, struct log_job *job)
{
    struct recording r = {.log = log, .job = job, .hub = log->identity->role == ROLE_HUB};
    r.site = log_write_site(log, job->site, &job->error);
    if (r.site == SITES_MAX)
        return job->error.code;
    job->at = (struct position){0};
    for (size_t i = 0; i < job->draft_count; i++) {
        enum felloe_code code = record_one(&r, &job->drafts[i]);
        if (code != FELLOE_OK)
            return code;
    }
    put_marker(&r, true);
    job->own = *log_write_own(log, r.site);
    if (r.hub)
        job->head = log_write_head(log, r.site, log->epoch)->head;
    job->oldest_waiting_ms =
        log_oldest_waiting(log, log->write.txn, r.site, log_shared_seq(log, log->write.txn, r.site), job->own.seq);
    return FELLOE_OK;
}
