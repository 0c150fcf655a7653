/* SPDX-License-Identifier: Apache-2.0 */
/* hub.erase: whom it is about, told first where somebody asks; then person.erased is written into commons, and it is
 * answered when the hub itself has folded it, that is, when the keys are destroyed here. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "daemon/control/control_audit.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_hub.h"
#include "daemon/control/control_query.h"
#include "daemon/views/erased.h"
#include "daemon/views/view_linked.h"
#include "proto/domain/text_fold.h"

/* Writing the keyring anew takes moments; of a large backlog the fold may take longer. */
#define ERASE_WAIT_MS 60000u
#define EVENTS_MAX 8u /* each with ERASURE_KEYS_MAX keys */
#define NAME_SIZE 200

struct erasing {
    struct control_request *request;
    struct log_job job;
    struct log_draft drafts[EVENTS_MAX];
    struct buffer fields[EVENTS_MAX];
    struct felloe_error error;
    bool look, reads;         /* whoever asks may read: else no name is told, and none is looked up */
    struct person_id person;
    char name[NAME_SIZE];
    bool already;             /* they were erased before */
    struct views_erased before;
    uint64_t entries;
    char sites[SITES_MAX][SLUG_MAX + 1];
    uint32_t site_count;
    struct buffer linked;     /* [id, name] each */
    uint32_t linked_count;
    struct key_id *keys;      /* restricted ones */
    size_t key_count, key_cap;
    struct control_shown shown;
};

static void release(void *state)
{
    struct erasing *e = state;
    for (size_t i = 0; i < EVENTS_MAX; i++)
        buffer_release(&e->fields[i]);
    buffer_release(&e->linked);
    control_shown_release(&e->shown);
    free(e->keys);
    sodium_memzero(e, sizeof *e);
    free(e);
}

/* ---- whom it is about, on the pool ---- */

struct counting {
    struct erasing *e;
    struct views_txn *views;
    struct bytes site;
};

static bool count_native(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct counting *c = context;
    struct views_event event;
    (void)sort, (void)ref;
    c->e->entries += !views_get_event(c->views, id, c->site, &event) || !(event.flags & VIEWS_COPIED);
    return true;
}

static void count_entries(struct erasing *e, struct reading *reading)
{
    for (size_t i = 0; i < reading->scope.count; i++) {
        struct counting counting = {e, &reading->views, bytes_str(reading->scope.sites[i])};
        views_timeline(&reading->views, counting.site, &e->person, NULL, count_native, &counting);
        views_restricted_timeline(&reading->views, counting.site, &e->person, NULL, count_native, &counting);
        if (views_has_document(&reading->views, counting.site, &e->person))
            memcpy(e->sites[e->site_count++], reading->scope.sites[i], sizeof e->sites[0]);
    }
}

static void find_linked(struct erasing *e, struct reading *reading, struct finder *finder)
{
    struct person_id people[LINKED_MAX];
    const size_t count = query_linked(&reading->views, &reading->scope, &e->person, people);
    for (size_t i = 1; i < count; i++) {
        char name[NAME_SIZE];
        finder_name_of(finder, &people[i], name, sizeof name);
        mp_put_array(&e->linked, 2);
        mp_put_bin(&e->linked, people[i].b, sizeof people[i].b);
        mp_put_text(&e->linked, name);
        e->linked_count++;
        control_shown_add(&e->shown, &people[i]);
    }
}

static bool add_key(void *context, const struct key_record *record)
{
    struct erasing *e = context;
    if (record->kind != KEY_PERSON_AUDIENCE || !person_id_equal(&record->owner, &e->person))
        return true;
    if (e->key_count == e->key_cap) {
        size_t cap = e->key_cap > 0 ? 2 * e->key_cap : 16;
        struct key_id *grown = realloc(e->keys, cap * sizeof *grown);
        if (grown == NULL)
            return e->error.code == FELLOE_OK && felloe_fail(&e->error, FELLOE_FAILED, "Memory ran out.") == FELLOE_OK;
        e->keys = grown;
        e->key_cap = cap;
    }
    e->keys[e->key_count++] = record->id;
    return true;
}

