/* SPDX-License-Identifier: Apache-2.0 */
/* Registers: what stands when some writers knew of each other and some did not, and what the merge rules show of it. */
#include "tests/unit/given.h"

#include <stdio.h>

#include "proto/domain/register.h"

#define WRITES_MAX 400
#define HERE 2u  /* a site's tag */
#define THERE 4u /* another's */

/* A write as a story tells it: by laptop `who`, its number `seq`, at position n (0: none yet), having seen up to
 * `seen`. */
struct story {
    struct stamp stamps[WRITES_MAX];
    struct site_mark at[WRITES_MAX], seen[WRITES_MAX];
    struct buffer values[WRITES_MAX];
    struct write writes[WRITES_MAX];
    size_t count;
};

static struct write *add(struct story *story, uint8_t who, uint64_t seq, uint64_t n, uint64_t seen, const char *value)
{
    size_t i = story->count++;
    struct stamp *stamp = &story->stamps[i];
    assert_true(i < WRITES_MAX);
    mp_put_text(&story->values[i], value);
    story->at[i] = (struct site_mark){HERE, 1, n};
    story->seen[i] = (struct site_mark){HERE, 1, seen};
    *stamp = (struct stamp){.device = {{who}},
                            .home = HERE,
                            .incarnation = 1,
                            .seq = seq,
                            .time = 1000 + i,
                            .at = {&story->at[i], n > 0},
                            .seen = {&story->seen[i], seen > 0}};
    stamp->id.b[0] = (uint8_t)(i + 1);
    story->writes[i] = (struct write){.stamp = stamp, .value = buffer_bytes(&story->values[i])};
    return &story->writes[i];
}

static void clear(struct story *story)
{
    for (size_t i = 0; i < story->count; i++)
        buffer_release(&story->values[i]);
    *story = (struct story){0};
}

static struct story *given(void)
{
    static struct story story;
    clear(&story);
    return &story;
}

/* The register as its values in order of showing, "a b", with "!" when it is to settle; writes are reordered. */
static const char *shows(struct story *story, enum register_id id)
{
    static char text[200];
    struct reading reading;
    size_t used = 0;
    register_read(register_def_of(id), story->writes, story->count, &reading);
    text[0] = '\0';
    for (size_t i = 0; i < reading_shown(&reading); i++) {
        struct bytes value = value_text(reading.writes[i].value);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i ? " " : "", (int)value.len, value.data);
    }
    snprintf(text + used, sizeof text - used, "%s", reading.to_settle ? "!" : "");
    return text;
}

static void nothing_written_shows_nothing(void **state)
{
    (void)state;
    assert_string_equal(shows(given(), REG_date_of_birth), "");
}

static void a_write_that_saw_another_overwrites_it(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "old");
    add(story, 'B', 1, 2, 1, "new");
    assert_string_equal(shows(story, REG_date_of_birth), "new");
}

static void the_same_laptop_knows_what_it_wrote(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 0, 0, "old"); /* neither has a position yet */
    add(story, 'A', 2, 0, 0, "new");
    assert_string_equal(shows(story, REG_date_of_birth), "new");
}

static void another_incarnation_is_another_stream(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "one");
    add(story, 'A', 2, 2, 0, "other");
    story->stamps[1].incarnation = 2; /* a clone, which never saw the first */
    assert_string_equal(shows(story, REG_date_of_birth), "one other!");
}

/* The laptop was set back to its first event, and what it wrote since is written again as incarnation 2. */
static struct story *given_a_fork(void)
{
    static const struct branch to_first = {1, 1};
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "before");
    add(story, 'A', 1, 3, 0, "ours");
    story->stamps[1].incarnation = 2;
    story->stamps[1].after = (struct branch_marks){&to_first, 1};
    return story;
}

static void what_is_written_again_has_seen_its_own_history(void **state)
{
    (void)state;
    struct story *story = given_a_fork();
    assert_string_equal(shows(story, REG_date_of_birth), "ours"); /* though it had not seen 1.1 by its position */
}

