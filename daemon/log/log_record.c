/* SPDX-License-Identifier: Apache-2.0 */
/* LOG_RECORD: drafts become events of this device's own stream: number, chain, time, seal. At the hub they get their
 * positions in the site's log in the same transaction. */
#include <assert.h>

#include <sodium.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"
#include "proto/event/hlc.h"

/* All of an event but its fields is smaller than this. */
#define CLEAR_ROOM 1024
/* What an event can grow by when it is written again under another incarnation (log_branch.c): incarnation, `after`,
 * `was`. */
#define AGAIN_ROOM (8 + BRANCHES_MAX * (5 + 9) + 34)

/* Of longer ones none tells of the log's head: they are few, and what may be recorded is not to depend on it. */
#define HEAD_FIELDS_MAX (EVENT_SIZE_MAX / 2)

/* More are read when their turn comes. */
#define AT_HAND_DRAFTS 4u

/* What one job needs for all its drafts. */
struct recording {
    struct event_log *log;
    struct log_job *job;
    uint32_t site;
    struct event_clear clear; /* but for seq, prev and key, which are each event's own */
    const struct log_made *made; /* NULL: none was, or something came between */
    bool hub;
    bool looked;           /* whether there is a head of the site's log to tell of */
    struct key_id owed;    /* a key of which it was found that the hub has it, or will be brought it */
    bool has_owed;
    bool at_hand;          /* `events` are all so far, and no key goes along with them */
    struct buffer events;
    struct log_put marker; /* hub: the entry made last; it waits so that the job's last one can be signed */
    bool has_marker;
};

/* ---- keys ---- */

