/* SPDX-License-Identifier: Apache-2.0 */
/* Many own events that come back at once, as markers: what is looked at is where they begin and end; whatever does not
 * fit is refused and changes nothing; and damage among them stays damage, which a verification tells. */
#include "tests/unit/given_pair.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/log/log_internal.h"
#include "daemon/log/verify.h"

#define MANY 600u

/* What the hub has for the laptop from a position on, as its machine would give it to the log. */
static struct batch *markers_from(struct pair *p, uint64_t n)
{
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed(p->hub, p->spoke, (struct position){1, n}, BODY_TARGET, keys, &key_count);
    assert_int_equal(key_count, 0);
    for (uint32_t i = 0; i < batch->count; i++)
        assert_int_equal(batch->entries[i].flags, ENTRY_OWN | ENTRY_KNOWN);
    return batch;
}

static enum felloe_code keep(struct pair *p, struct batch *batch)
{
    struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch};
    run(p->spoke, &job);
    batch_free(batch);
    return job.code;
}

static void assert_placed(struct given_log *g, uint64_t first, uint64_t last, struct position at)
{
    struct log_reader *reader = reader_of(g);
    struct log_own_walk walk;
    struct log_item item;
    uint64_t seq;
    log_own_walk_begin(&walk, reader, bytes_str(SITE), first);
    for (uint64_t i = first; i <= last; i++) {
        const uint64_t n = at.n == 0 ? 0 : at.n + (i - first);
        assert_true(log_get_own(reader, bytes_str(SITE), i, &item));
        assert_int_equal(item.at.epoch, at.epoch);
        assert_int_equal(item.at.n, n);
        assert_true(log_own_walk_next(&walk, &seq, &item));
        assert_int_equal(seq, i);
        assert_int_equal(item.at.epoch, at.epoch);
        assert_int_equal(item.at.n, n);
    }
    log_own_walk_end(&walk);
    log_reader_end(reader);
}

/* It is malformed, or the one after it does not follow. */
static void hear(void *context, const char *text)
{
    *(bool *)context |= strstr(text, "1.30") != NULL;
}

static bool is_told(struct given_log *g)
{
    bool told = false;
    struct verify_result result;
    const struct verify_options options = {
        .log = g->log, .keyring = g->keyring, .identity = &g->identity, .problem = hear, .context = &told};
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
    assert_true(told || result.problems == 0);
    return told;
}

/* How many rows say where own events stand. */
static uint64_t rows(struct given_log *g)
{
    struct log_reader *reader = reader_of(g);
    const uint64_t count = store_count(reader->txn, T_OWN_PLACES);
    log_reader_end(reader);
    return count;
}

static void they_stand_where_the_hub_has_them(void **state)
{
    (void)state;
    struct pair p = pair_with(MANY);
    push_all(&p);
    assert_int_equal(keep(&p, markers_from(&p, 1)), FELLOE_OK);
    assert_same_log(p.hub, p.spoke);
    assert_placed(p.spoke, 1, MANY, (struct position){1, 1});
    assert_int_equal(rows(p.spoke), 1);
    assert_placed(p.spoke, 300, 310, (struct position){1, 300});
    assert_placed(p.spoke, MANY, MANY, (struct position){1, MANY});

    record_notes(p.hub, 3); /* another's between */
    record_notes(p.spoke, MANY);
    struct log_job job;
    for (uint64_t seq = MANY + 1; seq <= 2 * MANY;)
        seq += push(p.spoke, p.hub, seq, &job);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    assert_same_log(p.hub, p.spoke);
    assert_placed(p.spoke, 1, MANY, (struct position){1, 1});
    assert_placed(p.spoke, MANY + 1, 2 * MANY, (struct position){1, MANY + 4});
    given_log_close(p.spoke);
    given_log_reopen(p.spoke);
    assert_int_equal(rows(p.spoke), 2);
    record_notes(p.spoke, 3);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    assert_placed(p.spoke, 2 * MANY + 1, 2 * MANY + 3, (struct position){0});
    pair_end(&p);
}

/* In whatever pieces they come: one alone, a few, many; whole or behind others'. */
static void any_pieces_of_them_are_found_again(void **state)
{
    (void)state;
    static const unsigned pieces[] = {1, 2, 1, 1, 300, 7, 256, 1};
    struct pair p = pair_with(0);
    uint64_t seq = 1;
    struct log_job job;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        record_notes(p.spoke, pieces[i]);
        for (const uint64_t end = seq + pieces[i]; seq < end;)
            seq += push(p.spoke, p.hub, seq, &job);
        feed_all(p.hub, p.spoke, BODY_TARGET);
        assert_int_equal(rows(p.spoke), i + 1);
    }
    assert_same_log(p.hub, p.spoke);
    for (uint64_t from = 1; from < seq; from++)
        assert_placed(p.spoke, from, from + 1 < seq ? from + 1 : from, (struct position){1, from});
    assert_placed(p.spoke, 1, seq - 1, (struct position){1, 1});
    assert_false(is_told(p.spoke));
    pair_end(&p);
}

