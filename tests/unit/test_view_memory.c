/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out while rows are finished, identities are kept and duplicates are looked for: it is said, or nothing is
 * otherwise, and nothing is left behind. */
#include "tests/unit/given_history.h"
#include "tests/unit/given_memory.h"

#include "proto/domain/duplicates.h"
#include "proto/domain/view_clash.h"
#include "proto/domain/view_finish.h"

static struct team *people[4];
static struct buffer identities[4], rows[2];
static struct document *document;
static struct mp_reader reader;

static void given_people(void)
{
    document = fold_all(people[0]);
}

static void end(void)
{
    document_free(document);
}

static bool identity(struct buffer *out)
{
    return document_identity(document, out) && !out->failed;
}

static void hear(void *context, size_t first, size_t second, const char *why)
{
    mp_put_uint(context, first);
    mp_put_uint(context, second);
    mp_put_text(context, why);
}

static bool duplicates(struct buffer *out)
{
    struct duplicate_person list[4];
    for (uint8_t i = 0; i < 4; i++)
        list[i] = (struct duplicate_person){{{i}}, buffer_bytes(&identities[i])};
    return duplicates_find(list, 4, hear, out) && !out->failed;
}

static bool finish(struct buffer *out)
{
    const struct view_moment moment = {NOON, 0};
    for (size_t i = 0; i < 2; i++)
        if (view_finish(view_of(VIEW_MY_DAY), buffer_bytes(&rows[i]), &moment, out) == FINISH_FAILED)
            return false;
    return !out->failed;
}

static bool clash(struct buffer *out)
{
    struct promise promises[2];
    for (size_t i = 0; i < 2; i++)
        assert_true(promise_read(buffer_bytes(&rows[i]), &reader, &promises[i]));
    for (size_t i = 0; i < 2; i++)
        if (!view_clash(promises, 2, i, &reader, out))
            return false;
    return true;
}

static bool keep_row(void *context, const struct view_row *row)
{
    if (row->view == VIEW_MY_DAY)
        buffer_append(context, row->cells.data, row->cells.len);
    return true;
}

static void memory_that_runs_out_is_said(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"an identity", given_people, identity, end},
        {"likely duplicates", NULL, duplicates, NULL},
        {"rows are finished", NULL, finish, NULL},
        {"two at one time", NULL, clash, NULL},
    };
    for (uint8_t i = 0; i < 4; i++) {
        static const char *const names[] = {"Jo", "Joanne", "Joan", "Max"};
        people[i] = team_new();
        write_(people[i], 1, "person.introduced", "known_as", "Somebody");
        write_(people[i], 1, "person.details.recorded", "known_as", names[i], "date_of_birth", "1990-04-01", "contact",
               "07700 900123", "nhs_number", "9434765919");
        write_(people[i], 1, "person.linked", "other", "09000000000000000000000000000000");
        write_(people[i], 1, "contact.planned", "when", "1795266000000", "with", "amy");
        struct document *made = fold_all(people[i]);
        assert_true(document_identity(made, &identities[i]));
        if (i < 2)
            assert_true(view_rows(made, &(struct person_id){{i + 1}}, keep_row, &rows[i]));
        document_free(made);
    }
    for (size_t i = 0; ALLOCATIONS_CAN_FAIL && i < sizeof stories / sizeof stories[0]; i++)
        memory_runs_out_anywhere(&stories[i]);
    memory_runs_out(0, true);
    bool similar = names_similar(bytes_str("Jo"), bytes_str("Joanne")); /* cannot be said: not taken for the same */
    memory_is_back();
    assert_true(similar == !ALLOCATIONS_CAN_FAIL);
    for (size_t i = 0; i < 4; i++) {
        team_free(people[i]);
        buffer_release(&identities[i]);
    }
    for (size_t i = 0; i < 2; i++)
        buffer_release(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_runs_out_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
