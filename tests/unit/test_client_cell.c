/* SPDX-License-Identifier: Apache-2.0 */
/* Cells and fields as people read them and as JSON; and what people type for a field as the catalogue wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "client/cell.h"
#include "client/lib/value.h"
#include "client/record.h"
#include "proto/mp.h"

#define NOW 1795176000000ll /* 2026-11-20T12:00:00Z */
#define DAY 86400000ll

static int in_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    return 0;
}

static struct arena arena;

/* The value that was written to `b`. */
static const struct felloe_value *made(struct buffer *b)
{
    struct felloe_value *value = arena_take(&arena, sizeof *value);
    struct bytes in = buffer_bytes(b);
    assert_non_null(value);
    assert_int_equal(value_read(&arena, &in, value), VALUE_OK);
    buffer_release(b);
    return value;
}

static const struct felloe_value *made_names(void)
{
    struct buffer b = {0};
    mp_put_map(&b, 1);
    mp_put_text(&b, "amy");
    mp_put_text(&b, "Amy Okafor");
    return made(&b);
}

static void assert_cell(enum cell_kind kind, const struct code_list *codes, const struct felloe_value *cell,
                        const char *text, const char *json)
{
    const struct cell_context context = {.names = made_names(), .type = "note.added", .now = NOW};
    const struct column_def column = {"c", "c", kind, codes, false};
    json_t *row = json_object();
    char *found = cell_text(&column, cell, &context);
    assert_string_equal(found, text);
    free(found);
    cell_json(row, &column, cell, &context);
    found = json_dumps(row, JSON_COMPACT);
    assert_string_equal(found, json);
    free(found);
    json_decref(row);
}

static const struct felloe_value *texts(const char *first, const char *second)
{
    struct buffer b = {0};
    mp_put_array(&b, 2);
    mp_put_text(&b, first);
    mp_put_text(&b, second);
    return made(&b);
}

static void each_kind_of_cell_has_its_form(void **state)
{
    (void)state;
    struct buffer b = {0};
    mp_put_text(&b, "2");
    const struct felloe_value *urgent = made(&b);
    mp_put_int(&b, NOW - 3 * DAY);
    const struct felloe_value *time = made(&b);
    mp_put_text(&b, "amy");
    const struct felloe_value *amy = made(&b);
    uint8_t id[16] = {0xab, 0xcd};
    mp_put_bin(&b, id, sizeof id);
    const struct felloe_value *person = made(&b);
    mp_put_bool(&b, true);
    const struct felloe_value *yes = made(&b);
    mp_put_nil(&b);
    const struct felloe_value *nil = made(&b);

    assert_cell(CELL_CODE, &codes_urgency, urgent, "urgent", "{\"c\":\"2\",\"c_label\":\"urgent\"}");
    assert_cell(CELL_CODE, &codes_urgency, amy, "amy", "{\"c\":\"amy\"}"); /* a code of a later version */
    assert_cell(CELL_TIME, NULL, time, "17 Nov 12:00", "{\"c\":\"2026-11-17T12:00:00.000+00:00\"}");
    assert_cell(CELL_SINCE, NULL, time, "3 days", "{\"c\":\"2026-11-17T12:00:00.000+00:00\",\"c_days\":3}");
    assert_cell(CELL_WORKER, NULL, amy, "Amy Okafor", "{\"c\":\"amy\"}");
    assert_cell(CELL_WORKERS, NULL, texts("amy", "ben"), "Amy Okafor, ben", "{\"c\":[\"amy\",\"ben\"]}");
    assert_cell(CELL_TEXTS, NULL, texts("Jo", "Joey"), "Jo / Joey", "{\"c\":[\"Jo\",\"Joey\"]}");
    assert_cell(CELL_DEVICES, NULL, texts("0123456789abcdef", "fedcba9876543210"), "01234567, fedcba98",
                "{\"c\":[\"0123456789abcdef\",\"fedcba9876543210\"]}");
    assert_cell(CELL_PERSON, NULL, person, "abcd0000", "{\"c\":\"abcd0000000000000000000000000000\"}");
    assert_cell(CELL_YESNO, NULL, yes, "yes", "{\"c\":true}");
    assert_cell(CELL_TEXT, NULL, nil, "", "{\"c\":null}");
    arena_release(&arena);
}

