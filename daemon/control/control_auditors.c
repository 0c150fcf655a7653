/* SPDX-License-Identifier: Apache-2.0 */
/* audit: who looked at whom, read at the hub with the auditors' secret; hub.auditors: what opens that. To read it is a
 * look too, at the people who are named. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/audit.h"
#include "daemon/control/control_audit.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_hub.h"
#include "daemon/control/control_query.h"
#include "daemon/log/look_scan.h"
#include "daemon/store/auditors.h"
#include "proto/event/hlc.h"

struct auditing {
    struct felloe_error error;
    struct vault_secret given, new; /* kind 0: none was */
    bool protects, like_hub;
    bool names;                     /* are told: to who may read the record, and to who has the auditors' passphrase */
    struct auditors auditors;
    struct look_filter filter;
    struct look_found found;
    char worker[SLUG_MAX + 1];
    uint64_t limit;
    struct query_rows rows;         /* as they are sent */
    struct control_shown shown;
    size_t next;
};

static void release(void *state)
{
    struct auditing *a = state;
    vault_secret_clear(&a->given);
    vault_secret_clear(&a->new);
    look_found_release(&a->found);
    query_rows_release(&a->rows);
    control_shown_release(&a->shown);
    sodium_memzero(a, sizeof *a);
    free(a);
}

/* ---- what opens them ---- */

static enum felloe_code open_auditors(struct control_request *request, struct box_secret *out)
{
    struct auditing *a = request->state;
    struct vault_secret own = {0}, *secret = &a->given;
    enum felloe_code code = auditors_load(&a->auditors, request->daemon->dir, &a->error);
    if (code != FELLOE_OK)
        return code;
    const enum vault_kind kind = auditors_kind(&a->auditors);
    if (kind == VAULT_PASSPHRASE && a->given.len == 0)
        return felloe_fail(&a->error, FELLOE_DENIED,
                           "Looks are opened by the auditors' passphrase, and none was given.");
    if (kind != VAULT_PASSPHRASE) {
        secret = &own;
        if (kind == VAULT_OPEN)
            vault_secret_open(secret);
        else
            code = auditors_way(request->daemon, secret, &a->error);
    }
    if (code == FELLOE_OK)
        code = auditors_open(&a->auditors, secret, out, &a->error);
    vault_secret_clear(&own);
    return code;
}

static void add_secret(struct look_secrets *secrets, const struct box_secret *secret)
{
    static const struct box_secret none;
    struct box_public public_key;
    if (secrets->count == LOOK_SECRETS_MAX || memcmp(secret, &none, sizeof none) == 0 ||
        crypto_scalarmult_base(public_key.b, secret->b) != 0)
        return;
    secrets->at[secrets->count].public_key = public_key;
    secrets->at[secrets->count++].secret = *secret;
}

/* A passphrase on its way: the frame that it came in is wiped at once. */
static enum felloe_code take_secret(struct control_request *request, const char *name, struct vault_secret *out)
{
    struct auditing *a = request->state;
    struct bytes text = control_arg_text(request, name);
    if (text.len == 0)
        return FELLOE_OK;
    enum felloe_code code = vault_secret_passphrase(out, text, &a->error);
    sodium_memzero((void *)(uintptr_t)text.data, text.len);
    return code;
}

/* ---- whom ---- */

struct seeking {
    struct bytes worker;
    bool found;
};

static bool has_worker(void *context, const struct device_record *device)
{
    struct seeking *s = context;
    s->found |= bytes_is(s->worker, device->worker);
    return !s->found;
}

/* A worker by their id; else a person, who may be erased by now: then by the whole id. */
static enum felloe_code read_whom(struct control_request *request, struct reading *reading)
{
    struct auditing *a = request->state;
    struct bytes whom = control_arg_text(request, "whom");
    struct seeking seeking = {.worker = whom};
    struct finder finder;
    size_t site;
    if (whom.len == 0)
        return FELLOE_OK;
    log_devices(reading->log, has_worker, &seeking);
    if (seeking.found && bytes_to_text(whom, a->worker, sizeof a->worker)) {
        a->filter.worker = bytes_str(a->worker);
        return FELLOE_OK;
    }
    a->filter.has_person = true;
    if (whom.len == 2 * sizeof a->filter.person.b && hex_decode(whom, a->filter.person.b, sizeof a->filter.person.b))
        return FELLOE_OK;
    finder_init(&finder, request->daemon, &reading->views, reading->log, &reading->scope);
    finder.without_names = !a->names;
    enum felloe_code code = finder_person(&finder, whom, &a->filter.person, &site, &a->error);
    control_shown_told(&a->shown, &finder);
    finder_release(&finder);
    if (code == FELLOE_NOT_FOUND && a->names)
        felloe_fail(&a->error, code,
                    "%.*s is no worker's id, and nobody here is called so. (Of somebody whose record was erased give "
                    "the whole id.)",
                    (int)(whom.len < 60 ? whom.len : 60), (const char *)whom.data);
    return code;
}

