/* SPDX-License-Identifier: Apache-2.0 */
/* record: drafts in, ids out, once they survive power loss.
 *
 *   wait for the views when somebody is named by name -> prepare (pool; what is light, the loop: control_group.h) ->
 *   one job of the log a site -> answer
 *
 * Imports go one after the other; while one is committed the next is prepared as far as it does not depend on it.
 *
 * A draft that names what is not there yet (an entry of this very request, or of the last moment) is put off once: what
 * comes before it is recorded and folded first. */
#include <stdlib.h>

#include "daemon/control/control_group.h"
#include "daemon/control/control_inside.h"
#include "daemon/control/control_record.h"

#define DRAFTS_MAX 4096u
/* So much at most is checked by the loop itself, if it is also light. */
#define LIGHT_DRAFTS 4u
#define LIGHT_BYTES  8192u
/* How long an import waits for the views to have folded what came from elsewhere, so that it is recognised. */
#define IMPORT_WAIT_MS 60000u
/* More than this the loop does not read itself; for less a thread is not worth waking. */
#define READ_AT_ONCE (16u * 1024)
/* So many are a piece of an import, or of a bulk append. */
#define MANY_DRAFTS 100u

static void release(void *state)
{
    struct recording *r = state;
    for (size_t i = 0; i < r->drafts.count; i++) {
        struct record_draft *draft = &r->drafts.items[i];
        draft_drop_keys(draft);
        free(draft->error);
        free(draft->warning);
    }
    while (r->ready != NULL) {
        struct record_job *next = r->ready->next;
        record_job_release(r->ready);
        r->ready = next;
    }
    control_shown_release(&r->shown);
    buffer_release(&r->made.drafts);
    buffer_release(&r->made.summary);
}

/* ---- the answer ---- */

static void put_result(struct buffer *out, const struct record_draft *draft)
{
    const struct felloe_error no_memory = {FELLOE_FAILED, "Memory ran out."};
    if (draft->state == DRAFT_WRONG) {
        const struct felloe_error *error = draft->error ? draft->error : &no_memory;
        mp_put_map(out, 2);
        mp_put_text(out, "error");
        mp_put_text(out, error->message);
        mp_put_text(out, "code");
        mp_put_uint(out, (uint64_t)error->code);
        return;
    }
    mp_put_map(out, 1u + draft->has_person + (draft->warning != NULL));
    mp_put_text(out, draft->state == DRAFT_KNOWN ? "known" : "id");
    mp_put_bin(out, draft->id.b, sizeof draft->id.b);
    if (draft->has_person) {
        mp_put_text(out, "person");
        mp_put_bin(out, draft->person.b, sizeof draft->person.b);
    }
    if (draft->warning) {
        mp_put_text(out, "warning");
        mp_put_text(out, draft->warning);
    }
}

/* Without `partly` one wrong draft keeps all out: its error is the request's. (Only where a batch is for several sites
 * can it be that one site's entries are saved and another's are not, when the disk fills up between the two: then each
 * entry says what became of it.) */
static bool keeps_all_out(struct recording *r)
{
    for (size_t i = 0; i < r->drafts.count; i++)
        if (r->drafts.items[i].state == DRAFT_SAVED)
            return false;
    for (size_t i = 0; i < r->drafts.count && !r->partly; i++) {
        const struct record_draft *draft = &r->drafts.items[i];
        if (draft->state != DRAFT_WRONG)
            continue;
        const char *why = draft->error ? draft->error->message : "Memory ran out.";
        enum felloe_code code = draft->error ? draft->error->code : FELLOE_FAILED;
        if (r->drafts.count == 1)
            felloe_fail(&r->error, code, "%s", why);
        else
            felloe_fail(&r->error, code, "Nothing was recorded. Entry %zu: %s", i + 1, why);
        return true;
    }
    return false;
}

static bool any_wrong(const struct recording *r)
{
    for (size_t i = 0; i < r->drafts.count; i++)
        if (r->drafts.items[i].state == DRAFT_WRONG)
            return true;
    return false;
}

/* Before its batch is folded, another is likely to have come. */
static void tell_projector(const struct recording *r)
{
    if (r->drafts.count >= MANY_DRAFTS && r->request->daemon->projector != NULL)
        projector_expect(r->request->daemon->projector);
}

