/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a correction is checked as the contact's field that it corrects, and kept as text. */
#include "tests/unit/given.h"

#include "proto/domain/correction.h"
#include "proto/domain/register.h"
#include "proto/mp.h"

/* What is kept of a value that somebody gives (raw msgpack, released), or what is wrong with it. */
static const char *corrected_raw(const char *field, struct buffer raw)
{
    static char text[500];
    struct buffer out = {0};
    struct felloe_error error = {0};
    bool ok = correction_check(bytes_str(field), buffer_bytes(&raw), &out, &error);
    assert_int_equal(ok, error.code == FELLOE_OK);
    assert_true(ok || (out.len == 0 && error.code == FELLOE_INVALID));
    assert_true(bytes_to_text(ok ? value_text(buffer_bytes(&out)) : bytes_str(error.message), text, sizeof text));
    buffer_release(&raw);
    buffer_release(&out);
    return text;
}

static const char *corrected(const char *field, const char *value)
{
    struct buffer raw = {0};
    mp_put_text(&raw, value);
    return corrected_raw(field, raw);
}

static void codes_and_minutes_and_words(void **state)
{
    (void)state;
    assert_string_equal(corrected("attendance", "Met"), "5");
    assert_string_equal(corrected("mechanism", "1"), "01");
    assert_string_equal(corrected("minutes", "1h30"), "90");
    assert_string_equal(corrected("minutes", "0"), "0");
    assert_string_equal(corrected("text", "we met in the park"), "we met in the park");
    struct buffer number = {0};
    mp_put_uint(&number, 45);
    assert_string_equal(corrected_raw("minutes", number), "45");
}

static void what_no_such_field_could_hold_is_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(corrected("attendance", "on time"), "attendance must be one of: 5 met,"));
    assert_string_equal(corrected("minutes", "2000"), "minutes must be from 0 to 1440, not 2000.");
    struct buffer yes = {0};
    mp_put_bool(&yes, true);
    assert_string_equal(corrected_raw("text", yes), "text must be words.");
}

/* As it would be written in a diary: local, to the minute. */
static void when_it_was(void **state)
{
    (void)state;
    static const char wrong[] = "occurred must be a day, or a day and time: 2026-11-21, 2026-11-21 14:30.";
    assert_string_equal(corrected("occurred", "2026-11-21"), "2026-11-21");
    assert_string_equal(corrected("occurred", "2026-07-21 15:30"), "2026-07-21 15:30");
    assert_string_equal(corrected("occurred", "2026-07-21T14:30:00Z"), "2026-07-21 15:30"); /* summer */
    assert_string_equal(corrected("occurred", "2026-11-21T14:30+01:00"), "2026-11-21 13:30");
    assert_string_equal(corrected("occurred", "2026-02-30"), wrong);
    assert_string_equal(corrected("occurred", "2026-11-21 25:30"), wrong);
    assert_string_equal(corrected("occurred", "2026-11-21 1x:30"), wrong);
    assert_string_equal(corrected("occurred", "2026-02-30 10:30"), wrong);
    assert_string_equal(corrected("occurred", "yesterday"), wrong);
    struct buffer number = {0};
    mp_put_uint(&number, 45);
    assert_string_equal(corrected_raw("occurred", number), wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_minutes_and_words),
        cmocka_unit_test(what_no_such_field_could_hold_is_refused),
        cmocka_unit_test(when_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
