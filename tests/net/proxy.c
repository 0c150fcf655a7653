/* SPDX-License-Identifier: Apache-2.0 */
/* A bad network between a laptop and its hub: a TCP proxy that knows ZMTP's frames and loses, doubles, exchanges,
 * delays and cuts them, or is thin, or deaf in one direction.
 *
 *   proxy LISTEN CONTROL TO [SEED [NAME VALUE]...]     three ports of 127.0.0.1
 *
 * Who connects to CONTROL says lines: "NAME VALUE" sets one of way.h's faults, "cut" cuts all connections, "counts"
 * tells what has happened so far; each is answered by one line. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "tests/net/way.h"

#define TICK_MS 5
#define CHUNK   65536

enum { UP, DOWN };

struct pair {
    struct pair *next;
    uv_tcp_t ends[2];   /* the laptop's, the hub's; way UP leads from the first to the second */
    uv_connect_t connect;
    struct way ways[2];
    bool reading[2], connected, closing;
    bool ended[2];      /* this end has said all; the other is told once it has got it */
    int open;           /* handles */
};

static uv_loop_t loop;
static uv_tcp_t listener, control;
static uv_timer_t timer;
static struct sockaddr_in hub;
static struct pair *pairs;
static struct faults faults = {.buffer = 1 << 20};
static struct way_counts counts[2];
static uint64_t connections, early_cuts, seed = 1, random_state, ticked_ms;
static double allowance[2]; /* bytes that may go now */
static char chunk[CHUNK];

static const struct {
    const char *name;
    uint64_t *value;
} settings[] = {{"rate", &faults.rate},     {"buffer", &faults.buffer}, {"delay", &faults.delay},
                {"jitter", &faults.jitter}, {"drop", &faults.drop},     {"twice", &faults.twice},
                {"swap", &faults.swap},     {"cut", &faults.cut},       {"early", &faults.early},
                {"silent", &faults.silent}, {"closed", &faults.closed}};

/* ---- connections ---- */

static void closed(uv_handle_t *handle)
{
    struct pair *pair = handle->data;
    if (--pair->open > 0)
        return;
    struct pair **link = &pairs;
    while (*link != pair)
        link = &(*link)->next;
    *link = pair->next;
    way_release(&pair->ways[UP]);
    way_release(&pair->ways[DOWN]);
    free(pair);
}

static void hang_up(struct pair *pair)
{
    if (pair->closing)
        return;
    pair->closing = true;
    uv_close((uv_handle_t *)&pair->ends[0], closed);
    uv_close((uv_handle_t *)&pair->ends[1], closed);
}

static void room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    (void)handle, (void)wanted;
    *buf = uv_buf_init(chunk, sizeof chunk); /* read, taken and done with before the next */
}

static void send_due(struct pair *pair, int direction);

static void have_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct pair *pair = stream->data;
    int direction = stream == (uv_stream_t *)&pair->ends[0] ? UP : DOWN;
    if (len < 0) {
        uv_read_stop(stream);
        pair->reading[direction] = false;
        pair->ended[direction] = true;
    } else {
        way_take(&pair->ways[direction], bytes_of(buf->base, (size_t)len), uv_now(&loop));
    }
    send_due(pair, direction);
}

static void read_while_there_is_room(struct pair *pair, int direction)
{
    uv_stream_t *stream = (uv_stream_t *)&pair->ends[direction];
    bool wanted = !pair->ended[direction] && !pair->ways[direction].broken &&
                  pair->ways[direction].waiting < faults.buffer;
    if (wanted == pair->reading[direction])
        return;
    pair->reading[direction] = wanted;
    if (wanted)
        uv_read_start(stream, room, have_read);
    else
        uv_read_stop(stream);
}

