/* SPDX-License-Identifier: Apache-2.0 */
/* A real hub in a process of its own, and those who connect to it as laptops or as ticket holders, to say whatever they
 * like. */
#ifndef FELLOE_TESTS_GIVEN_NET_CALLERS_H
#define FELLOE_TESTS_GIVEN_NET_CALLERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <uv.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/net/net.h"
#include "daemon/report.h"
#include "daemon/setup/setup.h"
#include "tests/unit/given_dir.h"
#include "tests/unit/given_vault.h"

#define DEADLINE_MS 8000
/* The thread sanitizer can have no threads in a process that was forked from one that has some: it ends, or hangs. */
#if defined(__SANITIZE_THREAD__)
#define HUB_CAN_BE_FORKED 0
#else
#define HUB_CAN_BE_FORKED 1
#endif

/* ---- the hub ---- */

static struct given_dir dir;
static char address[64];
static pid_t hub_process;
static struct identity hub_identity;
static struct key_record north_key, south_key; /* of the sites; the attacker is in south */
static uv_loop_t loop;

static inline void choose_address(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    close(fd);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", ntohs(any.sin_port));
}

static inline void hub_start(void)
{
    hub_process = fork();
    assert_true(hub_process >= 0);
    if (hub_process > 0)
        return;
    struct felloe_error error;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
    _exit((int)daemon_run(dir.path, &error));
}

