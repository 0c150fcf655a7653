/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop's damaged log is repaired: each own event whose bytes are left is there, what does not prove itself is not,
 * and the rest is left to the hub. */
#include "tests/unit/given_repair.h"

#include "daemon/report.h"

#define SHARED  30u
#define WAITING 10u

/* A laptop that shared thirty notes, and wrote ten more. */
static struct given_two given_story(void)
{
    struct given_two two = given_two();
    for (unsigned i = 0; i < SHARED; i++)
        record_note(two.laptop, "shared");
    share(&two, 2000);
    for (unsigned i = 0; i < WAITING; i++)
        record_note(two.laptop, "not yet");
    return two;
}

static void given_story_end(struct given_two *two)
{
    if (two->laptop->log == NULL)
        given_log_reopen(two->laptop);
    given_two_end(two);
}

/* ---- nothing is damaged ---- */

static void where_nothing_is_damaged_nothing_is_changed(void **state)
{
    (void)state;
    struct given_two two = given_story();
    given_log_close(two.laptop);
    struct repair_outcome out = repair_well(two.laptop);
    assert_string_equal(out.log_damage, "");
    assert_string_equal(out.keys_damage, "");
    assert_int_not_equal(access(given_path(&two.laptop->dir, "log.damaged-1"), F_OK), 0);
    const struct held *held = held_in(two.laptop);
    assert_int_equal(held->own_count, SHARED + WAITING);
    assert_int_equal(held->going_on, 0);
    given_story_end(&two);
}

/* ---- one event is hit ---- */

static void one_own_event_that_is_hit_costs_itself_alone(void **state)
{
    (void)state;
    struct given_two two = given_story();
    given_log_close(two.laptop);
    const struct held before = *held_in(two.laptop);
    given_log_reopen(two.laptop);
    struct buffer event = own_bytes(two.laptop, SHARED + 4);
    hit_event(two.laptop, &event);
    struct repair_outcome out;
    const struct held *held = repaired(two.laptop, &out);
    assert_int_equal(held->own_count, SHARED + WAITING - 1);
    for (size_t i = 0; i < before.own_count; i++)
        assert_int_equal(holds(held->own, held->own_count, &before.own[i]), i != SHARED + 3);
    assert_int_equal(held->log_count, SHARED); /* all that the hub signed */
    assert_int_equal(held->shared, SHARED);
    assert_true(held->going_on > 1 && out.log.goes_on);
    assert_int_equal(access(out.log_kept, F_OK), 0);
    assert_int_equal(out.log.sites[0].own, SHARED + WAITING - 1);
    assert_int_equal(out.log.sites[0].own_before, SHARED + WAITING);
    given_story_end(&two);
}

/* The last one, which no later event names: the head does, and it is not what is there. */
static void the_last_event_that_is_hit_is_missed_all_the_same(void **state)
{
    (void)state;
    struct given_two two = given_story();
    struct buffer event = own_bytes(two.laptop, SHARED + WAITING);
    hit_event(two.laptop, &event);
    const struct held *held = repaired(two.laptop, NULL);
    assert_int_equal(held->own_count, SHARED + WAITING - 1);
    assert_true(held->going_on > 1);
    given_story_end(&two);
}

