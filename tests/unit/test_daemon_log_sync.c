/* SPDX-License-Identifier: Apache-2.0 */
/* What passes between a spoke's log and a hub's: pushes get positions, receipts share, feeds arrive with their keys;
 * and whatever does not fit what the disk has is refused and changes nothing. */
#include "tests/unit/given_pair.h"

/* ---- PUSH ---- */

static void a_push_gets_positions_in_order(void **state)
{
    (void)state;
    struct pair p = pair_with(10);
    struct log_job job;
    assert_int_equal(push(p.spoke, p.hub, 1, &job), 10);
    assert_int_equal(job.code, FELLOE_OK);
    assert_int_equal(job.at.epoch, 1);
    assert_int_equal(job.at.n, 1);
    assert_int_equal(job.head.at.n, 10);
    record_notes(p.spoke, 5);
    push(p.spoke, p.hub, 11, &job);
    assert_int_equal(job.at.n, 11);
    assert_int_equal(job.head.at.n, 15);

    struct log_reader *reader = reader_of(p.hub);
    struct log_item item;
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 15}, &item));
    assert_true(item.flags & ENTRY_SIGNED);
    struct event event;
    struct event_id id;
    event_id_of(item.event, &id);
    assert_true(event_decode(item.event, &event));
    assert_true(verify_stream(&p.spoke->identity.sign_public, event.clear.site, &event.clear.device, 1, 15, &id,
                              item.signature));
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 1}, &item));
    assert_true(item.flags & ENTRY_FIRST_KEY);
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 2}, &item));
    assert_int_equal(item.flags, 0);
    assert_false(log_get(reader, bytes_str(SITE), (struct position){1, 16}, &item));
    log_reader_end(reader);
    pair_end(&p);
}

static bool one_stream(void *context, const struct device_id *device, uint32_t incarnation,
                       const struct stream_head *head)
{
    const struct given_log *spoke = context;
    assert_memory_equal(device, &spoke->identity.device, sizeof *device);
    assert_int_equal(incarnation, 1);
    assert_int_equal(head->seq, 8);
    return true;
}

static void a_push_that_was_kept_already_or_leaves_a_gap_changes_nothing(void **state)
{
    (void)state;
    struct pair p = pair_with(8);
    struct log_job job;
    push(p.spoke, p.hub, 1, &job);
    struct log_head before = site_head(p.hub);
    push(p.spoke, p.hub, 1, &job);
    assert_int_equal(job.code, FELLOE_INVALID);
    assert_non_null(strstr(job.error.message, "already"));
    record_notes(p.spoke, 2);
    push(p.spoke, p.hub, 10, &job);
    assert_int_equal(job.code, FELLOE_INVALID);
    assert_non_null(strstr(job.error.message, "gap"));
    struct log_head after = site_head(p.hub);
    assert_memory_equal(&before.hash, &after.hash, sizeof before.hash);
    struct log_reader *reader = reader_of(p.hub);
    assert_true(log_streams(reader, bytes_str(SITE), one_stream, p.spoke));
    log_reader_end(reader);
    pair_end(&p);
}

