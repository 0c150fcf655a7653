/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's terms (proto/event/terms.h), as this daemon goes by them: daemon->terms. On a laptop what the latest
 * WELCOME said, kept in D/terms, so that it holds without the hub too; all zeros before the first. At a hub what it
 * tells. On the loop's thread. */
#ifndef FELLOE_DAEMON_TERMS_H
#define FELLOE_DAEMON_TERMS_H

#include "proto/event/terms.h"

struct daemon;

/* What a laptop's directory has of them. */
enum terms_kept {
    TERMS_NONE, /* none yet: nothing ever came from the hub; or none that could be written down */
    TERMS_KEPT,
    TERMS_LOST  /* there were some: how long the record may be shown without the hub is not known before it is heard */
};

/* A laptop: from D/terms. A hub: from its configuration and its keys; again whenever one of them has changed (the
 * driver has to be told then). */
void terms_open(struct daemon *daemon);
/* Once the log is open: a laptop without D/terms and D/lease that the hub gave something, or that has a receipt of it,
 * had terms. */
void terms_look_at_log(struct daemon *daemon);
/* A WELCOME came with these, and they are proven (SPOKE_HEARD). */
void terms_take(struct daemon *daemon, struct bytes object);

#endif