static void an_entry_that_is_hit_leaves_what_the_hub_signed_before_it(void **state)
{
    (void)state;
    struct given_two two = given_two();
    char text[20000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (unsigned i = 0; i < 40; i++) { /* others' entries, for the laptop */
        record_note(two.hub, text);
        share(&two, BODY_TARGET);
    }
    record_notes(two.laptop, 3);
    given_log_close(two.laptop);
    const struct held before = *held_in(two.laptop);
    given_log_reopen(two.laptop);
    struct buffer event = entry_bytes(two.laptop, (struct position){1, 25});
    hit_event(two.laptop, &event);
    struct repair_outcome out;
    const struct held *held = repaired(two.laptop, &out);
    assert_in_range(held->log_count, 8, 24);
    assert_memory_equal(held->log, before.log, held->log_count * sizeof held->log[0]);
    assert_int_equal(held->own_count, 3);
    assert_int_equal(held->going_on, 0); /* nothing of its own is missing */
    assert_int_equal(out.log.sites[0].entries_before, 40);

    /* And the hub brings the rest. */
    given_log_reopen(two.laptop);
    share(&two, BODY_TARGET);
    given_log_close(two.laptop);
    held = held_in(two.laptop);
    assert_int_equal(held->problems, 0);
    assert_int_equal(held->log_count, 43);
    assert_memory_equal(held->log, before.log, 40 * sizeof held->log[0]);
    given_story_end(&two);
}

/* ---- pages are gone ---- */

/* Zeros over some pages: the first two, and each that leads to others. */
static void wipe_pages(const struct given_log *g, bool branches)
{
    struct file file = file_of(g, "log/data.mdb");
    for (size_t at = 0; at + 4096 <= file.len; at += 4096) {
        uint16_t flags;
        uint64_t number;
        memcpy(&flags, file.data + at + 10, sizeof flags);
        memcpy(&number, file.data + at, sizeof number);
        if (at < 2 * 4096 || (branches && number == at / 4096 && flags == 1))
            memset(file.data + at, 0, 4096);
    }
    file_put(&file);
    free(file.data);
}

static void without_a_page_that_leads_anywhere_all_own_events_are_found(void **state)
{
    (void)state;
    for (unsigned worse = 0; worse < 2; worse++) {
        struct given_two two = given_story();
        given_log_close(two.laptop);
        const struct held before = *held_in(two.laptop);
        wipe_pages(two.laptop, worse);
        struct repair_outcome out;
        const struct held *held = repaired(two.laptop, &out);
        assert_int_equal(held->own_count, SHARED + WAITING);
        assert_memory_equal(held->own, before.own, held->own_count * sizeof held->own[0]);
        assert_int_equal(held->log_count, 0);
        assert_true(held->going_on > 1);
        given_story_end(&two);
    }
}

/* Of an event of several pages too. */
static void large_events_are_found_in_the_bare_bytes(void **state)
{
    (void)state;
    struct given_two two = given_story();
    char text[30000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    record_note(two.laptop, text);
    record_note(two.laptop, "and one more");
    given_log_close(two.laptop);
    wipe_pages(two.laptop, true);
    assert_int_equal(repaired(two.laptop, NULL)->own_count, SHARED + WAITING + 2);
    given_story_end(&two);
}

static void a_log_that_is_gone_or_empty_begins_anew_and_goes_on(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        struct given_two two = given_story();
        given_log_close(two.laptop);
        if (way == 0)
            assert_int_equal(unlink(given_path(&two.laptop->dir, "log/data.mdb")), 0);
        else if (way == 1)
            assert_int_equal(truncate(given_path(&two.laptop->dir, "log/data.mdb"), 0), 0);
        else
            nftw(given_path(&two.laptop->dir, "log"), given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
        struct repair_outcome out;
        const struct held *held = repaired(two.laptop, &out);
        assert_true(out.log_damage[0] != '\0');
        assert_int_equal(held->own_count + held->log_count, 0);
        assert_true(held->going_on > 1);
        given_story_end(&two);
    }
}

/* ---- what is not proven is not taken ---- */

struct forgery {
    struct given_log *g;
    uint64_t seq;
    struct buffer event;
};

/* An own event as this laptop would write it, sealed under some other key. */
static struct buffer forged(struct given_log *g, uint64_t seq, const struct event_id *prev, const struct data_key *key,
                            const char *text)
{
    struct buffer out = {0};
    const struct event_clear clear = {.device = g->identity.device,
                                      .incarnation = 1,
                                      .site = bytes_str(SITE),
                                      .seq = seq,
                                      .prev = *prev,
                                      .key = g->site_key.id};
    const struct event_body body = {
        .time = 1, .type = bytes_str("note.added"), .worker = bytes_str("ash-grey"), .fields = note_fields(text)};
    uint8_t nonce[EVENT_NONCE_SIZE];
    randombytes_buf(nonce, sizeof nonce);
    assert_true(event_seal(&clear, &body, key, nonce, &out));
    return out;
}

static void put_forged(struct store_txn *txn, void *context)
{
    struct forgery *f = context;
    struct store_key key;
    uint8_t row[2000] = {0, 0, 0, 0, 0, 0, 0, 1};
    key_own(&key, 1, f->seq);
    memcpy(row + OWN_PREFIX, f->event.data, f->event.len);
    assert_true(store_put(txn, 0, key_bytes(&key), bytes_of(row, OWN_PREFIX + f->event.len)));
}

static void a_forged_event_is_not_taken(void **state)
{
    (void)state;
    const uint64_t places[] = {SHARED + 5, SHARED + WAITING, SHARED + WAITING + 1};
    for (unsigned i = 0; i < 3; i++) {
        struct given_two two = given_story();
        const struct data_key wrong = {{66}};
        struct buffer before = own_bytes(two.laptop, places[i] - 1);
        struct event_id prev, id;
        event_id_of(buffer_bytes(&before), &prev);
        struct forgery f = {
            .g = two.laptop, .seq = places[i], .event = forged(two.laptop, places[i], &prev, &wrong, "x")};
        event_id_of(buffer_bytes(&f.event), &id);
        given_log_close(two.laptop);
        with_table(two.laptop, "log", "own.00", put_forged, &f);
        const struct held *held = repaired(two.laptop, NULL);
        assert_false(holds(held->own, held->own_count, &id));
        assert_int_equal(held->own_count, SHARED + WAITING); /* the true one is in a page that was not used again */
        buffer_release(&before);
        buffer_release(&f.event);
        given_story_end(&two);
    }
}

/* What a commit that failed left in free pages: true events under numbers that others had afterwards, or nobody. */
static void append_remains(const struct given_log *g, const struct buffer *event)
{
    static const uint8_t time[OWN_PREFIX] = {0, 0, 0, 0, 0, 0, 0, 1};
    int fd = open(given_path(&g->dir, "log/data.mdb"), O_WRONLY | O_APPEND);
    uint8_t page[4096] = {0};
    memcpy(page + 100, time, sizeof time);
    memcpy(page + 100 + sizeof time, event->data, event->len);
    assert_int_equal(write(fd, page, sizeof page), sizeof page);
    close(fd);
}

static void what_was_never_committed_is_not_taken(void **state)
{
    (void)state;
    struct given_two two = given_story();
    struct buffer last = own_bytes(two.laptop, SHARED + WAITING), hit = own_bytes(two.laptop, SHARED + 4),
                  third = own_bytes(two.laptop, SHARED + 2);
    struct event_id prev, ids[3];
    struct buffer remains[3];
    event_id_of(buffer_bytes(&last), &prev);
    remains[0] = forged(two.laptop, SHARED + WAITING + 1, &prev, &two.laptop->site_key.key, "beyond the head");
    remains[1] = forged(two.laptop, SHARED + WAITING, &prev, &two.laptop->site_key.key, "was written again");
    event_id_of(buffer_bytes(&third), &prev);
    remains[2] = forged(two.laptop, SHARED + 3, &prev, &two.laptop->site_key.key, "so was this");
    given_log_close(two.laptop);
    for (unsigned i = 0; i < 3; i++) {
        append_remains(two.laptop, &remains[i]);
        event_id_of(buffer_bytes(&remains[i]), &ids[i]);
    }
    hit_event(two.laptop, &hit);
    const struct held *held = repaired(two.laptop, NULL);
    assert_int_equal(held->own_count, SHARED + WAITING - 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(holds(held->own, held->own_count, &ids[i]));
        buffer_release(&remains[i]);
    }
    buffer_release(&last);
    buffer_release(&third);
    given_story_end(&two);
}

/* ---- what the log says about itself ---- */

struct number {
    struct bytes key;
    size_t at; /* which byte of the row */
    uint8_t flip;
};

static void change_number(struct store_txn *txn, void *context)
{
    const struct number *n = context;
    struct bytes row;
    uint8_t copy[300];
    assert_true(store_get(txn, 0, n->key, &row));
    memcpy(copy, row.data, row.len);
    copy[n->at] ^= n->flip;
    assert_true(store_put(txn, 0, n->key, bytes_of(copy, row.len)));
}

/* Were it believed, nothing that waits would ever be shared: it would be of an incarnation that was left. */
static void a_false_number_of_the_incarnation_is_not_believed(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 8; byte++) {
        struct given_two two = given_story();
        struct number n = {.key = bytes_str("incarnation"), .at = byte, .flip = 4};
        given_log_close(two.laptop);
        with_table(two.laptop, "log", "meta", change_number, &n);
        n.flip = 8;
        with_table(two.laptop, "log", "meta", change_number, &n); /* in the commit before, too */
        struct repair_outcome out;
        const struct held *held = repaired(two.laptop, &out);
        assert_non_null(strstr(out.log_damage, "whose it is"));
        assert_int_equal(held->incarnation, 1);
        assert_int_equal(held->own_count, SHARED + WAITING);
        assert_true(held->going_on > 1);
        given_story_end(&two);
    }
}

static void a_head_that_is_older_or_newer_than_its_events_takes_nothing_away(void **state)
{
    (void)state;
    static const uint8_t key[6] = {0, 0, 0, 0, 0, 1};
    for (uint8_t flip = 1; flip != 0; flip = (uint8_t)(flip << 1)) {
        struct given_two two = given_story();
        given_log_close(two.laptop);
        struct number n = {.key = bytes_of(key, sizeof key), .at = 7, .flip = flip};
        with_table(two.laptop, "log", "own-heads", change_number, &n);
        const struct held *held = repaired(two.laptop, NULL);
        assert_int_equal(held->own_count, SHARED + WAITING);
        assert_int_equal(held->log_count, SHARED);
        given_story_end(&two);
    }
}

static void a_site_whose_name_is_damaged_is_known_by_its_events(void **state)
{
    (void)state;
    static const uint8_t key[2] = {0, 0};
    struct given_two two = given_story();
    given_log_close(two.laptop);
    struct number n = {.key = bytes_of(key, sizeof key), .at = 1, .flip = 2}; /* nmrth */
    with_table(two.laptop, "log", "sites", change_number, &n);
    struct repair_outcome out;
    const struct held *held = repaired(two.laptop, &out);
    assert_int_equal(out.log.site_count, 1);
    assert_string_equal(out.log.sites[0].site, SITE);
    assert_int_equal(held->own_count, SHARED + WAITING);
    assert_int_equal(held->log_count, SHARED);
    given_story_end(&two);
}

static void a_receipt_that_is_damaged_is_left_out(void **state)
{
    (void)state;
    static const uint8_t key[6] = {0, 0, 0, 0, 0, 1};
    struct given_two two = given_story();
    given_log_close(two.laptop);
    struct number n = {.key = bytes_of(key, sizeof key), .at = 60, .flip = 2};
    with_table(two.laptop, "log", "receipts", change_number, &n);
    n.flip = 4;
    with_table(two.laptop, "log", "receipts", change_number, &n); /* in the commit before, too */
    const struct held *held = repaired(two.laptop, NULL);
    assert_int_equal(held->shared, 0); /* it is sent again, and the hub says that it has it */
    assert_int_equal(held->own_count, SHARED + WAITING);
    given_story_end(&two);
}

static void a_time_that_is_damaged_is_read_in_the_event(void **state)
{
    (void)state;
    struct given_two two = given_story();
    uint8_t key[12] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5};
    given_log_close(two.laptop);
    struct number n = {.key = bytes_of(key, sizeof key), .at = 3, .flip = 16};
    with_table(two.laptop, "log", "own.00", change_number, &n);
    struct repair_outcome out;
    assert_int_equal(repaired(two.laptop, &out)->own_count, SHARED + WAITING);
    assert_non_null(strstr(out.log_damage, "time"));
    assert_string_equal(repair_well(two.laptop).log_damage, ""); /* it is mended */
    given_story_end(&two);
}

