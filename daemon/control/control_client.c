/* SPDX-License-Identifier: Apache-2.0 */
/* One client of the local socket: its frames, and the order of its answers.
 *
 * A client may send requests without waiting; they are taken one by one, in order (but for one that records, which may
 * begin while the log commits what the one before it records). While one is being answered the client is read on only
 * up to a bound, and an answer is produced only as fast as the client takes it: whoever does not read is slowed, and
 * holds no more memory here than a few frames. */
#include "daemon/control/control_client.h"

#include <stdlib.h>

#define READ_SIZE (64u * 1024)
/* So many records of one client at once: one is being committed, the next ones share the commit after that. */
#define AT_ONCE_MAX 3u

struct writing {
    uv_write_t request;
    struct control_client *client;
    struct buffer data;
};

/* ---- its end ---- */

static void client_closed(uv_handle_t *handle)
{
    struct control_client *client = handle->data;
    buffer_release(&client->in);
    control_shown_release(&client->recent.shown);
    client->server->handles--;
    free(client);
}

void control_client_close(struct control_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    struct control_client **at = &client->server->clients;
    while (*at && *at != client)
        at = &(*at)->next;
    if (*at)
        *at = client->next;
    client->server->client_count--;
    struct control_request *request = client->request;
    client->request = NULL;
    uv_close((uv_handle_t *)&client->pipe, client_closed);
    if (!request)
        return;
    for (struct control_request *r = request; r; r = r->later) {
        r->client = NULL;
        atomic_store(&r->cancelled, true);
    }
    while (request->later) /* the last one first: none ends before those before it */
        request = request->later;
    for (struct control_request *earlier; request; request = earlier) {
        earlier = request->earlier;
        control_wake(request);
    }
}

/* ---- reading ---- */

static void give_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct control_client *client = handle->data;
    (void)suggested;
    bool room = buffer_reserve(&client->in, READ_SIZE);
    *out = uv_buf_init(room ? (char *)client->in.data + client->in.len : NULL, room ? READ_SIZE : 0);
}

static void has_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct control_client *client = stream->data;
    (void)buf;
    if (got == UV_EOF && (client->request || client->in.len > 0 || client->unsent > 0)) {
        client->ended = true; /* it may still want its answers */
        uv_read_stop(stream);
        control_client_take(client);
        return;
    }
    if (got < 0) {
        control_client_close(client);
        return;
    }
    client->in.len += (size_t)got;
    control_client_take(client);
}

int64_t control_uid(const struct control_request *request)
{
    return request->client ? request->client->uid : -1;
}

struct control_recent *control_recent(const struct control_request *request)
{
    return request->client ? &request->client->recent : NULL;
}

static struct control_request *last_of(const struct control_client *client)
{
    struct control_request *last = client->request;
    while (last && last->later)
        last = last->later;
    return last;
}

/* (More than two only when they are small: what one client can have under way in memory has a bound.) */
static bool takes_more(const struct control_client *client)
{
    const struct control_request *last = last_of(client);
    unsigned begun = 0;
    size_t size = 0;
    for (const struct control_request *r = client->request; r; r = r->later, begun++)
        size += r->frame.len;
    return !last || (last->lets_next && begun < (size < CONTROL_FRAME_MAX ? AT_ONCE_MAX : 2u));
}

static bool records(struct bytes payload)
{
    static const uint8_t begin[] = "\x92\xa6record"; /* [verb, …: as control_put_request writes it */
    return payload.len >= sizeof begin - 1 && memcmp(payload.data, begin, sizeof begin - 1) == 0;
}

/* Reads on while there is room for more than is being answered. */
static void read_on(struct control_client *client)
{
    size_t bound = takes_more(client) ? CONTROL_FRAME_MAX + READ_SIZE : CONTROL_CHUNK;
    bool want = !client->closing && !client->ended && client->in.len < bound;
    if (want == client->reading)
        return;
    client->reading = want;
    if (want)
        uv_read_start((uv_stream_t *)&client->pipe, give_memory, has_read);
    else
        uv_read_stop((uv_stream_t *)&client->pipe);
    if (!want && !client->closing)
        loop_timer_set(client->server->sweep, CONTROL_SWEEP_MS);
}

static void begin_request(struct control_client *client, struct bytes payload, size_t size)
{
    struct control_request *request =
        control_request_new(client->server->daemon, client, &client->in, payload, size);
    if (!request) {
        control_client_close(client);
        return;
    }
    request->earlier = last_of(client);
    *(request->earlier ? &request->earlier->later : &client->request) = request;
    request->next = client->server->requests;
    if (request->next)
        request->next->previous = request;
    client->server->requests = request;
    control_request_start(request);
}