/* A clone of the laptop wrote other events under the same numbers. */
static void another_history_under_the_same_numbers_is_refused_and_the_good_one_next_to_it_kept(void **state)
{
    (void)state;
    struct pair p = pair_with(3);
    struct log_job job, jobs[2];
    push(p.spoke, p.hub, 1, &job);
    struct given_log *clone = given_log(ROLE_SPOKE, p.hub);
    given_log_close(clone);
    given_dir_end(&clone->dir);
    clone->dir = given_dir();
    clone->identity = p.spoke->identity;
    given_log_reopen(clone);
    struct log_job add = {.kind = LOG_ADD_SITE, .new_keys = &clone->site_key, .new_key_count = 1};
    name_site(&add, SITE);
    run_well(clone, &add);
    record_notes(clone, 5);
    record_notes(p.spoke, 1);

    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batches[2] = {read_push(clone, p.hub, 4, BODY_TARGET, keys, &key_count),
                                read_push(p.spoke, p.hub, 4, BODY_TARGET, keys, &key_count)};
    for (unsigned i = 0; i < 2; i++) {
        jobs[i] = (struct log_job){.kind = LOG_KEEP_PUSH, .batch = batches[i]};
        submit(p.hub, &jobs[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        wait_for(p.hub, &jobs[i]);
        batch_free(batches[i]);
    }
    assert_int_equal(jobs[0].code, FELLOE_INVALID);
    assert_non_null(strstr(jobs[0].error.message, "another history"));
    assert_int_equal(jobs[1].code, FELLOE_OK);
    assert_int_equal(jobs[1].head.at.n, 4);
    given_log_end(clone);
    pair_end(&p);
}

/* ---- RECEIPT ---- */

/* A position that only a receipt has told is a promise; a hub that is put back gives it to another event. */
static void a_receipt_shares_and_gives_no_positions(void **state)
{
    (void)state;
    struct pair p = pair_with(5);
    struct log_job pushed, job;
    uint32_t count = push(p.spoke, p.hub, 1, &pushed);
    struct stream_head head = own_head(p.spoke, NULL);
    struct msg_receipt receipt = receipt_of(p.hub, p.spoke, &pushed, &head, count);
    record_notes(p.spoke, 2);
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
    run_well(p.spoke, &job);
    assert_int_equal(job.own.seq, 7);
    assert_true(job.oldest_waiting_ms > 0);
    run_well(p.spoke, &job); /* the same one again is fine */

    given_log_close(p.spoke);
    given_log_reopen(p.spoke);
    uint64_t shared;
    own_head(p.spoke, &shared);
    assert_int_equal(shared, 5);
    struct log_reader *reader = reader_of(p.spoke);
    struct log_item item;
    assert_true(log_get_own(reader, bytes_str(SITE), 5, &item));
    assert_int_equal(item.at.epoch, 0);
    log_reader_end(reader);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    reader = reader_of(p.spoke);
    assert_true(log_get_own(reader, bytes_str(SITE), 5, &item));
    assert_int_equal(item.at.epoch, 1);
    assert_int_equal(item.at.n, 5);
    assert_true(log_get_own(reader, bytes_str(SITE), 6, &item));
    assert_int_equal(item.at.epoch, 0);
    log_reader_end(reader);
    pair_end(&p);
}

static void a_receipt_that_does_not_fit_shares_nothing(void **state)
{
    (void)state;
    struct pair p = pair_with(5);
    struct log_job pushed, job;
    uint32_t count = push(p.spoke, p.hub, 1, &pushed);
    struct stream_head head = own_head(p.spoke, NULL);
    struct msg_receipt good = receipt_of(p.hub, p.spoke, &pushed, &head, count), bad[4] = {good, good, good, good};
    bad[0].seq = 6; /* more than was written */
    bad[1].seq = 4; /* another event's id */
    bad[2].incarnation = 2;
    bad[3].site = bytes_str("nowhere");
    for (unsigned i = 0; i < 4; i++) {
        job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &bad[i]};
        assert_int_not_equal(run(p.spoke, &job), FELLOE_OK);
    }
    uint64_t shared;
    own_head(p.spoke, &shared);
    assert_int_equal(shared, 0);
    good.runs[0].count = UINT32_MAX; /* promises positions for what was never written: nothing is made of it */
    job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &good};
    run_well(p.spoke, &job);
    own_head(p.spoke, &shared);
    assert_int_equal(shared, 5);
    pair_end(&p);
}

/* ---- FEED ---- */

static void a_feed_brings_the_whole_log_in_pieces_of_any_size(void **state)
{
    (void)state;
    const uint32_t sizes[] = {1, 900, BODY_FLOOR, 40000, BODY_TARGET};
    struct pair p = pair_with(300);
    push_all(&p);
    record_notes(p.hub, 10); /* the hub writes too */
    for (unsigned i = 0; i < 5; i++) {
        struct given_log *other = given_log(ROLE_SPOKE, p.hub);
        feed_all(p.hub, other, sizes[i]);
        assert_same_log(p.hub, other);
        given_log_close(other);
        given_log_reopen(other);
        assert_same_log(p.hub, other);
        struct log_reader *reader = reader_of(other);
        struct signature signature;
        struct log_head head = site_head(other);
        assert_true(log_head_signature(reader, bytes_str(SITE), 1, &signature));
        assert_true(verify_log_head(&other->identity.hub_sign, bytes_str(SITE), &head, &signature));
        log_reader_end(reader);
        given_log_end(other);
    }
    pair_end(&p);
}

