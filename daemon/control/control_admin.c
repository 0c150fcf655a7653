/* SPDX-License-Identifier: Apache-2.0 */
/* rebuild, digest: the views made again, and what they say as hashes. */
#include <stdlib.h>

#include "daemon/control/control_inside.h"
#include "daemon/control/control_query.h"

#define TICK_MS 200u

static bool has_state(struct control_request *request, size_t size)
{
    request->state = calloc(1, size);
    request->release = free;
    if (!request->state)
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
    return request->state != NULL;
}

/* However long the views take to come so far, as long as they get on; it is told how far they are. False: not yet, and
 * it goes on with `then`; or they do not get on, which was said. */
static bool wait_on(struct control_request *request, uint64_t commits, control_step then)
{
    struct projector *projector = request->daemon->projector;
    struct felloe_error error;
    uint64_t folded, total;
    if (projector_has(projector, commits) || control_gone(request))
        return true;
    if (projector_stuck(projector, &error)) {
        control_fail(request, &error);
        return false;
    }
    projector_progress(projector, &folded, &total);
    size_t begin = control_frame_begin(&request->out);
    control_put_progress(&request->out, folded < total ? folded : total, total, "folding");
    control_frame_end(&request->out, begin);
    control_put_now(request);
    control_wait_commits(request, commits, TICK_MS, then);
    return false;
}

/* ---- rebuild ---- */

struct rebuilding {
    uint64_t commits, began_ms;
};

/* Events that are here, each once: what the projector counts is its work, and own events are work twice. */
static uint64_t events_here(struct daemon *daemon)
{
    struct felloe_error error;
    struct log_reader *reader = log_reader_begin(daemon->log, &error);
    char name[SLUG_MAX + 1];
    uint64_t count = 0;
    for (size_t i = 0; reader && log_site_at(reader, i, name); i++) {
        struct log_head heads[SEEN_MAX];
        struct stream_head own = {0};
        uint64_t shared = 0;
        int64_t oldest;
        size_t epochs = log_heads(reader, bytes_str(name), heads);
        for (size_t e = 0; e < epochs; e++)
            count += heads[e].at.n;
        if (daemon->config.role != ROLE_HUB && log_own(reader, bytes_str(name), &own, &shared, &oldest))
            count += own.seq - shared;
    }
    log_reader_end(reader);
    return count;
}

static void rebuild_on(struct control_request *request)
{
    struct rebuilding *r = request->state;
    if (!wait_on(request, r->commits, rebuild_on))
        return;
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 2);
    mp_put_text(&request->out, "events");
    mp_put_uint(&request->out, events_here(request->daemon));
    mp_put_text(&request->out, "seconds");
    mp_put_uint(&request->out, (clock_steady_ms() - r->began_ms + 500) / 1000);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

void control_verb_REBUILD(struct control_request *request)
{
    if (!has_state(request, sizeof(struct rebuilding)))
        return;
    struct rebuilding *r = request->state;
    r->commits = event_log_commits(request->daemon->log);
    r->began_ms = clock_steady_ms();
    projector_rebuild(request->daemon->projector);
    control_wait_commits(request, r->commits, TICK_MS, rebuild_on);
}

/* ---- digest ---- */

struct digesting {
    struct felloe_error error;
    uint64_t commits;
};

static void put_digests(struct buffer *out, const char *site, const struct view_digest *digests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char hex[2 * sizeof digests[i].hash + 1];
        hex_encode(bytes_of(digests[i].hash, sizeof digests[i].hash), hex);
        mp_put_array(out, 4);
        mp_put_text(out, site);
        mp_put_text(out, digests[i].view);
        mp_put_uint(out, digests[i].rows);
        mp_put_text(out, hex);
    }
}

/* A digest of some of it would look like one of all. */
static void read_digests(struct control_request *request)
{
    struct digesting *d = request->state;
    struct view_digest digests[VIEW_DIGESTS_MAX];
    struct reading reading;
    struct buffer lines = {0};
    uint32_t count = 0;
    if (reading_begin(&reading, request->daemon, control_arg_text(request, "site"), &d->error) != FELLOE_OK)
        return;
    for (size_t i = 0; i < reading.scope.count && !atomic_load(&request->cancelled); i++) {
        size_t n = query_digests(&reading.views, bytes_str(reading.scope.sites[i]), digests);
        put_digests(&lines, reading.scope.sites[i], digests, n);
        count += (uint32_t)n;
    }
    if (reading.views.broken)
        reading_tell_damage(request->daemon, &d->error);
    reading_finish(&reading, request->daemon, &d->error);
    if (d->error.code == FELLOE_OK && lines.failed)
        felloe_fail(&d->error, FELLOE_FAILED, "Memory ran out.");
    if (d->error.code != FELLOE_OK) {
        buffer_release(&lines);
        return;
    }
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 1);
    mp_put_text(&request->out, "sites");
    mp_put_array(&request->out, count);
    buffer_append(&request->out, lines.data, lines.len);
    control_frame_end(&request->out, begin);
    buffer_release(&lines);
}

static void answer_digests(struct control_request *request)
{
    struct digesting *d = request->state;
    if (d->error.code != FELLOE_OK)
        control_fail(request, &d->error);
    else
        control_finish(request);
}

static void digest_on(struct control_request *request)
{
    struct digesting *d = request->state;
    if (wait_on(request, d->commits, digest_on))
        control_work(request, read_digests, answer_digests, NULL);
}

void control_verb_DIGEST(struct control_request *request)
{
    if (!has_state(request, sizeof(struct digesting)))
        return;
    struct digesting *d = request->state;
    d->commits = event_log_commits(request->daemon->log);
    control_wait_commits(request, d->commits, TICK_MS, digest_on);
}
