/* SPDX-License-Identifier: Apache-2.0 */
/* The log as one device has it: what is recorded is there, chained, in order, and after any end of the process. */
#include "tests/unit/given_log.h"

#include <signal.h>
#include <sys/wait.h>

#include "proto/event/hlc.h"

/* ---- recording ---- */

static void an_event_is_there_after_reopening(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct log_draft draft = record_note(g, "the door was open");
    assert_int_equal(draft.seq, 1);
    given_log_close(g);
    given_log_reopen(g);

    uint64_t shared;
    struct stream_head head = own_head(g, &shared);
    assert_int_equal(head.seq, 1);
    assert_int_equal(shared, 0);
    assert_true(event_id_equal(&head.id, &draft.id));
    struct log_reader *reader = reader_of(g);
    struct log_item item;
    assert_true(log_get_own(reader, bytes_str(SITE), 1, &item));
    assert_int_equal(item.at.epoch, 0);
    struct event event;
    struct event_body body;
    struct buffer plain = {0};
    assert_true(event_decode(item.event, &event));
    assert_true(event_open(&event, &g->site_key.key, &plain, &body));
    assert_true(bytes_is(body.type, "note.added"));
    assert_memory_equal(&event.clear.device, &g->identity.device, sizeof event.clear.device);
    buffer_release(&plain);
    log_reader_end(reader);
    given_log_end(g);
}

static void events_are_numbered_chained_and_timed(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    for (unsigned i = 0; i < 20; i++)
        record_notes(g, 1 + i % 3);
    struct log_reader *reader = reader_of(g);
    struct stream_head head = {0};
    struct log_item item;
    uint64_t time = 0;
    struct buffer plain = {0};
    for (uint64_t seq = 1; log_get_own(reader, bytes_str(SITE), seq, &item); seq++) {
        struct event event;
        struct event_body body;
        struct event_id id;
        assert_true(event_decode(item.event, &event));
        event_id_of(item.event, &id);
        assert_int_equal(stream_check(&head, &event.clear, &id), STREAM_NEXT);
        stream_advance(&head, &event.clear, &id);
        assert_true(event_open(&event, &g->site_key.key, &plain, &body));
        assert_true(body.time > time);
        time = body.time;
    }
    buffer_release(&plain);
    log_reader_end(reader);
    assert_int_equal(head.seq, own_head(g, NULL).seq);
    assert_int_equal(event_log_time(g->log), time);
    given_log_end(g);
}

static void the_clock_goes_on_after_reopening_and_follows_what_was_heard(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    record_note(g, "one");
    uint64_t heard = event_log_time(g->log) + (3600ull * 1000 << 16);
    event_log_heard_time(g->log, heard);
    event_log_heard_time(g->log,
                         heard + ((2 * HLC_AHEAD_MAX_MS) << 16)); /* a clock that is days ahead is not followed */
    record_note(g, "two");
    assert_int_equal(event_log_time(g->log), heard + 1);
    given_log_close(g);
    given_log_reopen(g);
    assert_int_equal(event_log_time(g->log), heard + 1);
    given_log_end(g);
}

static void a_draft_has_seen_at_least_what_the_one_before_had(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct log_draft drafts[3] = {site_note(g, "a"), site_note(g, "b"), site_note(g, "c")};
    seen_advance(&drafts[0].seen, (struct position){1, 5});
    seen_advance(&drafts[1].seen, (struct position){1, 3});
    seen_advance(&drafts[2].seen, (struct position){2, 1});
    struct log_job job = record_job(SITE, drafts, 3);
    run_well(g, &job);
    assert_int_equal(job.own.seq, 3);
    assert_int_equal(job.own.seen.count, 2);
    assert_int_equal(seen_in(&job.own.seen, 1), 5);
    assert_int_equal(seen_in(&job.own.seen, 2), 1);
    given_log_end(g);
}

static void an_imported_event_counts_once(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct key_record person = new_person(SITE);
    struct log_draft drafts[3] = {person_note(&person, "a"), person_note(&person, "b"), person_note(&person, "a")};
    for (unsigned i = 0; i < 3; i++)
        drafts[i].body.has_origin = true;
    origin_id_of(bytes_str("old-system"), bytes_str("17"), &drafts[0].body.origin);
    origin_id_of(bytes_str("old-system"), bytes_str("18"), &drafts[1].body.origin);
    drafts[2].body.origin = drafts[0].body.origin;
    struct log_job job = record_job(SITE, drafts, 3);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(g, &job);
    assert_false(drafts[0].known || drafts[1].known);
    assert_true(drafts[2].known);
    assert_true(event_id_equal(&drafts[2].id, &drafts[0].id));
    assert_int_equal(job.own.seq, 2);

    given_log_close(g);
    given_log_reopen(g);
    struct log_draft again = drafts[1];
    again.body.has_subject = false;
    job = record_job(SITE, &again, 1);
    run_well(g, &job);
    assert_true(again.known);
    assert_true(event_id_equal(&again.id, &drafts[1].id));
    assert_memory_equal(&again.person, &person.owner, sizeof again.person);
    assert_int_equal(job.own.seq, 2);
    given_log_end(g);
}

