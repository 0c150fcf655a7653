/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ sockets in a libuv loop, and whole messages in and out of them; see net_socket.h. */
#include "daemon/net/net_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <zmq.h>

_Static_assert(sizeof(zmq_msg_t) == sizeof(((struct net_frame *)0)->raw), "a frame holds a zmq_msg_t");

#define HANDSHAKE_MS 5000
/* Whole messages on their way out in ZeroMQ's pipes per peer: each may have BODY_MAX bytes, so few. On their way in
 * there is no bound: where one is reached, 4.3.4 stops reading, and if the peer then hangs up and a heartbeat is due or
 * among what it had read, it aborts. Sixty small messages and a PING were enough. The hub has net_guard.h instead. */
#define PIPE_MESSAGES 16
#define NO_BOUND      0
/* The system's send buffer: larger ones put a minute's worth of bytes in front of a slow link. */
#define SEND_BUFFER (256 * 1024)
/* In a row of one source, without a wake-up. */
#define FLUSHES_MAX 8

/* ---- the pump ---- */

struct net_source {
    struct net_pump *pump;
    struct net_source *next;
    void *socket; /* NULL once freed; the memory lives until libuv is done */
    bool stirred; /* its events have to be read before the loop sleeps */
    unsigned again; /* times in a row that its own flush stirred it */
    uv_poll_t poll;
    bool (*receive)(void *context);
    void (*flush)(void *context);
    bool (*wants)(void *context); /* see net_source_ask; NULL: never */
    void *context;
};

struct net_pump {
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    int open_handles;
    struct net_source *sources;
};

static void woken(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    net_source_stir(poll->data);
}

static void do_nothing_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* Reading the events is also what makes ZeroMQ do its housekeeping and re-arms its descriptor. */
static bool is_readable(const struct net_source *source)
{
    int events = 0;
    size_t size = sizeof events;
    if (source->socket == NULL || zmq_getsockopt(source->socket, ZMQ_EVENTS, &events, &size) != 0)
        return false;
    return (events & ZMQ_POLLIN) != 0;
}

void net_source_stir(struct net_source *source)
{
    if (source != NULL)
        source->stirred = true;
}

void net_source_ask(struct net_source *source, bool (*wants)(void *context))
{
    source->wants = wants;
}

/* What flush leaves for another flush does not wait for the next wake-up; but where that never ends (memory is short,
 * say) the loop has to sleep. */
static void settle(struct net_source *source)
{
    is_readable(source); /* learns of pipes that have room again, for flush */
    source->stirred = false;
    if (source->socket != NULL && source->flush != NULL)
        source->flush(source->context);
    source->again = source->stirred && source->again < FLUSHES_MAX ? source->again + 1 : 0;
    source->stirred = is_readable(source) || source->again > 0; /* looked at again, since flush may have sent */
}

/* A source that nobody used and whose descriptor is still has nothing to tell: most turns of the loop are of the local
 * socket and the disk, and two looks at each source would be two system calls each. */
static void before_poll(uv_prepare_t *handle)
{
    struct net_pump *pump = handle->data;
    bool pending = false;
    for (struct net_source *source = pump->sources, *next; source != NULL; source = next) {
        next = source->next;
        if (source->stirred || (source->wants != NULL && source->wants(source->context)))
            settle(source);
    }
    for (const struct net_source *source = pump->sources; source != NULL; source = source->next)
        pending |= source->stirred; /* also where another's flush used it */
    if (pending)
        uv_idle_start(&pump->idle, do_nothing_idle);
}

static void after_poll(uv_check_t *handle)
{
    struct net_pump *pump = handle->data;
    uv_idle_stop(&pump->idle);
    for (struct net_source *source = pump->sources, *next; source != NULL; source = next) {
        next = source->next;
        for (int turn = 0; source->stirred && turn < NET_TURN && is_readable(source); turn++)
            if (!source->receive(source->context))
                break;
    }
}

struct net_pump *net_pump_new(uv_loop_t *loop)
{
    struct net_pump *pump = calloc(1, sizeof *pump);
    if (pump == NULL)
        return NULL;
    uv_prepare_init(loop, &pump->prepare);
    uv_check_init(loop, &pump->check);
    uv_idle_init(loop, &pump->idle);
    pump->prepare.data = pump->check.data = pump->idle.data = pump;
    pump->open_handles = 3;
    uv_prepare_start(&pump->prepare, before_poll);
    uv_check_start(&pump->check, after_poll);
    return pump;
}

