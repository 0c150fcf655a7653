/* SPDX-License-Identifier: Apache-2.0 */
/* Reading log and views for an answer, and working out how far each site is. Everything here comes from receipts and
 * cursors, never from hope. */
#include "daemon/control/control_query.h"

#include <stdio.h>

#include "daemon/views/erased.h"
#include "daemon/views/view_linked.h"
#include "proto/event/hlc.h"

/* The views first. */
static enum felloe_code begin_rest(struct reading *reading, struct daemon *daemon, struct bytes site,
                                   struct felloe_error *error)
{
    reading->log = log_reader_begin(daemon->log, error);
    enum felloe_code code =
        reading->log ? scope_of(daemon, reading->log, site, false, &reading->scope, error) : FELLOE_FAILED;
    if (code != FELLOE_OK)
        reading_end(reading);
    return code;
}

enum felloe_code reading_begin(struct reading *reading, struct daemon *daemon, struct bytes site,
                               struct felloe_error *error)
{
    *reading = (struct reading){0};
    if (daemon->projector == NULL)
        return felloe_fail(error, FELLOE_LOCKED, "This laptop is locked. felloe unlock opens it.");
    enum felloe_code code = views_read(projector_views(daemon->projector), &reading->views, error);
    return code == FELLOE_OK ? begin_rest(reading, daemon, site, error) : code;
}

enum felloe_code reading_try(struct reading *reading, struct daemon *daemon)
{
    *reading = (struct reading){0};
    if (daemon->projector == NULL || !views_read_now(projector_views(daemon->projector), &reading->views))
        return FELLOE_FAILED;
    return begin_rest(reading, daemon, (struct bytes){0}, NULL);
}

enum felloe_code reading_begin_log(struct reading *reading, struct daemon *daemon, struct felloe_error *error)
{
    *reading = (struct reading){.log = log_reader_begin(daemon->log, error), .locked = true};
    if (reading->log == NULL)
        return error->code;
    enum felloe_code code = scope_of(daemon, reading->log, (struct bytes){0}, false, &reading->scope, error);
    if (code != FELLOE_OK)
        reading_end(reading);
    return code;
}

void reading_end(struct reading *reading)
{
    if (reading->log)
        log_reader_end(reading->log);
    reading->log = NULL;
    if (!reading->locked)
        views_end(&reading->views);
}

bool reading_failed(const struct reading *reading)
{
    return log_reader_failed(reading->log, NULL) || (!reading->locked && views_may_lack(&reading->views));
}

bool reading_tell_failed(const struct reading *reading, struct felloe_error *error)
{
    struct felloe_error why = {0};
    if (reading->log && log_reader_tell(reading->log, error))
        return true;
    if (!reading->locked && reading->views.unread)
        return keyring_unread(error) != FELLOE_OK;
    const bool no_memory = !reading->locked && reading->views.no_memory;
    if (!no_memory && (reading->locked || store_failed(reading->views.store, &why) == STORE_DONE ||
                       why.code == FELLOE_DAMAGED))
        return false;
    felloe_fail(error, FELLOE_FAILED, "The views could not be read this time, and are as they were. Try again.");
    return true;
}

void reading_tell_damage(struct daemon *daemon, struct felloe_error *error)
{
    views_found_damage(projector_views(daemon->projector)); /* before the reading's end says so */
    projector_poke(daemon->projector);
    felloe_fail(error, FELLOE_DAMAGED,
                "The views on this disk are damaged, and are being made again from the record, which is safe. Ask "
                "again in a moment.");
}

void reading_finish(struct reading *reading, struct daemon *daemon, struct felloe_error *error)
{
    reading_tell_failed(reading, error);
    reading_end(reading);
    if (error->code == FELLOE_OK && views_damaged(projector_views(daemon->projector)))
        reading_tell_damage(daemon, error);
}

void progress_note_links(struct progress_table *table, struct daemon *daemon)
{
    struct felloe_error error;
    *table = (struct progress_table){.now_ms = clock_wall_ms()};
    driver_status(daemon->driver, &table->link);
    struct log_reader *reader = log_reader_begin(daemon->log, &error);
    if (!reader)
        return;
    while (table->count < SITES_MAX && log_site_at(reader, table->count, table->sites[table->count].site)) {
        struct site_progress *site = &table->sites[table->count++];
        driver_site_status(daemon->driver, bytes_str(site->site), &site->link);
    }
    log_reader_end(reader);
}

