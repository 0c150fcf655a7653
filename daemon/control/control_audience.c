/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read an entry, and the key that says so. The catalogue says which types have an audience; what speaks of a
 * restricted entry (its outcome, its settlement, that it was wrong) is for that entry's audience without being told.
 *
 * The author is in the audience, and whoever's laptop it is written on. A key that is here for just these workers is
 * used again; else a new one is made, and goes to the hub with the entry. */
#include <stdlib.h>

#include <sodium.h>

#include "daemon/control/control_draft.h"
#include "daemon/views/views_shares.h"

/* ---- the entry that it speaks of ---- */

struct spoken {
    struct preparing *p;
    const char *site;
    bool known;            /* the latest one, in any site */
    bool here, restricted; /* any of them, in this one */
    bool lacking;          /* one that could be restricted is not known, or not yet */
    struct key_id key;     /* of a restricted one */
    struct audience members;
};

static bool look_at_entry(void *context, const struct event_id *id, struct bytes site, const struct views_event *event)
{
    struct spoken *spoken = context;
    struct views_txn *views = &spoken->p->reading->views;
    struct key_record key;
    enum felloe_code code = FELLOE_NOT_FOUND;
    spoken->known = true;
    if (!bytes_is(site, spoken->site))
        return true;
    spoken->here = true;
    if (views_restricted_key(views, id, site, event, &spoken->key))
        code = keyring_get(spoken->p->daemon->keyring, &spoken->key, &key);
    views->unread |= !keyring_was_read(code); /* then nothing of the request is recorded: it might be for all to read */
    spoken->restricted = code == FELLOE_OK;
    if (spoken->restricted)
        spoken->members = key.members;
    sodium_memzero(&key, sizeof key);
    return false;
}

/* One of this request, which the views may not know of. */
static void take_draft(struct spoken *spoken, const struct record_draft *before)
{
    spoken->here = true;
    spoken->restricted = before->readers != NULL;
    spoken->key = before->key;
    spoken->members = before->readers != NULL ? *before->readers : (struct audience){0};
}

static bool saved_before(struct spoken *spoken, const struct event_id *id)
{
    const struct record_drafts *drafts = spoken->p->drafts;
    for (size_t i = spoken->p->at; i-- > 0;)
        if (drafts->items[i].state == DRAFT_SAVED && event_id_equal(&drafts->items[i].id, id)) {
            take_draft(spoken, &drafts->items[i]);
            return true;
        }
    return false;
}

/* `refers`: the type that the entry has to be of; NULL: any. One that cannot be for some hides nothing by not being
 * here. */
static void look_up(struct spoken *spoken, const struct event_id *id, const struct type_def *refers)
{
    static const struct event_id to_be_put; /* by the log, of a link */
    if (spoken->restricted || event_id_equal(id, &to_be_put))
        return;
    spoken->known = false;
    views_events(&spoken->p->reading->views, bytes_of(id->b, sizeof id->b), look_at_entry, spoken);
    if (refers == NULL || refers->audience != AUDIENCE_NONE)
        spoken->lacking |= !spoken->known && !saved_before(spoken, id);
}

static void look_at_links(struct spoken *spoken, const struct record_draft *draft)
{
    for (size_t i = 0; i < draft->link_count && !spoken->restricted; i++)
        take_draft(spoken, &spoken->p->drafts->items[draft->links[i].of]);
}