/* [since, limit, stopped or nil] */
static const struct felloe_value *clock_of(int64_t since, int64_t limit, int64_t stopped)
{
    struct buffer b = {0};
    mp_put_array(&b, 3);
    mp_put_int(&b, since);
    mp_put_int(&b, limit);
    if (stopped)
        mp_put_int(&b, stopped);
    else
        mp_put_nil(&b);
    return made(&b);
}

static const struct felloe_value *number(int64_t value)
{
    struct buffer b = {0};
    mp_put_int(&b, value);
    return made(&b);
}

#define MINUTE 60000ll
#define HOUR (60 * MINUTE)

static void clocks_run_stop_and_run_over(void **state)
{
    (void)state;
    const struct felloe_value *runs = clock_of(NOW - 110 * MINUTE, 4 * HOUR, 0),
                              *over = clock_of(NOW - 5 * HOUR, 4 * HOUR, 0),
                              *stopped = clock_of(NOW - 5 * HOUR, 4 * HOUR, NOW - 190 * MINUTE);
    assert_cell(CELL_CLOCK, NULL, runs, "2 h 10 min left",
                "{\"c\":{\"since\":\"2026-11-20T10:10:00.000+00:00\",\"limit_minutes\":240,\"stopped\":null,"
                "\"minutes\":110,\"over\":false}}");
    assert_cell(CELL_CLOCK, NULL, over, "1 h over",
                "{\"c\":{\"since\":\"2026-11-20T07:00:00.000+00:00\",\"limit_minutes\":240,\"stopped\":null,"
                "\"minutes\":300,\"over\":true}}");
    assert_cell(CELL_CLOCK, NULL, stopped, "stopped after 1 h 50 min",
                "{\"c\":{\"since\":\"2026-11-20T07:00:00.000+00:00\",\"limit_minutes\":240,"
                "\"stopped\":\"2026-11-20T08:50:00.000+00:00\",\"minutes\":110,\"over\":false}}");
    assert_false(clock_is_over(runs, NOW));
    assert_true(clock_is_over(over, NOW));
    assert_false(clock_is_over(stopped, NOW));
    assert_false(clock_is_over(NULL, NOW));
    arena_release(&arena);
}

static void numbers_have_their_form(void **state)
{
    (void)state;
    assert_cell(CELL_MEAN, NULL, number(425), "4.25", "{\"c\":4.25}");
    assert_cell(CELL_CHANGE, NULL, number(2), "+2", "{\"c\":2}");
    assert_cell(CELL_CHANGE, NULL, number(-1), "-1", "{\"c\":-1}");
    assert_cell(CELL_NEXT, NULL, number(NOW + DAY), "21 Nov 12:00", "{\"c\":\"2026-11-21T12:00:00.000+00:00\"}");
    assert_cell(CELL_CODES, &codes_goal, texts("active", "let-go"), "working on it, let go",
                "{\"c\":[\"active\",\"let-go\"],\"c_labels\":[\"working on it\",\"let go\"]}");
    struct buffer b = {0};
    mp_put_array(&b, 2);
    mp_put_bool(&b, true);
    mp_put_int(&b, NOW + 5 * HOUR);
    assert_cell(CELL_OPEN, NULL, made(&b), "open until 17:00",
                "{\"c\":{\"open\":true,\"until\":\"2026-11-20T17:00:00.000+00:00\"}}");
    mp_put_array(&b, 2);
    mp_put_bool(&b, false);
    mp_put_nil(&b);
    assert_cell(CELL_OPEN, NULL, made(&b), "closed", "{\"c\":{\"open\":false,\"until\":null}}");
    arena_release(&arena);
}

static void fields_read_as_a_sentence_would(void **state)
{
    (void)state;
    static const struct { const char *type, *words; } cases[] = {
        {"contact.recorded", "telephone · minutes: 20 · we talked"},
        {"a.later.type", "mechanism: 02 · minutes: 20 · text: we talked"},
    };
    struct buffer b = {0};
    mp_put_map(&b, 3);
    mp_put_text(&b, "mechanism");
    mp_put_text(&b, "02");
    mp_put_text(&b, "minutes");
    mp_put_uint(&b, 20);
    mp_put_text(&b, "text");
    mp_put_text(&b, "we talked");
    const struct felloe_value *fields = made(&b);
    const struct cell_context context = {.now = NOW};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *words = NULL;
        size_t len;
        FILE *to = open_memstream(&words, &len);
        assert_non_null(to);
        fields_print(to, cases[i].type, fields, &context);
        fclose(to);
        assert_string_equal(words, cases[i].words);
        free(words);
    }
    arena_release(&arena);
}

