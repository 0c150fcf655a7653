/* SPDX-License-Identifier: Apache-2.0 */
/* A hub's damaged log is repaired: it takes over what proves itself, goes on in the next epoch, and what it had written
 * itself is not lost, whoever has it. And laptops with a past: incarnations that they left, imports. */
#include "tests/unit/given_repair.h"

#include "daemon/report.h"

static void end(struct given_two *two)
{
    if (two->laptop->log == NULL)
        given_log_reopen(two->laptop);
    if (two->hub->log == NULL)
        given_log_reopen(two->hub);
    given_two_end(two);
}

/* ---- a hub ---- */

/* 150 entries: a laptop's, and every fifth the hub's own. */
static struct given_two given_hub_story(void)
{
    struct given_two two = given_two();
    for (unsigned i = 0; i < 30; i++) {
        record_notes(two.laptop, 4);
        share(&two, BODY_TARGET);
        record_note(two.hub, "the hub's own");
    }
    return two;
}

static struct held held_before(struct given_log *g)
{
    given_log_close(g);
    const struct held before = *held_in(g);
    given_log_reopen(g);
    return before;
}

static void a_hub_takes_over_all_before_the_damage_and_begins_an_epoch(void **state)
{
    (void)state;
    struct given_two two = given_hub_story();
    const struct held before = held_before(two.hub);
    struct buffer event = entry_bytes(two.hub, (struct position){1, 101}); /* a laptop's */
    hit_event(two.hub, &event);
    struct repair_outcome out;
    const struct held *held = repaired(two.hub, &out);
    assert_true(held->epoch > 1);
    assert_int_equal(out.log.sites[0].entries, 100);
    assert_int_equal(out.log.sites[0].entries_before, 150);
    assert_memory_equal(held->log, before.log, 100 * sizeof held->log[0]);
    assert_int_equal(out.log.sites[0].again, 10); /* its own ones behind it */
    assert_int_equal(held->log_count, 110);
    assert_string_equal(repair_well(two.hub).log_damage, "");
    end(&two);
}

/* In an entry under a key that the hub does not have (any more): hashes prove what is before it. */
static void what_a_hub_cannot_open_is_believed_up_to_a_checkpoint(void **state)
{
    (void)state;
    struct given_two two = given_two();
    struct key_record person = new_person(SITE);
    for (unsigned i = 0; i < 100; i++) {
        struct log_draft draft = person_note(&person, "of one whose key is erased since");
        struct log_job job = record_job(SITE, &draft, 1);
        job.new_keys = &person;
        job.new_key_count = i == 0;
        run_well(two.laptop, &job);
    }
    share(&two, BODY_TARGET);
    assert_int_equal(keyring_erase(two.hub->keyring, &person.id, 1, NULL), FELLOE_OK);
    struct buffer event = entry_bytes(two.hub, (struct position){1, 90});
    hit_event(two.hub, &event);
    struct repair_outcome out;
    const struct held *held = repaired(two.hub, &out);
    assert_int_equal(out.log.sites[0].entries, CHECKPOINT_EVERY);
    assert_int_equal(held->log_count, CHECKPOINT_EVERY);
    end(&two);
}

/* How many of the hub's entries say that they were another before. */
static unsigned count_again(struct given_log *g)
{
    struct log_reader *reader = reader_of(g);
    struct log_walk walk;
    struct log_item item;
    struct buffer plain = {0};
    unsigned count = 0;
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
    while (log_walk_next(&walk, &item)) {
        struct event event;
        struct event_body body;
        assert_true(event_decode(item.event, &event));
        assert_true(event_open(&event, &g->site_key.key, &plain, &body));
        count += body.has_was;
    }
    log_walk_end(&walk);
    log_reader_end(reader);
    buffer_release(&plain);
    return count;
}

/* Repaired again, it has them once all the same. (Those that laptops bring count once by their names.) */
static void what_a_hub_wrote_itself_is_written_again_once(void **state)
{
    (void)state;
    struct given_two two = given_hub_story();
    const struct {
        uint64_t hit;
        unsigned again;
    } turns[] = {{61, 18}, {59, 19}, {3, 30}};
    for (unsigned i = 0; i < 3; i++) {
        struct buffer event = entry_bytes(two.hub, (struct position){1, turns[i].hit});
        hit_event(two.hub, &event);
        repaired(two.hub, NULL);
        given_log_reopen(two.hub);
        assert_int_equal(count_again(two.hub), turns[i].again);
    }
    end(&two);
}

static void wipe_first_pages(const struct given_log *g)
{
    static const uint8_t zeros[2 * 4096];
    int fd = open(given_path(&g->dir, "log/data.mdb"), O_WRONLY);
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    close(fd);
}

