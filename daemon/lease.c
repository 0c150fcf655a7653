/* SPDX-License-Identifier: Apache-2.0 */
/* The lease: D/lease is a msgpack array of 2, contact and highest time, then a bin 16, the hash of the array's bytes.
 */
#include "daemon/lease.h"

#include <sodium.h>
#include <time.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/report.h"
#include "daemon/store/file.h"
#include "proto/mp.h"

#define FILE_NAME "lease"
#define FILE_MAX  256
#define HASH_SIZE 16
#define HOUR_MS   3600000ll
/* How often a time that goes on is written down: by so much at most a restart with the clock set back stretches it. */
#define KEEP_EVERY_MS 600000

/* ---- the reckoning ---- */

int64_t lease_now(const struct lease *lease, int64_t wall_ms, uint64_t steady_ms)
{
    uint64_t since = steady_ms > lease->steady_ms ? steady_ms - lease->steady_ms : 0;
    int64_t at_least = lease->clock_ms + (int64_t)since;
    return wall_ms > at_least ? wall_ms : at_least;
}

/* The hub's word sets a clock right that had been ahead. */
void lease_heard_at(struct lease *lease, int64_t wall_ms, uint64_t steady_ms)
{
    lease->contact_ms = lease->clock_ms = wall_ms > 0 ? wall_ms : 1;
    lease->steady_ms = steady_ms;
}

int64_t lease_end(const struct lease *lease, uint32_t hours)
{
    if (hours == 0)
        return 0;
    return lease->contact_ms > 0 ? lease->contact_ms + hours * HOUR_MS : 1;
}

/* ---- the file ---- */

static void hash_of(struct bytes array, uint8_t out[HASH_SIZE])
{
    crypto_generichash(out, HASH_SIZE, array.data, array.len, NULL, 0);
}

static void keep(struct daemon *daemon)
{
    struct lease *lease = &daemon->lease;
    struct buffer out = {0};
    struct felloe_error error;
    uint8_t hash[HASH_SIZE];
    mp_put_array(&out, 2);
    mp_put_int(&out, lease->contact_ms);
    mp_put_int(&out, lease->clock_ms);
    hash_of(buffer_bytes(&out), hash);
    mp_put_bin(&out, hash, sizeof hash);
    if (out.failed)
        report(LEVEL_WARNING, "when the hub was heard could not be written down: out of memory");
    else if (file_write(daemon->dir, FILE_NAME, buffer_bytes(&out), &error) != FELLOE_OK)
        report(LEVEL_WARNING, "when the hub was heard could not be written down: %s", error.message);
    else
        lease->kept_ms = lease->clock_ms;
    buffer_release(&out);
}

static bool read_times(struct bytes file, struct lease *out)
{
    uint8_t want[HASH_SIZE], found[HASH_SIZE];
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, file);
    if (!mp_next(&r))
        return false;
    mp_array(&r, 2, 2);
    out->contact_ms = mp_int(&r, 1, INT64_MAX / 2);
    out->clock_ms = mp_int(&r, 1, INT64_MAX / 2);
    hash_of(mp_object(&r), want);
    if (!mp_next(&r))
        return false;
    mp_fixed(&r, found, sizeof found);
    return mp_done(&r) && memcmp(want, found, sizeof want) == 0 && out->clock_ms >= out->contact_ms;
}

static void load(struct daemon *daemon)
{
    struct buffer in = {0};
    struct lease read = {0};
    struct felloe_error error;
    enum felloe_code code = file_read(daemon->dir, FILE_NAME, FILE_MAX, &in, &error);
    if (code == FELLOE_OK && read_times(buffer_bytes(&in), &read)) {
        daemon->lease.contact_ms = read.contact_ms;
        daemon->lease.clock_ms = daemon->lease.kept_ms = read.clock_ms;
    } else if (code == FELLOE_OK) {
        report(LEVEL_WARNING, "%s/" FILE_NAME " is damaged: when the hub was heard last is not known", daemon->dir);
    } else if (code != FELLOE_NOT_FOUND) {
        report(LEVEL_WARNING, "when the hub was heard last is not known: %s", error.message);
    }
    buffer_release(&in);
}

