/* SPDX-License-Identifier: Apache-2.0 */
/* Sites, devices and tickets: LOG_ADD_SITE, LOG_PUT_DEVICE, LOG_PUT_TICKET, LOG_ADMIT, and their readers.
 *
 *   device  array of 14: version, sign, box, curve, label, worker, name, role, agency, sites (array), joined, revoked,
 *           why, check; of 18 once its keys have changed: why, rekeyed, next box, next curve, box before, check
 *   ticket  array of 11: version, worker, name, role, agency, sites (array), made, expires, used, used by, check
 *
 * check: a hash of the row's key and of all before it. Nothing else in the log tells when a bit of these was turned
 * over.
 */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/log/log_internal.h"
#include "daemon/report.h"
#include "proto/mp.h"

#define ROW_VERSION 2

/* ---- rows ---- */

void log_row_check(struct bytes key, struct bytes row, uint8_t out[ROW_CHECK])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, ROW_CHECK);
    crypto_generichash_update(&state, key.data, key.len);
    crypto_generichash_update(&state, row.data, row.len);
    crypto_generichash_final(&state, out, ROW_CHECK);
}

static void put_check(struct buffer *b, struct bytes key)
{
    uint8_t check[ROW_CHECK];
    log_row_check(key, buffer_bytes(b), check);
    mp_put_bin(b, check, sizeof check);
}

/* It is the row's last element: what is before that stands before its own header of two bytes. */
static bool check_holds(struct store_item item, const uint8_t check[ROW_CHECK])
{
    uint8_t wanted[ROW_CHECK];
    if (item.value.len < ROW_CHECK + 2)
        return false;
    log_row_check(item.key, bytes_of(item.value.data, item.value.len - ROW_CHECK - 2), wanted);
    return memcmp(wanted, check, ROW_CHECK) == 0;
}

static void put_sites(struct buffer *b, const char sites[][SLUG_MAX + 1], uint32_t count)
{
    mp_put_array(b, count);
    for (uint32_t i = 0; i < count; i++)
        mp_put_text(b, sites[i]);
}

