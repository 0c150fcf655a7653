/* SPDX-License-Identifier: Apache-2.0 */
/* A hub that is put back to an older copy, or loses its log: it gives no position twice, laptops bring back what it
 * lacks to the places where it was, and what cannot have been there is refused. */
#include "tests/unit/given_restored.h"

/* A hub that has recorded two events, a laptop that wrote `before` of them, and one that reads. */
struct team {
    struct pair p;
    struct given_log *reader;
};

static void record_join(const struct team *t)
{
    struct device_record device = {.device = t->p.spoke->identity.device, .sign = t->p.spoke->identity.sign_public,
                                   .box = t->p.spoke->identity.box_public, .worker = "ash-grey"};
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    run_well(t->p.hub, &job);
}

/* All that the laptop has not pushed, in as many pushes as there are numbers in between. */
static void push_from(struct pair *p, uint64_t seq)
{
    struct log_job job;
    while (seq <= own_head(p->spoke, NULL).seq) {
        seq += push(p->spoke, p->hub, seq, &job);
        if (job.code != FELLOE_OK)
            fail_msg("%s", job.error.message);
    }
}

static struct team team_with(unsigned before)
{
    struct team t = {.p = pair_with(before)};
    t.reader = given_log(ROLE_SPOKE, t.p.hub);
    record_join(&t);
    push_from(&t.p, 1);
    record_notes(t.p.hub, 2);
    return t;
}

static void team_end(struct team *t)
{
    given_log_end(t->reader);
    pair_end(&t->p);
}

/* ---- refilling ---- */

static void a_hub_put_back_has_every_entry_at_its_place_again(void **state)
{
    (void)state;
    struct team t = team_with(40);
    keep_copy(t.p.hub);
    for (unsigned round = 0; round < 30; round++) {
        record_notes(t.p.spoke, 11);
        push_from(&t.p, 41 + 11 * round);
        record_notes(t.p.hub, 1);
        catch_up(t.p.hub, t.reader);
    }
    catch_up(t.p.hub, t.p.spoke);
    struct buffer before = rows_of(t.p.hub, ROWS_SIGNED);
    struct log_head head = head_in(t.p.hub, 1);

    put_back(t.p.hub);
    assert_int_equal(head_in(t.p.hub, 1).at.n, 42);
    next_epoch(t.p.hub);
    assert_int_equal(offer_all(t.reader, t.p.hub), head.at.n - 42);
    struct buffer after = rows_of(t.p.hub, ROWS_SIGNED);
    assert_true(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)));
    assert_same_rows(t.p.hub, t.reader);
    assert_same_rows(t.p.hub, t.p.spoke);
    struct log_reader *reader = reader_of(t.p.hub);
    struct signature signature;
    assert_true(log_head_signature(reader, bytes_str(SITE), 1, &signature));
    assert_true(verify_log_head(&t.p.hub->identity.sign_public, bytes_str(SITE), &head, &signature));
    log_reader_end(reader);
    buffer_release(&before);
    buffer_release(&after);
    reopen(t.p.hub);
    assert_same_rows(t.p.hub, t.reader);
    assert_int_equal(offer_all(t.p.spoke, t.p.hub), 0);
    team_end(&t);
}

/* The laptop's own events are only named in its copy of the log; it signs them again. */
static void the_author_alone_can_bring_it_all_back(void **state)
{
    (void)state;
    struct team t = team_with(3);
    catch_up(t.p.hub, t.p.spoke);
    keep_copy(t.p.hub);
    record_notes(t.p.spoke, 9);
    push_from(&t.p, 4);
    record_notes(t.p.hub, 1);
    record_notes(t.p.spoke, 2);
    push_from(&t.p, 13);
    catch_up(t.p.hub, t.p.spoke);
    struct buffer before = rows_of(t.p.hub, ROWS_SIGNED);
    put_back(t.p.hub);
    next_epoch(t.p.hub);
    assert_int_equal(offer_all(t.p.spoke, t.p.hub), 9 + 1 + 2);
    struct buffer after = rows_of(t.p.hub, ROWS_SIGNED);
    assert_true(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)));
    buffer_release(&before);
    buffer_release(&after);
    team_end(&t);
}