/* It has not crashed, and ends when it is asked to. */
static inline void hub_stop(void)
{
    int status = -1;
    kill(hub_process, SIGTERM);
    assert_int_equal(waitpid(hub_process, &status, 0), hub_process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- those who connect ---- */

struct caller {
    struct identity me; /* its keys */
    uint8_t curve[32], secret[32]; /* what it connects with: its own, or a ticket's */
    struct net_spoke *net;
    struct message *answer; /* the latest */
    struct buffer header, body;
    unsigned answers;
    bool up;
};

static inline void heard(void *context, struct bytes header, struct lent *body)
{
    struct caller *c = context;
    buffer_clear(&c->header);
    buffer_clear(&c->body);
    buffer_append(&c->header, header.data, header.len);
    buffer_append(&c->body, body->bytes.data, body->bytes.len);
    assert_true(message_decode(buffer_bytes(&c->header), c->answer));
    c->answers++;
}

static inline void linked(void *context, enum net_link link)
{
    ((struct caller *)context)->up = link == NET_UP;
}

static inline struct caller *caller_new(void)
{
    struct caller *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->answer = calloc(1, sizeof *c->answer);
    identity_generate(&c->me, ROLE_SPOKE);
    memcpy(c->curve, c->me.curve_public, 32);
    memcpy(c->secret, c->me.curve_secret, 32);
    return c;
}

static inline void caller_free(struct caller *c)
{
    net_spoke_close(c->net);
    uv_run(&loop, UV_RUN_NOWAIT);
    buffer_release(&c->header);
    buffer_release(&c->body);
    free(c->answer);
    free(c);
}

static inline void too_late(void *context)
{
    *(bool *)context = true;
}

static inline bool run_until(const struct caller *c, bool (*there)(const struct caller *c, unsigned count),
                             unsigned count)
{
    bool late = false;
    struct loop_timer *timer = loop_timer_new(&loop, too_late, &late);
    loop_timer_set(timer, DEADLINE_MS);
    while (!late && !there(c, count))
        uv_run(&loop, UV_RUN_ONCE);
    loop_timer_free(timer);
    return !late;
}

static inline bool is_up(const struct caller *c, unsigned count)
{
    (void)count;
    return c->up;
}

static inline bool has_answers(const struct caller *c, unsigned count)
{
    return c->answers >= count;
}

static inline void call(struct caller *c)
{
    const struct net_spoke_config config = {.loop = &loop,
                                            .address = address,
                                            .hub_curve = hub_identity.curve_public,
                                            .curve_public = c->curve,
                                            .curve_secret = c->secret,
                                            .context = c,
                                            .message = heard,
                                            .link = linked};
    assert_int_equal(net_spoke_open(&c->net, &config, NULL), FELLOE_OK);
    assert_true(run_until(c, is_up, 0));
}

static inline void say(struct caller *c, const struct message *message, struct bytes bytes)
{
    struct buffer header = {0}, copy = {0};
    message_encode(message, &header);
    buffer_append(&copy, bytes.data, bytes.len);
    struct lent body = {buffer_bytes(&copy), free, copy.data};
    if (copy.data == NULL)
        body = (struct lent){0};
    net_spoke_send(c->net, &header, &body);
}

/* The answer's kind. */
static inline enum message_kind ask(struct caller *c, struct message *message, struct bytes body)
{
    unsigned before = c->answers;
    message->request = before + 1;
    say(c, message, body);
    assert_true(run_until(c, has_answers, before + 1));
    return c->answer->kind;
}

static inline void hello(struct message *m, const struct caller *c, const char *site, uint32_t incarnation)
{
    m->kind = MSG_HELLO;
    m->hello = (struct msg_hello){
        .version = PROTOCOL_VERSION, .device = c->me.device, .incarnation = incarnation, .site_count = 1};
    m->hello.sites[0].site = bytes_str(site);
}

static inline void join(struct message *m, const struct caller *c, const uint8_t *curve)
{
    m->kind = MSG_JOIN;
    m->join = (struct msg_join){.version = PROTOCOL_VERSION,
                                .sign = c->me.sign_public,
                                .box = c->me.box_public,
                                .label = bytes_str("a laptop")};
    memcpy(m->join.curve, curve, sizeof m->join.curve);
    join_sign(&c->me.sign_secret, &m->join);
}

/* ---- what the hub knows before it is started ---- */

static struct caller *honest, *evil, *both; /* in north; in south; in both */
static struct caller *holders[3];    /* of tickets for south; the last two of one ticket */

static inline void put_device(struct setup_log *log, const struct caller *c, const char *site, const char *second)
{
    struct device_record device = {.device = c->me.device,
                                   .sign = c->me.sign_public,
                                   .box = c->me.box_public,
                                   .label = "laptop",
                                   .worker = "anna",
                                   .site_count = 1,
                                   .joined_ms = 1};
    memcpy(device.curve, c->me.curve_public, sizeof device.curve);
    snprintf(device.sites[0], sizeof device.sites[0], "%s", site);
    if (second != NULL)
        snprintf(device.sites[device.site_count++], sizeof device.sites[0], "%s", second);
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    assert_int_equal(setup_log_do(log, &job, NULL), FELLOE_OK);
}

static inline void put_ticket(struct setup_log *log, struct caller *holder, const char *site)
{
    struct ticket_record ticket = {
        .worker = "ben", .site_count = 1, .made_ms = 1, .expires_ms = clock_wall_ms() + 3600000};
    crypto_box_keypair(holder->curve, holder->secret);
    memcpy(ticket.curve, holder->curve, sizeof ticket.curve);
    snprintf(ticket.sites[0], sizeof ticket.sites[0], "%s", site);
    struct log_job job = {.kind = LOG_PUT_TICKET, .ticket = &ticket};
    assert_int_equal(setup_log_do(log, &job, NULL), FELLOE_OK);
}

static inline int begin(void **state)
{
    (void)state;
    struct felloe_error error = {0};
    struct setup_result made;
    struct setup_log log;
    dir = given_dir();
    choose_address();
    const char *const sites[] = {"north", "south"};
    const struct setup_options options = {.unlock = "none",
        .dir = dir.path, .name = "hub", .listen = address, .sites = sites, .site_count = 2};
    if (setup_hub(&options, &made, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(given_identity_open(&hub_identity, dir.path), FELLOE_OK);
    assert_int_equal(setup_log_open(&log, dir.path, &hub_identity, &error), FELLOE_OK);
    assert_int_equal(keyring_site_key(log.keyring, bytes_str("north"), &north_key), FELLOE_OK);
    assert_int_equal(keyring_site_key(log.keyring, bytes_str("south"), &south_key), FELLOE_OK);
    put_device(&log, honest = caller_new(), "north", NULL);
    put_device(&log, evil = caller_new(), "south", NULL);
    put_device(&log, both = caller_new(), "north", "south");
    for (int i = 0; i < 3; i++)
        holders[i] = caller_new();
    put_ticket(&log, holders[0], "south");
    put_ticket(&log, holders[1], "north");
    memcpy(holders[2]->curve, holders[1]->curve, 32);
    memcpy(holders[2]->secret, holders[1]->secret, 32);
    setup_log_close(&log);
    hub_start();
    return uv_loop_init(&loop);
}

/* An honest laptop is served, now and after a restart of the hub. */
static inline int end(void **state)
{
    (void)state;
    static struct message m;
    for (int start = 0; start < 2; start++) {
        if (start == 1)
            hub_start();
        call(honest);
        hello(&m, honest, "north", 1);
        assert_int_equal(ask(honest, &m, (struct bytes){0}), MSG_WELCOME);
        assert_int_equal(honest->answer->welcome.sites[0].verdict, SITE_OK);
        net_spoke_close(honest->net);
        honest->net = NULL;
        honest->up = false;
        hub_stop();
    }
    caller_free(honest);
    caller_free(evil);
    caller_free(both);
    for (int i = 0; i < 3; i++)
        caller_free(holders[i]);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    given_dir_end(&dir);
    return 0;
}

static struct message m;

#endif
