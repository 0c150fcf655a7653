/* SPDX-License-Identifier: Apache-2.0 */
/* Who is with a person: read from the sharings that a document keeps. */
#include "proto/domain/sharing.h"

#include "proto/domain/record.h"

#define MSGPACK_TRUE 0xc3

static const struct item *sharing_at(const struct document *document, size_t index)
{
    const struct item *item = record_at(document, index);
    bool is_one = item->type && item->type->id == TYPE_person_shared && item_counts(document, item);
    return is_one && item_text(item, "to").len > 0 ? item : NULL;
}

void sharing_sites(const struct document *document, sharing_visit visit, void *context)
{
    for (size_t i = 0; i < record_count(document); i++) {
        const struct item *item = sharing_at(document, i);
        if (item && !visit(context, item_text(item, "to")))
            return;
    }
}

/* ---- moving ---- */

static bool takes_away(const struct item *item, uint32_t site)
{
    struct bytes moves = item_value(item, "moves");
    return item->stamp.home == site && moves.len == 1 && moves.data[0] == MSGPACK_TRUE &&
           site_tag(item_text(item, "to")) != site;
}

/* Written by those whom the person is with: a team that they left cannot bring them back by naming itself. */
static bool brings(const struct item *item, uint32_t site)
{
    return item->stamp.home != site && site_tag(item_text(item, "to")) == site;
}

/* Is there a sharing of the other kind whose author had seen this one? */
static bool is_answered(const struct document *document, const struct item *item, uint32_t site,
                        bool (*other)(const struct item *item, uint32_t site))
{
    for (size_t i = 0; i < record_count(document); i++) {
        const struct item *later = sharing_at(document, i);
        if (later && other(later, site) && stamp_has_seen(&later->stamp, &item->stamp))
            return true;
    }
    return false;
}

enum sharing_place sharing_place(const struct document *document, struct bytes site, const struct item **moved)
{
    return sharing_place_of(document, site_tag(site), moved);
}

enum sharing_place sharing_place_of(const struct document *document, uint32_t site, const struct item **moved)
{
    bool away = false, back = false;
    *moved = NULL;
    for (size_t i = 0; i < record_count(document); i++) {
        const struct item *item = sharing_at(document, i);
        if (!item)
            continue;
        if (takes_away(item, site)) {
            away = true;
            if (!is_answered(document, item, site, brings))
                *moved = item;
        } else if (brings(item, site) && !is_answered(document, item, site, takes_away)) {
            back = true;
        }
    }
    if (!away)
        return SHARING_STAYS;
    if (!back && *moved)
        return SHARING_LEFT;
    *moved = NULL;
    return SHARING_BACK;
}
