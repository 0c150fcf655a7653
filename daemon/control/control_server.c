/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket's server: clients, frames, and the order of answers. What the answers say is in control_*.c.
 *
 * A client may send requests without waiting; they are taken one by one, in order (but for one that records, which may
 * begin while the log commits what the one before it records). While one is being answered the client is read on only
 * up to a bound, and an answer is produced only as fast as the client takes it: whoever does not read is slowed, and
 * holds no more memory here than a few frames. */
#include <assert.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/control/control.h"
#include "daemon/control/control_audit.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_group.h"
#include "daemon/control/control_inside.h"
#include "daemon/control/control_socket.h"
#include "daemon/loop.h"
#include "daemon/report.h"

#define BACKLOG 128
#define CLIENTS_MAX 512u
#define READ_SIZE (64u * 1024)
#define SWEEP_MS 2000
/* How long a pause waits for what is at work before it cuts it short. */
#define PAUSE_MS 20000
/* So many records of one client at once: one is being committed, the next ones share the commit after that. */
#define AT_ONCE_MAX 3u

struct control_client {
    uv_pipe_t pipe;
    int64_t uid;                     /* the system's user; -1: not known */
    struct control_server *server;
    struct control_client *next;
    struct buffer in;
    struct control_request *request; /* the one being answered; more may have begun (its `later`, and so on) */
    size_t unsent;                   /* bytes of answers that it has not taken yet */
    bool reading, closing, taking;
    bool ended;                      /* it has said that it sends no more */
    struct control_recent recent;    /* whose record it was shown just now */
    bool imports;
};

struct writing {
    uv_write_t request;
    struct control_client *client;
    struct buffer data;
};

struct control_server {
    struct daemon *daemon;
    uv_pipe_t listener;
    struct control_client *clients;
    struct loop_timer *sweep, *patience;
    struct control_group *group;
    struct report_often turned_away;
    unsigned client_count, handles;
    bool paused;
    struct control_request *requests;  /* all that were begun and have not ended */
    struct control_request *waiting; /* for the projector */
    struct control_request *importing; /* the first has its turn */
    struct control_spares spares;
    char path[4096];
};

static void take_requests(struct control_client *client);

/* ---- clients ---- */

static void client_closed(uv_handle_t *handle)
{
    struct control_client *client = handle->data;
    buffer_release(&client->in);
    control_shown_release(&client->recent.shown);
    client->server->handles--;
    free(client);
}

static void close_client(struct control_client *client)
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
        take_requests(client);
        return;
    }
    if (got < 0) {
        close_client(client);
        return;
    }
    client->in.len += (size_t)got;
    take_requests(client);
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
static void control_reading(struct control_client *client)
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
        loop_timer_set(client->server->sweep, SWEEP_MS);
}

/* Closed altogether, not only for writing. */
static bool has_left(const struct control_client *client)
{
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&client->pipe, &fd) != 0)
        return true;
    struct pollfd look = {.fd = fd};
    return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

/* Whoever is not read on could leave unnoticed: a follower that waits for news would stay for ever. What a client has
 * asked to be done is done all the same. */
static void sweep(void *context)
{
    struct control_server *server = context;
    bool any = false;
    for (struct control_client *client = server->clients, *next; client; client = next) {
        next = client->next;
        bool waits = client->request && (client->request->waiting == STEP_WAITING ||
                                         client->request->waiting == STEP_SENDING);
        any |= !client->reading;
        if (!client->reading && waits && has_left(client))
            close_client(client);
    }
    if (any)
        loop_timer_set(server->sweep, SWEEP_MS);
}

static void begin_request(struct control_client *client, struct bytes payload, size_t size)
{
    struct control_request *request = control_request_new(client->server->daemon, client, payload);
    client->in.len -= size;
    memmove(client->in.data, client->in.data + size, client->in.len);
    sodium_memzero(client->in.data + client->in.len, size); /* it may have been a passphrase */
    if (!request) {
        close_client(client);
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

static void take_requests(struct control_client *client)
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
            close_client(client); /* not our protocol, or the end */
        if (size == SIZE_MAX || size == 0)
            break;
        begin_request(client, payload, size);
    }
    client->taking = false;
    if (!client->closing && client->in.len == 0 && client->in.cap > CONTROL_CHUNK)
        buffer_release(&client->in);
    control_reading(client);
}

/* Those who may not ask are told so, but do not take the others' places. */
static unsigned clients_max(const struct control_server *server, int64_t uid)
{
    return control_gate_knows(&server->daemon->config, uid) ? CLIENTS_MAX : CLIENTS_MAX / 2;
}

static bool is_let_in(struct control_client *client)
{
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&client->pipe, &fd) != 0)
        return false;
    client->uid = control_socket_uid(fd); /* who connected: the system never changes it */
    return client->server->client_count <= clients_max(client->server, client->uid);
}

static void new_client(uv_stream_t *listener, int status)
{
    struct control_server *server = listener->data;
    struct control_client *client = status == 0 ? calloc(1, sizeof *client) : NULL;
    if (!client)
        return;
    client->server = server;
    client->uid = -1;
    client->pipe.data = client;
    uv_pipe_init(listener->loop, &client->pipe, 0);
    server->handles++;
    client->next = server->clients;
    server->clients = client;
    server->client_count++;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0 || !is_let_in(client)) {
        if (report_again(&server->turned_away, clock_steady_ms()))
            report(LEVEL_WARNING, "a local client was turned away: one too many");
        close_client(client);
        return;
    }
    control_reading(client);
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
        close_client(client);
    else if (client->request && client->request->waiting == STEP_SENDING)
        control_wake(client->request);
    else
        take_requests(client);
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
    close_client(client);
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

