/* SPDX-License-Identifier: Apache-2.0 */
/* Many laptops in one process, each with the spoke's machine of the product, keys and a DEALER socket of its own, and
 * its log in memory.
 *
 *   fleet TICKETS EVENTS [SECONDS INTERVAL]
 *
 * One laptop a line of the file TICKETS: all join, "joined" is printed, and at a line on stdin all connect at once with
 * EVENTS saved events each. When all of them are shared it says how long that took; then, for SECONDS, each writes one
 * more event every INTERVAL ms. Exits with 0 when all is shared and no laptop was told of anything wrong. */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

#include "proto/sync/sync_spoke.h"
#include "tests/net/laptop.h"

#define PUSHES    16
#define TODO_MAX  64
#define LIMIT_MS  240000 /* then it is said to have failed */
#define REJOIN_MS 10000

struct member {
    struct laptop laptop;
    struct story story;
    struct spoke *machine;
    bool joined, up, was_up, troubled, all_shared;
    uint64_t asked_ms, shared, received, next_write_ms;
    uint64_t *written_ms; /* by seq - 1 */
    size_t written_cap;
    struct { uint64_t request, sent_ms; } pushes[PUSHES];
    unsigned push_at;
    struct spoke_input todo[TODO_MAX];
    unsigned todo_count;
};

struct figures {
    double *ms;
    size_t count, cap;
};

static void *zmq;
static struct member *members;
static size_t member_count;
static zmq_pollitem_t *items;
static struct message *message;
static struct spoke_outputs outputs;
static struct buffer header, body;
static struct figures receipts, ups, done;
static uint64_t began_ms, refusals;
static bool counting; /* what a receipt takes is measured now */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void die(const char *what)
{
    fprintf(stderr, "fleet: %s\n", what);
    exit(1);
}

/* ---- figures ---- */

