/* SPDX-License-Identifier: Apache-2.0 */
/* hub.quarantine: what revoked laptops handed over. Listed, looked at, taken in, discarded. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/control_audit.h"
#include "daemon/control/control_device.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_hub.h"
#include "daemon/control/control_query.h"
#include "daemon/log/log_aside.h"
#include "daemon/report.h"
#include "proto/event/look.h"

#define SHOWN_DEFAULT 1000
#define SHOWN_BYTES   ((size_t)8 << 20)
#define DEVICES_MAX   1024u

/* Of a site's events: the keys that came along. */
struct site_keys {
    char site[SLUG_MAX + 1];
    struct key_record *keys;
    size_t count;
};

struct quarantine {
    struct control_request *request;
    struct felloe_error error;
    struct device_record device;
    struct aside_stream *streams; /* of the device, or of all */
    size_t stream_count, stream_cap;
    /* shown */
    struct site_keys keys[SITES_MAX];
    size_t key_site_count;
    const struct aside_stream *stream;
    struct log_reader *reader;
    struct views_txn *views;
    struct control_data data;
    struct control_shown shown;
    struct buffer plain, name;
    uint64_t limit, after, passed, told, total;
    bool failed;
    /* taken in, discarded */
    struct log_job job;
    struct log_aside aside;
    struct key_record *bringing;
    size_t bringing_count, at;
    uint64_t settled, looks; /* looks: of what is discarded they are taken in all the same */
    bool discards;
    char why[LABEL_MAX + 1];
};

static void wipe(struct key_record *keys, size_t count)
{
    if (keys != NULL)
        sodium_memzero(keys, count * sizeof *keys);
    free(keys);
}

static void release(void *state)
{
    struct quarantine *q = state;
    for (size_t i = 0; i < q->key_site_count; i++)
        wipe(q->keys[i].keys, q->keys[i].count);
    wipe(q->bringing, q->bringing_count);
    if (q->plain.data != NULL)
        sodium_memzero(q->plain.data, q->plain.cap);
    buffer_release(&q->plain);
    buffer_release(&q->name);
    control_shown_release(&q->shown);
    free(q->streams);
    free(q);
}

/* ---- streams ---- */

static bool add_stream(void *context, const struct aside_stream *stream)
{
    struct quarantine *q = context;
    if (q->stream_count == q->stream_cap) {
        size_t cap = q->stream_cap ? 2 * q->stream_cap : 16;
        struct aside_stream *grown = reallocarray(q->streams, cap, sizeof *grown);
        if (!grown) {
            q->failed = true;
            return false;
        }
        q->streams = grown;
        q->stream_cap = cap;
    }
    q->streams[q->stream_count++] = *stream;
    return true;
}

static enum felloe_code read_streams(struct quarantine *q, const struct device_id *device, struct felloe_error *error)
{
    struct log_reader *reader = log_reader_begin(q->request->daemon->log, error);
    if (!reader)
        return error->code;
    q->stream_count = 0;
    log_aside_streams(reader, device, add_stream, q);
    log_reader_end(reader);
    return q->failed ? felloe_fail(error, FELLOE_FAILED, "Memory ran out.") : FELLOE_OK;
}

/* ---- the list ---- */

static void put_number(struct buffer *out, const char *name, uint64_t number)
{
    mp_put_text(out, name);
    mp_put_uint(out, number);
}

/* The sums over a device's streams, in the first of them. */
static struct aside_stream sum_of(const struct aside_stream *streams, size_t count)
{
    struct aside_stream sum = streams[0];
    for (size_t i = 1; i < count; i++) {
        const struct aside_stream *s = &streams[i];
        if (s->events > 0 && (sum.events == 0 || s->first_ms < sum.first_ms))
            sum.first_ms = s->first_ms;
        sum.last_ms = s->last_ms > sum.last_ms ? s->last_ms : sum.last_ms;
        sum.settled_ms = s->settled_ms > sum.settled_ms ? s->settled_ms : sum.settled_ms;
        sum.events += s->events;
        sum.bytes += s->bytes;
        sum.taken += s->taken;
        sum.dropped += s->dropped;
    }
    return sum;
}

