/* SPDX-License-Identifier: Apache-2.0 */
/* Events as CloudEvents lines and back; lines that are not valid say why; lines are read whatever their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "client/cloudevent.h"
#include "client/lib/value.h"
#include "client/lines.h"
#include "proto/mp.h"

static int in_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    return 0;
}

/* An event as the daemon gives it, with `type` NULL for one that cannot be opened. */
static const struct felloe_value *given_event(struct arena *arena, const char *type)
{
    struct buffer b = {0};
    uint8_t id[32];
    memset(id, 0x11, sizeof id);
    mp_put_array(&b, ITEM_COUNT);
    mp_put_bin(&b, id, 32);
    mp_put_text(&b, "salford");
    mp_put_array(&b, 2);
    mp_put_uint(&b, 2);
    mp_put_uint(&b, 15);
    mp_put_bin(&b, id, 16);
    mp_put_uint(&b, 1);
    mp_put_uint(&b, 7);
    mp_put_uint(&b, (uint64_t)1795176000250 << 16 | 3);
    if (type) {
        mp_put_text(&b, type);
        mp_put_bin(&b, id, 16);
        mp_put_text(&b, "amy");
        mp_put_int(&b, 1795172400000);
        mp_put_map(&b, 2);
        mp_put_text(&b, "text");
        mp_put_text(&b, "at the library \"Zoë\"");
        mp_put_text(&b, "minutes");
        mp_put_uint(&b, 30);
    } else {
        for (unsigned i = 0; i < 5; i++)
            mp_put_nil(&b);
    }
    struct felloe_value *value = arena_take(arena, sizeof *value);
    struct bytes in = buffer_bytes(&b);
    assert_int_equal(value_read(arena, &in, value), VALUE_OK);
    buffer_release(&b);
    return value;
}

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "(none)";
}

static void an_event_is_a_cloudevent_with_what_cloudevents_lacks_as_extensions(void **state)
{
    (void)state;
    struct arena arena = {0};
    json_t *json = cloudevent_of(given_event(&arena, "contact.recorded"));
    assert_string_equal(member(json, "specversion"), "1.0");
    assert_string_equal(member(json, "id"), "1111111111111111111111111111111111111111111111111111111111111111");
    assert_string_equal(member(json, "source"), "/felloe/salford/11111111111111111111111111111111");
    assert_string_equal(member(json, "type"), "contact.recorded");
    assert_string_equal(member(json, "subject"), "11111111111111111111111111111111");
    assert_string_equal(member(json, "time"), "2026-11-20T12:00:00.250+00:00");
    assert_string_equal(member(json, "datacontenttype"), "application/json");
    assert_string_equal(member(json, "site"), "salford");
    assert_string_equal(member(json, "worker"), "amy");
    assert_string_equal(member(json, "position"), "2.15");
    assert_string_equal(member(json, "occurred"), "2026-11-20T11:00:00.000+00:00");
    assert_int_equal(json_integer_value(json_object_get(json, "seq")), 7);
    const json_t *data = json_object_get(json, "data");
    assert_int_equal(json_integer_value(json_object_get(data, "minutes")), 30);
    json_decref(json);
    arena_release(&arena);
}

static void what_was_exported_is_imported_as_it_was(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct imported imported;
    json_t *json = cloudevent_of(given_event(&arena, "contact.recorded"));
    char *line = json_dumps(json, JSON_COMPACT);
    assert_int_equal(imported_read(&imported, line, strlen(line), NULL), FELLOE_OK);
    const struct felloe_draft *draft = &imported.draft;
    assert_string_equal(draft->type, "contact.recorded");
    assert_string_equal(draft->id, member(json, "id"));
    assert_string_equal(draft->source, member(json, "source"));
    assert_string_equal(draft->subject, "11111111111111111111111111111111");
    assert_null(draft->person);
    assert_string_equal(draft->site, "salford");
    assert_string_equal(draft->worker, "amy");
    assert_true(draft->has_occurred);
    assert_int_equal(draft->occurred, 1795172400000);
    assert_int_equal(draft->field_count, 2);
    assert_string_equal(draft->fields[0].name, "text");
    assert_string_equal(draft->fields[0].value, "at the library \"Zoë\"");
    assert_string_equal(draft->fields[1].value, "30");
    imported_release(&imported);
    free(line);
    json_decref(json);
    arena_release(&arena);
}

static void an_event_that_cannot_be_opened_is_exported_and_not_imported(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct imported imported;
    struct felloe_error error;
    json_t *json = cloudevent_of(given_event(&arena, NULL));
    assert_string_equal(member(json, "type"), TYPE_SEALED);
    assert_null(json_object_get(json, "data"));
    assert_null(json_object_get(json, "time"));
    char *line = json_dumps(json, JSON_COMPACT);
    assert_int_equal(imported_read(&imported, line, strlen(line), &error), FELLOE_INVALID);
    imported_release(&imported);
    free(line);
    json_decref(json);
    arena_release(&arena);
}