static void after_it_was_put_back_all_goes_on_in_the_next_epoch(void **state)
{
    (void)state;
    struct team t = team_with(5);
    catch_up(t.p.hub, t.reader);
    keep_copy(t.p.hub);
    record_notes(t.p.hub, 3);
    record_notes(t.p.spoke, 4);
    push_from(&t.p, 6);
    catch_up(t.p.hub, t.reader);
    put_back(t.p.hub);
    uint32_t epoch = next_epoch(t.p.hub);
    assert_true(epoch > 1 && epoch <= 1 + 4096);

    struct log_draft note = site_note(t.p.hub, "after the restore");
    struct log_job job = record_job(SITE, &note, 1);
    run_well(t.p.hub, &job);
    assert_int_equal(job.at.epoch, epoch);
    assert_int_equal(job.at.n, 1);
    assert_int_equal(note.seq, 1); /* of an incarnation of its own */
    assert_int_equal(job.head.at.epoch, epoch);
    offer_all(t.reader, t.p.hub);
    record_notes(t.p.spoke, 1);
    push_from(&t.p, 10);
    catch_up(t.p.hub, t.reader);
    catch_up(t.p.hub, t.p.spoke);
    assert_same_rows(t.p.hub, t.reader);
    assert_same_rows(t.p.hub, t.p.spoke);
    assert_int_equal(head_in(t.reader, epoch).at.n, 2);
    assert_int_equal(head_in(t.reader, 1).at.n, 5 + 2 + 3 + 4);
    team_end(&t);
}

static void what_the_hub_had_seen_its_next_incarnation_has_seen(void **state)
{
    (void)state;
    struct team t = team_with(5);
    struct log_draft note = site_note(t.p.hub, "seen it all");
    seen_advance(&note.seen, (struct position){1, 7});
    struct log_job job = record_job(SITE, &note, 1);
    run_well(t.p.hub, &job);
    next_epoch(t.p.hub);
    note = site_note(t.p.hub, "and again");
    job = record_job(SITE, &note, 1);
    run_well(t.p.hub, &job);
    struct stream_head own = own_head(t.p.hub, NULL);
    assert_int_equal(own.seq, 1);
    assert_int_equal(seen_in(&own.seen, 1), 7);
    team_end(&t);
}

/* They would give the same positions to different events. (Three of them: one chance in sixteen million.) */
static void two_restores_of_one_copy_do_not_meet(void **state)
{
    (void)state;
    struct team t = team_with(1);
    uint32_t epochs[3];
    keep_copy(t.p.hub);
    for (unsigned i = 0; i < 3; i++) {
        put_back(t.p.hub);
        epochs[i] = next_epoch(t.p.hub);
    }
    assert_false(epochs[0] == epochs[1] && epochs[1] == epochs[2]);
    team_end(&t);
}

/* ---- second positions ---- */

/* The laptop brings its events again before the one that read them at their old places brings those. */
static void an_event_that_was_brought_twice_has_two_positions_everywhere(void **state)
{
    (void)state;
    struct team t = team_with(4);
    keep_copy(t.p.hub);
    record_notes(t.p.spoke, 6);
    push_from(&t.p, 5);
    record_notes(t.p.hub, 1);
    catch_up(t.p.hub, t.reader);
    put_back(t.p.hub);
    uint32_t epoch = next_epoch(t.p.hub);
    push_from(&t.p, 5);
    assert_int_equal(head_in(t.p.hub, epoch).at.n, 6);
    assert_int_equal(offer_all(t.reader, t.p.hub), 7);
    struct given_log *late = given_log(ROLE_SPOKE, t.p.hub);
    catch_up(t.p.hub, late);
    catch_up(t.p.hub, t.reader);
    catch_up(t.p.hub, t.p.spoke);
    assert_same_rows(t.p.hub, late);
    assert_same_rows(t.p.hub, t.reader);
    assert_same_rows(t.p.hub, t.p.spoke);
    struct log_reader *reader = reader_of(late);
    struct log_item first, second;
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 4 + 2 + 1}, &first));
    assert_true(log_get(reader, bytes_str(SITE), (struct position){epoch, 1}, &second));
    assert_true(bytes_equal(first.event, second.event));
    log_reader_end(reader);
    assert_int_equal(verified(late).twice, 6);
    assert_int_equal(verified(t.p.hub).twice, 6);
    assert_int_equal(verified(t.p.spoke).twice, 6);
    given_log_end(late);
    team_end(&t);
}

