/* SPDX-License-Identifier: Apache-2.0 */
/* Who a person is at a glance: what `show` says above the story. What was written before the person last came back is
 * marked, to be checked with them. */
#include "proto/domain/view_derived.h"

/* How many of each list are told: a summary is one page. */
#define SHOWN_MAX 32
#define INTRODUCTIONS_MAX 8

#define RETENTION_YEARS 20

/* ---- this time, and the time before ---- */

/* Did a return know of it? Then it is from before. */
static bool is_from_before(const struct document *document, const struct stamp *stamp)
{
    for (size_t i = 0; i < record_count(document); i++) {
        const struct item *item = record_at(document, i);
        if (item_is(document, item, TYPE_support_returned) && stamp_has_seen(&item->stamp, stamp))
            return true;
    }
    return false;
}

static bool reading_is_from_before(const struct document *document, const struct reading *reading)
{
    size_t before = 0;
    for (size_t i = 0; i < reading->values; i++)
        before += is_from_before(document, reading->writes[i].stamp);
    return reading->values > 0 && before == reading->values;
}

/* A farewell that is over: the person came back since, or has not. */
static bool is_past_farewell(const struct document *document, const struct item *item, bool ended)
{
    return item_is(document, item, TYPE_support_ended) && (ended || is_from_before(document, &item->stamp));
}

/* Of the time that goes on (or waits, or went on last): no farewell that is over knew of it. */
static bool is_of_this_time(const struct document *document, const struct item *item, bool ended)
{
    for (size_t i = 0; i < record_count(document); i++) {
        const struct item *farewell = record_at(document, i);
        if (is_past_farewell(document, farewell, ended) && stamp_has_seen(&farewell->stamp, &item->stamp))
            return false;
    }
    return true;
}

/* ---- lists: each an array of maps ---- */

struct list {
    struct buffer items;
    uint32_t count;
};

static void list_end(struct list *list, struct buffer *out, const char *name, uint32_t *pairs)
{
    if (list->count > 0) {
        mp_put_text(out, name);
        mp_put_array(out, list->count);
        buffer_append(out, list->items.data, list->items.len);
        ++*pairs;
    }
    out->failed = out->failed || list->items.failed;
    buffer_release(&list->items);
}

/* {what, values, before}: one register, with the words of its values. */
static void add_section(struct list *list, const struct document *document, struct bytes what,
                        const struct reading *reading)
{
    if (!reading || reading->values == 0 || list->count == SHOWN_MAX ||
        (reading->values == 1 && reading_text(reading).len == 0))
        return;
    mp_put_map(&list->items, 3);
    mp_put_text(&list->items, "what");
    mp_put_str(&list->items, what);
    mp_put_text(&list->items, "values");
    put_register(&list->items, reading);
    mp_put_text(&list->items, "before");
    mp_put_bool(&list->items, reading_is_from_before(document, reading));
    list->count++;
}

static void put_sections(const struct document *document, const char *name, const enum register_id *ids, size_t count,
                         struct buffer *out, uint32_t *pairs)
{
    struct list list = {0};
    for (size_t i = 0; i < count; i++) {
        const char *label = register_def_of(ids[i])->label, *colon = strstr(label, ": ");
        add_section(&list, document, bytes_str(colon ? colon + 2 : label), record_reading(document, ids[i]));
    }
    list_end(&list, out, name, pairs);
}

static void put_about_me(const struct document *document, struct buffer *out, uint32_t *pairs)
{
    struct list list = {0};
    for (size_t i = 0; i < codes_section.count; i++)
        add_section(&list, document, bytes_str(codes_section.codes[i].label),
                    record_reading_of(document, REG_aboutme, bytes_str(codes_section.codes[i].code)));
    list_end(&list, out, "about_me", pairs);
}

/* {values, status, before, entry}. */
static void put_goals(const struct document *document, struct buffer *out, uint32_t *pairs)
{
    struct list list = {0};
    size_t count;
    const struct reading *goals = readings_of(document, REG_goal_text, &count);
    for (size_t i = 0; i < count && list.count < SHOWN_MAX; i++) {
        const struct reading *status = record_reading_of(document, REG_goal_status, goals[i].each);
        if (goals[i].values == 0)
            continue;
        mp_put_map(&list.items, 4);
        mp_put_text(&list.items, "values");
        put_register(&list.items, &goals[i]);
        mp_put_text(&list.items, "status");
        put_register(&list.items, status);
        mp_put_text(&list.items, "before");
        mp_put_bool(&list.items, reading_is_from_before(document, &goals[i]));
        mp_put_text(&list.items, "entry");
        put_event_key(&list.items, goals[i].each);
        list.count++;
    }
    list_end(&list, out, "goals", pairs);
}

