/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be one person: proposed with the reason, and not again once it was settled. */
#include "tests/unit/given_history.h"

#include "proto/domain/duplicates.h"

/* People as a daemon keeps them: each a document of its own. */
struct people {
    struct team *teams[8];
    struct duplicate_person list[8];
    struct buffer identities[8];
    size_t count;
    struct buffer found;
};

static struct team *add_person(struct people *people, uint8_t id)
{
    struct team *team = people->teams[people->count] = team_new();
    people->list[people->count++].id = (struct person_id){{id}};
    return team;
}

static void hear(void *context, size_t first, size_t second, const char *why)
{
    char line[100];
    struct people *people = context;
    snprintf(line, sizeof line, "%u and %u: %s\n", people->list[first].id.b[0], people->list[second].id.b[0], why);
    buffer_append(&people->found, line, strlen(line));
}

static const char *find(struct people *people)
{
    buffer_clear(&people->found);
    for (size_t i = 0; i < people->count; i++) {
        struct document *document = fold_all(people->teams[i]);
        buffer_clear(&people->identities[i]);
        assert_true(document_identity(document, &people->identities[i]));
        people->list[i].identity = buffer_bytes(&people->identities[i]);
        document_free(document);
    }
    assert_true(duplicates_find(people->list, people->count, hear, people));
    buffer_append(&people->found, "", 1);
    return (const char *)people->found.data;
}

static void leave(struct people *people)
{
    for (size_t i = 0; i < people->count; i++) {
        team_free(people->teams[i]);
        buffer_release(&people->identities[i]);
    }
    buffer_release(&people->found);
}

#define SAME_BIRTH_AND_NAME "1 and 2: same date of birth and similar name\n"

static void jo_and_joanne_of_one_birthday_may_be_one(void **state)
{
    (void)state;
    struct people people = {0};
    struct team *jo = add_person(&people, 2), *joanne = add_person(&people, 1), *john = add_person(&people, 3);
    write_(jo, 1, "person.introduced", "known_as", "Jo", "source", "Q1");
    write_(jo, 1, "person.details.recorded", "date_of_birth", "1990-04-01");
    write_(joanne, 1, "person.introduced", "known_as", "Joanne Reed", "source", "A1");
    assert_string_equal(find(&people), "");
    write_(joanne, 1, "person.details.recorded", "date_of_birth", "1990-04-01");
    write_(john, 1, "person.introduced", "known_as", "Peter", "source", "A1");
    write_(john, 1, "person.details.recorded", "date_of_birth", "1990-04-01");
    assert_string_equal(find(&people), SAME_BIRTH_AND_NAME);
    /* under another name since, she is still found by the one before */
    write_(jo, 1, "person.details.recorded", "known_as", "Bee");
    assert_string_equal(find(&people), SAME_BIRTH_AND_NAME);
    leave(&people);
}

static void one_nhs_number_is_enough_whatever_the_names(void **state)
{
    (void)state;
    struct people people = {0};
    write_(add_person(&people, 1), 1, "person.details.recorded", "known_as", "Jo", "nhs_number", "943 476 5919");
    write_(add_person(&people, 2), 1, "person.details.recorded", "known_as", "Kit", "nhs_number", "9434765919");
    assert_string_equal(find(&people), "1 and 2: same NHS number\n");
    leave(&people);
}

static void a_number_is_the_same_however_it_is_written(void **state)
{
    (void)state;
    struct people people = {0};
    write_(add_person(&people, 1), 1, "person.details.recorded", "known_as", "Zoë", "contact", "+44 7700 900123");
    write_(add_person(&people, 2), 1, "person.details.recorded", "known_as", "ZOE", "contact",
           "07700 900 123 (evenings)");
    write_(add_person(&people, 3), 1, "person.details.recorded", "known_as", "Max", "contact", "07700900123");
    assert_string_equal(find(&people), "1 and 2: same way to get in touch and similar name\n");
    leave(&people);
}

static void who_was_linked_or_told_apart_is_not_proposed_again(void **state)
{
    (void)state;
    struct people people = {0};
    struct team *one = add_person(&people, 1), *two = add_person(&people, 2);
    write_(one, 1, "person.details.recorded", "known_as", "Jo", "date_of_birth", "1990-04-01");
    write_(two, 1, "person.details.recorded", "known_as", "Joe", "date_of_birth", "1990-04-01");
    assert_string_equal(find(&people), SAME_BIRTH_AND_NAME);
    struct happened *link = write_(one, 1, "person.linked", "other", "02000000000000000000000000000000", "why", "told");
    assert_string_equal(find(&people), "");
    char id[65];
    write_(one, 1, "entry.struck", "of", id_hex(link, id), "why", "not yet certain");
    assert_string_equal(find(&people), SAME_BIRTH_AND_NAME);
    write_(two, 1, "person.unlinked", "other", "01000000000000000000000000000000", "why", "twins");
    assert_string_equal(find(&people), "");
    leave(&people);
}

