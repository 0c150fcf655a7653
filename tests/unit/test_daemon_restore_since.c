/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory that is put back to a backup must not forget: which tickets were used since, and what an earlier try
 * left half way in its place. */
#include "tests/unit/given_backup.h"

static void put_ticket(struct given_log *g, uint8_t number, int64_t used_ms)
{
    struct ticket_record ticket = {.curve = {number}, .site_count = 1, .sites = {SITE}, .made_ms = 1,
                                   .expires_ms = INT64_MAX, .used_ms = used_ms};
    struct log_job job = {.kind = LOG_PUT_TICKET, .ticket = &ticket};
    run_well(g, &job);
}

/* By number: -1 there is none, 0 it is void, 1 it is free, 2 it was used. */
static bool look_at_ticket(void *context, const struct ticket_record *ticket)
{
    int *states = context;
    states[ticket->curve[0]] = ticket->used_ms != 0 ? 2 : ticket->expires_ms > ticket->made_ms;
    return true;
}

static void expect_tickets(struct given_log *g, int first, int second, int third)
{
    int states[4] = {-1, -1, -1, -1};
    struct log_reader *reader = reader_of(g);
    assert_true(log_tickets(reader, look_at_ticket, states));
    log_reader_end(reader);
    assert_int_equal(states[1], first);
    assert_int_equal(states[2], second);
    assert_int_equal(states[3], third);
}

/* Whoever kept a ticket that was used since the backup would get a second laptop in with it. */
static void a_ticket_that_was_used_since_is_not_free_again(void **state)
{
    (void)state;
    for (unsigned unreadable = 0; unreadable < 2; unreadable++) {
        struct given_hub hub = given_hub(ROLE_HUB);
        struct given_log *g = hub.g;
        given_log_reopen(g);
        put_ticket(g, 1, 5); /* used before the backup */
        put_ticket(g, 2, 0);
        write_backup(g, false, hub.log);
        put_ticket(g, 2, 9); /* used after it */
        put_ticket(g, 3, 0); /* made after it */
        expect_tickets(g, 2, 2, 1);
        given_log_close(g);
        if (unreadable)
            damage(given_path(&g->dir, "log/data.mdb"));
        struct restore_outcome out = restore_well(g->dir.path, hub.log, NULL);
        assert_int_equal(out.log_unreadable, unreadable);
        assert_int_equal(out.tickets_void, 1);
        given_log_reopen(g);
        if (unreadable)
            expect_tickets(g, 2, 0, -1);
        else
            expect_tickets(g, 2, 2, 0);

        /* Who was let in with it may ask again; a join that was under way as it became void is refused. */
        struct ticket_record as_it_was = {.curve = {unreadable ? 2 : 3}, .site_count = 1, .sites = {SITE}, .made_ms = 1,
                                          .used_ms = 10, .expires_ms = INT64_MAX};
        struct device_record device = {.device = {{8}}, .joined_ms = 10, .site_count = 1, .sites = {SITE}};
        struct log_job job = {.kind = LOG_ADMIT, .device = &device, .ticket = &as_it_was};
        assert_int_equal(run(g, &job), FELLOE_REFUSED);
        assert_non_null(strstr(job.error.message, "older state"));
        put_ticket(g, 3, 0); /* one that is made now is as good as any */
        as_it_was.curve[0] = 3;
        run_well(g, &job);
        given_log_close(g);
        given_hub_end(&hub);
    }
}

/* D/what stands where it is before the second step of an exchange, on file systems that need two. */
static void half_way(struct given_hub *hub, const char *what)
{
    char now[PATH_MAX], folder[PATH_MAX], grown[PATH_MAX + 16], mark[PATH_MAX + 16];
    snprintf(now, sizeof now, "%s/%s", hub->g->dir.path, what);
    snprintf(folder, sizeof folder, "%s/new-%s", hub->g->dir.path, what);
    snprintf(grown, sizeof grown, "%s/%s", folder, what);
    snprintf(mark, sizeof mark, "%s/old", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(rename(now, grown), 0);
    assert_int_equal(close(open(mark, O_WRONLY | O_CREAT, 0600)), 0);
}

static bool count_ticket(void *context, const struct ticket_record *ticket)
{
    unsigned *used = context;
    *used += ticket->used_ms != 0;
    return true;
}

static void what_was_half_way_in_its_place_is_taken_over_all_the_same(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    struct given_log *g = hub.g;
    const char *dir = g->dir.path;
    struct ticket_record ticket = {.curve = {7}, .site_count = 1, .sites = {SITE}, .made_ms = 1, .used_ms = 2};
    struct log_job job = {.kind = LOG_PUT_TICKET, .ticket = &ticket};
    given_log_reopen(g);
    assert_int_equal(keyring_erase(g->keyring, &g->site_key.id, 1, NULL), FELLOE_OK);
    run_well(g, &job);
    given_log_close(g);

    half_way(&hub, "keys"); /* never an empty keyring in its place, in which what was erased would live again */
    restore_well(dir, NULL, hub.keys);
    given_log_reopen(g);
    assert_true(keyring_erased(g->keyring, &g->site_key.id, NULL));
    assert_false(keyring_has(g->keyring, &g->site_key.id, NULL));
    given_log_close(g);

    half_way(&hub, "log");
    half_way(&hub, "keys");
    struct restore_outcome out = restore_well(dir, hub.log, NULL);
    assert_false(out.log_unreadable);
    assert_int_equal(access(out.log_kept, F_OK), 0);
    given_log_reopen(g);
    unsigned used = 0;
    struct log_reader *reader = reader_of(g);
    assert_true(log_tickets(reader, count_ticket, &used));
    log_reader_end(reader);
    assert_int_equal(used, 1);
    assert_true(keyring_erased(g->keyring, &g->site_key.id, NULL));
    given_log_close(g);
    given_hub_end(&hub);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_that_was_used_since_is_not_free_again),
        cmocka_unit_test(what_was_half_way_in_its_place_is_taken_over_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