/* Of the fields in their normal form: the entries that they name, also as hex (what is settled), and the audience. */
static void read_fields(struct preparing *p, const struct record_draft *draft, struct spoken *spoken,
                        struct audience *given, bool *too_many)
{
    struct mp_reader *r = p->r;
    struct event_id id;
    look_at_links(spoken, draft);
    mp_reader_init(r, draft->fields);
    uint32_t pairs = mp_next(r) ? mp_map(r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < pairs && !r->failed; i++) {
        struct bytes name = mp_str(r, 0, EVENT_SIZE_MAX);
        const struct field_def *field = catalogue_field(draft->type, name);
        if (bytes_is(name, "audience") && mp_peek(r) == MP_ARRAY) {
            for (uint32_t left = mp_array(r, 0, MP_TAPE_MAX); left > 0 && !r->failed; left--)
                *too_many |= !audience_add(given, mp_str(r, 1, SLUG_MAX));
        } else if (field != NULL && field->kind == KIND_EVENT && mp_peek(r) == MP_BIN) {
            mp_fixed(r, id.b, sizeof id.b);
            look_up(spoken, &id, field_refers(field));
        } else if (bytes_is(name, "which") && mp_peek(r) == MP_STR) {
            struct bytes text = mp_str(r, 0, EVENT_SIZE_MAX);
            if (text.len == 2 * sizeof id.b && hex_decode(text, id.b, sizeof id.b))
                look_up(spoken, &id, NULL);
        } else {
            mp_skip(r);
        }
    }
}

/* ---- workers ---- */

struct knowing {
    struct mp_reader *r;
    const struct audience *asked;
    bool known[AUDIENCE_MAX];
};

static bool note_known(void *context, const struct views_row *row)
{
    struct knowing *k = context;
    mp_reader_init(k->r, row->cells);
    uint32_t count = mp_next(k->r) ? mp_array(k->r, 0, MP_TAPE_MAX) : 0;
    _Static_assert(WORKER_ID == 0, "the first column");
    if (count == 0 || mp_peek(k->r) != MP_STR)
        return true;
    struct bytes worker = mp_str(k->r, 1, SLUG_MAX);
    for (uint8_t i = 0; i < k->asked->count; i++)
        k->known[i] |= bytes_is(worker, k->asked->workers[i]);
    return true;
}

/* With a person whom another team supports, too, its workers may be meant: they are all in commons. */
static bool is_shared(struct preparing *p, const struct record_draft *draft)
{
    struct views_share share;
    return draft->has_person && views_get_share(&p->reading->views, bytes_str(draft->site), &draft->person, &share);
}

/* A name that nobody has here would be a key for nobody. (What is imported names whoever was there.) */
static enum felloe_code check_known(struct preparing *p, const struct record_draft *draft, const struct audience *asked,
                                    struct felloe_error *error)
{
    struct knowing k = {.r = p->r, .asked = asked};
    if (draft->has_origin)
        return FELLOE_OK;
    views_rows(&p->reading->views, bytes_str(draft->site), VIEW_WORKERS, (struct bytes){0}, note_known, &k);
    if (is_shared(p, draft))
        views_rows(&p->reading->views, bytes_str("commons"), VIEW_WORKERS, (struct bytes){0}, note_known, &k);
    for (uint8_t i = 0; i < asked->count; i++)
        if (!k.known[i] && !bytes_is(draft->worker, asked->workers[i]))
            return felloe_fail(error, FELLOE_NOT_FOUND,
                               "Nobody in %s is known as %s, so nobody could be let read it. `felloe workers` lists "
                               "who is.",
                               draft->site, asked->workers[i]);
    return FELLOE_OK;
}

/* ---- the key ---- */

static bool is_like(const struct key_record *a, const struct key_record *b)
{
    return a->kind == b->kind && person_id_equal(&a->owner, &b->owner) && strcmp(a->site, b->site) == 0 &&
           audience_equal(&a->members, &b->members);
}

/* One that an entry before this one in the request makes. */
static bool made_before(const struct preparing *p, const struct key_record *like, struct key_id *out)
{
    for (size_t i = p->at; i-- > 0;) {
        const struct record_draft *before = &p->drafts->items[i];
        if (before->audience_key != NULL && before->state != DRAFT_WRONG && is_like(before->audience_key, like)) {
            *out = before->audience_key->id;
            return true;
        }
    }
    return false;
}

