/* SPDX-License-Identifier: Apache-2.0 */
/* log: a site's events in the order of its log, own ones that have no place in it yet at the end; with `follow` it goes
 * on as they come. Read in chunks, each in a short reading of the log. */
#include <stdlib.h>

#include "daemon/control/control_audit.h"
#include "daemon/control/control_query.h"
#include "daemon/views/opened.h"

/* How long a follower waits before it looks again although nothing was announced. */
#define FOLLOW_MS 30000u

struct site_place {
    struct seen walked;     /* told up to here, per epoch */
    uint64_t own_seq;       /* own events told without a position, or passed over … */
    uint32_t incarnation;   /* … of this incarnation */
    uint64_t former_seq;    /* and of the one before, if it changed since the client follows */
    uint32_t former;
};

struct logging {
    struct felloe_error error;
    struct scope scope;
    struct site_place places[SITES_MAX];
    bool has_scope, follow, opened, names, all_told;
    bool unread;                        /* a key could not be read */
    struct views_txn *views;            /* during a chunk, where persons are to be named */
    struct person_id named;             /* whom `name` is of: entries about one person often come together */
    struct buffer name;
    struct position from;
    uint64_t limit, told, commits;
    struct opener opener;
    struct opened entry;
    struct control_data data;
    struct control_shown shown;         /* whom the events told so far are about */
    uint64_t shown_ms;
};

static void release(void *state)
{
    struct logging *l = state;
    opener_release(&l->opener);
    opened_release(&l->entry);
    buffer_release(&l->name);
    control_shown_release(&l->shown);
    free(l);
}

/* Where the fields stand among what follows an event's time: type, person, worker, occurred, fields. */
#define FIELDS_ITEM 4

static bool full(const struct control_request *request)
{
    const struct logging *l = request->state;
    return request->out.len >= CONTROL_CHUNK || (l->limit > 0 && l->told >= l->limit);
}

/* ---- one event ---- */

static void put_body(struct buffer *out, const struct event_body *body)
{
    event_put_body_head(out, body);
    buffer_append(out, body->fields.data, body->fields.len);
}

/* The person's name as the views show it; a moment's delay behind the log is no harm here. */
static void put_name(struct logging *l, struct buffer *out, struct bytes site, const struct person_id *person)
{
    if (l->views && !person_id_equal(&l->named, person)) {
        views_get_name(l->views, site, person, &l->name);
        l->named = *person;
    }
    if (l->views && l->name.len > 0)
        mp_put_str(out, buffer_bytes(&l->name));
    else
        mp_put_nil(out);
}

/* A hub has restricted keys to hand them out, not to read. */
static bool may_read(struct logging *l, const struct daemon *daemon, const struct key_id *id, struct key_record *key)
{
    const enum felloe_code code = keyring_get(daemon->keyring, id, key);
    l->unread |= !keyring_was_read(code);
    return code == FELLOE_OK && (daemon->config.role == ROLE_SPOKE || !key_kind_restricted(key->kind));
}

static void put_place(struct buffer *out, struct position at)
{
    if (at.epoch == 0) {
        mp_put_nil(out);
        return;
    }
    mp_put_array(out, 2);
    mp_put_uint(out, at.epoch);
    mp_put_uint(out, at.n);
}