static void the_other_history_of_the_same_laptop_stands_beside_it(void **state)
{
    (void)state;
    struct story *story = given_a_fork();
    add(story, 'A', 2, 2, 0, "theirs"); /* the hub had taken this one */
    assert_string_equal(shows(story, REG_date_of_birth), "ours theirs!");
}

static void another_laptop_has_other_branches(void **state)
{
    (void)state;
    struct story *story = given_a_fork();
    story->stamps[1].device.b[0] = 'B'; /* incarnation 1 of B is not incarnation 1 of A */
    assert_string_equal(shows(story, REG_date_of_birth), "before ours!");
}

static void branches_do_not_add_up(void **state)
{
    (void)state;
    struct story *story = given_a_fork();
    add(story, 'A', 9, 4, 0, "later"); /* of an incarnation that knows of the first and not of the second */
    story->stamps[2].incarnation = 3;
    story->stamps[2].after = story->stamps[1].after;
    assert_string_equal(shows(story, REG_date_of_birth), "ours later!");
}

static void writes_that_did_not_know_of_each_other_all_stand(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 2, 1, "a");
    add(story, 'B', 1, 3, 1, "b");
    add(story, 'C', 1, 1, 0, "before both");
    assert_string_equal(shows(story, REG_date_of_birth), "a b!");
}

static void the_same_value_twice_is_one_value(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "same");
    add(story, 'B', 1, 2, 0, "same");
    assert_string_equal(shows(story, REG_date_of_birth), "same");
}

static void a_value_counts_from_the_last_who_wrote_it(void **state)
{
    (void)state;
    struct story *story = given();
    struct reading reading;
    add(story, 'A', 1, 1, 0, "shared");
    add(story, 'B', 1, 2, 0, "alone");
    add(story, 'C', 1, 3, 0, "shared");
    register_read(register_def_of(REG_known_as), story->writes, story->count, &reading);
    assert_int_equal(reading.count, 3);
    assert_int_equal(reading.values, 2);
    assert_int_equal(reading.writes[0].stamp->device.b[0], 'C');
    assert_int_equal(reading.writes[1].stamp->device.b[0], 'B');
}

static void the_clock_decides_nothing_but_the_order_of_showing(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "old")->stamp = &story->stamps[0];
    story->stamps[0].time = 999999; /* a clock far ahead */
    add(story, 'B', 1, 2, 1, "new");
    assert_string_equal(shows(story, REG_known_as), "new");
    story = given();
    add(story, 'A', 1, 1, 0, "late");
    story->stamps[0].time = 5000;
    add(story, 'B', 1, 2, 0, "early");
    assert_string_equal(shows(story, REG_known_as), "late"); /* L: the latest of the concurrent, nothing to settle */
}

static void of_equal_times_the_ids_decide(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "lower");
    add(story, 'B', 1, 2, 0, "higher");
    story->stamps[0].time = story->stamps[1].time;
    assert_string_equal(shows(story, REG_known_as), "higher");
}

static void the_protective_value_wins_and_is_to_settle(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "active");
    add(story, 'B', 1, 2, 0, "ended"); /* written later, and still */
    assert_string_equal(shows(story, REG_support), "active!");
    story = given();
    add(story, 'A', 1, 1, 0, "in");
    add(story, 'B', 1, 2, 0, "out");
    assert_string_equal(shows(story, REG_team), "in"); /* U: nothing to settle about it */
}

static void a_witness_speaks_against_what_it_had_not_seen(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "active");
    add(story, 'A', 2, 2, 1, "ended");
    add(story, 'B', 1, 3, 1, "active")->witness = true;
    assert_string_equal(shows(story, REG_support), "active!");
    story = given();
    add(story, 'A', 2, 2, 1, "ended");
    add(story, 'B', 1, 3, 2, "active")->witness = true; /* it knew of the end */
    assert_string_equal(shows(story, REG_support), "ended");
    story = given();
    add(story, 'B', 1, 1, 0, "active")->witness = true;
    add(story, 'A', 2, 2, 1, "ended"); /* the end knew of it */
    assert_string_equal(shows(story, REG_support), "ended");
    story = given();
    add(story, 'B', 1, 1, 0, "active")->witness = true; /* on its own it says nothing */
    assert_string_equal(shows(story, REG_support), "");
}

