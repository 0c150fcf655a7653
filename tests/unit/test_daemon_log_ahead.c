/* SPDX-License-Identifier: Apache-2.0 */
/* Large batches whose events are made while the batch before them is committed: taken where the stream is as it was
 * meant to be, and else made anew; in either case one chain. */
#include "tests/unit/given_log.h"

#include "daemon/log/log_internal.h"

#define EACH 80
#define BATCHES 6
#define TURNS_MAX 2000

/* As a recording does it: drafts that were sealed before their turn. */
struct given_batch {
    struct log_draft drafts[EACH];
    struct log_sealed sealed[EACH];
    struct buffer texts[EACH];
    struct log_job job;
};

static void seal_one(struct given_log *g, struct given_batch *b, size_t at)
{
    struct log_draft *draft = &b->drafts[at];
    struct event_sealed *body = &b->sealed[at].body;
    struct seal_subkey subkey;
    b->sealed[at] = (struct log_sealed){.body.incarnation = event_log_incarnation(g->log)};
    randombytes_buf(body->nonce, sizeof body->nonce);
    draft->time = draft->body.time = event_log_next_time(g->log);
    event_subkey(&g->site_key.key, body->nonce, &subkey);
    assert_true(event_seal_body(&draft->body, &subkey, &b->texts[at], body));
    draft->body.time = 0;
    draft->sealed = &b->sealed[at];
}

static void fill_batch(struct given_log *g, struct given_batch *b)
{
    fill_drafts(g, b->drafts, EACH);
    for (size_t i = 0; i < EACH; i++)
        seal_one(g, b, i);
    b->job = record_job(SITE, b->drafts, EACH);
}

static struct given_batch *given_batches(size_t count)
{
    struct given_batch *batches = calloc(count, sizeof *batches);
    assert_non_null(batches);
    return batches;
}

static void end_batches(struct given_batch *batches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < EACH; k++)
            buffer_release(&batches[i].texts[k]);
    free(batches);
}

/* Each event follows the one before it, opens, and is later. Returns how many there are. */
static uint64_t expect_chain(struct given_log *g)
{
    struct log_reader *reader = reader_of(g);
    struct log_item item;
    struct event_id before = {{0}};
    struct buffer plain = {0};
    uint64_t seq = 0, time = 0;
    for (; log_get_own(reader, bytes_str(SITE), seq + 1, &item); seq++) {
        struct event event;
        struct event_body body;
        assert_true(event_decode(item.event, &event));
        assert_int_equal(event.clear.seq, seq + 1);
        assert_memory_equal(&event.clear.prev, &before, sizeof before);
        assert_true(event_open(&event, &g->site_key.key, &plain, &body));
        assert_true(body.time > time);
        time = body.time;
        event_id_of(item.event, &before);
    }
    buffer_release(&plain);
    log_reader_end(reader);
    const struct stream_head head = own_head(g, &(uint64_t){0});
    assert_int_equal(head.seq, seq);
    assert_memory_equal(&head.id, &before, sizeof before);
    return seq;
}

static bool has_nonce(struct given_log *g, uint64_t seq, const struct log_sealed *sealed)
{
    struct log_reader *reader = reader_of(g);
    struct log_item item;
    struct event event;
    assert_true(log_get_own(reader, bytes_str(SITE), seq, &item));
    assert_true(event_decode(item.event, &event));
    const bool same = memcmp(event.nonce, sealed->body.nonce, EVENT_NONCE_SIZE) == 0;
    log_reader_end(reader);
    return same;
}

static void batches_that_follow_one_another_are_made_ahead(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    uint64_t expected = 0;
    for (unsigned turn = 0; turn < TURNS_MAX && g->log->ahead_taken == 0; turn++) {
        struct given_batch *batches = given_batches(BATCHES);
        for (size_t i = 0; i < BATCHES; i++)
            fill_batch(g, &batches[i]);
        for (size_t i = 0; i < BATCHES; i++)
            submit(g, &batches[i].job);
        for (size_t i = 0; i < BATCHES; i++) {
            wait_for(g, &batches[i].job);
            assert_int_equal(batches[i].job.code, FELLOE_OK);
            for (size_t k = 0; k < EACH; k++) {
                assert_true(has_nonce(g, batches[i].drafts[k].seq, &batches[i].sealed[k]));
                assert_int_equal(batches[i].drafts[k].seq, ++expected);
            }
        }
        end_batches(batches, BATCHES);
    }
    assert_true(g->log->ahead_taken > 0);
    assert_int_equal(expect_chain(g), expected);
    given_log_end(g);
}

