/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue's rows are consistent with each other, and with what others rely on. */
#include "tests/unit/given.h"

#include "proto/domain/catalogue.h"
#include "proto/domain/codelists.h"

#include <stdio.h>

static bool is_name(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz_.") == strlen(name) && strlen(name) <= TYPE_MAX;
}

static void the_types_of_the_first_road_are_there(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "person.introduced", "person.details.recorded", "note.added", "contact.recorded", "support.started",
        "support.ended", "support.returned", "team.joined", "team.left", "keyworker.agreed", "entry.struck",
        "conflict.settled", "worker.joined"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        assert_non_null(catalogue_find(bytes_str(needed[i])));
    assert_null(catalogue_find(bytes_str("tea.made")));
    assert_null(catalogue_find(bytes_str("")));
}

static void every_row_of_types_and_fields_is_whole(void **state)
{
    (void)state;
    assert_null(catalogue_at(catalogue_count()));
    for (size_t i = 0; i < catalogue_count(); i++) {
        const struct type_def *type = catalogue_at(i);
        assert_int_equal(type->id, i);
        assert_ptr_equal(catalogue_find(bytes_str(type->name)), type); /* found, so no name is there twice */
        assert_true(is_name(type->name) && *type->label && *type->help);
        assert_int_equal(type->help[strlen(type->help) - 1], '.');
        assert_true(type->field_count > 0 && type->effect_count <= 4);
        for (size_t f = 0; f < type->field_count; f++) {
            const struct field_def *field = &type->fields[f];
            const struct register_def *reg = register_def_of(field->reg_id);
            assert_ptr_equal(catalogue_field(type, bytes_str(field->name)), field);
            assert_true(is_name(field->name) && *field->label);
            assert_true((field->kind == KIND_CODE) == (field->codes != NULL));
            assert_true(*field_kind_words(field->kind));
            assert_true((reg == NULL) == (field->merge == MERGE_KEEP));
            if (reg) {
                assert_string_equal(field->reg, reg->name);
                assert_int_equal(field->merge, reg->merge);
                assert_int_equal(field->kind, reg->kind);
                assert_true(field->kept && !field->list);
            }
        }
    }
}

static void every_effect_writes_what_its_register_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < catalogue_count(); i++) {
        const struct type_def *type = catalogue_at(i);
        for (size_t e = 0; e < type->effect_count; e++) {
            const struct effect_def *effect = &type->effects[e];
            if (effect->field) {
                const struct field_def *field = catalogue_field(type, bytes_str(effect->field));
                assert_true(field && field->kept);
            }
            if (effect->op == EFFECT_SETTLE || effect->op == EFFECT_FIELD)
                assert_true(catalogue_field(type, bytes_str(effect->of))->kept);
            const struct register_def *reg = register_def_of(effect->reg);
            if (effect->op == EFFECT_SETTLE || effect->op == EFFECT_KEEP) {
                assert_null(reg);
                continue;
            }
            assert_non_null(reg);
            if (effect->op == EFFECT_FIELD)
                assert_int_equal(catalogue_field(type, bytes_str(effect->field))->kind, reg->kind);
            else if (reg->kind == KIND_EVENT)
                assert_string_equal(effect->value, "@self");
            else
                assert_non_null(code_label(reg->codes, bytes_str(effect->value)));
        }
    }
}

static void every_register_has_its_rule_and_can_be_found(void **state)
{
    (void)state;
    assert_null(register_def_of(REG_NONE));
    assert_null(register_def_of(REG_COUNT));
    assert_null(register_def_find(bytes_str("")));
    for (enum register_id id = REG_NONE + 1; id < REG_COUNT; id++) {
        const struct register_def *reg = register_def_of(id);
        assert_int_equal(reg->id, id);
        assert_ptr_equal(register_def_find(bytes_str(reg->name)), reg);
        assert_int_not_equal(reg->merge, MERGE_KEEP);
        if (reg->merge == MERGE_PROTECTIVE || reg->merge == MERGE_UNION)
            assert_non_null(reg->codes); /* their order says what protects */
        assert_non_null(code_label(&codes_what, bytes_str(reg->name)));
    }
}

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

static void urgency_is_listed_most_urgent_first(void **state)
{
    (void)state;
    static const char *const order[] = {"1", "4", "2", "3"};
    assert_int_equal(codes_urgency.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(codes_urgency.codes[i].code, order[i]);
    assert_int_equal(code_rank(&codes_urgency, bytes_str("")), 4); /* not said: after all others */
}

/* Screens do not use the words that the teams have left behind. */
static void labels_use_the_teams_words(void **state)
{
    (void)state;
    static const char *const not_ours[] = {"referr", "patient", "client", "discharge", "DNA", "disengaged", "risk",
                                           "signpost", "case "};
    for (size_t w = 0; w < sizeof not_ours / sizeof not_ours[0]; w++) {
        for (size_t i = 0; i < catalogue_count(); i++) {
            const struct type_def *type = catalogue_at(i);
            assert_null(strstr(type->label, not_ours[w]));
            assert_null(strstr(type->help, not_ours[w]));
            for (size_t f = 0; f < type->field_count; f++)
                assert_null(strstr(type->fields[f].label, not_ours[w]));
        }
        for (size_t i = 0; i < code_list_count(); i++)
            for (size_t c = 0; c < code_list_at(i)->count; c++)
                assert_null(strstr(code_list_at(i)->codes[c].label, not_ours[w]));
    }
}

static void rules_have_their_letter_and_their_words(void **state)
{
    (void)state;
    const char *letters = "KULPH";
    for (enum merge_rule rule = MERGE_KEEP; rule <= MERGE_SETTLE; rule++) {
        assert_int_equal(merge_rule_letter(rule)[0], letters[rule]);
        assert_true(*merge_rule_words(rule));
    }
    assert_int_equal(catalogue_fingerprint(), catalogue_fingerprint());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_types_of_the_first_road_are_there),
        cmocka_unit_test(every_row_of_types_and_fields_is_whole),
        cmocka_unit_test(every_effect_writes_what_its_register_holds),
        cmocka_unit_test(every_register_has_its_rule_and_can_be_found),
        cmocka_unit_test(every_code_list_is_whole),
        cmocka_unit_test(urgency_is_listed_most_urgent_first),
        cmocka_unit_test(labels_use_the_teams_words),
        cmocka_unit_test(rules_have_their_letter_and_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
