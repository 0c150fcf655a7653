/* SPDX-License-Identifier: Apache-2.0 */
/* Does a draft fit what is known here, and is a link the right way round; see control_draft.h. */
#include <stdlib.h>

#include "daemon/control/control_draft.h"
#include "proto/domain/sense.h"

/* ---- what can be looked up ---- */

struct looking {
    struct preparing *p;
    struct bytes worker;
    bool found;
    struct person_id subject;
};

static bool is_entry(void *context, const struct event_id *id, struct bytes site, const struct views_event *event)
{
    struct looking *l = context;
    (void)id, (void)site;
    l->found = true;
    l->subject = event->subject;
    return false;
}

static bool find_entry(void *context, const struct event_id *name, struct person_id *subject)
{
    struct looking l = {.p = context};
    views_events(&l.p->reading->views, bytes_of(name->b, sizeof name->b), is_entry, &l);
    *subject = l.subject;
    return l.found;
}

static bool is_worker(void *context, const struct views_row *row)
{
    struct looking *l = context;
    mp_reader_init(l->p->r, row->cells);
    if (mp_next(l->p->r) && mp_array(l->p->r, 1, MP_TAPE_MAX) > 0)
        l->found = bytes_equal(mp_str(l->p->r, 0, EVENT_SIZE_MAX), l->worker);
    return !l->found;
}

static bool find_worker(void *context, struct bytes worker)
{
    struct looking l = {.p = context, .worker = worker};
    const struct scope *scope = &l.p->reading->scope;
    for (size_t i = 0; i < scope->count && !l.found; i++)
        views_rows(&l.p->reading->views, bytes_str(scope->sites[i]), VIEW_WORKERS, (struct bytes){0}, is_worker, &l);
    return l.found;
}

/* A hub has all sites; a laptop only hears of those that it is in. */
static bool find_site(void *context, struct bytes site)
{
    const struct preparing *p = context;
    const struct scope *scope = &p->reading->scope;
    bool found = p->daemon->config.role != ROLE_HUB;
    for (size_t i = 0; i < scope->count && !found; i++)
        found = bytes_is(site, scope->sites[i]);
    return found;
}

/* ---- sense ---- */

/* Something of this very request is about the same: the views do not know of it yet. */
static bool follows_on(const struct preparing *p, const struct record_draft *draft)
{
    const struct person_id person = draft->has_person ? draft->person : PERSON_ID_NONE;
    const struct record_draft *before = drafts_of_person(p->drafts, &person);
    for (; before != NULL; before = drafts_before(p->drafts, before))
        if ((before->state == DRAFT_READY || before->state == DRAFT_GIVEN) && strcmp(before->site, draft->site) == 0)
            return true;
    return false;
}

static enum felloe_code ask(struct preparing *p, struct record_draft *draft, const struct document *document,
                            struct felloe_error *error)
{
    const struct sense_lookup lookup = {.context = p, .entry = find_entry, .worker = find_worker, .site = find_site};
    struct felloe_error warning = {0};
    const struct sense_case c = {
        .type = draft->type,
        .fields = draft->fields,
        .document = document,
        .subject = draft->has_person ? draft->person : PERSON_ID_NONE,
        .site = bytes_str(draft->site),
        .worker = draft->worker,
        .has_occurred = draft->text.has_occurred,
        .occurred = draft->text.occurred,
        .now = clock_wall_ms(),
        .lookup = &lookup,
    };
    enum felloe_code code = sense_check(&c, error, &warning);
    if (code == FELLOE_INVALID && draft->text.anyway)
        code = FELLOE_OK;
    free(draft->warning);
    draft->warning = code == FELLOE_OK && warning.message[0] && !p->hides ? strdup(warning.message) : NULL;
    if (code == FELLOE_INVALID && p->hides)
        felloe_fail(error, code,
                    "It does not fit what is recorded, which cannot be shown now. If it is meant so, say it again with "
                    "--anyway.");
    else if ((code == FELLOE_INVALID || draft->warning != NULL) && draft->has_person && draft->new_key == NULL)
        control_shown_add(p->shown, &draft->person); /* what it is told to fit, is of their record */
    return code;
}