void control_client_take(struct control_client *client)
{
    if (client->taking || client->server->paused)
        return;
    client->taking = true;
    while (!client->closing && takes_more(client) && client->unsent < CONTROL_CHUNK) {
        struct bytes payload;
        size_t size = control_frame_parse(buffer_bytes(&client->in), &payload);
        if (client->request && (size == 0 || size == SIZE_MAX || !records(payload)))
            break;
        if (size == SIZE_MAX || (size == 0 && client->ended && client->unsent == 0))
            control_client_close(client); /* not our protocol, or the end */
        if (size == SIZE_MAX || size == 0)
            break;
        begin_request(client, payload, size);
    }
    client->taking = false;
    if (!client->closing && !client->request && client->in.len == 0 && client->in.cap > CONTROL_CHUNK)
        buffer_release(&client->in);
    read_on(client);
}

/* ---- writing ---- */

static void has_written(uv_write_t *done, int status)
{
    struct writing *writing = (struct writing *)done;
    struct control_client *client = writing->client;
    client->unsent -= writing->data.len;
    buffer_release(&writing->data);
    free(writing);
    if (client->closing)
        return;
    if (status != 0)
        control_client_close(client);
    else if (client->request && client->request->waiting == STEP_SENDING)
        control_wake(client->request);
    else
        control_client_take(client);
}

/* What cannot be sent closes the client. */
static void write_out(struct control_client *client, struct buffer *out)
{
    struct writing *writing = out->failed ? NULL : calloc(1, sizeof *writing);
    if (writing) {
        writing->client = client;
        writing->data = *out;
        *out = (struct buffer){0};
        uv_buf_t buf = uv_buf_init((char *)writing->data.data, (unsigned)writing->data.len);
        client->unsent += writing->data.len;
        if (uv_write(&writing->request, (uv_stream_t *)&client->pipe, &buf, 1, has_written) == 0)
            return;
        client->unsent -= writing->data.len;
        buffer_release(&writing->data);
        free(writing);
    }
    control_client_close(client);
}

/* An answer's end. Mostly all of it goes at once: then nobody has to be called back. */
static void write_end(struct control_client *client, struct buffer *out)
{
    uv_buf_t buf = uv_buf_init((char *)out->data, (unsigned)out->len);
    int sent = out->failed || client->unsent > 0 ? 0 : uv_try_write((uv_stream_t *)&client->pipe, &buf, 1);
    if (sent < 0 || (size_t)sent < out->len) {
        if (sent > 0) {
            out->len -= (size_t)sent;
            memmove(out->data, out->data + sent, out->len);
        }
        write_out(client, out);
    }
}

void control_send(struct control_request *request, control_step then)
{
    struct control_client *client = request->client;
    request->step = then;
    request->waiting = STEP_SENDING;
    if (client && (request->out.len > 0 || request->out.failed)) {
        write_out(client, &request->out);
        return;
    }
    buffer_clear(&request->out);
    control_wake(request);
}

void control_put_now(struct control_request *request)
{
    if (request->client && request->client->unsent < CONTROL_CHUNK && request->out.len > 0)
        write_out(request->client, &request->out);
    buffer_clear(&request->out);
}

/* ---- answers in their order ---- */

/* The one before it has been answered. */
static void becomes_first(struct control_request *request)
{
    request->earlier = NULL;
    if (request->ended) {
        control_finish(request);
    } else if (request->comes_first) {
        request->comes_first = false;
        control_take_turn(request);
    }
}

void control_finish(struct control_request *request)
{
    struct control_client *client = request->client;
    struct control_server *server = request->daemon->control;
    struct control_request *later = request->later;
    if (request->earlier) {
        request->ended = true;
        request->waiting = STEP_TURN;
        return;
    }
    if (client) {
        client->request = later;
        if (request->out.len > 0 || request->out.failed)
            write_end(client, &request->out); /* which may close it */
    }
    control_server_forget(server, request);
    control_request_free(request);
    if (later)
        becomes_first(later);
    if (client && !client->closing)
        control_client_take(client);
}

void control_let_next(struct control_request *request)
{
    request->lets_next = true;
    if (request->client && !request->client->closing)
        control_client_take(request->client);
}

bool control_import_first(struct control_request *request)
{
    bool first = request->client && !request->client->imports;
    if (request->client)
        request->client->imports = true;
    return first;
}

bool control_has_imported(const struct control_request *request)
{
    return request->client && request->client->imports;
}
