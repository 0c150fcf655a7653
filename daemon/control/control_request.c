/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one request: its arguments, its steps, what it waits for, its end. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/control/control_audit.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_inside.h"
#include "daemon/loop.h"
#include "daemon/pool.h"

/* How often a progress bar moves. */
#define PROGRESS_MS 200
/* Spare ones, and what each may keep: as many as are begun at once when sixty clients record. */
#define SPARES_MAX 64u
#define SPARE_BUFFER 4096u
/* What they keep of batches, all of them together, and how long when no more come. */
#define KEPT_MAX     ((size_t)16 << 20)
#define KEPT_MS      1000
/* A payload of this length is not copied. */
#define MOVED_MIN    ((size_t)32 << 10)

/* ---- arguments ---- */

static bool read_texts(struct control_request *request, struct mp_reader *r, struct control_arg *arg, uint32_t *used)
{
    arg->type = MP_ARRAY;
    arg->first_text = *used;
    arg->text_count = mp_array(r, 0, CONTROL_TEXTS_MAX - *used);
    for (uint32_t i = 0; i < arg->text_count && !r->failed; i++)
        request->texts[(*used)++] = mp_str(r, 0, CONTROL_FRAME_MAX);
    return !r->failed;
}

static bool read_arg(struct control_request *request, struct mp_reader *r, struct control_arg *arg, uint32_t *used)
{
    *arg = (struct control_arg){.name = mp_str(r, 1, SLUG_MAX)};
    arg->type = mp_peek(r);
    switch (arg->type) {
    case MP_STR: arg->text = mp_str(r, 0, CONTROL_FRAME_MAX); break;
    case MP_UINT:
    case MP_INT: arg->integer = mp_int(r, INT64_MIN, INT64_MAX); break;
    case MP_BOOL: arg->integer = mp_bool(r); break;
    case MP_ARRAY: return read_texts(request, r, arg, used);
    case MP_NIL: mp_skip(r); break;
    default: mp_fail(r);
    }
    return !r->failed;
}

static bool read_request(struct control_request *request, struct mp_reader *r, struct bytes *verb)
{
    mp_reader_init(r, buffer_bytes(&request->frame));
    if (!mp_next(r) || mp_array(r, 2, 2) != 2)
        return false;
    *verb = mp_str(r, 1, SLUG_MAX);
    uint32_t used = 0;
    request->arg_count = mp_map(r, CONTROL_ARGS_MAX);
    for (uint32_t i = 0; i < request->arg_count; i++)
        if (!read_arg(request, r, &request->args[i], &used))
            return false;
    request->items = bytes_of(r->in.data + r->off, r->in.len - r->off);
    return !r->failed && mp_peek(r) == MP_NONE;
}

const struct control_arg *control_arg(const struct control_request *request, const char *name)
{
    for (uint32_t i = 0; i < request->arg_count; i++)
        if (request->args[i].type != MP_NIL && bytes_is(request->args[i].name, name))
            return &request->args[i];
    return NULL;
}

struct bytes control_arg_text(const struct control_request *request, const char *name)
{
    const struct control_arg *arg = control_arg(request, name);
    return arg && arg->type == MP_STR ? arg->text : (struct bytes){0};
}

int64_t control_arg_integer(const struct control_request *request, const char *name, int64_t otherwise)
{
    const struct control_arg *arg = control_arg(request, name);
    return arg && (arg->type == MP_UINT || arg->type == MP_INT) ? arg->integer : otherwise;
}

bool control_arg_bool(const struct control_request *request, const char *name, bool otherwise)
{
    const struct control_arg *arg = control_arg(request, name);
    return arg && arg->type == MP_BOOL ? arg->integer != 0 : otherwise;
}

/* ---- beginning and end ---- */

typedef void (*verb_function)(struct control_request *request);
static const verb_function verb_functions[CONTROL_VERB_COUNT] = {
#define V(id, name) [CONTROL_##id] = control_verb_##id,
    CONTROL_VERBS(V)
#undef V
};

/* What is not cleared but to be used again. */
static void start_anew(struct control_request *request)
{
    const struct buffer frame = request->frame, out = request->out;
    const struct arena arena = request->arena;
    memset(request, 0, offsetof(struct control_request, args));
    request->frame = frame;
    request->out = out;
    request->arena = arena;
}

static struct control_request *take_spare(struct control_spares *spares)
{
    struct control_request *request = spares->first;
    if (!request)
        return calloc(1, sizeof *request);
    spares->first = request->next;
    spares->count--;
    spares->kept -= request->kept;
    start_anew(request);
    return request;
}