/* A head that this hub might have signed, over other entries than it has. */
static void sign_over(struct given_log *hub, struct batch *batch)
{
    struct log_head head = head_in(hub, batch->epoch);
    for (uint32_t i = 0; i < batch->count; i++)
        log_head_advance(&head, &batch->entries[i].id);
    batch->head = head;
    sign_log_head(&hub->identity.sign_secret, bytes_str(SITE), &head, &batch->head_signature);
}

static void an_offer_that_contradicts_is_refused_and_what_came_beside_it_is_kept(void **state)
{
    (void)state;
    struct team t = team_with(4);
    keep_copy(t.p.hub);
    record_notes(t.p.spoke, 6);
    push_from(&t.p, 5);
    catch_up(t.p.hub, t.reader);
    put_back(t.p.hub);
    next_epoch(t.p.hub);
    push_from(&t.p, 5);
    struct buffer before = rows_of(t.p.hub, ROWS_SIGNED), altered = {0};

    struct batch *batch = read_offer(t.reader, t.p.hub, (struct position){1, 7}, BODY_TARGET);
    struct entry *entry = &batch->entries[2]; /* the same number, and other bytes */
    buffer_append(&altered, entry->event.data, entry->event.len);
    altered.data[altered.len - 1] ^= 1;
    entry->event = buffer_bytes(&altered);
    event_id_of(entry->event, &entry->id);
    sign_over(t.p.hub, batch);
    struct log_draft note = site_note(t.p.hub, "beside it");
    struct log_job jobs[2] = {{.kind = LOG_KEEP_OFFER, .batch = batch}, record_job(SITE, &note, 1)};
    submit(t.p.hub, &jobs[0]);
    submit(t.p.hub, &jobs[1]);
    wait_for(t.p.hub, &jobs[0]);
    wait_for(t.p.hub, &jobs[1]);
    assert_int_equal(jobs[0].code, FELLOE_INVALID);
    assert_non_null(strstr(jobs[0].error.message, "second time"));
    assert_int_equal(jobs[1].code, FELLOE_OK);
    batch_free(batch);
    buffer_release(&altered);
    struct buffer after = rows_of(t.p.hub, ROWS_SIGNED);
    assert_true(after.len > before.len); /* the note */
    assert_memory_equal(after.data, before.data, before.len);
    assert_int_equal(head_in(t.p.hub, 1).at.n, 6);
    buffer_release(&before);
    buffer_release(&after);
    assert_int_equal(offer_all(t.reader, t.p.hub), 6); /* the true ones */
    team_end(&t);
}