/* {what, values, before}, one a need. */
static void put_needs(const struct document *document, struct buffer *out, uint32_t *pairs)
{
    struct list list = {0};
    size_t count;
    const struct reading *needs = readings_of(document, REG_access_need, &count);
    for (size_t i = 0; i < count && list.count < SHOWN_MAX; i++) {
        const struct bytes each = needs[i].each;
        const uint8_t *at = each.len > 0 ? memchr(each.data, EACH_SEPARATOR, each.len) : NULL;
        if (!at || !reading_is_first(&needs[i]))
            continue;
        const struct bytes kind = bytes_of(each.data, (size_t)(at - each.data));
        const char *label = code_label(&codes_need, kind);
        mp_put_map(&list.items, 3);
        mp_put_text(&list.items, "what");
        mp_put_str(&list.items, label ? bytes_str(label) : kind);
        mp_put_text(&list.items, "values");
        mp_put_array(&list.items, 1);
        mp_put_str(&list.items, bytes_of(at + 1, each.len - kind.len - 1));
        mp_put_text(&list.items, "before");
        mp_put_bool(&list.items, reading_is_from_before(document, &needs[i]));
        list.count++;
    }
    list_end(&list, out, "access_needs", pairs);
}

/* {source, when, who, own_words}: introductions and returns of this time, the first first. */
static void put_introductions(const struct document *document, bool ended, struct buffer *out, uint32_t *pairs)
{
    struct list list = {0};
    for (size_t i = 0; i < record_count(document) && list.count < INTRODUCTIONS_MAX; i++) {
        const struct item *item = record_at(document, i);
        if ((!item_is(document, item, TYPE_person_introduced) && !item_is(document, item, TYPE_support_returned)) ||
            !is_of_this_time(document, item, ended))
            continue;
        mp_put_map(&list.items, 4);
        mp_put_text(&list.items, "source");
        put_text(&list.items, item_text(item, "source"));
        mp_put_text(&list.items, "when");
        mp_put_int(&list.items, item_ms(item));
        mp_put_text(&list.items, "who");
        mp_put_str(&list.items, item->worker);
        mp_put_text(&list.items, "own_words");
        put_text(&list.items, item_text(item, "own_words"));
        list.count++;
    }
    list_end(&list, out, "introductions", pairs);
}

static void put_linked(const struct document *document, struct buffer *out, uint32_t *pairs)
{
    struct list list = {0};
    size_t count;
    const struct reading *linked = readings_of(document, REG_linked, &count);
    for (size_t i = 0; i < count && list.count < SHOWN_MAX; i++) {
        struct person_id other;
        if (!reading_is_first(&linked[i]) || !hex_decode(linked[i].each, other.b, sizeof other.b))
            continue;
        mp_put_bin(&list.items, other.b, sizeof other.b);
        list.count++;
    }
    list_end(&list, out, "linked", pairs);
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

/* The farewell that holds: the latest. */
static const struct item *last_farewell(const struct document *document)
{
    const struct item *last = NULL;
    for (size_t i = 0; i < record_count(document); i++)
        if (item_is(document, record_at(document, i), TYPE_support_ended) &&
            (!last || item_ms(record_at(document, i)) >= item_ms(last)))
            last = record_at(document, i);
    return last;
}

/* Until when the record is kept, and how the person can come back; gone when support goes on again. */
static void put_farewell(const struct document *document, struct buffer *out, uint32_t *pairs)
{
    char date[MOMENT_WORDS_MAX];
    const struct item *farewell = last_farewell(document);
    if (!farewell)
        return;
    moment_words(item_ms(farewell), date);
    int year = 0;
    for (size_t i = 0; i < 4; i++)
        year = year * 10 + (date[i] - '0');
    year += RETENTION_YEARS;
    for (size_t i = 4; i-- > 0; year /= 10)
        date[i] = (char)('0' + year % 10);
    if (memcmp(date + 4, "-02-29", 6) == 0) /* twenty years on there may be none */
        memcpy(date + 4, "-03-01", 6);
    put_fact(out, "retain_until", bytes_of(date, 10), pairs);
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
    static const enum register_id safety[] = {REG_safety_signs, REG_safety_helps, REG_safety_people,
                                              REG_safety_services};
    static const enum register_id plan[] = {REG_plan_aims, REG_plan_steps, REG_plan_support, REG_plan_community,
                                            REG_plan_setbacks, REG_plan_review};
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
    put_about_me(document, out, &pairs);
    put_needs(document, out, &pairs);
    put_sections(document, "safety_plan", safety, sizeof safety / sizeof safety[0], out, &pairs);
    put_sections(document, "plan", plan, sizeof plan / sizeof plan[0], out, &pairs);
    put_goals(document, out, &pairs);
    put_linked(document, out, &pairs);
    mp_put_text(out, "to_settle");
    mp_put_uint(out, state.to_settle);
    mp_put_text(out, "not_recognised");
    mp_put_uint(out, document_not_recognised(document));
    return pairs + 2;
}