/* ---- jobs that fail, alone ---- */

static void a_bad_job_fails_alone_and_leaves_nothing(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    static char text[70000];
    memset(text, 'x', sizeof text - 1);
    struct buffer fields = {0};
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_text(&fields, text);

    struct log_draft good = site_note(g, "before"), mixed[2] = {site_note(g, "lost with it"), site_note(g, "")};
    struct log_draft no_key = site_note(g, "no key"), after = site_note(g, "after");
    mixed[1].body.fields = buffer_bytes(&fields);
    no_key.key.b[0] ^= 1;
    struct log_job jobs[5] = {record_job(SITE, &good, 1), record_job(SITE, mixed, 2), record_job(SITE, &no_key, 1),
                              record_job("nowhere", &no_key, 1), record_job(SITE, &after, 1)};
    for (unsigned i = 0; i < 5; i++)
        submit(g, &jobs[i]);
    for (unsigned i = 0; i < 5; i++)
        wait_for(g, &jobs[i]);
    assert_int_equal(jobs[0].code, FELLOE_OK);
    assert_int_equal(jobs[1].code, FELLOE_INVALID);
    assert_non_null(strstr(jobs[1].error.message, "64 KiB"));
    assert_int_equal(jobs[2].code, FELLOE_NOT_FOUND);
    assert_non_null(strstr(jobs[2].error.message, "key"));
    assert_int_equal(jobs[3].code, FELLOE_NOT_FOUND);
    assert_non_null(strstr(jobs[3].error.message, "nowhere"));
    assert_int_equal(jobs[4].code, FELLOE_OK);
    assert_int_equal(jobs[4].own.seq, 2);
    assert_int_equal(after.seq, 2);
    assert_int_equal(own_head(g, NULL).seq, 2);
    buffer_release(&fields);
    given_log_end(g);
}

static void keys_are_durable_before_what_they_seal_and_a_false_one_fails_alone(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct key_record person = new_person(SITE), forged = person;
    forged.key.b[0] ^= 1;
    struct log_draft drafts[2] = {person_note(&person, "hello"), site_note(g, "never")};
    struct log_job jobs[2] = {record_job(SITE, &drafts[0], 1), record_job(SITE, &drafts[1], 1)};
    jobs[0].new_keys = &person;
    jobs[1].new_keys = &forged;
    jobs[0].new_key_count = jobs[1].new_key_count = 1;
    submit(g, &jobs[0]);
    submit(g, &jobs[1]);
    wait_for(g, &jobs[0]);
    wait_for(g, &jobs[1]);
    assert_int_equal(jobs[0].code, FELLOE_OK);
    assert_int_equal(jobs[1].code, FELLOE_DAMAGED);
    struct key_record got;
    assert_int_equal(keyring_get(g->keyring, &person.id, &got), FELLOE_OK);
    assert_memory_equal(&got.key, &person.key, sizeof got.key);
    given_log_end(g);
}

/* ---- sites ---- */

static void sites_keep_their_order_and_their_own_streams(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    static const char *const names[] = {"commons", "south", SITE};
    for (unsigned i = 0; i < 3; i++) {
        struct log_job job = {.kind = LOG_ADD_SITE};
        name_site(&job, names[i]);
        run_well(g, &job);
    }
    struct log_job bad = {.kind = LOG_ADD_SITE};
    name_site(&bad, "No Slug");
    assert_int_equal(run(g, &bad), FELLOE_INVALID);
    struct log_draft draft = site_note(g, "in the south");
    struct log_job job = record_job("south", &draft, 1);
    run_well(g, &job);
    assert_int_equal(draft.seq, 1);
    record_note(g, "in the north");

    given_log_close(g);
    given_log_reopen(g);
    struct log_reader *reader = reader_of(g);
    char site[SLUG_MAX + 1];
    static const char *const order[] = {SITE, "commons", "south"};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(log_site_at(reader, i, site));
        assert_string_equal(site, order[i]);
    }
    assert_false(log_site_at(reader, 3, site));
    log_reader_end(reader);
    assert_int_equal(own_head(g, NULL).seq, 1);
    given_log_end(g);
}

