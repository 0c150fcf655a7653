/* SPDX-License-Identifier: Apache-2.0 */
/* Which teams a person is with: shared, moved, come back; and teams that do not know of each other. */
#include "tests/unit/given_history.h"

#include "proto/domain/sharing.h"

#define HOME "dale-east"
#define OTHER "dale-west"

static struct happened *at_home(struct happened *happened)
{
    happened->event.home = happened->event.log = site_tag(bytes_str(HOME));
    return happened;
}

/* Written by the other team, and copied here: `n` is its place there, `saw` how far its writer had seen of ours. */
static struct happened *copied(struct team *team, struct happened *happened, uint64_t n, uint64_t saw)
{
    static struct site_mark marks[EVENTS_MAX];
    struct site_mark *mark = &marks[happened - team->events];
    *mark = (struct site_mark){site_tag(bytes_str(HOME)) | MARK_APART, 1, saw};
    happened->event.log = site_tag(bytes_str(HOME));
    happened->event.home = site_tag(bytes_str(OTHER));
    happened->event.home_at = (struct position){1, n};
    happened->event.seen.count = 0;
    happened->event.saw = (struct marks){mark, saw > 0};
    return happened;
}

static enum sharing_place place(const struct team *team, const char *site)
{
    const struct item *moved;
    struct document *document = fold_all(team);
    enum sharing_place found = sharing_place(document, bytes_str(site), &moved);
    assert_int_equal(moved != NULL, found == SHARING_LEFT);
    document_free(document);
    return found;
}

static bool count_site(void *context, struct bytes to)
{
    unsigned *counts = context;
    counts[bytes_is(to, OTHER)]++;
    return true;
}

static void a_person_is_shared_with_whom_a_sharing_names(void **state)
{
    (void)state;
    struct team *team = team_new();
    char id[65];
    unsigned counts[2] = {0};
    at_home(write_(team, 1, "person.introduced", "known_as", "Jo"));
    at_home(write_(team, 1, "person.shared", "to", OTHER));
    struct happened *wrong = at_home(write_(team, 1, "person.shared", "to", "commons"));
    at_home(write_(team, 1, "entry.struck", "of", id_hex(wrong, id), "why", "mistaken"));
    struct document *document = fold_all(team);
    sharing_sites(document, count_site, counts);
    assert_true(counts[0] == 0 && counts[1] == 1);
    document_free(document);
    assert_int_equal(place(team, HOME), SHARING_STAYS); /* both work with them */
    assert_int_equal(place(team, OTHER), SHARING_STAYS);
    team_free(team);
}

static void who_moves_has_left(void **state)
{
    (void)state;
    struct team *team = team_new();
    char id[65];
    struct happened *moves = at_home(write_(team, 1, "person.shared", "to", OTHER, "moves", "yes"));
    assert_int_equal(place(team, HOME), SHARING_LEFT);
    assert_int_equal(place(team, OTHER), SHARING_STAYS);
    at_home(write_(team, 1, "entry.struck", "of", id_hex(moves, id), "why", "they stay"));
    assert_int_equal(place(team, HOME), SHARING_STAYS);
    team_free(team);
}

static void who_is_shared_back_has_come_back(void **state)
{
    (void)state;
    struct team *team = team_new();
    at_home(write_(team, 1, "person.shared", "to", OTHER, "moves", "yes"));
    push(team, 1);
    copied(team, write_(team, 2, "person.shared", "to", HOME, "moves", "yes"), 7, 1);
    assert_int_equal(place(team, HOME), SHARING_BACK);
    assert_int_equal(place(team, OTHER), SHARING_LEFT);
    push(team, 2);
    pull(team, 1);
    at_home(write_(team, 1, "person.shared", "to", OTHER, "moves", "yes")); /* and away again */
    assert_int_equal(place(team, HOME), SHARING_LEFT);
    team_free(team);
}

/* The other team shared them with ours before it heard that they move there: nobody lets go of them. */
static void teams_that_do_not_know_of_each_other_keep_the_person(void **state)
{
    (void)state;
    struct team *team = team_new();
    at_home(write_(team, 1, "person.shared", "to", OTHER, "moves", "yes"));
    push(team, 1);
    copied(team, write_(team, 2, "person.shared", "to", HOME), 7, 0);
    assert_int_equal(place(team, HOME), SHARING_BACK);
    team_free(team);
}

static void a_sharing_that_the_mover_knew_of_does_not_hold_them(void **state)
{
    (void)state;
    struct team *team = team_new();
    copied(team, write_(team, 2, "person.shared", "to", HOME), 7, 0);
    push(team, 2);
    pull(team, 1);
    at_home(write_(team, 1, "person.shared", "to", OTHER, "moves", "yes"));
    assert_int_equal(place(team, HOME), SHARING_LEFT);
    team_free(team);
}

/* A laptop of theirs that kept the key can still write what it likes into its own team's log. */
static void a_team_that_was_left_cannot_bring_them_back_to_itself(void **state)
{
    (void)state;
    struct team *team = team_new();
    at_home(write_(team, 1, "person.shared", "to", OTHER, "moves", "yes"));
    at_home(write_(team, 1, "person.shared", "to", HOME));
    assert_int_equal(place(team, HOME), SHARING_LEFT);
    push(team, 1);
    pull(team, 2);
    at_home(write_(team, 2, "person.shared", "to", HOME)); /* without knowing of each other, too */
    assert_int_equal(place(team, HOME), SHARING_LEFT);
    copied(team, write_(team, 3, "person.shared", "to", HOME), 7, 1); /* but those whom they are with can */
    assert_int_equal(place(team, HOME), SHARING_BACK);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_is_shared_with_whom_a_sharing_names),
        cmocka_unit_test(who_moves_has_left),
        cmocka_unit_test(who_is_shared_back_has_come_back),
        cmocka_unit_test(teams_that_do_not_know_of_each_other_keep_the_person),
        cmocka_unit_test(a_sharing_that_the_mover_knew_of_does_not_hold_them),
        cmocka_unit_test(a_team_that_was_left_cannot_bring_them_back_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