static void finish(struct control_request *request)
{
    struct recording *r = request->state;
    tell_projector(r);
    struct control_data data = {0};
    uint64_t saved = 0, known = 0, failed = 0;
    if (r->has_imports)
        control_import_leave(request);
    if (r->error.code != FELLOE_OK || keeps_all_out(r)) {
        control_fail(request, &r->error);
        return;
    }
    for (size_t i = 0; i < r->drafts.count; i++) {
        const struct record_draft *draft = &r->drafts.items[i];
        saved += draft->state == DRAFT_SAVED;
        known += draft->state == DRAFT_KNOWN;
        failed += draft->state == DRAFT_WRONG;
        control_data_item(&data, &request->out);
        put_result(&request->out, draft);
    }
    control_data_end(&data);
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 3 + r->made.summary_count);
    mp_put_text(&request->out, "saved");
    mp_put_uint(&request->out, saved);
    mp_put_text(&request->out, "known");
    mp_put_uint(&request->out, known);
    mp_put_text(&request->out, "failed");
    mp_put_uint(&request->out, failed);
    buffer_append(&request->out, r->made.summary.data, r->made.summary.len);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

/* ---- jobs of the log ---- */

static void go_on(struct control_request *request);

static void take_outcome(struct record_job *job)
{
    struct recording *r = job->recording;
    for (size_t i = 0; i < job->log.draft_count; i++) {
        if (job->index[i] == RECORD_COMPANION)
            continue;
        struct record_draft *draft = &r->drafts.items[job->index[i]];
        const struct log_draft *given = &job->log.drafts[i];
        if (job->log.code != FELLOE_OK) {
            draft->state = DRAFT_WRONG;
            draft->error = malloc(sizeof *draft->error);
            if (draft->error)
                felloe_fail(draft->error, job->log.code, "%s", job->log.error.message);
            continue;
        }
        draft->state = given->known ? DRAFT_KNOWN : DRAFT_SAVED;
        draft->id = given->id;
        draft->person = given->person;
        draft->has_person = !person_id_is_none(&given->person);
    }
}

/* Of what one commit saved in a site the last one tells sync of all. */
static bool told_by_later(const struct log_job *log)
{
    for (const struct queue_item *item = log->link.next; item != NULL; item = item->next) {
        const struct log_job *later = (const struct log_job *)item;
        if (later->done == log->done && later->code == FELLOE_OK && strcmp(later->site, log->site) == 0)
            return true;
    }
    return false;
}

static void job_done(struct log_job *log)
{
    struct record_job *job = (struct record_job *)log;
    struct recording *r = job->recording;
    take_outcome(job);
    if (log->code == FELLOE_OK && !told_by_later(log))
        driver_recorded(r->request->daemon->driver, log);
    record_job_release(job);
    if (--r->jobs == 0)
        go_on(r->request);
}

/* Gives what is ready to the log; false when there was nothing. */
static bool submit_ready(struct recording *r)
{
    struct daemon *daemon = r->request->daemon;
    r->jobs = 1; /* ours, until all are given */
    while (r->ready) {
        struct record_job *job = r->ready;
        r->ready = job->next;
        r->jobs++;
        control_group_submit(control_group_of(daemon->control), &job->log);
    }
    return --r->jobs > 0;
}

/* ---- drafts ---- */

/* Is a person named in a way that needs the views to be up to date? A whole id does not. */
static bool needs_views(const struct control_draft *text)
{
    struct person_id id;
    return text->person.len > 0 && !bytes_is(text->person, "@new") && !bytes_is(text->person, "@same") &&
           !hex_decode(text->person, id.b, sizeof id.b);
}

static bool grow(struct recording *r, size_t *cap)
{
    *cap *= 4;
    struct record_draft *grown = *cap > DRAFTS_MAX ? NULL : arena_take(r->drafts.arena, *cap * sizeof *grown);
    if (grown == NULL)
        return false;
    memcpy(grown, r->drafts.items, r->drafts.count * sizeof *grown);
    r->drafts.items = grown;
    return true;
}

