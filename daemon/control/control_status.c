/* SPDX-License-Identifier: Apache-2.0 */
/* status: who this is, what is saved, shared and received, and whether the hub is there. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/control_query.h"
#include "daemon/log/log_aside.h"
#include "proto/event/look.h"
#include "proto/event/words.h"
#include "daemon/control/control_witness.h"
#include "daemon/views/erased.h"

/* So many are folded in a moment, which is waited for. */
#define FEW_EVENTS  1000u
#define FEW_WAIT_MS 200u

struct status {
    struct progress_table table;
    struct felloe_error error;
    uint64_t folded, total;
    bool full, failed, locked;
    struct aside_totals aside;
    uint64_t looks, looks_shared;
    int64_t looks_oldest_ms;
    char stories[SITES_MAX][WITNESS_TEXT_MAX]; /* of each site of the table */
    char happened[HAPPENED_TEXT_MAX]; /* the least of notices: it is over */
    uint64_t erased;     /* people */
    struct duplicates_known duplicates;
};

static void put_position(struct buffer *out, struct position at)
{
    char text[40] = "";
    if (at.epoch != 0)
        position_format(at, text);
    mp_put_text(out, text);
}

/* Two stories come first: what else is told of the site may be of the wrong one. */
static void put_site_notice(struct buffer *out, const char *story, const char *notice)
{
    char text[WITNESS_TEXT_MAX + HAPPENED_TEXT_MAX + 1];
    snprintf(text, sizeof text, "%s%s%s", story, story[0] && notice[0] ? " " : "", notice);
    mp_put_pair(out, "notice", text);
}

static void put_site(struct buffer *out, const struct site_progress *site, const char *story, bool locked)
{
    mp_put_map(out, 12);
    mp_put_pair(out, "site", site->site);
    mp_put_text(out, "saved");
    mp_put_uint(out, site->own.seq);
    mp_put_text(out, "shared");
    mp_put_uint(out, site->shared_seq);
    mp_put_text(out, "waiting");
    mp_put_uint(out, site->own.seq > site->shared_seq ? site->own.seq - site->shared_seq : 0);
    mp_put_pair_time(out, "oldest_waiting", site->own.seq > site->shared_seq ? site->oldest_waiting_ms : 0);
    mp_put_text(out, "received");
    put_position(out, site->received);
    mp_put_text(out, "head");
    put_position(out, site->head);
    mp_put_text(out, "folded");
    mp_put_uint(out, site->folded_sum);
    mp_put_text(out, "to_settle");
    if (locked)
        mp_put_nil(out);
    else
        mp_put_uint(out, site->to_settle);
    mp_put_pair_time(out, "shared_through", site->shared_through_ms);
    mp_put_pair_time(out, "received_through", site->received_through_ms);
    put_site_notice(out, story, site->link.notice);
}

/* That people looked at the record is shared too, and is no part of it. */
static void put_looks(struct buffer *out, const struct status *status)
{
    mp_put_text(out, "looks");
    mp_put_map(out, 4);
    mp_put_text(out, "saved");
    mp_put_uint(out, status->looks);
    mp_put_text(out, "shared");
    mp_put_uint(out, status->looks_shared);
    mp_put_text(out, "waiting");
    mp_put_uint(out, status->looks > status->looks_shared ? status->looks - status->looks_shared : 0);
    mp_put_pair_time(out, "oldest_waiting", status->looks > status->looks_shared ? status->looks_oldest_ms : 0);
}

static void read_looks(struct status *status, struct daemon *daemon)
{
    struct stream_head own = {0};
    struct log_reader *reader = log_reader_begin(daemon->log, NULL);
    if (reader && log_own(reader, bytes_str(AUDIT_SITE), &own, &status->looks_shared, &status->looks_oldest_ms))
        status->looks = own.seq;
    if (daemon->config.role == ROLE_HUB)
        status->looks_shared = status->looks;
    if (reader)
        log_reader_end(reader);
}

/* Above all notices: what keeps things from being saved. */
static const char *own_notice(const struct status *status)
{
    if (status->failed)
        return "The log failed and takes nothing more in; what was said to be saved is safe. Restart felloed.";
    if (status->full)
        return "The disk is full: nothing more can be saved until there is room. What was saved is safe.";
    return status->error.code != FELLOE_OK ? status->error.message : status->happened;
}

static void put_hub(struct buffer *out, const struct control_request *request, const struct link_status *link)
{
    const struct identity *identity = &request->daemon->identity;
    bool hub = request->daemon->config.role == ROLE_HUB;
    mp_put_map(out, 8);
    mp_put_pair(out, "name", hub ? identity->label : identity->hub_name);
    mp_put_pair(out, "address", hub ? request->daemon->config.listen : request->daemon->config.hub);
    mp_put_text(out, "reachable");
    mp_put_bool(out, link->reachable);
    mp_put_text(out, "refused");
    mp_put_bool(out, link->refused);
    mp_put_pair_time(out, "last_contact", link->last_contact_ms);
    mp_put_text(out, "clock_skew_ms");
    mp_put_int(out, link->clock_skew_ms);
    mp_put_text(out, "connected");
    mp_put_uint(out, link->connected);
    mp_put_pair(out, "notice", link->notice);
}

/* How long a laptop shows the record without the hub; the words of its keys, to compare with the hub's; and from when
 * on the hub has others. */
