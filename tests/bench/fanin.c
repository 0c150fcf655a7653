/* SPDX-License-Identifier: Apache-2.0 */
/* Many laptops in one process that all have much to share at the same moment: real keys, chains, signatures and CURVE
 * connections, all made before the clock runs, so that little is measured but the hub. Each pushes as the product does:
 * a window that grows with quick receipts, and after "busy" a pause. None of them downloads. */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <zmq.h>

#include "tests/bench/bench.h"
#include "tests/net/laptop.h"

#define PUSH_BYTES (32u * 1024)
#define FLIGHT_MAX 4u
#define BUSY_NS    5000000000u
#define LIMIT_NS   300000000000u

struct parcel {
    struct buffer header, body;
    uint64_t last;
};

struct sender {
    struct laptop laptop;
    struct story story;
    struct parcel *parcels;
    size_t count, next, held; /* parcels: all, sent, acknowledged */
    unsigned depth;           /* parcels in flight at most */
    uint64_t asked_ns, not_before_ns, done_ns;
    bool joined, greeted;
};

static struct {
    void *zmq;
    struct sender *senders;
    size_t count;
    struct message *message;
    struct buffer header, body;
    uint64_t busy;
} all;

/* ---- joining ---- */

static void join_turn(struct sender *s)
{
    if (s->asked_ns == 0 && laptop_is_up(&s->laptop)) {
        laptop_join(&s->laptop, all.message);
        s->asked_ns = laptop_say(&s->laptop, all.message, (struct bytes){0}) ? bench_now() : 0;
    }
    while (laptop_hear(&s->laptop, &all.header, &all.body)) {
        if (!message_decode(buffer_bytes(&all.header), all.message))
            bench_die("the hub says what cannot be read");
        if (all.message->kind == MSG_REFUSED)
            s->asked_ns = 0;
        s->joined |= all.message->kind == MSG_JOINED && laptop_joined(&s->laptop, &all.message->joined);
    }
}

static void hello_turn(struct sender *s)
{
    if (s->asked_ns == 0 && laptop_is_up(&s->laptop)) {
        all.message->kind = MSG_HELLO;
        all.message->request = 1;
        all.message->hello = (struct msg_hello){.version = PROTOCOL_VERSION, .device = s->laptop.device,
                                                .incarnation = 1, .site_count = 1};
        all.message->hello.sites[0] = (struct hello_site){
            .site = bytes_str(s->story.site), .own_seq = s->story.head.seq, .own_id = s->story.head.id};
        s->asked_ns = laptop_say(&s->laptop, all.message, (struct bytes){0}) ? bench_now() : 0;
    }
    while (laptop_hear(&s->laptop, &all.header, &all.body)) {
        if (!message_decode(buffer_bytes(&all.header), all.message))
            bench_die("the hub says what cannot be read");
        s->greeted |= all.message->kind == MSG_WELCOME;
    }
}

static bool is_joined(const struct sender *s)
{
    return s->joined;
}

static bool is_greeted(const struct sender *s)
{
    return s->greeted;
}

static bool is_done(const struct sender *s)
{
    return s->held == s->count;
}

/* Everybody takes turns until all are where they are to be. */
static void until(bool (*there)(const struct sender *sender), void (*turn)(struct sender *sender), const char *what)
{
    const uint64_t begun = bench_now();
    size_t left = all.count, before;
    while (left > 0) {
        before = left;
        left = 0;
        for (size_t i = 0; i < all.count; i++) {
            if (!there(&all.senders[i]))
                turn(&all.senders[i]);
            left += !there(&all.senders[i]);
        }
        if (left == before)
            (void)!poll(NULL, 0, 1); /* the processor is the hub's too */
        if (bench_now() - begun > LIMIT_NS)
            bench_die("%zu of %zu laptops have not %s in time", left, all.count, what);
    }
}

static void connect_all(bool with_ticket)
{
    for (size_t i = 0; i < all.count; i++) {
        all.senders[i].asked_ns = 0;
        laptop_hang_up(&all.senders[i].laptop);
        if (!laptop_connect(&all.senders[i].laptop, all.zmq, with_ticket))
            bench_die("no connection: %s", zmq_strerror(zmq_errno()));
    }
}

/* ---- what is shared ---- */

static void pack(struct sender *s, uint64_t first)
{
    s->parcels = realloc(s->parcels, (s->count + 1) * sizeof *s->parcels);
    struct parcel *p = s->parcels != NULL ? &s->parcels[s->count++] : NULL;
    if (p == NULL)
        bench_die("out of memory");
    *p = (struct parcel){0};
    struct event_id last;
    struct msg_push *push = &all.message->push;
    all.message->kind = MSG_PUSH;
    all.message->request = s->count + 1;
    *push = (struct msg_push){.site = bytes_str(s->story.site), .incarnation = 1, .first_seq = first};
    push->count = story_push(&s->story, &s->laptop, first, PUSH_BYTES, &p->body, &push->key_count, &last);
    p->last = first + push->count - 1;
    sign_stream(&s->laptop.sign, push->site, &s->laptop.device, 1, p->last, &last, &push->signature);
    message_encode(all.message, &p->header);
}

