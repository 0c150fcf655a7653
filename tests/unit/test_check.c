/* SPDX-License-Identifier: Apache-2.0 */
/* An event's fields, as people and imports give them, become the normal form or a sentence that says what is wrong. */
#include "tests/unit/given_history.h"

static struct mp_reader reader;
static struct felloe_error error;

static const char SOME_ID[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static enum felloe_code any_event(void *context, struct bytes text, struct event_id *out, struct felloe_error *why)
{
    (void)context;
    memset(out, 0xaa, sizeof *out);
    return bytes_is(text, "aaaa") ? FELLOE_OK : felloe_fail(why, FELLOE_NOT_FOUND, "There is no entry %s.", "bbbb");
}

static const struct resolver resolver = {.event = any_event};

/* The normal form as text, or the message. `given` is a msgpack map and is released. */
static const char *checked(const char *type, struct buffer given)
{
    static char text[2048];
    struct buffer out = {0}, dump = {0};
    mp_reader_init(&reader, buffer_bytes(&given));
    assert_true(mp_next(&reader));
    error = (struct felloe_error){0};
    enum felloe_code code = catalogue_check(catalogue_find(bytes_str(type)), &reader, &resolver, &out, &error);
    assert_int_equal(code, error.code);
    if (code == FELLOE_OK) {
        assert_true(mp_done(&reader));
        mp_reader_init(&reader, buffer_bytes(&out));
        assert_true(mp_next(&reader));
        dump_value(&reader, &dump);
        assert_true(mp_done(&reader));
        snprintf(text, sizeof text, "%.*s", (int)dump.len, (const char *)dump.data);
    } else {
        assert_int_equal(out.len, 0); /* nothing half-written */
        snprintf(text, sizeof text, "%s", error.message);
    }
    buffer_release(&given);
    buffer_release(&out);
    buffer_release(&dump);
    return text;
}

/* CHECKED(type, "name", "value", …) */
static const char *checked_texts(const char *const *texts)
{
    const char *const *pairs = texts + 1;
    struct buffer given = {0};
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    mp_put_map(&given, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_put_text(&given, pairs[i]);
    return checked(texts[0], given);
}
#define CHECKED(...) checked_texts((const char *const[]){__VA_ARGS__, NULL, NULL})

static void fields_come_out_in_the_catalogues_order_and_kinds(void **state)
{
    (void)state;
    assert_string_equal(
        CHECKED("contact.recorded", "text", "talked", "minutes", "30", "attendance", "5", "mechanism", "01"),
        "{mechanism: 01, attendance: 5, minutes: 30, text: talked}");
    assert_string_equal(CHECKED("support.ended", "agreed", "Yes", "reason", "02"), "{reason: 02, agreed: yes}");
    assert_string_equal(CHECKED("support.started"), "{}");
}

static void codes_are_taken_by_code_or_by_label(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("person.introduced", "source", "a1", "urgency", "Very urgent"),
                        "{source: A1, urgency: 4}");
    assert_string_equal(CHECKED("contact.recorded", "mechanism", "1"), "{mechanism: 01}");
    struct buffer given = {0};
    mp_put_map(&given, 1);
    mp_put_text(&given, "urgency");
    mp_put_uint(&given, 2);
    assert_string_equal(checked("person.introduced", given), "{urgency: 2}");
}

static void a_wrong_code_is_told_which_there_are(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("person.introduced", "urgency", "7"),
                        "urgency must be one of: 1 emergency, 4 very urgent, 2 urgent, 3 routine.");
    assert_string_equal(CHECKED("support.started", "offer", "endless"), "offer must be one of: short, long, one-off.");
    const char *long_list = CHECKED("person.introduced", "source", "the neighbour");
    assert_non_null(strstr(long_list, "A1 GP, A2 health visitor"));
    assert_non_null(strstr(long_list, "more (felloe types person.introduced lists them)."));
}

static void what_is_missing_or_unknown_is_named(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("note.added"), "note.added needs text: words.");
    assert_string_equal(CHECKED("note.added", "text", "  "), "note.added needs text: words.");
    assert_string_equal(CHECKED("note.added", "txet", "hello"),
                        "note.added has no field txet; it has: text, huddle, audience.");
    assert_string_equal(CHECKED("note.added", "text", "a", "text", "b"), "text is given twice.");
    assert_string_equal(CHECKED("person.details.recorded"),
                        "person.details.recorded says nothing: give at least one of its fields.");
}

