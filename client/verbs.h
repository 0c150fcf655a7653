/* SPDX-License-Identifier: Apache-2.0 */
/* The list of verbs, in the order in which help shows them. A new verb is a file and a word here. */
#ifndef FELLOE_CLIENT_VERBS_H
#define FELLOE_CLIENT_VERBS_H

#include "client/cli.h"

#define VERBS(V) \
    V(introduce) V(meet) V(note) V(farewell) V(welcome_back) V(record) V(settle) \
    V(show) V(search) V(news) V(caseload) V(front_door) V(to_settle) V(workers) V(freshness) V(types) \
    V(status) V(log) V(export) V(import) V(backup) V(verify) V(repair) V(rebuild) V(digest) \
    V(join) V(restore) V(hub_init) V(hub_invite) V(hub_devices) V(hub_revoke) V(hub_restore) \
    V(help)

#define V(name) extern const struct verb verb_##name;
VERBS(V)
#undef V

#endif
