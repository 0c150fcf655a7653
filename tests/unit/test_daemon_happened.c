/* SPDX-License-Identifier: Apache-2.0 */
/* What status says of a hub that was refilled, of a laptop that went on as another incarnation, of people who moved. */
#include "tests/unit/given.h"

#include <stdio.h>

#include "daemon/happened.h"

#define DAY (24ull * 3600 * 1000)

static struct happened_at at(uint64_t steady_ms)
{
    return (struct happened_at){.wall_ms = 1767312000000 + (int64_t)steady_ms, .steady_ms = steady_ms};
}

static bool refill(struct happened *h, uint8_t device, const char *label, uint64_t entries, uint64_t now)
{
    struct happened_from from = {.device = {{device}}, .worker = "amy", .entries = entries};
    happened_label(&from, label);
    return happened_refilled(h, "north", &from, at(now));
}

static const char *text_of(const struct happened *h, uint64_t now)
{
    static char out[HAPPENED_TEXT_MAX];
    happened_refill_text(h, "north", now, out);
    return out;
}

static void expect(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

static void how_many_from_whom_and_for_a_week(void **state)
{
    (void)state;
    struct happened h = {0};
    assert_string_equal(text_of(&h, 5), "");
    assert_true(refill(&h, 1, "amys-laptop", 1, 5));
    expect(text_of(&h, 5), "brought back 1 entry (1 from “amys-laptop” of amy), the last on ");
    assert_false(refill(&h, 2, "", 40, 6));
    assert_false(refill(&h, 1, "amys-laptop", 2, 7));
    expect(text_of(&h, 8), "brought back 43 entries (3 from “amys-laptop” of amy, 40 from a laptop), the last on ");
    char other[HAPPENED_TEXT_MAX];
    happened_refill_text(&h, "south", 8, other);
    assert_string_equal(other, "");

    expect(text_of(&h, 7 + 7 * DAY - 1), "43 entries"); /* a week after the last */
    assert_string_equal(text_of(&h, 7 + 7 * DAY), "");
    assert_true(refill(&h, 3, "cams-laptop", 9, 30 * DAY)); /* another time: counted by itself */
    expect(text_of(&h, 30 * DAY), "9 entries (9 from “cams-laptop” of amy)");
}

static void many_laptops_with_long_names_fit(void **state)
{
    (void)state;
    struct happened h = {0};
    char label[LABEL_MAX + 1];
    memset(label, 'x', sizeof label);
    memcpy(label + 39, "é", 2); /* would be cut in half */
    label[LABEL_MAX] = '\0';
    for (uint8_t device = 1; device <= 9; device++)
        refill(&h, device, label, UINT64_MAX / 16, device);
    const char *text = text_of(&h, 9);
    expect(text, "xxx” of amy, ");
    expect(text, " from others), the last on ");
    assert_null(strchr(text, 0xC3));
    assert_true(text[strlen(text) - 1] == '.');
}

static void a_laptop_tells_for_a_week_that_it_goes_on(void **state)
{
    (void)state;
    struct happened h = {0};
    char text[HAPPENED_TEXT_MAX];
    happened_went_on_text(&h, 5, text);
    assert_string_equal(text, "");
    happened_went_on(&h, 3, 1, 2, at(5));
    happened_went_on_text(&h, 6, text);
    expect(text,
           "as incarnation 3. 1 entry that the hub did not have was written again. 2 could not be, since the keys");
    happened_went_on(&h, 4, 0, 0, at(9)); /* the newest counts */
    happened_went_on_text(&h, 9 + 7 * DAY - 1, text);
    expect(text, "as incarnation 4. Nothing had to be written again. There is nothing to do");
    happened_went_on_text(&h, 9 + 7 * DAY, text);
    assert_string_equal(text, "");
}

static void a_ticket_used_again_is_told_for_a_week(void **state)
{
    (void)state;
    struct happened h = {0};
    char text[HAPPENED_TEXT_MAX];
    struct happened_ticket again = {.device = {{0xab, 0xcd}}, .at = at(5)};
    happened_ticket_text(&h, 5, text);
    assert_string_equal(text, "");
    snprintf(again.label, sizeof again.label, "strange");
    happened_label(&again.used_by, "amys-laptop");
    snprintf(again.used_by.worker, sizeof again.used_by.worker, "amy");
    happened_ticket_again(&h, &again);
    happened_ticket_text(&h, 6, text);
    expect(text, "by a laptop called “strange” (abcd0000). It was refused. The ticket had let in “amys-laptop” of amy");
    again.at = at(7);
    happened_ticket_again(&h, &again);
    happened_ticket_text(&h, 8, text);
    expect(text, "(2 times in a week");
    assert_true(strlen(text) + 1 < sizeof text);
    happened_ticket_text(&h, 7 + 7 * DAY, text);
    assert_string_equal(text, "");
    again.at = at(30 * DAY); /* another story */
    happened_ticket_again(&h, &again);
    assert_int_equal(h.ticket.times, 1);
}

static void let_go(struct happened *h, uint8_t person, const char *to, uint64_t entries, uint64_t now)
{
    struct happened_moved moved = {
        .person = {{person}}, .site = "north", .name = "Jo", .entries = entries, .at = at(now)};
    snprintf(moved.to, sizeof moved.to, "%s", to);
    moved.moved_ms = moved.at.wall_ms;
    happened_let_go(h, &moved);
}

/* Whoever may ask for the status is told how many moved, where to, and when; not who. */
static void who_moved_is_counted_and_not_named(void **state)
{
    (void)state;
    struct happened h = {0};
    char text[HAPPENED_TEXT_MAX];
    happened_let_go_text(&h, bytes_str("north"), 5, text);
    assert_string_equal(text, "");
    let_go(&h, 1, "dales", 1, 5);
    happened_let_go_text(&h, bytes_str("north"), 6, text);
    expect(text, "1 person moved to dales on ");
    expect(text, ": this laptop let go of the record; the one entry written here is shared. felloe news says who.");
    let_go(&h, 2, "dales", 3, 7);
    happened_let_go_text(&h, bytes_str("north"), 8, text);
    expect(text, "2 people moved to dales, the last on ");
    expect(text, ": this laptop let go of the records; all 4 entries written here are shared.");
    let_go(&h, 3, "peak", 0, 9);
    happened_let_go_text(&h, bytes_str("north"), 10, text);
    expect(text, "3 people moved to other teams, the last on ");
    assert_null(strstr(text, "Jo"));
    let_go(&h, 4, "dales", 0, 9);
    happened_is_back(&h, 1); /* the third came back */
    happened_let_go_text(&h, bytes_str("north"), 10, text);
    expect(text, "3 people moved to dales, the last on ");
    happened_is_back(&h, 0);
    let_go(&h, 3, "peak", 0, 9);
    happened_let_go_text(&h, bytes_str("south"), 10, text);
    assert_string_equal(text, "");
    happened_let_go_text(&h, bytes_str("north"), 8 + 7 * DAY, text); /* each for a week: the third alone is told */
    expect(text, "1 person moved to peak on ");
    for (uint8_t person = 0; person < 40; person++)
        let_go(&h, person, "dales", 1, 20 * DAY);
    happened_let_go_text(&h, bytes_str("north"), 20 * DAY, text);
    expect(text, "32 people or more moved to dales");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_used_again_is_told_for_a_week),
        cmocka_unit_test(how_many_from_whom_and_for_a_week),
        cmocka_unit_test(many_laptops_with_long_names_fit),
        cmocka_unit_test(a_laptop_tells_for_a_week_that_it_goes_on),
        cmocka_unit_test(who_moved_is_counted_and_not_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