static bool read_drafts(struct recording *r, struct bytes items)
{
    struct mp_reader reader MP_UNSET;
    size_t cap = 1;
    bool ok = true;
    r->drafts.items = &r->alone;
    mp_reader_init(&reader, items);
    while (ok && mp_next(&reader)) {
        ok = r->drafts.count < cap || grow(r, &cap);
        if (!ok)
            break;
        struct record_draft *draft = &r->drafts.items[r->drafts.count++];
        *draft = (struct record_draft){0};
        ok = control_read_draft(&reader, &draft->text);
        r->has_imports |= draft->text.source.len > 0;
        r->has_others |= draft->text.source.len == 0;
        r->by_name |= needs_views(&draft->text);
    }
    return ok && mp_done(&reader);
}

/* In the same reading as they are checked in. */
static void make_drafts(struct recording *r, struct reading *reading)
{
    if (r->make(r->request, reading, &r->made, &r->error) != FELLOE_OK)
        return;
    if (r->made.drafts.failed || r->made.summary.failed ||
        !read_drafts(r, buffer_bytes(&r->made.drafts)))
        felloe_fail(&r->error, FELLOE_FAILED, "Memory ran out.");
}

/* What was checked in a reading that failed was not checked. */
static void tell_unread(struct recording *r, struct reading *reading)
{
    if (!log_reader_failed(reading->log, &r->error) && !reading_tell_failed(reading, &r->error) &&
        reading_failed(reading))
        reading_tell_damage(r->request->daemon, &r->error);
}

static void prepare_in(struct control_request *request, struct checking *in)
{
    struct recording *r = request->state;
    struct mp_reader reader MP_UNSET;
    struct preparing p = {.daemon = request->daemon, .request = request, .drafts = &r->drafts,
                          .reading = &in->reading, .behind = in->behind, .shown = &r->shown, .hides = r->hides,
                          .final = r->final, .r = &reader};
    if (r->drafts.count != 1) /* it stands for entries of the same request */
        random_nonce(p.mark, sizeof p.mark);
    if (r->make && r->drafts.count == 0)
        make_drafts(r, &in->reading);
    if (r->error.code == FELLOE_OK)
        r->next = drafts_prepare(&p, r->next);
    tell_unread(r, &in->reading);
    r->must_wait = p.must_wait;
    r->in = in;
    if (r->error.code == FELLOE_OK && (r->partly || (!r->must_wait && !any_wrong(r))))
        record_make_jobs(r, job_done);
    r->in = NULL;
    buffer_release(&p.rewritten);
}

static void prepare(struct control_request *request)
{
    struct recording *r = request->state;
    struct checking checking;
    if (checking_begin(&checking, request->daemon, true, &r->error) != FELLOE_OK)
        return;
    prepare_in(request, &checking);
    checking_end(&checking);
}

static void prepared(struct control_request *request);

static void prepare_on_pool(struct control_request *request)
{
    control_work(request, prepare, prepared, NULL);
}

static bool is_light(const struct control_request *request)
{
    const struct recording *r = request->state;
    bool light = !r->make && !r->by_name && r->drafts.count <= LIGHT_DRAFTS && request->frame.len <= LIGHT_BYTES;
    for (size_t i = 0; i < r->drafts.count && light; i++)
        light = draft_is_light(&r->drafts.items[i].text);
    return light;
}

static void begin_pass(struct control_request *request)
{
    struct recording *r = request->state;
    r->hides = lease_passed(request->daemon);
    if (is_light(request))
        control_group_add(request, prepare_in, prepared, prepare_on_pool);
    else
        prepare_on_pool(request);
}

/* After a pass, and after the jobs that it gave are done. */
static void go_on(struct control_request *request)
{
    struct recording *r = request->state;
    if (!r->must_wait || control_gone(request)) {
        finish(request);
        return;
    }
    r->must_wait = false;
    r->final = r->next + 1;
    control_wait_views(request, begin_pass);
}

static void record_prepared(struct control_request *request)
{
    struct recording *r = request->state;
    if (r->error.code != FELLOE_OK || keeps_all_out(r)) {
        finish(request);
        return;
    }
    const bool all = !r->must_wait;
    if ((r->must_wait && !r->partly) || !submit_ready(r))
        go_on(request);
    else if (all) {
        if (r->has_imports)
            control_import_given(request);
        control_let_next(request);
    }
}