/* What the hub copied from another team's record is told as the original, at the place of the copy. */
static void tell(struct control_request *request, struct bytes site, const struct log_item *item,
                 const struct event *event)
{
    struct logging *l = request->state;
    struct buffer *out = &request->out;
    struct event_id id;
    struct key_record key;
    enum opening outcome = OPENED_NO_KEY;
    event_id_of(item->event, &id);
    l->opener.site = site;
    if (l->opened && may_read(l, request->daemon, &event->clear.key, &key))
        outcome = opener_open(&l->opener, item, event, &key.key, &l->entry);
    explicit_bzero(&key, sizeof key);
    if (outcome == OPENED_PART)
        return;
    const struct event_clear *clear = outcome == OPENED ? &l->entry.event.clear : &event->clear;
    control_data_item(&l->data, out);
    mp_put_array(out, l->names ? 13 : 12);
    mp_put_bin(out, outcome == OPENED ? l->entry.id.b : id.b, sizeof id.b);
    mp_put_str(out, site);
    put_place(out, item->at);
    mp_put_bin(out, clear->device.b, sizeof clear->device.b);
    mp_put_uint(out, clear->incarnation);
    mp_put_uint(out, clear->seq);
    if (outcome == OPENED) {
        const struct event_body *body = &l->entry.body;
        if (body->has_subject)
            control_shown_add(&l->shown, &body->subject);
        put_body(out, body);
        if (l->names)
            put_name(l, out, site, body->has_subject ? &body->subject : &PERSON_ID_NONE);
    } else {
        bool erased = keyring_erased(request->daemon->keyring, &event->clear.key, &l->unread);
        mp_put_uint(out, 0);
        for (int i = 0; i < (l->names ? 6 : 5); i++)
            if (i == FIELDS_ITEM && erased)
                mp_put_bool(out, false);
            else
                mp_put_nil(out);
    }
    l->told++;
}

/* ---- one site ---- */

/* An own event that a follower was told before it had a position is not told again. What another copy of this device
 * wrote under the same number is not its own. */
static bool is_told(const struct site_place *place, const struct log_item *item, const struct event *event)
{
    if (!(item->flags & ENTRY_OWN))
        return false;
    uint32_t incarnation = event->clear.incarnation;
    return (incarnation == place->incarnation && event->clear.seq <= place->own_seq) ||
           (incarnation == place->former && event->clear.seq <= place->former_seq);
}

/* Own events are numbered anew in another incarnation. */
static void note_incarnation(struct site_place *place, uint32_t incarnation)
{
    if (place->incarnation == incarnation)
        return;
    place->former = place->incarnation;
    place->former_seq = place->own_seq;
    place->incarnation = incarnation;
    place->own_seq = 0;
}

static void tell_log(struct control_request *request, struct log_reader *reader, struct bytes site,
                     struct site_place *place)
{
    struct logging *l = request->state;
    struct log_head heads[SEEN_MAX];
    size_t count = log_heads(reader, site, heads);
    for (size_t i = 0; i < count && !full(request); i++) {
        struct position from = {heads[i].at.epoch, seen_in(&place->walked, heads[i].at.epoch) + 1};
        if (position_compare(from, l->from) < 0)
            from.n = from.epoch < l->from.epoch ? heads[i].at.n + 1 : l->from.n;
        if (from.n > heads[i].at.n)
            continue;
        struct log_walk walk;
        struct log_item item;
        struct event event;
        log_walk_begin(&walk, reader, site, from);
        while (!full(request) && log_walk_next(&walk, &item) && item.at.epoch == from.epoch) {
            seen_advance(&place->walked, item.at);
            if (event_decode(item.event, &event) && !is_told(place, &item, &event))
                tell(request, site, &item, &event);
        }
        log_walk_end(&walk);
    }
}

static void tell_own(struct control_request *request, struct log_reader *reader, struct bytes site,
                     struct site_place *place)
{
    struct stream_head own = {0};
    uint64_t shared;
    int64_t oldest;
    log_own(reader, site, &own, &shared, &oldest);
    while (place->own_seq < own.seq && !full(request)) {
        struct log_item item;
        struct event event;
        if (log_get_own(reader, site, place->own_seq + 1, &item) && !seen_covers(&place->walked, item.at) &&
            (item.at.epoch == 0 || position_compare(item.at, ((struct logging *)request->state)->from) >= 0) &&
            event_decode(item.event, &event))
            tell(request, site, &item, &event);
        place->own_seq++;
    }
}

/* ---- chunks ---- */

