/* SPDX-License-Identifier: Apache-2.0 */
/* What sync brings, on a disk that fails at every single write and sync, once and for ever: what was said to be kept is
 * kept when the log is opened again, what was not is kept whole or not at all, and doing it again is fine. */
#include "tests/unit/given_faults.h"
#include "tests/unit/given_restored.h"

#include "daemon/report.h"

/* One kind of job on one of the two logs. */
struct step {
    struct pair (*prepare)(void);
    enum felloe_code (*act)(struct pair *p);
    bool (*is_done)(struct pair *p);
};

static struct pair three_notes(void)
{
    return pair_with(3);
}

static struct pair three_pushed(void)
{
    struct pair p = pair_with(3);
    push_all(&p);
    return p;
}

/* ---- the hub keeps a push ---- */

static enum felloe_code keep_push(struct pair *p)
{
    struct log_job job;
    push(p->spoke, p->hub, 1, &job);
    return job.code;
}

static bool hub_has_three(struct pair *p)
{
    return site_head(p->hub).at.n == 3;
}

/* ---- the laptop keeps a feed, and a receipt ---- */

static enum felloe_code keep_feed(struct pair *p)
{
    struct log_job job = {0};
    feed(p->hub, p->spoke, (struct position){1, site_head(p->spoke).at.n + 1}, BODY_TARGET, &job);
    return job.code;
}

static bool spoke_has_three(struct pair *p)
{
    return site_head(p->spoke).at.n == 3;
}

static enum felloe_code keep_receipt(struct pair *p)
{
    const struct log_job pushed = {.at = {1, 1}};
    struct stream_head head = own_head(p->spoke, NULL);
    struct msg_receipt receipt = receipt_of(p->hub, p->spoke, &pushed, &head, 3);
    struct log_job job = {.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
    return run(p->spoke, &job);
}

static bool three_are_shared(struct pair *p)
{
    uint64_t shared;
    own_head(p->spoke, &shared);
    return shared == 3;
}

/* ---- the hub goes into the next epoch, and is refilled ---- */

static enum felloe_code into_next_epoch(struct pair *p)
{
    struct log_job job = {.kind = LOG_NEXT_EPOCH};
    return run(p->hub, &job);
}

static bool is_in_next_epoch(struct pair *p)
{
    return event_log_epoch(p->hub->log) > 1;
}

static struct pair hub_set_back(void)
{
    struct pair p = pair_with(3);
    keep_copy(p.hub);
    push_all(&p);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    put_back(p.hub);
    next_epoch(p.hub);
    return p;
}

static enum felloe_code keep_offer(struct pair *p)
{
    struct log_job job = {0};
    offer(p->spoke, p->hub, 1, &job);
    return job.code;
}

static bool is_refilled(struct pair *p)
{
    return head_in(p->hub, 1).at.n == 3;
}

/* ---- the laptop has two histories, and goes on ---- */

static struct pair laptop_set_back(void)
{
    struct pair p = pair_with(2);
    push_all(&p);
    catch_up(p.hub, p.spoke);
    keep_copy(p.spoke);
    record_notes(p.spoke, 1);
    struct log_job job;
    push(p.spoke, p.hub, 3, &job);
    assert_int_equal(job.code, FELLOE_OK);
    put_back(p.spoke);
    record_notes(p.spoke, 2);
    return p;
}

static enum felloe_code name_next(struct pair *p)
{
    struct log_job job = {.kind = LOG_GOING_ON, .incarnation = 2};
    return run(p->spoke, &job);
}

static bool next_is_named(struct pair *p)
{
    return event_log_going_on(p->spoke->log) == 2;
}

static struct pair about_to_go_on(void)
{
    struct pair p = laptop_set_back();
    struct key_record keys[64];
    uint32_t key_count;
    assert_int_equal(name_next(&p), FELLOE_OK);
    struct position from = {1, head_in(p.spoke, 1).at.n + 1};
    struct batch *batch = read_feed_as(p.hub, p.spoke, 2, from, BODY_TARGET, keys, &key_count);
    struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch, .new_keys = keys, .new_key_count = key_count};
    run_well(p.spoke, &job);
    batch_free(batch);
    return p;
}