static void send_due(struct pair *pair, int direction)
{
    struct way *way = &pair->ways[direction];
    bool silent = faults.silent & (direction == UP ? 1 : 2);
    while (!pair->closing && !silent && (faults.rate == 0 || allowance[direction] >= 1)) {
        struct bytes ready = way_ready(way, uv_now(&loop));
        if (faults.rate > 0 && ready.len > (size_t)allowance[direction])
            ready.len = (size_t)allowance[direction];
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)ready.data, (unsigned)ready.len);
        int sent = ready.len > 0 ? uv_try_write((uv_stream_t *)&pair->ends[!direction], &buf, 1) : 0;
        if (sent < 0 && sent != UV_EAGAIN)
            hang_up(pair);
        if (sent <= 0)
            break;
        way_sent(way, (size_t)sent);
        if (faults.rate > 0)
            allowance[direction] -= sent;
    }
    if (way->waiting == 0 && (way->broken || pair->ended[direction]))
        hang_up(pair);
    if (!pair->closing)
        read_while_there_is_room(pair, direction);
}

static void connected(uv_connect_t *request, int status)
{
    struct pair *pair = request->handle->data;
    if (status < 0) {
        hang_up(pair);
        return;
    }
    pair->connected = true;
    send_due(pair, UP);
    send_due(pair, DOWN);
}

static void small_buffers(uv_tcp_t *tcp)
{
    int size = faults.buffer < 32768 ? 8192 : 262144; /* else the system's own would be the link's */
    uv_recv_buffer_size((uv_handle_t *)tcp, &size);
}

static void accepted(uv_stream_t *server, int status)
{
    struct pair *pair = status == 0 ? calloc(1, sizeof *pair) : NULL;
    if (pair == NULL)
        return;
    pair->next = pairs;
    pairs = pair;
    pair->open = 2;
    for (int i = 0; i < 2; i++) {
        uv_tcp_init_ex(&loop, &pair->ends[i], i == 1 ? AF_INET : AF_UNSPEC);
        pair->ends[i].data = pair;
        way_init(&pair->ways[i], &faults, &counts[i], seed * 1000003 + connections * 2 + (unsigned)i);
    }
    small_buffers(&pair->ends[1]);
    bool wanted = uv_accept(server, (uv_stream_t *)&pair->ends[0]) == 0 && faults.closed == 0;
    connections++;
    if (way_random(&random_state, 10000) < faults.early) {
        early_cuts++;
        wanted = false;
    }
    uv_tcp_nodelay(&pair->ends[0], 1);
    uv_tcp_nodelay(&pair->ends[1], 1);
    if (!wanted || uv_tcp_connect(&pair->connect, &pair->ends[1], (struct sockaddr *)&hub, connected) != 0)
        hang_up(pair);
}

static void for_all_pairs(void (*act)(struct pair *pair))
{
    for (struct pair *pair = pairs, *next; pair != NULL; pair = next) {
        next = pair->next;
        act(pair);
    }
}

static void send_all_due(struct pair *pair)
{
    if (!pair->connected)
        return;
    send_due(pair, UP);
    if (!pair->closing)
        send_due(pair, DOWN);
}

static void tick(uv_timer_t *handle)
{
    (void)handle;
    uint64_t now = uv_hrtime() / 1000000;
    for (int i = 0; i < 2; i++) {
        double most = (double)faults.rate / 8 * 0.05; /* what was not used is not saved up */
        allowance[i] += (double)faults.rate / 8 * (double)(now - ticked_ms) / 1000;
        if (allowance[i] > most + 1)
            allowance[i] = most + 1;
    }
    ticked_ms = now;
    for_all_pairs(send_all_due);
}

/* ---- control ---- */

struct visitor {
    uv_tcp_t tcp;
    char line[200];
    size_t len;
};

static void visitor_gone(uv_handle_t *handle)
{
    free(handle->data);
}