static void read_chunk(struct control_request *request)
{
    struct logging *l = request->state;
    struct views_txn views = {0};
    struct felloe_error unnamed;
    struct log_reader *reader = log_reader_begin(request->daemon->log, &l->error);
    if (!reader)
        return;
    bool has_views = l->names && views_read(projector_views(request->daemon->projector), &views, &unnamed) == FELLOE_OK;
    l->views = has_views ? &views : NULL;
    l->opener.reader = reader;
    l->opener.identity = &request->daemon->identity;
    l->named = PERSON_ID_NONE;
    buffer_clear(&l->name);
    if (l->has_scope || scope_of(request->daemon, reader, control_arg_text(request, "site"), false, &l->scope,
                                 &l->error) == FELLOE_OK) {
        l->has_scope = true;
        for (size_t i = 0; i < l->scope.count && !full(request); i++) {
            struct bytes site = bytes_str(l->scope.sites[i]);
            note_incarnation(&l->places[i], event_log_incarnation(request->daemon->log));
            tell_log(request, reader, site, &l->places[i]);
            if (!full(request))
                tell_own(request, reader, site, &l->places[i]);
        }
        l->all_told = !full(request);
    }
    control_data_end(&l->data);
    if (l->unread)
        keyring_unread(&l->error);
    log_reader_tell(reader, &l->error); /* what could not be read is not the end of it */
    log_reader_end(reader);
    l->views = NULL;
    if (has_views)
        views_end(&views);
}

static void next_chunk(struct control_request *request);

static void chunk_sent(struct control_request *request)
{
    struct logging *l = request->state;
    bool enough = l->limit > 0 && l->told >= l->limit;
    if (control_gone(request) || enough || (l->all_told && !l->follow)) {
        size_t begin = control_frame_begin(&request->out);
        control_put_end(&request->out, 1);
        mp_put_text(&request->out, "events");
        mp_put_uint(&request->out, l->told);
        control_frame_end(&request->out, begin);
        control_finish(request);
    } else if (l->all_told) {
        control_wait_commits(request, l->commits + 1, FOLLOW_MS, next_chunk);
    } else {
        next_chunk(request);
    }
}

static void send_chunk(struct control_request *request)
{
    control_send(request, chunk_sent);
}

static void chunk_read(struct control_request *request)
{
    struct logging *l = request->state;
    bool exports = bytes_is(control_arg_text(request, "for"), "export");
    if (l->error.code != FELLOE_OK)
        control_fail(request, &l->error);
    else
        control_audit(request, &l->shown, exports ? "export" : "log", "", send_chunk);
}

/* Who follows for hours looks again and again. */
static void forget_shown(struct logging *l)
{
    if (l->shown_ms != 0 && clock_steady_ms() - l->shown_ms < CONTROL_RECENT_MS)
        return;
    l->shown.count = l->shown.noted = 0;
    l->shown_ms = clock_steady_ms();
}

static void next_chunk(struct control_request *request)
{
    struct logging *l = request->state;
    if (lease_passed(request->daemon)) { /* it was not when this was asked for: whoever follows may follow for days */
        lease_refuse(request->daemon, &l->error);
        control_fail(request, &l->error);
        return;
    }
    l->commits = event_log_commits(request->daemon->log);
    l->all_told = false;
    if (l->follow || l->shown_ms == 0)
        forget_shown(l);
    control_work(request, read_chunk, chunk_read, NULL);
}

void control_verb_LOG(struct control_request *request)
{
    struct bytes from = control_arg_text(request, "from");
    int64_t limit = control_arg_integer(request, "limit", 0);
    struct felloe_error error = {FELLOE_FAILED, "Memory ran out."};
    struct logging *l = calloc(1, sizeof *l);
    if (!l) {
        control_fail(request, &error);
        return;
    }
    request->state = l;
    request->release = release;
    l->follow = control_arg_bool(request, "follow", false);
    l->opened = control_arg_bool(request, "opened", true);
    l->names = control_arg_bool(request, "names", false);
    l->limit = limit > 0 ? (uint64_t)limit : 0;
    if (from.len > 0 && !position_parse(from, &l->from)) {
        felloe_fail(&error, FELLOE_INVALID, "%.*s is not a position: write 15, or 2.15 in the second epoch.",
                    (int)(from.len < 60 ? from.len : 60), (const char *)from.data);
        control_fail(request, &error);
        return;
    }
    next_chunk(request);
}
