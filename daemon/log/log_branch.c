/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop whose stream has two histories, because it was set back or copied, goes on as the incarnation that the hub
 * named: LOG_GOING_ON keeps that name, and LOG_GO_ON, once all that the hub has is here, writes again what the hub does
 * not have. One transaction for all sites: before it nothing has changed, after it all has. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/log/log_internal.h"
#include "daemon/report.h"

enum felloe_code log_run_going_on(struct event_log *log, struct log_job *job)
{
    struct log_write *w = &log->write;
    if (log->identity->role != ROLE_SPOKE || job->incarnation <= w->incarnation)
        return felloe_fail(&job->error, FELLOE_INVALID, "this device cannot go on as incarnation %u: it is at %u",
                           job->incarnation, w->incarnation);
    w->going_on = job->incarnation;
    w->touched = true;
    log_put_meta_u32(w->txn, "going-on", job->incarnation);
    return FELLOE_OK;
}

struct again {
    struct event_log *log;
    struct log_job *job;
    uint32_t site, before;     /* the incarnation that was */
    struct branches after;     /* of the one to go on as */
    struct buffer kept, plain; /* the event at hand, and its body */
    struct event_id *names;    /* of the events that copies of this laptop have written again here; ascending */
    size_t name_count, name_room;
};

/* How far the site's log has the own stream: from there back all of it is there, as each names the one before it. */
static uint64_t last_in_log(struct again *a, const struct stream_head *own)
{
    const struct event_log *log = a->log;
    uint64_t seq = log_write_stream(a->log, a->site, &log->identity->device, a->before)->seq;
    if (seq > own->seq)
        seq = own->seq;
    for (; seq > 0; seq--) {
        struct position at;
        if (log_own_place(log->write.txn, a->site, a->before, seq, &at))
            break;
    }
    return seq;
}

/* The oldest goes where there are too many: it counts as not seen then, which at worst asks people. */
static void branches_add(struct branches *after, struct branch branch)
{
    if (after->count == BRANCHES_MAX) {
        memmove(&after->at[0], &after->at[1], (BRANCHES_MAX - 1) * sizeof after->at[0]);
        after->count--;
    }
    after->at[after->count++] = branch;
}

static void keep_after(struct again *a)
{
    struct store_key key;
    uint8_t row[AFTER_ROW_MAX];
    size_t len = after_row_write(&a->after, row);
    key_site_incarnation(&key, a->site, a->log->write.incarnation);
    if (len > 0)
        store_put(a->log->write.txn, T_AFTER, key_bytes(&key), bytes_of(row, len));
}

/* Keys go along with numbers of the stream that is; the old stream's are pushed no more. */
static void forget_owed(struct again *a)
{
    struct store_key prefix;
    key_start(&prefix);
    key_put_u16(&prefix, (uint16_t)a->site);
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(a->log->write.txn, T_OWN_KEYS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    while (more && store_cursor_delete(cursor))
        more = store_next_prefix(cursor, key_bytes(&prefix), &item);
    store_cursor_close(cursor);
}

static void owed_key(struct store_key *key, uint32_t site, uint64_t seq, const struct key_id *id)
{
    key_start(key);
    key_put_u16(key, (uint16_t)site);
    key_put_u64(key, seq);
    key_put(key, id->b, sizeof id->b);
}

/* A key that did not come from the hub goes along with the first event that is written again under it. */
static void owe_again(struct again *a, const struct key_id *id, uint64_t seq)
{
    struct store_txn *txn = a->log->write.txn;
    struct store_key use, owed;
    struct bytes row;
    key_use(&use, a->site, id);
    if (store_get(txn, T_KEY_USES, key_bytes(&use), &row) && row.len == 12) {
        uint64_t first = be_u64(row.data + 4);
        owed_key(&owed, a->site, first, id);
        if (be_u32(row.data) != 0 || first == 0 || store_get(txn, T_OWN_KEYS, key_bytes(&owed), NULL))
            return;
        log_write_unuse(a->log, a->site, id);
    }
    if (!log_write_first_use(a->log, a->site, id, (struct position){0, seq}, log_meet(&a->log->write.met_keys, id)))
        return;
    owed_key(&owed, a->site, seq, id);
    store_put(txn, T_OWN_KEYS, key_bytes(&owed), bytes_of("", 0));
}

/* ---- what was written again already ---- */

static int compare_names(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct event_id));
}

