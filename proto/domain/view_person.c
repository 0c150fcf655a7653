/* SPDX-License-Identifier: Apache-2.0 */
/* Where a person stands with the team, and the answers that are not rows. */
#include "proto/domain/view_person.h"

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

/* The person went to another team, as this document has it. */
static bool has_moved(const struct document *document)
{
    struct bytes home = reading_text(record_reading(document, REG_home));
    return home.len > 0 && site_tag(home) != document_site(document);
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

static void take_item(struct person_state *state, const struct document *document, const struct item *item,
                      const struct reading *support, const struct item **begun)
{
    switch (item->type->id) {
    case TYPE_person_introduced:
        earlier(begun, item);
        if (state->standing == STANDING_ACTIVE || !still_waits(item, support))
            break;
        state->standing = STANDING_WAITING;
        take_introduction(state, item);
        break;
    case TYPE_support_started: earlier(begun, item); break;
    case TYPE_contact_recorded: take_contact(state, document, item, support); break;
    default: break;
    }
}

/* The first acknowledgement that the waiting introduction did not already know of. */
static void find_acknowledged(struct person_state *state, const struct document *document)
{
    for (size_t i = 0; state->standing == STANDING_WAITING && i < record_count(document); i++) {
        const struct item *item = record_at(document, i);
        if (item->type && item->type->id == TYPE_introduction_acknowledged && item_counts(document, item) &&
            !stamp_has_seen(&state->introduced->stamp, &item->stamp))
            earlier(&state->acknowledged, item);
    }
}

bool person_state_of(const struct document *document, struct person_state *out)
{
    size_t count;
    bool ok;
    const struct item *begun = NULL;
    const struct reading *readings = record_readings(document, &count, &ok);
    *out = (struct person_state){.standing = STANDING_NOBODY};
    if (!ok)
        return false;
    for (size_t i = 0; i < count; i++)
        out->to_settle += readings[i].to_settle;
    const struct reading *support = record_reading(document, REG_support);
    out->moved = has_moved(document);
    if (support)
        out->standing = bytes_is(value_text(support->writes[0].value), "active") ? STANDING_ACTIVE : STANDING_ENDED;
    for (size_t i = 0; i < record_count(document); i++)
        if (item_counts(document, record_at(document, i)))
            take_item(out, document, record_at(document, i), support, &begun);
    find_acknowledged(out, document);
    if (!out->introduced)
        out->introduced = begun;
    out->unseen_since = begun ? item_sort_ms(begun) : 0;
    if (out->met)
        out->unseen_since = out->last_contact > 0 ? (uint64_t)out->last_contact : 0;
    return true;
}

/* ---- answers that are not rows ---- */

bool document_understood(const struct document *document)
{
    size_t count;
    bool ok;
    record_readings(document, &count, &ok);
    return ok;
}

bool document_names(const struct document *document, name_visit visit, void *context)
{
    if (!document_understood(document))
        return false;
    const struct reading *known_as = record_reading(document, REG_known_as);
    for (size_t i = 0; known_as && i < known_as->values; i++) {
        struct bytes name = value_text(known_as->writes[i].value);
        if (name.len > 0)
            visit(context, name);
    }
    return true;
}

uint32_t document_to_settle(const struct document *document)
{
    struct person_state state;
    return person_state_of(document, &state) ? state.to_settle : 0;
}

uint32_t document_not_recognised(const struct document *document)
{
    uint32_t count = 0;
    for (size_t i = 0; i < record_count(document); i++)
        count += record_at(document, i)->unrecognised;
    return count;
}

bool document_current_episode(const struct document *document, struct bytes *episode)
{
    const struct reading *support = record_reading(document, REG_support);
    const struct write *opened = NULL;
    *episode = (struct bytes){0};
    for (size_t i = 0; support && i < support->count; i++) {
        const struct write *write = &support->writes[i];
        if (!write->witness && bytes_is(value_text(write->value), "active") &&
            (!opened || stamp_compare(write->stamp, opened->stamp) < 0))
            opened = write;
    }
    if (opened)
        *episode = record_episode(document, opened->stamp);
    return opened != NULL;
}

static uint32_t put_pair(struct buffer *out, const struct document *document, const char *name, enum register_id id)
{
    const struct reading *reading = record_reading(document, id);
    if (!reading)
        return 0;
    mp_put_text(out, name);
    put_register(out, reading);
    return 1;
}

uint32_t document_summary(const struct document *document, struct buffer *out)
{
    static const char *const standings[] = {
        [STANDING_WAITING] = "waiting", [STANDING_ACTIVE] = "active", [STANDING_ENDED] = "ended"};
    static const struct { const char *name; enum register_id id; } shown[] = {
        {"known_as", REG_known_as}, {"pronouns", REG_pronouns}, {"contact", REG_contact},
        {"date_of_birth", REG_date_of_birth}, {"nhs_number", REG_nhs_number}, {"key_workers", REG_keyworker}};
    struct person_state state;
    uint32_t pairs = 4;
    if (!person_state_of(document, &state))
        out->failed = true; /* and nothing more is written */
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        pairs += put_pair(out, document, shown[i].name, shown[i].id);
    mp_put_text(out, "team");
    put_members(out, document, REG_team);
    mp_put_text(out, "support");
    if (state.standing == STANDING_NOBODY)
        mp_put_nil(out);
    else
        mp_put_text(out, standings[state.standing]);
    mp_put_text(out, "to_settle");
    mp_put_uint(out, state.to_settle);
    mp_put_text(out, "not_recognised");
    mp_put_uint(out, document_not_recognised(document));
    return pairs;
}