static void write_all(struct sender *s, uint64_t events)
{
    const char *site = s->laptop.sites[0];
    for (uint32_t i = 0; i < s->laptop.site_count; i++)
        if (strcmp(s->laptop.sites[i], "commons") != 0)
            site = s->laptop.sites[i];
    story_begin(&s->story, site);
    for (uint64_t i = 0; i < events; i++)
        if (!story_write(&s->story, &s->laptop))
            bench_die("out of memory");
    for (uint64_t first = 1; first <= events; first = s->parcels[s->count - 1].last + 1)
        pack(s, first);
    story_release(&s->story);
    s->depth = 1;
}

static void take_answer(struct sender *s)
{
    if (!message_decode(buffer_bytes(&all.header), all.message))
        bench_die("the hub says what cannot be read");
    if (all.message->kind == MSG_REFUSED && all.message->refused.reason == REFUSED_BUSY) {
        s->next = s->held;
        s->depth = 1;
        s->not_before_ns = bench_now() + BUSY_NS;
        all.busy++;
    } else if (all.message->kind == MSG_REFUSED && all.message->request != 0) {
        bench_die("refused: %.*s", (int)all.message->refused.text.len, (const char *)all.message->refused.text.data);
    }
    if (all.message->kind != MSG_RECEIPT)
        return;
    while (s->held < s->count && s->parcels[s->held].last <= all.message->receipt.seq)
        s->held++;
    s->next = s->next > s->held ? s->next : s->held;
    s->depth += s->depth < FLIGHT_MAX;
    if (s->held == s->count)
        s->done_ns = bench_now();
}

static void push_turn(struct sender *s)
{
    while (laptop_hear(&s->laptop, &all.header, &all.body))
        take_answer(s);
    while (s->next < s->count && s->next - s->held < s->depth && bench_now() >= s->not_before_ns) {
        const struct parcel *p = &s->parcels[s->next];
        if (!laptop_send(&s->laptop, buffer_bytes(&p->header), buffer_bytes(&p->body)))
            break;
        s->next++;
    }
}

/* ---- all of them ---- */

static void read_tickets(const char *path)
{
    char line[TICKET_TEXT_MAX + 2];
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        all.senders = realloc(all.senders, (all.count + 1) * sizeof *all.senders);
        if (all.senders == NULL)
            bench_die("out of memory");
        all.senders[all.count] = (struct sender){0};
        if (!laptop_make(&all.senders[all.count++].laptop, line))
            bench_die("a line of %s is no ticket", path);
    }
    if (file == NULL || all.count == 0)
        bench_die("there are no tickets in %s", path);
    fclose(file);
}

static void tell_all(uint64_t begun, uint64_t events)
{
    uint64_t *times = calloc(all.count, sizeof *times), last = 0;
    if (times == NULL)
        bench_die("out of memory");
    for (size_t i = 0; i < all.count; i++) {
        times[i] = all.senders[i].done_ns - begun;
        last = last > times[i] ? last : times[i];
    }
    bench_tell("events", (double)(events * all.count) * 1e9 / (double)last, "/s");
    bench_tell_times("laptop", times, all.count);
    bench_tell("slowest", (double)last / (double)times[all.count / 2], "x the median"); /* sorted by now */
    bench_tell("busy", (double)all.busy, "");
    free(times);
}

/* TICKETS EVENTS [SECONDS]: one laptop a ticket; afterwards they stay connected and idle for so long. */
void bench_fanin(int argc, char **argv)
{
    struct rlimit files;
    const uint64_t events = bench_number(argv[2]);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    read_tickets(argv[1]);
    all.zmq = zmq_ctx_new();
    all.message = calloc(1, sizeof *all.message);
    if (all.message == NULL || zmq_ctx_set(all.zmq, ZMQ_MAX_SOCKETS, 2 * (int)all.count + 64) != 0)
        bench_die("ZeroMQ cannot have so many sockets");
    connect_all(true);
    until(is_joined, join_turn, "joined");
    for (size_t i = 0; i < all.count; i++)
        write_all(&all.senders[i], events);
    uint64_t begun = bench_now();
    connect_all(false);
    until(is_greeted, hello_turn, "been greeted");
    bench_tell("greeted", (double)(bench_now() - begun) / 1e6, "ms");
    begun = bench_now();
    until(is_done, push_turn, "shared all");
    tell_all(begun, events);
    if (argc > 3)
        (void)!poll(NULL, 0, (int)bench_number(argv[3]) * 1000);
    for (size_t i = 0; i < all.count; i++)
        laptop_hang_up(&all.senders[i].laptop);
    zmq_ctx_term(all.zmq);
}
