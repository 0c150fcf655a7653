/* SPDX-License-Identifier: Apache-2.0 */
/* A hub that was set back. To which a laptop shows it, and which cannot begin an epoch (no number is left for one; a
 * disk that is full is the same): it gives no position any more, however often it tries again, and says why. And which
 * looks for keys that it lacks: whoever makes it look has not the whole machine. */
#include "tests/unit/given_log.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <uv.h>

#include "daemon/pool.h"
#include "daemon/report.h"
#include "daemon/sync/driver_hub.h"

static uv_loop_t loop;
static struct daemon a_daemon;
static struct identity laptop;

static void complete(void *context)
{
    (void)context;
    for (struct queue_item *item = queue_take_all(&a_daemon.completions); item != NULL;) {
        struct queue_item *next = item->next;
        struct log_job *job = (struct log_job *)((char *)item - offsetof(struct log_job, link));
        job->done(job);
        item = next;
    }
}

static void stop(void *context)
{
    uv_stop(context);
}

static void run_for(uint64_t ms)
{
    struct loop_timer *timer = loop_timer_new(&loop, stop, &loop);
    loop_timer_set(timer, ms);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_timer_free(timer);
}

/* ---- the hub ---- */

static struct hub_driver *open_hub(struct given_log *g)
{
    event_log_close(g->log);
    uv_loop_init(&loop);
    queue_init(&a_daemon.completions, loop_wake_signal, loop_wake_new(&loop, complete, NULL));
    a_daemon.dir = g->dir.path;
    a_daemon.identity = g->identity;
    a_daemon.loop = &loop;
    a_daemon.pool = pool_new(&loop);
    a_daemon.keyring = g->keyring;
    a_daemon.config.role = ROLE_HUB;
    snprintf(a_daemon.config.listen, sizeof a_daemon.config.listen, "tcp://127.0.0.1:*");
    const struct event_log_config config = {.dir = g->dir.path, .identity = &a_daemon.identity,
                                            .keyring = g->keyring, .completions = &a_daemon.completions};
    struct felloe_error error;
    assert_int_equal(event_log_open(&a_daemon.log, &config, &error), FELLOE_OK);
    assert_int_equal(driver_open(&a_daemon.driver, &a_daemon, &error), FELLOE_OK);
    struct hub_driver *h = hub_of(a_daemon.driver);
    assert_non_null(h->machine);
    return h;
}

static void close_hub(struct given_log *g)
{
    driver_close(a_daemon.driver);
    event_log_close(a_daemon.log);
    complete(NULL);
    pool_free(a_daemon.pool);
    loop_wake_free(a_daemon.completions.context);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    queue_destroy(&a_daemon.completions);
    g->log = NULL;
    given_log_end(g);
}

/* ---- the laptop ---- */

static void admit(struct given_log *g)
{
    struct device_record record = {.device = laptop.device, .sign = laptop.sign_public, .box = laptop.box_public,
                                   .sites = {SITE}, .site_count = 1};
    memcpy(record.curve, laptop.curve_public, sizeof record.curve);
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &record};
    run_well(g, &job);
}

static void say(struct hub_driver *h, const struct message *message, const char *body)
{
    struct buffer header = {0};
    message_encode(message, &header);
    struct hub_input input = {.kind = HUB_MESSAGE, .peer = 1, .device = laptop.device, .header = buffer_bytes(&header)};
    input.body.bytes = bytes_str(body);
    driver_hub_step(h, &input);
    buffer_release(&header);
}

static void say_hello(struct hub_driver *h)
{
    static struct message m;
    m = (struct message){.kind = MSG_HELLO, .request = 1};
    m.hello = (struct msg_hello){.version = 1, .device = laptop.device, .incarnation = 1, .site_count = 1};
    m.hello.sites[0].site = bytes_str(SITE);
    say(h, &m, "");
}

/* What the hub signed in the last epoch that can be. */
static void show_it(struct hub_driver *h)
{
    static struct message m;
    m = (struct message){.kind = MSG_OFFER, .request = 2};
    m.offer = (struct msg_offer){.site = bytes_str(SITE), .first = {UINT32_MAX - 1, 1}, .count = 1,
                                 .head = {.at = {UINT32_MAX - 1, 1}}};
    sign_log_head(&a_daemon.identity.sign_secret, m.offer.site, &m.offer.head, &m.offer.signature);
    say(h, &m, "?");
}

static void a_hub_that_cannot_begin_an_epoch_gives_no_position(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_HUB, NULL);
    identity_generate(&laptop, ROLE_SPOKE);
    admit(g);
    struct hub_driver *h = open_hub(g);

    say_hello(h);
    show_it(h);
    for (unsigned i = 0; i < 9; i++) { /* it tries again after half a second, and after another */
        run_for(200);
        assert_true(h->base.restarting || h->machine == NULL);
    }
    assert_true(h->base.restarts >= 2);
    struct link_status status;
    driver_status(a_daemon.driver, &status);
    assert_non_null(strstr(status.notice, "epoch"));
    assert_int_equal(event_log_epoch(a_daemon.log), 1);

    close_hub(g);
}

/* ---- looking for keys ---- */

/* A log so large, or a disk so slow, that a look takes long. */
#define LOOK_TAKES_MS 60
static atomic_bool large;

int mdb_cursor_get(void *cursor, void *key, void *value, int way);
int mdb_cursor_get(void *cursor, void *key, void *value, int way)
{
    int (*real)(void *, void *, void *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_get");
    const uint64_t until = clock_steady_ms() + LOOK_TAKES_MS / 2; /* it goes round in two parts */
    while (atomic_load(&large) && clock_steady_ms() < until)
        continue;
    return real(cursor, key, value, way);
}

static void look_for_keys(struct hub_driver *h)
{
    driver_hub_look_for_keys(h, bytes_str(SITE));
}

/* Entries under keys that it lacks can come at any rate. */
static void looking_for_keys_takes_a_part_of_the_machine(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_HUB, NULL);
    identity_generate(&laptop, ROLE_SPOKE);
    admit(g);
    struct hub_driver *h = open_hub(g);
    const uint32_t before = h->refills[0].turn;
    atomic_store(&large, true);
    for (const uint64_t end = clock_steady_ms() + 1800; clock_steady_ms() < end;) {
        look_for_keys(h);
        run_for(10);
    }
    atomic_store(&large, false);
    assert_in_range(h->refills[0].turn - before, 2, 5); /* 200 ms after the first, and then each 600 ms */
    while (h->looking)
        run_for(10);
    close_hub(g);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_that_cannot_begin_an_epoch_gives_no_position),
        cmocka_unit_test(looking_for_keys_takes_a_part_of_the_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