static void pump_closed(uv_handle_t *handle)
{
    struct net_pump *pump = handle->data;
    if (--pump->open_handles == 0)
        free(pump);
}

void net_pump_free(struct net_pump *pump)
{
    if (pump == NULL)
        return;
    uv_close((uv_handle_t *)&pump->prepare, pump_closed);
    uv_close((uv_handle_t *)&pump->check, pump_closed);
    uv_close((uv_handle_t *)&pump->idle, pump_closed);
}

struct net_source *net_source_new(struct net_pump *pump, void *socket, bool (*receive)(void *context),
                                  void (*flush)(void *context), void *context)
{
    int fd = -1;
    size_t size = sizeof fd;
    struct net_source *source = calloc(1, sizeof *source);
    if (source == NULL || zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0 ||
        uv_poll_init(pump->prepare.loop, &source->poll, fd) != 0) {
        free(source);
        return NULL;
    }
    source->poll.data = source;
    source->pump = pump;
    source->socket = socket;
    source->receive = receive;
    source->flush = flush;
    source->context = context;
    source->stirred = true;
    source->next = pump->sources;
    pump->sources = source;
    uv_poll_start(&source->poll, UV_READABLE, woken);
    return source;
}

static void source_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void net_source_free(struct net_source *source)
{
    if (source == NULL)
        return;
    struct net_source **link = &source->pump->sources;
    while (*link != source)
        link = &(*link)->next;
    *link = source->next;
    source->socket = NULL;
    uv_poll_stop(&source->poll);
    uv_close((uv_handle_t *)&source->poll, source_closed);
}

/* ---- messages in ---- */

/* A frame under CURVE: flags and length of the outer frame, "MESSAGE" and its length, nonce, tag, inner flags. */
#define CURVE_OVERHEAD (2u + 8 + 8 + 16 + 1)
#define CURVE_SHORT    (255u - (8 + 8 + 16 + 1))
#define LONG_LENGTH    7u

static zmq_msg_t *msg_of(struct net_frame *frame)
{
    return (zmq_msg_t *)frame->raw;
}

bool net_receive(void *socket, struct net_frames *frames)
{
    frames->count = frames->kept = frames->wire = 0;
    for (bool more = true; more;) {
        struct net_frame extra, *frame = frames->kept < NET_FRAMES_MAX ? &frames->at[frames->kept] : &extra;
        zmq_msg_init(msg_of(frame));
        int received;
        do
            received = zmq_msg_recv(msg_of(frame), socket, ZMQ_DONTWAIT);
        while (received < 0 && errno == EINTR);
        if (received < 0) {
            zmq_msg_close(msg_of(frame));
            net_frames_release(frames);
            return false;
        }
        frame->bytes = bytes_of(zmq_msg_data(msg_of(frame)), zmq_msg_size(msg_of(frame)));
        if (frames->count > 0)
            frames->wire += CURVE_OVERHEAD + frame->bytes.len + (frame->bytes.len > CURVE_SHORT ? LONG_LENGTH : 0);
        more = zmq_msg_more(msg_of(frame)) != 0;
        frames->count++;
        if (frame == &extra)
            zmq_msg_close(msg_of(frame));
        else
            frames->kept++;
    }
    return true;
}

void net_frames_release(struct net_frames *frames)
{
    for (size_t i = 0; i < frames->kept; i++)
        zmq_msg_close(msg_of(&frames->at[i]));
    frames->kept = 0;
}

const char *net_frame_user(struct net_frame *frame)
{
    const char *user = zmq_msg_gets(msg_of(frame), "User-Id");
    return user != NULL ? user : "";
}

int net_frame_socket(struct net_frame *frame)
{
    return zmq_msg_get(msg_of(frame), ZMQ_SRCFD);
}

static void release_received(void *owner)
{
    zmq_msg_close(owner);
    free(owner);
}