static void put_device(struct quarantine *q, struct log_reader *reader, const struct aside_stream *streams,
                       size_t count)
{
    struct buffer *out = &q->request->out;
    struct device_record device = {0};
    const struct aside_stream sum = sum_of(streams, count);
    (void)log_device(reader, &sum.device, &device);
    control_data_item(&q->data, out);
    mp_put_map(out, 14);
    mp_put_text(out, "device");
    mp_put_bin(out, sum.device.b, sizeof sum.device.b);
    mp_put_pair(out, "label", device.label);
    mp_put_pair(out, "worker", device.worker);
    mp_put_pair(out, "name", device.name);
    mp_put_pair_time(out, "revoked", device.revoked_ms);
    mp_put_pair(out, "why", device.why);
    mp_put_text(out, "sites");
    mp_put_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_put_text(out, streams[i].site);
    put_number(out, "events", sum.events);
    put_number(out, "bytes", sum.bytes);
    mp_put_pair_time(out, "from", sum.first_ms);
    mp_put_pair_time(out, "to", sum.last_ms);
    put_number(out, "taken", sum.taken);
    put_number(out, "dropped", sum.dropped);
    mp_put_pair_time(out, "settled", sum.settled_ms);
}

static void list(struct quarantine *q)
{
    struct control_request *request = q->request;
    struct log_reader *reader;
    if (read_streams(q, NULL, &q->error) != FELLOE_OK ||
        (reader = log_reader_begin(request->daemon->log, &q->error)) == NULL) {
        control_fail(request, &q->error);
        return;
    }
    uint32_t devices = 0;
    for (size_t i = 0, count; i < q->stream_count && devices < DEVICES_MAX; i += count, devices++) {
        for (count = 1; i + count < q->stream_count &&
                        device_id_equal(&q->streams[i].device, &q->streams[i + count].device);)
            count++;
        put_device(q, reader, &q->streams[i], count);
    }
    log_reader_end(reader);
    control_data_end(&q->data);
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 0);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

/* ---- one device's entries ---- */

/* From the hub's own keyring, or else along with the entries. What is for some workers only the hub does not read. */
static bool find_key(struct quarantine *q, const struct key_id *id, struct data_key *out)
{
    struct key_record record;
    const enum felloe_code code = keyring_get(q->request->daemon->keyring, id, &record);
    bool found = code == FELLOE_OK, unread = !keyring_was_read(code);
    if (found && !key_kind_restricted(record.kind))
        *out = record.key;
    bool readable = found && !key_kind_restricted(record.kind);
    sodium_memzero(&record, sizeof record);
    const bool known = found || keyring_erased(q->request->daemon->keyring, id, &unread);
    if (unread)
        keyring_unread(&q->error);
    if (known || unread)
        return readable;
    for (size_t s = 0; s < q->key_site_count; s++)
        for (size_t i = 0; i < q->keys[s].count && strcmp(q->keys[s].site, q->stream->site) == 0; i++) {
            const struct key_record *key = &q->keys[s].keys[i];
            if (memcmp(&key->id, id, sizeof *id) != 0 || key_kind_restricted(key->kind))
                continue;
            *out = key->key;
            return true;
        }
    return false;
}

static void put_name(struct quarantine *q, struct buffer *out, const struct event_body *body)
{
    buffer_clear(&q->name);
    if (q->views != NULL && body->has_subject)
        views_get_name(q->views, bytes_str(q->stream->site), &body->subject, &q->name);
    mp_put_str_or_nil(out, buffer_bytes(&q->name));
}

static void put_body(struct quarantine *q, struct buffer *out, const struct event_body *body)
{
    event_put_body_head(out, body);
    buffer_append(out, body->fields.data, body->fields.len);
    put_name(q, out, body);
    if (body->has_subject)
        control_shown_add(&q->shown, &body->subject);
}

/* As in `log`, without a position; and what would become of it. */
static bool put_event(void *context, const struct aside_item *item)
{
    static const char *const fits[] = {[ASIDE_FOLLOWS] = "follows", [ASIDE_HELD] = "held", [ASIDE_OTHER] = "other",
                                       [ASIDE_GAP] = "gap", [ASIDE_UNSEEN] = "unseen"};
    struct quarantine *q = context;
    struct buffer *out = &q->request->out;
    struct event event;
    struct event_body body;
    struct data_key key;
    if (q->passed++ < q->after)
        return true;
    if (q->told >= q->limit || out->len >= SHOWN_BYTES || !event_decode(item->event, &event))
        return q->told < q->limit && out->len < SHOWN_BYTES;
    bool opened = find_key(q, &event.clear.key, &key) && event_open(&event, &key, &q->plain, &body);
    sodium_memzero(&key, sizeof key);
    control_data_item(&q->data, out);
    mp_put_array(out, 14);
    mp_put_bin(out, item->id.b, sizeof item->id.b);
    mp_put_str(out, event.clear.site);
    mp_put_nil(out);
    mp_put_bin(out, event.clear.device.b, sizeof event.clear.device.b);
    mp_put_uint(out, event.clear.incarnation);
    mp_put_uint(out, event.clear.seq);
    if (opened) {
        put_body(q, out, &body);
    } else {
        mp_put_uint(out, 0);
        for (int i = 0; i < 6; i++)
            mp_put_nil(out);
    }
    mp_put_text(out, fits[item->fit]);
    q->told++;
    return true;
}