/* ---- rows ---- */

static void put_person(struct buffer *out, struct reading *reading, const struct person_id *person, bool named,
                       struct buffer *name)
{
    buffer_clear(name);
    for (size_t i = 0; named && i < reading->scope.count && name->len == 0; i++)
        views_get_name(&reading->views, bytes_str(reading->scope.sites[i]), person, name);
    mp_put_array(out, 2);
    mp_put_bin(out, person->b, sizeof person->b);
    mp_put_str_or_nil(out, buffer_bytes(name));
}

static void put_row(struct auditing *a, struct reading *reading, const struct look_row *look, struct buffer *name)
{
    struct device_record device;
    struct query_row *row = query_add(&a->rows);
    struct buffer *out = &a->rows.cells;
    if (!row)
        return;
    row->begin = out->len;
    mp_put_array(out, 10);
    mp_put_bin(out, look->id.b, sizeof look->id.b);
    mp_put_int(out, (int64_t)hlc_ms(look->time));
    mp_put_text(out, look->worker);
    mp_put_bin(out, look->device.b, sizeof look->device.b);
    mp_put_text(out, log_device(reading->log, &look->device, &device) ? device.label : "");
    mp_put_text(out, look->how);
    mp_put_text(out, look->what);
    mp_put_int(out, look->uid < UINT32_MAX ? (int64_t)look->uid : -1);
    mp_put_text(out, look->user);
    mp_put_array(out, (uint32_t)look->count);
    for (size_t i = 0; i < look->count; i++) {
        const struct person_id *person = &a->found.people[look->people + i];
        put_person(out, reading, person, a->names, name);
        control_shown_add(&a->shown, person);
    }
    row->len = out->len - row->begin;
}

static bool note_progress(void *context, uint64_t done, uint64_t total)
{
    struct control_request *request = context;
    atomic_store(&request->done, done);
    atomic_store(&request->total, total);
    return !atomic_load(&request->cancelled);
}

static void scan(struct control_request *request, struct reading *reading, const struct box_secret *auditors)
{
    struct auditing *a = request->state;
    struct look_secrets secrets = {0};
    struct buffer name = {0};
    add_secret(&secrets, auditors);
    add_secret(&secrets, &request->daemon->identity.box_secret);
    add_secret(&secrets, &request->daemon->identity.box_before);
    look_scan(reading->log, &secrets, &a->filter, note_progress, request, &a->found);
    sodium_memzero(&secrets, sizeof secrets);
    size_t first = a->limit > 0 && a->found.count > a->limit ? a->found.count - (size_t)a->limit : 0;
    for (size_t i = first; i < a->found.count && !a->found.failed; i++)
        put_row(a, reading, &a->found.rows[i], &name);
    buffer_release(&name);
    if (a->found.failed || a->rows.failed || a->rows.cells.failed)
        felloe_fail(&a->error, FELLOE_FAILED, "Memory ran out while reading the looks: ask for fewer with --since.");
}

static void read_looks(struct control_request *request)
{
    struct auditing *a = request->state;
    struct reading reading;
    struct box_secret secret;
    if (open_auditors(request, &secret) != FELLOE_OK)
        return;
    if (reading_begin(&reading, request->daemon, (struct bytes){0}, &a->error) == FELLOE_OK) {
        struct felloe_error refused;
        a->names = auditors_kind(&a->auditors) == VAULT_PASSPHRASE ||
                   control_gate_reads(request, &refused) == FELLOE_OK;
        if (read_whom(request, &reading) == FELLOE_OK)
            scan(request, &reading, &secret);
        reading_finish(&reading, request->daemon, &a->error);
    }
    sodium_memzero(&secret, sizeof secret);
}

