/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON as an import reads them. (fuzz_client_import holds them against what jansson reads.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/json_line.h"

static char text[64 * 1024];
static struct felloe_error error;

static enum felloe_code reading(struct json_line *line, const char *given)
{
    const size_t len = strlen(given);
    assert_true(len < sizeof text);
    memcpy(text, given, len + 1);
    error.message[0] = '\0';
    return json_line_read(line, text, len, &error);
}

static const struct json_item *member(const struct json_line *line, const char *name)
{
    const struct json_item *item = json_line_member(line, line->items, name);
    assert_non_null(item);
    return item;
}

static void what_is_in_an_object_is_found_by_its_name(void **state)
{
    (void)state;
    struct json_line line = {0};
    assert_int_equal(reading(&line, " {\"a\" : 1, \"in\":{\"a\":[true,{\"b\":2},null]},\"\":\"\",\"last\":false}\r\n "),
                     FELLOE_OK);
    assert_int_equal(line.items[0].kind, LINE_OBJECT);
    assert_int_equal(line.items[0].end, line.count);
    assert_string_equal(member(&line, "a")->text, "1");
    assert_int_equal(member(&line, "last")->kind, LINE_FALSE);
    assert_int_equal(member(&line, "")->kind, LINE_TEXT);
    assert_null(json_line_member(&line, line.items, "b"));
    const struct json_item *inside = json_line_member(&line, member(&line, "in"), "a");
    assert_int_equal(inside->kind, LINE_LIST);
    assert_int_equal(inside[1].kind, LINE_TRUE);
    assert_int_equal(inside[2].kind, LINE_OBJECT);
    assert_string_equal(inside[3].name, "b");
    assert_int_equal(line.items[inside[2].end].kind, LINE_NULL);
    assert_int_equal(reading(&line, "[]"), FELLOE_OK);
    assert_int_equal(line.count, 1);
    json_line_release(&line);
}

static void texts_come_without_their_escapes(void **state)
{
    (void)state;
    static const struct { const char *given, *is; } texts[] = {
        {"[\"\"]", ""},
        {"[\"plain, and longer than eight\"]", "plain, and longer than eight"},
        {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "\"\\/\b\f\n\r\t"},
        {"[\"Zo\\u00eb Zo\xc3\xab\"]", "Zo\xc3\xab Zo\xc3\xab"},
        {"[\"\\u007f\\u0080\\u07FF\\u0800\\uffff\"]", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {"[\"1234567\\ud83d\\ude00\\udbff\\udfff!\"]", "1234567\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf!"},
    };
    struct json_line line = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(reading(&line, texts[i].given), FELLOE_OK);
        assert_string_equal(line.items[1].text, texts[i].is);
        assert_int_equal(line.items[1].text_len, strlen(texts[i].is));
    }
    json_line_release(&line);
}

static void whole_numbers_are_told_from_others(void **state)
{
    (void)state;
    struct json_line line = {0};
    assert_int_equal(reading(&line, "[0,-0,7,-12,9223372036854775807,-9223372036854775808,1.0,2e3,-0.5E-7]"),
                     FELLOE_OK);
    static const char *const whole[] = {"0", "0", "7", "-12", "9223372036854775807", "-9223372036854775808"};
    assert_int_equal(line.count, 10);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(line.items[1 + i].kind, i < 6 ? LINE_WHOLE : LINE_REAL);
        assert_string_equal(line.items[1 + i].text, i < 6 ? whole[i] : "");
    }
    json_line_release(&line);
}

static void what_is_no_json_says_why_and_where(void **state)
{
    (void)state;
    static const struct { const char *given, *says; unsigned column; } wrong[] = {
        {"", "object is expected", 1},
        {"  7", "object is expected", 3},
        {"{\"a\":1} x", "behind the end", 9},
        {"{\"a\":1", "comma or }", 7},
        {"[1 2]", "comma or ]", 4},
        {"[1,]", "value is expected", 4},
        {"{\"a\":1,}", "quotation marks", 8},
        {"{a:1}", "quotation marks", 2},
        {"{\"a\" 1}", "colon", 6},
        {"[tru]", "value is expected", 2},
        {"[1,", "too early", 4},
        {"[\"a", "does not end", 4},
        {"[\"a\tb\"]", "control character", 4},
        {"[\"\\x\"]", "no such escape", 4},
        {"[\"\\u12g4\"]", "hexadecimal", 7},
        {"[\"\\u0000\"]", "NUL", 9},
        {"[\"\\ud800\"]", "half a character", 9},
        {"[\"\\ud800\\u0041\"]", "half a character", 15},
        {"[\"\\udc00\\ud800\"]", "half a character", 9},
        {"[01]", "comma or ]", 3},
        {"[-]", "digit", 3},
        {"[1.]", "digit", 4},
        {"[1e+]", "digit", 5},
        {"[+1]", "value is expected", 2},
        {"[9223372036854775808]", "too large", 21},
        {"{\"a\":1,\"b\":{\"a\":1},\"\\u0061\":2}", "duplicate", 28},
    };
    struct json_line line = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char column[32];
        snprintf(column, sizeof column, "(column %u)", wrong[i].column);
        assert_int_equal(reading(&line, wrong[i].given), FELLOE_INVALID);
        if (!strstr(error.message, wrong[i].says) || !strstr(error.message, column))
            fail_msg("%s: %s", wrong[i].given, error.message);
    }
    json_line_release(&line);
}

/* Whatever is in a file: neither the stack nor the time that one line takes grow without end. */
static void a_line_has_bounds(void **state)
{
    (void)state;
    static char given[64 * 1024];
    struct json_line line = {0};
    memset(given, '[', 40);
    given[40] = '\0';
    assert_int_equal(reading(&line, given), FELLOE_INVALID);
    assert_non_null(strstr(error.message, "nested too deeply"));
    size_t len = 0;
    for (unsigned i = 0; i <= 1000; i++)
        len += (size_t)snprintf(given + len, sizeof given - len, "%c\"%u\":0", i == 0 ? '{' : ',', i);
    snprintf(given + len, sizeof given - len, "}");
    assert_int_equal(reading(&line, given), FELLOE_INVALID);
    assert_non_null(strstr(error.message, "too many names"));
    json_line_release(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_an_object_is_found_by_its_name),
        cmocka_unit_test(texts_come_without_their_escapes),
        cmocka_unit_test(whole_numbers_are_told_from_others),
        cmocka_unit_test(what_is_no_json_says_why_and_where),
        cmocka_unit_test(a_line_has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