static uint32_t read_sites(struct mp_reader *r, char sites[][SLUG_MAX + 1])
{
    uint32_t count = mp_array(r, 0, SITES_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (!bytes_to_text(mp_str(r, 1, SLUG_MAX), sites[i], SLUG_MAX + 1))
            mp_fail(r);
    return count;
}

static void read_label(struct mp_reader *r, char *out, size_t size)
{
    if (!bytes_to_text(mp_str(r, 0, size - 1), out, size))
        mp_fail(r);
}

static bool has_other_keys(const struct device_record *d)
{
    return d->rekeyed_ms != 0 || !sodium_is_zero(d->box_before.b, sizeof d->box_before.b);
}

static void write_device(const struct device_record *d, struct buffer *b)
{
    mp_put_array(b, has_other_keys(d) ? 18 : 14);
    mp_put_uint(b, ROW_VERSION);
    mp_put_bin(b, d->sign.b, sizeof d->sign.b);
    mp_put_bin(b, d->box.b, sizeof d->box.b);
    mp_put_bin(b, d->curve, sizeof d->curve);
    mp_put_text(b, d->label);
    mp_put_text(b, d->worker);
    mp_put_text(b, d->name);
    mp_put_text(b, d->role);
    mp_put_text(b, d->agency);
    put_sites(b, d->sites, d->site_count);
    mp_put_int(b, d->joined_ms);
    mp_put_int(b, d->revoked_ms);
    mp_put_text(b, d->why);
    if (has_other_keys(d)) {
        mp_put_int(b, d->rekeyed_ms);
        mp_put_bin(b, d->next_box.b, sizeof d->next_box.b);
        mp_put_bin(b, d->next_curve, sizeof d->next_curve);
        mp_put_bin(b, d->box_before.b, sizeof d->box_before.b);
    }
    put_check(b, bytes_of(d->device.b, sizeof d->device.b));
}

bool log_read_device(struct mp_reader *r, struct store_item item, struct device_record *d)
{
    uint8_t check[ROW_CHECK] = {0};
    *d = (struct device_record){0};
    mp_reader_init(r, item.value);
    if (item.key.len != sizeof d->device.b || !mp_next(r))
        return false;
    memcpy(d->device.b, item.key.data, sizeof d->device.b);
    uint32_t count = mp_array(r, 14, 18);
    mp_uint(r, ROW_VERSION);
    mp_fixed(r, d->sign.b, sizeof d->sign.b);
    mp_fixed(r, d->box.b, sizeof d->box.b);
    mp_fixed(r, d->curve, sizeof d->curve);
    read_label(r, d->label, sizeof d->label);
    read_label(r, d->worker, sizeof d->worker);
    read_label(r, d->name, sizeof d->name);
    read_label(r, d->role, sizeof d->role);
    read_label(r, d->agency, sizeof d->agency);
    d->site_count = read_sites(r, d->sites);
    d->joined_ms = mp_int(r, INT64_MIN, INT64_MAX);
    d->revoked_ms = mp_int(r, INT64_MIN, INT64_MAX);
    read_label(r, d->why, sizeof d->why);
    if (count == 18) {
        d->rekeyed_ms = mp_int(r, 0, INT64_MAX);
        mp_fixed(r, d->next_box.b, sizeof d->next_box.b);
        mp_fixed(r, d->next_curve, sizeof d->next_curve);
        mp_fixed(r, d->box_before.b, sizeof d->box_before.b);
    }
    mp_fixed(r, check, sizeof check);
    return mp_done(r) && check_holds(item, check);
}

static void write_ticket(const struct ticket_record *t, struct buffer *b)
{
    mp_put_array(b, 11);
    mp_put_uint(b, ROW_VERSION);
    mp_put_text(b, t->worker);
    mp_put_text(b, t->name);
    mp_put_text(b, t->role);
    mp_put_text(b, t->agency);
    put_sites(b, t->sites, t->site_count);
    mp_put_int(b, t->made_ms);
    mp_put_int(b, t->expires_ms);
    mp_put_int(b, t->used_ms);
    mp_put_bin(b, t->used_by.b, sizeof t->used_by.b);
    put_check(b, bytes_of(t->curve, sizeof t->curve));
}

bool log_read_ticket(struct mp_reader *r, struct store_item item, struct ticket_record *t)
{
    uint8_t check[ROW_CHECK] = {0};
    *t = (struct ticket_record){0};
    mp_reader_init(r, item.value);
    if (item.key.len != sizeof t->curve || !mp_next(r))
        return false;
    memcpy(t->curve, item.key.data, sizeof t->curve);
    mp_array(r, 11, 11);
    mp_uint(r, ROW_VERSION);
    read_label(r, t->worker, sizeof t->worker);
    read_label(r, t->name, sizeof t->name);
    read_label(r, t->role, sizeof t->role);
    read_label(r, t->agency, sizeof t->agency);
    t->site_count = read_sites(r, t->sites);
    t->made_ms = mp_int(r, INT64_MIN, INT64_MAX);
    t->expires_ms = mp_int(r, INT64_MIN, INT64_MAX);
    t->used_ms = mp_int(r, INT64_MIN, INT64_MAX);
    mp_fixed(r, t->used_by.b, sizeof t->used_by.b);
    mp_fixed(r, check, sizeof check);
    return mp_done(r) && check_holds(item, check);
}

enum felloe_code log_write_device(struct event_log *log, const struct device_id *id, struct device_record *out)
{
    struct store_item item = {.key = bytes_of(id->b, sizeof id->b)};
    if (!store_get(log->write.txn, T_DEVICES, item.key, &item.value))
        return FELLOE_NOT_FOUND;
    struct mp_reader *r = malloc(sizeof *r);
    if (r == NULL)
        return FELLOE_FAILED;
    bool fine = log_read_device(r, item, out);
    free(r);
    return fine ? FELLOE_OK : FELLOE_NOT_FOUND;
}

/* ---- jobs ---- */

enum felloe_code log_run_add_site(struct event_log *log, struct log_job *job)
{
    struct log_write *w = &log->write;
    if (!slug_valid(bytes_str(job->site)))
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "'%s' cannot be a site's name: small letters, digits and '-', at most "
                           "%d",
                           job->site, SLUG_MAX);
    uint32_t site = log_write_site(log, job->site, NULL);
    if (site == SITES_MAX) {
        if (w->site_count == LOG_AUDIT)
            return felloe_fail(&job->error, FELLOE_INVALID, "a daemon can be in %u sites at most", LOG_AUDIT);
        site = w->site_count++;
        struct store_key key;
        key_start(&key);
        key_put_u16(&key, (uint16_t)site);
        store_put(w->txn, T_SITES, key_bytes(&key), bytes_str(job->site));
        bytes_to_text(bytes_str(job->site), log->sites[site], sizeof log->sites[site]);
        w->touched = true;
    }
    return log_run_keys(log, job);
}