/* One that was imported before is left out; a note of somebody else's comes between; a draft has seen more. */
static void what_comes_between_breaks_no_chain(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    const struct origin_id origin = {{7}};
    uint64_t expected = 1;
    struct log_draft imported = site_note(g, "imported");
    imported.body.has_origin = true;
    imported.body.origin = origin;
    struct log_job first = record_job(SITE, &imported, 1);
    run_well(g, &first);
    for (unsigned turn = 0; turn < 10; turn++) {
        struct given_batch *batches = given_batches(BATCHES);
        struct log_draft note = site_note(g, "between");
        struct log_job between = record_job(SITE, &note, 1);
        for (size_t i = 0; i < BATCHES; i++)
            fill_batch(g, &batches[i]);
        struct log_draft *again = &batches[2].drafts[EACH / 2];
        again->body.has_origin = true;
        again->body.origin = origin;
        seal_one(g, &batches[2], EACH / 2);
        seen_advance(&batches[4].drafts[EACH / 2].seen, (struct position){1, 5 + turn});
        for (size_t i = 0; i < BATCHES; i++) {
            submit(g, &batches[i].job);
            if (i == 3)
                submit(g, &between);
        }
        for (size_t i = 0; i < BATCHES; i++)
            wait_for(g, &batches[i].job);
        wait_for(g, &between);
        assert_true(again->known);
        expected += BATCHES * EACH;
        assert_int_equal(expect_chain(g), expected);
        end_batches(batches, BATCHES);
    }
    given_log_end(g);
}

/* What would be the stream's first event, as it was made ahead of its turn. */
static struct log_made *made_first(struct given_log *g, struct given_batch *b)
{
    struct log_made *made = calloc(1, sizeof *made + sizeof made->at[0]);
    struct event_clear clear = {.device = g->identity.device, .incarnation = event_log_incarnation(g->log),
                                .site = bytes_str(SITE), .seq = 1, .key = g->site_key.id};
    assert_non_null(made);
    made->incarnation = clear.incarnation;
    made->count = 1;
    assert_true(event_seal_with(&clear, &b->sealed[0].body, &made->events));
    made->at[0].end = made->events.len;
    event_id_of(buffer_bytes(&made->events), &made->at[0].id);
    b->sealed[0].used = true;
    return made;
}

static void it_is_taken_only_where_the_stream_is_as_it_was_meant(void **state)
{
    (void)state;
    enum { AS_MEANT, OTHER_BEFORE, OTHER_SEQ, OTHER_INCARNATION, SEEN_MORE, SEEN_LESS, CASES };
    for (int what = 0; what < CASES; what++) {
        struct given_log *g = given_log(ROLE_SPOKE, NULL);
        struct given_batch *b = given_batches(1);
        fill_batch(g, b);
        struct log_made *made = made_first(g, b);
        b->job.draft_count = 2;
        b->job.made = made;
        made->prev.b[0] ^= what == OTHER_BEFORE;
        made->after += what == OTHER_SEQ;
        made->incarnation += what == OTHER_INCARNATION;
        if (what == SEEN_MORE)
            seen_advance(&made->seen, (struct position){1, 1});
        if (what == SEEN_LESS)
            seen_advance(&b->job.seen, (struct position){1, 1});
        run_well(g, &b->job);
        assert_null(b->job.made);
        assert_int_equal(g->log->ahead_taken, what == AS_MEANT);
        assert_int_equal(has_nonce(g, 1, &b->sealed[0]), what == AS_MEANT);
        assert_true(has_nonce(g, 2, &b->sealed[1]));
        assert_int_equal(expect_chain(g), 2);
        end_batches(b, 1);
        given_log_end(g);
    }
}

static void without_its_key_it_is_not_taken(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct given_batch *b = given_batches(1);
    fill_batch(g, b);
    b->job.made = made_first(g, b);
    assert_int_equal(keyring_erase(g->keyring, &g->site_key.id, 1, NULL), FELLOE_OK);
    assert_int_equal(run(g, &b->job), FELLOE_NOT_FOUND);
    assert_null(b->job.made);
    end_batches(b, 1);
    given_log_end(g);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_that_follow_one_another_are_made_ahead),
        cmocka_unit_test(what_comes_between_breaks_no_chain),
        cmocka_unit_test(it_is_taken_only_where_the_stream_is_as_it_was_meant),
        cmocka_unit_test(without_its_key_it_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