static void read_events(struct control_request *request)
{
    struct quarantine *q = request->state;
    struct views_txn views = {0};
    struct felloe_error unnamed;
    bool has_views = request->daemon->projector != NULL &&
                     views_read(projector_views(request->daemon->projector), &views, &unnamed) == FELLOE_OK;
    q->views = has_views ? &views : NULL;
    struct log_reader *reader = log_reader_begin(request->daemon->log, &q->error);
    for (size_t i = 0; i < q->stream_count && reader != NULL; i++) {
        q->stream = &q->streams[i];
        q->total += q->stream->events;
        log_aside_events(reader, q->stream, put_event, q);
    }
    control_data_end(&q->data);
    log_reader_end(reader);
    q->views = NULL;
    if (has_views)
        views_end(&views);
}

static void show_end(struct control_request *request)
{
    struct quarantine *q = request->state;
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 6);
    mp_put_text(&request->out, "device");
    mp_put_bin(&request->out, q->device.device.b, sizeof q->device.device.b);
    mp_put_pair(&request->out, "label", q->device.label);
    mp_put_pair(&request->out, "worker", q->device.worker);
    mp_put_pair(&request->out, "why", q->device.why);
    put_number(&request->out, "total", q->total);
    put_number(&request->out, "events", q->told);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

static void events_read(struct control_request *request)
{
    struct quarantine *q = request->state;
    if (q->error.code != FELLOE_OK)
        control_fail(request, &q->error);
    else
        control_audit(request, &q->shown, "quarantine", "", show_end);
}

static void gather_keys(struct quarantine *q)
{
    for (size_t i = 0; i < q->stream_count && q->key_site_count < SITES_MAX; i++) {
        if (i > 0 && strcmp(q->streams[i].site, q->streams[i - 1].site) == 0)
            continue;
        struct site_keys *keys = &q->keys[q->key_site_count++];
        memcpy(keys->site, q->streams[i].site, sizeof keys->site);
        keys->keys = driver_aside_keys(q->request->daemon->driver, &q->device.device, keys->site, &keys->count);
    }
}

static void show(struct quarantine *q)
{
    int64_t limit = control_arg_integer(q->request, "limit", SHOWN_DEFAULT);
    int64_t after = control_arg_integer(q->request, "after", 0);
    q->limit = limit > 0 ? (uint64_t)limit : SHOWN_DEFAULT;
    q->after = after > 0 ? (uint64_t)after : 0;
    gather_keys(q);
    control_work(q->request, read_events, events_read, NULL);
}

/* ---- taken in ---- */

static uint64_t left_of(struct quarantine *q)
{
    uint64_t left = 0;
    struct felloe_error error;
    if (read_streams(q, &q->device.device, &error) == FELLOE_OK)
        for (size_t i = 0; i < q->stream_count; i++)
            left += q->streams[i].events;
    return left;
}

/* A trace for whoever asks later who had done this. */
static void settled(struct quarantine *q, bool taken)
{
    struct control_request *request = q->request;
    struct happened_aside what = {.entries = q->settled, .left = left_of(q), .taken = taken,
                                  .at = {clock_wall_ms(), clock_steady_ms()}};
    struct happened_from whole;
    char device[33];
    hex_encode(bytes_of(q->device.device.b, sizeof q->device.device.b), device);
    happened_label(&whole, q->device.label); /* cut to whole characters */
    memcpy(what.label, whole.label, sizeof what.label);
    snprintf(what.worker, sizeof what.worker, "%s", q->device.worker);
    if (q->settled > 0)
        report(LEVEL_WARNING, "quarantine: %llu entr%s of device %.8s %s %s by user %lld%s%s",
               (unsigned long long)q->settled, q->settled == 1 ? "y" : "ies", device, q->settled == 1 ? "was" : "were",
               taken ? "taken in" : "discarded", (long long)request->uid, taken ? "" : ": ", q->why);
    if (q->looks > 0)
        report(LEVEL_WARNING, "quarantine: %llu of the entries of device %.8s tell who looked at a record: taken in",
               (unsigned long long)q->looks, device);
    if (q->settled > 0)
        happened_aside_settled(&request->daemon->happened, &what);
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, taken ? 3 : 4);
    mp_put_text(&request->out, "device");
    mp_put_bin(&request->out, q->device.device.b, sizeof q->device.device.b);
    if (!taken)
        put_number(&request->out, "looks", q->looks);
    put_number(&request->out, taken ? "taken" : "dropped", q->settled);
    put_number(&request->out, "left", what.left);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

static void take_more(struct quarantine *q);

