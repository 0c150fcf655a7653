/* SPDX-License-Identifier: Apache-2.0 */
/* Checking drafts, one after the other; see control_draft.h. */
#include "daemon/control/control_draft.h"
#include "daemon/control/control_gate.h"
#include "proto/domain/sense.h"

#include <stdlib.h>

#include <sodium.h>

/* What an event has besides its fields, at most: clear part, nonce, tag, and the body's other parts. */
#define EVENT_OVERHEAD 1024

/* Not found: perhaps only not yet. */
static enum draft_verdict missing(const struct preparing *p, enum felloe_code code)
{
    bool later = p->behind && p->at >= p->final && (code == FELLOE_NOT_FOUND || code == FELLOE_AMBIGUOUS);
    return later ? CHECK_LATER : CHECK_WRONG;
}

bool draft_keep(struct preparing *p, const struct buffer *made, struct bytes *kept)
{
    *kept = made->failed ? (struct bytes){0} : arena_copy(p->drafts->arena, buffer_bytes(made));
    return kept->data != NULL;
}

static void drop_key(struct key_record **key)
{
    if (*key != NULL)
        sodium_memzero(*key, sizeof **key);
    free(*key);
    *key = NULL;
}

void draft_drop_keys(struct record_draft *draft)
{
    drop_key(&draft->new_key);
    drop_key(&draft->audience_key);
    free(draft->readers);
    draft->readers = NULL;
}

/* ---- imports: was it here before? ---- */

static bool event_is_here(void *context, const struct event_id *id, struct bytes site, const struct views_event *event)
{
    struct record_draft *draft = context;
    (void)site;
    draft->id = *id;
    draft->person = event->subject;
    draft->has_person = !person_id_is_none(&event->subject);
    draft->state = DRAFT_KNOWN;
    return false;
}

bool draft_known_origin(struct preparing *p, const struct origin_id *id, struct event_id *event,
                        struct person_id *person)
{
    if (log_origin(p->reading->log, id, event, person))
        return true;
    for (int restricted = 0; restricted < 2; restricted++) {
        const struct views_origin origin = {*id, restricted};
        if (views_get_origin(&p->reading->views, &origin, (struct bytes){0}, event, person))
            return true;
    }
    return false;
}

static enum draft_verdict check_origin(struct preparing *p, struct record_draft *draft)
{
    struct event_id id;
    const struct control_draft *text = &draft->text;
    if (text->origin.len == 0)
        return CHECK_OK;
    if (text->origin.len == 2 * sizeof id.b && hex_decode(text->origin, id.b, sizeof id.b)) {
        views_events(&p->reading->views, bytes_of(id.b, sizeof id.b), event_is_here, draft);
        if (draft->state == DRAFT_KNOWN)
            return CHECK_KNOWN;
    }
    draft->has_origin = true;
    origin_id_of(draft_source(text), text->origin, &draft->origin);
    if (!draft_known_origin(p, &draft->origin, &draft->id, &draft->person))
        return CHECK_OK;
    draft->has_person = !person_id_is_none(&draft->person);
    return CHECK_KNOWN;
}

/* ---- type and worker ---- */

static const char *self_of(const struct preparing *p)
{
    return p->request ? control_gate_self(p->request) : p->daemon->worker;
}

