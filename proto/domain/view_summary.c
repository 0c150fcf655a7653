/* SPDX-License-Identifier: Apache-2.0 */
/* Who a person is at a glance: what `show` says above the story. */
#include "proto/domain/view_derived.h"

/* How many are told: a summary is one page. */
#define INTRODUCTIONS_MAX 8

/* ---- this time, and the time before ---- */

/* Of the time that goes on (or waits, or went on last): no farewell that is over, because the person came back since
 * or (`ended`) because it holds, knew of it. */
static bool is_of_this_time(const struct document *document, const struct item *item, bool ended)
{
    const struct items farewells = record_of(document, TYPE_support_ended);
    for (size_t i = 0; i < farewells.count; i++) {
        const struct stamp *farewell = &farewells.at[i]->stamp;
        if ((ended || stamp_is_from_before(document, farewell)) && stamp_has_seen(farewell, &item->stamp))
            return false;
    }
    return true;
}

/* ---- introductions ---- */

static uint32_t put_introductions_of(const struct document *document, enum type_id type, bool ended,
                                     struct buffer *out)
{
    const struct items items = record_of(document, type);
    uint32_t count = 0;
    for (size_t i = 0; i < items.count && count < INTRODUCTIONS_MAX; i++) {
        const struct item *item = items.at[i];
        if (!is_of_this_time(document, item, ended))
            continue;
        mp_put_map(out, 4);
        mp_put_text(out, "source");
        mp_put_str_or_nil(out, item_text(item, "source"));
        mp_put_text(out, "when");
        mp_put_int(out, item_ms(item));
        mp_put_text(out, "who");
        mp_put_str(out, item->worker);
        mp_put_text(out, "own_words");
        mp_put_str_or_nil(out, item_text(item, "own_words"));
        count++;
    }
    return count;
}

/* Introductions and returns of this time. */
static void put_introductions(const struct document *document, bool ended, struct buffer *out, uint32_t *pairs)
{
    struct buffer maps = {0};
    uint32_t count = put_introductions_of(document, TYPE_person_introduced, ended, &maps);
    count += put_introductions_of(document, TYPE_support_returned, ended, &maps);
    if (count > 0) {
        mp_put_text(out, "introductions");
        mp_put_array(out, count);
        buffer_append(out, maps.data, maps.len);
        ++*pairs;
    }
    out->failed = out->failed || maps.failed;
    buffer_release(&maps);
}

/* ---- single facts ---- */

static void put_fact(struct buffer *out, const char *name, struct bytes text, uint32_t *pairs)
{
    if (text.len == 0)
        return;
    mp_put_text(out, name);
    mp_put_str(out, text);
    ++*pairs;
}

/* Until when the record is kept, and how the person can come back; gone when support goes on again. */
static void put_farewell(const struct document *document, struct buffer *out, uint32_t *pairs)
{
    char until[MOMENT_WORDS_MAX];
    const struct item *farewell = farewell_of(document, until);
    if (!farewell)
        return;
    put_fact(out, "retain_until", bytes_str(until), pairs);
    put_fact(out, "way_back", item_text(farewell, "way_back"), pairs);
}

static void put_standing(const struct document *document, const struct person_state *state, struct buffer *out,
                         uint32_t *pairs)
{
    static const char *const standings[] = {
        [STANDING_WAITING] = "waiting", [STANDING_ACTIVE] = "active", [STANDING_ENDED] = "ended"};
    struct bytes episode;
    mp_put_text(out, "support");
    if (state->standing == STANDING_NOBODY)
        mp_put_nil(out);
    else
        mp_put_text(out, standings[state->standing]);
    ++*pairs;
    if (document_current_episode(document, &episode))
        put_fact(out, "episode", episode, pairs);
    if (state->standing == STANDING_ENDED)
        put_farewell(document, out, pairs);
    if (state->paused && state->standing == STANDING_ACTIVE) {
        mp_put_text(out, "paused");
        mp_put_bool(out, true);
        ++*pairs;
        put_fact(out, "paused_until", state->paused_until, pairs);
    }
    if (state->moved)
        put_fact(out, "moved_to", reading_text(record_reading(document, REG_home)), pairs);
}

static void put_pair(struct buffer *out, const struct document *document, const char *name, enum register_id id,
                     uint32_t *pairs)
{
    const struct reading *reading = record_reading(document, id);
    if (!reading)
        return;
    mp_put_text(out, name);
    put_register(out, reading);
    ++*pairs;
}

static void put_sets(const struct document *document, struct buffer *out, uint32_t *pairs)
{
    struct buffer shared = {0};
    mp_put_text(out, "team");
    put_members(out, document, REG_team);
    ++*pairs;
    put_members(&shared, document, REG_shared);
    if (shared.len > 1) {
        mp_put_text(out, "shared_with");
        buffer_append(out, shared.data, shared.len);
        ++*pairs;
    }
    out->failed = out->failed || shared.failed;
    buffer_release(&shared);
}

uint32_t document_summary(const struct document *document, struct buffer *out)
{
    static const struct { const char *name; enum register_id id; } shown[] = {
        {"known_as", REG_known_as}, {"pronouns", REG_pronouns}, {"contact", REG_contact},
        {"date_of_birth", REG_date_of_birth}, {"nhs_number", REG_nhs_number}, {"key_workers", REG_keyworker}};
    struct person_state state;
    uint32_t pairs = 0;
    if (!person_state_of(document, &state))
        out->failed = true; /* and nothing more is written */
    const bool ended = record_reading(document, REG_support) && state.standing != STANDING_ACTIVE;
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        put_pair(out, document, shown[i].name, shown[i].id, &pairs);
    put_sets(document, out, &pairs);
    put_standing(document, &state, out, &pairs);
    put_introductions(document, ended && state.standing == STANDING_WAITING, out, &pairs);
    mp_put_text(out, "to_settle");
    mp_put_uint(out, state.to_settle);
    mp_put_text(out, "not_recognised");
    mp_put_uint(out, document_not_recognised(document));
    return pairs + 2;
}
