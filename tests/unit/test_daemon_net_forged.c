/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that speaks ZMTP and CURVE by hand, and so can say what ZeroMQ's own client would not: that it is somebody
 * else. The hub goes by the key that was proven, not by what the peer says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#include "daemon/loop.h"
#include "daemon/net/net.h"
#include "daemon/report.h"
#include "proto/id.h"

#define DEADLINE_MS 8000

struct pair {
    uint8_t open[32], secret[32];
};

static uv_loop_t loop;
static struct pair hub_pair;
static struct net_hub *net;
static unsigned heard;
static struct net_key heard_key;

/* ---- the forger: a thread with a plain socket ---- */

struct forger {
    uint16_t port;
    struct pair pair; /* its own, true key */
    char claims[65];  /* the User-Id it would like to have */
    int fd;
    bool failed, ready; /* ready: the hub finished the handshake */
    struct pair brief;  /* the connection's keys */
    uint8_t hub_brief[32], cookie[96];
    uint64_t nonce;
    struct loop_wake *over;
    _Atomic bool ended;
};

static void put_all(struct forger *f, const void *data, size_t len)
{
    f->failed |= send(f->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len;
}

static void get_all(struct forger *f, void *data, size_t len)
{
    if (!f->failed && len > 0)
        f->failed = recv(f->fd, data, len, MSG_WAITALL) != (ssize_t)len;
}

static void put_frame(struct forger *f, uint8_t flags, const uint8_t *data, size_t len)
{
    uint8_t head[2] = {flags, (uint8_t)len}, large[9] = {flags | 2};
    if (len < 256) {
        put_all(f, head, sizeof head);
    } else {
        large[7] = (uint8_t)(len >> 8);
        large[8] = (uint8_t)len;
        put_all(f, large, sizeof large);
    }
    put_all(f, data, len);
}

static size_t get_frame(struct forger *f, uint8_t *data, size_t size)
{
    uint8_t head[2] = {0};
    get_all(f, head, sizeof head);
    size_t len = head[1];
    if (f->failed || (head[0] & 2) != 0 || len > size) {
        f->failed = true;
        return 0;
    }
    get_all(f, data, len);
    return len;
}

/* `name` with the next short nonce; also appended to `out`. */
static void next_nonce(struct forger *f, const char *name, uint8_t nonce[24], uint8_t *out)
{
    f->nonce++;
    memcpy(nonce, name, 16);
    for (int i = 0; i < 8; i++)
        nonce[16 + i] = out[i] = (uint8_t)(f->nonce >> (56 - 8 * i));
}

static void greet(struct forger *f)
{
    uint8_t mine[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'}, theirs[64];
    put_all(f, mine, sizeof mine);
    get_all(f, theirs, sizeof theirs);
}

static void say_hello(struct forger *f)
{
    uint8_t hello[200] = "\5HELLO\1", nonce[24], zeros[64] = {0}, box[168], plain[128];
    crypto_box_keypair(f->brief.open, f->brief.secret);
    memcpy(hello + 80, f->brief.open, 32);
    next_nonce(f, "CurveZMQHELLO---", nonce, hello + 112);
    f->failed |= crypto_box_easy(hello + 120, zeros, sizeof zeros, nonce, hub_pair.open, f->brief.secret) != 0;
    put_frame(f, 4, hello, sizeof hello);
    f->failed |= get_frame(f, box, sizeof box) != sizeof box;
    memcpy(nonce, "WELCOME-", 8);
    memcpy(nonce + 8, box + 8, 16);
    f->failed |= crypto_box_open_easy(plain, box + 24, 144, nonce, hub_pair.open, f->brief.secret) != 0;
    memcpy(f->hub_brief, plain, 32);
    memcpy(f->cookie, plain + 32, 96);
}

static size_t put_property(uint8_t *out, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    out[0] = (uint8_t)name_len;
    memcpy(out + 1, name, name_len);
    memset(out + 1 + name_len, 0, 3);
    out[4 + name_len] = (uint8_t)value_len;
    memcpy(out + 5 + name_len, value, value_len);
    return 5 + name_len + value_len;
}

static void initiate(struct forger *f)
{
    uint8_t plain[512], command[800] = "\10INITIATE", nonce[24], vouch[64];
    memcpy(plain, f->pair.open, 32);
    randombytes_buf(plain + 32, 16);
    memcpy(nonce, "VOUCH---", 8);
    memcpy(nonce + 8, plain + 32, 16);
    memcpy(vouch, f->brief.open, 32);
    memcpy(vouch + 32, hub_pair.open, 32);
    f->failed |= crypto_box_easy(plain + 48, vouch, sizeof vouch, nonce, f->hub_brief, f->pair.secret) != 0;
    size_t len = 128;
    len += put_property(plain + len, "Socket-Type", "DEALER");
    len += put_property(plain + len, "Identity", "");
    len += put_property(plain + len, "User-Id", f->claims);
    memcpy(command + 9, f->cookie, 96);
    next_nonce(f, "CurveZMQINITIATE", nonce, command + 105);
    f->failed |= crypto_box_easy(command + 113, plain, len, nonce, f->hub_brief, f->brief.secret) != 0;
    put_frame(f, 4, command, 113 + len + 16);
    uint8_t answer[256];
    size_t got = get_frame(f, answer, sizeof answer);
    f->ready = !f->failed && got > 6 && memcmp(answer, "\5READY", 6) == 0;
}

static void say(struct forger *f, bool more, const char *text)
{
    uint8_t plain[64] = {more}, command[128] = "\7MESSAGE", nonce[24];
    size_t len = strlen(text);
    memcpy(plain + 1, text, len);
    next_nonce(f, "CurveZMQMESSAGEC", nonce, command + 8);
    f->failed |= crypto_box_easy(command + 16, plain, len + 1, nonce, f->hub_brief, f->brief.secret) != 0;
    put_frame(f, 0, command, 16 + len + 1 + 16);
}

static void *forge(void *context)
{
    struct forger *f = context;
    struct sockaddr_in hub = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    f->failed = connect(f->fd, (struct sockaddr *)&hub, sizeof hub) != 0;
    greet(f);
    say_hello(f);
    initiate(f);
    if (f->ready) {
        say(f, true, "I am the other one");
        say(f, false, "");
    }
    f->ended = true;
    loop_wake_signal(f->over);
    return NULL;
}

/* ---- the hub ---- */

static void hub_hears(void *context, uint64_t peer, const struct net_key *key, struct bytes header, struct lent *body)
{
    (void)context, (void)peer, (void)header, (void)body;
    heard++;
    heard_key = *key;
}

static void hub_loses(void *context, uint64_t peer)
{
    (void)context, (void)peer;
}

static void woken(void *context)
{
    (void)context;
}

static void too_late(void *context)
{
    *(bool *)context = true;
}

/* Runs the forger against the hub until it has ended and (if `until_heard`) the hub heard something. */
static void run_forger(struct forger *f, bool until_heard)
{
    pthread_t thread;
    bool late = false;
    struct loop_timer *timer = loop_timer_new(&loop, too_late, &late);
    f->port = (uint16_t)strtoul(strrchr(net_hub_endpoint(net), ':') + 1, NULL, 10);
    f->over = loop_wake_new(&loop, woken, NULL);
    loop_timer_set(timer, DEADLINE_MS);
    assert_int_equal(pthread_create(&thread, NULL, forge, f), 0);
    while (!late && (!f->ended || (until_heard && heard == 0)))
        uv_run(&loop, UV_RUN_ONCE);
    pthread_join(thread, NULL);
    close(f->fd);
    loop_timer_free(timer);
    loop_wake_free(f->over);
    assert_false(late);
}

static int begin(void **state)
{
    (void)state;
    report_level(LEVEL_ERROR);
    heard = 0;
    uv_loop_init(&loop);
    crypto_box_keypair(hub_pair.open, hub_pair.secret);
    const struct net_hub_config config = {.loop = &loop,
                                          .listen = "tcp://127.0.0.1:*",
                                          .curve_public = hub_pair.open,
                                          .curve_secret = hub_pair.secret,
                                          .message = hub_hears,
                                          .gone = hub_loses,
                                          .missed = hub_loses};
    return (int)net_hub_open(&net, &config, NULL);
}

static int end(void **state)
{
    (void)state;
    net_hub_close(net);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static struct forger *forger_new(const struct pair *victim)
{
    struct forger *f = calloc(1, sizeof *f);
    assert_non_null(f);
    crypto_box_keypair(f->pair.open, f->pair.secret);
    hex_encode(bytes_of(victim->open, 32), f->claims);
    return f;
}

static void admit(const struct pair *pair, uint8_t device)
{
    struct net_key key = {.kind = NET_KEY_DEVICE, .device = {{device}}};
    memcpy(key.curve, pair->open, sizeof key.curve);
    assert_true(net_hub_admit(net, &key));
}

static void a_device_that_claims_to_be_another_is_heard_as_itself(void **state)
{
    (void)state;
    struct pair victim;
    crypto_box_keypair(victim.open, victim.secret);
    struct forger *f = forger_new(&victim);
    admit(&victim, 1);
    admit(&f->pair, 2);
    run_forger(f, true);
    assert_true(f->ready);
    assert_int_equal(heard, 1);
    assert_int_equal(heard_key.device.b[0], 2);
    free(f);
}

static void a_stranger_that_claims_to_be_a_device_is_not_heard(void **state)
{
    (void)state;
    struct pair victim;
    crypto_box_keypair(victim.open, victim.secret);
    struct forger *f = forger_new(&victim);
    admit(&victim, 1);
    run_forger(f, false);
    assert_false(f->ready);
    assert_int_equal(heard, 0);
    struct net_hub_counts counts;
    net_hub_counts(net, &counts);
    assert_int_equal(counts.refused, 1);
    free(f);
}

/* A DEALER of ZeroMQ's own, connected to the hub under this name; an empty one leaves it to the hub. */
static void *dealer_new(void *zmq, const struct pair *pair, const void *name, size_t len)
{
    void *dealer = zmq_socket(zmq, ZMQ_DEALER);
    const int none = 0;
    assert_non_null(dealer);
    zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, hub_pair.open, 32);
    zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, pair->open, 32);
    zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, pair->secret, 32);
    if (len > 0)
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_ROUTING_ID, name, len), 0);
    assert_int_equal(zmq_connect(dealer, net_hub_endpoint(net)), 0);
    zmq_send(dealer, "header", 6, ZMQ_SNDMORE);
    zmq_send(dealer, "", 0, 0);
    return dealer;
}

