/* SPDX-License-Identifier: Apache-2.0 */
/* What felloed's setting up says when it is done: for people, or as one line of JSON. */
#ifndef FELLOE_DAEMON_SETUP_TELL_H
#define FELLOE_DAEMON_SETUP_TELL_H

#include <stdio.h>

#include "daemon/setup/setup_repair.h"
#include "daemon/setup/setup_restore.h"

void tell_json_text(FILE *out, const char *text); /* with its quotes */
void tell_restored(const char *dir, const struct restore_outcome *done, bool json);
void tell_repaired(const char *dir, const struct repair_outcome *done, bool json);

#endif