static void an_offer_that_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct team t = team_with(4);
    keep_copy(t.p.hub);
    record_notes(t.p.spoke, 6);
    push_from(&t.p, 5);
    catch_up(t.p.hub, t.reader);
    put_back(t.p.hub);
    uint32_t epoch = next_epoch(t.p.hub);
    enum { GAP, AGAIN, OTHER_HASH, PRESENT_EPOCH, NO_EPOCH, SKIPPED, OTHER_SITE, AT_A_LAPTOP, CASES };
    for (int wrong = 0; wrong < CASES; wrong++) {
        struct batch *batch = read_offer(t.reader, t.p.hub, (struct position){1, 7}, BODY_TARGET);
        if (wrong == GAP)
            batch->first_n = 8;
        if (wrong == AGAIN)
            batch->first_n = 6;
        if (wrong == OTHER_HASH)
            batch->head.hash.b[3] ^= 1;
        if (wrong == PRESENT_EPOCH) { /* whose positions are for the hub alone to give */
            batch->epoch = epoch;
            batch->first_n = 1;
            sign_over(t.p.hub, batch);
        }
        if (wrong == NO_EPOCH)
            batch->epoch = 0;
        if (wrong == SKIPPED)
            batch->entries[1] = batch->entries[2];
        if (wrong == OTHER_SITE)
            memcpy(batch->site, "nowhere", 8);
        struct log_job job = {.kind = LOG_KEEP_OFFER, .batch = batch};
        struct given_log *to = wrong == AT_A_LAPTOP ? t.reader : t.p.hub;
        assert_int_equal(run(to, &job), wrong == OTHER_SITE ? FELLOE_NOT_FOUND : FELLOE_INVALID);
        assert_int_equal(head_in(t.p.hub, 1).at.n, 6);
        assert_int_equal(head_in(t.p.hub, epoch).at.n, 0);
        batch_free(batch);
    }
    assert_int_equal(offer_all(t.reader, t.p.hub), 6);
    team_end(&t);
}

/* It would make the log look damaged for ever, at the hub and at everybody. */
static void a_false_signature_of_an_author_is_left_out(void **state)
{
    (void)state;
    struct team t = team_with(4);
    keep_copy(t.p.hub);
    record_notes(t.p.spoke, 6);
    push_from(&t.p, 5);
    catch_up(t.p.hub, t.reader);
    put_back(t.p.hub);
    next_epoch(t.p.hub);
    struct batch *batch = read_offer(t.reader, t.p.hub, (struct position){1, 7}, BODY_TARGET);
    assert_true(batch->entries[5].flags & ENTRY_SIGNED);
    batch->entries[5].signature.b[9] ^= 1;
    batch->entries[1].flags |= ENTRY_SIGNED;
    struct log_job job = {.kind = LOG_KEEP_OFFER, .batch = batch};
    run_well(t.p.hub, &job);
    batch_free(batch);
    struct log_reader *reader = reader_of(t.p.hub);
    struct log_item item;
    for (uint64_t n = 7; n <= 12; n++) {
        assert_true(log_get(reader, bytes_str(SITE), (struct position){1, n}, &item));
        assert_false(item.flags & ENTRY_SIGNED);
    }
    log_reader_end(reader);
    team_end(&t);
}

/* Its key is first used, in the order of positions, by an event that comes back after another one. */
static void a_key_goes_out_with_the_first_event_that_uses_it_though_that_came_back_late(void **state)
{
    (void)state;
    struct team t = team_with(1);
    keep_copy(t.p.hub);
    struct key_record person = new_person(SITE), keys[64];
    struct log_draft drafts[2] = {person_note(&person, "hello"), person_note(&person, "again")};
    struct log_job job = record_job(SITE, drafts, 2);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(t.p.spoke, &job);
    push_from(&t.p, 2);
    catch_up(t.p.hub, t.reader);
    put_back(t.p.hub);
    uint32_t epoch = next_epoch(t.p.hub);
    push_from(&t.p, 2);
    struct given_log *late = given_log(ROLE_SPOKE, t.p.hub);
    uint32_t key_count;
    batch_free(read_feed(t.p.hub, late, (struct position){1, 1}, BODY_TARGET, keys, &key_count));
    assert_int_equal(key_count, 1); /* the site's */
    offer_all(t.reader, t.p.hub);
    batch_free(read_feed(t.p.hub, late, (struct position){1, 1}, BODY_TARGET, keys, &key_count));
    assert_int_equal(key_count, 2);
    assert_memory_equal(&keys[1].id, &person.id, sizeof person.id);
    struct log_reader *reader = reader_of(t.p.hub);
    struct log_item item;
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 4}, &item));
    assert_true(item.flags & ENTRY_FIRST_KEY);
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 5}, &item));
    assert_false(item.flags & ENTRY_FIRST_KEY);
    assert_true(log_get(reader, bytes_str(SITE), (struct position){epoch, 1}, &item));
    assert_true(item.flags & ENTRY_FIRST_KEY);
    log_reader_end(reader);
    given_log_end(late);
    team_end(&t);
}