static void has_seen(struct given_log *g)
{
    struct log_draft draft = site_note(g, "seen all");
    seen_advance(&draft.seen, (struct position){1, SHARED});
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(g, &job);
}

static void hit_seen(struct given_two *two, const char *table, struct bytes key, size_t at)
{
    struct number n = {.key = key, .at = at, .flip = 16};
    given_log_close(two->laptop);
    with_table(two->laptop, "log", table, change_number, &n);
}

/* Were it believed, each event from then on would have seen what no hub has, and none of them would ever be shared. */
static void what_a_head_has_seen_is_not_believed_when_it_is_damaged(void **state)
{
    (void)state;
    static const uint8_t key[6] = {0, 0, 0, 0, 0, 1};
    for (size_t at = 41; at < 41 + 12; at++) { /* an epoch, and how far */
        struct given_two two = given_story();
        has_seen(two.laptop);
        hit_seen(&two, "own-heads", bytes_of(key, sizeof key), at);
        given_log_reopen(two.laptop);
        struct log_draft draft = site_note(two.laptop, "nor written on");
        struct log_job job = record_job(SITE, &draft, 1);
        run(two.laptop, &job);
        assert_int_equal(job.code, FELLOE_DAMAGED);
        share(&two, BODY_TARGET); /* what is there already can be shared all the same */
        given_log_close(two.laptop);
        struct repair_outcome out;
        assert_int_equal(repaired(two.laptop, &out)->own_count, SHARED + WAITING + 1);
        assert_non_null(strstr(out.log_damage, "seen"));
        assert_string_equal(repair_well(two.laptop).log_damage, "");

        given_log_reopen(two.laptop);
        const struct seen seen = own_head(two.laptop, NULL).seen;
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen_in(&seen, 1), SHARED);
        record_note(two.laptop, "and on");
        given_story_end(&two);
    }
}