static void taken(struct log_job *job)
{
    struct quarantine *q = job->context;
    if (job->code == FELLOE_OK)
        driver_aside_taken(q->request->daemon->driver, job);
    wipe(q->bringing, q->bringing_count);
    q->bringing = NULL;
    q->bringing_count = 0;
    *(q->discards ? &q->looks : &q->settled) += job->code == FELLOE_OK ? q->aside.count : 0;
    if (job->code != FELLOE_OK) {
        control_fail(q->request, &job->error);
        return;
    }
    if (!q->aside.more)
        q->at++;
    take_more(q);
}

static void drop_more(struct quarantine *q);

/* Who looked at a record is no word about anybody, and not for whoever administers the hub to make away with: it comes
 * to the auditors, also when what was written is discarded. */
static bool is_taken(const struct quarantine *q, const struct aside_stream *stream)
{
    return stream->events > 0 && (!q->discards || site_is_audit(bytes_str(stream->site)));
}

/* The next share of the next stream that has something; at the end the machine learns of it all. */
static void take_more(struct quarantine *q)
{
    struct control_request *request = q->request;
    while (q->at < q->stream_count && !is_taken(q, &q->streams[q->at]))
        q->at++;
    if (q->at == q->stream_count) {
        if (q->discards)
            drop_more(q);
        else
            settled(q, true);
        return;
    }
    const struct aside_stream *stream = &q->streams[q->at];
    q->bringing =
        driver_aside_keys(request->daemon->driver, &q->device.device, stream->site, &q->bringing_count);
    q->aside = (struct log_aside){
        .device = q->device.device, .incarnation = stream->incarnation, .wall_ms = clock_wall_ms()};
    q->job = (struct log_job){.kind = LOG_TAKE_ASIDE,
                              .done = taken,
                              .context = q,
                              .aside = &q->aside,
                              .new_keys = q->bringing,
                              .new_key_count = q->bringing_count};
    memcpy(q->job.site, stream->site, sizeof q->job.site);
    event_log_submit(request->daemon->log, &q->job);
}

/* ---- discarded ---- */

static void dropped(struct log_job *job)
{
    struct quarantine *q = job->context;
    if (job->code != FELLOE_OK) {
        control_fail(q->request, &job->error);
        return;
    }
    q->settled += q->aside.count;
    if (q->aside.more)
        drop_more(q);
    else
        settled(q, false);
}

static void drop_more(struct quarantine *q)
{
    q->aside = (struct log_aside){.device = q->device.device, .wall_ms = clock_wall_ms()};
    q->job = (struct log_job){.kind = LOG_DROP_ASIDE, .done = dropped, .context = q, .aside = &q->aside};
    event_log_submit(q->request->daemon->log, &q->job);
}

/* ---- the verb ---- */

static enum felloe_code take_why(struct quarantine *q, struct felloe_error *error)
{
    struct bytes why = control_arg_text(q->request, "why");
    if (why.len == 0)
        return felloe_fail(error, FELLOE_USAGE, "Say why it is discarded (--why): what is discarded is gone.");
    if (!bytes_to_text(why, q->why, sizeof q->why))
        return felloe_fail(error, FELLOE_INVALID, "The why is too long: at most %d bytes.", LABEL_MAX);
    return FELLOE_OK;
}

static void begin(struct quarantine *q, struct bytes what)
{
    struct felloe_error *error = &q->error;
    if (what.len == 0 && control_arg_text(q->request, "device").len == 0) {
        list(q);
        return;
    }
    enum felloe_code code = control_device(q->request, &q->device, error);
    if (code == FELLOE_OK && what.len == 0)
        code = control_gate_reads(q->request, error);
    if (code == FELLOE_OK)
        code = read_streams(q, &q->device.device, error);
    q->discards = bytes_is(what, "discard");
    if (code == FELLOE_OK && q->discards)
        code = take_why(q, error);
    if (code == FELLOE_OK && q->stream_count == 0)
        code = felloe_fail(error, FELLOE_NOT_FOUND, "Nothing of “%s” is in quarantine.", q->device.label);
    if (code == FELLOE_OK && what.len == 0)
        show(q);
    else if (code == FELLOE_OK && (q->discards || bytes_is(what, "accept")))
        take_more(q);
    else if (code == FELLOE_OK)
        code = felloe_fail(error, FELLOE_USAGE, "What is in quarantine is shown, accepted or discarded.");
    if (code != FELLOE_OK)
        control_fail(q->request, error);
}

void control_verb_HUB_QUARANTINE(struct control_request *request)
{
    struct quarantine *q =
        control_hub_begin(request, sizeof *q, release, "What revoked laptops hand over is kept at the hub");
    if (q == NULL)
        return;
    q->request = request;
    begin(q, control_arg_text(request, "do"));
}
