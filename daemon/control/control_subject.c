/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the subject of an imported event stands for; see control_draft.h. */
#include <stdlib.h>

#include <sodium.h>

#include "daemon/control/control_draft.h"

#define FELLOE_SOURCE "/felloe/"

struct bytes draft_source(const struct control_draft *text)
{
    size_t len = sizeof FELLOE_SOURCE - 1;
    if (text->source.len >= len && memcmp(text->source.data, FELLOE_SOURCE, len) == 0)
        return bytes_of(text->source.data, len - 1);
    return text->source;
}

/* BLAKE2b-128, keyed with the commons key, of "felloe person" NUL device(16) incarnation(4) source NUL subject. */
static struct person_id derive(const struct data_key *commons, const struct device_id *device, uint32_t incarnation,
                               struct bytes source, struct bytes subject)
{
    static const char purpose[] = "felloe person";
    crypto_generichash_state state;
    struct person_id id;
    uint8_t number[4];
    be_put_u32(number, incarnation);
    crypto_generichash_init(&state, commons->b, sizeof commons->b, sizeof id.b);
    crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof purpose);
    crypto_generichash_update(&state, device->b, sizeof device->b);
    crypto_generichash_update(&state, number, sizeof number);
    crypto_generichash_update(&state, source.data, source.len);
    crypto_generichash_update(&state, (const uint8_t *)"", 1);
    crypto_generichash_update(&state, subject.data, subject.len);
    crypto_generichash_final(&state, id.b, sizeof id.b);
    return id;
}

/* Where that cannot be said, the reading has failed, and nothing is recorded: a person would be made twice. */
static bool is_erased(const struct preparing *p, const struct person_id *person)
{
    struct key_id id = key_id_of_person(*person);
    return keyring_erased(p->daemon->keyring, &id, &p->reading->views.unread);
}

static bool has_key(const struct preparing *p, const struct person_id *person)
{
    struct key_id id = key_id_of_person(*person);
    return keyring_has(p->daemon->keyring, &id, &p->reading->views.unread);
}

/* A draft before this one is about the same person, or makes them: there is a key. */
static bool met_before(const struct preparing *p, const struct person_id *person)
{
    const struct record_draft *before = drafts_of_person(p->drafts, person);
    const struct record_draft *maker = drafts_maker(p->drafts, person);
    return (before != NULL && (before->state == DRAFT_READY || before->state == DRAFT_GIVEN)) ||
           (maker != NULL && maker->state != DRAFT_WRONG);
}

static bool need_commons(struct preparing *p)
{
    struct key_record found;
    if (p->last.has_commons)
        return true;
    const enum felloe_code code = keyring_site_key(p->daemon->keyring, bytes_str("commons"), &found);
    p->reading->views.unread |= !keyring_was_read(code);
    p->last.has_commons = code == FELLOE_OK;
    if (p->last.has_commons) {
        p->last.commons = found.key;
        sodium_memzero(&found, sizeof found);
    }
    return p->last.has_commons;
}

struct trying {
    const struct preparing *p;
    const struct data_key *commons;
    struct bytes source, subject;
    struct person_id *found;
    bool has_found, erased;
};

static bool try_device(void *context, const struct views_device *device)
{
    struct trying *t = context;
    struct person_id id = derive(t->commons, &device->device, device->incarnation, t->source, t->subject);
    t->has_found = has_key(t->p, &id);
    t->erased |= is_erased(t->p, &id);
    if (t->has_found)
        *t->found = id;
    return !t->has_found;
}

static bool known_subject(struct preparing *p, const struct data_key *commons, struct bytes source,
                          struct bytes subject, struct person_id *out, bool *erased)
{
    struct trying t = {.p = p, .commons = commons, .source = source, .subject = subject, .found = out};
    const struct identity *me = &p->daemon->identity;
    *erased = false;
    *out = derive(commons, &me->device, event_log_incarnation(p->daemon->log), source, subject);
    if (met_before(p, out) || has_key(p, out))
        return true;
    const struct person_id own = *out;
    for (size_t i = 0; i < p->reading->scope.count && !t.has_found; i++)
        views_devices(&p->reading->views, bytes_str(p->reading->scope.sites[i]), try_device, &t);
    if (!t.has_found)
        *out = own;
    *erased = !t.has_found && (t.erased || is_erased(p, &own));
    return t.has_found;
}

static bool make_key(struct record_draft *draft)
{
    draft->new_key = malloc(sizeof *draft->new_key);
    if (draft->new_key == NULL)
        return false;
    *draft->new_key = (struct key_record){.id = key_id_of_person(draft->person), .kind = KEY_PERSON,
                                          .owner = draft->person};
    random_bytes(draft->new_key->key.b, sizeof draft->new_key->key.b);
    return true;
}

bool draft_new_person(struct record_draft *draft)
{
    random_bytes(draft->person.b, sizeof draft->person.b);
    draft->has_person = true;
    return make_key(draft);
}

bool draft_person_of_subject(struct preparing *p, struct record_draft *draft, struct bytes subject,
                             struct felloe_error *error)
{
    bool erased = false;
    draft->has_person = true;
    if (subject.len == 2 * sizeof draft->person.b && hex_decode(subject, draft->person.b, sizeof draft->person.b)) {
        if (met_before(p, &draft->person) || has_key(p, &draft->person))
            return true;
        erased = is_erased(p, &draft->person);
    }
    if (!need_commons(p)) {
        felloe_fail(error, FELLOE_DENIED, "People can be imported once this device has joined its hub: the key of the "
                                          "site commons is not here yet.");
        return false;
    }
    bool made = true;
    if (!erased && !known_subject(p, &p->last.commons, draft_source(&draft->text), subject, &draft->person, &erased) &&
        !erased)
        made = !p->ahead && make_key(draft); /* it may be the import before this one that makes them */
    if (!made)
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out.") == FELLOE_OK;
    if (erased)
        felloe_fail(error, FELLOE_DENIED,
                    "The record of this person was erased: nothing about them is imported again.");
    return !erased;
}
