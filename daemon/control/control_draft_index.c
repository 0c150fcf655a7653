/* SPDX-License-Identifier: Apache-2.0 */
/* The drafts of one request by person and by origin, so that each finds those before it that are about the same without
 * looking at all of them. Two tables of the latest draft each; a draft names the one before it. */
#include "daemon/control/control_draft.h"

_Static_assert(sizeof(struct person_id) == sizeof(struct origin_id), "one way to look both up");

/* Ids are random, or hashes. */
static size_t slot_of(const struct record_drafts *drafts, const uint8_t id[16])
{
    uint64_t begin;
    memcpy(&begin, id, sizeof begin);
    return (size_t)begin & (drafts->slots - 1);
}

bool drafts_index(struct record_drafts *drafts)
{
    size_t slots = 16;
    if (drafts->by_person != NULL)
        return true;
    while (slots < 2 * drafts->count)
        slots *= 2;
    drafts->by_person = arena_take(drafts->arena, slots * sizeof *drafts->by_person);
    drafts->by_origin = arena_take(drafts->arena, slots * sizeof *drafts->by_origin);
    if (drafts->by_person == NULL || drafts->by_origin == NULL) {
        drafts->by_person = NULL;
        return false;
    }
    memset(drafts->by_person, 0, slots * sizeof *drafts->by_person);
    memset(drafts->by_origin, 0, slots * sizeof *drafts->by_origin);
    drafts->slots = slots;
    return true;
}

void drafts_forget(struct record_drafts *drafts)
{
    if (drafts->by_person == NULL)
        return;
    memset(drafts->by_person, 0, drafts->slots * sizeof *drafts->by_person);
    memset(drafts->by_origin, 0, drafts->slots * sizeof *drafts->by_origin);
}

/* Where the latest draft of this person stands, or would stand: a number from 1, 0 for none. */
static uint32_t *person_slot(const struct record_drafts *drafts, const struct person_id *person)
{
    size_t at = slot_of(drafts, person->b);
    while (drafts->by_person[at] != 0 && !person_id_equal(&drafts->items[drafts->by_person[at] - 1].person, person))
        at = (at + 1) & (drafts->slots - 1);
    return &drafts->by_person[at];
}

static uint32_t *origin_slot(const struct record_drafts *drafts, const struct origin_id *origin)
{
    size_t at = slot_of(drafts, origin->b);
    while (drafts->by_origin[at] != 0 &&
           memcmp(&drafts->items[drafts->by_origin[at] - 1].origin, origin, sizeof *origin) != 0)
        at = (at + 1) & (drafts->slots - 1);
    return &drafts->by_origin[at];
}

static struct record_draft *draft_of(const struct record_drafts *drafts, uint32_t number)
{
    return number > 0 ? &drafts->items[number - 1] : NULL;
}

void drafts_note(struct record_drafts *drafts, size_t index)
{
    struct record_draft *draft = &drafts->items[index];
    const uint32_t number = (uint32_t)index + 1;
    if (!draft->has_person)
        draft->person = PERSON_ID_NONE;
    uint32_t *person = person_slot(drafts, &draft->person);
    draft->same[SAME_PERSON] = *person;
    draft->maker = draft->new_key != NULL ? number : *person > 0 ? drafts->items[*person - 1].maker : 0;
    *person = number;
    if (!draft->has_origin)
        return;
    uint32_t *origin = origin_slot(drafts, &draft->origin);
    draft->same[SAME_ORIGIN] = *origin;
    *origin = number;
}

struct record_draft *drafts_of_person(const struct record_drafts *drafts, const struct person_id *person)
{
    return draft_of(drafts, *person_slot(drafts, person));
}

struct record_draft *drafts_before(const struct record_drafts *drafts, const struct record_draft *draft)
{
    return draft_of(drafts, draft->same[SAME_PERSON]);
}

struct record_draft *drafts_maker(const struct record_drafts *drafts, const struct person_id *person)
{
    const struct record_draft *latest = drafts_of_person(drafts, person);
    return latest != NULL ? draft_of(drafts, latest->maker) : NULL;
}

/* The last of these up to `at`: those that were looked at ahead are noted before others that come before them. */
static struct record_draft *last_up_to(const struct record_drafts *drafts, uint32_t number, enum draft_same same,
                                       size_t at)
{
    uint32_t last = 0;
    for (; number > 0; number = drafts->items[number - 1].same[same])
        if (number <= at && number > last)
            last = number;
    return draft_of(drafts, last);
}

struct record_draft *drafts_of_person_at(const struct record_drafts *drafts, const struct person_id *person, size_t at)
{
    return last_up_to(drafts, *person_slot(drafts, person), SAME_PERSON, at);
}

struct record_draft *drafts_of_origin(const struct record_drafts *drafts, const struct origin_id *origin, size_t at)
{
    return last_up_to(drafts, *origin_slot(drafts, origin), SAME_ORIGIN, at);
}