static void values_of_each_json_kind_become_fields(void **state)
{
    (void)state;
    static const char line[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"time\":"
                               "\"2026-11-20T12:00:00Z\",\"subject\":\"\",\"data\":{\"yes\":true,\"no\":false,"
                               "\"number\":-5,\"nothing\":null,\"list\":[\"a\",2],\"none\":[]}}";
    static const struct { const char *name, *value; } expected[] = {
        {"yes", "yes"}, {"no", "no"}, {"number", "-5"}, {"list", "a"}, {"list", "2"}};
    struct imported imported;
    assert_int_equal(imported_read(&imported, line, strlen(line), NULL), FELLOE_OK);
    assert_null(imported.draft.subject);
    assert_int_equal(imported.draft.occurred, 1795176000000);
    assert_int_equal(imported.draft.field_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(imported.draft.fields[i].name, expected[i].name);
        assert_string_equal(imported.draft.fields[i].value, expected[i].value);
    }
    imported_release(&imported);
}

static void lines_that_are_not_valid_say_why(void **state)
{
    (void)state;
    static const struct { const char *line, *says; } wrong[] = {
        {"this is no JSON", "not valid JSON"},
        {"{\"id\":\"1\"", "not valid JSON"},
        {"{\"id\":\"1\"} {}", "not valid JSON"},
        {"{\"id\":\"1\",\"id\":\"2\"}", "duplicate"},
        {"{\"id\":\"caf\xe9\"}", "UTF-8"},
        {"[1]", "object"},
        {"{}", "\"specversion\" is missing"},
        {"{\"specversion\":\"0.3\"}", "specversion 0.3"},
        {"{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\"}", "\"id\" is missing"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", "\"source\" is missing"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"\"}", "\"type\" is missing"},
        {"{\"specversion\":\"1.0\",\"id\":1,\"source\":\"/s\",\"type\":\"t\"}", "\"id\" is to be a text"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"time\":\"noon\"}",
         "\"time\" is not a"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":[]}", "\"data\""},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{\"x\":1.5}}", "data.x"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{\"x\":[[1]]}}", "data.x"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct imported imported;
        struct felloe_error error = {0};
        assert_int_equal(imported_read(&imported, wrong[i].line, strlen(wrong[i].line), &error), FELLOE_INVALID);
        if (!strstr(error.message, wrong[i].says))
            fail_msg("%s: %s", wrong[i].line, error.message);
        imported_release(&imported);
    }
}

/* ---- lines ---- */

static FILE *given_file(const char *text, size_t len)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    rewind(file);
    return file;
}

static void lines_end_as_they_like(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf" "one\r\n\ntwo\n  \t\r\nlast";
    static const char *const expected[] = {"one", "", "two", "  \t", "last"};
    FILE *file = given_file(text, sizeof text - 1);
    struct lines lines;
    lines_init(&lines, file);
    for (size_t i = 0; i < 5; i++) {
        assert_true(lines_next(&lines));
        assert_string_equal(lines.text, expected[i]);
        assert_int_equal(lines.len, strlen(expected[i]));
        assert_int_equal(lines.number, i + 1);
        assert_int_equal(lines_blank(&lines), i == 1 || i == 3);
    }
    assert_false(lines_next(&lines));
    assert_false(lines.failed);
    assert_int_equal(lines.offset, sizeof text - 1);
    lines_release(&lines);
    fclose(file);
}

static void a_line_without_end_takes_no_memory_without_end(void **state)
{
    (void)state;
    size_t len = 3 * LINE_LENGTH_MAX;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text + len - 5, "\nnext", 5);
    FILE *file = given_file(text, len);
    struct lines lines;
    lines_init(&lines, file);
    assert_true(lines_next(&lines));
    assert_true(lines.too_long);
    assert_true(lines.cap <= 2 * LINE_LENGTH_MAX);
    assert_true(lines_next(&lines));
    assert_false(lines.too_long);
    assert_string_equal(lines.text, "next");
    lines_release(&lines);
    fclose(file);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_cloudevent_with_what_cloudevents_lacks_as_extensions),
        cmocka_unit_test(what_was_exported_is_imported_as_it_was),
        cmocka_unit_test(an_event_that_cannot_be_opened_is_exported_and_not_imported),
        cmocka_unit_test(values_of_each_json_kind_become_fields),
        cmocka_unit_test(lines_that_are_not_valid_say_why),
        cmocka_unit_test(lines_end_as_they_like),
        cmocka_unit_test(a_line_without_end_takes_no_memory_without_end),
    };
    return cmocka_run_group_tests(tests, in_utc, NULL);
}