static void a_site_too_many_is_refused(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_HUB, NULL);
    for (unsigned i = 1; i < SITES_MAX; i++) { /* `audit` is one of them, always */
        struct log_job job = {.kind = LOG_ADD_SITE};
        snprintf(job.site, sizeof job.site, "site-%u", i);
        assert_int_equal(run(g, &job), i < SITES_MAX - 1 ? FELLOE_OK : FELLOE_INVALID);
    }
    given_log_end(g);
}

/* ---- the writer ---- */

static void what_gathers_goes_into_one_commit(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    enum { JOBS = 400 };
    static struct log_job jobs[JOBS];
    static struct log_draft drafts[JOBS];
    uint64_t before = event_log_commits(g->log);
    fill_drafts(g, drafts, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = record_job(SITE, &drafts[i], 1);
        submit(g, &jobs[i]);
    }
    for (unsigned i = 0; i < JOBS; i++) {
        wait_for(g, &jobs[i]);
        assert_int_equal(jobs[i].code, FELLOE_OK);
        assert_int_equal(drafts[i].seq, i + 1);
    }
    uint64_t commits = event_log_commits(g->log) - before;
    assert_true(commits >= 1 && commits < JOBS / 4);
    given_log_end(g);
}

static void closing_finishes_what_is_queued(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    enum { JOBS = 50 };
    static struct log_job jobs[JOBS];
    static struct log_draft drafts[JOBS];
    fill_drafts(g, drafts, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = record_job(SITE, &drafts[i], 1);
        submit(g, &jobs[i]);
    }
    given_log_close(g);
    for (unsigned i = 0; i < JOBS; i++) {
        wait_for(g, &jobs[i]);
        assert_int_equal(jobs[i].code, FELLOE_OK);
    }
    given_log_reopen(g);
    assert_int_equal(own_head(g, NULL).seq, JOBS);
    given_log_end(g);
}

/* The child tells, over a pipe, each event that it was told is saved; then it is killed in the middle of more. */
static void no_saved_event_is_lost_when_the_process_is_killed(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        struct given_log *g = given_log(ROLE_SPOKE, NULL);
        given_log_close(g); /* an LMDB environment must not be open across a fork */
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            given_log_reopen(g);
            for (;;) {
                struct log_draft draft = record_note(g, "told to be saved");
                if (write(ends[1], &draft.id, sizeof draft.id) != (ssize_t)sizeof draft.id)
                    _exit(1);
            }
        }
        close(ends[1]);
        struct event_id told[512];
        size_t count = 0;
        for (; count < 5 + 37 * round % 200; count++)
            assert_int_equal(read(ends[0], &told[count], sizeof told[count]), sizeof told[count]);
        assert_int_equal(kill(child, SIGKILL), 0);
        while (count < 512 && read(ends[0], &told[count], sizeof told[count]) == (ssize_t)sizeof told[count])
            count++;
        close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);

        given_log_reopen(g);
        struct log_reader *reader = reader_of(g);
        for (size_t i = 0; i < count; i++) {
            struct log_item item;
            struct event_id id;
            assert_true(log_get_own(reader, bytes_str(SITE), i + 1, &item));
            event_id_of(item.event, &id);
            assert_true(event_id_equal(&id, &told[i]));
        }
        log_reader_end(reader);
        assert_true(own_head(g, NULL).seq >= count);
        record_note(g, "and on it goes");
        given_log_end(g);
    }
}

/* ---- opening what is not right ---- */

static enum felloe_code try_open(struct given_log *g, struct felloe_error *error)
{
    struct event_log *log;
    const struct event_log_config config = {.dir = g->dir.path,
                                            .identity = &g->identity,
                                            .keyring = g->keyring,
                                            .completions = &g->completions,
                                            .reserve_bytes = 1 << 20};
    return event_log_open(&log, &config, error);
}

static void a_log_that_is_not_whole_or_not_ours_is_refused(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    record_notes(g, 200);
    struct felloe_error error = {0};
    assert_int_equal(try_open(g, &error), FELLOE_IN_USE);
    event_log_close(g->log);
    g->log = NULL;

    uint8_t was = g->identity.device.b[0];
    g->identity.device.b[0] ^= 1;
    assert_int_equal(try_open(g, &error), FELLOE_DAMAGED);
    assert_non_null(strstr(error.message, "another device"));
    g->identity.device.b[0] = was;

    struct stat st;
    assert_int_equal(stat(given_path(&g->dir, "log/data.mdb"), &st), 0);
    assert_int_equal(truncate(given_path(&g->dir, "log/data.mdb"), st.st_size / 2), 0);
    assert_int_equal(try_open(g, &error), FELLOE_DAMAGED);
    assert_non_null(strstr(error.message, "cut short"));
    assert_int_equal(truncate(given_path(&g->dir, "log/data.mdb"), 0), 0);
    assert_int_equal(try_open(g, &error), FELLOE_DAMAGED);
    assert_int_equal(unlink(given_path(&g->dir, "log/data.mdb")), 0);
    assert_int_equal(try_open(g, &error), FELLOE_DAMAGED);
    assert_non_null(strstr(error.message, "missing or empty"));
    given_log_end(g);
}

