/* SPDX-License-Identifier: Apache-2.0 */
/* Hub and laptops over real sockets on the loopback, and peers that misbehave. */
#ifndef FELLOE_TESTS_GIVEN_NET_H
#define FELLOE_TESTS_GIVEN_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include <zmq.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/net/net_zap.h"
#include "daemon/report.h"

#define DEADLINE_MS 8000

struct pair {
    uint8_t open[32], secret[32];
};

static uv_loop_t loop;
static struct pair hub_pair;
static uint64_t hub_life_ms; /* of the hub's connections; 0: as long as ever */
static int raw_heartbeat_ms; /* of plain connections that are made from then on; 0: none */

static struct {
    struct net_hub *net;
    unsigned heard, gone, missed;
    uint64_t last_peer, last_gone, last_missed;
    struct net_key last_key;
    char last_header[64];
    size_t last_body;
    bool answer; /* each message with its own header and body */
} hub;

struct laptop {
    struct net_spoke *net;
    struct pair pair;
    enum net_link link;
    unsigned heard, ups;
    char last_header[64];
    size_t last_body;
    uint8_t sum;
};

/* ---- the two ends ---- */

static inline void hub_hears(void *context, uint64_t peer, const struct net_key *key, struct bytes header,
                             struct lent *body)
{
    (void)context;
    hub.heard++;
    hub.last_peer = peer;
    hub.last_key = *key;
    hub.last_body = body->bytes.len;
    bytes_to_text(header, hub.last_header, sizeof hub.last_header);
    if (hub.answer) {
        struct buffer copy = {0};
        buffer_append(&copy, header.data, header.len);
        net_hub_send(hub.net, peer, &copy, body);
        assert_null(body->release);
    }
}

static inline void hub_loses(void *context, uint64_t peer)
{
    (void)context;
    hub.gone++;
    hub.last_gone = peer;
}

static inline void hub_owes(void *context, uint64_t peer)
{
    (void)context;
    hub.missed++;
    hub.last_missed = peer;
}

static inline enum felloe_code hub_open(const char *listen, struct felloe_error *error)
{
    const struct net_hub_config config = {.loop = &loop,
                                          .listen = listen,
                                          .curve_public = hub_pair.open,
                                          .curve_secret = hub_pair.secret,
                                          .life_ms = hub_life_ms,
                                          .message = hub_hears,
                                          .gone = hub_loses,
                                          .missed = hub_owes};
    return net_hub_open(&hub.net, &config, error);
}

static inline void laptop_hears(void *context, struct bytes header, struct lent *body)
{
    struct laptop *laptop = context;
    if (header.len == 0) /* only whether it is there */
        return;
    laptop->heard++;
    laptop->last_body = body->bytes.len;
    for (size_t i = 0; i < body->bytes.len; i += 997)
        laptop->sum = (uint8_t)(laptop->sum + body->bytes.data[i]);
    bytes_to_text(header, laptop->last_header, sizeof laptop->last_header);
}

static inline void laptop_links(void *context, enum net_link link)
{
    struct laptop *laptop = context;
    laptop->link = link;
    laptop->ups += link == NET_UP;
}

static inline void laptop_open(struct laptop *laptop, const char *address, const struct pair *hub_key)
{
    const struct net_spoke_config config = {.loop = &loop,
                                            .address = address,
                                            .hub_curve = hub_key->open,
                                            .curve_public = laptop->pair.open,
                                            .curve_secret = laptop->pair.secret,
                                            .context = laptop,
                                            .message = laptop_hears,
                                            .link = laptop_links};
    struct felloe_error error;
    assert_int_equal(net_spoke_open(&laptop->net, &config, &error), FELLOE_OK);
}

static inline bool laptop_says(struct laptop *laptop, const char *text, size_t body_size)
{
    struct buffer header = {0};
    struct lent body = {0};
    buffer_append(&header, text, strlen(text));
    if (body_size > 0) {
        uint8_t *data = malloc(body_size);
        assert_non_null(data);
        memset(data, 7, body_size);
        body = (struct lent){bytes_of(data, body_size), free, data};
    }
    return net_spoke_send(laptop->net, &header, &body);
}

static inline void admit(const struct pair *pair, enum net_key_kind kind, uint8_t device)
{
    struct net_key key = {.kind = kind, .device = {{device}}};
    memcpy(key.curve, pair->open, sizeof key.curve);
    assert_true(net_hub_admit(hub.net, &key));
}