static enum felloe_code find_key(struct preparing *p, struct record_draft *draft, const struct audience *members,
                                 struct felloe_error *error)
{
    struct key_record like = {.kind = draft->has_person ? KEY_PERSON_AUDIENCE : KEY_SITE_AUDIENCE,
                              .owner = draft->has_person ? draft->person : PERSON_ID_NONE, .members = *members}, found;
    memcpy(like.site, draft->site, sizeof like.site);
    if (made_before(p, &like, &draft->key))
        return FELLOE_OK;
    enum felloe_code code = keyring_audience_key(p->daemon->keyring, &like, &found);
    draft->key = found.id;
    sodium_memzero(&found, sizeof found);
    if (code == FELLOE_OK)
        return code;
    if (code != FELLOE_NOT_FOUND)
        return felloe_fail(error, code, "The keyring of this device cannot be read.");
    random_bytes(like.id.b, sizeof like.id.b);
    random_bytes(like.key.b, sizeof like.key.b);
    draft->audience_key = malloc(sizeof like);
    if (draft->audience_key != NULL)
        *draft->audience_key = like;
    draft->key = like.id;
    sodium_memzero(&like, sizeof like);
    return draft->audience_key != NULL ? FELLOE_OK : felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
}

static bool keep_readers(struct record_draft *draft, const struct audience *members)
{
    draft->readers = malloc(sizeof *draft->readers);
    if (draft->readers != NULL)
        *draft->readers = *members;
    return draft->readers != NULL;
}

/* ---- what is written ---- */

/* The entry says who may read it: all of them, in the order of their ids. */
static enum felloe_code write_audience(struct preparing *p, struct record_draft *draft, const struct audience *members,
                                       struct felloe_error *error)
{
    struct mp_reader *r = p->r;
    struct buffer fields = {0}, others = {0};
    uint32_t kept = 0;
    if (!catalogue_field(draft->type, bytes_str("audience")))
        return FELLOE_OK;
    mp_reader_init(r, draft->fields);
    uint32_t pairs = mp_next(r) ? mp_map(r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < pairs && !r->failed; i++) {
        struct bytes name = mp_str(r, 0, EVENT_SIZE_MAX);
        if (bytes_is(name, "audience")) {
            mp_skip(r);
            continue;
        }
        mp_put_str(&others, name);
        mp_copy(r, &others);
        kept++;
    }
    mp_put_map(&fields, kept + 1);
    buffer_append(&fields, others.data, others.len);
    mp_put_text(&fields, "audience");
    mp_put_array(&fields, members->count);
    for (uint8_t i = 0; i < members->count; i++)
        mp_put_text(&fields, members->workers[i]);
    bool fine = !r->failed && !others.failed && draft_keep(p, &fields, &draft->fields);
    buffer_release(&others);
    buffer_release(&fields);
    return fine ? FELLOE_OK : felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
}

/* What tells the others that there is an entry. What another Felloe exported has it in the file. */
static enum felloe_code write_companion(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    if (draft->type->audience != AUDIENCE_KNOWN || bytes_is(draft_source(&draft->text), "/felloe"))
        return FELLOE_OK;
    struct buffer fields = {0};
    mp_put_map(&fields, 1);
    mp_put_pair(&fields, "kind", draft->type->name);
    bool kept = draft_keep(p, &fields, &draft->companion);
    buffer_release(&fields);
    return kept ? FELLOE_OK : felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
}

/* ---- all of it ---- */

bool draft_speaks_of_restricted(struct preparing *p, const struct record_draft *draft)
{
    struct spoken spoken = {.p = p, .site = draft->site};
    struct audience given = {0};
    read_fields(p, draft, &spoken, &given, &(bool){false});
    return spoken.restricted;
}

static enum felloe_code too_many(struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_INVALID, "At most %d workers may read one entry, its author among them.",
                       AUDIENCE_MAX);
}

/* Who they are besides those who were named: the author, and whoever's laptop this is. */
static enum felloe_code add_writers(struct preparing *p, const struct record_draft *draft, struct audience *members,
                                    struct felloe_error *error)
{
    const struct identity *me = &p->daemon->identity;
    bool fits = audience_add(members, draft->worker);
    if (me->role == ROLE_SPOKE && me->worker[0] != '\0')
        fits = audience_add(members, bytes_str(me->worker)) && fits;
    if (!fits)
        return too_many(error);
    if (members->count < AUDIENCE_MIN)
        return felloe_fail(error, FELLOE_INVALID,
                           "%s is restricted: name at least one other worker who may read it (audience=WORKER).",
                           draft->type->name);
    return FELLOE_OK;
}