/* ---- devices and tickets ---- */

static struct device_record laptop(uint8_t number)
{
    struct device_record d = {.device = {{number}},
                              .sign = {{1}},
                              .box = {{2}},
                              .curve = {3},
                              .label = "Ash's laptop",
                              .worker = "ash-grey",
                              .name = "Ash Grey",
                              .role = "worker",
                              .agency = "north",
                              .sites = {"commons", SITE},
                              .site_count = 2,
                              .joined_ms = 1767225600000};
    return d;
}

static bool count_device(void *context, const struct device_record *device)
{
    assert_string_equal(device->sites[1], SITE);
    return ++*(unsigned *)context < 100;
}

static bool find_ticket(void *context, const struct ticket_record *ticket)
{
    *(struct ticket_record *)context = *ticket;
    return false;
}

static void a_ticket_lets_in_one_device(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_HUB, NULL);
    struct ticket_record ticket = {.curve = {7},
                                   .worker = "ash-grey",
                                   .name = "Ash Grey",
                                   .sites = {SITE},
                                   .site_count = 1,
                                   .made_ms = 1,
                                   .expires_ms = 2};
    struct log_job job = {.kind = LOG_PUT_TICKET, .ticket = &ticket};
    run_well(g, &job);

    /* Two laptops ask with it at the same time. */
    struct device_record devices[2] = {laptop(1), laptop(2)};
    struct ticket_record used[2] = {ticket, ticket};
    struct log_job jobs[2];
    for (unsigned i = 0; i < 2; i++) {
        used[i].used_ms = 3;
        used[i].used_by = devices[i].device;
        jobs[i] = (struct log_job){.kind = LOG_ADMIT, .device = &devices[i], .ticket = &used[i]};
        submit(g, &jobs[i]);
    }
    wait_for(g, &jobs[0]);
    wait_for(g, &jobs[1]);
    assert_int_equal(jobs[0].code, FELLOE_OK);
    assert_int_equal(jobs[1].code, FELLOE_REFUSED);
    jobs[0].kind = LOG_ADMIT; /* the first one asks again: its answer was lost */
    run_well(g, &jobs[0]);

    given_log_close(g);
    given_log_reopen(g);
    struct log_reader *reader = reader_of(g);
    struct device_record got;
    assert_true(log_device(reader, &devices[0].device, &got));
    assert_memory_equal(&got, &devices[0], sizeof got);
    assert_false(log_device(reader, &devices[1].device, &got));
    unsigned count = 0;
    log_devices(reader, count_device, &count);
    assert_int_equal(count, 1);
    struct ticket_record kept;
    log_tickets(reader, find_ticket, &kept);
    assert_memory_equal(&kept, &used[0], sizeof kept);
    log_reader_end(reader);

    struct device_record revoked = devices[0];
    revoked.revoked_ms = 4;
    snprintf(revoked.why, sizeof revoked.why, "lost on a train");
    job = (struct log_job){.kind = LOG_PUT_DEVICE, .device = &revoked};
    run_well(g, &job);
    reader = reader_of(g);
    assert_true(log_device(reader, &revoked.device, &got));
    assert_string_equal(got.why, "lost on a train");
    log_reader_end(reader);
    given_log_end(g);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_there_after_reopening),
        cmocka_unit_test(events_are_numbered_chained_and_timed),
        cmocka_unit_test(the_clock_goes_on_after_reopening_and_follows_what_was_heard),
        cmocka_unit_test(a_draft_has_seen_at_least_what_the_one_before_had),
        cmocka_unit_test(an_imported_event_counts_once),
        cmocka_unit_test(a_bad_job_fails_alone_and_leaves_nothing),
        cmocka_unit_test(keys_are_durable_before_what_they_seal_and_a_false_one_fails_alone),
        cmocka_unit_test(sites_keep_their_order_and_their_own_streams),
        cmocka_unit_test(a_site_too_many_is_refused),
        cmocka_unit_test(what_gathers_goes_into_one_commit),
        cmocka_unit_test(closing_finishes_what_is_queued),
        cmocka_unit_test(no_saved_event_is_lost_when_the_process_is_killed),
        cmocka_unit_test(a_log_that_is_not_whole_or_not_ours_is_refused),
        cmocka_unit_test(a_ticket_lets_in_one_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