static void free_request(struct control_request *request)
{
    buffer_release(&request->frame);
    buffer_release(&request->out);
    arena_release(&request->arena);
    free(request);
}

static void keep_small(struct buffer *buffer)
{
    if (buffer->cap > SPARE_BUFFER || buffer->failed)
        buffer_release(buffer);
    else
        buffer_clear(buffer);
}

static void shrink(struct control_request *request)
{
    keep_small(&request->frame);
    keep_small(&request->out);
    arena_shrink(&request->arena);
    request->kept = 0;
}

static void keep_spare(struct control_spares *spares, struct control_request *request)
{
    if (spares->count == SPARES_MAX) {
        free_request(request);
        return;
    }
    request->kept = request->frame.cap + request->out.cap + arena_size(&request->arena);
    if (request->frame.cap <= SPARE_BUFFER || request->frame.failed || request->out.failed ||
        request->kept > KEPT_MAX - spares->kept) {
        shrink(request);
    } else { /* it was large, and another is likely to follow */
        buffer_clear(&request->frame);
        buffer_clear(&request->out);
        arena_clear(&request->arena);
        spares->kept += request->kept;
        loop_timer_set(spares->rest, KEPT_MS);
    }
    request->next = spares->first;
    spares->first = request;
    spares->count++;
}

static void give_back(void *context)
{
    struct control_spares *spares = context;
    for (struct control_request *request = spares->first; request; request = request->next)
        shrink(request);
    spares->kept = 0;
}

bool control_spares_init(struct control_spares *spares, uv_loop_t *loop)
{
    spares->rest = loop_timer_new(loop, give_back, spares);
    return spares->rest != NULL;
}

void control_spares_free(struct control_spares *spares)
{
    loop_timer_free(spares->rest);
    for (struct control_request *next; spares->first; spares->first = next) {
        next = spares->first->next;
        free_request(spares->first);
    }
    spares->count = 0;
}

/* What is large stays where it was read, and what came behind it goes on in the memory of the request before. */
static void take_payload(struct buffer *frame, struct buffer *in, struct bytes payload, size_t size)
{
    const struct bytes rest = bytes_of(in->data + size, in->len - size);
    const size_t at = size - payload.len;
    if (payload.len < MOVED_MIN || rest.len >= payload.len) {
        buffer_append(frame, payload.data, payload.len);
        memmove(in->data, rest.data, rest.len);
        sodium_memzero(in->data + rest.len, size); /* it may have been a passphrase */
        in->len = rest.len;
        return;
    }
    buffer_append(frame, rest.data, rest.len);
    const struct buffer was = *in;
    *in = *frame;
    *frame = was;
    memmove(frame->data, frame->data + at, payload.len);
    sodium_memzero(frame->data + payload.len, at + rest.len);
    frame->len = payload.len;
}

struct control_request *control_request_new(struct daemon *daemon, struct control_client *client, struct buffer *in,
                                            struct bytes payload, size_t size)
{
    struct control_request *request = take_spare(control_spares(daemon->control));
    if (!request)
        return NULL;
    request->daemon = daemon;
    request->client = client;
    request->uid = control_uid(request);
    take_payload(&request->frame, in, payload, size);
    if (request->frame.failed || in->failed) {
        control_request_free(request);
        return NULL;
    }
    return request;
}

void control_request_start(struct control_request *request)
{
    struct felloe_error error;
    struct bytes verb = {0};
    struct mp_reader r MP_UNSET;
    if (!read_request(request, &r, &verb)) {
        felloe_fail(&error, FELLOE_USAGE, "The request is not one that this daemon can read; client and daemon may be "
                                          "of different versions.");
        control_fail(request, &error);
    } else if (!control_verb_find(verb, &request->verb)) {
        felloe_fail(&error, FELLOE_USAGE, "The daemon does not know the verb %.*s.", (int)verb.len,
                    (const char *)verb.data);
        control_fail(request, &error);
    } else if (control_gate(request, &error) != FELLOE_OK) {
        control_fail(request, &error);
    } else {
        verb_functions[request->verb](request);
    }
}

void control_request_free(struct control_request *request)
{
    if (request->release)
        request->release(request->state);
    loop_timer_free(request->timer);
    if (request->frame.data != NULL) /* it may hold a passphrase */
        sodium_memzero(request->frame.data, request->frame.len);
    keep_spare(control_spares(request->daemon->control), request);
}

bool control_gone(const struct control_request *request)
{
    return request->client == NULL;
}