static bool add_name(struct again *a, const struct event_id *name)
{
    if (a->name_count == a->name_room) {
        size_t room = a->name_room > 0 ? 2 * a->name_room : 64;
        struct event_id *names = realloc(a->names, room * sizeof *names);
        if (names == NULL)
            return false;
        a->names = names;
        a->name_room = room;
    }
    a->names[a->name_count++] = *name;
    return true;
}

/* False: memory ran out. */
static bool look_at_entry(struct again *a, struct bytes value)
{
    struct event_log *log = a->log;
    struct log_row row;
    struct event event;
    struct event_body body;
    struct data_key *key;
    if (!log_row_read(value, &row) ||
        ((row.flags & ENTRY_OWN) && !log_own_event(log->write.txn, a->site, row.incarnation, row.seq, &row.event)) ||
        !event_decode(row.event, &event) || !device_id_equal(&event.clear.device, &log->identity->device) ||
        event.clear.incarnation == a->before)
        return true;
    enum felloe_code code = log_data_key(log, &event.clear.key, &key, NULL);
    if (code != FELLOE_OK || !event_open(&event, key, &a->plain, &body))
        return code != FELLOE_STORAGE && code != FELLOE_FAILED && !a->plain.failed;
    return !body.has_was || add_name(a, &body.was);
}

/* A copy of this laptop, or this one before it was set back to an older copy once more, may have gone on before, and
 * have written the same entries again. */
static bool load_names(struct again *a)
{
    struct store_item item;
    bool fine = true;
    struct store_cursor *cursor = store_cursor_open(a->log->write.txn, T_LOG + a->site);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more && fine; more = store_next(cursor, &item))
        fine = look_at_entry(a, item.value);
    store_cursor_close(cursor);
    if (a->name_count > 1)
        qsort(a->names, a->name_count, sizeof *a->names, compare_names);
    return fine;
}

static bool is_written_again(const struct again *a, const struct event_id *name)
{
    return a->name_count > 0 && bsearch(name, a->names, a->name_count, sizeof *name, compare_names) != NULL;
}

/* ---- writing again ---- */

/* With the same content, and what it had seen; but of that only what is here. All that the hub has is, so it would not
 * take the rest: it was lost, or a head that a bit had turned over in once said so. */
static enum felloe_code write_again(struct again *a, const struct event *event, struct event_body *body)
{
    struct event_log *log = a->log;
    const struct stream_head *last = log_write_own(log, a->site);
    struct event_clear clear = event->clear;
    clear.incarnation = log->write.incarnation;
    clear.seq = last->seq + 1;
    clear.prev = last->id;
    clear.site = bytes_str(log->sites[a->site]);
    log_seen_here(log->write.txn, a->site, &clear.seen);
    body->after = a->after;
    if (!body->has_was)
        event_id_of(event->raw, &body->was);
    body->has_was = true;
    if (is_written_again(a, &body->was))
        return FELLOE_OK;
    enum felloe_code code = log_seal(log, a->job, &clear, body, NULL);
    if (code != FELLOE_OK)
        return code;
    struct event_id id;
    log_append_own(log, a->site, &clear, body->time, &id);
    if (body->has_origin)
        log_keep_origin(log, body, &id);
    owe_again(a, &clear.key, clear.seq);
    a->job->remade++;
    return FELLOE_OK;
}

static void note_lacking(struct again *a, const struct key_id *id)
{
    struct log_job *job = a->job;
    bool known = job->missing_count == RECEIPT_KEYS_MAX || keyring_erased(a->log->keyring, id, NULL);
    for (uint32_t i = 0; i < job->missing_count && !known; i++)
        known = memcmp(&job->missing[i], id, sizeof *id) == 0;
    if (!known)
        job->missing[job->missing_count++] = *id;
}

