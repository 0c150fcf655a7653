/* SPDX-License-Identifier: Apache-2.0 */
/* verify: the log checked from the first event on, on a thread of the pool, while everything else goes on. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/control.h"
#include "daemon/log/verify.h"
#include "proto/event/words.h"

/* Problems that are told one by one; a log that is damaged throughout would fill the screen without telling more. */
#define PROBLEMS_MAX 200u

struct verifying {
    struct control_request *request;
    struct felloe_error error;
    enum felloe_code code;
    struct position at;
    struct verify_result result;
    struct buffer problems; /* texts, packed */
    uint32_t problem_count;
    struct buffer unreadable; /* maps, packed */
    uint32_t unreadable_count;
    struct buffer stories; /* maps, packed */
    uint32_t story_count;
};

static void release(void *state)
{
    struct verifying *v = state;
    buffer_release(&v->problems);
    buffer_release(&v->unreadable);
    buffer_release(&v->stories);
    free(v);
}

static void note_problem(void *context, const char *text)
{
    struct verifying *v = context;
    if (v->problem_count >= PROBLEMS_MAX)
        return;
    mp_put_text(&v->problems, text);
    v->problem_count++;
}

static void note_unreadable(void *context, const struct verify_unreadable *unreadable)
{
    static const char *const whys[] = {
        [UNREAD_NO_KEY] = "no-key",
        [UNREAD_OTHERS] = "for-others",
        [UNREAD_ERASED] = "erased",
        [UNREAD_SEALED] = "does-not-open",
        [UNREAD_FORM] = "not-well-formed",
    };
    struct verifying *v = context;
    struct buffer *out = &v->unreadable;
    char device[33];
    if (v->unreadable_count >= PROBLEMS_MAX)
        return;
    hex_encode(bytes_of(unreadable->device.b, sizeof unreadable->device.b), device);
    const char *why = whys[unreadable->why];
    if (unreadable->why == UNREAD_NO_KEY && !v->request->daemon->whole)
        why = "locked";
    const char *const texts[][2] = {
        {"site", unreadable->site}, {"device", device}, {"why", why}, {"first", unreadable->first}};
    mp_put_map(out, 1 + sizeof texts / sizeof *texts);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mp_put_text(out, texts[i][0]);
        mp_put_text(out, texts[i][1]);
    }
    mp_put_text(out, "events");
    mp_put_uint(out, unreadable->count);
    v->unreadable_count++;
}

static void put_position(struct buffer *out, const char *name, struct position at)
{
    char text[40] = "";
    if (at.epoch != 0)
        position_format(at, text);
    mp_put_text(out, name);
    mp_put_text(out, text);
}

static void note_story(void *context, const struct verify_story *story)
{
    struct verifying *v = context;
    struct buffer *out = &v->stories;
    char device[33];
    if (v->story_count >= PROBLEMS_MAX)
        return;
    hex_encode(bytes_of(story->other.device.b, sizeof story->other.device.b), device);
    mp_put_map(out, 7);
    mp_put_text(out, "kind");
    mp_put_text(out, story->made_up ? "not-signed" : "two-stories");
    mp_put_text(out, "site");
    mp_put_text(out, story->site);
    mp_put_text(out, "device");
    mp_put_text(out, device);
    put_position(out, "position", story->other.head.at);
    put_position(out, "same_to", story->same);
    put_position(out, "told_at", story->other.at);
    mp_put_text(out, "count");
    mp_put_uint(out, story->count);
    v->story_count++;
}

static bool is_for_others(void *context, struct bytes site, const struct key_id *key)
{
    const struct verifying *v = context;
    const struct daemon *daemon = v->request->daemon;
    return daemon->projector != NULL && projector_denies(daemon->projector, site, key);
}

static bool note_progress(void *context, uint64_t done, uint64_t total)
{
    struct verifying *v = context;
    atomic_store(&v->request->done, done);
    atomic_store(&v->request->total, total);
    return !atomic_load(&v->request->cancelled);
}