static void tell_counts(char *out, size_t size)
{
    size_t now = 0;
    for (const struct pair *pair = pairs; pair != NULL; pair = pair->next)
        now += !pair->closing;
    const struct way_counts *up = &counts[UP], *down = &counts[DOWN];
    snprintf(out, size,
             "connections=%" PRIu64 " now=%zu early=%" PRIu64 " up=%" PRIu64 " down=%" PRIu64 " frames=%" PRIu64
             " dropped=%" PRIu64 " doubled=%" PRIu64 " swapped=%" PRIu64 " cut=%" PRIu64 "\n",
             connections, now, early_cuts, up->bytes, down->bytes, up->frames + down->frames,
             up->dropped + down->dropped, up->doubled + down->doubled, up->swapped + down->swapped,
             up->cut + down->cut);
}

static bool set(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(name, settings[i].name) == 0) {
            *settings[i].value = strtoull(value, NULL, 10);
            return true;
        }
    return false;
}

static void obey(struct visitor *visitor)
{
    char answer[400] = "ok\n", *space = strchr(visitor->line, ' ');
    if (strcmp(visitor->line, "counts") == 0) {
        tell_counts(answer, sizeof answer);
    } else if (strcmp(visitor->line, "cut") == 0) {
        for_all_pairs(hang_up);
    } else {
        if (space != NULL)
            *space++ = '\0';
        if (space == NULL || !set(visitor->line, space))
            snprintf(answer, sizeof answer, "what is that?\n");
    }
    uv_buf_t buf = uv_buf_init(answer, (unsigned)strlen(answer));
    (void)uv_try_write((uv_stream_t *)&visitor->tcp, &buf, 1);
}

static void visitor_says(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct visitor *visitor = stream->data;
    for (ssize_t i = 0; i < len; i++) {
        if (buf->base[i] == '\n') {
            visitor->line[visitor->len] = '\0';
            obey(visitor);
            visitor->len = 0;
        } else if (visitor->len + 1 < sizeof visitor->line) {
            visitor->line[visitor->len++] = buf->base[i];
        }
    }
    if (len < 0)
        uv_close((uv_handle_t *)stream, visitor_gone);
}

static void visited(uv_stream_t *server, int status)
{
    struct visitor *visitor = status == 0 ? calloc(1, sizeof *visitor) : NULL;
    if (visitor == NULL)
        return;
    uv_tcp_init(&loop, &visitor->tcp);
    visitor->tcp.data = visitor;
    if (uv_accept(server, (uv_stream_t *)&visitor->tcp) == 0)
        uv_read_start((uv_stream_t *)&visitor->tcp, room, visitor_says);
    else
        uv_close((uv_handle_t *)&visitor->tcp, visitor_gone);
}

static void listen_at(uv_tcp_t *tcp, const char *port, uv_connection_cb callback)
{
    struct sockaddr_in at;
    uv_ip4_addr("127.0.0.1", (int)strtol(port, NULL, 10), &at);
    uv_tcp_init(&loop, tcp);
    uv_tcp_bind(tcp, (struct sockaddr *)&at, 0);
    if (tcp == &listener)
        small_buffers(tcp); /* those accepted have the same */
    int result = uv_listen((uv_stream_t *)tcp, 512, callback);
    if (result != 0) {
        fprintf(stderr, "cannot listen at port %s: %s\n", port, uv_strerror(result));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "proxy LISTEN CONTROL TO [SEED [NAME VALUE]...]\n");
        return 2;
    }
    if (argc > 4)
        seed = strtoull(argv[4], NULL, 10);
    random_state = seed * 2 + 1;
    for (int i = 5; i + 1 < argc; i += 2)
        if (!set(argv[i], argv[i + 1]))
            return 2;
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&loop);
    uv_ip4_addr("127.0.0.1", (int)strtol(argv[3], NULL, 10), &hub);
    listen_at(&control, argv[2], visited);
    listen_at(&listener, argv[1], accepted);
    uv_timer_init(&loop, &timer);
    ticked_ms = uv_hrtime() / 1000000;
    uv_timer_start(&timer, tick, TICK_MS, TICK_MS);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
