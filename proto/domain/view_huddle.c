/* SPDX-License-Identifier: Apache-2.0 */
/* huddle: whom to talk about, and why. A reason lasts until a huddle that knew of it talked about the person; an open
 * crisis until it is answered. That it has been quiet depends on the moment of asking (view_finish.h): everybody the
 * team is with has a row here, mostly one without a reason yet. */
#include "proto/domain/view_safety.h"

/* Their order; those who are only quiet come last. */
enum reason { WHY_CRISIS, WHY_NEW, WHY_BACK, WHY_ASKED, WHY_NONE };

static bool was_discussed(const struct document *document, const struct item *reason)
{
    const struct items huddles = record_of(document, TYPE_huddle_discussed);
    for (size_t i = huddles.count; i-- > 0;)
        if (stamp_has_seen(&huddles.at[i]->stamp, &reason->stamp))
            return true;
    return false;
}

struct huddle {
    bool why[WHY_NONE];
    uint64_t since[WHY_NONE]; /* ms */
    struct texts asked_by;
    bool discussed;
    int64_t discussed_at;     /* last */
};

static void take_reason(struct huddle *h, enum reason reason, uint64_t since)
{
    if (!h->why[reason] || since < h->since[reason])
        h->since[reason] = since;
    h->why[reason] = true;
}

static void take_reasons(struct huddle *h, const struct document *document, enum reason reason, enum type_id type)
{
    const struct items items = record_of(document, type);
    for (size_t i = 0; i < items.count; i++) {
        if ((reason == WHY_ASKED && !item_yes(items.at[i], "huddle")) || was_discussed(document, items.at[i]))
            continue;
        take_reason(h, reason, item_sort_ms(items.at[i]));
        if (reason == WHY_ASKED)
            texts_add(&h->asked_by, items.at[i]->worker);
    }
}

static void collect(struct huddle *h, const struct document *document)
{
    struct crisis crisis;
    crisis_of(document, &crisis);
    if (crisis.open)
        take_reason(h, WHY_CRISIS, crisis.opening ? item_sort_ms(crisis.opening) : 0);
    take_reasons(h, document, WHY_NEW, TYPE_person_introduced);
    take_reasons(h, document, WHY_BACK, TYPE_support_returned);
    take_reasons(h, document, WHY_ASKED, TYPE_note_added);
    const struct items huddles = record_of(document, TYPE_huddle_discussed);
    for (size_t i = 0; i < huddles.count; i++)
        if (!h->discussed || item_ms(huddles.at[i]) > h->discussed_at) {
            h->discussed = true;
            h->discussed_at = item_ms(huddles.at[i]);
        }
}

/* From when on it is quiet: since the last contact, or the last huddle; while support rests, not before that ends. */
static bool quiet_since(const struct row_maker *maker, const struct huddle *h, int64_t *since)
{
    int64_t until;
    if (maker->state->standing != STANDING_ACTIVE)
        return false;
    *since = (int64_t)maker->state->unseen_since;
    if (h->discussed && h->discussed_at > *since)
        *since = h->discussed_at;
    if (!maker->state->paused)
        return true;
    if (!date_ms(maker->state->paused_until, &until))
        return false;
    if (until > *since)
        *since = until;
    return true;
}

static void put_reasons(const struct huddle *h, struct buffer *cells)
{
    static const char *const words[] = {"crisis", "new", "came back", "asked for"};
    struct texts texts = {0};
    for (size_t i = 0; i < WHY_NONE; i++)
        if (h->why[i])
            texts_add(&texts, bytes_str(words[i]));
    texts_end(&texts, cells);
}

bool rows_huddle(struct row_maker *maker)
{
    const struct person_state *state = maker->state;
    struct huddle h = {0};
    int64_t since = 0;
    size_t first = 0;
    if (state->moved || state->standing == STANDING_NOBODY)
        return true;
    collect(&h, maker->document);
    if (state->standing == STANDING_ENDED) /* but for what cannot wait, the farewell has taken the reasons away */
        h.why[WHY_NEW] = h.why[WHY_BACK] = false;
    bool quiet = quiet_since(maker, &h, &since);
    while (first < WHY_NONE && !h.why[first])
        first++;
    if (first == WHY_NONE && !quiet)
        return true;
    row_begin(maker, VIEW_HUDDLE);
    put_who(maker);
    put_reasons(&h, &maker->cells);
    texts_end(&h.asked_by, &maker->cells);
    put_time(&maker->cells, state->met, state->last_contact);
    put_register(&maker->cells, record_reading(maker->document, REG_keyworker));
    put_time(&maker->cells, quiet, since);
    uint64_t when = first < WHY_NONE ? h.since[first] : since > 0 ? (uint64_t)since : 0;
    return row_emit(maker, VIEW_HUDDLE, (uint64_t)first << 56 | when, 0);
}