static void verify(struct control_request *request)
{
    struct verifying *v = request->state;
    const struct verify_options options = {
        .log = request->daemon->log,
        .keyring = request->daemon->keyring,
        .identity = &request->daemon->identity,
        .at = v->at,
        .problem = note_problem,
        .unreadable = note_unreadable,
        .story = note_story,
        .for_others = is_for_others,
        .progress = note_progress,
        .context = v,
    };
    v->code = verify_log(&options, &v->result, &v->error);
    if (v->result.problems > v->problem_count) {
        char text[80];
        snprintf(text, sizeof text, "and %llu more",
                 (unsigned long long)(v->result.problems - v->problem_count));
        mp_put_text(&v->problems, text);
        v->problem_count++;
    }
}

/* For people, to compare by phone: two laptops with the same words hold the same record up to that position. */
static void put_head(struct buffer *out, const char *site, const struct log_head *head)
{
    char words[WORDS_TEXT_MAX] = "";
    if (head->at.epoch != 0)
        words_of_head(bytes_str(site), head, words);
    put_position(out, "head", head->at);
    mp_put_text(out, "words");
    mp_put_text(out, words);
}

static void put_site(struct buffer *out, const struct verify_site *site)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"events", site->events}, {"own", site->own}, {"entries", site->entries},
                   {"signatures", site->signatures}, {"sealed", site->sealed}, {"unreadable", site->unreadable},
                   {"again", site->again}, {"lost", site->lost}, {"twice", site->twice},
                   {"heads", site->heads}, {"problems", site->problems}};
    mp_put_map(out, 3 + sizeof numbers / sizeof *numbers);
    mp_put_text(out, "site");
    mp_put_text(out, site->site);
    put_head(out, site->site, &site->head);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        mp_put_text(out, numbers[i].name);
        mp_put_uint(out, numbers[i].value);
    }
}

static void answer(struct control_request *request)
{
    struct verifying *v = request->state;
    struct buffer *out = &request->out;
    if (v->code != FELLOE_OK) {
        control_fail(request, &v->error);
        return;
    }
    buffer_clear(out); /* a bar that was not sent */
    size_t begin = control_frame_begin(out);
    control_put_end(out, 7);
    mp_put_text(out, "role");
    mp_put_text(out, request->daemon->config.role == ROLE_HUB ? "hub" : "spoke");
    mp_put_text(out, "sites");
    mp_put_array(out, (uint32_t)v->result.site_count);
    for (size_t i = 0; i < v->result.site_count; i++)
        put_site(out, &v->result.sites[i]);
    mp_put_text(out, "looks");
    put_site(out, &v->result.looks);
    mp_put_text(out, "events");
    mp_put_uint(out, v->result.events);
    mp_put_text(out, "problems");
    mp_put_array(out, v->problem_count);
    buffer_append(out, v->problems.data, v->problems.len);
    mp_put_text(out, "unreadable");
    mp_put_array(out, v->unreadable_count);
    buffer_append(out, v->unreadable.data, v->unreadable.len);
    mp_put_text(out, "stories");
    mp_put_array(out, v->story_count);
    buffer_append(out, v->stories.data, v->stories.len);
    out->failed |= v->problems.failed || v->unreadable.failed || v->stories.failed;
    control_frame_end(out, begin);
    if (v->story_count > 0 && request->daemon->projector != NULL)
        projector_verified(request->daemon->projector); /* people are told */
    control_finish(request);
}

void control_verb_VERIFY(struct control_request *request)
{
    struct verifying *v = calloc(1, sizeof *v);
    if (!v) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    v->request = request;
    request->state = v;
    request->release = release;
    const struct bytes at = control_arg_text(request, "at");
    if (at.len > 0 && (!position_parse(at, &v->at) || v->at.n == 0)) {
        felloe_fail(&v->error, FELLOE_USAGE, "\"%.*s\" is no position: they look like 1.120", (int)at.len,
                    (const char *)at.data);
        control_fail(request, &v->error);
        return;
    }
    control_work(request, verify, answer, "verifying");
}
