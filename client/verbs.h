/* SPDX-License-Identifier: Apache-2.0 */
/* The list of verbs with code of their own: a file and a word here. Most verbs are rows: those that record are in
 * record_verbs.c, those that show a view in view_verbs.c. */
#ifndef FELLOE_CLIENT_VERBS_H
#define FELLOE_CLIENT_VERBS_H

#include "client/cli.h"

#define VERBS(V) \
    V(record) V(settle) \
    V(show) V(search) V(news) V(task_list) V(types) V(views) \
    V(status) V(log) V(export) V(import) V(audit) V(backup) V(verify) V(repair) V(rebuild) V(digest) \
    V(join) V(rekey) V(restore) V(hub_init) V(hub_invite) V(hub_devices) V(hub_rekey) V(hub_revoke) V(hub_quarantine) \
    V(hub_auditors) V(hub_erase) V(hub_retention) V(hub_restore) V(unlock) V(lock) V(passphrase) \
    V(help)

#define V(name) extern const struct verb verb_##name;
VERBS(V)
#undef V

#endif