/* That the look could not be recorded keeps nothing from being saved: it is not told what there was to tell. */
static void tell_nothing(struct control_request *request, const struct felloe_error *error)
{
    struct recording *r = request->state;
    if (r->error.code != FELLOE_OK)
        r->error = *error;
    for (size_t i = 0; i < r->drafts.count; i++) {
        struct record_draft *draft = &r->drafts.items[i];
        free(draft->warning);
        draft->warning = NULL;
        if (draft->state == DRAFT_WRONG && draft->error != NULL)
            *draft->error = *error;
    }
    r->made.summary_count = 0;
    buffer_clear(&r->made.summary);
    record_prepared(request);
}

/* Before anything is: an answer that tells of the record comes after the look was. */
static void prepared(struct control_request *request)
{
    struct recording *r = request->state;
    control_audit_or(request, &r->shown, "record", r->make != NULL ? "settle" : "", record_prepared, tell_nothing);
}

/* ---- the verb ---- */

static void wait_for_views(struct control_request *request)
{
    control_wait_views(request, begin_pass);
}

/* Who was imported before is found by the views: also when these are just being made anew. */
static void import_begins(struct control_request *request)
{
    struct projector *projector = request->daemon->projector;
    if (control_gone(request))
        finish(request);
    else if (control_import_first(request) || (projector != NULL && !projector_has(projector, 0)))
        control_wait_commits(request, event_log_commits(request->daemon->log),
                             projector != NULL && projector_stuck(projector, NULL) ? 0 : IMPORT_WAIT_MS, begin_pass);
    else
        begin_pass(request);
}

static void check_ahead(struct control_request *request)
{
    struct recording *r = request->state;
    struct mp_reader reader MP_UNSET;
    struct control_shown shown = {0}; /* what it would tell it tells when its turn comes */
    struct checking *in = arena_take(&request->arena, sizeof *in);
    if (in == NULL || checking_begin(in, request->daemon, false, NULL) != FELLOE_OK)
        return;
    struct preparing p = {.daemon = request->daemon, .request = request, .drafts = &r->drafts,
                          .reading = &in->reading, .behind = in->behind, .shown = &shown, .hides = true,
                          .ahead = true, .r = &reader};
    random_nonce(p.mark, sizeof p.mark);
    drafts_look_ahead(&p);
    r->ahead_in = in;
    if (log_reader_failed(in->reading.log, NULL) || reading_failed(&in->reading))
        drafts_reopen(&r->drafts, 0); /* what failed is told when its turn comes */
    checking_end(in);
    control_shown_release(&shown);
    buffer_release(&p.rewritten);
}

static void checked_ahead(struct control_request *request)
{
    control_import_looked(request, import_begins);
}

/* The first import of a client waits for the views. */
static void look_ahead(struct control_request *request)
{
    const struct recording *r = request->state;
    if (control_has_imported(request) && !r->has_others)
        control_work(request, check_ahead, checked_ahead, NULL);
}

static void was_read(struct control_request *request)
{
    struct recording *r = request->state;
    tell_projector(r);
    if (r->error.code != FELLOE_OK)
        control_fail(request, &r->error);
    else if (r->has_imports)
        control_import_enter(request, import_begins, look_ahead);
    else if (r->by_name)
        control_when_first(request, wait_for_views); /* they may name whom the one before introduces */
    else
        begin_pass(request);
}

static void read_all(struct control_request *request)
{
    struct recording *r = request->state;
    if (!read_drafts(r, request->items))
        felloe_fail(&r->error, FELLOE_INVALID, "Entry %zu of the batch cannot be read%s.", r->drafts.count,
                    r->drafts.count >= DRAFTS_MAX ? ": too many entries at once (at most 4,096)" : "");
}

static struct recording *begin_recording(struct control_request *request)
{
    struct recording *r = arena_take(&request->arena, sizeof *r);
    if (!r) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return NULL;
    }
    memset(r, 0, sizeof *r);
    r->request = request;
    r->drafts.arena = &request->arena;
    request->state = r;
    request->release = release;
    return r;
}

void control_verb_RECORD(struct control_request *request)
{
    struct recording *r = begin_recording(request);
    if (!r)
        return;
    r->partly = control_arg_bool(request, "partly", false);
    if (request->items.len > READ_AT_ONCE) {
        control_work(request, read_all, was_read, NULL);
        return;
    }
    read_all(request);
    was_read(request);
}

void control_record_made(struct control_request *request, drafts_make make)
{
    struct recording *r = begin_recording(request);
    if (!r)
        return;
    r->make = make;
    r->made.shown = &r->shown;
    control_wait_views(request, begin_pass);
}
