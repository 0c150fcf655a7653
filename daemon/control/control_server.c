/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket's server: who is let in, all that is under way, and pauses. One client is control_client.c's, what
 * the answers say is in control_*.c. */
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/control/control_client.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_group.h"
#include "daemon/control/control_socket.h"

#define BACKLOG 128
#define CLIENTS_MAX 512u
/* How long a pause waits for what is at work before it cuts it short. */
#define PAUSE_MS 20000

/* ---- clients ---- */

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
            control_client_close(client);
    }
    if (any)
        loop_timer_set(server->sweep, CONTROL_SWEEP_MS);
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
        control_client_close(client);
        return;
    }
    control_client_take(client);
}

/* ---- requests ---- */

void control_server_forget(struct control_server *server, const struct control_request *request)
{
    *(request->previous ? &request->previous->next : &server->requests) = request->next;
    if (request->next)
        request->next->previous = request->previous;
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
            control_client_close(client);
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
        control_client_take(client);
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
    const bool spares = control_spares_init(&server->spares, daemon->loop);
    if (!server->sweep || !server->patience || !server->group || !spares) {
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
    control_server_forget(server, request);
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
        control_client_close(server->clients);
    while (server->paused && server->requests) /* at rest, and never to go on: what they would use is closed */
        forget_first(server);
    while (server->requests || server->handles > 0)
        uv_run(server->daemon->loop, UV_RUN_ONCE);
    unlink(server->path);
    free_server(server);
}
