/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of what the machine wants to be kept where the log does not take it: it is about to be made afresh. */
#include "tests/unit/given_pair.h"

#include "daemon/sync/driver_spoke.h"

static struct pair p;
static struct daemon laptop;
static struct spoke_driver driver;

static int begin(void **state)
{
    (void)state;
    p = pair_with(3);
    push_all(&p);
    laptop = (struct daemon){.log = p.spoke->log, .keyring = p.spoke->keyring};
    driver = (struct spoke_driver){.base = {.daemon = &laptop, .restarts = 3, .trouble = "the disk is full"}};
    return 0;
}

static int end(void **state)
{
    (void)state;
    pair_end(&p);
    return 0;
}

/* A FEED of so many entries of before is missing in front of it. */
static void keep_feed(uint64_t behind)
{
    struct key_record keys[64];
    uint32_t key_count;
    struct spoke_output output = {.kind = SPOKE_KEEP_FEED, .site = bytes_str(SITE)};
    output.batch = read_feed(p.hub, p.spoke, (struct position){1, behind + 1}, BODY_TARGET, keys, &key_count);
    driver_spoke_keep(&driver, &output, LOG_KEEP_FEED);
    assert_null(output.batch);
    while (driver.base.under_way > 0)
        for (struct queue_item *item = queue_wait_all(&p.spoke->completions); item != NULL;) {
            struct queue_item *next = item->next;
            struct log_job *done = (struct log_job *)((char *)item - offsetof(struct log_job, link));
            done->done(done);
            item = next;
        }
}

/* Else it would be tried again every half a second for ever, and nobody told why. */
static void what_comes_after_a_commit_that_failed_does_not_take_the_trouble_away(void **state)
{
    (void)state;
    driver.base.restarting = true;
    keep_feed(1); /* it follows what failed */
    keep_feed(0); /* and this one was of another site, say */
    assert_int_equal(site_head(p.spoke).at.n, 3);
    assert_int_equal(driver.base.restarts, 3);
    assert_string_equal(driver.base.trouble, "the disk is full");
    assert_true(driver.base.restarting);
}

static void it_does_not_go_on_before_what_all_of_the_log_depends_on_is_done(void **state)
{
    (void)state;
    driver.base.restarting = driver.base.halted = true;
    keep_feed(1);
    assert_true(driver.base.halted);
}

static void the_first_that_is_kept_does(void **state)
{
    (void)state;
    keep_feed(0);
    assert_int_equal(driver.base.restarts, 0);
    assert_string_equal(driver.base.trouble, "");
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
        STORY(what_comes_after_a_commit_that_failed_does_not_take_the_trouble_away),
        STORY(it_does_not_go_on_before_what_all_of_the_log_depends_on_is_done),
        STORY(the_first_that_is_kept_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
