/* SPDX-License-Identifier: Apache-2.0 */
/* Imported fields that name other entries: by the ids that they have where they come from. Here they have other ones,
 * which are known once those entries are sealed.
 *
 * What was imported before is looked up. What comes earlier in the same request and is about to be recorded in the same
 * job of the log has no id yet: a mark stands in its place until the log's writer, which has just sealed the other
 * entry, puts the id there (log_link). So an import waits for nobody. */
#include <stdlib.h>

#include <sodium.h>

#include "daemon/control/control_draft.h"
#include "proto/endian.h"

/* ---- marks ---- */

/* Bytes that nobody can know beforehand, and then the number of the draft. */
#define MARK_RANDOM 24

static void make_mark(const struct preparing *p, size_t draft, struct event_id *out)
{
    memcpy(out->b, p->mark, MARK_RANDOM);
    be_put_u64(out->b + MARK_RANDOM, draft);
}

bool draft_place_links(struct preparing *p, struct record_draft *draft)
{
    for (size_t i = 0; i < draft->link_count; i++) {
        struct event_id mark;
        make_mark(p, draft->links[i].of, &mark);
        const uint8_t *at = memmem(draft->fields.data, draft->fields.len, mark.b, sizeof mark.b);
        if (!at)
            return false;
        draft->links[i].at = (size_t)(at - draft->fields.data);
        memset((uint8_t *)(uintptr_t)at, 0, sizeof mark.b); /* so that one named twice is found twice */
    }
    return true;
}

/* ---- entries ---- */

/* An entry that is here, and its name: of one that was written again, what it was before. */
struct entry_here {
    bool here;
    struct event_id name;
};

static bool is_entry(void *context, const struct event_id *id, struct bytes site, const struct views_event *event)
{
    struct entry_here *entry = context;
    (void)site;
    entry->here = true;
    entry->name = event->flags & VIEWS_WRITTEN_AGAIN ? event->was : *id;
    return false;
}

static struct entry_here find_entry(struct preparing *p, const struct event_id *id)
{
    struct entry_here entry = {.name = *id};
    views_events(&p->reading->views, bytes_of(id->b, sizeof id->b), is_entry, &entry);
    return entry;
}

/* Of this request, before this draft: recorded already, or about to be in the same job. False: neither. */
static bool of_this_request(struct preparing *p, struct record_draft *draft, const struct origin_id *origin)
{
    const struct record_draft *before = drafts_of_origin(p->drafts, origin, p->at);
    struct event_id id;
    if (before == NULL)
        return false;
    const size_t of = (size_t)(before - p->drafts->items);
    if (before->state == DRAFT_SAVED || before->state == DRAFT_KNOWN) {
        mp_put_bin(&p->rewritten, before->id.b, sizeof before->id.b);
        return true;
    }
    if (before->state != DRAFT_READY || strcmp(before->site, draft->site) != 0 || draft->link_count == LINKS_MAX)
        return false;
    make_mark(p, of, &id);
    draft->links[draft->link_count++].of = of;
    mp_put_bin(&p->rewritten, id.b, sizeof id.b);
    return true;
}

/* An id there, which may be any text. What nothing is known of stands as it is: an id whose entry is still to come, or
 * the beginning of one. False: it may be known later. */
static bool translate_event(struct preparing *p, struct record_draft *draft, struct bytes text)
{
    struct event_id id;
    struct origin_id origin;
    struct person_id person;
    origin_id_of(draft_source(&draft->text), text, &origin);
    if (of_this_request(p, draft, &origin))
        return true;
    if (draft_known_origin(p, &origin, &id, &person)) {
        const struct entry_here entry = find_entry(p, &id);
        mp_put_bin(&p->rewritten, entry.name.b, sizeof entry.name.b);
        return true;
    }
    bool is_id = text.len == 2 * sizeof id.b && hex_decode(text, id.b, sizeof id.b);
    struct entry_here entry = {0};
    if (is_id)
        entry = find_entry(p, &id);
    if (!entry.here && p->at >= p->final &&
        (p->behind || p->ahead || drafts_of_origin(p->drafts, &origin, p->at) != NULL))
        return false;
    if (is_id)
        mp_put_bin(&p->rewritten, entry.name.b, sizeof entry.name.b);
    else
        mp_put_str(&p->rewritten, text);
    return true;
}

/* One value, or a list of them. */
static bool translate_value(struct preparing *p, struct record_draft *draft)
{
    bool ok = true;
    uint32_t count = 1;
    if (mp_peek(p->r) == MP_ARRAY) {
        count = mp_array(p->r, 0, MP_TAPE_MAX);
        mp_put_array(&p->rewritten, count);
    }
    for (uint32_t i = 0; ok && i < count && !p->r->failed; i++)
        if (mp_peek(p->r) == MP_STR)
            ok = translate_event(p, draft, mp_str(p->r, 0, EVENT_SIZE_MAX));
        else
            mp_copy(p->r, &p->rewritten);
    return ok;
}

static bool has_event_field(const struct type_def *type)
{
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].kind == KIND_EVENT)
            return true;
    return false;
}

bool draft_translate(struct preparing *p, struct record_draft *draft)
{
    bool ok = true;
    draft->link_count = 0;
    if (!has_event_field(draft->type))
        return true;
    buffer_clear(&p->rewritten);
    mp_reader_init(p->r, draft->text.fields);
    if (!mp_next(p->r))
        return true; /* the check says what is wrong */
    uint32_t count = mp_map(p->r, MP_TAPE_MAX);
    mp_put_map(&p->rewritten, count);
    for (uint32_t i = 0; i < count && ok && !p->r->failed; i++) {
        struct bytes name = mp_str(p->r, 0, EVENT_SIZE_MAX);
        const struct field_def *field = catalogue_field(draft->type, name);
        mp_put_str(&p->rewritten, name);
        if (field && field->kind == KIND_EVENT)
            ok = translate_value(p, draft);
        else
            mp_copy(p->r, &p->rewritten);
    }
    if (ok && !p->r->failed && !p->rewritten.failed)
        draft->text.fields = buffer_bytes(&p->rewritten);
    return ok;
}