/* FELLOE_NOT_FOUND: it cannot be read here (its key was erased, or never came), so it stays as it is. */
static enum felloe_code again_one(struct again *a, uint64_t seq)
{
    struct event_log *log = a->log;
    struct bytes raw;
    struct event event;
    struct event_body body;
    struct data_key *key;
    if (!log_own_event(log->write.txn, a->site, a->before, seq, &raw))
        return FELLOE_OK; /* lost to damage: the repair has told */
    buffer_clear(&a->kept);
    buffer_append(&a->kept, raw.data, raw.len); /* what lies in the map may move with the next change */
    if (a->kept.failed)
        return felloe_fail(&a->job->error, FELLOE_FAILED, "out of memory");
    if (!event_decode(buffer_bytes(&a->kept), &event))
        return FELLOE_NOT_FOUND;
    enum felloe_code code = log_data_key(log, &event.clear.key, &key, &a->job->error);
    if (code == FELLOE_STORAGE || code == FELLOE_FAILED)
        return code;
    if (code == FELLOE_NOT_FOUND)
        note_lacking(a, &event.clear.key);
    if (code != FELLOE_OK || !event_open(&event, key, &a->plain, &body))
        return a->plain.failed ? felloe_fail(&a->job->error, FELLOE_FAILED, "out of memory") : FELLOE_NOT_FOUND;
    code = write_again(a, &event, &body);
    return code == FELLOE_INVALID ? FELLOE_NOT_FOUND : code; /* not one byte of room was left for what is new */
}

static enum felloe_code again_site(struct again *a, const struct stream_head *own, const struct branches *after)
{
    uint64_t held = last_in_log(a, own);
    for (unsigned i = 0; i < own->seen.count; i++) /* what is written again has seen no more than these say */
        log_write_head(a->log, a->site, own->seen.at[i].epoch);
    a->after = *after;
    if (held > 0)
        branches_add(&a->after, (struct branch){a->before, held});
    keep_after(a);
    forget_owed(a);
    a->name_count = 0;
    enum felloe_code code = FELLOE_OK;
    if (held < own->seq && !load_names(a))
        code = felloe_fail(&a->job->error, FELLOE_FAILED, "out of memory");
    uint64_t unreadable = 0;
    for (uint64_t seq = held + 1; seq <= own->seq && code == FELLOE_OK; seq++) {
        code = again_one(a, seq);
        if (code == FELLOE_NOT_FOUND) {
            unreadable++;
            code = FELLOE_OK;
        }
    }
    if (code == FELLOE_OK && unreadable > 0 && !(a->job->patient && a->job->missing_count > 0))
        report(LEVEL_WARNING,
               "%s: %llu own entries that the hub does not have cannot be written again, since their keys are not here "
               "(any more). They stay on this laptop as they are",
               a->log->sites[a->site], (unsigned long long)unreadable);
    a->job->left += unreadable;
    /* Nothing that comes may have seen less than what was. */
    struct stream_head *head = log_write_own_change(a->log, a->site);
    head->seen = own->seen;
    log_seen_here(a->log->write.txn, a->site, &head->seen);
    return code;
}

struct left_stream {
    struct stream_head own;
    struct branches after;
};

enum felloe_code log_run_go_on(struct event_log *log, struct log_job *job)
{
    struct log_write *w = &log->write;
    struct left_stream left[SITES_MAX];
    struct again a = {.log = log, .job = job, .before = w->incarnation};
    job->remade = job->left = job->missing_count = 0;
    if (log->identity->role != ROLE_SPOKE || w->going_on <= w->incarnation)
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "no incarnation was named for this device to go on as: it stays at %u", w->incarnation);
    for (uint32_t site = 0; site < w->site_count; site++)
        left[site] = (struct left_stream){*log_write_own(log, site), *log_write_after(log, site)};
    const struct stream_head looks = *log_write_own(log, LOG_AUDIT);
    const uint64_t looks_shared = log_shared_seq(w->txn, LOG_AUDIT, a.before);
    log_write_become(log, w->going_on);
    enum felloe_code code = log_audit_again(log, job, a.before, looks_shared, &looks);
    for (a.site = 0; a.site < w->site_count && code == FELLOE_OK; a.site++)
        code = again_site(&a, &left[a.site].own, &left[a.site].after);
    if (a.plain.data != NULL)
        sodium_memzero(a.plain.data, a.plain.cap);
    buffer_release(&a.plain);
    buffer_release(&a.kept);
    free(a.names);
    if (code == FELLOE_OK && job->patient && job->missing_count > 0)
        code = felloe_fail(&job->error, FELLOE_NOT_FOUND,
                           "own entries that the hub does not have wait for their keys before they are written again");
    return code;
}
