/* SPDX-License-Identifier: Apache-2.0 */
/* The log on a disk that fails, at every single write and sync, once and for ever: what was said to be saved is there
 * after reopening, and the log that is found verifies. */
#include "tests/unit/given_faults.h"
#include "tests/unit/given_log.h"

#include "daemon/report.h"
#include "daemon/log/verify.h"

static void assert_verifies(struct given_log *g)
{
    struct verify_result result;
    const struct verify_options options = {.log = g->log, .keyring = g->keyring, .identity = &g->identity};
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
    assert_int_equal(result.problems, 0);
}

/* A person is introduced (key and event: two commits), then two notes. How many of the events were said to be saved. */
static unsigned work(struct given_log *g, enum felloe_code *first_failure)
{
    struct key_record person = new_person(SITE);
    unsigned saved = 0;
    *first_failure = FELLOE_OK;
    for (unsigned i = 0; i < 3; i++) {
        struct log_draft draft = person_note(&person, "hello");
        struct log_job job = record_job(SITE, &draft, 1);
        job.new_keys = &person;
        job.new_key_count = i == 0;
        if (run(g, &job) == FELLOE_OK)
            saved++;
        else if (*first_failure == FELLOE_OK)
            *first_failure = job.code;
    }
    return saved;
}

static void no_fault_loses_what_was_said_to_be_saved(int with, bool for_ever)
{
    bool reached_the_end = false;
    for (int nth = 1; !reached_the_end; nth++) {
        struct given_log *g = given_log(ROLE_SPOKE, NULL);
        enum felloe_code failure;
        fault_at(nth, with, for_ever);
        unsigned saved = work(g, &failure);
        reached_the_end = atomic_load(&fault.calls) < nth;
        fault_clear();
        assert_int_equal(reached_the_end, saved == 3 && failure == FELLOE_OK);
        if (!reached_the_end && failure != FELLOE_OK && failure != FELLOE_STORAGE && failure != FELLOE_NOT_FOUND)
            fail_msg("fault %d gave code %d", nth, failure);
        given_log_close(g);
        given_log_reopen(g);
        uint64_t found = own_head(g, NULL).seq;
        /* One that was not said to be saved may be there all the same; never one less. */
        assert_true(found >= saved && found <= saved + 1u);
        assert_verifies(g);
        record_note(g, "and on it goes");
        given_log_end(g);
        assert_true(nth < 100);
    }
}

static void an_error_at_any_place(void **state)
{
    (void)state;
    no_fault_loses_what_was_said_to_be_saved(EIO, false);
}

static void an_error_from_any_place_on(void **state)
{
    (void)state;
    no_fault_loses_what_was_said_to_be_saved(EIO, true);
}

static void a_disk_that_is_full_from_any_place_on(void **state)
{
    (void)state;
    no_fault_loses_what_was_said_to_be_saved(ENOSPC, true);
}

static void a_failed_commit_ends_all_writing_until_it_is_opened_again(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    record_note(g, "before");
    uint64_t commits = event_log_commits(g->log);
    atomic_store(&fault.sync, EIO);
    struct log_draft draft = site_note(g, "during");
    struct log_job job = record_job(SITE, &draft, 1);
    assert_int_equal(run(g, &job), FELLOE_STORAGE);
    fault_clear();
    assert_true(event_log_failed(g->log));
    assert_int_equal(run(g, &job), FELLOE_STORAGE);
    assert_non_null(strstr(job.error.message, "started again"));
    assert_int_equal(event_log_commits(g->log), commits);
    assert_int_equal(own_head(g, NULL).seq, 1); /* reading goes on */
    given_log_close(g);
    given_log_reopen(g);
    assert_false(event_log_failed(g->log));
    record_note(g, "after");
    assert_verifies(g);
    given_log_end(g);
}

/* After a sync that failed the system may show what is not on the disk: the newest commit is written down once more
 * before anything is built on it. */
static void what_cannot_be_made_sure_of_is_not_opened(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    record_note(g, "before");
    event_log_close(g->log);
    g->log = NULL;
    const struct event_log_config config = {
        .dir = g->dir.path, .identity = &g->identity, .keyring = g->keyring, .completions = &g->completions};
    struct felloe_error error = {0};
    atomic_store(&fault.meta, EIO);
    assert_int_equal(event_log_open(&g->log, &config, &error), FELLOE_STORAGE);
    fault_clear();
    atomic_store(&fault.sync, EIO);
    assert_int_equal(event_log_open(&g->log, &config, &error), FELLOE_STORAGE);
    assert_non_null(strstr(error.message, "Check the disk"));
    fault_clear();
    atomic_store(&fault.meta, ENOSPC); /* no reason not to start */
    assert_int_equal(event_log_open(&g->log, &config, &error), FELLOE_OK);
    fault_clear();
    assert_int_equal(own_head(g, NULL).seq, 1);
    assert_verifies(g);
    given_log_end(g);
}

static void a_full_disk_for_a_moment_costs_nothing(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    fault_at(1, ENOSPC, false);
    record_note(g, "goes in on the reserve");
    fault_clear();
    assert_false(event_log_failed(g->log));
    record_note(g, "there is room, so it goes on");
    assert_int_equal(own_head(g, NULL).seq, 2);
    assert_false(event_log_full(g->log));
    given_log_end(g);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    if (access("/dev/shm", W_OK) == 0) /* a hundred logs, each synced many times: no disk is needed for that */
        setenv("TMPDIR", "/dev/shm", 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_at_any_place),
        cmocka_unit_test(an_error_from_any_place_on),
        cmocka_unit_test(a_disk_that_is_full_from_any_place_on),
        cmocka_unit_test(a_failed_commit_ends_all_writing_until_it_is_opened_again),
        cmocka_unit_test(what_cannot_be_made_sure_of_is_not_opened),
        cmocka_unit_test(a_full_disk_for_a_moment_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