static void a_hub_of_whose_log_nothing_leads_anywhere_keeps_its_own_words(void **state)
{
    (void)state;
    struct given_two two = given_hub_story();
    given_log_close(two.hub);
    wipe_first_pages(two.hub);
    struct repair_outcome out;
    const struct held *held = repaired(two.hub, &out);
    assert_int_equal(held->log_count, 30);
    assert_int_equal(out.log.sites[0].again, 30);
    end(&two);
}

/* A hub that was put back as often as its log bears can be repaired once more, for which one is kept free; then not. */
static void a_hub_with_all_the_epochs_that_there_can_be_is_left_as_it_is(void **state)
{
    (void)state;
    struct given_two two = given_two();
    enum felloe_code code = FELLOE_OK;
    for (unsigned i = 0; code == FELLOE_OK; i++) {
        record_notes(two.hub, 3);
        struct log_job job = {.kind = LOG_NEXT_EPOCH};
        code = run(two.hub, &job);
        given_log_close(two.hub);
        given_log_reopen(two.hub);
    }
    struct buffer event = entry_bytes(two.hub, (struct position){event_log_epoch(two.hub->log), 3});
    hit_event(two.hub, &event);
    struct repair_outcome out;
    repaired(two.hub, &out);
    assert_int_equal(out.log.sites[0].entries, 3 * (SEEN_MAX - 1) - 1);
    given_log_reopen(two.hub);
    record_note(two.hub, "in the last epoch that there can be");
    event = entry_bytes(two.hub, (struct position){1, 3});
    hit_event(two.hub, &event);
    struct felloe_error error = {0};
    assert_int_equal(setup_repair(&(struct repair_options){.dir = two.hub->dir.path}, &out, &error), FELLOE_INVALID);
    assert_non_null(strstr(error.message, "epochs already"));
    assert_int_not_equal(access(given_path(&two.hub->dir, "new-log"), F_OK), 0);
    assert_int_not_equal(access(given_path(&two.hub->dir, "log.damaged-2"), F_OK), 0);
    end(&two);
}

/* ---- incarnations ---- */

/* What the laptop wrote as its first incarnation is at the hub up to the fifth; it goes on as the third. */
static struct given_two given_second_life(void)
{
    struct given_two two = given_two();
    record_notes(two.laptop, 5);
    share(&two, BODY_TARGET);
    record_notes(two.laptop, 3);
    assert_int_equal(go_on(two.laptop, 3), 3);
    given_log_close(two.laptop);
    given_log_reopen(two.laptop);
    record_notes(two.laptop, 4);
    return two;
}

static struct branches after_of(struct given_log *g, uint64_t seq)
{
    struct buffer plain = {0}, raw = own_bytes(g, seq);
    struct event event;
    struct event_body body;
    assert_true(event_decode(buffer_bytes(&raw), &event));
    assert_true(event_open(&event, &g->site_key.key, &plain, &body));
    buffer_release(&plain);
    buffer_release(&raw);
    return body.after;
}

static void a_later_life_goes_on_knowing_the_earlier_one(void **state)
{
    (void)state;
    struct given_two two = given_second_life();
    struct buffer event = entry_bytes(two.laptop, (struct position){1, 2});
    hit_event(two.laptop, &event);
    const struct held *held = repaired(two.laptop, NULL);
    assert_int_equal(held->incarnation, 3);
    assert_int_equal(held->own_count, 7);
    assert_int_equal(held->going_on, 0); /* of the present one nothing is missing */
    given_log_reopen(two.laptop);
    record_note(two.laptop, "after the repair");
    struct branches after = after_of(two.laptop, 8);
    assert_int_equal(after.count, 1);
    assert_int_equal(after.at[0].incarnation, 1);
    assert_int_equal(after.at[0].seq, 5);
    given_log_close(two.laptop);
    assert_int_equal(held_in(two.laptop)->problems, 0);
    end(&two);
}

/* All that it wrote in its first life is gone here; the hub has it, or it was written again. */
static void a_lost_first_life_is_no_problem(void **state)
{
    (void)state;
    struct given_two two = given_second_life();
    struct buffer all[8];
    for (unsigned i = 0; i < 8; i++) {
        struct log_reader *reader = reader_of(two.laptop);
        struct bytes raw;
        all[i] = (struct buffer){0};
        assert_true(log_own_event(reader->txn, 0, 1, i + 1, &raw));
        buffer_append(&all[i], raw.data, raw.len);
        log_reader_end(reader);
    }
    given_log_close(two.laptop);
    struct file file = file_of(two.laptop, "log/data.mdb");
    for (unsigned i = 0; i < 8; i++) {
        assert_true(flip_all(&file, buffer_bytes(&all[i]), all[i].len - 20) > 0);
        buffer_release(&all[i]);
    }
    file_put(&file);
    free(file.data);
    const struct held *held = repaired(two.laptop, NULL);
    assert_int_equal(held->incarnation, 3);
    assert_int_equal(held->own_count, 7);
    end(&two);
}