/* An id written out is taken as it stands: the hub may have lost what it had of them. */
static enum felloe_code find_person(struct control_request *request, struct reading *reading, struct finder *finder)
{
    struct erasing *e = request->state;
    struct bytes text = control_arg_text(request, "person");
    size_t site;
    if (text.len == 0)
        return felloe_fail(&e->error, FELLOE_USAGE, "Say whom: a person's id, the beginning of it, or a name.");
    if (text.len != 2 * sizeof e->person.b || !hex_decode(text, e->person.b, sizeof e->person.b))
        return finder_person(finder, text, &e->person, &site, &e->error);
    e->already = views_get_erased(&reading->views, &e->person, &e->before);
    return FELLOE_OK;
}

/* The basis stays readable for ever: it must not say what is to be erased. */
static enum felloe_code check_basis(struct control_request *request)
{
    struct erasing *e = request->state;
    struct bytes basis = control_arg_text(request, "basis");
    struct buffer plain = {0}, name = {0};
    text_fold(basis, &plain);
    text_fold(bytes_str(e->name), &name);
    bool names = name.len > 1 && plain.len > 0 && memmem(plain.data, plain.len, name.data, name.len) != NULL;
    buffer_release(&plain);
    buffer_release(&name);
    if (basis.len == 0)
        return felloe_fail(&e->error, FELLOE_USAGE, "Say on which basis the record is erased: --basis TEXT.");
    if (basis.len >= ERASED_BASIS_MAX - 12)
        return felloe_fail(&e->error, FELLOE_INVALID, "The basis is too long: at most 500 bytes.");
    if (names)
        return felloe_fail(&e->error, FELLOE_INVALID,
                           "The basis names the person, and stays when all else of them is gone: say it without the "
                           "name.");
    return FELLOE_OK;
}

/* Also for who may not read it: the basis is compared with it. */
static void find_name(struct erasing *e, struct reading *reading)
{
    struct buffer name = {0};
    for (size_t i = 0; i < reading->scope.count && name.len == 0; i++)
        views_get_name(&reading->views, bytes_str(reading->scope.sites[i]), &e->person, &name);
    if (!bytes_to_text(buffer_bytes(&name), e->name, sizeof e->name))
        e->name[0] = '\0';
    buffer_release(&name);
}

static void find(struct control_request *request)
{
    struct erasing *e = request->state;
    struct reading reading;
    struct finder finder;
    if (reading_begin(&reading, request->daemon, (struct bytes){0}, &e->error) != FELLOE_OK)
        return;
    finder_init(&finder, request->daemon, &reading.views, reading.log, &reading.scope);
    finder.without_names = !e->reads;
    if (find_person(request, &reading, &finder) == FELLOE_OK && !e->already) {
        find_name(e, &reading);
        count_entries(e, &reading);
        find_linked(e, &reading, &finder);
        control_shown_add(&e->shown, &e->person);
        if (e->look || check_basis(request) == FELLOE_OK)
            keyring_visit(request->daemon->keyring, add_key, e);
    }
    control_shown_told(&e->shown, &finder);
    finder_release(&finder);
    reading_finish(&reading, request->daemon, &e->error);
}

/* ---- the answer ---- */

static void answer(struct control_request *request)
{
    struct erasing *e = request->state;
    struct buffer *out = &request->out;
    size_t begin = control_frame_begin(out);
    control_put_end(out, e->already ? 4 : 7);
    mp_put_text(out, "person");
    mp_put_bin(out, e->person.b, sizeof e->person.b);
    mp_put_text(out, "already");
    mp_put_bool(out, e->already);
    if (e->already) {
        mp_put_text(out, "erased");
        mp_put_int(out, e->before.ms);
        mp_put_text(out, "basis");
        mp_put_text(out, e->before.basis);
    } else {
        mp_put_text(out, "names");
        mp_put_bool(out, e->reads);
        mp_put_text(out, "known_as");
        mp_put_text(out, e->reads ? e->name : "");
        mp_put_text(out, "entries");
        mp_put_uint(out, e->entries);
        mp_put_text(out, "sites");
        mp_put_array(out, e->site_count);
        for (uint32_t i = 0; i < e->site_count; i++)
            mp_put_text(out, e->sites[i]);
        mp_put_text(out, "linked");
        mp_put_array(out, e->linked_count);
        buffer_append(out, e->linked.data, e->linked.len);
    }
    control_frame_end(out, begin);
    control_finish(request);
}

/* ---- recording ---- */

/* What a revoked laptop handed over of them is in quarantine, with keys. */
static void cleaned(struct log_job *job)
{
    struct erasing *e = job->context;
    if (job->code != FELLOE_OK)
        control_fail(e->request, &job->error);
    else
        answer(e->request);
}

