/* SPDX-License-Identifier: Apache-2.0 */
/* What status says where other laptops hold another record than this one. */
#ifndef FELLOE_DAEMON_CONTROL_WITNESS_H
#define FELLOE_DAEMON_CONTROL_WITNESS_H

#include "daemon/control/control_query.h"
#include "daemon/views/views_witness.h"

/* Of the first laptop that contradicts this site's log, and how many others do; until a verification has named them.
 * Empty when none does. */
void witness_notice(struct reading *reading, bool hub, const char *site, char out[WITNESS_TEXT_MAX]);

#endif