/* ---- receipts ---- */

static void a_receipt_for_less_than_before_takes_away(void **state)
{
    (void)state;
    struct team t = team_with(4);
    struct log_job pushed, job;
    struct stream_head at_4 = own_head(t.p.spoke, NULL);
    record_notes(t.p.spoke, 6);
    uint32_t count = push(t.p.spoke, t.p.hub, 5, &pushed);
    struct stream_head head = own_head(t.p.spoke, NULL);
    struct msg_receipt all = receipt_of(t.p.hub, t.p.spoke, &pushed, &head, count), less = all;
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &all};
    run_well(t.p.spoke, &job);
    assert_int_equal(job.oldest_waiting_ms, 0);
    less.seq = 4;
    less.id = at_4.id;
    less.run_count = 0;

    uint64_t shared;
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &less}; /* an old one, late: takes nothing away */
    run_well(t.p.spoke, &job);
    own_head(t.p.spoke, &shared);
    assert_int_equal(shared, 10);
    struct msg_receipt other = less; /* of another history */
    other.id.b[0] ^= 1;
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &other, .lowered = true};
    assert_int_equal(run(t.p.spoke, &job), FELLOE_INVALID);
    own_head(t.p.spoke, &shared);
    assert_int_equal(shared, 10);

    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &less, .lowered = true};
    run_well(t.p.spoke, &job);
    assert_int_equal(job.own.seq, 10);
    assert_true(job.oldest_waiting_ms > 0);
    run_well(t.p.spoke, &job);
    reopen(t.p.spoke);
    own_head(t.p.spoke, &shared);
    assert_int_equal(shared, 4);
    struct msg_receipt none = {.site = less.site, .incarnation = 1};
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &none, .lowered = true};
    run_well(t.p.spoke, &job);
    reopen(t.p.spoke);
    own_head(t.p.spoke, &shared);
    assert_int_equal(shared, 0);
    team_end(&t);
}

/* The positions that the lost receipt gave are nobody's; what a FEED has shown stays. */
static void positions_that_a_lost_receipt_promised_are_given_again(void **state)
{
    (void)state;
    struct team t = team_with(4);
    catch_up(t.p.hub, t.p.spoke);
    keep_copy(t.p.hub);
    struct log_job pushed, job;
    struct stream_head at_4 = own_head(t.p.spoke, NULL);
    record_notes(t.p.spoke, 6);
    uint32_t count = push(t.p.spoke, t.p.hub, 5, &pushed);
    struct stream_head head = own_head(t.p.spoke, NULL);
    struct msg_receipt all = receipt_of(t.p.hub, t.p.spoke, &pushed, &head, count), less = all;
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &all};
    run_well(t.p.spoke, &job);
    put_back(t.p.hub);
    uint32_t epoch = next_epoch(t.p.hub);
    less.seq = 4;
    less.id = at_4.id;
    less.run_count = 0;
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &less, .lowered = true};
    run_well(t.p.spoke, &job);
    struct log_reader *reader = reader_of(t.p.spoke);
    struct log_item item;
    for (uint64_t seq = 1; seq <= 10; seq++) {
        assert_true(log_get_own(reader, bytes_str(SITE), seq, &item));
        assert_int_equal(item.at.n, seq <= 4 ? seq : 0);
    }
    log_reader_end(reader);
    push_from(&t.p, 5);
    catch_up(t.p.hub, t.p.spoke);
    reader = reader_of(t.p.spoke);
    assert_true(log_get_own(reader, bytes_str(SITE), 7, &item));
    assert_int_equal(item.at.epoch, epoch);
    assert_int_equal(item.at.n, 3);
    log_reader_end(reader);
    team_end(&t);
}

