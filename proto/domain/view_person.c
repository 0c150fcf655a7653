/* SPDX-License-Identifier: Apache-2.0 */
/* Where a person stands with the team. */
#include "proto/domain/sharing.h"
#include "proto/domain/view_derived.h"

/* ---- where a person stands ---- */

bool item_is_meeting(const struct document *document, const struct item *item)
{
    if (!item->type || item->type->id != TYPE_contact_recorded)
        return false;
    struct bytes attendance = item_corrected(document, item, "attendance");
    return attendance.len == 0 || bytes_is(attendance, "5") || bytes_is(attendance, "6");
}

/* An introduction waits unless an end of support that stands has seen it. */
static bool still_waits(const struct item *introduction, const struct reading *support)
{
    for (size_t i = 0; support && i < support->count; i++)
        if (stamp_has_seen(support->writes[i].stamp, &introduction->stamp))
            return false;
    return true;
}

bool person_has_moved(const struct document *document)
{
    const struct item *moved;
    return sharing_place_of(document, document_site(document), &moved) == SHARING_LEFT;
}

static void earlier(const struct item **first, const struct item *item)
{
    if (!*first || item_ms(item) < item_ms(*first))
        *first = item;
}

static void take_introduction(struct person_state *state, const struct item *item)
{
    struct bytes urgency = item_text(item, "urgency"), source = item_text(item, "source"),
                 own_words = item_text(item, "own_words");
    bool first = !state->introduced || item_ms(item) < item_ms(state->introduced);
    if (source.len > 0 && (first || state->source.len == 0))
        state->source = source;
    if (own_words.len > 0 && (first || state->own_words.len == 0))
        state->own_words = own_words;
    if (urgency.len > 0) {
        size_t rank = code_rank(&codes_urgency, urgency), before = code_rank(&codes_urgency, state->urgency);
        bool more = state->urgency.len == 0 || rank < before;
        if (more || (rank == before && item_ms(item) < state->urgent_since))
            state->urgent_since = item_ms(item);
        if (more)
            state->urgency = urgency;
    }
    earlier(&state->introduced, item);
}

static void take_contact(struct person_state *state, const struct document *document, const struct item *item,
                         const struct reading *support)
{
    int64_t when = item_corrected_ms(document, item);
    if (!item_is_meeting(document, item))
        return;
    if (!state->met || when > state->last_contact)
        state->last_contact = when;
    state->met = true;
    if (still_waits(item, support) && (!state->answered || when < state->answered_at)) {
        state->answered = true;
        state->answered_at = when;
    }
}

/* Introductions and contacts; NULL or what began first. */
static const struct item *take_items(struct person_state *state, const struct document *document,
                                     const struct reading *support)
{
    const struct item *begun = NULL;
    const struct items introductions = record_of(document, TYPE_person_introduced);
    const struct items starts = record_of(document, TYPE_support_started);
    const struct items contacts = record_of(document, TYPE_contact_recorded);
    for (size_t i = 0; i < introductions.count; i++) {
        earlier(&begun, introductions.at[i]);
        if (state->standing == STANDING_ACTIVE || !still_waits(introductions.at[i], support))
            continue;
        state->standing = STANDING_WAITING;
        take_introduction(state, introductions.at[i]);
    }
    for (size_t i = 0; i < starts.count; i++)
        earlier(&begun, starts.at[i]);
    for (size_t i = 0; i < contacts.count; i++)
        take_contact(state, document, contacts.at[i], support);
    return begun;
}

/* Support rests, by what was written last of it. */
static void find_pause(struct person_state *state, const struct document *document)
{
    const struct reading *pause = record_reading(document, REG_pause);
    if (!reading_is_first(pause))
        return;
    state->paused = true;
    const struct item *item = write_item(&pause->writes[0]);
    if (item->type->id == TYPE_support_paused)
        state->paused_until = item_text(item, "until");
}

/* The first acknowledgement that the waiting introduction did not already know of. */
static void find_acknowledged(struct person_state *state, const struct document *document)
{
    const struct items told = record_of(document, TYPE_introduction_acknowledged);
    for (size_t i = 0; state->standing == STANDING_WAITING && i < told.count; i++)
        if (!stamp_has_seen(&state->introduced->stamp, &told.at[i]->stamp))
            earlier(&state->acknowledged, told.at[i]);
}

static bool count_derived(void *context, const struct derived *derived)
{
    (void)derived;
    ++*(uint32_t *)context;
    return true;
}

bool person_state_of(const struct document *document, struct person_state *out)
{
    size_t count;
    bool ok;
    const struct reading *readings = record_readings(document, &count, &ok);
    *out = (struct person_state){.standing = STANDING_NOBODY};
    if (!ok)
        return false;
    const struct reading *support = record_reading(document, REG_support);
    out->moved = person_has_moved(document);
    for (size_t i = 0; i < count && !out->moved; i++)
        out->to_settle += readings[i].to_settle;
    if (support)
        out->standing = bytes_is(value_text(support->writes[0].value), "active") ? STANDING_ACTIVE : STANDING_ENDED;
    const struct item *begun = take_items(out, document, support);
    find_acknowledged(out, document);
    find_pause(out, document);
    if (!out->introduced)
        out->introduced = begun;
    out->unseen_since = begun ? item_sort_ms(begun) : 0;
    if (out->met)
        out->unseen_since = out->last_contact > 0 ? (uint64_t)out->last_contact : 0;
    return out->moved || derived_each(document, count_derived, &out->to_settle);
}
