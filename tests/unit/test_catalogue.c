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
            assert_int_equal(field_refers(field) != NULL, field->kind == KIND_EVENT && field->max > 0);
            assert_true(!field->self || field_refers(field) == type); /* it changes one of its own kind */
            if (reg) {
                assert_string_equal(field->reg, reg->name);
                assert_true(field->merge != MERGE_KEEP);
                assert_int_equal(field->kind, reg->kind);
                assert_true(field->kept && !field->list);
                assert_true(!field->codes || code_rank(reg->codes, bytes_str(field->codes->codes[0].code)) <
                                                 reg->codes->count);
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

/* Which rule the domain states for each type: the letters of its fields, and the rules of what it writes by itself. */
static const struct {
    const char *type, *fields, *effects;
} stated[] = {
    {"person.introduced", "known_as L, source K, own_words K, reason K, urgency K", ""},
    {"introduction.acknowledged", "to K, method K", ""},
    {"person.details.recorded", "known_as L, pronouns L, contact L, date_of_birth H, nhs_number H", ""},
    {"person.linked", "other H, why H", "linked H"},
    {"person.unlinked", "other H, why H", "linked H"},
    {"person.shared", "to U, moves U, why U", "shared U, home L"},
    {"support.started", "episode K, offer K", "support P, episode H, pause L"},
    {"support.paused", "why L, until L", "pause L"},
    {"support.ended", "episode P, reason P, agreed P, way_back P", "support P"},
    {"support.returned", "episode K, previous K, source K, own_words K", "support P, pause L"},
    {"conversation.recorded", "going_well K, challenges K, hopes K, people K, text K", ""},
    {"aboutme.changed", "section H, text H", ""},
    {"contact.planned", "when L, minutes L, place L, with L, what L, appointment L, cancelled L", "appointment L"},
    {"contact.recorded", "mechanism K, place K, attendance K, minutes K, purpose K, appointment K, text K",
     "support P, appointment_state L"},
    {"contact.corrected", "of H, field H, value H, why H", ""},
    {"note.added", "text K, huddle K, audience K", ""},
    {"team.joined", "worker U, role U, agency U", "team U"},
    {"team.left", "worker U, role U, agency U", "team U"},
    {"keyworker.agreed", "worker H, person_agrees H", ""},
    {"huddle.discussed", "present K, perspectives K, text K", ""},
    {"decision.made", "question H, chosen H, options H, perspectives H, by H, person_present H, own_words H, dissent H",
     ""},
    {"task.raised", "what K, due K, for K", "task_state P"},
    {"task.taken", "task U, worker U", "task_taken U"},
    {"task.closed", "task P, state P, outcome P", ""},
    {"goal.set", "own_words U, baseline U", "goal_status H"},
    {"goal.scored", "goal K, score K, by K", "support P"},
    {"goal.changed", "goal H, text H, status H", ""},
    {"plan.agreed", "aims H, steps H, support H, community H, setbacks H, review_by H, person_agrees H", ""},
    {"measure.completed", "dialog K, reqol K", ""},
    {"formulation.shared", "account K, with_person K", ""},
    {"concern.raised", "kind P, words P, protects P, urgency P", "concern P, support P"},
    {"concern.stooddown", "which P, why P, agreed_by P", "concern P"},
    {"safetyplan.agreed", "signs H, helps H, people H, services H, person_agrees H", ""},
    {"crisis.opened", "where P, urgency P, trigger P", "support P"},
    {"crisis.responded", "who K, how K, text K", "crisis P, support P"},
    {"safeguarding.sent", "kind K, wishes K, basis K, to K, audience K", ""},
    {"safeguarding.outcome", "of H, outcome H, audience H", ""},
    {"accessneed.recorded", "need U, detail U, status U", "access_need U"},
    {"sharing.preference", "agency P, category P, choice P, text P", ""},
    {"sharing.made", "what K, to K, basis K, override_reason K", ""},
    {"connection.updated", "resource K, status K, warm K, text K", ""},
    {"entry.struck", "of U, why U", ""},
    {"conflict.settled", "what H, which H, chosen H, with H, text H", ""},
    {"resource.recorded", "resource L, name L, area L, place L, schedule L, capacity L, contact L, status H, text L",
     ""},
    {"session.recorded", "session L, name L, place L, when L, minutes L, schedule L, workers L, status P",
     "session L, session_status P"},
    {"worker.out", "where L, back_by L, worker L", "outing L"},
    {"worker.safe", "outing L", "outing L"},
    {"worry.shared", "worker K, text K", ""},
    {"worry.held", "worry K, worker K", "worry_held U"},
    {"supervision.held", "kind K, date K, support K, audience K", ""},
    {"reflection.recorded", "learned K, themes K", ""},
    {"experience.shared", "by K, good K, better K, change K", ""},
    {"worker.joined", "worker L, name L, role L, agency L, device L, key L", "worker_state L"},
    {"worker.left", "worker L, why L", "worker_state L"},
};

static void the_rules_are_those_that_the_domain_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stated / sizeof stated[0]; i++) {
        const struct type_def *type = catalogue_find(bytes_str(stated[i].type));
        char fields[400] = "", effects[400] = "";
        assert_non_null(type);
        for (size_t f = 0, used = 0; f < type->field_count; f++)
            used += (size_t)snprintf(fields + used, sizeof fields - used, "%s%s %s", f ? ", " : "",
                                     type->fields[f].name, merge_rule_letter(type->fields[f].merge));
        assert_string_equal(fields, stated[i].fields);
        for (size_t e = 0, used = 0; e < type->effect_count; e++) {
            const struct register_def *reg = register_def_of(type->effects[e].reg);
            if (reg)
                used += (size_t)snprintf(effects + used, sizeof effects - used, "%s%s %s", used ? ", " : "", reg->name,
                                         merge_rule_letter(reg->merge));
        }
        assert_string_equal(effects, stated[i].effects);
    }
}