static void own_events_come_back_as_markers_and_bring_positions(void **state)
{
    (void)state;
    struct pair p = pair_with(100);
    push_all(&p);
    record_notes(p.hub, 3);
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed(p.hub, p.spoke, (struct position){1, 1}, BODY_TARGET, keys, &key_count);
    assert_int_equal(batch->count, 103);
    assert_int_equal(key_count, 0); /* the key's first use is its own */
    assert_true(batch->entries[0].flags & ENTRY_OWN);
    assert_int_equal(batch->entries[0].event.len, 0);
    assert_false(batch->entries[100].flags & ENTRY_OWN);
    assert_true(batch->entries[102].flags & ENTRY_SIGNED);
    batch_free(batch);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    assert_same_log(p.hub, p.spoke);
    struct log_reader *reader = reader_of(p.spoke);
    struct log_item item;
    assert_true(log_get_own(reader, bytes_str(SITE), 77, &item));
    assert_int_equal(item.at.n, 77);
    log_reader_end(reader);
    pair_end(&p);
}

static void a_feed_ends_at_a_checkpoint_where_it_can(void **state)
{
    (void)state;
    struct pair p = pair_with(300);
    push_all(&p);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed(p.hub, other, (struct position){1, 1}, 40000, keys, &key_count);
    assert_true(batch->count > CHECKPOINT_EVERY);
    assert_int_equal(batch->count % CHECKPOINT_EVERY, 0);
    batch_free(batch);
    given_log_end(other);
    pair_end(&p);
}

static void a_feed_that_does_not_fit_moves_no_cursor(void **state)
{
    (void)state;
    struct pair p = pair_with(70);
    push_all(&p);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    struct key_record keys[64];
    uint32_t key_count;
    enum { LATE, OTHER_HASH, OTHER_MARKER, SKIPPED, CASES };
    for (int wrong = 0; wrong < CASES; wrong++) {
        struct given_log *to = wrong == OTHER_MARKER ? p.spoke : other;
        struct batch *batch = read_feed(p.hub, to, (struct position){1, 1}, BODY_TARGET, keys, &key_count);
        if (wrong == LATE)
            batch->first_n = 2;
        if (wrong == OTHER_HASH)
            batch->head.hash.b[0] ^= 1;
        if (wrong == OTHER_MARKER)
            batch->entries[69].id.b[0] ^= 1;
        if (wrong == SKIPPED)
            batch->entries[3] = batch->entries[4];
        struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch};
        assert_int_equal(run(to, &job), FELLOE_INVALID);
        assert_int_equal(site_head(to).at.n, 0);
        batch_free(batch);
    }
    feed_all(p.hub, other, BODY_TARGET);
    assert_same_log(p.hub, other);
    given_log_end(other);
    pair_end(&p);
}

/* As the machine does that has checked it. */
static void work_out_hashes(struct batch *batch, struct log_head head)
{
    batch->before = head.hash;
    for (uint32_t i = 0; i < batch->count; i++) {
        log_head_advance(&head, &batch->entries[i].id);
        if (head.at.n % CHECKPOINT_EVERY == 0)
            *batch_checkpoint(batch, head.at.n) = head.hash;
    }
    assert_memory_equal(&head.hash, &batch->head.hash, sizeof head.hash);
    batch->hashed = true;
}

static void hashes_that_were_worked_out_before_are_those_that_are_kept(void **state)
{
    (void)state;
    struct pair p = pair_with(300);
    push_all(&p);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub), *third = given_log(ROLE_SPOKE, p.hub);
    struct log_head start;
    log_head_start(&start, bytes_str(SITE), 1);
    for (uint64_t n = 0; n < 300; n = site_head(other).at.n) {
        struct key_record keys[64];
        uint32_t key_count;
        struct batch *batch = read_feed(p.hub, other, (struct position){1, n + 1}, 40000, keys, &key_count);
        work_out_hashes(batch, n == 0 ? start : site_head(other));
        batch->before.b[0] ^= 1;
        struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch, .new_keys = keys, .new_key_count = key_count};
        assert_int_equal(run(other, &job), FELLOE_INVALID); /* it follows another log than is here */
        assert_int_equal(site_head(other).at.n, n);
        batch->before.b[0] ^= 1;
        assert_int_equal(run(other, &job), FELLOE_OK);
        batch_free(batch);
    }
    feed_all(p.hub, third, BODY_TARGET); /* and this one's log works them out itself */
    assert_same_log(p.hub, other);
    struct log_reader *reader = reader_of(other), *hashing = reader_of(third);
    for (uint64_t n = CHECKPOINT_EVERY; n < 300; n += CHECKPOINT_EVERY) {
        struct log_hash hash, same;
        assert_true(log_hash_at(reader, bytes_str(SITE), (struct position){1, n}, &hash));
        assert_true(log_hash_at(hashing, bytes_str(SITE), (struct position){1, n}, &same));
        assert_memory_equal(&hash, &same, sizeof hash);
    }
    log_reader_end(reader);
    log_reader_end(hashing);
    given_log_end(third);
    given_log_end(other);
    pair_end(&p);
}