/* ---- how often ---- */

static void a_hub_that_was_put_back_too_often_says_so(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL), *spoke = given_log(ROLE_SPOKE, hub);
    for (unsigned restore = 1; restore < 15; restore++) {
        record_notes(hub, 1);
        next_epoch(hub);
    }
    record_notes(hub, 1);
    struct log_job job = {.kind = LOG_NEXT_EPOCH};
    uint32_t epoch = event_log_epoch(hub->log);
    assert_int_equal(run(hub, &job), FELLOE_INVALID);
    assert_non_null(strstr(job.error.message, "14 times"));
    assert_int_equal(event_log_epoch(hub->log), epoch);
    record_notes(hub, 1);
    catch_up(hub, spoke);
    assert_same_rows(hub, spoke);
    job = (struct log_job){.kind = LOG_NEXT_EPOCH, .above = UINT32_MAX - 1};
    assert_int_equal(run(hub, &job), FELLOE_INVALID);
    job = (struct log_job){.kind = LOG_NEXT_EPOCH};
    assert_int_equal(run(spoke, &job), FELLOE_INVALID);

    /* A hub that gave out more epochs than can be named: the laptop takes no seventeenth. */
    struct log_head heads[SEEN_MAX];
    for (uint32_t more = 1; more <= 2; more++) {
        struct key_record keys[64];
        uint32_t key_count;
        struct batch *batch = read_feed(hub, spoke, (struct position){epoch, 1}, BODY_TARGET, keys, &key_count);
        batch->epoch = epoch + more;
        log_head_start(&batch->head, bytes_str(SITE), batch->epoch);
        for (uint32_t i = 0; i < batch->count; i++)
            log_head_advance(&batch->head, &batch->entries[i].id);
        job = (struct log_job){.kind = LOG_KEEP_FEED, .batch = batch};
        assert_int_equal(run(spoke, &job), more == 2 ? FELLOE_INVALID : FELLOE_OK);
        if (more == 2)
            assert_non_null(strstr(job.error.message, "epochs"));
        batch_free(batch);
    }
    struct log_reader *reader = reader_of(spoke);
    assert_int_equal(log_heads(reader, bytes_str(SITE), heads), SEEN_MAX);
    log_reader_end(reader);
    given_log_end(spoke);

    /* Once it is certain that the next position is another event's, none is given. */
    struct log_draft draft = site_note(hub, "nowhere to go");
    job = (struct log_job){.kind = LOG_NEXT_EPOCH, .set_back = true};
    assert_int_equal(run(hub, &job), FELLOE_INVALID);
    job = record_job(SITE, &draft, 1);
    assert_int_equal(run(hub, &job), FELLOE_STORAGE);
    assert_non_null(strstr(job.error.message, "next epoch"));
    given_log_end(hub);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_put_back_has_every_entry_at_its_place_again),
        cmocka_unit_test(the_author_alone_can_bring_it_all_back),
        cmocka_unit_test(after_it_was_put_back_all_goes_on_in_the_next_epoch),
        cmocka_unit_test(what_the_hub_had_seen_its_next_incarnation_has_seen),
        cmocka_unit_test(an_event_that_was_brought_twice_has_two_positions_everywhere),
        cmocka_unit_test(an_offer_that_contradicts_is_refused_and_what_came_beside_it_is_kept),
        cmocka_unit_test(an_offer_that_does_not_fit_changes_nothing),
        cmocka_unit_test(a_false_signature_of_an_author_is_left_out),
        cmocka_unit_test(a_key_goes_out_with_the_first_event_that_uses_it_though_that_came_back_late),
        cmocka_unit_test(two_restores_of_one_copy_do_not_meet),
        cmocka_unit_test(a_receipt_for_less_than_before_takes_away),
        cmocka_unit_test(positions_that_a_lost_receipt_promised_are_given_again),
        cmocka_unit_test(a_hub_that_was_put_back_too_often_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
