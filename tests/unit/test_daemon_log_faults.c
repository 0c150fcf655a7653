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
        all_is_in(g);
        reached_the_end = atomic_load(&fault.calls) < nth;
        fault_clear();
        assert_true(!reached_the_end || saved == 3);
        /* What the journal has is saved, whatever becomes of the file. */
        assert_true(reached_the_end || saved < 3 || event_log_failed(g->log));
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
    all_is_in(g);
    uint64_t commits = event_log_commits(g->log);
    atomic_store(&fault.data, EIO);
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
    /* Before it is durable, and, when it was answered, while it goes into the file. */
    for (int nth = 1; nth <= 2; nth++) {
        struct given_log *g = given_log(ROLE_SPOKE, NULL);
        fault_at(nth, ENOSPC, false);
        record_note(g, "goes in on the reserve");
        all_is_in(g);
        assert_true(atomic_load(&fault.calls) > nth);
        fault_clear();
        assert_false(event_log_failed(g->log));
        record_note(g, "there is room, so it goes on");
        assert_int_equal(own_head(g, NULL).seq, 2);
        assert_false(event_log_full(g->log));
        given_log_end(g);
    }
}

/* The journal has the event, and LMDB's file does not take it: whoever recorded it was answered. Nobody is shown a log
 * without it. */
static void what_was_answered_is_there_though_the_file_did_not_take_it(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    record_note(g, "before");
    all_is_in(g);
    fault_at(2, EIO, true);
    record_note(g, "during");
    struct log_reader *reader = log_reader_begin(g->log, NULL);
    fault_clear();
    assert_null(reader);
    struct log_draft draft = site_note(g, "after");
    struct log_job job = record_job(SITE, &draft, 1);
    assert_int_equal(run(g, &job), FELLOE_STORAGE);
    assert_true(event_log_failed(g->log));
    given_log_close(g);
    given_log_reopen(g);
    assert_int_equal(own_head(g, NULL).seq, 2);
    record_note(g, "after");
    assert_verifies(g);
    given_log_end(g);
}

/* ---- who is let in ---- */

static bool keep_ticket(void *context, const struct ticket_record *ticket)
{
    *(struct ticket_record *)context = *ticket;
    return true;
}

static bool is_in(struct given_log *g, const struct device_record *device, bool *used)
{
    struct device_record found;
    struct ticket_record ticket = {0};
    struct log_reader *reader = log_reader_begin(g->log, NULL);
    assert_non_null(reader);
    bool known = log_device(reader, &device->device, &found);
    assert_true(log_tickets(reader, keep_ticket, &ticket));
    log_reader_end(reader);
    *used = ticket.used_ms != 0;
    return known;
}

/* Wherever the disk fails in a join: a device that is let in has used up its ticket, or another could use it, too. */
static void nobody_is_let_in_by_a_join_that_failed(int with, bool for_ever)
{
    bool came_about = false;
    for (int nth = 1; !came_about; nth++) {
        struct given_log *g = given_log(ROLE_HUB, NULL);
        struct ticket_record ticket = {.curve = {7}, .site_count = 1, .sites = {SITE}, .made_ms = 1, .expires_ms = 99};
        struct device_record device = {.device = {{8}}, .joined_ms = 10, .site_count = 1, .sites = {SITE}};
        struct log_job job = {.kind = LOG_PUT_TICKET, .ticket = &ticket};
        run_well(g, &job);
        ticket.used_ms = 10;
        ticket.used_by = device.device;
        job = (struct log_job){.kind = LOG_ADMIT, .device = &device, .ticket = &ticket};
        fault_at(nth, with, for_ever);
        enum felloe_code code = run(g, &job);
        came_about = code == FELLOE_OK && atomic_load(&fault.calls) < nth;
        fault_clear();
        given_log_close(g);
        given_log_reopen(g);
        bool used, known = is_in(g, &device, &used);
        if (known != used)
            fail_msg("call %d (%s): it is %s, and its ticket was %s", nth, strerror(with), known ? "in" : "out",
                     used ? "used" : "not used");
        if (code == FELLOE_OK)
            assert_true(known);
        job = (struct log_job){.kind = LOG_ADMIT, .device = &device, .ticket = &ticket};
        run_well(g, &job); /* the same join again */
        assert_true(is_in(g, &device, &used) && used);
        given_log_end(g);
        assert_true(nth < 100);
    }
}

static void a_join_and_its_ticket_are_one(void **state)
{
    (void)state;
    nobody_is_let_in_by_a_join_that_failed(EIO, false);
    nobody_is_let_in_by_a_join_that_failed(EIO, true);
    nobody_is_let_in_by_a_join_that_failed(ENOSPC, true);
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
        cmocka_unit_test(what_was_answered_is_there_though_the_file_did_not_take_it),
        cmocka_unit_test(a_join_and_its_ticket_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