/* The time of the newest event of a site that the views have. */
static bool latest_of(void *context, const struct views_device *device)
{
    int64_t *latest = context, ms = (int64_t)hlc_ms(device->time);
    if (ms > *latest)
        *latest = ms;
    return true;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Up to when all is shared: the last contact, or when the oldest that still waits was written. Up to when all is
 * received: the last contact when we are at the head, else the newest event that we have. */
static void read_times(struct site_progress *site, const struct progress_table *table, struct reading *reading,
                       bool hub)
{
    int64_t contact = hub ? table->now_ms : table->link.last_contact_ms;
    site->shared_through_ms = site->received_through_ms = contact;
    if (hub || contact == 0)
        return;
    if (site->own.seq > site->shared_seq && site->oldest_waiting_ms > 0)
        site->shared_through_ms = lesser(contact, site->oldest_waiting_ms);
    if (position_compare(site->received, site->head) < 0) {
        int64_t latest = 0;
        if (!reading->locked) /* then it is not known */
            views_devices(&reading->views, bytes_str(site->site), latest_of, &latest);
        site->received_through_ms = lesser(contact, latest);
    }
}

static void read_site(struct site_progress *site, const struct progress_table *table, struct reading *reading, bool hub)
{
    struct bytes name = bytes_str(site->site);
    struct log_head heads[SEEN_MAX];
    struct views_cursor cursor;
    log_own(reading->log, name, &site->own, &site->shared_seq, &site->oldest_waiting_ms);
    if (hub)
        site->shared_seq = site->own.seq;
    size_t count = log_heads(reading->log, name, heads);
    for (size_t i = 0; i < count; i++) {
        if (heads[i].at.n > 0)
            site->received = heads[i].at;
        site->received_sum += heads[i].at.n;
    }
    if (!reading->locked) {
        views_get_cursor(&reading->views, name, &cursor);
        for (size_t i = 0; i < cursor.seen.count; i++)
            site->folded_sum += cursor.seen.at[i].n;
        site->to_settle = views_count_rows(&reading->views, name, VIEW_TO_SETTLE);
    }
    site->head = site->received;
    site->head_sum = site->received_sum;
    const struct position *heard = &site->link.head;
    if (!hub && position_compare(*heard, site->received) > 0) {
        site->head = *heard;
        site->head_sum += heard->epoch == site->received.epoch ? heard->n - site->received.n : heard->n;
    }
    read_times(site, table, reading, hub);
}

void progress_add_duplicates(struct progress_table *table, struct reading *reading, bool behind,
                             struct duplicates_known *known)
{
    uint64_t counts[SITES_MAX] = {0};
    const struct views_state state = views_state(&reading->views);
    if ((state.file != known->state.file || state.commit != known->state.commit) && !behind) {
        query_count_duplicates(&reading->views, &reading->scope, counts);
        known->state = state;
        known->count = reading->scope.count;
        for (size_t i = 0; i < known->count; i++) {
            snprintf(known->sites[i].site, sizeof known->sites[i].site, "%s", reading->scope.sites[i]);
            known->sites[i].duplicates = counts[i];
        }
    }
    for (size_t i = 0; i < known->count; i++)
        for (size_t k = 0; k < table->count; k++)
            if (strcmp(table->sites[k].site, known->sites[i].site) == 0)
                table->sites[k].to_settle += known->sites[i].duplicates;
}

void progress_read(struct progress_table *table, struct daemon *daemon, struct reading *reading)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        bool wanted = false;
        for (size_t k = 0; k < reading->scope.count; k++)
            wanted |= strcmp(table->sites[i].site, reading->scope.sites[k]) == 0;
        if (!wanted)
            continue;
        if (kept != i)
            table->sites[kept] = table->sites[i];
        read_site(&table->sites[kept++], table, reading, daemon->config.role == ROLE_HUB);
    }
    table->count = kept;
}

int64_t progress_as_of(const struct progress_table *table)
{
    int64_t as_of = 0;
    for (size_t i = 0; i < table->count; i++) {
        int64_t through = table->sites[i].received_through_ms;
        if (through > 0 && (as_of == 0 || through < as_of))
            as_of = through;
    }
    return as_of;
}
