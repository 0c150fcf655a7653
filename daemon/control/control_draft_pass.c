/* SPDX-License-Identifier: Apache-2.0 */
/* A pass over the drafts of a request: which are prepared, put off, looked at ahead; see control_draft.h. */
#include <stdlib.h>

#include <sodium.h>

#include "daemon/control/control_draft.h"

static void refuse(struct record_draft *draft, const struct felloe_error *error)
{
    draft->state = DRAFT_WRONG;
    draft->has_person = false;
    draft_drop_keys(draft);
    draft->error = malloc(sizeof *draft->error);
    if (draft->error)
        *draft->error = *error;
}

/* As if it had not been looked at. */
static void reopen(struct record_draft *draft)
{
    draft->state = DRAFT_OPEN;
    draft->has_person = draft->has_origin = false;
    draft->link_count = 0;
    draft->companion = (struct bytes){0};
    draft->site[0] = '\0';
    free(draft->warning);
    draft->warning = NULL;
    draft_drop_keys(draft);
}

void drafts_reopen(struct record_drafts *drafts, size_t at)
{
    bool any = false;
    for (size_t i = at; i < drafts->count; i++) {
        any |= drafts->items[i].state != DRAFT_OPEN;
        if (drafts->items[i].state == DRAFT_READY || drafts->items[i].state == DRAFT_KNOWN)
            reopen(&drafts->items[i]);
    }
    if (!any)
        return;
    drafts_forget(drafts);
    for (size_t i = 0; i < at; i++)
        drafts_note(drafts, i);
}

/* True: it is put off, and everything after it. */
static bool prepare_one(struct preparing *p, struct record_draft *draft)
{
    struct felloe_error error = {FELLOE_FAILED, "Memory ran out."};
    switch (draft_check(p, draft, &error)) {
    case CHECK_OK: draft->state = DRAFT_READY; break;
    case CHECK_KNOWN: draft->state = DRAFT_KNOWN; break;
    case CHECK_WRONG: refuse(draft, &error); break;
    case CHECK_LATER: reopen(draft); return true;
    }
    return false;
}

static void begin(struct preparing *p)
{
    finder_init(&p->finder, p->daemon, &p->reading->views, p->reading->log, &p->reading->scope);
    p->must_wait = false;
    memset(&p->last, 0, sizeof p->last);
}

static void end(struct preparing *p)
{
    sodium_memzero(&p->last.commons, sizeof p->last.commons);
    finder_release(&p->finder);
    buffer_release(&p->checked);
}

size_t drafts_prepare(struct preparing *p, size_t from)
{
    begin(p);
    const bool indexed = drafts_index(p->drafts);
    for (p->at = from; p->at < p->drafts->count; p->at++) {
        struct record_draft *draft = &p->drafts->items[p->at];
        if (!indexed)
            refuse(draft, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        else if (draft->state != DRAFT_OPEN)
            continue;
        else if (prepare_one(p, draft)) {
            p->must_wait = true;
            drafts_reopen(p->drafts, p->at); /* what comes after it is recorded after it */
            break;
        } else
            drafts_note(p->drafts, p->at);
    }
    end(p);
    return p->at;
}

static bool is_same_whatever_comes(struct preparing *p, struct record_draft *draft)
{
    const struct control_draft *text = &draft->text;
    struct felloe_error error;
    if (text->origin.len == 0 || text->person.len > 0 || text->site.len == 0)
        return false;
    switch (draft_check(p, draft, &error)) {
    case CHECK_OK: draft->state = DRAFT_READY; break;
    case CHECK_KNOWN: draft->state = DRAFT_KNOWN; break;
    case CHECK_WRONG:
    case CHECK_LATER: return false;
    }
    return draft->audience_key == NULL && draft->readers == NULL && draft->companion.len == 0;
}

void drafts_look_ahead(struct preparing *p)
{
    begin(p);
    for (p->at = 0; drafts_index(p->drafts) && p->at < p->drafts->count; p->at++) {
        struct record_draft *draft = &p->drafts->items[p->at];
        if (is_same_whatever_comes(p, draft))
            drafts_note(p->drafts, p->at);
        else
            reopen(draft);
    }
    end(p);
}
