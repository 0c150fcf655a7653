/* SPDX-License-Identifier: Apache-2.0 */
/* A person's connections, one per resource. */
#ifndef FELLOE_PROTO_VIEW_COMMUNITY_H
#define FELLOE_PROTO_VIEW_COMMUNITY_H

#include "proto/domain/view_person.h"

/* The latest word on a resource, and whether the connection was ever made. False stops. */
typedef bool (*connection_visit)(void *context, const struct item *latest, bool made);
/* By the resources' ids. False: the visit said so, or memory ran out. */
bool connections_each(const struct document *document, connection_visit visit, void *context);

#endif