static enum draft_verdict check_type(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    const struct control_draft *text = &draft->text;
    int shown = (int)(text->type.len < TYPE_MAX ? text->type.len : TYPE_MAX);
    draft->type = catalogue_find(text->type);
    if (!draft->type) {
        felloe_fail(error, FELLOE_INVALID, "There is no type %.*s. `felloe types` lists them.", shown,
                    (const char *)text->type.data);
        return CHECK_WRONG;
    }
    if (draft->type->writer == BY_ITSELF && text->origin.len == 0) { /* imported, it came with what it tells of */
        felloe_fail(error, FELLOE_DENIED, "%s is written by itself, along with the entry that it tells of.",
                    draft->type->name);
        return CHECK_WRONG;
    }
    if (draft->type->writer == BY_HUB && p->daemon->config.role != ROLE_HUB) {
        felloe_fail(error, FELLOE_DENIED, "%s is recorded by the hub only.", draft->type->name);
        return CHECK_WRONG;
    }
    if (draft->type->id == TYPE_person_erased) {
        felloe_fail(error, FELLOE_DENIED, "A record is erased by `felloe hub erase PERSON --basis TEXT`.");
        return CHECK_WRONG;
    }
    draft->worker = text->worker.len > 0 ? text->worker : bytes_str(self_of(p));
    if (!slug_valid(draft->worker)) {
        if (text->worker.len > 0)
            felloe_fail(error, FELLOE_INVALID, "%.*s is not a worker's id: a-z, 0-9 and -, at most %d characters.",
                        (int)(text->worker.len < 60 ? text->worker.len : 60), (const char *)text->worker.data,
                        SLUG_MAX);
        else
            felloe_fail(error, FELLOE_INVALID,
                        "Say who records it: this device has no worker of its own (--worker ID).");
        return CHECK_WRONG;
    }
    if (p->request && control_gate_worker(p->request, draft->worker, error) != FELLOE_OK)
        return CHECK_WRONG;
    return CHECK_OK;
}

/* ---- person ---- */

static enum draft_verdict same_person(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    const struct record_draft *before = p->at > 0 ? &p->drafts->items[p->at - 1] : NULL;
    if (!before || !before->has_person || before->state == DRAFT_WRONG) {
        felloe_fail(error, FELLOE_INVALID, "@same stands for the person of the entry before, and there is none.");
        return CHECK_WRONG;
    }
    draft->person = before->person;
    draft->has_person = true;
    return CHECK_OK;
}

static bool is_about(void *context, const struct event_id *id, struct bytes site, const struct views_event *event)
{
    struct record_draft *draft = context;
    (void)id;
    (void)site;
    draft->person = event->subject;
    draft->has_person = !person_id_is_none(&event->subject);
    return false;
}

/* Nobody said whom it is about, but it names an entry that is here: about the same person. `error` says what was
 * named, and is not here. */
static bool person_of_entry(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    struct event_id id;
    mp_reader_init(p->r, draft->text.fields);
    uint32_t count = draft->text.origin.len == 0 && mp_next(p->r) ? mp_map(p->r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count && !p->r->failed && !draft->has_person; i++) {
        const struct field_def *field = catalogue_field(draft->type, mp_str(p->r, 0, EVENT_SIZE_MAX));
        if (!field || field->kind != KIND_EVENT || mp_peek(p->r) != MP_STR)
            mp_skip(p->r);
        else if (finder_event(&p->finder, mp_str(p->r, 0, EVENT_SIZE_MAX), &id, error) == FELLOE_OK)
            views_events(&p->reading->views, bytes_of(id.b, sizeof id.b), is_about, draft);
    }
    return draft->has_person;
}

/* Whom several could be is told by name: a look at each of them. */
static enum felloe_code find_person(struct preparing *p, struct bytes text, struct person_id *out,
                                    struct felloe_error *error)
{
    size_t site;
    enum felloe_code code = finder_person(&p->finder, text, out, &site, error);
    if (code == FELLOE_AMBIGUOUS && p->hides)
        return felloe_fail(error, code, "%.*s could be several people: give the id, or more of it.",
                           (int)(text.len < 60 ? text.len : 60), (const char *)text.data);
    if (code == FELLOE_AMBIGUOUS)
        control_shown_told(p->shown, &p->finder);
    return code;
}