static void restricted_is_what_the_domain_restricts(void **state)
{
    (void)state;
    for (size_t i = 0; i < catalogue_count(); i++) {
        const struct type_def *type = catalogue_at(i);
        const struct field_def *audience = catalogue_field(type, bytes_str("audience"));
        enum event_audience expected = strcmp(type->name, "note.added") == 0         ? AUDIENCE_MAY
                                       : strcmp(type->name, "supervision.held") == 0 ? AUDIENCE_ALWAYS
                                       : strncmp(type->name, "safeguarding.", 13) == 0 ? AUDIENCE_KNOWN
                                                                                       : AUDIENCE_NONE;
        assert_int_equal(type->audience, expected);
        assert_int_equal(audience != NULL, expected != AUDIENCE_NONE);
        if (audience)
            assert_true(audience->kind == KIND_WORKER && audience->list);
    }
}

/* The site's own entries name no person: neither as whom they are about nor in a field. But for the one that says that
 * nothing else is left of them. */
static void what_is_about_the_site_names_no_person(void **state)
{
    (void)state;
    static const char *const of_site[] = {"worker.out", "worker.safe", "worry.shared", "worry.held",
                                          "supervision.held", "reflection.recorded"};
    for (size_t i = 0; i < sizeof of_site / sizeof of_site[0]; i++)
        assert_int_equal(catalogue_find(bytes_str(of_site[i]))->about, ABOUT_SITE);
    for (size_t i = 0; i < catalogue_count(); i++)
        for (size_t f = 0; f < catalogue_at(i)->field_count; f++)
            assert_true(catalogue_at(i)->about != ABOUT_SITE || catalogue_at(i)->fields[f].kind != KIND_PERSON ||
                        catalogue_at(i)->id == TYPE_person_erased);
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

/* Screens do not use the words that the teams have left behind. */
static void labels_use_the_teams_words(void **state)
{
    (void)state;
    static const char *const not_ours[] = {"referr", "patient", "client", "discharge", "DNA", "disengaged", "risk",
                                           "signpost", "case ", "conflict",
                                           "delete", "staff", "coordinator", "complian", "high risk"};
    for (size_t w = 0; w < sizeof not_ours / sizeof not_ours[0]; w++) {
        for (size_t i = 0; i < catalogue_count(); i++) {
            const struct type_def *type = catalogue_at(i);
            assert_null(strstr(type->label, not_ours[w]));
            assert_null(strstr(type->help, not_ours[w]));
            for (size_t f = 0; f < type->field_count; f++)
                assert_null(strstr(type->fields[f].label, not_ours[w]));
        }
        for (enum register_id id = REG_NONE + 1; id < REG_COUNT; id++)
            assert_null(strstr(register_def_of(id)->label, not_ours[w]));
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
        cmocka_unit_test(the_rules_are_those_that_the_domain_states),
        cmocka_unit_test(restricted_is_what_the_domain_restricts),
        cmocka_unit_test(what_is_about_the_site_names_no_person),
        cmocka_unit_test(every_register_has_its_rule_and_can_be_found),
        cmocka_unit_test(labels_use_the_teams_words),
        cmocka_unit_test(rules_have_their_letter_and_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