/* Another history of the same laptop stands in the site's log, with the same number. */
static void a_copys_event_does_not_take_the_place_of_one_that_was_hit(void **state)
{
    (void)state;
    struct given_two two = given_two();
    struct given_log *copy = given_log(ROLE_SPOKE, two.hub);
    copy->identity = two.laptop->identity; /* before it wrote anything */
    given_log_close(copy);
    char command[300];
    snprintf(command, sizeof command, "%s/log/data.mdb", copy->dir.path);
    unlink(command);
    nftw(given_path(&copy->dir, "log"), given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
    nftw(given_path(&copy->dir, "keys"), given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
    given_log_reopen(copy);
    struct log_job add = {.kind = LOG_ADD_SITE, .new_keys = &copy->site_key, .new_key_count = 1};
    name_site(&add, SITE);
    run_well(copy, &add);
    record_notes(copy, 3); /* what the hub holds of this laptop is what the copy wrote */
    struct log_job job;
    push(copy, two.hub, 1, &job);
    record_notes(two.laptop, 3);
    job = (struct log_job){.kind = LOG_GOING_ON, .incarnation = 9};
    run_well(two.laptop, &job);
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed_as(two.hub, two.laptop, 9, (struct position){1, 1}, BODY_TARGET, keys, &key_count);
    job = (struct log_job){.kind = LOG_KEEP_FEED, .batch = batch};
    run_well(two.laptop, &job);
    batch_free(batch);

    struct buffer theirs = entry_bytes(two.laptop, (struct position){1, 3}), mine = own_bytes(two.laptop, 3);
    struct event_id id;
    event_id_of(buffer_bytes(&theirs), &id);
    hit_event(two.laptop, &mine);
    const struct held *held = repaired(two.laptop, NULL);
    assert_int_equal(held->own_count, 2);
    assert_false(holds(held->own, held->own_count, &id));
    assert_int_equal(held->log_count, 3);
    assert_true(held->going_on > 9);
    buffer_release(&theirs);
    given_log_end(copy);
    end(&two);
}

/* ---- imports ---- */

static bool import(struct given_log *g, const char *name)
{
    struct log_draft draft = site_note(g, "from elsewhere");
    draft.body.has_origin = true;
    origin_id_of(bytes_str("elsewhere"), bytes_str(name), &draft.body.origin);
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(g, &job);
    return draft.known;
}

static void what_was_imported_is_not_taken_in_again(void **state)
{
    (void)state;
    const enum role roles[] = {ROLE_SPOKE, ROLE_HUB};
    for (unsigned i = 0; i < 2; i++) {
        struct given_two two = given_two();
        struct given_log *g = roles[i] == ROLE_HUB ? two.hub : two.laptop;
        assert_false(import(g, "one"));
        assert_false(import(g, "two"));
        record_notes(two.hub, 5);
        if (roles[i] == ROLE_SPOKE)
            share(&two, BODY_TARGET);
        assert_false(import(g, "three"));
        assert_true(import(g, "one"));
        struct buffer event = entry_bytes(g, (struct position){1, 4}); /* of no import */
        hit_event(g, &event);
        repaired(g, NULL);
        given_log_reopen(g);
        assert_true(import(g, "one"));
        assert_true(import(g, "two"));
        assert_true(import(g, "three"));
        assert_false(import(g, "four"));
        given_log_close(g);
        end(&two);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_takes_over_all_before_the_damage_and_begins_an_epoch),
        cmocka_unit_test(what_a_hub_cannot_open_is_believed_up_to_a_checkpoint),
        cmocka_unit_test(what_a_hub_wrote_itself_is_written_again_once),
        cmocka_unit_test(a_hub_of_whose_log_nothing_leads_anywhere_keeps_its_own_words),
        cmocka_unit_test(a_hub_with_all_the_epochs_that_there_can_be_is_left_as_it_is),
        cmocka_unit_test(a_later_life_goes_on_knowing_the_earlier_one),
        cmocka_unit_test(a_lost_first_life_is_no_problem),
        cmocka_unit_test(a_copys_event_does_not_take_the_place_of_one_that_was_hit),
        cmocka_unit_test(what_was_imported_is_not_taken_in_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