static void note_figure(struct figures *f, uint64_t ms)
{
    if (f->count == f->cap) {
        f->cap = f->cap > 0 ? f->cap * 2 : 1024;
        f->ms = realloc(f->ms, f->cap * sizeof *f->ms);
        if (f->ms == NULL)
            die("out of memory");
    }
    f->ms[f->count++] = (double)ms;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell_figures(const char *name, struct figures *f)
{
    if (f->count > 0)
        qsort(f->ms, f->count, sizeof *f->ms, ascending);
    printf("%s: n=%zu p50=%.0f p99=%.0f max=%.0f ms\n", name, f->count, f->count ? f->ms[f->count / 2] : 0,
           f->count ? f->ms[f->count * 99 / 100] : 0, f->count ? f->ms[f->count - 1] : 0);
    f->count = 0;
}

/* ---- joining ---- */

static void join_turn(struct member *m)
{
    if (laptop_is_up(&m->laptop) && (m->asked_ms == 0 || now_ms() - m->asked_ms > REJOIN_MS)) {
        laptop_join(&m->laptop, message);
        if (laptop_say(&m->laptop, message, (struct bytes){0}))
            m->asked_ms = now_ms();
    }
    while (laptop_hear(&m->laptop, &header, &body)) {
        if (!message_decode(buffer_bytes(&header), message))
            die("the hub says what cannot be read");
        if (message->kind == MSG_REFUSED && message->refused.reason == REFUSED_BUSY)
            m->asked_ms = 0;
        else if (message->kind == MSG_REFUSED)
            die("a ticket was refused");
        m->joined |= message->kind == MSG_JOINED && laptop_joined(&m->laptop, &message->joined);
    }
}

static void wait_a_little(void)
{
    for (size_t i = 0; i < member_count; i++)
        items[i] = (zmq_pollitem_t){.socket = members[i].laptop.socket, .events = ZMQ_POLLIN};
    (void)!zmq_poll(items, (int)member_count, 5);
}

static void join_all(void)
{
    size_t left = member_count;
    began_ms = now_ms();
    for (size_t i = 0; i < member_count; i++)
        if (!laptop_connect(&members[i].laptop, zmq, true))
            die(zmq_strerror(zmq_errno()));
    while (left > 0) {
        if (now_ms() - began_ms > LIMIT_MS)
            die("not all could join in time");
        wait_a_little();
        left = 0;
        for (size_t i = 0; i < member_count; i++) {
            if (!members[i].joined)
                join_turn(&members[i]);
            left += !members[i].joined;
        }
    }
    for (size_t i = 0; i < member_count; i++)
        laptop_hang_up(&members[i].laptop);
    printf("joined %zu in %llu ms\n", member_count, (unsigned long long)(now_ms() - began_ms));
    fflush(stdout);
}

/* ---- the machine's outputs ---- */

static struct spoke_input *todo(struct member *m, enum spoke_input_kind kind, struct bytes site)
{
    if (m->todo_count == TODO_MAX)
        die("too much to do at once");
    m->todo[m->todo_count] = (struct spoke_input){.kind = kind, .site = site, .ok = true};
    return &m->todo[m->todo_count++];
}

static struct lent lend(const struct buffer *b)
{
    uint8_t *copy = malloc(b->len > 0 ? b->len : 1);
    if (copy == NULL)
        die("out of memory");
    if (b->len > 0)
        memcpy(copy, b->data, b->len);
    return (struct lent){bytes_of(copy, b->len), free, copy};
}

static void read_own(struct member *m, const struct spoke_output *o)
{
    struct buffer push = {0};
    struct spoke_input *in = todo(m, SPOKE_OWN_READ, o->site);
    in->first_seq = o->first_seq;
    if (bytes_is(o->site, m->story.site))
        in->count = story_push(&m->story, &m->laptop, o->first_seq, o->max_bytes, &push, &in->key_count, &in->last_id);
    in->body = lend(&push);
    buffer_release(&push);
}

static void read_ids(struct member *m, const struct spoke_output *o)
{
    const struct story *story = &m->story;
    struct spoke_input *in = todo(m, SPOKE_IDS_READ, o->site);
    in->first_seq = o->first_seq;
    if (!bytes_is(o->site, story->site) || o->first_seq > story->head.seq)
        return;
    const uint64_t left = story->head.seq - o->first_seq + 1;
    in->count = left < o->count ? (uint32_t)left : o->count;
    in->ids = story->ids + o->first_seq - 1;
}

static void shared(struct member *m, uint64_t seq)
{
    uint64_t now = now_ms();
    for (; m->shared < seq; m->shared++)
        if (counting)
            note_figure(&receipts, now - m->written_ms[m->shared]);
    if (!counting && !m->all_shared && m->shared == m->story.head.seq) {
        m->all_shared = true;
        note_figure(&done, now - began_ms);
    }
}

static void keep_receipt(struct member *m, const struct spoke_output *o)
{
    todo(m, SPOKE_RECEIPT_KEPT, o->site)->seq = o->receipt->seq;
    if (o->receipt->missing_count > 0 || o->lowered)
        m->troubled = true;
    if (bytes_is(o->site, m->story.site))
        shared(m, o->receipt->seq);
}

static void send_out(struct member *m, const struct spoke_output *o)
{
    laptop_send(&m->laptop, buffer_bytes(&o->header), o->body.bytes);
    if (o->body.bytes.len > 0 && message_decode(buffer_bytes(&o->header), message) && message->kind == MSG_PUSH) {
        m->pushes[m->push_at % PUSHES].request = message->request;
        m->pushes[m->push_at++ % PUSHES].sent_ms = now_ms();
    }
}

static void perform(struct member *m, const struct spoke_output *o)
{
    switch (o->kind) {
    case SPOKE_SEND:
        send_out(m, o);
        break;
    case SPOKE_READ_OWN:
        read_own(m, o);
        break;
    case SPOKE_KEEP_FEED:
        m->received += o->batch->count;
        todo(m, SPOKE_FEED_KEPT, o->site);
        break;
    case SPOKE_KEEP_RECEIPT:
        keep_receipt(m, o);
        break;
    case SPOKE_READ_IDS:
        read_ids(m, o);
        break;
    case SPOKE_READ_OFFER:
        todo(m, SPOKE_OFFER_READ, o->site);
        break;
    case SPOKE_READ_KEYS:
        todo(m, SPOKE_KEYS_READ, o->site);
        break;
    case SPOKE_NOTICE:
        if (o->notice != NOTICE_CLEAR)
            fprintf(stderr, "fleet: a laptop is told: %s\n", o->text);
        m->troubled |= o->notice != NOTICE_CLEAR;
        break;
    case SPOKE_RECONNECT:
        laptop_hang_up(&m->laptop);
        m->up = false;
        if (!laptop_connect(&m->laptop, zmq, false))
            die(zmq_strerror(zmq_errno()));
        break;
    default:
        break;
    }
}

static void step(struct member *m, struct spoke_input *first)
{
    m->todo[0] = *first;
    m->todo_count = 1;
    for (unsigned i = 0; i < m->todo_count; i++) {
        m->todo[i].now_ms = now_ms();
        spoke_step(m->machine, &m->todo[i], &outputs);
        for (size_t j = 0; j < outputs.count; j++)
            perform(m, &outputs.items[j]);
        if (outputs.failed)
            die("out of memory");
        spoke_outputs_clear(&outputs);
    }
}

/* ---- one laptop's turn ---- */

static void look_at_answer(struct member *m)
{
    if (!message_decode(buffer_bytes(&header), message))
        die("the hub says what cannot be read");
    refusals += message->kind == MSG_REFUSED;
    if (message->kind != MSG_RECEIPT || counting)
        return;
    for (unsigned i = 0; i < PUSHES; i++)
        if (m->pushes[i].request == message->request && message->request != 0) {
            note_figure(&receipts, now_ms() - m->pushes[i].sent_ms);
            m->pushes[i].request = 0;
        }
}

static void turn(struct member *m)
{
    bool up = laptop_is_up(&m->laptop);
    if (up != m->up) {
        m->up = up;
        if (up && !m->was_up)
            note_figure(&ups, now_ms() - began_ms);
        m->was_up |= up;
        struct spoke_input change = {.kind = up ? SPOKE_UP : SPOKE_DOWN};
        memcpy(change.hub_curve, m->laptop.ticket.hub_curve, sizeof change.hub_curve); /* a WELCOME has to name it */
        step(m, &change);
    }
    while (laptop_hear(&m->laptop, &header, &body)) {
        look_at_answer(m);
        struct buffer copy = header; /* the next laptop_hear may come before it is done with */
        header = (struct buffer){0};
        step(m, &(struct spoke_input){.kind = SPOKE_MESSAGE, .header = buffer_bytes(&copy), .body = lend(&body)});
        buffer_release(&copy);
    }
    if (now_ms() >= spoke_deadline(m->machine))
        step(m, &(struct spoke_input){.kind = SPOKE_TICK});
}

static void write_one(struct member *m)
{
    if (m->story.head.seq == m->written_cap) {
        m->written_cap = m->written_cap > 0 ? m->written_cap * 2 : 128;
        m->written_ms = realloc(m->written_ms, m->written_cap * sizeof *m->written_ms);
    }
    if (m->written_ms == NULL || !story_write(&m->story, &m->laptop))
        die("out of memory");
    m->written_ms[m->story.head.seq - 1] = now_ms();
}

static void begin(struct member *m, uint64_t events)
{
    const struct spoke_config config = {.device = m->laptop.device,
                                        .incarnation = 1,
                                        .sign = m->laptop.sign,
                                        .hub_sign = m->laptop.ticket.hub_sign};
    const char *site = m->laptop.sites[0];
    for (uint32_t i = 0; i < m->laptop.site_count; i++)
        if (strcmp(m->laptop.sites[i], "commons") != 0)
            site = m->laptop.sites[i];
    story_begin(&m->story, site);
    for (uint64_t i = 0; i < events; i++)
        write_one(m);
    m->machine = spoke_new(&config);
    if (m->machine == NULL)
        die("out of memory");
    for (uint32_t i = 0; i < m->laptop.site_count; i++) {
        struct bytes name = bytes_str(m->laptop.sites[i]);
        struct stream_head none = {0};
        if (!spoke_load_site(m->machine, name, bytes_is(name, m->story.site) ? &m->story.head : &none, 0, 1))
            die("a site cannot be loaded");
    }
    if (!laptop_connect(&m->laptop, zmq, false))
        die(zmq_strerror(zmq_errno()));
}

/* ---- all of them ---- */

static bool run_until_shared(void)
{
    size_t left = member_count;
    while (left > 0 && now_ms() - began_ms < LIMIT_MS) {
        wait_a_little();
        left = 0;
        for (size_t i = 0; i < member_count; i++) {
            turn(&members[i]);
            left += members[i].shared < members[i].story.head.seq;
        }
    }
    return left == 0;
}

static void write_steadily(uint64_t seconds, uint64_t interval_ms)
{
    counting = true;
    uint64_t begun = now_ms();
    for (size_t i = 0; i < member_count; i++)
        members[i].next_write_ms = begun + i * interval_ms / member_count;
    while (now_ms() - begun < seconds * 1000) {
        wait_a_little();
        for (size_t i = 0; i < member_count; i++) {
            struct member *m = &members[i];
            if (now_ms() >= m->next_write_ms) {
                m->next_write_ms += interval_ms;
                write_one(m);
                step(m, &(struct spoke_input){.kind = SPOKE_SAVED, .site = bytes_str(m->story.site),
                                              .own = m->story.head, .oldest_waiting_ms = 1});
            }
            turn(m);
        }
    }
}

static void tell_sum(const char *word)
{
    uint64_t events = 0, shared_events = 0, received = 0, troubled = 0;
    for (size_t i = 0; i < member_count; i++) {
        events += members[i].story.head.seq;
        shared_events += members[i].shared;
        received += members[i].received;
        troubled += members[i].troubled;
    }
    printf("%s: laptops=%zu events=%llu shared=%llu received=%llu refusals=%llu troubled=%llu after %llu ms\n", word,
           member_count, (unsigned long long)events, (unsigned long long)shared_events, (unsigned long long)received,
           (unsigned long long)refusals, (unsigned long long)troubled, (unsigned long long)(now_ms() - began_ms));
    fflush(stdout);
}

static void read_tickets(const char *path)
{
    char line[TICKET_TEXT_MAX + 2];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("the file of tickets cannot be read");
    while (fgets(line, sizeof line, file) != NULL) {
        members = realloc(members, (member_count + 1) * sizeof *members);
        if (members == NULL)
            die("out of memory");
        members[member_count] = (struct member){0};
        if (!laptop_make(&members[member_count++].laptop, line))
            die("a line of the file is no ticket");
    }
    fclose(file);
}

static void set_up(const char *tickets)
{
    struct rlimit files;
    if (sodium_init() < 0 || (message = calloc(1, sizeof *message)) == NULL)
        die("out of memory");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    read_tickets(tickets);
    items = calloc(member_count, sizeof *items);
    zmq = zmq_ctx_new();
    if (items == NULL || zmq == NULL || zmq_ctx_set(zmq, ZMQ_MAX_SOCKETS, 2 * (int)member_count + 64) != 0)
        die("ZeroMQ cannot have so many sockets");
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5)
        die("fleet TICKETS EVENTS [SECONDS INTERVAL]");
    set_up(argv[1]);
    join_all();
    char line[16];
    if (fgets(line, sizeof line, stdin) == NULL)
        return 1;
    for (size_t i = 0; i < member_count; i++)
        begin(&members[i], strtoull(argv[2], NULL, 10));
    printf("connecting\n");
    fflush(stdout);
    began_ms = now_ms();
    bool fine = run_until_shared();
    tell_sum("backlog");
    tell_figures("connected", &ups);
    tell_figures("receipt of a PUSH", &receipts);
    tell_figures("all of a laptop shared", &done);
    if (fine && argc == 5) {
        write_steadily(strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
        began_ms = now_ms();
        fine = run_until_shared();
        tell_sum("steady");
        tell_figures("receipt of an event", &receipts);
    }
    for (size_t i = 0; i < member_count; i++) {
        fine &= !members[i].troubled;
        laptop_hang_up(&members[i].laptop);
        spoke_free(members[i].machine);
        story_release(&members[i].story);
        free(members[i].written_ms);
    }
    zmq_ctx_term(zmq);
    return fine ? 0 : 1;
}