static void leave_list(struct control_server *server, const struct control_request *request)
{
    *(request->previous ? &request->previous->next : &server->requests) = request->next;
    if (request->next)
        request->next->previous = request->previous;
}

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
    leave_list(server, request);
    control_request_free(request);
    if (later)
        becomes_first(later);
    if (client && !client->closing)
        take_requests(client);
}

void control_let_next(struct control_request *request)
{
    request->lets_next = true;
    if (request->client && !request->client->closing)
        take_requests(request->client);
}

bool control_import_first(struct control_request *request)
{
    bool first = request->client && !request->client->imports;
    if (request->client)
        request->client->imports = true;
    return first;
}

/* Whoever does not take an answer (a pager that was left open) uses the record no more than who follows the log. */
static bool is_used(const struct control_request *request)
{
    return control_need(request->verb) != NEED_ANY && request->waiting != STEP_SENDING &&
           (request->verb != CONTROL_LOG || !control_arg_bool(request, "follow", false));
}

bool control_server_busy(const struct control_server *server)
{
    for (const struct control_request *request = server->requests; request; request = request->next)
        if (is_used(request))
            return true;
    return false;
}

/* ---- pausing ---- */

bool control_paused(const struct control_server *server)
{
    return server->paused;
}

bool control_put_off(struct control_request *request)
{
    request->due = request->daemon->control->paused && !request->holds;
    return request->due;
}

static bool is_at_rest(const struct control_request *request)
{
    bool rests = request->waiting == STEP_SENDING || request->waiting == STEP_WAITING || request->waiting == STEP_TURN;
    return rests && !request->holds;
}

static bool any_at_work(const struct control_server *server)
{
    const struct control_request *request = server->requests;
    while (request && is_at_rest(request))
        request = request->next;
    return request != NULL;
}

/* Whoever is still at work after so long may be waiting for a client that does not read. */
static void cut_short(void *context)
{
    struct control_server *server = context;
    for (struct control_client *client = server->clients, *next; client; client = next) {
        next = client->next;
        const struct control_request *request = client->request;
        while (request && is_at_rest(request))
            request = request->later;
        if (request)
            close_client(client);
    }
}

void control_server_pause(struct control_server *server)
{
    server->paused = true;
    control_group_flush(server->group); /* a step may have come here */
    loop_timer_set(server->patience, PAUSE_MS);
    while (any_at_work(server))
        uv_run(server->daemon->loop, UV_RUN_ONCE);
    loop_timer_stop(server->patience);
}

void control_server_resume(struct control_server *server)
{
    server->paused = false;
    struct control_request *request = server->requests;
    while (request) {
        if (!request->due) {
            request = request->next;
            continue;
        }
        request->due = false;
        control_wake(request);
        request = server->requests; /* the list may have changed altogether */
    }
    for (struct control_client *client = server->clients, *next; client; client = next) {
        next = client->next;
        take_requests(client);
    }
}

/* ---- the server ---- */

struct control_request **control_waiting(struct control_server *server)
{
    return &server->waiting;
}

struct control_request **control_importing(struct control_server *server)
{
    return &server->importing;
}

struct control_spares *control_spares(struct control_server *server)
{
    return &server->spares;
}

struct control_group *control_group_of(struct control_server *server)
{
    return server->group;
}

static void free_server(struct control_server *server)
{
    loop_timer_free(server->sweep);
    loop_timer_free(server->patience);
    control_group_free(server->group);
    control_spares_free(&server->spares);
    free(server);
}

enum felloe_code control_server_open(struct control_server **out, struct daemon *daemon, struct felloe_error *error)
{
    struct control_server *server = calloc(1, sizeof *server);
    if (!server)
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out while opening the local socket.");
    server->daemon = daemon;
    server->sweep = loop_timer_new(daemon->loop, sweep, server);
    server->patience = loop_timer_new(daemon->loop, cut_short, server);
    server->group = control_group_new(daemon);
    if (!server->sweep || !server->patience || !server->group) {
        free_server(server);
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out while opening the local socket.");
    }
    config_socket_path(&daemon->config, daemon->dir, server->path, sizeof server->path);
    int fd = control_socket_bind(server->path, daemon->config.socket_group, error);
    if (fd < 0) {
        free_server(server);
        return error ? error->code : FELLOE_FAILED;
    }
    uv_pipe_init(daemon->loop, &server->listener, 0);
    server->listener.data = server;
    server->handles = 1;
    int rc = uv_pipe_open(&server->listener, fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&server->listener, BACKLOG, new_client);
    *out = server;
    if (rc == 0)
        return FELLOE_OK;
    control_server_close(server);
    *out = NULL;
    return felloe_fail(error, FELLOE_FAILED, "Cannot listen on the local socket: %s.", uv_strerror(rc));
}

static void listener_closed(uv_handle_t *handle)
{
    struct control_server *server = handle->data;
    server->handles--;
}

static void forget_first(struct control_server *server)
{
    struct control_request *request = server->requests;
    leave_list(server, request);
    control_request_free(request);
}

/* Requests that are at work end first: they use the log and the views, which are closed after this. */
void control_server_close(struct control_server *server)
{
    if (!server)
        return;
    uv_close((uv_handle_t *)&server->listener, listener_closed);
    control_group_flush(server->group);
    while (server->clients)
        close_client(server->clients);
    while (server->paused && server->requests) /* at rest, and never to go on: what they would use is closed */
        forget_first(server);
    while (server->requests || server->handles > 0)
        uv_run(server->daemon->loop, UV_RUN_ONCE);
    unlink(server->path);
    free_server(server);
}