static void impossible_values_are_said_in_words(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("person.details.recorded", "date_of_birth", "1990-02-30"),
                        "date_of_birth must be a day that exists, like 2026-12-01, not \"1990-02-30\".");
    assert_string_equal(CHECKED("person.details.recorded", "nhs_number", "943 476 5918"),
                        "nhs_number is not an NHS number: its last digit, which checks the others, does not fit. "
                        "Please compare it with the letter or card.");
    assert_string_equal(CHECKED("person.details.recorded", "nhs_number", "943"),
                        "nhs_number must be an NHS number of 10 digits, not \"943\".");
    assert_string_equal(CHECKED("person.details.recorded", "nhs_number", "000 000 0000"),
                        "nhs_number is nobody's NHS number: ten times the same digit. Leave it out until it is known.");
    assert_string_equal(CHECKED("contact.recorded", "minutes", "2000"), "minutes must be from 0 to 1440, not 2000.");
    assert_string_equal(CHECKED("contact.recorded", "minutes", "half an hour"),
                        "minutes must be how long: minutes, like 90, or 1h30, not \"half an hour\".");
    assert_string_equal(CHECKED("support.ended", "agreed", "perhaps"), "agreed must be yes or no, not \"perhaps\".");
    assert_string_equal(CHECKED("team.joined", "worker", "Amy Adams"),
                        "worker must be a worker's id (small letters, digits and -), not \"Amy Adams\".");
    char name[301];
    memset(name, 'a', 300);
    name[300] = '\0';
    assert_string_equal(CHECKED("person.introduced", "known_as", name),
                        "known_as is too long: 300 bytes, and there is room for 200.");
}

static void dates_and_times_that_cannot_be_are_refused(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("contact.planned", "when", "2026-02-30T10:00:00Z"),
                        "when must be a time, like 2026-11-21T14:30:00Z, not \"2026-02-30T10:00:00Z\".");
    assert_string_equal(CHECKED("contact.planned", "when", "14"),
                        "when must be a time, like 2026-11-21T14:30:00Z, not \"14\".");
    assert_string_equal(CHECKED("contact.planned", "when", "9999999999999999"),
                        "when must be a time between the years 1900 and 2200.");
    assert_string_equal(CHECKED("contact.planned", "when", "1795271400000"), "{when: 1795271400000}");
    assert_string_equal(CHECKED("task.raised", "what", "form", "due", "2026-13-01"),
                        "due must be a day that exists, like 2026-12-01, not \"2026-13-01\".");
    assert_string_equal(CHECKED("contact.planned", "when", "2026-11-21T14:30Z", "minutes", "0"),
                        "minutes must be from 1 to 1440, not 0.");
    assert_string_equal(CHECKED("contact.planned", "when", "2026-11-21T14:30Z", "minutes", "1h30"),
                        "{when: 1795271400000, minutes: 90}");
}

static void scores_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("goal.scored", "goal", SOME_ID, "score", "11"), "score must be from 0 to 10, not 11.");
    assert_string_equal(CHECKED("goal.set", "own_words", "walk", "baseline", "-1"),
                        "baseline must be from 0 to 10, not -1.");
    assert_string_equal(CHECKED("measure.completed", "reqol", "41"), "reqol must be from 0 to 40, not 41.");
    assert_string_equal(CHECKED("measure.completed", "reqol", "40"), "{reqol: 40}");
    assert_string_equal(CHECKED("goal.scored", "goal", SOME_ID, "score", "six"),
                        "score must be a whole number, not \"six\".");
    assert_string_equal(CHECKED("measure.completed"),
                        "measure.completed says nothing: give at least one of its fields.");
}

/* An answer for each letter, up to the end of the text. */
static const char *dialog(const char *answers)
{
    struct buffer given = {0};
    mp_put_map(&given, 1);
    mp_put_text(&given, "dialog");
    mp_put_array(&given, (uint32_t)strlen(answers));
    for (; *answers; answers++)
        mp_put_uint(&given, (uint64_t)(*answers - '0'));
    return checked("measure.completed", given);
}

static void dialog_needs_eleven_answers(void **state)
{
    (void)state;
    assert_string_equal(dialog("12345671234"), "{dialog: [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4]}");
    assert_string_equal(dialog("1234567123"), "dialog needs 11 values, not 10.");
    assert_string_equal(dialog("123456712345"), "dialog needs 11 values, not 12.");
    assert_string_equal(dialog("12345671238"), "dialog must be from 1 to 7, not 8.");
    assert_string_equal(dialog("02345671234"), "dialog must be from 1 to 7, not 0.");
}