static void put_trust(struct buffer *out, const struct daemon *daemon)
{
    const struct identity *me = &daemon->identity;
    char words[WORDS_TEXT_MAX] = "";
    if (daemon->config.role == ROLE_SPOKE)
        words_of_device(&me->hub_sign, &me->sign_public, &me->box_public, me->curve_public, words);
    mp_put_pair(out, "words", words);
    mp_put_pair_time(out, "lease_until", lease_until_ms(daemon));
    mp_put_text(out, "lease_passed");
    mp_put_bool(out, lease_passed(daemon));
    mp_put_pair_time(out, "hub_keys_change", daemon->terms.renews ? daemon->terms.next_from_ms : 0);
}

/* What revoked laptops handed over, and nobody has looked at to its end. */
static void put_quarantine(struct buffer *out, const struct aside_totals *aside)
{
    mp_put_text(out, "quarantine");
    mp_put_map(out, 3);
    mp_put_text(out, "devices");
    mp_put_uint(out, aside->devices);
    mp_put_text(out, "events");
    mp_put_uint(out, aside->events);
    mp_put_text(out, "bytes");
    mp_put_uint(out, aside->bytes);
}

static void answer(struct control_request *request)
{
    struct status *status = request->state;
    const struct identity *identity = &request->daemon->identity;
    struct buffer *out = &request->out;
    size_t begin = control_frame_begin(out);
    request->daemon->duplicates = status->duplicates;
    control_put_end(out, 22);
    mp_put_pair(out, "role", request->daemon->config.role == ROLE_HUB ? "hub" : "spoke");
    mp_put_pair(out, "name", identity->label);
    mp_put_text(out, "device");
    mp_put_bin(out, identity->device.b, sizeof identity->device.b);
    mp_put_text(out, "incarnation");
    mp_put_uint(out, event_log_incarnation(request->daemon->log));
    mp_put_pair(out, "worker", status->locked ? "" : request->daemon->worker);
    mp_put_pair(out, "of", identity->worker);
    mp_put_text(out, "locked");
    mp_put_bool(out, status->locked);
    mp_put_text(out, "joined");
    mp_put_bool(out, request->daemon->config.role == ROLE_HUB || identity->joined);
    mp_put_text(out, "now");
    mp_put_int(out, status->table.now_ms);
    mp_put_text(out, "hub");
    put_hub(out, request, &status->table.link);
    mp_put_text(out, "folded");
    mp_put_uint(out, status->folded);
    mp_put_text(out, "total");
    mp_put_uint(out, status->total);
    mp_put_text(out, "disk_full");
    mp_put_bool(out, status->full);
    mp_put_pair(out, "notice", own_notice(status));
    put_trust(out, request->daemon);
    put_looks(out, status);
    mp_put_text(out, "erased");
    mp_put_uint(out, status->erased);
    put_quarantine(out, &status->aside);
    mp_put_text(out, "sites");
    mp_put_array(out, (uint32_t)status->table.count);
    for (size_t i = 0; i < status->table.count; i++)
        put_site(out, &status->table.sites[i], status->stories[i], status->locked);
    control_frame_end(out, begin);
    control_finish(request);
}

static void read_progress(struct control_request *request)
{
    struct status *status = request->state;
    struct reading reading;
    struct felloe_error error;
    enum felloe_code code = status->locked ? reading_begin_log(&reading, request->daemon, &error)
                                           : reading_begin(&reading, request->daemon, (struct bytes){0}, &error);
    if (code != FELLOE_OK) {
        status->error = error;
        return;
    }
    progress_read(&status->table, request->daemon, &reading);
    log_aside_totals(reading.log, &status->aside);
    if (!status->locked)
        status->erased = views_count_erased(&reading.views);
    if (!status->locked)
        progress_add_duplicates(&status->table, &reading, status->folded < status->total, &status->duplicates);
    for (size_t i = 0; i < status->table.count && !status->locked; i++)
        witness_notice(&reading, request->daemon->config.role == ROLE_HUB, status->table.sites[i].site,
                       status->stories[i]);
    reading_tell_failed(&reading, &status->error);
    reading_end(&reading);
}

static void read_status(struct control_request *request)
{
    struct status *status = request->state;
    progress_note_links(&status->table, request->daemon);
    status->duplicates = request->daemon->duplicates;
    status->locked = request->daemon->projector == NULL;
    if (!status->locked)
        projector_stuck(request->daemon->projector, &status->error);
    if (request->daemon->config.role == ROLE_HUB)
        happened_ticket_text(&request->daemon->happened, clock_steady_ms(), status->happened);
    else
        happened_went_on_text(&request->daemon->happened, clock_steady_ms(), status->happened);
    if (status->happened[0] == '\0')
        happened_aside_text(&request->daemon->happened, clock_steady_ms(), status->happened);
    read_looks(status, request->daemon);
    status->full = event_log_full(request->daemon->log);
    status->failed = event_log_failed(request->daemon->log);
    control_work(request, read_progress, answer, NULL);
}

static void read_progress_again(struct control_request *request)
{
    struct status *status = request->state;
    if (request->daemon->projector)
        projector_progress(request->daemon->projector, &status->folded, &status->total);
    read_status(request);
}

/* Status answers at once, also when the views are far behind: it says how far they are. What came a moment ago is
 * waited for, so that what is to settle is told of what people have just done. */
void control_verb_STATUS(struct control_request *request)
{
    struct projector *projector = request->daemon->projector;
    struct status *status = calloc(1, sizeof *status);
    if (!status) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    request->state = status;
    request->release = free;
    if (projector)
        projector_progress(projector, &status->folded, &status->total);
    if (status->folded < status->total && status->total - status->folded <= FEW_EVENTS &&
        !projector_stuck(projector, NULL))
        control_wait_commits(request, event_log_commits(request->daemon->log), FEW_WAIT_MS, read_progress_again);
    else
        read_status(request);
}
