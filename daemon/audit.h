/* SPDX-License-Identifier: Apache-2.0 */
/* Looks are recorded (proto/event/look.h): in the site `audit` of this device's log, under a key that is made anew at
 * each start, is kept in memory alone, and goes into the log sealed for the auditors. So nobody reads on this device
 * who looked at what, not even with all of its keys. On the loop's thread. */
#ifndef FELLOE_DAEMON_AUDIT_H
#define FELLOE_DAEMON_AUDIT_H

#include "felloe/error.h"
#include "proto/event/look.h"

struct daemon;
struct audit;
struct vault_secret;

struct audit_wish {
    const char *how;         /* show, view, search, log, export, news, record … */
    const char *what;        /* the view's name; "" for none */
    const char *worker;      /* who acts */
    int64_t uid;             /* the system's user who asked; -1: not known */
    const struct person_id *people;
    size_t count;
};

/* Called once, on the loop; never from within audit_record. */
typedef void (*audit_done)(void *context, const struct felloe_error *error); /* code FELLOE_OK: it is durable */
/* Takes what it needs of the wish. False when memory ran out: nothing is recorded, and `done` is not called. */
bool audit_record(struct daemon *daemon, const struct audit_wish *wish, audit_done done, void *context);
/* At a hub: whom looks are sealed for. Makes the auditors' pair where there is none yet, opened like the hub itself.
 * False, reported: there is none to be had. */
bool auditors_public(const struct daemon *daemon, struct box_public *out);
/* What opens them by itself, as the hub's own way does. */
enum felloe_code auditors_way(const struct daemon *daemon, struct vault_secret *out, struct felloe_error *error);
/* Wipes the key. After the log was closed. */
void audit_close(struct daemon *daemon);

#endif