static void codes_of_every_list_are_told_in_words(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("crisis.opened", "urgency", "high"),
                        "urgency must be one of: 1 emergency, 4 very urgent, 2 urgent, 3 routine.");
    assert_string_equal(CHECKED("crisis.opened", "where", "at home"),
                        "urgency must be one of: 1 emergency, 4 very urgent, 2 urgent, 3 routine.");
    assert_string_equal(CHECKED("task.closed", "task", SOME_ID, "state", "open"),
                        "state must be one of: done, dropped.");
    assert_string_equal(CHECKED("sharing.preference", "agency", "housing", "category", "all", "choice", "no"),
                        "choice must be one of: object objects, allow allows.");
    assert_string_equal(CHECKED("task.closed", "state", "done"), "task.closed needs task: which task.");
    assert_non_null(strstr(CHECKED("contact.recorded", "place", "the moon"), "place must be one of: A01 at home,"));
}

static void hours_that_cannot_be_read_say_where(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("resource.recorded", "schedule", "mon-fri 09:00-17:00; closed 2026-02-30"),
                        "schedule: weekly hours are like \"mon-fri 09:00-17:00; closed 2026-12-25\"; there is no such "
                        "day at \"2026-02-30\".");
    assert_string_equal(CHECKED("resource.recorded", "name", "Larder", "schedule", "weekdays 9 to 5"),
                        "schedule: weekly hours are like \"mon-fri 09:00-17:00; closed 2026-12-25\"; a day of the week "
                        "is expected at \"weekdays 9 to 5\".");
    assert_string_equal(CHECKED("resource.recorded", "name", "Larder", "schedule", "tue, thu 10:00-12:30"),
                        "{name: Larder, schedule: tue, thu 10:00-12:30}");
}

static void a_correction_is_checked_as_what_it_corrects(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("contact.corrected", "of", SOME_ID, "field", "attendance", "value", "Met"),
                        "{of: 00112233, field: attendance, value: 5}");
    assert_string_equal(CHECKED("contact.corrected", "of", SOME_ID, "value", "1h30", "field", "minutes", "why", "slip"),
                        "{of: 00112233, field: minutes, value: 90, why: slip}");
    assert_string_equal(CHECKED("contact.corrected", "of", SOME_ID, "field", "minutes", "value", "2000"),
                        "minutes must be from 0 to 1440, not 2000.");
    assert_string_equal(CHECKED("contact.corrected", "of", SOME_ID, "field", "worker", "value", "amy"),
                        "field must be one of: mechanism how, place where, attendance, minutes, purpose, occurred when "
                        "it was, text what was said and done.");
}

static void a_long_wrong_value_is_cut_at_a_character(void **state)
{
    (void)state;
    const char *message = CHECKED("contact.recorded", "minutes", "ééééééééééééééééééééééééééééééé");
    assert_true(utf8_valid(bytes_str(message)));
    assert_non_null(strstr(message, "…"));
}

static void an_empty_text_says_nothing_unless_it_takes_something_away(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("contact.recorded", "text", "", "minutes", ""), "{}");
    assert_string_equal(CHECKED("person.details.recorded", "pronouns", ""), "{pronouns: }");
    assert_string_equal(CHECKED("person.details.recorded", "known_as", "  Jo \n"), "{known_as: Jo}");
    assert_string_equal(CHECKED("person.details.recorded", "date_of_birth", ""), "{date_of_birth: }");
}

static void an_entry_is_named_by_what_people_type_or_in_full(void **state)
{
    (void)state;
    assert_string_equal(CHECKED("entry.struck", "of", "aaaa", "why", "mistyped"), "{of: aaaaaaaa, why: mistyped}");
    assert_string_equal(CHECKED("entry.struck", "of", SOME_ID, "why", "not here yet"),
                        "{of: 00112233, why: not here yet}");
    assert_string_equal(CHECKED("entry.struck", "of", "bbbb", "why", "mistyped"), "There is no entry bbbb.");
    assert_int_equal(error.code, FELLOE_NOT_FOUND);
}