static bool keep_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    struct batch_stream *out = context;
    assert_int_equal(out->incarnation, 0); /* there is one */
    *out = (struct batch_stream){.device = *device, .incarnation = incarnation, .after = *head};
    return true;
}

static struct batch_stream the_stream(struct given_log *g)
{
    struct batch_stream stream = {.incarnation = 0};
    struct log_reader *reader = reader_of(g);
    assert_true(log_streams(reader, bytes_str(SITE), keep_stream, &stream));
    log_reader_end(reader);
    return stream;
}

/* Where the machine says what the streams come to, that is believed if they begin with what is here; if not, each
 * entry is looked at. */
static void streams_that_were_worked_out_before_are_those_that_are_kept(void **state)
{
    (void)state;
    struct pair p = pair_with(60);
    push_all(&p);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub), *third = given_log(ROLE_SPOKE, p.hub);
    for (uint64_t n = 0, round = 0; n < 60; n = site_head(other).at.n, round++) {
        struct key_record keys[64];
        uint32_t key_count;
        struct batch *batch = read_feed(p.hub, other, (struct position){1, n + 1}, 5000, keys, &key_count);
        assert_true(batch->count > 2);
        given_stream(batch);
        struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch, .new_keys = keys, .new_key_count = key_count};
        if (round == 1) { /* they begin elsewhere: of what comes one is missing, which is found here */
            const struct entry third_entry = batch->entries[2];
            batch->streams->before.seq++;
            batch->entries[2] = batch->entries[1];
            assert_int_equal(run(other, &job), FELLOE_INVALID);
            assert_int_equal(site_head(other).at.n, n);
            batch->entries[2] = third_entry; /* and without that it is taken */
        }
        assert_int_equal(run(other, &job), FELLOE_OK);
        batch_free(batch);
    }
    feed_all(p.hub, third, BODY_TARGET); /* and this one's log works them out itself */
    assert_same_log(p.hub, other);
    assert_same_log(third, other);
    const struct batch_stream told = the_stream(other), looked_at = the_stream(third);
    assert_int_equal(told.after.seq, 60);
    assert_true(device_id_equal(&told.device, &p.spoke->identity.device));
    assert_int_equal(looked_at.after.seq, 60);
    assert_true(event_id_equal(&told.after.id, &looked_at.after.id));
    assert_true(seen_includes(&told.after.seen, &looked_at.after.seen));
    assert_true(seen_includes(&looked_at.after.seen, &told.after.seen));
    given_log_end(third);
    given_log_end(other);
    pair_end(&p);
}

static void any_positions_hash_can_be_asked_for(void **state)
{
    (void)state;
    struct pair p = pair_with(150);
    push_all(&p);
    struct log_reader *reader = reader_of(p.hub);
    struct log_head head;
    log_head_start(&head, bytes_str(SITE), 1);
    for (uint64_t n = 0; n <= 150; n++) {
        struct log_hash hash;
        assert_true(log_hash_at(reader, bytes_str(SITE), (struct position){1, n}, &hash));
        assert_memory_equal(&hash, &head.hash, sizeof hash);
        struct log_item item;
        if (n < 150 && log_get(reader, bytes_str(SITE), (struct position){1, n + 1}, &item)) {
            struct event_id id;
            event_id_of(item.event, &id);
            log_head_advance(&head, &id);
        }
    }
    struct log_hash hash;
    assert_false(log_hash_at(reader, bytes_str(SITE), (struct position){1, 151}, &hash));
    assert_false(log_hash_at(reader, bytes_str(SITE), (struct position){2, 1}, &hash));
    log_reader_end(reader);
    pair_end(&p);
}

static void what_the_hub_records_is_placed_and_signed_at_once(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct log_draft drafts[3] = {site_note(hub, "a"), site_note(hub, "b"), site_note(hub, "c")};
    struct log_job job = record_job(SITE, drafts, 3);
    run_well(hub, &job);
    assert_int_equal(job.at.n, 1);
    assert_int_equal(job.head.at.n, 3);
    assert_int_equal(job.oldest_waiting_ms, 0);
    uint64_t shared;
    assert_int_equal(own_head(hub, &shared).seq, 3);
    assert_int_equal(shared, 3);
    struct log_reader *reader = reader_of(hub);
    struct log_item item;
    assert_true(log_get_own(reader, bytes_str(SITE), 2, &item));
    assert_int_equal(item.at.n, 2);
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 3}, &item));
    assert_int_equal(item.flags, ENTRY_OWN | ENTRY_SIGNED);
    assert_true(verify_stream(&hub->identity.sign_public, bytes_str(SITE), &hub->identity.device, 1, 3, &drafts[2].id,
                              item.signature));
    log_reader_end(reader);
    given_log_end(hub);
}

