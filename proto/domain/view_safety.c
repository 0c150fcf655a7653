/* SPDX-License-Identifier: Apache-2.0 */
/* safety: what the team holds together of a person. Concerns that are open in their words, what keeps the person safe,
 * and the clock of a crisis. There is no level of risk, and nothing is summed up: the most urgent response comes
 * first. */
#include "proto/domain/view_safety.h"

/* ---- crisis ---- */

/* The first response face to face that knew of this opening. */
static const struct item *answer_of(const struct document *document, const struct item *opening)
{
    const struct item *first = NULL;
    const struct items responses = record_of(document, TYPE_crisis_responded);
    for (size_t i = 0; i < responses.count; i++) {
        const struct item *item = responses.at[i];
        if (bytes_is(item_text(item, "how"), "01") && stamp_has_seen(&item->stamp, &opening->stamp) &&
            (!first || item_ms(item) < item_ms(first)))
            first = item;
    }
    return first;
}

/* One of those that count of the crisis as it is told: the earliest tells the beginning. */
static void take_opening(struct crisis *crisis, const struct item *opening)
{
    if (!crisis->opening || item_ms(opening) < item_ms(crisis->opening))
        crisis->opening = opening;
    if (item_text(opening, "trigger").len > 0 || item_text(opening, "where").len > 0)
        crisis->words = item_text(opening, "trigger").len > 0 ? item_text(opening, "trigger")
                                                              : item_text(opening, "where");
}

void crisis_of(const struct document *document, struct crisis *out)
{
    const struct reading *reading = record_reading(document, REG_crisis);
    const struct item *last = NULL;
    *out = (struct crisis){0};
    if (!reading)
        return;
    out->urgency = reading_text(reading);
    out->open = !bytes_is(out->urgency, "answered");
    const struct items openings = record_of(document, TYPE_crisis_opened);
    for (size_t i = 0; i < openings.count; i++) {
        const struct item *item = openings.at[i];
        const struct item *answer = answer_of(document, item);
        if (out->open && !answer)
            take_opening(out, item);
        /* of one that is over: the last, and what else the same response answered */
        if (!out->open && answer && (!last || item_ms(answer) > item_ms(last))) {
            *out = (struct crisis){.urgency = out->urgency};
            last = answer;
        }
        if (!out->open && answer && answer == last)
            take_opening(out, item);
    }
    if (!out->open && out->opening) {
        out->urgency = item_text(out->opening, "urgency");
        out->stopped = true;
        out->stopped_at = item_ms(last);
    }
}

/* ---- what is open ---- */

/* Raised, and not stood down by anybody who had seen it. */
static bool is_open_concern(const struct document *document, const struct item *item)
{
    char id[2 * sizeof item->name.b + 1];
    hex_encode(bytes_of(item->name.b, sizeof item->name.b), id);
    return reading_is_first(record_reading_of(document, REG_concern, bytes_str(id)));
}

static bool plan_is_to_settle(const struct document *document)
{
    static const enum register_id plan[] = {REG_safety_signs, REG_safety_helps, REG_safety_people,
                                            REG_safety_services};
    for (size_t i = 0; i < sizeof plan / sizeof plan[0]; i++) {
        const struct reading *reading = record_reading(document, plan[i]);
        if (reading && reading->to_settle)
            return true;
    }
    return false;
}

struct holding {
    struct texts words, protects, entries;
    struct bytes urgency; /* the most urgent */
    uint64_t since;       /* ms; the oldest */
    bool any;
};

static void take_urgency(struct holding *h, struct bytes urgency)
{
    if (urgency.len > 0 &&
        (h->urgency.len == 0 || code_rank(&codes_urgency, urgency) < code_rank(&codes_urgency, h->urgency)))
        h->urgency = urgency;
}

static void take_since(struct holding *h, uint64_t since)
{
    if (!h->any || since < h->since)
        h->since = since;
    h->any = true;
}

static void take_concern(struct holding *h, const struct item *item)
{
    char id[2 * sizeof item->name.b + 1];
    hex_encode(bytes_of(item->name.b, sizeof item->name.b), id);
    texts_add(&h->words, item_text(item, "words"));
    texts_add(&h->protects, item_text(item, "protects"));
    texts_add(&h->entries, bytes_str(id));
    take_urgency(h, item_text(item, "urgency"));
    take_since(h, item_sort_ms(item));
}

static void take_plan(struct holding *h, const struct document *document, bool *planned, int64_t *plan)
{
    bool unsettled = plan_is_to_settle(document);
    const struct items plans = record_of(document, TYPE_safetyplan_agreed);
    *planned = false;
    for (size_t i = 0; i < plans.count; i++) {
        const struct item *item = plans.at[i];
        if (!*planned || item_ms(item) > *plan)
            *plan = item_ms(item);
        *planned = true;
        if (unsettled && !h->any)
            take_since(h, item_sort_ms(item));
    }
    h->any = h->any || unsettled;
}

static void put_crisis(struct buffer *cells, const struct crisis *crisis)
{
    int64_t limit;
    if (crisis->open)
        mp_put_str(cells, crisis->words.len > 0 ? crisis->words : bytes_str("crisis"));
    else
        mp_put_nil(cells);
    if (crisis->opening && urgency_limit(crisis->urgency, &limit))
        put_clock(cells, item_ms(crisis->opening), limit, crisis->stopped, crisis->stopped_at);
    else
        mp_put_nil(cells);
}

bool rows_safety(struct row_maker *maker)
{
    const struct document *document = maker->document;
    struct holding h = {0};
    struct crisis crisis;
    bool planned;
    int64_t plan = 0;
    if (maker->state->moved)
        return true;
    const struct items raised = record_of(document, TYPE_concern_raised);
    for (size_t i = 0; i < raised.count; i++)
        if (is_open_concern(document, raised.at[i]))
            take_concern(&h, raised.at[i]);
    crisis_of(document, &crisis);
    if (crisis.open) {
        take_urgency(&h, crisis.urgency);
        take_since(&h, crisis.opening ? item_sort_ms(crisis.opening) : 0);
    }
    take_plan(&h, document, &planned, &plan);
    if (!h.any)
        return true;
    row_begin(maker, VIEW_SAFETY);
    put_who(maker);
    texts_end(&h.words, &maker->cells);
    texts_end(&h.protects, &maker->cells);
    mp_put_str_or_nil(&maker->cells, h.urgency);
    put_crisis(&maker->cells, &crisis);
    put_time(&maker->cells, planned, plan);
    mp_put_uint(&maker->cells, h.since);
    texts_end(&h.entries, &maker->cells);
    uint64_t rank = code_rank(&codes_urgency, h.urgency);
    return row_emit(maker, VIEW_SAFETY, (uint64_t)!crisis.open << 60 | rank << 56 | h.since, 0);
}