bool draft_asks_record(const struct preparing *p, const struct record_draft *draft)
{
    return draft->text.source.len == 0 && draft->new_key == NULL && sense_reads_record(draft->type) &&
           !follows_on(p, draft);
}

enum felloe_code draft_make_sense(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    if (draft->text.source.len > 0 || follows_on(p, draft))
        return FELLOE_OK;
    if (!draft_asks_record(p, draft))
        return ask(p, draft, NULL, error);
    struct document *document = views_new_document(&p->reading->views);
    struct buffer plain = {0};
    const struct person_id subject = draft->has_person ? draft->person : PERSON_ID_NONE;
    enum felloe_code code = FELLOE_OK;
    /* What speaks of a restricted entry (that it was wrong, which outcome holds) is looked at beside that one. */
    enum views_found (*look)(struct views_txn *, struct bytes, const struct person_id *, struct buffer *) =
        draft->type->audience == AUDIENCE_NONE && draft_speaks_of_restricted(p, draft) ? views_get_restricted
                                                                                       : views_get_document;
    if (!document)
        code = felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    else if (look(&p->reading->views, bytes_str(draft->site), &subject, &plain) == VIEWS_FOUND &&
             !document_decode(document, buffer_bytes(&plain)))
        document_clear(document);
    if (code == FELLOE_OK)
        code = ask(p, draft, document, error);
    buffer_release(&plain);
    document_free(document);
    return code;
}

/* ---- links ---- */

static bool other_of(struct preparing *p, const struct record_draft *draft, struct person_id *out)
{
    bool found = false;
    mp_reader_init(p->r, draft->fields);
    uint32_t count = mp_next(p->r) ? mp_map(p->r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count && !p->r->failed; i++)
        if (bytes_is(mp_str(p->r, 0, EVENT_SIZE_MAX), "other")) {
            mp_fixed(p->r, out->b, sizeof out->b);
            found = !p->r->failed;
        } else {
            mp_skip(p->r);
        }
    return found && !p->r->failed;
}

/* False: memory ran out. */
static bool put_other(struct preparing *p, struct record_draft *draft, const struct person_id *other)
{
    struct buffer turned = {0};
    mp_reader_init(p->r, draft->fields);
    uint32_t count = mp_next(p->r) ? mp_map(p->r, MP_TAPE_MAX) : 0;
    mp_put_map(&turned, count);
    for (uint32_t i = 0; i < count && !p->r->failed; i++) {
        struct bytes name = mp_str(p->r, 0, EVENT_SIZE_MAX);
        mp_put_str(&turned, name);
        if (bytes_is(name, "other")) {
            mp_put_bin(&turned, other->b, sizeof other->b);
            mp_skip(p->r);
        } else {
            mp_copy(p->r, &turned);
        }
    }
    bool kept = draft_keep(p, &turned, &draft->fields);
    buffer_release(&turned);
    return kept;
}

bool draft_turn_link(struct preparing *p, struct record_draft *draft, bool *turned)
{
    struct person_id other;
    size_t site;
    *turned = false;
    bool is_link = draft->type->id == TYPE_person_linked || draft->type->id == TYPE_person_unlinked;
    if (!is_link || draft->text.source.len > 0 || draft->text.site.len > 0 || draft->new_key != NULL ||
        !other_of(p, draft, &other) || memcmp(other.b, draft->person.b, sizeof other.b) >= 0 ||
        !finder_site_of(&p->finder, &other, &site))
        return true;
    *turned = put_other(p, draft, &draft->person);
    draft->person = other;
    draft->site[0] = '\0';
    return *turned;
}