static void a_witness_overwrites_nothing(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 0, "ended");
    add(story, 'B', 1, 2, 1, "active")->witness = true;
    add(story, 'B', 2, 3, 1, "active")->witness = true;
    assert_string_equal(shows(story, REG_support), "ended");
}

static void a_position_in_any_epoch_will_do(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 7, 0, "old");
    add(story, 'B', 1, 8, 0, "new");
    const struct site_mark both[] = {{HERE, 1, 7}, {HERE, 2, 3}}, seen[] = {{HERE, 1, 2}, {HERE, 2, 3}};
    story->stamps[0].at = (struct marks){both, 2};
    story->stamps[1].seen = (struct marks){seen, 2};
    assert_string_equal(shows(story, REG_date_of_birth), "new");
}

/* ---- a person who is with two teams ---- */

static void what_was_seen_of_one_site_says_nothing_about_another(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 5, 0, "one");
    add(story, 'B', 1, 6, 5, "other");
    story->stamps[1].home = story->at[1].site = story->seen[1].site = THERE;
    assert_string_equal(shows(story, REG_date_of_birth), "one other!");
}

static void one_laptop_in_two_sites_writes_two_streams(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 0, 0, "one");
    add(story, 'A', 2, 0, 0, "other");
    story->stamps[1].home = THERE; /* the second event there, which need not know of the first here */
    assert_string_equal(shows(story, REG_date_of_birth), "one other!");
}

static void who_saw_the_copy_saw_the_original(void **state)
{
    (void)state;
    static const struct site_mark places[] = {{HERE, 1, 9}, {THERE | MARK_APART, 1, 3}};
    struct story *story = given();
    add(story, 'A', 1, 9, 0, "old");
    story->stamps[0].at = (struct marks){places, 2};
    add(story, 'B', 1, 4, 3, "new");
    story->stamps[1].home = story->at[1].site = story->seen[1].site = THERE;
    assert_string_equal(shows(story, REG_date_of_birth), "new");
}

/* At home they learn it from what the hub found: up to which of what was written here the other team had seen. */
static void the_other_team_is_known_to_have_seen_ours(void **state)
{
    (void)state;
    static const struct site_mark seen[] = {{THERE, 1, 3}, {HERE | MARK_APART, 1, 9}};
    struct story *story = given();
    add(story, 'A', 1, 9, 0, "old");
    add(story, 'A', 2, 10, 0, "later");
    add(story, 'B', 1, 4, 0, "theirs");
    story->stamps[2].home = story->at[2].site = THERE;
    story->stamps[2].seen = (struct marks){seen, 2};
    assert_string_equal(shows(story, REG_date_of_birth), "later theirs!");
}

/* A third team's entry was copied to this log early, and to the writer's late: it had not seen it. */
static void what_was_seen_of_our_own_is_not_about_copies_among_it(void **state)
{
    (void)state;
    static const struct site_mark place = {HERE | MARK_APART, 1, 5}, seen = {HERE | MARK_APART, 1, 9};
    struct story *story = given();
    add(story, 'C', 1, 5, 0, "third");
    story->stamps[0].home = 6;
    story->stamps[0].at = (struct marks){&place, 1};
    add(story, 'B', 1, 4, 0, "theirs");
    story->stamps[1].home = THERE;
    story->stamps[1].seen = (struct marks){&seen, 1};
    assert_string_equal(shows(story, REG_date_of_birth), "third theirs!");
}

static void false_claims_in_a_circle_lose_nothing(void **state)
{
    (void)state;
    struct story *story = given();
    add(story, 'A', 1, 1, 2, "a");
    add(story, 'B', 1, 2, 1, "b");
    assert_string_equal(shows(story, REG_date_of_birth), "a b!");
}

