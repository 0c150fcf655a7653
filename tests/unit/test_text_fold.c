/* SPDX-License-Identifier: Apache-2.0 */
/* What people look for is found however it was written: case, accents in one character or two, other quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/domain/text_fold.h"

static void assert_folds(const char *text, const char *expected)
{
    struct buffer out = {0};
    text_fold(bytes_str(text), &out);
    if (!bytes_is(buffer_bytes(&out), expected))
        fail_msg("\"%s\" folds to \"%.*s\", not to \"%s\"", text, (int)out.len, (const char *)out.data, expected);
    buffer_release(&out);
}

static void letters_lose_case_and_accents(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"Jo", "jo"},
        {"Zoë", "zoe"},
        {"Zoe\u0308", "zoe"},
        {"ÉCOLE", "ecole"},
        {"Nguyễn Thị Hạnh", "nguyen thi hanh"},
        {"Łukasz Żółć", "lukasz zolc"},
        {"İstanbul ılık", "istanbul ilik"},
        {"Straße", "strasse"},
        {"STRASSE", "strasse"},
        {"Æther œuvre Þór", "aether oeuvre thor"},
        {"Søren Đặng", "soren dang"},
        {"ΆΛΦΑ λόγος", "αλφα λογοσ"},
        {"Ёлка Йод", "елка иод"},
        {"ЙИ", "ии"},
        {"Հայ", "հայ"},
        {"مُحَمَّد", "محمد"},
        {"أحمد", "احمد"},
        {"שָׁלוֹם", "שלום"},
        {"ＦＵＬＬ", "full"},
        {"李小龙", "李小龙"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_folds(cases[i][0], cases[i][1]);
}

static void what_is_not_seen_is_not_compared(void **state)
{
    (void)state;
    assert_folds("  two \t\r\n words  ", "two words");
    assert_folds("a\u00a0b\u2003c\u3000", "a b c");
    assert_folds("co\u00adop\u200berate", "cooperate");
    assert_folds("O’Brien ‘said’ “yes” — 1–2", "o'brien 'said' \"yes\" - 1-2");
    assert_folds("👍🏽", "👍");
    assert_folds("❤\ufe0f", "❤");
    assert_folds("\u202eabc\u202c", "abc");
    assert_folds("\xff\xc3(", "\xff\xc3("); /* no UTF-8: as it stands */
    assert_folds("\u0301", "");
}

static void composed_and_decomposed_are_one(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"é", "e\u0301"}, {"Ǖ", "U\u0308\u0304"}, {"ệ", "e\u0323\u0302"}, {"й", "и\u0306"}, {"ΐ", "ι\u0308\u0301"},
        {"한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"}, {"آ", "ا\u0653"}, {"ç", "c\u0327"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(text_fold_equal(bytes_str(pairs[i][0]), bytes_str(pairs[i][1])));
        struct buffer x = {0}, y = {0};
        text_fold_case(bytes_str(pairs[i][0]), &x);
        text_fold_case(bytes_str(pairs[i][1]), &y);
        assert_true(bytes_equal(buffer_bytes(&x), buffer_bytes(&y)));
        buffer_release(&x);
        buffer_release(&y);
    }
    assert_false(text_fold_equal(bytes_str("Jo"), bytes_str("Joe")));
}

static void accents_may_stay(void **state)
{
    (void)state;
    struct buffer plain = {0}, accented = {0}, other = {0};
    text_fold_case(bytes_str(" ZOË  Søren "), &accented);
    text_fold_case(bytes_str("zoë søren"), &other);
    text_fold_case(bytes_str("Zoe Soren"), &plain);
    assert_true(bytes_equal(buffer_bytes(&accented), buffer_bytes(&other)));
    assert_false(bytes_equal(buffer_bytes(&accented), buffer_bytes(&plain)));
    buffer_release(&plain);
    buffer_release(&accented);
    buffer_release(&other);
}

static void each_folded_byte_knows_where_it_comes_from(void **state)
{
    (void)state;
    const char *text = "  Zoe\u0308 ẞa";
    uint32_t offsets[64];
    struct buffer out = {0};
    text_fold_mapped(bytes_str(text), &out, offsets);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data, "zoe ssa", 7);
    static const uint32_t expected[] = {2, 3, 4, 7, 8, 8, 11, 12};
    assert_memory_equal(offsets, expected, sizeof expected);
    buffer_clear(&out);
    text_fold_mapped(bytes_str(""), &out, offsets);
    assert_int_equal(offsets[0], 0);
    buffer_release(&out);
}

static void folding_twice_changes_nothing_more(void **state)
{
    (void)state;
    struct buffer once = {0}, twice = {0};
    for (uint32_t c = 1; c < 0x20000; c++) {
        uint8_t text[4] = {(uint8_t)c};
        size_t len = 1;
        if (c >= 0xd800 && c < 0xe000)
            continue;
        if (c >= 0x80) {
            len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            for (size_t i = len - 1, rest = c; i > 0; i--, rest >>= 6)
                text[i] = (uint8_t)(0x80 | (rest & 0x3f));
            text[0] = (uint8_t)((0xf00u >> len) | c >> 6 * (len - 1));
        }
        uint32_t read;
        assert_int_equal(text_character(bytes_of(text, len), &read), len);
        assert_int_equal(read, c);
        buffer_clear(&once);
        buffer_clear(&twice);
        text_fold(bytes_of(text, len), &once);
        text_fold(buffer_bytes(&once), &twice);
        if (!bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)))
            fail_msg("U+%04X", c);
        assert_true(once.len <= len * TEXT_FOLD_GROWTH);
    }
    buffer_release(&once);
    buffer_release(&twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_lose_case_and_accents),
        cmocka_unit_test(what_is_not_seen_is_not_compared),
        cmocka_unit_test(composed_and_decomposed_are_one),
        cmocka_unit_test(accents_may_stay),
        cmocka_unit_test(each_folded_byte_knows_where_it_comes_from),
        cmocka_unit_test(folding_twice_changes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