static void erased(struct control_request *request)
{
    struct erasing *e = request->state;
    struct felloe_error stuck = {0};
    const struct key_id own = key_id_of_person(e->person);
    if (keyring_erased(request->daemon->keyring, &own, NULL)) {
        e->job = (struct log_job){.kind = LOG_CLEAN_ASIDE, .done = cleaned, .context = e};
        event_log_submit(request->daemon->log, &e->job);
        return;
    }
    projector_stuck(request->daemon->projector, &stuck);
    felloe_fail(&e->error, FELLOE_STORAGE,
                "It is written down that they are to be erased, and the laptops hear of it; this hub could not do it "
                "yet, and tries again by itself%s%s",
                stuck.message[0] ? ": " : ".", stuck.message);
    control_fail(request, &e->error);
}

static void recorded(struct log_job *job)
{
    struct erasing *e = job->context;
    struct control_request *request = e->request;
    if (job->code != FELLOE_OK) {
        control_fail(request, &job->error);
        return;
    }
    driver_recorded(request->daemon->driver, job);
    control_wait_commits(request, event_log_commits(request->daemon->log), ERASE_WAIT_MS, erased);
}

static size_t make_drafts(struct control_request *request, const struct key_id *commons)
{
    struct erasing *e = request->state;
    struct erasure erasure = {e->person, control_arg_text(request, "basis"), {0}};
    size_t count = 0, told = 0;
    do {
        struct log_draft *draft = &e->drafts[count];
        const size_t left = e->key_count - told, now = left < ERASURE_KEYS_MAX ? left : ERASURE_KEYS_MAX;
        erasure.keys = bytes_of(e->keys + told, now * sizeof *e->keys);
        erasure_put(&erasure, &e->fields[count]);
        draft->body = (struct event_body){.type = bytes_str(ERASURE_TYPE),
                                          .worker = bytes_str(request->daemon->identity.worker),
                                          .fields = buffer_bytes(&e->fields[count])};
        draft->key = *commons;
        projector_seen(request->daemon->projector, bytes_str(ERASURE_SITE), &draft->seen);
        told += now;
        if (e->fields[count++].failed)
            return 0;
    } while (told < e->key_count && count < EVENTS_MAX); /* what is not named goes along as theirs all the same */
    return count;
}

static void record(struct control_request *request)
{
    struct erasing *e = request->state;
    struct key_record commons;
    enum felloe_code code = keyring_site_key(request->daemon->keyring, bytes_str(ERASURE_SITE), &commons);
    const struct key_id key = commons.id;
    sodium_memzero(&commons, sizeof commons);
    const size_t count = code == FELLOE_OK ? make_drafts(request, &key) : 0;
    if (count == 0) {
        felloe_fail(&e->error, code == FELLOE_OK ? FELLOE_FAILED : code,
                    code == FELLOE_OK ? "Memory ran out." : "The key of the site commons is not here.");
        control_fail(request, &e->error);
        return;
    }
    e->request = request;
    e->job = (struct log_job){.kind = LOG_RECORD, .done = recorded, .context = e, .drafts = e->drafts,
                              .draft_count = count};
    snprintf(e->job.site, sizeof e->job.site, "%s", ERASURE_SITE);
    event_log_submit(request->daemon->log, &e->job);
}

static void found(struct control_request *request)
{
    struct erasing *e = request->state;
    if (e->error.code == FELLOE_OK && e->linked.failed)
        felloe_fail(&e->error, FELLOE_FAILED, "Memory ran out.");
    if (e->error.code != FELLOE_OK)
        control_audit_fail(request, &e->shown, "before-erase", &e->error);
    else
        control_audit(request, &e->shown, e->look || e->already ? "before-erase" : "erase", "",
                      e->look || e->already ? answer : record);
}

static void begin(struct control_request *request)
{
    control_work(request, find, found, NULL);
}

void control_verb_HUB_ERASE(struct control_request *request)
{
    struct erasing *e = control_hub_begin(request, sizeof *e, release, "Only the hub erases");
    struct felloe_error refused;
    if (e == NULL)
        return;
    e->look = control_arg_bool(request, "look", false);
    e->reads = control_gate_reads(request, &refused) == FELLOE_OK;
    control_wait_views(request, begin);
}