static enum draft_verdict check_person(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    const struct control_draft *text = &draft->text;
    if (draft->type->about == ABOUT_SITE) {
        if (text->person.len == 0)
            return CHECK_OK;
        felloe_fail(error, FELLOE_INVALID, "%s is about no person: leave the person out.", draft->type->name);
        return CHECK_WRONG;
    }
    if (bytes_is(text->person, "@new")) {
        if (draft_new_person(draft))
            return CHECK_OK;
        felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
        return CHECK_WRONG;
    }
    if (bytes_is(text->person, "@same"))
        return same_person(p, draft, error);
    if (text->person.len > 0 && bytes_equal(text->person, p->last.text)) {
        draft->person = p->last.person;
        draft->has_person = true;
        return CHECK_OK;
    }
    if (text->person.len > 0) {
        enum felloe_code code = find_person(p, text->person, &draft->person, error);
        draft->has_person = code == FELLOE_OK;
        p->last.text = draft->has_person ? text->person : (struct bytes){0};
        p->last.person = draft->person;
        return code == FELLOE_OK ? CHECK_OK : missing(p, code);
    }
    if (text->subject.len > 0)
        return draft_person_of_subject(p, draft, text->subject, error) ? CHECK_OK : CHECK_WRONG;
    struct felloe_error unknown = {0};
    if (person_of_entry(p, draft, &unknown) || draft->type->about == ABOUT_EITHER)
        return CHECK_OK;
    if (unknown.code == FELLOE_OK)
        felloe_fail(error, FELLOE_INVALID, "%s is about a person: say whom.", draft->type->name);
    else
        *error = unknown;
    return CHECK_WRONG;
}

/* ---- site and key ---- */

static bool in_scope(const struct scope *scope, struct bytes site)
{
    for (size_t i = 0; i < scope->count; i++)
        if (bytes_is(site, scope->sites[i]))
            return true;
    return false;
}

/* Where nothing says otherwise: the first site that is a team's. */
static const char *default_site(const struct scope *scope)
{
    for (size_t i = 0; i < scope->count; i++)
        if (strcmp(scope->sites[i], "commons") != 0)
            return scope->sites[i];
    return scope->count > 0 ? scope->sites[0] : "";
}

/* The site of a person who was new a moment ago: of the draft that makes them. */
static const char *site_before(const struct preparing *p, const struct person_id *person)
{
    const struct record_draft *before = drafts_of_person_at(p->drafts, person, p->at);
    return before != NULL ? before->site : "";
}

/* Where the draft before it about this person is, too. */
static bool same_site(const struct preparing *p, struct record_draft *draft)
{
    const struct bytes asked = draft->text.site;
    if (!p->last.has_site || !draft->has_person || draft->new_key != NULL ||
        !person_id_equal(&p->last.sited, &draft->person) ||
        (asked.len > 0 ? !bytes_is(asked, p->last.site) : !p->last.unasked))
        return false;
    memcpy(draft->site, p->last.site, sizeof draft->site);
    return true;
}

static void find_site(struct preparing *p, struct record_draft *draft)
{
    const struct scope *scope = &p->reading->scope;
    size_t index;
    const char *site = "";
    if (draft->has_person && draft->new_key == NULL) {
        if (finder_site_of(&p->finder, &draft->person, &index))
            site = scope->sites[index];
        else
            site = site_before(p, &draft->person);
        struct key_record record;
        struct key_id key = key_id_of_person(draft->person);
        const enum felloe_code code = *site ? FELLOE_NOT_FOUND : keyring_get(p->daemon->keyring, &key, &record);
        p->reading->views.unread |= !keyring_was_read(code); /* then nothing is recorded, in no wrong site */
        if (code == FELLOE_OK) {
            if (in_scope(scope, bytes_str(record.site)))
                memcpy(draft->site, record.site, sizeof draft->site);
            explicit_bzero(&record, sizeof record);
        }
    }
    if (!*site && !draft->site[0])
        site = default_site(scope);
    if (*site)
        memcpy(draft->site, site, strlen(site) + 1);
}

/* A batch mostly names one, if any. */
static bool site_named(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    const struct bytes asked = draft->text.site;
    if (!bytes_equal(asked, p->last.asked)) {
        struct scope one;
        if (scope_of(p->daemon, p->reading->log, asked, true, &one, error) != FELLOE_OK)
            return false;
        p->last.asked = asked;
        memcpy(p->last.asked_site, one.sites[0], sizeof p->last.asked_site);
    }
    memcpy(draft->site, p->last.asked_site, sizeof draft->site);
    return true;
}