static void a_settlement_takes_a_value_of_what_it_settles(void **state)
{
    (void)state;
    assert_string_equal(
        CHECKED("conflict.settled", "chosen", "1990-10-01", "what", "date_of_birth", "with", "Jo", "with", "Amy"),
        "{what: date_of_birth, chosen: 1990-10-01, with: [Jo, Amy]}");
    assert_string_equal(CHECKED("conflict.settled", "what", "date_of_birth", "chosen", "in spring"),
                        "chosen must be a day that exists, like 2026-12-01, not \"in spring\".");
    assert_string_equal(CHECKED("conflict.settled", "what", "support", "chosen", "farewell"),
                        "{what: support, chosen: ended}");
    assert_string_equal(CHECKED("conflict.settled", "what", "nhs_number", "chosen", "943 476 5919"),
                        "{what: nhs_number, chosen: 9434765919}");
    assert_string_equal(CHECKED("conflict.settled", "what", "resource_capacity", "which", SOME_ID, "chosen", "12"),
                        "{what: resource_capacity, which: 00112233445566778899aabbccddeeff00112233445566778899aabbccdd"
                        "eeff, chosen: 12}");
    assert_string_equal(CHECKED("conflict.settled", "what", "resource_capacity", "which", SOME_ID, "chosen", "-1"),
                        "chosen must be from 0 to 100000, not -1.");
    assert_non_null(
        strstr(CHECKED("conflict.settled", "what", "tea", "chosen", "mint"), "what must be one of: known_as"));
    assert_non_null(strstr(CHECKED("conflict.settled", "chosen", "mint"), "what must be one of: known_as"));
}

static void programs_may_send_the_right_kinds(void **state)
{
    (void)state;
    struct buffer given = {0};
    uint8_t device[16] = {0xab};
    mp_put_map(&given, 4);
    mp_put_text(&given, "worker");
    mp_put_text(&given, "amy");
    mp_put_text(&given, "device");
    mp_put_bin(&given, device, sizeof device);
    mp_put_text(&given, "key");
    mp_put_nil(&given);
    mp_put_text(&given, "name");
    mp_put_text(&given, "Amy");
    assert_string_equal(checked("worker.joined", given),
                        "{worker: amy, name: Amy, device: ab000000000000000000000000000000}");
    given = (struct buffer){0};
    mp_put_map(&given, 2);
    mp_put_text(&given, "minutes");
    mp_put_int(&given, -1);
    mp_put_text(&given, "text");
    mp_put_text(&given, "a");
    assert_string_equal(checked("contact.recorded", given), "minutes must be from 0 to 1440, not -1.");
    given = (struct buffer){0};
    mp_put_map(&given, 1);
    mp_put_text(&given, "text");
    mp_put_bool(&given, true);
    assert_string_equal(checked("note.added", given), "text must be words.");
}

static void fields_that_are_no_map_are_refused(void **state)
{
    (void)state;
    struct buffer given = {0};
    mp_put_array(&given, 0);
    assert_string_equal(checked("note.added", given), "The fields of note.added are not a map from names to values.");
    given = (struct buffer){0};
    mp_put_map(&given, 1);
    mp_put_text(&given, "text");
    mp_put_str(&given, bytes_of("\xff\xfe", 2));
    assert_string_equal(checked("note.added", given), "text is not valid text (UTF-8 without NUL).");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_out_in_the_catalogues_order_and_kinds),
        cmocka_unit_test(codes_are_taken_by_code_or_by_label),
        cmocka_unit_test(a_wrong_code_is_told_which_there_are),
        cmocka_unit_test(what_is_missing_or_unknown_is_named),
        cmocka_unit_test(impossible_values_are_said_in_words),
        cmocka_unit_test(dates_and_times_that_cannot_be_are_refused),
        cmocka_unit_test(scores_out_of_range_are_refused),
        cmocka_unit_test(dialog_needs_eleven_answers),
        cmocka_unit_test(codes_of_every_list_are_told_in_words),
        cmocka_unit_test(hours_that_cannot_be_read_say_where),
        cmocka_unit_test(a_correction_is_checked_as_what_it_corrects),
        cmocka_unit_test(a_long_wrong_value_is_cut_at_a_character),
        cmocka_unit_test(an_empty_text_says_nothing_unless_it_takes_something_away),
        cmocka_unit_test(an_entry_is_named_by_what_people_type_or_in_full),
        cmocka_unit_test(a_settlement_takes_a_value_of_what_it_settles),
        cmocka_unit_test(programs_may_send_the_right_kinds),
        cmocka_unit_test(fields_that_are_no_map_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
