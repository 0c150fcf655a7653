/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask for what, asked before every verb: by the system's user at the other end of the socket (which the kernel
 * tells, not the client), by felloe.conf ([users], administrators), and by whether the record is open at all. */
#ifndef FELLOE_DAEMON_CONTROL_GATE_H
#define FELLOE_DAEMON_CONTROL_GATE_H

#include "daemon/control/control.h"

/* What a verb needs; one table in control_gate.c has them all. */
enum need {
    NEED_UNSAID = 0, /* the table lacks the verb: the strictest */
    NEED_ANY,        /* of any user that may speak to the daemon, also where it is locked */
    NEED_KEEPER,     /* takes the directory's contents away: for whose laptop it is; at a hub, its administrators */
    NEED_ADMIN,      /* hub administration */
    NEED_OPEN,       /* works on the open record, and shows none of it */
    NEED_RECORDS,    /* writes: also when the lease has passed */
    NEED_OPENS       /* shows what is in the record */
};
enum need control_need(enum control_verb verb);

/* Users are compared in this order, then locked, then the lease: FELLOE_DENIED or FELLOE_LOCKED, in words. */
enum felloe_code control_gate(struct control_request *request, struct felloe_error *error);
/* May this request be made in the name of that worker? On any thread. */
enum felloe_code control_gate_worker(const struct control_request *request, struct bytes worker,
                                     struct felloe_error *error);
/* Whoever asks may read the record. An administrator of the hub who is no worker is shown ids, dates and counts, and no
 * names and words: FELLOE_DENIED, in words. On any thread. */
enum felloe_code control_gate_reads(const struct control_request *request, struct felloe_error *error);
/* In whose name it is made when it does not say. */
const char *control_gate_self(const struct control_request *request);

/* Whoever is connected may ask at all. -1: a user that is not known may not. */
bool control_gate_knows(const struct config *config, int64_t uid);
/* [users] has this worker. */
bool control_gate_names(const struct config *config, struct bytes worker);
/* The same as above, of this user; NULL: not in [users]. */
enum felloe_code control_gate_user(const struct daemon *daemon, int64_t uid, enum need need,
                                   struct felloe_error *error);
enum felloe_code control_gate_user_as(const struct config_user *user, int64_t uid, struct bytes worker,
                                      struct felloe_error *error);

#endif