static enum draft_verdict check_site(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    const struct scope *scope = &p->reading->scope;
    struct bytes asked = draft->text.site;
    struct scope one;
    if (same_site(p, draft))
        return CHECK_OK;
    if (asked.len == 0) {
        find_site(p, draft);
    } else {
        if (!site_named(p, draft, error))
            return CHECK_WRONG;
        size_t has = 0;
        if (draft->text.source.len == 0 && draft->has_person && draft->new_key == NULL &&
            finder_site_of(&p->finder, &draft->person, &has) && strcmp(scope->sites[has], draft->site) != 0) {
            struct scope there = {.count = 1};
            memcpy(there.sites[0], draft->site, sizeof there.sites[0]);
            struct finder finder;
            finder_init(&finder, p->daemon, &p->reading->views, p->reading->log, &there);
            bool is_there = finder_site_of(&finder, &draft->person, &(size_t){0});
            finder_release(&finder);
            if (!is_there) {
                felloe_fail(error, FELLOE_INVALID, "This person's record is in the site %s, not in %s.",
                            scope->sites[has], draft->site);
                return CHECK_WRONG;
            }
        }
    }
    if (draft->site[0])
        return CHECK_OK;
    scope_of(p->daemon, p->reading->log, bytes_str("any"), true, &one, error); /* says that there is none yet */
    return CHECK_WRONG;
}

/* As long as events wait under the key, what is here of the person is not all that came: nothing is written yet. */
static enum draft_verdict check_key(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    struct key_record record;
    enum felloe_code code;
    if (draft->new_key != NULL) {
        draft->key = draft->new_key->id;
        memcpy(draft->new_key->site, draft->site, sizeof draft->new_key->site);
        return CHECK_OK;
    }
    if (draft->has_person) {
        const bool same = p->last.has_site && person_id_equal(&p->last.sited, &draft->person) &&
                          strcmp(p->last.site, draft->site) == 0;
        draft->key = key_id_of_person(draft->person);
        if (!same && views_is_waiting(&p->reading->views, bytes_str(draft->site), &draft->key)) {
            felloe_fail(error, FELLOE_NOT_FOUND,
                        "This person's record has come, but not its key yet; try again in a while.");
            return missing(p, FELLOE_NOT_FOUND);
        }
        p->last.sited = draft->person;
        p->last.has_site = true;
        p->last.unasked = draft->text.site.len == 0;
        memcpy(p->last.site, draft->site, sizeof p->last.site);
        return CHECK_OK; /* the writer refuses what it has no key for */
    }
    if (p->last.has_key && strcmp(p->last.key_site, draft->site) == 0) {
        draft->key = p->last.key;
        return CHECK_OK;
    }
    code = keyring_site_key(p->daemon->keyring, bytes_str(draft->site), &record);
    draft->key = record.id;
    explicit_bzero(&record, sizeof record);
    if (code == FELLOE_OK) {
        p->last.key = draft->key;
        p->last.has_key = true;
        memcpy(p->last.key_site, draft->site, sizeof p->last.key_site);
        return CHECK_OK;
    }
    if (keyring_was_read(code))
        felloe_fail(error, FELLOE_DENIED, "The key of the site %s is not on this device.", draft->site);
    else
        keyring_unread(error);
    return CHECK_WRONG;
}

/* ---- fields ---- */

static enum felloe_code resolve_event(void *context, struct bytes text, struct event_id *out,
                                      struct felloe_error *error)
{
    struct preparing *p = context;
    const struct control_draft *draft = &p->drafts->items[p->at].text;
    enum felloe_code code = finder_event(&p->finder, text, out, error);
    if (code == FELLOE_OK || draft->origin.len == 0)
        return code;
    return felloe_fail(error, code, "No entry of the source %.*s that is here or came before has the id %.*s.",
                       (int)(draft->source.len < 80 ? draft->source.len : 80), (const char *)draft->source.data,
                       (int)(text.len < 80 ? text.len : 80), (const char *)text.data);
}