static void send_rows(struct control_request *request)
{
    struct auditing *a = request->state;
    struct control_data data = {0};
    while (a->next < a->rows.count && request->out.len < CONTROL_CHUNK && !control_gone(request)) {
        const struct query_row *row = &a->rows.rows[a->next++];
        control_data_item(&data, &request->out);
        buffer_append(&request->out, a->rows.cells.data + row->begin, row->len);
    }
    control_data_end(&data);
    if (a->next < a->rows.count && !control_gone(request)) {
        control_send(request, send_rows);
        return;
    }
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 3);
    mp_put_text(&request->out, "names");
    mp_put_bool(&request->out, a->names);
    mp_put_text(&request->out, "total");
    mp_put_uint(&request->out, a->found.count);
    mp_put_text(&request->out, "sealed");
    mp_put_uint(&request->out, a->found.sealed);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

static void answer(struct control_request *request)
{
    struct auditing *a = request->state;
    buffer_clear(&request->out); /* a bar that was not sent */
    if (a->error.code != FELLOE_OK)
        control_audit_fail(request, &a->shown, "audit", &a->error);
    else
        control_audit(request, &a->shown, "audit", "", send_rows);
}

static void read_now(struct control_request *request)
{
    control_work(request, read_looks, answer, "reading");
}

/* ---- the verbs ---- */

/* NULL: it has been answered. */
static struct auditing *begin(struct control_request *request)
{
    struct felloe_error error;
    struct auditing *a = control_hub_begin(request, sizeof *a, release,
                                           "Who looked at a record is read at the hub, by its auditors: laptops only "
                                           "write it");
    if (a == NULL)
        return NULL;
    if (take_secret(request, "passphrase", &a->given) != FELLOE_OK ||
        take_secret(request, "new", &a->new) != FELLOE_OK) {
        error = a->error;
        control_fail(request, &error);
        return NULL;
    }
    return a;
}

void control_verb_AUDIT(struct control_request *request)
{
    struct auditing *a = begin(request);
    if (!a)
        return;
    int64_t limit = control_arg_integer(request, "limit", 0);
    a->limit = limit > 0 ? (uint64_t)limit : 0;
    a->filter.since_ms = control_arg_integer(request, "since", 0);
    control_wait_views(request, read_now);
}

static void protect(struct control_request *request)
{
    struct auditing *a = request->state;
    struct box_secret secret;
    enum felloe_code code = open_auditors(request, &secret);
    if (code == FELLOE_OK && a->like_hub)
        code = auditors_way(request->daemon, &a->new, &a->error);
    if (code == FELLOE_OK)
        auditors_protect(&a->auditors, request->daemon->dir, &secret, &a->new, &vault_cost_moderate, &a->error);
    sodium_memzero(&secret, sizeof secret);
}

static void look_up(struct control_request *request)
{
    struct auditing *a = request->state;
    auditors_load(&a->auditors, request->daemon->dir, &a->error);
}

static void tell(struct control_request *request)
{
    static const char *const words[] = {
        [VAULT_OPEN] = "nothing", [VAULT_PASSPHRASE] = "passphrase", [VAULT_KEY] = "file"};
    struct auditing *a = request->state;
    if (a->error.code != FELLOE_OK) {
        control_fail(request, &a->error);
        return;
    }
    const enum vault_kind kind = auditors_kind(&a->auditors);
    size_t begin_at = control_frame_begin(&request->out);
    control_put_end(&request->out, 2);
    mp_put_text(&request->out, "opened_by");
    mp_put_text(&request->out, kind <= VAULT_KEY && words[kind] ? words[kind] : "");
    mp_put_text(&request->out, "key");
    mp_put_bin(&request->out, a->auditors.public_key.b, sizeof a->auditors.public_key.b);
    control_frame_end(&request->out, begin_at);
    control_finish(request);
}

void control_verb_HUB_AUDITORS(struct control_request *request)
{
    struct auditing *a = begin(request);
    if (!a)
        return;
    a->like_hub = control_arg_bool(request, "like_hub", false);
    a->protects = a->like_hub || a->new.len > 0;
    control_work(request, a->protects ? protect : look_up, tell, NULL);
}