static void many_that_end_with_another_event_or_leave_some_out_are_refused(void **state)
{
    (void)state;
    struct pair p = pair_with(MANY);
    push_all(&p);
    enum { OTHER_END, GAP, NEVER_WRITTEN, CASES };
    for (int wrong = 0; wrong < CASES; wrong++) {
        struct batch *batch = markers_from(&p, 1);
        struct entry *last = &batch->entries[batch->count - 1];
        const uint32_t count = batch->count;
        for (uint32_t i = 0; i < count; i++)
            batch->entries[i].seq += wrong == NEVER_WRITTEN ? MANY : 0;
        if (wrong == OTHER_END)
            last->id.b[31] ^= 1;
        if (wrong == GAP)
            memmove(batch->entries, batch->entries + 1, --batch->count * sizeof *last);
        log_head_start(&batch->head, bytes_str(SITE), 1); /* the hub signs whatever it likes */
        for (uint32_t i = 0; i < batch->count; i++)
            log_head_advance(&batch->head, &batch->entries[i].id);
        assert_int_equal(keep(&p, batch), FELLOE_INVALID);
        assert_int_equal(site_head(p.spoke).at.n, 0);
        assert_placed(p.spoke, 1, count, (struct position){0});
    }
    assert_int_equal(keep(&p, markers_from(&p, 1)), FELLOE_OK);
    assert_same_log(p.hub, p.spoke);
    pair_end(&p);
}

/* A hub that was restored may give them a position in its next epoch, too: the first is kept. */
static void many_may_come_a_second_time_in_another_epoch(void **state)
{
    (void)state;
    struct pair p = pair_with(MANY);
    push_all(&p);
    assert_int_equal(keep(&p, markers_from(&p, 1)), FELLOE_OK);
    struct batch *batch = markers_from(&p, 1);
    const uint32_t count = batch->count;
    batch->epoch = 2;
    log_head_start(&batch->head, bytes_str(SITE), 2);
    for (uint32_t i = 0; i < count; i++)
        log_head_advance(&batch->head, &batch->entries[i].id);
    assert_int_equal(keep(&p, batch), FELLOE_OK);
    assert_placed(p.spoke, 1, count, (struct position){1, 1});
    struct log_head heads[SEEN_MAX];
    struct log_reader *reader = reader_of(p.spoke);
    assert_int_equal(log_heads(reader, bytes_str(SITE), heads), 2);
    assert_int_equal(heads[1].at.n, count);
    log_reader_end(reader);
    assert_int_equal(rows(p.spoke), 1);
    pair_end(&p);
}

/* ---- damage ---- */

/* Turns a bit over in the first or the last byte of own event `seq`. */
static void turn_bit(struct given_log *g, uint64_t seq, bool in_last)
{
    struct log_reader *reader = reader_of(g);
    struct log_item item;
    assert_true(log_get_own(reader, bytes_str(SITE), seq, &item));
    struct buffer event = {0};
    buffer_append(&event, item.event.data, item.event.len);
    log_reader_end(reader);
    const size_t at = in_last ? event.len - 1 : 0;
    given_log_close(g);
    const int fd = open(given_path(&g->dir, "log/data.mdb"), O_RDWR);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *all = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, all, (size_t)st.st_size), st.st_size);
    unsigned found = 0;
    const uint8_t *p = all;
    for (; (p = memmem(p, (size_t)(all + st.st_size - p), event.data, event.len)) != NULL; p++, found++) {
        const uint8_t byte = p[at] ^ 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, p - all + (off_t)at), 1);
    }
    assert_true(found > 0);
    close(fd);
    free(all);
    buffer_release(&event);
    given_log_reopen(g);
}

/* It is at the hub already, and the hub is right about it: so where it stands is taken in, and neither of the two is
 * said to have told another history. */
static void a_damaged_one_among_them_is_told_as_damage_and_nothing_else(void **state)
{
    (void)state;
    for (int in_last = 0; in_last < 2; in_last++) { /* it is no event any more; its sealed part is another */
        struct pair p = pair_with(MANY);
        push_all(&p);
        assert_false(is_told(p.spoke));
        turn_bit(p.spoke, 300, in_last);
        assert_true(is_told(p.spoke));
        assert_int_equal(keep(&p, markers_from(&p, 1)), FELLOE_OK);
        assert_placed(p.spoke, 1, MANY, (struct position){1, 1});
        assert_true(is_told(p.spoke));
        turn_bit(p.spoke, 300, in_last);
        assert_false(is_told(p.spoke));
        assert_same_log(p.hub, p.spoke);
        pair_end(&p);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_stand_where_the_hub_has_them),
        cmocka_unit_test(any_pieces_of_them_are_found_again),
        cmocka_unit_test(many_that_end_with_another_event_or_leave_some_out_are_refused),
        cmocka_unit_test(many_may_come_a_second_time_in_another_epoch),
        cmocka_unit_test(a_damaged_one_among_them_is_told_as_damage_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