enum felloe_code log_data_key(struct event_log *log, const struct key_id *id, struct data_key **out,
                              struct felloe_error *error)
{
    struct cached_key *cached = &log->write.keys[id->b[0] % KEY_CACHE]; /* ids are random */
    if (!cached->filled || memcmp(&cached->id, id, sizeof *id) != 0) {
        struct key_record record;
        sodium_memzero(cached, sizeof *cached);
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

uint64_t event_log_next_times(struct event_log *log, size_t count)
{
    int64_t now = clock_wall_ms();
    uint_fast64_t last = atomic_load(&log->time), first;
    do
        first = hlc_next(last, now > 0 ? (uint64_t)now : 0);
    while (!atomic_compare_exchange_weak(&log->time, &last, first + count - 1));
    return first;
}

uint64_t event_log_next_time(struct event_log *log)
{
    return event_log_next_times(log, 1);
}

/* ---- origins: an imported event counts once ---- */

static void read_origin(const uint8_t *row, struct event_id *event, struct person_id *person)
{
    memcpy(event->b, row, 32);
    memcpy(person->b, row + 33, 16);
}

bool log_origin(struct log_reader *reader, const struct origin_id *origin, struct event_id *event,
                struct person_id *person)
{
    const uint8_t *row;
    const bool found = log_origins_find(reader->origins, reader->txn, origin, &row);
    if (found)
        read_origin(row, event, person);
    return found;
}

static bool known_origin(struct event_log *log, struct log_draft *draft)
{
    const uint8_t *row;
    draft->known = draft->body.has_origin &&
                   log_origins_find_own(&log->origins, log->write.txn, &draft->body.origin, &row);
    if (draft->known) {
        read_origin(row, &draft->id, &draft->person);
        draft->seq = 0;
    }
    return draft->known;
}

void log_keep_origin(struct event_log *log, const struct event_body *body, const struct event_id *id)
{
    uint8_t row[ORIGIN_ROW];
    const struct person_id *person = body->has_subject ? &body->subject : &PERSON_ID_NONE;
    memcpy(row, id->b, 32);
    row[32] = body->has_subject;
    memcpy(row + 33, person->b, 16);
    log_origins_add(&log->origins, log->write.txn, &body->origin, row);
}

/* ---- places ---- */

static void put_marker(struct recording *r, bool last)
{
    if (!r->has_marker)
        return;
    struct event_log *log = r->log;
    struct head_row *head = log_write_head_change(log, r->site, log->write.epoch);
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

static void place_at_hub(struct recording *r, const struct event_clear *clear, const struct log_draft *draft)
{
    struct event_log *log = r->log;
    put_marker(r, false);
    struct head_row *head = log_write_head(log, r->site, log->write.epoch);
    struct position at = {log->write.epoch, head->head.at.n + 1};
    const struct event_id *id = &draft->id;
    r->marker = (struct log_put){.flags = ENTRY_OWN, .id = *id, .incarnation = clear->incarnation, .seq = clear->seq};
    r->has_marker = true;
    uint32_t *met = log_meet(&log->write.met_keys, &clear->key);
    if (r->site != LOG_AUDIT && (log_write_first_use(log, r->site, &clear->key, at, met) || draft->brings_key))
        r->marker.flags |= ENTRY_FIRST_KEY;
    log_write_own_places(log, r->site, clear->incarnation, clear->seq, at, 1);
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
    if (r->site == LOG_AUDIT || /* its keys come in its events */
        (r->has_owed && memcmp(&r->owed, &clear->key, sizeof r->owed) == 0))
        return;
    r->owed = clear->key;
    r->has_owed = true;
    uint32_t *met = log_meet(&r->log->write.met_keys, &clear->key);
    if (!log_write_first_use(r->log, r->site, &clear->key, (struct position){0, clear->seq}, met))
        return;
    struct store_key key;
    r->at_hand = false;
    key_start(&key);
    key_put_u16(&key, (uint16_t)r->site);
    key_put_u64(&key, clear->seq);
    key_put(&key, clear->key.b, sizeof clear->key.b);
    store_put(r->log->write.txn, T_OWN_KEYS, key_bytes(&key), bytes_of("", 0));
}

/* ---- one event ---- */

static enum felloe_code too_long(struct log_job *job, size_t len)
{
    return felloe_fail(
        &job->error, FELLOE_INVALID,
        "the entry is too long: with its %zu bytes of fields it would be over the 64 KiB that one entry may "
        "have. Shorten it, or divide it into several",
        len);
}

enum felloe_code log_seal(struct event_log *log, struct log_job *job, const struct event_clear *clear,
                          const struct event_body *body, const struct data_key *key)
{
    struct data_key *found;
    if (key == NULL) {
        enum felloe_code code = log_data_key(log, &clear->key, &found, &job->error);
        if (code != FELLOE_OK)
            return code;
        key = found;
    }
    uint8_t nonce[EVENT_NONCE_SIZE];
    random_nonce(nonce, sizeof nonce);
    buffer_clear(&log->write.event);
    if (event_seal(clear, body, key, nonce, &log->write.event))
        return FELLOE_OK;
    if (log->write.event.failed)
        return felloe_fail(&job->error, FELLOE_FAILED, "out of memory");
    if (body->fields.len + CLEAR_ROOM <= EVENT_SIZE_MAX)
        return felloe_fail(&job->error, FELLOE_INVALID, "the entry is malformed and was not recorded");
    return too_long(job, body->fields.len);
}

static void put_own(struct event_log *log, uint32_t site, const struct event_clear *clear, struct bytes event,
                    uint64_t time, const struct event_id *id)
{
    struct store_key key;
    key_own(&key, clear->incarnation, clear->seq);
    struct stream_head *head = log_write_own_change(log, site);
    uint8_t *row = store_reserve_last(log->write.txn, T_OWN + site, key_bytes(&key), OWN_PREFIX + event.len);
    if (row != NULL) {
        be_put_u64(row, time);
        memcpy(row + OWN_PREFIX, event.data, event.len);
    }
    stream_advance(head, clear, id);
}

void log_append_own(struct event_log *log, uint32_t site, const struct event_clear *clear, uint64_t time,
                    struct event_id *id)
{
    const struct bytes event = buffer_bytes(&log->write.event);
    event_id_of(event, id);
    put_own(log, site, clear, event, time, id);
}

/* The ids of entries that this one names and that were not sealed when it was made. */
static void put_links(const struct log_job *job, const struct log_draft *draft)
{
    for (size_t i = 0; i < draft->link_count; i++) {
        const struct log_link *link = &draft->links[i];
        uint8_t *fields = (uint8_t *)(uintptr_t)draft->body.fields.data;
        assert(link->draft < (size_t)(draft - job->drafts));
        memcpy(fields + link->at, job->drafts[link->draft].id.b, sizeof job->drafts->id.b);
    }
}

bool log_draft_fits(const struct log_draft *draft, uint32_t incarnation, uint64_t written_time)
{
    const struct log_sealed *sealed = draft->sealed;
    const struct event_body *body = &draft->body;
    return sealed != NULL && !sealed->used && draft->link_count == 0 && !body->has_head && !body->has_was &&
           body->time == 0 && draft->time > written_time && sealed->body.incarnation == incarnation;
}

static enum felloe_code seal_with(struct recording *r, struct log_draft *draft)
{
    struct event_log *log = r->log;
    struct data_key *key;
    draft->sealed->used = true;
    enum felloe_code code = log_data_key(log, &draft->key, &key, &r->job->error); /* is it still here? */
    if (code != FELLOE_OK)
        return code;
    buffer_clear(&log->write.event);
    const bool done = event_seal_with(&r->clear, &draft->sealed->body, &log->write.event);
    explicit_bzero(&draft->sealed->body.tag_key, sizeof draft->sealed->body.tag_key);
    if (done)
        return FELLOE_OK;
    return log->write.event.failed ? felloe_fail(&r->job->error, FELLOE_FAILED, "out of memory")
                                   : too_long(r->job, draft->body.fields.len);
}

/* One that was made while the batch before was committed. */
static enum felloe_code take_made(struct recording *r, struct log_draft *draft, struct bytes *event)
{
    const struct log_made *made = r->made;
    const size_t at = (size_t)(draft - r->job->drafts), begin = at > 0 ? made->at[at - 1].end : 0;
    struct data_key *key;
    *event = bytes_of(made->events.data + begin, made->at[at].end - begin);
    draft->id = made->at[at].id;
    r->log->ahead_taken++;
    return log_data_key(r->log, &draft->key, &key, &r->job->error); /* is it still here? */
}

static enum felloe_code seal_anew(struct recording *r, const struct log_draft *draft, const struct log_head *head,
                                  uint64_t *time)
{
    struct event_log *log = r->log;
    struct event_body body = draft->body;
    body.after = *log_write_after(log, r->site);
    if (head != NULL) {
        body.has_head = true;
        body.head = *head;
    }
    /* One of a batch that took a later time would be later than the rest of it. */
    if (body.time == 0)
        body.time = draft->time > log->written_time ? draft->time : event_log_next_time(log);
    *time = body.time;
    return log_seal(log, r->job, &r->clear, &body, draft->sealing);
}

static enum felloe_code seal_draft(struct recording *r, struct log_draft *draft, uint64_t *time, struct bytes *event)
{
    struct event_log *log = r->log;
    struct log_head head;
    bool has_head = false;
    put_links(r->job, draft);
    if (!r->looked && !draft->body.has_was && draft->body.fields.len < HEAD_FIELDS_MAX) {
        has_head = log_tell_head(log, r->site, &head);
        r->looked = true;
    }
    const bool alone = !has_head && log_write_after(log, r->site)->count == 0;
    *time = draft->time;
    if (alone && r->made != NULL && (size_t)(draft - r->job->drafts) < r->made->count &&
        draft->time > log->written_time)
        return take_made(r, draft, event);
    r->made = NULL;
    enum felloe_code code = alone && log_draft_fits(draft, log->write.incarnation, log->written_time)
                                ? seal_with(r, draft)
                                : seal_anew(r, draft, has_head ? &head : NULL, time);
    *event = buffer_bytes(&log->write.event);
    if (code == FELLOE_OK)
        event_id_of(*event, &draft->id);
    return code;
}

static enum felloe_code record_one(struct recording *r, struct log_draft *draft)
{
    struct event_log *log = r->log;
    struct event_clear *clear = &r->clear;
    struct bytes event;
    uint64_t time;
    draft->known = false;
    draft->person = draft->body.has_subject ? draft->body.subject : PERSON_ID_NONE;
    if (known_origin(log, draft)) {
        r->made = NULL;
        r->at_hand = false;
        return FELLOE_OK;
    }

    const struct stream_head *last = log_write_own(log, r->site);
    if (!seen_raise(&clear->seen, &last->seen) || !seen_raise(&clear->seen, &draft->seen))
        return felloe_fail(&r->job->error, FELLOE_FAILED, "the site's log has too many epochs for this version");
    clear->seq = last->seq + 1;
    clear->prev = last->id;
    clear->key = draft->key;
    enum felloe_code code = seal_draft(r, draft, &time, &event);
    if (code != FELLOE_OK)
        return code;
    if (!draft->body.has_was && event.len + AGAIN_ROOM > EVENT_SIZE_MAX)
        return too_long(r->job, draft->body.fields.len);
    put_own(log, r->site, clear, event, time, &draft->id);
    if (time > log->written_time)
        log->written_time = time;
    draft->seq = clear->seq;
    if (draft->body.has_origin)
        log_keep_origin(log, &draft->body, &draft->id);
    if (r->hub)
        place_at_hub(r, clear, draft);
    else
        owe_key(r, clear);
    if (r->at_hand)
        buffer_append(&r->events, event.data, event.len);
    return FELLOE_OK;
}

/* So that they can be sent without being read. */
static void hand_over(struct recording *r)
{
    if (r->at_hand && !r->events.failed)
        r->job->events =
            (struct lent){.bytes = buffer_bytes(&r->events), .release = free, .owner = r->events.data};
    else
        buffer_release(&r->events);
}

/* Is the stream where the events begin that were made ahead? Its last has seen no more than the clear part by now. */
static bool made_follows(const struct recording *r, const struct log_made *made)
{
    const struct stream_head *last = log_write_own(r->log, r->site);
    return made != NULL && made->incarnation == r->clear.incarnation && made->after == last->seq &&
           event_id_equal(&made->prev, &last->id) && seen_includes(&made->seen, &r->clear.seen) &&
           seen_includes(&r->clear.seen, &made->seen);
}

enum felloe_code log_run_record(struct event_log *log, struct log_job *job)
{
    struct recording r = {.log = log, .job = job, .hub = log->identity->role == ROLE_HUB};
    r.site = log_write_site(log, job->site, &job->error);
    if (r.site == SITES_MAX)
        return job->error.code;
    r.clear = (struct event_clear){.device = log->identity->device, .incarnation = log->write.incarnation,
                                   .site = bytes_str(job->site), .seen = job->seen};
    if (seen_raise(&r.clear.seen, &log_write_own(log, r.site)->seen) && made_follows(&r, job->made))
        r.made = job->made;
    job->at = (struct position){0};
    lent_return(&job->events); /* of a transaction that came to nothing */
    r.at_hand = job->wants_events && !r.hub && job->draft_count <= AT_HAND_DRAFTS && job->link.next == NULL;
    if (r.hub && !log_write_epoch_fits(log, r.site, log->write.epoch, &job->error))
        return job->error.code;
    for (size_t i = 0; i < job->draft_count; i++) {
        enum felloe_code code = record_one(&r, &job->drafts[i]);
        if (code != FELLOE_OK) {
            buffer_release(&r.events);
            return code;
        }
    }
    hand_over(&r);
    put_marker(&r, true);
    job->own = *log_write_own(log, r.site);
    if (r.hub)
        job->head = log_write_head(log, r.site, log->write.epoch)->head;
    job->oldest_waiting_ms =
        log_oldest_waiting(log, log->write.txn, r.site, log->write.incarnation,
                           log_shared_seq(log->write.txn, r.site, log->write.incarnation), job->own.seq);
    return FELLOE_OK;
}
