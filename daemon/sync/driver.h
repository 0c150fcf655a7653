/* SPDX-License-Identifier: Apache-2.0 */
/* The driver performs what a sync machine puts out, in order: "commit, then answer" lives here and nowhere else.
 * One implementation a role (driver_hub.c, driver_spoke.c); both run on the loop's thread. */
#ifndef FELLOE_DAEMON_DRIVER_H
#define FELLOE_DAEMON_DRIVER_H

#include "daemon/happened.h"
#include "daemon/log/event_log.h"

struct driver;
struct daemon;

/* How the other side looks from here. */
struct link_status {
    bool reachable;              /* spoke: the hub answered and the connection holds; hub: it is listening */
    int64_t last_contact_ms;     /* wall clock; 0 never */
    int64_t clock_skew_ms;       /* spoke: our clock minus the hub's at last contact */
    bool refused;                /* spoke: when last heard it did not let this laptop in */
    char notice[200];            /* what people should know (refused, fork, …); empty when all is well */
    unsigned connected;          /* hub: devices that are connected, and gave a sign of life lately */
};
struct site_link {
    struct position head;        /* the hub's newest, as last heard */
    char notice[HAPPENED_TEXT_MAX];
};
struct device_heard {
    struct device_id device;
    int64_t heard_ms;
    uint64_t waiting;
};

enum felloe_code driver_open(struct driver **out, struct daemon *daemon, struct felloe_error *error);
void driver_close(struct driver *driver);

/* Own events were made durable (LOG_RECORD done): site, the job's own head, at the hub also its head. Takes its events
 * over, where it has any. */
void driver_recorded(struct driver *driver, struct log_job *job);
/* Keys that the views lack. */
void driver_need_keys(struct driver *driver, struct bytes site, const struct key_id *keys, size_t count);
/* The views have folded something. */
void driver_views_changed(struct driver *driver);
void driver_status(struct driver *driver, struct link_status *out);
void driver_site_status(struct driver *driver, struct bytes site, struct site_link *out);
/* Last heard and waiting of a device (hub: from itself; spoke: from the last WELCOME). False when unknown. */
bool driver_device_heard(struct driver *driver, const struct device_id *device, struct device_heard *out);

/* A laptop's own keys change (felloe rekey). False: they could not be kept, and nothing is different. Otherwise the
 * hub is asked now or as soon as it is there, and the daemon begins again with the new ones. */
#define REKEY_TEXT_MAX 200
enum rekey_state { REKEY_NONE, REKEY_PENDING, REKEY_DONE };
bool driver_rekey_begin(struct driver *driver, struct felloe_error *error);
enum rekey_state driver_rekey_state(struct driver *driver, char refused[REKEY_TEXT_MAX]); /* refused: why, or "" */
/* The hub has another CURVE key: pinned, and the daemon begins again with it. */
bool driver_pin_hub(struct driver *driver, const uint8_t curve[32], struct felloe_error *error);

/* Hub only. The records are durable already; the live allow-list and machine follow at once. */
void driver_ticket_added(struct driver *driver, const struct ticket_record *ticket);
void driver_device_changed(struct driver *driver, const struct device_record *device);
void driver_site_added(struct driver *driver, struct bytes site);
/* The keys that this revoked device handed over for a site, opened, without those that it may not bring; malloc'd, to
 * be wiped. NULL: none. */
struct key_record *driver_aside_keys(struct driver *driver, const struct device_id *device, const char *site,
                                     size_t *count);
/* What was in quarantine has been taken in (LOG_TAKE_ASIDE done). */
void driver_aside_taken(struct driver *driver, const struct log_job *job);
void driver_terms_changed(struct driver *driver); /* daemon->terms */

#endif
