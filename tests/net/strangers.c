/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers at a hub's door: COUNT connections at once, for SECONDS, that say nothing, garbage, half a greeting, a
 * letter at a time, a greeting of other times, a frame without end, or come with keys that nobody let in. Whoever is
 * hung up on comes again.
 *
 *   strangers TICKET COUNT SECONDS      the ticket tells the hub's address and key; its own key is not used */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <uv.h>
#include <zmq.h>

#include "tests/net/laptop.h"

#define GREETING  64
#define AGAIN_MS  100
#define SLOW_MS   200
#define SAYS_MAX  4096

enum kind { SILENT, GARBAGE, HALF, SLOW, NULL_MECHANISM, OLD, ENDLESS, FORGED_HELLO, KINDS };

struct stranger {
    enum kind kind;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    uint8_t says[SAYS_MAX];
    size_t len, said;
    bool there;
};

static uv_loop_t loop;
static struct sockaddr_in hub;
static struct stranger *strangers;
static size_t count;
static bool over;
static unsigned long connects, refused, hung_up;
static char ignored[65536];

/* ---- what they say ---- */

static void greeting(uint8_t *out, const char *mechanism)
{
    memset(out, 0, GREETING);
    out[0] = 0xff;
    out[9] = 0x7f;
    out[10] = 3;
    memcpy(out + 12, mechanism, strlen(mechanism));
}

static void prepare(struct stranger *s)
{
    randombytes_buf(s->says, sizeof s->says);
    s->said = 0;
    s->len = 0;
    switch (s->kind) {
    case SILENT:
        break;
    case GARBAGE:
        s->len = 1 + randombytes_uniform(SAYS_MAX);
        break;
    case HALF:
        greeting(s->says, "CURVE");
        s->len = 1 + randombytes_uniform(GREETING - 1);
        break;
    case SLOW:
        greeting(s->says, "CURVE");
        s->len = GREETING;
        break;
    case NULL_MECHANISM:
        greeting(s->says, "NULL");
        s->len = GREETING + 100;
        break;
    case OLD:
        s->says[0] = 1;
        s->says[1] = 0;
        s->len = 500;
        break;
    case ENDLESS: /* a command of 2^40 bytes */
        greeting(s->says, "CURVE");
        memcpy(s->says + GREETING, "\x06\0\0\1\0\0\0\0\0", 9);
        s->len = SAYS_MAX;
        break;
    default: /* of the right form and length, and sealed with nothing */
        greeting(s->says, "CURVE");
        memcpy(s->says + GREETING, "\x04\xc8\x05HELLO\1\0", 10);
        memset(s->says + GREETING + 10, 0, 72);
        s->len = GREETING + 2 + 200;
    }
}

/* ---- coming, and coming again ---- */

static void come(struct stranger *s);

static void again(uv_timer_t *timer)
{
    if (!over)
        come(timer->data);
}

static void closed(uv_handle_t *handle)
{
    struct stranger *s = handle->data;
    if (!over)
        uv_timer_start(&s->timer, again, AGAIN_MS, 0);
}

static void leave(struct stranger *s)
{
    uv_timer_stop(&s->timer);
    if (s->there)
        uv_close((uv_handle_t *)&s->tcp, closed);
    s->there = false;
}

static void room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    (void)handle, (void)wanted;
    *buf = uv_buf_init(ignored, sizeof ignored);
}

static void heard(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    (void)buf;
    if (len >= 0)
        return;
    hung_up++;
    leave(stream->data);
}

static void written(uv_write_t *write, int status)
{
    if (status < 0)
        leave(write->data);
}

static void say(struct stranger *s, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)s->says + s->said, (unsigned)len);
    s->said += len;
    s->write.data = s;
    if (uv_write(&s->write, (uv_stream_t *)&s->tcp, &buf, 1, written) != 0)
        leave(s);
}

static void say_a_letter(uv_timer_t *timer)
{
    struct stranger *s = timer->data;
    if (s->said < s->len)
        say(s, 1);
}

static void connected(uv_connect_t *request, int status)
{
    struct stranger *s = request->data;
    if (status < 0) {
        refused++;
        leave(s);
        return;
    }
    connects++;
    uv_read_start((uv_stream_t *)&s->tcp, room, heard);
    if (s->kind == SLOW)
        uv_timer_start(&s->timer, say_a_letter, SLOW_MS, SLOW_MS);
    else if (s->len > 0)
        say(s, s->len);
}

static void come(struct stranger *s)
{
    prepare(s);
    s->there = uv_tcp_init(&loop, &s->tcp) == 0;
    s->tcp.data = s->connect.data = s;
    if (uv_tcp_connect(&s->connect, &s->tcp, (struct sockaddr *)&hub, connected) != 0)
        leave(s);
}

static void time_is_up(uv_timer_t *timer)
{
    (void)timer;
    over = true;
    for (size_t i = 0; i < count; i++)
        leave(&strangers[i]);
    uv_stop(&loop);
}

/* ---- those with a key ---- */

static void **come_with_keys(void *zmq, const char *ticket, size_t how_many)
{
    void **sockets = calloc(how_many, sizeof *sockets);
    for (size_t i = 0; sockets != NULL && i < how_many; i++) {
        struct laptop laptop;
        if (!laptop_make(&laptop, ticket))
            return NULL;
        if (i % 2 == 1) /* knows the hub's key wrongly, too */
            randombytes_buf(laptop.ticket.hub_curve, sizeof laptop.ticket.hub_curve);
        if (!laptop_connect(&laptop, zmq, false))
            return NULL;
        sockets[i] = laptop.socket;
    }
    return sockets;
}

static bool address_of(const char *ticket)
{
    struct ticket parsed;
    if (ticket_parse(bytes_str(ticket), &parsed, NULL) != FELLOE_OK)
        return false;
    const char *host = parsed.address + strlen("tcp://"), *colon = strrchr(host, ':');
    char name[64] = "";
    return colon != NULL && bytes_to_text(bytes_of(host, (size_t)(colon - host)), name, sizeof name) &&
           uv_ip4_addr(name, (int)strtol(colon + 1, NULL, 10), &hub) == 0;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc != 4 || sodium_init() < 0 || !address_of(argv[1])) {
        fprintf(stderr, "strangers TICKET COUNT SECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    size_t with_keys = (size_t)strtoul(argv[2], NULL, 10) / 5;
    count = (size_t)strtoul(argv[2], NULL, 10) - with_keys;
    strangers = calloc(count, sizeof *strangers);
    void *zmq = zmq_ctx_new();
    zmq_ctx_set(zmq, ZMQ_MAX_SOCKETS, (int)with_keys + 16);
    void **sockets = come_with_keys(zmq, argv[1], with_keys);
    if (strangers == NULL || sockets == NULL) {
        fprintf(stderr, "strangers: %s\n", zmq_strerror(zmq_errno()));
        return 1;
    }
    uv_timer_t end;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &end);
    uv_timer_start(&end, time_is_up, strtoull(argv[3], NULL, 10) * 1000, 0);
    for (size_t i = 0; i < count; i++) {
        strangers[i].kind = (enum kind)(i % KINDS);
        uv_timer_init(&loop, &strangers[i].timer);
        strangers[i].timer.data = &strangers[i];
        come(&strangers[i]);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    printf("%zu at once, %zu more with keys: %lu connections, %lu refused, %lu hung up on\n", count, with_keys,
           connects, refused, hung_up);
    for (size_t i = 0; i < with_keys; i++)
        zmq_close(sockets[i]);
    zmq_ctx_term(zmq);
    return 0;
}