static enum felloe_code put_row(struct event_log *log, struct log_job *job, unsigned table, struct bytes key,
                                struct buffer *row)
{
    bool failed = row->failed;
    if (!failed)
        store_put(log->write.txn, table, key, buffer_bytes(row));
    log->write.touched = true;
    buffer_release(row);
    return failed ? felloe_fail(&job->error, FELLOE_FAILED, "out of memory") : FELLOE_OK;
}

static enum felloe_code mirror(struct event_log *log, const struct log_job *job, struct felloe_error *error)
{
    struct buffer row = {0};
    write_device(job->device, &row);
    enum felloe_code code =
        row.failed ? felloe_fail(error, FELLOE_FAILED, "out of memory")
                   : keyring_put_device(log->keyring, &job->device->device, buffer_bytes(&row), error);
    buffer_release(&row);
    return code;
}

/* A hub without its log still knows its devices by the keyring, and by it a log is put right as it is opened. Who is
 * shut out is so in the keyring first; who is let in, in the log first, with the ticket: should that not come about,
 * nobody was let in. */
void log_mirror_device(struct event_log *log, const struct log_job *job)
{
    struct felloe_error why;
    if ((job->kind != LOG_PUT_DEVICE && job->kind != LOG_ADMIT) || job->device->revoked_ms != 0)
        return;
    if (mirror(log, job, &why) != FELLOE_OK)
        report(LEVEL_WARNING, "a device is in the log, and comes into the keyring at the next start: %s", why.message);
}

enum felloe_code log_run_device(struct event_log *log, struct log_job *job)
{
    enum felloe_code code = job->device->revoked_ms != 0 ? mirror(log, job, &job->error) : FELLOE_OK;
    if (code != FELLOE_OK)
        return code;
    struct buffer row = {0};
    write_device(job->device, &row);
    return put_row(log, job, T_DEVICES, bytes_of(job->device->device.b, sizeof job->device->device.b), &row);
}

/* Whoever asked for it read the record some time ago: what was changed of it since (it was revoked, say) stays. */
enum felloe_code log_run_rekey(struct event_log *log, struct log_job *job)
{
    const struct device_record wanted = *job->device;
    enum felloe_code code = log_write_device(log, &wanted.device, job->device);
    if (code != FELLOE_OK)
        return felloe_fail(&job->error, code, "the device is not in the log");
    job->device->box = wanted.box;
    memcpy(job->device->curve, wanted.curve, sizeof wanted.curve);
    job->device->rekeyed_ms = wanted.rekeyed_ms;
    job->device->next_box = wanted.next_box;
    memcpy(job->device->next_curve, wanted.next_curve, sizeof wanted.next_curve);
    job->device->box_before = wanted.box_before;
    struct buffer row = {0};
    write_device(job->device, &row);
    return put_row(log, job, T_DEVICES, bytes_of(wanted.device.b, sizeof wanted.device.b), &row);
}

enum felloe_code log_run_ticket(struct event_log *log, struct log_job *job)
{
    struct buffer row = {0};
    write_ticket(job->ticket, &row);
    return put_row(log, job, T_TICKETS, bytes_of(job->ticket->curve, sizeof job->ticket->curve), &row);
}

/* A log that was set back says of tickets that they are free, though they were used since: whoever still has one could
 * let in another laptop. So none of those that it says are free is good any more; each is as if it had expired as it
 * was made. The row of one that was used stays: its laptop may ask again. */