bool lease_is_kept(const struct daemon *daemon)
{
    struct buffer in = {0};
    enum felloe_code code = file_read(daemon->dir, FILE_NAME, FILE_MAX, &in, NULL);
    buffer_release(&in);
    return code != FELLOE_NOT_FOUND;
}

/* ---- life ---- */

static void go_on(struct lease *lease)
{
    uint64_t steady_ms = clock_steady_ms();
    lease->clock_ms = lease_now(lease, clock_wall_ms(), steady_ms);
    lease->steady_ms = steady_ms;
}

static void on_time(void *context)
{
    struct daemon *daemon = context;
    if (daemon->terms.lease_hours > 0 && daemon->lease.contact_ms > 0) {
        go_on(&daemon->lease);
        keep(daemon);
    }
    loop_timer_set(daemon->lease.timer, KEEP_EVERY_MS);
}

void lease_open(struct daemon *daemon)
{
    struct lease *lease = &daemon->lease;
    *lease = (struct lease){.steady_ms = clock_steady_ms()};
    if (daemon->config.role == ROLE_HUB)
        return;
    load(daemon);
    lease->timer = loop_timer_new(daemon->loop, on_time, daemon);
    if (lease->timer != NULL)
        on_time(daemon);
}

void lease_close(struct daemon *daemon)
{
    loop_timer_free(daemon->lease.timer);
    daemon->lease.timer = NULL;
}

void lease_heard(struct daemon *daemon, uint32_t hours, int64_t wall_ms, uint64_t steady_ms)
{
    struct lease *lease = &daemon->lease;
    if (daemon->config.role == ROLE_HUB)
        return;
    bool was_passed = lease_passed(daemon);
    lease_heard_at(lease, wall_ms, steady_ms);
    if (was_passed && !lease_passed(daemon))
        report(LEVEL_INFO, "the hub was heard: the record may be shown again");
    if (hours > 0 &&
        (lease->kept_ms == 0 || lease->clock_ms < lease->kept_ms || lease->clock_ms - lease->kept_ms >= KEEP_EVERY_MS))
        keep(daemon);
}

/* ---- what is told ---- */

int64_t lease_until_ms(const struct daemon *daemon)
{
    if (daemon->config.role == ROLE_HUB)
        return 0;
    return daemon->terms_kept == TERMS_LOST ? 1 : lease_end(&daemon->lease, daemon->terms.lease_hours);
}

bool lease_passed(const struct daemon *daemon)
{
    int64_t until = lease_until_ms(daemon);
    return until != 0 && lease_now(&daemon->lease, clock_wall_ms(), clock_steady_ms()) >= until;
}

enum felloe_code lease_refuse(const struct daemon *daemon, struct felloe_error *error)
{
    struct link_status link = {0};
    if (daemon->driver != NULL)
        driver_status(daemon->driver, &link);
    if (link.refused)
        return felloe_fail(error, FELLOE_LOCKED,
                           "The hub does not let this laptop in, and the time for which it may show the record "
                           "without the hub is over. Recording works, and what was written stays: ask who looks after "
                           "the hub.");
    if (daemon->terms_kept == TERMS_LOST || daemon->lease.contact_ms == 0)
        return felloe_fail(error, FELLOE_LOCKED,
                           "This laptop does not know any more when it heard from the hub, or how long it may show the "
                           "record without: its directory was put back, or lacks a file. Connect it to a network from "
                           "which the hub can be reached; recording works meanwhile, and nothing is lost.");
    char when[48] = "?";
    struct tm parts;
    time_t at = (time_t)(daemon->lease.contact_ms / 1000);
    if (localtime_r(&at, &parts) != NULL)
        strftime(when, sizeof when, "%A %d %B %H:%M", &parts);
    return felloe_fail(error, FELLOE_LOCKED,
                       "This laptop has not heard from the hub since %s, and may show the record for %u h without it. "
                       "Connect it to a network from which the hub can be reached; recording works meanwhile, and "
                       "nothing is lost.",
                       when, daemon->terms.lease_hours);
}