static void what_people_type_becomes_what_the_catalogue_wants(void **state)
{
    (void)state;
    static const struct { const char *type, *field, *typed, *normal; } cases[] = {
        {"contact.recorded", "mechanism", "02", "02"},           /* a code */
        {"contact.recorded", "mechanism", "Telephone", "02"},    /* its label */
        {"contact.recorded", "mechanism", "tele", "02"},         /* the beginning of one label */
        {"person.introduced", "source", "q1", "Q1"},
        {"person.introduced", "source", "relative", "B2"},       /* in one label only: "carer or relative" */
        {"person.introduced", "source", "drop", "Q1"},
        {"contact.recorded", "place", "home", "A01"},            /* "at home", though "carer's home" has it, too */
        {"contact.recorded", "place", "library", "N02"},
        {"contact.recorded", "mechanism", "2", "02"},
        {"person.introduced", "source", "the moon", "the moon"}, /* none: the daemon lists the codes */
        {"person.introduced", "source", "", ""},
        {"note.added", "text", "today", "today"},                /* words stay words */
        {"person.details.recorded", "date_of_birth", "1990-01-02", "1990-01-02"},
        {"no.type", "x", "tele", "tele"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cli cli = {0};
        struct recording recording;
        assert_int_equal(recording_init(&recording, &cli, cases[i].type, "Jo"), FELLOE_OK);
        assert_int_equal(recording_add(&recording, &cli, cases[i].field, cases[i].typed), FELLOE_OK);
        assert_int_equal(recording.draft.field_count, 1);
        assert_string_equal(recording.draft.fields[0].value, cases[i].normal);
        recording_release(&recording);
    }
}

static void what_cannot_be_meant_is_told_in_words(void **state)
{
    (void)state;
    static const struct { const char *type, *field, *typed, *says; } cases[] = {
        {"person.introduced", "source", "other", "other hospital care; other service or agency"},
        {"person.details.recorded", "date_of_birth", "1990-02-30", "a day that exists"},
        {"task.raised", "due", "friday 14:00", "without a time of day"},
        {"contact.planned", "when", "soon", "must be a time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cli cli = {0};
        struct recording recording;
        assert_int_equal(recording_init(&recording, &cli, cases[i].type, "Jo"), FELLOE_OK);
        assert_int_equal(recording_add(&recording, &cli, cases[i].field, cases[i].typed), FELLOE_INVALID);
        if (!strstr(cli.error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].typed, cli.error.message);
        recording_release(&recording);
    }
}

static void a_list_may_be_typed_in_one_piece(void **state)
{
    (void)state;
    struct cli cli = {0};
    struct recording recording;
    assert_int_equal(recording_init(&recording, &cli, "measure.completed", "Jo"), FELLOE_OK);
    assert_int_equal(recording_add(&recording, &cli, "dialog", "5 4, 3"), FELLOE_OK);
    assert_int_equal(recording.count, 3);
    assert_string_equal(recording.fields[2].value, "3");
    recording_release(&recording);
    assert_int_equal(recording_init(&recording, &cli, "huddle.discussed", "Jo"), FELLOE_OK);
    assert_int_equal(recording_add(&recording, &cli, "present", "Amy Okafor, ben"), FELLOE_OK);
    assert_int_equal(recording.count, 2);
    assert_string_equal(recording.fields[0].value, "Amy Okafor");
    assert_int_equal(recording_add(&recording, &cli, "perspectives", "one, two"), FELLOE_OK);
    assert_string_equal(recording.fields[2].value, "one, two"); /* words stay as they are */
    recording_release(&recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_cell_has_its_form),
        cmocka_unit_test(clocks_run_stop_and_run_over),
        cmocka_unit_test(numbers_have_their_form),
        cmocka_unit_test(fields_read_as_a_sentence_would),
        cmocka_unit_test(what_people_type_becomes_what_the_catalogue_wants),
        cmocka_unit_test(what_cannot_be_meant_is_told_in_words),
        cmocka_unit_test(a_list_may_be_typed_in_one_piece),
    };
    return cmocka_run_group_tests(tests, in_utc, NULL);
}