enum felloe_code log_void_tickets(struct event_log *log, struct log_job *job)
{
    struct mp_reader *r = malloc(sizeof *r);
    struct ticket_record *ticket = malloc(sizeof *ticket);
    struct store_cursor *cursor = store_cursor_open(log->write.txn, T_TICKETS);
    struct store_item item;
    enum felloe_code code = FELLOE_OK;
    job->voided = 0;
    if (r == NULL || ticket == NULL)
        code = felloe_fail(&job->error, FELLOE_FAILED, "out of memory");
    bool more = code == FELLOE_OK && store_seek(cursor, (struct bytes){0}, &item);
    for (; more && code == FELLOE_OK; more = store_next(cursor, &item)) {
        if (!log_read_ticket(r, item, ticket) || ticket->used_ms != 0 || ticket->expires_ms <= ticket->made_ms)
            continue;
        struct buffer row = {0};
        ticket->expires_ms = ticket->made_ms;
        write_ticket(ticket, &row);
        code = put_row(log, job, T_TICKETS, bytes_of(ticket->curve, sizeof ticket->curve), &row);
        job->voided++;
    }
    store_cursor_close(cursor);
    free(ticket);
    free(r);
    return code;
}

/* Two joins with one ticket can be under way at once, a join while its device is revoked, and one while tickets become
 * void: it is refused here, whatever anybody saw before. */
enum felloe_code log_run_admit(struct event_log *log, struct log_job *job)
{
    struct bytes key = bytes_of(job->ticket->curve, sizeof job->ticket->curve), value;
    struct mp_reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return felloe_fail(&job->error, FELLOE_FAILED, "out of memory");
    struct ticket_record there;
    bool known = store_get(log->write.txn, T_TICKETS, key, &value) &&
                 log_read_ticket(reader, (struct store_item){key, value}, &there);
    bool used = known && there.used_ms != 0 && !device_id_equal(&there.used_by, &job->device->device);
    bool is_void = known && there.used_ms == 0 && there.expires_ms < job->ticket->expires_ms;
    struct device_record before;
    key = bytes_of(job->device->device.b, sizeof job->device->device.b);
    bool revoked = store_get(log->write.txn, T_DEVICES, key, &value) &&
                   log_read_device(reader, (struct store_item){key, value}, &before) && before.revoked_ms != 0;
    free(reader);
    if (used)
        return felloe_fail(&job->error, FELLOE_REFUSED,
                           "this ticket was used by another device already. Ask for a new one");
    if (is_void)
        return felloe_fail(&job->error, FELLOE_REFUSED,
                           "The hub was put back to an older state since this ticket was made. Ask for a new one.");
    if (revoked)
        return felloe_fail(&job->error, FELLOE_DENIED,
                           "This laptop was taken off the hub. Join from an empty directory.");
    enum felloe_code code = log_run_device(log, job);
    return code == FELLOE_OK ? log_run_ticket(log, job) : code;
}

/* ---- reading ---- */

bool log_device(struct log_reader *reader, const struct device_id *id, struct device_record *out)
{
    struct store_item item = {.key = bytes_of(id->b, sizeof id->b)};
    struct mp_reader *r = malloc(sizeof *r);
    bool found = r != NULL && store_get(reader->txn, T_DEVICES, item.key, &item.value) && log_read_device(r, item, out);
    free(r);
    return found;
}

bool log_devices(struct log_reader *reader, bool (*visit)(void *context, const struct device_record *device),
                 void *context)
{
    struct mp_reader *r = malloc(sizeof *r);
    struct device_record *record = malloc(sizeof *record);
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_DEVICES);
    struct store_item item;
    bool going = r != NULL && record != NULL && cursor != NULL;
    bool more = going && store_seek(cursor, (struct bytes){0}, &item);
    for (; going && more; more = store_next(cursor, &item))
        if (log_read_device(r, item, record))
            going = visit(context, record);
    store_cursor_close(cursor);
    free(record);
    free(r);
    return going;
}

bool log_tickets(struct log_reader *reader, bool (*visit)(void *context, const struct ticket_record *ticket),
                 void *context)
{
    struct mp_reader *r = malloc(sizeof *r);
    struct ticket_record *record = malloc(sizeof *record);
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_TICKETS);
    struct store_item item;
    bool going = r != NULL && record != NULL && cursor != NULL;
    bool more = going && store_seek(cursor, (struct bytes){0}, &item);
    for (; going && more; more = store_next(cursor, &item))
        if (log_read_ticket(r, item, record))
            going = visit(context, record);
    store_cursor_close(cursor);
    free(record);
    free(r);
    return going;
}