static enum felloe_code write_again(struct pair *p)
{
    struct log_job job = {.kind = LOG_GO_ON};
    return run(p->spoke, &job);
}

static bool all_is_written_again(struct pair *p)
{
    bool done = event_log_incarnation(p->spoke->log) == 2;
    assert_int_equal(event_log_going_on(p->spoke->log), done ? 0 : 2);
    assert_int_equal(own_head(p->spoke, NULL).seq, done ? 2 : 4);
    return done;
}

/* ---- each of them, with a fault at each place ---- */

static bool fault_in(const struct step *step, int nth, int with, bool for_ever)
{
    struct pair p = step->prepare();
    assert_false(step->is_done(&p));
    all_is_in(p.hub);
    all_is_in(p.spoke);
    fault_at(nth, with, for_ever);
    enum felloe_code code = step->act(&p);
    all_is_in(p.hub);
    all_is_in(p.spoke);
    bool came_to_pass = atomic_load(&fault.calls) >= nth;
    fault_clear();
    /* A disk that is full for a moment is gone round; what the journal has is kept, whatever becomes of the file. */
    const bool failed = event_log_failed(p.hub->log) || event_log_failed(p.spoke->log);
    if (code != FELLOE_STORAGE && (code != FELLOE_OK || (came_to_pass && with == EIO && !failed)))
        fail_msg("fault %d gave code %d", nth, (int)code);
    reopen(p.hub);
    reopen(p.spoke);
    verified(p.hub);
    verified(p.spoke);
    if (!step->is_done(&p)) {
        assert_int_not_equal(code, FELLOE_OK);
        assert_int_equal(step->act(&p), FELLOE_OK);
        reopen(p.hub);
        reopen(p.spoke);
    }
    assert_true(step->is_done(&p));
    verified(p.hub);
    verified(p.spoke);
    pair_end(&p);
    return came_to_pass;
}

static void fault_everywhere(const struct step *step)
{
    static const struct {
        int with;
        bool for_ever;
    } ways[] = {{EIO, false}, {EIO, true}, {ENOSPC, false}, {ENOSPC, true}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int nth = 1;
        while (fault_in(step, nth, ways[i].with, ways[i].for_ever))
            assert_true(++nth < 100);
        assert_true(nth > 3); /* pages, a sync and a meta page at the least */
    }
}

static void a_hub_that_keeps_a_push(void **state)
{
    (void)state;
    fault_everywhere(&(const struct step){three_notes, keep_push, hub_has_three});
}

static void a_laptop_that_keeps_a_feed(void **state)
{
    (void)state;
    fault_everywhere(&(const struct step){three_pushed, keep_feed, spoke_has_three});
}

static void a_laptop_that_keeps_a_receipt(void **state)
{
    (void)state;
    fault_everywhere(&(const struct step){three_pushed, keep_receipt, three_are_shared});
}

static void a_hub_that_goes_into_the_next_epoch(void **state)
{
    (void)state;
    fault_everywhere(&(const struct step){three_pushed, into_next_epoch, is_in_next_epoch});
}

static void a_hub_that_is_refilled(void **state)
{
    (void)state;
    fault_everywhere(&(const struct step){hub_set_back, keep_offer, is_refilled});
}

static void a_laptop_that_is_told_of_its_two_histories(void **state)
{
    (void)state;
    fault_everywhere(&(const struct step){laptop_set_back, name_next, next_is_named});
}

static void a_laptop_that_writes_again(void **state)
{
    (void)state;
    fault_everywhere(&(const struct step){about_to_go_on, write_again, all_is_written_again});
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    if (access("/dev/shm", W_OK) == 0) /* hundreds of logs, each synced many times: no disk is needed for that */
        setenv("TMPDIR", "/dev/shm", 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_that_keeps_a_push),
        cmocka_unit_test(a_laptop_that_keeps_a_feed),
        cmocka_unit_test(a_laptop_that_keeps_a_receipt),
        cmocka_unit_test(a_hub_that_goes_into_the_next_epoch),
        cmocka_unit_test(a_hub_that_is_refilled),
        cmocka_unit_test(a_laptop_that_is_told_of_its_two_histories),
        cmocka_unit_test(a_laptop_that_writes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