/* Runs the loop until the condition holds, or fails at the deadline. */
static inline void end_of_time(void *context)
{
    *(bool *)context = true;
}
#define UNTIL(condition) RUN_UNTIL(condition, UV_RUN_ONCE)
/* For conditions that change without the loop's knowing. */
#define POLL_UNTIL(condition) RUN_UNTIL(condition, UV_RUN_NOWAIT)
#define RUN_UNTIL(condition, mode)                                                                                     \
    do {                                                                                                               \
        bool late_ = false;                                                                                            \
        struct loop_timer *timer_ = loop_timer_new(&loop, end_of_time, &late_);                                        \
        loop_timer_set(timer_, DEADLINE_MS);                                                                           \
        while (!(condition) && !late_)                                                                                 \
            uv_run(&loop, mode);                                                                                       \
        loop_timer_free(timer_);                                                                                       \
        if (late_)                                                                                                     \
            fail_msg("in vain waited for: %s", #condition);                                                            \
    } while (0)

static inline int begin(void **state)
{
    (void)state;
    report_level(LEVEL_ERROR);
    memset(&hub, 0, sizeof hub);
    uv_loop_init(&loop);
    crypto_box_keypair(hub_pair.open, hub_pair.secret);
    struct felloe_error error = {0};
    enum felloe_code code = hub_open("tcp://127.0.0.1:*", &error);
    if (code != FELLOE_OK)
        print_error("%s\n", error.message);
    return (int)code;
}

static inline int end(void **state)
{
    (void)state;
    net_hub_close(hub.net);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static inline void laptop_make(struct laptop *laptop)
{
    *laptop = (struct laptop){0};
    crypto_box_keypair(laptop->pair.open, laptop->pair.secret);
}

/* ---- peers that misbehave: plain ZeroMQ with an admitted key ---- */

struct raw {
    void *zmq, *dealer;
    struct pair pair;
};

static inline void raw_open_as(struct raw *raw, const struct pair *pair)
{
    if (pair != NULL)
        raw->pair = *pair;
    else
        crypto_box_keypair(raw->pair.open, raw->pair.secret);
    admit(&raw->pair, NET_KEY_DEVICE, 9);
    raw->zmq = zmq_ctx_new();
    raw->dealer = zmq_socket(raw->zmq, ZMQ_DEALER);
    int none = 0, few = 2, small = 65536;
    zmq_setsockopt(raw->dealer, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(raw->dealer, ZMQ_RCVHWM, &few, sizeof few);
    zmq_setsockopt(raw->dealer, ZMQ_RCVBUF, &small, sizeof small);
    zmq_setsockopt(raw->dealer, ZMQ_HEARTBEAT_IVL, &raw_heartbeat_ms, sizeof raw_heartbeat_ms);
    zmq_setsockopt(raw->dealer, ZMQ_CURVE_SERVERKEY, hub_pair.open, 32);
    zmq_setsockopt(raw->dealer, ZMQ_CURVE_PUBLICKEY, raw->pair.open, 32);
    zmq_setsockopt(raw->dealer, ZMQ_CURVE_SECRETKEY, raw->pair.secret, 32);
    assert_int_equal(zmq_connect(raw->dealer, net_hub_endpoint(hub.net)), 0);
}

static inline void raw_open(struct raw *raw)
{
    raw_open_as(raw, NULL);
}

static inline void raw_close(struct raw *raw)
{
    zmq_close(raw->dealer);
    zmq_ctx_term(raw->zmq);
}

/* A body that is lent many times over, to see that each loan comes back. */
static uint8_t shared[256 * 1024];
static _Atomic int loans;

static inline void loan_returned(void *owner)
{
    (void)owner;
    loans--;
}

static inline bool hub_lends(uint64_t peer)
{
    struct buffer header = {0};
    buffer_append(&header, "data", 4);
    struct lent body = {bytes_of(shared, sizeof shared), loan_returned, &loans};
    loans++;
    return net_hub_send(hub.net, peer, &header, &body);
}

static inline unsigned raw_read_all(struct raw *raw)
{
    unsigned read = 0;
    char part[16];
    while (zmq_recv(raw->dealer, part, sizeof part, ZMQ_DONTWAIT) >= 0) {
        int more = 0;
        size_t size = sizeof more;
        zmq_getsockopt(raw->dealer, ZMQ_RCVMORE, &more, &size);
        read += !more;
    }
    return read;
}

#endif