static void two_who_are_each_linked_with_a_third_are_linked(void **state)
{
    (void)state;
    struct people people = {0};
    for (uint8_t i = 1; i <= 3; i++)
        write_(add_person(&people, i), 1, "person.details.recorded", "known_as", "Jo", "date_of_birth", "1990-04-01");
    write_(people.teams[0], 1, "person.linked", "other", "03000000000000000000000000000000");
    write_(people.teams[2], 1, "person.linked", "other", "02000000000000000000000000000000");
    assert_string_equal(find(&people), "");
    leave(&people);
}

static void a_person_of_two_teams_is_no_duplicate(void **state)
{
    (void)state;
    struct people people = {0};
    for (uint8_t i = 0; i < 2; i++)
        write_(add_person(&people, 1), 1, "person.details.recorded", "known_as", "Jo", "date_of_birth", "1990-04-01");
    assert_string_equal(find(&people), "");
    write_(add_person(&people, 2), 1, "person.details.recorded", "known_as", "Jo", "date_of_birth", "1990-04-01");
    assert_string_equal(find(&people), SAME_BIRTH_AND_NAME);
    leave(&people);
}

static void who_moved_away_is_for_the_other_team_to_settle(void **state)
{
    (void)state;
    struct people people = {0};
    for (uint8_t i = 1; i <= 2; i++)
        write_(add_person(&people, i), 1, "person.details.recorded", "known_as", "Jo", "date_of_birth", "1990-04-01");
    write_(people.teams[1], 1, "person.shared", "to", "dales", "moves", "yes");
    assert_string_equal(find(&people), "");
    leave(&people);
}

static void names_are_alike_as_people_write_them(void **state)
{
    (void)state;
    static const struct { const char *a, *b; bool similar; } pairs[] = {
        {"Jo", "Joanne", true},           {"Jo", "Ann", false},          {"Zoë Brontë", "zoe bronte", true},
        {"Mohammed", "Muhammad", true},   {"Sara", "Sarah", true},       {"Ali", "Alan", false},
        {"Jo Reed", "Jo Carter", false},  {"Reed, Jo", "Jo Reed", true}, {"Anne-Marie", "Anne", true},
        {"", "Jo", false},                {"Li", "Lu", false},           {"Katarzyna", "Catarzina", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(names_similar(bytes_str(pairs[i].a), bytes_str(pairs[i].b)), pairs[i].similar);
        assert_int_equal(names_similar(bytes_str(pairs[i].b), bytes_str(pairs[i].a)), pairs[i].similar);
    }
}

static void what_is_no_identity_is_nobody(void **state)
{
    (void)state;
    struct people people = {0};
    struct person_identity identity;
    struct mp_reader r;
    const uint8_t bad[] = {0xa2, 'J', 'o', 0x96, 0x90, 0x90, 0x90, 0x90, 0x90};
    assert_false(person_identity_read(bytes_of(bad, sizeof bad), &r, &identity));
    assert_false(person_identity_read((struct bytes){0}, &r, &identity));
    people.count = 2;
    people.list[0] = (struct duplicate_person){{{1}}, bytes_of(bad, sizeof bad)};
    people.list[1] = (struct duplicate_person){{{2}}, bytes_of(bad, sizeof bad)};
    assert_true(duplicates_find(people.list, 2, hear, &people));
    assert_int_equal(people.found.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jo_and_joanne_of_one_birthday_may_be_one),
        cmocka_unit_test(one_nhs_number_is_enough_whatever_the_names),
        cmocka_unit_test(a_number_is_the_same_however_it_is_written),
        cmocka_unit_test(who_was_linked_or_told_apart_is_not_proposed_again),
        cmocka_unit_test(two_who_are_each_linked_with_a_third_are_linked),
        cmocka_unit_test(a_person_of_two_teams_is_no_duplicate),
        cmocka_unit_test(who_moved_away_is_for_the_other_team_to_settle),
        cmocka_unit_test(names_are_alike_as_people_write_them),
        cmocka_unit_test(what_is_no_identity_is_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
