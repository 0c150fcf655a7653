/* SPDX-License-Identifier: Apache-2.0 */
/* Errors carry a code and whole characters, and every code has a name of its own. */
#include <stdio.h>

#include "felloe/error.h"
#include "proto/mp.h"
#include "tests/unit/given.h"

static void an_error_says_what_happened(void **state)
{
    (void)state;
    struct felloe_error error;
    assert_int_equal(felloe_fail(&error, FELLOE_NOT_FOUND, "No person called %s.", "Robin"), FELLOE_NOT_FOUND);
    assert_int_equal(error.code, FELLOE_NOT_FOUND);
    assert_string_equal(error.message, "No person called Robin.");
    assert_int_equal(felloe_fail(NULL, FELLOE_STORAGE, "nobody %s", "listens"), FELLOE_STORAGE);
}

static void an_error_may_quote_itself(void **state)
{
    (void)state;
    struct felloe_error error;
    felloe_fail(&error, FELLOE_STORAGE, "The disk is full.");
    felloe_fail(&error, FELLOE_FAILED, "Nothing was recorded: %s", error.message);
    assert_string_equal(error.message, "Nothing was recorded: The disk is full.");
}

/* Texts of every length around the limit, of characters of 1 to 4 bytes: cut, and never in the middle of one. */
static void long_texts_are_cut_at_a_whole_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x80\x99", "\xf0\x9f\x9a\xb2"};
    struct felloe_error error;
    for (size_t size = 1; size <= 4; size++)
        for (size_t ahead = 0; ahead < 8; ahead++) {
            char text[600] = "";
            memset(text, '.', ahead);
            for (size_t at = ahead; at + size < 590; at += size)
                memcpy(text + at, characters[size - 1], size);
            felloe_fail(&error, FELLOE_INVALID, "%s", text);
            size_t len = strlen(error.message);
            assert_true(len < sizeof error.message && len > sizeof error.message - 1 - size);
            assert_memory_equal(error.message, text, len);
            assert_true(utf8_valid(bytes_str(error.message)));
        }
    /* what fits exactly is left whole */
    char fits[500] = "";
    memset(fits, '.', 496);
    memcpy(fits + 496, "\xe2\x80\x99", 3);
    felloe_fail(&error, FELLOE_INVALID, "%s", fits);
    assert_string_equal(error.message, fits);
}

/* What people gave, as it was cut or typed: the message is UTF-8 all the same, for it is sent on and becomes JSON. */
static void a_message_is_always_utf8(void **state)
{
    (void)state;
    struct felloe_error error;
    felloe_fail(&error, FELLOE_NOT_FOUND, "“%.*s” is not here", 6, "\xf0\x9f\x9a\xb2\xf0\x9f\x9a\xb2");
    assert_string_equal(error.message, "“\xf0\x9f\x9a\xb2” is not here");
    felloe_fail(&error, FELLOE_NOT_FOUND, "caf\xe9 \xff\x80 \xc0\xaf \xed\xa0\x80.");
    assert_string_equal(error.message, "caf ?? ?? ?.");
    assert_true(utf8_valid(bytes_str(error.message)));
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    static const enum felloe_code codes[] = {
        FELLOE_OK, FELLOE_FAILED, FELLOE_USAGE, FELLOE_INVALID, FELLOE_NOT_FOUND, FELLOE_AMBIGUOUS, FELLOE_NO_DAEMON,
        FELLOE_IN_USE, FELLOE_DENIED, FELLOE_REFUSED, FELLOE_UNREACHABLE, FELLOE_STORAGE, FELLOE_DAMAGED,
        FELLOE_PARTLY, FELLOE_LOCKED, FELLOE_INTERRUPTED};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(felloe_code_name(codes[i]), felloe_code_name(codes[k]));
    assert_string_equal(felloe_code_name(FELLOE_NOT_FOUND), "not-found");
    assert_string_equal(felloe_code_name((enum felloe_code)99), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_says_what_happened),
        cmocka_unit_test(an_error_may_quote_itself),
        cmocka_unit_test(long_texts_are_cut_at_a_whole_character),
        cmocka_unit_test(a_message_is_always_utf8),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
