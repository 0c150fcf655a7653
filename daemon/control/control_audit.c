/* SPDX-License-Identifier: Apache-2.0 */
/* Recording a look before it is one. */
#include "daemon/control/control_audit.h"
#include "daemon/control/control_gate.h"

#include <stdlib.h>

#include "daemon/audit.h"
#include "daemon/views/view_find.h"

/* ---- whom ---- */

void control_shown_release(struct control_shown *shown)
{
    free(shown->people);
    *shown = (struct control_shown){0};
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct person_id));
}

static bool is_noted(const struct control_shown *shown, const struct person_id *person)
{
    return shown->noted > 0 && bsearch(person, shown->people, shown->noted, sizeof *person, compare) != NULL;
}

void control_shown_add(struct control_shown *shown, const struct person_id *person)
{
    if (person_id_is_none(person) || is_noted(shown, person) ||
        (shown->count > shown->noted && person_id_equal(&shown->people[shown->count - 1], person)))
        return;
    if (shown->count == shown->cap) {
        size_t cap = shown->cap ? 2 * shown->cap : 16;
        struct person_id *grown = realloc(shown->people, cap * sizeof *grown);
        if (!grown) {
            shown->failed = true;
            return;
        }
        shown->people = grown;
        shown->cap = cap;
    }
    shown->people[shown->count++] = *person;
}

static void add_value(struct control_shown *shown, struct mp_reader *r)
{
    struct person_id person;
    if (mp_peek(r) == MP_ARRAY) {
        for (uint32_t left = mp_array(r, 0, MP_TAPE_MAX); left > 0 && !r->failed; left--)
            add_value(shown, r);
    } else if (mp_peek(r) == MP_BIN) {
        struct bytes found = mp_bin(r, 0, MP_TAPE_MAX * MP_TAPE_MAX);
        if (found.len == sizeof person.b) {
            memcpy(person.b, found.data, sizeof person.b);
            control_shown_add(shown, &person);
        }
    } else {
        mp_skip(r);
    }
}

void control_shown_told(struct control_shown *shown, const struct finder *finder)
{
    for (size_t i = 0; i < finder->told_count; i++)
        control_shown_add(shown, &finder->told[i]);
}

void control_shown_row(struct control_shown *shown, struct bytes row)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, row);
    if (mp_next(&r))
        add_value(shown, &r);
}

/* The new ones, each once; then all of them ascending. */
static void sort_new(struct control_shown *shown)
{
    struct person_id *new = shown->people + shown->noted;
    size_t count = shown->count - shown->noted, kept = 0;
    qsort(new, count, sizeof *new, compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !person_id_equal(&new[kept - 1], &new[i]))
            new[kept++] = new[i];
    shown->count = shown->noted + kept;
}

static void note_new(struct control_shown *shown)
{
    qsort(shown->people, shown->count, sizeof *shown->people, compare);
    shown->noted = shown->count;
}

/* ---- recording ---- */

static void recorded(void *context, const struct felloe_error *error)
{
    struct control_request *request = context;
    request->waiting = STEP_NONE;
    if (error->code != FELLOE_OK) {
        buffer_clear(&request->out); /* what was to be shown */
        if (request->unseen != NULL) {
            request->unseen(request, error);
            return;
        }
        control_fail(request, error);
        return;
    }
    request->step(request);
}

void control_audit(struct control_request *request, struct control_shown *shown, const char *how, const char *what,
                   control_step then)
{
    control_audit_or(request, shown, how, what, then, NULL);
}

static void fail_seen(struct control_request *request)
{
    control_fail(request, request->wrong);
}

void control_audit_fail(struct control_request *request, struct control_shown *shown, const char *how,
                        const struct felloe_error *error)
{
    request->wrong = error;
    control_audit(request, shown, how, "", fail_seen);
}

void control_audit_or(struct control_request *request, struct control_shown *shown, const char *how, const char *what,
                      control_step then, control_unseen unless)
{
    struct daemon *daemon = request->daemon;
    if (control_gone(request) || (shown->count == shown->noted && !shown->failed)) {
        then(request);
        return;
    }
    sort_new(shown);
    const struct audit_wish wish = {.how = how,
                                    .what = what,
                                    .worker = daemon->config.role == ROLE_HUB ? HUB_WORKER : control_gate_self(request),
                                    .uid = request->uid,
                                    .people = shown->people + shown->noted,
                                    .count = shown->count - shown->noted};
    request->step = then;
    request->unseen = unless;
    request->waiting = STEP_WORKING;
    request->progress_of = NULL;
    if (shown->failed || !audit_record(daemon, &wish, recorded, request)) {
        recorded(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out: nothing is shown."});
        return;
    }
    note_new(shown);
}

/* ---- one look in several pieces ---- */

void control_recent_keep(struct control_request *request, const struct control_shown *shown)
{
    struct control_recent *recent = control_recent(request);
    if (!recent)
        return;
    control_shown_release(&recent->shown);
    for (size_t i = 0; i < shown->noted; i++)
        control_shown_add(&recent->shown, &shown->people[i]);
    if (recent->shown.failed)
        control_shown_release(&recent->shown);
    else
        note_new(&recent->shown);
    recent->at_ms = clock_steady_ms();
}

bool control_recent_covers(const struct control_request *request, const struct control_shown *shown)
{
    const struct control_recent *recent = control_recent(request);
    bool covers = recent && !shown->failed && clock_steady_ms() - recent->at_ms < CONTROL_RECENT_MS;
    for (size_t i = shown->noted; covers && i < shown->count; i++)
        covers = is_noted(&recent->shown, &shown->people[i]);
    return covers;
}