/* Until so many messages were heard; false when it took too long. */
static bool hear(unsigned messages)
{
    bool late = false;
    struct loop_timer *timer = loop_timer_new(&loop, too_late, &late);
    loop_timer_set(timer, DEADLINE_MS);
    while (!late && heard < messages)
        uv_run(&loop, UV_RUN_ONCE);
    loop_timer_free(timer);
    return !late;
}

/* ZeroMQ 4.3.4 aborts when the number that it would give a connection is another's name already. It must be the first
 * test: without a seed rand() gives this number, the second, to the second router of every process (the first is
 * ZAP's). */
static void nobody_can_take_the_number_of_the_next_connection(void **state)
{
    (void)state;
    enum { CLAIMS = 12 };
    const uint32_t first = 0xe43c9869;
    void *zmq = zmq_ctx_new(), *dealers[CLAIMS + 1];
    struct pair pair;
    crypto_box_keypair(pair.open, pair.secret);
    admit(&pair, 1);
    for (uint32_t i = 0; i < CLAIMS; i++) {
        const uint32_t number = htonl(first + i);
        uint8_t name[5] = {0};
        memcpy(name + 1, &number, sizeof number);
        dealers[i] = dealer_new(zmq, &pair, name, sizeof name);
    }
    assert_true(hear(1));
    struct pair honest;
    crypto_box_keypair(honest.open, honest.secret);
    admit(&honest, 2);
    heard = 0;
    heard_key = (struct net_key){0};
    dealers[CLAIMS] = dealer_new(zmq, &honest, NULL, 0);
    while (heard_key.device.b[0] != 2)
        assert_true(hear(heard + 1));
    for (unsigned i = 0; i <= CLAIMS; i++)
        zmq_close(dealers[i]);
    zmq_ctx_term(zmq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_can_take_the_number_of_the_next_connection, begin, end),
        cmocka_unit_test_setup_teardown(a_device_that_claims_to_be_another_is_heard_as_itself, begin, end),
        cmocka_unit_test_setup_teardown(a_stranger_that_claims_to_be_a_device_is_not_heard, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
