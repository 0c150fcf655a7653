/* SPDX-License-Identifier: Apache-2.0 */
/* Code lists: those of the public standards whole, the most urgent first, nothing twice. */
#include "tests/unit/given.h"

#include <stdio.h>

#include "proto/domain/codelists.h"

static void every_code_list_is_whole(void **state)
{
    (void)state;
    assert_null(code_list_at(code_list_count()));
    for (size_t i = 0; i < code_list_count(); i++) {
        const struct code_list *list = code_list_at(i);
        assert_true(*list->name && list->count > 0);
        for (size_t c = 0; c < list->count; c++) {
            assert_true(*list->codes[c].code && *list->codes[c].label);
            assert_int_equal(code_rank(list, bytes_str(list->codes[c].code)), c); /* none twice */
        }
    }
    assert_int_equal(codes_source.count, 41);
    assert_int_equal(codes_reason.count, 27);
    assert_string_equal(code_label(&codes_source, bytes_str("A1")), "GP");
    assert_null(code_label(&codes_source, bytes_str("Z9")));
    assert_null(code_label(NULL, bytes_str("A1")));
}

/* The codes of the public standards, each in the order in which it is listed here. */
static void the_standards_codes_are_whole(void **state)
{
    (void)state;
    static const struct {
        const struct code_list *list;
        const char *codes;
    } standards[] = {
        {&codes_source, "A1 A2 A3 A4 B1 B2 C1 C2 C3 D1 D2 E1 E2 E3 E4 E5 E6 F1 F2 F3 G1 G2 G3 G4 H1 H2 I1 I2 M1 M2 M3 "
                        "M4 M5 M6 M7 M8 N1 N2 N4 P1 Q1"},
        {&codes_urgency, "1 4 2 3"},
        {&codes_reason, "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 18 19 20 21 22 23 24 25 26 28 31"},
        {&codes_mechanism, "01 02 04 05 09 10 11 12 13 98"},
        {&codes_place, "A01 A02 A03 A04 B01 C01 D01 E04 H01 J01 M01 M02 M03 N01 N02 N03 N05 X01"},
        {&codes_attendance, "5 6 7 2 3 4 0"},
        {&codes_closure, "01 02 03 04 05 06 07 08 09"},
        {&codes_abuse, "physical domestic sexual psychological financial-material modern-slavery discriminatory "
                       "organisational neglect-acts-of-omission self-neglect"},
        {&codes_crisis, "1 4 2 3 answered"},
    };
    for (size_t i = 0; i < sizeof standards / sizeof standards[0]; i++) {
        char all[400] = "";
        for (size_t c = 0, used = 0; c < standards[i].list->count; c++)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", c ? " " : "",
                                     standards[i].list->codes[c].code);
        assert_string_equal(all, standards[i].codes);
    }
}

static void urgency_is_listed_most_urgent_first(void **state)
{
    (void)state;
    static const char *const order[] = {"1", "4", "2", "3"};
    assert_int_equal(codes_urgency.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(codes_urgency.codes[i].code, order[i]);
    assert_int_equal(code_rank(&codes_urgency, bytes_str("")), 4); /* not said: after all others */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_list_is_whole),
        cmocka_unit_test(the_standards_codes_are_whole),
        cmocka_unit_test(urgency_is_listed_most_urgent_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
