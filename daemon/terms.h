/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub tells all laptops (proto/event/terms.h), as this daemon goes by it: daemon->terms. On a laptop what the
 * latest WELCOME said, kept in D/terms, so that it holds without the hub too; all zeros before the first. At a hub what
 * it tells. On the loop's thread. */
#ifndef FELLOE_DAEMON_TERMS_H
#define FELLOE_DAEMON_TERMS_H

#include "proto/event/terms.h"

struct daemon;

/* A laptop: from D/terms. A hub: from its configuration and its keys; again whenever one of them has changed (the
 * driver has to be told then). */
void terms_open(struct daemon *daemon);
/* A WELCOME came with these, empty from a hub of before. The lease begins anew; what does not verify is reported, and
 * changes nothing else. */
void terms_take(struct daemon *daemon, struct bytes object);

#endif