static enum felloe_code resolve_person(void *context, struct bytes text, struct person_id *out,
                                       struct felloe_error *error)
{
    return find_person(context, text, out, error);
}

/* Said before anything is read, and again of the normal form. */
static enum felloe_code check_length(size_t len, struct felloe_error *error)
{
    if (len <= EVENT_SIZE_MAX - EVENT_OVERHEAD)
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_INVALID,
                       "The entry is too long: %zu bytes, and one entry may have %d (some 20 pages). Shorten it, or "
                       "divide it into several.",
                       len, EVENT_SIZE_MAX - EVENT_OVERHEAD);
}

static enum draft_verdict check_fields(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    const struct resolver resolver = {.context = p, .event = resolve_event, .person = resolve_person};
    struct bytes given = draft->text.fields;
    if (check_length(given.len, error) != FELLOE_OK)
        return CHECK_WRONG;
    if (draft->has_origin && !draft_translate(p, draft))
        return CHECK_LATER;
    mp_reader_init(p->r, draft->text.fields);
    enum felloe_code code = FELLOE_INVALID;
    buffer_clear(&p->checked);
    if (!mp_next(p->r))
        felloe_fail(error, code, "The fields of %s cannot be read: too many values, or not a map.", draft->type->name);
    else
        code = catalogue_check(draft->type, p->r, &resolver, &p->checked, error);
    draft->text.fields = given;
    if (code == FELLOE_OK && !draft_keep(p, &p->checked, &draft->fields))
        code = felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    if (code == FELLOE_OK && !draft_place_links(p, draft))
        return CHECK_LATER;
    if (code == FELLOE_OK)
        code = check_length(draft->fields.len, error);
    return code == FELLOE_OK ? CHECK_OK : missing(p, code);
}

/* Last: it depends on the fields. */
static enum draft_verdict check_audience(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    enum felloe_code code = draft_restrict(p, draft, error);
    if (code == FELLOE_OK)
        code = check_length(draft->fields.len, error);
    return code == FELLOE_OK ? CHECK_OK : missing(p, code);
}

/* In the end: what it says is known, and whom it is about. */
static enum draft_verdict check_sense(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    enum draft_verdict verdict = CHECK_OK;
    bool turned;
    if (!draft_turn_link(p, draft, &turned)) {
        felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
        return CHECK_WRONG;
    }
    if (turned) {
        verdict = check_site(p, draft, error);
        if (verdict == CHECK_OK)
            verdict = check_key(p, draft, error);
    }
    const bool later = p->behind && p->at >= p->final;
    if (verdict != CHECK_OK)
        return verdict;
    /* What the laptop wrote a moment ago may be what it does not fit. */
    if (later && draft_asks_record(p, draft))
        return CHECK_LATER;
    if (draft_make_sense(p, draft, error) == FELLOE_OK)
        return CHECK_OK;
    return later ? CHECK_LATER : CHECK_WRONG;
}

/* ---- all of it ---- */

bool draft_is_light(const struct control_draft *text)
{
    const struct type_def *type = catalogue_find(text->type);
    if (!type || text->source.len > 0 || text->origin.len > 0 || sense_reads_record(type))
        return false;
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].kind == KIND_PERSON || type->fields[i].kind == KIND_EVENT)
            return false;
    return true;
}

enum draft_verdict draft_check(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    enum draft_verdict verdict = check_origin(p, draft);
    if (verdict == CHECK_OK)
        verdict = check_type(p, draft, error);
    if (verdict == CHECK_OK)
        verdict = check_person(p, draft, error);
    if (verdict == CHECK_OK)
        verdict = check_site(p, draft, error);
    if (verdict == CHECK_OK)
        verdict = check_key(p, draft, error);
    if (verdict == CHECK_OK)
        verdict = check_fields(p, draft, error);
    if (verdict == CHECK_OK)
        verdict = check_sense(p, draft, error);
    if (verdict == CHECK_OK)
        verdict = check_audience(p, draft, error);
    return verdict;
}
