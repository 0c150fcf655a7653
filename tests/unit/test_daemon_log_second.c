/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that come back to a hub which gave them other positions meanwhile: what is looked for is found without
 * reading the log again and again, and nothing else is taken for it. */
#include "tests/unit/given_restored.h"

#include "daemon/log/log_internal.h"

#define NOTES 1200u

/* A hub, a laptop that writes, and another that reads. */
struct team {
    struct pair p;
    struct given_log *reader;
};

static struct team given_team(void)
{
    struct team t = {.p = pair_with(0)};
    t.reader = given_log(ROLE_SPOKE, t.p.hub);
    struct device_record device = {.device = t.p.spoke->identity.device, .sign = t.p.spoke->identity.sign_public,
                                   .box = t.p.spoke->identity.box_public, .worker = "ash-grey"};
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    run_well(t.p.hub, &job);
    keep_copy(t.p.hub);
    return t;
}

static void team_end(struct team *t)
{
    given_log_end(t->reader);
    pair_end(&t->p);
}

static void push_from(struct team *t, uint64_t seq)
{
    struct log_job job;
    while (seq <= own_head(t->p.spoke, NULL).seq) {
        seq += push(t->p.spoke, t->p.hub, seq, &job);
        assert_int_equal(job.code, FELLOE_OK);
    }
}

static uint32_t put_back_above(struct given_log *hub, uint32_t above)
{
    put_back(hub);
    struct log_job job = {.kind = LOG_NEXT_EPOCH, .above = above};
    run_well(hub, &job);
    reopen(hub);
    return job.epoch;
}

static void a_refill_reads_each_row_once(void **state)
{
    (void)state;
    struct team t = given_team();
    char text[700];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    for (unsigned round = 0; round < 30; round++) { /* small feeds, as over a thin link: so will the offers be */
        struct log_draft drafts[NOTES / 30];
        for (unsigned i = 0; i < NOTES / 30; i++)
            drafts[i] = site_note(t.p.spoke, text);
        struct log_job job = record_job(SITE, drafts, NOTES / 30);
        run_well(t.p.spoke, &job);
        push_from(&t, 1 + round * (NOTES / 30));
        catch_up(t.p.hub, t.reader);
    }
    put_back_above(t.p.hub, 1);
    push_from(&t, 1); /* all of it has positions in the next epoch before the old ones come back */
    unsigned offers = 0;
    for (struct batch *batch; (batch = read_offer(t.reader, t.p.hub,
                                                  (struct position){1, head_in(t.p.hub, 1).at.n + 1}, 1)) != NULL;) {
        struct log_job job = {.kind = LOG_KEEP_OFFER, .batch = batch};
        run_well(t.p.hub, &job);
        batch_free(batch);
        offers++;
    }
    assert_true(offers > 20);
    assert_int_equal(head_in(t.p.hub, 1).at.n, NOTES);
    const uint64_t read = t.p.hub->log->seconds_read;
    if (read > 2 * NOTES) /* once for the index, and once to compare */
        fail_msg("%u entries in %u offers took %llu rows", NOTES, offers, (unsigned long long)read);
    assert_int_equal(verified(t.p.hub).twice, NOTES);

    for (unsigned i = 0; i < 300; i++) /* and when nothing comes a second time any more, the index goes */
        record_notes(t.p.hub, 1);
    assert_null(t.p.hub->log->seconds[0]);
    team_end(&t);
}

/* Another one at the place of the second of three, which stand at two other positions each. */
static void one_that_stands_twice_does_not_count_for_two(void **state)
{
    (void)state;
    struct team t = given_team();
    struct given_log *later = given_log(ROLE_SPOKE, t.p.hub);
    struct buffer altered = {0};
    record_notes(t.p.spoke, 3);
    push_from(&t, 1);
    catch_up(t.p.hub, t.reader);
    uint32_t second = put_back_above(t.p.hub, 1);
    push_from(&t, 1);
    catch_up(t.p.hub, later);
    put_back_above(t.p.hub, second);
    push_from(&t, 1);
    assert_int_equal(offer_all(later, t.p.hub), 3); /* now in two epochs, but not in the first */

    for (unsigned again = 0; again < 2; again++) { /* an index is made, or is there */
        struct batch *batch = read_offer(t.reader, t.p.hub, (struct position){1, 1}, BODY_TARGET);
        struct entry *entry = &batch->entries[1];
        buffer_clear(&altered);
        buffer_append(&altered, entry->event.data, entry->event.len);
        altered.data[altered.len - 1] ^= 1;
        entry->event = buffer_bytes(&altered);
        event_id_of(entry->event, &entry->id);
        log_head_start(&batch->head, bytes_str(SITE), 1);
        for (uint32_t i = 0; i < batch->count; i++)
            log_head_advance(&batch->head, &batch->entries[i].id);
        sign_log_head(&t.p.hub->identity.sign_secret, bytes_str(SITE), &batch->head, &batch->head_signature);
        struct log_job job = {.kind = LOG_KEEP_OFFER, .batch = batch};
        assert_int_equal(run(t.p.hub, &job), FELLOE_INVALID);
        assert_non_null(strstr(job.error.message, "second time"));
        batch_free(batch);
    }
    assert_int_equal(offer_all(t.reader, t.p.hub), 3); /* the true ones */
    assert_int_equal(verified(t.p.hub).problems, 0);
    buffer_release(&altered);
    given_log_end(later);
    team_end(&t);
}

/* What the index learned in a transaction that came to nothing is not what is there. */
static void what_came_to_nothing_is_not_relied_on(void **state)
{
    (void)state;
    struct team t = given_team();
    record_notes(t.p.spoke, 6);
    push_from(&t, 1);
    catch_up(t.p.hub, t.reader);
    put_back_above(t.p.hub, 1);
    push_from(&t, 1);
    struct batch *batch = read_offer(t.reader, t.p.hub, (struct position){1, 1}, BODY_TARGET);
    batch->head.hash.b[0] ^= 1; /* fails after the index was made: beside a note, which is written once more */
    struct log_draft note = site_note(t.p.hub, "beside it");
    struct log_job jobs[2] = {record_job(SITE, &note, 1), {.kind = LOG_KEEP_OFFER, .batch = batch}};
    submit(t.p.hub, &jobs[0]);
    submit(t.p.hub, &jobs[1]);
    wait_for(t.p.hub, &jobs[0]);
    wait_for(t.p.hub, &jobs[1]);
    assert_int_equal(jobs[0].code, FELLOE_OK);
    assert_int_equal(jobs[1].code, FELLOE_INVALID);
    batch_free(batch);
    t.p.hub->log->seconds_read = 0;
    assert_int_equal(offer_all(t.reader, t.p.hub), 6);
    assert_int_equal(verified(t.p.hub).twice, 6);
    assert_int_equal(verified(t.p.hub).problems, 0);
    team_end(&t);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refill_reads_each_row_once),
        cmocka_unit_test(one_that_stands_twice_does_not_count_for_two),
        cmocka_unit_test(what_came_to_nothing_is_not_relied_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
