/* SPDX-License-Identifier: Apache-2.0 */
/* What the spoke's driver gives the log, and when: what nobody waits for waits for company. */
#include "tests/unit/given_pair.h"

#include <sodium.h>
#include <stdlib.h>
#include <uv.h>

#include "daemon/log/log_internal.h"
#include "daemon/sync/driver_spoke.h"

struct scene {
    struct pair p;
    struct log_job pushed;
    uint32_t count;
    uv_loop_t loop;
    struct daemon daemon;
    struct spoke_driver driver;
};

/* A driver without a machine, of a laptop whose events the hub has. */
static struct scene *given_scene(unsigned notes)
{
    struct scene *s = calloc(1, sizeof *s);
    s->p = pair_with(notes);
    s->count = push(s->p.spoke, s->p.hub, 1, &s->pushed);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    s->daemon.log = s->p.spoke->log;
    s->daemon.keyring = s->p.spoke->keyring;
    s->daemon.loop = &s->loop;
    s->driver.base.daemon = &s->daemon;
    s->driver.holder = loop_timer_new(&s->loop, driver_spoke_release, &s->driver);
    return s;
}

static void scene_end(struct scene *s)
{
    loop_timer_free(s->driver.holder);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    pair_end(&s->p);
    free(s);
}

static void keep_receipt(struct scene *s, bool lowered)
{
    const struct stream_head head = own_head(s->p.spoke, NULL);
    struct spoke_output output = {.site = bytes_str(SITE), .receipt = malloc(sizeof *output.receipt)};
    *output.receipt = receipt_of(s->p.hub, s->p.spoke, &s->pushed, &head, s->count);
    output.lowered = lowered;
    driver_spoke_keep(&s->driver, &output, LOG_KEEP_RECEIPT);
}

static void keep_feed(struct scene *s)
{
    struct key_record keys[64];
    uint32_t key_count;
    struct spoke_output output = {.site = bytes_str(SITE)};
    output.batch = read_feed(s->p.hub, s->p.spoke, (struct position){1, 1}, BODY_TARGET, keys, &key_count);
    driver_spoke_keep(&s->driver, &output, LOG_KEEP_FEED);
}

/* Until all that was given to the log is done. */
static void finish(struct scene *s)
{
    while (s->driver.base.under_way > 0) {
        struct queue_item *item = queue_wait_all(&s->p.spoke->completions);
        while (item != NULL) {
            struct queue_item *next = item->next;
            struct log_job *job = (struct log_job *)((char *)item - offsetof(struct log_job, link));
            assert_int_equal(job->code, FELLOE_OK);
            job->done(job);
            item = next;
        }
    }
}

static uint64_t shared(struct scene *s)
{
    uint64_t seq;
    own_head(s->p.spoke, &seq);
    return seq;
}

static uint64_t commits(struct scene *s)
{
    struct log_reader *reader = reader_of(s->p.spoke);
    const uint64_t number = store_txn_number(reader->txn);
    log_reader_end(reader);
    return number;
}

static void a_receipt_for_a_few_events_goes_with_the_feed_that_follows(void **state)
{
    (void)state;
    struct scene *s = given_scene(2);
    const uint64_t before = commits(s);
    keep_receipt(s, false);
    assert_non_null(s->driver.held);
    keep_feed(s);
    assert_null(s->driver.held);
    finish(s);
    assert_int_equal(commits(s), before + 1);
    assert_int_equal(shared(s), 2);
    assert_int_equal(site_head(s->p.spoke).at.n, 2);
    scene_end(s);
}

static void without_a_feed_it_goes_a_moment_later(void **state)
{
    (void)state;
    struct scene *s = given_scene(2);
    keep_receipt(s, false);
    assert_int_equal(s->driver.base.under_way, 1); /* whoever makes the machine anew waits for it */
    uv_run(&s->loop, UV_RUN_DEFAULT);              /* until the clock has rung */
    assert_null(s->driver.held);
    finish(s);
    assert_int_equal(shared(s), 2);
    scene_end(s);
}

static void of_many_events_or_lowered_it_goes_at_once(void **state)
{
    (void)state;
    for (unsigned lowered = 0; lowered < 2; lowered++) {
        struct scene *s = given_scene(lowered ? 1 : 5);
        keep_receipt(s, lowered);
        assert_null(s->driver.held);
        finish(s);
        assert_int_equal(shared(s), s->count);
        scene_end(s);
    }
}

static void where_a_backlog_stands_goes_with_what_comes_next(void **state)
{
    (void)state;
    struct scene *s = given_scene(BACKLOG_ENTRIES);
    const uint64_t before = commits(s);
    keep_feed(s);
    assert_non_null(s->driver.held);
    keep_receipt(s, false);
    assert_null(s->driver.held);
    finish(s);
    assert_int_equal(commits(s), before + 1);
    assert_int_equal(shared(s), BACKLOG_ENTRIES);
    assert_int_equal(site_head(s->p.spoke).at.n, BACKLOG_ENTRIES);
    scene_end(s);
}

static void where_fewer_stand_goes_at_once(void **state)
{
    (void)state;
    struct scene *s = given_scene(BACKLOG_ENTRIES - 1);
    keep_feed(s);
    assert_null(s->driver.held);
    finish(s);
    scene_end(s);
}

static void no_more_than_a_few_wait(void **state)
{
    (void)state;
    struct scene *s = given_scene(2);
    for (unsigned i = 1; i < 16; i++) {
        keep_receipt(s, false);
        assert_non_null(s->driver.held);
    }
    keep_receipt(s, false);
    assert_null(s->driver.held);
    finish(s);
    scene_end(s);
}

static int sodium_ready(void **state)
{
    (void)state;
    return sodium_init() < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receipt_for_a_few_events_goes_with_the_feed_that_follows),
        cmocka_unit_test(without_a_feed_it_goes_a_moment_later),
        cmocka_unit_test(of_many_events_or_lowered_it_goes_at_once),
        cmocka_unit_test(where_a_backlog_stands_goes_with_what_comes_next),
        cmocka_unit_test(where_fewer_stand_goes_at_once),
        cmocka_unit_test(no_more_than_a_few_wait),
    };
    return cmocka_run_group_tests(tests, sodium_ready, NULL);
}