void control_fail(struct control_request *request, const struct felloe_error *error)
{
    size_t begin = control_frame_begin(&request->out);
    control_put_error(&request->out, error->code, error->message);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

/* ---- steps ---- */

static void leave_list(struct control_request *request)
{
    struct control_request **at = control_waiting(request->daemon->control);
    while (*at && *at != request)
        at = &(*at)->next_waiting;
    if (*at)
        *at = request->next_waiting;
}

void control_wake(struct control_request *request)
{
    if ((request->waiting != STEP_SENDING && request->waiting != STEP_WAITING) || control_put_off(request))
        return;
    if (request->waiting == STEP_WAITING) {
        leave_list(request);
        loop_timer_stop(request->timer);
    }
    request->waiting = STEP_NONE;
    request->step(request);
}

static void tell_progress(struct control_request *request)
{
    size_t begin = control_frame_begin(&request->out);
    control_put_progress(&request->out, atomic_load(&request->done), atomic_load(&request->total),
                         request->progress_of);
    control_frame_end(&request->out, begin);
    control_put_now(request);
    loop_timer_set(request->timer, PROGRESS_MS);
}

static void timer_fired(void *context)
{
    struct control_request *request = context;
    if (request->waiting == STEP_WAITING)
        control_wake(request);
    else if (request->waiting == STEP_WORKING && request->progress_of)
        tell_progress(request);
}

static bool has_timer(struct control_request *request)
{
    if (!request->timer)
        request->timer = loop_timer_new(request->daemon->loop, timer_fired, request);
    return request->timer != NULL;
}

static void do_work(void *context)
{
    struct control_request *request = context;
    request->work(request);
}

static void work_done(void *context)
{
    struct control_request *request = context;
    loop_timer_stop(request->timer);
    request->waiting = STEP_NONE;
    request->step(request);
}

void control_work(struct control_request *request, control_step work, control_step then, const char *what)
{
    request->work = work;
    request->step = then;
    request->waiting = STEP_WORKING;
    request->progress_of = what;
    if (what && has_timer(request))
        loop_timer_set(request->timer, PROGRESS_MS);
    if (pool_work(request->daemon->pool, do_work, work_done, request))
        return;
    /* No thread to be had: the loop does it itself rather than not at all. */
    work(request);
    work_done(request);
}

/* While the laptop is locked nothing is folded. */
static bool has_folded(const struct control_request *request, uint64_t commits)
{
    return request->daemon->projector != NULL && projector_has(request->daemon->projector, commits);
}

void control_wait_commits(struct control_request *request, uint64_t commits, uint64_t wait_ms, control_step then)
{
    request->step = then;
    if (control_gone(request) || has_folded(request, commits) || !has_timer(request)) {
        then(request);
        return;
    }
    request->waiting = STEP_WAITING;
    request->wait_commits = commits;
    if (request->daemon->projector != NULL && commits != UINT64_MAX) /* which waits for something else */
        projector_want(request->daemon->projector, commits);
    struct control_request **list = control_waiting(request->daemon->control);
    request->next_waiting = *list;
    *list = request;
    loop_timer_set(request->timer, wait_ms);
}

void control_wait_views(struct control_request *request, control_step then)
{
    /* Views that do not get on (a full disk) will not in ten seconds either: the answer says how far they are. */
    struct projector *projector = request->daemon->projector;
    uint64_t wait_ms = !projector || projector_stuck(projector, NULL) ? 0 : CONTROL_VIEW_WAIT_MS;
    control_wait_commits(request, event_log_commits(request->daemon->log), wait_ms, then);
}

void control_server_changed(struct control_server *server)
{
    if (control_paused(server)) /* the views may be closed; they tell again */
        return;
    struct control_request **at = control_waiting(server);
    while (*at) {
        struct control_request *request = *at;
        if (!has_folded(request, request->wait_commits)) {
            at = &request->next_waiting;
            continue;
        }
        control_wake(request);
        at = control_waiting(server); /* the list may have changed altogether */
    }
}

/* ---- DATA frames ---- */

void control_data_item(struct control_data *data, struct buffer *out)
{
    if (data->open && data->out->len - data->begin >= CONTROL_DATA_TARGET)
        control_data_end(data);
    if (data->open)
        return;
    data->out = out;
    data->begin = control_frame_begin(out);
    control_put_data(out);
    data->open = true;
}

void control_data_end(struct control_data *data)
{
    if (data->open)
        control_frame_end(data->out, data->begin);
    data->open = false;
}