/* Were that of a stream believed, what its author wrote next would not be taken: it would have seen less. */
static void what_a_stream_has_seen_is_not_believed_when_it_is_damaged(void **state)
{
    (void)state;
    for (size_t at = 41; at < 41 + 12; at++) {
        struct given_two two = given_story();
        has_seen(two.laptop);
        share(&two, BODY_TARGET);
        struct store_key key;
        key_stream(&key, 0, &two.laptop->identity.device, 1);
        hit_seen(&two, "streams", key_bytes(&key), at);
        struct repair_outcome out;
        assert_int_equal(repaired(two.laptop, &out)->log_count, SHARED + WAITING + 1);
        assert_non_null(strstr(out.log_damage, "seen"));
        assert_string_equal(repair_well(two.laptop).log_damage, "");
        given_story_end(&two);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_nothing_is_damaged_nothing_is_changed),
        cmocka_unit_test(one_own_event_that_is_hit_costs_itself_alone),
        cmocka_unit_test(the_last_event_that_is_hit_is_missed_all_the_same),
        cmocka_unit_test(an_entry_that_is_hit_leaves_what_the_hub_signed_before_it),
        cmocka_unit_test(without_a_page_that_leads_anywhere_all_own_events_are_found),
        cmocka_unit_test(large_events_are_found_in_the_bare_bytes),
        cmocka_unit_test(a_log_that_is_gone_or_empty_begins_anew_and_goes_on),
        cmocka_unit_test(a_forged_event_is_not_taken),
        cmocka_unit_test(what_was_never_committed_is_not_taken),
        cmocka_unit_test(a_false_number_of_the_incarnation_is_not_believed),
        cmocka_unit_test(a_head_that_is_older_or_newer_than_its_events_takes_nothing_away),
        cmocka_unit_test(a_site_whose_name_is_damaged_is_known_by_its_events),
        cmocka_unit_test(a_receipt_that_is_damaged_is_left_out),
        cmocka_unit_test(a_time_that_is_damaged_is_read_in_the_event),
        cmocka_unit_test(what_a_head_has_seen_is_not_believed_when_it_is_damaged),
        cmocka_unit_test(what_a_stream_has_seen_is_not_believed_when_it_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