bool net_frame_lend(struct net_frame *frame, struct lent *out)
{
    zmq_msg_t *kept = malloc(sizeof *kept);
    if (kept == NULL)
        return false;
    zmq_msg_init(kept);
    zmq_msg_move(kept, msg_of(frame));
    *out = (struct lent){bytes_of(zmq_msg_data(kept), zmq_msg_size(kept)), release_received, kept};
    return true;
}

/* ---- messages out ---- */

struct net_outgoing *net_outgoing_new(struct buffer *header, struct lent *body)
{
    struct net_outgoing *message = header->failed ? NULL : malloc(sizeof *message);
    if (message == NULL) {
        buffer_release(header);
        lent_return(body);
        return NULL;
    }
    *message = (struct net_outgoing){.header = *header, .body = *body};
    *header = (struct buffer){0};
    *body = (struct lent){0};
    return message;
}

size_t net_outgoing_size(const struct net_outgoing *message)
{
    return message->header.len + message->body.bytes.len + sizeof *message;
}

void net_outgoing_free(struct net_outgoing *message)
{
    buffer_release(&message->header);
    lent_return(&message->body);
    free(message);
}

/* ZeroMQ gives a body back, on its I/O thread. */
static void body_sent(void *data, void *hint)
{
    (void)data;
    lent_return(hint);
    free(hint);
}

static bool send_body(void *socket, struct lent *body)
{
    zmq_msg_t msg;
    struct lent *hint = body->bytes.len > 0 ? malloc(sizeof *hint) : NULL;
    if (hint != NULL) {
        *hint = *body;
        /* ZeroMQ does not write to it; its interface cannot say so. */
        if (zmq_msg_init_data(&msg, (void *)(uintptr_t)body->bytes.data, body->bytes.len, body_sent, hint) == 0) {
            *body = (struct lent){0};
        } else {
            free(hint);
            zmq_msg_init(&msg);
        }
    } else {
        zmq_msg_init(&msg); /* an empty frame; also without memory, where the peer asks again */
    }
    if (zmq_msg_send(&msg, socket, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(&msg);
    return false;
}

enum net_sent net_send(void *socket, struct bytes routing, struct net_outgoing *message)
{
    const int more = ZMQ_SNDMORE | ZMQ_DONTWAIT;
    int sent = routing.len > 0 ? zmq_send(socket, routing.data, routing.len, more)
                               : zmq_send(socket, message->header.data, message->header.len, more);
    if (sent < 0)
        return errno == EHOSTUNREACH ? NET_GONE : NET_FULL;
    /* From here on ZeroMQ has room for the message, or drops it because the peer is gone. */
    if (routing.len > 0)
        (void)!zmq_send(socket, message->header.data, message->header.len, more);
    (void)!send_body(socket, &message->body);
    net_outgoing_free(message);
    return NET_SENT;
}

/* ---- connections ---- */

struct net_line net_line_of(int fd)
{
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0 || !S_ISSOCK(file.st_mode))
        return (struct net_line){.fd = -1};
    return (struct net_line){.fd = fd, .inode = file.st_ino};
}

static bool is_open(struct net_line line)
{
    return line.fd >= 0 && net_line_of(line.fd).inode == line.inode;
}

void net_line_cut(struct net_line line)
{
    if (is_open(line))
        shutdown(line.fd, SHUT_RDWR);
}

bool net_line_heard(struct net_line line, uint64_t now_ms, uint64_t *heard_ms)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (!is_open(line) || getsockopt(line.fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    *heard_ms = now_ms > info.tcpi_last_data_recv ? now_ms - info.tcpi_last_data_recv : 0;
    return true;
}

/* ---- options ---- */

bool net_set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

bool net_set_common(void *socket)
{
    int64_t frame_max = FRAME_MAX;
    return net_set(socket, ZMQ_LINGER, 0) && net_set(socket, ZMQ_IPV6, 1) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) == 0 &&
           net_set(socket, ZMQ_SNDHWM, PIPE_MESSAGES) && net_set(socket, ZMQ_RCVHWM, NO_BOUND) &&
           net_set(socket, ZMQ_SNDBUF, SEND_BUFFER) && net_set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           net_set(socket, ZMQ_TCP_KEEPALIVE, 1);
}

const char *net_error(void)
{
    return zmq_strerror(errno);
}