/* The quick way (one reach for all) agrees with comparing pair by pair, also beyond the room it has. */
static void many_streams_and_epochs_agree_with_pairs(void **state)
{
    (void)state;
    uint32_t dice = 7;
    for (unsigned round = 0; round < 200; round++) {
        struct story *story = given();
        unsigned streams = 1 + round, standing = 0;
        for (unsigned i = 0; i < 150; i++) {
            dice = dice * 1664525 + 1013904223;
            unsigned who = (dice >> 16) % streams;
            char value[8];
            snprintf(value, sizeof value, "%u", i);
            add(story, (uint8_t)who, i + 1, i + 1, (dice >> 24) % 4 ? 0 : i / 2, value);
            story->at[i].epoch = 1 + (dice >> 8) % (1 + round / 8);
            story->seen[i].epoch = 1 + (dice >> 12) % (1 + round / 8);
        }
        for (size_t a = 0; a < story->count; a++) {
            bool overwritten = false;
            for (size_t b = 0; b < story->count; b++)
                overwritten = overwritten || stamp_has_seen(&story->stamps[b], &story->stamps[a]);
            standing += !overwritten;
        }
        assert_int_equal(register_standing(story->writes, story->count), standing);
    }
    clear(given());
}

static void texts_are_read_from_their_raw_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 31, 32, 255, 256, 65535, 65536};
    static char text[65537];
    memset(text, 'x', 65536);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buffer raw = {0};
        mp_put_str(&raw, bytes_of(text, sizes[i]));
        assert_int_equal(value_text(buffer_bytes(&raw)).len, sizes[i]);
        if (raw.len > 1)
            assert_int_equal(value_text(bytes_of(raw.data, raw.len - 1)).len, 0);
        buffer_clear(&raw);
        mp_put_bin(&raw, text, sizes[i]);
        assert_int_equal(value_text(buffer_bytes(&raw)).len, sizes[i]);
        buffer_release(&raw);
    }
    assert_int_equal(value_text(bytes_of("\xc0", 1)).len, 0);
    assert_int_equal(value_text(bytes_of("", 0)).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_written_shows_nothing),
        cmocka_unit_test(a_write_that_saw_another_overwrites_it),
        cmocka_unit_test(the_same_laptop_knows_what_it_wrote),
        cmocka_unit_test(another_incarnation_is_another_stream),
        cmocka_unit_test(what_is_written_again_has_seen_its_own_history),
        cmocka_unit_test(the_other_history_of_the_same_laptop_stands_beside_it),
        cmocka_unit_test(another_laptop_has_other_branches),
        cmocka_unit_test(branches_do_not_add_up),
        cmocka_unit_test(writes_that_did_not_know_of_each_other_all_stand),
        cmocka_unit_test(the_same_value_twice_is_one_value),
        cmocka_unit_test(a_value_counts_from_the_last_who_wrote_it),
        cmocka_unit_test(the_clock_decides_nothing_but_the_order_of_showing),
        cmocka_unit_test(of_equal_times_the_ids_decide),
        cmocka_unit_test(the_protective_value_wins_and_is_to_settle),
        cmocka_unit_test(a_witness_speaks_against_what_it_had_not_seen),
        cmocka_unit_test(a_witness_overwrites_nothing),
        cmocka_unit_test(a_position_in_any_epoch_will_do),
        cmocka_unit_test(what_was_seen_of_one_site_says_nothing_about_another),
        cmocka_unit_test(one_laptop_in_two_sites_writes_two_streams),
        cmocka_unit_test(who_saw_the_copy_saw_the_original),
        cmocka_unit_test(the_other_team_is_known_to_have_seen_ours),
        cmocka_unit_test(what_was_seen_of_our_own_is_not_about_copies_among_it),
        cmocka_unit_test(false_claims_in_a_circle_lose_nothing),
        cmocka_unit_test(many_streams_and_epochs_agree_with_pairs),
        cmocka_unit_test(texts_are_read_from_their_raw_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