/* After a restore of the laptop: the next incarnation begins at 1, and what the hub has of the old one comes back. */
static void an_older_incarnations_events_come_back_whole(void **state)
{
    (void)state;
    struct pair p = pair_with(5);
    push_all(&p);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    go_on(p.spoke, 2);
    assert_int_equal(own_head(p.spoke, NULL).seq, 0);
    record_notes(p.spoke, 2);
    push_all(&p);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    assert_same_log(p.hub, p.spoke);

    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed(p.hub, p.spoke, (struct position){1, 1}, BODY_TARGET, keys, &key_count);
    assert_false(batch->entries[4].flags & ENTRY_OWN);
    assert_true(batch->entries[5].flags & ENTRY_OWN);
    batch_free(batch);
    pair_end(&p);
}

/* A hub that was restored gives what it lost together with the receipt a position in its next epoch; the first position
 * comes back to it with somebody's offer. Both reach a laptop, in whatever order. */
static void an_event_may_have_a_position_in_two_epochs_if_it_is_the_same(void **state)
{
    (void)state;
    struct pair p = pair_with(5);
    push_all(&p);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    feed_all(p.hub, other, BODY_TARGET);
    for (int wrong = 1; wrong >= 0; wrong--) {
        struct key_record keys[64];
        uint32_t key_count;
        struct batch *batch = read_feed(p.hub, other, (struct position){1, 3}, BODY_TARGET, keys, &key_count);
        assert_int_equal(batch->count, 3);
        struct buffer altered = {0};
        if (wrong) { /* another event under the number of the first: not the last, so no head tells */
            buffer_append(&altered, batch->entries[0].event.data, batch->entries[0].event.len);
            altered.data[altered.len - 1] ^= 1;
            batch->entries[0].event = buffer_bytes(&altered);
            event_id_of(batch->entries[0].event, &batch->entries[0].id);
        }
        batch->epoch = 2;
        batch->first_n = 1;
        log_head_start(&batch->head, bytes_str(SITE), 2);
        for (uint32_t i = 0; i < batch->count; i++)
            log_head_advance(&batch->head, &batch->entries[i].id);
        struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch};
        assert_int_equal(run(other, &job), wrong ? FELLOE_INVALID : FELLOE_OK);
        batch_free(batch);
        buffer_release(&altered);
    }
    struct log_head heads[SEEN_MAX];
    struct log_reader *reader = reader_of(other);
    assert_int_equal(log_heads(reader, bytes_str(SITE), heads), 2);
    assert_int_equal(heads[1].at.epoch, 2);
    assert_int_equal(heads[1].at.n, 3);
    struct log_walk walk;
    struct log_item item;
    unsigned count = 0;
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){1, 4});
    for (; log_walk_next(&walk, &item); count++)
        assert_true(item.event.len > 0);
    assert_int_equal(count, 2 + 3);
    log_walk_end(&walk);
    log_reader_end(reader);
    given_log_end(other);
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_gets_positions_in_order),
        cmocka_unit_test(a_push_that_was_kept_already_or_leaves_a_gap_changes_nothing),
        cmocka_unit_test(another_history_under_the_same_numbers_is_refused_and_the_good_one_next_to_it_kept),
        cmocka_unit_test(a_receipt_shares_and_gives_no_positions),
        cmocka_unit_test(a_receipt_that_does_not_fit_shares_nothing),
        cmocka_unit_test(a_feed_brings_the_whole_log_in_pieces_of_any_size),
        cmocka_unit_test(own_events_come_back_as_markers_and_bring_positions),
        cmocka_unit_test(a_feed_ends_at_a_checkpoint_where_it_can),
        cmocka_unit_test(a_feed_that_does_not_fit_moves_no_cursor),
        cmocka_unit_test(hashes_that_were_worked_out_before_are_those_that_are_kept),
        cmocka_unit_test(streams_that_were_worked_out_before_are_those_that_are_kept),
        cmocka_unit_test(any_positions_hash_can_be_asked_for),
        cmocka_unit_test(what_the_hub_records_is_placed_and_signed_at_once),
        cmocka_unit_test(an_event_may_have_a_position_in_two_epochs_if_it_is_the_same),
        cmocka_unit_test(an_older_incarnations_events_come_back_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