/* An audience that was named, or that of the entry spoken of. */
static enum felloe_code restrict_to(struct preparing *p, struct record_draft *draft, const struct audience *given,
                                    const struct spoken *spoken, struct felloe_error *error)
{
    struct audience members = given->count > 0 ? *given : spoken->members;
    enum felloe_code code = FELLOE_OK;
    /* By key, not by courtesy: a second worker's passphrase opens no restricted key here. */
    if (!p->daemon->whole)
        code = felloe_fail(error, FELLOE_DENIED,
                           "%s is restricted, and this laptop is unlocked by %s: restricted entries are written and "
                           "read here by %s alone, whose laptop it is. Write it on your own.",
                           draft->type->name, p->daemon->worker, p->daemon->identity.worker);
    /* The person's own key would be used by nothing, and so reach nobody: neither would the entry. */
    if (code == FELLOE_OK && draft->new_key != NULL && draft->type->audience != AUDIENCE_KNOWN)
        code = felloe_fail(error, FELLOE_INVALID,
                           "Nobody knows the person yet: introduce them first, then write what is for some workers.");
    if (code == FELLOE_OK && given->count > 0)
        code = check_known(p, draft, given, error);
    if (code == FELLOE_OK)
        code = add_writers(p, draft, &members, error);
    if (code == FELLOE_OK)
        code = find_key(p, draft, &members, error);
    if (code == FELLOE_OK)
        code = write_audience(p, draft, &members, error);
    if (code == FELLOE_OK && !keep_readers(draft, &members))
        code = felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    return code == FELLOE_OK ? write_companion(p, draft, error) : code;
}

/* Has it readers of its own, or a field that can name an entry which has? */
static bool may_be_restricted(const struct type_def *type)
{
    bool may = type->audience != AUDIENCE_NONE;
    for (size_t i = 0; i < type->field_count && !may; i++)
        may = type->fields[i].kind == KIND_EVENT || strcmp(type->fields[i].name, "which") == 0;
    return may;
}

enum felloe_code draft_restrict(struct preparing *p, struct record_draft *draft, struct felloe_error *error)
{
    const struct type_def *type = draft->type;
    free(draft->readers);
    draft->readers = NULL;
    if (!may_be_restricted(type))
        return FELLOE_OK;
    struct spoken spoken = {.p = p, .site = draft->site};
    struct audience given = {0};
    bool overfull = false;
    read_fields(p, draft, &spoken, &given, &overfull);
    if (overfull)
        return too_many(error);
    /* What is for some must not be spoken of to all. */
    if (spoken.lacking && !spoken.restricted && (p->behind || p->ahead) && p->at >= p->final)
        return felloe_fail(error, FELLOE_NOT_FOUND, "The entry that it speaks of is not known here yet.");
    if (spoken.lacking && !spoken.restricted && type->audience == AUDIENCE_NONE && !draft->has_origin)
        return felloe_fail(error, FELLOE_NOT_FOUND,
                           "The entry that it speaks of is not here, or is for some workers only: then one of them has "
                           "to write this, or everybody could read it.");
    if (type->audience == AUDIENCE_NONE && spoken.restricted) {
        draft->key = spoken.key;
        return keep_readers(draft, &spoken.members) ? FELLOE_OK
                                                    : felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    }
    if (type->audience == AUDIENCE_NONE || (type->audience == AUDIENCE_MAY && given.count == 0))
        return FELLOE_OK;
    if (given.count == 0 && !spoken.here && catalogue_field(type, bytes_str("of")))
        return felloe_fail(error, FELLOE_NOT_FOUND,
                           "The entry that it is about cannot be read here, so it is not known who may read this one: "
                           "name them (audience=WORKER).");
    return restrict_to(p, draft, &given, &spoken, error);
}
